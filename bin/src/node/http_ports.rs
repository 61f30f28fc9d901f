//! The ports that are served by HTTP: that of the AdminServer, and that of the metrics.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use paddock_engine::generation::Generation;
use paddock_net::conf_reply::ConfReply;
use paddock_net::exchange::Exchange;
use paddock_net::metrics::{Window, render_prometheus};
use paddock_net::server_state::ServerState;
use paddock_net::status::Status;
use paddock_net::surveyor::Surveyor;
use paddock_net::tls::context::ServerContext;

use super::process_figures::process_figures;
use super::settings::authority;
use super::shown::ShownConfig;
use super::status::present_data_dir;
use crate::admin::{Admin, Limiter, Restorer, Source, remove_leftover};
use crate::config::{AdminSettings, Config, ExporterSettings, HttpTlsSettings, without_secrets};
use crate::console::Console;
use crate::exporter::Exporter;
use crate::http::{Port, Site, Tls, bind, bounds};

/// The port of the metrics cannot be opened. An operator who has asked for them counts on them, so that the start ends.
#[derive(Debug)]
pub struct ExporterError {
    host: String,
    port: u16,
    source: io::Error,
}

impl fmt::Display for ExporterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ExporterError { host, port, source } = self;
        write!(
            f,
            "the metrics cannot be exported at {host}:{port}: {source}; check metricsProvider.httpHost, or give another \
             metricsProvider.httpPort"
        )
    }
}

/// Ports that are open and not served yet.
pub struct OpenPorts {
    admin: Option<OpenPort>,
    exporters: Vec<OpenPort>,
}

struct OpenPort {
    listener: TcpListener,
    tls: Option<Tls>,
}

impl OpenPorts {
    /// Opens what the configuration asks for. As a ZooKeeper, a server goes on without the AdminServer: another one on this machine
    /// may have the port.
    pub fn open(config: &Config) -> Result<OpenPorts, ExporterError> {
        let exporters = config.exporter.as_ref().map_or(Ok(Vec::new()), open_exporters)?;
        let admin = config.admin.is_enabled.then(|| open_admin(&config.admin));
        let admin = admin.and_then(|opened| {
            let (host, port) = (&config.admin.host, config.admin.port);
            opened
                .inspect_err(|error| {
                    tracing::warn!(
                        "the AdminServer cannot listen on {host}:{port}: {error}; this server goes on without it. Give another \
                         admin.serverPort, or set admin.enableServer=false"
                    );
                })
                .ok()
        });
        Ok(OpenPorts { admin, exporters })
    }

    /// Descriptors that are needed besides those that are open.
    pub fn descriptors(&self) -> u64 {
        let ports = u64::from(self.admin.is_some()) + self.exporters.len() as u64;
        if ports == 0 { 0 } else { bounds::DESCRIPTORS + ports * bounds::DESCRIPTORS_PER_PORT }
    }

    /// The ports with what is served on them. `conf` is what the word `conf` tells.
    pub fn furnish(
        self,
        config: &Config,
        status: &Arc<Status>,
        exchanges: &Arc<[Arc<Exchange>]>,
        shown: Option<ShownConfig>,
        restorer: Option<Arc<Restorer>>,
        conf: impl Fn() -> ConfReply + Send + Sync + 'static,
    ) -> Vec<Port> {
        let mut ports = Vec::new();
        if let Some(exporter) = &config.exporter {
            let site = exporter_site(status.clone(), exporter.tells_process);
            ports.extend(self.exporters.into_iter().map(|OpenPort { listener, tls }| Port {
                name: "exporter of metrics",
                listener,
                site: site.clone(),
                idle: None,
                tls,
            }));
        }
        if let Some(OpenPort { listener, tls }) = self.admin {
            let source =
                Source { restorer, ..source(config, status.clone(), Surveyor::new(exchanges.clone()), shown, conf) };
            remove_leftover(&(source.data_dir)());
            let idle = config.admin.idle;
            let site: Arc<dyn Site> = match config.admin.console_enabled {
                true => Arc::new(Console::new(source)),
                false => Arc::new(Admin(source)),
            };
            ports.push(Port { name: "AdminServer", listener, site, idle, tls });
        }
        for port in &ports {
            if let Ok(address) = port.listener.local_addr() {
                tracing::info!("{} listens on {address}", port.name);
            }
        }
        ports
    }
}

fn open_admin(admin: &AdminSettings) -> io::Result<OpenPort> {
    let tls = admin.tls.as_ref().map(tls).transpose()?;
    Ok(OpenPort { listener: bind(&admin.host, admin.port)?, tls })
}

/// The port of plain HTTP, and that of HTTPS; where they are the same, one that takes both.
fn open_exporters(exporter: &ExporterSettings) -> Result<Vec<OpenPort>, ExporterError> {
    let open = |port: u16, settings: Option<&HttpTlsSettings>| {
        let cannot = |source| ExporterError { host: exporter.host.clone(), port, source };
        let tls = settings.map(tls).transpose().map_err(cannot)?;
        Ok(OpenPort { listener: bind(&exporter.host, port).map_err(cannot)?, tls })
    };
    let mut open_ports = Vec::new();
    if let Some((port, settings)) = &exporter.secure {
        open_ports.push(open(*port, Some(settings))?);
    }
    let takes_both = exporter.secure.as_ref().is_some_and(|(_, settings)| settings.takes_plain);
    if let Some(port) = exporter.port.filter(|_| !takes_both) {
        open_ports.push(open(port, None)?);
    }
    Ok(open_ports)
}

fn tls(settings: &HttpTlsSettings) -> io::Result<Tls> {
    let context = ServerContext::load(&settings.tls).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Tls { context, takes_plain: settings.takes_plain })
}

fn exporter_site(status: Arc<Status>, tells_process: bool) -> Arc<dyn Site> {
    let window = Mutex::new(Window::default());
    let metrics = move || {
        let process = tells_process.then(|| process_figures(&status));
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        render_prometheus(ServerState::of(&status), &status, &mut window, Instant::now(), process.as_ref())
    };
    Arc::new(Exporter(Box::new(metrics)))
}

fn source(
    config: &Config,
    status: Arc<Status>,
    surveyor: Surveyor,
    shown: Option<ShownConfig>,
    conf: impl Fn() -> ConfReply + Send + Sync + 'static,
) -> Source {
    let me = config.ensemble.as_ref().map(|ensemble| ensemble.me);
    let member = me.zip(shown).map(|(me, shown)| {
        let now: crate::admin::Now<_> = Box::new(move || shown.config());
        (me, now)
    });
    let data_dir = {
        let config = config.clone();
        move || -> PathBuf { present_data_dir(&config) }
    };
    Source {
        settings: config.admin.clone(),
        status,
        surveyor,
        authority: authority(config),
        conf: Box::new(conf),
        client_ip: config.client_address.or(config.secure_client_address).expect("there is one").ip(),
        member,
        data_dir: Box::new(data_dir),
        log_dir: Generation::above(&config.data_log_dir).to_owned(),
        initial_text: config.file.as_ref().map(|_| without_secrets(config.initial_text.reveal())),
        properties: config.properties.clone(),
        lists: Mutex::default(),
        limiter: Limiter::new(config.admin.snapshot_interval),
        is_snapshotting: Arc::default(),
        restore_limiter: Limiter::new(config.admin.snapshot_interval),
        is_restoring: AtomicBool::default(),
        restorer: None,
    }
}

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

use super::process_figures::process_figures;
use super::settings::authority;
use super::shown::ShownConfig;
use super::status::present_data_dir;
use crate::admin::{Admin, Limiter, Restorer, Source, remove_leftover};
use crate::config::{Config, without_secrets};
use crate::console::Console;
use crate::exporter::Exporter;
use crate::http::{Port, Site, bind, bounds};

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
    admin: Option<TcpListener>,
    exporter: Option<TcpListener>,
}

impl OpenPorts {
    /// Opens what the configuration asks for. As a ZooKeeper, a server goes on without the AdminServer: another one on this machine
    /// may have the port.
    pub fn open(config: &Config) -> Result<OpenPorts, ExporterError> {
        let exporter = config.exporter.as_ref().map(|exporter| {
            let cannot = |source| ExporterError { host: exporter.host.clone(), port: exporter.port, source };
            bind(&exporter.host, exporter.port).map_err(cannot)
        });
        let exporter = exporter.transpose()?;
        let admin = config.admin.is_enabled.then(|| bind(&config.admin.host, config.admin.port));
        let admin = admin.and_then(|bound| {
            let (host, port) = (&config.admin.host, config.admin.port);
            bound
                .inspect_err(|error| {
                    tracing::warn!(
                        "the AdminServer cannot listen on {host}:{port}: {error}; this server goes on without it. Give another \
                         admin.serverPort, or set admin.enableServer=false"
                    );
                })
                .ok()
        });
        Ok(OpenPorts { admin, exporter })
    }

    /// Descriptors that are needed besides those that are open.
    pub fn descriptors(&self) -> u64 {
        let ports = u64::from(self.admin.is_some()) + u64::from(self.exporter.is_some());
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
        if let Some((listener, exporter)) = self.exporter.zip(config.exporter.as_ref()) {
            ports.push(exporter_port(listener, status.clone(), exporter.tells_process));
        }
        if let Some(listener) = self.admin {
            let source =
                Source { restorer, ..source(config, status.clone(), Surveyor::new(exchanges.clone()), shown, conf) };
            remove_leftover(&(source.data_dir)());
            let idle = config.admin.idle;
            let site: Arc<dyn Site> = match config.admin.console_enabled {
                true => Arc::new(Console::new(source)),
                false => Arc::new(Admin(source)),
            };
            ports.push(Port { name: "AdminServer", listener, site, idle });
        }
        for port in &ports {
            if let Ok(address) = port.listener.local_addr() {
                tracing::info!("{} listens on {address}", port.name);
            }
        }
        ports
    }
}

fn exporter_port(listener: TcpListener, status: Arc<Status>, tells_process: bool) -> Port {
    let window = Mutex::new(Window::default());
    let metrics = move || {
        let process = tells_process.then(|| process_figures(&status));
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        render_prometheus(ServerState::of(&status), &status, &mut window, Instant::now(), process.as_ref())
    };
    Port { name: "exporter of metrics", listener, site: Arc::new(Exporter(Box::new(metrics))), idle: None }
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
        client_ip: config.client_address.ip(),
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

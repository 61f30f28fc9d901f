//! What is served by HTTP: the AdminServer, and the metrics that Prometheus fetches.

use super::assembly::Assembly;
use super::error::ConfigError;
use super::http_tls::HttpTlsSettings;
use super::settings::Setting;
use super::value::{Kind, Notation, Value, shown};
use std::time::Duration;

/// The port of the metrics, unless another is given.
const EXPORTER_PORT: u16 = 7000;
const EXPORTER_HOST: &str = "0.0.0.0";
/// The address of the AdminServer of a server without a file.
const LOOPBACK: &str = "127.0.0.1";
/// What `metricsProvider.ssl` may say, by the names of ZooKeeper's class.
const TLS_KEYS: [&str; 12] = [
    "ssl.keyStore.location",
    "ssl.keyStore.password",
    "ssl.keyStore.passwordPath",
    "ssl.keyStore.type",
    "ssl.trustStore.location",
    "ssl.trustStore.password",
    "ssl.trustStore.passwordPath",
    "ssl.trustStore.type",
    "ssl.need.client.auth",
    "ssl.want.client.auth",
    "ssl.enabledProtocols",
    "ssl.ciphersuites",
];
/// Where the metrics of ZooKeeper's class for Prometheus are set.
const PROVIDER: &str = "metricsProvider.";

/// The AdminServer.
#[derive(Debug, Clone, PartialEq)]
pub struct AdminSettings {
    pub is_enabled: bool,
    /// An address, or a name.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
    /// `None`: plain HTTP alone.
    pub tls: Option<HttpTlsSettings>,
    /// Begins with a slash and ends with none.
    pub command_url: String,
    /// How long a connection may wait for its next request; `None` has no limit of its own.
    pub idle: Option<Duration>,
    pub snapshot_enabled: bool,
    pub restore_enabled: bool,
    /// A longer snapshot is not taken in, bytes.
    pub restore_bytes_max: u64,
    /// Between two snapshots at least, and between two restores.
    pub snapshot_interval: Duration,
    /// Where the scheme ip is concerned, a client is whoever `X-Forwarded-For` says.
    pub trusts_forwarded_for: bool,
    /// Whether the console is served on the same port.
    pub console_enabled: bool,
    /// Whether the console makes changes for whoever has logged in and may do everything.
    pub console_edits: bool,
    /// Names by which browsers may come to the console, besides those that are known without it.
    pub console_hosts: Vec<String>,
}

/// Where the metrics are fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct ExporterSettings {
    /// An address, or a name.
    pub host: String,
    /// Of plain HTTP, if that is served; 0 lets the system choose.
    pub port: Option<u16>,
    /// The port of HTTPS, and how it takes TLS. It may be the same one, which then takes both.
    pub secure: Option<(u16, HttpTlsSettings)>,
    /// Whether figures of the process are told too, by the names that a JVM's exporter gives them.
    pub tells_process: bool,
}

impl Assembly<'_> {
    pub(super) fn admin(&mut self) -> Result<AdminSettings, ConfigError> {
        let text = |key: &str| match self.settings.value(key) {
            Some(Value::Text(text)) => text,
            other => panic!("{key} is a text with a default in the table of keys, not {other:?}"),
        };
        let host = match (self.settings.given("admin.serverAddress"), self.file) {
            // As for the client port: nobody else is asked in who has written no file.
            (None, None) => LOOPBACK.to_owned(),
            _ => text("admin.serverAddress"),
        };
        let command_url = text("admin.commandURL");
        let is_enabled = self.flag("admin.enableServer");
        let tls = if is_enabled { self.wanted_tls() } else { Some(None) };
        Ok(AdminSettings {
            is_enabled: is_enabled && tls.is_some(),
            tls: tls.flatten(),
            host,
            port: self.number("admin.serverPort") as u16,
            command_url: self.command_url(&command_url)?,
            idle: u64::try_from(self.number("admin.idleTimeout")).ok().filter(|ms| *ms > 0).map(Duration::from_millis),
            snapshot_enabled: self.flag("admin.snapshot.enabled"),
            restore_enabled: self.flag("admin.restore.enabled"),
            restore_bytes_max: self.number("paddock.restore.maxBytes").max(0).unsigned_abs(),
            // ZooKeeper 3.9 takes the number for microseconds here, whatever its name says.
            snapshot_interval: Duration::from_micros(
                self.number("admin.rateLimiterIntervalInMS").max(0).unsigned_abs(),
            ),
            trusts_forwarded_for: self.flag("IPAuthenticationProvider.usexforwardedfor"),
            console_enabled: self.flag("paddock.console.enable"),
            console_edits: self.flag("paddock.console.edit"),
            console_hosts: names(&self.text("paddock.console.hosts").unwrap_or_default()),
        })
    }

    /// TLS of the AdminServer, as far as it is wanted; `None` where it is wanted and cannot be had: then it stays off, as with a
    /// ZooKeeper, since what was to be encrypted is not served at all.
    fn wanted_tls(&mut self) -> Option<Option<HttpTlsSettings>> {
        match self.admin_tls() {
            Ok(tls) => Some(tls),
            Err(error) => {
                let key = if self.flag("admin.forceHttps") { "admin.forceHttps" } else { "admin.portUnification" };
                let setting = self.settings.given(key).cloned();
                if let Some(Setting { place, spelled, .. }) = setting {
                    self.settings.warn(&place, format!("{spelled}: the AdminServer stays off: {error}"));
                }
                None
            }
        }
    }

    fn command_url(&self, text: &str) -> Result<String, ConfigError> {
        if text.starts_with('/') {
            return Ok(text.trim_end_matches('/').to_owned());
        }
        let Setting { place, spelled, .. } =
            self.settings.given("admin.commandURL").cloned().expect("the default begins with a slash");
        let problem = format!("{} does not begin with a slash; write /commands, or another path", shown(text));
        Err(ConfigError::Refused { place, key: spelled, problem })
    }

    /// Where the metrics are exported, if they are.
    pub(super) fn exporter(&mut self) -> Result<Option<ExporterSettings>, ConfigError> {
        let class = self.settings.given("metricsProvider.className").map(|setting| setting.text.clone());
        if class.as_deref() != Some("org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider") {
            return Ok(None);
        }
        let mut exporter =
            ExporterSettings { host: EXPORTER_HOST.to_owned(), port: None, secure: None, tells_process: true };
        let mut secure_port = None;
        let given = self.settings.family(PROVIDER).map(|(name, setting)| (name.to_owned(), setting.clone()));
        let given: Vec<(String, Setting)> = given.collect();
        for (name, setting) in given {
            match name.strip_prefix(PROVIDER).unwrap_or_default() {
                "className" => {}
                // As Java reads a boolean.
                "exportJvmInfo" => exporter.tells_process = setting.text.eq_ignore_ascii_case("true"),
                "httpHost" => exporter.host = setting.text,
                "httpPort" => exporter.port = Some(port(&setting)?),
                "httpsPort" => secure_port = Some(port(&setting)?),
                "numWorkerThreads" | "maxQueueSize" | "workerShutdownTimeoutMs" => {
                    let reason = "it has no effect, because counting a figure waits for nobody".to_owned();
                    self.settings.without_effect(&setting.place, &setting.spelled, reason);
                }
                // Read below, where there is a port for them.
                other if TLS_KEYS.contains(&other) => {}
                _ => {
                    let text = format!("{}: unknown key, ignored", shown(&setting.spelled));
                    self.settings.warn(&setting.place, text);
                }
            }
        }
        if let Some(secure_port) = secure_port {
            let takes_plain = exporter.port == Some(secure_port);
            exporter.secure = Some((secure_port, HttpTlsSettings { tls: self.exporter_tls()?, takes_plain }));
        } else {
            exporter.port = exporter.port.or(Some(EXPORTER_PORT));
        }
        Ok(Some(exporter))
    }
}

/// Names with commas between them.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn port(setting: &Setting) -> Result<u16, ConfigError> {
    match Kind::Port.parse(&setting.text, Notation::Decimal) {
        Ok(Value::Number(port)) => Ok(port as u16),
        Ok(other) => panic!("a port is a number, not {other:?}"),
        Err(malformed) => Err(ConfigError::Value {
            place: setting.place.clone(),
            key: setting.spelled.clone(),
            problem: malformed.problem,
            expected: malformed.expected,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::assembly::tests::assemble_in;
    use super::super::{Config, Loaded};
    use paddock_net::tls::settings::ClientAuth;

    fn load(lines: &str) -> Loaded {
        let text = format!("dataDir=/data\nclientPort=2181\n{lines}");
        assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[]).unwrap_or_else(|error| panic!("{lines:?}: {error}"))
    }

    fn warnings(lines: &str) -> Vec<String> {
        load(lines).warnings.iter().map(|warning| warning.to_string()).collect()
    }

    #[test]
    fn the_admin_server_is_on_unless_it_is_switched_off() {
        let Config { admin, exporter, .. } = load("").config;
        assert!(admin.is_enabled && admin.snapshot_enabled && admin.restore_enabled && !admin.trusts_forwarded_for);
        assert!(admin.console_enabled && !admin.console_edits && admin.console_hosts.is_empty());
        assert_eq!((&*admin.host, admin.port, &*admin.command_url), ("0.0.0.0", 8080, "/commands"));
        assert_eq!((admin.idle, admin.snapshot_interval), (Some(Duration::from_secs(30)), Duration::from_millis(300)));
        assert_eq!(exporter, None);
        assert_eq!(assemble_in(&[], None, &[]).expect("the defaults").config.admin.host, "127.0.0.1");
        for (value, is_enabled) in [("false", false), ("true", true), ("FALSE", true), ("no", true)] {
            assert_eq!(load(&format!("admin.enableServer={value}")).config.admin.is_enabled, is_enabled, "{value}");
        }
    }

    #[test]
    fn every_key_of_the_admin_server_reaches_its_field() {
        let lines = "admin.serverAddress=127.0.0.1\nadmin.serverPort=9\nadmin.commandURL=/a/b/\nadmin.idleTimeout=-1\n\
                     admin.snapshot.enabled=false\nadmin.restore.enabled=false\nadmin.rateLimiterIntervalInMS=7\n\
                     IPAuthenticationProvider.usexforwardedfor=true\npaddock.console.enable=false\n\
                     paddock.console.edit=true\npaddock.console.hosts=zk.example.com, b.example.com,";
        let admin = load(lines).config.admin;
        assert_eq!((&*admin.host, admin.port, &*admin.command_url), ("127.0.0.1", 9, "/a/b"));
        assert_eq!((admin.idle, admin.snapshot_interval), (None, Duration::from_micros(7)));
        assert!(
            !admin.snapshot_enabled && !admin.restore_enabled && admin.trusts_forwarded_for && !admin.console_enabled
        );
        assert!(admin.console_edits);
        assert_eq!(admin.console_hosts, ["zk.example.com", "b.example.com"]);
        assert_eq!(warnings(lines), [""; 0]);
    }

    #[test]
    fn where_tls_is_wanted_and_cannot_be_had_nothing_is_served() {
        for key in ["admin.forceHttps", "admin.portUnification"] {
            let lines = format!("{key}=true");
            assert!(!load(&lines).config.admin.is_enabled);
            let warned = warnings(&lines);
            let expected =
                format!("zoo.cfg:3: {key}: the AdminServer stays off: zoo.cfg:3: {key}: HTTPS takes a key; set ssl.");
            assert!(warned.len() == 1 && warned[0].starts_with(&expected), "{warned:?}");
        }
        assert!(!load("admin.enableServer=false\nadmin.forceHttps=true").config.admin.is_enabled);
        assert_eq!(warnings("admin.enableServer=false\nadmin.forceHttps=true"), [""; 0]);
    }

    #[test]
    fn tls_of_the_admin_server_is_by_the_stores_of_servers() {
        let stores = "ssl.quorum.keyStore.location=/k.pem\nssl.quorum.trustStore.location=/t.pem\n";
        let tls = |lines: &str| load(&format!("{stores}{lines}")).config.admin.tls.expect("it is wanted");
        let forced = tls("admin.forceHttps=true\nadmin.portUnification=true");
        assert!(!forced.takes_plain && forced.tls.client_auth == ClientAuth::None);
        assert_eq!(forced.tls.key_store.map(|store| store.path), Some("/k.pem".into()));
        let unified = tls("admin.portUnification=true\nadmin.needClientAuth=true");
        assert!(unified.takes_plain && unified.tls.client_auth == ClientAuth::Need);
        assert_eq!(load(stores).config.admin.tls, None);
    }

    #[test]
    fn an_address_of_commands_begins_with_a_slash() {
        let text = "dataDir=/data\nclientPort=2181\nadmin.commandURL=commands";
        let error = assemble_in(&[("zoo.cfg", text)], Some("zoo.cfg"), &[]).expect_err("no path").to_string();
        assert!(error.starts_with("zoo.cfg:3: admin.commandURL: \"commands\" does not begin with a slash"), "{error}");
    }

    #[test]
    fn metrics_are_exported_where_the_class_says_so() {
        let class = "metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";
        let exporter = load(class).config.exporter.expect("they are");
        assert_eq!((&*exporter.host, exporter.port, exporter.tells_process), ("0.0.0.0", Some(7000), true));
        let lines = format!(
            "{class}\nmetricsProvider.httpHost=::1\nmetricsProvider.httpPort=7\nmetricsProvider.exportJvmInfo=false"
        );
        let exporter = load(&lines).config.exporter.expect("they are");
        assert_eq!((&*exporter.host, exporter.port, exporter.tells_process), ("::1", Some(7), false));
        assert_eq!(load("metricsProvider.httpPort=7").config.exporter, None);
        let lines = format!("{class}\nmetricsProvider.numWorkerThreads=2\nmetricsProvider.x=4");
        assert_eq!(warnings(&lines).len(), 2);
        let store = "metricsProvider.ssl.keyStore.location=/k.pem\nmetricsProvider.ssl.need.client.auth=false";
        let exporter = |lines: &str| load(&format!("{class}\n{store}\n{lines}")).config.exporter.expect("they are");
        let alone = exporter("metricsProvider.httpsPort=3");
        assert_eq!((alone.port, alone.secure.map(|(port, tls)| (port, tls.takes_plain))), (None, Some((3, false))));
        let both = exporter("metricsProvider.httpsPort=3\nmetricsProvider.httpPort=3");
        let (_, tls) = both.secure.expect("it has TLS");
        assert!(tls.takes_plain && tls.tls.client_auth == ClientAuth::Want);
        let text = format!("dataDir=/data\nclientPort=2181\n{class}\nmetricsProvider.httpsPort=3");
        let error = assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[]).expect_err("no key").to_string();
        assert!(error.starts_with("zoo.cfg:4: metricsProvider.httpsPort: HTTPS takes a key"), "{error}");
        let text = format!("dataDir=/data\nclientPort=2181\n{class}\nmetricsProvider.httpPort=x");
        let error = assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[]).expect_err("no port").to_string();
        assert!(error.starts_with("zoo.cfg:4: metricsProvider.httpPort: \"x\" is not a whole number"), "{error}");
    }
}

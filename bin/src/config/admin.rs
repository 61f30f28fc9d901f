//! What is served by HTTP: the AdminServer, and the metrics that Prometheus fetches.

use super::assembly::Assembly;
use super::error::ConfigError;
use super::settings::{Setting, missing};
use super::value::{Kind, Notation, Value, shown};
use std::time::Duration;

/// The port of the metrics, unless another is given.
const EXPORTER_PORT: u16 = 7000;
const EXPORTER_HOST: &str = "0.0.0.0";
/// The address of the AdminServer of a server without a file.
const LOOPBACK: &str = "127.0.0.1";
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
    /// 0 lets the system choose.
    pub port: u16,
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
        Ok(AdminSettings {
            is_enabled: self.flag("admin.enableServer") && !self.needs_tls(),
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

    /// Whether the operator wants TLS and nothing else. Without it, what was to be encrypted is not served at all.
    fn needs_tls(&mut self) -> bool {
        let key = "admin.forceHttps";
        let needs = self.flag(key);
        if let Some(Setting { place, spelled, .. }) = self.settings.given(key).filter(|_| needs).cloned() {
            let text = format!(
                "{spelled}: this version has no TLS yet, so the AdminServer stays off; set it to false for plain HTTP"
            );
            self.settings.warn(&place, text);
        }
        needs
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
            ExporterSettings { host: EXPORTER_HOST.to_owned(), port: EXPORTER_PORT, tells_process: true };
        let given = self.settings.family(PROVIDER).map(|(name, setting)| (name.to_owned(), setting.clone()));
        let given: Vec<(String, Setting)> = given.collect();
        for (name, setting) in given {
            match name.strip_prefix(PROVIDER).unwrap_or_default() {
                "className" => {}
                // As Java reads a boolean.
                "exportJvmInfo" => exporter.tells_process = setting.text.eq_ignore_ascii_case("true"),
                "httpHost" => exporter.host = setting.text,
                "httpPort" => exporter.port = port(&setting)?,
                "numWorkerThreads" | "maxQueueSize" | "workerShutdownTimeoutMs" => {
                    let reason = "it has no effect, because counting a figure waits for nobody".to_owned();
                    self.settings.without_effect(&setting.place, &setting.spelled, reason);
                }
                other if other == "httpsPort" || other.starts_with("ssl.") => {
                    self.settings.without_effect(&setting.place, &setting.spelled, missing("TLS"));
                }
                _ => {
                    let text = format!("{}: unknown key, ignored", shown(&setting.spelled));
                    self.settings.warn(&setting.place, text);
                }
            }
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
    fn where_tls_is_demanded_nothing_is_served() {
        assert!(!load("admin.forceHttps=true").config.admin.is_enabled);
        let expected = "zoo.cfg:3: admin.forceHttps: this version has no TLS yet, so the AdminServer stays off; set it to false for \
                        plain HTTP";
        assert_eq!(warnings("admin.forceHttps=true"), [expected]);
        assert!(load("admin.portUnification=true").config.admin.is_enabled, "plain HTTP is served there too");
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
        assert_eq!((&*exporter.host, exporter.port, exporter.tells_process), ("0.0.0.0", 7000, true));
        let lines = format!(
            "{class}\nmetricsProvider.httpHost=::1\nmetricsProvider.httpPort=7\nmetricsProvider.exportJvmInfo=false"
        );
        let exporter = load(&lines).config.exporter.expect("they are");
        assert_eq!((&*exporter.host, exporter.port, exporter.tells_process), ("::1", 7, false));
        assert_eq!(load("metricsProvider.httpPort=7").config.exporter, None);
        let lines =
            format!("{class}\nmetricsProvider.numWorkerThreads=2\nmetricsProvider.httpsPort=3\nmetricsProvider.x=4");
        assert_eq!(warnings(&lines).len(), 3);
        let text = format!("dataDir=/data\nclientPort=2181\n{class}\nmetricsProvider.httpPort=x");
        let error = assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[]).expect_err("no port").to_string();
        assert!(error.starts_with("zoo.cfg:4: metricsProvider.httpPort: \"x\" is not a whole number"), "{error}");
    }
}

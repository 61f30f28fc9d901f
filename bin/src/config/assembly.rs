//! From settings to the typed configuration: what one key says about another, and what only the outside can tell.

use super::error::ConfigError;
use super::place::Place;
use super::settings::{Setting, Settings, Written, missing};
use super::value::{Value, shown};
use super::whitelist::Whitelist;
use super::{Config, IoMethod, Loaded, MAX_FILE_BYTES, Purge, Secret, jvm_flags, properties};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Of a server without a file.
const DATA_DIR: &str = "./paddock-data";
/// Of a server without a file: what ZooKeeper's sample file and image say; the default of its code is longer.
const TICK_TIME: i32 = 2000;

/// ZooKeeper raises a smaller number of snapshots to keep to this.
const LEAST_SNAPSHOTS: i64 = 3;
/// ZooKeeper raises a smaller `snapCount` to this.
const LEAST_SNAP_COUNT: i64 = 2;
/// ZooKeeper raises a smaller `jute.maxbuffer.extrasize` to this.
const LEAST_EXTRA: i64 = 1024;
/// Words of a list that a warning repeats.
const WORDS_SHOWN: usize = 5;

/// The outside world, so that the rest is pure.
pub struct Outside<'a> {
    /// The bytes of a file, at most [`MAX_FILE_BYTES`] + 1.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    pub resolve: &'a dyn Fn(&str) -> io::Result<IpAddr>,
}

pub fn assemble(
    file: Option<&Path>,
    options: &[(String, String)],
    flags: &[(String, String)],
    outside: &Outside<'_>,
) -> Result<Loaded, ConfigError> {
    let bytes = file.map(|file| outside.bytes(file)).transpose()?.unwrap_or_default();
    let mut written = Vec::new();
    for (variable, text) in flags {
        let place = Place::Variable(Arc::from(variable.as_str()));
        written.extend(jvm_flags::properties(text).into_iter().map(|property| property_at(place.clone(), property)));
    }
    written.extend(options.iter().cloned().map(|option| property_at(Place::CommandLine, option)));
    if let Some(file) = file {
        written.extend(entries(file, &bytes)?);
    }
    let settings = Settings::gather(written, file.is_some())?;
    let initial_text = Secret(String::from_utf8_lossy(&bytes).into_owned());
    Assembly { settings, file, outside }.finish(initial_text)
}

impl Outside<'_> {
    pub(super) fn bytes(&self, file: &Path) -> Result<Vec<u8>, ConfigError> {
        match (self.read)(file) {
            Ok(bytes) if bytes.len() as u64 > MAX_FILE_BYTES => Err(ConfigError::TooLong { file: file.to_owned() }),
            Ok(bytes) => Ok(bytes),
            Err(source) => Err(ConfigError::Unreadable { file: file.to_owned(), source }),
        }
    }
}

fn property_at(place: Place, (name, value): (String, String)) -> Written {
    Written { place, name: properties::trim(&name).to_owned(), value: properties::trim(&value).to_owned() }
}

/// The entries of a properties file, as they were written.
pub(super) fn entries(file: &Path, bytes: &[u8]) -> Result<Vec<Written>, ConfigError> {
    let file: Arc<Path> = Arc::from(file);
    let at = |line| Place::Line { file: Arc::clone(&file), line };
    let entries = properties::parse(bytes)
        .map_err(|error| ConfigError::Syntax { place: at(error.line), problem: error.to_string() })?;
    Ok(entries
        .into_iter()
        .map(|entry| Written { place: at(entry.line), name: entry.key, value: entry.value })
        .collect())
}

pub(super) struct Assembly<'a> {
    pub(super) settings: Settings,
    pub(super) file: Option<&'a Path>,
    pub(super) outside: &'a Outside<'a>,
}

impl Assembly<'_> {
    fn finish(mut self, initial_text: Secret) -> Result<Loaded, ConfigError> {
        let data_dir = self.data_dir()?;
        let data_log_dir = self.dir("dataLogDir").unwrap_or_else(|| data_dir.clone());
        let server_id = self.server_id(&data_dir)?;
        let member = self.member()?;
        let client_address = self.client_address(member.as_ref(), server_id, &data_dir)?;
        let (tick_time, min_session_timeout, max_session_timeout) = self.session_times()?;
        let jute_max_buffer = self.number("jute.maxbuffer");
        self.check_classes()?;
        let config = Config {
            data_dir_autocreate: self.flag("datadir.autocreate"),
            snapshot_trust_empty: self.flag("snapshot.trust.empty"),
            listen_backlog: narrow(self.number("clientPortListenBacklog")),
            max_client_cnxns: count(self.number("maxClientCnxns")),
            max_cnxns: count(self.number("maxCnxns")),
            tcp_keep_alive: self.flag("clientTcpKeepAlive"),
            sessionless_cnxn_timeout: self.millis("nio.sessionlessCnxnTimeout"),
            global_outstanding_limit: count(self.at_least("globalOutstandingLimit", 1)),
            connection_throttle: self.connection_throttle(),
            request_throttle: self.request_throttle(),
            large_request_threshold: self.large_request_threshold(),
            large_request_max_bytes: self.large_request_max_bytes(),
            connections_bytes_max: self.connections_bytes_max(),
            new_sessions: self.new_sessions(),
            jute_max_buffer: size(jute_max_buffer),
            jute_max_buffer_extra: match self.settings.given("jute.maxbuffer.extrasize") {
                Some(_) => size(self.at_least("jute.maxbuffer.extrasize", LEAST_EXTRA)),
                None => size(jute_max_buffer.max(LEAST_EXTRA)),
            },
            snap_count: count(self.at_least("snapCount", LEAST_SNAP_COUNT)),
            snap_size_limit: Some(kibibytes(self.number("snapSizeLimitInKb"))).filter(|bytes| *bytes > 0),
            pre_alloc_size: kibibytes(self.number("preAllocSize")),
            force_sync: self.flag("forceSync"),
            fsync_warning_threshold: self.millis("fsync.warningthresholdms"),
            purge: self.purge(),
            snap_retain_count: count(self.at_least("autopurge.snapRetainCount", LEAST_SNAPSHOTS)),
            four_letter_whitelist: self.whitelist(),
            skip_acl: self.flag("skipACL"),
            digest_enabled: self.flag("DigestAuthenticationProvider.enabled"),
            super_digest: self.text("DigestAuthenticationProvider.superDigest").map(Secret),
            digest_algorithm: self.digest_algorithm(),
            enforced_schemes: self.enforced_schemes()?,
            extended_types_enabled: self.flag("extendedTypesEnabled"),
            emulate_353_ttl_nodes: self.flag("emulate353TTLNodes"),
            enforce_quota: self.flag("enforceQuota"),
            reconfig_enabled: self.flag("reconfigEnabled"),
            container_check_interval: self.millis("znode.container.checkIntervalMs"),
            container_max_per_minute: count(self.number("znode.container.maxPerMinute")),
            container_max_never_used: Some(self.millis("znode.container.maxNeverUsedIntervalMs"))
                .filter(|interval| !interval.is_zero()),
            reactors: self.settings.given("paddock.reactors").map(|_| size(self.number("paddock.reactors"))),
            io_method: self.io_method(),
            io_depth: count(self.number("paddock.io.depth")),
            data_dir,
            data_log_dir,
            client_address,
            tick_time,
            min_session_timeout,
            max_session_timeout,
            server_id,
            initial_text,
        };
        Ok(Loaded { config, warnings: self.settings.into_warnings() })
    }

    fn data_dir(&mut self) -> Result<PathBuf, ConfigError> {
        match (self.dir("dataDir"), self.file) {
            (Some(dir), _) => Ok(dir),
            (None, None) => Ok(PathBuf::from(DATA_DIR)),
            (None, Some(file)) => {
                let advice = "add dataDir=/var/lib/zookeeper, or another directory for snapshots and logs";
                Err(ConfigError::Missing { file: file.to_owned(), key: "dataDir", advice })
            }
        }
    }

    fn dir(&mut self, key: &'static str) -> Option<PathBuf> {
        let Setting { text, place, spelled, .. } = self.settings.given(key)?.clone();
        let dir = PathBuf::from(&text);
        if dir.is_relative() && !text.starts_with("./") && self.file.is_some() {
            let remark = format!(
                "{spelled}: {} is relative to the working directory; put ./ before it to say that you mean it",
                shown(&text)
            );
            self.settings.warn(&place, remark);
        }
        Some(dir)
    }

    /// The number in `myid`. A standalone server does not need the file.
    fn server_id(&self, data_dir: &Path) -> Result<Option<i64>, ConfigError> {
        let file = data_dir.join("myid");
        let bytes = match (self.outside.read)(&file) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => return Ok(None),
            // `dataDir` is no directory: whoever opens it says so better.
            Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(None),
            Err(source) => return Err(ConfigError::Unreadable { file, source }),
        };
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().next().unwrap_or_default().trim();
        match line.parse() {
            Ok(id) => Ok(Some(id)),
            Err(_) => {
                let problem = format!("the first line, {}, is not a server id; write the N of server.N", shown(line));
                Err(ConfigError::ServerId { file, problem })
            }
        }
    }

    /// Tick, shortest and longest session timeout, in milliseconds.
    fn session_times(&self) -> Result<(i32, i32, i32), ConfigError> {
        let tick_time = match (self.settings.given("tickTime"), self.file) {
            (None, None) => TICK_TIME,
            _ => narrow(self.number("tickTime")),
        };
        let timeout = |key, ticks: i32| match narrow(self.number(key)) {
            -1 => tick_time.saturating_mul(ticks),
            timeout => timeout,
        };
        let (min, max) = (timeout("minSessionTimeout", 2), timeout("maxSessionTimeout", 20));
        if min <= max {
            return Ok((tick_time, min, max));
        }
        let given = self.settings.given("minSessionTimeout").or(self.settings.given("maxSessionTimeout"));
        // 2 ticks are never more than 20, so one of the two was written.
        let Setting { place, spelled, .. } = given.expect("the defaults are in order").clone();
        let problem = format!(
            "minSessionTimeout is {min} ms and maxSessionTimeout is {max} ms (20 ticks unless set); lower the one or raise \
             the other"
        );
        Err(ConfigError::Refused { place, key: spelled, problem })
    }

    /// On unless the operator says `0`: unlike ZooKeeper, which fills the disk where nobody has thought of it.
    fn purge(&self) -> Purge {
        match (self.settings.given("autopurge.purgeInterval"), self.settings.value("autopurge.purgeInterval")) {
            (None, _) => Purge::AfterSnapshot,
            (Some(_), Some(Value::Interval(period))) if !period.is_zero() => Purge::Every(period),
            _ => Purge::Off,
        }
    }

    fn whitelist(&mut self) -> Whitelist {
        let given = self.settings.given("4lw.commands.whitelist").cloned();
        let mut whitelist = match (&given, self.file) {
            (Some(setting), _) => Whitelist::parse(&setting.text),
            (None, None) => Whitelist::harmless(),
            (None, Some(_)) => Whitelist::parse(""),
        };
        if let Some(Setting { place, spelled, .. }) = given {
            let unknown: Vec<_> = whitelist.unknown().take(WORDS_SHOWN).map(shown).collect();
            if !unknown.is_empty() {
                let remark = format!("{spelled}: {} is no four-letter word", unknown.join(", "));
                self.settings.warn(&place, remark);
            }
        }
        if self.flag("readonlymode.enabled") {
            whitelist.add("isro");
        }
        whitelist
    }

    /// Java classes that stand for something known are mapped, others stop the start: the operator counts on them.
    fn check_classes(&mut self) -> Result<(), ConfigError> {
        let mut classes: Vec<Setting> =
            self.settings.family("authProvider.").map(|(_, setting)| setting.clone()).collect();
        classes.extend(self.settings.given("metricsProvider.className").cloned());
        for Setting { text, place, spelled, .. } in classes {
            let name = text.strip_prefix("org.apache.zookeeper.").unwrap_or(&text);
            let lacking = match name {
                "server.auth.DigestAuthenticationProvider"
                | "server.auth.IPAuthenticationProvider"
                | "metrics.impl.DefaultMetricsProvider"
                | "metrics.impl.NullMetricsProvider" => continue,
                "server.auth.SASLAuthenticationProvider" => "SASL",
                "server.auth.X509AuthenticationProvider" => "TLS",
                "server.auth.EnsembleAuthenticationProvider" => "scheme ensemble",
                "metrics.prometheus.PrometheusMetricsProvider" => "export of metrics to Prometheus",
                _ => {
                    let problem =
                        format!("a server without a JVM cannot load the class {}; remove the line", shown(&text));
                    return Err(ConfigError::Refused { place, key: spelled, problem });
                }
            };
            self.settings.without_effect(&place, &spelled, missing(lacking));
        }
        Ok(())
    }

    fn io_method(&self) -> IoMethod {
        match self.settings.value("paddock.io.method") {
            Some(Value::Text(word)) if word == "ring" => IoMethod::Ring,
            Some(Value::Text(word)) if word == "thread" => IoMethod::Thread,
            _ => IoMethod::Auto,
        }
    }

    /// The number of `key`, raised to `least` with a warning.
    fn at_least(&mut self, key: &str, least: i64) -> i64 {
        let number = self.number(key);
        if let Some(Setting { place, spelled, .. }) = self.settings.given(key).filter(|_| number < least).cloned() {
            self.settings.warn(&place, format!("{spelled}: {number} is too small; {least} is used"));
        }
        number.max(least)
    }

    pub(super) fn number(&self, key: &str) -> i64 {
        match self.settings.value(key) {
            Some(Value::Number(number)) => number,
            other => panic!("{key} is a number with a default in the table of keys, not {other:?}"),
        }
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        match self.settings.value(key) {
            Some(Value::Bool(flag)) => flag,
            other => panic!("{key} is a switch with a default in the table of keys, not {other:?}"),
        }
    }

    pub(super) fn millis(&self, key: &str) -> Duration {
        Duration::from_millis(u64::try_from(self.number(key)).expect("the kind of a period starts at 0 or 1"))
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.settings.given(key).map(|setting| setting.text.clone())
    }
}

/// A number of Java's `int`.
fn narrow(number: i64) -> i32 {
    i32::try_from(number).expect("the kind is within 32 bits")
}

/// A number where every negative one means none.
pub(super) fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).expect("the kind is within 32 bits")
}

pub(super) fn size(number: i64) -> usize {
    count(number) as usize
}

/// Bytes of a number of KiB; none if it is not positive.
fn kibibytes(number: i64) -> u64 {
    number.max(0).unsigned_abs() * 1024
}

#[cfg(test)]
pub(super) mod tests;

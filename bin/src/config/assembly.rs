//! From settings to the typed configuration: what one key says about another, and what only the outside can tell.

use super::error::ConfigError;
use super::place::Place;
use super::settings::{Setting, Settings, Written};
use super::value::{Value, shown};
use super::whitelist::Whitelist;
use super::wording::Wordings;
use super::{
    Config, Examined, Failure, IoMethod, Loaded, MAX_FILE_BYTES, Property, Purge, Secret, jvm_flags, properties,
};
use paddock_engine::zookeeper::Compression;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
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
/// A log file of fewer KiB would be full before the next is made.
const LEAST_PRE_ALLOC: i64 = 1024;
/// Words of a list that a warning repeats.
const WORDS_SHOWN: usize = 5;

/// The outside world, so that the rest is pure.
pub struct Outside<'a> {
    /// The bytes of a file, at most [`MAX_FILE_BYTES`] + 1.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    /// The address of a host name, with the port 0.
    pub resolve: &'a dyn Fn(&str) -> io::Result<SocketAddr>,
    /// The number of a network interface.
    pub interface: &'a dyn Fn(&str) -> io::Result<u32>,
}

pub fn assemble(
    file: Option<&Path>,
    options: &[Property],
    flags: &[(String, String)],
    outside: &Outside<'_>,
) -> Result<Loaded, Box<Failure>> {
    examine(file, options, flags, outside).outcome
}

/// The same, with what was written.
pub fn examine(
    file: Option<&Path>,
    options: &[Property],
    flags: &[(String, String)],
    outside: &Outside<'_>,
) -> Examined {
    let mut written = written_outside_of_file(options, flags);
    // A file that cannot be read stops the start, and takes no remark from what stands elsewhere.
    let (text, unreadable) = match file.map(|file| outside.text(file)).transpose() {
        Ok(text) => (text.unwrap_or_default(), Ok(())),
        Err(error) => (Text::default(), Err(error)),
    };
    written.extend(text.entries);
    let mut settings = Settings::collect(written, file.is_some());
    if let Some(place) = text.mark {
        settings.warn(&place, BYTE_ORDER_MARK.to_owned());
    }
    let mut assembly = Assembly { settings, file, outside };
    let config = unreadable.and_then(|()| assembly.config(Secret(text.whole)));
    let (by_name, warnings) = assembly.settings.into_parts();
    let wordings = Wordings::new(by_name);
    let outcome = match config {
        Ok(config) => Ok(Loaded { config, warnings }),
        Err(error) => Err(Box::new(Failure { error, warnings })),
    };
    Examined { wordings, outcome }
}

/// What the log of words is told of which lines are wanted, whatever else is wrong.
pub fn log_levels(
    file: Option<&Path>,
    options: &[Property],
    flags: &[(String, String)],
    outside: &Outside<'_>,
) -> Result<Option<String>, ConfigError> {
    let mut written = written_outside_of_file(options, flags);
    if let Some(file) = file {
        written.extend(outside.text(file)?.entries);
    }
    let settings = Settings::collect(written, file.is_some());
    Assembly { settings, file, outside }.log_levels()
}

fn written_outside_of_file(options: &[Property], flags: &[(String, String)]) -> Vec<Written> {
    let mut written = Vec::new();
    for (variable, text) in flags {
        let place = Place::Variable(Arc::from(variable.as_str()));
        written.extend(jvm_flags::properties(text).iter().map(|property| property_at(place.clone(), property)));
    }
    written.extend(options.iter().map(|option| property_at(Place::CommandLine, option)));
    written
}

/// A properties file as it was read.
#[derive(Default)]
pub(super) struct Text {
    pub entries: Vec<Written>,
    /// Where a byte order mark is, if there is one.
    pub mark: Option<Place>,
    whole: String,
}

/// The remark on a byte order mark.
pub(super) const BYTE_ORDER_MARK: &str = "the file begins with a byte order mark, which ZooKeeper takes for the beginning \
                                          of the first key; it is passed over here; save the file without it";

impl Outside<'_> {
    pub(super) fn bytes(&self, file: &Path) -> Result<Vec<u8>, ConfigError> {
        match (self.read)(file) {
            Ok(bytes) if bytes.len() as u64 > MAX_FILE_BYTES => Err(ConfigError::TooLong { file: file.to_owned() }),
            Ok(bytes) => Ok(bytes),
            Err(source) => Err(ConfigError::Unreadable { file: file.to_owned(), source }),
        }
    }

    /// A properties file, its entries as they were written.
    pub(super) fn text(&self, file: &Path) -> Result<Text, ConfigError> {
        let bytes = self.bytes(file)?;
        let file: Arc<Path> = Arc::from(file);
        let at = |line| Place::Line { file: Arc::clone(&file), line };
        if properties::is_utf_16(&bytes) {
            let problem = "the file is in UTF-16, of which no key can be read; save it as UTF-8 or ASCII".to_owned();
            return Err(ConfigError::Syntax { place: at(1), problem });
        }
        let entries = properties::parse(&bytes)
            .map_err(|error| ConfigError::Syntax { place: at(error.line), problem: error.to_string() })?;
        let written = |entry: properties::Entry| Written {
            place: at(entry.line),
            name: entry.key,
            value: entry.value,
            has_value: true,
        };
        Ok(Text {
            entries: entries.into_iter().map(written).collect(),
            mark: bytes.starts_with(properties::BYTE_ORDER_MARK).then(|| at(1)),
            whole: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }
}

fn property_at(place: Place, property: &Property) -> Written {
    let value = property.value.as_deref().unwrap_or_default();
    Written {
        place,
        name: properties::trim(&property.name).to_owned(),
        value: properties::trim(value).to_owned(),
        has_value: property.value.is_some(),
    }
}

pub(super) struct Assembly<'a> {
    pub(super) settings: Settings,
    pub(super) file: Option<&'a Path>,
    pub(super) outside: &'a Outside<'a>,
}

impl Assembly<'_> {
    fn config(&mut self, initial_text: Secret) -> Result<Config, ConfigError> {
        self.settings.check()?;
        let data_dir = self.data_dir()?;
        let data_log_dir = self.dir("dataLogDir").unwrap_or_else(|| data_dir.clone());
        let server_id = self.server_id(&data_dir)?;
        let (ensemble, member) = self.ensemble(server_id, &data_dir)?;
        let (client_address, secure_client_address) = self.client_addresses(member.as_ref(), server_id, &data_dir)?;
        if let (Some(ensemble), Some(me)) = (&ensemble, &member) {
            for address in [client_address, secure_client_address].into_iter().flatten() {
                self.refuse_shared_client_port(address, me, ensemble.listen_on_all)?;
            }
        }
        let client_tls = self.client_tls(client_address.is_some(), secure_client_address.is_some())?;
        let (tick_time, min_session_timeout, max_session_timeout) = self.session_times()?;
        let jute_max_buffer = self.number("jute.maxbuffer");
        let schemes = self.schemes(client_tls.is_some())?;
        let enforced_schemes = self.enforced_schemes(&schemes)?;
        self.check_metrics()?;
        let (admin, exporter) = (self.admin()?, self.exporter()?);
        let (log, audit) = (self.log()?, self.audit(&data_dir)?);
        Ok(Config {
            file: self.file.map(Path::to_owned),
            data_dir_autocreate: self.flag("datadir.autocreate"),
            snapshot_trust_empty: self.flag("snapshot.trust.empty"),
            snapshot_compression: match self.settings.value("snapshot.compression.method") {
                Some(Value::Text(method)) if method == "gz" => Compression::Gzip,
                Some(Value::Text(method)) if method == "snappy" => Compression::Snappy,
                _ => Compression::None,
            },
            tree_digest_enabled: self.flag("digest.enabled"),
            convert: self.flag("paddock.convert"),
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
            slow_request: Some(self.millis("paddock.slowRequestMillis")).filter(|threshold| !threshold.is_zero()),
            new_sessions: self.new_sessions(ensemble.is_some()),
            jute_max_buffer: size(jute_max_buffer),
            jute_max_buffer_extra: match self.settings.given("jute.maxbuffer.extrasize") {
                Some(_) => size(self.at_least("jute.maxbuffer.extrasize", LEAST_EXTRA)),
                None => size(jute_max_buffer.max(LEAST_EXTRA)),
            },
            snap_count: count(self.at_least("snapCount", LEAST_SNAP_COUNT)),
            snap_size_limit: Some(kibibytes(self.number("snapSizeLimitInKb"))).filter(|bytes| *bytes > 0),
            pre_alloc_size: kibibytes(self.at_least("preAllocSize", LEAST_PRE_ALLOC)),
            force_sync: self.flag("forceSync"),
            fsync_warning_threshold: self.millis("fsync.warningthresholdms"),
            purge: self.purge(),
            snap_retain_count: count(self.at_least("autopurge.snapRetainCount", LEAST_SNAPSHOTS)),
            backups: self.backups(),
            four_letter_whitelist: self.whitelist(),
            skip_acl: self.flag("skipACL"),
            schemes,
            super_digest: self.super_digest()?,
            digest_algorithm: self.digest_algorithm(),
            enforced_schemes,
            sasl: self.sasl()?,
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
            log,
            audit,
            data_dir,
            data_log_dir,
            client_address,
            secure_client_address,
            client_tls,
            tick_time,
            min_session_timeout,
            max_session_timeout,
            server_id,
            ensemble,
            initial_text,
            admin,
            exporter,
            properties: self.settings.properties(),
        })
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

    pub(super) fn dir(&mut self, key: &'static str) -> Option<PathBuf> {
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
            // `dataDir` is no directory: whoever needs it says so better.
            Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(None),
            Err(source) => return Err(ConfigError::Unreadable { file, source }),
        };
        let text = String::from_utf8_lossy(&bytes);
        // What an editor puts before the number.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
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

    /// A class of metrics that is not there stops the start, as it stops ZooKeeper's: the operator counts on it.
    fn check_metrics(&mut self) -> Result<(), ConfigError> {
        let Some(Setting { text, place, spelled, .. }) = self.settings.given("metricsProvider.className").cloned()
        else {
            return Ok(());
        };
        match text.strip_prefix("org.apache.zookeeper.metrics.") {
            Some(
                "impl.DefaultMetricsProvider" | "impl.NullMetricsProvider" | "prometheus.PrometheusMetricsProvider",
            ) => {}
            _ => {
                let problem = format!("a server without a JVM cannot load the class {}; remove the line", shown(&text));
                return Err(ConfigError::Refused { place, key: spelled, problem });
            }
        }
        Ok(())
    }

    /// The id of the super user. It may be any text; one that is no id of the scheme digest makes nobody the super user. That of a
    /// file counts before one that is written out, as passwords of stores do.
    fn super_digest(&mut self) -> Result<Option<Secret>, ConfigError> {
        let path = self.settings.given("paddock.superDigestPath").cloned();
        let direct = self.settings.given("DigestAuthenticationProvider.superDigest").cloned();
        let (text, Setting { place, spelled, .. }) = match (path, direct) {
            (Some(path), _) => (self.line_of_file(Path::new(&path.text))?, path),
            (None, Some(direct)) => (direct.text.clone(), direct),
            (None, None) => return Ok(None),
        };
        let algorithm = self.digest_algorithm();
        if !algorithm.could_make(&text) {
            let remark = format!(
                "{spelled}: no password can match it, so that nobody is the super user; write user:hash, where hash is the \
                 Base64 of the {} of user:password",
                algorithm.name()
            );
            self.settings.warn(&place, remark);
        }
        Ok(Some(Secret(text)))
    }

    /// What a file has for a secret: all of it but one line break at the end.
    fn line_of_file(&self, file: &Path) -> Result<String, ConfigError> {
        let text = String::from_utf8_lossy(&self.outside.bytes(file)?).into_owned();
        let line = text.strip_suffix('\n').unwrap_or(&text);
        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }

    fn io_method(&self) -> IoMethod {
        match self.settings.value("paddock.io.method") {
            Some(Value::Text(word)) if word == "ring" => IoMethod::Ring,
            Some(Value::Text(word)) if word == "thread" => IoMethod::Thread,
            _ => IoMethod::Auto,
        }
    }

    /// The number of `key`, raised to `least` with a warning.
    pub(super) fn at_least(&mut self, key: &str, least: i64) -> i64 {
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

//! Configuration: ZooKeeper's `zoo.cfg` and system properties, read into one typed value.
//!
//! ```text
//! zoo.cfg ---properties---> name, value, line --+
//! -Dname=value ---------------------------------+--> settings, by the table of keys --> assembly --> Config
//! SERVER_JVMFLAGS ... ---jvm_flags--------------+                                          |
//!                                                       dynamic file, myid, host names ----+
//! ```
//!
//! What must hold: a name that nobody knows never stops the server, a value that cannot be read always does, and every
//! message says where the setting was written. Remarks are made whether the start then fails or not. Only this file touches the outside (files, name service, environment);
//! the modules below are pure.

mod admin;
mod assembly;
mod backups;
mod client_address;
mod client_tls;
mod clients;
mod ensemble;
mod error;
mod http_tls;
mod jvm_flags;
mod keys;
mod logs;
mod membership;
mod new_sessions;
mod place;
pub(crate) mod properties;
mod quorum_security;
mod request_throttle;
mod sasl;
mod schemes;
mod secrets;
mod settings;
mod shared_port;
mod static_file;
mod value;
mod whitelist;
mod wording;

pub use admin::{AdminSettings, ExporterSettings};
pub use backups::BackupSchedule;
pub use client_tls::ClientTlsSettings;
pub use ensemble::Ensemble;
pub use error::ConfigError;
pub use http_tls::HttpTlsSettings;
pub use jvm_flags::{Property, properties as properties_of_flags};
pub use keys::{REACTORS_MAX, configuration_page};
pub use membership::{NEXT, refuse_unstartable};
pub use new_sessions::NewSessions;
pub use place::{Place, Warning};
pub use quorum_security::{QuorumSasl, QuorumSecurity, QuorumTls};
pub use request_throttle::RequestThrottleSettings;
pub use sasl::SaslConfig;
pub use schemes::Schemes;
pub use secrets::without_secrets;
pub use static_file::{Clients, StaticFile};
pub use whitelist::Whitelist;
pub use wording::Wordings;

use paddock_engine::acl::DigestAlgorithm;
use paddock_engine::io::sys;
use paddock_engine::zookeeper::Compression;
use paddock_net::throttle::ConnectionThrottleSettings;

use crate::{audit, messages};

use std::fmt;
use std::io::{self, Read};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest configuration file; real ones have a few KiB.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// What a server is told. Names are those of the keys, times in the unit of the protocol or as `Duration`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The zoo.cfg, if there is one.
    pub file: Option<PathBuf>,
    /// As written: relative paths are relative to the working directory.
    pub data_dir: PathBuf,
    pub data_log_dir: PathBuf,
    /// false: a missing data directory is an error and is not created.
    pub data_dir_autocreate: bool,
    /// true: a log without a snapshot is a database, not a loss.
    pub snapshot_trust_empty: bool,
    /// How a ZooKeeper's snapshot is written; Paddock's own are not compressed.
    pub snapshot_compression: Compression,
    /// A ZooKeeper's files must have the digests of the tree that their writer computed.
    pub tree_digest_enabled: bool,
    /// A start makes the state from a ZooKeeper's files, where there is none.
    pub convert: bool,
    /// Port 0 lets the system choose. An unspecified address is every address of the machine. There is at least one of the two.
    pub client_address: Option<SocketAddr>,
    /// The same for clients that speak TLS: `secureClientPort`.
    pub secure_client_address: Option<SocketAddr>,
    /// `None`: no port for clients has TLS.
    pub client_tls: Option<ClientTlsSettings>,
    /// -1 leaves the backlog to the system.
    pub listen_backlog: i32,
    /// Milliseconds, at least 1.
    pub tick_time: i32,
    /// Milliseconds.
    pub min_session_timeout: i32,
    /// Milliseconds, not below the minimum.
    pub max_session_timeout: i32,
    /// Connections of one client address; 0 is no limit.
    pub max_client_cnxns: u32,
    /// Connections of all clients; 0 is no limit.
    pub max_cnxns: u32,
    pub tcp_keep_alive: bool,
    /// A connection that has not sent its connect request by then is closed.
    pub sessionless_cnxn_timeout: Duration,
    /// Requests taken and not yet answered, above which no more are read; at least 1.
    pub global_outstanding_limit: u32,
    pub connection_throttle: ConnectionThrottleSettings,
    pub request_throttle: RequestThrottleSettings,
    /// Bytes from which a request counts as large, if any does.
    pub large_request_threshold: Option<usize>,
    /// Bytes of all large requests that are worked on.
    pub large_request_max_bytes: u64,
    /// Bytes that connections may take together: replies and events that are not read, requests that are not whole or wait.
    pub connections_bytes_max: usize,
    /// Requests that take as long are told of, if any.
    pub slow_request: Option<Duration>,
    /// What sessions begin as.
    pub new_sessions: NewSessions,
    /// Bytes of the largest request.
    pub jute_max_buffer: usize,
    /// Bytes by which a record written by a server may exceed `jute_max_buffer`; at least 1024.
    pub jute_max_buffer_extra: usize,
    /// Transactions between snapshots, before it is randomised; at least 2.
    pub snap_count: u32,
    /// Bytes of log between snapshots, before it is randomised.
    pub snap_size_limit: Option<u64>,
    /// Bytes by which a log file grows; at least 1 MiB.
    pub pre_alloc_size: u64,
    /// false: writes are acknowledged before they are durable.
    pub force_sync: bool,
    /// A slower sync is worth a warning.
    pub fsync_warning_threshold: Duration,
    pub purge: Purge,
    /// Snapshots that the purge keeps; at least 3.
    pub snap_retain_count: u32,
    /// `None`: the server takes no backups.
    pub backups: Option<BackupSchedule>,
    pub four_letter_whitelist: Whitelist,
    pub skip_acl: bool,
    pub schemes: Schemes,
    /// `user:base64(sha1(user:password))` of the super user.
    pub super_digest: Option<Secret>,
    /// The hash of the scheme digest.
    pub digest_algorithm: DigestAlgorithm,
    /// Where authentication is enforced: a client needs an identity of one of these schemes. Empty: anybody may come.
    pub enforced_schemes: Vec<String>,
    pub sasl: SaslConfig,
    /// Znodes may have a time to live.
    pub extended_types_enabled: bool,
    /// They may be as ZooKeeper 3.5.3 wrote them.
    pub emulate_353_ttl_nodes: bool,
    pub enforce_quota: bool,
    /// Clients may change the ensemble.
    pub reconfig_enabled: bool,
    pub container_check_interval: Duration,
    pub container_max_per_minute: u32,
    /// `None`: a container that never had a child is kept.
    pub container_max_never_used: Option<Duration>,
    /// The number in `myid`, if there is one.
    pub server_id: Option<i64>,
    /// `None`: the server stands alone.
    pub ensemble: Option<Ensemble>,
    /// The file as it was, empty without one. It may hold passwords.
    pub initial_text: Secret,
    pub admin: AdminSettings,
    /// `None`: the metrics are not exported.
    pub exporter: Option<ExporterSettings>,
    /// The system properties that were given, by name, without secrets.
    pub properties: Vec<(String, String)>,
    /// `None`: one per core.
    pub reactors: Option<usize>,
    pub io_method: IoMethod,
    /// Groups of log records in flight, at least 1.
    pub io_depth: u32,
    /// The log of words.
    pub log: messages::Settings,
    /// The audit log, if there is one.
    pub audit: Option<audit::Settings>,
}

/// When old snapshots and logs are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge {
    Off,
    AfterSnapshot,
    Every(Duration),
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoMethod {
    /// The ring if the kernel allows it.
    Auto,
    /// The ring or nothing.
    Ring,
    /// Plain system calls on a thread.
    Thread,
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// In the order of their places.
    pub warnings: Vec<Warning>,
}

/// Why there is no configuration, and what there was to remark before that was known: it may be what explains it.
#[derive(Debug)]
pub struct Failure {
    pub error: ConfigError,
    /// In the order of their places.
    pub warnings: Vec<Warning>,
}

/// Reads the configuration.
///
/// `properties` are the `-D` of the command line; `flags` are the variables that [`flags_of_environment`] finds. Without a file the server stands alone on 127.0.0.1:2181 with its
/// data in `./paddock-data`, purges, and answers the four-letter words that only read; file keys may then be given by
/// `-D`.
pub fn load(file: Option<&Path>, properties: &[Property], flags: &[(String, String)]) -> Result<Loaded, Box<Failure>> {
    let outside = assembly::Outside { read: &read, resolve: &resolve, interface: &sys::interface_index };
    assembly::assemble(file, properties, flags, &outside)
}

/// A configuration that is looked at: what was written, and what a server makes of it.
#[derive(Debug)]
pub struct Examined {
    pub wordings: Wordings,
    pub outcome: Result<Loaded, Box<Failure>>,
}

/// Reads the configuration as [`load`] does, for whoever wants to know what was written too.
pub fn examine(file: Option<&Path>, properties: &[Property], flags: &[(String, String)]) -> Examined {
    let outside = assembly::Outside { read: &read, resolve: &resolve, interface: &sys::interface_index };
    assembly::examine(file, properties, flags, &outside)
}

/// What `paddock.log.level` says by now, alone of all settings. A file that is no regular one is not read again: to read a
/// pipe is to wait for whoever writes to it.
///
/// # Errors
/// When the file cannot be read, or the value.
pub fn log_levels(
    file: Option<&Path>,
    properties: &[Property],
    flags: &[(String, String)],
) -> Result<Option<String>, ConfigError> {
    let outside = assembly::Outside { read: &read_regular, resolve: &resolve, interface: &sys::interface_index };
    assembly::log_levels(file, properties, flags, &outside)
}

/// The same of a file that is read by `read`, as are those that it names: at most [`MAX_FILE_BYTES`] and one more byte of each.
pub fn load_through(read: &dyn Fn(&Path) -> io::Result<Vec<u8>>, file: &Path) -> Result<Loaded, Box<Failure>> {
    let outside = assembly::Outside { read, resolve: &resolve, interface: &sys::interface_index };
    assembly::assemble(Some(file), &[], &[], &outside)
}

/// The variables of JVM flags that are set: name and text, in the order of [`jvm_flags::VARIABLES`].
pub fn flags_of_environment() -> Vec<(String, String)> {
    let set = |name: &&str| std::env::var(name).ok().map(|text| ((*name).to_owned(), text));
    jvm_flags::VARIABLES.iter().filter_map(set).collect()
}

/// At most [`MAX_FILE_BYTES`] and one more byte, which tells that there is more.
pub(crate) fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same of a regular file.
fn read_regular(file: &Path) -> io::Result<Vec<u8>> {
    if !std::fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is no regular file, and is read once"));
    }
    read(file)
}

fn resolve(host: &str) -> io::Result<SocketAddr> {
    let addresses: Vec<SocketAddr> = (host, 0).to_socket_addrs()?.collect();
    preferred(&addresses).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name service knows no address"))
}

/// The first address of a host, IPv4 before IPv6 as in Java.
fn preferred(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(name: &str, text: &[u8]) -> PathBuf {
        let file = std::env::temp_dir().join(format!("paddock-config-{}-{name}", std::process::id()));
        std::fs::write(&file, text).expect("a writable temporary directory");
        file
    }

    #[test]
    fn a_real_file() {
        let file = temporary("zoo.cfg", b"dataDir=/data\nclientPort=2182\nclientPortAddress=localhost\n");
        let loaded = load(Some(&file), &[], &[]).expect("well formed");
        assert_eq!(loaded.config.client_address, "127.0.0.1:2182".parse::<SocketAddr>().ok());
        std::fs::remove_file(file).expect("the file is ours");
    }

    #[test]
    fn ipv4_is_preferred() {
        let [six, four, other] =
            ["[::1]:0", "127.0.0.1:0", "10.0.0.1:0"].map(|text| text.parse::<SocketAddr>().expect("an address"));
        for (addresses, expected) in [(&[six, four, other][..], Some(four)), (&[six], Some(six)), (&[], None)] {
            assert_eq!(preferred(addresses), expected);
        }
    }

    #[test]
    fn files_that_cannot_be_read() {
        let missing = Path::new("/nonexistent/zoo.cfg");
        let error = load(Some(missing), &[], &[]).expect_err("no file").error.to_string();
        assert!(error.starts_with("/nonexistent/zoo.cfg: the file cannot be read: "), "{error}");

        let long = temporary("long", &vec![b'#'; 1 + MAX_FILE_BYTES as usize]);
        let error = load(Some(&long), &[], &[]).expect_err("too long").error;
        assert!(matches!(error, ConfigError::TooLong { .. }), "{error}");
        std::fs::remove_file(long).expect("the file is ours");

        let full = temporary("full", &vec![b'#'; MAX_FILE_BYTES as usize]);
        let error = load(Some(&full), &[], &[]).expect_err("empty").error;
        assert!(matches!(error, ConfigError::Missing { .. }), "{error}");
        std::fs::remove_file(full).expect("the file is ours");
    }

    #[test]
    fn the_level_of_the_log_can_be_read_again() {
        let file =
            temporary("level", b"dataDir=/data\npaddock.log.level=debug\nclientPortAddress=no.such.host.invalid\n");
        let level = || log_levels(Some(&file), &[Property::split("paddock.log.level=warn")], &[]);
        assert_eq!(level().expect("it is well formed"), Some("debug".to_owned()), "the file is the strongest");
        std::fs::write(&file, "dataDir=/data\npaddock.log.level=loud\n").expect("it is writable");
        let error = level().expect_err("nobody knows it").to_string();
        assert!(error.contains("paddock.log.level") && error.contains("info,paddock_net=debug"), "{error}");
        std::fs::write(&file, "dataDir=/data\n").expect("it is writable");
        assert_eq!(level().expect("it is well formed"), Some("warn".to_owned()));
        std::fs::remove_file(file).expect("the file is ours");
        assert!(log_levels(Some(Path::new("/dev/null")), &[], &[]).is_err(), "it is no regular file");
    }

    #[test]
    fn secrets_are_not_shown() {
        let properties = [Property::split("zookeeper.DigestAuthenticationProvider.superDigest=super:hush")];
        let Loaded { config, warnings } = load(None, &properties, &[]).expect("well formed");
        assert_eq!(config.super_digest.as_ref().map(Secret::reveal), Some("super:hush"));
        assert!(!format!("{config:?} {warnings:?}").contains("hush"));
    }
}

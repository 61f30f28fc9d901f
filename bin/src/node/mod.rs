//! The node: what joins state, log and client port into a running server.
//!
//! ```text
//! reactor 0..R   clients            ─┐ exchanges ┌─ replica (this thread): state, log, sessions
//! snapshotter    walks a held version ───────────┘
//! log-preallocator (of the log)
//! ```
//!
//! On a machine with one core or two the only reactor has no thread: the replica's serves the clients too (`together`).

mod apart;
pub mod conversion;
mod convert_command;
mod descriptors;
mod expiry;
pub mod foreign;
pub mod member;
pub mod moment;
pub mod peers;
pub mod recovery;
pub mod replica;
mod session_set;
pub mod snapshotter;
mod sources;
mod summary;
mod together;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::Poll;
use mio::net::TcpListener;
use paddock_engine::acl::Authority;
use paddock_engine::admit::FRAME_MAX;
use paddock_engine::container::ContainerSettings;
use paddock_engine::conversion::Target;
use paddock_engine::database::Rules;
use paddock_engine::generation::{FormerGenerations, Generation};
use paddock_engine::io::{DataDir, DirError, Files, advice, sys};
use paddock_engine::log::{LogConfig, Method, RECORD_BYTES_MAX, log_dir};
use paddock_engine::snapshot::snapshot_dir;
use paddock_engine::tree::ExtendedTypes;
use paddock_engine::zookeeper::Settings;
use paddock_net::accept;
use paddock_net::conf_reply::ConfReply;
use paddock_net::doorbell::Doorbell;
use paddock_net::envi_reply::{EnviReply, UNKNOWN};
use paddock_net::exchange::Exchange;
use paddock_net::limits::{LargeRequests, Limits};
use paddock_net::reactor::{self, Reactor};
use paddock_net::status::{Peers, ReactorStatus, Status, Text};

use crate::config::{Config, IoMethod, NewSessions, Purge, REACTORS_MAX};
use crate::messages;
use crate::signals::Signals;
use crate::version;
use conversion::{ConversionError, Converted};
use convert_command::convert_command;
use descriptors::{Descriptors, TooFew};
use moment::Moment;
use recovery::{Present, Recovered, RecoveryError, random_seed, recover_present, refuse_misplaced_present};
use replica::{FilesInPlace, GARBAGE_MAX, Replica, ReplicaError};
use snapshotter::{DrivenBy, Snapshotter, Trigger};
use sources::{BELL, Sources};
use summary::Summary;

/// The server in the session ids of one that stands alone, whatever its `myid` says.
const STANDALONE_ID: i64 = 1;

/// Why a server does not start, or stops before it is told to.
#[derive(Debug)]
pub enum NodeError {
    Directory(DirError),
    Conversion(ConversionError),
    Recovery(RecoveryError),
    Descriptors(TooFew),
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    Setup {
        what: &'static str,
        source: io::Error,
    },
    Replica(ReplicaError),
    /// A reactor has panicked or failed; the log says how.
    Reactor,
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeError::Directory(error) => error.fmt(f),
            NodeError::Conversion(error) => error.fmt(f),
            NodeError::Recovery(error) => error.fmt(f),
            NodeError::Descriptors(error) => error.fmt(f),
            NodeError::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "cannot listen on {address}: the port is in use; stop what uses it or give another clientPort"
            ),
            NodeError::Listen { address, source } => {
                let advice = match source.raw_os_error() {
                    Some(libc::EADDRNOTAVAIL) => {
                        "no interface of this machine has the address; check clientPortAddress"
                    }
                    Some(libc::EACCES) => {
                        "a port below 1024 is for privileged users; give another clientPort, or CAP_NET_BIND_SERVICE"
                    }
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => advice(source),
                    _ => "check clientPort and clientPortAddress",
                };
                write!(f, "cannot listen on {address}: {source}; {advice}")
            }
            NodeError::Setup { what, source } => write!(f, "cannot set up {what}: {source}; {}", advice(source)),
            NodeError::Replica(error) => error.fmt(f),
            NodeError::Reactor => f.write_str("a reactor failed, so that its clients are not served any more"),
        }
    }
}

impl NodeError {
    /// ZooKeeper's exit codes.
    pub fn exit_code(&self) -> u8 {
        match self {
            NodeError::Directory(_) => 3,
            NodeError::Conversion(error) if error.is_of_directories() => 3,
            NodeError::Recovery(error) if error.is_of_directories() => 3,
            _ => 1,
        }
    }
}

fn setup(what: &'static str) -> impl Fn(io::Error) -> NodeError {
    move |source| NodeError::Setup { what, source }
}

/// Serves until the process is told to stop.
pub fn serve(config: &Config, signals: &Signals) -> Result<(), NodeError> {
    let began = Instant::now();
    let descriptors = sys::raise_descriptor_limit().map_err(setup("the limit of open files"))?;
    let files = Files::default();
    let take = |path| DataDir::open(&files, path, config.data_dir_autocreate).map_err(NodeError::Directory);
    let data_dir = Arc::new(take(&config.data_dir)?);
    // Another directory has a lock of its own.
    let is_same = files.is_same_directory(&config.data_log_dir, &config.data_dir);
    let log_dir = (!is_same).then(|| take(&config.data_log_dir)).transpose()?;
    let address = config.client_address;
    let listener =
        accept::listen(address, config.listen_backlog).map_err(|source| NodeError::Listen { address, source })?;
    let address = listener.local_addr().unwrap_or(address);

    convert_or_refuse(&files, config)?;
    let authority = authority(config);
    let present = recover_present(log_config(config), rules(config, authority.clone()));
    let Present { generation, recovered, former } = present.map_err(NodeError::Recovery)?;
    let config = &in_generation(config, generation);
    report_recovery(&recovered, began);
    tracing::info!(
        data = %config.data_dir.display(),
        log = %config.data_log_dir.display(),
        "data directory"
    );
    tracing::info!("log writes: {}", recovered.log.method());

    let files = FilesInPlace::new(data_dir.clone(), generation, recovered.snapshot);
    let outcome = run(Opened { config, address, listener, authority, recovered, former, files, signals, descriptors });
    drop(log_dir);
    drop(data_dir);
    outcome
}

/// The configuration with the directories of a generation in place of its own.
fn in_generation(config: &Config, generation: Generation) -> Config {
    let (data_dir, data_log_dir) = (generation.dir(&config.data_dir), generation.dir(&config.data_log_dir));
    Config { data_dir, data_log_dir, ..config.clone() }
}

/// Converts a ZooKeeper's files in the directories, or refuses the start where there are any, if those with our own are the
/// right ones.
fn convert_or_refuse(files: &Files, config: &Config) -> Result<(), NodeError> {
    refuse_misplaced_present(files, &config.data_dir, &config.data_log_dir).map_err(NodeError::Recovery)?;
    let target = Target { files, data_dir: &config.data_dir, log_dir: &config.data_log_dir };
    let settings =
        config.convert.then(|| conversion_settings(files, config)).transpose().map_err(NodeError::Recovery)?;
    let command = convert_command(config);
    let converted =
        conversion::convert_or_refuse(&target, settings.as_ref(), &command).map_err(NodeError::Conversion)?;
    for line in converted.iter().flat_map(Converted::lines) {
        tracing::info!("conversion from ZooKeeper: {line}");
    }
    Ok(())
}

/// How a ZooKeeper with this configuration reads its files.
pub fn conversion_settings(files: &Files, config: &Config) -> Result<Settings, RecoveryError> {
    Ok(Settings {
        seed: random_seed(files)?,
        rules: rules(config, authority(config)),
        length_max: config.jute_max_buffer.saturating_add(config.jute_max_buffer_extra),
        digests_enabled: config.tree_digest_enabled,
        trust_empty_snapshot: config.snapshot_trust_empty,
        accept_missing_logs: false,
    })
}

fn authority(config: &Config) -> Authority {
    Authority {
        skip_acl: config.skip_acl,
        digest_enabled: config.digest_enabled,
        digest_algorithm: config.digest_algorithm,
        super_digest: config.super_digest.as_ref().map(|secret| secret.reveal().to_owned()),
    }
}

/// All that a server has before it serves.
struct Opened<'a> {
    config: &'a Config,
    address: SocketAddr,
    listener: TcpListener,
    authority: Authority,
    recovered: Recovered,
    former: FormerGenerations,
    files: FilesInPlace,
    signals: &'a Signals,
    /// Open files that the process may have.
    descriptors: u64,
}

fn run(opened: Opened<'_>) -> Result<(), NodeError> {
    let Opened { config, address, listener, authority, recovered, former, files, signals, descriptors } = opened;
    let Recovered { mut database, log, found, .. } = recovered;
    let threads = config.reactors.unwrap_or_else(|| default_reactors(sys::cores().len())).min(REACTORS_MAX);
    let replica_poll = Poll::new().map_err(setup("the replica's poll"))?;
    let replica_bell = Arc::new(Doorbell::new(replica_poll.registry(), BELL).map_err(setup("the replica's bell"))?);
    let mut polls = Vec::new();
    let mut exchanges = Vec::new();
    for _ in 0..threads {
        let poll = Poll::new().map_err(setup("a reactor's poll"))?;
        let bell = Doorbell::new(poll.registry(), reactor::BELL).map_err(setup("a reactor's bell"))?;
        exchanges.push(Arc::new(Exchange::new(Arc::new(bell), replica_bell.clone())));
        polls.push(poll);
    }
    if threads == 0 {
        exchanges.push(Arc::new(Exchange::new(replica_bell.clone(), replica_bell.clone())));
    }
    let exchanges: Arc<[Arc<Exchange>]> = exchanges.into();
    let settings = Arc::new(reactor_settings(config, authority));
    let large = LargeRequests::new(config.large_request_threshold, config.large_request_max_bytes);
    let limits = Arc::new(Limits::new(config.connection_throttle, large));
    let snapshotter = Snapshotter::start(
        snapshotter::Settings {
            files: Files::default(),
            data_dir: config.data_dir.clone(),
            retain: (!matches!(config.purge, Purge::Off)).then_some(config.snap_retain_count as usize),
        },
        former,
        DrivenBy::Thread(replica_bell.clone()),
    )
    .map_err(setup("the snapshotter"))?;
    // Without random numbers the servers of an ensemble may take theirs together, which costs time and nothing else.
    let seed = getrandom::u64().unwrap_or_default();
    let size_limit = config.snap_size_limit.unwrap_or(u64::MAX);
    let mut trigger = Trigger::new(u64::from(config.snap_count), size_limit, seed);
    trigger.note(found.records, 0);

    if config.jute_max_buffer > FRAME_MAX {
        tracing::warn!(
            "jute.maxbuffer={} is more than this server takes; frames of up to {FRAME_MAX} bytes are taken",
            config.jute_max_buffer
        );
    }
    let descriptors = Descriptors::share(descriptors, threads.max(1)).map_err(NodeError::Descriptors)?;
    descriptors.report();
    let status = Arc::new(status(config, address, threads.max(1), descriptors));
    let summary = Summary { began: Instant::now(), status: status.clone(), exchanges: exchanges.clone() };
    let signal = signals.serve(Box::new(move || summary.lines())).map_err(setup("the signals"))?;
    messages::limit_kinds();
    let zxid = database.last_zxid().0;
    let mut listener = Some(listener);
    let mut reactor = |index: usize, poll: &Poll| {
        Reactor::new(reactor::Parts {
            index,
            registry: poll.registry().try_clone()?,
            exchanges: exchanges.clone(),
            settings: settings.clone(),
            limits: limits.clone(),
            status: status.clone(),
            listener: listener.take_if(|_| index == reactor::ACCEPTOR),
            reader: database.tree_mut().reader(),
            zxid,
        })
    };
    let together = match threads {
        0 => Some(reactor(0, &replica_poll).map_err(setup("the reactor"))?),
        _ => None,
    };
    let mut reactors = Vec::new();
    for (index, poll) in polls.into_iter().enumerate() {
        reactors.push((reactor(index, &poll).map_err(setup("a reactor"))?, poll));
    }
    let mut replica = Replica::new(replica::Parts {
        exchanges: exchanges.clone(),
        status,
        database,
        log,
        is_member: false,
        // A server that stands alone has no learners.
        window: None,
        containers: container_settings(config),
        tick_ms: config.tick_time.max(1) as u64,
        heard_interval: heard_interval(config),
        server_id: STANDALONE_ID,
        new_sessions: config.new_sessions,
        throttle: config.request_throttle,
        snapshotter,
        trigger,
        files,
        garbage_max: GARBAGE_MAX,
        record_max: RECORD_BYTES_MAX,
        slice_clock: Box::new(Instant::now),
        start: Moment::read(),
    });
    let sources =
        Sources::register(replica_poll.registry(), replica.event_fds(), signal).map_err(setup("the replica"))?;
    // Before anybody can ask for the state.
    replica.begin().map_err(NodeError::Replica)?;
    let mut running = Vec::new();
    for (index, (reactor, poll)) in reactors.into_iter().enumerate() {
        running.push(start_reactor(index, reactor, poll).map_err(setup("a reactor"))?);
    }
    tracing::info!(reactors = threads, "listening on {address}");
    tracing::info!("connect with: zkCli.sh -server {address}   (or any ZooKeeper client)");
    match together {
        Some(reactor) => together::run(replica, reactor, replica_poll, &sources, &replica_bell),
        None => apart::run(replica, replica_poll, &sources, &replica_bell, &exchanges),
    }
    .map_err(NodeError::Replica)?;
    for thread in running {
        if !matches!(thread.join(), Ok(Ok(()))) {
            return Err(NodeError::Reactor);
        }
    }
    tracing::info!("stopped");
    Ok(())
}

/// Reactors with threads of their own, none where the replica serves the clients itself. One core is left to the replica;
/// where there is one besides, a wake-up between two threads costs more than working side by side gains.
fn default_reactors(cores: usize) -> usize {
    if cores <= 2 { 0 } else { cores - 1 }
}

/// A reactor that fails takes the process with it: its clients would wait for ever.
fn start_reactor(index: usize, reactor: Reactor, poll: Poll) -> io::Result<JoinHandle<io::Result<()>>> {
    let cores = sys::cores();
    let core = cores[index % cores.len().max(1)];
    std::thread::Builder::new().name(format!("reactor-{index}")).spawn(move || {
        if let Err(error) = sys::pin_to_core(core) {
            tracing::warn!(reactor = index, core, %error, "a reactor is not bound to its core");
        }
        let outcome = reactor.run(poll);
        if let Err(error) = &outcome {
            tracing::error!(reactor = index, %error, "a reactor failed");
            messages::flush();
            std::process::abort();
        }
        outcome
    })
}

fn log_config(config: &Config) -> LogConfig {
    LogConfig {
        data_dir: config.data_dir.clone(),
        segment_bytes: config.pre_alloc_size,
        in_flight: config.io_depth as usize,
        sync: config.force_sync,
        method: match config.io_method {
            IoMethod::Auto => Method::Auto,
            IoMethod::Ring => Method::Ring,
            IoMethod::Thread => Method::Thread,
        },
        warn_after: config.fsync_warning_threshold,
        ..LogConfig::new(&config.data_log_dir)
    }
}

fn rules(config: &Config, authority: Authority) -> Rules {
    let extended_types = match (config.extended_types_enabled, config.emulate_353_ttl_nodes) {
        (false, _) => ExtendedTypes::Off,
        (true, false) => ExtendedTypes::On,
        (true, true) => ExtendedTypes::Emulate353,
    };
    Rules { authority, extended_types, reconfig_enabled: config.reconfig_enabled, enforce_quota: config.enforce_quota }
}

fn container_settings(config: &Config) -> ContainerSettings {
    let millis = |interval: Duration| u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    ContainerSettings {
        check_interval_ms: millis(config.container_check_interval),
        max_per_minute: config.container_max_per_minute,
        max_never_used_ms: config.container_max_never_used.map(|age| i64::try_from(millis(age)).unwrap_or(i64::MAX)),
    }
}

fn reactor_settings(config: &Config, authority: Authority) -> reactor::Settings {
    reactor::Settings {
        frame_max: config.jute_max_buffer.min(FRAME_MAX),
        session_timeout_min: config.min_session_timeout,
        session_timeout_max: config.max_session_timeout,
        connections_per_address_max: config.max_client_cnxns,
        connections_max: config.max_cnxns,
        handshake_deadline: config.sessionless_cnxn_timeout,
        heard_interval: heard_interval(config),
        outstanding_max: u64::from(config.global_outstanding_limit),
        connections_bytes_max: config.connections_bytes_max,
        tcp_keep_alive: config.tcp_keep_alive,
        authority,
        enforced_schemes: config.enforced_schemes.clone(),
        local_sessions: config.new_sessions != NewSessions::Global,
        tells_gone: config.request_throttle.wants_gone(),
    }
}

/// Four times a tick, and often enough for any.
fn heard_interval(config: &Config) -> Duration {
    Duration::from_millis((config.tick_time.max(4) as u64 / 4).min(500))
}

fn report_recovery(recovered: &Recovered, began: Instant) {
    let found = &recovered.found;
    if let Some(torn) = &found.torn {
        let copy = found.torn_copy.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
        tracing::warn!(copy, "the log's end was torn by a crash and was cut: {torn}");
    }
    tracing::info!(
        zxid = %recovered.database.last_zxid(),
        snapshot = recovered.snapshot.map_or("none".to_owned(), |zxid| zxid.to_string()),
        replayed = found.records,
        znodes = recovered.database.tree().len(),
        sessions = recovered.database.sessions().len(),
        millis = began.elapsed().as_millis() as u64,
        "state recovered"
    );
}

fn status(config: &Config, address: SocketAddr, reactors: usize, descriptors: Descriptors) -> Status {
    let version = version::full();
    Status {
        reactors: (0..reactors).map(|_| ReactorStatus::default()).collect(),
        replica: Default::default(),
        peers: Peers::new(descriptors.clients),
        descriptors_max: descriptors.limit,
        clock: Default::default(),
        configuration: configuration(config.clone(), address.port()),
        environment: environment(&version).render(),
        version,
        allowed_words: config.four_letter_whitelist.allowed(),
    }
}

/// The body of `conf`, with the sizes of the moment.
fn configuration(config: Config, port: u16) -> Text {
    Text::new(move || {
        let (data_dir, data_log_dir) = (snapshot_dir(&config.data_dir), log_dir(&config.data_log_dir));
        let reply = ConfReply {
            client_port: port,
            data_dir_bytes: directory_bytes(&data_dir),
            data_log_dir_bytes: directory_bytes(&data_log_dir),
            data_dir: absolute(data_dir),
            data_log_dir: absolute(data_log_dir),
            tick_time: config.tick_time,
            min_session_timeout: config.min_session_timeout,
            max_session_timeout: config.max_session_timeout,
            max_client_cnxns: config.max_client_cnxns,
            listen_backlog: config.listen_backlog,
        };
        reply.render()
    })
}

/// Only a working directory that is gone leaves a path relative.
fn absolute(dir: PathBuf) -> PathBuf {
    std::path::absolute(&dir).unwrap_or(dir)
}

fn directory_bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// What `envi` tells.
fn environment(version: &str) -> EnviReply {
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| UNKNOWN.to_owned());
    let kernel = |file: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{file}"));
        text.map_or_else(|_| UNKNOWN.to_owned(), |text| text.trim().to_owned())
    };
    EnviReply {
        version: version.to_owned(),
        host_name: kernel("hostname"),
        os_arch: std::env::consts::ARCH.to_owned(),
        os_version: kernel("osrelease"),
        user_name: variable("USER"),
        user_home: variable("HOME"),
        user_dir: std::env::current_dir().map_or_else(|_| UNKNOWN.to_owned(), |path| path.display().to_string()),
    }
}

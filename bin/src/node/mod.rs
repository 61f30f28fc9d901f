//! The node: what joins state, log and client port into a running server.
//!
//! ```text
//! reactor 0..R   clients            ─┐ exchanges ┌─ replica (this thread): state, log, sessions
//! snapshotter    walks a held version ───────────┘
//! log-preallocator (of the log)
//! http, http-worker-N   those who look after the server: they ask the others by surveys
//! ```
//!
//! On a machine with one core or two the only reactor has no thread: the replica's serves the clients too (`together`).

mod apart;
mod backups;
mod client_ports;
pub mod conversion;
mod convert_command;
mod descriptors;
mod errands;
mod expiry;
pub mod foreign;
mod http_ports;
pub mod member;
pub mod moment;
pub mod peers;
pub mod process_figures;
mod pulse;
pub mod recovery;
pub mod replica;
mod restoring;
mod sasl;
mod server;
mod session_set;
pub mod settings;
pub mod shown;
pub mod snapshotter;
mod sources;
mod status;
mod stores;
mod summary;
mod together;
mod words;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use mio::Poll;
use paddock_consensus::Zxid;
use paddock_consensus::config::Configs;
use paddock_consensus::input::Fault;
use paddock_consensus::output::HaltReason;
use paddock_consensus::settings::Ms;
use paddock_engine::admit::FRAME_MAX;
use paddock_engine::conversion::Target;
use paddock_engine::generation::{FormerGenerations, Generation};
use paddock_engine::io::{DataDir, DirError, Files, advice, sys};
use paddock_engine::log::RECORD_BYTES_MAX;
use paddock_engine::zookeeper::Settings;
use paddock_net::doorbell::Doorbell;
use paddock_net::exchange::Exchange;
use paddock_net::limits::{LargeRequests, Limits};
use paddock_net::reactor::{self, Reactor, SaslSettings};
use paddock_net::serving::Serve;
use paddock_net::status::Status;

use crate::admin::Restorer;
use crate::audit::{self, AuditLog, ServerEvent};
use crate::config::{Config, Ensemble, REACTORS_MAX};
use crate::http;
use crate::messages;
use crate::service_manager::ServiceManager;
use crate::signals::Signals;
use backups::Backups;
use client_ports::{ClientPortError, ClientPorts};
use conversion::{ConversionError, Converted};
use convert_command::convert_command;
use descriptors::{Descriptors, TooFew};
use http_ports::{ExporterError, OpenPorts};
use member::config_files::ConfigFiles;
use member::found_configs::disregard_former;
use member::{ClientPort, MemberSetup, SetupError};
use moment::Moment;
use peers::sockets::{Readiness, SecurityError, SocketLinks};
use pulse::{Alive, Pulse};
use recovery::{Present, Recovered, RecoveryError, random_seed, recover_present, refuse_misplaced_present};
use replica::{FilesInPlace, GARBAGE_MAX, Replica, ReplicaError};
use sasl::SaslSetupError;
use server::Server;
use settings::{
    authority, container_settings, core_settings, heard_interval, introduction, log_config, open_ports,
    reactor_settings, retain, rules, security, socket_settings,
};
use shown::ShownConfig;
use snapshotter::{DrivenBy, Snapshotter, Trigger};
use sources::{BELL, Sources};
use status::{conf, status};
use stores::StoreWatcher;
use summary::Summary;

/// The server in the session ids of one that stands alone, whatever its `myid` says.
const STANDALONE_ID: i64 = 1;

/// Where an ensemble may be changed while it runs, descriptors are kept from clients for so many servers at least.
const SERVERS_TO_COME: usize = 16;

/// Why a server does not start, or stops before it is told to.
#[derive(Debug)]
pub enum NodeError {
    Directory(DirError),
    Conversion(ConversionError),
    Recovery(RecoveryError),
    Descriptors(TooFew),
    ClientPort(ClientPortError),
    Setup {
        what: &'static str,
        source: io::Error,
    },
    Exporter(ExporterError),
    /// The audit log cannot be opened.
    Audit {
        file: PathBuf,
        source: io::Error,
    },
    /// Clients cannot log in as it is configured.
    Sasl(SaslSetupError),
    /// A member of an ensemble cannot make sure of the others.
    Security(SecurityError),
    /// A member of an ensemble cannot begin.
    Member(SetupError),
    Replica(ReplicaError),
    /// A member of an ensemble has to end.
    Halted(HaltReason),
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
            NodeError::ClientPort(error) => error.fmt(f),
            NodeError::Setup { what, source } => write!(f, "cannot set up {what}: {source}; {}", advice(source)),
            NodeError::Exporter(error) => error.fmt(f),
            NodeError::Audit { file, source } => write!(
                f,
                "{}: the audit log cannot be opened: {source}; {}; paddock.audit.file names another place for it",
                file.display(),
                advice(source)
            ),
            NodeError::Sasl(error) => error.fmt(f),
            NodeError::Security(error) => error.fmt(f),
            NodeError::Member(error) => error.fmt(f),
            NodeError::Replica(error) => error.fmt(f),
            NodeError::Halted(HaltReason::Stopped) => f.write_str("the server was told to stop"),
            NodeError::Halted(HaltReason::Failed(Fault::Mark)) => f.write_str(
                "what this server has promised the others cannot be written to its dataDir, so that it has no part in the \
                 ensemble any more; see to the disk and start it again",
            ),
            NodeError::Halted(HaltReason::Failed(Fault::Log)) => f.write_str(
                "the transaction log failed, so that this server has no part in the ensemble any more; see to the disk and \
                 start it again",
            ),
            NodeError::Halted(HaltReason::EpochsExhausted) => f.write_str(
                "the last epoch of this ensemble has been used, so that nobody can lead it any more; begin a new ensemble \
                 with a copy of the data",
            ),
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
            NodeError::Recovery(error) | NodeError::Member(SetupError::Recovery(error))
                if error.is_of_directories() =>
            {
                3
            }
            NodeError::Replica(ReplicaError::Port(_)) => 14,
            _ => 1,
        }
    }
}

fn setup(what: &'static str) -> impl Fn(io::Error) -> NodeError {
    move |source| NodeError::Setup { what, source }
}

/// How a server has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// There is another state in its directories, with which the process is to begin anew.
    BeginsAnew,
}

/// Serves until the process is told to stop, or to begin anew.
pub fn serve(config: &Config, signals: &Signals) -> Result<Ended, NodeError> {
    let Some(settings) = &config.audit else { return serve_audited(config, signals, None) };
    let audit = AuditLog::start(settings).map_err(|source| NodeError::Audit { file: audit_file(settings), source })?;
    let reopened = audit.clone();
    signals.on_hangup(Box::new(move || reopened.reopen()));
    let outcome = serve_audited(config, signals, Some(audit.clone()));
    if outcome.is_err() && !audit.has_noted_start() {
        audit.note(ServerEvent::NotStarted);
    }
    audit.end();
    outcome
}

/// What a message calls the audit log.
fn audit_file(settings: &audit::Settings) -> PathBuf {
    match &settings.output {
        audit::Output::File(rotation) => rotation.path.clone(),
        audit::Output::Stdout => PathBuf::from("the standard output"),
    }
}

fn serve_audited(config: &Config, signals: &Signals, audit: Option<Arc<AuditLog>>) -> Result<Ended, NodeError> {
    let began = Instant::now();
    let descriptors = sys::raise_descriptor_limit().map_err(setup("the limit of open files"))?;
    let files = Files::default();
    let take = |path| DataDir::open(&files, path, config.data_dir_autocreate).map_err(NodeError::Directory);
    let data_dir = Arc::new(take(&config.data_dir)?);
    // Another directory has a lock of its own.
    let is_same = files.is_same_directory(&config.data_log_dir, &config.data_dir);
    let log_dir = (!is_same).then(|| take(&config.data_log_dir)).transpose()?;
    let ports = ClientPorts::open(config).map_err(NodeError::ClientPort)?;

    let sasl = sasl::settings(config).map_err(NodeError::Sasl)?;

    convert_or_refuse(&files, config)?;
    let opened = Opened { ports, signals, descriptors, began, audit, sasl };
    let outcome = match &config.ensemble {
        None => serve_alone(config, data_dir.clone(), opened),
        Some(ensemble) => {
            let beginning = Beginning::Member { ensemble, data_dir: data_dir.clone() };
            run(config, beginning, opened)
        }
    };
    if matches!(outcome, Ok(Ended::BeginsAnew)) {
        // Nobody else takes the directories before the process that comes in place of this one, which has none of its files.
        std::mem::forget((data_dir, log_dir));
    }
    outcome
}

fn serve_alone(config: &Config, data_dir: Arc<DataDir>, opened: Opened<'_>) -> Result<Ended, NodeError> {
    let present = recover_present(log_config(config), rules(config));
    let Present { generation, recovered, former } = present.map_err(NodeError::Recovery)?;
    recovered.report(Some(opened.began.elapsed()));
    let disregarded = disregard_former(&Files::default(), &config.data_dir, &recovered.database);
    disregarded.map_err(setup("the dataDir, for a paddock.config that says that no former ensemble counts"))?;
    let files = FilesInPlace::new(data_dir, generation, recovered.snapshot);
    let config = in_generation(config, generation);
    run(&config, Beginning::Alone(Box::new(AloneBeginning { recovered, former, files })), opened)
}

/// The configuration with the directories of a generation in place of its own.
fn in_generation(config: &Config, generation: Generation) -> Config {
    let (data_dir, data_log_dir) = (generation.dir(&config.data_dir), generation.dir(&config.data_log_dir));
    Config { data_dir, data_log_dir, ..config.clone() }
}

/// Converts a ZooKeeper's files in the directories, or refuses the start where there are any, if those with our own are the
/// right ones.
fn convert_or_refuse(files: &Files, config: &Config) -> Result<(), NodeError> {
    match refuse_misplaced_present(files, &config.data_dir, &config.data_log_dir) {
        // There is something of our own, which a member has replaced.
        Err(RecoveryError::Generation(error)) if config.ensemble.is_some() && error.is_damage() => return Ok(()),
        present => present.map_err(NodeError::Recovery)?,
    };
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
        rules: rules(config),
        length_max: config.jute_max_buffer.saturating_add(config.jute_max_buffer_extra),
        digests_enabled: config.tree_digest_enabled,
        trust_empty_snapshot: config.snapshot_trust_empty,
        accept_missing_logs: false,
    })
}

/// What is open before the state is recovered.
struct Opened<'a> {
    ports: ClientPorts,
    signals: &'a Signals,
    /// Open files that the process may have.
    descriptors: u64,
    began: Instant,
    audit: Option<Arc<AuditLog>>,
    sasl: Option<SaslSettings>,
}

/// With what a server begins.
enum Beginning<'a> {
    Alone(Box<AloneBeginning>),
    Member { ensemble: &'a Ensemble, data_dir: Arc<DataDir> },
}

struct AloneBeginning {
    recovered: Recovered,
    former: FormerGenerations,
    files: FilesInPlace,
}

/// The replica's thread, and what it shares with those of the reactors.
struct Machine {
    poll: Poll,
    bell: Arc<Doorbell>,
    /// Of the reactors with threads of their own.
    polls: Vec<Poll>,
    exchanges: Arc<[Arc<Exchange>]>,
}

impl Machine {
    fn new(threads: usize) -> Result<Machine, NodeError> {
        let poll = Poll::new().map_err(setup("the replica's poll"))?;
        let bell = Arc::new(Doorbell::new(poll.registry(), BELL).map_err(setup("the replica's bell"))?);
        let (mut polls, mut exchanges) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let poll = Poll::new().map_err(setup("a reactor's poll"))?;
            let own = Doorbell::new(poll.registry(), reactor::BELL).map_err(setup("a reactor's bell"))?;
            exchanges.push(Arc::new(Exchange::new(Arc::new(own), bell.clone())));
            polls.push(poll);
        }
        if threads == 0 {
            exchanges.push(Arc::new(Exchange::new(bell.clone(), bell.clone())));
        }
        Ok(Machine { poll, bell, polls, exchanges: exchanges.into() })
    }
}

fn run(config: &Config, beginning: Beginning<'_>, opened: Opened<'_>) -> Result<Ended, NodeError> {
    let Opened { ports: ClientPorts { listeners, addresses, tls }, signals, descriptors, began, audit, sasl } = opened;
    let threads = config.reactors.unwrap_or_else(|| default_reactors(sys::cores().len())).min(REACTORS_MAX);
    let mut machine = Machine::new(threads)?;
    if let Some(audit) = &audit {
        audit.set_bell(machine.bell.clone());
    }
    let settings = Arc::new(reactor_settings(config, authority(config), tls.clone(), sasl));
    let large = LargeRequests::new(config.large_request_threshold, config.large_request_max_bytes);
    let limits = Arc::new(Limits::new(config.connection_throttle, large));
    if config.jute_max_buffer > FRAME_MAX {
        tracing::warn!(
            "jute.maxbuffer={} is more than this server takes; frames of up to {FRAME_MAX} bytes are taken",
            config.jute_max_buffer
        );
    }
    let others = config.ensemble.as_ref().map(|ensemble| {
        let servers = ensemble.config.members().len();
        if ensemble.reconfigures { servers.max(SERVERS_TO_COME) } else { servers }
    });
    let sockets = others.map(peers::sockets::descriptors);
    let http_ports = OpenPorts::open(config).map_err(NodeError::Exporter)?;
    let shared = Descriptors::share(descriptors, threads.max(1), sockets, http_ports.descriptors());
    let descriptors = shared.map_err(NodeError::Descriptors)?;
    descriptors.report();
    let shown = config.ensemble.as_ref().map(|ensemble| ShownConfig::new(ensemble.config.clone()));
    let status = Arc::new(status(config, addresses, shown.clone(), threads.max(1), descriptors));
    let pulse = Arc::new(Pulse::new(ServiceManager::of_environment(), status.clone()));
    let mut server = begin(config, beginning, &machine, status.clone(), (shown.clone(), audit.clone()), &pulse, began)?;
    tracing::info!(
        data = %config.data_dir.display(),
        log = %config.data_log_dir.display(),
        "data directory"
    );
    let summary = Summary { began, status: status.clone(), exchanges: machine.exchanges.clone() };
    let signal = signals.serve(Box::new(move || summary.lines())).map_err(setup("the signals"))?;
    messages::limit_kinds();
    let long_words =
        words::start(machine.exchanges.clone(), status.clone()).map_err(setup("the thread of the words"))?;
    let sasl_tokens = sasl::start(machine.exchanges.clone()).map_err(setup("the thread of SASL"))?;
    let told_conf = {
        let (config, shown) = (config.clone(), shown.clone());
        move || conf(&config, addresses, shown.as_ref())
    };
    let restorer = restorer(config, signals, &pulse)?;
    let http_ports = http_ports.furnish(config, &status, &machine.exchanges, shown, restorer.clone(), told_conf);
    http::start(http_ports).map_err(setup("the thread of HTTP"))?;
    let mut listeners = Some(listeners);
    let exchanges = machine.exchanges.clone();
    let mut reactor = |index: usize, poll: &Poll| {
        let (reader, Zxid(zxid)) = server.reader();
        Reactor::new(reactor::Parts {
            index,
            registry: poll.registry().try_clone()?,
            exchanges: exchanges.clone(),
            settings: settings.clone(),
            limits: limits.clone(),
            status: status.clone(),
            long_words: long_words.clone(),
            sasl_tokens: sasl_tokens.clone(),
            listeners: listeners.take_if(|_| index == reactor::ACCEPTOR).unwrap_or_default(),
            reader,
            zxid,
        })
    };
    let together = match threads {
        0 => Some(reactor(0, &machine.poll).map_err(setup("the reactor"))?),
        _ => None,
    };
    let mut reactors = Vec::new();
    for (index, poll) in std::mem::take(&mut machine.polls).into_iter().enumerate() {
        reactors.push((reactor(index, &poll).map_err(setup("a reactor"))?, poll));
    }
    let sources = Sources::register(machine.poll.registry(), signal).map_err(setup("the replica"))?;
    server.register(machine.poll.registry(), &sources).map_err(NodeError::Replica)?;
    // Before anybody can ask for the state.
    server.begin().map_err(NodeError::Replica)?;
    let mut running = Vec::new();
    for (index, (reactor, poll)) in reactors.into_iter().enumerate() {
        running.push(start_reactor(index, reactor, poll).map_err(setup("a reactor"))?);
    }
    for told in addresses.told() {
        tracing::info!(reactors = threads, "{told}");
    }
    tracing::info!("connect with: zkCli.sh -server {}   (or any ZooKeeper client)", addresses.first());
    let watched = config.client_tls.as_ref().zip(tls);
    let watcher = watched.map(|(settings, tls)| StoreWatcher::start(settings.tls.clone(), tls));
    let _watcher = watcher.transpose().map_err(setup("the thread that watches the stores of TLS"))?;
    let backups = config.backups.as_ref().map(|schedule| {
        let (data_dir, log_dir) = (Generation::above(&config.data_dir), Generation::above(&config.data_log_dir));
        Backups::start(schedule, data_dir, log_dir, status.clone())
    });
    let _backups = backups.transpose().map_err(setup("the backups"))?;
    pulse.begin(&addresses.told().join("; "));
    let note = |event| audit.iter().for_each(|audit| audit.note(event));
    note(ServerEvent::Started);
    let turns = &status.replica.turns;
    let ran = match together {
        Some(reactor) => together::run(&mut server, reactor, machine.poll, &sources, &machine.bell, &pulse, turns),
        None => apart::run(&mut server, machine.poll, &sources, &machine.bell, &exchanges, &pulse, turns),
    };
    pulse.end();
    status.replica.set_serving(Serve::No);
    // Whatever it ends for: in front of the end of the log, which may take long.
    note(ServerEvent::Stopping);
    let ended = ran.map_err(NodeError::Replica).and_then(|()| end(server, running));
    if let Err(error) = ended {
        restorer.iter().for_each(|restorer| restoring::give_up(restorer, &error));
        return Err(error);
    }
    tracing::info!("stopped");
    let is_brought = restorer.is_some_and(|restorer| restoring::restore(&restorer, config, &pulse));
    if !is_brought {
        return Ok(Ended::Stopped);
    }
    // Whoever wants it stopped does not want it to begin anew.
    if signals.have_told() {
        pulse.will_end();
        return Ok(Ended::Stopped);
    }
    Ok(Ended::BeginsAnew)
}

/// Ends the log, and waits for the reactors, which have been told.
fn end(server: Server, reactors: Vec<JoinHandle<io::Result<()>>>) -> Result<(), NodeError> {
    let halted = server.end().map_err(NodeError::Replica)?;
    for thread in reactors {
        if !matches!(thread.join(), Ok(Ok(()))) {
            return Err(NodeError::Reactor);
        }
    }
    halted.map_or(Ok(()), |reason| Err(NodeError::Halted(reason)))
}

/// Who takes in a state that is to be this server's, if it stands alone.
fn restorer(config: &Config, signals: &Signals, pulse: &Arc<Pulse>) -> Result<Option<Arc<Restorer>>, NodeError> {
    if config.ensemble.is_some() {
        return Ok(None);
    }
    let seed = random_seed(&Files::default()).map_err(NodeError::Recovery)?;
    let length_max = config.jute_max_buffer.saturating_add(config.jute_max_buffer_extra);
    let (stop, pulse) = (signals.stopper(), pulse.clone());
    let stop = move || {
        pulse.will_begin_anew();
        let begins = stop();
        if !begins {
            pulse.will_end();
        }
        begins
    };
    Ok(Some(Arc::new(Restorer::new(rules(config), length_max, seed, Box::new(stop)))))
}

fn begin(
    config: &Config,
    beginning: Beginning<'_>,
    machine: &Machine,
    status: Arc<Status>,
    (shown, audit): (Option<ShownConfig>, Option<Arc<AuditLog>>),
    pulse: &Arc<Pulse>,
    began: Instant,
) -> Result<Server, NodeError> {
    // Without random numbers the servers of an ensemble may take their snapshots together, which costs time and nothing else.
    let seed = getrandom::u64().unwrap_or_default();
    let size_limit = config.snap_size_limit.unwrap_or(u64::MAX);
    let trigger = Trigger::new(u64::from(config.snap_count), size_limit, seed);
    match beginning {
        Beginning::Alone(beginning) => {
            alone(config, *beginning, machine, status, (trigger, audit)).map(|replica| Server::Alone(Box::new(replica)))
        }
        Beginning::Member { ensemble, data_dir } => {
            let readiness = Readiness::default();
            let registry = machine.poll.registry().try_clone().map_err(setup("the other servers' sockets"))?;
            let sockets = socket_settings(config, ensemble, security(config, ensemble).map_err(NodeError::Security)?);
            if let Some(open) = open_ports(config, ensemble) {
                tracing::warn!("{open}");
            }
            let links = SocketLinks::new(registry, readiness.clone(), machine.bell.clone(), &sockets);
            let own = ensemble.config.members().get(&ensemble.me).and_then(|me| me.client.clone());
            let setup = MemberSetup {
                me: ensemble.me,
                configs: configs(ensemble),
                config_files: config_files(config, ensemble).map_err(setup("the path of zoo.cfg"))?,
                standalone_enabled: ensemble.standalone_enabled,
                several_addresses: ensemble.several_addresses,
                shown: shown.expect("it is a member that is shown"),
                client_port: ClientPort::new(machine.exchanges.clone(), config.listen_backlog, own),
                settings: core_settings(config, ensemble, seed),
                log: log_config(config),
                data_dir,
                rules: rules(config),
                autocreate: ensemble.autocreate,
                length_max: config.jute_max_buffer.saturating_add(config.jute_max_buffer_extra),
                window_transactions: ensemble.commit_log_count,
                connection_timeout: Ms(ensemble.connection_timeout.as_millis() as u64),
                observer_master_port: ensemble.observer_master_port.unwrap_or(0),
                oracle: ensemble.oracle.clone(),
                links: Box::new(links),
                driven_by: DrivenBy::Thread(machine.bell.clone()),
                exchanges: machine.exchanges.clone(),
                status,
                containers: container_settings(config),
                new_sessions: config.new_sessions,
                throttle: config.request_throttle,
                heard_interval: heard_interval(config),
                retain: retain(config),
                trigger,
                garbage_max: GARBAGE_MAX,
                slice_clock: Box::new(Instant::now),
                alive: alive(pulse),
                audit,
                at: Moment::read(),
            };
            let member = Box::new(setup.begin().map_err(NodeError::Member)?);
            tracing::info!(millis = began.elapsed().as_millis() as u64, "{}", introduction(ensemble));
            Ok(Server::Member { member, readiness })
        }
    }
}

/// Tells within what takes long that the replica's thread goes on.
fn alive(pulse: &Arc<Pulse>) -> Alive {
    let pulse = pulse.clone();
    Arc::new(move || _ = pulse.beat(Instant::now()))
}

/// What a member goes by at first.
fn configs(ensemble: &Ensemble) -> Configs {
    let committed = ensemble.config.clone();
    Configs { last_seen: ensemble.last_seen.clone().unwrap_or_else(|| committed.clone()), committed }
}

/// Where a member keeps changes of its ensemble.
fn config_files(config: &Config, ensemble: &Ensemble) -> io::Result<Option<ConfigFiles>> {
    let Some(file) = config.file.as_ref().filter(|_| ensemble.reconfigures) else { return Ok(None) };
    Ok(Some(ConfigFiles::new(Files::default(), std::path::absolute(file)?, ensemble.me)))
}

fn alone(
    config: &Config,
    AloneBeginning { recovered, former, files }: AloneBeginning,
    machine: &Machine,
    status: Arc<Status>,
    (mut trigger, audit): (Trigger, Option<Arc<AuditLog>>),
) -> Result<Replica, NodeError> {
    let Recovered { database, log, found, times, .. } = recovered;
    status.replica.recovery.note(times);
    let snapshots =
        snapshotter::Settings { files: Files::default(), data_dir: config.data_dir.clone(), retain: retain(config) };
    let driven_by = DrivenBy::Thread(machine.bell.clone());
    let snapshotter = Snapshotter::start(snapshots, former, driven_by).map_err(setup("the snapshotter"))?;
    trigger.note(found.records, 0);
    Ok(Replica::new(replica::Parts {
        exchanges: machine.exchanges.clone(),
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
        audit,
        start: Moment::read(),
    }))
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

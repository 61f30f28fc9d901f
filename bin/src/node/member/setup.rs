//! How a member of an ensemble begins: with what is on its disk.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use paddock_consensus::config::{ConfigOfData, Configs};
use paddock_consensus::epochs::{Epochs, EpochsDisagree};
use paddock_consensus::settings::{Ms, Settings};
use paddock_consensus::zab::{Found, Zab};
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::committed_config::{self, Kept};
use paddock_engine::container::ContainerSettings;
use paddock_engine::database::{CONFIG_PATH, Database, Rules};
use paddock_engine::epoch_files::{EpochError, EpochFiles};
use paddock_engine::io::DataDir;
use paddock_engine::log::{LogConfig, RECORD_BYTES_MAX};
use paddock_net::exchange::Exchange;
use paddock_net::peer::initial_message::BadInitialMessage;
use paddock_net::status::Status;

use super::announcements::Announcements;
use super::client_port::ClientPort;
use super::config_files::{ConfigFileError, ConfigFiles};
use super::config_keeper::ConfigKeeper;
use super::found_configs::{Moved, config_of_data, disregard_former, find_moved, show_committed, without_former};
use super::oracle::OracleFile;
use super::standing::Beginning;
use super::{Member, MemberParts, MemberSettings};
use crate::audit::AuditLog;
use crate::config::{NewSessions, RequestThrottleSettings};
use crate::node::moment::{Moment, Start};
use crate::node::peers::Peers;
use crate::node::peers::election_port::{ElectionPort, Waits};
use crate::node::peers::historian::Historian;
use crate::node::peers::links::Links;
use crate::node::peers::quorum_port::{QuorumPort, QuorumSettings};
use crate::node::peers::spool::Spooler;
use crate::node::pulse::Alive;
use crate::node::recovery::RecoveryError;
use crate::node::replica::window::Window;
use crate::node::replica::{FilesInPlace, Parts, Replica, SliceClock};
use crate::node::shown::ShownConfig;
use crate::node::snapshotter::{self, DrivenBy, Snapshotter, Trigger};

pub struct MemberSetup {
    pub me: ServerId,
    /// As the files have them.
    pub configs: Configs,
    pub settings: Settings,
    /// Of the log, with the `dataDir` and the `dataLogDir` themselves.
    pub log: LogConfig,
    pub data_dir: Arc<DataDir>,
    pub rules: Rules,
    /// Whether a server without data is one that never had any: db.autocreate.
    pub autocreate: bool,
    /// The longest text or buffer that is taken of another server, bytes.
    pub length_max: usize,
    /// commitLogCount: how many of the newest transactions are in memory for learners.
    pub window_transactions: usize,
    /// How long a connection to another server may take to be there, and to say who it is.
    pub connection_timeout: Ms,
    /// observerMasterPort; 0 for none. The core's settings say whether there is one.
    pub observer_master_port: u16,
    /// oraclePath. The core's settings say that there is one.
    pub oracle: Option<PathBuf>,
    pub links: Box<dyn Links>,
    pub driven_by: DrivenBy,
    /// Where the ensemble may be changed while it runs.
    pub config_files: Option<ConfigFiles>,
    /// standaloneEnabled.
    pub standalone_enabled: bool,
    /// multiAddress.enabled.
    pub several_addresses: bool,
    pub shown: ShownConfig,
    pub client_port: ClientPort,
    pub exchanges: Arc<[Arc<Exchange>]>,
    pub status: Arc<Status>,
    pub containers: ContainerSettings,
    pub new_sessions: NewSessions,
    pub throttle: RequestThrottleSettings,
    pub heard_interval: Duration,
    /// Snapshots that stay; `None` for all.
    pub retain: Option<usize>,
    pub trigger: Trigger,
    pub garbage_max: usize,
    pub slice_clock: SliceClock,
    /// Told within what takes long that it goes on.
    pub alive: Alive,
    /// Where it is recorded what clients do, if it is.
    pub audit: Option<Arc<AuditLog>>,
    pub at: Moment,
}

/// Why a member cannot begin.
#[derive(Debug)]
pub enum SetupError {
    Recovery(RecoveryError),
    Epochs(EpochError),
    Disagree(EpochsDisagree),
    /// What is known of the ensemble is not durable.
    Config(ConfigFileError),
    /// The data has this server on another machine than zoo.cfg.
    Moved(Moved),
    /// zoo.cfg has an ensemble that is older than one that an operator has done away with: others may have that in their data.
    Former {
        listed: Zxid,
        disregarded: Zxid,
    },
    /// It cannot be kept that changes in which this server takes no part any more do not count.
    Disregard(io::Error),
    /// A thread cannot be started.
    Thread(io::Error),
    /// The addresses of this server cannot be told to others.
    Addresses(BadInitialMessage),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupError::Recovery(error) => error.fmt(f),
            SetupError::Epochs(error) => error.fmt(f),
            SetupError::Disagree(EpochsDisagree { accepted, current, last }) => write!(
                f,
                "the epochs of this server do not go together: acceptedEpoch is {}, currentEpoch {}, and the newest \
                 transaction {last}",
                accepted.0, current.0
            ),
            SetupError::Config(error) => error.fmt(f),
            SetupError::Moved(Moved { written, kept, newest }) => write!(
                f,
                "zoo.cfg has this server at {written}, and its data, with a later list of the ensemble, at {kept}: is the data a \
                 copy of another server's? With that list this server would join the others of it in its name. Either write that \
                 list into zoo.cfg, which is: {list}; or, if the servers of zoo.cfg are an ensemble of their own, put them into \
                 zoo.cfg.dynamic.{next:x}, and have dynamicConfigFile= in zoo.cfg name that file, on all of them",
                list = newest.text().trim_end().replace('\n', " "),
                next = newest.version().0.saturating_add(1),
            ),
            SetupError::Former { listed, disregarded } => write!(
                f,
                "zoo.cfg has the ensemble of version {:x}, and this server was started before without one of version {:x}, which \
                 others may have in their data: put the servers of zoo.cfg into zoo.cfg.dynamic.{:x}, and have dynamicConfigFile= \
                 in zoo.cfg name that file, on all of them",
                listed.0,
                disregarded.0,
                disregarded.0.saturating_add(1),
            ),
            SetupError::Disregard(error) => write!(f, "cannot write paddock.config in the dataDir: {error}"),
            SetupError::Thread(error) => write!(f, "cannot start a thread: {error}"),
            SetupError::Addresses(error) => {
                write!(f, "the election addresses of this server cannot be told: {error:?}")
            }
        }
    }
}

impl std::error::Error for SetupError {}

/// What a server with this newest transaction has promised, all of it durable; or what it has promised at least, if that is not
/// known, which it has to have a full copy for.
fn known_epochs(epochs: &mut EpochFiles, last: Zxid) -> Result<Epochs, SetupError> {
    let (accepted, current) = match epochs.check(last) {
        Ok(()) => {
            epochs.raise_current(last);
            epochs.make_durable().map_err(SetupError::Epochs)?;
            (epochs.accepted(), epochs.current())
        }
        Err(_) => {
            let (accepted, current) = epochs.at_least(last);
            (Some(accepted), Some(current))
        }
    };
    Epochs::new(accepted, current, last).map_err(SetupError::Disagree)
}

impl MemberSetup {
    /// Recovers the state, or begins without one where it cannot be relied on, and looks for a leader from the first turn on.
    pub fn begin(mut self) -> Result<Member, SetupError> {
        let mut epochs = EpochFiles::read(&self.log.files, &self.log.data_dir).map_err(SetupError::Epochs)?;
        let beginning =
            Beginning::find(&self.log, &self.rules, self.autocreate, &epochs).map_err(SetupError::Recovery)?;
        let Beginning { standing, present, generation, mut database, log, history, snapshot, replayed, times, former } =
            beginning;
        self.status.replica.recovery.note(times);
        self.trigger.note(replayed, 0);
        let last = database.last_zxid();
        let known = known_epochs(&mut epochs, last)?;
        let start = Start(self.at.now);
        let began = Ms(start.millis(self.at.now));
        let (configs, config_keeper) = self.find_configs(&mut database, began)?;
        let shown = (CONFIG_PATH.len() + configs.committed.text().len()) as u64;
        self.status.replica.written_by_namespace.note(CONFIG_PATH.as_bytes(), shown);
        let sealed = database.tree_mut().seal();
        database.tree_mut().publish(sealed);
        let core = Found { epochs: known, history, standing, configs };
        let zab = Zab::new(self.me, self.settings.clone(), core, began);
        let config = self.configs.committed.clone();
        let announcements = Announcements::begin(self.me, &config, &self.settings, began);
        let (election, quorum) = self.peers()?;
        let files = match Some(generation) == present {
            true => FilesInPlace::new(self.data_dir.clone(), generation, snapshot),
            false => FilesInPlace::beside(self.data_dir.clone(), present, generation),
        };
        let dir = generation.dir(&self.log.data_dir);
        let snapshots = snapshotter::Settings { files: self.log.files.clone(), data_dir: dir, retain: self.retain };
        let snapshotter = Snapshotter::start(snapshots, former, self.driven_by.clone()).map_err(SetupError::Thread)?;
        let record_max = self.length_max.min(RECORD_BYTES_MAX);
        let oracle = self.oracle.map(|path| OracleFile::new(self.log.files.clone(), path));
        let settings = MemberSettings {
            log: self.log,
            rules: self.rules,
            length_max: self.length_max,
            heard_interval: self.heard_interval,
            standalone_enabled: self.standalone_enabled,
            several_addresses: self.several_addresses,
            alive: self.alive,
        };
        let replica = Replica::new(Parts {
            exchanges: self.exchanges,
            status: self.status.clone(),
            database,
            log,
            is_member: true,
            window: Some(Window::new(last, self.window_transactions)),
            containers: self.containers,
            tick_ms: self.settings.tick.0,
            heard_interval: self.heard_interval,
            server_id: self.me.0,
            new_sessions: self.new_sessions,
            throttle: self.throttle,
            snapshotter,
            trigger: self.trigger,
            files,
            garbage_max: self.garbage_max,
            record_max,
            slice_clock: self.slice_clock,
            audit: self.audit,
            start: self.at,
        });
        let peers = Peers::new(self.links, self.configs, election, quorum);
        let (status, driven_by, at) = (self.status, self.driven_by, self.at);
        Ok(Member::new(MemberParts {
            me: self.me,
            replica,
            zab,
            peers,
            epochs,
            config_keeper,
            config,
            shown: self.shown,
            client_port: self.client_port,
            settings,
            announcements,
            oracle,
            status,
            driven_by,
            start,
            at,
        }))
    }

    /// What this server goes by, with what keeps it where the ensemble may be changed; clients are to read of it.
    fn find_configs(
        &mut self,
        database: &mut Database,
        now: Ms,
    ) -> Result<(Configs, Option<ConfigKeeper>), SetupError> {
        let data = (self.log.files.clone(), self.log.data_dir.clone());
        let committed = &self.configs.committed;
        let Some(files) = self.config_files.take() else {
            disregard_former(&data.0, &data.1, database).map_err(SetupError::Disregard)?;
            database.show_config(committed.text(), committed.version());
            return Ok((self.configs.clone(), None));
        };
        let kept = committed_config::read(&data.0, &data.1).unwrap_or_else(|error| {
            tracing::warn!(
                "{error}: the ensemble is that of zoo.cfg, or of the log if that is newer, also where this server was started \
                 without a former ensemble before"
            );
            Kept::default()
        });
        let version = committed.version();
        if !version.is_blank() && version < kept.disregarded {
            return Err(SetupError::Former { listed: version, disregarded: kept.disregarded });
        }
        if config_of_data(database).is_some_and(|data| data.version() <= kept.disregarded) {
            database.show_config(committed.text(), version);
        }
        let recorded = kept.committed.clone().map(|config| ConfigOfData::recorded(Arc::new(config)));
        let found = without_former(&self.configs, kept.disregarded).with_data(recorded.as_ref());
        let found = found.with_data(config_of_data(database).as_ref());
        if let Some(moved) = find_moved(&self.configs, &found, self.me) {
            return Err(SetupError::Moved(moved));
        }
        let mut keeper = ConfigKeeper::new(files, self.me, committed, data, kept);
        keeper.begin(&self.configs, &found, now).map_err(SetupError::Config)?;
        show_committed(database, &found.committed);
        Ok((found, Some(keeper)))
    }

    fn peers(&self) -> Result<(ElectionPort, QuorumPort), SetupError> {
        let wait = self.connection_timeout;
        let own = self.configs.committed.members().get(&self.me);
        let addresses: Vec<_> =
            own.into_iter().flat_map(|member| &member.addresses).map(|address| address.election.clone()).collect();
        let election = ElectionPort::new(self.me, &addresses, Waits { greeting: wait, attempt: wait })
            .map_err(SetupError::Addresses)?;
        let historian = Historian::start(self.driven_by.clone()).map_err(SetupError::Thread)?;
        let spooler = Spooler::new(self.log.files.clone(), &self.log.data_dir, self.driven_by.clone());
        let settings = QuorumSettings {
            me: self.me,
            observer_master_port: self.observer_master_port,
            features: self.settings.features,
            data_max: self.length_max,
            txn_max: RECORD_BYTES_MAX,
            attempt: wait,
            introduction: self.settings.init_wait(),
            standstill: self.settings.init_wait(),
        };
        Ok((election, QuorumPort::new(settings, historian, spooler)))
    }
}

//! A machine of the ensemble: its disk, and the process on it, if one runs.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mio::{Poll, Token};
use paddock::config::{NewSessions, RequestThrottleSettings};
use paddock::node::member::{ClientPort, Member, MemberSetup};
use paddock::node::moment::Moment;
use paddock::node::peers::simulated::{HostId, HostLinks, Network, OBSERVER_MASTER_PORT};
use paddock::node::replica::GARBAGE_MAX;
use paddock::node::settings::FEATURES;
use paddock::node::shown::ShownConfig;
use paddock::node::snapshotter::{DrivenBy, Trigger};
use paddock_consensus::config::Configs;
use paddock_consensus::output::Part;
use paddock_consensus::settings::{Features, Ms, Settings};
use paddock_consensus::{Epoch, ServerId};
use paddock_engine::container::ContainerSettings;
use paddock_engine::database::Rules;
use paddock_engine::io::simulated::{Choice, FileSystem, Seeded};
use paddock_engine::io::{DataDir, Files};
use paddock_engine::log::LogConfig;
use paddock_net::doorbell::Doorbell;
use paddock_net::exchange::Exchange;
use paddock_net::four_letter;
use paddock_net::status::{ReactorStatus, Status};

use super::clock::SliceClock;
use super::reactor::{REPORT_EVERY, Reactor};
use super::zoo_cfg;

/// Where its files are.
const DATA_DIR: &str = "/data";

/// What all servers of a world have alike.
#[derive(Clone)]
pub struct Setting {
    pub configs: Configs,
    /// The ensemble may be changed while it runs: each server goes by its own [files](zoo_cfg) instead.
    pub is_changed: bool,
    pub tick: Ms,
    pub init_limit: u32,
    pub sync_limit: u32,
    /// A snapshot is taken about every so many transactions.
    pub snap_count: u64,
    pub segment_bytes: u64,
    /// How many of the newest transactions are in memory for learners.
    pub window_transactions: usize,
    /// What its servers tell each other; `None` if each process is of another version than the one before it, and than others.
    pub features: Option<Features>,
    /// From this counter on a leader begins another epoch.
    pub renew_from: u32,
    /// Whether followers serve observers.
    pub observer_masters: bool,
    /// Whether a server without data is one that never had any.
    pub autocreate: bool,
    /// Whether a leader serves clients.
    pub leader_serves: bool,
    /// Whether a server that finds no leader serves who only reads.
    pub read_only_mode: bool,
    pub new_sessions: NewSessions,
}

pub struct Server {
    pub id: ServerId,
    pub host: HostId,
    pub disk: FileSystem,
    pub process: Option<Process>,
    /// How many processes have run here.
    pub lives: u64,
}

/// A process, and the reactor that stands between it and its clients.
pub struct Process {
    pub member: Member,
    pub reactor: Reactor,
    /// What words tell of it.
    pub status: Arc<Status>,
    pub slices: SliceClock,
    /// Its bells, which nobody waits for.
    _poll: Poll,
    pub last_report: Duration,
    /// When its next turn is, if that is known.
    pub wake_at: Option<Duration>,
    /// Whether a completion of its disk is on its way.
    pub disk_is_due: bool,
}

impl Server {
    pub fn new(id: ServerId, host: HostId, seed: u64) -> Server {
        let disk = FileSystem::new(seed);
        let files = Files::Simulated(disk.clone());
        files.create_dir(Path::new(DATA_DIR)).expect("an empty disk takes a directory");
        files.sync_dir(Path::new("/")).expect("a directory is synced");
        Server { id, host, disk, process: None, lives: 0 }
    }

    pub fn files(&self) -> Files {
        Files::Simulated(self.disk.clone())
    }

    /// Whether a start would be refused, because the members that its files have leave it out.
    pub fn is_left_out(&self) -> bool {
        zoo_cfg::read(&self.files()).is_none()
    }

    /// Where its log is, with the `dataDir` and the `dataLogDir` themselves.
    pub fn log_config(&self, setting: &Setting) -> LogConfig {
        LogConfig {
            files: self.files(),
            data_dir: PathBuf::from(DATA_DIR),
            segment_bytes: setting.segment_bytes,
            first_bytes: setting.segment_bytes.min(16 << 10),
            ..LogConfig::new(Path::new(DATA_DIR))
        }
    }

    /// Starts a process on what is on the disk.
    ///
    /// # Errors
    /// If it does not start. What it has begun is to be ended like a process.
    pub fn start(
        &mut self,
        setting: &Setting,
        network: &Network,
        draws: &mut Seeded,
        now: Duration,
        at: Moment,
    ) -> Result<(), Box<dyn Error>> {
        assert!(self.process.is_none(), "one process at a time");
        self.lives += 1;
        let poll = Poll::new().expect("a poll can be had");
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(0)).expect("a bell can be had"));
        let exchange = Arc::new(Exchange::new(bell.clone(), bell));
        let exchanges: Arc<[Arc<Exchange>]> = [exchange.clone()].into();
        let status = Arc::new(Status {
            reactors: vec![ReactorStatus::default()],
            allowed_words: four_letter::KNOWN.to_vec(),
            ..Status::default()
        });
        let files = self.files();
        let data_dir = DataDir::open(&files, Path::new(DATA_DIR), false)?;
        let configs = match setting.is_changed {
            true => zoo_cfg::read(&files).expect("who is left out is not started"),
            false => setting.configs.clone(),
        };
        let own = configs.committed.members().get(&self.id).and_then(|me| me.client.clone());
        let links = HostLinks::begin(network, self.host);
        let slices = SliceClock::new(at.now);
        let looks = slices.clone();
        let setup = MemberSetup {
            me: self.id,
            config_files: setting.is_changed.then(|| zoo_cfg::config_files(files, self.id)),
            settings: settings(setting, draws),
            log: self.log_config(setting),
            data_dir: Arc::new(data_dir),
            rules: Rules { reconfig_enabled: setting.is_changed, ..Rules::default() },
            autocreate: setting.autocreate,
            length_max: 2 << 20,
            window_transactions: setting.window_transactions,
            connection_timeout: Ms(5_000),
            observer_master_port: if setting.observer_masters { OBSERVER_MASTER_PORT } else { 0 },
            oracle: None,
            links: Box::new(links),
            driven_by: DrivenBy::Caller,
            alive: Arc::new(|| {}),
            standalone_enabled: true,
            several_addresses: true,
            shown: ShownConfig::new(configs.committed.clone()),
            configs,
            client_port: ClientPort::new(exchanges.clone(), 0, own),
            exchanges,
            status: status.clone(),
            containers: ContainerSettings {
                check_interval_ms: 60_000,
                max_per_minute: 10_000,
                max_never_used_ms: None,
            },
            new_sessions: setting.new_sessions,
            throttle: RequestThrottleSettings {
                requests_max: None,
                drops_stale: false,
                checks_connection: false,
                checks_latency: false,
                wait_max: None,
            },
            heard_interval: REPORT_EVERY,
            retain: Some(3),
            trigger: Trigger::new(setting.snap_count, u64::MAX, draws.draw()),
            garbage_max: GARBAGE_MAX,
            slice_clock: Box::new(move || looks.look()),
            audit: None,
            at,
        };
        let mut member = setup.begin()?;
        let (reader, zxid) = member.reader();
        member.begin().map_err(|error| error.to_string())?;
        self.process = Some(Process {
            member,
            reactor: Reactor::new(exchange, reader, zxid.0, at.now),
            status,
            slices,
            _poll: poll,
            last_report: now,
            wake_at: Some(now),
            disk_is_due: false,
        });
        Ok(())
    }

    /// Whether it serves clients.
    pub fn serves(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.reactor.serves())
    }

    /// The power goes: any of what was not durable is lost.
    pub fn lose_power(&mut self, network: &Network, choice: &mut dyn Choice) {
        self.process = None;
        network.end_process(self.host);
        self.disk = self.disk.crash(choice);
    }

    /// The process ends; the machine goes on.
    pub fn end_process(&mut self, network: &Network, choice: &mut dyn Choice) {
        self.process = None;
        network.end_process(self.host);
        self.disk = self.disk.end_process(choice);
    }
}

fn settings(setting: &Setting, draws: &mut Seeded) -> Settings {
    Settings {
        tick: setting.tick,
        init_limit: setting.init_limit,
        sync_limit: setting.sync_limit,
        connect_limit: 0,
        notification_interval_min: Ms(200),
        notification_interval_max: Ms(60_000),
        epoch_wait_max: None,
        reconfig_enabled: setting.is_changed,
        leader_serves: setting.leader_serves,
        force_snapshot: false,
        observer_election_delay_max: Ms(200),
        read_only_mode: setting.read_only_mode,
        has_oracle: false,
        has_observer_masters: setting.observer_masters,
        observer_reconnect_delay_max: Ms(0),
        features: setting.features.unwrap_or_else(|| [Features::default(), FEATURES][draws.choose(2)]),
        renew_from: setting.renew_from,
        seed: draws.draw(),
    }
}

/// What is told of a server when it changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    awaits: &'static str,
    part: Part,
    accepted: Epoch,
    serves: bool,
}

impl Stand {
    pub fn of(process: &Process) -> Stand {
        let Process { member, reactor, .. } = process;
        let state = member.state();
        Stand { awaits: state.awaits, part: member.part(), accepted: state.epochs.accepted(), serves: reactor.serves() }
    }
}

/// What a server says of itself, for people.
pub fn describe(process: &Process) -> String {
    let Stand { awaits, part, accepted: Epoch(accepted), serves } = Stand::of(process);
    let state = process.member.state();
    let part = match part {
        Part::Looking => "looks for a leader".to_owned(),
        Part::Following { leader: ServerId(leader), epoch: Epoch(epoch) } => {
            format!("follows s{leader} in epoch {epoch}")
        }
        Part::Observing { leader: ServerId(leader), epoch: Epoch(epoch) } => {
            format!("observes s{leader} in epoch {epoch}")
        }
        Part::Leading { epoch: Epoch(epoch) } => format!("leads epoch {epoch}"),
    };
    let serves = if serves { "serves clients" } else { "serves nobody" };
    format!(
        "{part}, is {awaits}, {serves}; has promised epoch {accepted}, durable up to {}, committed up to {}",
        state.durable, state.committed
    )
}

//! A server as a member of an ensemble: the replica, the core that decides what it is, and the connections to the others.
//!
//! ```text
//!                 ┌────────────► core ────────────┐
//!             inputs                           outputs
//!   peers ───────┤                                 ├──► peers, replica, epoch files
//!   log ─────────┘                                 │
//!   reactors ──► replica ──(learner: forwards)─────┴──► peers
//! ```
//! A turn is an order: what the log has done, then what the others say, then what is public by that; then clients are heard,
//! and what is due is done. A leader's proposals go to its learners before they go to its own disk, because those have the
//! longer way; a learner hands its disk first what the leader waits for.
//!
//! The core is told of everything and does nothing. Each of its outputs is performed before it is told anything more.

mod absences;
mod acks;
mod announcements;
mod client_port;
pub mod config_files;
mod config_keeper;
mod divergence;
mod ensemble;
mod figures;
mod former;
pub mod found_configs;
mod full_disk;
mod making;
mod marks;
mod oracle;
mod pings;
mod plans;
mod setup;
mod standing;

pub use self::client_port::ClientPort;
pub use self::plans::Plans;
pub use self::setup::{MemberSetup, SetupError};

use std::cell::Cell;
use std::collections::VecDeque;
use std::mem;
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use paddock_consensus::config::{Config, PeerType};
use paddock_consensus::input::{Fault, Input, Link, Mark, Ticket, Unsettled};
use paddock_consensus::message::Message;
use paddock_consensus::mutants::mutant;
use paddock_consensus::output::{self, HaltReason, Output, Part, Reason};
use paddock_consensus::settings::Ms;
use paddock_consensus::zab::{LearnerState, State, Zab};
use paddock_consensus::{Epoch, ServerId, Zxid};
use paddock_engine::database::{Database, Rules};
use paddock_engine::epoch_files::{EpochError, EpochFiles};
use paddock_engine::installation::{self, IncomingState, InstallationError, PlacementError};
use paddock_engine::io::probes;
use paddock_engine::log::{LogConfig, LogRange};
use paddock_engine::progress::Progress;
use paddock_engine::replay::{Before, ReplayError};
use paddock_engine::tree::Reader;
use paddock_engine::truncation::{Rebuild, TruncationError, truncate};
use paddock_engine::txn::Txn;
use paddock_net::peer::forwarded_request::ForwardedRequest;
use paddock_net::peer::revalidation::{Revalidation, RevalidationAnswer};
use paddock_net::peer::touches::{TOUCH, Touch};
use paddock_net::serving::Serve;
use paddock_net::status::Status;

use self::acks::Acks;
use self::announcements::Announcements;
use self::config_files::ConfigFileError;
use self::config_keeper::ConfigKeeper;
use self::divergence::{Divergence, Verdict};
use self::ensemble::{Present, change_in};
use self::figures::MemberFigures;
use self::former::Former;
use self::found_configs::{is_to_show, show_committed};
use self::full_disk::FullDisk;
use self::making::{Brought, Making};
use self::marks::Marks;
use self::oracle::OracleFile;
use self::pings::Pings;
use self::standing::forget_uninitialized;
use super::moment::{Moment, Start};
use super::peers::{Arrival, Peers};
use super::pulse::Alive;
use super::recovery::random_seed;
use super::replica::window::Window;
use super::replica::{
    Asker, Desk, Leader, LeaderRequest, Learner, LearnerRequest, LearnerRequests, ObserverRequests, Replica,
    ReplicaError, ToLeader, transactions_between,
};
use super::shown::ShownConfig;
use super::snapshotter::DrivenBy;

/// Bytes of what a learner has still to write or to apply, beyond which it leaves its leader: with one that is so far ahead it
/// would not be done in time, and it is brought what it lacks as it can take it when it comes back.
const TAIL_BYTES: usize = 512 << 20;

/// How long an acknowledgement took is told of each zxid that so many divide, as by ZooKeeper.
const ACKS_APART: i64 = 1000;

/// How long a server that is told to stop waits for what it still needs for answers ([`Member::owes_answers`]).
const ANSWERS_WAIT: Ms = Ms(1000);

/// Why an epoch or a configuration is not durable.
struct NotWritten {
    error: String,
    /// It may be had later.
    is_shortage: bool,
}

impl From<EpochError> for NotWritten {
    fn from(error: EpochError) -> NotWritten {
        NotWritten { is_shortage: error.is_shortage(), error: error.to_string() }
    }
}

impl From<ConfigFileError> for NotWritten {
    fn from(error: ConfigFileError) -> NotWritten {
        NotWritten { is_shortage: error.is_shortage(), error: error.to_string() }
    }
}

/// The process was told to stop.
#[derive(Clone, Copy)]
enum Stop {
    Asked,
    /// The core will be told then, or when the clients have their answers.
    Awaited(Ms),
    /// The core knows of it.
    Told,
}

/// A leader orders nothing, so that its epoch can be renewed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Suspension {
    No,
    /// The core is told when what was begun is proposed.
    Asked,
    Told,
}

pub struct Member {
    me: ServerId,
    replica: Replica,
    zab: Zab,
    peers: Peers,
    epochs: EpochFiles,
    /// Where the ensemble may be changed while it runs.
    config_keeper: Option<ConfigKeeper>,
    /// What is in force, as this server goes by it.
    config: Arc<Config>,
    shown: ShownConfig,
    client_port: ClientPort,
    /// A leader has ordered a change of the ensemble of which the core has not heard.
    is_changing: Cell<bool>,
    settings: MemberSettings,
    leader: Leader,
    /// What its learners ask of a leader.
    requests: LearnerRequests,
    learner: Learner,
    /// What observers ask of a follower that serves them.
    observer_requests: ObserverRequests,
    making: Making,
    /// What is being made of the history waits for it.
    making_disk: FullDisk,
    marks: Marks,
    pings: Pings,
    plans: Plans,
    /// Of a leader.
    acks: Acks,
    figures: MemberFigures,
    announcements: Announcements,
    /// What may let it go on without the other of two voters.
    oracle: Option<OracleFile>,
    /// Up to which transaction the core knows the log to be durable.
    durable: Zxid,
    /// The last transaction of this reign that the core and the learners were told of.
    proposed: Zxid,
    confirmed: Ticket,
    /// Before this transaction the log has none.
    forgotten: Zxid,
    /// While it does not serve, this learner has applied a transaction that led to another state than the leader's.
    diverged: bool,
    divergence: Divergence,
    /// What ends this server at the end of what it is doing.
    fatal: Option<ReplicaError>,
    /// The learners' requests come before those of the own clients in this turn: where there is room for some only, nobody
    /// is left out.
    learners_first: bool,
    stop: Option<Stop>,
    suspension: Suspension,
    /// When the core has asked for that last.
    suspended: Instant,
    halted: Option<HaltReason>,
    log_changed: bool,
    former: Former,
    outputs: Vec<Output>,
    inputs: VecDeque<Input<'static>>,
    start: Start,
    at: Moment,
}

/// What a member does not have from its core.
pub struct MemberSettings {
    /// Of the log, with the `dataDir` and the `dataLogDir` themselves.
    pub log: LogConfig,
    pub rules: Rules,
    /// The longest text or buffer that is taken of another server, bytes: `jute.maxbuffer` and
    /// `zookeeper.jute.maxbuffer.extrasize` together.
    pub length_max: usize,
    /// How often reactors report whom they heard, here and on the learners.
    pub heard_interval: Duration,
    /// A server may stand alone, so that no change leaves one participant: standaloneEnabled.
    pub standalone_enabled: bool,
    /// A server may have several addresses: multiAddress.enabled.
    pub several_addresses: bool,
    /// Told within what takes long that it goes on.
    pub alive: Alive,
}

impl MemberSettings {
    /// So many sessions have room in the answer to a PING.
    fn touches_max(&self) -> usize {
        self.length_max / TOUCH
    }

    /// What ordering a change of the ensemble needs.
    fn present<'a>(&self, zab: &'a Zab, is_changing: &'a Cell<bool>) -> Present<'a> {
        let MemberSettings { standalone_enabled, several_addresses, .. } = *self;
        Present { zab, standalone_enabled, several_addresses, is_changing }
    }
}

/// What a member is made from.
pub struct MemberParts {
    pub me: ServerId,
    pub replica: Replica,
    pub zab: Zab,
    pub peers: Peers,
    pub epochs: EpochFiles,
    pub config_keeper: Option<ConfigKeeper>,
    /// What is in force by the files. The core may know of a newer one.
    pub config: Arc<Config>,
    pub shown: ShownConfig,
    pub client_port: ClientPort,
    pub settings: MemberSettings,
    pub announcements: Announcements,
    pub oracle: Option<OracleFile>,
    pub status: Arc<Status>,
    /// Who has work beside the replica's take its steps.
    pub driven_by: DrivenBy,
    /// The moment that was 0 for the core.
    pub start: Start,
    pub at: Moment,
}

impl Member {
    pub fn new(parts: MemberParts) -> Member {
        let MemberParts {
            replica,
            zab,
            peers,
            epochs,
            settings,
            announcements,
            oracle,
            status,
            driven_by,
            config,
            start,
            at,
            ..
        } = parts;
        let figures = MemberFigures::new(status, &config, at.now);
        let durable = replica.head.last_logged();
        Member {
            me: parts.me,
            replica,
            zab,
            peers,
            epochs,
            config_keeper: parts.config_keeper,
            config,
            shown: parts.shown,
            client_port: parts.client_port,
            is_changing: Cell::new(false),
            settings,
            leader: Leader::default(),
            requests: LearnerRequests::default(),
            learner: Learner::default(),
            observer_requests: ObserverRequests::default(),
            making: Making::Nothing,
            making_disk: FullDisk::for_much(),
            marks: Marks::default(),
            pings: Pings::default(),
            plans: Plans::default(),
            acks: Acks::default(),
            figures,
            announcements,
            oracle,
            durable,
            proposed: durable,
            confirmed: Ticket::default(),
            forgotten: Zxid::NOTHING,
            diverged: false,
            divergence: Divergence::default(),
            fatal: None,
            learners_first: false,
            stop: None,
            suspension: Suspension::No,
            suspended: at.now,
            halted: None,
            log_changed: false,
            former: Former::new(&driven_by),
            outputs: Vec::new(),
            inputs: VecDeque::new(),
            start,
            at,
        }
    }

    /// Before the first turn.
    pub fn begin(&mut self) -> Result<(), ReplicaError> {
        self.replica.begin()?;
        self.take_configs();
        Ok(())
    }

    /// What the core is in, for words and checks.
    pub fn state(&self) -> State<'_> {
        self.zab.state()
    }

    /// What this server is.
    pub fn part(&self) -> Part {
        self.replica.membership().part()
    }

    /// The newest transactions as they are in the log, for checks.
    pub fn window(&self) -> &Window {
        self.replica.head.records().window
    }

    /// The state up to the newest transaction that is applied, for checks.
    pub fn database(&self) -> &Database {
        self.replica.head.database()
    }

    /// Gives a znode other data than the other servers have, as if a transaction had been applied wrongly.
    #[cfg(feature = "testing")]
    pub fn falsify(&mut self, path: &str, data: &[u8]) {
        self.replica.head.falsify(path, data);
    }

    /// The log, for checks: what it has, and what it has told to be durable.
    pub fn log(&self) -> (LogRange, Zxid) {
        (self.replica.head.log_range(), self.replica.head.completed())
    }

    /// A reader of the recovered state for a reactor, before the first turn, with the state's newest transaction.
    pub fn reader(&mut self) -> (Reader, Zxid) {
        self.replica.reader()
    }

    /// How it has synchronised its learners.
    pub fn plans(&self) -> Plans {
        self.plans
    }

    /// The process was told to stop. Nothing more is taken of clients. The core is told when those of a learner have their
    /// answers; a leader's are answered until the core has handed over.
    pub fn stop(&mut self) {
        self.replica.stop();
        self.stop.get_or_insert(Stop::Asked);
    }

    fn see_to_stop(&mut self) -> Result<(), ReplicaError> {
        if let Some(Stop::Asked) = self.stop {
            self.stop = Some(Stop::Awaited(self.now().after(ANSWERS_WAIT)));
        }
        match self.stop {
            Some(Stop::Awaited(until)) if until <= self.now() || !self.owes_answers() => {
                self.stop = Some(Stop::Told);
                self.tell(Input::Stop)
            }
            _ => Ok(()),
        }
    }

    fn suspend(&mut self, suspension: Suspension) {
        self.suspension = suspension;
        if suspension == Suspension::Asked {
            self.suspended = self.at.now;
        }
        self.replica.head.suspend(suspension != Suspension::No);
    }

    /// Everything that has a zxid, and every ticket, was told to the core in this turn, unless a transaction is unfinished.
    fn see_to_suspension(&mut self) -> Result<(), ReplicaError> {
        if self.suspension == Suspension::Asked && !self.replica.head.is_in_long_work() {
            self.suspension = Suspension::Told;
            self.tell(Input::Suspended)?;
        }
        Ok(())
    }

    /// Whether this server waits for what it needs for answers: what its leader makes of requests, or a transaction of its own
    /// that takes several turns.
    fn owes_answers(&self) -> bool {
        self.replica.head.is_in_long_work() || self.learner.owes_answers()
    }

    /// Why the process is to end, once it is.
    pub fn halted(&self) -> Option<HaltReason> {
        self.halted
    }

    /// Whether the process may end: it is to, what is committed is with the reactors, and what was to be said to the others has
    /// gone out, or has had its time.
    pub fn has_stopped(&self) -> bool {
        match self.halted {
            None => false,
            Some(HaltReason::Stopped) => !self.replica.head.is_blocked() && !self.peers.has_farewells(),
            Some(_) => true,
        }
    }

    /// What becomes readable when the log has something to tell: [`Replica::event_fds`].
    pub fn event_fds(&mut self) -> Vec<RawFd> {
        self.replica.event_fds()
    }

    /// Whether the log is another one since this was asked last, and so are the [event descriptors](Self::event_fds).
    pub fn take_log_changed(&mut self) -> bool {
        mem::take(&mut self.log_changed)
    }

    /// After the last turn. What was appended since something failed is not written: a change of the ensemble that the files
    /// have not must not be in the log either. Nor is it where one has no room yet.
    pub fn end(self) -> Result<(), ReplicaError> {
        if !self.may_submit() {
            self.replica.give_up();
            return Ok(());
        }
        self.replica.end()
    }

    /// Whether this server could not keep what it has promised, or what its log has.
    fn has_failed(&self) -> bool {
        matches!(self.halted, Some(HaltReason::Failed(_)))
    }

    /// Whether the disk may be given what comes behind everything that has to be in a file of its own first.
    fn may_submit(&self) -> bool {
        !self.has_failed() && !self.marks.hold_log_back()
    }

    fn now(&self) -> Ms {
        Ms(self.start.millis(self.at.now))
    }

    fn is_leading(&self) -> bool {
        matches!(self.part(), Part::Leading { .. })
    }

    /// A turn: see the module.
    pub fn turn(&mut self, at: Moment) -> Result<(), ReplicaError> {
        self.at = at;
        self.replica.begin_turn(at)?;
        self.write_marks()?;
        self.tell_durable()?;
        self.hear_peers()?;
        if self.zab.deadline().is_some_and(|deadline| deadline <= self.now()) {
            self.tell(Input::Time)?;
        }
        self.go_on_making()?;
        self.go_on_applying()?;
        self.see_to_divergence()?;
        self.replica.publish();
        self.gather();
        self.replica.see_to_due();
        self.spool();
        self.propose()?;
        self.see_to_suspension()?;
        self.see_to_stop()?;
        self.see_to_config_files();
        self.send_and_submit()?;
        self.replica.end_turn()?;
        self.tell_figures();
        let (now, zab) = (self.now(), &self.zab);
        self.announcements.tell_overdue(now, || zab.state().announced.is_some());
        self.former.let_go();
        self.tell_forgotten()
    }

    /// How long the poll may sleep.
    pub fn timeout(&self) -> Option<Duration> {
        let has_requests = self.takes_requests() && self.requests.has_ready();
        let may_suspend = self.suspension == Suspension::Asked && !self.replica.head.is_in_long_work();
        if self.peers.has_more() || may_suspend || has_requests && self.replica.head.has_room_for_requests() {
            return Some(Duration::ZERO);
        }
        let until = |deadline: Ms| self.start.until(deadline.0, self.at.now);
        let stop = match self.stop {
            Some(Stop::Awaited(until)) => Some(until),
            Some(Stop::Asked | Stop::Told) | None => None,
        };
        let told = self.announcements.deadline();
        let kept = self.config_keeper.as_ref().and_then(ConfigKeeper::deadline);
        let room = [self.marks.deadline(), self.making_disk.deadline(), kept];
        let deadlines = [self.zab.deadline(), self.peers.deadline(), stop, told].into_iter().chain(room);
        let deadlines = deadlines.flatten().map(until);
        let outstanding = match self.part() {
            Part::Leading { .. } | Part::Looking => Some(0),
            _ => self.learner.outstanding().filter(|_| self.peers.has_room_to_forward()),
        };
        deadlines.chain(self.replica.timeout_with(outstanding)).min()
    }

    /// Takes a step of what has threads elsewhere, where files are simulated.
    pub fn work(&mut self, now: Instant) -> Progress {
        let snapshots = self.replica.work(now);
        let log = self.replica.head.log().work(now);
        let quorum = self.peers.quorum();
        let (history, state) = (quorum.historian().work(), quorum.spooler().work());
        if [snapshots, log, history, state].contains(&Progress::More) { Progress::More } else { snapshots }
    }
}

/// What the core is told, and what it says.
impl Member {
    fn tell(&mut self, input: Input<'_>) -> Result<(), ReplicaError> {
        self.zab.step(self.now(), input, &mut self.outputs);
        self.perform()
    }

    fn perform(&mut self) -> Result<(), ReplicaError> {
        if self.outputs.is_empty() && self.inputs.is_empty() {
            return Ok(());
        }
        loop {
            let mut outputs = mem::take(&mut self.outputs);
            self.peers.begin_step(&outputs);
            for output in outputs.drain(..) {
                self.carry_out(output)?;
            }
            self.outputs = outputs;
            let Some(input) = self.inputs.pop_front() else { return Ok(()) };
            let is_config = matches!(input, Input::Written(Mark::LastSeen(_) | Mark::Committed(_)));
            self.zab.step(self.now(), input, &mut self.outputs);
            if is_config {
                self.take_configs();
            }
        }
    }

    fn carry_out(&mut self, output: Output) -> Result<(), ReplicaError> {
        self.take_note(&output)?;
        let now = self.now();
        let Some(output) = self.peers.perform(output, self.replica.head.records(), now) else { return Ok(()) };
        match output {
            Output::Send(link, Message::Pong) => {
                let touched = self.learner.take_touched(self.settings.touches_max());
                let touches: Vec<Touch> = touched.map(|(session, timeout)| Touch { session, timeout }).collect();
                self.peers.pong(link, &touches, self.replica.head.records());
            }
            Output::Write(mark) => {
                self.marks.push(mark);
                self.try_marks();
            }
            Output::Append(zxid) => self.append(zxid),
            Output::Cut(zxid) => {
                // What comes behind TRUNC follows the history that is left.
                self.peers.pause(true);
                self.making = Making::Cut(zxid);
            }
            Output::Replace(zxid) => self.replace(zxid),
            Output::Settle => self.settle(),
            Output::Commit(zxid) => self.commit(zxid),
            Output::Suspend(true) => self.suspend(Suspension::Asked),
            Output::Suspend(false) => self.suspend(Suspension::No),
            Output::Confirmed(ticket) => {
                self.confirmed = self.confirmed.max(ticket);
                self.replica.head.confirm(ticket);
            }
            Output::Lost(_) => {}
            Output::Become(part, serve) => self.become_part(part, serve),
            Output::ServeObservers => {
                let committed = self.replica.membership().committed();
                self.peers.quorum().serve_observers(committed);
            }
            Output::AskOracle => {
                let granted = self.oracle.as_mut().is_some_and(OracleFile::grants);
                self.inputs.push_back(Input::Oracle(granted));
            }
            Output::Halt(reason) => self.halted = Some(reason),
            Output::Activate { .. } => self.take_configs(),
            output => unreachable!("peers perform {output:?}"),
        }
        Ok(())
    }

    /// Of what peers perform, too.
    fn take_note(&mut self, output: &Output) -> Result<(), ReplicaError> {
        match output {
            Output::Connect(leader) | Output::ConnectToObserverMaster(leader) => self.decide(Some(*leader)),
            // Whoever may come to lead needs the state of its whole history.
            Output::Listen(true) => {
                self.decide(None);
                self.apply_all()?;
            }
            // For one that serves already an epoch begins.
            Output::Send(link, Message::LeaderInfo { .. }) => {
                self.requests.suspend(*link, true);
                self.replica.sessions.reports_mut().mute(*link);
            }
            Output::Send(link, Message::UpToDate) => {
                self.pings.join(*link);
                if !self.is_leading() {
                    self.observer_requests.join(*link);
                    self.learner.join_observer(*link);
                } else if !self.requests.suspend(*link, false) {
                    self.announce_live(*link);
                    self.requests.join(*link, false);
                    self.replica.sessions.reports_mut().join(*link, self.at.now);
                }
            }
            Output::Send(link, Message::Ping) => self.pings.note_sent(*link, self.at.now),
            Output::Sync(_, plan) => {
                self.plans.note(plan);
                let under_way = self.zab.learners().filter(|learner| !learner.has_joined).count();
                self.figures.note_bringing(plan, under_way.max(1));
            }
            Output::Close(link, reason) => self.forget_learner(*link, Some(*reason)),
            _ => {}
        }
        Ok(())
    }

    /// Makes the state that of the whole log. A former leader that was wrong may have left its digests in the logs of all: if each
    /// of them ended by that, nobody would lead. If it is this server that is wrong, those whom it comes to lead leave it.
    fn apply_all(&mut self) -> Result<(), ReplicaError> {
        let last = self.replica.head.last_logged();
        let mut is_told = false;
        loop {
            match self.replica.head.apply_unseen_up_to(last) {
                Ok(()) => return Ok(()),
                // It is applied all the same.
                Err(error @ ReplayError::Digest { .. }) => {
                    self.figures.note_mismatch();
                    let zxid = self.replica.head.database().last_zxid();
                    if !mem::replace(&mut is_told, true) {
                        tracing::error!(
                            "this server has not the state that a former leader had: transaction {zxid}: {error}. It goes on with \
                             its own, and the others do if theirs is the same; see to the memory of whoever is left alone"
                        );
                    }
                }
                Err(error) => return Err(ReplicaError::History(error)),
            }
        }
    }

    /// A leader is elected: another server, or this one.
    fn decide(&mut self, leader: Option<ServerId>) {
        let member = self.config.members().get(&self.me);
        let observes = member.is_some_and(|member| member.peer_type == PeerType::Observer);
        self.figures.decide(observes, self.at.now);
        self.announcements.decide(leader);
    }

    fn announce_live(&mut self, link: Link) {
        let now = self.now();
        if let Some(learner) = self.peers.quorum().learner_of(link) {
            self.announcements.on_live(link, learner, now);
        }
    }

    /// `reason` is why this side has closed the link, if it has.
    fn forget_learner(&mut self, link: Link, reason: Option<Reason>) {
        let now = self.now();
        self.announcements.on_link_gone(link, reason, now);
        self.requests.leave(link);
        self.observer_requests.leave(link);
        self.learner.leave_observer(link);
        self.pings.leave(link);
        self.acks.forget(link);
        self.replica.sessions.leave_learner(link, self.at.now);
    }

    /// What had no room may have it now.
    fn write_marks(&mut self) -> Result<(), ReplicaError> {
        self.try_marks();
        self.perform()
    }

    /// Writes what the core wants to know durable, as far as there is room.
    fn try_marks(&mut self) {
        let now = self.now();
        while let Some(mark) = self.marks.next(now).cloned() {
            let written = match &mark {
                Mark::AcceptedEpoch(epoch) => self.epochs.write_accepted(*epoch).map_err(NotWritten::from),
                Mark::CurrentEpoch(epoch) => self.epochs.write_current(*epoch).map_err(NotWritten::from),
                Mark::LastSeen(_) | Mark::Committed(_) => self.write_config(&mark).map_err(NotWritten::from),
            };
            match written {
                Err(NotWritten { is_shortage: true, error }) => return self.marks.note_full(&error, now),
                Err(NotWritten { error, .. }) => {
                    tracing::error!("this server cannot say what it has promised, and ends: {error}");
                    self.marks.fail();
                    return self.inputs.push_back(Input::Failed(Fault::Mark));
                }
                Ok(()) => self.inputs.push_back(Input::Written(self.marks.end_one(now))),
            }
        }
    }

    fn become_part(&mut self, part: Part, serve: output::Serve) {
        let before = (self.part(), self.replica.membership().serving());
        if self.is_leading() && !matches!(part, Part::Leading { .. }) {
            self.finish_reign();
        }
        if part == Part::Looking {
            self.finish_applying();
        }
        let serve = match serve {
            output::Serve::No => Serve::No,
            output::Serve::ReadOnly => Serve::ReadOnly,
            output::Serve::Yes => Serve::Yes,
        };
        self.suspend(Suspension::No);
        self.replica.membership_mut().become_part(part, serve);
        self.figures.become_part(part, self.at.now);
        self.announce_part(before.0, (part, serve));
        if let (Part::Following { .. }, Some(oracle)) = (part, &mut self.oracle) {
            oracle.forget_told();
        }
        if part == Part::Looking {
            self.leave_making();
            if before.0 != Part::Looking {
                self.end_part();
            }
        }
        if let Part::Leading { epoch } = part {
            self.lead_in(epoch, before.0);
        }
        if serve != before.1 {
            if serve == Serve::Yes {
                self.show_config_in_force();
            }
            self.replica.begin_period(serve);
        }
    }

    /// A transaction that is unfinished is finished first, in this call, however long that takes: its zxid is of this reign, and
    /// the state goes on from whole transactions. The core hears of it next.
    fn finish_reign(&mut self) {
        self.replica.head.finish_long_work();
        let Member { replica, inputs, proposed, .. } = self;
        let window = replica.head.records().window;
        let last = window.last();
        let unheard = window.range(*proposed, last).expect("what is not committed stays in the window");
        // A change of the ensemble takes one turn, and is told of in that.
        let unheard: Vec<Zxid> = unheard
            .map(|(zxid, record)| {
                assert_eq!(change_in(zxid, record), None, "no change of the ensemble is unfinished");
                zxid
            })
            .collect();
        for zxid in unheard.into_iter().rev() {
            inputs.push_front(Input::Proposed { zxid, change: None });
        }
        *proposed = last;
    }

    fn announce_part(&mut self, before: Part, now: (Part, Serve)) {
        let cause = self.zab.state().cause;
        let live = self.zab.learners().filter(|learner| learner.is_live).map(|learner| learner.server);
        self.announcements.become_part(before, now, cause, live, Ms(self.start.millis(self.at.now)));
    }

    /// A reign begins, or goes on in another epoch.
    fn lead_in(&mut self, epoch: Epoch, before: Part) {
        match before {
            Part::Leading { epoch: former } if former == epoch => return,
            Part::Leading { .. } => self.replica.renew_reign(epoch, self.suspended),
            _ => self.replica.begin_reign(epoch),
        }
        self.proposed = self.replica.head.last_logged();
        self.acks = Acks::after(self.proposed);
    }

    /// Whatever was owed to the others, and by them, is not any more.
    fn end_part(&mut self) {
        self.leader.end_reign();
        self.learner = Learner::default();
        self.requests = LearnerRequests::default();
        self.observer_requests = ObserverRequests::default();
        self.pings.leave_all();
        self.replica.end_part();
    }

    /// What a leader was bringing is dropped, before this server had a part or after that; if the core waits for it, it is
    /// answered.
    fn leave_making(&mut self) {
        match mem::take(&mut self.making) {
            Making::State(state, _) => {
                self.former.dispose(state);
                self.inputs.push_back(Input::Settled(Err(Unsettled::BadStream)));
            }
            Making::Transactions(brought) => self.former.dispose(brought),
            making => self.making = making,
        }
    }
}

/// Who belongs to the ensemble.
impl Member {
    pub(super) fn write_config(&mut self, mark: &Mark) -> Result<(), ConfigFileError> {
        let now = self.now();
        let keeper = self.config_keeper.as_mut().expect("who may be reconfigured has files for that");
        keeper.write(mark, now)
    }

    /// Files that could not be written are written when they can.
    fn see_to_config_files(&mut self) {
        let now = self.now();
        // What waits is older than what there is now.
        if let Some(keeper) = self.config_keeper.as_mut().filter(|_| !self.marks.hold_log_back()) {
            keeper.try_again(self.zab.state().configs, now);
        }
    }

    /// Of what was written the core knows by now.
    pub(super) fn take_configs(&mut self) {
        let configs = self.zab.state().configs.clone();
        let former = mem::replace(&mut self.config, configs.committed.clone());
        self.peers.set_configs(configs);
        if former.version() == self.config.version() {
            return;
        }
        let config = &self.config;
        self.figures.take_config(config);
        self.announcements.take_config(config, self.now());
        self.shown.take_config(config);
        if let Some(client) = config.members().get(&self.me).and_then(|me| me.client.as_ref()) {
            self.client_port.move_to(client);
        }
        // Who is served sees it by its transaction.
        if self.replica.membership().serving() != Serve::Yes {
            self.show_config_in_force();
        }
    }

    /// Clients read the committed configuration. What the history was brought with may be an older one, which an operator has
    /// done away with.
    fn show_config_in_force(&mut self) {
        if is_to_show(self.replica.head.database(), &self.config) {
            self.replica.head.show_config(&self.config);
        }
    }
}

/// What the others say.
impl Member {
    fn hear_peers(&mut self) -> Result<(), ReplicaError> {
        self.peers.begin_turn(self.now()).map_err(ReplicaError::Port)?;
        while self.hear_next() {
            self.perform()?;
        }
        self.note_acknowledging();
        if !self.is_leading() && self.replica.head.tail_bytes() + self.making.bytes() > TAIL_BYTES {
            self.peers.leave_leader();
        }
        Ok(())
    }

    /// Takes in what has come next; `false` if there is nothing.
    fn hear_next(&mut self) -> bool {
        let (now, is_leading) = (self.now(), self.is_leading());
        let Some(arrival) = self.peers.next_arrival() else { return false };
        let acknowledged = arrival.acknowledged().filter(|(_, zxid)| is_leading && zxid.counter() > 0);
        self.acks.hear(acknowledged);
        let committed = self.replica.membership().committed();
        let acknowledged =
            acknowledged.map(|(link, zxid)| (link, self.acks.take_former(link, zxid).max(committed), zxid));
        if let Some(input) = arrival.input() {
            self.zab.step(now, input, &mut self.outputs);
        }
        match arrival {
            Arrival::Election(told) => {
                if let Input::Notification { from, .. } = told.input() {
                    self.announcements.hear(from, now);
                }
            }
            Arrival::Input(Input::LearnerDown { link }) => {
                self.forget_learner(link, None);
            }
            Arrival::Input(_) => {}
            Arrival::Pong { touches, .. } if !is_leading => {
                let database = self.replica.head.database();
                // Nobody can have this server keep what is no session.
                for Touch { session, timeout } in
                    touches.iter().filter(|touch| database.session_timeout(touch.session).is_some())
                {
                    self.learner.hear_for_observer(session, timeout);
                }
            }
            Arrival::Pong { link, touches } => {
                if let Some(sent) = self.pings.take_answered(link) {
                    // What the learner's reactors had not reported by then it could not tell.
                    let until = sent.checked_sub(self.settings.heard_interval).unwrap_or(sent);
                    // Nor may all have had room.
                    let until = (touches.iter().len() < self.settings.touches_max()).then_some(until);
                    let touched = touches.iter().map(|Touch { session, timeout }| (session, timeout));
                    self.replica.sessions.hear_of(link, touched, until, self.at.now);
                }
            }
            Arrival::Request { link, request, authinfo } => {
                let ForwardedRequest { session, cxid, opcode, body } = request;
                let ids = authinfo.map(|authinfo| authinfo.ids()).unwrap_or_default().into();
                let request = LearnerRequest { session, cxid, opcode, body: body.into(), ids };
                self.take_request(link, request);
            }
            Arrival::Revalidation { link, revalidation } => self.revalidate(link, revalidation),
            Arrival::RevalidationAnswer(RevalidationAnswer { session, is_valid }) => {
                let asker = self
                    .replica
                    .with_turn(|turn, sessions| self.learner.take_revalidated(turn, sessions, session, is_valid));
                if let Some(Asker::Observer(link)) = asker {
                    self.peers.answer_revalidation(link, RevalidationAnswer { session, is_valid });
                }
            }
            Arrival::SyncAnswer => {
                let committed = self.replica.membership().committed();
                let asker = self.learner.take_sync(&mut self.replica.head, committed);
                if let Some(Asker::Observer(link)) = asker {
                    self.peers.answer_sync(link);
                }
            }
            Arrival::State(bytes) => {
                let behind = self.making.take(bytes);
                self.take_state(behind);
            }
        }
        if let Some((link, former, zxid)) = acknowledged
            && let Some((learner, _)) = self.peers.quorum().learner_of(link)
        {
            self.note_acknowledged_by(learner, former, zxid);
        }
        true
    }

    /// A server of this leader's ensemble, which may be itself, has acknowledged the transactions between these. As in ZooKeeper,
    /// nobody's time counts who acknowledges what a quorum has already. Between the two may lie epochs of numbers, and they are
    /// what a learner says: only what is in the window is looked at.
    fn note_acknowledged_by(&self, server: ServerId, former: Zxid, last: Zxid) {
        // Nearly every acknowledgement has none that is measured.
        if former.0 / ACKS_APART == last.0 / ACKS_APART {
            return;
        }
        let acknowledged = self.replica.head.records().window.present(former, last);
        for (_, record) in acknowledged.filter(|(zxid, _)| zxid.0 % ACKS_APART == 0) {
            if let Some(age) = age(record, self.at) {
                self.figures.note_acknowledged_by(server, age);
            }
        }
    }

    /// All that the learners have acknowledged is taken in that has come by now.
    fn note_acknowledging(&mut self) {
        for (link, time, count) in self.acks.take_heard(self.at.now) {
            if let Some((learner, _)) = self.peers.quorum().learner_of(link) {
                self.figures.note_acknowledging(learner, time, count);
            }
        }
    }

    /// A leader has committed so many transactions, up to this one: by whose acknowledgement, which it has waited for.
    fn note_quorum(&mut self, zxid: Zxid, transactions: u64) {
        let from = self.acks.from().and_then(|link| self.peers.quorum().learner_of(link));
        let by = from.map_or(self.me, |(learner, _)| learner);
        probes::quorum_reached(zxid.0, by.0, transactions);
        self.replica.head.note_quorum(by);
        if let Some(time) = self.acks.time_of(zxid, self.at.now) {
            self.figures.note_awaited(by, time, transactions);
        }
    }

    /// What a leader has proposed in this turn is on its way.
    fn note_sent(&mut self) {
        let last = self.proposed;
        if last <= self.acks.last_sent() {
            return;
        }
        if let Some(now) = self.replica.head.now() {
            let proposals = transactions_between(self.acks.last_sent(), last);
            self.acks.note_sent(last, now);
            self.figures.note_sent(now.saturating_duration_since(self.at.now), proposals);
        }
    }

    fn take_request(&mut self, link: Link, request: LearnerRequest) {
        let taken = match self.is_leading() {
            true => self.requests.push(link, request),
            false => self.observer_requests.push(link, request),
        };
        if taken.is_err() {
            self.close_learner(link);
        }
    }

    /// It asks for more at once than is kept for it.
    fn close_learner(&mut self, link: Link) {
        self.outputs.push(Output::Close(link, Reason::TooMany));
        self.inputs.push_back(Input::LearnerDown { link });
    }

    /// A client has come back with its session to a learner.
    fn revalidate(&mut self, link: Link, Revalidation { session, timeout }: Revalidation) {
        self.figures.note_revalidation();
        if !self.is_leading() {
            if self.observer_requests.push_revalidation(link, session, timeout).is_err() {
                self.close_learner(link);
            }
            return;
        }
        // What the learner has asked before is still in its queue.
        let next = self.requests.next_number(link);
        let is_valid =
            self.replica.with_turn(|turn, sessions| sessions.revalidate(turn, (link, next), session, timeout));
        self.peers.answer_revalidation(link, RevalidationAnswer { session, is_valid });
    }
}

/// What becomes of the history.
impl Member {
    fn tell_durable(&mut self) -> Result<(), ReplicaError> {
        // Of what is appended after that the core knows nothing.
        if self.halted.is_some() {
            return Ok(());
        }
        let durable = self.replica.head.completed();
        if durable > self.durable && matches!(self.making, Making::Nothing | Making::Durable(_)) {
            let former = mem::replace(&mut self.durable, durable);
            self.figures.note_acknowledged(self.age_of(durable));
            if self.is_leading() {
                // Of an earlier epoch there is nothing that it has proposed.
                let former = former.max(Zxid::start_of(durable.epoch())).max(self.replica.membership().committed());
                self.note_acknowledged_by(self.me, former, durable);
            }
            self.tell(Input::Durable(durable))?;
        }
        Ok(())
    }

    /// Of the log some transactions may be gone, because a snapshot has them.
    fn tell_forgotten(&mut self) -> Result<(), ReplicaError> {
        let base = self.replica.head.log_range().base;
        if base > self.forgotten {
            self.forgotten = base;
            self.tell(Input::Forgotten { base })?;
        }
        Ok(())
    }

    fn append(&mut self, zxid: Zxid) {
        let record = self.peers.txn_at_hand();
        match &mut self.making {
            Making::Transactions(brought) | Making::Place(brought) => brought.propose(zxid, record),
            _ => {
                if matches!(self.replica.membership().part(), Part::Following { .. }) {
                    self.figures.note_proposed(age(record, self.at));
                }
                self.replica.head.append(zxid, record);
            }
        }
    }

    /// How long ago a transaction was ordered that is in the window, ms, by the clocks of both servers. `None` where it is not there,
    /// or the clocks say that it was later.
    fn age_of(&self, zxid: Zxid) -> Option<u64> {
        age(self.replica.head.records().window.record(zxid)?, self.at)
    }

    /// A learner that serves applies what is committed and answers its clients. One that does not applies it unseen. The head
    /// of a leader has it.
    fn commit(&mut self, zxid: Zxid) {
        if let Making::Transactions(brought) | Making::Place(brought) = &mut self.making {
            return brought.commit(zxid);
        }
        let before = self.replica.membership().committed();
        self.replica.membership_mut().commit(zxid);
        let (transactions, age) = (transactions_between(before, zxid), self.age_of(zxid));
        if self.is_leading() {
            self.note_quorum(zxid, transactions);
            return self.figures.note_committed(transactions, age);
        }
        let serves = self.replica.membership().serving() == Serve::Yes;
        if serves {
            self.figures.note_learnt(transactions, age, self.learner.sessions());
        }
        let applied = match serves {
            true => self.replica.with_turn(|turn, sessions| self.learner.apply_up_to(turn, sessions, zxid)),
            false => self.replica.head.apply_unseen_up_to(zxid),
        };
        self.note_applied(applied, serves);
    }

    /// Goes on with what is committed and not applied, because it takes several turns.
    fn go_on_applying(&mut self) -> Result<(), ReplicaError> {
        let committed = self.replica.membership().committed();
        let learns = matches!(self.part(), Part::Following { .. } | Part::Observing { .. });
        if learns && self.replica.head.is_in_long_work() {
            let applied = self.replica.with_turn(|turn, sessions| self.learner.apply_up_to(turn, sessions, committed));
            self.note_applied(applied, true);
        }
        self.perform()
    }

    /// A learner that looks for another leader has a state between two transactions.
    fn finish_applying(&mut self) {
        let applied = self.replica.with_turn(|turn, sessions| self.learner.finish_applying(turn, sessions));
        self.note_applied(applied, false);
    }

    /// `serves`: the core can do something about it now; otherwise it hears of it when it is to have a history.
    fn note_applied(&mut self, applied: Result<(), ReplayError>, serves: bool) {
        let Err(error) = applied else { return };
        if let ReplayError::Digest { .. } = error {
            self.figures.note_mismatch();
        }
        let zxid = self.replica.head.database().last_zxid();
        let copies = "this server has not the state that its leader has, and takes a full copy";
        let (Part::Following { epoch, .. } | Part::Observing { epoch, .. }, true) = (self.part(), serves) else {
            // Of a history that is brought, each transaction after the first such one differs too.
            if !mem::replace(&mut self.diverged, true) {
                tracing::error!("{copies}: transaction {zxid}: {error}");
            }
            return;
        };
        match self.divergence.note(epoch, self.replica.head.agreed()) {
            Verdict::Copy => {
                tracing::error!(
                    "{copies}: transaction {zxid}: {error}; if that is told again and again, its memory or disk is broken, or its \
                     dataDir is of another ensemble"
                );
                self.inputs.push_back(Input::Diverged);
            }
            Verdict::Known => {}
            Verdict::LeaderIsWrong => tracing::error!(
                "the digests of this server's leader are not those of the state that it has sent whole: transaction {zxid}: \
                 {error}. This server goes on with that state. The leader's memory is broken, most likely, or it is of another \
                 version: stop it, so that another server leads, and see to its machine"
            ),
            Verdict::ServerIsWrong => self.fatal = Some(ReplicaError::Wrong { zxid, error }),
        }
    }

    /// Where others have the state that a leader did not have, a start is to begin with that. Who is wrong itself tells nobody
    /// anything any more.
    fn see_to_divergence(&mut self) -> Result<(), ReplicaError> {
        if self.divergence.take_due(self.replica.head.agreed(), self.is_leading()) {
            self.replica.hurry_snapshot();
        }
        self.fatal.take().map_or(Ok(()), Err)
    }

    fn replace(&mut self, zxid: Zxid) {
        let seed = match random_seed(&self.settings.log.files) {
            Ok(seed) => seed,
            Err(error) => {
                tracing::error!("what the leader sends cannot be taken: {error}");
                return self.inputs.push_back(Input::Settled(Err(Unsettled::BadStream)));
            }
        };
        let MemberSettings { rules, length_max, .. } = &self.settings;
        let settings =
            installation::Settings { seed, rules: rules.clone(), length_max: *length_max, before: Before::Fuzzy };
        self.making = Making::State(Box::new(IncomingState::new(settings)), zxid);
    }

    /// Bytes of a state have come. If its end has come, so many of them are behind it.
    fn take_state(&mut self, taken: Result<Option<usize>, InstallationError>) {
        match taken {
            Ok(None) => {}
            Ok(Some(behind)) => {
                self.peers.end_state(behind);
                let Making::State(state, zxid) = mem::take(&mut self.making) else {
                    unreachable!("a state that has come was being taken")
                };
                match state.finish(zxid) {
                    Ok(state) => {
                        self.making = Making::Transactions(Box::new(Brought::new(state)));
                        self.inputs.push_back(Input::Settled(Ok(zxid)));
                    }
                    Err(error) => self.refuse_state(&error),
                }
            }
            Err(error) => self.refuse_state(&error),
        }
    }

    fn refuse_state(&mut self, error: &InstallationError) {
        tracing::error!("{error}; it is asked for again");
        self.former.dispose(mem::take(&mut self.making));
        self.inputs.push_back(Input::Settled(Err(error.unsettled())));
    }

    fn settle(&mut self) {
        self.making = match mem::take(&mut self.making) {
            Making::Transactions(brought) => Making::Place(brought),
            Making::Nothing => Making::Durable(mem::take(&mut self.diverged).then_some(Unsettled::DigestDiffers)),
            _ => unreachable!("a history is made one thing at a time"),
        };
    }

    /// Does what has waited for the log's disk or for the reactors.
    fn go_on_making(&mut self) -> Result<(), ReplicaError> {
        if !self.making_disk.may_try(self.now()) {
            return Ok(());
        }
        match &self.making {
            &Making::Cut(zxid) if self.replica.head.is_drained() && self.replica.may_be_replaced() => self.cut(zxid)?,
            Making::Durable(error) if self.replica.head.is_drained() => {
                let settled = error.map_or(Ok(self.replica.head.last_logged()), Err);
                self.making = Making::Nothing;
                self.inputs.push_back(Input::Settled(settled));
            }
            // It is written with what came behind it: a change of the ensemble among that is in its file first.
            Making::Place(_) if self.may_submit() && self.replica.may_be_replaced() => self.place()?,
            _ => {}
        }
        self.making_disk.put_off(self.now());
        self.perform()
    }

    /// The history ends here from now on, and the state is that of what is left.
    fn cut(&mut self, zxid: Zxid) -> Result<(), ReplicaError> {
        let files = &self.settings.log.files;
        let data_dir = self.replica.data_dir().to_owned();
        let cut = match mutant!(7) && self.replica.head.database().last_zxid() <= zxid {
            true => Ok(()),
            false => match truncate(files, &data_dir, self.replica.head.log(), zxid) {
                Err(error @ TruncationError::NoRoom { .. }) => {
                    let meanwhile =
                        "What the leader never had stays in the history, and this server has no part in the ensemble";
                    self.making_disk.note(&error, meanwhile, self.now());
                    return Ok(());
                }
                cut => cut.map_err(ReplicaError::Truncation)?,
            },
        };
        self.making_disk.end("the history is cut", self.now());
        self.making = Making::Nothing;
        self.peers.pause(false);
        if let Err(unsettled) = cut {
            self.inputs.push_back(Input::Settled(if mutant!(23) { Ok(zxid) } else { Err(unsettled) }));
            return Ok(());
        }
        self.replica.membership_mut().cut_after(zxid);
        if self.replica.head.database().last_zxid() > zxid {
            let former = self.rebuild(&data_dir)?;
            self.former.push(former);
        } else {
            self.replica.head.forget_after(zxid);
        }
        self.durable = zxid;
        self.inputs.push_back(Input::Settled(Ok(zxid)));
        Ok(())
    }

    /// Builds the state anew of what is on the disk. Returns the former one.
    fn rebuild(&mut self, data_dir: &Path) -> Result<Database, ReplicaError> {
        let MemberSettings { log, rules, alive, .. } = &self.settings;
        let seed = random_seed(&log.files).map_err(|error| ReplicaError::Random(error.to_string()))?;
        self.diverged = false;
        let rebuild = Rebuild::new(&log.files, data_dir, self.replica.head.log(), seed, rules.clone());
        let mut database =
            rebuild.and_then(|rebuild| rebuild.run(&mut || alive())).map_err(ReplicaError::Truncation)?;
        self.show_config(&mut database);
        Ok(self.replica.replace_database(database, self.at))
    }

    /// Clients read of a state that was built anew what they read of one that was there at the start.
    fn show_config(&self, database: &mut Database) {
        let config = &self.zab.state().configs.committed;
        match self.config_keeper {
            Some(_) => show_committed(database, config),
            None => database.show_config(config.text(), config.version()),
        }
    }

    /// What was brought takes the place of the present history.
    fn place(&mut self) -> Result<(), ReplicaError> {
        let Making::Place(mut brought) = mem::take(&mut self.making) else { unreachable!("it is asked before") };
        if let Err(error) = brought.settle() {
            self.refuse_state(&error);
            return Ok(());
        }
        let Brought { state, proposals, bytes, .. } = *brought;
        let records = proposals.iter().map(|(zxid, record)| (*zxid, &record[..]));
        let alive = self.settings.alive.clone();
        match state.put_in_place(self.settings.log.clone(), records, &mut || alive()) {
            Ok(mut placed) => {
                if let Err(error) = forget_uninitialized(&self.settings.log.files, &self.settings.log.data_dir) {
                    tracing::warn!("what says that this server began without data cannot be removed: {error}");
                }
                self.making_disk.end("what the leader has sent is in place", self.now());
                self.replica.look_after_files(true);
                self.divergence.note_copied(self.replica.head.agreed());
                self.show_config(&mut placed.database);
                let former = self.replica.replace(placed, self.at)?;
                self.log_changed = true;
                self.former.push(former);
                self.diverged = false;
                proposals.iter().for_each(|(zxid, record)| self.replica.head.keep(*zxid, record));
                self.durable = self.replica.head.last_logged();
                self.forgotten = self.replica.head.log_range().base;
                self.inputs.push_back(Input::Settled(Ok(self.durable)));
                Ok(())
            }
            Err(PlacementError::Former { error, state }) if error.is_shortage() => {
                self.making_disk.note(
                    &error,
                    "What the leader has sent is kept in memory, and nobody is served",
                    self.now(),
                );
                self.replica.look_after_files(false);
                self.making = Making::Place(Box::new(Brought::again(*state, proposals, bytes)));
                Ok(())
            }
            // The history is as it was, but what stopped this one, most likely the disk, stops the next attempt too.
            Err(error) => Err(ReplicaError::Placement(error)),
        }
    }
}

/// What clients ask for.
impl Member {
    fn gather(&mut self) {
        self.learners_first = !self.learners_first;
        if self.learners_first {
            self.gather_of_learners();
        }
        let Member { replica, zab, settings, is_changing, leader, learner, peers, .. } = self;
        let present = settings.present(zab, is_changing);
        let mut link = LeaderLink(peers);
        let mut desk = match replica.membership().part() {
            Part::Leading { .. } => Desk::Leads(leader, &present),
            Part::Looking => Desk::ReadOnly,
            _ => Desk::Learns(learner, &mut link),
        };
        replica.gather(&mut desk);
        if self.learner.owes_answers() {
            self.figures.note_forwarded(self.learner.waiting());
        }
        if !self.learners_first {
            self.gather_of_learners();
        }
    }

    fn gather_of_learners(&mut self) {
        if self.takes_requests() {
            let Member { replica, zab, settings, is_changing, leader, requests, .. } = self;
            let present = settings.present(zab, is_changing);
            replica.with_turn(|turn, sessions| requests.gather(turn, sessions, leader, &present));
        } else if !self.observer_requests.is_empty() {
            let Member { learner, observer_requests, peers, .. } = self;
            observer_requests.forward(learner, &mut LeaderLink(peers));
        }
    }

    /// Whether this server orders what its learners ask for.
    fn takes_requests(&self) -> bool {
        self.is_leading() && !self.replica.membership().is_stopping()
    }

    /// Has the state written that learners wait for, of the newest version. A leader whose reign has not begun may lack the
    /// quorum for it until they have it; it is none for its reactors yet, and ends no version by itself.
    fn spool(&mut self) {
        if !self.peers.quorum().needs_state() {
            return;
        }
        self.replica.head.seal();
        if let Some(version) = self.replica.head.hold() {
            let hold = self.replica.head.log().hold(version.zxid);
            self.peers.quorum().spooler().begin(version, hold);
        }
    }

    /// A leader tells its learners and the core what was proposed in this turn.
    fn propose(&mut self) -> Result<(), ReplicaError> {
        // What comes to its end after this server was told to stop, and has handed over, is nobody's any more.
        if !self.is_leading() || self.halted.is_some() {
            return Ok(());
        }
        let now = self.now();
        let Member { replica, zab, peers, figures, outputs, is_changing, .. } = self;
        let window = replica.head.records().window;
        let last = window.last();
        for (zxid, record) in window.range(self.proposed, last).expect("what is not committed stays in the window") {
            peers.propose(zxid, record);
            figures.note_proposal(record.len());
            let change = if is_changing.get() { change_in(zxid, record) } else { None };
            zab.step(now, Input::Proposed { zxid, change: change.as_ref() }, outputs);
        }
        is_changing.set(false);
        self.proposed = last;
        self.perform()?;
        match self.leader.take_ticket() {
            Some(ticket) => self.tell(Input::Confirm(ticket)),
            None => Ok(()),
        }
    }

    /// Whoever has the longer way goes first. What the log has done meanwhile nothing tells of again, so that what follows of
    /// it is done in this turn too. Once something has failed, neither the disk nor the others are given anything more.
    fn send_and_submit(&mut self) -> Result<(), ReplicaError> {
        if self.has_failed() && !mutant!(39) {
            return Ok(());
        }
        if self.is_leading() {
            self.answer_syncs();
            self.peers.end_turn(self.replica.head.records());
            self.note_sent();
        }
        if !self.marks.hold_log_back() {
            self.replica.submit()?;
        }
        self.tell_durable()?;
        self.go_on_making()?;
        self.replica.publish();
        self.answer_syncs();
        self.peers.end_turn(self.replica.head.records());
        Ok(())
    }

    /// Whoever asks for words is told of the learners as they are now.
    fn tell_figures(&mut self) {
        if self.is_leading() {
            let Member { zab, figures, requests, peers, at, .. } = self;
            let config = &zab.state().configs.committed;
            figures.tell_leading(zab.learners(), config, requests.syncs(), at.now);
            peers.quorum().waiting().for_each(|(learner, bytes)| figures.note_waiting(learner, bytes));
        }
        let observes = |learner: &LearnerState| learner.has_joined && learner.peer_type == PeerType::Observer;
        let observers = self.zab.learners().filter(observes);
        let observers = observers.filter_map(|learner| self.peers.observer(learner.server, self.at.wall_ms));
        self.figures.tell_observers(&observers.collect::<Vec<_>>());
    }

    fn answer_syncs(&mut self) {
        let Member { requests, peers, .. } = self;
        let committed = self.replica.membership().committed();
        requests.answer_syncs(committed, self.confirmed, |link| peers.answer_sync(link));
    }
}

/// How long before this moment a transaction was ordered, ms.
fn age(record: &[u8], at: Moment) -> Option<u64> {
    u64::try_from(at.wall_ms.saturating_sub(Txn::time_of(record)?)).ok()
}

/// The link to the leader. Where there is none, nothing is asked: the serving period ends with the link.
struct LeaderLink<'a>(&'a mut Peers);

impl ToLeader for LeaderLink<'_> {
    fn has_room(&self) -> bool {
        self.0.has_room_to_forward()
    }

    fn request(&mut self, request: &LeaderRequest<'_>) {
        let LeaderRequest { session, cxid, opcode, body, ids } = *request;
        self.0.forward(ForwardedRequest { session, cxid, opcode, body }, ids);
    }

    fn revalidate(&mut self, session: i64, timeout: i32) {
        self.0.revalidate(Revalidation { session, timeout });
    }
}

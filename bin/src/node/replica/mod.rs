//! The replica: the one thread that changes the state.
//!
//! A turn is an order, and the order is the durability:
//!
//! 1. *Completions.* The log says what is durable, and the role what is committed by that: each version up to there goes
//!    into every reactor's queue, is made public, and only then are its answers seen. Nothing else acknowledges anything.
//! 2. *Go on* with a transaction that takes several turns, if there is one: see [`long_work`]. Nothing is gathered and
//!    nothing expires until it is done.
//! 3. *Gather.* The reactors' submissions, in the order of their queues: each write is ordered against the head, encoded
//!    into the group being filled, and applied to the head. While the log has no room, queues are left to fill, and a
//!    full queue stops its reactor from reading sockets.
//! 4. *Time.* Sessions that are due are closed, and containers and TTL znodes deleted, by transactions like any other.
//! 5. *Submit.* If the log can take a group, the filled one goes; no timer holds it back. While earlier groups are in
//!    flight the next one fills, so that groups are as large as the device is slow.
//! 6. *Reclaim* what no reader sees any more, a bounded amount.
//!
//! No clock is read here: whoever drives it hands down the moment of each turn, and waits for what
//! [`Replica::event_fds`] and the bells tell.
//!
//! ```text
//! intake ───────┐            ┌─► log ── durable ──► role ── committed ──┐
//! sessions ─────┼─► head ────┤                                          ▼
//! housekeeping ─┘            └─► publication: versions and answers ───────► reactors
//! ```
//!
//! Cost of a write: two or three look-ups, one encoding, one copy into the log's buffer, its share of a submission to the
//! ring, and its share of a release to each reactor.

mod alone;
mod change;
mod commits;
mod desk;
mod digests;
mod draft;
mod error;
mod figures;
mod files;
mod forwarding;
mod group_times;
mod head;
mod home;
mod housekeeping;
mod intake;
mod leader;
mod learner;
mod learner_requests;
mod local_sessions;
mod long_work;
mod membership;
mod observer_requests;
mod owed;
mod owners;
mod paths_ahead;
mod payment;
mod publication;
mod quota_figures;
mod read_only;
mod reports;
mod returned;
mod role;
mod sessions;
mod share;
mod shortage;
mod snapshots;
mod stage_times;
mod surveys;
#[cfg(test)]
mod tests;
mod throttle;
mod touched;
mod transactions;
mod turn;
mod version;
mod waits;
pub mod window;
mod written;

pub use self::desk::Desk;
pub use self::error::ReplicaError;
pub use self::files::FilesInPlace;
pub use self::forwarding::{Asker, LeaderRequest, ToLeader};
pub use self::head::GARBAGE_MAX;
pub use self::leader::Leader;
pub use self::learner::Learner;
pub use self::learner_requests::{LearnerRequest, LearnerRequests};
pub use self::long_work::SliceClock;
pub use self::observer_requests::ObserverRequests;
pub use self::transactions::transactions_between;

use std::os::fd::RawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use paddock_consensus::mutants::mutant;
use paddock_consensus::{Epoch, Zxid};
use paddock_engine::container::ContainerSettings;
use paddock_engine::database::Database;
use paddock_engine::installation::InPlace;
use paddock_engine::log::{Log, LogError};
use paddock_engine::progress::Progress;
use paddock_engine::tree::Reader;
use paddock_net::exchange::Exchange;
use paddock_net::serving::Serve;
use paddock_net::status::Status;

use self::alone::Alone;
use self::head::Head;
use self::housekeeping::Housekeeping;
use self::intake::Intake;
use self::long_work::LongWork;
use self::membership::Membership;
use self::publication::Publication;
use self::quota_figures::QuotaFigures;
use self::role::Role;
use self::sessions::Sessions;
use self::shortage::Shortage;
use self::snapshots::Snapshots;
use self::surveys::Surveys;
use self::turn::Turn;
use self::window::Window;
use super::moment::Moment;
use super::snapshotter::{Snapshotter, Trigger};
use crate::audit::AuditLog;
use crate::config::{NewSessions, RequestThrottleSettings};

const IS_ALONE: &str = "a server that stands alone is no member of an ensemble";
/// A reactor whose queue was full is tried again after this.
const RETRY: Duration = Duration::from_millis(1);
/// Readers say nothing when they move on from a version: while one of them may hold back what waits, it is looked after
/// so often.
const READERS_WAIT: Duration = Duration::from_millis(10);

pub struct Replica {
    status: Arc<Status>,
    role: Role,
    pub(super) head: Head,
    intake: Intake,
    pub(super) sessions: Sessions,
    housekeeping: Housekeeping,
    snapshots: Snapshots,
    files: FilesInPlace,
    looks_after_files: bool,
    shortage: Shortage,
    surveys: Surveys,
    quota_figures: QuotaFigures,
    /// The moment of the last turn.
    at: Moment,
}

/// What a replica is made from.
pub struct Parts {
    pub exchanges: Arc<[Arc<Exchange>]>,
    pub status: Arc<Status>,
    pub database: Database,
    pub log: Log,
    /// Whether this server is a member of an ensemble, and has a window; otherwise it stands alone.
    pub is_member: bool,
    /// Empty, behind the newest transaction; `None` for a server that nobody can ask for what came before.
    pub window: Option<Window>,
    pub containers: ContainerSettings,
    pub tick_ms: u64,
    /// How often the reactors report.
    pub heard_interval: Duration,
    pub server_id: i64,
    pub new_sessions: NewSessions,
    pub throttle: RequestThrottleSettings,
    pub snapshotter: Snapshotter,
    pub trigger: Trigger,
    pub files: FilesInPlace,
    /// [`GARBAGE_MAX`], or less, bytes.
    pub garbage_max: usize,
    /// The longest transaction that every server of the ensemble takes, bytes. A server that stands alone takes what its log
    /// does.
    pub record_max: usize,
    pub slice_clock: SliceClock,
    /// Where it is recorded what clients do, if it is.
    pub audit: Option<Arc<AuditLog>>,
    /// The moment from which sessions and containers count.
    pub start: Moment,
}

impl Replica {
    pub fn new(parts: Parts) -> Replica {
        let Parts { exchanges, status, database, log, window, snapshotter, trigger, files, start, .. } = parts;
        let reactors = exchanges.len();
        Replica {
            role: match parts.is_member {
                true => Role::Member(Membership::looking()),
                false => Role::Alone(Alone::new(database.last_zxid())),
            },
            intake: Intake::new(exchanges.clone(), parts.throttle, start.now),
            surveys: Surveys::new(exchanges.clone()),
            sessions: Sessions::new(
                &database,
                parts.server_id,
                parts.new_sessions,
                parts.tick_ms,
                reactors,
                parts.heard_interval,
                start,
            ),
            head: Head::new(
                database,
                log,
                window,
                Publication::new(exchanges, status.clone(), parts.audit),
                LongWork::new(parts.slice_clock),
                parts.garbage_max,
                parts.record_max,
            ),
            status,
            housekeeping: Housekeeping::new(parts.containers, start.now),
            snapshots: Snapshots::new(snapshotter, trigger),
            files,
            looks_after_files: true,
            shortage: Shortage::default(),
            quota_figures: QuotaFigures::new(start.now),
            at: start,
        }
    }

    /// Before the first turn, and before reactors serve: what is told of the state is true from then on.
    pub fn begin(&mut self) -> Result<(), ReplicaError> {
        self.head.begin(&self.status.replica);
        self.begin_period(self.role.serving());
        self.see_to_snapshots()
    }

    /// Begins a serving period, before which everything that was taken is finished: see [`Head::begin_period`].
    pub(super) fn begin_period(&mut self, serve: Serve) {
        let committed = self.role.committed();
        let period = self.head.begin_period(serve, committed);
        self.status.replica.set_serving(serve);
        self.intake.begin_period(period);
        self.sessions.begin_period();
        match &self.role {
            Role::Member(member) if !member.is_leading() => {
                if serve != Serve::Yes {
                    self.sessions.end_local_ones();
                }
                self.sessions.arm_local(self.at.now);
            }
            _ if self.role.expires_sessions() => self.sessions.arm_all(self.head.database(), self.at.now),
            _ => {}
        }
        self.head.release(committed);
    }

    /// Whether no transaction is unfinished, and all that is committed is public, so that another state may take the present
    /// one's place.
    pub fn may_be_replaced(&mut self) -> bool {
        self.head.may_be_replaced(self.role.committed())
    }

    /// Puts a state that was built anew in the place of the present one, while no client is served. All that goes by the
    /// state begins anew with it: zxids, sessions, housekeeping and the window; a snapshot that is being written is given
    /// up. Returns the former state, of which [`Head::replace_database`] says who drops it and when.
    ///
    /// # Panics
    /// If clients are served, or unless [`Replica::may_be_replaced`].
    pub fn replace_database(&mut self, database: Database, at: Moment) -> Database {
        self.surveys.forget_versions();
        let former = self.head.replace_database(database, self.role.committed());
        self.snapshots.give_up_waiting();
        self.begin_anew(at);
        former
    }

    /// Puts a whole history in the place of the present one, as [`Replica::replace_database`] does a state: its state, its log,
    /// and the directory where its snapshots are taken and its files looked after. They are taken together, since none of them
    /// goes with one of the former history's. What that has left is removed from then on.
    ///
    /// The log is another one, and so are the [event descriptors](Self::event_fds).
    ///
    /// # Errors
    /// [`Snapshotter`](ReplicaError::Snapshotter), after which the replica is to end.
    ///
    /// # Panics
    /// As [`Replica::replace_database`].
    pub fn replace(&mut self, placed: InPlace, at: Moment) -> Result<Database, ReplicaError> {
        let InPlace { generation, database, log, former } = placed;
        let zxid = database.last_zxid();
        self.surveys.forget_versions();
        // What the former history had beyond its commit goes with it: until here the commit is that of the former one.
        let (former_state, former_log) = self.head.replace(database, log, self.role.committed());
        if let Role::Member(member) = &mut self.role {
            member.replace(zxid);
        }
        // Nobody writes to its directory any more.
        drop(former_log);
        let dir = self.files.move_to(generation, zxid).to_owned();
        self.snapshots.move_to(dir, former).map_err(ReplicaError::Snapshotter)?;
        self.begin_anew(at);
        Ok(former_state)
    }

    /// Another state is there.
    fn begin_anew(&mut self, at: Moment) {
        self.sessions.begin_anew(self.head.database(), at);
        self.housekeeping.begin_anew(at.now);
        self.head.release(self.role.committed());
    }

    /// Takes a step of the snapshot that is being written, where the snapshotter has no thread. One step writes all of a
    /// version; the others are short. What has become of it is taken in by the next turn.
    pub fn work(&mut self, now: Instant) -> Progress {
        self.snapshots.work(now)
    }

    /// After the last turn.
    pub fn end(self) -> Result<(), ReplicaError> {
        self.snapshots.end();
        Ok(self.head.end()?)
    }

    /// After the last turn of a server that could not go on: the log stays as after a crash.
    pub fn give_up(self) {
        self.snapshots.end();
    }

    /// What becomes readable when the log has something to tell. Watch it edge-triggered; nobody reads it empty.
    pub fn event_fds(&mut self) -> Vec<RawFd> {
        self.head.log().event_fds()
    }

    /// The newest transactions as they are in the log, if they are kept.
    pub fn window(&self) -> Option<&Window> {
        self.head.window()
    }

    /// The process was told to stop.
    pub fn stop(&mut self) {
        if !self.role.is_stopping() {
            tracing::info!("told to stop");
            self.role.stop();
        }
    }

    /// The process was told to stop, and all that was taken is answered, or cannot be for want of space.
    pub fn has_stopped(&self) -> bool {
        self.role.may_end(self.head.is_idle(), !self.shortage.is_over())
    }

    /// A turn of a server that stands alone: see the module.
    pub fn turn(&mut self, at: Moment) -> Result<(), ReplicaError> {
        self.begin_turn(at)?;
        self.gather(&mut Desk::Alone);
        self.see_to_due();
        self.submit()?;
        self.end_turn()
    }

    /// Takes in what the log has done, and makes public what is committed.
    pub(super) fn begin_turn(&mut self, at: Moment) -> Result<(), ReplicaError> {
        self.at = at;
        self.commit()?;
        self.head.begin_turn(at.now);
        if self.role.is_stopping() {
            self.head.stop(at.now);
        }
        self.head.go_on();
        Ok(())
    }

    /// Takes the reactors' requests.
    pub(super) fn gather(&mut self, desk: &mut Desk<'_>) {
        if self.role.gathers() {
            let turn = &mut Turn { head: &mut self.head, at: self.at };
            self.intake.gather(turn, &mut self.sessions, desk);
        }
    }

    /// Does what its time has come for, and ends the version.
    pub(super) fn see_to_due(&mut self) {
        if self.role.expires_sessions() {
            self.sessions.expire(&mut self.head, self.at);
        }
        if self.role.reaps_containers() {
            self.housekeeping.reap(&mut self.head, self.sessions.reports(), self.at);
        }
        self.housekeeping.warn_of_quotas(&mut self.head, self.at.now);
        self.head.end_turn(self.role.goes_on());
        if self.role.serving() == Serve::ReadOnly {
            self.head.answer_at_once();
            self.head.release(self.role.committed());
        }
    }

    pub(super) fn end_turn(&mut self) -> Result<(), ReplicaError> {
        let kept = self.kept();
        self.surveys.go_on(&mut self.head, &self.sessions, &self.status, kept, self.at.now);
        if self.surveys.take_need_of_snapshot() {
            self.snapshots.hurry();
        }
        self.quota_figures.tell(self.head.database(), &self.status.replica, self.at.now);
        self.head.reclaim();
        self.status.replica.local_sessions.set(self.sessions.local_count() as u64);
        self.see_to_files()?;
        self.see_to_snapshots()
    }

    /// A reader of the state that is public, with its newest transaction.
    pub(super) fn reader(&mut self) -> (Reader, Zxid) {
        self.head.reader()
    }

    /// The role of a member.
    ///
    /// # Panics
    /// If this server stands alone.
    pub(super) fn membership(&self) -> &Membership {
        match &self.role {
            Role::Member(member) => member,
            Role::Alone(_) => panic!("{IS_ALONE}"),
        }
    }

    /// Likewise, to be changed.
    pub(super) fn membership_mut(&mut self) -> &mut Membership {
        match &mut self.role {
            Role::Member(member) => member,
            Role::Alone(_) => panic!("{IS_ALONE}"),
        }
    }

    /// Does something with the head and the sessions, at the moment of this turn.
    pub(super) fn with_turn<T>(&mut self, work: impl FnOnce(&mut Turn<'_>, &mut Sessions) -> T) -> T {
        work(&mut Turn { head: &mut self.head, at: self.at }, &mut self.sessions)
    }

    /// The directory of the present history.
    pub(super) fn data_dir(&self) -> &Path {
        self.files.dir()
    }

    /// Makes public what is committed by now.
    pub(super) fn publish(&mut self) {
        if self.head.release(self.role.committed()) {
            self.tell_public();
        }
    }

    /// Something has become public.
    fn tell_public(&mut self) {
        self.head.tell(&self.status.replica);
        let age = self.head.take_public_order().map(|ordered| u64::try_from(self.at.wall_ms.saturating_sub(ordered)));
        if let Some(Ok(millis)) = age {
            self.status.replica.propagation.note(millis);
        }
    }

    /// This server leads: it orders what comes, and every living session has its whole timeout again.
    pub(super) fn begin_reign(&mut self, epoch: Epoch) {
        self.head.begin_reign(epoch);
        self.sessions.begin_reign(self.head.database(), self.at.now);
    }

    /// This server goes on leading, in another epoch; nothing was ordered since `suspended`.
    pub(super) fn renew_reign(&mut self, epoch: Epoch, suspended: Instant) {
        self.head.begin_reign(epoch);
        self.sessions.renew_reign(self.head.database(), suspended, self.at.now);
    }

    /// This server looks for a leader again. A snapshot that is not in place is of a history that may not last.
    pub(super) fn end_part(&mut self) {
        self.head.end_reign();
        self.sessions.end_part();
        self.surveys.forget_versions();
        self.snapshots.give_up_waiting();
    }

    /// How long the poll may sleep; the last look at the queues.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_with(Some(0))
    }

    /// Likewise, where so many requests wait for the leader, or as many as may.
    pub(super) fn timeout_with(&self, outstanding: Option<usize>) -> Option<Duration> {
        // What the role does not do now is not waited for. What is under way waits for the log, which wakes, or for a reactor.
        let has_submissions = self.role.gathers() && self.intake.has_submissions();
        if self.head.has_work()
            || self.surveys.has_work()
            || self.snapshots.have_news()
            || (has_submissions && self.intake.has_room(&self.head, outstanding))
        {
            return Some(Duration::ZERO);
        }
        if self.head.is_blocked() {
            return Some(RETRY);
        }
        let until_next = match self.head.has_room() {
            true => {
                self.role.reaps_containers().then(|| self.housekeeping.until_due(self.sessions.reports(), self.at.now))
            }
            // What may not be proposed may not be reaped either; completions and snapshots wake.
            false => (has_submissions && self.head.has_too_much_garbage()).then_some(READERS_WAIT),
        };
        let until_session = self.role.expires_sessions().then(|| self.sessions.until_due(self.at.now)).flatten();
        let until_quotas = self.quota_figures.until_due(self.head.database(), self.at.now);
        until_session.into_iter().chain(until_next).chain(until_quotas).min()
    }

    pub(super) fn submit(&mut self) -> Result<(), ReplicaError> {
        if self.head.submit()? {
            // The log may have seen the completion of an earlier group, of which nothing will tell again. Answers without
            // a transaction wait for nothing but what came before them.
            self.commit()?;
            self.note_shortage(None);
        } else {
            let shortage = self.head.log().shortage();
            self.note_shortage(shortage);
        }
        Ok(())
    }

    fn note_shortage(&mut self, shortage: Option<LogError>) {
        if shortage.is_some() || !self.shortage.is_over() {
            if shortage.is_some() {
                // It may have the space that the log needs, and waits for the log itself.
                self.snapshots.give_up_waiting();
            }
            self.shortage.note(shortage, self.at.now);
            self.status.replica.log_waits.set(u64::from(!self.shortage.is_over()));
        }
    }

    /// Makes public what is committed by what is durable.
    fn commit(&mut self) -> Result<(), ReplicaError> {
        let durable = self.head.durable()?;
        if let Role::Alone(alone) = &mut self.role {
            alone.note_durable(durable);
        }
        if self.head.release(self.role.committed()) {
            self.tell_public();
        }
        Ok(())
    }

    /// A snapshot is due, whatever was counted.
    pub(super) fn hurry_snapshot(&mut self) {
        self.snapshots.hurry();
    }

    /// What is in place of the files is looked after, or is not for now: what is to take their place has no room, and the next
    /// attempt may have removed some of them.
    pub(super) fn look_after_files(&mut self, looks: bool) {
        self.looks_after_files = looks;
    }

    fn see_to_files(&mut self) -> Result<(), ReplicaError> {
        if !self.looks_after_files {
            return Ok(());
        }
        if self.files.look_after(self.head.log(), self.at.now)? {
            self.snapshots.hurry();
        }
        Ok(())
    }

    /// Everything up to this transaction is committed, and durable here.
    fn kept(&self) -> Zxid {
        self.role.committed().min(self.head.completed())
    }

    fn see_to_snapshots(&mut self) -> Result<(), ReplicaError> {
        if let Some(done) = self.snapshots.take_done(&self.status.replica) {
            self.files.note_snapshot(done.zxid);
            self.surveys.note_snapshot(done.zxid);
            if let Some(oldest_kept) = done.oldest_kept {
                self.head.log().remove_before(oldest_kept)?;
            }
        }
        let are_due = self.snapshots.are_due(self.head.appended());
        if are_due && self.shortage.is_over() && self.role.takes_snapshots() {
            self.snapshots.begin(&mut self.head);
        }
        self.snapshots.tell(&self.status.replica);
        let kept = if mutant!(11) { self.head.last_logged().min(self.head.completed()) } else { self.kept() };
        self.snapshots.note_kept(kept);
        Ok(())
    }
}

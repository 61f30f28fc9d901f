//! The versions that are not public yet, and the order in which they become so.
//!
//! ```text
//! Draft ── sealed ──► waiting for its last transaction ── committed ──► Root, into every queue ──► announced ──► bells
//! ```
//! A version without transactions waits for the last one before it. One with very many events is announced only when every
//! reactor has looked through them.

use std::collections::VecDeque;
use std::sync::Arc;

use paddock_consensus::Zxid;
use paddock_consensus::input::Ticket;
use paddock_engine::event::Events;
use paddock_engine::tree::Tree;
use paddock_net::exchange::Exchange;
use paddock_net::status::Status;

use super::change::Change;
use super::figures::Figures;
use super::stage_times::StageTimes;
use super::version::Version;
use crate::audit::Entry;

pub struct Commits {
    /// The versions and the changes between them, oldest first.
    waiting: VecDeque<Waiting>,
    /// The newest transaction of the newest public version.
    public: Zxid,
    /// How many answers there are in all versions.
    answers: usize,
    /// Bytes of their bodies.
    bytes: usize,
    /// A reactor's queue was full, or one has still to look through the events of the oldest.
    blocked: bool,
    /// Reactors that have something to hear.
    to_ring: Vec<bool>,
    /// What there is to record of versions that are committed, with their events.
    audited: Vec<(Vec<Entry>, Arc<Events>)>,
    /// How long versions are in each stage.
    pub times: StageTimes,
}

#[expect(clippy::large_enum_variant, reason = "nearly all are versions, and none is to be allocated by itself")]
enum Waiting {
    Version(Version),
    Change(Change),
}

impl Commits {
    pub fn new(reactors: usize) -> Commits {
        Commits {
            waiting: VecDeque::new(),
            public: Zxid::ZERO,
            answers: 0,
            bytes: 0,
            blocked: false,
            to_ring: vec![false; reactors],
            audited: Vec::new(),
            times: StageTimes::default(),
        }
    }

    /// The ordering of the turn ends now, in which the last versions were sealed.
    pub fn note_ordered(&mut self) {
        let is_sealed = |waiting: &Waiting| matches!(waiting, Waiting::Version(version) if version.is_to_be_ordered());
        if !self.waiting.back().is_some_and(is_sealed) {
            return;
        }
        let Some(now) = self.times.now() else { return };
        for waiting in self.waiting.iter_mut().rev() {
            if let Waiting::Version(version) = waiting
                && !version.note_ordered(now)
            {
                return;
            }
        }
    }

    /// The state that this transaction has left is public.
    pub fn begin(&mut self, public: Zxid) {
        self.public = public;
    }

    /// The newest transaction of the newest public version.
    pub fn public(&self) -> Zxid {
        self.public
    }

    /// How many versions and changes wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Answers that no reactor has yet.
    pub fn answers(&self) -> usize {
        self.answers
    }

    /// The bytes of their bodies.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn push(&mut self, version: Version) {
        self.answers += version.answers();
        self.bytes += version.bytes();
        self.waiting.push_back(Waiting::Version(version));
    }

    /// Takes in a change that comes behind every version which is committed with transaction `committed`, and before all
    /// others.
    pub fn change(&mut self, change: Change, committed: Zxid) {
        let place = self.place_behind(committed);
        self.waiting.insert(place, Waiting::Change(change));
    }

    /// Takes in answers of what is public already, behind all changes and before every version that is not public.
    pub fn push_public(&mut self, version: Version) {
        self.answers += version.answers();
        self.bytes += version.bytes();
        let place = self.place_behind(self.public);
        self.waiting.insert(place, Waiting::Version(version));
    }

    fn place_behind(&self, committed: Zxid) -> usize {
        let comes_before = |waiting: &Waiting| match waiting {
            Waiting::Version(version) => version.zxid() <= committed,
            Waiting::Change(_) => true,
        };
        self.waiting.iter().rposition(comes_before).map_or(0, |last| last + 1)
    }

    /// No ticket after `confirmed` will ever be confirmed: whoever waits for one is not answered, and neither is who waits
    /// behind him. Their connections are to be closed by the next change.
    pub fn give_up_unconfirmed(&mut self, confirmed: Ticket) {
        let mut is_lost = false;
        for waiting in &mut self.waiting {
            let Waiting::Version(version) = waiting else { continue };
            is_lost |= version.gives_up_ticket(confirmed);
            if is_lost {
                self.answers -= version.answers();
                self.bytes -= version.bytes();
                version.drop_answers();
            }
        }
    }

    /// Another state takes the place of that of which the versions are: those that wait are never public.
    ///
    /// # Panics
    /// If some of them is in a reactor's queue, or may be, because it is committed.
    pub fn replace_state(&mut self, change: Change, committed: Zxid) {
        let is_uncommitted =
            |waiting: &Waiting| matches!(waiting, Waiting::Version(version) if version.zxid() > committed);
        assert!(
            self.waiting.iter().all(is_uncommitted),
            "a state is replaced when all that is committed of it is public"
        );
        self.waiting.clear();
        (self.answers, self.bytes) = (0, 0);
        self.waiting.push_back(Waiting::Change(change));
    }

    /// Announces every version that has nothing after transaction `committed` and waits for no ticket after `confirmed`, and
    /// puts the changes into the queues that
    /// come before the first other version. Returns what is to be told of the newest version.
    pub fn release(
        &mut self,
        (committed, confirmed): (Zxid, Ticket),
        tree: &mut Tree,
        exchanges: &[Arc<Exchange>],
        status: &Status,
    ) -> Option<Figures> {
        let mut released = None;
        self.blocked = false;
        self.times.begin_release();
        while let Some(next) = self.waiting.front_mut() {
            match next {
                Waiting::Version(version) => {
                    if !version.may_be_public(committed, confirmed) {
                        break;
                    }
                    self.audited.extend(version.take_audited());
                    self.blocked = !announce(version, tree, exchanges, (status, &mut self.times), &mut self.to_ring);
                    if !self.blocked {
                        released = Some(version.figures());
                        self.public = version.zxid();
                        self.answers -= version.answers();
                        self.bytes -= version.bytes();
                    }
                }
                Waiting::Change(change) => self.blocked = !change.deliver(exchanges),
            }
            if self.blocked {
                break;
            }
            self.waiting.pop_front();
        }
        for (exchange, ring) in exchanges.iter().zip(&mut self.to_ring) {
            if std::mem::take(ring) {
                exchange.reactor_bell.ring();
            }
        }
        released
    }

    /// What there is to record, with the events of its version, of what was committed since this was called last.
    pub fn take_audited(&mut self) -> Vec<(Vec<Entry>, Arc<Events>)> {
        std::mem::take(&mut self.audited)
    }
}

/// Announces a committed version; `false` if that must wait for a reactor. Notes which reactors have something to hear.
fn announce(
    version: &mut Version,
    tree: &mut Tree,
    exchanges: &[Arc<Exchange>],
    (status, times): (&Status, &mut StageTimes),
    to_ring: &mut [bool],
) -> bool {
    let root = version.commit(tree);
    let way = version.way(times);
    if !version.deliver((root, way), exchanges, status, to_ring) || !version.is_looked_through(exchanges.len()) {
        version.note_wait();
        return false;
    }
    if let Some(way) = way {
        times.note_released(&way, version.zxid(), version.answers() as u64, &status.replica.stages, &status.clock);
    }
    tree.announce(root);
    if version.has_waited() {
        // Those that had it already have been waiting for this.
        to_ring.fill(true);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use mio::{Poll, Token};
    use paddock_consensus::Zxid;
    use paddock_consensus::input::Ticket;
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::event::{EventKind, Events};
    use paddock_engine::tree::HashSeed;
    use paddock_net::doorbell::Doorbell;
    use paddock_net::exchange::{Answer, AnswerKind, ConnectionId, EVENTS_AT_ONCE, Exchange, Release};
    use paddock_net::serving::Period;
    use paddock_net::status::{ReactorStatus, Status};

    use super::Commits;
    use crate::audit::Entry;
    use crate::node::replica::change::Change;
    use crate::node::replica::draft::Draft;
    use crate::node::replica::figures::Figures;

    /// One reactor, and the versions that it has not been given yet.
    struct World {
        database: Database,
        draft: Draft,
        commits: Commits,
        exchanges: Vec<Arc<Exchange>>,
        status: Status,
        /// Where its bell is heard.
        poll: Poll,
        /// Transactions so far.
        zxid: i64,
    }

    impl World {
        fn new() -> World {
            let poll = Poll::new().unwrap();
            let bell = Arc::new(Doorbell::new(poll.registry(), Token(0)).unwrap());
            let status = Status { reactors: vec![ReactorStatus::default()], ..Status::default() };
            World {
                database: Database::new(HashSeed([7; 16]), Rules::default()),
                draft: Draft::new(1),
                commits: Commits::new(1),
                exchanges: vec![Arc::new(Exchange::new(bell.clone(), bell))],
                status,
                poll,
                zxid: 0,
            }
        }

        /// A version with this many transactions, and an answer.
        fn version(&mut self, transactions: i64) {
            (0..transactions).for_each(|_| self.draft.note_transaction());
            self.zxid += transactions;
            let connection = ConnectionId { slot: 0, generation: 0 };
            self.draft.answer(0, Answer { connection, zxid: self.zxid, kind: AnswerKind::Dropped });
            self.seal(Events::default());
        }

        fn seal(&mut self, events: Events) {
            let figures = Figures::of(&self.database, 0);
            let sealed = self.database.tree_mut().seal();
            self.commits.push(self.draft.finish(sealed, Zxid(self.zxid), figures, events, None));
        }

        /// Whether the reactor, which sleeps, is rung for when versions are released.
        fn is_rung(&mut self) -> bool {
            self.exchanges[0].reactor_bell.going_to_sleep();
            self.commits.release((Zxid(1), Ticket(0)), self.database.tree_mut(), &self.exchanges, &self.status);
            let mut told = mio::Events::with_capacity(1);
            self.poll.poll(&mut told, Some(Duration::ZERO)).unwrap();
            !told.is_empty()
        }

        /// The zxids of the versions that are released once this transaction is committed.
        fn release(&mut self, committed: i64) -> Vec<i64> {
            let tree = self.database.tree_mut();
            self.commits.release((Zxid(committed), Ticket(0)), tree, &self.exchanges, &self.status);
            self.told().iter().map(|told| told.expect("it is a version")).collect()
        }

        /// What the reactor is told, of everything up to this transaction.
        fn release_all(&mut self, committed: i64) -> Vec<Option<i64>> {
            let tree = self.database.tree_mut();
            self.commits.release((Zxid(committed), Ticket(0)), tree, &self.exchanges, &self.status);
            self.told()
        }

        /// What the reactor is told: the zxids of versions, and `None` for a period that begins.
        fn told(&mut self) -> Vec<Option<i64>> {
            let told = |release| match release {
                Release::Version(version) => Some(version.zxid),
                _ => None,
            };
            std::iter::from_fn(|| self.exchanges[0].releases.pop()).map(told).collect()
        }
    }

    #[test]
    fn a_version_waits_for_the_last_of_its_transactions() {
        let mut world = World::new();
        world.version(2);
        world.version(1);
        assert_eq!(world.release(0), [0; 0]);
        assert_eq!(world.release(1), [0; 0], "its second is not committed");
        assert_eq!(world.release(2), [2]);
        world.version(3);
        assert_eq!(world.release(5), [3], "the last is committed for a part");
        assert_eq!(world.release(6), [6]);
        assert!(world.commits.is_empty());
    }

    #[test]
    fn a_reactor_that_looks_ahead_is_rung_for_a_version_when_it_comes_and_when_it_is_public() {
        let mut world = World::new();
        let mut events = Events::default();
        (0..=EVENTS_AT_ONCE).for_each(|_| events.push(EventKind::Deleted, 1, "/a", &None));
        world.draft.note_transaction();
        world.zxid = 1;
        world.seal(events);
        assert!(world.is_rung());
        let Some(Release::Version(release)) = world.exchanges[0].releases.pop() else { panic!("it has none") };
        assert!(!world.is_rung(), "it knows all about it");
        release.looked_through.unwrap().fetch_add(1, Ordering::Release);
        assert!(world.is_rung());
        assert!(world.commits.is_empty() && !world.is_rung());
    }

    #[test]
    fn a_period_begins_behind_what_was_committed_and_before_all_else() {
        let mut world = World::new();
        world.version(1);
        world.version(1);
        world.commits.change(Change::serve(Period::default()), Zxid(1));
        world.version(1);
        world.commits.change(Change::serve(Period::default()), Zxid(3));
        assert_eq!(world.release_all(3), [Some(1), None, Some(2), Some(3), None]);
        assert!(world.commits.is_empty());
        // While a queue is full, nothing overtakes what does not fit.
        while world.exchanges[0].releases.push(Release::Serve(Period::default())).is_ok() {}
        world.commits.change(Change::serve(Period::default()), Zxid(3));
        world.version(1);
        let full = world.release_all(4).len();
        assert!(world.commits.is_blocked() && !world.commits.is_empty());
        assert!(full > 1);
        assert_eq!(world.release_all(4), [None, Some(4)]);
    }

    #[test]
    fn what_is_sealed_after_a_change_comes_behind_it() {
        let mut world = World::new();
        world.version(1);
        world.release(1);
        while world.exchanges[0].releases.push(Release::Serve(Period::default())).is_ok() {}
        world.commits.change(Change::serve(Period::default()), Zxid(1));
        // Answers without a transaction, which have nothing to wait for but what came before.
        world.version(0);
        world.release_all(1);
        world.commits.change(Change::serve(Period::default()), Zxid(1));
        assert_eq!(world.release_all(1), [None, Some(1), None], "changes come in their order");
    }

    #[test]
    fn another_state_takes_the_place_of_what_was_never_committed() {
        let mut world = World::new();
        world.version(1);
        world.version(1);
        world.release(1);
        let mut rebuilt = Database::new(HashSeed([7; 16]), Rules::default());
        let published = rebuilt.tree_mut().seal();
        rebuilt.tree_mut().publish(published);
        let readers = vec![rebuilt.tree_mut().reader()];
        world.commits.replace_state(Change::state(readers, 1), Zxid(1));
        assert_eq!((world.commits.len(), world.commits.answers()), (1, 0), "the second version is gone");
        while world.exchanges[0].releases.push(Release::Serve(Period::default())).is_ok() {}
        (world.database, world.zxid) = (rebuilt, 1);
        world.version(0);
        world.release_all(1);
        assert!(world.commits.is_blocked(), "nothing overtakes it");
        world.commits.release((Zxid(1), Ticket(0)), world.database.tree_mut(), &world.exchanges, &world.status);
        let Some(Release::State(state)) = world.exchanges[0].releases.pop() else { panic!("it is no state") };
        assert_eq!((state.zxid, state.reader.view().is_empty()), (1, false));
        assert_eq!(world.told(), [Some(1)], "a version of the new one");
    }

    #[test]
    #[should_panic(expected = "all that is committed of it is public")]
    fn a_state_is_not_replaced_while_something_committed_waits() {
        let mut world = World::new();
        world.version(1);
        world.commits.replace_state(Change::state(Vec::new(), 1), Zxid(1));
    }

    #[test]
    fn what_is_to_be_recorded_waits_for_its_commit_and_is_told_once() {
        let mut world = World::new();
        world.draft.audit(Entry::Ephemerals { session: 7, zxid: 1 });
        world.version(1);
        world.version(1);
        for (committed, recorded) in [(0, 0), (1, 1), (2, 0)] {
            world.release(committed);
            assert_eq!(world.commits.take_audited().len(), recorded, "{committed}");
        }
    }

    #[test]
    fn answers_alone_wait_for_what_came_before_them() {
        let mut world = World::new();
        world.version(0);
        assert_eq!(world.release(0), [0], "before the first transaction there is nothing to wait for");
        world.version(1);
        world.version(0);
        assert_eq!(world.release(0), [0; 0]);
        world.version(0);
        assert_eq!(world.release(0), [0; 0]);
        assert_eq!(world.release(1), [1, 1, 1]);
        world.version(0);
        assert_eq!(world.release(1), [1]);
    }
}

//! How long the writes of each version are in each stage of their way: see `paddock_net::stages`.
//!
//! The moments that are not the turn's own are read once a turn at most: the end of the ordering, and the release of versions.
//! Those of the log's groups are the log's.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use paddock_consensus::{ServerId, Zxid};
use paddock_engine::io::probes;
use paddock_engine::log::{Clock, Completion};
use paddock_net::clock::Clock as StatusClock;
use paddock_net::distribution::micros;
use paddock_net::stages::{GroupEntry, Moments, ReplicaStages, VersionEntry, Way};

/// Groups whose versions are not released, and turns whose proposals are not applied; beyond, the oldest are forgotten, and what
/// they would tell is told of the next stage.
const KEPT_MAX: usize = 4096;

#[derive(Default)]
pub struct StageTimes {
    /// The log's; `None` where nothing is measured.
    clock: Option<Clock>,
    /// Whether this server orders what its clients ask for.
    orders: bool,
    /// The moment of the turn; `None` before the first.
    turn: Option<Instant>,
    /// When what is in the draft was taken, where that was in an earlier turn.
    taken: Option<Instant>,
    /// When the versions of this call of release were; it is read for the first of them.
    released: Option<Instant>,
    /// The groups that were submitted, oldest first.
    groups: VecDeque<Group>,
    /// The last transaction of the newest of them.
    submitted: Zxid,
    /// When proposals came, of each turn in which any did, oldest first.
    proposals: VecDeque<Proposed>,
    /// Of a leader: whose acknowledgement has made the last quorum.
    by: Option<ServerId>,
}

/// A group on its way to the disk, or there.
struct Group {
    /// Its transactions are those after this one, up to the last.
    after: Zxid,
    last: Zxid,
    submitted: Instant,
    synced: Option<Instant>,
}

/// The proposals of a turn.
struct Proposed {
    last: Zxid,
    at: Instant,
}

/// What is known of a version before it is committed.
#[derive(Clone, Copy, Debug)]
pub struct VersionTimes {
    taken: Instant,
    /// The end of the ordering of the turn in which it was sealed.
    ordered: Option<Instant>,
    /// Whether this server has ordered it.
    is_ordered_here: bool,
}

impl VersionTimes {
    /// Whether the ordering of its turn has not ended.
    pub fn is_to_be_ordered(&self) -> bool {
        self.ordered.is_none()
    }

    /// The turn's ordering has ended. Whether that was not known.
    pub fn note_ordered(&mut self, ordered: Instant) -> bool {
        let is_new = self.ordered.is_none();
        self.ordered.get_or_insert(ordered);
        is_new
    }
}

impl StageTimes {
    /// By this clock it is measured from now on.
    pub fn measure_by(&mut self, clock: Clock) {
        self.clock = Some(clock);
    }

    /// Whether this server orders what its clients ask for, from now on: nobody has made a quorum of it yet.
    pub fn set_orders(&mut self, orders: bool) {
        (self.orders, self.by) = (orders, None);
    }

    /// The clock, read now; `None` where nothing is measured.
    pub fn now(&self) -> Option<Instant> {
        self.clock.as_ref().map(Clock::now)
    }

    pub fn begin_turn(&mut self, now: Instant) {
        self.turn = Some(now);
    }

    /// A transaction that takes several turns begins in this one.
    pub fn begin_long(&mut self) {
        self.taken = self.turn;
    }

    /// The draft ends. `None` before the first turn.
    pub fn seal(&mut self) -> Option<VersionTimes> {
        self.clock.as_ref()?;
        let taken = self.taken.take().or(self.turn)?;
        Some(VersionTimes { taken, ordered: None, is_ordered_here: self.orders })
    }

    /// A group was submitted up to this transaction.
    pub fn note_submitted(&mut self, (last, submitted): (Zxid, Instant)) {
        if last <= self.submitted {
            return;
        }
        // Of the first group it is not known where it begins.
        let after = if self.submitted == Zxid::ZERO { Zxid(last.0 - 1) } else { self.submitted };
        self.submitted = last;
        if self.groups.len() == KEPT_MAX {
            self.groups.pop_front();
        }
        self.groups.push_back(Group { after, last, submitted, synced: None });
    }

    /// The log has seen that a group has completed, which had filled so long.
    pub fn note_completed(
        &mut self,
        completion: &Completion,
        filled: Duration,
        stages: &ReplicaStages,
        clock: &StatusClock,
    ) {
        let Completion { last, records, bytes, since, time, .. } = *completion;
        // Behind it there are no more than are under way.
        let newest = self.groups.iter_mut().rev().find(|group| group.last <= last);
        if let Some(group) = newest.filter(|group| group.last == last) {
            group.synced = Some(since + time);
        }
        let (filled, took) = (micros(filled), micros(time));
        let submitted_at = clock.micros(since);
        let entry = GroupEntry { zxid: last.0, records: records.into(), bytes, submitted_at, filled, took };
        stages.groups.note(entry.words());
    }

    /// Learner: a transaction has come from the leader.
    pub fn note_proposed(&mut self, zxid: Zxid) {
        let Some(at) = self.turn else { return };
        match self.proposals.back_mut() {
            Some(proposed) if proposed.at == at => proposed.last = zxid,
            _ => {
                if self.proposals.len() == KEPT_MAX {
                    self.proposals.pop_front();
                }
                self.proposals.push_back(Proposed { last: zxid, at });
            }
        }
    }

    /// Learner: a transaction is applied that a client here has waited for, and that was sent to the leader then.
    pub fn note_learnt(&mut self, zxid: Zxid, asked: Option<Instant>, stages: &ReplicaStages) {
        while self.proposals.pop_front_if(|proposed| proposed.last < zxid).is_some() {}
        let (Some(asked), Some(turn)) = (asked, self.turn) else { return };
        let proposed = self.proposals.front().map_or(turn, |proposed| proposed.at).clamp(asked, turn.max(asked));
        stages.forwarded.note(micros(proposed.saturating_duration_since(asked)));
        stages.agreed.note(micros(turn.saturating_duration_since(proposed)));
    }

    /// Of a leader: the acknowledgement of this server, which may be itself, has made the last quorum.
    pub fn note_quorum(&mut self, by: ServerId) {
        self.by = Some(by);
    }

    /// Versions may be released next.
    pub fn begin_release(&mut self) {
        self.released = None;
    }

    /// How a version goes that is committed and is to be released now, unless it is not known when its writes were taken.
    pub fn way(&mut self, times: Option<&VersionTimes>, zxid: Zxid) -> Option<Way> {
        let (times, turn) = (times?, self.turn?);
        let released = match self.released {
            Some(released) => released,
            None => {
                let now = self.now()?;
                self.released = Some(now);
                now
            }
        };
        while self.groups.pop_front_if(|group| group.last < zxid).is_some() {}
        let group =
            self.groups.front().filter(|group| times.is_ordered_here && group.after < zxid && zxid <= group.last);
        let (submitted, synced) = group.map_or((None, None), |group| (Some(group.submitted), group.synced));
        let committed = synced.map_or(turn, |synced| synced.max(turn));
        let ordered = times.ordered.filter(|_| times.is_ordered_here);
        let is_ordered_here = times.is_ordered_here;
        Some(Way::of(&Moments { is_ordered_here, taken: times.taken, ordered, submitted, synced, committed, released }))
    }

    /// A version is in the queues, with so many answers.
    pub fn note_released(&self, way: &Way, zxid: Zxid, answers: u64, stages: &ReplicaStages, clock: &StatusClock) {
        if way.is_ordered_here {
            stages.note_ordered(way, answers);
        } else {
            stages.released.note_many(way.released.into(), answers);
        }
        let taken_at = clock.micros(way.taken);
        let [ordered, submitted, synced, quorum, released] =
            [way.ordered, way.submitted, way.synced, way.quorum, way.released].map(u64::from);
        let by = self.by.map_or(-1, |server| server.0);
        let zxid = zxid.0;
        let entry = VersionEntry { zxid, answers, taken_at, ordered, submitted, synced, quorum, released, by };
        stages.versions.note(entry.words());
        probes::version_released(zxid, answers, ordered + submitted + synced + quorum + released);
    }

    /// The log is another one, or ends where it did not.
    pub fn clear(&mut self) {
        self.groups.clear();
        self.proposals.clear();
        (self.submitted, self.taken, self.by) = (Zxid::ZERO, None, None);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use paddock_consensus::{ServerId, Zxid};
    use paddock_engine::log::{Clock, Completion};
    use paddock_net::clock::Clock as StatusClock;
    use paddock_net::stages::{ReplicaStages, Way};

    use super::{KEPT_MAX, StageTimes};

    struct World {
        start: Instant,
        now: Arc<Mutex<Instant>>,
        times: StageTimes,
        stages: ReplicaStages,
        clock: StatusClock,
    }

    impl World {
        fn new(orders: bool) -> World {
            let start = Instant::now();
            let now = Arc::new(Mutex::new(start));
            let mut times = StageTimes::default();
            let shown = now.clone();
            times.measure_by(Clock::new(move || *shown.lock().expect("nobody panics")));
            times.set_orders(orders);
            World { start, now, times, stages: ReplicaStages::default(), clock: StatusClock::new() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        /// The clock shows so many milliseconds.
        fn pass(&mut self, millis: u64) -> Instant {
            let at = self.at(millis);
            *self.now.lock().expect("nobody panics") = at;
            at
        }

        fn turn(&mut self, millis: u64) {
            let at = self.pass(millis);
            self.times.begin_turn(at);
        }

        fn complete(&mut self, last: i64, since: u64, took: u64) {
            let since = self.at(since);
            let time = Duration::from_millis(took);
            let completion = Completion { last: Zxid(last), records: 1, bytes: 4096, since, time, is_synced: true };
            self.times.note_completed(&completion, Duration::ZERO, &self.stages, &self.clock);
        }

        fn submit(&mut self, last: i64, millis: u64) {
            let at = self.at(millis);
            self.times.note_submitted((Zxid(last), at));
        }
    }

    fn millis(way: &Way) -> [u32; 5] {
        [way.ordered, way.submitted, way.synced, way.quorum, way.released].map(|micros| micros / 1000)
    }

    #[test]
    fn a_version_goes_with_the_group_that_has_its_last_transaction() {
        let mut world = World::new(true);
        world.turn(10);
        let mut first = world.times.seal().expect("a turn has begun");
        let mut second = first;
        assert!(first.note_ordered(world.at(12)) && !first.note_ordered(world.at(99)));
        second.note_ordered(world.at(12));
        world.submit(5, 13);
        world.submit(9, 20);
        world.complete(5, 13, 4);
        world.turn(16);
        world.pass(18);
        world.times.begin_release();
        let way = world.times.way(Some(&first), Zxid(5)).expect("it is measured");
        assert_eq!(millis(&way), [2, 1, 4, 0, 1], "seen at 17, released at 18");
        world.complete(9, 20, 5);
        world.turn(30);
        world.pass(31);
        world.times.begin_release();
        let way = world.times.way(Some(&second), Zxid(9)).expect("it is measured");
        assert_eq!(millis(&way), [2, 8, 5, 5, 1], "the others have acknowledged it at 30");
        world.times.note_quorum(ServerId(3));
        world.times.note_released(&way, Zxid(9), 7, &world.stages, &world.clock);
        assert_eq!((world.stages.quorum.totals().count, world.stages.quorum.totals().sum), (7, 35_000));
        let versions = world.stages.versions.after(0);
        assert_eq!((versions.len(), versions[0].1[1], versions[0].1[8]), (1, 7, 3));
        assert_eq!(world.stages.groups.after(0).len(), 2);
    }

    #[test]
    fn answers_without_a_transaction_take_no_group() {
        let mut world = World::new(true);
        world.turn(1);
        let mut times = world.times.seal().expect("a turn has begun");
        times.note_ordered(world.at(2));
        world.submit(8, 3);
        world.submit(9, 4);
        world.times.begin_release();
        world.pass(4);
        let way = world.times.way(Some(&times), Zxid(8)).expect("it is measured");
        assert_eq!(way.taken, world.at(1));
        let mut times = world.times.seal().expect("a turn has begun");
        times.note_ordered(world.at(2));
        let way = world.times.way(Some(&times), Zxid(7)).expect("it is measured");
        assert_eq!((way.submitted, way.synced), (0, 0), "its last transaction is in no group that is known");
    }

    #[test]
    fn a_learner_tells_forwarding_from_agreement() {
        let mut world = World::new(false);
        world.turn(20);
        world.times.note_proposed(Zxid(1));
        world.times.note_proposed(Zxid(2));
        world.turn(25);
        world.times.note_proposed(Zxid(3));
        world.turn(31);
        let asked = world.at(5);
        world.times.note_learnt(Zxid(2), Some(asked), &world.stages);
        world.times.note_learnt(Zxid(3), Some(asked), &world.stages);
        world.times.note_learnt(Zxid(4), None, &world.stages);
        let sums =
            [&world.stages.forwarded, &world.stages.agreed].map(|stage| (stage.totals().count, stage.totals().sum));
        assert_eq!(sums, [(2, 15_000 + 20_000), (2, 11_000 + 6_000)]);
        let times = world.times.seal().expect("a turn has begun");
        world.pass(33);
        world.times.begin_release();
        let way = world.times.way(Some(&times), Zxid(3)).expect("it is measured");
        assert_eq!(millis(&way), [0, 0, 0, 0, 2]);
    }

    #[test]
    fn nothing_grows_without_bound() {
        let mut world = World::new(true);
        for n in 1..=2 * KEPT_MAX as i64 {
            world.turn(n as u64);
            world.times.note_proposed(Zxid(n));
            world.submit(n, n as u64);
        }
        assert_eq!((world.times.groups.len(), world.times.proposals.len()), (KEPT_MAX, KEPT_MAX));
        world.times.clear();
        assert_eq!((world.times.groups.len(), world.times.proposals.len()), (0, 0));
    }
}

//! The places of a port: who has one, and whether its time is used up.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::bounds::{
    ANSWER_TIME_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, SNAPSHOT_TIME_MAX, STALL_TIME_MAX, WAITING_MAX,
    WORK_TIME_MAX, WORKERS,
};

// Who cannot be made to give up a place: requests at the workers or before them, and the snapshots that workers send.
const _: () = assert!(WAITING_MAX + 2 * WORKERS < CONNECTIONS_MAX, "a newcomer is to find a place");

/// The places of one port.
#[derive(Clone, Default)]
pub struct Places(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    taken: BTreeMap<u64, Taken>,
}

struct Taken {
    address: IpAddr,
    stage: Stage,
    /// When the stage began.
    since: Instant,
    /// When a byte went either way.
    progress: Instant,
    /// Ends the connection. `None` until it has begun.
    end: Option<AbortHandle>,
}

/// What a connection does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// It waits for a request, or for the rest of it.
    Waits,
    /// Its answer is being made.
    Works,
    /// Its answer, which is in memory, is being sent.
    Answers,
    /// A snapshot is being sent, or comes: a worker makes it or takes it meanwhile.
    Snapshots,
}

impl Table {
    /// Takes a place away from the one that has waited longest for a request, or else has taken longest over an answer from memory,
    /// of those that count. Whether there was one.
    fn end_one(&mut self, counts: impl Fn(&Taken) -> bool) -> bool {
        let oldest = |stage| {
            let those = self.taken.iter().filter(|(_, one)| one.stage == stage && counts(one));
            those.min_by_key(|(_, one)| one.since).map(|(id, _)| *id)
        };
        let Some(id) = oldest(Stage::Waits).or_else(|| oldest(Stage::Answers)) else { return false };
        if let Some(end) = self.taken.remove(&id).and_then(|one| one.end) {
            end.abort();
        }
        true
    }
}

impl Places {
    /// A place for a connection of this address, if there is one, or one can be taken from somebody who has it to no purpose.
    pub fn take(&self, address: IpAddr, now: Instant) -> Option<Place> {
        let mut table = lock(&self.0);
        let of_address = table.taken.values().filter(|one| one.address == address).count();
        if of_address >= CONNECTIONS_PER_ADDRESS_MAX && !table.end_one(|one| one.address == address) {
            return None;
        }
        if table.taken.len() >= CONNECTIONS_MAX && !table.end_one(|_| true) {
            return None;
        }
        let id = table.next;
        table.next += 1;
        table.taken.insert(id, Taken { address, stage: Stage::Waits, since: now, progress: now, end: None });
        drop(table);
        Some(Place(Arc::new(Holder { table: self.0.clone(), id })))
    }
}

/// The place of a connection, which all that belongs to it has a copy of. It is given back with the last copy.
#[derive(Clone)]
pub struct Place(Arc<Holder>);

struct Holder {
    table: Arc<Mutex<Table>>,
    id: u64,
}

/// Tells when a connection has ended, without holding its place.
#[derive(Clone)]
pub struct Departure(Weak<Holder>);

impl Departure {
    pub fn has_come(&self) -> bool {
        self.0.strong_count() == 0
    }
}

/// Of a connection that has ended.
#[cfg(test)]
pub fn departed(address: IpAddr) -> Departure {
    let place = Places::default().take(address, Instant::now()).expect("there is a place");
    place.departure()
}

impl Drop for Holder {
    fn drop(&mut self) {
        lock(&self.table).taken.remove(&self.id);
    }
}

impl Place {
    /// How the connection is ended where its place is needed.
    pub fn ends_by(&self, end: AbortHandle) {
        self.change(|one| one.end = Some(end));
    }

    /// A request has come.
    pub fn begin_work(&self, now: Instant) {
        self.begin(Stage::Works, now);
    }

    /// Its answer is there, in memory.
    pub fn begin_answer(&self, now: Instant) {
        self.begin(Stage::Answers, now);
    }

    /// A worker begins to make its answer, piece by piece, or to take its body.
    pub fn begin_snapshot(&self, now: Instant) {
        self.begin(Stage::Snapshots, now);
    }

    /// The answer is handed over to the end.
    pub fn wait(&self, now: Instant) {
        self.begin(Stage::Waits, now);
    }

    /// For whoever waits until the connection has ended.
    pub fn departure(&self) -> Departure {
        Departure(Arc::downgrade(&self.0))
    }

    fn begin(&self, stage: Stage, now: Instant) {
        self.change(|one| (one.stage, one.since, one.progress) = (stage, now, now));
    }

    /// A byte has gone either way.
    pub fn note_progress(&self, now: Instant) {
        self.change(|one| one.progress = now);
    }

    /// Whether the connection has used up its time, or its place is another's. It waits for a request as long as `wait_max`.
    pub fn is_overdue(&self, wait_max: Duration, now: Instant) -> bool {
        let table = lock(&self.0.table);
        let Some(one) = table.taken.get(&self.0.id) else { return true };
        let lasts = now.saturating_duration_since(one.since);
        let has_stalled = now.saturating_duration_since(one.progress) > STALL_TIME_MAX;
        match one.stage {
            Stage::Waits => lasts > wait_max,
            Stage::Works => lasts > WORK_TIME_MAX,
            Stage::Answers => lasts > ANSWER_TIME_MAX || has_stalled,
            Stage::Snapshots => lasts > SNAPSHOT_TIME_MAX || has_stalled,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Taken)) {
        if let Some(one) = lock(&self.0.table).taken.get_mut(&self.0.id) {
            change(one);
        }
    }
}

/// Nothing is half done in it when somebody panics.
fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::{Duration, Instant};

    use super::super::bounds::{
        ANSWER_TIME_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, SNAPSHOT_TIME_MAX, STALL_TIME_MAX, WORK_TIME_MAX,
    };
    use super::{Place, Places};

    const WAIT: Duration = Duration::from_secs(10);

    fn address(number: usize) -> IpAddr {
        IpAddr::from([10, 0, 0, number as u8])
    }

    /// All that one address may have.
    fn fill(places: &Places, number: usize, now: Instant) -> Vec<Place> {
        let place = |_| places.take(address(number), now).expect("there is a place");
        (0..CONNECTIONS_PER_ADDRESS_MAX).map(place).collect()
    }

    #[test]
    fn whoever_only_waits_gives_up_the_place() {
        let (places, now) = (Places::default(), Instant::now());
        let held = fill(&places, 1, now);
        held[0].wait(now + Duration::from_secs(1));
        let newcomer = places.take(address(1), now).expect("the second has waited longest");
        let overdue: Vec<usize> = (0..held.len()).filter(|&at| held[at].is_overdue(WAIT, now)).collect();
        assert_eq!(overdue, [1]);
        assert!(!newcomer.is_overdue(WAIT, now));
    }

    #[test]
    fn an_end_is_told_when_nobody_has_the_place_any_more() {
        let (places, now) = (Places::default(), Instant::now());
        let place = places.take(address(1), now).expect("there is a place");
        let (other, departure) = (place.clone(), place.departure());
        drop(place);
        assert!(!departure.has_come());
        drop(other);
        assert!(departure.has_come());
    }

    #[test]
    fn whoever_is_busy_keeps_it() {
        let (places, now) = (Places::default(), Instant::now());
        let mut held = fill(&places, 1, now);
        held.iter().for_each(|place| place.begin_work(now));
        assert!(places.take(address(1), now).is_none());
        assert!(places.take(address(2), now).is_some(), "others have places of their own");
        held.pop();
        assert!(places.take(address(1), now).is_some(), "it was given back");
    }

    #[test]
    fn all_addresses_together_are_bounded() {
        let (places, now) = (Places::default(), Instant::now());
        let full = CONNECTIONS_MAX / CONNECTIONS_PER_ADDRESS_MAX;
        let held: Vec<Place> = (0..full).flat_map(|number| fill(&places, number, now)).collect();
        held.iter().for_each(|place| place.begin_snapshot(now));
        assert!(places.take(address(99), now).is_none());
        held[5].wait(now);
        assert!(places.take(address(99), now).is_some());
        assert!(held[5].is_overdue(WAIT, now));
    }

    #[test]
    fn the_oldest_answer_that_is_no_snapshot_gives_up_its_place() {
        let (places, now) = (Places::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        let held = fill(&places, 1, now);
        held.iter().for_each(|place| place.begin_answer(later));
        held[0].begin_snapshot(now);
        held[1].begin_work(now);
        held[2].begin_answer(now);
        held[3].wait(later);
        let overdue = || -> Vec<usize> { (0..held.len()).filter(|&at| held[at].is_overdue(WAIT, now)).collect() };
        let first = places.take(address(1), now).expect("the fourth only waits");
        first.begin_snapshot(now);
        assert_eq!(overdue(), [3]);
        let second = places.take(address(1), now).expect("the third has taken longest over its answer");
        assert_eq!(overdue(), [2, 3]);
        assert!(!first.is_overdue(WAIT, now) && !second.is_overdue(WAIT, now));
    }

    #[test]
    fn each_stage_has_its_time() {
        let (places, now) = (Places::default(), Instant::now());
        let place = places.take(address(1), now).expect("there is a place");
        let more = Duration::from_millis(1);
        assert!(!place.is_overdue(WAIT, now + WAIT) && place.is_overdue(WAIT, now + WAIT + more));
        place.begin_work(now);
        assert!(!place.is_overdue(WAIT, now + WORK_TIME_MAX) && place.is_overdue(WAIT, now + WORK_TIME_MAX + more));
        place.begin_answer(now);
        assert!(!place.is_overdue(WAIT, now + STALL_TIME_MAX) && place.is_overdue(WAIT, now + STALL_TIME_MAX + more));
        place.note_progress(now + ANSWER_TIME_MAX);
        assert!(!place.is_overdue(WAIT, now + ANSWER_TIME_MAX), "it is taken all the time");
        assert!(place.is_overdue(WAIT, now + ANSWER_TIME_MAX + more), "and for too long");
        place.begin_snapshot(now);
        assert!(place.is_overdue(WAIT, now + STALL_TIME_MAX + more));
        place.note_progress(now + SNAPSHOT_TIME_MAX);
        assert!(!place.is_overdue(WAIT, now + SNAPSHOT_TIME_MAX), "it is a snapshot");
        assert!(place.is_overdue(WAIT, now + SNAPSHOT_TIME_MAX + more));
    }
}

//! Records on their way to the audit log: the replica leaves them here and goes on; one thread writes.
//!
//! While the log [waits](WhenFull::Wait), nothing that a client asked for is lost: once so much waits to be written, no more
//! requests are taken ([`Queue::has_room`]), and what is under way until then is bounded by other means and finds room. The
//! ends of sessions cannot wait, because every server of an ensemble applies them when the leader says so. They have room
//! for very many lines more; beyond, they are counted, and a line tells how many are missing.
//!
//! Where the log [drops](WhenFull::Drop), whatever finds no room is counted likewise.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::entries::Entries;

/// Once so much waits to be written, no more is asked for, bytes.
const WAITING_MAX: usize = 4 << 20;
/// Ends of sessions find room for so much more, bytes.
const ENDS_MAX: usize = 64 << 20;

/// What becomes of what is to be recorded where the log's disk is full or too slow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenFull {
    /// Clients' writes wait; reads go on.
    Wait,
    /// Records are dropped, and counted.
    Drop,
}

pub struct Queue {
    when_full: WhenFull,
    /// Bytes that wait to be written, or are being written.
    waiting: AtomicUsize,
    state: Mutex<State>,
    /// There is something to be done for the writer.
    work: Condvar,
    /// The writer has ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// What is not written yet; the writer is at the first.
    entries: VecDeque<Arc<Entries>>,
    /// Lines that found no room behind the last entries.
    dropped: u64,
    reopens: bool,
    /// Nothing is added any more, and the writer does not wait for its disk.
    ends: bool,
    has_ended: bool,
}

/// What the writer is to do.
#[derive(Default)]
pub struct Work {
    /// To be written.
    pub entries: Option<Arc<Entries>>,
    /// Lines that are missing behind them, where nothing has come since.
    pub dropped: u64,
    /// The file is to be opened anew, before anything is written.
    pub reopens: bool,
    /// There is nothing more, or what there is is not to be waited for.
    pub ends: bool,
}

impl Queue {
    pub fn new(when_full: WhenFull) -> Queue {
        let (waiting, state) = (AtomicUsize::new(0), Mutex::default());
        Queue { when_full, waiting, state, work: Condvar::new(), ended: Condvar::new() }
    }

    pub fn when_full(&self) -> WhenFull {
        self.when_full
    }

    /// Whether more may be asked for.
    pub fn has_room(&self) -> bool {
        // Whoever finds none goes to sleep, and is rung for behind the writer's store.
        self.when_full == WhenFull::Drop || self.waiting.load(Ordering::SeqCst) < WAITING_MAX
    }

    /// Adds what was done. Does not wait.
    pub fn push(&self, entries: Entries) {
        let bytes = entries.bytes();
        let room = match (self.when_full, entries.has_requests()) {
            (WhenFull::Wait, true) => usize::MAX,
            (WhenFull::Wait, false) => WAITING_MAX + ENDS_MAX,
            (WhenFull::Drop, _) => WAITING_MAX,
        };
        let mut state = self.lock();
        if self.waiting.load(Ordering::Relaxed).saturating_add(bytes) > room {
            state.dropped += entries.lines();
        } else {
            self.waiting.fetch_add(bytes, Ordering::SeqCst);
            let lost = mem::take(&mut state.dropped);
            state.entries.push_back(Arc::new(entries.behind_lost(lost)));
        }
        self.work.notify_one();
    }

    /// Has the file opened anew.
    pub fn reopen(&self) {
        self.lock().reopens = true;
        self.work.notify_one();
    }

    /// Waits until everything is written, and the writer has ended, but no longer than `patience`. Returns how many lines are
    /// not written.
    pub fn end(&self, patience: Duration) -> u64 {
        let mut state = self.lock();
        state.ends = true;
        self.work.notify_one();
        let goes_on = |state: &mut State| !state.has_ended;
        let waited = self.ended.wait_timeout_while(state, patience, goes_on);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.dropped + state.entries.iter().map(|entries| entries.lines()).sum::<u64>()
    }

    /// For the writer: what there is to be done, as soon as there is something.
    pub fn take(&self) -> Work {
        let idle = |state: &mut State| state.entries.is_empty() && state.dropped == 0 && !state.reopens && !state.ends;
        let mut state = self.work.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let entries = state.entries.front().cloned();
        let dropped = if entries.is_none() { mem::take(&mut state.dropped) } else { 0 };
        Work { ends: state.ends && entries.is_none(), reopens: mem::take(&mut state.reopens), entries, dropped }
    }

    /// For the writer: what it was given is written, or given up.
    pub fn note_done(&self) {
        if let Some(entries) = self.lock().entries.pop_front() {
            self.waiting.fetch_sub(entries.bytes(), Ordering::SeqCst);
        }
    }

    /// For the writer, who could not write: waits for so long, or until the file is to be opened anew or the log ends.
    pub fn rest(&self, time: Duration) -> Work {
        let idle = |state: &mut State| !state.reopens && !state.ends;
        let waited = self.work.wait_timeout_while(self.lock(), time, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Work { reopens: mem::take(&mut state.reopens), ends: state.ends, ..Work::default() }
    }

    /// For the writer: it writes no more.
    pub fn note_end(&self) {
        self.lock().has_ended = true;
        self.ended.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use paddock_engine::event::{EventKind, Events};

    use super::{ENDS_MAX, Queue, WAITING_MAX, WhenFull};
    use crate::audit::entries::{Entries, Entry};
    use crate::audit::record::{Action, Record};

    /// One request, of about so many bytes.
    fn request(bytes: usize) -> Entries {
        let path = Some("x".repeat(bytes).into_boxed_str());
        let action = Action { operation: "delete", path, znode_type: None, acl: None, succeeds: true };
        let record = Record { session: 7, ids: Arc::from([]), actions: vec![action] };
        Entries::new(vec![Entry::Request(Box::new(record))], Arc::default())
    }

    /// The end of a session with so many ephemerals.
    fn end(ephemerals: usize) -> Entries {
        let mut events = Events::default();
        (0..ephemerals).for_each(|_| events.push(EventKind::Deleted, 1, "/e", &None));
        Entries::new(vec![Entry::Ephemerals { session: 7, zxid: 1 }], Arc::new(events))
    }

    /// How many lines the writer is told are missing in all.
    fn lost(queue: &Queue) -> u64 {
        let mut lost = 0;
        loop {
            let state = queue.lock();
            if state.entries.is_empty() && state.dropped == 0 {
                return lost;
            }
            drop(state);
            let work = queue.take();
            lost += work.dropped;
            if let Some(entries) = work.entries {
                lost += entries.lost_before();
                queue.note_done();
            }
        }
    }

    #[test]
    fn no_more_is_asked_for_while_much_waits_and_what_is_under_way_finds_room() {
        let queue = Queue::new(WhenFull::Wait);
        assert!(queue.has_room());
        queue.push(request(WAITING_MAX));
        assert!(!queue.has_room());
        for _ in 0..3 {
            queue.push(request(WAITING_MAX));
        }
        for _ in 0..4 {
            assert!(!queue.has_room());
            assert!(queue.take().entries.is_some());
            queue.note_done();
        }
        assert!(queue.has_room());
        assert_eq!(lost(&queue), 0);
    }

    #[test]
    fn ends_of_sessions_have_room_of_their_own_and_beyond_are_counted_in_their_place() {
        let queue = Queue::new(WhenFull::Wait);
        let many = 1 << 17;
        let fitting = (WAITING_MAX + ENDS_MAX) / end(many).bytes();
        for _ in 0..fitting + 2 {
            queue.push(end(many));
        }
        assert!(!queue.has_room());
        queue.push(request(9));
        queue.push(end(many));
        assert_eq!(queue.end(Duration::ZERO), (fitting as u64 + 3) * many as u64 + 1);
        queue.lock().ends = false;
        assert_eq!(lost(&queue), 3 * many as u64);
        assert!(queue.has_room());
    }

    #[test]
    fn a_log_that_drops_never_has_anybody_wait() {
        let queue = Queue::new(WhenFull::Drop);
        queue.push(request(WAITING_MAX - 1000));
        assert!(queue.has_room());
        for _ in 0..5 {
            queue.push(request(WAITING_MAX / 2));
        }
        queue.push(request(9));
        assert!(queue.has_room());
        assert_eq!(lost(&queue), 5);
    }

    #[test]
    fn an_end_waits_for_the_writer() {
        let queue = Queue::new(WhenFull::Wait);
        queue.push(request(9));
        std::thread::scope(|scope| {
            let unwritten = scope.spawn(|| queue.end(Duration::MAX));
            while queue.take().entries.is_some() {
                queue.note_done();
            }
            queue.note_end();
            assert_eq!(unwritten.join().expect("it does not panic"), 0);
        });
    }
}

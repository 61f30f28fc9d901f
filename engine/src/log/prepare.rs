//! The next segment, zeroed before it is needed.
//!
//! A durable write into zeroed blocks changes data only; one that grows the file or fills blocks that were merely
//! reserved also changes the file's metadata and waits for the file system's journal. Zeroing the *current* segment
//! ahead of the writes would bring that back: it grows the file, and on ext4 a growing write excludes all others to the
//! same file. So a segment has its final size when its first group is written, and only the *next* one is zeroed, by a
//! thread, at the pace at which the current one fills:
//!
//! ```text
//! current segment   |#################..........................|      written
//!                   0           1/4                 3/4         1
//! next segment                   |0000000000........|                  zeroed: nothing at 1/4, its target at 3/4
//! ```
//!
//! An idle server therefore writes no zeros. If the current segment is full too early, the next one is taken as large as
//! it is, [`FIRST_BYTES`] at least. Sizes begin small, so that a start is quick, and grow by [`GROWTH`]. A log that rolls
//! (at every snapshot) leaves the rest of a segment unused, so segments are not made much larger than what was written
//! between rolls: with 64 MiB segments and a roll each 25 MiB, four times as many zeros went to the disk as transactions.
//!
//! The thread also removes purged segments, because the directory's sync after a removal takes milliseconds, and gives
//! their blocks back by and by ([`Removed`]); and it writes the milestone, for the same reason.
//!
//! Where space is short, or descriptors, the thread tries again by and by, and so the log waits instead of failing.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::LogError;
use super::milestone::{Milestone, MilestoneFile, Reached};
use super::segment::{Creator, Segment, ZERO_BYTES};
use crate::io::{AlignedBuffer, Removed, remove_file};

/// The size of the first segment after the log was opened, and the least that a next one has.
pub(super) const FIRST_BYTES: u64 = 4 << 20;

/// A segment is at most so many times as large as the one before.
const GROWTH: u64 = 4;

/// After a shortage it is tried again so much later.
const RETRY: Duration = Duration::from_secs(1);

/// How many bytes the log writes from one roll to the next.
#[derive(Default)]
pub(super) struct Rolls {
    /// Since the last one, in segments that are full.
    since: u64,
    /// What is expected; `None` before the first.
    between: Option<u64>,
}

impl Rolls {
    /// The log leaves a segment that has `used` bytes, because it is full or because of a roll.
    pub fn leave(&mut self, used: u64, is_roll: bool) {
        self.since += used;
        if is_roll {
            // Snapshots come after a random number of transactions, half of the most at least: a short distance is not
            // taken for the rule.
            let since = std::mem::take(&mut self.since);
            self.between = Some(since.max(self.between.map_or(0, |between| between / 4 * 3)));
        }
    }

    /// How large the segment after one of `current` bytes is made: `limit` at most. A distance that has become longer than
    /// was expected is expected to go on.
    pub fn next_size(&self, current: u64, limit: u64) -> u64 {
        let expected = self.between.map(|between| between.max(self.since));
        let enough = expected.map_or(u64::MAX, |bytes| bytes.saturating_add(bytes / 4).max(FIRST_BYTES));
        let enough = enough.checked_next_multiple_of(ZERO_BYTES as u64).unwrap_or(u64::MAX);
        limit.min(current.saturating_mul(GROWTH)).min(enough)
    }
}

/// How many bytes of the next segment should be zeroed when `used` of the current one's `size` are.
pub(super) fn goal(used: u64, size: u64, target: u64) -> u64 {
    let start = size / 4;
    let span = (size / 2).max(1);
    let share = used.saturating_sub(start).min(span);
    let goal = u128::from(target) * u128::from(share) / u128::from(span);
    u64::try_from(goal).expect("a share of the target")
}

/// The milestone, and the newest segment that it may name.
pub(super) struct Milestones {
    dir: PathBuf,
    file: MilestoneFile,
    /// Sequence and bytes.
    newest: (u64, u64),
}

impl Milestones {
    /// Of the log in a `dataLogDir`.
    pub fn new(dir: &Path, file: MilestoneFile) -> Milestones {
        Milestones { dir: dir.to_owned(), file, newest: (0, 0) }
    }

    /// Notes that there is a newer segment, which is durable as it is and is not taken away any more.
    pub fn note_segment(&mut self, segment: &Segment, durable: Reached) -> Result<(), LogError> {
        self.newest = (segment.sequence, segment.size);
        self.note(durable)
    }

    /// Notes what is durable of the segments that there are.
    fn note(&mut self, durable: Reached) -> Result<(), LogError> {
        self.file.write(Milestone::new(&self.dir, self.newest, durable))
    }
}

/// Makes one segment at a time.
pub(super) struct Preallocator {
    shared: Arc<Shared>,
    /// `None` once it has ended.
    thread: Option<JoinHandle<Option<PathBuf>>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Written when a segment is ready.
    bell: File,
}

struct State {
    /// What is being made: sequence and full size.
    order: Option<(u64, u64)>,
    goal: u64,
    /// As small as allowed, as soon as possible.
    urgent: bool,
    /// The writer cannot go on without the segment, which must have so many bytes: the next failure is the last word. A
    /// group never goes beyond the zeros, where space could be missing.
    needed: Option<u64>,
    ready: Option<Result<Segment, LogError>>,
    /// One that was ready and turned out to be too small.
    too_small: Option<Segment>,
    /// What kept the segment from being made at the last try, if that may be different by and by.
    shortage: Option<LogError>,
    removals: VecDeque<PathBuf>,
    /// What the log has made durable, and whether the milestone is to say so.
    durable: Reached,
    to_note: bool,
    ending: bool,
    /// The thread is gone.
    gone: bool,
}

enum Task {
    Remove(PathBuf),
    Shrink,
    Create(u64),
    Zero(u64),
    Publish,
    Note(Reached),
    Wait,
    End,
}

impl State {
    fn new(durable: Reached) -> State {
        State {
            order: None,
            goal: 0,
            urgent: false,
            needed: None,
            ready: None,
            too_small: None,
            shortage: None,
            removals: VecDeque::new(),
            durable,
            to_note: false,
            ending: false,
            gone: false,
        }
    }

    /// What the thread does next, having zeroed so much of the segment that it is making. Notes and removals wait for that
    /// segment, which the writer may need soon, unless it cannot be made at present.
    fn task(&mut self, zeroed: Option<u64>, is_shrinking: bool, is_pausing: bool) -> Task {
        if self.ending {
            return self.removals.pop_front().map_or(Task::End, Task::Remove);
        }
        match self.segment_task(zeroed) {
            Task::Wait => {}
            task if !is_pausing => return task,
            _ => {}
        }
        if std::mem::take(&mut self.to_note) {
            return Task::Note(self.durable);
        }
        if is_shrinking {
            return Task::Shrink;
        }
        self.removals.pop_front().map_or(Task::Wait, Task::Remove)
    }

    /// The bytes with which the segment may be published, if it is wanted soon.
    fn least(&self) -> u64 {
        let target = self.order.map_or(0, |(_, target)| target);
        target.min(FIRST_BYTES).max(self.needed.unwrap_or(0))
    }

    fn segment_task(&self, zeroed: Option<u64>) -> Task {
        let wanted = self.ready.is_none() && (self.urgent || self.goal > 0);
        let Some((sequence, target)) = self.order.filter(|_| wanted) else { return Task::Wait };
        let Some(zeroed) = zeroed else { return Task::Create(sequence) };
        let target = target.max(self.needed.unwrap_or(0));
        let enough = if self.urgent { self.least() } else { target };
        if zeroed >= enough {
            Task::Publish
        } else if self.urgent || zeroed < self.goal {
            Task::Zero(target)
        } else {
            Task::Wait
        }
    }
}

impl Preallocator {
    /// `durable` is what the log has made so before. `bell` is written whenever a segment is ready, or has failed.
    pub fn start(
        creator: Creator,
        milestones: Milestones,
        durable: Reached,
        bell: File,
    ) -> std::io::Result<Preallocator> {
        let shared = Arc::new(Shared { state: Mutex::new(State::new(durable)), changed: Condvar::new(), bell });
        let inside = Arc::clone(&shared);
        let run = move || Maker::new(creator, milestones, &inside).run();
        let thread = std::thread::Builder::new().name("log-preallocator".into()).spawn(run)?;
        Ok(Preallocator { shared, thread: Some(thread) })
    }

    /// Asks for the next segment, of `target` bytes; [`pace`](Self::pace) says when to begin. So much is `durable` now.
    pub fn order(&self, sequence: u64, target: u64, durable: Reached) {
        let mut state = self.shared.lock();
        assert!(state.ready.is_none(), "a segment is ordered after the last one was taken");
        (state.order, state.goal) = (Some((sequence, target)), 0);
        (state.urgent, state.needed) = (false, None);
        state.durable = durable;
    }

    /// So much is durable, and is to be noted in the milestone.
    pub fn note(&self, durable: Reached) {
        let mut state = self.shared.lock();
        (state.durable, state.to_note) = (durable, true);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// So much should be zeroed by now.
    pub fn pace(&self, goal: u64) {
        self.shared.lock().goal = goal;
        self.shared.changed.notify_all();
    }

    /// The segment is wanted soon, but the writer can go on without it. Tells whether it is ready.
    pub fn hurry(&self) -> bool {
        let mut state = self.shared.lock();
        if !state.urgent {
            state.urgent = true;
            self.shared.changed.notify_all();
        }
        matches!(state.ready, Some(Ok(_)))
    }

    /// The writer cannot go on without the segment, and with so many bytes. Tells whether [`take`](Self::take) would give
    /// it; if not, the bell rings when it would.
    pub fn demand(&self, bytes: u64) -> bool {
        let mut state = self.shared.lock();
        self.shared.need(&mut state, bytes);
        state.ready.is_some() || state.gone
    }

    /// Waits until [`take`](Self::take) would answer at once.
    pub fn wait(&self, bytes: u64) {
        drop(self.until_ready(bytes));
    }

    /// What the writer, who cannot go on without the segment, waits for.
    pub fn shortage(&self) -> Option<LogError> {
        let state = self.shared.lock();
        state.shortage.clone().filter(|_| state.needed.is_some() && state.ready.is_none())
    }

    /// Takes the segment, waiting for it if need be, but not for what is short.
    pub fn take(&self, bytes: u64) -> Result<Segment, LogError> {
        let mut state = self.until_ready(bytes);
        if state.ready.is_none()
            && let Some(shortage) = &state.shortage
        {
            return Err(shortage.clone());
        }
        let gone = || {
            let error = std::io::Error::other("the thread that prepares segments has died");
            Err(LogError::io("prepare", Path::new("the next log segment"), error))
        };
        state.order = None;
        state.ready.take().unwrap_or_else(gone)
    }

    fn until_ready(&self, bytes: u64) -> MutexGuard<'_, State> {
        let mut state = self.shared.lock();
        self.shared.need(&mut state, bytes);
        while state.ready.is_none() && state.shortage.is_none() && !state.gone {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    /// Removes files, the first one first, each durably before the next.
    pub fn remove(&self, paths: impl IntoIterator<Item = PathBuf>) {
        self.shared.lock().removals.extend(paths);
        self.shared.changed.notify_all();
    }

    /// Ends the thread after all removals. Returns the file of the segment that nobody took.
    pub fn end(mut self) -> Option<PathBuf> {
        let made = self.join();
        let ready = self.shared.lock().ready.take();
        made.or_else(|| ready?.ok().map(|segment| segment.path))
    }

    fn join(&mut self) -> Option<PathBuf> {
        self.shared.lock().ending = true;
        self.shared.changed.notify_all();
        // A panic of the thread has been printed by then, and left nothing to tidy that the next opening does not tidy.
        self.thread.take()?.join().ok().flatten()
    }
}

impl Drop for Preallocator {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one assignment, so a panic elsewhere leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_removal(&self) -> Option<PathBuf> {
        self.lock().removals.pop_front()
    }

    /// A failure from the time when nobody waited yet is not the last word: it is tried again.
    fn need(&self, state: &mut State, bytes: u64) {
        let is_first = state.needed.is_none();
        if is_first && matches!(state.ready, Some(Err(_))) {
            state.ready = None;
        }
        if is_first || state.needed.is_some_and(|needed| needed < bytes) {
            (state.urgent, state.needed) = (true, Some(bytes));
            if matches!(&state.ready, Some(Ok(segment)) if segment.size < bytes) {
                state.too_small = state.ready.take().and_then(Result::ok);
            }
            self.changed.notify_all();
        }
    }
}

/// The thread's side.
struct Maker<'a> {
    creator: Creator,
    zeros: AlignedBuffer,
    milestones: Milestones,
    making: Option<Segment>,
    /// An old segment that is being given back.
    removed: Option<Removed>,
    /// Something is short; before this nothing is created.
    retry_at: Option<Instant>,
    /// The milestone could not be written, and is tried again then.
    note_again_at: Option<Instant>,
    shared: &'a Shared,
}

impl<'a> Maker<'a> {
    fn new(creator: Creator, milestones: Milestones, shared: &'a Shared) -> Maker<'a> {
        let zeros = creator.zeros();
        Maker { zeros, creator, milestones, making: None, removed: None, retry_at: None, note_again_at: None, shared }
    }

    fn run(mut self) -> Option<PathBuf> {
        let _farewell = Farewell(self.shared);
        loop {
            let outcome = match self.next_task() {
                Task::End => return self.making.map(|segment| segment.path),
                Task::Wait => unreachable!("next_task waits"),
                Task::Remove(path) => {
                    self.remove(&path);
                    Ok(())
                }
                Task::Shrink => {
                    self.shrink();
                    Ok(())
                }
                Task::Create(sequence) => self.create(sequence),
                Task::Zero(end) => self.making.as_mut().map_or(Ok(()), |segment| segment.zero(&self.zeros, end)),
                Task::Publish => self.publish(),
                Task::Note(durable) => {
                    self.note(durable);
                    Ok(())
                }
            };
            if let Err(error) = outcome {
                self.give_up(error);
            }
        }
    }

    fn next_task(&mut self) -> Task {
        let mut state = self.shared.lock();
        loop {
            if let Some(segment) = state.too_small.take() {
                self.making = Some(segment);
            }
            let now = Instant::now();
            if self.note_again_at.take_if(|at| *at <= now).is_some() {
                state.to_note = true;
            }
            let until =
                |at: Option<Instant>| at.and_then(|at| at.checked_duration_since(now)).filter(|left| !left.is_zero());
            let pause = until(self.retry_at);
            let zeroed = self.making.as_ref().map(|segment| segment.size);
            let task = state.task(zeroed, self.removed.is_some(), pause.is_some());
            if !matches!(task, Task::Wait) {
                return task;
            }
            let changed = &self.shared.changed;
            state = match pause.into_iter().chain(until(self.note_again_at)).min() {
                Some(pause) => {
                    let waited = changed.wait_timeout(state, pause);
                    waited.map(|(state, _)| state).unwrap_or_else(|poisoned| poisoned.into_inner().0)
                }
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// After a shortage it is looked first whether there is space now: to try would take it from others for a moment.
    fn create(&mut self, sequence: u64) -> Result<(), LogError> {
        let least = self.shared.lock().least();
        if self.retry_at.is_some() && self.creator.free_bytes().is_some_and(|free| free < least) {
            return Err(LogError::NoSpace { dir: self.creator.directory().to_owned() });
        }
        self.making = Some(self.creator.create(sequence)?);
        Ok(())
    }

    /// The segment counts from now on, and the milestone knows of it before the writer if it can be written.
    fn publish(&mut self) -> Result<(), LogError> {
        if let Some(segment) = &self.making {
            segment.sync()?;
            let durable = self.shared.lock().durable;
            let noted = self.milestones.note_segment(segment, durable);
            self.take_in_note(noted);
        }
        if self.retry_at.take().is_some() {
            tracing::info!("the next log segment could be prepared");
        }
        let segment = self.making.take();
        self.answer(segment.map(Ok));
        Ok(())
    }

    fn note(&mut self, durable: Reached) {
        let noted = self.milestones.note(durable);
        self.take_in_note(noted);
    }

    /// A milestone that lags behind is not wrong, so that nothing waits for it.
    fn take_in_note(&mut self, noted: Result<(), LogError>) {
        let again_at = noted.is_err().then(|| Instant::now() + RETRY);
        if let (Err(error), None) = (noted, self.note_again_at) {
            tracing::warn!("it cannot be noted how far the log has come, which is tried again until it can: {error}");
        }
        self.note_again_at = again_at;
    }

    /// Gives the space back that the unfinished segment took, unless the milestone names it: one that was ready and turned
    /// out to be too small stays, and goes on from where it is. Where something is short, segments that wait to be removed go
    /// first, and it is tried again, at once or by and by.
    fn give_up(&mut self, error: LogError) {
        let names = self.milestones.newest.0;
        if let Some(segment) = self.making.take_if(|segment| segment.sequence != names)
            && let Err(error) = remove_file(&segment.path)
        {
            not_removed(&segment.path, &error);
        }
        if !error.is_shortage() {
            tracing::warn!("the next log segment cannot be prepared: {error}");
            self.answer(Some(Err(error)));
        } else if !self.remove_all() {
            if self.retry_at.replace(Instant::now() + RETRY).is_none() {
                tracing::warn!("the next log segment cannot be prepared, which is tried again until it can: {error}");
            }
            self.shared.lock().shortage = Some(error);
            self.ring();
        }
    }

    /// Gives back at once what would go by and by. Whether there was anything.
    fn remove_all(&mut self) -> bool {
        let mut any = self.removed.take().is_some();
        while let Some(path) = self.shared.take_removal() {
            any = true;
            self.remove(&path);
            self.removed = None;
        }
        any
    }

    fn remove(&mut self, path: &Path) {
        match Removed::begin(path) {
            Ok(removed) => self.removed = Some(removed),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                not_removed(path, &error);
                // Those behind it stay as well: a gap would be taken for damage.
                self.shared.lock().removals.clear();
            }
        }
    }

    fn shrink(&mut self) {
        self.removed.take_if(|removed| !removed.shrink());
    }

    fn answer(&self, ready: Option<Result<Segment, LogError>>) {
        let mut state = self.shared.lock();
        (state.ready, state.shortage) = (ready, None);
        drop(state);
        self.ring();
    }

    fn ring(&self) {
        self.shared.changed.notify_all();
        // An eventfd fails only when its counter is full, and then it is readable anyhow.
        let _ = (&self.shared.bell).write(&1u64.to_ne_bytes());
    }
}

fn not_removed(path: &Path, error: &std::io::Error) {
    tracing::warn!("cannot remove the log segment {}: {error}; the next start tries again", path.display());
}

/// Wakes a writer that waits for a thread that has died.
struct Farewell<'a>(&'a Shared);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        self.0.lock().gone = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::{Condvar, Mutex};

    use paddock_consensus::Zxid;

    use super::{FIRST_BYTES, Maker, Milestones, Preallocator, Rolls, Shared, State, Task, goal};
    use crate::io::sys;
    use crate::log::LogError;
    use crate::log::milestone::{Found, Milestone, MilestoneFile, Reached};
    use crate::log::segment::{Creator, SegmentPath};

    #[test]
    fn the_goal_runs_from_a_quarter_to_three() {
        assert_eq!(goal(0, 400, 1000), 0);
        assert_eq!(goal(100, 400, 1000), 0);
        assert_eq!(goal(200, 400, 1000), 500);
        assert_eq!(goal(300, 400, 1000), 1000);
        assert_eq!(goal(u64::MAX, 400, u64::MAX), u64::MAX);
        assert_eq!(goal(5, 1, 7), 7);
    }

    #[test]
    fn removals_wait_for_the_segment_that_is_made() {
        let mut state = State { order: Some((2, 100)), goal: 50, ..State::new(NOTHING) };
        state.removals.extend([PathBuf::from("a"), PathBuf::from("b")]);
        state.to_note = true;
        assert!(matches!(state.task(None, false, false), Task::Create(2)));
        assert!(matches!(state.task(Some(0), true, false), Task::Zero(100)));
        assert!(matches!(state.task(Some(50), true, false), Task::Note(_)));
        assert!(matches!(state.task(Some(50), true, false), Task::Shrink));
        assert!(matches!(state.task(Some(50), false, false), Task::Remove(path) if path.ends_with("a")));
        state.goal = 100;
        assert!(matches!(state.task(Some(100), false, false), Task::Publish));
        state.ending = true;
        assert!(matches!(state.task(Some(100), true, false), Task::Remove(path) if path.ends_with("b")));
        assert!(matches!(state.task(Some(100), true, false), Task::End));
    }

    #[test]
    fn a_pause_is_of_the_segment_only() {
        let mut state = State { order: Some((2, 100)), urgent: true, ..State::new(NOTHING) };
        state.removals.extend([PathBuf::from("a")]);
        assert!(matches!(state.task(None, false, true), Task::Remove(path) if path.ends_with("a")));
        assert!(matches!(state.task(None, false, true), Task::Wait));
        assert!(matches!(state.task(None, false, false), Task::Create(2)));
    }

    #[test]
    fn a_segment_that_turns_out_to_be_too_small_is_made_larger() {
        let (dir, preallocator) = start("larger");
        preallocator.order(2, FIRST_BYTES, NOTHING);
        preallocator.pace(FIRST_BYTES);
        while preallocator.shared.lock().ready.is_none() {
            std::thread::yield_now();
        }
        let segment = preallocator.take(2 * FIRST_BYTES).unwrap();
        assert_eq!((segment.sequence, segment.size), (2, 2 * FIRST_BYTES));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    /// A dataDir of its own may be full, or have gone.
    #[test]
    fn a_milestone_that_cannot_be_written_keeps_no_segment_from_the_writer() {
        let (dir, preallocator) = start("unnoted");
        let (data, milestone) = (dir.join("data"), dir.join("data/paddock-1/milestone"));
        drop(preallocator);
        std::fs::write(&data, b"no directory").unwrap();
        let (creator, _) = Creator::new(&dir, 7).unwrap();
        let bell = sys::event_fd().unwrap().into();
        let preallocator = Preallocator::start(creator, milestones(&data), NOTHING, bell).unwrap();
        preallocator.order(8, FIRST_BYTES, NOTHING);
        assert_eq!(preallocator.take(1).unwrap().sequence, 8);
        // It is written as soon as it can be.
        std::fs::remove_file(&data).unwrap();
        while !milestone.exists() {
            std::thread::yield_now();
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_segment_is_as_large_as_the_group_that_needs_it() {
        let mut state = State { order: Some((2, 100)), urgent: true, ..State::new(NOTHING) };
        assert!(matches!(state.task(Some(100), false, false), Task::Publish));
        state.needed = Some(3 * FIRST_BYTES);
        assert!(matches!(state.task(Some(100), false, false), Task::Zero(end) if end == 3 * FIRST_BYTES));
        assert!(matches!(state.task(Some(3 * FIRST_BYTES), false, false), Task::Publish));
    }

    #[test]
    fn segments_become_as_large_as_rolls_are_apart() {
        const MIB: u64 = 1 << 20;
        let mut rolls = Rolls::default();
        assert_eq!(rolls.next_size(4 * MIB, 64 * MIB), 16 * MIB);
        assert_eq!(rolls.next_size(16 * MIB, 64 * MIB), 64 * MIB);
        rolls.leave(16 * MIB, false);
        rolls.leave(8 * MIB, true);
        assert_eq!(rolls.next_size(64 * MIB, 64 * MIB), 30 * MIB);
        assert_eq!(rolls.next_size(4 * MIB, 64 * MIB), 16 * MIB);
        rolls.leave(8 * MIB, true);
        let less = rolls.next_size(64 * MIB, 64 * MIB);
        assert!((22 * MIB..23 * MIB).contains(&less), "by a quarter after a shorter distance: {less}");
        (0..20).for_each(|_| rolls.leave(100, true));
        assert_eq!(rolls.next_size(64 * MIB, 64 * MIB), FIRST_BYTES);
        let mut size = FIRST_BYTES;
        for segments in 0.. {
            assert!(segments < 16, "they grow again where no roll comes: {size}");
            if size == 64 * MIB {
                break;
            }
            rolls.leave(size, false);
            size = rolls.next_size(size, 64 * MIB);
        }
        rolls.leave(size, true);
        rolls.leave(1 << 62, false);
        rolls.leave(1 << 62, true);
        assert_eq!(rolls.next_size(64 * MIB, 64 * MIB), 64 * MIB);
    }

    fn start(name: &str) -> (PathBuf, Preallocator) {
        let dir = std::env::temp_dir().join(format!("paddock-prepare-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let (creator, _) = Creator::new(&dir, 1).unwrap();
        let bell = sys::event_fd().unwrap().into();
        let preallocator = Preallocator::start(creator, milestones(&dir), NOTHING, bell).unwrap();
        (dir, preallocator)
    }

    const NOTHING: Reached = Reached { log_id: 1, group: 0, zxid: Zxid::ZERO };

    fn milestones(dir: &Path) -> Milestones {
        Milestones::new(dir, MilestoneFile::new(dir, &Found::Nothing))
    }

    #[test]
    fn who_cannot_wait_gets_a_small_segment() {
        let (dir, preallocator) = start("urgent");
        preallocator.order(2, 4 * FIRST_BYTES, NOTHING);
        assert_eq!(preallocator.take(1).unwrap().size, FIRST_BYTES);
        preallocator.order(3, 2 * FIRST_BYTES, NOTHING);
        preallocator.pace(2 * FIRST_BYTES);
        while preallocator.shared.lock().ready.is_none() {
            std::thread::yield_now();
        }
        let segment = preallocator.take(1).unwrap();
        assert_eq!(segment.size, 2 * FIRST_BYTES);
        let bytes = std::fs::read(segment.path).unwrap();
        assert!(bytes.len() as u64 == segment.size && bytes.iter().all(|byte| *byte == 0));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_full_disk_gets_back_at_once_what_was_to_go_by_and_by() {
        let dir = std::env::temp_dir().join(format!("paddock-prepare-full-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let (creator, _) = Creator::new(&dir, 1).unwrap();
        let old = [dir.join("old.1"), dir.join("old.2")];
        old.iter().for_each(|path| std::fs::write(path, b"old").unwrap());
        let state = Mutex::new(State::new(NOTHING));
        let shared = Shared { state, changed: Condvar::new(), bell: sys::event_fd().unwrap().into() };
        shared.lock().removals.extend(old.clone());
        let mut maker = Maker::new(creator, milestones(&dir), &shared);
        maker.give_up(LogError::NoSpace { dir: dir.clone() });
        assert!(shared.lock().shortage.is_none() && maker.retry_at.is_none(), "it is tried again at once");
        assert!(old.iter().all(|path| !path.exists()));
        maker.give_up(LogError::NoSpace { dir: dir.clone() });
        assert!(maker.retry_at.is_some(), "nothing is left to remove, so it is tried again by and by");
        assert!(shared.lock().ready.is_none(), "and is no failure");
        assert!(matches!(shared.lock().shortage, Some(LogError::NoSpace { .. })));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    /// One that was ready and is to be made larger is named by the milestone: without it the next start would be refused.
    #[test]
    fn a_segment_that_the_milestone_names_is_not_given_back() {
        let dir = std::env::temp_dir().join(format!("paddock-prepare-named-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let (creator, _) = Creator::new(&dir, 1).unwrap();
        let segment = creator.create(2).unwrap();
        let path = segment.path.clone();
        let state = Mutex::new(State::new(NOTHING));
        let shared = Shared { state, changed: Condvar::new(), bell: sys::event_fd().unwrap().into() };
        let mut maker = Maker::new(creator, milestones(&dir), &shared);
        maker.milestones.note_segment(&segment, NOTHING).unwrap();
        maker.making = Some(segment);
        maker.give_up(LogError::NoSpace { dir: dir.clone() });
        assert!(path.exists() && maker.making.is_some() && maker.retry_at.is_some());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn the_milestone_knows_of_a_segment_before_the_writer() {
        let (dir, preallocator) = start("milestone");
        let durable = Reached { log_id: 1, group: 7, zxid: Zxid(9) };
        preallocator.order(2, FIRST_BYTES, durable);
        preallocator.take(1).unwrap();
        let noted = Found::read(&dir).unwrap().milestone().cloned().unwrap();
        assert_eq!(noted, Milestone::new(&dir, (2, FIRST_BYTES), durable));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn segments_behind_one_that_cannot_be_removed_stay() {
        let (dir, preallocator) = start("stuck");
        let paths = [dir.join("first"), dir.join("second")];
        std::fs::create_dir(&paths[0]).unwrap();
        std::fs::write(&paths[1], b"").unwrap();
        preallocator.remove(paths.clone());
        preallocator.end();
        assert!(paths.iter().all(|path| path.exists()));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_failure_is_tried_again_when_the_segment_is_needed() {
        let (dir, preallocator) = start("again");
        let obstacle = SegmentPath::new(&dir, 2).path;
        std::fs::write(&obstacle, b"").unwrap();
        preallocator.order(2, 8192, NOTHING);
        preallocator.pace(1);
        while preallocator.shared.lock().ready.is_none() {
            std::thread::yield_now();
        }
        assert!(!preallocator.hurry(), "a failed segment is not ready");
        std::fs::remove_file(&obstacle).unwrap();
        assert_eq!(preallocator.take(1).unwrap().sequence, 2);
        preallocator.order(2, 8192, NOTHING);
        let error = preallocator.take(1).unwrap_err().to_string();
        assert!(error.contains(obstacle.to_str().unwrap()), "{error}");
        assert_eq!(preallocator.end(), None);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

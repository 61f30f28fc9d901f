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
//! it is, [`LogConfig::first_bytes`](super::LogConfig) at least. `rolls` says how large it is made otherwise.
//!
//! The thread also removes purged segments, because the directory's sync after a removal takes milliseconds, and gives
//! their blocks back by and by ([`Removed`]); and it writes the milestone, for the same reason.
//!
//! Where space is short, or descriptors, the thread tries again by and by, and so the log waits instead of failing.
//!
//! All of that is done by a value, [`Maker`], a step at a time. On simulated files there is no thread: the scheduler asks for
//! each step ([`Preallocator::work`]), and a writer that has to wait takes the steps itself.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::LogError;
use super::live_milestone::LiveMilestone;
use super::milestone::Reached;
use super::segment::{Creator, Segment, ZERO_BYTES};
use crate::io::{AlignedBuffer, Bell, Removed};
use crate::progress::Progress;

/// After a shortage it is tried again so much later.
const RETRY: Duration = Duration::from_secs(1);

/// The writer's side: asks for one segment at a time, and takes it when it is ready.
pub(super) struct Preallocator {
    shared: Arc<Shared>,
    /// The goal that the thread has been told last, in bytes.
    paced: u64,
    driver: Driver,
}

/// Who has the maker take its steps.
enum Driver {
    /// A thread, which returns the file of the segment that it was making.
    Thread(JoinHandle<Option<PathBuf>>),
    Caller(Box<Maker>),
    /// Nobody any more.
    Ended,
}

/// What the writer and the thread share.
struct Shared {
    state: Mutex<State>,
    /// Told after each change of the state.
    changed: Condvar,
    /// Rings when a segment is ready.
    bell: Bell,
}

struct State {
    /// The segment that is to be made: sequence and full size.
    asked: Option<(u64, u64)>,
    /// Bytes of the segment that should be zeroed by now.
    goal: u64,
    /// Whether the segment is wanted as soon as possible, as small as allowed.
    urgent: bool,
    /// The bytes that the writer's next group takes, once the writer cannot go on without the segment. The segment is
    /// zeroed at least so far, because a group is written only to zeroed bytes, whose space is certain. From then on an
    /// error that is no shortage is final, and the writer is given it.
    needed: Option<u64>,
    /// The segment, until the writer takes it, or why it cannot be made.
    ready: Option<Result<Segment, LogError>>,
    /// A segment that was ready and turned out to be too small.
    too_small: Option<Segment>,
    /// What kept the segment from being made at the last try, if that may be different by and by.
    shortage: Option<LogError>,
    /// The files that are to be removed, the first one first.
    removals: VecDeque<PathBuf>,
    /// One that could not be removed, and those that were to go after it: they are tried again before any later one.
    not_removed: VecDeque<PathBuf>,
    /// How far the log is durable.
    durable: Reached,
    /// Whether `durable` is still to be written into the milestone.
    to_note: bool,
    /// Whether the thread is to end, after all removals.
    ending: bool,
    /// Whether the thread has ended.
    gone: bool,
    /// How often the maker was told something: whoever looks at the state and then sleeps misses nothing.
    told: u64,
    /// The least bytes of a segment, unless less is asked for.
    first_bytes: u64,
}

/// A step of the thread.
enum Task {
    Remove(PathBuf),
    /// Gives back the next piece of a removed file.
    Shrink,
    /// Creates the segment with this sequence.
    Create(u64),
    /// Zeroes the next piece of the segment, up to this size at most.
    Zero(u64),
    /// Hands the segment to the writer.
    Publish,
    /// Has the milestone say how far the log is durable.
    Note(Reached),
    Wait,
    End,
}

impl State {
    fn new(durable: Reached, first_bytes: u64) -> State {
        State {
            asked: None,
            goal: 0,
            urgent: false,
            needed: None,
            ready: None,
            too_small: None,
            shortage: None,
            removals: VecDeque::new(),
            not_removed: VecDeque::new(),
            durable,
            to_note: false,
            ending: false,
            gone: false,
            told: 0,
            first_bytes,
        }
    }

    /// What is done next, where so much of the segment that is being made is zeroed (`None`: it is not created). Work on
    /// the segment goes first, but only up to the present goal; then come the milestone and the removals. While
    /// `is_pausing`, after a shortage, the segment is passed over.
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

    /// Whether whoever waits for the segment has an answer.
    fn is_settled(&self) -> bool {
        self.ready.is_some() || self.shortage.is_some() || self.gone
    }

    /// The bytes with which the segment may be published, if it is wanted soon.
    fn least(&self) -> u64 {
        let target = self.asked.map_or(0, |(_, target)| target);
        target.min(self.first_bytes).max(self.needed.unwrap_or(0))
    }

    fn segment_task(&self, zeroed: Option<u64>) -> Task {
        let wanted = self.ready.is_none() && (self.urgent || self.goal > 0);
        let Some((sequence, target)) = self.asked.filter(|_| wanted) else { return Task::Wait };
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
    /// Starts the thread, on files of this machine. `durable` is how far the log is so, `first_bytes` the least that a segment
    /// has. `bell` rings whenever a segment is ready, or has failed.
    pub fn start(
        creator: Creator,
        milestone: LiveMilestone,
        durable: Reached,
        first_bytes: u64,
        bell: Bell,
    ) -> std::io::Result<Preallocator> {
        let state = Mutex::new(State::new(durable, first_bytes));
        let shared = Arc::new(Shared { state, changed: Condvar::new(), bell });
        let is_simulated = creator.files().is_simulated();
        let maker = Maker::new(creator, milestone, Arc::clone(&shared));
        let driver = if is_simulated {
            Driver::Caller(Box::new(maker))
        } else {
            let thread = std::thread::Builder::new().name("log-preallocator".into());
            Driver::Thread(thread.spawn(move || maker.run())?)
        };
        Ok(Preallocator { shared, paced: 0, driver })
    }

    /// Takes a step, where no thread does.
    pub fn work(&mut self, now: Instant) -> Progress {
        match &mut self.driver {
            Driver::Caller(maker) => maker.work(now),
            Driver::Thread(_) => Progress::Waits { until: None },
            Driver::Ended => Progress::Ended,
        }
    }

    /// Asks for the next segment, of `target` bytes; [`pace`](Self::pace) says when to begin. The log is `durable` so far now.
    pub fn ask_for(&mut self, sequence: u64, target: u64, durable: Reached) {
        self.paced = 0;
        let mut state = self.shared.lock();
        assert!(state.ready.is_none(), "a segment is asked for after the last one was taken");
        (state.asked, state.goal) = (Some((sequence, target)), 0);
        (state.urgent, state.needed) = (false, None);
        state.durable = durable;
    }

    /// The log is durable so far, and the milestone is to say so.
    pub fn note(&self, durable: Reached) {
        let mut state = self.shared.lock();
        (state.durable, state.to_note) = (durable, true);
        self.shared.tell(&mut state);
    }

    /// So many bytes of the `target` should be zeroed by now. The thread is told when that is worth waking it.
    pub fn pace(&mut self, goal: u64, target: u64) {
        let is_worth_it = goal >= self.paced + ZERO_BYTES as u64 || goal == target;
        if goal > self.paced && is_worth_it {
            self.paced = goal;
            let mut state = self.shared.lock();
            state.goal = goal;
            self.shared.tell(&mut state);
        }
    }

    /// The segment is wanted soon, but the writer can go on without it. Tells whether it is ready.
    pub fn hurry(&self) -> bool {
        let mut state = self.shared.lock();
        if !state.urgent {
            state.urgent = true;
            self.shared.tell(&mut state);
        }
        matches!(state.ready, Some(Ok(_)))
    }

    /// The writer cannot go on without a segment of at least so many bytes. Tells whether [`take`](Self::take) would give
    /// it; if not, the bell rings when it would.
    pub fn demand(&self, bytes: u64) -> bool {
        let mut state = self.shared.lock();
        self.shared.need(&mut state, bytes);
        state.ready.is_some() || state.gone
    }

    /// Waits until [`take`](Self::take) would answer at once.
    pub fn wait(&mut self, bytes: u64) {
        drop(self.until_ready(bytes));
    }

    /// The shortage that keeps the segment from being made, if the writer waits for it; otherwise `None`.
    pub fn shortage(&self) -> Option<LogError> {
        let state = self.shared.lock();
        state.shortage.clone().filter(|_| state.needed.is_some() && state.ready.is_none())
    }

    /// Takes the segment, waiting for it if need be, but not for what is short.
    pub fn take(&mut self, bytes: u64) -> Result<Segment, LogError> {
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
        state.asked = None;
        state.ready.take().unwrap_or_else(gone)
    }

    fn until_ready(&mut self, bytes: u64) -> MutexGuard<'_, State> {
        let Preallocator { shared, driver, .. } = self;
        let mut state = shared.lock();
        shared.need(&mut state, bytes);
        while !state.is_settled() {
            state = match driver {
                Driver::Caller(maker) => {
                    drop(state);
                    let progress = maker.work(maker.now);
                    assert_eq!(progress, Progress::More, "a segment that is needed is made, or something is short");
                    shared.lock()
                }
                Driver::Thread(_) | Driver::Ended => shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state
    }

    /// Removes files, the first one first, each durably before the next, and before them what could not be removed so far.
    pub fn remove(&self, paths: impl IntoIterator<Item = PathBuf>) {
        let mut state = self.shared.lock();
        let again = std::mem::take(&mut state.not_removed);
        state.removals.extend(again);
        state.removals.extend(paths);
        self.shared.tell(&mut state);
    }

    /// Ends the thread after all removals that wait. Returns the path of a segment that was being made, or was ready and
    /// not taken, which is the caller's to remove. Afterwards `take` gives no segment.
    pub fn end(&mut self) -> Option<PathBuf> {
        let made = self.join();
        let ready = self.shared.lock().ready.take();
        made.or_else(|| ready?.ok().map(|segment| segment.path))
    }

    fn join(&mut self) -> Option<PathBuf> {
        let mut state = self.shared.lock();
        state.ending = true;
        self.shared.tell(&mut state);
        drop(state);
        match std::mem::replace(&mut self.driver, Driver::Ended) {
            // If the thread has panicked, its message is printed already, and whatever file it left is tidied by the next
            // opening of the log. So the panic is ignored here.
            Driver::Thread(thread) => thread.join().ok().flatten(),
            Driver::Caller(mut maker) => {
                while maker.work(maker.now) == Progress::More {}
                maker.unfinished()
            }
            Driver::Ended => None,
        }
    }
}

impl Drop for Preallocator {
    fn drop(&mut self) {
        self.join();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic between the assignments of one change, so that the state is consistent even if the lock is
        // poisoned.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The maker is told that the state has changed.
    fn tell(&self, state: &mut State) {
        state.told += 1;
        self.changed.notify_all();
    }

    fn take_removal(&self) -> Option<PathBuf> {
        self.lock().removals.pop_front()
    }

    /// Notes that the writer waits until a segment of so many bytes is ready. A failure from before is forgotten, so that
    /// the segment is tried once more, and a ready one that is too small is handed back to be made larger.
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
            self.tell(state);
        }
    }
}

/// Makes segments, removes old ones and writes the milestone, a step at a time.
struct Maker {
    creator: Creator,
    zeros: AlignedBuffer,
    milestone: LiveMilestone,
    /// The segment that is being made.
    making: Option<Segment>,
    /// A removed segment whose space is being given back.
    removed: Option<Removed>,
    /// Before this moment no segment is created, because something was short at the last try; `None` if it was not.
    retry_at: Option<Instant>,
    /// The time of this step.
    now: Instant,
    /// The value of [`State::told`] when this step chose its task: a sleep ends as soon as it differs.
    told: u64,
    shared: Arc<Shared>,
}

impl Maker {
    fn new(creator: Creator, milestone: LiveMilestone, shared: Arc<Shared>) -> Maker {
        let (zeros, now) = (creator.zeros(), Instant::now());
        Maker { zeros, creator, milestone, making: None, removed: None, retry_at: None, now, told: 0, shared }
    }

    /// The thread.
    fn run(mut self) -> Option<PathBuf> {
        let shared = Arc::clone(&self.shared);
        let _farewell = Farewell(&shared);
        loop {
            match self.work(Instant::now()) {
                Progress::More => {}
                Progress::Waits { until } => self.sleep(until),
                Progress::Ended => return self.unfinished(),
            }
        }
    }

    /// Until it is told something, or until a moment.
    fn sleep(&self, until: Option<Instant>) {
        let state = self.shared.lock();
        let is_asleep = |state: &mut State| state.told == self.told;
        let changed = &self.shared.changed;
        // However the sleep ends, it is looked again at what is to be done.
        match until.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(pause) => drop(changed.wait_timeout_while(state, pause, is_asleep)),
            None => drop(changed.wait_while(state, is_asleep)),
        }
    }

    /// The file of the segment that was being made.
    fn unfinished(self) -> Option<PathBuf> {
        self.making.map(|segment| segment.path)
    }

    fn work(&mut self, now: Instant) -> Progress {
        self.now = now;
        let outcome = match self.next_task() {
            Task::End => return Progress::Ended,
            Task::Wait => return Progress::Waits { until: self.wakes_at() },
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
                self.milestone.note(durable, now);
                Ok(())
            }
        };
        if let Err(error) = outcome {
            self.give_up(error);
        }
        Progress::More
    }

    fn next_task(&mut self) -> Task {
        let mut state = self.shared.lock();
        if let Some(segment) = state.too_small.take() {
            self.making = Some(segment);
        }
        self.told = state.told;
        state.to_note |= self.milestone.again_at().is_some_and(|at| at <= self.now);
        let zeroed = self.making.as_ref().map(|segment| segment.size);
        let is_pausing = self.retry_at.is_some_and(|at| at > self.now);
        state.task(zeroed, self.removed.is_some(), is_pausing)
    }

    /// When there is something to do that nobody tells.
    fn wakes_at(&self) -> Option<Instant> {
        let times = [self.retry_at, self.milestone.again_at()];
        times.into_iter().flatten().filter(|at| *at > self.now).min()
    }

    /// After a shortage the free space is looked at before a try: one that fails would for a moment take space that others
    /// need.
    fn create(&mut self, sequence: u64) -> Result<(), LogError> {
        let least = self.shared.lock().least();
        if self.retry_at.is_some() && self.creator.free_bytes().is_some_and(|free| free < least) {
            return Err(LogError::NoSpace { dir: self.creator.directory().to_owned() });
        }
        let segment = self.making.insert(self.creator.create(sequence)?);
        // At once: a sync of this directory that fails for somebody else, say for the milestone, may lose the name, and the
        // next sync would not tell.
        let synced = self.creator.files().sync_dir(self.creator.directory());
        synced.map_err(|error| LogError::io("create the log segment", &segment.path, error))
    }

    /// The segment counts from now on, and the milestone knows of it before the writer if it can be written.
    fn publish(&mut self) -> Result<(), LogError> {
        if let Some(segment) = &self.making {
            segment.sync(self.creator.files())?;
            let durable = self.shared.lock().durable;
            self.milestone.note_segment(segment, durable, self.now);
        }
        if self.retry_at.take().is_some() {
            tracing::info!("the next log segment has been prepared now: what was short is there again");
        }
        let segment = self.making.take();
        self.answer(segment.map(Ok));
        Ok(())
    }

    /// The segment could not be made. Its file is removed, unless the milestone names it already, because it was ready and
    /// turned out to be too small: that file stays, and is zeroed further at the next try. If the error is a shortage, all
    /// removals that wait are done at once and the try is repeated; if there are none, it is repeated after `RETRY`. Any
    /// other error goes to the writer.
    fn give_up(&mut self, error: LogError) {
        let names = self.milestone.newest_sequence();
        if let Some(segment) = self.making.take_if(|segment| segment.sequence != names)
            && let Err(error) = self.creator.files().remove(&segment.path)
        {
            not_removed(&segment.path, &error);
        }
        if !error.is_shortage() {
            tracing::warn!("the next log segment cannot be prepared: {error}");
            self.answer(Some(Err(error)));
        } else if !self.remove_all() {
            if self.retry_at.replace(self.now + RETRY).is_none() {
                tracing::warn!("the next log segment cannot be prepared now, and is tried again and again: {error}");
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
        match Removed::begin(self.creator.files(), path) {
            Ok(removed) => self.removed = Some(removed),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                not_removed(path, &error);
                // Those behind it stay as well: a gap would be taken for damage.
                let mut state = self.shared.lock();
                let behind = std::mem::take(&mut state.removals);
                state.not_removed = std::iter::once(path.to_owned()).chain(behind).collect();
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
        self.shared.bell.ring();
    }
}

fn not_removed(path: &Path, error: &std::io::Error) {
    tracing::warn!("cannot remove the log segment {}: {error}; it is tried again", path.display());
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
    use std::sync::{Arc, Condvar, Mutex};
    use std::time::Instant;

    use paddock_consensus::Zxid;

    use super::{LiveMilestone, Maker, Preallocator, Shared, State, Task, ZERO_BYTES};
    use crate::io::simulated::{Effect, Every, Fault, FileSystem, Operation};
    use crate::io::{Bell, Files};
    use crate::log::milestone::{Extent, FoundMilestone, Milestone, MilestoneFile, Reached};
    use crate::log::segment::Creator;
    use crate::log::segment_path::SegmentPath;
    use crate::log::{GroupNumber, LogError};
    use crate::progress::Progress;

    const FIRST_BYTES: u64 = 4 << 20;

    #[test]
    fn removals_wait_for_the_segment_that_is_made() {
        let mut state = State { asked: Some((2, 100)), goal: 50, ..State::new(NOTHING, FIRST_BYTES) };
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
        let mut state = State { asked: Some((2, 100)), urgent: true, ..State::new(NOTHING, FIRST_BYTES) };
        state.removals.extend([PathBuf::from("a")]);
        assert!(matches!(state.task(None, false, true), Task::Remove(path) if path.ends_with("a")));
        assert!(matches!(state.task(None, false, true), Task::Wait));
        assert!(matches!(state.task(None, false, false), Task::Create(2)));
    }

    #[test]
    fn a_segment_that_turns_out_to_be_too_small_is_made_larger() {
        let (dir, mut preallocator) = start("larger");
        preallocator.ask_for(2, FIRST_BYTES, NOTHING);
        preallocator.pace(FIRST_BYTES, FIRST_BYTES);
        while preallocator.shared.lock().ready.is_none() {
            std::thread::yield_now();
        }
        let segment = preallocator.take(2 * FIRST_BYTES).unwrap();
        assert_eq!((segment.sequence, segment.size), (2, 2 * FIRST_BYTES));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    /// Where the dataDir is another directory than the dataLogDir, its disk may be full, or it may have vanished: the
    /// milestone cannot be written then, but segments can.
    #[test]
    fn a_milestone_that_cannot_be_written_keeps_no_segment_from_the_writer() {
        let (dir, preallocator) = start("unnoted");
        let (data, milestone) = (dir.join("data"), dir.join("data/paddock-1/milestone"));
        drop(preallocator);
        std::fs::write(&data, b"no directory").unwrap();
        let (creator, _) = Creator::new(&Files::Real, &dir, 7).unwrap();
        let mut preallocator =
            Preallocator::start(creator, live_milestone(&data), NOTHING, FIRST_BYTES, Bell::new(&Files::Real).unwrap())
                .unwrap();
        preallocator.ask_for(8, FIRST_BYTES, NOTHING);
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
        let mut state = State { asked: Some((2, 100)), urgent: true, ..State::new(NOTHING, FIRST_BYTES) };
        assert!(matches!(state.task(Some(100), false, false), Task::Publish));
        state.needed = Some(3 * FIRST_BYTES);
        assert!(matches!(state.task(Some(100), false, false), Task::Zero(end) if end == 3 * FIRST_BYTES));
        assert!(matches!(state.task(Some(3 * FIRST_BYTES), false, false), Task::Publish));
    }

    fn start(name: &str) -> (PathBuf, Preallocator) {
        let dir = std::env::temp_dir().join(format!("paddock-preallocator-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let (creator, _) = Creator::new(&Files::Real, &dir, 1).unwrap();
        let preallocator =
            Preallocator::start(creator, live_milestone(&dir), NOTHING, FIRST_BYTES, Bell::new(&Files::Real).unwrap())
                .unwrap();
        (dir, preallocator)
    }

    const NOTHING: Reached = Reached { log_id: 1, group: GroupNumber(0), zxid: Zxid::ZERO };

    fn live_milestone(dir: &Path) -> LiveMilestone {
        LiveMilestone::new(dir, MilestoneFile::new(&Files::Real, dir, &FoundMilestone::Nothing))
    }

    #[test]
    fn who_cannot_wait_gets_a_small_segment() {
        let (dir, mut preallocator) = start("urgent");
        preallocator.ask_for(2, 4 * FIRST_BYTES, NOTHING);
        assert_eq!(preallocator.take(1).unwrap().size, FIRST_BYTES);
        preallocator.ask_for(3, 2 * FIRST_BYTES, NOTHING);
        preallocator.pace(2 * FIRST_BYTES, 2 * FIRST_BYTES);
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
        let dir = std::env::temp_dir().join(format!("paddock-preallocator-full-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let (creator, _) = Creator::new(&Files::Real, &dir, 1).unwrap();
        let old = [dir.join("old.1"), dir.join("old.2")];
        old.iter().for_each(|path| std::fs::write(path, b"old").unwrap());
        let state = Mutex::new(State::new(NOTHING, FIRST_BYTES));
        let shared = Arc::new(Shared { state, changed: Condvar::new(), bell: Bell::new(&Files::Real).unwrap() });
        shared.lock().removals.extend(old.clone());
        let mut maker = Maker::new(creator, live_milestone(&dir), Arc::clone(&shared));
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
        let dir = std::env::temp_dir().join(format!("paddock-preallocator-named-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let (creator, _) = Creator::new(&Files::Real, &dir, 1).unwrap();
        let segment = creator.create(2).unwrap();
        let path = segment.path.clone();
        let state = Mutex::new(State::new(NOTHING, FIRST_BYTES));
        let shared = Arc::new(Shared { state, changed: Condvar::new(), bell: Bell::new(&Files::Real).unwrap() });
        let mut maker = Maker::new(creator, live_milestone(&dir), Arc::clone(&shared));
        maker.milestone.note_segment(&segment, NOTHING, Instant::now());
        maker.making = Some(segment);
        maker.give_up(LogError::NoSpace { dir: dir.clone() });
        assert!(path.exists() && maker.making.is_some() && maker.retry_at.is_some());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn the_milestone_knows_of_a_segment_before_the_writer() {
        let (dir, mut preallocator) = start("milestone");
        let durable = Reached { log_id: 1, group: GroupNumber(7), zxid: Zxid(9) };
        preallocator.ask_for(2, FIRST_BYTES, durable);
        preallocator.take(1).unwrap();
        let noted = FoundMilestone::read(&Files::Real, &dir).unwrap().milestone().cloned().unwrap();
        assert_eq!(noted, Milestone::new(&dir, Extent { sequence: 2, bytes: FIRST_BYTES }, durable));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn segments_behind_one_that_cannot_be_removed_stay() {
        let (dir, mut preallocator) = start("stuck");
        let paths = [dir.join("first"), dir.join("second")];
        std::fs::create_dir(&paths[0]).unwrap();
        std::fs::write(&paths[1], b"").unwrap();
        preallocator.remove(paths.clone());
        preallocator.end();
        assert!(paths.iter().all(|path| path.exists()));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_could_not_be_removed_goes_before_what_is_removed_later() {
        let (dir, mut preallocator) = start("later");
        let paths = [dir.join("first"), dir.join("second"), dir.join("third")];
        std::fs::create_dir(&paths[0]).unwrap();
        paths[1..].iter().for_each(|path| std::fs::write(path, b"").unwrap());
        preallocator.remove(paths[..2].to_vec());
        preallocator.remove(paths[2..].to_vec());
        while preallocator.shared.lock().not_removed.len() < 3 {
            std::thread::yield_now();
        }
        assert!(paths.iter().all(|path| path.exists()));
        std::fs::remove_dir(&paths[0]).unwrap();
        preallocator.remove([]);
        preallocator.end();
        assert!(paths.iter().all(|path| !path.exists()));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_failure_is_tried_again_when_the_segment_is_needed() {
        let (dir, mut preallocator) = start("again");
        let obstacle = SegmentPath::new(&dir, 2).path;
        std::fs::write(&obstacle, b"").unwrap();
        preallocator.ask_for(2, 8192, NOTHING);
        preallocator.pace(1, 1);
        while preallocator.shared.lock().ready.is_none() {
            std::thread::yield_now();
        }
        assert!(!preallocator.hurry(), "a failed segment is not ready");
        std::fs::remove_file(&obstacle).unwrap();
        assert_eq!(preallocator.take(1).unwrap().sequence, 2);
        preallocator.ask_for(2, 8192, NOTHING);
        let error = preallocator.take(1).unwrap_err().to_string();
        assert!(error.contains(obstacle.to_str().unwrap()), "{error}");
        assert_eq!(preallocator.end(), None);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    /// Its failed sync may take with it what was pending in the directory, and the next sync would not tell.
    #[test]
    fn a_milestone_whose_sync_fails_does_not_lose_the_next_segment() {
        for seed in 0..8 {
            let machine = FileSystem::new(seed);
            let files = Files::Simulated(machine.clone());
            let (creator, _) = Creator::new(&files, Path::new("/paddock-1"), 1).unwrap();
            let dir = Path::new("/");
            let milestone = LiveMilestone::new(dir, MilestoneFile::new(&files, dir, &FoundMilestone::Nothing));
            let bell = Bell::new(&files).unwrap();
            let mut preallocator = Preallocator::start(creator, milestone, NOTHING, FIRST_BYTES, bell).unwrap();
            preallocator.ask_for(2, FIRST_BYTES, NOTHING);
            preallocator.pace(ZERO_BYTES as u64, FIRST_BYTES);
            while preallocator.work(Instant::now()) == Progress::More {}
            preallocator.note(NOTHING);
            let effect = Effect::Fails(libc::EIO);
            machine.add_fault(Fault { operation: Operation::SyncDirectory, skipped: 0, times: 1, effect });
            preallocator.work(Instant::now());
            let segment = preallocator.take(1).unwrap();
            let left = Files::Simulated(machine.moment().crashed(&mut Every::default()));
            assert!(left.exists(&segment.path).unwrap(), "seed {seed}");
        }
    }
}

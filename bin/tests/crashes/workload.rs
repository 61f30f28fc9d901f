//! A server's life on a simulated machine, recorded: what it does to its files, and what it has told whom when.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_engine::database::Database;
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{Choice, Effect, Fault, FileSystem, Moment, Operation, Seeded};
use paddock_engine::log::{Chunk, Log, LogError, LogRange, Place, cut_after};
use paddock_engine::progress::Progress;
use paddock_engine::snapshot::{self, HeldVersion, Settings, Taker};

use crate::history::History;
use crate::recovered::{Setup, recover};

/// Snapshots that stay.
const KEPT: usize = 2;

/// What must be found after a crash.
#[derive(Clone, Debug)]
pub struct Expected {
    /// From this moment on.
    pub since: usize,
    /// By its place in [`Recording::histories`].
    pub history: usize,
    /// What was told as durable last, and what was begun last.
    pub least: i64,
    pub most: i64,
    /// The newest snapshot that was told to be in place.
    pub snapshot: i64,
}

/// What a workload has done.
pub struct Recording {
    pub setup: Setup,
    pub moments: Vec<Moment>,
    pub histories: Vec<History>,
    expected: Vec<Expected>,
    pub steps: Steps,
}

impl Recording {
    /// What must be found after a crash in the `index`-th moment.
    pub fn expected(&self, index: usize) -> &Expected {
        let behind = self.expected.partition_point(|expected| expected.since <= index);
        &self.expected[behind - 1]
    }
}

/// How often each was done.
#[derive(Clone, Copy, Default, Debug)]
pub struct Steps {
    pub transactions: u64,
    pub groups: u64,
    pub snapshots: u64,
    pub segments_removed: u64,
    pub closes: u64,
    pub crashes: u64,
    /// Ends of the process without a power cut.
    pub ends: u64,
    pub rolls: u64,
    pub cuts: u64,
    /// Times when the disk became full, and cuts and starts that found it full.
    pub shortages: u64,
    pub full_cuts: u64,
    pub full_starts: u64,
    /// Ends of the process and starts that a failing disk was the reason of.
    pub failures: u64,
    pub failed_starts: u64,
}

impl Steps {
    pub fn add(&mut self, other: &Steps) {
        self.transactions += other.transactions;
        self.groups += other.groups;
        self.snapshots += other.snapshots;
        self.segments_removed += other.segments_removed;
        self.closes += other.closes;
        self.crashes += other.crashes;
        self.ends += other.ends;
        self.rolls += other.rolls;
        self.cuts += other.cuts;
        self.shortages += other.shortages;
        self.full_cuts += other.full_cuts;
        self.full_starts += other.full_starts;
        self.failures += other.failures;
        self.failed_starts += other.failed_starts;
    }

    /// Whether lives had some of everything that there may be, but for a cut that finds the disk full, which is rare.
    pub fn has_all(&self) -> bool {
        let Steps { transactions, groups, snapshots, segments_removed, closes, crashes, ends, rolls, cuts, .. } = *self;
        let Steps { shortages, full_starts, failures, failed_starts, .. } = *self;
        let calm = [transactions, groups, snapshots, segments_removed, closes, crashes, ends, rolls, cuts];
        calm.into_iter().chain([shortages, full_starts, failures, failed_starts]).all(|count| count > 0)
    }
}

/// Which of these a workload has.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    pub steps: usize,
    /// Whether the power goes in the middle, and the server starts again.
    pub crashes: bool,
    /// Whether the process ends in the middle without a power cut, and the server starts again.
    pub ends: bool,
    /// Whether the disk becomes full, and is given space again.
    pub shortages: bool,
    /// Whether writes and syncs fail.
    pub failures: bool,
}

/// A server that lives by chance.
struct Workload {
    setup: Setup,
    mix: Mix,
    machine: FileSystem,
    files: Files,
    draws: Seeded,
    now: Instant,
    log: Option<Log>,
    database: Database,
    history: History,
    histories: Vec<History>,
    expected: Vec<Expected>,
    taker: Taker,
    /// The snapshot that is being taken.
    taking: Option<Zxid>,
    /// For how many steps the disk stays full; 0 if it is not.
    full_for: usize,
    steps: Steps,
}

/// Draws where the files are, and how large segments are.
fn draw_setup(draws: &mut Seeded) -> Setup {
    let log_dir = ["/data", "/log"][draws.choose(2)];
    Setup {
        data_dir: PathBuf::from("/data"),
        log_dir: PathBuf::from(log_dir),
        segment_bytes: [16 << 10, 64 << 10][draws.choose(2)],
        first_bytes: [4 << 10, 16 << 10][draws.choose(2)],
        in_flight: 1 + draws.choose(3),
        unit: [512, 4096][draws.choose(2)],
    }
}

fn taker(files: &Files, setup: &Setup) -> Taker {
    let (files, data_dir) = (files.clone(), setup.data_dir.clone());
    Taker::new(Settings { files, data_dir, retain: Some(KEPT) })
}

/// Lives a life that a seed draws, with faults from the beginning on.
pub fn run(seed: u64, mix: Mix, faults: &[Fault]) -> Result<Recording, String> {
    let mut draws = Seeded::new(seed);
    let setup = draw_setup(&mut draws);
    let machine = FileSystem::new(seed);
    machine.set_unit(setup.unit);
    let files = Files::Simulated(machine.clone());
    for directory in [&setup.data_dir, &setup.log_dir] {
        files.create_dir(directory).map_err(|error| error.to_string())?;
    }
    machine.record();
    faults.iter().for_each(|fault| machine.add_fault(*fault));
    let recovered = recover(&files, &setup, &History::default())?;
    let now = Instant::now();
    let mut workload = Workload {
        taker: taker(&files, &setup),
        taking: None,
        full_for: 0,
        setup,
        mix,
        machine,
        files,
        draws,
        now,
        log: Some(recovered.log),
        database: recovered.database,
        history: History::default(),
        histories: Vec::new(),
        expected: vec![Expected { since: 0, history: 0, least: 0, most: 0, snapshot: 0 }],
        steps: Steps::default(),
    };
    for _ in 0..mix.steps {
        workload.step()?;
    }
    workload.histories.push(workload.history.clone());
    let Workload { setup, machine, histories, expected, steps, .. } = workload;
    // What is left when the last step is done.
    let mut moments = machine.take_recorded();
    moments.push(machine.moment());
    Ok(Recording { setup, moments, histories, expected, steps })
}

impl Workload {
    /// From now on something else is to be found after a crash.
    fn expect(&mut self, change: impl FnOnce(&mut Expected)) {
        let mut expected = self.expected.last().expect("something is expected from the first moment on").clone();
        expected.since = self.machine.recorded_count();
        change(&mut expected);
        self.expected.push(expected);
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().expect("it is open between steps")
    }

    fn step(&mut self) -> Result<(), String> {
        if self.full_for > 0 {
            self.full_for -= 1;
            if self.full_for == 0 {
                self.give_space();
            }
        }
        let done = match self.draws.choose(64) {
            0..=17 => self.append(),
            18..=33 => self.complete(),
            34..=42 => self.work(),
            43..=45 => self.begin_snapshot(),
            46..=57 => self.take_snapshot(),
            58 => self.cut(),
            59 => self.close_and_open(),
            60 => self.close_and_cut(),
            61 if self.mix.crashes || self.mix.ends => return self.die(),
            62 if self.mix.shortages && self.full_for == 0 => self.run_out_of_space(),
            62 | 63 if self.mix.failures => self.break_the_disk(),
            _ => self.read_back(),
        };
        match done {
            Ok(()) => Ok(()),
            // After a failed write or sync a server ends, and when a group is larger than an empty segment on a full disk.
            Err(Failure::Log(error)) if self.mix.failures || (self.mix.shortages && error.is_shortage()) => {
                self.steps.failures += 1;
                self.die()
            }
            Err(Failure::Log(error)) => Err(error.to_string()),
            Err(Failure::Other(what)) => Err(what),
        }
    }

    fn append(&mut self) -> Result<(), Failure> {
        for _ in 0..=self.draws.choose(4) {
            let (zxid, bytes) = self.history.write(&mut self.database, &mut self.draws);
            self.log().append(zxid, |out| out.extend_from_slice(&bytes));
            self.steps.transactions += 1;
        }
        let most = self.history.last();
        self.expect(|expected| expected.most = most);
        if self.log().can_submit() {
            self.submit()?;
        }
        Ok(())
    }

    fn submit(&mut self) -> Result<(), Failure> {
        match self.log().submit() {
            // It is submitted when there is space again.
            Err(error) if error.is_shortage() => {}
            submitted => {
                submitted?;
                self.steps.groups += 1;
            }
        }
        Ok(())
    }

    /// One of the writes that are under way ends.
    fn complete(&mut self) -> Result<(), Failure> {
        let under_way = self.machine.under_way();
        if under_way > 0 {
            let index = self.draws.choose(under_way);
            self.machine.complete(index);
        }
        self.see_completed()?;
        if self.log().is_filling() && self.log().can_submit() {
            self.submit()?;
        }
        Ok(())
    }

    /// Clients are told of what has completed.
    fn see_completed(&mut self) -> Result<(), Failure> {
        self.log().completed()?;
        let Zxid(completed) = self.log().completed_zxid();
        self.expect(|expected| expected.least = expected.least.max(completed));
        Ok(())
    }

    /// The preallocator takes a few steps.
    fn work(&mut self) -> Result<(), Failure> {
        for _ in 0..=self.draws.choose(4) {
            self.now += Duration::from_millis(300);
            let now = self.now;
            self.log().work(now);
        }
        Ok(())
    }

    fn begin_snapshot(&mut self) -> Result<(), Failure> {
        let zxid = Zxid(self.history.last());
        if self.taking.is_some() || zxid == Zxid::ZERO {
            return Ok(());
        }
        let tree = self.database.tree_mut();
        let sealed = tree.seal();
        tree.publish(sealed);
        tree.reclaim();
        let Some(pin) = tree.pin() else { return Ok(()) };
        let sessions = self.database.sessions().collect();
        self.taker.begin(HeldVersion { pin, zxid, sessions });
        self.taking = Some(zxid);
        self.log().roll();
        self.steps.rolls += 1;
        Ok(())
    }

    /// The snapshot is written, and gets its name when the log has everything up to it; what is older goes.
    fn take_snapshot(&mut self) -> Result<(), Failure> {
        self.see_completed()?;
        let completed = self.log().completed_zxid();
        if self.taking.is_some_and(|zxid| zxid <= completed) && self.taker.waits_until_kept() {
            self.taker.note_kept();
        }
        let progress = self.taker.work(self.now, &mut || true);
        assert_ne!(progress, Progress::Ended);
        let Some(outcome) = self.taker.take_outcome() else { return Ok(()) };
        self.taking = None;
        // One that fails is no reason to stop.
        let Some(done) = outcome else { return Ok(()) };
        self.steps.snapshots += 1;
        self.expect(|expected| expected.snapshot = expected.snapshot.max(done.zxid.0));
        if let Some(oldest) = done.oldest_kept {
            self.steps.segments_removed += self.log().remove_before(oldest)? as u64;
        }
        Ok(())
    }

    /// Returns whether all that was appended is in the log: where the disk is full, what nobody was told of is given up.
    fn close(&mut self) -> Result<bool, Failure> {
        self.forget_snapshot();
        let has_space = self.log().shortage().is_none();
        self.log.take().expect("it is open between steps").close()?;
        self.steps.closes += 1;
        if has_space {
            let last = self.history.last();
            self.expect(|expected| expected.least = last);
        }
        Ok(has_space)
    }

    fn close_and_open(&mut self) -> Result<(), Failure> {
        self.close()?;
        let since = self.machine.recorded_count();
        self.start(Some(since)).map_err(Failure::Other)
    }

    fn forget_snapshot(&mut self) {
        self.taker.give_up();
        self.taker.take_outcome();
        self.taking = None;
    }

    /// A person, or a leader that never had them, has the last transactions cut.
    fn close_and_cut(&mut self) -> Result<(), Failure> {
        if !self.close()? {
            let since = self.machine.recorded_count();
            return self.start(Some(since)).map_err(Failure::Other);
        }
        let data_dir = self.setup.data_dir.clone();
        let (newest, to) = self.draw_cut()?;
        let files = self.files.clone();
        let place =
            Place { files: &files, dir: &self.setup.log_dir.clone(), data_dir: &data_dir, snapshot: Zxid(newest) };
        cut_after(place, Zxid(to))?;
        self.steps.cuts += 1;
        let since = self.machine.recorded_count();
        self.forget_after(to, since);
        self.start(Some(since)).map_err(Failure::Other)
    }

    /// Draws where the log is cut, behind the newest snapshot, which is returned too. What is behind may be gone from now on.
    fn draw_cut(&mut self) -> Result<(i64, i64), Failure> {
        let snapshots = snapshot::list(&self.files, &self.setup.data_dir);
        let snapshots = snapshots.map_err(|error| Failure::Other(error.to_string()))?;
        let newest = snapshots.last().map_or(0, |(zxid, _)| zxid.0);
        let left = usize::try_from(self.history.last() - newest).expect("no snapshot is ahead of the log");
        let to = newest + self.draws.choose(left + 1) as i64;
        self.expect(|expected| expected.least = expected.least.min(to));
        Ok((newest, to))
    }

    /// A leader that never had the last transactions has them cut, and the log stays open.
    fn cut(&mut self) -> Result<(), Failure> {
        self.forget_snapshot();
        let (_, to) = self.draw_cut()?;
        let to = match self.log().cut_after(Zxid(to)) {
            // What was appended found no space and was given up, so that the log ends before.
            Err(LogError::NotInLog { last, .. }) if last.0 < to => {
                self.steps.full_cuts += 1;
                last.0
            }
            cut => cut.map(|()| to)?,
        };
        self.steps.cuts += 1;
        let since = self.machine.recorded_count();
        self.forget_after(to, since);
        self.database = self.history.state();
        self.taker = taker(&self.files, &self.setup);
        self.see_completed()
    }

    /// Some of what is complete is read while the log goes on.
    fn read_back(&mut self) -> Result<(), Failure> {
        let LogRange { base, last } = self.log().range();
        let from = base.0 + self.draws.choose((last.0 - base.0) as usize + 1) as i64;
        let (mut reader, mut chunk) = (self.log().reader(Zxid(from), last)?, Chunk::default());
        self.work()?;
        let mut expected = from + 1..=last.0;
        loop {
            reader.read(&mut chunk, 1000)?;
            if chunk.is_empty() {
                break;
            }
            for (zxid, bytes) in chunk.records() {
                if Some(zxid.0) != expected.next() || self.history.bytes(zxid.0) != Some(bytes) {
                    return Err(Failure::Other(format!("what is read as {zxid} is not what was written")));
                }
            }
        }
        let unread = expected.next();
        unread.map_or(Ok(()), |zxid| Err(Failure::Other(format!("transaction {zxid} cannot be read"))))
    }

    /// From a moment on the history ends there.
    fn forget_after(&mut self, zxid: i64, since: usize) {
        self.histories.push(self.history.clone());
        self.history = self.history.up_to(zxid);
        let history = self.histories.len();
        let mut expected = self.expected.last().expect("something is expected").clone();
        expected = Expected { since, history, least: zxid, most: zxid, ..expected };
        self.expected.push(expected);
    }

    /// The server starts and goes on with what there is. What it finds was durable from a moment on, or is when it has started.
    fn start(&mut self, since: Option<usize>) -> Result<(), String> {
        let mut recovered = recover(&self.files, &self.setup, &self.history);
        if recovered.is_err() && (self.mix.failures || self.full_for > 0) {
            // It was the disk, perhaps, which a person has mended; what it lost stays lost.
            self.steps.full_starts += u64::from(self.full_for > 0);
            self.steps.failed_starts += u64::from(self.mix.failures);
            self.give_space();
            self.cut_power();
            recovered = recover(&self.files, &self.setup, &self.history);
        }
        let recovered = recovered?;
        let (last, snapshot) = (recovered.database.last_zxid().0, recovered.snapshot.map_or(0, |zxid| zxid.0));
        let expected = self.expected.last().expect("something is expected");
        if last < expected.least || last > expected.most || snapshot < expected.snapshot {
            return Err(format!("a start has found {last} and the snapshot {snapshot} instead of {expected:?}"));
        }
        self.taker = taker(&self.files, &self.setup);
        (self.database, self.log) = (recovered.database, Some(recovered.log));
        self.forget_after(last, since.unwrap_or_else(|| self.machine.recorded_count()));
        Ok(())
    }

    /// The power goes, or only the process ends, and the server starts again.
    fn die(&mut self) -> Result<(), String> {
        let has_power = self.mix.ends && (!self.mix.crashes || self.draws.choose(2) == 0);
        let since = if has_power {
            self.machine = self.machine.end_process(&mut self.draws);
            self.files = Files::Simulated(self.machine.clone());
            self.steps.ends += 1;
            None
        } else {
            self.cut_power();
            self.steps.crashes += 1;
            Some(self.machine.recorded_count())
        };
        self.forget_snapshot();
        self.log = None;
        self.start(since)
    }

    fn cut_power(&mut self) {
        self.machine.clear_faults();
        self.machine = self.machine.crash(&mut self.draws);
        self.files = Files::Simulated(self.machine.clone());
    }

    /// For some steps the disk is full, whatever is done in them.
    fn run_out_of_space(&mut self) -> Result<(), Failure> {
        let free = self.files.free_bytes(&self.setup.data_dir).expect("a simulated disk knows its space");
        self.machine.set_space(u64::MAX - free + self.draws.choose(20 << 10) as u64);
        self.full_for = 8 + self.draws.choose(32);
        for _ in 0..8 {
            self.append()?;
            self.complete()?;
            self.work()?;
        }
        self.steps.shortages += u64::from(self.log().shortage().is_some());
        match self.draws.choose(3) {
            0 => self.cut(),
            1 => self.die().map_err(Failure::Other),
            _ => Ok(()),
        }
    }

    fn give_space(&mut self) {
        self.full_for = 0;
        self.machine.set_space(u64::MAX);
        self.now += Duration::from_secs(2);
    }

    /// One of the next operations fails.
    fn break_the_disk(&mut self) -> Result<(), Failure> {
        let operations = [
            Operation::Complete,
            Operation::Complete,
            Operation::Write,
            Operation::SyncFile,
            Operation::SyncDirectory,
            Operation::Rename,
        ];
        let operation = operations[self.draws.choose(operations.len())];
        let skipped = self.draws.choose(3) as u64;
        self.machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::Fails(libc::EIO) });
        Ok(())
    }
}

/// Why a step was not done.
enum Failure {
    Log(LogError),
    Other(String),
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Failure {
        Failure::Log(error)
    }
}

//! What goes wrong in a world: the kinds of faults that its seed has drawn, and the condition in which they leave a machine.

use std::fmt;
use std::time::Duration;

use paddock::node::moment::Moment;
use paddock_engine::io::simulated::{Choice, Effect, Fault, FileSystem, Operation, Seeded};

use super::clock::Clock;

/// Of a thousand, so many parts does a drifting clock go too fast or too slow at most.
pub const DRIFT_MAX: usize = 10;
/// The wall clock jumps so far at most, in either direction.
const JUMP_MAX: Duration = Duration::from_secs(3600);
/// A write on a slow disk takes so long at most.
const SLOW_MAX: Duration = Duration::from_secs(4);
/// How many operations come before one that fails, at most.
const SKIPPED_MAX: usize = 40;

/// A way in which something goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A machine loses what is not durable, and says nothing to anybody.
    PowerCut,
    /// A process is killed.
    End,
    /// What goes between a machine and some others is held, in one direction or both.
    Partition,
    /// The streams between two machines break, and a suffix of what was under way is lost.
    Reset,
    /// Connections from a machine to another are refused, or nothing comes of them.
    Dials,
    /// What goes from a machine to another takes longer, and comes in small pieces.
    Latency,
    SlowDisk,
    /// No file can grow for a while.
    FullDisk,
    /// An operation on some file fails.
    DiskError,
    /// A process has no turn for a while.
    Pause,
    /// A wall clock jumps.
    Jump,
    /// All ways between machines, and all clocks and disks, are as they should be for a while.
    Healing,
}

const KINDS: [Kind; 11] = [
    Kind::PowerCut,
    Kind::End,
    Kind::Partition,
    Kind::Reset,
    Kind::Dials,
    Kind::Latency,
    Kind::SlowDisk,
    Kind::FullDisk,
    Kind::DiskError,
    Kind::Pause,
    Kind::Jump,
];

/// The mix of a seed.
#[derive(Clone, Debug)]
pub struct Faults {
    kinds: Vec<Kind>,
    /// The longest time from one to the next.
    every: Duration,
    /// Whether clocks drift.
    drift: bool,
}

impl Faults {
    /// Each kind is there or not; one is there at least.
    pub fn draw(draws: &mut Seeded) -> Faults {
        let mut kinds: Vec<Kind> = KINDS.into_iter().filter(|_| draws.choose(2) == 0).collect();
        kinds.push(KINDS[draws.choose(KINDS.len())]);
        let every = Duration::from_millis(250 << draws.choose(6));
        Faults { kinds, every, drift: draws.choose(2) == 0 }
    }

    /// Whether some of what goes between servers is held or slow, although nothing has ended.
    pub fn delay_messages(&self) -> bool {
        self.kinds.iter().any(|kind| matches!(kind, Kind::Partition | Kind::Latency))
    }

    /// One in four heals.
    pub fn next(&self, draws: &mut Seeded) -> Kind {
        if draws.choose(4) == 0 { Kind::Healing } else { self.kinds[draws.choose(self.kinds.len())] }
    }

    /// How long it is until the next one.
    pub fn pause(&self, draws: &mut Seeded) -> Duration {
        Duration::from_millis(100) + draw_up_to(draws, self.every)
    }

    /// How much too fast the clock of a machine goes, thousandths.
    pub fn draw_drift(&self, draws: &mut Seeded) -> i64 {
        if self.drift { draws.choose(2 * DRIFT_MAX + 1) as i64 - DRIFT_MAX as i64 } else { 0 }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} up to every {:?}, drift {}", self.kinds, self.every, self.drift)
    }
}

/// In what condition a machine is.
#[derive(Clone, Copy, Default, Debug)]
pub struct Condition {
    /// How much too fast its clocks go, thousandths.
    drift: i64,
    /// How far the wall clock has jumped, ms.
    jumped: i64,
    /// A write takes so long at most, besides what it takes always.
    pub slow: Duration,
    /// Its process has no turn before.
    pub paused_until: Duration,
    /// Since the faults began an operation on its disk has failed, or may have.
    pub disk_may_fail: bool,
    /// Its power is cut, and nothing comes from it.
    pub is_silent: bool,
}

impl Condition {
    /// Of a machine that is in order, whose clocks go so much too fast.
    pub fn new(drift: i64) -> Condition {
        Condition { drift, ..Condition::default() }
    }

    /// What its clocks show.
    pub fn moment(&self, clock: &Clock, now: Duration) -> Moment {
        let drift = now.as_nanos() as i64 / 1000 * self.drift;
        let own = Duration::from_nanos((now.as_nanos() as i64 + drift) as u64);
        let moment = clock.moment(own);
        Moment { wall_ms: moment.wall_ms + self.jumped, ..moment }
    }

    pub fn jump(&mut self, draws: &mut Seeded) {
        let most = JUMP_MAX.as_millis() as i64;
        self.jumped += draws.choose(2 * most as usize + 1) as i64 - most;
    }

    pub fn slow_down(&mut self, draws: &mut Seeded) {
        self.slow = draw_up_to(draws, SLOW_MAX);
    }

    /// Nothing on the disk may grow.
    pub fn fill(&mut self, disk: &FileSystem) {
        self.disk_may_fail = true;
        disk.set_space(0);
    }

    /// An operation will fail, of the kind that is returned.
    pub fn break_disk(&mut self, disk: &FileSystem, draws: &mut Seeded) -> Fault {
        const OPERATIONS: [Operation; 9] = [
            Operation::Create,
            Operation::Write,
            Operation::SetLength,
            Operation::SyncFile,
            Operation::SyncDirectory,
            Operation::Rename,
            Operation::Unlink,
            Operation::Submit,
            Operation::Complete,
        ];
        self.disk_may_fail = true;
        let operation = OPERATIONS[draws.choose(OPERATIONS.len())];
        let skipped = draws.choose(SKIPPED_MAX) as u64;
        let fault = Fault { operation, skipped, times: 1, effect: Effect::Fails(EIO) };
        disk.add_fault(fault);
        fault
    }

    /// Whatever is wrong with the machine is not any more, but for what its clocks show.
    pub fn heal(&mut self, disk: &FileSystem) {
        self.slow = Duration::ZERO;
        self.paused_until = Duration::ZERO;
        disk.set_space(u64::MAX);
        disk.clear_faults();
    }
}

/// The number of the error of a broken disk.
const EIO: i32 = 5;

pub fn draw_up_to(draws: &mut Seeded, most: Duration) -> Duration {
    Duration::from_nanos(draws.draw() % most.as_nanos().max(1) as u64)
}

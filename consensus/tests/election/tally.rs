//! What happened in random elections.

use std::fmt;

/// Something that can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Happened {
    Step,
    Crash,
    ConnectionFell,
    DialRefused,
    /// The receiver never heard it, since a newer one took its place before it was sent.
    Superseded,
    Lost,
    Delivered,
    DeliveredTwice,
    /// Its connection had fallen before it came.
    DeliveredLate,
    /// A server lost what it had.
    HistoryLost,
    DecidedToLead,
    DecidedToFollow,
    DecidedToObserve,
    /// Two servers believed that they lead by the same round.
    Rivals,
    /// A leader found one that has more.
    LearnerIsNewer,
    /// A leader had no quorum in time, or lost it.
    LeaderGaveUp,
    LearnerGaveUp,
    EpochBegan,
    JoinedLate,
    WithObservers,
    WithGroups,
    WithWeightless,
}

const NAMES: [&str; 22] = [
    "steps",
    "crashes",
    "connections fell",
    "attempts to connect came to nothing",
    "notifications were superseded",
    "notifications were lost",
    "notifications were delivered",
    "of them a second time",
    "of them after their connection had fallen",
    "histories were lost",
    "decisions to lead",
    "decisions to follow",
    "decisions to observe",
    "times two led by one round",
    "learners were found newer than their leader",
    "leaders gave up",
    "learners gave up",
    "epochs began",
    "learners joined an epoch that had begun",
    "runs with observers",
    "runs with groups",
    "runs with a voter of weight 0",
];

#[derive(Clone, Default, Debug)]
pub struct Tally {
    counts: [u64; NAMES.len()],
    /// From the end of the faults until all were of one mind, in milliseconds.
    pub longest: u64,
}

impl Tally {
    pub fn count(&mut self, what: Happened) {
        self.counts[what as usize] += 1;
    }

    pub fn add(&mut self, other: &Tally) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.longest = self.longest.max(other.longest);
    }

    /// Otherwise the runs show less than they say.
    pub fn assert_that_all_happened(&self) {
        let never = NAMES.iter().zip(self.counts).filter(|(_, count)| *count == 0);
        let never: Vec<&str> = never.map(|(name, _)| *name).collect();
        assert!(never.is_empty(), "never happened: {}\n{self}", never.join(", "));
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in NAMES.iter().zip(self.counts) {
            writeln!(f, "{count:>12} {name}")?;
        }
        write!(f, "{:>12} ms at most until all were of one mind", self.longest)
    }
}

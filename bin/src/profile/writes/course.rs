//! What is known of each server, from when it answered first until now.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use paddock_net::stages::WriteStage;

use super::sample::{Counts, Group, LongTurn, Sample, Version};
use crate::status::target::Target;

/// Of each kind so many entries are kept, the newest.
const ENTRIES_MAX: usize = 1 << 16;

/// One server.
#[derive(Debug)]
pub struct Course {
    pub target: Target,
    first: Option<Sample>,
    last: Option<Sample>,
    /// The clock here, minus that of the server, microseconds: entries of several servers are told by the clock here.
    shift: i64,
    pub groups: VecDeque<Group>,
    pub versions: VecDeque<Version>,
    pub turns: VecDeque<LongTurn>,
    /// The numbers of the newest.
    group: u64,
    version: u64,
    turn: u64,
    /// Why the last question was not answered.
    pub error: Option<String>,
    /// What came between the last two answers, and how long that was.
    recent: Option<(Sample, f64)>,
    /// Between the first answer and the last, seconds.
    pub seconds: f64,
}

impl Course {
    pub fn new(target: Target) -> Course {
        Course {
            target,
            first: None,
            last: None,
            shift: 0,
            groups: VecDeque::new(),
            versions: VecDeque::new(),
            turns: VecDeque::new(),
            group: 0,
            version: 0,
            turn: 0,
            error: None,
            recent: None,
            seconds: 0.0,
        }
    }

    /// What is asked of the server next, behind the name of the command.
    pub fn query(&self) -> String {
        format!("groups={}&versions={}&turns={}", self.group, self.version, self.turn)
    }

    /// The server has answered, `now` after the beginning, or has not.
    pub fn hear(&mut self, told: io::Result<Sample>, now: Duration) {
        let sample = match told {
            Ok(sample) => sample,
            Err(error) => {
                self.error = Some(error.to_string());
                return;
            }
        };
        self.error = None;
        self.shift = i64::try_from(now.as_micros()).unwrap_or(i64::MAX).saturating_sub_unsigned(sample.micros);
        // A server that was started anew counts from the beginning, and so does its course.
        match self.last.take_if(|last| last.began == sample.began) {
            None => {
                // What was noted before is not of this time.
                self.skip(&sample);
                (self.recent, self.seconds) = (None, 0.0);
                self.first = Some(sample.clone());
            }
            Some(last) => {
                let seconds = sample.micros.saturating_sub(last.micros) as f64 / 1e6;
                self.recent = Some((sample.since(&last), seconds));
                self.seconds += seconds;
                self.take(&sample);
            }
        }
        self.last = Some(sample);
    }

    fn skip(&mut self, sample: &Sample) {
        self.group = sample.groups.last().map_or(0, |(number, _)| *number);
        self.version = sample.versions.last().map_or(0, |(number, _)| *number);
        self.turn = sample.turns.last().map_or(0, |turn| turn.began);
    }

    fn take(&mut self, sample: &Sample) {
        let (group, version, turn) = (self.group, self.version, self.turn);
        self.groups.extend(sample.groups.iter().filter(|(number, _)| *number > group).map(|(_, group)| *group));
        self.versions
            .extend(sample.versions.iter().filter(|(number, _)| *number > version).map(|(_, version)| *version));
        self.turns.extend(sample.turns.iter().filter(|one| one.began > turn));
        self.group = sample.groups.last().map_or(group, |(number, _)| *number);
        self.version = sample.versions.last().map_or(version, |(number, _)| *number);
        self.turn = sample.turns.last().map_or(turn, |turn| turn.began);
        shorten(&mut self.groups);
        shorten(&mut self.versions);
        shorten(&mut self.turns);
    }

    /// What the server has told last.
    pub fn last(&self) -> Option<&Sample> {
        self.last.as_ref()
    }

    /// What was counted from the first answer to the last.
    pub fn whole(&self) -> Option<Sample> {
        Some(self.last.as_ref()?.since(self.first.as_ref()?))
    }

    /// The same between the last two answers, and how many seconds that was.
    pub fn recent(&self) -> Option<&(Sample, f64)> {
        self.recent.as_ref()
    }

    /// A moment of the server by the clock here, microseconds since the beginning.
    pub fn here(&self, micros: u64) -> i64 {
        self.shift.saturating_add_unsigned(micros)
    }
}

fn shorten<T>(entries: &mut VecDeque<T>) {
    let beyond = entries.len().saturating_sub(ENTRIES_MAX);
    entries.drain(..beyond);
}

/// A stage, and its values.
pub type Measured<'a> = (WriteStage, &'a Counts);

/// The stages that any write was in, in the order of the way.
pub fn stages(sample: &Sample) -> Vec<Measured<'_>> {
    let all = WriteStage::ALL.iter().map(|stage| (*stage, sample.stage(*stage)));
    all.filter(|(_, counts)| counts.count > 0).collect()
}

/// How many writes there were: each is in the first stage, and is written at the end.
pub fn writes(sample: &Sample) -> u64 {
    sample.stage(WriteStage::Written).count
}

/// The sum of the means of all stages, microseconds. Each is of those writes that were in it.
pub fn sum_of_means(sample: &Sample) -> f64 {
    stages(sample).iter().map(|(_, counts)| counts.mean()).sum()
}

#[cfg(test)]
pub mod tests {
    use std::io;
    use std::time::Duration;

    use super::super::sample::Sample;
    use super::super::sample::tests::told;
    use super::{Course, ENTRIES_MAX, stages, sum_of_means, writes};
    use crate::status::target::Target;

    pub fn sample(writes: u64) -> Sample {
        Sample::of(&told(writes)).expect("it is one")
    }

    /// A server that was asked three times in two seconds, and had 100 writes in each.
    pub fn course() -> Course {
        let mut course = Course::new(Target::parse("zk1:2181").expect("an address"));
        for second in 0..3 {
            let mut sample = sample(100 + second * 100);
            sample.micros += second * 1_000_000;
            for (number, group) in &mut sample.groups {
                *number += second * 2;
                group.submitted_at += second * 1_000_000;
            }
            for (number, version) in &mut sample.versions {
                *number += second * 2;
                version.taken_at += second * 1_000_000;
            }
            sample.turns[0].began += second * 1_000_000;
            course.hear(Ok(sample), Duration::from_secs(second));
        }
        course
    }

    #[test]
    fn what_was_before_the_first_answer_does_not_count() {
        let course = course();
        let whole = course.whole().expect("it has answered");
        assert_eq!((writes(&whole), course.groups.len(), course.versions.len(), course.turns.len()), (200, 4, 4, 2));
        assert_eq!(course.recent().map(|(recent, seconds)| (writes(recent), *seconds)), Some((100, 1.0)));
        assert_eq!((course.query().as_str(), course.seconds), ("groups=6&versions=12&turns=10001000", 2.0));
        assert_eq!(course.here(9_000_000), 0, "then it answered first");
        assert_eq!(stages(&whole).len(), 10);
        assert!((sum_of_means(&whole) - (5000.0 + 9.0 * 10.0 + 40.0)).abs() < 1.0, "{}", sum_of_means(&whole));
    }

    #[test]
    fn one_that_does_not_answer_says_why_until_it_does() {
        let mut course = Course::new(Target::parse("zk1:2181").expect("an address"));
        course.hear(Err(io::Error::other("refused")), Duration::ZERO);
        assert_eq!((course.error.as_deref(), course.whole()), (Some("refused"), None));
        course.hear(Ok(sample(5)), Duration::from_secs(1));
        assert_eq!((course.error.as_deref(), course.whole().map(|whole| writes(&whole))), (None, Some(0)));
    }

    #[test]
    fn a_server_that_is_started_anew_is_looked_at_from_then_on() {
        let mut course = course();
        let mut anew = sample(20);
        (anew.began, anew.micros) = (15_000_000, 16_000_000);
        (anew.groups, anew.versions, anew.turns) = (Vec::new(), Vec::new(), Vec::new());
        course.hear(Ok(anew.clone()), Duration::from_secs(7));
        assert_eq!((course.whole().map(|whole| writes(&whole)), course.seconds), (Some(0), 0.0));
        assert_eq!((course.recent().is_none(), course.query().as_str()), (true, "groups=0&versions=0&turns=0"));
        let mut later = sample(50);
        (later.began, later.micros) = (anew.began, anew.micros + 2_000_000);
        course.hear(Ok(later), Duration::from_secs(9));
        assert_eq!((course.whole().map(|whole| writes(&whole)), course.seconds), (Some(30), 2.0));
        assert_eq!(course.groups.len(), 4 + 2, "its numbers begin anew");
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        let mut course = course();
        let mut sample = sample(1000);
        sample.micros += 10_000_000;
        let group = sample.groups[0].1;
        sample.groups = (10..10 + 2 * ENTRIES_MAX as u64).map(|number| (number, group)).collect();
        course.hear(Ok(sample), Duration::from_secs(10));
        assert_eq!(course.groups.len(), ENTRIES_MAX);
    }
}

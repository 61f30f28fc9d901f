//! Crashes in the moments of a recording, and what is found after each.

use std::collections::BTreeMap;
use std::fmt;

use paddock_engine::io::Files;
use paddock_engine::io::simulated::{Choice, Every, FileSystem, Seeded};
use paddock_engine::log::FoundMilestone;

use crate::recovered::recover;
use crate::workload::{Expected, Recording};

/// What was examined.
#[derive(Default)]
pub struct Examined {
    pub crashes: u64,
    /// Ends of the process alone, each with a start and a power cut after it.
    pub ends: u64,
    pub moments: u64,
    /// Moments of which everything was examined that a crash may leave.
    pub whole_moments: u64,
    /// Crashes after which more was found than had been told, and after which something was torn.
    pub kept_untold: u64,
    pub torn: u64,
    /// Moments by what was about to be done.
    pub by_operation: BTreeMap<String, u64>,
}

impl fmt::Display for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Examined { crashes, ends, moments, whole_moments, kept_untold, torn, by_operation } = self;
        writeln!(f, "{crashes} power cuts in {moments} moments, {whole_moments} of these with all that can be left")?;
        writeln!(f, "{ends} ends of the process, each with a start and a power cut after it")?;
        writeln!(f, "more was left than had been told: {kept_untold}; something was torn: {torn}")?;
        let counts: Vec<String> = by_operation.iter().map(|(name, count)| format!("{name} {count}")).collect();
        write!(f, "moments before: {}", counts.join(", "))
    }
}

/// How much is examined.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Everything that a crash may leave, up to so many crashes in one moment.
    pub whole: u64,
    /// Where it may leave more than that: so many draws.
    pub draws: u64,
}

/// Something that a crash has lost or torn, or that a start was refused for.
#[derive(Debug)]
pub struct Loss {
    pub moment: usize,
    pub what: String,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "moment {}: {}", self.moment, self.what)
    }
}

impl Examined {
    /// Cuts the power in one moment, again and again, and looks at what the next start finds.
    pub fn examine(&mut self, recording: &Recording, index: usize, bound: Bound) -> Result<(), Loss> {
        let moment = &recording.moments[index];
        self.moments += 1;
        let name = moment.next.as_ref().map_or("End".to_owned(), |(operation, _)| format!("{operation:?}"));
        *self.by_operation.entry(name).or_default() += 1;
        self.end_process(recording, index, &mut Seeded::new(index as u64))?;
        // Otherwise nothing is left to choose.
        if moment.under_way() > 0 {
            self.end_process(recording, index, &mut Nothing)?;
            self.end_process(recording, index, &mut All)?;
        }
        // Lengths have more than two ways each, so that this many ways are the least there can be.
        let is_small = 1u64.checked_shl(moment.pending() as u32).is_some_and(|ways| ways <= bound.whole);
        if is_small {
            let mut every = Every::default();
            loop {
                self.crash(recording, index, &mut every)?;
                if !every.go_on() {
                    break;
                }
            }
            self.whole_moments += 1;
            return Ok(());
        }
        self.crash(recording, index, &mut Nothing)?;
        self.crash(recording, index, &mut All)?;
        for draw in 0..bound.draws {
            self.crash(recording, index, &mut Seeded::new(index as u64 * 1000 + draw))?;
        }
        Ok(())
    }

    fn crash(&mut self, recording: &Recording, index: usize, choice: &mut dyn Choice) -> Result<(), Loss> {
        self.crashes += 1;
        let expected = recording.expected(index);
        let machine = recording.moments[index].crashed(choice);
        let loss = |what: String| {
            let next = &recording.moments[index].next;
            Loss { moment: index, what: format!("{what}; {expected:?}, crashed before {next:?}") }
        };
        let found = look(recording, &machine, expected).map_err(loss)?;
        self.kept_untold += u64::from(found.last > expected.least);
        self.torn += u64::from(found.is_torn);
        // The power goes again as soon as the server is up, with all that its start has not made durable.
        let again = look(recording, &machine.crash(&mut Nothing), expected).map_err(loss)?;
        if again.last != found.last || again.snapshot < found.snapshot {
            return Err(loss(format!("a second start finds {} instead of {}", again.last, found.last)));
        }
        Ok(())
    }

    /// Ends the process alone, so that the next start reads what is not durable and goes on; then the power goes.
    fn end_process(&mut self, recording: &Recording, index: usize, choice: &mut dyn Choice) -> Result<(), Loss> {
        self.ends += 1;
        let expected = recording.expected(index);
        let machine = recording.moments[index].ended(choice);
        let loss = |what: String| {
            let next = &recording.moments[index].next;
            Loss { moment: index, what: format!("{what}; {expected:?}, the process ended before {next:?}") }
        };
        let found = look(recording, &machine, expected).map_err(loss)?;
        // A snapshot that was read may be lost, since the log has what is in it.
        let again = look(recording, &machine.crash(&mut Nothing), expected).map_err(loss)?;
        if again.last != found.last {
            return Err(loss(format!("a start after a power cut finds {} instead of {}", again.last, found.last)));
        }
        let machine = recording.moments[index].ended(choice);
        self.go_on(recording, &machine, expected).map_err(loss)
    }

    /// A start goes on with a transaction, and tells it; then the power goes.
    fn go_on(&self, recording: &Recording, machine: &FileSystem, expected: &Expected) -> Result<(), String> {
        let files = Files::Simulated(machine.clone());
        let recovered = recover(&files, &recording.setup, &recording.histories[expected.history])?;
        let (mut database, mut log) = (recovered.database, recovered.log);
        let mut history = recording.histories[expected.history].up_to(database.last_zxid().0);
        let (zxid, bytes) = history.write(&mut database, &mut Seeded::new(1));
        log.append(zxid, |out| out.extend_from_slice(&bytes));
        log.fence().map_err(|error| error.to_string())?;
        let left = Files::Simulated(machine.crash(&mut Nothing));
        let last = recover(&left, &recording.setup, &history)?.database.last_zxid();
        if last == zxid { Ok(()) } else { Err(format!("transaction {zxid} was told and is lost, the last is {last}")) }
    }
}

struct Found {
    last: i64,
    snapshot: i64,
    is_torn: bool,
}

/// Starts a server and compares what it finds with what it must.
fn look(recording: &Recording, machine: &FileSystem, expected: &Expected) -> Result<Found, String> {
    let files = Files::Simulated(machine.clone());
    let milestone = FoundMilestone::read(&files, &recording.setup.data_dir).map_err(|error| error.to_string())?;
    if milestone == FoundMilestone::Damaged {
        return Err("the milestone is damaged".to_owned());
    }
    let history = &recording.histories[expected.history];
    let recovered = recover(&files, &recording.setup, history)?;
    let (last, snapshot) = (recovered.database.last_zxid().0, recovered.snapshot.map_or(0, |zxid| zxid.0));
    if last < expected.least {
        return Err(format!("transactions {} to {} are lost", last + 1, expected.least));
    }
    if last > expected.most {
        return Err(format!("transactions {} to {last} are back", expected.most + 1));
    }
    if snapshot < expected.snapshot {
        return Err(format!("the snapshot {} is lost, there is {snapshot}", expected.snapshot));
    }
    Ok(Found { last, snapshot, is_torn: recovered.found.torn.is_some() })
}

/// A crash that loses all it can.
struct Nothing;

impl Choice for Nothing {
    fn choose(&mut self, _: usize) -> usize {
        0
    }
}

/// A crash that loses nothing.
struct All;

impl Choice for All {
    fn choose(&mut self, of: usize) -> usize {
        of - 1
    }
}

//! Bugs that are put back, one at a time, and what finds them.

use std::time::Instant;

use paddock_consensus::mutants::choose;

use crate::guarded::guarded;
use crate::schedule::Schedule;
use crate::search::Steps;
use crate::{failing_scripts, no_transaction_carries_into_the_next_epoch, roots, search};

/// Number, what is put back, and where it comes from.
const MUTANTS: [(u32, &str, &str); 20] = [
    (1, "ACK(NEWLEADER) before the history is settled", "B01"),
    (2, "ACK(NEWLEADER) when the history is appended, not durable", "B02"),
    (3, "currentEpoch before the history", "B03"),
    (4, "ACK(z) before ACK(NEWLEADER); the leader takes any first ACK", "B04"),
    (5, "a COMMIT between the ACK of NEWLEADER and UPTODATE is forgotten", "B05"),
    (10, "NEWLEADER is queued before the end of the history", "B10"),
    (13, "announces what is applied instead of the log's end", "B14"),
    (14, "a position is announced while groups are under way", "B15"),
    (16, "acceptedEpoch written after ACKEPOCH", "B17"),
    (17, "membership by range", "B18"),
    (24, "votes compared by sid before the epoch", "B33"),
    (25, "the vote's peerEpoch is not replaced after the synchronisation", "B35"),
    (26, "observers and strangers are counted", "B36"),
    (27, "the counter carries into the epoch", "B42"),
    (31, "acknowledgements survive their link", ""),
    (32, "zxid 0 gets DIFF from a log that begins later", "B22"),
    (35, "a reconfiguration is committed by a quorum of the old configuration alone", ""),
    (36, "a reconfiguration is acknowledged before its configuration is durable", ""),
    (37, "UPTODATE puts a configuration in force that is only proposed", ""),
    (38, "a leader that may not lead on goes on committing", "B45"),
];

/// Schedules that may be needed.
const SEEDS: u64 = 2000;
/// States of a search at most; a bug may make more of them.
const STATES: u64 = 50_000;

/// Prints a table; the numbers of those that nothing has found.
pub fn table() -> Vec<u32> {
    println!("| N | put back | of | scripts | first seed | search |\n|---|---|---|---|---|---|");
    let mut missed = Vec::new();
    choose(0);
    assert_eq!(scripts(), None, "scripts that fail without any bug find none");
    for (number, what, of) in MUTANTS {
        let began = Instant::now();
        choose(number);
        let columns = [scripts(), seeds(number), states(number)];
        let found = columns.iter().any(Option::is_some);
        let columns = columns.map(|column| column.unwrap_or_else(|| "-".to_owned()));
        println!("| {number} | {what} | {of} | {} |", columns.join(" | "));
        eprintln!("{number}: {:.1} s", began.elapsed().as_secs_f64());
        if !found {
            missed.push(number);
        }
    }
    choose(0);
    missed
}

fn scripts() -> Option<String> {
    let mut names: Vec<String> = failing_scripts().into_iter().map(|(name, _)| name.replace(".txt", "")).collect();
    if guarded(no_transaction_carries_into_the_next_epoch).is_err() {
        names.push("(no script) no_transaction_carries_into_the_next_epoch".to_owned());
    }
    let rest = names.len().saturating_sub(2);
    let first = names.iter().take(2).cloned().collect::<Vec<_>>().join(", ");
    match (names.is_empty(), rest) {
        (true, _) => None,
        (_, 0) => Some(first),
        (_, rest) => Some(format!("{first} and {rest} more")),
    }
}

fn seeds(number: u32) -> Option<String> {
    let run = |seed| guarded(|| Schedule::new(seed, false).run());
    let (seed, what) = (1..=SEEDS).find_map(|seed| Some((seed, run(seed).err()?)))?;
    choose(0);
    run(seed).unwrap_or_else(|what| panic!("seed {seed} fails without any bug: {what}"));
    choose(number);
    Some(format!("{seed}: {}", invariant(&what)))
}

fn states(number: u32) -> Option<String> {
    // What the search begins with is sound.
    choose(0);
    let roots = roots(1, &[0, 0, 1]);
    choose(number);
    roots.into_iter().find_map(|(name, root, budget)| {
        let found = search::search(&root, budget, Steps::Enough, STATES).err()?;
        Some(format!("{name}, {} steps: {}", found.path.len(), invariant(&found.what)))
    })
}

/// The number of the invariant, or what the core itself said.
fn invariant(what: &str) -> String {
    let said = what.split_once(":\n").map_or(what, |(_, said)| said);
    let first = said.lines().next().unwrap_or_default();
    let first = first.split_once("failed: ").map_or(first, |(_, said)| said);
    match first.starts_with('(') {
        true => first.split(' ').next().unwrap_or_default().to_owned(),
        false => format!("\"{}\"", first.chars().take(60).collect::<String>()),
    }
}

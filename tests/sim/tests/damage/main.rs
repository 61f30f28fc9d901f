//! Each file of a server of an ensemble, damaged in each way at each place: damage is made good by the other servers, or waited
//! for, or the start is refused by a message that names the file. Nothing that was acknowledged is lost, and nothing else is
//! served, by whomever. Where a quorum has the same damage, nobody serves before a person has put something back.
//!
//! The servers are the real ones in virtual time, on disks that an ensemble has left ([`prepared`]) and of which one is damaged
//! ([`case`]). `PADDOCK_DAMAGE_CASES` sets how many of the cases are tried, drawn by `PADDOCK_SEED`; `cargo xtask damage` tries
//! all. What came of them is told as tables ([`table`]), for which `PADDOCK_DAMAGE_TABLES` names a directory.

// The table is for whoever asks for it.
#![allow(clippy::print_stdout)]

mod case;
mod moments;
mod places;
mod prepared;
mod said;
mod servers;
mod space;
mod table;
mod wrong;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use paddock_tests::damage::{self, Damage, Kind, Place};
use paddock_tests::random::{Random, number_from_env};

use case::{Case, Company, Outcome, kind_of_file};
use prepared::{End, Prepared};
use table::Tables;

/// Cases that are tried, unless told otherwise.
const CASES: usize = 80;
/// At the same time.
const THREADS: usize = 2;

/// What all files of a kind have at once.
const OF_ALL: [Damage; 5] = [
    Damage { kind: Kind::Flip, place: Place::Middle },
    Damage { kind: Kind::ZeroedSector, place: Place::Header },
    Damage { kind: Kind::Truncated, place: Place::Middle },
    Damage { kind: Kind::Emptied, place: Place::Header },
    Damage { kind: Kind::Removed, place: Place::Header },
];

/// Which servers have the damage.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Whose {
    One,
    /// The two that have all that was acknowledged.
    Two,
    Three,
}

struct Trial<'a> {
    prepared: &'a Prepared,
    whose: Whose,
    case: Case,
}

impl fmt::Display for Trial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {}", self.prepared.end, self.whose, self.case)
    }
}

/// The files of a server one by one, and those of a kind together, each with its damages.
fn damages_of(prepared: &Prepared, place: usize) -> Vec<(Vec<PathBuf>, Damage)> {
    let files: Vec<PathBuf> =
        prepared.files(place).into_iter().filter(|file| !file.ends_with("paddock.lock")).collect();
    let mut found = Vec::new();
    for file in &files {
        found.extend(damage::all().into_iter().map(|damage| (vec![file.clone()], damage)));
    }
    for kind in ["log", "snapshot"] {
        let all: Vec<PathBuf> = files.iter().filter(|file| kind_of_file(file) == kind).cloned().collect();
        found.extend(OF_ALL.map(|damage| (all.clone(), damage)));
    }
    let history: Vec<PathBuf> =
        files.iter().filter(|file| file.starts_with("/data/paddock.generation.1")).cloned().collect();
    found.extend(OF_ALL.map(|damage| (history.clone(), damage)));
    found
}

fn trials(prepared: &Prepared) -> Vec<Trial<'_>> {
    let mut trials = Vec::new();
    for of_leader in [true, false] {
        let place = if of_leader { prepared.leader } else { prepared.follower };
        for (files, damage) in damages_of(prepared, place) {
            for company in [Company::Both, Company::Laggard] {
                let case = Case { of_leader, files: files.clone(), damage, company };
                trials.push(Trial { prepared, whose: Whose::One, case });
            }
        }
    }
    for (files, damage) in damages_of(prepared, prepared.leader) {
        for whose in [Whose::Two, Whose::Three] {
            let case = Case { of_leader: true, files: files.clone(), damage, company: Company::Both };
            trials.push(Trial { prepared, whose, case });
        }
    }
    trials
}

impl Trial<'_> {
    fn run(&self) -> Result<Option<Outcome>, String> {
        let Trial { prepared, whose, case } = self;
        let Prepared { leader, follower, laggard, .. } = **prepared;
        let outcome = catch_unwind(AssertUnwindSafe(|| match whose {
            Whose::One => case::run(prepared, case, 1),
            Whose::Two => case::run_many(prepared, case, &[leader, follower], 1),
            Whose::Three => case::run_many(prepared, case, &[leader, follower, laggard], 1),
        }));
        outcome.unwrap_or_else(|_| Err("somebody panics".to_owned()))
    }

    /// The file that it is about, or what all of them are.
    fn file(&self) -> String {
        let kind = kind_of_file(&self.case.files[0]);
        match &self.case.files[..] {
            [_] => kind,
            all if all.iter().all(|file| kind_of_file(file) == kind) => format!("all of {kind}"),
            _ => "all of a generation".to_owned(),
        }
    }
}

/// So many of them, drawn by a seed.
fn draw<T>(mut all: Vec<T>, count: usize) -> Vec<T> {
    let mut random = Random::new(number_from_env("PADDOCK_SEED", 1) as u64);
    for end in (1..all.len()).rev() {
        all.swap(end, random.below(end + 1));
    }
    all.truncate(count);
    all
}

#[test]
fn damage_is_made_good_by_the_others_or_told_and_nothing_is_lost() {
    said::listen();
    let prepared = [End::Stopped, End::AtRest, End::AtWork].map(Prepared::new);
    let all: Vec<Trial<'_>> = prepared.iter().flat_map(trials).collect();
    let chosen = draw(all, number_from_env("PADDOCK_DAMAGE_CASES", CASES));
    let (tables, failures, next) = (Mutex::new(Tables::default()), Mutex::new(Vec::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(trial) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = match trial.run() {
                        Ok(outcome) => outcome,
                        Err(failure) => {
                            failures.lock().expect("nobody panics with it").push(format!("{trial}: {failure}"));
                            Some(Outcome::Failed)
                        }
                    };
                    if let Some(outcome) = outcome {
                        tables.lock().expect("nobody panics with it").count(trial, outcome);
                    }
                }
            });
        }
    });
    let (tables, failures) = (tables.into_inner().unwrap(), failures.into_inner().unwrap());
    table::tell("files.md", &tables.text(chosen.len(), &failures));
    assert!(tables.judged() > 0, "no case has been tried");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

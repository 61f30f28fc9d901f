//! Elections: scripts, of which each shows a rule, and many random ones.
//!
//! A script in `scripts/` is a text of commands, and after each group of them what the servers put out and what they are
//! then. `PADDOCK_REWRITE=1` writes what comes out into the scripts, in place of what they expect.
//!
//! `PADDOCK_ELECTIONS` sets how many random elections there are (`cargo xtask elections`), `PADDOCK_SEED` the first of them.

#![allow(clippy::print_stdout, reason = "a long run says what it covered")]

mod commands;
mod ensemble;
mod network;
mod schedule;
mod script;
mod server;
mod tally;

use std::path::Path;
use std::time::Instant;

use paddock_tests::random::number_from_env;
use tally::Tally;

/// Random elections in the usual test run.
const ELECTIONS: usize = 3000;

#[test]
fn every_script_comes_out_as_it_says() {
    let rewrite = std::env::var_os("PADDOCK_REWRITE").is_some();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/election/scripts");
    let entries = std::fs::read_dir(&directory).expect("the scripts are there");
    let mut scripts: Vec<_> = entries.map(|entry| entry.expect("the directory can be read").path()).collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    let mut different = Vec::new();
    for path in scripts {
        let text = std::fs::read_to_string(&path).expect("a script is a text");
        let came = script::run(&text).unwrap_or_else(|what| panic!("{}: {what}", path.display()));
        if came == text {
            continue;
        }
        if rewrite {
            std::fs::write(&path, came).expect("the script can be written");
        } else {
            let line = text.lines().zip(came.lines()).take_while(|(wanted, came)| wanted == came).count();
            let context = came.lines().skip(line.saturating_sub(3)).take(12).collect::<Vec<_>>().join("\n");
            different.push(format!("{}:{}: it came otherwise:\n{context}\n", path.display(), line + 1));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn random_elections_end_with_one_leader_who_is_the_best_of_a_quorum() {
    let (count, first) = (number_from_env("PADDOCK_ELECTIONS", ELECTIONS), number_from_env("PADDOCK_SEED", 1));
    let (mut tally, began) = (Tally::default(), Instant::now());
    for seed in first..first + count {
        let one = schedule::run(seed as u64).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        tally.add(&one);
    }
    tally.assert_that_all_happened();
    println!("seeds {first} to {}, {:.0} s\n{tally}", first + count - 1, began.elapsed().as_secs_f64());
}

//! `paddock bench versus`: two servers or ensembles under the same load in turns, and how they compare.
//!
//! | file | is |
//! |---|---|
//! | `args` | the command line |
//! | `row` | the rows: what work there is |
//! | `contender` | one side: how its servers come to run |
//! | `command_line` | a command with what stands for directories and ports |
//! | `zoo_cfg` | what servers are told |
//! | `servers` | the servers of one turn |
//! | `interrupt` | Ctrl-C, after which no process is left |
//! | `order` | whose turn it is |
//! | `turn` | one side's turn at a row |
//! | `figure` | what is compared of two runs |
//! | `ratio` | a figure of both sides, and what can be said of it |
//! | `outcome` | what came of a row |
//! | `report` | tables, the page, JSON |
//! | `chart` | the picture of the ratios |
//! | `plot` | the picture of a workload of the literature |
//! | `results` | the files |
//!
//! What loads the servers is `crate::bench`, in this process: what that costs is in the results of each run.

mod args;
mod chart;
mod command_line;
mod contender;
mod error;
mod figure;
mod interrupt;
mod order;
mod outcome;
mod plot;
mod ratio;
mod report;
mod results;
mod row;
mod servers;
mod turn;
mod zoo_cfg;

use std::io::{self, ErrorKind, Write};

use paddock_engine::io::sys;
use serde_json::Value;

pub use self::args::VersusArgs;
pub use self::error::VersusError;

use self::contender::Contender;
use self::interrupt::Interrupt;
use self::order::{Side, order, runs_of_each};
use self::outcome::Outcome;
use self::report::Comparison;
use self::results::Results;
use self::row::{Row, To, Work};
use self::turn::Turn;
use crate::bench::BenchArgs;
use crate::machine;
use crate::progress::{Bar, Progress};
use crate::table::grouped;

/// Loads both sides, and tells each row when it is finished.
pub fn run(args: &VersusArgs) -> Result<(), VersusError> {
    let contender = |side| Contender::of(args, side).map_err(VersusError::Contender);
    let sides = [contender(Side::A)?, contender(Side::B)?];
    let rows = rows(args, &sides)?;
    let results = prepare(args, &sides)?;
    let interrupt = Interrupt::begin().map_err(VersusError::Setup)?;
    // The clients of a storm, and the servers that inherit it, need many. Where it cannot be had, a row says so.
    drop(sys::raise_descriptor_limit());
    let comparison = Comparison::new(args, &sides);
    let progress = Progress::new(!args.no_progress);
    let turns = rows.len() as u64 * 2 * u64::from(runs_of_each(args.rounds));
    let bar = progress.turns("versus", turns);
    let mut outcomes = Vec::new();
    let mut done = 0;
    for row in &rows {
        let before = outcomes.len();
        outcomes.extend(compare(args, row, &sides, &interrupt, &bar, &mut done)?);
        results.write(&comparison, &outcomes)?;
        let text: String = outcomes[before..].iter().map(|outcome| comparison.text(outcome) + "\n").collect();
        bar.aside(|| print(&text)).map_err(VersusError::Output)?;
    }
    let files = ["json", "md", "svg"].map(|extension| results.path(extension).display().to_string());
    bar.aside(|| print(&format!("{}\n", files.join(", ")))).map_err(VersusError::Output)
}

/// The rows that were asked for, of which both sides are able.
fn rows(args: &VersusArgs, sides: &[Contender; 2]) -> Result<Vec<Row>, VersusError> {
    let servers = args.servers.as_ref().map(|text| text.parse::<usize>().expect("1 or 3"));
    let rows = if args.presets.is_empty() {
        let chosen = row::chosen(&args.rows).map_err(VersusError::Row)?;
        chosen.into_iter().filter(|row| servers.is_none_or(|servers| row.servers == servers)).collect()
    } else {
        args.presets.iter().map(|preset| row::of_preset(preset, servers.unwrap_or(1))).collect::<Vec<_>>()
    };
    if rows.is_empty() {
        return Err(VersusError::NoRows);
    }
    let znodes = grouped(args.znodes);
    let rows = rows.into_iter().map(|row| Row { title: row.title.replace("{znodes}", &znodes), ..row });
    let rows: Vec<Row> = rows.collect();
    rows.iter().try_for_each(|row| sides.iter().try_for_each(|side| fits(row, side)))?;
    // What the bench does not take is better known now than when servers run.
    for row in &rows {
        let words = row.options.split_whitespace().chain(args.bench_options.split_whitespace());
        BenchArgs::of_words(words).map_err(VersusError::Options)?;
    }
    Ok(rows)
}

fn fits(row: &Row, side: &Contender) -> Result<(), VersusError> {
    let name = &side.name;
    let why = match row.work {
        _ if !side.can_be(row.servers) => {
            let servers = if row.servers == 1 { "one server".to_owned() } else { format!("{} servers", row.servers) };
            format!("it is about {servers}, and {name} is given as another number; choose with --servers or --row")
        }
        // What it has once grown to it keeps, and it is not stopped here.
        Work::Start | Work::Memory if !side.is_started() => {
            format!("{name} runs already, and is not new for each turn")
        }
        _ if row.to != To::All && row.servers == 1 => "one server has no leader".to_owned(),
        _ => return Ok(()),
    };
    Err(VersusError::Unfit { row: row.name.clone(), why })
}

/// What is better known before anything is started.
fn prepare(args: &VersusArgs, sides: &[Contender; 2]) -> Result<Results, VersusError> {
    if sides.iter().any(Contender::is_started) {
        let kind = machine::file_system(&args.dir);
        let kind = kind.map_err(|source| VersusError::File { path: args.dir.clone(), source })?;
        if ["tmpfs", "ramfs"].contains(&kind.as_str()) {
            return Err(VersusError::Memory { directory: args.dir.clone(), kind });
        }
    }
    Results::prepare(args)
}

/// All turns of one row. It has several outcomes where its work is several runs.
fn compare(
    args: &VersusArgs,
    row: &Row,
    sides: &[Contender; 2],
    interrupt: &Interrupt,
    bar: &Bar,
    done: &mut u64,
) -> Result<Vec<Outcome>, VersusError> {
    let mut turns: [Vec<Vec<Value>>; 2] = Default::default();
    for side in order(args.rounds) {
        if interrupt.has_come() {
            return Err(VersusError::Interrupted);
        }
        let contender = &sides[side as usize];
        bar.say(format!("{}: {}", row.title, contender.name));
        let turn = Turn { args, row, contender, interrupt };
        turns[side as usize].push(turn.quietest()?);
        *done += 1;
        bar.set(*done);
    }
    let runs = turns.iter().flatten().map(Vec::len).min().unwrap_or(0);
    let outcome = |n: usize| {
        let title = match turns[0][0][n]["label"].as_str() {
            Some(label) if runs > 1 => label.to_owned(),
            _ => row.title.clone(),
        };
        let runs = [0, 1].map(|side: usize| turns[side].iter().map(|turn| turn[n].clone()).collect());
        Outcome { row: row.clone(), title, runs }
    };
    Ok((0..runs).map(outcome).collect())
}

/// A reader that has gone away has seen enough; the files are what counts.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

#[cfg(test)]
mod tests {
    use super::{Contender, Row, Side, VersusArgs, rows};

    fn chosen(words: &str) -> Result<Vec<Row>, String> {
        let args = VersusArgs::of_words(words.split_whitespace()).map_err(|error| error.to_string())?;
        let side = |side| Contender::of(&args, side).map_err(|error| error.to_string());
        rows(&args, &[side(Side::A)?, side(Side::B)?]).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_those_that_both_sides_can_do() {
        let names =
            |words: &str| -> Vec<String> { chosen(words).expect(words).into_iter().map(|row| row.name).collect() };
        assert_eq!(names("--servers 3"), ["ensemble-write", "ensemble-write-32", "ensemble-mix-32"]);
        assert_eq!(names("--preset ycsb-b --a-server x --a-server y --a-server z --servers 3"), ["ycsb-b"]);
        assert_eq!(chosen("--row memory --znodes 20000").expect("it is a row")[0].title, "memory of 20,000 znodes");
    }

    #[test]
    fn what_cannot_be_compared_is_known_before_anything_runs() {
        for (words, reason) in [
            ("--row reed", "is no row"),
            ("--row read --servers 3", "no row is left"),
            ("--row read --a-server x --a-server y --a-server z", "it is about one server"),
            ("--row start --b-address h:1", "h:1 runs already, and is not new for each turn"),
            ("--row memory --b-address h:1 --b-pid 7", "h:1 runs already"),
            ("--row read --bench-options --nonsense", "paddock bench does not take the options of a turn: "),
            ("--preset ycsb-x", "invalid value 'ycsb-x'"),
        ] {
            let refusal = chosen(words).expect_err(words);
            assert!(refusal.contains(reason), "{words}: {refusal}");
        }
    }
}

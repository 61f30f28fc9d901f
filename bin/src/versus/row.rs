//! The rows of a comparison: each is some work that both sides do. The aims are those of the design.

use std::fmt;

/// Whom clients are connected to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// All servers in turn.
    All,
    Leader,
    /// One of those that follow.
    Follower,
}

impl To {
    pub fn name(self) -> &'static str {
        match self {
            To::All => "all",
            To::Leader => "leader",
            To::Follower => "follower",
        }
    }
}

/// What is done in a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// A load of so many seconds, behind a warm-up.
    Load,
    /// It has its own end: another load warms the server up before it.
    OwnEnd,
    /// Many znodes are made, and the growth of memory is told for each.
    Memory,
    /// Many znodes are made, and the server is stopped and started.
    Start,
}

/// What its picture is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plot {
    /// How many times one side is the other, for each figure.
    Ratios,
    /// Throughput over the share of reads, one point for each run of the work.
    Shares,
    /// Throughput, and the latencies of reads and of writes.
    Latencies,
    /// Throughput, and the latencies of what is created and waited for.
    Creates,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub name: String,
    /// For people. {znodes} stands for how many there are to be.
    pub title: String,
    /// Of the bench.
    pub options: String,
    /// What Paddock allows itself; empty where nothing is set.
    pub aim: &'static str,
    pub servers: usize,
    pub to: To,
    pub work: Work,
    pub plot: Plot,
}

/// What is no row and no group of rows.
#[derive(Debug)]
pub struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<String> = all().into_iter().map(|row| row.name).collect();
        let groups: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
        write!(f, "\"{}\" is no row; rows are {}; groups of them {}", self.0, rows.join(", "), groups.join(", "))
    }
}

/// Clients of the rows that differ by nothing else.
const CONNECTIONS: [u32; 7] = [1, 2, 5, 10, 50, 100, 1000];

type Choice = fn(&Row) -> bool;

/// Several rows by one name.
const GROUPS: [(&str, Choice); 6] = [
    ("design", |row| !row.aim.is_empty()),
    ("one", |row| row.servers == 1 && !is_sweep(row)),
    ("ensemble", |row| row.servers == 3 && !is_sweep(row)),
    ("connections", |row| row.servers == 1 && is_sweep(row)),
    ("ensemble-connections", |row| row.servers == 3 && is_sweep(row)),
    ("all", |_| true),
];
/// The group where nothing was chosen.
pub const DEFAULT: &str = "design";

fn is_sweep(row: &Row) -> bool {
    row.name.contains("connections-")
}

/// The rows with these names, or in groups with these names, each once.
pub fn chosen(names: &[String]) -> Result<Vec<Row>, Unknown> {
    let mut rows = Vec::new();
    for name in names {
        let group = GROUPS.iter().find(|(group, _)| group == name).map(|(_, choice)| *choice);
        let found = all().into_iter().filter(|row| group.map_or(row.name == *name, |is_in| is_in(row)));
        let before = rows.len();
        let found: Vec<Row> = found.filter(|row| !rows[..before].contains(row)).collect();
        if found.is_empty() && !all().iter().any(|row| row.name == *name) && group.is_none() {
            return Err(Unknown(name.clone()));
        }
        rows.extend(found);
    }
    Ok(rows)
}

/// A workload of the literature, as `paddock bench --preset` has it.
pub fn of_preset(preset: &str, servers: usize) -> Row {
    let mut row = row(preset, preset, &format!("--preset {preset}"), "");
    row.servers = servers;
    if ["chubby-latency", "zk-latencies"].contains(&preset) {
        row.work = Work::OwnEnd;
    }
    row.plot = match preset {
        "atc10-saturation" => Plot::Shares,
        "chubby-latency" => Plot::Creates,
        // It is eight runs of one operation each.
        "zk-latencies" => Plot::Ratios,
        _ => Plot::Latencies,
    };
    row
}

fn row(name: &str, title: &str, options: &str, aim: &'static str) -> Row {
    let (name, title, options) = (name.to_owned(), title.to_owned(), options.to_owned());
    Row { name, title, options, aim, servers: 1, to: To::All, work: Work::Load, plot: Plot::Ratios }
}

fn of_three(name: &str, title: &str, options: &str, aim: &'static str, to: To) -> Row {
    Row { servers: 3, to, ..row(name, &format!("{title}, 3 servers"), options, aim) }
}

fn all() -> Vec<Row> {
    let own_end = |row| Row { work: Work::OwnEnd, ..row };
    let mut rows = vec![
        row("read", "read, 50 connections, one at a time", "--reads 100 -c 50 -p 1", "9 us CPU"),
        row("read-32", "read, 50 connections, pipelined 32", "--reads 100 -c 50 -p 32", "1.2 us CPU"),
        row("write", "durable write, 50 connections, one at a time", "--reads 0 -c 50 -p 1", "13 us CPU"),
        row("write-32", "durable write, 50 connections, pipelined 32", "--reads 0 -c 50 -p 32", "3 us CPU"),
        row(
            "write-1",
            "durable write, 1 client, one at a time",
            "--reads 0 -c 1 -p 1",
            "p50 of one durable 4 KiB + 60 us",
        ),
        of_three(
            "ensemble-write",
            "durable write, 60 connections, one at a time",
            "--reads 0 -c 60 -p 1",
            "40 us CPU",
            To::All,
        ),
        of_three(
            "ensemble-write-32",
            "durable write, 60 connections, pipelined 32",
            "--reads 0 -c 60 -p 32",
            "10 us CPU",
            To::All,
        ),
        of_three(
            "ensemble-mix-32",
            "90/10 mix, 60 connections, pipelined 32",
            "--reads 90 -c 60 -p 32",
            "4 us CPU",
            To::All,
        ),
        Row { work: Work::Memory, ..row("memory", "memory of {znodes} znodes", "", "300 B for each") },
        Row { work: Work::Start, ..row("start", "start with {znodes} znodes", "", "0.3 s with 1,000,000") },
        own_end(row("storm", "5,000 sessions at once", "--connect-storm 5000", "20,000/s")),
        own_end(row("watchers", "one change told to 2,000 watchers, to the last", "--watchers 2000", "8 ms")),
        row("read-10k", "read, 50 connections, 10,000/s", "--reads 100 -c 50 -p 1 --rate 10000", ""),
        row("write-10k", "durable write, 50 connections, 10,000/s", "--reads 0 -c 50 -p 1 --rate 10000", ""),
        of_three(
            "leader-write-32",
            "durable write, 60 connections to the leader, pipelined 32",
            "--reads 0 -c 60 -p 32",
            "",
            To::Leader,
        ),
        of_three(
            "follower-write-32",
            "durable write, 60 connections to one follower, pipelined 32",
            "--reads 0 -c 60 -p 32",
            "",
            To::Follower,
        ),
        of_three(
            "ensemble-write-1",
            "durable write, 1 client of the leader, one at a time",
            "--reads 0 -c 1 -p 1",
            "",
            To::Leader,
        ),
        of_three(
            "ensemble-write-2k",
            "durable write, 60 connections, 2,000/s",
            "--reads 0 -c 60 -p 1 --rate 2000",
            "",
            To::All,
        ),
    ];
    for count in CONNECTIONS {
        let plural = if count == 1 { "" } else { "s" };
        let title = format!("90/10 mix, {count} connection{plural}, one at a time");
        let options = format!("--reads 90 -c {count} -p 1");
        rows.push(row(&format!("connections-{count}"), &title, &options, ""));
        rows.push(of_three(&format!("ensemble-connections-{count}"), &title, &options, "", To::All));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::{CONNECTIONS, GROUPS, Plot, Row, Work, all, chosen, of_preset};
    use crate::bench::BenchArgs;

    fn names(of: &[&str]) -> Vec<String> {
        let of: Vec<String> = of.iter().map(|&name| name.to_owned()).collect();
        chosen(&of).expect("they are rows").into_iter().map(|row| row.name).collect()
    }

    #[test]
    fn rows_are_chosen_by_name_and_by_group_and_each_once() {
        assert_eq!(names(&["write", "read"]), ["write", "read"]);
        assert_eq!(names(&["write", "all"]).len(), all().len());
        assert_eq!(names(&["read", "read"]), ["read"]);
        for (group, first) in [("connections", "connections-1"), ("ensemble-connections", "ensemble-connections-1")] {
            let rows = names(&[group]);
            assert_eq!((rows.len(), rows[0].as_str()), (CONNECTIONS.len(), first));
        }
        let ensemble = names(&["ensemble"]);
        assert!(ensemble.contains(&"leader-write-32".to_owned()));
        assert!(!ensemble.iter().any(|name| name.contains("connections")), "{ensemble:?}");
        let unknown = chosen(&["reed".to_owned()]).expect_err("it is no row").to_string();
        assert!(unknown.starts_with("\"reed\" is no row; rows are read, ") && unknown.ends_with(", all"), "{unknown}");
    }

    #[test]
    fn the_design_has_twelve_rows() {
        assert_eq!(names(&["design"]).len(), 12);
        assert!(GROUPS.iter().all(|(group, _)| all().iter().all(|row| row.name != *group)), "a name has one meaning");
    }

    #[test]
    fn the_bench_takes_the_options_of_every_row() {
        for Row { name, options, work, .. } in all() {
            let timed = if work == Work::Load { " --duration 1 --warmup 0" } else { "" };
            let args = BenchArgs::of_words(format!("{options}{timed}").split_whitespace());
            assert!(args.is_ok(), "{name}: {}", args.expect_err("it is refused"));
        }
        assert_eq!(of_preset("zk-latencies", 1).work, Work::OwnEnd);
        assert_eq!(of_preset("ycsb-b", 3).servers, 3);
        assert_eq!(of_preset("atc10-saturation", 3).plot, Plot::Shares);
    }
}

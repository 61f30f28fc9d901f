//! The command line of `paddock bench`.

use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches, ValueEnum};

use super::keys::{CONNECTIONS_MAX, Distribution, Names};
use super::operation::Mix;
use crate::security::properties::PropertyArgs;

/// Load generator for any server that speaks ZooKeeper's client protocol.
///
/// A run connects, makes the znodes it needs under --root, warms up, measures, prints a table and removes the znodes.
/// Each connection is a session of its own. With --pipeline D every connection keeps D requests in flight (closed
/// loop); with --rate R requests are due at fixed times, whether or not earlier ones are answered, and their latency
/// counts from the time they were due (open loop, free of coordinated omission).
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// Server to load; several spread the connections
    #[arg(value_name = "HOST:PORT", default_value = "127.0.0.1:2181")]
    addresses: Vec<String>,

    /// The same; repeat it for several
    #[arg(long = "server", value_name = "HOST:PORT", conflicts_with = "addresses")]
    named: Vec<String>,

    /// A workload of the literature; the options below override its settings
    #[arg(long, value_enum)]
    pub preset: Option<Preset>,

    /// Weights of get, exists, list, set, create, delete and sync [default: get=90,set=10]
    ///
    /// exists, get and set touch the keys. create makes new znodes, delete removes the oldest of those its connection
    /// has made (without a create in the mix: of those made beforehand, as many as there are keys; the run ends when
    /// they are gone), list reads the children of one znode (--children), sync flushes the path of the root.
    #[arg(long, value_name = "OP=WEIGHT,...", conflicts_with = "reads")]
    pub mix: Option<Mix>,

    /// Percentage of get, the rest being set: short for --mix get=P,set=100-P
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub reads: Option<u32>,

    /// Connections, each with a session of its own [default: 50]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..CONNECTIONS_MAX))]
    pub connections: Option<u64>,

    /// Most requests in flight on one connection [default: 1; with --rate 1000]
    #[arg(long, short, value_name = "DEPTH", value_parser = clap::value_parser!(u64).range(1..=PIPELINE_MAX))]
    pub pipeline: Option<u64>,

    /// Requests per second of all connections together (open loop) instead of as fast as answered
    #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
    pub rate: Option<f64>,

    /// Threads of this tool
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub threads: u64,

    /// Bytes of each value [default: 100]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(0..=VALUE_BYTES_MAX))]
    pub value_size: Option<u64>,

    /// Znodes that exists, get and set choose from [default: 10000]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=KEYS_MAX))]
    pub keys: Option<u64>,

    /// How keys are chosen [default: uniform]
    #[arg(long, value_enum)]
    pub distribution: Option<Distribution>,

    /// Skew of --distribution zipf, above 0 and below 1 [default: 0.99]
    #[arg(long, value_name = "THETA", value_parser = exponent)]
    pub zipf_exponent: Option<f64>,

    /// How znodes are named [default: sequential]
    #[arg(long, value_enum)]
    pub names: Option<Names>,

    /// Children of the znode that list reads [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=KEYS_MAX))]
    pub children: Option<u64>,

    /// Seconds to measure [default: 10]
    #[arg(long, short, value_name = "SECONDS", value_parser = seconds, conflicts_with = "ops")]
    pub duration: Option<f64>,

    /// Operations to measure, instead of a duration
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..=OPERATIONS_MAX))]
    pub ops: Option<u64>,

    /// Seconds of the same load before measuring starts [default: 2; with a number of operations 0]
    #[arg(long, value_name = "SECONDS", value_parser = seconds_or_none)]
    pub warmup: Option<f64>,

    /// Instead of a load: open this many sessions at once, and tell how fast they come
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=STORM_MAX))]
    #[arg(conflicts_with_all = ["preset", "mix", "reads", "connections", "rate", "ops", "watchers"])]
    pub connect_storm: Option<u64>,

    /// Instead of a load: this many sessions watch one znode; tell how long after a set the last hears of it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=STORM_MAX))]
    #[arg(conflicts_with_all = ["preset", "mix", "reads", "connections", "rate", "ops", "duration"])]
    pub watchers: Option<u64>,

    /// Of the --watchers so many that watch for good and never read
    #[arg(long, value_name = "N", default_value_t = 0, requires = "watchers")]
    pub silent: u64,

    /// Instead of a load: this many sessions set watches; tell what each costs the server (--pid) and how fast they are set
    #[arg(long, value_name = "SESSIONS", value_parser = clap::value_parser!(u64).range(1..=STORM_MAX))]
    #[arg(conflicts_with_all = ["preset", "mix", "reads", "connections", "rate", "ops", "duration", "watchers", "connect_storm"])]
    pub watch_scale: Option<u64>,

    /// One-shot watches of --watch-scale, of all sessions together
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(0..=KEYS_MAX))]
    pub one_shot: u64,

    /// Persistent watches of --watch-scale, of all sessions together (ZooKeeper has them since 3.6)
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(0..=KEYS_MAX))]
    pub persistent: u64,

    /// A command for the shell that --watch-scale runs before it reads the server's memory: for a server with a garbage
    /// collector one that runs it, like "jcmd PID GC.run"
    #[arg(long, value_name = "COMMAND")]
    pub before_memory: Option<String>,

    /// Changes that are told to the watchers, one after the other
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub rounds: u64,

    /// Process of the server, for its CPU time per operation and memory; repeat it for an ensemble
    #[arg(long = "pid", value_name = "PID")]
    pub pids: Vec<u32>,

    /// Znode under which everything happens; it is made before and removed after
    #[arg(long, value_name = "PATH", default_value = "/paddock-bench", value_parser = root)]
    pub root: String,

    /// Leave the znodes in place after the run
    #[arg(long, overrides_with = "keep")]
    pub keep: bool,

    /// Session timeout asked for, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 30_000, value_parser = clap::value_parser!(i32).range(100..))]
    pub session_timeout: i32,

    #[command(flatten)]
    pub properties: PropertyArgs,

    /// Seed of all choices; the same seed makes the same requests
    #[arg(long, value_name = "NUMBER", default_value_t = 42)]
    pub seed: u64,

    /// Write the results to this file as well
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// No progress bar (there is none anyway unless the standard error is a terminal)
    #[arg(long)]
    pub no_progress: bool,
}

impl BenchArgs {
    /// What these words of a command line say.
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<BenchArgs, clap::Error> {
        let line = BenchArgs::augment_args(Command::new("bench").no_binary_name(true));
        BenchArgs::from_arg_matches(&line.try_get_matches_from(words)?)
    }

    /// The addresses of the servers, at least one.
    pub fn servers(&self) -> &[String] {
        if self.named.is_empty() { &self.addresses } else { &self.named }
    }
}

/// Bounds of the options. Values leave room for a path in a frame of jute.maxbuffer's default, 1,048,575 bytes.
pub const PIPELINE_MAX: u64 = 1_000_000;
pub const VALUE_BYTES_MAX: u64 = 1_040_000;
pub const KEYS_MAX: u64 = 100_000_000;
const OPERATIONS_MAX: u64 = 1_000_000_000_000;
const STORM_MAX: u64 = 1_000_000;
/// A day.
const SECONDS_MAX: f64 = 86_400.0;
const RATE_MAX: f64 = 1e8;

/// Workloads with a name in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// 250 clients with 100 requests each in flight, 1 KiB values, reads 0, 50, 90 and 100 % one after the other
    /// (--reads picks one). Source: Hunt et al., ZooKeeper: Wait-free coordination for Internet-scale systems, USENIX
    /// ATC 2010, section 5.1
    #[value(name = "atc10-saturation")]
    Atc10Saturation,
    /// One client creates a znode of 1 KiB and waits, deletes it without waiting, creates the next; 50,000 times.
    /// Source: the same paper, section 5.2, after the benchmark in Burrows, The Chubby lock service, OSDI 2006
    #[value(name = "chubby-latency")]
    ChubbyLatency,
    /// One client creates, sets, gets and deletes 10,000 znodes of 25 bytes, first one request at a time, then all in
    /// flight. Source: zk-latencies.py of github.com/phunt/zk-smoketest (its ephemeral and watch parts are left out)
    #[value(name = "zk-latencies")]
    ZkLatencies,
    /// create 1, set 8, get 45, list 45, delete 1; values of 100 bytes, 100 children listed, 100 clients one request at
    /// a time. Source: benchmark/Benchmark.md of github.com/JDRaftKeeper/RaftKeeper and its raftkeeper-bench
    #[value(name = "raftkeeper-mix")]
    RaftkeeperMix,
    /// 95 % get, 5 % set, zipf 0.99, 1 KiB values, 1,000 keys (the record count of YCSB's own file).
    /// Source: workloads/workloadb of github.com/brianfrankcooper/YCSB; Cooper et al., SoCC 2010
    #[value(name = "ycsb-b")]
    YcsbB,
}

impl Preset {
    pub fn name(self) -> &'static str {
        match self {
            Preset::Atc10Saturation => "atc10-saturation",
            Preset::ChubbyLatency => "chubby-latency",
            Preset::ZkLatencies => "zk-latencies",
            Preset::RaftkeeperMix => "raftkeeper-mix",
            Preset::YcsbB => "ycsb-b",
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or(format!("\"{text}\" is not a number"))
}

fn seconds_or_none(text: &str) -> Result<f64, String> {
    let seconds = number(text)?;
    if (0.0..=SECONDS_MAX).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(format!("{text} is not between 0 and {SECONDS_MAX} seconds"))
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match seconds_or_none(text)? {
        0.0 => Err("there is nothing to measure in 0 seconds".into()),
        seconds => Ok(seconds),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = number(text)?;
    if rate > 0.0 && rate <= RATE_MAX { Ok(rate) } else { Err(format!("{text} is not above 0 and at most {RATE_MAX}")) }
}

fn exponent(text: &str) -> Result<f64, String> {
    let exponent = number(text)?;
    if exponent > 0.0 && exponent < 1.0 {
        Ok(exponent)
    } else {
        Err(format!("{text} is not above 0 and below 1; the method of drawing needs that"))
    }
}

/// A path this tool may create and remove: absolute, without empty parts, and none of the server's own.
fn root(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('/').collect();
    if text == "/"
        || !parts[0].is_empty()
        || parts[1..].iter().any(|part| part.is_empty() || *part == "." || *part == "..")
    {
        return Err(format!("\"{text}\" is not a path like /paddock-bench"));
    }
    if parts[1] == "zookeeper" {
        return Err("/zookeeper belongs to the server".into());
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<BenchArgs, String> {
        BenchArgs::of_words(words.split_whitespace()).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_read() {
        let args = parse("--server a:1 --server b:2 --mix get=1,sync=2 -c 7 -p 3 --rate 1e3 --pid 1 --pid 2").unwrap();
        assert_eq!(args.servers(), ["a:1", "b:2"]);
        assert_eq!(args.mix.unwrap().to_string(), "get=1,sync=2");
        assert_eq!((args.connections, args.pipeline, args.rate), (Some(7), Some(3), Some(1000.0)));
        assert_eq!(args.pids, [1, 2]);
        assert_eq!(args.root, "/paddock-bench");
    }

    #[test]
    fn a_server_needs_no_option() {
        assert_eq!(parse("").unwrap().servers(), ["127.0.0.1:2181"]);
        assert_eq!(parse("a:1").unwrap().servers(), ["a:1"]);
        assert_eq!(parse("-d 3 a:1 b:2 --no-progress").unwrap().servers(), ["a:1", "b:2"]);
        assert!(parse("a:1 --server b:2").unwrap_err().contains("cannot be used with"));
    }

    /// A comparison keeps the znodes of its own servers, and may be told to.
    #[test]
    fn znodes_may_be_kept_twice() {
        assert!(parse("--keep --keep").unwrap().keep);
    }

    #[test]
    fn every_preset_answers_to_its_name() {
        for preset in Preset::value_variants() {
            assert_eq!(parse(&format!("--preset {}", preset.name())).unwrap().preset, Some(*preset));
        }
    }

    #[test]
    fn wrong_options_are_refused_with_their_reason() {
        for (words, reason) in [
            ("--root paddock", "not a path"),
            ("--root /", "not a path"),
            ("--root /a//b", "not a path"),
            ("--root /a/", "not a path"),
            ("--root /zookeeper/x", "belongs to the server"),
            ("--reads 101", "101"),
            ("--duration 0", "nothing to measure"),
            ("--warmup -1", "unexpected argument"),
            ("--rate nan", "not a number"),
            ("--zipf-exponent 1", "below 1"),
            ("--mix get=0", "all weights are zero"),
            ("--mix get=1 --reads 5", "cannot be used with"),
            ("--duration 1 --ops 1", "cannot be used with"),
            ("--connect-storm 5 --preset ycsb-b", "cannot be used with"),
            ("--watchers 5 --connect-storm 5", "cannot be used with"),
            ("--watchers 5 --watch-scale 5", "cannot be used with"),
            ("--silent 5", "required"),
            ("--connections 0", "0 is not in"),
        ] {
            let refusal = parse(words).unwrap_err();
            assert!(refusal.contains(reason), "{words}: {refusal}");
        }
    }
}

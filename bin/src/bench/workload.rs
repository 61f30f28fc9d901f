//! What a run does: the settings of the command line and of the presets, made definite.

use std::time::Duration;

use super::args::{BenchArgs, Preset};
use super::keys::{Distribution, Names, Picker, Zipf};
use super::operation::{Mix, Operation};

/// In which order a connection sends what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Each operation drawn from a mix.
    Mix(Mix),
    /// A create that is waited for; then its delete, which is not, and the next create.
    CreateThenDelete,
}

/// When a connection sends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As soon as fewer than `pipeline` requests are in flight.
    Closed,
    /// At fixed times: operations per second of all connections together.
    Open { rate: f64 },
}

/// How long is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    Time(Duration),
    Operations(u64),
}

/// One measured run.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Name in the table.
    pub label: String,
    pub pattern: Pattern,
    pub connections: u64,
    /// Most requests in flight on one connection.
    pub pipeline: u64,
    /// Bytes.
    pub value_size: u64,
    pub keys: u64,
    pub distribution: Distribution,
    pub zipf_exponent: f64,
    pub names: Names,
    /// Children of the znode that is listed.
    pub children: u64,
    pub pace: Pace,
    pub extent: Extent,
    pub warmup: Duration,
}

const DURATION: Duration = Duration::from_secs(10);
const WARMUP: Duration = Duration::from_secs(2);
/// In an open loop the pipeline is a bound, not an aim.
const PIPELINE_OPEN: u64 = 1000;
const KIB: u64 = 1024;

impl Workload {
    /// The runs that `args` asks for, in order; at least one.
    pub fn of(args: &BenchArgs) -> Vec<Workload> {
        let runs = match args.preset {
            None => vec![Workload::plain("load", Mix::reads(90))],
            Some(preset) => preset_runs(preset, args.reads),
        };
        runs.into_iter().map(|run| run.overridden(args)).collect()
    }

    fn plain(label: &str, mix: Mix) -> Workload {
        Workload {
            label: label.into(),
            pattern: Pattern::Mix(mix),
            connections: 50,
            pipeline: 1,
            value_size: 100,
            keys: 10_000,
            distribution: Distribution::Uniform,
            zipf_exponent: 0.99,
            names: Names::Sequential,
            children: 100,
            pace: Pace::Closed,
            extent: Extent::Time(DURATION),
            warmup: WARMUP,
        }
    }

    /// This run with what the command line says in place of its own settings.
    fn overridden(mut self, args: &BenchArgs) -> Workload {
        if let Some(mix) = args.mix.clone().or(args.reads.map(Mix::reads)) {
            self.pattern = Pattern::Mix(mix);
        }
        if let Some(rate) = args.rate {
            self.pace = Pace::Open { rate };
            self.pipeline = self.pipeline.max(PIPELINE_OPEN);
        }
        if let Some(operations) = args.ops {
            self.extent = Extent::Operations(operations);
            self.warmup = Duration::ZERO;
        }
        if let Some(seconds) = args.duration {
            self.extent = Extent::Time(Duration::from_secs_f64(seconds));
        }
        self.connections = args.connections.unwrap_or(self.connections);
        self.pipeline = args.pipeline.unwrap_or(self.pipeline);
        self.value_size = args.value_size.unwrap_or(self.value_size);
        self.keys = args.keys.unwrap_or(self.keys);
        self.distribution = args.distribution.unwrap_or(self.distribution);
        self.zipf_exponent = args.zipf_exponent.unwrap_or(self.zipf_exponent);
        self.names = args.names.unwrap_or(self.names);
        self.children = args.children.unwrap_or(self.children);
        if self.stock_needed() > 0 {
            // A warm-up would use up what is to be deleted.
            self.warmup = Duration::ZERO;
        }
        self.warmup = args.warmup.map_or(self.warmup, Duration::from_secs_f64);
        self
    }

    fn has(&self, operation: Operation) -> bool {
        match &self.pattern {
            Pattern::Mix(mix) => mix.has(operation),
            Pattern::CreateThenDelete => matches!(operation, Operation::Create | Operation::Delete),
        }
    }

    /// Keys that must exist before the run.
    pub fn keys_needed(&self) -> u64 {
        let used = [Operation::Get, Operation::Exists, Operation::Set].into_iter().any(|o| self.has(o));
        if used { self.keys } else { 0 }
    }

    /// Children that must exist before the run.
    pub fn children_needed(&self) -> u64 {
        if self.has(Operation::List) { self.children } else { 0 }
    }

    /// Znodes to be deleted that must exist before the run, for each connection; without a create in the mix there
    /// would be none.
    pub fn stock_needed(&self) -> u64 {
        let only_delete = self.has(Operation::Delete) && !self.has(Operation::Create);
        if only_delete { self.keys.div_ceil(self.connections) } else { 0 }
    }

    /// What draws the keys of one connection. Costs a power per key for zipf: make one and clone it.
    pub fn picker(&self) -> Picker {
        match self.distribution {
            Distribution::Uniform => Picker::Uniform { keys: self.keys },
            Distribution::Zipf => Picker::Zipf(Zipf::new(self.keys, self.zipf_exponent)),
            Distribution::Sequential => Picker::Sequential { keys: self.keys, next: 0, step: self.connections },
        }
    }

    /// One line that says what this run is.
    pub fn describe(&self) -> String {
        let pattern = match &self.pattern {
            Pattern::Mix(mix) => mix.to_string(),
            Pattern::CreateThenDelete => "create and wait, delete without waiting".into(),
        };
        let pace = match self.pace {
            Pace::Closed if self.pattern == Pattern::CreateThenDelete => "one create in flight each".into(),
            Pace::Closed => format!("{} in flight each", self.pipeline),
            Pace::Open { rate } => format!("{rate} per second"),
        };
        let plural = if self.connections == 1 { "" } else { "s" };
        let mut text = format!(
            "{pattern}; {} connection{}, {pace}; values of {} bytes",
            self.connections, plural, self.value_size
        );
        if self.keys_needed() > 0 {
            let distribution = match self.distribution {
                Distribution::Uniform => "uniform".into(),
                Distribution::Zipf => format!("zipf {}", self.zipf_exponent),
                Distribution::Sequential => "in turn".to_string(),
            };
            text += &format!("; {} keys, {distribution}", self.keys);
        }
        text
    }
}

fn preset_runs(preset: Preset, reads: Option<u32>) -> Vec<Workload> {
    let plain = |mix: Mix| Workload::plain(preset.name(), mix);
    match preset {
        Preset::Atc10Saturation => {
            let shares = reads.map_or(vec![0, 50, 90, 100], |percent| vec![percent]);
            shares.into_iter().map(atc10_run).collect()
        }
        Preset::ChubbyLatency => vec![Workload {
            pattern: Pattern::CreateThenDelete,
            connections: 1,
            value_size: KIB,
            extent: Extent::Operations(100_000),
            warmup: Duration::ZERO,
            ..plain(Mix::reads(0))
        }],
        Preset::ZkLatencies => zk_latencies_runs(),
        Preset::RaftkeeperMix => vec![Workload {
            connections: 100,
            ..plain(Mix::of(&[
                (Operation::Create, 1),
                (Operation::Set, 8),
                (Operation::Get, 45),
                (Operation::List, 45),
                (Operation::Delete, 1),
            ]))
        }],
        Preset::YcsbB => vec![Workload {
            value_size: KIB,
            keys: 1000,
            distribution: Distribution::Zipf,
            names: Names::Random,
            ..plain(Mix::reads(95))
        }],
    }
}

fn atc10_run(reads: u32) -> Workload {
    Workload {
        connections: 250,
        pipeline: 100,
        value_size: KIB,
        ..Workload::plain(&format!("atc10-saturation, {reads} % reads"), Mix::reads(reads))
    }
}

fn zk_latencies_runs() -> Vec<Workload> {
    const ZNODES: u64 = 10_000;
    let mut runs = Vec::new();
    for (how, pipeline) in [("one at a time", 1), ("all in flight", ZNODES)] {
        for operation in [Operation::Create, Operation::Set, Operation::Get, Operation::Delete] {
            runs.push(Workload {
                connections: 1,
                pipeline,
                value_size: 25,
                keys: ZNODES,
                distribution: Distribution::Sequential,
                extent: Extent::Operations(ZNODES),
                warmup: Duration::ZERO,
                ..Workload::plain(&format!("zk-latencies, {} {how}", operation.name()), Mix::of(&[(operation, 1)]))
            });
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(words: &str) -> Vec<Workload> {
        Workload::of(&BenchArgs::of_words(words.split_whitespace()).unwrap())
    }

    #[test]
    fn a_plain_run_reads_mostly() {
        let [run] = &runs("")[..] else { panic!("one run") };
        assert_eq!(run.pattern, Pattern::Mix(Mix::reads(90)));
        assert_eq!((run.connections, run.pipeline, run.pace), (50, 1, Pace::Closed));
    }

    #[test]
    fn options_override_a_preset() {
        let [run] = &runs("--preset ycsb-b --keys 7 --reads 50 --duration 3 --warmup 1")[..] else { panic!("one run") };
        assert_eq!((run.keys, run.value_size), (7, 1024));
        assert_eq!(run.pattern, Pattern::Mix(Mix::reads(50)));
        assert_eq!(run.extent, Extent::Time(Duration::from_secs(3)));
        assert_eq!(run.warmup, Duration::from_secs(1));
    }

    #[test]
    fn the_saturation_test_runs_four_shares_or_the_one_asked_for() {
        let shares = |words| -> Vec<Pattern> { runs(words).into_iter().map(|run| run.pattern).collect() };
        let mixes = |shares: &[u32]| -> Vec<Pattern> { shares.iter().map(|&s| Pattern::Mix(Mix::reads(s))).collect() };
        assert_eq!(shares("--preset atc10-saturation"), mixes(&[0, 50, 90, 100]));
        assert_eq!(shares("--preset atc10-saturation --reads 90"), mixes(&[90]));
    }

    #[test]
    fn only_what_a_run_touches_is_made_beforehand() {
        let needs = |words| -> Vec<(u64, u64, u64)> {
            runs(words).iter().map(|r| (r.keys_needed(), r.children_needed(), r.stock_needed())).collect()
        };
        assert_eq!(needs("--mix get=1 --keys 5"), [(5, 0, 0)]);
        assert_eq!(needs("--mix create=1"), [(0, 0, 0)]);
        assert_eq!(needs("--mix list=1 --children 3"), [(0, 3, 0)]);
        assert_eq!(needs("--mix delete=1 --keys 10 --connections 4"), [(0, 0, 3)]);
        assert_eq!(needs("--preset chubby-latency"), [(0, 0, 0)]);
    }

    #[test]
    fn a_number_of_operations_needs_no_warm_up() {
        let [run] = &runs("--ops 100")[..] else { panic!("one run") };
        assert_eq!((run.extent, run.warmup), (Extent::Operations(100), Duration::ZERO));
    }

    #[test]
    fn an_open_loop_may_have_many_in_flight() {
        let [run] = &runs("--rate 500")[..] else { panic!("one run") };
        assert_eq!((run.pace, run.pipeline), (Pace::Open { rate: 500.0 }, PIPELINE_OPEN));
        let [run] = &runs("--rate 500 --pipeline 2")[..] else { panic!("one run") };
        assert_eq!(run.pipeline, 2);
    }
}

//! One turn: a side does the work of a row, on servers that are new for it.

use serde_json::{Value, json};

use super::args::VersusArgs;
use super::contender::Contender;
use super::error::VersusError;
use super::interrupt::Interrupt;
use super::row::{Row, Work};
use super::servers::Servers;
use crate::bench::{BenchArgs, measured, usage};
use crate::machine::Ticks;

/// With `/keys/` and the sixteen digits of a key, paths of many znodes have 35 bytes.
const ROOT_OF_MANY: &str = "/million-node";
/// Values of many znodes, bytes.
const VALUE_SIZE: u32 = 100;

pub struct Turn<'a> {
    pub args: &'a VersusArgs,
    pub row: &'a Row,
    pub contender: &'a Contender,
    pub interrupt: &'a Interrupt,
}

impl Turn<'_> {
    /// The try with the least stolen time. A virtual machine whose host is busy measures the host: stolen time is counted as CPU
    /// time of whoever is running.
    pub fn quietest(&self) -> Result<Vec<Value>, VersusError> {
        let mut best: Option<(f64, Vec<Value>)> = None;
        for _ in 0..self.args.tries {
            let (stolen, runs) = self.once()?;
            if best.as_ref().is_none_or(|(least, _)| stolen < *least) {
                best = Some((stolen, runs));
            }
            if stolen <= self.args.stolen_max {
                break;
            }
        }
        Ok(best.expect("there is at least one try").1)
    }

    fn once(&self) -> Result<(f64, Vec<Value>), VersusError> {
        let mut servers = Servers::start(self.contender, self.row.servers, &self.args.dir, self.interrupt)?;
        if self.row.work == Work::OwnEnd && self.args.warmup > 0.0 {
            // The options of a turn are those of its own work.
            self.bench_with(&mut servers, &format!("--reads 50 --warmup 0 --duration {}", self.args.warmup))?;
        }
        let before = Ticks::now();
        let mut runs = match self.row.work {
            Work::Load => {
                let timed = format!("--warmup {} --duration {}", self.args.warmup, self.args.seconds);
                // What a load leaves goes with the servers, if they are started here.
                let keep = if self.contender.is_started() { " --keep" } else { "" };
                self.bench(&mut servers, &format!("{} {timed}{keep}", self.row.options))?
            }
            Work::OwnEnd => self.bench(&mut servers, &self.row.options)?,
            Work::Memory => vec![self.memory(&mut servers)?],
            Work::Start => vec![self.start(&mut servers)?],
        };
        let stolen = Ticks::now().stolen_since(before);
        runs.iter_mut().for_each(|run| run["stolen_percent"] = stolen.into());
        Ok((stolen, runs))
    }

    /// One run of the bench, with what is added to every turn.
    fn bench(&self, servers: &mut Servers<'_>, options: &str) -> Result<Vec<Value>, VersusError> {
        self.bench_with(servers, &format!("{options} {}", self.args.bench_options))
    }

    /// One run of the bench. If a server has ended meanwhile, that is what is told.
    fn bench_with(&self, servers: &mut Servers<'_>, options: &str) -> Result<Vec<Value>, VersusError> {
        let mut words = vec!["--no-progress".to_owned()];
        for address in servers.addresses(self.row.to)? {
            words.extend(["--server".to_owned(), address.to_string()]);
        }
        words.extend(servers.pids().into_iter().flat_map(|pid| ["--pid".to_owned(), pid.to_string()]));
        words.extend(options.split_whitespace().map(str::to_owned));
        let args = BenchArgs::of_words(words.iter().map(String::as_str)).map_err(VersusError::Options)?;
        let runs = measured(&args, &self.interrupt.flag);
        servers.check()?;
        if self.interrupt.has_come() {
            return Err(VersusError::Interrupted);
        }
        runs.map_err(|source| VersusError::Bench {
            row: self.row.name.clone(),
            name: self.contender.name.clone(),
            source: Box::new(source),
            lines: servers.lines(0),
        })
    }

    /// Makes many znodes, and leaves them there: the server goes after the turn.
    fn fill(&self, servers: &mut Servers<'_>) -> Result<Value, VersusError> {
        // One read is enough: the znodes are made before it.
        let options = format!(
            "--root {ROOT_OF_MANY} --keys {} --value-size {VALUE_SIZE} --reads 100 -c 1 -n 1 --warmup 0 --keep",
            self.args.znodes
        );
        let runs = self.bench(servers, &options)?;
        Ok(runs.into_iter().next().expect("a load is one run"))
    }

    fn memory(&self, servers: &mut Servers<'_>) -> Result<Value, VersusError> {
        let before = servers.resident()?;
        let run = self.fill(servers)?;
        let after = run["server"]["resident_bytes"].as_u64().unwrap_or(before);
        let each = after.saturating_sub(before) as f64 / self.args.znodes as f64;
        let server = json!({
            "resident_bytes": after,
            "resident_peak_bytes": run["server"]["resident_peak_bytes"],
        });
        Ok(json!({ "label": "memory", "znodes": self.args.znodes, "bytes_per_znode": each, "server": server }))
    }

    /// From the start of the process to the first session, after a stop in order.
    fn start(&self, servers: &mut Servers<'_>) -> Result<Value, VersusError> {
        self.fill(servers)?;
        let took = servers.restart()?;
        let used = usage(&servers.pids()).map_err(VersusError::Process)?;
        let server = json!({ "resident_bytes": used.resident, "resident_peak_bytes": used.resident_peak });
        let start_ms = took.as_secs_f64() * 1000.0;
        Ok(json!({ "label": "start", "znodes": self.args.znodes, "start_ms": start_ms, "server": server }))
    }
}

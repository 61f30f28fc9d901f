//! What watches cost a server: memory for each, and how fast they are set.
//!
//! N sessions set one-shot watches of znodes that do not exist, each of a path of its own, then persistent watches, again
//! each of its own path, and then one each of one and the same path. Before and after each of these three steps the
//! resident memory of the server is read; the difference is divided by the watches.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::BenchError;
use super::crowd::Crowd;
use super::load::{self, Site, Spent};
use super::process::Usage;
use super::report;
use super::storm;
use super::wire;
use crate::table::{Table, grouped, mebibytes};

/// Requests that one session has in flight.
const BATCH: u64 = 10;
/// addWatch's mode for a persistent watch of one znode.
const PERSISTENT: i32 = 0;

/// What is set.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    pub sessions: u64,
    pub one_shot: u64,
    pub persistent: u64,
    /// A shell's command that is run before memory is read: one that makes a server give back what it does not need.
    pub before_memory: Option<&'a str>,
}

/// The frame of the watch with this number.
type Request<'a> = &'a dyn Fn(u64) -> Vec<u8>;

/// One step.
struct Step {
    what: &'static str,
    watches: u64,
    elapsed: Duration,
    /// Resident bytes of the server before and after, if it is known.
    resident: Option<(u64, u64)>,
    server: Option<Spent>,
    client: Spent,
}

/// What came of it.
pub struct Registered {
    sessions: u64,
    steps: Vec<Step>,
}

/// Sets the watches. The root of the site exists.
pub fn register(plan: Plan<'_>, site: &Site) -> Result<Registered, BenchError> {
    storm::check_files(plan.sessions)?;
    let mut crowd = Crowd::new().map_err(BenchError::Poll)?;
    crowd.open(plan.sessions as usize, site)?;
    crowd.tolerate(wire::NO_NODE);
    let (one_shot, persistent) = (site.root.keys(), site.root.made());
    let exists = |parent: &str, number: u64| wire::exists_request(&path(parent, number), true);
    let add = |parent: &str, number: u64| wire::add_watch_request(&path(parent, number), PERSISTENT);
    let mut registered = Registered { sessions: plan.sessions, steps: Vec::new() };
    let steps: [(&'static str, u64, Request<'_>); 3] = [
        ("one-shot, a path each", plan.one_shot, &|number| exists(&one_shot, number)),
        ("persistent, a path each", plan.persistent, &|number| add(&persistent, number)),
        ("one-shot, one path", plan.sessions, &|_| exists(&site.root.list(), 0)),
    ];
    for (what, watches, request) in steps {
        if watches > 0 && !site.is_interrupted() {
            registered.steps.push(step(what, watches, request, &mut crowd, plan, site)?);
        }
    }
    crowd.close();
    Ok(registered)
}

fn path(parent: &str, number: u64) -> String {
    format!("{parent}/{number:016}")
}

fn step(
    what: &'static str,
    watches: u64,
    request: Request<'_>,
    crowd: &mut Crowd,
    plan: Plan<'_>,
    site: &Site,
) -> Result<Step, BenchError> {
    let resident = |usage: (Option<Usage>, Usage)| usage.0.map(|server| server.resident);
    settle(plan)?;
    let before = load::usage(site)?;
    let begun = Instant::now();
    let bar = site.progress.count(what, watches);
    // In each batch the session of index i sets the watches first + i, first + i + sessions, and so on.
    let mut first = 0;
    while first < watches && !site.is_interrupted() {
        let end = watches.min(first + plan.sessions * BATCH);
        crowd.ask(plan.sessions as usize, |index, xid, out| {
            let mut put = 0;
            for number in (first + index as u64..end).step_by(plan.sessions as usize) {
                let mut frame = request(number);
                wire::set_xid(&mut frame, xid);
                out.extend_from_slice(&frame);
                put += 1;
            }
            put
        })?;
        first = end;
        bar.set(first);
    }
    let elapsed = begun.elapsed();
    let after = load::usage(site)?;
    settle(plan)?;
    let settled = load::usage(site)?;
    Ok(Step {
        what,
        watches: first,
        elapsed,
        resident: resident(before).zip(resident(settled)),
        server: before.0.zip(after.0).map(|(before, after)| Spent::between(before, after)),
        client: Spent::between(before.1, after.1),
    })
}

fn settle(plan: Plan<'_>) -> Result<(), BenchError> {
    let Some(command) = plan.before_memory else { return Ok(()) };
    let failed = |error: String| BenchError::Command { command: command.into(), error };
    let output = Command::new("sh").args(["-c", command]).output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() { Ok(()) } else { Err(failed(format!("it ended with {}", output.status))) }
}

impl Step {
    /// Resident bytes that each watch added.
    fn bytes_each(&self) -> Option<f64> {
        self.resident.map(|(before, after)| (after as f64 - before as f64) / self.watches as f64)
    }

    fn per_second(&self) -> f64 {
        self.watches as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

impl Registered {
    /// The result for people.
    pub fn text(&self) -> String {
        let mut table = Table::new(&["watches", "set", "per second", "bytes each", "server us each", "resident after"]);
        for step in &self.steps {
            let unknown = || "-".to_owned();
            let cpu = |spent: &Spent| format!("{:.2}", spent.cpu_seconds * 1e6 / step.watches as f64);
            table.row(vec![
                step.what.into(),
                grouped(step.watches),
                grouped(step.per_second().round() as u64),
                step.bytes_each().map_or_else(unknown, |bytes| format!("{bytes:.1}")),
                step.server.as_ref().map_or_else(unknown, cpu),
                step.resident.map_or_else(unknown, |(_, after)| mebibytes(after)),
            ]);
        }
        format!("watches of {} sessions\n{}", grouped(self.sessions), table.text())
    }

    pub fn json(&self) -> Value {
        let steps = self.steps.iter().map(|step| {
            json!({
                "what": step.what,
                "watches": step.watches,
                "seconds": step.elapsed.as_secs_f64(),
                "per_second": step.per_second(),
                "bytes_each": step.bytes_each(),
                "resident_before": step.resident.map(|(before, _)| before),
                "resident_after": step.resident.map(|(_, after)| after),
                "server": step.server.as_ref().map(|spent| report::spent_json(spent, step.watches)),
                "client": report::spent_json(&step.client, step.watches),
            })
        });
        json!({ "label": "watch-scale", "sessions": self.sessions, "steps": steps.collect::<Vec<Value>>() })
    }
}

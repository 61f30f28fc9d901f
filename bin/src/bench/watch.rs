//! How long after a change the last of many watchers hears of it.
//!
//! N sessions read one znode with a watch; one more session sets it. A round is over when all have been notified and
//! the set is answered; before the next round all watch again. Times count from when the set was written. Some of the
//! watchers may be silent: they watch for good and never read, and the round does not wait for them.

use std::time::Instant;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::BenchError;
use super::crowd::{Crowd, STEP_MAX};
use super::load::{self, Site, Spent};
use super::report;
use super::root;
use super::silent::Silent;
use super::storm;
use super::tally;
use super::wire;
use crate::table::{Table, grouped, micros};

/// What came of the rounds; all in nanoseconds from the write of the set.
pub struct Watched {
    watchers: u64,
    /// Those of them that never read.
    silent: u64,
    /// One value each round.
    first: Histogram<u64>,
    last: Histogram<u64>,
    answered: Histogram<u64>,
    /// One value for each watcher and round.
    each: Histogram<u64>,
    /// Over the changes alone, not over the watching again.
    server: Option<Spent>,
    client: Spent,
    /// Length of the rounds in seconds, as `server` counts them.
    seconds: f64,
}

/// Who watches, and how often the znode changes.
#[derive(Clone, Copy)]
pub struct Audience {
    pub watchers: u64,
    /// Of the watchers.
    pub silent: u64,
    pub rounds: u64,
    pub value_size: u64,
}

/// Tells an audience of the changes of the watched znode, which exists.
pub fn watch(audience: Audience, site: &Site) -> Result<Watched, BenchError> {
    let Audience { watchers, silent, rounds, value_size } = audience;
    storm::check_files(watchers + 1)?;
    let readers = (watchers - silent) as usize;
    // The last of them is the one that changes.
    let mut crowd = Crowd::new().map_err(BenchError::Poll)?;
    crowd.open(readers + 1, site)?;
    let mut silence = Silent::open(silent, site)?;
    let mut watched = Watched {
        watchers,
        silent,
        first: tally::latencies(),
        last: tally::latencies(),
        answered: tally::latencies(),
        each: tally::latencies(),
        server: None,
        client: Spent { cpu_seconds: 0.0, resident: 0, resident_peak: 0 },
        seconds: 0.0,
    };
    let get = wire::get_request(&site.root.watched(), true);
    let set = wire::set_request(&site.root.watched(), &root::value(value_size, site.seed));
    let bar = site.progress.count("changes told", rounds);
    for round in 0..rounds {
        if site.is_interrupted() {
            break;
        }
        silence.keep_alive();
        crowd.ask(readers, |_, xid, out| {
            let start = out.len();
            out.extend_from_slice(&get);
            wire::set_xid(&mut out[start..], xid);
            1
        })?;
        let before = load::usage(site)?;
        watched.seconds += change(&mut crowd, readers, &set, &mut watched)?;
        let after = load::usage(site)?;
        watched.client = Spent::between(before.1, after.1).after(watched.client);
        let server = before.0.zip(after.0).map(|(before, after)| Spent::between(before, after));
        watched.server = server.map(|spent| watched.server.map_or(spent, |so_far| spent.after(so_far)));
        bar.set(round + 1);
    }
    crowd.close();
    Ok(watched)
}

/// One change, until all who read have heard of it: the seconds it took.
fn change(crowd: &mut Crowd, readers: usize, set: &[u8], watched: &mut Watched) -> Result<f64, BenchError> {
    let begun = Instant::now();
    crowd.send(readers, set)?;
    let (mut notified, mut last, mut answered) = (0, 0, false);
    while notified < readers || !answered {
        let heard = crowd.turn(begun + STEP_MAX, "all watchers to be notified")?;
        for at in &heard.notified {
            last = (*at - begun).as_nanos() as u64;
            if notified == 0 {
                watched.first.saturating_record(last);
            }
            notified += 1;
            watched.each.saturating_record(last);
        }
        if heard.replies > 0 {
            answered = true;
            watched.answered.saturating_record(begun.elapsed().as_nanos() as u64);
        }
    }
    watched.last.saturating_record(last);
    Ok(begun.elapsed().as_secs_f64())
}

impl Watched {
    /// The result for people.
    pub fn text(&self) -> String {
        let mut table = Table::new(&["after a set, in us", "values", "min", "p50", "p90", "p99", "max"]);
        let parts = [
            ("the set is answered", &self.answered),
            ("the first watcher hears", &self.first),
            ("any watcher hears", &self.each),
            ("the last watcher hears", &self.last),
        ];
        for (name, latencies) in parts {
            let at = |quantile| micros(latencies.value_at_quantile(quantile) as f64);
            let (min, max) = (micros(latencies.min() as f64), micros(latencies.max() as f64));
            table.row(vec![name.into(), grouped(latencies.len()), min, at(0.5), at(0.9), at(0.99), max]);
        }
        let silent = match self.silent {
            0 => String::new(),
            silent => format!(", {} of which do not read", grouped(silent)),
        };
        let mut text = format!("{} watchers of one znode{silent}\n{}", grouped(self.watchers), table.text());
        if let Some(server) = &self.server {
            text += &format!("server: {} (operations are notifications)\n", report::spent(server, self.each.len()));
        }
        text += &format!("this tool: {}\n", report::spent(&self.client, self.each.len()));
        text
    }

    pub fn json(&self) -> Value {
        let seconds = self.seconds.max(1e-9);
        json!({
            "label": "watchers",
            "watchers": self.watchers,
            "silent": self.silent,
            "rounds": self.last.len(),
            "ops_per_second": self.each.len() as f64 / seconds,
            "answered": report::latencies_json(&self.answered, seconds),
            "first": report::latencies_json(&self.first, seconds),
            "each": report::latencies_json(&self.each, seconds),
            "latency": report::latencies_json(&self.last, seconds),
            "server": self.server.as_ref().map(|spent| report::spent_json(spent, self.each.len())),
            "client": report::spent_json(&self.client, self.each.len()),
        })
    }
}

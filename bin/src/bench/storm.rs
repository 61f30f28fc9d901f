//! How many sessions can be opened at once, and how fast they come.
//!
//! Every connection is begun before any answer is looked at, so the server meets all of them together; a session counts
//! from the begin of its connection to the answer of its handshake. Sessions stay open until all have come or the time
//! is over, so the last figure is also how many the server holds at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Poll, Token};
use serde_json::{Value, json};

use super::BenchError;
use super::connection::{Arrival, Connection, ConnectionError};
use super::load::{self, Site, Spent};
use super::process;
use super::report;
use super::server::Server;
use super::tally;
use super::wire;
use crate::table::{Table, grouped, micros};

const EVENTS_MAX: usize = 1024;
/// A handshake's reply and a few more.
const SCRATCH_BYTES: usize = 4096;
const TICK: Duration = Duration::from_millis(50);
/// How long the ends of the sessions are waited for.
const CLOSE_MAX: Duration = Duration::from_secs(2);
/// Files that are open besides the connections.
const OTHER_FILES: u64 = 64;

/// What came of a storm.
pub struct Storm {
    asked: u64,
    /// From the first connection to the last session.
    elapsed: Duration,
    /// Nanoseconds from a connection's begin to its session.
    sessions: Histogram<u64>,
    /// Sessions that did not come, by reason.
    failures: BTreeMap<String, u64>,
    server: Option<Spent>,
    client: Spent,
}

/// The sessions of one thread.
struct Front {
    poll: Poll,
    connections: Vec<Option<(Connection, Instant)>>,
    scratch: Vec<u8>,
    sessions: Histogram<u64>,
    failures: BTreeMap<String, u64>,
    last: Instant,
    pending: usize,
}

/// Opens `count` sessions at once; those that have not come after `patience` count as failed.
pub fn storm(count: u64, patience: Duration, site: &Site) -> Result<Storm, BenchError> {
    check_files(count)?;
    let before = load::usage(site)?;
    let begun = Instant::now();
    let threads = site.threads.min(count as usize);
    let fronts: Vec<std::io::Result<Front>> = std::thread::scope(|scope| {
        let front = |index: usize| {
            let servers =
                (index as u64..count).step_by(threads).map(|n| &site.servers[n as usize % site.servers.len()]);
            let servers: Vec<&Server> = servers.collect();
            scope.spawn(move || Front::run(&servers, site, begun, patience))
        };
        let handles: Vec<_> = (0..threads).map(front).collect();
        // A panic of a thread is a broken invariant of this tool: it goes on here.
        handles.into_iter().map(|h| h.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let after = load::usage(site)?;
    let mut storm = Storm {
        asked: count,
        elapsed: Duration::ZERO,
        sessions: tally::latencies(),
        failures: BTreeMap::new(),
        server: before.0.zip(after.0).map(|(before, after)| Spent::between(before, after)),
        client: Spent::between(before.1, after.1),
    };
    for front in fronts {
        let mut front = front.map_err(BenchError::Poll)?;
        storm.sessions.add(&front.sessions).expect("all histograms have the same bounds");
        storm.elapsed = storm.elapsed.max(front.last - begun);
        for (reason, times) in &front.failures {
            *storm.failures.entry(reason.clone()).or_default() += times;
        }
        front.close();
    }
    Ok(storm)
}

/// Refuses a number of connections that this process may not open.
pub fn check_files(connections: u64) -> Result<(), BenchError> {
    match process::open_files_max() {
        Some(most) if connections + OTHER_FILES > most => Err(BenchError::Files { connections, most }),
        _ => Ok(()),
    }
}

impl Front {
    fn run(servers: &[&Server], site: &Site, begun: Instant, patience: Duration) -> std::io::Result<Front> {
        let mut front = Front {
            poll: Poll::new()?,
            connections: Vec::with_capacity(servers.len()),
            scratch: vec![0; SCRATCH_BYTES],
            sessions: tally::latencies(),
            failures: BTreeMap::new(),
            last: begun,
            pending: servers.len(),
        };
        for (index, server) in servers.iter().enumerate() {
            let at = Instant::now();
            let timeout = site.root.session_timeout;
            match Connection::open(server, timeout, front.poll.registry(), Token(index)) {
                Ok(connection) => front.connections.push(Some((connection, at))),
                Err(error) => {
                    front.connections.push(None);
                    front.fail(error.to_string());
                }
            }
        }
        let bar = site.progress.count("opening sessions", servers.len() as u64);
        let mut events = Events::with_capacity(EVENTS_MAX);
        while front.pending > 0 && begun.elapsed() < patience && !site.is_interrupted() {
            front.turn(&mut events)?;
            bar.set(front.sessions.len());
        }
        let late = front.pending;
        for _ in 0..late {
            front.fail(format!("no answer within {} s", patience.as_secs_f64()));
        }
        Ok(front)
    }

    fn fail(&mut self, reason: String) {
        *self.failures.entry(reason).or_default() += 1;
        self.pending -= 1;
    }

    fn turn(&mut self, events: &mut Events) -> std::io::Result<()> {
        match self.poll.poll(events, Some(TICK)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error),
            _ => (),
        }
        for event in events.iter() {
            let index = event.token().0;
            if let Err(error) = self.serve(index) {
                let was_open = self.connections[index].as_ref().is_some_and(|(c, _)| c.session().is_some());
                self.connections[index] = None;
                if !was_open {
                    self.fail(error.to_string());
                }
            }
        }
        Ok(())
    }

    fn serve(&mut self, index: usize) -> Result<(), ConnectionError> {
        let Some((connection, at)) = &mut self.connections[index] else { return Ok(()) };
        connection.flush()?;
        while let Some(bytes) = connection.receive(&mut self.scratch)? {
            let now = Instant::now();
            connection.take(&self.scratch[..bytes], |arrival| {
                if arrival == Arrival::Opened {
                    self.sessions.saturating_record((now - *at).as_nanos() as u64);
                    self.last = now;
                    self.pending -= 1;
                }
                Ok(())
            })?;
            if bytes < self.scratch.len() {
                break;
            }
        }
        Ok(())
    }

    /// Ends the sessions, so that the server need not wait for them to expire.
    fn close(&mut self) {
        for slot in &mut self.connections {
            if let Some((connection, _)) = slot {
                connection.out().extend(wire::close_request(1));
                if connection.session().is_none() || connection.flush().is_err() {
                    *slot = None;
                }
            }
        }
        let until = Instant::now() + CLOSE_MAX;
        let mut events = Events::with_capacity(EVENTS_MAX);
        while Instant::now() < until && self.connections.iter().any(Option::is_some) {
            if self.poll.poll(&mut events, Some(TICK)).is_err() {
                return;
            }
            for event in &events {
                let index = event.token().0;
                let Some((connection, _)) = &mut self.connections[index] else { continue };
                if event.is_readable() && !matches!(connection.receive(&mut self.scratch), Ok(None)) {
                    self.connections[index] = None;
                }
            }
        }
    }
}

impl Storm {
    /// The result for people.
    pub fn text(&self) -> String {
        let mut table =
            Table::new(&["time to a session in us", "sessions", "per second", "p50", "p99", "p99.9", "max"]);
        let at = |quantile| micros(self.sessions.value_at_quantile(quantile) as f64);
        table.row(vec![
            "connect storm".into(),
            grouped(self.sessions.len()),
            grouped(self.per_second().round() as u64),
            at(0.5),
            at(0.99),
            at(0.999),
            micros(self.sessions.max() as f64),
        ]);
        let mut text = table.text();
        text += &format!(
            "{} of {} sessions open at once, the last after {:.3} s\n",
            grouped(self.sessions.len()),
            grouped(self.asked),
            self.elapsed.as_secs_f64()
        );
        if let Some(server) = &self.server {
            text += &format!("server: {}\n", report::spent(server, self.sessions.len()));
        }
        text += &format!("this tool: {}\n", report::spent(&self.client, self.sessions.len()));
        for (reason, count) in &self.failures {
            text += &format!("failed: {}: {reason}\n", grouped(*count));
        }
        text
    }

    pub fn json(&self) -> Value {
        json!({
            "label": "connect-storm",
            "asked": self.asked,
            "sessions": self.sessions.len(),
            "seconds": self.elapsed.as_secs_f64(),
            "ops_per_second": self.per_second(),
            "latency": report::latencies_json(&self.sessions, self.elapsed.as_secs_f64().max(1e-9)),
            "failed": self.failures,
            "server": self.server.as_ref().map(|spent| report::spent_json(spent, self.sessions.len())),
            "client": report::spent_json(&self.client, self.sessions.len()),
        })
    }

    fn per_second(&self) -> f64 {
        self.sessions.len() as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

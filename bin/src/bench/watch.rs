//! How long after a change the last of many watchers hears of it.
//!
//! N sessions read one znode with a watch; one more session sets it. A round is over when all have been notified and
//! the set is answered; before the next round all watch again. Times count from when the set was written.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Poll, Token};
use serde_json::{Value, json};

use super::BenchError;
use super::connection::{Arrival, Connection, ConnectionError};
use super::load::{self, Site, Spent};
use super::report;
use super::root;
use super::storm;
use super::table::{Table, grouped, micros};
use super::tally;
use super::wire;

const EVENTS_MAX: usize = 4096;
const SCRATCH_BYTES: usize = 64 << 10;
const TICK: Duration = Duration::from_millis(50);
/// A step (all open, all watch, all notified) that takes longer fails the run.
const STEP_MAX: Duration = Duration::from_secs(60);
/// Sessions that are being opened at the same time.
const OPENING_MAX: usize = 32;

/// What came of the rounds; all in nanoseconds from the write of the set.
pub struct Watched {
    watchers: u64,
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

/// Tells `watchers` sessions `rounds` changes of the watched znode, which exists.
pub fn watch(watchers: u64, rounds: u64, value_size: u64, site: &Site) -> Result<Watched, BenchError> {
    storm::check_files(watchers + 1)?;
    let mut crowd = Crowd::new().map_err(BenchError::Poll)?;
    crowd.open(watchers as usize + 1, site)?;
    let mut watched = Watched {
        watchers,
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
        crowd.watch_all(&get)?;
        let before = load::usage(site)?;
        watched.seconds += crowd.change(&set, &mut watched)?;
        let after = load::usage(site)?;
        watched.client = Spent::between(before.1, after.1).after(watched.client);
        let server = before.0.zip(after.0).map(|(before, after)| Spent::between(before, after));
        watched.server = server.map(|spent| watched.server.map_or(spent, |so_far| spent.after(so_far)));
        bar.set(round + 1);
    }
    crowd.close();
    Ok(watched)
}

/// The watchers and, last of the connections, the one that changes.
struct Crowd {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    next_xid: i32,
    scratch: Vec<u8>,
}

/// What came in one turn of the poll.
#[derive(Default)]
struct Heard {
    opened: usize,
    replies: usize,
    /// When each of the notifications was read.
    notified: Vec<Instant>,
    error: i32,
}

impl Crowd {
    fn new() -> std::io::Result<Crowd> {
        Ok(Crowd {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            connections: Vec::new(),
            next_xid: 1,
            scratch: vec![0; SCRATCH_BYTES],
        })
    }

    fn open(&mut self, count: usize, site: &Site) -> Result<(), BenchError> {
        let bar = site.progress.count("opening sessions", count as u64);
        let server = |index: usize| -> SocketAddr { site.servers[index % site.servers.len()] };
        let timeout = site.root.session_timeout;
        let mut opened = 0;
        let deadline = Instant::now() + STEP_MAX;
        while opened < count {
            while self.connections.len() < count.min(opened + OPENING_MAX) {
                let index = self.connections.len();
                let connection = Connection::open(server(index), timeout, self.poll.registry(), Token(index));
                self.connections.push(connection.map_err(|error| BenchError::Open(error.to_string()))?);
            }
            opened += self.turn(deadline, "all sessions to open")?.opened;
            bar.set(opened as u64);
        }
        Ok(())
    }

    /// Every watcher reads the znode and watches it.
    fn watch_all(&mut self, get: &[u8]) -> Result<(), BenchError> {
        let xid = self.take_xid();
        let watchers = self.connections.len() - 1;
        let mut get = get.to_vec();
        wire::set_xid(&mut get, xid);
        for connection in &mut self.connections[..watchers] {
            connection.out().extend_from_slice(&get);
            connection.flush().map_err(|error| lost(&error))?;
        }
        let deadline = Instant::now() + STEP_MAX;
        let mut replies = 0;
        while replies < watchers {
            replies += self.turn(deadline, "all watchers to watch")?.replies;
        }
        Ok(())
    }

    /// One change, until all have heard of it: the seconds it took.
    fn change(&mut self, set: &[u8], watched: &mut Watched) -> Result<f64, BenchError> {
        let xid = self.take_xid();
        let watchers = self.connections.len() - 1;
        let mut set = set.to_vec();
        wire::set_xid(&mut set, xid);
        let changer = &mut self.connections[watchers];
        changer.out().extend_from_slice(&set);
        let begun = Instant::now();
        changer.flush().map_err(|error| lost(&error))?;
        let (mut notified, mut last, mut answered) = (0, 0, false);
        while notified < watchers || !answered {
            let heard = self.turn(begun + STEP_MAX, "all watchers to be notified")?;
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

    /// One turn of the poll.
    fn turn(&mut self, deadline: Instant, awaited: &'static str) -> Result<Heard, BenchError> {
        if Instant::now() >= deadline {
            return Err(BenchError::Silent { awaited, seconds: STEP_MAX.as_secs() });
        }
        match self.poll.poll(&mut self.events, Some(TICK)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(BenchError::Poll(error)),
            _ => (),
        }
        let mut heard = Heard::default();
        for event in &self.events {
            let connection = &mut self.connections[event.token().0];
            hear(connection, &mut self.scratch, &mut heard).map_err(|error| lost(&error))?;
        }
        match heard.error {
            0 => Ok(heard),
            code => Err(BenchError::Code(code)),
        }
    }

    fn take_xid(&mut self) -> i32 {
        self.next_xid += 1;
        self.next_xid
    }

    fn close(&mut self) {
        let xid = self.take_xid();
        for connection in &mut self.connections {
            connection.out().extend(wire::close_request(xid));
            // A session whose end is not told ends by itself.
            let _ = connection.flush();
        }
        // The server answers and closes: the first loss ends the waiting for replies, the poll gives it the time.
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut ended = 0;
        while ended < self.connections.len() {
            match self.turn(deadline, "the sessions to end") {
                Ok(heard) => ended += heard.replies,
                Err(_) => break,
            }
        }
    }
}

fn hear(connection: &mut Connection, scratch: &mut [u8], heard: &mut Heard) -> Result<(), ConnectionError> {
    connection.flush()?;
    while let Some(bytes) = connection.receive(scratch)? {
        let now = Instant::now();
        connection.take(&scratch[..bytes], |arrival| {
            match arrival {
                Arrival::Opened => heard.opened += 1,
                Arrival::Notification => heard.notified.push(now),
                Arrival::Reply(reply) => {
                    heard.replies += 1;
                    if reply.err != 0 {
                        heard.error = reply.err;
                    }
                }
            }
            Ok(())
        })?;
        if bytes < scratch.len() {
            break;
        }
    }
    Ok(())
}

fn lost(error: &ConnectionError) -> BenchError {
    BenchError::Open(format!("a watcher's connection: {error}"))
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
        let mut text = format!("{} watchers of one znode\n{}", grouped(self.watchers), table.text());
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

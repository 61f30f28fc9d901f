//! What is known of the servers, and what has happened to them. Times are those since the demo began.

use std::collections::VecDeque;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use crate::status::srvr::{Srvr, Unknown};

/// What has happened is kept for the screen, so many lines of it.
const EVENTS_MAX: usize = 200;
/// Where there is no leader for so long although enough servers run, that is told.
const LACK_TOLD_AFTER: Duration = Duration::from_secs(10);

/// What a server is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Leader, follower or whatever else serves clients.
    Serving(String),
    /// It runs and looks for a leader, or joins it.
    Looking,
    /// It runs, and does not answer yet.
    Starting,
    /// It runs, and answers no more.
    Silent,
    /// It was told to stop.
    Stopping,
    Down,
}

impl Mode {
    pub fn leads(&self) -> bool {
        matches!(self, Mode::Serving(mode) if mode == "leader")
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Serving(mode) => mode,
            Mode::Looking => "looking",
            Mode::Starting => "starting",
            Mode::Silent => "no answer",
            Mode::Stopping => "stopping",
            Mode::Down => "down",
        })
    }
}

/// One server.
#[derive(Clone, Debug)]
pub struct Server {
    pub client_port: u16,
    pub mode: Mode,
    /// Of its newest transaction, as it says it. Empty as long as that is not known.
    pub zxid: String,
    /// Of clients; what asks it here is none.
    pub connections: Option<u64>,
    /// While it runs.
    pub pid: Option<u32>,
    /// When it was started last.
    started_at: Duration,
    /// Whether it has served since then.
    has_served: bool,
}

/// Something has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    pub at: Duration,
    pub text: String,
}

/// There is no leader.
#[derive(Clone, Debug)]
struct Lack {
    since: Duration,
    /// What has happened then.
    cause: String,
    /// That it lasts was told.
    is_told: bool,
}

/// The servers by their numbers, which count from 1.
pub struct Ensemble {
    servers: Vec<Server>,
    /// `None` while a server leads.
    lack: Option<Lack>,
    /// Whether one has ever led.
    has_led: bool,
    events: VecDeque<Event>,
    /// Events that [`take_news`](Ensemble::take_news) has not given out, at the end of them all.
    news: usize,
}

impl Ensemble {
    /// Servers with these client ports, none of which runs yet.
    pub fn new(client_ports: &[u16], now: Duration) -> Ensemble {
        let down = |client_port: &u16| Server {
            client_port: *client_port,
            mode: Mode::Down,
            zxid: String::new(),
            connections: None,
            pid: None,
            started_at: now,
            has_served: false,
        };
        let lack = Some(Lack { since: now, cause: "the start".to_owned(), is_told: false });
        let servers = client_ports.iter().map(down).collect();
        Ensemble { servers, lack, has_led: false, events: VecDeque::new(), news: 0 }
    }

    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// As a client takes it.
    pub fn connect_string(&self) -> String {
        let addresses: Vec<String> =
            self.servers.iter().map(|server| format!("127.0.0.1:{}", server.client_port)).collect();
        addresses.join(",")
    }

    pub fn leader(&self) -> Option<usize> {
        self.servers.iter().position(|server| server.mode.leads()).map(|index| index + 1)
    }

    /// Whether one has ever led.
    pub fn has_led(&self) -> bool {
        self.has_led
    }

    /// How long there has been no leader.
    pub fn lack(&self, now: Duration) -> Option<Duration> {
        self.lack.as_ref().map(|lack| now.saturating_sub(lack.since))
    }

    /// Whether nothing is about to change by itself: one leads and all that run serve clients, or nobody can lead.
    pub fn is_settled(&self) -> bool {
        let mut running = self.servers.iter().filter(|server| server.pid.is_some());
        let has_quorum = self.running() >= self.quorum();
        match self.lack {
            None => has_quorum && running.all(|server| matches!(server.mode, Mode::Serving(_))),
            Some(_) => !has_quorum,
        }
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.servers.iter().filter(|server| server.pid.is_some()).count()
    }

    /// How many it takes for one to lead.
    pub fn quorum(&self) -> usize {
        self.servers.len() / 2 + 1
    }

    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter()
    }

    /// The events since the last time.
    pub fn take_news(&mut self) -> Vec<Event> {
        let news = std::mem::take(&mut self.news);
        self.events.range(self.events.len() - news..).cloned().collect()
    }

    /// Something has happened that is no change of a server.
    pub fn note(&mut self, text: String, now: Duration) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(Event { at: now, text });
        self.news = (self.news + 1).min(self.events.len());
    }

    /// A server runs now.
    pub fn on_started(&mut self, number: usize, pid: u32, now: Duration) {
        let server = &mut self.servers[number - 1];
        (server.mode, server.pid) = (Mode::Starting, Some(pid));
        (server.started_at, server.has_served) = (now, false);
        let text = format!("server {number} was started");
        if self.has_led {
            self.note(text.clone(), now);
        }
        // Before, there were not enough for an election.
        if self.has_led && self.running() == self.quorum() && self.lack.is_some() {
            self.lack = Some(Lack { since: now, cause: text, is_told: false });
        }
    }

    /// A server was told to stop, and goes on for a moment.
    pub fn on_stopping(&mut self, number: usize, now: Duration) {
        let server = &mut self.servers[number - 1];
        let before = std::mem::replace(&mut server.mode, Mode::Stopping);
        self.end_of(number, &before, "was told to stop", now);
    }

    /// A server does not run any more. `how` it ended is the end of a sentence.
    pub fn on_ended(&mut self, number: usize, how: &str, now: Duration) {
        let server = &mut self.servers[number - 1];
        let before = std::mem::replace(&mut server.mode, Mode::Down);
        (server.pid, server.connections) = (None, None);
        server.zxid.clear();
        self.end_of(number, &before, how, now);
        let (running, quorum) = (self.running(), self.quorum());
        if running + 1 == quorum {
            let text = format!("{running} of {} run, and {quorum} are needed: nobody can lead", self.servers.len());
            self.note(text, now);
        }
    }

    /// What a server was, it is no more.
    fn end_of(&mut self, number: usize, before: &Mode, how: &str, now: Duration) {
        let text = format!("server {number} {how}");
        if !before.leads() {
            return self.note(text, now);
        }
        self.note(format!("{text}; it led"), now);
        self.lack = Some(Lack { since: now, cause: text, is_told: false });
    }

    /// A server has answered, or not, to a question that was asked at `asked_at`.
    pub fn on_said(&mut self, number: usize, asked_at: Duration, said: Result<Srvr, Unknown>, now: Duration) {
        let server = &mut self.servers[number - 1];
        // It may be about a process that has ended meanwhile.
        if server.pid.is_none() || asked_at < server.started_at || server.mode == Mode::Stopping {
            return;
        }
        let before = server.mode.clone();
        match said {
            Ok(Srvr { mode, zxid, connections, .. }) => {
                server.mode = Mode::Serving(mode);
                server.zxid = zxid;
                // One of them has asked.
                server.connections = connections.parse::<u64>().ok().map(|count| count.saturating_sub(1));
            }
            Err(Unknown::NotServing) => server.mode = Mode::Looking,
            Err(Unknown::Unreached(error)) if error.kind() == ErrorKind::TimedOut && before != Mode::Starting => {
                server.mode = Mode::Silent;
            }
            // It does not listen yet; or it has just ended, which is seen by itself.
            Err(Unknown::Unreached(_) | Unknown::Strange(_)) => return,
        }
        self.on_mode(number, &before, now);
    }

    fn on_mode(&mut self, number: usize, before: &Mode, now: Duration) {
        let server = &mut self.servers[number - 1];
        if server.mode == *before {
            return;
        }
        let since_start = seconds(now.saturating_sub(server.started_at));
        match server.mode.clone() {
            mode if mode.leads() => {
                server.has_served = true;
                self.on_leader(number, now);
            }
            Mode::Serving(mode) => {
                let serves = if mode == "follower" { "follows" } else { "serves" };
                let after = match std::mem::replace(&mut server.has_served, true) {
                    true => String::new(),
                    false => format!(", {since_start} after its start"),
                };
                self.note(format!("server {number} {serves}{after}"), now);
            }
            _ if before.leads() => {
                let text = format!("server {number} ceased to lead");
                self.note(text.clone(), now);
                self.lack = Some(Lack { since: now, cause: text, is_told: false });
            }
            _ => {}
        }
    }

    fn on_leader(&mut self, number: usize, now: Duration) {
        self.has_led = true;
        match self.lack.take() {
            Some(Lack { since, cause, .. }) => {
                let after = seconds(now.saturating_sub(since));
                self.note(format!("server {number} leads, {after} after {cause}"), now);
            }
            None => self.note(format!("server {number} leads"), now),
        }
    }

    /// Time goes on. `logs` is where there is more to read.
    pub fn on_time(&mut self, logs: &str, now: Duration) {
        let is_enough = self.running() >= self.quorum();
        let Some(lack) = &mut self.lack else { return };
        let lasts = now.saturating_sub(lack.since);
        if lack.is_told || !is_enough || lasts < LACK_TOLD_AFTER {
            return;
        }
        lack.is_told = true;
        let text = format!("there is no leader for {} now, although enough servers run; see {logs}", seconds(lasts));
        self.note(text, now);
    }
}

/// A length of time in seconds, with hundredths.
pub fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

#[cfg(test)]
pub(super) mod tests;

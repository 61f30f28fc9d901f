//! An ensemble in one value: a log, servers that lag behind it, and clients that note what they see.
//!
//! Its servers use the checker's own tree, so that what is tested is all the rest; the tree has tests of its own, and real
//! servers are held against it elsewhere. Its watches are written anew, as lists.

use std::collections::HashMap;

use crate::history::{Change, Event, EventType, History, Transaction, WatchEvent, What};
use crate::operation::{Body, Data, Mode, Operation, Outcome, Reply, Rewatch, code};
use crate::source::Source;
use crate::tree::{Tree, Trigger, Write};

pub const TIMEOUT_MS: u32 = 10_000;
/// Nanoseconds between two things that happen.
pub const STEP: u64 = 1_000_000;
const SERVERS: usize = 3;
const NAMES: usize = 5;

/// SplitMix64.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) % end as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Exist,
    Child,
    Persistent,
    Recursive,
}

#[derive(Debug)]
struct Server {
    tree: Tree,
    /// Entries of the log that it has.
    applied: usize,
}

#[derive(Debug)]
pub struct Client {
    pub session: i64,
    server: usize,
    cxid: i32,
    /// The last zxid that it has seen.
    pub zxid: i64,
    is_closed: bool,
    watches: Vec<(Kind, String)>,
}

#[derive(Debug)]
pub struct Ensemble {
    pub random: Random,
    pub now: u64,
    pub events: Vec<Event>,
    pub log: Vec<Transaction>,
    leader: Tree,
    servers: Vec<Server>,
    pub clients: Vec<Client>,
    serial: u64,
    next_zxid: i64,
    /// Writes may get lost with their connection.
    pub loses: bool,
}

impl Ensemble {
    pub fn new(seed: u64) -> Ensemble {
        let servers = (0..SERVERS).map(|_| Server { tree: Tree::new(), applied: 0 }).collect();
        Ensemble {
            random: Random(seed),
            now: STEP * 10,
            events: Vec::new(),
            log: Vec::new(),
            leader: Tree::new(),
            servers,
            clients: Vec::new(),
            serial: 0,
            next_zxid: 1,
            loses: true,
        }
    }

    pub fn history(&self, with_log: bool) -> History {
        History { events: self.events.clone(), log: with_log.then(|| self.log.clone()) }
    }

    /// A new session on a server that is drawn.
    pub fn connect(&mut self) -> usize {
        let session = 0x100 + self.clients.len() as i64;
        self.now += STEP;
        self.commit(session, 0, Change::CreateSession);
        let server = self.random.below(SERVERS);
        self.catch_up(server, self.log.len());
        self.clients.push(Client { session, server, cxid: 0, zxid: 0, is_closed: false, watches: Vec::new() });
        let client = self.clients.len() - 1;
        self.note(client, What::Connected { is_new: true, timeout_ms: TIMEOUT_MS });
        client
    }

    /// The same session on a server that is drawn, with its watches.
    pub fn reconnect(&mut self, client: usize) {
        self.now += STEP;
        let (zxid, server) = (self.clients[client].zxid, self.random.below(SERVERS));
        let seen = self.log.partition_point(|transaction| transaction.zxid <= zxid);
        self.catch_up(server, seen.max(self.servers[server].applied));
        let watches = std::mem::take(&mut self.clients[client].watches);
        self.clients[client].server = server;
        self.note(client, What::Connected { is_new: false, timeout_ms: TIMEOUT_MS });
        if !watches.is_empty() {
            let of = |kind| watches.iter().filter(|watch| watch.0 == kind).map(|watch| watch.1.clone()).collect();
            let (data, exist, child) = (of(Kind::Data), of(Kind::Exist), of(Kind::Child));
            let (persistent, recursive) = (of(Kind::Persistent), of(Kind::Recursive));
            let rewatch = Rewatch { zxid, data, exist, child, persistent, recursive };
            self.call(client, Operation::SetWatches(Box::new(rewatch)));
        }
    }

    pub fn disconnect(&mut self, client: usize) {
        self.note(client, What::Disconnected);
    }

    /// A request and its reply, which is noted; says where.
    pub fn call(&mut self, client: usize, operation: Operation) -> usize {
        self.now += STEP;
        let (reply, server) = (self.reply(client, &operation), self.clients[client].server);
        let one = &mut self.clients[client];
        one.cxid += 1;
        one.zxid = one.zxid.max(reply.zxid);
        let (cxid, session) = (one.cxid, one.session);
        // What is asked and answered in this time may be done at any time in between.
        let (before, after) = (self.random.below(3) as u64, self.random.below(3) as u64);
        let (from, to) = (self.now - before * STEP, self.now + after * STEP);
        let what = What::Called { cxid, operation, reply: Some(reply) };
        self.events.push(Event { from, to, session, server: server as u32, what });
        self.events.len() - 1
    }

    /// The same, with nothing else going on meanwhile: what was called before is over, and this is before what follows.
    pub fn call_apart(&mut self, client: usize, operation: Operation) -> usize {
        self.now += STEP * 5;
        let place = self.call(client, operation);
        self.now += STEP * 5;
        place
    }

    /// Writes whose connection ends before any is answered. Only the first of them are done.
    pub fn lose(&mut self, client: usize, operations: Vec<Operation>) -> Vec<usize> {
        let done = self.random.below(operations.len() + 1);
        self.lose_all_but(client, operations, done)
    }

    pub fn lose_all_but(&mut self, client: usize, operations: Vec<Operation>, done: usize) -> Vec<usize> {
        self.now += STEP;
        let (session, server) = (self.clients[client].session, self.clients[client].server as u32);
        let mut places = Vec::new();
        for (place, operation) in operations.into_iter().enumerate() {
            self.clients[client].cxid += 1;
            let cxid = self.clients[client].cxid;
            if place < done {
                self.write(session, cxid, &operation);
            }
            let (from, to) = (self.now, self.now + STEP);
            places.push(self.events.len());
            self.events.push(Event { from, to, session, server, what: What::Called { cxid, operation, reply: None } });
        }
        self.now += STEP;
        self.disconnect(client);
        places
    }

    /// The leader closes a session that it has not heard.
    pub fn expire(&mut self, client: usize) {
        self.now += STEP;
        self.disconnect(client);
        self.now += u64::from(TIMEOUT_MS) * 1_000_000 + STEP;
        let session = self.clients[client].session;
        self.clients[client].is_closed = true;
        self.write(session, 0, &Operation::Close);
        self.note(client, What::Refused);
    }

    pub fn note(&mut self, client: usize, what: What) -> usize {
        let Client { session, server, .. } = self.clients[client];
        self.events.push(Event { from: self.now, to: self.now, session, server: server as u32, what });
        self.events.len() - 1
    }

    fn reply(&mut self, client: usize, operation: &Operation) -> Reply {
        let Client { session, cxid, server, .. } = self.clients[client];
        if operation.is_write() {
            let (zxid, Outcome { code, body }) = self.write(session, cxid + 1, operation);
            self.catch_up(server, self.log.len());
            if *operation == Operation::Close {
                self.clients[client].is_closed = true;
            }
            return Reply { zxid, code, body };
        }
        let applied = self.servers[server].applied;
        let behind = self.log.len() - applied;
        let more = if matches!(operation, Operation::Sync { .. }) { behind } else { self.random.below(behind + 1) };
        self.catch_up(server, applied + more);
        if let Operation::SetWatches(rewatch) = operation {
            self.set_watches(client, rewatch);
        }
        let Outcome { code, body } = self.servers[server].tree.read(operation);
        self.watch(client, operation, code);
        let zxid = self.servers[server].applied.checked_sub(1).map_or(0, |last| self.log[last].zxid);
        Reply { zxid, code, body }
    }

    fn write(&mut self, session: i64, cxid: i32, operation: &Operation) -> (i64, Outcome) {
        let write = Write { zxid: self.next_zxid, session, source: Source::Start, operation };
        let outcome = self.leader.write(&write);
        let change = resolved(operation, &outcome).map_or(Change::Failed, Change::Done);
        (self.commit(session, cxid, change), outcome)
    }

    fn commit(&mut self, session: i64, cxid: i32, change: Change) -> i64 {
        let zxid = self.next_zxid;
        self.log.push(Transaction { zxid, session, cxid, change });
        self.next_zxid += 1;
        zxid
    }

    /// Another leader begins another epoch.
    pub fn begin_epoch(&mut self) {
        self.next_zxid = ((self.next_zxid >> 32) + 1) << 32 | 1;
    }

    /// Applies the log up to a place, and tells the watches of this server's clients.
    fn catch_up(&mut self, server: usize, up_to: usize) {
        while self.servers[server].applied < up_to {
            let one = &mut self.servers[server];
            let Transaction { zxid, session, change, .. } = self.log[one.applied].clone();
            one.applied += 1;
            let before = one.tree.triggers.len();
            if let Change::Done(operation) = change {
                one.tree.write(&Write { zxid, session, source: Source::Start, operation: &operation });
            }
            let triggers: Vec<Trigger> = one.tree.triggers.drain(before..).collect();
            triggers.iter().for_each(|trigger| self.fire(server, trigger));
        }
    }

    fn fire(&mut self, server: usize, trigger: &Trigger) {
        for client in 0..self.clients.len() {
            let one = &mut self.clients[client];
            if one.server != server || one.is_closed {
                continue;
            }
            let is_child = trigger.event_type == EventType::NodeChildrenChanged;
            let is_deleted = trigger.event_type == EventType::NodeDeleted;
            let is_fired = |(kind, path): &(Kind, String)| match kind {
                Kind::Data | Kind::Exist => *path == trigger.path && !is_child,
                Kind::Child => *path == trigger.path && (is_child || is_deleted),
                Kind::Persistent => *path == trigger.path,
                Kind::Recursive if path == "/" => !is_child,
                Kind::Recursive => !is_child && format!("{}/", trigger.path).starts_with(&format!("{path}/")),
            };
            let is_told = one.watches.iter().any(is_fired);
            let stays = |watch: &(Kind, String)| matches!(watch.0, Kind::Persistent | Kind::Recursive);
            one.watches.retain(|watch| stays(watch) || !is_fired(watch));
            let is_away = self.is_away(client);
            if is_told && !is_away {
                let Trigger { zxid, event_type, path, .. } = trigger.clone();
                self.note(client, What::WatchEvent(WatchEvent { zxid, event_type, path }));
            }
        }
    }

    fn is_away(&self, client: usize) -> bool {
        let session = self.clients[client].session;
        let last = self.events.iter().rev().find(|event| event.session == session);
        last.is_some_and(|event| event.what == What::Disconnected)
    }

    fn watch(&mut self, client: usize, operation: &Operation, code: i32) {
        let set = match operation {
            Operation::GetData { path, is_watched: true } if code == 0 => (Kind::Data, path),
            Operation::Exists { path, is_watched: true } if code == 0 => (Kind::Data, path),
            Operation::Exists { path, is_watched: true } => (Kind::Exist, path),
            Operation::GetChildren { path, is_watched: true } if code == 0 => (Kind::Child, path),
            Operation::AddWatch { path, is_recursive: false } => (Kind::Persistent, path),
            Operation::AddWatch { path, is_recursive: true } => (Kind::Recursive, path),
            _ => return,
        };
        let set = (set.0, set.1.clone());
        let watches = &mut self.clients[client].watches;
        if !watches.contains(&set) {
            watches.push(set);
        }
    }

    fn set_watches(&mut self, client: usize, rewatch: &Rewatch) {
        let server = self.clients[client].server;
        let stat =
            |ensemble: &Ensemble, path: &str| ensemble.servers[server].tree.znode(path).map(|znode| znode.stat());
        let lists = [(Kind::Data, &rewatch.data), (Kind::Exist, &rewatch.exist), (Kind::Child, &rewatch.child)];
        for (kind, path) in lists.iter().flat_map(|(kind, paths)| paths.iter().map(|path| (*kind, path.clone()))) {
            let event_type = match (kind, stat(self, &path)) {
                (Kind::Exist, Some(_)) => Some(EventType::NodeCreated),
                (Kind::Exist, None) => None,
                (_, None) => Some(EventType::NodeDeleted),
                (Kind::Child, Some(stat)) => (stat.pzxid > rewatch.zxid).then_some(EventType::NodeChildrenChanged),
                (_, Some(stat)) => (stat.mzxid > rewatch.zxid).then_some(EventType::NodeDataChanged),
            };
            match event_type {
                Some(event_type) => {
                    self.note(client, What::WatchEvent(WatchEvent { zxid: -1, event_type, path }));
                }
                None => self.clients[client].watches.push((kind, path)),
            }
        }
        let stay = [(Kind::Persistent, &rewatch.persistent), (Kind::Recursive, &rewatch.recursive)];
        for (kind, paths) in stay {
            self.clients[client].watches.extend(paths.iter().map(|path| (kind, path.clone())));
        }
    }

    pub fn data(&mut self) -> Option<Data> {
        self.serial += 1;
        Some(Data::of(&self.serial.to_le_bytes()))
    }

    /// Something that happens.
    pub fn noise(&mut self) {
        let alive: Vec<usize> = (0..self.clients.len()).filter(|client| !self.clients[*client].is_closed).collect();
        if alive.len() < 2 || (alive.len() < 8 && self.random.one_in(20)) {
            self.connect();
            return;
        }
        let client = alive[self.random.below(alive.len())];
        match self.random.below(100) {
            0 => drop(self.call(client, Operation::Close)),
            1 => self.expire(client),
            2 => self.begin_epoch(),
            3..=5 => {
                self.disconnect(client);
                self.reconnect(client);
            }
            6..=9 if self.loses => {
                let count = 1 + self.random.below(3);
                let operations = (0..count).map(|_| self.one_write()).collect();
                self.lose(client, operations);
                self.reconnect(client);
            }
            10..=12 => drop(self.call(client, Operation::Ping)),
            13..=17 => drop(self.call(client, Operation::Sync { path: "/".into() })),
            18..=49 => {
                let operation = self.one_write();
                self.call(client, operation);
            }
            50..=54 => {
                let count = 1 + self.random.below(4);
                let members = (0..count).map(|_| self.one_write()).collect();
                self.call(client, Operation::Multi(members));
            }
            _ => {
                let operation = self.one_read();
                self.call(client, operation);
            }
        }
    }

    fn path(&mut self) -> String {
        let top = format!("/n{}", self.random.below(NAMES));
        if self.random.one_in(2) { top } else { format!("{top}/m{}", self.random.below(NAMES)) }
    }

    /// A child of what is drawn, if it has any; with so many it is the more likely to be deleted.
    fn child(&mut self) -> Option<String> {
        let above = if self.random.one_in(3) { "/".to_owned() } else { format!("/n{}", self.random.below(NAMES)) };
        let listed = self.leader.read(&Operation::GetChildren { path: above.clone(), is_watched: false });
        let Body::Names(names, _) = listed.body else { return None };
        let name = &names[self.random.below(names.len().max(1)).min(names.len().checked_sub(1)?)];
        (names.len() > 10 + self.random.below(20)).then(|| format!("{}/{name}", above.trim_end_matches('/')))
    }

    fn one_write(&mut self) -> Operation {
        if let Some(path) = self.child() {
            return Operation::Delete { path, version: -1 };
        }
        let (path, data) = (self.path(), self.data());
        let version = if self.random.one_in(4) { self.random.below(3) as i32 } else { -1 };
        match self.random.below(10) {
            0..=3 => {
                let mode = Mode { is_ephemeral: self.random.one_in(3), is_sequential: self.random.one_in(3) };
                Operation::Create { path, data, mode }
            }
            4 => Operation::Delete { path, version },
            5 => Operation::SetAcl { path, version },
            6 => Operation::Delete { path, version: -1 },
            _ => Operation::SetData { path, data, version },
        }
    }

    fn one_read(&mut self) -> Operation {
        let path = if self.random.one_in(12) { "/".to_owned() } else { self.path() };
        let is_watched = self.random.one_in(3);
        match self.random.below(12) {
            0..=3 => Operation::GetData { path, is_watched },
            4..=6 => Operation::Exists { path, is_watched },
            7..=10 => Operation::GetChildren { path, is_watched },
            _ => Operation::AddWatch { path, is_recursive: is_watched },
        }
    }
}

/// A write in the words of the log; nothing where it failed.
fn resolved(operation: &Operation, outcome: &Outcome) -> Option<Operation> {
    if outcome.code != code::OK {
        return None;
    }
    Some(match (operation, &outcome.body) {
        (Operation::Create { data, mode, .. }, Body::PathStat(path, _)) => {
            let mode = Mode { is_sequential: false, ..*mode };
            Operation::Create { path: path.clone(), data: *data, mode }
        }
        (Operation::Multi(members), Body::Multi(outcomes)) => {
            let done = members.iter().zip(outcomes).map(|(member, outcome)| resolved(member, outcome));
            Operation::Multi(done.collect::<Option<Vec<Operation>>>()?)
        }
        (Operation::Delete { path, .. }, _) => Operation::Delete { path: path.clone(), version: -1 },
        (Operation::SetData { path, data, .. }, _) => {
            Operation::SetData { path: path.clone(), data: *data, version: -1 }
        }
        (Operation::SetAcl { path, .. }, _) => Operation::SetAcl { path: path.clone(), version: -1 },
        (other, _) => other.clone(),
    })
}

/// How often each watch event was noted, so that a test can tell that there were any.
pub fn watch_events(events: &[Event]) -> HashMap<i64, usize> {
    let mut counts = HashMap::new();
    for event in events.iter().filter(|event| matches!(event.what, What::WatchEvent(_))) {
        *counts.entry(event.session).or_default() += 1;
    }
    counts
}

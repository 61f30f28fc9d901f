//! What a client is there for: the things that people build with ZooKeeper.
//!
//! Each keeps what it was told last, and asks for what follows from that. What it believes may be old, as it is with real
//! clients; whether each answer was right is judged in the end, and no recipe judges it.

use std::collections::BTreeMap;

use paddock_engine::io::simulated::{Choice, Seeded};
use paddock_tests::records::{err, flags, mode};
use paddock_tests::reply::{Body, Outcome, Reply};
use paddock_tests::request::Request;

use super::load::Load;

/// Accounts of the bank.
const ACCOUNTS: usize = 4;
/// Crowds that one client has made and not taken away, at most.
const CROWDS: usize = 3;
/// Registers.
const REGISTERS: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Reads and writes of one znode, with its version or any.
    Register,
    /// Persistent sequential znodes.
    Ids,
    /// A number that grows by setData with the version that was read.
    Counter,
    /// Ephemeral sequential znodes, and watches on those before.
    Lock,
    /// Sequential znodes that others take away.
    Queue,
    /// Multis over several znodes.
    Bank,
    /// Watches of all kinds on what the others do.
    Watching,
    /// Many znodes at once, made and taken away by long multis.
    Crowd,
}

impl Kind {
    const ALL: [Kind; 8] =
        [Kind::Register, Kind::Ids, Kind::Counter, Kind::Lock, Kind::Queue, Kind::Bank, Kind::Crowd, Kind::Watching];

    /// The first client of a world is one that writes.
    pub fn draw(draws: &mut Seeded, is_first: bool) -> Kind {
        Kind::ALL[draws.choose(Kind::ALL.len() - usize::from(is_first))]
    }
}

#[derive(Debug)]
pub struct Recipe {
    pub kind: Kind,
    root: String,
    /// Whether the root may not be there.
    is_rootless: bool,
    /// What it was told last: versions by path, and names in the root.
    versions: BTreeMap<String, i32>,
    names: Vec<String>,
    /// The znodes that it has made and not taken away.
    own: Vec<String>,
    load: Load,
    /// What a crowd's znodes are: the flags of their create.
    flags: i32,
    /// The crowds that it has made and not taken away: the beginning of their paths, and how many there are.
    crowds: Vec<(String, usize)>,
}

impl Recipe {
    pub fn new(kind: Kind, load: &Load, draws: &mut Seeded) -> Recipe {
        let root = match kind {
            Kind::Register => format!("/register-{}", draws.choose(REGISTERS)),
            Kind::Ids => "/ids".to_owned(),
            Kind::Counter => "/counter".to_owned(),
            Kind::Lock => "/lock".to_owned(),
            Kind::Queue => "/queue".to_owned(),
            Kind::Bank => "/bank".to_owned(),
            Kind::Watching => ["/register-0", "/lock", "/queue", "/ids"][draws.choose(4)].to_owned(),
            Kind::Crowd => "/crowd".to_owned(),
        };
        Recipe {
            kind,
            root,
            is_rootless: true,
            versions: BTreeMap::new(),
            names: Vec::new(),
            own: Vec::new(),
            load: load.clone(),
            flags: [flags::PERSISTENT, flags::EPHEMERAL][draws.choose(2)],
            crowds: Vec::new(),
        }
    }

    /// What it asks for next; `text` is like no other.
    pub fn next(&mut self, draws: &mut Seeded, text: &str) -> Request {
        if self.is_rootless && self.kind != Kind::Watching {
            return Request::create2(&self.root, text.as_bytes(), flags::PERSISTENT);
        }
        let watch = draws.choose(2) == 0;
        match self.kind {
            Kind::Register => self.register(draws, text, watch),
            Kind::Ids => self.sequential(draws, text, flags::SEQUENTIAL),
            Kind::Counter => match self.versions.remove(&self.root) {
                Some(version) => Request::set_data(&self.root, text.as_bytes(), version),
                None => Request::get_data(&self.root, watch),
            },
            Kind::Lock => self.sequential(draws, text, flags::EPHEMERAL_SEQUENTIAL),
            Kind::Queue => match (draws.choose(3), self.names.first()) {
                (0, Some(first)) => Request::delete(&format!("{}/{first}", self.root), -1),
                (1, Some(first)) => Request::get_data(&format!("{}/{first}", self.root), watch),
                _ => self.sequential(draws, text, flags::SEQUENTIAL),
            },
            Kind::Bank => self.bank(draws, text),
            Kind::Watching => self.watching(draws, watch),
            Kind::Crowd => self.crowd(draws, text, watch),
        }
    }

    fn register(&self, draws: &mut Seeded, text: &str, watch: bool) -> Request {
        let version = self.versions.get(&self.root).copied().unwrap_or(-1);
        match draws.choose(10) {
            0..=3 => Request::get_data(&self.root, watch),
            4 => Request::exists(&self.root, watch),
            5 | 6 => Request::set_data(&self.root, text.as_bytes(), version),
            7 | 8 => Request::set_data(&self.root, text.as_bytes(), -1),
            _ => Request::delete(&self.root, version),
        }
    }

    /// A znode more, one of its own less, or a look at all.
    fn sequential(&mut self, draws: &mut Seeded, text: &str, flags: i32) -> Request {
        let watch = draws.choose(2) == 0;
        match (draws.choose(6), self.own.last()) {
            (0, _) => Request::get_children(&self.root, watch),
            (1, _) => Request::get_children2(&self.root, watch),
            (2, _) if !self.names.is_empty() => {
                let name = &self.names[draws.choose(self.names.len())];
                Request::exists(&format!("{}/{name}", self.root), watch)
            }
            (3 | 4, Some(_)) => Request::delete(&self.own.pop().expect("there is one"), -1),
            _ => Request::create(&format!("{}/n-", self.root), text.as_bytes(), flags),
        }
    }

    fn bank(&mut self, draws: &mut Seeded, text: &str) -> Request {
        let account = |draws: &mut Seeded| format!("{}/{}", self.root, draws.choose(ACCOUNTS));
        let (from, to) = (account(draws), account(draws));
        match (self.versions.get(&from), self.versions.get(&to)) {
            (Some(&one), Some(&other)) if from != to && draws.choose(3) > 0 => Request::multi(vec![
                Request::check(&to, other),
                Request::set_data(&from, text.as_bytes(), one),
                Request::set_data(&to, text.as_bytes(), -1),
            ]),
            (None, _) if draws.choose(2) == 0 => Request::multi(vec![
                Request::create(&from, text.as_bytes(), flags::PERSISTENT),
                Request::set_data(&self.root, text.as_bytes(), -1),
            ]),
            _ => Request::get_data(&from, draws.choose(4) == 0),
        }
    }

    fn watching(&self, draws: &mut Seeded, watch: bool) -> Request {
        match draws.choose(8) {
            0 => Request::add_watch(&self.root, mode::PERSISTENT),
            1 => Request::add_watch(&self.root, mode::PERSISTENT_RECURSIVE),
            2 | 3 => Request::get_children(&self.root, watch),
            4 | 5 => Request::exists(&self.root, true),
            _ => Request::get_data(&self.root, true),
        }
    }

    /// A crowd more, one less, or a look at all. Some multis fail at their end.
    fn crowd(&mut self, draws: &mut Seeded, text: &str, watch: bool) -> Request {
        let members = match draws.choose(6) {
            0 => return Request::get_children(&self.root, watch),
            choice if self.crowds.len() >= CROWDS || choice == 1 && !self.crowds.is_empty() => {
                let (path, count) = self.crowds.remove(0);
                (0..count).map(|number| Request::delete(&format!("{path}-{number}"), -1)).collect()
            }
            choice => {
                let (path, count) = (self.crowd_path(text), self.load.draw_members(draws));
                let create = |number| Request::create(&format!("{path}-{number}"), b"", self.flags);
                let mut members: Vec<Request> = (0..count).map(create).collect();
                if choice == 2 {
                    members.push(Request::check(&format!("{path}-none"), 0));
                }
                members
            }
        };
        Request::multi(members)
    }

    /// The beginning of the paths of a crowd, which is like no other.
    fn crowd_path(&self, text: &str) -> String {
        let words: Vec<&str> = text.split_whitespace().collect();
        format!("{}/{}", self.root, words.join("-"))
    }

    fn hear_crowd(&mut self, request: &Request, reply: &Reply) {
        let Request::Multi { members, .. } = request else { return };
        let Some(Request::Create { path: Some(path), .. }) = members.first() else { return };
        let is_made = |outcomes: &[Outcome]| outcomes.iter().all(|outcome| outcome.err == err::OK);
        if matches!(&reply.body, Body::Multi(outcomes) if is_made(outcomes)) {
            let path = path.strip_suffix("-0").expect("it is the first of its crowd");
            self.crowds.push((path.to_owned(), members.len()));
        }
    }

    /// What became of a request.
    pub fn hear(&mut self, request: &Request, reply: &Reply) {
        let path = request.paths().first().map(|path| (*path).to_owned()).unwrap_or_default();
        let is_root = path == self.root;
        if self.kind == Kind::Crowd {
            self.hear_crowd(request, reply);
        }
        match (&reply.body, reply.err) {
            (Body::Path(Some(made)), err::OK) if *made != path => self.own.push(made.clone()),
            (Body::PathStat(..), err::OK) | (_, err::NODE_EXISTS) if is_root => self.is_rootless = false,
            (Body::Data(_, stat) | Body::Stat(stat), err::OK) => drop(self.versions.insert(path, stat.version)),
            (Body::Names(_) | Body::NamesStat(..), err::OK) => {
                self.names = reply.names().into_iter().map(str::to_owned).collect();
                self.names.sort_unstable();
            }
            (_, err::NO_NODE) if is_root || self.kind != Kind::Register && path.ends_with("/n-") => {
                self.is_rootless = true;
            }
            (Body::Multi(_), _) | (_, err::BAD_VERSION | err::NO_NODE) => self.versions.clear(),
            _ => {}
        }
    }

    /// Its session is over, and what it had with it.
    pub fn forget(&mut self) {
        if self.kind == Kind::Lock {
            self.own.clear();
        }
        if self.flags == flags::EPHEMERAL {
            self.crowds.clear();
        }
    }
}

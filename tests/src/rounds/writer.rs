//! A client that writes as fast as it is answered, knows what each answer must be, and after a crash compares.
use super::model::{Model, Operation, Shown, Zxid, order};
use crate::client::{ClientError, Frame};
use crate::noted::{Clock, Noted};
use crate::random::Random;
use crate::reply::{Body, Reply};
use crate::request::Request;
use paddock_history::Event;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// The znode that all writers set.
pub const SHARED: &str = "/shared";
/// Sessions must outlive the time in which the server is down, on a slow machine too.
const TIMEOUT_MS: i32 = 40_000;
/// Requests on their way at most.
const WINDOW_MAX: usize = 48;
/// Names for ordinary znodes, and again as many for ephemeral ones.
const NAMES: usize = 12;
/// Sequential znodes kept at most.
const SEQUENTIAL_MAX: usize = 8;

/// An acknowledged set of the shared znode.
#[derive(Debug, Clone)]
pub struct SharedSet {
    pub version: i32,
    pub zxid: i64,
    pub data: Vec<u8>,
}

#[derive(Debug)]
pub struct Writer {
    pub home: String,
    client: Noted,
    random: Random,
    /// As acknowledged.
    model: Model,
    /// With everything that is on its way.
    ahead: Model,
    outstanding: VecDeque<Operation>,
    /// Zxid of the last acknowledgement.
    zxid: i64,
    serial: u64,
    pub shared_sets: Vec<SharedSet>,
    /// Zxids of this round's acknowledged operations.
    pub zxids: Vec<i64>,
}

/// What became of the operations that were on their way.
#[derive(Debug, Default)]
pub struct Fate {
    pub executed: usize,
    pub lost: usize,
    /// Zxids of the executed ones, as far as any znode shows them.
    pub zxids: Vec<i64>,
}

impl Writer {
    /// Opens a session and creates the writer's own znode.
    pub fn new(address: SocketAddr, number: usize, seed: u64, clock: Clock) -> Result<Writer, ClientError> {
        let mut client = Noted::connect(address, TIMEOUT_MS, clock)?;
        let home = format!("/writer-{number}");
        let reply = client.call(&Request::create2(&home, b"", 0))?;
        assert_eq!(reply.err, 0, "{home}");
        let model = Model::new(reply.zxid);
        Ok(Writer {
            home,
            client,
            random: Random::new(seed),
            ahead: model.clone(),
            model,
            outstanding: VecDeque::new(),
            zxid: reply.zxid,
            serial: 0,
            shared_sets: Vec::new(),
            zxids: Vec::new(),
        })
    }

    /// How long it waits for an answer on its next connections, before it gives them up.
    pub fn set_patience(&mut self, patience: Duration) {
        self.client.set_patience(patience);
    }

    /// Writes as long as it is to go on, and then until all is answered; `acknowledged` is called once per acknowledgement.
    /// An error is the end of the connection before that.
    pub fn write(&mut self, goes_on: impl Fn() -> bool, acknowledged: impl Fn()) -> Result<(), ClientError> {
        self.zxids.clear();
        self.shared_sets.clear();
        let window = 1 + self.random.below(WINDOW_MAX);
        loop {
            while self.outstanding.len() < window && goes_on() {
                let operation = self.choose();
                self.client.queue(&operation.request(&self.home, SHARED));
                self.ahead.apply(&operation, Zxid::Untold(0));
                self.outstanding.push_back(operation);
            }
            if self.outstanding.is_empty() {
                return Ok(());
            }
            match self.client.flush().and_then(|()| self.client.next_reply()) {
                Ok(reply) => self.acknowledge(&reply),
                Err(ClientError::Closed) => {
                    self.take_rest();
                    return Err(ClientError::Closed);
                }
                Err(error) => return Err(error),
            }
            acknowledged();
        }
    }

    /// What the server had still sent before the connection ended counts as acknowledged.
    fn take_rest(&mut self) {
        while let Ok(Frame::Reply(reply)) = self.client.next_frame() {
            self.acknowledge(&reply);
        }
    }

    /// Every operation is chosen to succeed, so that only one answer is right.
    fn acknowledge(&mut self, reply: &Reply) {
        let operation = self.outstanding.pop_front().expect("the client matches replies to requests");
        let home = &self.home;
        assert_eq!(reply.err, 0, "{home}: {operation:?}");
        assert!(reply.zxid > self.zxid, "{home}: zxid {} after {}: {operation:?}", reply.zxid, self.zxid);
        self.zxid = reply.zxid;
        self.zxids.push(reply.zxid);
        self.model.apply(&operation, Zxid::Told(reply.zxid));
        match (&operation, &reply.body) {
            (Operation::SetShared { data }, Body::Stat(stat)) => {
                assert_eq!(stat.mzxid, reply.zxid, "{home}: {operation:?}");
                self.shared_sets.push(SharedSet { version: stat.version, zxid: reply.zxid, data: data.clone() });
            }
            _ => self.check(&operation, &reply.body),
        }
    }

    fn check(&self, operation: &Operation, body: &Body) {
        let home = &self.home;
        match (operation, body) {
            (
                Operation::Create { name, .. } | Operation::CreateSequential { name, .. },
                Body::PathStat(Some(path), stat),
            ) => {
                assert_eq!(*path, format!("{home}/{name}"));
                assert_eq!((stat.czxid, stat.mzxid, stat.version), (self.zxid, self.zxid, 0), "{path}");
            }
            (Operation::Set { name, .. }, Body::Stat(stat)) => {
                assert_eq!((stat.version, stat.mzxid), (self.model.znodes[name].version, self.zxid), "{home}/{name}");
            }
            (Operation::Delete { .. }, Body::None) => {}
            (Operation::Multi(members), Body::Multi(outcomes)) => {
                let failed = outcomes.iter().any(|outcome| outcome.err != 0);
                assert!(!failed && outcomes.len() == members.len(), "{home}: {operation:?}: {outcomes:?}");
            }
            _ => panic!("{home}: {operation:?} was answered with {body:?}"),
        }
    }

    fn choose(&mut self) -> Operation {
        match self.random.below(100) {
            0..=9 => {
                let data = self.data();
                Operation::SetShared { data }
            }
            10..=24 => self.several(),
            _ => {
                let ahead = self.ahead.clone();
                self.one(&ahead)
            }
        }
    }

    /// A multi of two to five operations, each on top of the ones before it.
    fn several(&mut self) -> Operation {
        let mut ahead = self.ahead.clone();
        let count = 2 + self.random.below(4);
        let members = (0..count).map(|_| {
            let member = self.one(&ahead);
            ahead.apply(&member, Zxid::Untold(0));
            member
        });
        Operation::Multi(members.collect())
    }

    fn one(&mut self, ahead: &Model) -> Operation {
        let sequential: Vec<&String> = ahead.znodes.keys().filter(|name| name.starts_with("s-")).collect();
        if self.random.one_in(8) {
            return match sequential.first() {
                Some(oldest) if sequential.len() >= SEQUENTIAL_MAX => Operation::Delete { name: (*oldest).clone() },
                _ => Operation::CreateSequential { name: ahead.next_sequential("s-"), data: self.data() },
            };
        }
        let ephemeral = self.random.one_in(4);
        let name = format!("{}{}", if ephemeral { 'e' } else { 'n' }, self.random.below(NAMES));
        match ahead.znodes.contains_key(&name) {
            false => Operation::Create { name, data: self.data(), ephemeral },
            true if self.random.one_in(4) => Operation::Delete { name },
            true => Operation::Set { name, data: self.data() },
        }
    }

    /// Different in every operation of the whole run, so that what is found tells which operation wrote it.
    fn data(&mut self) -> Vec<u8> {
        self.serial += 1;
        let mut data = format!("{}#{}", self.home, self.serial).into_bytes();
        let length = match self.random.below(100) {
            0 => 30_000,
            1..=5 => 4_000,
            _ => self.random.below(200),
        };
        data.resize(data.len() + length, b'.');
        data
    }

    /// Reattaches, and compares.
    pub fn recover(&mut self, address: SocketAddr) -> Result<Fate, ClientError> {
        self.client.reattach(address)?;
        self.compare()
    }

    /// Reads everything below the writer's znode, and finds which prefix of the operations on their way was executed.
    /// Panics where there is none.
    pub fn compare(&mut self) -> Result<Fate, ClientError> {
        let home = self.home.clone();
        let session = self.client.session();
        let shown = self.read()?;
        let mut candidate = self.model.clone();
        let mut candidates = vec![candidate.clone()];
        for (place, operation) in self.outstanding.iter().enumerate() {
            candidate.apply(operation, Zxid::Untold(place));
            candidates.push(candidate.clone());
        }
        let found = candidates
            .into_iter()
            .enumerate()
            .rev()
            .find_map(|(executed, model)| model.matches(&shown, session).map(|untold| (executed, model, untold)));
        let Some((executed, mut model, untold)) = found else { self.fail(&shown) };
        let zxids = order(&untold, self.zxid).unwrap_or_else(|error| panic!("{home}: {error}"));
        model.settle(&zxids);
        self.zxid = zxids.values().copied().max().unwrap_or(self.zxid);
        self.ahead = model.clone();
        self.model = model;
        let lost = self.outstanding.len() - executed;
        self.outstanding.clear();
        Ok(Fate { executed, lost, zxids: zxids.into_values().collect() })
    }

    /// All that it has seen.
    pub fn into_events(self) -> Vec<Event> {
        self.client.into_events()
    }

    /// Operations on their way that set the shared znode to this.
    pub fn may_have_set_shared(&self, data: &[u8]) -> bool {
        self.outstanding.iter().any(|one| matches!(one, Operation::SetShared { data: sent } if sent == data))
    }

    pub fn shared_sets_on_their_way(&self) -> usize {
        self.outstanding.iter().filter(|one| matches!(one, Operation::SetShared { .. })).count()
    }

    /// After a sync: another server than the former one may be behind what was done.
    fn read(&mut self) -> Result<Shown, ClientError> {
        let synced = self.client.call(&Request::sync(&self.home))?;
        assert_eq!(synced.err, 0, "{}: sync", self.home);
        let (names, home) = match self.client.call(&Request::get_children2(&self.home, false))?.body {
            Body::NamesStat(Some(names), stat) => (names, stat),
            other => panic!("{}: children: {other:?}", self.home),
        };
        let mut znodes = BTreeMap::new();
        for name in names.into_iter().flatten() {
            match self.client.call(&Request::get_data(&format!("{}/{name}", self.home), false))?.body {
                Body::Data(Some(data), stat) => drop(znodes.insert(name, (data, stat))),
                other => panic!("{}/{name}: {other:?}", self.home),
            }
        }
        Ok(Shown { home, znodes })
    }

    fn fail(&self, shown: &Shown) -> ! {
        let mut text = format!("{}: no prefix of what was on its way explains what is there\n", self.home);
        text += &format!(
            "home: {:?}; expected {} creations, {} deletions, pzxid {:?}\n",
            shown.home, self.model.created, self.model.deleted, self.model.pzxid
        );
        for name in
            self.model.znodes.keys().chain(shown.znodes.keys().filter(|name| !self.model.znodes.contains_key(*name)))
        {
            let expected =
                self.model.znodes.get(name).map(|one| (text_of(&one.data), one.version, one.czxid, one.mzxid));
            let there =
                shown.znodes.get(name).map(|(data, stat)| (text_of(data), stat.version, stat.czxid, stat.mzxid));
            text +=
                &format!("{name}:\n  acknowledged (data, version, czxid, mzxid): {expected:?}\n  there: {there:?}\n");
        }
        for operation in &self.outstanding {
            text += &format!("on its way: {}\n", format!("{operation:?}").chars().take(300).collect::<String>());
        }
        panic!("{text}");
    }
}

fn text_of(data: &[u8]) -> String {
    String::from_utf8_lossy(data).trim_end_matches('.').to_owned()
}

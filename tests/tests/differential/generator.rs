//! Random steps: mostly requests that mean something to the small universe of paths, and every kind of wrong ones.
use crate::acls;
use crate::acls::IDENTITIES;
use crate::paths::{Paths, is_shared};
use paddock_tests::client::{Hello, frame};
use paddock_tests::jute::Writer;
use paddock_tests::random::Random;
use paddock_tests::records::{Acl, flags, op};
use paddock_tests::request::Request;

/// Requests of one burst at most.
const BURST_MAX: usize = 16;
/// Members of a multi at most.
const MEMBERS_MAX: usize = 6;
/// Paths of one list of a setWatches at most.
const REARMED_MAX: usize = 5;

/// What the driver does next. A lane is an index.
#[derive(Debug, Clone)]
pub enum Step {
    /// Pipelined requests of one lane.
    Burst { lane: usize, requests: Vec<Request> },
    /// A request of which the body may be impossible to read.
    Damaged { lane: usize, request: Request },
    /// Reads of several lanes at the same time.
    Reads { bursts: Vec<(usize, Vec<Request>)> },
    /// An auth packet; a refused one ends the connection, and the lane reattaches.
    Auth { lane: usize, request: Request },
    /// closeSession, then a new session with this handshake.
    Renew { lane: usize, hello: Hello },
    /// A handshake for the lane's own session, perhaps one that must not succeed, then a good one where it did not.
    Reattach { lane: usize, change: Change },
    /// A request that is answered and ends the connection, and the lane reattaches.
    Forbidden { lane: usize, request: Request },
    /// Bytes that end the connection without an answer, and the lane reattaches.
    Broken { lane: usize, bytes: Vec<u8> },
}

/// What is different in a handshake for the lane's session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    Nothing,
    Timeout(i32),
    WithoutReadOnly,
    WrongPassword,
    NoPassword,
    /// More than the last zxid by this.
    Ahead(i64),
    UnknownSession,
}

/// Makes steps from a seed.
#[derive(Debug)]
pub struct Generator {
    pub random: Random,
    pub paths: Paths,
    lanes: usize,
    /// Last zxid of an ordinary reply, kept by the driver.
    pub zxid: i64,
}

impl Generator {
    pub fn new(random: Random, lanes: usize) -> Generator {
        Generator { random, paths: Paths::new(0), lanes, zxid: 0 }
    }

    pub fn step(&mut self) -> Step {
        let lane = self.random.below(self.lanes);
        match self.random.below(1000) {
            0..=379 => Step::Burst { lane, requests: vec![self.request()] },
            380..=399 => match self.damaged() {
                Request::Raw { opcode: op::SYNC, .. } => Step::Burst { lane, requests: vec![self.sync()] },
                request => Step::Damaged { lane, request },
            },
            400..=879 => {
                let length = 2 + self.random.below(BURST_MAX - 1);
                Step::Burst { lane, requests: self.burst(length) }
            }
            880..=949 => Step::Reads { bursts: (0..self.lanes).map(|lane| (lane, self.reads())).collect() },
            950..=969 => Step::Auth { lane, request: self.auth() },
            970..=977 => Step::Renew { lane, hello: self.hello() },
            978..=989 => Step::Reattach { lane, change: self.change() },
            990..=994 => Step::Forbidden { lane, request: self.forbidden() },
            _ => Step::Broken { lane, bytes: self.broken() },
        }
    }

    /// Ends early behind two requests. ZooKeeper judges pipelined writes by the ACL that was in force before a setACL
    /// that is still on its way through the log, so what they are answered depends on how fast it goes. And an exists
    /// that 3.8 grants and later versions do not must not have set a watch before anything else happens.
    fn burst(&mut self, length: usize) -> Vec<Request> {
        let mut requests: Vec<Request> = (0..length).map(|_| self.request()).collect();
        let ends = |request: &Request| match request {
            Request::PathWatch { opcode: op::EXISTS, watch, .. } => *watch,
            request => request.opcode() == op::SET_ACL,
        };
        let end = requests.iter().position(ends);
        requests.truncate(end.map_or(length, |place| place + 1));
        requests
    }

    fn request(&mut self) -> Request {
        match self.random.below(100) {
            0..=24 => self.create(),
            25..=34 => self.path_version(op::DELETE),
            35..=44 => self.set_data(),
            45..=64 => self.read(),
            65..=69 => Request::Path { opcode: op::GET_ACL, path: self.path() },
            70..=75 => self.set_acl(),
            76..=78 => self.sync(),
            79..=80 => Request::ping(),
            81..=92 => self.multi(),
            93..=95 => self.set_watches(),
            _ => loop {
                // Damaged writes have a step of their own.
                let damaged = self.damaged();
                if !damaged.is_write() && damaged.opcode() != op::SYNC {
                    break damaged;
                }
            },
        }
    }

    fn reads(&mut self) -> Vec<Request> {
        (0..1 + self.random.below(BURST_MAX)).map(|_| self.read()).collect()
    }

    fn read(&mut self) -> Request {
        let opcode = *self.random.pick(&[op::EXISTS, op::GET_DATA, op::GET_CHILDREN, op::GET_CHILDREN2]);
        let watch = self.random.one_in(2);
        Request::PathWatch { opcode, path: self.path(), watch }
    }

    fn sync(&mut self) -> Request {
        loop {
            let path = self.path();
            if path.iter().flat_map(|path| path.chars()).all(|character| character <= '\u{ffff}') {
                return Request::Path { opcode: op::SYNC, path };
            }
        }
    }

    fn path(&mut self) -> Option<String> {
        self.paths.any(&mut self.random)
    }

    fn create(&mut self) -> Request {
        let opcode = *self.random.pick(&[op::CREATE, op::CREATE2]);
        let flags = match self.random.below(100) {
            0..=54 => 0,
            55..=67 => 1,
            68..=81 => 2,
            82..=91 => 3,
            92..=93 => 4,
            94 => 5,
            95 => 6,
            _ => *self.random.pick(&[7, -1, 8, i32::MAX, i32::MIN]),
        };
        let path = match flags {
            2 | 3 if !self.random.one_in(4) => Some(self.paths.before_number(&mut self.random)),
            _ if self.random.one_in(2) => Some(self.paths.plain(&mut self.random)),
            _ => self.path(),
        };
        let acl = if self.random.one_in(2) { Some(Acl::open()) } else { self.acl(path.as_deref()) };
        Request::Create { opcode, path, data: self.data(), acl, flags }
    }

    fn set_data(&mut self) -> Request {
        Request::SetData { path: self.path(), data: self.data(), version: self.version() }
    }

    fn set_acl(&mut self) -> Request {
        let path = self.path();
        let acl = self.acl(path.as_deref());
        Request::SetAcl { acl, path, version: self.version() }
    }

    fn path_version(&mut self, opcode: i32) -> Request {
        Request::PathVersion { opcode, path: self.path(), version: self.version() }
    }

    fn multi(&mut self) -> Request {
        if self.random.one_in(2) {
            return Request::multi(self.chain());
        }
        if self.random.one_in(8) {
            return Request::multi(vec![self.alone()]);
        }
        let count = self.random.below(MEMBERS_MAX + 1);
        let members = (0..count).map(|_| self.member_with_path()).collect();
        Request::multi(members)
    }

    /// Members that build on one another, so that many such multis succeed.
    fn chain(&mut self) -> Vec<Request> {
        let parent = self.paths.plain(&mut self.random);
        let path = format!("{parent}/m{}", self.random.below(3));
        let members = [
            Request::check(&parent, -1),
            Request::create2(&path, b"first", *self.random.pick(&[0, 1])),
            Request::set_data(&path, b"second", 0),
            Request::create(&format!("{parent}/n-"), b"", *self.random.pick(&[2, 3])),
            Request::check(&path, 1),
            Request::create(&format!("{path}/under"), b"", 0),
            Request::delete(&format!("{path}/under"), 0),
            Request::delete(&path, *self.random.pick(&[1, -1])),
        ];
        members.into_iter().filter(|_| !self.random.one_in(8)).collect()
    }

    fn member_with_path(&mut self) -> Request {
        loop {
            let member = self.member();
            if !member.paths().is_empty() {
                return member;
            }
        }
    }

    /// Almost any create, as the only member.
    fn alone(&mut self) -> Request {
        loop {
            let create = self.create();
            if let Request::Create { flags: 0..=3 | 5 | 6, path: Some(_), acl: Some(acl), .. } = &create
                && acl.iter().all(|entry| entry.id.is_some() || entry.scheme.as_deref() == Some("auth"))
            {
                return create;
            }
        }
    }

    fn member(&mut self) -> Request {
        match self.random.below(100) {
            0..=39 => self.created_member(),
            40..=59 => self.path_version(op::DELETE),
            60..=79 => self.set_data(),
            80..=97 => self.path_version(op::CHECK),
            98 => self.read(),
            _ => self.set_acl(),
        }
    }

    /// A create that can only fail in ordinary ways. Some members (TTL flags, a null ACL or id) make ZooKeeper throw in the
    /// middle of a multi, and what the members before them were about to do is then neither done nor forgotten until the
    /// log has moved on; they come alone. And flag 4, which makes a container of a member, belongs to other tests.
    fn created_member(&mut self) -> Request {
        let mut create = self.create();
        if let Request::Create { acl, flags, .. } = &mut create {
            *flags &= flags::EPHEMERAL_SEQUENTIAL;
            for entry in acl.get_or_insert_default().iter_mut().filter(|entry| entry.scheme.as_deref() != Some("auth"))
            {
                entry.id.get_or_insert_default();
            }
        }
        create
    }

    fn set_watches(&mut self) -> Request {
        let back = *self.random.pick(&[0, 0, 1, 3, 10, 100, 100_000]);
        Request::SetWatches {
            relative_zxid: (self.zxid - back).max(0),
            data: self.rearmed(),
            exist: self.rearmed(),
            child: self.rearmed(),
        }
    }

    fn rearmed(&mut self) -> Vec<String> {
        let count = self.random.below(REARMED_MAX + 1);
        (0..count).map(|_| self.paths.plain(&mut self.random)).collect()
    }

    fn data(&mut self) -> Option<Vec<u8>> {
        let length = match self.random.below(100) {
            0..=4 => return None,
            5..=14 => 0,
            15..=89 => 1 + self.random.below(16),
            90..=98 => 1000,
            _ => 50_000,
        };
        Some(self.random.bytes(length))
    }

    fn version(&mut self) -> i32 {
        match self.random.below(20) {
            0..=10 => -1,
            11..=14 => 0,
            15..=16 => 1,
            17..=18 => 2,
            _ => *self.random.pick(&[-2, 3, 4, i32::MAX, i32::MIN]),
        }
    }

    fn acl(&mut self, path: Option<&str>) -> Option<Vec<Acl>> {
        let shared = path.is_some_and(|path| is_shared(path, self.paths.prefix()));
        acls::any(&mut self.random, shared)
    }

    /// A good request of which the body was cut, lengthened or spoilt.
    fn damaged(&mut self) -> Request {
        let good = loop {
            match self.request() {
                // Damage could turn members into containers; and see `versions` for create2 in a multi.
                Request::Multi { members, .. } if members.len() > 1 || members.iter().any(is_create2) => {}
                Request::Bare { .. } | Request::PathWatch { opcode: op::EXISTS, .. } => {}
                request => break request,
            }
        };
        let mut body = Writer::default();
        good.write_body(&mut body);
        let mut body = body.bytes;
        match self.random.below(3) {
            0 => body.truncate(self.random.below(body.len().max(1))),
            1 => {
                let length = 1 + self.random.below(12);
                body.extend_from_slice(&self.random.bytes(length));
            }
            // A count or a length becomes -1, -2, or far too large; or bytes of text stop being UTF-8.
            // Not of setWatches: ZooKeeper throws at a null path after it has told the events of the paths before it.
            _ if body.len() >= 4 && good.opcode() != op::SET_WATCHES => {
                let damage = *self.random.pick(&[
                    [0xff; 4],
                    [0xff, 0xff, 0xff, 0xfe],
                    [0x7f, 0xff, 0xff, 0xff],
                    [0x80, 0, 0, 0],
                    [0xc3, 0x28, 0xff, 0xc0],
                ]);
                // See `versions` for a null path in a multi.
                let null = [0xff; 4];
                let damage = if good.opcode() == op::MULTI && damage == null { [0x80, 0, 0, 1] } else { damage };
                let place = if self.random.one_in(2) { 0 } else { self.random.below(body.len() - 3) };
                body[place..place + 4].copy_from_slice(&damage);
            }
            _ => body.clear(),
        }
        Request::Raw { opcode: good.opcode(), body }
    }

    fn auth(&mut self) -> Request {
        let credential = self.random.pick(&IDENTITIES).0.as_bytes();
        match self.random.below(12) {
            0 => Request::auth("unheard-of", b"x"),
            1 => Request::auth("ip", b"anything"),
            2 => Request::Auth { scheme: Some("digest".into()), data: None },
            3 => Request::auth("world", b"anyone"),
            4 => Request::Auth { scheme: None, data: Some(b"x".into()) },
            5 => Request::Raw { opcode: op::AUTH, body: self.random.bytes(7) },
            _ => Request::auth("digest", credential),
        }
    }

    fn hello(&mut self) -> Hello {
        let timeout_ms = *self.random.pick(&[0, -1, 1000, 120_000, 150_000, 240_000, 240_001, i32::MAX, i32::MIN]);
        let mut hello = Hello::new_session(timeout_ms);
        hello.read_only = *self.random.pick(&[None, Some(false), Some(true)]);
        hello.password = self.random.pick(&[None, Some(vec![]), Some(vec![7; 3]), Some(vec![0; 16])]).clone();
        hello.last_zxid = *self.random.pick(&[0, 0, self.zxid]);
        hello
    }

    fn change(&mut self) -> Change {
        match self.random.below(12) {
            0 => Change::WrongPassword,
            1 => Change::NoPassword,
            2 => Change::Ahead(1),
            3 => Change::Ahead(i64::MAX / 2),
            4 => Change::UnknownSession,
            5 => Change::WithoutReadOnly,
            6 => Change::Timeout(1),
            7 => Change::Timeout(i32::MAX),
            _ => Change::Nothing,
        }
    }

    /// Opcodes that nobody knows. (Debian's 3.8.0 still takes a check outside a multi, which later versions forbid.)
    fn forbidden(&mut self) -> Request {
        Request::Bare { opcode: *self.random.pick(&[10, 23, 42, 99, 108, 1000, i32::MAX, 0, -1, -2, -12, i32::MIN]) }
    }

    fn broken(&mut self) -> Vec<u8> {
        match self.random.below(6) {
            0 => vec![0; 4],
            1 => (-1_i32).to_be_bytes().to_vec(),
            2 => i32::MIN.to_be_bytes().to_vec(),
            // One more than jute.maxbuffer's default.
            3 => 0x10_0000_i32.to_be_bytes().to_vec(),
            4 => i32::MAX.to_be_bytes().to_vec(),
            _ => {
                let length = 1 + self.random.below(7);
                frame(&self.random.bytes(length))
            }
        }
    }
}

fn is_create2(member: &Request) -> bool {
    member.opcode() == op::CREATE2
}

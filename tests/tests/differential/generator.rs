//! Random steps: mostly requests that mean something to the small universe of paths, and every kind of wrong ones.
//! Requests of some families are made in `multis`, `watching`, `quotas` and `damage`.
use crate::acls;
use crate::acls::IDENTITIES;
use crate::paths::{Paths, is_shared};
use paddock_tests::client::{Hello, frame};
use paddock_tests::random::Random;
use paddock_tests::records::{Acl, op};
use paddock_tests::request::Request;
use std::collections::VecDeque;

/// Requests of one burst at most.
const BURST_MAX: usize = 16;
/// Times to live of which none passes while this runs, and wrong ones; in ms.
pub const TTLS: [i64; 9] =
    [3_600_000, 3_600_000, 3_600_000, 0xff_ffff_ffff, 0xff_ffff_ffff, 0x100_0000_0000, 0, -1, i64::MIN];
/// The digest id of this credential is the superuser's on both servers.
pub const SUPER: &[u8] = b"super:test";
/// One round in so many has quotas.
const QUOTA_ROUNDS: usize = 3;

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
    /// Whose request is being made.
    pub lane: usize,
    /// Last zxid of an ordinary reply, kept by the driver.
    pub zxid: i64,
    /// Whether this round has quotas.
    pub has_quotas: bool,
    /// Whether the ZooKeeper is a 3.9.
    pub current: bool,
    /// Steps that follow without others between them.
    planned: VecDeque<Step>,
}

impl Generator {
    /// `current` says that the ZooKeeper is a 3.9, so that nothing needs to be left out for 3.8.
    pub fn new(random: Random, lanes: usize, current: bool) -> Generator {
        let (paths, planned) = (Paths::new(0), VecDeque::new());
        Generator { random, paths, lanes, lane: 0, zxid: 0, has_quotas: false, current, planned }
    }

    pub fn begin_round(&mut self, round: usize) {
        self.paths = Paths::new(round);
        self.has_quotas = round % QUOTA_ROUNDS == QUOTA_ROUNDS - 1;
        self.planned = if self.has_quotas { self.quota_of_round() } else { VecDeque::new() };
    }

    pub fn step(&mut self) -> Step {
        if let Some(step) = self.planned.pop_front() {
            return step;
        }
        let lane = self.random.below(self.lanes);
        self.lane = lane;
        match self.random.below(1000) {
            0..=49 if self.has_quotas => {
                self.planned = self.about_quotas(lane);
                self.step()
            }
            0..=374 => Step::Burst { lane, requests: self.requests() },
            375..=379 => Step::Burst { lane, requests: vec![self.sasl()] },
            380..=399 => match self.damaged() {
                Request::Raw { opcode: op::SYNC, .. } => Step::Burst { lane, requests: vec![self.sync()] },
                request => Step::Damaged { lane, request },
            },
            400..=879 => {
                let length = 2 + self.random.below(BURST_MAX - 1);
                Step::Burst { lane, requests: self.burst(length) }
            }
            880..=949 => Step::Reads { bursts: (0..self.lanes).map(|lane| (lane, self.reads_of(lane))).collect() },
            950..=969 => Step::Auth { lane, request: self.auth() },
            970..=977 => Step::Renew { lane, hello: self.hello() },
            978..=989 => Step::Reattach { lane, change: self.change() },
            990..=994 => Step::Forbidden { lane, request: self.forbidden() },
            _ => Step::Broken { lane, bytes: self.broken() },
        }
    }

    /// Ends early behind some requests. ZooKeeper judges pipelined writes by the ACL that was in force before a setACL
    /// that is still on its way through the log, so what they are answered depends on how fast it goes; the same is true
    /// of the kind of znode that a createContainer with the flags of an ephemeral makes, and of quotas. And an exists that
    /// 3.8 grants and later versions do not must not have set a watch before anything else happens.
    fn burst(&mut self, length: usize) -> Vec<Request> {
        let mut requests: Vec<Request> = (0..length).flat_map(|_| self.requests()).collect();
        let ends = |request: &Request| match request {
            Request::PathWatch { opcode: op::EXISTS, watch, .. } => *watch,
            Request::Create { opcode: op::CREATE_CONTAINER, flags: 1 | 3, .. } => true,
            request => request.opcode() == op::SET_ACL || (self.has_quotas && request.is_write()),
        };
        let end = requests.iter().position(ends);
        requests.truncate(end.map_or(requests.len(), |place| place + 1));
        requests
    }

    /// One request, or some that belong together.
    fn requests(&mut self) -> Vec<Request> {
        if self.random.one_in(25) { self.remove_watches() } else { vec![self.request()] }
    }

    pub fn request(&mut self) -> Request {
        match self.random.below(100) {
            0..=22 => self.create(),
            23..=31 => self.path_version(op::DELETE),
            32..=40 => self.set_data(),
            41..=56 => self.read(),
            57..=60 => Request::Path { opcode: op::GET_ACL, path: self.path() },
            61..=65 => self.set_acl(),
            66..=67 => self.sync(),
            68 => Request::ping(),
            69..=79 => self.multi(),
            80..=83 => self.multi_read(),
            84..=86 => self.set_watches(),
            87..=89 => self.add_watch(),
            90 => Request::Path { opcode: op::GET_ALL_CHILDREN_NUMBER, path: self.path() },
            91 => Request::Path { opcode: op::GET_EPHEMERALS, path: self.path() },
            92 => Request::who_am_i(),
            93 => self.reconfig(),
            _ => loop {
                // Damaged writes have a step of their own.
                let damaged = self.damaged();
                if !damaged.is_write() && damaged.opcode() != op::SYNC {
                    break damaged;
                }
            },
        }
    }

    fn reads_of(&mut self, lane: usize) -> Vec<Request> {
        self.lane = lane;
        (0..1 + self.random.below(BURST_MAX)).map(|_| self.read()).collect()
    }

    fn read(&mut self) -> Request {
        let mut read = self.plain_read();
        if let Request::PathWatch { path, watch, .. } = &mut read {
            *watch &= self.is_standard(path.as_deref());
        }
        read
    }

    /// One whose watch flag nobody looks at, or that is changed.
    pub fn plain_read(&mut self) -> Request {
        let opcode = *self.random.pick(&[op::EXISTS, op::GET_DATA, op::GET_CHILDREN, op::GET_CHILDREN2]);
        let watch = self.random.one_in(2);
        Request::PathWatch { opcode, path: self.path(), watch }
    }

    fn reconfig(&mut self) -> Request {
        let text =
            |random: &mut Random| random.pick(&[None, Some("server.2=h:1:2:participant;3"), Some("")]).map(Into::into);
        let (joining, leaving) = (text(&mut self.random), text(&mut self.random));
        Request::Reconfig { joining, leaving, members: text(&mut self.random), config_id: -1 }
    }

    /// Neither server knows SASL. It is answered at once, perhaps before others, and so it comes alone.
    fn sasl(&mut self) -> Request {
        Request::Sasl { token: self.random.pick(&[None, Some(vec![]), Some(b"token".to_vec())]).clone() }
    }

    fn sync(&mut self) -> Request {
        loop {
            let path = self.path();
            if path.iter().flat_map(|path| path.chars()).all(|character| character <= '\u{ffff}') {
                return Request::Path { opcode: op::SYNC, path };
            }
        }
    }

    pub fn path(&mut self) -> Option<String> {
        self.paths.any(&mut self.random)
    }

    pub fn create(&mut self) -> Request {
        let opcode = *self.random.pick(&[op::CREATE, op::CREATE, op::CREATE2, op::CREATE2, op::CREATE_CONTAINER]);
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
            2 | 3 | 6 if !self.random.one_in(4) => Some(self.paths.before_number(&mut self.random)),
            _ if self.random.one_in(2) => Some(self.paths.plain(&mut self.random)),
            _ => self.path(),
        };
        let acl = if self.random.one_in(3) { self.acl(path.as_deref()) } else { Some(Acl::open()) };
        if self.random.one_in(6) {
            return self.create_ttl(path, acl);
        }
        Request::Create { opcode, path, data: self.data(), acl, flags }
    }

    /// Other flags with a negative time to live make ZooKeeper fail while it applies the transaction.
    fn create_ttl(&mut self, path: Option<String>, acl: Option<Vec<Acl>>) -> Request {
        let flags = *self.random.pick(&[5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 0, 3, 4, 7, -1]);
        let ttl = *self.random.pick(&TTLS);
        let ttl = if (0..=4).contains(&flags) { ttl.max(1) } else { ttl };
        Request::CreateTtl { path, data: self.data(), acl, flags, ttl }
    }

    pub fn set_data(&mut self) -> Request {
        Request::SetData { path: self.path(), data: self.data(), version: self.version() }
    }

    pub fn set_acl(&mut self) -> Request {
        let path = self.path();
        let acl = self.acl(path.as_deref());
        Request::SetAcl { acl, path, version: self.version() }
    }

    pub fn path_version(&mut self, opcode: i32) -> Request {
        Request::PathVersion { opcode, path: self.path(), version: self.version() }
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
        acls::any(&mut self.random, shared, self.current)
    }

    fn auth(&mut self) -> Request {
        let credential = self.random.pick(&IDENTITIES).0.as_bytes();
        match self.random.below(14) {
            0 => Request::auth("unheard-of", b"x"),
            1 => Request::auth("ip", b"anything"),
            2 => Request::Auth { scheme: Some("digest".into()), data: None },
            3 => Request::auth("world", b"anyone"),
            4 => Request::Auth { scheme: None, data: Some(b"x".into()) },
            5 => Request::Raw { opcode: op::AUTH, body: self.random.bytes(7) },
            6 => Request::auth("digest", SUPER),
            7 => Request::auth("sasl", b"x"),
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

    /// Opcodes that nobody knows. Debian's 3.8.0 still takes a check outside a multi, which later versions forbid.
    fn forbidden(&mut self) -> Request {
        if self.current && self.random.one_in(4) {
            return self.path_version(op::CHECK);
        }
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

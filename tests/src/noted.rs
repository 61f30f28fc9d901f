//! A client that notes all it sees, so that it can be judged: see `paddock_history`.
//!
//! Requests of which the judge knows nothing are sent and answered as ever, and not noted.
use crate::client::{Client, ClientError, Frame, Hello, REPLY_DEADLINE};
use crate::records::{Stat, event, flags, op};
use crate::reply::{self, Body, Reply};
use crate::request::Request;
use paddock_history::{self as history, Data, EventType, Mode, Operation, Rewatch, WatchEvent, What};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What all clients of a history tell the time by.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Nanoseconds since the start.
    pub fn now(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).expect("no test runs for centuries")
    }
}

/// A request that was sent.
#[derive(Debug)]
struct Sent {
    xid: i32,
    from: u64,
    operation: Option<Operation>,
}

/// One session, over all its connections.
#[derive(Debug)]
pub struct Noted {
    client: Client,
    clock: Clock,
    /// The port of its server, which stands for the server's number.
    server: u32,
    /// What it waits for longer than this has failed.
    patience: Duration,
    sent: VecDeque<Sent>,
    /// Events that came while a reply was waited for.
    met: VecDeque<reply::Event>,
    /// In the order in which they were seen.
    events: Vec<history::Event>,
}

impl Noted {
    /// A new session.
    pub fn connect(address: SocketAddr, timeout_ms: i32, clock: Clock) -> Result<Noted, ClientError> {
        Noted::connect_within(address, timeout_ms, REPLY_DEADLINE, clock)
    }

    /// A new session of someone who waits for nothing longer than `patience`.
    pub fn connect_within(
        address: SocketAddr,
        timeout_ms: i32,
        patience: Duration,
        clock: Clock,
    ) -> Result<Noted, ClientError> {
        let from = clock.now();
        let client = Client::greet_within(address, &Hello::new_session(timeout_ms), patience)?;
        let mut noted = Noted {
            client,
            clock,
            server: address.port().into(),
            patience,
            sent: VecDeque::new(),
            met: VecDeque::new(),
            events: Vec::new(),
        };
        noted.note_connected(from, true);
        Ok(noted)
    }

    /// The same session on a new connection. What was not answered on the former one never will be.
    pub fn reattach(&mut self, address: SocketAddr) -> Result<(), ClientError> {
        self.give_up();
        self.server = address.port().into();
        let from = self.clock.now();
        let hello = Hello::reattach(&self.client.session, self.client.last_zxid);
        match Client::greet_within(address, &hello, self.patience) {
            Ok(client) => {
                self.client = client;
                self.note_connected(from, false);
                Ok(())
            }
            Err(error) => {
                if matches!(error, ClientError::Refused) {
                    self.note(from, What::Refused);
                }
                Err(error)
            }
        }
    }

    /// How long it waits for anything on its next connections.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Whoever lets sessions expire has taken a packet of this one by `time`, or does not count what was before.
    pub fn note_heard(&mut self, time: u64) {
        self.note(time, What::Heard);
    }

    pub fn session(&self) -> i64 {
        self.client.session.id
    }

    /// All that was seen up to the end of the connection, which this is.
    pub fn into_events(mut self) -> Vec<history::Event> {
        self.give_up();
        self.events
    }

    pub fn queue(&mut self, request: &Request) {
        let from = self.clock.now();
        let xid = self.client.queue(request);
        self.sent.push_back(Sent { xid, from, operation: operation(request) });
    }

    pub fn flush(&mut self) -> Result<(), ClientError> {
        self.client.flush()
    }

    /// Waits so long, or until something comes: the end of the connection is an error.
    pub fn idle(&mut self, time: Duration) -> Result<(), ClientError> {
        self.client.idle(time)
    }

    pub fn next_frame(&mut self) -> Result<Frame, ClientError> {
        let frame = self.client.next_frame()?;
        match &frame {
            Frame::Reply(reply) => self.note_reply(reply),
            Frame::Event(event) => self.note_event(event),
        }
        Ok(frame)
    }

    /// The next reply; events before it are kept for [`next_event`](Noted::next_event).
    pub fn next_reply(&mut self) -> Result<Reply, ClientError> {
        loop {
            match self.next_frame()? {
                Frame::Reply(reply) => return Ok(reply),
                Frame::Event(event) => self.met.push_back(event),
            }
        }
    }

    /// The next event, which must come before any reply.
    pub fn next_event(&mut self) -> Result<reply::Event, ClientError> {
        if let Some(event) = self.met.pop_front() {
            return Ok(event);
        }
        match self.next_frame()? {
            Frame::Event(event) => Ok(event),
            Frame::Reply(reply) => Err(ClientError::Protocol(format!("{reply:?} where an event was due"))),
        }
    }

    /// Sends one request and waits for its reply.
    pub fn call(&mut self, request: &Request) -> Result<Reply, ClientError> {
        self.queue(request);
        self.flush()?;
        self.next_reply()
    }

    fn note(&mut self, from: u64, what: What) {
        let to = self.clock.now();
        self.events.push(history::Event { from, to, session: self.client.session.id, server: self.server, what });
    }

    fn note_connected(&mut self, from: u64, is_new: bool) {
        let timeout_ms = u32::try_from(self.client.session.timeout_ms).expect("a client has checked it");
        self.note(from, What::Connected { is_new, timeout_ms });
    }

    fn note_reply(&mut self, reply: &Reply) {
        let sent = self.sent.pop_front().expect("the client matches replies to requests");
        let Some(operation) = sent.operation else { return };
        let reply = Some(history::Reply { zxid: reply.zxid, code: reply.err, body: body(&reply.body) });
        self.note(sent.from, What::Called { cxid: sent.xid, operation, reply });
    }

    fn note_event(&mut self, event: &reply::Event) {
        let event_type = match event.kind {
            event::CREATED => EventType::NodeCreated,
            event::DELETED => EventType::NodeDeleted,
            event::DATA_CHANGED => EventType::NodeDataChanged,
            event::CHILDREN_CHANGED => EventType::NodeChildrenChanged,
            other => panic!("a watch event of type {other}"),
        };
        let told = WatchEvent { zxid: event.zxid, event_type, path: event.path.clone() };
        self.note(self.clock.now(), What::WatchEvent(told));
    }

    /// Nothing more will come on this connection.
    fn give_up(&mut self) {
        self.met.clear();
        for sent in std::mem::take(&mut self.sent) {
            if let Some(operation) = sent.operation {
                self.note(sent.from, What::Called { cxid: sent.xid, operation, reply: None });
            }
        }
        self.note(self.clock.now(), What::Disconnected);
    }
}

/// A request in the judge's words, if it has some.
pub fn operation(request: &Request) -> Option<Operation> {
    Some(match request {
        Request::Create { path, data, flags, .. } => {
            let is = |flag: i32| *flags == flag || *flags == flags::EPHEMERAL_SEQUENTIAL;
            let mode = Mode { is_ephemeral: is(flags::EPHEMERAL), is_sequential: is(flags::SEQUENTIAL) };
            Operation::Create { path: path.clone()?, data: data.as_deref().map(Data::of), mode }
        }
        Request::SetData { path, data, version } => {
            Operation::SetData { path: path.clone()?, data: data.as_deref().map(Data::of), version: *version }
        }
        Request::SetAcl { path, version, .. } => Operation::SetAcl { path: path.clone()?, version: *version },
        Request::PathVersion { opcode: op::DELETE, path, version } => {
            Operation::Delete { path: path.clone()?, version: *version }
        }
        Request::PathVersion { opcode: op::CHECK, path, version } => {
            Operation::Check { path: path.clone()?, version: *version }
        }
        Request::PathWatch { opcode, path, watch } => {
            let (path, is_watched) = (path.clone()?, *watch);
            match *opcode {
                op::EXISTS => Operation::Exists { path, is_watched },
                op::GET_DATA => Operation::GetData { path, is_watched },
                op::GET_CHILDREN | op::GET_CHILDREN2 => Operation::GetChildren { path, is_watched },
                _ => return None,
            }
        }
        Request::PathNumber { opcode: op::ADD_WATCH, path, number } => {
            Operation::AddWatch { path: path.clone()?, is_recursive: *number == 1 }
        }
        Request::SetWatches2 { relative_zxid, data, exist, child, persistent, recursive } => {
            Operation::SetWatches(Box::new(Rewatch {
                zxid: *relative_zxid,
                data: data.clone(),
                exist: exist.clone(),
                child: child.clone(),
                persistent: persistent.clone(),
                recursive: recursive.clone(),
            }))
        }
        Request::Path { opcode: op::SYNC, path } => Operation::Sync { path: path.clone()? },
        Request::Multi { opcode: op::MULTI, members } => {
            Operation::Multi(members.iter().map(operation).collect::<Option<Vec<Operation>>>()?)
        }
        Request::Bare { opcode: op::PING } => Operation::Ping,
        Request::Bare { opcode: op::CLOSE_SESSION } => Operation::Close,
        _ => return None,
    })
}

/// What follows the header of a reply, in the judge's words.
pub fn body(body: &Body) -> history::Body {
    match body {
        Body::Path(Some(path)) => history::Body::Path(path.clone()),
        Body::PathStat(Some(path), of) => history::Body::PathStat(path.clone(), stat(of)),
        Body::Stat(of) => history::Body::Stat(stat(of)),
        Body::Data(data, of) => history::Body::Data(data.as_deref().map(Data::of), stat(of)),
        Body::Names(Some(names)) => history::Body::Names(names.iter().flatten().cloned().collect(), None),
        Body::NamesStat(Some(names), of) => {
            history::Body::Names(names.iter().flatten().cloned().collect(), Some(stat(of)))
        }
        Body::Multi(outcomes) => {
            let outcome = |one: &reply::Outcome| history::Outcome { code: one.err, body: self::body(&one.body) };
            history::Body::Multi(outcomes.iter().map(outcome).collect())
        }
        _ => history::Body::None,
    }
}

fn stat(stat: &Stat) -> history::Stat {
    history::Stat {
        czxid: stat.czxid,
        mzxid: stat.mzxid,
        pzxid: stat.pzxid,
        version: stat.version,
        cversion: stat.cversion,
        aversion: stat.aversion,
        ephemeral_owner: stat.ephemeral_owner,
        data_length: stat.data_length,
        num_children: stat.num_children,
    }
}

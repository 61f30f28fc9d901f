//! What a client knows of its session, and what it makes of the frames that come: requests that wait for a connection or for an
//! answer, watches, credentials. It has no socket and no clock.
//!
//! A request that was sent is answered with a connection loss when the connection is lost, since nobody knows whether it was
//! carried out. One that waits for a connection goes on waiting, until no server could be reached at all.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Weak};

use crossbeam::channel::Sender;
use paddock_engine::jute::{Malformed, Reader};
use paddock_engine::request::opcode;
use paddock_net::sasl::{Negotiation, Step};

use super::code;
use super::connect_string::Chroot;
use super::event::{Event, EventType, KeeperState};
use super::listener::Listener;
use super::reply::{self, Reply, ReplyHeader, Welcome};
use super::request::{Registration, Request, XID_AUTH, XID_NOTIFICATION, XID_PING, XID_SET_WATCHES, hello};
use super::state::{Standing, State};
use super::watches::Watches;
use crate::security::Login;

/// Requests that wait for a connection or for an answer. Whoever gives more is told that there is none.
const WAITING_MAX: usize = 1 << 16;
const PASSWORD_BYTES: usize = 16;

/// Why a connection is of no more use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    Frame,
    /// A reply to nothing, or to something else than what is first in line.
    Xid(i32),
}

impl From<Malformed> for Broken {
    fn from(Malformed: Malformed) -> Broken {
        Broken::Frame
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Frame => write!(f, "a frame that is none of ZooKeeper's protocol"),
            Broken::Xid(xid) => write!(f, "a reply with xid {xid}, which answers nothing that was asked"),
        }
    }
}

/// A request, and who waits for the answer.
pub struct Call {
    pub request: Request,
    pub answer: Sender<Reply>,
    /// Goes when nobody waits any more: what was not sent until then is not sent.
    pub asker: Weak<()>,
}

impl Call {
    fn is_wanted(&self) -> bool {
        self.asker.strong_count() > 0
    }
}

/// A login that is under way: nothing else is sent meanwhile.
struct LoggingIn {
    negotiation: Box<dyn Negotiation>,
    /// Of the token that was sent last.
    xid: i32,
}

/// A request that was sent.
struct Pending {
    xid: i32,
    registration: Option<Registration>,
    /// Nobody waits for what the client has asked by itself.
    answer: Option<Sender<Reply>>,
}

struct Credential {
    scheme: String,
    secret: Option<Vec<u8>>,
}

pub struct Session {
    chroot: Chroot,
    /// Of the server that it is connected to, or will be.
    host: String,
    asked_timeout_ms: i32,
    may_be_read_only: bool,
    /// 0 until a server has granted one.
    id: i64,
    password: Vec<u8>,
    /// A session of a read-only server is none that others know.
    has_seen_writable: bool,
    timeout_ms: i32,
    last_zxid: i64,
    next_xid: i32,
    credentials: Vec<Credential>,
    watches: Watches,
    waiting: VecDeque<Call>,
    pending: VecDeque<Pending>,
    /// A server has welcomed this connection.
    is_open: bool,
    /// Whom each connection logs in as, if it does.
    login: Option<Login>,
    logging_in: Option<LoggingIn>,
    /// Why the last login has failed, until it is told.
    trouble: Option<String>,
    /// Who waits for the end.
    closing: Option<Sender<()>>,
    /// Of the last event.
    told: KeeperState,
    standing: Arc<Standing>,
    listener: Arc<dyn Listener>,
}

impl Session {
    /// One that there is not yet. The timeout is in milliseconds.
    pub fn new(
        chroot: Chroot,
        asked_timeout_ms: i32,
        may_be_read_only: bool,
        login: Option<Login>,
        standing: Arc<Standing>,
        listener: Arc<dyn Listener>,
    ) -> Session {
        Session {
            chroot,
            host: String::new(),
            asked_timeout_ms,
            may_be_read_only,
            id: 0,
            password: vec![0; PASSWORD_BYTES],
            has_seen_writable: false,
            timeout_ms: asked_timeout_ms,
            last_zxid: 0,
            next_xid: 1,
            credentials: Vec::new(),
            watches: Watches::default(),
            waiting: VecDeque::new(),
            pending: VecDeque::new(),
            is_open: false,
            login,
            logging_in: None,
            trouble: None,
            closing: None,
            told: KeeperState::Disconnected,
            standing,
            listener,
        }
    }

    pub fn state(&self) -> State {
        self.standing.get()
    }

    pub fn is_open(&self) -> bool {
        self.is_open
    }

    pub fn exists(&self) -> bool {
        self.id != 0
    }

    /// As negotiated, or as it will be asked for.
    pub fn timeout_ms(&self) -> i32 {
        self.timeout_ms
    }

    /// Whether nothing more is to come than the end.
    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// A stream is connected: what is said first.
    pub fn greet(&self, out: &mut Vec<u8>) {
        let id = if self.has_seen_writable { self.id } else { 0 };
        hello(self.last_zxid, self.asked_timeout_ms, id, &self.password, self.may_be_read_only, out);
    }

    /// Takes a request: sends it, or keeps it until there is a connection.
    pub fn submit(&mut self, call: Call, out: &mut Vec<u8>) {
        let is_full = self.waiting.len() + self.pending.len() >= WAITING_MAX;
        if !self.state().is_alive() || self.is_closing() || is_full {
            let Call { request, answer, .. } = call;
            let pending = Pending { xid: 0, registration: request.registration, answer: Some(answer) };
            self.settle(pending, Reply::of_code(self.loss()));
        } else if self.is_open && self.logging_in.is_none() {
            self.send_call(call, out);
        } else {
            self.waiting.push_back(call);
        }
    }

    /// Adds a credential, which every later connection is told too.
    pub fn add_auth(&mut self, scheme: String, secret: Option<Vec<u8>>, out: &mut Vec<u8>) {
        if self.is_open {
            Request::auth(&scheme, secret.as_deref()).append(XID_AUTH, out);
        }
        self.credentials.push(Credential { scheme, secret });
    }

    pub fn ping(&self, out: &mut Vec<u8>) {
        Request::ping().append(XID_PING, out);
    }

    /// Ends the session: at once where there is no connection, and otherwise when the server has said so.
    pub fn close(&mut self, told: Sender<()>, out: &mut Vec<u8>) {
        if !self.state().is_alive() || self.is_closing() {
            // Whoever waits hears that nobody will say anything.
            return;
        }
        self.closing = Some(told);
        if self.is_open {
            self.send(Request::close_session(), None, out);
        } else {
            self.end();
        }
    }

    /// Takes one frame, without its length.
    pub fn receive(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        if !self.state().is_alive() {
            // A session that is over does not begin anew, whatever else has come with the frame that said so.
            return Ok(());
        }
        if !self.is_open {
            return self.welcomed(Welcome::read(payload)?, out);
        }
        let mut reader = Reader::new(payload);
        let header = ReplyHeader::read(&mut reader)?;
        match header.xid {
            XID_PING => Ok(()),
            XID_AUTH => {
                if header.code == code::AUTH_FAILED {
                    self.standing.set(State::AuthFailed);
                    self.tell(Event::of_session(KeeperState::AuthFailed));
                }
                Ok(())
            }
            XID_NOTIFICATION => {
                let mut event = Event::read(&mut reader, header.zxid)?;
                event.path = event.path.map(|path| self.chroot.client_path(&path));
                if self.watches.take(event.kind, event.path.as_deref().unwrap_or_default()) {
                    self.tell(event);
                }
                Ok(())
            }
            _ => self.answered(header, reader.rest(), out),
        }
    }

    fn welcomed(&mut self, welcome: Welcome, out: &mut Vec<u8>) -> Result<(), Broken> {
        if welcome.timeout_ms <= 0 {
            self.expire();
            return Ok(());
        }
        self.is_open = true;
        (self.id, self.password, self.timeout_ms) = (welcome.session, welcome.password, welcome.timeout_ms);
        self.has_seen_writable |= !welcome.is_read_only;
        let (state, told) = match welcome.is_read_only {
            true => (State::ConnectedReadOnly, KeeperState::ConnectedReadOnly),
            false => (State::Connected, KeeperState::SyncConnected),
        };
        for Credential { scheme, secret } in &self.credentials {
            Request::auth(scheme, secret.as_deref()).append(XID_AUTH, out);
        }
        for request in self.watches.requests(&self.chroot, self.last_zxid) {
            self.send(request, None, out);
        }
        // Whoever sees that it is connected has heard of it before.
        self.tell(Event::of_session(told));
        self.standing.set(state);
        match &self.login {
            Some(login) => {
                let negotiation = login.begin(&self.host);
                self.log_in(negotiation, &[], out);
            }
            None => self.send_waiting(out),
        }
        Ok(())
    }

    /// The host of the server that the next connection is to, by which a login may name it.
    pub fn reaches(&mut self, host: &str) {
        host.clone_into(&mut self.host);
    }

    /// Why a login has failed, once.
    pub fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    fn send_waiting(&mut self, out: &mut Vec<u8>) {
        for call in std::mem::take(&mut self.waiting) {
            self.send_call(call, out);
        }
    }

    /// Takes a token of the server, empty at first, and answers it.
    fn log_in(&mut self, mut negotiation: Box<dyn Negotiation>, token: &[u8], out: &mut Vec<u8>) {
        match negotiation.step(token) {
            Step::Continue(token) => {
                let xid = self.next_xid;
                self.send(Request::sasl(&token), None, out);
                self.logging_in = Some(LoggingIn { negotiation, xid });
            }
            Step::Done { token, .. } => {
                if let Some(token) = token {
                    self.send(Request::sasl(&token), None, out);
                }
                self.logging_in = None;
                self.tell(Event::of_session(KeeperState::SaslAuthenticated));
                self.send_waiting(out);
            }
            Step::Failed(error) => self.refuse_login(error.to_string()),
        }
    }

    fn refuse_login(&mut self, why: String) {
        self.logging_in = None;
        self.trouble = Some(why);
        self.standing.set(State::AuthFailed);
        self.tell(Event::of_session(KeeperState::AuthFailed));
    }

    fn answered(&mut self, header: ReplyHeader, record: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        match self.pending.front() {
            Some(pending) if pending.xid == header.xid => {}
            _ => return Err(Broken::Xid(header.xid)),
        }
        let pending = self.pending.pop_front().expect("there is a first one");
        if header.zxid > 0 {
            self.last_zxid = header.zxid;
        }
        match self.logging_in.take() {
            Some(LoggingIn { negotiation, xid }) if xid == header.xid => match header.code {
                code::OK => self.log_in(negotiation, &reply::token(record)?, out),
                code => self.refuse_login(format!("the server refuses the login ({code})")),
            },
            other => {
                self.logging_in = other;
                self.settle(pending, Reply { code: header.code, record: record.to_vec() });
            }
        }
        // The last answer is the one to the end of the session.
        if self.is_closing() && self.pending.is_empty() {
            self.end();
        }
        Ok(())
    }

    fn send_call(&mut self, call: Call, out: &mut Vec<u8>) {
        if call.is_wanted() {
            self.send(call.request, Some(call.answer), out);
        }
    }

    fn send(&mut self, request: Request, answer: Option<Sender<Reply>>, out: &mut Vec<u8>) {
        let xid = match request.opcode {
            opcode::SET_WATCHES | opcode::SET_WATCHES2 => XID_SET_WATCHES,
            _ => self.take_xid(),
        };
        request.append(xid, out);
        self.pending.push_back(Pending { xid, registration: request.registration, answer });
    }

    /// From 1 on, and anew where they end: those below 0 have a meaning.
    fn take_xid(&mut self) -> i32 {
        let xid = self.next_xid;
        self.next_xid = if xid == i32::MAX - 1 { 1 } else { xid + 1 };
        xid
    }

    /// An answer has come, or will not: watches change, and who waits is told.
    fn settle(&mut self, pending: Pending, mut reply: Reply) {
        match pending.registration {
            Some(Registration::Removed { path, kind, local }) => {
                match self.watches.remove(&path, kind, local, reply.code) {
                    Ok(removed) => {
                        let is_gone = matches!(reply.code, code::CONNECTION_LOSS | code::SESSION_EXPIRED);
                        let state = if is_gone { KeeperState::Disconnected } else { KeeperState::SyncConnected };
                        for kind in removed {
                            self.tell(Event { state, kind, path: Some(path.clone()), zxid: -1 });
                        }
                        reply.code = code::OK;
                    }
                    Err(code) => reply.code = code,
                }
            }
            Some(registration) => self.watches.register(registration, reply.code),
            None => {}
        }
        if let Some(answer) = pending.answer {
            // Whoever has asked may have lost patience.
            drop(answer.send(reply));
        }
    }

    /// The connection is lost. `is_last` says that no server could be reached, so that nobody waits for one any longer.
    pub fn lose(&mut self, is_last: bool) {
        self.is_open = false;
        self.logging_in = None;
        if self.is_closing() {
            return self.end();
        }
        if !self.state().is_alive() {
            return;
        }
        self.fail_pending();
        if is_last {
            self.fail_waiting();
        }
        self.tell(Event::of_session(KeeperState::Disconnected));
        self.standing.set(State::Connecting);
    }

    /// The session is over, as a server has said, or as it must be by now.
    pub fn expire(&mut self) {
        self.is_open = false;
        self.standing.set(State::Closed);
        self.fail_pending();
        self.fail_waiting();
        self.tell(Event::of_session(KeeperState::Expired));
    }

    /// Nothing is done any more. What is not answered will not be.
    pub fn end(&mut self) {
        self.is_open = false;
        if self.state().is_alive() {
            self.standing.set(State::Closed);
        }
        self.fail_pending();
        self.fail_waiting();
        if let Some(told) = self.closing.take() {
            self.tell(Event::of_session(KeeperState::Closed));
            // Whoever has waited may have lost patience.
            let _ = told.send(());
        }
    }

    fn fail_pending(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            self.settle(pending, Reply::of_code(self.loss()));
        }
    }

    fn fail_waiting(&mut self) {
        for Call { request, answer, .. } in std::mem::take(&mut self.waiting) {
            let pending = Pending { xid: 0, registration: request.registration, answer: Some(answer) };
            self.settle(pending, Reply::of_code(self.loss()));
        }
    }

    /// The code of what will not be answered.
    fn loss(&self) -> i32 {
        match self.state() {
            State::AuthFailed => code::AUTH_FAILED,
            State::Closed => code::SESSION_EXPIRED,
            State::Connecting | State::Connected | State::ConnectedReadOnly => code::CONNECTION_LOSS,
        }
    }

    /// What is already known of the session is not told again.
    fn tell(&mut self, event: Event) {
        if event.kind == EventType::None && event.state == self.told {
            return;
        }
        self.told = event.state;
        self.listener.hear(event);
    }
}

#[cfg(test)]
mod tests;

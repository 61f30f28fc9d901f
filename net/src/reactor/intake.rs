//! What comes in: bytes to frames, frames to answers or to the turn's submission.

use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;

use mio::event::Event;
use paddock_engine::error::Code;
use paddock_engine::jute::{Reader, Write};
use paddock_engine::request::{Auth, RequestHeader, opcode};

use super::Reactor;
use crate::connect::{ConnectRequest, PASSWORD, password_of};
use crate::connection::{Connection, Pending, ShortReply, Stage};
use crate::exchange::RequestKind;
use crate::frame::{self, BadLength};
use crate::keeper;
use crate::limits::NoRoom;
use crate::read::{self, ReadCaller, ReadContext};
use crate::reply;
use crate::throttle::Handshake;
use crate::{four_letter, frame::PREFIX};

/// While a connection has more unwritten output than this, its requests wait.
const OUTPUT_PAUSE: usize = 1024 * 1024;
/// The same for what waits behind its writes.
const PENDING_MAX: usize = 4096;
const PENDING_BYTES_MAX: usize = 1024 * 1024;
/// Schemes that the log names where they fail. Any other is a client's own text, which it does not repeat.
const SCHEMES: [&str; 5] = ["digest", "ensemble", "ip", "sasl", "x509"];
/// Sockets are read this often in a row before others have their turn.
const READS_PER_TURN: usize = 4;

/// What to do with a connection after its frames were looked at.
#[derive(PartialEq, Eq)]
enum Verdict {
    Keep,
    /// It has broken the protocol, or is refused without a word.
    Close,
}

/// Whether the bytes that a frame needs are there.
enum Progress {
    /// So many bytes are done with; there may be more.
    Consumed(usize),
    /// The rest must wait: for more bytes, or until the connection may go on.
    Wait,
    Close,
}

impl Reactor {
    pub(super) fn on_event(&mut self, event: &Event, slot: u32, buffer: &mut [u8]) {
        let Some(connection) = self.connections.at(slot) else { return };
        if event.is_writable() && connection.unwritten() > 0 && !connection.dirty {
            connection.dirty = true;
            self.dirty.push(slot);
        }
        if event.is_error() {
            return self.close(slot);
        }
        if event.is_readable() || event.is_read_closed() {
            // No other event will tell of these bytes: if they must wait now, it must be known later.
            connection.unread = true;
            connection.ended |= event.is_read_closed();
            self.serve(slot, event.is_read_closed(), buffer);
        }
    }

    /// A connection that had to wait, or was not read to its end.
    pub(super) fn serve_again(&mut self, slot: u32, buffer: &mut [u8]) {
        let Some(connection) = self.connections.at(slot) else { return };
        connection.revisit = false;
        let ended = connection.ended;
        self.serve(slot, ended, buffer);
    }

    pub(super) fn revisit(&mut self, slot: u32) {
        if let Some(connection) = self.connections.at(slot)
            && !connection.revisit
        {
            connection.revisit = true;
            self.revisit.push(slot);
        }
    }

    /// Reads from the socket and does what the frames say. `ended`: the peer will send no more, so that the end must be
    /// read for, whatever comes before it.
    fn serve(&mut self, slot: u32, ended: bool, buffer: &mut [u8]) {
        self.read_and_process(slot, ended, buffer);
        // What it has sent may wait in part.
        self.settle(slot);
        self.relieve();
    }

    fn read_and_process(&mut self, slot: u32, ended: bool, buffer: &mut [u8]) {
        for round in 0.. {
            if !self.process_input(slot) {
                return;
            }
            let Some(connection) = self.connections.at(slot) else { return };
            connection.ended |= ended;
            connection.unread = true;
            if round == READS_PER_TURN {
                return self.revisit(slot);
            }
            let read = match connection.stream.read(buffer) {
                Ok(0) => return self.close(slot),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    connection.unread = false;
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return self.close(slot),
            };
            self.figures().read_bytes.add(read as u64);
            // What others wrote before these bytes were sent must be seen by what they ask.
            self.catch_up();
            let goes_on = self.take_bytes(slot, &buffer[..read]);
            if read < buffer.len() && !ended {
                if let Some(connection) = self.connections.at(slot) {
                    connection.unread = false;
                }
                return;
            }
            if !goes_on {
                return;
            }
        }
    }

    /// Works on bytes that came earlier. `false`: the connection is gone, or must wait before it may be read from.
    fn process_input(&mut self, slot: u32) -> bool {
        if !self.may_read(slot) {
            return false;
        }
        let Some(connection) = self.connections.at(slot) else { return false };
        let input = std::mem::take(&mut connection.input);
        let consumed = match self.process(slot, &input) {
            Ok(consumed) => consumed,
            Err(()) => {
                self.close(slot);
                return false;
            }
        };
        self.keep_rest(slot, input, consumed)
    }

    /// Works on bytes that have just come. Returns as [`Reactor::process_input`] does.
    fn take_bytes(&mut self, slot: u32, bytes: &[u8]) -> bool {
        let Some(connection) = self.connections.at(slot) else { return false };
        if !connection.input.is_empty() {
            connection.input.extend_from_slice(bytes);
            return self.process_input(slot);
        }
        match self.process(slot, bytes) {
            Ok(consumed) if consumed == bytes.len() => self.may_read(slot),
            Ok(consumed) => self.keep_rest(slot, bytes[consumed..].to_vec(), 0),
            Err(()) => {
                self.close(slot);
                false
            }
        }
    }

    fn keep_rest(&mut self, slot: u32, input: Vec<u8>, consumed: usize) -> bool {
        let Some(connection) = self.connections.at(slot) else { return false };
        if consumed < input.len() {
            connection.keep_input(input, consumed);
        }
        self.may_read(slot)
    }

    /// Whether the connection's next frame may be looked at.
    fn may_read(&mut self, slot: u32) -> bool {
        let too_many_writes = self.outstanding as u64 + self.outstanding_elsewhere > self.settings.outstanding_max;
        // Where memory is scarce, what a connection has asked for goes before what it asks next.
        let is_scarce = self.memory.is_scarce();
        let (output_max, pending_bytes_max) = if is_scarce { (0, 0) } else { (OUTPUT_PAUSE, PENDING_BYTES_MAX) };
        let Some(connection) = self.connections.at(slot) else { return false };
        let stage_allows = matches!(connection.stage, Stage::Handshake | Stage::Established);
        let must_wait = connection.starved
            || connection.counts
            || connection.unwritten() > output_max
            || connection.pending.len() >= PENDING_MAX
            || (connection.waiting_bytes() > pending_bytes_max && !connection.pending.is_empty())
            || (too_many_writes && connection.in_flight > 0);
        stage_allows && !must_wait
    }

    /// Whether there is room for a request on the way to the replica. If not, the connection is served again when there is
    /// some. What the reactor answers itself needs none.
    fn has_room(&mut self, slot: u32) -> bool {
        if self.submission.is_full() {
            self.submit();
        }
        let is_full = self.submission.is_full();
        if is_full {
            self.starve(slot);
        }
        !is_full
    }

    /// Does what whole frames say, and returns how many bytes they were.
    fn process(&mut self, slot: u32, bytes: &[u8]) -> Result<usize, ()> {
        let mut at = 0;
        while at < bytes.len() {
            if !self.may_read(slot) {
                break;
            }
            match self.step(slot, &bytes[at..]) {
                Progress::Consumed(count) => {
                    at += count;
                    self.relieve();
                }
                Progress::Wait => break,
                Progress::Close => return Err(()),
            }
        }
        if at > 0
            && let Some(connection) = self.connections.at(slot)
        {
            connection.note_progress(self.now);
        }
        Ok(at)
    }

    fn step(&mut self, slot: u32, bytes: &[u8]) -> Progress {
        let Some(connection) = self.connections.at(slot) else { return Progress::Wait };
        let in_handshake = connection.stage == Stage::Handshake;
        if in_handshake
            && let Some(prefix) = bytes.first_chunk::<PREFIX>()
            && let Some(word) = four_letter::recognise(*prefix)
        {
            self.answer_word(slot, word);
            return Progress::Consumed(bytes.len());
        }
        let length_max = self.settings.frame_max;
        let payload = match frame::first(bytes, length_max) {
            Ok(Some(payload)) => payload,
            Ok(None) => match self.limits.large.foresee(frame::announced(bytes)) {
                Ok(()) => return Progress::Wait,
                Err(NoRoom) => return Progress::Close,
            },
            Err(BadLength(length)) => {
                let address = connection.address;
                tracing::info!(%address, length, max = length_max, "a frame of this length is not taken; the connection was closed");
                return Progress::Close;
            }
        };
        if self.submission.is_full() && (in_handshake || needs_replica(payload)) && !self.has_room(slot) {
            return Progress::Wait;
        }
        let verdict = if in_handshake { self.handshake(slot, payload) } else { self.request_frame(slot, payload) };
        match verdict {
            Verdict::Keep => Progress::Consumed(PREFIX + payload.len()),
            Verdict::Close => Progress::Close,
        }
    }

    fn handshake(&mut self, slot: u32, payload: &[u8]) -> Verdict {
        let Ok(request) = ConnectRequest::read(payload) else { return Verdict::Close };
        self.note_received(slot);
        let zxid = self.zxid;
        let settings = self.settings.clone();
        let Some(connection) = self.connections.at(slot) else { return Verdict::Close };
        let handshake = match request.session {
            0 if settings.local_sessions => Handshake::Local,
            0 => Handshake::Global,
            _ => Handshake::Renew,
        };
        if !self.limits.admits(handshake, self.now) {
            tracing::debug!(address = %connection.address, "too many handshakes in this time; a connection was closed");
            return Verdict::Close;
        }
        if request.last_zxid_seen > zxid {
            tracing::info!(
                address = %connection.address,
                seen = format_args!("0x{:x}", request.last_zxid_seen),
                known = format_args!("0x{zxid:x}"),
                "a client has seen more than this server knows; it must try another"
            );
            return Verdict::Close;
        }
        let timeout = request.timeout.max(settings.session_timeout_min).min(settings.session_timeout_max);
        connection.with_flag = request.read_only.is_some();
        connection.timeout = timeout;
        connection.stage = Stage::Establishing;
        connection.known = true;
        connection.greeted = self.now;
        let id = connection.id;
        let kind = if request.session == 0 {
            RequestKind::Connect { timeout }
        } else {
            let password_matches = matches_password(request.session, request.password);
            if !password_matches {
                tracing::warn!(
                    address = %connection.address,
                    session = format_args!("0x{:x}", request.session),
                    "a client came back with a wrong password for its session; it was refused"
                );
            }
            RequestKind::Reattach { timeout, password_matches }
        };
        self.request(id, request.session, false, kind);
        Verdict::Keep
    }

    fn request_frame(&mut self, slot: u32, payload: &[u8]) -> Verdict {
        let mut reader = Reader::new(payload);
        let Ok(header) = RequestHeader::read(&mut reader) else { return Verdict::Close };
        let body = reader.rest();
        self.figures().received.add(1);
        let Some(connection) = self.connections.at(slot) else { return Verdict::Close };
        connection.tally.received += 1;
        let (address, session) = (connection.address, connection.session);
        if !connection.heard {
            connection.heard = true;
            self.heard.push(slot);
        }
        if !self.may_ask(slot, header.opcode) {
            tracing::warn!(
                %address,
                session = format_args!("0x{session:x}"),
                "a client asked before it had proven who it is, as it must here; its connection was closed"
            );
            self.refuse(slot, header.xid, 0, Code::SessionClosedRequireAuth);
            return Verdict::Keep;
        }
        let Ok(large) = self.limits.large.take(payload.len()) else { return Verdict::Close };
        let verdict = self.dispatch(slot, header, body);
        if large > 0 {
            self.hold_large(slot, large);
        }
        verdict
    }

    /// Where authentication is enforced, whoever has not proven who it is may do nothing else.
    fn may_ask(&mut self, slot: u32, opcode: i32) -> bool {
        let schemes = &self.settings.enforced_schemes;
        if schemes.is_empty() || matches!(opcode, opcode::AUTH | opcode::SASL) {
            return true;
        }
        let connection = self.connections.at(slot);
        connection.is_some_and(|connection| connection.ids.iter().any(|id| schemes.contains(&id.scheme)))
    }

    /// The request that has just been dispatched has a share of the limit, for as long as it waits.
    fn hold_large(&mut self, slot: u32, taken: usize) {
        let last = self.connections.at(slot).and_then(|connection| connection.pending.back_mut());
        match last {
            Some(Pending::Write { large, .. } | Pending::Read { large, .. }) if *large == 0 => *large = taken,
            _ => self.limits.large.release(taken),
        }
    }

    fn dispatch(&mut self, slot: u32, header: RequestHeader, body: &[u8]) -> Verdict {
        let Some(connection) = self.connections.at(slot) else { return Verdict::Keep };
        // From here on, not from the answer on: what comes behind it in one piece is asked for already.
        connection.keeper |= keeper::asks(header.opcode, body);
        let keeper = connection.keeper;
        match header.opcode {
            opcode if read::is_read(opcode) || (keeper && keeper::is_read(opcode)) => self.read(slot, header, body),
            opcode if keeper && keeper::is_write(opcode) => self.write(slot, header, body),
            opcode::CREATE
            | opcode::CREATE2
            | opcode::CREATE_CONTAINER
            | opcode::CREATE_TTL
            | opcode::DELETE
            | opcode::SET_DATA
            | opcode::SET_ACL
            | opcode::RECONFIG
            | opcode::MULTI => self.write(slot, header, body),
            opcode::SYNC => self.sync(slot, header, body),
            opcode::GET_EPHEMERALS => self.get_ephemerals(slot, header, body),
            opcode::CLOSE_SESSION => self.close_session(slot, header),
            opcode::AUTH => return self.authenticate(slot, header, body),
            opcode::SASL => return self.negotiate(slot, header, body),
            _ => self.refuse(slot, header.xid, -1, Code::Unimplemented),
        }
        Verdict::Keep
    }

    fn read(&mut self, slot: u32, header: RequestHeader, body: &[u8]) {
        let RequestHeader { xid, opcode } = header;
        let waits = self.ahead.is_some() && self.waits_for_version(slot, opcode, body);
        let Reactor { connections, reader, held, watches, settings, zxid, now, .. } = self;
        let Some(connection) = connections.at(slot) else { return };
        if waits || !connection.pending.is_empty() {
            // It will be run on a version that is not older than the one ahead.
            let view = held.as_ref().map_or_else(|| reader.view(), |release| reader.view_ahead(&release.root));
            let weight = read::weight(view, opcode, body);
            connection.pending_bytes += weight;
            connection.counts = opcode == opcode::GET_ALL_CHILDREN_NUMBER;
            connection.bodies.push(body);
            connection.pending.push_back(Pending::Read {
                weight,
                xid,
                opcode,
                body: body.len(),
                ids: connection.ids.list(),
                received: *now,
                large: 0,
            });
            return;
        }
        let Connection { ids, output, keeper, .. } = connection;
        let mut context = ReadContext {
            view: reader.view(),
            zxid: *zxid,
            authority: &settings.authority,
            watches,
            frame_max: settings.frame_max,
        };
        match read::answer(&mut context, ReadCaller { slot, ids, keeper: *keeper }, xid, opcode, body, output.tail()) {
            ControlFlow::Break(count) => self.postpone_count(slot, xid, count, self.now),
            ControlFlow::Continue(()) => {
                self.note_answer(slot, Some(opcode), xid, self.now);
                self.mark_dirty(slot);
            }
        }
    }

    fn write(&mut self, slot: u32, header: RequestHeader, body: &[u8]) {
        let range = self.append_body(body);
        let Some(connection) = self.connections.at(slot) else { return };
        let (ids, keeper) = (connection.ids.list(), connection.keeper);
        let kind = RequestKind::Write { xid: header.xid, opcode: header.opcode, body: range, ids, keeper };
        self.await_replica(slot, header.opcode, kind);
    }

    fn sync(&mut self, slot: u32, header: RequestHeader, body: &[u8]) {
        let range = self.append_body(body);
        self.await_replica(slot, header.opcode, RequestKind::Sync { xid: header.xid, body: range });
    }

    /// Whose an ephemeral is, the replica knows, and no version of the tree tells quickly.
    fn get_ephemerals(&mut self, slot: u32, header: RequestHeader, body: &[u8]) {
        let range = self.append_body(body);
        self.await_replica(slot, header.opcode, RequestKind::Ephemerals { xid: header.xid, body: range });
    }

    fn close_session(&mut self, slot: u32, header: RequestHeader) {
        self.await_replica(slot, header.opcode, RequestKind::CloseSession { xid: header.xid });
        if let Some(connection) = self.connections.at(slot) {
            connection.stage = Stage::Leaving;
        }
    }

    fn append_body(&mut self, body: &[u8]) -> std::ops::Range<u32> {
        let bytes = &mut self.submission.bytes;
        let start = bytes.len() as u32;
        bytes.extend_from_slice(body);
        start..bytes.len() as u32
    }

    fn await_replica(&mut self, slot: u32, opcode: i32, kind: RequestKind) {
        let received = self.now;
        let Some(connection) = self.connections.at(slot) else { return };
        let fence = connection
            .pending
            .iter()
            .rev()
            .take_while(|entry| !matches!(entry, Pending::Write { .. }))
            .any(|entry| matches!(entry, Pending::Read { .. }));
        let (id, session) = (connection.id, connection.session);
        connection.pending.push_back(Pending::Write { opcode, received, large: 0 });
        connection.in_flight += 1;
        self.outstanding += 1;
        self.figures().outstanding.set(self.outstanding as u64);
        self.request(id, session, fence, kind);
    }

    /// Credentials count from now on; the reply keeps its place behind what is pending.
    fn authenticate(&mut self, slot: u32, header: RequestHeader, body: &[u8]) -> Verdict {
        let Ok(request) = Auth::read(&mut Reader::new(body)) else { return Verdict::Close };
        let scheme = request.scheme.unwrap_or_default();
        let settings = self.settings.clone();
        let Some(connection) = self.connections.at(slot) else { return Verdict::Close };
        let (address, session) = (connection.address, connection.session);
        match settings.authority.authenticate(&scheme, request.credential) {
            Err(code) => {
                let session = format_args!("0x{session:x}");
                let scheme = SCHEMES.into_iter().find(|known| *known == scheme).unwrap_or("unknown");
                tracing::warn!(%address, session, scheme, "authentication failed; the connection was closed");
                self.refuse(slot, header.xid, 0, code);
            }
            Ok(proven) => {
                if connection.ids.prove(proven).is_err() {
                    tracing::warn!(
                        %address,
                        session = format_args!("0x{session:x}"),
                        "a client proved more identities than are kept; authentication failed and the connection was closed"
                    );
                    self.refuse(slot, header.xid, 0, Code::AuthFailed);
                    return Verdict::Keep;
                }
                self.answer_in_turn(slot, header.xid, &[]);
            }
        }
        Verdict::Keep
    }

    /// SASL is not set up, and ZooKeeper says so with a token that is null, whatever the client's was.
    fn negotiate(&mut self, slot: u32, header: RequestHeader, body: &[u8]) -> Verdict {
        let Ok(Some(_)) = Reader::new(body).buffer() else { return Verdict::Close };
        let mut token = Vec::new();
        token.put_buffer(None);
        self.answer_in_turn(slot, header.xid, &token);
        Verdict::Keep
    }

    /// A reply without a transaction or a view, behind those to what came before it.
    fn answer_in_turn(&mut self, slot: u32, xid: i32, body: &[u8]) {
        let Some(connection) = self.connections.at(slot) else { return };
        let mut bytes = Vec::new();
        reply::write(xid, 0, 0, body, &mut bytes);
        if connection.pending.is_empty() {
            connection.output.tail().extend_from_slice(&bytes);
            self.mark_dirty(slot);
        } else {
            connection.pending.push_back(Pending::Ready(ShortReply::new(&bytes)));
        }
        self.note_sent(slot);
    }

    /// An error that ends the connection.
    fn refuse(&mut self, slot: u32, xid: i32, zxid: i64, code: Code) {
        if let Some(connection) = self.connections.at(slot) {
            reply::write(xid, zxid, code.number(), &[], connection.output.tail());
            self.note_sent(slot);
            self.flush_and_close(slot);
        }
    }
}

/// Whether a request goes to the replica, or may; one that cannot be read does not.
fn needs_replica(payload: &[u8]) -> bool {
    RequestHeader::read(&mut Reader::new(payload)).is_ok_and(|RequestHeader { opcode, .. }| {
        !read::is_read(opcode) && !keeper::is_read(opcode) && !matches!(opcode, opcode::AUTH | opcode::SASL)
    })
}

fn matches_password(session: i64, password: Option<&[u8]>) -> bool {
    let expected: [u8; PASSWORD] = password_of(session);
    password.is_some_and(|password| password == expected)
}

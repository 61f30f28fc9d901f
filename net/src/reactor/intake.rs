//! What comes in: bytes to frames, frames to answers or to the turn's submission.

use std::io::{ErrorKind, Read};
use std::ops::ControlFlow;

use mio::event::Event;
use paddock_engine::constant_time;
use paddock_engine::error::Code;
use paddock_engine::jute::Reader;
use paddock_engine::request::{RequestHeader, opcode};

use super::authentication::authenticate;
use super::clients::Clients;
use super::handshake::{self, Outcome};
use super::ledger::Ledger;
use super::releases::Releases;
use super::sasl::negotiate;
use super::slow;
use super::view::ReactorView;
use super::words;
use crate::connect::{ConnectRequest, PASSWORD, password_of};
use crate::connection::{Connection, Stage};
use crate::exchange::RequestKind;
use crate::four_letter::{self, Word};
use crate::frame::{self, BadLength, PREFIX};
use crate::keeper;
use crate::limits::NoRoom;
use crate::pending::PendingRead;
use crate::read::{self, ReadCaller};
use crate::serving::Serve;
use crate::throttle::Handshake;

/// How many times one socket is read from before others have their turn.
const READS_PER_TURN: usize = 4;

/// What to do with a connection after its frame was looked at.
#[derive(PartialEq, Eq)]
enum Verdict {
    Keep,
    /// The client has broken the protocol, or is refused without an answer.
    Close,
}

/// Why no more frames of a connection are looked at for now.
enum Stopped {
    /// All of them were, or the connection holds more memory than before: the sum is to be looked at.
    Settled,
    /// The connection must wait, or the rest of a frame has not come.
    Wait,
    /// In place of a handshake a four-letter word has come, and nothing that comes behind it is looked at.
    Word(Word),
    /// The next frame goes to the replica, and the submission has no room for it.
    NeedsRoom,
    /// The connection must be closed.
    Close,
}

/// A poll tells that something can be read from a connection, or written to it.
pub fn take_event(clients: &mut Clients, releases: &mut Releases, event: &Event, slot: u32, buffer: &mut [u8]) {
    let Some((connection, ledger)) = clients.at(slot) else { return };
    if event.is_writable() && connection.unwritten() > 0 {
        ledger.write_to(connection);
    }
    if event.is_error() {
        ledger.figures.own().dropped.add(1);
        return clients.close(slot);
    }
    if event.is_readable() || event.is_read_closed() {
        // No other event will tell of these bytes: if they have to wait now, it must be known later that they are there.
        connection.unread = true;
        connection.ended |= event.is_read_closed();
        serve(clients, releases, slot, event.is_read_closed(), buffer);
    }
}

/// Serves a connection that had to wait, or was not read to its end.
pub fn serve_again(clients: &mut Clients, releases: &mut Releases, slot: u32, buffer: &mut [u8]) {
    let Some((connection, _)) = clients.at(slot) else { return };
    connection.lists.to_serve.clear();
    let ended = connection.ended;
    serve(clients, releases, slot, ended, buffer);
}

/// Goes on with the TLS handshake of a connection, whose turn it is, and serves it if that is over.
pub fn shake_hands(clients: &mut Clients, releases: &mut Releases, slot: u32, buffer: &mut [u8]) {
    let Some((connection, _)) = clients.at(slot) else { return };
    // The slot may be another connection's by now.
    if connection.lists.to_shake.clear() {
        let ended = connection.ended;
        serve_now(clients, releases, slot, ended, buffer);
    }
}

/// Reads from the socket and does what the frames say. `ended`: the client has closed its side, so that the socket is read
/// until its end is found.
fn serve(clients: &mut Clients, releases: &mut Releases, slot: u32, ended: bool, buffer: &mut [u8]) {
    match clients.at(slot) {
        Some((connection, ledger)) if connection.shakes_hands => ledger.shake_hands_later(connection),
        _ => serve_now(clients, releases, slot, ended, buffer),
    }
}

fn serve_now(clients: &mut Clients, releases: &mut Releases, slot: u32, ended: bool, buffer: &mut [u8]) {
    read_and_process(clients, releases, slot, ended, buffer);
    // Part of what has come may have to wait, and is memory.
    if let Some((connection, ledger)) = clients.at(slot) {
        ledger.settle(connection);
    }
    clients.relieve();
}

fn read_and_process(clients: &mut Clients, releases: &mut Releases, slot: u32, ended: bool, buffer: &mut [u8]) {
    for round in 0.. {
        if !process_input(clients, releases, slot) {
            return;
        }
        let Some((connection, ledger)) = clients.at(slot) else { return };
        connection.ended |= ended;
        connection.unread = true;
        if round == READS_PER_TURN {
            return ledger.serve_again(connection);
        }
        let read = connection.stream.read(buffer);
        if connection.shakes_hands {
            match handshake::note(connection, ledger, &read) {
                Outcome::GoesOn => {}
                Outcome::Refused => return clients.refuse(slot),
                Outcome::NotTls => return clients.close(slot),
            }
        }
        let read = match read {
            Ok(0) => {
                ledger.figures.own().dropped.add(1);
                return clients.close(slot);
            }
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                connection.unread = false;
                if connection.unwritten() > 0 {
                    ledger.write_to(connection);
                }
                return;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => {
                ledger.figures.own().dropped.add(1);
                return clients.close(slot);
            }
        };
        ledger.untold.note_read(read);
        // What others wrote before the client sent these bytes must be seen by what it asks.
        releases.catch_up(clients);
        let goes_on = take_bytes(clients, releases, slot, &buffer[..read]);
        if read < buffer.len() && !ended {
            let Some((connection, _)) = clients.at(slot) else { return };
            connection.unread = connection.stream.has_more();
            if !connection.unread {
                return;
            }
        }
        if !goes_on {
            return;
        }
    }
}

/// Works on bytes that came earlier. Returns whether the connection may be read from; it may be gone, or have to wait.
fn process_input(clients: &mut Clients, releases: &mut Releases, slot: u32) -> bool {
    if !may_read(clients, slot) {
        return false;
    }
    let Some((connection, _)) = clients.at(slot) else { return false };
    let input = std::mem::take(&mut connection.input);
    let Some(consumed) = process(clients, releases, slot, &input) else {
        clients.close(slot);
        return false;
    };
    keep_rest(clients, slot, input, consumed)
}

/// Works on bytes that have just come. Returns as [`process_input`] does.
fn take_bytes(clients: &mut Clients, releases: &mut Releases, slot: u32, bytes: &[u8]) -> bool {
    let Some((connection, _)) = clients.at(slot) else { return false };
    if !connection.input.is_empty() {
        connection.input.extend_from_slice(bytes);
        return process_input(clients, releases, slot);
    }
    match process(clients, releases, slot, bytes) {
        Some(consumed) if consumed == bytes.len() => may_read(clients, slot),
        Some(consumed) => keep_rest(clients, slot, bytes[consumed..].to_vec(), 0),
        None => {
            clients.close(slot);
            false
        }
    }
}

fn keep_rest(clients: &mut Clients, slot: u32, input: Vec<u8>, consumed: usize) -> bool {
    let Some((connection, _)) = clients.at(slot) else { return false };
    if consumed < input.len() {
        connection.keep_input(input, consumed);
    }
    may_read(clients, slot)
}

/// Whether the connection is there, and its next frame may be looked at.
fn may_read(clients: &mut Clients, slot: u32) -> bool {
    let allowance = clients.ledger.allowance();
    clients.at(slot).is_some_and(|(connection, ledger)| ledger.may_read(connection, allowance))
}

/// Does what whole frames say, and returns how many bytes they were; `None`: the connection must be closed.
fn process(clients: &mut Clients, releases: &mut Releases, slot: u32, bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        let Some((connection, ledger)) = clients.at(slot) else { break };
        let (consumed, stopped) = take_frames(connection, ledger, &mut releases.view, &bytes[at..]);
        at += consumed;
        match stopped {
            Stopped::Settled => {}
            Stopped::Word(word) => {
                let behind = &bytes[at + PREFIX..];
                at = bytes.len();
                words::answer(clients, slot, word, behind);
            }
            Stopped::NeedsRoom if clients.has_room(slot) => {}
            Stopped::Wait | Stopped::NeedsRoom => break,
            Stopped::Close => return None,
        }
        clients.relieve();
    }
    if at > 0
        && let Some((connection, ledger)) = clients.at(slot)
    {
        connection.note_progress(ledger.now());
    }
    Some(at)
}

/// Does what whole frames say, and returns how many bytes they were and why there are no more.
///
/// What a connection is allowed, and whether memory has to be made free, follow from the sum of the reactor's memory. While
/// frames of one connection are looked at, that changes with the memory of this connection alone. So both are looked at when
/// the account of the connection has changed, and not for each frame.
#[inline]
fn take_frames(
    connection: &mut Connection,
    ledger: &mut Ledger,
    view: &mut ReactorView,
    bytes: &[u8],
) -> (usize, Stopped) {
    let allowance = ledger.allowance();
    let counted = connection.account.counted();
    let mut at = 0;
    while at < bytes.len() && connection.account.counted() == counted {
        if !ledger.may_read(connection, allowance) {
            return (at, Stopped::Wait);
        }
        match step(connection, ledger, view, &bytes[at..]) {
            Ok(consumed) => at += consumed,
            Err(stopped) => return (at, stopped),
        }
    }
    (at, Stopped::Settled)
}

/// Does what the first frame says, and returns how many bytes it was.
#[inline]
fn step(
    connection: &mut Connection,
    ledger: &mut Ledger,
    view: &mut ReactorView,
    bytes: &[u8],
) -> Result<usize, Stopped> {
    let in_handshake = connection.stage == Stage::Handshake;
    if in_handshake
        && let Some(prefix) = bytes.first_chunk::<PREFIX>()
        && let Some(word) = four_letter::recognise(*prefix)
    {
        return Err(Stopped::Word(word));
    }
    let length_max = ledger.settings.frame_max;
    let payload = match frame::first(bytes, length_max) {
        Ok(Some(payload)) => payload,
        Ok(None) => match ledger.limits.large.foresee(frame::announced(bytes)) {
            Ok(()) => return Err(Stopped::Wait),
            Err(NoRoom) => {
                ledger.figures.own().large_rejected.add(1);
                return Err(Stopped::Close);
            }
        },
        Err(BadLength(length)) => {
            let address = connection.address;
            tracing::info!(%address, length, max = length_max, "a frame of this length is not taken; the connection was closed");
            return Err(Stopped::Close);
        }
    };
    // What the reactor answers itself needs no room.
    if ledger.submitter.is_full() && (in_handshake || needs_replica(payload)) {
        return Err(Stopped::NeedsRoom);
    }
    let verdict = if in_handshake {
        handshake(connection, ledger, view.zxid(), payload)
    } else {
        request_frame(connection, ledger, view, payload)
    };
    match verdict {
        Verdict::Keep => Ok(PREFIX + payload.len()),
        Verdict::Close => Err(Stopped::Close),
    }
}

fn handshake(connection: &mut Connection, ledger: &mut Ledger, zxid: i64, payload: &[u8]) -> Verdict {
    let Ok(request) = ConnectRequest::read(payload) else { return Verdict::Close };
    ledger.note_received(connection);
    if ledger.serving() == Serve::No {
        return Verdict::Close;
    }
    let handshake = match request.session {
        0 if ledger.settings.local_sessions => Handshake::Local,
        0 => Handshake::Global,
        _ => Handshake::Renew,
    };
    let admission = ledger.limits.admit(handshake, ledger.now());
    ledger.figures.own().handshakes.note(admission);
    if !admission.is_admitted {
        tracing::debug!(address = %connection.address, "too many handshakes in this time; a connection was closed");
        return Verdict::Close;
    }
    if ledger.serving() == Serve::ReadOnly && request.read_only != Some(true) {
        tracing::info!(address = %connection.address, "a client that wants to write is not served while writes are not");
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
    let settings = &ledger.settings;
    let timeout = request.timeout.max(settings.session_timeout_min).min(settings.session_timeout_max);
    connection.with_flag = request.read_only.is_some();
    connection.timeout = timeout;
    connection.stage = Stage::Establishing;
    connection.known = true;
    connection.greeted = ledger.now();
    let kind = if request.session == 0 {
        RequestKind::Connect { timeout }
    } else {
        ledger.figures.own().handshakes.with_session.add(1);
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
    ledger.request(connection.id, request.session, false, kind);
    Verdict::Keep
}

#[inline]
fn request_frame(connection: &mut Connection, ledger: &mut Ledger, view: &mut ReactorView, payload: &[u8]) -> Verdict {
    let mut reader = Reader::new(payload);
    let Ok(header) = RequestHeader::read(&mut reader) else { return Verdict::Close };
    let body = reader.rest();
    ledger.note_received(connection);
    ledger.reports.note_heard(connection);
    if !may_ask(connection, ledger, header.opcode) {
        tracing::warn!(
            address = %connection.address,
            session = format_args!("0x{:x}", connection.session),
            "a client asked before it had proven who it is, as it must here; its connection was closed"
        );
        ledger.refuse(connection, header.xid, 0, Code::SessionClosedRequireAuth);
        return Verdict::Keep;
    }
    let Ok(large) = ledger.limits.large.take(payload.len()) else {
        ledger.figures.own().large_rejected.add(1);
        return Verdict::Close;
    };
    let verdict = dispatch(connection, ledger, view, header, body);
    // The request has a share of the limit for as long as it waits.
    if large > 0 && !connection.pending.hold_large(large) {
        ledger.limits.large.give_back(large);
    }
    verdict
}

/// Whether the connection may ask for this operation. Where authentication is enforced, a client that has not proven who it
/// is may do nothing else.
#[inline]
fn may_ask(connection: &Connection, ledger: &Ledger, opcode: i32) -> bool {
    let schemes = &ledger.settings.enforced_schemes;
    schemes.is_empty()
        || matches!(opcode, opcode::AUTH | opcode::SASL)
        || connection.ids.iter().any(|id| schemes.contains(&id.scheme))
}

#[inline]
fn dispatch(
    connection: &mut Connection,
    ledger: &mut Ledger,
    view: &mut ReactorView,
    header: RequestHeader,
    body: &[u8],
) -> Verdict {
    // From the question on and not from the answer on: a client may have sent more before the answer.
    connection.keeper |= keeper::asks(header.opcode, body);
    let keeper = connection.keeper;
    match header.opcode {
        opcode if read::is_read(opcode) || (keeper && keeper::is_read(opcode)) => {
            read(connection, ledger, view, header, body);
        }
        opcode if keeper && keeper::is_write(opcode) => write(connection, ledger, view, header, body),
        opcode::CREATE
        | opcode::CREATE2
        | opcode::CREATE_CONTAINER
        | opcode::CREATE_TTL
        | opcode::DELETE
        | opcode::SET_DATA
        | opcode::SET_ACL
        | opcode::RECONFIG
        | opcode::MULTI => write(connection, ledger, view, header, body),
        opcode::SYNC if ledger.serving() == Serve::ReadOnly => {
            ledger.reject_in_turn(connection, header.xid, view.zxid(), Code::NotReadOnly);
        }
        opcode::SYNC => {
            let body = ledger.submitter.append_body(body);
            ledger.await_replica(connection, header.opcode, RequestKind::Sync { xid: header.xid, body });
        }
        // The replica has a list of each session's ephemerals. In a version of the tree they would have to be looked for.
        opcode::GET_EPHEMERALS => {
            let body = ledger.submitter.append_body(body);
            ledger.await_replica(connection, header.opcode, RequestKind::Ephemerals { xid: header.xid, body });
        }
        opcode::CLOSE_SESSION => {
            ledger.await_replica(connection, header.opcode, RequestKind::CloseSession { xid: header.xid });
            connection.stage = Stage::Leaving;
        }
        opcode::AUTH => {
            if authenticate(connection, ledger, view, header, body).is_break() {
                return Verdict::Close;
            }
        }
        opcode::SASL => {
            if negotiate(connection, ledger, header, body).is_break() {
                return Verdict::Close;
            }
        }
        _ => ledger.refuse(connection, header.xid, -1, Code::Unimplemented),
    }
    Verdict::Keep
}

#[inline]
fn read(connection: &mut Connection, ledger: &mut Ledger, view: &mut ReactorView, header: RequestHeader, body: &[u8]) {
    let RequestHeader { xid, opcode } = header;
    let waits_for_version = view.is_ahead() && view.must_wait(connection, opcode, body);
    if waits_for_version || !connection.pending.is_empty() {
        return wait_to_read(connection, ledger, view, header, body);
    }
    let caller = ReadCaller { slot: connection.id.slot, ids: &connection.ids, keeper: connection.keeper };
    let mut context = ledger.read_context(view);
    let out = connection.output.tail();
    let start = out.len();
    match read::answer(&mut context, caller, xid, opcode, body, out) {
        ControlFlow::Break(count) => ledger.postpone_count(connection, xid, count, ledger.now()),
        ControlFlow::Continue(()) => {
            let reply = out.len() - start;
            ledger.note_read_reply(opcode, reply);
            if slow::is_long(body.len(), reply)
                && let Some(slow) = ledger.slow_read((opcode, xid), body, reply, ledger.now())
            {
                slow.tell(connection, view.zxid());
            }
            ledger.note_answer_at_once(connection, opcode, xid, view.zxid());
            ledger.owe(connection);
        }
    }
}

/// Keeps a read that has to wait for a write before it, or for the version ahead.
fn wait_to_read(
    connection: &mut Connection,
    ledger: &Ledger,
    view: &ReactorView,
    RequestHeader { xid, opcode }: RequestHeader,
    body: &[u8],
) {
    // It will be run on a version that is not older than the one ahead.
    let weight = read::weight(view.next_tree(), opcode, body);
    let ids = connection.ids.list();
    let read = PendingRead { xid, opcode, body: body.len(), ids, received: ledger.now(), weight, large: 0 };
    connection.pending.push_read(read, body);
}

fn write(connection: &mut Connection, ledger: &mut Ledger, view: &ReactorView, header: RequestHeader, body: &[u8]) {
    let RequestHeader { xid, opcode } = header;
    if ledger.serving() == Serve::ReadOnly {
        return ledger.reject_in_turn(connection, xid, view.zxid(), Code::NotReadOnly);
    }
    let body = ledger.submitter.append_body(body);
    let (ids, keeper) = (connection.ids.list(), connection.keeper);
    ledger.await_replica(connection, opcode, RequestKind::Write { xid, opcode, body, ids, keeper });
}

/// Whether a request goes to the replica, or may go. One that cannot be decoded does not.
fn needs_replica(payload: &[u8]) -> bool {
    RequestHeader::read(&mut Reader::new(payload)).is_ok_and(|RequestHeader { opcode, .. }| {
        !read::is_read(opcode) && !keeper::is_read(opcode) && !matches!(opcode, opcode::AUTH | opcode::SASL)
    })
}

fn matches_password(session: i64, password: Option<&[u8]>) -> bool {
    let expected: [u8; PASSWORD] = password_of(session);
    password.is_some_and(|password| constant_time::equal(password, &expected))
}

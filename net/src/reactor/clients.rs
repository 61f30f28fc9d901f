//! The clients of one reactor: their connections from the first byte to the last, and the [`Ledger`] that is kept of them.
//!
//! Everything that may close a connection is here, and what is done with all connections together.

use std::cmp::Reverse;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::descriptors::Descriptors;
use super::handshake;
use super::ledger::Ledger;
use super::lingering::Lingering;
use super::reactors::Reactors;
use super::token;
use crate::client_tls::PortKind;
use crate::connection::{Connection, Stage};
use crate::connections::Connections;
use crate::exchange::{ConnectionId, RequestKind};
use crate::serving::Period;
use crate::transport::Transport;

/// How many bytes are written to one connection before others have their turn: a client may read as fast as the server
/// writes.
const WRITE_BYTES: usize = 2 * 1024 * 1024;

/// The connections of one reactor, the ledger, and what it takes to open and close connections.
pub struct Clients {
    pub connections: Connections,
    pub ledger: Ledger,
    /// Sockets whose connections this server has ended.
    lingering: Lingering,
    pub reactors: Reactors,
    descriptors: Descriptors,
    /// The registry of the poll that tells of the clients' sockets.
    registry: Registry,
}

impl Clients {
    pub fn new(ledger: Ledger, reactors: Reactors, registry: Registry) -> Clients {
        Clients {
            connections: Connections::default(),
            descriptors: Descriptors::new(ledger.figures.status().clone(), reactors.acceptor().clone()),
            ledger,
            lingering: Lingering::default(),
            reactors,
            registry,
        }
    }

    /// The connection that has a slot, and the ledger.
    #[inline]
    pub fn at(&mut self, slot: u32) -> Option<(&mut Connection, &mut Ledger)> {
        let connection = self.connections.at(slot)?;
        Some((connection, &mut self.ledger))
    }

    /// The connection that is meant, if it is still there, and the ledger.
    pub fn get(&mut self, id: ConnectionId) -> Option<(&mut Connection, &mut Ledger)> {
        let connection = self.connections.get(id)?;
        Some((connection, &mut self.ledger))
    }

    /// A turn begins: takes note of what the other reactors have, and frees memory if all have too much.
    pub fn begin_turn(&mut self) {
        self.ledger.begin_turn();
        self.compare_memory();
        self.relieve();
    }

    /// How many sockets of clients there are, of connections and of those that linger.
    pub fn sockets(&self) -> usize {
        self.connections.len() + self.lingering.len()
    }

    /// Another serving period begins: every connection is closed, and nothing of what they have asked goes on. What they
    /// were told before is written as far as they take it at once. Those that have taken all of it linger, as far as there is
    /// room, so that no reset takes it away from them: something may have come that is not read.
    pub fn begin_period(&mut self, period: Period) {
        self.write_all();
        let slots: Vec<u32> = self.connections.iter().map(|connection| connection.id.slot).collect();
        for slot in slots {
            let is_told = self.at(slot).is_some_and(|(connection, _)| connection.unwritten() == 0);
            if is_told && self.lingering.has_room() { self.finish(slot) } else { self.close(slot) }
        }
        self.ledger.begin_period(period);
    }

    /// Takes up a connection that was accepted.
    pub fn open(&mut self, mut stream: TcpStream, kind: PortKind, (address, port): (IpAddr, u16)) {
        let id = self.connections.next_id();
        let token = token::of_connection(id.slot);
        let registered = stream
            .set_nodelay(true)
            .and_then(|()| self.keep_alive(&stream))
            .and_then(|()| self.registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE));
        if let Err(error) = registered {
            tracing::debug!(%address, %error, "a connection was gone before it was served");
            drop(stream);
            return self.note_turned_away(kind, address);
        }
        let transport = match self.transport(stream, kind) {
            Ok(transport) => transport,
            Err(error) => {
                tracing::error!(%address, %error, "TLS cannot begin; a connection was closed");
                return self.note_turned_away(kind, address);
            }
        };
        let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let connection =
            Connection::new(id, transport, kind == PortKind::Secure, (address, port), self.ledger.now(), wall_ms);
        self.connections.insert(Box::new(connection));
        self.tell_connections();
    }

    fn keep_alive(&self, stream: &TcpStream) -> io::Result<()> {
        if self.ledger.settings.tcp_keep_alive { socket2::SockRef::from(stream).set_keepalive(true) } else { Ok(()) }
    }

    /// What carries the bytes of a connection that came to a port of this kind.
    fn transport(&self, stream: TcpStream, kind: PortKind) -> io::Result<Transport<TcpStream>> {
        match (kind, &self.ledger.settings.tls) {
            (PortKind::Plain, _) => Ok(Transport::plain(stream)),
            (PortKind::Secure, Some(tls)) => Transport::accept(stream, &tls.context()),
            (PortKind::Unified, Some(tls)) => Ok(Transport::detect(stream, &tls.context())),
            (PortKind::Secure | PortKind::Unified, None) => unreachable!("such a port is opened with a context alone"),
        }
    }

    /// Closes a connection that was accepted and counts for its address, and nothing else.
    pub fn turn_away(&self, stream: TcpStream, address: IpAddr) {
        self.descriptors.leave(address);
        self.descriptors.close(stream);
    }

    /// A connection was accepted and is not taken, here or by another reactor: its socket is closed.
    pub fn note_turned_away(&self, kind: PortKind, address: IpAddr) {
        if kind != PortKind::Plain {
            self.ledger.figures.status().tls_handshakes.end();
        }
        self.descriptors.leave(address);
        self.descriptors.note_closed();
    }

    /// Closes a connection after a TLS handshake that has told the client why, if it did: what it was told is not taken away from
    /// it by a reset, as far as there is room.
    pub fn refuse(&mut self, slot: u32) {
        if self.lingering.has_room() { self.finish(slot) } else { self.close(slot) }
    }

    /// Forgets a connection and closes its socket; its session lives on.
    pub fn close(&mut self, slot: u32) {
        if let Some(stream) = self.detach(slot) {
            self.descriptors.close(stream);
        }
    }

    /// Forgets a connection that has been told everything, and waits for the client to close its socket.
    fn finish(&mut self, slot: u32) {
        if let Some(stream) = self.detach(slot) {
            self.lingering.add(stream, self.ledger.now(), &self.registry, &self.descriptors);
        }
    }

    /// Forgets a connection, which counts for its address no more; its session lives on. The caller has the socket closed by
    /// the [`Descriptors`].
    fn detach(&mut self, slot: u32) -> Option<TcpStream> {
        let mut connection = self.connections.remove(slot)?;
        handshake::note_closed(&mut connection, &self.ledger);
        connection.stream.close();
        let Ledger { settings, limits, memory, watches, submitter, reports, .. } = &mut self.ledger;
        self.descriptors.leave(connection.address);
        // A descriptor that is closed right after this is removed from the poll in any case.
        let _ = self.registry.deregister(connection.stream.socket_mut());
        watches.forget(slot);
        memory.forget(&connection.account);
        submitter.forget(&mut connection);
        limits.large.give_back(connection.pending.large());
        reports.note_closed(&connection);
        let has_session = connection.session != 0 || connection.stage == Stage::Establishing;
        if connection.known && (has_session || settings.tells_gone) {
            if settings.tells_gone {
                submitter.tell_gone(connection.id);
            }
            self.ledger.request(connection.id, connection.session, false, RequestKind::Disconnected);
        }
        self.tell_connections();
        Some(connection.stream.into_socket())
    }

    fn tell_connections(&self) {
        self.ledger.figures.own().connections.set(self.connections.len() as u64);
    }

    /// Something has come for a socket that lingers, or its end.
    pub fn drain(&mut self, token: Token) {
        self.lingering.drain(token, &self.descriptors);
    }

    /// Hands the turn's requests to the replica. A full queue keeps them here; no more are decoded until it has room.
    pub fn submit(&mut self) {
        self.ledger.tell_outstanding();
        for slot in self.ledger.submitter.submit(self.ledger.now()) {
            if let Some((connection, ledger)) = self.at(slot) {
                connection.lists.starved.clear();
                ledger.serve_again(connection);
            }
        }
    }

    /// Whether there is room for a request on the way to the replica, or can be made. If not, the connection is served
    /// again when there is some.
    pub fn has_room(&mut self, slot: u32) -> bool {
        if self.ledger.submitter.is_full() {
            self.submit();
        }
        let is_full = self.ledger.submitter.is_full();
        if is_full && let Some((connection, ledger)) = self.at(slot) {
            ledger.submitter.starve(connection);
        }
        !is_full
    }

    /// Tells the replica which sessions were heard, once it is known of all up to the time for it.
    pub fn report(&mut self) {
        let now = self.ledger.now();
        let Ledger { submitter, reports, .. } = &mut self.ledger;
        // What is heard while the last report waits for room goes into the next.
        if reports.is_due() && !submitter.holds_report() {
            submitter.report(reports.take(now, &mut self.connections));
        }
    }

    /// Writes to every connection that has output: once, and more often only for a long reply.
    pub fn write_all(&mut self) {
        let slots = self.ledger.take_to_write();
        self.ledger.tell_counted();
        for slot in &slots {
            self.write_out(*slot);
        }
        // Whoever takes more at once is written to again in the next turn.
        self.ledger.put_back_to_write(slots);
    }

    fn write_out(&mut self, slot: u32) {
        let Some((connection, ledger)) = self.at(slot) else { return };
        connection.lists.to_write.clear();
        let (mut total, in_records) = (0, connection.stream.unwritten());
        while connection.unwritten() > 0 {
            if total == WRITE_BYTES {
                ledger.write_to(connection);
                break;
            }
            match connection.write(WRITE_BYTES - total) {
                Ok(0) if connection.unwritten() > 0 => return self.close(slot),
                Ok(count) => total += count,
                // The poll tells when there is room again.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    connection.output.trim();
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.close(slot),
            }
        }
        if ledger.memory.is_scarce() {
            connection.shrink();
        }
        let has_moved = total > 0 || connection.stream.unwritten() < in_records;
        if has_moved {
            connection.note_progress(ledger.now());
        }
        ledger.settle(connection);
        ledger.untold.note_written(total);
        match connection.stage {
            Stage::Flushing if connection.unwritten() == 0 => self.finish(slot),
            Stage::Flushing if has_moved => connection.progress = ledger.now(),
            // It may have waited for its output to go.
            Stage::Established if has_moved && connection.has_more() => ledger.serve_again(connection),
            _ => {}
        }
    }

    /// Tells the other reactors what this one's connections hold, and takes note of theirs.
    pub fn compare_memory(&mut self) {
        let Ledger { figures, memory, .. } = &mut self.ledger;
        figures.own().connection_bytes.set(memory.held() as u64);
        let elsewhere = figures.sum_elsewhere(|figures| &figures.connection_bytes);
        memory.look(usize::try_from(elsewhere).unwrap_or(usize::MAX));
    }

    /// Keeps the memory of all connections within its bound. To be called wherever a connection may hold more than before,
    /// also in the middle of a turn, since one turn may bring more than the bound. Any connection may be gone afterwards.
    #[inline]
    pub fn relieve(&mut self) {
        if self.ledger.memory.must_look() {
            self.look_at_memory();
        }
    }

    fn look_at_memory(&mut self) {
        self.compare_memory();
        if self.ledger.memory.is_exceeded() {
            self.make_memory();
        }
    }

    fn make_memory(&mut self) {
        if self.ledger.memory.awaits_room() {
            return;
        }
        // Clients may be ready to take what they are owed.
        self.write_all();
        self.compare_memory();
        if !self.ledger.memory.is_exceeded() {
            return;
        }
        if self.ledger.memory.is_beyond_share() {
            self.close_worst();
            self.compare_memory();
        } else {
            // A reactor that has more than its share may be asleep.
            self.reactors.ring_all();
        }
    }

    /// Closes the connections that have held most for longest, until enough memory is free.
    fn close_worst(&mut self) {
        let now = self.ledger.now();
        let memory = &mut self.ledger.memory;
        let mut burdens = Vec::new();
        for connection in self.connections.iter_mut() {
            connection.shrink();
            connection.settle(memory, now);
            // A connection for which nothing waits holds next to nothing.
            if connection.burden() > 0 {
                burdens.push((connection.memory_over_time(now), connection.id.slot));
            }
        }
        burdens.sort_unstable_by_key(|(burden, _)| Reverse(*burden));
        for (_, slot) in burdens {
            if self.ledger.memory.is_relieved() {
                break;
            }
            self.close_for_memory(slot);
        }
    }

    fn close_for_memory(&mut self, slot: u32) {
        let Some((connection, ledger)) = self.at(slot) else { return };
        let max = ledger.settings.connections_bytes_max;
        tracing::warn!(
            address = %connection.address,
            session = format_args!("0x{:x}", connection.session),
            unread = connection.unwritten(),
            unfinished = connection.burden() - connection.unwritten(),
            "what clients do not read, or do not send to the end, takes paddock.connections.maxBytes={max}; the \
             connection that has had most for longest was closed: see why its client does not read, or raise the setting"
        );
        self.close(slot);
    }

    /// Closes the connections that have had their time: those that have not opened a session, those that do not take the last
    /// of their output, and those whose clients have gone while something was waited for.
    pub fn close_late(&mut self) {
        let now = self.ledger.now();
        let Ledger { settings, submitter, reports, .. } = &self.ledger;
        self.lingering.give_up(now, &self.descriptors);
        let deadline = settings.handshake_deadline;
        let is_stuck = submitter.stuck().is_some_and(|since| now.saturating_duration_since(since) > deadline);
        let is_late = |connection: &&Connection| {
            let has_deadline = match connection.stage {
                Stage::Handshake | Stage::Inquiring | Stage::Flushing => true,
                // A client may wait long for its session. If it has given up, it must not keep a descriptor: the session
                // begins without a connection, and expires as any other.
                Stage::Establishing => connection.ended,
                // Likewise for the step of its negotiation.
                Stage::Negotiating => connection.ended,
                // The end of what it has sent cannot be read while requests before it have no room. What has been read of
                // them is executed all the same.
                Stage::Established | Stage::Leaving => connection.ended && is_stuck,
            };
            has_deadline && reports.hearing().waited_since(connection.progress) > deadline
        };
        let late: Vec<u32> = self.connections.iter().filter(is_late).map(|connection| connection.id.slot).collect();
        self.ledger.figures.own().late.add(late.len() as u64);
        for slot in late {
            self.close(slot);
        }
    }
}

#[cfg(test)]
impl Clients {
    pub fn lingering(&self) -> usize {
        self.lingering.len()
    }
}

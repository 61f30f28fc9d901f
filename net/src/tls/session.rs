//! One TLS connection apart from its socket.
//!
//! ```text
//! socket ──► incoming: a record that has not wholly come ──► plaintext: what nobody has taken ──► whoever reads
//! socket ◄── outgoing: records that the socket has not taken ◄── early: what came before the handshake's end ◄── whoever writes
//! ```
//! Records are taken apart where they were read to, which is the second half of the reader's own buffer, and what they say is
//! copied to its first half: while a connection waits for nothing, all four buffers are empty. Each of them has a bound.
//!
//! The handshake goes on whenever somebody reads. It costs far more than anything else that a connection does: whoever serves
//! many sees to it that others have their turn ([`Session::is_handshaking`]).

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    AppDataRecord, ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, CommonState, ServerConfig};

use super::untrusted;

/// The first byte of a TLS connection: its first record is of a handshake.
pub const HANDSHAKE_RECORD: u8 = 0x16;
/// No record is longer, with its header, bytes.
const RECORD_MAX: usize = 5 + 16 * 1024 + 2048;
/// No record says more than this, bytes.
const FRAGMENT_MAX: usize = 16 * 1024;
/// A record is longer by no more than this than what it says, bytes.
const RECORD_OVERHEAD: usize = 64;
/// What a peer may have sent without an end of a record, or of a message of the handshake, bytes.
const INCOMING_MAX: usize = 64 * 1024 + RECORD_MAX;
/// So much is read at a time where the reader's buffer is too short to take records apart in it, bytes.
const SCRATCH: usize = 32 * 1024;
/// No more is made into records while so much of them waits for the socket, bytes.
const OUTGOING_MAX: usize = 64 * 1024;
/// What is kept that was written before the handshake's end, bytes.
const EARLY_MAX: usize = 64 * 1024;
/// An empty buffer keeps the memory that it has up to this, bytes.
const KEEP: usize = 4 * 1024;
/// How many times one read reads from the socket while what comes says nothing.
const READS_MAX: usize = 8;
/// How many records tell the peer why the connection ends.
const ALERTS_MAX: usize = 4;

/// Why a TLS connection cannot go on.
#[derive(Clone, PartialEq, Debug)]
pub enum TlsFailure {
    /// What has come is not TLS.
    NotTls,
    /// A peer sends a record or a message without an end.
    TooLong,
    /// The peer breaks the protocol or is not who it must be, or has said so of us.
    Tls(rustls::Error),
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsFailure::NotTls => f.write_str("what the peer sends is not TLS"),
            TlsFailure::TooLong => write!(f, "a message of the handshake has more than {INCOMING_MAX} bytes"),
            TlsFailure::Tls(error) => f.write_str(&untrusted::words(error)),
        }
    }
}

impl std::error::Error for TlsFailure {}

impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> io::Error {
        io::Error::new(ErrorKind::InvalidData, failure)
    }
}

impl TlsFailure {
    /// The failure that an error of a read or of a write tells, if it was TLS that failed.
    pub fn of(error: &io::Error) -> Option<&TlsFailure> {
        error.get_ref()?.downcast_ref()
    }
}

/// One TLS connection.
pub struct Session {
    records: Records,
    /// What has come and is not a whole record yet, or not a whole message of the handshake.
    incoming: Vec<u8>,
    plaintext: Plaintext,
    /// What was written before the handshake's end.
    early: Vec<u8>,
    /// Whether nothing has come yet.
    is_new: bool,
    /// Whether the last read has stopped before it knew that nothing is left.
    is_unfinished: bool,
    /// Whether the socket has come to its end.
    has_ended: bool,
    failure: Option<TlsFailure>,
    /// The memory of the peer's certificates, bytes.
    certificate_bytes: usize,
}

/// What was said and nobody has taken.
#[derive(Default)]
struct Plaintext {
    bytes: Vec<u8>,
    taken: usize,
}

/// What makes records, takes them apart, and shakes hands; and what it wants to have sent.
struct Records {
    side: Side,
    outgoing: Vec<u8>,
    /// How much of that the socket has taken, bytes.
    sent: usize,
    /// Whether the peer has said that nothing follows.
    is_closed: bool,
}

enum Side {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

/// What records are looked at for.
#[derive(Clone, Copy)]
enum Task<'a> {
    /// What they say.
    Read,
    /// To put this into new ones.
    Write(&'a [u8]),
    /// To say that nothing follows.
    Close,
}

/// How the work goes on.
enum Step {
    Again,
    /// There is nothing more to be done with what has come.
    Done,
    /// The peer has said that nothing follows.
    Closed,
    Failed(rustls::Error),
}

/// How one read from the socket went.
struct Received {
    /// How many bytes of plaintext are in the reader's buffer.
    count: usize,
    /// Whether the socket may have more.
    may_have_more: bool,
}

impl Session {
    /// The side that was connected to.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn server(config: Arc<ServerConfig>) -> Result<Session, TlsFailure> {
        let connection = UnbufferedServerConnection::new(config).map_err(TlsFailure::Tls)?;
        Ok(Session::new(Side::Server(Box::new(connection))))
    }

    /// The side that connects, to a server of this name. Its first message waits to be written.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn client(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Session, TlsFailure> {
        let connection = UnbufferedClientConnection::new(config, name).map_err(TlsFailure::Tls)?;
        let mut session = Session::new(Side::Client(Box::new(connection)));
        session.is_new = false;
        session.records.run(&mut [], Task::Read, |_| {}).1.map_err(TlsFailure::Tls)?;
        Ok(session)
    }

    fn new(side: Side) -> Session {
        Session {
            records: Records { side, outgoing: Vec::new(), sent: 0, is_closed: false },
            incoming: Vec::new(),
            plaintext: Plaintext::default(),
            early: Vec::new(),
            is_new: true,
            is_unfinished: false,
            has_ended: false,
            failure: None,
            certificate_bytes: 0,
        }
    }

    /// Whether the handshake goes on.
    pub fn is_handshaking(&self) -> bool {
        self.records.common().is_handshaking()
    }

    /// The certificates that the peer has shown, its own first, if the handshake asked for them and it has any.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.records.common().peer_certificates()
    }

    /// How many bytes wait to be written to the socket, or for the handshake.
    pub fn unwritten(&self) -> usize {
        self.records.unwritten() + self.early.len()
    }

    /// How many bytes have come and wait for the rest of a record, or for whoever reads.
    pub fn waiting(&self) -> usize {
        self.incoming.len() + self.plaintext.length()
    }

    /// Memory that is held for this connection, bytes, but for what every connection has.
    pub fn memory(&self) -> usize {
        self.incoming.capacity()
            + self.plaintext.bytes.capacity()
            + self.records.outgoing.capacity()
            + self.early.capacity()
            + self.certificate_bytes
    }

    /// Whether a read may find something, or the end, although no event will tell and the last one has not filled its buffer.
    pub fn has_more(&self) -> bool {
        self.is_unfinished || self.plaintext.length() > 0 || self.is_over()
    }

    /// Frees the memory that is only kept for what may come next.
    pub fn shrink(&mut self) {
        for buffer in [&mut self.incoming, &mut self.early] {
            buffer.shrink_to_fit();
        }
        if self.records.unwritten() == 0 {
            self.records.outgoing = Vec::new();
            self.records.sent = 0;
        }
        if self.plaintext.length() == 0 {
            self.plaintext = Plaintext::default();
        }
    }

    /// Takes in bytes that somebody else has read from the socket, the first ones that came.
    pub fn take_in(&mut self, bytes: &mut [u8]) {
        let Session { records, plaintext, .. } = self;
        let (consumed, outcome) = match bytes.first() {
            Some(&HANDSHAKE_RECORD) => records.run(bytes, Task::Read, |said| plaintext.bytes.extend_from_slice(said)),
            _ => return self.fail(TlsFailure::NotTls),
        };
        self.is_new = false;
        self.incoming.extend_from_slice(&bytes[consumed..]);
        self.note(outcome);
    }

    /// Reads until the buffer is full or the socket has no more for now. What has to be sent for it is sent as far as the socket
    /// takes it. 0: the peer has said that nothing follows, or the socket has ended.
    ///
    /// # Errors
    /// As the socket has them; a [`TlsFailure`]. `Interrupted`: much has come, and it has said nothing.
    pub fn read(&mut self, socket: &mut (impl Read + Write), buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = self.plaintext.take(buffer);
        self.is_unfinished = false;
        for _ in 0..READS_MAX {
            if filled == buffer.len() {
                return Ok(filled);
            }
            if self.is_over() {
                // Why it is over may be told yet.
                self.send(socket);
                return if filled > 0 { Ok(filled) } else { self.end() };
            }
            let received = self.receive(socket, &mut buffer[filled..]);
            self.send(socket);
            match received {
                Ok(Received { count, may_have_more }) => {
                    filled += count;
                    filled += self.plaintext.take(&mut buffer[filled..]);
                    if filled > 0 && !may_have_more {
                        return Ok(filled);
                    }
                }
                Err(error) if filled == 0 => return Err(error),
                // Whatever it is, the socket says it again.
                Err(error) => {
                    self.is_unfinished = error.kind() != ErrorKind::WouldBlock;
                    return Ok(filled);
                }
            }
        }
        self.is_unfinished = true;
        if filled > 0 { Ok(filled) } else { Err(ErrorKind::Interrupted.into()) }
    }

    /// Writes as much as the socket takes, and a little more, which waits in records: see [`Session::unwritten`].
    ///
    /// # Errors
    /// As the socket has them; a [`TlsFailure`].
    pub fn write(&mut self, socket: &mut impl Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        if self.is_handshaking() {
            return self.write_early(slices);
        }
        self.flush(socket)?;
        let mut taken = 0;
        for slice in slices {
            let mut rest = &slice[..];
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(rest.len().min(OUTGOING_MAX));
                self.seal(Task::Write(piece))?;
                (taken, rest) = (taken + piece.len(), behind);
                if self.records.unwritten() >= OUTGOING_MAX && !self.records.flush(socket)? {
                    return Ok(taken);
                }
            }
        }
        self.records.flush(socket)?;
        Ok(taken)
    }

    /// Writes what waits in records.
    ///
    /// # Errors
    /// `WouldBlock` while the socket does not take all of it, and the others that the socket has.
    pub fn flush(&mut self, socket: &mut impl Write) -> io::Result<()> {
        if self.records.flush(socket)? { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    /// Tells the peer that nothing follows, if the socket takes it at once.
    pub fn close(&mut self, socket: &mut impl Write) {
        if self.failure.is_none() && !self.is_handshaking() && self.seal(Task::Close).is_ok() {
            self.send(socket);
        }
    }

    fn write_early(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut taken = 0;
        for slice in slices {
            let room = EARLY_MAX - self.early.len();
            let piece = &slice[..slice.len().min(room)];
            self.early.extend_from_slice(piece);
            taken += piece.len();
        }
        if taken > 0 || slices.iter().all(|slice| slice.is_empty()) {
            Ok(taken)
        } else {
            Err(ErrorKind::WouldBlock.into())
        }
    }

    /// Reads once from the socket and takes apart what came, in the reader's buffer where that is long enough.
    fn receive(&mut self, socket: &mut impl Read, room: &mut [u8]) -> io::Result<Received> {
        let half = room.len() / 2;
        if self.incoming.len() + RECORD_MAX <= half {
            let (plain, cipher) = room.split_at_mut(half);
            return self.receive_into(socket, cipher, Some(plain));
        }
        if self.incoming.len() > INCOMING_MAX {
            return Err(self.failed(TlsFailure::TooLong));
        }
        self.receive_into(socket, &mut vec![0; self.incoming.len() + SCRATCH], None)
    }

    /// `plain` is as long as `cipher`, so that it has room for what that says; without it, the session keeps what is said.
    fn receive_into(
        &mut self,
        socket: &mut impl Read,
        cipher: &mut [u8],
        plain: Option<&mut [u8]>,
    ) -> io::Result<Received> {
        let held = self.incoming.len();
        let read = socket.read(&mut cipher[held..])?;
        if read == 0 {
            self.has_ended = true;
            return Ok(Received { count: 0, may_have_more: false });
        }
        if self.is_new && cipher[0] != HANDSHAKE_RECORD {
            return Err(self.failed(TlsFailure::NotTls));
        }
        self.is_new = false;
        let may_have_more = held + read == cipher.len();
        cipher[..held].copy_from_slice(&self.incoming);
        let cipher = &mut cipher[..held + read];
        let mut count = 0;
        let (consumed, outcome) = match plain {
            Some(plain) => self.records.run(cipher, Task::Read, |said| {
                plain[count..count + said.len()].copy_from_slice(said);
                count += said.len();
            }),
            None => self.records.run(cipher, Task::Read, |said| self.plaintext.bytes.extend_from_slice(said)),
        };
        self.keep(&cipher[consumed..]);
        self.note(outcome);
        Ok(Received { count, may_have_more })
    }

    /// Keeps what is not a whole record.
    fn keep(&mut self, rest: &[u8]) {
        self.incoming.clear();
        if rest.is_empty() && self.incoming.capacity() > KEEP {
            self.incoming = Vec::new();
        }
        self.incoming.extend_from_slice(rest);
    }

    /// Takes up how the records went, and sends on what has waited for the handshake.
    fn note(&mut self, outcome: Result<(), rustls::Error>) {
        if let Err(error) = outcome {
            return self.fail(TlsFailure::Tls(error));
        }
        if !self.is_handshaking() {
            if self.certificate_bytes == 0 {
                self.certificate_bytes =
                    self.peer_certificates().into_iter().flatten().map(|certificate| certificate.len()).sum();
            }
            let early = std::mem::take(&mut self.early);
            // A failure is kept, and told by the next read or write.
            let _ = self.seal(Task::Write(&early));
        }
    }

    /// Puts something into records.
    fn seal(&mut self, task: Task<'_>) -> io::Result<()> {
        let Session { records, plaintext, incoming, .. } = self;
        // The rest of what has come is still there: a message of the handshake in it may be half known.
        let (consumed, outcome) = records.run(incoming, task, |said| plaintext.bytes.extend_from_slice(said));
        incoming.drain(..consumed);
        outcome.map_err(|error| self.failed(TlsFailure::Tls(error)))
    }

    fn failed(&mut self, failure: TlsFailure) -> io::Error {
        self.fail(failure.clone());
        failure.into()
    }

    fn fail(&mut self, failure: TlsFailure) {
        self.records.queue_alerts();
        self.incoming = Vec::new();
        self.failure = Some(failure);
    }

    /// Sends what the socket takes. What goes wrong with the socket, the next read or write tells.
    fn send(&mut self, socket: &mut impl Write) {
        let _ = self.records.flush(socket);
    }

    /// Whether nothing more can come.
    fn is_over(&self) -> bool {
        self.has_ended || self.records.is_closed || self.failure.is_some()
    }

    fn end(&self) -> io::Result<usize> {
        match &self.failure {
            Some(failure) => Err(failure.clone().into()),
            None => Ok(0),
        }
    }
}

impl Plaintext {
    fn length(&self) -> usize {
        self.bytes.len() - self.taken
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.length().min(buffer.len());
        buffer[..count].copy_from_slice(&self.bytes[self.taken..self.taken + count]);
        self.taken += count;
        if self.taken == self.bytes.len() {
            self.taken = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEEP {
                self.bytes = Vec::new();
            }
        }
        count
    }
}

impl Records {
    fn common(&self) -> &CommonState {
        match &self.side {
            Side::Server(connection) => connection,
            Side::Client(connection) => connection,
        }
    }

    fn unwritten(&self) -> usize {
        self.outgoing.len() - self.sent
    }

    /// Takes records apart, in place, and gives out what they say; then does the task. Returns how many bytes are done with.
    fn run(
        &mut self,
        records: &mut [u8],
        task: Task<'_>,
        mut take: impl FnMut(&[u8]),
    ) -> (usize, Result<(), rustls::Error>) {
        let mut consumed = 0;
        loop {
            let rest = &mut records[consumed..];
            let (discard, step) = match &mut self.side {
                Side::Server(connection) => {
                    step(connection.process_tls_records(rest), task, &mut self.outgoing, &mut take)
                }
                Side::Client(connection) => {
                    step(connection.process_tls_records(rest), task, &mut self.outgoing, &mut take)
                }
            };
            consumed += discard;
            match step {
                Step::Again => {}
                Step::Done => return (consumed, Ok(())),
                Step::Closed => self.is_closed = true,
                Step::Failed(error) => return (consumed, Err(error)),
            }
        }
    }

    /// After a failure: takes what the peer is to be told of it.
    fn queue_alerts(&mut self) {
        for _ in 0..ALERTS_MAX {
            // Where there is no alert, what has come would be looked at, and it is not here.
            if !self.common().wants_write() {
                return;
            }
            let _ = match &mut self.side {
                Side::Server(connection) => {
                    step(connection.process_tls_records(&mut []), Task::Read, &mut self.outgoing, &mut |_| {})
                }
                Side::Client(connection) => {
                    step(connection.process_tls_records(&mut []), Task::Read, &mut self.outgoing, &mut |_| {})
                }
            };
        }
    }

    /// Writes what waits. `false`: the socket does not take all of it.
    fn flush(&mut self, socket: &mut impl Write) -> io::Result<bool> {
        while self.unwritten() > 0 {
            match socket.write(&self.outgoing[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.sent = 0;
        self.outgoing.clear();
        if self.outgoing.capacity() > KEEP {
            self.outgoing = Vec::new();
        }
        Ok(true)
    }
}

/// Does what one state of the connection asks for. Returns how many bytes of records are done with.
fn step<Data>(
    UnbufferedStatus { mut discard, state }: UnbufferedStatus<'_, '_, Data>,
    task: Task<'_>,
    outgoing: &mut Vec<u8>,
    take: &mut impl FnMut(&[u8]),
) -> (usize, Step) {
    let step = match state {
        Err(error) => Step::Failed(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut step = Step::Again;
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(AppDataRecord { discard: more, payload, .. }) => {
                        discard += more;
                        take(payload);
                    }
                    Err(error) => {
                        step = Step::Failed(error);
                        break;
                    }
                }
            }
            step
        }
        Ok(ConnectionState::EncodeTlsData(data)) => encode(data, outgoing),
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Step::Again
        }
        Ok(ConnectionState::PeerClosed) => Step::Closed,
        Ok(ConnectionState::WriteTraffic(traffic)) => write_traffic(traffic, task, outgoing),
        Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Step::Done,
        // No configuration here allows data before the handshake.
        Ok(_) => Step::Failed(rustls::Error::General("early data was not offered".into())),
    };
    (discard, step)
}

/// Takes a record that the connection has made by itself.
fn encode<Data>(mut data: EncodeTlsData<'_, Data>, outgoing: &mut Vec<u8>) -> Step {
    let at = outgoing.len();
    // How long it is, the refusal tells.
    let encoded = match data.encode(&mut []) {
        Err(EncodeError::InsufficientSize(size)) => {
            outgoing.resize(at + size.required_size, 0);
            data.encode(&mut outgoing[at..])
        }
        encoded => encoded,
    };
    match encoded {
        Ok(count) => {
            outgoing.truncate(at + count);
            Step::Again
        }
        Err(error) => Step::Failed(rustls::Error::General(error.to_string())),
    }
}

fn write_traffic<Data>(mut traffic: WriteTraffic<'_, Data>, task: Task<'_>, outgoing: &mut Vec<u8>) -> Step {
    let length = match task {
        Task::Read => return Step::Done,
        Task::Write(bytes) => bytes.len(),
        Task::Close => 0,
    };
    let at = outgoing.len();
    let mut room = length + (length / FRAGMENT_MAX + 1) * RECORD_OVERHEAD;
    loop {
        outgoing.resize(at + room, 0);
        let written = match task {
            Task::Read => return Step::Done,
            Task::Write(bytes) => traffic.encrypt(bytes, &mut outgoing[at..]),
            Task::Close => traffic.queue_close_notify(&mut outgoing[at..]),
        };
        match written {
            Ok(count) => {
                outgoing.truncate(at + count);
                return Step::Done;
            }
            Err(EncryptError::InsufficientSize(size)) if size.required_size > room => room = size.required_size,
            Err(error) => {
                outgoing.truncate(at);
                return Step::Failed(rustls::Error::General(error.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests;

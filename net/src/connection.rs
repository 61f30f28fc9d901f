//! One client's connection: its stage, the requests that are not answered, and the output that is not written.
//!
//! ```text
//! Handshake ── connect request ──► Establishing ── the replica's answer ──► Established ── close ──► Leaving
//!     └───── four-letter word ─────────────────────────► Flushing ◄──────────────┴─── refused, bad ────┘
//!                                                            └── all is written ──► lingers, and is no connection any more
//! ```

use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Instant;

use mio::net::TcpStream;
use paddock_engine::acl::{Id, id_of_address};

use crate::exchange::ConnectionId;
use crate::identities::Identities;
use crate::memory::{Account, Memory};
use crate::output::Output;
use crate::pending::PendingRequests;
use crate::sasl::{Negotiation, SaslError};
use crate::slots::Listed;
use crate::tally::Tally;
use crate::transport::Transport;

/// Input that waits keeps the memory that it has up to this, however little of it waits, bytes.
const INPUT_KEEP: usize = 4 * 1024;
/// What a negotiation holds, with what the library of Kerberos keeps for it, about, bytes.
const NEGOTIATION_BYTES: usize = 4 * 1024;
/// A connection with more unwritten output than this is closed when still more comes that it did not ask for, or
/// of reads that waited for a write, bytes.
const OUTPUT_MAX: usize = 64 * 1024 * 1024;

/// Where a connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Nothing but the start of its first frame has come.
    Handshake,
    /// Has asked a four-letter word, and waits for the answer, which another thread makes.
    Inquiring,
    /// Waits for its session; what it sends meanwhile stays unread.
    Establishing,
    Established,
    /// Has sent a SASL token, and waits for the step that another thread takes, or for its end to be told; what it sends
    /// meanwhile stays unread.
    Negotiating,
    /// Has asked for its session's end; nothing more of it is executed.
    Leaving,
    /// Is ended as soon as its output is written.
    Flushing,
}

/// How far a connection's SASL negotiation has come.
pub enum Sasl {
    /// The client's next token is waited for.
    Begun(Box<dyn Negotiation>),
    /// The token waits for the thread that takes it.
    Asks { xid: i32, token: Vec<u8>, negotiation: Box<dyn Negotiation> },
    /// The thread has it, of so many bytes.
    Asked { bytes: usize },
    /// The end waits to be told.
    Delayed { xid: i32, end: SaslEnd },
    /// Nothing may come any more.
    Over,
}

/// How a negotiation has ended.
pub enum SaslEnd {
    /// The client may act as this; the token goes to it.
    Authenticated {
        token: Option<Vec<u8>>,
        authorization_id: String,
    },
    Failed(SaslError),
}

impl Sasl {
    /// Memory that it holds, about, bytes.
    fn memory(&self) -> usize {
        match self {
            Sasl::Asks { .. } | Sasl::Asked { .. } => NEGOTIATION_BYTES + self.token_bytes(),
            Sasl::Begun(_) | Sasl::Delayed { .. } => NEGOTIATION_BYTES,
            Sasl::Over => size_of::<Sasl>(),
        }
    }

    /// Of these a token has so many that waits for its step.
    fn token_bytes(&self) -> usize {
        match self {
            Sasl::Asks { token, .. } => token.capacity(),
            Sasl::Asked { bytes } => *bytes,
            _ => 0,
        }
    }
}

/// In which of its reactor's lists a connection stands.
#[derive(Default)]
pub struct Lists {
    /// Those that have sent a frame since the last report.
    pub heard: Listed,
    /// Those whose next request waits for room in the submission; they are not read from.
    pub starved: Listed,
    /// Those that are to be written to.
    pub to_write: Listed,
    /// Those that are to be served although no event will tell.
    pub to_serve: Listed,
    /// Those whose TLS handshake is to go on.
    pub to_shake: Listed,
}

pub struct Connection {
    pub id: ConnectionId,
    pub stream: Transport<TcpStream>,
    /// Whether it came to `secureClientPort`.
    pub is_secure: bool,
    /// Whether it counts among those whose TLS handshake is under way.
    pub shakes_hands: bool,
    pub address: IpAddr,
    pub port: u16,
    pub stage: Stage,
    /// The id of its session; 0 while it has none.
    pub session: i64,
    /// The timeout of its session as it was negotiated, ms.
    pub timeout: i32,
    /// Whether the handshake had the read-only flag, so that the answer must.
    pub with_flag: bool,
    /// Who the client has proven to be.
    pub ids: Identities,
    /// Its SASL negotiation, if it has begun one.
    pub sasl: Option<Box<Sasl>>,
    /// Whether the client has asked what ClickHouse Keeper's operations there are, and may use them.
    pub keeper: bool,
    /// Bytes that are not a whole frame yet, or that must wait.
    pub input: Vec<u8>,
    pub output: Output,
    pub pending: PendingRequests,
    /// What the sum of the reactor's memory knows of it.
    pub account: Account,
    /// When its handshake came, or the connection itself before that.
    pub greeted: Instant,
    /// When the connection came, or last got rid of output while it is being closed: it must not stand still for ever.
    pub progress: Instant,
    /// Whether the replica has been asked something for it, so that it must hear of the connection's end.
    pub known: bool,
    /// Whether the socket may hold bytes that no event will tell of again.
    pub unread: bool,
    /// Whether the client has closed its side.
    pub ended: bool,
    pub lists: Lists,
    pub tally: Tally,
}

impl Connection {
    /// One that was accepted `now`; `established_ms` is the same by the wall clock, ms.
    pub fn new(
        id: ConnectionId,
        stream: Transport<TcpStream>,
        is_secure: bool,
        (address, port): (IpAddr, u16),
        now: Instant,
        established_ms: u64,
    ) -> Connection {
        Connection {
            id,
            shakes_hands: stream.is_handshaking(),
            stream,
            is_secure,
            address,
            port,
            stage: Stage::Handshake,
            session: 0,
            timeout: 0,
            with_flag: false,
            ids: Identities::new(Id { scheme: "ip".into(), id: id_of_address(address) }),
            sasl: None,
            keeper: false,
            input: Vec::new(),
            output: Output::default(),
            pending: PendingRequests::default(),
            account: Account::default(),
            greeted: now,
            progress: now,
            known: false,
            unread: false,
            ended: false,
            lists: Lists::default(),
            tally: Tally::new(established_ms),
        }
    }

    /// Whether there is something to be served that had to wait.
    pub fn has_more(&self) -> bool {
        self.unread || !self.input.is_empty()
    }

    /// Whether its next frame would be read. After a four-letter word none is.
    pub fn is_read(&self) -> bool {
        matches!(self.stage, Stage::Handshake | Stage::Established) && !self.pending.counts()
    }

    /// Bytes that wait to be written.
    #[inline]
    pub fn unwritten(&self) -> usize {
        self.output.unwritten() + self.stream.unwritten()
    }

    /// Writes once, no more than `max` bytes and what has waited in records, and returns how many bytes of output.
    ///
    /// # Errors
    /// As the stream has them.
    pub fn write(&mut self, max: usize) -> io::Result<usize> {
        if self.output.unwritten() > 0 {
            return self.output.write_to(&mut self.stream, max);
        }
        self.stream.flush().map(|()| 0)
    }

    /// Whether so much waits to be written that the connection is closed rather than owed more.
    pub fn is_far_behind(&self) -> bool {
        self.unwritten() > OUTPUT_MAX
    }

    /// Memory that is held for it alone, bytes: what the client has not read, frames that have not wholly come, requests that
    /// wait, and the client's identities.
    pub fn memory(&self) -> usize {
        self.output_memory() + self.input.capacity() + self.pending.memory() + self.ids.memory() + self.sasl_memory()
    }

    fn sasl_memory(&self) -> usize {
        self.sasl.as_ref().map_or(0, |sasl| sasl.memory())
    }

    /// What of this is its output's and its stream's, bytes.
    #[inline]
    fn output_memory(&self) -> usize {
        self.output.memory() + self.stream.memory()
    }

    /// How many bytes are held because something is waited for, bytes: that the client reads, that it sends the rest of a
    /// frame, or that its writes are answered.
    pub fn burden(&self) -> usize {
        let token = self.sasl.as_ref().map_or(0, |sasl| sasl.token_bytes());
        self.unwritten() + self.input.len() + self.waiting_bytes() + self.stream.waiting() + token
    }

    /// The weight of the reads that wait for writes to be answered, and the memory of the lists of identities that waiting
    /// requests hold, bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.pending.weight() + self.ids.former_bytes()
    }

    /// Takes up in the reactor's sum what has changed with the connection's memory.
    pub fn settle(&mut self, memory: &mut Memory, now: Instant) {
        self.ids.settle();
        self.account.note_burden(self.burden(), now);
        let (held, output) = (self.memory(), self.output_memory());
        memory.settle(&mut self.account, held, output);
    }

    /// Takes up what was added to the output, where nothing else has changed. A turn has many replies for one connection,
    /// and few of them make it take more memory; that it is waited for was noted with the first.
    #[inline]
    pub fn settle_output(&mut self, memory: &mut Memory, now: Instant) {
        if !self.lists.to_write.is_set() || self.output_memory() != self.account.counted_output() {
            self.settle(memory, now);
        }
    }

    /// The client has taken some of its output, or sent a whole frame: it is not the one that is waited for longest.
    pub fn note_progress(&mut self, now: Instant) {
        self.account.note_progress(now);
    }

    /// Its memory times how long it has been waited for, byte milliseconds; not 0 if there is any.
    pub fn memory_over_time(&self, now: Instant) -> u64 {
        (self.memory() as u64).saturating_mul(self.account.burdened_millis(now).max(1))
    }

    /// Keeps bytes that must wait, without much more memory than they are: they may be the rest of many that came.
    pub fn keep_input(&mut self, mut input: Vec<u8>, consumed: usize) {
        input.drain(..consumed);
        if input.capacity() / 4 > input.len().max(INPUT_KEEP) {
            input.shrink_to(INPUT_KEEP);
        }
        self.input = input;
    }

    /// Frees the memory that is only kept for what may come next.
    pub fn shrink(&mut self) {
        self.output.shrink();
        self.stream.shrink();
        self.input.shrink_to_fit();
        self.pending.shrink();
    }
}

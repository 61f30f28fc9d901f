//! The seam to other servers: numbered streams of bytes, of the network or of a simulated one.
//!
//! Nothing here waits, and nothing here is a clock. What can be done now is done; what becomes possible later is told by an
//! event, once: whoever was told that a stream can be read reads until there is nothing, and whoever could not write all
//! waits to be told. So a stream costs nothing while nothing happens on it.

use std::collections::BTreeSet;
use std::fmt;

use paddock_consensus::config::HostPort;
use paddock_consensus::settings::Ms;

/// A stream, or an attempt to get one. No number is ever used twice. An attempt has a higher one than those that were begun
/// before, and who is accepted a higher one than those who were accepted before at the same address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamId(pub u64);

/// Where this server is connected to by others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Port {
    Election,
    Quorum,
    /// Of a follower, for observers: observerMasterPort.
    ObserverMaster,
}

/// Its name, for people.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Port::Election => "election",
            Port::Quorum => "quorum",
            Port::ObserverMaster => "observer master",
        })
    }
}

/// A port is open at none of its addresses, and was tried as often as an operator wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CannotListen {
    pub port: Port,
    pub addresses: Vec<HostPort>,
    pub tries: u32,
    /// What the system says, and what to do.
    pub why: String,
}

impl fmt::Display for CannotListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<String> = self.addresses.iter().map(HostPort::to_string).collect();
        write!(
            f,
            "the {} port {} could not be opened in {} tries, so that this server cannot be part of its ensemble \
             (electionPortBindRetry is how often it is tried, 0 for ever): {}",
            self.port,
            addresses.join(" and "),
            self.tries,
            self.why
        )
    }
}

/// What has happened to a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamEvent {
    /// Somebody has connected; `from` is an address for people to read. It may have sent something already.
    Accepted { port: Port, stream: StreamId, from: Box<str> },
    /// An attempt has succeeded.
    Connected(StreamId),
    /// An attempt has failed: the stream is none any more.
    Refused(StreamId),
    /// There may be something to read, or the other side has ended the stream.
    Readable(StreamId),
    /// A stream that did not take all takes bytes again.
    Writable(StreamId),
    /// What this server has [said first](Links::introduce) was taken, by a server that is who it says.
    Introduced(StreamId),
}

impl StreamEvent {
    /// To which stream it has happened.
    pub fn stream(&self) -> StreamId {
        match self {
            StreamEvent::Accepted { stream, .. }
            | StreamEvent::Connected(stream)
            | StreamEvent::Refused(stream)
            | StreamEvent::Readable(stream)
            | StreamEvent::Writable(stream)
            | StreamEvent::Introduced(stream) => *stream,
        }
    }
}

/// What a read has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// So many bytes, at least one.
    Bytes(usize),
    /// None are here; an event tells when that changes.
    Nothing,
    /// None will come: the other side has ended the stream.
    Ended,
    /// None will come: the stream broke. Whoever was behind it may not have read what was written.
    Broken,
}

/// What a write has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// So many bytes were taken. If these are not all, an event tells when more are taken.
    Bytes(usize),
    /// The stream is broken.
    Ended,
}

/// What has become of what was said first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Introduced {
    Done,
    /// The two sides make sure of each other, and an event tells what comes of it: [`StreamEvent::Introduced`] or
    /// [`StreamEvent::Refused`]. The stream is not read or written to before.
    Awaited,
    /// The stream is broken, or has not taken all of it.
    Failed,
}

pub trait Links {
    /// A turn begins at this moment, which is that of all that is done until the next one: what has happened before is
    /// [polled](Links::poll) in it.
    ///
    /// # Errors
    /// If this server cannot be connected to, and is not to go on without that.
    fn begin_turn(&mut self, now: Ms) -> Result<(), CannotListen>;

    /// Begins an attempt to connect to another server's port at one of these addresses, whichever answers first. Names are looked up anew each time,
    /// and nobody waits for that. Where there are no addresses it is refused. An attempt that nothing becomes of goes on until
    /// it is [closed](Links::close).
    ///
    /// `told` are more addresses, as somebody has said who has connected and may be a stranger: of their names few are looked
    /// up at a time, and those of others do not wait for that.
    fn connect(&mut self, port: Port, addresses: &[HostPort], told: &[HostPort]) -> StreamId;

    /// Opens a port, or closes it; it may be so already. A port that cannot be opened is tried again by whoever is behind the
    /// seam, which says so in the log.
    fn listen(&mut self, port: Port, is_open: bool);

    /// Others connect to a port of this server at these addresses from here on; its connections stay.
    fn move_to(&mut self, port: Port, addresses: &[HostPort]);

    /// # Panics
    /// If `bytes` is empty, or the stream is none.
    fn read(&mut self, stream: StreamId, bytes: &mut [u8]) -> Read;

    /// # Panics
    /// If `bytes` is empty, or the stream is none.
    fn write(&mut self, stream: StreamId, bytes: &[u8]) -> Written;

    /// Says first who this server is, on a stream to an election port that is connected. A fresh stream takes that whole.
    fn introduce(&mut self, stream: StreamId, words: &[u8]) -> Introduced {
        match self.write(stream, words) == Written::Bytes(words.len()) {
            true => Introduced::Done,
            false => Introduced::Failed,
        }
    }

    /// Nothing more is written to a stream, and the other side need not wait for it. Nobody relies on that.
    fn finish(&mut self, _: StreamId) {}

    /// These are the hosts of the servers that belong to the ensemble, or are about to: who proves to be on one of them is let in.
    fn set_hosts(&mut self, _: BTreeSet<Box<str>>) {}

    /// Ends a stream or gives an attempt up. What was written still goes out, as far as the other side takes it. No event
    /// tells of the stream any more.
    fn close(&mut self, stream: StreamId);

    /// The next event that has not been told. All of a turn come to an end.
    fn poll(&mut self) -> Option<StreamEvent>;

    /// Whether a turn has something to begin with at once. It is to be asked after the bell of the thread was told that the
    /// thread goes to sleep: whatever comes later rings.
    fn has_more(&self) -> bool;

    /// When a turn has something to do of which nothing tells: something is tried again, or one more address is dialled.
    fn deadline(&self) -> Option<Ms>;
}

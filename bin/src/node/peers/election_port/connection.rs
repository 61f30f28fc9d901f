//! An established connection of the election port.

use paddock_net::frame::BadLength;
use paddock_net::peer::arriving::Stop;
use paddock_net::peer::incoming::Incoming;
use paddock_net::peer::notification::{BYTES_MAX, read_frame};

use crate::node::peers::links::{Links, Read, StreamId, Written};

/// Bytes that are read at a time.
const READ_BYTES: usize = 16 << 10;
/// Reads of one connection in a turn.
const READS: u32 = 4;

/// What a connection has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Open,
    Ended,
}

#[derive(Debug)]
pub struct Connection {
    pub stream: StreamId,
    incoming: Incoming,
    /// The frame that is being written, and how much of it is.
    frame: Vec<u8>,
    written: usize,
    /// Whether there may be something to read.
    is_readable: bool,
    /// Reads that are left in this turn.
    reads_left: u32,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// A whole frame has come.
    Frame,
    /// Nothing now.
    Nothing,
    /// The other side has ended the connection.
    Ended,
    /// A frame cannot have that length.
    Bad(BadLength),
}

impl Connection {
    /// `rest` is what came behind the initial message.
    pub fn new(stream: StreamId, rest: &[u8]) -> Connection {
        let mut incoming = Incoming::new(BYTES_MAX);
        incoming.extend(rest);
        Connection { stream, incoming, frame: Vec::new(), written: 0, is_readable: true, reads_left: READS }
    }

    pub fn begin_turn(&mut self) {
        self.reads_left = READS;
    }

    /// Something has come, at the begin of a turn.
    pub fn note_readable(&mut self) {
        (self.is_readable, self.reads_left) = (true, READS);
    }

    /// Whether it was not read to its end, because the turn has.
    pub fn has_more(&self) -> bool {
        self.is_readable
    }

    /// Whether all of the last frame is written.
    pub fn is_drained(&self) -> bool {
        self.frame.is_empty()
    }

    /// Writes a frame, or as much of it as is taken.
    ///
    /// # Panics
    /// If the one before is not written.
    pub fn write(&mut self, links: &mut dyn Links, frame: Vec<u8>) -> Outcome {
        assert!(self.is_drained(), "one frame is written after the other");
        self.frame = frame;
        self.go_on(links)
    }

    /// Writes what is left of the frame.
    pub fn go_on(&mut self, links: &mut dyn Links) -> Outcome {
        if self.is_drained() {
            return Outcome::Open;
        }
        match links.write(self.stream, &self.frame[self.written..]) {
            Written::Ended => return Outcome::Ended,
            Written::Bytes(count) => self.written += count,
        }
        if self.written == self.frame.len() {
            (self.frame, self.written) = (Vec::new(), 0);
        }
        Outcome::Open
    }

    /// Reads until a whole frame is there, as far as the turn allows.
    pub fn read(&mut self, links: &mut dyn Links) -> Next {
        loop {
            match read_frame(self.incoming.rest()) {
                Ok(_) => return Next::Frame,
                Err(Stop::Bad(bad)) => return Next::Bad(bad),
                Err(Stop::Incomplete(_)) if !self.is_readable || self.reads_left == 0 => return Next::Nothing,
                Err(Stop::Incomplete(_)) => {}
            }
            let mut bytes = [0; READ_BYTES];
            // There is always room for more of a frame that is not whole.
            let room = self.incoming.room().min(READ_BYTES);
            self.reads_left -= 1;
            match links.read(self.stream, &mut bytes[..room]) {
                Read::Bytes(count) => self.incoming.extend(&bytes[..count]),
                Read::Nothing => self.is_readable = false,
                Read::Ended | Read::Broken => return Next::Ended,
            }
        }
    }

    /// Takes the frame that has come.
    ///
    /// # Panics
    /// If none has.
    pub fn take_frame(&mut self) -> &[u8] {
        self.incoming.next(read_frame).ok().flatten().expect("a whole frame has come")
    }
}

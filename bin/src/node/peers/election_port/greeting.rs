//! A connection that somebody has begun and that has not said who it is.

use paddock_consensus::ServerId;
use paddock_consensus::config::HostPort;
use paddock_consensus::settings::Ms;
use paddock_net::peer::incoming::Incoming;
use paddock_net::peer::initial_message::{BYTES_MAX, BadInitialMessage, InitialMessage};

use crate::node::peers::links::{Links, Read, StreamId};

/// One that has been accepted.
#[derive(Debug)]
pub struct Greeting {
    /// Its address, for people to read.
    pub from: Box<str>,
    /// The initial message must have come by then.
    pub deadline: Ms,
    incoming: Incoming,
}

/// What has come of the initial message.
#[derive(Debug)]
pub enum Heard {
    /// Not all of it.
    Part,
    Whole {
        server: ServerId,
        /// Where it says it can be dialled.
        addresses: Vec<HostPort>,
        /// What came behind.
        rest: Vec<u8>,
    },
    Bad(BadInitialMessage),
    /// The other side has ended the connection without a word: another one was quicker, or it took too long.
    GivenUp,
    /// The other side has ended the connection in the middle.
    Ended,
}

impl Greeting {
    pub fn new(from: Box<str>, deadline: Ms) -> Greeting {
        Greeting { from, deadline, incoming: Incoming::new(BYTES_MAX) }
    }

    /// Reads what has come.
    pub fn read(&mut self, links: &mut dyn Links, stream: StreamId) -> Heard {
        loop {
            match self.incoming.next(InitialMessage::read) {
                Err(bad) => return Heard::Bad(bad),
                Ok(Some(InitialMessage { server, addresses })) => {
                    return Heard::Whole { server, addresses, rest: self.incoming.rest().to_vec() };
                }
                Ok(None) => {}
            }
            let mut bytes = [0; BYTES_MAX];
            let room = self.incoming.room();
            match links.read(stream, &mut bytes[..room]) {
                Read::Bytes(count) => self.incoming.extend(&bytes[..count]),
                Read::Nothing => return Heard::Part,
                Read::Ended | Read::Broken if self.incoming.rest().is_empty() => return Heard::GivenUp,
                Read::Ended | Read::Broken => return Heard::Ended,
            }
        }
    }
}

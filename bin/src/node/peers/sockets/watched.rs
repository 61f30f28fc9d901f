//! What the poll watches for the links.

use std::collections::HashMap;
use std::io;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use paddock_net::reactor::FOREIGN;

use crate::node::peers::links::{Port, StreamId};

/// Tokens from here on are of sockets to other servers. Below are other sources of the same poll.
pub const FIRST_TOKEN: usize = FOREIGN + 16;

/// What a token is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    Listen(Port),
    Stream(StreamId),
}

pub struct Watched {
    registry: Registry,
    uses: HashMap<Token, Use>,
    last_token: usize,
}

impl Watched {
    pub fn new(registry: Registry) -> Watched {
        Watched { registry, uses: HashMap::new(), last_token: FIRST_TOKEN }
    }

    /// Has the poll tell of a source, until the source is dropped. No token is ever given twice, so that an event that comes
    /// late is nobody's.
    pub fn add(&mut self, source: &mut impl Source, used: Use) -> io::Result<Token> {
        let interests = match used {
            Use::Listen(_) => Interest::READABLE,
            Use::Stream(_) => Interest::READABLE | Interest::WRITABLE,
        };
        self.last_token += 1;
        let token = Token(self.last_token);
        self.registry.register(source, token, interests)?;
        self.uses.insert(token, used);
        Ok(token)
    }

    /// The source of this token is dropped.
    pub fn forget(&mut self, token: Token) {
        self.uses.remove(&token);
    }

    /// What the token is for; `None` if its source is gone.
    pub fn used_for(&self, token: Token) -> Option<Use> {
        self.uses.get(&token).copied()
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.uses.len()
    }
}

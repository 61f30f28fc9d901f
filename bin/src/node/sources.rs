//! What wakes the replica's thread, besides its bell: the log, and the word to stop.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use mio::unix::SourceFd;
use mio::{Events, Interest, Registry, Token};
use paddock_net::reactor::FOREIGN;

/// The token of the replica's bell.
pub const BELL: Token = Token(FOREIGN);
const LOG: Token = Token(FOREIGN + 1);
const STOP: Token = Token(FOREIGN + 2);

pub struct Sources {
    /// A pipe that becomes readable when the process is told to stop.
    _stop: OwnedFd,
}

impl Sources {
    /// Has the poll tell when the process is to stop.
    pub fn register(registry: &Registry, stop: OwnedFd) -> io::Result<Sources> {
        registry.register(&mut SourceFd(&stop.as_raw_fd()), STOP, Interest::READABLE)?;
        Ok(Sources { _stop: stop })
    }

    /// Has the poll tell of a log. It forgets another one's descriptors when they are closed.
    pub fn register_log(&self, registry: &Registry, log: Vec<RawFd>) -> io::Result<()> {
        log.into_iter().try_for_each(|fd| registry.register(&mut SourceFd(&fd), LOG, Interest::READABLE))
    }

    /// Whether the process is told to stop.
    pub fn tell_to_stop(&self, events: &Events) -> bool {
        events.iter().any(|event| event.token() == STOP)
    }
}

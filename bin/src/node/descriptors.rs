//! Descriptors: how many of them clients may take, so that there is always one for what must not fail.
//!
//! What is open when serving begins stays open; clients get the rest, less a reserve for what the log, snapshots and the
//! stop open on the way.

use std::fmt;

use paddock_engine::io::sys;
use paddock_engine::snapshot;

/// The log's next segment, a segment that is removed, its milestone, the directory of each, and the segment that a stop
/// shortens.
const LOG: u64 = 7;
/// A snapshot's file, the directory, its listing, a snapshot that is checked, and old ones that are removed.
const SNAPSHOT: u64 = 5 + snapshot::REMOVED_MAX as u64;
/// For each reactor: the second handle of its poll, a file that a four-letter word looks at, and a connection that is
/// refused or on its way out.
const REACTOR: u64 = 3;
/// Of a member of an ensemble: the segment that the historian reads, the spool file and its directory, an epoch file and its
/// directory, and the log and the snapshot of a generation that is made, with their directories.
const MEMBER: u64 = 10;
/// What is opened for a moment only and has no list: files of /proc from which the state is told, and what the standard
/// library opens.
const OTHERS: u64 = 16;
/// Open when serving begins, where the kernel does not tell; and each reactor's poll, bell and queue.
const OPEN_UNTOLD: u64 = 32;
const OPEN_UNTOLD_REACTOR: u64 = 3;

/// A server with room for fewer clients than this does not start.
const CLIENTS_MIN: u64 = 16;
/// An operator who has not thought of the limit should hear of it where there is room for fewer.
const CLIENTS_FEW: u64 = 1000;

/// The descriptors of this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Descriptors {
    /// All that it may have.
    pub limit: u64,
    /// For clients' connections.
    pub clients: u64,
}

/// The limit of open files is too low to serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFew {
    limit: u64,
    needed: u64,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooFew { limit, needed } = self;
        write!(
            f,
            "the limit of open files is {limit}, and this server needs {needed} to serve {CLIENTS_MIN} clients; raise it \
             (ulimit -n, LimitNOFILE= of a systemd unit)"
        )
    }
}

impl Descriptors {
    /// Shares out what `limit` says. To be called when all is open that stays open, but for the reactors' connections. A member
    /// of an ensemble has so many `sockets` to other servers at most; so many are kept for `http`.
    pub fn share(limit: u64, reactors: usize, sockets: Option<u64>, http: u64) -> Result<Descriptors, TooFew> {
        let reactors = reactors as u64;
        let open = sys::open_descriptors().unwrap_or(OPEN_UNTOLD + OPEN_UNTOLD_REACTOR * reactors);
        Descriptors::beside(limit, open, reactors, sockets, http)
    }

    fn beside(limit: u64, open: u64, reactors: u64, sockets: Option<u64>, http: u64) -> Result<Descriptors, TooFew> {
        let member = sockets.map_or(0, |sockets| MEMBER + sockets);
        let kept = open + LOG + SNAPSHOT + REACTOR * reactors + member + http + OTHERS;
        let clients = limit.saturating_sub(kept);
        if clients < CLIENTS_MIN {
            return Err(TooFew { limit, needed: kept + CLIENTS_MIN });
        }
        Ok(Descriptors { limit, clients })
    }

    /// Tells of a limit that clients may reach.
    pub fn report(&self) {
        if self.clients < CLIENTS_FEW {
            tracing::warn!(
                limit = self.limit,
                connections = self.clients,
                "the limit of open files leaves room for few clients; raise it (ulimit -n, LimitNOFILE= of a systemd unit)"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CLIENTS_MIN, Descriptors, LOG, MEMBER, OTHERS, REACTOR, SNAPSHOT, TooFew};

    #[test]
    fn clients_get_what_is_not_open_or_reserved() {
        let reserve = LOG + SNAPSHOT + 2 * REACTOR + OTHERS;
        let shared = Descriptors::beside(1024, 30, 2, None, 0).unwrap();
        assert_eq!(shared, Descriptors { limit: 1024, clients: 1024 - 30 - reserve });
        let needed = 30 + reserve + CLIENTS_MIN;
        assert_eq!(Descriptors::beside(needed, 30, 2, None, 0).unwrap().clients, CLIENTS_MIN);
        assert_eq!(Descriptors::beside(needed - 1, 30, 2, None, 0), Err(TooFew { limit: needed - 1, needed }));
        assert!(Descriptors::beside(0, 30, 2, None, 0).is_err());
        let member = Descriptors::beside(1024, 30, 2, Some(100), 0).unwrap();
        assert_eq!(member.clients, shared.clients - 100 - MEMBER);
        assert_eq!(Descriptors::beside(1024, 30, 2, None, 70).unwrap().clients, shared.clients - 70);
    }
}

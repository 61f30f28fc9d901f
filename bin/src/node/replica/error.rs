//! What ends a replica before its time.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_consensus::Zxid;
use paddock_engine::installation::PlacementError;
use paddock_engine::io::advice;
use paddock_engine::log::LogError;
use paddock_engine::replay::ReplayError;
use paddock_engine::truncation::TruncationError;

use crate::node::peers::links::CannotListen;

#[derive(Debug)]
pub enum ReplicaError {
    Log(LogError),
    /// The `dataDir` was moved or removed.
    DirectoryGone {
        path: PathBuf,
    },
    /// There is nobody to take snapshots of the history that has come into place.
    Snapshotter(io::Error),
    /// What a leader has sent whole cannot be put in the place of the history.
    Placement(PlacementError),
    /// The history cannot be made to end where the leader's does.
    Truncation(TruncationError),
    /// The kernel gives no random bytes.
    Random(String),
    /// The log holds a transaction that does not go with the state.
    History(ReplayError),
    /// This server applies something wrongly: see the divergence of a member.
    Wrong {
        zxid: Zxid,
        error: ReplayError,
    },
    /// Other servers cannot connect.
    Port(CannotListen),
    /// Whoever drives it cannot wait for events.
    Poll(io::Error),
}

impl fmt::Display for ReplicaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplicaError::Log(error) => {
                write!(f, "the transaction log failed, so that nothing can be acknowledged any more: {error}")
            }
            ReplicaError::DirectoryGone { path } => write!(
                f,
                "the dataDir {} was moved or removed while the server runs, so that it is not locked any more; put it back \
                 and start the server again",
                path.display()
            ),
            ReplicaError::Snapshotter(error) => {
                write!(f, "the snapshotter cannot be started again: {error}; {}", advice(error))
            }
            ReplicaError::Placement(error) => error.fmt(f),
            ReplicaError::Truncation(error) => {
                write!(f, "the history cannot be made to end where the leader's does: {error}")
            }
            ReplicaError::Random(error) => f.write_str(error),
            ReplicaError::History(error) => {
                write!(f, "the state cannot be made that of the whole log: {error}; the next start looks at all of it")
            }
            ReplicaError::Wrong { zxid, error } => write!(
                f,
                "this server applies something wrongly, and must not serve: a full copy of its leader's state was the same for a \
                 while, and is another one again behind transaction {zxid}: {error}; its memory is broken, or it is of another \
                 version than its leader. See to the machine and to the version, and start it again: it is brought a full copy"
            ),
            ReplicaError::Port(error) => error.fmt(f),
            ReplicaError::Poll(error) => write!(f, "waiting for events failed: {error}; {}", advice(error)),
        }
    }
}

impl From<LogError> for ReplicaError {
    fn from(error: LogError) -> Self {
        ReplicaError::Log(error)
    }
}

impl From<io::Error> for ReplicaError {
    fn from(error: io::Error) -> Self {
        ReplicaError::Poll(error)
    }
}

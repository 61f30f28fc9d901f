//! Backups: copies of snapshots and of the log in a directory elsewhere, made while the server goes on, and what is built of them
//! again: the state after any transaction that they reach.
//!
//! ```text
//! dataDir, dataLogDir --take--> DIR/history.N/snapshot.Z, log.Z ...   then DIR/paddock.backup names them
//! DIR --find, build, place--> another dataDir, with one snapshot and the milestone of a log that begins after it
//! ```
//!
//! Invariants:
//!
//! - Nothing of the server's is locked or changed; the first backup puts a number beside it, by which the server is known. What it does meanwhile is met by beginning again from what there is then.
//! - A file counts once the index names it, and it is durable and was read back before. The index is replaced whole, so that a
//!   backup that ends in the middle leaves those before it.
//! - Of the log only that is kept which something on the server's disk vouches for ([`OutsideReader`](crate::log::OutsideReader)).
//! - Files of one history are of one succession of transactions, without a hole behind its oldest snapshot. What does not go on
//!   where the newest history ends begins another one.
//!
//! `FORMAT.md` has the files.
//!
//! | part | file |
//! |---|---|
//! | which files there are, what is in them, and which backups they make: pure, and text | `index` |
//! | the directory: its lock, its index, what a crash has left in it | `directory` |
//! | the server's files, as they are at one moment | `source` |
//! | which server it is: a backup directory is of one | `server` |
//! | a part of the log, in ZooKeeper's format | `log_piece` |
//! | the copy of a snapshot | `snapshot_piece` |
//! | the log of a history, read as far as it is vouched for | `log_copy` |
//! | a backup, as a whole | `taking` |
//! | who has one taken, and may give it up | `observer` |
//! | which backups stay | `retention` |
//! | whether all files are as they were written | `verification` |
//! | which transaction is meant | `target` |
//! | the state after it, and the directories with that | `restoration` |

mod directory;
mod error;
mod index;
mod log_copy;
mod log_piece;
mod observer;
mod owner;
mod restoration;
mod retention;
mod server;
mod snapshot_piece;
mod source;
mod taking;
mod target;
mod verification;

pub use directory::{BackupDirectory, FoundIndex, read_index};
pub use error::BackupError;
pub use index::{Backup, History, Index, LogPiece, SnapshotPiece};
pub use observer::Observer;
pub use owner::Owner;
pub use restoration::{Placed, Placement, Restored, Settings, build, place, refuse_unless_empty};
pub use retention::{HISTORIES_KEPT, Keep};
pub use source::Source;
pub use taking::{Taken, take};
pub use target::{Target, To, find};
pub use verification::{Verified, verify};

#[cfg(test)]
mod tests;

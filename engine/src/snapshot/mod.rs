//! Snapshots: the whole state after exactly one transaction, in a file.
//!
//! A snapshot is written from a version of the tree that is held meanwhile, so that nothing stalls and the file is of one
//! moment. It never counts before it is complete, synced and in place. `FORMAT.md` has the bytes.
//!
//! Cost: writing is one walk over the tree and one copy of each znode, in blocks of 256 KiB; loading checks what it has
//! mapped on one thread and builds the tree from the bottom up on another.

mod blocks;
mod directory;
mod error;
mod format;
mod loader;
mod state;
mod taker;
mod writer;

pub use directory::{Purged, REMOVED_MAX, list, purge, snapshot_dir, snapshot_path};
pub use error::SnapshotError;
pub use format::is_snapshot;
pub(crate) use loader::check_watched;
pub use loader::{LoadedSnapshot, check, load, load_long_named, load_named, read_header};
pub use state::{write_long_state, write_state};
pub use taker::{Done, HeldVersion, Settings, Taker};
pub use writer::{WrittenSnapshot, remove_unfinished, write};

#[cfg(test)]
mod tests;

//! ZooKeeper's own files, read and written: what a server is moved to Paddock with, and back. `FORMAT.md` has what differs
//! between its versions.
//!
//! | part | file |
//! |---|---|
//! | from a ZooKeeper's directories to the state: [`recover`] | `recovery` |
//! | from the state to a directory that a ZooKeeper starts with: [`write_data_dir`] | `writer` |
//! | the whole state as a stream, in a file or from a leader | [`stream`] |
//! | snapshot files | [`snapshot`], `compression`, `snappy` |
//! | log files | [`log`] |
//! | ephemerals without a session | `orphans` |
//! | names of files, the files with the epochs | `directory`, `epochs` |
//! | jute from streams, and what is wrong with them | `archive`, `error` |
//!
//! No file is trusted: no length, no count, no path, no order. Nothing is reserved by what a file claims.

mod archive;
mod compression;
mod directory;
mod epochs;
mod error;
pub mod log;
mod orphans;
mod recovery;
mod snappy;
pub mod snapshot;
pub mod stream;
mod writer;

pub use archive::{InputArchive, OutputArchive};
pub use compression::Compression;
pub use directory::{Directories, LogFile, SnapshotFile, VERSION_DIR};
pub use epochs::Epochs;
pub use error::FormatError;
pub use recovery::{Recovered, RecoveryError, Settings, recover};
pub use writer::write_data_dir;

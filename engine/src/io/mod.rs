//! Files, and the only places of this crate that talk to the kernel without `std`.
//!
//! Whoever reads or writes files is given [`Files`] and does it by them alone.
//!
//! | module | is |
//! |---|---|
//! | `files` | [`Files`]: files by their names, the directory's sync, the atomic replacement of a file |
//! | `file`, `access`, `metadata` | [`File`]: an open file, what it is opened for, and what is told of it |
//! | `sequential` | [`Sequential`]: an open file from its start to its end |
//! | `disk` | [`Disk`]: writes that are under way, and how a partial one is resumed |
//! | `ring` | [`Ring`]: a disk by io_uring |
//! | `thread` | [`WriteThread`]: a disk by a thread with pwrite and fdatasync |
//! | `bell` | [`Bell`]: what wakes an event loop |
//! | `buffer` | [`AlignedBuffer`]: memory that O_DIRECT accepts |
//! | `map` | [`Map`]: a file as bytes, with I/O errors as errors |
//! | `directory` | [`DataDir`]: a directory that one process uses |
//! | `removal` | [`Removed`]: a large file that goes a piece at a time |
//! | `simulated` | files and a disk of a simulated machine, whose power can be cut at any moment |
//! | `advice` | what a person can do about an error of the system |
//! | `probes` | static probe points, at which others can listen |
//! | `shortage` | what is short now and may be had again later |
//! | `sys` | safe wrappers over the few calls that `std` lacks |
//!
//! Memory is handed to the kernel in one way only: a [`Disk`] owns buffer and file of each write from submission to
//! completion, so that no caller can free, move or change what the device may still read.

mod access;
mod advice;
mod bell;
mod buffer;
mod directory;
mod disk;
mod file;
mod files;
mod map;
mod metadata;
pub mod probes;
mod removal;
mod ring;
mod sequential;
mod shortage;
pub mod simulated;
pub mod sys;
mod thread;

pub use access::Access;
pub use advice::advice;
pub use bell::Bell;
pub use buffer::AlignedBuffer;
pub use directory::{DataDir, DirError};
pub(crate) use disk::write_fully;
pub use disk::{Disk, IN_FLIGHT_MAX, Write, Written};
pub use file::File;
pub use files::Files;
pub use map::{Map, Unreadable};
pub use metadata::{Identity, Metadata};
pub use removal::Removed;
pub use ring::Ring;
pub use sequential::Sequential;
pub use shortage::is_shortage;
pub use thread::WriteThread;

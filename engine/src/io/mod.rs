//! Files, and the only places of this crate that talk to the kernel without `std`.
//!
//! | module | is |
//! |---|---|
//! | `disk` | [`Disk`]: writes that are under way, and how a partial one is resumed |
//! | `ring` | [`Ring`]: a disk by io_uring |
//! | `thread` | [`WriteThread`]: a disk by a thread with pwrite and fdatasync |
//! | `buffer` | [`AlignedBuffer`]: memory that O_DIRECT accepts |
//! | `map` | [`Map`]: a file as bytes, with I/O errors as errors |
//! | `directory` | [`DataDir`], the directory's sync, the atomic replacement of a file |
//! | `removal` | [`Removed`]: a large file that goes a piece at a time |
//! | `advice` | what a person can do about an error of the system |
//! | `sys` | safe wrappers over the few calls that `std` lacks |
//!
//! Memory is handed to the kernel in one way only: a [`Disk`] owns buffer and file of each write from submission to
//! completion, so that no caller can free, move or change what the device may still read.

mod advice;
mod buffer;
mod directory;
mod disk;
mod map;
mod removal;
mod ring;
pub mod sys;
mod thread;

pub use advice::advice;
pub use buffer::AlignedBuffer;
pub use directory::{DataDir, DirError, create_dir, is_same_directory, remove_file, sync_dir, write_atomically};
pub(crate) use disk::write_fully;
pub use disk::{Disk, IN_FLIGHT_MAX, Write, Written};
pub use map::{Map, Unreadable};
pub use removal::Removed;
pub use ring::Ring;
pub use thread::WriteThread;

//! A simulated machine's files, for tests and simulations: no thread, no system call, and the same again with the same seed.
//!
//! What a power cut may leave is known exactly, because everything that is not durable yet is kept apart: sectors that were
//! written and not synced, lengths, and names. [`FileSystem::crash`] keeps any of it. [`FileSystem::end_process`] keeps all of
//! it as it is: the next process reads it, and a power cut may take it still.
//!
//! ```text
//! write, set_length ----> pending ----sync of the file (or completion of a durable write)----> durable
//! create, rename, unlink -> pending ----sync of the directory--------------------------------> durable
//!                             '-- a crash keeps any of these, and loses the others
//! ```
//!
//! | module | is |
//! |---|---|
//! | `content` | a file's bytes by sectors, durable and pending; what is zero takes no memory |
//! | `names` | a directory's names likewise |
//! | `image` | `Image`: all that is on the disk, as a value |
//! | `choice` | [`Choice`]: what decides where anything may happen, a seed or a count through all of it |
//! | `fault` | [`Fault`]: errors on demand |
//! | `file_system` | [`FileSystem`]: what is handed down instead of the real files |
//! | `open_file` | [`OpenFile`] |
//! | `disk` | [`ScheduledDisk`]: writes that complete when a scheduler says so |

mod choice;
mod content;
mod disk;
mod fault;
mod file_system;
mod image;
mod names;
mod open_file;

#[cfg(test)]
mod tests;

pub use choice::{Choice, Every, Seeded};
pub use disk::ScheduledDisk;
pub use fault::{Effect, Fault, Operation};
pub use file_system::{FileSystem, Moment};
pub use open_file::OpenFile;

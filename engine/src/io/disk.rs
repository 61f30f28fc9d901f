//! Writes that are under way.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::AlignedBuffer;
use super::file::File;

/// No disk carries more writes at a time.
pub const IN_FLIGHT_MAX: usize = 16;

/// A write that makes no progress is tried so often before it fails: EINTR and EAGAIN pass, a wedged device does not.
const IDLE_TRIES_MAX: u32 = 1000;

/// One write: `buffer[..length]` to `file` at `offset`.
#[derive(Debug)]
pub struct Write {
    pub file: Arc<File>,
    pub offset: u64,
    pub buffer: AlignedBuffer,
    pub length: usize,
    /// The bytes survive a power cut once the write has completed.
    pub durable: bool,
}

/// A completed write, whole or failed; the buffer comes home in both cases.
#[derive(Debug)]
pub struct Written {
    /// As given to [`Disk::submit`].
    pub ticket: u64,
    pub buffer: AlignedBuffer,
    pub result: io::Result<()>,
}

/// Carries writes to files while the caller does other things. Completions come in any order.
///
/// An error of a method itself (rather than of one write) leaves the disk unusable.
pub trait Disk: Send {
    /// Starts a write.
    ///
    /// # Panics
    /// If as many writes are under way as the disk was made for.
    fn submit(&mut self, ticket: u64, write: Write) -> io::Result<()>;

    /// Appends what has completed, without waiting.
    fn reap(&mut self, written: &mut Vec<Written>) -> io::Result<()>;

    /// Waits until [`reap`](Disk::reap) has something to say. Returns at once if nothing is under way.
    fn wait(&mut self) -> io::Result<()>;

    /// Readable after each completion, at the latest until it is reaped. Watch it edge-triggered (as mio does): nobody
    /// reads it empty. `None` where a scheduler knows by itself.
    fn event_fd(&self) -> Option<BorrowedFd<'_>>;

    /// For people.
    fn name(&self) -> &'static str;
}

/// What is to be done after one attempt at a write.
#[derive(Debug)]
pub(super) enum Step {
    Done,
    /// Go on at [`Partial::written`].
    Again,
    Failed(io::Error),
}

/// A write that has come so far.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// Bytes, a multiple of the alignment.
    pub written: usize,
    idle: u32,
}

impl Partial {
    /// Takes in the result of one attempt to write the bytes from `written` to `length`.
    ///
    /// A short write is resumed at the last multiple of `alignment`, so that O_DIRECT accepts the rest.
    pub fn note(&mut self, result: io::Result<usize>, length: usize, alignment: usize) -> Step {
        let bytes = match result {
            Ok(bytes) => bytes,
            Err(error) if is_passing(&error) => return self.idle(|| error),
            Err(error) => return Step::Failed(error),
        };
        if self.written + bytes >= length {
            self.written = length;
            return Step::Done;
        }
        let whole = bytes - bytes % alignment;
        if whole == 0 {
            return self.idle(|| io::Error::new(io::ErrorKind::WriteZero, "the device takes no more bytes"));
        }
        self.written += whole;
        self.idle = 0;
        Step::Again
    }

    fn idle(&mut self, error: impl FnOnce() -> io::Error) -> Step {
        self.idle += 1;
        if self.idle < IDLE_TRIES_MAX { Step::Again } else { Step::Failed(error()) }
    }
}

/// Errors that say "not now".
pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

/// Writes all of `bytes`, resuming short writes. `alignment` is that of [`Partial::note`].
pub(crate) fn write_fully(file: &File, bytes: &[u8], offset: u64, alignment: usize) -> io::Result<()> {
    let mut partial = Partial::default();
    loop {
        let at = partial.written;
        let result = file.write_at(&bytes[at..], offset + at as u64);
        match partial.note(result, bytes.len(), alignment) {
            Step::Done => return Ok(()),
            Step::Again => {}
            Step::Failed(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{IDLE_TRIES_MAX, Partial, Step};

    #[test]
    fn short_writes_resume_at_the_alignment() {
        let mut partial = Partial::default();
        assert!(matches!(partial.note(Ok(1500), 4096, 512), Step::Again));
        assert_eq!(partial.written, 1024);
        assert!(matches!(partial.note(Err(io::ErrorKind::Interrupted.into()), 4096, 512), Step::Again));
        assert_eq!(partial.written, 1024);
        assert!(matches!(partial.note(Ok(3072), 4096, 512), Step::Done));
    }

    #[test]
    fn errors_and_standstill_fail() {
        let mut partial = Partial::default();
        let error = io::Error::from_raw_os_error(libc::EIO);
        assert!(matches!(partial.note(Err(error), 4096, 512), Step::Failed(_)));
        let mut partial = Partial::default();
        for _ in 1..IDLE_TRIES_MAX {
            assert!(matches!(partial.note(Ok(0), 4096, 512), Step::Again));
        }
        assert!(matches!(partial.note(Ok(0), 4096, 512), Step::Failed(_)));
    }
}

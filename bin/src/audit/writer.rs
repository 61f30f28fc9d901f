//! The thread that writes the audit log: the only one that waits for its disk.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use paddock_engine::io::advice;
use paddock_net::doorbell::Doorbell;

use super::line::Lines;
use super::queue::{Queue, WhenFull};
use crate::line_sink::LineSink;

/// What could not be written is tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// The same where whoever reads has not read yet.
const READER_RETRY: Duration = Duration::from_millis(20);

pub struct Writer {
    queue: Arc<Queue>,
    sink: LineSink,
    /// The user whose process the server is.
    server_user: Arc<str>,
    /// Whoever waits for room sleeps there.
    bell: Arc<OnceLock<Arc<Doorbell>>>,
    /// The last attempt to write has failed, and that was told.
    is_in_trouble: bool,
    /// Lines that were dropped, and of which no line tells yet.
    lost: u64,
    /// The log ends, and what cannot be written now is given up.
    is_last_attempt: bool,
    /// The last line that was written has no end.
    is_torn: bool,
}

impl Writer {
    pub fn new(queue: Arc<Queue>, sink: LineSink, server_user: &str, bell: Arc<OnceLock<Arc<Doorbell>>>) -> Writer {
        let server_user = server_user.into();
        Writer { queue, sink, server_user, bell, is_in_trouble: false, lost: 0, is_last_attempt: false, is_torn: false }
    }

    /// Writes until the log ends.
    pub fn run(mut self) {
        while self.take_step() {}
        self.queue.note_end();
    }

    /// Whether there is more to come.
    fn take_step(&mut self) -> bool {
        let work = self.queue.take();
        if work.reopens && self.sink.reopen() {
            // It begins behind a whole line.
            self.is_torn = false;
        }
        self.note_lost(work.dropped);
        if let Some(entries) = &work.entries {
            self.note_lost(entries.lost_before());
            self.tell_lost();
            let server_user = self.server_user.clone();
            if !entries.write(&server_user, |piece| self.put(piece)) {
                return false;
            }
            let had_room = self.queue.has_room();
            self.queue.note_done();
            if !had_room && self.queue.has_room() {
                self.ring();
            }
        } else {
            self.tell_lost();
        }
        !work.ends
    }

    fn ring(&self) {
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }

    /// Writes whole lines; `false`: the log ends, and they are not written.
    fn put(&mut self, lines: &str) -> bool {
        self.tell_lost();
        match self.write(lines.as_bytes()) {
            Written::All => true,
            Written::UpTo(end) => {
                let (written, rest) = lines.as_bytes().split_at(end);
                self.is_torn |= written.last().is_some_and(|last| *last != b'\n');
                self.note_lost(rest.iter().filter(|byte| **byte == b'\n').count() as u64);
                true
            }
            Written::Not => false,
        }
    }

    /// Where lines were dropped, a line says how many. A torn one is ended before.
    fn tell_lost(&mut self) {
        if self.is_torn {
            self.is_torn = self.write(b"\n") != Written::All;
        }
        if self.lost == 0 {
            return;
        }
        let server_user = self.server_user.clone();
        let mut line = Lines::new(SystemTime::now(), &server_user);
        line.lost(self.lost);
        match self.write(line.text().as_bytes()) {
            Written::All => self.lost = 0,
            Written::UpTo(end) => self.is_torn |= end > 0,
            Written::Not => {}
        }
    }

    /// So many lines are missing, of which none tells yet.
    fn note_lost(&mut self, lines: u64) {
        self.warn_of_lost(lines);
        self.lost += lines;
    }

    fn warn_of_lost(&self, lines: u64) {
        if lines > 0 {
            tracing::warn!(lines, "lines of the audit log were dropped: its disk is full, failing or too slow");
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Written {
        let mut written = 0;
        while written < bytes.len() {
            let failure = match self.sink.write(&bytes[written..]) {
                Ok(0) => io::Error::from(ErrorKind::WriteZero),
                Ok(count) => {
                    written += count;
                    self.note_success();
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            match self.note_failure(&failure, written) {
                Next::Retry => {}
                // No line is divided between two files.
                Next::RetryInNewFile => written = line_start(bytes, written),
                Next::End(end) => return end,
            }
        }
        Written::All
    }

    fn note_success(&mut self) {
        self.sink.tell_trouble();
        if mem::take(&mut self.is_in_trouble) {
            tracing::info!("{}: the audit log is written again", self.sink.name());
        }
    }

    /// What is to be done about what could not be written.
    fn note_failure(&mut self, error: &io::Error, written: usize) -> Next {
        let is_reader_late = error.kind() == ErrorKind::WouldBlock;
        let drops = self.queue.when_full() == WhenFull::Drop;
        if !is_reader_late && !mem::replace(&mut self.is_in_trouble, true) {
            let meanwhile = if drops {
                "what is done meanwhile is counted and not recorded"
            } else {
                "writes of clients wait until it can, and reads are answered (paddock.audit.whenFull=drop goes on without)"
            };
            let (name, advice) = (self.sink.name(), advice(error));
            tracing::error!("{name}: the audit log cannot be written: {error}; {advice}; {meanwhile}");
        }
        if drops && !is_reader_late {
            return Next::End(Written::UpTo(written));
        }
        let work = self.queue.rest(if is_reader_late { READER_RETRY } else { RETRY });
        // One attempt more: since the last one there may be room.
        if work.ends && mem::replace(&mut self.is_last_attempt, true) {
            return Next::End(Written::Not);
        }
        if work.reopens && self.sink.reopen() { Next::RetryInNewFile } else { Next::Retry }
    }
}

/// Where the line begins of which a part is written.
fn line_start(bytes: &[u8], written: usize) -> usize {
    bytes[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

enum Next {
    Retry,
    RetryInNewFile,
    End(Written),
}

/// How much of some lines was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    All,
    /// So many bytes; the rest is dropped.
    UpTo(usize),
    /// The log ends.
    Not,
}

#[cfg(test)]
mod tests;

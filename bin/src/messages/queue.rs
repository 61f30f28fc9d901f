//! Lines on their way to stderr, or to a file. Whoever has one leaves it here and goes on; one thread writes, and may have to
//! wait for whoever reads.
//!
//! What finds no room is dropped and counted, and a line tells how many in the place where they would be. Errors have
//! some room of their own, so that a flood of lesser lines does not hide why the server ends.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::recent::Recent;
use crate::rotation::RotatingFile;

/// Bytes of lines that may wait to be written, and those that errors may have besides.
const WAITING_MAX: usize = 1 << 20;
const ERRORS_MAX: usize = 64 << 10;
/// A longer line is cut, bytes.
pub const LINE_MAX: usize = 8 << 10;
/// A stderr that was made non-blocking, by whom it is shared with, is tried again after this.
const RETRY: Duration = Duration::from_millis(20);

pub struct Queue {
    /// Lines for a terminal have colours: the escapes that make them are no client's, whose are taken out before.
    coloured: AtomicBool,
    /// What was said last, whether it is written or not.
    pub recent: Recent,
    state: Mutex<State>,
    /// There is something to be done for the writer.
    work: Condvar,
    /// The writer has written.
    written: Condvar,
}

#[derive(Default)]
struct State {
    lines: String,
    /// Lines that found no room, and where in `lines` the first of them would be.
    dropped: u64,
    gap: usize,
    /// Ends that wait until everything is written, and how many of them need not any more.
    flushes: u64,
    flushed: u64,
    woken: bool,
    /// Where lines go from this place of `lines` on, if that is to be changed.
    destination: Option<(usize, RotatingFile)>,
    /// The file is to be opened anew.
    reopens: bool,
}

impl State {
    /// What is there to be written to one place: lines behind a change of destination stay for the next batch.
    fn take(&mut self) -> Batch {
        let (end, destination) = match self.destination.take() {
            Some((place, file)) => (place, Some(file)),
            None => (self.lines.len(), None),
        };
        let rest = self.lines.split_off(end);
        let lines = std::mem::replace(&mut self.lines, rest);
        let (mut dropped, mut gap) = (0, 0);
        if self.gap > end {
            // The number of the dropped lines belongs to the next batch.
            self.gap -= end;
        } else {
            (dropped, gap) = (std::mem::take(&mut self.dropped), std::mem::take(&mut self.gap));
        }
        let is_whole = self.lines.is_empty();
        Batch {
            lines,
            dropped,
            gap,
            flushes: if is_whole { self.flushes } else { self.flushed },
            is_last: is_whole && self.flushes > self.flushed,
            destination,
            reopens: std::mem::take(&mut self.reopens),
        }
    }
}

/// What the writer has taken.
#[derive(Default)]
pub struct Batch {
    lines: String,
    dropped: u64,
    gap: usize,
    /// Those who wait for this to be written.
    flushes: u64,
    is_last: bool,
    destination: Option<RotatingFile>,
    reopens: bool,
}

impl Batch {
    /// Somebody waits for all that there is to tell.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// Where the lines of later batches go, if that is changed.
    pub fn take_destination(&mut self) -> Option<RotatingFile> {
        self.destination.take()
    }

    /// Whether the file is to be opened anew, before this is written.
    pub fn reopens(&self) -> bool {
        self.reopens
    }
}

impl Queue {
    pub fn new(coloured: bool) -> Queue {
        let coloured = AtomicBool::new(coloured);
        let (work, written) = (Condvar::new(), Condvar::new());
        Queue { coloured, recent: Recent::default(), state: Mutex::default(), work, written }
    }

    /// Adds a line, whose end may be missing. Does not wait.
    pub fn push(&self, line: &str, is_error: bool) {
        let line = one_line(line, self.coloured.load(Ordering::Relaxed));
        self.recent.push(&line);
        let room = if is_error { WAITING_MAX + ERRORS_MAX } else { WAITING_MAX };
        let mut state = self.lock();
        if state.lines.len() + line.len() >= room {
            if state.dropped == 0 {
                state.gap = state.lines.len();
            }
            state.dropped += 1;
            return;
        }
        state.lines.push_str(&line);
        state.lines.push('\n');
        self.work.notify_one();
    }

    /// Has [`take`](Queue::take) return and be called again.
    pub fn wake(&self) {
        self.lock().woken = true;
        self.work.notify_one();
    }

    /// Has lines go to a file, without colours, behind those that are there. It is done once.
    pub fn move_to(&self, file: RotatingFile) {
        self.coloured.store(false, Ordering::Relaxed);
        let mut state = self.lock();
        state.destination = Some((state.lines.len(), file));
        self.work.notify_one();
    }

    /// Has the file opened anew.
    pub fn reopen(&self) {
        self.lock().reopens = true;
        self.work.notify_one();
    }

    /// Waits until what was added is written, but no longer than `patience`.
    pub fn flush(&self, patience: Duration) {
        let mut state = self.lock();
        state.flushes += 1;
        let ours = state.flushes;
        self.work.notify_one();
        let waits = |state: &mut State| state.flushed < ours;
        drop(self.written.wait_timeout_while(state, patience, waits));
    }

    /// For the writer: what there is, as soon as there is something or `until` has come.
    pub fn take(&self, until: Option<Instant>) -> Batch {
        let idle = |state: &mut State| {
            let has_orders = state.woken || state.reopens || state.destination.is_some();
            state.lines.is_empty() && state.dropped == 0 && state.flushes == state.flushed && !has_orders
        };
        let state = self.lock();
        let mut state = match until {
            Some(until) => {
                let patience = until.saturating_duration_since(Instant::now());
                self.work.wait_timeout_while(state, patience, idle).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
        };
        state.woken = false;
        state.take()
    }

    /// For the writer: the batch is written, or lost.
    pub fn note_written(&self, batch: Batch) {
        let mut state = self.lock();
        state.flushed = batch.flushes;
        self.written.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cut where it is too long, and without control characters: what is in a line may be a client's.
fn one_line(line: &str, coloured: bool) -> Cow<'_, str> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let is_foreign = |char: char| char.is_control() && !(coloured && char == '\x1b');
    if line.len() <= LINE_MAX && !line.contains(is_foreign) {
        return Cow::Borrowed(line);
    }
    let mut clean = String::with_capacity(line.len().min(LINE_MAX));
    for char in line.chars() {
        if clean.len() > LINE_MAX {
            clean.push_str(" ... (cut)");
            break;
        }
        if is_foreign(char) { clean.extend(char.escape_default()) } else { clean.push(char) }
    }
    Cow::Owned(clean)
}

/// What the writer knows of where it writes to.
#[derive(Default)]
pub struct Output {
    /// Lines that could not be written, and have not been told of.
    lost: u64,
    /// The last write has left a line without its end.
    torn: bool,
}

impl Output {
    /// Writes a batch, and in their place how many lines are missing; `tell` makes a line of that.
    pub fn write_batch(&mut self, sink: &mut impl Write, batch: &Batch, tell: impl Fn(&str) -> String) {
        let lost = self.lost;
        if lost > 0 && !self.write_line(sink, &tell(&format!("{lost} lines could not be written here"))) {
            // It is not one of those that it tells of.
            self.lost = lost;
        } else {
            self.lost -= lost;
        }
        let Batch { lines, dropped, gap, .. } = batch;
        let (before, after) = lines.split_at(*gap);
        self.write(sink, before);
        if *dropped > 0 {
            self.write_line(sink, &tell(&format!("{dropped} lines were dropped here: nobody read the log in time")));
        }
        self.write(sink, after);
    }

    /// From now on a file is written to that was opened just now, and so begins behind a whole line.
    pub fn begin_file(&mut self) {
        self.torn = false;
    }

    /// `false`: it could not be written.
    pub fn write_line(&mut self, sink: &mut impl Write, line: &str) -> bool {
        self.write(sink, &format!("{line}\n"))
    }

    /// Writes whole lines, waiting as long as it takes. A pipe without a reader and a full disk lose them.
    fn write(&mut self, sink: &mut impl Write, lines: &str) -> bool {
        let bytes = lines.as_bytes();
        if self.torn && !bytes.is_empty() {
            self.torn = put(sink, b"\n") == 0;
        }
        let written = if self.torn { 0 } else { put(sink, bytes) };
        self.torn |= written > 0 && !bytes[..written].ends_with(b"\n");
        self.lost += bytes[written..].iter().filter(|byte| **byte == b'\n').count() as u64;
        written == bytes.len()
    }
}

/// Writes what can be written, and tells how many bytes that were.
fn put(sink: &mut impl Write, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match sink.write(&bytes[written..]) {
            Ok(count) if count > 0 => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(RETRY),
            _ => break,
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind, Write};
    use std::time::Duration;

    use crate::rotation::{RotatingFile, Rotation};

    use super::{Batch, ERRORS_MAX, LINE_MAX, Output, Queue, WAITING_MAX, one_line};

    fn text(batch: &Batch) -> String {
        let mut bytes = Vec::new();
        Output::default().write_batch(&mut bytes, batch, str::to_owned);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let queue = Queue::new(false);
        queue.push("one\n", false);
        queue.push("two", true);
        assert_eq!(text(&queue.take(None)), "one\ntwo\n");
    }

    #[test]
    fn what_finds_no_room_is_counted_in_its_place_and_errors_find_some() {
        let queue = Queue::new(false);
        let line = "x".repeat(LINE_MAX - 1);
        let fitting = WAITING_MAX / LINE_MAX;
        for _ in 0..fitting + 7 {
            queue.push(&line, false);
        }
        queue.push("why it ends", true);
        let told = text(&queue.take(None));
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), fitting + 2);
        assert_eq!(lines[fitting..], ["7 lines were dropped here: nobody read the log in time", "why it ends"]);
        queue.push("later", false);
        assert_eq!(text(&queue.take(None)), "later\n");
        for _ in 0..(WAITING_MAX + ERRORS_MAX) / LINE_MAX + 1 {
            queue.push(&line, true);
        }
        assert!(text(&queue.take(None)).contains("1 lines were dropped"), "room for errors has an end too");
    }

    #[test]
    fn lines_go_where_they_were_to_go_when_they_were_added() {
        let dir = std::env::temp_dir().join(format!("paddock-destination-{}", std::process::id()));
        let file = || {
            let rotation = Rotation { path: dir.clone(), bytes_max: 1 << 20, files: 0, mode: 0o600, makes_dir: false };
            RotatingFile::open(rotation).expect("it opens")
        };
        let queue = Queue::new(false);
        queue.push("one", false);
        queue.move_to(file());
        queue.push("two", false);
        let mut batch = queue.take(None);
        assert!(batch.take_destination().is_some());
        assert_eq!(text(&batch), "one\n");
        queue.note_written(batch);
        assert_eq!(text(&queue.take(None)), "two\n");
        // A line is dropped where it would have been, and a flush is over when what is behind the change is written.
        queue.move_to(file());
        let line = "x".repeat(LINE_MAX);
        for _ in 0..=WAITING_MAX / LINE_MAX {
            queue.push(&line, false);
        }
        queue.flush(Duration::ZERO);
        let batch = queue.take(None);
        assert_eq!((text(&batch).as_str(), batch.is_last()), ("", false));
        queue.note_written(batch);
        let batch = queue.take(None);
        assert!(text(&batch).contains(" lines were dropped here") && batch.is_last());
        std::fs::remove_file(dir).expect("it was made");
    }

    #[test]
    fn nobody_waits_longer_than_he_wants_to() {
        let queue = Queue::new(false);
        queue.push("one", false);
        queue.flush(Duration::ZERO);
        let batch = queue.take(None);
        assert!(batch.is_last());
        queue.note_written(batch);
        std::thread::scope(|scope| {
            scope.spawn(|| queue.flush(Duration::MAX));
            let batch = queue.take(None);
            queue.note_written(batch);
        });
    }

    #[test]
    fn a_line_is_a_line() {
        assert_eq!(one_line("a\u{e4}\n", false), "a\u{e4}");
        assert_eq!(one_line("a\nb\x1b[1m\u{9b}\r\n", false), "a\\nb\\u{1b}[1m\\u{9b}\\r");
        assert_eq!(one_line("\x1b[1ma\nb", true), "\x1b[1ma\\nb");
        let cut = one_line(&"\u{e4}".repeat(LINE_MAX), false).into_owned();
        assert!(cut.len() < LINE_MAX + 20 && cut.ends_with("(cut)"), "{}", cut.len());
    }

    /// Takes so many bytes, then fails.
    struct Failing(usize, Vec<u8>);

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let count = bytes.len().min(self.0);
            self.0 -= count;
            self.1.extend(&bytes[..count]);
            if count == 0 { Err(Error::from(ErrorKind::StorageFull)) } else { Ok(count) }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_written_is_counted_until_it_can() {
        let batch = |lines: &str| Batch { lines: lines.into(), ..Batch::default() };
        let (mut output, mut sink) = (Output::default(), Failing(5, Vec::new()));
        output.write_batch(&mut sink, &batch("one\ntwo\nthree\n"), str::to_owned);
        output.write_batch(&mut sink, &batch("four\n"), str::to_owned);
        sink.0 = usize::MAX;
        output.write_batch(&mut sink, &batch("five\n"), str::to_owned);
        let written = String::from_utf8(sink.1).unwrap();
        assert_eq!(written, "one\nt\n3 lines could not be written here\nfive\n");
    }

    #[test]
    fn a_file_that_is_opened_anew_does_not_begin_with_the_end_of_a_torn_line() {
        let batch = |lines: &str| Batch { lines: lines.into(), ..Batch::default() };
        let (mut output, mut full, mut other) = (Output::default(), Failing(2, Vec::new()), Vec::new());
        output.write_batch(&mut full, &batch("one\n"), str::to_owned);
        output.begin_file();
        output.write_batch(&mut other, &batch("two\n"), str::to_owned);
        assert_eq!(String::from_utf8(other).unwrap(), "1 lines could not be written here\ntwo\n");
    }
}

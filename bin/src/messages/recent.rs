//! The lines that were said last, for whoever looks at the log without having its file.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lines that are kept, and their bytes.
const LINES_MAX: usize = 500;
const BYTES_MAX: usize = 256 << 10;

#[derive(Default)]
pub struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// How many there have been.
    count: u64,
    lines: VecDeque<Box<str>>,
    bytes: usize,
}

/// Lines after a place.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Said {
    /// The place after the last of them.
    pub place: u64,
    /// How many came after the place that was asked for and are not kept any more.
    pub missed: u64,
    pub lines: Vec<String>,
}

impl Recent {
    /// Keeps a line, in the place of the oldest ones.
    pub fn push(&self, line: &str) {
        let line: Box<str> = without_colours(line).into();
        let mut kept = self.lock();
        kept.count += 1;
        kept.bytes += line.len();
        kept.lines.push_back(line);
        while kept.lines.len() > LINES_MAX || kept.bytes > BYTES_MAX {
            let Some(oldest) = kept.lines.pop_front() else { return };
            kept.bytes -= oldest.len();
        }
    }

    /// What is kept of those after a place: 0 is before the first one of this process.
    pub fn after(&self, place: u64) -> Said {
        let kept = self.lock();
        let oldest = kept.count - kept.lines.len() as u64;
        // A place that there has not been is of another process.
        let place = if place > kept.count { 0 } else { place };
        let skipped = place.saturating_sub(oldest) as usize;
        let lines = kept.lines.iter().skip(skipped).map(|line| String::from(&**line)).collect();
        Said { place: kept.count, missed: oldest.saturating_sub(place), lines }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing that holds it can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line for a terminal has escapes, which begin with ESC and end with m.
fn without_colours(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once('\x1b') {
        clean.push_str(before);
        rest = escape.split_once('m').map_or("", |(_, behind)| behind);
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, LINES_MAX, Recent, without_colours};

    #[test]
    fn the_last_lines_are_kept_and_the_others_counted() {
        let recent = Recent::default();
        (0..LINES_MAX + 3).for_each(|line| recent.push(&line.to_string()));
        let said = recent.after(0);
        assert_eq!((said.lines.len(), said.missed, said.place), (LINES_MAX, 3, LINES_MAX as u64 + 3));
        assert_eq!(said.lines[0], "3");
        let said = recent.after(LINES_MAX as u64 + 1);
        assert_eq!((said.lines, said.missed), (vec!["501".to_owned(), "502".to_owned()], 0));
        assert!(recent.after(LINES_MAX as u64 + 3).lines.is_empty());
        assert_eq!(recent.after(u64::MAX).lines.len(), LINES_MAX, "a place of another process");
    }

    #[test]
    fn their_bytes_are_bounded() {
        let recent = Recent::default();
        let line = "x".repeat(BYTES_MAX / 4);
        (0..9).for_each(|_| recent.push(&line));
        assert_eq!(recent.after(0).lines.len(), 4);
        recent.push(&"x".repeat(BYTES_MAX + 1));
        let said = recent.after(0);
        assert_eq!((said.lines.len(), said.missed, said.place), (0, 10, 10), "one that is too long is not kept");
    }

    #[test]
    fn colours_are_for_terminals() {
        assert_eq!(without_colours("\x1b[2mnow\x1b[0m \x1b[32m INFO\x1b[0m more"), "now  INFO more");
        assert_eq!((without_colours("plain"), without_colours("a\x1b[1")), ("plain".to_owned(), "a".to_owned()));
    }
}

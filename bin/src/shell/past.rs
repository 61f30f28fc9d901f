//! The lines of this run, with the numbers by which `redo` knows them.

use std::collections::BTreeMap;

/// What `history` shows before the present one.
const SHOWN: i32 = 10;
/// Older ones are forgotten.
const KEPT: usize = 1000;
/// And also where those that are kept would have more bytes than this, but for the present one.
const KEPT_BYTES: usize = 16 << 20;

#[derive(Default)]
pub struct Past {
    lines: BTreeMap<i32, String>,
    /// Of all of them.
    bytes: usize,
    /// The number of the present line.
    number: i32,
}

impl Past {
    /// The number that the next line will have, for the prompt.
    pub fn number(&self) -> i32 {
        self.number
    }

    /// The present line, also one that is done again.
    pub fn note(&mut self, line: &str) {
        let replaced = self.lines.insert(self.number, line.into());
        self.bytes = self.bytes + line.len() - replaced.map_or(0, |replaced| replaced.len());
        while self.lines.len() > KEPT || (self.bytes > KEPT_BYTES && self.lines.len() > 1) {
            let Some((_, forgotten)) = self.lines.pop_first() else { break };
            self.bytes -= forgotten.len();
        }
    }

    /// The present line is done.
    pub fn go_on(&mut self) {
        self.number = self.number.wrapping_add(1).max(0);
    }

    /// An earlier line, not the present one.
    pub fn line(&self, number: i32) -> Option<&str> {
        if number >= self.number { None } else { self.lines.get(&number).map(String::as_str) }
    }

    /// The last lines, with the present one.
    pub fn shown(&self) -> Vec<String> {
        let numbers = (self.number - SHOWN).max(0)..=self.number;
        numbers.map(|number| format!("{number} - {}", self.lines.get(&number).map_or("null", String::as_str))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, KEPT_BYTES, Past};

    #[test]
    fn the_last_lines_are_shown_and_earlier_ones_can_be_had() {
        let mut past = Past::default();
        past.note("ls /");
        assert_eq!((past.line(0), past.shown()), (None, vec!["0 - ls /".to_owned()]));
        past.go_on();
        for number in 1..20 {
            past.note(&format!("get /{number}"));
            past.go_on();
        }
        past.note("history");
        assert_eq!(past.number(), 20);
        assert_eq!(
            (past.line(0), past.line(19), past.line(20), past.line(-1)),
            (Some("ls /"), Some("get /19"), None, None)
        );
        let shown = past.shown();
        assert_eq!((shown.len(), &*shown[0], &*shown[10]), (11, "10 - get /10", "20 - history"));
    }

    #[test]
    fn old_lines_are_forgotten() {
        let mut past = Past::default();
        for _ in 0..=KEPT {
            past.note("x");
            past.go_on();
        }
        assert_eq!((past.line(0), past.line(1)), (None, Some("x")));
    }

    #[test]
    fn long_lines_are_forgotten_sooner() {
        let mut past = Past::default();
        let long = "x".repeat(KEPT_BYTES / 2);
        for line in [&*long, &*long, "ls /", &*long] {
            past.note(line);
            past.go_on();
        }
        let is_kept = |number| past.line(number).is_some();
        assert_eq!([0, 1, 2, 3].map(is_kept), [false, false, true, true]);
        // As where a line is done again: the present one is replaced.
        past.note(&long);
        past.note("ls");
        assert_eq!((past.line(2), past.bytes), (None, KEPT_BYTES / 2 + "ls".len()));
    }
}

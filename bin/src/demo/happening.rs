//! What the demo waits for: a person, signals, and what servers say. Each comes from a thread of its own, in one queue.

use std::io::{self, BufRead};
use std::thread;

use crossbeam::channel::{Receiver, Sender, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::inquiry::Statement;
use super::order::Order;
use crate::terminal::{self, Input};

/// Whoever has something to tell waits while so much has not been looked at.
const QUEUE_MAX: usize = 64;
/// A longer line is none that a person has written, and is told of in part.
const LINE_MAX: usize = 40;

pub enum Happening {
    Said(Statement),
    Ordered(Order),
    /// A line that is no order, or its beginning.
    NotUnderstood(String),
    /// The terminal has another size.
    Resized,
    /// SIGTERM, SIGINT or SIGHUP has come.
    Signalled,
    /// There is nobody any more to order anything.
    InputEnded,
}

impl From<Statement> for Happening {
    fn from(statement: Statement) -> Happening {
        Happening::Said(statement)
    }
}

pub struct Happenings {
    sender: Sender<Happening>,
    receiver: Receiver<Happening>,
}

impl Happenings {
    /// Signals reach the demo from now on.
    pub fn begin() -> io::Result<Happenings> {
        let (sender, receiver) = bounded(QUEUE_MAX);
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let signalled = sender.clone();
        let watch = move || {
            for _ in signals.forever() {
                if signalled.send(Happening::Signalled).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("signals".into()).spawn(watch)?;
        Ok(Happenings { sender, receiver })
    }

    /// What a person does is told from now on, to a demo of so many servers.
    pub fn watch_person(&self, has_terminal: bool, servers: usize) -> io::Result<()> {
        let happenings = self.sender.clone();
        let watch =
            move || if has_terminal { read_keys(&happenings, servers) } else { read_lines(&happenings, servers) };
        thread::Builder::new().name("person".into()).spawn(watch)?;
        Ok(())
    }

    pub fn sender(&self) -> &Sender<Happening> {
        &self.sender
    }

    pub fn receiver(&self) -> &Receiver<Happening> {
        &self.receiver
    }
}

/// Until the terminal has gone, or nobody listens.
fn read_keys(happenings: &Sender<Happening>, servers: usize) {
    loop {
        let happening = match terminal::read() {
            Ok(Input::Key(key)) => match Order::of_key(key, servers) {
                Some(order) => Happening::Ordered(order),
                None => continue,
            },
            Ok(Input::Interrupt) => Happening::Ordered(Order::End),
            Ok(Input::Resize) => Happening::Resized,
            Err(_) => Happening::InputEnded,
        };
        let is_last = matches!(happening, Happening::InputEnded);
        if happenings.send(happening).is_err() || is_last {
            return;
        }
    }
}

fn read_lines(happenings: &Sender<Happening>, servers: usize) {
    let mut input = io::stdin().lock();
    while let Ok(Some(line)) = read_line(&mut input) {
        let happening = match Order::of_line(&line, servers) {
            Some(order) => Happening::Ordered(order),
            None if line.trim().is_empty() => continue,
            None => Happening::NotUnderstood(line),
        };
        if happenings.send(happening).is_err() {
            return;
        }
    }
    // Whether anybody listens is all the same now.
    drop(happenings.send(Happening::InputEnded));
}

/// The beginning of the next line; what is behind it in the line is passed over. `None` at the end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let piece = input.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        let end = piece.iter().position(|byte| *byte == b'\n');
        let room = LINE_MAX - line.len();
        line.extend(piece[..end.unwrap_or(piece.len())].iter().take(room));
        let taken = end.map_or(piece.len(), |end| end + 1);
        input.consume(taken);
        if end.is_some() {
            return Ok(Some(text(&line)));
        }
    }
    Ok((!line.is_empty()).then(|| text(&line)))
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::{LINE_MAX, read_line};

    #[test]
    fn lines_are_read_in_part_where_they_are_long() {
        let text = format!("l\r\n\n{}\nq", "x".repeat(1000));
        let mut input = BufReader::with_capacity(7, text.as_bytes());
        let mut next = || read_line(&mut input).expect("it is readable");
        assert_eq!(next().as_deref(), Some("l"));
        assert_eq!(next().as_deref(), Some(""));
        assert_eq!(next(), Some("x".repeat(LINE_MAX)));
        assert_eq!(next().as_deref(), Some("q"), "the last line has no end");
        assert_eq!(next(), None);
    }
}

//! What the shell says: answers on stdout, remarks on stderr, and in between what the client has not asked for. Whoever says
//! something first says all events that came before it, so that an event stands before the answer that came later.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::visible::visible;
use crate::client::event::{Event, EventType};
use crate::client::listener::Listener;

/// Events that nobody has seen. Of later ones only the number is told.
const EVENTS_MAX: usize = 1 << 16;

/// How events are shown while a person types a line. It may wait until the line is read further, or until the next one is.
pub type Voice = Box<dyn FnMut(String) + Send>;

/// Which events are shown, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// As zkCli shows them.
    Plain,
    /// The same, without those of the session.
    Quiet,
    /// An object a line, without those of the session.
    Json,
}

pub struct Output {
    manner: Manner,
    queue: Mutex<Queue>,
    came: Condvar,
    printer: Mutex<Printer>,
    /// `printwatches`.
    shows_events: AtomicBool,
    /// Somebody takes the events out of the queue to show them otherwise.
    is_diverted: AtomicBool,
    /// A person types a line.
    is_typed: AtomicBool,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    /// Those for which there was no room.
    lost: u64,
}

/// What is next in the queue.
enum Heard {
    Event(Event),
    /// So many had no room.
    Lost(u64),
}

struct Printer {
    out: BufWriter<Stdout>,
    is_terminal: bool,
    /// Whoever reads may go away when they have seen enough.
    is_read: bool,
    /// It could not be written for another reason.
    has_failed: bool,
}

impl Listener for Output {
    fn hear(&self, event: Event) {
        let mut queue = lock(&self.queue);
        if queue.events.len() < EVENTS_MAX {
            queue.events.push_back(event);
        } else {
            queue.lost += 1;
        }
        self.came.notify_all();
    }
}

impl Output {
    pub fn new(manner: Manner) -> Output {
        let is_terminal = io::stdout().is_terminal();
        let printer = Printer { out: BufWriter::new(io::stdout()), is_terminal, is_read: true, has_failed: false };
        Output {
            manner,
            queue: Mutex::default(),
            came: Condvar::new(),
            printer: Mutex::new(printer),
            shows_events: AtomicBool::new(true),
            is_diverted: AtomicBool::new(false),
            is_typed: AtomicBool::new(false),
        }
    }

    pub fn is_json(&self) -> bool {
        self.manner == Manner::Json
    }

    pub fn is_plain(&self) -> bool {
        self.manner == Manner::Plain
    }

    /// `false` once the reader has gone, so that there is no use in going on.
    pub fn is_read(&self) -> bool {
        lock(&self.printer).is_read
    }

    /// Something that was said could not be written, though it may be read.
    pub fn has_failed(&self) -> bool {
        lock(&self.printer).has_failed
    }

    /// A person begins to type a line, or has typed it.
    pub fn set_typed(&self, is_typed: bool) {
        self.is_typed.store(is_typed, Ordering::Release);
    }

    pub fn shows_events(&self) -> bool {
        self.shows_events.load(Ordering::Acquire)
    }

    pub fn show_events(&self, shows: bool) {
        self.shows_events.store(shows, Ordering::Release);
    }

    /// A line for people; nothing where programs read.
    pub fn line(&self, text: &str) {
        if !self.is_json() {
            self.print(text);
        }
    }

    /// An object for programs; nothing where people read.
    pub fn object(&self, value: &Value) {
        if self.is_json() {
            self.print(&value.to_string());
        }
    }

    /// A line on stderr, for whoever reads.
    pub fn remark(&self, text: &str) {
        let mut printer = lock(&self.printer);
        self.tell_events(&mut printer);
        printer.flush();
        complain(text);
    }

    /// A line on stdout, for whoever reads.
    pub fn print(&self, text: &str) {
        let mut printer = lock(&self.printer);
        self.tell_events(&mut printer);
        printer.line(text);
    }

    /// Text for people that does not end its line; nothing where programs read.
    pub fn part(&self, text: &str) {
        if !self.is_json() {
            let mut printer = lock(&self.printer);
            self.tell_events(&mut printer);
            printer.part(text);
        }
    }

    /// All that was said is seen.
    pub fn flush(&self) {
        let mut printer = lock(&self.printer);
        self.tell_events(&mut printer);
        printer.flush();
    }

    /// Shows events as they come, for ever: what a thread of its own does.
    pub fn show_all_events(&self, mut voice: Option<Voice>) {
        loop {
            drop(self.came.wait_while(lock(&self.queue), |queue| self.is_at_rest(queue)));
            match &mut voice {
                // No lock is held: it may wait for the thread that reads the line, which must not wait for it.
                Some(voice) if self.is_typed.load(Ordering::Acquire) => self.call_out(voice),
                _ => self.flush(),
            }
        }
    }

    fn call_out(&self, voice: &mut Voice) {
        match self.take() {
            Some(Heard::Event(event)) => {
                if let Some(text) = self.text(&event) {
                    voice(format!("{}\n", visible(&text)));
                }
            }
            Some(Heard::Lost(count)) => voice(format!("{}\n", lost(count))),
            None => {}
        }
    }

    fn is_at_rest(&self, queue: &Queue) -> bool {
        self.is_diverted.load(Ordering::Acquire) || (queue.events.is_empty() && queue.lost == 0)
    }

    /// From now on somebody takes the events by [`next_event`](Output::next_event), or no longer.
    pub fn divert(&self, is_diverted: bool) {
        self.is_diverted.store(is_diverted, Ordering::Release);
        self.came.notify_all();
    }

    /// The next event, if there is one within this time.
    pub fn next_event(&self, patience: Duration) -> Option<Event> {
        let queue = lock(&self.queue);
        let waited = self.came.wait_timeout_while(queue, patience, |queue| queue.events.is_empty());
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.events.pop_front()
    }

    fn tell_events(&self, printer: &mut Printer) {
        if self.is_diverted.load(Ordering::Acquire) {
            return;
        }
        while let Some(heard) = self.take() {
            match heard {
                Heard::Event(event) => {
                    if let Some(text) = self.text(&event) {
                        printer.line(&text);
                    }
                }
                Heard::Lost(count) => {
                    printer.flush();
                    complain(&lost(count));
                }
            }
        }
    }

    /// Nothing is held while it is shown: who hears of events must not wait for a terminal.
    fn take(&self) -> Option<Heard> {
        let mut queue = lock(&self.queue);
        if let Some(event) = queue.events.pop_front() {
            return Some(Heard::Event(event));
        }
        let lost = std::mem::take(&mut queue.lost);
        (lost > 0).then_some(Heard::Lost(lost))
    }

    /// How an event is told, if it is.
    fn text(&self, event: &Event) -> Option<String> {
        let is_of_session = event.kind == EventType::None;
        if !self.shows_events() || (is_of_session && !self.is_plain()) {
            return None;
        }
        Some(if self.is_json() { object(event).to_string() } else { format!("\nWATCHER::\n\n{event}") })
    }
}

/// A line on stderr. Where nobody reads it there is nobody to tell.
fn complain(text: &str) {
    let mut stderr = io::stderr().lock();
    let text = if stderr.is_terminal() { visible(text) } else { Cow::Borrowed(text) };
    drop(writeln!(stderr, "{text}"));
}

fn lost(count: u64) -> String {
    format!("paddock: {count} more events came than could be shown")
}

/// An event for programs.
pub fn object(event: &Event) -> Value {
    json!({"event": {
        "state": format!("{:?}", event.state),
        "type": format!("{:?}", event.kind),
        "path": event.path,
        "zxid": event.zxid,
    }})
}

impl Printer {
    fn line(&mut self, text: &str) {
        self.part(text);
        self.part("\n");
    }

    fn part(&mut self, text: &str) {
        if self.is_read {
            let text = if self.is_terminal { visible(text) } else { Cow::Borrowed(text) };
            let written = self.out.write_all(text.as_bytes());
            self.note(written);
        }
    }

    fn flush(&mut self) {
        if self.is_read {
            let flushed = self.out.flush();
            self.note(flushed);
        }
    }

    fn note(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            self.is_read = false;
            if error.kind() != ErrorKind::BrokenPipe {
                self.has_failed = true;
                complain(&format!("paddock: the answer cannot be written: {error}"));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds one can leave it half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

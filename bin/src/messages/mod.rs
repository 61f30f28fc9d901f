//! The log of words: what the server tells people, one line for each event, on stderr.
//!
//! ```text
//! any thread ── tracing ──► filter (RUST_LOG) ──► kinds: so many lines of each ──► queue ──► message-writer ──► stderr
//! ```
//!
//! Nobody who has something to say waits for whoever reads it: a line goes into a bounded queue, and what finds no room
//! there is counted and told of ([`queue`]). And nobody can have the same thing said without end: once clients are
//! served, each kind of line comes so many times in a period, and then only its number ([`kinds`]).

mod kinds;
mod queue;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::prelude::*;

use kinds::Kinds;
use queue::Queue;

/// An end waits so long for what was said to be written. Whoever reads has had all the time before.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);
/// What every line of this program is from.
const TARGETS: [&str; 4] = ["paddock", "paddock_net", "paddock_engine", "paddock_consensus"];

/// There is one log of words, as there is one stderr.
static MESSAGES: OnceLock<Messages> = OnceLock::new();

struct Messages {
    queue: Queue,
    kinds: Kinds,
}

/// Begins the log of words: from now on every event of `tracing` is a line on stderr, and so is a panic, which ends the
/// process. `RUST_LOG` chooses which lines (default: info).
///
/// # Errors
/// When the thread that writes cannot be started.
///
/// # Panics
/// When it was begun before.
pub fn start() -> io::Result<()> {
    let stderr = io::stderr();
    let coloured = stderr.is_terminal();
    let messages = Messages { queue: Queue::new(coloured), kinds: Kinds::new() };
    assert!(MESSAGES.set(messages).is_ok(), "the log of words is begun once");
    let messages = MESSAGES.get().expect("it was set");
    // Of its own, so that a thread that waits for a reader holds no lock that another needs.
    let sink: Box<dyn Write + Send> = match stderr.as_fd().try_clone_to_owned() {
        Ok(own) => Box::new(std::fs::File::from(own)),
        Err(_) => Box::new(stderr),
    };
    std::thread::Builder::new().name("message-writer".into()).spawn(move || messages.write_on(sink))?;
    let (filter, hint) = filter(std::env::var("RUST_LOG").ok().as_deref());
    let lines = tracing_subscriber::fmt::layer().with_writer(messages).with_ansi(coloured).with_target(false);
    tracing_subscriber::registry().with(filter).with(messages).with(lines).init();
    std::panic::set_hook(Box::new(end_in_panic));
    if let Some(hint) = hint {
        tracing::warn!("{hint}");
    }
    Ok(())
}

/// From now on a kind of line comes only so often: there are clients.
pub fn limit_kinds() {
    if let Some(messages) = MESSAGES.get() {
        messages.kinds.limit();
    }
}

/// A line that neither the filter nor the limit of its kind holds back. Nothing is said before [`start`].
pub fn say(level: Level, text: &str) {
    if let Some(messages) = MESSAGES.get() {
        messages.queue.push(&line(level, text), level == Level::ERROR);
    }
}

/// Waits until what has been said is written, numbers of lines that were held back included, but not for ever. To be
/// called before the process ends.
pub fn flush() {
    if let Some(messages) = MESSAGES.get() {
        messages.queue.flush(FLUSH_PATIENCE);
    }
}

/// Which lines are wanted, and what is to be said of a wish that cannot be met. Errors of this program come in any case:
/// one of them is why it ends.
fn filter(wish: Option<&str>) -> (Targets, Option<String>) {
    let default = Targets::new().with_default(Level::INFO);
    let Some(wish) = wish.map(str::trim).filter(|wish| !wish.is_empty()) else { return (default, None) };
    let advice = "the log begins at info; write a level (error, warn, info, debug, trace, off), or levels by parts of the \
                  program, as in RUST_LOG=info,paddock_net=debug";
    let hint = |what: &str| Some(format!("RUST_LOG={wish}: {what}; {advice}"));
    let targets: Targets = match wish.parse() {
        Ok(targets) => targets,
        Err(error) => return (default, hint(&format!("this cannot be read ({error})"))),
    };
    let shows = |target: &str| targets.would_enable(target, &Level::ERROR);
    if !wish.contains("off") && !TARGETS.iter().any(|target| shows(target)) {
        return (default, hint("no line of this program is chosen by this"));
    }
    // The first is the beginning of them all.
    if shows(TARGETS[0]) { (targets, None) } else { (targets.with_target(TARGETS[0], Level::ERROR), None) }
}

/// A line as `tracing` writes its own.
fn line(level: Level, text: &str) -> String {
    let mut line = String::new();
    // Writing to a String does not fail, and a clock that does leaves the line without its time.
    let _ = SystemTime.format_time(&mut Writer::new(&mut line));
    line.push_str(&format!(" {level:>5} {text}"));
    line
}

/// A thread that has panicked would leave its clients waiting, its versions held and its sessions unheard: the process
/// ends instead, and the next start recovers.
fn end_in_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let what = panic.payload_as_str().unwrap_or("of something that is no text");
    let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
    say(Level::ERROR, &format!("thread {} panicked{place}: {what}", thread.name().unwrap_or("without a name")));
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        backtrace.to_string().lines().for_each(|line| say(Level::ERROR, line));
    }
    flush();
    std::process::abort();
}

impl Messages {
    /// Writes for ever what is said.
    fn write_on(&self, mut sink: impl Write) {
        let mut output = queue::Output::default();
        loop {
            let batch = self.queue.take(self.kinds.next_due());
            let numbers = self.kinds.tell(batch.is_last());
            for (level, text) in numbers {
                output.write_line(&mut sink, &line(level, &text));
            }
            output.write_batch(&mut sink, &batch, |lost| line(Level::WARN, lost));
            self.queue.note_written(batch);
        }
    }
}

impl<'a> MakeWriter<'a> for &'static Messages {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { queue: &self.queue, is_error: false }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line { queue: &self.queue, is_error: *meta.level() == Level::ERROR }
    }
}

/// One line on its way into the queue; it is written whole, as `tracing` does it.
struct Line {
    queue: &'static Queue,
    is_error: bool,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.push(&String::from_utf8_lossy(line), self.is_error);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for &'static Messages {
    fn event_enabled(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) -> bool {
        let admission = self.kinds.admit(event);
        if admission == kinds::Admission::FirstHeldBack {
            // Somebody has to tell the number when its time is over.
            self.queue.wake();
        }
        admission == kinds::Admission::Told
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::filter;

    #[test]
    fn wishes_that_choose_nothing_are_told_of() {
        for (wish, told) in [
            (None, false),
            (Some(""), false),
            (Some("debug"), false),
            (Some("off"), false),
            (Some("paddock_net=trace"), false),
            (Some("loud"), true),
            (Some("paddock=loud"), true),
        ] {
            let (targets, hint) = filter(wish);
            assert_eq!(hint.is_some(), told, "{wish:?}");
            assert!(targets.would_enable("paddock", &Level::ERROR), "{wish:?}: why it ends is always told");
        }
        let (targets, _) = filter(Some("paddock_net=trace"));
        assert!(targets.would_enable("paddock_net::reactor", &Level::TRACE));
        assert!(!targets.would_enable("paddock::node", &Level::INFO));
        assert!(!filter(Some("off")).0.would_enable("paddock_net", &Level::WARN));
    }
}

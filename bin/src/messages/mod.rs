//! The log of words: what the server tells people, one line for each event, on stderr or in a file.
//!
//! ```text
//! any thread ── tracing ──► levels ──► kinds: so many lines of each ──► form ──► queue ──► message-writer ──► stderr, file
//! ```
//! `RUST_LOG` says which lines are wanted until the configuration is read, which may say otherwise ([`configure`]); and that
//! may be changed at any time ([`set_levels`]).
//!
//! Nobody who has something to say waits for whoever reads it: a line goes into a bounded queue, and what finds no room
//! there is counted and told of ([`queue`]). And nobody can have the same thing said without end: once clients are
//! served, each kind of line comes so many times in a period, and then only its number ([`kinds`]).

mod form;
mod json;
mod kinds;
pub mod levels;
mod queue;
mod recent;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, reload};

use form::Form;
use kinds::Kinds;
use queue::Queue;
pub use recent::Said;

use crate::line_sink::LineSink;
use crate::rotation::{RotatingFile, Rotation};

/// An end waits so long for what was said to be written. Whoever reads has had all the time before.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// There is one log of words, as there is one stderr.
static MESSAGES: OnceLock<Messages> = OnceLock::new();
/// By which it is changed which lines are wanted.
static LEVELS: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

struct Messages {
    queue: Queue,
    kinds: Kinds,
    form: Form,
    /// Lines go to a file, where whoever has started the server may not look.
    is_in_file: AtomicBool,
}

/// What the configuration says of the log.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Settings {
    /// Which lines are wanted, as [`levels::parse`] reads it; `None` leaves that to `RUST_LOG`.
    pub levels: Option<String>,
    /// `None` is stderr.
    pub file: Option<Rotation>,
    /// Lines are JSON objects.
    pub is_json: bool,
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
    let messages = Messages {
        queue: Queue::new(coloured),
        kinds: Kinds::new(),
        form: Form::new(coloured),
        is_in_file: AtomicBool::new(false),
    };
    assert!(MESSAGES.set(messages).is_ok(), "the log of words is begun once");
    let messages = MESSAGES.get().expect("it was set");
    // Of its own, so that a thread that waits for a reader holds no lock that another needs.
    let sink: Box<dyn Write + Send> = match stderr.as_fd().try_clone_to_owned() {
        Ok(own) => Box::new(std::fs::File::from(own)),
        Err(_) => Box::new(stderr),
    };
    std::thread::Builder::new()
        .name("message-writer".into())
        .spawn(move || messages.write_on(LineSink::Stream(sink)))?;
    let (levels, hint) = levels_of_environment();
    let (levels, handle) = reload::Layer::new(levels);
    assert!(LEVELS.set(handle).is_ok(), "the log of words is begun once");
    let lines = tracing_subscriber::fmt::layer().with_writer(messages).with_ansi(coloured).event_format(messages);
    tracing_subscriber::registry().with(levels).with(messages).with(lines).init();
    std::panic::set_hook(Box::new(end_in_panic));
    if let Some(hint) = hint {
        tracing::warn!("{hint}");
    }
    Ok(())
}

fn levels_of_environment() -> (Targets, Option<String>) {
    levels::of_environment(std::env::var("RUST_LOG").ok().as_deref())
}

/// Does what the configuration says of the log. What was said before is where it was said. Nothing is done before [`start`].
///
/// # Errors
/// When the file cannot be opened; then nothing is changed.
pub fn configure(settings: &Settings) -> io::Result<()> {
    let Some(messages) = MESSAGES.get() else { return Ok(()) };
    let file = settings.file.clone().map(RotatingFile::open).transpose()?;
    if settings.levels.is_some()
        && let Err(problem) = set_levels(settings.levels.as_deref())
    {
        tracing::warn!("paddock.log.level: {problem}");
    }
    messages.queue.flush(FLUSH_PATIENCE);
    messages.form.change(settings.is_json, messages.form.has_colours() && file.is_none());
    if let Some(file) = file {
        messages.queue.move_to(file);
        messages.is_in_file.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// From now on these lines are wanted, as [`levels::parse`] reads it; `None`: those that `RUST_LOG` says.
///
/// # Errors
/// A clause that says what is wrong; then nothing is changed.
pub fn set_levels(wish: Option<&str>) -> Result<(), String> {
    let levels = wish.map_or_else(|| Ok(levels_of_environment().0), levels::parse)?;
    let Some(handle) = LEVELS.get() else { return Ok(()) };
    handle.reload(levels).map_err(|error| error.to_string())
}

/// Which lines are wanted at this moment, in the form of a wish. `None` before [`start`].
pub fn levels_in_force() -> Option<String> {
    LEVELS.get().and_then(|handle| handle.with_current(Targets::to_string).ok())
}

/// Has the file opened anew, which somebody may have renamed.
pub fn reopen() {
    if let Some(messages) = MESSAGES.get() {
        messages.queue.reopen();
    }
}

/// Why the process ends, for whoever has started it and does not look into the file of the log.
pub fn tell_starter(text: &str) {
    if MESSAGES.get().is_some_and(|messages| messages.is_in_file.load(Ordering::Relaxed)) {
        // There may be nobody.
        drop(writeln!(io::stderr(), "paddock: {text}"));
    }
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
        messages.queue.push(&messages.form.line(level, text), level == Level::ERROR);
    }
}

/// What was said last, as far as it is kept, after a place that this has told; 0 is the first one. `None` before [`start`].
pub fn said_after(place: u64) -> Option<Said> {
    MESSAGES.get().map(|messages| messages.queue.recent.after(place))
}

/// Waits until what has been said is written, numbers of lines that were held back included, but not for ever. To be
/// called before the process ends.
pub fn flush() {
    if let Some(messages) = MESSAGES.get() {
        messages.queue.flush(FLUSH_PATIENCE);
    }
}

/// A thread that has panicked would leave its clients waiting, its versions held and its sessions unheard: the process
/// ends instead, and the next start recovers.
fn end_in_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let what = panic.payload_as_str().unwrap_or("of something that is no text");
    let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
    let text = format!("thread {} panicked{place}: {what}", thread.name().unwrap_or("without a name"));
    say(Level::ERROR, &text);
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        backtrace.to_string().lines().for_each(|line| say(Level::ERROR, line));
    }
    flush();
    tell_starter(&text);
    std::process::abort();
}

impl Messages {
    /// Writes for ever what is said.
    fn write_on(&self, mut sink: LineSink) {
        let mut output = queue::Output::default();
        loop {
            let mut batch = self.queue.take(self.kinds.next_due());
            if batch.reopens() && sink.reopen() {
                output.begin_file();
            }
            let numbers = self.kinds.tell(batch.is_last());
            for (level, text) in numbers {
                let line = self.form.line(level, &text);
                self.queue.recent.push(&line);
                output.write_line(&mut sink, &line);
            }
            output.write_batch(&mut sink, &batch, |lost| self.form.line(Level::WARN, lost));
            sink.tell_trouble();
            if let Some(file) = batch.take_destination() {
                sink = LineSink::File(file);
                output.begin_file();
            }
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

impl<S, N> FormatEvent<S, N> for &'static Messages
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        self.form.write(context, out, event)
    }
}

impl<S: Subscriber> tracing_subscriber::Layer<S> for &'static Messages {
    fn event_enabled(&self, event: &Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) -> bool {
        let admission = self.kinds.admit(event);
        if admission == kinds::Admission::FirstHeldBack {
            // Somebody has to tell the number when its time is over.
            self.queue.wake();
        }
        admission == kinds::Admission::Told
    }
}

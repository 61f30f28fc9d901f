//! What a line looks like: a sentence for people, or an object for programs.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Writer, format};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::registry::LookupSpan;

use super::json;

pub struct Form {
    is_json: AtomicBool,
    /// Sentences may have colours, where the layer that writes them has.
    has_colours: AtomicBool,
    sentences: Format,
}

impl Form {
    /// Sentences, which may have colours or not.
    pub fn new(has_colours: bool) -> Form {
        let sentences = format().with_target(false);
        Form { is_json: AtomicBool::new(false), has_colours: AtomicBool::new(has_colours), sentences }
    }

    /// From now on lines are objects or not, and sentences may have colours or not.
    pub fn change(&self, is_json: bool, has_colours: bool) {
        self.is_json.store(is_json, Ordering::Relaxed);
        self.has_colours.store(has_colours && !is_json, Ordering::Relaxed);
    }

    pub fn has_colours(&self) -> bool {
        self.has_colours.load(Ordering::Relaxed)
    }

    fn is_json(&self) -> bool {
        self.is_json.load(Ordering::Relaxed)
    }

    /// A line of the present moment that no event of `tracing` brings, in the form of its own.
    pub fn line(&self, level: Level, text: &str) -> String {
        if self.is_json() { json::of_text(&now(), level, text) } else { format!("{} {level:>5} {text}", now()) }
    }

    /// The line of an event.
    pub fn write<S, N>(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'a> FormatFields<'a> + 'static,
    {
        if self.is_json() {
            return writeln!(out, "{}", json::of_event(&now(), event));
        }
        match self.has_colours() {
            true => self.sentences.format_event(context, out, event),
            false => self.sentences.format_event(context, Writer::new(&mut out), event),
        }
    }
}

/// The time as lines have it. A clock that fails leaves a line without.
fn now() -> String {
    let mut time = String::new();
    // Writing to a String does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::Form;

    #[test]
    fn lines_of_ones_own_are_as_those_of_tracing() {
        let form = Form::new(true);
        let line = form.line(Level::WARN, "7 lines");
        let (time, said) = line.split_once(' ').expect("there is a time");
        assert_eq!((time.ends_with('Z'), said), (true, " WARN 7 lines"));
        form.change(true, true);
        assert!(!form.has_colours(), "no program wants them");
        let line: serde_json::Value = serde_json::from_str(&form.line(Level::WARN, "7 lines")).expect("an object");
        assert_eq!((&line["level"], &line["message"]), (&"WARN".into(), &"7 lines".into()));
    }
}

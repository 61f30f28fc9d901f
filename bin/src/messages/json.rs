//! Lines for programs: one JSON object each.
//!
//! ```text
//! {"time":"2026-03-03T08:14:05.221000Z","level":"INFO","target":"paddock::node","message":"listening on ...","fields":{"reactors":2}}
//! ```
//! These five names stay. `fields` has what a line tells besides its sentence; which there are is the line's own business.

use std::fmt::Debug;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::queue::LINE_MAX;

/// Of a line that would be too long no more of the sentence is told than this, bytes, so that it is an object for all that it
/// has to escape; and none of its fields.
const CUT: usize = 1000;
/// What lines are from that tracing does not bring.
const TARGET: &str = "paddock";

/// The line of an event that comes at this time.
pub fn of_event(time: &str, event: &Event<'_>) -> String {
    let mut told = Told::default();
    event.record(&mut told);
    let metadata = event.metadata();
    line(time, *metadata.level(), metadata.target(), &told.message, told.fields)
}

/// The line of a sentence.
pub fn of_text(time: &str, level: Level, text: &str) -> String {
    line(time, level, TARGET, text, Map::new())
}

fn line(time: &str, level: Level, target: &str, message: &str, fields: Map<String, Value>) -> String {
    let line = object(time, level, target, message, fields);
    if line.len() <= LINE_MAX {
        return line;
    }
    let cut = message.char_indices().map(|(at, _)| at).take_while(|at| *at <= CUT).last().unwrap_or(0);
    let cut = if message.len() <= CUT { message } else { &message[..cut] };
    let fields = Map::from_iter([("cut".to_owned(), Value::from(true))]);
    object(time, level, target, cut, fields)
}

fn object(time: &str, level: Level, target: &str, message: &str, fields: Map<String, Value>) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let (time, target, message) = (quoted(time), quoted(target), quoted(message));
    let fields = Value::from(fields);
    let line = format!(
        "{{\"time\":{time},\"level\":\"{level}\",\"target\":{target},\"message\":{message},\"fields\":{fields}}}"
    );
    escaped(line)
}

/// JSON takes some control characters as they are, and terminals obey them.
fn escaped(line: String) -> String {
    if !line.contains(char::is_control) {
        return line;
    }
    let mut clean = String::with_capacity(line.len());
    for char in line.chars() {
        if char.is_control() { clean.push_str(&format!("\\u{:04x}", u32::from(char))) } else { clean.push(char) }
    }
    clean
}

/// What an event tells.
#[derive(Default)]
struct Told {
    message: String,
    fields: Map<String, Value>,
}

impl Told {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => drop(self.fields.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.take(field, Value::from(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, Value::from(value));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};
    use tracing::Level;

    use super::{LINE_MAX, line, of_text};

    const TIME: &str = "2026-03-03T08:14:05.221000Z";

    fn read(line: &str) -> Value {
        assert!(!line.contains(char::is_control), "{line}");
        serde_json::from_str(line).expect("it is an object")
    }

    #[test]
    fn an_object_has_its_five_names_in_their_order() {
        let fields = Map::from_iter([("reactors".to_owned(), Value::from(2))]);
        let told = line(TIME, Level::INFO, "paddock::node", "it \"listens\"", fields);
        let expected = "{\"time\":\"2026-03-03T08:14:05.221000Z\",\"level\":\"INFO\",\"target\":\"paddock::node\",\
                        \"message\":\"it \\\"listens\\\"\",\"fields\":{\"reactors\":2}}";
        assert_eq!(told, expected);
        let told = read(&of_text(TIME, Level::ERROR, "why it ends"));
        assert_eq!((&told["level"], &told["target"]), (&Value::from("ERROR"), &Value::from("paddock")));
    }

    #[test]
    fn what_clients_have_written_stays_in_its_place() {
        let text = "a\nb\u{1b}[2J\u{7f}\u{9b}\"}{\\ \u{e4}";
        assert_eq!(read(&of_text(TIME, Level::WARN, text))["message"], text);
    }

    #[test]
    fn a_long_line_is_an_object_too() {
        for text in ["x".repeat(LINE_MAX), "\u{1}".repeat(LINE_MAX), "\u{e4}\u{9b}".repeat(LINE_MAX)] {
            let told = of_text(TIME, Level::INFO, &text);
            assert!(told.len() <= LINE_MAX, "{}", told.len());
            let told = read(&told);
            assert_eq!(told["fields"]["cut"], true);
            assert!(text.starts_with(told["message"].as_str().expect("it is a text")));
        }
        let fields = Map::from_iter([("path".to_owned(), Value::from("x".repeat(LINE_MAX)))]);
        let told = read(&line(TIME, Level::INFO, "paddock", "short", fields));
        assert_eq!((&told["message"], &told["fields"]["cut"]), (&Value::from("short"), &Value::from(true)));
    }
}

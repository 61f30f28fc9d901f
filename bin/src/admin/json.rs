//! JSON as Jackson prints it for the AdminServer: two spaces for each object that is open, ` : ` behind a key, an array in one line.
//!
//! serde_json could be told to print so, but sorts the keys of its objects: here they stand in the order in which they are given.

use std::fmt::Write as _;

use paddock_net::metrics::java_double::java_double;

/// A value that is told.
#[derive(Clone, PartialEq, Debug)]
pub enum Json {
    Null,
    Bool(bool),
    Number(i64),
    /// A number in the form in which it was told elsewhere.
    Digits(String),
    Text(String),
    Array(Vec<Json>),
    /// In this order.
    Object(Vec<(String, Json)>),
}

/// The fields of an object.
pub type Fields = Vec<(String, Json)>;

impl Json {
    /// An object with these fields, in their order.
    pub fn object<const N: usize>(fields: [(&str, Json); N]) -> Json {
        Json::Object(named(fields))
    }

    /// An array of what such values become.
    pub fn array<T: Into<Json>>(values: impl IntoIterator<Item = T>) -> Json {
        Json::Array(values.into_iter().map(Into::into).collect())
    }

    /// A number that Java has as a `double`. One that is none is a text, as in Java.
    pub fn double(number: f64) -> Json {
        if number.is_finite() { Json::Digits(java_double(number)) } else { Json::Text(java_double(number)) }
    }

    /// The text, without a new line at its end.
    pub fn print(&self) -> String {
        let mut text = String::new();
        self.print_into(0, &mut text);
        text
    }

    fn print_into(&self, depth: usize, text: &mut String) {
        match self {
            Json::Null => text.push_str("null"),
            Json::Bool(is_true) => text.push_str(if *is_true { "true" } else { "false" }),
            Json::Number(number) => write!(text, "{number}").expect(TAKES_ALL),
            Json::Digits(digits) => text.push_str(digits),
            Json::Text(value) => print_text(value, text),
            Json::Array(values) => print_array(values, depth, text),
            Json::Object(fields) => print_object(fields, depth, text),
        }
    }
}

const TAKES_ALL: &str = "writing to a String cannot fail";

/// Fields by their names.
pub fn named<const N: usize>(fields: [(&str, Json); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn print_array(values: &[Json], depth: usize, text: &mut String) {
    text.push('[');
    for (place, value) in values.iter().enumerate() {
        text.push_str(if place == 0 { " " } else { ", " });
        value.print_into(depth, text);
    }
    text.push_str(" ]");
}

fn print_object(fields: &[(String, Json)], depth: usize, text: &mut String) {
    text.push('{');
    for (place, (name, value)) in fields.iter().enumerate() {
        text.push_str(if place == 0 { "\n" } else { ",\n" });
        indent(depth + 1, text);
        print_text(name, text);
        text.push_str(" : ");
        value.print_into(depth + 1, text);
    }
    if fields.is_empty() {
        text.push(' ');
    } else {
        text.push('\n');
        indent(depth, text);
    }
    text.push('}');
}

fn indent(depth: usize, text: &mut String) {
    (0..depth).for_each(|_| text.push_str("  "));
}

fn print_text(value: &str, text: &mut String) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            character if character < ' ' => write!(text, "\\u{:04X}", u32::from(character)).expect(TAKES_ALL),
            character => text.push(character),
        }
    }
    text.push('"');
}

impl From<bool> for Json {
    fn from(is_true: bool) -> Json {
        Json::Bool(is_true)
    }
}

impl From<i32> for Json {
    fn from(number: i32) -> Json {
        Json::Number(number.into())
    }
}

impl From<u32> for Json {
    fn from(number: u32) -> Json {
        Json::Number(number.into())
    }
}

impl From<u16> for Json {
    fn from(number: u16) -> Json {
        Json::Number(number.into())
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Json {
        Json::Number(number)
    }
}

/// Java has no larger number than that of its `long`.
impl From<u64> for Json {
    fn from(number: u64) -> Json {
        Json::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Json {
    fn from(number: usize) -> Json {
        Json::from(number as u64)
    }
}

impl From<String> for Json {
    fn from(text: String) -> Json {
        Json::Text(text)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::Text(text.to_owned())
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Json {
        value.map_or(Json::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn objects_are_indented_and_arrays_are_in_one_line() {
        let inner = |number: i64| Json::object([("a", number.into()), ("b", Json::array(["x", "y"]))]);
        let json = Json::object([
            ("none", Json::Object(Vec::new())),
            ("few", Json::array([1, 2])),
            ("objects", Json::Array(vec![inner(1), inner(2)])),
            ("nested", Json::object([("deep", inner(3))])),
            ("empty", Json::Array(Vec::new())),
            ("error", Json::Null),
        ]);
        let expected = r#"{
  "none" : { },
  "few" : [ 1, 2 ],
  "objects" : [ {
    "a" : 1,
    "b" : [ "x", "y" ]
  }, {
    "a" : 2,
    "b" : [ "x", "y" ]
  } ],
  "nested" : {
    "deep" : {
      "a" : 3,
      "b" : [ "x", "y" ]
    }
  },
  "empty" : [ ],
  "error" : null
}"#;
        assert_eq!(json.print(), expected);
    }

    #[test]
    fn texts_are_escaped_as_jackson_does() {
        let text = "\"\\/\u{8}\t\n\u{c}\r\u{1}\u{1f}\u{7f}ä\u{1f600}";
        assert_eq!(Json::from(text).print(), "\"\\\"\\\\/\\b\\t\\n\\f\\r\\u0001\\u001F\u{7f}ä\u{1f600}\"");
    }

    #[test]
    fn doubles_are_told_as_java_does() {
        assert_eq!(Json::double(0.0005).print(), "5.0E-4");
        assert_eq!(Json::double(f64::INFINITY).print(), "\"Infinity\"");
    }

    #[test]
    fn numbers_beyond_javas_are_its_greatest() {
        assert_eq!(Json::from(u64::MAX), Json::Number(i64::MAX));
    }
}

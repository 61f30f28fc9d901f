//! The types of settings, and the reading of a text as one of them.
//!
//! Java reads file keys with `Integer.parseInt` and system properties with `Integer.decode`, so a property may also be
//! written in hexadecimal or octal (`jute.maxbuffer=0xfffff` is common). A property that Java cannot read silently
//! keeps its default there; here it is an error, because the operator meant something by it.

use std::time::Duration;

/// The type of a key, with the range of its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Text,
    /// Not empty.
    Path,
    /// Host name or IP address, not empty.
    Host,
    /// 0..=65535; 0 lets the system choose.
    Port,
    /// A whole number of `unit` in `min..=max`.
    Number {
        unit: &'static str,
        min: i64,
        max: i64,
    },
    /// A finite decimal number.
    Decimal,
    /// `true` or `false` in any case.
    StrictBool,
    /// `true` in any case is true, all else is false.
    Bool,
    /// Exactly `yes` is true, exactly `no` is false, all else is `otherwise`.
    YesNo {
        otherwise: bool,
    },
    /// Exactly `false` is false, all else is true.
    UnlessFalse,
    /// A period: hours, or a number with the suffix ms, s, m, h or d.
    Interval,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
}

/// How whole numbers may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// As `Integer.parseInt`.
    Decimal,
    /// As `Integer.decode`: also `0x1F`, `#1F` and octal `017`.
    AnyBase,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Number(i64),
    Decimal(f64),
    Bool(bool),
    /// Zero when the task is off.
    Interval(Duration),
}

/// A text that is not of its kind. Both parts are clauses for one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub problem: String,
    pub expected: String,
}

/// Longest part of a wrong value that a message repeats.
const SHOWN_CHARS: usize = 60;

impl Kind {
    /// Reads `text`, which is trimmed.
    pub fn parse(self, text: &str, notation: Notation) -> Result<Value, Malformed> {
        match self {
            Self::Text => Ok(Value::Text(text.to_owned())),
            Self::Path | Self::Host if text.is_empty() => Err(self.malformed("the value is empty".to_owned())),
            Self::Path | Self::Host => Ok(Value::Text(text.to_owned())),
            Self::Port => self.number(text, notation, 0, 65535),
            Self::Number { min, max, .. } => self.number(text, notation, min, max),
            Self::Decimal => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Value::Decimal(number)),
                _ => Err(self.malformed(format!("{} is not a number", shown(text)))),
            },
            Self::StrictBool if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
            Self::StrictBool if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
            Self::StrictBool => Err(self.malformed(format!("{} is neither", shown(text)))),
            Self::Bool => Ok(Value::Bool(text.eq_ignore_ascii_case("true"))),
            Self::YesNo { otherwise } => Ok(Value::Bool(match text {
                "yes" => true,
                "no" => false,
                _ => otherwise,
            })),
            Self::UnlessFalse => Ok(Value::Bool(text != "false")),
            Self::Interval => match interval(text) {
                Some(period) => Ok(Value::Interval(period)),
                None => Err(self.malformed(format!("{} is not a period", shown(text)))),
            },
            Self::Choice(words) => match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
                Some(word) => Ok(Value::Text((*word).to_owned())),
                None => Err(self.malformed(format!("{} is not known", shown(text)))),
            },
        }
    }

    /// What a lenient kind makes of a text that is none of its words; a clause for a warning.
    pub fn leniency(self, text: &str) -> Option<String> {
        let (words, otherwise) = match self {
            Self::Bool => (["true", "false"], "false"),
            Self::YesNo { otherwise } => (["yes", "no"], if otherwise { "yes" } else { "no" }),
            Self::UnlessFalse => (["true", "false"], "true"),
            _ => return None,
        };
        let exact = matches!(self, Self::YesNo { .. } | Self::UnlessFalse);
        let known = words.iter().any(|word| if exact { *word == text } else { word.eq_ignore_ascii_case(text) });
        let [one, other] = words;
        (!known).then(|| format!("{} is read as {otherwise}, as ZooKeeper does; write {one} or {other}", shown(text)))
    }

    fn number(self, text: &str, notation: Notation, min: i64, max: i64) -> Result<Value, Malformed> {
        let number = match notation {
            Notation::Decimal => integer(text, 10),
            Notation::AnyBase => decode(text),
        };
        match number {
            None => Err(self.malformed(format!("{} is not a whole number", shown(text)))),
            Some(number) if number < min => Err(self.malformed(format!("{number} is too small"))),
            Some(number) if number > max => Err(self.malformed(format!("{number} is too large"))),
            Some(number) => Ok(Value::Number(number)),
        }
    }

    fn malformed(self, problem: String) -> Malformed {
        let expected = match self {
            Self::Text => "a text".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Host => "a host name or an IP address".to_owned(),
            Self::Port => "a port from 0 to 65535".to_owned(),
            Self::Number { min, max, .. } if min == max => min.to_string(),
            Self::Number { unit: "", min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { unit, min, max } => format!("{unit}, a whole number from {min} to {max}"),
            Self::Decimal => "a decimal number such as 0.33".to_owned(),
            Self::StrictBool | Self::Bool | Self::UnlessFalse => "true or false".to_owned(),
            Self::YesNo { .. } => "yes or no".to_owned(),
            Self::Interval => "hours, or a whole number followed by ms, s, m, h or d, such as 30m; 0 is off".to_owned(),
            Self::Choice(words) => words.join(" or "),
        };
        Malformed { problem, expected }
    }
}

/// The text in quotes, cut to a length that fits a message.
pub fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}

/// An optional sign and at least one digit, nothing else.
fn integer(text: &str, radix: u32) -> Option<i64> {
    i64::from_str_radix(text, radix).ok()
}

/// Java's `Integer.decode`, over 64 bits.
fn decode(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (radix, digits) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")).or(digits.strip_prefix('#')) {
        Some(digits) => (16, digits),
        None if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        None => (10, digits),
    };
    // A second sign is no digit.
    if digits.starts_with(['-', '+']) {
        return None;
    }
    let magnitude = integer(digits, radix)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// A number without suffix counts hours; a period that is not positive is off.
fn interval(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_ms = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "" | "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    // Java keeps the period in 32 bits of milliseconds and wraps; a number that would is refused here.
    let ms = i64::from(i32::try_from(integer(digits, 10)?).ok()?).checked_mul(unit_ms)?;
    Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Kind = Kind::Number { unit: "milliseconds", min: -1, max: 100 };

    fn accept(kind: Kind, notation: Notation, text: &str, expected: Value) {
        assert_eq!(kind.parse(text, notation), Ok(expected), "{kind:?} {text:?}");
    }

    fn refuse(kind: Kind, notation: Notation, text: &str, message: &str) {
        let Malformed { problem, expected } = kind.parse(text, notation).expect_err(text);
        assert_eq!(format!("{problem}; expected {expected}"), message);
    }

    #[test]
    fn whole_numbers() {
        for (text, number) in [("0", 0), ("-1", -1), ("+7", 7), ("100", 100), ("007", 7)] {
            accept(SMALL, Notation::Decimal, text, Value::Number(number));
        }
        for (text, number) in [("0x1f", 31), ("#A", 10), ("010", 8), ("0", 0), ("+0X10", 16), ("-01", -1), ("9", 9)] {
            accept(SMALL, Notation::AnyBase, text, Value::Number(number));
        }
        let range = "expected milliseconds, a whole number from -1 to 100";
        for text in ["", "-", "1 0", "1.5", "ten", "0x10", "99999999999999999999"] {
            refuse(SMALL, Notation::Decimal, text, &format!("{text:?} is not a whole number; {range}"));
        }
        for text in ["", "0x", "0x-1", "--1", "08", "1L"] {
            refuse(SMALL, Notation::AnyBase, text, &format!("{text:?} is not a whole number; {range}"));
        }
        refuse(SMALL, Notation::Decimal, "-2", &format!("-2 is too small; {range}"));
        refuse(SMALL, Notation::AnyBase, "101", &format!("101 is too large; {range}"));
    }

    #[test]
    fn ports() {
        accept(Kind::Port, Notation::Decimal, "0", Value::Number(0));
        accept(Kind::Port, Notation::Decimal, "65535", Value::Number(65535));
        refuse(Kind::Port, Notation::Decimal, "65536", "65536 is too large; expected a port from 0 to 65535");
        refuse(Kind::Port, Notation::Decimal, "-1", "-1 is too small; expected a port from 0 to 65535");
    }

    #[test]
    fn booleans() {
        accept(Kind::StrictBool, Notation::Decimal, "TRUE", Value::Bool(true));
        accept(Kind::StrictBool, Notation::Decimal, "False", Value::Bool(false));
        refuse(Kind::StrictBool, Notation::Decimal, "yes", "\"yes\" is neither; expected true or false");
        accept(Kind::Bool, Notation::Decimal, "True", Value::Bool(true));
        accept(Kind::Bool, Notation::Decimal, "yes", Value::Bool(false));
        for (text, expected) in [("false", false), ("False", true), ("true", true), ("", true)] {
            accept(Kind::UnlessFalse, Notation::Decimal, text, Value::Bool(expected));
        }
        for (text, otherwise, expected) in
            [("yes", false, true), ("Yes", false, false), ("no", true, false), ("NO", true, true), ("", true, true)]
        {
            accept(Kind::YesNo { otherwise }, Notation::Decimal, text, Value::Bool(expected));
        }
    }

    #[test]
    fn lenient_readings_are_remarked() {
        let yes_no = Kind::YesNo { otherwise: true };
        for (kind, text, remarked) in [
            (Kind::Bool, "TRUE", false),
            (Kind::Bool, "false", false),
            (Kind::Bool, "yes", true),
            (yes_no, "no", false),
            (yes_no, "No", true),
            (Kind::UnlessFalse, "false", false),
            (Kind::UnlessFalse, "FALSE", true),
            (Kind::Text, "anything", false),
        ] {
            assert_eq!(kind.leniency(text).is_some(), remarked, "{kind:?} {text:?}");
        }
        let text = yes_no.leniency("No").expect("a remark");
        assert_eq!(text, "\"No\" is read as yes, as ZooKeeper does; write yes or no");
    }

    #[test]
    fn intervals() {
        for (text, ms) in [
            ("1", 3_600_000),
            ("0", 0),
            ("-1", 0),
            ("1500ms", 1500),
            ("2MS", 2),
            ("5s", 5000),
            ("3M", 180_000),
            ("1h", 3_600_000),
            ("2d", 172_800_000),
        ] {
            accept(Kind::Interval, Notation::Decimal, text, Value::Interval(Duration::from_millis(ms)));
        }
        for text in ["", "h", "1 h", "1w", "1.5h", "3000000000"] {
            let rest = "expected hours, or a whole number followed by ms, s, m, h or d, such as 30m; 0 is off";
            refuse(Kind::Interval, Notation::Decimal, text, &format!("{text:?} is not a period; {rest}"));
        }
    }

    #[test]
    fn words_and_texts() {
        let roles = Kind::Choice(&["participant", "observer"]);
        accept(roles, Notation::Decimal, "Observer", Value::Text("observer".to_owned()));
        refuse(roles, Notation::Decimal, "x", "\"x\" is not known; expected participant or observer");
        refuse(Kind::Path, Notation::Decimal, "", "the value is empty; expected a path");
        accept(Kind::Decimal, Notation::Decimal, "0.33", Value::Decimal(0.33));
        refuse(
            Kind::Decimal,
            Notation::Decimal,
            "NaN",
            "\"NaN\" is not a number; expected a decimal number such as 0.33",
        );
        let long = "x".repeat(1000);
        let Malformed { problem, .. } = Kind::Port.parse(&long, Notation::Decimal).expect_err("no number");
        assert!(problem.len() < 100, "{problem}");
    }
}

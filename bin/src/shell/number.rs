//! Numbers as Java reads them, and what it says of what is none.

fn no_number(text: &str) -> String {
    format!("For input string: \"{text}\"")
}

/// `Integer.parseInt`.
pub fn int(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| no_number(text))
}

/// `Long.parseLong`.
pub fn long(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| no_number(text))
}

/// `Integer.decode`: decimal, hexadecimal behind `0x` or `#`, octal behind `0`.
pub fn decoded(text: &str) -> Result<i32, String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = ["0x", "0X", "#"].iter().find_map(|prefix| digits.strip_prefix(prefix));
    let (radix, digits) = match (hexadecimal, digits.strip_prefix('0')) {
        (Some(digits), _) => (16, digits),
        (None, Some(digits)) if !digits.is_empty() => (8, digits),
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return Err("Sign character in wrong position".into());
    }
    i32::from_str_radix(&format!("{sign}{digits}"), radix).map_err(|_| no_number(digits))
}

#[cfg(test)]
mod tests {
    use super::{decoded, int};

    #[test]
    fn numbers_are_javas() {
        assert_eq!((int("-1"), int("+7")), (Ok(-1), Ok(7)));
        assert_eq!(int("x"), Err("For input string: \"x\"".to_owned()));
        for (text, number) in [("10", 10), ("-3", -3), ("0x1f", 31), ("#a", 10), ("017", 15), ("0", 0), ("+2", 2)] {
            assert_eq!(decoded(text), Ok(number), "{text}");
        }
        assert!(decoded("").is_err() && decoded("1a").is_err() && decoded("--1").is_err());
    }
}

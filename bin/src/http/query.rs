//! Texts as they stand in addresses.

/// A text without its `%XX`; where `plus_is_blank`, as in a query, `+` is a blank. What is no such text stays as it is.
pub fn decoded(text: &str, plus_is_blank: bool) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, behind @ ..] = rest {
        rest = behind;
        match (*first, behind) {
            (b'%', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(digit(*high) << 4 | digit(*low));
                rest = behind;
            }
            (b'+', _) if plus_is_blank => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(character: u8) -> u8 {
    (character as char).to_digit(16).map_or(0, |digit| digit as u8)
}

/// The first value of a parameter in a query.
pub fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = query?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(key, _)| decoded(key, true) == name).map(|(_, value)| decoded(value, true))
}

#[cfg(test)]
mod tests {
    use super::{decoded, parameter};

    #[test]
    fn texts_are_decoded_and_nonsense_stays() {
        for (text, expected) in
            [("a%20b", "a b"), ("a+b", "a+b"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%c3%A4", "ä")]
        {
            assert_eq!(decoded(text, false), expected, "{text}");
        }
        assert_eq!(decoded("a+b", true), "a b");
        assert_eq!(decoded("%ff", false), "\u{fffd}");
    }

    #[test]
    fn the_first_value_of_a_parameter_counts() {
        let query = Some("a=1&b=x%3Dy&a=2&c");
        for (name, expected) in [("a", Some("1")), ("b", Some("x=y")), ("c", Some("")), ("d", None), ("A", None)] {
            assert_eq!(parameter(query, name).as_deref(), expected, "{name}");
        }
        assert_eq!(parameter(None, "a"), None);
    }
}

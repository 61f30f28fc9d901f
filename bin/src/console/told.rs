//! An answer of the console, with what browsers are told of it.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::admin::outcome::Refusal;
use crate::http::{Answer, Content};

/// Nothing is loaded from elsewhere, nothing in a text is run, and no other page shows this one in a frame.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The headers of everything that a browser gets.
pub fn headers(content_type: &str, cache: &str) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", content_type.to_owned()),
        ("cache-control", cache.to_owned()),
        ("content-security-policy", POLICY.to_owned()),
        ("referrer-policy", "no-referrer".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-frame-options", "DENY".to_owned()),
    ]
}

/// What was found out, or why not.
pub fn answer(found: Result<Value, Refusal>) -> Answer {
    let (status, value) = match found {
        Ok(value) => (StatusCode::OK, value),
        Err(Refusal { status, error }) => (status, json!({ "error": error })),
    };
    let content = Content::Whole(value.to_string().into_bytes());
    Answer { status, headers: headers("application/json", "no-store"), content }
}

/// A zxid or a session: JavaScript has no whole numbers of 64 bits.
pub fn hex(number: i64) -> String {
    format!("0x{number:x}")
}

/// The number that [`hex`] has written.
pub fn of_hex(text: &str) -> Option<i64> {
    let digits = text.strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok().map(|number| number as i64)
}

/// A request that asks for what there cannot be.
pub fn mistake(error: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, error)
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;
    use serde_json::json;

    use super::{answer, hex, mistake, of_hex};
    use crate::http::Content;

    #[test]
    fn numbers_of_64_bits_are_texts() {
        for number in [0, 1, 0x5_0000_0007, i64::MIN, -1, i64::MAX] {
            assert_eq!(of_hex(&hex(number)), Some(number));
        }
        for text in ["", "0x", "7", "0x1_0", "0x11111111111111111", "0x-1"] {
            assert_eq!(of_hex(text), None, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_why_and_nothing_is_kept() {
        let told = answer(Err(mistake("no path")));
        assert_eq!(told.status, StatusCode::BAD_REQUEST);
        assert!(matches!(&told.content, Content::Whole(text) if text == br#"{"error":"no path"}"#));
        assert!(told.headers.contains(&("cache-control", "no-store".to_owned())));
        assert_eq!(answer(Ok(json!({}))).status, StatusCode::OK);
    }
}

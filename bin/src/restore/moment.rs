//! How far is to be restored, as a person writes it.

use paddock_consensus::Zxid;
use paddock_engine::backup::To;

use crate::date;

/// No time is earlier, milliseconds since 1970 (2001): a number below is a time in seconds, or a zxid without its `0x`, and as a
/// time it would mean the state before everything.
const MILLIS_MIN: i64 = 1_000_000_000_000;

/// A zxid has its `0x`, so that no number is both that and a time.
pub fn parse(text: &str) -> Result<To, String> {
    if text == "newest" {
        return Ok(To::Newest);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        let zxid = i64::from_str_radix(hex, 16).ok().filter(|zxid| *zxid >= 0);
        return zxid.map(|zxid| To::Zxid(Zxid(zxid))).ok_or_else(|| format!("{text:?} is no zxid"));
    }
    if let Ok(millis) = text.parse::<i64>() {
        let why = || {
            format!(
                "{text:?} is too small for milliseconds since 1970: a time in seconds needs three digits more, and a zxid its 0x"
            )
        };
        return if millis >= MILLIS_MIN { Ok(To::Time(millis)) } else { Err(why()) };
    }
    date::read(text).map(To::Time).ok_or_else(|| {
        format!(
            "{text:?} is neither a zxid (0x and hexadecimal digits) nor a time (2026-01-31T12:00:00Z, or milliseconds since 1970)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{To, Zxid, parse};

    #[test]
    fn a_zxid_is_told_from_a_time() {
        assert_eq!(parse("0x100000005"), Ok(To::Zxid(Zxid(0x1_0000_0005))));
        assert_eq!(parse("1700000000123"), Ok(To::Time(1_700_000_000_123)));
        for text in ["2023-11-14T22:13:20.123Z", "2023-11-14 22:13:20.123"] {
            assert_eq!(parse(text), Ok(To::Time(1_700_000_000_123)), "{text}");
        }
        assert_eq!(parse("2023-11-14T22:13:20Z"), Ok(To::Time(1_700_000_000_000)));
        assert_eq!(parse("newest"), Ok(To::Newest));
        assert_eq!(parse("1000000000000"), Ok(To::Time(1_000_000_000_000)));
        for (text, word) in [("1700000000", "in seconds"), ("100000005", "zxid its 0x"), ("0", "too small")] {
            assert!(parse(text).is_err_and(|why| why.contains(word)), "{text}");
        }
        for text in ["", "0x", "0xffffffffffffffff", "0x-5", "yesterday", "2023-13-14T22:13:20Z", "1e9"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

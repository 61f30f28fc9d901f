//! Wall clock as text.

use std::time::{Duration, UNIX_EPOCH};

/// The last millisecond of the year 9999: what comes later has no such text.
const LAST_MS: u64 = 253_402_300_799_999;

/// The time of day so many milliseconds after 1970, in UTC; the number where it is none that a clock could show.
pub fn when(wall_ms: i64) -> String {
    match u64::try_from(wall_ms) {
        Ok(ms) if ms <= LAST_MS => humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms)).to_string(),
        _ => format!("{wall_ms} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::{LAST_MS, when};

    #[test]
    fn any_number_has_a_text() {
        assert_eq!(when(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(when(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(when(LAST_MS as i64), "9999-12-31T23:59:59.999Z");
        assert_eq!(when(LAST_MS as i64 + 1), "253402300800000 ms");
        assert_eq!(when(-1), "-1 ms");
        assert_eq!(when(i64::MIN), "-9223372036854775808 ms");
    }
}

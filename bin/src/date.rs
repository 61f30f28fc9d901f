//! Moments as text: every form of a date that this program writes, and the one that it reads. A moment is given in ms since 1970.
//!
//! | form | looks so | zone |
//! |---|---|---|
//! | [`java`], [`java_short`], [`java_medium`] | as Java writes dates for English, wherever ZooKeeper's own tools and words do | of the machine |
//! | [`when`] | `2026-03-03T08:14:05.221Z` | UTC |
//! | [`to_the_minute`] | `2026-03-03 08:14 UTC` | UTC |
//! | [`logback`] | `2026-03-03 08:14:05,221` | UTC |
//! | [`time_of_day`] | `08:14:05` | as the caller says |
//!
//! What no calendar has is written as its number, such as `9223372036854775807 ms`: files may say anything.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::{self, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The beginning of 1970.
const EPOCH: DateTime = civil::date(1970, 1, 1).at(0, 0, 0, 0);

/// The zone of this machine, or of `TZ`. A machine that knows no zones has UTC.
pub fn zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// As Java's `Date` has it: `Tue Mar 03 08:14:05 UTC 2026`.
pub fn java(ms: i64, zone: &TimeZone) -> String {
    in_zone(ms, zone, "%a %b %d %H:%M:%S %Z %Y")
}

/// As Java's `DateFormat` has it, the date short and the time long: `3/3/26, 8:14:05 AM UTC`.
pub fn java_short(ms: i64, zone: &TimeZone) -> String {
    in_zone(ms, zone, "%-m/%-d/%y, %-I:%M:%S %p %Z")
}

/// The same, both of middle length: `Mar 3, 2026, 8:14:05 AM`.
pub fn java_medium(ms: i64, zone: &TimeZone) -> String {
    in_zone(ms, zone, "%b %-d, %Y, %-I:%M:%S %p")
}

/// As [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) has it. No clock shows what is before 1970, so that it is a number too.
pub fn when(ms: i64) -> String {
    if ms < 0 { number(ms) } else { in_utc(ms, "%Y-%m-%dT%H:%M:%S.%3fZ") }
}

/// For dates of builds: `2026-03-03 08:14 UTC`.
pub fn to_the_minute(ms: i64) -> String {
    in_utc(ms, "%Y-%m-%d %H:%M UTC")
}

/// As logback's `ISO8601` has it: `2026-03-03 08:14:05,221`. A clock before 1970 is none, and shows its beginning.
pub fn logback(at: SystemTime) -> String {
    in_utc(since_1970(at), "%Y-%m-%d %H:%M:%S,%3f")
}

/// `08:14:05`.
pub fn time_of_day(at: SystemTime, zone: &TimeZone) -> String {
    in_zone(since_1970(at), zone, "%H:%M:%S")
}

/// Reads what [`when`] writes, the day and the time also with a blank between them, in another zone (`+01:00`), or without one,
/// which is UTC. `None`: it is no such text, or is before 1970.
pub fn read(text: &str) -> Option<i64> {
    let without_zone = || {
        // The name of a zone would not be heeded.
        let date = text.parse::<DateTime>().ok().filter(|_| !text.contains('['))?;
        Some(i64::try_from(date.duration_since(EPOCH).as_millis()).expect("there are less than 10,000 years"))
    };
    let ms = text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond).or_else(without_zone)?;
    (ms >= 0).then_some(ms)
}

fn in_zone(ms: i64, zone: &TimeZone, form: &str) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(moment) => moment.to_zoned(zone.clone()).strftime(form).to_string(),
        Err(_) => number(ms),
    }
}

fn in_utc(ms: i64, form: &str) -> String {
    match EPOCH.checked_add(SignedDuration::from_millis(ms)) {
        Ok(date) => date.strftime(form).to_string(),
        Err(_) => number(ms),
    }
}

fn number(ms: i64) -> String {
    format!("{ms} ms")
}

fn since_1970(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use jiff::tz::TimeZone;

    use super::{java, java_medium, java_short, logback, read, time_of_day, to_the_minute, when};

    /// The last millisecond of the year 9999.
    const LAST_MS: i64 = 253_402_300_799_999;

    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("it is one")
    }

    fn at(ms: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(ms)
    }

    #[test]
    fn dates_are_those_of_java() {
        let utc = TimeZone::UTC;
        for (ms, told) in [
            (1_772_525_645_999, "Tue Mar 03 08:14:05 UTC 2026"),
            (0, "Thu Jan 01 00:00:00 UTC 1970"),
            (-1, "Wed Dec 31 23:59:59 UTC 1969"),
            (i64::MAX, "9223372036854775807 ms"),
        ] {
            assert_eq!(java(ms, &utc), told);
        }
        assert_eq!(java(1_772_525_645_123, &berlin()), "Tue Mar 03 09:14:05 CET 2026");
        assert_eq!(java(1_785_000_000_000, &berlin()), "Sat Jul 25 19:20:00 CEST 2026");
        assert_eq!(java_short(1_772_525_645_999, &utc), "3/3/26, 8:14:05 AM UTC");
        assert_eq!(java_short(1_772_525_645_999, &berlin()), "3/3/26, 9:14:05 AM CET");
        assert_eq!(java_short(0, &utc), "1/1/70, 12:00:00 AM UTC");
        assert_eq!(java_short(12 * 3_600_000, &utc), "1/1/70, 12:00:00 PM UTC");
        assert_eq!(java_medium(13 * 3_600_000, &utc), "Jan 1, 1970, 1:00:00 PM");
        assert_eq!(java_short(1_004_000_000_000, &utc), "10/25/01, 8:53:20 AM UTC");
        for form in [java, java_short, java_medium] {
            assert_eq!(form(i64::MIN, &utc), "-9223372036854775808 ms");
        }
    }

    #[test]
    fn any_number_has_a_text() {
        assert_eq!(when(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(when(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(when(LAST_MS), "9999-12-31T23:59:59.999Z");
        assert_eq!(when(LAST_MS + 1), "253402300800000 ms");
        assert_eq!(when(-1), "-1 ms");
        assert_eq!(when(i64::MIN), "-9223372036854775808 ms");
    }

    #[test]
    fn dates_of_builds() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00 UTC"),
            (59, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_729_207_260, "2024-10-17 23:21 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(to_the_minute(seconds * 1000), expected);
        }
    }

    #[test]
    fn times_of_logs_and_of_days() {
        assert_eq!(logback(at(1_772_525_645_221)), "2026-03-03 08:14:05,221");
        assert_eq!(logback(at(1_772_525_645_007)), "2026-03-03 08:14:05,007");
        assert_eq!(logback(UNIX_EPOCH - Duration::from_secs(9)), "1970-01-01 00:00:00,000");
        assert_eq!(time_of_day(at(1_772_525_645_221), &TimeZone::UTC), "08:14:05");
        assert_eq!(time_of_day(at(1_772_525_645_221), &berlin()), "09:14:05");
    }

    #[test]
    fn a_date_that_was_written_is_read() {
        for text in [
            "2023-11-14T22:13:20.123Z",
            "2023-11-14 22:13:20.123Z",
            "2023-11-14 22:13:20.123",
            "2023-11-14T22:13:20.123",
            "2023-11-14T23:13:20.123+01:00",
        ] {
            assert_eq!(read(text), Some(1_700_000_000_123), "{text}");
        }
        for ms in [0, 1_700_000_000_123] {
            assert_eq!(read(&when(ms)), Some(ms));
        }
        for text in [
            "",
            "yesterday",
            "1e9",
            "2023-13-14T22:13:20Z",
            "1969-12-31T23:59:59Z",
            "2023-11-14T22:13:20[Europe/Berlin]",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

//! What version this server says it is, in the form of ZooKeeper's `Version.getFullVersion`.
//!
//! `3.9.5-paddock-0.1.0, built on 2026-11-26 10:50 UTC`: agents take the numbers before the first hyphen for ZooKeeper's
//! version, by which they know what to ask, and some of them can do nothing without the date.

/// The ZooKeeper whose behaviour clients find here, and this server's own version.
const VERSION: &str = concat!("3.9.5-paddock-", env!("CARGO_PKG_VERSION"));
/// Seconds since 1970, as the build script found them.
const SOURCE_DATE: &str = env!("PADDOCK_SOURCE_DATE");

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;
/// Days of 400 years, after which the calendar begins anew.
const CYCLE: u64 = 146_097;
/// Days from 1 March of the year 0 to 1970.
const BEFORE_1970: u64 = 719_468;

/// Name and date of the build.
pub fn full() -> String {
    let seconds = SOURCE_DATE.parse().expect("the build script writes a number");
    format!("{VERSION}, built on {}", date(seconds))
}

/// `YYYY-MM-DD HH:MM UTC` of a time in seconds since 1970.
fn date(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / DAY);
    let minutes = seconds % DAY / MINUTE;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// Year, month and day of a day counted from 1970. Years are counted from 1 March, so that the day that some lack is
/// their last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + BEFORE_1970;
    let (cycle, day) = (days / CYCLE, days % CYCLE);
    // Without the days that every 4 years add, every 100 leave out and every 400 add again, a year has 365.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months from March on have 153 days, and so have the next five.
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (year + cycle * 400, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
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
            assert_eq!(date(seconds), expected);
        }
    }

    #[test]
    fn the_date_of_this_build_is_real() {
        let version = full();
        let (name, date) = version.split_once(", built on ").expect("a date");
        assert_eq!(name, VERSION);
        assert!(date > "2024-01-01 00:00 UTC" && date.ends_with(" UTC"), "{date}");
    }
}

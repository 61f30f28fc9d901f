//! What version this server says it is, in the form of ZooKeeper's `Version.getFullVersion`.
//!
//! `3.9.5-paddock-0.1.0, built on 2026-11-26 10:50 UTC`: agents take the numbers before the first hyphen for ZooKeeper's
//! version, by which they know what to ask, and some of them can do nothing without the date.

use crate::date;

/// The ZooKeeper whose behaviour clients find here, and this server's own version.
const VERSION: &str = concat!("3.9.5-paddock-", env!("CARGO_PKG_VERSION"));
/// Seconds since 1970, as the build script found them.
const SOURCE_DATE: &str = env!("PADDOCK_SOURCE_DATE");

/// Name and date of the build.
pub fn full() -> String {
    format!("{VERSION}, built on {}", built())
}

/// The same in the words of ZooKeeper's script.
pub fn of_script() -> String {
    format!("Apache ZooKeeper, version {VERSION} {}", built())
}

fn built() -> String {
    let seconds: i64 = SOURCE_DATE.parse().expect("the build script writes a number");
    date::to_the_minute(seconds.saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_this_build_is_real() {
        let version = full();
        let (name, date) = version.split_once(", built on ").expect("a date");
        assert_eq!(name, VERSION);
        assert!(date > "2024-01-01 00:00 UTC" && date.ends_with(" UTC"), "{date}");
    }
}

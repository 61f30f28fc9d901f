//! The backups that a server takes by itself.

use std::path::PathBuf;
use std::time::Duration;

use super::assembly::Assembly;

/// Where, how often, and how many of them stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSchedule {
    pub dir: PathBuf,
    /// A second at least.
    pub interval: Duration,
    /// At least 1.
    pub keep: u64,
}

impl Assembly<'_> {
    /// `None` where no directory is named for them.
    pub(super) fn backups(&mut self) -> Option<BackupSchedule> {
        let dir = self.dir("paddock.backup.dir")?;
        let positive = |number: i64| u64::try_from(number).expect("the kind starts at 1");
        let seconds = positive(self.number("paddock.backup.interval"));
        let keep = positive(self.number("paddock.backup.keep"));
        Some(BackupSchedule { dir, interval: Duration::from_secs(seconds), keep })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::super::Config;
    use super::super::assembly::tests::assemble_in;

    fn load(lines: &str) -> Result<Config, String> {
        let text = format!("dataDir=/data\nclientPort=2181\n{lines}");
        let loaded = assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[]);
        loaded.map(|loaded| loaded.config).map_err(|error| error.to_string())
    }

    #[test]
    fn backups_are_taken_where_a_directory_is_named() {
        let config = |lines: &str| load(lines).expect("it is well formed");
        assert_eq!(config("paddock.backup.interval=5").backups, None);
        let daily = config("paddock.backup.dir=/backup").backups.expect("there is a directory");
        assert_eq!((&*daily.dir, daily.interval), (Path::new("/backup"), Duration::from_secs(86_400)));
        assert_eq!(daily.keep, 7);
        let often = config("paddock.backup.dir=/backup\npaddock.backup.interval=60\npaddock.backup.keep=100");
        let often = often.backups.expect("there is a directory");
        assert_eq!((often.interval, often.keep), (Duration::from_secs(60), 100));
        let refusal = load("paddock.backup.keep=0").expect_err("0 is none");
        assert!(refusal.starts_with("zoo.cfg:3: paddock.backup.keep: 0 is too small"), "{refusal}");
    }
}

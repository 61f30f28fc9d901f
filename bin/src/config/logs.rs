//! The log of words and the audit log: where they go, how much of them stays, and what is in them.

use std::path::{Path, PathBuf};

use super::assembly::{Assembly, count};
use super::error::ConfigError;
use super::settings::Setting;
use super::value::{Value, shown};
use crate::audit::{self, Output, WhenFull};
use crate::messages::{self, levels};
use crate::rotation::Rotation;

/// The audit log's name, as ZooKeeper's logback.xml has it.
const AUDIT_FILE: &str = "zookeeper_audit.log";
/// Names the standard output.
const STDOUT: &str = "-";
/// Permissions of the log of words, for all to read, and of the audit log, which has the names of users.
const LOG_MODE: u32 = 0o644;
const AUDIT_MODE: u32 = 0o640;

impl Assembly<'_> {
    pub(super) fn log(&self) -> Result<messages::Settings, ConfigError> {
        let file = self.text("paddock.log.file").map(|path| Rotation {
            path: PathBuf::from(path),
            bytes_max: bytes(self.number("paddock.log.maxBytes")),
            files: count(self.number("paddock.log.files")),
            mode: LOG_MODE,
            makes_dir: true,
        });
        let is_json = matches!(self.settings.value("paddock.log.format"), Some(Value::Text(word)) if word == "json");
        Ok(messages::Settings { levels: self.log_levels()?, file, is_json })
    }

    /// Which lines are wanted.
    pub(super) fn log_levels(&self) -> Result<Option<String>, ConfigError> {
        let Some(Setting { text, place, spelled, .. }) = self.settings.given("paddock.log.level") else {
            return Ok(None);
        };
        match levels::parse(text) {
            Ok(_) => Ok(Some(text.clone())),
            Err(problem) => Err(ConfigError::Value {
                place: place.clone(),
                key: spelled.clone(),
                problem: format!("{}: {problem}", shown(text)),
                expected: levels::EXPECTED.to_owned(),
            }),
        }
    }

    /// Without a place of its own the audit log is beside the log of words, or in the `dataDir` where that has no file.
    pub(super) fn audit(&mut self, data_dir: &Path) -> Result<Option<audit::Settings>, ConfigError> {
        self.check_audit_class()?;
        if !self.flag("audit.enable") {
            return Ok(None);
        }
        let beside_words = self.text("paddock.log.file").map(|file| Path::new(&file).with_file_name(AUDIT_FILE));
        let is_in_data_dir = beside_words.is_none();
        let given = self.text("paddock.audit.file");
        let output = if given.as_deref() == Some(STDOUT) {
            Output::Stdout
        } else {
            let makes_dir = given.is_some() || !is_in_data_dir || self.flag("datadir.autocreate");
            let beside = || beside_words.unwrap_or_else(|| data_dir.join(AUDIT_FILE));
            Output::File(Rotation {
                path: given.map_or_else(beside, PathBuf::from),
                bytes_max: bytes(self.number("paddock.audit.maxBytes")),
                files: count(self.number("paddock.audit.files")),
                mode: AUDIT_MODE,
                makes_dir,
            })
        };
        let drops = matches!(self.settings.value("paddock.audit.whenFull"), Some(Value::Text(word)) if word == "drop");
        Ok(Some(audit::Settings { output, when_full: if drops { WhenFull::Drop } else { WhenFull::Wait } }))
    }

    /// A class that is not there stops the start where there is to be an audit log, as it stops ZooKeeper's: the operator
    /// counts on what it does.
    fn check_audit_class(&mut self) -> Result<(), ConfigError> {
        let Some(Setting { text, place, spelled, .. }) = self.settings.given("audit.impl.class").cloned() else {
            return Ok(());
        };
        // The second is what it was called before 3.8.
        let is_known =
            matches!(text.strip_prefix("org.apache.zookeeper.audit."), Some("Slf4jAuditLogger" | "Log4jAuditLogger"));
        let problem = format!(
            "a server without a JVM cannot load the class {}; remove the line, and the audit log is a file",
            shown(&text)
        );
        match (is_known, self.flag("audit.enable")) {
            (true, _) => Ok(()),
            (false, true) => Err(ConfigError::Refused { place, key: spelled, problem }),
            (false, false) => {
                let reason = "it has no effect, because audit.enable is not true".to_owned();
                self.settings.without_effect(&place, &spelled, reason);
                Ok(())
            }
        }
    }
}

fn bytes(number: i64) -> u64 {
    u64::try_from(number).expect("the kind is positive")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::audit::{self, Output, WhenFull};
    use crate::config::assembly::tests::assemble_in;
    use crate::config::{Config, ConfigError};
    use crate::messages;
    use crate::rotation::Rotation;

    fn config(lines: &str) -> Result<Config, ConfigError> {
        let text = format!("dataDir=/data\nclientPort=2181\n{lines}");
        assemble_in(&[("zoo.cfg", &text)], Some("zoo.cfg"), &[]).map(|loaded| loaded.config)
    }

    fn audit(lines: &str) -> audit::Settings {
        let lines = format!("audit.enable=true\n{lines}");
        config(&lines).expect("it is well formed").audit.expect("it is on")
    }

    fn file(path: &str, bytes_max: u64, files: u32, mode: u32) -> Rotation {
        Rotation { path: path.into(), bytes_max, files, mode, makes_dir: true }
    }

    #[test]
    fn the_log_of_words() {
        assert_eq!(config("").expect("it is well formed").log, messages::Settings::default());
        let lines = "paddock.log.level=warn,paddock_net=debug\npaddock.log.file=/log/words\npaddock.log.format=JSON\n\
                     paddock.log.maxBytes=65536\npaddock.log.files=0";
        let expected = messages::Settings {
            levels: Some("warn,paddock_net=debug".to_owned()),
            file: Some(file("/log/words", 65_536, 0, 0o644)),
            is_json: true,
        };
        assert_eq!(config(lines).expect("it is well formed").log, expected);
        let log = config("paddock.log.file=words").expect("it is well formed").log;
        assert_eq!(log.file, Some(file("words", 256 << 20, 20, 0o644)));
    }

    #[test]
    fn the_audit_log_has_its_place() {
        for (lines, path) in [
            ("", "/data/zookeeper_audit.log"),
            ("paddock.log.file=/log/words", "/log/zookeeper_audit.log"),
            ("paddock.log.file=words", "zookeeper_audit.log"),
            ("paddock.log.file=/log/words\npaddock.audit.file=/other/audit", "/other/audit"),
        ] {
            assert_eq!(audit(lines).output, Output::File(file(path, 10 << 20, 10, 0o640)), "{lines:?}");
        }
        assert_eq!(audit("paddock.audit.file=-").output, Output::Stdout);
        assert_eq!(config("").expect("it is well formed").audit, None);
        let Output::File(rotation) = audit("datadir.autocreate=false").output else { panic!("it is a file") };
        assert!(!rotation.makes_dir && rotation.path.starts_with(Path::new("/data")));
    }

    #[test]
    fn what_is_done_when_it_is_full() {
        for (lines, expected) in [
            ("", WhenFull::Wait),
            ("paddock.audit.whenFull=wait", WhenFull::Wait),
            ("paddock.audit.whenFull=drop", WhenFull::Drop),
        ] {
            assert_eq!(audit(lines).when_full, expected);
        }
    }

    #[test]
    fn classes_that_are_known_and_others() {
        for class in ["Slf4jAuditLogger", "Log4jAuditLogger"] {
            audit(&format!("audit.impl.class=org.apache.zookeeper.audit.{class}"));
        }
        let own = "audit.impl.class=com.example.Own";
        assert!(config(own).is_ok(), "there is no audit log for it");
        let error = config(&format!("{own}\naudit.enable=true")).expect_err("nobody can load it").to_string();
        assert!(error.starts_with("zoo.cfg:3: audit.impl.class: a server without a JVM"), "{error}");
    }

    #[test]
    fn refusals() {
        for (line, part) in [
            ("paddock.log.level=loud", "zoo.cfg:3: paddock.log.level: \"loud\": "),
            ("paddock.log.level=", "zoo.cfg:3: paddock.log.level: \"\": the value is empty"),
            ("paddock.log.maxBytes=1", "zoo.cfg:3: paddock.log.maxBytes: 1 is too small"),
            ("paddock.audit.files=-1", "zoo.cfg:3: paddock.audit.files: -1 is too small"),
            ("paddock.audit.whenFull=never", "zoo.cfg:3: paddock.audit.whenFull: \"never\" is not known"),
        ] {
            let error = config(line).expect_err(line).to_string();
            assert!(error.starts_with(part), "{error}");
        }
    }
}

//! What is examined.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::finding::Spot;
use super::members::Members;
use crate::config::{Config, Examined, Failure, Loaded, Warning, Wordings};

pub struct Subject {
    /// The zoo.cfg, if there is one.
    pub file: Option<PathBuf>,
    pub wordings: Wordings,
    pub members: Members,
    /// What a server makes of it, or why it would not start.
    pub outcome: Result<Config, String>,
    /// Where the start stumbles, if it does.
    pub warnings: Vec<Warning>,
    pub now: SystemTime,
}

impl Subject {
    pub fn new(file: Option<PathBuf>, examined: Examined, now: SystemTime) -> Subject {
        let Examined { wordings, outcome } = examined;
        let members = Members::of(&wordings);
        let (outcome, warnings) = match outcome {
            Ok(Loaded { config, warnings }) => (Ok(config), warnings),
            Err(failure) => {
                let Failure { error, warnings } = *failure;
                (Err(error.to_string()), warnings)
            }
        };
        Subject { file, wordings, members, outcome, warnings, now }
    }

    /// Where the first of these keys stands that somebody wrote; if nobody has, the file, which could say it.
    pub fn spot(&self, keys: &[&str]) -> Spot {
        match keys.iter().find_map(|key| self.wordings.place(key)) {
            Some(place) => Spot::Setting(place.clone()),
            None => self.whole(),
        }
    }

    /// The file as a whole, or that there is none.
    pub fn whole(&self) -> Spot {
        self.file.clone().map_or(Spot::Default, Spot::File)
    }

    /// The text of a key that is not empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.wordings.text(key).filter(|text| !text.is_empty())
    }

    pub fn flag(&self, key: &str) -> bool {
        self.wordings.flag(key)
    }

    /// The directory of the data, also where the rest is no configuration.
    pub fn data_dir(&self) -> Option<PathBuf> {
        match (&self.outcome, self.text("dataDir")) {
            (Ok(config), _) => Some(config.data_dir.clone()),
            (Err(_), Some(dir)) => Some(PathBuf::from(dir)),
            (Err(_), None) => None,
        }
    }

    /// The directory of the log, if it is another one.
    pub fn data_log_dir(&self) -> Option<PathBuf> {
        self.text("dataLogDir").map(PathBuf::from).filter(|dir| self.data_dir().as_deref() != Some(dir.as_path()))
    }

    /// The number in `myid`.
    pub fn server_id(&self) -> Option<i64> {
        let text = std::fs::read_to_string(self.data_dir()?.join("myid")).ok()?;
        text.lines().next()?.trim().parse().ok()
    }

    /// A path as it was written, or none.
    pub fn path(&self, key: &str) -> Option<&Path> {
        self.text(key).map(Path::new)
    }
}

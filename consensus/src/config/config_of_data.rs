//! The configuration that a server's data has, beside those of its files.

use alloc::sync::Arc;

use super::{Config, Configs};
use crate::Zxid;

/// What the state has that a start has recovered, its log included.
#[derive(Clone, Debug)]
pub struct ConfigOfData {
    config: Arc<Config>,
    /// It is not only proposed.
    is_committed: bool,
}

impl ConfigOfData {
    /// That of a state which ends with `last`. One that no transaction of this history has brought was put there because it was
    /// committed: it is newer than all of them. And who has a transaction of a later epoch has it of a leader that had a quorum for
    /// all that was before.
    pub fn new(config: Arc<Config>, last: Zxid) -> ConfigOfData {
        let version = config.version();
        let is_committed = version > last || version.epoch() < last.epoch();
        ConfigOfData { config, is_committed }
    }

    /// What this server has kept as committed.
    pub fn recorded(config: Arc<Config>) -> ConfigOfData {
        ConfigOfData { config, is_committed: true }
    }

    pub fn version(&self) -> Zxid {
        self.config.version()
    }
}

impl Configs {
    /// What a start goes by, whose files have these. A later one that the files have as proposed shows that the one of the data was
    /// made only within its epoch, where there is one change at a time: of a later epoch it may have come before the history in which
    /// the other is none.
    pub fn with_data(&self, data: Option<&ConfigOfData>) -> Configs {
        let Some(ConfigOfData { config, is_committed }) = data else { return self.clone() };
        if config.version() <= self.committed.version() {
            return self.clone();
        }
        let seen = self.last_seen.version();
        let is_superseded = config.version() < seen && config.version().epoch() == seen.epoch();
        let is_made = *is_committed || is_superseded;
        Configs {
            committed: if is_made { config.clone() } else { self.committed.clone() },
            last_seen: if config.version() < seen && is_made { self.last_seen.clone() } else { config.clone() },
        }
    }
}

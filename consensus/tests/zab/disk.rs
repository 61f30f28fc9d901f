//! What of a server outlives its process: log, epochs and configurations.

use std::sync::Arc;

use paddock_consensus::config::{Config, ConfigOfData, Configs};
use paddock_consensus::epochs::Epochs;
use paddock_consensus::input::{Mark, Unsettled};
use paddock_consensus::zab::{Found, Standing};
use paddock_consensus::{Epoch, Zxid};

use crate::log::Log;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disk {
    pub log: Log,
    accepted: Option<Epoch>,
    current: Option<Epoch>,
    /// What the last start took for the epochs that were not in a file: that of the last transaction.
    read: Epoch,
    last_seen: Arc<Config>,
    committed: Arc<Config>,
    /// Whether the log may be read at all; a server without a usable one is brought a full copy.
    pub usable: bool,
}

impl Disk {
    /// That of a server that has never run.
    pub fn new(log: Log, config: Arc<Config>) -> Disk {
        let read = log.durable_last().zxid.epoch();
        Disk { read, log, accepted: None, current: None, last_seen: config.clone(), committed: config, usable: true }
    }

    /// `None` if it was never written.
    pub fn accepted(&self) -> Option<Epoch> {
        self.accepted
    }

    /// `None` if it was never written.
    pub fn current(&self) -> Option<Epoch> {
        self.current
    }

    pub fn committed(&self) -> &Arc<Config> {
        &self.committed
    }

    pub fn configs(&self) -> Configs {
        Configs { committed: self.committed.clone(), last_seen: self.last_seen.clone() }
    }

    pub fn accepted_or_read(&self) -> Epoch {
        self.accepted.unwrap_or(self.read)
    }

    pub fn current_or_read(&self) -> Epoch {
        self.current.unwrap_or(self.read)
    }

    /// What a start reads.
    pub fn found(&mut self) -> Found {
        let history = self.log.history();
        self.read = history.last().epoch();
        let epochs = Epochs::new(self.accepted, self.current, history.last()).expect("(4) the epochs agree");
        let standing = if self.usable { Standing::Sound } else { Standing::Damaged };
        let data = self.log.newest_change().cloned().map(|config| ConfigOfData::new(config, history.last()));
        Found { epochs, history, standing, configs: self.configs().with_data(data.as_ref()) }
    }

    /// The position that this server announces.
    pub fn position(&self) -> Zxid {
        if self.usable { self.log.durable_last().zxid } else { Zxid::NOTHING }
    }

    /// Replaces a file.
    ///
    /// # Panics
    /// If an epoch falls.
    pub fn write(&mut self, mark: &Mark) {
        match mark {
            Mark::AcceptedEpoch(epoch) => {
                assert!(self.accepted <= Some(*epoch), "(4) acceptedEpoch falls from {:?} to {epoch:?}", self.accepted);
                self.accepted = Some(*epoch);
            }
            Mark::CurrentEpoch(epoch) => {
                assert!(self.current <= Some(*epoch), "(4) currentEpoch falls from {:?} to {epoch:?}", self.current);
                self.current = Some(*epoch);
            }
            Mark::LastSeen(config) => self.last_seen = config.clone(),
            Mark::Committed(config) => {
                self.committed = config.clone();
                // The file of the one seen last goes with it, unless that is newer.
                if self.last_seen.version() <= config.version() {
                    self.last_seen = config.clone();
                }
            }
        }
    }

    /// As if they had been written in another life.
    pub fn set_epochs(&mut self, accepted: Epoch, current: Epoch) {
        (self.accepted, self.current) = (Some(accepted), Some(current));
    }

    /// The log ends with `last` from here on.
    pub fn cut(&mut self, last: Zxid) -> Result<(), Unsettled> {
        match last < self.log.base().zxid {
            true => Err(Unsettled::SnapshotAbove),
            false => self.log.cut_after(last).then_some(()).ok_or(Unsettled::NotThere),
        }
    }

    /// All of the log is durable, or a whole state and the log behind it are in place of it.
    pub fn settle(&mut self, brought: Option<Log>) {
        if let Some(log) = brought {
            self.log = log;
            self.usable = true;
        }
        self.log.sync(self.log.last().zxid);
    }

    /// # Panics
    /// If what the files and the log say cannot be together.
    pub fn check(&self) {
        let (accepted, current) = (self.accepted_or_read(), self.current_or_read());
        assert!(current <= accepted, "(4) currentEpoch {current:?} is above acceptedEpoch {accepted:?}");
        let last = self.log.durable_last().zxid;
        assert!(last.epoch() <= accepted, "(4) the log ends with {last}, above acceptedEpoch {accepted:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Point, Record};

    #[test]
    fn a_start_goes_by_the_newest_configuration_of_its_log() {
        let of_version = |version: i64| {
            let text = format!("server.1=a:1:2;3\nserver.2=b:1:2;3\nversion={version:x}");
            Arc::new(Config::parse(&text).expect("it is a configuration"))
        };
        let (first, second, third) = (0x1_0000_0001, 0x1_0000_0002, 0x1_0000_0003);
        let mut log = Log::new(Point::START);
        for version in [first, second, third] {
            log.append(Record::after(log.last(), Zxid(version), 7, Some(of_version(version))));
        }
        log.sync(Zxid(second));
        let mut disk = Disk::new(log, of_version(0));
        disk.write(&Mark::LastSeen(of_version(third)));
        disk.log.lose_all_but(0);
        let configs = disk.found().configs;
        assert_eq!((configs.committed.version().0, configs.last_seen.version().0), (second, third));
    }
}

//! What of a disk survives whatever happens: read as after a power cut that takes all it may.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use paddock::node::recovery::recover_present;
use paddock_consensus::{Epoch, Zxid};
use paddock_engine::database::Rules;
use paddock_engine::epoch_files::EpochFiles;
use paddock_engine::generation;
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{Choice, FileSystem};
use paddock_engine::log::{self, Entry, LogConfig};

/// A crash that keeps nothing of what was not synced.
struct Nothing;

impl Choice for Nothing {
    fn choose(&mut self, _: usize) -> usize {
        0
    }
}

/// The files of an independent machine that has what is durable on this one.
pub fn files(disk: &FileSystem) -> Files {
    Files::Simulated(disk.moment().crashed(&mut Nothing))
}

/// The transactions of a log.
#[derive(Default, Debug)]
pub struct Records {
    /// The zxid before the first.
    pub base: Zxid,
    pub by_zxid: BTreeMap<Zxid, Rc<[u8]>>,
}

impl Records {
    /// The log of the present generation, up to its end or its first damage.
    pub fn read(files: &Files, config: &LogConfig) -> Records {
        let LogConfig { data_dir, dir, .. } = config;
        let present = generation::present(files, data_dir, dir).expect("a generation is there");
        let (mut base, mut by_zxid) = (None, BTreeMap::new());
        log::inspect(files, &present.dir(dir), &mut |entry| match entry {
            Entry::Group { before, .. } => drop(base.get_or_insert(before)),
            Entry::Record { zxid, payload, .. } => drop(by_zxid.insert(zxid, payload.into())),
            Entry::Segment { .. } => {}
        })
        .expect("a log can be read");
        Records { base: base.unwrap_or_default(), by_zxid }
    }

    pub fn last(&self) -> Zxid {
        self.by_zxid.last_key_value().map_or(self.base, |(zxid, _)| *zxid)
    }

    /// Whether this transaction is here, or is in what the state before the first was made of.
    pub fn has(&self, zxid: Zxid, record: &[u8]) -> bool {
        zxid <= self.base || self.by_zxid.get(&zxid).is_some_and(|own| **own == *record)
    }
}

/// The promises of a disk, each 0 if it was never made: acceptedEpoch and currentEpoch.
pub fn epochs(files: &Files, data_dir: &Path) -> (Epoch, Epoch) {
    let epochs = EpochFiles::read(files, data_dir).expect("epochs can be read");
    (epochs.accepted().unwrap_or_default(), epochs.current().unwrap_or_default())
}

/// The state that a server would have if it started on these files: its newest transaction and its digest.
pub fn recovered(files: &Files, config: &LogConfig) -> (Zxid, u64) {
    let config = LogConfig { files: files.clone(), ..config.clone() };
    let present = recover_present(config, Rules::default()).unwrap_or_else(|error| panic!("a cold start: {error}"));
    let database = present.recovered.database;
    (database.last_zxid(), database.tree().digest())
}

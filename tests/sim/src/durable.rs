//! What of a disk survives whatever happens: read as after a power cut that takes all it may.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use paddock::node::recovery::{RecoveryError, recover_present};
use paddock_consensus::{Epoch, Zxid};
use paddock_engine::database::Rules;
use paddock_engine::epoch_files::EpochFiles;
use paddock_engine::generation;
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{Choice, FileSystem};
use paddock_engine::log::{self, Damage, Entry, LogConfig, Verdict};

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

/// A log's segment and those after it.
fn segments_from(files: &Files, first: &Path) -> Vec<PathBuf> {
    let dir = first.parent().expect("a segment lies in a directory");
    let names = files.list(dir).expect("a directory can be listed").into_iter().map(|name| dir.join(name));
    let mut segments: Vec<PathBuf> = names.filter(|path| path.as_path() >= first && is_segment(path)).collect();
    segments.sort();
    segments
}

fn is_segment(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log."))
}

/// What has been read of a log.
#[derive(Default)]
struct Reading {
    base: Option<Zxid>,
    by_zxid: BTreeMap<Zxid, Rc<[u8]>>,
}

impl Reading {
    fn take(&mut self, entry: &Entry<'_>) {
        match *entry {
            Entry::Group { before, .. } => drop(self.base.get_or_insert(before)),
            Entry::Record { zxid, payload, .. } => drop(self.by_zxid.insert(zxid, payload.into())),
            Entry::Segment { .. } => {}
        }
    }

    fn records(self) -> Records {
        Records { base: self.base.unwrap_or_default(), by_zxid: self.by_zxid }
    }

    /// What was read, or else `other`.
    fn or(self, other: Reading) -> Records {
        if self.base.is_some() { self.records() } else { other.records() }
    }
}

/// The transactions of a log.
#[derive(Default, Debug)]
pub struct Records {
    /// The zxid before the first.
    pub base: Zxid,
    pub by_zxid: BTreeMap<Zxid, Rc<[u8]>>,
}

impl Records {
    /// The log of the present generation, up to its end or its first damage. Old segments that could not be removed for good
    /// may lie before a gap; what comes before that is of no use to anybody.
    pub fn read(files: &Files, config: &LogConfig) -> Records {
        let LogConfig { data_dir, dir, .. } = config;
        let present = generation::present(files, data_dir, dir).expect("a generation is there");
        let (mut reading, mut behind_gap) = (Reading::default(), Reading::default());
        let verdict = log::inspect(files, &present.dir(dir), &mut |entry| reading.take(&entry));
        match verdict.expect("a log can be read") {
            Verdict::Damaged(Damage { file, offset: 0, .. }) => {
                for segment in segments_from(files, &file) {
                    let read = log::inspect_file(files, &segment, &mut |entry| behind_gap.take(&entry));
                    if !matches!(read, Ok(Verdict::Sound { .. })) {
                        break;
                    }
                }
                behind_gap.or(reading)
            }
            _ => reading.records(),
        }
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

/// The state that a server would have if it started on these files: its newest transaction and its digest; or why it would not
/// start.
pub fn recovered(files: &Files, config: &LogConfig) -> Result<(Zxid, u64), RecoveryError> {
    let config = LogConfig { files: files.clone(), ..config.clone() };
    let database = recover_present(config, Rules::default())?.recovered.database;
    Ok((database.last_zxid(), database.tree().digest()))
}

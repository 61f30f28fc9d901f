//! What of a disk survives whatever happens: read as after a power cut that takes all it may.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use paddock::node::recovery::{RecoveryError, recover_present};
use paddock_consensus::{Epoch, Zxid};
use paddock_engine::database::{Database, Rules};
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
    Files::Simulated(disk.crashed(&mut Nothing))
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

/// What is read of a log, entry by entry.
trait Reading {
    fn take(&mut self, entry: &Entry<'_>);

    /// Whether there was a group.
    fn has_begun(&self) -> bool;
}

/// Reads the log of the present generation, up to its end or its first damage. Old segments that could not be removed for good
/// may lie before a gap; what comes before that is of no use to anybody.
fn read_log<R: Reading>(files: &Files, config: &LogConfig, begin: impl Fn() -> R) -> R {
    let LogConfig { data_dir, dir, .. } = config;
    let present = generation::present(files, data_dir, dir).expect("a generation is there");
    let mut reading = begin();
    let verdict = log::inspect(files, &present.dir(data_dir), &present.dir(dir), &mut |entry| reading.take(&entry));
    let Verdict::Damaged(Damage { file, offset: 0, .. }) = verdict.expect("a log can be read") else { return reading };
    let mut behind_gap = begin();
    for segment in segments_from(files, &file) {
        let read = log::inspect_file(files, &segment, &mut |entry| behind_gap.take(&entry));
        if !matches!(read, Ok(Verdict::Sound { .. })) {
            break;
        }
    }
    if behind_gap.has_begun() { behind_gap } else { reading }
}

/// All of a log.
#[derive(Default)]
struct Whole {
    base: Option<Zxid>,
    by_zxid: BTreeMap<Zxid, Rc<[u8]>>,
}

impl Reading for Whole {
    fn take(&mut self, entry: &Entry<'_>) {
        match *entry {
            Entry::Group { before, .. } => drop(self.base.get_or_insert(before)),
            Entry::Record { zxid, payload, .. } => drop(self.by_zxid.insert(zxid, payload.into())),
            Entry::Segment { .. } => {}
        }
    }

    fn has_begun(&self) -> bool {
        self.base.is_some()
    }
}

/// Whether one transaction is in a log, of which nothing is kept.
struct Search<'a> {
    zxid: Zxid,
    record: &'a [u8],
    base: Option<Zxid>,
    is_empty: bool,
    is_found: bool,
}

impl Reading for Search<'_> {
    fn take(&mut self, entry: &Entry<'_>) {
        match *entry {
            Entry::Group { before, .. } => drop(self.base.get_or_insert(before)),
            Entry::Record { zxid, payload, .. } => {
                self.is_empty = false;
                if zxid == self.zxid {
                    self.is_found = payload == self.record;
                }
            }
            Entry::Segment { .. } => {}
        }
    }

    fn has_begun(&self) -> bool {
        self.base.is_some()
    }
}

/// Whether a transaction is on a disk: in its log, or in the state that the log goes on from. The log of a state that has come
/// whole may be empty; then the state is what was taken over, and a disk with which no server starts has nothing.
pub fn has(files: &Files, config: &LogConfig, zxid: Zxid, record: &[u8]) -> bool {
    let begin = || Search { zxid, record, base: None, is_empty: true, is_found: false };
    let search = read_log(files, config, begin);
    let is_before = || zxid <= search.base.unwrap_or_default();
    let state_has = || search.is_empty && recovered(files, config).is_ok_and(|state| state.last_zxid() >= zxid);
    search.is_found || is_before() || state_has()
}

/// The transactions of a log.
#[derive(Default, Debug)]
pub struct Records {
    /// The zxid before the first.
    pub base: Zxid,
    pub by_zxid: BTreeMap<Zxid, Rc<[u8]>>,
}

impl Records {
    /// See [`read_log`].
    pub fn read(files: &Files, config: &LogConfig) -> Records {
        let Whole { base, by_zxid } = read_log(files, config, Whole::default);
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

/// The state that a server would have if it started on these files, or why it would not start.
pub fn recovered(files: &Files, config: &LogConfig) -> Result<Database, RecoveryError> {
    let config = LogConfig { files: files.clone(), ..config.clone() };
    Ok(recover_present(config, Rules::default())?.recovered.database)
}

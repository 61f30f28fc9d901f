//! Where the transactions of a log come from: a Paddock's `dataLogDir` or one segment, a ZooKeeper's directory or one
//! file. Which it is says what the files begin with; a name alone says nothing.

use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;
use paddock_engine::generation::Generation;
use paddock_engine::io::Files;
use paddock_engine::log::{self, Entry, FoundMilestone, Verdict};
use paddock_engine::snapshot;
use paddock_engine::zookeeper::log::LogReader;
use paddock_engine::zookeeper::{FormatError, LogFile, VERSION_DIR, log as zookeeper_log};

use super::LogCommandError;
use super::given::{Directories, Given, is_data_dir};
use crate::answer::Answer;
use crate::kind::{self, Kind};
use crate::node::foreign::foreign_data;

/// Longer transactions of a ZooKeeper's are damage, bytes.
pub const TXN_BYTES_MAX: usize = 1 << 30;

pub enum Source {
    /// A `dataLogDir`, with the `dataDir` if that was given.
    Paddock(Directories),
    /// One segment by itself.
    Segment(PathBuf),
    /// The files of a ZooKeeper, the oldest first.
    ZooKeeper(Vec<PathBuf>),
}

/// One thing in a log, in the order in which it stands there.
pub enum Part<'a> {
    /// `sequence` is that of a segment.
    File {
        file: &'a Path,
        sequence: Option<u64>,
        bytes: u64,
    },
    /// As [`Entry::Group`].
    Group {
        offset: u64,
        bytes: u64,
        number: u64,
        durable: u64,
        records: u32,
    },
    Transaction {
        zxid: Zxid,
        bytes: &'a [u8],
    },
}

/// How a log ends.
pub enum End {
    Sound {
        last: Zxid,
    },
    /// Behind its last transaction lies what a crash has left of the next: what becomes of it, and where it is.
    Torn {
        last: Zxid,
        torn: String,
    },
    /// It cannot be read on, and why.
    Damaged(String),
}

impl Source {
    /// In a directory it is the log of the generation that is meant: see [`Directories::meant`].
    pub fn find(path: &Path, data_dir: Option<&Path>) -> Result<Source, LogCommandError> {
        if path.is_dir() {
            let meant = Directories::meant(&Given::new(path), data_dir.map(Given::new).as_ref())?;
            return Source::of_directories(meant);
        }
        let not_a_log = |why| LogCommandError::NotALog { file: path.to_owned(), why };
        match kind::of_file(path).map_err(|source| LogCommandError::Path { path: path.to_owned(), source })? {
            Kind::PaddockLog => Ok(Source::Segment(path.to_owned())),
            Kind::ZooKeeperLog => Ok(Source::ZooKeeper(vec![path.to_owned()])),
            Kind::Void => Err(not_a_log("nothing is written in it")),
            Kind::PaddockSnapshot | Kind::ZooKeeperSnapshot(_) => {
                Err(not_a_log("it is a snapshot; `paddock snapshot` reads those"))
            }
            Kind::Other => Err(not_a_log("it begins as no log does")),
        }
    }

    fn of_directories(directories: Directories) -> Result<Source, LogCommandError> {
        if log::segment_count(&Files::Real, &directories.dir)? > 0 {
            return Ok(Source::Paddock(directories));
        }
        let dir = &*directories.dir;
        // In a directory of ours the names of files mean something else.
        let theirs = if is_inside(dir) { Vec::new() } else { vec![dir.to_owned(), dir.join(VERSION_DIR)] };
        for place in theirs {
            let files =
                LogFile::list(&Files::Real, &place).map_err(|source| LogCommandError::Path { path: place, source })?;
            if !files.is_empty() {
                return Ok(Source::ZooKeeper(files.into_iter().map(|file| file.path).collect()));
            }
        }
        Err(LogCommandError::NoLog { directory: dir.to_owned(), instead: instead_of_log(dir)? })
    }

    /// Shows all up to the end or the first damage.
    pub fn read(&self, show: &mut dyn FnMut(Part<'_>)) -> Result<End, LogCommandError> {
        let mut show_entry = |entry: Entry<'_>| match entry {
            Entry::Segment { file, sequence, bytes } => show(Part::File { file, sequence: Some(sequence), bytes }),
            Entry::Group { offset, bytes, number, durable, records, .. } => {
                show(Part::Group { offset, bytes, number, durable, records });
            }
            Entry::Record { zxid, payload, .. } => show(Part::Transaction { zxid, bytes: payload }),
        };
        match self {
            Source::Paddock(Directories { dir, data_dir }) => {
                match End::of_log(log::inspect(&Files::Real, data_dir, dir, &mut show_entry)?) {
                    End::Damaged(damage) if !is_data_dir(data_dir)? => Ok(End::Damaged(format!(
                        "{damage}. Nothing in {} tells whether some of that was cut before, and is no part of the log any \
                         more: first give the dataDir with --data-dir",
                        data_dir.display()
                    ))),
                    end => Ok(end),
                }
            }
            Source::ZooKeeper(files) => read_files(files, show),
            Source::Segment(file) => Ok(End::of_segment(log::inspect_file(&Files::Real, file, &mut show_entry)?)),
        }
    }
}

impl End {
    fn of_log(verdict: Verdict) -> End {
        match verdict {
            Verdict::Damaged(damage) => End::Damaged(damage.to_string()),
            Verdict::Sound { last } => End::Sound { last },
            Verdict::Torn { last, torn } => End::Torn { last, torn: format!("the next start cuts that: {torn}") },
        }
    }

    /// What a whole log's orders say does not help with one file of it.
    fn of_segment(verdict: Verdict) -> End {
        match verdict {
            Verdict::Damaged(damage) => End::Damaged(format!(
                "{} is damaged at offset {}: {}; the last good transaction is {}",
                damage.file.display(),
                damage.offset,
                damage.evidence,
                damage.after
            )),
            other => End::of_log(other),
        }
    }

    /// The last line of an answer, or the error.
    pub fn tell(self, answer: &mut Answer) -> Result<(), LogCommandError> {
        match self {
            End::Sound { last } => answer.line(format_args!("sound; the last transaction is {last}"))?,
            End::Torn { last, torn } => answer.line(format_args!(
                "sound up to {last}; a crash has torn what was being written after it, and {torn}"
            ))?,
            End::Damaged(damage) => return Err(LogCommandError::Damaged(damage)),
        }
        Ok(())
    }
}

/// Reads a ZooKeeper's files one after the other. A crash tears the end of a file, and ZooKeeper goes on with the next.
fn read_files(files: &[PathBuf], show: &mut dyn FnMut(Part<'_>)) -> Result<End, LogCommandError> {
    let mut chain = Chain { last: Zxid::ZERO, gap: None };
    let mut torn = None;
    for (index, file) in files.iter().enumerate() {
        let found = std::fs::metadata(file);
        let bytes = found.map_err(|source| LogCommandError::Path { path: file.clone(), source })?.len();
        show(Part::File { file, sequence: None, bytes });
        // A crash can leave the newest one without its header.
        if bytes == 0 && index + 1 == files.len() {
            continue;
        }
        match chain.read(file, show) {
            Ok(None) => {}
            Ok(Some(offset)) => torn = Some((file.display(), offset)),
            Err(error) => {
                let (file, last) = (file.display(), chain.last);
                return Ok(End::Damaged(format!("{file}: {error}; the last good transaction is {last}")));
            }
        }
    }
    let last = chain.last;
    Ok(match (chain.gap, torn) {
        (Some(gap), _) => End::Damaged(gap),
        (None, Some((file, offset))) => {
            End::Torn { last, torn: format!("ZooKeeper passes over that: from byte {offset} of {file} on") }
        }
        (None, None) => End::Sound { last },
    })
}

/// The transactions of a ZooKeeper's files in their order.
struct Chain {
    last: Zxid,
    /// Where the first are missing.
    gap: Option<String>,
}

impl Chain {
    /// Returns where the file is torn, if it is.
    fn read(&mut self, file: &Path, show: &mut dyn FnMut(Part<'_>)) -> Result<Option<u64>, FormatError> {
        let mut reader = LogReader::open(&Files::Real, file, TXN_BYTES_MAX)?;
        loop {
            match reader.read_entry()? {
                zookeeper_log::Entry::Record { offset, zxid, txn } => {
                    self.note(file, offset, zxid)?;
                    show(Part::Transaction { zxid, bytes: txn });
                }
                zookeeper_log::Entry::End { .. } => return Ok(None),
                zookeeper_log::Entry::Torn { offset } => return Ok(Some(offset)),
            }
        }
    }

    fn note(&mut self, file: &Path, offset: u64, zxid: Zxid) -> Result<(), FormatError> {
        let last = self.last;
        if zxid <= last {
            return Err(FormatError::Damaged { offset, what: format!("transaction {zxid} stands behind {last}") });
        }
        let follows = zxid.0 - 1 == last.0 || (zxid.epoch() > last.epoch() && zxid == Zxid::first_of(zxid.epoch()));
        if !follows && last > Zxid::ZERO && self.gap.is_none() {
            let file = file.display();
            self.gap = Some(format!("transactions between {last} and {zxid}, at byte {offset} of {file}, are missing"));
        }
        self.last = zxid;
        Ok(())
    }
}

pub fn existing(dir: &Path) -> Result<(), LogCommandError> {
    if dir.is_dir() { Ok(()) } else { Err(LogCommandError::NoDirectory(dir.to_owned())) }
}

/// Whether it is the one inside a dataDir or dataLogDir, where the files of ours are.
fn is_inside(dir: &Path) -> bool {
    dir.parent().is_some_and(|parent| snapshot::snapshot_dir(parent) == dir)
}

/// What a directory without a log has, and where the log may be.
fn instead_of_log(dir: &Path) -> Result<String, LogCommandError> {
    let snapshots = snapshot::list(&Files::Real, dir)?;
    let noted = FoundMilestone::read(&Files::Real, dir)?;
    let mut instead = match snapshots.last() {
        Some((zxid, _)) => format!("it has {} snapshots, up to transaction {zxid}, and no segment", snapshots.len()),
        None => "it has neither a segment nor a snapshot".to_owned(),
    };
    // One that begins after a conversion has no segment before the first start.
    let noted = noted.milestone().filter(|noted| noted.zxid > Zxid::ZERO && noted.segment > 0);
    match noted.map(|noted| (&noted.dir, noted.zxid)) {
        Some((was_in, zxid)) if !Files::Real.is_same_directory(was_in, dir) => {
            let was_in = Generation::above(was_in).display();
            instead += &format!("; the log was in {was_in}, up to {zxid} at least: give that directory");
        }
        Some((_, zxid)) => instead += &format!("; a log was here, up to {zxid} at least, and is gone"),
        None => {}
    }
    if let Some(theirs) = foreign_data(&Files::Real, dir) {
        instead += &format!("; {} holds snapshots of a ZooKeeper server, and no log", theirs.display());
    } else if is_inside(dir) {
        instead += "; this is the directory inside: give the one above it";
    }
    Ok(instead)
}

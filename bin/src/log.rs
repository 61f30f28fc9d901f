//! `paddock log`: looking at a transaction log, and cutting it on a person's order.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use paddock_consensus::Zxid;
use paddock_engine::acl::AclTable;
use paddock_engine::io::{DataDir, DirError, Files};
use paddock_engine::log::{self, Entry, FoundMilestone, LogError, Place, Verdict};
use paddock_engine::snapshot;
use paddock_engine::txn::{ReadTxn, Txn};

use crate::node::recovery::foreign_data;

#[derive(Args)]
pub struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Subcommand)]
enum LogCommand {
    /// Read every record and say whether the log holds and nothing of it is missing. Changes nothing.
    Check {
        /// The dataLogDir.
        dir: PathBuf,
        /// The dataDir, if that is another directory.
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// List segments, groups and transactions. Changes nothing.
    Show {
        /// The dataLogDir.
        dir: PathBuf,
    },
    /// Remove every transaction after one, and go on without those that are missing. What was acknowledged after it is lost;
    /// keep a copy of the directories.
    Cut {
        /// The dataLogDir of a server that does not run.
        dir: PathBuf,
        /// Its dataDir, if that is another directory.
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// The last transaction that stays, decimal or 0x and hexadecimal.
        #[arg(long, value_name = "ZXID", value_parser = parse_zxid)]
        after: Zxid,
    },
}

/// Why a command on a log failed.
#[derive(Debug)]
pub enum LogCommandError {
    Log(LogError),
    Directory(DirError),
    NoDirectory(PathBuf),
    Damaged(String),
    /// There is no log, and what there is instead.
    NoLog {
        directory: PathBuf,
        instead: String,
    },
    /// Every record is read and holds, but nothing tells whether there were more.
    NothingTells {
        directory: PathBuf,
        last: Zxid,
    },
    /// What else there is of the data is elsewhere.
    DataDirNeeded {
        directory: PathBuf,
    },
    /// It has what is to be cut.
    NewerSnapshot {
        zxid: Zxid,
        path: PathBuf,
    },
    Output(io::Error),
}

impl fmt::Display for LogCommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogCommandError::Log(error) => error.fmt(f),
            LogCommandError::Directory(error) => error.fmt(f),
            LogCommandError::NoDirectory(path) => {
                write!(f, "{} is no directory; give the dataLogDir (or dataDir) of a server", path.display())
            }
            LogCommandError::Damaged(damage) => f.write_str(damage),
            LogCommandError::NoLog { directory, instead } => {
                write!(f, "{} holds no transaction log: {instead}", directory.display())
            }
            LogCommandError::NothingTells { directory, last } => write!(
                f,
                "every record holds, up to {last}, but nothing in {} tells whether there were more; give the dataDir with \
                 --data-dir",
                directory.display()
            ),
            LogCommandError::DataDirNeeded { directory } => write!(
                f,
                "{} has neither a milestone nor a snapshot, so that it is not the dataDir; give that with --data-dir (the \
                 same directory again, if there is no other)",
                directory.display()
            ),
            LogCommandError::NewerSnapshot { zxid, path } => write!(
                f,
                "the snapshot {} holds transactions up to {zxid}; move it away first, then cut the log",
                path.display()
            ),
            LogCommandError::Output(error) => write!(f, "cannot write the answer: {error}"),
        }
    }
}

impl From<LogError> for LogCommandError {
    fn from(error: LogError) -> Self {
        LogCommandError::Log(error)
    }
}

impl From<io::Error> for LogCommandError {
    fn from(error: io::Error) -> Self {
        LogCommandError::Output(error)
    }
}

fn parse_zxid(text: &str) -> Result<Zxid, String> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    number.map(Zxid).map_err(|_| format!("{text:?} is no zxid; give a number, or 0x and hexadecimal digits"))
}

pub fn run(arguments: &LogArgs) -> Result<(), LogCommandError> {
    let out = &mut io::BufWriter::new(io::stdout().lock());
    let done = match &arguments.command {
        LogCommand::Check { dir, data_dir } => check(dir, data_dir.as_deref().unwrap_or(dir), out),
        LogCommand::Show { dir } => show(dir, out),
        LogCommand::Cut { dir, data_dir, after } => cut(dir, data_dir.as_deref(), *after, out),
    };
    match done.and_then(|()| Ok(out.flush()?)) {
        // Whoever reads has seen enough.
        Err(LogCommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn existing(dir: &Path) -> Result<(), LogCommandError> {
    if dir.is_dir() { Ok(()) } else { Err(LogCommandError::NoDirectory(dir.to_owned())) }
}

/// An error unless there is something of a log; a verdict on nothing would be taken for one.
fn existing_log(dir: &Path) -> Result<(), LogCommandError> {
    existing(dir)?;
    if log::segment_count(&Files::Real, dir)? > 0 {
        return Ok(());
    }
    Err(LogCommandError::NoLog { directory: dir.to_owned(), instead: instead_of_log(dir)? })
}

/// What a directory without a log has, and where the log may be.
fn instead_of_log(dir: &Path) -> Result<String, LogCommandError> {
    let snapshots = snapshot::list(&Files::Real, dir)?;
    let noted = FoundMilestone::read(&Files::Real, dir)?;
    let mut instead = match snapshots.last() {
        Some((zxid, _)) => format!("it has {} snapshots, up to transaction {zxid}, and no segment", snapshots.len()),
        None => "it has neither a segment nor a snapshot".to_owned(),
    };
    let noted = noted.milestone().filter(|noted| noted.zxid > Zxid::ZERO);
    match noted.map(|noted| (&noted.dir, noted.zxid)) {
        Some((was_in, zxid)) if !Files::Real.is_same_directory(was_in, dir) => {
            instead += &format!("; the log was in {}, up to {zxid} at least: give that directory", was_in.display());
        }
        Some((_, zxid)) => instead += &format!("; a log was here, up to {zxid} at least, and is gone"),
        None => {}
    }
    if let Some(theirs) = foreign_data(&Files::Real, dir) {
        instead +=
            &format!("; {} holds a ZooKeeper server's files, which this version does not read", theirs.display());
    } else if dir.parent().is_some_and(|parent| snapshot::snapshot_dir(parent) == dir) {
        instead += "; this is the directory inside: give the one above it";
    }
    Ok(instead)
}

fn check(dir: &Path, data_dir: &Path, out: &mut impl Write) -> Result<(), LogCommandError> {
    existing_log(dir)?;
    existing(data_dir)?;
    let (mut segments, mut groups, mut records) = (0, 0, 0);
    let verdict = log::inspect(&Files::Real, dir, &mut |entry| match entry {
        Entry::Segment { .. } => segments += 1,
        Entry::Group { .. } => groups += 1,
        Entry::Record { .. } => records += 1,
    })?;
    writeln!(out, "{segments} segments, {groups} groups, {records} transactions")?;
    if let Verdict::Sound { last } | Verdict::Torn { last, .. } = verdict {
        refuse_missing(dir, data_dir, last)?;
    }
    tell(verdict, out)
}

fn refuse_missing(dir: &Path, data_dir: &Path, last: Zxid) -> Result<(), LogCommandError> {
    let place = place(dir, data_dir)?;
    if !is_data_dir(data_dir)? {
        return Err(LogCommandError::NothingTells { directory: data_dir.to_owned(), last });
    }
    log::missing(place)?.map_or(Ok(()), |missing| Err(LogError::Missing(Box::new(missing)).into()))
}

/// Whether there is anything beside a log that could tell of it.
fn is_data_dir(dir: &Path) -> Result<bool, LogCommandError> {
    Ok(FoundMilestone::read(&Files::Real, dir)? != FoundMilestone::Nothing
        || !snapshot::list(&Files::Real, dir)?.is_empty())
}

/// With the newest snapshot that holds.
fn place<'a>(dir: &'a Path, data_dir: &'a Path) -> Result<Place<'a>, LogCommandError> {
    let snapshots = snapshot::list(&Files::Real, data_dir)?;
    let newest = snapshots.into_iter().rev().find(|(_, path)| snapshot::check(&Files::Real, path).is_ok());
    Ok(Place { files: &Files::Real, dir, data_dir, snapshot: newest.map_or(Zxid::ZERO, |(zxid, _)| zxid) })
}

fn tell(verdict: Verdict, out: &mut impl Write) -> Result<(), LogCommandError> {
    match verdict {
        Verdict::Sound { last } => writeln!(out, "sound; the last transaction is {last}")?,
        Verdict::Torn { last, torn } => writeln!(
            out,
            "sound up to {last}; a crash has torn what was being written after it, and the next start cuts that: {torn}"
        )?,
        Verdict::Damaged(damage) => return Err(LogCommandError::Damaged(damage.to_string())),
    }
    Ok(())
}

fn show(dir: &Path, out: &mut impl Write) -> Result<(), LogCommandError> {
    existing_log(dir)?;
    let mut acls = AclTable::default();
    let mut written = Ok(());
    let verdict = log::inspect(&Files::Real, dir, &mut |entry| {
        if written.is_ok() {
            written = show_entry(&entry, &mut acls, out);
        }
    })?;
    written?;
    tell(verdict, out)
}

fn show_entry(entry: &Entry<'_>, acls: &mut AclTable, out: &mut impl Write) -> io::Result<()> {
    match entry {
        Entry::Segment { file, sequence, bytes } => {
            writeln!(out, "segment {sequence}: {} ({bytes} bytes)", file.display())
        }
        Entry::Group { offset, bytes, number, durable, records, .. } => {
            writeln!(
                out,
                "  group {number} at {offset}: {bytes} bytes, {records} transactions, {durable} known durable"
            )
        }
        Entry::Record { zxid, payload, .. } => match Txn::read(payload, acls) {
            Ok(ReadTxn { header, txn, .. }) => writeln!(
                out,
                "    {zxid} session 0x{:x} cxid 0x{:x} time {} {}",
                header.client,
                header.cxid,
                header.time,
                describe(&txn)
            ),
            Err(_) => writeln!(out, "    {zxid} is not a transaction"),
        },
    }
}

/// What a transaction does, without the data, which may be secret or long.
fn describe(txn: &Txn<'_>) -> String {
    let length = |data: &Option<&[u8]>| data.map_or("null".to_owned(), |data| format!("{} bytes", data.len()));
    match txn {
        Txn::Create { kind, path, data, .. } => format!("create {path:?} {kind:?}, {}", length(data)),
        Txn::Delete { path } => format!("delete {path:?}"),
        Txn::DeleteContainer { path } => format!("deleteContainer {path:?}"),
        Txn::SetData { path, data, version } => format!("setData {path:?} version {version}, {}", length(data)),
        Txn::SetAcl { path, version, .. } => format!("setACL {path:?} aversion {version}"),
        Txn::Check { path, version } => format!("check {path:?} version {version}"),
        Txn::Error(code) => format!("error {code}"),
        Txn::CreateSession { timeout } => format!("createSession, timeout {timeout} ms"),
        Txn::CloseSession { ephemerals: Some(paths) } if !paths.is_empty() => {
            format!("closeSession, {} ephemerals", paths.len())
        }
        Txn::CloseSession { .. } => "closeSession, whatever ephemerals it has".to_owned(),
        Txn::Multi(members) => {
            format!("multi [{}]", members.iter().map(describe).collect::<Vec<_>>().join("; "))
        }
    }
}

fn cut(dir: &Path, data_dir: Option<&Path>, after: Zxid, out: &mut impl Write) -> Result<(), LogCommandError> {
    existing(dir)?;
    if data_dir.is_none() && !is_data_dir(dir)? {
        return Err(LogCommandError::DataDirNeeded { directory: dir.to_owned() });
    }
    let data_dir = data_dir.unwrap_or(dir);
    existing(data_dir)?;
    // Not while a server runs on them.
    let _log_lock = DataDir::open(&Files::Real, dir, false).map_err(LogCommandError::Directory)?;
    let _data_lock = (!Files::Real.is_same_directory(dir, data_dir))
        .then(|| DataDir::open(&Files::Real, data_dir, false).map_err(LogCommandError::Directory))
        .transpose()?;
    let snapshots = snapshot::list(&Files::Real, data_dir)?;
    if let Some((zxid, path)) = snapshots.into_iter().rev().find(|(zxid, _)| *zxid > after) {
        return Err(LogCommandError::NewerSnapshot { zxid, path });
    }
    let removed = log::cut_after(place(dir, data_dir)?, after)?;
    writeln!(out, "removed {} transactions and {} whole segments after {after}", removed.records, removed.segments)?;
    Ok(())
}

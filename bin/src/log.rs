//! `paddock log`: looking at a transaction log, and cutting it on a person's order.
#![allow(clippy::print_stdout, reason = "what a command says goes to stdout")]

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use paddock_consensus::Zxid;
use paddock_engine::acl::AclTable;
use paddock_engine::io::{DataDir, DirError};
use paddock_engine::log::{self, Entry, LogError, Verdict};
use paddock_engine::snapshot;
use paddock_engine::txn::{ReadTxn, Txn};

#[derive(Args)]
pub struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Subcommand)]
enum LogCommand {
    /// Read every record and say whether the log holds. Changes nothing.
    Check {
        /// The dataLogDir.
        dir: PathBuf,
    },
    /// List segments, groups and transactions. Changes nothing.
    Show {
        /// The dataLogDir.
        dir: PathBuf,
    },
    /// Remove every transaction after one. What was acknowledged after it is lost; keep a copy of the directory.
    Cut {
        /// The dataLogDir of a server that does not run.
        dir: PathBuf,
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
    match &arguments.command {
        LogCommand::Check { dir } => check(dir),
        LogCommand::Show { dir } => show(dir),
        LogCommand::Cut { dir, after } => cut(dir, *after),
    }
}

fn existing(dir: &Path) -> Result<(), LogCommandError> {
    if dir.is_dir() { Ok(()) } else { Err(LogCommandError::NoDirectory(dir.to_owned())) }
}

fn check(dir: &Path) -> Result<(), LogCommandError> {
    existing(dir)?;
    let (mut segments, mut groups, mut records) = (0, 0, 0);
    let verdict = log::inspect(dir, &mut |entry| match entry {
        Entry::Segment { .. } => segments += 1,
        Entry::Group { .. } => groups += 1,
        Entry::Record { .. } => records += 1,
    })?;
    println!("{segments} segments, {groups} groups, {records} transactions");
    tell(verdict)
}

fn tell(verdict: Verdict) -> Result<(), LogCommandError> {
    match verdict {
        Verdict::Sound { last } => println!("sound; the last transaction is {last}"),
        Verdict::Torn { last, torn } => {
            println!(
                "sound up to {last}; a crash has torn what was being written after it, and the next start cuts that: {torn:?}"
            );
        }
        Verdict::Damaged(damage) => return Err(LogCommandError::Damaged(damage.to_string())),
    }
    Ok(())
}

fn show(dir: &Path) -> Result<(), LogCommandError> {
    existing(dir)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut acls = AclTable::default();
    let mut written = Ok(());
    let verdict = log::inspect(dir, &mut |entry| {
        if written.is_ok() {
            written = show_entry(&entry, &mut acls, &mut out);
        }
    })?;
    written?;
    out.flush()?;
    drop(out);
    tell(verdict)
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
        Txn::CloseSession { ephemerals } => {
            format!("closeSession, {} ephemerals", ephemerals.as_ref().map_or(0, Vec::len))
        }
        Txn::Multi(members) => {
            format!("multi [{}]", members.iter().map(describe).collect::<Vec<_>>().join("; "))
        }
    }
}

fn cut(dir: &Path, after: Zxid) -> Result<(), LogCommandError> {
    existing(dir)?;
    // Not while a server runs on it.
    let _lock = DataDir::open(dir, false).map_err(LogCommandError::Directory)?;
    let snapshots = snapshot::list(dir)?;
    if let Some((zxid, path)) = snapshots.into_iter().rev().find(|(zxid, _)| *zxid > after) {
        return Err(LogCommandError::NewerSnapshot { zxid, path });
    }
    let removed = log::cut_after(dir, after)?;
    println!("removed {} transactions and {} whole segments after {after}", removed.records, removed.segments);
    Ok(())
}

//! What zkSnapShotToolkit.sh does.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use paddock_engine::path::ROOT;
use paddock_engine::tree::Znode;

use super::{ToolkitError, ncdu};
use crate::answer::Answer;
use crate::date;
use crate::snapshot::by_path::ordered;
use crate::snapshot::source::{Content, Source};

const USAGE: &str = "USAGE: zkSnapShotToolkit.sh [-d|-json] snapshot_file
       -d with the data of each znode, in Base64
       -json for ncdu";
/// What ZooKeeper's tool ends with where it was not called as it has to be.
const MISUSED: u8 = 2;

/// The file is ZooKeeper's or Paddock's.
pub fn run(words: &[String], answer: &mut Answer) -> Result<(), ToolkitError> {
    let (mut with_data, mut as_json, mut files) = (false, false, Vec::new());
    for word in words {
        match word.as_str() {
            "-d" if files.is_empty() => with_data = true,
            "-json" if files.is_empty() => as_json = true,
            _ => files.push(word),
        }
    }
    let [file] = files[..] else { return Err(ToolkitError::refused(USAGE, MISUSED)) };
    let path = Path::new(file);
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let absolute = absolute.display();
    if path.is_dir() {
        return Err(ToolkitError::refused(format!("'{absolute}' is a directory. it must be a file."), MISUSED));
    }
    if !path.exists() {
        return Err(ToolkitError::refused(format!("File '{absolute}' does not exist."), MISUSED));
    }
    if with_data && as_json {
        let both = "Cannot specify both data dump (-d) and json mode (-json) in same call";
        return Err(ToolkitError::refused(both, MISUSED));
    }
    let content = Source::find(path)?.load()?;
    let znodes = ordered(&content.tree, ROOT);
    if as_json {
        ncdu::tell(&znodes, answer)?
    } else {
        tell(&content, &znodes, with_data, answer)?
    }
    Ok(())
}

fn tell(content: &Content, znodes: &[Znode<'_>], with_data: bool, answer: &mut Answer) -> io::Result<()> {
    // ZooKeeper's tree has the root under two names.
    answer.line(format_args!("ZNode Details (count={}):", znodes.len() + 1))?;
    let (mut newest, zone) = (content.zxid.0, date::zone());
    for znode in znodes {
        if !answer.is_read() {
            return Ok(());
        }
        let stat = znode.stat();
        newest = newest.max(stat.mzxid).max(stat.pzxid);
        tell_znode(znode, with_data, &zone, answer)?;
    }
    answer.line(format_args!("----"))?;
    tell_sessions(content, znodes, answer)?;
    answer.line(format_args!("----\nLast zxid: 0x{newest:x}"))
}

fn tell_znode(znode: &Znode<'_>, with_data: bool, zone: &TimeZone, answer: &mut Answer) -> io::Result<()> {
    let stat = znode.stat();
    answer.line(format_args!("----\n{}", znode.path()))?;
    answer.line(format_args!("  cZxid = {:#016x}", stat.czxid))?;
    answer.line(format_args!("  ctime = {}", date::java(stat.ctime, zone)))?;
    answer.line(format_args!("  mZxid = {:#016x}", stat.mzxid))?;
    answer.line(format_args!("  mtime = {}", date::java(stat.mtime, zone)))?;
    answer.line(format_args!("  pZxid = {:#016x}", stat.pzxid))?;
    answer.line(format_args!("  cversion = {}", stat.cversion))?;
    answer.line(format_args!("  dataVersion = {}", stat.version))?;
    answer.line(format_args!("  aclVersion = {}", stat.aversion))?;
    answer.line(format_args!("  ephemeralOwner = {:#016x}", stat.ephemeral_owner))?;
    let data = znode.data().unwrap_or_default();
    if with_data {
        answer.line(format_args!("  data = {}", STANDARD.encode(data)))
    } else {
        answer.line(format_args!("  dataLength = {}", data.len()))
    }
}

fn tell_sessions(content: &Content, znodes: &[Znode<'_>], answer: &mut Answer) -> io::Result<()> {
    let mut ephemerals: HashMap<i64, u64> = HashMap::new();
    for znode in znodes.iter().filter(|znode| znode.is_ephemeral()) {
        *ephemerals.entry(znode.stat().ephemeral_owner).or_default() += 1;
    }
    answer.line(format_args!("Session Details (sid, timeout, ephemeralCount):"))?;
    for (session, timeout) in &content.sessions {
        let ephemerals = ephemerals.get(session).copied().unwrap_or_default();
        answer.line(format_args!("{session:#016x}, {timeout}, {ephemerals}"))?;
    }
    Ok(())
}

//! `paddock snapshot show`: every znode with the Stat that is stored, and every session.

use std::collections::HashMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use paddock_engine::tree::{OwnerKind, Znode};
use serde_json::{Value, json};

use super::by_path::ordered;
use super::source::{Content, Source};
use super::{PathArgs, SnapshotCommandError};
use crate::acl;
use crate::answer::Answer;
use crate::date::when;

#[derive(Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub(super) snapshot: PathArgs,
    /// Show data (in Base64) and ACLs too, which may be secret.
    #[arg(long)]
    data: bool,
    /// Only this znode and those below it; no sessions.
    #[arg(long, value_name = "ZNODE")]
    path: Option<String>,
}

pub fn run(arguments: &ShowArgs, answer: &mut Answer) -> Result<(), SnapshotCommandError> {
    let content = Source::find(&arguments.snapshot.place)?.load()?;
    let above = arguments.path.as_deref().unwrap_or("/");
    let znodes = ordered(&content.tree, above);
    if znodes.is_empty() {
        return Err(SnapshotCommandError::NoZnode { file: content.file, path: above.to_owned() });
    }
    answer.line(format_args!("{}", content.line()))?;
    answer.object(&content.object())?;
    for znode in &znodes {
        if !answer.is_read() {
            return Ok(());
        }
        if answer.is_json() {
            answer.object(&object(znode, arguments.data))?;
        } else {
            lines(znode, arguments.data, answer)?;
        }
    }
    if arguments.path.is_none() {
        sessions(&content, &znodes, answer)?;
    }
    Ok(())
}

/// As `zkSnapShotToolkit.sh` names the fields.
fn lines(znode: &Znode<'_>, with_data: bool, answer: &mut Answer) -> io::Result<()> {
    let stat = znode.stat();
    // A path can hold what would break the line.
    answer.line(format_args!("{}", znode.path().escape_debug()))?;
    answer.line(format_args!("  cZxid = 0x{:x}", stat.czxid))?;
    answer.line(format_args!("  ctime = {}", when(stat.ctime)))?;
    answer.line(format_args!("  mZxid = 0x{:x}", stat.mzxid))?;
    answer.line(format_args!("  mtime = {}", when(stat.mtime)))?;
    answer.line(format_args!("  pZxid = 0x{:x}", stat.pzxid))?;
    answer.line(format_args!("  cversion = {}", stat.cversion))?;
    answer.line(format_args!("  dataVersion = {}", stat.version))?;
    answer.line(format_args!("  aclVersion = {}", stat.aversion))?;
    answer.line(format_args!("  ephemeralOwner = 0x{:x}{}", stat.ephemeral_owner, kind_text(znode)))?;
    match znode.data() {
        None => answer.line(format_args!("  dataLength = 0 (null)"))?,
        Some(data) => answer.line(format_args!("  dataLength = {}", data.len()))?,
    }
    answer.line(format_args!("  numChildren = {}", znode.num_children()))?;
    if with_data {
        answer.line(format_args!("  data = {}", STANDARD.encode(znode.data().unwrap_or_default())))?;
        answer.line(format_args!("  acl = {}", acl::text(znode.acl())))?;
    }
    Ok(())
}

fn kind_text(znode: &Znode<'_>) -> String {
    match znode.owner_kind() {
        OwnerKind::Persistent => String::new(),
        OwnerKind::Ephemeral => " (ephemeral)".to_owned(),
        OwnerKind::Container => " (container)".to_owned(),
        OwnerKind::Ttl(ttl) => format!(" (lives {ttl} ms)"),
    }
}

/// Zxids and owners are text, since few programs can hold them as numbers.
fn object(znode: &Znode<'_>, with_data: bool) -> Value {
    let stat = znode.stat();
    let hex = |number: i64| format!("0x{number:x}");
    let mut object = json!({
        "path": znode.path(),
        "czxid": hex(stat.czxid),
        "ctime": stat.ctime,
        "mzxid": hex(stat.mzxid),
        "mtime": stat.mtime,
        "pzxid": hex(stat.pzxid),
        "cversion": stat.cversion,
        "version": stat.version,
        "aversion": stat.aversion,
        "ephemeralOwner": hex(stat.ephemeral_owner),
        "dataLength": znode.data().map(<[u8]>::len),
        "numChildren": znode.num_children(),
    });
    let (kind, ttl) = match znode.owner_kind() {
        OwnerKind::Persistent => ("persistent", None),
        OwnerKind::Ephemeral => ("ephemeral", None),
        OwnerKind::Container => ("container", None),
        OwnerKind::Ttl(ttl) => ("ttl", Some(ttl)),
    };
    object["kind"] = json!(kind);
    if let Some(ttl) = ttl {
        object["ttl"] = json!(ttl);
    }
    if with_data {
        object["data"] = json!(znode.data().map(|data| STANDARD.encode(data)));
        object["acl"] = acl::json(znode.acl());
    }
    object
}

fn sessions(content: &Content, znodes: &[Znode<'_>], answer: &mut Answer) -> io::Result<()> {
    let mut ephemerals: HashMap<i64, u64> = HashMap::new();
    for znode in znodes.iter().filter(|znode| znode.is_ephemeral()) {
        *ephemerals.entry(znode.stat().ephemeral_owner).or_default() += 1;
    }
    for (session, timeout) in &content.sessions {
        let ephemerals = ephemerals.get(session).copied().unwrap_or_default();
        answer.line(format_args!("session 0x{session:x}, timeout {timeout} ms, {ephemerals} ephemerals"))?;
        answer.object(&json!({"session": format!("0x{session:x}"), "timeout": timeout, "ephemerals": ephemerals}))?;
    }
    Ok(())
}

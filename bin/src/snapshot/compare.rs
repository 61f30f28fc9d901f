//! `paddock snapshot compare`: what two snapshots have in different ways, znode by znode or summed up by subtrees.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use clap::Args;
use paddock_engine::tree::Znode;
use serde_json::json;

use super::SnapshotCommandError;
use super::by_path::{compare, level, ordered};
use super::source::Source;
use super::totals::{Totals, totals};
use crate::answer::Answer;

#[derive(Args)]
pub struct CompareArgs {
    /// A snapshot file, Paddock's or ZooKeeper's, or a dataDir, of which the newest is taken.
    #[arg(value_name = "FILE|DIR")]
    left: PathBuf,
    /// Another one.
    #[arg(value_name = "FILE|DIR")]
    right: PathBuf,
    /// Sum up by subtrees instead of listing znodes.
    #[arg(long)]
    subtrees: bool,
    /// Levels of subtrees that are listed. [default: all]
    #[arg(long, value_name = "LEVELS", requires = "subtrees")]
    depth: Option<usize>,
    /// Only subtrees that differ by more bytes of data, or by more znodes where --znodes says so.
    #[arg(long, value_name = "BYTES", requires = "subtrees")]
    bytes: Option<u64>,
    /// Only subtrees that differ by more znodes, or by more bytes where --bytes says so.
    #[arg(long, value_name = "COUNT", requires = "subtrees")]
    znodes: Option<u64>,
    /// Answer with JSON, one object a line.
    #[arg(long)]
    pub(super) json: bool,
}

/// Whether they hold the same znodes and sessions.
pub fn run(arguments: &CompareArgs, answer: &mut Answer) -> Result<bool, SnapshotCommandError> {
    let (left, right) = (Source::find(&arguments.left)?.load()?, Source::find(&arguments.right)?.load()?);
    for (side, content) in [("left", &left), ("right", &right)] {
        answer.line(format_args!("{side:<5} {}", content.line()))?;
        let mut object = content.object();
        object["side"] = json!(side);
        answer.object(&object)?;
    }
    let (lefts, rights) = (ordered(&left.tree, "/"), ordered(&right.tree, "/"));
    let mut found = Found::default();
    let mut tell = |difference: &Difference<'_>, answer: &mut Answer| {
        found.note(difference);
        if arguments.subtrees { Ok(()) } else { difference.tell(answer) }
    };
    for (left, right) in merge(&lefts, &rights, |znode| znode.path()) {
        if let Some(difference) = Difference::of(left, right) {
            tell(&difference, answer)?;
        }
    }
    if arguments.subtrees {
        tell_subtrees(&totals(&lefts), &totals(&rights), arguments, answer)?;
    }
    found.sessions = tell_sessions(&left.sessions, &right.sessions, answer)?;
    found.tell(answer)?;
    Ok(found.is_nothing())
}

/// Pairs what has the same path in two lists that are in the order of paths.
fn merge<'l, T>(
    mut lefts: &'l [T],
    mut rights: &'l [T],
    path: impl Fn(&'l T) -> &'l str,
) -> impl Iterator<Item = (Option<&'l T>, Option<&'l T>)> {
    std::iter::from_fn(move || {
        let order = match (lefts.first(), rights.first()) {
            (Some(left), Some(right)) => compare(path(left), path(right)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let left = if order.is_le() { lefts.split_off_first() } else { None };
        let right = if order.is_ge() { rights.split_off_first() } else { None };
        Some((left, right))
    })
}

/// A znode that is not the same on both sides.
enum Difference<'t> {
    OnlyLeft(Znode<'t>),
    OnlyRight(Znode<'t>),
    /// In what, by the names of the fields, each with both values.
    Changed(&'t str, Vec<(&'static str, String, String)>),
}

impl<'t> Difference<'t> {
    fn of(left: Option<&Znode<'t>>, right: Option<&Znode<'t>>) -> Option<Difference<'t>> {
        match (left, right) {
            (Some(left), None) => Some(Difference::OnlyLeft(*left)),
            (None, Some(right)) => Some(Difference::OnlyRight(*right)),
            (Some(left), Some(right)) => {
                let changes = changes(left, right);
                (!changes.is_empty()).then(|| Difference::Changed(left.path(), changes))
            }
            (None, None) => None,
        }
    }

    fn tell(&self, answer: &mut Answer) -> io::Result<()> {
        let (side, znode) = match self {
            Difference::OnlyLeft(znode) => ("left", znode),
            Difference::OnlyRight(znode) => ("right", znode),
            Difference::Changed(path, changes) => {
                let fields: Vec<String> =
                    changes.iter().map(|(name, left, right)| format!("{name} {left} -> {right}")).collect();
                answer.line(format_args!("changed     {}: {}", path.escape_debug(), fields.join(", ")))?;
                let values: serde_json::Map<_, _> =
                    changes.iter().map(|(name, left, right)| ((*name).to_owned(), json!([left, right]))).collect();
                return answer.object(&json!({"path": path, "difference": "changed", "fields": values}));
            }
        };
        let (path, bytes) = (znode.path(), znode.data().map_or(0, <[u8]>::len));
        answer.line(format_args!("only {side:<6} {}: {bytes} bytes of data", path.escape_debug()))?;
        answer.object(&json!({"path": path, "difference": format!("only {side}"), "dataLength": bytes}))
    }
}

fn changes(left: &Znode<'_>, right: &Znode<'_>) -> Vec<(&'static str, String, String)> {
    let (one, other) = (left.stat(), right.stat());
    let hex = |number: i64| format!("0x{number:x}");
    let mut changes = Vec::new();
    let mut compare = |name, one: String, other: String| {
        if one != other {
            changes.push((name, one, other));
        }
    };
    compare("czxid", hex(one.czxid), hex(other.czxid));
    compare("ctime", one.ctime.to_string(), other.ctime.to_string());
    compare("mzxid", hex(one.mzxid), hex(other.mzxid));
    compare("mtime", one.mtime.to_string(), other.mtime.to_string());
    compare("pzxid", hex(one.pzxid), hex(other.pzxid));
    compare("version", one.version.to_string(), other.version.to_string());
    compare("cversion", one.cversion.to_string(), other.cversion.to_string());
    compare("aversion", one.aversion.to_string(), other.aversion.to_string());
    compare("ephemeralOwner", hex(one.ephemeral_owner), hex(other.ephemeral_owner));
    if left.data() != right.data() {
        let length = |znode: &Znode<'_>| znode.data().map_or("null".to_owned(), |data| format!("{} bytes", data.len()));
        changes.push(("data", length(left), length(right)));
    }
    if left.acl() != right.acl() {
        // What stands in them may be secret.
        let entries = |znode: &Znode<'_>| format!("{} entries", paddock_engine::acl::entries(znode.acl()).len());
        changes.push(("acl", entries(left), entries(right)));
    }
    changes
}

/// How many differences there are.
#[derive(Default)]
struct Found {
    only_left: u64,
    only_right: u64,
    changed: u64,
    sessions: u64,
}

impl Found {
    fn note(&mut self, difference: &Difference<'_>) {
        match difference {
            Difference::OnlyLeft(_) => self.only_left += 1,
            Difference::OnlyRight(_) => self.only_right += 1,
            Difference::Changed(..) => self.changed += 1,
        }
    }

    fn is_nothing(&self) -> bool {
        self.only_left + self.only_right + self.changed + self.sessions == 0
    }

    fn tell(&self, answer: &mut Answer) -> io::Result<()> {
        let Found { only_left, only_right, changed, sessions } = self;
        if self.is_nothing() {
            answer.line(format_args!("equal"))?;
        } else {
            answer.line(format_args!(
                "different: {only_left} znodes only left, {only_right} only right, {changed} changed, {sessions} sessions"
            ))?;
        }
        answer.object(&json!({
            "equal": self.is_nothing(),
            "onlyLeft": only_left,
            "onlyRight": only_right,
            "changed": changed,
            "sessions": sessions,
        }))
    }
}

/// Tells how many sessions are not the same on both sides.
fn tell_sessions(left: &BTreeMap<i64, i32>, right: &BTreeMap<i64, i32>, answer: &mut Answer) -> io::Result<u64> {
    let sessions = left.keys().chain(right.keys().filter(|session| !left.contains_key(session)));
    let mut count = 0;
    for session in sessions {
        let (left, right) = (left.get(session), right.get(session));
        if left == right {
            continue;
        }
        count += 1;
        let shown = |timeout: Option<&i32>| timeout.map_or("none".to_owned(), |timeout| format!("{timeout} ms"));
        answer.line(format_args!("session 0x{session:x}: timeout {} -> {}", shown(left), shown(right)))?;
        answer.object(&json!({"session": format!("0x{session:x}"), "timeout": [left, right]}))?;
    }
    Ok(count)
}

fn tell_subtrees(
    lefts: &[Totals<'_>],
    rights: &[Totals<'_>],
    arguments: &CompareArgs,
    answer: &mut Answer,
) -> io::Result<()> {
    answer.line(format_args!("{:>12} {:>16}  subtree", "znodes", "data bytes"))?;
    for (left, right) in merge(lefts, rights, |totals| totals.path) {
        let path = left.or(right).map_or("", |totals| totals.path);
        let numbers = |totals: Option<&Totals<'_>>| totals.map_or((0, 0), |totals| (totals.znodes, totals.bytes));
        let ((znodes, bytes), (other_znodes, other_bytes)) = (numbers(left), numbers(right));
        let (by_znodes, by_bytes) = (znodes.abs_diff(other_znodes), bytes.abs_diff(other_bytes));
        let is_listed = arguments.depth.is_none_or(|depth| level(path) <= depth);
        let is_more = match (arguments.znodes, arguments.bytes) {
            (None, None) => by_znodes + by_bytes > 0,
            (count, least) => {
                count.is_some_and(|count| by_znodes > count) || least.is_some_and(|least| by_bytes > least)
            }
        };
        if !is_listed || !is_more {
            continue;
        }
        let sign = |from: u64, to: u64| format!("{}{}", if to >= from { '+' } else { '-' }, to.abs_diff(from));
        let (more_znodes, more_bytes) = (sign(znodes, other_znodes), sign(bytes, other_bytes));
        answer.line(format_args!("{more_znodes:>12} {more_bytes:>16}  {}", path.escape_debug()))?;
        answer.object(&json!({
            "path": path, "znodes": [znodes, other_znodes], "dataBytes": [bytes, other_bytes]
        }))?;
    }
    Ok(())
}

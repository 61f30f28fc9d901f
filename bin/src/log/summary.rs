//! `paddock log summary`: what a log's transactions do, and where.

use std::collections::BTreeMap;
use std::io;

use clap::Args;
use paddock_consensus::Zxid;
use paddock_engine::acl::AclTable;
use paddock_engine::path::ROOT;
use paddock_engine::txn::Txn;
use serde_json::json;

use super::source::{Part, Source};
use super::{LogCommandError, PathArgs, transaction};
use crate::answer::Answer;
use crate::date::when;

#[derive(Args)]
pub struct SummaryArgs {
    #[command(flatten)]
    pub(super) log: PathArgs,
    /// Levels below the root that are told apart.
    #[arg(long, value_name = "LEVELS", default_value_t = 2)]
    depth: usize,
    /// Only subtrees with so many operations. [default: a hundredth of all]
    #[arg(long, value_name = "OPERATIONS")]
    least: Option<u64>,
}

/// Operations, and bytes of data in them.
#[derive(Default, Clone, Copy)]
struct Written {
    operations: u64,
    bytes: u64,
}

#[derive(Default)]
struct Summary {
    transactions: u64,
    bytes: u64,
    /// Zxid and wall clock, ms.
    first: Option<(Zxid, i64)>,
    last: Option<(Zxid, i64)>,
    /// Operations by their names, those in a multi too.
    kinds: BTreeMap<&'static str, u64>,
    subtrees: BTreeMap<String, Written>,
}

pub fn run(arguments: &SummaryArgs, answer: &mut Answer) -> Result<(), LogCommandError> {
    let source = Source::find(&arguments.log.place, arguments.log.data_dir.as_deref())?;
    let (mut summary, mut acls) = (Summary::default(), AclTable::default());
    let end = source.read(&mut |part| {
        if let Part::Transaction { zxid, bytes } = part {
            summary.note(zxid, bytes, arguments.depth, &mut acls);
        }
    })?;
    let all = summary.subtrees.get(ROOT).map_or(0, |written| written.operations);
    let least = arguments.least.unwrap_or(all / 100);
    summary.subtrees.retain(|_, written| written.operations >= least);
    if answer.is_json() {
        summary.objects(answer)?
    } else {
        summary.lines(answer)?
    }
    end.tell(answer)
}

impl Summary {
    fn note(&mut self, zxid: Zxid, bytes: &[u8], depth: usize, acls: &mut AclTable) {
        self.transactions += 1;
        self.bytes += bytes.len() as u64;
        let Ok(read) = Txn::read(bytes, acls) else {
            *self.kinds.entry("unknown").or_default() += 1;
            return;
        };
        let place = (zxid, read.header.time);
        self.first.get_or_insert(place);
        self.last = Some(place);
        self.note_operation(&read.txn, depth);
    }

    fn note_operation(&mut self, txn: &Txn<'_>, depth: usize) {
        *self.kinds.entry(transaction::name(txn)).or_default() += 1;
        if let Txn::Multi(members) = txn {
            members.iter().for_each(|member| self.note_operation(member, depth));
        }
        let Some((path, bytes)) = transaction::written(txn) else { return };
        for subtree in subtrees(path, depth) {
            let written = match self.subtrees.get_mut(subtree) {
                Some(written) => written,
                None => self.subtrees.entry(subtree.to_owned()).or_default(),
            };
            written.operations += 1;
            written.bytes += bytes as u64;
        }
    }

    fn lines(&self, answer: &mut Answer) -> io::Result<()> {
        answer.line(format_args!("{} transactions, {} bytes", self.transactions, self.bytes))?;
        if let (Some((first, began)), Some((last, ended))) = (self.first, self.last) {
            answer.line(format_args!("from {first} at {} to {last} at {}", when(began), when(ended)))?;
        }
        answer.line(format_args!("{:>12}  operation", "count"))?;
        for (kind, count) in &self.kinds {
            answer.line(format_args!("{count:>12}  {kind}"))?;
        }
        answer.line(format_args!("{:>12} {:>14}  subtree", "operations", "data bytes"))?;
        for (subtree, Written { operations, bytes }) in &self.subtrees {
            answer.line(format_args!("{operations:>12} {bytes:>14}  {subtree}"))?;
        }
        Ok(())
    }

    fn objects(&self, answer: &mut Answer) -> io::Result<()> {
        answer.object(&json!({
            "transactions": self.transactions,
            "bytes": self.bytes,
            "first": self.first.map(|(zxid, _)| zxid.to_string()),
            "last": self.last.map(|(zxid, _)| zxid.to_string()),
            "began": self.first.map(|(_, time)| time),
            "ended": self.last.map(|(_, time)| time),
            "operations": self.kinds,
        }))?;
        for (subtree, Written { operations, bytes }) in &self.subtrees {
            answer.object(&json!({"path": subtree, "operations": operations, "dataBytes": bytes}))?;
        }
        Ok(())
    }
}

/// The subtrees that a path is in, down to a depth, beginning with the root.
fn subtrees(path: &str, depth: usize) -> impl Iterator<Item = &str> {
    let ends = path.bytes().enumerate().skip(1).filter(|(_, byte)| *byte == b'/').map(|(at, _)| at);
    let below = ends.chain([path.len()]).map(|end| &path[..end]).filter(|subtree| *subtree != ROOT);
    [ROOT].into_iter().chain(below.take(depth))
}

#[cfg(test)]
mod tests {
    use super::subtrees;

    #[test]
    fn a_path_is_in_every_subtree_above_it() {
        let of = |path, depth| subtrees(path, depth).collect::<Vec<_>>();
        assert_eq!(of("/a/bc/d", 9), ["/", "/a", "/a/bc", "/a/bc/d"]);
        assert_eq!(of("/a/bc/d", 2), ["/", "/a", "/a/bc"]);
        assert_eq!(of("/a/bc/d", 0), ["/"]);
        assert_eq!(of("/a", 2), ["/", "/a"]);
        assert_eq!(of("/", 2), ["/"]);
    }
}

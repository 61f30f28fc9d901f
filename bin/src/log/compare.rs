//! `paddock log compare`: whether two logs have the same transactions, where both have some.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::PathBuf;

use clap::Args;
use paddock_consensus::Zxid;
use serde_json::json;

use super::LogCommandError;
use super::source::{End, Part, Source};
use crate::answer::Answer;

#[derive(Args)]
pub struct CompareArgs {
    /// A dataLogDir, Paddock's or ZooKeeper's, the directory of one generation in it, or one file of a log.
    #[arg(value_name = "DIR|FILE")]
    left: PathBuf,
    /// Another one.
    #[arg(value_name = "DIR|FILE")]
    right: PathBuf,
    /// The dataDir of the first, if that is another directory.
    #[arg(long, value_name = "DIR")]
    left_data_dir: Option<PathBuf>,
    /// The dataDir of the other.
    #[arg(long, value_name = "DIR")]
    right_data_dir: Option<PathBuf>,
    /// Answer with JSON, one object a line.
    #[arg(long)]
    pub(super) json: bool,
}

/// Hashes of the transactions by their zxids: 24 bytes for each, however long it is.
type Hashes = BTreeMap<i64, u64>;

/// Whether they are equal; where no transaction could be in both, they are not. Either may begin earlier or end later than the other: old files are purged, and servers stop.
pub fn run(arguments: &CompareArgs, answer: &mut Answer) -> Result<bool, LogCommandError> {
    let left = Source::find(&arguments.left, arguments.left_data_dir.as_deref())?;
    let right = Source::find(&arguments.right, arguments.right_data_dir.as_deref())?;
    let secret = RandomState::new();
    let (mut lefts, rights) = (hashes(&left, &secret)?, hashes(&right, &secret)?);
    let mut found = Differences::default();
    for (side, hashes) in [("left", &lefts), ("right", &rights)] {
        tell_range(side, hashes, answer)?;
    }
    let first = lefts.keys().next().max(rights.keys().next()).copied();
    let last = lefts.keys().next_back().min(rights.keys().next_back()).copied();
    let (Some(first), Some(last)) = (first, last.filter(|last| first.is_some_and(|first| first <= *last))) else {
        answer
            .line(format_args!("no transaction is in the range of both, so that nothing says that they are equal"))?;
        answer.object(&json!({"common": 0, "differences": 0}))?;
        return Ok(false);
    };
    for (zxid, hash) in rights.range(first..=last) {
        match lefts.entry(*zxid) {
            Entry::Vacant(_) => found.tell(*zxid, "only right", answer)?,
            Entry::Occupied(entry) => {
                if entry.remove() == *hash {
                    found.common += 1;
                } else {
                    found.tell(*zxid, "different", answer)?;
                }
            }
        }
    }
    for zxid in lefts.range(first..=last).map(|(zxid, _)| *zxid) {
        found.tell(zxid, "only left", answer)?;
    }
    let Differences { common, differences } = found;
    let (first, last) = (Zxid(first), Zxid(last));
    answer.line(format_args!("from {first} to {last}: {common} transactions are equal, {differences} are not"))?;
    answer.object(&json!({"common": common, "differences": differences}))?;
    Ok(differences == 0)
}

#[derive(Default)]
struct Differences {
    common: u64,
    differences: u64,
}

impl Differences {
    fn tell(&mut self, zxid: i64, what: &str, answer: &mut Answer) -> io::Result<()> {
        self.differences += 1;
        let zxid = Zxid(zxid);
        answer.line(format_args!("{zxid} {what}"))?;
        answer.object(&json!({"zxid": zxid.to_string(), "difference": what}))
    }
}

fn tell_range(side: &str, hashes: &Hashes, answer: &mut Answer) -> io::Result<()> {
    let (first, last) =
        (hashes.keys().next().map(|zxid| Zxid(*zxid)), hashes.keys().next_back().map(|zxid| Zxid(*zxid)));
    match first.zip(last) {
        Some((first, last)) => {
            answer.line(format_args!("{side}: {} transactions, from {first} to {last}", hashes.len()))
        }
        None => answer.line(format_args!("{side}: no transaction")),
    }
}

fn hashes(source: &Source, secret: &RandomState) -> Result<Hashes, LogCommandError> {
    let mut hashes = Hashes::new();
    let end = source.read(&mut |part| {
        if let Part::Transaction { zxid, bytes } = part {
            hashes.insert(zxid.0, secret.hash_one(bytes));
        }
    })?;
    match end {
        End::Damaged(damage) => Err(LogCommandError::Damaged(damage)),
        End::Sound { .. } | End::Torn { .. } => Ok(hashes),
    }
}

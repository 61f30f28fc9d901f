//! `paddock log check`.

use std::path::Path;

use clap::Args;
use paddock_consensus::Zxid;
use paddock_engine::io::Files;
use paddock_engine::log::{self, LogError, Place};
use paddock_engine::snapshot;
use serde_json::json;

use super::given::{Directories, is_data_dir};
use super::source::{End, Part, Source, existing};
use super::{LogCommandError, PathArgs};
use crate::answer::Answer;

#[derive(Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub(super) log: PathArgs,
}

/// What was read.
#[derive(Default)]
struct Counts {
    files: u64,
    groups: u64,
    transactions: u64,
}

pub fn run(arguments: &CheckArgs, answer: &mut Answer) -> Result<(), LogCommandError> {
    let data_dir = arguments.log.data_dir.as_deref();
    data_dir.map_or(Ok(()), existing)?;
    let source = Source::find(&arguments.log.place, data_dir)?;
    let mut counts = Counts::default();
    let end = source.read(&mut |part| match part {
        Part::File { .. } => counts.files += 1,
        Part::Group { .. } => counts.groups += 1,
        Part::Transaction { .. } => counts.transactions += 1,
    })?;
    let Counts { files, groups, transactions } = counts;
    match source {
        Source::ZooKeeper(_) => answer.line(format_args!("{files} files, {transactions} transactions"))?,
        _ => answer.line(format_args!("{files} segments, {groups} groups, {transactions} transactions"))?,
    }
    let (last, torn) = match &end {
        End::Sound { last } => (last, None),
        End::Torn { last, torn } => (last, Some(torn)),
        End::Damaged(damage) => {
            answer.object(&json!({
                "verdict": "damaged", "files": files, "transactions": transactions, "damage": damage
            }))?;
            return Err(LogCommandError::Damaged(damage.clone()));
        }
    };
    let missing = missing(&source, *last);
    answer.object(&json!({
        "verdict": if missing.is_err() { "missing" } else if torn.is_some() { "torn" } else { "sound" },
        "files": files,
        "transactions": transactions,
        "last": last.to_string(),
        "torn": torn,
    }))?;
    missing?;
    end.tell(answer)
}

/// Sees that nothing is missing of a log, as far as what is beside it can tell.
fn missing(source: &Source, last: Zxid) -> Result<(), LogCommandError> {
    let Source::Paddock(Directories { dir, data_dir }) = source else { return Ok(()) };
    let place = place(dir, data_dir)?;
    if !is_data_dir(data_dir)? {
        return Err(LogCommandError::NothingTells { directory: data_dir.clone(), last });
    }
    log::missing(place)?.map_or(Ok(()), |missing| Err(LogError::Missing(Box::new(missing)).into()))
}

/// With the newest snapshot that holds.
pub(super) fn place<'a>(dir: &'a Path, data_dir: &'a Path) -> Result<Place<'a>, LogCommandError> {
    let snapshots = snapshot::list(&Files::Real, data_dir)?;
    let newest = snapshots.into_iter().rev().find(|(_, path)| snapshot::check(&Files::Real, path).is_ok());
    Ok(Place { files: &Files::Real, dir, data_dir, snapshot: newest.map_or(Zxid::ZERO, |(zxid, _)| zxid) })
}

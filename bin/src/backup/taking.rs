//! `paddock backup [ZOO.CFG] DIR`.

use std::path::Path;
use std::time::Instant;

use paddock_engine::backup::{BackupDirectory, Source, Taken, take};
use paddock_engine::io::Files;
use serde_json::json;

use super::watch::Watch;
use super::{BackupCommandError, Directories, Wish};
use crate::answer::Answer;
use crate::progress::Progress;

pub fn run(
    directories: &Directories,
    directory: &Path,
    wish: Wish,
    progress: Progress,
    answer: &mut Answer,
) -> Result<(), BackupCommandError> {
    let began = Instant::now();
    let Directories { data_dir, log_dir } = directories;
    let source = Source { files: &Files::Real, data_dir, log_dir };
    // Nothing is made where there is nothing to be copied.
    source.see()?;
    let mut backups = BackupDirectory::open(&Files::Real, directory)?;
    if wish.takes_over {
        backups.take_over();
    }
    let mut watch = Watch::new(progress, "backup");
    let taken = take(&source, &mut backups, wish.keep, &mut watch);
    drop(watch);
    tell(&taken?, directory, began, answer)
}

fn tell(taken: &Taken, directory: &Path, began: Instant, answer: &mut Answer) -> Result<(), BackupCommandError> {
    let Taken { backup, snapshot, log, diverged, in_doubt, removed, remarks } = taken;
    let (number, last) = (backup.number, backup.last);
    remarks.iter().try_for_each(|remark| answer.line(format_args!("{remark}")))?;
    if let Some(why) = diverged {
        answer.line(format_args!(
            "history {} begins: {why}; what lies between it and the history before cannot be restored",
            backup.history
        ))?;
    }
    if let Some(snapshot) = snapshot {
        answer.line(format_args!("copied the snapshot of transaction {} ({} bytes)", snapshot.zxid, snapshot.bytes))?;
    }
    match log {
        Some(log) => answer.line(format_args!(
            "copied {} transactions, from {} to {} ({} bytes)",
            log.records, log.first, log.last, log.bytes
        ))?,
        None => answer.line(format_args!("no transaction is new"))?,
    }
    if let Some(in_doubt) = in_doubt {
        answer.line(format_args!(
            "the transactions after {last} up to {in_doubt} come with the next backup: nothing tells yet that they are durable"
        ))?;
    }
    if !removed.is_empty() {
        let numbers: Vec<String> = removed.iter().map(u64::to_string).collect();
        answer.line(format_args!("removed the backups {}", numbers.join(", ")))?;
    }
    answer.line(format_args!(
        "backup {number} in {} is whole, was read back, and ends with transaction {last}",
        directory.display()
    ))?;
    answer.object(&json!({
        "backup": number,
        "history": backup.history,
        "takenMillis": backup.taken,
        "from": backup.from.to_string(),
        "last": last.to_string(),
        "snapshot": snapshot.map(|snapshot| snapshot.zxid.to_string()),
        "snapshotBytes": snapshot.map(|snapshot| snapshot.bytes),
        "transactions": log.map_or(0, |log| log.records),
        "logBytes": log.map_or(0, |log| log.bytes),
        "diverged": diverged,
        "inDoubt": in_doubt.map(|zxid| zxid.to_string()),
        "removed": removed,
        "remarks": remarks,
        "millis": began.elapsed().as_millis() as u64,
    }))?;
    Ok(())
}

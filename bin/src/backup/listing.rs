//! `paddock backup --list`.

use std::path::Path;

use paddock_consensus::Zxid;
use paddock_engine::backup::{Backup, FoundIndex, History, Index, read_index};
use paddock_engine::io::Files;
use serde_json::json;

use super::BackupCommandError;
use crate::answer::Answer;
use crate::date::when;

pub fn run(directory: &Path, answer: &mut Answer) -> Result<(), BackupCommandError> {
    let FoundIndex { index, remark } = read_index(&Files::Real, directory)?;
    remark.iter().try_for_each(|remark| answer.line(format_args!("{remark}")))?;
    for backup in &index.backups {
        tell_backup(&index, backup, answer)?;
    }
    for history in &index.histories {
        tell_history(history, answer)?;
    }
    if index.backups.is_empty() {
        answer.line(format_args!("there is no backup yet"))?;
    }
    Ok(())
}

fn tell_backup(index: &Index, backup: &Backup, answer: &mut Answer) -> Result<(), BackupCommandError> {
    let Backup { number, history, taken, from, last, epoch } = backup;
    let mut logs = index.history(*history).into_iter().flat_map(|history| &history.logs);
    // Only as long as the log is kept that had the transaction.
    let time = logs.find(|log| log.last == *last).map(|log| log.time);
    let ordered = time.map_or(String::new(), |time| format!(", which was ordered {}", when(time)));
    answer.line(format_args!(
        "backup {number}  taken {}  snapshot of {from}, log up to {last}{ordered}  history {history}",
        when(*taken)
    ))?;
    answer.object(&json!({
        "backup": number,
        "history": history,
        "takenMillis": taken,
        "from": from.to_string(),
        "last": last.to_string(),
        "lastMillis": time,
        "epoch": epoch.0,
    }))?;
    Ok(())
}

fn tell_history(history: &History, answer: &mut Answer) -> Result<(), BackupCommandError> {
    let first = history.bases().next().map_or(Zxid::ZERO, |(zxid, _)| zxid);
    let (number, last, bytes) = (history.number, history.last(), history.bytes());
    let (snapshots, logs) = (history.snapshots.len(), history.logs.len());
    answer.line(format_args!(
        "history {number}: each transaction from {first} to {last} can be restored; {snapshots} snapshots, {logs} parts of the log, \
         {bytes} bytes"
    ))?;
    answer.object(&json!({
        "history": number,
        "first": first.to_string(),
        "last": last.to_string(),
        "snapshots": snapshots,
        "logs": logs,
        "bytes": bytes,
    }))?;
    Ok(())
}

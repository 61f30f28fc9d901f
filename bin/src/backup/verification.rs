//! `paddock backup --verify`.

use std::path::Path;

use paddock_engine::backup::{FoundIndex, Observer, Verified, read_index, verify};
use paddock_engine::io::Files;
use serde_json::json;

use super::BackupCommandError;
use super::watch::Watch;
use crate::answer::Answer;
use crate::progress::Progress;

/// Whether all of it holds.
pub fn run(directory: &Path, progress: Progress, answer: &mut Answer) -> Result<bool, BackupCommandError> {
    let FoundIndex { index, remark } = read_index(&Files::Real, directory)?;
    remark.iter().try_for_each(|remark| answer.line(format_args!("{remark}")))?;
    let mut watch = Watch::new(progress, "reading the backups");
    // Each file is read twice: its bytes, and what they say.
    watch.expect(index.histories.iter().map(|history| 2 * history.bytes()).sum());
    let verified = verify(&Files::Real, directory, &index, &mut |bytes| watch.note(bytes));
    drop(watch);
    let Verified { snapshots, logs, transactions, bytes, damaged } = verified?;
    for (file, what) in &damaged {
        answer.line(format_args!("not sound: {}: {what}", file.display()))?;
        answer.object(&json!({"verdict": "damaged", "file": file.display().to_string(), "damage": what}))?;
    }
    let is_sound = damaged.is_empty() && remark.is_none();
    if is_sound {
        answer.line(format_args!(
            "sound: {} backups; {snapshots} snapshots, {logs} parts of the log with {transactions} transactions, {bytes} bytes",
            index.backups.len()
        ))?;
    }
    answer.object(&json!({
        "verdict": if is_sound { "sound" } else { "damaged" },
        "backups": index.backups.len(),
        "snapshots": snapshots,
        "logs": logs,
        "transactions": transactions,
        "bytes": bytes,
    }))?;
    Ok(is_sound)
}

//! Whether all files of a backup directory are as they were written, and make what the index says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::directory::{history_dir, log_name};
use super::error::BackupError;
use super::index::{Backup, History, Index};
use super::{log_piece, snapshot_piece};
use crate::io::Files;

/// What was looked at.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Verified {
    pub snapshots: u64,
    pub logs: u64,
    pub transactions: u64,
    pub bytes: u64,
    /// What is wrong: the file, and a clause.
    pub damaged: Vec<(PathBuf, String)>,
}

/// Reads all files, and goes on where one is damaged. `note` is told how many bytes were read more; `false` gives up.
///
/// # Errors
/// [`GivenUp`](BackupError::GivenUp).
pub fn verify(
    files: &Files,
    directory: &Path,
    index: &Index,
    note: &mut dyn FnMut(u64) -> bool,
) -> Result<Verified, BackupError> {
    let mut verified = Verified::default();
    for history in &index.histories {
        verified.history(files, &history_dir(directory, history.number), history, note)?;
    }
    let holed = index.histories.iter().filter(|history| has_hole(history)).map(|history| history.number);
    let holed: BTreeSet<u64> = holed.collect();
    for backup in &index.backups {
        if let Some(what) = lack(index, backup, &holed) {
            verified.damaged.push((directory.to_owned(), format!("backup {}: {what}", backup.number)));
        }
    }
    Ok(verified)
}

impl Verified {
    fn history(
        &mut self,
        files: &Files,
        directory: &Path,
        history: &History,
        note: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), BackupError> {
        for piece in &history.snapshots {
            let path = snapshot_piece::path(directory, piece.zxid);
            let result = snapshot_piece::verify(files, &path, piece, note);
            self.snapshots += 1;
            self.bytes += piece.bytes;
            self.take_in(path, result)?;
        }
        for piece in &history.logs {
            let path = directory.join(log_name(piece.first));
            let result = log_piece::verify(files, &path, piece, note);
            self.logs += 1;
            self.transactions += piece.records;
            self.bytes += piece.bytes;
            self.take_in(path, result)?;
        }
        Ok(())
    }

    fn take_in(&mut self, path: PathBuf, result: Result<(), BackupError>) -> Result<(), BackupError> {
        match result {
            Ok(()) => {}
            Err(BackupError::GivenUp) => return Err(BackupError::GivenUp),
            Err(BackupError::Damaged { file, what }) => self.damaged.push((file, what)),
            Err(error) => self.damaged.push((path, error.to_string())),
        }
        Ok(())
    }
}

/// Whether a part of the log does not go on where the one before ends.
fn has_hole(history: &History) -> bool {
    history.logs.windows(2).any(|pair| pair[0].last != pair[1].after)
}

/// What a backup lacks of what it should have, where these histories have a hole.
fn lack(index: &Index, backup: &Backup, holed: &BTreeSet<u64>) -> Option<String> {
    let Some(history) = index.history(backup.history) else { return Some("its history is not there".to_owned()) };
    let is_base = history.bases().any(|(zxid, _)| zxid == backup.from);
    if !is_base {
        return Some(format!("nothing leads to {}, with which it begins", backup.from));
    }
    if holed.contains(&history.number) {
        return Some("transactions are missing between the parts of its log".to_owned());
    }
    (history.last() < backup.last).then(|| format!("it ends with {}, and not with {}", history.last(), backup.last))
}

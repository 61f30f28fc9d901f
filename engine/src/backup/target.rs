//! Which transaction is meant, after which a state is to be restored.

use std::path::{Path, PathBuf};

use paddock_consensus::{Epoch, Zxid};

use super::directory::{history_dir, log_name};
use super::error::BackupError;
use super::index::{Backup, History, Index, SnapshotPiece};
use super::log_piece;
use crate::io::Files;
use crate::txn::Txn;

/// How far is to be restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// All that there is.
    Newest,
    /// Up to the last transaction that is not after this one.
    Zxid(Zxid),
    /// Up to the last transaction before the first one that was ordered later than this, ms of the wall clock.
    Time(i64),
}

/// A transaction of a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The history, and where its files are.
    pub history: History,
    pub(super) directory: PathBuf,
    pub zxid: Zxid,
    /// When the newest backup of the history was begun, ms of the wall clock: what was ordered later need not be in any of it.
    pub taken: Option<i64>,
    /// The newest epoch that any server knew of of which there is a backup.
    pub epoch: Epoch,
}

/// Of so many of the newest histories it is told how far they go.
const TOLD: usize = 10;

/// Finds it in the newest history that reaches it.
///
/// # Errors
/// [`NotReached`](BackupError::NotReached), and of the files that have to be read for a time.
pub fn find(files: &Files, directory: &Path, index: &Index, to: To) -> Result<Target, BackupError> {
    for history in index.histories.iter().rev() {
        let inside = history_dir(directory, history.number);
        let zxid = match to {
            To::Newest => Some(history.last()),
            To::Zxid(zxid) => at_zxid(files, &inside, history, zxid)?,
            To::Time(time) => at_time(files, &inside, history, time)?.filter(|zxid| index.was_at(history, *zxid, time)),
        };
        let is_reached = |zxid: &Zxid| history.bases().any(|(base, _)| base <= *zxid);
        if let Some(zxid) = zxid.filter(is_reached) {
            let taken = index.backups_of(history.number).map(|backup| backup.taken).max();
            return Ok(Target { history: history.clone(), directory: inside, zxid, taken, epoch: index.epoch() });
        }
    }
    let asked = match to {
        To::Newest => "any transaction".to_owned(),
        To::Zxid(zxid) => format!("transaction {zxid}"),
        To::Time(time) => format!("the time {time}, ms after 1970 (`paddock backup --list` has the times)"),
    };
    Err(BackupError::NotReached { directory: directory.to_owned(), asked, there: ranges(index) })
}

/// The last transaction that is not after `zxid`: between two epochs there are zxids that nothing has.
fn at_zxid(files: &Files, directory: &Path, history: &History, zxid: Zxid) -> Result<Option<Zxid>, BackupError> {
    let first = history.bases().next().map(|(base, _)| base);
    if zxid > history.last() || first.is_none_or(|first| zxid < first) {
        return Ok(None);
    }
    let Some(piece) = history.logs.iter().find(|piece| piece.after < zxid && zxid <= piece.last) else {
        // What the history begins with.
        return Ok(history.bases().any(|(base, _)| base == zxid).then_some(zxid));
    };
    if zxid == piece.last {
        return Ok(Some(zxid));
    }
    let mut last = piece.after;
    log_piece::read(files, &directory.join(log_name(piece.first)), &mut |next, _| {
        let is_meant = next <= zxid;
        if is_meant {
            last = next;
        }
        is_meant
    })?;
    Ok(Some(last))
}

/// The last transaction before the first one that is later.
fn at_time(files: &Files, directory: &Path, history: &History, time: i64) -> Result<Option<Zxid>, BackupError> {
    let (mut last, mut is_later) = (None, false);
    for piece in &history.logs {
        if piece.latest <= time {
            last = Some(piece.last);
            continue;
        }
        log_piece::read(files, &directory.join(log_name(piece.first)), &mut |zxid, txn| {
            is_later = Txn::time_of(txn).is_some_and(|ordered| ordered > time);
            if !is_later {
                last = Some(zxid);
            }
            !is_later
        })?;
        if is_later {
            break;
        }
    }
    if last.is_some() {
        return Ok(last);
    }
    // What came before the log is in a snapshot, which was taken no earlier than that.
    let begin = history.logs.first().map_or(history.newest_snapshot(), |log| log.after);
    let is_earlier = |(zxid, snapshot): (Zxid, Option<&SnapshotPiece>)| {
        zxid == begin && snapshot.is_none_or(|snapshot| snapshot.taken <= time)
    };
    Ok(history.bases().any(is_earlier).then_some(begin))
}

impl Index {
    /// Those of a history.
    fn backups_of(&self, number: u64) -> impl Iterator<Item = &Backup> {
        self.backups.iter().filter(move |backup| backup.history == number)
    }

    /// Whether a state of a history is older than a time. A server that lost its data has none either, and did not have that state
    /// when it had them: that there is no transaction yet is known of the first history, and from a backup that says so.
    fn was_at(&self, history: &History, zxid: Zxid, time: i64) -> bool {
        let was_empty = |backup: &Backup| backup.last == Zxid::ZERO && backup.taken <= time;
        zxid > Zxid::ZERO || history.number == 1 || self.backups_of(history.number).any(was_empty)
    }
}

/// What there is, as a clause: of the newest histories.
fn ranges(index: &Index) -> String {
    let range = |history: &History| {
        let first = history.bases().next().map_or(Zxid::ZERO, |(zxid, _)| zxid);
        format!("from {first} to {}", history.last())
    };
    let older = index.histories.len().saturating_sub(TOLD);
    let ranges: Vec<String> = index.histories[older..].iter().map(range).collect();
    let ranges = ranges.join(", and ");
    match (ranges.is_empty(), older) {
        (true, _) => "there is none yet".to_owned(),
        (false, 0) => format!("they go {ranges}"),
        (false, _) => format!("the newest ones go {ranges} (`paddock backup --list` has all)"),
    }
}

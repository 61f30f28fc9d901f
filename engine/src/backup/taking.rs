//! A backup, as a whole: what the newest history lacks is copied, or another one is begun; then the index names it.
//!
//! | step, each durable before the next | a crash behind it leaves |
//! |---|---|
//! | 1. the directory has an index, at first of nothing | the backups that there were |
//! | 2. the log, and then a snapshot, are copied into the directory of a history, read back, and have their names | the same, and files that the next backup removes |
//! | 3. the index is replaced by one that names them, and no more the backups that are not kept | the backup; the copy of the index may be that before |
//! | 4. the copy of the index is replaced | the backup |
//! | 5. the files go that the index names no more | the same |

use std::path::Path;
use std::time::UNIX_EPOCH;

use paddock_consensus::Zxid;

use super::directory::BackupDirectory;
use super::error::{BackupError, Failure};
use super::index::{Backup, History, LogPiece, SnapshotPiece};
use super::log_copy::{Behind, Copied, LogCopy};
use super::log_piece::PieceWriter;
use super::observer::Observer;
use super::owner::Owner;
use super::retention::Keep;
use super::server::owner_of;
use super::snapshot_piece::{self, OpenedSnapshot};
use super::source::{Found, Source};
use crate::log::{Damage, LogError};
use crate::snapshot::SnapshotError;

/// So often a backup is begun, where the server's files change meanwhile.
const ATTEMPTS: u32 = 5;

/// A backup that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    pub backup: Backup,
    /// What was copied for it.
    pub snapshot: Option<SnapshotPiece>,
    pub log: Option<LogPiece>,
    /// Why it begins another history, though there was one: one cannot come from the one to the other by the log.
    pub diverged: Option<String>,
    /// The last transaction that the log has and that nothing vouches for yet, so that it was left out.
    pub in_doubt: Option<Zxid>,
    /// The numbers of the backups that went.
    pub removed: Vec<u64>,
    /// What else is to be known, a sentence each.
    pub remarks: Vec<String>,
}

/// Takes a backup, and then removes those that are not to be kept.
///
/// # Errors
/// All but [`NotReached`](BackupError::NotReached), [`NotEmpty`](BackupError::NotEmpty) and
/// [`ReadBack`](BackupError::ReadBack). The backups that there were are as they were.
pub fn take(
    source: &Source<'_>,
    directory: &mut BackupDirectory,
    keep: Keep,
    observer: &mut dyn Observer,
) -> Result<Taken, BackupError> {
    let mut remarks = Vec::from_iter(directory.take_remark());
    source.see()?;
    let server = owner_of(source.files, source.data_dir)?;
    directory.refuse_unless_of(server)?;
    let mut suspected = None;
    for attempt in 1.. {
        let taken = Attempt { source, directory: &mut *directory, server, keep, remarks: Vec::new() }.run(observer);
        match taken {
            Ok(mut taken) => {
                if let Err(error) = directory.remove_leftovers() {
                    taken.remarks.push(format!("what is not kept any more is still there: {error}"));
                }
                remarks.append(&mut taken.remarks);
                return Ok(Taken { remarks, ..taken });
            }
            Err(failure) => {
                // It failed for another reason than what this could say.
                let removed = directory.remove_leftovers();
                match doubted(failure, &mut suspected) {
                    Failure::Changed(_) if attempt < ATTEMPTS => removed?,
                    Failure::Changed(what) => return Err(BackupError::Restless { times: ATTEMPTS, what }),
                    Failure::Backup(error) => return Err(error),
                }
            }
        }
    }
    unreachable!("the last attempt has an outcome")
}

/// A log that is cut while it is read lacks what was durable a moment before, as a damaged one does: only what is found damaged
/// twice, at the same place, is.
fn doubted(failure: Failure, suspected: &mut Option<Damage>) -> Failure {
    match failure {
        Failure::Backup(BackupError::Log(LogError::Damaged(damage))) if suspected.as_ref() != Some(&*damage) => {
            let what = damage.to_string();
            *suspected = Some(*damage);
            Failure::Changed(what)
        }
        failure => failure,
    }
}

fn now_ms(directory: &BackupDirectory) -> i64 {
    let since = directory.files().now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// One attempt: with what there is at its beginning.
struct Attempt<'a> {
    source: &'a Source<'a>,
    directory: &'a mut BackupDirectory,
    server: Owner,
    keep: Keep,
    remarks: Vec<String>,
}

/// A history with what was copied for it, none of which counts yet.
struct Grown {
    history: History,
    snapshot: Option<SnapshotPiece>,
    log: Option<LogPiece>,
    in_doubt: Option<Zxid>,
}

impl Attempt<'_> {
    fn run(mut self, observer: &mut dyn Observer) -> Result<Taken, Failure> {
        let begun = now_ms(self.directory);
        let found = self.source.find()?;
        let (grown, diverged) = match self.directory.index().histories.last().cloned() {
            None => (self.begin(&found, observer)?, None),
            Some(newest) => match self.go_on(&found, newest, observer)? {
                Ok(grown) => (grown, None),
                Err(why) => (self.begin(&found, observer)?, Some(why)),
            },
        };
        if !self.source.still_has(&found)? {
            return Err(Failure::Changed("another history took the place of the server's".to_owned()));
        }
        Ok(self.count(begun, grown, diverged)?)
    }

    /// Has what was copied count, as a backup of the moment in which it was begun, ms: of what was ordered while it was copied
    /// nothing tells whether it is in it.
    fn count(self, begun: i64, grown: Grown, diverged: Option<String>) -> Result<Taken, BackupError> {
        let Attempt { source, directory, server, keep, remarks } = self;
        let Grown { history, snapshot, log, in_doubt } = grown;
        let mut index = directory.index().clone();
        let last = history.last();
        let backup = Backup {
            number: index.next_backup(),
            history: history.number,
            taken: begun,
            from: history.newest_snapshot(),
            last,
            epoch: source.epoch().max(last.epoch()),
        };
        index.server = Some(server);
        index.backups.push(backup);
        match index.histories.iter_mut().find(|known| known.number == history.number) {
            Some(known) => *known = history,
            None => index.histories.push(history),
        }
        let before: Vec<u64> = index.backups.iter().map(|backup| backup.number).collect();
        let index = keep.apply(index, backup.taken);
        let stays = |number: &u64| index.backups.binary_search_by_key(number, |backup| backup.number).is_ok();
        let removed = before.into_iter().filter(|number| !stays(number)).collect();
        directory.replace_index(index)?;
        Ok(Taken { backup, snapshot, log, diverged, in_doubt, removed, remarks })
    }

    /// Goes on with a history. `Ok(Err(_))` says why the server's is another one.
    fn go_on(
        &mut self,
        found: &Found,
        mut history: History,
        observer: &mut dyn Observer,
    ) -> Result<Result<Grown, String>, Failure> {
        let path = self.directory.make_history(history.number)?;
        let end = match self.end_of(found, &history, observer)? {
            Ok(end) => end,
            Err(why) => return Ok(Err(why)),
        };
        let behind = Behind::History(history.last(), end);
        let mut writer = PieceWriter::new(self.directory.files(), &path, history.last());
        let copied = LogCopy { files: self.source.files, found, behind }.run(&mut writer, observer)?;
        let in_doubt = match copied {
            Copied::Diverged(why) => return Ok(Err(why)),
            Copied::Whole { in_doubt } => in_doubt,
        };
        let log = writer.finish(observer)?;
        history.logs.extend(log);
        let newer = history.newest_snapshot();
        let is_newer = |zxid: Zxid| zxid > newer && zxid <= history.last();
        let snapshot = match found.snapshots.iter().rev().find(|(zxid, _)| is_newer(*zxid)) {
            Some((zxid, from)) => {
                let opened = OpenedSnapshot::open(self.source.files, from, *zxid)?;
                let copied = opened.copy(self.directory.files(), &path, observer)?;
                copied.map_err(|error| self.remark(from.display().to_string(), &error)).ok()
            }
            None => None,
        };
        history.snapshots.extend(snapshot);
        Ok(Ok(Grown { history, snapshot, log, in_doubt }))
    }

    /// By what a history is known that goes on: the CRC32C of its last transaction, where it has a log. `Ok(Ok(None))`: it has none
    /// yet, and the server comes from the same state. `Ok(Err(_))` says why that is another one, or may be.
    fn end_of(
        &self,
        found: &Found,
        history: &History,
        observer: &mut dyn Observer,
    ) -> Result<Result<Option<u32>, String>, BackupError> {
        let last = history.last();
        if let Some(log) = history.logs.last().filter(|log| log.last == last) {
            return Ok(Ok(Some(log.end)));
        }
        // Without that it is the state of a fresh server.
        let Some(piece) = history.snapshots.last() else { return Ok(Ok(None)) };
        let is_same = match found.snapshots.iter().find(|(zxid, _)| *zxid == last) {
            Some((_, file)) => snapshot_piece::is_same(self.source.files, file, piece, observer)?,
            None => false,
        };
        let why = || format!("the server does not have the snapshot of transaction {last} any more");
        Ok(if is_same { Ok(None) } else { Err(why()) })
    }

    /// Begins a history: with the newest snapshot that holds, or with the first transaction.
    fn begin(&mut self, found: &Found, observer: &mut dyn Observer) -> Result<Grown, Failure> {
        let number = self.directory.index().next_history();
        let path = self.directory.make_history(number)?;
        let mut newest = None;
        for (zxid, from) in found.snapshots.iter().rev() {
            // The log comes first, since the server may purge it while a large snapshot is copied; that stays whole once it is open.
            let opened = OpenedSnapshot::open(self.source.files, from, *zxid)?;
            let (log, in_doubt) = self.copy_log(found, *zxid, &path, observer)?;
            match opened.copy(self.directory.files(), &path, observer)? {
                Ok(piece) => {
                    let history = History { number, snapshots: vec![piece], logs: log.into_iter().collect() };
                    return Ok(Grown { history, snapshot: Some(piece), log, in_doubt });
                }
                Err(error) => {
                    newest.get_or_insert_with(|| format!("{}: {error}", from.display()));
                    self.remark(from.display().to_string(), &error);
                }
            }
        }
        if let Some(newest) = newest {
            return Err(BackupError::NoSnapshotHolds { directory: found.data.clone(), newest }.into());
        }
        let (log, in_doubt) = self.copy_log(found, Zxid::ZERO, &path, observer)?;
        let history = History { number, snapshots: Vec::new(), logs: log.into_iter().collect() };
        Ok(Grown { history, snapshot: None, log, in_doubt })
    }

    /// Copies the log behind the snapshot with which a history begins. The second one is where it ends in doubt.
    fn copy_log(
        &self,
        found: &Found,
        from: Zxid,
        path: &Path,
        observer: &mut dyn Observer,
    ) -> Result<(Option<LogPiece>, Option<Zxid>), Failure> {
        let mut writer = PieceWriter::new(self.directory.files(), path, from);
        let behind = Behind::Snapshot(from);
        match (LogCopy { files: self.source.files, found, behind }).run(&mut writer, observer)? {
            Copied::Whole { in_doubt } => Ok((writer.finish(observer)?, in_doubt)),
            Copied::Diverged(why) => unreachable!("a history that is begun has no end yet: {why}"),
        }
    }

    fn remark(&mut self, file: String, error: &SnapshotError) {
        self.remarks.push(format!("the snapshot {file} was not copied: {error}"));
    }
}

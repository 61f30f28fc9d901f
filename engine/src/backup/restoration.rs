//! From a backup to the state after one of its transactions, and to directories with which a server starts.
//!
//! What is built has one snapshot, of exactly that transaction, and a milestone of a log that begins after it and has no segment
//! yet: what a conversion leaves, too. So nothing has to be cut, and the log's identity is another one than that of the server's
//! which the backup is of.
//!
//! | step, each durable before the next | a start behind a crash there |
//! |---|---|
//! | 1. the directories are made, and locked until the end | finds nothing; that of a member has no `myid` and is refused, here and up to the last step |
//! | 2. of a member, the epochs say what was promised | does not vote: there was something |
//! | 3. the milestone says that there was the transaction | is refused, or does not vote: the transaction is missing |
//! | 4. the snapshot has its name, and is read back | finds the state |
//! | 5. of a member, `myid` | finds the state |
//!
//! **A member's epochs.** The next leader begins an epoch above all that a quorum has accepted. What comes after the transaction
//! is given up, and its zxids must not be given again to others: clients, and servers that were left out, may have them. The backups
//! know of epochs up to the newest one of them, and not of those that were begun later. So `acceptedEpoch` is some thousand above
//! that, and `currentEpoch` that of the transaction.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use paddock_consensus::{Epoch, Zxid};

use super::directory::{LOCK, LOST_AND_FOUND, log_name};
use super::error::BackupError;
use super::index::LogPiece;
use super::observer::Observer;
use super::target::Target;
use super::{log_piece, snapshot_piece};
use crate::database::{Database, Rules};
use crate::epoch_files::EpochFiles;
use crate::io::{DataDir, Files};
use crate::log::begin_after;
use crate::snapshot::{self, snapshot_dir, write_state};
use crate::tree::{ExtendedTypes, HashSeed};
use crate::txn::Txn;

/// Epochs that may have been begun since the newest backup. It takes an election to begin one. A server that has none yet believes
/// one that is a million above its own, so that many restorations may follow each other.
pub(super) const EPOCHS_SINCE: i32 = 4096;

/// How a state is built.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of a tree that begins with no snapshot.
    pub seed: HashSeed,
    pub rules: Rules,
}

/// A state that was built.
pub struct Restored {
    pub database: Database,
    pub seed: HashSeed,
    /// The snapshot that it was begun with, 0 for the state of a fresh server, and how many transactions came after that.
    pub from: Zxid,
    pub replayed: u64,
    /// When the last transaction was ordered, ms of the wall clock; `None` if a snapshot has it.
    pub time: Option<i64>,
    /// When the snapshot was taken that it was begun with.
    pub snapshot_taken: Option<i64>,
    /// The newest epoch that the backups know of.
    pub epoch: Epoch,
    /// What else is to be known, a sentence each.
    pub remarks: Vec<String>,
}

/// Where a state is placed.
#[derive(Clone, Copy, Debug)]
pub struct Placement<'a> {
    pub data_dir: &'a Path,
    /// The `dataLogDir`, which may be the same.
    pub log_dir: &'a Path,
    /// The number in `myid`, of a member of an ensemble.
    pub member: Option<u64>,
}

/// Builds the state after a transaction, and holds it against the digest that each transaction on the way was written with.
///
/// # Errors
/// [`Damaged`](BackupError::Damaged), [`Io`](BackupError::Io), [`GivenUp`](BackupError::GivenUp).
pub fn build(
    files: &Files,
    target: &Target,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Restored, BackupError> {
    let mut restored = begin(files, target, settings)?;
    let needed = |piece: &&LogPiece| piece.last > restored.from && piece.after < target.zxid;
    let pieces: Vec<LogPiece> = target.history.logs.iter().filter(needed).copied().collect();
    observer.expect(pieces.iter().map(|piece| piece.bytes).sum());
    for piece in &pieces {
        restored.replay(files, target, piece)?;
        if !observer.note(piece.bytes) {
            return Err(BackupError::GivenUp);
        }
    }
    let last = restored.database.last_zxid();
    if last != target.zxid {
        let what = format!("its log leads to transaction {last}, and not to {}", target.zxid);
        return Err(BackupError::Damaged { file: target.directory.clone(), what });
    }
    Ok(restored)
}

/// With the newest of the states before the target that can be read.
fn begin(files: &Files, target: &Target, settings: &Settings) -> Result<Restored, BackupError> {
    let (mut remarks, mut failed) = (Vec::new(), None);
    for (zxid, snapshot) in target.history.bases().rev().filter(|(zxid, _)| *zxid <= target.zxid) {
        let begun = match snapshot {
            None => Ok((Database::new(settings.seed, settings.rules.clone()), settings.seed)),
            Some(_) => load(files, &target.directory, zxid, &settings.rules),
        };
        match begun {
            Ok((database, seed)) => {
                let snapshot_taken = snapshot.map(|snapshot| snapshot.taken);
                let (replayed, time, epoch) = (0, None, target.epoch);
                return Ok(Restored { database, seed, from: zxid, replayed, time, snapshot_taken, epoch, remarks });
            }
            Err(error) => {
                remarks.push(format!("{error}; it was not used"));
                failed.get_or_insert(error);
            }
        }
    }
    let none = || BackupError::Damaged {
        file: target.directory.clone(),
        what: format!("nothing in it leads to transaction {}", target.zxid),
    };
    Err(failed.unwrap_or_else(none))
}

fn load(files: &Files, directory: &Path, zxid: Zxid, rules: &Rules) -> Result<(Database, HashSeed), BackupError> {
    let path = snapshot_piece::path(directory, zxid);
    let loaded = snapshot::load_named(files, &path, zxid, rules.extended_types);
    let loaded = loaded.map_err(|error| snapshot_piece::unread(&path, error))?;
    let seed = loaded.seed;
    Ok((loaded.into_database(rules.clone()), seed))
}

impl Restored {
    /// The epoch that a member promises: the next leader begins one above it, so that no zxid is given again of what is given up.
    pub fn accepted(&self) -> Epoch {
        let Epoch(known) = self.epoch.max(self.database.last_zxid().epoch());
        // Near the last one of all there is no room.
        Epoch(if known < i32::MAX / 2 { known + EPOCHS_SINCE } else { known })
    }

    /// Applies what a piece of the log has up to the target.
    fn replay(&mut self, files: &Files, target: &Target, piece: &LogPiece) -> Result<(), BackupError> {
        let path = target.directory.join(log_name(piece.first));
        let have = self.database.last_zxid();
        if piece.after > have {
            let what = format!("it goes on after {}, and what is before it ends with {have}", piece.after);
            return Err(BackupError::Damaged { file: path, what });
        }
        let (mut rejected, mut last) = (None, piece.after);
        log_piece::read(files, &path, &mut |zxid, txn| {
            last = zxid;
            if zxid <= self.database.last_zxid() {
                return true;
            }
            if zxid > target.zxid {
                return false;
            }
            match self.database.replay(zxid, txn) {
                Ok(()) => {
                    self.replayed += 1;
                    self.time = Txn::time_of(txn);
                }
                Err(error) => rejected = Some(format!("transaction {zxid} cannot be replayed: {error}")),
            }
            rejected.is_none()
        })?;
        // Of an epoch that was left for the next one nobody else would miss the end.
        if rejected.is_none() && last < piece.last.min(target.zxid) {
            rejected = Some(format!("it ends with transaction {last}, and had {} as its last", piece.last));
        }
        rejected.map_or(Ok(()), |what| Err(BackupError::Damaged { file: path, what }))
    }

    /// Where the state is placed, with the bytes of the snapshot. It is read back; the state in memory goes before that.
    fn write(self, files: &Files, placement: &Placement<'_>, rules: &Rules) -> Result<Placed, BackupError> {
        let Restored { mut database, seed, .. } = self;
        let Placement { data_dir, .. } = *placement;
        let zxid = database.last_zxid();
        let sessions: Vec<(i64, i32)> = database.sessions().collect();
        let inside = snapshot_dir(data_dir);
        let failed = |source| BackupError::Io { action: "write a snapshot to", path: inside.clone(), source };
        let written = write_state(files, data_dir, &mut database, &seed).map_err(failed)?;
        let bytes = written.bytes;
        let file = written.publish().map_err(failed)?;
        let placed =
            Placed { file, bytes, zxid, znodes: database.tree().len(), digest: database.tree().digest(), sessions };
        drop(database);
        placed.read_back(files, rules.extended_types)?;
        Ok(placed)
    }
}

/// What a server starts with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The snapshot, and its bytes.
    pub file: PathBuf,
    pub bytes: u64,
    pub zxid: Zxid,
    pub znodes: usize,
    pub digest: u64,
    /// With their timeouts, ms.
    pub sessions: Vec<(i64, i32)>,
}

impl Placed {
    fn read_back(&self, files: &Files, extended_types: ExtendedTypes) -> Result<(), BackupError> {
        let differs = |what: String| BackupError::ReadBack { file: self.file.clone(), what };
        let loaded = snapshot::load_named(files, &self.file, self.zxid, extended_types);
        let loaded = loaded.map_err(|error| differs(error.to_string()))?;
        let (znodes, digest) = (loaded.tree.len(), loaded.tree.digest());
        if (znodes, digest) != (self.znodes, self.digest) {
            return Err(differs(format!("it has {znodes} znodes with the digest {digest:x}")));
        }
        if !loaded.sessions.iter().map(|(id, timeout)| (*id, *timeout)).eq(self.sessions.iter().copied()) {
            return Err(differs(format!("it has {} sessions", loaded.sessions.len())));
        }
        Ok(())
    }
}

/// Places a state in directories that are empty or not there, so that a server starts with it.
///
/// # Errors
/// [`NotEmpty`](BackupError::NotEmpty), [`Directory`](BackupError::Directory) where another process uses it,
/// [`ReadBack`](BackupError::ReadBack), and of the files.
pub fn place(
    files: &Files,
    restored: Restored,
    placement: &Placement<'_>,
    rules: &Rules,
) -> Result<Placed, BackupError> {
    let Placement { data_dir, log_dir, member } = *placement;
    // The same is in it as in a backup.
    let files = &files.private();
    for directory in [data_dir, log_dir] {
        refuse_unless_empty(files, directory)?;
    }
    // A server that is started meanwhile would begin anew there.
    let lock = |directory| DataDir::open(files, directory, true).map_err(BackupError::Directory);
    let _data_dir = lock(data_dir)?;
    refuse_unless_empty(files, data_dir)?;
    let _log_dir = (!files.is_same_directory(data_dir, log_dir)).then(|| lock(log_dir)).transpose()?;
    let inside = snapshot_dir(data_dir);
    for directory in [&*inside, log_dir] {
        files.create_dir(directory).map_err(BackupError::io("create the directory", directory))?;
    }
    let zxid = restored.database.last_zxid();
    if member.is_some() {
        let mut epochs = EpochFiles::read(files, data_dir).map_err(BackupError::Epochs)?;
        epochs.write_accepted(restored.accepted()).map_err(BackupError::Epochs)?;
        epochs.write_current(zxid.epoch()).map_err(BackupError::Epochs)?;
    }
    begin_after(files, data_dir, log_dir, zxid)?;
    let placed = restored.write(files, placement, rules)?;
    if let Some(id) = member {
        let myid = data_dir.join("myid");
        files.write_atomically(&myid, format!("{id}\n").as_bytes()).map_err(BackupError::io("write", &myid))?;
    }
    Ok(placed)
}

/// Refuses a directory in which something is, but for a lock, and what a file system of its own has at its root.
pub fn refuse_unless_empty(files: &Files, directory: &Path) -> Result<(), BackupError> {
    match files.list(directory) {
        Ok(names) if names.iter().all(|name| name == LOST_AND_FOUND || name == LOCK) => Ok(()),
        Ok(_) => Err(BackupError::NotEmpty { directory: directory.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(BackupError::io("list the directory", directory)(error)),
    }
}

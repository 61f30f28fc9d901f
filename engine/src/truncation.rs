//! The end of a history that a leader never had (TRUNC) is cut off, and the state before it is had again from the disk.
//!
//! Each step is durable before the next:
//!
//! | step | a crash behind it leaves |
//! |---|---|
//! | 0. there is room for what a cut writes | everything |
//! | 1. no snapshot holds what is to go, and the log has the transaction with which it is to end | everything |
//! | 2. what is under way is waited for, and the log is cut ([`Log::cut_after`]) | at least what was to stay, and no hole: the leader says it again |
//! | 3. where the state had more, it is built anew, from the newest snapshot that holds and the log ([`Rebuild`]) | the same |
//!
//! What cannot be cut is left as it is, and the server is to come back as one without a history.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;
use paddock_consensus::input::Unsettled;
use paddock_consensus::mutants::mutant;

use crate::database::{Database, Rules};
use crate::io::{Access, Files, advice, is_shortage};
use crate::log::{Chunk, Log, LogError, LogRange, Reader};
use crate::replay::ReplayError;
use crate::snapshot::{self, snapshot_dir};
use crate::tree::HashSeed;

/// Records that are read from the log at a time, bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// The name of the file by which it is seen whether there is room. One that a crash leaves goes with the generation.
const ROOM: &str = "log.room";
/// The milestone is written beside the former one, and names take some space, bytes.
const ROOM_BYTES: u64 = 64 << 10;

/// Why a history could not be cut, or its state not be built. Only where the log itself fails is that its end.
#[derive(Debug)]
pub enum TruncationError {
    /// There is no room to cut: nothing was changed, and it can be tried again.
    NoRoom {
        directory: PathBuf,
        source: io::Error,
    },
    /// The directory with the snapshots cannot be looked into.
    Snapshots {
        directory: PathBuf,
        source: io::Error,
    },
    Log(LogError),
    Transaction {
        zxid: Zxid,
        error: ReplayError,
    },
    /// No snapshot holds from which the log goes on to its end.
    NoSnapshotHolds {
        directory: PathBuf,
    },
}

impl fmt::Display for TruncationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TruncationError::NoRoom { directory, source } => {
                write!(f, "cannot write to {}: {source}; {}", directory.display(), advice(source))
            }
            TruncationError::Snapshots { directory, source } => {
                write!(f, "cannot look into {}: {source}; {}", directory.display(), advice(source))
            }
            TruncationError::Log(error) => error.fmt(f),
            TruncationError::Transaction { zxid, error } => {
                write!(f, "transaction {zxid} of the log cannot be applied again: {error}")
            }
            TruncationError::NoSnapshotHolds { directory } => {
                write!(f, "no snapshot in {} can be read, from which the log would go on", directory.display())
            }
        }
    }
}

impl std::error::Error for TruncationError {}

impl From<LogError> for TruncationError {
    fn from(error: LogError) -> Self {
        TruncationError::Log(error)
    }
}

/// Has the history of a `dataDir` end with the transaction `zxid`, durably. `data_dir` is that of the present generation, and no
/// snapshot is being taken.
///
/// # Errors
/// `Ok(Err(_))`: the history cannot end there, and nothing was changed. Nor was it by [`NoRoom`](TruncationError::NoRoom).
/// [`Log`](TruncationError::Log): what [`Log::cut_after`] has
/// beside, which says whether the log can go on.
pub fn truncate(
    files: &Files,
    data_dir: &Path,
    log: &mut Log,
    zxid: Zxid,
) -> Result<Result<(), Unsettled>, TruncationError> {
    if snapshots(files, data_dir)?.last().is_some_and(|(newest, _)| *newest > zxid) && !mutant!(11) {
        return Ok(Err(Unsettled::SnapshotAbove));
    }
    // Once it is begun a cut cannot stand still.
    let (directory, bytes) = log.needs_to_go_on();
    for (directory, bytes) in [(&*snapshot_dir(data_dir), ROOM_BYTES), (directory, bytes + ROOM_BYTES)] {
        see_room(files, directory, bytes)?;
    }
    match log.cut_after(zxid) {
        Ok(()) => {}
        Err(LogError::NotInLog { .. }) => return Ok(Err(Unsettled::NotThere)),
        Err(error) => return Err(error.into()),
    }
    assert_eq!(log.range().last, zxid, "a log that was cut ends where it was cut");
    Ok(Ok(()))
}

/// Sees whether so many bytes can be written to a directory, by writing them: nothing else knows of quotas and of what a file
/// system keeps for itself.
fn see_room(files: &Files, directory: &Path, bytes: u64) -> Result<(), TruncationError> {
    let path = directory.join(ROOM);
    let write = || {
        let file = files.open(&path, Access::Replace)?;
        let piece = [1; 16 << 10];
        (0..bytes.div_ceil(piece.len() as u64))
            .try_for_each(|index| file.write_all_at(&piece, index * piece.len() as u64))?;
        file.sync_all()
    };
    let written = write();
    // Whatever is left of it is written over by the next one.
    let _ = files.unlink(&path);
    match written {
        Err(source) if is_shortage(&source) => Err(TruncationError::NoRoom { directory: directory.to_owned(), source }),
        // The cut itself says what else is wrong.
        _ => Ok(()),
    }
}

fn snapshots(files: &Files, data_dir: &Path) -> Result<Vec<(Zxid, PathBuf)>, TruncationError> {
    let failed = |source| TruncationError::Snapshots { directory: snapshot_dir(data_dir), source };
    snapshot::list(files, data_dir).map_err(failed)
}

/// A state that is to be built from the disk: by a thread of its own, while the log goes on. It keeps what it reads from being
/// purged.
pub struct Rebuild {
    files: Files,
    directory: PathBuf,
    /// What the state may begin with, the best last.
    bases: Vec<Base>,
    seed: HashSeed,
    rules: Rules,
}

/// A snapshot, or the state of a fresh server, and what the log has after it.
struct Base {
    zxid: Zxid,
    snapshot: Option<PathBuf>,
    records: Reader,
}

impl Rebuild {
    /// The state after the last transaction that the log has completed, which is in the present generation of a `dataDir`.
    /// `seed` is that of a tree that begins with no snapshot.
    ///
    /// # Errors
    /// [`Snapshots`](TruncationError::Snapshots), and what [`Log::reader`] has.
    pub fn new(
        files: &Files,
        data_dir: &Path,
        log: &Log,
        seed: HashSeed,
        rules: Rules,
    ) -> Result<Rebuild, TruncationError> {
        let LogRange { base, last } = log.range();
        let snapshots = snapshots(files, data_dir)?;
        let fresh = (Zxid::ZERO, None);
        let bases = std::iter::once(fresh).chain(snapshots.into_iter().map(|(zxid, path)| (zxid, Some(path))));
        let bases = bases.filter(|(zxid, _)| (base..=last).contains(zxid));
        let bases = bases.map(|(zxid, snapshot)| Ok(Base { zxid, snapshot, records: log.reader(zxid, last)? }));
        Ok(Rebuild {
            files: files.clone(),
            directory: snapshot_dir(data_dir),
            bases: bases.collect::<Result<_, LogError>>()?,
            seed,
            rules,
        })
    }

    /// Builds it: of the newest snapshot that holds. Takes time by the size of the state and of the log after it; `alive` is told
    /// again and again that it goes on.
    ///
    /// # Errors
    /// All; [`LogError::WasCut`] where the log was cut again meanwhile.
    pub fn run(mut self, alive: &mut dyn FnMut()) -> Result<Database, TruncationError> {
        while let Some(Base { zxid, snapshot, mut records }) = self.bases.pop() {
            let Some(mut database) = self.begin(zxid, snapshot.as_deref(), alive) else { continue };
            let mut chunk = Chunk::default();
            loop {
                alive();
                records.read(&mut chunk, CHUNK_BYTES)?;
                if chunk.is_empty() {
                    return Ok(database);
                }
                for (zxid, bytes) in chunk.records() {
                    match database.replay(zxid, bytes) {
                        // It is applied. Whose digest is wrong the leader's next one tells, and a start that goes through this.
                        Err(error @ ReplayError::Digest { .. }) => {
                            tracing::error!(
                                "transaction {zxid} of the log leads to another state than its writer's: {error}"
                            );
                        }
                        replayed => replayed.map_err(|error| TruncationError::Transaction { zxid, error })?,
                    }
                }
            }
        }
        Err(TruncationError::NoSnapshotHolds { directory: self.directory })
    }

    /// The state that a base has; `None` where the snapshot does not hold.
    fn begin(&self, zxid: Zxid, snapshot: Option<&Path>, alive: &mut dyn FnMut()) -> Option<Database> {
        let Some(path) = snapshot else { return Some(Database::new(self.seed, self.rules.clone())) };
        match snapshot::load_long_named(&self.files, path, zxid, self.rules.extended_types, alive) {
            Ok(loaded) => Some(loaded.into_database(self.rules.clone())),
            Err(error) => {
                tracing::error!(file = %path.display(), %error, "a snapshot is not used");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;

    use super::Rebuild;
    use crate::database::{Database, Rules};
    use crate::io::Files;
    use crate::log::{Log, LogConfig};
    use crate::request::opcode;
    use crate::snapshot::{snapshot_dir, write_state};
    use crate::tree::HashSeed;
    use crate::txn::{CreateKind, Txn, TxnHeader};

    /// Of a snapshot with so many znodes of 1,000 bytes each: more than ten of its blocks.
    const ZNODES: i64 = 4000;

    #[test]
    fn a_rebuild_tells_within_its_snapshot_that_it_goes_on() {
        let dir = std::env::temp_dir().join(format!("paddock-rebuild-{}", std::process::id()));
        std::fs::create_dir_all(snapshot_dir(&dir)).unwrap();
        let seed = HashSeed([7; 16]);
        let mut database = Database::new(seed, Rules::default());
        let (mut log, _) = Log::open(LogConfig::new(&dir), Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
        for zxid in 1..=ZNODES {
            let kind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
            let (path, data) = (format!("/{zxid}"), [1; 1000]);
            let txn =
                Txn::Create { kind, path: path.into(), data: Some(data[..].into()), acl: None, parent_cversion: -1 };
            let header = TxnHeader { client: 1, cxid: 1, zxid, time: 1 };
            database.apply(&header, &txn, None);
            log.append(Zxid(zxid), |out| txn.write(&header, out));
        }
        log.close().unwrap();
        write_state(&Files::Real, &dir, &mut database, &seed).unwrap().publish().unwrap();

        let (log, _) = Log::open(LogConfig::new(&dir), Zxid(ZNODES), &mut |_, _| Ok(())).unwrap();
        let rebuild = Rebuild::new(&Files::Real, &dir, &log, seed, Rules::default()).unwrap();
        let mut told = 0;
        let rebuilt = rebuild.run(&mut || told += 1).unwrap();
        assert_eq!((rebuilt.last_zxid(), rebuilt.tree().digest()), (Zxid(ZNODES), database.tree().digest()));
        assert!(told > 10, "it was told {told} times");
        drop(log);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

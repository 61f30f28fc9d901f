//! From the files to the state: the newest snapshot that holds, and the log after it.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;
use paddock_engine::acl::AclTable;
use paddock_engine::database::{Database, Rules};
use paddock_engine::io::create_dir;
use paddock_engine::log::{Log, LogConfig, LogError, Recovery};
use paddock_engine::snapshot;
use paddock_engine::tree::{ExtendedTypes, HashSeed};
use paddock_engine::txn::Txn;

/// Why the state cannot be had from the files.
#[derive(Debug)]
pub enum RecoveryError {
    Io {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// There are snapshots, and none holds.
    NoSnapshotHolds {
        directory: PathBuf,
        count: usize,
    },
    /// The directory is a ZooKeeper server's.
    ForeignData {
        directory: PathBuf,
    },
    Log(LogError),
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecoveryError::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}; check the disk and the rights of this user", path.display())
            }
            RecoveryError::NoSnapshotHolds { directory, count } => write!(
                f,
                "none of the {count} snapshots in {} can be read (each is named above); put back one from a backup, \
                 or move them away if the log beside them goes back to the first transaction",
                directory.display()
            ),
            RecoveryError::ForeignData { directory } => write!(
                f,
                "{} holds the data of a ZooKeeper server, which this version does not read; give another dataDir",
                directory.display()
            ),
            RecoveryError::Log(error) => error.fmt(f),
        }
    }
}

/// The state, the log it goes on in, and what was found.
pub struct Recovered {
    pub database: Database,
    pub log: Log,
    pub seed: HashSeed,
    pub found: Recovery,
    pub snapshot: Option<Zxid>,
}

/// Recovers the state. Nothing is served before all of it is there.
pub fn recover(data_dir: &Path, log_config: LogConfig, rules: Rules) -> Result<Recovered, RecoveryError> {
    let directory = snapshot::snapshot_dir(data_dir);
    refuse_foreign_data(data_dir, &directory)?;
    refuse_foreign_data(&log_config.dir, &snapshot::snapshot_dir(&log_config.dir))?;
    create_dir(&directory).map_err(|source| RecoveryError::Io {
        action: "create the directory",
        path: directory.clone(),
        source,
    })?;
    let loaded = load_newest(data_dir, &directory, rules.extended_types)?;
    let snapshot = loaded.as_ref().map(|(zxid, _, _)| *zxid);
    let (mut database, seed) = match loaded {
        Some((zxid, loaded, seed)) => {
            let snapshot::LoadedSnapshot { tree, sessions, owners, acls, .. } = loaded;
            (Database::assemble(tree, sessions, owners, acls, zxid, rules), seed)
        }
        None => {
            let seed = random_seed();
            (Database::new(HashSeed(seed.0), rules), seed)
        }
    };
    let after = database.last_zxid();
    let mut acls = AclTable::default();
    let replayed = RefCell::new(&mut database);
    let ahead = &mut |records: &[&[u8]]| {
        let paths: Vec<(&str, bool)> = records.iter().filter_map(|bytes| Txn::path_ahead(bytes)).collect();
        replayed.borrow().tree().expect(&paths);
    };
    let visit = &mut |zxid: Zxid, bytes: &[u8]| replay(&mut replayed.borrow_mut(), &mut acls, zxid, bytes);
    let (log, found) = Log::open_ahead(log_config, after, ahead, visit).map_err(RecoveryError::Log)?;
    let sealed = database.tree_mut().seal();
    database.tree_mut().publish(sealed);
    Ok(Recovered { database, log, seed, found, snapshot })
}

/// A version of ours beside a ZooKeeper server's files is one that has taken them over.
fn refuse_foreign_data(directory: &Path, ours: &Path) -> Result<(), RecoveryError> {
    let theirs = directory.join("version-2");
    let has_data = |path: &Path| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).any(|name| {
            let name = name.to_string_lossy();
            name.starts_with("log.") || name.starts_with("snapshot.")
        })
    };
    if !ours.exists() && has_data(&theirs) { Err(RecoveryError::ForeignData { directory: theirs }) } else { Ok(()) }
}

type Loaded = (Zxid, snapshot::LoadedSnapshot, HashSeed);

fn load_newest(
    data_dir: &Path,
    directory: &Path,
    extended_types: ExtendedTypes,
) -> Result<Option<Loaded>, RecoveryError> {
    let snapshots = snapshot::list(data_dir).map_err(|source| RecoveryError::Io {
        action: "list the snapshots in",
        path: directory.to_owned(),
        source,
    })?;
    let count = snapshots.len();
    for (zxid, path) in snapshots.into_iter().rev() {
        match snapshot::load(&path, extended_types) {
            Ok(loaded) if loaded.zxid == zxid => {
                let seed = HashSeed(loaded.seed.0);
                return Ok(Some((zxid, loaded, seed)));
            }
            Ok(loaded) => {
                tracing::error!(file = %path.display(), inside = %loaded.zxid, "a snapshot is not of the transaction that its name says; it is not used");
            }
            Err(error) => tracing::error!(file = %path.display(), %error, "a snapshot is not used"),
        }
    }
    if count > 0 { Err(RecoveryError::NoSnapshotHolds { directory: directory.to_owned(), count }) } else { Ok(None) }
}

/// Applies one record, and holds the state against the digest that its writer computed.
fn replay(database: &mut Database, acls: &mut AclTable, zxid: Zxid, bytes: &[u8]) -> Result<(), String> {
    let read = Txn::read(bytes, acls).map_err(|_| "it is not a transaction".to_owned())?;
    if read.header.zxid != zxid.0 {
        return Err(format!("its header says that it is transaction {}", Zxid(read.header.zxid)));
    }
    let last = database.last_zxid();
    let follows = zxid == last.next() || (zxid.epoch() > last.epoch() && zxid.counter() == 1);
    if !follows {
        return Err(format!("it does not follow {last}: transactions are missing before it"));
    }
    database.apply(&read.header, &read.txn, None);
    let digest = database.tree().digest();
    match read.digest {
        Some(written) if written != digest => Err(format!(
            "the tree after it has the digest {digest:x}, but had {written:x} when it was written: the snapshot or the log has changed"
        )),
        _ => Ok(()),
    }
}

/// Secret, so that nobody can choose paths whose hashes collide.
fn random_seed() -> HashSeed {
    let mut seed = [0; 16];
    for half in seed.chunks_exact_mut(8) {
        half.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    HashSeed(seed)
}

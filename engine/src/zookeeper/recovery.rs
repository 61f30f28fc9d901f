//! From a ZooKeeper's files to the state: the newest snapshot that can be loaded, and the logs behind it. Nothing of the
//! files is changed.
//!
//! A snapshot is fuzzy ([`stream`](super::stream)): it has effects of transactions that are replayed again. That is why
//! applying one is idempotent ([`apply`](crate::apply)), and why there is nothing to hold the state against before it is
//! exact:
//!
//! | the snapshot has | the state is exact |
//! |---|---|
//! | a digest at its own zxid that is the state's | at once |
//! | a digest at a later zxid | at that transaction, which must be in the logs |
//! | no digest | at the first transaction whose own digest agrees |
//!
//! A digest that does not agree is no error by itself. ZooKeeper goes on applying while it writes a snapshot's digest, so
//! that this digest and its zxid may not belong together; and a leader computes a transaction's digest before the
//! transaction is applied. So a mismatch is forgotten when a later digest agrees. Where the last digest that was compared
//! did not agree, recovery fails.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use crate::database::{CONFIG_PATH, Database, Rules};
use crate::io::{Files, advice};
use crate::replay::{Before, ReplayError};
use crate::tree::HashSeed;

use super::directory::{Directories, LogFile, SnapshotFile};
use super::epochs::Epochs;
use super::error::FormatError;
use super::log::{Entry, LogReader};
use super::orphans::{TimeToLive, delete_orphans};
use super::snapshot::{self, ZxidDigest};

/// ZooKeeper tries no more snapshots than these before it gives up.
const SNAPSHOTS_MAX: usize = 100;

/// How files are read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the new tree's hash.
    pub seed: HashSeed,
    pub rules: Rules,
    /// Longer texts, data and transactions are damage: `jute.maxbuffer` and its extra size together, bytes.
    pub length_max: usize,
    /// Whether the state must have the digests that its writer computed: `zookeeper.digest.enabled`.
    pub digests_enabled: bool,
    /// Whether logs are enough, without any snapshot, as some servers before 3.5.4 left them:
    /// `zookeeper.snapshot.trust.empty`.
    pub trust_empty_snapshot: bool,
    /// Whether a snapshot is enough, without a log that goes as far as it does.
    pub accept_missing_logs: bool,
}

/// The state, and where it is from.
pub struct Recovered {
    pub database: Database,
    /// Those of an ensemble's member; an error where a file cannot be read or has none. The state does not depend on them.
    pub epochs: io::Result<Epochs>,
    /// What was loaded.
    pub snapshot: Option<SnapshotFile>,
    /// Newer snapshots, which could not be loaded, newest first.
    pub passed_over: Vec<(PathBuf, FormatError)>,
    /// How many transactions were replayed.
    pub replayed: u64,
    /// Logs that end within a record, and where that begins, bytes.
    pub torn: Vec<(PathBuf, u64)>,
    /// The last transaction at which the state had the digest that its writer computed.
    pub agreed: Option<Zxid>,
    /// The first transaction at which the exact state had another digest than its writer computed. A later digest agreed
    /// again, since recovery fails otherwise.
    pub disagreed: Option<Zxid>,
    /// Ephemerals that no living session owned, which were deleted, as a ZooKeeper does when it starts.
    pub orphans: u64,
}

/// Why there is no state to be had.
#[derive(Debug)]
pub enum RecoveryError {
    Io {
        path: PathBuf,
        source: io::Error,
    },
    /// The file lies in the other directory than it belongs in.
    Misplaced(PathBuf),
    /// There are neither snapshots nor logs in this directory.
    Nothing(PathBuf),
    /// There are logs, and no snapshot in this directory.
    NoSnapshot(PathBuf),
    /// There are snapshots in this directory, none of which can be loaded.
    NoneHolds {
        directory: PathBuf,
        tried: Vec<(PathBuf, FormatError)>,
    },
    Log {
        path: PathBuf,
        error: FormatError,
    },
    /// What cannot be replayed is at this offset, bytes.
    Replay {
        path: PathBuf,
        offset: u64,
        zxid: Zxid,
        error: ReplayError,
    },
    /// The transaction comes behind `after`, or is there twice.
    OutOfOrder {
        path: PathBuf,
        offset: u64,
        zxid: Zxid,
        after: Zxid,
    },
    /// No log has the snapshot's transaction or a later one; `last` is the last that there is, zero where there is none.
    NoLog {
        snapshot: PathBuf,
        zxid: Zxid,
        logs: PathBuf,
        last: Zxid,
    },
    /// The snapshot has effects of transactions up to `needed`, but the logs end before.
    Unfinished {
        snapshot: PathBuf,
        needed: Zxid,
        last: Zxid,
    },
    /// The state after this transaction has not the digest that its writer computed, nor has it those of later ones.
    Digest {
        zxid: Zxid,
        computed: u64,
        written: u64,
    },
    /// The ACL of this znode is neither in the snapshot nor in the logs.
    NoAcl(String),
    /// This znode's owner is a time to live, but extended types are off: a ZooKeeper would take it for an ephemeral of a
    /// dead session, and delete it.
    TimeToLive(String),
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecoveryError::Io { path, source } => {
                write!(f, "{} cannot be read: {source}; {}", path.display(), advice(source))
            }
            RecoveryError::Misplaced(path) => write!(
                f,
                "{} lies in the wrong directory: with two directories, snapshots belong in the dataDir and logs in the \
                 dataLogDir; correct the two",
                path.display()
            ),
            RecoveryError::Nothing(directory) => write!(
                f,
                "there is no data of a ZooKeeper server in {}; give the dataDir of one, and its dataLogDir",
                directory.display()
            ),
            RecoveryError::NoSnapshot(directory) => write!(
                f,
                "there are logs, but no snapshot in {}: put it back, or let zookeeper.snapshot.trust.empty=true say that \
                 the logs go back to the first transaction",
                directory.display()
            ),
            RecoveryError::NoneHolds { directory, tried } => {
                write!(f, "none of the snapshots in {} can be loaded", directory.display())?;
                let newest = tried.first().map(|(path, error)| (path.display(), error));
                newest.map_or(Ok(()), |(path, error)| write!(f, "; the newest, {path}: {error}"))?;
                f.write_str("; put a whole one there, from a copy or from another member of its ensemble")
            }
            RecoveryError::Log { path, error: error @ FormatError::Io(_) } => {
                write!(f, "the log {}: {error}", path.display())
            }
            RecoveryError::Log { path, error } => write!(
                f,
                "the log {path}: {error}; put it back from a copy, or cut it: `paddock log check` tells its last good \
                 transaction, behind which `paddock log cut` ends a copy of it",
                path = path.display()
            ),
            RecoveryError::Replay { path, offset, zxid, error } => {
                let path = path.display();
                write!(f, "transaction {zxid} at byte {offset} of {path} cannot be replayed: {error}; ")?;
                f.write_str(match error {
                    ReplayError::Gap(_) => {
                        "put the logs back that have them, or move this log and all later ones away, with which their \
                         transactions are lost"
                    }
                    _ => "put the log back from a copy, or let `paddock log cut` end a copy of it before this transaction",
                })
            }
            RecoveryError::OutOfOrder { path, offset, zxid, after } => write!(
                f,
                "transaction {zxid} at byte {offset} of {} stands behind {after}: logs of two servers lie here, or one log \
                 twice; move away what does not belong here",
                path.display()
            ),
            RecoveryError::NoLog { snapshot, zxid, logs, last } => {
                let (snapshot, logs) = (snapshot.display(), logs.display());
                write!(f, "the snapshot {snapshot} stands at transaction {zxid}, but ")?;
                match *last {
                    Zxid::ZERO => write!(f, "there is no transaction in {logs}")?,
                    last => write!(f, "the logs in {logs} end with {last}")?,
                }
                f.write_str(
                    ": what was acknowledged after the snapshot may be elsewhere; give the directory with the logs (dataLogDir \
                     of the zoo.cfg, --data-log-dir), or let `paddock convert --accept-missing-logs` say that there are none",
                )
            }
            RecoveryError::Unfinished { snapshot, needed, last } => write!(
                f,
                "the snapshot {} was written while transactions up to {needed} were applied, but the logs end with {last}: \
                 logs are missing; give the directory that has them or put them back, or move the snapshot away, so that \
                 the one before it is taken with the logs that there are",
                snapshot.display()
            ),
            RecoveryError::Digest { zxid, computed, written } => write!(
                f,
                "the tree after {zxid} has the digest {computed:x}, but had {written:x} when it was written, and no later \
                 digest agrees: a snapshot or a log has changed; zookeeper.digest.enabled=false goes on without"
            ),
            RecoveryError::NoAcl(path) => {
                write!(
                    f,
                    "the ACL of {path:.256?} is neither in the snapshot nor in the logs; put missing logs back, or move the \
                     snapshot away, so that the one before it is taken"
                )
            }
            RecoveryError::TimeToLive(path) => write!(
                f,
                "{path:.256?} has a time to live: set zookeeper.extendedTypesEnabled=true, without which ZooKeeper would \
                 delete it"
            ),
        }
    }
}

impl std::error::Error for RecoveryError {}

/// Recovers the state after the last transaction that there is.
pub fn recover(files: &Files, directories: &Directories, settings: &Settings) -> Result<Recovered, RecoveryError> {
    let snapshot_dir = directories.snapshot_dir();
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| RecoveryError::Io { path, source }
    };
    if let Some(misplaced) = directories.misplaced(files).map_err(at(&directories.log))? {
        return Err(RecoveryError::Misplaced(misplaced));
    }
    let logs = LogFile::list(files, &directories.log_dir()).map_err(at(&directories.log_dir()))?;
    let mut replay = match Base::load_newest(files, &snapshot_dir, settings)? {
        Some(base) => Replay::after(base, settings),
        None if logs.is_empty() => return Err(RecoveryError::Nothing(snapshot_dir)),
        None if settings.trust_empty_snapshot => Replay::from_nothing(settings),
        None => return Err(RecoveryError::NoSnapshot(snapshot_dir)),
    };
    let behind = LogFile::behind(&logs, replay.recovered.database.last_zxid());
    for (index, log) in behind.iter().enumerate() {
        replay.replay_file(files, log, index + 1 == behind.len())?;
    }
    replay.recovered.epochs = Epochs::read(files, &snapshot_dir);
    if !settings.accept_missing_logs {
        replay.check_reach(&logs, directories.log_dir())?;
    }
    replay.finish()
}

/// The snapshot that all begins with.
struct Base {
    file: SnapshotFile,
    loaded: snapshot::LoadedSnapshot,
    passed_over: Vec<(PathBuf, FormatError)>,
}

impl Base {
    /// `None` if there is no snapshot at all.
    fn load_newest(files: &Files, directory: &Path, settings: &Settings) -> Result<Option<Base>, RecoveryError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| RecoveryError::Io { path, source }
        };
        let mut snapshots = SnapshotFile::list(files, directory).map_err(io(directory))?;
        let is_none = snapshots.is_empty();
        let mut passed_over = Vec::new();
        while let Some(file) = snapshots.pop().filter(|_| passed_over.len() < SNAPSHOTS_MAX) {
            let Settings { seed, rules, length_max, .. } = settings;
            let loaded = match snapshot::is_promising(files, &file).map_err(io(&file.path))? {
                true => snapshot::load(files, &file, *length_max, *seed, rules.clone()),
                false => Err(FormatError::Damaged { offset: 0, what: "it does not look like a whole snapshot".into() }),
            };
            match loaded {
                Ok(loaded) => return Ok(Some(Base { file, loaded, passed_over })),
                Err(error) => passed_over.push((file.path, error)),
            }
        }
        if is_none {
            Ok(None)
        } else {
            Err(RecoveryError::NoneHolds { directory: directory.to_owned(), tried: passed_over })
        }
    }
}

/// What is known of the state that is being replayed.
#[derive(Clone, Copy, Debug)]
enum Exactness {
    /// It has effects of later transactions, up to the one with this digest, if there is one.
    Fuzzy(Option<ZxidDigest>),
    Exact,
}

/// A digest that did not agree.
#[derive(Clone, Copy, Debug)]
struct Disagreement {
    zxid: Zxid,
    computed: u64,
    written: u64,
}

struct Replay {
    recovered: Recovered,
    exactness: Exactness,
    /// The first one behind the last digest that agreed.
    disagreement: Option<Disagreement>,
    /// Where the snapshot stands; transactions up to it are in it.
    base: Zxid,
    /// The last transaction in the logs that were read, zero before the first.
    last_logged: Zxid,
    without_acl: Vec<String>,
    length_max: usize,
    digests_enabled: bool,
}

impl Replay {
    fn after(base: Base, settings: &Settings) -> Replay {
        let Base { file, loaded, passed_over } = base;
        let mut replay = Replay::of(loaded.content.database, settings);
        replay.exactness = Exactness::Fuzzy(loaded.digest);
        replay.compare(file.zxid, None);
        replay.recovered.snapshot = Some(file);
        replay.recovered.passed_over = passed_over;
        replay.without_acl = loaded.content.without_acl;
        replay
    }

    fn from_nothing(settings: &Settings) -> Replay {
        Replay::of(Database::new(settings.seed, settings.rules.clone()), settings)
    }

    fn of(database: Database, settings: &Settings) -> Replay {
        let base = database.last_zxid();
        let recovered = Recovered {
            database,
            epochs: Ok(Epochs::default()),
            snapshot: None,
            passed_over: Vec::new(),
            replayed: 0,
            torn: Vec::new(),
            agreed: None,
            disagreed: None,
            orphans: 0,
        };
        Replay {
            recovered,
            exactness: Exactness::Exact,
            disagreement: None,
            base,
            last_logged: Zxid::ZERO,
            without_acl: Vec::new(),
            length_max: settings.length_max,
            digests_enabled: settings.digests_enabled,
        }
    }

    fn replay_file(&mut self, files: &Files, log: &LogFile, is_newest: bool) -> Result<(), RecoveryError> {
        let path = &log.path;
        // A crash can leave the newest one without its header.
        if is_newest && files.metadata(path).is_ok_and(|found| found.bytes == 0) {
            return Ok(());
        }
        let damaged = |error| RecoveryError::Log { path: path.clone(), error };
        let mut reader = LogReader::open(files, path, self.length_max).map_err(damaged)?;
        loop {
            match reader.read_entry().map_err(damaged)? {
                Entry::Record { offset, zxid, txn } => self.replay(path, offset, zxid, txn)?,
                Entry::End { .. } => return Ok(()),
                Entry::Torn { offset } => {
                    self.recovered.torn.push((path.clone(), offset));
                    return Ok(());
                }
            }
        }
    }

    fn replay(&mut self, path: &Path, offset: u64, zxid: Zxid, txn: &[u8]) -> Result<(), RecoveryError> {
        let last = self.recovered.database.last_zxid();
        self.last_logged = self.last_logged.max(zxid);
        if zxid <= last {
            if zxid <= self.base && self.recovered.replayed == 0 {
                return Ok(());
            }
            return Err(RecoveryError::OutOfOrder { path: path.to_owned(), offset, zxid, after: last });
        }
        let refused = |error| RecoveryError::Replay { path: path.to_owned(), offset, zxid, error };
        let before = match self.exactness {
            Exactness::Exact => Before::Exact,
            Exactness::Fuzzy(_) => Before::Fuzzy,
        };
        let written = self.recovered.database.apply_record(zxid, txn, before, None).map_err(refused)?.digest;
        self.recovered.replayed += 1;
        self.compare(zxid, written);
        Ok(())
    }

    /// Holds the state after a transaction against what its writer said. `written` is the transaction's own digest.
    fn compare(&mut self, zxid: Zxid, written: Option<u64>) {
        let expected = match self.exactness {
            Exactness::Fuzzy(Some(digest)) if zxid < digest.zxid => None,
            Exactness::Fuzzy(Some(digest)) if zxid == digest.zxid => Some(digest.digest),
            _ => written,
        };
        let Some(written) = expected.filter(|_| self.digests_enabled) else { return };
        let computed = self.recovered.database.tree().digest();
        if written == computed {
            self.exactness = Exactness::Exact;
            self.recovered.agreed = Some(zxid);
            self.disagreement = None;
            return;
        }
        self.disagreement.get_or_insert(Disagreement { zxid, computed, written });
        if let Exactness::Exact = self.exactness {
            self.recovered.disagreed.get_or_insert(zxid);
        }
    }

    /// Sees that the logs go as far as the snapshot. ZooKeeper logs a transaction before it is in a snapshot; where none of
    /// the logs has it, they are not those that belong to the snapshot, or not all. The zxid that an epoch begins with is no
    /// transaction, so that logs of earlier epochs can be all.
    fn check_reach(&self, logs: &[LogFile], directory: PathBuf) -> Result<(), RecoveryError> {
        let may_end_before = self.base.counter() == 0 && !logs.is_empty();
        match &self.recovered.snapshot {
            Some(snapshot) if self.last_logged < self.base && !may_end_before => {
                let (snapshot, zxid) = (snapshot.path.clone(), self.base);
                Err(RecoveryError::NoLog { snapshot, zxid, logs: directory, last: self.last_logged })
            }
            _ => Ok(()),
        }
    }

    /// The last transaction that the state has an effect of, where that may be later than the last one replayed.
    fn needed(&self) -> Zxid {
        let tree = self.recovered.database.tree();
        let newest = match self.exactness {
            Exactness::Exact => return Zxid::ZERO,
            Exactness::Fuzzy(Some(digest)) if self.digests_enabled => digest.zxid,
            Exactness::Fuzzy(_) => Zxid::ZERO,
        };
        // The version of a configuration file stands where that znode's zxid is.
        let counted = tree.head().iter().filter(|znode| znode.path() != CONFIG_PATH).map(|znode| znode.stat());
        counted.fold(newest, |newest, stat| newest.max(Zxid(stat.czxid.max(stat.mzxid).max(stat.pzxid))))
    }

    fn finish(mut self) -> Result<Recovered, RecoveryError> {
        let (last, needed) = (self.recovered.database.last_zxid(), self.needed());
        if let Some(snapshot) = self.recovered.snapshot.as_ref().filter(|_| last < needed) {
            let snapshot = snapshot.path.clone();
            return Err(RecoveryError::Unfinished { snapshot, needed, last });
        }
        if let Some(Disagreement { zxid, computed, written }) = self.disagreement {
            return Err(RecoveryError::Digest { zxid, computed, written });
        }
        let tree = self.recovered.database.tree();
        let has_none = |path: &String| tree.get(path).is_some_and(|znode| is_nobodys(&znode));
        if let Some(path) = self.without_acl.into_iter().find(has_none) {
            return Err(RecoveryError::NoAcl(path));
        }
        let deleted = delete_orphans(&mut self.recovered.database);
        self.recovered.orphans = deleted.map_err(|TimeToLive { path }| RecoveryError::TimeToLive(path))?;
        Ok(self.recovered)
    }
}

/// Whether the znode still has the empty ACL that the loader gives to a znode whose ACL the snapshot lacks. No transaction
/// gives one.
fn is_nobodys(znode: &crate::tree::Znode<'_>) -> bool {
    znode.acl().as_ref().is_some_and(|list| list.0.is_empty())
}

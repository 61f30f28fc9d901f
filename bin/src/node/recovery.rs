//! From the files to the state: the newest snapshot that holds, and the log after it.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use paddock_consensus::Zxid;
use paddock_engine::database::{Database, Rules};
use paddock_engine::epoch_files::EpochError;
use paddock_engine::generation::{self, FormerGenerations, Generation, GenerationError, GenerationFile};
use paddock_engine::io::{Files, advice};
use paddock_engine::log::{self, Entry, Log, LogConfig, LogError, Place, Recovery, Verdict};
use paddock_engine::snapshot;
use paddock_engine::tree::{ExtendedTypes, HashSeed};
use paddock_engine::txn::Txn;
use paddock_net::replica_status::RecoveryTimes;

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
        /// The newest, and where it is damaged.
        newest: String,
    },
    /// There is a `dataLogDir`, and a half of the data lies in the wrong directory.
    Misplaced {
        what: &'static str,
        is_in: PathBuf,
        belongs_in: PathBuf,
        /// There are such files in both.
        in_both: bool,
    },
    Log(LogError),
    Generation(GenerationError),
    /// Of a member: what it has promised is not known.
    Epochs(EpochError),
    /// The newest transaction is in the last epoch: there are no zxids for as many transactions as a server may see.
    LastEpoch(Zxid),
    /// The kernel gives no random bytes.
    Random(String),
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecoveryError::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}; {}", path.display(), advice(source))
            }
            RecoveryError::NoSnapshotHolds { directory, count, newest } => write!(
                f,
                "none of the {count} snapshots in {} can be read (each is named above; the newest is {newest}); put back one \
                 from a backup, or move them away if the log beside them goes back to the first transaction",
                directory.display()
            ),
            RecoveryError::Misplaced { what, is_in, belongs_in, in_both: true } => write!(
                f,
                "{what}.* are in {} and in {}, and with these dataDir and dataLogDir they belong in the latter: see with \
                 `paddock log check` which of them goes further, and move the others away, or correct the two directories",
                is_in.display(),
                belongs_in.display()
            ),
            RecoveryError::Misplaced { what, is_in, belongs_in, in_both: false } => write!(
                f,
                "{what}.* are in {}, but with these dataDir and dataLogDir they belong in {}: move them there, or correct \
                 the two directories",
                is_in.display(),
                belongs_in.display()
            ),
            RecoveryError::Log(error) => error.fmt(f),
            RecoveryError::Generation(error) => error.fmt(f),
            RecoveryError::Epochs(error) => error.fmt(f),
            RecoveryError::LastEpoch(zxid) => write!(
                f,
                "the newest transaction is {zxid}, in the last epoch that there is, so that soon none could follow it; copy \
                 the znodes to a server with an empty dataDir"
            ),
            RecoveryError::Random(error) => {
                write!(f, "cannot have random bytes from the kernel, which keep hashes of paths secret: {error}")
            }
        }
    }
}

impl RecoveryError {
    /// Whether it is a matter of which directories were given, which ZooKeeper tells by an exit code of its own.
    pub fn is_of_directories(&self) -> bool {
        use RecoveryError::{Generation, Log, Misplaced};
        matches!(
            self,
            Misplaced { .. }
                | Log(LogError::Missing(_))
                | Generation(GenerationError::Missing { .. } | GenerationError::Gone { .. })
        )
    }
}

/// The state, the log it goes on in, and what was found.
pub struct Recovered {
    pub database: Database,
    pub log: Log,
    pub seed: HashSeed,
    pub found: Recovery,
    pub snapshot: Option<Zxid>,
    pub times: RecoveryTimes,
}

impl Recovered {
    /// Tells what was found, and how long that took, where there is a clock.
    pub fn report(&self, took: Option<Duration>) {
        let found = &self.found;
        if let Some(torn) = &found.torn {
            let copy = found.torn_copy.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
            tracing::warn!(copy, "the log's end was torn by a crash and was cut: {torn}");
        }
        tracing::info!(
            zxid = %self.database.last_zxid(),
            snapshot = self.snapshot.map_or("none".to_owned(), |zxid| zxid.to_string()),
            replayed = found.records,
            znodes = self.database.tree().len(),
            sessions = self.database.sessions().len(),
            millis = took.map(|took| took.as_millis() as u64),
            "state recovered"
        );
        tracing::info!("log writes: {}", self.log.method());
    }
}

/// The present generation.
pub struct Present {
    pub generation: Generation,
    pub recovered: Recovered,
    /// What those before it have left, to be removed by and by.
    pub former: FormerGenerations,
}

/// Recovers the state of the present generation, and makes way for the next one. `log_config` has the `dataDir` and the
/// `dataLogDir` themselves.
pub fn recover_present(log_config: LogConfig, rules: Rules) -> Result<Present, RecoveryError> {
    let LogConfig { files, data_dir, dir, .. } = log_config.clone();
    let generation = refuse_misplaced_present(&files, &data_dir, &dir)?;
    let file = GenerationFile { files: &files, data_dir: &data_dir };
    file.make_durable(generation).map_err(RecoveryError::Generation)?;
    let (data, log) = (generation.dir(&data_dir), generation.dir(&dir));
    let recovered = recover(&data, LogConfig { data_dir: data.clone(), dir: log, ..log_config }, rules)?;
    if let Err(error) = generation::make_way(&files, &data_dir, &dir, generation) {
        tracing::warn!(%error, "what is in place of a generation after {} could not be put away", data.display());
    }
    let former = FormerGenerations::find(&files, &data_dir, &dir, generation).unwrap_or_else(|error| {
        tracing::warn!(%error, "what was there before {} stays until the next start", data.display());
        FormerGenerations::default()
    });
    Ok(Present { generation, recovered, former })
}

/// Recovers the state. Nothing is served before all of it is there. What lies in the wrong directory was refused before.
pub fn recover(data_dir: &Path, log_config: LogConfig, rules: Rules) -> Result<Recovered, RecoveryError> {
    let (directory, files) = (snapshot::snapshot_dir(data_dir), log_config.files.clone());
    files.create_dir(&directory).map_err(|source| RecoveryError::Io {
        action: "create the directory",
        path: directory.clone(),
        source,
    })?;
    snapshot::remove_unfinished(&files, data_dir);
    let clock = log_config.clock.clone();
    let began = clock.now();
    let (mut database, seed, snapshot) = base(&files, data_dir, rules)?;
    let loaded = clock.now();
    let after = database.last_zxid();
    let replayed = RefCell::new(&mut database);
    let ahead = &mut |records: &[&[u8]]| {
        let paths: Vec<(&str, bool)> = records.iter().filter_map(|bytes| Txn::path_ahead(bytes)).collect();
        replayed.borrow().tree().prefetch(&paths);
    };
    let visit =
        &mut |zxid: Zxid, bytes: &[u8]| replayed.borrow_mut().replay(zxid, bytes).map_err(|error| error.to_string());
    let (log, found) = Log::open_ahead(log_config, after, ahead, visit).map_err(RecoveryError::Log)?;
    if database.last_zxid().epoch().next().is_none() {
        return Err(RecoveryError::LastEpoch(database.last_zxid()));
    }
    let sealed = database.tree_mut().seal();
    database.tree_mut().publish(sealed);
    let times = RecoveryTimes {
        snapshot: loaded.saturating_duration_since(began),
        log: clock.now().saturating_duration_since(loaded),
        transactions: found.records,
    };
    Ok(Recovered { database, log, seed, found, snapshot, times })
}

/// The state of the newest snapshot that holds, or that of a fresh server, and the zxid of the snapshot.
fn base(files: &Files, data_dir: &Path, rules: Rules) -> Result<(Database, HashSeed, Option<Zxid>), RecoveryError> {
    let directory = snapshot::snapshot_dir(data_dir);
    let Some(loaded) = load_newest(files, data_dir, &directory, rules.extended_types)? else {
        let seed = random_seed(files)?;
        return Ok((Database::new(seed, rules), seed, None));
    };
    let (zxid, seed) = (loaded.zxid, loaded.seed);
    Ok((loaded.into_database(rules), seed, Some(zxid)))
}

/// The state that a start would have, for looking at: no file is changed. What lies in the wrong directory was refused
/// before.
pub fn read(files: &Files, data_dir: &Path, log_dir: &Path, rules: Rules) -> Result<Database, RecoveryError> {
    let (mut database, _, snapshot) = base(files, data_dir, rules)?;
    let after = database.last_zxid();
    let mut replayed = Ok(());
    let verdict = log::inspect(files, data_dir, log_dir, &mut |entry| {
        if let (true, Entry::Record { file, offset, zxid, payload }) = (replayed.is_ok(), entry)
            && zxid > after
        {
            let rejected = |reason: String| LogError::Rejected { file: file.to_owned(), offset, zxid, reason };
            replayed = database.replay(zxid, payload).map_err(|error| rejected(error.to_string()));
        }
    });
    if let Verdict::Damaged(damage) = verdict.map_err(RecoveryError::Log)? {
        return Err(RecoveryError::Log(LogError::Damaged(Box::new(damage))));
    }
    replayed.map_err(RecoveryError::Log)?;
    let place = Place { files, dir: log_dir, data_dir, snapshot: snapshot.unwrap_or_default() };
    if let Some(missing) = log::missing(place).map_err(RecoveryError::Log)? {
        return Err(RecoveryError::Log(LogError::Missing(Box::new(missing))));
    }
    let sealed = database.tree_mut().seal();
    database.tree_mut().publish(sealed);
    Ok(database)
}

/// Where there are two directories, the dataDir holds no log and the dataLogDir no snapshot, as in ZooKeeper: otherwise one
/// of them was given only now, or they were exchanged.
fn refuse_misplaced_data(files: &Files, data_dir: &Path, log_dir: &Path) -> Result<(), RecoveryError> {
    if files.is_same_directory(data_dir, log_dir) {
        return Ok(());
    }
    let (data, log) = (snapshot::snapshot_dir(data_dir), snapshot::snapshot_dir(log_dir));
    let has_log = |dir: &Path| log::segment_count(files, dir).map(|count| count > 0).map_err(RecoveryError::Log);
    if has_log(data_dir)? {
        let in_both = has_log(log_dir)?;
        return Err(RecoveryError::Misplaced { what: "log", is_in: data, belongs_in: log, in_both });
    }
    if !snapshots_in(files, log_dir)?.is_empty() {
        let in_both = !snapshots_in(files, data_dir)?.is_empty();
        return Err(RecoveryError::Misplaced { what: "snapshot", is_in: log, belongs_in: data, in_both });
    }
    Ok(())
}

/// [`refuse_misplaced_data`] in the present generation of a `dataDir` and a `dataLogDir`, which is returned.
pub fn refuse_misplaced_present(files: &Files, data_dir: &Path, log_dir: &Path) -> Result<Generation, RecoveryError> {
    let generation = generation::present(files, data_dir, log_dir).map_err(RecoveryError::Generation)?;
    refuse_misplaced_data(files, &generation.dir(data_dir), &generation.dir(log_dir))?;
    Ok(generation)
}

fn snapshots_in(files: &Files, data_dir: &Path) -> Result<Vec<(Zxid, PathBuf)>, RecoveryError> {
    snapshot::list(files, data_dir).map_err(|source| RecoveryError::Io {
        action: "list the snapshots in",
        path: snapshot::snapshot_dir(data_dir),
        source,
    })
}

fn load_newest(
    files: &Files,
    data_dir: &Path,
    directory: &Path,
    extended_types: ExtendedTypes,
) -> Result<Option<snapshot::LoadedSnapshot>, RecoveryError> {
    let snapshots = snapshots_in(files, data_dir)?;
    let (count, mut newest) = (snapshots.len(), None);
    for (zxid, path) in snapshots.into_iter().rev() {
        match snapshot::load_named(files, &path, zxid, extended_types) {
            Ok(loaded) => return Ok(Some(loaded)),
            Err(error) => {
                tracing::error!(file = %path.display(), %error, "a snapshot is not used");
                newest.get_or_insert_with(|| format!("{}: {error}", path.display()));
            }
        }
    }
    match newest {
        Some(newest) => Err(RecoveryError::NoSnapshotHolds { directory: directory.to_owned(), count, newest }),
        None => Ok(None),
    }
}

/// Secret, so that nobody can choose paths whose hashes collide, unless its files are simulated.
pub fn random_seed(files: &Files) -> Result<HashSeed, RecoveryError> {
    let mut seed = [0; 16];
    match files {
        Files::Real | Files::Private => {
            getrandom::fill(&mut seed).map_err(|error| RecoveryError::Random(error.to_string()))?
        }
        Files::Simulated(machine) => {
            seed[..8].copy_from_slice(&machine.draw().to_le_bytes());
            seed[8..].copy_from_slice(&machine.draw().to_le_bytes());
        }
    }
    Ok(HashSeed(seed))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use paddock_consensus::Zxid;
    use paddock_engine::acl::{Acl, AclList, Entry, Id};
    use paddock_engine::database::{Database, Rules};
    use paddock_engine::io::Files;
    use paddock_engine::log::{Log, LogConfig};
    use paddock_engine::request::opcode;
    use paddock_engine::snapshot;
    use paddock_engine::tree::HashSeed;
    use paddock_engine::txn::{CreateKind, Txn, TxnHeader};

    use super::recover;

    const SEED: HashSeed = HashSeed([7; 16]);

    /// Goes with the value.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Directory {
            let path = std::env::temp_dir().join(format!("paddock-recovery-{name}-{}", std::process::id()));
            Files::Real.create_dir(&path).unwrap();
            Files::Real.create_dir(&snapshot::snapshot_dir(&path)).unwrap();
            Directory(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn header(zxid: i64) -> TxnHeader {
        TxnHeader { client: 1, cxid: 1, zxid, time: 1 }
    }

    fn encoded(zxid: i64, txn: &Txn<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        txn.write(&header(zxid), &mut bytes);
        bytes
    }

    fn create<'a>(path: &'a str, acl: &Acl) -> Txn<'a> {
        let kind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
        Txn::Create { kind, path: Cow::Borrowed(path), data: None, acl: acl.clone(), parent_cversion: -1 }
    }

    /// Puts a snapshot of the state into place.
    fn write_snapshot(dir: &Path, database: &mut Database) {
        let tree = database.tree_mut();
        let sealed = tree.seal();
        tree.publish(sealed);
        let pin = tree.pin().unwrap();
        let zxid = database.last_zxid();
        let written = snapshot::write(&Files::Real, dir, &pin.view(), zxid, &SEED, &[], &mut || true).unwrap();
        written.publish().unwrap();
    }

    /// Writes a log from the first transaction on.
    fn write_log(dir: &Path, records: &[Vec<u8>]) {
        let (mut log, _) = Log::open(LogConfig::new(dir), Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
        for (zxid, record) in (1..).zip(records) {
            log.append(Zxid(zxid), |out| out.extend_from_slice(record));
        }
        log.close().unwrap();
    }

    #[test]
    fn equal_lists_of_snapshot_and_log_are_one() {
        let dir = Directory::new("acls");
        let list = |user: &str| -> Acl {
            let id = Id { scheme: "digest".into(), id: format!("{user}:hash") };
            Some(Arc::new(AclList([Entry { perms: 31, id }].into())))
        };
        let mut database = Database::new(SEED, Rules::default());
        database.apply(&header(1), &create("/snapshot", &list("pat")), None);
        write_snapshot(&dir.0, &mut database);
        let records = [
            create("/snapshot", &list("pat")),
            create("/log", &list("pat")),
            create("/other", &list("sam")),
            Txn::Multi(vec![create("/member", &list("pat"))]),
            Txn::SetAcl { path: "/other".into(), acl: list("pat"), version: 1 },
        ];
        let records: Vec<Vec<u8>> = (1..).zip(&records).map(|(zxid, txn)| encoded(zxid, txn)).collect();
        write_log(&dir.0, &records);

        let recovered = recover(&dir.0, LogConfig::new(&dir.0), Rules::default()).map_err(|error| error.to_string());
        let recovered = recovered.unwrap_or_else(|error| panic!("{error}"));
        let tree = recovered.database.tree();
        let lists =
            ["/snapshot", "/log", "/member", "/other"].map(|path| tree.get(path).unwrap().acl().clone().unwrap());
        for (other, path) in lists[1..].iter().zip(["/log", "/member", "/other"]) {
            assert!(Arc::ptr_eq(&lists[0], other), "{path}");
        }
    }

    /// What is recovered from a snapshot of the first transaction, and a log with both.
    fn recovered_from(name: &str, [first, second]: [i64; 2]) -> Result<Zxid, String> {
        let dir = Directory::new(name);
        let (mut log, _) = Log::open(LogConfig::new(&dir.0), Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
        for (zxid, path) in [(first, "/first"), (second, "/second")] {
            log.append(Zxid(zxid), |out| out.extend_from_slice(&encoded(zxid, &create(path, &None))));
        }
        log.close().unwrap();
        let mut database = Database::new(SEED, Rules::default());
        database.apply(&header(first), &create("/first", &None), None);
        write_snapshot(&dir.0, &mut database);
        let recovered = recover(&dir.0, LogConfig::new(&dir.0), Rules::default());
        recovered.map(|recovered| recovered.database.last_zxid()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_goes_on_in_another_epoch_unless_it_is_the_last() {
        assert_eq!(recovered_from("next-epoch", [0xffff_ffff, 0x1_0000_0001]), Ok(Zxid(0x1_0000_0001)));
        let last = recovered_from("last-epoch", [0x7fff_ffff_0000_0001, 0x7fff_ffff_0000_0002]);
        assert!(last.clone().is_err_and(|error| error.contains("0x7fffffff00000002, in the last epoch")), "{last:?}");
    }

    #[test]
    fn a_log_with_what_no_server_writes_is_refused_by_name() {
        let dir = Directory::new("unwritten");
        let ttl = |ttl: i64| Txn::Create {
            kind: CreateKind::Ttl(ttl),
            path: "/ttl".into(),
            data: None,
            acl: None,
            parent_cversion: -1,
        };
        for (txn, reason) in [
            (ttl(0), "lives 0 ms"),
            (Txn::Multi(vec![ttl(i64::MAX)]), "lives 9223372036854775807 ms"),
            (create("no/slash", &None), "the invalid path \"no/slash\""),
            (create("//", &None), "the invalid path \"//\""),
        ] {
            write_log(&dir.0, &[encoded(1, &create("/fine", &None)), encoded(2, &txn)]);
            let refused = recover(&dir.0, LogConfig::new(&dir.0), Rules::default()).map(|_| ());
            let error = refused.expect_err(reason).to_string();
            for part in ["transaction 0x2 in ", "log.0000000000000001 at offset 0 ", reason] {
                assert!(error.contains(part), "{part:?} in {error}");
            }
            fs::remove_dir_all(dir.0.join("paddock-1")).unwrap();
        }
    }
}

//! The end of a history is cut off and its state is built anew: what cannot be cut stays, and what a power cut leaves at each
//! step, on a simulated disk.

use std::path::Path;
use std::time::Instant;

use paddock_consensus::Zxid;
use paddock_consensus::input::Unsettled;
use paddock_engine::database::{Database, Rules};
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{Effect, Fault, FileSystem, Operation, Seeded};
use paddock_engine::log::{Log, LogConfig, LogError};
use paddock_engine::progress::Progress;
use paddock_engine::request::opcode;
use paddock_engine::snapshot;
use paddock_engine::tree::{ExtendedTypes, HashSeed};
use paddock_engine::truncation::{Rebuild, TruncationError, truncate};
use paddock_engine::txn::{CreateKind, Txn, TxnHeader, write_digest};

const SEED: HashSeed = HashSeed([7; 16]);

/// Ways in which each power cut is tried.
const SEEDS: u64 = 4;

/// The zxids of the history, of three epochs.
const ZXIDS: [i64; 9] = [1, 2, 3, 1 << 32 | 1, 1 << 32 | 2, 1 << 32 | 3, 1 << 32 | 4, 3 << 32 | 1, 3 << 32 | 2];

fn data() -> &'static Path {
    Path::new("/data")
}

/// A machine with a history, whose log is open, of several segments; the state is after the last transaction.
struct Server {
    machine: FileSystem,
    files: Files,
    log: Log,
    /// What the tree's digest is after each transaction, and of a fresh server.
    digests: Vec<(i64, u64)>,
}

fn config(machine: &FileSystem) -> LogConfig {
    let files = Files::Simulated(machine.clone());
    LogConfig { files, segment_bytes: 4096, first_bytes: 4096, ..LogConfig::new(data()) }
}

fn open(machine: &FileSystem) -> Result<(Log, Database), LogError> {
    let files = Files::Simulated(machine.clone());
    let mut database = Database::new(SEED, Rules::default());
    if let Some((_, path)) = snapshot::list(&files, data()).unwrap().pop() {
        let loaded = snapshot::load(&files, &path, ExtendedTypes::Off).unwrap();
        database = loaded.into_database(Rules::default());
    }
    let (log, _) = Log::open(config(machine), database.last_zxid(), &mut |zxid, bytes| {
        database.replay(zxid, bytes).map_err(|error| error.to_string())
    })?;
    Ok((log, database))
}

impl Server {
    /// One with a snapshot of each of these transactions.
    fn new(snapshots: &[i64]) -> Server {
        let machine = FileSystem::new(1);
        let files = Files::Simulated(machine.clone());
        files.create_dir(&data().join("paddock-1")).unwrap();
        let (mut log, mut database) = open(&machine).unwrap();
        let mut digests = vec![(0, database.tree().digest())];
        for zxid in ZXIDS {
            let bytes = transaction(&mut database, zxid);
            digests.push((zxid, database.tree().digest()));
            log.append(Zxid(zxid), |out| out.extend_from_slice(&bytes));
            // Two in a group at times, so that a group is shortened.
            if zxid % 2 == 1 {
                log.fence().unwrap();
            }
            if zxid % 3 == 1 {
                log.roll();
                while log.work(Instant::now()) == Progress::More {}
            }
            if snapshots.contains(&zxid) {
                log.fence().unwrap();
                snapshot::write_state(&files, data(), &mut database, &SEED).unwrap().publish().unwrap();
            }
        }
        log.fence().unwrap();
        assert!(log.stats().segments >= 3);
        Server { machine, files, log, digests }
    }

    fn truncate(&mut self, zxid: i64) -> Result<Result<(), Unsettled>, TruncationError> {
        truncate(&self.files, data(), &mut self.log, Zxid(zxid))
    }

    fn rebuild(&self) -> Result<Database, TruncationError> {
        Rebuild::new(&self.files, data(), &self.log, SEED, Rules::default())?.run(&mut || {})
    }

    /// That the state is just that after a transaction.
    fn check(&self, database: &Database, zxid: i64) {
        let state = (database.last_zxid().0, database.tree().digest());
        assert!(state.0 == zxid && self.digests.contains(&state), "{} and not {zxid:x}", database.last_zxid());
    }
}

/// The next transaction, applied.
fn transaction(database: &mut Database, zxid: i64) -> Vec<u8> {
    let kind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
    let (path, data) = (format!("/{zxid:x}").into(), vec![zxid as u8; 700]);
    let txn = Txn::Create { kind, path, data: Some(&data), acl: None, parent_cversion: -1 };
    let header = TxnHeader { client: 1, cxid: 1, zxid, time: zxid };
    let mut bytes = Vec::new();
    txn.write(&header, &mut bytes);
    database.apply(&header, &txn, None);
    write_digest(database.tree().digest(), &mut bytes);
    bytes
}

#[test]
fn a_history_ends_where_the_leader_says_and_its_state_is_had_again() {
    for snapshots in [&[][..], &[2], &[2, 1 << 32 | 2]] {
        for zxid in ZXIDS.into_iter().filter(|zxid| snapshots.last().is_none_or(|newest| newest <= zxid)) {
            let mut server = Server::new(snapshots);
            server.truncate(zxid).unwrap().unwrap();
            assert_eq!(server.log.range().last, Zxid(zxid));
            server.check(&server.rebuild().unwrap(), zxid);
            drop(server.log);
            let (_, database) = open(&server.machine).unwrap();
            assert_eq!(database.last_zxid(), Zxid(zxid));
        }
    }
}

#[test]
fn what_cannot_be_cut_stays_as_it_is() {
    let mut server = Server::new(&[2, 1 << 32 | 2]);
    for (zxid, why) in [
        (0, Unsettled::SnapshotAbove),
        (2, Unsettled::SnapshotAbove),
        (1 << 32 | 1, Unsettled::SnapshotAbove),
        (1 << 32 | 5, Unsettled::NotThere),
        (2 << 32 | 1, Unsettled::NotThere),
        (3 << 32 | 3, Unsettled::NotThere),
        (4 << 32, Unsettled::NotThere),
    ] {
        assert_eq!(server.truncate(zxid).unwrap(), Err(why), "{zxid:x}");
        assert_eq!(server.log.range().last, Zxid(ZXIDS[8]));
        server.check(&server.rebuild().unwrap(), ZXIDS[8]);
    }
    // Below the base nothing can be cut, and at the base all of the log goes.
    let mut server = Server::new(&[]);
    assert!(server.log.remove_before(Zxid(ZXIDS[3])).unwrap() > 0);
    let base = server.log.range().base;
    assert!(base > Zxid(1) && ZXIDS.contains(&base.0));
    assert_eq!(server.truncate(1).unwrap(), Err(Unsettled::NotThere));
    server.truncate(base.0).unwrap().unwrap();
    assert_eq!(server.log.range().last, base);
}

#[test]
fn a_snapshot_that_does_not_hold_is_passed_over() {
    let server = Server::new(&[2, 1 << 32 | 2]);
    let snapshots = snapshot::list(&server.files, data()).unwrap();
    for (_, path) in snapshots.iter().rev() {
        server.files.write_atomically(path, b"no snapshot").unwrap();
        // The log goes back to the first transaction.
        server.check(&server.rebuild().unwrap(), ZXIDS[8]);
    }
    // One of another transaction than its name says.
    server.files.remove(&snapshots[1].1).unwrap();
    let mut fresh = Database::new(SEED, Rules::default());
    let written = snapshot::write_state(&server.files, data(), &mut fresh, &SEED).unwrap().publish().unwrap();
    server.files.rename(&written, &snapshots[0].1).unwrap();
    server.check(&server.rebuild().unwrap(), ZXIDS[8]);

    let mut server = Server::new(&[1 << 32 | 2]);
    assert!(server.log.remove_before(Zxid(ZXIDS[3])).unwrap() > 0);
    let (_, path) = snapshot::list(&server.files, data()).unwrap().pop().unwrap();
    server.files.write_atomically(&path, b"no snapshot").unwrap();
    assert!(matches!(server.rebuild(), Err(TruncationError::NoSnapshotHolds { .. })));
}

#[test]
fn a_state_is_not_built_of_what_was_cut_meanwhile() {
    let mut server = Server::new(&[2]);
    let rebuild = Rebuild::new(&server.files, data(), &server.log, SEED, Rules::default()).unwrap();
    server.truncate(1 << 32 | 1).unwrap().unwrap();
    assert!(matches!(rebuild.run(&mut || {}), Err(TruncationError::Log(LogError::WasCut { .. }))));
    // While the log goes on, it is that of the moment in which it was asked for.
    let rebuild = Rebuild::new(&server.files, data(), &server.log, SEED, Rules::default()).unwrap();
    server.log.append(Zxid(5 << 32 | 1), |out| out.extend_from_slice(b"no transaction"));
    server.log.fence().unwrap();
    server.check(&rebuild.run(&mut || {}).unwrap(), 1 << 32 | 1);
    assert!(matches!(server.rebuild(), Err(TruncationError::Transaction { .. })));
}

#[test]
fn a_power_cut_leaves_what_was_to_stay_and_the_leader_says_it_again() {
    let snapshots: &[i64] = &[2];
    for zxid in &ZXIDS[1..] {
        let mut server = Server::new(snapshots);
        server.machine.record();
        server.truncate(*zxid).unwrap().unwrap();
        let moments = server.machine.take_recorded();
        let done = server.machine.moment();
        for (at, moment) in moments.iter().chain([&done]).enumerate() {
            for seed in 0..SEEDS {
                let left = moment.crashed(&mut Seeded::new(seed));
                let (log, database) = open(&left).unwrap_or_else(|error| panic!("{zxid:x} at {at}: {error}"));
                let last = database.last_zxid().0;
                assert!(last >= *zxid && (at < moments.len() || last == *zxid), "{zxid:x} at {at}: {last:x}");
                server.check(&database, last);
                let files = Files::Simulated(left.clone());
                let mut again = Server { machine: left.clone(), files, log, digests: server.digests.clone() };
                again.truncate(*zxid).unwrap().unwrap();
                again.check(&again.rebuild().unwrap(), *zxid);
                drop(again.log);
                let (_, database) = open(&left.moment().crashed(&mut Seeded::new(seed))).unwrap();
                server.check(&database, *zxid);
            }
        }
    }
}

#[test]
fn an_error_of_the_disk_is_told_and_leaves_what_was_to_stay() {
    let (zxid, mut ends) = (1 << 32 | 2, 0);
    for operation in [
        Operation::Create,
        Operation::Write,
        Operation::SetLength,
        Operation::SyncFile,
        Operation::SyncDirectory,
        Operation::Rename,
        Operation::Unlink,
    ] {
        for skipped in 0..8 {
            let mut server = Server::new(&[2]);
            server.machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::Fails(libc::EIO) });
            let truncated = server.truncate(zxid);
            server.machine.clear_faults();
            if let Err(error) = truncated {
                assert!(matches!(error, TruncationError::Log(LogError::Io { .. })), "{operation:?} {skipped}: {error}");
                ends += 1;
            }
            let left = server.machine.moment().crashed(&mut Seeded::new(1));
            let (_, database) = open(&left).unwrap_or_else(|error| panic!("{operation:?} {skipped}: {error}"));
            assert!(database.last_zxid().0 >= zxid, "{operation:?} {skipped}: {}", database.last_zxid());
            server.check(&database, database.last_zxid().0);
        }
    }
    assert!(ends > 10, "{ends}");
}

//! Backups of a server on simulated files, and every state that they reach.

use std::borrow::Cow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Instant, UNIX_EPOCH};

use paddock_consensus::{Epoch, Zxid};

use super::index::BYTES_MAX;
use super::log_piece;
use super::restoration::EPOCHS_SINCE;
use super::{
    Backup, BackupDirectory, BackupError, History, Index, Keep, Observer, Placement, Restored, Settings, Source, Taken,
    To, build, find, place, read_index, take, verify,
};
use crate::database::{Database, Rules};
use crate::epoch_files::EpochFiles;
use crate::generation::NextGeneration;
use crate::io::simulated::FileSystem;
use crate::io::{Access, DataDir, DirError, Files};
use crate::log::{Log, LogConfig, LogError, Place, begin_after, cut_after, log_dir};
use crate::progress::Progress;
use crate::request::opcode;
use crate::snapshot::{load_named, snapshot_path, write_state};
use crate::tree::HashSeed;
use crate::txn::{CreateKind, Txn, TxnHeader, write_digest};
use crate::zookeeper::log::{put_header, put_record};

const SEED: HashSeed = HashSeed([7; 16]);
const DATA: &str = "/data";
const LOG: &str = "/log";
const BACKUP: &str = "/backup";

/// Waits for nothing.
struct Eager;

impl Observer for Eager {
    fn expect(&mut self, _: u64) {}

    fn note(&mut self, _: u64) -> bool {
        true
    }

    fn wait(&mut self) -> bool {
        false
    }
}

/// A server with its directories, and the digest of its tree after each transaction.
struct Server {
    files: Files,
    data: PathBuf,
    logs: PathBuf,
    database: Database,
    log: Log,
    digests: Vec<u64>,
}

fn log_config(files: &Files, data: &Path, logs: &Path) -> LogConfig {
    let data_dir = data.to_owned();
    LogConfig { files: files.clone(), data_dir, segment_bytes: 64 << 10, first_bytes: 64 << 10, ..LogConfig::new(logs) }
}

fn machine() -> Files {
    Files::Simulated(FileSystem::new(1))
}

fn create(path: &str) -> Txn<'_> {
    let kind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
    Txn::Create { kind, path: Cow::Borrowed(path), data: Some(b"data"), acl: None, parent_cversion: -1 }
}

/// The next transaction, of a second that is its number, with its bytes. It is applied.
fn next(database: &mut Database, word: &str) -> (Zxid, Vec<u8>) {
    let zxid = database.last_zxid().0 + 1;
    let header = TxnHeader { client: 1, cxid: 1, zxid, time: zxid * 1000 };
    let path = format!("/{word}-{zxid}");
    let txn = create(&path);
    let mut bytes = Vec::new();
    txn.write(&header, &mut bytes);
    database.apply(&header, &txn, None);
    write_digest(database.tree().digest(), &mut bytes);
    (Zxid(zxid), bytes)
}

impl Server {
    fn new(files: &Files, data: &str, logs: &str) -> Server {
        let (data, logs) = (PathBuf::from(data), PathBuf::from(logs));
        files.create_dir(&data.join("paddock-1")).unwrap();
        files.create_dir(&logs).unwrap();
        let (log, _) = Log::open(log_config(files, &data, &logs), Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
        let database = Database::new(SEED, Rules::default());
        let digests = vec![database.tree().digest()];
        Server { files: files.clone(), data, logs, database, log, digests }
    }

    fn source(&self) -> Source<'_> {
        Source { files: &self.files, data_dir: &self.data, log_dir: &self.logs }
    }

    /// Transactions, each in a group of its own.
    fn write(&mut self, count: i64, word: &str) {
        for _ in 0..count {
            let (zxid, bytes) = next(&mut self.database, word);
            self.digests.push(self.database.tree().digest());
            self.log.append(zxid, |out| out.extend_from_slice(&bytes));
            self.log.fence().unwrap();
        }
    }

    fn snapshot(&mut self) {
        write_state(&self.files, &self.data, &mut self.database, &SEED).unwrap().publish().unwrap();
    }

    fn purge(&mut self) {
        self.log.remove_before(self.database.last_zxid()).unwrap();
        while self.log.work(Instant::now()) == Progress::More {}
    }

    /// Of a server that began anew: the directory is its own from then on.
    fn take_over(&self) -> Taken {
        let mut directory = BackupDirectory::open(&self.files, Path::new(BACKUP)).unwrap();
        directory.take_over();
        take(&self.source(), &mut directory, Keep::default(), &mut Eager).unwrap()
    }

    fn back_up(&self, keep: Keep) -> Result<Taken, BackupError> {
        let mut directory = BackupDirectory::open(&self.files, Path::new(BACKUP))?;
        take(&self.source(), &mut directory, keep, &mut Eager)
    }
}

fn settings() -> Settings {
    Settings { seed: SEED, rules: Rules::default() }
}

fn restore(files: &Files, to: To) -> Result<Restored, BackupError> {
    let found = read_index(files, Path::new(BACKUP))?;
    let target = find(files, Path::new(BACKUP), &found.index, to)?;
    build(files, &target, &settings(), &mut Eager)
}

fn last_of(restored: &Restored) -> i64 {
    restored.database.last_zxid().0
}

/// Every state that the backups reach is the server's.
fn assert_reached(server: &Server, from: i64, to: i64) {
    for zxid in from..=to {
        let restored = restore(&server.files, To::Zxid(Zxid(zxid))).unwrap();
        assert_eq!(last_of(&restored), zxid);
        assert_eq!(restored.database.tree().digest(), server.digests[usize::try_from(zxid).unwrap()], "{zxid}");
    }
    for zxid in [from - 1, to + 1] {
        let result = restore(&server.files, To::Zxid(Zxid(zxid)));
        assert!(matches!(result, Err(BackupError::NotReached { .. })), "{zxid}");
    }
}

#[test]
fn each_transaction_can_be_come_to_and_a_backup_copies_only_what_is_new() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    // The last group is in doubt: nothing tells yet that it is durable.
    let first = server.back_up(Keep::default()).unwrap();
    assert_eq!((first.backup.last, first.in_doubt), (Zxid(4), Some(Zxid(5))));
    assert_reached(&server, 0, 4);
    server.write(30, "b");
    server.snapshot();
    server.write(3, "c");
    let second = server.back_up(Keep::default()).unwrap();
    let log = second.log.unwrap();
    assert_eq!((log.first, log.after, log.last, log.records), (Zxid(5), Zxid(4), Zxid(37), 33));
    assert_eq!(second.snapshot.map(|snapshot| snapshot.zxid), Some(Zxid(35)));
    assert_eq!((second.backup.number, second.backup.history, second.backup.from), (2, 1, Zxid(35)));
    assert_reached(&server, 0, 37);
    server.write(1, "d");
    server.snapshot();
    server.log.close().unwrap();
    let Server { files: files_again, data, logs, database, digests, .. } = server;
    let (log, found) = Log::open(log_config(&files_again, &data, &logs), Zxid(39), &mut |_, _| Ok(())).unwrap();
    assert_eq!(found.last, Zxid(39));
    let server = Server { files: files_again, data, logs, database, log, digests };
    let third = server.back_up(Keep::default()).unwrap();
    assert_eq!((third.backup.last, third.in_doubt, third.diverged), (Zxid(39), None, None));
    let fourth = server.back_up(Keep::default()).unwrap();
    assert_eq!((fourth.log, fourth.snapshot, fourth.backup.last), (None, None, Zxid(39)), "nothing is new");
    assert_reached(&server, 0, 39);
    let index = read_index(&files, Path::new(BACKUP)).unwrap().index;
    let verified = verify(&files, Path::new(BACKUP), &index, &mut |_| true).unwrap();
    assert_eq!((verified.snapshots, verified.logs, verified.transactions), (2, 3, 39));
    assert!(verified.damaged.is_empty(), "{verified:?}");
}

#[test]
fn what_is_restored_is_what_a_server_starts_with() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(20, "a");
    server.back_up(Keep::default()).unwrap();
    for (zxid, member) in [(0, None), (7, None), (19, Some(3))] {
        let restored = restore(&files, To::Zxid(Zxid(zxid))).unwrap();
        let (data, logs) = (PathBuf::from(format!("/data-{zxid}")), PathBuf::from(format!("/log-{zxid}")));
        let placement = Placement { data_dir: &data, log_dir: &logs, member };
        let placed = place(&files, restored, &placement, &Rules::default()).unwrap();
        assert_eq!((placed.zxid, placed.digest), (Zxid(zxid), server.digests[usize::try_from(zxid).unwrap()]));
        let loaded = load_named(&files, &snapshot_path(&data, Zxid(zxid)), Zxid(zxid), Default::default()).unwrap();
        assert_eq!(loaded.tree.digest(), placed.digest);
        // The snapshot is missed if it is not there, and the log goes on behind it.
        if zxid > 0 {
            assert!(Log::open(log_config(&files, &data, &logs), Zxid::ZERO, &mut |_, _| Ok(())).is_err());
        }
        let (mut log, _) = Log::open(log_config(&files, &data, &logs), Zxid(zxid), &mut |_, _| Ok(())).unwrap();
        log.append(Zxid(zxid + 1), |out| out.extend_from_slice(b"next"));
        log.fence().unwrap();
        let epochs = EpochFiles::read(&files, &data).unwrap();
        let promised = member.map(|_| (Epoch(EPOCHS_SINCE), Epoch(0)));
        assert_eq!(
            epochs.accepted().zip(epochs.current()),
            promised,
            "more epochs may have been begun than the backups know of"
        );
        let myid = files.read(&data.join("myid"), 10).ok();
        assert_eq!(myid, member.map(|id| format!("{id}\n").into_bytes()));
        // A second time there is something.
        let restored = restore(&files, To::Newest).unwrap();
        let result = place(&files, restored, &placement, &Rules::default());
        assert!(matches!(result, Err(BackupError::NotEmpty { .. })));
    }
}

/// It would begin anew in the directory, and what is restored would come beneath it.
#[test]
fn a_server_that_was_started_meanwhile_keeps_what_is_restored_out() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(2, "a");
    server.back_up(Keep::default()).unwrap();
    let (data, logs) = (Path::new("/data-held"), Path::new("/log-held"));
    let held = DataDir::open(&files, data, true).unwrap();
    let placement = Placement { data_dir: data, log_dir: logs, member: None };
    let result = place(&files, restore(&files, To::Newest).unwrap(), &placement, &Rules::default());
    assert!(matches!(result, Err(BackupError::Directory(DirError::Locked { .. }))));
    drop(held);
    place(&files, restore(&files, To::Newest).unwrap(), &placement, &Rules::default()).unwrap();
}

#[test]
fn a_time_means_what_was_ordered_until_then() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(10, "a");
    server.back_up(Keep::default()).unwrap();
    server.write(10, "b");
    server.back_up(Keep::default()).unwrap();
    for (millis, zxid) in [(999, 0), (1000, 1), (8_999, 8), (9_000, 9), (10_500, 10), (15_001, 15), (i64::MAX, 19)] {
        let restored = restore(&files, To::Time(millis)).unwrap();
        assert_eq!(last_of(&restored), zxid, "{millis}");
        assert_eq!(restored.time, (zxid > 0).then_some(zxid * 1000));
    }
}

/// What a server has that lost its data and begins anew is younger than what it had.
#[test]
fn a_time_before_a_loss_means_what_was_there_then() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(10, "a");
    server.back_up(Keep::default()).unwrap();
    let mut fresh = Server::new(&files, "/data-fresh", "/log-fresh");
    for (zxid, time) in [(1, 50_000), (2, 51_000)] {
        let header = TxnHeader { client: 1, cxid: 1, zxid, time };
        let mut bytes = Vec::new();
        create("/fresh").write(&header, &mut bytes);
        fresh.log.append(Zxid(zxid), |out| out.extend_from_slice(&bytes));
        fresh.log.fence().unwrap();
    }
    let taken = fresh.take_over();
    assert_eq!((taken.backup.history, taken.backup.from, taken.backup.last), (2, Zxid::ZERO, Zxid(1)));
    let index = read_index(&files, Path::new(BACKUP)).unwrap().index;
    for (millis, history, zxid) in [(999, 1, 0), (5000, 1, 5), (49_999, 1, 9), (50_000, 2, 1)] {
        let target = find(&files, Path::new(BACKUP), &index, To::Time(millis)).unwrap();
        assert_eq!((target.history.number, target.zxid), (history, Zxid(zxid)), "{millis}");
    }
}

#[test]
fn what_was_purged_before_it_was_copied_begins_another_history() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    server.back_up(Keep::default()).unwrap();
    server.write(300, "b");
    server.snapshot();
    server.purge();
    server.write(2, "c");
    let taken = server.back_up(Keep::default()).unwrap();
    assert!(
        taken.diverged.as_ref().is_some_and(|why| why.starts_with("the log has no transactions before ")),
        "{taken:?}"
    );
    assert_eq!((taken.backup.history, taken.backup.from, taken.backup.last), (2, Zxid(305), Zxid(306)));
    for (zxid, is_reached) in [(4, true), (5, false), (304, false), (305, true), (306, true)] {
        assert_eq!(restore(&files, To::Zxid(Zxid(zxid))).is_ok(), is_reached, "{zxid}");
    }
    // Only what the newest needs stays.
    let taken = server.back_up(Keep { count: Some(1), ..Keep::default() }).unwrap();
    assert_eq!(taken.removed, [1, 2]);
    assert!(!files.exists(Path::new("/backup/history.1")).unwrap());
    assert!(restore(&files, To::Zxid(Zxid(4))).is_err() && restore(&files, To::Newest).is_ok());
}

#[test]
fn a_log_that_was_cut_and_went_on_is_another_history() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(10, "a");
    server.log.close().unwrap();
    let Server { data, logs, .. } = server;
    let source = Source { files: &files, data_dir: &data, log_dir: &logs };
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    let taken = take(&source, &mut directory, Keep::default(), &mut Eager).unwrap();
    assert_eq!((taken.backup.last, taken.in_doubt), (Zxid(10), None));
    cut_after(Place { files: &files, dir: &logs, data_dir: &data, snapshot: Zxid::ZERO }, Zxid(7)).unwrap();
    let taken = take(&source, &mut directory, Keep::default(), &mut Eager).unwrap();
    assert_eq!(taken.diverged.as_deref(), Some("the server's last transaction is 0x7"));
    assert_eq!((taken.backup.history, taken.backup.last), (2, Zxid(7)));
    // Of those that are in both the newer history counts.
    let found = find(&files, Path::new(BACKUP), directory.index(), To::Zxid(Zxid(6))).unwrap();
    assert_eq!(found.history.number, 2);
    let found = find(&files, Path::new(BACKUP), directory.index(), To::Zxid(Zxid(9))).unwrap();
    assert_eq!(found.history.number, 1);
}

#[test]
fn a_damaged_file_is_told_and_an_older_snapshot_is_enough() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    server.snapshot();
    server.back_up(Keep::default()).unwrap();
    server.write(5, "b");
    server.snapshot();
    server.write(2, "c");
    server.back_up(Keep::default()).unwrap();
    let flip = |path: &str| {
        let bytes = files.read(Path::new(path), 1 << 20).unwrap();
        let at = bytes.len() / 2;
        files.open(Path::new(path), Access::Write).unwrap().write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
    };
    flip("/backup/history.1/snapshot.000000000000000a");
    let restored = restore(&files, To::Newest).unwrap();
    assert_eq!((last_of(&restored), restored.from, restored.remarks.len()), (11, Zxid(5), 1));
    let index = read_index(&files, Path::new(BACKUP)).unwrap().index;
    let verified = verify(&files, Path::new(BACKUP), &index, &mut |_| true).unwrap();
    assert_eq!(verified.damaged.len(), 1, "{verified:?}");
    flip("/backup/history.1/log.6");
    assert!(matches!(restore(&files, To::Newest), Err(BackupError::Damaged { .. })));
    assert!(restore(&files, To::Zxid(Zxid(5))).is_ok());
    // The index has a copy.
    flip("/backup/paddock.backup");
    assert!(read_index(&files, Path::new(BACKUP)).unwrap().remark.is_some());
    flip("/backup/paddock.backup.copy");
    assert!(matches!(read_index(&files, Path::new(BACKUP)), Err(BackupError::Damaged { .. })));
}

#[test]
fn what_is_no_backup_is_not_touched() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    let empty = server.back_up(Keep::default()).unwrap();
    assert_eq!((empty.backup.from, empty.backup.last), (Zxid::ZERO, Zxid::ZERO), "nothing was written yet");
    assert!(restore(&files, To::Newest).is_ok());
    let result = BackupDirectory::open(&files, Path::new(DATA));
    assert!(matches!(result, Err(BackupError::NotABackup { is_empty: false, .. })), "{result:?}");
    assert!(!files.exists(&Path::new(DATA).join("paddock.lock")).unwrap());
    assert!(matches!(read_index(&files, Path::new("/none")), Err(BackupError::NotABackup { .. })));
    let other = Path::new("/nothing");
    files.create_dir(other).unwrap();
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    let source = Source { files: &files, data_dir: other, log_dir: other };
    let result = take(&source, &mut directory, Keep::default(), &mut Eager);
    assert!(matches!(result, Err(BackupError::Nothing { .. })), "{result:?}");
    // The log is not where it was said to be.
    server.write(3, "a");
    server.log.close().unwrap();
    let source = Source { files: &files, data_dir: &server.data, log_dir: other };
    let result = take(&source, &mut directory, Keep::default(), &mut Eager);
    assert!(matches!(result, Err(BackupError::LogElsewhere { .. })), "{result:?}");
}

/// The server that starts with what was restored, in directories of these names.
fn start_restored(files: &Files, zxid: i64, name: &str) -> Server {
    let (data, logs) = (PathBuf::from(format!("/data-{name}")), PathBuf::from(format!("/log-{name}")));
    let placement = Placement { data_dir: &data, log_dir: &logs, member: None };
    place(files, restore(files, To::Zxid(Zxid(zxid))).unwrap(), &placement, &Rules::default()).unwrap();
    let database = restore(files, To::Zxid(Zxid(zxid))).unwrap().database;
    let (log, _) = Log::open(log_config(files, &data, &logs), Zxid(zxid), &mut |_, _| Ok(())).unwrap();
    Server { files: files.clone(), data, logs, database, log, digests: Vec::new() }
}

/// The state after a transaction of the newest history is the one that the server had when it was there.
fn assert_newest_is(server: &Server, zxid: i64) {
    let restored = restore(&server.files, To::Newest).unwrap();
    assert_eq!((last_of(&restored), restored.database.tree().digest()), (zxid, server.database.tree().digest()));
}

#[test]
fn other_transactions_under_the_same_zxids_never_come_behind_those_of_a_history() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(10, "a");
    server.back_up(Keep::default()).unwrap();
    // Of what was restored there is only the snapshot yet, by which the history is known.
    let server = start_restored(&files, 5, "five");
    let refused = server.back_up(Keep::default()).unwrap_err();
    assert!(matches!(&refused, BackupError::AnotherServer { .. }), "{refused}");
    assert!(refused.to_string().contains("--take-over") && restore(&files, To::Zxid(Zxid(9))).is_ok(), "{refused}");
    let taken = server.take_over();
    assert_eq!(taken.diverged.as_deref(), Some("the server's last transaction is 0x5"));
    assert_eq!((taken.backup.history, taken.backup.from, taken.backup.last), (2, Zxid(5), Zxid(5)));
    let taken = server.back_up(Keep::default()).unwrap();
    assert_eq!((taken.diverged, taken.snapshot, taken.backup.history), (None, None, 2), "it is the same snapshot");
    // It is restored once more, to what was before.
    let mut other = start_restored(&files, 3, "three");
    other.write(6, "other");
    let taken = other.take_over();
    assert!(taken.diverged.is_some(), "{taken:?}");
    assert_eq!((taken.backup.history, taken.backup.from, taken.backup.last), (3, Zxid(3), Zxid(8)));
    other.snapshot();
    let Server { data, logs, database, log, .. } = other;
    log.close().unwrap();
    // A log that begins just behind the end of the history does not show what was before.
    files.create_dir(Path::new("/data-later/paddock-1")).unwrap();
    let (later, later_logs) = (Path::new("/data-later"), Path::new("/log-later"));
    let mut later_database = Database::new(SEED, Rules::default());
    (0..9).for_each(|_| drop(next(&mut later_database, "later")));
    write_state(&files, later, &mut later_database, &SEED).unwrap().publish().unwrap();
    begin_after(&files, later, later_logs, Zxid(9)).unwrap();
    let source = Source { files: &files, data_dir: &data, log_dir: &logs };
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    let taken = take(&source, &mut directory, Keep::default(), &mut Eager).unwrap();
    assert_eq!((taken.backup.history, taken.backup.last, taken.diverged), (3, Zxid(9), None));
    assert_eq!(database.last_zxid(), Zxid(9));
    drop(directory);
    let (log, _) = Log::open(log_config(&files, later, later_logs), Zxid(9), &mut |_, _| Ok(())).unwrap();
    let (data, logs) = (later.to_owned(), later_logs.to_owned());
    let mut later = Server { files: files.clone(), data, logs, database: later_database, log, digests: Vec::new() };
    later.write(3, "later");
    let taken = later.take_over();
    assert_eq!(taken.diverged.as_deref(), Some("the log has no transaction 0x9"));
    assert_eq!((taken.backup.history, taken.backup.from, taken.backup.last), (4, Zxid(9), Zxid(11)));
    later.log.close().unwrap();
}

#[test]
fn a_restored_server_goes_on_with_what_was_restored() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(10, "a");
    server.back_up(Keep::default()).unwrap();
    let mut server = start_restored(&files, 5, "five");
    server.take_over();
    server.write(4, "b");
    server.snapshot();
    let taken = server.back_up(Keep::default()).unwrap();
    assert_eq!((taken.backup.history, taken.backup.from, taken.backup.last), (2, Zxid(9), Zxid(9)));
    assert_newest_is(&server, 9);
    server.write(20, "c");
    server.snapshot();
    let taken = server.back_up(Keep { count: Some(1), ..Keep::default() }).unwrap();
    assert_eq!((taken.backup.history, taken.backup.from, taken.backup.last), (2, Zxid(29), Zxid(29)));
    server.write(1, "d");
    server.snapshot();
    let taken = server.back_up(Keep::default()).unwrap();
    assert_eq!((taken.backup.history, taken.backup.last, taken.diverged), (2, Zxid(30), None), "its end stays known");
    assert_newest_is(&server, 30);
}

#[test]
fn a_log_that_is_cut_while_it_is_read_is_not_taken_for_a_damaged_one() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(10, "a");
    server.log.close().unwrap();
    let Server { data, logs, .. } = server;
    let source = Source { files: &files, data_dir: &data, log_dir: &logs };
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    let cut = || {
        cut_after(Place { files: &files, dir: &logs, data_dir: &data, snapshot: Zxid::ZERO }, Zxid(7)).unwrap();
    };
    let taken = take(&source, &mut directory, Keep::default(), &mut Meddler(Some(cut))).unwrap();
    assert_eq!((taken.backup.last, taken.in_doubt, taken.diverged), (Zxid(7), None, None));
    // A damaged one is.
    let segment = log_dir(&logs).join("log.0000000000000001");
    files.open(&segment, Access::Write).unwrap().write_all_at(&[1; 512], 3 * 512).unwrap();
    let result = take(&source, &mut directory, Keep::default(), &mut Eager);
    assert!(matches!(result, Err(BackupError::Log(LogError::Damaged(_)))), "{result:?}");
}

#[test]
fn a_full_disk_is_not_kept_full_by_what_an_attempt_has_left() {
    let machine = FileSystem::new(1);
    let files = Files::Simulated(machine.clone());
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    server.back_up(Keep::default()).unwrap();
    server.write(5, "b");
    let left = || files.list(Path::new("/backup/history.1")).unwrap().len();
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    machine.refuse_space(&["paddock.backup"]);
    let result = take(&server.source(), &mut directory, Keep::default(), &mut Eager);
    assert!(matches!(result, Err(BackupError::Io { .. })), "{result:?}");
    assert_eq!(left(), 2, "it is not known whether the index names it");
    drop(directory);
    assert!(BackupDirectory::open(&files, Path::new(BACKUP)).is_err());
    assert_eq!(left(), 1, "neither the index nor its copy names it");
    assert_reached(&server, 0, 4);
    machine.refuse_space(&[]);
    assert_eq!(server.back_up(Keep::default()).unwrap().backup.last, Zxid(9));
    assert_reached(&server, 0, 9);
}

#[test]
fn an_index_that_could_not_be_read_is_not_written() {
    let files = machine();
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    let (zxid, epoch) = (Zxid::ZERO, Epoch(0));
    let backup = |number| Backup { number, history: 1, taken: 0, from: zxid, last: zxid, epoch };
    let one = Index { server: None, histories: Vec::new(), backups: vec![backup(1)] }.text().len() as u64;
    let index =
        Index { server: None, histories: Vec::new(), backups: (1..BYTES_MAX / (one - 40)).map(backup).collect() };
    let result = directory.replace_index(index);
    assert!(matches!(result, Err(BackupError::TooMany { .. })), "{result:?}");
    assert_eq!(read_index(&files, Path::new(BACKUP)).unwrap().index, Index::default());
}

#[test]
fn a_part_of_the_log_that_ends_too_early_is_told() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    server.back_up(Keep::default()).unwrap();
    server.write(5, "b");
    server.back_up(Keep::default()).unwrap();
    let path = Path::new("/backup/history.1/log.1");
    let mut whole = Vec::new();
    put_header(&mut whole);
    log_piece::read(&files, path, &mut |zxid, txn| {
        if zxid < Zxid(4) {
            put_record(txn, &mut whole);
        }
        true
    })
    .unwrap();
    files.write_atomically(path, &whole).unwrap();
    for to in [To::Newest, To::Zxid(Zxid(4))] {
        let Err(BackupError::Damaged { file, what }) = restore(&files, to) else { panic!("{to:?} was restored") };
        assert_eq!((&*file, &*what), (path, "it ends with transaction 0x3, and had 0x4 as its last"));
    }
    assert!(restore(&files, To::Zxid(Zxid(3))).is_ok());
}

/// Does something once, after the first bytes.
struct Meddler<F>(Option<F>);

impl<F: FnOnce()> Observer for Meddler<F> {
    fn expect(&mut self, _: u64) {}

    fn note(&mut self, _: u64) -> bool {
        if let Some(meddle) = self.0.take() {
            meddle();
        }
        true
    }

    fn wait(&mut self) -> bool {
        false
    }
}

#[test]
fn what_is_purged_while_it_is_read_is_begun_again() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    server.back_up(Keep::default()).unwrap();
    server.write(300, "b");
    server.snapshot();
    let Server { data, logs, mut log, .. } = server;
    let source = Source { files: &files, data_dir: &data, log_dir: &logs };
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    let purge = || {
        assert!(log.remove_before(Zxid(305)).unwrap() > 1);
        while log.work(Instant::now()) == Progress::More {}
    };
    let taken = take(&source, &mut directory, Keep::default(), &mut Meddler(Some(purge))).unwrap();
    assert!(taken.diverged.is_some(), "{taken:?}");
    assert_eq!((taken.backup.number, taken.backup.from, taken.backup.last), (2, Zxid(305), Zxid(305)));
    assert!(restore(&files, To::Newest).is_ok() && restore(&files, To::Zxid(Zxid(4))).is_ok());
}

/// Does something once, as soon as something was opened.
struct Hurried<F>(Option<F>);

impl<F: FnOnce()> Observer for Hurried<F> {
    fn expect(&mut self, _: u64) {
        if let Some(meddle) = self.0.take() {
            meddle();
        }
    }

    fn note(&mut self, _: u64) -> bool {
        true
    }

    fn wait(&mut self) -> bool {
        false
    }
}

#[test]
fn what_is_purged_while_a_history_is_begun_is_begun_with_a_newer_snapshot() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(100, "a");
    server.snapshot();
    server.write(300, "b");
    let Server { data, logs, mut log, mut database, .. } = server;
    let source = Source { files: &files, data_dir: &data, log_dir: &logs };
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    let purge = || {
        write_state(&files, &data, &mut database, &SEED).unwrap().publish().unwrap();
        files.remove(&snapshot_path(&data, Zxid(100))).unwrap();
        assert!(log.remove_before(Zxid(400)).unwrap() > 1);
        while log.work(Instant::now()) == Progress::More {}
    };
    let taken = take(&source, &mut directory, Keep::default(), &mut Hurried(Some(purge))).unwrap();
    assert_eq!((taken.backup.history, taken.backup.from, taken.backup.last), (1, Zxid(400), Zxid(400)));
    assert!(restore(&files, To::Newest).is_ok());
}

#[test]
fn a_history_that_takes_the_place_of_the_one_that_is_read_is_the_one_that_is_copied() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    let mut other = Database::new(SEED, Rules::default());
    for _ in 0..8 {
        next(&mut other, "other");
    }
    let digest = other.tree().digest();
    let config = log_config(&files, &server.data, &server.logs);
    let mut succeeded = None;
    let succeed = || succeeded = Some(NextGeneration::begin(config, &mut other, &SEED).unwrap().succeed().unwrap());
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    let taken = take(&server.source(), &mut directory, Keep::default(), &mut Meddler(Some(succeed))).unwrap();
    assert!(succeeded.is_some());
    assert_eq!((taken.backup.history, taken.backup.from, taken.backup.last), (1, Zxid(8), Zxid(8)));
    assert_eq!(restore(&files, To::Newest).unwrap().database.tree().digest(), digest);
    // What the first attempt had begun is gone.
    assert!(restore(&files, To::Zxid(Zxid(5))).is_err());
}

/// Gives up at once.
struct Weary;

impl Observer for Weary {
    fn expect(&mut self, _: u64) {}

    fn note(&mut self, _: u64) -> bool {
        false
    }

    fn wait(&mut self) -> bool {
        false
    }
}

#[test]
fn what_is_given_up_leaves_the_backups_before() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    let first = server.back_up(Keep::default()).unwrap();
    server.write(5, "b");
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    let result = take(&server.source(), &mut directory, Keep::default(), &mut Weary);
    assert!(matches!(result, Err(BackupError::GivenUp)), "{result:?}");
    assert_eq!(directory.index().backups, [first.backup]);
    assert_eq!(files.list(Path::new("/backup/history.1")).unwrap(), ["log.1"]);
    assert_reached(&server, 0, 4);
}

/// Gives up as soon as it was told so often that more is going to be read.
struct UntilExpected(u32);

impl Observer for UntilExpected {
    fn expect(&mut self, _: u64) {
        self.0 -= 1;
    }

    fn note(&mut self, _: u64) -> bool {
        self.0 > 0
    }

    fn wait(&mut self) -> bool {
        false
    }
}

/// Whoever leaves the disk to others for moments does so while it is read back, too.
#[test]
fn what_is_read_back_is_told_as_well() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    server.snapshot();
    server.write(5, "b");
    // The log, what was copied of it, the snapshot, and what was copied of that.
    for step in 1..=4 {
        let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
        let result = take(&server.source(), &mut directory, Keep::default(), &mut UntilExpected(step));
        assert!(matches!(result, Err(BackupError::GivenUp)), "{step}: {result:?}");
    }
    let mut directory = BackupDirectory::open(&files, Path::new(BACKUP)).unwrap();
    take(&server.source(), &mut directory, Keep::default(), &mut UntilExpected(5)).unwrap();
}

/// The modes of all that is in a directory of this machine, with its own.
fn modes(path: &Path) -> Vec<(PathBuf, u32)> {
    let mut modes = vec![(path.to_owned(), std::fs::metadata(path).unwrap().permissions().mode() & 0o7777)];
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => modes.extend(self::modes(&path)),
            false => modes.push((path.clone(), std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777)),
        }
    }
    modes
}

#[test]
fn what_is_backed_up_and_restored_is_the_users_alone() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    server.snapshot();
    server.write(5, "b");
    server.back_up(Keep::default()).unwrap();
    let home = std::env::temp_dir().join(format!("paddock-backup-modes-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&home);
    let (backups, data, logs) = (home.join("backups"), home.join("data"), home.join("logs"));
    let mut directory = BackupDirectory::open(&Files::Real, &backups).unwrap();
    take(&server.source(), &mut directory, Keep::default(), &mut Eager).unwrap();
    let placement = Placement { data_dir: &data, log_dir: &logs, member: Some(1) };
    place(&Files::Real, restore(&files, To::Newest).unwrap(), &placement, &Rules::default()).unwrap();
    let found: Vec<(PathBuf, u32)> = [&backups, &data, &logs].into_iter().flat_map(|path| modes(path)).collect();
    assert!(found.len() >= 14, "{found:?}");
    for (path, mode) in found {
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
    std::fs::remove_dir_all(&home).unwrap();
}

/// What is ordered while a backup is taken need not be in it, so that it is not one of the time when that ended.
#[test]
fn a_backup_is_of_the_moment_in_which_it_was_begun() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(3, "a");
    let path = std::env::temp_dir().join(format!("paddock-backup-begun-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let now = || i64::try_from(Files::Real.now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let mut read = 0;
    let pass = || {
        read = now();
        while now() <= read {}
    };
    let mut directory = BackupDirectory::open(&Files::Real, &path).unwrap();
    let taken = take(&server.source(), &mut directory, Keep::default(), &mut Meddler(Some(pass)));
    std::fs::remove_dir_all(&path).unwrap();
    let taken = taken.unwrap().backup.taken;
    assert!(0 < taken && taken <= read, "{taken}, and it was read {read}");
}

#[test]
fn of_many_histories_the_newest_are_told() {
    let history = |number| History { number, ..History::default() };
    let told = |count| {
        let index = Index { server: None, histories: (1..=count).map(history).collect(), backups: Vec::new() };
        find(&machine(), Path::new(BACKUP), &index, To::Zxid(Zxid(1))).unwrap_err().to_string()
    };
    assert!(told(0).ends_with(": there is none yet"), "{}", told(0));
    assert!(told(2).ends_with(": they go from 0x0 to 0x0, and from 0x0 to 0x0"), "{}", told(2));
    let many = told(1000);
    assert!(
        many.len() < 500 && many.contains(": the newest ones go from 0x0 ") && many.ends_with("has all)"),
        "{many}"
    );
}

#[test]
fn a_time_before_all_backups_is_told_with_where_the_times_are() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    server.write(5, "a");
    server.snapshot();
    server.write(2, "b");
    server.back_up(Keep::default()).unwrap();
    let Err(error) = restore(&files, To::Time(-1)) else { panic!("something was restored") };
    let told = error.to_string();
    assert!(
        told.contains("the time -1, ms after 1970 (`paddock backup --list`") && told.ends_with("from 0x5 to 0x6"),
        "{told}"
    );
}

#[test]
fn a_hole_in_a_log_is_told_of_each_backup_of_its_history() {
    let files = machine();
    let mut server = Server::new(&files, DATA, LOG);
    for _ in 0..2 {
        server.write(5, "a");
        server.back_up(Keep::default()).unwrap();
    }
    let mut index = read_index(&files, Path::new(BACKUP)).unwrap().index;
    index.histories[0].logs[1].after = Zxid(3);
    let damaged = verify(&files, Path::new(BACKUP), &index, &mut |_| true).unwrap().damaged;
    assert_eq!(damaged.len(), 2, "{damaged:?}");
    assert!(damaged.iter().all(|(_, what)| what.contains("transactions are missing")), "{damaged:?}");
}

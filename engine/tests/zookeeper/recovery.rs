//! From the files to the state, whatever a server has left, and the refusal of what is no state.

use std::path::{Path, PathBuf};

use paddock_consensus::{Epoch, Zxid};
use paddock_engine::io::Files;
use paddock_engine::jute::Write;
use paddock_engine::replay::ReplayError;
use paddock_engine::request::opcode;
use paddock_engine::tree::ExtendedTypes;
use paddock_engine::txn::{CreateKind, Txn, write_digest};
use paddock_engine::zookeeper::log::LogWriter;
use paddock_engine::zookeeper::{
    Compression, Directories, Epochs, FormatError, LogFile, Recovered, RecoveryError, Settings, SnapshotFile, recover,
    write_data_dir,
};

use super::history::{History, SESSIONS, content};
use super::place::{Place, settings};
use super::raw::RawSnapshot;

const PLAIN: CreateKind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
const EPHEMERAL: CreateKind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: true };

/// Writes a snapshot of the state as it is, as a 3.9 does.
fn write_snapshot(history: &History, directory: &Path) -> PathBuf {
    let mut raw = RawSnapshot::begin(&history.database);
    raw.end(&history.database);
    let zxid = history.database.last_zxid();
    raw.digest(zxid, history.database.tree().digest());
    raw.write(directory, zxid);
    directory.join(SnapshotFile::name(zxid, Compression::None))
}

fn recovered(place: &Place) -> Recovered {
    recover(&Files::Real, &place.directories(), &settings()).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn refused(place: &Place, settings: &Settings) -> RecoveryError {
    let error = recover(&Files::Real, &place.directories(), settings).err().expect("it is refused");
    assert!(!error.to_string().is_empty());
    error
}

#[test]
fn a_replay_goes_from_file_to_file_behind_the_snapshot() {
    let (place, mut history) = (Place::new(), History::new());
    let files = place.files();
    write_snapshot(&history, &files);
    history.write_log(&files, Zxid(1));
    for number in 0..5 {
        let from = history.database.last_zxid().next().unwrap();
        for child in 0..10 {
            history.create(PLAIN, &format!("/{number}-{child}"), None);
        }
        if number == 3 {
            write_snapshot(&history, &files);
        }
        history.write_log(&files, from);
    }
    let found = recovered(&place);
    assert_eq!(content(&found.database), history.content());
    assert_eq!(found.snapshot.unwrap().zxid, Zxid(42));
    assert_eq!((found.replayed, found.agreed), (10, Some(Zxid(52))));
    assert_eq!((found.torn, found.orphans), (vec![], 0));
    assert_eq!(found.epochs.unwrap(), Epochs::default());
}

#[test]
fn a_new_epoch_begins_with_its_first_transaction() {
    let (place, mut history) = (Place::new(), History::new());
    write_snapshot(&history, &place.files());
    let first = Zxid(0x3_0000_0001);
    history.apply_at(first, SESSIONS[0], &Txn::Error(-101));
    history.create(PLAIN, "/a", None);
    history.write_log(&place.files(), first);
    assert_eq!(content(&recovered(&place).database), history.content());
    std::fs::write(place.files().join("currentEpoch"), "3").unwrap();
    std::fs::write(place.files().join("acceptedEpoch"), "4\n").unwrap();
    assert_eq!(recovered(&place).epochs.unwrap(), Epochs { accepted: Some(Epoch(4)), current: Some(Epoch(3)) });
    for text in ["", "x", "-1", "99999999999"] {
        std::fs::write(place.files().join("currentEpoch"), text).unwrap();
        // The state does not depend on it.
        let found = recovered(&place);
        assert_eq!(content(&found.database), history.content());
        assert!(found.epochs.unwrap_err().to_string().contains("currentEpoch"), "{text:?}");
    }
}

#[test]
fn what_is_missing_is_told() {
    let (place, mut history) = (Place::new(), History::new());
    assert!(matches!(refused(&place, &settings()), RecoveryError::Nothing(_)));
    history.create(PLAIN, "/a", None);
    history.create(PLAIN, "/b", None);
    history.write_log(&place.files(), Zxid(1));
    assert!(matches!(refused(&place, &settings()), RecoveryError::NoSnapshot(_)));
    let trusting = Settings { trust_empty_snapshot: true, ..settings() };
    let found = recover(&Files::Real, &place.directories(), &trusting).unwrap();
    assert_eq!(content(&found.database), history.content());
    std::fs::rename(place.files().join("log.1"), place.path().join("log.1")).unwrap();
    history.write_log(&place.files(), Zxid(2));
    let error = refused(&place, &trusting);
    assert!(matches!(error, RecoveryError::Replay { zxid: Zxid(2), error: ReplayError::Gap(Zxid::ZERO), .. }));
}

#[test]
fn transactions_that_stand_behind_later_ones_are_refused() {
    let (place, mut history) = (Place::new(), History::new());
    write_snapshot(&history, &place.files());
    history.create(PLAIN, "/a", None);
    let mut log = LogWriter::create(&Files::Real, &place.files(), Zxid(3), 0).unwrap();
    log.append(&history.records[2].1).unwrap();
    log.append(&history.records[2].1).unwrap();
    log.sync().unwrap();
    let error = refused(&place, &settings());
    assert!(matches!(error, RecoveryError::OutOfOrder { zxid: Zxid(3), after: Zxid(3), .. }));
}

#[test]
fn an_older_snapshot_is_taken_where_newer_ones_do_not_hold() {
    let (place, mut history) = (Place::new(), History::new());
    let files = place.files();
    let oldest = write_snapshot(&history, &files);
    for name in ["/a", "/b", "/c"] {
        history.create(PLAIN, name, Some(b"data"));
        write_snapshot(&history, &files);
    }
    history.write_log(&files, Zxid(3));
    std::fs::write(files.join("snapshot.9.gz"), b"\x1f\x8bno more").unwrap();
    let damage = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = std::fs::read(files.join(name)).unwrap();
        change(&mut bytes);
        std::fs::write(files.join(name), bytes).unwrap();
    };
    damage("snapshot.5", &|bytes| bytes.truncate(100));
    damage("snapshot.4", &|bytes| bytes[60] ^= 1);
    damage("snapshot.3", &|bytes| bytes[0] = b'z');
    let found = recovered(&place);
    assert_eq!(content(&found.database), history.content());
    assert_eq!(found.snapshot.unwrap().path, oldest);
    let passed: Vec<&Path> = found.passed_over.iter().map(|(path, _)| Path::new(path.file_name().unwrap())).collect();
    assert_eq!(passed, ["snapshot.9.gz", "snapshot.5", "snapshot.4", "snapshot.3"].map(Path::new));
    std::fs::write(oldest, b"nothing").unwrap();
    let RecoveryError::NoneHolds { tried, .. } = refused(&place, &settings()) else { panic!() };
    assert_eq!(tried.len(), 5);
}

#[test]
fn a_crash_leaves_a_torn_record_and_an_empty_file() {
    let (place, mut history) = (Place::new(), History::new());
    let files = place.files();
    write_snapshot(&history, &files);
    history.create(PLAIN, "/a", None);
    let before = history.content();
    history.create(PLAIN, "/b", None);
    history.write_log(&files, Zxid(3));
    let log = files.join(LogFile::name(Zxid(3)));
    let bytes = std::fs::read(&log).unwrap();
    let (second, last) = (16 + history.records[2].1.len() + 13, history.records[3].1.len() + 13);
    std::fs::write(&log, &bytes[..second + last - 1]).unwrap();
    std::fs::write(files.join("log.5"), b"").unwrap();
    let found = recovered(&place);
    assert_eq!(content(&found.database), before);
    assert_eq!(found.torn, [(log.clone(), second as u64)]);
    // Only the newest can be empty, and none can have half a header.
    std::fs::write(files.join("log.6"), b"").unwrap();
    assert!(matches!(refused(&place, &settings()), RecoveryError::Log { error: FormatError::CutShort { .. }, .. }));
    std::fs::remove_file(files.join("log.6")).unwrap();
    std::fs::write(files.join("log.5"), b"ZKLG").unwrap();
    assert!(matches!(refused(&place, &settings()), RecoveryError::Log { error: FormatError::CutShort { .. }, .. }));
    // What was torn is missing where the log goes on.
    std::fs::remove_file(files.join("log.5")).unwrap();
    history.create(PLAIN, "/c", None);
    history.write_log(&files, Zxid(5));
    assert!(matches!(refused(&place, &settings()), RecoveryError::Replay { error: ReplayError::Gap(Zxid(3)), .. }));
}

#[test]
fn damage_in_a_log_is_told() {
    let (place, mut history) = (Place::new(), History::new());
    write_snapshot(&history, &place.files());
    history.create(PLAIN, "/a", None);
    history.write_log(&place.files(), Zxid(3));
    let log = place.files().join(LogFile::name(Zxid(3)));
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    assert!(matches!(refused(&place, &settings()), RecoveryError::Log { error: FormatError::Damaged { .. }, .. }));
}

#[test]
fn the_two_directories_are_not_exchanged() {
    let (place, history) = (Place::new(), History::new());
    write_snapshot(&history, &place.files());
    let other = place.path().join("other");
    let exchanged = Directories::new(&other, Some(place.path()));
    let error = recover(&Files::Real, &exchanged, &settings()).err().unwrap();
    assert!(matches!(error, RecoveryError::Misplaced(path) if path.ends_with("version-2/snapshot.2")));
    history.write_log(&place.files(), Zxid(1));
    let apart = Directories::new(place.path(), Some(&other));
    let error = recover(&Files::Real, &apart, &settings()).err().unwrap();
    assert!(matches!(error, RecoveryError::Misplaced(path) if path.ends_with("version-2/log.1")));
    std::fs::create_dir_all(apart.log_dir()).unwrap();
    std::fs::rename(place.files().join("log.1"), apart.log_dir().join("log.1")).unwrap();
    assert_eq!(content(&recover(&Files::Real, &apart, &settings()).unwrap().database), history.content());
}

/// The log of a snapshot that was written meanwhile goes at least as far as the snapshot.
#[test]
fn a_snapshot_needs_the_log_of_what_came_meanwhile() {
    let (place, mut history) = (Place::new(), History::new());
    let mut raw = RawSnapshot::begin(&history.database);
    history.create(PLAIN, "/a", None);
    history.create(PLAIN, "/b", None);
    raw.end(&history.database);
    raw.digest(history.database.last_zxid(), history.database.tree().digest());
    raw.write(&place.files(), Zxid(2));
    history.write_log_to(&place.files(), Zxid(3), Zxid(3));
    let error = refused(&place, &settings());
    assert!(matches!(error, RecoveryError::Unfinished { needed: Zxid(4), last: Zxid(3), .. }));
    // Without digests the zxids of the znodes tell it.
    let ignoring = Settings { digests_enabled: false, ..settings() };
    assert!(matches!(refused(&place, &ignoring), RecoveryError::Unfinished { needed: Zxid(4), last: Zxid(3), .. }));
    std::fs::remove_file(place.files().join("log.3")).unwrap();
    history.write_log(&place.files(), Zxid(3));
    assert_eq!(recovered(&place).agreed, Some(Zxid(4)));
}

#[test]
fn a_snapshot_without_a_digest_needs_the_log_of_what_came_meanwhile() {
    let (place, mut history) = (Place::new(), History::new());
    history.create(PLAIN, "/a", None);
    let mut raw = RawSnapshot::begin(&history.database);
    history.create(PLAIN, "/b", None);
    history.create(PLAIN, "/c", None);
    raw.end(&history.database);
    raw.write(&place.files(), Zxid(3));
    // As 3.5 does, the log has no digests either.
    for (_, record) in &mut history.records {
        record.truncate(record.len() - 12);
    }
    for end in [3, 4] {
        history.write_log_to(&place.files(), Zxid(3), Zxid(end));
        let error = refused(&place, &settings());
        assert!(
            matches!(error, RecoveryError::Unfinished { needed: Zxid(5), last, .. } if last == Zxid(end)),
            "{error}"
        );
        std::fs::remove_file(place.files().join("log.3")).unwrap();
    }
    history.write_log(&place.files(), Zxid(3));
    let found = recovered(&place);
    assert_eq!((content(&found.database), found.agreed), (history.content(), None));
}

#[test]
fn a_snapshot_whose_logs_are_elsewhere_is_refused() {
    let (place, mut history) = (Place::new(), History::new());
    let strict = Settings { accept_missing_logs: false, ..settings() };
    history.create(PLAIN, "/a", None);
    history.create(PLAIN, "/b", None);
    write_snapshot(&history, &place.files());
    let error = refused(&place, &strict);
    assert!(matches!(error, RecoveryError::NoLog { zxid: Zxid(4), last: Zxid::ZERO, .. }));
    for word in ["snapshot.4", "dataLogDir", "--accept-missing-logs"] {
        assert!(error.to_string().contains(word), "{error}");
    }
    history.write_log_to(&place.files(), Zxid(1), Zxid(3));
    assert!(matches!(refused(&place, &strict), RecoveryError::NoLog { last: Zxid(3), .. }));
    assert_eq!(content(&recovered(&place).database), history.content());
    std::fs::remove_file(place.files().join("log.1")).unwrap();
    history.write_log(&place.files(), Zxid(1));
    let found = recover(&Files::Real, &place.directories(), &strict).unwrap();
    assert_eq!(content(&found.database), history.content());
}

/// A leader's snapshot of a new epoch has a zxid that no log has.
#[test]
fn a_snapshot_at_the_beginning_of_an_epoch_needs_no_log_of_it() {
    let (place, mut history) = (Place::new(), History::new());
    let strict = Settings { accept_missing_logs: false, ..settings() };
    history.create(PLAIN, "/a", None);
    let zxid = Zxid(0x2_0000_0000);
    let mut raw = RawSnapshot::begin(&history.database);
    raw.end(&history.database);
    raw.digest(zxid, history.database.tree().digest());
    raw.write(&place.files(), zxid);
    assert!(matches!(refused(&place, &strict), RecoveryError::NoLog { last: Zxid::ZERO, .. }));
    history.write_log(&place.files(), Zxid(1));
    let found = recover(&Files::Real, &place.directories(), &strict).unwrap();
    assert_eq!(found.database.last_zxid(), zxid);
}

/// Nine transactions behind two, and a snapshot of the state after the fifth, with a digest or none. The digests of these
/// transactions are lies.
fn with_lies(digest: Option<(i64, u64)>, lies: &[i64]) -> (Place, History) {
    let (place, mut history) = (Place::new(), History::new());
    for number in 3..12 {
        history.create(PLAIN, &format!("/{number}"), None);
        if number == 5 {
            let mut raw = RawSnapshot::begin(&history.database);
            raw.end(&history.database);
            if let Some((zxid, digest)) = digest {
                let own = history.database.tree().digest();
                raw.digest(Zxid(zxid), if digest == 0 { own } else { digest });
            }
            raw.write(&place.files(), Zxid(5));
        }
    }
    for (zxid, record) in &mut history.records {
        if lies.contains(&zxid.0) {
            record.truncate(record.len() - 12);
            write_digest(5, record);
        }
    }
    history.write_log(&place.files(), Zxid(3));
    (place, history)
}

#[test]
fn the_last_digest_decides() {
    let exact = Some((5, 0));
    for (digest, lies, agreed, disagreed) in [
        (exact, &[][..], 11, None),
        (exact, &[8, 9], 11, Some(8)),
        // A transaction was about to be applied when the snapshot was written.
        (Some((5, 7)), &[], 11, None),
        (Some((8, 7)), &[], 11, None),
        // Before the state is exact, digests mean nothing.
        (None, &[6, 7], 11, None),
        (None, &[6, 8], 11, Some(8)),
    ] {
        let (place, history) = with_lies(digest, lies);
        let found = recovered(&place);
        assert_eq!(content(&found.database), history.content());
        assert_eq!((found.agreed, found.disagreed), (Some(Zxid(agreed)), disagreed.map(Zxid)), "{digest:?} {lies:?}");
    }
    for (digest, lies, first) in
        [(exact, &[8, 10, 11][..], 10), (None, &[6, 7, 8, 9, 10, 11], 6), (Some((11, 7)), &[], 11), (None, &[11], 11)]
    {
        let (place, history) = with_lies(digest, lies);
        let error = refused(&place, &settings());
        assert!(
            matches!(error, RecoveryError::Digest { zxid, .. } if zxid == Zxid(first)),
            "{digest:?} {lies:?} {error}"
        );
        let ignoring = Settings { digests_enabled: false, ..settings() };
        let found = recover(&Files::Real, &place.directories(), &ignoring).unwrap();
        assert_eq!((content(&found.database), found.agreed), (history.content(), None));
    }
}

#[test]
fn ephemerals_go_with_their_sessions() {
    let (place, mut history) = (Place::new(), History::new());
    history.create(EPHEMERAL, "/mine", None);
    let mut raw = RawSnapshot::begin(&history.database);
    raw.end(&history.database);
    // The table of sessions is as it was when the first of them had been closed.
    let mut bytes = raw.bytes();
    bytes[20..28].copy_from_slice(&7i64.to_be_bytes());
    bytes.truncate(bytes.len() - 13);
    let checksum = adler2::adler32_slice(&bytes);
    bytes.put_i64(i64::from(checksum));
    bytes.put_string("/");
    std::fs::write(place.files().join("snapshot.3"), bytes).unwrap();
    let found = recovered(&place);
    assert_eq!((found.orphans, found.database.ephemeral_count()), (1, 0));
    assert!(found.database.tree().get("/mine").is_none());
}

#[test]
fn a_time_to_live_is_not_taken_for_a_session() {
    let (place, mut history) = (Place::new(), History::new());
    history.create(CreateKind::Ttl(1000), "/ttl", None);
    write_snapshot(&history, &place.files());
    let mut knowing_none = settings();
    knowing_none.rules.extended_types = ExtendedTypes::Off;
    let error = refused(&place, &knowing_none);
    assert!(matches!(error, RecoveryError::TimeToLive(path) if path == "/ttl"));
    assert_eq!(content(&recovered(&place).database), history.content());
}

#[test]
fn a_znode_whose_acl_nobody_knows_is_refused() {
    let (place, mut history) = (Place::new(), History::new());
    history.create(PLAIN, "/a", None);
    let mut raw = RawSnapshot::begin(&history.database);
    for path in ["", "/zookeeper"] {
        raw.znode(path, history.database.tree().get(path).unwrap());
    }
    raw.znode_with("/a", history.database.tree().get("/a").unwrap(), 99);
    raw.put(|out| out.put_string("/"));
    raw.seal();
    raw.write(&place.files(), Zxid(3));
    assert!(matches!(refused(&place, &settings()), RecoveryError::NoAcl(path) if path == "/a"));
    std::fs::rename(place.files().join("snapshot.3"), place.files().join("snapshot.2")).unwrap();
    assert!(matches!(refused(&place, &settings()), RecoveryError::Unfinished { needed: Zxid(3), .. }));
    history.write_log(&place.files(), Zxid(3));
    assert!(recovered(&place).database.tree().get("/a").unwrap().acl().is_none());
}

/// What servers of other versions log, or log with other settings.
#[test]
fn old_and_rare_transactions_are_replayed() {
    let (place, mut history) = (Place::new(), History::new());
    write_snapshot(&history, &place.files());
    history.create(EPHEMERAL, "/mine", None);
    // 3.3 did not log the number of the parent's children; nor did it have digests.
    let create = &mut history.records[2].1;
    create.truncate(create.len() - 12 - 4);
    // Without its list, and with a digest all the same.
    history.apply(SESSIONS[0], &Txn::CloseSession { ephemerals: None });
    let digest = history.database.tree().digest();
    write_digest(digest, &mut history.records[3].1);
    // Without anything.
    history.apply(SESSIONS[1], &Txn::CloseSession { ephemerals: None });
    let config = Txn::Reconfig { path: "/zookeeper/config".into(), data: Some(b"server.1=a:1:2"), version: -1 };
    history.apply(SESSIONS[0], &config);
    history.write_log(&place.files(), Zxid(3));
    let found = recovered(&place);
    assert_eq!(content(&found.database), history.content());
    assert_eq!((found.replayed, found.agreed), (4, Some(Zxid(6))));
    assert_eq!(found.database.sessions().len(), 0);
}

#[test]
fn nothing_of_the_files_is_changed() {
    let (place, history) = (Place::new(), History::rich());
    let database = &history.database;
    let zxid = database.last_zxid();
    let (head, sessions) = (database.tree().head(), history.sessions());
    write_data_dir(&Files::Real, place.path(), &head, zxid, &sessions, Epochs::of(zxid), Compression::None).unwrap();
    history.write_log(&place.files(), Zxid(1));
    std::fs::write(place.files().join(LogFile::name(zxid.next().unwrap())), b"").unwrap();
    let state = || {
        let mut files: Vec<_> = std::fs::read_dir(place.files())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = state();
    recovered(&place);
    assert_eq!(state(), before);
}

//! A state that a leader sends whole: taken in any pieces, refused where it is none, and put in place or not.

use std::path::Path;

use paddock_consensus::Zxid;
use paddock_consensus::input::Unsettled;
use paddock_engine::database::Database;
use paddock_engine::generation::{Generation, present};
use paddock_engine::installation::{
    IncomingState, InstallationError, InstalledState, PlacementError, Settings as InstallationSettings,
};
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{Effect, Fault, FileSystem, Operation, Seeded};
use paddock_engine::log::{Log, LogConfig};
use paddock_engine::replay::{Before, ReplayError};
use paddock_engine::snapshot;
use paddock_engine::tree::ExtendedTypes;
use paddock_engine::zookeeper::{FormatError, OutputArchive, stream};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};

use super::history::{History, Op, content};
use super::place::{LENGTH_MAX, SEED, rules};
use super::raw::RawSnapshot;

/// What comes behind the state on the link.
const NEXT: &[u8] = b"what the leader says next";
const SIGNATURE: &[u8] = b"\0\0\0\x0aBenWasHere";

fn stream_of(database: &Database) -> Vec<u8> {
    let mut archive = OutputArchive::new(Vec::new());
    let sessions: Vec<_> = database.sessions().collect();
    stream::write(&mut archive, &database.tree().head(), &sessions).unwrap();
    stream::write_signature(&mut archive).unwrap();
    archive.finish().unwrap()
}

fn incoming(before: Before) -> IncomingState {
    IncomingState::new(InstallationSettings { seed: SEED, rules: rules(), length_max: LENGTH_MAX, before })
}

/// Takes a stream in pieces of so many bytes. Returns how many are left.
fn take(bytes: &[u8], piece: usize, before: Before) -> Result<(IncomingState, usize), InstallationError> {
    let mut state = incoming(before);
    let mut left = bytes.len();
    for bytes in bytes.chunks(piece) {
        let taken = state.take(bytes)?;
        left -= taken;
        if taken < bytes.len() {
            assert!(state.is_whole() && state.take(b"more").unwrap() == 0);
            break;
        }
    }
    Ok((state, left))
}

fn installed(database: &Database, before: Before) -> InstalledState {
    take(&stream_of(database), 1000, before).unwrap().0.finish(database.last_zxid()).unwrap()
}

#[test]
fn a_state_is_taken_in_any_pieces_and_what_follows_it_is_left() {
    let history = History::rich();
    let zxid = history.database.last_zxid();
    let mut bytes = stream_of(&history.database);
    let whole = bytes.len();
    bytes.extend_from_slice(NEXT);
    for piece in [1, 2, 3, 7, 64, 4096, 99_999, whole - 1, whole, whole + 1, bytes.len()] {
        let (state, left) = take(&bytes, piece, Before::Exact).unwrap();
        assert_eq!(left, NEXT.len(), "{piece}");
        let mut state = state.finish(zxid).unwrap();
        state.settle().unwrap();
        let machine = machine();
        let placed =
            state.put_in_place(config(&machine), [], &mut || {}).unwrap_or_else(|error| panic!("{piece}: {error}"));
        assert_eq!(content(&placed.database), history.content(), "{piece}");
    }
    for end in (0..whole).step_by(101).chain(whole - 20..whole) {
        assert!(!take(&bytes[..end], 50_000, Before::Exact).unwrap().0.is_whole(), "{end}");
    }
}

#[test]
fn a_stream_without_its_signature_or_with_what_no_state_has_is_refused() {
    let history = History::rich();
    let bytes = stream_of(&history.database);
    let refused = |bytes: &[u8], what: &str| {
        for piece in [1, 1 << 20] {
            let error = take(bytes, piece, Before::Fuzzy).map(|_| ()).unwrap_err();
            assert!(matches!(error, InstallationError::Stream(FormatError::Damaged { .. })), "{error}");
            assert!(error.to_string().contains(what), "{error}, not {what}");
            assert_eq!(error.unsettled(), Unsettled::BadStream);
        }
    };
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    refused(&other, "the signature is missing");
    // No session and no ACL; then lengths, places and paths.
    let none = [0; 8];
    let long = i32::try_from(LENGTH_MAX).unwrap() + 1;
    refused(&[&none[..], &long.to_be_bytes()].concat(), "jute.maxbuffer");
    refused(&[&none[..], &i32::MAX.to_be_bytes()].concat(), "jute.maxbuffer");
    refused(&i32::MAX.to_be_bytes(), "sessions");
    refused(&[&none[..4], &i32::MAX.to_be_bytes(), &[0; 8], &i32::MAX.to_be_bytes()].concat(), "entries");
    refused(&[&none[..], &(-1_i32).to_be_bytes()].concat(), "null");
    let path = |path: &[u8]| [&none[..], &(path.len() as i32).to_be_bytes(), path].concat();
    refused(&path(b"/orphan"), "has no parent");
    refused(&path(b"no slash"), "has an invalid path");
    refused(&path(b"/\xff"), "is not UTF-8");
    refused(&path(b"/"), "there is no znode");
}

#[test]
fn transactions_follow_and_those_that_are_in_the_state_are_passed_by() {
    let mut history = History::rich();
    let zxid = history.database.last_zxid();
    for before in [Before::Exact, Before::Fuzzy] {
        let mut state = installed(&history.database, before);
        for (zxid, bytes) in &history.records {
            state.apply(*zxid, bytes).unwrap();
        }
        assert_eq!((state.skipped(), state.last_zxid()), (history.records.len() as u64, zxid));
    }
    let mut state = installed(&history.database, Before::Exact);
    (0..20).for_each(|argument| history.try_op(Op { kind: argument, path: argument, argument }));
    let later: Vec<_> = history.records.iter().filter(|(later, _)| *later > zxid).collect();
    let error = state.apply(later[1].0, &later[1].1).unwrap_err();
    assert!(matches!(error, InstallationError::Transaction { error: ReplayError::Gap(_), .. }), "{error}");
    assert_eq!(error.unsettled(), Unsettled::BadStream);
    later.iter().for_each(|(zxid, bytes)| state.apply(*zxid, bytes).unwrap());
    assert_eq!(state.last_zxid(), history.database.last_zxid());
}

#[test]
fn a_state_that_is_not_the_leaders_is_told_by_its_digest() {
    let mut history = History::rich();
    let (zxid, stale) = (history.database.last_zxid(), stream_of(&history.database));
    (0..20).for_each(|argument| history.try_op(Op { kind: argument, path: argument, argument }));
    let (state, _) = take(&stale, 1000, Before::Exact).unwrap();
    // The leader said that it stands one transaction later.
    let mut state = state.finish(Zxid(zxid.0 + 1)).unwrap();
    let later = history.records.iter().filter(|(later, _)| *later > Zxid(zxid.0 + 1));
    let error = later.map(|(zxid, bytes)| state.apply(*zxid, bytes)).find_map(Result::err).unwrap();
    assert_eq!(error.unsettled(), Unsettled::DigestDiffers, "{error}");
}

/// As a ZooKeeper sends it: `meanwhile` has, for each znode that is written, the operations that come before it.
fn sent_meanwhile(before: &[Op], meanwhile: &[Vec<Op>]) {
    let mut history = History::new();
    before.iter().for_each(|op| history.try_op(*op));
    let zxid = history.database.last_zxid();
    let mut raw = RawSnapshot::begin(&history.database);
    for ops in meanwhile {
        ops.iter().for_each(|op| history.try_op(*op));
        raw.step(&history.database);
    }
    while raw.step(&history.database) {}
    raw.put(|out| out.extend_from_slice(b"\0\0\0\x01/"));
    // Without the header of a file.
    let bytes = [&raw.bytes()[16..], SIGNATURE].concat();
    let (state, left) = take(&bytes, 37, Before::Fuzzy).unwrap();
    assert!(state.is_whole() && left == 0);
    let mut state = state.finish(zxid).unwrap();
    history.records.iter().for_each(|(zxid, bytes)| state.apply(*zxid, bytes).unwrap());
    state.settle().unwrap();
    let placed = state.put_in_place(config(&machine()), [], &mut || {}).unwrap();
    assert_eq!(content(&placed.database), history.content());
}

fn op() -> impl Strategy<Value = Op> {
    (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(kind, path, argument)| Op { kind, path, argument })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_state_that_was_sent_while_it_changed_is_the_leaders(
        before in vec(op(), 0..40),
        meanwhile in vec(vec(op(), 0..12), 0..16),
    ) {
        sent_meanwhile(&before, &meanwhile);
    }

    #[test]
    fn no_bytes_do_harm(edits in vec((any::<usize>(), any::<u8>()), 1..5), piece in 1_usize..2000) {
        let mut history = History::new();
        (0..30).for_each(|argument| history.try_op(Op { kind: argument, path: argument, argument }));
        let mut bytes = stream_of(&history.database);
        let length = bytes.len();
        edits.iter().for_each(|(at, byte)| bytes[at % length] = *byte);
        if let Ok((state, _)) = take(&bytes, piece, Before::Exact) && state.is_whole() {
            let _ = state.finish(history.database.last_zxid());
        }
    }
}

#[test]
fn a_znode_whose_acl_never_comes_is_refused() {
    let history = History::rich();
    let mut raw = RawSnapshot::begin(&history.database);
    raw.step(&history.database);
    raw.znode("/zookeeper", history.database.tree().get("/zookeeper").unwrap());
    raw.znode_with("/strange", history.database.tree().get("/plain").unwrap(), 77);
    raw.put(|out| out.extend_from_slice(b"\0\0\0\x01/"));
    let bytes = [&raw.bytes()[16..], SIGNATURE].concat();
    let exact = take(&bytes, 1000, Before::Exact).unwrap().0.finish(Zxid(9));
    assert!(matches!(exact, Err(InstallationError::NoAcl { path }) if path == "/strange"));
    let mut fuzzy = take(&bytes, 1000, Before::Fuzzy).unwrap().0.finish(Zxid(9)).unwrap();
    assert!(matches!(fuzzy.settle(), Err(InstallationError::NoAcl { .. })));
}

fn machine() -> FileSystem {
    let machine = FileSystem::new(1);
    Files::Simulated(machine.clone()).create_dir(Path::new("/data")).unwrap();
    machine
}

fn config(machine: &FileSystem) -> LogConfig {
    let files = Files::Simulated(machine.clone());
    LogConfig { files, segment_bytes: 4096, first_bytes: 4096, ..LogConfig::new("/data") }
}

/// The generation that is present, and its state.
fn found(machine: &FileSystem) -> (Generation, Vec<String>, Vec<i64>) {
    let files = Files::Simulated(machine.clone());
    let generation = present(&files, Path::new("/data"), Path::new("/data")).unwrap();
    let dir = generation.dir(Path::new("/data"));
    let mut database = Database::new(SEED, rules());
    if let Some((zxid, path)) = snapshot::list(&files, &dir).unwrap().pop() {
        let loaded = snapshot::load(&files, &path, ExtendedTypes::On).unwrap();
        database = Database::assemble(loaded.tree, loaded.sessions, loaded.owners, loaded.acls, zxid, rules());
    }
    let config = LogConfig { data_dir: dir.clone(), dir, ..config(machine) };
    let mut zxids = Vec::new();
    Log::open(config, database.last_zxid(), &mut |zxid, bytes| {
        zxids.push(zxid.0);
        database.replay(zxid, bytes).map_err(|error| error.to_string())
    })
    .unwrap();
    (generation, content(&database), zxids)
}

/// The history that was there, with its log open.
fn former(machine: &FileSystem) -> (Log, Vec<String>) {
    let mut history = History::new();
    (0..10).for_each(|argument| history.try_op(Op { kind: argument, path: argument, argument }));
    let (mut log, _) = Log::open(config(machine), Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
    for (zxid, bytes) in &history.records {
        log.append(*zxid, |out| out.extend_from_slice(bytes));
        log.fence().unwrap();
    }
    (log, history.content())
}

/// What is sent, up to a transaction, and the proposals after it.
fn sent() -> (History, Vec<u8>, Zxid) {
    let mut history = History::rich();
    let (zxid, stream) = (history.database.last_zxid(), stream_of(&history.database));
    (0..9).for_each(|argument| history.try_op(Op { kind: 7 + argument, path: argument, argument }));
    (history, stream, zxid)
}

#[test]
fn what_fails_before_the_file_is_replaced_leaves_the_former_history_and_gives_its_space_back() {
    let (history, stream, zxid) = sent();
    let proposals =
        || history.records.iter().filter(|(later, _)| *later > zxid).map(|(zxid, bytes)| (*zxid, &bytes[..]));
    let (mut formers, mut unknowns, mut done) = (0, 0, 0);
    let operations = [
        Operation::Create,
        Operation::Write,
        Operation::SetLength,
        Operation::SyncFile,
        Operation::SyncDirectory,
        Operation::Rename,
        Operation::Unlink,
        Operation::Submit,
        Operation::Complete,
    ];
    for (operation, skipped) in operations.into_iter().flat_map(|one| (0..14).map(move |skipped| (one, skipped))) {
        for errno in [libc::EIO, libc::ENOSPC] {
            let machine = machine();
            let (mut log, before) = former(&machine);
            let mut state = take(&stream, 5000, Before::Exact).unwrap().0.finish(zxid).unwrap();
            state.settle().unwrap();
            machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::Fails(errno) });
            let placed = state.put_in_place(config(&machine), proposals(), &mut || {});
            machine.clear_faults();
            let what = format!("{operation:?} {skipped} {errno}");
            match placed {
                Ok(placed) => {
                    drop((log, placed));
                    let (generation, now, _) = found(&machine.moment().crashed(&mut Seeded::new(1)));
                    assert_eq!((generation, now), (Generation(1), history.content()), "{what}");
                    done += 1;
                }
                Err(PlacementError::Former { .. }) => {
                    // It goes on.
                    log.fence().unwrap();
                    let names = Files::Simulated(machine.clone()).list(Path::new("/data")).unwrap();
                    assert!(names.iter().all(|name| !name.to_string_lossy().contains(".1")), "{what}: {names:?}");
                    drop(log);
                    let (generation, now, _) = found(&machine.moment().crashed(&mut Seeded::new(1)));
                    assert_eq!((generation, now), (Generation::FIRST, before), "{what}");
                    formers += 1;
                }
                Err(PlacementError::Unknown(_)) => {
                    drop(log);
                    let (generation, now, _) = found(&machine.moment().crashed(&mut Seeded::new(1)));
                    let expected = if generation == Generation::FIRST { before } else { history.content() };
                    assert_eq!(now, expected, "{what}");
                    unknowns += 1;
                }
            }
        }
    }
    assert!(formers > 40 && unknowns > 4 && done > 20, "{formers} {unknowns} {done}");
}

#[test]
fn many_proposals_are_more_than_one_group() {
    let (mut history, stream, zxid) = sent();
    let data = vec![9; 200_000];
    for _ in 0..20 {
        let version = history.database.tree().get("/plain").unwrap().stat().version + 1;
        history.apply(
            super::history::SESSIONS[0],
            &paddock_engine::txn::Txn::SetData { path: "/plain".into(), data: Some(&data), version },
        );
    }
    let machine = machine();
    let mut state = take(&stream, 5000, Before::Exact).unwrap().0.finish(zxid).unwrap();
    state.settle().unwrap();
    let later = history.records.iter().filter(|(later, _)| *later > zxid);
    let placed = state
        .put_in_place(config(&machine), later.clone().map(|(zxid, bytes)| (*zxid, &bytes[..])), &mut || {})
        .unwrap();
    assert_eq!(placed.database.last_zxid(), zxid, "what is not committed is not applied");
    assert_eq!(placed.log.range().last, history.database.last_zxid());
    drop(placed);
    let (generation, now, zxids) = found(&machine.moment().crashed(&mut Seeded::new(3)));
    assert_eq!((generation, now), (Generation(1), history.content()));
    assert!(zxids.into_iter().eq(later.map(|(zxid, _)| zxid.0)));
}

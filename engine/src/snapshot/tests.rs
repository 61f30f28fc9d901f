//! What was written is what is loaded; what was damaged is not loaded.

use std::path::{Path, PathBuf};
use std::time::Instant;

use paddock_consensus::Zxid;

use super::{
    HeldVersion, Settings, SnapshotError, Taker, check, list, load, purge, remove_unfinished, snapshot_dir, write,
};
use crate::acl::{AclTable, Entry, Id};
use crate::io::Files;
use crate::io::simulated::{Effect, Every, Fault, FileSystem, Operation};
use crate::progress::Progress;
use crate::stat::Stat;
use crate::tree::{ExtendedTypes, HashSeed, NewZnode, Tree, Znode};

const SEED: [u8; 16] = *b"sixteen byte key";

/// A directory of its own for each test, removed at its end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("paddock-snapshot-{name}-{}", std::process::id()));
        std::fs::create_dir_all(snapshot_dir(&path)).unwrap();
        Place(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tree() -> Tree {
    let mut tree = Tree::new(HashSeed(SEED), ExtendedTypes::Off);
    let mut acls = AclTable::default();
    let read_only = acls.intern(vec![Entry { perms: 1, id: Id { scheme: "world".into(), id: "anyone".into() } }]);
    tree.install(NewZnode { path: "/", data: Some(b""), acl: None, stat: Stat::default() });
    for i in 0..5000 {
        let stat = Stat { czxid: i, mzxid: i, pzxid: i, ctime: 7, mtime: 8, ..Stat::default() };
        let path = format!("/znode-{i}");
        let data = vec![i as u8; i as usize % 300];
        let acl = if i % 3 == 0 { read_only.clone() } else { None };
        tree.create(NewZnode { path: &path, data: (i % 7 != 0).then_some(&data[..]), acl, stat }, -1);
    }
    tree.set_data("/znode-1", Some(&vec![1; 600_000]), 1, 9999, 9);
    tree
}

fn write_tree(place: &Place, tree: &mut Tree, zxid: i64) -> PathBuf {
    let _sealed = tree.seal();
    // Notices the pins that were dropped.
    tree.reclaim();
    let pin = tree.pin().unwrap();
    let sessions = [(5, 4000), (-6, 8000)];
    write(&Files::Real, &place.0, &pin.view(), Zxid(zxid), &HashSeed(SEED), &sessions, &mut || true)
        .unwrap()
        .publish()
        .unwrap()
}

fn content(tree: &Tree) -> Vec<String> {
    let mut content = Vec::new();
    let line = |z: Znode<'_>| {
        let mut children: Vec<&str> = z.children().collect();
        children.sort_unstable();
        format!("{} {:?} {:?} {:?} {children:?}", z.path(), z.data(), z.stat(), z.acl())
    };
    tree.for_each(|znode| content.push(line(znode)));
    content
}

#[test]
fn what_is_written_is_what_is_loaded() {
    let place = Place::new("round");
    let mut tree = tree();
    let path = write_tree(&place, &mut tree, 77);
    check(&Files::Real, &path).unwrap();
    let loaded = load(&Files::Real, &path, ExtendedTypes::Off).unwrap();
    assert_eq!(loaded.zxid, Zxid(77));
    assert_eq!(loaded.sessions.into_iter().collect::<Vec<_>>(), [(-6, 8000), (5, 4000)]);
    assert_eq!(loaded.tree.digest(), tree.digest());
    assert_eq!(content(&loaded.tree), content(&tree));
}

/// As long as a client can make one: the archive of it is longer than most blocks.
#[test]
fn the_longest_lists_are_loaded() {
    let place = Place::new("lists");
    let mut tree = tree();
    let mut acls = AclTable::default();
    for (path, count) in [("/small", 7_000), ("/large", 60_000)] {
        let entry =
            |perms| Entry { perms, id: Id { scheme: "digest".into(), id: format!("user-{perms}:of-a-long-name") } };
        let acl = acls.intern((0..count).map(entry).collect());
        tree.create(NewZnode { path, data: None, acl, stat: Stat::default() }, -1);
    }
    let path = write_tree(&place, &mut tree, 78);
    check(&Files::Real, &path).unwrap();
    let loaded = load(&Files::Real, &path, ExtendedTypes::Off).unwrap();
    assert_eq!(content(&loaded.tree), content(&tree));
}

#[test]
fn damage_anywhere_is_found() {
    let place = Place::new("damage");
    let path = write_tree(&place, &mut tree(), 77);
    let whole = std::fs::read(&path).unwrap();
    let damaged = |bytes: &[u8], what: &str| {
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(check(&Files::Real, &path), Err(SnapshotError::Damaged { .. })), "{what}: check");
        assert!(
            matches!(load(&Files::Real, &path, ExtendedTypes::Off), Err(SnapshotError::Damaged { .. })),
            "{what}: load"
        );
    };
    for at in (0..whole.len()).step_by(whole.len() / 50).chain([whole.len() - 1]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        damaged(&bytes, &format!("bit flip at {at}"));
        damaged(&whole[..at], &format!("cut at {at}"));
    }
    let mut longer = whole.clone();
    longer.push(0);
    damaged(&longer, "a byte too many");
}

#[test]
fn purge_keeps_so_many_that_hold() {
    let place = Place::new("purge");
    let mut tree = tree();
    for zxid in 1..=6 {
        write_tree(&place, &mut tree, zxid);
    }
    let newest = list(&Files::Real, &place.0).unwrap().pop().unwrap().1;
    std::fs::write(&newest, b"rubbish").unwrap();
    let purged = purge(&Files::Real, &place.0, 3, |_| false).unwrap();
    assert_eq!(purged.oldest_kept, None);
    assert_eq!(list(&Files::Real, &place.0).unwrap().len(), 6, "where too few hold, all stay");
    let purged = purge(&Files::Real, &place.0, 3, |path| check(&Files::Real, path).is_ok()).unwrap();
    assert_eq!(purged.oldest_kept, Some(Zxid(3)));
    assert_eq!(purged.removed.len(), 2);
    let left: Vec<i64> = list(&Files::Real, &place.0).unwrap().into_iter().map(|(zxid, _)| zxid.0).collect();
    assert_eq!(left, [3, 4, 5, 6]);
}

#[test]
fn a_snapshot_that_is_given_up_is_not_in_place() {
    let place = Place::new("given-up");
    let mut tree = tree();
    let _sealed = tree.seal();
    let pin = tree.pin().unwrap();
    let error = write(&Files::Real, &place.0, &pin.view(), Zxid(1), &HashSeed(SEED), &[], &mut || false).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Interrupted);
    assert!(list(&Files::Real, &place.0).unwrap().is_empty());
    assert_eq!(files(&place), [""; 0], "nothing of it is left");
}

fn files(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(snapshot_dir(&place.0)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_snapshot_that_is_not_put_in_place_leaves_nothing() {
    let place = Place::new("unfinished");
    let mut tree = tree();
    let _sealed = tree.seal();
    let pin = tree.pin().unwrap();
    let written = write(&Files::Real, &place.0, &pin.view(), Zxid(1), &HashSeed(SEED), &[], &mut || true).unwrap();
    assert_eq!(files(&place), ["snapshot.tmp"]);
    drop(written);
    assert_eq!(files(&place), [""; 0]);
    // What a crash has left goes at the next start.
    std::fs::write(snapshot_dir(&place.0).join("snapshot.tmp"), b"half").unwrap();
    remove_unfinished(&Files::Real, &place.0);
    assert_eq!(files(&place), [""; 0]);
    remove_unfinished(&Files::Real, &place.0);
}

/// A taker with an order, on a simulated machine that has a directory.
fn begun(zxid: i64) -> (FileSystem, Taker) {
    let machine = FileSystem::new(1);
    let files = Files::Simulated(machine.clone());
    files.create_dir(&snapshot_dir(Path::new("/data"))).unwrap();
    let mut taker = Taker::new(Settings { files, data_dir: "/data".into(), retain: Some(1) });
    let mut tree = tree();
    let _sealed = tree.seal();
    let pin = tree.pin().unwrap();
    taker.begin(HeldVersion { pin, zxid: Zxid(zxid), sessions: Vec::new() });
    (machine, taker)
}

fn listed(machine: FileSystem) -> Vec<i64> {
    let snapshots = list(&Files::Simulated(machine), Path::new("/data")).unwrap();
    snapshots.into_iter().map(|(zxid, _)| zxid.0).collect()
}

#[test]
fn a_snapshot_is_taken_in_steps_and_told_when_it_is_durable() {
    let (machine, mut taker) = begun(7);
    let step = |taker: &mut Taker| taker.work(Instant::now(), &mut || true);
    assert_eq!(step(&mut taker), Progress::More);
    assert!(taker.waits_until_kept());
    assert_eq!(step(&mut taker), Progress::Waits { until: None }, "what it holds may be lost yet");
    assert_eq!(listed(machine.clone()), [0; 0]);
    taker.note_kept();
    assert_eq!(step(&mut taker), Progress::More);
    let done = taker.take_outcome().flatten().unwrap();
    assert_eq!((done.zxid, done.oldest_kept), (Zxid(7), Some(Zxid(7))));
    assert_eq!(listed(machine.moment().crashed(&mut Every::default())), [7]);
    assert_eq!(step(&mut taker), Progress::Waits { until: None });
}

/// The removal of older ones would make up for it, so there is none.
#[test]
fn a_snapshot_whose_directory_is_not_synced_is_lost() {
    let (machine, mut taker) = begun(7);
    let step = |taker: &mut Taker| taker.work(Instant::now(), &mut || true);
    step(&mut taker);
    taker.note_kept();
    let effect = Effect::IsLeftOut;
    machine.add_fault(Fault { operation: Operation::SyncDirectory, skipped: 0, times: u64::MAX, effect });
    step(&mut taker);
    assert!(taker.take_outcome().flatten().is_some());
    assert_eq!(listed(machine.moment().crashed(&mut Every::default())), [0; 0]);
}

#[test]
fn a_snapshot_of_what_will_not_be_kept_is_thrown_away() {
    let (machine, mut taker) = begun(7);
    taker.work(Instant::now(), &mut || true);
    taker.give_up();
    assert!(matches!(taker.take_outcome(), Some(None)));
    let files = Files::Simulated(machine);
    assert_eq!(files.list(&snapshot_dir(Path::new("/data"))).unwrap(), [""; 0]);
}

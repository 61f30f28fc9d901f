//! The versioned tree, case by case: the digest, damaged input, misuse, memory, and threads.
//!
//! `TREE_ROUNDS` shortens the longer cases under slow checkers.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

use paddock_engine::acl::{Acl, AclList, Entry, Id};
use paddock_engine::stat::{CONTAINER_OWNER, Stat};
use paddock_engine::tree::{
    BulkLoader, ExtendedTypes, HashSeed, LoadError, LoadedZnode, MAX_PINS, NewZnode, Pin, RECLAIM_ITEMS_MAX, Reader,
    Root, Tree, View, WALK_START, Znode,
};

const SEED: HashSeed = HashSeed(*b"a secret of test");

fn plain(path: &str) -> NewZnode<'_> {
    NewZnode { path, data: Some(b""), acl: None, stat: Stat::default() }
}

fn fresh_tree() -> Tree {
    let mut tree = Tree::new(SEED, ExtendedTypes::Off);
    tree.install(plain("/"));
    tree
}

/// Panics that a test provokes are not worth a report.
fn quiet_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = info.payload_as_str().unwrap_or_default();
            let provoked = ["woke up", "of one tree", "that sealed it", "only advance"];
            if !provoked.iter().any(|provoked| text.contains(provoked)) {
                report(info);
            }
        }));
    });
}

#[test]
fn the_digest_of_a_fresh_server() {
    let mut tree = fresh_tree();
    assert_eq!(tree.digest(), 68323592);
    for path in ["/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
        tree.install(plain(path));
        assert_eq!(tree.digest(), 1371985504);
    }
    let root = tree.get("").unwrap();
    assert_eq!((root.path(), root.num_children(), root.stat()), ("/", 1, Stat::default()));
    assert_eq!(root.stat_wire()[36..40], (-1i32).to_be_bytes());
}

/// What most znodes do not have is put into a record when it comes, in the version of the znode's birth or later.
#[test]
fn a_record_has_room_for_what_comes_later() {
    let list = |user: &str| {
        let id = Id { scheme: "digest".into(), id: user.into() };
        Some(Arc::new(AclList([Entry { perms: 31, id }].into())))
    };
    for seals in [false, true] {
        for owner in [0, CONTAINER_OWNER] {
            // Around the length from which on a path has its length elsewhere, and by the bytes to the next word.
            for length in (2..12).chain(4090..4102) {
                let path = format!("/{}", "p".repeat(length - 1));
                let child = format!("{path}/c");
                let mut tree = fresh_tree();
                let stat = Stat { cversion: -5, ephemeral_owner: owner, czxid: 7, ..Stat::default() };
                tree.install(NewZnode { path: &path, data: Some(b"data"), acl: None, stat });
                let mut expected = (list("pat"), 0);
                let seen = |tree: &Tree, (acl, children): &(Acl, u32)| {
                    let znode = tree.get(&path).unwrap();
                    assert_eq!((znode.path(), znode.data(), znode.acl()), (&path[..], Some(&b"data"[..]), acl));
                    assert_eq!((znode.num_children(), znode.children().count() as u32), (*children, *children));
                    assert_eq!(
                        (znode.stat().cversion, znode.stat().ephemeral_owner, znode.stat().czxid),
                        (-5, owner, 7)
                    );
                };
                let next = |tree: &mut Tree| {
                    if seals {
                        let sealed = tree.seal();
                        tree.publish(sealed);
                    }
                };
                seen(&tree, &(None, 0));
                next(&mut tree);
                tree.set_acl(&path, expected.0.clone(), 0);
                seen(&tree, &expected);
                next(&mut tree);
                tree.install(plain(&child));
                expected.1 = 1;
                seen(&tree, &expected);
                next(&mut tree);
                tree.set_acl(&path, None, 0);
                expected.0 = None;
                seen(&tree, &expected);
                next(&mut tree);
                tree.delete(&child, 0);
                expected.1 = 0;
                seen(&tree, &expected);
                next(&mut tree);
                tree.set_acl(&path, list("sam"), 0);
                tree.install(plain(&child));
                seen(&tree, &(list("sam"), 1));
            }
        }
    }
}

#[test]
fn damaged_records_are_refused() {
    let mut tree = fresh_tree();
    ["/a", "/b", "/a/c"].iter().for_each(|path| tree.install(plain(path)));
    let znodes: Vec<Znode<'_>> = tree.head().iter().collect();
    let check = |order: &[usize], change: &dyn Fn(&mut LoadedZnode<'_>), expected: &dyn Fn(&LoadError) -> bool| {
        let mut loader = BulkLoader::new(SEED, ExtendedTypes::Off);
        let mut result = Ok(());
        for &index in order {
            let (znode, mut names) = (znodes[index], Vec::new());
            znode.write_children(&mut names);
            let mut loaded = LoadedZnode {
                path: znode.path(),
                data: znode.data(),
                acl: None,
                stat: znode.stat(),
                num_children: znode.num_children(),
                child_names: &names,
            };
            change(&mut loaded);
            result = result.and_then(|()| loader.push(loaded));
        }
        let error = result.and_then(|()| loader.finish()).err().expect("damage");
        assert!(expected(&error), "{error}");
    };
    let keep = |_: &mut LoadedZnode<'_>| {};
    check(&[1, 0, 2, 3], &keep, &|error| matches!(error, LoadError::OutOfOrder { .. }));
    check(&[0, 0, 1, 2, 3], &keep, &|error| matches!(error, LoadError::OutOfOrder { .. }));
    check(&[0, 1, 2], &keep, &|error| *error == LoadError::Unlinked);
    let more = |znode: &mut LoadedZnode<'_>| znode.num_children += u32::from(znode.path == "/a");
    check(&[0, 1, 2, 3], &more, &|error| {
        *error == LoadError::BadCount { path: "/a".into(), num_children: 2, listed: 1 }
    });
    for names in [&b"\0\0\0\x01"[..], b"\0\0\0\0", b"\0\0\0\x01/", b"\0\0\0\x01\xff", b"\xff\xff\xff\xff", b"\0\0"] {
        let names = |znode: &mut LoadedZnode<'_>| {
            if znode.path == "/a" {
                znode.child_names = names;
            }
        };
        check(&[0, 1, 2, 3], &names, &|error| *error == LoadError::BadNames { path: "/a".into() });
    }
    let renamed = |znode: &mut LoadedZnode<'_>| {
        if znode.path == "/a" {
            znode.child_names = b"\0\0\0\x01d";
        }
    };
    check(&[0, 1, 2, 3], &renamed, &|error| *error == LoadError::Unlinked);
}

/// Whatever is expected, nothing changes: it may be there or not, long or short, the root or no path at all.
#[test]
fn looking_ahead_changes_nothing() {
    let mut tree = fresh_tree();
    tree.install(plain("/a"));
    (0..1000).for_each(|index| tree.install(plain(&format!("/a/child-{index:04}"))));
    let digest = tree.digest();
    let mut paths: Vec<String> = (0..50).map(|index| format!("/a/child-{:04}", index * 40)).collect();
    paths.extend(["/", "", "/a", "/b", "/b/c", "a", "//", "/a/", "/a/child-0000/x"].map(str::to_owned));
    for in_parent in [false, true] {
        let expected: Vec<(&str, bool)> = paths.iter().map(|path| (&**path, in_parent)).collect();
        tree.prefetch(&expected);
        tree.prefetch(&expected[..1]);
        tree.prefetch(&[]);
    }
    assert_eq!((tree.digest(), tree.len()), (digest, 1002));
    Tree::new(SEED, ExtendedTypes::Off).prefetch(&[("/", true), ("/a", true)]);
}

/// A list of more than 64 KiB goes a way of its own.
#[test]
fn damaged_long_lists_are_refused() {
    let mut tree = fresh_tree();
    tree.install(plain("/a"));
    (0..10_000).for_each(|index| tree.install(plain(&format!("/a/child-{index:04}"))));
    let load = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut loader = BulkLoader::new(SEED, ExtendedTypes::Off);
        for znode in tree.head().iter() {
            let mut names = Vec::new();
            znode.write_children(&mut names);
            if znode.path() == "/a" {
                change(&mut names);
            }
            loader.push(LoadedZnode {
                path: znode.path(),
                data: znode.data(),
                acl: None,
                stat: znode.stat(),
                num_children: znode.num_children(),
                child_names: &names,
            })?;
        }
        loader.finish()
    };
    let loaded = load(&|_| {}).unwrap();
    let children = |tree: &Tree| {
        let mut children: Vec<String> = tree.get("/a").unwrap().children().map(str::to_owned).collect();
        children.sort_unstable();
        children
    };
    assert_eq!(children(&loaded), children(&tree));
    let error = load(&|names| names.truncate(names.len() - 14)).err().unwrap();
    assert_eq!(error, LoadError::BadCount { path: "/a".into(), num_children: 10_000, listed: 9_999 });
    let error = load(&|names| *names.last_mut().unwrap() = b'x').err().unwrap();
    assert_eq!(error, LoadError::Unlinked);
    let error = load(&|names| *names.last_mut().unwrap() = b'/').err().unwrap();
    assert_eq!(error, LoadError::BadNames { path: "/a".into() });
}

#[test]
fn roots_of_another_tree_are_refused() {
    quiet_panics();
    let (mut one, other) = (fresh_tree(), fresh_tree());
    let mut reader = one.reader();
    assert!(catch_unwind(AssertUnwindSafe(|| reader.advance(other.root()))).is_err());
    let sealed = one.seal();
    let mut other = other;
    assert!(catch_unwind(AssertUnwindSafe(|| other.publish(sealed))).is_err());
}

#[test]
fn old_roots_are_refused_after_sleep() {
    quiet_panics();
    let mut tree = fresh_tree();
    let mut reader = tree.reader();
    let roots: Vec<Root> = (0..3)
        .map(|version| {
            tree.set_data("/", Some(b"x"), version, 1, 1);
            let sealed = tree.seal();
            tree.publish(sealed)
        })
        .collect();
    reader.advance(roots[0]);
    reader.sleep();
    while tree.reclaim() {}
    reader.wake();
    assert!(!reader.is_usable());
    // Releasing what is not usable must not make it so.
    reader.let_go();
    assert!(!reader.is_usable());
    assert!(catch_unwind(AssertUnwindSafe(|| reader.advance(roots[1]))).is_err());
    reader.advance(roots[2]);
    assert_eq!(reader.view().get("/").unwrap().stat().version, 2);
    assert!(catch_unwind(AssertUnwindSafe(|| reader.advance(roots[1]))).is_err());
}

/// A reader that stays where it is may look at what it will be advanced to.
#[test]
fn a_committed_version_is_seen_ahead() {
    quiet_panics();
    let mut tree = fresh_tree();
    tree.create(plain("/stays"), -1);
    tree.create(plain("/goes"), -1);
    let sealed = tree.seal();
    tree.publish(sealed);
    let mut reader = tree.reader();
    let old = tree.root();
    tree.delete("/goes", 5);
    tree.create(plain("/comes"), -1);
    let sealed = tree.seal();
    let ahead = tree.commit(sealed);
    tree.set_data("/stays", Some(b"later"), 1, 6, 6);
    tree.delete("/comes", 7);
    while tree.reclaim() {}
    let (before, after) = (reader.view(), reader.view_ahead(&ahead));
    assert!(before.get("/goes").is_some() && before.get("/comes").is_none());
    assert!(after.get("/goes").is_none() && after.get("/comes").is_some());
    let path = |view: View<'_>, path: &str| view.get(path).unwrap().path().as_ptr();
    assert_eq!(path(before, "/stays"), path(after, "/stays"), "what has not changed is the same record in both");
    assert_ne!(path(before, "/"), path(after, "/"));
    tree.announce(ahead);
    reader.advance(ahead);
    assert!(catch_unwind(AssertUnwindSafe(|| reader.view_ahead(&fresh_tree().root()).len())).is_err());
    reader.let_go();
    assert!(catch_unwind(AssertUnwindSafe(|| reader.view_ahead(&old).len())).is_err(), "that is behind");
    reader.sleep();
    assert!(catch_unwind(AssertUnwindSafe(|| reader.view_ahead(&ahead).len())).is_err(), "it holds nothing");
}

#[test]
fn a_pin_keeps_what_it_sees_and_no_more() {
    let mut tree = fresh_tree();
    let commit = |tree: &mut Tree, version: i32| {
        tree.set_data("/", Some(&[7; 1000]), version, 1, 1);
        let sealed = tree.seal();
        tree.publish(sealed)
    };
    commit(&mut tree, 0);
    let pin = tree.pin().unwrap();
    for version in 1..100 {
        commit(&mut tree, version);
        assert!(!tree.reclaim());
    }
    // The root's record and nothing else: a tree of one znode has no index.
    assert!((1000..2000).contains(&tree.garbage_bytes()), "{}", tree.garbage_bytes());
    assert_eq!(pin.view().get("/").unwrap().stat().version, 0);
    drop(pin);
    assert!(!tree.reclaim());
    assert_eq!(tree.garbage_bytes(), 0);
    let pins: Vec<Pin> = (0..MAX_PINS).map(|_| tree.pin().unwrap()).collect();
    assert!(tree.pin().is_none());
    drop(pins);
    tree.reclaim();
    assert!(tree.pin().is_some());
}

#[test]
fn reclaiming_is_done_in_bounded_pieces() {
    let mut tree = fresh_tree();
    let count = 3 * RECLAIM_ITEMS_MAX;
    (0..count).for_each(|index| tree.create(plain(&format!("/{index}")), -1));
    let sealed = tree.seal();
    tree.publish(sealed);
    let full = tree.memory_bytes();
    (0..count).for_each(|index| tree.delete(&format!("/{index}"), 1));
    assert!(tree.garbage_bytes() > full / 2);
    assert!(!tree.reclaim(), "the published version still sees all of it");
    let sealed = tree.seal();
    tree.publish(sealed);
    let mut calls = 1;
    while tree.reclaim() {
        calls += 1;
    }
    assert!(calls > 3, "{calls}");
    assert_eq!(tree.garbage_bytes(), 0);
    assert!(tree.memory_bytes() < 200, "{}", tree.memory_bytes());
}

#[test]
fn what_a_slow_reader_held_goes_when_it_follows() {
    let mut tree = fresh_tree();
    let mut reader = tree.reader();
    let mut root = tree.root();
    for version in 0..RECLAIM_ITEMS_MAX as i32 / 2 {
        tree.set_data("/", Some(b"x"), version, 1, 1);
        let sealed = tree.seal();
        root = tree.publish(sealed);
        tree.reclaim();
        if version == 5 {
            reader.advance(root);
            reader.let_go();
        }
    }
    assert!(tree.garbage_bytes() > 0);
    reader.advance(root);
    assert!(!tree.reclaim());
    assert!(tree.garbage_bytes() > 0, "until it is released, the reader may look at what it had");
    reader.let_go();
    assert!(!tree.reclaim());
    assert_eq!(tree.garbage_bytes(), 0);
}

/// Memory follows from what is there, not from what was.
#[test]
fn long_names_leave_nothing_behind() {
    let paths: Vec<String> = (0..20).map(|index| format!("/{index}{}", "n".repeat(3000))).collect();
    let memory = |first: &[String]| {
        let mut tree = fresh_tree();
        first.iter().for_each(|path| tree.create(plain(path), -1));
        first[1..].iter().for_each(|path| tree.delete(path, 9));
        assert!(tree.get("/").unwrap().children().eq([&paths[0][1..]]));
        tree.memory_bytes()
    };
    assert_eq!(memory(&paths), memory(&paths[..1]));
}

#[test]
fn a_large_list_grows_and_shrinks() {
    let count = rounds(20_000);
    let mut tree = fresh_tree();
    let paths: Vec<String> = (0..count).map(|index| format!("/child-{index:010}")).collect();
    for (index, path) in paths.iter().enumerate() {
        tree.create(plain(path), -1);
        if index % 100 == 0 {
            let sealed = tree.seal();
            tree.publish(sealed);
            tree.reclaim();
        }
    }
    let root = tree.get("/").unwrap();
    assert_eq!((root.num_children(), root.children().count()), (count as u32, count));
    assert_eq!(root.children_bytes(), count * 20);
    assert!(root.child_pages().all(|page| page.len() <= 2048));
    let pages: Vec<&[u8]> = root.child_pages().collect();
    let view = tree.head();
    assert_eq!(view.child_pages_after(root, None).count(), pages.len());
    for index in (0..pages.len()).step_by(7).chain([pages.len() - 1]) {
        let name = std::str::from_utf8(&pages[index][4..20]).unwrap();
        assert!(view.child_pages_after(root, Some(name)).eq(pages[index + 1..].iter().copied()), "after {name}");
    }
    assert_eq!(
        root.children().map(|name| format!("/{name}")).collect::<BTreeSet<_>>(),
        paths.iter().cloned().collect()
    );
    for path in &paths[1..] {
        tree.delete(path, 9);
    }
    let root = tree.get("/").unwrap();
    assert_eq!(root.children().collect::<Vec<_>>(), ["child-0000000000"]);
    assert_eq!(root.child_pages().count(), 1);
    let sealed = tree.seal();
    tree.publish(sealed);
    while tree.reclaim() {}
    assert!(tree.memory_bytes() < 1000, "{}", tree.memory_bytes());
}

/// How long a longer test is.
fn rounds(usual: usize) -> usize {
    std::env::var("TREE_ROUNDS").map_or(usual, |rounds| rounds.parse().expect("TREE_ROUNDS is a number"))
}

/// Znodes that the threads' test changes, each version all of a group.
const GROUP: usize = 8;

/// All of the group have the stamp of one version, and the view agrees with its own digest.
fn check_stamped(view: View<'_>, buffer: &mut Vec<u8>) -> i32 {
    let stamp = view.get("/s").unwrap().stat().version;
    for member in 0..GROUP {
        let znode = view.get(&format!("/s/{member}")).unwrap();
        assert_eq!(znode.stat().version, stamp);
        let length = 10 + (stamp as usize * 7 + member) % 300;
        assert_eq!(znode.data(), Some(&vec![stamp as u8; length][..]));
    }
    let list = view.get("/e").unwrap();
    buffer.clear();
    list.write_children(buffer);
    assert_eq!(buffer.len(), list.children_bytes());
    assert_eq!(list.children().count() as u32, list.num_children());
    let digest = view.iter().fold(0u64, |sum, znode| {
        let mut bytes = if znode.path() == "/" { Vec::new() } else { znode.path().as_bytes().to_vec() };
        bytes.extend_from_slice(znode.data().unwrap());
        bytes.extend_from_slice(&znode.stat().to_digest_input());
        assert_eq!(znode.acl().is_some(), znode.path().starts_with("/s/"));
        sum.wrapping_add(u64::from(crc32fast::hash(&bytes)))
    });
    assert_eq!(digest, view.digest());
    stamp
}

/// Reads what it is sent, and sleeps when there is nothing.
fn read_along(mut reader: Reader, roots: Receiver<Root>) -> i32 {
    let mut buffer = Vec::new();
    let mut newest = -1;
    loop {
        let root = match roots.try_recv() {
            Ok(root) => root,
            Err(TryRecvError::Disconnected) => return newest,
            Err(TryRecvError::Empty) => {
                reader.sleep();
                let Ok(root) = roots.recv() else { return newest };
                reader.wake();
                root
            }
        };
        // What was sent before the wake-up may be over.
        if reader.has_missed(root) {
            continue;
        }
        reader.advance(root);
        let stamp = check_stamped(reader.view(), &mut buffer);
        assert!(stamp > newest || newest == -1);
        newest = stamp;
        reader.let_go();
    }
}

fn stamp(tree: &mut Tree, version: i32) {
    for member in 0..GROUP {
        let data = vec![version as u8; 10 + (version as usize * 7 + member) % 300];
        tree.set_data(&format!("/s/{member}"), Some(&data), version, version.into(), 0);
    }
    tree.set_data("/s", Some(b""), version, version.into(), 0);
    let (new, old) = (format!("/e/{}", version % 50), format!("/e/{}", (version + 25) % 50));
    tree.create(plain(&new), -1);
    if tree.get(&old).is_some() {
        tree.delete(&old, version.into());
    }
}

#[test]
fn threads_read_while_the_writer_writes() {
    quiet_panics();
    let mut tree = fresh_tree();
    ["/s", "/e"].iter().for_each(|path| tree.install(plain(path)));
    let entry = Entry { perms: 1, id: Id { scheme: "world".into(), id: "anyone".into() } };
    let acl = Arc::new(AclList([entry].into()));
    for member in 0..GROUP {
        tree.install(NewZnode { acl: Some(acl.clone()), ..plain(&format!("/s/{member}")) });
    }
    let witness = tree.witness();
    let versions = rounds(3000) as i32;
    let (mut senders, mut threads) = (Vec::new(), Vec::new());
    for depth in [1, 4, 64] {
        let (sender, receiver) = sync_channel(depth);
        let reader = tree.reader();
        senders.push(sender);
        threads.push(thread::spawn(move || read_along(reader, receiver)));
    }
    let (pin_sender, pins) = sync_channel::<Pin>(2);
    let snapshots = thread::spawn(move || {
        pins.iter().fold(-1, |newest, pin| {
            let stamp = check_stamped(pin.view(), &mut Vec::new());
            assert!(stamp > newest);
            stamp
        })
    });
    for version in 0..versions {
        if version % 7 == 3 {
            // A proposal that is dropped again.
            stamp(&mut tree, version);
            let _dropped = tree.seal();
            tree.rollback();
        }
        stamp(&mut tree, version);
        let sealed = tree.seal();
        if version % 16 == 5 {
            tree.pin().into_iter().for_each(|pin| pin_sender.send(pin).unwrap());
        }
        let root = tree.publish(sealed);
        senders.iter().for_each(|sender| sender.send(root).unwrap());
        tree.reclaim();
    }
    drop((senders, pin_sender));
    for reader in threads {
        assert_eq!(reader.join().unwrap(), versions - 1);
    }
    assert!(snapshots.join().unwrap() >= 0);
    while tree.reclaim() {}
    assert_eq!(tree.garbage_bytes(), 0);
    drop(tree);
    assert!(witness.upgrade().is_none());
    assert_eq!(Arc::strong_count(&acl), 1, "each record gave up its share");
}

/// Slices of every size meet every znode once, also where many share a place.
#[test]
fn a_walk_in_slices_meets_every_znode_once() {
    let all = |tree: &Tree, slice: usize| {
        let (mut met, mut from, mut slices) = (Vec::new(), WALK_START, 0);
        loop {
            let before = met.len();
            let next = tree.head().walk(from, slice, |znode| met.push(znode.path().to_owned()));
            slices += 1;
            match next {
                Some(place) => {
                    assert!(met.len() >= before + slice, "a slice is no smaller than asked for");
                    from = place;
                }
                None => return (met, slices),
            }
        }
    };
    for (mask, most_slices) in [(u64::MAX, 2001), (0xffff_0000_0000_0000, 2001), (0xf000_0000_0000_0001, 32), (0, 1)] {
        let mut tree = Tree::with_hash_mask(SEED, ExtendedTypes::Off, mask);
        tree.install(plain("/"));
        assert_eq!(all(&tree, 1), (vec!["/".to_owned()], 1));
        (0..2000).for_each(|index| tree.install(plain(&format!("/{index}"))));
        let expected: Vec<String> = tree.head().iter().map(|znode| znode.path().to_owned()).collect();
        for slice in [1, 2, 7, 100, 5000] {
            let (met, slices) = all(&tree, slice);
            assert_eq!(met, expected, "mask {mask:x}, slices of {slice}");
            assert!(slices <= most_slices);
        }
    }
}

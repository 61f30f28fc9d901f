//! Keeper's own writes and multis: their transactions are ZooKeeper's, their answers Keeper's.

use paddock_engine::error::Code;
use paddock_engine::jute::Reader;
use paddock_engine::keeper::opcode;
use paddock_engine::request::opcode as zookeeper;
use paddock_engine::stat::WIRE_LENGTH;

use crate::world::{SESSION, World, create, multi, versioned};

const ANY_STAT: [u8; WIRE_LENGTH] = [0xff; WIRE_LENGTH];

fn remove(path: &str, limit: i32) -> Vec<u8> {
    versioned(path, limit)
}

fn check_stat(path: &str, version: i32, stat: &[u8; WIRE_LENGTH]) -> Vec<u8> {
    let mut body = versioned(path, version);
    body.extend_from_slice(stat);
    body
}

impl World {
    fn ask_keeper(&mut self, opcode: i32, body: &[u8]) -> Result<Vec<u8>, Code> {
        self.ask_with(opcode, body, true)
    }

    fn has(&self, path: &str) -> bool {
        self.database.tree().get(path).is_some()
    }

    fn stat(&self, path: &str) -> [u8; WIRE_LENGTH] {
        *self.database.tree().get(path).unwrap().stat_wire()
    }

    fn plant(&mut self, paths: &[&str]) {
        paths.iter().for_each(|path| drop(self.create(path, 0).unwrap()));
    }
}

/// Types, codes and paths of a multi's results.
fn shown(reply: &[u8]) -> Vec<(i32, i32, String)> {
    let mut reader = Reader::new(reply);
    let mut found = Vec::new();
    loop {
        let (kind, done, code) = (reader.i32().unwrap(), reader.bool().unwrap(), reader.i32().unwrap());
        if done {
            assert!(reader.is_empty());
            return found;
        }
        let path = match kind {
            zookeeper::ERROR => {
                assert_eq!(reader.i32(), Ok(code));
                String::new()
            }
            zookeeper::CREATE | opcode::CREATE_IF_NOT_EXISTS => reader.string().unwrap().unwrap().into_owned(),
            zookeeper::SET_DATA => {
                reader.array::<WIRE_LENGTH>().unwrap();
                String::new()
            }
            _ => String::new(),
        };
        found.push((kind, code, path));
    }
}

fn plain(results: &[(i32, i32)]) -> Vec<(i32, i32, String)> {
    results.iter().map(|(kind, code)| (*kind, *code, String::new())).collect()
}

#[test]
fn create_if_not_exists_makes_it_once() {
    let mut world = World::new();
    let path_of = |reply: &[u8]| Reader::new(reply).string().unwrap().unwrap().into_owned();
    assert_eq!(path_of(&world.ask_keeper(opcode::CREATE_IF_NOT_EXISTS, &create("/a", 0)).unwrap()), "/a");
    let (zxid, stat) = (world.database.last_zxid(), world.stat("/a"));
    assert_eq!(path_of(&world.ask_keeper(opcode::CREATE_IF_NOT_EXISTS, &create("/a", 1)).unwrap()), "/a");
    assert_eq!((world.database.last_zxid(), world.stat("/a")), (zxid, stat), "nothing happens the second time");
    let missing = world.ask_keeper(opcode::CREATE_IF_NOT_EXISTS, &create("/missing/a", 0));
    assert_eq!(missing, Err(Code::NoNode));
    let sequential = world.ask_keeper(opcode::CREATE_IF_NOT_EXISTS, &create("/a", 2));
    assert_eq!(sequential, Err(Code::BadArguments));
    assert_eq!(world.ask_keeper(opcode::CREATE_IF_NOT_EXISTS, &[0; 3]), Err(Code::Marshalling));
    world.assert_replays();
}

#[test]
fn remove_recursive_takes_all_or_nothing() {
    let mut world = World::new();
    world.plant(&["/a", "/a/b", "/a/b/c", "/a/d", "/ab"]);
    world.create("/a/b/e", 1).unwrap();
    assert_eq!(world.ask_keeper(opcode::REMOVE_RECURSIVE, &remove("/a", 4)), Err(Code::NotEmpty));
    assert!(world.has("/a/b/c"));
    world.events();
    assert_eq!(world.ask_keeper(opcode::REMOVE_RECURSIVE, &remove("/a", 5)), Ok(vec![]));
    assert!(!world.has("/a") && !world.has("/a/b/e") && world.has("/ab"));
    assert_eq!(world.database.ephemerals_of(SESSION).count(), 0);
    let told = world.events();
    let at = |path: &str| told.iter().position(|(_, told)| told == path).unwrap();
    assert!(at("/a/b/c") < at("/a/b") && at("/a/b") < at("/a"), "children go before their parents: {told:?}");
    let zxid = world.database.last_zxid();
    for nothing in ["/a", "/a/b/c"] {
        assert_eq!(world.ask_keeper(opcode::REMOVE_RECURSIVE, &remove(nothing, 5)), Ok(vec![]), "{nothing}");
    }
    assert_eq!(world.database.last_zxid(), zxid);
    for reserved in ["/", "/zookeeper", "/zookeeper/quota", "ab", "/ab/"] {
        let refused = world.ask_keeper(opcode::REMOVE_RECURSIVE, &remove(reserved, -1));
        assert_eq!(refused, Err(Code::BadArguments), "{reserved}");
    }
    assert_eq!(world.ask_keeper(opcode::REMOVE_RECURSIVE, &remove("/ab", 0)), Err(Code::NotEmpty));
    assert_eq!(world.ask_keeper(opcode::REMOVE_RECURSIVE, &remove("/ab", -1)), Ok(vec![]), "4294967295");
    world.assert_replays();
}

#[test]
fn remove_recursive_needs_delete_on_every_parent() {
    let mut world = World::new();
    world.plant(&["/a"]);
    let mut read_only = create("/a/b", 0);
    let at = read_only.windows(4).position(|bytes| bytes == [0, 0, 0, 31]).unwrap();
    read_only[at + 3] = 1 | 4;
    world.ask(zookeeper::CREATE, &read_only).unwrap();
    world.plant(&["/a/b/c"]);
    assert_eq!(world.ask_keeper(opcode::REMOVE_RECURSIVE, &remove("/a", 10)), Err(Code::NoAuth));
    assert!(world.has("/a/b/c"));
}

#[test]
fn try_remove_is_never_disappointed() {
    let mut world = World::new();
    world.plant(&["/a", "/a/b"]);
    let zxid = world.database.last_zxid();
    for (path, version) in [("/a", -1), ("/a/b", 7), ("/missing", -1), ("/missing/x", -1)] {
        assert_eq!(world.ask_keeper(opcode::TRY_REMOVE, &versioned(path, version)), Ok(vec![]), "{path}");
    }
    assert_eq!(world.database.last_zxid(), zxid);
    assert_eq!(world.ask_keeper(opcode::TRY_REMOVE, &versioned("/a/b", 0)), Ok(vec![]));
    assert!(!world.has("/a/b"));
    assert_eq!(world.ask_keeper(opcode::TRY_REMOVE, &versioned("/zookeeper", -1)), Err(Code::BadArguments));
    world.assert_replays();
}

#[test]
fn a_multi_answers_with_the_types_that_were_asked() {
    let mut world = World::new();
    world.plant(&["/a", "/a/b", "/a/b/c", "/old"]);
    let stat = world.stat("/old");
    let members = multi(&[
        (opcode::CHECK_NOT_EXISTS, versioned("/new", -1)),
        (opcode::CREATE_IF_NOT_EXISTS, create("/new", 0)),
        (opcode::CREATE_IF_NOT_EXISTS, create("/old", 0)),
        (opcode::CHECK_STAT, check_stat("/old", 0, &stat)),
        (opcode::REMOVE_RECURSIVE, remove("/a", 3)),
        (zookeeper::CREATE, create("/a", 0)),
        (opcode::TRY_REMOVE, versioned("/new", -1)),
        (opcode::TRY_REMOVE, versioned("/nothing", -1)),
        (zookeeper::CHECK, versioned("/a", 0)),
        (opcode::REMOVE_RECURSIVE, remove("/nothing", 3)),
    ]);
    let reply = world.ask_keeper(zookeeper::MULTI, &members).unwrap();
    let named = |kind, path: &str| (kind, 0, path.to_owned());
    let expected = [
        named(opcode::CHECK_NOT_EXISTS, ""),
        named(opcode::CREATE_IF_NOT_EXISTS, "/new"),
        named(opcode::CREATE_IF_NOT_EXISTS, "/old"),
        named(opcode::CHECK_STAT, ""),
        named(opcode::REMOVE_RECURSIVE, ""),
        named(zookeeper::CREATE, "/a"),
        named(opcode::TRY_REMOVE, ""),
        named(opcode::TRY_REMOVE, ""),
        named(zookeeper::CHECK, ""),
        named(opcode::REMOVE_RECURSIVE, ""),
    ];
    assert_eq!(shown(&reply), expected);
    assert!(world.has("/a") && !world.has("/a/b") && !world.has("/new"));
    world.assert_replays();
}

/// The same deletion may be that of either of two members: of one that asked for another version it is not.
#[test]
fn members_that_do_nothing_are_told_from_those_that_do() {
    let mut world = World::new();
    let none = |kind| (kind, 0, String::new());
    for members in [
        vec![(opcode::TRY_REMOVE, versioned("/a", 7)), (zookeeper::DELETE, versioned("/a", -1))],
        vec![(opcode::TRY_REMOVE, versioned("/a", 7)), (opcode::REMOVE_RECURSIVE, remove("/a", 9))],
        vec![(opcode::TRY_REMOVE, versioned("/a", 0)), (opcode::REMOVE_RECURSIVE, remove("/a", 9))],
        vec![(opcode::REMOVE_RECURSIVE, remove("/a/b", 9)), (zookeeper::DELETE, versioned("/a", -1))],
        vec![(opcode::CHECK_NOT_EXISTS, versioned("/a", 7)), (opcode::TRY_REMOVE, versioned("/a", 0))],
    ] {
        world.plant(&["/a"]);
        let reply = world.ask_keeper(zookeeper::MULTI, &multi(&members)).unwrap();
        let expected: Vec<_> = members.iter().map(|(kind, _)| none(*kind)).collect();
        assert_eq!(shown(&reply), expected);
        assert!(!world.has("/a"));
    }
    world.assert_replays();
}

#[test]
fn a_multi_that_fails_has_one_error_for_each_member() {
    let mut world = World::new();
    world.plant(&["/a", "/a/b", "/a/c"]);
    let failing = |last: (i32, Vec<u8>)| {
        multi(&[
            (opcode::REMOVE_RECURSIVE, remove("/a", 9)),
            (opcode::CREATE_IF_NOT_EXISTS, create("/x", 0)),
            last,
            (zookeeper::DELETE, versioned("/x", -1)),
        ])
    };
    let other_stat = world.stat("/a");
    for (last, code) in [
        ((opcode::CHECK_NOT_EXISTS, versioned("/x", -1)), Code::NodeExists),
        ((opcode::CHECK_NOT_EXISTS, versioned("/x", 0)), Code::NodeExists),
        ((opcode::CHECK_STAT, check_stat("/a", -1, &ANY_STAT)), Code::NoNode),
        ((opcode::CHECK_STAT, check_stat("/x", 1, &ANY_STAT)), Code::BadVersion),
        ((opcode::CHECK_STAT, check_stat("/x", -1, &other_stat)), Code::BadVersion),
        ((opcode::CREATE_IF_NOT_EXISTS, create("/a/d", 0)), Code::NoNode),
        ((zookeeper::DELETE, versioned("/a/b", -1)), Code::NoNode),
    ] {
        let reply = world.ask_keeper(zookeeper::MULTI, &failing(last)).unwrap();
        assert_eq!(shown(&reply), plain(&[(-1, 0), (-1, 0), (-1, code.number()), (-1, -2)]));
        assert!(world.has("/a/c") && !world.has("/x"));
    }
    let not_its_version = failing((opcode::CHECK_NOT_EXISTS, versioned("/x", 5)));
    assert_eq!(shown(&world.ask_keeper(zookeeper::MULTI, &not_its_version).unwrap()).len(), 4);
    assert!(!world.has("/a"), "of another version there is none");
    world.assert_replays();
}

#[test]
fn remove_recursive_sees_what_earlier_members_do() {
    let mut world = World::new();
    world.plant(&["/a", "/a/gone", "/a/again", "/a/again/old"]);
    let members = |limit| {
        multi(&[
            (zookeeper::DELETE, versioned("/a/gone", -1)),
            (opcode::REMOVE_RECURSIVE, remove("/a/again", 2)),
            (zookeeper::CREATE, create("/a/again", 0)),
            (zookeeper::CREATE, create("/a/again/new", 0)),
            (zookeeper::CREATE, create("/a/new", 0)),
            (opcode::REMOVE_RECURSIVE, remove("/a", limit)),
        ])
    };
    let refused = world.ask_keeper(zookeeper::MULTI, &members(3)).unwrap();
    assert_eq!(shown(&refused).last(), Some(&(-1, Code::NotEmpty.number(), String::new())));
    let done = world.ask_keeper(zookeeper::MULTI, &members(4)).unwrap();
    assert_eq!(shown(&done).last(), Some(&(opcode::REMOVE_RECURSIVE, 0, String::new())));
    assert!(!world.has("/a"));
    world.assert_replays();
}

#[test]
fn zookeepers_multi_knows_nothing_of_it() {
    let mut world = World::new();
    let members = multi(&[(opcode::CHECK_NOT_EXISTS, versioned("/a", -1))]);
    assert_eq!(world.ask(zookeeper::MULTI, &members), Err(Code::Marshalling));
}

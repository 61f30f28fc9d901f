//! Containers and znodes with a time to live, from the request on. When they go away is `container`'s own test.

use paddock_engine::database::Rules;
use paddock_engine::error::Code;
use paddock_engine::jute::{Reader, Write};
use paddock_engine::request::opcode;
use paddock_engine::stat::WIRE_LENGTH;
use paddock_engine::tree::{ExtendedTypes, OwnerKind, TTL_MAX_MS};

use crate::world::{World, create, multi, results};

fn with_ttl() -> World {
    World::with(Rules { extended_types: ExtendedTypes::On, ..Rules::default() })
}

fn create_ttl(path: &str, flags: i32, ttl: i64) -> Vec<u8> {
    let mut body = create(path, flags);
    body.put_i64(ttl);
    body
}

fn kind(world: &World, path: &str) -> OwnerKind {
    world.database.tree().get(path).unwrap_or_else(|| panic!("there is no {path}")).owner_kind()
}

/// The path of a reply with a Stat, and the owner shown in it.
fn path_and_owner(reply: &[u8]) -> (String, i64) {
    let mut reader = Reader::new(reply);
    let path = reader.string().unwrap().unwrap().into_owned();
    let stat = reader.rest();
    assert_eq!(stat.len(), WIRE_LENGTH);
    (path, i64::from_be_bytes(stat[44..52].try_into().unwrap()))
}

#[test]
fn trap_015_a_ttl_where_it_is_disabled_is_unimplemented() {
    let mut world = World::new();
    assert_eq!(world.ask(opcode::CREATE_TTL, &create_ttl("/t", 5, 10)), Err(Code::Unimplemented));
    assert_eq!(world.ask(opcode::CREATE_TTL, &create_ttl("/t", 6, 0)), Err(Code::Unimplemented), "before its value");
    assert_eq!(world.ask(opcode::CREATE_TTL, &create_ttl("/t", 7, 10)), Err(Code::BadArguments), "after the flags");
    assert_eq!(world.create("/t", 5), Err(Code::Unimplemented));
    assert_eq!(with_ttl().create("/t", 5), Err(Code::BadArguments), "a create has no room for it");
}

#[test]
fn traps_21_31_containers_and_ttl_znodes_answer_with_a_stat_that_shows_no_owner() {
    let mut world = with_ttl();
    let reply = world.ask(opcode::CREATE_CONTAINER, &create("/c", 4)).unwrap();
    assert_eq!((path_and_owner(&reply), kind(&world, "/c")), (("/c".into(), 0), OwnerKind::Container));
    let reply = world.ask(opcode::CREATE_TTL, &create_ttl("/t", 5, 77)).unwrap();
    assert_eq!((path_and_owner(&reply), kind(&world, "/t")), (("/t".into(), 0), OwnerKind::Ttl(77)));
    let reply = world.ask(opcode::CREATE_TTL, &create_ttl("/t", 6, 77)).unwrap();
    assert_eq!(path_and_owner(&reply).0, "/t0000000002");
    let reply = world.ask(opcode::CREATE_CONTAINER, &create("/c", 2)).unwrap();
    assert_eq!(path_and_owner(&reply).0, "/c0000000003");
    assert_eq!(kind(&world, "/c0000000003"), OwnerKind::Container, "the operation decides, not the flags");
    world.create("/plain", 4).unwrap();
    assert_eq!(kind(&world, "/plain"), OwnerKind::Persistent);
    world.create("/c/child", 0).unwrap();
    world.create("/t/child", 1).unwrap();
    world.assert_replays();
}

#[test]
fn trap_099_a_ttl_must_fit_its_mode() {
    let mut world = with_ttl();
    for ttl in [0, -1, i64::MIN, TTL_MAX_MS + 1] {
        assert_eq!(world.ask(opcode::CREATE_TTL, &create_ttl("/t", 5, ttl)), Err(Code::BadArguments), "{ttl}");
    }
    for (flags, ttl) in [(0, -1), (1, -1), (4, -1), (0, 5)] {
        let asked = world.ask(opcode::CREATE_TTL, &create_ttl("/t", flags, ttl));
        assert_eq!(asked, Err(Code::BadArguments), "flags {flags}, {ttl} ms");
    }
    // Of no TTL mode, with a time that no mode has: whatever else is wrong is told first, as by ZooKeeper.
    assert_eq!(world.ask(opcode::CREATE_TTL, &create_ttl("/none/t", 0, -1)), Err(Code::NoNode));
    assert_eq!(world.ask(opcode::CREATE_TTL, &create_ttl("/none/t", 0, 1)), Err(Code::BadArguments));
    assert_eq!(world.ask(opcode::CREATE_TTL, &create_ttl("/t", 0, -1)), Err(Code::BadArguments));
    world.ask(opcode::CREATE_TTL, &create_ttl("/t", 5, TTL_MAX_MS)).unwrap();
    world.assert_replays();
}

#[test]
fn members_of_a_multi_are_containers_by_opcode_or_flags() {
    let mut world = with_ttl();
    let members = multi(&[
        (opcode::CREATE_CONTAINER, create("/a", 0)),
        (opcode::CREATE, create("/b", 4)),
        (opcode::CREATE_TTL, create_ttl("/t", 5, 9)),
        (opcode::CREATE_TTL, create_ttl("/p", 0, 9)),
        (opcode::CREATE, create("/a/child", 1)),
    ]);
    let found = results(&world.ask(opcode::MULTI, &members).unwrap());
    let stat = (opcode::CREATE2, 0);
    assert_eq!(found, [stat, stat, stat, (opcode::CREATE, 0), (opcode::CREATE, 0)], "trap 43");
    let kinds = ["/a", "/b", "/t", "/p"].map(|path| kind(&world, path));
    assert_eq!(kinds, [OwnerKind::Container, OwnerKind::Container, OwnerKind::Ttl(9), OwnerKind::Persistent]);
    let bad_ttl = multi(&[(opcode::CREATE, create("/x", 0)), (opcode::CREATE_TTL, create_ttl("/y", 5, 0))]);
    assert_eq!(results(&world.ask(opcode::MULTI, &bad_ttl).unwrap()), [(-1, 0), (-1, -8)]);
    world.assert_replays();
}

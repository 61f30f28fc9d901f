//! create, delete, setData, setACL, multi and the end of a session.

use paddock_engine::acl::AclTable;
use paddock_engine::admit::admit;
use paddock_engine::error::Code;
use paddock_engine::jute::Write;
use paddock_engine::keeper;
use paddock_engine::order::Caller;
use paddock_engine::request::opcode;
use paddock_engine::stat::Stat;
use paddock_engine::txn::{Txn, TxnHeader};

use crate::world::{SESSION, World, create, multi, results, versioned};

#[test]
fn trap_024_shown_cversion_counts_creations_and_deletions() {
    let mut world = World::new();
    let cversion = |world: &World, path: &str| {
        i32::from_be_bytes(world.database.tree().get(path).unwrap().stat_wire()[36..40].try_into().unwrap())
    };
    assert_eq!((cversion(&world, "/"), cversion(&world, "/zookeeper")), (-1, -2));
    world.create("/a", 0).unwrap();
    world.create("/a/b", 0).unwrap();
    assert_eq!(cversion(&world, "/a"), 1);
    world.delete("/a/b").unwrap();
    assert_eq!(cversion(&world, "/a"), 2);
    world.assert_replays();
}

#[test]
fn trap_025_sequence_numbers_count_every_creation() {
    let mut world = World::new();
    world.create("/q", 0).unwrap();
    assert_eq!(world.create("/q/a-", 2).unwrap(), "/q/a-0000000000");
    world.create("/q/plain", 0).unwrap();
    assert_eq!(world.create("/q/b-", 2).unwrap(), "/q/b-0000000002");
    assert_eq!(world.create("/q/a", 9), Err(Code::BadArguments));
    assert_eq!(world.create("/q/", 2).unwrap(), "/q/0000000003", "trap 35");
    assert_eq!(world.create("/q/..", 2).unwrap(), "/q/..0000000004");
}

#[test]
fn trap_030_a_failed_write_takes_a_zxid_and_an_undecodable_one_none() {
    let mut world = World::new();
    let before = world.database.last_zxid().0;
    assert_eq!(world.delete("/missing"), Err(Code::NoNode));
    assert_eq!(world.database.last_zxid().0, before + 1);
    assert_eq!(world.ask(opcode::DELETE, &[0, 0]), Err(Code::Marshalling));
    assert_eq!(world.database.last_zxid().0, before + 1);
    assert_eq!(world.ask(opcode::MULTI, &[0, 0]), Err(Code::Marshalling));
    assert_eq!(world.database.last_zxid().0, before + 2);
}

#[test]
fn traps_34_37_38_the_order_of_errors() {
    let mut world = World::new();
    world.create("/e", 1).unwrap();
    world.create("/a", 0).unwrap();
    assert_eq!(world.create("/a//b", 0), Err(Code::NoNode));
    assert_eq!(world.create("/missing/", 0), Err(Code::NoNode));
    assert_eq!(world.create("/a/", 0), Err(Code::BadArguments));
    assert_eq!(world.create("/", 0), Err(Code::NodeExists));
    assert_eq!(world.create("", 0), Err(Code::BadArguments));
    assert_eq!(world.create("/e/child", 0), Err(Code::NoChildrenForEphemerals));
    assert_eq!(world.create("/a", 5), Err(Code::Unimplemented), "TTL without extended types");
    let mut null_path = vec![255; 4];
    null_path.extend_from_slice(&create("", 0)[4..]);
    assert_eq!(world.ask(opcode::CREATE, &null_path), Err(Code::Marshalling));
    for reserved in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "a", ""] {
        assert_eq!(world.delete(reserved), Err(Code::BadArguments), "{reserved}");
    }
    assert_eq!(world.delete("/a/"), Err(Code::NoNode));
    assert_eq!(world.ask(opcode::DELETE, &versioned("/a", 3)), Err(Code::BadVersion));
    assert_eq!(world.create("/zookeeper/config/x", 0), Err(Code::NoAuth));
}

#[test]
fn traps_41_to_44_a_multi_is_whole_or_nothing() {
    let mut world = World::new();
    world.create("/a", 0).unwrap();
    let length = world.database.tree().len();
    let failing = multi(&[
        (opcode::CREATE, create("/a/s-", 2)),
        (opcode::DELETE, versioned("/missing", -1)),
        (opcode::CREATE, create("/b", 0)),
    ]);
    let reply = world.ask(opcode::MULTI, &failing).unwrap();
    assert_eq!(results(&reply), [(-1, 0), (-1, -101), (-1, -2)]);
    assert_eq!(world.database.tree().len(), length);
    assert_eq!(world.create("/a/s-", 2).unwrap(), "/a/s-0000000000", "no number is lost");
    world.events();
    let working = multi(&[
        (opcode::DELETE, versioned("/a/s-0000000000", -1)),
        (opcode::DELETE, versioned("/a", -1)),
        (opcode::CREATE2, create("/a", 1)),
        (opcode::CREATE, create("/c", 0)),
        (opcode::CHECK, versioned("/c", 0)),
    ]);
    let reply = world.ask(opcode::MULTI, &working).unwrap();
    let expected =
        [(opcode::DELETE, 0), (opcode::DELETE, 0), (opcode::CREATE2, 0), (opcode::CREATE, 0), (opcode::CHECK, 0)];
    assert_eq!(results(&reply), expected);
    let told: Vec<String> = world.events().into_iter().map(|(kind, path)| format!("{kind:?} {path}")).collect();
    let in_order = [
        "Deleted /a/s-0000000000",
        "ChildrenChanged /a",
        "Deleted /a",
        "ChildrenChanged /",
        "Created /a",
        "ChildrenChanged /",
        "Created /c",
        "ChildrenChanged /",
    ];
    assert_eq!(told, in_order);
    assert_eq!(world.database.ephemerals_of(SESSION).collect::<Vec<_>>(), ["/a"]);
    assert_eq!(results(&world.ask(opcode::MULTI, &multi(&[])).unwrap()), []);
    world.assert_replays();
}

#[test]
fn trap_082_a_session_takes_its_ephemerals_along() {
    let mut world = World::new();
    world.create("/e1", 1).unwrap();
    world.create("/e2", 1).unwrap();
    world.delete("/e1").unwrap();
    world.create("/p", 0).unwrap();
    let close = world.database.order_close_session(SESSION);
    assert!(matches!(&close, Txn::CloseSession { ephemerals: Some(paths) } if paths == &["/e2"]));
    world.apply(SESSION, &close);
    assert!(world.database.tree().get("/e2").is_none() && world.database.tree().get("/p").is_some());
    assert_eq!(world.create("/late", 1), Err(Code::SessionExpired), "trap 83");
    assert_eq!(world.create("/late", 0), Err(Code::SessionExpired));
    world.assert_replays();
}

#[test]
fn trap_90_the_prefix_of_ephemerals_is_a_text() {
    let mut world = World::new();
    for (path, flags) in [("/a", 0), ("/a/e", 1), ("/ab", 1), ("/b", 1), ("/p", 0)] {
        world.create(path, flags).unwrap();
    }
    let found = |prefix| world.database.ephemerals_with_prefix(SESSION, prefix).collect::<Vec<_>>();
    for all in ["", "/", " ", " /\t"] {
        assert_eq!(found(all), ["/a/e", "/ab", "/b"], "{all:?}");
    }
    assert_eq!(found("/a"), ["/a/e", "/ab"]);
    assert_eq!(found("/a/"), ["/a/e"]);
    assert_eq!(found(" /a"), [""; 0]);
    assert_eq!(world.database.ephemerals_with_prefix(SESSION + 1, "/").count(), 0);
}

/// Logs of old servers do not say which ephemerals go.
#[test]
fn a_close_without_a_list_takes_all() {
    let mut world = World::new();
    world.create("/e1", 1).unwrap();
    world.apply(SESSION, &Txn::CloseSession { ephemerals: None });
    assert!(world.database.tree().get("/e1").is_none());
    world.assert_replays();
}

#[test]
fn versions_are_checked_and_never_become_minus_one() {
    let mut world = World::new();
    world.create("/a", 0).unwrap();
    let set = |version: i32| {
        let mut body = Vec::new();
        body.put_string("/a");
        body.put_buffer(None);
        body.put_i32(version);
        body
    };
    world.ask(opcode::SET_DATA, &set(0)).unwrap();
    assert_eq!(world.ask(opcode::SET_DATA, &set(0)), Err(Code::BadVersion));
    world.ask(opcode::SET_DATA, &set(-1)).unwrap();
    assert_eq!(world.database.tree().get("/a").unwrap().data(), None, "null is not empty");
    world.database.tree_mut().set_data("/a", None, -2, 1, 1);
    world.ask(opcode::SET_DATA, &set(-2)).unwrap();
    assert_eq!(world.database.tree().get("/a").unwrap().stat().version, 0);
}

/// Whoever applies such an end has the list; to make one would keep the others waiting.
#[test]
fn the_end_of_a_session_lists_a_bounded_number_of_ephemerals() {
    const LISTED_MAX: usize = 10_000;
    let mut world = World::new();
    let listed = |world: &World| match world.database.order_close_session(SESSION) {
        Txn::CloseSession { ephemerals: Some(paths) } => paths.len(),
        other => panic!("{other:?}"),
    };
    for number in 0..LISTED_MAX {
        world.create(&format!("/{number}"), 1).unwrap();
    }
    assert_eq!(listed(&world), LISTED_MAX);
    world.create("/one-more", 1).unwrap();
    assert_eq!(listed(&world), 0);
    let close = world.database.order_close_session(SESSION);
    world.apply(SESSION, &close);
    assert_eq!((world.database.ephemeral_count(), world.database.session_timeout(SESSION)), (0, None));
    let record = Txn::read(world.last_record(), &mut AclTable::default()).unwrap();
    assert_eq!(record.digest, Some(world.database.tree().digest()), "a replay is held against it");
    world.assert_replays();
}

#[test]
fn a_session_that_has_another_owner_has_moved_unless_it_is_over() {
    let mut world = World::new();
    let body = versioned("/missing", -1);
    let operation = admit(opcode::DELETE, &body, false).unwrap();
    let caller = Caller { ids: &[], is_local: false, has_moved: true };
    for (session, code) in [(SESSION, Code::SessionMoved), (SESSION + 1, Code::SessionExpired)] {
        let txn = world.database.order(&world.next_header(session), &operation, caller);
        assert!(matches!(txn, Some(Txn::Error(number)) if number == code.number()), "{txn:?}");
    }
}

/// A check of a Stat sees the place and time that the transaction will have.
#[test]
fn zxid_and_time_of_a_transaction_are_those_it_is_ordered_for() {
    let mut world = World::new();
    let header = TxnHeader { zxid: 0x7_0000_0001, time: 12_345, ..world.next_header(SESSION) };
    let stat = Stat {
        czxid: header.zxid,
        mzxid: header.zxid,
        pzxid: header.zxid,
        ctime: 12_345,
        mtime: 12_345,
        ..Stat::default()
    };
    let mut check = versioned("/a", 0);
    check.extend_from_slice(&stat.to_wire(1, 0, false));
    let body = multi(&[(opcode::CREATE, create("/a", 0)), (keeper::opcode::CHECK_STAT, check)]);
    let operation = admit(opcode::MULTI, &body, true).unwrap();
    let caller = Caller { ids: &[], is_local: false, has_moved: false };
    let is_ordered = |txn: Option<Txn<'_>>| match txn {
        Some(Txn::Multi(members)) => !members.iter().any(|member| matches!(member, Txn::Error(_))),
        other => panic!("{other:?}"),
    };
    assert!(is_ordered(world.database.order(&header, &operation, caller)));
    assert!(!is_ordered(world.database.order(&TxnHeader { time: 12_346, ..header }, &operation, caller)));
}

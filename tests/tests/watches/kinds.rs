//! What each kind of watch tells, and in which order.
use super::*;

/// Before 3.9 a connection has one kind of watch of a path in each table, the last that it set.
fn kinds_are_apart() -> bool {
    Kind::under_test().is_current()
}

/// One connection watches the same znodes in every way: each event comes once, in the order of the operations.
#[test]
fn trap_048_049_052_053_a_mix_of_kinds_tells_each_event_once() {
    if !kinds_are_apart() {
        return;
    }
    let server = setup().start();
    let (mut watcher, mut writer) = (client(&server), client(&server));
    create(&mut writer, "/p");
    for (path, mode) in [("/p", 0), ("/p", 1), ("/", 1), ("/p/a", 0)] {
        done(&mut watcher, &add_watch(path, mode));
    }
    done(&mut watcher, &Request::get_children("/p", true));
    watcher.call(&Request::exists("/p/a", true)).expect("a reply");
    create(&mut writer, "/p/a");
    done(&mut watcher, &Request::get_children("/p/a", true));
    done(&mut watcher, &Request::get_data("/p/a", true));
    done(&mut writer, &Request::set_data("/p/a", b"", -1));
    done(&mut writer, &Request::delete("/p/a", -1));
    create(&mut writer, "/q");
    let seen = expected(&[
        (CREATED, "/p/a"),
        (CHILDREN_CHANGED, "/p"),
        (DATA_CHANGED, "/p/a"),
        (DELETED, "/p/a"),
        (CHILDREN_CHANGED, "/p"),
        (CREATED, "/q"),
    ]);
    assert_eq!(events(&mut watcher), seen);
}

#[test]
fn trap_047_events_of_a_multi_come_in_the_order_of_its_members_and_with_its_zxid() {
    let server = setup().start();
    let (mut watcher, mut parent, mut writer) = (client(&server), client(&server), client(&server));
    done(&mut watcher, &add_watch("/", 1));
    done(&mut parent, &add_watch("/", 0));
    let members = vec![
        Request::create("/m", b"", flags::PERSISTENT),
        Request::create("/m/n", b"", flags::PERSISTENT),
        Request::set_data("/m", b"", -1),
        Request::delete("/m/n", -1),
    ];
    let zxid = done(&mut writer, &Request::multi(members)).zxid;
    done(&mut watcher, &Request::ping());
    if Kind::under_test().is_current() {
        assert!(watcher.events.iter().all(|event| event.zxid == zxid), "{:?}", watcher.events);
    }
    let seen = expected(&[(CREATED, "/m"), (CREATED, "/m/n"), (DATA_CHANGED, "/m"), (DELETED, "/m/n")]);
    assert_eq!(events(&mut watcher), seen);
    assert_eq!(events(&mut parent), expected(&[(CHILDREN_CHANGED, "/")]));
}

/// The events of a session's end come in the order of the list in its transaction, and before anything can be read of
/// them.
#[test]
fn trap_063_a_session_that_ends_tells_of_each_ephemeral_znode() {
    let server = setup().start();
    let (mut watcher, mut ending) = (client(&server), client(&server));
    create(&mut watcher, "/e");
    for name in ["/e/c", "/e/a", "/e/b"] {
        done(&mut ending, &Request::create(name, b"", flags::EPHEMERAL));
    }
    done(&mut watcher, &add_watch("/", 1));
    done(&mut watcher, &add_watch("/e", 0));
    done(&mut ending, &Request::close());
    let seen = events(&mut watcher);
    assert_eq!(seen.len(), 6);
    let mut deleted = Vec::new();
    for pair in seen.chunks(2) {
        assert_eq!((pair[0].0, &pair[1]), (DELETED, &(CHILDREN_CHANGED, "/e".into())), "{seen:?}");
        deleted.push(&pair[0].1[..]);
    }
    deleted.sort_unstable();
    assert_eq!(deleted, ["/e/a", "/e/b", "/e/c"]);
}

#[test]
fn trap_059_060_061_watches_are_looked_for_and_removed_by_path_and_type() {
    let server = setup().start();
    let mut client = client(&server);
    let code =
        |client: &mut Client, opcode, path, number| client.call(&numbered(opcode, path, number)).expect("a reply").err;
    create(&mut client, "/a");
    done(&mut client, &Request::get_data("/a", true));
    assert_eq!(code(&mut client, op::CHECK_WATCHES, "/a", 1), err::NO_WATCHER);
    assert_eq!(code(&mut client, op::CHECK_WATCHES, "/", 2), err::NO_WATCHER);
    for _ in 0..2 {
        assert_eq!(code(&mut client, op::CHECK_WATCHES, "/a", 2), err::OK, "a check takes nothing away");
    }
    assert_eq!(code(&mut client, op::REMOVE_WATCHES, "/a", 1), err::NO_WATCHER);
    assert_eq!(code(&mut client, op::REMOVE_WATCHES, "/a", 2), err::OK);
    assert_eq!(code(&mut client, op::REMOVE_WATCHES, "/a", 2), err::NO_WATCHER);
    done(&mut client, &add_watch("/a", 1));
    assert_eq!(code(&mut client, op::CHECK_WATCHES, "/a", 3), err::OK);
    assert_eq!(code(&mut client, op::REMOVE_WATCHES, "/a", 3), err::OK);
    assert_eq!(code(&mut client, op::REMOVE_WATCHES, "/a", 3), err::NO_WATCHER);
    done(&mut client, &Request::set_data("/a", b"", -1));
    assert_eq!(events(&mut client), [], "neither of what was removed nor of the removal");
    for (opcode, number) in [(op::CHECK_WATCHES, 0), (op::REMOVE_WATCHES, 6), (op::ADD_WATCH, 2), (op::ADD_WATCH, -1)] {
        assert_eq!(code(&mut client, opcode, "/a", number), err::MARSHALLING);
    }
}

/// 3.9 can name the persistent kinds one by one.
#[test]
fn persistent_watches_are_removed_by_types_of_their_own() {
    if !kinds_are_apart() {
        return;
    }
    let server = setup().start();
    let mut client = client(&server);
    for (mode, number, other) in [(0, 4, 5), (1, 5, 4)] {
        done(&mut client, &add_watch("/a", mode));
        client.call(&Request::exists("/a", true)).expect("a reply");
        let code =
            |client: &mut Client, opcode, number| client.call(&numbered(opcode, "/a", number)).expect("a reply").err;
        assert_eq!(code(&mut client, op::CHECK_WATCHES, other), err::NO_WATCHER);
        assert_eq!(code(&mut client, op::CHECK_WATCHES, number), err::OK);
        assert_eq!(code(&mut client, op::REMOVE_WATCHES, other), err::NO_WATCHER);
        assert_eq!(code(&mut client, op::REMOVE_WATCHES, number), err::OK);
        assert_eq!(code(&mut client, op::REMOVE_WATCHES, 2), err::OK, "the one-shot one is another");
        create(&mut client, "/a");
        done(&mut client, &Request::delete("/a", -1));
        assert_eq!(events(&mut client), []);
    }
}

#[test]
fn trap_054_055_056_057_watches_are_set_again_after_a_move() {
    let server = setup().start();
    let mut writer = client(&server);
    for path in ["/same", "/changed", "/gone", "/list", "/made"] {
        create(&mut writer, path);
    }
    done(&mut writer, &Request::delete("/made", -1));
    let mut first = client(&server);
    for path in ["/same", "/changed", "/gone"] {
        done(&mut first, &Request::get_data(path, true));
    }
    done(&mut first, &add_watch("/same", 0));
    // What has the very zxid that was seen last has not changed since.
    create(&mut first, "/last");
    let seen = first.last_zxid;
    let session = first.session.clone();
    let mut second = Client::reattach(server.address(), &session, seen).expect("the session moves");
    done(&mut writer, &Request::set_data("/changed", b"", -1));
    done(&mut writer, &Request::delete("/gone", -1));
    create(&mut writer, "/list/child");
    create(&mut writer, "/made");
    assert_eq!(events(&mut second), [], "watches stay with the connection");
    let texts = |list: &[&str]| list.iter().map(|path| (*path).to_owned()).collect();
    let request = Request::SetWatches2 {
        relative_zxid: seen,
        data: texts(&["/gone", "/same", "/last", "/changed"]),
        exist: texts(&["/made", "/missing"]),
        child: texts(&["/list", "/same", "/last", "/gone"]),
        persistent: texts(&["/changed"]),
        recursive: texts(&["/list"]),
    };
    done(&mut second, &request);
    assert!(second.events.iter().all(|event| event.zxid == -1));
    let missed = expected(&[
        (DELETED, "/gone"),
        (DATA_CHANGED, "/changed"),
        (CREATED, "/made"),
        (CHILDREN_CHANGED, "/list"),
        (DELETED, "/gone"),
    ]);
    let told: Vec<(i32, String)> = second.events.drain(..).map(|event| (event.kind, event.path)).collect();
    assert_eq!(told, missed);
    create(&mut writer, "/list/other");
    create(&mut writer, "/same/child");
    create(&mut writer, "/missing");
    for _ in 0..2 {
        done(&mut writer, &Request::set_data("/changed", b"", -1));
        done(&mut writer, &Request::set_data("/same", b"", -1));
    }
    let seen = expected(&[
        (CREATED, "/list/other"),
        (CHILDREN_CHANGED, "/same"),
        (CREATED, "/missing"),
        (DATA_CHANGED, "/changed"),
        (DATA_CHANGED, "/same"),
        (DATA_CHANGED, "/changed"),
    ]);
    assert_eq!(events(&mut second), seen);
}

/// The writer that watches hears of its own write before its reply.
#[test]
fn trap_051_the_event_comes_before_the_reply() {
    let server = setup().start();
    let mut client = client(&server);
    create(&mut client, "/a");
    done(&mut client, &add_watch("/a", 0));
    for _ in 0..100 {
        client.queue(&Request::set_data("/a", b"", -1));
        client.queue(&Request::get_data("/a", false));
    }
    client.flush().expect("the requests are taken");
    for _ in 0..100 {
        match client.next_frame().expect("a frame") {
            Frame::Event(event) => assert_eq!((event.kind, &event.path[..]), (DATA_CHANGED, "/a")),
            other => panic!("{other:?} where the event was due"),
        }
        assert_eq!(next_reply(&mut client).err, err::OK);
        assert_eq!(next_reply(&mut client).err, err::OK);
    }
}

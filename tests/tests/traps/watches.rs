//! Watches.
use crate::ground::{
    Place, all_events, children_changed, created, data_changed, deleted, events, is_current, only, setup,
};
use paddock_tests::client::{Client, Frame};
use paddock_tests::records::{Acl, err, event, flags, mode, perms, watcher};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, four_letter_word};

fn set_watches(relative_zxid: i64, data: &[&str], exist: &[&str], child: &[&str]) -> Request {
    let list = |paths: &[&str]| paths.iter().map(|path| path.to_string()).collect();
    Request::SetWatches { relative_zxid, data: list(data), exist: list(exist), child: list(child) }
}

fn set_watches2(persistent: &[&str], recursive: &[&str]) -> Request {
    let list = |paths: &[&str]| paths.iter().map(|path| path.to_string()).collect();
    let (data, exist, child) = (vec![], vec![], vec![]);
    let (persistent, recursive) = (list(persistent), list(recursive));
    Request::SetWatches2 { relative_zxid: 0, data, exist, child, persistent, recursive }
}

#[test]
fn trap_048_a_deletion_is_told_once_to_a_watcher_of_data_and_children() {
    let place = Place::new("trap_048");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"", 0));
    client.ok(&Request::get_data(&path, true));
    client.ok(&Request::get_children(&path, true));
    client.ok(&Request::add_watch(&path, mode::PERSISTENT));
    client.ok(&Request::add_watch(&place.path(""), mode::PERSISTENT_RECURSIVE));
    client.ok(&Request::delete(&path, 0));
    assert_eq!(events(&mut client), [deleted(&path)]);
}

#[test]
fn trap_049_the_child_is_told_before_its_parent() {
    let place = Place::new("trap_049");
    let mut client = place.client();
    let (parent, child) = (place.path(""), place.path("/c"));
    client.ok(&Request::get_children(&parent, true));
    assert_eq!(client.code(&Request::exists(&child, true)), err::NO_NODE);
    client.ok(&Request::create(&child, b"", 0));
    assert_eq!(events(&mut client), [created(&child), children_changed(&parent)]);
    client.ok(&Request::get_children(&parent, true));
    client.ok(&Request::get_children(&child, true));
    client.ok(&Request::delete(&child, 0));
    assert_eq!(events(&mut client), [deleted(&child), children_changed(&parent)]);
}

/// The permission is taken away before the event; what the write's own ACL says is what counts.
#[test]
fn trap_050_an_event_that_may_not_be_seen_uses_the_watch_up() {
    let place = Place::new("trap_050");
    let mut client = place.client();
    let mut writer = place.user(b"w:w");
    let path = place.path("/a");
    writer.ok(&Request::create(&path, b"", 0));
    client.ok(&Request::get_data(&path, true));
    let hidden = vec![Acl::new(perms::ALL, "auth", "")];
    writer.ok(&Request::set_acl(&path, hidden, -1));
    writer.ok(&Request::set_data(&path, b"", -1));
    assert_eq!(events(&mut client), []);
    writer.ok(&Request::set_acl(&path, Acl::open(), -1));
    writer.ok(&Request::set_data(&path, b"", -1));
    assert_eq!(events(&mut client), [], "the watch is gone");
}

#[test]
fn trap_051_an_event_comes_before_the_reply_to_its_cause() {
    let place = Place::new("trap_051");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"", 0));
    client.queue(&Request::get_data(&path, true));
    client.queue(&Request::set_data(&path, b"", 0));
    client.flush().expect("the requests are taken");
    assert!(matches!(client.next_frame(), Ok(Frame::Reply(_))));
    match client.next_frame() {
        Ok(Frame::Event(event)) => assert_eq!((event.kind, event.path), data_changed(&path)),
        other => panic!("{other:?} where the event was due"),
    }
    assert!(matches!(client.next_frame(), Ok(Frame::Reply(_))));
}

#[test]
fn trap_052_a_recursive_watch_tells_nothing_of_children() {
    let place = Place::new("trap_052");
    let mut client = place.client();
    let (root, child, deep) = (place.path(""), place.path("/c"), place.path("/c/d"));
    client.ok(&Request::add_watch(&root, mode::PERSISTENT_RECURSIVE));
    client.ok(&Request::create(&child, b"", 0));
    client.ok(&Request::create(&deep, b"", 0));
    client.ok(&Request::set_data(&deep, b"", 0));
    client.ok(&Request::delete(&deep, 1));
    assert_eq!(events(&mut client), [created(&child), created(&deep), data_changed(&deep), deleted(&deep)]);
    // With a child watch of the same connection the change of children is told, once.
    client.ok(&Request::get_children(&child, true));
    client.ok(&Request::create(&deep, b"", 0));
    assert_eq!(events(&mut client), [created(&deep), children_changed(&child)]);
    client.ok(&Request::delete(&deep, 0));
    assert_eq!(events(&mut client), [deleted(&deep)]);
}

#[test]
fn trap_053_a_persistent_watch_tells_of_data_and_children_again_and_again() {
    let place = Place::new("trap_053");
    let mut client = place.client();
    let (path, child) = (place.path("/p"), place.path("/p/c"));
    client.ok(&Request::add_watch(&path, mode::PERSISTENT));
    for _ in 0..2 {
        client.ok(&Request::create(&path, b"", 0));
        client.ok(&Request::create(&child, b"", 0));
        client.ok(&Request::set_data(&child, b"", 0));
        client.ok(&Request::set_data(&path, b"", 0));
        client.ok(&Request::delete(&child, 1));
        client.ok(&Request::delete(&path, 1));
        let expected =
            [created(&path), children_changed(&path), data_changed(&path), children_changed(&path), deleted(&path)];
        assert_eq!(events(&mut client), expected);
    }
}

#[test]
fn trap_054_set_watches_compares_strictly() {
    let place = Place::new("trap_054");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"", 0));
    let written = client.ok(&Request::set_data(&path, b"", 0)).zxid;
    client.ok(&set_watches(written, &[&path], &[], &[]));
    assert_eq!(events(&mut client), [], "what was seen is not told again");
    client.ok(&set_watches(written - 1, &[&path], &[], &[]));
    assert_eq!(events(&mut client), [data_changed(&path)]);

    let child = client.ok(&Request::create(&place.path("/a/b"), b"", 0)).zxid;
    client.ok(&set_watches(child, &[], &[], &[&path]));
    assert_eq!(events(&mut client), []);
    client.ok(&set_watches(child - 1, &[], &[], &[&path]));
    assert_eq!(events(&mut client), [children_changed(&path)]);
    // By pzxid, not by mzxid; and data by mzxid, not by pzxid.
    client.ok(&set_watches(written, &[&path], &[], &[]));
    assert_eq!(events(&mut client), []);
}

#[test]
fn trap_055_events_of_set_watches_come_before_its_reply_and_of_no_transaction() {
    let place = Place::new("trap_055");
    let (mut client, mut owner) = (place.client(), place.user(b"o:o"));
    let (hidden, gone, there) = (place.path("/hidden"), place.path("/gone"), place.path("/there"));
    let auth_only = vec![Acl::new(perms::ALL, "auth", "")];
    owner.ok(&Request::create_with_acl(&hidden, auth_only, 0));
    owner.ok(&Request::create(&there, b"", 0));
    client.queue(&set_watches(0, &[&gone, &hidden], &[&there], &[&gone]));
    client.flush().expect("the request is taken");
    let mut told = Vec::new();
    loop {
        match client.next_frame().expect("a frame") {
            Frame::Reply(reply) => break assert_eq!(reply.err, err::OK),
            Frame::Event(event) => {
                assert_eq!(event.zxid, -1);
                told.push((event.kind, event.path));
            }
        }
    }
    assert_eq!(told, [deleted(&gone), data_changed(&hidden), created(&there), deleted(&gone)]);
}

#[test]
fn trap_056_set_watches2_takes_persistent_watches_up_without_events() {
    let place = Place::new("trap_056");
    let mut client = place.client();
    let (persistent, recursive) = (place.path("/p"), place.path("/r"));
    for path in [&persistent, &recursive] {
        client.ok(&Request::create(path, b"", 0));
        client.ok(&Request::set_data(path, b"", 0));
    }
    client.ok(&set_watches2(&[&persistent, &place.path("/missing")], &[&recursive]));
    assert_eq!(events(&mut client), []);
    let (below_one, below_other) = (place.path("/p/c"), place.path("/r/c"));
    client.ok(&Request::create(&below_one, b"", 0));
    client.ok(&Request::create(&below_other, b"", 0));
    client.ok(&Request::set_data(&persistent, b"", 1));
    let expected = [children_changed(&persistent), created(&below_other), data_changed(&persistent)];
    assert_eq!(events(&mut client), expected);
}

#[test]
fn trap_057_watches_end_with_their_connection() {
    let place = Place::new("trap_057");
    let mut old = place.client();
    let path = place.path("/a");
    old.ok(&Request::create(&path, b"", 0));
    old.ok(&Request::get_data(&path, true));
    old.ok(&Request::add_watch(&path, mode::PERSISTENT));
    old.ok(&Request::add_watch(&place.path(""), mode::PERSISTENT_RECURSIVE));
    let mut new = Client::reattach(place.server.address(), &old.session, old.last_zxid).expect("the session lives");
    new.ok(&Request::set_data(&path, b"", 0));
    assert_eq!(events(&mut new), []);
}

#[test]
fn trap_058_registrations_of_one_connection_collapse() {
    let place = Place::on(setup().start(), "trap_058");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"", 0));
    client.ok(&Request::get_data(&path, true));
    client.ok(&Request::exists(&path, true));
    client.ok(&Request::get_children(&path, true));
    client.ok(&Request::get_children2(&path, true));
    let figures = four_letter_word(place.server.address(), "mntr", DEADLINE).expect("an answer");
    assert!(figures.contains("zk_watch_count\t2\n"), "one in each table: {figures}");
    client.ok(&Request::set_data(&path, b"", 0));
    assert_eq!(events(&mut client), [data_changed(&path)]);
    client.ok(&Request::set_data(&path, b"", 1));
    assert_eq!(events(&mut client), []);
}

#[test]
fn trap_059_what_was_not_registered_cannot_be_removed() {
    let place = Place::new("trap_059");
    let (mut client, mut other) = (place.client(), place.client());
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"", 0));
    client.ok(&Request::get_data(&path, true));
    let wrong = [
        (path.clone(), watcher::CHILDREN),
        (place.path(""), watcher::ANY),
        (place.path("/a/b"), watcher::DATA),
        (format!("{path}/"), watcher::ANY),
    ];
    for (path, kind) in wrong {
        assert_eq!(client.code(&Request::remove_watches(&path, kind)), err::NO_WATCHER, "{path} {kind}");
    }
    assert_eq!(other.code(&Request::remove_watches(&path, watcher::DATA)), err::NO_WATCHER, "another's watch");
    for kind in [0, 6, -1] {
        assert_eq!(client.code(&Request::remove_watches(&path, kind)), err::MARSHALLING);
    }
    client.ok(&Request::remove_watches(&path, watcher::DATA));
    assert_eq!(client.code(&Request::remove_watches(&path, watcher::ANY)), err::NO_WATCHER);
    client.ok(&Request::set_data(&path, b"", 0));
    assert_eq!(events(&mut client), []);
    if is_current() {
        client.ok(&Request::add_watch(&path, mode::PERSISTENT));
        let recursive = Request::remove_watches(&path, watcher::PERSISTENT_RECURSIVE);
        assert_eq!(client.code(&recursive), err::NO_WATCHER);
        client.ok(&Request::remove_watches(&path, watcher::PERSISTENT));
        client.ok(&Request::set_data(&path, b"", 1));
        client.ok(&Request::create(&place.path("/a/b"), b"", 0));
        assert_eq!(events(&mut client), []);
    }
}

#[test]
fn trap_060_check_watches_removes_nothing() {
    let place = Place::new("trap_060");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"", 0));
    client.ok(&Request::get_data(&path, true));
    client.ok(&Request::get_children(&path, true));
    for _ in 0..2 {
        for kind in [watcher::DATA, watcher::CHILDREN, watcher::ANY] {
            client.ok(&Request::check_watches(&path, kind));
        }
    }
    assert_eq!(client.code(&Request::check_watches(&place.path(""), watcher::ANY)), err::NO_WATCHER);
    client.ok(&Request::set_data(&path, b"", 0));
    client.ok(&Request::create(&place.path("/a/b"), b"", 0));
    assert_eq!(events(&mut client), [data_changed(&path), children_changed(&path)]);
}

#[test]
fn trap_061_a_removal_is_not_an_event() {
    let place = Place::new("trap_061");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"", 0));
    client.ok(&Request::get_data(&path, true));
    client.ok(&Request::get_children(&path, true));
    client.ok(&Request::add_watch(&path, mode::PERSISTENT));
    client.ok(&Request::remove_watches(&path, watcher::ANY));
    client.ok(&Request::add_watch(&path, mode::PERSISTENT_RECURSIVE));
    client.ok(&Request::remove_watches(&path, watcher::ANY));
    client.ok(&Request::create(&place.path("/a/b"), b"", 0));
    client.ok(&Request::set_data(&path, b"", 0));
    assert_eq!(all_events(&mut client), []);
}

#[test]
fn trap_062_the_state_of_an_event_is_connected() {
    let place = Place::new("trap_062");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::add_watch(&path, mode::PERSISTENT));
    client.ok(&Request::create(&path, b"", 0));
    client.ok(&Request::create(&place.path("/a/b"), b"", 0));
    client.ok(&set_watches(0, &[&place.path("/gone")], &[], &[]));
    let told = all_events(&mut client);
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|event| event.state == 3), "{told:?}");
}

#[test]
fn trap_063_the_end_of_a_session_is_told_like_deletions() {
    let place = Place::new("trap_063");
    let (mut watcher, mut owner) = (place.client(), place.client());
    let parent = place.path("");
    let ephemerals = [place.path("/e1"), place.path("/e2")];
    for path in &ephemerals {
        owner.ok(&Request::create(path, b"", flags::EPHEMERAL));
        watcher.ok(&Request::exists(path, true));
    }
    watcher.ok(&Request::get_children(&parent, true));
    let closed = owner.ok(&Request::close()).zxid;
    // The very next read cannot see the removal before it was told.
    let children = watcher.ok(&Request::get_children(&parent, false));
    assert_eq!(children.names(), Vec::<&str>::new());
    let told: Vec<_> = watcher.events.drain(..).collect();
    let count = |kind: i32, path: &str| told.iter().filter(|one| one.kind == kind && one.path == path).count();
    assert_eq!((told.len(), told[0].kind), (3, event::DELETED));
    assert!(ephemerals.iter().all(|path| count(event::DELETED, path) == 1), "{told:?}");
    assert_eq!(count(event::CHILDREN_CHANGED, &parent), 1);
    let zxid = if is_current() { closed } else { -1 };
    assert!(told.iter().all(|event| event.zxid == zxid), "{told:?}");
    assert_eq!(watcher.ok(&Request::exists(&parent, false)).stat().pzxid, closed);
    assert_eq!(watcher.code(&Request::create_with_acl(&parent, only(31, "world", "anyone"), 0)), err::NODE_EXISTS);
}

//! Zxids and Stats.
use crate::ground::{Place, all_events, client, data_changed, events, is_current, setup};
use paddock_tests::records::{Acl, err, event, flags};
use paddock_tests::request::Request;

#[test]
fn trap_024_the_shown_cversion_is_twice_the_creations_less_the_children() {
    let server = setup().start();
    let mut client = client(&server);
    let mut cversion = |path: &str| client.ok(&Request::exists(path, false)).stat().cversion;
    assert_eq!((cversion("/"), cversion("/zookeeper")), (-1, -2));
    client.ok(&Request::create("/a", b"", 0));
    let mut steps = vec![];
    for request in [
        Request::create("/a/b", b"", 0),
        Request::create("/a/c", b"", 0),
        Request::delete("/a/b", -1),
        Request::create("/a/b", b"", 0),
        Request::delete("/a/b", -1),
        Request::set_data("/a", b"", -1),
    ] {
        client.ok(&request);
        steps.push(client.ok(&Request::exists("/a", false)).stat().cversion);
    }
    assert_eq!(steps, [1, 2, 3, 4, 5, 5]);
    assert_eq!(client.ok(&Request::exists("/", false)).stat().cversion, 0);
}

#[test]
fn trap_025_sequence_numbers_count_every_creation() {
    let place = Place::new("trap_025");
    let mut client = place.client();
    let mut made = |name: &str| {
        let reply = client.ok(&Request::create(&place.path(name), b"", flags::SEQUENTIAL));
        reply.path().strip_prefix(&place.path("")).expect("below this place").to_owned()
    };
    assert_eq!(made("/a-"), "/a-0000000000");
    assert_eq!(made("/b-"), "/b-0000000001", "one counter for all prefixes");
    client.ok(&Request::create(&place.path("/plain"), b"", 0));
    client.ok(&Request::delete(&place.path("/plain"), 0));
    client.ok(&Request::delete(&place.path("/b-0000000001"), 0));
    let next = client.ok(&Request::create(&place.path("/a-"), b"", flags::EPHEMERAL_SEQUENTIAL));
    assert_eq!(next.path(), place.path("/a-0000000003"), "ordinary creates count, deletes do not");
    assert_eq!(client.code(&Request::create(&place.path("/a-0000000000"), b"", 0)), err::NODE_EXISTS);
    let next = client.ok(&Request::create(&place.path("/a-"), b"", flags::SEQUENTIAL));
    assert_eq!(next.path(), place.path("/a-0000000004"), "a failed create does not count");
}

#[test]
fn trap_026_set_acl_touches_the_aversion_alone() {
    let place = Place::new("trap_026");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"", 0));
    client.ok(&Request::set_data(&path, b"1", 0));
    let before = client.ok(&Request::exists(&path, true)).stat();
    client.ok(&Request::get_children(&path, true));
    assert_eq!(client.code(&Request::set_acl(&path, Acl::open(), before.version)), err::BAD_VERSION);
    let after = client.ok(&Request::set_acl(&path, Acl::open(), before.aversion)).stat();
    assert_eq!((after.aversion, after.version), (before.aversion + 1, before.version));
    assert_eq!((after.mzxid, after.mtime, after.pzxid), (before.mzxid, before.mtime, before.pzxid));
    assert_eq!(events(&mut client), []);
}

#[test]
fn trap_027_writing_the_same_bytes_is_a_change() {
    let place = Place::new("trap_027");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"same", 0));
    client.ok(&Request::get_data(&path, true));
    assert_eq!(client.ok(&Request::set_data(&path, b"same", 0)).stat().version, 1);
    assert_eq!(events(&mut client), [data_changed(&path)]);
}

#[test]
fn trap_028_a_deletion_moves_the_pzxid_of_the_parent() {
    let place = Place::new("trap_028");
    let mut client = place.client();
    let (parent, child) = (place.path("/p"), place.path("/p/c"));
    client.ok(&Request::create(&parent, b"", 0));
    client.ok(&Request::create(&child, b"", 0));
    client.ok(&Request::exists(&child, true));
    let deletion = client.ok(&Request::delete(&child, 0)).zxid;
    assert_eq!(client.ok(&Request::exists(&parent, false)).stat().pzxid, deletion);
    let told = all_events(&mut client);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind, event::DELETED);
    assert_eq!(told[0].zxid, if is_current() { deletion } else { -1 });
}

#[test]
fn trap_029_nothing_hides_between_the_writes_of_a_quiet_client() {
    let server = setup().start();
    let mut client = client(&server);
    let first = client.ok(&Request::create("/a", b"", 0)).zxid;
    let writes = [
        Request::create("/a/e", b"", flags::EPHEMERAL),
        Request::create_container("/a/c"),
        Request::create_ttl("/a/t", flags::TTL, 3_600_000),
        Request::set_data("/a", b"", -1),
        Request::set_acl("/a", Acl::open(), -1),
        Request::multi(vec![Request::check("/a", -1), Request::set_data("/a", b"", -1)]),
        Request::delete("/a/e", -1),
    ];
    for (zxid, write) in (first + 1..).zip(&writes) {
        client.ok(&Request::get_children("/a", true));
        client.ok(&Request::sync("/a"));
        assert_eq!(client.ok(write).zxid, zxid, "{write:?}");
        client.ok(&Request::ping());
    }
}

#[test]
fn trap_030_a_failed_write_takes_a_zxid_and_tells_it() {
    let server = setup().start();
    let mut client = client(&server);
    let first = client.ok(&Request::create("/a", b"", 0)).zxid;
    let failures = [
        (Request::create("/a", b"", 0), err::NODE_EXISTS),
        (Request::delete("/b", -1), err::NO_NODE),
        (Request::set_data("/a", b"", 7), err::BAD_VERSION),
        (Request::set_acl("/a", vec![], -1), err::INVALID_ACL),
        (Request::create("a", b"", 0), err::BAD_ARGUMENTS),
    ];
    for (zxid, (write, code)) in (first + 1..).zip(failures) {
        let reply = client.call(&write).expect("a reply");
        assert_eq!((reply.err, reply.zxid), (code, zxid), "{write:?}");
        assert_eq!(client.ok(&Request::ping()).zxid, zxid);
    }
}

#[test]
fn trap_031_containers_and_ttls_have_no_owner() {
    let place = Place::new("trap_031");
    let mut client = place.client();
    client.ok(&Request::create_container(&place.path("/c")));
    client.ok(&Request::create_ttl(&place.path("/t"), flags::TTL, 0xff_ffff_ffff));
    client.ok(&Request::create(&place.path("/e"), b"", flags::EPHEMERAL));
    let mut owner = |name| client.ok(&Request::exists(&place.path(name), false)).stat().ephemeral_owner;
    assert_eq!((owner("/c"), owner("/t")), (0, 0));
    assert_eq!(owner("/e"), client.session.id);
}

#[test]
fn trap_032_the_stat_of_a_write_is_that_of_the_next_read() {
    let place = Place::new("trap_032");
    let mut client = place.client();
    let path = place.path("/a");
    let writes = [
        Request::create2(&path, b"some data", flags::EPHEMERAL),
        Request::set_data(&path, b"other", 0),
        Request::set_acl(&path, Acl::open(), 0),
    ];
    for write in writes {
        let written = client.ok(&write).stat();
        assert_eq!(client.ok(&Request::exists(&path, false)).stat(), written, "{write:?}");
        assert_eq!(client.ok(&Request::get_data(&path, false)).stat(), written, "{write:?}");
    }
}

#[test]
fn trap_033_no_read_is_answered_from_what_was_true_before() {
    let place = Place::new("trap_033");
    let mut client = place.client();
    let path = place.path("/a");
    client.ok(&Request::create(&path, b"x", 0));
    let quota = format!("/zookeeper/quota{path}");
    client.ok(&Request::create(&format!("/zookeeper/quota{}", place.path("")), b"", 0));
    client.ok(&Request::create(&quota, b"", 0));
    client.ok(&Request::create(&format!("{quota}/zookeeper_limits"), b"count=100,bytes=100", 0));
    let stats = format!("{quota}/zookeeper_stats");
    client.ok(&Request::create(&stats, b"", 0));
    let first = client.ok(&Request::get_data(&stats, false));
    let text = |data: Option<&[u8]>| String::from_utf8(data.unwrap_or_default().to_vec()).expect("text");
    assert_eq!(text(first.data()), "count=1,bytes=1");

    // The usage changes without a transaction on the node: data and length are new, the rest of the Stat is not.
    client.ok(&Request::create(&format!("{path}/b"), &[7; 41], 0));
    let second = client.ok(&Request::get_data(&stats, false));
    assert_eq!(text(second.data()), "count=2,bytes=42");
    let mut same = second.stat();
    same.data_length = first.stat().data_length;
    assert_eq!(same, first.stat());

    // What does not move mzxid moves the Stat all the same.
    let before = client.ok(&Request::get_data(&path, false)).stat();
    client.ok(&Request::set_acl(&path, Acl::open(), -1));
    let after = client.ok(&Request::get_data(&path, false)).stat();
    assert_eq!((after.aversion, after.mzxid), (before.aversion + 1, before.mzxid));
}

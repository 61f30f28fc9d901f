//! Quotas as ZooKeeper's tools set them.
use crate::wire::{ask, client, done, setup, stat};
use paddock_tests::client::Client;
use paddock_tests::records::{Stat, flags};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;

const QUOTA_EXCEEDED: i32 = -125;

fn put(client: &mut Client, path: &str, data: &[u8]) {
    done(client, &Request::create(path, data, flags::PERSISTENT));
}

fn usage(client: &mut Client) -> (String, Stat) {
    match done(client, &Request::get_data("/zookeeper/quota/a/zookeeper_stats", false)) {
        Body::Data(Some(data), stat) => (String::from_utf8(data).expect("the stats are a text"), stat),
        other => panic!("{other:?}"),
    }
}

/// Java's tool writes both znodes, and -1 for what is not limited.
fn set_quota(client: &mut Client, limits: &[u8]) {
    put(client, "/zookeeper/quota/a", b"");
    put(client, "/zookeeper/quota/a/zookeeper_limits", limits);
    put(client, "/zookeeper/quota/a/zookeeper_stats", b"count=0,bytes=0");
}

#[test]
fn trap_33_usage_is_current_at_every_read_and_leaves_no_trace_in_the_stat() {
    let mut server = setup().start();
    let mut one = client(&server);
    put(&mut one, "/a", b"123");
    set_quota(&mut one, b"count=5,bytes=100");
    let (text, first) = usage(&mut one);
    assert_eq!(text, "count=1,bytes=3");
    put(&mut one, "/a/b", b"1");
    let (text, second) = usage(&mut one);
    assert_eq!(text, "count=2,bytes=4");
    assert_eq!(second, first);
    done(&mut one, &Request::set_data("/a/b", b"0123456789", -1));
    done(&mut one, &Request::delete("/a/b", -1));
    put(&mut one, "/a/c", b"0123456789");
    let (text, third) = usage(&mut one);
    assert_eq!(text, "count=2,bytes=13");
    assert_eq!(third, Stat { data_length: third.data_length, ..first });

    server.kill();
    server.restart();
    let mut two = client(&server);
    assert_eq!(usage(&mut two), (text, third), "the log gives the same again");
    done(&mut two, &Request::delete("/a/c", -1));
    assert_eq!(usage(&mut two).0, "count=1,bytes=3", "and the quota is known");
}

#[test]
fn hard_limits_are_enforced_where_that_is_configured() {
    let server = setup().property("zookeeper.enforceQuota", "true").start();
    let mut client = client(&server);
    put(&mut client, "/a", b"");
    set_quota(&mut client, b"count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=2");
    put(&mut client, "/a/b", b"12345");
    let before = stat(done(&mut client, &Request::exists("/a", false)));
    assert_eq!(ask(&mut client, &Request::create("/a/c", b"", flags::PERSISTENT)).err, QUOTA_EXCEEDED);
    assert_eq!(ask(&mut client, &Request::set_data("/a/b", b"12345678901", 9)).err, QUOTA_EXCEEDED);
    let refused = ask(&mut client, &Request::create("/a/c", b"", flags::SEQUENTIAL));
    assert_eq!(refused.err, QUOTA_EXCEEDED);
    assert_eq!(stat(done(&mut client, &Request::exists("/a", false))), before);
    done(&mut client, &Request::set_data("/zookeeper/quota/a/zookeeper_limits", b"count=-1,bytes=-1", -1));
    put(&mut client, "/a/c", b"12345678901");
}

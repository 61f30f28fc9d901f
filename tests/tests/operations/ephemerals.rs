//! getEphemerals.
use crate::wire::{ask, client, done, setup};
use paddock_tests::client::Client;
use paddock_tests::records::{err, flags, op};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;

fn request(prefix: Option<&str>) -> Request {
    Request::Path { opcode: op::GET_EPHEMERALS, path: prefix.map(str::to_owned) }
}

fn names(body: Body) -> Vec<String> {
    let Body::Names(Some(names)) = body else { panic!("{body:?}") };
    let mut names: Vec<String> = names.into_iter().map(|name| name.expect("a path")).collect();
    names.sort();
    names
}

#[test]
fn trap_90_a_session_is_told_its_own_by_a_textual_prefix() {
    let server = setup().start();
    let (mut owner, mut other) = (client(&server), client(&server));
    for (path, flags) in [("/a", 0), ("/a/e", 1), ("/ab", flags::EPHEMERAL), ("/b", flags::EPHEMERAL)] {
        done(&mut owner, &Request::create(path, b"", flags));
    }
    done(&mut other, &Request::create("/a/other", b"", flags::EPHEMERAL));
    let told = |client: &mut Client, prefix| names(done(client, &request(prefix)));
    for all in [None, Some(""), Some("/"), Some(" ")] {
        assert_eq!(told(&mut owner, all), ["/a/e", "/ab", "/b"], "{all:?}");
    }
    assert_eq!(told(&mut owner, Some("/a")), ["/a/e", "/ab"]);
    assert_eq!(told(&mut other, Some("/")), ["/a/other"]);
    assert_eq!(told(&mut other, Some("/missing")), [""; 0]);
    assert_eq!(ask(&mut owner, &Request::Raw { opcode: op::GET_EPHEMERALS, body: vec![0] }).err, err::MARSHALLING);
}

/// Each answer tells of exactly the writes before it.
#[test]
fn answers_keep_their_place_between_writes() {
    let server = setup().start();
    let mut client = client(&server);
    let mut xids = Vec::new();
    for i in 0..20 {
        client.queue(&Request::create(&format!("/e{i:02}"), b"", flags::EPHEMERAL));
        xids.push(client.queue(&request(None)));
        client.queue(&Request::exists("/e00", false));
    }
    client.flush().expect("the server reads");
    let mut counts = Vec::new();
    while counts.len() < xids.len() {
        let reply = client.next_reply().expect("every request is answered");
        if xids.contains(&reply.xid) {
            counts.push(names(reply.body).len());
        }
    }
    assert_eq!(counts, (1..=20).collect::<Vec<_>>());
}

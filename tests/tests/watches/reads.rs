//! multiRead, whoAmI and getAllChildrenNumber.
use super::*;
use paddock_tests::client::ClientError;
use paddock_tests::reply::{Body, Outcome};

/// More than a server counts before it looks at its other connections.
const MANY: usize = 20_000;
const MANY_A_MULTI: usize = 2_000;

fn multi_read(members: Vec<Request>) -> Request {
    Request::Multi { opcode: op::MULTI_READ, members }
}

fn number_of(path: &str) -> Request {
    Request::Path { opcode: op::GET_ALL_CHILDREN_NUMBER, path: Some(path.into()) }
}

fn counted(reply: &Reply) -> i32 {
    match reply.body {
        Body::Number(number) => number,
        ref other => panic!("{other:?} is no number"),
    }
}

#[test]
fn trap_045_096_a_multi_read_answers_each_member() {
    let server = setup().start();
    let mut client = client(&server);
    create(&mut client, "/a");
    for child in 0..50 {
        create(&mut client, &format!("/a/{child}"));
    }
    let alone = done(&mut client, &Request::get_children("/a", false)).body;
    let members = vec![Request::get_data("/b", true), Request::get_children("/a", true), Request::get_data("/a", true)];
    let Body::Multi(outcomes) = done(&mut client, &multi_read(members)).body else { panic!("no outcomes") };
    assert_eq!(outcomes[0], Outcome { kind: -1, err: err::NO_NODE, body: Body::Number(err::NO_NODE) });
    assert_eq!(outcomes[1], Outcome { kind: op::GET_CHILDREN, err: 0, body: alone });
    assert!(matches!(outcomes[2], Outcome { kind: op::GET_DATA, err: 0, body: Body::Data(..) }));
    done(&mut client, &Request::set_data("/a", b"", -1));
    assert_eq!(events(&mut client), [], "its members set no watches");
    assert_eq!(done(&mut client, &multi_read(vec![])).body, Body::Multi(vec![]));
    for member in [Request::exists("/a", false), Request::delete("/a", -1)] {
        let reply = client.call(&multi_read(vec![Request::get_data("/a", false), member])).expect("a reply");
        assert_eq!(reply.err, err::MARSHALLING);
    }
}

/// Half a megabyte of requests for a megabyte each: the reply is refused, and built by nobody.
#[test]
fn a_multi_read_cannot_ask_for_gigabytes() {
    if Kind::under_test() == Kind::ZooKeeper {
        return;
    }
    let server = setup().start();
    let mut client = client(&server);
    done(&mut client, &Request::create("/big", &vec![7; 1_000_000], flags::PERSISTENT));
    let resident = server.resident_bytes();
    let many = multi_read(vec![Request::get_data("/big", false); 25_000]);
    assert_eq!(client.call(&many).expect("a reply").err, err::MARSHALLING);
    // The same behind a write, where it has to wait.
    client.queue(&Request::set_data("/big", b"", -1));
    client.queue(&Request::create("/big/b", &vec![7; 1_000_000], flags::PERSISTENT));
    client.queue(&multi_read(vec![Request::get_data("/big/b", false); 25_000]));
    client.flush().expect("the requests are taken");
    assert_eq!([(); 3].map(|()| next_reply(&mut client).err), [err::OK, err::OK, err::MARSHALLING]);
    let grown = server.resident_bytes().saturating_sub(resident);
    assert!(grown < 100 << 20, "{grown} bytes more");
    let few = multi_read(vec![Request::get_data("/big/b", false); 10]);
    assert_eq!(client.call(&few).expect("a reply").err, err::OK);
}

#[test]
fn trap_100_who_am_i() {
    let server = setup().start();
    let mut client = client(&server);
    done(&mut client, &Request::auth("digest", b"pat:passwd"));
    let Body::Clients(Some(mut clients)) = done(&mut client, &Request::Bare { opcode: op::WHO_AM_I }).body else {
        panic!("no list")
    };
    clients.sort();
    let entry = |scheme: &str, user: &str| (Some(scheme.to_owned()), Some(user.to_owned()));
    assert_eq!(clients, [entry("digest", "pat"), entry("ip", "127.0.0.1")]);
}

#[test]
fn trap_089_all_children_are_counted() {
    let server = setup().start();
    let mut client = client(&server);
    assert_eq!(counted(&done(&mut client, &number_of("/"))), 3);
    for path in ["/a", "/a/b", "/a/b/c", "/ab"] {
        create(&mut client, path);
    }
    assert_eq!(counted(&done(&mut client, &number_of("/"))), 7);
    assert_eq!(counted(&done(&mut client, &number_of("/a"))), 2);
    assert_eq!(counted(&done(&mut client, &number_of("/ab"))), 0);
    assert_eq!(client.call(&number_of("/b")).expect("a reply").err, err::NO_NODE);
    prove(&mut client);
    done(&mut client, &hidden("/a/hidden"));
    assert_eq!(counted(&done(&mut client, &number_of("/a"))), 3, "whether or not they may be read");
    let mut stranger = super::client(&server);
    assert_eq!(stranger.call(&number_of("/a/hidden")).expect("a reply").err, err::NO_AUTH);
}

/// A long count keeps its place among the requests of its connection, in front of them and behind a write.
#[test]
fn trap_087_a_long_count_keeps_its_place() {
    let server = setup().start();
    let mut client = client(&server);
    create(&mut client, "/many");
    for first in (0..MANY).step_by(MANY_A_MULTI) {
        let member = |index| Request::create(&format!("/many/{index}"), b"", flags::PERSISTENT);
        done(&mut client, &Request::multi((first..first + MANY_A_MULTI).map(member).collect()));
    }
    let (many, mut other) = (MANY as i32, super::client(&server));
    for round in 0..10 {
        let name = format!("/many/more{round}");
        let expected = [None, Some(many + round), None, None, Some(many + round + 1), None];
        for request in [
            Request::get_data("/many", false),
            number_of("/many"),
            Request::get_data("/many", false),
            Request::create(&name, b"", flags::PERSISTENT),
            number_of("/many"),
            Request::exists(&name, false),
        ] {
            client.queue(&request);
        }
        client.flush().expect("the requests are taken");
        for expected in expected {
            done(&mut other, &Request::exists("/many", false));
            let reply = next_reply(&mut client);
            assert_eq!(reply.err, err::OK);
            if let Some(number) = expected {
                assert_eq!(counted(&reply), number, "round {round}");
            }
        }
    }
    client.queue(&number_of("/many"));
    client.queue(&Request::close());
    client.flush().expect("the requests are taken");
    assert_eq!(counted(&next_reply(&mut client)), many + 10);
    assert_eq!(next_reply(&mut client).err, err::OK);
    assert!(matches!(client.next_frame(), Err(ClientError::Closed)));
}

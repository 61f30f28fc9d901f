//! Containers and znodes with a time to live, until they go away by themselves.
use crate::wire::{ask, assert_unknown, client, create, create_ttl, done, setup, stat};
use paddock_tests::client::{Client, Frame};
use paddock_tests::jute::Writer;
use paddock_tests::records::{err, op};
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};

/// deleteContainer, which only a server's own manager may ask for.
const DELETE_CONTAINER: i32 = 20;
const NODE_DELETED: i32 = 2;

fn eager(extended: &str) -> Server {
    setup()
        .property("zookeeper.extendedTypesEnabled", extended)
        .property("znode.container.checkIntervalMs", "20")
        .property("znode.container.maxPerMinute", "60000")
        .start()
}

fn await_deletion(client: &mut Client, path: &str) {
    let watch = ask(client, &Request::exists(path, true));
    if watch.err == err::NO_NODE {
        return;
    }
    let next = client.events.pop_front().map(Frame::Event);
    match next.unwrap_or_else(|| client.next_frame().expect("the deletion is told")) {
        Frame::Event(event) => assert_eq!((event.kind, &*event.path), (NODE_DELETED, path)),
        other => panic!("{other:?} instead of the deletion of {path}"),
    }
}

#[test]
fn traps_91_92_what_is_empty_and_due_goes_and_the_rest_stays() {
    let server = eager("true");
    let mut client = client(&server);
    done(&mut client, &create(op::CREATE_CONTAINER, "/unused", 4));
    done(&mut client, &create(op::CREATE_CONTAINER, "/used", 4));
    done(&mut client, &create(op::CREATE_CONTAINER, "/used/inner", 4));
    done(&mut client, &create(op::CREATE, "/used/inner/child", 0));
    done(&mut client, &create_ttl("/brief", 5, 1));
    done(&mut client, &create_ttl("/long", 5, 3_600_000));
    await_deletion(&mut client, "/brief");
    done(&mut client, &Request::exists("/used/inner", false));
    done(&mut client, &Request::delete("/used/inner/child", -1));
    await_deletion(&mut client, "/used");
    for path in ["/unused", "/long"] {
        assert_eq!(stat(done(&mut client, &Request::exists(path, false))).ephemeral_owner, 0, "{path}, trap 31");
    }
}

#[test]
fn after_a_restart_they_are_known_again() {
    let mut server = eager("true");
    let mut before = client(&server);
    done(&mut before, &create(op::CREATE_CONTAINER, "/c", 4));
    done(&mut before, &create(op::CREATE, "/c/child", 0));
    done(&mut before, &create_ttl("/t", 5, 1));
    done(&mut before, &create(op::CREATE, "/t/child", 0));
    server.kill();
    server.restart();
    let mut after = client(&server);
    for path in ["/c", "/t"] {
        done(&mut after, &Request::delete(&format!("{path}/child"), -1));
        await_deletion(&mut after, path);
    }
}

#[test]
fn traps_15_21_on_the_wire() {
    let server = eager("false");
    let mut client = client(&server);
    let disabled = ask(&mut client, &create_ttl("/t", 5, 10));
    assert_eq!(disabled.err, err::UNIMPLEMENTED);
    assert!(disabled.zxid > 0, "it has failed as a write does, and the connection stands");
    let created = stat(done(&mut client, &create(op::CREATE_CONTAINER, "/c", 4)));
    assert_eq!(created, stat(done(&mut client, &Request::exists("/c", false))));
}

/// ZooKeeper deletes without asking anybody on the one, and ends itself on the other.
#[test]
fn traps_98_99_are_refused_here() {
    let server = Setup::new(Kind::Paddock).start();
    let mut owner = client(&server);
    done(&mut owner, &create(op::CREATE_CONTAINER, "/c", 4));
    assert_eq!(ask(&mut owner, &create_ttl("/t", 0, -1)).err, err::BAD_ARGUMENTS);
    let mut body = Writer::default();
    body.string(Some("/c"));
    assert_unknown(client(&server), &Request::Raw { opcode: DELETE_CONTAINER, body: body.bytes });
    done(&mut owner, &Request::exists("/c", false));
}

//! What is refused, and how.
use crate::{SUPER, TIMEOUT_MS, start, start_with};
use paddock_tests::client::Client;
use paddock_tests::http::{Connection, ask, get};
use paddock_tests::records::Acl;
use paddock_tests::request::Request;

/// The answer to a command that is refused.
fn refusal(command: &str, error: &str) -> String {
    format!("{{\n  \"command\" : \"{command}\",\n  \"error\" : \"{error}\"\n}}")
}

#[test]
fn commands_that_are_none() {
    let admin = start();
    for (path, name) in [
        ("abc", "abc"),
        ("RUOK", "RUOK"),
        ("ruok/", "ruok/"),
        ("a%20b", "a b"),
        ("shed_connections", "shed_connections"),
    ] {
        let answer = admin.get(path);
        assert_eq!(
            (answer.status, answer.text()),
            (200, &*refusal(name, &format!("Unknown command: {name}"))),
            "{path}"
        );
    }
    for path in ["/", "/command", "/commandsx", "/health", "/metrics"] {
        assert_eq!(get(admin.address, path).status, 404, "{path}");
    }
}

#[test]
fn methods_that_no_command_has() {
    let admin = start();
    for (method, path, status) in [
        ("POST", "/commands/ruok", 405),
        ("PUT", "/commands/ruok", 405),
        ("DELETE", "/commands", 405),
        ("TRACE", "/commands/ruok", 403),
        ("OPTIONS", "/commands/ruok", 200),
    ] {
        assert_eq!(ask(admin.address, method, path, &[]).status, status, "{method} {path}");
    }
    let wrong = ask(admin.address, "GET", "/commands/restore", &[SUPER]);
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
}

#[test]
fn whoever_may_not_do_everything_takes_no_snapshot() {
    let admin = start();
    let mut client = Client::connect(admin.server.address(), TIMEOUT_MS).expect("handshake");
    // The super user, or whoever comes from this machine, which lacks ADMIN.
    client.ok(&Request::set_acl("/", vec![Acl::new(15, "ip", "127.0.0.1"), Acl::new(31, "digest", "a:x")], -1));
    let path = "/commands/snap";
    for (header, status, error) in [
        (None, 401, "Auth info is missing for the command"),
        (Some("digest"), 401, "Not authenticated"),
        (Some("digest a b"), 401, "Not authenticated"),
        (Some("x509"), 401, "Not authenticated"),
        (Some("nonsense a:b"), 401, "Not authenticated"),
        (Some("digest a:b"), 403, "Not authorized"),
        (Some("ip"), 403, "Not authorized"),
    ] {
        let headers: Vec<_> = header.iter().map(|value| ("authorization", *value)).collect();
        let answer = ask(admin.address, "GET", path, &headers);
        assert_eq!((answer.status, answer.text()), (status, &*refusal("snap", error)), "{header:?}");
    }
    // The method is looked at behind that.
    assert_eq!(ask(admin.address, "GET", "/commands/restore", &[]).status, 401);
    assert_eq!(ask(admin.address, "GET", path, &[SUPER]).status, 200);
}

#[test]
fn a_switch_turns_snapshots_and_restores_off() {
    let admin =
        start_with(|setup| setup.config("admin.snapshot.enabled", "false").config("admin.restore.enabled", "false"));
    let snapshot = ask(admin.address, "GET", "/commands/snapshot", &[SUPER]);
    let expected = "{\n  \"command\" : \"snapshot\",\n  \"error\" : null\n}";
    assert_eq!((snapshot.status, snapshot.text()), (503, expected));
    assert_eq!(ask(admin.address, "POST", "/commands/restore", &[SUPER, ("content-length", "0")]).status, 503);
}

#[test]
fn masks_that_are_none() {
    let admin = start();
    for (query, error) in [
        ("", "setTraceMask requires long traceMask argument"),
        ("?traceMask=x", "setTraceMask requires long traceMask argument, got x"),
    ] {
        let expected = format!("{{\n  \"error\" : \"{error}\",\n  \"command\" : \"set_trace_mask\"\n}}");
        let answer = admin.get(&format!("stmk{query}"));
        assert_eq!((answer.status, answer.text()), (200, &*expected), "{query}");
    }
}

#[test]
fn nonsense_is_no_request() {
    let admin = start();
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], &b"GET\r\n\r\n"[..], &b"ruok\n\n"[..], &[0; 64][..]] {
        let mut connection = Connection::open(admin.address).expect("it is open");
        connection.send(bytes).expect("it takes some bytes");
        if let Ok(answer) = connection.answer(false) {
            assert_eq!(answer.status, 400, "{bytes:?}");
        }
    }
    assert_eq!(admin.get("ruok").status, 200);
}

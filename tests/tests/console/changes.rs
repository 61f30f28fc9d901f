//! What is changed, by whom, and who is kept from it.
use crate::{Console, TIMEOUT_MS};
use paddock_tests::client::Client;
use paddock_tests::http::{Answer, Connection, ask};
use paddock_tests::records::{Acl, perms};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, TempDir, poll_until};
use serde_json::{Value, json};

const PAT: (&str, &str) = ("authorization", "digest pat:secret");
/// The client of these tests says that the host is "test".
const OWN_PAGE: (&str, &str) = ("origin", "http://test");
/// "on" in base 64.
const ON: (&str, &str) = ("x-paddock-data", "b24=");
const NOTHING: (&str, &str) = ("x-paddock-data", "");

fn editing() -> Console {
    Console::start_with(|setup| setup.config("paddock.console.edit", "true"))
}

fn post(console: &Console, change: &str, headers: &[(&str, &str)]) -> Answer {
    ask(console.address, "POST", &format!("/console/api/{change}"), headers)
}

#[track_caller]
fn done(console: &Console, change: &str, data: (&str, &str)) -> Value {
    let answer = post(console, change, &[PAT, OWN_PAGE, data]);
    assert_eq!(answer.status, 200, "{change}: {}", answer.text());
    serde_json::from_slice(&answer.body).expect("it is JSON")
}

#[track_caller]
fn refused(console: &Console, change: &str, headers: &[(&str, &str)], status: u16) {
    let answer = post(console, change, headers);
    assert_eq!(answer.status, status, "{change}: {}", answer.text());
    let told: Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    assert!(told["error"].as_str().is_some_and(|error| !error.is_empty()), "{change}: {told}");
}

#[test]
fn a_znode_is_made_changed_and_deleted() {
    let console = editing();
    assert_eq!(done(&console, "create?path=/lamp&for=everybody", ON), json!({ "path": "/lamp" }));
    assert_eq!(console.told("znode?path=/lamp")["data"]["bytes"], "b24=");
    assert_eq!(done(&console, "set?path=/lamp&version=0", ("x-paddock-data", "b2Zm"))["version"], 1);
    assert_eq!(console.told("znode?path=/lamp")["data"]["bytes"], "b2Zm");
    done(&console, "create?path=/lamp/own&for=me", NOTHING);
    assert_eq!(console.told("znode?path=/lamp/own")["acl"], json!(null));
    assert_eq!(console.told_to("znode?path=/lamp/own", &[PAT])["acl"]["entries"][0]["scheme"], "digest");
    refused(&console, "delete?path=/lamp&version=1", &[PAT, OWN_PAGE, NOTHING], 409);
    done(&console, "delete?path=/lamp/own&version=0", NOTHING);
    refused(&console, "delete?path=/lamp&version=0", &[PAT, OWN_PAGE, NOTHING], 409);
    done(&console, "delete?path=/lamp&version=1", NOTHING);
    assert_eq!(console.get("/api/znode?path=/lamp").status, 404);
}

#[test]
fn what_cannot_be_done_is_said() {
    let console = editing();
    let headers = [PAT, OWN_PAGE, ON];
    for (change, status) in [
        ("create?path=/a/b&for=everybody", 404),
        ("create?path=/zookeeper&for=everybody", 409),
        ("create?path=/a/&for=everybody", 400),
        ("create?path=/a", 400),
        ("set?path=/none&version=0", 404),
        ("set?path=/zookeeper&version=7", 409),
        ("set?path=/zookeeper", 400),
        ("delete?path=/&version=-1", 400),
    ] {
        refused(&console, change, &headers, status);
    }
}

#[test]
fn nothing_is_changed_without_the_setting_a_login_and_the_own_page() {
    let console = Console::start();
    let create = "create?path=/made&for=everybody";
    refused(&console, create, &[PAT, OWN_PAGE, ON], 403);
    assert_eq!(console.told_to("visitor", &[PAT])["may_change"], false);
    let console = editing();
    let elsewhere = ("origin", "http://example.com");
    refused(&console, create, &[OWN_PAGE, ON], 401);
    refused(&console, create, &[("authorization", "ip"), OWN_PAGE, ON], 401);
    refused(&console, create, &[PAT, ON], 403);
    refused(&console, create, &[PAT, elsewhere, ON], 403);
    refused(&console, create, &[PAT, ("origin", "null"), ON], 403);
    refused(&console, create, &[PAT, OWN_PAGE], 403);
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(console.address, method, &format!("/console/api/{create}"), &[PAT, OWN_PAGE, ON]);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")), "{method}");
    }
    assert_eq!(console.get("/api/znode?path=/made").status, 404);
    assert_eq!(console.told("visitor")["may_change"], false);
    assert_eq!(console.told_to("visitor", &[PAT])["may_change"], true);
}

#[test]
fn permissions_are_those_of_any_client() {
    let console = editing();
    let mut client = Client::connect(console.server.address(), TIMEOUT_MS).expect("handshake");
    let read_only = vec![Acl::new(perms::READ, "world", "anyone")];
    client.ok(&Request::create_with_acl("/fixed", read_only.clone(), 0));
    refused(&console, "set?path=/fixed&version=0", &[PAT, OWN_PAGE, ON], 403);
    refused(&console, "create?path=/fixed/a&for=everybody", &[PAT, OWN_PAGE, ON], 403);
    client.ok(&Request::set_acl("/", read_only, -1));
    refused(&console, "create?path=/made&for=everybody", &[PAT, OWN_PAGE, ON], 403);
    assert_eq!(console.told_to("visitor", &[PAT])["may_change"], false);
}

#[test]
fn changes_are_in_the_audit_log_and_in_the_log() {
    let dir = TempDir::new("console-audit");
    let file = dir.path().join("audit.log");
    let console = Console::start_with(|setup| {
        let setup = setup.config("paddock.console.edit", "true").config("audit.enable", "true");
        setup.config("paddock.audit.file", file.to_str().expect("a path of a test is UTF-8"))
    });
    done(&console, "create?path=/lamp&for=everybody", ON);
    let line = poll_until(DEADLINE, || {
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        written.lines().find(|line| line.contains("znode=/lamp")).map(str::to_owned)
    });
    let line = line.expect("it is recorded");
    assert!(line.contains("operation=create") && line.contains("result=success") && line.contains("pat"), "{line}");
    let said = poll_until(DEADLINE, || console.server.log().contains("to create \"/lamp\": done").then_some(()));
    assert!(said.is_some(), "{}", console.server.log_tail());
    assert!(!console.server.log().contains("secret"));
}

#[test]
fn a_name_that_a_stranger_could_have_is_not_answered() {
    let console = Console::start_with(|setup| setup.config("paddock.console.hosts", "lamps.example.com"));
    for (host, status) in [
        ("lamps.example.com:8080", 200),
        ("LAMPS.example.com", 200),
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
        ("example.com", 421),
        ("127.0.0.1.example.com:8080", 421),
    ] {
        let mut connection = Connection::open(console.address).expect("it is open");
        connection
            .send(format!("GET /console/api/figures HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes())
            .expect("it is sent");
        assert_eq!(connection.answer(false).expect("an answer").status, status, "{host}");
    }
}

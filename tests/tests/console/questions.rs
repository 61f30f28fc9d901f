//! What is told, a page at a time, and to whom.
use crate::{Console, TIMEOUT_MS};
use paddock_tests::client::Client;
use paddock_tests::http::ask;
use paddock_tests::records::{Acl, flags, perms};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, poll_until};
use serde_json::{Value, json};

const PAT: (&str, &str) = ("authorization", "digest pat:secret");
/// Children of one parent: two pages and a part of a third.
const CHILDREN: usize = 450;

fn connect(console: &Console) -> Client {
    Client::connect(console.server.address(), TIMEOUT_MS).expect("handshake")
}

fn list<'a>(told: &'a Value, name: &str) -> &'a Vec<Value> {
    told[name].as_array().unwrap_or_else(|| panic!("{name} is no list in {told}"))
}

/// The names in all pages of children.
fn all_children(console: &Console, query: &str) -> Vec<String> {
    let (mut names, mut after): (Vec<String>, String) = (Vec::new(), String::new());
    loop {
        let page = console.told(&format!("children?path=/p&{query}&after={after}"));
        let children = list(&page, "children");
        assert!(children.len() <= 200, "{}", children.len());
        names.extend(children.iter().map(|child| child["name"].as_str().expect("a name").to_owned()));
        if page["has_more"] == false {
            return names;
        }
        after = names.last().expect("a page that is not the last has names").clone();
    }
}

#[test]
fn children_come_in_pages_and_by_their_beginnings() {
    let console = Console::start();
    let mut client = connect(&console);
    client.ok(&Request::create("/p", b"", 0));
    for child in 0..CHILDREN {
        client.queue(&Request::create(&format!("/p/c{child:04}"), b"abc", 0));
    }
    client.flush().expect("they are sent");
    (0..CHILDREN).for_each(|_| assert_eq!(client.next_reply().expect("a reply").err, 0));
    let expected: Vec<String> = (0..CHILDREN).map(|child| format!("c{child:04}")).collect();
    assert_eq!(all_children(&console, "prefix="), expected);
    assert_eq!(all_children(&console, "prefix=c03"), expected[300..400]);
    let page = console.told("children?path=/p&prefix=c0449");
    assert_eq!((&page["count"], &page["found"]), (&json!(CHILDREN), &json!(1)));
    assert_eq!(
        list(&page, "children")[0],
        json!({ "name": "c0449", "children": 0, "bytes": 3, "is_ephemeral": false })
    );
    let found = console.told("search?text=c0449");
    assert_eq!((&found["paths"], &found["next"]), (&json!(["/p/c0449"]), &json!(null)));
}

#[test]
fn a_znode_is_told_as_a_session_would_see_it() {
    let console = Console::start();
    let mut client = connect(&console);
    client.ok(&Request::auth("digest", b"pat:secret"));
    let acl = vec![Acl { perms: perms::ALL, scheme: Some("auth".into()), id: Some(String::new()) }];
    client.ok(&Request::create_with_acl("/closed", acl, 0));
    client.ok(&Request::create("/open", b"open", 0));
    let open = console.told("znode?path=/open");
    assert_eq!((&open["data"], &open["kind"]), (&json!({ "offset": 0, "bytes": "b3Blbg==" }), &json!("persistent")));
    assert_eq!(open["stat"]["dataLength"], 4);
    let closed = console.told("znode?path=/closed");
    assert_eq!((&closed["data"], &closed["acl"]), (&json!(null), &json!(null)));
    assert!(closed["stat"]["czxid"].is_string(), "exists needs no permission");
    let refused = console.get("/api/children?path=/closed");
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("READ"), "{}", refused.text());
    let closed = console.told_to("znode?path=/closed", &[PAT]);
    assert!(
        closed["data"].is_object()
            && closed["acl"]["entries"][0]["id"].as_str().is_some_and(|id| id.starts_with("pat:"))
    );
    assert_eq!(console.told_to("children?path=/closed", &[PAT])["count"], 0);
}

#[test]
fn sessions_are_told_with_what_they_have() {
    let console = Console::start();
    let mut client = connect(&console);
    for number in 0..9 {
        client.ok(&Request::create(&format!("/e{number}"), b"", flags::EPHEMERAL));
    }
    client.ok(&Request::get_data("/e0", true));
    let id = format!("{:#x}", client.session.id);
    let told = console.told("sessions");
    let session = list(&told, "sessions").iter().find(|session| session["session"] == id.as_str()).expect("it is told");
    assert_eq!((&session["ephemerals"], &session["timeout_ms"]), (&json!(9), &json!(TIMEOUT_MS)));
    assert_eq!(list(session, "paths").len(), 5);
    assert!(session["address"].as_str().is_some_and(|address| address.starts_with("127.0.0.1 port ")), "{session}");
    let owned = console.told(&format!("ephemerals?session={id}"));
    assert_eq!((list(&owned, "paths").len(), &owned["has_more"]), (9, &json!(false)));
    let watches = console.told("watches?prefix=/e");
    assert_eq!(watches["paths"], json!([{ "path": "/e0", "watchers": 1, "sessions": [id] }]));
    assert_eq!(console.told("watches?prefix=/none")["paths"], json!([]));
}

#[test]
fn figures_count_what_is_done() {
    let console = Console::start();
    let before = console.told("figures");
    let mut client = connect(&console);
    (0..20).for_each(|_| drop(client.ok(&Request::set_data("/", b"x", -1))));
    let counted = |figures: &Value| figures["updates"]["count"].as_u64().expect("a number");
    let told = poll_until(DEADLINE, || {
        let now = console.told("figures");
        (counted(&now) >= counted(&before) + 20).then_some(now)
    });
    let told = told.expect("they are counted");
    assert_eq!((&told["state"], &told["serves"]), (&json!("standalone"), &json!(true)));
    let buckets = list(&told["updates"], "buckets");
    let sum: u64 = buckets.iter().map(|bucket| bucket[1].as_u64().expect("a count")).sum();
    assert!(sum >= 20, "{buckets:?}");
    let stages = console.told("stages");
    assert!(
        list(&stages, "stages").iter().all(|stage| stage["name"].is_string() && stage["count"].is_u64()),
        "{stages}"
    );
    let ensemble = console.told("ensemble");
    assert_eq!(ensemble["members"][0]["said"]["role"], "standalone");
}

#[test]
fn the_log_is_for_the_machine_and_for_those_who_may_do_everything() {
    let console = Console::start();
    // The client of these tests sends a host of its own, which is no name of this machine.
    let refused = console.get("/api/log");
    assert_eq!(refused.status, 403, "{}", refused.text());
    let told = console.told_to("log?after=0", &[PAT]);
    let lines = list(&told, "lines");
    assert!(
        lines.iter().any(|line| line.as_str().is_some_and(|line| line.contains("AdminServer listens on"))),
        "{told}"
    );
    let place = told["place"].as_u64().expect("a number");
    assert!(list(&console.told_to(&format!("log?after={place}"), &[PAT]), "lines").len() <= 500);
    let mut client = connect(&console);
    client.ok(&Request::set_acl("/", vec![Acl::new(perms::READ, "world", "anyone")], -1));
    let refused = ask(console.address, "GET", "/console/api/log", &[PAT]);
    assert_eq!(refused.status, 403, "a user who may not do everything");
}

#[test]
fn nonsense_is_answered_with_what_is_wrong() {
    let console = Console::start();
    let long = format!("search?text={}", "x".repeat(1001));
    for (question, status) in [
        ("znode?path=a", 400),
        ("znode?path=/none", 404),
        ("znode?path=/&offset=-1", 400),
        ("children?path=/a//b", 400),
        ("search", 400),
        (long.as_str(), 400),
        ("search?text=a&from=7", 400),
        ("sessions?after=7", 400),
        ("ephemerals", 400),
        ("log?after=x", 400),
    ] {
        let answer = console.get(&format!("/api/{question}"));
        assert_eq!(answer.status, status, "{question}: {}", answer.text());
        let told: Value = serde_json::from_slice(&answer.body).expect("it is JSON");
        assert!(told["error"].is_string(), "{question}");
    }
    let refused = ask(console.address, "GET", "/console/api/znode?path=/", &[("authorization", "digest a b c")]);
    assert_eq!(refused.status, 401);
}

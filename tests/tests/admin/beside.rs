//! The same questions to ZooKeeper 3.9.5: what depends on nothing is the same byte for byte, and everything else has the same form.
use crate::{SUPER, TIMEOUT_MS, json_of_either, setup, zookeeper_with_jetty};
use paddock_tests::client::Client;
use paddock_tests::http::{Answer, ask, get};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server};
use serde_json::Value;
use std::net::SocketAddr;

/// Both servers with a client each, which has done the same.
struct Both {
    servers: [(Server, Client); 2],
    /// ZooKeeper's, and Paddock's.
    admins: [SocketAddr; 2],
}

impl Both {
    fn start() -> Both {
        let start = |kind: Kind| {
            let (setup, admin) = setup(kind);
            let setup = if kind == Kind::ZooKeeper { setup.class_path(zookeeper_with_jetty()) } else { setup };
            let server = setup.start();
            let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
            client.ok(&Request::create("/e", b"x", flags::EPHEMERAL));
            client.ok(&Request::get_data("/e", true));
            client.code(&Request::exists("/z", true));
            ((server, client), admin)
        };
        let ((zookeeper, first), (paddock, second)) = (start(Kind::ZooKeeper), start(Kind::Paddock));
        Both { servers: [zookeeper, paddock], admins: [first, second] }
    }

    fn each(&self, question: impl Fn(SocketAddr) -> Answer) -> [Answer; 2] {
        self.admins.map(question)
    }
}

/// A JSON text in which every number, switch and text that is a value is only said to be one.
fn form(json: &str) -> Vec<String> {
    let mut lines: Vec<String> = json.lines().map(line_form).collect();
    // A tick of which no session is left is told, or not, as it has just happened.
    lines.dedup();
    lines
}

/// Likewise where Java's order of the fields is another one in each run.
pub fn sorted_form(json: &str) -> Vec<String> {
    let mut lines: Vec<String> = form(json).iter().map(|line| line.trim_end_matches(',').to_owned()).collect();
    lines.sort();
    lines
}

fn line_form(line: &str) -> String {
    let Some((key, value)) = line.split_once(" : ") else { return line.to_owned() };
    // The keys of what belongs to a session are its id.
    let is_id = key.trim().trim_matches('"').parse::<i64>().is_ok();
    let key = if is_id { "    id" } else { key };
    let kind = match value.chars().next() {
        Some('"') => "text",
        Some('t' | 'f') => "switch",
        Some(first) if first == '-' || first.is_ascii_digit() => "number",
        Some('[') if value.starts_with("[ {") => "objects",
        Some('[') => "list",
        Some('{') if value.starts_with("{ }") => "empty object",
        Some('{') => "object",
        _ => "null",
    };
    format!("{key} : {kind}")
}

#[test]
fn what_depends_on_nothing_is_the_same() {
    let both = Both::start();
    for path in [
        "ruok",
        "is_read_only",
        "isro",
        "gtmk",
        "stmk",
        "stmk?traceMask=x",
        "stmk?traceMask=9",
        "get_trace_mask",
        "leader",
        "voting_view",
        "zabstate",
        "observers",
        "orst",
        "crst",
        "srst",
        "nothing",
        "Ruok",
        "a%20b",
        "wchs",
        "watch_summary",
    ] {
        let [zookeeper, paddock] = both.each(|admin| get(admin, &format!("/commands/{path}")));
        assert_eq!((paddock.status, paddock.text()), (zookeeper.status, zookeeper.text()), "{path}");
    }
    let [zookeeper, paddock] = both.each(|admin| get(admin, "/commands"));
    assert_eq!(paddock.text(), zookeeper.text());
    for path in ["/", "/commandsx"] {
        let [zookeeper, paddock] = both.each(|admin| get(admin, path));
        assert_eq!(paddock.status, zookeeper.status, "{path}");
    }
}

#[test]
fn who_is_let_in_is_the_same() {
    let both = Both::start();
    // The last one is let in: only one is, since a snapshot is not taken again at once.
    for header in [None, Some("digest"), Some("digest a b"), Some("x509"), Some("nonsense a"), Some("ip")] {
        let headers: Vec<_> = header.iter().map(|value| ("authorization", *value)).collect();
        let [zookeeper, paddock] = both.each(|admin| ask(admin, "GET", "/commands/snapshot?streaming=false", &headers));
        assert_eq!(paddock.status, zookeeper.status, "{header:?}");
        assert_eq!(paddock.text(), zookeeper.text(), "{header:?}");
    }
}

#[test]
fn answers_have_the_same_form() {
    let both = Both::start();
    for command in [
        "conf",
        "cons",
        "dirs",
        "dump",
        "envi",
        "hash",
        "lsnp",
        "icfg",
        "wchc",
        "wchp",
        "configuration",
        "connections",
        "last_snapshot",
    ] {
        let [zookeeper, paddock] = both.each(|admin| get(admin, &format!("/commands/{command}")));
        let [expected, told] = [&zookeeper, &paddock].map(|answer| form(answer.text()));
        assert_eq!(told, expected, "{command}:\n{}\n{}", zookeeper.text(), paddock.text());
        let content_type = |answer: &Answer| {
            answer.header("content-type").and_then(|value| value.split(';').next().map(str::to_owned))
        };
        assert_eq!(content_type(&paddock), content_type(&zookeeper), "{command}");
    }
    for command in ["srvr", "stat"] {
        let [expected, told] =
            both.each(|admin| get(admin, &format!("/commands/{command}"))).map(|answer| sorted_form(answer.text()));
        assert_eq!(told, expected, "{command}");
    }
}

#[test]
fn digests_are_told_in_the_same_form() {
    let mut both = Both::start();
    for (_, client) in &mut both.servers {
        (0..130).for_each(|_| drop(client.ok(&Request::set_data("/", b"x", -1))));
    }
    let [zookeeper, paddock] = both.each(|admin| get(admin, "/commands/hash"));
    assert_eq!(form(paddock.text()), form(zookeeper.text()), "{}\n{}", zookeeper.text(), paddock.text());
    let [zookeeper, paddock] = both.admins.map(|admin| json_of_either(admin, "hash"));
    for key in ["zxid", "digest_version"] {
        assert_eq!(paddock["digests"][0][key], zookeeper["digests"][0][key], "{key}");
    }
}

/// What a value is: ZooKeeper tells whole numbers and others apart.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Number(number) if number.is_f64() => "decimal",
        Value::Number(_) => "whole",
        _ => "something else",
    }
}

/// All that ZooKeeper monitors is monitored, in the same form. What belongs to a namespace, or to one of the servers, comes and goes.
#[track_caller]
pub fn assert_monitored(paddock: &Value, zookeeper: &Value) {
    let is_of_server = |key: &str| key.split('_').any(|part| part.parse::<u64>().is_ok());
    let is_fixed = |key: &str| key != "error" && !key.contains("_per_namespace") && !is_of_server(key);
    for (key, value) in zookeeper.as_object().expect("an object").iter().filter(|(key, _)| is_fixed(key)) {
        let told = paddock.get(key).unwrap_or_else(|| panic!("{key} is missing"));
        assert_eq!(kind(told), kind(value), "{key}: {told} and {value}");
    }
}

#[test]
fn the_same_is_monitored() {
    let both = Both::start();
    let [zookeeper, paddock] = both.admins.map(|admin| json_of_either(admin, "monitor"));
    assert_monitored(&paddock, &zookeeper);
    for key in
        ["server_state", "znode_count", "watch_count", "ephemerals_count", "num_alive_connections", "global_sessions"]
    {
        assert_eq!(paddock[key], zookeeper[key], "{key}");
    }
}

#[test]
fn a_snapshot_is_sent_with_the_same_headers() {
    let both = Both::start();
    let [zookeeper, paddock] = both.each(|admin| ask(admin, "GET", "/commands/snapshot", &[SUPER]));
    for answer in [&zookeeper, &paddock] {
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/octet-stream")));
        assert_eq!(answer.header("snapshot_size"), Some(answer.body.len().to_string().as_str()));
        assert!(answer.body.starts_with(b"ZKSN"));
    }
    assert_eq!(paddock.header("last_zxid"), zookeeper.header("last_zxid"));
}

//! The way of writes under glass: what a server says of its stages against what its client has measured, `paddock profile HOST:PORT`,
//! and the log of slow requests. No time is judged but by what must be true of any: the stages of one client's writes do not overlap.
use paddock_tests::client::Client;
use paddock_tests::http::get;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, TempDir, free_port, paddock, poll_until};
use serde_json::Value;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Instant;

const TIMEOUT_MS: i32 = 20_000;
const WRITES: u64 = 200;
/// Each stage is rounded to a microsecond.
const ROUNDING_US: f64 = 1.0;

/// In the order of the way, on a server that orders.
const STAGES: [&str; 8] = ["queued", "ordered", "submitted", "synced", "quorum", "released", "answered", "written"];

fn start(config: &[(&str, &str)]) -> (Server, SocketAddr) {
    let port = free_port();
    let setup = Setup::new(Kind::Paddock)
        .config("admin.enableServer", "true")
        .config("admin.serverAddress", "127.0.0.1")
        .config("admin.serverPort", &port.to_string());
    let setup = config.iter().fold(setup, |setup, (key, value)| setup.config(key, value));
    (setup.start(), SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

fn stages(admin: SocketAddr) -> Value {
    let answer = get(admin, "/commands/stages");
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).expect("it is JSON")
}

fn count(told: &Value, stage: &str) -> u64 {
    told["stages"][stage]["count"].as_u64().expect("a number")
}

/// What has come to a sum between two answers, microseconds.
fn sum_between(before: &Value, after: &Value, group: &str, name: &str) -> f64 {
    let sum = |told: &Value| told[group][name]["sum"].as_u64().expect("a number");
    (sum(after) - sum(before)) as f64
}

#[test]
fn the_stages_of_writes_are_what_their_client_has_waited_for() {
    let (server, admin) = start(&[]);
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
    client.ok(&Request::create("/w", b"x", flags::PERSISTENT));
    // What is told of that write may come after its answer.
    let before = poll_until(DEADLINE, || Some(stages(admin)).filter(|told| count(told, "written") == 2))
        .expect("two were written");
    let began = Instant::now();
    for _ in 0..WRITES {
        client.ok(&Request::set_data("/w", b"y", -1));
    }
    let written = count(&before, "written") + WRITES;
    let after = poll_until(DEADLINE, || Some(stages(admin)).filter(|told| count(told, "written") == written));
    let waited_us = began.elapsed().as_micros() as f64;
    let after = after.expect("all of them were written");

    for stage in STAGES {
        assert_eq!(count(&after, stage) - count(&before, stage), WRITES, "{stage}: {after}");
    }
    assert_eq!((count(&after, "forwarded"), count(&after, "agreed")), (0, 0), "nobody else is asked");
    let sum: f64 = STAGES.iter().map(|stage| sum_between(&before, &after, "stages", stage)).sum();
    let rounding = WRITES as f64 * STAGES.len() as f64 * ROUNDING_US;
    assert!(sum <= waited_us + rounding, "the client has waited {waited_us} us, and the stages took {sum}");
    // From the decoded request to the beginning of the turn's half in which it was answered.
    let updates = sum_between(&before, &after, "beside", "update");
    assert!(sum + rounding >= updates, "{sum} of {updates}");
    let synced = sum_between(&before, &after, "stages", "synced");
    assert!(synced > 0.0 && sum >= synced, "{synced} of {sum}");
    assert_eq!(sum_between(&before, &after, "stages", "quorum"), 0.0, "there are no others");

    let groups = after["groups"].as_array().expect("a list");
    let records: i64 = groups.iter().map(|group| group[2].as_i64().expect("a number")).sum();
    assert_eq!(records as u64, WRITES + 2, "the session, its znode, and what was written to it");
    let newest = groups.last().and_then(|group| group[0].as_u64()).expect("a number");
    let answer = get(admin, &format!("/commands/stages?groups={newest}"));
    let told: Value = serde_json::from_slice(&answer.body).expect("it is JSON");
    assert_eq!(told["groups"].as_array().map(Vec::len), Some(0), "they were told before");
}

#[test]
fn a_running_server_is_profiled() {
    let (server, admin) = start(&[]);
    let results = TempDir::new("profile-writes");
    let file = |name: &str| results.path().join(name);
    let mut command = Command::new(paddock());
    command.args(["profile", &server.connect_string(), "--seconds", "2.5", "--admin", &admin.port().to_string()]);
    command.arg("--plot").arg(file("p.svg")).arg("--json").arg(file("p.json")).arg("--trace").arg(file("p.trace"));
    let mut running =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
    client.ok(&Request::create("/w", b"x", flags::PERSISTENT));
    while running.try_wait().expect("it is this process's child").is_none() {
        client.ok(&Request::set_data("/w", b"y", -1));
    }
    let done = running.wait_with_output().expect("it ends");
    let [told, why] = [&done.stdout, &done.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!((why.as_str(), done.status.code()), ("", Some(0)), "{told}");
    for stage in STAGES.iter().chain(&["sum"]) {
        assert!(told.lines().any(|line| line.starts_with(&format!("{stage} "))), "{stage}: {told}");
    }
    let json: Value =
        serde_json::from_str(&fs::read_to_string(file("p.json")).expect("it is written")).expect("it is JSON");
    let server = &json["servers"][0];
    assert!(
        server["writes"].as_u64() > Some(0) && server["mode"] == "standalone" && server["error"].is_null(),
        "{server}"
    );
    assert!(server["groups"].as_array().is_some_and(|groups| !groups.is_empty()), "{server}");
    let picture = fs::read_to_string(file("p.svg")).expect("it is written");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n") && !picture.contains("NaN"), "{picture}");
    assert!(picture.contains("syncs over time") && picture.contains("<rect class=\"synced\""), "{picture}");
    let trace: Value =
        serde_json::from_str(&fs::read_to_string(file("p.trace")).expect("it is written")).expect("it is JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    assert!(events.iter().any(|event| event["ph"] == "X" && event["name"] == "sync"), "it has syncs");
}

#[test]
fn a_server_without_an_admin_server_is_told_as_one() {
    let server = Setup::new(Kind::Paddock).start();
    let results = TempDir::new("profile-none");
    let plot = results.path().join("p.svg");
    let mut command = Command::new(paddock());
    command.args(["profile", &server.connect_string(), "--admin", &free_port().to_string(), "--plot"]).arg(&plot);
    let done = command.stdin(Stdio::null()).output().expect("it runs");
    let why = String::from_utf8_lossy(&done.stderr);
    assert_eq!((done.status.code(), done.stdout.len()), (Some(1), 0), "{why}");
    assert!(why.starts_with("paddock: ") && why.contains("--admin") && why.lines().count() == 1, "{why}");
    assert!(!plot.exists(), "there are no results");
}

#[test]
fn slow_requests_are_told_of_where_that_is_wanted() {
    let (server, _) = start(&[("paddock.slowRequestMillis", "1")]);
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
    client.ok(&Request::create("/slow", b"", flags::PERSISTENT));
    // Sooner or later a request of so many bytes takes a millisecond, on any machine.
    let large = vec![b'x'; 1_000_000];
    let line = poll_until(DEADLINE, || {
        client.ok(&Request::set_data("/slow", &large, -1));
        let log = server.log();
        log.lines().find(|line| line.contains("a request took ") && line.contains("setData")).map(str::to_owned)
    });
    let line = line.expect("one was slow");
    let session = format!("0x{:x}", client.session.id);
    for words in ["/slow", session.as_str(), "synced_us", "queued_us", "paddock.slowRequestMillis"] {
        assert!(line.contains(words), "{words}: {line}");
    }
}

#[test]
fn slow_reads_are_told_of_too() {
    let (server, _) = start(&[("paddock.slowRequestMillis", "1")]);
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("handshake");
    let large = vec![b'x'; 1_000_000];
    client.ok(&Request::create("/slow", &large, flags::PERSISTENT));
    client.ok(&Request::create("/many", b"", flags::PERSISTENT));
    for round in 0..4 {
        let names = (0..5000).map(|number| format!("/many/{round}-{number:08}"));
        client.ok(&Request::multi(names.map(|name| Request::create(&name, b"", flags::PERSISTENT)).collect()));
    }
    let session = format!("0x{:x}", client.session.id);
    let mut line_of = |operation: &str, ask: &dyn Fn(&mut Client)| {
        // Sooner or later it takes a millisecond, on any machine.
        let line = poll_until(DEADLINE, || {
            ask(&mut client);
            let words = format!("operation=\"{operation}\"");
            let log = server.log();
            log.lines().find(|line| line.contains("a request took ") && line.contains(&words)).map(str::to_owned)
        });
        let line = line.unwrap_or_else(|| panic!("no {operation} was slow"));
        assert!(line.contains(&session) && line.contains("paddock.slowRequestMillis"), "{line}");
        line
    };

    let behind_write = line_of("getData", &|client| {
        client.queue(&Request::set_data("/slow", &large, -1));
        client.queue(&Request::get_data("/many", false));
        client.flush().expect("they are taken");
        (0..2).for_each(|_| assert_eq!(client.next_reply().expect("a reply").err, 0));
    });
    assert!(behind_write.contains("path=\"/many\"") && behind_write.contains("waited_us="), "{behind_write}");
    assert!(!behind_write.contains("answered_us="), "it is short: {behind_write}");

    let parts = Request::multi_read((0..12).map(|_| Request::get_data("/slow", false)).collect());
    let long = line_of("multiRead", &|client| assert_eq!(client.call(&parts).expect("a reply").err, 0));
    assert!(long.contains("waited_us=0 ") && long.contains("answered_us="), "{long}");

    let count = line_of("getAllChildrenNumber", &|client| {
        client.ok(&Request::get_all_children_number("/many"));
    });
    assert!(count.contains("path=\"/many\""), "{count}");
}

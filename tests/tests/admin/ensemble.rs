//! What members say, by their parts.
use crate::{TIMEOUT_MS, json_at};
use paddock_tests::client::Client;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::http::get;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Setup, free_port, poll_until};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Instant;

/// Of a client of the observer, one after the other.
const WRITES: i64 = 50;

/// Two who vote, and an observer, each with an AdminServer of its own.
pub struct Trio {
    pub ensemble: Ensemble,
    pub admins: Vec<SocketAddr>,
}

impl Trio {
    fn start() -> Trio {
        Trio::of(Setup::new(Kind::Paddock))
    }

    pub fn of(setup: Setup) -> Trio {
        let setup = setup.config("admin.enableServer", "true").config("admin.serverAddress", "127.0.0.1");
        let trio = Ensemble::start_with_observers(setup.config("admin.serverPort", "0"), 2, 1);
        let mut admins = Vec::new();
        // Each has a port that it was not told of before: it is started again with one.
        for place in trio.places() {
            let port = free_port();
            trio.server(place).terminate_in_peace();
            trio.server(place).configure("admin.serverPort", Some(Path::new(&port.to_string())));
            trio.server(place).spawn();
            trio.wait_for_leader(&trio.places());
            admins.push(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        Trio { ensemble: trio, admins }
    }

    fn json(&self, place: usize, command: &str) -> Value {
        json_at(self.admins[place], command)
    }
}

#[test]
fn members_say_what_they_are() {
    let trio = Trio::start();
    let leader = trio.ensemble.wait_for_leader(&trio.ensemble.places());
    for place in trio.ensemble.places() {
        let told = trio.json(place, "leader");
        assert_eq!(told["is_leader"], place == leader, "{place}");
        assert_eq!((&told["leader_id"], &told["leader_ip"]), (&json!(leader + 1), &json!("127.0.0.1")), "{place}");
        let state = trio.json(place, "zabstate");
        assert_eq!((&state["myid"], &state["zabstate"]), (&json!(place + 1), &json!("broadcast")), "{place}");
        assert_eq!((&state["voting"], &state["is_leader"]), (&json!(place < 2), &json!(place == leader)), "{place}");
        assert!(state["last_zxid"].as_str().is_some_and(|zxid| zxid.starts_with("0x")), "{state}");
        assert_eq!(state["quorum_address"]["all_host_strings"], json!(["127.0.0.1"]), "{place}");
        let view = trio.json(place, "voting_view");
        let view = view["current_config"].as_object().expect("a map");
        assert_eq!(view.keys().collect::<Vec<_>>(), ["1", "2"], "{place}");
        assert_eq!(view["1"]["learner_type"], "participant");
        let mode = trio.ensemble.server(place).mode().expect("it serves");
        assert_eq!(trio.json(place, "monitor")["server_state"], mode.as_str(), "{place}");
        let stats = trio.json(place, "srvr");
        assert_eq!(stats.get("proposal_stats").is_some(), place == leader, "{place}");
        assert_eq!(trio.json(place, "configuration")["server_id"], place + 1);
    }
    let observers = poll_until(DEADLINE, || {
        let told = trio.json(leader, "observers");
        (told["synced_observers"] == 1).then_some(told)
    });
    let observers = observers.expect("it observes");
    assert_eq!(observers["observers"][0]["sid"], 3);
    assert!(
        observers["observers"][0]["remote_socket_address"].as_str().is_some_and(|from| from.starts_with("/127.0.0.1:"))
    );
    let text = observers["observers"][0].to_string();
    for key in ["established", "packets_received", "packets_sent", "last_zxid"] {
        assert!(observers["observers"][0][key].as_u64() > Some(0), "{key}: {text}");
    }
    count_observer(&trio, leader);
    let expiry = |place| trio.json(place, "dump")["expiry_time_to_session_ids"].clone();
    assert_eq!(expiry(1 - leader), json!({}), "a follower ends no session");
}

/// What goes to the observer and comes from it is counted, and begins anew when an operator says so.
fn count_observer(trio: &Trio, leader: usize) {
    let counted = |key: &str| trio.json(leader, "observers")["observers"][0][key].as_i64().expect("a number");
    let mut client = Client::connect(trio.ensemble.server(2).address(), TIMEOUT_MS).expect("it takes a client");
    let before = ["packets_sent", "packets_received", "requests"].map(counted);
    for number in 0..WRITES {
        client.ok(&Request::create(&format!("/counted-{number}"), b"x", flags::PERSISTENT));
    }
    let zxid = client.last_zxid;
    let grown = poll_until(DEADLINE, || {
        let after = ["packets_sent", "packets_received", "requests"].map(counted);
        let is_told = (0..3).all(|place| after[place] >= before[place] + WRITES);
        (is_told && counted("last_zxid") >= zxid && counted("queued_packets") == 0).then_some(after)
    });
    let grown = grown.expect("each write goes there and back");
    assert_eq!(grown[2], before[2] + WRITES, "each of them is one request");
    assert_eq!(counted("queued_packets_size"), 0);

    assert_eq!(trio.json(leader, "observer_connection_stat_reset")["error"], Value::Null);
    assert_eq!(counted("requests"), 0);
    assert!(counted("packets_sent") < WRITES && counted("packets_received") < WRITES, "pings alone have gone since");
    client.ok(&Request::delete("/counted-0", -1));
    let told = poll_until(DEADLINE, || (counted("requests") == 1 && counted("last_zxid") > zxid).then_some(()));
    told.expect("it is counted from there");
}

#[test]
fn without_a_leader_a_member_says_that_it_does_not_serve() {
    let trio = Trio::start();
    let (left, gone) = (trio.admins[0], trio.ensemble.server(1));
    gone.kill();
    let not_ready = poll_until(DEADLINE, || Some(get(left, "/health/ready")).filter(|answer| answer.status == 503));
    assert!(not_ready.expect("it has lost its quorum").text().starts_with("not ready: "));
    assert_eq!(get(left, "/health/live").status, 200);
    let refusal =
        "{\n  \"command\" : \"srvr\",\n  \"error\" : \"This ZooKeeper instance is not currently serving requests\"\n}";
    let answer = get(left, "/commands/srvr");
    assert_eq!((answer.status, answer.text()), (200, refusal));
    assert_eq!(get(left, "/commands/monitor").status, 500);
    for command in ["envi", "gtmk", "sysp", "zabstate"] {
        assert_eq!(get(left, &format!("/commands/{command}")).status, 200, "{command}");
    }
    assert_eq!(trio.json(0, "zabstate")["zabstate"], "", "as in ZooKeeper");
    gone.spawn();
    trio.ensemble.wait_for_leader(&[0, 1]);
    let ready = poll_until(DEADLINE, || (get(left, "/health/ready").status == 200).then_some(()));
    assert!(ready.is_some(), "it serves again");
}

#[test]
fn writes_of_an_ensemble_tell_what_they_have_waited_for() {
    const WRITES: u64 = 50;
    let trio = Trio::start();
    let leader = trio.ensemble.wait_for_leader(&trio.ensemble.places());
    let follower = 1 - leader;
    let written = |told: &Value| told["stages"]["written"]["count"].as_u64().expect("a number");
    let mut client = Client::connect(trio.ensemble.server(follower).address(), TIMEOUT_MS).expect("handshake");
    client.ok(&Request::create("/w", b"x", flags::PERSISTENT));
    // What is told of a write may come after its answer.
    let settled =
        |count: u64| poll_until(DEADLINE, || Some(trio.json(follower, "stages")).filter(|told| written(told) == count));
    let before = settled(2).expect("the session and a znode");
    let at_leader = trio.json(leader, "stages");
    let began = Instant::now();
    for _ in 0..WRITES {
        client.ok(&Request::set_data("/w", b"y", -1));
    }
    let after = settled(2 + WRITES).expect("all of them are written");
    let waited_us = began.elapsed().as_micros() as f64;

    let between = |stage: &str, what: &str| {
        let of = |told: &Value| told["stages"][stage][what].as_u64().expect("a number");
        of(&after) - of(&before)
    };
    let stages = ["queued", "forwarded", "agreed", "released", "answered", "written"];
    for stage in stages {
        assert_eq!(between(stage, "count"), WRITES, "{stage}: {after}");
    }
    for stage in ["ordered", "submitted", "synced", "quorum"] {
        assert_eq!(between(stage, "count"), 0, "{stage}: the leader orders");
    }
    let sum: u64 = stages.iter().map(|stage| between(stage, "sum")).sum();
    // Each stage is rounded to a microsecond.
    let rounding = WRITES * stages.len() as u64;
    assert!(
        sum as f64 <= waited_us + rounding as f64,
        "the client has waited {waited_us} us, and the stages took {sum}"
    );
    let update = |told: &Value| told["beside"]["update"]["sum"].as_u64().expect("a number");
    assert!(sum + rounding >= update(&after) - update(&before), "{after}");

    // Both voters are needed: the later one of them was waited for, and the other one is heard of too.
    let peers = |told: &Value, what: &str| -> u64 {
        let peers = told["peers"].as_object().expect("a map");
        peers.values().map(|peer| peer[what]["count"].as_u64().expect("a number")).sum()
    };
    let told = poll_until(DEADLINE, || {
        let told = trio.json(leader, "stages");
        let awaited = peers(&told, "awaited") - peers(&at_leader, "awaited");
        let acknowledged = peers(&told, "acknowledged") - peers(&at_leader, "acknowledged");
        (awaited >= WRITES && acknowledged >= WRITES).then_some(told)
    });
    let told = told.expect("its follower acknowledges");
    assert!(told["peers"][(follower + 1).to_string()].is_object(), "{told}");
    assert!(told["versions"].as_array().expect("a list").iter().any(|version| version[9].as_i64() > Some(0)), "{told}");
}

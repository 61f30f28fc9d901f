//! The same questions to the members of an ensemble of ZooKeeper 3.9.5: a leader, a follower and an observer answer in the same form.
use crate::beside::{assert_monitored, sorted_form};
use crate::ensemble::Trio;
use crate::{TIMEOUT_MS, json_of_either, zookeeper_with_jetty};
use paddock_tests::client::Client;
use paddock_tests::http::get;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Setup, poll_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The observer is the last one.
const OBSERVER: usize = 2;

/// An ensemble of which a client of the follower has an ephemeral and two watches.
struct Members {
    trio: Trio,
    leader: usize,
    _client: Client,
}

impl Members {
    fn start(setup: Setup) -> Members {
        let trio = Trio::of(setup);
        let leader = trio.ensemble.wait_for_leader(&trio.ensemble.places());
        let mut client = Client::connect(trio.ensemble.server(1 - leader).address(), TIMEOUT_MS).expect("handshake");
        client.ok(&Request::create("/e", b"x", flags::EPHEMERAL));
        client.ok(&Request::get_data("/e", true));
        client.code(&Request::exists("/z", true));
        let members = Members { trio, leader, _client: client };
        for place in members.places() {
            let is_there = || members.has_joined(place).then_some(());
            assert!(poll_until(DEADLINE, is_there).is_some(), "the server of place {place} has not all there is");
        }
        members
    }

    /// The leader, the follower and the observer.
    fn places(&self) -> [usize; 3] {
        [self.leader, 1 - self.leader, OBSERVER]
    }

    /// A ZooKeeper that has just joined may answer words before the commands; an observer may be behind.
    fn has_joined(&self, place: usize) -> bool {
        let owned =
            self.json(place, "dump")["session_id_to_ephemeral_paths"].as_object().map_or(0, |owned| owned.len());
        let observers = place != self.leader || self.json(place, "observers")["synced_observers"] == 1;
        owned == 1 && observers && self.json(place, "zabstate")["zabstate"] == "broadcast"
    }

    fn json(&self, place: usize, command: &str) -> Value {
        json_of_either(self.trio.admins[place], command)
    }

    fn text(&self, place: usize, command: &str) -> String {
        get(self.trio.admins[place], &format!("/commands/{command}")).text().to_owned()
    }
}

/// ZooKeeper's and Paddock's, and the places of each by their parts.
fn both() -> ([Members; 2], [(&'static str, [usize; 2]); 3]) {
    let zookeeper = Members::start(Setup::new(Kind::ZooKeeper).class_path(zookeeper_with_jetty()));
    let paddock = Members::start(Setup::new(Kind::Paddock));
    let (theirs, ours) = (zookeeper.places(), paddock.places());
    let parts = ["leader", "follower", "observer"];
    let places = std::array::from_fn(|part| (parts[part], [theirs[part], ours[part]]));
    ([zookeeper, paddock], places)
}

#[test]
fn members_answer_in_the_same_form() {
    let ([zookeeper, paddock], parts) = both();
    for (part, [theirs, ours]) in parts {
        for command in [
            "conf",
            "cons",
            "dirs",
            "dump",
            "envi",
            "gtmk",
            "hash",
            "isro",
            "lead",
            "lsnp",
            "ruok",
            "srvr",
            "stat",
            "orst",
            "voting_view",
            "wchc",
            "wchp",
            "wchs",
            "zabstate",
            "crst",
            "srst",
        ] {
            let (expected, told) = (zookeeper.text(theirs, command), paddock.text(ours, command));
            assert_eq!(sorted_form(&told), sorted_form(&expected), "{command} of the {part}:\n{expected}\n{told}");
        }
        // A ZooKeeper keeps the text only where it stands alone.
        let [expected, told] = [zookeeper.json(theirs, "icfg"), paddock.json(ours, "icfg")];
        assert!(expected["initial_configuration"].is_null() && told["initial_configuration"].is_string(), "{told}");
        let [expected, told] = [zookeeper.json(theirs, "mntr"), paddock.json(ours, "mntr")];
        assert_monitored(&told, &expected);
        assert_eq!(told["server_state"], expected["server_state"], "{part}");
        // A server knows its own client port, and that of no other.
        let known = |members: &Members, place: usize| -> Vec<bool> {
            let view = members.json(place, "voting_view");
            let client = |voter: usize| view["current_config"][(voter + 1).to_string()]["client_address"] != "";
            [members.leader, 1 - members.leader].map(client).to_vec()
        };
        assert_eq!(known(&paddock, ours), known(&zookeeper, theirs), "{part}");
        let state = |members: &Members, place: usize| -> Value {
            let state = members.json(place, "zabstate");
            let address = members.trio.ensemble.server(place).address().to_string();
            let same = ["is_leader", "voting", "zabstate"].map(|key| state[key].clone());
            json!([same, state["client_address"] == address.as_str(), state["quorum_address"]["empty"]])
        };
        assert_eq!(state(&paddock, ours), state(&zookeeper, theirs), "{part}");
    }
}

#[test]
fn observers_are_told_where_they_are() {
    let ([zookeeper, paddock], parts) = both();
    for (part, [theirs, ours]) in parts {
        let [expected, told] = [zookeeper.json(theirs, "observers"), paddock.json(ours, "observers")];
        assert_eq!(told["synced_observers"], expected["synced_observers"], "{part}");
        let [expected, told] = [&expected, &told].map(|told| told["observers"].as_array().expect("a list").clone());
        assert_eq!(told.len(), expected.len(), "{part}");
        for (told, expected) in told.iter().zip(&expected) {
            assert_eq!(told["sid"], expected["sid"], "{part}");
            let kinds = |observer: &Value| -> BTreeMap<String, bool> {
                let fields = observer.as_object().expect("an object").iter();
                fields.map(|(key, value)| (key.clone(), value.is_i64() || value.is_u64())).collect()
            };
            assert_eq!(kinds(told), kinds(expected), "{part}");
            let has_counted = |observer: &Value| {
                ["established", "packets_received", "packets_sent", "last_zxid"]
                    .map(|key| observer[key].as_i64() > Some(0))
            };
            assert_eq!(has_counted(told), has_counted(expected), "{part}: {told} {expected}");
        }
    }
}

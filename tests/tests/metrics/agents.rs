//! The rules by which published agents take `mntr` apart. An agent that does not understand a line drops it, or all of the answer.
use crate::told::Told;
use crate::{TIMEOUT_MS, setup};
use paddock_tests::client::Client;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Server, four_letter_word};
use std::collections::BTreeMap;

/// Telegraf gives the answer up where a line does not begin with `^zk_(\w[\w\.\-]*)\s+([\w\.\-]+)`.
fn telegraf_takes(line: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_part = |c: char| is_word(c) || c == '.' || c == '-';
    let Some(rest) = line.strip_prefix("zk_") else { return false };
    let Some((key, value)) = rest.split_once(char::is_whitespace) else { return false };
    key.starts_with(is_word) && key.chars().all(is_part) && value.trim_start().starts_with(is_part)
}

/// Datadog's check takes two words, or a key with the name of a percentile in it, and numbers but for the state of the server. Other
/// lines it logs and drops: the first, which is the version, and the state of the peer.
fn datadog_takes(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [key, value] => key == "zk_server_state" || value.parse::<f64>().is_ok_and(f64::is_finite),
        [key, ..] => key == "zk_version" || key == "zk_peer_state",
        [] => false,
    }
}

/// Netdata's collector takes two words of which the first begins with `zk_`; latencies are decimals, and other numbers whole ones.
fn netdata_takes(line: &str) -> bool {
    const READ: [&str; 9] = [
        "zk_outstanding_requests",
        "zk_num_alive_connections",
        "zk_packets_received",
        "zk_packets_sent",
        "zk_open_file_descriptor_count",
        "zk_znode_count",
        "zk_ephemerals_count",
        "zk_watch_count",
        "zk_approximate_data_size",
    ];
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [key, value] if key.ends_with("_latency") => value.parse::<f64>().is_ok(),
        [key, value] if READ.contains(&key) => value.parse::<i64>().is_ok(),
        _ => true,
    }
}

/// Metricbeat takes `^([^\s]+)\s+(.*$)`, and wants these to be numbers that are whole but for the mean.
fn metricbeat_takes(line: &str) -> bool {
    const WHOLE: [&str; 11] = [
        "zk_approximate_data_size",
        "zk_ephemerals_count",
        "zk_max_latency",
        "zk_min_latency",
        "zk_num_alive_connections",
        "zk_outstanding_requests",
        "zk_packets_received",
        "zk_packets_sent",
        "zk_watch_count",
        "zk_znode_count",
        "zk_pending_syncs",
    ];
    let Some((key, value)) = line.split_once(char::is_whitespace) else { return false };
    !key.is_empty() && !value.trim().is_empty() && (!WHOLE.contains(&key) || value.trim().parse::<i64>().is_ok())
}

/// What Metricbeat takes of an answer to `srvr`, by its module's `server` part: the version by `:\s(.*),` in the first line, which has
/// `built on (.*)` too; a zxid and a mode as the second word of their lines; sizes of proposals as the fourth, with slashes between
/// whole numbers; and of other lines `^([a-zA-Z\s]+):\s(\d+)`. A mean latency that is no whole number it leaves out.
fn metricbeat_takes_srvr(told: &str) -> Option<BTreeMap<String, String>> {
    let mut lines = told.lines();
    let first = lines.next()?;
    let (version, _) = first.split_once(": ")?.1.rsplit_once(',')?;
    let (_, _date) = first.split_once("built on ")?;
    let mut taken = BTreeMap::from([("version".to_owned(), version.to_owned())]);
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        if line.contains("Zxid") {
            let digits = words.get(1)?.get(2..)?;
            i64::from_str_radix(digits, 16).ok()?;
            taken.insert("zxid".to_owned(), digits.to_owned());
        } else if line.contains("Latency") {
        } else if line.contains("Proposal sizes") {
            let sizes: Vec<i64> = words.get(3)?.split('/').map(|size| size.parse().ok()).collect::<Option<_>>()?;
            taken.insert("proposal_sizes".to_owned(), sizes.len().to_string());
        } else if line.contains("Mode") {
            taken.insert("mode".to_owned(), (*words.get(1)?).to_owned());
        } else if let Some((name, number)) = line.split_once(": ") {
            let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
            let is_name = name.chars().all(|c| c.is_ascii_alphabetic() || c.is_whitespace());
            if is_name && !digits.is_empty() {
                taken.insert(name.to_lowercase().replace(' ', "_"), digits);
            }
        }
    }
    Some(taken)
}

#[track_caller]
pub fn assert_srvr_taken(server: &Server, mode: &str) {
    let srvr = four_letter_word(server.address(), "srvr", DEADLINE).expect("it answers");
    let taken = metricbeat_takes_srvr(&srvr).unwrap_or_else(|| panic!("Metricbeat does not take {srvr}"));
    let mut expected =
        ["version", "received", "sent", "connections", "outstanding", "zxid", "mode", "node_count"].to_vec();
    if mode == "leader" {
        expected.push("proposal_sizes");
        assert_eq!(taken["proposal_sizes"], "3");
    }
    expected.sort_unstable();
    assert_eq!(taken.keys().collect::<Vec<_>>(), expected, "{srvr}");
    assert!(taken["mode"] == mode && taken["version"].starts_with("3."), "{srvr}");
}

/// Whether an agent takes a line.
type Takes = fn(&str) -> bool;

const AGENTS: [(&str, Takes); 4] = [
    ("Telegraf", telegraf_takes),
    ("Datadog", datadog_takes),
    ("Netdata", netdata_takes),
    ("Metricbeat", metricbeat_takes),
];

#[track_caller]
pub fn assert_taken(told: &Told) {
    for line in told.text().lines() {
        for (agent, takes) in AGENTS {
            assert!(takes(line), "{agent} does not take {line:?}");
        }
    }
    let first = told.text().lines().next().expect("it has lines");
    assert!(first.starts_with("zk_version\t"), "agents take the first line for the version: {first}");
}

#[test]
fn agents_take_every_line() {
    let server = setup().start();
    assert_taken(&Told::by(&server));
    assert_srvr_taken(&server, "standalone");
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    client.ok(&Request::create("/a", b"", flags::PERSISTENT));
    client.ok(&Request::get_data("/a", true));
    client.ok(&Request::set_data("/a", b"x", -1));
    assert_taken(&Told::by(&server));
}

#[test]
fn what_no_agent_takes_is_found() {
    for line in ["", "zk_a", "a\t1", "zk_a\t", "zk_\t1"] {
        assert!(!telegraf_takes(line), "{line:?}");
    }
    assert!(telegraf_takes("zk_peer_state\tleading - broadcast") && telegraf_takes("zk_a\t-1"));
    assert!(!datadog_takes("zk_a\tNaN") && !datadog_takes("zk_a 1 2") && datadog_takes("zk_a\t5.0E-4"));
    assert!(!netdata_takes("zk_znode_count\t1.5") && !netdata_takes("zk_avg_latency\tx"));
    assert!(!metricbeat_takes("zk_packets_sent\t1.0") && !metricbeat_takes("zk_a\t"));
    for told in
        ["", "Zookeeper version: 3.9.5\n", "Zookeeper version: 3.9.5, of 2026\n", "v: 1, built on x\nZxid: 0xg\n"]
    {
        assert_eq!(metricbeat_takes_srvr(told), None, "{told:?}");
    }
}

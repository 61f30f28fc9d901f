//! Each command on a server that stands alone.
use crate::{SUPER, TIMEOUT_MS, start, start_with};
use paddock_tests::client::Client;
use paddock_tests::http::{ask, get};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, poll_until};
use serde_json::{Value, json};

/// Every command that everybody may give, by name and aliases.
const NAMES: [(&str, &[&str]); 27] = [
    ("configuration", &["conf", "config"]),
    ("connection_stat_reset", &["crst"]),
    ("connections", &["cons"]),
    ("dirs", &[]),
    ("dump", &[]),
    ("environment", &["env", "envi"]),
    ("get_trace_mask", &["gtmk"]),
    ("hash", &[]),
    ("initial_configuration", &["icfg"]),
    ("is_read_only", &["isro"]),
    ("last_snapshot", &["lsnp"]),
    ("leader", &["lead"]),
    ("monitor", &["mntr"]),
    ("observer_connection_stat_reset", &["orst"]),
    ("observers", &["obsr"]),
    ("ruok", &[]),
    ("server_stats", &["srvr"]),
    ("set_trace_mask", &["stmk"]),
    ("stages", &[]),
    ("stat_reset", &["srst"]),
    ("stats", &["stat"]),
    ("system_properties", &["sysp"]),
    ("voting_view", &[]),
    ("watch_summary", &["wchs"]),
    ("watches", &["wchc"]),
    ("watches_by_path", &["wchp"]),
    ("zabstate", &[]),
];

#[test]
fn every_command_is_answered_by_its_names() {
    let admin = start();
    for (name, aliases) in NAMES {
        for asked in aliases.iter().chain([&name]) {
            assert_eq!(admin.json(asked)["command"], name, "{asked}");
        }
    }
    let index = get(admin.address, "/commands");
    assert_eq!(index.status, 200);
    // Two more are not answered with JSON, and one of these is not ZooKeeper's.
    assert_eq!(index.text().lines().filter(|line| line.starts_with("<a ")).count(), NAMES.len() + 2 - 1);
}

#[test]
fn answers_stand_byte_for_byte() {
    let admin = start();
    for (command, expected) in [
        ("ruok", "{\n  \"command\" : \"ruok\",\n  \"error\" : null\n}"),
        ("is_read_only", "{\n  \"read_only\" : false,\n  \"command\" : \"is_read_only\",\n  \"error\" : null\n}"),
        ("gtmk", "{\n  \"tracemask\" : 306,\n  \"command\" : \"get_trace_mask\",\n  \"error\" : null\n}"),
        ("stmk?traceMask=7", "{\n  \"tracemask\" : 7,\n  \"command\" : \"set_trace_mask\",\n  \"error\" : null\n}"),
        ("gtmk", "{\n  \"tracemask\" : 7,\n  \"command\" : \"get_trace_mask\",\n  \"error\" : null\n}"),
        ("lead", "{\n  \"error\" : \"server is not initialized\",\n  \"command\" : \"leader\"\n}"),
        ("voting_view", "{\n  \"current_config\" : { },\n  \"command\" : \"voting_view\",\n  \"error\" : null\n}"),
        (
            "zabstate",
            "{\n  \"voting\" : false,\n  \"zabstate\" : \"\",\n  \"command\" : \"zabstate\",\n  \"error\" : null\n}",
        ),
        (
            "observers",
            "{\n  \"synced_observers\" : 0,\n  \"observers\" : [ ],\n  \"command\" : \"observers\",\n  \"error\" : null\n}",
        ),
    ] {
        assert_eq!(admin.get(command).text(), expected, "{command}");
    }
}

#[test]
fn the_configuration_is_told_without_its_secrets() {
    let admin = start();
    let told = admin.json("configuration");
    assert_eq!(told["client_port"], admin.server.address().port());
    assert_eq!(
        (&told["tick_time"], &told["max_client_cnxns"], &told["server_id"]),
        (&json!(2000), &json!(0), &json!(0))
    );
    assert!(told["data_dir"].as_str().is_some_and(|dir| dir.starts_with('/')), "{told}");
    let initial = admin.json("icfg");
    let initial = initial["initial_configuration"].as_str().expect("there is a file");
    assert!(initial.contains("tickTime=2000\n") && initial.contains("dataDir="), "{initial}");
    let properties = admin.json("sysp");
    assert_eq!(properties["zookeeper.DigestAuthenticationProvider.superDigest"], "***");
    assert_eq!(properties["zookeeper.admin.serverAddress"], "127.0.0.1");
    assert_eq!(admin.json("envi")["os.name"], "Linux");
}

#[test]
fn a_client_is_seen_with_all_that_it_has() {
    let admin = start();
    let mut client = Client::connect(admin.server.address(), TIMEOUT_MS).expect("handshake");
    client.ok(&Request::create("/e", b"x", flags::EPHEMERAL));
    client.ok(&Request::get_data("/e", true));
    let session = client.session.id;
    let connections = admin.json("cons");
    let told = connections["connections"].as_array().expect("a list");
    let told = told.iter().find(|told| told["session_id"] == session).expect("it is connected");
    let port = client.stream().local_addr().expect("an address").port();
    assert_eq!(told["remote_socket_address"], format!("127.0.0.1:{port}"));
    assert_eq!((&told["last_operation"], &told["session_timeout"]), (&json!("GETD"), &json!(TIMEOUT_MS)));
    let keys = "remote_socket_address interest_ops outstanding_requests packets_received packets_sent session_id last_operation \
                established session_timeout last_cxid last_zxid last_response_time last_latency min_latency avg_latency max_latency";
    assert_eq!(told.as_object().map_or(0, |fields| fields.len()), keys.split_whitespace().count());
    assert!(keys.split_whitespace().all(|key| told.get(key).is_some()), "{told}");
    assert_eq!(connections["secure_connections"], json!([]));

    let id = session.to_string();
    assert_eq!(admin.json("wchc")["session_id_to_watched_paths"][&id], json!(["/e"]));
    assert_eq!(admin.json("wchp")["path_to_session_ids"]["/e"], json!([session]));
    let summary = admin.json("wchs");
    let counts = ["num_connections", "num_paths", "num_total_watches"].map(|key| summary[key].clone());
    assert_eq!(counts, [json!(1), json!(1), json!(1)]);
    let dump = admin.json("dump");
    assert_eq!(dump["session_id_to_ephemeral_paths"][&id], json!(["/e"]));
    let expiry = dump["expiry_time_to_session_ids"].as_object().expect("a map");
    assert!(expiry.values().any(|sessions| sessions == &json!([session])), "{dump}");

    let stats = admin.json("stats");
    assert_eq!((&stats["server_stats"]["server_state"], &stats["node_count"]), (&json!("standalone"), &json!(6)));
    assert_eq!(stats["connections"].as_array().map(Vec::len), Some(1));
    assert!(stats["client_response"]["min_buffer_size"].as_i64() > Some(0), "{stats}");
    assert_eq!(stats["client_response"], stats["server_stats"]["client_response_stats"]);
    let monitor = admin.json("monitor");
    assert_eq!((&monitor["server_state"], &monitor["znode_count"]), (&json!("standalone"), &json!(6)));

    admin.json("crst");
    let after = admin.json("cons");
    assert_eq!(after["connections"][0]["packets_received"], 0);
    assert_eq!(after["connections"][0]["last_operation"], "NA");
}

#[test]
fn syncs_of_the_log_that_took_long_are_counted() {
    let admin = start_with(|setup| setup.config("fsync.warningthresholdms", "0"));
    let mut client = Client::connect(admin.server.address(), TIMEOUT_MS).expect("handshake");
    client.ok(&Request::set_data("/", b"x", -1));
    let count = || admin.json("srvr")["server_stats"]["fsync_threshold_exceed_count"].as_u64().expect("a number");
    // The figures are those of the end of a turn.
    let counted = poll_until(DEADLINE, || Some(count()).filter(|count| *count > 0)).expect("none is as fast as that");
    admin.json("srst");
    assert!(count() >= counted, "as in ZooKeeper it does not begin anew");
    assert!(admin.json("mntr")["paddock_log_slow_syncs"].as_u64() >= Some(counted));
}

#[test]
fn digests_and_snapshots_are_told() {
    let admin = start();
    let before = admin.json("lsnp");
    assert!(before["zxid"].is_string() && before["timestamp"].is_i64(), "{before}");
    let mut client = Client::connect(admin.server.address(), TIMEOUT_MS).expect("handshake");
    for _ in 0..130 {
        client.ok(&Request::set_data("/", b"x", -1));
    }
    let digests = admin.json("hash");
    let digests = digests["digests"].as_array().expect("a list");
    assert_eq!((digests[0]["zxid"].as_i64(), digests[0]["digest_version"].as_i64()), (Some(128), Some(2)));
    let taken = ask(admin.address, "GET", "/commands/snapshot?streaming=false", &[SUPER]);
    assert_eq!((taken.status, taken.text()), (200, "{\n  \"command\" : \"snapshot\",\n  \"error\" : null\n}"));
    let zxid = taken.header("last_zxid").and_then(|zxid| zxid.strip_prefix("0x")).expect("it is told").to_owned();
    assert_eq!(admin.json("lsnp")["zxid"], Value::from(zxid));
}

#[test]
fn a_server_says_that_it_lives_and_serves() {
    let admin = start();
    assert_eq!((get(admin.address, "/health/live").status, get(admin.address, "/health/ready").status), (200, 200));
    let head = ask(admin.address, "HEAD", "/commands/ruok", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(admin.get("ruok").body.len().to_string().as_str()));
}

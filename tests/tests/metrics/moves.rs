//! What moves on a server that stands alone, by groups of events.
use crate::told::{Told, wait_for};
use crate::{TIMEOUT_MS, setup};
use paddock_tests::client::Client;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, four_letter_word};

fn client(server: &Server) -> Client {
    Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client")
}

/// By how much each of these keys has grown.
#[track_caller]
fn assert_grown(before: &Told, after: &Told, grown: &[(&str, f64)]) {
    for (key, by) in grown {
        let was = before.text_of(key).map_or(0.0, |_| before.number(key));
        assert_eq!(after.number(key) - was, *by, "{key}");
    }
}

#[test]
fn reads_and_writes_are_counted_by_what_they_do_and_where() {
    if !Kind::under_test().is_current() {
        return;
    }
    let server = setup().start();
    let mut client = client(&server);
    let before = Told::by(&server);
    client.ok(&Request::create("/a", b"123", flags::PERSISTENT));
    client.ok(&Request::create("/a/b", b"", flags::PERSISTENT));
    client.ok(&Request::set_data("/a", b"12345", -1));
    client.ok(&Request::get_data("/a", false));
    client.ok(&Request::exists("/a/b", false));
    client.ok(&Request::get_children("/a", false));
    client.ok(&Request::delete("/a/b", -1));
    client.ok(&Request::ping());
    let after = Told::by(&server);
    assert_grown(
        &before,
        &after,
        &[
            ("cnt_readlatency", 4.0),
            ("cnt_updatelatency", 4.0),
            ("cnt_a_read_per_namespace", 3.0),
            ("sum_a_read_per_namespace", f64::from(2 + 5 + 68 + 4 + 68 + 2 + 1 + 68)),
            ("cnt_a_write_per_namespace", 4.0),
            ("sum_a_write_per_namespace", f64::from(2 + 3 + 4 + 2 + 5 + 4)),
        ],
    );
    assert!(after.number("response_bytes") > before.number("response_bytes"));
    assert!(after.number("bytes_received_count") > before.number("bytes_received_count"));
    assert!(after.number("max_client_response_size") >= after.number("last_client_response_size"));
    assert_eq!(after.number("min_client_response_size"), 16.0, "a header");
}

#[test]
fn those_who_watch_are_counted_by_what_they_were_told_of() {
    let server = setup().start();
    let (mut watcher, mut writer) = (client(&server), client(&server));
    writer.ok(&Request::create("/a", b"", flags::PERSISTENT));
    watcher.ok(&Request::get_data("/a", true));
    watcher.ok(&Request::get_children("/a", true));
    watcher.code(&Request::exists("/b", true));
    let before = Told::by(&server);
    writer.ok(&Request::set_data("/a", b"1", -1));
    writer.ok(&Request::create("/a/c", b"", flags::PERSISTENT));
    writer.ok(&Request::create("/b", b"", flags::PERSISTENT));
    let mut bytes = 0.0;
    for path in ["/a", "/a", "/b"] {
        watcher.next_event().unwrap_or_else(|error| panic!("{path}: {error}"));
        // A header, a kind, a state, and the path with its length.
        bytes += (16 + 4 + 4 + 4 + path.len()) as f64;
    }
    let after = Told::by(&server);
    let kinds = ["changed", "children", "created"].map(|kind| format!("sum_node_{kind}_watch_count"));
    kinds.iter().for_each(|key| assert_grown(&before, &after, &[(&key[..], 1.0)]));
    assert_grown(&before, &after, &[("watch_bytes", bytes), ("sum_node_deleted_watch_count", 0.0)]);
}

#[test]
fn what_goes_through_the_log_is_counted_and_takes_its_time() {
    let server = setup().start();
    let mut client = client(&server);
    let before = Told::by(&server);
    for number in 0..20 {
        client.ok(&Request::create(&format!("/n{number}"), b"x", flags::PERSISTENT));
    }
    let after = Told::by(&server);
    let keys = ["sync_processor_request_queued", "prep_processor_request_queued", "sum_sync_processor_batch_size"];
    keys.iter().for_each(|key| assert_grown(&before, &after, &[(*key, 20.0)]));
    for key in [
        "cnt_fsynctime",
        "cnt_sync_process_time",
        "cnt_sync_processor_queue_flush_time_ms",
        "cnt_sync_processor_queue_time_ms",
        "cnt_sync_processor_queue_and_flush_time_ms",
        "cnt_prep_processor_queue_time_ms",
        "cnt_propagation_latency",
    ] {
        assert!(after.number(key) > before.number(key), "{key}");
    }
    if Kind::under_test() == Kind::Paddock {
        assert!(after.number("sum_paddock_log_flush_micros") > 0.0 && after.number("cnt_paddock_turn_micros") > 0.0);
        // They are told when something has become public, which a client may know a moment sooner.
        for key in ["paddock_log_transactions", "log_transactions"] {
            wait_for(&server, key, before.number(key) + 20.0);
        }
    }
}

/// A count of so many is made in slices, and answered in a later turn.
#[test]
fn the_reply_to_a_long_count_is_counted() {
    const ZNODES: usize = 600;
    let server = setup().start();
    let mut client = client(&server);
    let creates = (0..ZNODES).map(|number| Request::create(&format!("/n{number}"), b"", flags::PERSISTENT));
    client.ok(&Request::multi(creates.collect()));
    let before = Told::by(&server);
    client.ok(&Request::get_all_children_number("/"));
    // A header and a number.
    assert_grown(&before, &Told::by(&server), &[("response_bytes", 20.0), ("cnt_readlatency", 1.0)]);
}

#[test]
fn reads_behind_a_write_are_counted() {
    if Kind::under_test() != Kind::Paddock {
        return;
    }
    let server = setup().start();
    let mut client = client(&server);
    let before = Told::by(&server);
    client.queue(&Request::create("/a", b"", flags::PERSISTENT));
    client.queue(&Request::get_data("/a", false));
    client.queue(&Request::exists("/a", false));
    client.flush().expect("it is sent");
    (0..3).for_each(|_| drop(client.next_reply().expect("it is answered")));
    let after = Told::by(&server);
    let grown = [
        ("sum_reads_after_write_in_session_queue", 2.0),
        ("sum_reads_issued_from_session_queue", 2.0),
        ("sum_session_queues_drained", 1.0),
        ("cnt_read_commitproc_time_ms", 2.0),
    ];
    assert_grown(&before, &after, &grown);
}

#[test]
fn handshakes_and_ends_of_connections_are_counted() {
    let server = setup().start();
    let before = Told::by(&server);
    let first = client(&server);
    let session = first.session.clone();
    let again = Client::reattach(server.address(), &session, 0).expect("the session lives");
    let told = Told::by(&server);
    assert_grown(
        &before,
        &told,
        &[
            ("connection_request_count", 2.0),
            ("connection_revalidate_count", 1.0),
            ("cnt_connection_token_deficit", 2.0),
        ],
    );
    drop(again);
    wait_for(&server, "connection_drop_count", before.number("connection_drop_count") + 1.0);
}

#[test]
fn connections_that_are_too_many_are_counted() {
    let server = setup().config("maxClientCnxns", "2").start();
    let _first = client(&server);
    let before = Told::by(&server);
    let second = client(&server);
    assert!(Client::connect(server.address(), TIMEOUT_MS).is_err(), "there are two from this address");
    drop(second);
    wait_for(&server, "connection_rejected", before.number("connection_rejected") + 1.0);
}

#[test]
fn a_start_tells_what_it_has_loaded() {
    let mut server = setup().start();
    let mut client = client(&server);
    for number in 0..5 {
        client.ok(&Request::create(&format!("/n{number}"), b"x", flags::PERSISTENT));
    }
    server.kill();
    server.restart();
    let told = Told::by(&server);
    for key in ["cnt_dbinittime", "cnt_startup_txns_load_time", "cnt_startup_snap_load_time"] {
        assert!(told.number(key) >= 1.0, "{key}");
    }
    // The session and five znodes.
    assert!(told.number("sum_startup_txns_loaded") >= 6.0);
}

#[test]
fn quotas_are_told_by_namespace_and_refusals_counted() {
    if !Kind::under_test().is_current() {
        return;
    }
    let server = setup().config("enforceQuota", "true").start();
    let mut client = client(&server);
    client.ok(&Request::create("/q", b"123", flags::PERSISTENT));
    client.ok(&Request::create("/zookeeper/quota/q", b"", flags::PERSISTENT));
    let limits = b"count=-1,bytes=50=;byteHardLimit=-1;countHardLimit=2";
    client.ok(&Request::create("/zookeeper/quota/q/zookeeper_limits", limits, flags::PERSISTENT));
    client.ok(&Request::create("/zookeeper/quota/q/zookeeper_stats", b"count=0,bytes=0", flags::PERSISTENT));
    client.ok(&Request::create("/q/a", b"45", flags::PERSISTENT));
    const QUOTA_EXCEEDED: i32 = -125;
    assert_eq!(client.code(&Request::create("/q/b", b"", flags::PERSISTENT)), QUOTA_EXCEEDED);
    let told = wait_for(&server, "q_quota_count_usage_per_namespace", 2.0);
    for (key, value) in [
        ("q_quota_count_limit_per_namespace", 2.0),
        ("q_quota_bytes_limit_per_namespace", 50.0),
        ("q_quota_bytes_usage_per_namespace", 5.0),
        ("q_quota_exceeded_error_per_namespace", 1.0),
    ] {
        assert_eq!(told.number(key), value, "{key}");
    }
}

#[test]
fn srst_begins_counters_and_summaries_anew_and_leaves_what_there_is() {
    if !Kind::under_test().is_current() {
        return;
    }
    let server = setup().start();
    let mut client = client(&server);
    client.ok(&Request::create("/a", b"x", flags::PERSISTENT));
    client.ok(&Request::get_data("/a", true));
    assert!(Told::by(&server).number("cnt_updatelatency") >= 2.0);
    let answer = four_letter_word(server.address(), "srst", DEADLINE).expect("it is answered");
    assert_eq!(answer, "Server stats reset.\n");
    let told = Told::by(&server);
    for key in [
        "cnt_updatelatency",
        "cnt_readlatency",
        "cnt_fsynctime",
        "sum_fsynctime",
        "connection_request_count",
        "sync_processor_request_queued",
        "prep_processor_request_queued",
        "response_bytes",
        "cnt_a_write_per_namespace",
        "cnt_dbinittime",
        "packets_sent",
    ] {
        // The answer to srst itself, and what asks now.
        let least = if key == "packets_sent" { 1.0 } else { 0.0 };
        assert!(told.number(key) <= least, "{key} is {}", told.number(key));
    }
    assert_eq!((told.number("znode_count"), told.number("watch_count")), (6.0, 1.0));
    assert_eq!(told.text_of("last_client_response_size"), Some("-1"));
    client.ok(&Request::set_data("/a", b"y", -1));
    assert_eq!(Told::by(&server).number("cnt_updatelatency"), 1.0);
}

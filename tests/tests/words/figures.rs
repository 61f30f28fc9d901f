//! What `stat`, `cons`, `conf`, `srvr`, `envi` and `mntr` say, field by field, as ZooKeeper's `ServerCnxn` and `Version` write it
//! and as the agents read it that are used most; and what `crst` and `srst` make of it.
use crate::{TIMEOUT_MS, ask, setup};
use paddock_tests::client::Client;
use paddock_tests::records::err;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server};
use std::path::Path;

/// The monotonic clock of a machine on which tests run has counted at least this long, ms.
const UPTIME_MS: u64 = 1000;

/// A version as it stands in `srvr`: name, and date of the build.
#[track_caller]
fn full_version(text: &str) -> (&str, &str) {
    text.split_once(", built on ").unwrap_or_else(|| panic!("no date in {text:?}"))
}

/// `YYYY-MM-DD HH:MM UTC`.
fn is_date(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let number = |from: usize, to: usize| text[from..to].parse::<u32>().unwrap_or(u32::MAX);
    shape == "0000-00-00 00:00 UTC"
        && (2020..2200).contains(&number(0, 4))
        && (1..=12).contains(&number(5, 7))
        && (1..=31).contains(&number(8, 10))
        && number(11, 13) < 24
        && number(14, 16) < 60
}

fn value_of<'a>(text: &'a str, key: &str) -> &'a str {
    let lines = text.lines().filter_map(|line| line.strip_prefix(key));
    lines.into_iter().next().unwrap_or_else(|| panic!("no {key:?} in {text}"))
}

#[test]
fn the_version_has_a_date_wherever_it_is_told() {
    let server = setup().start();
    let (srvr, stat) = (ask(&server, "srvr"), ask(&server, "stat"));
    let (envi, mntr) = (ask(&server, "envi"), ask(&server, "mntr"));
    let told = value_of(&srvr, "Zookeeper version: ");
    for other in
        [value_of(&stat, "Zookeeper version: "), value_of(&envi, "zookeeper.version="), value_of(&mntr, "zk_version\t")]
    {
        assert_eq!(other, told);
    }
    let (version, date) = full_version(told);
    assert!(is_date(date), "{date}");
    // Kazoo takes what is before the first hyphen as numbers, Datadog the first three of them; the expressions of
    // go-zookeeper and telegraf allow these characters.
    let numbers = version.split('-').next().unwrap_or_default();
    assert_eq!(numbers.split('.').filter(|number| number.parse::<u32>().is_ok()).count(), 3, "{version}");
    assert!(version.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c)), "{version}");
    // Metricbeat takes everything up to the last comma.
    assert_eq!(srvr.lines().next().map(|line| line.matches(',').count()), Some(1));
}

/// As Java prints a double that is rounded to four places: no zeros at its end.
#[test]
fn a_mean_is_a_plain_decimal() {
    let server = setup().start();
    let srvr = ask(&server, "srvr");
    let mean = value_of(&srvr, "Latency min/avg/max: ").split('/').nth(1).expect("three figures");
    let (whole, places) = mean.split_once('.').expect("a decimal");
    assert!(whole.parse::<u64>().is_ok() && places.parse::<u64>().is_ok(), "{mean}");
    assert!(places == "0" || !places.ends_with('0') && places.len() <= 4, "{mean}");
    let mntr = ask(&server, "mntr");
    assert!(value_of(&mntr, "zk_avg_latency\t").contains('.'), "{mntr}");
}

/// The fields of one line of `cons`, in its order.
fn fields(line: &str) -> Vec<(&str, &str)> {
    let inside = line.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let inside = inside.unwrap_or_else(|| panic!("{line}"));
    inside.split(',').map(|field| field.split_once('=').unwrap_or_else(|| panic!("{line}"))).collect()
}

/// What `cons` says of a session.
#[derive(Debug, PartialEq)]
struct Told {
    lop: String,
    lcxid: String,
    lzxid: String,
    lresp: u64,
    recved: u64,
    sent: u64,
}

fn told_of(server: &Server, client: &Client) -> Told {
    let cons = ask(server, "cons");
    let sid = format!("sid=0x{:x},", client.session.id);
    let line = cons.lines().find(|line| line.contains(&sid)).unwrap_or_else(|| panic!("no {sid} in {cons}"));
    let names: Vec<&str> = fields(line).iter().map(|(name, _)| *name).collect();
    let expected = [
        "queued", "recved", "sent", "sid", "lop", "est", "to", "lcxid", "lzxid", "lresp", "llat", "minlat", "avglat",
        "maxlat",
    ];
    assert_eq!(names, expected, "{line}");
    assert!(line.starts_with(" /127.0.0.1:") && line.contains("[1](queued=0,"), "{line}");
    let field = |wanted: &str| {
        fields(line).into_iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned()).expect("above")
    };
    let number = |wanted: &str| field(wanted).parse().unwrap_or_else(|_| panic!("{wanted} in {line}"));
    Told {
        lop: field("lop"),
        lcxid: field("lcxid"),
        lzxid: field("lzxid"),
        lresp: number("lresp"),
        recved: number("recved"),
        sent: number("sent"),
    }
}

#[test]
fn special_xids_are_not_a_clients_last() {
    let server = setup().start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    let fresh = told_of(&server, &client);
    assert_eq!((&fresh.lop[..], &fresh.lcxid[..]), ("SESS", "0x0"));
    assert_eq!((fresh.recved, fresh.sent), (1, 1));

    let created = client.ok(&Request::create("/a", b"", 0));
    let xid = format!("0x{:x}", created.xid);
    let after = told_of(&server, &client);
    assert_eq!((&after.lop[..], &after.lcxid, after.lzxid), ("CREA", &xid, format!("0x{:x}", created.zxid)));

    client.ok(&Request::ping());
    let pinged = told_of(&server, &client);
    assert_eq!((&pinged.lop[..], &pinged.lcxid), ("PING", &xid));
    assert_eq!((pinged.recved, pinged.sent), (3, 3));
    // Credentials are answered and are no operation.
    client.ok(&Request::auth("digest", b"a:b"));
    let proven = told_of(&server, &client);
    assert_eq!((&proven.lop[..], &proven.lcxid, proven.recved, proven.sent), ("PING", &xid, 4, 4));
}

/// `lresp` is when, not how long ago.
#[test]
fn the_last_response_is_a_point_of_a_monotonic_clock() {
    let server = setup().start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    client.ok(&Request::ping());
    let first = told_of(&server, &client);
    assert!(first.lresp >= UPTIME_MS, "{first:?}");
    assert_eq!(told_of(&server, &client), first, "nothing was asked since");
    client.ok(&Request::ping());
    assert!(told_of(&server, &client).lresp >= first.lresp);
}

#[test]
fn every_operation_has_zookeepers_name() {
    let server = setup().start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    let operations = [
        (Request::create("/a", b"", 0), "CREA"),
        (Request::create2("/b", b"", 0), "CREA"),
        (Request::create_container("/c"), "CREA"),
        (Request::delete("/b", -1), "DELE"),
        (Request::exists("/a", false), "EXIS"),
        (Request::get_data("/a", true), "GETD"),
        (Request::set_data("/a", b"x", -1), "SETD"),
        (Request::get_acl("/a"), "GETA"),
        (Request::get_children("/", false), "GETC"),
        (Request::get_children2("/", false), "GETC"),
        (Request::get_all_children_number("/"), "GETACN"),
        (Request::get_ephemerals("/"), "GETE"),
        (Request::sync("/"), "SYNC"),
        (Request::multi(vec![Request::check("/a", -1)]), "MULT"),
        (Request::multi_read(vec![Request::get_data("/a", false)]), "MLTR"),
        (Request::add_watch("/a", 0), "ADDW"),
        (Request::check_watches("/a", 3), "CHKW"),
        (Request::remove_watches("/a", 3), "REMW"),
        (Request::who_am_i(), "HOMI"),
        (Request::ping(), "PING"),
    ];
    for (request, name) in operations {
        let reply = client.call(&request).expect("it is answered");
        assert_eq!((reply.err, &told_of(&server, &client).lop[..]), (err::OK, name), "{request:?}");
    }
    // A read is what it was even if it found nothing; of a write that failed ZooKeeper says nothing.
    assert_eq!(client.code(&Request::exists("/none", false)), err::NO_NODE);
    assert_eq!(told_of(&server, &client).lop, "EXIS");
    assert_eq!(client.code(&Request::delete("/none", -1)), err::NO_NODE);
    assert_eq!(told_of(&server, &client).lop, "NA");
}

/// The connection that asks is one of the list, and is not read from any more.
#[test]
fn whoever_asks_is_in_the_list() {
    let server = setup().start();
    let stat = ask(&server, "stat");
    let lines: Vec<&str> = stat.lines().collect();
    assert_eq!((lines[1], lines[3]), ("Clients:", ""), "{stat}");
    assert!(lines[2].starts_with(" /127.0.0.1:") && lines[2].ends_with("[0](queued=0,recved=1,sent=0)"), "{stat}");
    let cons = ask(&server, "cons");
    let lines: Vec<&str> = cons.split('\n').collect();
    assert!(lines[0].ends_with("[0](queued=0,recved=1,sent=0)"), "{cons:?}");
    assert_eq!(lines[1..], ["", ""], "{cons:?}");
    // Words count as packets too.
    let srvr = ask(&server, "srvr");
    assert!(value_of(&srvr, "Received: ").parse::<u64>().is_ok_and(|received| received >= 3), "{srvr}");
}

/// `crst` and `srst`. A word counts itself, and counts it before it is answered.
#[test]
fn what_is_counted_begins_anew_when_a_word_says_so() {
    let server = setup().start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    client.ok(&Request::create("/a", b"", 0));
    assert_eq!(ask(&server, "crst"), "Connection stats reset.\n");
    let cons = ask(&server, "cons");
    let sid = format!(",sid=0x{:x},lop=NA,", client.session.id);
    let line = cons.lines().find(|line| line.contains(&sid)).unwrap_or_else(|| panic!("no {sid} in {cons}"));
    assert!(line.contains("(queued=0,recved=0,sent=0,") && !line.contains("lcxid"), "{line}");
    let last = ",lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,avglat=0,maxlat=0)";
    assert!(line.ends_with(last), "{line}");
    client.ok(&Request::ping());
    let pinged = ask(&server, "cons");
    assert!(pinged.contains("recved=1,sent=1,") && pinged.contains("lop=PING"), "{pinged}");

    assert_eq!(ask(&server, "srst"), "Server stats reset.\n");
    let srvr = ask(&server, "srvr");
    assert!(srvr.contains("\nLatency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 1\n"), "{srvr}");
    let srvr = ask(&server, "srvr");
    assert!(srvr.contains("\nReceived: 2\nSent: 2\n") && srvr.contains("\nNode count: 6\n"), "{srvr}");
}

/// The directories that `conf` names hold the files.
#[test]
fn conf_names_directories_that_are_there() {
    let server = setup().start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("the server takes a client");
    client.ok(&Request::create("/a", b"", 0));
    let conf = ask(&server, "conf");
    for (key, size) in [("dataDir=", "dataDirSize="), ("dataLogDir=", "dataLogSize=")] {
        let directory = Path::new(value_of(&conf, key));
        assert!(directory.is_absolute() && directory.is_dir(), "{conf}");
        let bytes: u64 = value_of(&conf, size).parse().expect("a number");
        let files = std::fs::read_dir(directory).expect("it is there").flatten();
        assert!(files.count() > 0 || Kind::under_test() != Kind::Paddock, "{conf}");
        assert!(bytes > 0, "{conf}");
    }
}

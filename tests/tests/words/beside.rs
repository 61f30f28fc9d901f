//! Each word on a ZooKeeper 3.9.5 and on the server under test, in the same state, by the part of the server: alone, leader,
//! follower, observer, read-only, and one that serves nobody. What depends on nothing is the same byte for byte, and everything
//! else has the same form: what differs from run to run (ports, ids, moments, sizes) is only said to be there.
//!
//! What differs for a reason, and is not compared (the table in `net/PROTOCOL.md`): what ZooKeeper tells of its JVM, moments at
//! which nothing is due, and the order of what ZooKeeper has in tables without one. Directories have other names.
use crate::{TIMEOUT_MS, ask, setup};
use paddock_tests::client::Client;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::installed::current_zookeeper;
use paddock_tests::records::{err, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, four_letter_word, poll_until};
use paddock_tests::wire::Wire;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

const WORDS: [&str; 18] = [
    "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok", "srst", "srvr", "stat",
    "stmk", "wchc", "wchp", "wchs",
];
/// `stmk` with its mask: 383, and what there was before.
const SET_MASK: &str = "stmk\0\0\0\0\0\0\u{1}\u{7f}";
const SET_MASK_BACK: &str = "stmk\0\0\0\0\0\0\u{1}2";
/// Every word, in an order in which what is reset is told before and behind.
const QUESTIONS: [&str; 23] = [
    "ruok",
    "isro",
    "gtmk",
    SET_MASK,
    "gtmk",
    SET_MASK_BACK,
    "gtmk",
    "stmk",
    "envi",
    "conf",
    "dirs",
    "srvr",
    "stat",
    "cons",
    "dump",
    "hash",
    "wchs",
    "wchc",
    "wchp",
    "mntr",
    "crst",
    "cons",
    "srst",
];
/// Behind them: what is counted has begun anew.
const LAST: &str = "srvr";
/// A ZooKeeper may leave a question without an answer while it becomes something else.
const PATIENCE: Duration = Duration::from_millis(500);
/// So many writes are behind one another that a digest is kept.
const WRITES: usize = 130;
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Questions with their answers.
type Answers = Vec<(&'static str, String)>;

fn zookeeper() -> Setup {
    Setup::new(Kind::ZooKeeper).class_path(current_zookeeper())
}

fn both() -> [Setup; 2] {
    [zookeeper(), setup()]
}

/// Has a client with an ephemeral, with watches of data on two paths, and with one of children, which no word tells of.
fn furnish(server: &Server, name: &str) -> Client {
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("it takes a client");
    let ephemeral = format!("/{name}");
    client.ok(&Request::create(&ephemeral, b"x", flags::EPHEMERAL));
    client.ok(&Request::get_data(&ephemeral, true));
    client.ok(&Request::get_children(&ephemeral, true));
    assert_eq!(client.code(&Request::exists(&format!("/no-{name}"), true)), err::NO_NODE);
    client
}

fn write(client: &mut Client) {
    for number in 0..WRITES {
        client.ok(&Request::create(&format!("/n{number}"), b"", flags::PERSISTENT));
    }
}

fn answers_of(server: &Server) -> Answers {
    QUESTIONS.into_iter().chain([LAST]).map(|question| (question, ask(server, question))).collect()
}

#[track_caller]
fn assert_alike(part: &str, [theirs, ours]: &[Answers; 2]) {
    for ((question, expected), (_, told)) in theirs.iter().zip(ours) {
        match &question[..4] {
            "mntr" => assert_monitored(part, expected, told),
            word => assert_eq!(form(word, told), form(word, expected), "{part}: {question:?}:\n{expected}\n{told}"),
        }
    }
    // The answer to `srst`, and the question behind it.
    let begun = |answers: &Answers| {
        let (_, srvr) = answers.last().expect("there are answers");
        srvr.lines().skip_while(|line| !line.starts_with("Latency")).take(3).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(begun(ours), begun(theirs), "{part}: behind srst");
    assert_eq!(begun(ours), ["Latency min/avg/max: 0/0.0/0", "Received: 1", "Sent: 1"], "{part}: behind srst");
}

/// What of an answer is the same in each run.
fn form(word: &str, text: &str) -> Vec<String> {
    match word {
        "srvr" | "stat" | "cons" => server_form(text),
        "conf" => text.split('\n').map(conf_form).collect(),
        "dirs" => text.split('\n').map(without_numbers).collect(),
        "hash" => text.split('\n').map(|line| without_numbers(&line.replace(": -", ": "))).collect(),
        "envi" => text.split('\n').map(envi_form).collect(),
        "dump" => dump_form(text),
        "wchc" | "wchp" => sorted(text.split('\n').map(without_ids)),
        // ruok isro gtmk stmk crst srst wchs
        _ => vec![text.to_owned()],
    }
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

/// Without what stands behind each `0x`.
fn without_ids(text: &str) -> String {
    let mut parts = text.split("0x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |form, part| form + "0x#" + part.trim_start_matches(|c: char| c.is_ascii_hexdigit()))
}

/// With a sign for each run of digits, too.
fn without_numbers(text: &str) -> String {
    let mut form = String::new();
    for c in without_ids(text).chars() {
        let c = if c.is_ascii_digit() { '#' } else { c };
        if c != '#' || !form.ends_with('#') {
            form.push(c);
        }
    }
    form
}

/// The lines of connections, which have no order, and then the others.
fn server_form(text: &str) -> Vec<String> {
    let (connections, others): (Vec<&str>, Vec<&str>) = text.split('\n').partition(|line| line.starts_with(" /"));
    let mut form = sorted(connections.into_iter().map(connection_form));
    form.extend(others.into_iter().map(figure_form));
    form
}

fn figure_form(line: &str) -> String {
    if ["Mode: ", "Node count: ", "Outstanding: ", "Connections: "].iter().any(|key| line.starts_with(key)) {
        return line.to_owned();
    }
    match line.strip_prefix("Zookeeper version: ").and_then(|version| version.split_once(", built on ")) {
        Some((_, date)) => format!("Zookeeper version: VERSION, built on {}", without_numbers(date)),
        None => without_numbers(line),
    }
}

fn connection_form(line: &str) -> String {
    /// What differs from run to run.
    const OTHERS: [&str; 8] = ["sid", "est", "lzxid", "lresp", "llat", "minlat", "avglat", "maxlat"];
    /// The zxid of a connection of which nothing is counted.
    const NOTHING: &str = "0xffffffffffffffff";
    let (head, fields) = line.split_once('(').unwrap_or_else(|| panic!("{line}"));
    let (address, operations) = head.split_once('[').unwrap_or_else(|| panic!("{line}"));
    let fields = fields.split(',').map(|field| match field.split_once('=') {
        Some((key, value)) if OTHERS.contains(&key) && value != NOTHING => format!("{key}={}", without_numbers(value)),
        _ => field.to_owned(),
    });
    format!("{}[{operations}({}", without_numbers(address), fields.collect::<Vec<_>>().join(","))
}

fn conf_form(line: &str) -> String {
    const OTHERS: [&str; 6] = ["clientPort", "dataDirSize", "dataLogSize", "serverId", "electionPort", "quorumPort"];
    match line.split_once('=') {
        Some((key @ ("dataDir" | "dataLogDir"), directory)) => format!("{key}={}", Path::new(directory).is_absolute()),
        Some((key, _)) if OTHERS.contains(&key) || key.starts_with("server.") => without_numbers(line),
        _ => line.to_owned(),
    }
}

fn envi_form(line: &str) -> String {
    match line.split_once('=') {
        Some(("os.name" | "os.arch" | "os.version" | "user.name" | "user.home", _)) | None => line.to_owned(),
        Some((key, value)) => format!("{key}={}", !value.is_empty()),
    }
}

/// Sessions and connections may be due at one moment or at several.
fn dump_form(text: &str) -> Vec<String> {
    let parts = text.split_once("ephemeral nodes dump:\n");
    let parts = parts.and_then(|(sessions, rest)| Some((sessions, rest.split_once("Connections dump:\n")?)));
    let (sessions, (ephemerals, connections)) = parts.unwrap_or_else(|| panic!("{text}"));
    let mut form = due_form(sessions);
    form.extend(sorted(ephemerals.split('\n').map(without_ids)));
    form.extend(due_form(connections));
    form
}

fn due_form(text: &str) -> Vec<String> {
    let lines = text.split('\n').filter(|line| !line.starts_with("0 expire at "));
    let lines: BTreeSet<String> = lines.map(due_line_form).collect();
    lines.into_iter().collect()
}

fn due_line_form(line: &str) -> String {
    if let Some((count, date)) = line.split_once(" expire at ") {
        assert!(count.parse::<usize>().is_ok(), "{line}");
        return format!("# expire at {}", date_form(date));
    }
    match line.split_once(" Sets (") {
        // Who asked before may be there for a moment.
        Some(("Connections", counts)) => format!("Connections Sets ({}", without_numbers(counts)),
        Some((name, counts)) => {
            let (_, all) = counts.split_once(")/(").unwrap_or_else(|| panic!("{line}"));
            format!("{name} Sets (#)/({all}")
        }
        None if line.starts_with("\tip: ") => without_numbers(line),
        None => without_ids(line),
    }
}

/// `Tue Mar 03 08:14:05 UTC 2026:`
fn date_form(date: &str) -> String {
    let words: Vec<&str> = date.split(' ').collect();
    let [weekday, month, day, time, zone, year] = words[..] else { panic!("{date}") };
    assert!(WEEKDAYS.contains(&weekday) && MONTHS.contains(&month), "{date}");
    let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    format!("WEEKDAY MONTH {} {} {zone} {}", digits(day), digits(time), digits(year))
}

/// Every key of ZooKeeper's is there, with a value of the same kind. Which other keys there may be the tests of metrics know.
#[track_caller]
fn assert_monitored(part: &str, expected: &str, told: &str) {
    /// Keys by namespace or server, which come when something is counted for one.
    const SETS: [&str; 3] = ["_per_namespace", "_ack_latency", "learner_handler_qp_"];
    let kinds = |text: &str| -> BTreeMap<String, &'static str> {
        let lines = text.lines().map(|line| line.split_once('\t').unwrap_or_else(|| panic!("{part}: {line}")));
        lines.map(|(key, value)| (key.to_owned(), kind(value))).collect()
    };
    let (expected, told) = (kinds(expected), kinds(told));
    let is_of_set = |key: &str| SETS.iter().any(|set| key.contains(set));
    let differing: Vec<_> =
        expected.iter().filter(|(key, kind)| told.get(*key) != Some(*kind) && !is_of_set(key)).collect();
    assert!(differing.is_empty(), "{part}: missing, or of another kind than {differing:?}");
}

fn kind(value: &str) -> &'static str {
    match (value.parse::<i64>(), value.parse::<f64>()) {
        (Ok(_), _) => "whole",
        (Err(_), Ok(_)) => "decimal",
        _ => "text",
    }
}

#[test]
fn a_server_that_stands_alone_answers_as_zookeeper_does() {
    if !Kind::under_test().is_current() {
        return;
    }
    let answers = both().map(|setup| {
        let server = setup.start();
        let mut client = furnish(&server, "one");
        write(&mut client);
        answers_of(&server)
    });
    assert_alike("standalone", &answers);
}

#[test]
fn leader_follower_and_observer_answer_as_zookeepers_do() {
    if !Kind::under_test().is_current() {
        return;
    }
    let [theirs, ours] = both().map(|setup| {
        let members = Ensemble::start_with_observers(setup.config("initLimit", "10").config("syncLimit", "5"), 3, 1);
        let leader = members.wait_for_leader(&members.places());
        let follower = (leader + 1) % members.voters().len();
        let observer = members.voters().len();
        let places = [leader, follower, observer];
        let names = ["leader", "follower", "observer"];
        let mut clients: Vec<Client> =
            places.iter().zip(names).map(|(place, name)| furnish(members.server(*place), name)).collect();
        write(&mut clients[0]);
        // Each has what was written at the others.
        clients.iter_mut().for_each(|client| drop(client.ok(&Request::sync("/"))));
        places.map(|place| answers_of(members.server(place)))
    });
    let [leader, follower, observer] = ours;
    let parts = [("leader", leader), ("follower", follower), ("observer", observer)];
    for ((part, ours), theirs) in parts.into_iter().zip(theirs) {
        assert_alike(part, &[theirs, ours]);
    }
}

/// One server of three, of which the others are gone, once it says this.
fn left_alone(setup: Setup, says: &str) -> Ensemble {
    let members = Ensemble::start(setup.config("initLimit", "10").config("syncLimit", "5"), 3);
    members.kill(&[1, 2]);
    let last =
        || four_letter_word(members.server(0).address(), "srvr", PATIENCE).ok().filter(|srvr| srvr.contains(says));
    assert!(poll_until(DEADLINE, last).is_some(), "it does not say {says:?}");
    members
}

#[test]
fn a_server_that_serves_readers_alone_answers_as_zookeeper_does() {
    if !Kind::under_test().is_current() {
        return;
    }
    let answers = both().map(|setup| {
        let members = left_alone(setup.property("readonlymode.enabled", "true"), "Mode: read-only");
        answers_of(members.server(0))
    });
    assert_alike("read-only", &answers);
}

#[test]
fn a_server_that_serves_nobody_answers_as_zookeeper_does() {
    if !Kind::under_test().is_current() {
        return;
    }
    let [theirs, ours] = both().map(|setup| {
        let members = left_alone(setup, "is not currently serving requests");
        WORDS.map(|word| {
            let text = ask(members.server(0), word);
            // All but this one is the same byte for byte.
            (word, if word == "envi" { form(word, &text) } else { vec![text] })
        })
    });
    assert_eq!(ours, theirs);
}

#[test]
fn words_that_are_not_allowed_and_what_is_no_word_end_as_with_zookeeper() {
    /// What telnet sends when it is interrupted, letters that are no word, and a word in capitals.
    const STRANGE: [&[u8; 4]; 3] = [&[0xff, 0xf4, 0xff, 0xfd], b"abcd", b"RUOK"];
    if !Kind::under_test().is_current() {
        return;
    }
    for list in ["ruok", "*"] {
        let [theirs, ours] = both().map(|setup| {
            let server = setup.config("4lw.commands.whitelist", list).start();
            // This one is always allowed.
            let asked = WORDS.iter().filter(|word| list != "*" && **word != "srvr");
            let refused: Vec<String> = asked.map(|word| ask(&server, word)).collect();
            (refused, STRANGE.map(|bytes| whole(&server, bytes)))
        });
        assert_eq!(ours, theirs, "{list}");
    }
}

/// Everything until the end.
fn whole(server: &Server, bytes: &[u8]) -> String {
    let mut stream = Wire::open(server.address()).stream;
    stream.write_all(bytes).expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an end");
    String::from_utf8(answer).expect("text")
}

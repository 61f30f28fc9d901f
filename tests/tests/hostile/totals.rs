//! What each connection may have, times very many: the memory of all of them together has a bound of its own,
//! `paddock.connections.maxBytes`. Whoever has most is closed, with one line; the others notice nothing.
use crate::wire::{Wire, assert_stands, client, hello, setup};
use paddock_tests::client::Client;
use paddock_tests::records::{err, flags, mode};
use paddock_tests::reply::Event;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Server, poll_until};

/// The setting, where it is small, bytes.
const SMALL_MAX: u64 = 16 << 20;
/// What the server's memory may grow by beside: its log's buffers, the tree, what is freed and not given back yet.
const SLACK: u64 = 80 << 20;
/// Part of the line that tells of a connection that was closed for this.
const CLOSED_LINE: &str = "that has had most for longest was closed";

/// Sessions that watch everything and read nothing.
const SILENT_WATCHERS: usize = 24;
/// Bytes of the path that their events name: so many of these that each of them may still have what it is owed.
const LONG_PATH: usize = 200_000;
const ROUNDS: usize = 15;
const WRITES_PER_ROUND: usize = 20;

const SLOW_READERS: usize = 120;
/// A list of 8 MB: more than the sockets of both sides hold.
const LISTED_CHILDREN: usize = 20_000;
const CHILD_NAME: usize = 400;
const SLOW_READERS_MAX: u64 = 64 << 20;

const UNFINISHED_FRAMES: usize = 120;
/// So much of each has come, bytes.
const UNFINISHED: usize = 900_000;

fn bounded_by(bytes: u64) -> Server {
    let setup = setup().config("forceSync", "no").property("paddock.connections.maxBytes", &bytes.to_string());
    setup.start()
}

/// The most memory that was seen, above what there was at first.
struct Growth {
    before: u64,
    most: u64,
}

impl Growth {
    fn begin(server: &Server) -> Growth {
        let before = server.resident_bytes();
        Growth { before, most: before }
    }

    fn look(&mut self, server: &Server) {
        self.most = self.most.max(server.resident_bytes());
    }

    fn assert_below(&self, bound: u64) {
        let grown = self.most - self.before;
        assert!(grown < bound, "the server's memory grew by {} MiB, {} are allowed", grown >> 20, bound >> 20);
    }
}

/// Lines of the log that tell of a closed connection and name the setting.
fn closed(server: &Server) -> usize {
    let log = server.log();
    log.lines().filter(|line| line.contains(CLOSED_LINE) && line.contains("paddock.connections.maxBytes")).count()
}

fn watcher(server: &Server) -> Client {
    let mut watcher = client(server);
    watcher.ok(&Request::add_watch("/", mode::PERSISTENT_RECURSIVE));
    watcher
}

/// Reads every event up to the one of the path that comes last.
fn read_events(mut watcher: Client, last: &str) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = watcher.next_event().expect("a client that reads keeps its connection");
        let is_last = event.path == last;
        events.push(event);
        if is_last {
            return events;
        }
    }
}

#[test]
fn events_that_nobody_reads_do_not_gather_over_all_connections() {
    let server = bounded_by(SMALL_MAX);
    let (mut writer, mut other) = (client(&server), client(&server));
    let long = format!("/{}", "n".repeat(LONG_PATH));
    for path in [&long[..], "/short", "/end"] {
        writer.ok(&Request::create(path, b"", flags::PERSISTENT));
    }
    let silent: Vec<Client> = (0..SILENT_WATCHERS).map(|_| watcher(&server)).collect();
    let reading = watcher(&server);
    let reading = std::thread::spawn(move || read_events(reading, "/end"));
    let mut expected = Vec::new();
    let mut growth = Growth::begin(&server);
    for round in 0..ROUNDS {
        for number in 0..WRITES_PER_ROUND {
            let path = if number % 3 == 1 { "/short" } else { &long };
            writer.queue(&Request::set_data(path, b"x", -1));
            expected.push(path);
        }
        writer.flush().expect("the writes are taken");
        for _ in 0..WRITES_PER_ROUND {
            assert_eq!(writer.next_reply().expect("the writer reads its replies").err, err::OK, "round {round}");
        }
        assert_eq!(other.code(&Request::get_data("/short", false)), err::OK, "round {round}");
        growth.look(&server);
    }
    writer.ok(&Request::set_data("/end", b"", -1));
    expected.push("/end");
    let events = reading.join().expect("it reads to the end");
    let paths: Vec<&str> = events.iter().map(|event| &event.path[..]).collect();
    assert!(paths == expected, "{} events came in place of {}, or in another order", paths.len(), expected.len());
    assert!(events.is_sorted_by(|one, next| one.zxid < next.zxid), "the events' transactions go up");
    growth.assert_below(SMALL_MAX + SLACK);
    assert!(closed(&server) > 0, "the log names the setting");
    assert_stands(&server);
    drop(silent);
}

/// Events too small to be shared are copied to each watcher, and one transaction can bring very many.
#[test]
fn events_of_one_transaction_do_not_gather_over_all_connections() {
    const SMALL_PATH: usize = 1_500;
    const CHANGES: usize = 400;
    const TRANSACTIONS: usize = 20;
    let server = bounded_by(SMALL_MAX);
    let mut writer = client(&server);
    let path = format!("/{}", "n".repeat(SMALL_PATH));
    for path in [&path[..], "/end"] {
        writer.ok(&Request::create(path, b"", flags::PERSISTENT));
    }
    let silent: Vec<Client> = (0..SILENT_WATCHERS).map(|_| watcher(&server)).collect();
    let reading = watcher(&server);
    let reading = std::thread::spawn(move || read_events(reading, "/end"));
    let mut growth = Growth::begin(&server);
    let changes = Request::multi(vec![Request::set_data(&path, b"x", -1); CHANGES]);
    for _ in 0..TRANSACTIONS {
        writer.ok(&changes);
        growth.look(&server);
    }
    writer.ok(&Request::set_data("/end", b"", -1));
    let events = reading.join().expect("it reads to the end");
    assert_eq!(events.len(), TRANSACTIONS * CHANGES + 1);
    growth.assert_below(SMALL_MAX + SLACK);
    assert!(closed(&server) > 0, "the log names the setting");
    assert_stands(&server);
    drop(silent);
}

#[test]
fn long_lists_that_are_read_slowly_do_not_gather_over_all_connections() {
    let server = bounded_by(SLOW_READERS_MAX);
    let (mut writer, mut other) = (client(&server), client(&server));
    writer.ok(&Request::create("/list", b"", flags::PERSISTENT));
    for number in 0..LISTED_CHILDREN {
        writer.queue(&Request::create(&format!("/list/{number:0CHILD_NAME$}"), b"", flags::PERSISTENT));
    }
    writer.flush().expect("the creates are taken");
    for _ in 0..LISTED_CHILDREN {
        assert_eq!(writer.next_reply().expect("a reply").err, err::OK);
    }
    let mut growth = Growth::begin(&server);
    let mut slow = Vec::new();
    for _ in 0..SLOW_READERS {
        let mut reader = client(&server);
        for _ in 0..3 {
            reader.queue(&Request::get_children("/list", false));
        }
        reader.flush().expect("small requests are taken");
        slow.push(reader);
        assert_eq!(other.code(&Request::get_data("/list", false)), err::OK);
        growth.look(&server);
    }
    // Whoever reads gets a long list beside them.
    assert_eq!(other.ok(&Request::get_children("/list", false)).names().len(), LISTED_CHILDREN);
    let seen = poll_until(DEADLINE, || (closed(&server) > 0).then_some(()));
    growth.look(&server);
    growth.assert_below(SLOW_READERS_MAX + SLACK);
    assert!(seen.is_some(), "the log names the setting");
    assert_stands(&server);
    drop(slow);
}

/// Frames whose last bytes do not come are kept until they do.
#[test]
fn frames_that_never_end_do_not_gather_over_all_connections() {
    let server = bounded_by(SMALL_MAX);
    let mut other = client(&server);
    let mut growth = Growth::begin(&server);
    let mut wires = Vec::new();
    for _ in 0..UNFINISHED_FRAMES {
        let mut wire = Wire::open(server.address());
        wire.send(&hello());
        wire.read(41);
        wire.send(&1_000_000_i32.to_be_bytes());
        wire.send(&vec![0; UNFINISHED]);
        wires.push(wire);
        assert_eq!(other.code(&Request::get_data("/zookeeper/quota", false)), err::OK);
        growth.look(&server);
    }
    let seen = poll_until(DEADLINE, || (closed(&server) > 0).then_some(()));
    growth.look(&server);
    growth.assert_below(SMALL_MAX + SLACK / 2);
    assert!(seen.is_some(), "the log names the setting");
    assert_stands(&server);
}

/// What one turn brings may be more than the bound; whoever takes it as soon as it is written loses nothing.
#[test]
fn clients_that_read_are_not_closed_for_what_one_turn_brings() {
    const READERS: usize = 40;
    const LENGTH: usize = 500_000;
    let setup = setup().property("paddock.reactors", "0");
    let server = setup.property("paddock.connections.maxBytes", &SMALL_MAX.to_string()).start();
    assert!(READERS * LENGTH > SMALL_MAX as usize);
    let mut writer = client(&server);
    writer.ok(&Request::create("/big", &vec![7; LENGTH], flags::PERSISTENT));
    let mut readers: Vec<Client> = (0..READERS).map(|_| client(&server)).collect();
    // Whatever is asked for while the server stands still, it finds in one turn.
    server.pause();
    for reader in &mut readers {
        reader.queue(&Request::get_data("/big", false));
        reader.flush().expect("small requests are taken");
    }
    server.resume();
    for reader in &mut readers {
        let reply = reader.next_reply().expect("every reply comes");
        assert_eq!(reply.data().map(<[u8]>::len), Some(LENGTH));
    }
    assert_eq!(closed(&server), 0, "nobody was closed");
    assert_stands(&server);
}

//! Four-letter words: questions in plain text that a client asks instead of opening a session.

use std::fmt::Write as _;

use paddock_engine::io::sys::open_descriptors;
use paddock_engine::request::opcode;

use crate::clock::Clock;
use crate::connection::Connection;
use crate::serving::Serve;
use crate::status::Status;

/// Every word that ZooKeeper knows, sorted. Any other four letters are taken for the length of a frame.
pub const KNOWN: [&str; 18] = [
    "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok", "srst", "srvr", "stat",
    "stmk", "wchc", "wchp", "wchs",
];
/// The words that this server answers where the operator allows them, sorted. They read a little and change nothing.
pub const SERVED: [&str; 8] = ["conf", "cons", "envi", "isro", "mntr", "ruok", "srvr", "stat"];
/// What most words are answered while clients are not served.
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests\n";
/// What telnet sends when it is interrupted. It is not answered, and the connection is closed.
const TELNET_CLOSE: Word = Word("telnet close");

/// A connection is read from, in the numbers of Java's `SelectionKey`.
const OP_READ: u8 = 1;
/// A connection is to be written to, in the same numbers.
const OP_WRITE: u8 = 4;

/// A word that came instead of a handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word(&'static str);

/// What to do with a word.
#[derive(PartialEq, Eq, Debug)]
pub enum Reply {
    /// The text is the answer, after which the connection is closed.
    Text(String),
    /// `stat` or, if it is `long`, `cons`: the connections of every reactor go into the text.
    Connections { long: bool },
}

/// The word in the first four bytes of a connection.
pub fn recognise(bytes: [u8; 4]) -> Option<Word> {
    if bytes == [0xff, 0xf4, 0xff, 0xfd] {
        return Some(TELNET_CLOSE);
    }
    KNOWN.iter().find(|word| word.as_bytes() == bytes).map(|word| Word(word))
}

/// The answer to a word. `serve`: how clients are served.
pub fn answer(word: Word, serve: Serve, status: &Status) -> Reply {
    if word == TELNET_CLOSE {
        return Reply::Text(String::new());
    }
    let Word(word) = word;
    if !status.allowed_words.contains(&word) {
        return Reply::Text(format!("{word} is not executed because it is not in the whitelist.\n"));
    }
    if !SERVED.contains(&word) {
        return Reply::Text(format!("{word} is not executed because this server does not have it.\n"));
    }
    match word {
        "ruok" => Reply::Text("imok".into()),
        "envi" => Reply::Text(status.environment.clone()),
        "isro" => Reply::Text(is_read_only(serve).into()),
        _ if serve == Serve::No => Reply::Text(NOT_SERVING.into()),
        "conf" => Reply::Text(status.configuration.now()),
        "srvr" => Reply::Text(format!("Zookeeper version: {}\n{}", status.version, server_lines(status))),
        "mntr" => Reply::Text(monitor(status)),
        word => Reply::Connections { long: word == "cons" },
    }
}

/// The answer to `isro`. Clients compare it with these bytes.
fn is_read_only(serve: Serve) -> &'static str {
    match serve {
        Serve::No => "null",
        Serve::ReadOnly => "ro",
        Serve::Yes => "rw",
    }
}

/// The whole reply to `stat` or `cons`, given the lines of all connections.
pub fn with_connections(long: bool, lines: &str, status: &Status) -> String {
    if long {
        return format!("{lines}\n");
    }
    format!("Zookeeper version: {}\nClients:\n{lines}\n{}", status.version, server_lines(status))
}

fn server_lines(status: &Status) -> String {
    let (least, mean, most) = status.latency_millis();
    let replica = &status.replica;
    let mean = rounded(mean);
    format!(
        "Latency min/avg/max: {least}/{mean:?}/{most}\nReceived: {}\nSent: {}\nConnections: {}\nOutstanding: {}\n\
         Zxid: 0x{:x}\nMode: standalone\nNode count: {}\n",
        status.sum(|r| &r.received),
        status.sum(|r| &r.sent),
        status.sum(|r| &r.connections),
        status.sum(|r| &r.outstanding),
        replica.zxid.load(std::sync::atomic::Ordering::Relaxed),
        replica.znodes.get(),
    )
}

/// Rounds a mean to four decimals as ZooKeeper does. `{:?}` then prints it as Java does: with one decimal at least, and no
/// zero after that at the end.
fn rounded(mean: f64) -> f64 {
    (mean * 10_000.0).round() / 10_000.0
}

fn monitor(status: &Status) -> String {
    let (least, mean, most) = status.latency_millis();
    let replica = &status.replica;
    let mut out = format!("zk_version\t{}\nzk_server_state\tstandalone\n", status.version);
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        writeln!(out, "zk_{key}\t{value}").expect("writing to a String cannot fail");
    };
    line("num_alive_connections", &status.sum(|r| &r.connections));
    line("outstanding_requests", &status.sum(|r| &r.outstanding));
    line("znode_count", &replica.znodes.get());
    line("watch_count", &status.sum(|r| &r.watches));
    line("ephemerals_count", &replica.ephemerals.get());
    line("approximate_data_size", &replica.data_bytes.get());
    line("global_sessions", &replica.sessions.get());
    line("packets_received", &status.sum(|r| &r.received));
    line("packets_sent", &status.sum(|r| &r.sent));
    line("bytes_received_count", &status.sum(|r| &r.read_bytes));
    line("connection_bytes", &status.sum(|r| &r.connection_bytes));
    line("min_latency", &least);
    line("avg_latency", &format_args!("{:?}", rounded(mean)));
    line("max_latency", &most);
    line("stale_sessions_expired", &replica.sessions_expired.get());
    line("snapshots", &replica.snapshots.get());
    line("last_snapshot_millis", &replica.snapshot_millis.get());
    line("log_transactions", &replica.transactions.get());
    line("log_groups", &replica.groups.get());
    line("log_bytes", &replica.log_bytes.get());
    line("log_waits_for_space", &replica.log_waits.get());
    line("log_sync_micros_sum", &replica.sync_micros_sum.get());
    line("log_sync_micros_max", &replica.sync_micros_max.get());
    line("tree_garbage_bytes", &replica.garbage_bytes.get());
    // It is 0 where there is no /proc.
    line("open_file_descriptor_count", &open_descriptors().unwrap_or(0));
    line("max_file_descriptor_count", &status.descriptors_max);
    line("max_client_connections", &status.peers.room());
    out
}

/// One line for a connection, as `stat` (short) and `cons` (long) have it: ZooKeeper's `dumpConnectionInfo`.
pub fn describe(connection: &Connection, long: bool, clock: &Clock, out: &mut String) {
    let tally = &connection.tally;
    let reads = if connection.is_read() { OP_READ } else { 0 };
    let writes = if connection.unwritten() > 0 { OP_WRITE } else { 0 };
    write!(
        out,
        " /{}:{}[{:x}](queued={},recved={},sent={}",
        paddock_engine::acl::id_of_address(connection.address),
        connection.port,
        reads | writes,
        connection.pending.requests(),
        tally.received,
        tally.sent
    )
    .expect("writing to a String cannot fail");
    if long && connection.session != 0 {
        describe_session(connection, clock, out);
    }
    out.push_str(")\n");
}

fn describe_session(connection: &Connection, clock: &Clock, out: &mut String) {
    let tally = &connection.tally;
    let answered = tally.answered.max(1);
    write!(
        out,
        ",sid=0x{:x},lop={},est={},to={},lcxid=0x{:x},lzxid=0x{:x},lresp={},llat={},minlat={},avglat={},maxlat={}",
        connection.session,
        tally.last_opcode.map_or("NA", operation_name),
        tally.established_ms,
        connection.timeout,
        tally.last_xid,
        tally.last_zxid,
        tally.last_answer.map_or(0, |answer| clock.millis(answer)),
        tally.latency_last,
        if tally.answered == 0 { 0 } else { tally.latency_min },
        tally.latency_sum / answered,
        tally.latency_max
    )
    .expect("writing to a String cannot fail");
}

/// ZooKeeper's name of an operation; `NA` for an operation that ZooKeeper does not have.
fn operation_name(opcode: i32) -> &'static str {
    match opcode {
        opcode::CREATE | opcode::CREATE2 | opcode::CREATE_CONTAINER | opcode::CREATE_TTL => "CREA",
        opcode::DELETE => "DELE",
        opcode::EXISTS => "EXIS",
        opcode::GET_DATA => "GETD",
        opcode::SET_DATA => "SETD",
        opcode::GET_ACL => "GETA",
        opcode::SET_ACL => "SETA",
        opcode::GET_CHILDREN | opcode::GET_CHILDREN2 => "GETC",
        opcode::GET_ALL_CHILDREN_NUMBER => "GETACN",
        opcode::GET_EPHEMERALS => "GETE",
        opcode::SYNC => "SYNC",
        opcode::PING => "PING",
        opcode::MULTI => "MULT",
        opcode::MULTI_READ => "MLTR",
        opcode::RECONFIG => "RECO",
        opcode::SET_WATCHES => "SETW",
        opcode::SET_WATCHES2 => "STW2",
        opcode::ADD_WATCH => "ADDW",
        opcode::CHECK_WATCHES => "CHKW",
        opcode::REMOVE_WATCHES => "REMW",
        opcode::WHO_AM_I => "HOMI",
        opcode::CREATE_SESSION => "SESS",
        opcode::CLOSE_SESSION => "CLOS",
        _ => "NA",
    }
}

#[cfg(test)]
mod tests {
    use super::{KNOWN, Reply, SERVED, Word, answer, recognise, rounded};
    use crate::serving::Serve;
    use crate::status::{Peers, Status, Text};

    fn status(allowed: &[&'static str]) -> Status {
        Status {
            reactors: Vec::new(),
            replica: Default::default(),
            peers: Peers::new(u64::MAX),
            descriptors_max: u64::MAX,
            clock: Default::default(),
            version: "3.9.5-paddock".into(),
            configuration: Text::new(|| "clientPort=2181\n".into()),
            environment: String::new(),
            allowed_words: allowed.to_vec(),
        }
    }

    #[test]
    fn words_are_known_whether_they_are_allowed_or_not() {
        assert_eq!(recognise(*b"abcd"), None);
        let dump = recognise(*b"dump").unwrap();
        let refusal = "dump is not executed because it is not in the whitelist.\n";
        assert_eq!(answer(dump, Serve::Yes, &status(&["srvr"])), Reply::Text(refusal.into()));
        let missing = "dump is not executed because this server does not have it.\n";
        assert_eq!(
            answer(dump, Serve::Yes, &status(&["dump"])),
            Reply::Text(missing.into()),
            "the operator has allowed it"
        );
    }

    #[test]
    fn every_word_is_known_by_its_bytes() {
        assert!(KNOWN.is_sorted() && SERVED.is_sorted());
        assert!(SERVED.iter().all(|word| KNOWN.contains(word)));
        for word in KNOWN {
            let bytes = word.as_bytes().try_into().expect("four letters");
            assert_eq!(recognise(bytes), Some(Word(word)));
        }
    }

    #[test]
    fn means_are_printed_as_java_does() {
        for (mean, printed) in [(0.0, "0.0"), (0.5, "0.5"), (4.478_94, "4.4789"), (12.0, "12.0"), (0.000_04, "0.0")] {
            assert_eq!(format!("{:?}", rounded(mean)), printed);
        }
    }

    #[test]
    fn trap_009_isro_has_no_newline() {
        let word = recognise(*b"isro").unwrap();
        for (serve, expected) in [(Serve::Yes, "rw"), (Serve::ReadOnly, "ro"), (Serve::No, "null")] {
            assert_eq!(answer(word, serve, &status(&["isro"])), Reply::Text(expected.into()));
        }
    }

    #[test]
    fn while_nobody_is_served_words_say_so_but_those_of_the_process() {
        let refusal = "This ZooKeeper instance is not currently serving requests\n";
        for word in SERVED {
            let known = recognise(word.as_bytes().try_into().expect("four letters")).expect("it is a word");
            let is_refused = answer(known, Serve::No, &status(&SERVED)) == Reply::Text(refusal.into());
            assert_eq!(is_refused, !["envi", "isro", "ruok"].contains(&word), "{word}");
        }
    }

    #[test]
    fn srvr_has_the_lines_that_scripts_look_for() {
        let Reply::Text(text) = answer(recognise(*b"srvr").unwrap(), Serve::Yes, &status(&["srvr"])) else {
            panic!("a text")
        };
        let keys: Vec<&str> = text.lines().filter_map(|line| line.split(':').next()).collect();
        let expected = [
            "Zookeeper version",
            "Latency min/avg/max",
            "Received",
            "Sent",
            "Connections",
            "Outstanding",
            "Zxid",
            "Mode",
            "Node count",
        ];
        assert_eq!(keys, expected);
        assert!(text.contains("Mode: standalone\n"));
    }
}

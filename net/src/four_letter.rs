//! Four-letter words: questions in plain text, asked in place of a handshake.

use std::fmt::Write as _;
use std::time::Instant;

use paddock_engine::request::opcode;

use crate::connection::Connection;
use crate::status::Status;

/// Every word that ZooKeeper knows; others are taken for a frame's length.
const KNOWN: [&str; 19] = [
    "conf",
    "cons",
    "crst",
    "dirs",
    "dump",
    "envi",
    "gtmk",
    "hash",
    "isro",
    "mntr",
    "ruok",
    "srst",
    "srvr",
    "stat",
    "stmk",
    "wchc",
    "wchp",
    "wchs",
    "telnet close",
];
/// The words that are answered where the operator allows them.
const SERVED: [&str; 8] = ["conf", "cons", "envi", "isro", "mntr", "ruok", "srvr", "stat"];

/// A word that came instead of a handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word(&'static str);

/// What to do with a word.
#[derive(PartialEq, Eq, Debug)]
pub enum Reply {
    /// This text, and close.
    Text(String),
    /// `stat` or `cons`: the connections of every reactor go into the text.
    Connections { long: bool },
}

/// The word in the first four bytes of a connection.
pub fn recognise(bytes: [u8; 4]) -> Option<Word> {
    if bytes == [0xff, 0xf4, 0xff, 0xfd] {
        return Some(Word("telnet close"));
    }
    KNOWN.iter().find(|word| word.as_bytes() == bytes).map(|word| Word(word))
}

/// The answer to a word.
pub fn answer(word: Word, status: &Status) -> Reply {
    let Word(word) = word;
    if word == "telnet close" {
        return Reply::Text(String::new());
    }
    if !status.allowed_words.iter().any(|allowed| allowed == word || allowed == "*") {
        return Reply::Text(format!("{word} is not executed because it is not in the whitelist.\n"));
    }
    if !SERVED.contains(&word) {
        return Reply::Text(format!("{word} is not executed because this server does not have it.\n"));
    }
    match word {
        "ruok" => Reply::Text("imok".into()),
        "isro" => Reply::Text("rw".into()),
        "conf" => Reply::Text(status.configuration.now()),
        "envi" => Reply::Text(status.environment.clone()),
        "srvr" => Reply::Text(format!("Zookeeper version: {}\n{}", status.version, server_lines(status))),
        "mntr" => Reply::Text(monitor(status)),
        word => Reply::Connections { long: word == "cons" },
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
    format!(
        "Latency min/avg/max: {least}/{mean:.4}/{most}\nReceived: {}\nSent: {}\nConnections: {}\nOutstanding: {}\n\
         Zxid: 0x{:x}\nMode: standalone\nNode count: {}\n",
        status.sum(|r| &r.received),
        status.sum(|r| &r.sent),
        status.sum(|r| &r.connections),
        status.sum(|r| &r.outstanding),
        replica.zxid.load(std::sync::atomic::Ordering::Relaxed),
        replica.znodes.get(),
    )
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
    line("avg_latency", &format!("{mean:.4}"));
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
    line("open_file_descriptor_count", &open_file_descriptors());
    out
}

/// Of this process; 0 where /proc does not tell.
fn open_file_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// One line for a connection, as `stat` (short) and `cons` (long) have it.
pub fn describe(connection: &Connection, long: bool, now: Instant, out: &mut String) {
    let tally = &connection.tally;
    write!(
        out,
        " /{}:{}[{}](queued={},recved={},sent={}",
        paddock_engine::acl::id_of_address(connection.address),
        connection.port,
        if connection.unwritten() > 0 { 5 } else { 1 },
        connection.pending.len(),
        tally.received,
        tally.sent
    )
    .expect("writing to a String cannot fail");
    if long && connection.session != 0 {
        describe_session(connection, now, out);
    }
    out.push_str(")\n");
}

fn describe_session(connection: &Connection, now: Instant, out: &mut String) {
    let tally = &connection.tally;
    write!(
        out,
        ",sid=0x{:x},lop={},est={},to={}",
        connection.session,
        tally.last_opcode.map_or("NA", operation_name),
        tally.established_ms,
        connection.timeout
    )
    .expect("writing to a String cannot fail");
    if tally.last_opcode.is_some_and(|opcode| opcode != opcode::CREATE_SESSION) {
        write!(out, ",lcxid=0x{:x}", tally.last_xid).expect("writing to a String cannot fail");
    }
    let answered = tally.answered.max(1);
    write!(
        out,
        ",lzxid=0x{:x},lresp={},llat={},minlat={},avglat={},maxlat={}",
        tally.last_zxid,
        now.duration_since(tally.last_answer).as_millis(),
        tally.latency_last,
        if tally.answered == 0 { 0 } else { tally.latency_min },
        tally.latency_sum / answered,
        tally.latency_max
    )
    .expect("writing to a String cannot fail");
}

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
        opcode::SYNC => "SYNC",
        opcode::PING => "PING",
        opcode::CHECK => "CHEC",
        opcode::MULTI => "MULT",
        opcode::SET_WATCHES => "SETW",
        opcode::CREATE_SESSION => "SESS",
        opcode::CLOSE_SESSION => "CLOS",
        _ => "NA",
    }
}

#[cfg(test)]
mod tests {
    use super::{Reply, answer, recognise};
    use crate::status::{Status, Text};

    fn status(allowed: &[&str]) -> Status {
        Status {
            reactors: Vec::new(),
            replica: Default::default(),
            peers: Default::default(),
            version: "3.9.5-paddock".into(),
            configuration: Text::new(|| "clientPort=2181\n".into()),
            environment: String::new(),
            allowed_words: allowed.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    #[test]
    fn words_are_known_whether_they_are_allowed_or_not() {
        assert_eq!(recognise(*b"abcd"), None);
        let dump = recognise(*b"dump").unwrap();
        let refusal = "dump is not executed because it is not in the whitelist.\n";
        assert_eq!(answer(dump, &status(&["srvr"])), Reply::Text(refusal.into()));
        let missing = "dump is not executed because this server does not have it.\n";
        assert_eq!(answer(dump, &status(&["*"])), Reply::Text(missing.into()), "the operator has allowed it");
    }

    #[test]
    fn trap_009_isro_has_no_newline() {
        let word = recognise(*b"isro").unwrap();
        assert_eq!(answer(word, &status(&["isro"])), Reply::Text("rw".into()));
        assert_eq!(answer(word, &status(&["*"])), Reply::Text("rw".into()));
    }

    #[test]
    fn srvr_has_the_lines_that_scripts_look_for() {
        let Reply::Text(text) = answer(recognise(*b"srvr").unwrap(), &status(&["srvr"])) else { panic!("a text") };
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

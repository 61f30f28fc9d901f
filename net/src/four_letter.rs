//! Four-letter words: questions in plain text that a client asks instead of opening a session.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::atomic::Ordering;

use paddock_consensus::Zxid;
use paddock_consensus::output::Part;
use paddock_engine::request::opcode;

use crate::clock::Clock;
use crate::conf_reply::without_membership;
use crate::long_words::LongWord;
use crate::metrics::gauges::ROOT_AGAIN;
use crate::metrics::java_double::{java_double, rounded};
use crate::metrics::render_mntr;
use crate::server_state::ServerState;
use crate::serving::Serve;
use crate::status::Status;
use crate::survey::ConnectionInfo;

/// Every word that ZooKeeper knows, sorted. Any other four letters are taken for the length of a frame.
pub const KNOWN: [&str; 18] = [
    "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro", "mntr", "ruok", "srst", "srvr", "stat",
    "stmk", "wchc", "wchp", "wchs",
];
/// The words that are answered where the operator has said nothing, sorted. They read a little and change nothing.
pub const HARMLESS: [&str; 8] = ["conf", "cons", "envi", "isro", "mntr", "ruok", "srvr", "stat"];
/// What most words are answered while clients are not served.
pub const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests\n";
/// What telnet sends when it is interrupted, by ZooKeeper's name. Where it is allowed it is not answered, and the connection is
/// closed.
pub const TELNET_CLOSE: &str = "telnet close";

const TAKES_ALL: &str = "writing to a String cannot fail";

/// A connection is read from, in the numbers of Java's `SelectionKey`.
const OP_READ: u8 = 1;
/// A connection is to be written to, in the same numbers.
const OP_WRITE: u8 = 4;

/// A word that came instead of a handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word(&'static str);

/// The bytes of a mask that come behind `stmk`.
pub const MASK_BYTES: usize = 8;

/// What to do with a word.
#[derive(PartialEq, Eq, Debug)]
pub enum Reply {
    /// The text is the answer, after which the connection is closed.
    Text(String),
    /// The answer takes long, and another thread makes it.
    Later(LongWord),
    /// `stmk`: the mask comes behind the word.
    Mask,
}

/// The word in the first four bytes of a connection.
pub fn recognise(bytes: [u8; 4]) -> Option<Word> {
    if bytes == [0xff, 0xf4, 0xff, 0xfd] {
        return Some(Word(TELNET_CLOSE));
    }
    KNOWN.iter().find(|word| word.as_bytes() == bytes).map(|word| Word(word))
}

/// The answer to a word. `serve`: how clients are served.
pub fn answer(word: Word, serve: Serve, status: &Status) -> Reply {
    let Word(word) = word;
    if !status.allowed_words.contains(&word) {
        return Reply::Text(format!("{word} is not executed because it is not in the whitelist.\n"));
    }
    match word {
        TELNET_CLOSE => return Reply::Text(String::new()),
        "ruok" => return Reply::Text("imok".into()),
        "envi" => return Reply::Text(status.environment.clone()),
        "gtmk" => return Reply::Text(status.trace_mask.0.load(Ordering::Relaxed).to_string()),
        "stmk" => return Reply::Mask,
        _ => {}
    }
    let state = ServerState::now(serve, &status.member);
    match (word, state, LongWord::of(word)) {
        ("isro", state, _) => Reply::Text(is_read_only(state).into()),
        (word, None, _) => Reply::Text(not_serving(word).into()),
        (_, Some(_), Some(word)) => Reply::Later(word),
        ("srvr", Some(state), None) => {
            Reply::Text(format!("{}{}", head_lines(state, status), server_lines(state, status)))
        }
        (_, Some(state), None) => Reply::Text(render_mntr(state, status)),
    }
}

/// What a word is answered while clients are not served. ZooKeeper's `hash` ends without a new line here.
pub fn not_serving(word: &str) -> &'static str {
    if word == "hash" { NOT_SERVING.trim_end() } else { NOT_SERVING }
}

/// The answer to `stmk`, by which the mask is set. This server logs by its own levels, and only tells it again: as `gtmk`.
pub fn set_trace_mask(mask: [u8; MASK_BYTES], status: &Status) -> String {
    let mask = i64::from_be_bytes(mask);
    status.trace_mask.0.store(mask, Ordering::Relaxed);
    mask.to_string()
}

/// What the server is, as `Mode` has it; `None` while clients are not served.
pub fn mode(serve: Serve, status: &Status) -> Option<&'static str> {
    ServerState::now(serve, &status.member).map(ServerState::name)
}

/// How many znodes there are, as ZooKeeper counts them.
pub fn node_count(status: &Status) -> u64 {
    status.replica.znodes.get() + ROOT_AGAIN
}

/// Whether clients are served, as the words tell it.
pub fn serves(serve: Serve, status: &Status) -> bool {
    ServerState::now(serve, &status.member).is_some()
}

/// The answer to `isro`. Clients compare it with these bytes.
fn is_read_only(state: Option<ServerState>) -> &'static str {
    match state {
        None => "null",
        Some(ServerState::ReadOnly) => "ro",
        Some(_) => "rw",
    }
}

/// The reply to `conf`. It looks into the directories, which may take long.
pub fn conf(serve: Serve, status: &Status) -> String {
    let conf = status.configuration.now();
    match ServerState::now(serve, &status.member) {
        Some(ServerState::ReadOnly) => without_membership(&conf).to_owned(),
        _ => conf,
    }
}

/// The reply to `stat`, given the lines of all connections. `serve`: how clients are served.
pub fn stat(lines: &str, serve: Serve, status: &Status) -> String {
    match ServerState::now(serve, &status.member) {
        None => NOT_SERVING.into(),
        Some(state) => {
            format!("{}Clients:\n{lines}\n{}", head_lines(state, status), server_lines(state, status))
        }
    }
}

fn head_lines(state: ServerState, status: &Status) -> String {
    let remark = match state {
        ServerState::ReadOnly => "READ-ONLY mode; serving only read-only clients\n",
        _ => "",
    };
    format!("Zookeeper version: {}\n{remark}", status.version)
}

fn server_lines(state: ServerState, status: &Status) -> String {
    let (least, mean, most) = status.latency_millis();
    let mean = java_double(rounded(mean));
    let mut lines = format!(
        "Latency min/avg/max: {least}/{mean}/{most}\nReceived: {}\nSent: {}\nConnections: {}\nOutstanding: {}\n\
         Zxid: 0x{:x}\nMode: {}\nNode count: {}\n",
        status.sum(|r| &r.received),
        status.sent(),
        status.sum(|r| &r.connections),
        status.sum(|r| &r.outstanding),
        shown_zxid(status),
        state.name(),
        node_count(status),
    );
    if state == ServerState::Leader {
        let [last, min, max] = status.member.leading.proposals.told();
        writeln!(lines, "Proposal sizes last/min/max: {last}/{min}/{max}").expect(TAKES_ALL);
    }
    lines
}

/// The newest transaction that is announced; of a leader that has committed nothing yet, the beginning of its epoch. Learners
/// take over what comes from their leader alone.
pub fn shown_zxid(status: &Status) -> i64 {
    let zxid = status.replica.zxid.load(Ordering::Relaxed);
    match status.member.part() {
        Some(Part::Leading { epoch }) => zxid.max(Zxid::start_of(epoch).0),
        _ => zxid,
    }
}

/// What a connection waits for, in the numbers of Java's `SelectionKey`.
pub fn interest_ops(connection: &ConnectionInfo) -> u8 {
    let reads = if connection.is_read { OP_READ } else { 0 };
    let writes = if connection.is_written { OP_WRITE } else { 0 };
    reads | writes
}

/// One line for a connection, as `stat` (short) and `cons` (long) have it: ZooKeeper's `dumpConnectionInfo`.
pub fn describe(connection: &ConnectionInfo, long: bool, clock: &Clock) -> String {
    let tally = &connection.tally;
    let ops = interest_ops(connection);
    let mut line = format!(
        " {}[{:x}](queued={},recved={},sent={}",
        address_text(connection),
        ops,
        connection.queued,
        tally.received,
        tally.sent()
    );
    if long && connection.session != 0 {
        describe_session(connection, clock, &mut line);
    }
    line.push_str(")\n");
    line
}

/// As Java 14 and later tell the address of a socket.
pub fn address_text(connection: &ConnectionInfo) -> String {
    let address = paddock_engine::acl::id_of_address(connection.address);
    match connection.address.to_canonical() {
        IpAddr::V4(_) => format!("/{address}:{}", connection.port),
        IpAddr::V6(_) => format!("/[{address}]:{}", connection.port),
    }
}

fn describe_session(connection: &ConnectionInfo, clock: &Clock, line: &mut String) {
    let ConnectionInfo { session, timeout, tally, .. } = connection;
    let operation = tally.last_opcode.map_or("NA", operation_name);
    let established = tally.established_ms;
    write!(line, ",sid=0x{session:x},lop={operation},est={established},to={timeout}").expect(TAKES_ALL);
    // It is less than 0 when what is counted has begun anew and nothing was asked since.
    if tally.last_xid >= 0 {
        write!(line, ",lcxid=0x{:x}", tally.last_xid).expect(TAKES_ALL);
    }
    write!(
        line,
        ",lzxid=0x{:x},lresp={},llat={},minlat={},avglat={},maxlat={}",
        tally.last_zxid,
        tally.last_answer.map_or(0, |answer| clock.millis(answer)),
        tally.latency_last,
        if tally.answered == 0 { 0 } else { tally.latency_min },
        tally.latency_sum / tally.answered.max(1),
        tally.latency_max
    )
    .expect(TAKES_ALL);
}

/// ZooKeeper's name of an operation; `NA` for an operation that ZooKeeper does not have.
pub fn operation_name(opcode: i32) -> &'static str {
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
    use paddock_consensus::output::Part;
    use std::net::IpAddr;
    use std::sync::atomic::Ordering;
    use std::time::Instant;

    use paddock_consensus::{Epoch, ServerId};

    use super::{
        HARMLESS, KNOWN, NOT_SERVING, Reply, TELNET_CLOSE, Word, address_text, answer, conf, not_serving, recognise,
        stat,
    };
    use crate::long_words::LongWord;
    use crate::serving::Serve;
    use crate::status::{Status, Text};
    use crate::survey::ConnectionInfo;
    use crate::tally::Tally;

    fn status(allowed: &[&'static str]) -> Status {
        Status {
            version: "3.9.5-paddock".into(),
            configuration: Text::new(|| "clientPort=2181\n".into()),
            allowed_words: allowed.to_vec(),
            ..Status::default()
        }
    }

    #[test]
    fn words_are_known_whether_they_are_allowed_or_not() {
        assert_eq!(recognise(*b"abcd"), None);
        let dump = recognise(*b"dump").unwrap();
        let refusal = "dump is not executed because it is not in the whitelist.\n";
        assert_eq!(answer(dump, Serve::Yes, &status(&["srvr"])), Reply::Text(refusal.into()));
        assert_eq!(answer(dump, Serve::Yes, &status(&["dump"])), Reply::Later(LongWord::Dump));
    }

    #[test]
    fn every_word_is_known_by_its_bytes() {
        assert!(KNOWN.is_sorted() && HARMLESS.is_sorted());
        assert!(HARMLESS.iter().all(|word| KNOWN.contains(word)));
        for word in KNOWN {
            let bytes = word.as_bytes().try_into().expect("four letters");
            assert_eq!(recognise(bytes), Some(Word(word)));
        }
    }

    #[test]
    fn what_telnet_sends_is_refused_as_a_word_or_ends_the_connection() {
        let word = recognise([0xff, 0xf4, 0xff, 0xfd]).unwrap();
        let refusal = "telnet close is not executed because it is not in the whitelist.\n";
        assert_eq!(answer(word, Serve::Yes, &status(&KNOWN)), Reply::Text(refusal.into()));
        assert_eq!(answer(word, Serve::No, &status(&[TELNET_CLOSE])), Reply::Text(String::new()));
    }

    #[test]
    fn an_address_is_told_as_java_tells_it() {
        let told = |address: &str| {
            let address: IpAddr = address.parse().expect("an address");
            let tally = Tally::new(0);
            let (is_read, is_written, queued, session, timeout, heard) = (true, false, 0, 0, 0, Instant::now());
            address_text(&ConnectionInfo {
                address,
                port: 5,
                is_secure: false,
                is_read,
                is_written,
                queued,
                session,
                timeout,
                heard,
                tally,
            })
        };
        assert_eq!(["10.0.0.1", "::ffff:10.0.0.1"].map(told), ["/10.0.0.1:5", "/10.0.0.1:5"]);
        assert_eq!(told("::1"), "/[0:0:0:0:0:0:0:1]:5");
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
        for word in KNOWN {
            let known = recognise(word.as_bytes().try_into().expect("four letters")).expect("it is a word");
            for part in [None, Some(Part::Looking), Some(Part::Leading { epoch: EPOCH })] {
                match answer(known, Serve::No, &member(part)) {
                    Reply::Text(text) => {
                        let is_refused = text == not_serving(word);
                        assert_eq!(is_refused, !["envi", "gtmk", "isro", "ruok"].contains(&word), "{word} {part:?}");
                        assert_eq!(is_refused && !text.ends_with('\n'), word == "hash", "{word} {part:?}");
                    }
                    Reply::Later(long) => panic!("{word}: nobody is to be asked for {long:?}"),
                    Reply::Mask => assert_eq!(word, "stmk"),
                }
            }
        }
    }

    #[track_caller]
    fn text(word: &str, serve: Serve, status: &Status) -> String {
        let word = recognise(word.as_bytes().try_into().expect("four letters")).expect("it is a word");
        match answer(word, serve, status) {
            Reply::Text(text) => text,
            other => panic!("{word:?}: {other:?}"),
        }
    }

    const LEADER: ServerId = ServerId(3);
    const EPOCH: Epoch = Epoch(5);

    /// Each part in which clients are served, with `Mode` and `zk_peer_state`.
    fn parts() -> [(Option<Part>, &'static str, Option<&'static str>); 4] {
        let following = Part::Following { leader: LEADER, epoch: EPOCH };
        let observing = Part::Observing { leader: LEADER, epoch: EPOCH };
        [
            (None, "standalone", None),
            (Some(Part::Leading { epoch: EPOCH }), "leader", Some("leading - broadcast")),
            (Some(following), "follower", Some("following - broadcast")),
            (Some(observing), "observer", Some("observing - broadcast")),
        ]
    }

    fn member(part: Option<Part>) -> Status {
        let status = status(&KNOWN);
        part.into_iter().for_each(|part| status.member.set_part(part));
        status
    }

    #[test]
    fn srvr_has_the_lines_that_scripts_look_for() {
        for (part, mode, _) in parts() {
            let text = text("srvr", Serve::Yes, &member(part));
            let keys: Vec<&str> = text.lines().filter_map(|line| line.split(':').next()).collect();
            let mut expected = vec![
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
            if mode == "leader" {
                expected.push("Proposal sizes last/min/max");
            }
            assert_eq!(keys, expected, "{mode}");
            assert!(text.contains(&format!("Mode: {mode}\n")), "{text}");
        }
    }

    #[test]
    fn the_words_of_a_server_that_only_serves_readers_say_so() {
        let status = member(Some(Part::Looking));
        let remark = "Zookeeper version: 3.9.5-paddock\nREAD-ONLY mode; serving only read-only clients\n";
        for text in [text("srvr", Serve::ReadOnly, &status), stat("", Serve::ReadOnly, &status)] {
            assert!(text.starts_with(remark) && text.contains("\nMode: read-only\n"), "{text}");
        }
        let mntr = text("mntr", Serve::ReadOnly, &status);
        assert!(mntr.contains("\nzk_server_state\tread-only\n") && mntr.contains("\nzk_looking_count\t0\n"), "{mntr}");
        assert!(!mntr.contains("zk_peer_state") && !mntr.contains("zk_quorum_size"), "{mntr}");
    }

    #[test]
    fn a_server_that_only_serves_readers_tells_nothing_of_the_others() {
        let text_of = || Text::new(|| "peerType=0\nmembership: \nserver.1=a:1:2\nversion=0".into());
        let status = Status { configuration: text_of(), ..member(Some(Part::Looking)) };
        assert_eq!(conf(Serve::ReadOnly, &status), "peerType=0\n");
        let status = Status { configuration: text_of(), ..member(Some(Part::Leading { epoch: Epoch(1) })) };
        assert!(conf(Serve::Yes, &status).ends_with("version=0"));
    }

    #[test]
    fn a_server_that_looks_serves_nobody_although_a_reactor_has_not_heard_of_it() {
        let status = member(Some(Part::Looking));
        for word in ["mntr", "srvr"] {
            assert_eq!(text(word, Serve::Yes, &status), NOT_SERVING, "{word}");
        }
        assert_eq!(text("isro", Serve::Yes, &status), "null");
        assert_eq!(stat("", Serve::Yes, &status), NOT_SERVING);
    }

    #[test]
    fn a_leader_shows_the_epoch_that_it_has_begun_and_a_learner_what_it_has() {
        for (part, mode, _) in parts() {
            let status = member(part);
            let zxid = |status: &Status| {
                let text = text("srvr", Serve::Yes, status);
                text.lines().find_map(|line| line.strip_prefix("Zxid: ")).map(str::to_owned)
            };
            let begun = if mode == "leader" { "0x500000000" } else { "0x0" };
            assert_eq!(zxid(&status).as_deref(), Some(begun), "{mode}");
            status.replica.zxid.store(0x5_0000_0007, Ordering::Relaxed);
            assert_eq!(zxid(&status).as_deref(), Some("0x500000007"), "{mode}");
        }
    }

    #[test]
    fn the_root_counts_twice_as_in_zookeeper() {
        let status = member(None);
        status.replica.znodes.set(4);
        assert!(text("srvr", Serve::Yes, &status).ends_with("\nNode count: 5\n"));
        assert!(text("mntr", Serve::Yes, &status).contains("\nzk_znode_count\t5\n"));
    }

    #[test]
    fn a_server_is_up_since_its_part_began() {
        let status = member(None);
        let uptime = || {
            let text = text("mntr", Serve::Yes, &status);
            let uptime = text.lines().find_map(|line| line.strip_prefix("zk_uptime\t"));
            uptime.and_then(|uptime| uptime.parse().ok()).unwrap_or(u64::MAX)
        };
        let first = uptime();
        assert!(first < 60_000 && uptime() >= first, "{first}");
        status.member.since.set(u64::MAX);
        assert_eq!(uptime(), 0, "it begins a part");
    }

    #[test]
    fn a_leader_that_has_proposed_nothing_says_so_as_zookeepers() {
        let srvr = text("srvr", Serve::Yes, &member(Some(Part::Leading { epoch: EPOCH })));
        assert!(srvr.ends_with("Proposal sizes last/min/max: -1/-1/-1\n"), "{srvr}");
    }
}

//! Four-letter words: questions in plain text that a client asks instead of opening a session.

use std::fmt::{Display, Write as _};
use std::sync::atomic::Ordering;

use paddock_consensus::Zxid;
use paddock_consensus::output::Part;
use paddock_engine::io::sys::open_descriptors;
use paddock_engine::request::opcode;

use crate::clock::Clock;
use crate::conf_reply::without_membership;
use crate::connection::Connection;
use crate::counter::Summary;
use crate::member_status::{LeadingStatus, MemberStatus};
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

/// ZooKeeper counts the root twice: its table of znodes has it by the name `/` and by none.
const ROOT_AGAIN: u64 = 1;

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
        "ruok" => return Reply::Text("imok".into()),
        "envi" => return Reply::Text(status.environment.clone()),
        _ => {}
    }
    let state = ServerState::now(serve, &status.member);
    match (word, state) {
        ("isro", state) => Reply::Text(is_read_only(state).into()),
        (_, None) => Reply::Text(NOT_SERVING.into()),
        ("conf", Some(ServerState::ReadOnly)) => {
            Reply::Text(without_membership(&status.configuration.now()).to_owned())
        }
        ("conf", _) => Reply::Text(status.configuration.now()),
        ("srvr", Some(state)) => Reply::Text(format!("{}{}", head_lines(state, status), server_lines(state, status))),
        ("mntr", Some(state)) => Reply::Text(monitor(state, status)),
        (word, _) => Reply::Connections { long: word == "cons" },
    }
}

/// What a server is that serves clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ServerState {
    Standalone,
    ReadOnly,
    Leader,
    Follower,
    Observer,
}

impl ServerState {
    /// `None` if nobody is served: where a reactor has not heard yet that its server has become something else, what it has
    /// become counts.
    fn now(serve: Serve, member: &MemberStatus) -> Option<ServerState> {
        match (serve, member.part()) {
            (Serve::No, _) | (Serve::Yes, Some(Part::Looking)) => None,
            (Serve::ReadOnly, _) => Some(ServerState::ReadOnly),
            (Serve::Yes, None) => Some(ServerState::Standalone),
            (Serve::Yes, Some(Part::Leading { .. })) => Some(ServerState::Leader),
            (Serve::Yes, Some(Part::Following { .. })) => Some(ServerState::Follower),
            (Serve::Yes, Some(Part::Observing { .. })) => Some(ServerState::Observer),
        }
    }

    /// As `Mode` and `zk_server_state` have it.
    fn name(self) -> &'static str {
        match self {
            ServerState::Standalone => "standalone",
            ServerState::ReadOnly => "read-only",
            ServerState::Leader => "leader",
            ServerState::Follower => "follower",
            ServerState::Observer => "observer",
        }
    }

    /// As `zk_peer_state` has it. Before a member is in the last phase of its part it serves nobody, and the word is not
    /// answered.
    fn peer_state(self) -> Option<&'static str> {
        match self {
            ServerState::Standalone | ServerState::ReadOnly => None,
            ServerState::Leader => Some("leading - broadcast"),
            ServerState::Follower => Some("following - broadcast"),
            ServerState::Observer => Some("observing - broadcast"),
        }
    }
}

/// The answer to `isro`. Clients compare it with these bytes.
fn is_read_only(state: Option<ServerState>) -> &'static str {
    match state {
        None => "null",
        Some(ServerState::ReadOnly) => "ro",
        Some(_) => "rw",
    }
}

/// The whole reply to `stat` or `cons`, given the lines of all connections. `serve`: how clients are served now.
pub fn with_connections(long: bool, lines: &str, serve: Serve, status: &Status) -> String {
    match ServerState::now(serve, &status.member) {
        None => NOT_SERVING.into(),
        Some(_) if long => format!("{lines}\n"),
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
    let replica = &status.replica;
    let mean = rounded(mean);
    let mut lines = format!(
        "Latency min/avg/max: {least}/{mean:?}/{most}\nReceived: {}\nSent: {}\nConnections: {}\nOutstanding: {}\n\
         Zxid: 0x{:x}\nMode: {}\nNode count: {}\n",
        status.sum(|r| &r.received),
        status.sum(|r| &r.sent),
        status.sum(|r| &r.connections),
        status.sum(|r| &r.outstanding),
        shown_zxid(status),
        state.name(),
        replica.znodes.get() + ROOT_AGAIN,
    );
    if state == ServerState::Leader {
        let [last, min, max] = status.member.leading.proposals.told();
        writeln!(lines, "Proposal sizes last/min/max: {last}/{min}/{max}").expect("writing to a String cannot fail");
    }
    lines
}

/// The newest transaction that is announced; of a leader that has committed nothing yet, the beginning of its epoch. Learners
/// take over what comes from their leader alone.
fn shown_zxid(status: &Status) -> i64 {
    let zxid = status.replica.zxid.load(Ordering::Relaxed);
    match status.member.part() {
        Some(Part::Leading { epoch }) => zxid.max(Zxid::start_of(epoch).0),
        _ => zxid,
    }
}

/// Rounds a mean to four decimals as ZooKeeper does. `{:?}` then prints it as Java does: with one decimal at least, and no
/// zero after that at the end.
fn rounded(mean: f64) -> f64 {
    (mean * 10_000.0).round() / 10_000.0
}

fn monitor(state: ServerState, status: &Status) -> String {
    let (least, mean, most) = status.latency_millis();
    let replica = &status.replica;
    let mut out = String::new();
    let mut line = |key: &str, value: &dyn Display| {
        writeln!(out, "zk_{key}\t{value}").expect("writing to a String cannot fail");
    };
    line("version", &status.version);
    line("server_state", &state.name());
    monitor_member(state, &status.member, &mut line);
    line("num_alive_connections", &status.sum(|r| &r.connections));
    line("outstanding_requests", &status.sum(|r| &r.outstanding));
    line("uptime", &status.uptime_millis());
    line("znode_count", &(replica.znodes.get() + ROOT_AGAIN));
    line("watch_count", &status.sum(|r| &r.watches));
    line("ephemerals_count", &replica.ephemerals.get());
    line("approximate_data_size", &replica.data_bytes.get());
    line("global_sessions", &replica.sessions.get());
    line("local_sessions", &replica.local_sessions.get());
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

/// What only members of an ensemble have. A server in read-only mode tells of elections alone, as ZooKeeper's does.
fn monitor_member(state: ServerState, member: &MemberStatus, line: &mut dyn FnMut(&str, &dyn Display)) {
    let Some(part) = member.part() else { return };
    if let Some(peer_state) = state.peer_state() {
        line("peer_state", &peer_state);
        if let Part::Observing { leader, .. } = part {
            line("observer_master_id", &leader.0);
        }
        line("quorum_size", &member.quorum_size.get());
    }
    if state == ServerState::Leader {
        monitor_leader(&member.leading, line);
    }
    line("looking_count", &member.looking_count.get());
    let times = [
        ("election_time", &member.election_time),
        ("unavailable_time", &member.unavailable_time),
        ("leader_unavailable_time", &member.leader_unavailable_time),
    ];
    times.into_iter().for_each(|(name, time)| monitor_summary(name, time, line));
}

fn monitor_leader(leading: &LeadingStatus, line: &mut dyn FnMut(&str, &dyn Display)) {
    line("leader_uptime", &leading.uptime.get());
    line("learners", &leading.learners.get());
    line("synced_followers", &leading.synced_followers.get());
    line("synced_non_voting_followers", &leading.synced_non_voting_followers.get());
    line("synced_observers", &leading.synced_observers.get());
    line("pending_syncs", &leading.pending_syncs.get());
    let [last, min, max] = leading.proposals.told();
    line("last_proposal_size", &last);
    line("max_proposal_size", &max);
    line("min_proposal_size", &min);
}

fn monitor_summary(name: &str, summary: &Summary, line: &mut dyn FnMut(&str, &dyn Display)) {
    line(&format!("avg_{name}"), &format_args!("{:?}", rounded(summary.mean())));
    line(&format!("min_{name}"), &summary.min.get());
    line(&format!("max_{name}"), &summary.max.get());
    line(&format!("cnt_{name}"), &summary.count.get());
    line(&format!("sum_{name}"), &summary.sum.get());
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
    use paddock_consensus::output::Part;
    use std::sync::atomic::Ordering;

    use paddock_consensus::{Epoch, ServerId};

    use super::{KNOWN, Reply, SERVED, Word, answer, recognise, rounded, with_connections};
    use crate::serving::Serve;
    use crate::status::{Peers, Status, Text};

    fn status(allowed: &[&'static str]) -> Status {
        Status {
            reactors: Vec::new(),
            replica: Default::default(),
            member: Default::default(),
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
            for part in [None, Some(Part::Looking), Some(Part::Leading { epoch: EPOCH })] {
                let is_refused = answer(known, Serve::No, &member(part)) == Reply::Text(refusal.into());
                assert_eq!(is_refused, !["envi", "isro", "ruok"].contains(&word), "{word} {part:?}");
            }
        }
    }

    #[track_caller]
    fn text(word: &str, serve: Serve, status: &Status) -> String {
        let word = recognise(word.as_bytes().try_into().expect("four letters")).expect("it is a word");
        match answer(word, serve, status) {
            Reply::Text(text) => text,
            Reply::Connections { long } => with_connections(long, "", serve, status),
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
        let status = status(&SERVED);
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
        for word in ["srvr", "stat"] {
            let text = text(word, Serve::ReadOnly, &status);
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
        assert_eq!(text("conf", Serve::ReadOnly, &status), "peerType=0\n");
        let status = Status { configuration: text_of(), ..member(Some(Part::Leading { epoch: Epoch(1) })) };
        assert!(text("conf", Serve::Yes, &status).ends_with("version=0"));
    }

    #[test]
    fn a_server_that_looks_serves_nobody_although_a_reactor_has_not_heard_of_it() {
        let status = member(Some(Part::Looking));
        let refusal = "This ZooKeeper instance is not currently serving requests\n";
        for word in ["conf", "mntr", "srvr"] {
            assert_eq!(text(word, Serve::Yes, &status), refusal, "{word}");
        }
        assert_eq!(text("isro", Serve::Yes, &status), "null");
        for long in [true, false] {
            assert_eq!(with_connections(long, "", Serve::Yes, &status), refusal);
        }
    }

    /// The keys of `mntr` that only a member has, in their order, with their values.
    fn of_members(mntr: &str) -> Vec<(&str, &str)> {
        let alone = text("mntr", Serve::Yes, &status(&SERVED));
        let keys: Vec<&str> = alone.lines().filter_map(|line| line.split('\t').next()).collect();
        let lines = mntr.lines().map(|line| line.split_once('\t').expect("a key and a value"));
        lines.filter(|(key, _)| !keys.contains(key)).collect()
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
    fn mntr_tells_of_the_ensemble_by_the_part() {
        for (part, mode, peer_state) in parts() {
            let status = member(part);
            status.member.quorum_size.set(3);
            let mntr = text("mntr", Serve::Yes, &status);
            assert!(mntr.starts_with(&format!("zk_version\t3.9.5-paddock\nzk_server_state\t{mode}\n")), "{mntr}");
            let told = of_members(&mntr);
            let value = |wanted: &str| told.iter().find(|(key, _)| *key == wanted).map(|(_, value)| *value);
            assert_eq!(value("zk_peer_state"), peer_state);
            assert_eq!(value("zk_quorum_size"), peer_state.map(|_| "3"));
            assert_eq!(value("zk_observer_master_id"), (mode == "observer").then_some("3"));
            assert_eq!(value("zk_learners").is_some(), mode == "leader");
            assert_eq!(value("zk_cnt_election_time").is_some(), part.is_some());
        }
    }

    #[test]
    fn mntr_of_a_leader_has_zookeepers_figures() {
        let status = member(Some(Part::Leading { epoch: EPOCH }));
        let leading = &status.member.leading;
        for (counter, value) in [
            (&status.member.quorum_size, 3),
            (&leading.learners, 4),
            (&leading.synced_followers, 2),
            (&leading.synced_non_voting_followers, 1),
            (&leading.synced_observers, 1),
            (&leading.pending_syncs, 6),
            (&leading.uptime, 1234),
            (&status.member.looking_count, 2),
        ] {
            counter.set(value);
        }
        [48, 32, 2077, 50].into_iter().for_each(|bytes| leading.proposals.note(bytes));
        [20, 31].into_iter().for_each(|millis| status.member.election_time.note(millis));
        let mntr = text("mntr", Serve::Yes, &status);
        let expected = "zk_peer_state leading - broadcast,zk_quorum_size 3,zk_leader_uptime 1234,zk_learners 4,\
                        zk_synced_followers 2,zk_synced_non_voting_followers 1,zk_synced_observers 1,zk_pending_syncs 6,\
                        zk_last_proposal_size 50,zk_max_proposal_size 2077,zk_min_proposal_size 32,zk_looking_count 2,\
                        zk_avg_election_time 25.5,zk_min_election_time 20,zk_max_election_time 31,zk_cnt_election_time 2,\
                        zk_sum_election_time 51,zk_avg_unavailable_time 0.0,zk_min_unavailable_time 0,\
                        zk_max_unavailable_time 0,zk_cnt_unavailable_time 0,zk_sum_unavailable_time 0,\
                        zk_avg_leader_unavailable_time 0.0,zk_min_leader_unavailable_time 0,\
                        zk_max_leader_unavailable_time 0,zk_cnt_leader_unavailable_time 0,zk_sum_leader_unavailable_time 0";
        let told: Vec<String> = of_members(&mntr).iter().map(|(key, value)| format!("{key} {value}")).collect();
        assert_eq!(told, expected.split(',').collect::<Vec<_>>());
        assert!(text("srvr", Serve::Yes, &status).ends_with("Proposal sizes last/min/max: 50/32/2077\n"));
    }

    #[test]
    fn a_leader_that_has_proposed_nothing_says_so_as_zookeepers() {
        let srvr = text("srvr", Serve::Yes, &member(Some(Part::Leading { epoch: EPOCH })));
        assert!(srvr.ends_with("Proposal sizes last/min/max: -1/-1/-1\n"), "{srvr}");
    }
}

//! The bugs that can be put back by `paddock_consensus::mutants`, and where ZooKeeper had them: `Bnn` is of the protocol's list.

pub struct Mutant {
    pub number: u32,
    pub what: &'static str,
    pub of: &'static str,
}

const fn mutant(number: u32, what: &'static str, of: &'static str) -> Mutant {
    Mutant { number, what, of }
}

pub const MUTANTS: [Mutant; 32] = [
    mutant(1, "ACK(NEWLEADER) before the history is appended", "B01"),
    mutant(2, "ACK(NEWLEADER) when the history is appended, not durable", "B02"),
    mutant(3, "currentEpoch before the history", "B03"),
    mutant(4, "ACK(z) before ACK(NEWLEADER); the leader takes any first ACK", "B04"),
    mutant(5, "a COMMIT between the ACK of NEWLEADER and UPTODATE is forgotten", "B05"),
    mutant(6, "the window has not what was applied while it was synchronised", "B06"),
    mutant(7, "TRUNC cuts the memory and not the log", "B07"),
    mutant(9, "the installed snapshot and its directory are not synced", "B09"),
    mutant(10, "NEWLEADER is queued before the end of the history", "B10"),
    mutant(11, "a snapshot of what is not committed comes into place, and a cut passes it by", "B12"),
    mutant(12, "the old log goes on after SNAP", "B13, B21"),
    mutant(13, "announces what is applied instead of the log's end", "B14"),
    mutant(14, "a position is announced while groups are under way", "B15"),
    mutant(15, "a link joins the feed one turn after its history was cut", "B16"),
    mutant(16, "acceptedEpoch written after ACKEPOCH", "B17"),
    mutant(17, "membership by range", "B18"),
    mutant(18, "the log goes on at its old offset after a cut", "B19"),
    mutant(19, "history from the disk begins behind a gap", "B20"),
    mutant(20, "sessions of another moment than the tree in a snapshot", "B26"),
    mutant(21, "a multi's zxid is visible after its first member", "B27"),
    mutant(22, "pzxid is not raised where a deleted child is missing", "B28"),
    mutant(23, "a cut that failed is taken for done", "B30"),
    mutant(24, "votes compared by sid before the epoch", "B33"),
    mutant(25, "the vote's peerEpoch is not replaced after the synchronisation", "B35"),
    mutant(26, "observers and strangers are counted", "B36"),
    mutant(27, "the counter carries into the epoch", "B42"),
    mutant(28, "a sync is answered without confirmation", "B46"),
    mutant(29, "a request that cannot be decoded has the last zxid", "B47"),
    mutant(31, "acknowledgements survive their link", "-"),
    mutant(32, "zxid 0 gets DIFF from a log that begins later", "B22"),
    mutant(33, "the log goes on after a failed write", "ZK-4882"),
    mutant(34, "an ephemeral that came by SNAP is not its session's", "ZK-4837"),
];

/// Of the list of bugs, what the shape of the code leaves no place for.
pub const NOT_PUT_BACK: &str = "\
Two bugs of the list have no place where they could be put back. A state that comes is built beside the one that is there, and
only a whole one can take its place, so that half a SNAP (8, B11) never stays. What a server announces is the end of what was
appended to its log and has become durable, so that it cannot become the zxid of a DIFF (30, B57); the core's assertion holds
that.
";

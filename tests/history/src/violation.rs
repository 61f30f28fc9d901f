//! What a history breaks, and the few events that show it.

use std::fmt;

use crate::history::{Change, Event, EventType, History, Transaction, What};
use crate::operation::{Body, Operation, Outcome, Reply, Stat};
use crate::source::Source;

/// The promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// D: an acknowledged write is not in the log.
    WriteLost,
    /// D: one zxid belongs to two writes.
    ZxidTwice,
    /// D: the log has a transaction that nobody asked for, or that cannot have come from what was asked.
    TransactionUnfounded,
    /// L: a request was done although one before it on the same connection was not.
    RequestSkipped,
    /// L: a write was not answered as the model answers it.
    WrongReply,
    /// L: a read does not show the state at its zxid.
    WrongRead,
    /// L: the zxid of a session's replies fell.
    ZxidFell,
    /// L: a write has a smaller zxid than one that was acknowledged before it was asked for.
    WriteOrder,
    /// L: a read after a sync does not show a write that was acknowledged before the sync.
    StaleAfterSync,
    /// S: an ephemeral was there after the close of its session.
    EphemeralOutlived,
    /// S: an ephemeral was gone although nobody deleted it and its session was not closed.
    EphemeralVanished,
    /// S: a session wrote after its close.
    WriteAfterClose,
    /// S: a session expired although it was heard in time.
    ExpiredEarly,
    /// W: a watch that fires once fired twice.
    WatchTwice,
    /// W: a watch did not fire.
    WatchLost,
    /// W: what a watch event tells of was seen before the event, or events came out of order.
    EventLate,
    /// W: there is no reason for a watch event.
    EventUnfounded,
}

impl Kind {
    /// D, L, S or W, and what it is about.
    pub fn promise(self) -> &'static str {
        match self {
            Kind::WriteLost => "D: an acknowledged write is not in the log",
            Kind::ZxidTwice => "D: one zxid belongs to two writes",
            Kind::TransactionUnfounded => "D: the log has a transaction that cannot have come from what was asked",
            Kind::RequestSkipped => "L: a request was done and one before it on the same connection was not",
            Kind::WrongReply => "L: a write was not answered as the model answers it",
            Kind::WrongRead => "L: a read does not show the state at its zxid",
            Kind::ZxidFell => "L: the zxid of a session's replies fell",
            Kind::WriteOrder => "L: the zxids of two writes are against the order in which they happened",
            Kind::StaleAfterSync => {
                "L: a read after a sync does not show a write that was acknowledged before the sync"
            }
            Kind::EphemeralOutlived => "S: an ephemeral outlived its session",
            Kind::EphemeralVanished => "S: an ephemeral vanished before its session",
            Kind::WriteAfterClose => "S: a session wrote after its close",
            Kind::ExpiredEarly => "S: a session expired although it was heard in time",
            Kind::WatchTwice => "W: a watch that fires once fired twice",
            Kind::WatchLost => "W: a watch did not fire",
            Kind::EventLate => "W: a watch event came after what it tells of was seen",
            Kind::EventUnfounded => "W: there is no reason for a watch event",
        }
    }
}

/// One contradiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub kind: Kind,
    /// The events and transactions that contradict each other: without any of them there is no contradiction.
    pub window: Vec<Source>,
    /// What was answered, and what the model says.
    pub sentence: String,
}

impl Violation {
    /// What was there at the start is nobody's doing and left out of the window.
    pub fn new(kind: Kind, window: impl IntoIterator<Item = Source>, sentence: String) -> Violation {
        let mut window: Vec<Source> = window.into_iter().filter(|source| *source != Source::Start).collect();
        window.sort_unstable();
        window.dedup();
        Violation { kind, window, sentence }
    }

    /// For a person: the promise, the contradiction, and the window in order of time.
    pub fn text(&self, history: &History) -> String {
        let mut text = format!("{}\n  {}\n", self.kind.promise(), self.sentence);
        let mut window = self.window.clone();
        // Transactions have no time and stand behind the events.
        window.sort_by_key(|source| match source {
            Source::Event(place) => (history.events[*place].from, *source),
            _ => (u64::MAX, *source),
        });
        for source in window {
            text += &match source {
                Source::Start => String::new(),
                Source::Event(place) => format!("  {}\n", Words(&history.events[place])),
                Source::Transaction(place) => {
                    let log = history.log.as_deref().unwrap_or_default();
                    format!("  in the log: {}\n", Words(&log[place]))
                }
            };
        }
        text
    }
}

/// Plain words for a value.
pub struct Words<'v, V>(pub &'v V);

/// Seconds with microseconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000)
    }
}

impl fmt::Display for Words<'_, Event> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event { from, to, session, server, what } = self.0;
        write!(f, "at {}", Seconds(*from))?;
        if to > from {
            write!(f, " to {}", Seconds(*to))?;
        }
        write!(f, ", session 0x{session:x} on server {server}: ")?;
        match what {
            What::Connected { is_new: true, timeout_ms } => write!(f, "created, with a timeout of {timeout_ms} ms"),
            What::Connected { is_new: false, timeout_ms } => write!(f, "back, with a timeout of {timeout_ms} ms"),
            What::Refused => write!(f, "refused as expired"),
            What::Disconnected => write!(f, "the connection ended"),
            What::Heard => write!(f, "a packet was taken"),
            What::WatchEvent(event) => {
                write!(f, "watch event {} {}", Words(&event.event_type), event.path)?;
                if event.zxid >= 0 { write!(f, " of zxid 0x{:x}", event.zxid) } else { Ok(()) }
            }
            What::Called { cxid, operation, reply: None } => {
                write!(f, "request {cxid}, {}, was never answered", Words(operation))
            }
            What::Called { cxid, operation, reply: Some(reply) } => {
                write!(f, "request {cxid}, {}, was answered with zxid 0x{:x}: ", Words(operation), reply.zxid)?;
                write!(f, "{}", Words(reply))
            }
        }
    }
}

impl fmt::Display for Words<'_, EventType> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Display for Words<'_, Transaction> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Transaction { zxid, session, cxid, change } = self.0;
        write!(f, "zxid 0x{zxid:x} of session 0x{session:x}, request {cxid}: ")?;
        match change {
            Change::CreateSession => write!(f, "createSession"),
            Change::Failed => write!(f, "failed"),
            Change::Done(operation) => write!(f, "{}", Words(operation)),
        }
    }
}

impl fmt::Display for Words<'_, Operation> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = |version: i32| if version == -1 { String::new() } else { format!(" at version {version}") };
        let watch = |is_watched: bool| if is_watched { ", with a watch" } else { "" };
        let bytes = |data: &Option<crate::operation::Data>| match data {
            None => "no data".to_owned(),
            Some(data) => format!("{} bytes #{:x}", data.length, data.digest),
        };
        match self.0 {
            Operation::Create { path, data, mode } => {
                let kind = if mode.is_ephemeral { "ephemeral " } else { "" };
                let sequential = if mode.is_sequential { "sequential " } else { "" };
                write!(f, "create {kind}{sequential}{path} with {}", bytes(data))
            }
            Operation::Delete { path, version: asked } => write!(f, "delete {path}{}", version(*asked)),
            Operation::SetData { path, data, version: asked } => {
                write!(f, "setData {path}{} to {}", version(*asked), bytes(data))
            }
            Operation::SetAcl { path, version: asked } => write!(f, "setACL {path}{}", version(*asked)),
            Operation::Check { path, version: asked } => write!(f, "check {path}{}", version(*asked)),
            Operation::Multi(members) => {
                let members: Vec<String> = members.iter().map(|member| Words(member).to_string()).collect();
                write!(f, "multi [{}]", members.join("; "))
            }
            Operation::GetData { path, is_watched } => write!(f, "getData {path}{}", watch(*is_watched)),
            Operation::Exists { path, is_watched } => write!(f, "exists {path}{}", watch(*is_watched)),
            Operation::GetChildren { path, is_watched } => write!(f, "getChildren {path}{}", watch(*is_watched)),
            Operation::Sync { path } => write!(f, "sync {path}"),
            Operation::Ping => write!(f, "ping"),
            Operation::Close => write!(f, "closeSession"),
            Operation::AddWatch { path, is_recursive } => {
                write!(f, "addWatch {path}, {}", if *is_recursive { "recursive" } else { "persistent" })
            }
            Operation::SetWatches(rewatch) => {
                write!(f, "setWatches from zxid 0x{:x}, data {:?}, ", rewatch.zxid, rewatch.data)?;
                write!(f, "exist {:?}, child {:?}, ", rewatch.exist, rewatch.child)?;
                write!(f, "persistent {:?}, recursive {:?}", rewatch.persistent, rewatch.recursive)
            }
        }
    }
}

impl fmt::Display for Words<'_, Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_answer(f, self.0.code, &self.0.body)
    }
}

impl fmt::Display for Words<'_, Outcome> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_answer(f, self.0.code, &self.0.body)
    }
}

/// Names of a long list that are shown.
const NAMES_SHOWN: usize = 8;

fn write_answer(f: &mut fmt::Formatter<'_>, code: i32, body: &Body) -> fmt::Result {
    if code != 0 {
        return write!(f, "error {code}");
    }
    match body {
        Body::None => write!(f, "done"),
        Body::Path(path) => write!(f, "path {path}"),
        Body::PathStat(path, stat) => write!(f, "path {path}, {}", Words(stat)),
        Body::Stat(stat) => write!(f, "{}", Words(stat)),
        Body::Data(None, stat) => write!(f, "no data, {}", Words(stat)),
        Body::Data(Some(data), stat) => write!(f, "{} bytes #{:x}, {}", data.length, data.digest, Words(stat)),
        Body::Names(names, stat) => {
            let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(String::as_str).collect();
            write!(f, "{} children {}", names.len(), shown.join(" "))?;
            if names.len() > shown.len() {
                write!(f, " ..")?;
            }
            stat.as_ref().map_or(Ok(()), |stat| write!(f, ", {}", Words(stat)))
        }
        Body::Multi(outcomes) => {
            let outcomes: Vec<String> = outcomes.iter().map(|outcome| Words(outcome).to_string()).collect();
            write!(f, "[{}]", outcomes.join("; "))
        }
    }
}

impl fmt::Display for Words<'_, Stat> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stat { czxid, mzxid, pzxid, version, cversion, aversion, ephemeral_owner, data_length, num_children } =
            self.0;
        write!(f, "czxid 0x{czxid:x} mzxid 0x{mzxid:x} pzxid 0x{pzxid:x} version {version} cversion {cversion} ")?;
        write!(f, "aversion {aversion} ephemeralOwner 0x{ephemeral_owner:x} ")?;
        write!(f, "dataLength {data_length} numChildren {num_children}")
    }
}

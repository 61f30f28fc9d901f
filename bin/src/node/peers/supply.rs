//! What one learner is brought before it is sent what all are: a whole state perhaps, and the history behind what it has.
//!
//! ```text
//! Nothing ─ SNAP ─► AwaitsState ─► State ─┐
//!     └──── DIFF, TRUNC ──────────────────┴─► Window ◄──► Log
//!                                               └─► CaughtUp ─ join ─► Joined
//! ```
//!
//! Every transaction is sent with its COMMIT: all that is sent here is committed, or is the history of a leader that has begun
//! and becomes committed with it. The window gives what it has, and the historian what is further back, one chunk after the
//! other as the link takes them. A learner has caught up when what it lacks is in the window and is no more than a chunk, so
//! that it can be written in one moment.

use std::fmt;

use paddock_consensus::Zxid;
use paddock_consensus::config::PeerType;
use paddock_consensus::input::Link;
use paddock_consensus::mutants::mutant;
use paddock_consensus::plan::{First, Plan};
use paddock_engine::log::{Log, LogError};
use paddock_net::peer::message::write_first;
use paddock_net::peer::packet::Packet;
use paddock_net::peer::packet_type::PacketType;

use super::feed::{Feed, write_txn};
use super::historian::{HISTORY_CHUNK, Historian, Piece, Unread};
use super::outgoing::Outgoing;
use super::spool::Spool;
use crate::node::replica::window::Window;

/// Chunks that a link is ahead of its stream: asked for, or waiting to be sent.
const CHUNKS_AHEAD: usize = 2;

/// What the supply of all links is drawn from.
#[derive(Clone, Copy)]
pub struct Store<'a> {
    pub window: &'a Window,
    pub log: &'a Log,
    pub historian: &'a Historian,
    pub spool: Option<&'a Spool>,
    /// The end of the history that learners are brought: what is committed, and before anything is, all of it.
    pub end: Zxid,
}

#[derive(Default, Debug)]
pub struct Supply {
    stage: Stage,
    /// Chunks that were asked for and have not come.
    asked: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Stage {
    #[default]
    Nothing,
    AwaitsState,
    /// The state that stands here is being sent.
    State(Zxid),
    /// What is after this transaction is looked for in the window.
    Window(Zxid),
    /// What is after this one comes from the log, up to the other.
    Log(Zxid),
    CaughtUp(Zxid),
    Joined,
}

/// What a step has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// It goes on when something has been sent, has been read, or is there.
    Waits,
    /// The first bytes of a whole state are on their way. It is said once.
    StateBegun,
    /// Only what is in memory is left. It is said once.
    CaughtUp,
}

/// Why a learner cannot be supplied. It is closed, and is given another plan when it comes back.
#[derive(Debug)]
pub enum Unsupplied {
    Unread(Unread),
    /// Neither window nor log has what is after this transaction.
    Gone(Zxid),
    /// The state that it needs could not be written.
    NoState,
}

impl Supply {
    /// What the plan says is brought from here on. Whatever was brought before has ended.
    pub fn begin(&mut self, plan: Plan, feed: &Feed, outgoing: &mut Outgoing) {
        self.stage = match plan.first {
            First::Snap => Stage::AwaitsState,
            first => {
                outgoing.supply(feed, 1, |out| write_first(first, plan.from, out));
                Stage::Window(plan.from)
            }
        };
    }

    /// Whether a state is needed that is not there.
    pub fn awaits_state(&self) -> bool {
        self.stage == Stage::AwaitsState
    }

    /// Whether a learner is being brought something.
    pub fn is_bringing(&self) -> bool {
        !matches!(self.stage, Stage::Nothing | Stage::Joined)
    }

    /// Whether a packet may go between others. None may before the first one of the plan, nor within a state.
    pub fn is_between_packets(&self) -> bool {
        !matches!(self.stage, Stage::AwaitsState | Stage::State(_))
    }

    /// Brings on what can be.
    pub fn go_on(
        &mut self,
        link: Link,
        store: &Store<'_>,
        feed: &Feed,
        outgoing: &mut Outgoing,
    ) -> Result<Step, Unsupplied> {
        while outgoing.waiting() < CHUNKS_AHEAD * HISTORY_CHUNK {
            match self.stage {
                // What was asked for before comes first, and would be taken for what is begun here.
                Stage::AwaitsState if self.asked > 0 => break,
                Stage::AwaitsState => {
                    let Some(spool) = store.spool.filter(|spool| spool.zxid <= store.end) else { break };
                    outgoing.supply(feed, 1, |out| write_first(First::Snap, spool.zxid, out));
                    store.historian.begin_state(link, spool.file.clone(), spool.bytes);
                    self.stage = Stage::State(spool.zxid);
                    return Ok(Step::StateBegun);
                }
                Stage::Window(after) => match self.take_from_window(after, store, feed, outgoing) {
                    Some(Step::CaughtUp) => {
                        store.historian.end(link);
                        return Ok(Step::CaughtUp);
                    }
                    Some(Step::Waits | Step::StateBegun) => {}
                    None => {
                        if self.asked > 0 || !self.begin_log(link, after, store)? {
                            break;
                        }
                    }
                },
                Stage::State(_) | Stage::Log(_) => {
                    let waiting = outgoing.waiting().div_ceil(HISTORY_CHUNK);
                    if self.asked + waiting >= CHUNKS_AHEAD {
                        break;
                    }
                    store.historian.ask(link);
                    self.asked += 1;
                }
                Stage::Joined if mutant!(15) && outgoing.cursor().is_none() => outgoing.join(feed),
                Stage::Nothing | Stage::CaughtUp(_) | Stage::Joined => break,
            }
        }
        Ok(Step::Waits)
    }

    /// The historian has read something for this link.
    pub fn take_in(&mut self, piece: Piece, feed: &Feed, outgoing: &mut Outgoing) {
        // What was asked for before another plan began means nothing.
        self.asked = self.asked.saturating_sub(1);
        match (self.stage, piece) {
            (Stage::State(zxid), Piece::State(bytes)) if bytes.is_empty() => self.begin_window(zxid),
            (Stage::State(_), Piece::State(bytes)) => outgoing.supply(feed, 0, |out| out.extend_from_slice(&bytes)),
            (Stage::Log(after), Piece::Records(chunk)) if chunk.is_empty() => self.begin_window(after),
            (Stage::Log(_), Piece::Records(chunk)) => {
                for (zxid, txn) in chunk.records() {
                    outgoing.supply(feed, COMMITTED_PACKETS, |out| write_committed(zxid, txn, out));
                    self.stage = Stage::Log(zxid);
                }
            }
            _ => {}
        }
    }

    /// Writes what is left in this moment, and to a participant every transaction that is not committed; from here on the link
    /// is sent the feed.
    ///
    /// # Panics
    /// If the learner has not caught up.
    pub fn join(
        &mut self,
        store: &Store<'_>,
        peer_type: PeerType,
        feed: &Feed,
        outgoing: &mut Outgoing,
    ) -> Result<(), Unsupplied> {
        let Stage::CaughtUp(after) = self.stage else { panic!("a learner joins that has not caught up: {self:?}") };
        let committed = store.window.range(after, store.end).ok_or(Unsupplied::Gone(after))?;
        for (zxid, txn) in committed {
            outgoing.supply(feed, COMMITTED_PACKETS, |out| write_committed(zxid, txn, out));
        }
        if peer_type == PeerType::Participant {
            let from = after.max(store.end);
            let outstanding = store.window.range(from, store.window.last()).ok_or(Unsupplied::Gone(from))?;
            for (zxid, txn) in outstanding {
                outgoing.supply(feed, 1, |out| write_txn(PacketType::Proposal, zxid, txn, out));
            }
        }
        if !mutant!(15) {
            outgoing.join(feed);
        }
        self.stage = Stage::Joined;
        Ok(())
    }

    /// Takes a chunk from the window, or leaves what is less than that for the moment of joining. `None` if the window does
    /// not reach back so far.
    fn take_from_window(
        &mut self,
        after: Zxid,
        store: &Store<'_>,
        feed: &Feed,
        outgoing: &mut Outgoing,
    ) -> Option<Step> {
        let mut bytes = 0;
        let mut has_chunk = false;
        let mut chunk = Vec::new();
        for (zxid, txn) in store.window.range(after, store.end)? {
            bytes += txn.len();
            chunk.push((zxid, txn));
            if bytes >= HISTORY_CHUNK {
                has_chunk = true;
                break;
            }
        }
        if !has_chunk {
            self.stage = Stage::CaughtUp(after);
            return Some(Step::CaughtUp);
        }
        for (zxid, txn) in chunk {
            outgoing.supply(feed, COMMITTED_PACKETS, |out| write_committed(zxid, txn, out));
            self.stage = Stage::Window(zxid);
        }
        Some(Step::Waits)
    }

    /// Has the log read. `false` if it is not written so far yet.
    fn begin_log(&mut self, link: Link, after: Zxid, store: &Store<'_>) -> Result<bool, Unsupplied> {
        let range = store.log.range();
        let after = if mutant!(19) { after.max(range.base) } else { after };
        if after < range.base {
            return Err(Unsupplied::Gone(after));
        }
        let to = store.end.min(range.last);
        if to <= after {
            return Ok(false);
        }
        let reader = store.log.reader(after, to).map_err(|error| Unsupplied::Unread(Unread::Log(error)))?;
        store.historian.begin_records(link, reader);
        self.stage = Stage::Log(after);
        Ok(true)
    }

    fn begin_window(&mut self, after: Zxid) {
        // Pieces that were asked for ahead come as empty as this one.
        self.stage = Stage::Window(after);
    }
}

/// So many packets are written for a transaction that is committed.
const COMMITTED_PACKETS: u64 = 2;

/// Appends a transaction with its COMMIT.
fn write_committed(zxid: Zxid, txn: &[u8], out: &mut Vec<u8>) {
    write_txn(PacketType::Proposal, zxid, txn, out);
    Packet::bare(PacketType::Commit, zxid).write(out);
}

impl fmt::Display for Unsupplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsupplied::Unread(Unread::Log(error @ LogError::WasCut { .. })) => write!(f, "{error}"),
            Unsupplied::Unread(Unread::Log(error)) => {
                write!(f, "the log cannot be read that it lacks: {error}; `paddock log check` shows more")
            }
            Unsupplied::Unread(Unread::State(error)) => {
                write!(f, "the state cannot be read that it lacks: {error}; look after the disk of the dataDir")
            }
            Unsupplied::NoState => f.write_str("the state that it needs could not be written"),
            Unsupplied::Gone(after) => {
                write!(
                    f,
                    "what it lacks after {after} was purged meanwhile; it is brought a whole state when it is back"
                )
            }
        }
    }
}

//! What clients have seen of an ensemble, judged by zxid.
//!
//! A [`History`] is what clients noted: each request with the time at which it was sent and the time at which its reply came,
//! the reply with its zxid, watch events, connections that ended, sessions that were refused. Where the log of the ensemble is
//! known, it belongs to the history. [`check`] says whether the promises of ZooKeeper were kept:
//!
//! - D, durability: every acknowledged write is in the log and in every later state, and no zxid is given twice;
//! - L, order: each reply is the model's at its zxid, with every field of each Stat but the times; zxids of writes respect
//!   real time; a read after a sync shows what was acknowledged before the sync; within a session zxids never fall;
//! - S, sessions: no ephemeral outlives its session or vanishes before it; nothing is written after a close; no session
//!   expires that was heard in time;
//! - W, watches: each fires as often as it must and no more, with the right type and path, in the order of the zxids, before
//!   what it tells of is seen, and none is lost over a reconnection with setWatches.
//!
//! ```text
//!   events, log --order-----> what two or three events contradict on their own
//!               --ledger----> which request each transaction of the log came from
//!               --replay----> the model takes the writes by zxid, each answer is compared where its zxid stands
//!                               --watches--> what watches were owed        --sessions--> who expired too early
//! ```
//!
//! No search over interleavings is needed, as it is for histories without an order: the zxid is the order. A write has its
//! own, and a read has that of the last transaction whose effect it shows. So a history is judged by one sort and one replay.
//!
//! **The model** (`tree`) is written for this crate, with maps and strings, on nothing of Paddock's own code: a mistake in a
//! codec or in the tree of the server cannot be on both sides. It knows nothing of permissions, quotas, containers and times.
//! Replies with codes that only these explain are not judged, and watch events are expected as if everybody may read.
//!
//! **Requests without a reply** may have been done. With the log they are settled by it: of one connection the first ones
//! were done, in their order. Without it they are looked for (`unknowns`) when something that was answered cannot be
//! explained: each either has a zxid that no acknowledged write has, or was never done; so has the close of a session of which
//! nobody was told. The search has bounds, and it never accuses: where such a request might have to do with a contradiction,
//! and no way to explain it was found, the report says that it is undecided. With many writers that lose many requests on the
//! same few znodes that is common; a run that can have the log should give it.
//!
//! **A violation** comes with the few events that contradict each other: the answer, and the writes that made what the model
//! says. They are not found by dropping events from the history and judging it again, which would turn one contradiction
//! into another: without a write in between, each later Stat is wrong too. Each znode of the model remembers instead which
//! event made its creation, its data, its ACL and its children, so that the window is known at once, and has four events at
//! most. After the first difference between a reply and the model the replay ends, because all after it is in doubt.
//!
//! **Bounds.** The work is a sort and a few maps, and the memory is a multiple of that of the history; what can be undone
//! and what is tried has fixed bounds. A million events with the log, of which 270,000 are writes, take 3.5 s of one core and
//! 436 MB, both with the reading of the 124 MB of text, in a build for development on a machine with two cores.
//!
//! [`text`] is a form to keep: one line for each event. `cargo xtask history FILE` judges such a file.

#![forbid(unsafe_code)]

pub mod check;
mod difference;
pub mod history;
mod known;
mod ledger;
pub mod operation;
mod order;
mod replay;
mod sessions;
pub mod source;
#[cfg(test)]
mod tests;
pub mod text;
mod tree;
mod unknowns;
pub mod violation;
mod watches;
mod witness;

pub use check::{Report, check};
pub use history::{Change, Event, EventType, History, Transaction, WatchEvent, What};
pub use operation::{Body, Data, Mode, Operation, Outcome, Reply, Rewatch, Stat};
pub use source::Source;
pub use violation::{Kind, Violation};

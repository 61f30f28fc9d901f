//! The transaction log: what is in it was durable before anybody was told.
//!
//! ```text
//!            append            submit                      completed
//! txn ----> group buffer ----> write under way (1 of 2) ----> durable, in order
//!            (aligned)          O_DIRECT, DSYNC, eventfd
//! ```
//!
//! A *group* is what was appended since the last [`Log::submit`]; it becomes one write. While it is under way the next
//! group fills, and up to `in_flight` of them may be under way together, so that the caller needs no timer to form
//! groups: it submits whenever [`Log::can_submit`] says so, and load makes the groups larger.
//!
//! Invariants, each with who relies on it:
//!
//! - Completions are told strictly in the order of groups (the caller acknowledges by them).
//! - After one failed write or sync nothing is ever told as completed again, and every call returns the same error: a
//!   file system may drop the dirty pages of a failed sync and succeed the next time (the caller steps down).
//! - A group is never written over another, not even over a torn one (recovery trusts checksums, not luck).
//! - All groups of a segment are durable before the next segment is begun (recovery takes that as evidence).
//! - A group's durable mark is never ahead of the truth (likewise), nor is the milestone, which says outside of the log how
//!   far it has come.
//!
//! Costs for a group: two system calls (one asks whether the file still has its name), no allocation, no copy besides the encoding itself. `FORMAT.md` has the bytes,
//! `scan` how they are read, `prepare` where the zeroed segments come from.

mod completion;
mod config;
mod cut;
mod error;
mod format;
mod group;
mod inspect;
mod method;
mod milestone;
mod prepare;
mod recovery;
mod remains;
mod scan;
mod segment;
mod stats;
mod writer;

#[cfg(test)]
mod tests;

pub use completion::GroupNumber;
pub use config::{LogConfig, Place};
pub use cut::{Cut, cut_after};
pub use error::{Damage, LogError, Missing};
pub use format::{GROUP_BYTES_MAX, RECORD_BYTES_MAX};
pub use group::GroupBuffer;
pub use inspect::{Entry, Verdict, inspect, missing, segment_count};
pub use method::Method;
pub use milestone::{Found as FoundMilestone, Milestone, milestone_path};
pub use recovery::{AHEAD_MAX, Ahead, Recovery, Visit};
pub use scan::Torn;
pub use segment::directory as log_dir;
pub use stats::LogStats;
pub use writer::Log;

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
//! Costs for a group: two system calls (one asks whether the file still has its name), no allocation, no copy besides the
//! encoding itself. `FORMAT.md` has the bytes.
//!
//! What [`Log`] consists of, each with its own file:
//!
//! | value | owns |
//! |---|---|
//! | `group` | the memory in which the next group fills |
//! | `chain` | what the next record and the next group have to follow: identity, numbers, checksums, zxids |
//! | `current` | the segment that is written to, where in it the next group goes, and how large the next one is made (`rolls`) |
//! | `under_way` | the disk, the groups on their way to it, and how far all have completed |
//! | `clock` | by what the log measures how long its disk takes |
//! | `older_segments` | the segments before the current one |
//! | `preallocator` | the thread that makes the next segment, removes old ones, and writes the milestone (`live_milestone`) |
//! | `holds` | what keeps older segments from being purged, and tells readers that the log was cut |
//!
//! An ensemble also takes records off the end ([`Log::cut_after`]), begins after a snapshot ([`Log::begin`], in a
//! [generation](crate::generation) of its own), and reads what is complete in other threads ([`Log::reader`], with [`Hold`]s).
//! `cut` says what the first costs and what a crash leaves of it. A reader costs the log nothing but the lock of its hold, when
//! it is made and dropped and at each purge. [`Log::fence`] ends what is under way, so that no group of before can come after it.
//! Whoever is in another process, as a backup by command is, reads the files alone ([`OutsideReader`]).
//!
//! And how a log is found: `scan` reads it and tells a torn tail from damage, `evidence` tells whether it is whole,
//! `recovery` leaves it so that it can go on, `cut` shortens it on purpose, `returned` is what a power cut has brought back of
//! that, `beginning` is for one that has no segment yet. `purge` removes old segments by another process than the one that writes.

mod beginning;
mod chain;
mod clock;
mod config;
mod current;
mod cut;
mod error;
mod evidence;
mod format;
mod group;
mod holds;
pub(crate) mod in_doubt;
mod inspect;
mod live_milestone;
mod method;
mod milestone;
mod older_segments;
mod outside;
mod preallocator;
mod purge;
mod reader;
mod recovery;
mod remains;
mod returned;
mod rolls;
mod scan;
mod segment;
mod segment_path;
mod shortened;
mod stats;
mod under_way;
mod window;
mod writer;

pub use beginning::{begin_after, forget_milestone, remove_void};
pub use clock::Clock;
pub use config::{LogConfig, Place};
pub use cut::{Cut, cut_after};
pub use error::{Damage, LogError, Missing};
pub use format::{GROUP_BYTES_MAX, RECORD_BYTES_MAX, group_bytes};
pub use group::{GroupBuffer, GroupNumber};
pub use holds::Hold;
pub use inspect::{Entry, Verdict, inspect, inspect_file, is_segment, missing, segment_count};
pub use method::{Method, NotStarted, Started};
pub use milestone::{FoundMilestone, Milestone, milestone_path};
pub use older_segments::LostSegment;
pub use outside::{OutsideError, OutsideGroup, OutsideReader};
pub use purge::purge_up_to;
pub use reader::{Chunk, Reader};
pub use recovery::{AHEAD_MAX, Ahead, Recovery, Visit};
pub use scan::Torn;
pub use segment_path::directory as log_dir;
pub use stats::{Completion, LogStats};
pub use writer::{Log, LogRange};

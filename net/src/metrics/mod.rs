//! ZooKeeper's metrics: what each of them is here, and how they are told.
//!
//! ```text
//! reactors, replica, member ── counters, summaries ──► Status ──► the tables ──► mntr, Prometheus
//! ```
//! The tables are the one place that has ZooKeeper's names: [`gauges`], [`counters`], [`basic_summaries`], [`advanced_summaries`] and
//! [`sets`] have every metric of ZooKeeper 3.9.5, with its unit, how its value is read of the [`Status`](crate::status::Status), and
//! what is counted here. Where this server has nothing of the kind the metric is there and stays 0, as that of a ZooKeeper where
//! the thing never happens, and the table says why. [`paddocks`] has what ZooKeeper does not have.
//!
//! What is counted is counted where it happens, by the one thread that it happens in. Nothing here is on the way of a request.
//!
//! **Cost.**
//!
//! | | stores | bytes |
//! |---|---|---|
//! | a read that is answered at once | 6: that it came, that it was answered, its reply's bytes, the last reply's, and the count and sum of its namespace | |
//! | a read that waits behind a write | 8 more, for how long | |
//! | a write | in its reactor 3 and 8 for how long; in the replica 8 for how long it waited, and 2 each for being ordered, logged, public and its namespace; on a learner 8 more for stages | |
//! | a version | in the replica about 35 for its stages, in each reactor that has answers of it 8 | |
//! | a group of the log | about 30 | |
//! | a turn | of a reactor 4; of the replica 8, and two looks at the clock | |
//! | a distribution | 3 or 4 for a value | 3.6 KiB |
//! | a reactor | | about 70 KiB |
//! | replica and member | | about 230 KiB; 0.7 MiB more for the newest groups and versions, once there are any |
//!
//! They are plain stores to memory that no other thread writes. `mntr` of a server adds up some eighty distributions of each
//! thread, which takes about 0.2 ms; whoever asks waits for that in its reactor.

pub mod advanced_summaries;
pub mod basic_summaries;
pub mod catalogue;
pub mod counters;
pub mod document;
mod exposition;
pub mod gauges;
pub mod java_double;
pub mod java_map;
pub mod metric;
mod mntr;
pub mod paddocks;
mod process;
mod prometheus;
pub mod sets;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod tests;
mod window;

pub use mntr::render_mntr;
pub use process::Process;
pub use prometheus::render_prometheus;
pub use window::Window;

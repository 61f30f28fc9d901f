//! ZooKeeper's consensus as a value: who leads, what every server has, and what is committed.
//!
//! Nothing here does I/O, reads a clock, knows chance beyond the seed in its settings, starts a thread or holds what a
//! transaction is: the core decides, and a node carries. It is `no_std`, so that the compiler holds that promise.
//! `PROTOCOL.md` has the states and the rules.
//!
//! In the order in which to read: [`zxid`](Zxid), [`vote`], [`quorum`], [`config`], [`spans`], [`history`], [`plan`], then
//! [`input`], [`output`], [`election`], and [`zab`], which is what a node holds.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod config;
pub mod election;
pub mod epochs;
pub mod history;
pub mod input;
mod leading;
mod learning;
mod log;
pub mod message;
#[cfg_attr(not(mutants), doc(hidden))]
pub mod mutants;
pub mod notification;
mod observer_masters;
mod oracle;
pub mod output;
mod pause;
pub mod plan;
pub mod quorum;
mod random;
mod reign;
mod search;
mod server;
pub mod settings;
pub mod spans;
mod step;
pub mod summary;
pub mod vote;
pub mod zab;
mod zxid;

pub use history::History;
pub use input::Input;
pub use output::Output;
pub use reign::Reign;
pub use spans::Spans;
pub use zab::Zab;
pub use zxid::{Epoch, ServerId, Zxid};

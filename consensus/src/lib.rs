//! ZooKeeper's consensus as a value: who leads, what every server has, and what is committed.
//!
//! Nothing here does I/O, reads a clock, draws a random number, starts a thread or holds what a transaction is: the core
//! decides, and a node carries. It is `no_std`, so that the compiler holds that promise. `PROTOCOL.md` has the states and the
//! rules.
//!
//! In the order in which to read: [`zxid`](Zxid), [`vote`], [`quorum`], [`config`], [`spans`], [`history`], [`plan`], then
//! [`input`] and [`output`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod config;
pub mod election;
pub mod history;
pub mod input;
pub mod message;
pub mod notification;
pub mod output;
pub mod plan;
pub mod quorum;
mod reign;
pub mod settings;
pub mod spans;
pub mod summary;
pub mod vote;
mod zxid;

pub use history::History;
pub use input::Input;
pub use output::Output;
pub use reign::Reign;
pub use spans::Spans;
pub use zxid::{Epoch, ServerId, Zxid};

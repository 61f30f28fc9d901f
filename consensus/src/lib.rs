//! The vocabulary of ZooKeeper's consensus.
//!
//! This crate never does I/O, reads no clock, starts no thread and knows nothing of what a transaction means. It is
//! `no_std` so that the compiler holds that promise.
#![no_std]
#![forbid(unsafe_code)]

mod reign;
mod zxid;

pub use reign::Reign;
pub use zxid::{Epoch, ServerId, Zxid};

//! The client port: protocol, connections, sessions, watches, and the reactors that own them. Beside it, what servers of an
//! ensemble send each other, as bytes.
//!
//! This crate decides nothing about consensus and touches no disk, and no reactor touches another's memory: what goes
//! between a reactor and the replica goes through [`exchange`]. In reading order:
//!
//! - the protocol: [`frame`], [`connect`], [`reply`], [`read`], [`keeper`], [`four_letter`], [`conf_reply`], [`envi_reply`];
//! - one connection: [`connection`], [`identities`], [`pending`], [`bodies`], [`output`], [`tally`];
//! - what a reactor has of all its connections: [`connections`], [`slots`], [`watch`], [`memory`];
//! - its loop: [`reactor`], [`accept`], and the slices of long work, [`time_share`];
//! - what reactors share: [`limits`], [`throttle`];
//! - what servers of an ensemble say to each other, as bytes: [`peer`];
//! - how others see a reactor: [`exchange`], [`serving`], [`doorbell`], [`clock`];
//! - figures for whoever asks: [`counter`], [`member_status`], [`status`].

pub mod accept;
pub mod bodies;
pub mod clock;
pub mod conf_reply;
pub mod connect;
pub mod connection;
pub mod connections;
pub mod counter;
pub mod doorbell;
pub mod envi_reply;
pub mod exchange;
pub mod four_letter;
pub mod frame;
pub mod identities;
pub mod keeper;
pub mod limits;
pub mod member_status;
pub mod memory;
pub mod output;
pub mod peer;
pub mod pending;
pub mod reactor;
pub mod read;
pub mod reply;
pub mod serving;
pub mod slots;
pub mod status;
pub mod tally;
pub mod throttle;
pub mod time_share;
pub mod watch;

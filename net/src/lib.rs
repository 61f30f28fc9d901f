//! The client port: protocol, connections, sessions, watches, and the reactors that own them. Beside it, what servers of an
//! ensemble send each other, as bytes.
//!
//! This crate decides nothing about consensus and touches no disk, and no reactor touches another's memory: what goes
//! between a reactor and the replica goes through [`exchange`]. In reading order:
//!
//! - the protocol: [`frame`], [`connect`], [`reply`], [`read`], [`keeper`], [`four_letter`], [`conf_reply`], [`envi_reply`];
//! - one connection: [`connection`], [`transport`] with [`tls`], [`identities`], [`pending`], [`bodies`], [`output`], [`tally`];
//! - what a reactor has of all its connections: [`connections`], [`slots`], [`watch`], [`memory`];
//! - its loop: [`reactor`], [`accept`], and the slices of long work, [`time_share`];
//! - what reactors share: [`limits`], [`throttle`], [`client_tls`];
//! - connections that nobody else reads: [`tls`];
//! - what servers of an ensemble say to each other, as bytes: [`peer`];
//! - who a client is: [`sasl`], [`sasl_tokens`];
//! - how others see a reactor: [`exchange`], [`serving`], [`doorbell`], [`clock`];
//! - figures for whoever asks: [`counter`], [`sizes`], [`histogram`], [`distribution`], [`namespaces`], [`by_server`], [`recent`],
//!   [`stages`], and who has them: [`reactor_status`], [`replica_status`], [`member_status`], [`admin_status`], [`status`]; what
//!   ZooKeeper calls them and how they are told: [`server_state`], [`metrics`].

pub mod accept;
pub mod admin_status;
pub mod bodies;
pub mod by_server;
pub mod client_tls;
pub mod clock;
pub mod conf_reply;
pub mod connect;
pub mod connection;
pub mod connections;
pub mod counter;
pub mod distribution;
pub mod doorbell;
pub mod envi_reply;
pub mod exchange;
pub mod four_letter;
pub mod frame;
pub mod histogram;
pub mod identities;
pub mod keeper;
pub mod limits;
pub mod long_answers;
pub mod long_words;
pub mod member_status;
pub mod memory;
pub mod metrics;
pub mod namespaces;
pub mod observers;
pub mod output;
pub mod peer;
pub mod pending;
pub mod reactor;
pub mod reactor_status;
pub mod read;
pub mod recent;
pub mod replica_status;
pub mod reply;
pub mod sasl;
pub mod sasl_tokens;
pub mod server_state;
pub mod serving;
pub mod sizes;
pub mod slots;
pub mod stages;
pub mod status;
pub mod survey;
pub mod surveyor;
pub mod tally;
pub mod throttle;
pub mod time_share;
pub mod tls;
pub mod transport;
pub mod watch;

//! The node, its configuration, and the commands of `paddock`. The program is only the way in, so that a node can be hosted
//! by something else too.

mod acl;
mod answer;
mod bench;
pub mod command;
pub mod config;
mod convert;
mod demo;
mod ensemble_view;
mod exit;
mod kind;
mod log;
mod messages;
pub mod node;
mod ports;
mod progress;
mod serve;
mod server_log;
mod signals;
mod snapshot;
mod status;
mod table;
mod terminal;
mod version;
mod versus;
mod when;

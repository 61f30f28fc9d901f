//! The node, its configuration, and the commands of `paddock`. The program is only the way in, so that a node can be hosted
//! by something else too.

mod bench;
pub mod command;
pub mod config;
mod exit;
mod log;
mod messages;
pub mod node;
mod serve;
mod signals;
mod version;

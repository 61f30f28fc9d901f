//! The AdminServer: ZooKeeper's commands by HTTP, with their answers in JSON, and the health of the server.
//!
//! | part | file |
//! |---|---|
//! | names, and what each command needs | `commands` |
//! | who may give those that are not everybody's | `authorization` |
//! | what commands are given | `source` |
//! | how a state that has come gets to the thread that serves | `restorer` |
//! | what a command has found out, as an answer, and what a list costs while it is made | `outcome`, `json`, `list_cost` |
//! | the commands | `configuration`, `connections`, `ensemble`, `log_level`, `restore`, `server_stats`, `sessions`, `snapshot`, `stages`, `switches`, `watches` |
//! | whether the server lives and serves | `health` |
//!
//! Nothing here is done by a thread that serves clients: figures are read where they stand, and what threads of the server have is
//! asked of them by surveys (`net/src/survey.rs`), a slice in each of their turns.

pub mod authorization;
mod commands;
mod configuration;
mod connections;
mod ensemble;
mod health;
mod json;
mod limiter;
mod list_cost;
mod log_level;
pub mod outcome;
mod restore;
mod restorer;
mod server_stats;
mod sessions;
mod site;
mod snapshot;
mod source;
pub mod stages;
mod switches;
mod watches;

pub use limiter::Limiter;
pub use restorer::{BroughtState, Conclusion, Restorer};
pub use site::Admin;
pub use snapshot::remove_leftover;
pub use source::{Now, Source};

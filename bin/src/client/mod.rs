//! A client of any server that speaks ZooKeeper's protocol: one session, kept alive by a thread of its own, over whatever
//! connections that takes. Requests are given by any thread and answered in their order.
//!
//! | file | is |
//! |---|---|
//! | `connect_string` | where the servers are, and the znode that is taken for the root |
//! | `path_rule` | which paths may be given |
//! | `request`, `reply`, `stat`, `event` | what goes over the wire |
//! | `code` | the errors, in the words of ZooKeeper's client |
//! | `watches` | what is watched |
//! | `state` | how it stands with the session |
//! | `session` | what becomes of requests and frames; pure, without socket and clock |
//! | `pulse` | when something is to be said, and when too little was heard; pure |
//! | `listener` | who hears of events |
//! | `seeker` | looks for a server that takes writes, while one is connected that does not |
//! | `link` | the thread, its socket and its clock |
//! | `handle` | what other threads have of it |
//! | `failure` | why an operation did not succeed |
//! | `operations` | ZooKeeper's operations, one by one |

pub mod code;
pub mod connect_string;
pub mod event;
pub mod failure;
pub mod handle;
mod link;
pub mod listener;
pub mod operations;
pub mod path_rule;
mod pulse;
mod reply;
pub mod request;
mod seeker;
mod session;
pub mod stat;
pub mod state;
mod watches;

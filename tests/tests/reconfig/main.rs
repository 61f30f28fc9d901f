//! Ensembles that are changed while they run: servers come, go, take another part and move, and everything that clients were
//! told is there at all of them, before and after they start again from the files that this has left.
//! `PADDOCK_TEST_SERVER=zookeeper` has ZooKeeper 3.9.5 judge that. `PADDOCK_RECONFIG_ROUNDS` sets how often a server dies
//! meanwhile, and `PADDOCK_RECONFIG_SEED` which.
//!
//! | module | is about |
//! |---|---|
//! | `admin` | what people do with ZooKeeper's own client for administrators |
//! | `ensemble` | the servers, each a process of its own, and how they are changed |
//! | `deaths` | servers that die meanwhile |
//! | `members` | servers that are added and removed, the leader among them, and that vote or observe |
//! | `moves` | ports that move |
//! | `observers` | observers of followers |
//! | `older_files` | servers that start with older files than they left |
//! | `refusals` | what is asked for in vain |
//! | `mixed` | Paddock and ZooKeeper 3.9 beside each other |
//! | `zkcli` | what people type |
#![allow(clippy::print_stdout, reason = "a long run says what it covered")]

mod admin;
mod deaths;
mod ensemble;
mod members;
mod mixed;
mod moves;
mod observers;
mod older_files;
mod refusals;
mod zkcli;

//! Ensembles that come to the end of an epoch while clients write: they begin with a history behind which the next epoch has a
//! few thousand transactions, which are the last ones of its counter. Each server is a process of its own.
//!
//! | module | is about |
//! |---|---|
//! | `history` | what the servers begin with |
//! | `load` | clients that write and watch, and what they have seen |
//! | `renewal` | three Paddocks as they are set up by default: nobody notices |
//! | `last_zxid` | a ZooKeeper among them, so that the epoch is used up: there is an election |
//!
//! The servers, and clients that write, are those of the tests of mixed ensembles.
#![allow(clippy::print_stdout, reason = "how long nothing was acknowledged is told, and fails nothing")]

#[allow(dead_code, reason = "not all of it is needed here")]
#[path = "../../../tests/mixed/clients.rs"]
mod clients;
#[allow(dead_code, reason = "not all of it is needed here")]
#[path = "../../../tests/mixed/ensemble.rs"]
mod ensemble;
mod history;
mod last_zxid;
mod load;
mod renewal;
#[allow(dead_code, reason = "not all of it is needed here")]
#[path = "../../../tests/mixed/writers.rs"]
mod writers;

//! Ensembles of which some servers are Paddock and the others ZooKeeper 3.9, or 3.8 with `PADDOCK_MIXED_ZOOKEEPER=3.8`, each a
//! process of its own.
//!
//! | module | is about |
//! |---|---|
//! | `ensemble` | the servers |
//! | `clients` | what clients do at all of them, and what must come of it |
//! | `observers` | an observer of the one kind behind followers of the other |
//! | `parts` | Paddock as follower and observer of a ZooKeeper, and as its leader |
//! | `hand_over` | a leader ends in order |
//! | `return_of_a_leader` | a leader comes back with what nobody else has |
//! | `rolling` | one server after the other gives way to one of the other kind, while clients write |
//! | `writers` | these clients |
#![allow(clippy::print_stdout, reason = "a long run says what it covered")]

mod clients;
#[allow(dead_code, reason = "some of it is for the tests of ensembles whose epochs end")]
mod ensemble;
mod hand_over;
mod observers;
mod parts;
mod return_of_a_leader;
mod rolling;
#[allow(dead_code, reason = "some of it is for the tests of ensembles whose epochs end")]
mod writers;

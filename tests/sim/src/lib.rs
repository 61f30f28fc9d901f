//! Ensembles in virtual time.
//!
//! What runs here is the server itself: the replica, the core, the codecs, the log, the snapshots and the recovery, as they are
//! built for a machine. Only what is around them is simulated: the disk, the network, the clocks, the threads that read sockets
//! ([`reactor`]), and the clients. All of it is driven by one heap of events, and whatever can happen one way or another is
//! drawn from a seed, so that the same seed tells the same story.
//!
//! | module | is |
//! |---|---|
//! | [`clock`] | virtual time |
//! | [`reactor`] | what stands between the clients of a server and its replica |
//! | [`client`] | one client: its session, what it asks for, and all that it has seen |
//! | [`hearing`] | when its session was heard for certain |
//! | [`load`] | how much the clients of a world ask for |
//! | [`recipe`] | what a client is there for |
//! | [`operator`] | who changes the ensemble while it runs |
//! | [`transactions`] | the records of a log in the words of the judge of histories |
//! | [`server`] | a machine: its disk, and the process on it, if one runs |
//! | [`zoo_cfg`] | where a server keeps who belongs to its ensemble |
//! | [`durable`] | what of a disk survives whatever happens |
//! | [`shadow`] | what one server has, kept outside of it |
//! | [`faults`] | what goes wrong, and in what condition it leaves a machine |
//! | [`ghost`] | what was ever committed, and what must be true after every step |
//! | [`quorums`] | which configurations were in force, and what needs a quorum of which |
//! | [`digest`] | what has happened, as one number |
//! | [`story`] | what happens, told to a person |
//! | [`sessions`] | whether sessions and ephemerals of a state are those of its history |
//! | [`mix`] | what a world is like |
//! | [`world`] | all of it, and what happens next |
//! | [`trial`] | the life of one world, and the verdict |

// A world tells its story to whoever asks for it.
#![allow(clippy::print_stdout)]

pub mod client;
pub mod clock;
pub mod digest;
pub mod durable;
pub mod faults;
pub mod ghost;
pub mod hearing;
pub mod load;
pub mod mix;
pub mod operator;
pub mod quorums;
pub mod reactor;
pub mod recipe;
pub mod server;
pub mod sessions;
pub mod shadow;
pub mod story;
pub mod transactions;
pub mod trial;
pub mod world;
pub mod zoo_cfg;

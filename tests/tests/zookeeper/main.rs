//! ZooKeeper's own files: what a real server has left when it was killed is read, and what is written a real server starts
//! with.
//!
//! | module | is about |
//! |---|---|
//! | `there_and_back` | the files themselves, and those of an ensemble |
//! | `by_command` | the same by `paddock convert`, with as many znodes as are asked for |
//! | `samples` | data that others have kept |
#![allow(clippy::print_stdout, reason = "a long run says what it covered")]

mod by_command;
mod filling;
mod recovered;
mod samples;
mod there_and_back;

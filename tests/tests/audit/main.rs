//! The audit log, as operators of a ZooKeeper know it; and the file of the log of words, which is exchanged and opened anew
//! in the same way.

mod ensemble;
mod operations;
mod output;
mod told;
mod words;

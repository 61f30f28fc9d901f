//! ZooKeeper's own files: what a real server has left when it was killed is read, and what is written a real server starts
//! with.

mod content;
mod filling;
mod there_and_back;

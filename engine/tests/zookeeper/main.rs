//! ZooKeeper's files: what is written is what is read, what is damaged is refused, and what a real server can have left,
//! torn, fuzzy or old, gives the state that it had.

mod fuzzy;
mod history;
mod installation;
mod logs;
mod place;
mod raw;
mod recovery;
mod snapshots;

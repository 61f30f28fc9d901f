//! The storage engine: what a transaction is, the tree it changes, and the disk it is kept on.
//!
//! This crate never touches a socket, knows no roles, and reads no wall clock while it applies. In reading order:
//! the vocabulary ([`error`], [`jute`], [`path`], [`constant_time`], [`acl`], [`stat`], [`request`], [`keeper`], [`txn`], [`event`]), the
//! state ([`tree`], [`database`], [`container`], [`quota`], [`ephemerals`], [`session_id`]), the way of a write
//! ([`admit`], [`order`], [`apply`], [`application`], [`answer`], [`replay`]), the disk ([`io`], [`progress`], [`log`],
//! [`snapshot`], [`generation`], [`epoch_files`], [`installation`], [`truncation`], [`backup`]), and
//! ZooKeeper's files ([`zookeeper`], [`conversion`]).

pub mod acl;
pub mod admit;
pub mod answer;
pub mod application;
pub mod apply;
pub mod backup;
pub mod committed_config;
pub mod constant_time;
pub mod container;
pub mod conversion;
pub mod database;
pub mod ephemerals;
pub mod epoch_files;
pub mod error;
pub mod event;
pub mod generation;
pub mod installation;
pub mod io;
pub mod jute;
pub mod keeper;
pub mod log;
pub mod order;
pub mod path;
pub mod progress;
pub mod quota;
pub mod replay;
pub mod request;
pub mod session_id;
pub mod snapshot;
pub mod stat;
pub mod tree;
pub mod truncation;
pub mod txn;
pub mod zookeeper;

//! The storage engine: what a transaction is, the tree it changes, and the disk it is kept on.
//!
//! This crate never touches a socket, knows no roles, and reads no wall clock while it applies. In reading order:
//! the vocabulary ([`error`], [`jute`], [`path`], [`acl`], [`stat`], [`request`], [`txn`], [`event`]), the state
//! ([`tree`], [`database`], [`prepare`], [`apply`]), the disk ([`io`], [`log`]).

pub mod acl;
pub mod error;
pub mod event;
pub mod jute;
pub mod path;
pub mod request;
pub mod stat;
pub mod txn;

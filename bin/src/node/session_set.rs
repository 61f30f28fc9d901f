//! Sets and maps of sessions.
//!
//! What is in them has no order, but the order in which they give it is the same wherever the same has happened, so that a
//! simulation can be run again. Nobody can choose ids that meet in the table: those in it are of sessions that there are, and a
//! server gives them.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

type State = BuildHasherDefault<DefaultHasher>;

pub type SessionSet = HashSet<i64, State>;
pub type SessionMap<V> = HashMap<i64, V, State>;

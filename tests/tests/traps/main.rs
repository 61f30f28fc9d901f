//! What tests of real clients exercise and re-implementations commonly miss: the list of traps of the protocol reference,
//! one test each, the name beginning with the trap's number. `vector_` tests are the reference's test vectors.
//!
//! Nearly all of it is judged over the wire. `PADDOCK_TEST_SERVER=zookeeper` judges the expectations instead: Debian's
//! ZooKeeper is 3.8.0, and what later versions do differently is left out there (`ground::is_current`);
//! `PADDOCK_TEST_ZOOKEEPER` names the class path of a 3.9 to put in its place.
//!
//! A trap that only a unit can show has its test beside that unit; `complete` finds them all by their names.
mod acl;
mod complete;
mod framing;
mod ground;
mod multi;
mod names;
mod order;
mod replies;
mod sessions;
mod stat;
mod vectors;
mod watches;

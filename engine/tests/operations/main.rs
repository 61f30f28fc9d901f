//! ZooKeeper's operations by their transactions: what is refused, in which order, and what is left behind. The numbers
//! are those of the protocol reference's list of traps.

mod containers;
mod keeper;
mod quotas;
mod reconfig;
mod steps;
mod world;
mod writes;

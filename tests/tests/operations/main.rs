//! Operations as a client sees them, where more than one request or more than the tree has a part in it.

mod bench;
mod containers;
mod ephemerals;
mod keeper;
mod profile;
mod quotas;
mod reconfig;
mod stages;
mod versus;
mod wire;

//! The wire side of a node.

pub mod links;
pub mod simulated;

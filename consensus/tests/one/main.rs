//! One server, step by step: what it waits for before it says something, what it refuses, and whom it counts.

mod leader;
mod learner;
mod nonsense;
mod server;

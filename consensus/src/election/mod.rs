//! Election: how a server that has no leader finds one.
//!
//! [`Looking`] is the role. What outlives it comes with each call, as a [`Standpoint`]: the round and the [`Connections`] of
//! the election port belong to the server, not to one search. A search ends with a [`Decision`], which the server keeps while
//! it follows, observes or leads, because others who look [are told it](answer).
//!
//! Nothing that keeps data safe rests on an election: a leader compares its history with a quorum's again before it leads.

mod answer;
mod connections;
mod decision;
mod looking;
mod standpoint;
mod votes;

pub use answer::answer;
pub use connections::Connections;
pub use decision::Decision;
pub use looking::Looking;
pub use standpoint::{Standpoint, own_vote};

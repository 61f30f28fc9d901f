//! A simulated network, for tests and simulations: no thread, no socket, and the same again where the same is chosen.
//!
//! Whoever has the [`Network`] moves its clock, and decides by a [`Choice`](paddock_engine::io::simulated::Choice) how long each
//! piece of bytes is under way and how large it is. Streams are first in, first out, whatever happens to them. What does
//! happen is said by the [`Route`] from one host to another and by orders: a route may be cut in one direction, which holds
//! what is under way there until it is healed; connections may be refused, or hang; a reset loses any suffix of what was
//! under way or not read; a process that ends does that to all of its streams.
//!
//! A host that loses its power says nothing to anybody: cut its routes to others before its process ends, and heal them when
//! it is up again. The ends of its former streams arrive then.
//!
//! | module | is |
//! |---|---|
//! | `route` | [`Route`]: what the way from one host to another is like |
//! | `pipe` | one direction of a stream |
//! | `network` | [`Network`]: hosts, streams, what is under way, the clock |
//! | `host_links` | [`HostLinks`]: the [`Links`](super::links::Links) of one process |

mod host_links;
mod network;
mod pipe;
mod route;

#[cfg(test)]
mod tests;

pub use host_links::HostLinks;
pub use network::{HostId, Network, OBSERVER_MASTER_PORT, Ports};
pub use route::{Dials, Route};

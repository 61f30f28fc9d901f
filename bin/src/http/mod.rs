//! HTTP/1.1 for those who look after the server: the AdminServer, and the metrics that Prometheus fetches.
//!
//! ```text
//! connection ── request ──► site, at once: what some figures tell (health)
//!                       └─► workers: a few threads behind a bounded queue ── answer, whole or in pieces ──► connection
//! ```
//! One thread has all connections of all ports and never does what takes long; nothing that is asked here is done by a thread that
//! serves clients. [`bounds`] names how much of everything there may be.
//!
//! **TLS.** A port may have it (`wire`), by tokio-rustls: the handshake is a part of the connection's own task, so that it waits for
//! nobody, has a place like any other and a time of its own, and what rustls keeps of a connection has its bounds.
//!
//! **Places.** A port has so many places for connections, and an address so many of them. Where none is left, the connection that
//! has waited longest for its next request gives up its place, and where none waits, the one that has taken longest over an answer
//! that is no snapshot: neither who keeps connections open without asking nor who takes answers a byte at a time keeps anybody out.
//! Requests that wait for their answers, and snapshots under way, are fewer than the places of a port, so that a newcomer whose
//! address has places left is served; where the address has none, it is answered 503. Every place has times for a request, for its
//! answer to be made, and for the client to take it ([`places`]).

pub mod bounds;

mod body;
mod connection;
mod listener;
mod places;
mod query;
mod site;
#[cfg(test)]
mod tests;
mod upload;
mod wire;
mod workers;

pub use listener::{Port, bind, start};
pub use places::Departure;
#[cfg(test)]
pub use places::departed;
pub use query::{decoded, parameter};
pub use site::{Answer, Content, Pieces, Request, Site};
pub use upload::Upload;
pub use wire::Tls;

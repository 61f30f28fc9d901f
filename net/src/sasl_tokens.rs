//! SASL tokens whose step may take long, since it reads files: another thread takes it, and tells the reactor what came of
//! it by an [`Errand`](crate::exchange::Errand).

use crate::exchange::ConnectionId;
use crate::sasl::Negotiation;

/// So many tokens of one reactor may be with the thread; the next ones wait at the reactor, with their connections.
pub const TOKENS_PER_REACTOR_MAX: usize = 64;

/// A client's token, and the negotiation that is to take it.
pub struct SaslToken {
    pub reactor: usize,
    pub connection: ConnectionId,
    /// The request's.
    pub xid: i32,
    pub token: Vec<u8>,
    pub negotiation: Box<dyn Negotiation>,
}

//! What a turn works on.

use super::head::Head;
use crate::node::moment::Moment;

/// Requests taken in one turn from this server's clients, and as many from learners: about half a millisecond of writes. Where the
/// replica serves the clients too, nobody's read is answered meanwhile. More at once would not be faster: what so many write stays
/// in the caches until it is sealed and submitted.
pub const REQUESTS_PER_TURN: usize = 512;

pub struct Turn<'a> {
    pub head: &'a mut Head,
    /// The moment at which it began.
    pub at: Moment,
}

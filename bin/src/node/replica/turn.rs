//! What a turn works on.

use super::head::Head;
use crate::node::moment::Moment;

pub struct Turn<'a> {
    pub head: &'a mut Head,
    /// The moment at which it began.
    pub at: Moment,
}

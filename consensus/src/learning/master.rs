//! Whom a learner learns from.

use crate::ServerId;
use crate::input::Link;

/// The link to a leader, and as what this server has come to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Master {
    pub(super) link: Link,
    pub(super) leader: ServerId,
    /// Who is at the other end: the leader, or a follower that serves observers in its place.
    pub(super) server: ServerId,
    /// An observer is told no proposal before it is committed, and acknowledges none.
    pub(super) observes: bool,
    /// The leader may begin another epoch on this link.
    pub(super) renews: bool,
}

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
    /// Both have told what no server of ZooKeeper does.
    pub(super) is_paddock: bool,
    /// One ACK stands for all before it, and one COMMIT too.
    pub(super) is_grouped: bool,
}

impl Master {
    /// One that has not told what it does beyond ZooKeeper's protocol.
    pub(super) fn new(link: Link, leader: ServerId, server: ServerId, observes: bool) -> Master {
        Master { link, leader, server, observes, renews: false, is_paddock: false, is_grouped: false }
    }
}

//! What becomes of clients' requests here, by the part that this server has.

use paddock_engine::order::Ensemble;
use paddock_net::exchange::Heard;

use super::forwarding::ToLeader;
use super::leader::Leader;
use super::learner::Learner;

pub enum Desk<'a> {
    /// They are ordered: there is no other server.
    Alone,
    /// They are ordered, with those of the learners.
    Leads(&'a mut Leader, &'a dyn Ensemble),
    /// They are not done: there is no leader.
    ReadOnly,
    /// They go to the leader.
    Learns(&'a mut Learner, &'a mut dyn ToLeader),
}

impl Desk<'_> {
    /// Requests that wait for the leader; `None` if no more may.
    pub fn outstanding(&self) -> Option<usize> {
        match self {
            Desk::Alone | Desk::Leads(..) | Desk::ReadOnly => Some(0),
            Desk::Learns(learner, leader) => learner.outstanding().filter(|_| leader.has_room()),
        }
    }

    /// A reactor reports whom it heard.
    pub fn hear(&mut self, heard: &Heard) {
        if let Desk::Learns(learner, _) = self {
            learner.hear(heard);
        }
    }
}

//! What becomes of clients' requests here, by the part that this server has.

use paddock_net::exchange::Heard;

use super::forwarding::ToLeader;
use super::leader::Leader;
use super::learner::Learner;

pub enum Desk<'a> {
    /// They are ordered: there is no other server.
    Alone,
    /// They are ordered, with those of the learners.
    Leads(&'a mut Leader),
    /// They go to the leader.
    Learns(&'a mut Learner, &'a mut dyn ToLeader),
}

impl Desk<'_> {
    /// Whether more requests may be taken, as far as those go that no reactor has an answer to.
    pub fn has_room(&self) -> bool {
        match self {
            Desk::Alone | Desk::Leads(_) => true,
            Desk::Learns(learner, _) => learner.has_room(),
        }
    }

    /// Requests that wait for the leader.
    pub fn outstanding(&self) -> usize {
        match self {
            Desk::Alone | Desk::Leads(_) => 0,
            Desk::Learns(learner, _) => learner.outstanding(),
        }
    }

    /// A reactor reports whom it heard.
    pub fn hear(&mut self, heard: &Heard) {
        if let Desk::Learns(learner, _) = self {
            learner.hear(heard);
        }
    }
}

//! What observers ask of the follower that serves them: it asks its leader in their place, for whom all of it is the follower's own.
//!
//! What an observer asks keeps its order. It waits here while much waits for the leader, so that no observer can end the
//! follower's link with what it asks.

use std::collections::{BTreeMap, VecDeque};

use paddock_consensus::input::Link;
use paddock_engine::request::opcode;

use super::forwarding::{LeaderRequest, ToLeader};
use super::learner::Learner;
use super::learner_requests::{LearnerRequest, REQUEST_BYTES_MAX, TooManyRequests};

/// What a REVALIDATE takes here, bytes.
const REVALIDATION_BYTES: usize = 64;

#[derive(Debug)]
enum Asked {
    Request(LearnerRequest),
    Revalidation { session: i64, timeout: i32 },
}

#[derive(Debug, Default)]
pub struct ObserverRequests {
    /// All of them, in the order in which they came.
    waiting: VecDeque<(Link, Asked)>,
    /// What those of each observer take, that is served.
    bytes: BTreeMap<Link, usize>,
}

impl ObserverRequests {
    /// An observer that is served from here on.
    pub fn join(&mut self, link: Link) {
        self.bytes.insert(link, 0);
    }

    /// Nothing is asked for this observer any more.
    pub fn leave(&mut self, link: Link) {
        if self.bytes.remove(&link).is_some_and(|bytes| bytes > 0) {
            self.waiting.retain(|(of, _)| *of != link);
        }
    }

    /// Whether something waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes in a request. One of an observer that is not served yet is dropped.
    pub fn push(&mut self, link: Link, request: LearnerRequest) -> Result<(), TooManyRequests> {
        self.push_asked(link, Asked::Request(request))
    }

    /// Takes in the question whether a session lives that has come to an observer.
    pub fn push_revalidation(&mut self, link: Link, session: i64, timeout: i32) -> Result<(), TooManyRequests> {
        self.push_asked(link, Asked::Revalidation { session, timeout })
    }

    fn push_asked(&mut self, link: Link, asked: Asked) -> Result<(), TooManyRequests> {
        let Some(bytes) = self.bytes.get_mut(&link) else { return Ok(()) };
        if *bytes + asked.bytes() > REQUEST_BYTES_MAX {
            return Err(TooManyRequests);
        }
        *bytes += asked.bytes();
        self.waiting.push_back((link, asked));
        Ok(())
    }

    /// Asks the leader as much as there is room for.
    pub fn forward(&mut self, learner: &mut Learner, leader: &mut dyn ToLeader) {
        while learner.outstanding().is_some()
            && leader.has_room()
            && let Some((link, asked)) = self.waiting.pop_front()
        {
            if let Some(bytes) = self.bytes.get_mut(&link) {
                *bytes -= asked.bytes();
            }
            match asked {
                Asked::Request(LearnerRequest { session, cxid, opcode, body, ids }) => {
                    if opcode == opcode::SYNC {
                        learner.note_observer_sync(link);
                    }
                    leader.request(&LeaderRequest { session, cxid, opcode, body: &body, ids: &ids });
                }
                Asked::Revalidation { session, timeout } => {
                    learner.revalidate_for_observer(link, session, timeout, leader);
                }
            }
        }
    }
}

impl Asked {
    fn bytes(&self) -> usize {
        match self {
            Asked::Request(request) => request.bytes(),
            Asked::Revalidation { .. } => REVALIDATION_BYTES,
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::input::Link;
    use paddock_engine::request::opcode;

    use super::{LearnerRequest, ObserverRequests, REQUEST_BYTES_MAX};
    use crate::node::replica::{LeaderRequest, Learner, ToLeader};

    /// Takes so many more.
    #[derive(Default)]
    struct Leader {
        room: usize,
        asked: Vec<(i32, i64)>,
    }

    impl ToLeader for Leader {
        fn has_room(&self) -> bool {
            self.asked.len() < self.room
        }

        fn request(&mut self, request: &LeaderRequest<'_>) {
            self.asked.push((request.opcode, request.session));
        }

        fn revalidate(&mut self, session: i64, _: i32) {
            self.asked.push((-1, session));
        }
    }

    fn request(opcode: i32, session: i64, bytes: usize) -> LearnerRequest {
        LearnerRequest { session, cxid: 1, opcode, body: vec![0; bytes].into(), ids: Box::default() }
    }

    #[test]
    fn the_leader_is_asked_in_the_order_in_which_observers_ask_while_it_has_room() {
        let [one, other, gone] = [1, 2, 3].map(Link);
        let (mut requests, mut learner) = (ObserverRequests::default(), Learner::default());
        assert!(requests.push(one, request(opcode::SYNC, 9, 0)).is_ok() && requests.is_empty(), "it is not served yet");
        [one, other, gone].into_iter().for_each(|link| requests.join(link));
        assert!(requests.push(gone, request(opcode::SYNC, 7, 0)).is_ok());
        assert!(requests.push(one, request(opcode::CREATE, 8, 3)).is_ok());
        assert!(requests.push_revalidation(other, 5, 4000).is_ok());
        assert!(requests.push(other, request(opcode::SYNC, 5, 0)).is_ok());
        assert!(requests.push(one, request(opcode::SYNC, 8, 0)).is_ok());
        requests.leave(gone);
        let mut leader = Leader { room: 3, ..Leader::default() };
        requests.forward(&mut learner, &mut leader);
        assert_eq!(leader.asked, [(opcode::CREATE, 8), (-1, 5), (opcode::SYNC, 5)]);
        leader.room = 9;
        requests.forward(&mut learner, &mut leader);
        assert_eq!(leader.asked[3..], [(opcode::SYNC, 8)]);
        assert!(requests.is_empty());
        assert_eq!([learner.next_sync(), learner.next_sync()], [Some(other), Some(one)]);
    }

    #[test]
    fn an_observer_that_asks_too_much_is_told_so_and_others_are_not() {
        let (mut requests, mut leader) = (ObserverRequests::default(), Leader { room: 1, ..Leader::default() });
        [1, 2].into_iter().for_each(|link| requests.join(Link(link)));
        assert!(requests.push(Link(1), request(opcode::CREATE, 8, REQUEST_BYTES_MAX / 2)).is_ok());
        assert!(requests.push(Link(1), request(opcode::CREATE, 8, REQUEST_BYTES_MAX / 2)).is_err());
        assert!(requests.push(Link(2), request(opcode::CREATE, 8, REQUEST_BYTES_MAX / 2)).is_ok());
        requests.forward(&mut Learner::default(), &mut leader);
        assert!(requests.push(Link(1), request(opcode::CREATE, 8, REQUEST_BYTES_MAX / 2)).is_ok(), "it was asked");
    }
}

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
/// The body of a write that is not to be done. The observer waits for a transaction all the same, and its leader, whoever that
/// is, makes one that fails of whatever lacks its body.
const UNDONE: &[u8] = &[];

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
                    let body: &[u8] = if is_passed_on(learner, link, session, opcode) { &body } else { UNDONE };
                    leader.request(&LeaderRequest { session, cxid, opcode, body, ids: &ids });
                }
                Asked::Revalidation { session, timeout } => {
                    learner.revalidate_for_observer(link, session, timeout, leader);
                }
            }
        }
    }
}

/// Whether what an observer asks is to be done, of which its leader is asked next.
fn is_passed_on(learner: &mut Learner, link: Link, session: i64, opcode: i32) -> bool {
    match opcode {
        opcode::SYNC => learner.note_observer_sync(link),
        opcode::CREATE_SESSION => learner.begin_for_observer(link, session),
        opcode::CLOSE_SESSION => {}
        _ => return learner.may_write_for_observer(link, session),
    }
    true
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
        /// The lengths of the bodies of requests.
        bodies: Vec<usize>,
    }

    const REVALIDATE: i32 = -1;

    impl ToLeader for Leader {
        fn has_room(&self) -> bool {
            self.asked.len() < self.room
        }

        fn request(&mut self, request: &LeaderRequest<'_>) {
            self.asked.push((request.opcode, request.session));
            self.bodies.push(request.body.len());
        }

        fn revalidate(&mut self, session: i64, _: i32) {
            self.asked.push((REVALIDATE, session));
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
        assert_eq!(leader.asked, [(opcode::CREATE, 8), (REVALIDATE, 5), (opcode::SYNC, 5)]);
        leader.room = 9;
        requests.forward(&mut learner, &mut leader);
        assert_eq!(leader.asked[3..], [(opcode::SYNC, 8)]);
        assert!(requests.is_empty());
        assert_eq!([learner.next_sync(), learner.next_sync()], [Some(other), Some(one)]);
    }

    #[test]
    fn what_was_asked_of_one_observer_before_the_client_asked_another_is_not_passed_on() {
        let (one, other) = (Link(1), Link(2));
        let (mut requests, mut learner) = (ObserverRequests::default(), Learner::default());
        let mut leader = Leader { room: 99, ..Leader::default() };
        for link in [one, other] {
            requests.join(link);
            learner.join_observer(link);
        }
        let mut ask = |asked: &[(Link, i32)]| {
            for &(link, opcode) in asked {
                match opcode {
                    REVALIDATE => requests.push_revalidation(link, 7, 4000).unwrap(),
                    opcode => requests.push(link, request(opcode, 7, 5)).unwrap(),
                }
            }
            requests.forward(&mut learner, &mut leader);
            std::mem::take(&mut leader.bodies)
        };
        let begun = [(one, opcode::CREATE_SESSION), (one, opcode::CREATE)];
        assert_eq!(ask(&begun), [5, 5]);
        assert_eq!(ask(&[(other, REVALIDATE), (other, opcode::CREATE)]), [5]);
        let late = [(one, opcode::CREATE), (one, opcode::MULTI), (other, opcode::DELETE), (one, opcode::SYNC)];
        assert_eq!(
            ask(&late),
            [0, 0, 5, 5],
            "the observer is answered all the same, and a sync says nothing of the past"
        );
        assert_eq!(ask(&[(one, REVALIDATE), (one, opcode::CREATE)]), [5], "it is back");
        assert_eq!(ask(&[(other, opcode::CREATE)]), [0]);
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

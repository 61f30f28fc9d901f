//! What comes from other servers.

use std::sync::Arc;

use paddock_consensus::config::Config;
use paddock_consensus::input::Link;
use paddock_consensus::message::FromLearner;
use paddock_consensus::{Input, Zxid};
use paddock_net::peer::authinfo::Authinfo;
use paddock_net::peer::forwarded_request::ForwardedRequest;
use paddock_net::peer::message::{LearnerPacket, MasterPacket};
use paddock_net::peer::revalidation::{Revalidation, RevalidationAnswer};
use paddock_net::peer::touches::Touches;

use super::election_port::Told;
use super::link::{LinkEnd, Side};

#[derive(Debug)]
pub enum Arrival<'a> {
    /// Of the election port; [`Told::input`] is for the core.
    Election(Told),
    /// Of the quorum port, for the core. Of a PROPOSAL or INFORM, [`Peers::txn_at_hand`](super::Peers::txn_at_hand) is the
    /// transaction until something else is asked for.
    Input(Input<'a>),
    /// An answered PING: for the core, and sessions that the learner has heard.
    Pong {
        link: Link,
        touches: Touches<'a>,
    },
    /// A learner forwards a request of a client.
    Request {
        link: Link,
        request: ForwardedRequest<'a>,
        authinfo: Option<Authinfo<'a>>,
    },
    /// A session has come to a learner, which asks whether it is alive.
    Revalidation {
        link: Link,
        revalidation: Revalidation,
    },
    RevalidationAnswer(RevalidationAnswer),
    /// The oldest sync that was forwarded, and has no answer, has one.
    SyncAnswer,
    /// Bytes of the state that the leader sends. Whoever takes them in says when it has ended.
    State(&'a [u8]),
}

impl<'a> Arrival<'a> {
    /// What has come on a link and was read before, with the configuration in it.
    ///
    /// # Panics
    /// If it is nothing that is given out.
    pub fn of(end: &'a LinkEnd, config: Option<&'a Arc<Config>>) -> Arrival<'a> {
        let link = end.link.expect("a link without a number gives out nothing");
        if end.brings_state() {
            return Arrival::State(end.state());
        }
        let packet = end.packet();
        match end.side {
            Side::Learner { .. } => match MasterPacket::read(&packet, |_| config).expect("it was read before") {
                MasterPacket::Message { message, .. } => Arrival::Input(Input::FromMaster { link, message }),
                MasterPacket::RevalidationAnswer(answer) => Arrival::RevalidationAnswer(answer),
                MasterPacket::SyncAnswer => Arrival::SyncAnswer,
                MasterPacket::Ignored => unreachable!("it was passed over before"),
            },
            Side::Master => match LearnerPacket::read(&packet).expect("it was read before") {
                LearnerPacket::Message(message) => Arrival::Input(Input::FromLearner { link, message }),
                LearnerPacket::Pong(touches) => Arrival::Pong { link, touches },
                LearnerPacket::Request { request, authinfo } => Arrival::Request { link, request, authinfo },
                LearnerPacket::Revalidation(revalidation) => Arrival::Revalidation { link, revalidation },
                LearnerPacket::Ignored => unreachable!("it was passed over before"),
            },
        }
    }

    /// The transaction that a learner acknowledges.
    pub fn acknowledged(&self) -> Option<(Link, Zxid)> {
        match self {
            Arrival::Input(Input::FromLearner { link, message: FromLearner::Ack(zxid) }) => Some((*link, *zxid)),
            _ => None,
        }
    }

    /// What the core is to be told.
    pub fn input(&self) -> Option<Input<'_>> {
        match self {
            Arrival::Election(told) => Some(told.input()),
            Arrival::Input(input) => Some(input.clone()),
            Arrival::Pong { link, .. } => Some(Input::FromLearner { link: *link, message: FromLearner::Pong }),
            _ => None,
        }
    }
}

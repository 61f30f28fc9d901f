//! Quorum SASL between two servers: which packet answers which, of either side.
//!
//! The mechanism takes its steps elsewhere, because some of them take time: a packet that has come asks for a step, and what
//! comes of the step is a packet that goes.

use paddock_net::peer::quorum_auth::{QuorumAuthPacket, Status};
use paddock_net::sasl::Step;

use super::failure::Failure;

/// So often whoever accepts answers that more is to come, as with ZooKeeper. DIGEST-MD5 takes one answer, Kerberos two.
const ANSWERS_MAX: u32 = 5;

/// What comes next.
#[derive(PartialEq, Eq, Debug)]
pub enum Next {
    /// The mechanism takes a step with this token.
    Step(Vec<u8>),
    /// A packet of the other side has to come.
    Packet,
    /// The other side is who it says, and knows that this one is.
    Over,
}

/// One side of an exchange, which ends with the first error.
#[derive(Debug)]
pub enum Exchange {
    /// Of who has dialled.
    Learner {
        /// The mechanism has nothing more to say.
        is_done: bool,
        /// The other side is content: this step is the last one.
        is_believed: bool,
    },
    /// Of who has accepted.
    Server { answers: u32 },
}

impl Exchange {
    /// The mechanism is to take a step with an empty token.
    pub fn learner() -> Exchange {
        Exchange::Learner { is_done: false, is_believed: false }
    }

    /// A packet is to come.
    pub fn server() -> Exchange {
        Exchange::Server { answers: 0 }
    }

    /// A packet has come.
    pub fn hear(&mut self, packet: &QuorumAuthPacket<'_>) -> Result<Next, Failure> {
        let token = packet.token.unwrap_or_default().to_vec();
        match self {
            // What it says of itself does not count, as with ZooKeeper.
            Exchange::Server { .. } => Ok(Next::Step(token)),
            Exchange::Learner { is_done, is_believed } => match packet.status {
                Status::Error => Err(Failure::NotBelieved),
                Status::Success if *is_done => Ok(Next::Over),
                Status::InProgress if *is_done => Err(Failure::Unexpected),
                status => {
                    *is_believed = status == Status::Success;
                    Ok(Next::Step(token))
                }
            },
        }
    }

    /// The mechanism has taken a step. Appends what is to be sent, also where that is an error.
    pub fn take(&mut self, step: Step, out: &mut Vec<u8>) -> Result<Next, Failure> {
        let mut send = |status, token: Option<&[u8]>| QuorumAuthPacket { status, token }.write(out);
        match (self, step) {
            (Exchange::Learner { is_believed: true, .. }, Step::Done { token, .. })
                if token.as_ref().is_none_or(Vec::is_empty) =>
            {
                Ok(Next::Over)
            }
            (Exchange::Learner { is_believed: true, .. }, Step::Continue(_) | Step::Done { .. }) => {
                Err(Failure::Unexpected)
            }
            (Exchange::Learner { .. }, Step::Continue(token)) => {
                send(Status::InProgress, Some(&token));
                Ok(Next::Packet)
            }
            (Exchange::Learner { is_done, .. }, Step::Done { token, .. }) => {
                *is_done = true;
                send(Status::InProgress, token.as_deref());
                Ok(Next::Packet)
            }
            (Exchange::Learner { .. }, Step::Failed(error)) => Err(Failure::Sasl(error)),
            (Exchange::Server { answers }, Step::Continue(token)) if *answers < ANSWERS_MAX => {
                *answers += 1;
                send(Status::InProgress, Some(&token));
                Ok(Next::Packet)
            }
            (Exchange::Server { .. }, Step::Continue(_)) => {
                send(Status::Error, Some(&[]));
                Err(Failure::Unexpected)
            }
            (Exchange::Server { .. }, Step::Done { token, .. }) => {
                send(Status::Success, token.as_deref());
                Ok(Next::Over)
            }
            (Exchange::Server { .. }, Step::Failed(error)) => {
                send(Status::Error, Some(&[]));
                Err(Failure::Sasl(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_net::peer::quorum_auth::{QuorumAuthPacket, Status};
    use paddock_net::sasl::{SaslError, Step};

    use super::{ANSWERS_MAX, Exchange, Failure, Next};

    fn heard(exchange: &mut Exchange, status: Status, token: Option<&[u8]>) -> Result<Next, Failure> {
        exchange.hear(&QuorumAuthPacket { status, token })
    }

    type Sent = Option<(Status, Option<Vec<u8>>)>;

    /// What comes of a step, and the packet that is sent.
    fn taken(exchange: &mut Exchange, step: Step) -> (Result<Next, Failure>, Sent) {
        let mut out = Vec::new();
        let next = exchange.take(step, &mut out);
        let sent =
            QuorumAuthPacket::read(&out).ok().map(|(packet, _)| (packet.status, packet.token.map(<[u8]>::to_vec)));
        (next, sent)
    }

    fn done(token: Option<&[u8]>) -> Step {
        Step::Done { token: token.map(<[u8]>::to_vec), authorization_id: "somebody".into() }
    }

    fn failed() -> Step {
        Step::Failed(SaslError::new("no"))
    }

    fn says(status: Status, token: &[u8]) -> Sent {
        Some((status, Some(token.to_vec())))
    }

    #[test]
    fn a_learner_of_digest_md5_checks_what_the_server_says_last() {
        let mut learner = Exchange::learner();
        let (next, sent) = taken(&mut learner, Step::Continue(Vec::new()));
        assert_eq!((next.ok(), sent), (Some(Next::Packet), says(Status::InProgress, b"")));
        let next = heard(&mut learner, Status::InProgress, Some(b"challenge"));
        assert_eq!(next.ok(), Some(Next::Step(b"challenge".to_vec())));
        let (next, sent) = taken(&mut learner, Step::Continue(b"response".to_vec()));
        assert_eq!((next.ok(), sent), (Some(Next::Packet), says(Status::InProgress, b"response")));
        let next = heard(&mut learner, Status::Success, Some(b"rspauth"));
        assert_eq!(next.ok(), Some(Next::Step(b"rspauth".to_vec())));
        let (next, sent) = taken(&mut learner, done(None));
        assert_eq!((next.ok(), sent), (Some(Next::Over), None));
    }

    #[test]
    fn a_learner_whose_mechanism_ends_first_waits_for_the_servers_word() {
        for (status, is_over) in [(Status::Success, true), (Status::InProgress, false), (Status::Error, false)] {
            let mut learner = Exchange::learner();
            let (next, sent) = taken(&mut learner, done(Some(b"choice")));
            assert_eq!((next.ok(), sent), (Some(Next::Packet), says(Status::InProgress, b"choice")));
            assert_eq!(heard(&mut learner, status, None).ok() == Some(Next::Over), is_over, "{status:?}");
        }
    }

    #[test]
    fn a_learner_believes_no_server_that_has_shown_nothing() {
        for step in [Step::Continue(b"more".to_vec()), done(Some(b"more")), failed()] {
            let mut learner = Exchange::learner();
            assert!(heard(&mut learner, Status::Success, Some(b"")).is_ok());
            let (next, sent) = taken(&mut learner, step);
            assert!(next.is_err() && sent.is_none(), "{next:?}");
        }
        assert!(matches!(heard(&mut Exchange::learner(), Status::Error, Some(b"")), Err(Failure::NotBelieved)));
    }

    #[test]
    fn a_server_says_what_has_come_of_it() {
        let mut server = Exchange::server();
        assert_eq!(heard(&mut server, Status::InProgress, None).ok(), Some(Next::Step(Vec::new())));
        let (next, sent) = taken(&mut server, Step::Continue(b"challenge".to_vec()));
        assert_eq!((next.ok(), sent), (Some(Next::Packet), says(Status::InProgress, b"challenge")));
        let (next, sent) = taken(&mut server, done(Some(b"rspauth")));
        assert_eq!((next.ok(), sent), (Some(Next::Over), says(Status::Success, b"rspauth")));
        let (next, sent) = taken(&mut Exchange::server(), done(None));
        assert_eq!((next.ok(), sent), (Some(Next::Over), Some((Status::Success, None))));
        let (next, sent) = taken(&mut Exchange::server(), failed());
        assert!(matches!(next, Err(Failure::Sasl(_))), "{next:?}");
        assert_eq!(sent, says(Status::Error, b""));
    }

    #[test]
    fn a_server_does_not_answer_for_ever() {
        let mut server = Exchange::server();
        for _ in 0..ANSWERS_MAX {
            assert_eq!(taken(&mut server, Step::Continue(b"x".to_vec())).0.ok(), Some(Next::Packet));
        }
        let (next, sent) = taken(&mut server, Step::Continue(b"x".to_vec()));
        assert!(matches!(next, Err(Failure::Unexpected)));
        assert_eq!(sent, says(Status::Error, b""));
    }
}

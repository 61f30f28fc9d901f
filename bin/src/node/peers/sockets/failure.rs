//! Why a stream never becomes a link: a clause that says what is wrong and what to do.

use std::fmt;
use std::io;

use paddock_net::peer::quorum_auth::BadQuorumAuthPacket;
use paddock_net::sasl::SaslError;

/// How far a stream has come that is being secured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It has not said anything, from which it would be known whether it speaks TLS.
    FirstByte,
    Handshake,
    /// Who it is has not come, of the election port.
    Introduction,
    Sasl,
}

#[derive(Debug)]
pub enum Failure {
    /// It speaks without TLS.
    Plaintext,
    Handshake(io::Error),
    /// Its certificate is of somebody else.
    Name(String),
    /// It does not authenticate.
    NoSasl,
    BadPacket(BadQuorumAuthPacket),
    /// The mechanism has failed here.
    Sasl(SaslError),
    /// The other side says that it has failed there.
    NotBelieved,
    /// It says what does not belong there.
    Unexpected,
    /// The other side has ended the stream, or it broke.
    Ended(Phase),
    Late(Phase),
    /// There are too many of them.
    TooMany,
    /// Too many wait for a step of the mechanism, or there is no thread for it.
    Busy,
}

impl Failure {
    /// Whether it comes to nothing without anybody's mistake: another attempt was quicker, or a probe looked whether somebody is
    /// there.
    pub fn is_usual(&self) -> bool {
        matches!(self, Failure::Ended(Phase::FirstByte | Phase::Introduction))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Plaintext => f.write_str(
                "it speaks without TLS; set sslQuorum=true there, or portUnification=true here while servers change over",
            ),
            Failure::Handshake(error) => write!(
                f,
                "its TLS handshake fails ({error}); do both servers trust who has signed the other's certificate \
                 (ssl.quorum.trustStore), and is sslQuorum on at both?"
            ),
            Failure::Name(problem) => write!(
                f,
                "{problem}; give it a certificate of its host, or set ssl.quorum.hostnameVerification=false"
            ),
            Failure::NoSasl => f.write_str(
                "it does not authenticate, and quorum.auth.serverRequireSasl is on here; set \
                 quorum.auth.learnerRequireSasl=true there",
            ),
            Failure::BadPacket(bad) => write!(f, "{bad}; only servers of the ensemble should reach this port"),
            Failure::Sasl(error) => write!(
                f,
                "quorum SASL does not show who it is ({error}); do the JAAS sections of both servers agree?"
            ),
            Failure::NotBelieved => f.write_str(
                "it does not believe by quorum SASL who this server is; do the JAAS sections of both servers agree? Its log \
                 says more",
            ),
            Failure::Unexpected => f.write_str("it says what does not belong into quorum SASL; see what runs there"),
            Failure::Ended(Phase::FirstByte | Phase::Introduction) => f.write_str("it has ended the connection"),
            Failure::Ended(Phase::Handshake) => f.write_str(
                "it ends the connection within the TLS handshake; is sslQuorum or portUnification on there, and does it trust \
                 the certificate of this server?",
            ),
            Failure::Ended(Phase::Sasl) => f.write_str(
                "it ends the connection within quorum SASL; is quorum.auth.enableSasl on there? Its log may say more",
            ),
            Failure::Late(Phase::FirstByte) => {
                f.write_str("it says nothing; only servers of the ensemble should reach this port")
            }
            Failure::Late(Phase::Handshake) => f.write_str(
                "its TLS handshake has not come to an end in time; is sslQuorum or portUnification on there?",
            ),
            Failure::Late(Phase::Introduction) => f.write_str(
                "it has not said which server it is in time; only servers of the ensemble should reach this port",
            ),
            Failure::Late(Phase::Sasl) => f.write_str(
                "quorum SASL has not come to an end in time; is quorum.auth.enableSasl on there, and does the KDC answer?",
            ),
            Failure::TooMany => f.write_str("too many connections have not shown who they are"),
            Failure::Busy => f.write_str("too many servers are authenticating; does the KDC answer?"),
        }
    }
}

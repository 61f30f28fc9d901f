//! SASL: a client and a server show each other who they are, by tokens that the protocol around them carries.
//!
//! What an operator has written is in [`jaas`]. The server's side of it is [`server::Login`], the client's
//! [`client::Login`]; both begin a [`Negotiation`] for each connection. There are two mechanisms: [`digest_md5`], of a name
//! and a password, which is computed here; and [`gssapi`], of Kerberos, whose cryptography is the system's library's
//! ([`gssapi_library`]), opened only if a section of the JAAS file asks for it. What a Kerberos name counts as is in
//! [`kerberos_name`], and the default realm in [`krb5_conf`].

pub mod client;
pub mod digest_md5;
pub mod failures;
pub mod gssapi;
pub mod gssapi_library;
pub mod jaas;
pub mod kerberos_name;
pub mod krb5_conf;
pub mod server;

use std::fmt;

/// What comes of a token.
#[derive(Debug)]
pub enum Step {
    /// This token goes to the other side, which answers it.
    Continue(Vec<u8>),
    /// The negotiation is over. The token, if any, goes to the other side.
    Done {
        token: Option<Vec<u8>>,
        /// As whom the client may act. A client has here what it has asked for.
        authorization_id: String,
    },
    /// The negotiation has failed, and each further token fails too.
    Failed(SaslError),
}

/// One side of one negotiation.
pub trait Negotiation: Send {
    /// Takes the token of the other side. A client begins with the empty one, and sends what it gets, be it empty.
    ///
    /// A step of [`Mechanism::Gssapi`] may read files and ask the KDC; one of [`Mechanism::DigestMd5`] only computes.
    fn step(&mut self, token: &[u8]) -> Step;
}

/// Decides as whom a client counts that has shown who it is.
pub trait Authorize: Send + Sync {
    /// `authentication_id`: who the client has shown to be. `authorization_id`: as whom it wants to act; the same if it has
    /// asked for nothing. Returns as whom it may act; `None` if it may not.
    fn authorize(&self, authentication_id: &str, authorization_id: &str) -> Option<String>;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mechanism {
    DigestMd5,
    Gssapi,
}

/// What DIGEST-MD5 computes with besides names and passwords: both sides must mean the same service. GSSAPI has the
/// server's principal instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Service {
    pub protocol: &'static str,
    pub server_name: &'static str,
}

impl Service {
    /// Of servers to their clients.
    pub const CLIENTS: Service = Service { protocol: "zookeeper", server_name: "zk-sasl-md5" };
    /// Between the servers of an ensemble.
    pub const SERVERS: Service = Service { protocol: "zookeeper-quorum", server_name: "zk-quorum-sasl-md5" };
}

/// Why a negotiation failed, in one sentence without secrets. It is for the log; the other side hears nothing of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaslError(String);

impl SaslError {
    pub fn new(problem: impl Into<String>) -> SaslError {
        SaslError(problem.into())
    }
}

impl fmt::Display for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SaslError {}

/// Why a section of a JAAS file is no login: one sentence that says what is wrong, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoginError(String);

impl LoginError {
    pub fn new(problem: impl Into<String>) -> LoginError {
        LoginError(problem.into())
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoginError {}

/// A text of another side as a log may tell it: no longer than this many characters, and nothing in it that a terminal
/// would act on.
const SHOWN_MAX: usize = 128;

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

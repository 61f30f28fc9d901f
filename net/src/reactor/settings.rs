//! What the operator decides about connections.

use std::sync::Arc;
use std::time::Duration;

use paddock_engine::acl::Authority;

use crate::client_tls::ClientTls;
use crate::sasl::server::Login;

/// The operator's settings, the same for every reactor.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `jute.maxbuffer`: the longest frame, bytes.
    pub frame_max: usize,
    /// The shortest timeout of a session, ms.
    pub session_timeout_min: i32,
    /// The longest timeout of a session, ms.
    pub session_timeout_max: i32,
    /// How many connections one address may have; 0 is no limit.
    pub connections_per_address_max: u32,
    /// How many connections there may be in all; 0 is no limit.
    pub connections_max: u32,
    /// A connection that has not finished its handshake after this time is closed; so is one whose client has ended it, and
    /// which the replica has kept waiting for so long.
    pub handshake_deadline: Duration,
    /// How often the replica hears which sessions are alive.
    pub heard_interval: Duration,
    /// While more writes than this are unanswered, connections that have one are not read from.
    pub outstanding_max: u64,
    /// `paddock.connections.maxBytes`: the memory that all connections of all reactors may have, bytes.
    pub connections_bytes_max: usize,
    pub tcp_keep_alive: bool,
    pub authority: Authority,
    /// A connection that holds no identity of these schemes may do nothing but prove one. If there are no schemes, every
    /// connection is served.
    pub enforced_schemes: Vec<String>,
    /// How clients log in by SASL; `None`: they cannot.
    pub sasl: Option<SaslSettings>,
    /// Whether new sessions are local.
    pub local_sessions: bool,
    /// Whether the replica wants to hear early which connections are gone.
    pub tells_gone: bool,
    /// `paddock.slowRequestMillis`: requests that take as long are told of, if any.
    pub slow_request: Option<Duration>,
    /// TLS, where any port for clients has it.
    pub tls: Option<Arc<ClientTls>>,
}

/// How clients log in by SASL.
#[derive(Clone, Debug)]
pub struct SaslSettings {
    pub login: Login,
    /// `allowSaslFailedClients`: a client that has failed is served all the same, unless the scheme sasl is enforced.
    pub keeps_failed: bool,
}

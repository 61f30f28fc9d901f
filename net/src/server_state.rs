//! What a server is that serves clients.

use paddock_consensus::output::Part;

use crate::member_status::MemberStatus;
use crate::serving::Serve;
use crate::status::Status;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerState {
    Standalone,
    ReadOnly,
    Leader,
    Follower,
    Observer,
}

impl ServerState {
    /// What it is for whoever asks no reactor; `None` if nobody is served.
    pub fn of(status: &Status) -> Option<ServerState> {
        ServerState::now(status.replica.serving(), &status.member)
    }

    /// `None` if nobody is served: where a reactor has not heard yet that its server has become something else, what it has
    /// become counts.
    pub fn now(serve: Serve, member: &MemberStatus) -> Option<ServerState> {
        match (serve, member.part()) {
            (Serve::No, _) | (Serve::Yes, Some(Part::Looking)) => None,
            (Serve::ReadOnly, _) => Some(ServerState::ReadOnly),
            (Serve::Yes, None) => Some(ServerState::Standalone),
            (Serve::Yes, Some(Part::Leading { .. })) => Some(ServerState::Leader),
            (Serve::Yes, Some(Part::Following { .. })) => Some(ServerState::Follower),
            (Serve::Yes, Some(Part::Observing { .. })) => Some(ServerState::Observer),
        }
    }

    /// As `Mode` and `zk_server_state` have it.
    pub fn name(self) -> &'static str {
        match self {
            ServerState::Standalone => "standalone",
            ServerState::ReadOnly => "read-only",
            ServerState::Leader => "leader",
            ServerState::Follower => "follower",
            ServerState::Observer => "observer",
        }
    }

    /// As `zk_peer_state` has it. Before a member is in the last phase of its part it serves nobody, and the word is not
    /// answered.
    pub fn peer_state(self) -> Option<&'static str> {
        match self {
            ServerState::Standalone | ServerState::ReadOnly => None,
            ServerState::Leader => Some("leading - broadcast"),
            ServerState::Follower => Some("following - broadcast"),
            ServerState::Observer => Some("observing - broadcast"),
        }
    }
}

//! What a server is for its clients and for others: all by itself, or a member of an ensemble.

use paddock_consensus::Zxid;
use paddock_net::serving::Serve;

use super::alone::Alone;
use super::membership::Membership;

#[derive(Debug)]
pub enum Role {
    Alone(Alone),
    Member(Membership),
}

impl Role {
    /// Everything up to this transaction may be public.
    pub fn committed(&self) -> Zxid {
        match self {
            Role::Alone(alone) => alone.committed(),
            Role::Member(member) => member.committed(),
        }
    }

    /// How clients are served.
    pub fn serving(&self) -> Serve {
        match self {
            Role::Alone(alone) => alone.serving(),
            Role::Member(member) => member.serving(),
        }
    }

    /// Nothing new is begun from here on.
    pub fn stop(&mut self) {
        match self {
            Role::Alone(alone) => alone.stop(),
            Role::Member(member) => member.stop(),
        }
    }

    pub fn is_stopping(&self) -> bool {
        match self {
            Role::Alone(alone) => alone.is_stopping(),
            Role::Member(member) => member.is_stopping(),
        }
    }

    /// Whether the reactors' requests are taken.
    pub fn gathers(&self) -> bool {
        match self {
            Role::Alone(alone) => alone.gathers(),
            Role::Member(member) => member.gathers(),
        }
    }

    /// Whether sessions that are due are ended.
    pub fn expires_sessions(&self) -> bool {
        match self {
            Role::Alone(alone) => alone.expires_sessions(),
            Role::Member(member) => member.expires_sessions(),
        }
    }

    /// Whether containers and TTL znodes that are due are deleted.
    pub fn reaps_containers(&self) -> bool {
        match self {
            Role::Alone(alone) => alone.reaps_containers(),
            Role::Member(member) => member.reaps_containers(),
        }
    }

    /// Whether snapshots are begun that are due.
    pub fn takes_snapshots(&self) -> bool {
        match self {
            Role::Alone(alone) => !alone.is_stopping(),
            Role::Member(member) => member.goes_on() && !member.is_stopping(),
        }
    }

    /// Whether the state goes on, so that each turn ends a version.
    pub fn goes_on(&self) -> bool {
        match self {
            Role::Alone(_) => true,
            Role::Member(member) => member.goes_on(),
        }
    }

    /// Whether a server that stops has nothing to wait for: all that was taken `is_answered`, or `is_short` of something,
    /// space most likely, without which that cannot be. A member stops when its core says so.
    pub fn may_end(&self, is_answered: bool, is_short: bool) -> bool {
        match self {
            Role::Alone(alone) => alone.may_end(is_answered, is_short),
            Role::Member(_) => false,
        }
    }
}

//! Messages between a leader and its learners, without what only the node reads of them.

use alloc::sync::Arc;

use crate::config::{Config, PeerType};
use crate::settings::Features;
use crate::{Epoch, ServerId, Zxid};

/// What comes to a learner from its leader, or from an observer master.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FromMaster<'a> {
    /// LEADERINFO.
    LeaderInfo {
        epoch: Epoch,
        features: Features,
    },
    /// DIFF: the learner keeps its history, and what it lacks follows. The zxid is where the leader is, not the learner.
    Diff(Zxid),
    /// TRUNC: the learner's history ends with this transaction from here on.
    Trunc(Zxid),
    /// SNAP: a whole state follows in the stream.
    Snap(Zxid),
    /// NEWLEADER. A leader before ZooKeeper 3.5 has no configuration to tell.
    NewLeader {
        epoch: Epoch,
        config: Option<&'a Arc<Config>>,
    },
    /// PROPOSAL; `change` is the configuration of a reconfiguration.
    Proposal {
        zxid: Zxid,
        change: Option<&'a Arc<Config>>,
    },
    Commit(Zxid),
    CommitAndActivate {
        zxid: Zxid,
        leader: ServerId,
    },
    /// INFORM: a proposal that is committed.
    Inform {
        zxid: Zxid,
    },
    InformAndActivate {
        zxid: Zxid,
        leader: ServerId,
        change: &'a Arc<Config>,
    },
    UpToDate,
    Ping,
}

impl FromMaster<'_> {
    /// The zxid of the packet; 0 if it has none.
    pub fn zxid(&self) -> Zxid {
        match *self {
            FromMaster::LeaderInfo { epoch, .. } | FromMaster::NewLeader { epoch, .. } => Zxid::start_of(epoch),
            FromMaster::Diff(zxid) | FromMaster::Trunc(zxid) | FromMaster::Snap(zxid) | FromMaster::Commit(zxid) => {
                zxid
            }
            FromMaster::Proposal { zxid, .. }
            | FromMaster::CommitAndActivate { zxid, .. }
            | FromMaster::Inform { zxid }
            | FromMaster::InformAndActivate { zxid, .. } => zxid,
            FromMaster::UpToDate | FromMaster::Ping => Zxid::ZERO,
        }
    }
}

/// What comes to a leader, or to an observer master, from a learner. Requests, syncs and revalidations are the node's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FromLearner {
    /// FOLLOWERINFO or OBSERVERINFO. `server` is `None` where the sender did not tell it.
    Info {
        peer_type: PeerType,
        server: Option<ServerId>,
        accepted: Epoch,
        config_version: Zxid,
        features: Features,
    },
    /// ACKEPOCH; `current` is `None` where the learner had promised this epoch before, or has no usable history.
    AckEpoch {
        current: Option<Epoch>,
        last: Zxid,
    },
    Ack(Zxid),
    /// An answered PING.
    Pong,
}

/// What the core has to say on a link. History, the plan's first packet, COMMIT and INFORM are the node's to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// FOLLOWERINFO or OBSERVERINFO.
    Info {
        peer_type: PeerType,
        accepted: Epoch,
        config_version: Zxid,
    },
    LeaderInfo {
        epoch: Epoch,
    },
    AckEpoch {
        current: Option<Epoch>,
        last: Zxid,
    },
    NewLeader {
        epoch: Epoch,
        config: Arc<Config>,
    },
    /// ACK of NEWLEADER, and of UPTODATE.
    AckNewLeader {
        epoch: Epoch,
    },
    /// An ACK of each transaction from the first to the last, which are of one epoch: ZooKeeper counts each by itself.
    Ack {
        first: Zxid,
        last: Zxid,
    },
    UpToDate,
    /// To a learner: PING, with the zxid that was proposed last.
    Ping,
    /// To the leader: the answer, with the sessions that were heard since the last one.
    Pong,
}

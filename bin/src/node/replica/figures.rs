//! What is told of the state, as it is in the newest public version.

use std::sync::atomic::Ordering;

use paddock_consensus::Zxid;
use paddock_engine::database::Database;
use paddock_net::status::ReplicaStatus;

#[derive(Clone, Copy, Debug)]
pub struct Figures {
    zxid: Zxid,
    znodes: u64,
    ephemerals: u64,
    data_bytes: u64,
    sessions: u64,
    /// Since the start.
    sessions_expired: u64,
    /// When the newest of its transactions was ordered, by the wall clock of the one who did, ms; `None` where that is not known.
    ordered_at: Option<i64>,
}

impl Figures {
    pub fn of(database: &Database, sessions_expired: u64) -> Figures {
        Figures {
            zxid: database.last_zxid(),
            znodes: database.tree().len() as u64,
            ephemerals: database.ephemeral_count() as u64,
            data_bytes: database.tree().data_bytes(),
            sessions: database.sessions().len() as u64,
            sessions_expired,
            ordered_at: None,
        }
    }

    /// The same, of which the newest transaction was ordered then.
    pub fn ordered_at(self, ordered_at: Option<i64>) -> Figures {
        Figures { ordered_at, ..self }
    }

    /// When the newest transaction was ordered, if that is known.
    pub fn order_time(&self) -> Option<i64> {
        self.ordered_at
    }

    /// The same, of the state that this transaction has left.
    pub fn with_zxid(self, zxid: Zxid) -> Figures {
        Figures { zxid, ..self }
    }

    pub fn tell(self, status: &ReplicaStatus) {
        status.zxid.store(self.zxid.0, Ordering::Relaxed);
        status.znodes.set(self.znodes);
        status.ephemerals.set(self.ephemerals);
        status.data_bytes.set(self.data_bytes);
        status.sessions.set(self.sessions);
        status.sessions_expired.set(self.sessions_expired);
    }
}

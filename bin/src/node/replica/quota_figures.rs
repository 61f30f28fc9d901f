//! What is told of quotas: their sums by namespace, some time after they have changed.

use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_engine::database::Database;
use paddock_net::replica_status::{NamespaceQuota, ReplicaStatus};

/// They are added up no more often than this.
const APART: Duration = Duration::from_secs(1);
/// No more quotas are added up: it takes about a microsecond for each, in a turn.
const QUOTAS_MAX: usize = 1024;

pub struct QuotaFigures {
    /// The newest transaction of what is told.
    told: Option<Zxid>,
    /// Something is told.
    has_some: bool,
    next: Instant,
}

impl QuotaFigures {
    pub fn new(now: Instant) -> QuotaFigures {
        QuotaFigures { told: None, has_some: false, next: now }
    }

    /// Tells what there is, if it has changed and was not told a moment ago.
    pub fn tell(&mut self, database: &Database, status: &ReplicaStatus, now: Instant) {
        if self.is_due(database) && now >= self.next {
            self.told = Some(database.last_zxid());
            self.next = now + APART;
            let quotas: Vec<NamespaceQuota> = database
                .quota_sums(QUOTAS_MAX)
                .into_iter()
                .map(|sums| NamespaceQuota {
                    namespace: sums.namespace,
                    count_limit: sums.count_limit,
                    bytes_limit: sums.bytes_limit,
                    count_usage: sums.count_usage,
                    bytes_usage: sums.bytes_usage,
                })
                .collect();
            self.has_some = !quotas.is_empty();
            status.set_quotas(quotas);
        }
    }

    /// How long there is nothing to tell, if there is something then.
    pub fn until_due(&self, database: &Database, now: Instant) -> Option<Duration> {
        self.is_due(database).then(|| self.next.saturating_duration_since(now))
    }

    fn is_due(&self, database: &Database) -> bool {
        (self.has_some || database.has_quotas()) && self.told != Some(database.last_zxid())
    }
}

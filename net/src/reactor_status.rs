//! What one reactor counts.

use std::time::Duration;

use paddock_engine::event::EventKind;

use crate::counter::Counter;
use crate::distribution::{Distribution, Latency};
use crate::limits::Admission;
use crate::namespaces::Namespaces;
use crate::sizes::Sizes;
use crate::stages::ReactorStages;

/// The figures of one reactor, which is the only one to write them.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ReactorStatus {
    /// Frames and four-letter words that have come.
    pub received: Counter,
    /// Reads and pings that were answered in the turn in which they came. They have no latency.
    pub at_once: Counter,
    /// Other replies, notifications and other answers.
    pub sent_later: Counter,
    pub connections: Counter,
    /// Requests that the replica has and has not answered.
    pub outstanding: Counter,
    pub watches: Counter,
    /// The memory of its connections, bytes: what they have not read, have not sent to the end, or have to wait for.
    pub connection_bytes: Counter,
    /// How long others waited for their answers that change nothing.
    pub reads: Latency,
    /// How long those waited that change something.
    pub updates: Latency,
    pub read_bytes: Counter,
    pub written_bytes: Counter,
    /// Bytes of replies, without their own lengths, to anything but pings and handshakes.
    pub response_bytes: Counter,
    /// Of the same, of pings and of notifications.
    pub responses: Sizes,
    /// What reads have read, by namespace, bytes.
    pub read_by_namespace: Namespaces,
    /// Bytes of notifications, without their own lengths.
    pub watch_bytes: Counter,
    /// How many connections were told of one event, of those events of which any was told.
    pub told: ToldWatchers,
    /// How many reads of one connection ran behind a write that was answered.
    pub reads_behind_write: Distribution,
    /// Likewise of all connections, behind the writes of one version; and of how many connections.
    pub reads_behind_version: Distribution,
    pub connections_drained: Distribution,
    pub handshakes: HandshakeStatus,
    pub authentications: AuthenticationStatus,
    /// How long the last stages of writes took, and turns.
    pub stages: ReactorStages,
    /// Connections that were found closed by their clients.
    pub dropped: Counter,
    /// Answers of the replica whose connection was gone, but for those to the ends of sessions.
    pub stale_replies: Counter,
    /// Connections that were closed because they had had their time.
    pub late: Counter,
    /// Connections that were closed because there was no room for a large request.
    pub large_rejected: Counter,
}

/// How many connections were told of one event, by its kind.
#[derive(Debug, Default)]
pub struct ToldWatchers {
    pub created: Distribution,
    pub deleted: Distribution,
    pub changed: Distribution,
    pub children: Distribution,
}

/// Connections that have come, and what they asked for first.
#[derive(Debug, Default)]
pub struct HandshakeStatus {
    /// Those that the throttle let go on.
    pub admitted: Counter,
    /// Those of them that came back with a session.
    pub with_session: Counter,
    /// Connections that were not taken: for the throttle, for the limits of their number, or because they could not be accepted.
    pub rejected: Counter,
    /// TLS handshakes that came to no end, or to a bad one.
    pub failed: Counter,
    /// Connections that were closed because as many TLS handshakes were under way as may be.
    pub exceeded: Counter,
    /// Secure connections that were closed when they were opened, because nobody is served.
    pub unserved: Counter,
    /// Those that failed, and those by whose certificate nobody may enter.
    pub refused: Counter,
    /// Connections to a port without TLS, or where the client chooses, from this machine and from others.
    pub plain_local: Counter,
    pub plain_remote: Counter,
    /// How many tokens the throttle's bucket lacked, for each that it let go on.
    pub token_deficit: Distribution,
    /// The chance of being turned away, as the bits of an f64.
    drop_chance: Counter,
}

/// Auth packets, by what they came to.
#[derive(Debug, Default)]
pub struct AuthenticationStatus {
    /// Those that proved something, or added nothing to what was known.
    pub proven: Counter,
    /// Those that proved nothing. Their connections were closed.
    pub failed: Counter,
    /// Those of the scheme ensemble that named this one, another one, and none where one was asked for.
    pub ensemble_right: Counter,
    pub ensemble_wrong: Counter,
    pub ensemble_unasked: Counter,
}

impl ReactorStatus {
    /// What counts events begins anew, as ZooKeeper's `srst` has it; what there is at this moment stays. For the one who
    /// writes them.
    pub fn reset(&self) {
        let ReactorStatus { handshakes, told, authentications, .. } = self;
        for counter in [
            &self.received,
            &self.at_once,
            &self.sent_later,
            &self.read_bytes,
            &self.written_bytes,
            &self.response_bytes,
            &self.watch_bytes,
            &self.dropped,
            &self.stale_replies,
            &self.late,
            &self.large_rejected,
            &handshakes.admitted,
            &handshakes.with_session,
            &handshakes.rejected,
            &handshakes.failed,
            &handshakes.exceeded,
            &handshakes.unserved,
            &authentications.proven,
            &authentications.failed,
            &authentications.ensemble_right,
            &authentications.ensemble_wrong,
            &authentications.ensemble_unasked,
        ] {
            counter.set(0);
        }
        for distribution in [
            &told.created,
            &told.deleted,
            &told.changed,
            &told.children,
            &self.reads_behind_write,
            &self.reads_behind_version,
            &self.connections_drained,
            &handshakes.token_deficit,
        ] {
            distribution.reset();
        }
        self.reads.reset();
        self.updates.reset();
        self.responses.reset();
        self.stages.reset();
        self.read_by_namespace.reset();
    }

    /// Everything that was sent to clients.
    pub fn sent(&self) -> u64 {
        self.at_once.get().wrapping_add(self.sent_later.get())
    }

    /// Notes so many answers that did not come in the turn of their requests. They `update`, or are to reads.
    pub fn note_latency(&self, latency: Duration, answers: u64, update: bool) {
        let noted = if update { &self.updates } else { &self.reads };
        noted.note_many(latency, answers);
    }

    /// Notes that so many connections were told of an event, in so many bytes each.
    pub fn note_told(&self, kind: EventKind, connections: u64, bytes: usize) {
        let told = match kind {
            EventKind::Created => &self.told.created,
            EventKind::Deleted => &self.told.deleted,
            EventKind::DataChanged => &self.told.changed,
            EventKind::ChildrenChanged => &self.told.children,
        };
        let bytes = bytes.saturating_sub(LENGTH_BYTES) as u64;
        told.note(connections);
        self.sent_later.add(connections);
        self.watch_bytes.add(connections.saturating_mul(bytes));
        if connections > 0 {
            self.responses.note(bytes);
        }
    }
}

/// What stands before a frame.
const LENGTH_BYTES: usize = 4;

impl HandshakeStatus {
    /// Notes what the throttle has said of a handshake.
    pub fn note(&self, Admission { is_admitted, token_deficit, drop_chance }: Admission) {
        self.set_drop_chance(drop_chance);
        if is_admitted {
            self.admitted.add(1);
            self.token_deficit.note(token_deficit);
        } else {
            self.rejected.add(1);
        }
    }

    fn set_drop_chance(&self, chance: f64) {
        self.drop_chance.set(chance.to_bits());
    }

    /// 0 to 1.
    pub fn drop_chance(&self) -> f64 {
        f64::from_bits(self.drop_chance.get())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use paddock_engine::event::EventKind;

    use super::ReactorStatus;
    use crate::limits::Admission;

    #[test]
    fn what_counts_events_begins_anew_and_what_is_there_stays() {
        let status = ReactorStatus::default();
        status.connections.set(3);
        status.at_once.add(2);
        status.note_latency(Duration::from_millis(7), 1, true);
        status.response_bytes.add(20);
        status.responses.note(20);
        status.note_told(EventKind::Deleted, 5, 34);
        status.read_by_namespace.note(b"/a/b", 9);
        assert_eq!((status.sent(), status.watch_bytes.get(), status.response_bytes.get()), (7, 150, 20));
        assert_eq!(status.responses.told(), [30, 20, 30], "notifications are among them");
        assert_eq!((status.updates.millis().totals.max, status.told.deleted.totals().sum), (7, 5));
        status.reset();
        assert_eq!((status.sent(), status.watch_bytes.get(), status.response_bytes.get()), (0, 0, 0));
        assert_eq!((status.updates.millis().totals.count, status.told.deleted.totals().count), (0, 0));
        assert_eq!((status.connections.get(), status.responses.told()), (3, [-1; 3]));
    }

    #[test]
    fn a_handshake_is_admitted_or_rejected_and_the_last_chance_told() {
        let status = ReactorStatus::default();
        let handshakes = &status.handshakes;
        assert_eq!(handshakes.drop_chance(), 0.0);
        for (is_admitted, token_deficit, drop_chance) in [(true, 3, 0.5), (false, 7, 0.125)] {
            handshakes.note(Admission { is_admitted, token_deficit, drop_chance });
        }
        assert_eq!((handshakes.admitted.get(), handshakes.rejected.get(), handshakes.drop_chance()), (1, 1, 0.125));
        assert_eq!(handshakes.token_deficit.totals().sum, 3, "only of those that go on");
    }
}

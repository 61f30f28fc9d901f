//! Where the time of a write goes: the stages of its way through the server of its client, one behind the other, so that their
//! sum is its latency there.
//!
//! ```text
//! a server that orders    queued · ordered ─────────────────── submitted · synced · quorum · released · answered · written
//! a follower or observer  queued · forwarded · agreed ──────────────────────────────────── · released · answered · written
//! ```
//! A stage ends where the next one begins, by clocks that are read once a turn. What is true of all writes of a version, which is
//! a turn's or a part of that, is noted once with their number: nothing here is done for each write but what tells how long it was
//! queued or, on a server that does not order, forwarded and agreed on.

use std::time::{Duration, Instant};

use crate::distribution::{Distribution, micros};
use crate::recent::Recent;

/// One of the stages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteStage {
    Queued,
    Ordered,
    Forwarded,
    Agreed,
    Submitted,
    Synced,
    Quorum,
    Released,
    Answered,
    Written,
}

impl WriteStage {
    /// In the order of the way.
    pub const ALL: [WriteStage; 10] = [
        WriteStage::Queued,
        WriteStage::Ordered,
        WriteStage::Forwarded,
        WriteStage::Agreed,
        WriteStage::Submitted,
        WriteStage::Synced,
        WriteStage::Quorum,
        WriteStage::Released,
        WriteStage::Answered,
        WriteStage::Written,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            WriteStage::Queued => "queued",
            WriteStage::Ordered => "ordered",
            WriteStage::Forwarded => "forwarded",
            WriteStage::Agreed => "agreed",
            WriteStage::Submitted => "submitted",
            WriteStage::Synced => "synced",
            WriteStage::Quorum => "quorum",
            WriteStage::Released => "released",
            WriteStage::Answered => "answered",
            WriteStage::Written => "written",
        }
    }

    /// What happens in it.
    pub const fn what(self) -> &'static str {
        match self {
            WriteStage::Queued => "from when it was decoded to when the replica took it",
            WriteStage::Ordered => {
                "it and all others of the turn are checked, ordered, put into the log's buffer and applied"
            }
            WriteStage::Forwarded => {
                "from when a follower or observer sent it to the leader to when its proposal came back"
            }
            WriteStage::Agreed => "from there to when a follower or observer was told that it is committed",
            WriteStage::Submitted => "it waits until the log's disk takes the next group",
            WriteStage::Synced => "its group is written and made durable, up to when that is seen",
            WriteStage::Quorum => "it is durable here, and waits for other servers",
            WriteStage::Released => {
                "it is committed, and on its way into the queues of the reactors; a server that does not order applies it"
            }
            WriteStage::Answered => "its answer waits for its reactor",
            WriteStage::Written => "its answer is put together and written to the socket, with all others of the turn",
        }
    }
}

/// So many groups and versions are kept for whoever draws them.
pub const RECENT_MAX: usize = 4096;
/// So many long turns of a reactor are.
pub const LONG_TURNS_MAX: usize = 256;
/// A reactor's turn is long from here on: others have waited for it.
pub const LONG_TURN: Duration = Duration::from_millis(5);

/// What the replica notes. Times are in microseconds.
#[derive(Debug, Default)]
pub struct ReplicaStages {
    pub ordered: Distribution,
    pub forwarded: Distribution,
    pub agreed: Distribution,
    pub submitted: Distribution,
    pub synced: Distribution,
    pub quorum: Distribution,
    pub released: Distribution,
    /// Beside the way: from when a leader's turn began to when what it has proposed in it was handed to the links.
    pub sent: Distribution,
    /// See [`GroupEntry`].
    pub groups: Recent<{ GroupEntry::WORDS }, RECENT_MAX>,
    /// See [`VersionEntry`].
    pub versions: Recent<{ VersionEntry::WORDS }, RECENT_MAX>,
}

impl ReplicaStages {
    /// What counts begins anew; what was noted last stays. For its one writer.
    pub fn reset(&self) {
        let ReplicaStages { ordered, forwarded, agreed, submitted, synced, quorum, released, sent, .. } = self;
        let all = [ordered, forwarded, agreed, submitted, synced, quorum, released, sent];
        all.into_iter().for_each(Distribution::reset);
    }

    /// A version of a server that orders is in the queues, with so many answers.
    pub fn note_ordered(&self, way: &Way, answers: u64) {
        let Way { ordered, submitted, synced, quorum, released, .. } = *way;
        for (stage, time) in [
            (&self.ordered, ordered),
            (&self.submitted, submitted),
            (&self.synced, synced),
            (&self.quorum, quorum),
            (&self.released, released),
        ] {
            stage.note_many(time.into(), answers);
        }
    }
}

/// What a reactor notes. Times are in microseconds.
#[derive(Debug, Default)]
pub struct ReactorStages {
    pub answered: Distribution,
    pub written: Distribution,
    /// Beside the way: from when a poll returned to when its turn began to write. Where the replica has its turn in the same
    /// thread, that is part of it.
    pub turns: Distribution,
    /// When turns began that took [long](LONG_TURN), and how long they took.
    pub long_turns: Recent<2, LONG_TURNS_MAX>,
}

impl ReactorStages {
    /// What counts begins anew; what was noted last stays. For its one writer.
    pub fn reset(&self) {
        [&self.answered, &self.written, &self.turns].into_iter().for_each(Distribution::reset);
    }
}

/// How the writes of a version went up to its release.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Way {
    /// Whether this server has ordered them; otherwise its leader has.
    pub is_ordered_here: bool,
    /// When the replica took them; on a server that does not order, when it took what is committed.
    pub taken: Instant,
    /// When it was released to the reactors.
    pub released_at: Instant,
    /// How long each stage took, microseconds. On a server that does not order, only the last one took any.
    pub ordered: u32,
    pub submitted: u32,
    pub synced: u32,
    pub quorum: u32,
    pub released: u32,
}

/// The moments of a version, some of which are not known: what is not, took no time.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// See [`Way`].
    pub is_ordered_here: bool,
    pub taken: Instant,
    pub ordered: Option<Instant>,
    pub submitted: Option<Instant>,
    pub synced: Option<Instant>,
    pub committed: Instant,
    pub released: Instant,
}

impl Way {
    /// Each stage ends where the next begins, and none goes beyond the commit but the last: a leader's commit may come before its
    /// own disk is done, and then the disk is not what was waited for.
    pub fn of(moments: &Moments) -> Way {
        let Moments { is_ordered_here, taken, released: released_at, .. } = *moments;
        // Nanoseconds from there: numbers are told apart in a tenth of what moments take.
        let since = |moment: Instant| nanos(moment.saturating_duration_since(taken));
        let synced = moments.synced.map(since);
        let committed = match synced {
            Some(synced) if moments.synced == Some(moments.committed) => synced,
            _ => since(moments.committed),
        };
        let until_released = since(released_at);
        let committed = committed.min(until_released);
        let mut at = 0;
        let mut until = |moment: Option<u64>| {
            let from = at;
            at = moment.map_or(at, |moment| moment.min(committed).max(at));
            short_micros(at - from)
        };
        let ordered = until(moments.ordered.map(since));
        let submitted = until(moments.submitted.map(since));
        // While it has not been submitted, or is not durable, the rest of the time is that of the stage it is in.
        let synced = until(moments.submitted.and(synced));
        let rest = until(Some(committed));
        let released = short_micros(until_released - committed);
        let way = Way { is_ordered_here, taken, released_at, ordered, submitted, synced, quorum: 0, released };
        match (moments.ordered, moments.submitted, moments.synced) {
            (Some(_), None, _) => Way { submitted: rest, ..way },
            // Others were faster than this server's own disk.
            _ => Way { quorum: rest, ..way },
        }
    }
}

/// 584 years at most.
fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos().into())
}

/// Microseconds, rounded. A time of more than an hour is told as one of 71 minutes.
fn short_micros(nanos: u64) -> u32 {
    u32::try_from(nanos.saturating_add(500) / 1000).unwrap_or(u32::MAX)
}

/// A group of transactions that the log has written. Times are in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct GroupEntry {
    /// Its last transaction.
    pub zxid: i64,
    /// Transactions: so many writes waited for it.
    pub records: u64,
    pub bytes: u64,
    /// When it was submitted, by the clock of the status.
    pub submitted_at: u64,
    /// How long it filled before.
    pub filled: u64,
    /// From its submission to the sight of its completion.
    pub took: u64,
}

impl GroupEntry {
    pub const WORDS: usize = 6;

    pub fn words(&self) -> [u64; GroupEntry::WORDS] {
        let GroupEntry { zxid, records, bytes, submitted_at, filled, took } = *self;
        [zxid as u64, records, bytes, submitted_at, filled, took]
    }
}

/// A version that was released. Times are in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct VersionEntry {
    /// Its last transaction.
    pub zxid: i64,
    /// Answers to clients of this server.
    pub answers: u64,
    /// When its writes were taken, by the clock of the status, and how long each stage took from there.
    pub taken_at: u64,
    pub ordered: u64,
    pub submitted: u64,
    pub synced: u64,
    pub quorum: u64,
    pub released: u64,
    /// Of a leader: whose acknowledgement made its quorum, by the number of the server; -1 where that is not known.
    pub by: i64,
}

impl VersionEntry {
    pub const WORDS: usize = 9;

    pub fn words(&self) -> [u64; VersionEntry::WORDS] {
        let VersionEntry { zxid, answers, taken_at, ordered, submitted, synced, quorum, released, by } = *self;
        [zxid as u64, answers, taken_at, ordered, submitted, synced, quorum, released, by as u64]
    }
}

/// What a leader notes of each server that acknowledges. Times are in microseconds.
#[derive(Debug, Default)]
pub struct PeerStages {
    /// From when a transaction was sent to when its acknowledgement was seen, of all.
    pub acknowledged: Distribution,
    /// The same, of those transactions that were committed by this acknowledgement: they had waited for this server.
    pub awaited: Distribution,
}

impl PeerStages {
    pub fn reset(&self) {
        [&self.acknowledged, &self.awaited].into_iter().for_each(Distribution::reset);
    }
}

/// Answers that were put into outputs in this turn and are not written yet.
#[derive(Default)]
pub struct Unwritten {
    /// Since when so many have waited. Nearly always these are all.
    first: Option<(Instant, u64)>,
    /// Those since other moments.
    others: Vec<(Instant, u64)>,
}

/// Other moments that are told apart; what comes later counts with the last of them.
const OTHERS_MAX: usize = 64;

impl Unwritten {
    /// So many have waited to be written since then.
    pub fn add(&mut self, since: Instant, answers: u64) {
        let is_full = self.others.len() == OTHERS_MAX;
        match self.others.last_mut().or(self.first.as_mut()) {
            Some((last, count)) if *last == since || is_full => *count += answers,
            Some(_) => self.others.push((since, answers)),
            None => self.first = Some((since, answers)),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// All of them are written now.
    pub fn note(&mut self, now: Instant, written: &Distribution) {
        let note = |(since, answers)| written.note_many(micros(now.saturating_duration_since(since)), answers);
        self.first.take().into_iter().for_each(note);
        if !self.others.is_empty() {
            self.others.drain(..).for_each(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{GroupEntry, Moments, ReplicaStages, Unwritten, VersionEntry, Way, WriteStage};
    use crate::distribution::Distribution;

    /// Milliseconds of ordered, submitted, synced, quorum, released.
    fn millis(way: &Way) -> [u32; 5] {
        [way.ordered, way.submitted, way.synced, way.quorum, way.released].map(|micros| micros / 1000)
    }

    fn way(ordered: Option<u64>, submitted: Option<u64>, synced: Option<u64>, committed: u64, released: u64) -> Way {
        let taken = Instant::now();
        let at = |millis: u64| taken + Duration::from_millis(millis);
        Way::of(&Moments {
            is_ordered_here: ordered.is_some(),
            taken,
            ordered: ordered.map(at),
            submitted: submitted.map(at),
            synced: synced.map(at),
            committed: at(committed),
            released: at(released),
        })
    }

    #[test]
    fn stages_follow_each_other() {
        assert_eq!(millis(&way(Some(1), Some(3), Some(8), 8, 9)), [1, 2, 5, 0, 1]);
        assert_eq!(millis(&way(Some(1), Some(3), Some(8), 20, 21)), [1, 2, 5, 12, 1], "it waited for others");
    }

    #[test]
    fn a_commit_before_the_own_disk_ends_the_wait() {
        assert_eq!(millis(&way(Some(1), Some(3), Some(8), 5, 6)), [1, 2, 2, 0, 1]);
        assert_eq!(millis(&way(Some(1), Some(3), None, 5, 6)), [1, 2, 0, 2, 1], "it waited for others");
        assert_eq!(millis(&way(Some(1), None, None, 5, 6)), [1, 4, 0, 0, 1], "the log's disk had not taken it");
        assert_eq!(millis(&way(Some(1), Some(9), None, 5, 6)), [1, 4, 0, 0, 1]);
    }

    #[test]
    fn what_was_not_ordered_here_is_only_released() {
        assert_eq!(millis(&way(None, None, None, 0, 7)), [0, 0, 0, 0, 7]);
    }

    #[test]
    fn whatever_the_moments_are_the_sum_is_from_taken_to_released() {
        let some = [None, Some(0), Some(2), Some(5), Some(11)];
        for ordered in some {
            for submitted in some {
                for synced in some {
                    for (committed, released) in [(0, 0), (0, 4), (3, 4), (4, 4), (9, 12)] {
                        let way = way(ordered, submitted, synced, committed, released);
                        let sum: u32 = millis(&way).iter().sum();
                        assert_eq!(
                            u64::from(sum),
                            released,
                            "{ordered:?} {submitted:?} {synced:?} {committed} {way:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_version_is_noted_with_the_number_of_its_answers() {
        let (stages, way) = (ReplicaStages::default(), way(Some(1), Some(3), Some(8), 8, 9));
        stages.note_ordered(&way, 100);
        stages.note_ordered(&way, 0);
        for (stage, sum) in [(&stages.ordered, 100_000), (&stages.synced, 500_000), (&stages.quorum, 0)] {
            assert_eq!((stage.totals().count, stage.totals().sum), (100, sum));
        }
        stages.reset();
        assert_eq!(stages.synced.totals().count, 0);
    }

    #[test]
    fn answers_are_written_together_each_since_its_moment() {
        let (mut unwritten, written, start) = (Unwritten::default(), Distribution::default(), Instant::now());
        unwritten.add(start, 2);
        unwritten.add(start, 1);
        unwritten.add(start + Duration::from_micros(10), 1);
        assert!(!unwritten.is_empty());
        unwritten.note(start + Duration::from_micros(30), &written);
        assert_eq!((written.totals().count, written.totals().sum), (4, 3 * 30 + 20));
        assert!(unwritten.is_empty());
        (0..1000).for_each(|micros| unwritten.add(start + Duration::from_micros(micros), 1));
        unwritten.note(start + Duration::from_secs(1), &written);
        assert_eq!(written.totals().count, 1004, "none is lost where moments are too many");
    }

    #[test]
    fn entries_are_as_many_words_as_they_say() {
        let group = GroupEntry { zxid: -1, records: 2, bytes: 3, submitted_at: 4, filled: 5, took: 6 };
        assert_eq!(group.words(), [u64::MAX, 2, 3, 4, 5, 6]);
        let version = VersionEntry { zxid: 1, by: -1, ..VersionEntry::default() };
        assert_eq!((version.words()[0], version.words()[8]), (1, u64::MAX));
        assert_eq!(
            WriteStage::ALL.map(WriteStage::name).iter().collect::<std::collections::HashSet<_>>().len(),
            WriteStage::ALL.len()
        );
    }
}

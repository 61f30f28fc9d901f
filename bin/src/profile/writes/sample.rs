//! What a server has told at one moment, and what was between two moments.

use std::collections::BTreeMap;

use paddock_consensus::config::HostPort;
use paddock_net::distribution::value_at;
use paddock_net::histogram::{BUCKETS, bucket_of, value_of};
use paddock_net::stages::WriteStage;
use serde_json::Value;

use crate::status::target::Target;
use crate::status::word::printable;

/// Values that were counted in buckets; times are in microseconds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    pub count: u64,
    pub sum: u64,
    /// By their buckets, up to the last one that has any.
    buckets: Vec<u64>,
}

impl Counts {
    fn of(told: &Value) -> Option<Counts> {
        let (count, sum) = (told["count"].as_u64()?, told["sum"].as_u64()?);
        let mut buckets = Vec::new();
        for pair in told["buckets"].as_array()? {
            let bucket = usize::try_from(pair[0].as_u64()?).ok().filter(|bucket| *bucket < BUCKETS)?;
            if buckets.len() <= bucket {
                buckets.resize(bucket + 1, 0);
            }
            buckets[bucket] = pair[1].as_u64()?;
        }
        Some(Counts { count, sum, buckets })
    }

    /// What has come since then. A server that has begun to count anew has all of it since then.
    pub fn since(&self, before: &Counts) -> Counts {
        let before_of = |bucket: usize| before.buckets.get(bucket).copied().unwrap_or(0);
        let is_anew = self.count < before.count
            || self.sum < before.sum
            || before.buckets.len() > self.buckets.len()
            || self.buckets.iter().enumerate().any(|(bucket, count)| *count < before_of(bucket));
        if is_anew {
            return self.clone();
        }
        let buckets = self.buckets.iter().enumerate().map(|(bucket, count)| count - before_of(bucket)).collect();
        Counts { count: self.count - before.count, sum: self.sum - before.sum, buckets }
    }

    /// 0 where there is none.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// The value that so large a part of all is not above; 0 where there is none.
    pub fn at(&self, part: f64) -> f64 {
        let counted = self.buckets.iter().fold(0_u64, |sum, count| sum.saturating_add(*count));
        let place = ((part * counted as f64).ceil() as u64).max(1);
        value_at(&self.buckets, place).unwrap_or(0) as f64
    }

    /// Which part of their sum values have that are so large or larger; 0 where there is none.
    pub fn share_from(&self, least: u64) -> f64 {
        let sum = |from: usize| -> f64 {
            self.buckets
                .iter()
                .enumerate()
                .skip(from)
                .map(|(bucket, count)| *count as f64 * value_of(bucket) as f64)
                .sum()
        };
        sum(bucket_of(least)) / sum(0).max(1.0)
    }
}

/// A group of the log. Times are in microseconds, by the clock of its server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    pub zxid: i64,
    pub records: u64,
    pub bytes: u64,
    pub submitted_at: u64,
    pub filled: u64,
    pub took: u64,
}

/// A version that was released. Times are in microseconds, by the clock of its server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    pub zxid: i64,
    pub answers: u64,
    pub taken_at: u64,
    /// Ordered, submitted, synced, quorum, released.
    pub stages: [u64; 5],
    /// Whose acknowledgement made the quorum.
    pub by: Option<i64>,
}

impl Version {
    /// The stages that it has, in their order.
    pub const STAGES: [WriteStage; 5] =
        [WriteStage::Ordered, WriteStage::Submitted, WriteStage::Synced, WriteStage::Quorum, WriteStage::Released];
}

/// A long turn of a reactor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LongTurn {
    pub began: u64,
    pub took: u64,
}

/// A server that acknowledges to this leader.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Peer {
    pub acknowledged: Counts,
    pub awaited: Counts,
}

/// All that was told.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    pub version: String,
    pub mode: String,
    /// Its number in the ensemble, if it is a member of one.
    pub server: Option<i64>,
    /// Where clients reach it, as it says.
    pub client: HostPort,
    /// When its process began, and now, by its clock.
    pub began: u64,
    pub micros: u64,
    /// In the order of [`WriteStage::ALL`].
    pub stages: Vec<Counts>,
    pub beside: BTreeMap<String, Counts>,
    pub peers: BTreeMap<i64, Peer>,
    pub groups: Vec<(u64, Group)>,
    pub versions: Vec<(u64, Version)>,
    pub turns: Vec<LongTurn>,
}

impl Sample {
    /// What an AdminServer has answered; `None` if that is something else.
    pub fn of(told: &Value) -> Option<Sample> {
        let text = |key: &str| told[key].as_str().map(printable);
        let stages = WriteStage::ALL.iter().map(|stage| Counts::of(&told["stages"][stage.name()]));
        let beside = told["beside"].as_object()?.iter().map(|(name, counts)| Some((name.clone(), Counts::of(counts)?)));
        let peers = told["peers"].as_object()?.iter().map(|(server, peer)| {
            let [acknowledged, awaited] = ["acknowledged", "awaited"].map(|key| Counts::of(&peer[key]));
            Some((server.parse::<i64>().ok()?, Peer { acknowledged: acknowledged?, awaited: awaited? }))
        });
        let words = |key: &str| -> Option<Vec<Vec<i64>>> { told[key].as_array()?.iter().map(words_of).collect() };
        Some(Sample {
            version: text("version")?,
            mode: text("mode")?,
            server: told["server"].as_i64(),
            client: Target::parse(told["client"].as_str()?)?.address,
            began: told["began"].as_u64()?,
            micros: told["micros"].as_u64()?,
            stages: stages.collect::<Option<_>>()?,
            beside: beside.collect::<Option<_>>()?,
            peers: peers.collect::<Option<_>>()?,
            groups: words("groups")?.iter().map(|words| group_of(words)).collect::<Option<_>>()?,
            versions: words("versions")?.iter().map(|words| version_of(words)).collect::<Option<_>>()?,
            turns: words("turns")?.iter().map(|words| turn_of(words)).collect::<Option<_>>()?,
        })
    }

    pub fn stage(&self, stage: WriteStage) -> &Counts {
        let place = WriteStage::ALL.iter().position(|one| *one == stage).expect("all of them are there");
        &self.stages[place]
    }

    /// What was measured beside the way, by its name; nothing where the server does not tell it.
    pub fn beside(&self, name: &str) -> Counts {
        self.beside.get(name).cloned().unwrap_or_default()
    }

    /// What was counted since then; what was noted last is that of this sample.
    pub fn since(&self, before: &Sample) -> Sample {
        let none = Counts::default();
        let beside = self
            .beside
            .iter()
            .map(|(name, counts)| (name.clone(), counts.since(before.beside.get(name).unwrap_or(&none))));
        let no_peer = Peer::default();
        let peers = self.peers.iter().map(|(server, peer)| {
            let former = before.peers.get(server).unwrap_or(&no_peer);
            let (acknowledged, awaited) =
                (peer.acknowledged.since(&former.acknowledged), peer.awaited.since(&former.awaited));
            (*server, Peer { acknowledged, awaited })
        });
        Sample {
            stages: self.stages.iter().zip(&before.stages).map(|(now, before)| now.since(before)).collect(),
            beside: beside.collect(),
            peers: peers.collect(),
            ..self.clone()
        }
    }
}

fn words_of(entry: &Value) -> Option<Vec<i64>> {
    entry.as_array()?.iter().map(Value::as_i64).collect()
}

fn time(word: i64) -> Option<u64> {
    u64::try_from(word).ok()
}

fn group_of(words: &[i64]) -> Option<(u64, Group)> {
    let [number, zxid, records, bytes, submitted_at, filled, took] = *words else { return None };
    let group = Group {
        zxid,
        records: time(records)?,
        bytes: time(bytes)?,
        submitted_at: time(submitted_at)?,
        filled: time(filled)?,
        took: time(took)?,
    };
    Some((time(number)?, group))
}

fn version_of(words: &[i64]) -> Option<(u64, Version)> {
    let [number, zxid, answers, taken_at, ordered, submitted, synced, quorum, released, by] = *words else {
        return None;
    };
    let stages = [time(ordered)?, time(submitted)?, time(synced)?, time(quorum)?, time(released)?];
    let by = (by >= 0).then_some(by);
    Some((time(number)?, Version { zxid, answers: time(answers)?, taken_at: time(taken_at)?, stages, by }))
}

fn turn_of(words: &[i64]) -> Option<LongTurn> {
    let [began, took] = *words else { return None };
    Some(LongTurn { began: time(began)?, took: time(took)? })
}

#[cfg(test)]
pub mod tests {
    use paddock_net::histogram::bucket_of;
    use paddock_net::stages::WriteStage;
    use serde_json::{Value, json};

    use super::{Counts, Sample};

    /// Of so many values of one size.
    pub fn counts(value: u64, count: u64) -> Value {
        json!({ "count": count, "sum": value * count, "max": value, "buckets": [[bucket_of(value), count]] })
    }

    /// Of a leader with one peer, where each stage took its place in microseconds, 10 and up, and the disk 5 ms.
    pub fn told(writes: u64) -> Value {
        let micros = |place: usize| if WriteStage::ALL[place] == WriteStage::Synced { 5000 } else { 10 + place as u64 };
        let stages: serde_json::Map<String, Value> = (0..WriteStage::ALL.len())
            .map(|place| (WriteStage::ALL[place].name().to_owned(), counts(micros(place), writes)))
            .collect();
        json!({
            "version": "3.9.5", "mode": "leader", "server": 1, "client": "0.0.0.0:2181", "began": 1_000_000, "micros": 9_000_000,
            "stages": stages,
            "beside": { "update": counts(5200, writes), "sync": counts(5000, writes) },
            "peers": { "2": { "acknowledged": counts(7000, writes), "awaited": counts(7000, writes / 2) } },
            "groups": [[1, 5, 3, 4096, 8_000_000, 40, 5000], [2, 9, 4, 4096, 8_006_000, 10, 30_000]],
            "versions": [[7, 5, 3, 7_999_000, 11, 900, 5000, 20, 30, 2], [8, 9, 4, 8_005_000, 11, 900, 30_000, 0, 30, -1]],
            "turns": [[8_001_000, 12_000]],
            "command": "stages", "error": null,
        })
    }

    #[test]
    fn a_sample_is_what_was_told() {
        let sample = Sample::of(&told(100)).expect("it is one");
        assert_eq!((sample.stages.len(), sample.stage(WriteStage::Synced).count), (WriteStage::ALL.len(), 100));
        assert_eq!(sample.peers[&2].awaited.count, 50);
        assert_eq!((sample.groups[1].0, sample.groups[1].1.took, sample.versions[0].1.by), (2, 30_000, Some(2)));
        assert_eq!((sample.versions[1].1.by, sample.turns[0].took), (None, 12_000));
    }

    #[test]
    fn what_is_no_sample_is_none() {
        for key in ["version", "client", "began", "micros", "stages", "beside", "peers", "groups", "versions", "turns"]
        {
            let mut told = told(1);
            told[key] = json!("x");
            if key != "version" {
                assert_eq!(Sample::of(&told), None, "{key}");
            }
            told[key] = json!([[1, 2]]);
            assert!(key == "turns" || Sample::of(&told).is_none(), "{key}");
        }
        assert_eq!(
            Counts::of(&json!({ "count": 1, "sum": 1, "buckets": [[1_000_000, 1]] })),
            None,
            "there is no such bucket"
        );
    }

    #[test]
    fn large_values_have_a_share_of_the_sum() {
        let counts =
            |buckets: Value| Counts::of(&json!({ "count": 1, "sum": 1, "buckets": buckets })).expect("they are some");
        let few = counts(json!([[bucket_of(10), 900], [bucket_of(30), 100]]));
        assert!((few.share_from(30) - 0.25).abs() < 0.01 && few.share_from(31) == 0.0, "{}", few.share_from(30));
        assert_eq!((few.share_from(0), counts(json!([])).share_from(5)), (1.0, 0.0));
    }

    #[test]
    fn what_was_between_is_the_difference() {
        let (before, after) = (Sample::of(&told(100)).expect("it is one"), Sample::of(&told(250)).expect("it is one"));
        let between = after.since(&before);
        let synced = between.stage(WriteStage::Synced);
        assert_eq!((synced.count, synced.mean()), (150, 5000.0));
        assert!((synced.at(0.5) - 5000.0).abs() < 5000.0 / 31.0, "{}", synced.at(0.5));
        assert_eq!((between.peers[&2].awaited.count, between.beside("sync").count), (75, 150));
        assert_eq!(between.beside("nothing"), Counts::default());
        let anew = before.since(&after);
        assert_eq!(anew.stage(WriteStage::Synced).count, 100, "it counts anew");
        let none = after.since(&after);
        assert_eq!(
            (
                none.stage(WriteStage::Synced).count,
                none.stage(WriteStage::Synced).mean(),
                none.stage(WriteStage::Synced).at(0.99)
            ),
            (0, 0.0, 0.0)
        );
    }
}

//! The command `stages`, which ZooKeeper does not have: how long the stages of writes take, and what was written and released last.
//!
//! What is counted is told since the start, so that whoever asks twice knows what was between. Of the newest groups of the log,
//! versions and long turns those are told that come behind the numbers in the query: `groups`, `versions`, `turns`. All times are
//! in microseconds.

use std::collections::BTreeMap;
use std::time::Instant;

use paddock_net::distribution::{Distribution, Values};
use paddock_net::stages::{LONG_TURNS_MAX, WriteStage};
use paddock_net::status::Status;

use super::json::{Fields, Json, named};
use super::outcome::{Outcome, Refusal};
use super::source::Source;
use crate::http::{Request, parameter};

/// `stages`.
pub fn stages(source: &Source, request: &Request) -> Result<Outcome, Refusal> {
    let after = |name| parameter(request.query.as_deref(), name).and_then(|text| text.parse().ok()).unwrap_or(0);
    let status = &source.status;
    let (groups, versions) = (&status.replica.stages.groups, &status.replica.stages.versions);
    let server = source.member.as_ref().map_or(Json::Null, |(me, _)| me.0.into());
    Ok(Outcome::of(named([
        ("version", status.version.as_str().into()),
        ("mode", source.mode().into()),
        ("server", server),
        // Whoever looks for another server of this machine sees that this is not the one.
        ("client", source.client_address().to_string().into()),
        // Whoever subtracts what was told before sees that this is another process.
        ("began", status.clock.anchor_millis().saturating_mul(1000).into()),
        ("micros", status.clock.micros(Instant::now()).into()),
        ("stages", Json::Object(way(status))),
        ("beside", Json::Object(beside(status))),
        ("peers", Json::Object(peers(status))),
        ("groups", entries(groups.after(after("groups")))),
        ("versions", entries(versions.after(after("versions")))),
        ("turns", entries(long_turns(status, after("turns")))),
    ])))
}

/// The stages of the way, in its order.
fn way(status: &Status) -> Fields {
    WriteStage::ALL.iter().map(|stage| (stage.name().to_owned(), values(&values_of(status, *stage)))).collect()
}

/// The values of a stage, of all threads together.
pub fn values_of(status: &Status, stage: WriteStage) -> Values {
    let stages = &status.replica.stages;
    match stage {
        WriteStage::Queued => status.replica.requests.waited.micros.values(),
        WriteStage::Ordered => stages.ordered.values(),
        WriteStage::Forwarded => stages.forwarded.values(),
        WriteStage::Agreed => stages.agreed.values(),
        WriteStage::Submitted => stages.submitted.values(),
        WriteStage::Synced => stages.synced.values(),
        WriteStage::Quorum => stages.quorum.values(),
        WriteStage::Released => stages.released.values(),
        WriteStage::Answered => Values::of_all(status.reactors.iter().map(|reactor| &reactor.stages.answered)),
        WriteStage::Written => Values::of_all(status.reactors.iter().map(|reactor| &reactor.stages.written)),
    }
}

/// What is measured beside the way.
fn beside(status: &Status) -> Fields {
    let log = &status.replica.log;
    named([
        ("update", values(&Values::of_all(status.reactors.iter().map(|reactor| &reactor.updates.micros)))),
        ("sync", values(&log.flushing.micros.values())),
        ("filling", values(&log.filling.micros.values())),
        ("together", values(&log.together.values())),
        ("turn", values(&status.replica.turns.micros.values())),
        ("reactor_turn", values(&Values::of_all(status.reactors.iter().map(|reactor| &reactor.stages.turns)))),
        ("sent", values(&status.replica.stages.sent.values())),
    ])
}

/// Those who acknowledge to this leader, or did to the one that it was last, by the numbers of the servers.
fn peers(status: &Status) -> Fields {
    let mut peers = BTreeMap::new();
    status.member.leading.peers.for_each(|server, peer| {
        let of = |distribution: &Distribution| values(&distribution.values());
        peers.insert(server, Json::object([("acknowledged", of(&peer.acknowledged)), ("awaited", of(&peer.awaited))]));
    });
    peers.into_iter().map(|(server, peer)| (server.0.to_string(), peer)).collect()
}

/// Count, sum and greatest, and pairs of a bucket and how many values it has.
fn values(values: &Values) -> Json {
    let buckets = values.counts().iter().enumerate().filter(|(_, count)| **count > 0);
    Json::object([
        ("count", values.totals.count.into()),
        ("sum", values.totals.sum.into()),
        ("max", values.totals.max.into()),
        (
            "buckets",
            Json::Array(buckets.map(|(bucket, count)| Json::Array(vec![bucket.into(), (*count).into()])).collect()),
        ),
    ])
}

/// Each entry as its number and its words.
fn entries<const WORDS: usize>(entries: Vec<(u64, [u64; WORDS])>) -> Json {
    let entry = |(number, words): (u64, [u64; WORDS])| {
        // Zxids and numbers of servers are signed; what is counted has no such values.
        let words = words.into_iter().map(|word| Json::Number(word as i64));
        Json::Array(std::iter::once(Json::from(number)).chain(words).collect())
    };
    Json::Array(entries.into_iter().map(entry).collect())
}

/// The long turns of all reactors that began behind a moment, by that; their numbers are their moments.
fn long_turns(status: &Status, after: u64) -> Vec<(u64, [u64; 1])> {
    let all = status.reactors.iter().flat_map(|reactor| reactor.stages.long_turns.after(0));
    let mut turns: Vec<(u64, [u64; 1])> =
        all.map(|(_, [began, took])| (began, [took])).filter(|(began, _)| *began > after).collect();
    turns.sort_unstable();
    turns.drain(..turns.len().saturating_sub(LONG_TURNS_MAX));
    turns
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;
    use paddock_net::stages::{GroupEntry, WriteStage};
    use paddock_net::status::{ReactorStatus, Status};

    use super::{Json, beside, entries, long_turns, peers, way};

    #[test]
    fn every_stage_is_told_with_its_buckets() {
        let status = Status { reactors: vec![ReactorStatus::default(), ReactorStatus::default()], ..Status::default() };
        status.replica.stages.synced.note_many(7, 3);
        status.reactors[0].stages.written.note(2);
        status.reactors[1].stages.written.note(900);
        let told = way(&status);
        assert_eq!(
            told.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            WriteStage::ALL.map(WriteStage::name)
        );
        let text = Json::Object(told).print();
        assert!(text.contains(
            "\"synced\" : {\n    \"count\" : 3,\n    \"sum\" : 21,\n    \"max\" : 7,\n    \"buckets\" : [ [ 7, 3 ] ]"
        ));
        assert!(text.contains("\"count\" : 2,\n    \"sum\" : 902,"), "{text}");
        assert_eq!(beside(&status).len(), 7);
    }

    #[test]
    fn entries_have_their_numbers_and_peers_their_names() {
        let status = Status { reactors: vec![ReactorStatus::default(), ReactorStatus::default()], ..Status::default() };
        status.replica.stages.groups.note(GroupEntry { zxid: -1, records: 2, ..GroupEntry::default() }.words());
        assert_eq!(entries(status.replica.stages.groups.after(0)).print(), "[ [ 1, -1, 2, 0, 0, 0, 0 ] ]");
        assert_eq!(entries(status.replica.stages.groups.after(1)).print(), "[ ]");
        for (reactor, began) in [(0, 30), (1, 20), (0, 40)] {
            status.reactors[reactor].stages.long_turns.note([began, 6000]);
        }
        assert_eq!(long_turns(&status, 20), [(30, [6000]), (40, [6000])]);
        for server in [3, 1] {
            status.member.leading.peers.with(ServerId(server), |peer| peer.awaited.note(5));
        }
        assert_eq!(peers(&status).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["1", "3"]);
    }
}

//! What was found, as text for people and as JSON for programs. Times are in microseconds in both.

use paddock_net::stages::{LONG_TURN, WriteStage};
use serde_json::{Map, Value, json};

use super::course::{Course, stages, sum_of_means, writes};
use super::sample::{Counts, Sample};
use crate::table::{Table, grouped, micros};

const COLUMNS: [&str; 7] = ["times in us", "writes", "mean", "share", "p50", "p99", "p99.9"];
/// What is measured beside the stages, and how that is told.
const BESIDE: [(&str, &str); 5] = [
    ("update", "latency of updates"),
    ("sync", "sync of a group"),
    ("turn", "turn of the replica"),
    ("reactor_turn", "turn of a reactor"),
    ("sent", "sent to learners"),
];
/// A part of the time that is worth a sentence.
const LARGE: f64 = 0.25;

/// Of all servers.
pub fn text(courses: &[Course]) -> String {
    courses.iter().map(text_of).collect::<Vec<_>>().join("\n")
}

fn text_of(course: &Course) -> String {
    let mut text = headline(course);
    match course.whole() {
        Some(whole) if writes(&whole) > 0 => {
            text += &format!("\n{}\n", table(&whole));
            text.extend(sentences(&whole).iter().map(|sentence| format!("* {sentence}\n")));
        }
        Some(_) => text += "no write was answered here meanwhile\n",
        None => {}
    }
    text
}

/// Who it is, and what it does.
pub fn headline(course: &Course) -> String {
    let target = &course.target;
    let said = course.last().map(|last| {
        let role = if last.mode.is_empty() { "serves nobody" } else { last.mode.as_str() };
        format!("{role}, {}", last.version)
    });
    let error = course.error.as_ref().map(|error| format!("no answer of its AdminServer: {error}"));
    match (said, error) {
        (said, Some(error)) => {
            format!("{target}{}: {error}\n", said.map(|said| format!(" ({said})")).unwrap_or_default())
        }
        (Some(said), None) => format!("{target} ({said}): {:.1} s\n", course.seconds),
        (None, None) => format!("{target}\n"),
    }
}

/// A row for each stage, their sum, and what is measured beside.
pub fn table(sample: &Sample) -> String {
    let mut table = Table::new(&COLUMNS);
    let sum = sum_of_means(sample);
    for (stage, counts) in stages(sample) {
        table.row(row(stage.name(), counts, Some(counts.mean() / sum.max(f64::MIN_POSITIVE))));
    }
    let of_all = vec![
        "sum".into(),
        grouped(writes(sample)),
        us(sum),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    ];
    table.row(of_all);
    for (name, told) in BESIDE {
        let counts = sample.beside(name);
        if counts.count > 0 {
            table.row(row(told, &counts, None));
        }
    }
    for (server, peer) in &sample.peers {
        for (counts, told) in [(&peer.acknowledged, "acknowledged by"), (&peer.awaited, "waited for")] {
            if counts.count > 0 {
                table.row(row(&format!("{told} server.{server}"), counts, None));
            }
        }
    }
    table.text()
}

fn us(value: f64) -> String {
    micros(value * 1000.0)
}

fn row(name: &str, counts: &Counts, share: Option<f64>) -> Vec<String> {
    let share = share.map(|share| format!("{:.0} %", share * 100.0)).unwrap_or_default();
    let at = |part| us(counts.at(part));
    vec![name.to_owned(), grouped(counts.count), us(counts.mean()), share, at(0.5), at(0.99), at(0.999)]
}

/// What takes the most time, and whose affair that is.
pub fn sentences(sample: &Sample) -> Vec<String> {
    let sum = sum_of_means(sample);
    let mut large: Vec<(WriteStage, f64)> =
        stages(sample).iter().map(|(stage, counts)| (*stage, counts.mean() / sum.max(f64::MIN_POSITIVE))).collect();
    large.retain(|(_, share)| *share >= LARGE);
    large.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let mut told: Vec<String> = large
        .iter()
        .map(|(stage, share)| format!("{:.0} % is {}: {}.", share * 100.0, stage.name(), cause(*stage)))
        .collect();
    told.extend(awaited(sample));
    let turns = sample.beside("reactor_turn");
    // However few they are: whoever comes at any moment waits for them as long as they last.
    let share = turns.share_from(u64::try_from(LONG_TURN.as_micros()).unwrap_or(u64::MAX));
    if share >= LARGE {
        told.push(format!(
            "Turns of a reactor took up to {} us, and the long ones {:.0} % of the time of all turns: it was busy with something \
             long, as a large list of children, and everybody else waited for it.",
            us(turns.at(1.0)),
            share * 100.0
        ));
    }
    told
}

fn cause(stage: WriteStage) -> &'static str {
    match stage {
        WriteStage::Queued => "the replica, or the reactor in whose thread it is, was busy with others",
        WriteStage::Ordered => "this is the work of the replica itself",
        WriteStage::Forwarded => "the leader and the way to it and back; profile the leader too",
        WriteStage::Agreed => "the leader's disk and those of a quorum; profile the leader too",
        WriteStage::Submitted => "the log's disk was busy with earlier groups",
        WriteStage::Synced => "this is the log's disk; paddock profile fsync measures it alone",
        WriteStage::Quorum => "other servers were waited for after this one had it on its disk",
        WriteStage::Released => "the replica had other work before, or a reactor took nothing",
        WriteStage::Answered => "the reactor was busy with others",
        WriteStage::Written => "the reactor wrote to many others, or long replies, in the same turn",
    }
}

/// Of a leader: who was waited for most.
fn awaited(sample: &Sample) -> Option<String> {
    let all = sample.peers.values().fold(0_u64, |sum, peer| sum.saturating_add(peer.awaited.count));
    let (server, peer) = sample.peers.iter().max_by_key(|(_, peer)| peer.awaited.count)?;
    if peer.awaited.count == 0 {
        return None;
    }
    let share = 100.0 * peer.awaited.count as f64 / all as f64;
    let who = if sample.server == Some(*server) { "this server itself".to_owned() } else { format!("server.{server}") };
    Some(format!(
        "The quorum was complete with the acknowledgement of {who} for {share:.0} % of transactions, {} us after they were sent.",
        us(peer.awaited.mean())
    ))
}

/// All of it.
pub fn json(courses: &[Course]) -> String {
    let servers: Vec<Value> = courses.iter().map(json_of).collect();
    let json = json!({ "tool": "paddock profile", "version": env!("CARGO_PKG_VERSION"), "servers": servers });
    format!("{json:#}\n")
}

fn json_of(course: &Course) -> Value {
    let whole = course.whole();
    let stages: Option<Map<String, Value>> = whole.as_ref().map(|whole| {
        WriteStage::ALL.iter().map(|stage| (stage.name().to_owned(), counts_json(whole.stage(*stage)))).collect()
    });
    let beside: Option<Map<String, Value>> = whole
        .as_ref()
        .map(|whole| whole.beside.iter().map(|(name, counts)| (name.clone(), counts_json(counts))).collect());
    let peers: Option<Map<String, Value>> = whole.as_ref().map(|whole| {
        let peers = whole.peers.iter();
        let told = peers.map(|(server, peer)| {
            let peer =
                json!({ "acknowledged": counts_json(&peer.acknowledged), "awaited": counts_json(&peer.awaited) });
            (server.to_string(), peer)
        });
        told.collect()
    });
    let groups: Vec<Value> = course
        .groups
        .iter()
        .map(|group| json!([course.here(group.submitted_at), group.took, group.records, group.bytes, group.filled]))
        .collect();
    json!({
        "address": course.target.address.to_string(),
        "server": whole.as_ref().and_then(|whole| whole.server),
        "mode": whole.as_ref().map(|whole| &whole.mode),
        "error": course.error,
        "seconds": course.seconds,
        "writes": whole.as_ref().map(writes),
        "sum_of_means_us": whole.as_ref().map(sum_of_means),
        "stages": stages,
        "beside": beside,
        "peers": peers,
        "groups": groups,
        "sentences": whole.as_ref().filter(|whole| writes(whole) > 0).map(sentences),
    })
}

fn counts_json(counts: &Counts) -> Value {
    json!({
        "count": counts.count,
        "mean_us": counts.mean(),
        "p50_us": counts.at(0.5),
        "p90_us": counts.at(0.9),
        "p99_us": counts.at(0.99),
        "p99_9_us": counts.at(0.999),
        "max_us": counts.at(1.0),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::course::Course;
    use super::super::course::tests::course;
    use super::super::sample::Sample;
    use super::super::sample::tests::{counts, told};
    use super::{json, sentences, text};
    use crate::status::target::Target;

    #[test]
    fn stages_stand_in_their_order_and_their_sum_below() {
        let text = text(&[course()]);
        let names: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .skip_while(|name| *name != "queued")
            .take(11)
            .collect();
        let expected = [
            "queued",
            "ordered",
            "forwarded",
            "agreed",
            "submitted",
            "synced",
            "quorum",
            "released",
            "answered",
            "written",
            "sum",
        ];
        assert_eq!(names, expected, "{text}");
        for words in [
            "zk1:2181 (leader, 3.9.5): 2.0 s\n",
            "% is synced: this is the log's disk;",
            "acknowledgement of server.2 for 100 %",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn few_long_turns_are_told_of_if_they_take_much_of_the_time() {
        let with = |turns: Value| {
            let mut told = told(100);
            told["beside"]["reactor_turn"] = turns;
            sentences(&Sample::of(&told).expect("it is one"))
                .iter()
                .any(|sentence| sentence.starts_with("Turns of a reactor "))
        };
        let buckets = |long: u64| {
            let [mut few, many] = [counts(20_000, long), counts(20, 100_000)];
            let bucket = many["buckets"][0].clone();
            few["buckets"].as_array_mut().expect("a list").push(bucket);
            few
        };
        assert!(!with(counts(20, 100_000)) && !with(buckets(10)), "a tenth of the time");
        assert!(with(buckets(50)), "a third of it, in one turn of two thousand");
    }

    #[test]
    fn a_server_without_an_answer_is_told_as_one() {
        let mut course = Course::new(Target::parse("zk2:2181").expect("an address"));
        course.hear(Err(std::io::Error::other("connection refused")), std::time::Duration::ZERO);
        assert_eq!(text(&[course]), "zk2:2181: no answer of its AdminServer: connection refused\n");
    }

    #[test]
    fn the_json_holds_the_same_figures() {
        let json: Value = serde_json::from_str(&json(&[course()])).expect("it is JSON");
        let server = &json["servers"][0];
        assert_eq!(
            (server["writes"].as_u64(), server["stages"]["synced"]["mean_us"].as_f64()),
            (Some(200), Some(5000.0))
        );
        assert_eq!(server["groups"].as_array().map(Vec::len), Some(4));
        assert_eq!(server["groups"][0][0], 0, "a second after the first answer, less the second of the server's clock");
        assert!(server["sentences"][0].as_str().is_some_and(|sentence| sentence.contains("synced")), "{server}");
    }
}

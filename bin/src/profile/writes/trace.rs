//! What was noted last of each server, in the format of Chrome's traces, which Perfetto and chrome://tracing open: a process
//! for each server, with lanes of syncs, of versions with their stages, and of long turns. An arrow leads from a version to the
//! sync that it waited for.

use serde_json::{Value, json};

use super::course::Course;
use super::sample::{Group, Version};

/// Lanes of one kind; what does not fit between others in any of them is put into the last one.
const LANES_MAX: usize = 64;
/// The numbers of the first lanes of each kind.
const SYNCS: usize = 1;
const TURNS: usize = SYNCS + LANES_MAX;
const VERSIONS: usize = TURNS + LANES_MAX;

/// The whole file.
pub fn trace(courses: &[Course]) -> String {
    let mut events = Vec::new();
    for (place, course) in courses.iter().enumerate() {
        Events { process: place + 1, events: &mut events }.tell(course);
    }
    format!("{}\n", json!({ "displayTimeUnit": "ms", "traceEvents": events }))
}

/// The events of one server.
struct Events<'a> {
    process: usize,
    events: &'a mut Vec<Value>,
}

impl Events<'_> {
    fn tell(&mut self, course: &Course) {
        let name = course.target.to_string();
        self.events.push(json!({ "ph": "M", "name": "process_name", "pid": self.process, "args": { "name": name } }));
        let mut lanes = Lanes::default();
        let mut syncs: Vec<(i64, SyncPlace)> = Vec::new();
        for group in &course.groups {
            let at = course.here(group.submitted_at);
            let lane = SYNCS + lanes.lane(at, group.took);
            self.group(group, at, lane);
            syncs.push((group.zxid, SyncPlace { at, lane }));
        }
        self.name_lanes(SYNCS, lanes.count(), "sync");
        let mut lanes = Lanes::default();
        for turn in &course.turns {
            let at = course.here(turn.began);
            let lane = TURNS + lanes.lane(at, turn.took);
            self.slice("reactor turn", at, turn.took, lane, json!({}));
        }
        self.name_lanes(TURNS, lanes.count(), "long turns of reactors");
        let mut lanes = Lanes::default();
        for (number, version) in course.versions.iter().enumerate() {
            let at = course.here(version.taken_at);
            let lane = VERSIONS + lanes.lane(at, took(version));
            self.version(version, at, lane);
            let place = syncs.partition_point(|(last, _)| *last < version.zxid);
            if let Some((_, sync)) = syncs.get(place).filter(|_| version.stages[2] > 0) {
                self.arrow(number, (at.saturating_add_unsigned(version.stages[0]), lane), sync);
            }
        }
        self.name_lanes(VERSIONS, lanes.count(), "versions");
    }

    fn name_lanes(&mut self, first: usize, count: usize, name: &str) {
        for lane in first..first + count {
            let args = json!({ "name": name });
            self.events
                .push(json!({ "ph": "M", "name": "thread_name", "pid": self.process, "tid": lane, "args": args }));
        }
    }

    fn slice(&mut self, name: &str, at: i64, took: u64, lane: usize, args: Value) {
        let pid = self.process;
        self.events
            .push(json!({ "ph": "X", "name": name, "ts": at, "dur": took, "pid": pid, "tid": lane, "args": args }));
    }

    fn group(&mut self, group: &Group, at: i64, lane: usize) {
        let Group { zxid, records, bytes, filled, took, .. } = *group;
        let args = json!({ "zxid": format!("0x{zxid:x}"), "writes": records, "bytes": bytes, "filled_us": filled });
        self.slice("sync", at, took, lane, args);
    }

    /// A slice with one for each stage in it.
    fn version(&mut self, version: &Version, at: i64, lane: usize) {
        let args =
            json!({ "zxid": format!("0x{:x}", version.zxid), "answers": version.answers, "quorum_by": version.by });
        self.slice("version", at, took(version), lane, args);
        let mut from = at;
        for (stage, micros) in Version::STAGES.into_iter().zip(version.stages) {
            if micros > 0 {
                self.slice(stage.name(), from, micros, lane, json!({}));
            }
            from = from.saturating_add_unsigned(micros);
        }
    }

    fn arrow(&mut self, number: usize, (at, lane): (i64, usize), sync: &SyncPlace) {
        let (pid, id) = (self.process, format!("{}.{number}", self.process));
        self.events
            .push(json!({ "ph": "s", "name": "waits", "cat": "sync", "id": id, "ts": at, "pid": pid, "tid": lane }));
        // It ends at the sync that is there at this moment.
        let ts = sync.at.max(at);
        self.events.push(json!({ "ph": "f", "bp": "e", "name": "waits", "cat": "sync", "id": id, "ts": ts, "pid": pid, "tid": sync.lane }));
    }
}

/// Where a sync is.
struct SyncPlace {
    at: i64,
    lane: usize,
}

/// From when its writes were taken to its release.
fn took(version: &Version) -> u64 {
    version.stages.iter().fold(0, |sum, micros| sum.saturating_add(*micros))
}

/// Slices of one lane are not told apart where one begins before another has ended: they go to different ones.
#[derive(Default)]
struct Lanes(Vec<i64>);

impl Lanes {
    /// The first lane that is free at that moment, from then on for so long.
    fn lane(&mut self, at: i64, took: u64) -> usize {
        let place = self.0.iter().position(|end| *end <= at).unwrap_or_else(|| {
            if self.0.len() < LANES_MAX {
                self.0.push(at);
            }
            self.0.len() - 1
        });
        self.0[place] = self.0[place].max(at.saturating_add_unsigned(took));
        place
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::course::tests::course;
    use super::{LANES_MAX, Lanes, trace};

    #[test]
    fn a_viewer_finds_what_its_format_asks_for() {
        let trace: Value = serde_json::from_str(&trace(&[course(), course()])).expect("it is JSON");
        let events = trace["traceEvents"].as_array().expect("a list");
        let of = |phase: &str| -> Vec<&Value> { events.iter().filter(|event| event["ph"] == phase).collect() };
        // For each of two servers: four syncs, two long turns, and four versions, of which one in two has no quorum to wait for.
        assert_eq!(of("X").len(), 2 * (4 + 2 + 4 + 2 * 5 + 2 * 4));
        for slice in of("X") {
            let has = |key: &str| slice[key].is_number();
            assert!(["ts", "dur", "pid", "tid"].into_iter().all(has) && slice["name"].is_string(), "{slice}");
        }
        assert_eq!((of("s").len(), of("f").len()), (8, 8));
        for (from, to) in of("s").into_iter().zip(of("f")) {
            assert!(from["id"] == to["id"] && from["ts"].as_i64() <= to["ts"].as_i64(), "{from} {to}");
        }
        let names = of("M");
        assert!(names.iter().filter(|event| event["name"] == "process_name").count() == 2, "{names:?}");
        assert!(names.iter().any(|event| event["args"]["name"] == "long turns of reactors"), "{names:?}");
        let processes = |process: u64| events.iter().filter(|event| event["pid"] == process).count();
        assert_eq!(processes(1), processes(2));
    }

    #[test]
    fn slices_that_overlap_are_in_different_lanes() {
        let mut lanes = Lanes::default();
        let taken = [(0, 10), (5, 10), (10, 5), (14, 1), (20, 1)].map(|(at, took)| lanes.lane(at, took));
        assert_eq!((taken, lanes.count()), ([0, 1, 0, 2, 0], 3));
        for _ in 0..2 * LANES_MAX {
            lanes.lane(100, 100);
        }
        assert_eq!(lanes.count(), LANES_MAX);
    }
}

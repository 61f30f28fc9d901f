//! Each promise is broken on purpose amid other things, and found, with a window that a person can look at.

use super::ensemble::{Ensemble, STEP, TIMEOUT_MS};
use crate::check::check;
use crate::history::{Change, EventType, WatchEvent, What};
use crate::operation::{Body, Mode, Operation, Reply, Stat, code};
use crate::source::Source;
use crate::violation::Kind;

/// What is planted and must be found.
struct Plant {
    name: &'static str,
    kind: Kind,
    /// Events and transactions that are shown at most.
    window: usize,
    with_log: Option<bool>,
    plant: fn(&mut Ensemble),
}

const PLANTS: &[Plant] = &[
    plant("a write that was acknowledged is not in the log", Kind::WriteLost, 1, Some(true), |ensemble| {
        let (one, _) = two(ensemble);
        let place = ensemble.call_apart(one, create("/p/lost"));
        let zxid = reply(ensemble, place).zxid;
        ensemble.log.retain(|transaction| transaction.zxid != zxid);
    }),
    plant("a write that was acknowledged is not there", Kind::WrongRead, 2, None, |ensemble| {
        let (one, other) = two(ensemble);
        ensemble.call_apart(one, create("/p/lost"));
        let read = read_apart(ensemble, other, "/p/lost");
        *reply(ensemble, read) = Reply { zxid: reply(ensemble, read).zxid, code: code::NO_NODE, body: Body::None };
    }),
    plant("a read after a sync is stale", Kind::StaleAfterSync, 3, None, |ensemble| {
        let (one, other) = two(ensemble);
        let sync = |ensemble: &mut Ensemble| ensemble.call_apart(other, Operation::Sync { path: "/".into() });
        let before = sync(ensemble);
        let zxid = reply(ensemble, before).zxid;
        ensemble.call_apart(one, create("/p/new"));
        let after = sync(ensemble);
        let read = ensemble.call_apart(other, Operation::Exists { path: "/p/new".into(), is_watched: false });
        reply(ensemble, after).zxid = zxid;
        *reply(ensemble, read) = Reply { zxid, code: code::NO_NODE, body: Body::None };
    }),
    plant("the zxid of a session falls", Kind::ZxidFell, 2, None, |ensemble| {
        let (one, other) = two(ensemble);
        read_apart(ensemble, other, "/p/never");
        ensemble.call_apart(one, create("/p/new"));
        read_apart(ensemble, other, "/p/never");
        ensemble.disconnect(other);
        ensemble.reconnect(other);
        let read = read_apart(ensemble, other, "/p/never");
        reply(ensemble, read).zxid -= 1;
    }),
    plant("two writes are ordered against real time", Kind::WriteOrder, 2, Some(false), |ensemble| {
        let (one, other) = two(ensemble);
        let first = ensemble.call_apart(one, Operation::Delete { path: "/p/none".into(), version: -1 });
        let second = ensemble.call_apart(other, Operation::Delete { path: "/p/none".into(), version: -1 });
        let (before, after) = (reply(ensemble, first).zxid, reply(ensemble, second).zxid);
        (reply(ensemble, first).zxid, reply(ensemble, second).zxid) = (after, before);
    }),
    plant("a zxid is given twice", Kind::ZxidTwice, 2, Some(false), |ensemble| {
        let (one, other) = two(ensemble);
        let first = ensemble.call_apart(one, Operation::Delete { path: "/p/none".into(), version: -1 });
        let second = ensemble.call_apart(other, Operation::Delete { path: "/p/none".into(), version: -1 });
        reply(ensemble, second).zxid = reply(ensemble, first).zxid;
    }),
    plant("an ephemeral outlives its session", Kind::EphemeralOutlived, 2, None, |ensemble| {
        let (one, other) = two(ensemble);
        ensemble.call_apart(one, ephemeral("/p/e"));
        let alive = read_apart(ensemble, other, "/p/e");
        ensemble.call_apart(one, Operation::Close);
        let read = read_apart(ensemble, other, "/p/e");
        let Reply { body, code, .. } = reply(ensemble, alive).clone();
        *reply(ensemble, read) = Reply { zxid: reply(ensemble, read).zxid, code, body };
    }),
    plant("an ephemeral is listed after the close of its session", Kind::EphemeralOutlived, 2, None, |ensemble| {
        let (one, other) = two(ensemble);
        ensemble.call_apart(one, ephemeral("/p/e"));
        ensemble.call_apart(one, Operation::Close);
        ensemble.call_apart(other, Operation::Sync { path: "/".into() });
        let read = ensemble.call_apart(other, Operation::GetChildren { path: "/p".into(), is_watched: false });
        let Body::Names(names, _) = &mut reply(ensemble, read).body else { panic!("names") };
        names.push("e".into());
    }),
    plant("an ephemeral vanishes before its session", Kind::EphemeralVanished, 2, None, |ensemble| {
        let (one, other) = two(ensemble);
        ensemble.call_apart(one, ephemeral("/p/e"));
        let read = read_apart(ensemble, other, "/p/e");
        *reply(ensemble, read) = Reply { zxid: reply(ensemble, read).zxid, code: code::NO_NODE, body: Body::None };
        ensemble.call_apart(one, Operation::Sync { path: "/".into() });
    }),
    plant("a session writes after its close", Kind::WriteAfterClose, 2, None, |ensemble| {
        let (one, _) = two(ensemble);
        ensemble.call_apart(one, Operation::Close);
        ensemble.call_apart(one, create("/p/ghost"));
    }),
    plant("a session is refused although it was heard", Kind::ExpiredEarly, 2, None, |ensemble| {
        let (one, _) = two(ensemble);
        ensemble.note(one, What::Heard);
        ensemble.now += u64::from(TIMEOUT_MS) * 1_000_000 - STEP;
        ensemble.note(one, What::Refused);
    }),
    plant("an ephemeral goes with a session that was heard", Kind::ExpiredEarly, 3, None, |ensemble| {
        let (one, other) = two(ensemble);
        ensemble.call_apart(one, ephemeral("/p/e"));
        ensemble.expire(one);
        ensemble.events.retain(|event| event.what != What::Refused);
        ensemble.note(one, What::Heard);
        let gone = ensemble.log.last().expect("the close").zxid;
        let read = read_apart(ensemble, other, "/p/e");
        assert!(reply(ensemble, read).zxid >= gone);
    }),
    plant("a watch fires twice", Kind::WatchTwice, 3, None, |ensemble| {
        let event = watched(ensemble, "/p/w", true);
        let twice = ensemble.events[event].clone();
        ensemble.events.push(twice);
    }),
    plant("a watch is lost", Kind::WatchLost, 3, None, |ensemble| {
        let event = watched(ensemble, "/p/w", true);
        ensemble.events.remove(event);
    }),
    plant("an event comes after the data", Kind::EventLate, 4, None, |ensemble| {
        let event = watched(ensemble, "/p/w", true);
        let late = ensemble.events.remove(event);
        ensemble.events.push(late);
    }),
    plant("an event has the wrong type", Kind::EventUnfounded, 2, None, |ensemble| {
        let event = watched(ensemble, "/p/w", true);
        let What::WatchEvent(told) = &mut ensemble.events[event].what else { panic!("an event") };
        told.event_type = EventType::NodeDeleted;
    }),
    plant("an event has the wrong path", Kind::EventUnfounded, 2, None, |ensemble| {
        let event = watched(ensemble, "/p/w", true);
        let What::WatchEvent(told) = &mut ensemble.events[event].what else { panic!("an event") };
        told.path = "/p/x".into();
    }),
    plant("an event without a watch", Kind::EventUnfounded, 1, None, |ensemble| {
        let (one, other) = two(ensemble);
        let place = ensemble.call_apart(one, create("/p/w"));
        ensemble.call_apart(other, Operation::Sync { path: "/".into() });
        let zxid = reply(ensemble, place).zxid;
        let told = WatchEvent { zxid, event_type: EventType::NodeCreated, path: "/p/w".into() };
        ensemble.note(other, What::WatchEvent(told));
    }),
    plant("a persistent watch misses the second change", Kind::WatchLost, 3, None, |ensemble| {
        lost_by_lasting_watch(ensemble, Operation::AddWatch { path: "/p/w".into(), is_recursive: false });
    }),
    plant("a recursive watch misses the second change", Kind::WatchLost, 3, None, |ensemble| {
        lost_by_lasting_watch(ensemble, Operation::AddWatch { path: "/p".into(), is_recursive: true });
    }),
    plant("events come out of order", Kind::EventLate, 4, None, |ensemble| {
        let (one, other) = two(ensemble);
        for path in ["/p/v", "/p/w"] {
            ensemble.call_apart(other, Operation::Exists { path: path.into(), is_watched: true });
        }
        ensemble.call_apart(one, create("/p/v"));
        ensemble.call_apart(one, create("/p/w"));
        ensemble.call_apart(other, Operation::Sync { path: "/".into() });
        let session = ensemble.clients[other].session;
        let is_told = |place: &usize| {
            let event = &ensemble.events[*place];
            event.session == session && matches!(event.what, What::WatchEvent(_))
        };
        let told: Vec<usize> = (0..ensemble.events.len()).filter(is_told).collect();
        ensemble.events.swap(told[0], told[1]);
    }),
    plant("a setWatches does not tell what was missed", Kind::WatchLost, 3, None, |ensemble| {
        let (one, other) = two(ensemble);
        ensemble.call_apart(one, create("/p/w"));
        ensemble.call_apart(other, Operation::Sync { path: "/".into() });
        ensemble.call_apart(other, Operation::GetData { path: "/p/w".into(), is_watched: true });
        ensemble.disconnect(other);
        ensemble.call_apart(one, Operation::SetData { path: "/p/w".into(), data: None, version: -1 });
        let rewatch =
            crate::Rewatch { zxid: ensemble.clients[other].zxid, data: vec!["/p/w".into()], ..Default::default() };
        ensemble.reconnect(other);
        ensemble.call_apart(other, Operation::Sync { path: "/".into() });
        ensemble.call_apart(other, Operation::SetWatches(Box::new(rewatch)));
        let session = ensemble.clients[other].session;
        ensemble.events.retain(|event| event.session != session || !matches!(event.what, What::WatchEvent(_)));
    }),
    plant("half of a multi is not there", Kind::WrongRead, 2, None, |ensemble| {
        let (one, other) = two(ensemble);
        ensemble.call_apart(one, Operation::Multi(vec![create("/p/a"), create("/p/b")]));
        let read = read_apart(ensemble, other, "/p/b");
        *reply(ensemble, read) = Reply { zxid: reply(ensemble, read).zxid, code: code::NO_NODE, body: Body::None };
    }),
    plant("a failed multi is half done", Kind::WrongRead, 2, None, |ensemble| {
        let (one, other) = two(ensemble);
        let delete = Operation::Delete { path: "/p/none".into(), version: -1 };
        let place = ensemble.call_apart(one, Operation::Multi(vec![create("/p/a"), delete]));
        let zxid = reply(ensemble, place).zxid;
        let read = read_apart(ensemble, other, "/p/a");
        let stat = Stat { czxid: zxid, mzxid: zxid, pzxid: zxid, ..Stat::default() };
        *reply(ensemble, read) = Reply { zxid: reply(ensemble, read).zxid, code: code::OK, body: Body::Stat(stat) };
    }),
    plant("a sequential name is given twice", Kind::WrongReply, 3, None, |ensemble| {
        let (one, other) = two(ensemble);
        let mode = Mode { is_sequential: true, is_ephemeral: false };
        let sequential = || Operation::Create { path: "/p/s-".into(), data: None, mode };
        let first = ensemble.call_apart(one, sequential());
        let Body::PathStat(name, _) = reply(ensemble, first).body.clone() else { panic!("a name") };
        let second = ensemble.call_apart(other, sequential());
        let zxid = reply(ensemble, second).zxid;
        let Body::PathStat(path, _) = &mut reply(ensemble, second).body else { panic!("a name") };
        path.clone_from(&name);
        for transaction in ensemble.log.iter_mut().filter(|transaction| transaction.zxid == zxid) {
            transaction.change =
                Change::Done(Operation::Create { path: name.clone(), data: None, mode: Mode::default() });
        }
    }),
    plant("a conditional set succeeds at the wrong version", Kind::WrongReply, 2, None, |ensemble| {
        let (one, other) = two(ensemble);
        ensemble.call_apart(one, create("/p/a"));
        let place = ensemble.call_apart(other, Operation::SetData { path: "/p/a".into(), data: None, version: 0 });
        let What::Called { operation: Operation::SetData { version, .. }, .. } = &mut ensemble.events[place].what
        else {
            panic!("a set")
        };
        *version = 7;
    }),
    plant("a znode has data that nobody wrote", Kind::WrongRead, 2, None, |ensemble| {
        let (one, other) = two(ensemble);
        ensemble.call_apart(one, create("/p/a"));
        ensemble.call_apart(other, Operation::Sync { path: "/".into() });
        let read = ensemble.call_apart(other, Operation::GetData { path: "/p/a".into(), is_watched: false });
        let Body::Data(Some(data), _) = &mut reply(ensemble, read).body else { panic!("data") };
        data.digest ^= 1;
    }),
    plant("a later request is done without an earlier one", Kind::RequestSkipped, 3, Some(true), |ensemble| {
        let (one, _) = two(ensemble);
        ensemble.lose_all_but(one, vec![create("/p/a"), create("/p/b")], 2);
        ensemble.log.remove(ensemble.log.len() - 2);
    }),
    plant("the log has what nobody asked for", Kind::TransactionUnfounded, 1, Some(true), |ensemble| {
        let (one, _) = two(ensemble);
        let place = ensemble.call_apart(one, create("/p/a"));
        ensemble.events.remove(place);
    }),
];

const fn plant(
    name: &'static str,
    kind: Kind,
    window: usize,
    with_log: Option<bool>,
    plant: fn(&mut Ensemble),
) -> Plant {
    Plant { name, kind, window, with_log, plant }
}

/// Two new clients and a znode of their own.
fn two(ensemble: &mut Ensemble) -> (usize, usize) {
    let (one, other) = (ensemble.connect(), ensemble.connect());
    ensemble.call_apart(one, create("/p"));
    ensemble.call_apart(other, Operation::Sync { path: "/".into() });
    (one, other)
}

fn create(path: &str) -> Operation {
    let data = Some(crate::Data::of(path.as_bytes()));
    Operation::Create { path: path.into(), data, mode: Mode::default() }
}

fn ephemeral(path: &str) -> Operation {
    Operation::Create { path: path.into(), data: None, mode: Mode { is_ephemeral: true, is_sequential: false } }
}

fn reply(ensemble: &mut Ensemble, place: usize) -> &mut Reply {
    match &mut ensemble.events[place].what {
        What::Called { reply: Some(reply), .. } => reply,
        other => panic!("{other:?}"),
    }
}

/// What a znode is, as of now.
fn read_apart(ensemble: &mut Ensemble, client: usize, path: &str) -> usize {
    ensemble.call_apart(client, Operation::Sync { path: "/".into() });
    ensemble.call_apart(client, Operation::Exists { path: path.into(), is_watched: false })
}

/// A watch that fires, with a read behind it; says where its event is.
fn watched(ensemble: &mut Ensemble, path: &str, is_read_again: bool) -> usize {
    let (one, other) = two(ensemble);
    ensemble.call_apart(other, Operation::Exists { path: path.into(), is_watched: true });
    ensemble.call_apart(one, create(path));
    if is_read_again {
        read_apart(ensemble, other, path);
    }
    let session = ensemble.clients[other].session;
    let is_told = |place: &usize| {
        let event = &ensemble.events[*place];
        event.session == session && matches!(event.what, What::WatchEvent(_))
    };
    (0..ensemble.events.len()).rev().find(is_told).expect("the watch fired")
}

fn lost_by_lasting_watch(ensemble: &mut Ensemble, watch: Operation) {
    let (one, other) = two(ensemble);
    ensemble.call_apart(other, watch);
    ensemble.call_apart(one, create("/p/w"));
    ensemble.call_apart(one, Operation::SetData { path: "/p/w".into(), data: None, version: -1 });
    read_apart(ensemble, other, "/p/w");
    ensemble.events.retain(|event| match &event.what {
        What::WatchEvent(told) => told.event_type != EventType::NodeDataChanged || told.path != "/p/w",
        _ => true,
    });
}

/// Plants it amid other things and looks for it. Whether it was found; otherwise it was left undecided, which is only for where
/// there is no log: nobody is accused of what another order explains.
fn found(plant: &Plant, seed: u64, with_log: bool, noise: usize) -> Result<bool, String> {
    let mut ensemble = Ensemble::new(seed);
    ensemble.loses = with_log;
    (0..noise).for_each(|_| ensemble.noise());
    (plant.plant)(&mut ensemble);
    let history = ensemble.history(with_log);
    let report = check(&history);
    if noise > 0 && !with_log && report.violations.is_empty() && report.undecided.is_some() {
        return Ok(false);
    }
    let Some(violation) = report.violations.iter().find(|violation| violation.kind == plant.kind) else {
        return Err(format!("{}, with_log {with_log}: not found\n{}", plant.name, report.text(&history)));
    };
    let size = violation.window.len();
    let is_shown = violation.window.iter().all(|source| *source != Source::Start);
    match size <= plant.window && size > 0 && is_shown {
        true => Ok(true),
        false => Err(format!("{}: a window of {size}\n{}", plant.name, violation.text(&history))),
    }
}

/// All of them, both with the log and without it, where the promise does not need one of them. Returns how many were left
/// undecided.
fn find_all(seed: u64, noise: usize) -> Result<usize, String> {
    let mut undecided = 0;
    for plant in PLANTS {
        for with_log in plant.with_log.map_or(vec![true, false], |with_log| vec![with_log]) {
            undecided += usize::from(!found(plant, seed, with_log, noise)?);
        }
    }
    Ok(undecided)
}

#[test]
fn what_is_planted_alone_is_found() {
    let failed: Vec<String> = PLANTS
        .iter()
        .flat_map(|plant| {
            plant.with_log.map_or(vec![true, false], |one| vec![one]).into_iter().map(move |way| (plant, way))
        })
        .filter_map(|(plant, way)| found(plant, 1, way, 0).err())
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn every_field_of_a_stat_is_compared() {
    let change: [fn(&mut Stat); 9] = [
        |stat| stat.czxid += 1,
        |stat| stat.mzxid += 1,
        |stat| stat.pzxid += 1,
        |stat| stat.version += 1,
        |stat| stat.cversion += 1,
        |stat| stat.aversion += 1,
        |stat| stat.ephemeral_owner += 1,
        |stat| stat.data_length += 1,
        |stat| stat.num_children += 1,
    ];
    for (field, change) in change.into_iter().enumerate() {
        for with_log in [true, false] {
            let mut ensemble = Ensemble::new(field as u64);
            let (one, other) = two(&mut ensemble);
            ensemble.call_apart(one, create("/p/a"));
            ensemble.call_apart(one, Operation::SetAcl { path: "/p/a".into(), version: -1 });
            ensemble.call_apart(one, create("/p/a/b"));
            let read = read_apart(&mut ensemble, other, "/p/a");
            let Body::Stat(stat) = &mut reply(&mut ensemble, read).body else { panic!("a Stat") };
            change(stat);
            let report = check(&ensemble.history(with_log));
            let [violation] = &report.violations[..] else { panic!("field {field}: {report:?}") };
            assert!(violation.kind == Kind::WrongRead && violation.window.len() <= 2, "field {field}: {violation:?}");
        }
    }
}

#[test]
fn what_is_planted_amid_other_things_is_found() {
    let undecided: usize = (0..200)
        .map(|seed| find_all(seed, 1 + seed as usize % 120).unwrap_or_else(|text| panic!("seed {seed}: {text}")))
        .sum();
    assert_eq!(undecided, 0, "left undecided");
}

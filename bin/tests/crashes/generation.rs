//! Power cuts while a history that a leader has sent comes into place, in the next generation: a start finds the old history
//! or the new one, whole.

use std::path::{Path, PathBuf};

use paddock::node::recovery::{Present, Recovered, recover_present};
use paddock_consensus::Zxid;
use paddock_engine::database::{Database, Rules};
use paddock_engine::generation::Generation;
use paddock_engine::installation::{InPlace, IncomingState, Settings};
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{Effect, Fault, FileSystem, Moment, Operation, Seeded};
use paddock_engine::log::{Log, LogConfig};
use paddock_engine::progress::Progress;
use paddock_engine::replay::Before;
use paddock_engine::snapshot;
use paddock_engine::zookeeper::{OutputArchive, stream};

use crate::history::{History, SEED};

/// Ways in which each power cut is tried.
const WAYS: u64 = 8;

const OLD_SNAPSHOT: i64 = 8;
const OLD_LAST: i64 = 13;
/// Transactions after the new snapshot.
const NEW_REST: i64 = 3;

/// A machine with the old history, whose log is open, and what is brought in its place.
struct Change {
    machine: FileSystem,
    config: LogConfig,
    old: History,
    new: History,
    /// The transaction of the new snapshot.
    snapshot: i64,
}

/// What a start has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    Old,
    New,
}

fn history(seed: u64, last: i64) -> History {
    let (mut history, mut database) = (History::default(), Database::new(SEED, Rules::default()));
    let mut draws = Seeded::new(seed);
    for _ in 0..last {
        history.write(&mut database, &mut draws);
    }
    history
}

fn append(log: &mut Log, history: &History, zxids: impl IntoIterator<Item = i64>) {
    for zxid in zxids {
        let bytes = history.bytes(zxid).expect("the history has it");
        log.append(Zxid(zxid), |out| out.extend_from_slice(bytes));
        log.fence().expect("nothing fails");
    }
}

impl Change {
    fn new(log_dir: &str, snapshot: i64) -> Change {
        let machine = FileSystem::new(1);
        let files = Files::Simulated(machine.clone());
        let data_dir = PathBuf::from("/data");
        for directory in [&*data_dir, Path::new(log_dir)] {
            files.create_dir(directory).expect("nothing fails");
        }
        let config = LogConfig { files, data_dir, segment_bytes: 4096, first_bytes: 4096, ..LogConfig::new(log_dir) };
        let (old, new) = (history(1, OLD_LAST), history(2, snapshot + NEW_REST));
        Change { machine, config, old, new, snapshot }
    }

    /// Lives the old history. The log is as it is open.
    fn live(&self) -> Log {
        let present = recover_present(self.config.clone(), Rules::default()).expect("nothing is there");
        let mut log = present.recovered.log;
        append(&mut log, &self.old, 1..=OLD_LAST);
        let mut state = self.old.up_to(OLD_SNAPSHOT).state();
        let written = snapshot::write_state(&self.config.files, &self.config.data_dir, &mut state, &SEED);
        written.and_then(|written| written.publish()).expect("nothing fails");
        log
    }

    /// Makes the new history the one that counts.
    fn succeed(&self) -> Result<Log, String> {
        // The last of the state's transactions comes behind the stream, and those after the snapshot are not committed.
        let sent = self.new.up_to(self.snapshot - 1).state();
        let mut archive = OutputArchive::new(Vec::new());
        let sessions: Vec<_> = sent.sessions().collect();
        stream::write(&mut archive, &sent.tree().head(), &sessions).expect("memory takes it");
        stream::write_signature(&mut archive).expect("memory takes it");
        let settings = Settings { seed: SEED, rules: Rules::default(), length_max: 1 << 20, before: Before::Exact };
        let mut state = IncomingState::new(settings);
        let bytes = archive.finish().expect("memory takes it");
        bytes.chunks(500).for_each(|piece| assert_eq!(state.take(piece).expect("it is a state"), piece.len()));
        let mut state = state.finish(sent.last_zxid()).expect("it is a state");
        let record = |zxid: i64| (Zxid(zxid), self.new.bytes(zxid).expect("the history has it"));
        let (zxid, bytes) = record(self.snapshot);
        state.apply(zxid, bytes).expect("it is the next");
        state.settle().expect("it is whole");
        let proposals = (self.snapshot + 1..=self.new.last()).map(record);
        let placed =
            state.put_in_place(self.config.clone(), proposals, &mut || {}).map_err(|error| error.to_string())?;
        let InPlace { database, log, .. } = placed;
        self.new.up_to(self.snapshot).check(&database)?;
        Ok(log)
    }

    fn recover(&self, machine: &FileSystem) -> Result<(Generation, Recovered), String> {
        let config = LogConfig { files: Files::Simulated(machine.clone()), ..self.config.clone() };
        let present = recover_present(config, Rules::default()).map_err(|error| error.to_string())?;
        let Present { generation, recovered, mut former } = present;
        // While the present one is served.
        while former.work() == Progress::More {}
        Ok((generation, recovered))
    }

    /// Which of the two a start finds, with nothing of the other.
    fn start(&self, machine: &FileSystem) -> Result<(Found, Recovered), String> {
        let (generation, recovered) = self.recover(machine)?;
        for directory in [&self.config.data_dir, &self.config.dir] {
            let names = Files::Simulated(machine.clone()).list(directory).map_err(|error| error.to_string())?;
            if let Some(name) = names.iter().find(|name| name.to_string_lossy().contains("aside")) {
                return Err(format!("nobody has put {} back", name.display()));
            }
        }
        let (found, history) = match generation {
            Generation::FIRST => (Found::Old, &self.old),
            _ => (Found::New, &self.new),
        };
        history.check(&recovered.database)?;
        let last = recovered.database.last_zxid().0;
        if last != history.last() {
            return Err(format!("{found:?} ends with {last}"));
        }
        Ok((found, recovered))
    }

    /// Cuts the power at a moment, in one way. What is found goes on, and is found again.
    fn examine(&self, moment: &Moment, way: u64) -> Result<Found, String> {
        let left = moment.crashed(&mut Seeded::new(way));
        let (found, recovered) = self.start(&left)?;
        let (mut history, Recovered { mut database, mut log, .. }) = match found {
            Found::Old => (self.old.up_to(OLD_LAST), recovered),
            Found::New => (self.new.up_to(self.new.last()), recovered),
        };
        history.write(&mut database, &mut Seeded::new(way));
        append(&mut log, &history, [history.last()]);
        drop(log);
        let again = left.moment().crashed(&mut Seeded::new(way + 1));
        let (_, recovered) = self.recover(&again)?;
        history.check(&recovered.database)?;
        if recovered.database.last_zxid().0 != history.last() {
            return Err(format!("what came after {found:?} is lost"));
        }
        Ok(found)
    }
}

fn shapes() -> impl Iterator<Item = Change> {
    let snapshots = [3, OLD_SNAPSHOT, 10, OLD_LAST, 40];
    snapshots.into_iter().flat_map(|snapshot| [Change::new("/data", snapshot), Change::new("/log", snapshot)])
}

#[test]
fn a_power_cut_leaves_the_old_history_or_the_new_one() {
    let (mut olds, mut news) = (0, 0);
    for change in shapes() {
        let former = change.live();
        change.machine.record();
        let log = change.succeed().expect("nothing fails");
        drop((former, log));
        let told = change.machine.recorded_count();
        // The start that removes the old generation.
        let (found, recovered) = change.start(&change.machine).expect("it is whole");
        assert_eq!(found, Found::New);
        drop(recovered);
        let moments = change.machine.take_recorded();
        assert!(moments.len() > told + 5 && told > 20, "{} moments, {told} before the start", moments.len());
        for (at, moment) in moments.iter().enumerate() {
            for way in 0..WAYS {
                let found = change.examine(moment, way);
                let found = found.unwrap_or_else(|what| panic!("moment {at} of {}, {way}: {what}", change.snapshot));
                assert!(at < told || found == Found::New, "it counted when that was told");
                olds += u32::from(found == Found::Old);
                news += u32::from(found == Found::New);
            }
        }
        let list = |directory: &Path| {
            let mut names = change.config.files.list(directory).expect("it is there");
            names.sort();
            names
        };
        assert_eq!(list(&change.config.data_dir), ["paddock.generation", "paddock.generation.1"]);
        assert!(list(&change.config.dir).iter().all(|name| name != "paddock-1"));
    }
    assert!(olds > 100 && news > 100, "{olds} {news}");
}

/// A change that a power cut interrupted is made again.
#[test]
fn what_was_begun_and_never_counted_is_in_nobodys_way() {
    let change = Change::new("/log", 10);
    let former = change.live();
    change.machine.record();
    drop((change.succeed().expect("nothing fails"), former));
    for moment in change.machine.take_recorded() {
        for starts in [false, true] {
            let machine = moment.crashed(&mut Seeded::new(3));
            if starts {
                drop(change.start(&machine).expect("it is whole"));
            }
            let config = LogConfig { files: Files::Simulated(machine.clone()), ..change.config.clone() };
            let again = Change { machine, config, ..Change::new("/log", 10) };
            drop(again.succeed().expect("nothing fails"));
            let (found, _) = again.start(&again.machine).expect("it is whole");
            assert_eq!(found, Found::New);
        }
    }
}

/// An operation of a change, so many others of its kind after the first.
struct Step {
    operation: Operation,
    skipped: u64,
    path: String,
}

/// All operations of a change to another directory of the log.
fn steps() -> Vec<Step> {
    let change = Change::new("/log", 10);
    let former = change.live();
    change.machine.record();
    drop((change.succeed().expect("nothing fails"), former));
    let mut steps: Vec<Step> = Vec::new();
    for moment in change.machine.take_recorded() {
        let Some((operation, path)) = moment.next else { continue };
        let skipped = steps.iter().filter(|step| step.operation == operation).count() as u64;
        steps.push(Step { operation, skipped, path: path.display().to_string() });
    }
    steps
}

/// An operation of the change fails, and the process ends. What the next start finds was perhaps never synced: it is durable
/// before anything is served or removed.
#[test]
fn what_a_failed_operation_left_is_durable_before_it_is_used() {
    let mut news = 0;
    for Step { operation, skipped, .. } in steps() {
        let change = Change::new("/log", 10);
        let former = change.live();
        change.machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::Fails(libc::EIO) });
        drop((change.succeed(), former));
        let ended = change.machine.end_process(&mut Seeded::new(skipped));
        ended.clear_faults();
        ended.record();
        let (found, recovered) = change.start(&ended).expect("nothing fails any more");
        let served = ended.recorded_count();
        drop(recovered);
        news += u32::from(found == Found::New);
        let moments = ended.take_recorded();
        for (at, moment) in moments.iter().chain([&ended.moment()]).enumerate() {
            for way in 0..WAYS {
                let again = change.examine(moment, way);
                let again = again.unwrap_or_else(|what| panic!("{operation:?} {skipped}, moment {at}, {way}: {what}"));
                assert!(
                    at < served || again == found,
                    "{operation:?} {skipped}, moment {at}, {way}: {found:?} is lost"
                );
            }
        }
    }
    assert!(news > 1, "{news}");
}

/// Whether power cuts find out that a change goes without one of its operations.
fn finds_left_out(fault: Fault) -> bool {
    let change = Change::new("/log", 10);
    let former = change.live();
    change.machine.record();
    change.machine.add_fault(fault);
    let Ok(log) = change.succeed() else { return true };
    drop((former, log));
    let moments = change.machine.take_recorded();
    let told = change.machine.moment();
    let is_lost = |moment: &Moment, at: usize| {
        (0..WAYS).any(|way| match change.examine(moment, way) {
            Ok(found) => at == moments.len() && found == Found::Old,
            Err(_) => true,
        })
    };
    moments.iter().chain([&told]).enumerate().any(|(at, moment)| is_lost(moment, at))
}

/// Otherwise power cuts that find nothing would prove nothing.
#[test]
fn a_sync_that_is_left_out_is_found() {
    let mut found = Vec::new();
    for Step { operation, skipped, path } in steps() {
        if matches!(operation, Operation::SyncFile | Operation::SyncDirectory | Operation::Complete)
            && finds_left_out(Fault { operation, skipped, times: 1, effect: Effect::IsLeftOut })
        {
            found.push((operation, path));
        }
    }
    for needed in [
        (Operation::SyncFile, "/data/paddock.generation.tmp"),
        (Operation::SyncDirectory, "/data"),
        (Operation::SyncFile, "/data/paddock.generation.1/paddock-1/snapshot.tmp"),
        (Operation::SyncDirectory, "/data/paddock.generation.1"),
        (Operation::SyncDirectory, "/log"),
        (Operation::Complete, "/log/paddock.generation.1/paddock-1/log.0000000000000001"),
    ] {
        let is_found = found.iter().any(|(operation, path)| (*operation, &**path) == needed);
        assert!(is_found, "{needed:?} is not among {found:#?}");
    }
}

//! Power cuts while backups are taken: those that were told before are there, whole, and the next one goes on. And while a state is
//! restored: it is whole, or nothing starts with it.

use std::path::{Path, PathBuf};

use paddock::node::recovery::{Present, Recovered, recover_present};
use paddock_consensus::Zxid;
use paddock_engine::backup::{
    Backup, BackupDirectory, BackupError, Keep, Observer, Placement, Settings, Source, To, build, find, place,
    read_index, take, verify,
};
use paddock_engine::database::{Database, Rules};
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{Effect, Fault, FileSystem, Moment, Operation, Seeded};
use paddock_engine::log::{Log, LogConfig};
use paddock_engine::snapshot;

use crate::history::{History, SEED};

/// Ways in which each power cut is tried.
const WAYS: u64 = 6;
/// Transactions before each backup, and which of the backups has a snapshot before it.
const WRITTEN: [(i64, bool); 4] = [(7, false), (9, true), (4, false), (12, true)];
/// From this one on only the newest stays.
const KEPT_ALONE_FROM: usize = 3;

fn data() -> &'static Path {
    Path::new("/data")
}

fn logs() -> &'static Path {
    Path::new("/log")
}

fn backups() -> &'static Path {
    Path::new("/backup")
}

fn restored() -> &'static Path {
    Path::new("/restored")
}

/// Waits for nothing.
struct Eager;

impl Observer for Eager {
    fn expect(&mut self, _: u64) {}

    fn note(&mut self, _: u64) -> bool {
        true
    }

    fn wait(&mut self) -> bool {
        false
    }
}

/// A server that goes on while backups are taken.
struct Life {
    machine: FileSystem,
    files: Files,
    log: Log,
    database: Database,
    history: History,
    draws: Seeded,
}

impl Life {
    fn begin() -> Life {
        let machine = FileSystem::new(1);
        let files = Files::Simulated(machine.clone());
        for directory in [data(), logs()] {
            files.create_dir(directory).expect("nothing fails");
        }
        let (data_dir, segment_bytes) = (data().to_owned(), 64 << 10);
        let config = LogConfig {
            files: files.clone(),
            data_dir,
            segment_bytes,
            first_bytes: segment_bytes,
            ..LogConfig::new(logs())
        };
        let Present { recovered, .. } = recover_present(config, Rules::default()).expect("nothing is there");
        let Recovered { database, log, .. } = recovered;
        Life { machine, files, log, database, history: History::default(), draws: Seeded::new(1) }
    }

    fn write(&mut self, count: i64, with_snapshot: bool) {
        for _ in 0..count {
            let (zxid, bytes) = self.history.write(&mut self.database, &mut self.draws);
            self.log.append(zxid, |out| out.extend_from_slice(&bytes));
            self.log.fence().expect("nothing fails");
        }
        if with_snapshot {
            let mut state = self.history.up_to(self.history.last() - 2).state();
            let written = snapshot::write_state(&self.files, data(), &mut state, &SEED);
            written.and_then(|written| written.publish()).expect("nothing fails");
        }
    }
}

fn back_up(files: &Files, keep: Keep) -> Result<Backup, BackupError> {
    let source = Source { files, data_dir: data(), log_dir: logs() };
    let mut directory = BackupDirectory::open(files, backups())?;
    Ok(take(&source, &mut directory, keep, &mut Eager)?.backup)
}

fn keep(round: usize) -> Keep {
    Keep { count: (round >= KEPT_ALONE_FROM).then_some(1), ..Keep::default() }
}

/// Restores a state, and compares it.
fn check(files: &Files, history: &History, zxid: Zxid) -> Result<(), String> {
    let told = |error: BackupError| format!("{zxid}: {error}");
    let index = read_index(files, backups()).map_err(told)?.index;
    let target = find(files, backups(), &index, To::Zxid(zxid)).map_err(told)?;
    let settings = Settings { seed: SEED, rules: Rules::default() };
    let restored = build(files, &target, &settings, &mut Eager).map_err(told)?;
    if restored.database.last_zxid() != zxid || !restored.remarks.is_empty() {
        return Err(format!("{zxid}: {} was restored, {:?}", restored.database.last_zxid(), restored.remarks));
    }
    history.check(&restored.database)
}

/// All backups of a directory are whole.
fn check_all(files: &Files, history: &History) -> Result<Option<Backup>, String> {
    let index = match read_index(files, backups()) {
        Ok(found) => found.index,
        // No backup was begun, or the first one had not got so far.
        Err(BackupError::NotABackup { .. }) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let verified = verify(files, backups(), &index, &mut |_| true).map_err(|error| error.to_string())?;
    if !verified.damaged.is_empty() {
        return Err(format!("{:?}", verified.damaged));
    }
    for backup in &index.backups {
        check(files, history, backup.from)?;
        check(files, history, backup.last)?;
    }
    Ok(index.backups.last().copied())
}

/// Cuts the power at a moment, in one way. What was told is there, and the next backup goes on.
fn examine(moment: &Moment, way: u64, history: &History, told: Option<Backup>) -> Result<(), String> {
    let files = Files::Simulated(moment.crashed(&mut Seeded::new(way)));
    let found = check_all(&files, history)?;
    let is_there = |told: Backup| found.is_some_and(|found| found == told || found.number > told.number);
    if !told.is_none_or(is_there) {
        return Err(format!("backup {told:?} is lost, there is {found:?}"));
    }
    let next = back_up(&files, Keep::default()).map_err(|error| error.to_string())?;
    if found.is_some_and(|found| next.number != found.number + 1 || next.history != found.history) {
        return Err(format!("{next:?} came behind {found:?}"));
    }
    check_all(&files, history)?;
    // What was not finished is gone.
    let mut names = files.list(&PathBuf::from("/backup/history.1")).map_err(|error| error.to_string())?;
    names.retain(|name| name.to_string_lossy().ends_with(".tmp"));
    if names.is_empty() { Ok(()) } else { Err(format!("{names:?} are left")) }
}

#[test]
fn a_power_cut_leaves_the_backups_that_were_told() {
    let mut life = Life::begin();
    let (mut told, mut tried) = (None, 0);
    for (round, (count, with_snapshot)) in WRITTEN.into_iter().enumerate() {
        life.write(count, with_snapshot);
        life.machine.record();
        let taken = back_up(&life.files, keep(round)).expect("nothing fails");
        let moments = life.machine.take_recorded();
        assert!(moments.len() > 20, "{} moments", moments.len());
        for (at, moment) in moments.iter().enumerate() {
            for way in 0..WAYS {
                let examined = examine(moment, way, &life.history, told);
                examined.unwrap_or_else(|what| panic!("backup {round}, moment {at}, {way}: {what}"));
                tried += 1;
            }
        }
        told = Some(taken);
        let moment = life.machine.moment();
        for way in 0..WAYS {
            let examined = examine(&moment, way, &life.history, told);
            examined.unwrap_or_else(|what| panic!("behind backup {round}, {way}: {what}"));
        }
    }
    let index = read_index(&life.files, backups()).expect("it is there").index;
    assert_eq!(index.backups.len(), 1, "the others were not to be kept");
    println!("{tried} power cuts while backups were taken: zero lost");
}

/// An operation of a backup, so many others of its kind after the first.
struct Step {
    operation: Operation,
    skipped: u64,
    path: String,
}

/// All operations of the second backup, which copies a part of the log and a snapshot.
fn steps() -> Vec<Step> {
    let mut life = Life::begin();
    prepare(&mut life);
    life.machine.record();
    back_up(&life.files, Keep::default()).expect("nothing fails");
    let mut steps: Vec<Step> = Vec::new();
    for moment in life.machine.take_recorded() {
        let Some((operation, path)) = moment.next else { continue };
        let skipped = steps.iter().filter(|step| step.operation == operation).count() as u64;
        steps.push(Step { operation, skipped, path: path.display().to_string() });
    }
    steps
}

fn prepare(life: &mut Life) {
    life.write(WRITTEN[0].0, false);
    back_up(&life.files, Keep::default()).expect("nothing fails");
    life.write(WRITTEN[1].0, true);
}

/// Each operation fails once: the backup before is there, and the next one goes on.
#[test]
fn a_failed_operation_leaves_the_backups_that_were_told() {
    let mut failed = 0;
    for Step { operation, skipped, path } in steps() {
        let mut life = Life::begin();
        prepare(&mut life);
        life.machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::Fails(libc::EIO) });
        failed += u32::from(back_up(&life.files, Keep::default()).is_err());
        life.machine.clear_faults();
        for way in 0..WAYS {
            let moment = life.machine.moment();
            let examined = examine(&moment, way, &life.history, None);
            examined.unwrap_or_else(|what| panic!("{operation:?} {skipped} of {path}, {way}: {what}"));
        }
        let next = back_up(&life.files, Keep::default()).expect("nothing fails any more");
        assert!(next.number >= 2, "{operation:?} {skipped} of {path}: {next:?}");
        check_all(&life.files, &life.history)
            .unwrap_or_else(|what| panic!("{operation:?} {skipped} of {path}: {what}"));
    }
    assert!(failed > 10, "{failed}");
}

/// Otherwise power cuts that find nothing would prove nothing.
#[test]
fn a_sync_of_a_backup_that_is_left_out_is_found() {
    let mut found = Vec::new();
    for Step { operation, skipped, path } in steps() {
        if !matches!(operation, Operation::SyncFile | Operation::SyncDirectory) {
            continue;
        }
        let mut life = Life::begin();
        prepare(&mut life);
        life.machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::IsLeftOut });
        let told = back_up(&life.files, Keep::default()).expect("nothing fails");
        life.machine.clear_faults();
        let moment = life.machine.moment();
        if (0..WAYS).any(|way| examine(&moment, way, &life.history, Some(told)).is_err()) {
            found.push((operation, path));
        }
    }
    for needed in [
        (Operation::SyncFile, "/backup/history.1/log.tmp"),
        (Operation::SyncFile, "/backup/history.1/snapshot.tmp"),
        (Operation::SyncDirectory, "/backup/history.1"),
    ] {
        let is_found = found.iter().any(|(operation, path)| (*operation, &**path) == needed);
        assert!(is_found, "{needed:?} is not among {found:#?}");
    }
}

/// What a start makes of what is restored by then: all of it, or nothing. Only all of it has a `myid`. Returns whether it has one.
fn examine_restored(files: &Files, history: &History, zxid: Zxid) -> Result<bool, String> {
    let is_member = files.exists(&restored().join("myid")).map_err(|error| error.to_string())?;
    let segment_bytes = 64 << 10;
    let config =
        LogConfig { files: files.clone(), segment_bytes, first_bytes: segment_bytes, ..LogConfig::new(restored()) };
    match recover_present(config, Rules::default()) {
        Ok(Present { recovered, .. }) => match recovered.database.last_zxid() {
            last if last == zxid => history.check(&recovered.database).map(|()| is_member),
            Zxid::ZERO if !is_member => Ok(false),
            last => Err(format!("it starts with transaction {last}")),
        },
        Err(error) if is_member => Err(error.to_string()),
        Err(_) => Ok(false),
    }
}

#[test]
fn a_power_cut_leaves_all_of_what_is_restored_or_nothing_that_starts() {
    let mut life = Life::begin();
    prepare(&mut life);
    let last = back_up(&life.files, Keep::default()).expect("nothing fails").last;
    let index = read_index(&life.files, backups()).expect("it is there").index;
    let target = find(&life.files, backups(), &index, To::Newest).expect("it is there");
    let settings = Settings { seed: SEED, rules: Rules::default() };
    let built = build(&life.files, &target, &settings, &mut Eager).expect("nothing fails");
    life.machine.record();
    let placement = Placement { data_dir: restored(), log_dir: restored(), member: Some(1) };
    place(&life.files, built, &placement, &settings.rules).expect("nothing fails");
    let moments = life.machine.take_recorded();
    assert!(moments.len() > 20, "{} moments", moments.len());
    let examine = |moment: &Moment, way| {
        let files = Files::Simulated(moment.crashed(&mut Seeded::new(way)));
        examine_restored(&files, &life.history, last)
    };
    for (at, moment) in moments.iter().enumerate() {
        for way in 0..WAYS {
            examine(moment, way).unwrap_or_else(|what| panic!("moment {at}, {way}: {what}"));
        }
    }
    for way in 0..WAYS {
        assert_eq!(examine(&life.machine.moment(), way), Ok(true), "behind it, {way}");
    }
}

//! What a power cut leaves at each step of a cut, on a simulated disk.

use std::path::Path;
use std::time::Instant;

use paddock_consensus::Zxid;
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{Effect, Fault, FileSystem, Operation, Seeded};
use paddock_engine::log::{Cut, Entry, Log, LogConfig, LogError, Place, Verdict, cut_after, inspect, log_dir};
use paddock_engine::progress::Progress;

/// Ways in which each power cut is tried.
const SEEDS: u64 = 6;

const LAST: i64 = 9;

/// What may fail while the log is changed; each of the first so many times that it is done.
const OPERATIONS: [Operation; 7] = [
    Operation::Create,
    Operation::Write,
    Operation::SetLength,
    Operation::SyncFile,
    Operation::SyncDirectory,
    Operation::Rename,
    Operation::Unlink,
];
const FAULTS: u64 = 16;

/// The dataDir and the dataLogDir, in one and in two.
const ONE: [&str; 2] = ["/data", "/data"];
const TWO: [&str; 2] = ["/data", "/log"];

/// Opens the log after a snapshot, with the zxids that it replays.
fn open(machine: &FileSystem, snapshot: i64) -> Result<(Log, Vec<i64>), LogError> {
    open_in(machine, ONE, snapshot)
}

fn open_in(machine: &FileSystem, [data_dir, dir]: [&str; 2], snapshot: i64) -> Result<(Log, Vec<i64>), LogError> {
    let (files, data_dir) = (Files::Simulated(machine.clone()), data_dir.into());
    let config = LogConfig { files, data_dir, segment_bytes: 4096, first_bytes: 4096, ..LogConfig::new(dir) };
    let mut zxids = Vec::new();
    let (log, _) = Log::open(config, Zxid(snapshot), &mut |zxid, _| {
        zxids.push(zxid.0);
        Ok(())
    })?;
    Ok((log, zxids))
}

/// Cuts a log that is not open.
fn cut_by_person(machine: &FileSystem, snapshot: i64, after: i64) -> Result<Cut, LogError> {
    cut_by_person_in(machine, ONE, snapshot, after)
}

fn cut_by_person_in(machine: &FileSystem, dirs: [&str; 2], snapshot: i64, after: i64) -> Result<Cut, LogError> {
    let (files, [data_dir, dir]) = (&Files::Simulated(machine.clone()), dirs.map(Path::new));
    cut_after(Place { files, dir, data_dir, snapshot: Zxid(snapshot) }, Zxid(after))
}

fn append(log: &mut Log, zxids: impl IntoIterator<Item = i64>) {
    for zxid in zxids {
        log.append(Zxid(zxid), |out| out.extend_from_slice(&[7; 300]));
    }
    log.fence().unwrap();
}

/// A log of four segments; each but the last has two groups, of one, two or three records. Perhaps some of it is of a
/// former life.
fn filled(reopens: bool) -> (FileSystem, Log) {
    filled_by(FileSystem::new(1), reopens)
}

fn filled_by(machine: FileSystem, reopens: bool) -> (FileSystem, Log) {
    filled_in(ONE, machine, reopens)
}

fn filled_in(dirs: [&str; 2], machine: FileSystem, reopens: bool) -> (FileSystem, Log) {
    let files = Files::Simulated(machine.clone());
    dirs.iter().for_each(|dir| files.create_dir(Path::new(dir)).unwrap());
    let (mut log, _) = open_in(&machine, dirs, 0).unwrap();
    for (group, zxids) in [vec![1], vec![2, 3], vec![4, 5, 6], vec![7], vec![8, 9]].into_iter().enumerate() {
        if reopens && group == 3 {
            log.close().unwrap();
            log = open_in(&machine, dirs, 0).unwrap().0;
        }
        append(&mut log, zxids);
        if group % 2 == 1 {
            log.roll();
            while log.work(Instant::now()) == Progress::More {}
        }
    }
    assert!(log.stats().segments >= 3);
    (machine, log)
}

#[test]
fn a_power_cut_during_a_cut_leaves_what_was_to_stay_and_no_hole() {
    for (zxid, reopens) in (0..LAST).flat_map(|zxid| [(zxid, false), (zxid, true)]) {
        let (machine, mut log) = filled(reopens);
        machine.record();
        log.cut_after(Zxid(zxid)).unwrap();
        let moments = machine.take_recorded();
        assert!(moments.len() > 8, "{}", moments.len());
        for (at, moment) in moments.iter().chain([&machine.moment()]).enumerate() {
            for seed in 0..SEEDS {
                let left = moment.crashed(&mut Seeded::new(seed));
                let (mut log, zxids) = open(&left, 0).unwrap_or_else(|error| panic!("{zxid} at {at}: {error}"));
                assert!(zxids.len() as i64 >= zxid, "{zxid} at {at}: {zxids:?}");
                assert!(zxids.iter().copied().eq(1..=zxids.len() as i64), "{zxid} at {at}: {zxids:?}");
                if at + 1 == moments.len() + 1 {
                    assert_eq!(zxids.len() as i64, zxid, "the cut was durable when it was done");
                }
                // Whoever had it cut has it cut again, and goes on.
                log.cut_after(Zxid(zxid)).unwrap();
                append(&mut log, [LAST + 1]);
                drop(log);
                let again = left.moment().crashed(&mut Seeded::new(seed));
                let (_, zxids) = open(&again, 0).unwrap_or_else(|error| panic!("{zxid} at {at}: {error}"));
                assert!(zxids.iter().copied().eq((1..=zxid).chain([LAST + 1])), "{zxid} at {at}: {zxids:?}");
            }
        }
    }
}

/// What is wrong with the disk is told; nothing is acknowledged afterwards, and the next start finds what
/// was to stay.
#[test]
fn an_error_while_the_log_is_changed_is_its_end_and_leaves_what_a_start_accepts() {
    let mut ends = 0;
    for operation in OPERATIONS {
        for skipped in 0..FAULTS {
            let (machine, mut log) = filled(false);
            machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::Fails(libc::EIO) });
            let changed = log.cut_after(Zxid(5));
            machine.clear_faults();
            let Err(error) = changed else { continue };
            assert!(matches!(error, LogError::Io { .. }), "{operation:?} {skipped}: {error}");
            assert!(log.completed().is_err() && log.remove_before(Zxid::ZERO).is_err());
            ends += 1;
            drop(log);
            let left = machine.moment().crashed(&mut Seeded::new(1));
            let (_, zxids) = open(&left, 0).unwrap_or_else(|error| panic!("{operation:?} {skipped}: {error}"));
            assert!(zxids.iter().copied().eq(1..=zxids.len() as i64), "{operation:?} {skipped}: {zxids:?}");
            assert!(zxids.len() >= 5, "{operation:?} {skipped}: {zxids:?}");
        }
    }
    assert!(ends > 10, "{ends}");
}

/// What finds no space is given up before the cut, so that every error tells whether the log goes on.
#[test]
fn a_cut_on_a_full_disk_gives_up_what_was_appended_and_the_log_goes_on() {
    let (machine, mut log) = filled(false);
    machine.set_space(0);
    for zxid in LAST + 1..LAST + 40 {
        log.append(Zxid(zxid), |out| out.extend_from_slice(&[7; 300]));
    }
    let error = log.cut_after(Zxid(LAST + 1)).unwrap_err();
    assert!(matches!(error, LogError::NotInLog { last: Zxid(LAST), .. }), "{error}");
    assert_eq!((log.is_filling(), log.last_zxid()), (false, Zxid(LAST)));
    machine.set_space(u64::MAX);
    log.cut_after(Zxid(5)).unwrap();
    append(&mut log, [LAST + 1]);
    drop(log);
    assert!(open(&machine, 0).unwrap().1.into_iter().eq((1..=5).chain([LAST + 1])));
}

/// A sync that fails may lose what is in the cache alone, and no later one tells. A start reads it all the same.
#[test]
fn what_a_start_tells_is_durable_although_the_one_before_could_not_sync_it() {
    let (machine, mut log) = filled(false);
    machine.record();
    for zxids in [vec![LAST + 1], vec![LAST + 2, LAST + 3]] {
        append(&mut log, zxids);
    }
    let moments = machine.take_recorded();
    let mut failed = 0;
    for (at, moment) in moments.iter().enumerate() {
        for (skipped, seed) in (0..4).flat_map(|skipped| (0..SEEDS).map(move |seed| (skipped, seed))) {
            let mut draws = Seeded::new(seed);
            let machine = moment.ended(&mut draws);
            let effect = Effect::Fails(libc::EIO);
            machine.add_fault(Fault { operation: Operation::SyncFile, skipped, times: 1, effect });
            failed += u32::from(open(&machine, 0).is_err());
            let machine = machine.end_process(&mut draws);
            machine.clear_faults();
            let (log, told) = open(&machine, 0).unwrap();
            drop(log);
            let machine = machine.crash(&mut draws);
            let found = open(&machine, 0);
            let found = found.map(|(_, found)| found).unwrap_or_else(|error| {
                panic!("moment {at} of {}, {skipped} syncs, seed {seed}: {told:?}, {error}", moments.len())
            });
            assert_eq!(found, told, "moment {at} of {}, {skipped} syncs, seed {seed}", moments.len());
        }
    }
    assert!(failed > 0);
}

/// The same for a cut: what it has taken away in the cache alone would come back with a power cut, in front of what is written
/// since.
#[test]
fn what_a_cut_has_taken_away_stays_away_although_it_could_not_be_synced() {
    let (mut ends, mut draws) = (0, Seeded::new(7));
    for (operation, skipped) in OPERATIONS.into_iter().flat_map(|one| (0..FAULTS).map(move |skipped| (one, skipped))) {
        for zxid in [5, 6, LAST - 1] {
            let (machine, mut log) = filled(false);
            machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::Fails(libc::EIO) });
            let is_cut = log.cut_after(Zxid(zxid)).is_ok();
            drop(log);
            if is_cut {
                continue;
            }
            ends += 1;
            let machine = machine.end_process(&mut draws);
            machine.clear_faults();
            let (mut log, told) = open(&machine, 0).unwrap();
            let next = told.last().map_or(0, |last| last + 1);
            append(&mut log, [next]);
            drop(log);
            let (_, found) = open(&machine.crash(&mut draws), 0)
                .unwrap_or_else(|error| panic!("{operation:?} {skipped}, {zxid}: {told:?}, {error}"));
            let expected: Vec<i64> = told.into_iter().chain([next]).collect();
            assert_eq!(found, expected, "{operation:?} {skipped}, {zxid}");
        }
    }
    assert!(ends > 30, "{ends}");
}

/// The same where another cut goes further back before a start: the number of what may come back is not that of the next segment.
#[test]
fn what_a_cut_could_not_sync_stays_away_although_a_person_cuts_further_back() {
    let (mut ends, mut draws) = (0, Seeded::new(7));
    let faults = OPERATIONS.into_iter().flat_map(|one| (0..FAULTS).map(move |skipped| (one, skipped)));
    for ((operation, skipped), after) in faults.flat_map(|fault| [0, 2, 3].map(|after| (fault, after))) {
        for (seed, writes) in (0..SEEDS).flat_map(|seed| [(seed, false), (seed, true)]) {
            let what = format!("{operation:?} {skipped}, {after}, seed {seed}, {writes}");
            let (machine, mut log) = filled_by(FileSystem::new(seed), false);
            machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::Fails(libc::EIO) });
            if log.cut_after(Zxid(5)).is_ok() {
                continue;
            }
            ends += 1;
            drop(log);
            let machine = machine.end_process(&mut draws);
            machine.clear_faults();
            cut_by_person(&machine, 0, after).unwrap();
            let (mut log, mut told) = open(&machine, 0).unwrap();
            assert!(told.iter().copied().eq(1..=after), "{what}: {told:?}");
            if writes {
                append(&mut log, [after + 1]);
                told.push(after + 1);
            }
            drop(log);
            let found = open(&machine.crash(&mut draws), 0).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(found.1, told, "{what}");
        }
    }
    assert!(ends > 100, "{ends}");
}

/// Who has a log cut once more is told that it is done, although nobody sees what the first cut has taken away in the cache alone.
#[test]
fn a_cut_that_a_person_repeats_is_durable_whatever_became_of_the_first() {
    let (mut ends, mut draws) = (0, Seeded::new(7));
    let faults = OPERATIONS.into_iter().flat_map(|one| (0..FAULTS).map(move |skipped| (one, skipped)));
    for ((operation, skipped), after) in faults.flat_map(|fault| [1, 3, 5, 7].map(|after| (fault, after))) {
        for (seed, by_person) in (0..SEEDS).flat_map(|seed| [(seed, false), (seed, true)]) {
            let (machine, log) = filled_by(FileSystem::new(seed), false);
            machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::Fails(libc::EIO) });
            if is_cut(&machine, log, after, by_person) {
                continue;
            }
            ends += 1;
            let machine = machine.end_process(&mut draws);
            machine.clear_faults();
            let what = format!("{operation:?} {skipped}, {after}, seed {seed}, {by_person}");
            repeat_cut(&machine, after, &what, &mut draws);
        }
    }
    assert!(ends > 100, "{ends}");
}

/// The same where the first cut was ended in the middle.
#[test]
fn a_cut_that_a_person_repeats_is_durable_wherever_the_first_was_ended() {
    let mut draws = Seeded::new(7);
    for (after, by_person) in [1, 3, 5, 7].into_iter().flat_map(|after| [(after, false), (after, true)]) {
        let (machine, log) = filled(false);
        machine.record();
        assert!(is_cut(&machine, log, after, by_person));
        for (at, moment) in machine.take_recorded().iter().enumerate() {
            for seed in 0..SEEDS {
                let what = format!("{after}, {by_person}, at {at}, seed {seed}");
                repeat_cut(&moment.ended(&mut draws), after, &what, &mut draws);
            }
        }
    }
}

/// Whether a log was cut, by a person perhaps.
fn is_cut(machine: &FileSystem, mut log: Log, after: i64, by_person: bool) -> bool {
    if by_person {
        drop(log);
        return cut_by_person(machine, 0, after).is_ok();
    }
    log.cut_after(Zxid(after)).is_ok()
}

/// A person cuts a log once more, and then the power is cut.
fn repeat_cut(machine: &FileSystem, after: i64, what: &str, draws: &mut Seeded) {
    cut_by_person(machine, 0, after).unwrap_or_else(|error| panic!("{what}: {error}"));
    let (_, found) = open(&machine.crash(draws), 0).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(found.iter().copied().eq(1..=after), "{what}: {found:?}");
}

/// Who makes the log of [`purged`] end at its base.
#[derive(Clone, Copy, Debug)]
enum Cutter {
    /// The server, of the open log.
    Open,
    /// A person, of one that is not open.
    Person,
    /// A server, and then a person who wants it once more.
    Both,
    /// A start, which finds nothing that is whole in a log that was cut before.
    Start,
}

/// Where the log of [`purged`] begins.
const BASE: i64 = 3;

/// A log that was purged, so that its oldest segment is not the first one.
fn purged(seed: u64) -> (FileSystem, Log) {
    purged_in(ONE, seed)
}

fn purged_in(dirs: [&str; 2], seed: u64) -> (FileSystem, Log) {
    let (machine, mut log) = filled_in(dirs, FileSystem::new(seed), false);
    assert_eq!(log.remove_before(Zxid(BASE)).unwrap(), 1);
    while log.work(Instant::now()) == Progress::More {}
    assert_eq!(log.range().base, Zxid(BASE));
    (machine, log)
}

impl Cutter {
    /// Has the log end at its base. Whether that was told to be done.
    fn cut(self, machine: &FileSystem, mut log: Log) -> bool {
        let by_person = || cut_by_person(machine, BASE, BASE).is_ok();
        match self {
            Cutter::Open => log.cut_after(Zxid(BASE)).is_ok(),
            Cutter::Person => {
                drop(log);
                by_person()
            }
            Cutter::Both => {
                let is_cut = log.cut_after(Zxid(BASE)).is_ok();
                drop(log);
                by_person() && is_cut
            }
            Cutter::Start => {
                drop(log);
                open(machine, BASE).is_ok()
            }
        }
    }
}

/// All of a purged log is cut, and its last segment may come back, whose number is not the first.
#[test]
fn nothing_of_a_purged_log_that_was_cut_to_its_base_comes_back() {
    let (mut ends, mut draws) = (0, Seeded::new(7));
    let cutters = [Cutter::Open, Cutter::Person, Cutter::Both, Cutter::Start];
    let faults = OPERATIONS.into_iter().flat_map(|one| (0..FAULTS).map(move |skipped| (one, skipped)));
    for ((operation, skipped), cutter) in faults.flat_map(|fault| cutters.map(|cutter| (fault, cutter))) {
        for seed in 0..SEEDS {
            let what = format!("{cutter:?}, {operation:?} {skipped}, seed {seed}");
            let (mut machine, mut log) = purged(seed);
            if matches!(cutter, Cutter::Start) {
                log.cut_after(Zxid(BASE)).unwrap();
                log.append(Zxid(BASE + 1), |out| out.extend_from_slice(&[7; 2000]));
                log.submit().unwrap();
                machine = machine.end_process(&mut draws);
            }
            machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::Fails(libc::EIO) });
            if cutter.cut(&machine, log) {
                continue;
            }
            ends += 1;
            machine = machine.end_process(&mut draws);
            machine.clear_faults();
            let seen = shown(&machine);
            let (mut log, mut told) = open(&machine, BASE).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(seen, told, "{what}");
            for _ in 0..3 {
                let next = told.last().map_or(BASE, |last| *last) + 1;
                append(&mut log, [next]);
                drop(log);
                told.push(next);
                machine = machine.crash(&mut draws);
                assert_eq!(shown(&machine), told, "{what}");
                let found = open(&machine, BASE).unwrap_or_else(|error| panic!("{what}: {told:?}, {error}"));
                assert_eq!(found.1, told, "{what}");
                log = found.0;
            }
        }
    }
    assert!(ends > 100, "{ends}");
}

/// The zxids that who looks at the log sees, which is sound.
fn shown(machine: &FileSystem) -> Vec<i64> {
    let (files, dir, mut zxids) = (Files::Simulated(machine.clone()), Path::new("/data"), Vec::new());
    let verdict = inspect(&files, dir, dir, &mut |entry| {
        if let Entry::Record { zxid, .. } = entry {
            zxids.push(zxid.0);
        }
    });
    assert!(!matches!(verdict, Ok(Verdict::Damaged(_)) | Err(_)), "{verdict:?}");
    zxids
}

/// What notes in the milestone, before it changes a log, that there is less of it.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// A server cuts the open log after this transaction.
    Cut(i64),
    /// A server ends that has not written anything.
    Close,
    /// A start finds a torn end.
    Start,
}

impl Change {
    /// The log of [`purged_in`] as it is found.
    fn prepare(self, dirs: [&str; 2], seed: u64, draws: &mut Seeded) -> (FileSystem, Option<Log>) {
        let (machine, mut log) = purged_in(dirs, seed);
        match self {
            Change::Cut(_) => (machine, Some(log)),
            Change::Close => {
                drop(log);
                log = open_in(&machine, dirs, BASE).unwrap().0;
                while log.work(Instant::now()) == Progress::More {}
                (machine, Some(log))
            }
            Change::Start => {
                log.append(Zxid(LAST + 1), |out| out.extend_from_slice(&[7; 2000]));
                log.submit().unwrap();
                (machine.end_process(draws), None)
            }
        }
    }

    /// Whether that was told to be done.
    fn make(self, machine: &FileSystem, dirs: [&str; 2], log: Option<Log>) -> bool {
        let made = match (self, log) {
            (Change::Cut(after), Some(mut log)) => log.cut_after(Zxid(after)),
            (Change::Close, Some(log)) => log.close(),
            _ => open_in(machine, dirs, BASE).map(|_| ()),
        };
        made.is_ok()
    }

    /// The last transaction that is to stay.
    fn stays(self) -> i64 {
        match self {
            Change::Cut(after) => after,
            Change::Close | Change::Start => LAST,
        }
    }
}

/// A milestone that is read may be in the cache alone, because its sync failed or the process ended before it: then a power cut
/// brings back the one before, which must find all that it names.
#[test]
fn what_a_milestone_gives_up_stays_until_it_is_durable() {
    let mut draws = Seeded::new(7);
    let changes = [Change::Cut(BASE), Change::Cut(5), Change::Cut(7), Change::Close, Change::Start];
    for (change, dirs) in changes.into_iter().flat_map(|change| [(change, ONE), (change, TWO)]) {
        let (machine, log) = change.prepare(dirs, 1, &mut draws);
        machine.record();
        assert!(change.make(&machine, dirs, log));
        for (at, moment) in machine.take_recorded().iter().enumerate() {
            let what = format!("{change:?} in {dirs:?}, ended at {at}");
            go_on_after(change, dirs, || moment.ended(&mut Seeded::new(at as u64)), &what);
        }
        let mut failed = 0;
        for skipped in 0..FAULTS {
            let left = || {
                let mut draws = Seeded::new(skipped);
                let (machine, log) = change.prepare(dirs, skipped, &mut draws);
                let (operation, effect) = (Operation::SyncDirectory, Effect::Fails(libc::EIO));
                machine.add_fault(Fault { operation, skipped, times: 1, effect });
                let is_made = change.make(&machine, dirs, log);
                machine.clear_faults();
                (!is_made).then(|| machine.end_process(&mut draws))
            };
            if left().is_none() {
                continue;
            }
            failed += 1;
            let what = format!("{change:?} in {dirs:?}, sync {skipped} failed");
            go_on_after(change, dirs, || left().expect("it failed before"), &what);
        }
        assert!(failed > 0);
    }
}

/// The next start, or a person who cuts the log, goes on with what is `left`. The power is cut at each step of that, and behind
/// it.
fn go_on_after(change: Change, dirs: [&str; 2], left: impl Fn() -> FileSystem, what: &str) {
    for by_person in [false, true] {
        let machine = left();
        machine.record();
        let told = if by_person {
            cut_by_person_in(&machine, dirs, BASE, change.stays()).map(|_| (BASE + 1..=change.stays()).collect())
        } else {
            open_in(&machine, dirs, BASE).map(|(_, told)| told)
        };
        let told = told.unwrap_or_else(|error| panic!("{what}, {by_person}: {error}"));
        for (at, moment) in machine.take_recorded().iter().chain([&machine.moment()]).enumerate() {
            for seed in 0..SEEDS {
                let found = open_in(&moment.crashed(&mut Seeded::new(seed)), dirs, BASE);
                let (_, found) = found.unwrap_or_else(|error| panic!("{what}, {by_person}, then at {at}: {error}"));
                assert!(found.iter().copied().eq(BASE + 1..=BASE + found.len() as i64), "{what}, {at}: {found:?}");
                assert!(found.starts_with(&(BASE + 1..=change.stays()).collect::<Vec<_>>()), "{what}, {at}: {found:?}");
            }
        }
        assert_eq!(open_in(&machine.crash(&mut Seeded::new(9)), dirs, BASE).unwrap().1, told, "{what}, {by_person}");
    }
}

/// A segment that was purged may come back too, behind which others are gone. No start needs it, and the next purge takes it.
#[test]
fn what_a_purge_could_not_sync_is_in_nobody_s_way() {
    const SNAPSHOT: i64 = 7;
    let purge = |log: &mut Log| {
        let count = log.remove_before(Zxid(SNAPSHOT)).unwrap();
        while log.work(Instant::now()) == Progress::More {}
        count
    };
    let (mut came_back, mut draws) = (0, Seeded::new(7));
    for (skipped, seed) in (0..3).flat_map(|skipped| (0..SEEDS).map(move |seed| (skipped, seed))) {
        for (purges, ends) in [(1, false), (2, false), (1, true), (2, true)] {
            let what = format!("{skipped}, seed {seed}, {purges} purges, {ends}");
            let (mut machine, mut log) = filled_by(FileSystem::new(seed), false);
            let effect = Effect::Fails(libc::EIO);
            machine.add_fault(Fault { operation: Operation::SyncDirectory, skipped, times: 1, effect });
            for _ in 0..purges {
                purge(&mut log);
            }
            machine.clear_faults();
            if ends {
                drop(log);
                machine = machine.end_process(&mut draws);
                log = open(&machine, SNAPSHOT).unwrap().0;
                purge(&mut log);
                append(&mut log, [LAST + 1]);
            }
            drop(log);
            machine = machine.crash(&mut draws);
            let (mut log, told) = open(&machine, SNAPSHOT).unwrap_or_else(|error| panic!("{what}: {error}"));
            let last = LAST + i64::from(ends);
            assert!(told.iter().copied().eq(SNAPSHOT + 1..=last), "{what}: {told:?}");
            // What is before a hole does not count.
            let sequences = segments(&machine);
            let first = sequences.iter().rev().zip((1..=sequences[sequences.len() - 1]).rev());
            let (first, _) = first.take_while(|(found, expected)| *found == expected).last().unwrap();
            let begins = [0, BASE, SNAPSHOT][usize::try_from(*first).unwrap() - 1];
            assert_eq!(log.range().base, Zxid(begins), "{what}: {sequences:?}");
            log.cut_after(Zxid(last - 1)).unwrap_or_else(|error| panic!("{what}: {error}"));
            came_back += u32::from(purge(&mut log) > 0 && *first > sequences[0]);
            drop(log);
            cut_by_person(&machine, SNAPSHOT, last - 2).unwrap_or_else(|error| panic!("{what}: {error}"));
            let (_, told) = open(&machine, SNAPSHOT).unwrap();
            assert!(told.iter().copied().eq(SNAPSHOT + 1..=last - 2), "{what}: {told:?}");
        }
    }
    assert!(came_back > 0);
}

/// The sequences of the segments that are there.
fn segments(machine: &FileSystem) -> Vec<u64> {
    let names = Files::Simulated(machine.clone()).list(&log_dir(Path::new("/data"))).unwrap();
    let sequence = |name: &str| u64::from_str_radix(name.strip_prefix("log.")?, 16).ok();
    let mut sequences: Vec<u64> = names.iter().filter_map(|name| sequence(name.to_str()?)).collect();
    sequences.sort();
    sequences
}

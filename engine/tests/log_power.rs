//! What a power cut leaves at each step of a cut, on a simulated disk.

use std::path::Path;
use std::time::Instant;

use paddock_consensus::Zxid;
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{Effect, Fault, FileSystem, Operation, Seeded};
use paddock_engine::log::{Log, LogConfig, LogError};
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

/// Opens the log after a snapshot, with the zxids that it replays.
fn open(machine: &FileSystem, snapshot: i64) -> Result<(Log, Vec<i64>), LogError> {
    let files = Files::Simulated(machine.clone());
    let config = LogConfig { files, segment_bytes: 4096, first_bytes: 4096, ..LogConfig::new("/data") };
    let mut zxids = Vec::new();
    let (log, _) = Log::open(config, Zxid(snapshot), &mut |zxid, _| {
        zxids.push(zxid.0);
        Ok(())
    })?;
    Ok((log, zxids))
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
    let machine = FileSystem::new(1);
    let files = Files::Simulated(machine.clone());
    files.create_dir(Path::new("/data")).unwrap();
    let (mut log, _) = open(&machine, 0).unwrap();
    for (group, zxids) in [vec![1], vec![2, 3], vec![4, 5, 6], vec![7], vec![8, 9]].into_iter().enumerate() {
        if reopens && group == 3 {
            log.close().unwrap();
            log = open(&machine, 0).unwrap().0;
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

//! Reading a log that another process has open, as far as one thread can show it.

use std::path::Path;
use std::time::Instant;

use paddock_consensus::Zxid;

use super::{OutsideError, OutsideReader};
use crate::io::simulated::FileSystem;
use crate::io::{Access, Files};
use crate::log::{Log, LogConfig, LogError, Place, cut_after, log_dir};
use crate::progress::Progress;

const DIR: &str = "/data";

fn config(files: &Files) -> LogConfig {
    LogConfig { files: files.clone(), segment_bytes: 64 << 10, first_bytes: 64 << 10, ..LogConfig::new(DIR) }
}

fn machine() -> Files {
    let files = Files::Simulated(FileSystem::new(1));
    files.create_dir(Path::new(DIR)).unwrap();
    files
}

fn open(files: &Files) -> Log {
    Log::open(config(files), Zxid::ZERO, &mut |_, _| Ok(())).unwrap().0
}

fn append(log: &mut Log, zxids: std::ops::RangeInclusive<i64>) {
    for zxid in zxids {
        log.append(Zxid(zxid), |out| out.extend_from_slice(&[zxid as u8; 100]));
        log.fence().unwrap();
    }
}

fn begin(files: &Files, from: i64) -> OutsideReader {
    OutsideReader::begin(files, Path::new(DIR), Path::new(DIR), Zxid(from)).unwrap()
}

/// The zxids up to the end for now.
fn read(reader: &mut OutsideReader) -> Vec<i64> {
    let mut zxids = Vec::new();
    while let Some(group) = reader.read_group().unwrap() {
        for (zxid, payload) in group.records() {
            assert_eq!(payload, [zxid.0 as u8; 100]);
            zxids.push(zxid.0);
        }
    }
    zxids
}

#[test]
fn what_no_mark_vouches_for_is_in_doubt() {
    let files = machine();
    let mut log = open(&files);
    let mut reader = begin(&files, 0);
    assert_eq!((read(&mut reader), reader.certain(), reader.last()), (vec![], None, None));
    append(&mut log, 1..=3);
    assert_eq!(read(&mut reader), [1, 2, 3]);
    // Each group tells of the one before.
    assert_eq!((reader.certain(), reader.last()), (Some(Zxid(2)), Some(Zxid(3))));
    append(&mut log, 4..=4);
    assert_eq!((read(&mut reader), reader.certain()), (vec![4], Some(Zxid(3))));
    reader.note_snapshot(Zxid(4));
    assert_eq!(reader.certain(), Some(Zxid(4)));
    append(&mut log, 5..=5);
    log.close().unwrap();
    // The seal of a clean end, and the milestone, vouch for all.
    assert_eq!((read(&mut reader), reader.certain()), (vec![5], Some(Zxid(5))));
    reader.confirm().unwrap();
}

#[test]
fn it_goes_on_through_segments_and_openings() {
    let files = machine();
    let mut log = open(&files);
    append(&mut log, 1..=60);
    let mut reader = begin(&files, 0);
    assert_eq!(read(&mut reader), (1..=60).collect::<Vec<_>>());
    append(&mut log, 61..=200);
    assert_eq!(read(&mut reader), (61..=200).collect::<Vec<_>>());
    log.close().unwrap();
    let mut log = open(&files);
    append(&mut log, 201..=210);
    assert_eq!(read(&mut reader), (201..=210).collect::<Vec<_>>());
    assert_eq!(reader.certain(), Some(Zxid(209)));
    // From within: with the segment that has the transaction.
    let mut later = begin(&files, 150);
    let zxids = read(&mut later);
    assert!(zxids[0] > 1 && zxids.contains(&150) && zxids.last() == Some(&210), "{zxids:?}");
    drop(log);
}

#[test]
fn a_group_that_is_not_whole_is_the_end_unless_it_was_durable() {
    let files = machine();
    let mut log = open(&files);
    append(&mut log, 1..=4);
    drop(log);
    let segment = log_dir(Path::new(DIR)).join("log.0000000000000001");
    let whole = files.read(&segment, 1 << 20).unwrap();
    let starts: Vec<usize> = (0..whole.len()).step_by(512).filter(|at| whole[*at..].starts_with(b"PADDOCKG")).collect();
    assert_eq!(starts.len(), 4, "a group for each transaction");
    let damage = |at: usize| {
        files.open(&segment, Access::Write).unwrap().write_all_at(&[whole[at] ^ 1], at as u64).unwrap();
    };
    damage(starts[3] + 100);
    let mut reader = begin(&files, 0);
    assert_eq!(read(&mut reader), [1, 2, 3]);
    files.open(&segment, Access::Write).unwrap().write_all_at(&whole, 0).unwrap();
    assert_eq!(read(&mut reader), [4], "now it has been written");
    files.open(&segment, Access::Write).unwrap().write_all_at(&whole, 0).unwrap();
    damage(starts[1] + 100);
    let mut reader = begin(&files, 0);
    let error = loop {
        match reader.read_group() {
            Ok(Some(group)) => assert_eq!(group.last, Zxid(1)),
            // As the third one would, if it could be read.
            Ok(None) => reader.vouch(2),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, OutsideError::Log(LogError::Damaged(_))), "{error}");
}

#[test]
fn a_log_that_begins_later_or_was_cut_is_told() {
    let files = machine();
    let mut log = open(&files);
    append(&mut log, 1..=300);
    let mut reader = begin(&files, 0);
    assert_eq!(reader.read_group().unwrap().unwrap().last, Zxid(1));
    log.remove_before(Zxid(290)).unwrap();
    while log.work(Instant::now()) == Progress::More {}
    log.close().unwrap();
    let changed = loop {
        match reader.read_group() {
            Ok(group) => assert!(group.is_some(), "the log goes on elsewhere"),
            Err(error) => break error,
        }
    };
    assert!(matches!(changed, OutsideError::Changed(_)), "{changed}");
    let error = OutsideReader::begin(&files, Path::new(DIR), Path::new(DIR), Zxid(1)).err().unwrap();
    assert!(matches!(error, OutsideError::Log(LogError::Gap { .. })), "{error}");
    let mut reader = begin(&files, 295);
    read(&mut reader);
    assert_eq!(reader.certain(), Some(Zxid(300)));
    reader.confirm().unwrap();
    let dir = Path::new(DIR);
    cut_after(Place { files: &files, dir, data_dir: dir, snapshot: Zxid::ZERO }, Zxid(297)).unwrap();
    assert!(matches!(reader.confirm(), Err(OutsideError::Changed(_))));
}

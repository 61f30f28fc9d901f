//! An open log that is cut, begun anew, and fenced.

mod log_fixture;

use log_fixture::{Fresh, Records, append, fill, open, payload, settle};
use paddock_consensus::Zxid;
use paddock_engine::io::Files;
use paddock_engine::log::{
    Entry, Log, LogConfig, LogError, LogRange, Place, Verdict, cut_after, inspect, log_dir, milestone_path, missing,
};
use proptest::prelude::*;

fn small(dir: &Fresh) -> LogConfig {
    LogConfig { segment_bytes: 8192, ..dir.config() }
}

fn range(log: &Log) -> (i64, i64) {
    let LogRange { base, last } = log.range();
    (base.0, last.0)
}

/// Groups of three records, two groups in a segment.
fn grouped(log: &mut Log, records: &Records) {
    for group in records.chunks(3) {
        group.iter().for_each(|(zxid, bytes)| append(log, *zxid, bytes));
        settle(log).unwrap();
    }
}

#[test]
fn a_cut_of_an_open_log_keeps_exactly_what_it_should_and_goes_on() {
    let records: Records = (1..=20).map(|zxid| (zxid, payload(zxid, 300))).collect();
    for zxid in 0..=20 {
        let dir = Fresh::new();
        let (mut log, ..) = open(small(&dir), 0).unwrap();
        grouped(&mut log, &records);
        let fds = log.event_fds();
        log.cut_after(Zxid(zxid)).unwrap();
        assert_eq!(log.event_fds(), fds, "whoever waits for the log need not register it again");
        assert_eq!((range(&log), log.last_zxid(), log.completed_zxid()), ((0, zxid), Zxid(zxid), Zxid(zxid)));
        let mut expected = records[..zxid as usize].to_vec();
        let log = if zxid % 2 == 0 {
            drop(log);
            let (log, recovery, replayed) = open(small(&dir), 0).unwrap();
            assert_eq!((&replayed, recovery.torn), (&expected, None));
            log
        } else {
            log
        };
        let mut log = log;
        expected.extend(fill(&mut log, 101, &[50, 5000, 60]));
        log.close().unwrap();
        let (log, _, replayed) = open(small(&dir), 0).unwrap();
        assert_eq!(replayed, expected, "{zxid}");
        log.close().unwrap();
        assert_eq!(missing(dir.place()).unwrap(), None);
    }
}

#[test]
fn a_log_is_cut_only_at_what_it_has() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    let mut records = fill(&mut log, 2, &[300; 6]);
    records.extend(fill(&mut log, 10, &[300; 3]));
    for zxid in [-1, 1, 8, 9, 13] {
        let error = log.cut_after(Zxid(zxid)).unwrap_err();
        assert!(matches!(error, LogError::NotInLog { base: Zxid(0), last: Zxid(12), .. }), "{error}");
        assert!(error.to_string().contains("nothing was changed"), "{error}");
    }
    assert_eq!(range(&log), (0, 12));
    records.extend(fill(&mut log, 20, &[10]));
    let before = dir.files();
    log.cut_after(Zxid(20)).unwrap();
    // The next segment may have been made meanwhile.
    assert!(dir.files().starts_with(&before), "nothing is behind the last one");
    log.close().unwrap();
    assert_eq!(open(small(&dir), 0).unwrap().2, records);
}

/// What is appended, and what is under way, is in the log before it is cut.
#[test]
fn what_was_not_submitted_can_be_cut_and_can_stay() {
    for zxid in [2, 4, 5, 6] {
        let dir = Fresh::new();
        let (mut log, ..) = open(dir.config(), 0).unwrap();
        for group in [[1, 2], [3, 4], [5, 6]] {
            group.iter().for_each(|zxid| append(&mut log, *zxid, b"record"));
            if group[0] < 5 {
                log.submit().unwrap();
            }
        }
        log.cut_after(Zxid(zxid)).unwrap();
        assert!(!log.is_filling());
        assert_eq!(range(&log), (0, zxid));
        drop(log);
        let replayed = open(dir.config(), 0).unwrap().2;
        assert!(replayed.iter().map(|(zxid, _)| *zxid).eq(1..=zxid), "{replayed:?}");
    }
}

#[test]
fn a_cut_reads_no_segment_before_the_one_with_the_new_end() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    fill(&mut log, 1, &[300; 9]);
    // Whoever read the oldest would find it damaged.
    std::fs::write(&dir.files()[0], vec![9; 8192]).unwrap();
    log.cut_after(Zxid(6)).unwrap();
    assert_eq!(range(&log), (0, 6));
    // Damage where the new end should be is told, and nothing is changed.
    let files = dir.files();
    std::fs::write(&files[1], vec![9; 8192]).unwrap();
    assert!(matches!(log.cut_after(Zxid(3)), Err(LogError::Damaged(_))));
    assert_eq!((range(&log), dir.files()), ((0, 6), files));
}

#[test]
fn a_purged_log_is_cut_at_its_base_and_not_below() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    fill(&mut log, 1, &[300; 9]);
    assert_eq!(log.remove_before(Zxid(4)).unwrap(), 2);
    assert_eq!(range(&log), (4, 9));
    assert!(matches!(log.cut_after(Zxid(3)), Err(LogError::NotInLog { .. })));
    log.cut_after(Zxid(4)).unwrap();
    assert_eq!(range(&log), (4, 4));
    drop(log);
    let (mut log, _, replayed) = open(small(&dir), 4).unwrap();
    assert_eq!((replayed.len(), range(&log)), (0, (4, 4)));
    let records = fill(&mut log, 5, &[20, 30]);
    log.close().unwrap();
    assert_eq!(open(small(&dir), 4).unwrap().2, records);
}

/// What was cut and comes back is removed by its number; what somebody has put there of another log is not.
#[test]
fn a_segment_that_comes_back_is_removed_and_one_of_another_log_stays() {
    let (dir, other) = (Fresh::new(), Fresh::new());
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    fill(&mut log, 1, &[300; 5]);
    let brought_back = dir.files()[0].clone();
    let old = std::fs::read(&brought_back).unwrap();
    log.cut_after(Zxid(0)).unwrap();
    let records = fill(&mut log, 1, &[10, 20]);
    log.close().unwrap();
    let whole = dir.files();
    assert!(!brought_back.exists());

    std::fs::write(&brought_back, &old).unwrap();
    assert_eq!(missing(dir.place()).unwrap(), None);
    assert_eq!(shown(&dir), (vec![1, 2], Verdict::Sound { last: Zxid(2) }));
    let (log, recovery, replayed) = open(small(&dir), 0).unwrap();
    assert_eq!((replayed, recovery.torn, brought_back.exists()), (records.clone(), None, false));
    log.close().unwrap();

    std::fs::write(&brought_back, &old).unwrap();
    cut_after(dir.place(), Zxid(1)).unwrap();
    assert_eq!((dir.files(), brought_back.exists()), (whole, false));
    assert_eq!(open(small(&dir), 0).unwrap().2, records[..1]);

    let (mut log, ..) = open(small(&other), 0).unwrap();
    fill(&mut log, 1, &[300]);
    log.close().unwrap();
    std::fs::copy(&other.files()[0], &brought_back).unwrap();
    let (log, _, replayed) = open(small(&dir), 0).unwrap();
    assert_eq!((replayed, range(&log), brought_back.exists()), (records[..1].to_vec(), (0, 1), true));
    assert!(matches!(missing(dir.place()), Err(LogError::Damaged(_))));
    drop(log);
    let refused = cut_after(dir.place(), Zxid(1)).unwrap_err();
    assert!(matches!(&refused, LogError::Foreign { file, .. } if *file == brought_back), "{refused}");
    assert!(brought_back.exists());
    // Who puts the milestone away too wants that log.
    std::fs::remove_file(milestone_path(&dir.0)).unwrap();
    cut_after(dir.place(), Zxid(1)).unwrap();
    assert_eq!(open(small(&dir), 0).unwrap().2, [(1, payload(1, 300))]);
}

/// The records of a log as they are shown, and what is thought of it.
fn shown(dir: &Fresh) -> (Vec<i64>, Verdict) {
    let mut zxids = Vec::new();
    let verdict = inspect(&Files::Real, &dir.0, &dir.0, &mut |entry| {
        if let Entry::Record { zxid, .. } = entry {
            zxids.push(zxid.0);
        }
    });
    (zxids, verdict.unwrap())
}

/// The older segments, which are not read at a start, can be cut too.
#[test]
fn a_cut_goes_back_behind_the_snapshot_of_the_start() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    let records = fill(&mut log, 1, &[300; 9]);
    log.close().unwrap();
    let (mut log, recovery, _) = open(small(&dir), 9).unwrap();
    assert_eq!(recovery.segments_read, 1);
    assert_eq!(range(&log), (0, 9));
    log.cut_after(Zxid(5)).unwrap();
    log.close().unwrap();
    assert_eq!(open(small(&dir), 0).unwrap().2, records[..5]);
}

#[test]
fn a_log_begins_anew_after_a_snapshot() {
    let dir = Fresh::new();
    let mut log = Log::begin(small(&dir), Zxid(100)).unwrap();
    assert_eq!((range(&log), log.last_zxid()), ((100, 100), Zxid(100)));
    let records = fill(&mut log, 101, &[10, 20]);
    log.close().unwrap();
    let (log, recovery, replayed) = open(small(&dir), 100).unwrap();
    assert_eq!((replayed, recovery.last), (records, Zxid(102)));
    drop(log);
    assert!(matches!(Log::begin(small(&dir), Zxid(100)), Err(LogError::NotEmpty { .. })));
    // Without its snapshot it is not whole.
    assert!(matches!(open(small(&dir), 0), Err(LogError::Gap { .. })));

    let empty = Fresh::new();
    drop(Log::begin(small(&empty), Zxid(100)).unwrap());
    assert!(matches!(open(small(&empty), 99), Err(LogError::Missing(_))));
    open(small(&empty), 100).unwrap();
}

/// A log begins with the empty segment that is found, but not with one behind which there are no numbers left.
#[test]
fn a_file_with_the_last_number_does_not_leave_a_log_without_numbers() {
    for cuts in [false, true] {
        let dir = Fresh::new();
        std::fs::create_dir(log_dir(&dir.0)).unwrap();
        std::fs::write(log_dir(&dir.0).join("log.7fffffffffffffff"), [0; 4096]).unwrap();
        if cuts {
            cut_after(dir.place(), Zxid(0)).unwrap();
        }
        let mut records = Records::new();
        for first in [1, 11] {
            let (mut log, _, replayed) = open(small(&dir), 0).unwrap();
            assert_eq!(replayed, records, "{cuts}");
            records.extend(fill(&mut log, first, &[300; 9]));
            log.close().unwrap();
        }
        assert_eq!(open(small(&dir), 0).unwrap().2, records, "{cuts}");
    }
}

#[test]
fn a_fence_leaves_nothing_under_way() {
    let dir = Fresh::new();
    let (mut log, ..) = open(dir.config(), 0).unwrap();
    append(&mut log, 1, b"one");
    log.submit().unwrap();
    append(&mut log, 2, b"two");
    assert_eq!(log.fence().unwrap(), Zxid(2));
    assert_eq!((log.completed_zxid(), log.is_filling()), (Zxid(2), false));
    assert_eq!(log.fence().unwrap(), Zxid(2));
    drop(log);
    assert_eq!(open(dir.config(), 0).unwrap().2.len(), 2);
}

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<usize>),
    Roll,
    Purge(prop::sample::Index),
    Cut(prop::sample::Index),
    Fence,
    Open { closes: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(0usize..3000, 1..5).prop_map(Step::Write),
        1 => Just(Step::Roll),
        1 => any::<prop::sample::Index>().prop_map(Step::Purge),
        2 => any::<prop::sample::Index>().prop_map(Step::Cut),
        1 => Just(Step::Fence),
        2 => any::<bool>().prop_map(|closes| Step::Open { closes }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a list of records, of which the first are purged, and a snapshot that is as new as what was purged.
    #[test]
    fn whatever_is_done_the_log_has_what_a_list_has(
        steps in prop::collection::vec(step(), 1..30),
        segment_kib in 1u64..20,
    ) {
        let dir = Fresh::new();
        let config = LogConfig { segment_bytes: segment_kib << 10, ..dir.config() };
        let (mut log, ..) = open(config.clone(), 0).unwrap();
        let (mut snapshot, mut records) = (0, Records::new());
        for step in steps {
            let last = records.last().map_or(snapshot, |(zxid, _)| *zxid);
            match step {
                Step::Write(lengths) => {
                    for (zxid, length) in (last + 1..).zip(lengths) {
                        records.push((zxid, payload(zxid, length)));
                        append(&mut log, zxid, &payload(zxid, length));
                    }
                    while !log.can_submit() {
                        log.wait().unwrap();
                    }
                    log.submit().unwrap();
                }
                Step::Roll => log.roll(),
                Step::Purge(index) => {
                    log.fence().unwrap();
                    let purged = index.index(records.len() + 1);
                    snapshot = purged.checked_sub(1).map_or(snapshot, |at| records[at].0);
                    records.drain(..purged);
                    log.remove_before(Zxid(snapshot)).unwrap();
                    prop_assert!(log.range().base <= Zxid(snapshot));
                }
                Step::Cut(index) => {
                    let stays = index.index(records.len() + 1);
                    let zxid = stays.checked_sub(1).map_or(snapshot, |at| records[at].0);
                    log.cut_after(Zxid(zxid)).unwrap();
                    records.truncate(stays);
                    prop_assert_eq!(log.range().last, Zxid(zxid));
                }
                Step::Fence => {
                    prop_assert_eq!(log.fence().unwrap(), Zxid(last));
                    prop_assert_eq!(log.range().last, Zxid(last));
                }
                Step::Open { closes } => {
                    if closes { log.close().unwrap() } else { drop(log) }
                    let replayed;
                    (log, _, replayed) = open(config.clone(), snapshot).unwrap();
                    prop_assert_eq!(&replayed, &records);
                    prop_assert_eq!(missing(Place { snapshot: Zxid(snapshot), ..dir.place() }).unwrap(), None);
                }
            }
        }
        log.close().unwrap();
        prop_assert_eq!(open(config, snapshot).unwrap().2, records);
    }
}

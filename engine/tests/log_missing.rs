//! A log of which something is missing that only its milestone, or a snapshot, can tell of.

mod log_fixture;

use std::fs::OpenOptions;

use log_fixture::{Fresh, Records, append, fill, open, payload, settle};
use paddock_consensus::Zxid;
use paddock_engine::io::Files;
use paddock_engine::log::{FoundMilestone, LogConfig, LogError, Missing, Place, cut_after, milestone_path, missing};

/// A dataDir and a dataLogDir.
struct Two {
    data: Fresh,
    logs: Fresh,
}

impl Two {
    fn new() -> Two {
        Two { data: Fresh::new(), logs: Fresh::new() }
    }

    fn config(&self) -> LogConfig {
        LogConfig { data_dir: self.data.0.clone(), ..self.logs.config() }
    }

    fn place(&self, snapshot: i64) -> Place<'_> {
        Place { files: &Files::Real, dir: &self.logs.0, data_dir: &self.data.0, snapshot: Zxid(snapshot) }
    }

    /// Segments of 64 KiB, each with a few records.
    fn filled(&self) -> Records {
        let (mut log, ..) = open(self.config(), 0).unwrap();
        let records = fill(&mut log, 1, &[30_000; 9]);
        log.close().unwrap();
        assert!(self.logs.files().len() >= 3);
        records
    }

    fn refused(&self, snapshot: i64) -> Missing {
        match open(self.config(), snapshot) {
            Err(LogError::Missing(missing)) => *missing,
            Err(other) => panic!("another error: {other}"),
            Ok((_, recovery, _)) => panic!("it was opened: {recovery:?}"),
        }
    }

    fn noted(&self) -> (u64, u64, Zxid) {
        let found = FoundMilestone::read(&Files::Real, &self.data.0).unwrap();
        let milestone = found.milestone().expect("there is one");
        (milestone.segment, milestone.group.0, milestone.zxid)
    }
}

#[test]
fn a_whole_log_is_opened_again_and_again() {
    let two = Two::new();
    let mut records = two.filled();
    for zxid in 10..14 {
        let (mut log, _, replayed) = open(two.config(), 0).unwrap();
        assert_eq!(replayed, records);
        if zxid % 2 == 0 {
            records.extend(fill(&mut log, zxid, &[100]));
            // A clean end, or a crash.
            if zxid % 4 == 0 { log.close().unwrap() } else { drop(log) }
        } else {
            records.extend(fill(&mut log, zxid, &[5]));
            drop(log);
        }
        assert_eq!(missing(two.place(0)).unwrap(), None);
    }
}

#[test]
fn an_emptied_directory_is_not_a_new_log() {
    let two = Two::new();
    two.filled();
    std::fs::remove_dir_all(&two.logs.0).unwrap();
    std::fs::create_dir(&two.logs.0).unwrap();
    let missing = two.refused(0);
    let text = missing.to_string();
    for part in [two.data.0.to_str().unwrap(), two.logs.0.to_str().unwrap(), "transaction 0x9", "no segment"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_eq!(missing.after, Zxid::ZERO);
}

#[test]
fn another_directory_is_told_from_the_right_one() {
    let two = Two::new();
    two.filled();
    let elsewhere = Fresh::new();
    let config = LogConfig { data_dir: two.data.0.clone(), ..elsewhere.config() };
    let text = open(config, 0).err().unwrap().to_string();
    assert!(text.contains(&format!("The log was in {}", two.logs.0.display())), "{text}");
    // A log of somebody else is no better.
    let (mut log, ..) = open(elsewhere.config(), 0).unwrap();
    fill(&mut log, 1, &[30_000; 9]);
    log.close().unwrap();
    let config = LogConfig { data_dir: two.data.0.clone(), ..elsewhere.config() };
    let text = open(config, 0).err().unwrap().to_string();
    assert!(text.contains("another log"), "{text}");
    open(two.config(), 0).unwrap();
}

/// Moved as a whole it is the same log, wherever it is.
#[test]
fn a_log_may_move() {
    let mut two = Two::new();
    let records = two.filled();
    let elsewhere = Fresh::new();
    std::fs::rename(two.logs.0.join("paddock-1"), elsewhere.0.join("paddock-1")).unwrap();
    two.logs = elsewhere;
    let (_, _, replayed) = open(two.config(), 0).unwrap();
    assert_eq!(replayed, records);
}

#[test]
fn the_newest_segment_cannot_go_without_a_word() {
    for crashed in [false, true] {
        for damage in ["removed", "emptied", "cut", "zeroed"] {
            let two = Two::new();
            let (mut log, ..) = open(two.config(), 0).unwrap();
            fill(&mut log, 1, &[30_000; 9]);
            // The first group of the newest segment is noted in the background.
            while two.noted().1 < 9 {
                std::thread::yield_now();
            }
            if crashed {
                drop(log)
            } else {
                log.close().unwrap()
            }
            let newest = two.logs.files().into_iter().rev().find(|path| has_groups(path)).unwrap();
            let file = || OpenOptions::new().write(true).open(&newest).unwrap();
            let length = newest.metadata().unwrap().len();
            match damage {
                "removed" => std::fs::remove_file(&newest).unwrap(),
                "emptied" => file().set_len(0).unwrap(),
                "cut" => file().set_len(length / 4 / 512 * 512).unwrap(),
                _ => {
                    file().set_len(0).unwrap();
                    file().set_len(length).unwrap();
                }
            }
            let missing = two.refused(0);
            assert!(missing.after < Zxid(9), "{damage}, crashed {crashed}: {missing}");
            // Nothing was changed, so that it can be brought back.
            two.refused(0);
        }
    }
}

fn has_groups(path: &std::path::Path) -> bool {
    std::fs::read(path).unwrap().starts_with(b"PADDOCKG")
}

#[test]
fn a_log_that_ends_before_a_snapshot_is_not_whole() {
    let two = Two::new();
    two.filled();
    std::fs::remove_file(milestone_path(&two.data.0)).unwrap();
    let text = two.refused(12).to_string();
    assert!(text.contains("a snapshot is of transaction 0xc") && text.contains("ends with 0x9"), "{text}");
    assert!(missing(two.place(12)).unwrap().is_some());
    open(two.config(), 9).unwrap();
    // Without fsync a power cut can do that.
    let (log, ..) = open(LogConfig { sync: false, ..two.config() }, 12).unwrap();
    log.close().unwrap();
    let empty = Two::new();
    let text = empty.refused(12).to_string();
    assert!(text.contains("has no transaction"), "{text}");
}

#[test]
fn an_order_lets_it_go_on_with_what_there_is() {
    let two = Two::new();
    let records = two.filled();
    let newest = two.logs.files().pop().unwrap();
    std::fs::remove_file(newest).unwrap();
    let after = two.refused(0).after;
    cut_after(two.place(0), after).unwrap();
    assert_eq!(missing(two.place(0)).unwrap(), None);
    let (mut log, _, replayed) = open(two.config(), 0).unwrap();
    assert_eq!(replayed, records[..after.0 as usize]);
    fill(&mut log, after.0 + 1, &[7]);
    log.close().unwrap();
    // With a snapshot that has more than the log, that is what there is.
    std::fs::remove_dir_all(two.logs.0.join("paddock-1")).unwrap();
    assert_eq!(two.refused(5).after, Zxid(5));
    cut_after(two.place(5), Zxid(5)).unwrap();
    let (mut log, ..) = open(two.config(), 5).unwrap();
    fill(&mut log, 6, &[7]);
    drop(log);
    let (_, _, replayed) = open(two.config(), 5).unwrap();
    assert_eq!(replayed, [(6, payload(6, 7))]);
}

#[test]
fn a_cut_inside_is_noted_before_it_is_made() {
    for zxid in 0..=9 {
        let two = Two::new();
        let records = two.filled();
        cut_after(two.place(0), Zxid(zxid)).unwrap();
        assert_eq!(two.noted().2, Zxid(zxid));
        let (log, _, replayed) = open(two.config(), 0).unwrap();
        assert_eq!(replayed, records[..zxid as usize]);
        log.close().unwrap();
        assert_eq!(missing(two.place(0)).unwrap(), None);
    }
}

#[test]
fn a_milestone_that_is_lost_is_no_loss() {
    for damage in ["removed", "emptied"] {
        let two = Two::new();
        let records = two.filled();
        let path = milestone_path(&two.data.0);
        if damage == "removed" {
            std::fs::remove_file(path).unwrap()
        } else {
            std::fs::write(path, b"").unwrap()
        }
        let (log, _, replayed) = open(two.config(), 0).unwrap();
        assert_eq!(replayed, records);
        log.close().unwrap();
        assert_eq!(two.noted().2, Zxid(9), "there is one again");
    }
}

/// The segment that holds the last durable group stays while the current one has none.
#[test]
fn purging_leaves_what_shows_that_nothing_is_missing() {
    let two = Two::new();
    let records = two.filled();
    let (mut log, ..) = open(two.config(), 0).unwrap();
    log.remove_before(Zxid(9)).unwrap();
    drop(log);
    assert!(two.logs.files().iter().any(|path| has_groups(path)));
    let (mut log, _, replayed) = open(two.config(), 9).unwrap();
    assert_eq!(replayed, [] as [(i64, Vec<u8>); 0]);
    fill(&mut log, 10, &[5]);
    assert!(log.remove_before(Zxid(9)).unwrap() > 0);
    log.close().unwrap();
    let (_, _, replayed) = open(two.config(), 9).unwrap();
    assert_eq!(replayed.len(), 1);
    assert_eq!(records.len(), 9);
}

#[test]
fn a_removed_file_acknowledges_nothing() {
    for moved in [false, true] {
        let two = Two::new();
        let (mut log, ..) = open(two.config(), 0).unwrap();
        fill(&mut log, 1, &[100; 3]);
        log.see_at_its_path().unwrap();
        if moved {
            std::fs::rename(&two.logs.0, two.logs.0.with_extension("moved")).unwrap();
            assert!(matches!(log.see_at_its_path(), Err(LogError::Vanished { .. })));
            std::fs::rename(two.logs.0.with_extension("moved"), &two.logs.0).unwrap();
        } else {
            std::fs::remove_dir_all(two.logs.0.join("paddock-1")).unwrap();
        }
        append(&mut log, 4, b"lost");
        let error = settle(&mut log).unwrap_err();
        assert!(matches!(&error, LogError::Vanished { path } if path.ends_with("paddock-1/log.0000000000000001")));
        assert_eq!(log.completed_zxid(), Zxid(3));
    }
}

/// Whoever goes back to an older milestone, by a copy or by another dataDir for a while, is refused nothing: the log has gone
/// on since, and the segment that it names was purged.
#[test]
fn an_old_milestone_does_not_ask_for_what_was_purged() {
    let two = Two::new();
    let (mut log, ..) = open(two.config(), 0).unwrap();
    fill(&mut log, 1, &[30_000; 3]);
    log.close().unwrap();
    let old = std::fs::read(milestone_path(&two.data.0)).unwrap();
    let (mut log, ..) = open(two.config(), 0).unwrap();
    fill(&mut log, 4, &[30_000; 9]);
    assert!(log.remove_before(Zxid(8)).unwrap() > 0);
    log.close().unwrap();
    std::fs::write(milestone_path(&two.data.0), old).unwrap();
    let (_, recovery, _) = open(two.config(), 8).unwrap();
    assert_eq!(recovery.last, Zxid(12));
}

/// The older segment was all that held groups. What it held is in a snapshot by now, and the end of the log is elsewhere.
#[test]
fn the_end_of_a_log_moves_away_from_a_segment_that_is_lost() {
    for closes in [false, true] {
        let two = Two::new();
        two.filled();
        let before = two.logs.files();
        let (mut log, ..) = open(two.config(), 0).unwrap();
        before.iter().for_each(|path| std::fs::remove_file(path).unwrap());
        assert_eq!(log.take_lost_segment().map(|lost| lost.path).as_ref(), before.first());
        log.move_end().unwrap();
        while log.completed_zxid() < Zxid(9) || two.noted().1 < 10 {
            std::thread::yield_now();
            log.completed().unwrap();
        }
        if closes {
            log.close().unwrap()
        } else {
            drop(log)
        }
        let (mut log, recovery, _) = open(two.config(), 9).unwrap();
        assert_eq!(recovery.last, Zxid(9));
        fill(&mut log, 10, &[5]);
        log.close().unwrap();
    }
}

#[test]
fn a_damaged_milestone_beside_nothing_is_no_new_log() {
    let two = Two::new();
    two.filled();
    std::fs::remove_dir_all(two.logs.0.join("paddock-1")).unwrap();
    std::fs::write(milestone_path(&two.data.0), b"rot").unwrap();
    let text = two.refused(0).to_string();
    assert!(text.contains("milestone, which is damaged"), "{text}");
    cut_after(two.place(0), Zxid::ZERO).unwrap();
    open(two.config(), 0).unwrap();
}

#[test]
fn damage_names_both_directories_in_its_order() {
    let two = Two::new();
    two.filled();
    let first = &two.logs.files()[0];
    std::fs::write(first, vec![9; 40_000]).unwrap();
    let text = open(two.config(), 0).err().unwrap().to_string();
    let (logs, data) = (two.logs.0.display(), two.data.0.display());
    assert!(text.contains(&format!("paddock log cut {logs} --after 0x0 --data-dir {data}")), "{text}");
}

//! What is read back from a log after a clean close, after a crash, and after damage.

mod log_fixture;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use log_fixture::{Fresh, Group, Records, append, damaged, fill, groups, open, payload, settle};
use paddock_consensus::{History, Zxid};
use paddock_engine::io::Files;
use paddock_engine::log::{Cut, Log, LogConfig, LogError, Method, Place, Verdict, cut_after, inspect};
use proptest::prelude::*;

fn edit(path: &Path, offset: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

fn flip(path: &Path, offset: u64, bit: u8) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << bit)], offset).unwrap();
}

/// A log of five groups that a crash has ended; each group's mark vouches for the one before.
fn crashed() -> (Fresh, Records, Vec<Group>) {
    let dir = Fresh::new();
    let (mut log, ..) = open(dir.config(), 0).unwrap();
    let records = fill(&mut log, 1, &[200, 5000, 3000, 9000, 6000]);
    drop(log);
    let (groups, verdict) = groups(&dir.0);
    assert_eq!(verdict, Verdict::Sound { last: Zxid(5) });
    (dir, records, groups)
}

/// A start after a cut writes the last segment anew without what is torn behind its end, which is copied before.
#[test]
fn a_torn_end_is_copied_before_the_segment_is_written_anew() {
    let (dir, records, groups) = crashed();
    cut_after(dir.place(), Zxid(3)).unwrap();
    // Of a group, all but the first sector.
    let (end, torn) = (groups[2].offset + groups[2].bytes, [vec![0; 512], payload(9, 700)].concat());
    edit(&dir.files()[0], end, &torn);
    let (log, recovery, replayed) = open(dir.config(), 0).unwrap();
    let found = recovery.torn.unwrap();
    assert_eq!((replayed, found.offset, found.bytes), (records[..3].to_vec(), end, 1212));
    assert_eq!(std::fs::read(recovery.torn_copy.unwrap()).unwrap(), torn);
    assert_eq!(dir.files()[0].metadata().unwrap().len(), end);
    drop(log);
    assert_eq!(open(dir.config(), 0).unwrap().2, records[..3]);
}

/// What a crash of a disk may leave of writes to zeroed sectors: everything from some sector on is missing.
#[test]
fn a_tail_torn_at_any_sector_is_cut() {
    let (dir, records, groups) = crashed();
    let (first, last) = (&groups[3], &groups[4]);
    for start in (first.offset..=last.offset + last.bytes).step_by(512) {
        let whole = groups.iter().filter(|group| group.offset + group.length <= start).count();
        let end = groups[..whole].last().map_or(0, |group| group.offset + group.bytes);
        // Something of the next group is there, and something of it is missing.
        let torn = groups.get(whole).filter(|next| start > next.offset);
        for truncate in [false, true] {
            let copy = dir.copy();
            let file = &copy.files()[0];
            if truncate {
                OpenOptions::new().write(true).open(file).unwrap().set_len(start).unwrap();
            } else {
                let zeros = vec![0; usize::try_from(last.offset + last.bytes - start).unwrap()];
                edit(file, start, &zeros);
            }
            let (log, recovery, replayed) = open(copy.config(), 0).unwrap();
            assert_eq!(replayed, records[..whole], "cut at {start}");
            let found = recovery.torn.map(|torn| (torn.file, torn.offset));
            assert_eq!(found, torn.map(|_| (file.clone(), end)), "cut at {start}");
            let length = if truncate { end.min(start) } else { end };
            assert_eq!(file.metadata().unwrap().len(), length);
            log.close().unwrap();
            let (log, _, replayed) = open(copy.config(), 0).unwrap_or_else(|error| panic!("cut at {start}: {error}"));
            assert_eq!(replayed, records[..whole], "cut at {start}");
            drop(log);
        }
    }
}

/// A write behind the zeros of its segment may leave a file that ends with the group, without padding.
#[test]
fn the_padding_of_the_last_group_is_not_missed_after_a_cut() {
    let (dir, records, groups) = crashed();
    OpenOptions::new().write(true).open(&dir.files()[0]).unwrap().set_len(groups[4].offset + groups[4].length).unwrap();
    cut_after(dir.place(), Zxid(5)).unwrap();
    assert_eq!(open(dir.config(), 0).unwrap().2, records);
}

#[test]
fn a_torn_log_goes_on() {
    let (dir, mut records, groups) = crashed();
    edit(&groups[4].file, groups[4].offset + 512, &[0; 8192]);
    let (mut log, recovery, _) = open(dir.config(), 0).unwrap();
    assert_eq!((recovery.last, recovery.certain), (Zxid(4), Zxid(3)));
    assert_eq!(recovery.torn.unwrap().bytes, 512);
    records.truncate(4);
    records.extend(fill(&mut log, 7, &[10, 20]));
    log.close().unwrap();
    let (_, recovery, replayed) = open(dir.config(), 0).unwrap();
    assert_eq!(replayed, records);
    assert_eq!((recovery.torn, recovery.certain), (None, Zxid(8)));
}

#[test]
fn a_flipped_bit_in_a_durable_group_is_damage() {
    let (dir, _, groups) = crashed();
    for group in &groups[..4] {
        for at in 0..group.length {
            // All of the headers, and every so often something of the payload.
            if at > 150 && at % 97 != 0 {
                continue;
            }
            let (place, bit) = (group.offset + at, (at % 8) as u8);
            flip(&group.file, place, bit);
            let verdict = inspect(&Files::Real, &dir.0, &dir.0, &mut |_| {}).unwrap();
            flip(&group.file, place, bit);
            let Verdict::Damaged(damage) = verdict else { panic!("byte {at} of group {}: {verdict:?}", group.number) };
            assert_eq!(damage.offset, group.offset);
            assert_eq!(damage.after, Zxid(group.number as i64 - 1));
        }
    }
    let (_, _, replayed) = open(dir.config(), 0).unwrap();
    assert_eq!(replayed.len(), 5);
}

#[test]
fn a_damaged_log_is_not_opened_and_says_what_to_do() {
    let (dir, records, groups) = crashed();
    flip(&groups[1].file, groups[1].offset + 300, 0);
    let before = std::fs::read(&groups[1].file).unwrap();
    let error = open(dir.config(), 0).err().unwrap();
    let text = error.to_string();
    for part in [
        groups[1].file.to_str().unwrap(),
        "offset 4096",
        &format!("paddock log check {}", dir.0.display()),
        &format!("paddock log cut {} --after 0x1", dir.0.display()),
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_eq!(damaged(error).after, Zxid(1));
    assert_eq!(std::fs::read(&groups[1].file).unwrap(), before, "a damaged log is left as it is");

    assert!(matches!(cut_after(dir.place(), Zxid(2)), Err(LogError::Damaged(_))), "what is damaged cannot be kept");
    cut_after(dir.place(), Zxid(1)).unwrap();
    let (_, _, replayed) = open(dir.config(), 0).unwrap();
    assert_eq!(replayed, records[..1]);
}

#[test]
fn a_zeroed_block_between_durable_groups_is_damage() {
    let (dir, _, groups) = crashed();
    for group in &groups[..4] {
        for block in (group.offset..group.offset + group.length).step_by(4096) {
            let copy = dir.copy();
            edit(&copy.files()[0], block, &[0; 4096]);
            let damage = damaged(open(copy.config(), 0).err().unwrap());
            assert_eq!((damage.offset, damage.after), (group.offset, Zxid(group.number as i64 - 1)));
        }
    }
}

/// A client's data may look like a group that vouches for others.
#[test]
fn planted_evidence_is_not_believed() {
    let (elsewhere, _, foreign) = crashed();
    let image =
        &std::fs::read(&elsewhere.files()[0]).unwrap()[foreign[4].offset as usize..][..foreign[4].bytes as usize];

    let dir = Fresh::new();
    let (mut log, ..) = open(dir.config(), 0).unwrap();
    let records = fill(&mut log, 1, &[100]);
    // Headers of group and record, then as much as puts the image at a block's begin.
    append(&mut log, 2, &[&payload(2, 4096 - 96 - 20), image, &payload(2, 5000)].concat());
    settle(&mut log).unwrap();
    drop(log);
    let (groups, _) = groups(&dir.0);
    edit(&groups[1].file, groups[1].offset + groups[1].bytes - 4096, &[0; 4096]);
    let (_, recovery, replayed) = open(dir.config(), 0).unwrap();
    assert_eq!((replayed, recovery.torn.map(|torn| torn.offset)), (records, Some(4096)));
}

/// A clean close vouches even for the last group.
#[test]
fn after_a_close_nothing_is_torn() {
    let dir = Fresh::new();
    let (mut log, ..) = open(dir.config(), 0).unwrap();
    fill(&mut log, 1, &[100, 5000]);
    log.close().unwrap();
    let (groups, _) = groups(&dir.0);
    assert_eq!(groups.len(), 3, "two groups and the seal");
    flip(&groups[1].file, groups[1].offset + 200, 3);
    assert_eq!(damaged(open(dir.config(), 0).err().unwrap()).after, Zxid(1));
}

/// A log of several segments, two groups in each.
fn segmented() -> (Fresh, Records) {
    let dir = Fresh::new();
    let (mut log, ..) = open(LogConfig { segment_bytes: 8192, ..dir.config() }, 0).unwrap();
    let records = fill(&mut log, 1, &[100; 9]);
    assert_eq!(log.stats().segments, 5);
    log.close().unwrap();
    assert_eq!(dir.files().len(), 5);
    (dir, records)
}

#[test]
fn a_missing_middle_segment_is_damage() {
    let (dir, _) = segmented();
    for gone in 1..4 {
        let copy = dir.copy();
        let file = &copy.files()[gone];
        std::fs::remove_file(file).unwrap();
        let damage = damaged(open(copy.config(), 0).err().unwrap());
        assert_eq!((&damage.file, damage.after), (file, Zxid(2 * gone as i64)));
    }
}

#[test]
fn the_end_of_a_segment_cannot_be_torn_once_there_is_a_next() {
    let (dir, _) = segmented();
    for (segment, file) in dir.files().iter().enumerate().take(4) {
        let copy = dir.copy();
        edit(&copy.files()[segment], 4096, &[0; 4096]);
        let damage = damaged(open(copy.config(), 0).err().unwrap());
        assert_eq!(damage.file.file_name(), file.file_name());
        assert_eq!((damage.offset, damage.after), (4096, Zxid(2 * segment as i64 + 1)));
    }
}

#[test]
fn without_its_oldest_segments_a_log_needs_a_snapshot() {
    let (dir, records) = segmented();
    std::fs::remove_file(&dir.files()[0]).unwrap();
    std::fs::remove_file(&dir.files()[0]).unwrap();
    let error = open(dir.config(), 3).err().unwrap();
    assert!(matches!(error, LogError::Gap { have: Zxid(3), before: Zxid(4), .. }), "{error}");
    let (_, _, replayed) = open(dir.config(), 4).unwrap();
    assert_eq!(replayed, records[4..]);
}

#[test]
fn segments_below_the_snapshot_are_not_read() {
    let (dir, records) = segmented();
    // Even a bad old segment does not matter then.
    edit(&dir.files()[0], 0, &[9; 8192]);
    let (log, recovery, replayed) = open(dir.config(), 5).unwrap();
    assert_eq!(replayed, records[5..]);
    assert_eq!((recovery.segments, recovery.segments_read), (5, 3));
    log.close().unwrap();
    let (_, recovery, replayed) = open(dir.config(), 9).unwrap();
    assert_eq!((recovery.segments_read, recovery.last, replayed.len()), (1, Zxid(9), 0));
}

/// A follower that takes its leader's snapshot goes on far behind the end of its log.
#[test]
fn a_snapshot_may_be_newer_than_the_log() {
    let dir = Fresh::new();
    let (mut log, ..) = open(dir.config(), 0).unwrap();
    fill(&mut log, 1, &[10, 10]);
    log.close().unwrap();
    assert!(matches!(open(dir.config(), 100).err(), Some(LogError::Missing(_))), "not by itself");
    cut_after(Place { snapshot: Zxid(100), ..dir.place() }, Zxid(100)).unwrap();
    let (mut log, recovery, _) = open(dir.config(), 100).unwrap();
    assert_eq!(recovery.last, Zxid(100));
    fill(&mut log, 101, &[10]);
    log.close().unwrap();
    let (_, _, replayed) = open(dir.config(), 100).unwrap();
    assert_eq!(replayed, [(101, payload(101, 10))]);
    let error = open(dir.config(), 50).err().unwrap();
    assert!(matches!(error, LogError::Gap { have: Zxid(50), before: Zxid(100), .. }), "{error}");
}

#[test]
fn a_rejected_record_is_named() {
    let (dir, ..) = crashed();
    let visit = &mut |zxid: Zxid, _: &[u8]| if zxid.0 == 3 { Err("no such type".to_owned()) } else { Ok(()) };
    let error = Log::open(dir.config(), Zxid::ZERO, visit).err().unwrap();
    assert!(matches!(&error, LogError::Rejected { zxid: Zxid(3), reason, .. } if reason == "no such type"), "{error}");
}

#[test]
fn a_cut_keeps_exactly_what_it_should() {
    let dir = Fresh::new();
    let (mut log, ..) = open(LogConfig { segment_bytes: 8192, ..dir.config() }, 0).unwrap();
    let records: Records = (1..=20).map(|zxid| (zxid, payload(zxid, 300))).collect();
    for group in records.chunks(3) {
        group.iter().for_each(|(zxid, bytes)| append(&mut log, *zxid, bytes));
        settle(&mut log).unwrap();
    }
    log.close().unwrap();
    for zxid in 0..=21 {
        let copy = dir.copy();
        let cut = cut_after(copy.place(), Zxid(zxid)).unwrap();
        assert_eq!(cut.records, 20u64.saturating_sub(zxid as u64), "{zxid}");
        let kept = usize::try_from(zxid.min(20)).unwrap();
        let (mut log, recovery, replayed) = open(copy.config(), 0).unwrap();
        assert_eq!(replayed, records[..kept], "{zxid}");
        assert_eq!(recovery.torn, None);
        let added = fill(&mut log, zxid.max(20) + 100, &[50]);
        log.close().unwrap();
        let (_, _, replayed) = open(copy.config(), 0).unwrap();
        assert_eq!(replayed, [&records[..kept], &added].concat());
    }
    assert_eq!(cut_after(dir.place(), Zxid(20)).unwrap(), Cut::default());
}

/// A crash between writing the shortened segment and putting it into place.
#[test]
fn a_leftover_of_a_cut_is_removed() {
    let (dir, records) = segmented();
    let left = dir.files()[4].with_extension("0000000000000005.cut");
    std::fs::write(&left, b"half").unwrap();
    let (_, _, replayed) = open(dir.config(), 0).unwrap();
    assert_eq!(replayed, records);
    assert!(!left.exists());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(
        lives in prop::collection::vec(prop::collection::vec(prop::collection::vec(0usize..3000, 1..6), 0..12), 1..4),
        in_flight in 1usize..4,
        segment_kib in 1u64..40,
        ring in any::<bool>(),
        closes in any::<bool>(),
        after in any::<prop::sample::Index>(),
    ) {
        let dir = Fresh::new();
        let method = if ring { Method::Auto } else { Method::Thread };
        let config = LogConfig { segment_bytes: segment_kib << 10, in_flight, method, ..dir.config() };
        let mut all = Records::new();
        for life in lives {
            let (mut log, _, replayed) = open(config.clone(), 0).unwrap();
            prop_assert_eq!(&replayed, &all);
            for group in life {
                for length in group {
                    let zxid = all.len() as i64 + 1;
                    all.push((zxid, payload(zxid, length)));
                    append(&mut log, zxid, &all.last().unwrap().1);
                }
                while !log.can_submit() {
                    log.wait().unwrap();
                }
                log.submit().unwrap();
            }
            // Dropped, a log waits for its writes, so everything is on the disk.
            if closes { log.close().unwrap() } else { drop(log) }
        }
        let after = after.index(all.len() + 1) as i64;
        let (_, recovery, replayed) = open(config.clone(), after).unwrap();
        let newer: Records = all.iter().filter(|(zxid, _)| *zxid > after).cloned().collect();
        prop_assert_eq!(recovery.records, newer.len() as u64);
        prop_assert_eq!(replayed, newer);
    }

    /// Whatever happens to the bytes: no panic, and never a record that was not written, or out of its place.
    #[test]
    fn edited_files_give_a_prefix(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 1usize..600), 0..4),
        cut in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
        swap in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
    ) {
        let (dir, records) = segmented();
        let files = dir.files();
        for (file, place, byte, length) in edits {
            edit(file.get::<std::path::PathBuf>(&files), place.index(8192) as u64, &vec![byte; length]);
        }
        if let Some((file, length)) = cut {
            OpenOptions::new().write(true).open(file.get(&files)).unwrap().set_len(length.index(9000) as u64).unwrap();
        }
        if let Some((from, to)) = swap {
            let bytes = std::fs::read(from.get(&files)).unwrap();
            std::fs::write(to.get(&files), bytes).unwrap();
        }
        if let Ok((_, _, replayed)) = open(dir.config(), 0) {
            prop_assert_eq!(&replayed[..], &records[..replayed.len()]);
        }
    }

    #[test]
    fn arbitrary_files_do_no_harm(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 1..4),
        magic in any::<bool>(),
    ) {
        let dir = Fresh::new();
        std::fs::create_dir(dir.0.join("paddock-1")).unwrap();
        for (sequence, mut bytes) in (1..).zip(contents) {
            if magic && bytes.len() > 8 {
                bytes[..8].copy_from_slice(b"PADDOCKG");
            }
            std::fs::write(dir.0.join(format!("paddock-1/log.{sequence:016x}")), bytes).unwrap();
        }
        inspect(&Files::Real, &dir.0, &dir.0, &mut |_| {}).unwrap();
        match open(dir.config(), 0) {
            Ok((_, _, replayed)) => prop_assert!(replayed.is_empty()),
            Err(error) => prop_assert!(matches!(error, LogError::Damaged(_)), "{error}"),
        }
    }
}

/// What was acknowledged is not taken for the torn end of a crash because its last bytes have changed.
#[test]
fn a_changed_end_is_no_torn_end() {
    let (dir, records, groups) = crashed();
    let last = &groups[4];
    for at in (last.offset..last.offset + last.length).step_by(97) {
        let copy = dir.copy();
        let file = &copy.files()[0];
        let byte = std::fs::read(file).unwrap()[usize::try_from(at).unwrap()];
        edit(file, at, &[byte ^ 4]);
        match open(copy.config(), 0) {
            Err(LogError::Damaged(damage)) => assert_eq!((&damage.file, damage.offset), (file, last.offset), "{at}"),
            // The padding is no part of it.
            Ok((_, _, replayed)) => assert_eq!(replayed, records, "{at}"),
            Err(other) => panic!("{at}: {other}"),
        }
    }
}

/// What the consensus of an ensemble is told of at a start.
#[test]
fn the_history_has_the_zxids_of_all_records_that_were_read() {
    let epoch = |epoch: i64| epoch << 32;
    let dir = Fresh::new();
    let (mut log, recovery, _) = open(LogConfig { segment_bytes: 4096, ..dir.config() }, 0).unwrap();
    assert_eq!(recovery.history, History::new(Zxid(0)));
    let mut zxids: Vec<i64> = (1..=5).chain([epoch(1) + 1, epoch(1) + 2]).collect();
    zxids.extend((1..=6).map(|counter| epoch(4) + counter));
    for zxid in &zxids {
        append(&mut log, *zxid, &payload(*zxid, 900));
        settle(&mut log).unwrap();
    }
    log.close().unwrap();
    assert!(dir.files().len() > 4);
    let mut bases = Vec::new();
    for after in [&[0], &zxids[..]].concat() {
        let (log, recovery, _) = open(LogConfig { segment_bytes: 4096, ..dir.config() }, after).unwrap();
        let history = recovery.history;
        assert!(history.base() <= Zxid(after) && history.base() >= log.range().base, "{after:x}: {history:?}");
        assert_eq!((history.last(), log.range().last), (recovery.last, recovery.last));
        let above = zxids.iter().filter(|zxid| Zxid(**zxid) > history.base());
        assert!(above.clone().all(|zxid| history.contains(Zxid(*zxid))), "{after:x}: {history:?}");
        let counted: i64 = history.runs().map(|run| run.last.0 - run.first.0 + 1).sum();
        assert_eq!(counted, above.count() as i64, "{after:x}: {history:?}");
        bases.push(history.base());
        log.close().unwrap();
    }
    bases.dedup();
    assert!(bases.len() > 4, "only what is read for the replay is told: {bases:?}");

    // The state of a leader that has just begun its epoch, and the first transaction after that.
    let dir = Fresh::new();
    let mut log = Log::begin(dir.config(), Zxid(epoch(7))).unwrap();
    append(&mut log, epoch(7) + 1, b"first");
    log.close().unwrap();
    let (_, recovery, _) = open(dir.config(), epoch(7)).unwrap();
    let mut history = History::new(Zxid(epoch(7)));
    history.push(Zxid(epoch(7) + 1));
    assert_eq!(recovery.history, history);
}

#[test]
fn the_history_begins_behind_what_is_missing() {
    let dir = Fresh::new();
    let (mut log, ..) = open(dir.config(), 0).unwrap();
    for zxid in [1, 2, 5, 6] {
        append(&mut log, zxid, b"record");
    }
    log.close().unwrap();
    let (log, recovery, _) = open(dir.config(), 0).unwrap();
    assert_eq!((recovery.history.base(), recovery.history.last()), (Zxid(5), Zxid(6)));
    log.close().unwrap();
    // A snapshot has what is between, as one that came from elsewhere; the log goes on behind it.
    let (_, recovery, _) = open(LogConfig { sync: false, ..dir.config() }, 9).unwrap();
    assert_eq!(recovery.history, History::new(Zxid(9)));
}

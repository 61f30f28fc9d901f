//! Records that are read from an open log while it is written to, rolls, and is purged.

mod log_fixture;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::channel;

use log_fixture::{Fresh, Records, append, fill, open, payload, settle};
use paddock_consensus::Zxid;
use paddock_engine::log::{Chunk, Log, LogConfig, LogError, Place, Reader, cut_after};
use proptest::prelude::*;

/// Reads all that is left, in chunks whose bound is kept.
fn read(reader: &mut Reader, bytes_max: usize) -> Result<Records, LogError> {
    let (mut records, mut chunk) = (Records::new(), Chunk::default());
    loop {
        reader.read(&mut chunk, bytes_max)?;
        if chunk.is_empty() {
            return Ok(records);
        }
        assert!(chunk.bytes() <= bytes_max || chunk.records().count() == 1);
        assert_eq!(chunk.bytes(), chunk.records().map(|(_, payload)| payload.len()).sum::<usize>());
        records.extend(chunk.records().map(|(zxid, payload)| (zxid.0, payload.to_vec())));
    }
}

fn read_range(log: &Log, from: i64, to: i64, bytes_max: usize) -> Records {
    read(&mut log.reader(Zxid(from), Zxid(to)).unwrap(), bytes_max).unwrap()
}

fn small(dir: &Fresh) -> LogConfig {
    LogConfig { segment_bytes: 8192, ..dir.config() }
}

#[test]
fn every_range_is_read_in_chunks_of_any_size() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    let records: Records = (1..=14).map(|zxid| (zxid, payload(zxid, zxid as usize * 70))).collect();
    for group in records.chunks(3) {
        group.iter().for_each(|(zxid, bytes)| append(&mut log, *zxid, bytes));
        settle(&mut log).unwrap();
    }
    for from in 0..=14 {
        for to in from..=14 {
            for bytes_max in [1, 500, 1 << 20] {
                assert_eq!(read_range(&log, from, to, bytes_max), records[from as usize..to as usize], "{from} {to}");
            }
        }
    }
    for (from, to) in [(-1, 3), (3, 15)] {
        let error = log.reader(Zxid(from), Zxid(to)).err().unwrap();
        assert!(matches!(error, LogError::OutOfRange { base: Zxid(0), last: Zxid(14), .. }), "{error}");
    }
}

#[test]
fn records_larger_than_a_piece_and_a_chunk_are_read() {
    let dir = Fresh::new();
    let (mut log, ..) = open(dir.config(), 0).unwrap();
    let records = fill(&mut log, 1, &[3, 700_000, 0, 1_500_000, 9]);
    assert_eq!(read_range(&log, 0, 5, 1000), records);
    assert_eq!(read_range(&log, 2, 4, 1), records[2..4]);
}

/// An empty segment takes a group of any size, so that its file grows beyond its zeros.
#[test]
fn a_group_larger_than_its_segment_is_read() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    let records = fill(&mut log, 1, &[100_000, 10, 10_000, 20]);
    assert!(log.stats().segments > 1);
    assert_eq!(read_range(&log, 0, 4, 1000), records);
}

/// Both what was read at the start, and what was not because a snapshot has it.
#[test]
fn records_of_former_openings_are_read() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    let mut records = fill(&mut log, 1, &[300; 9]);
    log.close().unwrap();
    let (mut log, recovery, _) = open(small(&dir), 8).unwrap();
    assert!(recovery.segments_read < recovery.segments);
    records.extend(fill(&mut log, 10, &[300; 4]));
    assert_eq!(read_range(&log, 0, 13, 1000), records);
    assert_eq!(read_range(&log, 8, 10, 1000), records[8..10]);
}

#[test]
fn a_gap_that_a_snapshot_covers_bounds_what_can_be_read() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    fill(&mut log, 1, &[300; 5]);
    log.close().unwrap();
    cut_after(Place { snapshot: Zxid(9), ..dir.place() }, Zxid(9)).unwrap();
    let (mut log, ..) = open(small(&dir), 9).unwrap();
    let records = fill(&mut log, 10, &[300; 5]);
    assert_eq!(log.range().base, Zxid(9));
    assert_eq!(read_range(&log, 9, 14, 1000), records);
    assert!(matches!(log.reader(Zxid(5), Zxid(14)), Err(LogError::OutOfRange { .. })));
}

#[test]
fn a_hold_keeps_segments_until_it_is_dropped() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    let records = fill(&mut log, 1, &[300; 9]);
    let (hold, later) = (log.hold(Zxid(3)), log.hold(Zxid(6)));
    assert_eq!(log.remove_before(Zxid(9)).unwrap(), 1);
    assert_eq!(log.range().base, Zxid(2));
    drop(hold);
    assert_eq!(log.remove_before(Zxid(9)).unwrap(), 2);
    drop(later);
    // A reader holds what it is to read, from before its first chunk to its end.
    let mut reader = log.reader(Zxid(6), Zxid(9)).unwrap();
    assert_eq!(log.remove_before(Zxid(9)).unwrap(), 0);
    assert_eq!(read(&mut reader, 1).unwrap(), records[6..]);
    drop(reader);
    assert_eq!(log.remove_before(Zxid(9)).unwrap(), 1);
    log.close().unwrap();
}

#[test]
fn a_reader_of_before_a_cut_gives_nothing_more() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    fill(&mut log, 1, &[300; 9]);
    let last = log.range().last;
    let (mut begun, mut fresh) = (log.reader(Zxid(0), last).unwrap(), log.reader(Zxid(1), last).unwrap());
    let mut chunk = Chunk::default();
    begun.read(&mut chunk, 1).unwrap();
    assert!(!chunk.is_empty());
    log.cut_after(Zxid(6)).unwrap();
    for reader in [&mut begun, &mut fresh] {
        let error = reader.read(&mut chunk, 1000).unwrap_err();
        assert!(matches!(error, LogError::WasCut { .. }) && chunk.is_empty(), "{error}");
    }
    assert_eq!(read_range(&log, 0, 6, 1000).len(), 6);
}

#[test]
fn damage_is_told_and_never_read_over() {
    let dir = Fresh::new();
    let (mut log, ..) = open(small(&dir), 0).unwrap();
    let records = fill(&mut log, 1, &[300; 9]);
    let file = dir.files()[1].clone();
    let good = std::fs::read(&file).unwrap();
    for at in (0..500).chain(4096..4600) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&file, bytes).unwrap();
        let mut reader = log.reader(Zxid(0), Zxid(9)).unwrap();
        let (mut chunk, mut found) = (Chunk::default(), Records::new());
        let result = loop {
            match reader.read(&mut chunk, 1) {
                Ok(()) if chunk.is_empty() => break Ok(()),
                Ok(()) => found.extend(chunk.records().map(|(zxid, payload)| (zxid.0, payload.to_vec()))),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(found, records[..found.len()], "byte {at}");
        // Zeros behind a group are none of its bytes.
        let is_padding = (416..512).contains(&at) || (4096 + 416..4608).contains(&at);
        let is_told = matches!(result, Err(LogError::Damaged(_) | LogError::Gap { .. }));
        assert_eq!(is_told, !is_padding, "byte {at}: {result:?}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(read(&mut log.reader(Zxid(0), Zxid(9)).unwrap(), 1), Err(LogError::Io { .. })));
}

/// A reader in another thread, while the log goes on.
#[test]
fn a_thread_reads_while_the_log_is_written_to_rolls_and_is_purged() {
    let dir = Fresh::new();
    let (mut log, ..) = open(LogConfig { segment_bytes: 64 << 10, ..dir.config() }, 0).unwrap();
    let (orders, incoming) = channel::<Reader>();
    let thread = std::thread::spawn(move || {
        let mut next = 1;
        for mut reader in incoming {
            for (zxid, bytes) in read(&mut reader, 3000).unwrap() {
                assert_eq!((zxid, &bytes), (next, &payload(zxid, 10 + zxid as usize % 900)));
                next += 1;
            }
        }
        next
    });
    let mut asked = Zxid::ZERO;
    let mut kept = log.hold(asked);
    for zxid in 1..=3000 {
        append(&mut log, zxid, &payload(zxid, 10 + zxid as usize % 900));
        if zxid % 7 == 0 && log.can_submit() {
            log.submit().unwrap();
        }
        if zxid % 100 == 0 {
            let completed = log.completed_zxid();
            orders.send(log.reader(asked, completed).unwrap()).unwrap();
            asked = completed;
            kept = log.hold(asked);
            log.remove_before(completed).unwrap();
        }
        if zxid % 500 == 0 {
            log.roll();
        }
    }
    log.fence().unwrap();
    orders.send(log.reader(asked, Zxid(3000)).unwrap()).unwrap();
    drop((orders, kept));
    assert_eq!(thread.join().unwrap(), 3001);
    assert!(log.remove_before(Zxid(3000)).unwrap() > 0 || log.range().base > Zxid::ZERO);
    log.close().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_what_was_written(
        groups in prop::collection::vec(prop::collection::vec(0usize..4000, 1..6), 1..30),
        segment_kib in 1u64..30,
        reopened_at in any::<prop::sample::Index>(),
        (from, to) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        bytes_max in 1usize..20_000,
    ) {
        let dir = Fresh::new();
        let config = LogConfig { segment_bytes: segment_kib << 10, ..dir.config() };
        let (mut log, ..) = open(config.clone(), 0).unwrap();
        let mut all = Records::new();
        let reopened_at = reopened_at.index(groups.len());
        for (at, group) in groups.into_iter().enumerate() {
            if at == reopened_at {
                log.close().unwrap();
                log = open(config.clone(), all.len() as i64 / 2).unwrap().0;
            }
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
        log.completed().unwrap();
        let last = log.range().last.0;
        let (from, to) = (from.index(last as usize + 1) as i64, to.index(last as usize + 1) as i64);
        let read = read_range(&log, from, to, bytes_max);
        prop_assert_eq!(&read[..], all.get(from as usize..to as usize).unwrap_or_default());
    }
    /// Whatever happens to the bytes: no panic, and never a record that was not written, or out of its order.
    #[test]
    fn edited_files_give_a_prefix(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0u64..8192, any::<u8>(), 1usize..600), 1..4),
        cut in prop::option::of((any::<prop::sample::Index>(), 0u64..9000)),
    ) {
        let dir = Fresh::new();
        let (mut log, ..) = open(small(&dir), 0).unwrap();
        let records = fill(&mut log, 1, &[300; 9]);
        let mut reader = log.reader(Zxid(0), Zxid(9)).unwrap();
        let files = dir.files();
        let file = |index: &prop::sample::Index| OpenOptions::new().write(true).open(index.get(&files)).unwrap();
        for (index, offset, byte, length) in &edits {
            file(index).write_all_at(&vec![*byte; *length], *offset).unwrap();
        }
        if let Some((index, length)) = &cut {
            file(index).set_len(*length).unwrap();
        }
        let (mut chunk, mut found) = (Chunk::default(), Records::new());
        while reader.read(&mut chunk, 1).is_ok() && !chunk.is_empty() {
            found.extend(chunk.records().map(|(zxid, payload)| (zxid.0, payload.to_vec())));
        }
        prop_assert_eq!(&found[..], &records[..found.len()]);
    }
}

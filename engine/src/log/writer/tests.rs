//! The log on a disk that completes writes when the test says so.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;

use super::Log;
use crate::io::{Disk, Files, Write, Written, sys};
use crate::log::format::{COUNT_MAX, Header};
use crate::log::recovery::recover;
use crate::log::segment::Creator;
use crate::log::segment_path::{SegmentPath, directory};
use crate::log::{Clock, GroupNumber, LogConfig, LogError, Recovery, Verdict, inspect};

#[derive(Default)]
struct Script {
    under_way: Vec<(u64, Write)>,
    written: Vec<Written>,
}

/// Shared by the log and the test.
#[derive(Clone)]
struct Scripted {
    script: Arc<Mutex<Script>>,
    event: Arc<OwnedFd>,
}

impl Scripted {
    fn new() -> Scripted {
        Scripted { script: Arc::default(), event: Arc::new(sys::event_fd().unwrap()) }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// Puts a write on the disk and reports it.
    fn complete(&self, ticket: u64) {
        self.finish(ticket, |write| write.file.write_all_at(&write.buffer[..write.length], write.offset));
    }

    /// Puts a write on the disk, and the power goes before it is reported.
    fn write_only(&self, ticket: u64) {
        let mut script = self.script();
        let place = script.under_way.iter().position(|(number, _)| *number == ticket).unwrap();
        let (_, write) = script.under_way.remove(place);
        write.file.write_all_at(&write.buffer[..write.length], write.offset).unwrap();
    }

    fn fail(&self, ticket: u64, errno: i32) {
        self.finish(ticket, |_| Err(io::Error::from_raw_os_error(errno)));
    }

    fn finish(&self, ticket: u64, result: impl FnOnce(&Write) -> io::Result<()>) {
        let mut script = self.script();
        let place = script.under_way.iter().position(|(number, _)| *number == ticket).unwrap();
        let (_, write) = script.under_way.remove(place);
        let result = result(&write);
        script.written.push(Written { ticket, buffer: write.buffer, result });
    }
}

impl Disk for Scripted {
    fn submit(&mut self, ticket: u64, write: Write) -> io::Result<()> {
        self.script().under_way.push((ticket, write));
        Ok(())
    }

    fn reap(&mut self, written: &mut Vec<Written>) -> io::Result<()> {
        written.append(&mut self.script().written);
        Ok(())
    }

    /// Completes the newest write first.
    fn wait(&mut self) -> io::Result<()> {
        let newest = self.script().under_way.last().map(|(ticket, _)| *ticket);
        if let Some(ticket) = newest {
            self.complete(ticket);
        }
        Ok(())
    }

    fn event_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.event.as_fd())
    }

    fn name(&self) -> &'static str {
        "a script"
    }
}

/// A directory that goes with the value.
struct Fresh(PathBuf);

impl Fresh {
    fn new(name: &str) -> Fresh {
        let dir = std::env::temp_dir().join(format!("paddock-log-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        Fresh(dir)
    }

    fn config(&self) -> LogConfig {
        LogConfig { segment_bytes: 64 << 10, in_flight: 3, ..LogConfig::new(&self.0) }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Opens the log on a scripted disk; the zxids that it replays come with it.
fn open(config: LogConfig) -> (Log, Scripted, Vec<i64>, Recovery) {
    let mut zxids = Vec::new();
    let replay = &mut |zxid: Zxid, _: &[u8]| {
        zxids.push(zxid.0);
        Ok(())
    };
    let (recovery, resume) = recover(&config, Zxid::ZERO, &mut |_| {}, replay).unwrap();
    let (creator, mut current) =
        Creator::new(&config.files, &directory(&config.dir), resume.older.next_sequence()).unwrap();
    let zeros = creator.zeros();
    while current.size < config.segment_bytes {
        current.zero(&zeros, config.segment_bytes).unwrap();
    }
    let disk = Scripted::new();
    let log = Log::assemble(config, creator, current, Box::new(disk.clone()), resume, recovery.last).unwrap();
    (log, disk, zxids, recovery)
}

fn submit(log: &mut Log, zxid: i64) -> u64 {
    log.append(Zxid(zxid), |out| out.extend_from_slice(&[7; 1000]));
    log.submit().unwrap().0
}

#[test]
fn completions_are_told_in_order() {
    let dir = Fresh::new("order");
    let (mut log, disk, ..) = open(dir.config());
    let groups: Vec<u64> = (1..=3).map(|zxid| submit(&mut log, zxid)).collect();
    assert_eq!(groups, [1, 2, 3]);
    assert!(!log.can_submit());
    disk.complete(3);
    disk.complete(2);
    assert_eq!(log.completed().unwrap(), GroupNumber(0));
    disk.complete(1);
    assert_eq!(log.completed().unwrap(), GroupNumber(3));
    assert_eq!(log.completed_zxid(), Zxid(3));
    assert!(log.can_submit());
}

#[test]
fn a_failed_write_is_the_last_word() {
    let dir = Fresh::new("sticky");
    let (mut log, disk, ..) = open(dir.config());
    for zxid in 1..=3 {
        submit(&mut log, zxid);
    }
    disk.fail(2, libc::EIO);
    disk.complete(1);
    let first = log.completed().unwrap_err().to_string();
    assert!(first.contains("log.0000000000000001"), "{first}");
    disk.complete(3);
    log.append(Zxid(4), |out| out.extend_from_slice(b"lost"));
    assert_eq!(log.submit().unwrap_err().to_string(), first);
    assert_eq!(log.completed().unwrap_err().to_string(), first);
    assert_eq!(log.remove_before(Zxid(9)).unwrap_err().to_string(), first);
    assert_eq!(log.completed_zxid(), Zxid::ZERO);
    assert!(log.can_submit(), "so that the caller meets the error");
    // A failed log does not hoard what nobody will write.
    let filled = log.filling_bytes();
    log.append(Zxid(5), |out| out.extend_from_slice(b"lost"));
    assert_eq!(log.filling_bytes(), filled);
    assert_eq!(log.close().unwrap_err().to_string(), first);
}

#[test]
fn no_space_has_its_own_error() {
    let dir = Fresh::new("space");
    let (mut log, disk, ..) = open(dir.config());
    submit(&mut log, 1);
    disk.fail(1, libc::ENOSPC);
    let error = log.completed().unwrap_err();
    assert!(matches!(&error, LogError::NoSpace { dir: at } if *at == directory(&dir.0)), "{error}");
}

/// Group 3 reached the disk, group 2 did not, and nobody was told of either.
#[test]
fn a_hole_above_every_mark_is_torn() {
    let dir = Fresh::new("hole");
    let (mut log, disk, ..) = open(dir.config());
    submit(&mut log, 1);
    disk.complete(1);
    submit(&mut log, 2);
    submit(&mut log, 3);
    disk.write_only(3);
    drop(log);
    let verdict = inspect(&Files::Real, &dir.0, &dir.0, &mut |_| {}).unwrap();
    assert!(matches!(verdict, Verdict::Torn { last: Zxid(1), .. }), "{verdict:?}");

    let (mut log, disk, replayed, recovery) = open(dir.config());
    assert_eq!(replayed, [1]);
    let torn = recovery.torn.unwrap();
    assert_eq!((torn.offset, recovery.last, recovery.certain), (4096, Zxid(1), Zxid::ZERO));
    assert_eq!(torn.file.metadata().unwrap().len(), 4096);
    // The new group 2 is followed by nothing, although the old group 3 once stood there.
    assert_eq!(submit(&mut log, 10), 2);
    disk.complete(2);
    log.completed().unwrap();
    drop(log);
    let (_, _, replayed, recovery) = open(dir.config());
    assert_eq!((replayed, recovery.torn), (vec![1, 10], None));
}

/// The same files, but a later group knew that group 2 was durable.
#[test]
fn a_hole_below_a_mark_is_damage() {
    let dir = Fresh::new("mark");
    let (mut log, disk, ..) = open(dir.config());
    for zxid in 1..=3 {
        submit(&mut log, zxid);
        disk.complete(zxid as u64);
    }
    drop(log);
    let file = directory(&dir.0).join("log.0000000000000001");
    File::options().write(true).open(&file).unwrap().write_all_at(&[0; 4096], 4096).unwrap();
    let error = recover(&dir.config(), Zxid::ZERO, &mut |_| {}, &mut |_, _| Ok(())).err().unwrap();
    let LogError::Damaged(damage) = error else { panic!("{error}") };
    assert_eq!((damage.file, damage.offset, damage.after), (file, 4096, Zxid(1)));
}

/// Bytes of an earlier life that reappear behind the end, whole and at the right place, are not continued with.
#[test]
fn a_stale_group_is_not_resurrected() {
    let dir = Fresh::new("stale");
    let (mut log, disk, ..) = open(dir.config());
    submit(&mut log, 1);
    disk.complete(1);
    log.close().unwrap();

    let (mut log, disk, ..) = open(dir.config());
    submit(&mut log, 2); // Group 3, behind the seal; never written.
    submit(&mut log, 3);
    disk.write_only(4);
    drop(log);
    let file = directory(&dir.0).join("log.0000000000000002");
    let stale = std::fs::read(&file).unwrap()[4096..8192].to_vec();
    assert!(stale.iter().any(|byte| *byte != 0));

    let (mut log, disk, _, recovery) = open(dir.config());
    assert!(recovery.torn.is_some());
    assert_eq!(submit(&mut log, 20), 3);
    disk.complete(3);
    log.completed().unwrap();
    drop(log);
    File::options().write(true).open(&file).unwrap().write_all_at(&stale, 4096).unwrap();
    let (_, _, replayed, recovery) = open(dir.config());
    assert_eq!(replayed, [1, 20]);
    assert_eq!(recovery.torn.unwrap().offset, 4096);
}

/// Everything of a segment is on the disk before the next one is begun.
#[test]
fn a_new_segment_waits_for_the_old_one() {
    let dir = Fresh::new("drain");
    let (mut log, disk, ..) = open(LogConfig { segment_bytes: 8192, ..dir.config() });
    submit(&mut log, 1);
    submit(&mut log, 2);
    log.append(Zxid(3), |out| out.extend_from_slice(b"3"));
    assert!(!log.can_submit(), "the segment is full and groups are under way");
    disk.complete(2);
    disk.complete(1);
    log.completed().unwrap();
    log.submit().unwrap();
    assert_eq!(disk.script().under_way.len(), 1);
    assert_eq!(disk.script().under_way[0].1.offset, 0);
    assert_eq!(log.stats().segments, 2);
    // Who does not ask waits.
    submit(&mut log, 4);
    assert_eq!(disk.script().under_way.len(), 2);
    submit(&mut log, 5);
    assert_eq!(log.completed_zxid(), Zxid(4));
    assert_eq!(log.stats().segments, 3);
}

#[test]
fn how_long_the_disk_takes_is_told_by_the_clock_of_the_log() {
    let dir = Fresh::new("clock");
    let (begin, reads) = (Instant::now(), AtomicU32::new(0));
    let clock = Clock::new(move || begin + reads.fetch_add(1, Ordering::Relaxed) * Duration::from_secs(700));
    let (mut log, disk, ..) = open(LogConfig { clock, ..dir.config() });
    log.append(Zxid(1), |out| out.extend_from_slice(b"1"));
    disk.complete(log.submit().unwrap().0);
    log.completed().unwrap();
    assert_eq!((log.stats().sync_last, log.stats().warnings), (Duration::from_secs(700), 1));
}

#[test]
fn segments_are_made_for_the_distance_between_rolls() {
    let dir = Fresh::new("distance");
    let (mut log, disk, ..) = open(LogConfig { segment_bytes: 16 << 20, ..dir.config() });
    log.append(Zxid(1), |out| out.extend_from_slice(&vec![7; 5 << 20]));
    let group = log.submit().unwrap().0;
    disk.complete(group);
    assert_eq!(log.current.next_size(), 16 << 20);
    log.roll();
    log.preallocator.wait(1);
    submit(&mut log, 2);
    assert_eq!(log.stats().segments, 2);
    assert_eq!(log.current.next_size(), (6 << 20) + (512 << 10), "5 MiB and a quarter, in whole pieces of zeros");
}

/// Groups that were under way together do not vouch for each other.
#[test]
fn only_marks_make_certain() {
    let dir = Fresh::new("certain");
    let (mut log, disk, ..) = open(dir.config());
    for zxid in 1..=3 {
        submit(&mut log, zxid);
    }
    (1..=3).for_each(|ticket| disk.write_only(ticket));
    drop(log);
    let (mut log, disk, _, recovery) = open(dir.config());
    assert_eq!((recovery.last, recovery.certain), (Zxid(3), Zxid::ZERO));
    // The new life vouches for all that it found, because it has made that durable.
    submit(&mut log, 4);
    disk.write_only(4);
    drop(log);
    let (_, _, _, recovery) = open(dir.config());
    assert_eq!((recovery.last, recovery.certain), (Zxid(4), Zxid(3)));
}

/// A buffer is used again, and its old bytes do not get into the padding.
#[test]
fn the_padding_is_zero() {
    let dir = Fresh::new("padding");
    let (mut log, disk, ..) = open(LogConfig { in_flight: 1, ..dir.config() });
    for (zxid, length) in (1..).zip([4000, 4000, 10, 10]) {
        log.append(Zxid(zxid), |out| out.extend_from_slice(&vec![7; length]));
        log.submit().unwrap();
        disk.complete(zxid as u64);
        log.completed().unwrap();
    }
    drop(log);
    let bytes = std::fs::read(directory(&dir.0).join("log.0000000000000001")).unwrap();
    let end = 2 * 8192 + 4096;
    assert!(bytes[end - 3900..end].iter().all(|byte| *byte == 0));
}

#[test]
#[should_panic(expected = "comes after")]
fn zxids_rise() {
    let dir = Fresh::new("rise");
    let (mut log, ..) = open(dir.config());
    submit(&mut log, 2);
    submit(&mut log, 2);
}

/// Leaves a directory whose only segment has one group without records, with these numbers and a right checksum.
fn lone_group(name: &str, change: impl Fn(&mut Header)) -> Fresh {
    let dir = Fresh::new(name);
    let mut header = Header {
        unit_log2: 12,
        body_length: 0,
        records: 0,
        log_id: 9,
        incarnation: 1,
        sequence: 1,
        first_number: 1,
        number: 1,
        durable: 0,
        before: Zxid::ZERO,
        first: Zxid::ZERO,
        previous_crc: 0,
    };
    change(&mut header);
    let mut bytes = vec![0; header.length()];
    header.seal(&mut bytes);
    bytes.resize(header.padded_length(), 0);
    let path = SegmentPath::new(&directory(&dir.0), header.sequence).path;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
    dir
}

/// Sums of such numbers would overflow; no log that was written can have them.
#[test]
fn numbers_that_no_log_reaches_are_damage() {
    let sound = lone_group("numbers-sound", |_| {});
    assert_eq!(inspect(&Files::Real, &sound.0, &sound.0, &mut |_| {}).unwrap(), Verdict::Sound { last: Zxid::ZERO });
    for (name, number, incarnation) in
        [("zero", 0, 1), ("number", u64::MAX, 1), ("above", COUNT_MAX + 1, 1), ("incarnation", 1, u64::MAX)]
    {
        let dir = lone_group(&format!("numbers-{name}"), |header| {
            (header.first_number, header.number, header.incarnation) = (number, number, incarnation);
        });
        let verdict = inspect(&Files::Real, &dir.0, &dir.0, &mut |_| {}).unwrap();
        assert!(matches!(&verdict, Verdict::Damaged(damage) if damage.evidence.contains("numbers")), "{verdict:?}");
        let error = Log::open(dir.config(), Zxid::ZERO, &mut |_, _| Ok(())).err().expect(name).to_string();
        assert!(error.contains("log.0000000000000001"), "{error}");
    }
}

#[test]
fn a_file_with_a_sequence_that_no_log_reaches_is_none_of_the_log_s() {
    let dir = lone_group("sequence", |header| header.sequence = u64::MAX);
    let opened = Log::open(dir.config(), Zxid::ZERO, &mut |_, _| Ok(()));
    opened.unwrap_or_else(|error| panic!("{error}")).0.close().unwrap();
    assert!(directory(&dir.0).join("log.ffffffffffffffff").exists());
}

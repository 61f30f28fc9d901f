//! The log on real file systems: both methods, segments that come and go, full and failing disks.
//!
//! Some need a mount of their own, hence root; where that is not permitted they say so and stop.

mod log_fixture;

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use log_fixture::{Fresh, Records, append, fill, groups, open, payload, settle};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use paddock_consensus::Zxid;
use paddock_engine::log::{GroupNumber, Log, LogConfig, LogError, Method};

const METHODS: [Method; 3] = [Method::Auto, Method::Ring, Method::Thread];

/// Opens, unless this kernel or sandbox has no io_uring and the method insists on it.
fn open_by(method: Method, config: LogConfig) -> Option<(Log, Records)> {
    match open(LogConfig { method, ..config }, 0) {
        Ok((log, _, replayed)) => Some((log, replayed)),
        Err(LogError::Unavailable { source }) => {
            eprintln!("not tested: io_uring cannot be used here: {source}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn write_and_read(parent: &Path, method: Method, sync: bool) {
    let dir = Fresh::below(parent);
    let config = LogConfig { sync, in_flight: 2, ..dir.config() };
    let Some((mut log, _)) = open_by(method, config.clone()) else { return };
    let mut written = Records::new();
    for zxid in 1..=200 {
        let length = if zxid % 50 == 0 { 300_000 } else { zxid as usize * 7 };
        written.push((zxid, payload(zxid, length)));
        append(&mut log, zxid, &payload(zxid, length));
        if log.can_submit() {
            log.submit().unwrap();
        }
        log.completed().unwrap();
    }
    log.close().unwrap();
    let (log, replayed) = open_by(method, config).unwrap();
    assert_eq!(replayed, written);
    log.close().unwrap();
}

#[test]
fn both_methods_on_the_disk_and_in_memory() {
    for method in METHODS {
        for sync in [true, false] {
            write_and_read(Path::new(env!("CARGO_TARGET_TMPDIR")), method, sync);
            write_and_read(Path::new("/dev/shm"), method, sync);
        }
    }
}

#[test]
fn the_event_descriptors_tell_of_completions() {
    for method in METHODS {
        let dir = Fresh::new();
        let Some((mut log, _)) = open_by(method, dir.config()) else { continue };
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(4));
        for fd in log.event_fds() {
            poll.registry().register(&mut SourceFd(&fd), Token(0), Interest::READABLE).unwrap();
        }
        for zxid in 1..=20 {
            append(&mut log, zxid, b"one");
            let group = log.submit().unwrap();
            // A completion that nothing tells of would leave the test here for ever.
            while log.completed().unwrap() < group {
                match poll.poll(&mut events, None) {
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
                    Ok(()) => assert!(!events.is_empty()),
                }
            }
        }
    }
}

/// More groups than a segment holds, and groups larger than a segment.
#[test]
fn segments_follow_each_other() {
    for method in METHODS {
        let dir = Fresh::new();
        let config = LogConfig { segment_bytes: 16 << 10, ..dir.config() };
        let Some((mut log, _)) = open_by(method, config.clone()) else { continue };
        let written = fill(&mut log, 1, &[5000, 5000, 5000, 100_000, 10, 2_000_000, 10, 20]);
        assert!(log.stats().segments >= 4);
        assert_eq!(log.stats().groups, 8);
        log.close().unwrap();
        let (_, replayed) = open_by(method, config).unwrap();
        assert_eq!(replayed, written);
    }
}

#[test]
fn a_roll_lets_the_old_segments_be_removed() {
    let dir = Fresh::new();
    let (mut log, ..) = open(LogConfig { segment_bytes: 1 << 20, ..dir.config() }, 0).unwrap();
    assert_eq!(log.remove_before(Zxid(100)).unwrap(), 0, "the current segment stays");
    let mut zxid = 0;
    for segments in 2..=4 {
        fill(&mut log, zxid + 1, &[10]);
        zxid += 1;
        log.roll();
        // The roll happens when the next segment has been prepared, which the disk's pace decides.
        while log.stats().segments < segments {
            fill(&mut log, zxid + 1, &[10]);
            zxid += 1;
            assert!(zxid < 100_000, "the roll never happened");
        }
    }
    let first_of_last =
        groups(&dir.0).0.iter().map(|group| group.file.clone()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(first_of_last.len(), 4);
    assert_eq!(log.remove_before(Zxid(0)).unwrap(), 0);
    assert_eq!(log.remove_before(Zxid(zxid)).unwrap(), 3);
    assert_eq!(log.stats().segments, 1);
    log.close().unwrap();
    assert_eq!(dir.files().len(), 1, "the removals and the unused segment are done when the log is closed");
    let newest = groups(&dir.0).0;
    let (_, recovery, replayed) = open(dir.config(), zxid).unwrap();
    assert!(newest.iter().all(|group| group.last >= zxid - 1));
    assert_eq!((recovery.last, replayed.len()), (Zxid(zxid), 0));
}

#[test]
fn opening_and_closing_leaves_nothing() {
    let dir = Fresh::new();
    for _ in 0..3 {
        let (log, recovery, _) = open(dir.config(), 0).unwrap();
        assert_eq!(recovery.segments, 0);
        log.close().unwrap();
        assert!(dir.files().is_empty());
    }
    // A crash leaves the zeroed segment; it goes when the log is opened again.
    for _ in 0..3 {
        drop(open(dir.config(), 0).unwrap());
        assert_eq!(dir.files().len(), 1);
    }
}

#[test]
fn what_was_appended_is_submitted_by_the_close() {
    let dir = Fresh::new();
    let (mut log, ..) = open(dir.config(), 0).unwrap();
    append(&mut log, 1, b"one");
    log.submit().unwrap();
    append(&mut log, 2, b"two");
    log.submit().unwrap();
    append(&mut log, 3, b"three");
    log.close().unwrap();
    let (log, recovery, replayed) = open(dir.config(), 0).unwrap();
    assert_eq!(replayed, [(1, b"one".to_vec()), (2, b"two".to_vec()), (3, b"three".to_vec())]);
    assert_eq!((recovery.last, recovery.certain), (Zxid(3), Zxid(3)));
    assert!(log.method().contains("padded to"), "{}", log.method());
}

#[test]
fn slow_completions_are_counted() {
    let dir = Fresh::new();
    let (mut log, ..) = open(LogConfig { warn_after: Duration::ZERO, ..dir.config() }, 0).unwrap();
    fill(&mut log, 1, &[10, 10, 10]);
    let stats = log.stats();
    assert_eq!((stats.warnings, stats.groups, stats.records), (3, 3, 3));
    assert!(stats.sync_min <= stats.sync_average() && stats.sync_average() <= stats.sync_max);
}

/// A file system that goes with the value.
struct Mount {
    at: PathBuf,
    image: Option<PathBuf>,
}

fn run(command: &str, arguments: &[&str]) -> bool {
    let output = Command::new(command).args(arguments).output();
    match output {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            eprintln!("{command} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(error) => {
            eprintln!("{command}: {error}");
            false
        }
    }
}

impl Mount {
    fn point(name: &str) -> PathBuf {
        let at = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mount-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&at).unwrap();
        at
    }

    fn tmpfs(name: &str, size: &str) -> Option<Mount> {
        let at = Mount::point(name);
        let mounted = run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "paddock", at.to_str().unwrap()]);
        mounted.then_some(Mount { at, image: None })
    }

    fn ext4(name: &str, bytes: u64) -> Option<Mount> {
        let at = Mount::point(name);
        let image = at.with_extension("img");
        File::create(&image).unwrap().set_len(bytes).unwrap();
        let mount = Mount { at, image: Some(image.clone()) };
        (run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]) && mount.mount()).then_some(mount)
    }

    fn mount(&self) -> bool {
        let image = self.image.as_ref().unwrap().to_str().unwrap();
        run("mount", &["-o", "loop", image, self.at.to_str().unwrap()])
    }

    fn unmount(&self) -> bool {
        run("umount", &[self.at.to_str().unwrap()])
    }

    /// What a power cut does: nothing more gets to the disk, not even the journal's pending transaction.
    fn cut_power(&self) -> bool {
        let ioctl = "import fcntl,os,struct,sys; \
                     fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,struct.pack('I',2))";
        run("python3", &["-c", ioctl, self.at.to_str().unwrap()])
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.unmount();
        let _ = std::fs::remove_dir(&self.at);
        if let Some(image) = &self.image {
            let _ = std::fs::remove_file(image);
        }
    }
}

/// Writes until an error. Returns the last record that was told as durable, and the error.
fn write_until_error(log: &mut Log, zxid: &mut i64, length: usize) -> (Zxid, LogError) {
    loop {
        *zxid += 1;
        assert!(*zxid < 100_000, "the disk is never full");
        append(log, *zxid, &payload(*zxid, length));
        if let Err(error) = settle(log) {
            return (log.completed_zxid(), error);
        }
    }
}

/// What becomes of a log on a disk that is full.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    /// Space comes back, and it goes on.
    GoesOn,
    /// The process is told to end.
    Closes,
    /// The process is killed.
    Dies,
}

/// Sleeps until the event descriptors tell that the group can be submitted.
fn wait_for_space(log: &Log) {
    let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(4));
    for fd in log.event_fds() {
        poll.registry().register(&mut SourceFd(&fd), Token(0), Interest::READABLE).unwrap();
    }
    while !log.can_submit() {
        if let Err(error) = poll.poll(&mut events, None) {
            assert_eq!(error.kind(), ErrorKind::Interrupted);
        }
    }
}

fn check_full(mount: &Mount, method: Method, then: Then) {
    let dir = Fresh::below(&mount.at);
    let ballast = mount.at.join("ballast");
    std::fs::write(&ballast, vec![1; 6 << 20]).unwrap();
    let Some((mut log, _)) = open_by(method, LogConfig { segment_bytes: 6 << 20, ..dir.config() }) else { return };
    let mut zxid = 0;
    let (durable, error) = write_until_error(&mut log, &mut zxid, 100_000);
    assert!(matches!(&error, LogError::NoSpace { dir: at } if at.starts_with(&dir.0)), "{error}");
    assert!(error.to_string().contains("free space"), "{error}");
    assert!(log.submit().is_err() && !log.can_submit() && log.shortage().is_some());
    assert_eq!(log.completed_zxid(), durable, "the record that waits is not acknowledged");
    if then == Then::GoesOn {
        std::fs::remove_file(&ballast).unwrap();
        wait_for_space(&log);
        assert!(log.shortage().is_none());
        settle(&mut log).unwrap();
        assert_eq!(log.completed_zxid(), Zxid(zxid));
        log.close().unwrap();
    } else {
        match then {
            Then::Closes => log.close().unwrap(),
            _ => drop(log),
        }
        if let Err(error) = open(dir.config(), 0) {
            assert!(matches!(error, LogError::NoSpace { .. }), "{error}");
        }
        std::fs::remove_file(&ballast).unwrap();
    }
    let (mut log, _, replayed) = open(dir.config(), 0).unwrap();
    let kept = if then == Then::GoesOn { Zxid(zxid) } else { durable };
    assert_eq!(replayed.last().map(|(zxid, _)| Zxid(*zxid)), Some(kept));
    fill(&mut log, zxid + 1, &[100]);
    log.close().unwrap();
}

#[test]
fn a_full_disk_is_waited_for_and_nothing_is_acknowledged_meanwhile() {
    for (method, then) in [
        (Method::Ring, Then::GoesOn),
        (Method::Thread, Then::GoesOn),
        (Method::Ring, Then::Closes),
        (Method::Ring, Then::Dies),
        (Method::Thread, Then::Dies),
    ] {
        match Mount::tmpfs(&format!("tmpfs-{method:?}"), "20m") {
            Some(mount) => check_full(&mount, method, then),
            None => eprintln!("not tested: a tmpfs cannot be mounted here"),
        }
        match Mount::ext4(&format!("full-{method:?}"), 36 << 20) {
            Some(mount) => check_full(&mount, method, then),
            None => eprintln!("not tested: an ext4 image cannot be mounted here"),
        }
    }
}

/// The dataDir has a file system of its own, and that is full: the log does not need it.
#[test]
fn a_full_data_dir_does_not_stop_the_log() {
    let Some(mount) = Mount::tmpfs("data-dir", "1m") else {
        eprintln!("not tested: a tmpfs cannot be mounted here");
        return;
    };
    let (data, logs) = (Fresh::below(&mount.at), Fresh::new());
    let config = LogConfig { data_dir: data.0.clone(), segment_bytes: 64 << 10, ..logs.config() };
    let (mut log, ..) = open(config.clone(), 0).unwrap();
    let ballast = mount.at.join("ballast");
    // All of it: what does not fit is not written.
    let _ = std::fs::write(&ballast, vec![1; 2 << 20]);
    let records = fill(&mut log, 1, &[30_000; 12]);
    assert!(log.stats().segments > 4 && log.shortage().is_none());
    drop(log);
    std::fs::remove_file(&ballast).unwrap();
    let (log, _, replayed) = open(config, 0).unwrap();
    assert_eq!(replayed, records);
    log.close().unwrap();
}

/// Not one block is free: neither for the milestone, nor for the seal of a log that is closed.
#[test]
fn a_disk_without_a_free_block_is_waited_for_and_can_be_left() {
    for goes_on in [true, false] {
        let Some(mount) = Mount::tmpfs(&format!("no-block-{goes_on}"), "4m") else {
            eprintln!("not tested: a tmpfs cannot be mounted here");
            return;
        };
        let dir = Fresh::below(&mount.at);
        let config = LogConfig { segment_bytes: 64 << 10, ..dir.config() };
        let (mut log, ..) = open(config.clone(), 0).unwrap();
        let ballast = mount.at.join("ballast");
        let _ = std::fs::write(&ballast, vec![1; 8 << 20]);
        let mut zxid = 0;
        // Groups of one page each fill their segment to the last byte.
        let (durable, error) = write_until_error(&mut log, &mut zxid, 3_900);
        assert!(error.is_shortage(), "{error}");
        if goes_on {
            std::fs::remove_file(&ballast).unwrap();
            wait_for_space(&log);
            settle(&mut log).unwrap();
            log.close().unwrap();
        } else {
            log.close().unwrap();
            std::fs::remove_file(&ballast).unwrap();
        }
        let (_, recovery, _) = open(config, 0).unwrap();
        assert_eq!(recovery.last, if goes_on { Zxid(zxid) } else { durable });
    }
}

/// The power goes under load: writes fail with EIO from then on, and everything that was told as durable is there
/// afterwards.
#[test]
fn a_power_cut_keeps_what_was_told_as_durable() {
    for method in [Method::Ring, Method::Thread] {
        let Some(mount) = Mount::ext4(&format!("power-{method:?}"), 64 << 20) else {
            eprintln!("not tested: an ext4 image cannot be mounted here");
            return;
        };
        let dir = Fresh::below(&mount.at);
        let Some((mut log, _)) = open_by(method, LogConfig { segment_bytes: 256 << 10, ..dir.config() }) else {
            continue;
        };
        let mut told = GroupNumber(0);
        for zxid in 1..=300 {
            append(&mut log, zxid, &payload(zxid, 3000));
            while !log.can_submit() {
                told = log.wait().unwrap();
            }
            log.submit().unwrap();
        }
        assert!(told > GroupNumber(0));
        let durable = log.completed_zxid();
        if !mount.cut_power() {
            eprintln!("not tested: the shutdown ioctl of ext4 is not permitted here");
            return;
        }
        let mut zxid = 300;
        let (last, error) = write_until_error(&mut log, &mut zxid, 3000);
        assert!(matches!(error, LogError::Io { .. }), "{error}");
        assert!(last >= durable);
        assert_eq!(log.completed().unwrap_err().to_string(), error.to_string());
        drop(log);
        assert!(mount.unmount() && mount.mount());
        let (_, _, replayed) = open(dir.config(), 0).unwrap();
        assert!(Zxid(replayed.len() as i64) >= last, "{} records, {last} were told", replayed.len());
        assert!(replayed.iter().zip(1..).all(|((zxid, bytes), at)| *zxid == at && *bytes == payload(at, 3000)));
    }
}

//! The simulated files as whoever is given them sees them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Effect, Every, Fault, FileSystem, Moment, Operation, ScheduledDisk, Seeded};
use crate::io::{Access, AlignedBuffer, DataDir, DirError, Disk, File, Files, Removed, Write, Written};

const FILE: &str = "/data/epoch";

fn machine() -> (FileSystem, Files) {
    let machine = FileSystem::new(1);
    let files = Files::Simulated(machine.clone());
    files.create_dir(Path::new("/data")).unwrap();
    (machine, files)
}

fn content(machine: &FileSystem) -> Option<Vec<u8>> {
    Files::Simulated(machine.clone()).read(Path::new(FILE), 100).ok()
}

/// What a crash in a moment may leave of the file.
fn survivors(moment: &Moment) -> Vec<Option<Vec<u8>>> {
    let (mut every, mut found) = (Every::default(), Vec::new());
    loop {
        found.push(content(&moment.crashed(&mut every)));
        if !every.go_on() {
            break;
        }
    }
    found.sort();
    found.dedup();
    found
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Option<Vec<u8>>> {
    texts.map(|text| Some(text.as_bytes().to_vec())).into()
}

#[test]
fn a_file_is_replaced_whole_whenever_the_power_goes() {
    let (machine, files) = machine();
    files.write_atomically(Path::new(FILE), b"old").unwrap();
    machine.record();
    files.write_atomically(Path::new(FILE), b"new").unwrap();
    let moments = machine.take_recorded();
    assert!(moments.len() >= 4);
    for moment in moments {
        assert!([texts(["old"]), texts(["new", "old"])].contains(&survivors(&moment)), "{:?}", moment.next);
    }
    assert_eq!(survivors(&machine.moment()), texts(["new"]));
}

#[test]
fn a_sync_that_is_left_out_is_found() {
    for (operation, left) in
        [(Operation::SyncDirectory, texts(["new", "old"])), (Operation::SyncFile, texts(["", "\0\0\0", "new"]))]
    {
        let (machine, files) = machine();
        files.write_atomically(Path::new(FILE), b"old").unwrap();
        machine.add_fault(Fault { operation, skipped: 0, times: 1, effect: Effect::IsLeftOut });
        files.write_atomically(Path::new(FILE), b"new").unwrap();
        assert_eq!(survivors(&machine.moment()), left, "{operation:?}");
    }
}

#[test]
fn after_a_failed_sync_nothing_is_written_that_was_pending() {
    let (machine, files) = machine();
    let file = files.open(Path::new(FILE), Access::Replace).unwrap();
    files.sync_dir(Path::new("/data")).unwrap();
    file.write_all_at(&[7; 4096], 0).unwrap();
    let effect = Effect::Fails(libc::EIO);
    machine.add_fault(Fault { operation: Operation::SyncFile, skipped: 0, times: 1, effect });
    assert_eq!(file.sync_all().unwrap_err().raw_os_error(), Some(libc::EIO));
    file.sync_all().unwrap();
    let left = content(&machine.moment().crashed(&mut Seeded::new(1))).unwrap();
    assert_ne!(left, [7; 100][..]);
    assert_eq!(content(&machine).unwrap(), [7; 100], "readers still see it");
}

#[test]
fn a_full_disk_takes_no_more_until_something_goes() {
    let (machine, files) = machine();
    machine.set_space(1000);
    let file = files.open(Path::new(FILE), Access::Replace).unwrap();
    file.write_all_at(&[0; 900], 0).unwrap();
    assert_eq!(files.free_bytes(Path::new("/data")), Some(100));
    file.write_all_at(&[1; 900], 0).unwrap();
    assert_eq!(file.write_all_at(&[2; 101], 900).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.length().unwrap(), 1000, "what it has space for is written");
    file.set_length(900).unwrap();
    files.unlink(Path::new(FILE)).unwrap();
    assert_eq!(files.free_bytes(Path::new("/data")), Some(100), "it is still open");
    drop(file);
    assert_eq!(files.free_bytes(Path::new("/data")), Some(1000));
}

#[test]
fn who_lived_before_a_crash_does_nothing_after_it() {
    let (machine, files) = machine();
    let file = files.open(Path::new(FILE), Access::Replace).unwrap();
    let next = machine.crash(&mut Seeded::new(1));
    assert!(file.write_all_at(b"late", 0).is_err() && files.unlink(Path::new(FILE)).is_err());
    let _still_there = content(&next);
    Files::Simulated(next).write_atomically(Path::new(FILE), b"next").unwrap();
    drop(file);
}

#[test]
fn the_next_process_reads_what_a_power_cut_may_still_take() {
    let (machine, files) = machine();
    let file = files.open(Path::new(FILE), Access::Replace).unwrap();
    file.write_all_at(b"seen", 0).unwrap();
    let next = machine.end_process(&mut Every::default());
    assert!(file.write_all_at(b"late", 0).is_err() && files.unlink(Path::new(FILE)).is_err());
    assert_eq!(content(&next), Some(b"seen".to_vec()));
    assert_eq!(survivors(&next.moment()), [None, Some(Vec::new()), Some(vec![0; 4]), Some(b"seen".to_vec())]);
    Files::Simulated(next.clone()).open(Path::new(FILE), Access::Write).unwrap().sync_all().unwrap();
    Files::Simulated(next.clone()).sync_dir(Path::new("/data")).unwrap();
    assert_eq!(survivors(&next.moment()), texts(["seen"]));
}

#[test]
fn a_directory_that_an_ended_process_made_is_durable_when_the_next_one_has_created_it() {
    let (machine, files) = machine();
    let path = Path::new("/data/made");
    machine.add_fault(Fault { operation: Operation::SyncDirectory, skipped: 0, times: 1, effect: Effect::IsLeftOut });
    files.create_dir(path).unwrap();
    let next = machine.end_process(&mut Every::default());
    Files::Simulated(next.clone()).create_dir(path).unwrap();
    let left = Files::Simulated(next.crash(&mut Every::default()));
    assert!(left.exists(path).unwrap());
}

#[test]
fn a_write_that_was_under_way_when_the_process_ended_is_there_or_torn() {
    let (machine, files) = machine();
    let file = Arc::new(files.open(Path::new(FILE), Access::Replace).unwrap());
    file.write_all_at(&[1; 1024], 0).unwrap();
    file.sync_all().unwrap();
    files.sync_dir(Path::new("/data")).unwrap();
    let mut disk = ScheduledDisk::new(&machine, 1).unwrap();
    let mut buffer = AlignedBuffer::new(1024, 512);
    buffer.fill(7);
    disk.submit(1, Write { file, offset: 0, buffer, length: 1024, durable: true }).unwrap();
    let (mut every, mut found, moment) = (Every::default(), Vec::new(), machine.moment());
    loop {
        let next = moment.ended(&mut every);
        let bytes = Files::Simulated(next.clone()).read(Path::new(FILE), 1024).unwrap();
        found.push((bytes[0], bytes[512], next.moment().pending()));
        if !every.go_on() {
            break;
        }
    }
    assert_eq!(found, [(1, 1, 0), (1, 7, 1), (7, 1, 1), (7, 7, 2), (7, 7, 0)]);
}

#[test]
fn a_directory_has_one_user_until_the_power_goes() {
    let (machine, files) = machine();
    let path = Path::new("/data");
    let taken = DataDir::open(&files, path, false).unwrap();
    assert!(taken.is_in_place().unwrap());
    assert!(matches!(DataDir::open(&files, path, false), Err(DirError::Locked { pid: Some(_), .. })));
    let next = Files::Simulated(machine.crash(&mut Seeded::new(1)));
    let again = DataDir::open(&next, path, false).unwrap();
    drop(taken);
    assert!(matches!(DataDir::open(&next, path, false), Err(DirError::Locked { .. })));
    drop(again);
    DataDir::open(&next, path, false).unwrap();
}

#[test]
fn a_removed_file_goes_a_piece_at_a_time() {
    let (machine, files) = machine();
    let path = Path::new(FILE);
    files.open(path, Access::Replace).unwrap().set_length(9 << 20).unwrap();
    let mut removed = Removed::begin(&files, path).unwrap();
    assert!(!files.exists(path).unwrap());
    assert!(removed.shrink() && removed.shrink() && !removed.shrink());
    assert_eq!(machine.moment().pending(), 0);
}

fn write(file: &Arc<File>, offset: u64, durable: bool) -> Write {
    let mut buffer = AlignedBuffer::new(512, 512);
    buffer.fill(7);
    Write { file: Arc::clone(file), offset, buffer, length: 512, durable }
}

#[test]
fn writes_complete_when_the_scheduler_says_so() {
    let (machine, files) = machine();
    let file = Arc::new(files.open(Path::new(FILE), Access::Replace).unwrap());
    files.sync_dir(Path::new("/data")).unwrap();
    let mut disk = ScheduledDisk::new(&machine, 3).unwrap();
    disk.submit(1, write(&file, 0, true)).unwrap();
    disk.submit(2, write(&file, 512, true)).unwrap();
    disk.submit(3, write(&file, 1024, false)).unwrap();
    let mut written: Vec<Written> = Vec::new();
    disk.reap(&mut written).unwrap();
    assert!(written.is_empty() && machine.under_way() == 3);
    assert!(machine.moment().pending() > 0, "a crash keeps any of it");
    machine.complete(2);
    machine.complete(1);
    disk.reap(&mut written).unwrap();
    assert_eq!(written.iter().map(|one| one.ticket).collect::<Vec<_>>(), [3, 2]);
    // Whoever waits has what is left.
    disk.wait().unwrap();
    disk.reap(&mut written).unwrap();
    assert_eq!(written.len(), 3);
    assert!(written.iter().all(|one| one.result.is_ok()));
    let left = Files::Simulated(machine.moment().crashed(&mut Every::default()));
    let sectors: Vec<u8> = left.read(Path::new(FILE), 1536).unwrap().into_iter().step_by(512).collect();
    assert_eq!(sectors, [7, 7, 0], "the third was not asked to be durable");
    let effect = Effect::Fails(libc::EIO);
    machine.add_fault(Fault { operation: Operation::Complete, skipped: 0, times: 1, effect });
    disk.submit(4, write(&file, 0, true)).unwrap();
    disk.wait().unwrap();
    disk.reap(&mut written).unwrap();
    assert!(written.pop().unwrap().result.is_err());
}

use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{LineSink, Writer};
use crate::audit::entries::Entries;
use crate::audit::line::ServerEvent;
use crate::audit::queue::{Queue, WhenFull};

/// What a disk has, and how many bytes more it takes.
#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    room: usize,
}

/// A file on such a disk, which tells when it takes nothing.
struct Stream {
    disk: Arc<Mutex<Disk>>,
    full: Sender<()>,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.disk.lock().expect("nobody panics with it");
        let count = bytes.len().min(disk.room);
        if count == 0 {
            // Whoever has enough of it does not listen any more.
            let _ = self.full.send(());
            return Err(io::Error::from(ErrorKind::StorageFull));
        }
        disk.room -= count;
        disk.bytes.extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct World {
    queue: Arc<Queue>,
    disk: Arc<Mutex<Disk>>,
    full: Receiver<()>,
    writer: JoinHandle<()>,
}

impl World {
    fn new(when_full: WhenFull, room: usize) -> World {
        let queue = Arc::new(Queue::new(when_full));
        let disk = Arc::new(Mutex::new(Disk { room, ..Disk::default() }));
        let (sender, full) = channel();
        let sink = LineSink::Stream(Box::new(Stream { disk: disk.clone(), full: sender }));
        let writer = Writer::new(queue.clone(), sink, "zookeeper", Arc::new(OnceLock::new()));
        World { queue, disk, full, writer: std::thread::spawn(move || writer.run()) }
    }

    fn push(&self, event: ServerEvent) {
        self.queue.push(Entries::of_server(event));
    }

    fn give(&self, room: usize) {
        self.disk.lock().expect("nobody panics with it").room = room;
    }

    /// Ends the log. Returns how many lines are not written, and what is, without the heads of the lines.
    fn end(self) -> (u64, Vec<String>) {
        let unwritten = self.queue.end(Duration::MAX);
        self.writer.join().expect("it does not panic");
        let disk = self.disk.lock().expect("nobody panics with it");
        let text = String::from_utf8(disk.bytes.clone()).expect("it is text");
        let line = |line: &str| line.split_once(": ").map_or(line, |(_, pairs)| pairs).replace('\t', " ");
        (unwritten, text.lines().map(line).collect())
    }
}

const STARTED: &str = "user=zookeeper operation=serverStart result=success";
const STOPPING: &str = "user=zookeeper operation=serverStop result=invoked";

#[test]
fn what_a_full_disk_does_not_take_is_written_when_there_is_room_and_once() {
    let world = World::new(WhenFull::Wait, 100);
    world.push(ServerEvent::Started);
    world.push(ServerEvent::Stopping);
    world.full.recv().expect("it is full");
    world.give(1 << 20);
    // The writer rests, and is not to be waited for.
    world.queue.reopen();
    assert_eq!(world.end(), (0, vec![STARTED.to_owned(), STOPPING.to_owned()]));
}

#[test]
fn a_log_that_drops_says_how_many_lines_are_missing_and_where() {
    let world = World::new(WhenFull::Drop, 30);
    world.push(ServerEvent::Started);
    world.full.recv().expect("it is full");
    world.give(1 << 20);
    world.push(ServerEvent::Stopping);
    let (unwritten, lines) = world.end();
    assert_eq!((unwritten, lines.len()), (0, 3), "{lines:?}");
    assert_eq!(lines[1..], ["user=zookeeper operation=auditLoss lines=1 result=failure", STOPPING]);
}

#[test]
fn lines_that_are_missing_stay_counted_where_it_cannot_be_told_of_them() {
    let world = World::new(WhenFull::Drop, 0);
    world.push(ServerEvent::Started);
    world.queue.push(Entries::of_server(ServerEvent::Stopping).behind_lost(5));
    // The first line; then twice what is missing in front of the second one; and that one.
    (0..4).for_each(|_| world.full.recv().expect("it is full"));
    world.give(1 << 20);
    world.push(ServerEvent::Stopping);
    let told = ["user=zookeeper operation=auditLoss lines=7 result=failure", STOPPING].map(str::to_owned);
    assert_eq!(world.end(), (0, told.to_vec()));
}

#[test]
fn a_log_that_ends_does_not_wait_for_its_disk_and_says_what_is_missing() {
    let world = World::new(WhenFull::Wait, 30);
    world.push(ServerEvent::Started);
    world.push(ServerEvent::Stopping);
    world.full.recv().expect("it is full");
    let (unwritten, lines) = world.end();
    assert_eq!((unwritten, lines.len()), (2, 1));
}

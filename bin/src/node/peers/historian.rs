//! Who reads from the disk what learners lack: records of the log, and states that were written for them.
//!
//! There is one for all links. Nothing is read before it is asked for, and a link asks for one chunk after the other, so that
//! each is brought what it lacks at its own pace, and memory is bounded by how many chunks links have asked for. A thread
//! drives it, or whoever calls [`Historian::work`] where the files are simulated.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, TryRecvError, unbounded};
use paddock_consensus::input::Link;
use paddock_engine::io::File;
use paddock_engine::log::{Chunk, LogError, Reader};
use paddock_engine::progress::Progress;
use paddock_net::doorbell::Doorbell;

use crate::node::snapshotter::DrivenBy;

/// Bytes of records, or of a state, that are read at a time; one record may be longer.
pub const HISTORY_CHUNK: usize = 256 << 10;

/// Something that is read.
#[derive(Debug)]
pub enum Piece {
    /// Records; none are left where it is empty.
    Records(Chunk),
    /// Bytes of a state; none are left where it is empty.
    State(Vec<u8>),
}

/// Why something could not be read.
#[derive(Debug)]
pub enum Unread {
    Log(LogError),
    State(io::Error),
}

/// What goes to the historian. A link has asked for no more than the chunks that it takes ahead, so that the queue is as
/// long as there are links, times that.
enum Order {
    Begin(Link, Source),
    Next(Link),
    End(Link),
}

enum Source {
    Log(Box<Reader>),
    /// The state in a file, of so many bytes that are left from an offset on.
    State {
        file: Arc<File>,
        offset: u64,
        left: u64,
    },
}

/// The handle on it.
pub struct Historian {
    /// `None` once it has been told to end.
    orders: Option<Sender<Order>>,
    pieces: Receiver<(Link, Result<Piece, Unread>)>,
    driver: Driver,
}

enum Driver {
    Thread(Option<JoinHandle<()>>),
    Caller(Shelves),
}

/// What is being read.
struct Shelves {
    orders: Receiver<Order>,
    pieces: Sender<(Link, Result<Piece, Unread>)>,
    sources: BTreeMap<Link, Source>,
}

impl Historian {
    /// Starts the thread if there is to be one.
    pub fn start(driven_by: DrivenBy) -> io::Result<Historian> {
        let (orders, take_orders) = unbounded();
        let (give_pieces, pieces) = unbounded();
        let shelves = Shelves { orders: take_orders, pieces: give_pieces, sources: BTreeMap::new() };
        let driver = match driven_by {
            DrivenBy::Thread(bell) => {
                let run = move || drive(shelves, &bell);
                Driver::Thread(Some(std::thread::Builder::new().name("historian".into()).spawn(run)?))
            }
            DrivenBy::Caller => Driver::Caller(shelves),
        };
        Ok(Historian { orders: Some(orders), pieces, driver })
    }

    /// Takes a step, where no thread does.
    pub fn work(&mut self) -> Progress {
        match &mut self.driver {
            Driver::Caller(shelves) => shelves.work(),
            Driver::Thread(_) => Progress::Waits { until: None },
        }
    }

    /// Whatever this link asks for from here on are these records.
    pub fn begin_records(&self, link: Link, reader: Reader) {
        self.send(Order::Begin(link, Source::Log(Box::new(reader))));
    }

    /// Whatever this link asks for from here on are the first `bytes` of this file.
    pub fn begin_state(&self, link: Link, file: Arc<File>, bytes: u64) {
        self.send(Order::Begin(link, Source::State { file, offset: 0, left: bytes }));
    }

    /// Asks for the next piece.
    pub fn ask(&self, link: Link) {
        self.send(Order::Next(link));
    }

    /// The link asks for nothing more. What it has asked for may still come.
    pub fn end(&self, link: Link) {
        self.send(Order::End(link));
    }

    /// A piece that was read, with the link that has asked for it. After an error the link gets nothing more.
    pub fn take(&self) -> Option<(Link, Result<Piece, Unread>)> {
        self.pieces.try_recv().ok()
    }

    /// Ends the thread.
    pub fn stop(&mut self) {
        self.orders = None;
        if let Driver::Thread(thread) = &mut self.driver
            && let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the historian had panicked");
        }
    }

    fn send(&self, order: Order) {
        // A thread that has panicked reads nothing, and the link that asks is closed for its silence.
        let _ = self.orders.as_ref().expect("nothing is asked for after the stop").send(order);
    }
}

impl Shelves {
    fn work(&mut self) -> Progress {
        match self.orders.try_recv() {
            Ok(order) => {
                self.do_order(order);
                Progress::More
            }
            Err(TryRecvError::Empty) => Progress::Waits { until: None },
            Err(TryRecvError::Disconnected) => Progress::Ended,
        }
    }

    /// Whether something was read.
    fn do_order(&mut self, order: Order) -> bool {
        match order {
            Order::Begin(link, source) => {
                self.sources.insert(link, source);
                false
            }
            Order::End(link) => {
                self.sources.remove(&link);
                false
            }
            Order::Next(link) => {
                let Some(source) = self.sources.get_mut(&link) else { return false };
                let read = source.read();
                if read.is_err() {
                    self.sources.remove(&link);
                }
                // Nobody takes pieces where the node has ended.
                self.pieces.send((link, read)).is_ok()
            }
        }
    }
}

impl Source {
    fn read(&mut self) -> Result<Piece, Unread> {
        match self {
            Source::Log(reader) => {
                let mut chunk = Chunk::default();
                reader.read(&mut chunk, HISTORY_CHUNK).map_err(Unread::Log)?;
                Ok(Piece::Records(chunk))
            }
            Source::State { file, offset, left } => {
                let mut bytes = vec![0; usize::try_from(*left).unwrap_or(usize::MAX).min(HISTORY_CHUNK)];
                if !bytes.is_empty() {
                    let count = file.read_at(&mut bytes, *offset).map_err(Unread::State)?;
                    if count == 0 {
                        return Err(Unread::State(io::ErrorKind::UnexpectedEof.into()));
                    }
                    bytes.truncate(count);
                    (*offset, *left) = (*offset + count as u64, *left - count as u64);
                }
                Ok(Piece::State(bytes))
            }
        }
    }
}

/// The thread.
fn drive(mut shelves: Shelves, bell: &Doorbell) {
    while let Ok(order) = shelves.orders.recv() {
        if shelves.do_order(order) {
            bell.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use mio::{Events, Poll, Token};
    use paddock_consensus::Zxid;
    use paddock_consensus::input::Link;
    use paddock_engine::io::simulated::FileSystem;
    use paddock_engine::io::{Access, Files};
    use paddock_engine::log::{Log, LogConfig};
    use paddock_engine::progress::Progress;
    use paddock_net::doorbell::Doorbell;

    use super::{HISTORY_CHUNK, Historian, Piece, Unread};
    use crate::node::snapshotter::DrivenBy;

    const LINK: Link = Link(7);

    fn work_off(historian: &mut Historian) {
        while historian.work() == Progress::More {}
    }

    /// A log with one durable record for each length, of zxid 1 and on.
    fn log(files: &Files, lengths: &[usize]) -> Log {
        files.create_dir(Path::new("/log")).unwrap();
        let config = LogConfig { files: files.clone(), ..LogConfig::new("/log") };
        let (mut log, _) = Log::open(config, Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
        for (length, zxid) in lengths.iter().zip(1..) {
            log.append(Zxid(zxid), |out| out.extend_from_slice(&vec![zxid as u8; *length]));
        }
        log.fence_durably().unwrap();
        log
    }

    #[test]
    fn records_come_chunk_by_chunk_as_they_are_asked_for() {
        let log = log(&Files::Simulated(FileSystem::new(1)), &[10, HISTORY_CHUNK, HISTORY_CHUNK - 1, 1, 20]);
        let mut historian = Historian::start(DrivenBy::Caller).unwrap();
        historian.begin_records(LINK, log.reader(Zxid(1), Zxid(5)).unwrap());
        work_off(&mut historian);
        assert!(historian.take().is_none(), "nothing was asked for");
        let mut chunks = Vec::new();
        for _ in 0..4 {
            historian.ask(LINK);
            work_off(&mut historian);
            let Some((LINK, Ok(Piece::Records(chunk)))) = historian.take() else { panic!("a chunk was asked for") };
            chunks.push(chunk.records().map(|(zxid, payload)| (zxid.0, payload.len())).collect::<Vec<_>>());
        }
        assert_eq!(chunks, [vec![(2, HISTORY_CHUNK)], vec![(3, HISTORY_CHUNK - 1), (4, 1)], vec![(5, 20)], vec![]]);
    }

    #[test]
    fn a_state_comes_to_its_end_and_a_shorter_file_is_an_error() {
        let files = Files::Simulated(FileSystem::new(1));
        files.create_dir(Path::new("/data")).unwrap();
        let file = files.open(Path::new("/data/state"), Access::Replace).unwrap();
        let content: Vec<u8> = (0..HISTORY_CHUNK + 3).map(|at| at as u8).collect();
        file.write_all_at(&content, 0).unwrap();
        let file = Arc::new(files.open(Path::new("/data/state"), Access::Read).unwrap());
        let mut historian = Historian::start(DrivenBy::Caller).unwrap();
        historian.begin_state(LINK, file.clone(), content.len() as u64);
        historian.begin_state(Link(8), file, content.len() as u64 + 1);
        let mut next = |link| {
            historian.ask(link);
            work_off(&mut historian);
            historian.take().unwrap().1
        };
        for expected in [&content[..HISTORY_CHUNK], &content[HISTORY_CHUNK..], &[]] {
            assert!(matches!(next(LINK), Ok(Piece::State(bytes)) if bytes == expected));
        }
        assert!(next(Link(8)).is_ok() && next(Link(8)).is_ok());
        assert!(matches!(next(Link(8)), Err(Unread::State(_))));
        historian.ask(Link(8));
        work_off(&mut historian);
        assert!(historian.take().is_none(), "nothing comes after an error");
    }

    #[test]
    fn what_is_being_read_is_not_purged() {
        let mut log = log(&Files::Simulated(FileSystem::new(1)), &[10]);
        let mut historian = Historian::start(DrivenBy::Caller).unwrap();
        historian.begin_records(LINK, log.reader(Zxid(0), Zxid(1)).unwrap());
        work_off(&mut historian);
        log.roll();
        // The next segment is made.
        while log.work(Instant::now()) == Progress::More {}
        log.append(Zxid(2), |out| out.extend_from_slice(&[2]));
        log.fence_durably().unwrap();
        assert_eq!(log.remove_before(Zxid(2)).unwrap(), 0);
        historian.end(LINK);
        historian.ask(LINK);
        work_off(&mut historian);
        assert!(historian.take().is_none());
        assert_eq!(log.remove_before(Zxid(2)).unwrap(), 1);
    }

    #[test]
    fn the_thread_rings_when_it_has_something() {
        let log = log(&Files::Simulated(FileSystem::new(1)), &[10]);
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(1));
        let bell = Arc::new(Doorbell::new(poll.registry(), Token(7)).unwrap());
        let mut historian = Historian::start(DrivenBy::Thread(bell.clone())).unwrap();
        bell.going_to_sleep();
        historian.begin_records(LINK, log.reader(Zxid(0), Zxid(1)).unwrap());
        historian.ask(LINK);
        poll.poll(&mut events, Some(Duration::from_secs(20))).unwrap();
        assert!(matches!(historian.take(), Some((LINK, Ok(Piece::Records(chunk)))) if !chunk.is_empty()));
        historian.stop();
    }
}

//! What carries writes by each way: the log's own disks, and two beside them.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use paddock_engine::io::{Disk, File, Ring, Write, WriteThread, Written};

use super::cell::Way;

/// A disk that carries so many writes at a time to this file, each durable when it completes.
pub fn start(way: Way, in_flight: usize, file: &Arc<File>) -> io::Result<Box<dyn Disk>> {
    let disk: Box<dyn Disk> = match way {
        Way::RingDsync => Box::new(Ring::new(in_flight)?),
        Way::RingThenSync => Box::new(ThenSynced { ring: Ring::new(in_flight)?, file: Arc::clone(file) }),
        Way::Thread => Box::new(WriteThread::new(in_flight)?),
        Way::ZooKeeper => Box::new(AtOnce { written: Vec::new() }),
    };
    Ok(disk)
}

/// Writes by io_uring that are not durable by themselves; those that complete together share one fdatasync.
struct ThenSynced {
    ring: Ring,
    file: Arc<File>,
}

impl Disk for ThenSynced {
    fn submit(&mut self, ticket: u64, write: Write) -> io::Result<()> {
        self.ring.submit(ticket, Write { durable: false, ..write })
    }

    fn reap(&mut self, written: &mut Vec<Written>) -> io::Result<()> {
        let before = written.len();
        self.ring.reap(written)?;
        if written.len() > before { self.file.sync_data() } else { Ok(()) }
    }

    fn wait(&mut self) -> io::Result<()> {
        self.ring.wait()
    }

    fn event_fd(&self) -> Option<BorrowedFd<'_>> {
        self.ring.event_fd()
    }

    fn name(&self) -> &'static str {
        Way::RingThenSync.name()
    }
}

/// Writes and syncs on the thread that submits, as ZooKeeper's thread for its log does.
struct AtOnce {
    written: Vec<Written>,
}

impl Disk for AtOnce {
    fn submit(&mut self, ticket: u64, write: Write) -> io::Result<()> {
        let Write { file, offset, buffer, length, .. } = write;
        let result = file.write_all_at(&buffer[..length], offset).and_then(|()| file.sync_data());
        self.written.push(Written { ticket, buffer, result });
        Ok(())
    }

    fn reap(&mut self, written: &mut Vec<Written>) -> io::Result<()> {
        written.append(&mut self.written);
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn event_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn name(&self) -> &'static str {
        Way::ZooKeeper.name()
    }
}

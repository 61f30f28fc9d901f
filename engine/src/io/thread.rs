//! A disk by a thread with pwrite and fdatasync, for kernels and sandboxes without io_uring.
//!
//! Writes that wait together share one fdatasync.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::disk::{IN_FLIGHT_MAX, write_fully};
use super::{Bell, Disk, File, Files, Write, Written};

/// See the module.
pub struct WriteThread {
    /// `None` once the thread has been told to end.
    orders: Option<Sender<(u64, Write)>>,
    finished: Receiver<Written>,
    /// What [`wait`](Disk::wait) took and `reap` has not handed out yet.
    stash: Vec<Written>,
    under_way: usize,
    in_flight: usize,
    bell: Bell,
    thread: Option<JoinHandle<()>>,
}

impl WriteThread {
    /// A thread for `in_flight` writes at a time.
    ///
    /// # Panics
    /// If `in_flight` is 0 or above [`IN_FLIGHT_MAX`].
    pub fn new(in_flight: usize) -> io::Result<WriteThread> {
        assert!((1..=IN_FLIGHT_MAX).contains(&in_flight), "a thread carries 1 to {IN_FLIGHT_MAX} writes");
        let (orders, incoming) = bounded(in_flight);
        let (outgoing, finished) = bounded(in_flight);
        let bell = Bell::new(&Files::Real)?;
        let rung = bell.clone();
        let thread =
            std::thread::Builder::new().name("log-writer".into()).spawn(move || serve(&incoming, &outgoing, &rung))?;
        let orders = Some(orders);
        Ok(WriteThread { orders, finished, stash: Vec::new(), under_way: 0, in_flight, bell, thread: Some(thread) })
    }
}

fn serve(incoming: &Receiver<(u64, Write)>, outgoing: &Sender<Written>, bell: &Bell) {
    while let Ok(first) = incoming.recv() {
        let batch: Vec<(u64, Write)> = std::iter::once(first).chain(incoming.try_iter().take(IN_FLIGHT_MAX)).collect();
        for written in write_batch(batch) {
            if outgoing.send(written).is_err() {
                return; // The owner is gone; nobody waits for the rest.
            }
        }
        bell.ring();
    }
}

fn write_batch(batch: Vec<(u64, Write)>) -> Vec<Written> {
    let mut results: Vec<io::Result<()>> = batch.iter().map(|(_, write)| write_one(write)).collect();
    // From the last to the first: one sync covers the run of durable writes to the same file that end with it.
    let mut synced: Option<(&Arc<File>, Option<i32>)> = None;
    for ((_, write), result) in batch.iter().zip(&mut results).rev().filter(|((_, write), _)| write.durable) {
        let outcome = match synced {
            Some((file, outcome)) if Arc::ptr_eq(file, &write.file) => outcome,
            _ => write.file.sync_data().err().map(|error| error.raw_os_error().unwrap_or(libc::EIO)),
        };
        synced = Some((&write.file, outcome));
        if let (Ok(()), Some(errno)) = (&result, outcome) {
            *result = Err(io::Error::from_raw_os_error(errno));
        }
    }
    let tickets = batch.into_iter().zip(results);
    tickets.map(|((ticket, write), result)| Written { ticket, buffer: write.buffer, result }).collect()
}

fn write_one(write: &Write) -> io::Result<()> {
    write_fully(&write.file, &write.buffer[..write.length], write.offset, write.buffer.alignment())
}

impl Disk for WriteThread {
    fn submit(&mut self, ticket: u64, write: Write) -> io::Result<()> {
        assert!(write.length <= write.buffer.len(), "a write lies within its buffer");
        assert!(self.under_way < self.in_flight, "no more writes than the thread was made for");
        let orders = self.orders.as_ref().expect("orders end with the value");
        orders.send((ticket, write)).map_err(|_| io::Error::other("the log's writer thread has died"))?;
        self.under_way += 1;
        Ok(())
    }

    fn reap(&mut self, written: &mut Vec<Written>) -> io::Result<()> {
        // It is asked several times a turn, and nearly always there is nothing.
        if self.stash.is_empty() && self.finished.is_empty() {
            return Ok(());
        }
        let before = written.len();
        written.append(&mut self.stash);
        written.extend(self.finished.try_iter());
        self.under_way -= written.len() - before;
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        if self.under_way == 0 || !self.stash.is_empty() {
            return Ok(());
        }
        let first = self.finished.recv().map_err(|_| io::Error::other("the log's writer thread has died"))?;
        self.stash.push(first);
        Ok(())
    }

    fn event_fd(&self) -> Option<BorrowedFd<'_>> {
        self.bell.fd()
    }

    fn name(&self) -> &'static str {
        "write and fdatasync on a thread"
    }
}

impl Drop for WriteThread {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by then; there is nothing left to save.
            let _ = thread.join();
        }
    }
}

//! How groups get to the disk, and which way works here.

use std::io;
use std::sync::Arc;

use super::LogError;
use super::segment::Segment;
use crate::io::simulated::ScheduledDisk;
use crate::io::{AlignedBuffer, Disk, File, Files, Ring, Write, WriteThread};

/// How groups get to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Method {
    /// io_uring where it works, else the thread.
    #[default]
    Auto,
    Ring,
    Thread,
}

/// What carries writes, and has carried one.
pub struct Started {
    pub disk: Box<dyn Disk>,
    /// Why it is not io_uring, where that was tried first.
    pub ring_refused: Option<io::Error>,
}

/// Why nothing carries writes.
#[derive(Debug)]
pub enum NotStarted {
    /// io_uring was demanded, and cannot be had.
    Ring(io::Error),
    /// The thread, or the simulated disk, cannot write to the file.
    Write(io::Error),
}

impl Method {
    /// Starts what carries `in_flight` writes at a time, and proves it by a block of `unit` zeros over those at the beginning
    /// of a segment, `durable` or not.
    pub(super) fn start(
        self,
        files: &Files,
        in_flight: usize,
        durable: bool,
        segment: &Segment,
        unit: usize,
    ) -> Result<Box<dyn Disk>, LogError> {
        match self.start_on(files, in_flight, durable, &segment.file, unit) {
            Ok(Started { disk, ring_refused }) => {
                if let Some(error) = ring_refused {
                    tracing::info!("the log writes on a thread, since io_uring cannot be used: {error}");
                }
                Ok(disk)
            }
            Err(NotStarted::Ring(error)) => Err(LogError::Unavailable { source: Arc::new(error) }),
            Err(NotStarted::Write(error)) => Err(LogError::io("write to", &segment.path, error)),
        }
    }

    /// The same on any file that begins with `unit` bytes which may be overwritten: what a log would take that is kept there.
    ///
    /// # Panics
    /// If `in_flight` is 0 or above [`IN_FLIGHT_MAX`](crate::io::IN_FLIGHT_MAX).
    pub fn start_on(
        self,
        files: &Files,
        in_flight: usize,
        durable: bool,
        file: &Arc<File>,
        unit: usize,
    ) -> Result<Started, NotStarted> {
        let block = || {
            let (file, buffer) = (Arc::clone(file), AlignedBuffer::new(unit, unit));
            Write { file, offset: 0, buffer, length: unit, durable }
        };
        if let Files::Simulated(machine) = files {
            let disk = ScheduledDisk::new(machine, in_flight).and_then(|disk| proved(disk, block()));
            return started(disk, None);
        }
        let mut ring_refused = None;
        if self != Method::Thread {
            match Ring::new(in_flight).and_then(|ring| proved(ring, block())) {
                Ok(ring) => return started(Ok(ring), None),
                Err(error) if self == Method::Ring => return Err(NotStarted::Ring(error)),
                Err(error) => ring_refused = Some(error),
            }
        }
        started(WriteThread::new(in_flight).and_then(|thread| proved(thread, block())), ring_refused)
    }
}

fn started<D: Disk + 'static>(disk: io::Result<D>, ring_refused: Option<io::Error>) -> Result<Started, NotStarted> {
    match disk {
        Ok(disk) => Ok(Started { disk: Box::new(disk), ring_refused }),
        Err(error) => Err(NotStarted::Write(error)),
    }
}

fn proved<D: Disk>(mut disk: D, block: Write) -> io::Result<D> {
    disk.submit(0, block)?;
    let mut written = Vec::new();
    while written.is_empty() {
        disk.wait()?;
        disk.reap(&mut written)?;
    }
    written.remove(0).result.map(|()| disk)
}

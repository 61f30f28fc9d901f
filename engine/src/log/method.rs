//! How groups get to the disk, and which way works here.

use std::io;
use std::sync::Arc;

use super::LogError;
use super::segment::Segment;
use crate::io::simulated::ScheduledDisk;
use crate::io::{AlignedBuffer, Disk, Files, Ring, Write, WriteThread};

/// How groups get to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Method {
    /// io_uring where it works, else the thread.
    #[default]
    Auto,
    Ring,
    Thread,
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
        let block = || {
            let (file, buffer) = (Arc::clone(&segment.file), AlignedBuffer::new(unit, unit));
            Write { file, offset: 0, buffer, length: unit, durable }
        };
        let failed = |error| LogError::io("write to", &segment.path, error);
        if let Files::Simulated(machine) = files {
            let disk = ScheduledDisk::new(machine, in_flight).and_then(|disk| proved(disk, block())).map_err(failed)?;
            return Ok(Box::new(disk));
        }
        if self != Method::Thread {
            match Ring::new(in_flight).and_then(|ring| proved(ring, block())) {
                Ok(ring) => return Ok(Box::new(ring)),
                Err(error) if self == Method::Ring => return Err(LogError::Unavailable { source: Arc::new(error) }),
                Err(error) => tracing::info!("the log writes on a thread, since io_uring cannot be used: {error}"),
            }
        }
        match WriteThread::new(in_flight).and_then(|thread| proved(thread, block())) {
            Ok(thread) => Ok(Box::new(thread)),
            Err(error) => Err(failed(error)),
        }
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

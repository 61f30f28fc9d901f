//! How groups get to the disk, and which way works here.

use std::io;
use std::sync::Arc;

use super::segment::Segment;
use super::{LogConfig, LogError};
use crate::io::{AlignedBuffer, Disk, Ring, Write, WriteThread};

/// How groups get to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Method {
    /// io_uring where it works, else the thread.
    #[default]
    Auto,
    Ring,
    Thread,
}

/// Starts what carries the writes, and proves it on the current segment with a block of zeros over zeros.
pub(super) fn start_disk(config: &LogConfig, current: &Segment, unit: usize) -> Result<Box<dyn Disk>, LogError> {
    if config.method != Method::Thread {
        match Ring::new(config.in_flight).and_then(|ring| proved(ring, config, current, unit)) {
            Ok(ring) => return Ok(Box::new(ring)),
            Err(error) if config.method == Method::Ring => {
                return Err(LogError::Unavailable { source: Arc::new(error) });
            }
            Err(error) => tracing::info!("the log writes on a thread, since io_uring cannot be used: {error}"),
        }
    }
    let thread = WriteThread::new(config.in_flight).and_then(|thread| proved(thread, config, current, unit));
    thread.map_or_else(
        |error| Err(LogError::io("write to", &current.path, error)),
        |thread| Ok(Box::new(thread) as Box<dyn Disk>),
    )
}

fn proved<D: Disk>(mut disk: D, config: &LogConfig, current: &Segment, unit: usize) -> io::Result<D> {
    let (buffer, file) = (AlignedBuffer::new(unit, unit), Arc::clone(&current.file));
    disk.submit(0, Write { file, offset: 0, buffer, length: unit, durable: config.sync })?;
    let mut written = Vec::new();
    while written.is_empty() {
        disk.wait()?;
        disk.reap(&mut written)?;
    }
    written.remove(0).result.map(|()| disk)
}

//! One cell is measured: the same write again and again for a time.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use paddock_engine::io::{AlignedBuffer, Disk, Write, Written};

use super::carrier;
use super::cell::{Cell, Space};
use super::error::FsyncError;
use super::measured::{Measured, Timed};
use super::target::Target;

/// What is left out at the beginning: this part of the time, and so many writes at least.
const WARM_UP: f64 = 0.2;
const WARM_UP_WRITES: u64 = 3;

/// Of one run so many writes are kept for the picture.
const TIMELINE_MAX: usize = 1 << 18;

/// By what all cells are measured.
pub struct Watch<'a> {
    /// The beginning of the measurement.
    pub begun: Instant,
    /// Set when somebody has had enough.
    pub interrupt: &'a AtomicBool,
}

impl Watch<'_> {
    pub fn is_enough(&self) -> bool {
        self.interrupt.load(Ordering::Acquire)
    }
}

/// A cell that is being measured.
struct Run<'a> {
    cell: Cell,
    target: &'a Target,
    watch: &'a Watch<'a>,
    disk: Box<dyn Disk>,
    /// One for each write that is not under way.
    buffers: Vec<AlignedBuffer>,
    /// Tickets, and when they were submitted.
    under_way: Vec<(u64, Instant)>,
    /// Empty between two calls; it stays for its memory.
    written: Vec<Written>,
    next_ticket: u64,
    /// Where the next write goes.
    offset: u64,
    completed: u64,
    /// Time in which the file was made ready anew and nothing was written.
    paused: Duration,
}

/// Measures a cell on a file that is prepared for it. Each write is also put into the timeline, if there is one. At least one
/// write is measured, unless somebody has had enough.
pub fn measure(
    cell: Cell,
    target: &Target,
    time: Duration,
    watch: &Watch<'_>,
    mut timeline: Option<&mut Vec<Timed>>,
) -> Result<Measured, FsyncError> {
    let mut run = Run::begin(cell, target, watch)?;
    run.warm_up(time.mul_f64(WARM_UP))?;
    let time = time.mul_f64(1.0 - WARM_UP);
    let mut measured = Measured::new(cell);
    let (begun, paused) = (Instant::now(), run.paused);
    while !watch.is_enough() {
        run.fill()?;
        let mut is_over = false;
        for (since, end) in run.take()? {
            // What was begun before belongs to the warm-up.
            if since < begun {
                continue;
            }
            let timed = Timed { at: nanos(since - watch.begun), took: nanos(end - since) };
            measured.note(timed);
            if let Some(timeline) = timeline.as_deref_mut().filter(|timeline| timeline.len() < TIMELINE_MAX) {
                timeline.push(timed);
            }
            let spent = (end - begun).saturating_sub(run.paused - paused);
            measured.seconds = spent.as_secs_f64();
            is_over = spent >= time;
        }
        if is_over {
            break;
        }
    }
    run.end()?;
    Ok(measured)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Memory that no device can make smaller.
fn noise(bytes: usize, unit: usize) -> AlignedBuffer {
    let mut buffer = AlignedBuffer::new(bytes, unit);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for piece in buffer.chunks_exact_mut(8) {
        // Xorshift: cheap, and without a pattern that a compression finds.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        piece.copy_from_slice(&state.to_le_bytes());
    }
    buffer
}

impl<'a> Run<'a> {
    fn begin(cell: Cell, target: &'a Target, watch: &'a Watch<'a>) -> Result<Run<'a>, FsyncError> {
        let disk = carrier::start(cell.way, cell.in_flight, &target.file)
            .map_err(|source| FsyncError::Start { file: target.path().to_owned(), source })?;
        let bytes = usize::try_from(cell.bytes).expect("a group fits memory");
        let mut run = Run {
            cell,
            target,
            watch,
            disk,
            buffers: (0..cell.in_flight).map(|_| noise(bytes, target.unit)).collect(),
            under_way: Vec::with_capacity(cell.in_flight),
            written: Vec::with_capacity(cell.in_flight),
            next_ticket: 0,
            offset: 0,
            completed: 0,
            paused: Duration::ZERO,
        };
        run.begin_lap()?;
        Ok(run)
    }

    fn warm_up(&mut self, time: Duration) -> Result<(), FsyncError> {
        let begun = Instant::now();
        while !self.watch.is_enough() && (begun.elapsed() < time || self.completed < WARM_UP_WRITES) {
            self.fill()?;
            self.take()?;
        }
        Ok(())
    }

    /// Submits as many writes as may be under way.
    fn fill(&mut self) -> Result<(), FsyncError> {
        while self.under_way.len() < self.cell.in_flight {
            if self.offset + self.cell.bytes > self.target.bytes {
                // A file is not cut while it is written to.
                if self.cell.space != Space::Zeroed && !self.under_way.is_empty() {
                    return Ok(());
                }
                self.begin_lap()?;
            }
            self.submit()?;
        }
        Ok(())
    }

    /// Goes on at the beginning of the file.
    fn begin_lap(&mut self) -> Result<(), FsyncError> {
        self.offset = 0;
        if self.cell.space == Space::Zeroed {
            return Ok(());
        }
        let begun = Instant::now();
        self.target.prepare(self.cell.space, &|| false)?;
        self.paused += begun.elapsed();
        Ok(())
    }

    fn submit(&mut self) -> Result<(), FsyncError> {
        let buffer = self.buffers.pop().expect("a buffer for each write that is not under way");
        let length = usize::try_from(self.cell.bytes).expect("a group fits memory");
        let file = self.target.file.clone();
        let write = Write { file, offset: self.offset, buffer, length, durable: true };
        self.under_way.push((self.next_ticket, Instant::now()));
        self.disk.submit(self.next_ticket, write).map_err(|source| self.failed(source))?;
        self.next_ticket += 1;
        self.offset += self.cell.bytes;
        Ok(())
    }

    /// Waits until something has completed, and tells when that was submitted and completed.
    fn take(&mut self) -> Result<Vec<(Instant, Instant)>, FsyncError> {
        let mut written = std::mem::take(&mut self.written);
        let reaped = self.disk.wait().and_then(|()| self.disk.reap(&mut written));
        let end = Instant::now();
        reaped.map_err(|source| self.failed(source))?;
        let mut times = Vec::with_capacity(written.len());
        for Written { ticket, buffer, result } in written.drain(..) {
            result.map_err(|source| self.failed(source))?;
            self.buffers.push(buffer);
            self.completed += 1;
            let at = self.under_way.iter().position(|(number, _)| *number == ticket);
            let (_, since) = self.under_way.remove(at.expect("a completion belongs to a submission"));
            times.push((since, end));
        }
        self.written = written;
        Ok(times)
    }

    /// Waits for what is still under way.
    fn end(mut self) -> Result<(), FsyncError> {
        while !self.under_way.is_empty() {
            self.take()?;
        }
        Ok(())
    }

    fn failed(&self, source: io::Error) -> FsyncError {
        FsyncError::Write { cell: self.cell, file: self.target.path().to_owned(), source }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    use super::{Watch, measure, noise};
    use crate::profile::fsync::cell::{Cell, Space, Way};
    use crate::profile::fsync::target::Target;

    #[test]
    fn each_space_is_written_to_in_laps() {
        let dir = std::env::temp_dir().join(format!("paddock-profile-laps-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).expect("the temporary directory is writable");
        let (enough, not_enough) = (AtomicBool::new(true), AtomicBool::new(false));
        let watch = Watch { begun: Instant::now(), interrupt: &not_enough };
        for (way, space, in_flight) in
            [(Way::Thread, Space::Zeroed, 2), (Way::Thread, Space::Growing, 1), (Way::ZooKeeper, Space::Holes, 1)]
        {
            // Two writes fill the file, so that the warm-up already begins a lap.
            let target = Target::create(&dir, 128 << 10, way.wants_direct()).expect("it can be made");
            target.prepare(space, &|| false).expect("there is room");
            let cell = Cell { way, space, bytes: 64 << 10, in_flight };
            let mut timeline = Vec::new();
            let measured =
                measure(cell, &target, Duration::ZERO, &watch, Some(&mut timeline)).expect("it can be written");
            assert_eq!(measured.writes(), timeline.len() as u64, "{cell}");
            assert!(measured.writes() >= 1 && measured.seconds > 0.0, "{cell}");
            assert!(fs::metadata(target.path()).expect("it is there").len() <= 128 << 10, "{cell}: it has a bound");
            let watch = Watch { begun: Instant::now(), interrupt: &enough };
            let cut = measure(cell, &target, Duration::from_secs(3600), &watch, None).expect("it ends at once");
            assert_eq!(cut.writes(), 0, "{cell}");
        }
        fs::remove_dir(&dir).expect("it is empty");
    }

    #[test]
    fn what_is_written_has_no_pattern() {
        let buffer = noise(4096, 512);
        let mut pieces: Vec<&[u8]> = buffer.chunks_exact(8).collect();
        pieces.sort_unstable();
        pieces.dedup();
        assert_eq!(pieces.len(), 512);
    }
}

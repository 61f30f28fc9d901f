//! What becomes of submitted groups: told in order, or never again.

use std::time::Instant;

use paddock_consensus::Zxid;

use super::writer::Log;
use super::{GroupBuffer, LogError};
use crate::io::Written;

/// Names a group: 1 is the first of the log.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupNumber(pub u64);

/// A write that has been submitted and not been told of yet.
pub(super) struct UnderWay {
    pub number: u64,
    pub last: Zxid,
    pub records: u32,
    pub bytes: u64,
    pub since: Instant,
    pub completed: bool,
}

impl Log {
    /// Waits until nothing is under way.
    pub(super) fn drain(&mut self) -> Result<(), LogError> {
        while !self.under_way.is_empty() {
            self.wait()?;
        }
        Ok(())
    }

    /// Takes in completions.
    pub(super) fn reap(&mut self) -> Result<(), LogError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut written = std::mem::take(&mut self.written);
        let reaped = self.disk.reap(&mut written);
        let mut outcome = reaped.map_err(|error| LogError::io("write to", &self.current.path, error));
        for one in written.drain(..) {
            let result = self.note(one);
            outcome = outcome.and(result);
        }
        self.written = written;
        outcome.map_err(|error| self.fail(error))?;
        if self.under_way.front().is_some_and(|group| group.completed)
            && let Err(error) = self.current.has_name()
        {
            return Err(self.fail(error));
        }
        self.advance();
        Ok(())
    }

    fn note(&mut self, written: Written) -> Result<(), LogError> {
        self.pool.push(GroupBuffer::shrunk(written.buffer));
        written.result.map_err(|error| LogError::io("write to", &self.current.path, error))?;
        let first = self.under_way.front().expect("a completion belongs to a submission").number;
        let place = usize::try_from(written.ticket - first).expect("few are under way");
        self.under_way[place].completed = true;
        Ok(())
    }

    /// Tells of completed groups, in order.
    fn advance(&mut self) {
        while let Some(done) = self.under_way.pop_front_if(|group| group.completed) {
            let time = done.since.elapsed();
            self.stats.note(done.records, done.bytes, time);
            if time > self.config.warn_after {
                self.stats.warnings += 1;
                tracing::warn!(
                    "the log waited {} ms for the disk of {}, more than the threshold of {} ms; \
                     a slow log disk delays every write",
                    time.as_millis(),
                    self.config.dir.display(),
                    self.config.warn_after.as_millis()
                );
            }
            (self.completed, self.completed_zxid) = (GroupNumber(done.number), done.last);
            if self.config.sync {
                (self.durable, self.durable_zxid) = (done.number, done.last);
                if done.number == self.first_number {
                    self.preallocator.note(self.reached());
                }
            }
        }
    }

    /// The end of this log.
    pub(super) fn fail(&mut self, error: LogError) -> LogError {
        self.failed.get_or_insert(error).clone()
    }
}

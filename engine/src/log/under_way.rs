//! The groups that are under way to the disk, and how far those that arrived go: told in order, or never again.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use paddock_consensus::Zxid;
use paddock_consensus::mutants::mutant;

use super::group::{GroupBuffer, GroupNumber};
use super::milestone::Reached;
use super::{Clock, Completion, LogConfig, LogStats};
use crate::io::{AlignedBuffer, Disk, Write, Written, probes};

/// Completions that nobody has asked for; beyond, the oldest is forgotten.
const COMPLETIONS_MAX: usize = 64;

/// See the module.
pub(super) struct UnderWay {
    disk: Box<dyn Disk>,
    /// As many groups can be under way together.
    in_flight: usize,
    /// The groups that have been submitted and not been told of yet, in order.
    groups: VecDeque<Group>,
    /// Memory for groups, one for each that is not under way.
    pool: Vec<AlignedBuffer>,
    /// Empty between two calls; it stays for its memory.
    written: Vec<Written>,
    /// Whether a completed group is durable (`forceSync`).
    is_synced: bool,
    completed: Reached,
    /// What the next group's mark says.
    durable: Reached,
    stats: LogStats,
    /// The groups that have completed since they were asked for last, oldest first.
    completions: VecDeque<Completion>,
    clock: Clock,
    /// A completion slower than this is warned of, with this `dataLogDir`.
    warn_after: Duration,
    dir: PathBuf,
}

/// A group on its way.
struct Group {
    number: u64,
    /// The last zxid up to the group's end.
    last: Zxid,
    records: u32,
    /// Bytes with header and padding.
    bytes: u64,
    /// When it was submitted.
    since: Instant,
    is_completed: bool,
}

impl UnderWay {
    /// Begins with everything up to `durable` being so. Groups are aligned to `unit` bytes.
    pub fn new(disk: Box<dyn Disk>, config: &LogConfig, unit: usize, durable: Reached) -> UnderWay {
        UnderWay {
            disk,
            in_flight: config.in_flight,
            groups: VecDeque::with_capacity(config.in_flight),
            pool: (0..config.in_flight).map(|_| GroupBuffer::memory(unit)).collect(),
            written: Vec::with_capacity(config.in_flight),
            is_synced: config.sync,
            completed: durable,
            durable,
            stats: LogStats::default(),
            completions: VecDeque::new(),
            clock: config.clock.clone(),
            warn_after: config.warn_after,
            dir: config.dir.clone(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// No more can be submitted for now.
    pub fn is_full(&self) -> bool {
        self.groups.len() >= self.in_flight
    }

    /// How far all groups have completed.
    pub fn completed(&self) -> Reached {
        self.completed
    }

    /// How far all groups are known to be durable.
    pub fn durable(&self) -> Reached {
        self.durable
    }

    /// Counters and times of groups; what is told of segments is left out.
    pub fn stats(&self) -> LogStats {
        self.stats
    }

    /// The oldest group that has completed and was not asked for.
    pub fn take_completion(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    /// The last zxid of the group that was submitted last, and when that was, unless it has been told of.
    pub fn newest(&self) -> Option<(Zxid, Instant)> {
        self.groups.back().map(|group| (group.last, group.since))
    }

    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Memory for the next group.
    ///
    /// # Panics
    /// If no more groups can be under way.
    pub fn take_memory(&mut self) -> AlignedBuffer {
        assert!(!self.is_full(), "no more groups under way than the log was opened for");
        self.pool.pop().expect("a buffer for each group under way and one to fill")
    }

    /// Starts the write of a group that ends with the transaction `last`. An error is the end of the disk.
    pub fn submit(
        &mut self,
        GroupNumber(number): GroupNumber,
        records: u32,
        last: Zxid,
        write: Write,
    ) -> io::Result<()> {
        let bytes = write.length as u64;
        let since = self.clock.now();
        probes::group_submitted(last.0, records.into(), bytes);
        self.groups.push_back(Group { number, last, records, bytes, since, is_completed: false });
        self.disk.submit(number, write)
    }

    /// Waits until [`reap`](Self::reap) has something to take in.
    pub fn wait(&mut self) -> io::Result<()> {
        self.disk.wait()
    }

    /// Takes in what the disk has completed. Returns whether the oldest group is among it, so that [`tell`](Self::tell) has
    /// something to tell. An error of the disk, or of one write, is the end of the log.
    pub fn reap(&mut self) -> io::Result<bool> {
        let mut written = std::mem::take(&mut self.written);
        let mut outcome = self.disk.reap(&mut written);
        for Written { ticket, buffer, result } in written.drain(..) {
            self.pool.push(GroupBuffer::shrunk(buffer));
            let result = if mutant!(33) { Ok(()) } else { result };
            if result.is_ok() {
                self.complete(ticket);
            }
            outcome = outcome.and(result);
        }
        self.written = written;
        outcome.map(|()| self.groups.front().is_some_and(|group| group.is_completed))
    }

    fn complete(&mut self, number: u64) {
        let oldest = self.groups.front().expect("a completion belongs to a submission").number;
        let at = usize::try_from(number - oldest).expect("few are under way");
        self.groups[at].is_completed = true;
    }

    /// Takes the completed groups off, in order, and counts them in.
    pub fn tell(&mut self) {
        while let Some(group) = self.groups.pop_front_if(|group| group.is_completed) {
            self.count(&group);
            let Reached { log_id, .. } = self.completed;
            self.completed = Reached { log_id, group: GroupNumber(group.number), zxid: group.last };
            if self.is_synced {
                self.durable = self.completed;
            }
        }
    }

    fn count(&mut self, group: &Group) {
        let time = self.clock.now().saturating_duration_since(group.since);
        self.stats.count(group.records, group.bytes, time);
        if self.completions.len() == COMPLETIONS_MAX {
            self.completions.pop_front();
        }
        let Group { last, records, bytes, since, .. } = *group;
        probes::group_synced(last.0, records.into(), time.as_micros() as u64);
        self.completions.push_back(Completion { last, records, bytes, since, time, is_synced: self.is_synced });
        if time > self.warn_after {
            self.stats.warnings += 1;
            tracing::warn!(
                "the log waited {} ms for the disk of {}, more than the threshold of {} ms; \
                 a slow log disk delays every write",
                time.as_millis(),
                self.dir.display(),
                self.warn_after.as_millis()
            );
        }
    }

    /// Bytes of all groups that are under way.
    pub fn bytes(&self) -> u64 {
        self.groups.iter().map(|group| group.bytes).sum()
    }

    /// Nothing is under way, and the log goes on after this: it has been cut or begun anew.
    pub fn go_on_after(&mut self, durable: Reached) {
        assert!(self.is_empty(), "what is under way belongs to the log of before");
        (self.completed, self.durable) = (durable, durable);
    }

    /// Nothing is under way, and the file has been synced: what has completed is durable, also where a completion alone does
    /// not make it so.
    pub fn file_is_synced(&mut self) {
        assert!(self.is_empty(), "what is under way is not durable");
        self.durable = self.completed;
    }
}

//! The log as its one writer sees it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use paddock_consensus::Zxid;

use super::completion::UnderWay;
use super::format::Header;
use super::method::start_disk;
use super::milestone::{self, Milestone, MilestoneFile, Reached};
use super::prepare::{FIRST_BYTES, Milestones, Preallocator, Rolls, goal};
use super::recovery::{Ahead, Kept, Recovery, Resume, Visit, note_end, recover, truncate};
use super::segment::{Creator, Segment, ZERO_BYTES, directory};
use super::{GroupBuffer, GroupNumber, LogConfig, LogError, LogStats};
use crate::io::{AlignedBuffer, Disk, IN_FLIGHT_MAX, Write, Written, remove_file, sys};

/// Older segments of which it is noticed when they are gone; those before them are seldom needed.
const LOOKED_AFTER: usize = 16;

/// The transaction log, opened for appending. See the [module](super).
///
/// Dropped without [`close`](Log::close) it leaves the files as a crash would, though it waits for what is under way.
pub struct Log {
    pub(super) config: LogConfig,
    pub(super) disk: Box<dyn Disk>,
    /// Written when a segment is ready.
    bell: OwnedFd,
    pub(super) preallocator: Preallocator,
    pub(super) unit: usize,
    pub(super) direct: bool,

    pub(super) current: Segment,
    /// Where the next group goes, in bytes from the start of the current segment.
    pub(super) end: u64,
    /// Of the current segment's first group; meaningless while `end` is 0.
    pub(super) first_number: u64,
    pub(super) rolling: bool,
    pub(super) rolls: Rolls,
    /// What the preallocator has been told last.
    pub(super) paced: u64,
    /// Older segments, the oldest first.
    pub(super) kept: VecDeque<Kept>,

    pub(super) log_id: u64,
    pub(super) incarnation: u64,
    /// Of the last submitted group.
    pub(super) number: u64,
    pub(super) group_crc: u32,
    /// Of the last appended record.
    pub(super) record_crc: u32,
    pub(super) last: Zxid,
    /// Of the last submitted record.
    pub(super) submitted: Zxid,

    pub(super) filling: GroupBuffer,
    pub(super) pool: Vec<AlignedBuffer>,
    pub(super) under_way: VecDeque<UnderWay>,
    pub(super) written: Vec<Written>,
    pub(super) completed: GroupNumber,
    pub(super) completed_zxid: Zxid,
    /// What the next group's mark says, and the last transaction up to there.
    pub(super) durable: u64,
    pub(super) durable_zxid: Zxid,

    pub(super) failed: Option<LogError>,
    pub(super) stats: LogStats,
}

impl Log {
    /// Opens the log of a `dataLogDir`, creating it if need be. Calls `visit` with every record after `after` (the
    /// snapshot's zxid) in order, cuts a torn tail, and prepares a new segment. Segments without such records are not
    /// read.
    ///
    /// # Panics
    /// If `in_flight` or `segment_bytes` is out of range.
    pub fn open(config: LogConfig, after: Zxid, visit: &mut Visit<'_>) -> Result<(Log, Recovery), LogError> {
        Log::open_ahead(config, after, &mut |_| {}, visit)
    }

    /// [`open`](Log::open) that shows records some at a time to `ahead` before it visits them.
    ///
    /// # Panics
    /// As [`open`](Log::open).
    pub fn open_ahead(
        config: LogConfig,
        after: Zxid,
        ahead: &mut Ahead<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(Log, Recovery), LogError> {
        assert!((1..=IN_FLIGHT_MAX).contains(&config.in_flight), "1 to {IN_FLIGHT_MAX} groups can be under way");
        assert!(config.segment_bytes > 0, "a segment has a size");
        let (recovery, resume) = recover(&config, after, ahead, visit)?;
        let (creator, mut current) = Creator::new(&directory(&config.dir), resume.next_sequence)?;
        match Log::prepare(&config, &creator, &mut current) {
            // From here on the milestone may name the segment, so that it stays whatever happens. An empty one goes at the
            // next opening.
            Ok(disk) => {
                let log = Log::assemble(config, creator, current, disk, resume, recovery.last)?;
                Ok((log, recovery))
            }
            Err(error) => {
                // Gives its space back.
                let _ = remove_file(&current.path);
                Err(error)
            }
        }
    }

    /// Makes the first segment of this life ready to be written to.
    fn prepare(config: &LogConfig, creator: &Creator, current: &mut Segment) -> Result<Box<dyn Disk>, LogError> {
        let size = config.segment_bytes.next_multiple_of(creator.unit() as u64).min(FIRST_BYTES);
        let zeros = creator.zeros();
        while current.size < size {
            current.zero(&zeros, size)?;
        }
        current.sync()?;
        start_disk(config, current, creator.unit())
    }

    pub(super) fn assemble(
        config: LogConfig,
        creator: Creator,
        current: Segment,
        disk: Box<dyn Disk>,
        resume: Resume,
        last: Zxid,
    ) -> Result<Log, LogError> {
        let failed = |error| LogError::io("start a thread for", &config.dir, error);
        let bell = sys::event_fd().map_err(failed)?;
        let rung = File::from(bell.try_clone().map_err(failed)?);
        let (unit, direct) = (creator.unit(), creator.is_direct());
        let Resume { log_id, chain, kept, incarnation, milestone, .. } = resume;
        let number = chain.map_or(0, |chain| chain.number);
        let durable = Reached { log_id, group: number, zxid: last };
        let mut milestones = Milestones::new(&config.dir, milestone);
        milestones.note_segment(&current, durable)?;
        let log = Log {
            preallocator: Preallocator::start(creator, milestones, durable, rung).map_err(failed)?,
            disk,
            bell,
            unit,
            direct,
            current,
            end: 0,
            first_number: 0,
            rolling: false,
            rolls: Rolls::default(),
            paced: 0,
            kept,
            log_id,
            incarnation,
            number,
            group_crc: chain.map_or(0, |chain| chain.group_crc),
            record_crc: chain.and_then(|chain| chain.record_crc).unwrap_or(0),
            last,
            submitted: last,
            filling: GroupBuffer::new(GroupBuffer::memory(unit)),
            pool: (0..config.in_flight).map(|_| GroupBuffer::memory(unit)).collect(),
            under_way: VecDeque::with_capacity(config.in_flight),
            written: Vec::with_capacity(config.in_flight),
            completed: GroupNumber(number),
            completed_zxid: last,
            durable: number,
            durable_zxid: last,
            failed: None,
            stats: LogStats::default(),
            config,
        };
        log.order_next();
        Ok(log)
    }

    /// Encodes a transaction into the group that is being filled and returns the encoded bytes. A failed log forgets
    /// them.
    ///
    /// # Panics
    /// If `zxid` is not above all before it, or the payload is larger than
    /// [`RECORD_BYTES_MAX`](super::RECORD_BYTES_MAX), or the group larger than
    /// [`GROUP_BYTES_MAX`](super::GROUP_BYTES_MAX).
    pub fn append(&mut self, zxid: Zxid, encode: impl FnOnce(&mut GroupBuffer)) -> &[u8] {
        assert!(zxid > self.last, "transaction {zxid} comes after {} in the log", self.last);
        if self.failed.is_some() {
            self.filling.clear();
        }
        let (start, crc) = self.filling.record(zxid, self.record_crc, encode);
        (self.record_crc, self.last) = (crc, zxid);
        self.filling.since(start)
    }

    /// Something has been appended and not been submitted.
    pub fn is_filling(&self) -> bool {
        self.filling.records() > 0
    }

    /// Bytes of the group that is being filled, with headers.
    pub fn filling_bytes(&self) -> usize {
        self.filling.length()
    }

    /// The zxid of the last appended record, or of the snapshot if there is none.
    pub fn last_zxid(&self) -> Zxid {
        self.last
    }

    /// The last record such that it and all before it have completed.
    pub fn completed_zxid(&self) -> Zxid {
        self.completed_zxid
    }

    /// Whether [`submit`](Log::submit) would not wait. If not, the event descriptor tells when to ask again.
    pub fn can_submit(&self) -> bool {
        if self.failed.is_some() {
            return true; // `submit` returns the error.
        }
        if self.under_way.len() >= self.config.in_flight {
            return false;
        }
        let length = self.filling_length();
        if !self.fits(length) {
            return self.preallocator.demand(length) && self.under_way.is_empty();
        }
        !self.is_roll_due() || self.under_way.is_empty()
    }

    /// Why the group that is being filled cannot be submitted for now: space or something else is short, without which
    /// there is no next segment. It is tried again by and by; the event descriptor tells when it has been had.
    pub fn shortage(&self) -> Option<LogError> {
        let is_full = self.is_filling() && !self.fits(self.filling_length());
        if is_full { self.preallocator.shortage() } else { None }
    }

    /// Starts the write of what has been appended. Waits only where [`can_submit`](Log::can_submit) says no, and then not
    /// for what is short: that is an error after which the log is as it was.
    ///
    /// # Panics
    /// If nothing has been appended.
    pub fn submit(&mut self) -> Result<GroupNumber, LogError> {
        self.reap()?;
        assert!(self.is_filling(), "only a group with records is submitted");
        self.write_group()
    }

    /// The newest group such that it and all before it have completed. Does not wait.
    pub fn completed(&mut self) -> Result<GroupNumber, LogError> {
        self.reap()?;
        Ok(self.completed)
    }

    /// Waits until a group completes, or until the segment is ready that the next one waits for. Returns what
    /// [`completed`](Log::completed) does.
    pub fn wait(&mut self) -> Result<GroupNumber, LogError> {
        self.reap()?;
        let length = self.filling_length();
        if self.under_way.is_empty() && !self.fits(length) {
            self.preallocator.wait(length);
        } else if let Err(error) = self.disk.wait() {
            return Err(self.fail(LogError::io("write to", &self.current.path, error)));
        }
        self.completed()
    }

    /// Begins a new segment as soon as one is ready, so that [`remove_before`](Log::remove_before) can remove the
    /// current one some day. Groups go to the current one until then.
    pub fn roll(&mut self) {
        // An empty segment is already a new one.
        if self.end > 0 {
            self.rolling = true;
            self.preallocator.hurry();
        }
    }

    /// Has the segments removed in which every record is at or below `zxid`, in the background. The current one stays, and
    /// that with the last durable group: it shows that nothing is missing. Returns how many.
    pub fn remove_before(&mut self, zxid: Zxid) -> Result<usize, LogError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let is_begun = self.end > 0 && self.durable >= self.first_number;
        let most = self.kept.len() - usize::from(!is_begun && !self.kept.is_empty());
        let count = self.kept.iter().take(most).take_while(|segment| segment.last <= zxid).count();
        self.preallocator.remove(self.kept.drain(..count).map(|segment| segment.path));
        Ok(count)
    }

    /// Submits what has been appended, waits for all that is under way, and leaves a log that tells a reader that its end
    /// is its end. Removals that are under way are finished. Where the disk is full, what nobody was told of is given up,
    /// and the files stay as after a crash.
    pub fn close(mut self) -> Result<(), LogError> {
        self.drain()?;
        if self.is_filling() {
            match self.submit() {
                Err(error) if error.is_shortage() => {
                    let records = self.filling.records();
                    tracing::warn!(records, "transactions that nobody was told of are given up: {error}");
                    self.filling.clear();
                    self.last = self.submitted;
                }
                submitted => {
                    submitted?;
                    self.drain()?;
                }
            }
        }
        if self.end > 0 {
            self.sync_segment()?;
            // The seal; it may stand beyond the zeros, where there may be no space.
            match self.write_group().and_then(|_| self.drain()) {
                Err(error) if error.is_shortage() => return left_as_after_a_crash(&error),
                sealed => sealed?,
            }
            self.sync_segment()?;
        }
        self.tidy()
    }

    /// Removes what a closed log does not need, once it is noted where it ends.
    fn tidy(self) -> Result<(), LogError> {
        let end = Reached { log_id: self.log_id, group: self.number, zxid: self.submitted };
        let Log { config, disk, preallocator, current, end: length, kept, .. } = self;
        drop(disk);
        let unused = preallocator.end();
        let mut file = MilestoneFile::new(&config.data_dir, &milestone::Found::Nothing);
        let noted = match length {
            0 => note_end(&config.dir, kept.back(), end, &mut file),
            _ => file.write(Milestone::new(&config.dir, (current.sequence, length), end)),
        };
        match noted {
            Err(error) if error.is_shortage() => return left_as_after_a_crash(&error),
            noted => noted?,
        }
        let remove = |path: PathBuf| match remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(LogError::io("remove", &path, error)),
            _ => Ok(()),
        };
        unused.map_or(Ok(()), remove)?;
        if length == 0 { remove(current.path) } else { truncate(&current.path, length) }
    }

    /// Whether the file that is written to is still where its name says: otherwise nobody will find what goes there.
    pub fn see_in_place(&mut self) -> Result<(), LogError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.current.is_in_place() {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.fail(LogError::Vanished { path: self.current.path.clone() })),
            // The file itself can be written to, whatever keeps its name from being looked at.
            Err(error) => {
                tracing::warn!(%error, "it cannot be seen whether {} is in place", self.current.path.display());
                Ok(())
            }
        }
    }

    /// Puts a group without records into a current segment that is empty, so that the log's end stands in a file that is
    /// there, whatever has become of the one before.
    pub fn move_end(&mut self) -> Result<(), LogError> {
        self.reap()?;
        if self.end == 0 && !self.is_filling() && self.under_way.is_empty() {
            self.write_group()?;
        }
        Ok(())
    }

    /// An older segment that is gone, if one of the last few is; it is told once.
    pub fn take_lost_segment(&mut self) -> Option<PathBuf> {
        let newest = self.kept.len().saturating_sub(LOOKED_AFTER)..self.kept.len();
        let lost = newest.into_iter().find(|at| matches!(self.kept[*at].path.try_exists(), Ok(false)))?;
        self.kept.remove(lost).map(|lost| lost.path)
    }

    /// Has the milestone written again, in the background.
    pub fn renew_milestone(&mut self) {
        self.preallocator.note(self.reached());
    }

    /// What is known to be durable.
    pub(super) fn reached(&self) -> Reached {
        Reached { log_id: self.log_id, group: self.durable, zxid: self.durable_zxid }
    }

    /// Readable when there are completions, and when a segment is ready. Watch them edge-triggered, as mio does; nobody
    /// reads them empty.
    pub fn event_fds(&self) -> [RawFd; 2] {
        [self.disk.event_fd().as_raw_fd(), self.bell.as_raw_fd()]
    }

    /// For the start's report: how groups get to the disk.
    pub fn method(&self) -> String {
        let io = if self.direct { "direct" } else { "buffered" };
        let sync = if self.config.sync { "durable" } else { "NOT durable (forceSync=no)" };
        format!("{}, {io}, {sync}, groups padded to {} bytes", self.disk.name(), self.unit)
    }

    pub fn stats(&self) -> LogStats {
        LogStats { segments: self.kept.len() + 1, segment: self.current.sequence, ..self.stats }
    }

    fn order_next(&self) {
        self.preallocator.order(self.current.sequence + 1, self.next_size(), self.reached());
    }

    pub(super) fn next_size(&self) -> u64 {
        let limit = self.config.segment_bytes.next_multiple_of(self.unit as u64);
        self.rolls.next_size(self.current.size, limit)
    }

    /// A segment that is still empty takes a group of any size.
    fn fits(&self, length: u64) -> bool {
        self.end == 0 || self.end + length <= self.current.size
    }

    /// The next group begins a new segment although it would fit.
    fn is_roll_due(&self) -> bool {
        self.rolling && self.end > 0 && self.preallocator.hurry()
    }

    /// Of the group that is being filled, as it will be written.
    fn filling_length(&self) -> u64 {
        self.filling.length().next_multiple_of(self.unit) as u64
    }

    /// Writes the group that is being filled; without records it is a seal.
    fn write_group(&mut self) -> Result<GroupNumber, LogError> {
        assert!(self.under_way.len() < self.config.in_flight, "no more groups under way than the log was opened for");
        let seal = !self.is_filling();
        if !seal {
            self.place()?; // A seal never moves: it may stand beyond the zeroed part.
        }
        let header = self.header();
        let fresh = self.pool.pop().expect("a buffer for each group under way and one to fill");
        let group = std::mem::replace(&mut self.filling, GroupBuffer::new(fresh));
        let (buffer, length, crc) = group.seal(&header);
        let (offset, bytes) = (self.end, length as u64);
        (self.number, self.group_crc, self.submitted) = (header.number, crc, self.last);
        self.first_number = header.first_number;
        self.end += bytes;
        let since = Instant::now();
        let (records, last, number) = (header.records, self.last, header.number);
        self.under_way.push_back(UnderWay { number, last, records, bytes, since, completed: false });
        let write = Write { file: Arc::clone(&self.current.file), offset, buffer, length, durable: self.config.sync };
        if let Err(error) = self.disk.submit(number, write) {
            return Err(self.fail(LogError::io("write to", &self.current.path, error)));
        }
        self.set_pace();
        Ok(GroupNumber(number))
    }

    fn header(&self) -> Header {
        let number = self.number + 1;
        let records = self.filling.records();
        Header {
            unit_log2: u8::try_from(self.unit.ilog2()).expect("at most 16"),
            body_length: u32::try_from(self.filling.length() - super::format::HEADER_BYTES).expect("below 1 GiB"),
            records,
            log_id: self.log_id,
            incarnation: self.incarnation,
            sequence: self.current.sequence,
            first_number: if self.end == 0 { number } else { self.first_number },
            number,
            durable: self.durable,
            before: self.submitted,
            first: if records == 0 { self.submitted } else { self.filling.first() },
            previous_crc: self.group_crc,
        }
    }

    /// Moves to the next segment if the group does not fit or a roll is due.
    fn place(&mut self) -> Result<(), LogError> {
        let full = !self.fits(self.filling_length());
        if !full && !self.is_roll_due() {
            return Ok(());
        }
        let length = self.filling_length();
        if full && !self.preallocator.demand(length) {
            self.stats.segment_waits += 1;
        }
        self.drain()?;
        self.sync_segment()?;
        let next = match self.preallocator.take(length) {
            Ok(next) => next,
            // Nothing was written, and it may be had later.
            Err(error) if error.is_shortage() => return Err(error),
            Err(error) => return Err(self.fail(error)),
        };
        let old = std::mem::replace(&mut self.current, next);
        self.kept.push_back(Kept { sequence: old.sequence, path: old.path, bytes: old.size, last: self.submitted });
        self.rolls.leave(self.end, self.rolling);
        (self.end, self.rolling, self.paced) = (0, false, 0);
        self.order_next();
        Ok(())
    }

    /// Without `sync`, what is behind us becomes durable here, so that a later segment or a seal stays evidence.
    fn sync_segment(&mut self) -> Result<(), LogError> {
        if !self.config.sync {
            if let Err(error) = self.current.file.sync_data() {
                return Err(self.fail(LogError::io("sync", &self.current.path, error)));
            }
            (self.durable, self.durable_zxid) = (self.number, self.submitted);
        }
        Ok(())
    }

    fn set_pace(&mut self) {
        let target = self.next_size();
        let goal = goal(self.end, self.current.size, target);
        let worth_a_wake = goal >= self.paced + ZERO_BYTES as u64 || goal == target;
        if goal > self.paced && worth_a_wake {
            self.paced = goal;
            self.preallocator.pace(goal);
        }
    }
}

fn left_as_after_a_crash(error: &LogError) -> Result<(), LogError> {
    tracing::warn!("the log is left as after a crash, which the next start mends: {error}");
    Ok(())
}

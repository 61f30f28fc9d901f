//! The log as its one writer sees it.

use std::collections::VecDeque;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use paddock_consensus::Zxid;

use super::completion::UnderWay;
use super::format::Header;
use super::method::start_disk;
use super::prepare::{FIRST_BYTES, Preallocator, Rolls, goal};
use super::recovery::{Ahead, Kept, Recovery, Resume, Visit, recover, truncate};
use super::segment::{Creator, Segment, ZERO_BYTES, directory};
use super::{GroupBuffer, GroupNumber, LogConfig, LogError, LogStats};
use crate::io::{AlignedBuffer, Disk, IN_FLIGHT_MAX, Write, Written, remove_file, sys};

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
    /// What the next group's mark says.
    pub(super) durable: u64,

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
        let (recovery, resume) = recover(&config.dir, after, ahead, visit)?;
        let (creator, current) = Creator::new(&directory(&config.dir), resume.next_sequence)?;
        let path = current.path.clone();
        let opened = Log::begin(config, creator, current, resume, recovery.last);
        if opened.is_err() {
            // Gives its space back; what a failed removal leaves is empty and goes at the next opening.
            let _ = remove_file(&path);
        }
        opened.map(|log| (log, recovery))
    }

    fn begin(
        config: LogConfig,
        creator: Creator,
        mut current: Segment,
        resume: Resume,
        last: Zxid,
    ) -> Result<Log, LogError> {
        let size = config.segment_bytes.next_multiple_of(creator.unit() as u64).min(FIRST_BYTES);
        let zeros = creator.zeros();
        while current.size < size {
            current.zero(&zeros, size)?;
        }
        current.sync()?;
        let disk = start_disk(&config, &current, creator.unit())?;
        Log::assemble(config, creator, current, disk, resume, last)
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
        let chain = resume.chain;
        let number = chain.map_or(0, |chain| chain.number);
        let log = Log {
            preallocator: Preallocator::start(creator, rung).map_err(failed)?,
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
            kept: resume.kept.into(),
            log_id: chain.map_or_else(random, |chain| chain.log_id),
            incarnation: resume.incarnation,
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
        if !self.fits(self.filling_length()) {
            return self.preallocator.demand() && self.under_way.is_empty();
        }
        !self.is_roll_due() || self.under_way.is_empty()
    }

    /// Starts the write of what has been appended. Waits only where [`can_submit`](Log::can_submit) says no.
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
        if self.under_way.is_empty() && !self.fits(self.filling_length()) {
            self.preallocator.wait();
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

    /// Has the segments removed in which every record is at or below `zxid`, in the background; the current one stays.
    /// Returns how many.
    pub fn remove_before(&mut self, zxid: Zxid) -> Result<usize, LogError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let count = self.kept.iter().take_while(|segment| segment.last <= zxid).count();
        self.preallocator.remove(self.kept.drain(..count).map(|segment| segment.path));
        Ok(count)
    }

    /// Submits what has been appended, waits for all that is under way, and leaves a log that tells a reader that its end
    /// is its end. Removals that are under way are finished.
    pub fn close(mut self) -> Result<(), LogError> {
        self.drain()?;
        if self.is_filling() {
            self.submit()?;
            self.drain()?;
        }
        if self.end > 0 {
            self.sync_segment()?;
            self.write_group()?; // The seal.
            self.drain()?;
        }
        let Log { disk, preallocator, current, end, .. } = self;
        drop(disk);
        let unused = preallocator.end();
        let remove = |path: PathBuf| remove_file(&path).map_err(|error| LogError::io("remove", &path, error));
        unused.map_or(Ok(()), remove)?;
        if end == 0 { remove(current.path) } else { truncate(&current.path, end) }
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
        LogStats { segments: self.kept.len() + 1, ..self.stats }
    }

    fn order_next(&self) {
        self.preallocator.order(self.current.sequence + 1, self.next_size());
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
        if full && !self.preallocator.demand() {
            self.stats.segment_waits += 1;
        }
        self.drain()?;
        self.sync_segment()?;
        let next = match self.preallocator.take() {
            Ok(next) => next,
            Err(error) => return Err(self.fail(error)),
        };
        let old = std::mem::replace(&mut self.current, next);
        self.kept.push_back(Kept { path: old.path, last: self.submitted });
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
            self.durable = self.number;
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

/// Unpredictable, from the seed that the system gives to hash maps.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

//! The log as its one writer sees it.

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use paddock_consensus::Zxid;

use super::beginning::begin_after;
use super::chain::Chain;
use super::current::Current;
use super::cut::{NewEnd, first_behind, remove_behind};
use super::holds::{Hold, Holds};
use super::live_milestone::LiveMilestone;
use super::milestone::{Extent, FoundMilestone, Milestone, MilestoneFile, Reached};
use super::older_segments::{LostSegment, OlderSegments};
use super::preallocator::Preallocator;
use super::reader::Reader;
use super::recovery::{Ahead, Recovery, Resume, Visit, recover};
use super::segment::{Creator, Segment, list, truncate};
use super::segment_path::{SegmentPath, directory};
use super::under_way::UnderWay;
use super::{Clock, Completion, GroupBuffer, GroupNumber, LogConfig, LogError, LogStats};
use crate::io::{Bell, Disk, IN_FLIGHT_MAX, Write};
use crate::progress::Progress;

/// The transaction log, opened for appending. See the [module](super).
///
/// Dropped without [`close`](Log::close) it leaves the files as a crash would, though it waits for what is under way.
pub struct Log {
    config: LogConfig,
    /// How segments of this directory are made.
    creator: Creator,
    filling: GroupBuffer,
    chain: Chain,
    current: Current,
    older: OlderSegments,
    under_way: UnderWay,
    holds: Arc<Holds>,
    preallocator: Preallocator,
    /// The preallocator rings it when a segment is ready.
    bell: Bell,
    /// The error after which nothing is completed any more.
    failed: Option<LogError>,
    /// Times that a group had to wait because the next segment was not ready.
    segment_waits: u64,
    rest: Rest,
}

/// How far the log had come when it was asked last whether it rests, and when the milestone was written because it did.
#[derive(Clone, Copy, Default)]
struct Rest {
    seen: GroupNumber,
    noted: GroupNumber,
}

/// What can be read of an open log: every record after `base` up to and including `last`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogRange {
    /// The zxid before the oldest record that is there without a gap behind it: of a record that was purged, or of a
    /// snapshot; zero if the log has all that ever was.
    pub base: Zxid,
    /// The zxid of the last record of the last completed group, or `base` if there is none.
    pub last: Zxid,
}

impl Log {
    /// Opens the log of a `dataLogDir`, creating it if need be. Calls `visit` with every record after `after` (the
    /// snapshot's zxid) in order, cuts a torn tail, and prepares a new segment. Segments without such records are not
    /// read, but the newest of them.
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
        let (creator, mut segment) =
            Creator::new(&config.files, &directory(&config.dir), resume.older.next_sequence())?;
        let prepared = prepare(&config, &creator, &mut segment)
            .and_then(|()| config.method.start(&config.files, config.in_flight, config.sync, &segment, creator.unit()));
        match prepared {
            // From here on the milestone may name the segment, so that it stays whatever happens. An empty one goes at the
            // next opening.
            Ok(disk) => {
                let log = Log::assemble(config, creator, segment, disk, resume, recovery.last)?;
                Ok((log, recovery))
            }
            Err(error) => {
                // Gives its space back.
                let _ = creator.files().remove(&segment.path);
                Err(error)
            }
        }
    }

    /// Begins a log whose first record follows the transaction `after`, of a snapshot. A crash in between may leave a
    /// milestone and an empty segment; whoever begins again removes the directory first.
    ///
    /// # Errors
    /// [`LogError::NotEmpty`] if there is a log already, or a milestone tells of one.
    ///
    /// # Panics
    /// As [`open`](Log::open).
    pub fn begin(config: LogConfig, after: Zxid) -> Result<Log, LogError> {
        let found = FoundMilestone::read(&config.files, &config.data_dir)?;
        if found != FoundMilestone::Nothing || !list(&config.files, &directory(&config.dir))?.is_empty() {
            return Err(LogError::NotEmpty { dir: config.dir });
        }
        begin_after(&config.files, &config.data_dir, &config.dir, after)?;
        Log::open(config, after, &mut |_, _| Ok(())).map(|(log, _)| log)
    }

    fn assemble(
        config: LogConfig,
        creator: Creator,
        segment: Segment,
        disk: Box<dyn Disk>,
        resume: Resume,
        last: Zxid,
    ) -> Result<Log, LogError> {
        let bell = Bell::new(&config.files).map_err(|error| LogError::io("start a thread for", &config.dir, error))?;
        let chain = Chain::new(resume.log_id, resume.incarnation, resume.last, last);
        let durable = Reached { log_id: resume.log_id, group: chain.group(), zxid: last };
        let mut log = Log {
            preallocator: start_preallocator(&config, &creator, resume.milestone, &segment, durable, &bell)?,
            bell,
            filling: GroupBuffer::new(GroupBuffer::memory(creator.unit())),
            chain,
            current: Current::new(segment, last, creator.unit(), &config),
            older: resume.older,
            under_way: UnderWay::new(disk, &config, creator.unit(), durable),
            holds: Arc::default(),
            failed: None,
            segment_waits: 0,
            rest: Rest::default(),
            creator,
            config,
        };
        log.ask_for_next();
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
        let last = self.chain.appended();
        assert!(zxid > last, "transaction {zxid} comes after {last} in the log");
        if self.failed.is_some() {
            self.filling.clear();
        }
        let (start, crc) = self.filling.record(zxid, self.chain.record_crc(), encode);
        self.chain.append(zxid, crc);
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
        self.chain.appended()
    }

    /// The zxid of the last record such that it and all before it have completed.
    pub fn completed_zxid(&self) -> Zxid {
        self.under_way.completed().zxid
    }

    /// Whether [`submit`](Log::submit) would not wait. If not, the event descriptor tells when to ask again.
    pub fn can_submit(&self) -> bool {
        if self.failed.is_some() {
            return true; // `submit` returns the error.
        }
        if self.under_way.is_full() {
            return false;
        }
        let bytes = self.padded_bytes();
        if !self.current.fits(bytes) {
            return self.preallocator.demand(bytes) && self.under_way.is_empty();
        }
        !self.is_roll_due() || self.under_way.is_empty()
    }

    /// Why the group that is being filled cannot be submitted for now: space or something else is short, without which
    /// there is no next segment. It is tried again by and by; the event descriptor tells when it has been had.
    pub fn shortage(&self) -> Option<LogError> {
        let is_full = self.is_filling() && !self.current.fits(self.padded_bytes());
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
        Ok(self.under_way.completed().group)
    }

    /// Waits until a group completes, or until the segment is ready that the next one waits for. Returns what
    /// [`completed`](Log::completed) does.
    pub fn wait(&mut self) -> Result<GroupNumber, LogError> {
        self.reap()?;
        let bytes = self.padded_bytes();
        if self.under_way.is_empty() && !self.current.fits(bytes) {
            self.preallocator.wait(bytes);
        } else if let Err(error) = self.under_way.wait() {
            return Err(self.fail_to_write(error));
        }
        self.completed()
    }

    /// Begins a new segment as soon as one is ready, so that [`remove_before`](Log::remove_before) can remove the
    /// current one some day. Groups go to the current one until then.
    pub fn roll(&mut self) {
        if self.current.roll() {
            self.preallocator.hurry();
        }
    }

    /// Has the segments removed in which every record is at or below `zxid`, in the background. The current one stays, what a
    /// [`Hold`] keeps, and the segment with the last durable group: it shows that nothing is missing. Returns how many go.
    pub fn remove_before(&mut self, zxid: Zxid) -> Result<usize, LogError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let newest_stays = !self.current.has_durable_group(self.under_way.durable().group);
        let removed = self.older.take_up_to(&self.config.files, self.holds.limit(zxid), newest_stays);
        let count = removed.len();
        self.preallocator.remove(removed);
        Ok(count)
    }

    /// What can be read by now. The first time the beginnings are read of segments that the start did not read.
    pub fn range(&self) -> LogRange {
        let oldest = self.older.without_gap(&self.config.files, self.current.before()).last();
        let base = oldest.map_or(self.current.before(), |oldest| oldest.before);
        LogRange { base, last: self.under_way.completed().zxid }
    }

    /// Where a segment is made, with which the log goes on behind a cut, and how many bytes that has.
    pub fn needs_to_go_on(&self) -> (&Path, u64) {
        (self.creator.directory(), self.config.segment_bytes.min(self.config.first_bytes))
    }

    /// Keeps the records after a transaction from being purged, as far as they are there. Once the hold is dropped the next
    /// [`remove_before`](Log::remove_before) takes them.
    pub fn hold(&self, after: Zxid) -> Hold {
        self.holds.hold(after)
    }

    /// A reader of the records after `from` up to and including `to`, for another thread. It holds them.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] if `from` or `to` is outside of the [`range`](Log::range).
    pub fn reader(&self, from: Zxid, to: Zxid) -> Result<Reader, LogError> {
        let LogRange { base, last } = self.range();
        if from < base || to > last {
            return Err(LogError::OutOfRange { from, to, base, last });
        }
        let older = self.older.without_gap(&self.config.files, self.current.before());
        let older = older.take_while(|one| one.last > from).map(|one| (one.segment.at.clone(), one.segment.bytes));
        // What is under way is at the end of the current segment, and is not looked at.
        let current = (self.current.at(), self.current.end() - self.under_way.bytes());
        let mut segments: Vec<(SegmentPath, u64)> = std::iter::once(current).chain(older).collect();
        segments.reverse();
        Ok(Reader::new(&self.config.files, &self.config.dir, self.hold(from), to, segments.into()))
    }

    /// Leaves nothing of before under way: what was appended is submitted and waited for. Where space is short, so that it
    /// cannot be, it is given up; nobody was told of it. Returns the zxid of the last record that the log has, all of which
    /// are completed.
    pub fn fence(&mut self) -> Result<Zxid, LogError> {
        self.reap()?;
        self.drain()?;
        if self.is_filling() {
            match self.submit() {
                Err(error) if error.is_shortage() => {
                    let records = self.filling.records();
                    tracing::warn!(records, "transactions that nobody was told of are given up: {error}");
                    self.give_up();
                }
                submitted => {
                    submitted?;
                    self.drain()?;
                }
            }
        }
        Ok(self.chain.submitted())
    }

    /// As [`fence`](Log::fence), and what is completed is durable, also where groups count as completed before they are.
    pub fn fence_durably(&mut self) -> Result<Zxid, LogError> {
        let last = self.fence()?;
        self.sync_segment()?;
        Ok(last)
    }

    /// Removes every record after `zxid`, which is then the last one, durably, behind a [`fence`](Log::fence). Groups are numbered on behind the last that stays, so that a number that was told as
    /// completed may be given again. Readers get an error from then on. `cut` says what a crash leaves, and the costs.
    ///
    /// # Errors
    /// [`LogError::NotInLog`] if `zxid` is none of the records nor the [`base`](LogRange::base), and [`LogError::Damaged`] if
    /// they cannot be read up to there: the log is as the fence left it. Any other error is the end of the log.
    pub fn cut_after(&mut self, zxid: Zxid) -> Result<(), LogError> {
        self.fence()?;
        let LogRange { base, last } = self.range();
        if zxid == last {
            return Ok(());
        }
        let end = self.new_end(zxid).map_err(|error| match error {
            LogError::Damaged(_) => error,
            error => self.fail(error),
        })?;
        if end.is_none() && zxid != base {
            return Err(LogError::NotInLog { zxid, base, last });
        }
        self.cut_at(zxid, end).map_err(|error| self.fail(error))
    }

    /// Where the log ends if it is cut after a record; `None` if it does not have that one.
    fn new_end(&self, zxid: Zxid) -> Result<Option<NewEnd>, LogError> {
        let LogRange { base, last } = self.range();
        if zxid <= base || zxid > last {
            return Ok(None);
        }
        let older = self.older.without_gap(&self.config.files, self.current.before());
        let older = older.map(|one| (one.segment.at.clone(), one.before));
        let mut segments = std::iter::once((self.current.at(), self.current.before())).chain(older);
        let (segment, _) = segments.find(|(_, before)| *before < zxid).expect("the oldest one begins at the base");
        NewEnd::find(&self.config.files, &self.config.dir, &segment, zxid)
    }

    /// Cuts the log at a group, or takes all of it away.
    fn cut_at(&mut self, zxid: Zxid, end: Option<NewEnd>) -> Result<(), LogError> {
        let log_id = self.under_way.durable().log_id;
        let reached = end.as_ref().map_or(Reached { log_id, group: GroupNumber(0), zxid }, NewEnd::reached);
        let newest = end.as_ref().map(NewEnd::segment);
        self.stop_writing();
        let segments = list(&self.config.files, self.creator.directory())?;
        self.older.end_with(newest);
        if end.is_none() {
            self.older.begin_with(first_behind(&segments));
        }
        let mut file = self.milestone_file();
        file.note_cut(&self.config.dir, self.older.newest(), reached)?;
        // It was opened with what is durable, and a cut that fails is its end.
        remove_behind(&self.config.files, &segments, end.as_ref(), false)?;
        let chain = Chain::new(log_id, self.chain.incarnation() + 1, end.map(|end| end.link()), zxid);
        self.go_on(chain, file)
    }

    /// Ends what works in the background, and tells readers that the log is cut.
    fn stop_writing(&mut self) {
        self.holds.cut();
        // The segment that nobody took is behind the current one, and is removed with it.
        let _ = self.preallocator.end();
    }

    /// The milestone, once nothing in the background writes it any more.
    fn milestone_file(&self) -> MilestoneFile {
        let mut file = MilestoneFile::new(&self.config.files, &self.config.data_dir, &FoundMilestone::Nothing);
        file.begin_with(self.older.first());
        file
    }

    /// Goes on in a new segment after the last group of `chain`, once nothing is behind that.
    fn go_on(&mut self, chain: Chain, milestone: MilestoneFile) -> Result<(), LogError> {
        let durable = Reached { log_id: chain.log_id(), group: chain.group(), zxid: chain.submitted() };
        let mut segment = self.creator.create(self.older.next_sequence())?;
        prepare(&self.config, &self.creator, &mut segment)?;
        self.preallocator = start_preallocator(&self.config, &self.creator, milestone, &segment, durable, &self.bell)?;
        self.current.begin(segment, durable.zxid);
        self.under_way.go_on_after(durable);
        self.chain = chain;
        self.ask_for_next();
        Ok(())
    }

    /// Forgets what has been appended and not been submitted.
    fn give_up(&mut self) {
        self.filling.clear();
        self.chain.give_up();
    }

    /// Submits what has been appended, waits for all that is under way, and leaves a log that tells a reader that its end
    /// is its end. Removals that are under way are finished. Where the disk is full, what nobody was told of is given up,
    /// and the files stay as after a crash.
    pub fn close(mut self) -> Result<(), LogError> {
        self.fence()?;
        if !self.current.is_empty() {
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
        let (end, mut file) = (self.under_way.completed(), self.milestone_file());
        let Log { config, under_way, mut preallocator, current, older, .. } = self;
        drop(under_way);
        let unused = preallocator.end();
        let noted = if current.is_empty() {
            file.note_end(&config.dir, older.newest(), end)
        } else {
            let extent = Extent { sequence: current.sequence(), bytes: current.end() };
            file.write(Milestone::new(&config.dir, extent, end))
        };
        match noted {
            Err(error) if error.is_shortage() => return left_as_after_a_crash(&error),
            noted => noted?,
        }
        let remove = |path: PathBuf| match config.files.remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(LogError::io("remove", &path, error)),
            _ => Ok(()),
        };
        unused.map_or(Ok(()), remove)?;
        if current.is_empty() {
            remove(current.path().to_owned())
        } else {
            truncate(&config.files, current.path(), current.end())
        }
    }

    /// Whether the file that is written to is still where its name says: otherwise nobody will find what goes there.
    pub fn see_at_its_path(&mut self) -> Result<(), LogError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.current.is_at_its_path(&self.config.files) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.fail(LogError::Vanished { path: self.current.path().to_owned() })),
            // The file itself can be written to, whatever keeps its name from being looked at.
            Err(error) => {
                tracing::warn!(%error, "it cannot be seen whether {} is still there", self.current.path().display());
                Ok(())
            }
        }
    }

    /// Puts a group without records into a current segment that is empty, so that the log's end stands in a file that is
    /// there, whatever has become of the one before.
    pub fn move_end(&mut self) -> Result<(), LogError> {
        self.reap()?;
        if self.current.is_empty() && !self.is_filling() && self.under_way.is_empty() {
            self.write_group()?;
        }
        Ok(())
    }

    /// An older segment that is gone, if one of the last few is; it is told once.
    pub fn take_lost_segment(&mut self) -> Option<LostSegment> {
        self.older.take_lost(&self.config.files)
    }

    /// Has the milestone written again, in the background.
    pub fn renew_milestone(&mut self) {
        self.preallocator.note(self.under_way.durable());
    }

    /// To be asked now and then: where the log has rested since the last time, the milestone says how far it has come, so that
    /// its end can be missed. Without that, a group is vouched for by those behind it alone.
    pub fn note_rest(&mut self) {
        let completed = self.under_way.completed().group;
        let rests = self.under_way.is_empty() && !self.is_filling() && self.rest.seen == completed;
        self.rest.seen = completed;
        if rests && self.rest.noted < completed {
            self.rest.noted = completed;
            self.renew_milestone();
        }
    }

    /// Takes a step of the work beside the writes (making the next segment, removing old ones, the milestone), on simulated
    /// files: on those of this machine a thread does that.
    pub fn work(&mut self, now: Instant) -> Progress {
        self.preallocator.work(now)
    }

    /// Readable when there are completions, and when a segment is ready. Watch them edge-triggered, as mio does; nobody
    /// reads them empty.
    pub fn event_fds(&self) -> Vec<RawFd> {
        [self.under_way.disk().event_fd(), self.bell.fd()].iter().flatten().map(AsRawFd::as_raw_fd).collect()
    }

    /// For the start's report: how groups get to the disk.
    pub fn method(&self) -> String {
        let io = if self.creator.is_direct() { "direct" } else { "buffered" };
        let sync = if self.config.sync { "durable" } else { "NOT durable (forceSync=no)" };
        format!("{}, {io}, {sync}, groups padded to {} bytes", self.under_way.disk().name(), self.creator.unit())
    }

    /// The oldest group that has completed and was not asked for; where nobody asks, only the last few are kept.
    pub fn take_completion(&mut self) -> Option<Completion> {
        self.under_way.take_completion()
    }

    /// The last transaction of the group that was submitted last, and when that was, unless its completion has been seen.
    pub fn newest_under_way(&self) -> Option<(Zxid, Instant)> {
        self.under_way.newest()
    }

    /// By which the log measures.
    pub fn clock(&self) -> &Clock {
        &self.config.clock
    }

    pub fn stats(&self) -> LogStats {
        let (segments, segment) = (self.older.len() + 1, self.current.sequence());
        LogStats { segments, segment, segment_waits: self.segment_waits, ..self.under_way.stats() }
    }

    fn ask_for_next(&mut self) {
        self.preallocator.ask_for(self.current.sequence() + 1, self.current.next_size(), self.under_way.durable());
    }

    /// Whether the next group begins a new segment although it would fit.
    fn is_roll_due(&self) -> bool {
        self.current.is_rolling() && self.preallocator.hurry()
    }

    /// Bytes of the group that is being filled, as it will be written.
    fn padded_bytes(&self) -> u64 {
        self.current.padded(self.filling.length())
    }

    /// Writes the group that is being filled; without records it is a seal.
    fn write_group(&mut self) -> Result<GroupNumber, LogError> {
        let is_seal = !self.is_filling();
        if !is_seal {
            self.make_room()?; // A seal never moves: it may stand beyond the zeroed part.
        }
        let header = self.chain.header(&self.filling, &self.current, self.under_way.durable().group);
        let fresh = GroupBuffer::new(self.under_way.take_memory());
        let (buffer, length, crc) = std::mem::replace(&mut self.filling, fresh).seal(&header);
        let offset = self.current.add(&header, length as u64);
        self.chain.submit(&header, crc);
        let number = GroupNumber(header.number);
        let write = Write { file: Arc::clone(self.current.file()), offset, buffer, length, durable: self.config.sync };
        if let Err(error) = self.under_way.submit(number, header.records, self.chain.submitted(), write) {
            return Err(self.fail_to_write(error));
        }
        self.preallocator.pace(self.current.zeroing_goal(), self.current.next_size());
        Ok(number)
    }

    /// Moves to the next segment if the group does not fit or a roll is due.
    fn make_room(&mut self) -> Result<(), LogError> {
        let bytes = self.padded_bytes();
        let is_full = !self.current.fits(bytes);
        if !is_full && !self.is_roll_due() {
            return Ok(());
        }
        if is_full && !self.preallocator.demand(bytes) {
            self.segment_waits += 1;
        }
        self.drain()?;
        self.sync_segment()?;
        let next = match self.preallocator.take(bytes) {
            Ok(next) => next,
            // Nothing was written, and it may be had later.
            Err(error) if error.is_shortage() => return Err(error),
            Err(error) => return Err(self.fail(error)),
        };
        self.older.push(self.current.leave(next, self.chain.submitted()));
        self.ask_for_next();
        Ok(())
    }

    /// Without `sync`, what is behind us becomes durable here, so that a later segment or a seal stays evidence.
    fn sync_segment(&mut self) -> Result<(), LogError> {
        if !self.config.sync {
            self.current.sync().map_err(|error| self.fail(error))?;
            self.under_way.file_is_synced();
        }
        Ok(())
    }

    /// Waits until nothing is under way.
    fn drain(&mut self) -> Result<(), LogError> {
        while !self.under_way.is_empty() {
            self.wait()?;
        }
        Ok(())
    }

    /// Takes in completions.
    fn reap(&mut self) -> Result<(), LogError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if !self.under_way.reap().map_err(|error| self.fail_to_write(error))? {
            return Ok(());
        }
        self.current.has_name().map_err(|error| self.fail(error))?;
        let had_durable_group = self.current.has_durable_group(self.under_way.durable().group);
        self.under_way.tell();
        if !had_durable_group && self.current.has_durable_group(self.under_way.durable().group) {
            self.preallocator.note(self.under_way.durable());
        }
        Ok(())
    }

    fn fail_to_write(&mut self, error: io::Error) -> LogError {
        self.fail(LogError::io("write to", self.current.path(), error))
    }

    /// The end of this log.
    fn fail(&mut self, error: LogError) -> LogError {
        self.failed.get_or_insert(error).clone()
    }
}

/// Makes the first segment of an opening ready to be written to.
fn prepare(config: &LogConfig, creator: &Creator, segment: &mut Segment) -> Result<(), LogError> {
    let size = config.segment_bytes.next_multiple_of(creator.unit() as u64).min(config.first_bytes);
    let zeros = creator.zeros();
    while segment.size < size {
        segment.zero(&zeros, size)?;
    }
    segment.sync(&config.files)
}

/// Notes that the log goes on in this segment, and starts what works in the background.
fn start_preallocator(
    config: &LogConfig,
    creator: &Creator,
    milestone: MilestoneFile,
    segment: &Segment,
    durable: Reached,
    bell: &Bell,
) -> Result<Preallocator, LogError> {
    let failed = |error| LogError::io("start a thread for", &config.dir, error);
    let mut milestone = LiveMilestone::new(&config.dir, milestone);
    milestone.try_note_segment(segment, durable)?;
    Preallocator::start(creator.clone(), milestone, durable, config.first_bytes, bell.clone()).map_err(failed)
}

fn left_as_after_a_crash(error: &LogError) -> Result<(), LogError> {
    tracing::warn!("the log is left as after a crash, which the next start mends: {error}");
    Ok(())
}

#[cfg(test)]
mod tests;

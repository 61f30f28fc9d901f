//! What the opening of a log does to the files: replays them, cuts a torn tail, and leaves nothing behind the end that
//! a later reader could take for a continuation.

use std::collections::VecDeque;
use std::path::PathBuf;

use paddock_consensus::{History, Zxid};

use super::chain::{Link, new_log_id};
use super::evidence::Evidence;
use super::format::{self, Header, Record};
use super::milestone::{FIRST_SEGMENT_MAX, FoundMilestone, MilestoneFile};
use super::older_segments::{OlderSegment, OlderSegments};
use super::remains::copy_torn;
use super::returned::{remove_returned, take_returned};
use super::scan::{End, GoodGroup, Scan, Torn};
use super::segment::{list, remove_unseen_behind, truncate, write_anew};
use super::segment_path::{SegmentPath, directory};
use super::shortened::{remove_leftovers, replace};
use super::{LogConfig, LogError};
use crate::io::Files;

/// What the opening found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// Segments that hold groups, and those among them that were read.
    pub segments: usize,
    pub segments_read: usize,
    /// Records that were replayed, which are those newer than the snapshot.
    pub records: u64,
    /// The zxid of the last record of the log; the snapshot's if the log has nothing newer.
    pub last: Zxid,
    /// The newest record that is known to have been durable before the last end. Later ones, the last few groups
    /// before a crash, may or may not have been acknowledged.
    pub certain: Zxid,
    /// Of the records that were read, those without a gap behind them, up to `last`. Its base is at or before the snapshot's
    /// zxid, and above the log's own [`base`](super::LogRange::base) where older segments were not read.
    pub history: History,
    /// What was cut, and where a copy of it is, if one could be made.
    pub torn: Option<Torn>,
    pub torn_copy: Option<PathBuf>,
}

/// Where writing goes on.
pub(super) struct Resume {
    /// Identity of the log.
    pub log_id: u64,
    /// The last good group, if there is one.
    pub last: Option<Link>,
    pub older: OlderSegments,
    /// The incarnation that begins: above that of every group ever seen, those of a torn tail included.
    pub incarnation: u64,
    pub milestone: MilestoneFile,
}

/// Replays the log of a `dataLogDir`, sees that nothing of it is missing, and cuts it at the end of its last good group.
pub(super) fn recover(
    config: &LogConfig,
    after: Zxid,
    ahead: &mut Ahead<'_>,
    visit: &mut Visit<'_>,
) -> Result<(Recovery, Resume), LogError> {
    let directory = directory(&config.dir);
    let files = &config.files;
    remove_leftovers(files, &directory)?;
    let found = FoundMilestone::read(files, &config.data_dir)?;
    let mut segments = list(files, &directory)?;
    let returned = take_returned(files, &found, &mut segments);
    let scan = Scan::new(files, &config.dir, &segments, Some(after));
    let start = scan.start()?;
    let mut replay = Replay {
        after,
        records: 0,
        certain: Certain::default(),
        history: History::new(after),
        read: Vec::new(),
        ahead,
        visit,
    };
    let scanned = scan.run(start, &mut |group| replay.group(group));
    let end = scanned.map_err(|error| error.of_data_dir(&config.data_dir))?;

    let evidence = Evidence { place: config.place(after), segments: &segments, milestone: &found };
    let reached = evidence.reached(&end, evidence.log_id(&end).map_or_else(|| new_log_id(files), Ok)?);
    evidence.refuse_missing(&end, &reached, config.sync)?;
    let mut milestone = MilestoneFile::new(files, &config.data_dir, &found);
    remove_returned(files, &mut milestone, &returned)?;
    let mut older = replay.older_segments(files, &segments[..start], &end)?;
    milestone.begin_with(first_of(&older, &segments, &end));
    older.begin_with(milestone.first_segment());
    // Before the segment is written anew without it.
    let torn_copy = end.torn.as_ref().and_then(|torn| {
        let copied = copy_torn(files, &directory, torn);
        copied.inspect_err(|error| tracing::warn!("no copy is kept of what a crash has torn: {error}")).ok()
    });
    // Before anybody is told of it, the milestone first.
    if end.offset > 0 {
        let path = &segments[end.segment].path;
        match replay.certain.in_doubt_from() {
            _ if milestone.is_cut() => {
                milestone.make_durable()?;
                replace(files, path, end.offset, &[])?;
            }
            Some(from) => write_anew(files, path, from, end.offset)?,
            None => {}
        }
    }
    match end.torn {
        Some(_) => milestone.note_cut(&config.dir, older.newest(), reached)?,
        None => milestone.note_end(&config.dir, older.newest(), reached)?,
    }
    cut(files, &segments, &end, &mut milestone)?;

    let recovery = Recovery {
        segments: older.len(),
        segments_read: replay.read.len(),
        records: replay.records,
        last: reached.zxid,
        certain: replay.certain.zxid.max(after).min(reached.zxid),
        history: replay.history_up_to(reached.zxid),
        torn: end.torn,
        torn_copy,
    };
    let incarnation = end.incarnation + 1;
    Ok((recovery, Resume { log_id: reached.log_id, last: end.last, older, incarnation, milestone }))
}

/// With which segment a log begins of which no group is left, if that is not the first that a log has: empty segments go, and
/// their sequence is used again, even where a start does not see them any more. 0 for other logs.
fn first_of(older: &OlderSegments, segments: &[SegmentPath], end: &End) -> u64 {
    let first = segments.get(end.segment).filter(|_| older.newest().is_none());
    let sequence = first.map(|segment| segment.sequence.min(FIRST_SEGMENT_MAX));
    sequence.filter(|sequence| *sequence > 1).unwrap_or(0)
}

/// Takes a record's zxid and payload. An error says why the record cannot be replayed, and ends the opening.
pub type Visit<'v> = dyn FnMut(Zxid, &[u8]) -> Result<(), String> + 'v;

/// Takes the payloads of the records that come next, at most [`AHEAD_MAX`], so that what they need can be looked up together.
pub type Ahead<'v> = dyn FnMut(&[&[u8]]) + 'v;

/// Records that are shown ahead.
pub const AHEAD_MAX: usize = 16;

struct Replay<'v, 'a> {
    /// Older records are not shown.
    after: Zxid,
    /// Records that were shown.
    records: u64,
    certain: Certain,
    history: History,
    /// The segments that have been read so far.
    read: Vec<ReadSegment>,
    ahead: &'a mut Ahead<'v>,
    visit: &'a mut Visit<'v>,
}

struct ReadSegment {
    segment: SegmentPath,
    /// The zxid before the first group.
    before: Zxid,
    /// The zxid of the last record, or before the last group if that has none.
    last: Zxid,
}

/// The newest record that a durable mark, or the beginning of a later segment, vouches for.
#[derive(Default)]
struct Certain {
    zxid: Zxid,
    /// The groups that nothing vouches for yet; a segment bounds them.
    in_doubt: VecDeque<InDoubt>,
}

struct InDoubt {
    number: u64,
    /// In its segment.
    offset: u64,
    /// The zxid of the last record up to its end.
    last: Zxid,
}

impl Replay<'_, '_> {
    /// The segments that hold groups: those that were `skipped`, of which only the files were looked at, and those that were
    /// read.
    fn older_segments(&self, files: &Files, skipped: &[SegmentPath], end: &End) -> Result<OlderSegments, LogError> {
        let bound = self.read.first().map_or(self.after, |first| first.before);
        let bytes = |at: &SegmentPath| {
            let found = files.metadata(&at.path).map_err(|error| LogError::io("look at", &at.path, error))?;
            Ok::<u64, LogError>(found.bytes)
        };
        let mut older = Vec::new();
        for (index, at) in skipped.iter().enumerate() {
            let is_newest = index + 1 == skipped.len();
            older.push(OlderSegment::unread(at.clone(), bytes(at)?, is_newest.then_some(bound)));
        }
        for ReadSegment { segment: at, before, last } in &self.read {
            older.push(OlderSegment::new(at.clone(), bytes(at)?, *before, *last));
        }
        if let Some(newest) = older.last_mut().filter(|_| end.offset > 0) {
            // The padding of the last group may be missing.
            newest.bytes = newest.bytes.min(end.offset);
        }
        Ok(older.into_iter().collect())
    }

    /// A snapshot may be newer than the log.
    fn history_up_to(&mut self, last: Zxid) -> History {
        if self.history.last() == last { self.history.clone() } else { History::new(last) }
    }

    /// Takes in the zxid of the next record, or makes it the base where transactions are missing before it.
    fn note(&mut self, zxid: Zxid) {
        if self.history.may_follow(zxid) {
            self.history.push(zxid);
        } else {
            self.history = History::new(zxid);
        }
    }

    fn group(&mut self, group: &GoodGroup<'_>) -> Result<(), LogError> {
        let mut last = group.header.before;
        if self.history.last() != last {
            // It is the first, or a snapshot has what is between.
            self.history = History::new(last);
        }
        let (mut rest, mut records) = (group.body, Vec::with_capacity(AHEAD_MAX));
        loop {
            records.extend(std::iter::from_fn(|| format::read_record(&mut rest)).take(AHEAD_MAX));
            let Some(newest) = records.last() else { break };
            last = newest.zxid;
            records.iter().for_each(|record| self.note(record.zxid));
            records.retain(|record| record.zxid > self.after);
            let payloads: Vec<&[u8]> = records.iter().map(|record| record.payload).collect();
            (self.ahead)(&payloads);
            for record in records.drain(..) {
                self.record(group, &record)?;
            }
        }
        let begins_segment = group.offset == 0;
        if begins_segment {
            self.read.push(ReadSegment { segment: group.segment.clone(), before: group.header.before, last });
        }
        self.read.last_mut().expect("the first group of a segment is at offset 0").last = last;
        self.certain.add(&group.header, group.offset, last);
        Ok(())
    }

    fn record(&mut self, group: &GoodGroup<'_>, record: &Record<'_>) -> Result<(), LogError> {
        (self.visit)(record.zxid, record.payload).map_err(|reason| LogError::Rejected {
            file: group.segment.path.clone(),
            offset: group.offset,
            zxid: record.zxid,
            reason,
        })?;
        self.records += 1;
        Ok(())
    }
}

impl Certain {
    /// Takes in a group, with what it vouches for; `last` is the last zxid up to its end.
    fn add(&mut self, header: &Header, offset: u64, last: Zxid) {
        let vouched = if offset == 0 { header.number - 1 } else { header.durable };
        while let Some(InDoubt { last, .. }) = self.in_doubt.pop_front_if(|group| group.number <= vouched) {
            self.zxid = last;
        }
        self.in_doubt.push_back(InDoubt { number: header.number, offset, last });
    }

    /// Where those that nothing vouches for begin in the last segment; `None` if there are no groups.
    fn in_doubt_from(&self) -> Option<u64> {
        self.in_doubt.front().map(|group| group.offset)
    }
}

/// Removes everything behind the end, the last file first, so that a crash in between leaves no hole; then makes what is
/// left durable, since it was read but perhaps never synced. The milestone that asks for none of it is made durable before.
fn cut(files: &Files, segments: &[SegmentPath], end: &End, milestone: &mut MilestoneFile) -> Result<(), LogError> {
    let (staying, behind) = segments.split_at(end.segment + usize::from(end.offset > 0));
    let newest = staying.last().filter(|_| end.offset > 0).map(|segment| &segment.path);
    let bytes = newest.map(|path| files.metadata(path).map_err(|error| LogError::io("look at", path, error)));
    let is_longer = bytes.transpose()?.is_some_and(|found| found.bytes > end.offset);
    if is_longer || !behind.is_empty() {
        milestone.make_durable()?;
    }
    if let Some(last) = behind.last() {
        // A start before this one may not have been able to sync the removal of the next.
        remove_unseen_behind(files, last)?;
    }
    for segment in behind.iter().rev() {
        files.remove(&segment.path).map_err(|error| LogError::io("remove", &segment.path, error))?;
    }
    newest.map_or(Ok(()), |path| truncate(files, path, end.offset))
}

//! What the opening of a log does to the files: replays them, cuts a torn tail, and leaves nothing behind the end that
//! a later reader could take for a continuation.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::LogError;
use super::cut::remove_leftovers;
use super::format::{self, Record};
use super::scan::{Chain, End, Found, Scan, Torn};
use super::segment::{SegmentPath, directory, list};
use crate::io::remove_file;

/// What the opening found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovery {
    /// Files that hold groups, and those among them that were read.
    pub segments: usize,
    pub segments_read: usize,
    /// Replayed, that is newer than the snapshot.
    pub records: u64,
    /// Of the last record of the log; the snapshot's if the log has nothing newer.
    pub last: Zxid,
    /// The newest record that is known to have been durable before the last end. Later ones, the last few groups
    /// before a crash, may or may not have been acknowledged.
    pub certain: Zxid,
    /// What was cut.
    pub torn: Option<Torn>,
}

/// A segment that is only read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    pub path: PathBuf,
    /// No record is newer.
    pub last: Zxid,
}

/// Where writing goes on.
pub(super) struct Resume {
    pub chain: Option<Chain>,
    pub kept: Vec<Kept>,
    pub next_sequence: u64,
    /// Above that of every group ever seen, those of a torn tail included.
    pub incarnation: u64,
}

/// Replays the log of a `dataLogDir` and cuts it at the end of its last good group.
pub(super) fn recover(
    data_log_dir: &Path,
    after: Zxid,
    ahead: &mut Ahead<'_>,
    visit: &mut Visit<'_>,
) -> Result<(Recovery, Resume), LogError> {
    let directory = directory(data_log_dir);
    remove_leftovers(&directory)?;
    let segments = list(&directory)?;
    let scan = Scan::new(data_log_dir, &segments, Some(after));
    let start = scan.start()?;
    let mut replay = Replay { after, records: 0, certain: Certain::default(), kept: Vec::new(), ahead, visit };
    let end = scan.run(start, &mut |found| replay.group(found))?;
    cut(&segments, &end)?;

    let last = end.chain.map_or(after, |chain| chain.zxid.max(after));
    let mut kept: Vec<Kept> = Vec::with_capacity(segments.len());
    let bound = replay.kept.first().map_or(after, |first| first.before);
    kept.extend(segments[..start].iter().map(|skipped| Kept { path: skipped.path.clone(), last: bound }));
    kept.extend(replay.kept.iter().map(|seen| Kept { path: seen.path.clone(), last: seen.last }));
    let recovery = Recovery {
        segments: kept.len(),
        segments_read: replay.kept.len(),
        records: replay.records,
        last,
        certain: replay.certain.zxid.max(after).min(last),
        torn: end.torn,
    };
    // Empty segments are gone by now, so their sequence is used again.
    let next_sequence = segments.get(end.segment).map_or(1, |last| last.sequence + u64::from(end.offset > 0));
    Ok((recovery, Resume { chain: end.chain, kept, next_sequence, incarnation: end.incarnation + 1 }))
}

/// Takes a record's zxid and payload. An error says why the record cannot be replayed, and ends the opening.
pub type Visit<'v> = dyn FnMut(Zxid, &[u8]) -> Result<(), String> + 'v;

/// Takes the payloads of the records that come next, at most [`AHEAD_MAX`], so that what they need can be looked up together.
pub type Ahead<'v> = dyn FnMut(&[&[u8]]) + 'v;

/// Records that are shown ahead.
pub const AHEAD_MAX: usize = 16;

struct Replay<'v, 'a> {
    after: Zxid,
    records: u64,
    certain: Certain,
    kept: Vec<Seen>,
    ahead: &'a mut Ahead<'v>,
    visit: &'a mut Visit<'v>,
}

struct Seen {
    path: PathBuf,
    before: Zxid,
    last: Zxid,
}

/// The newest record that a durable mark, or the beginning of a later segment, vouches for.
#[derive(Default)]
struct Certain {
    zxid: Zxid,
    /// Number and last zxid of the groups that nothing vouches for yet; a segment bounds them.
    open: std::collections::VecDeque<(u64, Zxid)>,
}

impl Replay<'_, '_> {
    fn group(&mut self, found: &Found<'_>) -> Result<(), LogError> {
        let mut last = found.header.before;
        let (mut rest, mut records) = (found.body, Vec::with_capacity(AHEAD_MAX));
        loop {
            records.extend(std::iter::from_fn(|| format::read_record(&mut rest)).take(AHEAD_MAX));
            let Some(newest) = records.last() else { break };
            last = newest.zxid;
            records.retain(|record| record.zxid > self.after);
            let payloads: Vec<&[u8]> = records.iter().map(|record| record.payload).collect();
            (self.ahead)(&payloads);
            for record in records.drain(..) {
                self.record(found, &record)?;
            }
        }
        if found.offset == 0 {
            let (path, before) = (found.segment.path.clone(), found.header.before);
            self.kept.push(Seen { path, before, last });
        }
        self.kept.last_mut().expect("the first group of a segment is at offset 0").last = last;
        self.certain.note(found.header.number, found.header.durable, found.offset == 0, last);
        Ok(())
    }

    fn record(&mut self, found: &Found<'_>, record: &Record<'_>) -> Result<(), LogError> {
        (self.visit)(record.zxid, record.payload).map_err(|reason| LogError::Rejected {
            file: found.segment.path.clone(),
            offset: found.offset,
            zxid: record.zxid,
            reason,
        })?;
        self.records += 1;
        Ok(())
    }
}

impl Certain {
    fn note(&mut self, number: u64, durable: u64, begins_segment: bool, last: Zxid) {
        let vouched = if begins_segment { number - 1 } else { durable };
        while let Some((_, zxid)) = self.open.pop_front_if(|(number, _)| *number <= vouched) {
            self.zxid = zxid;
        }
        self.open.push_back((number, last));
    }
}

/// Removes everything behind the end, the last file first, so that a crash in between leaves no hole; then makes what is
/// left durable, since it was read but perhaps never synced.
fn cut(segments: &[SegmentPath], end: &End) -> Result<(), LogError> {
    let keep = end.segment + usize::from(end.offset > 0);
    for segment in segments.iter().skip(keep).rev() {
        remove_file(&segment.path).map_err(|error| LogError::io("remove", &segment.path, error))?;
    }
    if end.offset > 0 {
        truncate(&segments[end.segment].path, end.offset)?;
    }
    Ok(())
}

/// Cuts a segment to its first `length` bytes, durably.
pub(super) fn truncate(path: &Path, length: u64) -> Result<(), LogError> {
    let file = OpenOptions::new().write(true).open(path);
    let cut = file.and_then(|file| {
        if file.metadata()?.len() > length {
            file.set_len(length)?;
        }
        file.sync_all()
    });
    cut.map_err(|error| LogError::io("cut", path, error))
}

//! What the opening of a log does to the files: replays them, cuts a torn tail, and leaves nothing behind the end that
//! a later reader could take for a continuation.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::cut::remove_leftovers;
use super::format::{self, Record};
use super::milestone::{self, Milestone, MilestoneFile, Reached};
use super::remains;
use super::scan::{Chain, End, Found, Scan, Torn};
use super::segment::{SegmentPath, directory, list};
use super::{LogConfig, LogError, Missing, Place};
use crate::io::{remove_file, sync_dir};

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
    /// What was cut, and where a copy of it is, if one could be made.
    pub torn: Option<Torn>,
    pub torn_kept: Option<PathBuf>,
}

/// A segment that is only read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    pub sequence: u64,
    pub path: PathBuf,
    /// Of its file, which does not change any more.
    pub bytes: u64,
    /// No record is newer.
    pub last: Zxid,
}

/// Where writing goes on.
pub(super) struct Resume {
    pub log_id: u64,
    pub chain: Option<Chain>,
    pub kept: VecDeque<Kept>,
    pub next_sequence: u64,
    /// Above that of every group ever seen, those of a torn tail included.
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
    remove_leftovers(&directory)?;
    let segments = list(&directory)?;
    let noted = milestone::Found::read(&config.data_dir)?;
    let scan = Scan::new(&config.dir, &segments, Some(after));
    let start = scan.start()?;
    let mut replay = Replay { after, records: 0, certain: Certain::default(), kept: Vec::new(), ahead, visit };
    let scanned = scan.run(start, &mut |found| replay.group(found));
    let end = scanned.map_err(|error| error.of_data_dir(&config.data_dir))?;

    let reached = reached(&end, &noted, after);
    let evidence = Evidence { place: config.place(after), segments: &segments, noted: &noted };
    evidence.refuse_missing(&end, &reached, config.sync)?;
    let kept = replay.kept(&segments[..start], &end)?;
    let mut milestone = MilestoneFile::new(&config.data_dir, &noted);
    note_end(&config.dir, kept.back(), reached, &mut milestone)?;
    let torn_kept = end.torn.as_ref().and_then(|torn| {
        let kept = remains::keep(&directory, torn);
        kept.inspect_err(|error| tracing::warn!("no copy is kept of what a crash has torn: {error}")).ok()
    });
    cut(&segments, &end)?;

    let recovery = Recovery {
        segments: kept.len(),
        segments_read: replay.kept.len(),
        records: replay.records,
        last: reached.zxid,
        certain: replay.certain.zxid.max(after).min(reached.zxid),
        torn: end.torn,
        torn_kept,
    };
    // Empty segments are gone by now, so their sequence is used again.
    let next_sequence = segments.get(end.segment).map_or(1, |last| last.sequence + u64::from(end.offset > 0));
    let incarnation = end.incarnation + 1;
    Ok((recovery, Resume { log_id: reached.log_id, chain: end.chain, kept, next_sequence, incarnation, milestone }))
}

/// How far the good groups go, and the snapshot.
pub(super) fn reached(end: &End, noted: &milestone::Found, snapshot: Zxid) -> Reached {
    let was = noted.milestone().map(|noted| noted.log_id);
    Reached {
        log_id: end.chain.map(|chain| chain.log_id).or(was).unwrap_or_else(random),
        group: end.chain.map_or(0, |chain| chain.number),
        zxid: end.chain.map_or(snapshot, |chain| chain.zxid.max(snapshot)),
    }
}

/// Notes that the good groups end with this segment, unless that is what is noted.
pub(super) fn note_end(
    dir: &Path,
    newest: Option<&Kept>,
    end: Reached,
    file: &mut MilestoneFile,
) -> Result<(), LogError> {
    let milestone = Milestone::new(dir, newest.map_or((0, 0), |newest| (newest.sequence, newest.bytes)), end);
    if file.says(&milestone) {
        return Ok(());
    }
    if let Some(Kept { path, .. }) = newest {
        // What was read of it may never have been synced.
        let sync = File::open(path).and_then(|file| file.sync_all()).and_then(|()| sync_dir(&directory(dir)));
        sync.map_err(|error| LogError::io("sync the log segment", path, error))?;
    }
    file.write(milestone)
}

/// What tells whether a log is whole.
pub(super) struct Evidence<'a> {
    pub place: Place<'a>,
    pub segments: &'a [SegmentPath],
    pub noted: &'a milestone::Found,
}

impl Evidence<'_> {
    /// Refuses a log that ends earlier than it is known to have ended. One that was not synced may end before a snapshot.
    fn refuse_missing(&self, end: &End, reached: &Reached, is_synced: bool) -> Result<(), LogError> {
        if let Some(evidence) = self.missing_of_milestone(reached, end).or_else(|| self.missing_of_all(reached)) {
            return Err(LogError::Missing(Box::new(self.missing(evidence, reached))));
        }
        match self.missing_of_snapshot(end) {
            Some(evidence) if is_synced => return Err(LogError::Missing(Box::new(self.missing(evidence, reached)))),
            Some(evidence) => tracing::warn!("{evidence}, as after a power cut with forceSync=no"),
            None => {}
        }
        self.warn_of_no_milestone(reached);
        Ok(())
    }

    pub fn missing(&self, evidence: String, reached: &Reached) -> Missing {
        Missing {
            data_dir: self.place.data_dir.to_owned(),
            dir: self.place.dir.to_owned(),
            was_in: self.noted.milestone().map(|noted| noted.dir.clone()),
            evidence,
            after: reached.zxid,
        }
    }

    /// A milestone that is damaged was one once: a crash does not do that to it. Where nothing else is left, all is.
    fn missing_of_all(&self, reached: &Reached) -> Option<String> {
        let is_all = *self.noted == milestone::Found::Damaged && reached.group == 0 && reached.zxid == Zxid::ZERO;
        let path = milestone::milestone_path(self.place.data_dir);
        is_all
            .then(|| format!("there is no transaction, although {}, which is damaged, tells of a log", path.display()))
    }

    pub fn missing_of_milestone(&self, reached: &Reached, end: &End) -> Option<String> {
        let noted = self.noted.milestone()?;
        let missing = noted.missing(&directory(self.place.dir), self.segments, reached, self.last_segment(end))?;
        let (group, zxid, path) = (noted.group, noted.zxid, milestone::milestone_path(self.place.data_dir));
        Some(format!("{missing}, but it had reached group {group} and transaction {zxid}, as {} says", path.display()))
    }

    /// The sequence of the segment with the last good group, 0 for none.
    fn last_segment(&self, end: &End) -> u64 {
        let holding = self.segments.get(..end.segment + usize::from(end.offset > 0)).unwrap_or(self.segments);
        end.chain.and(holding.last()).map_or(0, |segment| segment.sequence)
    }

    /// A snapshot is put in place only when the log has everything up to it, and the log's last group is never purged. A
    /// milestone at or above the snapshot was compared already; it may be one that a person's order has left.
    pub fn missing_of_snapshot(&self, end: &End) -> Option<String> {
        let (snapshot, log_ends) = (self.place.snapshot, end.chain.map_or(Zxid::ZERO, |chain| chain.zxid));
        let is_judged = self.noted.milestone().is_some_and(|noted| noted.zxid >= snapshot);
        if log_ends >= snapshot || is_judged {
            return None;
        }
        let what = end.chain.map_or("has no transaction".to_owned(), |_| format!("ends with {log_ends}"));
        Some(format!("a snapshot is of transaction {snapshot}, but the log {what}"))
    }

    fn warn_of_no_milestone(&self, reached: &Reached) {
        let path = milestone::milestone_path(self.place.data_dir);
        let (path, zxid) = (path.display(), reached.zxid);
        match self.noted {
            milestone::Found::Milestone(_) => {}
            milestone::Found::Damaged => {
                tracing::warn!("{path} is damaged, so that nothing tells whether the log went beyond {zxid}");
            }
            milestone::Found::Nothing if reached.group > 0 => {
                tracing::warn!("{path} is missing, so that nothing tells whether the log went beyond {zxid}");
            }
            milestone::Found::Nothing => {}
        }
    }
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
    segment: SegmentPath,
    before: Zxid,
    last: Zxid,
}

/// The newest record that a durable mark, or the beginning of a later segment, vouches for.
#[derive(Default)]
struct Certain {
    zxid: Zxid,
    /// Number and last zxid of the groups that nothing vouches for yet; a segment bounds them.
    open: VecDeque<(u64, Zxid)>,
}

impl Replay<'_, '_> {
    /// The segments that hold groups: those that were `skipped`, and those that were read.
    fn kept(&self, skipped: &[SegmentPath], end: &End) -> Result<VecDeque<Kept>, LogError> {
        let bound = self.kept.first().map_or(self.after, |first| first.before);
        let skipped = skipped.iter().map(|skipped| (skipped, bound));
        let read = self.kept.iter().map(|seen| (&seen.segment, seen.last));
        let mut kept = VecDeque::new();
        for (SegmentPath { sequence, path }, last) in skipped.chain(read) {
            let found = std::fs::metadata(path).map_err(|error| LogError::io("look at", path, error))?;
            kept.push_back(Kept { sequence: *sequence, path: path.clone(), bytes: found.len(), last });
        }
        if let Some(newest) = kept.back_mut().filter(|_| end.offset > 0) {
            newest.bytes = end.offset;
        }
        Ok(kept)
    }

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
            self.kept.push(Seen { segment: found.segment.clone(), before: found.header.before, last });
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

/// Unpredictable, from the seed that the system gives to hash maps.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

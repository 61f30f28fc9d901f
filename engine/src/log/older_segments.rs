//! The segments before the one that is written to.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use paddock_consensus::Zxid;

use super::format::{HEADER_BYTES, Header};
use super::segment_path::SegmentPath;
use crate::io::{Access, Files};

/// So many of the newest older segments are looked after: those before them are seldom needed.
const LOOKED_AFTER: usize = 16;

/// A segment that holds groups and is not written to any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OlderSegment {
    pub at: SegmentPath,
    /// Bytes of its file, perhaps without padding at its end; they do not change any more.
    pub bytes: u64,
    /// The zxid before its first group, once somebody has asked; `None` if that group has no header that can be read.
    before: OnceCell<Option<Zxid>>,
    /// No record of the segment is newer. `None` if the segment was not read: it ends where the next one begins.
    last: Option<Zxid>,
}

impl OlderSegment {
    /// One that was read, or written; `before` is the zxid before its first group.
    pub fn new(at: SegmentPath, bytes: u64, before: Zxid, last: Zxid) -> OlderSegment {
        OlderSegment { at, bytes, before: Some(before).into(), last: Some(last) }
    }

    /// One that was not read. The newest of these is known to end at `last`.
    pub fn unread(at: SegmentPath, bytes: u64, last: Option<Zxid>) -> OlderSegment {
        OlderSegment { at, bytes, before: OnceCell::new(), last }
    }

    /// Reads no more than the first header, and that once. `None` also if it cannot be read now, which may pass.
    fn before(&self, files: &Files) -> Option<Zxid> {
        if let Some(before) = self.before.get() {
            return *before;
        }
        let before = read_before(files, &self.at).ok()?;
        *self.before.get_or_init(|| before)
    }
}

/// The zxid before the first group of a segment; `None` if that group has no header that can be read.
pub(super) fn read_before(files: &Files, at: &SegmentPath) -> io::Result<Option<Zxid>> {
    let mut bytes = [0; HEADER_BYTES];
    let count = files.open(&at.path, Access::Read)?.read_at(&mut bytes, 0)?;
    let header = Header::read(&bytes[..count]).ok().map(|(header, _)| header);
    let header = header.filter(|header| header.is_possible() && header.sequence == at.sequence);
    Ok(header.map(|header| header.before))
}

/// A segment whose file is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostSegment {
    pub path: PathBuf,
    /// No record of it is newer, if that is known.
    pub last: Option<Zxid>,
}

/// A segment without a gap behind it, with the zxids before its first record and of its last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gapless<'a> {
    pub segment: &'a OlderSegment,
    pub before: Zxid,
    pub last: Zxid,
}

/// The older segments of a log, the oldest first.
#[derive(Default, Debug)]
pub(super) struct OlderSegments {
    segments: VecDeque<OlderSegment>,
    /// No segment of the log has a lower sequence; 0 if nothing is known of that.
    first: u64,
    /// The sequence of the newest one whose file was lost; 0 if none was.
    lost: u64,
}

impl OlderSegments {
    pub fn len(&self) -> usize {
        self.segments.len()
    }

    pub fn newest(&self) -> Option<&OlderSegment> {
        self.segments.back()
    }

    /// No segment of the log has a lower sequence; 0 if nothing is known of that.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// No segment of the log has a lower sequence than this from now on.
    pub fn begin_with(&mut self, first: u64) {
        self.first = self.first.max(first);
    }

    /// The sequence of a segment that is to follow these.
    pub fn next_sequence(&self) -> u64 {
        self.newest().map_or(self.first.max(1), |newest| newest.at.sequence + 1)
    }

    pub fn push(&mut self, segment: OlderSegment) {
        self.segments.push_back(segment);
    }

    /// The log was cut so that it ends with this segment, as it is now, or has none.
    pub fn end_with(&mut self, newest: Option<OlderSegment>) {
        let end = newest.as_ref().map_or(0, |newest| newest.at.sequence);
        self.segments.retain(|segment| segment.at.sequence < end);
        self.segments.extend(newest);
    }

    /// The segments without a gap before a segment that begins after the transaction `before`, the newest first.
    /// What no start has read is read now, as far as the caller goes.
    pub fn without_gap(&self, files: &Files, before: Zxid) -> impl Iterator<Item = Gapless<'_>> {
        let (mut expected, mut behind) = (before, None);
        let not_lost = self.segments.iter().rev().take_while(|segment| segment.at.sequence > self.lost);
        not_lost.map_while(move |segment| {
            // One that was purged may have come back, in front of others that have not.
            let sequence = segment.at.sequence;
            let is_next = behind.replace(sequence).is_none_or(|behind| sequence + 1 == behind);
            let last = segment.last.unwrap_or(expected);
            let before = segment.before(files).filter(|before| is_next && last == expected && *before <= last)?;
            expected = before;
            Some(Gapless { segment, before, last })
        })
    }

    /// Takes the segments off in which every record is at or below `zxid`, but not the newest one if that is to stay.
    /// Returns their files, the oldest first.
    pub fn take_up_to(
        &mut self,
        files: &Files,
        zxid: Zxid,
        newest_stays: bool,
    ) -> impl ExactSizeIterator<Item = PathBuf> {
        let most = self.len().saturating_sub(usize::from(newest_stays));
        let count = self.count_up_to(files, zxid, most);
        self.segments.drain(..count).map(|segment| segment.at.path)
    }

    /// How many of the first `most` have no record above `zxid`. They are in the order of their records, so that of those
    /// that no start has read few are read.
    fn count_up_to(&self, files: &Files, zxid: Zxid, most: usize) -> usize {
        let (mut count, mut end) = (0, most);
        while count < end {
            let middle = count.midpoint(end);
            match self.last(files, middle) {
                Some(last) if last <= zxid => count = middle + 1,
                _ => end = middle,
            }
        }
        count
    }

    /// No record of the segment at this index is newer.
    fn last(&self, files: &Files, at: usize) -> Option<Zxid> {
        let next = || self.segments.range(at + 1..).find_map(|next| next.before(files).or(next.last));
        self.segments[at].last.or_else(next)
    }

    /// Takes one off whose file is gone, if one of the last few is.
    pub fn take_lost(&mut self, files: &Files) -> Option<LostSegment> {
        let looked_after = self.len().saturating_sub(LOOKED_AFTER)..self.len();
        let is_lost = |at: &usize| matches!(files.exists(&self.segments[*at].at.path), Ok(false));
        let at = looked_after.into_iter().find(is_lost)?;
        let last = self.last(files, at);
        let lost = self.segments.remove(at)?;
        self.lost = self.lost.max(lost.at.sequence);
        Some(LostSegment { path: lost.at.path, last })
    }
}

impl FromIterator<OlderSegment> for OlderSegments {
    fn from_iter<I: IntoIterator<Item = OlderSegment>>(segments: I) -> Self {
        OlderSegments { segments: segments.into_iter().collect(), first: 0, lost: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::io::simulated::FileSystem;

    fn segment(sequence: u64, before: i64, last: i64) -> OlderSegment {
        OlderSegment::new(SegmentPath::new(Path::new("/none"), sequence), 1, Zxid(before), Zxid(last))
    }

    fn without_gap(segments: &OlderSegments, before: i64) -> Vec<u64> {
        segments.without_gap(&Files::Real, Zxid(before)).map(|one| one.segment.at.sequence).collect()
    }

    #[test]
    fn what_comes_before_a_gap_does_not_count() {
        let whole: OlderSegments = [segment(1, 0, 5), segment(2, 5, 7)].into_iter().collect();
        assert_eq!(without_gap(&whole, 7), [2, 1]);
        assert_eq!(without_gap(&whole, 8), [] as [u64; 0], "a snapshot is newer than the log");
        let gap: OlderSegments = [segment(1, 0, 5), segment(2, 6, 7)].into_iter().collect();
        assert_eq!(without_gap(&gap, 7), [2]);
        let hole: OlderSegments = [segment(1, 0, 5), segment(3, 5, 7)].into_iter().collect();
        assert_eq!(without_gap(&hole, 7), [3]);
        let at = SegmentPath::new(Path::new("/none"), 2);
        let unreadable = OlderSegment::unread(at, 1, Some(Zxid(7)));
        let unreadable: OlderSegments = [segment(1, 0, 5), unreadable, segment(3, 7, 9)].into_iter().collect();
        assert_eq!(without_gap(&unreadable, 9), [3]);
    }

    #[test]
    fn what_was_not_read_is_read_when_it_is_asked_for() {
        let files = Files::Simulated(FileSystem::new(1));
        files.create_dir(Path::new("/log")).unwrap();
        let unread = |sequence: u64, before: i64, last: Option<i64>| {
            let at = SegmentPath::new(Path::new("/log"), sequence);
            let group = Header::alone(sequence, Zxid(before));
            files.write_atomically(&at.path, &group).unwrap();
            OlderSegment::unread(at, 1, last.map(Zxid))
        };
        let make = || -> OlderSegments {
            [unread(1, 0, None), unread(2, 5, None), unread(3, 7, Some(9)), segment(4, 9, 12)].into_iter().collect()
        };
        let gapless = |segments: &OlderSegments| -> Vec<(i64, i64)> {
            segments.without_gap(&files, Zxid(12)).map(|one| (one.before.0, one.last.0)).collect()
        };
        assert_eq!(gapless(&make()), [(9, 12), (7, 9), (5, 7), (0, 5)]);
        for (zxid, gone) in [(4, 0), (5, 1), (6, 1), (7, 2), (8, 2), (9, 3), (12, 4)] {
            assert_eq!(make().take_up_to(&files, Zxid(zxid), false).len(), gone, "{zxid}");
        }
        // A header that could not be read for a moment is read again, and few of many are read.
        let segments = make();
        let (path, elsewhere) = (SegmentPath::new(Path::new("/log"), 3).path, Path::new("/log/elsewhere"));
        files.rename(&path, elsewhere).unwrap();
        assert_eq!(gapless(&segments), [(9, 12)]);
        files.rename(elsewhere, &path).unwrap();
        assert_eq!(gapless(&segments), [(9, 12), (7, 9), (5, 7), (0, 5)]);
        let many: OlderSegments = (1..=64).map(|sequence| unread(sequence, sequence as i64, None)).collect();
        assert_eq!(many.count_up_to(&files, Zxid(33), 63), 32);
        let read = many.segments.iter().filter(|segment| segment.before.get().is_some()).count();
        assert!(read <= 7, "{read}");
        // Their files are as before again.
        make();
        // The end of the one before a lost one is not known.
        let mut segments: OlderSegments = make().segments.into_iter().take(3).collect();
        files.remove(&SegmentPath::new(Path::new("/log"), 2).path).unwrap();
        assert_eq!(segments.take_lost(&files).and_then(|lost| lost.last), Some(Zxid(7)));
        let left: Vec<_> = segments.without_gap(&files, Zxid(9)).map(|one| one.before.0).collect();
        assert_eq!(left, [7]);
    }

    #[test]
    fn the_oldest_go_up_to_a_transaction() {
        let make = || -> OlderSegments { [segment(1, 0, 5), segment(2, 5, 7)].into_iter().collect() };
        for (zxid, newest_stays, gone) in [(4, false, 0), (5, false, 1), (6, true, 1), (7, true, 1), (7, false, 2)] {
            assert_eq!(make().take_up_to(&Files::Real, Zxid(zxid), newest_stays).len(), gone, "{zxid} {newest_stays}");
        }
    }
}

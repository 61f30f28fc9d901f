//! The segments before the one that is written to.

use std::collections::VecDeque;
use std::path::PathBuf;

use paddock_consensus::Zxid;

use super::segment_path::SegmentPath;
use crate::io::Files;

/// So many of the newest older segments are looked after: those before them are seldom needed.
const LOOKED_AFTER: usize = 16;

/// A segment that holds groups and is not written to any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OlderSegment {
    pub at: SegmentPath,
    /// Bytes of its file, which do not change any more.
    pub bytes: u64,
    /// The zxid before its first group; `None` if that group was not read, or cannot be.
    pub before: Option<Zxid>,
    /// No record of the segment is newer.
    pub last: Zxid,
}

/// The older segments of a log, the oldest first.
#[derive(Default, Debug)]
pub(super) struct OlderSegments(VecDeque<OlderSegment>);

impl OlderSegments {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn newest(&self) -> Option<&OlderSegment> {
        self.0.back()
    }

    pub fn push(&mut self, segment: OlderSegment) {
        self.0.push_back(segment);
    }

    /// The log was cut so that it ends with this segment, as it is now, or has none.
    pub fn end_with(&mut self, newest: Option<OlderSegment>) {
        let end = newest.as_ref().map_or(0, |newest| newest.at.sequence);
        self.0.retain(|segment| segment.at.sequence < end);
        self.0.extend(newest);
    }

    /// The segments without a gap before a segment that begins after the transaction `before`, the newest first.
    pub fn without_gap(&self, before: Zxid) -> impl Iterator<Item = (&OlderSegment, Zxid)> {
        let mut expected = before;
        self.0.iter().rev().map_while(move |segment| {
            let before = segment.before.filter(|_| segment.last == expected)?;
            expected = before;
            Some((segment, before))
        })
    }

    /// Takes the segments off in which every record is at or below `zxid`, but not the newest one if that is to stay.
    /// Returns their files, the oldest first.
    pub fn take_up_to(&mut self, zxid: Zxid, newest_stays: bool) -> impl ExactSizeIterator<Item = PathBuf> {
        let most = self.len().saturating_sub(usize::from(newest_stays));
        let count = self.0.iter().take(most).take_while(|segment| segment.last <= zxid).count();
        self.0.drain(..count).map(|segment| segment.at.path)
    }

    /// Takes one off whose file is gone, if one of the last few is.
    pub fn take_lost(&mut self, files: &Files) -> Option<PathBuf> {
        let looked_after = self.len().saturating_sub(LOOKED_AFTER)..self.len();
        let lost = looked_after.into_iter().find(|at| matches!(files.exists(&self.0[*at].at.path), Ok(false)))?;
        self.0.remove(lost).map(|lost| lost.at.path)
    }
}

impl FromIterator<OlderSegment> for OlderSegments {
    fn from_iter<I: IntoIterator<Item = OlderSegment>>(segments: I) -> Self {
        OlderSegments(segments.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn segment(sequence: u64, before: Option<i64>, last: i64) -> OlderSegment {
        let at = SegmentPath::new(Path::new("/none"), sequence);
        OlderSegment { at, bytes: 1, before: before.map(Zxid), last: Zxid(last) }
    }

    fn without_gap(segments: &OlderSegments, before: i64) -> Vec<u64> {
        segments.without_gap(Zxid(before)).map(|(segment, _)| segment.at.sequence).collect()
    }

    #[test]
    fn what_comes_before_a_gap_does_not_count() {
        let whole: OlderSegments = [segment(1, Some(0), 5), segment(2, Some(5), 7)].into_iter().collect();
        assert_eq!(without_gap(&whole, 7), [2, 1]);
        assert_eq!(without_gap(&whole, 8), [] as [u64; 0], "a snapshot is newer than the log");
        let gap: OlderSegments = [segment(1, Some(0), 5), segment(2, Some(6), 7)].into_iter().collect();
        assert_eq!(without_gap(&gap, 7), [2]);
        let unread = [segment(1, Some(0), 5), segment(2, None, 7), segment(3, Some(7), 9)].into_iter().collect();
        assert_eq!(without_gap(&unread, 9), [3]);
    }

    #[test]
    fn the_oldest_go_up_to_a_transaction() {
        let make = || -> OlderSegments { [segment(1, Some(0), 5), segment(2, Some(5), 7)].into_iter().collect() };
        for (zxid, newest_stays, gone) in [(4, false, 0), (5, false, 1), (6, true, 1), (7, true, 1), (7, false, 2)] {
            assert_eq!(make().take_up_to(Zxid(zxid), newest_stays).len(), gone, "{zxid} {newest_stays}");
        }
    }
}

//! The segments before the one that is written to.

use std::collections::VecDeque;
use std::path::PathBuf;

use paddock_consensus::Zxid;

use crate::io::Files;

/// So many of the newest older segments are looked after: those before them are seldom needed.
const LOOKED_AFTER: usize = 16;

/// A segment that holds groups and is not written to any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OlderSegment {
    pub sequence: u64,
    pub path: PathBuf,
    /// Bytes of its file, which do not change any more.
    pub bytes: u64,
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

    /// Takes the segments off in which every record is at or below `zxid`, but not the newest one if that is to stay.
    /// Returns their files, the oldest first.
    pub fn take_up_to(&mut self, zxid: Zxid, newest_stays: bool) -> impl ExactSizeIterator<Item = PathBuf> {
        let most = self.len().saturating_sub(usize::from(newest_stays));
        let count = self.0.iter().take(most).take_while(|segment| segment.last <= zxid).count();
        self.0.drain(..count).map(|segment| segment.path)
    }

    /// Takes one off whose file is gone, if one of the last few is.
    pub fn take_lost(&mut self, files: &Files) -> Option<PathBuf> {
        let looked_after = self.len().saturating_sub(LOOKED_AFTER)..self.len();
        let lost = looked_after.into_iter().find(|at| matches!(files.exists(&self.0[*at].path), Ok(false)))?;
        self.0.remove(lost).map(|lost| lost.path)
    }
}

impl FromIterator<OlderSegment> for OlderSegments {
    fn from_iter<I: IntoIterator<Item = OlderSegment>>(segments: I) -> Self {
        OlderSegments(segments.into_iter().collect())
    }
}

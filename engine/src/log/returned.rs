//! Segments that were taken away when nothing of the log was to stay, and that a power cut has brought back.
//!
//! The milestone tells with which segment the log begins. Those before it may be whole, and their records may have the zxids of
//! others that were written since, so that nobody reads them.

use super::format::{HEADER_BYTES, claimed_identity};
use super::milestone::{FoundMilestone, MilestoneFile, milestone_path};
use super::segment_path::SegmentPath;
use super::{LogError, Place};
use crate::io::Files;

/// Takes the segments that came back off those that were found, which ascend; they ascend too. What names another log than the
/// milestone does is none of them: somebody has to look at that.
pub(super) fn take_returned(
    files: &Files,
    found: &FoundMilestone,
    segments: &mut Vec<SegmentPath>,
) -> Vec<SegmentPath> {
    let count = below(found, segments).len();
    match foreign(files, found, segments) {
        Some(_) => Vec::new(),
        None => segments.drain(..count).collect(),
    }
}

/// Refuses a segment of another log where this one was cut.
pub(super) fn refuse_foreign(
    place: Place<'_>,
    found: &FoundMilestone,
    segments: &[SegmentPath],
) -> Result<(), LogError> {
    foreign(place.files, found, segments).map_or(Ok(()), |segment| {
        Err(LogError::Foreign { file: segment.path.clone(), milestone: milestone_path(place.data_dir) })
    })
}

/// Those that the log has no more.
fn below<'s>(found: &FoundMilestone, segments: &'s [SegmentPath]) -> &'s [SegmentPath] {
    let first = found.milestone().map_or(0, |milestone| milestone.first_segment);
    &segments[..segments.partition_point(|segment| segment.sequence < first)]
}

/// One of those that names another log than the milestone does. What cannot be read names none.
fn foreign<'s>(files: &Files, found: &FoundMilestone, segments: &'s [SegmentPath]) -> Option<&'s SegmentPath> {
    let log_id = found.milestone()?.log_id;
    let is_foreign = |segment: &&SegmentPath| {
        let head = files.read(&segment.path, HEADER_BYTES).unwrap_or_default();
        claimed_identity(&head).is_some_and(|(of, ..)| of != log_id)
    };
    below(found, segments).iter().find(is_foreign)
}

/// Removes what came back, durably, once the milestone that says so is durable.
pub(super) fn remove_returned(
    files: &Files,
    milestone: &mut MilestoneFile,
    returned: &[SegmentPath],
) -> Result<(), LogError> {
    if !returned.is_empty() {
        milestone.make_durable()?;
    }
    for SegmentPath { path, .. } in returned {
        tracing::warn!("{} is removed: it was taken away before, and is there again", path.display());
        files.remove(path).map_err(|error| LogError::io("remove", path, error))?;
    }
    Ok(())
}

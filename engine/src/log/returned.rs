//! Segments that were taken away when nothing of the log was to stay, and that a power cut has brought back.
//!
//! The milestone tells with which segment the log begins. Those before it may be whole, and their records may have the zxids of
//! others that were written since, so that nobody reads them.

use super::LogError;
use super::format::{HEADER_BYTES, claimed_identity};
use super::milestone::{FoundMilestone, MilestoneFile};
use super::segment_path::SegmentPath;
use crate::io::Files;

/// Takes the segments that came back off those that were found, which ascend; they ascend too. What names another log than the
/// milestone does is none of them: somebody has to look at that.
pub(super) fn take_returned(
    files: &Files,
    milestone: &FoundMilestone,
    segments: &mut Vec<SegmentPath>,
) -> Result<Vec<SegmentPath>, LogError> {
    let Some(milestone) = milestone.milestone() else { return Ok(Vec::new()) };
    let count = segments.partition_point(|segment| segment.sequence < milestone.first_segment);
    for segment in &segments[..count] {
        let head = files.read(&segment.path, HEADER_BYTES);
        let head = head.map_err(|error| LogError::io("read the log segment", &segment.path, error))?;
        if claimed_identity(&head).is_some_and(|(log_id, ..)| log_id != milestone.log_id) {
            return Ok(Vec::new());
        }
    }
    Ok(segments.drain(..count).collect())
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

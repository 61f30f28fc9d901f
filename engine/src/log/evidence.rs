//! What tells whether a log is whole: its milestone, and the snapshots.

use std::path::PathBuf;

use paddock_consensus::Zxid;

use super::group::GroupNumber;
use super::milestone::{FoundMilestone, Reached, milestone_path};
use super::scan::End;
use super::segment_path::{SegmentPath, directory};
use super::{LogError, Missing, Place};

/// See the module.
pub(super) struct Evidence<'a> {
    pub place: Place<'a>,
    pub segments: &'a [SegmentPath],
    pub milestone: &'a FoundMilestone,
}

impl Evidence<'_> {
    /// Identity of the log, as its groups or the milestone tell it.
    pub fn log_id(&self, end: &End) -> Option<u64> {
        end.last.map(|last| last.log_id).or_else(|| Some(self.milestone.milestone()?.log_id))
    }

    /// How far the good groups go, and the snapshot.
    pub fn reached(&self, end: &End, log_id: u64) -> Reached {
        let snapshot = self.place.snapshot;
        Reached {
            log_id,
            group: GroupNumber(end.last.map_or(0, |last| last.number)),
            zxid: end.last.map_or(snapshot, |last| last.zxid.max(snapshot)),
        }
    }

    /// Refuses a log that ends earlier than it is known to have ended. One that was not synced may end before a snapshot.
    pub fn refuse_missing(&self, end: &End, reached: &Reached, is_synced: bool) -> Result<(), LogError> {
        if let Some(evidence) = self.missing_of_milestone(reached, end).or_else(|| self.missing_of_all(reached)) {
            return Err(LogError::Missing(Box::new(self.error(evidence, reached))));
        }
        match self.missing_of_snapshot(end) {
            Some(evidence) if is_synced => return Err(LogError::Missing(Box::new(self.error(evidence, reached)))),
            Some(evidence) => tracing::warn!("{evidence}, as after a power cut with forceSync=no"),
            None => {}
        }
        self.warn_of_no_milestone(reached);
        Ok(())
    }

    /// What is missing as far as milestone and snapshot tell; a damaged milestone tells nothing.
    pub fn missing(&self, end: &End, reached: &Reached) -> Option<Missing> {
        let evidence = self.missing_of_milestone(reached, end).or_else(|| self.missing_of_snapshot(end))?;
        Some(self.error(evidence, reached))
    }

    fn error(&self, evidence: String, reached: &Reached) -> Missing {
        Missing {
            data_dir: self.place.data_dir.to_owned(),
            dir: self.place.dir.to_owned(),
            was_in: self.was_in(),
            evidence,
            after: reached.zxid,
        }
    }

    /// Where the log was, as the milestone says, if that is not where it is.
    fn was_in(&self) -> Option<PathBuf> {
        let dir = &self.milestone.milestone()?.dir;
        (!self.place.files.is_same_directory(dir, self.place.dir)).then(|| dir.clone())
    }

    /// A milestone that is damaged was one once: a crash does not do that to it. Where nothing else is left, all is.
    fn missing_of_all(&self, reached: &Reached) -> Option<String> {
        let is_nothing_left = reached.group == GroupNumber(0) && reached.zxid == Zxid::ZERO;
        let is_all = *self.milestone == FoundMilestone::Damaged && is_nothing_left;
        let path = milestone_path(self.place.data_dir);
        is_all
            .then(|| format!("there is no transaction, although {}, which is damaged, tells of a log", path.display()))
    }

    fn missing_of_milestone(&self, reached: &Reached, end: &End) -> Option<String> {
        let noted = self.milestone.milestone()?;
        let missing = noted.missing(
            self.place.files,
            &directory(self.place.dir),
            self.segments,
            reached,
            self.last_segment(end),
            &self.ends_at(end),
        )?;
        let (GroupNumber(group), zxid, path) = (noted.group, noted.zxid, milestone_path(self.place.data_dir));
        Some(format!("{missing}, but it had reached group {group} and transaction {zxid}, as {} says", path.display()))
    }

    /// Where the good groups end, for people.
    fn ends_at(&self, end: &End) -> String {
        let segment = self.segments.get(end.segment);
        segment.map_or_else(String::new, |at| format!(" (at offset {} of {})", end.offset, at.path.display()))
    }

    /// The sequence of the segment with the last good group, 0 for none.
    fn last_segment(&self, end: &End) -> u64 {
        let holding = self.segments.get(..end.segment + usize::from(end.offset > 0)).unwrap_or(self.segments);
        end.last.and(holding.last()).map_or(0, |segment| segment.sequence)
    }

    /// A snapshot gets its name only when the log has everything up to it, and the log's last group is never purged. A
    /// milestone at or above the snapshot was compared already; it may be one that a person's order has left.
    fn missing_of_snapshot(&self, end: &End) -> Option<String> {
        let (snapshot, log_ends) = (self.place.snapshot, end.last.map_or(Zxid::ZERO, |last| last.zxid));
        let is_judged = self.milestone.milestone().is_some_and(|noted| noted.zxid >= snapshot);
        if log_ends >= snapshot || is_judged {
            return None;
        }
        let what = end.last.map_or("has no transaction".to_owned(), |_| format!("ends with {log_ends}"));
        Some(format!("a snapshot is of transaction {snapshot}, but the log {what}"))
    }

    fn warn_of_no_milestone(&self, reached: &Reached) {
        let path = milestone_path(self.place.data_dir);
        let (path, zxid) = (path.display(), reached.zxid);
        match self.milestone {
            FoundMilestone::Milestone(_) => {}
            FoundMilestone::Damaged => {
                tracing::warn!("{path} is damaged, so that nothing tells whether the log went beyond {zxid}");
            }
            FoundMilestone::Nothing if reached.group > GroupNumber(0) => {
                tracing::warn!("{path} is missing, so that nothing tells whether the log went beyond {zxid}");
            }
            FoundMilestone::Nothing => {}
        }
    }
}

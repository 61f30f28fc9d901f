//! Taking records off the end of a log: a follower does it when its leader never had what came later, and a person does it on
//! a damaged log.
//!
//! Both do the same, in this order, and each step is durable before the next:
//!
//! | step | what a crash behind it leaves |
//! |---|---|
//! | 1. the milestone is replaced by one that asks for no more than what is to stay; if that is nothing, it says that the log begins behind all segments | all of the log; if nothing is to stay, what the next start removes |
//! | 2. the segments behind the one with the new end are removed, the newest first | the log up to the end of some segment |
//! | 3. that segment is cut at the end of a group, or, if the end is within a group, written beside with the shortened group, and renamed | the log up to the new end, perhaps with a file beside, which the next start removes |
//! | 4. of a log that is open, the next segment is made, and the milestone names it | the same |
//!
//! So whatever happens there is at least what was to stay, without a hole, and the next start accepts it; perhaps there is
//! more, unless that is nothing, and then whoever had the log cut has it cut again. A start finds nothing behind the new end that
//! it could take for a continuation, because the next group is written to a segment of its own, with a higher incarnation.
//!
//! If a sync of step 2 or 3 fails, what was taken away may still be on the disk although nobody sees it there: no later sync
//! tells. So the milestone of step 1 says that a cut is under way, and whoever finds that, a start or another cut, writes the last
//! segment anew, under its name. Of the segments that were removed one may come back at most, since each is removed durably
//! before the next: the one behind the newest that is left. The next segment takes its name; each cut before there is one, be it
//! only the same once more, makes an empty file of that name durable, and removes it. Only where all segments go, the one that
//! may come back is not the next: the milestone names a sequence above all of them with which the log begins from then on, and a
//! start removes what it finds below (`returned`).
//!
//! Costs of an open log: what is under way is waited for; the segment with the new end is read up to there; for each segment
//! behind it one removal with the sync of the directory, some milliseconds, and two such syncs more; where a group is shortened,
//! the segment is written once more; and the first segment of an opening is made, as at a start. Of an order: everything is
//! read.

use std::io::ErrorKind;
use std::path::Path;

use paddock_consensus::Zxid;

use super::chain::{Link, new_log_id};
use super::format;
use super::group::GroupNumber;
use super::milestone::{FIRST_SEGMENT_MAX, FoundMilestone, MilestoneFile, Reached};
use super::older_segments::OlderSegment;
use super::returned::{refuse_foreign, remove_returned, take_returned};
use super::scan::{GoodGroup, Scan};
use super::segment::{list, remove_unseen_behind, truncate};
use super::segment_path::{SegmentPath, directory};
use super::shortened::{replace, shorten};
use super::{LogError, Place};
use crate::io::Files;

/// What a cut has removed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Cut {
    /// Whole segments.
    pub segments: usize,
    /// Good records in what was removed, as far as it could be read.
    pub records: u64,
}

/// Removes every record after `zxid` from a log that is not open. Everything up to `zxid` stays. From then on nobody misses
/// what came later, even if it was gone already. Until the next start the milestone says that a cut is under way, which has that
/// start write the last segment anew.
///
/// On a damaged log what is before the damage stays, which may be nothing.
///
/// # Errors
/// [`LogError::Damaged`] if the damage is behind good records but before `zxid`, and [`LogError::Foreign`] if a segment of another
/// log stands where all of this one was cut before: nothing is changed then.
pub fn cut_after(place: Place<'_>, zxid: Zxid) -> Result<Cut, LogError> {
    let found = FoundMilestone::read(place.files, place.data_dir)?;
    let mut segments = list(place.files, &directory(place.dir))?;
    refuse_foreign(place, &found, &segments)?;
    let returned = take_returned(place.files, &found, &mut segments);
    let (mut end, mut removed) = (None, Cut::default());
    let mut last = None;
    let scanned = Scan::new(place.files, place.dir, &segments, None).run(0, &mut |group| {
        last = Some((group.header.log_id, group.last_zxid()));
        removed.records += records_after(group, zxid);
        NewEnd::take_in(&mut end, group, zxid);
        Ok(())
    });
    let is_short = last.is_none_or(|(_, last)| last <= zxid);
    let is_whole = match scanned {
        Ok(_) => true,
        Err(LogError::Damaged(damage)) if last.is_none() || damage.after >= zxid => false,
        Err(error) => return Err(error),
    };
    let mut milestone = MilestoneFile::new(place.files, place.data_dir, &found);
    let was_cut = milestone.is_cut();
    remove_returned(place.files, &mut milestone, &returned)?;
    let goes = if is_whole && is_short { &[] } else { &*segments };
    let log_id = last.map(|(log_id, _)| log_id).or_else(|| Some(found.milestone()?.log_id));
    if end.is_none() {
        milestone.begin_with(first_behind(goes));
    }
    note_new_end(place, zxid, end.as_ref(), log_id, milestone)?;
    if goes.is_empty() {
        end.map_or(Ok(()), |end| end.take_away_again(place.files, &segments, was_cut))?;
        return Ok(Cut::default());
    }
    removed.segments = remove_behind(place.files, &segments, end.as_ref(), was_cut)?;
    Ok(removed)
}

/// Where the log ends after the cut: the last group of which something stays.
#[derive(Debug)]
pub(super) struct NewEnd {
    /// The segment with the group, and the zxid before its first one.
    segment: SegmentPath,
    before: Zxid,
    /// The group as it will be.
    link: Link,
    /// Where the group begins and ends, in bytes from the segment's start.
    offset: u64,
    end: u64,
    /// Bytes of the group without its padding, which may be missing.
    length: u64,
    /// The group with only its older records, if it loses some.
    shortened: Option<Vec<u8>>,
}

impl NewEnd {
    /// The last group of a segment up to the record of `zxid`; `None` if the segment does not have that record.
    ///
    /// # Errors
    /// [`LogError::Damaged`] if the segment cannot be read so far.
    pub fn find(
        files: &Files,
        data_log_dir: &Path,
        segment: &SegmentPath,
        zxid: Zxid,
    ) -> Result<Option<NewEnd>, LogError> {
        let mut end = None;
        let segments = std::slice::from_ref(segment);
        Scan::new(files, data_log_dir, segments, None).run_until(0, zxid, &mut |group| {
            NewEnd::take_in(&mut end, group, zxid);
            Ok(())
        })?;
        Ok(end.filter(|end: &NewEnd| end.link.zxid == zxid && end.link.record_crc.is_some()))
    }

    /// Takes in the next group of the log: it is the new end, unless nothing of it stays.
    fn take_in(end: &mut Option<NewEnd>, group: &GoodGroup<'_>, zxid: Zxid) {
        let (lost, all) = (records_after(group, zxid), u64::from(group.header.records));
        let is_old_seal = all == 0 && group.header.before <= zxid;
        if lost == all && !is_old_seal {
            return;
        }
        let shortened = (lost > 0).then(|| shorten(&group.header, group.body, zxid));
        let last = format::records(group.body).take_while(|record| record.zxid <= zxid).last();
        let former = end.take();
        let link = Link {
            log_id: group.header.log_id,
            incarnation: group.header.incarnation,
            number: group.header.number,
            group_crc: shortened.as_ref().map_or(group.crc, |(_, crc)| *crc),
            record_crc: last.map(|last| last.crc).or_else(|| former.as_ref()?.link.record_crc),
            zxid: last.map_or(group.header.before, |last| last.zxid),
        };
        *end = Some(NewEnd {
            segment: group.segment.clone(),
            before: former.filter(|_| group.offset > 0).map_or(group.header.before, |former| former.before),
            link,
            offset: group.offset,
            end: group.offset + group.header.padded_length() as u64,
            length: group.header.length() as u64,
            shortened: shortened.map(|(bytes, _)| bytes),
        });
    }

    /// The last group as it will be.
    pub fn link(&self) -> Link {
        self.link
    }

    /// How far the log will go.
    pub fn reached(&self) -> Reached {
        Reached { log_id: self.link.log_id, group: GroupNumber(self.link.number), zxid: self.link.zxid }
    }

    /// The segment as it will be.
    pub fn segment(&self) -> OlderSegment {
        let length = self.shortened.as_ref().map_or(self.length, |group| group.len() as u64);
        OlderSegment::new(self.segment.clone(), self.offset + length, self.before, self.link.zxid)
    }

    /// Takes away what a cut before may have taken away in the cache alone, of a log that seems to end here already.
    fn take_away_again(&self, files: &Files, segments: &[SegmentPath], was_cut: bool) -> Result<(), LogError> {
        segments.last().map_or(Ok(()), |newest| remove_unseen_behind(files, newest))?;
        let path = &self.segment.path;
        if was_cut {
            // As it is, with what a crash has torn: a start keeps a copy of that.
            let found = files.metadata(path).map_err(|error| LogError::io("look at", path, error))?;
            replace(files, path, found.bytes, &[])?;
        }
        Ok(())
    }
}

fn records_after(group: &GoodGroup<'_>, zxid: Zxid) -> u64 {
    format::records(group.body).filter(|record| record.zxid > zxid).count() as u64
}

/// The milestone comes first: what it does not ask for may be removed. `log_id` is the identity of the log, if that is known.
fn note_new_end(
    place: Place<'_>,
    zxid: Zxid,
    end: Option<&NewEnd>,
    log_id: Option<u64>,
    mut milestone: MilestoneFile,
) -> Result<(), LogError> {
    let reached = match end.map(NewEnd::reached) {
        Some(reached) => reached,
        None => {
            let log_id = log_id.map_or_else(|| new_log_id(place.files), Ok)?;
            Reached { log_id, group: GroupNumber(0), zxid: place.snapshot }
        }
    };
    let reached = Reached { zxid: reached.zxid.max(place.snapshot).min(zxid), ..reached };
    let newest = end.map(NewEnd::segment);
    milestone.note_cut(place.dir, newest.as_ref(), reached)
}

/// With which segment a log begins of which nothing stays: behind the last of those that go, and behind the one after that,
/// whose removal an earlier cut may not have been able to sync.
pub(super) fn first_behind(segments: &[SegmentPath]) -> u64 {
    segments.last().map_or(0, |newest| (newest.sequence + 2).min(FIRST_SEGMENT_MAX))
}

/// Removes what is behind the end, or everything if there is none. Returns how many segments went. If there `was` a `cut`
/// before, of which nobody knows whether it is durable, the segment with the end is written anew.
pub(super) fn remove_behind(
    files: &Files,
    segments: &[SegmentPath],
    end: Option<&NewEnd>,
    was_cut: bool,
) -> Result<usize, LogError> {
    let is_behind = |segment: &&SegmentPath| end.is_none_or(|end| segment.sequence > end.segment.sequence);
    if let (Some(newest), Some(_)) = (segments.last(), end) {
        remove_unseen_behind(files, newest)?;
    }
    let mut removed = 0;
    for segment in segments.iter().rev().take_while(is_behind) {
        match files.remove(&segment.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(LogError::io("remove", &segment.path, error));
            }
            _ => removed += 1,
        }
    }
    if let Some(NewEnd { segment, offset, end, shortened, .. }) = end {
        match shortened {
            Some(group) => replace(files, &segment.path, *offset, group)?,
            None if was_cut => replace(files, &segment.path, *end, &[])?,
            None => truncate(files, &segment.path, *end)?,
        }
    }
    Ok(removed)
}

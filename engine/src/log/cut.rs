//! Cutting the log after a transaction: a follower does it when its leader never had what came later, and a person does
//! it on a damaged log.

use paddock_consensus::Zxid;

use super::chain::new_log_id;
use super::format;
use super::group::GroupNumber;
use super::milestone::{FoundMilestone, MilestoneFile, Reached};
use super::older_segments::OlderSegment;
use super::scan::{GoodGroup, Scan};
use super::segment::{list, truncate};
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

/// Removes every record after `zxid` from a log that no [`Log`](super::Log) has open. Everything up to `zxid` stays; a
/// crash in between leaves a log that holds at least that and has no hole. From then on nobody misses what came later,
/// even if it was gone already.
///
/// On a damaged log what is before the damage stays, which may be nothing.
///
/// # Errors
/// [`LogError::Damaged`] if the damage is behind good records but before `zxid`: nothing is changed then.
pub fn cut_after(place: Place<'_>, zxid: Zxid) -> Result<Cut, LogError> {
    let segments = list(place.files, &directory(place.dir))?;
    let (mut end, mut removed) = (None, Cut::default());
    let mut last = None;
    let scanned = Scan::new(place.files, place.dir, &segments, None).run(0, &mut |group| {
        last = Some(last_zxid(group));
        let lost = records_after(group, zxid);
        removed.records += lost;
        if let Some(found) = NewEnd::in_group(group, zxid, lost, &segments) {
            end = Some(found);
        }
        Ok(())
    });
    let is_short = last.is_none_or(|last| last <= zxid);
    let is_whole = match scanned {
        Ok(_) => true,
        Err(LogError::Damaged(damage)) if last.is_none() || damage.after >= zxid => false,
        Err(error) => return Err(error),
    };
    note_new_end(place, zxid, end.as_ref())?;
    if is_whole && is_short {
        return Ok(Cut::default());
    }
    removed.segments = apply(place.files, &segments, end)?;
    Ok(removed)
}

/// Where the log ends after the cut: the last group of which something stays.
struct NewEnd {
    /// The segment, as an index of those that there are, and as a file.
    segment: usize,
    path: SegmentPath,
    /// Identity of the log.
    log_id: u64,
    /// Number of the group.
    number: u64,
    /// The last transaction that stays.
    zxid: Zxid,
    /// Where the group begins and ends, in bytes from the segment's start.
    offset: u64,
    end: u64,
    /// The group with only its older records, if it loses some.
    shortened: Option<Vec<u8>>,
}

impl NewEnd {
    /// The group as the new end, if something of it stays when it has `lost` records after `zxid`.
    fn in_group(group: &GoodGroup<'_>, zxid: Zxid, lost: u64, segments: &[SegmentPath]) -> Option<NewEnd> {
        let all = u64::from(group.header.records);
        let is_old_seal = all == 0 && group.header.before <= zxid;
        if lost == all && !is_old_seal {
            return None;
        }
        Some(NewEnd {
            segment: segments.iter().position(|segment| segment == group.segment).expect("it is one of these"),
            path: group.segment.clone(),
            log_id: group.header.log_id,
            number: group.header.number,
            zxid: last_zxid(group).min(zxid),
            offset: group.offset,
            end: group.offset + group.header.padded_length() as u64,
            shortened: (lost > 0).then(|| shorten(&group.header, group.body, zxid)),
        })
    }

    /// The segment as it is after the cut.
    fn segment(&self) -> OlderSegment {
        let SegmentPath { sequence, path } = self.path.clone();
        let bytes = self.shortened.as_ref().map_or(self.end, |group| self.offset + group.len() as u64);
        OlderSegment { sequence, path, bytes, last: self.zxid }
    }
}

fn last_zxid(group: &GoodGroup<'_>) -> Zxid {
    format::records(group.body).last().map_or(group.header.before, |record| record.zxid)
}

fn records_after(group: &GoodGroup<'_>, zxid: Zxid) -> u64 {
    format::records(group.body).filter(|record| record.zxid > zxid).count() as u64
}

/// The milestone comes first: what it does not ask for may be removed.
fn note_new_end(place: Place<'_>, zxid: Zxid, end: Option<&NewEnd>) -> Result<(), LogError> {
    let found = FoundMilestone::read(place.files, place.data_dir)?;
    let log_id = match end.map(|end| end.log_id).or(found.milestone().map(|milestone| milestone.log_id)) {
        Some(log_id) => log_id,
        None => new_log_id(place.files)?,
    };
    let there_is = end.map_or(place.snapshot, |end| end.zxid.max(place.snapshot));
    let reached = Reached { log_id, group: GroupNumber(end.map_or(0, |end| end.number)), zxid: there_is.min(zxid) };
    let newest = end.map(NewEnd::segment);
    MilestoneFile::new(place.files, place.data_dir, &found).note_end(place.dir, newest.as_ref(), reached)
}

/// Removes what is behind the end, the last file first. Returns how many files went.
fn apply(files: &Files, segments: &[SegmentPath], end: Option<NewEnd>) -> Result<usize, LogError> {
    let staying = end.as_ref().map_or(0, |end| end.segment + 1);
    for segment in segments[staying..].iter().rev() {
        files.remove(&segment.path).map_err(|error| LogError::io("remove", &segment.path, error))?;
    }
    if let Some(end) = end {
        match end.shortened {
            None => truncate(files, &end.path.path, end.end)?,
            Some(group) => replace(files, &end.path.path, end.offset, &group)?,
        }
    }
    Ok(segments.len() - staying)
}

//! Cutting the log after a transaction: a follower does it when its leader never had what came later, and a person does
//! it on a damaged log.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::format::{self, HEADER_BYTES, Header};
use super::milestone::{self, MilestoneFile, Reached};
use super::recovery::{Kept, note_end, random, truncate};
use super::scan::{Found, Scan};
use super::segment::{SegmentPath, directory, list};
use super::{LogError, Place};
use crate::io::{remove_file, sync_dir};

/// A segment whose last group had to be shortened is first written beside, under this extension.
const LEFTOVER: &str = "cut";

/// What a cut has removed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Cut {
    /// Whole files.
    pub segments: usize,
    /// Good records in what was removed, as far as it could be read.
    pub records: u64,
}

/// The last group that keeps something.
struct Keep {
    segment: usize,
    /// Of the group, and identity of its log.
    number: u64,
    log_id: u64,
    /// The last transaction that is kept.
    zxid: Zxid,
    offset: u64,
    end: u64,
    /// The group with only its older records, if it loses some.
    shortened: Option<Vec<u8>>,
}

/// Removes every record after `zxid` from a log that no [`Log`](super::Log) has open. Everything up to `zxid` stays; a
/// crash in between leaves a log that holds at least that and has no hole. From then on nobody misses what came later,
/// even if it was gone already.
///
/// On a damaged log it keeps what is before the damage, which may be nothing.
///
/// # Errors
/// [`LogError::Damaged`] if the damage is behind good records but before `zxid`: nothing is changed then.
pub fn cut_after(place: Place<'_>, zxid: Zxid) -> Result<Cut, LogError> {
    let segments = list(&directory(place.dir))?;
    let (mut keep, mut removed) = (None, Cut::default());
    let mut last = None;
    let scanned = Scan::new(place.dir, &segments, None).run(0, &mut |found| {
        last = Some(last_zxid(found));
        removed.records += note(found, zxid, &segments, &mut keep);
        Ok(())
    });
    let is_short = last.is_none_or(|last| last <= zxid);
    let is_whole = match scanned {
        Ok(_) => true,
        Err(LogError::Damaged(damage)) if last.is_none() || damage.after >= zxid => false,
        Err(error) => return Err(error),
    };
    forget_later(place, zxid, &segments, keep.as_ref())?;
    if is_whole && is_short {
        return Ok(Cut::default());
    }
    removed.segments = apply(&segments, keep)?;
    Ok(removed)
}

/// The milestone comes first: what it does not ask for may be removed.
fn forget_later(place: Place<'_>, zxid: Zxid, segments: &[SegmentPath], keep: Option<&Keep>) -> Result<(), LogError> {
    let found = milestone::Found::read(place.data_dir)?;
    let was = found.milestone().map(|noted| noted.log_id);
    let there_is = keep.map_or(place.snapshot, |keep| keep.zxid.max(place.snapshot));
    let end = Reached {
        log_id: keep.map(|keep| keep.log_id).or(was).unwrap_or_else(random),
        group: keep.map_or(0, |keep| keep.number),
        zxid: there_is.min(zxid),
    };
    let newest = keep.map(|keep| {
        let SegmentPath { sequence, path } = segments[keep.segment].clone();
        let bytes = keep.shortened.as_ref().map_or(keep.end, |group| keep.offset + group.len() as u64);
        Kept { sequence, path, bytes, last: keep.zxid }
    });
    note_end(place.dir, newest.as_ref(), end, &mut MilestoneFile::new(place.data_dir, &found))
}

fn last_zxid(found: &Found<'_>) -> Zxid {
    records(found.body).last().map_or(found.header.before, |record| record.zxid)
}

fn records(mut body: &[u8]) -> impl Iterator<Item = format::Record<'_>> {
    std::iter::from_fn(move || format::read_record(&mut body))
}

/// Remembers a group that keeps something. Returns how many records it loses.
fn note(found: &Found<'_>, zxid: Zxid, segments: &[SegmentPath], keep: &mut Option<Keep>) -> u64 {
    let lost = records(found.body).filter(|record| record.zxid > zxid).count() as u64;
    let all = u64::from(found.header.records);
    let is_void_seal = all == 0 && found.header.before > zxid;
    if lost < all || (all == 0 && !is_void_seal) {
        *keep = Some(Keep {
            segment: segments.iter().position(|segment| segment == found.segment).expect("it is one of these"),
            number: found.header.number,
            log_id: found.header.log_id,
            zxid: last_zxid(found).min(zxid),
            offset: found.offset,
            end: found.offset + found.header.padded_length() as u64,
            shortened: (lost > 0).then(|| shorten(&found.header, found.body, zxid)),
        });
    }
    lost
}

/// The group without the records after `zxid`, padded.
fn shorten(header: &Header, body: &[u8], zxid: Zxid) -> Vec<u8> {
    let kept = || records(body).take_while(|record| record.zxid <= zxid);
    let length = kept().map(|record| format::RECORD_HEADER_BYTES + record.payload.len()).sum::<usize>();
    let body_length = u32::try_from(length).expect("shorter than the group");
    let header = Header { body_length, records: kept().count() as u32, ..*header };
    let mut group = vec![0; HEADER_BYTES];
    group.extend_from_slice(&body[..length]);
    header.seal(&mut group);
    group.resize(header.padded_length(), 0);
    group
}

/// Removes what is behind, the last file first. Returns how many files went.
fn apply(segments: &[SegmentPath], keep: Option<Keep>) -> Result<usize, LogError> {
    let kept = keep.as_ref().map_or(0, |keep| keep.segment + 1);
    for segment in segments[kept..].iter().rev() {
        remove_file(&segment.path).map_err(|error| LogError::io("remove", &segment.path, error))?;
    }
    if let Some(keep) = keep {
        let path = &segments[keep.segment].path;
        match keep.shortened {
            None => truncate(path, keep.end)?,
            Some(group) => replace(path, keep.offset, &group).map_err(|error| LogError::io("rewrite", path, error))?,
        }
    }
    Ok(segments.len() - kept)
}

/// Replaces a segment by its first `length` bytes and a group; it has the old or the new content after a crash.
fn replace(path: &Path, length: u64, group: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension(format!("{}.{LEFTOVER}", path.extension().unwrap_or_default().display()));
    let mut file = File::create(&beside)?;
    std::io::copy(&mut File::open(path)?.take(length), &mut file)?;
    file.write_all(group)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    sync_dir(path.parent().expect("a segment lies in a directory"))
}

/// Removes what a crash in the middle of a cut has left.
pub(super) fn remove_leftovers(directory: &Path) -> Result<(), LogError> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(()) };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let left: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == LEFTOVER)).collect();
    for path in left {
        remove_file(&path).map_err(|error| LogError::io("remove", &path, error))?;
    }
    Ok(())
}

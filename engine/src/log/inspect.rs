//! Looking at a log without changing it.

use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::evidence::Evidence;
use super::format::{self, HEADER_BYTES, MAGIC, RECORD_HEADER_BYTES};
use super::milestone::FoundMilestone;
use super::returned::take_returned;
use super::scan::{GoodGroup, Scan, Torn};
use super::segment::list;
use super::segment_path::{SegmentPath, directory};
use super::{Damage, LogError, Missing, Place};
use crate::io::Files;

/// One thing in a log, in the order in which it stands there.
#[derive(Clone, Debug)]
pub enum Entry<'a> {
    Segment {
        file: &'a Path,
        sequence: u64,
        /// Bytes of the file.
        bytes: u64,
    },
    Group {
        file: &'a Path,
        offset: u64,
        /// Bytes with header and padding.
        bytes: u64,
        number: u64,
        incarnation: u64,
        /// The newest group that was known to be durable when this one was written, 0 for none.
        durable: u64,
        /// 0 in the seal that a clean close writes.
        records: u32,
        /// The last zxid before the group.
        before: Zxid,
    },
    Record {
        file: &'a Path,
        /// Where the record's header is, in bytes from the file's start.
        offset: u64,
        zxid: Zxid,
        payload: &'a [u8],
    },
}

/// What is to be thought of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    Sound {
        last: Zxid,
    },
    /// A crash interrupted writes that nobody was told of; the next start cuts them.
    Torn {
        last: Zxid,
        torn: Torn,
    },
    Damaged(Damage),
}

/// Shows every good segment, group and record of a `dataLogDir` up to its end or its first damage, but not what a start removes
/// because all of the log was cut before, as the milestone in its `dataDir` says. Without a milestone there that is not known.
/// Changes nothing.
pub fn inspect(
    files: &Files,
    data_dir: &Path,
    data_log_dir: &Path,
    show: &mut dyn FnMut(Entry<'_>),
) -> Result<Verdict, LogError> {
    let segments = find(files, data_dir, data_log_dir)?.1;
    let mut verdict = inspect_segments(files, data_log_dir, &segments, show)?;
    if let Verdict::Damaged(damage) = &mut verdict {
        damage.set_data_dir(data_dir);
    }
    Ok(verdict)
}

/// The milestone, and the segments that a start does not remove because the log was cut before.
fn find(files: &Files, data_dir: &Path, data_log_dir: &Path) -> Result<(FoundMilestone, Vec<SegmentPath>), LogError> {
    // In this order: a server that runs goes on meanwhile, and the milestone lags behind the log.
    let milestone = FoundMilestone::read(files, data_dir)?;
    let mut segments = list(files, &directory(data_log_dir))?;
    take_returned(files, &milestone, &mut segments);
    Ok((milestone, segments))
}

/// The same for one segment by itself, wherever it is and whatever it is called. Nothing is said of what is before it.
pub fn inspect_file(files: &Files, file: &Path, show: &mut dyn FnMut(Entry<'_>)) -> Result<Verdict, LogError> {
    let head = files.read(file, HEADER_BYTES).map_err(|error| LogError::io("read the log segment", file, error))?;
    // Where it has none, the scan says what is wrong.
    let sequence = format::claimed_identity(&head).map_or(0, |(_, _, sequence)| sequence);
    let segment = SegmentPath { sequence, path: file.to_owned() };
    inspect_segments(files, file.parent().unwrap_or(file), &[segment], show)
}

/// Whether a file that begins so is a segment that was written to.
pub fn is_segment(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC)
}

fn inspect_segments(
    files: &Files,
    data_log_dir: &Path,
    segments: &[SegmentPath],
    show: &mut dyn FnMut(Entry<'_>),
) -> Result<Verdict, LogError> {
    let mut shown: Option<PathBuf> = None;
    let end = Scan::new(files, data_log_dir, segments, None).run(0, &mut |group| {
        if shown.as_ref() != Some(&group.segment.path) {
            let file = &group.segment.path;
            let bytes = files.metadata(file).map_err(|error| LogError::io("look at", file, error))?.bytes;
            show(Entry::Segment { file, sequence: group.segment.sequence, bytes });
            shown = Some(file.clone());
        }
        show_group(group, show);
        Ok(())
    });
    match end {
        Ok(end) => {
            let last = end.last.map_or(Zxid::ZERO, |last| last.zxid);
            Ok(end.torn.map_or(Verdict::Sound { last }, |torn| Verdict::Torn { last, torn }))
        }
        Err(LogError::Damaged(damage)) => Ok(Verdict::Damaged(*damage)),
        Err(error) => Err(error),
    }
}

/// How many segments a `dataLogDir` has, with or without transactions.
pub fn segment_count(files: &Files, data_log_dir: &Path) -> Result<usize, LogError> {
    Ok(list(files, &directory(data_log_dir))?.len())
}

/// What is missing of a log as far as its milestone and the snapshot tell. Changes nothing.
///
/// # Errors
/// [`LogError::Damaged`] where the log does not even hold.
pub fn missing(place: Place<'_>) -> Result<Option<Missing>, LogError> {
    let (milestone, segments) = &find(place.files, place.data_dir, place.dir)?;
    let end = Scan::new(place.files, place.dir, segments, None).run(0, &mut |_| Ok(()))?;
    let evidence = Evidence { place, segments, milestone };
    // Where nothing tells the identity, nothing is compared with it.
    let log_id = evidence.log_id(&end).unwrap_or_default();
    Ok(evidence.missing(&end, &evidence.reached(&end, log_id)))
}

fn show_group(group: &GoodGroup<'_>, show: &mut dyn FnMut(Entry<'_>)) {
    let file = &group.segment.path;
    show(Entry::Group {
        file,
        offset: group.offset,
        bytes: group.header.padded_length() as u64,
        number: group.header.number,
        incarnation: group.header.incarnation,
        durable: group.header.durable,
        records: group.header.records,
        before: group.header.before,
    });
    let mut rest = group.body;
    let mut offset = group.offset + format::HEADER_BYTES as u64;
    while let Some(record) = format::read_record(&mut rest) {
        show(Entry::Record { file, offset, zxid: record.zxid, payload: record.payload });
        offset += (RECORD_HEADER_BYTES + record.payload.len()) as u64;
    }
}

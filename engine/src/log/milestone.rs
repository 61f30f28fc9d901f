//! How far the log had come at least, noted outside of it.
//!
//! A log shows a reader that something in its middle is missing, but not that its end is, nor that all of it is: an empty
//! directory is a log without transactions. So a file in the `dataDir` says which log belongs there, the newest segment
//! that it had, and a group that was durable. A start that does not find all of this is refused.
//!
//! Invariant: a milestone on disk is never ahead of the truth. What it says is made durable first, and before anything of
//! that is taken away (a recovery that cuts a torn tail, a clean close, a cut on order) it is replaced by one that says
//! less. One that was read may be in the file system's cache alone, and the one before on the disk: it is written anew before
//! anything is taken away that only the one before asks for. It may lag behind: it is written when a segment has been
//! prepared, when the first group of a segment is durable, and at start and end, never for each group; and where it cannot
//! be written while the server runs, the log goes on.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::LogError;
use super::format::COUNT_MAX;
use super::group::GroupNumber;
use super::older_segments::OlderSegment;
use super::segment_path::{SegmentPath, directory};
use crate::io::{Access, Files};

const FILE: &str = "milestone";
const MAGIC: &[u8; 8] = b"PADMILE1";
/// The bytes in front of the path.
const HEADER_BYTES: usize = 60;
const CRC_AT: usize = 8;
/// The bytes behind the path, if they are there.
const FIRST_SEGMENT_BYTES: usize = 8;
/// What the field at offset 52 consists of.
const IS_CUT: u32 = 1;
const HAS_FIRST_SEGMENT: u32 = 2;
/// A log begins with no higher sequence, so that it does not run out of them: none comes so far, and a file may have any name.
pub(super) const FIRST_SEGMENT_MAX: u64 = COUNT_MAX / 2;
/// The longest path that Linux has.
const PATH_BYTES_MAX: usize = 4096;

/// How far a log has come, as it is noted outside of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Milestone {
    /// Identity of the log.
    pub log_id: u64,
    /// Sequence of the newest segment, 0 if there was none, and the bytes that its file had at least.
    pub segment: u64,
    pub segment_bytes: u64,
    /// A durable group, 0 for none, and the last transaction up to its end.
    pub group: GroupNumber,
    pub zxid: Zxid,
    /// What is behind that group is being taken away. Until this is replaced, a sync that failed may have left it on the disk
    /// although nobody sees it there.
    pub is_cut: bool,
    /// Sequence of the oldest segment that the log may have, 0 if it is not known: what has a lower one was taken away when
    /// nothing of the log was to stay, and may come back with a power cut.
    pub first_segment: u64,
    /// The `dataLogDir` that the log was in.
    pub dir: PathBuf,
}

/// What was found where a milestone should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FoundMilestone {
    Nothing,
    Milestone(Milestone),
    /// The file cannot be understood. A crash does not do that: the file is replaced whole.
    Damaged,
}

impl FoundMilestone {
    /// Looks in a `dataDir`.
    pub fn read(files: &Files, data_dir: &Path) -> Result<FoundMilestone, LogError> {
        let path = milestone_path(data_dir);
        // One that is longer is none, however much is there.
        match files.read(&path, HEADER_BYTES + PATH_BYTES_MAX + FIRST_SEGMENT_BYTES + 1) {
            Ok(bytes) => Ok(Milestone::decode(&bytes).map_or(FoundMilestone::Damaged, FoundMilestone::Milestone)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(FoundMilestone::Nothing),
            Err(error) => Err(LogError::io("read", &path, error)),
        }
    }

    pub fn milestone(&self) -> Option<&Milestone> {
        match self {
            FoundMilestone::Milestone(milestone) => Some(milestone),
            FoundMilestone::Nothing | FoundMilestone::Damaged => None,
        }
    }
}

/// Where the milestone of a `dataDir` is.
pub fn milestone_path(data_dir: &Path) -> PathBuf {
    directory(data_dir).join(FILE)
}

impl Milestone {
    /// One that says how far the log in a `dataLogDir` has come, and what it has of its newest segment, but not with which
    /// segment it begins.
    pub(super) fn new(dir: &Path, newest: Extent, end: Reached) -> Milestone {
        let Reached { log_id, group, zxid } = end;
        // People read it elsewhere, so that a path from here would tell them nothing.
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let Extent { sequence, bytes } = newest;
        let (segment, segment_bytes, is_cut, first_segment) = (sequence, bytes, false, 0);
        Milestone { log_id, segment, segment_bytes, group, zxid, is_cut, first_segment, dir }
    }

    fn encode(&self) -> Vec<u8> {
        let path = self.dir.as_os_str().as_bytes();
        let length = u32::try_from(path.len()).expect("a path that was opened has at most 4096 bytes");
        let mut bytes = Vec::with_capacity(HEADER_BYTES + path.len() + FIRST_SEGMENT_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[0; 4]);
        for number in [self.log_id, self.segment, self.segment_bytes, self.group.0, self.zxid.0 as u64] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let is_cut = if self.is_cut { IS_CUT } else { 0 };
        let has_first_segment = if self.first_segment > 0 { HAS_FIRST_SEGMENT } else { 0 };
        bytes.extend_from_slice(&(is_cut | has_first_segment).to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(path);
        if self.first_segment > 0 {
            bytes.extend_from_slice(&self.first_segment.to_le_bytes());
        }
        let crc = crc32c::crc32c(&bytes);
        bytes[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Milestone> {
        let (head, rest) = bytes.split_at_checked(HEADER_BYTES)?;
        let number = |at: usize| u64::from_le_bytes(*head[at..].first_chunk().expect("the offset lies in the header"));
        let word = |at: usize| u32::from_le_bytes(*head[at..].first_chunk().expect("the offset lies in the header"));
        let zeroed = crc32c::crc32c_append(crc32c::crc32c(&head[..CRC_AT]), &[0; 4]);
        let crc = crc32c::crc32c_append(zeroed, &bytes[CRC_AT + 4..]);
        let (path, behind) = rest.split_at_checked(word(56) as usize)?;
        let first_segment = match word(52) & HAS_FIRST_SEGMENT {
            0 => behind.is_empty().then_some(0)?,
            _ => Some(u64::from_le_bytes(behind.try_into().ok()?)).filter(|sequence| *sequence <= COUNT_MAX)?,
        };
        if !head.starts_with(MAGIC) || crc != word(CRC_AT) {
            return None;
        }
        Some(Milestone {
            log_id: number(12),
            segment: number(20),
            segment_bytes: number(28),
            group: GroupNumber(number(36)),
            zxid: Zxid(number(44) as i64),
            is_cut: word(52) & IS_CUT != 0,
            first_segment,
            dir: OsStr::from_bytes(path).into(),
        })
    }

    /// What a log lacks of it: in which directory, with which segments, how far its good groups go, and the sequence of the
    /// segment in which they end, with the place, for people.
    pub(super) fn missing(
        &self,
        files: &Files,
        directory: &Path,
        segments: &[SegmentPath],
        end: &Reached,
        last: u64,
        ends_at: &str,
    ) -> Option<String> {
        if segments.is_empty() && self.segment > 0 {
            return Some(format!("{} has no segment of it", directory.display()));
        }
        if end.group > GroupNumber(0) && end.log_id != self.log_id {
            let (is, was) = (end.log_id, self.log_id);
            return Some(format!("{} holds another log ({is:016x}, not {was:016x})", directory.display()));
        }
        // A log that has gone on to a later segment may have purged this one since.
        if self.segment > 0 && last <= self.segment {
            let path = SegmentPath::new(directory, self.segment).path;
            match files.metadata(&path) {
                Err(error) => return Some(format!("its newest segment {} is gone: {error}", path.display())),
                Ok(found) if found.bytes < self.segment_bytes => {
                    let (has, had) = (found.bytes, self.segment_bytes);
                    return Some(format!("its newest segment {} has {has} of {had} bytes", path.display()));
                }
                Ok(_) => {}
            }
        }
        if end.group < self.group || end.zxid < self.zxid {
            let (GroupNumber(group), zxid) = (end.group, end.zxid);
            return Some(format!("its good groups end with group {group} at transaction {zxid}{ends_at}"));
        }
        None
    }
}

/// What a segment has: its sequence, 0 for no segment, and bytes from its file's start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Extent {
    pub sequence: u64,
    pub bytes: u64,
}

/// How far a log has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reached {
    /// Identity of the log; where there is no good group, that of the one to come.
    pub log_id: u64,
    /// The last good group, 0 if there is none.
    pub group: GroupNumber,
    /// The last transaction, of the log or of the snapshot before it.
    pub zxid: Zxid,
}

/// The milestone of one `dataDir`, as far as this process knows what is on disk.
#[derive(Debug)]
pub(super) struct MilestoneFile {
    files: Files,
    path: PathBuf,
    /// See [`Milestone::first_segment`].
    first_segment: u64,
    /// What the file says; `None` if that is not known.
    says: Option<Milestone>,
    /// This process has written that. What was read may be in the file system's cache alone, and a power cut brings back the
    /// one before.
    is_durable: bool,
}

impl MilestoneFile {
    /// The file of a `dataDir` in which this was found.
    pub fn new(files: &Files, data_dir: &Path, found: &FoundMilestone) -> MilestoneFile {
        let says = found.milestone().cloned();
        let first_segment = says.as_ref().map_or(0, |milestone| milestone.first_segment);
        MilestoneFile { files: files.clone(), path: milestone_path(data_dir), first_segment, says, is_durable: false }
    }

    /// See [`Milestone::first_segment`].
    pub fn first_segment(&self) -> u64 {
        self.first_segment
    }

    /// Whether the file says that something is being taken away: see [`Milestone::is_cut`].
    pub fn is_cut(&self) -> bool {
        self.says.as_ref().is_some_and(|milestone| milestone.is_cut)
    }

    /// What is written from now on says that no segment of the log has a lower sequence than this.
    pub fn begin_with(&mut self, first_segment: u64) {
        self.first_segment = self.first_segment.max(first_segment);
    }

    /// Notes that the log in a `dataLogDir` ends there, in an older segment if there is one, unless the file says just this.
    /// That may not be durable: before anything is taken away, [`make_durable`](Self::make_durable) sees to it.
    pub fn note_end(&mut self, dir: &Path, newest: Option<&OlderSegment>, end: Reached) -> Result<(), LogError> {
        self.note(dir, newest, end, false)
    }

    /// The same, durably, before what is behind that end is taken away.
    pub fn note_cut(&mut self, dir: &Path, newest: Option<&OlderSegment>, end: Reached) -> Result<(), LogError> {
        self.note(dir, newest, end, true)?;
        self.make_durable()
    }

    /// Writes anew what the file says, unless this process has written it.
    pub fn make_durable(&mut self) -> Result<(), LogError> {
        match self.says.clone().filter(|_| !self.is_durable) {
            Some(milestone) => self.replace(milestone),
            None => Ok(()),
        }
    }

    fn note(&mut self, dir: &Path, newest: Option<&OlderSegment>, end: Reached, is_cut: bool) -> Result<(), LogError> {
        let extent = newest.map(|newest| Extent { sequence: newest.at.sequence, bytes: newest.bytes });
        let first_segment = self.first_segment;
        let milestone = Milestone { is_cut, first_segment, ..Milestone::new(dir, extent.unwrap_or_default(), end) };
        if self.says.as_ref() == Some(&milestone) {
            return Ok(());
        }
        if let Some(path) = newest.map(|newest| &newest.at.path) {
            // What was read of the segment may never have been synced.
            let sync = self.files.open(path, Access::Read).and_then(|file| file.sync_all());
            let sync = sync.and_then(|()| self.files.sync_dir(&directory(dir)));
            sync.map_err(|error| LogError::io("sync the log segment", path, error))?;
        }
        self.write(milestone)
    }

    /// Replaces the file, durably, by one that also says with which segment the log begins. Everything else that the
    /// milestone says must be durable already.
    pub fn write(&mut self, milestone: Milestone) -> Result<(), LogError> {
        self.replace(Milestone { first_segment: self.first_segment, ..milestone })
    }

    fn replace(&mut self, milestone: Milestone) -> Result<(), LogError> {
        // Not known again until it is written: a failure may have come after the rename.
        (self.says, self.is_durable) = (None, false);
        let parent = self.path.parent().expect("it lies in a directory");
        self.files
            .create_dir(parent)
            .and_then(|()| self.files.write_atomically(&self.path, &milestone.encode()))
            .map_err(|error| LogError::io("write", &self.path, error))?;
        (self.says, self.is_durable) = (Some(milestone), true);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use paddock_consensus::Zxid;

    use super::{COUNT_MAX, FoundMilestone, HEADER_BYTES, Milestone, MilestoneFile, Reached, milestone_path};
    use crate::io::Files;
    use crate::log::GroupNumber;
    use crate::log::segment_path::SegmentPath;

    fn milestone() -> Milestone {
        Milestone {
            log_id: 0x1111_2222_3333_4444,
            segment: 5,
            segment_bytes: 4096,
            group: GroupNumber(9),
            zxid: Zxid(0x2_0000_0001),
            is_cut: false,
            first_segment: 0,
            dir: PathBuf::from("/logs/a b"),
        }
    }

    #[test]
    fn it_reads_as_it_was_written() {
        let bytes = milestone().encode();
        assert_eq!(bytes.len(), HEADER_BYTES + 9);
        assert_eq!(Milestone::decode(&bytes), Some(milestone()));
        let cut = Milestone { is_cut: true, ..milestone() };
        assert_eq!(Milestone::decode(&cut.encode()), Some(cut));
        for is_cut in [false, true] {
            let begun = Milestone { is_cut, first_segment: 3, ..milestone() };
            let bytes = begun.encode();
            assert_eq!(bytes.len(), HEADER_BYTES + 9 + 8);
            assert_eq!(Milestone::decode(&bytes), Some(begun));
            assert_eq!(Milestone::decode(&bytes[..bytes.len() - 1]), None);
        }
        let beyond = Milestone { first_segment: COUNT_MAX + 1, ..milestone() };
        assert_eq!(Milestone::decode(&beyond.encode()), None);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Milestone::decode(&bytes), None, "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert_eq!(Milestone::decode(&bytes[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn the_document_has_its_fields() {
        let document = include_str!("FORMAT.md");
        let (_, section) = document.split_once("## Milestone").unwrap();
        let rows =
            section.lines().skip_while(|line| !line.starts_with("| 0 ")).take_while(|line| line.starts_with('|'));
        let offsets: Vec<usize> = rows.map(|row| row.split('|').nth(1).unwrap().trim().parse().unwrap()).collect();
        assert_eq!(offsets, [0, 8, 12, 20, 28, 36, 44, 52, 56, HEADER_BYTES]);
    }

    #[test]
    fn each_thing_that_is_missing_is_told() {
        let dir = std::env::temp_dir().join(format!("paddock-milestone-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        let segments = [SegmentPath::new(&dir, 5)];
        let milestone = milestone();
        let good = Reached { log_id: milestone.log_id, group: GroupNumber(9), zxid: milestone.zxid };
        let missing = |segments: &[SegmentPath], end: &Reached| {
            milestone.missing(&Files::Real, &dir, segments, end, 5, "").unwrap_or_default()
        };
        assert!(missing(&[], &good).contains("no segment"));
        assert!(missing(&segments, &good).contains("is gone"));
        std::fs::write(&segments[0].path, [0; 4095]).unwrap();
        assert!(missing(&segments, &good).contains("4095 of 4096"));
        std::fs::write(&segments[0].path, [0; 5000]).unwrap();
        assert_eq!(missing(&segments, &good), "");
        assert!(missing(&segments, &Reached { log_id: 1, ..good }).contains("another log"));
        assert!(missing(&segments, &Reached { group: GroupNumber(8), ..good }).contains("group 8"));
        assert!(missing(&segments, &Reached { zxid: Zxid(7), ..good }).contains("0x7"));
        let later = Reached { group: GroupNumber(10), zxid: Zxid(0x2_0000_0002), ..good };
        assert_eq!(missing(&segments, &later), "");
        std::fs::remove_file(&segments[0].path).unwrap();
        assert!(missing(&segments, &later).contains("is gone"));
        assert_eq!(
            milestone.missing(&Files::Real, &dir, &[SegmentPath::new(&dir, 6)], &later, 6, ""),
            None,
            "it may be purged by then"
        );
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_file_that_is_none_is_damaged_and_none_is_nothing() {
        let dir = std::env::temp_dir().join(format!("paddock-milestone-file-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        assert_eq!(FoundMilestone::read(&Files::Real, &dir).unwrap(), FoundMilestone::Nothing);
        let mut file = MilestoneFile::new(&Files::Real, &dir, &FoundMilestone::Nothing);
        file.write(milestone()).unwrap();
        assert_eq!(FoundMilestone::read(&Files::Real, &dir).unwrap(), FoundMilestone::Milestone(milestone()));
        std::fs::write(milestone_path(&dir), b"").unwrap();
        assert_eq!(FoundMilestone::read(&Files::Real, &dir).unwrap(), FoundMilestone::Damaged);
        assert!(FoundMilestone::read(&Files::Real, Path::new("/dev/null")).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

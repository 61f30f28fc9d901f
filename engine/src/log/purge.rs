//! Removing old segments by another process than the one that writes the log, if there is one.

use std::io::{self, ErrorKind};
use std::path::Path;

use paddock_consensus::Zxid;

use super::LogError;
use super::older_segments::read_before;
use super::segment::list;
use super::segment_path::directory;
use crate::io::Files;

/// So many of the newest stay, whatever they hold: the one that is made ahead, the one that is written to, and the one before,
/// which may have the last durable group, so that nothing is missed when the log is opened.
const NEWEST: usize = 3;

/// Removes the segments of a `dataLogDir` in which every record is at or below `zxid`, the oldest first, each durably before the
/// next, so that no gap is ever left. `tell` is told of each before it goes.
///
/// A segment ends where the next one begins: one before a segment whose beginning cannot be read stays. A server that writes the
/// log meanwhile sees that nothing is lost by what snapshots there are.
pub fn purge_up_to(
    files: &Files,
    data_log_dir: &Path,
    zxid: Zxid,
    tell: &mut dyn FnMut(&Path),
) -> Result<(), LogError> {
    let segments = list(files, &directory(data_log_dir))?;
    let most = segments.len().saturating_sub(NEWEST);
    for (segment, next) in segments.iter().zip(segments.iter().skip(1)).take(most) {
        let before = unless_gone(read_before(files, next)).map_err(|error| LogError::io("read", &next.path, error))?;
        if before.flatten().is_none_or(|before| before > zxid) {
            break;
        }
        tell(&segment.path);
        let removed = unless_gone(files.remove(&segment.path));
        removed.map_err(|error| LogError::io("remove", &segment.path, error))?;
    }
    Ok(())
}

/// `None` where the file has gone meanwhile: a server removes segments too.
fn unless_gone<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_consensus::Zxid;

    use super::super::format::{HEADER_BYTES, Header};
    use super::super::segment_path::{SegmentPath, directory};
    use super::purge_up_to;
    use crate::io::Files;
    use crate::io::simulated::FileSystem;

    const DIR: &str = "/log";

    fn write(files: &Files, sequence: u64, before: i64) {
        let group = Header::alone(sequence, Zxid(before));
        files.write_atomically(&SegmentPath::new(&directory(Path::new(DIR)), sequence).path, &group).unwrap();
    }

    fn purged(files: &Files, zxid: i64) -> usize {
        let mut count = 0;
        purge_up_to(files, Path::new(DIR), Zxid(zxid), &mut |_| count += 1).unwrap();
        count
    }

    #[test]
    fn what_a_snapshot_holds_goes_and_the_newest_stay() {
        let files = Files::Simulated(FileSystem::new(1));
        files.create_dir(&directory(Path::new(DIR))).unwrap();
        assert_eq!(purged(&files, 100), 0, "there is no log");
        for (sequence, before) in [(1, 0), (2, 10), (3, 20), (4, 30), (5, 40), (6, 50)] {
            write(&files, sequence, before);
        }
        assert_eq!(purged(&files, 9), 0);
        assert_eq!(purged(&files, 19), 1, "the second one has the transaction behind the snapshot");
        assert_eq!(purged(&files, 19), 0);
        // The beginning of the fourth one is gone, so that nobody knows where the third one ends.
        let path = SegmentPath::new(&directory(Path::new(DIR)), 4).path;
        files.write_atomically(&path, &[0; HEADER_BYTES]).unwrap();
        assert_eq!(purged(&files, 100), 1);
        write(&files, 4, 30);
        assert_eq!(purged(&files, 100), 1, "three stay");
        assert_eq!(purged(&files, 100), 0);
    }
}

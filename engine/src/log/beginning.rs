//! The beginning of a log whose earlier transactions are all in a snapshot, as a conversion makes it.

use std::io::ErrorKind;
use std::path::Path;

use paddock_consensus::Zxid;

use super::chain::new_log_id;
use super::milestone::{FoundMilestone, MilestoneFile, Reached, milestone_path};
use super::segment::list;
use super::segment_path::directory;
use super::{Entry, GroupNumber, LogError, Verdict, inspect};
use crate::io::Files;

/// Notes in a `dataDir` that its log, in the `dataLogDir` `dir`, has no segment yet and begins after `zxid`: with the
/// snapshot of that transaction a start finds all that it looks for.
pub fn begin_after(files: &Files, data_dir: &Path, dir: &Path, zxid: Zxid) -> Result<(), LogError> {
    let end = Reached { log_id: new_log_id(files)?, group: GroupNumber(0), zxid };
    MilestoneFile::new(files, data_dir, &FoundMilestone::Nothing).note_end(dir, None, end)
}

/// Removes the milestone of a `dataDir` whose log is to begin anew.
pub fn forget_milestone(files: &Files, data_dir: &Path) -> Result<(), LogError> {
    let path = milestone_path(data_dir);
    match files.remove(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(LogError::io("remove", &path, error)),
        _ => Ok(()),
    }
}

/// Removes the segments of a log that holds no transaction, or only what was cut before, as the milestone says; the last one
/// first. `false` if it holds one: then all of it stays.
///
/// # Errors
/// [`LogError::Damaged`] if nobody can say whether it holds one.
pub fn remove_void(files: &Files, data_dir: &Path, data_log_dir: &Path) -> Result<bool, LogError> {
    let mut is_void = true;
    let verdict =
        inspect(files, data_dir, data_log_dir, &mut |entry| is_void &= !matches!(entry, Entry::Record { .. }))?;
    if let Verdict::Damaged(damage) = verdict {
        return Err(LogError::Damaged(Box::new(damage)));
    }
    if is_void {
        for segment in list(files, &directory(data_log_dir))?.iter().rev() {
            files.remove(&segment.path).map_err(|error| LogError::io("remove", &segment.path, error))?;
        }
    }
    Ok(is_void)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use paddock_consensus::Zxid;

    use super::{begin_after, forget_milestone, remove_void};
    use crate::io::Files;
    use crate::log::{Log, LogConfig, Place, cut_after, log_dir, segment_count};

    fn fresh(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("paddock-beginning-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        dir
    }

    #[test]
    fn a_log_begins_after_the_snapshot_and_is_missed_without_it() {
        let dir = fresh("after");
        begin_after(&Files::Real, &dir, &dir, Zxid(9)).unwrap();
        assert!(Log::open(LogConfig::new(&dir), Zxid(8), &mut |_, _| Ok(())).is_err(), "the snapshot is an older one");
        let (mut log, found) = Log::open(LogConfig::new(&dir), Zxid(9), &mut |_, _| Ok(())).unwrap();
        assert_eq!((found.last, found.records), (Zxid(9), 0));
        log.append(Zxid(10), |out| out.extend_from_slice(b"next"));
        log.close().unwrap();
        let (_, found) = Log::open(LogConfig::new(&dir), Zxid(9), &mut |_, _| Ok(())).unwrap();
        assert_eq!((found.last, found.records), (Zxid(10), 1));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_log_is_void_although_what_was_cut_has_come_back() {
        let dir = fresh("cut");
        let (mut log, _) = Log::open(LogConfig::new(&dir), Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
        log.append(Zxid(1), |out| out.extend_from_slice(b"first"));
        log.close().unwrap();
        let segment = log_dir(&dir).join("log.0000000000000001");
        let old = std::fs::read(&segment).unwrap();
        let place = Place { files: &Files::Real, dir: &dir, data_dir: &dir, snapshot: Zxid::ZERO };
        cut_after(place, Zxid::ZERO).unwrap();
        std::fs::write(&segment, old).unwrap();
        assert!(remove_void(&Files::Real, &dir, &dir).unwrap());
        assert!(!segment.exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn only_a_log_without_transactions_is_removed() {
        let dir = fresh("void");
        let count = || segment_count(&Files::Real, &dir).unwrap();
        forget_milestone(&Files::Real, &dir).unwrap();
        assert!(remove_void(&Files::Real, &dir, &dir).unwrap(), "none is void");
        // As it was prepared, and never written to.
        std::fs::create_dir(log_dir(&dir)).unwrap();
        std::fs::write(log_dir(&dir).join("log.0000000000000001"), [0; 8192]).unwrap();
        assert!(remove_void(&Files::Real, &dir, &dir).unwrap());
        assert_eq!(count(), 0);
        let (mut log, _) = Log::open(LogConfig::new(&dir), Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
        log.append(Zxid(1), |out| out.extend_from_slice(b"first"));
        log.close().unwrap();
        let segments = count();
        assert!(!remove_void(&Files::Real, &dir, &dir).unwrap());
        assert_eq!(count(), segments);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

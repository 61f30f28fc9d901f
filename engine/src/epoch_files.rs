//! The two files in which a server of an ensemble keeps its promises about epochs, in the `dataDir` itself: they belong to the
//! server, and not to one of its histories.
//!
//! ```text
//! <dataDir>/acceptedEpoch   the newest epoch that it has promised to follow
//! <dataDir>/currentEpoch    the newest epoch whose history it has, all of it durable
//! ```
//!
//! Each holds a decimal number, as ZooKeeper's own do: the first line is read, and none is written behind it. Each is replaced
//! whole, and durably, before anybody is told of what it says. `acceptedEpoch` is never below `currentEpoch`, nor below the
//! epoch of the newest transaction; that this may be above `currentEpoch` is what a crash between the end of a synchronisation
//! and the file leaves.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::{Epoch, Zxid};

use crate::io::{Files, advice};

/// The names of the files.
pub(crate) const ACCEPTED: &str = "acceptedEpoch";
pub(crate) const CURRENT: &str = "currentEpoch";
/// No epoch is longer, bytes.
const TEXT_MAX: usize = 64;

/// Why the epochs of a server are not known, or cannot be promised.
#[derive(Debug)]
pub enum EpochError {
    Io {
        path: PathBuf,
        source: io::Error,
    },
    /// There is no epoch in the file. A crash does not do that: it is replaced whole.
    Damaged {
        path: PathBuf,
    },
    /// The epoch in `path` is below one that shows that it was higher.
    Fallen {
        path: PathBuf,
        accepted: Epoch,
        shown: Epoch,
        /// What shows that.
        by: String,
    },
}

impl fmt::Display for EpochError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EpochError::Io { path, source } => {
                write!(f, "cannot use {}: {source}; {}", path.display(), advice(source))
            }
            EpochError::Damaged { path } => write!(
                f,
                "{} has no epoch in it, so that nobody knows what this server has promised; put it back from a backup, or let \
                 the server begin with an empty dataDir and take a copy from its ensemble",
                path.display()
            ),
            EpochError::Fallen { path, accepted: Epoch(accepted), shown: Epoch(shown), by } => write!(
                f,
                "{} says epoch {accepted}, but {by} shows that this server had promised epoch {shown}; put the newest file \
                 back, or let the server begin with an empty dataDir and take a copy from its ensemble",
                path.display()
            ),
        }
    }
}

impl std::error::Error for EpochError {}

/// The files of one `dataDir`, and what they say.
#[derive(Debug)]
pub struct EpochFiles {
    files: Files,
    data_dir: PathBuf,
    accepted: Option<Epoch>,
    current: Option<Epoch>,
}

impl EpochFiles {
    /// Reads them.
    ///
    /// # Errors
    /// [`Io`](EpochError::Io) and [`Damaged`](EpochError::Damaged).
    pub fn read(files: &Files, data_dir: &Path) -> Result<EpochFiles, EpochError> {
        Ok(EpochFiles {
            files: files.clone(),
            data_dir: data_dir.to_owned(),
            accepted: read(files, &data_dir.join(ACCEPTED))?,
            current: read(files, &data_dir.join(CURRENT))?,
        })
    }

    /// The newest epoch that this server has promised to follow; `None` if it has never promised any.
    pub fn accepted(&self) -> Option<Epoch> {
        self.accepted
    }

    /// The newest epoch whose history this server has; `None` if it was never in one.
    pub fn current(&self) -> Option<Epoch> {
        self.current
    }

    /// Sees that the files are not older than what is beside them, where the newest transaction is `last`. A server without
    /// an accepted epoch has promised no more than what its transactions show.
    ///
    /// # Errors
    /// [`Fallen`](EpochError::Fallen).
    pub fn check(&self, last: Zxid) -> Result<(), EpochError> {
        let accepted = self.accepted.unwrap_or(last.epoch());
        let fallen = |shown: Epoch, by: String| {
            Err(EpochError::Fallen { path: self.data_dir.join(ACCEPTED), accepted, shown, by })
        };
        match self.current {
            Some(current) if current > accepted => fallen(current, self.data_dir.join(CURRENT).display().to_string()),
            _ if last.epoch() > accepted => fallen(last.epoch(), format!("transaction {last}")),
            _ => Ok(()),
        }
    }

    /// Writes anew what they say. It may not be durable: the process before this one may have ended in the middle of a write, or
    /// because the sync of the directory failed, and a power cut would take back what this one tells others.
    ///
    /// # Errors
    /// [`Io`](EpochError::Io).
    pub fn make_durable(&self) -> Result<(), EpochError> {
        // In this order the current epoch is at no time above the accepted one.
        for (name, epoch) in [(ACCEPTED, self.accepted), (CURRENT, self.current)] {
            epoch.map_or(Ok(()), |epoch| self.write(name, epoch))?;
        }
        Ok(())
    }

    /// Promises to follow an epoch, durably. After an error it is not known whether that was promised.
    ///
    /// # Panics
    /// If a higher one was promised.
    pub fn write_accepted(&mut self, epoch: Epoch) -> Result<(), EpochError> {
        assert!(self.accepted.is_none_or(|accepted| accepted <= epoch), "{epoch:?} after {:?}", self.accepted);
        self.write(ACCEPTED, epoch)?;
        self.accepted = Some(epoch);
        Ok(())
    }

    /// Says that the history of an epoch is here, durably. After an error it is not known whether that was said.
    ///
    /// # Panics
    /// If this epoch was not accepted, or a higher one was current.
    pub fn write_current(&mut self, epoch: Epoch) -> Result<(), EpochError> {
        assert!(self.current.is_none_or(|current| current <= epoch), "{epoch:?} after {:?}", self.current);
        assert!(self.accepted.is_some_and(|accepted| accepted >= epoch), "{epoch:?} was not accepted");
        self.write(CURRENT, epoch)?;
        self.current = Some(epoch);
        Ok(())
    }

    fn write(&self, name: &str, epoch: Epoch) -> Result<(), EpochError> {
        let path = self.data_dir.join(name);
        write(&self.files, &path, epoch).map_err(|source| EpochError::Io { path, source })
    }
}

/// What one of the files says; `None` if there is none.
pub(crate) fn read(files: &Files, path: &Path) -> Result<Option<Epoch>, EpochError> {
    let text = match files.read(path, TEXT_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(EpochError::Io { path: path.to_owned(), source }),
    };
    let first = std::str::from_utf8(&text).ok().and_then(|text| text.lines().next());
    let number: Option<i32> = first.and_then(|line| line.parse().ok());
    match number.filter(|number| *number >= 0) {
        Some(number) => Ok(Some(Epoch(number))),
        None => Err(EpochError::Damaged { path: path.to_owned() }),
    }
}

/// Replaces one of the files.
pub(crate) fn write(files: &Files, path: &Path, Epoch(number): Epoch) -> io::Result<()> {
    files.write_atomically(path, number.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_consensus::{Epoch, Zxid};

    use super::{EpochError, EpochFiles};
    use crate::io::Files;
    use crate::io::simulated::{Effect, Fault, FileSystem, Operation, Seeded};

    /// Ways in which each power cut is tried.
    const SEEDS: u64 = 8;

    fn data() -> &'static Path {
        Path::new("/data")
    }

    fn machine() -> FileSystem {
        let machine = FileSystem::new(1);
        Files::Simulated(machine.clone()).create_dir(data()).unwrap();
        machine
    }

    fn read(machine: &FileSystem) -> Result<EpochFiles, EpochError> {
        EpochFiles::read(&Files::Simulated(machine.clone()), data())
    }

    fn epochs(machine: &FileSystem) -> (Option<i32>, Option<i32>) {
        let files = read(machine).unwrap();
        (files.accepted().map(|epoch| epoch.0), files.current().map(|epoch| epoch.0))
    }

    fn promise(machine: &FileSystem, accepted: i32, current: i32) {
        let mut files = read(machine).unwrap();
        files.write_accepted(Epoch(accepted)).unwrap();
        files.write_current(Epoch(current)).unwrap();
    }

    #[test]
    fn a_file_is_read_with_or_without_a_line_end_and_nothing_else_is_taken_for_an_epoch() {
        let machine = machine();
        let files = Files::Simulated(machine.clone());
        assert_eq!(epochs(&machine), (None, None));
        promise(&machine, 7, 6);
        assert_eq!(epochs(&machine), (Some(7), Some(6)));
        assert_eq!(files.read(&data().join("acceptedEpoch"), 100).unwrap(), b"7", "as ZooKeeper writes it");
        for (text, epoch) in [("3", 3), ("3\n", 3), ("3\r\nmore", 3), ("2147483647", i32::MAX)] {
            files.write_atomically(&data().join("currentEpoch"), text.as_bytes()).unwrap();
            assert_eq!(epochs(&machine), (Some(7), Some(epoch)), "{text:?}");
        }
        let long = "1".repeat(5000);
        for text in ["", "\n", "-1", " 3", "3 ", "0x3", "2147483648", "three", &long, "\u{663}"] {
            files.write_atomically(&data().join("currentEpoch"), text.as_bytes()).unwrap();
            let error = read(&machine).unwrap_err();
            assert!(matches!(error, EpochError::Damaged { .. }), "{text:?}: {error}");
            assert!(error.to_string().starts_with("/data/currentEpoch has no epoch"), "{error}");
        }
        files.remove(&data().join("currentEpoch")).unwrap();
        files.create_dir(&data().join("currentEpoch")).unwrap();
        assert!(matches!(read(&machine), Err(EpochError::Io { .. })));
    }

    #[test]
    fn what_a_failed_sync_left_is_durable_before_it_is_told() {
        for seed in 0..SEEDS {
            let machine = FileSystem::new(seed);
            let files = Files::Simulated(machine.clone());
            files.create_dir(data()).unwrap();
            files.sync_dir(Path::new("/")).unwrap();
            promise(&machine, 3, 3);
            let fails = Effect::Fails(libc::EIO);
            machine.add_fault(Fault { operation: Operation::SyncDirectory, skipped: 0, times: 1, effect: fails });
            read(&machine).unwrap().write_accepted(Epoch(4)).unwrap_err();
            let machine = machine.end_process(&mut Seeded::new(seed));
            let found = read(&machine).unwrap();
            found.make_durable().unwrap();
            let told = found.accepted();
            let machine = machine.crash(&mut Seeded::new(seed));
            assert_eq!(read(&machine).unwrap().accepted(), told, "{seed}");
        }
    }

    #[test]
    fn epochs_that_have_fallen_are_refused() {
        let last = |epoch: i64| Zxid(epoch << 32 | 5);
        for (accepted, current, epoch, holds) in [
            (None, None, 0, true),
            (None, None, 4, true),
            (Some(4), None, 4, true),
            (Some(4), Some(3), 4, true),
            (Some(5), Some(4), 3, true),
            (None, Some(4), 4, true),
            (None, Some(5), 4, false),
            (Some(3), Some(4), 3, false),
            (Some(3), Some(3), 4, false),
            (Some(3), None, 4, false),
        ] {
            let machine = machine();
            let files = Files::Simulated(machine.clone());
            for (name, epoch) in [("acceptedEpoch", accepted), ("currentEpoch", current)] {
                if let Some(epoch) = epoch {
                    super::write(&files, &data().join(name), Epoch(epoch)).unwrap();
                }
            }
            let checked = read(&machine).unwrap().check(last(epoch));
            assert_eq!(checked.is_ok(), holds, "{accepted:?} {current:?} {epoch}");
            let names_it = |error: EpochError| error.to_string().starts_with("/data/acceptedEpoch says epoch ");
            assert!(checked.map_or_else(names_it, |()| true));
        }
    }

    #[test]
    #[should_panic(expected = "Epoch(6) after Some(Epoch(7))")]
    fn no_promise_is_taken_back() {
        let machine = machine();
        promise(&machine, 7, 7);
        let _ = read(&machine).unwrap().write_accepted(Epoch(6));
    }

    #[test]
    #[should_panic(expected = "was not accepted")]
    fn no_epoch_is_current_that_was_not_accepted() {
        let machine = machine();
        promise(&machine, 7, 7);
        let _ = read(&machine).unwrap().write_current(Epoch(8));
    }

    #[test]
    fn a_power_cut_leaves_each_file_as_it_was_or_as_it_is_to_be() {
        let machine = machine();
        promise(&machine, 9, 9);
        machine.record();
        promise(&machine, 10, 10);
        let (mut olds, mut news) = (0, 0);
        let moments = machine.take_recorded();
        for moment in &moments {
            for seed in 0..SEEDS {
                let left = moment.crashed(&mut Seeded::new(seed));
                match epochs(&left) {
                    (Some(9), Some(9)) => olds += 1,
                    (Some(10), Some(9)) => {}
                    (Some(10), Some(10)) => news += 1,
                    other => panic!("{other:?}"),
                }
                read(&left).unwrap().check(Zxid(9 << 32 | 1)).unwrap();
            }
        }
        assert!(olds > 10 && news > 1, "{olds} {news} of {}", moments.len());
        for seed in 0..SEEDS {
            assert_eq!(epochs(&machine.moment().crashed(&mut Seeded::new(seed))), (Some(10), Some(10)));
        }
    }

    /// Otherwise power cuts that find nothing would prove nothing.
    #[test]
    fn a_sync_that_is_left_out_is_found() {
        for (operation, skipped) in [Operation::SyncFile, Operation::SyncDirectory].into_iter().zip([0, 1]) {
            let machine = machine();
            promise(&machine, 9, 9);
            machine.add_fault(Fault { operation, skipped, times: 1, effect: Effect::IsLeftOut });
            promise(&machine, 10, 10);
            let is_lost = |seed| {
                let left = machine.moment().crashed(&mut Seeded::new(seed));
                read(&left)
                    .map_or(true, |files| files.current() != Some(Epoch(10)) || files.accepted() != Some(Epoch(10)))
            };
            assert!((0..SEEDS).any(is_lost), "{operation:?}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_as_it_was_or_as_it_was_to_be() {
        for operation in
            [Operation::Create, Operation::Write, Operation::SyncFile, Operation::Rename, Operation::SyncDirectory]
        {
            let machine = machine();
            promise(&machine, 9, 9);
            machine.add_fault(Fault { operation, skipped: 0, times: 1, effect: Effect::Fails(libc::EIO) });
            let mut files = read(&machine).unwrap();
            let error = files.write_accepted(Epoch(10)).unwrap_err();
            assert!(matches!(error, EpochError::Io { .. }), "{operation:?}");
            assert_eq!(files.accepted(), Some(Epoch(9)), "what is not durable is not told");
            assert!(matches!(epochs(&machine), (Some(9 | 10), Some(9))), "{operation:?}");
        }
    }
}

//! The two files in which a server of an ensemble keeps its promises about epochs, in the `dataDir` itself: they belong to the
//! server, and not to one of its histories.
//!
//! ```text
//! <dataDir>/acceptedEpoch   the newest epoch that it has promised to follow
//! <dataDir>/currentEpoch    the newest epoch whose history it has, all of it durable
//! ```
//!
//! The first line of each is a decimal number, as in ZooKeeper's own, which has no other line. The second is `sum` and the CRC32C,
//! in 8 hexadecimal digits, of the file's name, a space, and the number: of a number alone nobody can tell whether it is the one
//! that was written. A file without a second line, as a person writes it, is taken for what it says; with anything else behind
//! the first line it is damaged. Each is replaced whole, and durably, before anybody is told of what it says.
//!
//! `acceptedEpoch` is written first, and is never below `currentEpoch`, nor below the epoch of the newest transaction; that this
//! may be above `currentEpoch` is what a crash between the end of a synchronisation and the file leaves.
//!
//! A server of which one of them is damaged, missing or older than it was does not know what it has promised, or how much its
//! history counts. It does not vote before it has a full copy of a leader's state, and a new promise with that.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::{Epoch, Zxid};

use crate::io::{Files, advice, is_shortage};

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
    /// The file is not there, and something shows that it was.
    Lost {
        path: PathBuf,
        /// What shows that.
        by: String,
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
                "{} is damaged at offset 0: it has no epoch in it, so that nobody knows what this server has promised",
                path.display()
            ),
            EpochError::Lost { path, by } => write!(
                f,
                "{} is missing, although {by} shows that it was there, so that nobody knows what this server has promised",
                path.display()
            ),
            EpochError::Fallen { path, accepted: Epoch(accepted), shown: Epoch(shown), by } => write!(
                f,
                "{} says epoch {accepted}, but {by} shows that this server had promised epoch {shown}",
                path.display()
            ),
        }
    }
}

impl std::error::Error for EpochError {}

impl EpochError {
    /// Whether something was short that may be had again later. Nothing is promised then that was not before.
    pub fn is_shortage(&self) -> bool {
        matches!(self, EpochError::Io { source, .. } if is_shortage(source))
    }
}

/// The files of one `dataDir`, and what they say.
#[derive(Debug)]
pub struct EpochFiles {
    files: Files,
    data_dir: PathBuf,
    accepted: Option<Epoch>,
    current: Option<Epoch>,
    /// One that cannot be understood: it stays until another epoch takes its place.
    damaged: Option<PathBuf>,
}

impl EpochFiles {
    /// Reads them. One that is damaged says nothing.
    ///
    /// # Errors
    /// [`Io`](EpochError::Io).
    pub fn read(files: &Files, data_dir: &Path) -> Result<EpochFiles, EpochError> {
        let mut damaged = None;
        let mut read = |name: &str| match read_own(files, &data_dir.join(name), name) {
            Err(EpochError::Damaged { path }) => {
                damaged.get_or_insert(path);
                Ok(None)
            }
            read => read,
        };
        let (accepted, current) = (read(ACCEPTED)?, read(CURRENT)?);
        Ok(EpochFiles { files: files.clone(), data_dir: data_dir.to_owned(), accepted, current, damaged })
    }

    /// The newest epoch that this server has promised to follow; `None` if it has never promised any.
    pub fn accepted(&self) -> Option<Epoch> {
        self.accepted
    }

    /// The newest epoch whose history this server has; `None` if it was never in one.
    pub fn current(&self) -> Option<Epoch> {
        self.current
    }

    /// The file that shows that this server was in an epoch, and so had data; `None` if there is none.
    pub fn of_a_member(&self) -> Option<PathBuf> {
        let was_in = |epoch: Option<Epoch>| epoch.is_some_and(|epoch| epoch > Epoch(0));
        let of = |epoch, name| was_in(epoch).then(|| self.data_dir.join(name));
        self.damaged.clone().or_else(|| of(self.current, CURRENT)).or_else(|| of(self.accepted, ACCEPTED))
    }

    /// Whether this server has promised an epoch, and was never in one whose history it had: 0 is written before any.
    pub fn has_only_promised(&self) -> bool {
        let was_in_none = self.current.is_none_or(|epoch| epoch == Epoch(0));
        self.damaged.is_none() && was_in_none && self.accepted.is_some_and(|epoch| epoch > Epoch(0))
    }

    /// Sees that the files are whole, and not older than what is beside them, where the newest transaction is `last`. A server
    /// without either has promised no more than what its transactions show. If only the second one is missing, a crash may have
    /// come before it was written for the first time, and then nothing has happened since.
    ///
    /// # Errors
    /// [`Damaged`](EpochError::Damaged), [`Lost`](EpochError::Lost) and [`Fallen`](EpochError::Fallen).
    pub fn check(&self, last: Zxid) -> Result<(), EpochError> {
        if let Some(path) = self.damaged.clone() {
            return Err(EpochError::Damaged { path });
        }
        let [accepted_path, current_path] = [ACCEPTED, CURRENT].map(|name| self.data_dir.join(name));
        let accepted = self.accepted.unwrap_or(last.epoch());
        let shown = match self.current {
            Some(current) if current > accepted => Some((current, current_path.display().to_string())),
            _ if last.epoch() > accepted => Some((last.epoch(), format!("transaction {last}"))),
            _ => None,
        };
        match (shown, self.accepted, self.current) {
            (_, None, Some(_)) => Err(EpochError::Lost { path: accepted_path, by: current_path.display().to_string() }),
            (Some((shown, by)), ..) => Err(EpochError::Fallen { path: accepted_path, accepted, shown, by }),
            (None, Some(accepted), None) if accepted != last.epoch() => {
                Err(EpochError::Lost { path: current_path, by: accepted_path.display().to_string() })
            }
            _ => Ok(()),
        }
    }

    /// What a server has promised at least, and whose history it has at least, if its files do not [hold](Self::check). What
    /// they are does not change by that: they stay as they are until others take their places.
    pub fn at_least(&self, last: Zxid) -> (Epoch, Epoch) {
        let current = self.current.unwrap_or_default();
        let accepted = self.accepted.unwrap_or_default().max(current).max(last.epoch());
        (accepted, current)
    }

    /// A history that ends in an epoch has all that the leader of that epoch began with, so that it counts as one of that epoch,
    /// whatever the file says: a crash may have come before it was written, or it is an older one.
    pub fn raise_current(&mut self, last: Zxid) {
        self.current = self.current.map(|current| current.max(last.epoch()));
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
        let written = self.files.write_atomically(&path, own_text(name, epoch).as_bytes());
        written.map_err(|source| EpochError::Io { path, source })
    }
}

/// What one of our files holds.
fn own_text(name: &str, Epoch(number): Epoch) -> String {
    let sum = crc32c::crc32c(format!("{name} {number}").as_bytes());
    format!("{number}\nsum {sum:08x}\n")
}

/// What one of our files says; `None` if there is none.
fn read_own(files: &Files, path: &Path, name: &str) -> Result<Option<Epoch>, EpochError> {
    let Some(text) = read_text(files, path)? else { return Ok(None) };
    let epoch = first_line(&text).filter(|epoch| {
        let rest = text.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
        rest.trim_ascii().is_empty() || text == own_text(name, *epoch).as_bytes()
    });
    epoch.map(Some).ok_or_else(|| EpochError::Damaged { path: path.to_owned() })
}

/// What one of a ZooKeeper's files says, of which only the first line is read; `None` if there is none.
pub(crate) fn read(files: &Files, path: &Path) -> Result<Option<Epoch>, EpochError> {
    let Some(text) = read_text(files, path)? else { return Ok(None) };
    first_line(&text).map(Some).ok_or_else(|| EpochError::Damaged { path: path.to_owned() })
}

fn read_text(files: &Files, path: &Path) -> Result<Option<Vec<u8>>, EpochError> {
    match files.read(path, TEXT_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EpochError::Io { path: path.to_owned(), source }),
    }
}

fn first_line(text: &[u8]) -> Option<Epoch> {
    let first = text.split(|byte| *byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok())?;
    let number: i32 = first.strip_suffix('\r').unwrap_or(first).parse().ok()?;
    (number >= 0).then_some(Epoch(number))
}

/// Replaces one of a ZooKeeper's files.
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
        let accepted = files.read(&data().join("acceptedEpoch"), 100).unwrap();
        assert_eq!(super::first_line(&accepted), Some(Epoch(7)), "as ZooKeeper reads it");
        assert_eq!(super::read(&files, &data().join("acceptedEpoch")).unwrap(), Some(Epoch(7)));
        for (text, epoch) in [("3", 3), ("3\n", 3), ("3\r\n", 3), ("3\n\n", 3), ("2147483647", i32::MAX)] {
            files.write_atomically(&data().join("currentEpoch"), text.as_bytes()).unwrap();
            assert_eq!(epochs(&machine), (Some(7), Some(epoch)), "{text:?}");
        }
        let long = "1".repeat(5000);
        let of_the_other = super::own_text("acceptedEpoch", Epoch(6));
        let more = "3\r\nmore";
        for text in ["", "\n", "-1", " 3", "3 ", "0x3", "2147483648", "three", &long, "\u{663}", more, &of_the_other] {
            files.write_atomically(&data().join("currentEpoch"), text.as_bytes()).unwrap();
            let found = read(&machine).unwrap();
            assert_eq!((found.accepted(), found.current()), (Some(Epoch(7)), None), "{text:?}");
            let error = found.check(Zxid(7 << 32 | 1)).unwrap_err();
            assert!(matches!(error, EpochError::Damaged { .. }), "{text:?}: {error}");
            assert!(error.to_string().starts_with("/data/currentEpoch is damaged at offset 0: "), "{error}");
        }
        files.remove(&data().join("currentEpoch")).unwrap();
        files.create_dir(&data().join("currentEpoch")).unwrap();
        assert!(matches!(read(&machine), Err(EpochError::Io { .. })));
    }

    #[test]
    fn a_bit_that_was_flipped_is_seen_and_so_is_a_piece_that_was_torn_off_behind_the_number() {
        let (machine, path) = (machine(), data().join("currentEpoch"));
        let files = Files::Simulated(machine.clone());
        promise(&machine, 14, 14);
        let whole = files.read(&path, 100).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            files.write_atomically(&path, &flipped).unwrap();
            assert_eq!(read(&machine).unwrap().current(), None, "bit {bit}");
        }
        for end in "14\n".len() + 1..whole.len() {
            files.write_atomically(&path, &whole[..end]).unwrap();
            assert_eq!(read(&machine).unwrap().current(), None, "cut at {end}");
        }
    }

    /// One of a time before its last transaction would have the histories of others preferred that have less.
    #[test]
    fn a_history_counts_for_the_epoch_of_its_newest_transaction_at_least() {
        let machine = machine();
        promise(&machine, 7, 3);
        let mut files = read(&machine).unwrap();
        files.raise_current(Zxid(5 << 32 | 9));
        files.make_durable().unwrap();
        assert_eq!(epochs(&machine), (Some(7), Some(5)));
        files.raise_current(Zxid(4 << 32 | 9));
        assert_eq!(files.current(), Some(Epoch(5)));
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
            (Some(4), None, 3, false),
            (None, Some(4), 4, false),
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
            let names_it = |error: EpochError| match (accepted, current) {
                (None, Some(_)) => {
                    error.to_string().starts_with("/data/acceptedEpoch is missing, although /data/currentE")
                }
                (Some(4), None) => {
                    error.to_string().starts_with("/data/currentEpoch is missing, although /data/acceptedE")
                }
                _ => error.to_string().starts_with("/data/acceptedEpoch says epoch "),
            };
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

//! A state that a leader sends whole (SNAP), built beside the one that is there, and put in its place.
//!
//! ```text
//! bytes of the link --> IncomingState --signature--> InstalledState --NEWLEADER--> InPlace
//!                       a second tree                transactions in order         a generation of its own
//! ```
//!
//! Nothing that comes is trusted: no length, no path, no order, no number of an ACL. Until [`put_in_place`] replaces the file
//! that names the present generation, nothing of what is there is touched: whatever goes wrong before leaves the former state as
//! it was, with all that it had acknowledged. Nothing here waits for a socket or has a thread: bytes are taken as they come.
//! What takes long is for a thread of its own: [`IncomingState::finish`] and [`put_in_place`] take time by the size of the state.
//!
//! A ZooKeeper writes the stream while its tree changes, so that it may hold effects of transactions after its zxid, all of which
//! follow before NEWLEADER. A Paddock's is of one moment.
//!
//! [`put_in_place`]: InstalledState::put_in_place

use std::fmt;
use std::mem;

use paddock_consensus::Zxid;
use paddock_consensus::input::Unsettled;

use crate::database::{Database, Rules};
use crate::generation::{FormerGenerations, Generation, GenerationError, NextGeneration, Succeeded, make_way};
use crate::log::{Log, LogConfig, RECORD_BYTES_MAX};
use crate::replay::{Before, ReplayError};
use crate::tree::HashSeed;
use crate::zookeeper::stream::{Content, Reading, read_signature};
use crate::zookeeper::{FormatError, InputArchive};

/// What is not submitted to the new log, at most, bytes; one record may be larger.
const GROUP_BYTES: usize = 1 << 20;

/// How a state is taken.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Of the new tree's hash.
    pub seed: HashSeed,
    pub rules: Rules,
    /// The longest text or buffer that is taken, bytes: `jute.maxbuffer` and `zookeeper.jute.maxbuffer.extrasize` together.
    pub length_max: usize,
    /// Whether the stream is of one moment, as a Paddock's is.
    pub before: Before,
}

/// Why no state came of what was sent. What was there is as it was.
#[derive(Debug)]
pub enum InstallationError {
    Stream(FormatError),
    Transaction {
        zxid: Zxid,
        error: ReplayError,
    },
    /// The ACL of a znode came neither with the stream nor with a transaction.
    NoAcl {
        path: String,
    },
}

impl InstallationError {
    /// What the consensus is told.
    pub fn unsettled(&self) -> Unsettled {
        match self {
            InstallationError::Transaction { error: ReplayError::Digest { .. }, .. } => Unsettled::DigestDiffers,
            _ => Unsettled::BadStream,
        }
    }
}

impl fmt::Display for InstallationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstallationError::Stream(error) => write!(f, "the state that the leader sends is none: {error}"),
            InstallationError::Transaction { zxid, error } => {
                write!(f, "transaction {zxid} cannot be applied to the state that the leader has sent: {error}")
            }
            InstallationError::NoAcl { path } => {
                write!(f, "the state that the leader has sent has no ACL for the znode {path:.256?}")
            }
        }
    }
}

impl std::error::Error for InstallationError {}

/// A state of which a part has come.
pub struct IncomingState {
    settings: Settings,
    reading: Reading,
    stage: Stage,
    /// The bytes of what is not whole yet: at most what one znode has, and one chunk.
    pending: Vec<u8>,
    /// Where these begin, in bytes from the stream's start.
    offset: u64,
    /// Nothing is whole before the stream has come so far.
    wanted: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    State,
    Signature,
    Whole,
}

impl IncomingState {
    pub fn new(settings: Settings) -> IncomingState {
        let reading = Reading::new(settings.seed, settings.rules.clone());
        IncomingState { settings, reading, stage: Stage::State, pending: Vec::new(), offset: 0, wanted: 0 }
    }

    /// Takes the bytes that come next, as many as belong to the state, and returns how many those are: fewer than there are
    /// once the signature has come, behind which the leader goes on with packets.
    ///
    /// # Errors
    /// [`Stream`](InstallationError::Stream), after which there is nothing to be made of it.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, InstallationError> {
        if self.is_whole() {
            return Ok(0);
        }
        self.pending.extend_from_slice(bytes);
        if self.offset + (self.pending.len() as u64) < self.wanted {
            return Ok(bytes.len());
        }
        let mut pending = mem::take(&mut self.pending);
        let read = self.read(&pending)?;
        self.offset += read as u64;
        if self.is_whole() {
            // What was pending before was not whole, so that the rest is of these bytes.
            return Ok(bytes.len() - (pending.len() - read));
        }
        pending.drain(..read);
        self.pending = pending;
        Ok(bytes.len())
    }

    /// Whether all of it has come.
    pub fn is_whole(&self) -> bool {
        self.stage == Stage::Whole
    }

    /// Reads what is whole, and returns how many bytes that is.
    fn read(&mut self, bytes: &[u8]) -> Result<usize, InstallationError> {
        let mut archive = InputArchive::at(bytes, self.offset, self.settings.length_max);
        loop {
            let whole = archive.offset();
            let read = match self.stage {
                Stage::State => {
                    self.reading.read_one(&mut archive).map(|more| if more { self.stage } else { Stage::Signature })
                }
                Stage::Signature => read_signature(&mut archive).map(|()| Stage::Whole),
                Stage::Whole => return Ok((whole - self.offset) as usize),
            };
            match read {
                Ok(stage) => self.stage = stage,
                Err(FormatError::CutShort { .. }) => {
                    self.wanted = archive.wanted();
                    return Ok((whole - self.offset) as usize);
                }
                Err(error) => return Err(InstallationError::Stream(error)),
            }
        }
    }

    /// The state, which stands at `zxid` as the leader has said.
    ///
    /// # Panics
    /// Unless [all of it has come](Self::is_whole).
    pub fn finish(self, zxid: Zxid) -> Result<InstalledState, InstallationError> {
        assert!(self.is_whole(), "a state is made of a whole stream");
        let IncomingState { settings: Settings { seed, before, .. }, reading, .. } = self;
        let Content { database, without_acl } = reading.finish(zxid);
        let state = InstalledState { database, seed, before, without_acl, skipped: 0 };
        match before {
            Before::Exact => state.check_acls().map(|()| state),
            Before::Fuzzy => Ok(state),
        }
    }
}

/// A second state, which nobody is served.
pub struct InstalledState {
    database: Database,
    seed: HashSeed,
    before: Before,
    /// Znodes whose ACL did not come with the stream.
    without_acl: Vec<String>,
    /// Transactions that it had already.
    skipped: u64,
}

impl fmt::Debug for InstalledState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstalledState({})", self.last_zxid())
    }
}

/// A history in the place of the former one. Its parts belong together: none of them goes with one of the former history's.
pub struct InPlace {
    pub generation: Generation,
    /// Its last transaction is that of the snapshot.
    pub database: Database,
    pub log: Log,
    /// What the former histories have left, to be removed by and by once their log is dropped.
    pub former: FormerGenerations,
}

/// Why a history did not come into place.
#[derive(Debug)]
pub enum PlacementError {
    /// The former history is in place as it was, and can go on; what was not put in place can be again.
    Former { error: GenerationError, state: Box<InstalledState> },
    /// Which of the two is in place, only the next start can tell.
    Unknown(GenerationError),
}

impl fmt::Display for PlacementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlacementError::Former { error, .. } => write!(f, "what the leader has sent is not put in place: {error}"),
            PlacementError::Unknown(error) => {
                write!(f, "whether what the leader has sent is in place is known only to the next start: {error}")
            }
        }
    }
}

impl std::error::Error for PlacementError {}

impl InstalledState {
    /// The newest transaction in it.
    pub fn last_zxid(&self) -> Zxid {
        self.database.last_zxid()
    }

    /// Transactions that were committed and that the state had already.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Applies a transaction that is committed. One that the state has is passed by: a leader sends from where its log begins.
    pub fn apply(&mut self, zxid: Zxid, bytes: &[u8]) -> Result<(), InstallationError> {
        if zxid <= self.database.last_zxid() {
            self.skipped += 1;
            return Ok(());
        }
        let applied = match self.before {
            Before::Exact => self.database.replay(zxid, bytes),
            Before::Fuzzy if bytes.len() > RECORD_BYTES_MAX => Err(ReplayError::TooLong(bytes.len())),
            Before::Fuzzy => self.database.apply_record(zxid, bytes, Before::Fuzzy, None).map(|_| ()),
        };
        applied.map_err(|error| InstallationError::Transaction { zxid, error })
    }

    /// NEWLEADER has come: every transaction of which the stream may hold effects was applied, so that the state is exact.
    ///
    /// # Errors
    /// [`NoAcl`](InstallationError::NoAcl).
    pub fn settle(&mut self) -> Result<(), InstallationError> {
        self.check_acls()?;
        (self.before, self.without_acl) = (Before::Exact, Vec::new());
        Ok(())
    }

    /// Every znode has the ACL that its writer gave it, by now. None gives an empty one.
    fn check_acls(&self) -> Result<(), InstallationError> {
        let tree = self.database.tree();
        let has_none = |path: &&String| {
            tree.get(path).is_some_and(|znode| znode.acl().as_ref().is_some_and(|list| list.0.is_empty()))
        };
        match self.without_acl.iter().find(has_none) {
            Some(path) => Err(InstallationError::NoAcl { path: path.clone() }),
            None => Ok(()),
        }
    }

    /// Makes the state, and what was proposed after it and is not committed yet, the history that counts: a snapshot and a log in
    /// the directory of the next [generation](crate::generation), all of it durable, and then the file that names it. `config` has
    /// the `dataDir` and the `dataLogDir` themselves. The former log may be open meanwhile. It takes time by the size of the state;
    /// `alive` is told again and again that it goes on.
    ///
    /// # Panics
    /// Unless it is [settled](Self::settle); and if a proposal does not come after the state and those before it, or is longer
    /// than [`RECORD_BYTES_MAX`].
    pub fn put_in_place<'a>(
        self,
        config: LogConfig,
        proposals: impl IntoIterator<Item = (Zxid, &'a [u8])>,
        alive: &mut dyn FnMut(),
    ) -> Result<InPlace, PlacementError> {
        assert_eq!(self.before, Before::Exact, "a state is settled before it counts");
        let (files, data_dir, log_dir) = (config.files.clone(), config.data_dir.clone(), config.dir.clone());
        let mut state = self;
        let made = match begin(config, &mut state.database, &state.seed, proposals, alive) {
            Ok(made) => made,
            Err(error) => {
                // What it takes up is given back; a start would do it too.
                let present = crate::generation::present(&files, &data_dir, &log_dir);
                if let Err(error) = present.and_then(|present| make_way(&files, &data_dir, &log_dir, present)) {
                    tracing::warn!(%error, "what the leader has sent takes space until the next start");
                }
                return Err(PlacementError::Former { error, state: Box::new(state) });
            }
        };
        let Succeeded { generation, log, former } = made.succeed().map_err(PlacementError::Unknown)?;
        Ok(InPlace { generation, database: state.database, log, former })
    }
}

/// Makes the next generation, all of it durable.
fn begin<'a>(
    config: LogConfig,
    database: &mut Database,
    seed: &HashSeed,
    proposals: impl IntoIterator<Item = (Zxid, &'a [u8])>,
    alive: &mut dyn FnMut(),
) -> Result<NextGeneration, GenerationError> {
    let mut next = NextGeneration::begin_long(config, database, seed, alive)?;
    for (zxid, bytes) in proposals {
        let log = next.log();
        log.append(zxid, |out| out.extend_from_slice(bytes));
        if log.filling_bytes() >= GROUP_BYTES {
            log.submit()?;
            alive();
        }
    }
    next.settle()?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::{IncomingState, Settings};
    use crate::database::Rules;
    use crate::replay::Before;
    use crate::tree::HashSeed;

    /// Otherwise a long znode that comes in small pieces would be read once for each of them.
    #[test]
    fn what_is_not_whole_is_read_again_only_when_enough_has_come() {
        let settings =
            Settings { seed: HashSeed([7; 16]), rules: Rules::default(), length_max: 1000, before: Before::Exact };
        let mut state = IncomingState::new(settings);
        // No session, no ACL, the path of the root, and the length of its data.
        let lengths = [&[0; 12][..], &1000_i32.to_be_bytes()].concat();
        state.take(&lengths[..9]).unwrap();
        assert_eq!((state.offset, state.wanted), (8, 12), "a path has a length");
        state.take(&lengths[9..]).unwrap();
        assert_eq!((state.offset, state.wanted), (8, 1016));
        for _ in 0..999 {
            state.take(&[1]).unwrap();
            assert_eq!((state.offset, state.wanted), (8, 1016));
        }
        state.take(&[1]).unwrap();
        assert_eq!((state.offset, state.wanted, state.pending.len()), (8, 1084, 1008), "the numbers are still to come");
        state.take(&[0; 68]).unwrap();
        assert_eq!((state.offset, state.pending.len()), (1084, 0));
    }
}

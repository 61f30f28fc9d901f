//! From a ZooKeeper's files to Paddock's state, made beside them. The files are only read.
//!
//! ```text
//! version-2 --recover--> state --place--> paddock-1
//! ```
//!
//! Whoever converts holds the locks of both directories. ZooKeeper has no lock, so the files are looked at before and
//! after: where they have changed meanwhile, a ZooKeeper runs on them, and nothing is put into place.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use paddock_consensus::Zxid;
use paddock_engine::conversion::{Conversion, Listing, Own, OwnError, Placed, PlacementError, Target};
use paddock_engine::io::advice;
use paddock_engine::zookeeper::{Directories, Epochs, Recovered, RecoveryError, Settings, recover};

use super::foreign::{foreign_data, listing, newer, running, stored_bytes};

/// What a znode has in a snapshot besides path and data: its header, and its name in its parent, more or less.
pub const ZNODE_BYTES: u64 = 100;

/// What a conversion has done.
pub struct Converted {
    /// ZooKeeper's snapshot, and how many transactions of its logs came after it.
    pub snapshot: Option<PathBuf>,
    pub replayed: u64,
    /// The last transaction.
    pub zxid: Zxid,
    pub znodes: usize,
    /// Of paths and data.
    pub bytes: u64,
    pub ephemerals: usize,
    pub sessions: usize,
    pub digest: u64,
    pub compared: Compared,
    /// What else is to be known, a sentence each.
    pub remarks: Vec<String>,
    /// Paddock's snapshot, and its bytes.
    pub file: PathBuf,
    pub file_bytes: u64,
    pub time: Duration,
}

/// Whether the state had the digest that ZooKeeper had computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compared {
    /// At this transaction, the last one that has a digest.
    Agreed(Zxid),
    /// `zookeeper.digest.enabled=false` says not to compare.
    ByOrderNot,
    /// No digest is in the files, as before 3.6.
    NoneThere,
}

impl Compared {
    pub fn agreed(self) -> Option<Zxid> {
        match self {
            Compared::Agreed(zxid) => Some(zxid),
            Compared::ByOrderNot | Compared::NoneThere => None,
        }
    }
}

/// What comes next, with about how many bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Reading { bytes: u64 },
    Writing { bytes: u64 },
}

/// Why nothing was converted, or why it must be before there is anything to serve.
#[derive(Debug)]
pub enum ConversionError {
    Own(OwnError),
    /// ZooKeeper's files cannot be listed.
    Listing {
        path: PathBuf,
        source: io::Error,
    },
    /// The directory given is ZooKeeper's `version-2`.
    Inside {
        directory: PathBuf,
    },
    Recovery(RecoveryError),
    /// This process is a ZooKeeper that was started on the files.
    Runs {
        directory: PathBuf,
        process: u32,
    },
    /// The files have changed while they were read.
    Changing {
        directory: PathBuf,
    },
    Placement(PlacementError),
    /// There are a ZooKeeper's files and nothing of Paddock's.
    Unconverted {
        directory: PathBuf,
        order: String,
    },
    /// ZooKeeper has gone on after the conversion, and Paddock has not.
    WentOn {
        directory: PathBuf,
        converted: Zxid,
        newest: Zxid,
        order: String,
    },
    /// Both have gone on.
    BothWentOn {
        /// ZooKeeper's directories, one or two.
        theirs: Vec<PathBuf>,
        /// Paddock's directories, one or two.
        own: Vec<PathBuf>,
        converted: Zxid,
        newest: Zxid,
    },
}

impl fmt::Display for ConversionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ConversionError as Error;
        match self {
            Error::Own(error) => error.fmt(f),
            Error::Listing { path, source } => {
                write!(f, "cannot list ZooKeeper's files in {}: {source}; {}", path.display(), advice(source))
            }
            Error::Inside { directory } => write!(
                f,
                "{} is the directory inside, with ZooKeeper's files themselves; give the one above it as dataDir",
                directory.display()
            ),
            Error::Recovery(error) => write!(f, "ZooKeeper's files cannot be converted: {error}"),
            Error::Runs { directory, process } => write!(
                f,
                "process {process} is a ZooKeeper that runs on {}; stop it, then convert again",
                directory.display()
            ),
            Error::Changing { directory } => write!(
                f,
                "the files in {} have changed while they were read, so that a ZooKeeper runs on them; stop it, then convert \
                 again",
                directory.display()
            ),
            Error::Placement(error) => error.fmt(f),
            Error::Unconverted { directory, order } => write!(
                f,
                "{} holds the data of a ZooKeeper server, and there is no state of Paddock's yet: `{order}` makes it beside \
                 and changes nothing of ZooKeeper's",
                directory.display()
            ),
            Error::WentOn { directory, converted, newest, order } => write!(
                f,
                "{} was converted up to {converted}, and ZooKeeper has gone on to {newest} since: `{order}` converts it \
                 again; nothing of Paddock's is lost by that",
                directory.display()
            ),
            Error::BothWentOn { theirs, own, converted, newest } => {
                let (theirs, own) = (joined(theirs), joined(own));
                write!(
                    f,
                    "{theirs} was converted up to {converted}; since then ZooKeeper has gone on to {newest}, and Paddock \
                     too, with other transactions. One of the two has to go: move {theirs} away to serve Paddock's, or move \
                     {own} away and convert again to serve ZooKeeper's"
                )
            }
        }
    }
}

fn joined(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(" and ")
}

impl std::error::Error for ConversionError {}

impl ConversionError {
    /// Whether it is a matter of which directories were given, which ZooKeeper tells by an exit code of its own.
    pub fn is_of_directories(&self) -> bool {
        use ConversionError::{BothWentOn, Inside, Unconverted, WentOn};
        matches!(self, Unconverted { .. } | WentOn { .. } | BothWentOn { .. } | Inside { .. })
    }
}

impl From<OwnError> for ConversionError {
    fn from(error: OwnError) -> Self {
        ConversionError::Own(error)
    }
}

impl From<PlacementError> for ConversionError {
    fn from(error: PlacementError) -> Self {
        ConversionError::Placement(error)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Phase::Reading { bytes } => write!(f, "reading about {bytes} bytes of snapshots and logs"),
            Phase::Writing { bytes } => write!(f, "writing a snapshot of about {bytes} bytes"),
        }
    }
}

fn directories(target: &Target<'_>) -> Directories {
    Directories::new(target.data_dir, Some(target.log_dir))
}

/// The directories with a ZooKeeper's files, that with the snapshots first; both can be the same.
fn places(target: &Target<'_>) -> Vec<PathBuf> {
    let mut places = Vec::from_iter(foreign_data(target.files, target.data_dir));
    if !target.files.is_same_directory(target.data_dir, target.log_dir) {
        places.extend(foreign_data(target.files, target.log_dir));
    }
    places
}

/// The first directory with a ZooKeeper's files, if there are any.
fn theirs(target: &Target<'_>) -> Option<PathBuf> {
    places(target).into_iter().next()
}

/// Sees that the directories are those above ZooKeeper's files.
fn refuse_inside(target: &Target<'_>) -> Result<(), ConversionError> {
    match theirs(target) {
        Some(theirs) if theirs == target.data_dir || theirs == target.log_dir => {
            Err(ConversionError::Inside { directory: theirs })
        }
        _ => Ok(()),
    }
}

fn list(target: &Target<'_>) -> Result<Listing, ConversionError> {
    listing(target.files, &directories(target))
        .map_err(|source| ConversionError::Listing { path: target.data_dir.to_owned(), source })
}

/// Sees that a ZooKeeper's files are not looked over in silence: where Paddock has nothing they are what the operator
/// means, and where they have gone on after a conversion they may be. With `settings` they are converted then. `order` is
/// the command that does.
pub fn convert_or_refuse(
    target: &Target<'_>,
    settings: Option<&Settings>,
    order: &str,
) -> Result<Option<Converted>, ConversionError> {
    let Some(theirs) = theirs(target) else { return Ok(None) };
    let mut say = |phase: Phase| tracing::info!("conversion from ZooKeeper: {phase}");
    let (own, order) = (target.own()?, order.to_owned());
    let conversion = match own {
        Own::Converted(conversion) | Own::Transactions(Some(conversion)) => conversion,
        Own::Nothing => {
            refuse_inside(target)?;
            return match settings {
                Some(settings) => convert(target, settings, &mut say).map(Some),
                None => Err(ConversionError::Unconverted { directory: theirs, order }),
            };
        }
        Own::Transactions(None) => {
            tracing::warn!(
                "{} holds the data of a ZooKeeper server, which is not read: what is served is Paddock's own in {}. If it \
                 should be the former, stop this server, move the latter away, and start again",
                theirs.display(),
                joined(&target.own_directories())
            );
            return Ok(None);
        }
    };
    let listed = list(target)?;
    let found =
        if listed == conversion.listing { Ok(None) } else { newer(target.files, &directories(target), &conversion) };
    let found = found.map_err(|source| ConversionError::Listing { path: theirs.clone(), source })?;
    let converted = conversion.zxid;
    match (found, own, settings) {
        (None, _, _) => {
            // So that the next start need not read the same files again.
            if listed != conversion.listing
                && let Err(error) = (Conversion { listing: listed, ..conversion }).write(target.files, target.data_dir)
            {
                tracing::warn!(
                    "the note of the conversion in {} cannot be renewed: {error}",
                    target.data_dir.display()
                );
            }
            tracing::info!(
                "the data of a ZooKeeper server in {} was converted up to {converted}, and nothing newer is in it",
                theirs.display()
            );
            Ok(None)
        }
        (Some(_), Own::Converted(_), Some(settings)) => convert(target, settings, &mut say).map(Some),
        (Some(newest), Own::Converted(_), None) => {
            Err(ConversionError::WentOn { directory: theirs, converted, newest, order })
        }
        (Some(newest), _, _) => {
            let own = target.own_directories();
            Err(ConversionError::BothWentOn { theirs: places(target), own, converted, newest })
        }
    }
}

/// Makes the state. What is in place must be worth nothing, or an earlier conversion after which nothing came. `tell` is
/// told of each phase before it.
pub fn convert(
    target: &Target<'_>,
    settings: &Settings,
    tell: &mut dyn FnMut(Phase),
) -> Result<Converted, ConversionError> {
    let began = Instant::now();
    refuse_inside(target)?;
    // Before anything is read, which may take its time.
    if let Own::Transactions(_) = target.own()? {
        return Err(PlacementError::Exists(target.own_directories()).into());
    }
    if let Some(process) = running(target.files, target.data_dir) {
        return Err(ConversionError::Runs { directory: target.data_dir.to_owned(), process });
    }
    let before = list(target)?;
    tell(Phase::Reading { bytes: stored_bytes(target.files, &directories(target)).unwrap_or_default() });
    let recovered = recover(target.files, &directories(target), settings).map_err(ConversionError::Recovery)?;
    if list(target)? != before {
        return Err(ConversionError::Changing { directory: directories(target).log_dir() });
    }
    let mut converted = Converted::of(&recovered, settings);
    let database = recovered.database;
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let note = Conversion { zxid: database.last_zxid(), time, listing: before };
    let tree = database.tree();
    tell(Phase::Writing { bytes: tree.data_bytes() + tree.len() as u64 * ZNODE_BYTES });
    let Placed { file, bytes } = target.place(database, &settings.seed, &note)?;
    (converted.file, converted.file_bytes, converted.time) = (file, bytes, began.elapsed());
    Ok(converted)
}

impl Converted {
    /// What was done, for people, and what is to be done next.
    pub fn lines(&self) -> Vec<String> {
        let read = self.snapshot.as_ref().map_or("no snapshot".to_owned(), |path| path.display().to_string());
        let digest = match self.compared {
            Compared::Agreed(zxid) => format!("digest {:x}; at {zxid} it was what ZooKeeper had computed", self.digest),
            Compared::ByOrderNot => format!(
                "digest {:x}; it was not compared with what ZooKeeper had computed, as zookeeper.digest.enabled=false orders",
                self.digest
            ),
            Compared::NoneThere => {
                format!("digest {:x}; ZooKeeper computed none, as before 3.6, to compare it with", self.digest)
            }
        };
        let Converted { replayed, zxid, znodes, bytes, ephemerals, sessions, .. } = self;
        let mut lines = vec![
            format!("read {read} and {replayed} transactions after it"),
            format!(
                "up to transaction {zxid}: {znodes} znodes ({ephemerals} ephemerals), {bytes} bytes of paths and data, \
                 {sessions} sessions"
            ),
            digest,
        ];
        lines.extend(self.remarks.iter().cloned());
        lines.push(format!("wrote {} ({} bytes) and read it back", self.file.display(), self.file_bytes));
        lines.push(format!("took {:.1} s; ZooKeeper's files are as they were", self.time.as_secs_f64()));
        lines
    }

    fn of(recovered: &Recovered, settings: &Settings) -> Converted {
        let database = &recovered.database;
        let mut remarks = Vec::new();
        for (file, error) in &recovered.passed_over {
            remarks.push(format!("the newer snapshot {} is not whole and was passed over: {error}", file.display()));
        }
        for (file, offset) in &recovered.torn {
            let file = file.display();
            remarks.push(format!("the log {file} ends within a transaction, at byte {offset}, as after a crash"));
        }
        if recovered.orphans > 0 {
            let orphans = recovered.orphans;
            remarks.push(format!("{orphans} ephemerals whose sessions are gone were deleted, as ZooKeeper does"));
        }
        if let Some(zxid) = recovered.disagreed {
            remarks.push(format!(
                "at {zxid} the digest was not what ZooKeeper had computed, but a later one was: a log has wrong digests, or \
                 was changed"
            ));
        }
        match &recovered.epochs {
            Ok(epochs) if *epochs == Epochs::default() => {}
            Ok(_) => remarks.push(
                "acceptedEpoch and currentEpoch say that this was a member of an ensemble: its last transactions may be \
                 uncommitted ones, and others may have later ones; convert the member with the newest transaction"
                    .to_owned(),
            ),
            Err(error) => remarks.push(format!("an epoch is not known, which nothing here needs: {error}")),
        }
        let compared = match recovered.agreed {
            Some(zxid) => Compared::Agreed(zxid),
            None if !settings.digests_enabled => Compared::ByOrderNot,
            None => Compared::NoneThere,
        };
        Converted {
            snapshot: recovered.snapshot.as_ref().map(|file| file.path.clone()),
            replayed: recovered.replayed,
            zxid: database.last_zxid(),
            znodes: database.tree().len(),
            bytes: database.tree().data_bytes(),
            ephemerals: database.ephemeral_count(),
            sessions: database.sessions().len(),
            digest: database.tree().digest(),
            compared,
            remarks,
            file: PathBuf::new(),
            file_bytes: 0,
            time: Duration::ZERO,
        }
    }
}

//! Putting a converted state into place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::{Conversion, Own, OwnError};
use crate::database::Database;
use crate::io::{Files, advice};
use crate::log::{self, LogError};
use crate::snapshot::{self, SnapshotError};
use crate::tree::{ExtendedTypes, HashSeed};

/// What is in place.
#[derive(Debug)]
pub struct Placed {
    /// The snapshot, and its bytes.
    pub file: PathBuf,
    pub bytes: u64,
}

/// Why it is not.
#[derive(Debug)]
pub enum PlacementError {
    Own(OwnError),
    /// A state with transactions of its own is in these directories, or in one of them.
    Exists(Vec<PathBuf>),
    Io {
        path: PathBuf,
        source: io::Error,
    },
    Log(LogError),
    /// The snapshot does not read as it was written, and how.
    ReadBack(String),
}

impl fmt::Display for PlacementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlacementError::Own(error) => error.fmt(f),
            PlacementError::Exists(own) => {
                let own: Vec<String> = own.iter().map(|directory| directory.display().to_string()).collect();
                let own = own.join(" and ");
                write!(
                    f,
                    "in {own} is a state of Paddock's with transactions of its own, which a conversion would replace; move \
                     {own} away if it is to go, and convert again"
                )
            }
            PlacementError::Io { path, source } => {
                write!(f, "cannot write to {}: {source}; {}", path.display(), advice(source))
            }
            PlacementError::Log(error) => error.fmt(f),
            PlacementError::ReadBack(what) => write!(
                f,
                "the snapshot does not read as it was written: {what}; the disk or the memory of this machine is not to be \
                 trusted"
            ),
        }
    }
}

impl std::error::Error for PlacementError {}

impl From<OwnError> for PlacementError {
    fn from(error: OwnError) -> Self {
        PlacementError::Own(error)
    }
}

impl From<LogError> for PlacementError {
    fn from(error: LogError) -> Self {
        PlacementError::Log(error)
    }
}

/// Where a state comes to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub files: &'a Files,
    pub data_dir: &'a Path,
    /// The `dataLogDir`; it may be the same directory.
    pub log_dir: &'a Path,
}

impl Target<'_> {
    /// What Paddock has there.
    pub fn own(&self) -> Result<Own, OwnError> {
        Own::find(self.files, self.data_dir, self.log_dir)
    }

    /// The directories that are Paddock's own: that with its snapshots, and that with its log where it is another.
    pub fn own_directories(&self) -> Vec<PathBuf> {
        let mut own = vec![snapshot::snapshot_dir(self.data_dir)];
        if !self.files.is_same_directory(self.data_dir, self.log_dir) {
            own.push(log::log_dir(self.log_dir));
        }
        own
    }

    /// Makes a state that was recovered from a ZooKeeper's files Paddock's own; `conversion` says of which transaction.
    /// What is there must be nothing, or what was converted before and not written to since; that is replaced. The caller
    /// holds the locks of both directories.
    ///
    /// Everything is durable when this returns. A crash in between leaves what was there, or nothing that counts, or all.
    ///
    /// # Panics
    /// If the state is that after another transaction.
    pub fn place(
        &self,
        mut database: Database,
        seed: &HashSeed,
        conversion: &Conversion,
    ) -> Result<Placed, PlacementError> {
        assert_eq!(database.last_zxid(), conversion.zxid, "the note is of this state");
        let Target { files, data_dir, log_dir } = *self;
        let directory = snapshot::snapshot_dir(data_dir);
        let failed = |source| PlacementError::Io { path: directory.clone(), source };
        if let Own::Transactions(_) = self.own()? {
            return Err(PlacementError::Exists(self.own_directories()));
        }
        files.create_dir(&directory).map_err(failed)?;
        let written = snapshot::write_state(files, data_dir, &mut database, seed).map_err(failed)?;
        let (content, extended_types) = (Content::of(&database), database.rules.extended_types);
        // It is read back without being in memory twice.
        drop(database);
        content.read_back(files, written.unpublished(), extended_types)?;
        // From here on there is nothing that counts, until the snapshot has its name. What is there goes before the note
        // that says what it was.
        for (_, path) in snapshot::list(files, data_dir).map_err(failed)?.iter().rev() {
            files.remove(path).map_err(failed)?;
        }
        // The milestone may say that some of the log was cut.
        if !log::remove_void(files, data_dir, log_dir)? {
            return Err(PlacementError::Exists(self.own_directories()));
        }
        log::forget_milestone(files, data_dir)?;
        conversion.write(files, data_dir).map_err(failed)?;
        log::begin_after(files, data_dir, log_dir, conversion.zxid)?;
        let bytes = written.bytes;
        let file = written.publish().map_err(failed)?;
        Ok(Placed { file, bytes })
    }
}

/// What a snapshot must hold.
struct Content {
    zxid: Zxid,
    znodes: usize,
    digest: u64,
    /// With their timeouts, ms.
    sessions: Vec<(i64, i32)>,
}

impl Content {
    fn of(database: &Database) -> Content {
        let tree = database.tree();
        let (zxid, sessions) = (database.last_zxid(), database.sessions().collect());
        Content { zxid, znodes: tree.len(), digest: tree.digest(), sessions }
    }

    fn read_back(&self, files: &Files, file: &Path, extended_types: ExtendedTypes) -> Result<(), PlacementError> {
        let loaded = snapshot::load(files, file, extended_types);
        let loaded = loaded.map_err(|error: SnapshotError| PlacementError::ReadBack(error.to_string()))?;
        let (znodes, digest) = (loaded.tree.len(), loaded.tree.digest());
        if (loaded.zxid, znodes, digest) != (self.zxid, self.znodes, self.digest) {
            let what = format!("{znodes} znodes with the digest {digest:x} after {}", loaded.zxid);
            return Err(PlacementError::ReadBack(what));
        }
        if !loaded.sessions.iter().map(|(session, timeout)| (*session, *timeout)).eq(self.sessions.iter().copied()) {
            return Err(PlacementError::ReadBack(format!("{} sessions", loaded.sessions.len())));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_consensus::Zxid;

    use super::{PlacementError, Target};
    use crate::conversion::{Conversion, Listing, Own};
    use crate::database::{Database, Rules};
    use crate::io::Files;
    use crate::io::simulated::{FileSystem, Seeded};
    use crate::log::{self, Log, LogConfig, Place};
    use crate::snapshot;
    use crate::tree::{ExtendedTypes, HashSeed};
    use crate::txn::{Txn, TxnHeader};

    const SEED: HashSeed = HashSeed([7; 16]);

    fn state(zxid: i64) -> Database {
        let mut database = Database::new(SEED, Rules::default());
        for zxid in 1..=zxid {
            let header = TxnHeader { client: zxid, cxid: 0, zxid, time: 1 };
            database.apply(&header, &Txn::CreateSession { timeout: 4000 }, None);
        }
        database
    }

    fn note(zxid: i64) -> Conversion {
        Conversion { zxid: Zxid(zxid), time: 1, listing: Listing(zxid as u32) }
    }

    fn convert(files: &Files, dirs: (&Path, &Path), zxid: i64) -> Result<(), PlacementError> {
        let target = Target { files, data_dir: dirs.0, log_dir: dirs.1 };
        target.place(state(zxid), &SEED, &note(zxid)).map(|_| ())
    }

    /// What a start would have: the state of the newest snapshot, unless anything tells of more.
    fn start(files: &Files, (data_dir, log_dir): (&Path, &Path)) -> Result<Zxid, String> {
        let newest = snapshot::list(files, data_dir).unwrap().pop();
        let zxid =
            newest.map_or(Zxid::ZERO, |(_, path)| snapshot::load(files, &path, ExtendedTypes::Off).unwrap().zxid);
        let place = Place { files, dir: log_dir, data_dir, snapshot: zxid };
        match log::missing(place).map_err(|error| error.to_string())? {
            Some(missing) => Err(missing.to_string()),
            None => Ok(zxid),
        }
    }

    /// Cuts the power after each step of a conversion; `former` is that of the one before it.
    fn survives_each_power_cut(dirs: (&Path, &Path), former: Option<i64>, zxid: i64) {
        let machine = FileSystem::new(1);
        let files = Files::Simulated(machine.clone());
        files.create_dir(dirs.0).unwrap();
        files.create_dir(dirs.1).unwrap();
        if let Some(former) = former {
            convert(&files, dirs, former).unwrap();
            assert_eq!(Own::find(&files, dirs.0, dirs.1).unwrap(), Own::Converted(note(former)));
        }
        machine.record();
        convert(&files, dirs, zxid).unwrap();
        let moments = machine.take_recorded();
        assert!(moments.len() > 10, "{} steps", moments.len());
        let (mut before, mut nothing, mut whole) = (0, 0, 0);
        for moment in &moments {
            for seed in 0..8 {
                let files = Files::Simulated(moment.crashed(&mut Seeded::new(seed)));
                match Own::find(&files, dirs.0, dirs.1).unwrap() {
                    Own::Nothing => nothing += 1,
                    Own::Converted(found) => {
                        whole += usize::from(found == note(zxid));
                        before += usize::from(Some(found.zxid.0) == former);
                        assert_eq!(start(&files, dirs), Ok(found.zxid));
                    }
                    Own::Transactions(_) => panic!("a conversion has no transactions of its own"),
                }
                // Whatever is left, the next one comes into place.
                convert(&files, dirs, zxid).unwrap();
                assert_eq!(Own::find(&files, dirs.0, dirs.1).unwrap(), Own::Converted(note(zxid)));
                assert_eq!(start(&files, dirs), Ok(Zxid(zxid)));
            }
        }
        assert!(whole > 0 && nothing > 0 && (before > 0) == former.is_some(), "{before} {nothing} {whole}");
    }

    #[test]
    fn a_power_cut_leaves_nothing_that_counts_or_all() {
        let (data, log) = (Path::new("/data"), Path::new("/log"));
        survives_each_power_cut((data, data), None, 5);
        survives_each_power_cut((data, log), None, 5);
    }

    #[test]
    fn a_power_cut_leaves_the_former_conversion_or_nothing_or_the_new_one() {
        let (data, log) = (Path::new("/data"), Path::new("/log"));
        for former in [3, 5, 8] {
            survives_each_power_cut((data, data), Some(former), 5);
            survives_each_power_cut((data, log), Some(former), 5);
        }
    }

    #[test]
    fn what_was_served_is_not_replaced() {
        let dir = std::env::temp_dir().join(format!("paddock-placement-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir(&dir).unwrap();
        let dirs = (&*dir, &*dir);
        convert(&Files::Real, dirs, 5).unwrap();
        convert(&Files::Real, dirs, 6).unwrap();
        let (mut log, _) = Log::open(LogConfig::new(&dir), Zxid(6), &mut |_, _| Ok(())).unwrap();
        log.append(Zxid(7), |out| out.extend_from_slice(b"of its own"));
        log.close().unwrap();
        assert_eq!(Own::find(&Files::Real, &dir, &dir).unwrap(), Own::Transactions(Some(note(6))));
        assert!(matches!(convert(&Files::Real, dirs, 9), Err(PlacementError::Exists(_))));
        assert!(dir.join("paddock-1/snapshot.0000000000000006").exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

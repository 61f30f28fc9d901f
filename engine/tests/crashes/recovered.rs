//! The start of a server: the newest snapshot that holds, and the log after it.

use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;
use paddock_engine::database::{Database, Rules};
use paddock_engine::io::Files;
use paddock_engine::log::{Log, LogConfig};
use paddock_engine::snapshot::{self, LoadedSnapshot};
use paddock_engine::tree::ExtendedTypes;

use crate::history::{History, SEED};

/// Where a server's files are, and how its log is opened.
#[derive(Clone, Debug)]
pub struct Setup {
    pub data_dir: PathBuf,
    pub log_dir: PathBuf,
    pub segment_bytes: u64,
    pub first_bytes: u64,
    pub in_flight: usize,
    /// What groups are padded to, bytes.
    pub unit: usize,
}

impl Setup {
    pub fn config(&self, files: &Files) -> LogConfig {
        LogConfig {
            files: files.clone(),
            data_dir: self.data_dir.clone(),
            segment_bytes: self.segment_bytes,
            first_bytes: self.first_bytes,
            in_flight: self.in_flight,
            ..LogConfig::new(&self.log_dir)
        }
    }
}

/// A state that was read from files, and the log that it goes on in.
pub struct Recovered {
    pub database: Database,
    pub log: Log,
    /// The snapshot that it began with.
    pub snapshot: Zxid,
    /// Whether something was torn off the end of the log.
    pub is_torn: bool,
}

/// Does what a server does at its start. Every record that is replayed must be that of the history.
pub fn recover(files: &Files, setup: &Setup, history: &History) -> Result<Recovered, String> {
    let data_dir = &setup.data_dir;
    let failed = |what: &str| format!("cannot {what}");
    files.create_dir(&snapshot::snapshot_dir(data_dir)).map_err(|error| failed(&error.to_string()))?;
    snapshot::remove_unfinished(files, data_dir);
    let (mut database, snapshot) = match load_newest(files, data_dir)? {
        Some(LoadedSnapshot { zxid, tree, sessions, owners, acls, .. }) => {
            (Database::assemble(tree, sessions, owners, acls, zxid, Rules::default()), zxid)
        }
        None => (Database::new(SEED, Rules::default()), Zxid::ZERO),
    };
    history.check(&database).map_err(|what| format!("the snapshot {snapshot}: {what}"))?;
    let visit = &mut |zxid: Zxid, bytes: &[u8]| {
        if history.bytes(zxid.0) != Some(bytes) {
            return Err("it is not what was written".to_owned());
        }
        database.replay(zxid, bytes).map_err(|error| error.to_string())
    };
    let (log, found) = Log::open(setup.config(files), snapshot, visit).map_err(|error| error.to_string())?;
    if found.last != database.last_zxid() {
        return Err(format!("the log ends with {}, the state with {}", found.last, database.last_zxid()));
    }
    history.check(&database)?;
    let sealed = database.tree_mut().seal();
    database.tree_mut().publish(sealed);
    Ok(Recovered { database, log, snapshot, is_torn: found.torn.is_some() })
}

fn load_newest(files: &Files, data_dir: &Path) -> Result<Option<LoadedSnapshot>, String> {
    let snapshots = snapshot::list(files, data_dir).map_err(|error| error.to_string())?;
    let Some((zxid, path)) = snapshots.last() else { return Ok(None) };
    // A crash leaves no snapshot in place that does not hold.
    let loaded =
        snapshot::load(files, path, ExtendedTypes::Off).map_err(|error| format!("snapshot {zxid}: {error}"))?;
    if loaded.zxid == *zxid { Ok(Some(loaded)) } else { Err(format!("snapshot {zxid} is of {}", loaded.zxid)) }
}

//! The start of a server, as the node does it.

use std::path::PathBuf;

use paddock::node::recovery::{self, Recovered};
use paddock_engine::database::Rules;
use paddock_engine::io::Files;
use paddock_engine::log::LogConfig;
use paddock_engine::snapshot;

use crate::history::History;

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

/// Has a server recover, and sees that what it finds is what was written.
pub fn recover(files: &Files, setup: &Setup, history: &History) -> Result<Recovered, String> {
    let recovered = recovery::recover(&setup.data_dir, setup.config(files), Rules::default());
    let recovered = recovered.map_err(|error| error.to_string())?;
    history.check(&recovered.database)?;
    // A server goes back to an older snapshot where one does not hold. A crash leaves no such one in place.
    for (zxid, path) in snapshot::list(files, &setup.data_dir).map_err(|error| error.to_string())? {
        snapshot::check(files, &path).map_err(|error| format!("the snapshot {zxid}: {error}"))?;
    }
    Ok(recovered)
}

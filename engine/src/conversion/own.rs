//! Whether Paddock has a state in its directories, and whether that is more than what was converted.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;

use super::Conversion;
use crate::generation::{self, Generation, GenerationError};
use crate::io::{Files, advice};
use crate::log::{self, Entry, FoundMilestone, LogError};
use crate::snapshot;

/// What Paddock has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    /// Not one transaction, or the beginning of a conversion.
    Nothing,
    /// What was converted, and nothing after it.
    Converted(Conversion),
    /// Transactions of its own, after a conversion perhaps.
    Transactions(Option<Conversion>),
}

/// Why nobody can say what there is.
#[derive(Debug)]
pub enum OwnError {
    Directory { path: PathBuf, source: io::Error },
    Log(LogError),
    Generation(GenerationError),
}

impl fmt::Display for OwnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OwnError::Directory { path, source } => {
                write!(f, "cannot look at what is in {}: {source}; {}", path.display(), advice(source))
            }
            OwnError::Log(error) => error.fmt(f),
            OwnError::Generation(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OwnError {}

impl From<LogError> for OwnError {
    fn from(error: LogError) -> Self {
        OwnError::Log(error)
    }
}

impl Own {
    /// Looks into a `dataDir` and a `dataLogDir`. The log is read only where nothing else tells of a transaction. What a
    /// later generation has was brought by others, and is not what was converted here.
    pub fn find(files: &Files, data_dir: &Path, log_dir: &Path) -> Result<Own, OwnError> {
        if generation::present(files, data_dir, log_dir).map_err(OwnError::Generation)? != Generation::FIRST {
            return Ok(Own::Transactions(None));
        }
        let failed = |source| OwnError::Directory { path: snapshot::snapshot_dir(data_dir), source };
        let conversion = Conversion::read(files, data_dir).map_err(failed)?;
        let base = conversion.map_or(Zxid::ZERO, |conversion| conversion.zxid);
        let snapshot = snapshot::list(files, data_dir).map_err(failed)?.last().map(|(zxid, _)| *zxid);
        let noted = FoundMilestone::read(files, data_dir)?;
        let noted = noted.milestone().map_or(Zxid::ZERO, |noted| noted.zxid);
        let is_told = noted > base || snapshot.is_some_and(|zxid| zxid > base || conversion.is_none());
        if is_told || has_records(files, data_dir, log_dir, base)? {
            return Ok(Own::Transactions(conversion));
        }
        // The snapshot comes last.
        Ok(conversion.filter(|_| snapshot == Some(base)).map_or(Own::Nothing, Own::Converted))
    }
}

fn has_records(files: &Files, data_dir: &Path, log_dir: &Path, after: Zxid) -> Result<bool, LogError> {
    let mut any = false;
    let note = &mut |entry: Entry<'_>| any |= matches!(entry, Entry::Record { zxid, .. } if zxid > after);
    log::inspect(files, data_dir, log_dir, note)?;
    Ok(any)
}

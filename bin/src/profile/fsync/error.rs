//! Why a disk is not measured to the end: what is wrong, where, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_engine::io::advice;

use super::cell::Cell;

#[derive(Debug)]
pub enum FsyncError {
    Directory {
        path: PathBuf,
        source: io::Error,
    },
    NotADirectory {
        path: PathBuf,
    },
    /// Bytes.
    NoRoom {
        path: PathBuf,
        free: u64,
        needed: u64,
    },
    NoDirect {
        path: PathBuf,
        kind: String,
    },
    /// The name of the file is taken.
    InUse {
        file: PathBuf,
    },
    /// The file cannot be made, filled or removed.
    File {
        did: &'static str,
        file: PathBuf,
        source: io::Error,
    },
    /// The results' own files.
    Results {
        file: PathBuf,
        source: io::Error,
    },
    /// What carries writes cannot be started.
    Start {
        file: PathBuf,
        source: io::Error,
    },
    Write {
        cell: Cell,
        file: PathBuf,
        source: io::Error,
    },
    Signals(io::Error),
    Output(io::Error),
    Interrupted,
}

impl fmt::Display for FsyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FsyncError::Directory { path, source } => {
                write!(f, "cannot look at {}: {source}; {}", path.display(), advice(source))
            }
            FsyncError::NotADirectory { path } => write!(
                f,
                "{} is not a directory; give the dataLogDir of a server, or another directory on the same disk",
                path.display()
            ),
            FsyncError::NoRoom { path, free, needed } => write!(
                f,
                "{} has {} MiB free, and {} are needed, so that half of them stay free for others; free space, or give a \
                 smaller --file-mib",
                path.display(),
                free >> 20,
                needed.div_ceil(1 << 20)
            ),
            FsyncError::NoDirect { path, kind } => write!(
                f,
                "{} is on {kind}, which has no direct I/O (O_DIRECT); a server writes its log there all the same, by way of the \
                 system's cache, where each write is copied and may wait for what others have written; measure that with \
                 --buffered, or choose a directory on ext4 or xfs",
                path.display()
            ),
            FsyncError::InUse { file } => write!(
                f,
                "{} is there: another paddock profile measures this directory, or one was killed; wait for the one, or remove \
                 what is left of the other",
                file.display()
            ),
            FsyncError::File { did, file, source } => {
                write!(f, "cannot {did} {}: {source}; {}", file.display(), advice(source))
            }
            FsyncError::Results { file, source } => {
                write!(f, "cannot write the results to {}: {source}; {}", file.display(), advice(source))
            }
            FsyncError::Start { file, source } => {
                write!(f, "cannot write to {} as a log does: {source}; {}", file.display(), advice(source))
            }
            FsyncError::Write { cell, file, source } => write!(
                f,
                "a write to {} failed ({cell}): {source}; {}; a server ends at such an error",
                file.display(),
                advice(source)
            ),
            FsyncError::Signals(error) => write!(f, "cannot take signals: {error}; {}", advice(error)),
            FsyncError::Output(error) => write!(f, "cannot print the results: {error}; {}", advice(error)),
            FsyncError::Interrupted => {
                f.write_str("interrupted; what was measured before is told, and the file is removed")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::FsyncError;

    #[test]
    fn errors_say_where_and_what_to_do() {
        let path = PathBuf::from("/data");
        let full = || io::Error::from_raw_os_error(libc::ENOSPC);
        for (error, words) in [
            (FsyncError::Directory { path: path.clone(), source: full() }, "free space"),
            (FsyncError::NotADirectory { path: path.clone() }, "dataLogDir"),
            (
                FsyncError::NoRoom { path: path.clone(), free: 5 << 20, needed: 128 << 20 },
                "has 5 MiB free, and 128 are",
            ),
            (FsyncError::NoDirect { path: path.clone(), kind: "zfs".to_owned() }, "--buffered"),
            (FsyncError::InUse { file: path.clone() }, "remove"),
            (FsyncError::File { did: "make", file: path.clone(), source: full() }, "cannot make /data"),
            (FsyncError::Results { file: path.clone(), source: full() }, "free space"),
            (FsyncError::Start { file: path, source: full() }, "free space"),
        ] {
            let text = error.to_string();
            assert!(text.contains("/data") && text.contains(words), "{text}");
        }
    }
}

//! The files in which a member keeps who belongs to the ensemble, where that may be changed while it runs: those of
//! ZooKeeper, beside its `zoo.cfg`.
//!
//! ```text
//! zoo.cfg                     names the dynamic file that counts, once a configuration was put in force
//! zoo.cfg.dynamic.<version>   the members of a committed configuration; the version is hexadecimal
//! zoo.cfg.dynamic.next        the configuration that was proposed last, with its version, until it is committed
//! zoo.cfg.bak                 zoo.cfg as an operator wrote it, from when members were last moved out of it
//! ```
//!
//! Each is replaced whole, and durably. A commit writes the dynamic file, then has `zoo.cfg` name it, which is the moment from
//! which it counts, and then removes what was proposed. A crash before that moment leaves the former members and the proposal;
//! a crash behind it leaves a proposal that is committed, which the next start removes.
//!
//! Former dynamic files stay, as in ZooKeeper: an operator may go back to one.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::config::{Config, Configs};
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::io::{Files, advice};

use crate::config::StaticFile;

/// No `zoo.cfg` is longer: a start has read it. Bytes.
const STATIC_BYTES_MAX: usize = crate::config::MAX_FILE_BYTES as usize;

/// Why a configuration is not durable.
#[derive(Debug)]
pub enum ConfigFileError {
    Io {
        path: PathBuf,
        source: io::Error,
    },
    /// `zoo.cfg` is not what the start has read any more.
    Malformed {
        path: PathBuf,
        problem: String,
    },
}

impl fmt::Display for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigFileError::Io { path, source } => {
                write!(f, "cannot write {}: {source}; {}", path.display(), advice(source))
            }
            ConfigFileError::Malformed { path, problem } => write!(f, "{}: {problem}", path.display()),
        }
    }
}

impl std::error::Error for ConfigFileError {}

impl ConfigFileError {
    /// Whether an operator has put the file where this process cannot write it: on a file system that is mounted read-only, in
    /// a directory of somebody else, or mounted by itself, so that no other file can take its place.
    pub fn is_out_of_reach(&self) -> bool {
        use ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
        match self {
            ConfigFileError::Io { source, .. } => {
                matches!(source.kind(), ReadOnlyFilesystem | PermissionDenied | ResourceBusy | CrossesDevices)
            }
            ConfigFileError::Malformed { .. } => false,
        }
    }
}

/// The files beside one `zoo.cfg`.
#[derive(Debug)]
pub struct ConfigFiles {
    files: Files,
    /// The whole path of `zoo.cfg`.
    file: PathBuf,
    me: ServerId,
}

impl ConfigFiles {
    /// `file` is `zoo.cfg`, with its whole path.
    pub fn new(files: Files, file: PathBuf, me: ServerId) -> ConfigFiles {
        ConfigFiles { files, file, me }
    }

    /// Makes durable what a start has found: the process before this one may have ended in the middle of a write, and a power
    /// cut would take back what this one tells others. What is left of a commit is done.
    pub fn make_durable(&self, configs: &Configs) -> Result<(), ConfigFileError> {
        let next = self.next();
        match self.files.exists(&next) {
            Ok(false) => Ok(()),
            Err(source) => Err(ConfigFileError::Io { path: next, source }),
            Ok(true) if configs.last_seen.version() > configs.committed.version() => {
                self.write_last_seen(&configs.last_seen)
            }
            // Members that stand in zoo.cfg itself have no dynamic file.
            Ok(true) if configs.committed.version() == Zxid::ZERO => self.remove_next(),
            Ok(true) => self.write_committed(&configs.committed),
        }
    }

    /// Keeps the configuration that was proposed last.
    pub fn write_last_seen(&self, config: &Config) -> Result<(), ConfigFileError> {
        self.write(self.next(), sorted_lines(config, true).as_bytes())
    }

    /// Keeps a committed configuration. No other is proposed any more, unless a later one is.
    pub fn write_committed(&self, config: &Config) -> Result<(), ConfigFileError> {
        let dynamic = beside(&self.file, &format!(".dynamic.{:x}", config.version().0));
        self.write(dynamic.clone(), sorted_lines(config, false).as_bytes())?;
        self.point_to(&dynamic, config)?;
        self.remove_next()
    }

    /// Has `zoo.cfg` name the dynamic file, and nothing more of what that says.
    fn point_to(&self, dynamic: &Path, config: &Config) -> Result<(), ConfigFileError> {
        let path = &self.file;
        let failed = |source| ConfigFileError::Io { path: path.clone(), source };
        let former = self.files.read(path, STATIC_BYTES_MAX).map_err(failed)?;
        let malformed = |problem| ConfigFileError::Malformed { path: path.clone(), problem };
        let file = StaticFile::read(&former).map_err(malformed)?;
        if file.has_members() {
            self.write(beside(path, ".bak"), &former)?;
        }
        let tells_client = config.members().get(&self.me).is_some_and(|member| member.client.is_some());
        self.write(path.clone(), &file.pointing_to(dynamic, tells_client).map_err(malformed)?)
    }

    fn remove_next(&self) -> Result<(), ConfigFileError> {
        let path = self.next();
        match self.files.remove(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(ConfigFileError::Io { path, source }),
            _ => Ok(()),
        }
    }

    fn next(&self) -> PathBuf {
        next_file(&self.file)
    }

    fn write(&self, path: PathBuf, bytes: &[u8]) -> Result<(), ConfigFileError> {
        self.files.write_atomically(&path, bytes).map_err(|source| ConfigFileError::Io { path, source })
    }
}

/// Where the configuration is that was proposed last.
fn next_file(file: &Path) -> PathBuf {
    beside(file, crate::config::NEXT)
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// The lines of a configuration as ZooKeeper orders them in files.
fn sorted_lines(config: &Config, with_version: bool) -> String {
    let mut lines: Vec<&str> =
        config.text().lines().filter(|line| with_version || !line.starts_with("version=")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

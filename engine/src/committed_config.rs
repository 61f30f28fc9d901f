//! The file in which a server of an ensemble keeps the newest configuration that it knows to be committed, in the `dataDir` itself:
//! it belongs to the server, and not to one of its histories. Once it has started by what an operator wrote alone, it keeps that
//! former configurations do not count.
//!
//! ```text
//! <dataDir>/paddock.config   the configuration as in /zookeeper/config, or `disregarded=` and a version in hexadecimal;
//!                            then a line with `sum` and the CRC32C of that, 8 hexadecimal digits
//! ```
//!
//! It is replaced whole, and durably. It is there beside the files that an operator sees, which may be out of reach or be brought
//! anew by each start. Nobody's promise rests on it: where it is missing or damaged, those files and the log tell enough.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;
use paddock_consensus::config::Config;

use crate::io::Files;

/// What is in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept {
    Committed(Config),
    /// No configuration up to this version counts, wherever it is found.
    Disregarded(Zxid),
}

const DISREGARDED: &str = "disregarded=";
const NAME: &str = "paddock.config";
/// No file is longer, bytes: a configuration is shorter, as others read it.
const TEXT_MAX: usize = 1 << 20;

/// Why there is no telling what was committed.
#[derive(Debug)]
pub enum CommittedConfigError {
    Io { path: PathBuf, source: io::Error },
    Damaged { path: PathBuf },
}

impl fmt::Display for CommittedConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommittedConfigError::Io { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            CommittedConfigError::Damaged { path } => write!(f, "{} is damaged", path.display()),
        }
    }
}

impl std::error::Error for CommittedConfigError {}

/// Reads it; `None` if there is none.
///
/// # Errors
/// Says why it tells nothing.
pub fn read(files: &Files, data_dir: &Path) -> Result<Option<Kept>, CommittedConfigError> {
    let path = data_dir.join(NAME);
    let bytes = match files.read(&path, TEXT_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CommittedConfigError::Io { path, source }),
    };
    let whole = std::str::from_utf8(&bytes).ok().and_then(|whole| {
        let (text, _) = whole.trim_end().rsplit_once('\n')?;
        (whole == with_sum(text)).then(|| read_text(text))?
    });
    whole.map(Some).ok_or(CommittedConfigError::Damaged { path })
}

fn read_text(text: &str) -> Option<Kept> {
    match text.strip_prefix(DISREGARDED) {
        Some(version) => i64::from_str_radix(version, 16).ok().map(|version| Kept::Disregarded(Zxid(version))),
        None => Config::parse(text).ok().map(Kept::Committed),
    }
}

/// Replaces it by this configuration.
///
/// # Errors
/// After one it is not known which configuration is there.
pub fn write(files: &Files, data_dir: &Path, config: &Config) -> io::Result<()> {
    files.write_atomically(&data_dir.join(NAME), with_sum(config.text()).as_bytes())
}

/// This server does not take part in changes, or is no member, and goes by what an operator wrote: no configuration up to this
/// version counts any more, here or in its log.
///
/// # Errors
/// Then one may count.
pub fn disregard(files: &Files, data_dir: &Path, up_to: Zxid) -> io::Result<()> {
    files.write_atomically(&data_dir.join(NAME), with_sum(&format!("{DISREGARDED}{:x}", up_to.0)).as_bytes())
}

fn with_sum(text: &str) -> String {
    format!("{text}\nsum {:08x}\n", crc32c::crc32c(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_consensus::Zxid;
    use paddock_consensus::config::Config;

    use super::{CommittedConfigError, Kept, NAME, disregard, read, write};
    use crate::io::Files;
    use crate::io::simulated::{FileSystem, Seeded};

    fn config(version: i64) -> Config {
        Config::parse(&format!("server.1=a:1:2;3\nserver.2=b:1:2;3\nversion={version:x}")).unwrap()
    }

    #[test]
    fn what_was_written_is_there_whole_after_a_crash_in_any_moment() {
        let machine = FileSystem::new(1);
        let data = Path::new("/data");
        let files = |machine: &FileSystem| Files::Simulated(machine.clone());
        files(&machine).create_dir(data).unwrap();
        files(&machine).sync_dir(Path::new("/")).unwrap();
        assert!(read(&files(&machine), data).unwrap().is_none());
        machine.record();
        let mut told = vec![(0, None)];
        for version in [5, 6, 7] {
            match version {
                7 => disregard(&files(&machine), data, Zxid(7)).unwrap(),
                version => write(&files(&machine), data, &config(version)).unwrap(),
            }
            told.push((machine.recorded_count(), Some(version)));
        }
        let mut moments = machine.take_recorded();
        moments.push(machine.moment());
        for (index, moment) in moments.iter().enumerate() {
            let (_, least) = *told.iter().rfind(|(from, _)| *from <= index).unwrap();
            for seed in 0..6 {
                let found = moment.crashed(&mut Seeded::new(seed));
                let version = read(&files(&found), data).unwrap().map(|kept| match kept {
                    Kept::Committed(config) => config.version().0,
                    Kept::Disregarded(version) => version.0,
                });
                assert!(version >= least, "{index}, {seed}: {version:?}");
            }
        }
        assert_eq!(read(&files(&machine), data).unwrap(), Some(Kept::Disregarded(Zxid(7))));
        write(&files(&machine), data, &config(8)).unwrap();
        assert_eq!(read(&files(&machine), data).unwrap(), Some(Kept::Committed(config(8))));
    }

    #[test]
    fn whatever_else_is_there_is_damaged() {
        let machine = FileSystem::new(1);
        let files = Files::Simulated(machine);
        let (data, path) = (Path::new("/data"), Path::new("/data").join(NAME));
        files.create_dir(data).unwrap();
        write(&files, data, &config(5)).unwrap();
        let whole = files.read(&path, 1000).unwrap();
        let mut others: Vec<Vec<u8>> = (0..whole.len()).map(|end| whole[..end].to_vec()).collect();
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            others.push(flipped);
        }
        others.push([&whole[..], b"\n"].concat());
        for other in others {
            files.write_atomically(&path, &other).unwrap();
            let found = read(&files, data);
            assert!(matches!(found, Err(CommittedConfigError::Damaged { .. })), "{other:?}");
        }
    }
}

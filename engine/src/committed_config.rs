//! The file in which a server of an ensemble keeps the newest configuration that it knows to be committed, in the `dataDir` itself:
//! it belongs to the server, and not to one of its histories. Once it has started by what an operator wrote alone, it keeps that
//! former configurations do not count.
//!
//! ```text
//! <dataDir>/paddock.config   a line with `disregarded=` and a version in hexadecimal, if there is one;
//!                            the configuration as in /zookeeper/config, if there is one;
//!                            then a line with `sum` and the CRC32C of that, 8 hexadecimal digits
//! ```
//!
//! It is replaced whole, and durably. It is there beside the files that an operator sees, which may be out of reach or be brought
//! anew by each start. Where those files could not be written nothing is acknowledged before it is here; otherwise they and the log tell
//! enough where it is missing or damaged.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;
use paddock_consensus::config::Config;

use crate::io::Files;

/// What is in the file.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Kept {
    pub committed: Option<Config>,
    /// No configuration up to this version counts, wherever else in the data it is found.
    pub disregarded: Zxid,
}

impl Kept {
    /// Neither a configuration up to this version, nor what was committed up to it, counts.
    pub fn disregard(&mut self, up_to: Zxid) {
        self.disregarded = self.disregarded.max(up_to);
        self.committed.take_if(|config| config.version() <= up_to);
    }
}

const DISREGARDED: &str = "disregarded=";
pub const NAME: &str = "paddock.config";
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

/// Reads it; nothing is kept where there is none.
///
/// # Errors
/// Says why it tells nothing.
pub fn read(files: &Files, data_dir: &Path) -> Result<Kept, CommittedConfigError> {
    let path = data_dir.join(NAME);
    let bytes = match files.read(&path, TEXT_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
        Err(source) => return Err(CommittedConfigError::Io { path, source }),
    };
    let whole = std::str::from_utf8(&bytes).ok().and_then(|whole| {
        let (text, _) = whole.trim_end().rsplit_once('\n')?;
        (whole == with_sum(text)).then(|| read_text(text))?
    });
    whole.ok_or(CommittedConfigError::Damaged { path })
}

fn read_text(text: &str) -> Option<Kept> {
    let Some(behind) = text.strip_prefix(DISREGARDED) else {
        return Some(Kept { committed: Some(Config::parse(text).ok()?), disregarded: Zxid::ZERO });
    };
    let (version, config) = behind.split_once('\n').unwrap_or((behind, ""));
    let disregarded = Zxid(i64::from_str_radix(version, 16).ok()?);
    let committed = if config.is_empty() { None } else { Some(Config::parse(config).ok()?) };
    Some(Kept { committed, disregarded })
}

/// Replaces it.
///
/// # Errors
/// After one it is not known what is there.
pub fn write(files: &Files, data_dir: &Path, kept: &Kept) -> io::Result<()> {
    let Kept { committed, disregarded } = kept;
    let line = (*disregarded > Zxid::ZERO).then(|| format!("{DISREGARDED}{:x}", disregarded.0));
    let text = line.into_iter().chain(committed.as_ref().map(|config| config.text().to_owned()));
    let text = text.collect::<Vec<_>>().join("\n");
    files.write_atomically(&data_dir.join(NAME), with_sum(&text).as_bytes())
}

fn with_sum(text: &str) -> String {
    format!("{text}\nsum {:08x}\n", crc32c::crc32c(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_consensus::Zxid;
    use paddock_consensus::config::Config;

    use super::{CommittedConfigError, Kept, NAME, read, write};
    use crate::io::Files;
    use crate::io::simulated::{FileSystem, Seeded};

    fn config(version: i64) -> Config {
        Config::parse(&format!("server.1=a:1:2;3\nserver.2=b:1:2;3\nversion={version:x}")).unwrap()
    }

    fn kept(committed: Option<i64>, disregarded: i64) -> Kept {
        Kept { committed: committed.map(config), disregarded: Zxid(disregarded) }
    }

    #[test]
    fn what_was_written_is_there_whole_after_a_crash_in_any_moment() {
        let machine = FileSystem::new(1);
        let data = Path::new("/data");
        let files = |machine: &FileSystem| Files::Simulated(machine.clone());
        files(&machine).create_dir(data).unwrap();
        files(&machine).sync_dir(Path::new("/")).unwrap();
        assert_eq!(read(&files(&machine), data).unwrap(), Kept::default());
        machine.record();
        let written = [kept(Some(5), 0), kept(Some(6), 4), kept(None, 7)];
        let mut told = vec![0];
        for kept in &written {
            write(&files(&machine), data, kept).unwrap();
            told.push(machine.recorded_count());
        }
        let mut moments = machine.take_recorded();
        moments.push(machine.moment());
        for (index, moment) in moments.iter().enumerate() {
            let least = told.iter().rposition(|from| *from <= index).unwrap();
            for seed in 0..6 {
                let found = read(&files(&moment.crashed(&mut Seeded::new(seed))), data).unwrap();
                let place = written.iter().position(|kept| *kept == found).map_or(0, |place| place + 1);
                assert!(place >= least, "{index}, {seed}: {found:?}");
            }
        }
    }

    #[test]
    fn what_is_disregarded_stays_so_beside_what_is_committed_later() {
        let mut kept = kept(Some(7), 5);
        kept.disregard(Zxid(4));
        assert_eq!((kept.disregarded, kept.committed.is_some()), (Zxid(5), true));
        kept.disregard(Zxid(7));
        assert_eq!((kept.disregarded, kept.committed), (Zxid(7), None));
    }

    #[test]
    fn whatever_else_is_there_is_damaged() {
        let machine = FileSystem::new(1);
        let files = Files::Simulated(machine);
        let (data, path) = (Path::new("/data"), Path::new("/data").join(NAME));
        files.create_dir(data).unwrap();
        write(&files, data, &kept(Some(5), 3)).unwrap();
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

//! Generations: each is a directory with the snapshots and the log of one history.
//!
//! A server that is brought another history than its own, by a snapshot of its leader's, cannot put that beside what it
//! has: a start would go on from the one with what the other's log holds. So it makes a new directory, and one file says
//! which directory counts.
//!
//! ```text
//! <dataDir>/paddock.generation            which one is present; without it the first
//! <dataDir>/paddock-1/                    snapshots, milestone and log of the first, 0
//! <dataDir>/paddock.generation.1/paddock-1/    those of the next
//! <dataLogDir>/paddock.generation.1/paddock-1/ its log, where that is another directory
//! ```
//!
//! The directory of a generation is to its snapshots and its log what the `dataDir` and the `dataLogDir` are to those of the
//! first. A change makes, each step durable before the next:
//!
//! | step | a crash behind it leaves |
//! |---|---|
//! | 1. the file, with the present generation, if it is not there yet | the present generation |
//! | 2. the directory of the next one, with a snapshot, and a log after that | the same; what was made is removed by a start, or by the next change |
//! | 3. the file is replaced by one that names the next | the next generation, whole |
//! | 4. a start removes the others, once it has opened the present one | the same |
//!
//! Because of the first step, the directory of a later generation without the file shows that the file is lost.
//!
//! The file is text, for people too: a line for each field, its name and its value.
//!
//! | field | value |
//! |---|---|
//! | `paddock-generation` | 1, the format; the first line |
//! | `number` | that of the present generation, decimal |
//! | `sum` | CRC32C of the lines before, 8 hexadecimal digits |

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::database::Database;
use crate::io::{Files, advice};
use crate::log::{Log, LogConfig, LogError, log_dir};
use crate::snapshot::{self, snapshot_dir};
use crate::tree::HashSeed;

const FILE: &str = "paddock.generation";
/// The first line: a word, and the number of the format.
const WORD: &str = "paddock-generation";
const FORMAT: u64 = 1;
/// No such file is longer, bytes.
const BYTES_MAX: usize = 4096;

/// How the names of Paddock's own files in the directory inside begin; nothing else is removed.
const OWN_FILES: &[&str] = &["conversion", "log.", "milestone", "snapshot.", "torn."];
/// Those in a `dataLogDir` that is another directory than the `dataDir`. Any of the others there is another server's.
const LOG_FILES: &[&str] = &["log.", "torn."];

/// A generation, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Generation(u64);

/// Why it is not known which generation is present, or why there is no next one.
#[derive(Debug)]
pub enum GenerationError {
    Io {
        path: PathBuf,
        source: io::Error,
    },
    /// The file is not there, but a directory is that it must have been there for.
    Missing {
        file: PathBuf,
        directory: PathBuf,
    },
    /// The file cannot be understood. A crash does not do that: it is replaced whole.
    Damaged {
        file: PathBuf,
    },
    /// The file is in a later format than is known here.
    Version {
        file: PathBuf,
    },
    /// The generation that the file names has no snapshot, though each but the first begins with one.
    Gone {
        file: PathBuf,
        directory: PathBuf,
    },
    Log(LogError),
}

impl fmt::Display for GenerationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GenerationError::Io { path, source } => {
                write!(f, "cannot use {}: {source}; {}", path.display(), advice(source))
            }
            GenerationError::Missing { file, directory } => write!(
                f,
                "{} is missing, which says whether the data in {} counts; put the file back, or correct dataDir and \
                 dataLogDir if they were changed",
                file.display(),
                directory.display()
            ),
            GenerationError::Damaged { file } => write!(
                f,
                "{} is damaged, which says what of the data beside it counts; put it back from a backup",
                file.display()
            ),
            GenerationError::Version { file } => {
                write!(
                    f,
                    "{} is in a later format than this version knows; start the newer version that wrote it",
                    file.display()
                )
            }
            GenerationError::Gone { file, directory } => write!(
                f,
                "{} has no snapshot, though {} says that it holds the data; put the directory back",
                directory.display(),
                file.display()
            ),
            GenerationError::Log(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for GenerationError {}

impl From<LogError> for GenerationError {
    fn from(error: LogError) -> Self {
        GenerationError::Log(error)
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> GenerationError {
    move |source| GenerationError::Io { path: path.to_owned(), source }
}

impl Generation {
    /// The one without a file.
    pub const FIRST: Generation = Generation(0);

    /// The present one of a `dataDir` and a `dataLogDir`, which may be the same directory.
    ///
    /// # Errors
    /// All but [`Log`](GenerationError::Log).
    pub fn present(files: &Files, data_dir: &Path, log_dir: &Path) -> Result<Generation, GenerationError> {
        let file = data_dir.join(FILE);
        let Some(generation) = Generation::read(files, &file)? else {
            for directory in [data_dir, log_dir] {
                let later = made(files, directory).map_err(failed(directory))?;
                if let Some(later) = later.into_iter().next() {
                    return Err(GenerationError::Missing { file, directory: later.dir(directory) });
                }
            }
            return Ok(Generation::FIRST);
        };
        let directory = generation.dir(data_dir);
        let is_empty = || snapshot::list(files, &directory).map(|snapshots| snapshots.is_empty());
        if generation != Generation::FIRST && is_empty().map_err(failed(&directory))? {
            return Err(GenerationError::Gone { file, directory: snapshot_dir(&directory) });
        }
        Ok(generation)
    }

    /// `None` if there is no file.
    fn read(files: &Files, file: &Path) -> Result<Option<Generation>, GenerationError> {
        match files.read(file, BYTES_MAX) {
            Ok(text) => match Generation::parse(&text) {
                Some(generation) => Ok(Some(generation)),
                None if format_of(&text).is_some_and(|format| format > FORMAT) => {
                    Err(GenerationError::Version { file: file.to_owned() })
                }
                None => Err(GenerationError::Damaged { file: file.to_owned() }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(file)(error)),
        }
    }

    /// Replaces the file, durably.
    fn write(self, files: &Files, data_dir: &Path) -> Result<(), GenerationError> {
        let file = data_dir.join(FILE);
        files.write_atomically(&file, self.text().as_bytes()).map_err(failed(&file))
    }

    /// Writes the file again if it is gone, for a server that runs in this generation, and returns which file that is. The
    /// first generation needs none.
    pub fn put_back(self, files: &Files, data_dir: &Path) -> Result<Option<PathBuf>, GenerationError> {
        let file = data_dir.join(FILE);
        if self == Generation::FIRST || files.exists(&file).map_err(failed(&file))? {
            return Ok(None);
        }
        self.write(files, data_dir)?;
        Ok(Some(file))
    }

    fn parse(text: &[u8]) -> Option<Generation> {
        let number = std::str::from_utf8(text).ok()?.lines().nth(1)?.strip_prefix("number ")?;
        let generation = Generation(number.parse().ok()?);
        (generation.text().as_bytes() == text).then_some(generation)
    }

    fn text(self) -> String {
        let lines = format!("{WORD} {FORMAT}\nnumber {}\n", self.0);
        let sum = crc32c::crc32c(lines.as_bytes());
        format!("{lines}sum {sum:08x}\n")
    }

    /// What stands for a `dataDir` or a `dataLogDir` in this generation.
    pub fn dir(self, directory: &Path) -> PathBuf {
        match self {
            Generation::FIRST => directory.to_owned(),
            Generation(number) => directory.join(format!("{FILE}.{number}")),
        }
    }

    /// The `dataDir` or `dataLogDir` around the directory of a generation; any other directory is one itself.
    pub fn above(directory: &Path) -> &Path {
        let generation = directory.file_name().and_then(|name| Generation::of_name(name.to_str()?));
        generation.and_then(|_| directory.parent()).unwrap_or(directory)
    }

    /// The one whose directory has this name. Only the one spelling counts that [`dir`](Self::dir) has.
    fn of_name(name: &str) -> Option<Generation> {
        let digits = name.strip_prefix(FILE)?.strip_prefix('.')?;
        let number: u64 = digits.parse().ok()?;
        (number > 0 && number.to_string() == digits).then_some(Generation(number))
    }

    /// Removes all other generations from a `dataDir` and a `dataLogDir`. The caller has opened this one, which is the
    /// present one, and has found it sound.
    ///
    /// # Errors
    /// The first one; all that can be removed is removed nevertheless.
    pub fn remove_others(self, files: &Files, data_dir: &Path, log_dir: &Path) -> Result<(), GenerationError> {
        let mut result = Ok(());
        for directory in [data_dir, log_dir] {
            let own_files = own_files(files, directory, data_dir);
            let later = match made(files, directory) {
                Ok(later) => later,
                Err(error) => {
                    result = result.and(Err(failed(directory)(error)));
                    continue;
                }
            };
            for other in later.into_iter().chain([Generation::FIRST]).filter(|other| *other != self) {
                result = result.and(other.remove(files, directory, own_files));
            }
        }
        result
    }

    /// Removes what this generation has in a `dataDir` or a `dataLogDir`: the files whose names begin so. What else is there
    /// stays, with the directories around it, and is an error.
    fn remove(self, files: &Files, directory: &Path, own_files: &[&str]) -> Result<(), GenerationError> {
        let outer = self.dir(directory);
        let inner = snapshot_dir(&outer);
        if files.exists(&inner).map_err(failed(&inner))? {
            for name in files.list(&inner).map_err(failed(&inner))? {
                if own_files.iter().any(|own| name.as_encoded_bytes().starts_with(own.as_bytes())) {
                    let file = inner.join(name);
                    files.unlink(&file).map_err(failed(&file))?;
                }
            }
            files.sync_dir(&inner).and_then(|()| files.remove_dir(&inner)).map_err(failed(&inner))?;
            tracing::info!(directory = %inner.display(), "removed: what it held is not of the present generation");
        }
        if self != Generation::FIRST && files.exists(&outer).map_err(failed(&outer))? {
            files.remove_dir(&outer).map_err(failed(&outer))?;
        }
        Ok(())
    }
}

/// How the names of the files begin that a generation has in this directory, a `dataDir` or its `dataLogDir`.
fn own_files(files: &Files, directory: &Path, data_dir: &Path) -> &'static [&'static str] {
    if files.is_same_directory(directory, data_dir) { OWN_FILES } else { LOG_FILES }
}

/// The format of a file, as its first line says, whatever comes after that.
fn format_of(text: &[u8]) -> Option<u64> {
    let first = text.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(first).ok()?.strip_prefix(WORD)?.strip_prefix(' ')?.parse().ok()
}

/// The later generations that have something in a `dataDir` or a `dataLogDir`.
fn made(files: &Files, directory: &Path) -> io::Result<Vec<Generation>> {
    match files.list(directory) {
        Ok(names) => Ok(names.iter().filter_map(|name| Generation::of_name(name.to_str()?)).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The generation after the present one, as long as it does not count.
pub struct NextGeneration {
    files: Files,
    data_dir: PathBuf,
    generation: Generation,
    log: Log,
}

impl NextGeneration {
    /// Makes the next generation: a snapshot of a state, and a log after that. `config` is as that of the first
    /// generation, with the `dataDir` and the `dataLogDir` themselves. What the present generation has is not touched, and
    /// its log may be open.
    ///
    /// # Panics
    /// If something else holds a version of the state's tree, and as [`Log::open`].
    pub fn begin(
        config: LogConfig,
        database: &mut Database,
        seed: &HashSeed,
    ) -> Result<NextGeneration, GenerationError> {
        let (files, data_dir) = (config.files.clone(), config.data_dir.clone());
        let present = Generation::present(&files, &data_dir, &config.dir)?;
        present.write(&files, &data_dir)?;
        let generation = Generation(present.0 + 1);
        for directory in [&data_dir, &config.dir] {
            generation.remove(&files, directory, own_files(&files, directory, &data_dir))?;
        }
        let config = LogConfig { data_dir: generation.dir(&data_dir), dir: generation.dir(&config.dir), ..config };
        let directory = snapshot_dir(&config.data_dir);
        files.create_dir(&directory).map_err(failed(&directory))?;
        let written = snapshot::write_state(&files, &config.data_dir, database, seed);
        written.and_then(|written| written.publish()).map_err(failed(&directory))?;
        let directory = log_dir(&config.dir);
        files.create_dir(&directory).map_err(failed(&directory))?;
        let log = Log::begin(config, database.last_zxid())?;
        Ok(NextGeneration { files, data_dir, generation, log })
    }

    /// The log of the next generation, for the transactions that come before it counts.
    pub fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Makes durable what the log has and what was appended to it, and this generation the present one. What the former one
    /// has left is removed by the next start.
    ///
    /// # Errors
    /// [`Log`](GenerationError::Log): the former one is present. With any other it is not known, until the next start, which
    /// of the two is.
    pub fn succeed(mut self) -> Result<(Generation, Log), GenerationError> {
        // Nothing of it is given up where space is short.
        if self.log.is_filling() {
            self.log.submit()?;
        }
        self.log.fence_durably()?;
        self.generation.write(&self.files, &self.data_dir)?;
        Ok((self.generation, self.log))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_consensus::Zxid;

    use super::{FILE, Generation, GenerationError, NextGeneration, OWN_FILES};
    use crate::database::{Database, Rules};
    use crate::io::Files;
    use crate::io::simulated::{FileSystem, Seeded};
    use crate::log::{Log, LogConfig};
    use crate::tree::HashSeed;

    const SEED: HashSeed = HashSeed([7; 16]);

    fn data() -> &'static Path {
        Path::new("/data")
    }

    fn logs() -> &'static Path {
        Path::new("/log")
    }

    fn config() -> LogConfig {
        let files = Files::Simulated(FileSystem::new(1));
        files.create_dir(data()).unwrap();
        files.create_dir(logs()).unwrap();
        LogConfig { files, data_dir: data().into(), segment_bytes: 4096, first_bytes: 4096, ..LogConfig::new(logs()) }
    }

    fn succeed(config: &LogConfig) -> Generation {
        let mut database = Database::new(SEED, Rules::default());
        NextGeneration::begin(config.clone(), &mut database, &SEED).unwrap().succeed().unwrap().0
    }

    fn present(config: &LogConfig) -> Result<Generation, GenerationError> {
        Generation::present(&config.files, data(), logs())
    }

    #[test]
    fn the_file_reads_as_it_was_written_and_nothing_else_is_one() {
        let text = Generation(12).text().into_bytes();
        assert_eq!(Generation::parse(&text), Some(Generation(12)));
        for bit in 0..text.len() * 8 {
            let mut text = text.clone();
            text[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Generation::parse(&text), None, "bit {bit}");
        }
        for end in 0..text.len() {
            assert_eq!(Generation::parse(&text[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn a_directory_has_one_spelling() {
        let dir = Generation(12).dir(data());
        assert_eq!(Generation::of_name(dir.file_name().unwrap().to_str().unwrap()), Some(Generation(12)));
        for other in [".0", ".012", ".+12", ".", "", ".tmp", ".12.tmp"] {
            assert_eq!(Generation::of_name(&format!("{FILE}{other}")), None, "{other}");
        }
    }

    #[test]
    fn generations_follow_each_other_and_the_former_ones_go() {
        let config = config();
        assert_eq!(present(&config).unwrap(), Generation::FIRST);
        for number in 1..4 {
            let generation = succeed(&config);
            assert_eq!((generation, present(&config).unwrap()), (Generation(number), Generation(number)));
        }
        Generation(3).remove_others(&config.files, data(), logs()).unwrap();
        let list = |directory| {
            let mut names = config.files.list(directory).unwrap();
            names.sort();
            names
        };
        assert_eq!(list(data()), ["paddock.generation", "paddock.generation.3"]);
        assert_eq!(list(logs()), ["paddock.generation.3"]);
    }

    #[test]
    fn a_lost_or_damaged_file_is_refused_and_so_is_a_lost_directory() {
        let config = config();
        let file = data().join(FILE);
        // One that was begun and does not count yet.
        let mut database = Database::new(SEED, Rules::default());
        NextGeneration::begin(config.clone(), &mut database, &SEED).unwrap();
        assert_eq!(present(&config).unwrap(), Generation::FIRST);
        succeed(&config);
        let text = config.files.read(&file, 100).unwrap();

        config.files.write_atomically(&file, b"paddock-generation 1\nnumber 0\n").unwrap();
        assert!(matches!(present(&config), Err(GenerationError::Damaged { .. })));
        config.files.write_atomically(&file, b"paddock-generation 2\n\xff").unwrap();
        assert!(matches!(present(&config), Err(GenerationError::Version { .. })));
        config.files.remove(&file).unwrap();
        let error = present(&config).unwrap_err();
        assert!(
            matches!(&error, GenerationError::Missing { directory, .. } if *directory == Generation(1).dir(data()))
        );
        // The dataLogDir was given for the dataDir.
        let error = Generation::present(&config.files, logs(), logs()).unwrap_err();
        assert!(matches!(error, GenerationError::Missing { .. }), "{error}");

        config.files.write_atomically(&file, &text).unwrap();
        assert_eq!(present(&config).unwrap(), Generation(1));
        Generation(1).remove(&config.files, data(), OWN_FILES).unwrap();
        assert!(matches!(present(&config), Err(GenerationError::Gone { .. })));
    }

    #[test]
    fn the_log_is_durable_before_it_counts_even_without_force_sync() {
        let machine = FileSystem::new(1);
        let files = Files::Simulated(machine.clone());
        files.create_dir(data()).unwrap();
        let config = LogConfig { files, sync: false, segment_bytes: 4096, first_bytes: 4096, ..LogConfig::new(data()) };
        let mut next =
            NextGeneration::begin(config.clone(), &mut Database::new(SEED, Rules::default()), &SEED).unwrap();
        next.log().append(Zxid(1), |out| out.extend_from_slice(b"one"));
        let (generation, _log) = next.succeed().unwrap();
        for way in 0..16 {
            let files = Files::Simulated(machine.moment().crashed(&mut Seeded::new(way)));
            let dir = generation.dir(data());
            let config = LogConfig { files, data_dir: dir.clone(), dir, ..config.clone() };
            let (log, _) = Log::open(config, Zxid::ZERO, &mut |_, _| Ok(())).unwrap();
            assert_eq!(log.range().last, Zxid(1), "{way}");
        }
    }

    #[test]
    fn what_is_not_paddocks_stays_and_all_else_goes() {
        let config = config();
        succeed(&config);
        config.files.create_dir(&Generation(2).dir(data())).unwrap();
        let foreign = data().join("paddock-1/notes");
        let others = data().join("paddock-1/snapshot.0000000000000001");
        let (of_another_server, log) = (logs().join("paddock-1/milestone"), logs().join("paddock-1/log.1"));
        config.files.create_dir(&data().join("paddock-1")).unwrap();
        config.files.create_dir(&logs().join("paddock-1")).unwrap();
        for file in [&foreign, &others, &of_another_server, &log] {
            config.files.write_atomically(file, b"a person's").unwrap();
        }
        let error = Generation(1).remove_others(&config.files, data(), logs()).unwrap_err();
        assert!(matches!(&error, GenerationError::Io { path, .. } if *path == data().join("paddock-1")), "{error}");
        let left = [&foreign, &others, &of_another_server, &log].map(|file| config.files.exists(file).unwrap());
        assert_eq!(left, [true, false, true, false]);
        assert!(!config.files.exists(&Generation(2).dir(data())).unwrap());
        assert_eq!(present(&config).unwrap(), Generation(1));
    }
}

//! The file that says which generation is present: text, for people too. The [module](super) has its fields.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::{GenerationError, failed};
use super::number::{Generation, NAME};
use crate::io::Files;
use crate::snapshot::{self, snapshot_dir};

/// The first line: a word, and the number of the format.
const WORD: &str = "paddock-generation";
const FORMAT: u64 = 1;
/// No such file is longer, bytes.
const BYTES_MAX: usize = 4096;

/// The file of one `dataDir`.
#[derive(Clone, Copy, Debug)]
pub struct GenerationFile<'a> {
    pub files: &'a Files,
    pub data_dir: &'a Path,
}

impl GenerationFile<'_> {
    fn path(&self) -> PathBuf {
        self.data_dir.join(NAME)
    }

    /// Which generation the file names; `None` if there is no file.
    pub fn read(&self) -> Result<Option<Generation>, GenerationError> {
        let file = self.path();
        match self.files.read(&file, BYTES_MAX) {
            Ok(text) => match parse(&text) {
                Some(generation) => Ok(Some(generation)),
                None if is_later(&text) => Err(GenerationError::Version { file }),
                None => Err(GenerationError::Damaged { file }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&file)(error)),
        }
    }

    /// Replaces the file, durably.
    pub fn write(&self, generation: Generation) -> Result<(), GenerationError> {
        let file = self.path();
        self.files.write_atomically(&file, text(generation).as_bytes()).map_err(failed(&file))
    }

    /// Writes anew what the file says, before anything is served of that generation or removed of another one. It may not be
    /// durable: the process before this one may have ended because the sync of the directory failed, and a power cut would then
    /// bring back the file that was there before, also if a later sync of the directory succeeds.
    pub fn make_durable(&self, present: Generation) -> Result<(), GenerationError> {
        if present == Generation::FIRST { Ok(()) } else { self.write(present) }
    }

    /// Writes the file again if it is gone, for a server that runs in this generation, and returns which file that is. The
    /// first generation needs none.
    pub fn put_back(&self, generation: Generation) -> Result<Option<PathBuf>, GenerationError> {
        let file = self.path();
        if generation == Generation::FIRST || self.files.exists(&file).map_err(failed(&file))? {
            return Ok(None);
        }
        self.write(generation)?;
        Ok(Some(file))
    }
}

/// The present generation of a `dataDir` and a `dataLogDir`, which may be the same directory.
///
/// # Errors
/// All but [`Log`](GenerationError::Log).
pub fn present(files: &Files, data_dir: &Path, log_dir: &Path) -> Result<Generation, GenerationError> {
    let file = GenerationFile { files, data_dir };
    let Some(generation) = file.read()? else {
        for directory in [data_dir, log_dir] {
            let later = made(files, directory).map_err(failed(directory))?;
            if let Some(later) = later.into_iter().next() {
                return Err(GenerationError::Missing { file: file.path(), directory: later.dir(directory) });
            }
        }
        return Ok(Generation::FIRST);
    };
    let directory = generation.dir(data_dir);
    let is_empty = || snapshot::list(files, &directory).map(|snapshots| snapshots.is_empty());
    if generation != Generation::FIRST && is_empty().map_err(failed(&directory))? {
        return Err(GenerationError::Gone { file: file.path(), directory: snapshot_dir(&directory) });
    }
    Ok(generation)
}

/// The present generation, also where what it had is gone; `None` where something shows that there was a file, and nothing says
/// any more what it said.
///
/// # Errors
/// What is no [damage](GenerationError::is_damage).
pub fn known(files: &Files, data_dir: &Path, log_dir: &Path) -> Result<Option<Generation>, GenerationError> {
    match present(files, data_dir, log_dir) {
        Ok(present) => Ok(Some(present)),
        Err(GenerationError::Gone { .. }) => GenerationFile { files, data_dir }.read(),
        Err(error) if error.is_damage() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The later generations that have something in a `dataDir` or a `dataLogDir`, the oldest first.
pub(super) fn made(files: &Files, directory: &Path) -> io::Result<Vec<Generation>> {
    match files.list(directory) {
        Ok(names) => {
            let mut made: Vec<Generation> =
                names.iter().filter_map(|name| Generation::of_name(name.to_str()?)).collect();
            made.sort();
            Ok(made)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn parse(text: &[u8]) -> Option<Generation> {
    let number = std::str::from_utf8(text).ok()?.lines().nth(1)?.strip_prefix("number ")?;
    let generation = Generation(number.parse().ok()?);
    (self::text(generation).as_bytes() == text).then_some(generation)
}

fn text(generation: Generation) -> String {
    let lines = format!("{WORD} {FORMAT}\nnumber {}\n", generation.0);
    let sum = crc32c::crc32c(lines.as_bytes());
    format!("{lines}sum {sum:08x}\n")
}

/// Whether a newer version has written the file. If it is one of ours but for the number of the format, that is not the one that
/// was written.
fn is_later(text: &[u8]) -> bool {
    let rest = text.iter().position(|byte| *byte == b'\n').map_or(&[][..], |end| &text[end..]);
    let ours = [format!("{WORD} {FORMAT}").as_bytes(), rest].concat();
    format_of(text).is_some_and(|format| format > FORMAT) && parse(&ours).is_none()
}

/// The format of a file, as its first line says, whatever comes after that.
fn format_of(text: &[u8]) -> Option<u64> {
    let first = text.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(first).ok()?.strip_prefix(WORD)?.strip_prefix(' ')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Generation, parse, text};

    #[test]
    fn the_file_reads_as_it_was_written_and_nothing_else_is_one() {
        let text = text(Generation(12)).into_bytes();
        assert_eq!(parse(&text), Some(Generation(12)));
        for bit in 0..text.len() * 8 {
            let mut text = text.clone();
            text[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&text), None, "bit {bit}");
        }
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]), None, "cut at {end}");
        }
    }
}

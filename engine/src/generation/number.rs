//! Generations by their numbers, and how their directories are called.

use std::path::{Path, PathBuf};

/// The name of the file that says which one is present, and the beginning of the names of directories.
pub(super) const NAME: &str = "paddock.generation";

/// A generation, by its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Generation(pub u64);

impl Generation {
    /// The one without a file.
    pub const FIRST: Generation = Generation(0);

    /// What stands for a `dataDir` or a `dataLogDir` in this generation.
    pub fn dir(self, directory: &Path) -> PathBuf {
        match self {
            Generation::FIRST => directory.to_owned(),
            Generation(number) => directory.join(format!("{NAME}.{number}")),
        }
    }

    /// The one whose directory this is, by its name; the first for any other directory.
    pub fn of_dir(directory: &Path) -> Generation {
        let named = directory.file_name().and_then(|name| Generation::of_name(name.to_str()?));
        named.unwrap_or(Generation::FIRST)
    }

    /// The `dataDir` or `dataLogDir` around the directory of a generation; any other directory is one itself.
    pub fn above(directory: &Path) -> &Path {
        match Generation::of_dir(directory) {
            Generation::FIRST => directory,
            _ => directory.parent().unwrap_or(directory),
        }
    }

    /// The one whose directory has this name. Only the one spelling counts that [`dir`](Self::dir) has.
    pub(super) fn of_name(name: &str) -> Option<Generation> {
        let digits = name.strip_prefix(NAME)?.strip_prefix('.')?;
        let number: u64 = digits.parse().ok()?;
        (number > 0 && number.to_string() == digits).then_some(Generation(number))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Generation, NAME};

    #[test]
    fn a_directory_has_one_spelling() {
        let dir = Generation(12).dir(Path::new("/data"));
        assert_eq!(Generation::of_name(dir.file_name().unwrap().to_str().unwrap()), Some(Generation(12)));
        for other in [".0", ".012", ".+12", ".", "", ".tmp", ".12.tmp", ".12.aside"] {
            assert_eq!(Generation::of_name(&format!("{NAME}{other}")), None, "{other}");
        }
    }

    #[test]
    fn what_is_around_a_generation_is_told_by_its_name() {
        let data = Path::new("/data");
        for generation in [Generation::FIRST, Generation(3)] {
            let dir = generation.dir(data);
            assert_eq!((Generation::of_dir(&dir), Generation::above(&dir)), (generation, data));
        }
    }
}

//! The generations that are not the present one, and what becomes of what they have left.

use std::collections::VecDeque;
use std::path::Path;

use paddock_consensus::Zxid;

use super::error::{GenerationError, failed};
use super::file::made;
use super::number::Generation;
use super::place::{GenerationPlace, Removal};
use crate::io::Files;
use crate::progress::Progress;
use crate::snapshot;

/// What former generations have left, which goes by and by: no start and no change needs it to be gone, since their numbers
/// are not used again.
#[derive(Default, Debug)]
pub struct FormerGenerations {
    left: VecDeque<Removal>,
}

impl FormerGenerations {
    /// Those before the present one of a `dataDir` and a `dataLogDir`.
    pub fn find(
        files: &Files,
        data_dir: &Path,
        log_dir: &Path,
        present: Generation,
    ) -> Result<FormerGenerations, GenerationError> {
        let mut left = VecDeque::new();
        for directory in places(files, data_dir, log_dir) {
            let made = made(files, directory).map_err(failed(directory))?;
            for former in [Generation::FIRST].into_iter().chain(made).filter(|former| *former < present) {
                let place = GenerationPlace::new(files, former, directory, data_dir);
                if place.exists()? {
                    left.push_back(Removal::new(place));
                }
            }
        }
        Ok(FormerGenerations { left })
    }

    /// Removes a file, or gives back a piece of a large one. What cannot be removed is told, and left to the next start.
    pub fn work(&mut self) -> Progress {
        let Some(removal) = self.left.front_mut() else { return Progress::Ended };
        match removal.step() {
            Ok(true) => {}
            Ok(false) => drop(self.left.pop_front()),
            Err(error) => {
                let directory = removal.dir().display();
                tracing::warn!(%error, "not all of {directory} could be removed, which is of a former generation");
                self.left.pop_front();
            }
        }
        if self.left.is_empty() { Progress::Ended } else { Progress::More }
    }
}

/// A generation that a `dataDir` has, and whether it has counted as far as is known: a crash just behind its beginning to
/// count leaves that unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundGeneration {
    pub generation: Generation,
    pub has_counted: bool,
}

/// All that a `dataDir` has something of, the oldest first.
pub fn list(files: &Files, data_dir: &Path) -> Result<Vec<FoundGeneration>, GenerationError> {
    let mut found = Vec::new();
    for generation in [Generation::FIRST].into_iter().chain(made(files, data_dir).map_err(failed(data_dir))?) {
        let place = GenerationPlace::new(files, generation, data_dir, data_dir);
        if place.exists()? {
            found.push(FoundGeneration { generation, has_counted: !place.is_unfinished()? });
        }
    }
    Ok(found)
}

/// Makes way for the generation after the present one: what never counted is removed, and what somebody has put there is set
/// aside and told. A start does it once it has opened the present one, so that no later change finds anything there.
///
/// # Errors
/// The first one; all that can be done is done nevertheless.
pub fn make_way(files: &Files, data_dir: &Path, log_dir: &Path, present: Generation) -> Result<(), GenerationError> {
    let mut result = Ok(());
    for directory in places(files, data_dir, log_dir) {
        let made = match made(files, directory) {
            Ok(made) => made,
            Err(error) => {
                result = result.and(Err(failed(directory)(error)));
                continue;
            }
        };
        // A crash may have come just behind its beginning to count.
        result = result.and(GenerationPlace::new(files, present, directory, data_dir).count());
        for later in made.into_iter().filter(|later| *later > present) {
            result = result.and(clear(GenerationPlace::new(files, later, directory, data_dir)));
        }
    }
    result
}

/// Makes way for another generation where it is not known which one is present: only those go that were begun and have nothing
/// in them. Returns the newest that is there.
pub(super) fn make_way_beside(files: &Files, data_dir: &Path, log_dir: &Path) -> Result<Generation, GenerationError> {
    let mut newest = Generation::FIRST;
    for directory in places(files, data_dir, log_dir) {
        for generation in made(files, directory).map_err(failed(directory))? {
            let place = GenerationPlace::new(files, generation, directory, data_dir);
            if place.is_unfinished()? && is_void(files, generation, data_dir)? {
                place.remove()?;
            } else {
                newest = newest.max(generation);
            }
        }
    }
    Ok(newest)
}

/// Whether a generation has no state but that before the first transaction.
fn is_void(files: &Files, generation: Generation, data_dir: &Path) -> Result<bool, GenerationError> {
    let dir = generation.dir(data_dir);
    let snapshots = snapshot::list(files, &dir).map_err(failed(&dir))?;
    Ok(snapshots.iter().all(|(zxid, _)| *zxid == Zxid::ZERO))
}

fn clear(place: GenerationPlace) -> Result<(), GenerationError> {
    if place.is_unfinished()? {
        return place.remove();
    }
    let aside = place.set_aside()?;
    tracing::error!(
        "a directory of a generation after the present one was put back, whose data does not count: it is {} now; \
         `paddock log check` and `paddock snapshot check` show what it holds",
        aside.display()
    );
    Ok(())
}

/// The `dataDir`, and the `dataLogDir` if that is another one.
pub(super) fn places<'a>(files: &Files, data_dir: &'a Path, log_dir: &'a Path) -> impl Iterator<Item = &'a Path> {
    let other = (!files.is_same_directory(data_dir, log_dir)).then_some(log_dir);
    std::iter::once(data_dir).chain(other)
}

//! The generation after the present one: how it is made, and how it comes to count.

use std::path::PathBuf;

use super::error::{GenerationError, failed};
use super::file::{GenerationFile, known};
use super::number::Generation;
use super::others::{FormerGenerations, make_way, make_way_beside, places};
use super::place::GenerationPlace;
use crate::database::Database;
use crate::io::Files;
use crate::log::{Log, LogConfig};
use crate::snapshot::{self, snapshot_dir};
use crate::tree::HashSeed;

/// The generation after the present one, as long as it does not count.
pub struct NextGeneration {
    files: Files,
    data_dir: PathBuf,
    log_dir: PathBuf,
    generation: Generation,
    log: Log,
}

/// The generation that counts from now on.
pub struct Succeeded {
    pub generation: Generation,
    pub log: Log,
    /// What is in place of nothing any more, once the log of the generation before is dropped.
    pub former: FormerGenerations,
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
        NextGeneration::begin_long(config, database, seed, &mut || {})
    }

    /// The same, of a state that may be large: `alive` is told again and again that it goes on.
    pub fn begin_long(
        config: LogConfig,
        database: &mut Database,
        seed: &HashSeed,
        alive: &mut dyn FnMut(),
    ) -> Result<NextGeneration, GenerationError> {
        let (files, data_dir, log_dir) = (config.files.clone(), config.data_dir.clone(), config.dir.clone());
        let present = match known(&files, &data_dir, &log_dir)? {
            Some(present) => {
                GenerationFile { files: &files, data_dir: &data_dir }.write(present)?;
                make_way(&files, &data_dir, &log_dir, present)?;
                present
            }
            None => make_way_beside(&files, &data_dir, &log_dir)?,
        };
        let generation = Generation(present.0 + 1);
        for directory in places(&files, &data_dir, &log_dir) {
            GenerationPlace::new(&files, generation, directory, &data_dir).begin()?;
        }
        let config = LogConfig { data_dir: generation.dir(&data_dir), dir: generation.dir(&log_dir), ..config };
        let written = snapshot::write_long_state(&files, &config.data_dir, database, seed, alive);
        let published = written.and_then(|written| written.publish());
        published.map_err(failed(&snapshot_dir(&config.data_dir)))?;
        let log = Log::begin(config, database.last_zxid())?;
        Ok(NextGeneration { files, data_dir, log_dir, generation, log })
    }

    /// The log of the next generation, for the transactions that come before it counts.
    pub fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    /// What a server works with that has no history which counts: its log takes nothing, and this generation never counts. The
    /// next start removes it, or the next change does.
    pub fn into_unfinished(self) -> (Generation, Log) {
        (self.generation, self.log)
    }

    /// Makes durable what was appended to the log. The former generation is present, also after an error.
    pub fn settle(&mut self) -> Result<(), GenerationError> {
        // Nothing of it is given up where space is short.
        if self.log.is_filling() {
            self.log.submit()?;
        }
        self.log.fence_durably()?;
        Ok(())
    }

    /// Makes this generation the present one, once all of it is [durable](Self::settle).
    ///
    /// # Errors
    /// Of the file: which of the two generations is present is not known until the next start.
    ///
    /// # Panics
    /// If not all that was appended is durable.
    pub fn succeed(self) -> Result<Succeeded, GenerationError> {
        assert!(
            !self.log.is_filling() && self.log.completed_zxid() == self.log.last_zxid(),
            "all of a generation is durable before it counts"
        );
        let NextGeneration { files, data_dir, log_dir, generation, log } = self;
        GenerationFile { files: &files, data_dir: &data_dir }.write(generation)?;
        for directory in places(&files, &data_dir, &log_dir) {
            if let Err(error) = GenerationPlace::new(&files, generation, directory, &data_dir).count() {
                tracing::warn!(%error, "the present generation is marked as one that is not, until the next start");
            }
        }
        let former = FormerGenerations::find(&files, &data_dir, &log_dir, generation);
        let former = former.unwrap_or_else(|error| {
            tracing::warn!(%error, "what the former generation has left stays until the next start");
            FormerGenerations::default()
        });
        Ok(Succeeded { generation, log, former })
    }
}

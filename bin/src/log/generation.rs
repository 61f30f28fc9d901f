//! `paddock log generation`.

use std::path::{Path, PathBuf};

use clap::Args;
use paddock_engine::database::{Database, Rules};
use paddock_engine::generation::{self, FoundGeneration, Generation, GenerationFile};
use paddock_engine::io::{DataDir, Files};
use paddock_engine::snapshot;
use paddock_engine::tree::ExtendedTypes;
use serde_json::json;

use super::LogCommandError;
use super::source::existing;
use crate::answer::Answer;
use crate::node::recovery;

#[derive(Args)]
pub struct GenerationArgs {
    /// The dataDir of a server; with --use, of one that does not run.
    #[arg(value_name = "DIR")]
    data_dir: PathBuf,
    /// Its dataLogDir, if that is another directory.
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Have this generation count from now on, if it is whole. The next start removes those before it, and sets those after it
    /// aside; keep a copy of the directories.
    #[arg(long = "use", value_name = "N")]
    number: Option<u64>,
    /// Answer with JSON, one object a line.
    #[arg(long)]
    pub(super) json: bool,
}

pub fn run(arguments: &GenerationArgs, answer: &mut Answer) -> Result<(), LogCommandError> {
    let data_dir = &*arguments.data_dir;
    let log_dir = arguments.log_dir.as_deref().unwrap_or(data_dir);
    existing(data_dir)?;
    existing(log_dir)?;
    match arguments.number {
        Some(number) => have_count(Generation(number), data_dir, log_dir, answer),
        None => show(data_dir, log_dir, answer),
    }
}

/// Tells what each generation holds, and which one counts.
fn show(data_dir: &Path, log_dir: &Path, answer: &mut Answer) -> Result<(), LogCommandError> {
    let found = generation::list(&Files::Real, data_dir).map_err(LogCommandError::Generation)?;
    for FoundGeneration { generation, has_counted } in found {
        let number = generation.0;
        let note = if has_counted { "" } else { "; as far as is known it has never counted" };
        match load(generation, data_dir, log_dir) {
            Ok(database) => {
                answer.line(format_args!("generation {number}: {}{note}", holds(&database)))?;
                answer.object(&json!({
                    "generation": number,
                    "whole": true,
                    "has_counted": has_counted,
                    "last": database.last_zxid().to_string(),
                    "znodes": database.tree().len(),
                    "sessions": database.sessions().len(),
                }))?;
            }
            Err(error) => {
                answer.line(format_args!("generation {number} is not whole: {error}{note}"))?;
                answer.object(&json!({"generation": number, "whole": false, "has_counted": has_counted}))?;
            }
        }
    }
    let present = generation::present(&Files::Real, data_dir, log_dir).map_err(LogCommandError::Generation)?;
    answer.line(format_args!("generation {} counts", present.0))?;
    answer.object(&json!({"present": present.0}))?;
    Ok(())
}

/// Writes the file anew, once the generation is seen to be whole.
fn have_count(
    generation: Generation,
    data_dir: &Path,
    log_dir: &Path,
    answer: &mut Answer,
) -> Result<(), LogCommandError> {
    // Not while a server runs on them.
    let _data_lock = DataDir::open(&Files::Real, data_dir, false).map_err(LogCommandError::Directory)?;
    let _log_lock = (!Files::Real.is_same_directory(log_dir, data_dir))
        .then(|| DataDir::open(&Files::Real, log_dir, false).map_err(LogCommandError::Directory))
        .transpose()?;
    let database = load(generation, data_dir, log_dir)?;
    let file = GenerationFile { files: &Files::Real, data_dir };
    file.write(generation).map_err(LogCommandError::Generation)?;
    let number = generation.0;
    answer.line(format_args!("generation {number} counts from now on: {}", holds(&database)))?;
    answer.object(&json!({"present": number, "last": database.last_zxid().to_string()}))?;
    Ok(())
}

/// The state that a start in a generation would have. Nothing is changed.
fn load(generation: Generation, data_dir: &Path, log_dir: &Path) -> Result<Database, LogCommandError> {
    let (data_dir, log_dir) = (generation.dir(data_dir), generation.dir(log_dir));
    let is_there = snapshot::snapshot_dir(&data_dir).is_dir();
    let has_snapshot = !snapshot::list(&Files::Real, &data_dir)?.is_empty();
    if !is_there || (generation != Generation::FIRST && !has_snapshot) {
        return Err(LogCommandError::NoGeneration { directory: data_dir });
    }
    let rules = Rules { extended_types: ExtendedTypes::On, ..Rules::default() };
    recovery::read(&Files::Real, &data_dir, &log_dir, rules).map_err(LogCommandError::Recovery)
}

fn holds(database: &Database) -> String {
    let (znodes, sessions) = (database.tree().len(), database.sessions().len());
    format!("{znodes} znodes, {sessions} sessions, the last transaction is {}", database.last_zxid())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use paddock_engine::database::{Database, Rules};
    use paddock_engine::generation::{self, Generation, GenerationError, NextGeneration};
    use paddock_engine::io::{DataDir, Files};
    use paddock_engine::log::{Log, LogConfig};
    use paddock_engine::tree::HashSeed;

    use super::{GenerationArgs, run};
    use crate::answer::Answer;
    use crate::log::LogCommandError;

    fn command(data_dir: &Path, number: Option<u64>) -> Result<(), LogCommandError> {
        let arguments = GenerationArgs { data_dir: data_dir.to_owned(), log_dir: None, number, json: true };
        run(&arguments, &mut Answer::new(true))
    }

    #[test]
    fn a_damaged_file_is_written_again_for_a_generation_that_is_whole() {
        let dir = std::env::temp_dir().join(format!("paddock-log-use-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("paddock-1")).unwrap();
        let config = LogConfig::new(&dir);
        Log::open(config.clone(), Default::default(), &mut |_, _| Ok(())).unwrap().0.close().unwrap();
        let seed = HashSeed([7; 16]);
        let mut database = Database::new(seed, Rules::default());
        NextGeneration::begin(config, &mut database, &seed).unwrap().succeed().unwrap().log.close().unwrap();
        let present = || generation::present(&Files::Real, &dir, &dir);
        std::fs::write(dir.join("paddock.generation"), "nonsense").unwrap();
        let error = command(&dir, None).unwrap_err();
        assert!(matches!(error, LogCommandError::Generation(GenerationError::Damaged { .. })), "{error}");

        let lock = DataDir::open(&Files::Real, &dir, false).unwrap();
        assert!(matches!(command(&dir, Some(1)), Err(LogCommandError::Directory(_))));
        drop(lock);
        assert!(matches!(command(&dir, Some(2)), Err(LogCommandError::NoGeneration { .. })));
        command(&dir, Some(1)).unwrap();
        assert_eq!(present().unwrap(), Generation(1));
        command(&dir, Some(0)).unwrap();
        assert_eq!(present().unwrap(), Generation::FIRST);
        command(&dir, None).unwrap();

        // One that is not whole is not taken.
        let snapshot = Generation(1).dir(&dir).join("paddock-1/snapshot.0000000000000000");
        std::fs::write(snapshot, "nonsense").unwrap();
        assert!(matches!(command(&dir, Some(1)), Err(LogCommandError::Recovery(_))));
        assert_eq!(present().unwrap(), Generation::FIRST);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

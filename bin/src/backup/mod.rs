//! `paddock backup`: copies of a server's data in a directory elsewhere, taken while it serves, and what there is of them.
//!
//! | file | is |
//! |---|---|
//! | `watch` | the bar |
//! | `patience` | how long a backup waits for what is in doubt |
//! | `taking`, `listing`, `verification` | the orders |

mod error;
mod listing;
mod patience;
mod taking;
mod verification;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use paddock_engine::backup::{HISTORIES_KEPT, Keep};

use crate::answer::Answer;
use crate::config::{self, Property};
use crate::progress::Progress;
pub use error::BackupCommandError;
pub use patience::Patience;
pub use watch::Watch;

#[derive(Args)]
pub struct BackupArgs {
    /// The zoo.cfg of the server, and the directory of the backups behind it; or that directory alone, where the server is one with
    /// defaults (data in ./paddock-data), or that of --data-dir.
    #[arg(value_name = "ZOO.CFG|DIR")]
    first: PathBuf,
    /// The directory of the backups, which is made if it is not there.
    #[arg(value_name = "DIR")]
    second: Option<PathBuf>,
    /// The dataDir of the server, instead of a zoo.cfg.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Its dataLogDir, if that is another directory.
    #[arg(long, value_name = "DIR", requires = "data_dir")]
    data_log_dir: Option<PathBuf>,
    /// A system property as ZooKeeper has it: -DdataLogDir=/log.
    #[arg(short = 'D', value_name = "name=value", conflicts_with = "data_dir")]
    properties: Vec<String>,
    /// Remove all but so many of the newest backups, with what they alone needed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    keep: Option<u64>,
    /// Remove backups that are older than so many days; with --keep, those that neither keeps.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    keep_days: Option<u32>,
    /// Keep the newest backup of so many of the newest histories besides, so that a server that lost its data does not push out the
    /// backups that have them; counts with --keep and --keep-days.
    #[arg(long, value_name = "N", default_value_t = HISTORIES_KEPT)]
    keep_histories: usize,
    /// Have the directory be this server's from now on: of one that began anew, since its data were lost or restored.
    #[arg(long)]
    take_over: bool,
    /// Tell which backups a directory has, and which transactions can be come to. Takes none.
    #[arg(long, conflicts_with_all = ["verify", "data_dir", "keep", "keep_days", "take_over"])]
    list: bool,
    /// Read all files of a directory and say whether they are as they were written; ends with 1 where one is not. Takes none.
    #[arg(long, conflicts_with_all = ["data_dir", "keep", "keep_days", "take_over"])]
    verify: bool,
    /// Show no progress on a terminal.
    #[arg(long)]
    no_progress: bool,
    /// Answer with JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// What is to become of the directory's backups.
struct Wish {
    keep: Keep,
    /// Whoever they are of.
    takes_over: bool,
}

/// The directories of the server.
struct Directories {
    data_dir: PathBuf,
    log_dir: PathBuf,
}

/// Whether all is as it should be.
pub fn run(arguments: &BackupArgs) -> Result<ExitCode, BackupCommandError> {
    let mut answer = Answer::new(arguments.json);
    let progress = Progress::new(!arguments.no_progress);
    let (file, directory) = match &arguments.second {
        None => (None, &*arguments.first),
        Some(directory) => (Some(&*arguments.first), &**directory),
    };
    let done = match (arguments.list, arguments.verify) {
        (false, false) => {
            let directories = directories(arguments, file)?;
            let (count, days, histories) = (arguments.keep, arguments.keep_days, arguments.keep_histories);
            let wish = Wish { keep: Keep { count, days, histories }, takes_over: arguments.take_over };
            taking::run(&directories, directory, wish, progress, &mut answer).map(|()| true)
        }
        _ if file.is_some() => {
            return Err(BackupCommandError::Arguments("--list and --verify take the directory of the backups alone"));
        }
        (true, _) => listing::run(directory, &mut answer).map(|()| true),
        (false, true) => verification::run(directory, progress, &mut answer),
    };
    // What was found before an error is told before it.
    answer.finish()?;
    done.map(|is_right| if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn directories(arguments: &BackupArgs, file: Option<&Path>) -> Result<Directories, BackupCommandError> {
    if let Some(data_dir) = &arguments.data_dir {
        if file.is_some() {
            return Err(BackupCommandError::Arguments("give either a zoo.cfg or --data-dir"));
        }
        let log_dir = arguments.data_log_dir.as_ref().unwrap_or(data_dir).clone();
        return Ok(Directories { data_dir: data_dir.clone(), log_dir });
    }
    let properties: Vec<Property> = arguments.properties.iter().map(|text| Property::split(text)).collect();
    let loaded = config::load(file, &properties, &config::flags_of_environment());
    let config = loaded.map_err(|failure| BackupCommandError::Config(Box::new(failure.error)))?.config;
    Ok(Directories { data_dir: config.data_dir, log_dir: config.data_log_dir })
}

//! `paddock convert`: from a ZooKeeper's files to Paddock's state, and back.

mod error;
mod from_zookeeper;
mod meter;
mod to_zookeeper;

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use paddock_engine::io::{DataDir, Files};
use paddock_engine::zookeeper::Settings;

use crate::answer::Answer;
use crate::config::{self, Config, Property};
use crate::node::conversion_settings;
use crate::progress::Progress;
pub use error::ConvertError;

#[derive(Args)]
#[command(group(ArgGroup::new("direction").required(true)), group(ArgGroup::new("where").required(true)))]
pub struct ConvertArgs {
    /// Make Paddock's state from a ZooKeeper's files, beside them. They are not changed. The ZooKeeper must not run.
    #[arg(long, group = "direction")]
    from_zookeeper: bool,
    /// Write Paddock's state as the dataDir of a ZooKeeper, into a directory that is empty or not there. Nothing of Paddock's
    /// is changed. The server must not run.
    #[arg(long, group = "direction", value_name = "DIR")]
    to_zookeeper: Option<PathBuf>,
    /// The zoo.cfg of the server.
    #[arg(group = "where", value_name = "ZOO.CFG")]
    file: Option<PathBuf>,
    /// The dataDir of the server, instead of a zoo.cfg.
    #[arg(long, group = "where", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Its dataLogDir, if that is another directory.
    #[arg(long, value_name = "DIR", requires = "data_dir")]
    data_log_dir: Option<PathBuf>,
    /// A system property as ZooKeeper has it: -Dzookeeper.extendedTypesEnabled=true.
    #[arg(short = 'D', value_name = "name=value")]
    properties: Vec<String>,
    /// Convert ZooKeeper's snapshot although no log goes as far as it does. What was acknowledged after it is lost, unless
    /// there was nothing.
    #[arg(long, requires = "from_zookeeper")]
    accept_missing_logs: bool,
    /// Show no progress on a terminal.
    #[arg(long)]
    no_progress: bool,
    /// Answer with JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &ConvertArgs) -> Result<(), ConvertError> {
    let config = configuration(arguments)?;
    // Nobody else uses them meanwhile.
    let lock = |path| DataDir::open(&Files::Real, path, false).map_err(ConvertError::Directory);
    let _data_dir = lock(&config.data_dir)?;
    let _log_dir = (!Files::Real.is_same_directory(&config.data_dir, &config.data_log_dir))
        .then(|| lock(&config.data_log_dir))
        .transpose()?;
    let mut answer = Answer::new(arguments.json);
    let settings = conversion_settings(&Files::Real, &config).map_err(ConvertError::Recovery)?;
    let progress = Progress::new(!arguments.no_progress);
    match &arguments.to_zookeeper {
        Some(directory) => to_zookeeper::run(&config, &settings, directory, progress, &mut answer)?,
        None => {
            let settings = Settings { accept_missing_logs: arguments.accept_missing_logs, ..settings };
            from_zookeeper::run(&config, &settings, arguments.file.as_deref(), progress, &mut answer)?;
        }
    }
    Ok(answer.finish()?)
}

fn configuration(arguments: &ConvertArgs) -> Result<Config, ConvertError> {
    let mut properties: Vec<Property> = arguments.properties.iter().map(|text| Property::split(text)).collect();
    for (name, directory) in [("dataDir", &arguments.data_dir), ("dataLogDir", &arguments.data_log_dir)] {
        let directory =
            directory.as_ref().map(|directory| directory.to_str().ok_or(ConvertError::Name(directory.clone())));
        if let Some(directory) = directory.transpose()? {
            properties.push(Property { name: name.to_owned(), value: Some(directory.to_owned()) });
        }
    }
    let loaded = config::load(arguments.file.as_deref(), &properties, &config::flags_of_environment());
    let by_file = arguments.file.is_some();
    loaded
        .map(|loaded| loaded.config)
        .map_err(|failure| ConvertError::Config { error: Box::new(failure.error), by_file })
}

//! `paddock serve`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use paddock_engine::io::advice;

use crate::exit::fail;
use crate::signals::Signals;
use crate::{config, messages, node};

/// What ZooKeeper's exit codes call a bad configuration.
const EXIT_CONFIG: u8 = 2;

#[derive(Args)]
pub struct ServeArgs {
    /// A system property as ZooKeeper has it: -Dzookeeper.snapCount=5000 or -DsnapCount=5000.
    #[arg(short = 'D', value_name = "name=value")]
    properties: Vec<String>,
    /// A zoo.cfg.
    file: Option<PathBuf>,
}

pub fn run(arguments: &ServeArgs) -> ExitCode {
    let started = Signals::take().and_then(|signals| messages::start().map(|()| signals));
    let code = match started {
        Ok(signals) => serve(arguments, &signals),
        Err(error) => fail(&format_args!("the process cannot be set up: {error}; {}", advice(&error)), 1),
    };
    messages::flush();
    code
}

fn serve(arguments: &ServeArgs, signals: &Signals) -> ExitCode {
    let properties: Vec<_> = arguments.properties.iter().map(|text| config::Property::split(text)).collect();
    let loaded = config::load(arguments.file.as_deref(), &properties, &config::flags_of_environment());
    let warnings = match &loaded {
        Ok(loaded) => &loaded.warnings,
        Err(failure) => &failure.warnings,
    };
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    match loaded {
        Ok(loaded) => match node::serve(&loaded.config, signals) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => end(&error, error.exit_code()),
        },
        Err(failure) => end(&failure.error, EXIT_CONFIG),
    }
}

/// The last line of the log says why there are no more; numbers of lines that were held back come before it.
fn end(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    messages::flush();
    tracing::error!("{error}");
    ExitCode::from(code)
}

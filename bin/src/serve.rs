//! `paddock serve`.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use paddock_engine::io::advice;
use signal_hook::consts::SIGTERM;
use signal_hook::low_level;

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
    /// Stop, as on SIGTERM, when the standard input ends: it does when whoever started the server has ended, in whatever way.
    #[arg(long)]
    until_stdin_ends: bool,
    /// A zoo.cfg.
    file: Option<PathBuf>,
}

pub fn run(arguments: &ServeArgs) -> ExitCode {
    let code = match set_up(arguments) {
        Ok(signals) => serve(arguments, &signals),
        Err(error) => fail(&format_args!("the process cannot be set up: {error}; {}", advice(&error)), 1),
    };
    messages::flush();
    code
}

fn set_up(arguments: &ServeArgs) -> io::Result<Signals> {
    let signals = Signals::take()?;
    messages::start()?;
    if arguments.until_stdin_ends {
        std::thread::Builder::new().name("stdin-watcher".into()).spawn(stop_with_stdin)?;
    }
    Ok(signals)
}

/// Waits for the end of the standard input, whatever comes before it.
fn stop_with_stdin() {
    // One that cannot be read has ended too.
    drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
    if let Err(error) = low_level::raise(SIGTERM) {
        tracing::error!("the standard input has ended, and the server cannot be told to stop: {error}");
    }
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

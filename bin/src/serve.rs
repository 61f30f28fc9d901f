//! `paddock serve`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::{config, node};

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
    start_log();
    stop_on_panic();
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
        Ok(loaded) => match node::serve(&loaded.config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => end(&error, error.exit_code()),
        },
        Err(failure) => end(&failure.error, EXIT_CONFIG),
    }
}

/// The last line of the log says why there are no more.
fn end(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::from(code)
}

/// A thread that has panicked would leave its clients waiting, its versions held and its sessions unheard: the process
/// ends instead, and the next start recovers.
fn stop_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
}

/// One line for each event on stderr; `RUST_LOG` chooses which (default: info).
fn start_log() {
    let wanted = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = wanted.unwrap_or_else(|| Targets::new().with_default(tracing::Level::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
}

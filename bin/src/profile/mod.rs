//! `paddock profile`: measures servers, and what they stand on, and tells a person where time goes, what to expect and what to
//! change.

mod fsync;
mod writes;

use std::fmt;

use clap::{Args, Subcommand};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ProfileArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    writes: writes::WritesArgs,
}

#[derive(Subcommand)]
enum What {
    Fsync(fsync::FsyncArgs),
}

/// Why it is not measured to the end.
#[derive(Debug)]
pub enum ProfileError {
    Fsync(fsync::FsyncError),
    Writes(writes::WritesError),
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProfileError::Fsync(error) => error.fmt(f),
            ProfileError::Writes(error) => error.fmt(f),
        }
    }
}

pub fn run(arguments: &ProfileArgs) -> Result<(), ProfileError> {
    match &arguments.what {
        Some(What::Fsync(arguments)) => fsync::run(arguments).map_err(ProfileError::Fsync),
        None => writes::run(&arguments.writes).map_err(ProfileError::Writes),
    }
}

//! `paddock snapshot`: looking at snapshots, Paddock's and ZooKeeper's. Nothing is changed.
//!
//! | file | is |
//! |---|---|
//! | `source` | which file is meant, and what it holds |
//! | `by_path` | znodes in the order of their paths, a parent before its children |
//! | `totals` | counts, bytes and depth of every subtree |
//! | `check`, `show`, `summary`, `compare` | the commands |

pub mod by_path;
mod check;
mod compare;
mod error;
mod show;
pub mod source;
mod summary;
pub mod totals;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::answer::Answer;
pub use error::SnapshotCommandError;

#[derive(Args)]
pub struct SnapshotArgs {
    #[command(subcommand)]
    command: SnapshotCommand,
}

#[derive(Subcommand)]
enum SnapshotCommand {
    /// Read a snapshot whole and say whether it holds; of a directory, every one in it.
    Check(check::CheckArgs),
    /// List znodes and sessions.
    Show(show::ShowArgs),
    /// Count znodes, bytes of data and levels of every subtree.
    Summary(summary::SummaryArgs),
    /// Say where two snapshots differ, znode by znode or by subtrees; ends with 0 where they are equal, 1 where not, 2 where
    /// that cannot be told.
    Compare(compare::CompareArgs),
}

/// Where a snapshot is.
#[derive(Args)]
struct PathArgs {
    /// A snapshot file, Paddock's or ZooKeeper's, or a dataDir, of which the newest is taken.
    #[arg(value_name = "FILE|DIR")]
    place: PathBuf,
    /// Answer with JSON, one object a line.
    #[arg(long)]
    json: bool,
}

impl SnapshotArgs {
    /// What the process ends with where the command has failed: a comparison's 1 says that the two differ.
    pub fn failure_code(&self) -> u8 {
        if let SnapshotCommand::Compare(_) = self.command { 2 } else { 1 }
    }
}

/// Whether all is as it should be: sound, or equal.
pub fn run(arguments: &SnapshotArgs) -> Result<ExitCode, SnapshotCommandError> {
    let is_json = match &arguments.command {
        SnapshotCommand::Check(arguments) => arguments.snapshot.json,
        SnapshotCommand::Show(arguments) => arguments.snapshot.json,
        SnapshotCommand::Summary(arguments) => arguments.snapshot.json,
        SnapshotCommand::Compare(arguments) => arguments.json,
    };
    let mut answer = Answer::new(is_json);
    let done = match &arguments.command {
        SnapshotCommand::Check(arguments) => check::run(arguments, &mut answer),
        SnapshotCommand::Show(arguments) => show::run(arguments, &mut answer).map(|()| true),
        SnapshotCommand::Summary(arguments) => summary::run(arguments, &mut answer).map(|()| true),
        SnapshotCommand::Compare(arguments) => compare::run(arguments, &mut answer),
    };
    // What was found before an error is told before it.
    answer.finish()?;
    done.map(|is_right| if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

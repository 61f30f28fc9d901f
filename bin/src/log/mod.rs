//! `paddock log`: looking at transaction logs, Paddock's and ZooKeeper's, and cutting one on a person's order.
//!
//! | file | is |
//! |---|---|
//! | `source` | where the transactions come from: a directory or a file of either kind |
//! | `transaction` | a transaction as text and as JSON |
//! | `given` | the directories that were given, and the generation that is meant |
//! | `check`, `show`, `summary`, `compare`, `cut`, `generation` | the commands |

mod check;
mod compare;
pub mod cut;
mod error;
mod generation;
mod given;
mod show;
pub mod source;
mod summary;
pub mod transaction;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use paddock_consensus::Zxid;

use crate::answer::Answer;
pub use error::LogCommandError;

#[derive(Args)]
pub struct LogArgs {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Subcommand)]
enum LogCommand {
    /// Read every record and say whether the log holds and nothing of it is missing. Changes nothing.
    Check(check::CheckArgs),
    /// List files, groups and transactions. Changes nothing.
    Show(show::ShowArgs),
    /// Count transactions by what they do and by the subtrees that they write to. Changes nothing.
    Summary(summary::SummaryArgs),
    /// Say where two logs differ in the transactions that both should have; ends with 0 where they are equal, 1 where not, 2
    /// where that cannot be told. Changes nothing.
    Compare(compare::CompareArgs),
    /// Remove every transaction after one, and go on without those that are missing. What was acknowledged after it is lost;
    /// keep a copy of the directories. Of a ZooKeeper's file a shorter copy is made.
    Cut(cut::CutArgs),
    /// Tell what each generation of a dataDir holds and which one counts; or have one count that is whole, where the file that
    /// says so is damaged.
    Generation(generation::GenerationArgs),
}

/// Where a log is.
#[derive(Args)]
struct PathArgs {
    /// A dataLogDir, Paddock's or ZooKeeper's, the directory of one generation in it, or one file of a log.
    #[arg(value_name = "DIR|FILE")]
    place: PathBuf,
    /// The dataDir of a Paddock's dataLogDir, if that is another directory.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Answer with JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// A zxid as people write it.
pub fn parse_zxid(text: &str) -> Result<Zxid, String> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    number.map(Zxid).map_err(|_| format!("{text:?} is no zxid; give a number, or 0x and hexadecimal digits"))
}

impl LogArgs {
    /// What the process ends with where the command has failed: a comparison's 1 says that the two differ.
    pub fn failure_code(&self) -> u8 {
        if let LogCommand::Compare(_) = self.command { 2 } else { 1 }
    }
}

/// Whether all is as it should be: sound, or equal.
pub fn run(arguments: &LogArgs) -> Result<ExitCode, LogCommandError> {
    let is_json = match &arguments.command {
        LogCommand::Check(arguments) => arguments.log.json,
        LogCommand::Show(arguments) => arguments.log.json,
        LogCommand::Summary(arguments) => arguments.log.json,
        LogCommand::Compare(arguments) => arguments.json,
        LogCommand::Cut(_) => false,
        LogCommand::Generation(arguments) => arguments.json,
    };
    let mut answer = Answer::new(is_json);
    let done = match &arguments.command {
        LogCommand::Check(arguments) => check::run(arguments, &mut answer).map(|()| true),
        LogCommand::Show(arguments) => show::run(arguments, &mut answer).map(|()| true),
        LogCommand::Summary(arguments) => summary::run(arguments, &mut answer).map(|()| true),
        LogCommand::Compare(arguments) => compare::run(arguments, &mut answer),
        LogCommand::Cut(arguments) => cut::run(arguments, &mut answer).map(|()| true),
        LogCommand::Generation(arguments) => generation::run(arguments, &mut answer).map(|()| true),
    };
    // What was found before an error is told before it.
    answer.finish()?;
    done.map(|is_right| if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

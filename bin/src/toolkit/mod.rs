//! `paddock toolkit`: what ZooKeeper's scripts for administrators do, with their arguments, lines and exit codes. The scripts of
//! these names (`bin/packaging/scripts`) hand their arguments to it. For people there are `paddock log` and `paddock snapshot`.
//!
//! | file | is the tool behind |
//! |---|---|
//! | `txn_log` | `zkTxnLogToolkit.sh`; `chop` makes its shorter copy |
//! | `formatter` | `zkSnapShotToolkit.sh`; `ncdu` is its answer for that program |
//! | `recursive_summary` | `zkSnapshotRecursiveSummaryToolkit.sh` |
//! | `comparer` | `zkSnapshotComparer.sh`; `subtrees` is what it compares |
//! | `cleanup` | `zkCleanup.sh` |
//! | `initialize` | `zkServer-initialize.sh` |
//!
//! `given` reads arguments as ZooKeeper's tools do, `record` writes as Java does. Times are in the zone of the machine, as theirs are.

mod chop;
mod cleanup;
mod comparer;
mod error;
mod formatter;
mod given;
mod initialize;
mod ncdu;
mod record;
mod recursive_summary;
mod subtrees;
mod txn_log;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::answer::Answer;
use crate::version;
pub use error::ToolkitError;

#[derive(Args)]
pub struct ToolkitArgs {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Subcommand)]
enum Tool {
    /// What zkTxnLogToolkit.sh does: tell what a transaction log holds, or make a shorter copy of it.
    #[command(disable_help_flag = true)]
    TxnLog(Words),
    /// What zkSnapShotToolkit.sh does: tell what a snapshot holds.
    #[command(disable_help_flag = true)]
    Snapshot(Words),
    /// What zkSnapshotRecursiveSummaryToolkit.sh does: sum up the subtrees of a snapshot.
    #[command(disable_help_flag = true)]
    RecursiveSummary(Words),
    /// What zkSnapshotComparer.sh does: tell in which subtrees two snapshots differ.
    #[command(disable_help_flag = true)]
    Compare(Words),
    /// What zkCleanup.sh does: remove old snapshots and logs. A server does that by itself, unless told otherwise.
    #[command(disable_help_flag = true)]
    Cleanup(Words),
    /// What zkServer-initialize.sh does: make the directories of a server that never had any data.
    #[command(disable_help_flag = true)]
    Initialize(Words),
    /// What `zkServer.sh version` does.
    Version,
}

/// The arguments of a script as they are.
#[derive(Args)]
struct Words {
    /// As the script takes them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    words: Vec<String>,
}

/// Ends with the code of ZooKeeper's tool.
pub fn run(arguments: &ToolkitArgs) -> ExitCode {
    let mut answer = Answer::new(false);
    let done = match &arguments.tool {
        Tool::TxnLog(Words { words }) => txn_log::run(words, &mut answer),
        Tool::Snapshot(Words { words }) => formatter::run(words, &mut answer),
        Tool::RecursiveSummary(Words { words }) => recursive_summary::run(words, &mut answer),
        Tool::Compare(Words { words }) => comparer::run(words, &mut answer),
        Tool::Cleanup(Words { words }) => cleanup::run(words, &mut answer),
        Tool::Initialize(Words { words }) => initialize::run(words, &mut answer),
        Tool::Version => answer.line(format_args!("{}", version::of_script())).map_err(ToolkitError::from),
    };
    // What was found before an error is told before it.
    let told = answer.finish().map_err(ToolkitError::from);
    match done.and(told) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Tool, ToolkitArgs, Words};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        toolkit: ToolkitArgs,
    }

    #[test]
    fn words_reach_the_tools_as_they_are() {
        for words in [&["-h"][..], &["--zxid=5", "-c", "file", "-d"], &["file", "--help"], &[]] {
            let line = ["toolkit", "txn-log"].iter().chain(words);
            let line = Line::try_parse_from(line).unwrap_or_else(|error| panic!("{words:?}: {error}"));
            assert!(matches!(line.toolkit.tool, Tool::TxnLog(Words { words: given }) if given == words), "{words:?}");
        }
    }
}

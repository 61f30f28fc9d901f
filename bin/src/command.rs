//! The commands of `paddock`.

use std::fmt::Display;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::exit::fail;
use crate::{
    backup, bench, convert, demo, doctor, ensemble_view, log, profile, restore, serve, shell, snapshot, status,
    toolkit, versus,
};

/// Arguments that cannot be understood.
const EXIT_USAGE: u8 = 2;

/// A coordination server that takes ZooKeeper's place.
#[derive(Parser)]
#[command(name = "paddock", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve clients: standalone, by a zoo.cfg or by defaults (127.0.0.1:2181, data in ./paddock-data).
    Serve(serve::ServeArgs),
    /// Say what of a configuration is open, readable by others, mismatched or expired. Ends with 0, with 1 where there are
    /// warnings, with 2 where there are errors.
    Doctor(doctor::DoctorArgs),
    /// Try an ensemble: servers of this machine alone, in one terminal, to kill and start. Nothing is left of them.
    Demo(demo::DemoArgs),
    /// Ask servers what they are: leader, follower, observer, read-only or standalone. Ends with 0 where they serve clients, 1
    /// where not.
    Status(status::StatusArgs),
    /// Watch the servers of an ensemble: who leads, how far each is behind, syncs, clients. On a terminal again each second.
    Ensemble(ensemble_view::EnsembleArgs),
    /// Look at and change what servers hold, line by line: the commands of zkCli.sh, and more.
    Shell(Box<shell::ShellArgs>),
    /// Put load on any server that speaks ZooKeeper's protocol, and measure.
    Bench(Box<BenchCommand>),
    /// Measure where the time of writes goes on running servers; or, with fsync, how fast a disk makes writes durable.
    Profile(Box<profile::ProfileArgs>),
    /// Make Paddock's state from a ZooKeeper's files, or the other way round.
    Convert(convert::ConvertArgs),
    /// Copy a server's data to a directory elsewhere, while it serves; only what is new since the last time.
    Backup(backup::BackupArgs),
    /// Make the state after any transaction that a backup reaches, or at a time, as directories with which a server starts.
    Restore(restore::RestoreArgs),
    /// Look at snapshots, Paddock's and ZooKeeper's.
    Snapshot(snapshot::SnapshotArgs),
    /// Look at transaction logs, Paddock's and ZooKeeper's, or cut one on your order.
    Log(log::LogArgs),
    /// Do what ZooKeeper's scripts do, with their arguments, lines and exit codes; the scripts of their names call this.
    Toolkit(toolkit::ToolkitArgs),
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
struct BenchCommand {
    #[command(subcommand)]
    comparison: Option<BenchComparison>,
    #[command(flatten)]
    load: bench::BenchArgs,
}

#[derive(Subcommand)]
enum BenchComparison {
    Versus(Box<versus::VersusArgs>),
}

/// All that the command line takes, for what is made of it: pages of the manual, completions of shells.
pub fn definition() -> clap::Command {
    Arguments::command()
}

/// Does what the process's arguments say.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse_from(shell::with_properties_apart(std::env::args_os())) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments).unwrap_or_else(|error| fail(&error, 2)),
        Command::Demo(arguments) => ended(demo::run(&arguments)),
        Command::Status(arguments) => status::run(&arguments).unwrap_or_else(|error| fail(&error, 1)),
        Command::Ensemble(arguments) => ensemble_view::run(&arguments).unwrap_or_else(|error| fail(&error, 1)),
        Command::Shell(arguments) => shell::run(&arguments).unwrap_or_else(|error| fail(&error, error.exit())),
        Command::Bench(arguments) => match *arguments {
            BenchCommand { comparison: Some(BenchComparison::Versus(arguments)), .. } => ended(versus::run(&arguments)),
            BenchCommand { load, .. } => ended(bench::run(load)),
        },
        Command::Profile(arguments) => ended(profile::run(&arguments)),
        Command::Convert(arguments) => ended(convert::run(&arguments)),
        Command::Backup(arguments) => backup::run(&arguments).unwrap_or_else(|error| fail(&error, 1)),
        Command::Restore(arguments) => ended(restore::run(&arguments)),
        Command::Snapshot(arguments) => {
            snapshot::run(&arguments).unwrap_or_else(|error| fail(&error, arguments.failure_code()))
        }
        Command::Log(arguments) => log::run(&arguments).unwrap_or_else(|error| fail(&error, arguments.failure_code())),
        Command::Toolkit(arguments) => toolkit::run(&arguments),
    }
}

fn ended<E: Display>(ended: Result<(), E>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

/// Help and version are answers; a mistake in the arguments is one sentence, and where there is more.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return fail(&"a command is missing; see paddock --help", EXIT_USAGE);
    }
    let text = error.render().to_string();
    // What is wrong is the first paragraph; advice and usage follow it.
    let wrong: Vec<&str> = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let wrong = wrong.join(" ");
    fail(&format_args!("{}; see paddock --help", wrong.trim_start_matches("error: ")), EXIT_USAGE)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_in_order() {
        super::definition().debug_assert();
    }
}

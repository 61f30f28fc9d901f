//! Why a comparison does not go on: what is wrong, where, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_engine::io::advice;

use super::contender::ContenderError;
use super::row::Unknown;
use crate::bench::BenchError;

#[derive(Debug)]
pub enum VersusError {
    Contender(ContenderError),
    Row(Unknown),
    /// A row cannot be had with these sides.
    Unfit {
        row: String,
        why: String,
    },
    NoRows,
    /// Options of the bench that it does not take.
    Options(clap::Error),
    /// A sync of memory is none.
    Memory {
        directory: PathBuf,
        kind: String,
    },
    File {
        path: PathBuf,
        source: io::Error,
    },
    Ports(io::Error),
    /// A command cannot be started.
    Start {
        name: String,
        command: String,
        source: io::Error,
    },
    /// A server has ended.
    Ended {
        name: String,
        number: usize,
        status: String,
        lines: Vec<String>,
    },
    /// A server runs, and opens no session.
    Silent {
        name: String,
        number: usize,
        seconds: u64,
        lines: Vec<String>,
    },
    /// None of these leads, with all others behind it.
    NoLeader {
        name: String,
        modes: Vec<String>,
    },
    Bench {
        row: String,
        name: String,
        source: Box<BenchError>,
        lines: Vec<String>,
    },
    Process(io::Error),
    Setup(io::Error),
    Output(io::Error),
    Interrupted,
}

impl fmt::Display for VersusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VersusError::Contender(error) => write!(f, "{error}"),
            VersusError::Row(unknown) => write!(f, "{unknown}"),
            VersusError::Unfit { row, why } => write!(f, "the row {row} cannot be compared: {why}"),
            VersusError::NoRows => {
                f.write_str("no row is left: choose others with --row, or another number of --servers")
            }
            VersusError::Options(error) => {
                let text = error.to_string();
                let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
                write!(f, "paddock bench does not take the options of a turn: {first}; see paddock bench --help")
            }
            VersusError::Memory { directory, kind } => {
                write!(
                    f,
                    "{} is memory ({kind}), which makes nothing durable: choose a --dir on a disk",
                    directory.display()
                )
            }
            VersusError::File { path, source } => write!(f, "{}: {source}; {}", path.display(), advice(source)),
            VersusError::Ports(error) => {
                write!(f, "no free ports of 127.0.0.1 are found: {error}; end programs that listen there")
            }
            VersusError::Start { name, command, source } => {
                write!(f, "{name} cannot be started with \"{command}\": {source}; {}", advice(source))
            }
            VersusError::Ended { name, number, status, lines } => {
                write!(f, "{name}, server {number}, has ended ({status}); {}", Tail(lines))
            }
            VersusError::Silent { name, number, seconds, lines } => {
                write!(f, "{name}, server {number}, runs and opened no session within {seconds} s; {}", Tail(lines))
            }
            VersusError::NoLeader { name, modes } => write!(
                f,
                "of {name} no server came to lead all others: they say {}; see that the word srvr is allowed",
                modes.join(", ")
            ),
            VersusError::Bench { row, name, source, lines } if lines.is_empty() => write!(f, "{row}, {name}: {source}"),
            VersusError::Bench { row, name, source, lines } => write!(f, "{row}, {name}: {source}; {}", Tail(lines)),
            VersusError::Process(error) => write!(f, "what a server has used cannot be read: {error}"),
            VersusError::Setup(error) => write!(f, "the process cannot be set up: {error}; {}", advice(error)),
            VersusError::Output(error) => write!(f, "the results cannot be printed: {error}; {}", advice(error)),
            VersusError::Interrupted => f.write_str("interrupted; the rows that were finished are in the results"),
        }
    }
}

/// The end of a log.
struct Tail<'a>(&'a [String]);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("it has said nothing");
        }
        f.write_str("its log ends:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

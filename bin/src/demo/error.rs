//! Why the demo does not go on: what is wrong, where, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_engine::io::advice;

use super::directory::DirectoryError;

#[derive(Debug)]
pub enum DemoError {
    /// It is not known which program this is.
    Program(io::Error),
    Directory(DirectoryError),
    /// Ports cannot be had.
    Ports(io::Error),
    /// Each time another program was faster; this is the port of the last time.
    PortTaken(u16),
    Start {
        program: PathBuf,
        number: usize,
        source: io::Error,
    },
    /// A server has ended before there was a leader.
    Ended {
        number: usize,
        /// Whatever it ended with.
        status: String,
        /// The last lines of its log.
        lines: Vec<String>,
    },
    /// A server can neither be ended nor looked after.
    Process(io::Error),
    /// Something of the process itself: threads, signals.
    Setup(io::Error),
    Output(io::Error),
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoError::Program(error) => {
                write!(f, "the system does not tell which file this program is, and servers are started of it: {error}")
            }
            DemoError::Directory(DirectoryError { path, source }) => write!(
                f,
                "{} cannot be made: {source}; {}, or have TMPDIR name a directory that can be written to",
                path.display(),
                advice(source)
            ),
            DemoError::Ports(error) => {
                write!(
                    f,
                    "no free ports of 127.0.0.1 are found: {error}; end programs that listen there, or ask for fewer servers"
                )
            }
            DemoError::PortTaken(port) => write!(
                f,
                "port {port} of 127.0.0.1 was taken by another program before the server could take it, as others were before; \
                 try again"
            ),
            DemoError::Start { program, number, source } => {
                write!(f, "server {number} cannot be started ({}): {source}; {}", program.display(), advice(source))
            }
            DemoError::Ended { number, status, lines } => {
                write!(f, "server {number} has ended before there was a leader ({status})")?;
                match &lines[..] {
                    [] => f.write_str(", and its log is empty; with --keep all files stay for a look"),
                    lines => {
                        f.write_str("; with --keep all files stay for a look. Its log ends:")?;
                        lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
                    }
                }
            }
            DemoError::Process(error) => write!(f, "the servers cannot be looked after: {error}; {}", advice(error)),
            DemoError::Setup(error) => write!(f, "the process cannot be set up: {error}; {}", advice(error)),
            DemoError::Output(error) => write!(f, "what happens cannot be shown: {error}; {}", advice(error)),
        }
    }
}

impl From<DirectoryError> for DemoError {
    fn from(error: DirectoryError) -> DemoError {
        DemoError::Directory(error)
    }
}

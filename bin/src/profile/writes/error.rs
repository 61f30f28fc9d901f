//! Why servers are not profiled: what is wrong, where, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_engine::io::advice;

use crate::status::targets::TargetsError;

#[derive(Debug)]
pub enum WritesError {
    Targets(TargetsError),
    /// So many ports for so many servers.
    Ports {
        ports: usize,
        servers: usize,
    },
    /// Nobody has answered; the servers, and why the last one has not.
    Unanswered {
        servers: Vec<String>,
    },
    /// The results' own files.
    Results {
        file: PathBuf,
        source: io::Error,
    },
    Signals(io::Error),
    Terminal(io::Error),
    Output(io::Error),
}

impl fmt::Display for WritesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WritesError::Targets(error) => error.fmt(f),
            WritesError::Ports { ports, servers } => {
                write!(f, "--admin has {ports} ports for {servers} servers; give one for all of them, or one for each")
            }
            WritesError::Unanswered { servers } => write!(
                f,
                "{}; this command asks the AdminServer of a Paddock: see admin.enableServer and admin.serverPort there, and --admin here",
                servers.join("; ")
            ),
            WritesError::Results { file, source } => {
                write!(f, "cannot write the results to {}: {source}; {}", file.display(), advice(source))
            }
            WritesError::Signals(error) => write!(f, "cannot take signals: {error}; {}", advice(error)),
            WritesError::Terminal(error) => {
                write!(
                    f,
                    "the stages cannot be shown on this terminal: {error}; {}, or use --seconds with the output in a file",
                    advice(error)
                )
            }
            WritesError::Output(error) => write!(f, "cannot print the results: {error}; {}", advice(error)),
        }
    }
}

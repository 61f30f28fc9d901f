//! Why servers are not profiled: what is wrong, where, and what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use paddock_consensus::config::HostPort;
use paddock_engine::io::advice;

use crate::status::target::Target;
use crate::status::targets::TargetsError;

/// An AdminServer is not that of the server that was asked for.
#[derive(Clone, Debug)]
pub struct Another {
    pub asked: Target,
    pub admin: HostPort,
    /// Where clients reach the server that it is of.
    pub told: HostPort,
}

impl fmt::Display for Another {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Another { asked, admin, told } = self;
        write!(
            f,
            "the AdminServer at {admin} is not that of {asked}, but of the server whose clients come to {told}; give the right \
             one's port with --admin (admin.serverPort in its zoo.cfg), or pass --anyway if that is the same server under \
             another address"
        )
    }
}

#[derive(Debug)]
pub enum WritesError {
    Targets(TargetsError),
    /// TLS cannot be had as it is set; the sentence.
    Security(String),
    /// So many ports for so many servers.
    Ports {
        ports: usize,
        servers: usize,
    },
    /// The AdminServer that was asked is that of another server.
    Another(Another),
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
            WritesError::Security(error) => f.write_str(error),
            WritesError::Ports { ports, servers } => {
                write!(f, "--admin has {ports} ports for {servers} servers; give one for all of them, or one for each")
            }
            WritesError::Another(another) => another.fmt(f),
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

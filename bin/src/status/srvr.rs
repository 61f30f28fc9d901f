//! The four-letter word `srvr`, and what a server answers to it.

use std::fmt;
use std::io;

use paddock_consensus::config::HostPort;

use super::word::{self, printable};
use crate::security::Security;

/// What is answered while clients are not served.
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

/// What a server says of itself that serves clients.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Srvr {
    /// leader, follower, observer, read-only or standalone.
    pub mode: String,
    /// Of its newest transaction, with 0x.
    pub zxid: String,
    pub connections: String,
    /// Least, mean and greatest, ms, with slashes between.
    pub latency: String,
    /// Requests that are not answered.
    pub outstanding: String,
    /// With the date of its build.
    pub version: String,
}

/// Why it is not known what a server is.
#[derive(Debug)]
pub enum Unknown {
    Unreached(io::Error),
    NotServing,
    /// It answers with something else, of which this is the first line.
    Strange(String),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unknown::Unreached(error) => write!(f, "it does not answer: {error}"),
            Unknown::NotServing => {
                f.write_str("it runs, but serves no clients; a member of an ensemble looks for a leader, or leads with leaderServes=no")
            }
            Unknown::Strange(line) => write!(f, "it answers: {line}"),
        }
    }
}

impl Unknown {
    /// The same in two words.
    pub fn name(&self) -> &'static str {
        match self {
            Unknown::Unreached(_) => "no answer",
            Unknown::NotServing => "not serving",
            Unknown::Strange(_) => "unknown",
        }
    }
}

/// Asks a server what it is.
pub fn ask(server: &HostPort, security: &Security) -> Result<Srvr, Unknown> {
    let answer = word::send(server, "srvr", security).map_err(Unknown::Unreached)?;
    Srvr::read(&answer)
}

impl Srvr {
    pub fn read(answer: &str) -> Result<Srvr, Unknown> {
        let field = |key: &str| {
            let mut values = answer.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            values.next().map(printable)
        };
        let first = answer.lines().next().map(printable).unwrap_or_default();
        match field("Mode") {
            Some(mode) => Ok(Srvr {
                mode,
                zxid: field("Zxid").unwrap_or_default(),
                connections: field("Connections").unwrap_or_default(),
                latency: field("Latency min/avg/max").unwrap_or_default(),
                outstanding: field("Outstanding").unwrap_or_default(),
                version: field("Zookeeper version").unwrap_or_default(),
            }),
            None if first == NOT_SERVING => Err(Unknown::NotServing),
            None => Err(Unknown::Strange(first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Srvr, Unknown};

    #[test]
    fn what_a_server_is_stands_in_its_answer() {
        let answer = "Zookeeper version: 3.9.5\nLatency min/avg/max: 0/0.42/37\nConnections: 12\nOutstanding: 0\n\
                      Zxid: 0x1400000a2f\nMode: lea\u{1b}der\nNode count: 7\n";
        let srvr = Srvr::read(answer).expect("it has a mode");
        let [mode, zxid, connections, latency] = ["leader", "0x1400000a2f", "12", "0/0.42/37"].map(str::to_owned);
        let [outstanding, version] = ["0", "3.9.5"].map(str::to_owned);
        assert_eq!(srvr, Srvr { mode, zxid, connections, latency, outstanding, version });
    }

    #[test]
    fn other_answers_say_why_it_is_not_known() {
        let read = |answer: &str| Srvr::read(answer).expect_err("it has no mode");
        let not_serving = "This ZooKeeper instance is not currently serving requests\n";
        assert!(matches!(read(not_serving), Unknown::NotServing));
        let told = Unknown::NotServing.to_string();
        assert!(told.ends_with("looks for a leader, or leads with leaderServes=no"), "{told}");
        let refused = "srvr is not executed because it is not in the whitelist.\n";
        assert!(matches!(read(refused), Unknown::Strange(line) if line == refused.trim_end()));
    }
}

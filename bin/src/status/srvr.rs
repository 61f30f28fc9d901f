//! The four-letter word `srvr`, and what a server answers to it.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use paddock_consensus::config::HostPort;

/// How long a server may take to be reached, and then to answer. A name service may take its own time besides.
const PATIENCE: Duration = Duration::from_secs(5);
/// A longer answer is none. Of this one a server has a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// What is answered while clients are not served.
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

/// What a server says of itself that serves clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Srvr {
    /// leader, follower, observer, read-only or standalone.
    pub mode: String,
    /// Of its newest transaction, with 0x.
    pub zxid: String,
    pub connections: String,
    /// Least, mean and greatest, ms, with slashes between.
    pub latency: String,
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
pub fn ask(server: &HostPort) -> Result<Srvr, Unknown> {
    let answer = send(server).map_err(Unknown::Unreached)?;
    Srvr::read(&answer)
}

impl Srvr {
    fn read(answer: &str) -> Result<Srvr, Unknown> {
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
            }),
            None if first == NOT_SERVING => Err(Unknown::NotServing),
            None => Err(Unknown::Strange(first)),
        }
    }
}

/// What comes from another machine is shown without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn send(server: &HostPort) -> io::Result<String> {
    let mut stream = connect(server)?;
    let deadline = Instant::now() + PATIENCE;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"srvr")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(too_late());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) if answer.is_empty() => return Err(io::Error::new(ErrorKind::UnexpectedEof, "it closes at once")),
            Ok(0) => return Ok(String::from_utf8_lossy(&answer).into_owned()),
            Ok(read) => answer.extend_from_slice(&chunk[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Err(too_late()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "its answer has no end"));
        }
    }
}

fn too_late() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("nothing whole has come within {} s", PATIENCE.as_secs()))
}

/// The addresses of the host are tried one after the other, all of them in the same time.
fn connect(server: &HostPort) -> io::Result<TcpStream> {
    let deadline = Instant::now() + PATIENCE;
    let mut failure = io::Error::new(ErrorKind::NotFound, "the name service knows no address");
    for address in (&*server.host, server.port).to_socket_addrs()? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
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
        assert_eq!(srvr, Srvr { mode, zxid, connections, latency });
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

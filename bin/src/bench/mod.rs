//! `paddock bench`: a load generator for any server that speaks ZooKeeper's client protocol.
//!
//! ```text
//! args ──> workload ──> root: makes znodes ──> load ──> worker (one per thread) ──> report
//!                                               │        └ lane (one per connection): what is sent, what is in flight
//!                                               │           └ connection ── wire
//!                                               └ pacer (open loop), process (CPU and memory of the server)
//! storm, watch, registration: measurements that are no load
//!   └ crowd, silent: many sessions that do the same
//! ```
//!
//! It knows nothing of the server it loads but the protocol, so that any two can be compared. It must cost much less
//! than they do: a wake-up is one read and one write for all that is due on a connection, and an operation is a copy of
//! a template, a draw of a key and a count in a histogram; nothing is allocated.

mod args;
mod client;
mod connection;
mod crowd;
mod keys;
mod lane;
mod load;
mod operation;
mod pacer;
mod process;
mod random;
mod registration;
mod report;
mod results;
mod root;
mod server;
mod silent;
#[cfg(test)]
mod standin;
mod storm;
mod tally;
#[cfg(test)]
mod tests;
mod watch;
mod wire;
mod worker;
mod workload;

use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::{Value, json};
use signal_hook::consts::SIGINT;

pub use args::BenchArgs;
pub use client::Client;
pub use process::usage;
pub use report::latencies_json;
pub use results::ResultsFile;
pub use server::Server;
pub use tally::latencies;

use paddock_engine::io::advice;

use crate::progress::Progress;
use crate::security::Security;
use load::Site;
use root::{Root, RootError};

use workload::Workload;

/// Why there are no results.
#[derive(Debug)]
pub enum BenchError {
    /// A server's address cannot be found.
    Address {
        server: String,
        error: String,
    },
    /// The znodes of the run could not be made or removed.
    Root(RootError),
    /// The sessions could not be opened.
    Open(String),
    /// More connections than files this process may open.
    Files {
        connections: u64,
        most: u64,
    },
    /// TLS cannot be had as it is set; the sentence.
    Security(String),
    /// The server's processes cannot be read.
    Process(io::Error),
    /// The poll of the sockets failed.
    Poll(io::Error),
    /// Ctrl-C cannot be listened to.
    Signal(io::Error),
    /// The server did not answer.
    Silent {
        awaited: &'static str,
        seconds: u64,
    },
    /// The server answered with an error code where none may be.
    Code(i32),
    /// A command of the command line failed.
    Command {
        command: String,
        error: String,
    },
    Json {
        file: PathBuf,
        error: io::Error,
    },
    /// The standard output takes no more.
    Output(io::Error),
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BenchError::Address { server, error } => {
                write!(f, "cannot find the server \"{server}\": {error} (an address is HOST:PORT)")
            }
            BenchError::Root(error) => write!(f, "{error}"),
            BenchError::Open(what) => write!(
                f,
                "the sessions could not all be opened: {what} (ZooKeeper allows 60 connections from one address unless \
                 maxClientCnxns says otherwise)"
            ),
            BenchError::Files { connections, most } => write!(
                f,
                "{connections} connections need more open files than the {most} allowed: raise the limit with ulimit -n"
            ),
            BenchError::Security(error) => f.write_str(error),
            BenchError::Process(error) => write!(f, "cannot read what a process has used: {error}"),
            BenchError::Poll(error) => write!(f, "cannot wait for sockets: {error}"),
            BenchError::Signal(error) => write!(f, "cannot listen to Ctrl-C: {error}"),
            BenchError::Silent { awaited, seconds } => write!(f, "waited {seconds} s in vain for {awaited}"),
            BenchError::Code(code) => {
                write!(f, "the server answered with an error: {} ({code})", wire::error_name(*code))
            }
            BenchError::Command { command, error } => write!(f, "the command \"{command}\" failed: {error}"),
            BenchError::Json { file, error } => {
                write!(f, "cannot write the results to {}: {error}; {}", file.display(), advice(error))
            }
            BenchError::Output(error) => write!(f, "cannot print the results: {error}; {}", advice(error)),
        }
    }
}

impl From<RootError> for BenchError {
    fn from(error: RootError) -> BenchError {
        BenchError::Root(error)
    }
}

/// A server that says nothing is waited for as long as the run is to take, within these bounds.
const PATIENCE_MIN: Duration = Duration::from_secs(3);
const PATIENCE_MAX: Duration = Duration::from_secs(30);
/// And so long once it has left a run without an answer.
const PATIENCE_AGAIN: Duration = Duration::from_secs(1);
/// A storm that has not ended after this long has failed, unless `--duration` says otherwise.
const STORM_PATIENCE: Duration = Duration::from_secs(60);

/// Runs what the command line asks for and prints the results.
pub fn run(args: BenchArgs) -> Result<(), BenchError> {
    let interrupt = interrupt().map_err(BenchError::Signal)?;
    let site = site(&args, Progress::new(!args.no_progress), interrupt)?;
    let failed = |file: &Path, error| BenchError::Json { file: file.to_owned(), error };
    let open = |file: &PathBuf| ResultsFile::open(file).map_err(|error| failed(file, error));
    let file = args.json.as_ref().map(open).transpose()?;
    let mut results: Vec<Value> = Vec::new();
    let outcome = measure(&args, &site, &mut results, &mut print);
    match file {
        Some(file) if results.is_empty() => file.give_up(),
        Some(mut file) => file.write(&json(&args, &site, &results)).map_err(|error| failed(file.path(), error))?,
        None => (),
    }
    outcome
}

/// The same without a word, for whoever compares: what the JSON would hold of each run. It ends early once `interrupt` is set.
pub fn measured(args: &BenchArgs, interrupt: &Arc<AtomicBool>) -> Result<Vec<Value>, BenchError> {
    let site = site(args, Progress::new(false), Arc::clone(interrupt))?;
    let mut results = Vec::new();
    measure(args, &site, &mut results, &mut |_| Ok(Reader::There))?;
    Ok(results)
}

/// Takes the text of a run, and says whether anybody reads on.
type Tell<'a> = &'a mut dyn FnMut(&str) -> Result<Reader, BenchError>;

/// Does what the command line asks for; what was measured is in `results` even if something fails afterwards.
fn measure(args: &BenchArgs, site: &Site, results: &mut Vec<Value>, tell: Tell<'_>) -> Result<(), BenchError> {
    if let Some(sessions) = args.connect_storm {
        let patience = args.duration.map_or(STORM_PATIENCE, Duration::from_secs_f64);
        let storm = storm::storm(sessions, patience, site)?;
        results.push(storm.json());
        tell(&storm.text())?;
    } else if let Some(watchers) = args.watchers {
        let value_size = args.value_size.unwrap_or(100);
        site.root.make_watched(value_size, site.seed, &site.progress)?;
        let audience = watch::Audience { watchers, silent: args.silent, rounds: args.rounds, value_size };
        let watched = watch::watch(audience, site);
        let cleared = clear(args, site, patience_after(watched.is_ok(), site));
        let watched = watched?;
        results.push(watched.json());
        let printed = tell(&watched.text());
        cleared?;
        printed?;
    } else if let Some(sessions) = args.watch_scale {
        site.root.make_watched(0, site.seed, &site.progress)?;
        let plan = registration::Plan {
            sessions,
            one_shot: args.one_shot,
            persistent: args.persistent,
            before_memory: args.before_memory.as_deref(),
        };
        let registered = registration::register(plan, site);
        let cleared = clear(args, site, patience_after(registered.is_ok(), site));
        let registered = registered?;
        results.push(registered.json());
        let printed = tell(&registered.text());
        cleared?;
        printed?;
    } else {
        for (i, run) in Workload::of(args).iter().enumerate() {
            let reader = one(run, i > 0, args, site, results, tell)?;
            let is_enough = reader == Reader::Gone && args.json.is_none();
            if site.is_interrupted() || is_enough {
                break;
            }
        }
    }
    Ok(())
}

/// Whether somebody reads what is printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    There,
    Gone,
}

/// The table is what this command is for: it goes to the standard output. A reader that has gone away has seen enough,
/// which is no error.
fn print(text: &str) -> Result<Reader, BenchError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(BenchError::Output(error)),
    }
}

/// Makes the znodes, measures, prints, removes the znodes.
fn one(
    run: &Workload,
    follows: bool,
    args: &BenchArgs,
    site: &Site,
    results: &mut Vec<Value>,
    tell: Tell<'_>,
) -> Result<Reader, BenchError> {
    storm::check_files(run.connections)?;
    site.root.make(run, site.seed, &site.progress)?;
    let measured = load::load(run, site);
    let answers = measured.as_ref().is_ok_and(|measured| measured.tally.unanswered == 0);
    let patience = patience_after(answers, site);
    let mut printed = Ok(Reader::There);
    if let Ok(measured) = &measured {
        results.push(report::json(run, measured));
        let between = if follows { "\n" } else { "" };
        printed = tell(&format!("{between}{}", report::text(run, measured)));
    }
    // Why there is nothing measured goes before what came of it.
    let cleared = clear(args, site, patience);
    measured?;
    cleared?;
    printed
}

/// How long a server is waited for after a run, of which it has answered all or not.
fn patience_after(answers: bool, site: &Site) -> Duration {
    if answers { site.patience } else { PATIENCE_AGAIN }
}

fn clear(args: &BenchArgs, site: &Site, patience: Duration) -> Result<(), BenchError> {
    if !args.keep {
        site.root.remove(patience, &site.progress)?;
    }
    Ok(())
}

fn site(args: &BenchArgs, progress: Progress, interrupt: Arc<AtomicBool>) -> Result<Site, BenchError> {
    let security = Security::of_arguments(&args.properties).map_err(BenchError::Security)?;
    let servers: Vec<Server> = args.servers().iter().map(|text| server(text, &security)).collect::<Result<_, _>>()?;
    let patience = args.duration.map_or(PATIENCE_MAX, Duration::from_secs_f64).clamp(PATIENCE_MIN, PATIENCE_MAX);
    let root =
        Root { path: args.root.clone(), server: servers[0].clone(), session_timeout: args.session_timeout, patience };
    // A wrong --pid is better told before the run than after it.
    process::usage(&args.pids).map_err(BenchError::Process)?;
    Ok(Site {
        servers,
        pids: args.pids.clone(),
        root,
        threads: args.threads as usize,
        seed: args.seed,
        progress,
        patience,
        interrupt,
    })
}

/// What the first Ctrl-C sets: the run ends early, tells what it has and removes its znodes. The second ends the process.
fn interrupt() -> io::Result<Arc<AtomicBool>> {
    /// What a shell calls the end by SIGINT.
    const EXIT_INTERRUPTED: i32 = 130;
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register_conditional_shutdown(SIGINT, EXIT_INTERRUPTED, Arc::clone(&flag))?;
    signal_hook::flag::register(SIGINT, Arc::clone(&flag))?;
    Ok(flag)
}

fn server(text: &str, security: &Security) -> Result<Server, BenchError> {
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host);
    Ok(Server { address: address(text)?, host: host.into(), security: security.clone() })
}

fn address(server: &str) -> Result<SocketAddr, BenchError> {
    let failed = |error: String| BenchError::Address { server: server.into(), error };
    let mut addresses = server.to_socket_addrs().map_err(|error| failed(error.to_string()))?;
    addresses.next().ok_or_else(|| failed("the name has no address".into()))
}

fn json(args: &BenchArgs, site: &Site, results: &[Value]) -> String {
    let json = json!({
        "tool": "paddock bench",
        "version": env!("CARGO_PKG_VERSION"),
        "servers": args.servers(),
        "preset": args.preset.map(args::Preset::name),
        "threads": args.threads,
        "seed": args.seed,
        "interrupted": site.is_interrupted(),
        "runs": results,
    });
    format!("{json:#}\n")
}

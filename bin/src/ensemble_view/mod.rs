//! `paddock ensemble`: the servers of an ensemble side by side, as they say themselves; once, or again each second.
//!
//! | file | is |
//! |---|---|
//! | `report` | the questions to one server, and what it answers |
//! | `members` | what is known of all of them, and since when; pure |
//! | `screen` | that as lines; pure |
//! | `live` | the terminal, and who asks |

mod live;
mod members;
mod report;
mod screen;

use std::fmt;
use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use paddock_engine::io::advice;
use serde_json::{Value, json};

pub use self::members::{Member, Members};
pub use self::report::{Report, Syncs, ask};
use crate::answer::Answer;
use crate::security::Security;
use crate::security::properties::PropertyArgs;
use crate::status::target::Target;
use crate::status::targets::{self, TargetsError};
use crate::terminal;

/// Servers side by side: role; epoch and zxid of the newest transaction; how many transactions each is behind the leader (lag); the
/// mean of a sync of its log; clients; requests that are not answered. They are asked the four-letter words srvr and mntr, of
/// which one is enough, and both tell more: 4lw.commands.whitelist says what a server answers.
#[derive(Args)]
pub struct EnsembleArgs {
    /// Client ports of servers, also with commas between them, or a zoo.cfg, whose own server is asked.
    #[arg(value_name = "HOST:PORT|FILE", default_value = targets::DEFAULT, value_delimiter = ',')]
    targets: Vec<String>,
    /// Ask every server that a zoo.cfg names.
    #[arg(long)]
    all: bool,
    /// Ask once and print a table, as is done anyway where there is no terminal. Ends with 0 where all serve clients, 1 where
    /// not.
    #[arg(long)]
    once: bool,
    /// Ask once and answer with JSON, one object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    properties: PropertyArgs,
}

#[derive(Debug)]
pub enum EnsembleError {
    Targets(TargetsError),
    /// TLS cannot be had as it is set; the sentence.
    Security(String),
    /// Threads, signals, the terminal.
    Terminal(io::Error),
    Output(io::Error),
}

impl fmt::Display for EnsembleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnsembleError::Targets(error) => error.fmt(f),
            EnsembleError::Security(error) => f.write_str(error),
            EnsembleError::Terminal(error) => {
                write!(f, "the servers cannot be shown on this terminal: {error}; {}, or use --once", advice(error))
            }
            EnsembleError::Output(error) => write!(f, "the answer cannot be written: {error}; {}", advice(error)),
        }
    }
}

pub fn run(arguments: &EnsembleArgs) -> Result<ExitCode, EnsembleError> {
    let targets = targets::of(&arguments.targets, arguments.all).map_err(EnsembleError::Targets)?;
    let security = Security::of_arguments(&arguments.properties).map_err(EnsembleError::Security)?;
    if arguments.once || arguments.json || !terminal::is_there() {
        let serve = tell_once(targets, &security, arguments.json).map_err(EnsembleError::Output)?;
        return Ok(if serve { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    live::watch(targets, &security).map_err(EnsembleError::Terminal)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether all of them serve clients.
fn tell_once(targets: Vec<Target>, security: &Security, is_json: bool) -> io::Result<bool> {
    let said: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = targets.iter().map(|target| scope.spawn(|| ask(&target.address, security))).collect();
        asking.into_iter().map(|asking| asking.join().expect("a question does not panic")).collect()
    });
    let mut members = Members::new(targets);
    said.into_iter().enumerate().for_each(|(place, said)| members.hear(place, said, Duration::ZERO));
    let mut answer = Answer::new(is_json);
    members.all().iter().try_for_each(|member| answer.object(&object(&members, member)))?;
    answer.line(format_args!("{}", screen::table(&members).trim_end()))?;
    answer.finish()?;
    for member in members.all() {
        if let Some(gap) = member.gap() {
            eprintln!("paddock: {}: {}", member.target, gap.why);
        }
    }
    Ok(members.all().iter().all(|member| member.report().is_some()))
}

/// One of them, for programs.
pub fn object(members: &Members, member: &Member) -> Value {
    let report = member.report();
    let zxid = report.and_then(|report| report.zxid);
    json!({
        "server": member.target.server.map(|server| format!("server.{}", server.0)),
        "address": member.target.address.to_string(),
        "role": report.map(|report| &report.role),
        "epoch": zxid.map(|zxid| zxid.epoch().0),
        "zxid": zxid.map(|zxid| format!("0x{:x}", zxid.0)),
        "lag": members.lag(member),
        "sync_us": member.sync_us,
        "clients": report.and_then(|report| report.clients),
        "outstanding": report.and_then(|report| report.outstanding),
        "version": report.and_then(|report| report.version.as_ref()),
        "error": member.gap().map(|gap| &gap.why),
    })
}

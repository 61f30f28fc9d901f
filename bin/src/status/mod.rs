//! `paddock status`: what servers are, as they say themselves to the four-letter word `srvr`.
//!
//! | file | is |
//! |---|---|
//! | `target` | which server is asked |
//! | `zoo_cfg` | where the servers of a zoo.cfg are reached |
//! | `targets` | which servers are asked, where several are |
//! | `word` | a four-letter word and the answer |
//! | `srvr` | this one, and what it says |

pub mod srvr;
pub mod target;
pub mod targets;
pub mod word;
mod zoo_cfg;

use std::fmt;
use std::io;
use std::process::ExitCode;
use std::thread;

use clap::Args;
use serde_json::json;

use self::srvr::{Srvr, Unknown, ask};
use self::target::Target;
use self::targets::{TargetsError, read, unfound};
use self::zoo_cfg::{Found, NoPort};
use crate::answer::Answer;
use crate::security::Security;
use crate::security::properties::PropertyArgs;
use crate::table::Table;

/// ZooKeeper's script says this of any server that it gets no mode from.
const NOT_RUNNING: &str = "Error contacting service. It is probably not running.";

#[derive(Args)]
pub struct StatusArgs {
    /// A server's client port, or a zoo.cfg, whose own server is asked.
    #[arg(value_name = "HOST:PORT|FILE", default_value = targets::DEFAULT)]
    targets: Vec<String>,
    /// Ask every server that a zoo.cfg names.
    #[arg(long)]
    all: bool,
    /// Answer with JSON, one object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    properties: PropertyArgs,
}

#[derive(Debug)]
pub enum StatusError {
    Targets(TargetsError),
    /// TLS cannot be had as it is set; the sentence.
    Security(String),
    /// The answer could not be written.
    Output(io::Error),
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatusError::Targets(error) => error.fmt(f),
            StatusError::Security(error) => f.write_str(error),
            StatusError::Output(error) => write!(f, "the answer cannot be written: {error}"),
        }
    }
}

impl From<TargetsError> for StatusError {
    fn from(error: TargetsError) -> StatusError {
        StatusError::Targets(error)
    }
}

impl From<io::Error> for StatusError {
    fn from(error: io::Error) -> StatusError {
        StatusError::Output(error)
    }
}

/// Success if every server that is asked serves clients.
pub fn run(arguments: &StatusArgs) -> Result<ExitCode, StatusError> {
    let mut answer = Answer::new(arguments.json);
    let security = Security::of_arguments(&arguments.properties).map_err(StatusError::Security)?;
    let serves = match &arguments.targets[..] {
        [one] if !arguments.all && !arguments.json => tell_one(one, arguments, &security, &mut answer)?,
        targets => tell_all(&targets::of(targets, arguments.all)?, &security, &mut answer)?,
    };
    answer.finish()?;
    Ok(if serves { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One server, in the lines of `zkServer.sh status`, which scripts read. Why there is no mode goes to stderr.
fn tell_one(text: &str, arguments: &StatusArgs, security: &Security, answer: &mut Answer) -> Result<bool, StatusError> {
    let target = match Target::parse(text) {
        Some(target) => target,
        None => {
            let cfg = read(text)?;
            let Found { remarks, target } = cfg.own();
            remarks.iter().try_for_each(|remark| answer.line(format_args!("{remark}")))?;
            match (target, cfg.secure()) {
                (Ok(target), _) => target,
                (Err(NoPort::None), _) => return Ok(false),
                (Err(NoPort::OnlySecure), Some(secure)) => {
                    let properties = arguments.properties.read().map_err(StatusError::Security)?;
                    let target = Target { server: None, address: secure.clone() };
                    return Ok(match Security::with_tls(&properties) {
                        Ok(security) => tell_mode(&target, &security, answer)?,
                        Err(why) => tell_unreached(&target, &why, answer)?,
                    });
                }
                (Err(why), None) => return Err(unfound(text, why).into()),
            }
        }
    };
    Ok(tell_mode(&target, security, answer)?)
}

/// A server whose only port has TLS, which is not set well enough to ask it.
fn tell_unreached(target: &Target, why: &str, answer: &mut Answer) -> io::Result<bool> {
    let (host, port) = (&target.address.host, target.address.port);
    answer.line(format_args!("Client port found: {port}. Client address: {host}. Client SSL: true."))?;
    eprintln!("paddock: {target}: {why}; say how with -D, or in CLIENT_JVMFLAGS");
    answer.line(format_args!("{NOT_RUNNING}"))?;
    Ok(false)
}

fn tell_mode(target: &Target, security: &Security, answer: &mut Answer) -> io::Result<bool> {
    let (host, port, tls) = (&target.address.host, target.address.port, security.has_tls());
    answer.line(format_args!("Client port found: {port}. Client address: {host}. Client SSL: {tls}."))?;
    match ask(&target.address, security) {
        Ok(Srvr { mode, .. }) => {
            answer.line(format_args!("Mode: {mode}"))?;
            Ok(true)
        }
        Err(unknown) => {
            answer.line(format_args!("{NOT_RUNNING}"))?;
            explain(target, &unknown);
            Ok(false)
        }
    }
}

/// Several servers, in a table or as objects. Whether all of them serve clients.
fn tell_all(targets: &[Target], security: &Security, answer: &mut Answer) -> io::Result<bool> {
    let asked: Vec<Result<Srvr, Unknown>> = thread::scope(|scope| {
        let asking: Vec<_> = targets.iter().map(|target| scope.spawn(|| ask(&target.address, security))).collect();
        asking.into_iter().map(|asking| asking.join().expect("a question does not panic")).collect()
    });
    let mut table = Table::new(&["server", "mode", "zxid", "connections", "latency min/avg/max ms"]);
    for (target, asked) in targets.iter().zip(&asked) {
        answer.object(&object(target, asked))?;
        table.row(match asked {
            Ok(Srvr { mode, zxid, connections, latency, .. }) => {
                vec![target.to_string(), mode.clone(), zxid.clone(), connections.clone(), latency.clone()]
            }
            Err(unknown) => {
                let [zxid, connections, latency] = ["-"; 3].map(str::to_owned);
                vec![target.to_string(), unknown.name().to_owned(), zxid, connections, latency]
            }
        });
    }
    answer.line(format_args!("{}", table.text().trim_end()))?;
    let failed = targets.iter().zip(&asked).filter_map(|(target, asked)| Some((target, asked.as_ref().err()?)));
    failed.for_each(|(target, unknown)| explain(target, unknown));
    Ok(asked.iter().all(Result::is_ok))
}

fn object(target: &Target, asked: &Result<Srvr, Unknown>) -> serde_json::Value {
    let Target { server, address } = target;
    let key = server.map(|server| format!("server.{}", server.0));
    let address = address.to_string();
    match asked {
        Ok(Srvr { mode, zxid, connections, latency, .. }) => json!({
            "server": key, "address": address, "mode": mode, "zxid": zxid, "connections": connections.parse::<u64>().ok(),
            "latency": latency,
        }),
        Err(unknown) => json!({
            "server": key, "address": address, "mode": null, "error": unknown.to_string(),
        }),
    }
}

fn explain(target: &Target, unknown: &Unknown) {
    eprintln!("paddock: {target}: {unknown}");
}

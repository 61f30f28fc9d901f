//! `paddock doctor`: what of a configuration lets in whom nobody has asked, keeps out whom it should not, or is about to. It needs
//! no server that runs, changes nothing, and prints no secret.
//!
//! | file | is |
//! |---|---|
//! | `finding` | one thing that was found: how bad, where, what, and what to do |
//! | `subject` | what is examined: the settings as written, the member list, and what a server makes of them |
//! | `members` | the `server.N` lines, and where they stand |
//! | `reach` | from where an address can be reached |
//! | `modes` | who of this machine may read and write a file |
//! | `tls_stores` | which files a prefix of TLS settings names |
//! | `start`, `clients`, `servers`, `admin`, `weak`, `files`, `logins`, `certificates`, `data`, `clock`, `acl` | what is looked for, one kind of thing each |
//! | `report` | the findings for people and for programs |

mod acl;
mod admin;
mod certificates;
mod clients;
mod clock;
mod data;
mod files;
mod finding;
mod logins;
mod members;
mod modes;
mod reach;
mod report;
mod servers;
mod start;
mod subject;
#[cfg(test)]
mod tests;
mod tls_stores;
mod weak;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use self::finding::Findings;
use self::subject::Subject;
use crate::answer::Answer;
use crate::config;
use crate::security::Security;
use crate::security::properties::PropertyArgs;

/// Reads a zoo.cfg as `serve` does, and says what is open, readable by others, mismatched, expired or about to. No server needs to run.
/// Ends with 0 where there is nothing to do, with 1 where there are warnings, with 2 where there are errors.
#[derive(Args)]
pub struct DoctorArgs {
    /// A system property as `serve` is given it: -Dzookeeper.snapCount=5000.
    #[arg(short = 'D', value_name = "name=value")]
    properties: Vec<String>,
    /// Ask a server that runs who may do what with / and the other znodes that matter: HOST:PORT.
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<String>,
    /// How that server is reached, where it takes TLS: a properties file of ZooKeeper's client.
    #[arg(long, value_name = "FILE", requires = "server")]
    client_configuration: Option<PathBuf>,
    /// A certificate that ends within so many days is worth a warning.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    days: u32,
    /// Answer with JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// A zoo.cfg; without one, what `serve` does without one.
    file: Option<PathBuf>,
}

#[derive(Debug)]
pub enum DoctorError {
    /// `--server` is no address of one.
    Server(String),
    /// TLS to that server cannot be had as it is set; the sentence.
    Security(String),
    /// The answer could not be written.
    Output(io::Error),
}

impl fmt::Display for DoctorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DoctorError::Server(text) => {
                write!(f, "--server {text}: it is not HOST:PORT, such as zk1.example.com:2181")
            }
            DoctorError::Security(error) => f.write_str(error),
            DoctorError::Output(error) => write!(f, "the answer cannot be written: {error}"),
        }
    }
}

impl From<io::Error> for DoctorError {
    fn from(error: io::Error) -> DoctorError {
        DoctorError::Output(error)
    }
}

/// The worst that was found is the exit code.
pub fn run(arguments: &DoctorArgs) -> Result<ExitCode, DoctorError> {
    let properties: Vec<config::Property> =
        arguments.properties.iter().map(|text| config::Property::split(text)).collect();
    let examined = config::examine(arguments.file.as_deref(), &properties, &config::flags_of_environment());
    let subject = Subject::new(arguments.file.clone(), examined, SystemTime::now());
    let mut findings = examine(&subject, arguments.days);
    if let Some(server) = &arguments.server {
        acl::look(server, &security(&arguments.client_configuration)?, &mut findings)?;
    }
    let mut answer = Answer::new(arguments.json);
    report::tell(&findings.sorted(), &mut answer)?;
    answer.finish()?;
    Ok(ExitCode::from(findings.exit_code()))
}

fn security(file: &Option<PathBuf>) -> Result<Security, DoctorError> {
    Security::of_arguments(&PropertyArgs::default().with_file(file.as_deref())).map_err(DoctorError::Security)
}

/// All that is found without a server.
fn examine(subject: &Subject, days: u32) -> Findings {
    let mut findings = Findings::default();
    start::look(subject, &mut findings);
    clients::look(subject, &mut findings);
    servers::look(subject, &mut findings);
    admin::look(subject, &mut findings);
    weak::look(subject, &mut findings);
    files::look(subject, &mut findings);
    logins::look(subject, &mut findings);
    certificates::look(subject, days, &mut findings);
    let newest = data::look(subject, &mut findings);
    clock::look(subject, newest, &mut findings);
    findings
}

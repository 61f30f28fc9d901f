//! `paddock profile HOST:PORT`: where the time of writes goes on running servers.
//!
//! | file | is |
//! |---|---|
//! | `args` | the command line |
//! | `question` | a question to an AdminServer |
//! | `whose` | whether that is the one of the server that was asked for |
//! | `sample` | what it has answered, and what was between two answers; pure |
//! | `course` | what is known of each server; pure |
//! | `live` | who asks, and the terminal |
//! | `report`, `picture`, `trace` | what was found: in words and JSON, as a picture, for a viewer of traces; pure |
//!
//! A server counts in any case (`paddock_net::stages`): to be asked costs it a worker of its AdminServer, and nobody who serves
//! clients.

mod args;
mod course;
mod error;
mod live;
mod picture;
mod question;
mod report;
mod sample;
mod trace;
mod whose;

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use paddock_consensus::config::HostPort;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

pub use self::args::WritesArgs;
pub use self::error::WritesError;

use self::course::Course;
use self::live::{Questions, watch};
use crate::bench::ResultsFile;
use crate::security::Security;
use crate::status::target::Target;
use crate::status::targets;
use crate::terminal;

/// What a shell calls the end by SIGINT.
const EXIT_INTERRUPTED: i32 = 130;
/// Where nobody looks, it is looked for so long.
const SECONDS: Duration = Duration::from_secs(10);

/// Looks, tells what was found, and writes the files.
pub fn run(args: &WritesArgs) -> Result<(), WritesError> {
    let targets = targets::of(&args.targets, args.all).map_err(WritesError::Targets)?;
    let admins = admins(&targets, &args.admin)?;
    let questions =
        Questions { admins, command_url: args.command_url.clone(), takes_any: args.anyway, security: security(args)? };
    let mut files = Files::open(args)?;
    let interrupt = interrupt().map_err(WritesError::Signals)?;
    let mut courses: Vec<Course> = targets.into_iter().map(Course::new).collect();
    let shows = terminal::is_there();
    let seconds = args.seconds.map(Duration::from_secs_f64).or((!shows).then_some(SECONDS));
    let watched = watch(&questions, &mut courses, seconds, &interrupt, shows);
    if let Err(error) = watched.and(heard(&courses)) {
        files.give_up();
        return Err(error);
    }
    let written = files.write(&courses);
    print(&report::text(&courses)).map_err(WritesError::Output)?;
    written?;
    let silent: Vec<String> = courses.iter().filter(|course| course.error.is_some()).map(said).collect();
    if silent.is_empty() { Ok(()) } else { Err(WritesError::Unanswered { servers: silent }) }
}

/// Whether there is anything to tell.
fn heard(courses: &[Course]) -> Result<(), WritesError> {
    let is_silent = courses.iter().all(|course| course.last().is_none());
    if is_silent { Err(WritesError::Unanswered { servers: courses.iter().map(said).collect() }) } else { Ok(()) }
}

fn said(course: &Course) -> String {
    report::headline(course).trim_end().to_owned()
}

/// How an AdminServer is reached.
fn security(args: &WritesArgs) -> Result<Security, WritesError> {
    if !args.https {
        return Ok(Security::default());
    }
    let properties = args.properties.read().map_err(WritesError::Security)?;
    Security::with_tls(&properties).map_err(WritesError::Security)
}

/// The AdminServer of each server.
fn admins(targets: &[Target], ports: &[u16]) -> Result<Vec<HostPort>, WritesError> {
    if ports.len() != 1 && ports.len() != targets.len() {
        return Err(WritesError::Ports { ports: ports.len(), servers: targets.len() });
    }
    let ports = ports.iter().copied().cycle();
    Ok(targets.iter().zip(ports).map(|(target, port)| HostPort { host: target.address.host.clone(), port }).collect())
}

/// What the first signal sets; the second one ends the process.
fn interrupt() -> io::Result<Arc<AtomicBool>> {
    let set = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, EXIT_INTERRUPTED, Arc::clone(&set))?;
        flag::register(signal, Arc::clone(&set))?;
    }
    Ok(set)
}

/// What a file is made of.
type Text = fn(&[Course]) -> String;

/// The files that were asked for. Whether they can be written is known before the time is spent.
struct Files(Vec<(ResultsFile, Text)>);

impl Files {
    fn open(args: &WritesArgs) -> Result<Files, WritesError> {
        let asked: [(Option<&Path>, Text); 3] = [
            (Some(args.plot.as_path()), picture::svg),
            (args.json.as_deref(), report::json),
            (args.trace.as_deref(), trace::trace),
        ];
        let mut files = Files(Vec::new());
        for (path, text) in asked {
            let Some(path) = path else { continue };
            match ResultsFile::open(path) {
                Ok(file) => files.0.push((file, text)),
                Err(source) => {
                    files.give_up();
                    return Err(WritesError::Results { file: path.to_owned(), source });
                }
            }
        }
        Ok(files)
    }

    fn write(&mut self, courses: &[Course]) -> Result<(), WritesError> {
        for (file, text) in &mut self.0 {
            let written = file.write(&text(courses));
            written.map_err(|source| WritesError::Results { file: file.path().to_owned(), source })?;
        }
        Ok(())
    }

    /// There are no results.
    fn give_up(self) {
        self.0.into_iter().for_each(|(file, _)| file.give_up());
    }
}

/// A reader that has gone away has seen enough.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

#[cfg(test)]
mod tests {
    use super::admins;
    use crate::status::target::Target;

    #[test]
    fn one_port_is_for_all_servers_or_each_has_its_own() {
        let targets: Vec<Target> =
            ["a:2181", "b:2181"].into_iter().map(|text| Target::parse(text).expect("an address")).collect();
        let told = |ports: &[u16]| -> Vec<String> {
            admins(&targets, ports).expect("as many").iter().map(|admin| admin.to_string()).collect()
        };
        assert_eq!(told(&[8080]), ["a:8080", "b:8080"]);
        assert_eq!(told(&[8081, 8082]), ["a:8081", "b:8082"]);
        let error = admins(&targets, &[1, 2, 3]).expect_err("too many");
        assert!(error.to_string().contains("3 ports for 2 servers"), "{error}");
    }
}

//! `paddock demo`: an ensemble to try, on this machine, as long as the command runs.
//!
//! | file | is |
//! |---|---|
//! | `zoo_cfg` | what a server is told |
//! | `directory` | where the files of the servers are |
//! | `process` | the process of one server, which ends when this one does |
//! | `inquiry` | the threads that ask servers what they are |
//! | `ensemble` | what is known of the servers, and what has happened to them; pure |
//! | `servers` | all of the above |
//! | `order` | what a person wants |
//! | `happening` | what is waited for: persons, signals, answers of servers |
//! | `screen` | the ensemble as lines; pure |
//! | `output` | where all of it is shown |

mod directory;
mod ensemble;
mod error;
mod happening;
mod inquiry;
mod order;
mod output;
mod process;
mod screen;
mod servers;
mod zoo_cfg;

use std::io;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clap::Args;

use self::directory::Directory;
use self::error::DemoError;
use self::happening::{Happening, Happenings};
use self::order::Order;
use self::output::Output;
use self::servers::Servers;
use crate::answer::Answer;
use crate::terminal;

/// More servers than these fit no screen, and no ensemble that anybody runs.
const SERVERS_MAX: i64 = 7;
/// So often ports are chosen before it is given up.
const PORT_CHOICES: usize = 3;
/// Between two looks for what nobody tells of.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Args)]
pub struct DemoArgs {
    /// How many servers.
    #[arg(value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=SERVERS_MAX))]
    servers: u8,
    /// Leave the files of the servers where they are, and say how to start the servers again.
    #[arg(long)]
    keep: bool,
}

/// How the servers came to their end.
enum Outcome {
    Ended,
    /// A server could not begin, because another program has this port.
    PortTaken(u16),
}

/// Returns when a person has enough of it, or a signal has come. Then no server runs any more, and nothing is left of them unless
/// it is to be kept.
pub fn run(arguments: &DemoArgs) -> Result<(), DemoError> {
    let began = Instant::now();
    let program = std::env::current_exe().map_err(DemoError::Program)?;
    let happenings = Happenings::begin().map_err(DemoError::Setup)?;
    // Goes after the processes that have their files there.
    let directory = Directory::create(arguments.keep)?;
    let mut demo =
        Demo { began, happenings, directory: &directory, output: Output::open().map_err(DemoError::Output)? };
    let count = usize::from(arguments.servers);
    demo.happenings.watch_person(terminal::is_there(), count).map_err(DemoError::Setup)?;
    let mut port = None;
    for _ in 0..PORT_CHOICES {
        let mut servers = Servers::start(began, &program, &directory, count, demo.happenings.sender())?;
        if let Some(port) = port {
            servers.note(format!("another program has taken port {port} meanwhile; all servers have others now"));
        }
        let outcome = demo.perform(&mut servers);
        servers.end().map_err(DemoError::Process)?;
        match outcome? {
            Outcome::Ended => return demo.end(&mut servers).map_err(DemoError::Output),
            Outcome::PortTaken(taken) => port = Some(taken),
        }
    }
    Err(DemoError::PortTaken(port.expect("they were chosen at least once")))
}

struct Demo<'a> {
    began: Instant,
    happenings: Happenings,
    directory: &'a Directory,
    output: Output,
}

impl Demo<'_> {
    /// Goes on until there is a reason to end.
    fn perform(&mut self, servers: &mut Servers) -> Result<Outcome, DemoError> {
        self.output.introduce(servers.ensemble(), self.directory.path()).map_err(DemoError::Output)?;
        let mut look_at = Instant::now();
        loop {
            self.show(servers).map_err(DemoError::Output)?;
            if !self.output.is_read() {
                return Ok(Outcome::Ended);
            }
            let now = Instant::now();
            if now >= look_at {
                look_at = now + LOOK_INTERVAL;
                if let Some(port) = servers.look()? {
                    return Ok(Outcome::PortTaken(port));
                }
            }
            // An error is that its time is over: the demo itself has another end of the queue.
            let Ok(happening) = self.happenings.receiver().recv_deadline(look_at) else { continue };
            if self.heed(happening, servers)?.is_break() {
                return Ok(Outcome::Ended);
            }
        }
    }

    fn show(&mut self, servers: &mut Servers) -> io::Result<()> {
        self.output.show(servers.ensemble(), self.directory.path(), self.began.elapsed())
    }

    fn heed(&mut self, happening: Happening, servers: &mut Servers) -> Result<ControlFlow<()>, DemoError> {
        match happening {
            Happening::Said(statement) => servers.hear(statement),
            Happening::Ordered(Order::Toggle(number)) => servers.toggle(number)?,
            Happening::Ordered(Order::KillLeader) => servers.kill_leader()?,
            Happening::Ordered(Order::StopLeader) => servers.stop_leader(),
            Happening::NotUnderstood(line) => servers.note(format!("\"{line}\" is no order")),
            Happening::Resized => self.output.resize().map_err(DemoError::Output)?,
            Happening::Ordered(Order::End) | Happening::Signalled | Happening::InputEnded => {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The last words. No server runs any more.
    fn end(mut self, servers: &mut Servers) -> io::Result<()> {
        servers.note("all servers have ended".to_owned());
        self.show(servers)?;
        // What comes now is for the terminal that there was before.
        drop(self.output);
        if !self.directory.is_kept() {
            return Ok(());
        }
        let mut answer = Answer::new(false);
        let path = self.directory.path().display();
        answer.line(format_args!("the files of the servers stay in {path}; each is started again with"))?;
        for command in servers.commands() {
            answer.line(format_args!("  {command}"))?;
        }
        answer.finish()
    }
}

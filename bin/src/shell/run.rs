//! One line after the other: the commands that are about the shell itself are done here, all others by `commands`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use paddock_consensus::config::HostPort;

use super::complaint::{Complaint, EXIT_INTERRUPTED};
use super::editor::Current;
use super::output::Output;
use super::past::Past;
use super::stage::Stage;
use super::syntax::CREATE;
use super::words::words;
use super::{commands, flags, number, usage};
use crate::client::code;
use crate::client::connect_string::ConnectString;
use crate::client::failure::Failure;
use crate::client::handle::{Client, Settings};
use crate::client::state::State;
use crate::date;
use crate::security::Security;

/// What a session is asked for with, wherever.
#[derive(Clone, Debug)]
pub struct Terms {
    pub timeout_ms: i32,
    pub may_be_read_only: bool,
    pub waits: bool,
    pub request_timeout: Option<Duration>,
    pub security: Security,
}

/// Whether more is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    GoOn,
    End,
}

pub struct Shell {
    terms: Terms,
    /// As it was given, for the prompt.
    host: String,
    stage: Stage,
    current: Current,
    past: Past,
    /// Of the last command.
    exit: u8,
    /// There are ephemerals that the session is not to take along.
    has_made_ephemerals: bool,
}

impl Shell {
    /// Begins to connect. Errors are told in Java's words.
    pub fn open(
        host: &str,
        terms: Terms,
        output: Arc<Output>,
        interrupted: Arc<AtomicBool>,
        has_terminal: bool,
    ) -> Result<Shell, Complaint> {
        let (client, hosts) = connect(host, &terms, &output, &interrupted)?;
        let current = Arc::new(Mutex::new(client.clone()));
        let zone = date::zone();
        let security = terms.security.clone();
        let stage = Stage { client, output, zone, hosts, security, interrupted, has_terminal };
        let past = Past::default();
        Ok(Shell { terms, host: host.into(), stage, current, past, exit: 0, has_made_ephemerals: false })
    }

    pub fn current(&self) -> Current {
        self.current.clone()
    }

    pub fn exit(&self) -> u8 {
        self.exit
    }

    pub fn prompt(&self) -> String {
        format!("[zk: {}({}) {}] ", self.host, self.stage.client.state().name(), self.past.number())
    }

    /// Does what a line says.
    pub fn line(&mut self, line: &str) -> Next {
        if line.is_empty() {
            return Next::GoOn;
        }
        self.past.note(line);
        let next = self.command(&words(line));
        self.past.go_on();
        next
    }

    /// A line that is none: what there is to say of it.
    pub fn refuse(&mut self, why: &str) -> Next {
        self.stage.output.remark(why);
        self.exit = 1;
        Next::GoOn
    }

    /// Does one command, and tells what became of it.
    pub fn command(&mut self, words: &[String]) -> Next {
        // A Ctrl-C of before is not meant for this one.
        self.stage.interrupted.store(false, Ordering::Release);
        let done = self.process(words);
        let next = match done {
            Ok(Next::End) => Next::End,
            Ok(Next::GoOn) => {
                self.exit = 0;
                Next::GoOn
            }
            // Whoever read has seen enough. zkCli would have said the rest to nobody.
            Err(complaint) if complaint.exit == EXIT_INTERRUPTED && !self.stage.interrupted.load(Ordering::Acquire) => {
                self.exit = 0;
                Next::GoOn
            }
            Err(complaint) => {
                self.exit = complaint.exit;
                // Whoever has interrupted it knows that.
                if complaint.exit != EXIT_INTERRUPTED {
                    self.stage.output.remark(&complaint.text);
                }
                Next::GoOn
            }
        };
        self.stage.output.flush();
        // Completion asks servers too, and nobody has had enough of that.
        self.stage.interrupted.store(false, Ordering::Release);
        next
    }

    fn process(&mut self, words: &[String]) -> Result<Next, Complaint> {
        let Some(command) = words.first() else {
            self.stage.output.remark(&usage::of_all());
            return Err(Complaint::new("No command entered"));
        };
        if !usage::is_known(command) {
            self.stage.output.remark(&usage::of_all());
            return Err(Complaint::not_found(command));
        }
        match (command.as_str(), words.get(1)) {
            ("quit" | "exit", _) => {
                self.stage.client.close();
                return Ok(Next::End);
            }
            ("redo", Some(number)) if self.redo(number)? == Next::End => return Ok(Next::End),
            ("history", _) => self.past.shown().iter().for_each(|line| self.stage.output.print(line)),
            ("help", _) => usage::help().iter().for_each(|line| self.stage.output.print(line)),
            ("printwatches", None) => {
                let shows = if self.stage.output.shows_events() { "on" } else { "off" };
                self.stage.say(&format!("printwatches is {shows}"));
            }
            ("printwatches", Some(word)) => self.stage.output.show_events(word == "on"),
            ("connect", host) => {
                let host = host.unwrap_or(&self.host).clone();
                self.connect(&host)?;
            }
            _ => {}
        }
        self.ask(command, words)?;
        Ok(Next::GoOn)
    }

    /// Does what needs a session. zkCli says that there is none after any command, and takes it for no failure.
    fn ask(&mut self, command: &str, words: &[String]) -> Result<(), Complaint> {
        let state = self.stage.client.state();
        if state == State::AuthFailed && self.terms.security.logs_in() {
            // A script is to see that it has not logged in.
            return Err(Failure::Code { code: code::AUTH_FAILED, path: None }.into());
        }
        if !state.is_alive() {
            self.stage.say("Not connected");
            return Ok(());
        }
        if command == "close" {
            self.stage.client.close();
        } else if let Some(run) = commands::named(command) {
            run(&self.stage, words)?;
            self.has_made_ephemerals |= command == "create" && is_of_ephemeral(words);
        }
        Ok(())
    }

    fn redo(&mut self, number: &str) -> Result<Next, Complaint> {
        let number = number::decoded(number).map_err(Complaint::new)?;
        let line = self.past.line(number).ok_or_else(|| Complaint::new("Command index out of range"))?.to_owned();
        let words = words(&line);
        if words.first().is_some_and(|command| command == "redo") {
            return Err(Complaint::new("No redoing redos"));
        }
        self.past.note(&line);
        Ok(self.command(&words))
    }

    /// Ends the session and begins another one. Where that is no connect string, the session stays.
    fn connect(&mut self, host: &str) -> Result<(), Complaint> {
        ConnectString::parse(host).map_err(Complaint::new)?;
        if self.stage.client.state().is_alive() {
            self.stage.client.close();
        }
        host.clone_into(&mut self.host);
        let Stage { output, interrupted, .. } = &self.stage;
        let (client, hosts) = connect(host, &self.terms, output, interrupted)?;
        (self.stage.client, self.stage.hosts) = (client.clone(), hosts);
        // Nothing that holds it can leave it half changed.
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = client;
        self.has_made_ephemerals = false;
        Ok(())
    }

    /// The end without a `quit`, of which zkCli says nothing. Ephemerals stay until the session's timeout, as zkCli's do; a
    /// session without any is not left behind.
    pub fn leave(&self) {
        self.stage.output.flush();
        self.stage.output.show_events(false);
        if !self.has_made_ephemerals {
            self.stage.client.close();
        }
    }
}

fn is_of_ephemeral(words: &[String]) -> bool {
    flags::parse(&CREATE, words).is_ok_and(|given| given.has("e"))
}

fn connect(
    host: &str,
    terms: &Terms,
    output: &Arc<Output>,
    interrupted: &Arc<AtomicBool>,
) -> Result<(Client, Vec<HostPort>), Complaint> {
    let connect = ConnectString::parse(host).map_err(Complaint::new)?;
    let hosts = connect.hosts.clone();
    let Terms { timeout_ms, may_be_read_only, waits, request_timeout, ref security } = *terms;
    let security = security.clone();
    let settings = Settings { connect, timeout_ms, may_be_read_only, security, request_timeout };
    let client = Client::open(settings, output.clone(), interrupted.clone())
        .map_err(|error| Complaint::new(format!("the session has no thread: {error}")))?;
    let patience = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    if waits && !client.wait_until_connected(patience) {
        // Of a session that never was nothing is told.
        let shows_events = output.shows_events();
        output.show_events(false);
        client.close();
        output.flush();
        output.show_events(shows_events);
        return Err(Failure::Code { code: code::CONNECTION_LOSS, path: None }.into());
    }
    Ok((client, hosts))
}

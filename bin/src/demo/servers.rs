//! The servers of the demo: their processes and logs, whoever asks them, and what is known of them by all that.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;

use super::directory::Directory;
use super::ensemble::Ensemble;
use super::error::DemoError;
use super::inquiry::{Inquiry, Statement};
use super::process::{End, Process, end_all};
use super::zoo_cfg::Ports;
use crate::ports;
use crate::server_log::{ServerLog, last_lines};

/// The lines of a log that are shown of a server that has ended by itself.
const LAST_LINES: usize = 10;
/// Ports of each server.
const PORTS: usize = 3;

pub struct Servers {
    /// When the demo began, from which all times count.
    began: Instant,
    program: PathBuf,
    directory: String,
    ports: Vec<Ports>,
    processes: Vec<Process>,
    logs: Vec<ServerLog>,
    inquiry: Inquiry,
    ensemble: Ensemble,
}

impl Servers {
    /// Furnishes and starts so many, and begins to ask them what they are. `program` is this one.
    pub fn start<T>(
        began: Instant,
        program: &Path,
        directory: &Directory,
        count: usize,
        statements: &Sender<T>,
    ) -> Result<Servers, DemoError>
    where
        T: From<Statement> + Send + 'static,
    {
        let free = ports::free(count * PORTS).map_err(DemoError::Ports)?;
        let of_server = |ports: &[u16]| Ports { client: ports[0], quorum: ports[1], election: ports[2] };
        let ports: Vec<Ports> = free.chunks_exact(PORTS).map(of_server).collect();
        let client_ports: Vec<u16> = ports.iter().map(|ports| ports.client).collect();
        let places = directory.furnish(&ports)?;
        let mut servers = Servers {
            began,
            directory: directory.path().display().to_string(),
            logs: places.iter().map(|place| ServerLog::new(&place.log)).collect(),
            processes: places.into_iter().map(|place| Process::new(program, place)).collect(),
            program: program.to_owned(),
            ports,
            inquiry: Inquiry::begin(&client_ports, statements).map_err(DemoError::Setup)?,
            ensemble: Ensemble::new(&client_ports, began.elapsed()),
        };
        (1..=count).try_for_each(|number| servers.start_one(number))?;
        Ok(servers)
    }

    pub fn ensemble(&mut self) -> &mut Ensemble {
        &mut self.ensemble
    }

    /// Something has happened that is no change of a server.
    pub fn note(&mut self, text: String) {
        let now = self.now();
        self.ensemble.note(text, now);
    }

    /// What a person types to start each of them.
    pub fn commands(&self) -> impl Iterator<Item = String> {
        self.processes.iter().map(Process::command)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn start_one(&mut self, number: usize) -> Result<(), DemoError> {
        let started = self.processes[number - 1].start();
        let wrong = |source| DemoError::Start { program: self.program.clone(), number, source };
        let pid = started.map_err(wrong)?;
        self.ensemble.on_started(number, pid, self.began.elapsed());
        Ok(())
    }

    /// `kill -9`.
    fn kill(&mut self, number: usize) -> Result<(), DemoError> {
        let now = self.now();
        self.processes[number - 1].kill().map_err(DemoError::Process)?;
        self.ensemble.on_ended(number, "was killed", now);
        Ok(())
    }

    /// Kills the server if it runs, and starts it if not. One that cannot be started is told of, and the others go on.
    pub fn toggle(&mut self, number: usize) -> Result<(), DemoError> {
        if self.ensemble.servers()[number - 1].pid.is_some() {
            return self.kill(number);
        }
        if let Err(error) = self.start_one(number) {
            self.note(error.to_string());
        }
        Ok(())
    }

    pub fn kill_leader(&mut self) -> Result<(), DemoError> {
        match self.leader() {
            Some(number) => self.kill(number),
            None => Ok(()),
        }
    }

    /// In order, as SIGTERM does it.
    pub fn stop_leader(&mut self) {
        if let Some(number) = self.leader() {
            let now = self.now();
            self.processes[number - 1].stop();
            self.ensemble.on_stopping(number, now);
        }
    }

    /// Who leads. That nobody does is told.
    fn leader(&mut self) -> Option<usize> {
        let leader = self.ensemble.leader();
        if leader.is_none() {
            self.note("no server leads now".to_owned());
        }
        leader
    }

    /// A server has said what it is.
    pub fn hear(&mut self, Statement { number, asked_at, said }: Statement) {
        let now = self.now();
        self.ensemble.on_said(number, asked_at.saturating_duration_since(self.began), said, now);
    }

    /// Looks for what nobody tells of: ends of processes, lines in logs, that time goes on. A port of a server that could not
    /// begin, because another program has it.
    ///
    /// # Errors
    /// If one has ended, for another reason, before there ever was a leader.
    pub fn look(&mut self) -> Result<Option<u16>, DemoError> {
        for number in 1..=self.processes.len() {
            self.tell_warnings(number);
            let end = self.processes[number - 1].take_end().map_err(DemoError::Process)?;
            if let Some(end) = end {
                if let Some(port) = self.taken_port(number, &end) {
                    return Ok(Some(port));
                }
                self.tell_end(number, &end)?;
            }
        }
        let now = self.now();
        self.ensemble.on_time(&self.directory, now);
        self.inquiry.set_urgent(!self.ensemble.is_settled());
        Ok(None)
    }

    fn tell_warnings(&mut self, number: usize) {
        for warning in self.logs[number - 1].warnings() {
            self.note(format!("server {number} says: {warning}"));
        }
    }

    /// Of a server that has just ended before there ever was a leader.
    fn taken_port(&self, number: usize, end: &End) -> Option<u16> {
        let Ports { client, quorum, election } = self.ports[number - 1];
        let is_start = !self.ensemble.has_led() && !end.was_told;
        [client, quorum, election].into_iter().find(|port| is_start && !ports::is_free(*port))
    }

    fn tell_end(&mut self, number: usize, End { status, was_told }: &End) -> Result<(), DemoError> {
        let now = self.now();
        if *was_told {
            self.ensemble.on_ended(number, "has stopped", now);
            return Ok(());
        }
        if self.ensemble.has_led() && status.signal().is_some() {
            self.ensemble.on_ended(number, &format!("was killed from elsewhere ({status})"), now);
            return Ok(());
        }
        // A log that cannot be read has no lines.
        let lines = last_lines(self.log(number), LAST_LINES).unwrap_or_default();
        if !self.ensemble.has_led() {
            return Err(DemoError::Ended { number, status: status.to_string(), lines });
        }
        self.ensemble.on_ended(number, &format!("has ended by itself ({status})"), now);
        self.note("its log ends:".to_owned());
        lines.into_iter().for_each(|line| self.note(format!("  {line}")));
        Ok(())
    }

    fn log(&self, number: usize) -> &Path {
        &self.processes[number - 1].place().log
    }

    /// Stops all that run, in order.
    pub fn end(&mut self) -> io::Result<()> {
        end_all(&mut self.processes)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::path::Path;
    use std::thread;
    use std::time::{Duration, Instant};

    use crossbeam::channel::unbounded;

    use super::{DemoError, Directory, Servers, Statement};

    /// So long a test waits for the end of a process that does next to nothing.
    const DEADLINE: Duration = Duration::from_secs(60);

    /// Two servers that say something and end at once: a shell has no file with the name of the command.
    fn failing(directory: &Directory) -> Servers {
        let (sender, _) = unbounded::<Statement>();
        Servers::start(Instant::now(), Path::new("/bin/sh"), directory, 2, &sender).expect("there is a shell")
    }

    fn look_until_the_end(servers: &mut Servers) -> Result<u16, DemoError> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < deadline, "they have ended by now");
            if let Some(port) = servers.look()? {
                return Ok(port);
            }
            thread::yield_now();
        }
    }

    #[test]
    fn what_a_server_said_that_ended_at_once_is_told() {
        let directory = Directory::create(false).expect("a writable temporary directory");
        let error = look_until_the_end(&mut failing(&directory)).expect_err("it ends").to_string();
        assert!(error.contains("has ended before there was a leader (exit status: "), "{error}");
        let (_, log) = error.split_once("Its log ends:\n").expect("it is shown");
        assert!(log.contains("serve"), "{error}");
    }

    #[test]
    fn a_port_that_another_program_has_taken_is_known() {
        let directory = Directory::create(false).expect("a writable temporary directory");
        let mut servers = failing(&directory);
        let taken = servers.ports.iter().map(|ports| ports.election);
        let listeners: Vec<TcpListener> =
            taken.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("it is free")).collect();
        let port = look_until_the_end(&mut servers).expect("it is no failure of the server");
        assert!(listeners.iter().any(|listener| listener.local_addr().expect("it is bound").port() == port));
    }
}

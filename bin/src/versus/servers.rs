//! The servers of one turn: processes with directories of their own, which end and go with the value; or some that run already.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use paddock_consensus::config::HostPort;
use rustix::process::Signal;

use super::command_line::{Filling, filled, words};
use super::contender::{Contender, Means};
use super::error::VersusError;
use super::interrupt::{Interrupt, signal_group};
use super::row::To;
use super::zoo_cfg::{self, Ports};
use crate::bench::{Client, Server, usage};
use crate::ports;
use crate::security::Security;
use crate::server_log::last_lines;
use crate::status::srvr::ask;

/// A server that opens no session within this has failed.
const START_MAX: Duration = Duration::from_secs(60);
/// One that was told to stop is killed after this.
const STOP_MAX: Duration = Duration::from_secs(30);
/// Between two looks at something that gives no sign of its own. It bounds how exactly a start is timed.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// A server in the middle of its start may take a connection and leave it.
const SESSION_PATIENCE: Duration = Duration::from_secs(2);
/// Of the session that shows that it serves, ms.
const SESSION_TIMEOUT: i32 = 10_000;
/// The lines of a log that are shown of a server that has failed.
const LAST_LINES: usize = 12;
/// Ports of each server.
const PORTS: usize = 3;
/// Where Debian's package has the server: its manifest names the rest of the class path.
const DEBIANS_JAR: &str = "/usr/share/java/zookeeper.jar";
const CLASS_PATH: &str = "ZOOKEEPER_CLASSPATH";

struct Process {
    words: Vec<String>,
    log: PathBuf,
    /// While it runs.
    child: Option<Child>,
}

pub struct Servers<'a> {
    contender: &'a Contender,
    interrupt: &'a Interrupt,
    processes: Vec<Process>,
    addresses: Vec<HostPort>,
    running_pids: Vec<u32>,
    /// Of those that are started here.
    directory: Option<PathBuf>,
}

impl<'a> Servers<'a> {
    /// Starts so many below `parent`, and waits until each of them opens sessions.
    pub fn start(
        contender: &'a Contender,
        count: usize,
        parent: &Path,
        interrupt: &'a Interrupt,
    ) -> Result<Servers<'a>, VersusError> {
        let mut servers = Servers {
            contender,
            interrupt,
            processes: Vec::new(),
            addresses: Vec::new(),
            running_pids: Vec::new(),
            directory: None,
        };
        match &contender.means {
            Means::Running { addresses, pids } => {
                (servers.addresses, servers.running_pids) = (addresses.clone(), pids.clone());
            }
            Means::Template(command) => servers.furnish(&vec![command.clone(); count], &[], parent)?,
            Means::Commands { commands, addresses } => servers.furnish(commands, addresses, parent)?,
        }
        servers.launch()?;
        Ok(servers)
    }

    /// Directories, ports and commands.
    fn furnish(&mut self, commands: &[String], addresses: &[HostPort], parent: &Path) -> Result<(), VersusError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |source| VersusError::File { path, source }
        };
        let free = ports::free(commands.len() * PORTS).map_err(VersusError::Ports)?;
        let of_server = |ports: &[u16]| Ports { client: ports[0], quorum: ports[1], election: ports[2] };
        let ports: Vec<Ports> = free.chunks_exact(PORTS).map(of_server).collect();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let whole = parent.join(format!("paddock-versus-{}-{number}", std::process::id()));
        fs::create_dir(&whole).map_err(wrong(&whole))?;
        let whole = self.directory.insert(whole).canonicalize().map_err(wrong(parent))?;
        let class_path = std::env::var(CLASS_PATH).unwrap_or_else(|_| DEBIANS_JAR.to_owned());
        for (place, command) in commands.iter().enumerate() {
            let dir = whole.join((place + 1).to_string());
            let (data_dir, config) = (dir.join("data"), dir.join("zoo.cfg"));
            fs::create_dir_all(&data_dir).map_err(wrong(&data_dir))?;
            fs::write(&config, zoo_cfg::text(place, &data_dir, &ports)).map_err(wrong(&config))?;
            if commands.len() > 1 {
                fs::write(data_dir.join("myid"), format!("{}\n", place + 1)).map_err(wrong(&data_dir))?;
            }
            let port = ports[place].client;
            let filling =
                Filling { config: &config, data_dir: &data_dir, port, id: place + 1, class_path: &class_path };
            let words = words(command).expect("it was looked at before");
            let words = words.iter().map(|word| filled(word, &filling)).collect();
            self.processes.push(Process { words, log: dir.join("log"), child: None });
            let own = HostPort { host: "127.0.0.1".into(), port };
            self.addresses.push(addresses.get(place).cloned().unwrap_or(own));
        }
        Ok(())
    }

    /// Starts all that are to be started, and waits until all open sessions.
    fn launch(&mut self) -> Result<(), VersusError> {
        for place in 0..self.processes.len() {
            self.spawn(place)?;
        }
        (0..self.addresses.len()).try_for_each(|place| self.wait_until_serving(place))
    }

    fn spawn(&mut self, place: usize) -> Result<(), VersusError> {
        let process = &mut self.processes[place];
        let wrong = |source| VersusError::Start {
            name: self.contender.name.clone(),
            command: self.contender.shown.clone(),
            source,
        };
        let log = File::options().create(true).append(true).open(&process.log).map_err(wrong)?;
        let mut command = Command::new(&process.words[0]);
        command.args(&process.words[1..]).stdout(log.try_clone().map_err(wrong)?).stderr(log);
        // A server that ends with its standard input ends with this process, however that ends.
        command.stdin(Stdio::piped());
        // Of its own, so that Ctrl-C on the terminal is ours alone, and what it starts ends with it.
        command.process_group(0);
        let mut started = self.interrupt.started.lock();
        let child = command.spawn().map_err(wrong)?;
        started.insert(child.id());
        process.child = Some(child);
        Ok(())
    }

    fn wait_until_serving(&mut self, place: usize) -> Result<(), VersusError> {
        let deadline = Instant::now() + START_MAX;
        while !opens_session(&self.addresses[place]) {
            self.check()?;
            if self.interrupt.has_come() {
                return Err(VersusError::Interrupted);
            }
            if Instant::now() >= deadline {
                return Err(VersusError::Silent {
                    name: self.contender.name.clone(),
                    number: place + 1,
                    seconds: START_MAX.as_secs(),
                    lines: self.lines(place),
                });
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// That none has ended.
    pub fn check(&mut self) -> Result<(), VersusError> {
        for place in 0..self.processes.len() {
            if let Some(status) = self.take_end(place)? {
                let status = match status.signal() {
                    Some(signal) => format!("by signal {signal}"),
                    None => status.to_string(),
                };
                let (name, lines) = (self.contender.name.clone(), self.lines(place));
                return Err(VersusError::Ended { name, number: place + 1, status, lines });
            }
        }
        Ok(())
    }

    fn take_end(&mut self, place: usize) -> Result<Option<ExitStatus>, VersusError> {
        let Some(child) = &mut self.processes[place].child else { return Ok(None) };
        let mut started = self.interrupt.started.lock();
        let end = child.try_wait().map_err(VersusError::Process)?;
        if end.is_some() {
            started.remove(&child.id());
            self.processes[place].child = None;
        }
        Ok(end)
    }

    /// The end of its log. One that runs already has none here.
    pub fn lines(&self, place: usize) -> Vec<String> {
        let log = self.processes.get(place).map(|process| last_lines(&process.log, LAST_LINES));
        log.and_then(Result::ok).unwrap_or_default()
    }

    pub fn pids(&self) -> Vec<u32> {
        let started = self.processes.iter().filter_map(|process| Some(process.child.as_ref()?.id()));
        started.chain(self.running_pids.iter().copied()).collect()
    }

    /// All of them together, bytes.
    pub fn resident(&self) -> Result<u64, VersusError> {
        Ok(usage(&self.pids()).map_err(VersusError::Process)?.resident)
    }

    /// Where clients are to connect.
    pub fn addresses(&self, to: To) -> Result<Vec<HostPort>, VersusError> {
        if to == To::All || self.addresses.len() == 1 {
            return Ok(self.addresses.clone());
        }
        let mut others = self.addresses.clone();
        let leader = others.remove(self.leader()?);
        Ok(if to == To::Leader { vec![leader] } else { others[..1].to_vec() })
    }

    /// The place of the one that leads all others.
    fn leader(&self) -> Result<usize, VersusError> {
        let deadline = Instant::now() + START_MAX;
        loop {
            let mode = |address| {
                ask(address, &Security::default()).map_or_else(|unknown| unknown.name().to_owned(), |srvr| srvr.mode)
            };
            let modes: Vec<String> = self.addresses.iter().map(mode).collect();
            let followers = modes.iter().filter(|mode| *mode == "follower").count();
            match modes.iter().position(|mode| mode == "leader") {
                Some(place) if followers + 1 == modes.len() => return Ok(place),
                _ if self.interrupt.has_come() => return Err(VersusError::Interrupted),
                _ if Instant::now() >= deadline => {
                    return Err(VersusError::NoLeader { name: self.contender.name.clone(), modes });
                }
                _ => thread::sleep(LOOK_INTERVAL),
            }
        }
    }

    /// Stops all in order and starts them: the time from the start to the last first session.
    pub fn restart(&mut self) -> Result<Duration, VersusError> {
        self.stop();
        let began = Instant::now();
        self.launch()?;
        Ok(began.elapsed())
    }

    /// Tells all to stop, and kills those that do not.
    fn stop(&mut self) {
        self.pids_started().for_each(|pid| signal_group(pid, Signal::TERM));
        let deadline = Instant::now() + STOP_MAX;
        for place in 0..self.processes.len() {
            while self.processes[place].child.is_some() && matches!(self.take_end(place), Ok(None)) {
                if Instant::now() >= deadline {
                    self.kill(place);
                    break;
                }
                thread::sleep(LOOK_INTERVAL);
            }
        }
    }

    fn pids_started(&self) -> impl Iterator<Item = u32> {
        self.processes.iter().filter_map(|process| Some(process.child.as_ref()?.id()))
    }

    fn kill(&mut self, place: usize) {
        if let Some(mut child) = self.processes[place].child.take() {
            signal_group(child.id(), Signal::KILL);
            let mut started = self.interrupt.started.lock();
            // What cannot be waited for has ended.
            drop(child.wait());
            started.remove(&child.id());
        }
    }
}

impl Drop for Servers<'_> {
    fn drop(&mut self) {
        self.stop();
        if let Some(directory) = &self.directory
            && let Err(error) = fs::remove_dir_all(directory)
        {
            eprintln!("paddock: {} cannot be removed: {error}; remove it yourself", directory.display());
        }
    }
}

/// Whether it opens a session, which is ended again.
fn opens_session(address: &HostPort) -> bool {
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(&*address.host, address.port));
    let address = found.ok().and_then(|mut addresses| addresses.next());
    let session =
        address.and_then(|address| Client::connect(&Server::plain(address), SESSION_TIMEOUT, SESSION_PATIENCE).ok());
    session.map(Client::close).is_some()
}

//! What the process does when it is sent a signal, from its beginning on.
//!
//! | signal | does |
//! |---|---|
//! | SIGTERM, SIGINT | stop: at once while nothing is served, in order later; and at once when another comes meanwhile |
//! | SIGQUIT | the log tells the state, as a JVM tells its threads |
//! | SIGHUP | files of the logs are opened anew, as after logrotate, and `paddock.log.level` is read anew |
//! | SIGUSR1, SIGUSR2 | a line in the log |
//! | SIGXFSZ | nothing; the write that goes beyond the limit of file sizes fails |
//!
//! A thread waits for them, so that the state can be told whatever the others wait for.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator;
use signal_hook::low_level;
use tracing::Level;

use crate::messages;

const KNOWN: [i32; 7] = [SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGXFSZ];

/// A stop that somebody had no patience for: its disk may not have answered any more.
const EXIT_CUT_SHORT: i32 = 1;

/// The lines that tell the state.
pub type Summary = Box<dyn Fn() -> Vec<String> + Send>;

/// What is done on SIGHUP. It is done by the thread that waits for signals, and must not wait for anybody.
pub type Hangup = Box<dyn FnMut() + Send>;

/// Signals reach this process and no longer what the system does about them.
pub struct Signals {
    told: Arc<Mutex<Told>>,
}

/// Who is told of signals.
#[derive(Default)]
struct Told {
    /// What serves, as soon as something does.
    server: Option<Server>,
    hangups: Vec<Hangup>,
}

struct Server {
    /// Written to when it is to stop.
    stop: UnixStream,
    is_stopping: bool,
    /// A signal has told it to.
    is_told: bool,
    summary: Summary,
}

impl Signals {
    /// Begins to take signals.
    pub fn take() -> io::Result<Signals> {
        let mut signals = iterator::Signals::new(KNOWN)?;
        let told: Arc<Mutex<Told>> = Arc::default();
        let to_be_told = told.clone();
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                // Nothing that holds it can leave it half changed.
                let mut told = to_be_told.lock().unwrap_or_else(PoisonError::into_inner);
                match signal {
                    SIGHUP if !told.hangups.is_empty() => told.hangups.iter_mut().for_each(|hangup| hangup()),
                    signal => heed(signal, told.server.as_mut()),
                }
            }
        })?;
        Ok(Signals { told })
    }

    /// From now on the process stops in order: what is returned becomes readable when it is told to.
    pub fn serve(&self, summary: Summary) -> io::Result<OwnedFd> {
        let (told, stop) = UnixStream::pair()?;
        told.set_nonblocking(true)?;
        stop.set_nonblocking(true)?;
        self.told().server = Some(Server { stop, is_stopping: false, is_told: false, summary });
        Ok(told.into())
    }

    /// Has what serves stop in order, as a signal does; `false` where it is stopping already, or nothing serves.
    pub fn stopper(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let told = self.told.clone();
        move || {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.server.as_mut().is_some_and(Server::stop)
        }
    }

    /// Whether a signal has told what serves to stop, whoever else has.
    pub fn have_told(&self) -> bool {
        self.told().server.as_ref().is_some_and(|server| server.is_told)
    }

    /// From now on this is done on SIGHUP too.
    pub fn on_hangup(&self, hangup: Hangup) {
        self.told().hangups.push(hangup);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing that holds it can leave it half changed.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Tells it to stop; `false` where it was told before.
    fn stop(&mut self) -> bool {
        if std::mem::replace(&mut self.is_stopping, true) {
            return false;
        }
        // Nothing else is ever written, so there is room.
        drop(self.stop.write(&[0]));
        true
    }
}

fn heed(signal: i32, server: Option<&mut Server>) {
    match (signal, server) {
        // Recovery may take long, and is as safe from an end where it stands as from a crash.
        (SIGTERM | SIGINT, None) => {
            messages::flush();
            low_level::exit(0);
        }
        (SIGTERM | SIGINT, Some(server)) if server.is_told => {
            let name = low_level::signal_name(signal).unwrap_or("a signal");
            let text = format!("{name} again while the server stops: it ends at once; the next start recovers");
            messages::say(Level::WARN, &text);
            messages::flush();
            low_level::exit(EXIT_CUT_SHORT);
        }
        (SIGTERM | SIGINT, Some(server)) => {
            server.is_told = true;
            server.stop();
        }
        (SIGQUIT, None) => messages::say(Level::INFO, "SIGQUIT: the server is starting and serves nobody yet"),
        (SIGQUIT, Some(server)) => (server.summary)().iter().for_each(|line| messages::say(Level::INFO, line)),
        (SIGXFSZ, _) => {}
        (signal, _) => {
            let name = low_level::signal_name(signal).unwrap_or("a signal");
            tracing::info!(
                "{name} means nothing to this server now, which goes on; SIGTERM stops it, SIGQUIT has it tell its state, SIGHUP \
                 has it open the files of its logs anew"
            );
        }
    }
}

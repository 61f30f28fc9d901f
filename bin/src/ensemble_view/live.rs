//! The view on a terminal: it is drawn anew when somebody has said something, and at least each second, until a person has
//! enough.

use std::io;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::{Receiver, Sender, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::members::Members;
use super::report::{Report, ask};
use super::screen;
use crate::security::Security;
use crate::status::srvr::Unknown;
use crate::status::target::Target;
use crate::terminal::{self, Input, Terminal};

/// Between two questions to one server.
const INTERVAL: Duration = Duration::from_secs(1);
/// Whoever has something to tell waits while so much has not been looked at.
const QUEUE_MAX: usize = 256;

enum Happening {
    /// The server at this place has answered, or not.
    Said(usize, Result<Report, Unknown>),
    /// The terminal has another size.
    Resized,
    /// A person, a signal, or a terminal that has gone.
    Ended,
}

/// Returns when it has been enough. Threads that still wait for a server end with the process.
pub fn watch(targets: Vec<Target>, security: &Security) -> io::Result<()> {
    let (happenings, happened) = bounded(QUEUE_MAX);
    heed_signals(&happenings)?;
    for (place, target) in targets.iter().enumerate() {
        ask_on(place, target.clone(), security.clone(), happenings.clone())?;
    }
    let terminal = Terminal::open()?;
    heed_person(&happenings)?;
    draw(terminal, Members::new(targets), &happened)
}

fn draw(mut terminal: Terminal, mut members: Members, happened: &Receiver<Happening>) -> io::Result<()> {
    let (began, clock) = (SystemTime::now(), Instant::now());
    loop {
        let lines = screen::lines(&members, began, clock.elapsed(), terminal.size()?);
        terminal.show(lines)?;
        // An error is that its time is over: the sender lives here too.
        let Ok(happening) = happened.recv_timeout(INTERVAL) else { continue };
        match happening {
            Happening::Said(place, said) => members.hear(place, said, clock.elapsed()),
            Happening::Resized => terminal.forget()?,
            Happening::Ended => return Ok(()),
        }
    }
}

/// Each server has a thread of its own: one that hangs keeps nobody else waiting.
fn ask_on(place: usize, target: Target, security: Security, happenings: Sender<Happening>) -> io::Result<()> {
    let asking = move || {
        loop {
            let asked_at = Instant::now();
            if happenings.send(Happening::Said(place, ask(&target.address, &security))).is_err() {
                return;
            }
            thread::sleep(INTERVAL.saturating_sub(asked_at.elapsed()));
        }
    };
    thread::Builder::new().name(format!("asking-{place}")).spawn(asking).map(drop)
}

fn heed_signals(happenings: &Sender<Happening>) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let happenings = happenings.clone();
    let watch = move || {
        for _ in signals.forever() {
            if happenings.send(Happening::Ended).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(watch).map(drop)
}

fn heed_person(happenings: &Sender<Happening>) -> io::Result<()> {
    let happenings = happenings.clone();
    let watch = move || {
        loop {
            let happening = match terminal::read() {
                Ok(Input::Key('q' | 'Q') | Input::Interrupt) | Err(_) => Happening::Ended,
                Ok(Input::Resize) => Happening::Resized,
                Ok(Input::Key(_)) => continue,
            };
            let is_last = matches!(happening, Happening::Ended);
            if happenings.send(happening).is_err() || is_last {
                return;
            }
        }
    };
    thread::Builder::new().name("person".into()).spawn(watch).map(drop)
}

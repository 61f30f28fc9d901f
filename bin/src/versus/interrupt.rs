//! Ctrl-C: with the first the turn ends early, and servers are stopped in order; with the second they are killed and all ends.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

/// What a shell calls the end by SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// The processes that were started and not waited for: a number in here is that of no other process.
#[derive(Clone, Default, Debug)]
pub struct Started {
    pids: Arc<Mutex<BTreeSet<u32>>>,
}

impl Started {
    /// Whoever takes a process out waits for it while this is held.
    pub fn lock(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        // Nothing that holds it can leave it half changed.
        self.pids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug)]
pub struct Interrupt {
    pub flag: Arc<AtomicBool>,
    pub started: Started,
}

impl Interrupt {
    /// SIGINT, SIGTERM and SIGHUP reach this from now on.
    pub fn begin() -> io::Result<Interrupt> {
        let interrupt = Interrupt { flag: Arc::default(), started: Started::default() };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let told = interrupt.clone();
        thread::Builder::new().name("signals".into()).spawn(move || {
            for _ in signals.forever() {
                if told.flag.swap(true, Ordering::AcqRel) {
                    told.started.lock().iter().for_each(|pid| signal_group(*pid, Signal::KILL));
                    let own = std::process::id();
                    eprintln!("paddock: the servers are killed; their directories, paddock-versus-{own}-*, stay where --dir says");
                    low_level::exit(EXIT_INTERRUPTED);
                }
            }
        })?;
        Ok(interrupt)
    }

    pub fn has_come(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }
}

/// To a server and whatever it has started: it has a process group of its own.
pub fn signal_group(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // One that has ended needs no signal.
        let _ = kill_process_group(pid, signal);
    }
}

//! Conducts one run: opens, warms up, measures, stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, RecvTimeoutError};
use mio::Waker;

use super::BenchError;
use super::lane::Plan;
use super::pacer;
use super::process::{self, Usage};
use super::root::Root;
use super::server::Server;
use super::tally::Tally;
use super::worker::{Control, News, Worker};
use super::workload::{Extent, Pace, Workload};
use crate::progress::Progress;

/// Where a run takes place, and with what.
#[derive(Clone, Debug)]
pub struct Site {
    pub servers: Vec<Server>,
    /// Processes of the servers.
    pub pids: Vec<u32>,
    pub root: Root,
    pub threads: usize,
    pub seed: u64,
    pub progress: Progress,
    /// How long a server that says nothing is waited for while sessions are opened.
    pub patience: Duration,
    /// Set when the user has had enough.
    pub interrupt: Arc<AtomicBool>,
}

impl Site {
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Acquire)
    }
}

/// What came out of a run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Length of the window.
    pub seconds: f64,
    pub tally: Tally,
    /// Of the server's processes over the window, if they are known.
    pub server: Option<Spent>,
    /// Of this process over the window.
    pub client: Spent,
}

/// What processes used over a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spent {
    pub cpu_seconds: f64,
    /// Resident memory at the end and the most there ever was, in bytes.
    pub resident: u64,
    pub resident_peak: u64,
}

impl Spent {
    pub fn between(before: Usage, after: Usage) -> Spent {
        Spent {
            cpu_seconds: after.cpu_seconds - before.cpu_seconds,
            resident: after.resident,
            resident_peak: after.resident_peak,
        }
    }

    /// This and what was used over an earlier window.
    pub fn after(self, earlier: Spent) -> Spent {
        Spent { cpu_seconds: earlier.cpu_seconds + self.cpu_seconds, ..self }
    }
}

/// What the servers' processes, if known, and this process have used so far.
pub fn usage(site: &Site) -> Result<(Option<Usage>, Usage), BenchError> {
    let server = if site.pids.is_empty() { None } else { Some(process::usage(&site.pids)) };
    Ok((server.transpose().map_err(BenchError::Process)?, process::own_usage().map_err(BenchError::Process)?))
}

/// All sessions of a run must be open after this long.
const OPEN_MAX: Duration = Duration::from_secs(60);
/// A run by number of operations ends if nothing is answered for this long.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often the progress bar moves.
const TICK: Duration = Duration::from_millis(100);

/// Makes the load of `run`. The znodes it needs exist.
pub fn load(run: &Workload, site: &Site) -> Result<Measured, BenchError> {
    let plan = Arc::new(Plan::new(run, &site.root, site.seed));
    let threads = site.threads.min(run.connections as usize);
    let control = Arc::new(Control::new(threads));
    let (news, heard) = channel::unbounded();
    let mut workers = Vec::new();
    let mut wakers = Vec::new();
    for index in 0..threads {
        let (worker, waker) =
            Worker::new(index, &plan, &control, &site.servers, site.root.session_timeout, news.clone())
                .map_err(BenchError::Poll)?;
        workers.push(worker);
        wakers.push(waker);
    }
    drop(news);
    thread::scope(|scope| {
        let handles: Vec<_> = workers.into_iter().map(|worker| scope.spawn(move || worker.run())).collect();
        let stop = StopOnDrop { control: &control, wakers: &wakers };
        let failed = || handles.iter().any(|handle| handle.is_finished());
        let conductor = Conductor { run, site, control: &control, wakers: &wakers, heard, failed: &failed };
        conductor.open()?;
        if let Pace::Open { rate } = run.pace {
            let (control, wakers) = (&control, &wakers);
            scope.spawn(move || pacer::pace(control, wakers, (1e9 / rate) as u64));
        }
        let (seconds, server, client) = conductor.measure()?;
        drop(stop);
        let mut tally = Tally::new();
        for handle in handles {
            // A panic of a worker is a broken invariant of this tool: it goes on here.
            let counted = handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            tally.add(&counted.map_err(BenchError::Poll)?);
        }
        Ok(Measured { seconds, tally, server, client })
    })
}

/// Ends the threads of a scope however the scope is left.
struct StopOnDrop<'a> {
    control: &'a Control,
    wakers: &'a [Waker],
}

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.control.stop.store(true, Ordering::Release);
        wake(self.wakers);
    }
}

fn wake(wakers: &[Waker]) {
    for waker in wakers {
        // A thread that cannot be woken looks by itself after its longest sleep.
        let _ = waker.wake();
    }
}

struct Conductor<'a> {
    run: &'a Workload,
    site: &'a Site,
    control: &'a Control,
    wakers: &'a [Waker],
    heard: Receiver<News>,
    /// Whether a thread has ended, which none does before it is told to: then there is nothing to wait for, and its
    /// error comes up when it is joined.
    failed: &'a dyn Fn() -> bool,
}

impl Conductor<'_> {
    /// Waits until all threads have opened their sessions.
    fn open(&self) -> Result<(), BenchError> {
        let begun = Instant::now();
        let (mut silent_since, mut counted) = (begun, 0);
        let mut awaited = self.wakers.len();
        while awaited > 0 {
            match self.heard.recv_deadline(Instant::now() + TICK) {
                Ok(News::Failed(text)) => return Err(BenchError::Open(text)),
                Ok(_) => awaited -= 1,
                Err(RecvTimeoutError::Timeout) => (),
                Err(RecvTimeoutError::Disconnected) => return Err(BenchError::Open("all threads have ended".into())),
            }
            let opened: u64 = self.control.opened.iter().map(|count| count.load(Ordering::Relaxed)).sum();
            if opened != counted {
                (silent_since, counted) = (Instant::now(), opened);
            }
            let all = self.run.connections;
            if silent_since.elapsed() > self.site.patience {
                let seconds = self.site.patience.as_secs_f64();
                let text = format!("{opened} of {all} are open, and the server has not answered for {seconds} s");
                return Err(BenchError::Open(text));
            }
            if begun.elapsed() > OPEN_MAX {
                let text = format!("{opened} of {all} are open after {} s", OPEN_MAX.as_secs());
                return Err(BenchError::Open(text));
            }
        }
        Ok(())
    }

    /// Warms up and measures: seconds, and what the servers and this process used meanwhile.
    fn measure(&self) -> Result<(f64, Option<Spent>, Spent), BenchError> {
        let mut finished = Finished::new(self.wakers.len());
        self.control.go.store(true, Ordering::Release);
        if !self.run.warmup.is_zero() {
            wake(self.wakers);
            self.wait("warming up", self.run.warmup, &mut finished);
        }
        let before = usage(self.site)?;
        let start = self.control.now();
        let end = match self.run.extent {
            Extent::Time(time) => start + time.as_nanos() as u64,
            Extent::Operations(_) => u64::MAX,
        };
        self.control.window_end.store(end, Ordering::Release);
        self.control.window_start.store(start, Ordering::Release);
        wake(self.wakers);
        let end = match self.run.extent {
            Extent::Time(time) => {
                self.wait(&self.run.label, time, &mut finished).map_or(end, |finished| finished.min(end))
            }
            Extent::Operations(all) => self.wait_for(all, &mut finished),
        };
        self.control.window_end.store(end, Ordering::Release);
        let after = usage(self.site)?;
        let server = before.0.zip(after.0).map(|(before, after)| Spent::between(before, after));
        let seconds = (end.saturating_sub(start)).max(1) as f64 / 1e9;
        Ok((seconds, server, Spent::between(before.1, after.1)))
    }

    /// Lets `time` pass; if the run is over earlier, tells when.
    fn wait(&self, what: &str, time: Duration, finished: &mut Finished) -> Option<u64> {
        let bar = self.site.progress.time(what, time);
        let begun = Instant::now();
        let mut speed = Speed::new();
        while begun.elapsed() < time {
            let last = self.next_finish((Instant::now() + TICK).min(begun + time), finished);
            if last.is_some() {
                return last;
            }
            bar.set(begun.elapsed().as_millis() as u64);
            bar.say(speed.text(self.completed()));
        }
        None
    }

    /// Waits until all operations are answered, or none has been for a long time: when that was.
    fn wait_for(&self, all: u64, finished: &mut Finished) -> u64 {
        let bar = self.site.progress.count(&self.run.label, all);
        let mut speed = Speed::new();
        let (mut silent_since, mut counted) = (Instant::now(), 0);
        loop {
            if let Some(last) = self.next_finish(Instant::now() + TICK, finished) {
                return last;
            }
            let completed = self.completed();
            if completed != counted {
                (silent_since, counted) = (Instant::now(), completed);
            } else if silent_since.elapsed() > SILENCE_MAX {
                return self.control.now();
            }
            bar.set(completed);
            bar.say(speed.text(completed));
        }
    }

    /// Listens until `tick`: when the run is over early. That is when the last answer came, if all threads have finished;
    /// otherwise now, if one has failed or the user has had enough.
    fn next_finish(&self, tick: Instant, finished: &mut Finished) -> Option<u64> {
        if finished.awaited == 0 {
            return Some(finished.last);
        }
        match self.heard.recv_deadline(tick) {
            Ok(News::Finished { at }) => finished.note(at),
            Ok(News::Ready | News::Failed(_)) => None,
            Err(_) => ((self.failed)() || self.site.is_interrupted()).then(|| self.control.now()),
        }
    }

    fn completed(&self) -> u64 {
        self.control.completed.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// Which threads have finished.
struct Finished {
    awaited: usize,
    last: u64,
}

impl Finished {
    fn new(awaited: usize) -> Finished {
        Finished { awaited, last: 0 }
    }

    /// Notes that one thread finished at `at`; with the last one, tells when the last answer came.
    fn note(&mut self, at: u64) -> Option<u64> {
        self.last = self.last.max(at);
        self.awaited -= 1;
        (self.awaited == 0).then_some(self.last)
    }
}

/// Operations per second since it was last asked.
struct Speed {
    at: Instant,
    completed: u64,
}

impl Speed {
    fn new() -> Speed {
        Speed { at: Instant::now(), completed: 0 }
    }

    fn text(&mut self, completed: u64) -> String {
        let seconds = self.at.elapsed().as_secs_f64().max(1e-9);
        let speed = completed.saturating_sub(self.completed) as f64 / seconds;
        *self = Speed { at: Instant::now(), completed };
        format!("{speed:.0} ops/s")
    }
}

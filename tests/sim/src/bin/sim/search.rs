//! Many seeds, on all cores.

use std::fmt;
use std::io::IsTerminal;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use paddock_sim::trial::{self, Verdict};
use paddock_sim::world::Tally;

/// A search goes on after a failure, but not after so many.
const FAILURES_MAX: usize = 100;

/// How far a search goes.
#[derive(Clone, Copy)]
pub enum Extent {
    Seeds(u64),
    Time(Duration),
}

pub struct Search {
    pub from: u64,
    pub extent: Extent,
    pub jobs: usize,
    pub ends_with_first: bool,
}

/// What was run.
pub struct Report {
    pub seeds: Range<u64>,
    pub jobs: usize,
    pub worlds: u64,
    /// How many of them were run twice.
    pub twice: u64,
    /// Virtual time of all worlds.
    pub lived: Duration,
    /// How long it took.
    pub took: Duration,
    pub tally: Tally,
    pub writes: u64,
    /// The seeds that failed, in the order in which they were found.
    pub failed: Vec<u64>,
}

impl Search {
    pub fn run(&self) -> Report {
        let began = Instant::now();
        let (next, ends) = (AtomicU64::new(self.from), AtomicBool::new(false));
        let (sender, verdicts) = mpsc::channel();
        let mut report = Report {
            seeds: self.from..self.from,
            jobs: self.jobs,
            worlds: 0,
            twice: 0,
            lived: Duration::ZERO,
            took: Duration::ZERO,
            tally: Tally::default(),
            writes: 0,
            failed: Vec::new(),
        };
        let bar = self.bar();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs {
                let sender = sender.clone();
                scope.spawn(|| self.work(began, &next, &ends, sender));
            }
            drop(sender);
            for verdict in verdicts {
                self.take(&mut report, &verdict, &bar);
                self.show(&bar, &report, began);
                let is_enough = self.ends_with_first || report.failed.len() >= FAILURES_MAX;
                if !report.failed.is_empty() && is_enough {
                    ends.store(true, Ordering::Relaxed);
                }
            }
        });
        bar.finish_and_clear();
        report.took = began.elapsed();
        report
    }

    fn work(&self, began: Instant, next: &AtomicU64, ends: &AtomicBool, verdicts: mpsc::Sender<Verdict>) {
        while !ends.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let is_in = match self.extent {
                Extent::Seeds(count) => seed - self.from < count,
                Extent::Time(time) => began.elapsed() < time,
            };
            if !is_in || verdicts.send(trial::run_checked(seed)).is_err() {
                return;
            }
        }
    }

    fn take(&self, report: &mut Report, verdict: &Verdict, bar: &ProgressBar) {
        report.seeds.end = report.seeds.end.max(verdict.seed + 1);
        report.worlds += 1;
        report.twice += u64::from(trial::is_run_twice(verdict.seed));
        report.lived += verdict.lived;
        report.tally.add(&verdict.tally);
        report.writes += verdict.writes;
        if let Some(failure) = &verdict.failure {
            report.failed.push(verdict.seed);
            bar.suspend(|| println!("{verdict}  {}\n{}", replay(verdict.seed), indented(failure)));
        }
    }

    fn bar(&self) -> ProgressBar {
        let is_shown = std::io::stderr().is_terminal();
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let length = match self.extent {
            Extent::Seeds(count) => count,
            Extent::Time(time) => time.as_millis() as u64,
        };
        let style =
            ProgressStyle::with_template("[{bar:30}] {percent:>3} % {msg}").expect("the template is well formed");
        ProgressBar::with_draw_target(Some(length), target).with_style(style.progress_chars("=> "))
    }

    fn show(&self, bar: &ProgressBar, report: &Report, began: Instant) {
        bar.set_position(match self.extent {
            Extent::Seeds(_) => report.worlds,
            Extent::Time(_) => began.elapsed().as_millis() as u64,
        });
        let times = report.lived.as_secs_f64() / began.elapsed().as_secs_f64();
        let failed = report.failed.len();
        bar.set_message(format!("{} seeds, {times:.0} times real time, {failed} failed", report.worlds));
    }
}

fn replay(seed: u64) -> String {
    format!("replay it: cargo xtask sim --seed {seed}")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

impl Report {
    /// Virtual seconds per real second of one core.
    pub fn speed(&self) -> f64 {
        self.lived.as_secs_f64() / self.took.as_secs_f64() / self.jobs as f64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { seeds: Range { start, end }, jobs, worlds, twice, writes, tally, failed, .. } = self;
        let (hours, seconds) = (self.lived.as_secs_f64() / 3600.0, self.took.as_secs_f64());
        writeln!(f, "{worlds} seeds, {start} to {}, {twice} of them run twice", end.saturating_sub(1))?;
        writeln!(
            f,
            "{hours:.1} hours of virtual time in {seconds:.0} s with {jobs} jobs: {:.0} times real time each",
            self.speed()
        )?;
        writeln!(f, "{tally}, {writes} writes")?;
        writeln!(f, "{} failed", failed.len())?;
        failed.iter().try_for_each(|seed| writeln!(f, "  {}", replay(*seed)))
    }
}

//! Watches a backup, or what is restored of one: the bar, and the wait for what is in doubt.

use std::time::Instant;

use paddock_engine::backup::Observer;

use super::patience::Patience;
use crate::progress::{Bar, Progress};

pub struct Watch {
    bar: Option<Bar>,
    total: u64,
    done: u64,
    patience: Patience,
}

impl Watch {
    pub fn new(progress: Progress, what: &str) -> Watch {
        Watch { bar: progress.bytes(what, 0), total: 0, done: 0, patience: Patience::default() }
    }
}

impl Observer for Watch {
    fn expect(&mut self, bytes: u64) {
        self.total += bytes;
        if let Some(bar) = &self.bar {
            bar.set_total(self.total);
        }
    }

    fn note(&mut self, bytes: u64) -> bool {
        self.done += bytes;
        if let Some(bar) = &self.bar {
            bar.set(self.done.min(self.total));
        }
        true
    }

    fn wait(&mut self) -> bool {
        let wait = self.patience.next(Instant::now());
        wait.inspect(|time| std::thread::sleep(*time)).is_some()
    }
}

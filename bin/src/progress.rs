//! Progress bars on the standard error, on a terminal only.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar that moves by itself does.
const TICK: Duration = Duration::from_millis(250);

/// Whether and where progress is shown.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    shown: bool,
}

/// One bar; it vanishes when dropped.
pub struct Bar {
    bar: ProgressBar,
}

impl Progress {
    pub fn new(wanted: bool) -> Progress {
        Progress { shown: wanted && std::io::stderr().is_terminal() }
    }

    /// A bar that counts to `total`.
    pub fn count(self, what: &str, total: u64) -> Bar {
        self.bar(what, total, "{prefix} [{bar:30}] {human_pos}/{human_len} {msg}")
    }

    /// A bar over bytes; `None` where none is shown.
    pub fn bytes(self, what: &str, total: u64) -> Option<Bar> {
        self.shown.then(|| self.bar(what, total, "{prefix} [{bar:30}] {bytes}/{total_bytes} {msg}"))
    }

    /// A bar over a length of time; [`Bar::set`] takes milliseconds.
    pub fn time(self, what: &str, total: Duration) -> Bar {
        self.bar(what, total.as_millis() as u64, "{prefix} [{bar:30}] {percent:>3} % {msg}")
    }

    /// A bar that counts to `total` over minutes: it moves by itself, so that a person sees that all goes on.
    pub fn turns(self, what: &str, total: u64) -> Bar {
        let bar = self.bar(what, total, "{spinner} {prefix} [{bar:30}] {human_pos}/{human_len} {elapsed} {msg}");
        if self.shown {
            bar.bar.enable_steady_tick(TICK);
        }
        bar
    }

    fn bar(self, what: &str, total: u64, template: &str) -> Bar {
        let target = if self.shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(template).expect("the templates above are well formed");
        let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style.progress_chars("=> "));
        bar.set_prefix(what.to_owned());
        Bar { bar }
    }
}

impl Bar {
    pub fn set(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// There is more to be done than was thought.
    pub fn set_total(&self, total: u64) {
        self.bar.set_length(total);
    }

    /// The text after the bar.
    pub fn say(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Prints something elsewhere, with the bar out of its way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

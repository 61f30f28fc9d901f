//! What happens in a world, told to a person, one line for each thing.

use std::cell::Cell;
use std::time::Duration;

use paddock_consensus::ServerId;

/// Whether it is told, on the standard output.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    is_told: bool,
}

thread_local! {
    /// When what is said now is said, and by which server; by the world if there is none.
    static MOMENT: Cell<(Duration, Option<ServerId>)> = const { Cell::new((Duration::ZERO, None)) };
}

impl Story {
    pub fn new(is_told: bool) -> Story {
        Story { is_told }
    }

    /// Whatever is said from here on, also in the log of words, is said by this server.
    pub fn turn_to(self, now: Duration, server: Option<ServerId>) {
        if self.is_told {
            MOMENT.set((now, server));
        }
    }

    #[allow(clippy::print_stdout, reason = "only a person's replay is told, and a test's output is its own")]
    pub fn tell(self, what: impl FnOnce() -> String) {
        if self.is_told {
            println!("{}{}", heading(), what());
        }
    }

    pub fn is_told(self) -> bool {
        self.is_told
    }
}

/// What each line begins with: the seconds since the world began, and who speaks.
pub fn heading() -> String {
    let (now, server) = MOMENT.get();
    let seconds = now.as_secs_f64();
    match server {
        Some(ServerId(number)) => format!("{seconds:>10.4}  s{number}  "),
        None => format!("{seconds:>10.4}  **  "),
    }
}

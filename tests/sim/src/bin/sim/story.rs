//! One world, told so that a person can follow it.

use std::fmt;
use std::process::ExitCode;

use paddock_sim::mix::Mix;
use paddock_sim::{story, trial};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Lets the world of a seed live. What servers say themselves is printed among what happens.
pub fn tell(seed: u64) -> ExitCode {
    let lines = tracing_subscriber::fmt().with_timer(Virtual).with_target(false).with_ansi(false);
    lines.with_writer(std::io::stdout).init();
    let verdict = trial::run(seed, Mix::of(seed), true);
    print!("{verdict}");
    match verdict.failure {
        None => ExitCode::SUCCESS,
        Some(failure) => {
            println!("FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// When something was said, and by whom.
struct Virtual;

impl FormatTime for Virtual {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        w.write_str(&story::heading())
    }
}

//! `paddock`: the way into the library.

mod allocator;

use std::process::ExitCode;

fn main() -> ExitCode {
    paddock::command::run()
}

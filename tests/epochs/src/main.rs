//! Paddock, but for epochs that begin near the end of their counter: `paddock_consensus`, feature `short-epochs`.

use std::process::ExitCode;

// What it brings is the feature.
use paddock_consensus as _;

fn main() -> ExitCode {
    paddock::command::run()
}

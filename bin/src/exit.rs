//! How a command ends that has failed.

use std::fmt;
use std::process::ExitCode;

/// One sentence on stderr, and the code.
pub fn fail(error: &dyn fmt::Display, code: u8) -> ExitCode {
    eprintln!("paddock: {error}");
    ExitCode::from(code)
}

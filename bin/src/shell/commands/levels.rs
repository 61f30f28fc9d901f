//! How many levels below its root a command goes.

use crate::shell::complaint::Complaint;
use crate::shell::flags::Given;

/// What `-d` says; all levels where it says nothing.
pub fn of(given: &Given) -> Result<usize, Complaint> {
    match given.value("d") {
        None => Ok(usize::MAX),
        Some(text) => text.parse().map_err(|_| Complaint::new(format!("-d {text}: give a number of levels"))),
    }
}

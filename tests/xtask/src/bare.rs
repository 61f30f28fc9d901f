//! The core, built for a machine that has no operating system, and so no std.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::step::{Failure, run, section};
use crate::{cargo, root};

const TRIPLE: &str = "thumbv7em-none-eabi";

/// Where the compiler does not have what it needs for that machine and cannot get it, this only says so. Then the test
/// `consensus_needs_no_std` in `tests/tests/rooms.rs` is what shows it.
pub fn build(target_dir: &Path) -> Result<(), Failure> {
    section("core without std");
    if !is_there() && !add() {
        println!("left out: {TRIPLE} is not there for this compiler, and rustup cannot add it");
        return Ok(());
    }
    run(cargo().args(["build", "--package", "paddock-consensus", "--target", TRIPLE, "--target-dir"]).arg(target_dir))
}

/// Whether the compiler has the libraries of that machine.
fn is_there() -> bool {
    let mut rustc = Command::new("rustc");
    let asked = rustc.args(["--print", "target-libdir", "--target", TRIPLE]).current_dir(root()).output();
    asked.is_ok_and(|said| Path::new(String::from_utf8_lossy(&said.stdout).trim()).is_dir() && said.status.success())
}

fn add() -> bool {
    let mut rustup = Command::new("rustup");
    let added = rustup.args(["target", "add", TRIPLE]).current_dir(root()).stdin(Stdio::null()).status();
    added.is_ok_and(|status| status.success())
}

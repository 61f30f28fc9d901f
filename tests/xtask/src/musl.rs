//! The program as one file that needs nothing of the system that it runs on, for machines whose glibc is older than that of the
//! build, and for images without one.
//!
//! What musl does otherwise: the allocator has no thread that gives memory back while a server is idle (`bin/src/allocator.rs`), and
//! names are looked up by DNS and `/etc/hosts` alone. io_uring and direct writes are system calls, and the same.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::step::{Failure, run, said, section};
use crate::{cargo, root, target_dir};

/// What compiles the allocator, which is in C, and the package that has it.
const COMPILER: (&str, &str) = ("musl-gcc", "musl-tools");
/// What a program names that the system has to bring a loader for.
const LOADER: &[u8] = b"/lib/ld-";

/// Builds it for the architecture of this machine, and sees that it is one file that runs. Returns which.
pub fn build() -> Result<PathBuf, Failure> {
    section("static program");
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let (compiler, package) = COMPILER;
    if said(Command::new(compiler).arg("--version")).is_err() {
        return Err(Failure(format!("{compiler} cannot be started: install the package {package}")));
    }
    run(Command::new("rustup").args(["target", "add", &triple]).current_dir(root()))?;
    let variable = format!("CC_{}", triple.replace('-', "_"));
    let mut build = cargo();
    build.args(["build", "--release", "--package", "paddock", "--target", &triple]);
    run(build.env(variable, compiler).stdin(Stdio::null()))?;
    let program = target_dir().join(&triple).join("release/paddock");
    let bytes = fs::read(&program).map_err(|error| Failure(format!("{}: {error}", program.display())))?;
    if bytes.windows(LOADER.len()).any(|window| window == LOADER) {
        return Err(Failure(format!("{} is not static: it names a loader", program.display())));
    }
    println!("{} ({} MiB): {}", program.display(), bytes.len() >> 20, said(Command::new(&program).arg("--version"))?);
    Ok(program)
}

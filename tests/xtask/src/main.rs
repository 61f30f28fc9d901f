//! `cargo xtask test`: installs what the tests need, builds, runs every test there is, and ends in one verdict.
//! `cargo xtask clients`: only installs, and builds the programs around other people's clients.
#![allow(clippy::print_stdout, reason = "a command speaks on stdout")]

mod clients;
mod packages;
mod step;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use step::{Failure, TestCounts, run, run_tests, section};

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let outcome = match &command[..] {
        "test" => test(),
        "clients" => packages::install().and_then(|()| clients::build(&clients_dir())).map(|()| TestCounts::default()),
        _ => {
            eprintln!("usage: cargo xtask test | clients");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(counts) if counts.failed == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(Failure(what)) => {
            println!("\nFAILED: {what}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Result<TestCounts, Failure> {
    let began = Instant::now();
    packages::install()?;
    section("format");
    run(cargo().args(["fmt", "--all", "--", "--check"]))?;
    section("lints");
    run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    section("release build");
    run(cargo().args(["build", "--release"]))?;
    clients::build(&clients_dir())?;
    section("tests");
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]);
    tests.env("PADDOCK_BIN", target_dir().join("release/paddock")).env("PADDOCK_CLIENTS", clients_dir());
    let counts = run_tests(&mut tests)?;
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let verdict = if counts.failed == 0 { "ALL GOOD" } else { "FAILED: the tests named above" };
    println!("\n{verdict} after {minutes:.1} minutes\n{} passed, {} failed", counts.passed, counts.failed);
    Ok(counts)
}

/// The cargo that runs this.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The workspace.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("the crate lies two levels below the workspace").to_owned()
}

fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

fn clients_dir() -> PathBuf {
    target_dir().join("clients")
}

//! `cargo xtask results`: builds what `benches/results.py` measures with, and calls it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::step::{Failure, run, section};
use crate::{cargo, root};

/// What goes into the server. A commit elsewhere makes no other program, and what was measured with it stays good.
const SOURCES: [&str; 6] = ["consensus", "engine", "net", "bin", "Cargo.toml", "Cargo.lock"];
/// The clients and scales of the comparisons.
const EXAMPLES: [&str; 3] = ["failover", "floor", "machine"];
/// With these nothing is measured.
const WITHOUT_PROGRAMS: [&str; 3] = ["--only-page", "--help", "-h"];

pub fn results(arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let arguments: Vec<OsString> = arguments.collect();
    if !arguments.iter().any(|word| WITHOUT_PROGRAMS.iter().any(|without| word == without)) {
        section("programs");
        build()?;
    }
    run(Command::new("python3").arg(root().join("benches/results.py")).args(arguments))
}

fn build() -> Result<(), Failure> {
    let mut server = cargo();
    server.args(["build", "--release", "--package", "paddock"]);
    let mut examples = cargo();
    examples.args(["build", "--release", "--package", "paddock-benches"]);
    examples.args(EXAMPLES.iter().flat_map(|example| ["--example", example]));
    // The server tells its date, so that each commit would make another program. The examples share its libraries.
    let date = source_date(&root());
    for build in [&mut server, &mut examples] {
        build.envs(date.iter().map(|date| ("SOURCE_DATE_EPOCH", date)));
        run(build)?;
    }
    Ok(())
}

/// Seconds since 1970 of the last commit that changed the server; `None` outside of a repository.
fn source_date(root: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["log", "-1", "--format=%ct", "--"]).args(SOURCES);
    let output = git.output().ok().filter(|output| output.status.success())?;
    let date = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!date.is_empty()).then_some(date)
}

//! Tells the program how old its sources are: seconds since 1970 in `PADDOCK_SOURCE_DATE`.
//!
//! The same sources give the same date wherever and whenever they are built: `SOURCE_DATE_EPOCH` if it is set (the
//! convention of reproducible builds), else the date of the commit, else that of the workspace's lock file, which is the
//! commit's in an archive that git has made. Runs again only when one of these has changed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

const LOCK_FILE: &str = "../Cargo.lock";

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=build.rs");
    let seconds = told().or_else(of_commit).or_else(of_lock_file).unwrap_or(0);
    println!("cargo::rustc-env=PADDOCK_SOURCE_DATE={seconds}");
}

fn told() -> Option<u64> {
    let text = std::env::var("SOURCE_DATE_EPOCH").ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("SOURCE_DATE_EPOCH={text} is not a number of seconds since 1970")))
}

fn of_commit() -> Option<u64> {
    let date = git(&["log", "-1", "--format=%ct"])?.parse().ok()?;
    // Each commit and each change of the branch adds a line to the first; the second names the branch.
    for file in ["logs/HEAD", "HEAD"] {
        let path = PathBuf::from(git(&["rev-parse", "--git-path", file])?);
        // Cargo takes a file that is not there for one that has always changed.
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    Some(date)
}

/// What git says of this directory, if there is a git and a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn of_lock_file() -> Option<u64> {
    println!("cargo::rerun-if-changed={LOCK_FILE}");
    let changed = Path::new(LOCK_FILE).metadata().and_then(|metadata| metadata.modified()).ok()?;
    Some(changed.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

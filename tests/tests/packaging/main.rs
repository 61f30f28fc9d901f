//! What an operator installs and calls, all of it below `bin/packaging`.
//!
//! | module | is about |
//! |---|---|
//! | `scripts` | the scripts of ZooKeeper's names: what starts, stops and looks at a server |
//! | `toolkit` | those that look at files, beside ZooKeeper's own tools on the same files |
//! | `cleanup` | old files that go while a server runs |
//! | `deb` | the package: installed, started as the service is, upgraded, purged |
//! | `bare_root` | the same on a Debian that has nothing else, as its own users |
//! | `container` | how a container begins |
//! | `chart` | what a chart says of its values |
mod bare_root;
mod chart;
mod cleanup;
mod container;
mod deb;
mod scripts;
mod toolkit;

use paddock_tests::installed::source;
use std::path::PathBuf;
use std::process::Command;

/// A file of `bin/packaging`.
fn packaging(name: &str) -> PathBuf {
    source("../bin/packaging").join(name)
}

/// What a program says on stdout and stderr, and how it ends.
#[derive(Debug)]
struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

fn said(command: &mut Command) -> Said {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let said = Said { out: text(done.stdout), err: text(done.stderr), code: done.status.code() };
    assert!(!said.err.contains("panicked"), "{}", said.err);
    said
}

/// What a program says on stdout that must go well.
#[track_caller]
fn fine(command: &mut Command) -> String {
    let said = said(command);
    assert_eq!(said.code, Some(0), "{command:?}: {}{}", said.out, said.err);
    said.out
}

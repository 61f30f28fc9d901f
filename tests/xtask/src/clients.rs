//! Other people's clients, and the programs of `tests/clients` around them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{Failure, run, section};
use crate::{cargo, root, suites};

/// Where Debian's packages put their jars.
const JARS: &str = "/usr/share/java/*";

/// Installs and builds everything into `into`, where `tests/tests/{clients.rs,suites}` look for it.
pub fn build(into: &Path) -> Result<(), Failure> {
    section("clients");
    for part in ["java/curator", "c", "go", "node", "console", "container"] {
        create_directory(&into.join(part))?;
    }
    let venv = into.join("venv");
    if !venv.join("bin/python").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run(pip.arg(source("kazoo/requirements.txt")))?;
    java(
        &["Session", "Recipes", "Reconfig", "Login"].map(|name| source(&format!("java/{name}.java"))),
        &into.join("java"),
    )?;
    java(&files(&source("java/curator"))?, &into.join("java/curator"))?;
    let mut gcc = Command::new("gcc");
    gcc.args(["-DTHREADED", "-O1", "-o"]).arg(into.join("c/session")).arg(source("c/session.c"));
    run(gcc.args(["-lzookeeper_mt", "-lpthread"]))?;
    let manifest = source("rust/Cargo.toml");
    run(cargo()
        .args(["build", "--quiet", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(into.join("rust")))?;
    let mut go = Command::new("go");
    run(go.args(["build", "-o"]).arg(into.join("go/words")).arg(".").current_dir(source("go")))?;
    npm(&source("node/package.json"), &into.join("node"))?;
    npm(&source("console/package.json"), &into.join("console"))?;
    npm(&source("container/package.json"), &into.join("container"))?;
    let mut jars = Command::new(venv.join("bin/python"));
    run(jars.arg(source("zookeeper/jars.py")).arg(into))?;
    suites::build(&into.join("suites"))
}

/// Compiles with everything that Debian has.
fn java(sources: &[PathBuf], into: &Path) -> Result<(), Failure> {
    let mut javac = Command::new("javac");
    run(javac.args(["-proc:none", "-cp", JARS, "-d"]).arg(into).args(sources))
}

/// Installs what a package.json wants beside a copy of it.
pub fn npm(package: &Path, into: &Path) -> Result<(), Failure> {
    copy(package, &into.join("package.json"))?;
    run(Command::new("npm").args(["install", "--silent", "--no-audit", "--no-fund"]).current_dir(into))
}

/// A file of `tests/clients`.
pub fn source(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

pub fn create_directory(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| Failure(format!("cannot create {}: {error}", path.display())))
}

/// Copies a file, or a directory with everything in it.
pub fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if from.is_dir() {
        create_directory(to)?;
        for path in files(from)? {
            copy(&path, &to.join(path.file_name().expect("an entry of a directory has a name")))?;
        }
        return Ok(());
    }
    let copied = std::fs::copy(from, to).map(|_| ());
    copied.map_err(|error| Failure(format!("cannot copy {} to {}: {error}", from.display(), to.display())))
}

/// What a directory holds.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| Failure(format!("cannot read {}: {error}", directory.display()));
    let entries = std::fs::read_dir(directory).map_err(unreadable)?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(unreadable)).collect()
}

//! Other people's clients, and the programs of `tests/clients` around them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{Failure, run, section};
use crate::{cargo, root};

/// kazoo as it stands in its registry.
const KAZOO: &str = "kazoo==2.11.0";

/// Installs and builds everything into `into`, where `tests/tests/clients.rs` looks for it.
pub fn build(into: &Path) -> Result<(), Failure> {
    section("clients");
    for part in ["java", "c", "node"] {
        let directory = into.join(part);
        std::fs::create_dir_all(&directory)
            .map_err(|error| Failure(format!("cannot create {}: {error}", directory.display())))?;
    }
    let venv = into.join("venv");
    if !venv.join("bin/python").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", KAZOO]))?;
    let mut javac = Command::new("javac");
    javac.args(["-cp", "/usr/share/java/zookeeper.jar", "-d"]).arg(into.join("java")).arg(source("java/Session.java"));
    run(&mut javac)?;
    let mut gcc = Command::new("gcc");
    gcc.args(["-DTHREADED", "-O1", "-o"]).arg(into.join("c/session")).arg(source("c/session.c"));
    run(gcc.args(["-lzookeeper_mt", "-lpthread"]))?;
    let manifest = source("rust/Cargo.toml");
    run(cargo()
        .args(["build", "--quiet", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(into.join("rust")))?;
    let node = into.join("node");
    std::fs::copy(source("node/package.json"), node.join("package.json"))
        .map_err(|error| Failure(format!("cannot copy into {}: {error}", node.display())))?;
    run(Command::new("npm").args(["install", "--silent", "--no-audit", "--no-fund"]).current_dir(node))
}

fn source(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

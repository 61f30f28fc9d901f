//! The tests that other people's clients come with, as their packages have them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::clients::{copy, create_directory, npm, source};
use crate::step::{Failure, section};
use crate::{cargo, root};

/// The crates, as their directories in the registry and here, and what is appended to their manifests: the registry
/// leaves out a dependency that is in no registry.
const CRATES: [(&str, &str, &str); 2] = [
    (
        "zookeeper-client-0.11.2",
        "zookeeper-client",
        "\n[dev-dependencies.testcontainers]\npath = \"../testcontainers\"\n",
    ),
    ("tokio-zookeeper-0.4.0", "tokio-zookeeper", ""),
];

/// Puts the suites where `tests/tests/suites` looks for them. Those of Python are in their packages already.
pub fn build(into: &Path) -> Result<(), Failure> {
    section("suites of other clients");
    node(&into.join("node"))?;
    rust(&into.join("rust"))
}

/// ava runs no test below `node_modules`, so the package zookeeper gets a copy outside of it.
fn node(into: &Path) -> Result<(), Failure> {
    create_directory(into)?;
    npm(&source("suites/node/package.json"), into)?;
    let copied = into.join("zookeeper");
    if copied.exists() {
        return Ok(());
    }
    copy(&into.join("node_modules/zookeeper"), &copied)
}

fn rust(into: &Path) -> Result<(), Failure> {
    create_directory(into)?;
    for file in ["Cargo.toml", "Cargo.lock"] {
        copy(&source("suites/rust").join(file), &into.join(file))?;
    }
    copy(&root().join("tests/standin/testcontainers"), &into.join("testcontainers"))?;
    let sources = sources()?;
    for (registered, name, addition) in CRATES {
        let directory = into.join(name);
        copy(&found(&sources, registered)?, &directory)?;
        let manifest = directory.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap_or_default() + addition;
        fs::write(&manifest, text).map_err(|error| Failure(format!("cannot write {}: {error}", manifest.display())))?;
    }
    tests(into, "zookeeper-client", &["--test", "zookeeper"])?;
    tests(into, "tokio-zookeeper", &["--lib"])
}

/// Builds a crate's tests and leaves the program as `<name>-tests`.
fn tests(workspace: &Path, name: &str, which: &[&str]) -> Result<(), Failure> {
    let mut build = cargo();
    build.current_dir(workspace).args(["test", "--locked", "--no-run", "--message-format=json", "--package", name]);
    build.args(which).arg("--target-dir").arg(workspace.join("target"));
    let built = output(&mut build)?;
    let programs = strings_after(&built, "\"executable\":\"");
    let [program] = &programs[..] else {
        return Err(Failure(format!("{build:?} built {} programs instead of one", programs.len())));
    };
    copy(Path::new(program), &workspace.join(format!("{name}-tests")))
}

/// The manifests of everything that cargo has brought for `sources/Cargo.toml`.
fn sources() -> Result<String, Failure> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--locked", "--format-version", "1", "--manifest-path"]);
    output(metadata.arg(source("suites/rust/sources/Cargo.toml")))
}

/// The directory that cargo has for a crate.
fn found(metadata: &str, registered: &str) -> Result<PathBuf, Failure> {
    let manifests = strings_after(metadata, "\"manifest_path\":\"");
    let ending = format!("/{registered}/Cargo.toml");
    let manifest = manifests.into_iter().find(|path| path.ends_with(&ending));
    let manifest = manifest.ok_or_else(|| Failure(format!("cargo has not brought {registered}")))?;
    Ok(Path::new(manifest).parent().expect("a manifest lies in a directory").to_owned())
}

/// The strings of a JSON text behind a key; the paths that they are have nothing that JSON escapes.
fn strings_after<'json>(json: &'json str, key: &str) -> Vec<&'json str> {
    json.split(key).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// What a program that must succeed writes on stdout.
fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure(format!("{command:?} cannot be started: {error}")))?;
    if !output.status.success() {
        return Err(Failure(format!("{command:?} ended with {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

//! Other people's clients, unchanged, doing what people do with them: each program of `clients/` goes through create,
//! read, update, delete, ephemeral and sequential znodes, watches, multi, ACLs with digest, and carries on in the same
//! session after the server was killed and started again.
//!
//! A program that prints `RESTART` waits; the test kills the server (SIGKILL), starts it on the same data and port, and
//! writes `restarted` to the program's stdin. Of three servers (`PADDOCK_TEST_SHAPE`, as for the suites) it is the follower
//! that the program knows, or the leader where it knows all. At its end a program prints `DONE` and exits with 0. The two interactive
//! shells are typed into instead, by the scripts `*.session`. `java/Reconfig.java` is driven by the tests of `reconfig`.
//!
//! `cargo xtask test` builds and installs the programs into the directory `PADDOCK_CLIENTS`, by default `clients` beside
//! cargo's profile directories.
use paddock_tests::installed::{class_path, installed, source};
use paddock_tests::program::Program;
use paddock_tests::server::{Kind, Setup, paddock};
use paddock_tests::service::{Service, Shape};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of `tests/clients`.
fn client(name: &str) -> PathBuf {
    source("clients").join(name)
}

fn start() -> Service {
    Service::start(Setup::new(Kind::under_test()), Shape::under_test())
}

/// Runs a program that follows the protocol of this directory, with so many restarts in it.
fn run(command: Command, restarts: usize) {
    run_on(start(), command, restarts);
}

fn run_on(mut service: Service, mut command: Command, restarts: usize) {
    command.arg(service.connect_string());
    let mut program = Program::start(command);
    for _ in 0..restarts {
        program.wait_for("RESTART");
        service.crash_and_restart();
        program.type_line("restarted");
    }
    let said = program.finish();
    assert_eq!(said.last().map(String::as_str), Some("DONE"), "it said:\n{}", said.join("\n"));
}

/// Types a script into an interactive program: `>` a line to type, `<` text to wait for, `!` kill and restart the server.
fn converse(mut command: Command, script: &Path) {
    let mut service = start();
    command.arg(service.connect_string());
    let mut program = Program::start(command);
    let text = std::fs::read_to_string(script).unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.split_at_checked(2) {
            Some(("> ", typed)) => program.type_line(typed),
            Some(("< ", awaited)) => program.wait_for(awaited),
            Some(("! ", _)) => service.crash_and_restart(),
            _ => panic!("{}: what is {line:?}?", script.display()),
        }
    }
    program.finish();
}

fn kazoo(script: &str) -> Command {
    let mut command = Command::new(installed("venv/bin/python"));
    command.arg(client(script));
    command
}

#[test]
fn kazoo_session() {
    run(kazoo("kazoo/session.py"), 1);
}

#[test]
fn kazoo_recipes() {
    run(kazoo("kazoo/recipes.py"), 0);
}

/// A program of Debian's java with Debian's jars.
fn java(main: &str, classes: &str, jars: &[&str]) -> Command {
    let mut command = Command::new("java");
    command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"]);
    command.arg("-cp").arg(format!("{}:{}", installed(classes).display(), class_path(jars))).arg(main);
    command
}

#[test]
fn java_session() {
    run(java("Session", "java", &["zookeeper", "slf4j-simple"]), 1);
}

/// The recipes that come with ZooKeeper.
#[test]
fn zookeeper_recipes() {
    let recipes = ["zookeeper-recipes-lock", "zookeeper-recipes-queue", "zookeeper-recipes-election"];
    run(java("Recipes", "java", &[&recipes[..], &["zookeeper", "slf4j-simple"]].concat()), 1);
}

/// Curator's recipes; those with TTL znodes and containers want extended types, and their removal within the test.
#[test]
fn curator_recipes() {
    let jars = ["curator-recipes", "curator-framework", "curator-client", "guava", "jackson-core", "jackson-databind"];
    let command = java("Curator", "java/curator", &[&jars[..], &["zookeeper", "slf4j-simple"]].concat());
    let setup = Setup::new(Kind::under_test()).property("zookeeper.extendedTypesEnabled", "true");
    let setup = setup.property("znode.container.checkIntervalMs", "500");
    run_on(Service::start(setup, Shape::under_test()), command, 9);
}

#[test]
fn zkcli_session() {
    let mut command = Command::new("/usr/share/zookeeper/bin/zkCli.sh");
    command.args(["-timeout", "20000", "-server"]);
    converse(command, &client("zkcli/zkcli.session"));
}

/// Paddock's own, in zkCli's place.
#[test]
fn paddock_shell_session() {
    let mut command = Command::new(paddock());
    command.args(["shell", "--zkcli-args", "-timeout", "20000", "-server"]);
    converse(command, &client("zkcli/zkcli.session"));
}

#[test]
fn c_session() {
    run(Command::new(installed("c/session")), 1);
}

#[test]
fn cli_mt_session() {
    // Without a terminal it would keep what it has to say until it ends.
    let mut command = Command::new("stdbuf");
    command.args(["--output=L", "/usr/lib/zookeeper/bin/cli_mt", "-h"]);
    converse(command, &client("c/cli_mt.session"));
}

/// go-zookeeper's functions for four-letter words.
#[test]
fn go_words() {
    let setup = Setup::new(Kind::under_test()).config("4lw.commands.whitelist", "*");
    run_on(Service::start(setup, Shape::under_test()), Command::new(installed("go/words")), 0);
}

#[test]
fn rust_session() {
    run(Command::new(installed("rust/debug/paddock-test-rust-client")), 1);
}

#[test]
fn node_session() {
    let mut command = Command::new("node");
    command.env("NODE_PATH", installed("node/node_modules")).arg(client("node/session.js"));
    run(command, 1);
}

//! The test suites that other clients ship, unchanged, on this server. `tests/SUITES.md` has the table.
//!
//! Suites that start ZooKeeper themselves do it with `java`; `tests/standin/java` is first on their PATH. The others get
//! a server of their own. What does not pass is in `tests/clients/suites/<suite>.expected`, with its reason.
//! `PADDOCK_TEST_SERVER=zookeeper` runs the suites on Debian's ZooKeeper, and `PADDOCK_TEST_SHAPE` on three servers: `follower`
//! through one that follows, `three` with all of them in the connect string, where a suite can be given that.
mod expected;
mod outcome;
mod process;

use expected::{hanging, judge};
use outcome::{of_junit, of_libtest, of_tap};
use paddock_tests::installed::installed;
use paddock_tests::server::{Kind, Setup, free_ports};
use paddock_tests::service::{Service, Shape};
use process::{Workplace, starts_servers};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the suites are run on.
fn under_test() -> (Kind, Shape) {
    (Kind::under_test(), Shape::under_test())
}

/// A test that takes longer hangs.
const TEST_LIMIT_S: &str = "120";

/// pytest on a package's own tests, with the report going to `report.xml`.
fn pytest(workplace: &Workplace, tests: &Path) -> Command {
    let mut command = Command::new(installed("venv/bin/python"));
    command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "--timeout", TEST_LIMIT_S]);
    command.arg("--junitxml").arg(workplace.path("report.xml")).arg("--rootdir").arg(tests);
    command.current_dir(workplace.path("."));
    command
}

fn judge_pytest(suite: &str, on: (Kind, Shape), workplace: &Workplace, command: &mut Command) {
    let said = workplace.run(command);
    let report = std::fs::read_to_string(workplace.path("report.xml"));
    let report = report.unwrap_or_else(|error| panic!("no report: {error}; pytest said:\n{}", said.tail()));
    judge(suite, on, &of_junit(&report), &said.tail());
}

/// A directory of a package in the virtual environment.
fn package(name: &str) -> PathBuf {
    let library = installed("venv/lib");
    let versions = std::fs::read_dir(&library).expect("it was just found");
    let python = versions.map_while(Result::ok).find(|entry| entry.file_name().to_string_lossy().starts_with("python"));
    let path = python.expect("a virtual environment has one python").path().join("site-packages").join(name);
    assert!(path.exists(), "{} is missing: run `cargo xtask clients` first", path.display());
    path
}

/// The harness of kazoo, which zk-shell uses too: one server or three, started with `java`.
fn kazoo_harness(command: &mut Command, (kind, shape): (Kind, Shape)) {
    let version = match kind {
        Kind::Paddock => "3.9.5",
        Kind::ZooKeeper => "3.8.0",
    };
    // The first server's ports begin at the offset, the next one's ten later.
    let (size, ports) = match shape {
        Shape::Alone | Shape::Follower => (1, 10),
        Shape::Three => (3, 30),
    };
    starts_servers(command, kind, shape);
    // What they call CI is where the version is known beforehand, and checked.
    command.env("CI", "true").env("ZOOKEEPER_VERSION", version).env("ZOOKEEPER_CLUSTER_SIZE", size.to_string());
    command.env("ZOOKEEPER_PORT_OFFSET", free_ports(ports).to_string());
}

/// kazoo's recipes, its locks, and its handlers, which do once more with eventlet and gevent what the others do with
/// threads: parts of the suite that run beside each other.
const KAZOO_RECIPES: [&str; 8] = [
    "test_barrier.py",
    "test_cache.py",
    "test_counter.py",
    "test_election.py",
    "test_partitioner.py",
    "test_party.py",
    "test_queue.py",
    "test_watchers.py",
];
const KAZOO_LOCKS: [&str; 2] = ["test_lease.py", "test_lock.py"];
const KAZOO_HANDLERS: [&str; 2] = ["test_eventlet_handler.py", "test_gevent_handler.py"];

/// Runs one part of kazoo's suite; what none of the others has is the part `kazoo`.
fn kazoo_part(part: &str, files: &[&str], on: (Kind, Shape)) {
    let workplace = Workplace::new(part);
    let tests = package("kazoo/tests");
    let mut command = pytest(&workplace, &tests);
    if files.is_empty() {
        command.arg(&tests);
        for file in KAZOO_RECIPES.iter().chain(&KAZOO_LOCKS).chain(&KAZOO_HANDLERS) {
            command.arg("--ignore").arg(tests.join(file));
        }
    }
    command.args(files.iter().map(|file| tests.join(file)));
    for test in hanging(part, on) {
        // `module.Class::test`, and pytest calls it `module.py::Class::test`.
        command.arg("--deselect").arg(test.replacen('.', ".py::", 1));
    }
    kazoo_harness(&mut command, on);
    judge_pytest(part, on, &workplace, &mut command);
}

#[test]
fn kazoo() {
    kazoo_part("kazoo", &[], under_test());
}

#[test]
fn kazoo_recipes() {
    kazoo_part("kazoo_recipes", &KAZOO_RECIPES, under_test());
}

#[test]
fn kazoo_locks() {
    kazoo_part("kazoo_locks", &KAZOO_LOCKS, under_test());
}

/// What the test run has of suites on three servers; `cargo xtask suites` has the others.
#[test]
fn kazoo_locks_on_three_servers() {
    kazoo_part("kazoo_locks", &KAZOO_LOCKS, (Kind::under_test(), Shape::Three));
}

/// A server alone says that it is none of an ensemble, so that on one server these are among what is expected to fail.
#[test]
fn kazoo_reconfig_on_three_servers() {
    kazoo_part("kazoo_reconfig", &["test_client.py::TestReconfig"], (Kind::under_test(), Shape::Three));
}

#[test]
fn kazoo_handlers() {
    kazoo_part("kazoo_handlers", &KAZOO_HANDLERS, under_test());
}

#[test]
fn zk_shell() {
    let (on, workplace) = (under_test(), Workplace::new("zk_shell"));
    let tests = package("zk_shell/tests");
    let mut command = pytest(&workplace, &tests);
    command.arg(&tests);
    kazoo_harness(&mut command, on);
    judge_pytest("zk_shell", on, &workplace, &mut command);
}

#[test]
fn aiozk() {
    let (on, workplace) = (under_test(), Workplace::new("aiozk"));
    // As in its own docker/zoo.cfg.
    let service = Service::start(Setup::new(on.0).config("skipACL", "yes"), on.1);
    let tests = package("aiozk/test");
    let mut command = pytest(&workplace, &tests);
    command.arg(&tests).args(["-o", "asyncio_mode=auto"]);
    // The tests put a colon between the two, so that other servers may stand before it.
    let connect_string = service.connect_string();
    let (host, port) = connect_string.rsplit_once(':').expect("a server has a port");
    command.env("ZK_HOST", host).env("ZK_PORT", port);
    judge_pytest("aiozk", on, &workplace, &mut command);
}

/// The package zookeeper of npm: the C client, and everything it does with a server.
#[test]
fn node_zookeeper() {
    let (on, workplace) = (under_test(), Workplace::new("node_zookeeper"));
    let service = Service::start(Setup::new(on.0), on.1);
    let directory = installed("suites/node/zookeeper");
    let mut command = Command::new(installed("suites/node/node_modules/.bin/ava"));
    // One file at a time: they share paths.
    command.args(["--tap", "--concurrency=1", "./tests/unit/**/*.js", "./tests/integration/*.js", "--"]);
    command.arg(service.connect_string()).current_dir(directory).env("CI", "true");
    let said = workplace.run(&mut command);
    judge("node_zookeeper", on, &of_tap(&said.stdout), &said.tail());
}

/// Where a suite writes the one address itself that it connects to, it is run as on one server: in this shape.
fn with_one_address((kind, shape): (Kind, Shape)) -> (Kind, Shape) {
    (kind, if shape == Shape::Three { Shape::Follower } else { shape })
}

/// Its tests start each server in a container, for which `tests/standin/testcontainers` stands in.
#[test]
fn zookeeper_client() {
    let (on, workplace) = (with_one_address(under_test()), Workplace::new("zookeeper_client"));
    let mut command = Command::new(installed("suites/rust/zookeeper-client-tests"));
    command.arg("--test-threads=4").current_dir(workplace.path("."));
    let said = workplace.run(starts_servers(&mut command, on.0, on.1));
    judge("zookeeper_client", on, &of_libtest(&said.stdout), &said.tail());
}

/// Its tests are in the library, and know one address only: 127.0.0.1:2181, which a network of its own has free.
#[test]
fn tokio_zookeeper() {
    let (on, workplace) = (with_one_address(under_test()), Workplace::new("tokio_zookeeper"));
    let config = workplace.path("zoo.cfg");
    let data = workplace.path("data");
    let text = format!("dataDir={}\nclientPort=2181\nclientPortAddress=127.0.0.1\n", data.display());
    std::fs::write(&config, text + "4lw.commands.whitelist=*\nadmin.enableServer=false\n").expect("it is writable");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "sh", "-c", TOKIO_ZOOKEEPER, "sh"]);
    command.arg(&config).arg(installed("suites/rust/tokio-zookeeper-tests"));
    let said = workplace.run(starts_servers(&mut command, on.0, on.1));
    judge("tokio_zookeeper", on, &of_libtest(&said.stdout), &said.tail());
}

/// Starts the server with the configuration `$1`, waits until it answers, and runs the program `$2`, which starts each
/// test with an empty tree and so cannot run two at the same time.
const TOKIO_ZOOKEEPER: &str = r#"
set -eu
ip link set lo up
java -cp "$ZOOKEEPER_CLASSPATH" org.apache.zookeeper.server.quorum.QuorumPeerMain "$1" >"$1.log" 2>&1 &
python3 -c '
import socket, time
end = time.monotonic() + 60
def serves():
    try:
        asked = socket.create_connection(("127.0.0.1", 2181), timeout=0.5)
        asked.send(b"srvr")
        return b"Mode:" in asked.makefile("rb").read()
    except OSError:
        return False
while not serves():
    assert time.monotonic() < end, "the server does not serve"
'
"$2" --test-threads=1
"#;

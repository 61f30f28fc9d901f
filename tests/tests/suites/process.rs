//! A suite's own runner as a process with a time limit, which takes everything it started with it when it ends.
use paddock_tests::installed::{class_path, source};
use paddock_tests::server::{Kind, TempDir, paddock, poll_until};
use paddock_tests::service::Shape;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The longest suite takes three minutes on two cores.
const LIMIT: Duration = Duration::from_secs(600);
/// Jars of a ZooKeeper with TLS, beside those that its own manifest names.
const SERVER_JARS: [&str; 5] =
    ["zookeeper", "netty-codec", "netty-resolver", "netty-transport-native-unix-common", "slf4j-simple"];

/// The environment in which somebody's tests start servers: where they say `java`, the server under test starts. Where they
/// start one and know a follower by that, `tests/standin/follower` starts two more, of Paddock only.
pub fn starts_servers(command: &mut Command, kind: Kind, shape: Shape) -> &mut Command {
    command.env("ZOOKEEPER_CLASSPATH", class_path(&SERVER_JARS));
    assert!(
        kind == Kind::Paddock || shape != Shape::Follower,
        "of ZooKeeper, nothing starts a follower in place of a server"
    );
    if kind == Kind::Paddock {
        let mut path = OsString::from(source("standin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        command.env("PATH", path);
        match shape {
            Shape::Follower => {
                command.env("PADDOCK_BIN", source("standin/follower")).env("PADDOCK_BIN_BEHIND", paddock())
            }
            Shape::Alone | Shape::Three => command.env("PADDOCK_BIN", paddock()),
        };
    }
    command
}

/// Where a suite runs, with everything it leaves behind.
pub struct Workplace {
    directory: TempDir,
}

impl Workplace {
    pub fn new(suite: &str) -> Workplace {
        Workplace { directory: TempDir::new(suite) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs the command to its end, however it ends, and returns what it said.
    pub fn run(&self, command: &mut Command) -> Said {
        let create = |path: &Path| File::create(path).expect("the temporary directory is writable");
        let (stdout, stderr) = (self.path("stdout"), self.path("stderr"));
        command.env("TMPDIR", self.directory.path()).env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::null()).stdout(create(&stdout)).stderr(create(&stderr));
        let mut child = command.process_group(0).spawn();
        let child = child.as_mut().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let status = poll_until(LIMIT, || child.try_wait().expect("a child can be waited for"));
        let group = format!("kill -KILL -{} 2>/dev/null", child.id());
        // Nothing is left in the group when the suite has ended well.
        drop(Command::new("sh").args(["-c", &group]).status());
        let read = |path| String::from_utf8_lossy(&fs::read(path).expect("it was created above")).into_owned();
        let said = Said { stdout: read(&stdout), stderr: read(&stderr) };
        assert!(status.is_some(), "{command:?} did not end in {LIMIT:?}; it said:\n{}", said.tail());
        said
    }
}

/// What a runner wrote. Apart, for a client's log on standard error may end in the middle of a line, and the report on
/// standard output would go on there.
pub struct Said {
    pub stdout: String,
    stderr: String,
}

impl Said {
    /// The ends of both, as much as one reads.
    pub fn tail(&self) -> String {
        format!("{}\n--- its standard error:\n{}", tail(&self.stdout), tail(&self.stderr))
    }
}

fn tail(text: &str) -> String {
    const LINES: usize = 300;
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

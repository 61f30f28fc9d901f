use crate::{Said, packaging, said};
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, TempDir, four_letter_word, paddock, poll_until};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What operators set; a test sets what it is about.
const VARIABLES: [&str; 7] = [
    "ZOOCFG",
    "ZOOPIDFILE",
    "JVMFLAGS",
    "SERVER_JVMFLAGS",
    "CLIENT_JVMFLAGS",
    "ZOO_DATADIR_AUTOCREATE_DISABLE",
    "JMXPORT",
];

/// Where a test has another PID file, beside the logs.
const OTHER_PID_FILE: &str = "run/pid";

/// A server that only the scripts start and stop. What they have started ends with the value.
struct Home {
    server: Server,
    logs: TempDir,
}

impl Home {
    fn new() -> Home {
        Home { server: Setup::new(Kind::Paddock).prepare(), logs: TempDir::new("scripts") }
    }

    fn script(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new(packaging("scripts").join(name));
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        let config = self.server.config_path();
        command.env("ZOOCFGDIR", config.parent().expect("it lies in a directory")).env("ZOO_LOG_DIR", self.logs.path());
        command.env("PADDOCK", paddock()).args(words);
        command
    }

    fn run(&self, name: &str, words: &[&str]) -> Said {
        said(&mut self.script(name, words))
    }

    /// One of the verbs of zkServer.sh: stdout and the exit code.
    fn verb(&self, verb: &str) -> (String, Option<i32>) {
        let said = self.run("zkServer.sh", &[verb]);
        let config = format!("Using config: {}\n", self.server.config_path().display());
        assert!(said.err.starts_with(&config), "{}", said.err);
        (said.out, said.code)
    }

    fn pid_file(&self) -> PathBuf {
        self.server.data_dir().join("zookeeper_server.pid")
    }

    fn wait_until_serving(&self) {
        let serves = || {
            let answer = four_letter_word(self.server.address(), "srvr", DEADLINE).ok()?;
            answer.contains("Mode: ").then_some(())
        };
        assert!(poll_until(DEADLINE, serves).is_some(), "the server does not serve");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let files = [self.pid_file(), self.logs.path().join(OTHER_PID_FILE)];
        for pid in files.iter().filter_map(|file| fs::read_to_string(file).ok()) {
            // It may have ended, which is what is wanted.
            drop(Command::new("kill").args(["-9", &pid]).status());
        }
    }
}

#[test]
fn a_server_is_started_looked_at_and_stopped() {
    let home = Home::new();
    let (good, bad) = (Some(0), Some(1));
    assert_eq!(home.verb("start"), ("Starting zookeeper ... STARTED\n".to_owned(), good));
    let pid = fs::read_to_string(home.pid_file()).expect("the file is written");
    assert!(pid.bytes().all(|byte| byte.is_ascii_digit()), "{pid:?}");
    home.wait_until_serving();
    let found =
        format!("Client port found: {}. Client address: 127.0.0.1. Client SSL: false.\n", home.server.address().port());
    assert_eq!(home.verb("status"), (found.clone() + "Mode: standalone\n", good));
    let again = format!("Starting zookeeper ... already running as process {pid}.\n");
    assert_eq!(home.verb("start"), (again, bad));

    let stopped = "Stopping zookeeper ... STOPPED\n";
    assert_eq!(home.verb("restart"), (format!("{stopped}Starting zookeeper ... STARTED\n"), good));
    assert_ne!(fs::read_to_string(home.pid_file()).expect("the file is written"), pid);
    home.wait_until_serving();
    assert_eq!(home.verb("stop"), (stopped.to_owned(), good));
    assert!(!home.pid_file().exists());
    let none =
        format!("Stopping zookeeper ... no zookeeper to stop (could not find file {})\n", home.pid_file().display());
    assert_eq!(home.verb("stop"), (none, good));
    assert_eq!(home.verb("status"), (found + "Error contacting service. It is probably not running.\n", bad));

    let logs: Vec<_> = fs::read_dir(home.logs.path()).expect("it is there").collect();
    let [Ok(log)] = &logs[..] else { panic!("there is one log: {logs:?}") };
    assert!(log.file_name().to_str().is_some_and(|name| name.starts_with("zookeeper-") && name.ends_with(".out")));
    let text = fs::read_to_string(log.path()).expect("it is readable");
    assert_eq!(text.matches("listening on").count(), 1, "a start begins the log anew: {text}");
}

#[test]
fn a_server_that_cannot_start_is_told_of() {
    let home = Home::new();
    home.server.configure("tickTime", Some("never".as_ref()));
    let said = home.run("zkServer.sh", &["start"]);
    assert_eq!((said.out.as_str(), said.code), ("Starting zookeeper ... FAILED TO START\n", Some(1)));
    assert!(said.err.contains("ERROR") && said.err.contains("tickTime"), "{}", said.err);
    assert!(!home.pid_file().exists());
    let code = home.run("zkServer.sh", &["start-foreground"]).code;
    assert_eq!(code, Some(2), "the server's own");
}

#[test]
fn what_operators_set_is_heeded() {
    let home = Home::new();
    let other = home.logs.write("other.cfg", b"clientPort=1\n");
    let other = other.to_str().expect("UTF-8");
    let dir = home.logs.path().to_str().expect("UTF-8");
    for words in [&["--config", dir, "print-cmd", "other.cfg"][..], &["print-cmd", other]] {
        let mut script = home.script("zkServer.sh", words);
        let said = said(script.env("SERVER_JVMFLAGS", "-Da=b").env("ZOO_DATADIR_AUTOCREATE_DISABLE", "yes"));
        let program = paddock();
        let program = program.display();
        let begin =
            format!("SERVER_JVMFLAGS=\"-Da=b\" \"{program}\" serve -Dzookeeper.datadir.autocreate=false \"{other}\"");
        assert!(said.out.starts_with(&begin), "{}", said.out);
    }
    let mut script = home.script("zkServer.sh", &["start"]);
    let missing = said(script.env("ZOO_DATADIR_AUTOCREATE_DISABLE", "yes"));
    let data = home.server.data_dir();
    let told = format!("ZooKeeper data directory is missing at {} fix the path or run initialize\n", data.display());
    assert_eq!((missing.out, missing.code), (told, Some(1)));

    let env = format!("SERVER_JVMFLAGS=-Dzookeeper.noSuchSetting=7\nZOOPIDFILE=$ZOO_LOG_DIR/{OTHER_PID_FILE}\n");
    fs::write(home.server.config_path().with_file_name("zookeeper-env.sh"), env).expect("it is writable");
    assert_eq!(home.verb("start").1, Some(0));
    home.wait_until_serving();
    assert_eq!(home.verb("stop").1, Some(0), "the PID file is found");
    assert!(!home.pid_file().exists() && home.logs.path().join("run").is_dir());
    let log = fs::read_dir(home.logs.path())
        .expect("it is there")
        .flatten()
        .find(|file| file.file_name().to_string_lossy().ends_with(".out"));
    let log = fs::read_to_string(log.expect("there is a log").path()).expect("it is readable");
    assert!(log.contains("SERVER_JVMFLAGS") && log.contains("noSuchSetting"), "what is not known is warned of: {log}");
}

#[test]
fn the_shell_takes_zkclis_arguments() {
    let home = Home::new();
    assert_eq!(home.verb("start").1, Some(0));
    home.wait_until_serving();
    let at = home.server.connect_string();
    let dir = home.server.config_path();
    let dir = dir.parent().and_then(|dir| dir.to_str()).expect("UTF-8");
    let made = home.run("zkCli.sh", &["-server", &at, "create", "/a", "two words"]);
    assert_eq!((made.err.as_str(), made.code), ("Created /a\n", Some(0)), "{}", made.out);
    // Flags of the command, and what the shell has of its own, are the command's.
    let told = home.run("zkCli.sh", &["--config", dir, "-timeout", "20000", "-server", &at, "get", "-s", "/a"]);
    assert!(told.out.contains("\ntwo words\n") && told.out.contains("\ndataLength = 9\n"), "{told:?}");
    let wrong = home.run("zkCli.sh", &["-server", &at, "get", "--json", "/a"]);
    let why = "org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: --json\n";
    assert_eq!((wrong.err.as_str(), wrong.code), (why, Some(1)));
    assert_eq!(home.run("zkCli.sh", &["-server", &at, "nonsense"]).code, Some(127));
    assert_eq!(home.verb("stop").1, Some(0));
}

#[test]
fn other_verbs() {
    let home = Home::new();
    let (version, code) = home.verb("version");
    assert!(
        version.starts_with("Apache ZooKeeper, version 3.9.5-paddock-") && version.ends_with(" UTC\n"),
        "{version}"
    );
    assert_eq!((code, version.lines().count()), (Some(0), 1));
    assert_eq!(home.verb("print-classpath"), ("CLASSPATH=\n".to_owned(), Some(0)));
    let said = home.run("zkServer.sh", &["fly"]);
    let usage = "{start|start-foreground|stop|version|restart|status|print-cmd}\n";
    assert!(said.err.ends_with(usage) && said.err.contains("\nUsage: "), "{}", said.err);
    assert_eq!((said.out.as_str(), said.code), ("", Some(0)));
}

#[test]
fn a_server_that_never_had_data_is_initialized() {
    let home = Home::new();
    let data = home.server.data_dir();
    let initialize = |words: &[&str]| home.run("zkServer-initialize.sh", words);
    let said = initialize(&["--myid=3"]);
    assert_eq!((said.out.as_str(), said.code), ("Using myid of 3\n", Some(0)), "{}", said.err);
    assert_eq!(fs::read_to_string(data.join("myid")).expect("it is written"), "3\n");
    let again = initialize(&[]);
    assert!(again.out.contains("data directory already exists at") && again.code == Some(1), "{again:?}");
    assert_eq!(home.verb("start").1, Some(0), "an empty version-2 is no data of a ZooKeeper");
    home.wait_until_serving();
    let held = initialize(&["--force"]);
    assert!(held.err.contains("is in use by process") && held.code == Some(1), "{held:?}");
    assert_eq!(home.verb("stop").1, Some(0));
    let forced = initialize(&["--force"]);
    let told = format!(
        "Force enabled, data/txnlog directories will be re-initialized\nNo myid provided, be sure to specify it in {} if using \
         non-standalone\n",
        data.join("myid").display()
    );
    assert_eq!((forced.out, forced.code), (told, Some(0)));
    assert!(!data.join("paddock-1").exists() && data.join("initialize").exists());
}

#[test]
fn the_scripts_are_plain() {
    let scripts = fs::read_dir(packaging("scripts")).expect("it is there");
    let mut count = 0;
    for script in scripts {
        let path = script.expect("it can be listed").path();
        let done = said(Command::new("sh").arg("-n").arg(&path));
        assert_eq!(done.code, Some(0), "{}: {}", path.display(), done.err);
        let text = fs::read_to_string(&path).expect("it is readable");
        assert!(!text.contains("[[ ") && !text.contains("function "), "{} is for bash", path.display());
        count += 1;
    }
    assert_eq!(count, 9);
}

/// Every script that is installed, as another pair of eyes sees it.
#[test]
fn a_linter_finds_nothing_in_the_scripts() {
    let scripts = fs::read_dir(packaging("scripts")).expect("it is there");
    let scripts = scripts.map(|script| script.expect("it can be listed").path());
    let others = ["container/docker-entrypoint.sh", "debian/postinst", "debian/prerm", "debian/postrm"].map(packaging);
    let mut shellcheck = Command::new("shellcheck");
    // What is only a matter of style is ours.
    shellcheck.args(["--external-sources", "--source-path=SCRIPTDIR", "--severity=warning"]);
    let found = said(shellcheck.args(scripts).args(others));
    assert_eq!((found.out.as_str(), found.code), ("", Some(0)), "{}", found.err);
}

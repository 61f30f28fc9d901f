//! `paddock demo` as a person has it, without a terminal: servers that elect a leader, lose it, and are gone at the end.
use paddock_tests::server::{DEADLINE, TempDir, four_letter_word, paddock, poll_until};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A demo whose temporary directory is the test's.
struct Demo {
    process: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    base: TempDir,
}

impl Demo {
    fn start(arguments: &[&str]) -> Demo {
        let base = TempDir::new("demo");
        let mut command = Command::new(paddock());
        command.arg("demo").args(arguments).env("TMPDIR", base.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("it starts");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Demo { process, lines, said: Vec::new(), base }
    }

    /// The next line that has all of these.
    fn wait_for(&mut self, wanted: &[&str]) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|error| panic!("no {wanted:?} ({error}) after {:#?}", self.said));
            self.said.push(line.clone());
            if wanted.iter().all(|wanted| line.contains(wanted)) {
                return line;
            }
        }
    }

    /// The number of the next leader.
    fn wait_for_leader(&mut self, after: &str) -> usize {
        let line = self.wait_for(&[" leads, ", after]);
        let number = line.split("server ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        number.unwrap_or_else(|| panic!("{line}"))
    }

    fn order(&mut self, line: &str) {
        let input = self.process.stdin.as_mut().expect("it is open");
        writeln!(input, "{line}").expect("it reads");
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id();
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().expect("sh runs");
        assert!(sent.success(), "SIG{name}");
    }

    /// The processes of the servers, which say where their files are.
    fn servers(&self) -> Vec<PathBuf> {
        let base = self.base.path().to_str().expect("text").to_owned();
        let processes = fs::read_dir("/proc").expect("Linux has it").flatten().map(|entry| entry.path());
        let is_server = |path: &PathBuf| {
            let command = fs::read(path.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains(&base)
        };
        processes.filter(is_server).collect()
    }

    fn wait_until_no_server_is_left(&self) {
        let gone = poll_until(DEADLINE, || self.servers().is_empty().then_some(()));
        assert!(gone.is_some(), "{:?}", self.servers());
    }

    fn end(&mut self) -> ExitStatus {
        let ended = poll_until(DEADLINE, || self.process.try_wait().expect("a child can be waited for"));
        ended.unwrap_or_else(|| panic!("it does not end; it has said {:#?}", self.said))
    }

    /// What lies where the demo makes its directory.
    fn left(&self) -> Vec<PathBuf> {
        fs::read_dir(self.base.path()).expect("it is there").flatten().map(|entry| entry.path()).collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Then it has ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_leader_is_killed_and_another_leads_and_nothing_is_left_in_the_end() {
    let mut demo = Demo::start(&[]);
    let connect = demo.wait_for(&["zkCli.sh -server "]);
    let addresses: Vec<SocketAddr> =
        connect.split("-server ").flat_map(|list| list.split(',')).filter_map(|address| address.parse().ok()).collect();
    assert_eq!(addresses.len(), 3, "{connect}");
    let first = demo.wait_for_leader("after the start");
    assert_eq!(demo.servers().len(), 3);
    demo.order("l");
    demo.wait_for(&[&format!("server {first} was killed; it led")]);
    let second = demo.wait_for_leader(&format!("after server {first} was killed"));
    assert_ne!(first, second);
    let said = four_letter_word(addresses[second - 1], "srvr", DEADLINE).expect("it serves");
    assert!(said.contains("\nMode: leader\n"), "{said}");
    demo.order(&first.to_string());
    demo.wait_for(&[&format!("server {first} follows, "), " after its start"]);
    demo.order("lead me");
    demo.wait_for(&["\"lead me\" is no order"]);
    demo.order("s");
    demo.wait_for(&[&format!("server {second} has stopped")]);
    demo.signal("TERM");
    assert!(demo.end().success());
    assert_eq!(demo.servers(), [""; 0].map(PathBuf::from));
    assert_eq!(demo.left(), [""; 0].map(PathBuf::from));
}

#[test]
fn no_server_outlives_a_demo_that_is_killed() {
    let mut demo = Demo::start(&["2"]);
    demo.wait_for_leader("after the start");
    assert_eq!(demo.servers().len(), 2);
    demo.signal("KILL");
    demo.end();
    demo.wait_until_no_server_is_left();
}

#[test]
fn what_is_kept_can_be_started_again() {
    let mut demo = Demo::start(&["1", "--keep"]);
    demo.wait_for_leader("after the start");
    drop(demo.process.stdin.take());
    let command = demo.wait_for(&[" serve "]);
    assert!(demo.end().success());
    assert_eq!(demo.servers(), [""; 0].map(PathBuf::from));
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut again = Command::new(words[0]);
    again.args(&words[1..]).args(["--until-stdin-ends"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut again = again.spawn().expect("it is a command");
    let log = BufReader::new(again.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    let said: Vec<String> = log
        .inspect(|line| {
            if line.contains("listening on ") {
                drop(again.stdin.take());
            }
        })
        .collect();
    assert!(again.wait().expect("a child").success(), "{said:#?}");
    assert!(said.last().is_some_and(|line| line.ends_with(" stopped")), "{said:#?}");
}

#[test]
fn what_cannot_be_done_is_told_in_one_sentence() {
    let base = TempDir::new("demo");
    let file = base.write("file", b"");
    let missing = base.path().join("missing");
    for (arguments, tmpdir, told, code) in [
        (&["demo"][..], &missing, "cannot be made: No such file or directory", 1),
        (&["demo"], &file, "have TMPDIR name a directory that can be written to", 1),
        (&["demo", "8"], &missing, "8 is not in 1..=7", 2),
    ] {
        let done = Command::new(paddock()).args(arguments).env("TMPDIR", tmpdir).output().expect("it ends");
        let why = String::from_utf8_lossy(&done.stderr);
        assert!(why.contains(told) && why.lines().count() == 1, "{why}");
        assert_eq!((done.status.code(), done.stdout.len()), (Some(code), 0));
    }
}

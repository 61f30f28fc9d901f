//! A full disk: nothing is acknowledged, reads go on, and service comes back with the space.
use crate::{TIMEOUT_MS, setup};
use paddock_tests::client::{Client, Hello};
use paddock_tests::records::{err, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Server, command, four_letter_word, poll_until};
use paddock_tests::wire::Wire;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// How long a connection may be without a session once its client has ended it, ms.
const SESSIONLESS: &str = "zookeeper.nio.sessionlessCnxnTimeout";

/// A server on a file system of its own, seen by it alone but through /proc.
struct Small {
    server: Server,
    child: Child,
}

impl Small {
    fn start(megabytes: usize) -> Small {
        let server = setup().config("snapCount", "1000000").config("preAllocSize", "1024").prepare();
        std::fs::create_dir_all(server.data_dir()).expect("the directory is writable");
        let serve =
            command(&setup().property("preAllocSize", "1024").property(SESSIONLESS, "1000"), &server.config_path());
        let mut command = Command::new("unshare");
        let mount = format!("mount -t tmpfs -o size={megabytes}m tmpfs \"$0\" && exec \"$@\"");
        command.args(["--mount", "sh", "-c", &mount]).arg(server.data_dir());
        command.arg(serve.get_program()).args(serve.get_args()).stdin(Stdio::null());
        let log = std::fs::File::create(server.config_path().with_file_name("small.log")).expect("it is writable");
        command.stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("unshare runs");
        let small = Small { server, child };
        poll_until(DEADLINE, || small.word("srvr").filter(|answer| answer.contains("Mode:")))
            .unwrap_or_else(|| panic!("it does not serve:\n{}", small.log()));
        small
    }

    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    fn word(&self, word: &str) -> Option<String> {
        four_letter_word(self.address(), word, DEADLINE).ok()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.server.config_path().with_file_name("small.log")).unwrap_or_default()
    }

    /// Whether the log says this, which it may do a moment later than anything else.
    fn tells(&self, line: &str) -> bool {
        poll_until(DEADLINE, || self.log().contains(line).then_some(())).is_some()
    }

    /// A path of the server's own view.
    fn path(&self, name: &str) -> PathBuf {
        let data_dir = self.server.data_dir();
        let below = data_dir.strip_prefix("/").expect("an absolute path");
        PathBuf::from(format!("/proc/{}/root", self.child.id())).join(below).join(name)
    }

    fn connections(&self) -> usize {
        let told = self.word("mntr").expect("it is answered");
        let line = told.lines().find_map(|line| line.strip_prefix("zk_num_alive_connections\t"));
        line.and_then(|number| number.parse().ok()).expect("mntr tells it")
    }

    fn waits(&self) -> bool {
        self.word("mntr").is_some_and(|answer| answer.contains("zk_paddock_log_waits_for_space\t1"))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_full_disk_is_survived() {
    let small = Small::start(24);
    let ballast = small.path("ballast");
    // What is left is for two segments, but not for three.
    std::fs::write(&ballast, vec![1; 16 << 20]).expect("there is room");
    let mut writer = Client::connect(small.address(), TIMEOUT_MS).expect("it takes a client");
    let mut reader = Client::connect(small.address(), TIMEOUT_MS).expect("it takes a client");
    // Until the segments are full, and a little more than one group.
    let mut sent = 0;
    while !small.waits() {
        for _ in 0..10 {
            writer.queue(&Request::create(&format!("/{sent}"), &[7; 50_000], flags::PERSISTENT));
            sent += 1;
        }
        writer.flush().expect("it is taken");
        assert!(sent < 1_000, "the disk is never full:\n{}", small.log());
    }
    assert!(small.tells("writes wait and are not acknowledged"), "{}", small.log());
    assert_eq!(reader.call(&Request::exists("/0", false)).expect("reads go on").err, err::OK);
    assert!(small.waits());
    std::fs::remove_file(&ballast).expect("it is there");
    for _ in 0..sent {
        assert_eq!(writer.next_reply().expect("it goes on").err, err::OK);
    }
    assert!(!small.waits());
    assert!(small.tells("writes go on"), "{}", small.log());
}

/// Clients that wait for a session in vain give up and come again: none of them leaves a descriptor behind.
#[test]
fn clients_that_come_and_go_while_the_disk_is_full_leave_nothing_behind() {
    const CLIENTS: usize = 300;
    let small = Small::start(24);
    let ballast = small.path("ballast");
    std::fs::write(&ballast, vec![1; 16 << 20]).expect("there is room");
    let mut writer = Client::connect(small.address(), TIMEOUT_MS).expect("it takes a client");
    let mut sent = 0;
    while !small.waits() {
        for _ in 0..10 {
            writer.queue(&Request::create(&format!("/{sent}"), &[7; 50_000], flags::PERSISTENT));
            sent += 1;
        }
        writer.flush().expect("it is taken");
        assert!(sent < 1_000, "the disk is never full:\n{}", small.log());
    }
    for _ in 0..CLIENTS {
        Wire::open(small.address()).send(&Hello::new_session(TIMEOUT_MS).frame());
    }
    let few = poll_until(DEADLINE, || (small.connections() < CLIENTS / 10).then_some(()));
    assert!(few.is_some(), "{} connections are there:\n{}", small.connections(), small.log());
    std::fs::remove_file(&ballast).expect("it is there");
    for _ in 0..sent {
        assert_eq!(writer.next_reply().expect("it goes on").err, err::OK);
    }
    let mut late = Client::connect(small.address(), TIMEOUT_MS).expect("it takes a client");
    assert_eq!(late.call(&Request::exists("/0", false)).expect("it is served").err, err::OK);
}

#[test]
fn a_full_disk_does_not_keep_a_server_from_stopping() {
    let mut small = Small::start(24);
    std::fs::write(small.path("ballast"), vec![1; 16 << 20]).expect("there is room");
    let mut writer = Client::connect(small.address(), TIMEOUT_MS).expect("it takes a client");
    let mut sent = 0;
    while !small.waits() {
        for _ in 0..10 {
            writer.queue(&Request::create(&format!("/{sent}"), &[7; 50_000], flags::PERSISTENT));
            sent += 1;
        }
        writer.flush().expect("it is taken");
        assert!(sent < 1_000, "the disk is never full:\n{}", small.log());
    }
    let told = Command::new("kill").args(["-TERM", &small.child.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
    let child = &mut small.child;
    let status = poll_until(DEADLINE, || child.try_wait().expect("it can be waited for"));
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", small.log());
}

/// What a crash leaves of a snapshot takes no space from the log.
#[test]
fn an_unfinished_snapshot_is_removed_before_the_log_is_opened() {
    let mut server = setup().start();
    server.kill();
    let unfinished = crate::inside(&server.data_dir()).join("snapshot.tmp");
    std::fs::write(&unfinished, b"half").expect("it is writable");
    server.restart();
    assert!(!unfinished.exists());
}

//! `paddock ensemble`: what it makes of real servers, and of some that say nothing.
use crate::setup;
use paddock_tests::client::Client;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::installed::current_zookeeper;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, paddock};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// What it prints, what it says to people, and what it ends with.
fn ensemble(arguments: &[&str]) -> (String, String, Option<i32>) {
    let done = Command::new(paddock()).arg("ensemble").args(arguments).output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (text(&done.stdout), text(&done.stderr), done.status.code())
}

fn objects(told: &str) -> Vec<Value> {
    told.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// Makes a znode, so that there is a transaction and a sync of it.
fn write(server: &Server) {
    let mut client = Client::connect(server.address(), crate::TIMEOUT_MS).expect("a session");
    client.ok(&Request::create("/written", b"", flags::PERSISTENT));
    drop(client);
}

#[test]
fn servers_of_an_ensemble_are_told_of_side_by_side() {
    let members = Setup::new(Kind::Paddock).config("initLimit", "10").config("syncLimit", "5");
    let paddocks = Ensemble::start(members, 3);
    let leader = paddocks.wait_for_leader(&paddocks.places());
    write(paddocks.server(leader));
    let addresses: Vec<String> = paddocks.addresses().iter().map(ToString::to_string).collect();
    let (told, why, code) = ensemble(&["--json", &addresses.join(",")]);
    assert_eq!((why.as_str(), code), ("", Some(0)), "{told}");
    let servers = objects(&told);
    assert_eq!(servers.len(), 3);
    for (place, server) in servers.iter().enumerate() {
        assert_eq!(server["address"], addresses[place].as_str());
        assert_eq!(server["role"], if place == leader { "leader" } else { "follower" });
        assert!(server["epoch"].as_u64() > Some(0) && server["lag"].is_u64() && server["clients"].is_u64(), "{server}");
        assert!(server["sync_us"].as_f64() > Some(0.0) && server["outstanding"].is_u64(), "{server}");
        assert!(server["version"].as_str().is_some_and(|version| version.starts_with("3.9.5-paddock-")), "{server}");
        assert_eq!(server["error"], Value::Null);
    }
    assert_eq!(servers[leader]["lag"], 0);

    let file = paddocks.server(0).config_path();
    let file = file.to_str().expect("text");
    let follower = (leader + 1) % 3;
    paddocks.server(follower).kill();
    let (told, why, code) = ensemble(&["--once", &addresses[leader], &addresses[follower], file]);
    let rows: Vec<&str> = told.lines().collect();
    assert!(rows[0].starts_with("server ") && rows[0].ends_with(" version") && rows.len() == 4, "{told}");
    assert!(rows[1].contains(" leader ") && rows[2].contains(" no answer "), "{told}");
    assert!(why.contains(&format!("paddock: {}: it does not answer: ", addresses[follower])), "{why}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_zookeeper_is_told_of_like_a_paddock() {
    let theirs = Setup::new(Kind::ZooKeeper).class_path(current_zookeeper()).start();
    write(&theirs);
    let (told, why, code) = ensemble(&["--json", &theirs.connect_string()]);
    assert_eq!((why.as_str(), code), ("", Some(0)), "{told}");
    let server = &objects(&told)[0];
    assert_eq!((&server["role"], &server["version"]), (&"standalone".into(), &"3.9.5".into()));
    assert!(server["zxid"].as_str() > Some("0x0") && server["sync_us"].is_number(), "{server}");
    assert_eq!((&server["lag"], &server["outstanding"]), (&Value::Null, &0.into()), "nobody leads");
}

const MNTR: &str =
    "zk_version\t3.9.5\nzk_server_state\tfollower\nzk_outstanding_requests\t7\nzk_num_alive_connections\t3\n";

/// A server that knows these words, each with its answer, and refuses others.
fn stand_in(words: &'static [(&'static str, &'static str)]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.expect("somebody asks");
            let mut word = String::new();
            client.read_to_string(&mut word).expect("the question ends");
            let known = words.iter().find(|(known, _)| *known == word).map(|(_, answer)| (*answer).to_owned());
            let answer = known.unwrap_or(format!("{word} is not executed because it is not in the whitelist.\n"));
            client.write_all(answer.as_bytes()).expect("it is read");
        }
    });
    address
}

#[test]
fn words_that_are_not_allowed_cost_columns_or_the_row_and_no_more() {
    // srvr is always allowed, as in ZooKeeper, but not in every server that speaks as it does.
    let few = setup().config("4lw.commands.whitelist", "ruok").start();
    let mntr = stand_in(&[("mntr", MNTR)]);
    let neither = stand_in(&[("ruok", "imok")]);
    let addresses = format!("{},{mntr},{neither}", few.connect_string());
    let (told, why, code) = ensemble(&["--json", &addresses]);
    let told = objects(&told);
    let (few, mntr, neither) = (&told[0], &told[1], &told[2]);
    assert_eq!((&few["role"], &few["sync_us"]), (&"standalone".into(), &Value::Null));
    assert!(few["zxid"].is_string() && few["clients"].is_u64(), "{few}");
    assert_eq!((&mntr["role"], &mntr["zxid"]), (&"follower".into(), &Value::Null));
    assert_eq!((&mntr["outstanding"], &mntr["clients"], &mntr["version"]), (&7.into(), &2.into(), &"3.9.5".into()));
    assert_eq!(neither["role"], Value::Null);
    assert!(neither["error"].as_str().is_some_and(|why| why.contains("srvr is not executed because")), "{neither}");
    assert!(why.lines().count() == 1 && why.contains("it is not in the whitelist") && code == Some(1), "{why}");
}

#[test]
fn a_server_that_hangs_does_not_hide_the_others() {
    let server = setup().start();
    // It takes connections, as the kernel does for it, and nobody answers.
    let hanging = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = hanging.local_addr().expect("it is bound").to_string();
    let (told, why, code) = ensemble(&["--once", &address, &server.connect_string()]);
    let rows: Vec<&str> = told.lines().collect();
    assert!(rows[1].contains(" no answer ") && rows[2].contains(" standalone "), "{told}");
    assert!(why.contains("nothing whole has come within 5 s") && code == Some(1), "{why}");
}

/// The command on a terminal of 100 columns, which `script` makes.
struct OnTerminal {
    process: Child,
    chunks: Receiver<Vec<u8>>,
    shown: String,
}

impl OnTerminal {
    fn start(arguments: &str) -> OnTerminal {
        let line = format!("stty columns 100 rows 30; exec {} ensemble {arguments}", paddock().display());
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-c", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("util-linux has it");
        let mut output = process.stdout.take().expect("it is piped");
        let (sender, chunks) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(read @ 1..) = output.read(&mut chunk) {
                if sender.send(chunk[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        OnTerminal { process, chunks, shown: String::new() }
    }

    /// Waits until all of these are shown, in this order, behind what was waited for before.
    fn wait_for(&mut self, wanted: &[&str]) {
        for wanted in wanted {
            while !self.shown.contains(wanted) {
                let chunk = self.chunks.recv_timeout(DEADLINE);
                let chunk = chunk.unwrap_or_else(|error| panic!("no {wanted:?} ({error}) in {:?}", self.shown));
                self.shown += &String::from_utf8_lossy(&chunk);
            }
            let end = self.shown.find(wanted).expect("it was found") + wanted.len();
            self.shown.drain(..end);
        }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // It has ended where all went well.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_terminal_shows_changes_until_a_person_has_enough() {
    /// What the cursor and the screen are told, and what marks a line.
    const ENTER: &str = "\u{1b}[?1049h";
    const LEAVE: &str = "\u{1b}[?1049l";
    const MARK: &str = "\u{1b}[7m";
    let mut server = setup().start();
    let address = server.connect_string();
    let mut view = OnTerminal::start(&address);
    view.wait_for(&[ENTER, "1 server", &address, " standalone "]);
    server.kill();
    view.wait_for(&[MARK, &address, " no answer ", ": since ", "it does not answer: "]);
    server.restart();
    view.wait_for(&[MARK, &address, " standalone "]);
    view.process.stdin.as_mut().expect("it is piped").write_all(b"q").expect("it reads keys");
    view.wait_for(&[LEAVE]);
    let status = view.process.wait().expect("it ends");
    assert!(status.success(), "{status}");
}

//! `paddock bench` and whoever reads what it prints.
use paddock_tests::client::Client;
use paddock_tests::records::err;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup, paddock};
use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};

fn bench(server: &Server, stdout: Stdio) -> Output {
    let address = server.connect_string();
    let words = ["bench", "--server", &address, "--root", "/bench", "--keys", "20", "-n", "50", "-c", "2"];
    let mut bench = Command::new(paddock());
    bench.args(words).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
    bench.output().expect("it ends")
}

fn assert_cleared(server: &Server) {
    let mut client = Client::connect(server.address(), 20_000).expect("a session");
    assert_eq!(client.code(&Request::exists("/bench", false)), err::NO_NODE, "its znodes are left");
}

#[test]
fn a_reader_that_goes_away_has_seen_enough() {
    let server = Setup::new(Kind::Paddock).start();
    let (reader, writer) = std::io::pipe().expect("there are descriptors");
    drop(reader);
    let done = bench(&server, writer.into());
    assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0));
    assert_cleared(&server);
}

#[test]
fn what_cannot_be_printed_is_told_when_the_znodes_are_gone() {
    let server = Setup::new(Kind::Paddock).start();
    let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let done = bench(&server, full.into());
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("cannot print the results") && !said.contains("panicked"), "{said}");
    assert_eq!(done.status.code(), Some(1));
    assert_cleared(&server);
}

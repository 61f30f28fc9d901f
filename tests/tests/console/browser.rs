//! Every part in headless Chromium, with 100,000 znodes in one parent and 5,000 sessions.
use crate::{Console, TIMEOUT_MS};
use paddock_tests::client::Client;
use paddock_tests::installed::{installed, source};
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::TempDir;
use std::path::PathBuf;
use std::process::Command;

const CHILDREN: usize = 100_000;
const SESSIONS: usize = 5_000;
/// Creations that are under way at a time.
const TOGETHER: usize = 1_000;
/// Of sessions that live on without a connection, ms.
const LONG_MS: i32 = 1_800_000;

fn fill(client: &mut Client) {
    client.ok(&Request::create("/lamps", b"", 0));
    for first in (0..CHILDREN).step_by(TOGETHER) {
        for child in first..first + TOGETHER {
            client.queue(&Request::create(&format!("/lamps/lamp-{child:06}"), b"on", 0));
        }
        client.flush().expect("they are sent");
        (0..TOGETHER).for_each(|_| assert_eq!(client.next_reply().expect("a reply").err, 0));
    }
    client.ok(&Request::create("/settings", br#"{"brightness":7,"note":"<script>document.title='x'</script>"}"#, 0));
    client.ok(&Request::get_data("/settings", true));
    client.ok(&Request::create("/cup", b"tea", 0));
}

/// Sessions that have lost their connections, each with an ephemeral: a process needs no thousands of sockets for them.
fn leave_sessions(console: &Console) {
    for number in 0..SESSIONS {
        let mut client = Client::connect(console.server.address(), LONG_MS).expect("handshake");
        client.ok(&Request::create(&format!("/ephemeral-{number:05}"), b"", flags::EPHEMERAL));
    }
}

/// Where pictures are kept if somebody wants them.
fn pictures(otherwise: &TempDir) -> PathBuf {
    std::env::var_os("PADDOCK_CONSOLE_PICTURES").map_or_else(|| otherwise.path().to_owned(), PathBuf::from)
}

#[test]
fn a_person_sees_every_part_on_a_phone_and_on_a_screen() {
    let console = Console::start_with(|setup| {
        let setup = setup.config("maxSessionTimeout", &LONG_MS.to_string()).config("maxClientCnxns", "0");
        setup.config("paddock.console.edit", "true")
    });
    let mut client = Client::connect(console.server.address(), TIMEOUT_MS * 30).expect("handshake");
    fill(&mut client);
    leave_sessions(&console);
    let dir = TempDir::new("console");
    let mut look = Command::new("node");
    look.env("NODE_PATH", installed("console/node_modules")).arg(source("clients/console/look.js"));
    let output = look.arg(format!("http://{}/console/", console.address)).arg(pictures(&dir)).output();
    let output = output.expect("node is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("LOOKED"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

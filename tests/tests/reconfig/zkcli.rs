//! What people type into zkCli.sh, whose client is that for administrators.

use crate::ensemble::{Ensemble, OBSERVER, PARTICIPANT};
use paddock_tests::server::Kind;
use std::io::Write;
use std::process::{Command, Stdio};

/// Types these lines, and returns all that it says.
fn converse(ensemble: &Ensemble, id: u32, lines: &str) -> String {
    let mut command = Command::new("/usr/share/zookeeper/bin/zkCli.sh");
    command.args(["-server", &ensemble.server(id).connect_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("Debian has a zkCli.sh");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(lines.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn people_change_an_ensemble() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let (at, changed) = (leader, leader % 3 + 1);
    let line = ensemble.line(changed, OBSERVER);
    let said = converse(&ensemble, at, "config\nreconfig -remove 7\nreconfig -remove x\n");
    assert!(said.contains(&ensemble.line(changed, PARTICIPANT)), "{said}");
    assert!(said.contains("Insufficient permission : "), "{said}");

    let said = converse(&ensemble, at, &format!("addauth digest super:test\nreconfig -s -add {line}\nconfig\n"));
    let told = said.split_once("Committed new configuration:").unwrap_or_else(|| panic!("{said}")).1;
    assert!(told.matches(&line).count() >= 2 && told.contains("dataVersion = -1"), "{said}");
    ensemble.wait_for_mode(changed, "observer");

    let said = converse(&ensemble, at, "addauth digest super:test\nreconfig -v 77777 -remove 1\n");
    assert!(said.contains("version No is not valid : "), "{said}");
    let absent = "server.8=127.0.0.1:1:2:participant;3,server.9=127.0.0.1:4:5:participant;6";
    let typed = format!("addauth digest super:test\nreconfig -add {absent},server.10=127.0.0.1:7:8:participant;9\n");
    let said = converse(&ensemble, at, &typed);
    assert!(said.contains("No quorum of new config is connected and up-to-date"), "{said}");
    ensemble.assert_content();
}

//! Events, credentials, a chroot, sessions that end.
use crate::said::{lines, shell};
use crate::start;
use paddock_tests::program::Program;
use paddock_tests::server::paddock;
use std::process::Command;

#[test]
fn watches_fire_once_and_persistent_ones_more_often() {
    let server = start();
    let at = server.connect_string();
    let script = "create /w x\nget -w /w\nset /w y\nset /w z\nls -w /w\ncreate /w/a\nstat -w /none\ncreate /none\n\
                  addWatch /w\nset /w/a 1\nset /w/a 2\nremovewatches /w -r\nset /w/a 3\nget /w\n";
    let said = lines(&["--server", &at, "--quiet"], script);
    assert_eq!(said.out, ["x", "[]", "z"]);
    let happened: Vec<String> = said
        .events
        .iter()
        .map(|event| {
            event.split(" zxid: ").next().unwrap_or_default().replace("WatchedEvent state:SyncConnected type:", "")
        })
        .collect();
    let expected = [
        "NodeDataChanged path:/w",
        "NodeChildrenChanged path:/w",
        "NodeCreated path:/none",
        "NodeDataChanged path:/w/a",
        "NodeDataChanged path:/w/a",
        "PersistentWatchRemoved path:/w",
    ];
    assert_eq!(happened, expected, "{said:#?}");
    assert_eq!(said.err, ["Created /w", "Created /w/a", "Node does not exist: /none", "Created /none"]);
    let silent = lines(&["--server", &at, "--quiet"], "printwatches off\nget -w /w\nset /w v\nget /w\n");
    assert_eq!((silent.out.len(), silent.events.len()), (2, 0));
}

#[test]
fn a_chroot_is_the_root() {
    let server = start();
    let at = server.connect_string();
    assert_eq!(shell(&["--server", &at, "create", "/app"]).code, Some(0));
    let inside = format!("{at}/app");
    let said = lines(
        &["--server", &inside, "--quiet"],
        "create -s /n- x\nls /\nget -w /n-0000000000\nset /n-0000000000 y\nls none\n",
    );
    assert_eq!(said.out, ["[n-0000000000]", "x"]);
    assert_eq!(said.err, ["Created /n-0000000000", "Path must start with / character"]);
    assert!(said.events[0].contains(" path:/n-0000000000 "), "{:?}", said.events);
    let said = shell(&["--server", &at, "--quiet", "ls", "/app"]);
    assert_eq!(said.out, ["[n-0000000000]"]);
}

#[test]
fn a_wrong_credential_ends_the_session() {
    let server = start();
    let said = lines(&["--server", &server.connect_string()], "addauth nosuch x\nsync /\nget /\n");
    assert!(said.events.iter().any(|event| event.contains("state:AuthFailed")), "{:?}", said.events);
    // The one that was on its way, or came just behind, is lost; the others find nobody.
    assert_eq!(said.out.last().map(String::as_str), Some("Not connected"), "{said:#?}");
}

#[test]
fn an_end_in_order_ends_the_session() {
    let server = start();
    let at = server.connect_string();
    let said = lines(&["--server", &at], "create -e /e\nquit\nget /\n");
    let last = said.events.last().map(String::as_str);
    assert_eq!(last, Some("WatchedEvent state:Closed type:None path:null zxid: -1"));
    assert_eq!((said.err, said.code), (vec!["Created /e".to_owned()], Some(0)));
    let said = shell(&["--server", &at, "--quiet", "stat", "/e"]);
    assert_eq!(said.err, ["Node does not exist: /e"]);
    // As with zkCli, an ephemeral of one command outlives it.
    assert_eq!(shell(&["--server", &at, "create", "-e", "/e"]).code, Some(0));
    assert_eq!(shell(&["--server", &at, "stat", "/e"]).code, Some(0));
}

#[test]
fn another_server_can_be_connected_to() {
    let (one, other) = (start(), start());
    let script =
        format!("create /one\nconnect {}\ncreate /other\nls /\nconnect nowhere:x\nls /\n", other.connect_string());
    let said = lines(&["--server", &one.connect_string(), "--quiet"], &script);
    assert_eq!(said.out, ["[other, zookeeper]"; 2]);
    assert_eq!(said.err, ["Created /one", "Created /other", "For input string: \"x\""]);
}

#[test]
fn a_session_outlives_its_server() {
    let mut server = start();
    let mut command = Command::new(paddock());
    command.args(["shell", "--timeout", "20000", "--server", &server.connect_string()]);
    let mut program = Program::start(command);
    program.wait_for("state:SyncConnected");
    program.type_line("addauth digest me:pw");
    program.type_line("create -e /e before auth::cdrwa");
    program.wait_for("Created /e");
    program.type_line("get -w /e");
    program.wait_for("before");
    server.kill();
    program.wait_for("state:Disconnected");
    server.restart();
    program.wait_for("state:SyncConnected");
    program.type_line("set /e after");
    program.wait_for("type:NodeDataChanged path:/e");
    program.type_line("get /e");
    program.wait_for("after");
    program.type_line("quit");
    program.finish();
}

//! tree, find, du, watch, top, export, import.
use crate::said::{lines, shell};
use crate::start;
use paddock_tests::server::{DEADLINE, Server, TempDir, paddock, poll_until};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A server with a few znodes.
fn planted() -> Server {
    let server = start();
    let script = "create /a data\ncreate /a/b two\ncreate /a/b/c\ncreate /a/d '\"'\ncreate /other x world:anyone:rw\n";
    let said = lines(&["--server", &server.connect_string(), "--quiet"], script);
    assert_eq!((said.err.len(), said.code), (5, Some(0)), "{said:#?}");
    server
}

#[test]
fn a_tree_has_a_shape() {
    let server = planted();
    let ask = |words: &[&str]| {
        let said = shell(&[&["--server", &server.connect_string(), "--quiet"][..], words].concat());
        assert_eq!((said.err.len(), said.code), (0, Some(0)), "{said:#?}");
        said.out
    };
    assert_eq!(ask(&["tree", "/a"]), ["/a", "├── b", "│   └── c", "└── d", "4 znodes"]);
    assert_eq!(
        ask(&["tree", "-d", "1", "-s", "/a"]),
        ["/a  (4 bytes)", "├── b  (3 bytes)", "└── d  (1 bytes)", "3 znodes"]
    );
    assert_eq!(ask(&["find", "-leaf", "/a"]), ["/a/b/c", "/a/d"]);
    assert_eq!(ask(&["find", "-larger", "2", "-name", "?", "/a"]), ["/a", "/a/b"]);
    let sums = ask(&["du", "-d", "2", "/a"]);
    let sums: Vec<Vec<&str>> = sums.iter().map(|line| line.split_whitespace().collect()).collect();
    let expected =
        [["bytes", "znodes", "path"], ["0", "1", "/a/b/c"], ["3", "2", "/a/b"], ["1", "1", "/a/d"], ["8", "4", "/a"]];
    assert_eq!(sums, expected);
}

#[test]
fn many_children_come_in_order() {
    let server = start();
    let script: String = (0..300).map(|number| format!("create /{number:03}\ncreate /{number:03}/x\n")).collect();
    let at = server.connect_string();
    assert_eq!(lines(&["--server", &at, "--quiet"], &script).code, Some(0));
    let said = shell(&["--server", &at, "--quiet", "find", "-name", "x", "/"]);
    let expected: Vec<String> = (0..300).map(|number| format!("/{number:03}/x")).collect();
    assert_eq!(said.out, expected);
    let said = shell(&["--server", &at, "--quiet", "-e", "deleteall /zookeeper/quota; deleteall /007 -b 1; ls /007"]);
    assert_eq!(said.err.last().map(String::as_str), Some("Node does not exist: /007"));
}

#[test]
fn an_exported_subtree_can_be_imported_elsewhere() {
    let (server, other, dir) = (planted(), start(), TempDir::new("export"));
    let (at, elsewhere) = (server.connect_string(), other.connect_string());
    let file = dir.path().join("all.jsonl");
    let file = file.to_str().expect("text");
    let script = format!("set -b /a/d AP8=\ncreate -e /a/e\nexport / {file}\n");
    let said = lines(&["--server", &at, "--quiet"], &script);
    assert_eq!(said.out, [format!("7 znodes of / are in {file}")], "{said:#?}");
    let text = fs::read_to_string(file).expect("it is there");
    assert!(
        text.starts_with("{\"paddock-export\":1,\"path\":\"/\"}\n") && text.ends_with("{\"znodes\":7}\n"),
        "{text}"
    );

    let import = |words: &[&str]| shell(&[&["--server", &elsewhere, "--quiet", "import"][..], words].concat());
    let said = import(&[file]);
    let told = ["below /: 5 made, 0 updated, 1 kept as they were, 1 ephemerals left out"];
    assert_eq!((said.out, said.code), (told.map(str::to_owned).to_vec(), Some(0)));
    let content = "ls -R /\nget /a\nget -b /a/d\nget /a/b/c\ngetAcl /other\n";
    let [here, there] = [&at, &elsewhere].map(|at| lines(&["--server", at, "--quiet"], content).out);
    assert_eq!(here.into_iter().filter(|line| line != "/a/e").collect::<Vec<_>>(), there);

    let again = import(&[file]);
    assert_eq!((again.err, again.code), (vec!["Node already exists: /a".to_owned()], Some(1)));
    assert_eq!(import(&["-k", file]).out, ["below /: 0 made, 0 updated, 6 kept as they were, 1 ephemerals left out"]);
    let refused = import(&["-u", file]);
    assert_eq!(refused.err, ["Insufficient permission : /other"], "its list lets nobody change it");
    assert_eq!(shell(&["--server", &elsewhere, "create", "/x"]).code, Some(0));
    let said = import(&[file, "/x/copy"]);
    assert_eq!(said.out, ["below /x/copy: 6 made, 0 updated, 0 kept as they were, 1 ephemerals left out"]);

    // An existing file is not written over, and one that is cut is not read.
    let said = shell(&["--server", &at, "export", "/a", file]);
    assert!(said.err[0].contains("cannot be written") && said.code == Some(1), "{:?}", said.err);
    let cut = dir.write("cut.jsonl", text.replace("{\"znodes\":7}\n", "").as_bytes());
    let said = import(&[cut.to_str().expect("text"), "/x/cut"]);
    assert!(said.err[0].contains("so it is cut; nothing was made of it"), "{:?}", said.err);
    assert_eq!(shell(&["--server", &elsewhere, "stat", "/x/cut"]).code, Some(1));
    let said = shell(&["--server", &at, "--quiet", "export", "/a/b", "-"]);
    let exported = [
        "{\"paddock-export\":1,\"path\":\"/a/b\"}",
        "{\"data\":\"two\",\"path\":\"/\"}",
        "{\"path\":\"/c\"}",
        "{\"znodes\":2}",
    ];
    assert_eq!(said.out, exported);
}

#[test]
fn a_znode_named_zookeeper_below_a_chroot_is_nobodys_but_the_clients() {
    let server = start();
    let at = server.connect_string();
    assert_eq!(lines(&["--server", &at], "create /app\ncreate /app/zookeeper x\n").code, Some(0));
    let said = shell(&["--server", &format!("{at}/app"), "--quiet", "export", "/", "-"]);
    let exported = [
        "{\"paddock-export\":1,\"path\":\"/\"}",
        "{\"path\":\"/\"}",
        "{\"data\":\"x\",\"path\":\"/zookeeper\"}",
        "{\"znodes\":2}",
    ];
    assert_eq!(said.out, exported);
}

#[test]
fn changes_are_told_until_somebody_has_had_enough() {
    let server = planted();
    let at = server.connect_string();
    let mut command = Command::new(paddock());
    command.args(["shell", "--quiet", "--server", &at, "watch", "/a"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watching = command.spawn().expect("it starts");
    let mut remarks = BufReader::new(watching.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    assert_eq!(remarks.next().as_deref(), Some("watching /a and all below it; Ctrl-C ends that"));
    assert_eq!(lines(&["--server", &at], "create /a/new\nset /a/b 2\ndelete /a/new\nset /other x\n").code, Some(0));
    let mut told = BufReader::new(watching.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    for expected in ["NodeCreated /a/new", "NodeDataChanged /a/b", "NodeDeleted /a/new"] {
        let line = told.next().unwrap_or_default();
        assert!(line.contains(expected), "{line:?} instead of {expected}");
    }
    let pid = watching.id();
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {pid}")]).status().expect("sh runs");
    assert!(sent.success());
    let ended = poll_until(DEADLINE, || watching.try_wait().expect("a child can be waited for"));
    if ended.is_none() {
        watching.kill().expect("it runs");
    }
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
    assert_eq!((told.next(), remarks.next()), (None, None));
}

#[test]
fn clients_that_ask_are_told() {
    let server = planted();
    let said = shell(&["--server", &server.connect_string(), "--json", "top"]);
    let objects: Vec<serde_json::Value> =
        said.out.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert!(objects.iter().any(|object| object["requests"].is_u64()), "{:#?}", said.out);
    let said = shell(&["--server", &server.connect_string(), "--quiet", "top", "-n", "1"]);
    assert!(said.out[0].ends_with(" requests/s"), "{:#?}", said.out);
    assert!(said.out.iter().any(|line| line.starts_with("client ")), "{:#?}", said.out);
}

#[test]
fn help_tells_all_commands() {
    let server = start();
    let said = shell(&["--server", &server.connect_string(), "--quiet", "help"]);
    for command in ["ls [-s] [-w] [-R] path", "tree [-d levels] [-s] path"] {
        assert!(said.out.iter().any(|line| line.contains(command)), "{:#?}", said.out);
    }
}

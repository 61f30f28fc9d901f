//! Starts that cannot succeed end with one clear sentence and a non-zero exit; they are Paddock's alone.
use crate::setup_of_paddock as setup;
use paddock_tests::server::{DEADLINE, Server, behind, command, error_of, free_port, poll_until};
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a server that must end by itself, badly, and with one sentence on stderr; returns that sentence and the status.
fn refused(mut command: Command, log: &Path) -> (String, i32) {
    let stderr = File::create(log).expect("the directory is writable");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().expect("it can be run");
    let status = poll_until(DEADLINE, || child.try_wait().expect("a child can be waited for"));
    if status.is_none() {
        child.kill().expect("a running child can be killed");
        child.wait().expect("a child can be waited for");
    }
    let said = std::fs::read_to_string(log).expect("it was just written");
    let code = status.unwrap_or_else(|| panic!("it runs; it said:\n{said}")).code();
    let code = code.unwrap_or_else(|| panic!("it was ended by a signal; it said:\n{said}"));
    assert_ne!(code, 0, "it said:\n{said}");
    assert!(!said.contains("panicked"), "it panicked:\n{said}");
    let sentences: Vec<&str> = said.lines().filter_map(error_of).collect();
    assert_eq!(sentences.len(), 1, "one sentence is due; it said:\n{said}");
    assert_eq!(said.lines().last().and_then(error_of), Some(sentences[0]), "the sentence comes last:\n{said}");
    eprintln!("{code}: {}", sentences[0]);
    (sentences[0].to_owned(), code)
}

fn refused_server(server: &Server) -> (String, i32) {
    refused(command(&setup(), &server.config_path()), &server.config_path().with_file_name("refused.log"))
}

/// The sentence names all of these.
fn assert_names(sentence: &str, names: &[&str]) {
    for name in names {
        assert!(sentence.contains(name), "{name} is not in: {sentence}");
    }
}

/// Root may write everywhere but where there is nothing to write to.
#[test]
fn a_data_directory_that_cannot_be_written() {
    let server = setup().prepare();
    symlink("/proc/sys", server.data_dir()).expect("the directory is writable");
    let (sentence, code) = refused_server(&server);
    assert_names(&sentence, &[&server.data_dir().to_string_lossy()]);
    assert_eq!(code, 3, "the code for a data directory that cannot be used");
}

/// A file system of 2 MB, seen by the server alone, has no room for a log.
#[test]
fn a_full_disk() {
    let server = setup().prepare();
    let (sentence, _) = on_a_mount(&server, "mount -t tmpfs -o size=2m tmpfs \"$0\"");
    assert_names(&sentence, &[&server.data_dir().to_string_lossy(), "space"]);
}

/// A file system of the server's own, mounted by `mount` on the data directory and seen by nobody else.
fn on_a_mount(server: &Server, mount: &str) -> (String, i32) {
    std::fs::create_dir(server.data_dir()).expect("the directory is writable");
    let serve = command(&setup(), &server.config_path());
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &format!("{mount} && exec \"$@\"")]);
    command.arg(server.data_dir()).arg(serve.get_program()).args(serve.get_args());
    refused(command, &server.config_path().with_file_name("refused.log"))
}

/// No right that anybody could give this user would help.
fn assert_speaks_of_no_rights(sentence: &str) {
    for word in ["right", "permission"] {
        assert!(!sentence.contains(word), "{sentence}");
    }
}

#[test]
fn a_read_only_file_system() {
    let server = setup().prepare();
    let mount = "mount -t tmpfs tmpfs \"$0\" && mount -o remount,ro tmpfs \"$0\"";
    let (sentence, code) = on_a_mount(&server, mount);
    assert_names(&sentence, &[&server.data_dir().to_string_lossy(), "mounted read-only", "remount"]);
    assert_speaks_of_no_rights(&sentence);
    assert_eq!(code, 3);
}

/// A link to what is not there.
#[test]
fn a_data_directory_that_has_gone() {
    let server = setup().prepare();
    symlink("/nowhere/data", server.data_dir()).expect("the directory is writable");
    let (sentence, _) = refused_server(&server);
    assert_names(&sentence, &[&server.data_dir().to_string_lossy(), "put it back"]);
    assert_speaks_of_no_rights(&sentence);
}

/// 192.0.2.0/24 is for documents and nobody's.
#[test]
fn an_address_of_no_interface() {
    let server = setup().config("clientPortAddress", "192.0.2.1").prepare();
    let (sentence, code) = refused_server(&server);
    assert_names(&sentence, &["192.0.2.1", "no interface", "clientPortAddress"]);
    assert_eq!(code, 1);
}

#[test]
fn too_few_files() {
    let server = setup().prepare();
    let (sentence, _) = refused(with_files(&server, 7), &server.config_path().with_file_name("refused.log"));
    assert_names(&sentence, &["open files", "ulimit -n"]);
    assert_speaks_of_no_rights(&sentence);
}

/// There is no log yet in which it could be said.
#[test]
fn too_few_files_for_signals() {
    let server = setup().prepare();
    let done = with_files(&server, 4).output().expect("it can be run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.starts_with("paddock: ") && said.lines().count() == 1, "{said}");
    assert_names(&said, &["limit of open files", "ulimit -n"]);
    assert_eq!(done.status.code(), Some(1));
}

fn with_files(server: &Server, limit: u32) -> Command {
    let serve = command(&setup(), &server.config_path());
    behind(&["prlimit", &format!("--nofile={limit}:{limit}")], serve)
}

/// Nobody is shown how a value looks to a programmer.
#[test]
fn a_torn_end_is_told_in_words() {
    let mut server = setup().start();
    crate::assert_serves(&server);
    server.kill();
    let directory = server.data_dir().join("paddock-1");
    let segments = std::fs::read_dir(&directory).expect("it is there").flatten().map(|entry| entry.path());
    let segment = segments.filter(|path| path.to_string_lossy().contains("/log.")).min().expect("a segment");
    let bytes = std::fs::read(&segment).expect("it is readable");
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1).next_multiple_of(4096);
    let file = std::fs::OpenOptions::new().write(true).open(&segment).expect("it is writable");
    // Of the next group, all but the first sector.
    file.write_at(&[0xab; 100], end as u64 + 512).expect("it is writable");
    let output = Command::new(command(&setup(), &segment).get_program())
        .args(["log", "check"])
        .arg(server.data_dir())
        .output()
        .expect("it can be run");
    let checked = String::from_utf8(output.stdout).expect("text");
    server.restart();
    let log = server.log();
    let told = log.lines().find(|line| line.contains("torn")).unwrap_or_else(|| panic!("nothing is told:\n{log}"));
    for said in [told, &checked] {
        assert!(said.contains(&*segment.to_string_lossy()) && said.contains("612 bytes"), "{said}");
        assert!(said.contains(&format!("byte {end}")) && !said.contains('{'), "{said}");
    }
}

/// The lock of a server that was killed does not outlive it.
#[test]
fn a_data_directory_of_a_killed_server_is_free() {
    let mut server = setup().start();
    server.kill();
    server.restart();
    crate::assert_serves(&server);
}

#[test]
fn a_malformed_value_is_named_with_file_and_line() {
    for (key, value) in [
        ("tickTime", "soon"),
        ("tickTime", "0"),
        ("tickTime", "-1"),
        ("clientPort", "99999"),
        ("clientPort", "http"),
        ("clientPortAddress", "not an address"),
        ("maxClientCnxns", "many"),
        ("minSessionTimeout", "1s"),
        ("maxSessionTimeout", "99999999999999999999"),
        ("snapCount", "1e5"),
        ("autopurge.snapRetainCount", "three"),
        ("autopurge.purgeInterval", "daily"),
        ("jute.maxbuffer", "1MB"),
        ("globalOutstandingLimit", "none"),
    ] {
        let server = setup().config(key, value).prepare();
        let config = std::fs::read_to_string(server.config_path()).expect("it was just written");
        // The last line with this key counts.
        let line =
            config.lines().enumerate().filter(|(_, line)| line.starts_with(key)).last().expect("it is there").0 + 1;
        let (sentence, code) = refused_server(&server);
        assert_names(&sentence, &[key, value, &server.config_path().to_string_lossy(), &line.to_string()]);
        assert_eq!(code, 2, "the code for a configuration that cannot be used");
    }
}

#[test]
fn a_configuration_that_contradicts_itself_or_is_not_there() {
    let contradiction = setup().config("minSessionTimeout", "9000").config("maxSessionTimeout", "8000").prepare();
    let (sentence, code) = refused_server(&contradiction);
    assert_names(&sentence, &["minSessionTimeout", "maxSessionTimeout"]);
    assert_eq!(code, 2);
    let missing = contradiction.config_path().with_file_name("missing.cfg");
    let (sentence, code) = refused(command(&setup(), &missing), &missing.with_extension("log"));
    assert_names(&sentence, &[&missing.to_string_lossy()]);
    assert_eq!(code, 2);
    let (sentence, code) = refused(
        command(&setup(), contradiction.config_path().parent().expect("a file lies in a directory")),
        &missing.with_extension("log"),
    );
    assert_names(&sentence, &[&contradiction.config_path().parent().expect("as above").to_string_lossy()]);
    assert_eq!(code, 2);
}

/// Others could not connect to it, ever.
#[test]
fn an_election_port_that_another_has() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = other.local_addr().expect("it listens").port();
    let server = setup()
        .config("initLimit", "5")
        .config("syncLimit", "2")
        .config("server.1", &format!("127.0.0.1:{}:{port}", free_port()))
        .config("server.2", &format!("127.0.0.1:{}:{}", free_port(), free_port()))
        .config("electionPortBindRetry", "2")
        .prepare();
    std::fs::create_dir_all(server.data_dir()).expect("the directory is writable");
    std::fs::write(server.data_dir().join("myid"), "1").expect("the same");
    server.spawn();
    let status = poll_until(DEADLINE, || server.exit_status());
    let said = server.log();
    assert_eq!(status.and_then(|status| status.code()), Some(14), "ZooKeeper's code; it said:\n{said}");
    let sentence = said.lines().last().and_then(error_of).expect("a sentence says why");
    assert_names(sentence, &["election port", &port.to_string(), "2 tries", "electionPortBindRetry"]);
}

/// Keys that nobody knows are no reason not to start; a line in the log tells.
#[test]
fn unknown_keys_are_told_and_taken() {
    let server = setup().config("noSuchKey", "1").config("electionAlg", "3").start();
    crate::assert_serves(&server);
    assert!(server.log().contains("noSuchKey"), "the log says nothing of it:\n{}", server.log());
}

//! Starts that cannot succeed end with one clear sentence and a non-zero exit; they are Paddock's alone.
use crate::setup_of_paddock as setup;
use paddock_tests::server::{DEADLINE, Server, command, error_of, poll_until};
use std::fs::File;
use std::os::unix::fs::symlink;
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
    std::fs::create_dir(server.data_dir()).expect("the directory is writable");
    let serve = command(&setup(), &server.config_path());
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount -t tmpfs -o size=2m tmpfs \"$0\" && exec \"$@\""]);
    command.arg(server.data_dir()).arg(serve.get_program()).args(serve.get_args());
    let (sentence, _) = refused(command, &server.config_path().with_file_name("refused.log"));
    assert_names(&sentence, &[&server.data_dir().to_string_lossy(), "space"]);
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

/// Keys that nobody knows are no reason not to start; a line in the log tells.
#[test]
fn unknown_keys_are_told_and_taken() {
    let server = setup().config("noSuchKey", "1").config("electionAlg", "3").start();
    crate::assert_serves(&server);
    assert!(server.log().contains("noSuchKey"), "the log says nothing of it:\n{}", server.log());
}

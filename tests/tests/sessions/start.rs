//! The operator's side: arguments, settings, signals, and what `conf` tells.
use crate::{client, done, setup};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Setup, four_letter_word, paddock, poll_until};
use std::process::{Command, Output};

const SIGTERM: u32 = 15;

fn run(arguments: &[&str]) -> Output {
    Command::new(paddock()).args(arguments).output().expect("the binary can be started")
}

#[test]
fn arguments_that_nobody_knows_are_one_sentence_and_code_2() {
    for (arguments, part) in [
        (&["--nonsense"][..], "'--nonsense'"),
        (&["serve", "--nonsense"], "'--nonsense'"),
        (&["serve", "a", "b"], "'b'"),
        (&["dance"], "'dance'"),
        (&["serve", "-D"], "'-D"),
        (&[], "a command is missing"),
    ] {
        let Output { status, stdout, stderr } = run(arguments);
        let said = String::from_utf8(stderr).expect("UTF-8");
        assert_eq!((status.code(), stdout.len()), (Some(2), 0), "{arguments:?}: {said}");
        let lines: Vec<&str> = said.lines().collect();
        assert!(
            matches!(lines[..], [line] if line.starts_with("paddock: ") && line.contains(part) && line.contains("--help")),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn help_and_version_are_answers() {
    for (arguments, part) in
        [(&["--help"][..], "serve"), (&["serve", "--help"], "zoo.cfg"), (&["--version"], "paddock ")]
    {
        let Output { status, stdout, stderr } = run(arguments);
        assert_eq!((status.code(), stderr.len()), (Some(0), 0), "{arguments:?}");
        assert!(String::from_utf8(stdout).expect("UTF-8").contains(part), "{arguments:?}");
    }
}

#[test]
fn a_signal_during_recovery_ends_the_process_at_once() {
    let mut server = Setup::new(Kind::Paddock).start();
    server.terminate();
    // The newest snapshot is one that nobody writes: opening it takes for ever.
    let fifo = server.data_dir().join("paddock-1").join("snapshot.00000000ffffffff");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    server.spawn();
    let catches = poll_until(DEADLINE, || {
        assert_eq!(server.exit_status(), None, "{}", server.log_tail());
        catches_sigterm(server.pid()).then_some(())
    });
    assert!(catches.is_some(), "the server does not look for signals while it recovers");
    assert_eq!(server.terminate().code(), Some(0));
    std::fs::remove_file(&fifo).expect("it is ours");
    server.restart();
    done(&mut client(&server), Request::exists("/", false));
}

/// Whether the process has a handler for SIGTERM.
fn catches_sigterm(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("Linux tells of handlers");
    u64::from_str_radix(mask.trim(), 16).expect("a mask in hexadecimal") & 1 << (SIGTERM - 1) != 0
}

#[test]
fn a_signal_to_a_serving_server_ends_it_in_order() {
    let mut server = Setup::new(Kind::Paddock).start();
    done(&mut client(&server), Request::create("/a", b"", 0));
    assert_eq!(server.terminate().code(), Some(0));
    assert!(server.log().contains("stopped"), "{}", server.log_tail());
    server.restart();
    done(&mut client(&server), Request::exists("/a", false));
}

#[test]
fn conf_tells_the_sizes_of_the_moment() {
    // A small log file, so that a few writes make it grow.
    let server = setup().config("preAllocSize", "64").property("zookeeper.preAllocSize", "64").start();
    let size = || {
        let text = four_letter_word(server.address(), "conf", DEADLINE).expect("conf is answered");
        let line = text.lines().find(|line| line.starts_with("dataLogSize=")).expect("a line for the log");
        line["dataLogSize=".len()..].parse::<u64>().expect("a number")
    };
    let before = size();
    let mut client = client(&server);
    for number in 0..40 {
        done(&mut client, Request::create(&format!("/n-{number}"), &[b'x'; 500_000], 0));
    }
    assert!(size() >= before + 40 * 500_000 - (4 << 20), "{} after {before}", size());
}

#[test]
fn x15_secrets_and_clients_texts_are_not_in_the_log() {
    let secret = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
    let server = setup()
        .config("DigestAuthenticationProvider.superDigest", secret)
        .property("zookeeper.DigestAuthenticationProvider.superDigest", secret)
        .start();
    let mut first = client(&server);
    done(&mut first, Request::auth("digest", b"super:test"));
    done(&mut first, Request::create("/hidden-path", b"hidden-data", 0));
    done(&mut first, Request::close());
    for request in [
        Request::auth("hidden\u{1b}[31mscheme\nsecond line", b"hidden-credential"),
        Request::Raw { opcode: 77, body: b"hidden-body".to_vec() },
    ] {
        let mut client = client(&server);
        client.call(&request).expect("a refusal");
        client.expect_close().expect("a close");
    }
    let log = server.log();
    for text in ["D/InIHSb", "super:test", "hidden-", "\u{1b}[31m", "second line"] {
        assert!(!log.contains(text), "{text:?} is in the log:\n{log}");
    }
}

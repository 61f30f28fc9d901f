//! `paddock bench versus`: real servers on both sides, the files of the results, and nothing that is left behind.
use paddock_tests::server::{DEADLINE, TempDir, paddock, poll_until};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Two rounds of a fifth of a second.
const TINY: [&str; 6] = ["--seconds", "0.2", "--warmup", "0", "--rounds", "2"];

fn versus(results: &Path, timed: &[&str], arguments: &[&str]) -> Child {
    let mut command = Command::new(paddock());
    command.args(["bench", "versus", "--name", "tiny", "--results"]).arg(results).args(timed).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// What it prints, what it says to people, and what it ends with; nothing of it is left.
fn finish(versus: Child) -> (String, String, Option<i32>) {
    let pid = versus.id();
    let done = versus.wait_with_output().expect("it ends");
    assert_eq!(servers_of(pid), [""; 0], "processes are left");
    assert_eq!(directories_of(pid), [""; 0], "directories are left");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    (text(&done.stdout), text(&done.stderr), done.status.code())
}

/// The command lines of servers that this process has started, which say where their files are.
fn servers_of(pid: u32) -> Vec<String> {
    let place = format!("paddock-versus-{pid}-");
    let processes = fs::read_dir("/proc").expect("Linux has it").flatten();
    let lines = processes.map(|process| fs::read(process.path().join("cmdline")).unwrap_or_default());
    lines.map(|line| String::from_utf8_lossy(&line).into_owned()).filter(|line| line.contains(&place)).collect()
}

fn directories_of(pid: u32) -> Vec<String> {
    let place = format!("paddock-versus-{pid}-");
    let entries = fs::read_dir("/var/tmp").expect("it is the usual place").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(&place)).collect()
}

fn json(results: &Path) -> Value {
    let text = fs::read_to_string(results.join("tiny.json")).expect("the results are there");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn paddock_against_paddock_is_a_table_a_page_and_a_picture() {
    let dir = TempDir::new("versus");
    let results = dir.path().join("made/for it");
    let (told, why, code) =
        finish(versus(&results, &TINY, &["--b", "paddock", "--b-name", "Other <&>", "--row", "read"]));
    assert_eq!((why.as_str(), code), ("", Some(0)), "{told}");
    assert!(told.starts_with("read, 50 connections, one at a time (aim: 9 us CPU)\n"), "{told}");
    assert!(told.contains("Paddock / Other <&>") && told.contains("\nops per server CPU s "), "{told}");

    let json = json(&results);
    assert_eq!((&json["sides"][0]["name"], &json["sides"][1]["name"]), (&"Paddock".into(), &"Other <&>".into()));
    let row = &json["rows"][0];
    assert_eq!((&row["row"], &row["failures"]), (&"read".into(), &serde_json::json!([0, 0])));
    for runs in row["runs"].as_array().expect("a list for each side") {
        let runs = runs.as_array().expect("a list");
        assert_eq!(runs.len(), 4, "A B B A twice");
        for run in runs {
            assert_eq!((&run["seconds"], &run["settings"]["connections"]), (&0.2.into(), &50.into()));
            assert!(run["ops_per_second"].as_f64() > Some(0.0) && run["server"]["resident_bytes"].as_u64() > Some(0));
        }
    }
    let figures = row["figures"].as_array().expect("a list");
    let keys: Vec<&str> = figures.iter().filter_map(|figure| figure["figure"].as_str()).collect();
    for key in ["ops_per_second", "p50_us", "p99_us", "p99_9_us", "resident_peak_mib", "resident_mib"] {
        assert!(keys.contains(&key), "{key} in {keys:?}");
    }
    let between = |figure: &Value| {
        figure["least"].as_f64() <= figure["ratio"].as_f64() && figure["ratio"].as_f64() <= figure["greatest"].as_f64()
    };
    assert!(figures.iter().all(between), "{figures:?}");

    let picture = fs::read_to_string(results.join("tiny.svg")).expect("it is there");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n") && picture.contains("Other &lt;&amp;&gt;"));
    assert_eq!(picture.matches(" figure\">").count(), figures.len());
    let page = fs::read_to_string(results.join("tiny.md")).expect("it is there");
    assert!(page.contains("| **read, 50 connections, one at a time (aim: 9 us CPU)** | ops/s |"), "{page}");
    for text in [&json.to_string(), &picture, &page] {
        assert!(!text.contains("/var/tmp") && !text.contains(&*dir.path().to_string_lossy()), "a path of this machine");
    }
    assert_eq!(fs::read_dir(&results).expect("it is there").count(), 3, "and nothing else");
}

#[test]
fn options_of_a_workload_are_not_those_of_the_warm_up_and_it_has_a_picture_of_its_own() {
    let dir = TempDir::new("versus");
    let timed = ["--warmup", "0.2", "--rounds", "1"];
    let work = ["--b", "paddock", "--preset", "chubby-latency", "--bench-options", "--ops 20"];
    let (told, why, code) = finish(versus(dir.path(), &timed, &work));
    assert_eq!((why.as_str(), code), ("", Some(0)), "{told}");
    assert_eq!(json(dir.path())["rows"][0]["runs"][0][0]["settings"]["operations"], 20);
    let picture = fs::read_to_string(dir.path().join("tiny.svg")).expect("it is there");
    assert!(picture.contains("latency of create") && picture.contains("operations/s"), "{picture}");
}

#[test]
fn a_server_that_does_not_start_is_told_with_the_end_of_its_log() {
    let dir = TempDir::new("versus");
    let burning = "sh -c 'echo it burns {id} >&2; exit 3'";
    let (told, why, code) = finish(versus(dir.path(), &TINY, &["--b", burning, "--b-name", "Wreck", "--row", "read"]));
    assert_eq!((told.as_str(), code), ("", Some(1)));
    assert!(
        why.starts_with("paddock: Wreck, server 1, has ended (exit status: 3); its log ends:\n  it burns 1"),
        "{why}"
    );
    let (_, why, code) = finish(versus(dir.path(), &TINY, &["--b", "/nonexistent/server", "--row", "read"]));
    assert!(why.starts_with("paddock: server cannot be started with \"server\": ") && code == Some(1), "{why}");
}

#[test]
fn a_row_that_fails_leaves_those_before_it() {
    let dir = TempDir::new("versus");
    let alone = format!(
        "sh -c 'grep -q server.1 {{config}} && exit 4; exec {} serve --until-stdin-ends {{config}}'",
        paddock().display()
    );
    let rows = ["--row", "read", "--row", "ensemble-write"];
    let (told, why, code) = finish(versus(dir.path(), &TINY, &[&["--b", &alone], &rows[..]].concat()));
    assert!(told.starts_with("read, ") && !told.contains("3 servers"), "{told}");
    assert!(why.contains("exit status: 4") && code == Some(1), "{why}");
    let json = json(dir.path());
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(1));
    assert_eq!(json["rows"][0]["row"], "read");
}

#[test]
fn an_interrupt_leaves_no_server() {
    let dir = TempDir::new("versus");
    let versus = versus(dir.path(), &["--warmup", "1000"], &["--b", "paddock", "--row", "ensemble-write"]);
    let pid = versus.id();
    let running = poll_until(DEADLINE, || (servers_of(pid).len() == 3).then_some(()));
    assert!(running.is_some(), "three servers run");
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {pid}")]).status().expect("sh runs");
    assert!(sent.success());
    let (told, why, code) = finish(versus);
    assert_eq!((told.as_str(), code), ("", Some(1)));
    assert!(why.starts_with("paddock: interrupted; "), "{why}");
}

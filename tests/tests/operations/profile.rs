//! `paddock profile fsync`: the shape of what it tells, its files, and that nothing stays behind. No time is judged.
use paddock_tests::server::{DEADLINE, TempDir, paddock, poll_until};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// Where O_DIRECT cannot be had, the temporary directory is measured all the same.
const TINY: [&str; 4] = ["--seconds", "0.2", "--file-mib", "4"];

fn profile(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(paddock());
    command.args(["profile", "fsync", "--buffered"]).arg(directory).args(arguments).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let (told, why) = (text(&output.stdout), text(&output.stderr));
    assert!(!why.contains("panicked"), "{why}");
    (told, why, output.status.code())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("it is there").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_disk_is_told_as_a_table_sentences_json_and_a_picture() {
    let (disk, results) = (TempDir::new("profile"), TempDir::new("profile-results"));
    let (json, plot) = (results.path().join("fsync.json"), results.path().join("fsync.svg"));
    let files = ["--json", json.to_str().expect("text"), "--plot", plot.to_str().expect("text")];
    let done = profile(disk.path(), &[&TINY[..], &files].concat()).output().expect("it runs");
    let (told, why, code) = said(&done);
    assert_eq!((why.as_str(), code), ("", Some(0)), "{told}");
    assert_eq!(names(disk.path()), [""; 0], "the file is left");

    let json: Value = serde_json::from_str(&fs::read_to_string(json).expect("it is written")).expect("it is JSON");
    let cells = json["cells"].as_array().expect("a list");
    assert_eq!(Some(cells.len() as u64), json["planned"].as_u64());
    for cell in cells {
        let latency = |key: &str| cell["latency"][key].as_f64().expect("a number");
        assert!(latency("count") >= 1.0 && latency("p50_us") > 0.0 && latency("p50_us") <= latency("max_us"), "{cell}");
        assert!(cell["megabytes_per_second"].as_f64() > Some(0.0) && !cell["slowest"][0]["at"].is_null(), "{cell}");
        assert_eq!(cell["bytes"].as_u64().expect("a number") % json["unit_bytes"].as_u64().expect("a number"), 0);
    }
    let has = |way: &str, space: &str| cells.iter().any(|cell| cell["way"] == way && cell["space"] == space);
    let own = json["way"].as_str().expect("a word");
    assert!(has(own, "zeroed") && has(own, "growing") && has("zookeeper", "holes"), "{own}");
    assert_eq!(own == "ring-dsync", json["io_uring_refused"].is_null());
    let expected = &json["durable_writes_per_second"];
    assert!(expected["one_client"].as_f64() > Some(0.0) && expected["pipelined"].as_f64() > Some(0.0), "{expected}");
    assert_eq!(expected["clients"].as_array().map(Vec::len), Some(3));
    assert!(!json["timeline"].as_array().expect("a list").is_empty());

    assert_eq!(told.lines().filter(|line| line.contains(" in flight ")).count(), 1, "{told}");
    for words in [
        "What to expect:\n* A server writes its log here ",
        "Durable writes a second",
        "What to know, and what to change:\n",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    for sentence in json["expected"].as_array().into_iter().chain(json["to_know"].as_array()).flatten() {
        assert!(told.contains(sentence.as_str().expect("text")), "{sentence}: {told}");
    }
    let picture = fs::read_to_string(plot).expect("it is written");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n") && !picture.contains("NaN"), "{picture}");
    assert!(picture.contains("by size") && picture.contains("writes over time"), "{picture}");
}

#[test]
fn what_cannot_be_measured_is_refused_with_what_to_do() {
    let dir = TempDir::new("profile");
    let file = dir.write("file", b"");
    let taken = TempDir::new("profile-taken");
    taken.write("paddock-profile.fsync", b"theirs");
    let (none, nowhere) = (dir.path().join("none"), dir.path().join("none/results.json"));
    let refusals: [(&Path, Vec<&str>, Option<i32>, &str); 6] = [
        (file.as_path(), vec![], Some(1), "is not a directory; give the dataLogDir"),
        (none.as_path(), vec![], Some(1), "cannot look at "),
        (taken.path(), vec![], Some(1), "another paddock profile measures this directory, or one was killed"),
        (dir.path(), vec!["--json", nowhere.to_str().expect("text")], Some(1), "cannot write the results to "),
        (dir.path(), vec!["--seconds", "x"], Some(2), "not a number"),
        (dir.path(), vec!["--file-mib", "1"], Some(2), "1 is not in"),
    ];
    for (directory, arguments, code, words) in refusals {
        let (told, why, ended) = said(&profile(directory, &arguments).output().expect("it runs"));
        assert_eq!((told.as_str(), ended), ("", code), "{why}");
        assert!(why.starts_with("paddock: ") && why.contains(words) && why.lines().count() == 1, "{words}: {why}");
    }
    assert_eq!(names(dir.path()), ["file"], "nothing is left");
    assert_eq!(fs::read(taken.path().join("paddock-profile.fsync")).expect("it is there"), b"theirs");
}

#[test]
fn a_directory_without_room_is_refused() {
    // It says that it has none, and nobody can make files there.
    let (told, why, code) = said(&profile(Path::new("/proc/self/fdinfo"), &TINY).output().expect("it runs"));
    assert_eq!((told.as_str(), code), ("", Some(1)), "{why}");
    assert!(why.starts_with("paddock: ") && why.contains("/proc/self/fdinfo"), "{why}");
}

#[test]
fn an_interrupted_one_removes_its_file() {
    let disk = TempDir::new("profile");
    let mut running = profile(disk.path(), &["--seconds", "3600", "--file-mib", "4"]);
    let running: Child = running.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // It takes signals before it makes its file.
    let begun = poll_until(DEADLINE, || (!names(disk.path()).is_empty()).then_some(()));
    assert!(begun.is_some(), "it makes no file");
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", running.id())]).status().expect("sh runs");
    assert!(sent.success());
    let (_, why, code) = said(&running.wait_with_output().expect("it ends"));
    assert!(why.starts_with("paddock: interrupted; ") && code == Some(1), "{why}");
    assert_eq!(names(disk.path()), [""; 0], "the file is left");
}

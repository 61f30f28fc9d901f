//! Data that others have kept: each directory with a ZooKeeper's files is converted, written back and read again.
//!
//! `PADDOCK_SAMPLES` names a directory that has such directories somewhere below (`cargo xtask conversions`). Without it there
//! are two: what a ZooKeeper has just left, and the same without the header that its snapshots have had since 3.0.

use std::path::{Path, PathBuf};

use paddock_tests::client::Client;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Setup, TempDir};

use crate::by_command::{converted, run, state};

const TIMEOUT_MS: i32 = 20_000;
/// Samples that no conversion takes, and what it says of each.
const REFUSED: [(&str, &str); 1] = [("upgrade", "does not begin as a snapshot of ZooKeeper's")];
/// Bytes of a magic number, a version and an unused number.
const HEADER_BYTES: usize = 16;

fn is_zookeepers(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let zxid = name.strip_prefix("snapshot.").or_else(|| name.strip_prefix("log."));
    zxid.is_some_and(|zxid| i64::from_str_radix(zxid, 16).is_ok())
}

/// The files of a directory and the directories in it, by name.
fn listed(directory: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    paths.into_iter().partition(|path| !path.is_dir())
}

/// The directories below with a ZooKeeper's files.
fn samples(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut ahead = vec![directory.to_owned()];
    while let Some(directory) = ahead.pop() {
        let (files, directories) = listed(&directory);
        ahead.extend(directories.into_iter().rev());
        if files.iter().any(|path| is_zookeepers(path)) {
            found.push(directory);
        }
    }
    found
}

/// Its files as a `dataDir` of the test's own has them.
fn copied(sample: &Path) -> TempDir {
    let dir = TempDir::new("sample");
    let place = dir.path().join("version-2");
    std::fs::create_dir(&place).expect("it can be made");
    for file in listed(sample).0.iter().filter(|path| is_zookeepers(path)) {
        std::fs::copy(file, place.join(file.file_name().expect("it has a name"))).expect("it is copied");
    }
    dir
}

/// Whether it is converted; if it is not, it is one of those that are known. Says in one line what came of it.
fn examine(sample: &Path, name: &str) -> bool {
    let dir = copied(sample);
    let refusal = REFUSED.iter().find(|(known, _)| Path::new(known) == Path::new(name));
    if let Some((_, sentence)) = refusal {
        let (said, code) = run(&["convert", "--from-zookeeper", "--data-dir"], &[dir.path()]);
        assert!(code == 1 && said.contains(sentence), "{name}: {code}: {said}");
        println!("{name}: refused, as is known: it {sentence}");
        return false;
    }
    let there = converted(&["--from-zookeeper", "--data-dir"], &[dir.path()]);
    let into = TempDir::new("back");
    let back = converted(&["--to-zookeeper"], &[into.path(), "--data-dir".as_ref(), dir.path()]);
    let again = converted(&["--from-zookeeper", "--accept-missing-logs", "--data-dir"], &[into.path()]);
    assert_eq!(state(&back), state(&there), "{name}");
    assert_eq!(state(&again), state(&there), "{name}");
    let [zxid, znodes, sessions, digest] = state(&there).map(|value| value.to_string().replace('"', ""));
    let remarks = there["remarks"].as_array().map_or(0, Vec::len);
    println!(
        "{name}: {znodes} znodes, {sessions} sessions, digest {digest} after {zxid}, the same when it is read back; \
         {remarks} remarks"
    );
    true
}

/// How many were converted, and how many refused.
fn examine_all(directory: &Path) -> (usize, usize) {
    let samples = samples(directory);
    let is_converted = |sample: &&PathBuf| {
        let name = sample.strip_prefix(directory).expect("it is below");
        let name = if name.ends_with("version-2") { name.parent().expect("it has one") } else { name };
        examine(sample, &name.display().to_string())
    };
    let converted = samples.iter().filter(is_converted).count();
    (converted, samples.len() - converted)
}

/// The two samples.
fn left_by_a_zookeeper() -> TempDir {
    let server = Setup::new(Kind::ZooKeeper).start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("a session");
    client.ok(&Request::create("/here", b"data", flags::EPHEMERAL));
    server.kill();
    let dir = TempDir::new("samples");
    let [whole, bare] = ["whole/version-2", "upgrade"].map(|name| dir.path().join(name));
    for directory in [&whole, &bare] {
        std::fs::create_dir_all(directory).expect("it can be made");
    }
    for file in listed(&server.data_dir().join("version-2")).0 {
        let name = file.file_name().expect("it has a name");
        let bytes = std::fs::read(&file).expect("it can be read");
        std::fs::write(whole.join(name), &bytes).expect("it is writable");
        std::fs::write(bare.join(name), &bytes[HEADER_BYTES..]).expect("it is writable");
    }
    dir
}

#[test]
fn samples_are_converted_and_read_back_or_refused_by_name() {
    match std::env::var_os("PADDOCK_SAMPLES") {
        Some(directory) => {
            let (converted, refused) = examine_all(Path::new(&directory));
            assert!(converted > 0, "{} has no sample that is converted", Path::new(&directory).display());
            println!("{converted} samples converted, {refused} refused");
        }
        None => assert_eq!(examine_all(left_by_a_zookeeper().path()), (1, 1)),
    }
}

//! Files of one of three processes are damaged while none runs: the two others serve, and make it good.
use crate::alone;
use crate::crashes::setup;
use paddock_tests::client::Client;
use paddock_tests::content;
use paddock_tests::damage::{Damage, Found, Kind, Place};
use paddock_tests::ensemble::Ensemble;
use paddock_tests::random::Random;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind as ServerKind, TempDir, poll_until};
use std::fs;
use std::path::{Path, PathBuf};

const TIMEOUT_MS: i32 = 40_000;
/// Where the present history of a server is that was brought a copy once.
const PRESENT: &str = "paddock.generation.1/paddock-1";
/// Znodes of each part of the life before.
const ZNODES: usize = 150;

/// What is tried with each file.
const DAMAGES: [Damage; 4] = [
    Damage { kind: Kind::Flip, place: Place::Middle },
    Damage { kind: Kind::Garbage, place: Place::Header },
    Damage { kind: Kind::Truncated, place: Place::Middle },
    Damage { kind: Kind::Removed, place: Place::Header },
];

/// Three servers of which each has been brought a copy, and what they left.
struct Prepared {
    ensemble: Ensemble,
    left: TempDir,
    written: usize,
}

impl Prepared {
    fn new() -> Prepared {
        let setup = setup().config("snapCount", "100").config("preAllocSize", "1024");
        let mut prepared = Prepared { ensemble: Ensemble::start(setup, 3), left: TempDir::new("left"), written: 0 };
        for place in prepared.ensemble.places() {
            prepared.ensemble.server(place).kill();
            prepared.ensemble.wipe(place);
            prepared.ensemble.server(place).spawn();
            prepared.write();
        }
        // Snapshots, and the segments that begin with them, are due at no certain transaction.
        let has_all = poll_until(DEADLINE, || {
            prepared.write();
            prepared.ensemble.places().into_iter().all(|place| prepared.has_all(place)).then_some(())
        });
        has_all.expect("each server has several segments and snapshots");
        prepared.ensemble.kill(&prepared.ensemble.places());
        for place in prepared.ensemble.places() {
            copy(&prepared.ensemble.server(place).data_dir(), &prepared.left.path().join(place.to_string()));
        }
        prepared
    }

    fn write(&mut self) {
        let leader = self.ensemble.wait_for_leader(&self.ensemble.places());
        let mut client = Client::connect(self.ensemble.server(leader).address(), TIMEOUT_MS).expect("it leads");
        for _ in 0..ZNODES {
            client.ok(&Request::create(&format!("/{}", self.written), &[7; 300], flags::PERSISTENT));
            self.written += 1;
        }
    }

    /// All disks are as they were left.
    fn put_back(&self) {
        self.ensemble.kill(&self.ensemble.places());
        for place in self.ensemble.places() {
            let data_dir = self.ensemble.server(place).data_dir();
            fs::remove_dir_all(&data_dir).expect("it can be removed");
            copy(&self.left.path().join(place.to_string()), &data_dir);
        }
    }

    fn logs_and_snapshots(&self, place: usize) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let inner = self.ensemble.server(place).data_dir().join(PRESENT);
        (listed(&inner, "log."), listed(&inner, "snapshot."))
    }

    /// Whether a server has segments and snapshots that are neither the first nor the last.
    fn has_all(&self, place: usize) -> bool {
        let (logs, snapshots) = self.logs_and_snapshots(place);
        logs.len() > 2 && snapshots.len() > 1
    }

    /// One file of each kind of a server, of logs and snapshots the newest and another one.
    fn files(&self, place: usize) -> Vec<PathBuf> {
        let data_dir = self.ensemble.server(place).data_dir();
        let inner = data_dir.join(PRESENT);
        let (logs, snapshots) = self.logs_and_snapshots(place);
        let mut files = vec![logs[0].clone(), logs[logs.len() / 2].clone()];
        // The newest may be one that is prepared and has nothing in it yet.
        let holds = |path: &&PathBuf| fs::read(path).expect("it is there").iter().any(|byte| *byte != 0);
        files.extend(logs.iter().rfind(holds).cloned());
        files.extend([snapshots[0].clone(), snapshots[snapshots.len() - 1].clone(), inner.join("milestone")]);
        files.extend(["paddock.generation", "acceptedEpoch", "currentEpoch"].map(|name| data_dir.join(name)));
        files
    }

    fn check(&self, damaged: usize, path: &Path, damage: Damage) {
        let Prepared { ensemble, written, .. } = self;
        let content = fs::read(path).expect("it is there");
        match damage.of(&content, None, &mut Random::new(1)) {
            None => return,
            Some(Found::Nothing) => fs::remove_file(path).expect("it is there"),
            Some(Found::File(found)) => fs::write(path, found).expect("it is writable"),
        }
        let case = format!("{} {damage:?}", path.display());
        let before = ensemble.server(damaged).log().len();
        let others: Vec<usize> = ensemble.places().into_iter().filter(|place| *place != damaged).collect();
        ensemble.places().iter().for_each(|place| ensemble.server(*place).spawn());
        others.iter().for_each(|place| ensemble.server(*place).wait_until_serving());
        let mut client = Client::connect(ensemble.server(others[0]).address(), TIMEOUT_MS).expect("it serves");
        client.ok(&Request::create("/while-it-is-made-good", b"", flags::PERSISTENT));
        ensemble.wait_for_leader(&ensemble.places());
        let said = ensemble.server(damaged).log().split_off(before);
        assert!(!said.contains("panicked"), "{case}: {said}");
        if let Some(message) = said.lines().find(|line| line.contains("does not vote")) {
            let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
            assert!(message.contains(&name) || damage.kind == Kind::Removed, "{case}: {message}");
        }
        let shown = ensemble.places().into_iter().map(|place| {
            let address = ensemble.server(place).address();
            let mut client = Client::connect(address, TIMEOUT_MS).expect("it serves");
            client.ok(&Request::sync("/"));
            content::of_server(&mut client)
        });
        let shown: Vec<content::Content> = shown.collect();
        let lost = (0..*written).find(|number| !shown[damaged].contains_key(&format!("/{number}")));
        assert_eq!(lost, None, "{case}: it was acknowledged\n{said}");
        shown.iter().for_each(|content| content::assert_same(&shown[0], content));
        let copied = if said.contains("does not vote") { "copied" } else { "served" };
        eprintln!("{case}: {copied}");
    }
}

fn listed(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("it can be listed").map(|entry| entry.expect("it is there").path());
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    let mut found: Vec<PathBuf> = entries.filter(named).collect();
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it can be listed") {
        let path = entry.expect("it is there").path();
        let target = to.join(path.file_name().expect("it has a name"));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).expect("it can be copied")),
        }
    }
}

#[test]
fn damage_of_a_process_is_made_good_by_the_others() {
    if ServerKind::under_test() == ServerKind::Paddock {
        alone(damage_one);
    }
}

fn damage_one() {
    let prepared = Prepared::new();
    for number in 0..prepared.files(0).len() {
        for (index, damage) in DAMAGES.into_iter().enumerate() {
            let damaged = (number + index) % 3;
            prepared.put_back();
            let path = prepared.files(damaged)[number].clone();
            prepared.check(damaged, &path, damage);
        }
    }
    prepared.put_back();
    refuse_without_a_name(&prepared.ensemble);
    prepared.put_back();
    refuse_without_an_ensemble(&prepared.ensemble);
    prepared.put_back();
    name_a_note_that_is_none(&prepared.ensemble);
}

/// What can be done to a file of words. One that is cut short may say something else than it did.
const OF_WORDS: [Damage; 4] = [
    Damage { kind: Kind::Garbage, place: Place::Header },
    Damage { kind: Kind::Garbage, place: Place::Middle },
    Damage { kind: Kind::Emptied, place: Place::Header },
    Damage { kind: Kind::Removed, place: Place::Header },
];

/// Who belongs to the ensemble nobody else tells a start. The members may be in `zoo.cfg`, or in a file that it names.
fn refuse_without_an_ensemble(ensemble: &Ensemble) {
    let server = ensemble.server(0);
    let (config, dynamic) = (server.config_path(), server.config_path().with_file_name("zoo.cfg.dynamic.100000001"));
    let whole = fs::read_to_string(&config).expect("it is there");
    let (members, rest): (Vec<&str>, Vec<&str>) = whole.lines().partition(|line| line.starts_with("server."));
    let pointing = format!("{}\ndynamicConfigFile={}\n", rest.join("\n"), dynamic.display());
    for (path, text) in [(&config, &whole), (&config, &pointing), (&dynamic, &pointing)] {
        for damage in OF_WORDS {
            fs::write(&config, text).expect("it is writable");
            fs::write(&dynamic, members.join("\n")).expect("it is writable");
            let content = fs::read(path).expect("it is there");
            match damage.of(&content, None, &mut Random::new(1)).expect("it is long enough") {
                Found::Nothing => fs::remove_file(path).expect("it is there"),
                Found::File(found) => fs::write(path, found).expect("it is writable"),
            }
            let before = server.log().len();
            server.spawn();
            let status = poll_until(DEADLINE, || server.exit_status());
            let said = server.log().split_off(before);
            let case = format!("{} {damage:?}", path.display());
            assert!(status.is_some_and(|status| !status.success()), "{case}: it is refused\n{said}");
            let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
            assert!(said.contains(&name) && !said.contains("panicked"), "{case}: {said}");
            eprintln!("{case}: refused: {}", said.lines().last().unwrap_or_default());
            server.kill();
        }
    }
    fs::write(&config, whole).expect("it is writable");
    assert!(!dynamic.exists(), "it was removed last");
}

/// What a conversion has left that ended midway, or that a disk has changed, on a server that has a history of its own.
fn name_a_note_that_is_none(ensemble: &Ensemble) {
    let server = ensemble.server(0);
    for inner in ["paddock-1", PRESENT] {
        for content in [&b""[..], &[7; 600]] {
            let directory = server.data_dir().join(inner);
            fs::create_dir_all(&directory).expect("it is writable");
            let note = directory.join("conversion");
            fs::write(&note, content).expect("it is writable");
            let before = server.log().len();
            ensemble.places().iter().for_each(|place| ensemble.server(*place).spawn());
            [1, 2].iter().for_each(|place| ensemble.server(*place).wait_until_serving());
            let came = poll_until(DEADLINE, || match server.exit_status() {
                Some(status) => Some(format!("refused, {status}")),
                None => server.mode(),
            });
            let said = server.log().split_off(before);
            let case = format!("{} of {} bytes", note.display(), content.len());
            let came = came.unwrap_or_else(|| panic!("{case}: neither serves nor ends\n{said}"));
            assert!(!came.contains("refused") || said.contains("conversion"), "{case}: {said}");
            assert!(!said.contains("panicked"), "{case}: {said}");
            eprintln!("{case}: {came}");
            ensemble.kill(&ensemble.places());
            // What is not of the present generation goes with all that is in it.
            if inner == PRESENT || note.exists() {
                fs::remove_file(&note).expect("it is still there");
            }
        }
    }
}

/// Who a server is nobody else can tell.
fn refuse_without_a_name(ensemble: &Ensemble) {
    let server = ensemble.server(0);
    let path = server.data_dir().join("myid");
    for text in ["", "\u{1}\n", "1\u{8}"] {
        fs::write(&path, text).expect("it is writable");
        server.spawn();
        let status = poll_until(DEADLINE, || server.exit_status()).expect("it is refused");
        assert!(!status.success());
        let log = server.log();
        let last = log.lines().last().expect("it says why");
        assert!(last.contains("myid"), "{text:?}: {last}");
        server.kill();
    }
}

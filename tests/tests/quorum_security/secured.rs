//! What an ensemble is told whose servers make sure of each other, and what must come of it.

use std::fs;
use std::path::Path;

use paddock_tests::certificates::Authority;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, poll_until};

use crate::ensemble::{Ensemble, Part};

pub const IDS: [u32; 3] = [1, 2, 3];
/// Kinds of three servers, of Paddock alone and with a ZooKeeper in each place: who dials and who is dialled goes by the id.
pub const MIXTURES: [[Kind; 3]; 3] = [
    [Kind::Paddock; 3],
    [Kind::ZooKeeper, Kind::Paddock, Kind::Paddock],
    [Kind::Paddock, Kind::Paddock, Kind::ZooKeeper],
];

/// Three servers, none of which runs.
pub fn three() -> Ensemble {
    Ensemble::of(&[Part::Participant; 3])
}

/// The ensemble with the stores of TLS.
pub fn with_stores(ensemble: Ensemble, authority: &Authority) -> Ensemble {
    stores(&authority.issue("/CN=server", 30).store, &authority.certificate())
        .iter()
        .fold(ensemble, |ensemble, (key, value)| ensemble.config(key, value))
}

/// The lines that name stores.
pub fn stores(key_store: &Path, trust_store: &Path) -> [(&'static str, String); 2] {
    let text = |path: &Path| path.display().to_string();
    [("ssl.quorum.keyStore.location", text(key_store)), ("ssl.quorum.trustStore.location", text(trust_store))]
}

/// A JAAS file for quorum SASL with DIGEST-MD5.
pub fn jaas(directory: &Path, name: &str, password: &str) -> String {
    let module = "org.apache.zookeeper.server.auth.DigestLoginModule required";
    let text = format!(
        "QuorumServer {{ {module} user_test=\"{password}\"; }};\nQuorumLearner {{ {module} username=\"test\" \
         password=\"{password}\"; }};\n"
    );
    let file = directory.join(name);
    fs::write(&file, text).expect("the temporary directory is writable");
    file.display().to_string()
}

/// The ensemble with a JAAS file, and without fips-mode, which has no DIGEST-MD5.
pub fn with_jaas(ensemble: Ensemble, file: &str) -> Ensemble {
    ensemble.jvm_property("java.security.auth.login.config", file).jvm_property("zookeeper.fips-mode", "false")
}

/// Starts servers of these kinds, and waits until one leads the others.
pub fn begin(ensemble: &mut Ensemble, kinds: [Kind; 3]) -> u32 {
    for (id, kind) in IDS.into_iter().zip(kinds) {
        ensemble.begin(id, kind);
    }
    ensemble.wait_for_leader(&IDS)
}

/// What is written at one server is read at each of these.
pub fn assert_serves(ensemble: &Ensemble, ids: &[u32], path: &str) {
    ensemble.connect(ids[0]).ok(&Request::create(path, b"written", flags::PERSISTENT));
    for &id in ids {
        let mut client = ensemble.connect(id);
        client.ok(&Request::sync(path));
        assert_eq!(client.ok(&Request::get_data(path, false)).data(), Some(&b"written"[..]), "server {id}");
    }
}

/// Waits until the log of a server has so many lines with all of these words, and returns them.
pub fn wait_for_lines(ensemble: &Ensemble, id: u32, words: &[&str], count: usize) -> Vec<String> {
    let server = ensemble.server(id);
    let found = poll_until(DEADLINE, || {
        let log = server.log();
        let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
        let lines: Vec<String> = log.lines().filter(has_all).map(str::to_owned).collect();
        (lines.len() >= count).then_some(lines)
    });
    found.unwrap_or_else(|| panic!("server {id} does not say {words:?}; its log ends:\n{}", server.log_tail()))
}

/// A server that runs has no leader for so long that the others have gone on without it.
pub fn assert_stays_out(ensemble: &Ensemble, id: u32) {
    let server = ensemble.server(id);
    assert_eq!(server.exit_status(), None, "{}", server.log_tail());
    assert_eq!(ensemble.mode(id), None, "server {id} serves");
}

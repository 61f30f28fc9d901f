//! From a killed ZooKeeper to a state, and from that to a ZooKeeper.

use std::path::Path;

use paddock_engine::database::Rules;
use paddock_engine::io::Files;
use paddock_engine::tree::{ExtendedTypes, HashSeed};
use paddock_engine::zookeeper::{
    Compression, Directories, Epochs, Recovered, Settings, SnapshotFile, recover, write_data_dir,
};
use paddock_tests::client::Client;
use paddock_tests::installed::current_zookeeper;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, four_letter_word};

use crate::content::{assert_same, of_database, of_server};
use crate::filling::{USER, fill};

fn recovered(data_dir: &Path) -> Recovered {
    let rules = Rules { extended_types: ExtendedTypes::On, ..Rules::default() };
    let settings = Settings {
        seed: HashSeed(*b"sixteen byte key"),
        rules,
        length_max: 2 << 20,
        digests_enabled: true,
        trust_empty_snapshot: false,
    };
    let recovered = recover(&Files::Real, &Directories::new(data_dir, None), &settings);
    let recovered = recovered.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((recovered.passed_over.len(), recovered.orphans), (0, 0));
    assert_eq!(recovered.agreed, Some(recovered.database.last_zxid()), "the digests agree to the end");
    recovered
}

fn zookeeper(class_path: Option<String>, compression: Compression) -> Setup {
    let method = compression.extension().trim_start_matches('.');
    let setup = Setup::new(Kind::ZooKeeper)
        .property("zookeeper.extendedTypesEnabled", "true")
        .property("zookeeper.snapshot.compression.method", method)
        // Several snapshots are taken meanwhile, and the logs go on in new files.
        .property("zookeeper.snapCount", "1500")
        .property("zookeeper.preAllocSize", "256");
    class_path.into_iter().fold(setup, Setup::class_path)
}

/// The session goes on, so that nothing changes by its asking.
fn reattach(server: &Server, client: &Client) -> Client {
    let mut client = Client::reattach(server.address(), &client.session, 0).expect("the session lives on");
    client.ok(&Request::auth("digest", USER));
    client
}

fn there_and_back(class_path: Option<String>, compression: Compression) {
    let server = zookeeper(class_path.clone(), compression).start();
    let [mut client, other] = fill(server.address());
    let before = of_server(&mut client);
    server.kill();

    let found = recovered(&server.data_dir());
    let snapshots = SnapshotFile::list(&Files::Real, &server.data_dir().join("version-2")).expect("it can be listed");
    assert!(snapshots.len() > 2 && found.replayed > 0, "{snapshots:?}");
    assert!(snapshots.iter().all(|file| file.compression == compression), "{snapshots:?}");
    let database = &found.database;
    assert_same(&before, &of_database(database));
    let sessions: Vec<(i64, i32)> = database.sessions().collect();
    let mut expected = [&client, &other].map(|client| (client.session.id, client.session.timeout_ms));
    expected.sort_unstable();
    assert_eq!(sessions, expected);
    assert_eq!(database.ephemeral_count(), 200);

    let (head, zxid) = (database.tree().head(), database.last_zxid());
    let mut back = zookeeper(class_path, compression).prepare();
    let write = write_data_dir(&Files::Real, &back.data_dir(), &head, zxid, &sessions, Epochs::of(zxid), compression);
    write.expect("it can be written");
    back.restart();
    let mut client = reattach(&back, &client);
    assert_same(&before, &of_server(&mut client));
    client.ok(&Request::create("/after", b"", flags::PERSISTENT));
    let told = four_letter_word(back.address(), "mntr", DEADLINE).expect("mntr is answered");
    let mismatches = told.lines().find(|line| line.starts_with("zk_digest_mismatches_count"));
    assert_eq!(mismatches, Some("zk_digest_mismatches_count\t0"));
    let after = of_server(&mut client);
    back.kill();
    // The digest of the last transaction is ZooKeeper's own.
    let again = recovered(&back.data_dir());
    assert_eq!(again.database.last_zxid(), zxid.next());
    assert_same(&after, &of_database(&again.database));
}

#[test]
fn a_zookeeper_3_8_is_read_and_starts_with_what_is_written() {
    there_and_back(None, Compression::None);
}

#[test]
fn a_zookeeper_3_9_is_read_and_starts_with_what_is_written() {
    there_and_back(Some(current_zookeeper()), Compression::None);
}

#[test]
fn snapshots_by_gzip_are_read_and_written() {
    there_and_back(Some(current_zookeeper()), Compression::Gzip);
}

#[test]
fn snapshots_by_snappy_are_read_and_written() {
    there_and_back(Some(current_zookeeper()), Compression::Snappy);
}

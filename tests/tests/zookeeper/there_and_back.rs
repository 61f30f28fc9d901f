//! From a killed ZooKeeper to a state, and from that to a ZooKeeper.

use std::path::Path;

use paddock_consensus::{Epoch, Zxid};
use paddock_engine::database::Rules;
use paddock_engine::io::Files;
use paddock_engine::tree::{ExtendedTypes, HashSeed};
use paddock_engine::zookeeper::{
    Compression, Directories, Epochs, Recovered, Settings, SnapshotFile, recover, write_data_dir,
};
use paddock_tests::client::Client;
use paddock_tests::content::{Content, assert_same, of_server};
use paddock_tests::installed::current_zookeeper;
use paddock_tests::records::{Stat, flags};
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, Server, Setup, four_letter_word, free_port};

use crate::filling::{fill, reattach};
use crate::recovered::of_database;

/// With a hundred znodes each, and more below those.
const DIRECTORIES: usize = 100;

fn recovered(data_dir: &Path) -> Recovered {
    let rules = Rules { extended_types: ExtendedTypes::On, ..Rules::default() };
    let settings = Settings {
        seed: HashSeed(*b"sixteen byte key"),
        rules,
        length_max: 2 << 20,
        digests_enabled: true,
        trust_empty_snapshot: false,
        accept_missing_logs: false,
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

fn there_and_back(class_path: Option<String>, compression: Compression) {
    let server = zookeeper(class_path.clone(), compression).start();
    let [mut client, other] = fill(server.address(), DIRECTORIES);
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
    assert_eq!(Some(again.database.last_zxid()), zxid.next());
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

/// One server that is an ensemble by itself.
fn ensemble() -> Server {
    let [quorum, election] = [free_port(), free_port()];
    let server = zookeeper(Some(current_zookeeper()), Compression::None)
        .config("standaloneEnabled", "false")
        .config("reconfigEnabled", "true")
        .config("initLimit", "10")
        .config("syncLimit", "5")
        .config("server.1", &format!("127.0.0.1:{quorum}:{election}"))
        .property("zookeeper.skipACL", "yes")
        .prepare();
    let data_dir = server.data_dir();
    let myid = std::fs::create_dir_all(&data_dir).and_then(|()| std::fs::write(data_dir.join("myid"), "1"));
    myid.expect("the directory is the test's own");
    server
}

/// A leader writes the configuration into its tree by itself when it begins, without a transaction.
fn without_config_stat(mut content: Content) -> Content {
    content.get_mut("/zookeeper/config").expect("the znode is there").stat = Stat::default();
    content
}

/// Epochs, and a change of the ensemble, which is a transaction of its own kind.
#[test]
fn a_server_of_an_ensemble_is_read_and_written() {
    let mut server = ensemble();
    server.restart();
    let mut client = Client::connect(server.address(), 40_000).expect("a session");
    client.ok(&Request::create("/first", b"of the epoch", flags::PERSISTENT));
    let joining = format!("server.2=127.0.0.1:{}:{}:observer;127.0.0.1:{}", free_port(), free_port(), free_port());
    let text = joining.clone();
    client.ok(&Request::Reconfig { joining: Some(joining), leaving: None, members: None, config_id: -1 });
    client.ok(&Request::create("/second", b"", flags::EPHEMERAL));
    server.kill();
    let first = recovered(&server.data_dir());
    let config = first.database.tree().get("/zookeeper/config").expect("it is always there");
    let data = String::from_utf8_lossy(config.data().unwrap_or_default());
    assert!(data.contains(&text), "{data}");
    assert_eq!(config.stat().mzxid, client.last_zxid - 1);

    server.restart();
    let mut client = reattach(&server, &client);
    client.ok(&Request::create("/third", b"in the next epoch", flags::PERSISTENT));
    let before = without_config_stat(of_server(&mut client));
    server.kill();
    let found = recovered(&server.data_dir());
    let (epoch, database) = (Some(Epoch(2)), &found.database);
    assert_eq!(database.last_zxid(), Zxid(0x2_0000_0001));
    let epochs = found.epochs.expect("they can be read");
    assert_eq!(epochs, Epochs { accepted: epoch, current: epoch });
    assert_same(&before, &without_config_stat(of_database(database)));

    let (head, zxid, sessions) =
        (database.tree().head(), database.last_zxid(), database.sessions().collect::<Vec<_>>());
    let mut back = ensemble();
    let write = write_data_dir(&Files::Real, &back.data_dir(), &head, zxid, &sessions, epochs, Compression::None);
    write.expect("it can be written");
    back.restart();
    let mut client = reattach(&back, &client);
    // The configuration is that of the server's own file.
    let [before, after] = [before, of_server(&mut client)].map(|mut content| {
        assert!(content.remove("/zookeeper/config").is_some());
        content
    });
    assert_same(&before, &after);
    client.ok(&Request::create("/fourth", b"", flags::PERSISTENT));
    back.kill();
    let again = recovered(&back.data_dir());
    assert_eq!(again.database.last_zxid(), Zxid(0x3_0000_0001));
    assert_eq!(again.epochs.expect("they can be read").current, Some(Epoch(3)));
}

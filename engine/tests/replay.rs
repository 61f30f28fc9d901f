//! Transactions that no server would write, as a log or another server can still bring them: their checksums are right.
//! None may panic; each is refused with a reason, or finds nothing to do.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use paddock_consensus::Zxid;
use paddock_engine::acl::AclTable;
use paddock_engine::apply::Effects;
use paddock_engine::database::{Database, Rules};
use paddock_engine::event::EventKind;
use paddock_engine::log::RECORD_BYTES_MAX;
use paddock_engine::replay::ReplayError;
use paddock_engine::request::opcode;
use paddock_engine::tree::{ExtendedTypes, HashSeed, TTL_MAX_MS, Tree};
use paddock_engine::txn::{CreateKind, Txn, TxnHeader, write_digest};

const SESSION: i64 = 0x0100_0000_0000_0001;
const PLAIN: CreateKind = CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false };
const EPHEMERAL: CreateKind = CreateKind::Plain { opcode: opcode::CREATE2, ephemeral: true };

fn rules() -> Rules {
    Rules { extended_types: ExtendedTypes::On, enforce_quota: true, ..Rules::default() }
}

fn create(kind: CreateKind, path: &str) -> Txn<'_> {
    Txn::Create { kind, path: path.into(), data: Some(b"x"), acl: None, parent_cversion: -1 }
}

fn delete(path: &str) -> Txn<'_> {
    Txn::Delete { path: path.into() }
}

fn set_data(path: &str, version: i32) -> Txn<'_> {
    Txn::SetData { path: path.into(), data: None, version }
}

fn header(client: i64, zxid: i64) -> TxnHeader {
    TxnHeader { client, cxid: 1, zxid, time: 1 }
}

fn encoded(header: &TxnHeader, txn: &Txn<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    txn.write(header, &mut bytes);
    bytes
}

/// A server with a session, `/a` with the child `/a/b`, and the session's `/mine`.
fn database() -> Database {
    let mut database = Database::new(HashSeed([7; 16]), rules());
    let txns =
        [Txn::CreateSession { timeout: 4000 }, create(PLAIN, "/a"), create(PLAIN, "/a/b"), create(EPHEMERAL, "/mine")];
    for (zxid, txn) in (1..).zip(&txns) {
        database.replay(Zxid(zxid), &encoded(&header(SESSION, zxid), txn)).unwrap();
    }
    database
}

/// What becomes of a transaction in the next place, from this session.
fn replay_from(client: i64, txn: &Txn<'_>) -> (Result<(), ReplayError>, Database) {
    let mut database = database();
    let zxid = database.last_zxid().next().unwrap();
    let bytes = encoded(&header(client, zxid.0), txn);
    let outcome = catch_unwind(AssertUnwindSafe(|| database.replay(zxid, &bytes)));
    (outcome.unwrap_or_else(|_| panic!("{txn:?} panics")), database)
}

/// The paths of all znodes, by the names that their parents list.
fn listed(tree: &Tree) -> Vec<String> {
    let mut paths = Vec::new();
    tree.for_each(|znode| {
        let parent = if znode.path() == "/" { "" } else { znode.path() };
        paths.extend(znode.children().map(|name| format!("{parent}/{name}")));
    });
    paths.sort();
    paths
}

#[track_caller]
fn refused(txn: &Txn<'_>, because: ReplayError) {
    let (before, digest) = (listed(database().tree()), database().tree().digest());
    let (outcome, after) = replay_from(SESSION, txn);
    assert_eq!(outcome, Err(because), "{txn:?}");
    assert_eq!((listed(after.tree()), after.tree().digest()), (before, digest), "{txn:?}");
    assert_eq!(after.last_zxid(), database().last_zxid(), "{txn:?}");
}

#[test]
fn a_time_to_live_has_its_bounds() {
    for ttl in [0, -1, TTL_MAX_MS + 1, i64::MAX, i64::MIN] {
        refused(&create(CreateKind::Ttl(ttl), "/t"), ReplayError::TimeToLive(ttl));
        let multi = Txn::Multi(vec![create(PLAIN, "/p"), create(CreateKind::Ttl(ttl), "/t")]);
        refused(&multi, ReplayError::TimeToLive(ttl));
    }
    for ttl in [1, TTL_MAX_MS] {
        let (outcome, after) = replay_from(SESSION, &create(CreateKind::Ttl(ttl), "/t"));
        assert_eq!(outcome, Ok(()));
        assert!(after.tree().get("/t").is_some());
    }
}

/// A record of ZooKeeper's, by hand.
#[test]
fn a_reconfiguration_changes_the_data_of_the_configuration() {
    let text = b"server.1=a:1:2:participant\nversion=5";
    let mut bytes = Vec::new();
    bytes.extend(SESSION.to_be_bytes());
    bytes.extend(7i32.to_be_bytes());
    bytes.extend(5i64.to_be_bytes());
    bytes.extend(1234i64.to_be_bytes());
    bytes.extend(16i32.to_be_bytes());
    bytes.extend(17i32.to_be_bytes());
    bytes.extend(b"/zookeeper/config");
    bytes.extend(36i32.to_be_bytes());
    bytes.extend(text);
    bytes.extend((-1i32).to_be_bytes());
    let mut database = database();
    let digest = database.tree().digest();
    bytes.extend(2i32.to_be_bytes());
    bytes.extend(digest.to_be_bytes());

    let read = Txn::read(&bytes, &mut AclTable::default()).unwrap();
    assert!(matches!(&read.txn, Txn::Reconfig { path, .. } if path == "/zookeeper/config"));
    let mut written = encoded(&read.header, &read.txn);
    write_digest(digest, &mut written);
    assert_eq!(written, bytes);

    database.replay(Zxid(5), &bytes).unwrap();
    let config = database.tree().get("/zookeeper/config").unwrap();
    assert_eq!(config.data(), Some(&text[..]));
    let stat = config.stat();
    assert_eq!((stat.version, stat.mzxid, stat.mtime, stat.czxid), (-1, 5, 1234, 0));
    assert_eq!(database.tree().digest(), digest, "what is below /zookeeper does not count");
}

#[test]
fn who_watches_the_configuration_is_told_of_a_change() {
    let mut database = database();
    let reconfig = Txn::Reconfig { path: "/zookeeper/config".into(), data: Some(b"version=5"), version: -1 };
    let mut effects = Effects::default();
    database.apply(&header(SESSION, 5), &reconfig, Some(&mut effects));
    let mut told = Vec::new();
    effects.events.iter().for_each(|event| told.push((event.kind, event.path.to_owned())));
    assert_eq!(told, [(EventKind::DataChanged, "/zookeeper/config".to_owned())]);
}

#[test]
fn a_znode_that_is_created_has_a_path() {
    for path in ["", "/", "a", "a/b", "//", "/a/", "/a//b", "/.", "/a/..", "/\0", "/a/\u{fffd}"] {
        for kind in [PLAIN, EPHEMERAL, CreateKind::Container, CreateKind::Ttl(1)] {
            refused(&create(kind, path), ReplayError::Path(path.to_owned()));
            let multi = Txn::Multi(vec![create(PLAIN, "/p"), create(kind, path)]);
            refused(&multi, ReplayError::Path(path.to_owned()));
        }
    }
    let mut long = "/".to_owned();
    long.extend(std::iter::repeat_n('x', 1 << 20));
    let error = replay_from(SESSION, &create(PLAIN, &format!("{long}/."))).0.unwrap_err().to_string();
    assert!(error.len() < 1000, "a path of any length is told in one line");
}

#[test]
fn what_meets_nothing_changes_nothing() {
    for path in ["", "/", "a", "a/b", "//", "/a/", "/missing", "/missing/b", "/a/b/c", "/a"] {
        for txn in [
            delete(path),
            Txn::DeleteContainer { path: path.into() },
            Txn::Multi(vec![delete(path), delete(path)]),
            Txn::CloseSession { ephemerals: Some(vec![path.into(), path.into()]) },
        ] {
            let (outcome, after) = replay_from(SESSION + 1, &txn);
            assert_eq!(outcome, Ok(()), "{txn:?}");
            assert_eq!(listed(after.tree()), listed(database().tree()), "{txn:?}");
        }
        for txn in [
            set_data(path, i32::MIN),
            Txn::SetAcl { path: path.into(), acl: None, version: -1 },
            Txn::Check { path: path.into(), version: 7 },
        ] {
            assert_eq!(replay_from(SESSION, &txn).0, Ok(()), "{txn:?}");
        }
    }
    for txn in [create(PLAIN, "/missing/b"), create(PLAIN, "/a"), create(EPHEMERAL, "/a/b")] {
        let (outcome, after) = replay_from(SESSION, &txn);
        assert_eq!(outcome, Ok(()), "{txn:?}");
        assert_eq!(listed(after.tree()), listed(database().tree()), "{txn:?}");
    }
}

#[test]
fn odd_numbers_are_numbers() {
    for number in [i32::MIN, -2, -1, 0, i32::MAX] {
        for txn in [
            Txn::Create { kind: PLAIN, path: "/n".into(), data: None, acl: None, parent_cversion: number },
            set_data("/a", number),
            Txn::SetAcl { path: "/a".into(), acl: None, version: number },
            Txn::Error(number),
            Txn::CreateSession { timeout: number },
        ] {
            let (outcome, mut after) = replay_from(SESSION, &txn);
            assert_eq!(outcome, Ok(()), "{txn:?}");
            let zxid = after.last_zxid().next().unwrap();
            assert_eq!(after.replay(zxid, &encoded(&header(SESSION, zxid.0), &create(PLAIN, "/after"))), Ok(()));
        }
    }
    // Sessions that a create can name although nobody has one of them: these values mark what is no ephemeral.
    for client in [0, i64::MIN, -1, 0xff00_0000_0000_0001_u64 as i64, SESSION + 1] {
        for txn in [create(EPHEMERAL, "/e"), Txn::CreateSession { timeout: 1 }, Txn::CloseSession { ephemerals: None }]
        {
            assert_eq!(replay_from(client, &txn).0, Ok(()), "{txn:?}");
        }
    }
}

#[test]
fn bytes_that_are_no_transaction_are_refused() {
    let nested = Txn::Multi(vec![Txn::Multi(vec![])]);
    let sessions = [Txn::CreateSession { timeout: 1 }, Txn::CloseSession { ephemerals: None }];
    refused(&nested, ReplayError::Undecodable);
    sessions.into_iter().for_each(|member| refused(&Txn::Multi(vec![member]), ReplayError::Undecodable));
    let mut database = database();
    let zxid = database.last_zxid().next().unwrap();
    let whole = encoded(&header(SESSION, zxid.0), &create(EPHEMERAL, "/e"));
    for end in 0..whole.len() {
        // A create without its last field is one of an old server.
        let outcome = database.replay(zxid, &whole[..end]);
        assert_eq!(outcome, Err(ReplayError::Undecodable), "cut at {end}");
    }
    for unknown in [-12, 0, 3, 10, 99, i32::MAX] {
        let mut bytes = whole.clone();
        bytes[28..32].copy_from_slice(&i32::to_be_bytes(unknown));
        assert_eq!(database.replay(zxid, &bytes), Err(ReplayError::Undecodable), "type {unknown}");
    }
    assert_eq!(database.last_zxid().next().unwrap(), zxid);
}

#[test]
fn a_transaction_comes_after_the_last_and_is_not_too_long() {
    let mut database = database();
    let last = database.last_zxid();
    for zxid in [i64::MIN, -1, 0, 1, last.0, last.0 + 2, i64::MAX] {
        let outcome = database.replay(Zxid(zxid), &encoded(&header(SESSION, zxid), &Txn::Error(1)));
        assert_eq!(outcome, Err(ReplayError::Gap(last)), "{zxid}");
    }
    let outcome = database.replay(last.next().unwrap(), &encoded(&header(SESSION, last.0), &Txn::Error(1)));
    assert_eq!(outcome, Err(ReplayError::Header(last)));
    let mut long = encoded(&header(SESSION, last.next().unwrap().0), &Txn::Error(1));
    long.resize(RECORD_BYTES_MAX + 1, 0);
    assert_eq!(database.replay(last.next().unwrap(), &long), Err(ReplayError::TooLong(RECORD_BYTES_MAX + 1)));
    let mut other = encoded(&header(SESSION, last.next().unwrap().0), &Txn::Error(1));
    write_digest(0, &mut other);
    let computed = database.tree().digest();
    assert_eq!(database.replay(last.next().unwrap(), &other), Err(ReplayError::Digest { computed, written: 0 }));

    let exhausted = Zxid(i64::MAX);
    let tree = Tree::new(HashSeed([7; 16]), ExtendedTypes::Off);
    let mut full = Database::assemble(tree, BTreeMap::new(), Vec::new(), AclTable::default(), exhausted, rules());
    for zxid in [i64::MAX, i64::MIN] {
        let outcome = full.replay(Zxid(zxid), &encoded(&header(SESSION, zxid), &Txn::Error(1)));
        assert_eq!(outcome, Err(ReplayError::Gap(exhausted)), "{zxid}");
    }
}

/// The stats of a quota are counted over a whole subtree, whatever is in it.
#[test]
fn quotas_are_counted_over_what_was_replayed() {
    let mut database = database();
    let quota = "/zookeeper/quota";
    let paths = [format!("{quota}/a"), format!("{quota}/a/zookeeper_limits"), format!("{quota}/a/zookeeper_stats")];
    let texts: [&[u8]; 3] = [b"", b"count=9223372036854775807,bytes=-9223372036854775808", b"\xff"];
    for (path, text) in paths.iter().zip(texts) {
        let zxid = database.last_zxid().next().unwrap();
        let txn = Txn::Create { kind: PLAIN, path: path.into(), data: Some(text), acl: None, parent_cversion: -1 };
        assert_eq!(database.replay(zxid, &encoded(&header(SESSION, zxid.0), &txn)), Ok(()));
    }
    let extreme = Txn::SetData { path: (&paths[2]).into(), data: Some(texts[1]), version: 1 };
    for txn in [extreme, create(PLAIN, "/a/c"), delete("/a/c"), set_data("/a/b", 1), delete(&paths[1])] {
        let zxid = database.last_zxid().next().unwrap();
        assert_eq!(database.replay(zxid, &encoded(&header(SESSION, zxid.0), &txn)), Ok(()), "{txn:?}");
    }
}

//! Snapshot files: what is written is what is read, and nothing else is read.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use paddock_consensus::{Epoch, Zxid};
use paddock_engine::database::{Database, Rules};
use paddock_engine::io::Files;
use paddock_engine::io::simulated::{FileSystem, Seeded};
use paddock_engine::tree::ExtendedTypes;
use paddock_engine::txn::CreateKind;
use paddock_engine::zookeeper::snapshot::{self, LoadedSnapshot, NotWhole};
use paddock_engine::zookeeper::{
    Compression, Directories, Epochs, FormatError, InputArchive, OutputArchive, RecoveryError, SnapshotFile, recover,
    stream, write_data_dir,
};
use proptest::collection::vec;
use proptest::prelude::{any, proptest};

use super::history::{EPHEMERAL, History, content};
use super::place::{LENGTH_MAX, Place, SEED, rules, settings};
use super::raw::RawSnapshot;

fn read(bytes: &[u8], zxid: Zxid) -> Result<LoadedSnapshot, FormatError> {
    let loaded = snapshot::read(bytes, zxid, LENGTH_MAX, SEED, rules())?;
    loaded.check_digest()?;
    Ok(loaded)
}

fn written(history: &History) -> Vec<u8> {
    let database = &history.database;
    snapshot::write(Vec::new(), &database.tree().head(), database.last_zxid(), &history.sessions()).unwrap()
}

#[test]
fn what_is_written_is_recovered() {
    let history = History::rich();
    let database = &history.database;
    for compression in Compression::ALL {
        let place = Place::new();
        let epochs = Epochs { accepted: Some(Epoch(3)), current: Some(Epoch(2)) };
        let (head, zxid) = (database.tree().head(), database.last_zxid());
        let write =
            || write_data_dir(&Files::Real, place.path(), &head, zxid, &history.sessions(), epochs, compression);
        let path = write().unwrap();
        assert_eq!(SnapshotFile::list(&Files::Real, &place.files()).unwrap()[0].path, path);
        let recovered = recover(&Files::Real, &place.directories(), &settings()).unwrap();
        assert_eq!(content(&recovered.database), history.content());
        assert_eq!((recovered.epochs.unwrap(), recovered.agreed), (epochs, Some(zxid)));
        assert_eq!(std::fs::read(place.files().join("acceptedEpoch")).unwrap(), b"3");
        // What is there stays.
        assert_eq!(write().unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(recover(&Files::Real, &place.directories(), &settings()).unwrap().snapshot.unwrap().path, path);
    }
}

/// The file of a state that has these at its end: the zxid of its digest, and its last zxid.
fn ended(history: &History, digest: Option<Zxid>, last: Option<Zxid>) -> Result<Database, NotWhole> {
    let database = &history.database;
    let mut raw = RawSnapshot::begin(database);
    raw.end(database);
    digest.iter().for_each(|zxid| raw.digest(*zxid, database.tree().digest()));
    last.iter().for_each(|zxid| raw.last_zxid(*zxid));
    snapshot::read(&raw.bytes()[..], database.last_zxid(), LENGTH_MAX, SEED, rules()).unwrap().into_whole()
}

/// What a log would make a state of is not taken for one.
#[test]
fn a_file_alone_has_a_state_where_nobody_wrote_meanwhile() {
    let history = History::rich();
    let last = history.database.last_zxid();
    let before = Zxid(last.0 - 1);
    let whole = ended(&history, Some(last), Some(last)).unwrap();
    assert_eq!(content(&whole), history.content());
    let refused = |digest, at| ended(&history, digest, at).err().expect("it may be anything");
    for zxid in [None, Some(before)] {
        assert!(matches!(refused(Some(last), zxid), NotWhole::NoLastZxid));
        // Of a transaction that came while it was written the digest knows nothing.
        assert!(matches!(refused(zxid, Some(last)), NotWhole::NoDigest));
    }
    let mut raw = RawSnapshot::begin(&history.database);
    raw.end(&history.database);
    raw.digest(last, 7);
    raw.last_zxid(last);
    let loaded = snapshot::read(&raw.bytes()[..], last, LENGTH_MAX, SEED, rules()).unwrap();
    assert!(matches!(loaded.into_whole(), Err(NotWhole::Digest(_))));
}

/// A session that began behind the table of sessions has left an ephemeral, and nobody would ever end it.
#[test]
fn ephemerals_without_a_session_are_no_part_of_a_whole_state() {
    let mut history = History::new();
    history.create(EPHEMERAL, "/mine", None);
    history.create(CreateKind::Ttl(1000), "/ttl", None);
    let bytes = written(&history);
    let whole = |rules| {
        let last = history.database.last_zxid();
        // The table has no session: the count, and then what there were.
        let mut without = bytes[..16].to_vec();
        without.extend([0; 4]);
        without.extend(&bytes[20 + 12 * history.sessions().len()..]);
        snapshot::read(&resealed(&without)[..], last, LENGTH_MAX, SEED, rules).unwrap().into_whole()
    };
    let database = whole(rules()).unwrap();
    assert!(database.tree().get("/mine").is_none() && database.tree().get("/ttl").is_some());
    let without_ttl = Rules { extended_types: ExtendedTypes::Off, ..rules() };
    assert!(matches!(whole(without_ttl), Err(NotWhole::TimeToLive(path)) if path == "/ttl"));
}

/// The same bytes with the checksums that they have now, of a file that has all three parts.
fn resealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let end = bytes.len();
    for behind in [21 + 33, 21, 0] {
        let seal = end - behind - 13;
        let checksum = i64::from(adler2::adler32_slice(&bytes[..seal]));
        bytes[seal..seal + 8].copy_from_slice(&checksum.to_be_bytes());
    }
    bytes
}

#[test]
fn what_an_attempt_has_left_is_written_over() {
    let (history, place) = (History::new(), Place::new());
    let leftover = place.files().join("paddock.tmp");
    std::fs::write(&leftover, [7; 9999]).unwrap();
    let database = &history.database;
    let (head, zxid) = (database.tree().head(), database.last_zxid());
    write_data_dir(&Files::Real, place.path(), &head, zxid, &[], Epochs::of(zxid), Compression::None).unwrap();
    assert!(!leftover.exists());
    assert_eq!(recover(&Files::Real, &place.directories(), &settings()).unwrap().agreed, Some(zxid));
}

#[test]
fn a_power_cut_leaves_all_or_nothing() {
    let history = History::rich();
    let (head, zxid) = (history.database.tree().head(), history.database.last_zxid());
    let machine = FileSystem::new(1);
    let data_dir = Path::new("/data");
    let write = |machine: &FileSystem| {
        let files = Files::Simulated(machine.clone());
        write_data_dir(&files, data_dir, &head, zxid, &history.sessions(), Epochs::of(zxid), Compression::None)
    };
    let left =
        |machine: FileSystem| match recover(&Files::Simulated(machine), &Directories::new(data_dir, None), &settings())
        {
            Ok(recovered) => {
                assert_eq!(content(&recovered.database), history.content());
                assert_eq!(recovered.epochs.unwrap(), Epochs::of(zxid));
                true
            }
            Err(RecoveryError::Nothing(_)) => false,
            Err(error) => panic!("{error}"),
        };
    machine.record();
    write(&machine).unwrap();
    let moments = machine.take_recorded();
    let mut outcomes = BTreeSet::new();
    for moment in &moments {
        outcomes.extend((0..8).map(|seed| left(moment.crashed(&mut Seeded::new(seed)))));
    }
    assert_eq!(outcomes.len(), 2, "of the {} moments some are before it and some behind", moments.len());
    assert!((0..8).all(|seed| left(machine.moment().crashed(&mut Seeded::new(seed)))));
    // A full disk leaves nothing, and can be tried again.
    let machine = FileSystem::new(2);
    machine.set_space(20_000);
    assert_eq!(write(&machine).unwrap_err().kind(), ErrorKind::StorageFull);
    assert!(!left(machine.clone()));
    machine.set_space(1 << 20);
    write(&machine).unwrap();
    assert!(left(machine));
}

#[test]
fn a_stream_ends_where_its_signature_ends() {
    let history = History::rich();
    let mut archive = OutputArchive::new(Vec::new());
    stream::write(&mut archive, &history.database.tree().head(), &history.sessions()).unwrap();
    stream::write_signature(&mut archive).unwrap();
    let mut bytes = archive.finish().unwrap();
    bytes.extend_from_slice(b"what the leader says next");
    let mut rest = &bytes[..];
    let mut archive = InputArchive::new(&mut rest, LENGTH_MAX);
    let read = stream::read(&mut archive, history.database.last_zxid(), SEED, rules()).unwrap();
    stream::read_signature(&mut archive).unwrap();
    assert_eq!(content(&read.database), history.content());
    assert_eq!(rest, b"what the leader says next");
}

#[test]
fn every_version_is_read() {
    let history = History::rich();
    let zxid = history.database.last_zxid();
    let digest = history.database.tree().digest();
    type Appendix<'a> = &'a dyn Fn(&mut RawSnapshot);
    let text_digest = |raw: &mut RawSnapshot| {
        raw.put(|out| {
            use paddock_engine::jute::Write;
            out.put_i64(zxid.0);
            out.put_i32(1);
            out.put_string("12ab");
        });
        raw.seal();
    };
    let versions: [(&str, Appendix<'_>, bool, bool); 6] = [
        ("3.5", &|_| {}, false, false),
        ("a build before 3.6", &text_digest, false, false),
        ("3.6 to 3.8", &|raw| raw.digest(zxid, digest), true, false),
        ("3.9", &|raw| (raw.digest(zxid, digest), raw.last_zxid(zxid)).0, true, true),
        ("3.9 without digests", &|raw| raw.last_zxid(zxid), false, true),
        ("3.9 that has just begun", &|raw| (raw.digest(Zxid(0), 0), raw.last_zxid(zxid)).0, false, true),
    ];
    for (version, appendix, has_digest, has_last) in versions {
        let mut raw = RawSnapshot::begin(&history.database);
        raw.end(&history.database);
        appendix(&mut raw);
        let loaded = read(&raw.bytes(), zxid).unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(content(&loaded.content.database), history.content(), "{version}");
        assert_eq!(loaded.digest.map(|digest| digest.digest), has_digest.then_some(digest), "{version}");
        assert_eq!(loaded.last_zxid, has_last.then_some(zxid), "{version}");
    }
}

/// A 3.4 knows no configuration znode, and counts no quota that nobody asked for.
#[test]
fn what_an_old_state_lacks_is_added() {
    let history = History::new();
    let tree = history.database.tree();
    let mut raw = RawSnapshot::begin(&history.database);
    for path in ["", "/zookeeper", "/zookeeper/quota"] {
        raw.znode(path, tree.get(path).unwrap());
    }
    raw.put(|out| paddock_engine::jute::Write::put_string(out, "/"));
    raw.seal();
    let loaded = read(&raw.bytes(), history.database.last_zxid()).unwrap();
    assert_eq!(content(&loaded.content.database), history.content());
}

#[test]
fn quotas_are_counted_anew() {
    let history = History::rich();
    let mut raw = RawSnapshot::begin(&history.database);
    while raw.step(&history.database) {}
    raw.put(|out| paddock_engine::jute::Write::put_string(out, "/"));
    raw.seal();
    let stats = "/zookeeper/quota/plain/zookeeper_stats";
    let mut bytes = raw.bytes();
    let text = history.database.tree().get(stats).unwrap().data().unwrap().to_owned();
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at..at + 7].copy_from_slice(b"count=9");
    bytes.truncate(bytes.len() - 13);
    let checksum = adler2::adler32_slice(&bytes);
    bytes.extend_from_slice(&u64::from(checksum).to_be_bytes());
    bytes.extend_from_slice(b"\0\0\0\x01/");
    let loaded = read(&bytes, history.database.last_zxid()).unwrap();
    assert_eq!(loaded.content.database.tree().get(stats).unwrap().data().unwrap(), text);
}

#[test]
fn an_invalid_tree_is_refused() {
    let history = History::rich();
    let tree = history.database.tree();
    let refused = |znodes: &[&str], because: &str| {
        let mut raw = RawSnapshot::begin(&history.database);
        for path in znodes {
            raw.znode(path, tree.get("/plain").unwrap());
        }
        raw.put(|out| paddock_engine::jute::Write::put_string(out, "/"));
        raw.seal();
        let error = read(&raw.bytes(), Zxid(1)).err().expect(because).to_string();
        assert!(error.contains(because), "{znodes:?}: {error}");
    };
    refused(&[], "there is no znode /");
    refused(&[""], "there is no znode /zookeeper");
    refused(&["/a"], "has no parent");
    refused(&["", "/a/b"], "has no parent");
    refused(&["", "/a", "/a"], "is there twice");
    refused(&["", ""], "is there twice");
    for path in ["a", "//", "/a/", "/.", "/\u{1}"] {
        refused(&["", path], "invalid path");
    }
}

#[test]
fn every_change_of_a_file_is_found() {
    let mut history = History::new();
    history.create(paddock_engine::txn::CreateKind::Container, "/a", Some(b"data"));
    let (bytes, zxid) = (written(&history), history.database.last_zxid());
    read(&bytes, zxid).unwrap();
    for at in 0..bytes.len() {
        for flip in [1, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            assert!(read(&changed, zxid).is_err(), "byte {at}");
        }
    }
    // The file of an older version is a whole one.
    let whole = [bytes.len(), bytes.len() - 21, bytes.len() - 21 - 33];
    for length in 0..bytes.len() {
        assert_eq!(read(&bytes[..length], zxid).is_ok(), whole.contains(&length), "{length}");
    }
}

fn load(path: &Path) -> Result<LoadedSnapshot, FormatError> {
    snapshot::load(&Files::Real, &SnapshotFile::of(path).unwrap(), LENGTH_MAX, SEED, rules())
}

#[test]
fn a_compressed_file_that_is_cut_is_refused() {
    let mut history = History::new();
    history.create(paddock_engine::txn::CreateKind::Container, "/a", Some(b"data"));
    let (database, sessions) = (&history.database, history.sessions());
    for compression in [Compression::Gzip, Compression::Snappy] {
        let place = Place::new();
        let (head, zxid) = (database.tree().head(), database.last_zxid());
        let path =
            write_data_dir(&Files::Real, place.path(), &head, zxid, &sessions, Epochs::default(), compression).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        load(&path).unwrap().check_digest().unwrap();
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(load(&path).is_err(), "{compression:?} {length}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            // The header of a gzip file has fields that mean nothing.
            let loaded = load(&path).map(|loaded| content(&loaded.content.database));
            assert!(loaded.is_err() || loaded.unwrap() == history.content(), "{compression:?} {at}");
        }
    }
}

#[test]
fn a_length_or_count_that_lies_reserves_nothing() {
    let header = b"ZKSN\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff";
    for lie in [
        &[0x01, 0, 0, 0][..],
        &[0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff],
        &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xff, 0xff, 0xff],
    ] {
        let bytes = [&header[..], lie].concat();
        assert!(matches!(read(&bytes, Zxid(1)), Err(FormatError::CutShort { .. })));
    }
    // Behind these much could follow at almost no length, where the file is compressed.
    for (lie, what) in [
        (&[0x01, 0, 0, 1][..], "16777217 sessions"),
        (&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x01, 0, 0, 0], "16777216 entries"),
    ] {
        let error = read(&[&header[..], lie].concat(), Zxid(1)).err().unwrap().to_string();
        assert!(error.contains(what), "{error}");
    }
    let bytes = [&header[..], &[0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]].concat();
    let error = read(&bytes, Zxid(1)).err().unwrap().to_string();
    assert_eq!(error, "it is damaged at byte 28: a length of 2147483647 bytes, where jute.maxbuffer admits 1048576");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..600), header in any::<bool>()) {
        let header: &[u8] = if header { b"ZKSN\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0" } else { b"" };
        let _ = read(&[header, &bytes].concat(), Zxid(1));
    }

    /// With a checksum that is right again, so that what is inside is looked at.
    #[test]
    fn no_change_panics(at in any::<proptest::sample::Index>(), bytes in vec(any::<u8>(), 1..6)) {
        let history = History::rich();
        let mut snapshot = written(&history);
        snapshot.truncate(snapshot.len() - 21 - 33 - 13);
        let at = at.index(snapshot.len() - bytes.len());
        snapshot[at..at + bytes.len()].copy_from_slice(&bytes);
        let checksum = adler2::adler32_slice(&snapshot);
        snapshot.extend_from_slice(&u64::from(checksum).to_be_bytes());
        snapshot.extend_from_slice(b"\0\0\0\x01/");
        let _ = read(&snapshot, history.database.last_zxid());
    }
}

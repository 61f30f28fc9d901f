//! Log files: what is written is what is read, a torn end is an end, and damage is no transaction.

use paddock_consensus::Zxid;
use paddock_engine::acl::AclTable;
use paddock_engine::io::Files;
use paddock_engine::request::opcode;
use paddock_engine::txn::{CreateKind, Txn};
use paddock_engine::zookeeper::log::{Entry, LogReader, LogWriter};
use paddock_engine::zookeeper::{FormatError, LogFile};
use proptest::collection::vec;
use proptest::prelude::{any, proptest};

use super::history::History;
use super::place::{LENGTH_MAX, Place};

/// How the reading of a log ended.
#[derive(PartialEq, Eq, Debug)]
enum Ending {
    End(u64),
    Torn(u64),
    Damaged,
}

fn read(bytes: &[u8]) -> Option<(Vec<Vec<u8>>, Ending)> {
    let mut reader = LogReader::new(bytes, LENGTH_MAX).ok()?;
    let mut txns = Vec::new();
    loop {
        match reader.read_entry() {
            Ok(Entry::Record { txn, .. }) => txns.push(txn.to_owned()),
            Ok(Entry::End { offset }) => return Some((txns, Ending::End(offset))),
            Ok(Entry::Torn { offset }) => return Some((txns, Ending::Torn(offset))),
            Err(FormatError::Damaged { .. }) => return Some((txns, Ending::Damaged)),
            Err(error) => panic!("{error}"),
        }
    }
}

fn write(records: &[(Zxid, Vec<u8>)], pre_alloc_size: u64) -> Vec<u8> {
    let place = Place::new();
    let mut log = LogWriter::create(&Files::Real, place.path(), records[0].0, pre_alloc_size).unwrap();
    for (_, record) in records {
        log.append(record).unwrap();
    }
    log.sync().unwrap();
    std::fs::read(place.path().join(LogFile::name(records[0].0))).unwrap()
}

/// The create of `/a` with the data `hello`, in the bytes that a ZooKeeper 3.9 writes.
#[test]
fn a_record_of_zookeepers_is_read() {
    const RECORD: &str = "00000000b3e50b6e0000005b0000000100000001000000050000000100000002\
        0000018bcfe5680000000001000000022f610000000568656c6c6f000000010000001f00000005776f726c64\
        00000006616e796f6e65000000000100000002000000021 3ac264842";
    let digits: Vec<u8> = RECORD.bytes().filter(u8::is_ascii_hexdigit).collect();
    let record = digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap());
    let bytes: Vec<u8> = b"ZKLG\0\0\0\x02\0\0\0\0\0\0\0\0".iter().copied().chain(record).collect();
    let mut reader = LogReader::new(&bytes[..], LENGTH_MAX).unwrap();
    let Entry::Record { offset: 16, zxid: Zxid(0x1_0000_0002), txn } = reader.read_entry().unwrap() else { panic!() };
    let read = Txn::read(txn, &mut AclTable::default()).unwrap();
    assert_eq!((read.header.client, read.header.cxid, read.digest), (0x1_0000_0001, 5, Some(0x2_13ac_2648)));
    let Txn::Create { kind, path, data, .. } = read.txn else { panic!() };
    assert_eq!(kind, CreateKind::Plain { opcode: opcode::CREATE, ephemeral: false });
    assert_eq!((&*path, data), ("/a", Some(&b"hello"[..])));
    assert_eq!(write(&[(Zxid(0x1_0000_0002), txn.to_owned())], 0), bytes);
    assert_eq!(reader.read_entry().unwrap(), Entry::End { offset: 16 + 104 });
}

#[test]
fn what_is_written_is_what_is_read() {
    let history = History::rich();
    let expected: Vec<Vec<u8>> = history.records.iter().map(|(_, record)| record.clone()).collect();
    let length = 16 + expected.iter().map(|record| record.len() as u64 + 13).sum::<u64>();
    assert_eq!(write(&history.records, 0).len() as u64, length);
    for pre_alloc_size in [0, 1, 5000, 1 << 16, 1 << 20] {
        let bytes = write(&history.records, pre_alloc_size);
        assert_eq!(read(&bytes).unwrap(), (expected.clone(), Ending::End(length)), "{pre_alloc_size}");
    }
    // A file may end within the padding, anywhere.
    for padding in 0..14 {
        let bytes = [write(&history.records, 0), vec![0; padding]].concat();
        assert_eq!(read(&bytes).unwrap().1, Ending::End(length), "{padding}");
    }
    // The long record goes beyond what was made ahead: the next multiple has room for it.
    assert_eq!(write(&history.records[..20], 1 << 16).len() % (1 << 16), 0);
}

#[test]
fn a_torn_end_is_told() {
    let mut history = History::new();
    history.create(CreateKind::Container, "/a", Some(b"data"));
    let bytes = write(&history.records, 0);
    let mut ends = vec![16];
    for (_, record) in &history.records {
        ends.push(ends[ends.len() - 1] + record.len() + 13);
    }
    for length in 0..=bytes.len() {
        let whole = ends.iter().filter(|end| **end <= length).count();
        let cut = read(&bytes[..length]);
        if whole == 0 {
            assert_eq!(cut, None);
            continue;
        }
        let end = ends[whole - 1];
        // A record begins with zeros, which may be padding too.
        let is_padding = bytes[end..length].iter().all(|byte| *byte == 0);
        let expected = if is_padding { Ending::End(end as u64) } else { Ending::Torn(end as u64) };
        let (txns, ending) = cut.unwrap();
        assert_eq!((txns.len(), ending), (whole - 1, expected), "{length}");
        // The rest was made ahead, and never written.
        let zeroed = [&bytes[..length], &[0; 5000]].concat();
        let (txns, ending) = read(&zeroed).unwrap();
        assert_eq!(txns.len(), whole - 1, "{length}");
        assert_ne!(ending, Ending::Damaged, "{length}");
    }
}

#[test]
fn no_changed_record_is_given_out() {
    let mut history = History::new();
    history.create(CreateKind::Container, "/a", Some(b"data"));
    let bytes = write(&history.records, 5000);
    let length = 16 + history.records.iter().map(|(_, record)| record.len() + 13).sum::<usize>();
    for at in 0..length {
        for flip in [1, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            let Some((txns, ending)) = read(&changed) else { continue };
            assert!(txns.iter().zip(&history.records).all(|(txn, (_, record))| txn == record), "{at}");
            // The identity of the database means nothing.
            let is_whole = txns.len() == history.records.len() && ending == Ending::End(length as u64);
            assert_eq!(is_whole, (8..16).contains(&at), "{at}");
        }
    }
}

#[test]
fn a_record_without_room_for_a_header_is_damage() {
    let bytes = write(&[(Zxid(1), vec![1; 31])], 0);
    assert_eq!(read(&bytes).unwrap(), (vec![], Ending::Damaged));
    for length in [-1i32, -2, i32::MAX, LENGTH_MAX as i32 + 1] {
        let bytes = [&bytes[..24], &length.to_be_bytes()].concat();
        assert_eq!(read(&bytes).unwrap(), (vec![], Ending::Damaged));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..600), header in any::<bool>()) {
        let header: &[u8] = if header { b"ZKLG\0\0\0\x02\0\0\0\0\0\0\0\0" } else { b"" };
        let _ = read(&[header, &bytes].concat());
    }
}

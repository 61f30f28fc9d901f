//! Frames that are none, handshakes that are none, and bytes at random.
use crate::wire::{FRAME_MAX, TIMEOUT_MS, Wire, assert_stands, client, hello, record, request, server};
use paddock_tests::client::{Client, ClientError, Hello, frame};
use paddock_tests::random::Random;
use paddock_tests::records::{err, flags};
use paddock_tests::request::Request;
use std::io::Read;

/// Lengths that close a connection as soon as they have come.
const BAD_LENGTHS: [i32; 6] = [-1, -2, i32::MIN, i32::MAX, FRAME_MAX as i32 + 1, 0x4745_5420];
const MUTATIONS: usize = 3_000;
/// Always the same, so that a failure comes again.
const SEED: u64 = 0x5eed;

#[test]
fn bad_lengths_before_the_handshake_close() {
    let server = server();
    for length in BAD_LENGTHS.into_iter().chain([0, 1, 27]) {
        let mut wire = Wire::open(server.address());
        wire.send(&length.to_be_bytes());
        wire.send(&vec![0; usize::try_from(length).unwrap_or(0).min(64)]);
        assert_eq!(wire.read_to_close(), [], "length {length}");
    }
    assert_stands(&server);
}

#[test]
fn bad_lengths_after_the_handshake_close_and_the_session_goes_on() {
    let server = server();
    let mut session = client(&server).session;
    for length in BAD_LENGTHS.into_iter().chain([0, 1, 7]) {
        let mut client = Client::reattach(server.address(), &session, 0).expect("the session lives");
        client.queue_raw(&length.to_be_bytes());
        client.queue_raw(&vec![0; usize::try_from(length).unwrap_or(0).min(64)]);
        client.flush().expect("the bytes are taken");
        client.expect_close().unwrap_or_else(|error| panic!("length {length}: {error}"));
        session = client.session;
    }
    let mut client = Client::reattach(server.address(), &session, 0).expect("the session lives");
    assert_eq!(client.call(&Request::ping()).expect("it is served").err, err::OK);
    assert_stands(&server);
}

#[test]
fn the_longest_frame_is_taken_and_one_byte_more_is_not() {
    let server = server();
    let mut client = client(&server);
    client.call(&Request::create("/a", b"", flags::PERSISTENT)).expect("a reply");
    // xid, opcode, the path and its length, the data's length, the version.
    let room = FRAME_MAX - (4 + 4 + 4 + 2 + 4 + 4);
    assert_eq!(client.call(&Request::set_data("/a", &vec![1; room], -1)).expect("a reply").err, err::OK);
    client.queue(&Request::set_data("/a", &vec![2; room + 1], -1));
    // The server may close before all has been sent.
    let _ = client.flush();
    client.expect_close().expect("the server closes");
    assert_stands(&server);
}

/// An official test of ZooKeeper sends a handshake of 45 bytes behind a length of 44: the byte too many makes the next
/// length zero.
#[test]
fn a_stray_byte_behind_the_handshake_closes() {
    let server = server();
    let mut bytes = hello();
    bytes[3] -= 1;
    bytes.extend_from_slice(&request(1, &Request::get_data("/", false)));
    let mut wire = Wire::open(server.address());
    wire.send(&bytes);
    let welcome = wire.read_to_close();
    assert!(welcome.is_empty() || welcome.len() == 40, "{} bytes besides the welcome", welcome.len());
    assert_stands(&server);
}

#[test]
fn first_frames_that_are_no_handshake_close() {
    let server = server();
    let starts: [Vec<u8>; 5] = [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"ruo\0".to_vec(),
        request(1, &Request::get_data("/", false)),
        frame(&record(|out| {
            out.i32(0).i64(0).i32(TIMEOUT_MS).i64(0).i32(-2);
        })),
    ];
    for start in starts {
        let mut wire = Wire::open(server.address());
        wire.send(&start);
        assert_eq!(wire.read_to_close(), [], "after {start:02x?}");
    }
    assert_stands(&server);
}

#[test]
fn handshakes_with_odd_fields() {
    let server = server();
    let greet = |change: &dyn Fn(&mut Hello)| {
        let mut hello = Hello::new_session(TIMEOUT_MS);
        change(&mut hello);
        Client::greet(server.address(), &hello)
    };
    for length in [0, 1, 15, 17, 1000, FRAME_MAX - 45] {
        let welcomed = greet(&|hello| hello.password = Some(vec![7; length]));
        welcomed.unwrap_or_else(|error| panic!("a new session with a password of {length} bytes: {error}"));
    }
    greet(&|hello| hello.password = None).expect("a new session needs no password");
    greet(&|hello| hello.read_only = None).expect("clients before 3.4 have no flag");
    greet(&|hello| hello.last_zxid = i64::MIN).expect("less than nothing has been seen");
    for (asked, least_or_most) in [(0, 4_000), (-1, 4_000), (i32::MIN, 4_000), (i32::MAX, 40_000)] {
        let welcomed = greet(&|hello| hello.timeout_ms = asked).expect("every timeout is clamped");
        assert_eq!(welcomed.session.timeout_ms, least_or_most, "asked for {asked}");
    }
    for ahead in [1 << 40, i64::MAX] {
        let dropped = greet(&|hello| hello.last_zxid = ahead);
        assert!(matches!(dropped, Err(ClientError::Closed)), "zxid {ahead:#x}: {dropped:?}");
    }
    for id in [1, -1, i64::MIN, i64::MAX] {
        let refused = greet(&|hello| hello.session_id = id);
        assert!(matches!(refused, Err(ClientError::Refused)), "session {id:#x}: {refused:?}");
    }
    let session = client(&server).session;
    for length in [0, 15, 17] {
        let refused = greet(&|hello| {
            hello.session_id = session.id;
            hello.password = Some(vec![0; length]);
        });
        assert!(matches!(refused, Err(ClientError::Refused)), "a password of {length} bytes: {refused:?}");
    }
    Client::reattach(server.address(), &session, 0).expect("wrong passwords leave the session alone");
    assert_stands(&server);
}

#[test]
fn one_byte_at_a_time_is_as_good_as_all_at_once() {
    let server = server();
    let mut bytes = hello();
    bytes.extend_from_slice(&request(1, &Request::create("/slow", b"data", flags::PERSISTENT)));
    bytes.extend_from_slice(&request(2, &Request::get_data("/slow", false)));
    let mut wire = Wire::open(server.address());
    for byte in bytes {
        wire.send(&[byte]);
    }
    // The welcome, the path of the create, data and Stat of the read.
    let mut replies = vec![0; 41 + (4 + 16 + 4 + 5) + (4 + 16 + 4 + 4 + 68)];
    wire.stream.read_exact(&mut replies).expect("both are answered");
    assert_eq!(&replies[replies.len() - 72..replies.len() - 68], b"data");
    assert_stands(&server);
}

/// What mutations start from: one of each kind of request.
fn valid_frames() -> Vec<Vec<u8>> {
    let requests = [
        Request::create("/m", b"data", flags::EPHEMERAL_SEQUENTIAL),
        Request::create2("/m", b"", flags::PERSISTENT),
        Request::delete("/m", -1),
        Request::exists("/m", true),
        Request::get_data("/zookeeper", true),
        Request::set_data("/m", b"other", 3),
        Request::get_acl("/m"),
        Request::SetAcl { path: Some("/m".into()), acl: Some(paddock_tests::records::Acl::open()), version: -1 },
        Request::get_children("/", true),
        Request::get_children2("/", false),
        Request::sync("/"),
        Request::ping(),
        Request::multi(vec![Request::create("/n", b"", 0), Request::check("/n", 0), Request::delete("/n", -1)]),
        Request::auth("digest", b"user:password"),
        Request::SetWatches {
            relative_zxid: 0,
            data: vec!["/a".into(), "/".into()],
            exist: vec!["/b".into()],
            child: vec!["/".into()],
        },
        Request::close(),
    ];
    requests.iter().zip(1..).map(|(one, xid)| request(xid, one)).collect()
}

/// Changes bytes, cuts, doubles, or puts a wild integer somewhere; keeps the length true half of the time.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        if bytes.len() < 5 {
            return;
        }
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] = random.word() as u8,
            1 => bytes.truncate(at),
            2 => bytes.insert(at, random.word() as u8),
            3 if at + 4 <= bytes.len() => {
                let wild = *random.pick(&[-1, -2, i32::MIN, i32::MAX, 0, 1, 0xffff, FRAME_MAX as i32]);
                bytes[at..at + 4].copy_from_slice(&wild.to_be_bytes());
            }
            _ => bytes[at] ^= 1 << random.below(8),
        }
    }
    if random.one_in(2) && bytes.len() >= 4 {
        let length = i32::try_from(bytes.len() - 4).expect("frames are short");
        bytes[..4].copy_from_slice(&length.to_be_bytes());
    }
}

#[test]
fn random_mutations_of_valid_frames_harm_nobody() {
    let server = server();
    let mut random = Random::new(SEED);
    let frames = valid_frames();
    for _ in 0..MUTATIONS {
        let mut wire = Wire::open(server.address());
        let mut bytes = hello();
        if random.one_in(8) {
            mutate(&mut random, &mut bytes);
        }
        for _ in 0..random.below(6) {
            let mut frame = random.pick(&frames).clone();
            if random.one_in(2) {
                mutate(&mut random, &mut frame);
            }
            bytes.extend_from_slice(&frame);
        }
        wire.send(&bytes);
        wire.end();
        wire.read_to_close();
    }
    assert_stands(&server);
}

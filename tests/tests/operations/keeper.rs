//! ClickHouse Keeper's operations, frame by frame: who may ask, what the bytes are, and that nobody else is troubled.
use crate::wire::{ask, assert_unknown, client, create, done};
use paddock_tests::client::{Client, frame};
use paddock_tests::jute::{Reader, Writer};
use paddock_tests::records::{Acl, Stat, err, flags, op, read_stat, write_acl};
use paddock_tests::reply::Body;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, Server, Setup};
use std::io::{Read, Write};

const FILTERED_LIST: i32 = 500;
const CHECK_NOT_EXISTS: i32 = 501;
const CREATE_IF_NOT_EXISTS: i32 = 502;
const REMOVE_RECURSIVE: i32 = 503;
const CHECK_STAT: i32 = 504;
const TRY_REMOVE: i32 = 505;
const FILTERED_LIST_WITH_STATS_AND_DATA: i32 = 506;
const FLAGS: &str = "/keeper/feature_flags";
const VERSION: &str = "/keeper/api_version";
const XID: i32 = 77;

fn server() -> Server {
    Setup::new(Kind::Paddock).start()
}

fn path_flag(path: &str, flag: bool) -> Vec<u8> {
    record(|out| {
        out.string(Some(path)).bool(flag);
    })
}

fn record(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::default();
    write(&mut out);
    out.bytes
}

/// A client that has asked what there is, and from then on speaks in bytes.
struct Keeper(Client);

impl Keeper {
    fn connect(server: &Server) -> Keeper {
        let mut client = client(server);
        let Body::Data(Some(flags), _) = done(&mut client, &Request::get_data(FLAGS, false)) else {
            panic!("no flags")
        };
        assert_eq!(flags, [0xff, 0xe0, 0]);
        Keeper(client)
    }

    /// The code, and the bytes behind the header.
    fn ask(&mut self, opcode: i32, body: &[u8]) -> (i32, Vec<u8>) {
        let mut request = record(|out| {
            out.i32(XID).i32(opcode);
        });
        request.extend_from_slice(body);
        let mut stream = self.0.stream();
        stream.write_all(&frame(&request)).expect("the server reads");
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length).expect("the server answers");
            let mut reply = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut reply).expect("the server answers");
            let mut reader = Reader::new(&reply);
            let (xid, _, err) = (reader.i32().unwrap(), reader.i64().unwrap(), reader.i32().unwrap());
            if xid == XID {
                return (err, reply[16..].to_vec());
            }
        }
    }

    /// The bytes behind the header of a reply that must be a success.
    fn done(&mut self, opcode: i32, body: &[u8]) -> Vec<u8> {
        let (err, body) = self.ask(opcode, body);
        assert_eq!(err, err::OK, "{opcode}");
        body
    }

    fn stat(&mut self, path: &str) -> Stat {
        let body = self.done(op::EXISTS, &path_flag(path, false));
        read_stat(&mut Reader::new(&body)).expect("a Stat")
    }

    fn exists(&mut self, path: &str) -> bool {
        self.ask(op::EXISTS, &path_flag(path, false)).0 == err::OK
    }

    fn create(&mut self, path: &str, data: &str, flags: i32) {
        self.done(op::CREATE, &create_record(path, data, flags));
    }
}

fn create_record(path: &str, data: &str, flags: i32) -> Vec<u8> {
    record(|out| {
        write_acl(out.string(Some(path)).buffer(Some(data.as_bytes())), Some(&Acl::open()));
        out.i32(flags);
    })
}

fn versioned(path: &str, version: i32) -> Vec<u8> {
    record(|out| {
        out.string(Some(path)).i32(version);
    })
}

fn filtered(path: &str, filter: u8) -> Vec<u8> {
    let mut body = path_flag(path, false);
    body.push(filter);
    body
}

fn stat_record(path: &str, version: i32, stat: &[u8]) -> Vec<u8> {
    let mut body = versioned(path, version);
    body.extend_from_slice(stat);
    body
}

fn multi(members: &[(i32, Vec<u8>)]) -> Vec<u8> {
    record(|out| {
        for (opcode, member) in members {
            out.i32(*opcode).bool(false).i32(-1);
            out.bytes.extend_from_slice(member);
        }
        out.i32(-1).bool(true).i32(-1);
    })
}

fn names(reader: &mut Reader<'_>) -> Vec<String> {
    let mut names: Vec<String> =
        reader.vector(Reader::string).unwrap().unwrap().into_iter().map(Option::unwrap).collect();
    names.sort();
    names
}

#[test]
fn who_has_not_asked_may_not_use_them() {
    let server = server();
    let opcodes = [
        FILTERED_LIST,
        CHECK_NOT_EXISTS,
        CREATE_IF_NOT_EXISTS,
        REMOVE_RECURSIVE,
        CHECK_STAT,
        TRY_REMOVE,
        FILTERED_LIST_WITH_STATS_AND_DATA,
    ];
    for opcode in opcodes {
        assert_unknown(client(&server), &Request::Raw { opcode, body: versioned("/a", -1) });
    }
    let mut stranger = client(&server);
    let members = Request::Raw { opcode: op::MULTI, body: multi(&[(CHECK_NOT_EXISTS, versioned("/a", -1))]) };
    assert_eq!(ask(&mut stranger, &members).err, err::MARSHALLING);
    assert_unknown(Keeper::connect(&server).0, &Request::Raw { opcode: 508, body: vec![] });
}

#[test]
fn what_there_is_is_told_to_who_asks_and_shows_nowhere() {
    let server = server();
    let mut client = client(&server);
    let Body::Data(Some(version), stat) = done(&mut client, &Request::get_data(VERSION, true)) else { panic!() };
    assert_eq!((&*version, stat.data_length, stat.num_children), (&b"3"[..], 1, 0));
    for path in ["/keeper", FLAGS, VERSION] {
        assert_eq!(ask(&mut client, &Request::exists(path, false)).err, err::NO_NODE, "{path}");
    }
    assert_eq!(
        done(&mut client, &Request::get_children("/", false)),
        Body::Names(Some(vec![Some("zookeeper".into())]))
    );
    done(&mut client, &create(op::CREATE, "/keeper", 0));
    done(&mut client, &Request::create(FLAGS, b"real", flags::PERSISTENT));
    let Body::Data(data, _) = done(&mut client, &Request::get_data(FLAGS, false)) else { panic!() };
    assert_eq!(data.as_deref(), Some(&b"real"[..]), "a real znode goes before");
}

#[test]
fn filtered_lists() {
    let server = server();
    let mut keeper = Keeper::connect(&server);
    for (path, data, flags) in [("/a", "", 0), ("/a/p", "12", 0), ("/a/e", "123", flags::EPHEMERAL)] {
        keeper.create(path, data, flags);
    }
    let parent = keeper.stat("/a");
    for (filter, listed) in [(0, vec!["e", "p"]), (1, vec!["p"]), (2, vec!["e"])] {
        let body = keeper.done(FILTERED_LIST, &filtered("/a", filter));
        let mut reader = Reader::new(&body);
        assert_eq!(names(&mut reader), listed);
        assert_eq!(read_stat(&mut reader).unwrap(), parent);
        reader.finish().unwrap();
    }
    assert_eq!(keeper.ask(FILTERED_LIST, &filtered("/a", 3)).0, err::MARSHALLING);
    assert_eq!(keeper.ask(FILTERED_LIST, &filtered("/missing", 0)).0, err::NO_NODE);

    let child = keeper.stat("/a/e");
    let with = |stat, data| {
        let mut body = filtered("/a", 2);
        body.extend_from_slice(&[stat, data]);
        body
    };
    let body = keeper.done(FILTERED_LIST_WITH_STATS_AND_DATA, &with(1, 1));
    let mut reader = Reader::new(&body);
    assert_eq!(names(&mut reader), ["e"]);
    assert_eq!(read_stat(&mut reader).unwrap(), parent);
    assert_eq!(reader.vector(read_stat).unwrap(), Some(vec![child]));
    assert_eq!(reader.vector(Reader::buffer).unwrap(), Some(vec![Some(b"123".to_vec())]));
    reader.finish().unwrap();
    let body = keeper.done(FILTERED_LIST_WITH_STATS_AND_DATA, &with(0, 0));
    let mut reader = Reader::new(&body);
    assert_eq!(names(&mut reader), ["e"]);
    read_stat(&mut reader).unwrap();
    assert_eq!((reader.i32(), reader.i32()), (Ok(0), Ok(0)), "places without anything in them");
    reader.finish().unwrap();
}

#[test]
fn writes_have_the_replies_of_keeper() {
    let server = server();
    let mut keeper = Keeper::connect(&server);
    for _ in 0..2 {
        let body = keeper.done(CREATE_IF_NOT_EXISTS, &create_record("/a", "", 0));
        assert_eq!(Reader::new(&body).string().unwrap().as_deref(), Some("/a"));
    }
    keeper.create("/a/b", "", 0);
    assert_eq!(keeper.ask(REMOVE_RECURSIVE, &versioned("/a", 1)), (err::NOT_EMPTY, vec![]));
    assert_eq!(keeper.ask(TRY_REMOVE, &versioned("/a", -1)), (err::OK, vec![]));
    assert!(keeper.exists("/a/b"));
    assert_eq!(keeper.ask(REMOVE_RECURSIVE, &versioned("/a", 2)), (err::OK, vec![]));
    assert!(!keeper.exists("/a"));
    keeper.create("/t", "", 0);
    assert_eq!(keeper.ask(TRY_REMOVE, &versioned("/t", 0)), (err::OK, vec![]));
    assert!(!keeper.exists("/t"));
    assert_eq!(keeper.ask(REMOVE_RECURSIVE, &[0, 0]).0, err::MARSHALLING);
    assert_eq!(keeper.ask(REMOVE_RECURSIVE, &versioned("/", -1)).0, err::BAD_ARGUMENTS);
}

#[test]
fn checks_stand_alone_too() {
    let server = server();
    let mut keeper = Keeper::connect(&server);
    assert_eq!(keeper.ask(CHECK_NOT_EXISTS, &versioned("/a", -1)), (err::OK, vec![]));
    keeper.create("/a", "123", 0);
    assert_eq!(keeper.ask(CHECK_NOT_EXISTS, &versioned("/a", -1)).0, err::NODE_EXISTS);
    assert_eq!(keeper.ask(CHECK_NOT_EXISTS, &versioned("/a", 3)).0, err::OK);
    let stat = keeper.done(op::EXISTS, &path_flag("/a", false));
    assert_eq!(keeper.ask(CHECK_STAT, &stat_record("/a", 0, &stat)), (err::OK, vec![]));
    assert_eq!(keeper.ask(CHECK_STAT, &stat_record("/a", 1, &stat)).0, err::BAD_VERSION);
    assert_eq!(keeper.ask(CHECK_STAT, &stat_record("/b", -1, &stat)).0, err::NO_NODE);
    keeper.create("/a/b", "", 0);
    assert_eq!(keeper.ask(CHECK_STAT, &stat_record("/a", 0, &stat)).0, err::BAD_VERSION);
    assert_eq!(keeper.ask(CHECK_STAT, &stat_record("/a", 0, &[0xff; 68])).0, err::OK);
}

#[test]
fn members_of_multis_have_their_own_types() {
    let server = server();
    let mut keeper = Keeper::connect(&server);
    keeper.create("/a", "", 0);
    keeper.create("/a/b", "", 0);
    let members = multi(&[
        (CHECK_NOT_EXISTS, versioned("/new", -1)),
        (CREATE_IF_NOT_EXISTS, create_record("/a", "", 0)),
        (CREATE_IF_NOT_EXISTS, create_record("/new", "", 0)),
        (REMOVE_RECURSIVE, versioned("/a", 100)),
        (TRY_REMOVE, versioned("/a", -1)),
        (CHECK_STAT, stat_record("/new", 0, &[0xff; 68])),
        (op::DELETE, versioned("/new", 0)),
    ]);
    let expected = record(|out| {
        out.i32(CHECK_NOT_EXISTS).bool(false).i32(0);
        out.i32(CREATE_IF_NOT_EXISTS).bool(false).i32(0).string(Some("/a"));
        out.i32(CREATE_IF_NOT_EXISTS).bool(false).i32(0).string(Some("/new"));
        for opcode in [REMOVE_RECURSIVE, TRY_REMOVE, CHECK_STAT, op::DELETE] {
            out.i32(opcode).bool(false).i32(0);
        }
        out.i32(-1).bool(true).i32(-1);
    });
    assert_eq!(keeper.done(op::MULTI, &members), expected);
    assert!(!keeper.exists("/a") && !keeper.exists("/new"));
    let failing = multi(&[(CREATE_IF_NOT_EXISTS, create_record("/a", "", 0)), (CHECK_NOT_EXISTS, versioned("/a", -1))]);
    let expected = record(|out| {
        for code in [0, err::NODE_EXISTS] {
            out.i32(-1).bool(false).i32(code).i32(code);
        }
        out.i32(-1).bool(true).i32(-1);
    });
    assert_eq!(keeper.done(op::MULTI, &failing), expected);
    assert!(!keeper.exists("/a"));
}

#[test]
fn multi_read_takes_keepers_members_and_their_watches() {
    let server = server();
    let mut keeper = Keeper::connect(&server);
    keeper.create("/a", "123", 0);
    let members = multi(&[
        (op::EXISTS, path_flag("/a", false)),
        (op::GET_DATA, path_flag("/missing", false)),
        (FILTERED_LIST, filtered("/", 1)),
        (op::GET_DATA, path_flag("/a", true)),
    ]);
    let stat = keeper.done(op::EXISTS, &path_flag("/a", false));
    let root = keeper.done(op::EXISTS, &path_flag("/", false));
    let body = keeper.done(op::MULTI_READ, &members);
    let mut reader = Reader::new(&body);
    let header = |reader: &mut Reader<'_>| (reader.i32().unwrap(), reader.bool().unwrap(), reader.i32().unwrap());
    assert_eq!(header(&mut reader), (op::EXISTS, false, 0));
    assert_eq!(read_stat(&mut reader), read_stat(&mut Reader::new(&stat)));
    assert_eq!((header(&mut reader), reader.i32()), ((-1, false, err::NO_NODE), Ok(err::NO_NODE)));
    assert_eq!(header(&mut reader), (op::GET_CHILDREN2, false, 0));
    assert_eq!(names(&mut reader), ["a", "zookeeper"]);
    assert_eq!(read_stat(&mut reader), read_stat(&mut Reader::new(&root)));
    assert_eq!(header(&mut reader), (op::GET_DATA, false, 0));
    assert_eq!(reader.buffer().unwrap().as_deref(), Some(&b"123"[..]));
    assert_eq!(read_stat(&mut reader), read_stat(&mut Reader::new(&stat)));
    assert_eq!(header(&mut reader), (-1, true, -1));
    reader.finish().unwrap();

    let Keeper(mut client) = keeper;
    done(&mut client, &Request::set_data("/a", b"", -1));
    assert_eq!(client.events.pop_front().map(|event| event.path), Some("/a".to_owned()));
}

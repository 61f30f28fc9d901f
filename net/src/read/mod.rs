//! Reads: answered by the reactor itself, from its own view.
//!
//! A read takes no lock and touches no atomic that another thread writes. It decodes the request where it lies, looks one
//! znode up, and copies what is kept as it goes on the wire behind the header of a reply. Only [`count`] may take longer
//! than a reactor should go without looking at its other connections, and is done in slices.

mod context;
pub mod count;
mod figures;
mod keepers;
mod multi;
pub mod watches;
mod znode;

use std::ops::ControlFlow;

use paddock_engine::acl::{Authority, in_order};
use paddock_engine::error::Code;
use paddock_engine::jute::{Reader, Write, wire_length};
use paddock_engine::request::opcode;
use paddock_engine::tree::View;

use crate::frame;
use crate::keeper;
use crate::reply;

use count::Count;
use znode::{exists, get_acl, get_children, get_data};

pub use context::{ReadCaller, ReadContext};
pub use figures::ReadFigures;

/// Whether [`answer`] serves this operation.
pub fn is_read(opcode: i32) -> bool {
    matches!(
        opcode,
        opcode::EXISTS
            | opcode::GET_DATA
            | opcode::GET_ACL
            | opcode::GET_CHILDREN
            | opcode::GET_CHILDREN2
            | opcode::PING
            | opcode::CHECK_WATCHES
            | opcode::REMOVE_WATCHES
            | opcode::MULTI_READ
            | opcode::SET_WATCHES
            | opcode::GET_ALL_CHILDREN_NUMBER
            | opcode::SET_WATCHES2
            | opcode::ADD_WATCH
            | opcode::WHO_AM_I
    )
}

/// Appends the reply to a read. Breaks with a count if there is no reply before that has come to its end.
///
/// # Panics
/// On an operation that is not a read.
pub fn answer(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    xid: i32,
    opcode: i32,
    body: &[u8],
    out: &mut Vec<u8>,
) -> ControlFlow<Count> {
    let xid = if opcode == opcode::PING { reply::XID_PING } else { xid };
    if matches!(opcode, opcode::SET_WATCHES | opcode::SET_WATCHES2) {
        // Its notifications come before its reply, and stay although it fails.
        let outcome = watches::set_again(context, caller, opcode, body, out);
        reply::write(xid, context.zxid, outcome.err().map_or(0, Code::number), &[], out);
        return ControlFlow::Continue(());
    }
    let unwind = out.len();
    let start = reply::begin(xid, context.zxid, 0, out);
    let outcome = match opcode {
        opcode if caller.keeper && keeper::is_read(opcode) => keepers::answer(context, caller, opcode, body, out),
        opcode::PING => Ok(()),
        opcode::EXISTS => exists(context, caller, body, out),
        opcode::GET_DATA => get_data(context, caller, body, out),
        opcode::GET_ACL => get_acl(context, caller, body, out),
        opcode::GET_CHILDREN => get_children(context, caller, body, false, out),
        opcode::GET_CHILDREN2 => get_children(context, caller, body, true, out),
        opcode::MULTI_READ => multi::multi_read(context, caller, body, out),
        opcode::ADD_WATCH => watches::add(context, caller, body, out),
        opcode::CHECK_WATCHES => watches::check(context, caller, body),
        opcode::REMOVE_WATCHES => watches::remove(context, caller, body),
        opcode::WHO_AM_I => {
            who_am_i(context.authority, caller, out);
            Ok(())
        }
        opcode::GET_ALL_CHILDREN_NUMBER => match count::begin(context, caller, body) {
            Ok(ControlFlow::Continue(number)) => {
                out.put_i32(number);
                Ok(())
            }
            Ok(ControlFlow::Break(count)) => {
                out.truncate(unwind);
                return ControlFlow::Break(count);
            }
            Err(code) => Err(code),
        },
        other => panic!("operation {other} is not a read"),
    };
    match outcome {
        Ok(()) => frame::end(out, start),
        Err(code) => {
            out.truncate(unwind);
            reply::write(xid, context.zxid, code.number(), &[], out);
        }
    }
    ControlFlow::Continue(())
}

/// About how much a read that waits stands for, bytes: its request, and its reply if it were answered from this view.
pub fn weight(view: View<'_>, opcode: i32, body: &[u8]) -> usize {
    let reply = match opcode {
        opcode::EXISTS | opcode::GET_DATA | opcode::GET_ACL | opcode::GET_CHILDREN | opcode::GET_CHILDREN2 => {
            let path = Reader::new(body).string();
            let znode = path.ok().flatten().and_then(|path| view.get(&path));
            znode.map_or(0, |znode| znode.data_and_stat().len() + znode.children_bytes())
        }
        opcode::MULTI_READ => multi::reply_bytes(view, body),
        opcode if keeper::is_read(opcode) => keepers::reply_bytes(view, body),
        // Other replies are no longer than the request, or have a few bytes.
        _ => 0,
    };
    body.len() + reply
}

/// Schemes and users of the caller's identities, in ZooKeeper's order: of a digest what stands before the hash, of `super`
/// nothing.
fn who_am_i(authority: &Authority, caller: ReadCaller<'_>, out: &mut Vec<u8>) {
    out.put_i32(wire_length(caller.ids.len()));
    for id in in_order(caller.ids) {
        out.put_string(&id.scheme);
        out.put_string(authority.user(id));
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;

    use paddock_engine::acl::{Authority, Id};
    use paddock_engine::error::Code;
    use paddock_engine::jute::{Reader, Write};
    use paddock_engine::request::{opcode, write_multi_header};
    use paddock_engine::stat::Stat;
    use paddock_engine::tree::{ExtendedTypes, HashSeed, NewZnode, Tree};

    use super::{Count, ReadCaller, ReadContext, ReadFigures, answer, weight};
    use crate::status::{Figures, ReactorStatus, Status};
    use crate::watch::Watches;

    /// Bytes before the body of a reply: the frame's length and the header.
    const HEAD: usize = 20;

    struct Room {
        tree: Tree,
        watches: Watches,
        figures: ReadFigures,
        status: Arc<Status>,
        out: Vec<u8>,
    }

    impl Room {
        fn with(paths: &[&str]) -> Room {
            let mut tree = Tree::new(HashSeed([1; 16]), ExtendedTypes::Off);
            for path in ["/"].iter().chain(paths) {
                tree.install(NewZnode { path, data: Some(b"data"), acl: None, stat: Stat::default() });
            }
            let status = Arc::new(Status { reactors: vec![ReactorStatus::default()], ..Status::default() });
            let figures = ReadFigures::new(Figures::new(status.clone(), 0));
            Room { tree, watches: Watches::default(), figures, status, out: Vec::new() }
        }

        fn ask(&mut self, ids: &[Id], opcode: i32, body: &[u8]) -> ControlFlow<Count> {
            self.out.clear();
            let mut context = ReadContext {
                view: self.tree.head(),
                zxid: 5,
                authority: &Authority::default(),
                watches: &mut self.watches,
                figures: &mut self.figures,
                frame_max: 100,
            };
            answer(&mut context, ReadCaller { slot: 0, ids, keeper: false }, 3, opcode, body, &mut self.out)
        }

        /// The code of the reply, and its body.
        fn answer(&mut self, opcode: i32, body: &[u8]) -> (i32, &[u8]) {
            assert!(self.ask(&[], opcode, body).is_continue());
            let (head, body) = self.out.split_at(HEAD);
            (i32::from_be_bytes(head[16..].try_into().unwrap()), body)
        }
    }

    fn path_and(path: &str, number: i32) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_string(path);
        body.put_i32(number);
        body
    }

    fn multi_read(members: &[(i32, &str)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (opcode, path) in members {
            write_multi_header(*opcode, false, -1, &mut body);
            body.put_string(path);
            body.put_bool(true);
        }
        write_multi_header(-1, true, -1, &mut body);
        body
    }

    #[test]
    fn trap_020_add_watch_has_a_body_and_remove_watches_has_none() {
        let mut room = Room::with(&[]);
        assert_eq!(room.answer(opcode::ADD_WATCH, &path_and("/a", 0)), (0, &[0; 4][..]));
        assert_eq!(room.answer(opcode::ADD_WATCH, &path_and("/a", 2)), (Code::Marshalling.number(), &[][..]));
        assert_eq!(room.answer(opcode::ADD_WATCH, &[0, 0]), (Code::Marshalling.number(), &[][..]));
        assert_eq!(room.answer(opcode::CHECK_WATCHES, &path_and("/a", 4)), (0, &[][..]));
        assert_eq!(room.answer(opcode::CHECK_WATCHES, &path_and("/a", 6)), (Code::Marshalling.number(), &[][..]));
        assert_eq!(room.answer(opcode::REMOVE_WATCHES, &path_and("/a", 3)), (0, &[][..]));
        assert_eq!(room.answer(opcode::REMOVE_WATCHES, &path_and("/a", 3)), (Code::NoWatcher.number(), &[][..]));
    }

    /// What was counted since this was asked last, by namespace.
    fn counted(room: &mut Room) -> Vec<(String, u64)> {
        room.figures.tell();
        let namespaces = &room.status.reactors[0].read_by_namespace;
        let counted = namespaces.iter().filter(|(_, sums)| sums.count > 0);
        let counted = counted.map(|(name, sums)| (name.to_owned(), sums.sum)).collect();
        namespaces.reset();
        counted
    }

    #[test]
    fn reads_are_counted_for_their_namespace_as_zookeeper_counts_them() {
        let mut room = Room::with(&["/a", "/a/b", "/a/b/x", "/a/b/yz"]);
        for (opcode, expected) in [
            (opcode::GET_DATA, 4 + 4 + 68),
            (opcode::EXISTS, 4 + 68),
            (opcode::GET_CHILDREN, 4 + 3 + 68),
            (opcode::GET_CHILDREN2, 4 + 3 + 68),
        ] {
            assert_eq!(room.answer(opcode, &path_and("/a/b", 0)).0, 0);
            assert_eq!(counted(&mut room), [("a".to_owned(), expected)], "{opcode}");
        }
        let body = multi_read(&[(opcode::GET_DATA, "/a/b"), (opcode::GET_CHILDREN, "/a/b"), (opcode::GET_DATA, "/c")]);
        assert_eq!(room.answer(opcode::MULTI_READ, &body).0, 0);
        assert_eq!(counted(&mut room), [("a".to_owned(), 4 + 4 + 68 + 4 + 3 + 68)], "each member is a read");
    }

    #[test]
    fn what_failed_and_what_has_no_path_is_counted_for_none() {
        let mut room = Room::with(&["/a"]);
        assert_eq!(room.answer(opcode::GET_DATA, &path_and("/b", 0)).0, Code::NoNode.number());
        assert_eq!(room.answer(opcode::GET_DATA, &[0, 0, 0, 200, b'/']).0, Code::Marshalling.number());
        assert_eq!(room.answer(opcode::WHO_AM_I, &[]).0, 0);
        assert_eq!(room.answer(opcode::GET_ACL, &path_and("/a", 0)).0, 0);
        assert_eq!(counted(&mut room), []);
    }

    #[test]
    fn trap_045_members_of_a_multi_read_are_apart_and_set_no_watch() {
        let mut room = Room::with(&["/a"]);
        let body = multi_read(&[(opcode::GET_CHILDREN, "/"), (opcode::GET_DATA, "/b"), (opcode::GET_DATA, "/a")]);
        let mut expected = Vec::new();
        write_multi_header(opcode::GET_CHILDREN, false, 0, &mut expected);
        expected.put_i32(1);
        expected.put_string("a");
        write_multi_header(opcode::ERROR, false, -101, &mut expected);
        expected.put_i32(-101);
        write_multi_header(opcode::GET_DATA, false, 0, &mut expected);
        expected.extend_from_slice(room.tree.get("/a").unwrap().data_and_stat());
        write_multi_header(-1, true, -1, &mut expected);
        assert_eq!(room.answer(opcode::MULTI_READ, &body), (0, &expected[..]));
        assert!(room.watches.is_empty());
    }

    /// Sixteen frames of 100 bytes hold 18 results of 85 bytes, and not one more.
    #[test]
    fn a_multi_read_cannot_make_much_of_little() {
        let mut room = Room::with(&["/a"]);
        let (code, body) = room.answer(opcode::MULTI_READ, &multi_read(&[(opcode::GET_DATA, "/a"); 18]));
        assert_eq!((code, body.len()), (0, 18 * (9 + 4 + 4 + 68) + 9));
        let too_many = multi_read(&[(opcode::GET_DATA, "/a"); 19]);
        assert_eq!(room.answer(opcode::MULTI_READ, &too_many), (Code::Marshalling.number(), &[][..]));
        assert!(weight(room.tree.head(), opcode::MULTI_READ, &too_many) > too_many.len() + 19 * (4 + 4 + 68));
    }

    #[test]
    fn trap_100_who_am_i_tells_no_secrets() {
        let mut room = Room::with(&[]);
        let id = |scheme: &str, id: &str| Id { scheme: scheme.into(), id: id.into() };
        let ids = [id("ip", "127.0.0.1"), id("super", ""), id("digest", "pat:SYIOH1LK=")];
        assert!(room.ask(&ids, opcode::WHO_AM_I, &[]).is_continue());
        let mut reader = Reader::new(&room.out[HEAD..]);
        assert_eq!(reader.i32(), Ok(3));
        for expected in ["super", "", "digest", "pat", "ip", "127.0.0.1"] {
            assert_eq!(reader.string().unwrap().unwrap(), expected);
        }
    }

    #[test]
    fn trap_089_what_is_below_is_counted_at_any_depth() {
        let mut room = Room::with(&["/zookeeper", "/zookeeper/config", "/zookeeper/quota", "/a", "/ab"]);
        let mut count = |path: &str| {
            let (code, body) = room.answer(opcode::GET_ALL_CHILDREN_NUMBER, &path_and(path, 0));
            if code == 0 { Ok(i32::from_be_bytes(body.try_into().unwrap())) } else { Err(code) }
        };
        assert_eq!(count("/"), Ok(5));
        assert_eq!(count(""), Ok(6), "the root's other name");
        assert_eq!(count("/zookeeper"), Ok(2));
        assert_eq!(count("/a"), Ok(0));
        assert_eq!(count("/b"), Err(Code::NoNode.number()));
    }

    #[test]
    fn a_large_subtree_is_counted_in_slices() {
        let paths: Vec<String> = (0..5000).map(|i| if i == 0 { "/t".into() } else { format!("/t/{i}") }).collect();
        let mut paths: Vec<&str> = paths.iter().map(|path| &path[..]).collect();
        let others: Vec<String> = (0..5000).map(|i| format!("/to{i}")).collect();
        paths.extend(others.iter().map(|path| &path[..]));
        let mut room = Room::with(&paths);
        let ControlFlow::Break(mut count) = room.ask(&[], opcode::GET_ALL_CHILDREN_NUMBER, &path_and("/t", 0)) else {
            panic!("it is not small");
        };
        assert!(room.out.is_empty(), "there is no reply yet");
        let mut slices = 1;
        let counted = loop {
            if let Some(counted) = count.go_on(room.tree.head()) {
                break counted;
            }
            slices += 1;
        };
        assert_eq!((counted, slices, count.path()), (4999, 5, "/t"));
    }
}

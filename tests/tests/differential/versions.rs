//! Debian's ZooKeeper is 3.8.0; Paddock follows 3.9. Where the two are known to differ, what 3.8.0 said is brought to what
//! 3.9 says, and only where the server under test said that. Beside the 3.9 that `PADDOCK_TEST_ZOOKEEPER` names nothing is
//! brought anywhere, and nearly all of this is generated; not several members in a multi with null paths, null ACLs or
//! unknown flags, at which ZooKeeper throws and keeps what the members before were about to do.
//!
//! | request | 3.8.0 | 3.9 | handled |
//! |---|---|---|---|
//! | exists of a znode without READ | Stat, watch set | NoAuth | here; the driver sets the watch on the other side too |
//! | create2 in a multi | result type 1, path | result type 15, path and Stat | here; the whole Stat is expected |
//! | write that cannot be decoded | takes a zxid | takes none | the driver lets the other side catch up |
//! | checkWatches of a path that only others watch | found | NoWatcher | here; a removal follows, which must say the same |
//! | checkWatches of a path without a slash | marshalling error | NoWatcher | not generated |
//! | addWatch (or setWatches2) of a null path, again | marshalling error | OK | not generated |
//! | check outside a multi | executed | Unimplemented, connection closed | not generated |
//! | multi with a null path | last zxid applied, though one is taken | the zxid taken | not generated |
//! | multi with unknown create flags or a null ACL | error of the member | marshalling error | not generated |
//! | `ip` ACL with an IPv6 address | InvalidACL | valid | not generated |
//! | ACL entry with a null scheme | marshalling error | InvalidACL | not generated |
//! | watches of two kinds of one connection on one path | the later one replaces the other | side by side | not generated |
//! | removeWatches, types 1 and 2, of a persistent watch | removed | NoWatcher | not generated |
//! | checkWatches, removeWatches, types 4 and 5 | marshalling error | by their meaning | not generated |
//! | createContainer in a multi without flag 4 | a plain create, result type 1 | a container, 15 | not generated |
//! | zxid in the header of a notification | -1 | the transaction's | normal form |
//!
//! And where Paddock differs from every ZooKeeper, none of which is generated:
//!
//! | request | ZooKeeper | Paddock |
//! |---|---|---|
//! | sync of a path with characters above U+FFFF, or that is not UTF-8 | echoes it re-encoded | echoes the same bytes |
//! | multi in which an ACL entry of `world`, `ip` or `digest` has a null id | marshalling error, and what the members before it were about to do is seen by the next writes | marshalling error, no trace |
//! | createTTL with flags of another mode and a negative ttl | breaks when it is applied | BadArguments |
//! | deleteContainer from a client | deletes, whatever the ACL | Unimplemented, connection closed |
//! | createSession from a client | a second welcome | Unimplemented, connection closed |
//! | multi below a hard quota | each member is held against the usage before the multi | earlier members count |
use crate::lane::Happening;
use paddock_tests::records::{Stat, err, flags, op};
use paddock_tests::reply::{Body, Outcome, Reply};
use paddock_tests::request::Request;

/// Changes `expected` for the rows of the table that are handled here. Returned are the paths of which only ZooKeeper has
/// set a watch. `session` is the number of the lane's session.
pub fn modernise(requests: &[Request], expected: &mut [Happening], got: &[Happening], session: i64) -> Vec<String> {
    let replies = expected.iter_mut().zip(got).filter_map(|pair| match pair {
        (Happening::Reply(expected), Happening::Reply(got)) => Some((expected, got)),
        _ => None,
    });
    let mut replies: Vec<(&mut Reply, &Reply)> = replies.collect();
    let starts = 0..replies.len().saturating_sub(1);
    for (pair, start) in requests.windows(2).zip(starts) {
        if let [(check, got), (removal, _)] = &mut replies[start..start + 2]
            && is_check_and_removal(pair)
            && (check.err, got.err, removal.err) == (err::OK, err::NO_WATCHER, err::NO_WATCHER)
        {
            check.err = err::NO_WATCHER;
        }
    }
    let mut unwatched = Vec::new();
    for (request, (expected, got)) in requests.iter().zip(replies) {
        match request {
            Request::PathWatch { opcode: op::EXISTS, path: Some(path), watch }
                if (expected.err, got.err) == (err::OK, err::NO_AUTH) =>
            {
                *expected = Reply { err: err::NO_AUTH, body: Body::None, ..*expected };
                unwatched.extend(watch.then(|| path.clone()));
            }
            Request::Multi { members, .. } => {
                if let (Body::Multi(old), Body::Multi(new)) = (&mut expected.body, &got.body) {
                    add_stats(members, old, new, expected.zxid, session);
                }
            }
            _ => {}
        }
    }
    unwatched
}

fn is_check_and_removal(pair: &[Request]) -> bool {
    match pair {
        [
            Request::PathNumber { opcode: op::CHECK_WATCHES, path, number },
            Request::PathNumber { opcode: op::REMOVE_WATCHES, path: removed, number: kind },
        ] => (path, number) == (removed, kind),
        _ => false,
    }
}

/// Gives the results of create2 members the Stat that the new znode must have.
fn add_stats(members: &[Request], old: &mut [Outcome], new: &[Outcome], zxid: i64, session: i64) {
    for ((member, old), new) in members.iter().zip(old).zip(new) {
        if let (Request::Create { opcode: op::CREATE2, data, flags, .. }, Body::Path(path)) = (member, &mut old.body)
            && (old.kind, new.kind) == (op::CREATE, op::CREATE2)
        {
            let length = data.as_ref().map_or(0, Vec::len);
            let stat = Stat {
                czxid: zxid,
                mzxid: zxid,
                pzxid: zxid,
                ephemeral_owner: if flags & flags::EPHEMERAL == 0 { 0 } else { session },
                data_length: i32::try_from(length).expect("tests write little"),
                ..Stat::default()
            };
            *old = Outcome { kind: op::CREATE2, err: err::OK, body: Body::PathStat(path.take(), stat) };
        }
    }
}

//! Debian's ZooKeeper is 3.8.0; Paddock follows 3.9. Where the two are known to differ, what 3.8.0 said is brought to what
//! 3.9 says, and only where the server under test said that.
//!
//! | request | 3.8.0 | 3.9 | handled |
//! |---|---|---|---|
//! | exists of a znode without READ | Stat, watch set | NoAuth | here; the driver sets the watch on the other side too |
//! | create2 in a multi | result type 1, path | result type 15, path and Stat | here; the whole Stat is expected |
//! | write that cannot be decoded | takes a zxid | takes none | the driver lets the other side catch up |
//! | check outside a multi | executed | Unimplemented, connection closed | not generated |
//! | multi with a null path | last zxid applied, though one is taken | the zxid taken | not generated |
//! | multi with unknown create flags or a null ACL | error of the member | marshalling error | not generated |
//! | `ip` ACL with an IPv6 address | InvalidACL | valid | not generated |
//! | ACL entry with a null scheme | marshalling error | InvalidACL | not generated |
//! | zxid in the header of a notification | -1 | the transaction's | normal form |
//!
//! And where Paddock differs from every ZooKeeper, none of which is generated:
//!
//! | request | ZooKeeper | Paddock |
//! |---|---|---|
//! | sync of a path with characters above U+FFFF, or that is not UTF-8 | echoes it re-encoded | echoes the same bytes |
//! | multi in which an ACL entry of `world`, `ip` or `digest` has a null id | marshalling error | that as the member's error |
//! | setWatches with a null path | events of the paths before it, then a marshalling error | a marshalling error |
use crate::lane::Happening;
use paddock_tests::records::{Stat, err, flags, op};
use paddock_tests::reply::{Body, Outcome, Reply};
use paddock_tests::request::Request;

/// Changes `expected` for the first two rows of the table. Returned are the paths of which only ZooKeeper has set a
/// watch. `session` is the number of the lane's session.
pub fn modernise(requests: &[Request], expected: &mut [Happening], got: &[Happening], session: i64) -> Vec<String> {
    let replies = expected.iter_mut().zip(got).filter_map(|pair| match pair {
        (Happening::Reply(expected), Happening::Reply(got)) => Some((expected, got)),
        _ => None,
    });
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

//! What the replica hands over to be recorded, and that it takes no more while there is no room for that.

use std::sync::Arc;

use paddock_net::exchange::RequestKind;

use crate::audit::{AuditLog, WhenFull};
use crate::node::replica::long_work::STEPS_PER_TURN;

use super::world::*;

/// More than may wait to be written, bytes.
const TOO_LONG: usize = 5 << 20;

fn audited(name: &str) -> (World, Arc<AuditLog>) {
    let audit = AuditLog::unwritten(WhenFull::Wait);
    let world = World::with(name, |parts| parts.audit = Some(audit.clone()));
    (world, audit)
}

fn close(xid: i32) -> RequestKind {
    RequestKind::CloseSession { xid }
}

#[test]
fn writes_are_recorded_with_what_became_of_them() {
    let (mut world, audit) = audited("audit-writes");
    let session = world.connect(FIRST);
    assert_eq!(audit.take(), [""; 0], "the begin of a session is none");
    for xid in [1, 2] {
        world.send(FIRST, session, create(xid), &create_body("/a", 1));
        world.answers();
    }
    world.send(FIRST, session, |_| close(3), &[]);
    world.answers();
    let asked = format!("session=0x{session:x} ip= operation=create znode=/a znode_type=ephemeral");
    let gone = "user=server operation=ephemeralZNodeDeletionOnSessionCloseOrExpire znode=/a result=success";
    let expected =
        [format!("{asked} result=success"), format!("{asked} result=failure"), format!("session=0x{session:x} {gone}")];
    assert_eq!(audit.take(), expected);
}

#[test]
fn what_goes_with_a_session_in_several_turns_is_recorded_too() {
    let (mut world, audit) = audited("audit-long");
    let session = world.connect(FIRST);
    let count = 3 * STEPS_PER_TURN;
    give_ephemerals(&mut world, session, "e", count);
    world.finish();
    drop(audit.take());
    world.send(FIRST, session, |_| close(1), &[]);
    assert_eq!(world.answers(), [(FIRST, "1: closed".into())]);
    assert_eq!(audit.take().len(), count);
}

#[test]
fn no_more_is_taken_while_there_is_no_room_to_record_it() {
    let (mut world, audit) = audited("audit-room");
    let session = world.connect(FIRST);
    // No znode may be called so, and what was asked for is recorded.
    world.send(FIRST, session, create(1), &create_body(&format!("//{}", "x".repeat(TOO_LONG)), 0));
    assert_eq!(world.answers(), [(FIRST, "1: -8".into())]);
    world.send(FIRST, session, create(2), &create_body("/b", 0));
    world.turn();
    assert!(!world.exists("/b") && world.told().is_empty());
    assert_eq!(audit.take().len(), 1);
    assert_eq!(world.answers(), [(FIRST, "2: 0".into())]);
    assert_eq!(audit.take().len(), 1);
}

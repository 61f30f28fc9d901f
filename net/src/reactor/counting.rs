//! Counts of large subtrees, a slice each turn, so that no other connection waits for a whole one.
//!
//! A connection whose count is under way, or still waits behind a write, is not read from: its reply is owed before
//! anything else, and no answer of the replica may find it in the way.

use std::ops::ControlFlow;
use std::time::Instant;

use paddock_engine::request::opcode;

use super::Reactor;
use crate::connection::{Pending, Stage};
use crate::exchange::ConnectionId;
use crate::read::count::Count;
use crate::reply;

impl Reactor {
    /// Goes on with a count later; its connection has nothing pending before it.
    pub(super) fn postpone_count(&mut self, slot: u32, xid: i32, count: Count, received: Instant) {
        let Some(connection) = self.connections.at(slot) else { return };
        connection.pending.push_front(Pending::Count { xid, count, received });
        connection.counts = true;
        let id = connection.id;
        self.counting.push_back(id);
    }

    /// One slice of the count whose turn it is, and of the next ones while there is time for more.
    pub(super) fn count_on(&mut self) {
        if self.counting.is_empty() {
            return;
        }
        self.counting_share.begin(Instant::now());
        self.count_slice();
        while !self.counting.is_empty() && self.counting_share.is_left(Instant::now()) {
            self.count_slice();
        }
        if !self.counting.is_empty() {
            self.counting_share.end(Instant::now());
        }
    }

    fn count_slice(&mut self) {
        let Some(id) = self.counting.pop_front() else { return };
        let Reactor { connections, reader, zxid, .. } = self;
        let Some(connection) = connections.get(id).filter(|connection| connection.stage == Stage::Established) else {
            return;
        };
        let Some(Pending::Count { xid, count, received }) = connection.pending.pop_front() else {
            panic!("nothing goes before a count that is under way");
        };
        match count.go_on(reader.view()) {
            ControlFlow::Break(count) => self.postpone_count(id.slot, xid, count, received),
            ControlFlow::Continue(number) => {
                reply::write(xid, *zxid, 0, &number.to_be_bytes(), connection.output.tail());
                self.end_count(id, xid, received);
            }
        }
    }

    fn end_count(&mut self, id: ConnectionId, xid: i32, received: Instant) {
        if let Some(connection) = self.connections.get(id) {
            connection.counts = false;
        }
        self.note_answer(id.slot, Some(opcode::GET_ALL_CHILDREN_NUMBER), xid, received);
        self.mark_dirty(id.slot);
        // Its next frames had to wait.
        self.revisit(id.slot);
    }
}

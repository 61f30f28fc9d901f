//! What goes out: one write for each connection and turn, more only for long replies.

use std::io::ErrorKind;
use std::time::Instant;

use super::Reactor;
use crate::connection::{Connection, Stage};
use crate::memory::Memory;

/// Bytes written to one connection before others have their turn: a client may read as fast as it is written to.
const WRITE_BYTES: usize = 2 * 1024 * 1024;

/// Something was added to the connection's output.
pub(super) fn enlist(connection: &mut Connection, memory: &mut Memory, dirty: &mut Vec<u32>, now: Instant) {
    memory.settle_output(connection, now);
    if !connection.dirty {
        connection.dirty = true;
        dirty.push(connection.id.slot);
    }
}

impl Reactor {
    /// Something was added to the output of the connection that has this slot, if there is one.
    pub(super) fn mark_dirty(&mut self, slot: u32) {
        let Reactor { connections, memory, dirty, now, .. } = self;
        if let Some(connection) = connections.at(slot) {
            enlist(connection, memory, dirty, *now);
        }
    }

    /// Nothing follows what is in the output now.
    pub(super) fn flush_and_close(&mut self, slot: u32) {
        let now = self.now;
        if let Some(connection) = self.connections.at(slot) {
            connection.stage = Stage::Flushing;
            connection.progress = now;
        }
        self.watches.forget(slot);
        self.mark_dirty(slot);
    }

    /// Writes to every connection that has output.
    pub(super) fn write_all(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            self.write_out(slot);
        }
        // The memory is kept for the next turn; whoever takes more at once is written to again then.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
    }

    fn write_out(&mut self, slot: u32) {
        let now = self.now;
        let Reactor { connections, memory, dirty, .. } = self;
        let Some(connection) = connections.at(slot) else { return };
        connection.dirty = false;
        let mut total = 0;
        while connection.unwritten() > 0 {
            if total == WRITE_BYTES {
                connection.dirty = true;
                dirty.push(slot);
                break;
            }
            match connection.output.write_to(&mut connection.stream, WRITE_BYTES - total) {
                Ok(0) => return self.close(slot),
                Ok(count) => total += count,
                // The poll tells when there is room again.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    connection.output.trim();
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.close(slot),
            }
        }
        if memory.is_scarce() {
            connection.shrink();
        }
        if total > 0 {
            connection.note_progress(now);
        }
        memory.settle(connection, now);
        if total > 0 && connection.stage == Stage::Flushing {
            connection.progress = now;
        }
        let done = connection.unwritten() == 0 && connection.stage == Stage::Flushing;
        let waits = connection.has_more() && connection.stage == Stage::Established;
        self.figures().written_bytes.add(total as u64);
        if done {
            self.finish(slot);
        } else if waits && total > 0 {
            // It may have waited for its output to go.
            self.revisit(slot);
        }
    }
}

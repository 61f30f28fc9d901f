//! What goes out: one write for each connection and turn.

use std::io::{ErrorKind, Write};

use super::Reactor;
use crate::connection::Stage;

/// An output buffer that has grown beyond this is given back once it is empty.
const OUTPUT_KEEP: usize = 64 * 1024;
/// Written bytes are cut off in front of what is unwritten when they are this many and half of all: a client that reads
/// slowly, and never everything, must not have all kept that it has ever been sent.
const OUTPUT_CUT: usize = 1024 * 1024;

impl Reactor {
    pub(super) fn mark_dirty(&mut self, slot: u32) {
        if let Some(connection) = self.connections.at(slot)
            && !connection.dirty
        {
            connection.dirty = true;
            self.dirty.push(slot);
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
        // The memory is kept for the next turn.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
    }

    fn write_out(&mut self, slot: u32) {
        let now = self.now;
        let Some(connection) = self.connections.at(slot) else { return };
        connection.dirty = false;
        let mut total = 0;
        while connection.unwritten() > 0 {
            match connection.stream.write(&connection.output[connection.written..]) {
                Ok(0) => return self.close(slot),
                Ok(count) => {
                    connection.written += count;
                    total += count;
                }
                // The poll tells when there is room again.
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.close(slot),
            }
        }
        if total > 0 && connection.stage == Stage::Flushing {
            connection.progress = now;
        }
        let all_out = connection.unwritten() == 0;
        if all_out {
            connection.written = 0;
            connection.output.clear();
            if connection.output.capacity() > OUTPUT_KEEP {
                connection.output = Vec::new();
            }
        }
        if connection.written >= OUTPUT_CUT && connection.written >= connection.output.len() / 2 {
            connection.output.drain(..connection.written);
            connection.written = 0;
        }
        let done = all_out && connection.stage == Stage::Flushing;
        let waits = connection.has_more() && connection.stage == Stage::Established;
        self.figures().written_bytes.add(total as u64);
        if done {
            self.close(slot);
        } else if waits && total > 0 {
            // It may have waited for its output to go.
            self.revisit(slot);
        }
    }
}

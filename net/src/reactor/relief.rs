//! What a reactor does about the memory of its connections: sums it up, and closes whoever has most when all have too
//! much.

use std::cmp::Reverse;

use super::Reactor;

impl Reactor {
    /// Takes up what has changed with a connection's memory.
    pub(super) fn settle(&mut self, slot: u32) {
        let Reactor { connections, memory, now, .. } = self;
        if let Some(connection) = connections.at(slot) {
            memory.settle(connection, *now);
        }
    }

    /// Tells the other reactors what this one's connections have, and takes note of theirs.
    pub(super) fn compare_memory(&mut self) {
        self.figures().connection_bytes.set(self.memory.held() as u64);
        let elsewhere = self.sum_elsewhere(|figures| &figures.connection_bytes);
        self.memory.look(usize::try_from(elsewhere).unwrap_or(usize::MAX));
    }

    /// Keeps the memory of all connections within its bound. To be called wherever a connection has got more, in the middle
    /// of a turn too: one turn may bring more than there is room for. Any connection may be gone afterwards.
    pub(super) fn relieve(&mut self) {
        if self.memory.must_look() {
            self.compare_memory();
            if self.memory.is_exceeded() {
                self.make_room();
            }
        }
    }

    fn make_room(&mut self) {
        if !self.memory.is_beyond_share() && std::mem::replace(&mut self.awaits_room, true) {
            return;
        }
        // What a client takes at once it does not leave lying.
        self.write_all();
        self.compare_memory();
        if !self.memory.is_exceeded() {
            return;
        }
        if self.memory.is_beyond_share() {
            self.close_worst();
            self.compare_memory();
        } else {
            // Whoever has more than its share may be asleep.
            self.exchanges.iter().for_each(|exchange| exchange.reactor_bell.ring());
        }
    }

    /// Closes those that have had most for longest, until there is room.
    fn close_worst(&mut self) {
        let Reactor { connections, memory, now, .. } = self;
        let mut burdens = Vec::new();
        for connection in connections.iter_mut() {
            connection.shrink();
            memory.settle(connection, *now);
            // Whom nothing is waited for has nothing to be closed for.
            if connection.burden() > 0 {
                burdens.push((connection.memory_over_time(*now), connection.id.slot));
            }
        }
        burdens.sort_unstable_by_key(|(burden, _)| Reverse(*burden));
        for (_, slot) in burdens {
            if self.memory.is_relieved() {
                break;
            }
            self.close_for_memory(slot);
        }
    }

    fn close_for_memory(&mut self, slot: u32) {
        let max = self.settings.connections_bytes_max;
        let Some(connection) = self.connections.at(slot) else { return };
        tracing::warn!(
            address = %connection.address,
            session = format_args!("0x{:x}", connection.session),
            unread = connection.unwritten(),
            unfinished = connection.burden() - connection.unwritten(),
            "what clients do not read, or do not send to the end, takes paddock.connections.maxBytes={max}; the \
             connection that has had most for longest was closed: see why its client does not read, or raise the setting"
        );
        self.close(slot);
    }
}

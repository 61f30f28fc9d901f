//! The memory that connections take, which has a bound over all reactors together (`paddock.connections.maxBytes`).
//!
//! Each connection has bounds of its own, but there may be very many connections. Each reactor keeps the sum of its own.
//! It tells the others that sum, and looks at theirs, at the beginning of a turn and whenever its sum has grown by a step.
//! So the total is known to within one step for each reactor, and no two threads write to the same memory for it.
//!
//! Above half of the bound, memory is *scarce*: a connection is not read from while it has something to receive. Above the
//! whole bound, a reactor that holds more than its share closes the connections that have held most for longest, so that a
//! client which is just being told much outlives one that does not read. A reactor that holds less than its share wakes
//! the others.

use std::sync::Arc;
use std::time::Instant;

use crate::counter::Counter;
use crate::output::Shared;

/// A reactor's sum may grow by the bound divided by this before it looks at the others'.
const STEPS: usize = 64;
/// When connections have to be closed, so many are closed that the bound divided by this is free: they are not looked
/// through again for the next byte.
const RELIEF: usize = 8;

/// What one connection is in its reactor's sum.
#[derive(Default, Debug)]
pub struct Account {
    /// The memory of the connection as the sum has it, bytes.
    counted: usize,
    /// What of this is its output's, bytes.
    counted_output: usize,
    /// Since when the server has always waited with something for the client, and the client has not got on.
    burdened: Option<Instant>,
}

impl Account {
    /// Notes that the server waits with so many bytes for the client.
    #[inline]
    pub fn note_burden(&mut self, burden: usize, now: Instant) {
        if burden == 0 {
            self.burdened = None;
        } else if self.burdened.is_none() {
            self.burdened = Some(now);
        }
    }

    /// Notes that the client has got on: it is waited for anew.
    pub fn note_progress(&mut self, now: Instant) {
        if let Some(since) = &mut self.burdened {
            *since = now;
        }
    }

    /// How long the client has been waited for, ms.
    pub fn burdened_millis(&self, now: Instant) -> u64 {
        self.burdened.map_or(0, |since| now.saturating_duration_since(since).as_millis() as u64)
    }

    /// The memory of the connection's output as the sum has it, bytes.
    #[inline]
    pub fn counted_output(&self) -> usize {
        self.counted_output
    }

    /// The memory of the connection as the sum has it, bytes.
    #[inline]
    pub fn counted(&self) -> usize {
        self.counted
    }

    #[cfg(test)]
    pub fn burdened(&self) -> Option<Instant> {
        self.burdened
    }
}

/// The sum of one reactor, and what it knows of the others.
pub struct Memory {
    /// The bound over all reactors, bytes.
    max: usize,
    /// What is this reactor's share of the bound, bytes.
    share: usize,
    /// What is held for single connections of this reactor, bytes.
    own: usize,
    /// What is held for several of its connections together, bytes.
    shared: Arc<Counter>,
    /// What the other reactors hold, as it was when it was last looked at, bytes.
    elsewhere: usize,
    /// With more than this of its own the reactor has to look again, bytes.
    looks_at: usize,
    /// Whether the reactors with more than their share have been told in this turn that all have too much.
    awaits_room: bool,
}

impl Memory {
    /// `max`: bytes, for so many reactors together.
    pub fn new(max: usize, reactors: usize) -> Memory {
        Memory {
            max,
            share: max / reactors.max(1),
            own: 0,
            shared: Arc::default(),
            elsewhere: 0,
            looks_at: 0,
            awaits_room: false,
        }
    }

    /// Takes up that a connection holds so much now, bytes, of which its output holds a part.
    #[inline]
    pub fn settle(&mut self, account: &mut Account, held: usize, output: usize) {
        self.own = self.own - account.counted + held;
        account.counted = held;
        account.counted_output = output;
    }

    /// A connection is gone.
    pub fn forget(&mut self, account: &Account) {
        self.own -= account.counted;
    }

    /// Makes bytes that several connections of this reactor will be owed; they count as long as any of them is.
    pub fn share(&self, bytes: Vec<u8>) -> Arc<Shared> {
        Shared::new(bytes, &self.shared)
    }

    /// What this reactor holds, bytes.
    pub fn held(&self) -> usize {
        self.own + self.shared.get() as usize
    }

    /// Whether so much has come since the last look at the others that another is due.
    pub fn must_look(&self) -> bool {
        self.held() > self.looks_at
    }

    /// Takes note of how much the other reactors hold, bytes.
    pub fn look(&mut self, elsewhere: usize) {
        self.elsewhere = elsewhere;
        self.looks_at = (self.held() + self.max / STEPS).min(self.max.saturating_sub(elsewhere));
    }

    /// A turn begins: the other reactors may be told anew.
    pub fn begin_turn(&mut self) {
        self.awaits_room = false;
    }

    /// Whether the others are to make room and have been told so in this turn; from now on they have.
    pub fn awaits_room(&mut self) -> bool {
        !self.is_beyond_share() && std::mem::replace(&mut self.awaits_room, true)
    }

    /// Whether a connection that has something to receive is not to be read from.
    pub fn is_scarce(&self) -> bool {
        self.total() > self.max / 2
    }

    /// Whether all reactors together hold more than the bound.
    pub fn is_exceeded(&self) -> bool {
        self.total() > self.max
    }

    /// Whether this reactor is to make room, and not another one. If the total is above the bound, at least one is.
    pub fn is_beyond_share(&self) -> bool {
        self.held() > self.share
    }

    /// Whether enough is free again, or the rest is for others to free.
    pub fn is_relieved(&self) -> bool {
        self.total() <= self.max - self.max / RELIEF || self.held() <= self.share - self.share / RELIEF
    }

    fn total(&self) -> usize {
        self.held() + self.elsewhere
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, RELIEF, STEPS};

    const MAX: usize = 64_000;

    fn bytes(length: usize) -> Vec<u8> {
        Vec::with_capacity(length)
    }

    #[test]
    fn a_look_is_due_at_the_first_byte_then_a_step_later_or_at_the_bound() {
        let mut memory = Memory::new(MAX, 2);
        assert!(!memory.must_look());
        let first = memory.share(bytes(1));
        assert!(memory.must_look());
        memory.look(0);
        let step = memory.share(bytes(MAX / STEPS));
        assert!(!memory.must_look());
        let more = memory.share(bytes(1));
        assert!(memory.must_look());
        memory.look(MAX - memory.held());
        assert!(!memory.must_look() && !memory.is_exceeded());
        let last = memory.share(bytes(1));
        assert!(memory.must_look() && memory.is_exceeded());
        drop((first, step, more, last));
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn it_is_scarce_above_half_of_all_that_reactors_hold() {
        let mut memory = Memory::new(MAX, 2);
        let held = memory.share(bytes(MAX / 4));
        memory.look(MAX / 4);
        assert!(!memory.is_scarce());
        memory.look(MAX / 4 + 1);
        assert!(memory.is_scarce());
        drop(held);
        assert!(!memory.is_scarce());
    }

    /// Whoever has less than its share waits for the others, whatever they have.
    #[test]
    fn room_is_made_by_who_has_more_than_its_share() {
        let mut memory = Memory::new(MAX, 2);
        let share = memory.share(bytes(MAX / 2));
        memory.look(MAX);
        assert!(memory.is_exceeded() && !memory.is_beyond_share());
        let more = memory.share(bytes(1));
        assert!(memory.is_beyond_share() && !memory.is_relieved());
        drop(share);
        let below = memory.share(bytes(MAX / 2 - MAX / 2 / RELIEF - 1));
        assert!(memory.is_relieved(), "the rest is for the other reactor");
        memory.look(0);
        assert!(memory.is_relieved() && !memory.is_exceeded());
        drop((more, below));
    }

    #[test]
    fn one_reactor_makes_room_down_to_below_the_bound() {
        let mut memory = Memory::new(MAX, 1);
        let most = memory.share(bytes(MAX - MAX / RELIEF));
        let rest = memory.share(bytes(MAX / RELIEF + 1));
        memory.look(0);
        assert!(memory.is_exceeded() && memory.is_beyond_share() && !memory.is_relieved());
        drop(rest);
        assert!(memory.is_relieved());
        drop(most);
    }
}

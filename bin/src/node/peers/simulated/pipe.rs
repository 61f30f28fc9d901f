//! One direction of a stream: what is under way from one end to the other.

use std::collections::VecDeque;
use std::time::Duration;

use paddock_engine::io::simulated::Choice;

/// What goes from one end of a stream to the other.
#[derive(Debug)]
pub enum Item {
    /// The attempt, or the answer that it has succeeded.
    Hello,
    /// The answer that it has failed.
    Refusal,
    Bytes(Vec<u8>),
    /// Nothing comes after this.
    End(Ending),
}

/// How a stream ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    Closed,
    Broken,
}

/// First in, first out.
#[derive(Default, Debug)]
pub struct Pipe {
    under_way: VecDeque<Item>,
    /// How many items have arrived where the route is cut.
    held: usize,
    /// Nothing arrives before this: what was sent before arrives then.
    last: Duration,
    /// Has arrived and was not read.
    arrived: VecDeque<Vec<u8>>,
    /// Bytes that are under way or not read.
    bytes: usize,
    /// Whether the end was sent.
    is_ending: bool,
    /// The end, if it has arrived.
    ending: Option<Ending>,
}

impl Pipe {
    /// Bytes that are under way or not read.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sends an item that would arrive at `arrival`. Returns when it arrives, which is not before what was sent earlier. Bytes
    /// that are written behind the end are lost: after a reset the writer does not know of it at once.
    pub fn send(&mut self, item: Item, arrival: Duration) -> Duration {
        self.last = self.last.max(arrival);
        match &item {
            Item::Bytes(_) if self.is_ending => return self.last,
            Item::Bytes(bytes) => self.bytes += bytes.len(),
            Item::End(_) => self.is_ending = true,
            Item::Hello | Item::Refusal => {}
        }
        self.under_way.push_back(item);
        self.last
    }

    /// The next item has come to where the route is cut.
    pub fn hold(&mut self) {
        self.held += 1;
    }

    /// How many items were held. They are not any more.
    pub fn release(&mut self) -> usize {
        std::mem::take(&mut self.held)
    }

    /// The next item arrives. `None` if it was lost meanwhile.
    pub fn arrive(&mut self) -> Option<Item> {
        self.under_way.pop_front()
    }

    /// These bytes, or this end, are there to be read.
    pub fn keep(&mut self, item: Item) {
        match item {
            Item::Bytes(bytes) => self.arrived.push_back(bytes),
            Item::End(ending) => self.ending = Some(ending),
            Item::Hello | Item::Refusal => {}
        }
    }

    /// The end, if there is nothing to read for ever.
    pub fn ending(&self) -> Option<Ending> {
        self.ending.filter(|_| !self.has_unread())
    }

    pub fn has_unread(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Reads bytes, of one piece at most.
    pub fn read(&mut self, into: &mut [u8]) -> usize {
        let Some(piece) = self.arrived.front_mut() else { return 0 };
        let count = piece.len().min(into.len());
        into[..count].copy_from_slice(&piece[..count]);
        piece.drain(..count);
        if piece.is_empty() {
            self.arrived.pop_front();
        }
        self.bytes -= count;
        count
    }

    /// Loses any suffix of what is under way or not read.
    pub fn lose(&mut self, choice: &mut dyn Choice) {
        let kept = choice.choose(self.arrived.len() + self.under_way.len() + 1);
        self.arrived.truncate(kept);
        self.under_way.truncate(kept - self.arrived.len());
        let under_way = self.under_way.iter().map(|item| if let Item::Bytes(bytes) = item { bytes.len() } else { 0 });
        self.bytes = self.arrived.iter().map(Vec::len).sum::<usize>() + under_way.sum::<usize>();
    }
}

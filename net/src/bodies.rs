//! The bodies of one connection's requests that wait, back to back in the order in which they came.
//!
//! They are in one piece of memory that is used again and again, instead of one piece for each request.

/// When nothing waits, memory beyond this is freed, bytes.
const KEEP: usize = 64 * 1024;
/// Bytes that are done with are cut off in front when they are at least so many, and at least half of all.
const CUT_MIN: usize = 4096;

/// The bodies, oldest first. Their lengths are known to whoever put them.
#[derive(Default)]
pub struct Bodies {
    bytes: Vec<u8>,
    /// Where the first body that waits begins.
    start: usize,
}

impl Bodies {
    pub fn push(&mut self, body: &[u8]) {
        self.bytes.extend_from_slice(body);
    }

    /// Memory that is held, bytes.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// The first body, whose length is this.
    pub fn first(&self, length: usize) -> &[u8] {
        &self.bytes[self.start..self.start + length]
    }

    /// Removes the first body, whose length is this.
    pub fn pop(&mut self, length: usize) {
        self.start += length;
        assert!(self.start <= self.bytes.len(), "no more is taken than was put");
        if self.start == self.bytes.len() {
            self.start = 0;
            self.bytes.clear();
            self.bytes.shrink_to(KEEP);
        } else if self.start >= CUT_MIN && self.start >= self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bodies, CUT_MIN, KEEP};

    #[test]
    fn bodies_come_out_as_they_went_in() {
        let mut bodies = Bodies::default();
        let length = |number: usize| number * 37 % 101;
        let (mut first, mut most) = (0, 0);
        for number in 0..10_000 {
            bodies.push(&vec![number as u8; length(number)]);
            // Never empty, as with a client that goes on and on.
            while number - first > 20 {
                assert_eq!(bodies.first(length(first)), vec![first as u8; length(first)]);
                bodies.pop(length(first));
                first += 1;
            }
            most = most.max(bodies.bytes.capacity());
        }
        assert!(most < 4 * CUT_MIN, "{most}");
        bodies.push(&vec![0; 10 * KEEP]);
        (first..10_000).for_each(|number| bodies.pop(length(number)));
        bodies.pop(10 * KEEP);
        assert!(bodies.bytes.capacity() <= KEEP);
    }
}

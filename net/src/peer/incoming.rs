//! The bytes that a peer's connection has brought and nobody has taken yet.
//!
//! Bytes come in pieces that have nothing to do with what they mean. They are kept in one piece of memory, and a decoder
//! looks at them where they are, so that what it gives borrows from here. What was taken stays in front until the rest is
//! no longer than that; only then the rest is moved, so that each byte is moved once on average. Memory grows as bytes come
//! and never by a length that they claim.
//!
//! Behind a SNAP packet comes a stream that is not packets. Whoever reads it looks at the bytes that are here, and takes those
//! that belong to it: what follows the stream's end stays.

use super::arriving::Stop;

/// Memory that is kept while no byte is here, bytes.
const KEEP: usize = 64 * 1024;

#[derive(Debug)]
pub struct Incoming {
    bytes: Vec<u8>,
    /// How many of `bytes` were taken.
    taken: usize,
    /// A decoder is not asked again before so many bytes are here that were not taken.
    needed: usize,
    /// How many bytes may be here that were not taken.
    bytes_max: usize,
}

impl Incoming {
    /// `bytes_max` is how many bytes wait here at most; it must be enough for the longest of what is decoded.
    pub fn new(bytes_max: usize) -> Incoming {
        Incoming { bytes: Vec::new(), taken: 0, needed: 0, bytes_max }
    }

    /// How many more bytes may come. At 0 the connection is not read from.
    pub fn room(&self) -> usize {
        self.bytes_max - self.rest().len()
    }

    /// Bytes that were not taken yet.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// More bytes have come.
    ///
    /// # Panics
    /// If there are more than there is room for.
    pub fn extend(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.room(), "more was read than there is room for");
        self.move_up();
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes what comes next, or gives `None` as long as it has not come whole. `decode` gives it with its length, bytes.
    ///
    /// # Errors
    /// What `decode` finds wrong. Nothing is taken then, and the connection is of no use any more.
    ///
    /// # Panics
    /// If `decode` asks for what can never be here, or gives something that has no bytes.
    pub fn next<'a, T, E>(
        &'a mut self,
        decode: impl FnOnce(&'a [u8]) -> Result<(T, usize), Stop<E>>,
    ) -> Result<Option<T>, E> {
        let rest = &self.bytes[self.taken..];
        if rest.len() < self.needed {
            return Ok(None);
        }
        match decode(rest) {
            Ok((value, length)) => {
                assert!((1..=rest.len()).contains(&length), "{length} of {} bytes were decoded", rest.len());
                self.taken += length;
                self.needed = 0;
                Ok(Some(value))
            }
            Err(Stop::Incomplete(incomplete)) => {
                let possible = rest.len() + 1..=self.bytes_max;
                assert!(possible.contains(&incomplete.needed), "{} bytes are awaited", incomplete.needed);
                self.needed = incomplete.needed;
                Ok(None)
            }
            Err(Stop::Bad(bad)) => Err(bad),
        }
    }

    /// Takes so many bytes, which are nothing that is decoded.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn take(&mut self, count: usize) {
        assert!(count <= self.rest().len(), "{count} bytes were taken, where {} are", self.rest().len());
        self.taken += count;
        self.needed = 0;
    }

    /// Lets the rest take the place of what was taken, if it is not longer.
    fn move_up(&mut self) {
        if self.taken == 0 || self.rest().len() > self.taken {
            return;
        }
        self.bytes.drain(..self.taken);
        self.taken = 0;
        if self.bytes.is_empty() {
            self.bytes.shrink_to(KEEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Incoming, KEEP};
    use crate::peer::arriving::{Arriving, Incomplete, Stop};

    /// Texts with a length of one byte in front, of which 255 is bad.
    fn text(bytes: &[u8]) -> Result<(&[u8], usize), Stop<()>> {
        let mut arriving = Arriving::new(bytes);
        match arriving.bytes(1)?[0] {
            255 => Err(Stop::Bad(())),
            length => Ok((arriving.bytes(length.into())?, 1 + usize::from(length))),
        }
    }

    #[test]
    fn many_come_in_one_piece_and_one_in_many() {
        let mut incoming = Incoming::new(100);
        incoming.extend(b"\x02ab\x00\x01");
        assert_eq!(incoming.next(text), Ok(Some(&b"ab"[..])));
        assert_eq!(incoming.next(text), Ok(Some(&b""[..])));
        assert_eq!(incoming.next(text), Ok(None));
        incoming.extend(b"c");
        assert_eq!(incoming.next(text), Ok(Some(&b"c"[..])));
        assert_eq!(incoming.next(text), Ok(None));
    }

    #[test]
    fn a_decoder_is_not_asked_before_it_can_get_further() {
        let mut incoming = Incoming::new(100);
        incoming.extend(&[5]);
        let mut asked = 0;
        for byte in *b"hello" {
            let next = incoming.next(|bytes| {
                asked += 1;
                text(bytes)
            });
            assert_eq!(next, Ok(None));
            incoming.extend(&[byte]);
        }
        assert_eq!((incoming.next(text), asked), (Ok(Some(&b"hello"[..])), 1));
    }

    #[test]
    fn what_is_bad_stays_where_it_is() {
        let mut incoming = Incoming::new(100);
        incoming.extend(&[1, b'a', 255, 1]);
        assert_eq!(incoming.next(text), Ok(Some(&b"a"[..])));
        for _ in 0..2 {
            assert_eq!(incoming.next(text), Err(()));
        }
        assert_eq!(incoming.rest(), [255, 1]);
    }

    #[test]
    fn room_is_what_may_come() {
        let mut incoming = Incoming::new(4);
        incoming.extend(&[1, b'a', 3]);
        assert_eq!(incoming.room(), 1);
        incoming.next(text).unwrap();
        assert_eq!(incoming.room(), 3);
        incoming.extend(b"bcd");
        assert_eq!((incoming.room(), incoming.next(text)), (0, Ok(Some(&b"bcd"[..]))));
    }

    #[test]
    #[should_panic(expected = "more was read than there is room for")]
    fn more_than_there_is_room_for_is_a_mistake_of_the_reader() {
        Incoming::new(4).extend(&[0; 5]);
    }

    #[test]
    #[should_panic(expected = "11 bytes are awaited")]
    fn nothing_is_awaited_that_can_never_be_here() {
        let mut incoming = Incoming::new(10);
        let _ = incoming.next(|_| Err::<((), usize), Stop<()>>(Stop::Incomplete(Incomplete { needed: 11 })));
    }

    #[test]
    fn a_stream_takes_what_is_its_own() {
        let mut incoming = Incoming::new(100);
        incoming.extend(b"\x01astr");
        assert_eq!(incoming.next(text), Ok(Some(&b"a"[..])));
        assert_eq!(incoming.rest(), b"str");
        incoming.take(3);
        incoming.extend(b"eam\x02b");
        assert_eq!((incoming.rest(), incoming.room()), (&b"eam\x02b"[..], 95));
        incoming.take(3);
        incoming.extend(b"c");
        assert_eq!(incoming.next(text), Ok(Some(&b"bc"[..])));
    }

    #[test]
    #[should_panic(expected = "2 bytes were taken, where 1 are")]
    fn nothing_is_taken_that_is_not_here() {
        let mut incoming = Incoming::new(100);
        incoming.extend(b"a");
        incoming.take(2);
    }

    #[test]
    fn memory_follows_what_is_here() {
        let mut incoming = Incoming::new(10 * KEEP);
        incoming.extend(&vec![0; 10 * KEEP]);
        while incoming.next(text).unwrap().is_some() {}
        incoming.extend(&[1]);
        assert!(incoming.bytes.capacity() <= KEEP, "a long piece is no reason to keep its memory");
        for _ in 0..10 * KEEP {
            incoming.extend(&[7, 1]);
            incoming.next(text).unwrap().unwrap();
        }
        assert!(incoming.bytes.capacity() <= KEEP, "what was taken makes room");
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..255), 0..40),
            pieces in prop::collection::vec(1usize..600, 1..20),
        ) {
            let all: Vec<u8> = texts.iter().flat_map(|text| [&[text.len() as u8], &text[..]].concat()).collect();
            let mut incoming = Incoming::new(1000);
            let (mut left, mut found) = (&all[..], Vec::new());
            for piece in pieces.into_iter().cycle() {
                let (now, later) = left.split_at(piece.min(left.len()).min(incoming.room()));
                incoming.extend(now);
                left = later;
                while let Some(text) = incoming.next(text).unwrap() {
                    found.push(text.to_vec());
                }
                if left.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, texts);
            prop_assert!(incoming.rest().is_empty());
        }
    }
}

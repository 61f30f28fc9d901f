//! Fields of what is only beginning to arrive.
//!
//! Packets have no length in front, so whether one has come whole is known only by reading it. A read that runs out of bytes
//! is no mistake then: it says how many there must be before another attempt can get further.

use crate::frame::BadLength;

/// More bytes must come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incomplete {
    /// How many bytes there must be at least, counted from the first one of what is read. Always more than there are.
    pub needed: usize,
}

/// Why a decoder has no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop<E> {
    Incomplete(Incomplete),
    /// However many bytes come, they will be nothing.
    Bad(E),
}

impl<E> Stop<E> {
    /// The same, with what is wrong said in another way.
    pub fn map_bad<F>(self, say: impl FnOnce(E) -> F) -> Stop<F> {
        match self {
            Stop::Incomplete(incomplete) => Stop::Incomplete(incomplete),
            Stop::Bad(bad) => Stop::Bad(say(bad)),
        }
    }
}

impl<E> From<Incomplete> for Stop<E> {
    fn from(incomplete: Incomplete) -> Stop<E> {
        Stop::Incomplete(incomplete)
    }
}

/// Reads fields from bytes of which perhaps only the first have come.
#[derive(Clone, Copy, Debug)]
pub struct Arriving<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Arriving<'a> {
    pub fn new(bytes: &'a [u8]) -> Arriving<'a> {
        Arriving { bytes, offset: 0 }
    }

    /// How many bytes were read.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The bytes that were read from this offset on.
    pub fn since(&self, offset: usize) -> &'a [u8] {
        &self.bytes[offset..self.offset]
    }

    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], Incomplete> {
        let end = self.offset + length;
        let taken = self.bytes.get(self.offset..end).ok_or(Incomplete { needed: end })?;
        self.offset = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Incomplete> {
        let taken = self.bytes[self.offset..].first_chunk::<N>().ok_or(Incomplete { needed: self.offset + N })?;
        self.offset += N;
        Ok(*taken)
    }

    pub fn i32(&mut self) -> Result<i32, Incomplete> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, Incomplete> {
        self.array().map(i64::from_be_bytes)
    }

    /// A buffer or text; `None` is the null one. `length_max` is inclusive; a longer one is bad as soon as its length has
    /// come.
    pub fn buffer(&mut self, length_max: usize) -> Result<Option<&'a [u8]>, Stop<BadLength>> {
        let claimed = self.i32()?;
        match usize::try_from(claimed) {
            Ok(length) if length <= length_max => Ok(Some(self.bytes(length)?)),
            _ if claimed == -1 => Ok(None),
            _ => Err(Stop::Bad(BadLength(claimed))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arriving, Incomplete, Stop};
    use crate::frame::BadLength;

    #[test]
    fn what_is_lacking_is_counted_from_the_first_byte() {
        let mut arriving = Arriving::new(&[0, 0, 0, 2, 9]);
        assert_eq!(arriving.clone().i64(), Err(Incomplete { needed: 8 }));
        assert_eq!(arriving.i32(), Ok(2));
        assert_eq!(arriving.clone().i32(), Err(Incomplete { needed: 8 }));
        assert_eq!(arriving.clone().bytes(2), Err(Incomplete { needed: 6 }));
        assert_eq!(arriving.bytes(1), Ok(&[9][..]));
        assert_eq!((arriving.offset(), arriving.since(3)), (5, &[2, 9][..]));
    }

    #[test]
    fn the_length_of_a_buffer_is_judged_before_its_bytes_come() {
        let length =
            |length: i32, max| Arriving::new(&length.to_be_bytes()).buffer(max).map(|read| read.map(<[u8]>::len));
        assert_eq!(length(-1, 0), Ok(None));
        assert_eq!(length(0, 0), Ok(Some(0)));
        assert_eq!(length(7, 7), Err(Stop::Incomplete(Incomplete { needed: 11 })));
        for (bad, max) in [(8, 7), (-2, 7), (i32::MAX, 7), (i32::MIN, 7), (1, 0)] {
            assert_eq!(length(bad, max), Err(Stop::Bad(BadLength(bad))));
        }
    }
}

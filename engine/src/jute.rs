//! Jute, ZooKeeper's encoding: big-endian, no tags, fields in the order of their declaration.
//!
//! | type | bytes |
//! |---|---|
//! | bool | 1, any non-zero byte reads as true |
//! | i32, i64 | 4, 8, two's complement |
//! | buffer, string | i32 length (-1 is null), then the bytes |
//! | vector | i32 count (-1 is null), then the elements |
//!
//! Reading borrows from the input and allocates only for malformed UTF-8, so that no length in the input can make it
//! reserve memory. Writing appends to a `Vec<u8>`.

use std::borrow::Cow;

/// The input is not what its type says: it ends early, or a length lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

/// Reads records from a slice. Bytes behind the last field are nobody's business, as in ZooKeeper.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// So many bytes as they are.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.array::<1>()?[0] != 0)
    }

    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    /// `None` is the null buffer, which is not the empty one.
    pub fn buffer(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            length => self.take(usize::try_from(length).map_err(|_| Malformed)?).map(Some),
        }
    }

    /// Malformed UTF-8 reads as U+FFFD, one for each bad sequence, as Java's decoder does.
    pub fn string(&mut self) -> Result<Option<Cow<'a, str>>, Malformed> {
        // The lossy conversion looks at each byte alone; a text that is sound, as nearly all are, is checked by words.
        Ok(self
            .buffer()?
            .map(|bytes| std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)))
    }

    /// The count of a vector; `None` is the null vector. Any other negative count reads as an empty vector.
    ///
    /// The count is a claim, not a promise: never reserve memory by it.
    pub fn count(&mut self) -> Result<Option<usize>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            count => Ok(Some(usize::try_from(count).unwrap_or(0))),
        }
    }
}

/// Appends records to a buffer.
pub trait Write {
    fn put_bool(&mut self, value: bool);
    fn put_i32(&mut self, value: i32);
    fn put_i64(&mut self, value: i64);
    /// `None` becomes the null buffer.
    fn put_buffer(&mut self, value: Option<&[u8]>);
    fn put_string(&mut self, value: &str);
}

impl Write for Vec<u8> {
    fn put_bool(&mut self, value: bool) {
        self.push(u8::from(value));
    }

    fn put_i32(&mut self, value: i32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_i64(&mut self, value: i64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_buffer(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.put_i32(-1),
            Some(bytes) => {
                self.put_i32(wire_length(bytes.len()));
                self.extend_from_slice(bytes);
            }
        }
    }

    fn put_string(&mut self, value: &str) {
        self.put_buffer(Some(value.as_bytes()));
    }
}

/// A length or count as it goes on the wire.
///
/// # Panics
/// Above 2^31 - 1, which no frame limit admits.
pub fn wire_length(length: usize) -> i32 {
    i32::try_from(length).expect("a length on the wire fits 31 bits")
}

#[cfg(test)]
mod tests {
    use super::{Malformed, Reader, Write};

    #[test]
    fn null_and_empty_stay_apart() {
        let mut out = Vec::new();
        out.put_buffer(None);
        out.put_buffer(Some(b""));
        assert_eq!(out, [255, 255, 255, 255, 0, 0, 0, 0]);
        let mut reader = Reader::new(&out);
        assert_eq!(reader.buffer(), Ok(None));
        assert_eq!(reader.buffer(), Ok(Some(&b""[..])));
        assert!(reader.is_empty());
    }

    #[test]
    fn lengths_that_lie_are_malformed() {
        assert_eq!(Reader::new(&[0, 0, 0, 2, 1]).buffer(), Err(Malformed));
        assert_eq!(Reader::new(&[255, 255, 255, 254]).buffer(), Err(Malformed));
        assert_eq!(Reader::new(&[0x7f, 255, 255, 255]).buffer(), Err(Malformed));
        assert_eq!(Reader::new(&[0, 0, 0]).i32(), Err(Malformed));
    }

    #[test]
    fn counts_below_minus_one_are_empty() {
        assert_eq!(Reader::new(&[255, 255, 255, 255]).count(), Ok(None));
        assert_eq!(Reader::new(&[255, 255, 255, 254]).count(), Ok(Some(0)));
    }

    #[test]
    fn bad_utf8_becomes_the_replacement_character() {
        let text = Reader::new(&[0, 0, 0, 3, b'/', 0xff, b'a']).string().unwrap().unwrap();
        assert_eq!(text, "/\u{fffd}a");
    }
}

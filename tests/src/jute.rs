//! Jute primitives: big-endian integers, and strings, buffers and vectors behind a 4-byte count where -1 means null.
use std::fmt;

/// Why bytes could not be read as the record that was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Offset of the field that failed, in bytes from the start of the record.
    pub offset: usize,
    pub what: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.what)
    }
}

impl std::error::Error for Malformed {}

/// Appends fields to a record.
#[derive(Debug, Default, Clone)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.bytes.push(u8::from(value));
        self
    }

    pub fn i32(&mut self, value: i32) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Count, then bytes; `None` is the null buffer (count -1), which is not the empty one.
    pub fn buffer(&mut self, value: Option<&[u8]>) -> &mut Self {
        match value {
            None => self.i32(-1),
            Some(bytes) => {
                self.count(bytes.len());
                self.bytes.extend_from_slice(bytes);
                self
            }
        }
    }

    pub fn string(&mut self, value: Option<&str>) -> &mut Self {
        self.buffer(value.map(str::as_bytes))
    }

    pub fn strings(&mut self, values: &[String]) -> &mut Self {
        self.count(values.len());
        for value in values {
            self.string(Some(value));
        }
        self
    }

    pub fn count(&mut self, count: usize) -> &mut Self {
        self.i32(i32::try_from(count).expect("tests never build a record of 2 GiB"))
    }
}

/// Takes fields off a record, never beyond its end.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// Everything must have been read: a reply with bytes to spare is as wrong as one that is too short.
    pub fn finish(self) -> Result<(), Malformed> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.malformed("bytes left over after the last field")) }
    }

    pub fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub fn bool(&mut self) -> Result<bool, Malformed> {
        match self.take(1)? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(self.malformed("a bool that is neither 0 nor 1")),
        }
    }

    pub fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    pub fn buffer(&mut self) -> Result<Option<Vec<u8>>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| self.malformed("a negative length"))?;
                Ok(Some(self.take(length)?.to_vec()))
            }
        }
    }

    /// Text. ZooKeeper writes characters above U+FFFF as two surrogates of three bytes each, which is not UTF-8: such
    /// text, and any other that is not, is given as its bytes in hex, so that nothing is lost in a comparison.
    pub fn string(&mut self) -> Result<Option<String>, Malformed> {
        let text = self.buffer()?.map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => format!("not UTF-8: {:02x?}", error.as_bytes()),
        });
        Ok(text)
    }

    /// A vector of `item`s; `None` is the null vector.
    pub fn vector<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<Vec<T>>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            // No capacity is reserved from the count: it is the server's word and not yet proven by bytes.
            count => (0..count).map(|_| item(self)).collect::<Result<_, _>>().map(Some),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| self.malformed("the record ends inside this field"))?;
        let bytes = &self.bytes[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N).map(|bytes| bytes.try_into().expect("take gave N bytes"))
    }

    fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { offset: self.at, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_empty_stay_apart() {
        let mut writer = Writer::default();
        writer.buffer(None).buffer(Some(b"")).string(None).string(Some(""));
        let mut reader = Reader::new(&writer.bytes);
        assert_eq!(reader.buffer(), Ok(None));
        assert_eq!(reader.buffer(), Ok(Some(vec![])));
        assert_eq!(reader.string(), Ok(None));
        assert_eq!(reader.string(), Ok(Some(String::new())));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn lengths_beyond_the_end_and_left_over_bytes_are_errors() {
        assert!(Reader::new(&[0, 0, 0, 9, 1]).buffer().is_err());
        assert!(Reader::new(&[0x80, 0, 0, 0]).buffer().is_err());
        assert!(Reader::new(&[0]).finish().is_err());
    }
}

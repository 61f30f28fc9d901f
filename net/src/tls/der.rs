//! DER, as certificates and key stores are written in: values of a tag, a length and so many bytes. Nothing is copied, nothing
//! recurses, and a length beyond what is there is an error.

/// Tags that certificates and stores are made of.
pub mod tag {
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const UTF8_STRING: u8 = 0x0c;
    pub const PRINTABLE_STRING: u8 = 0x13;
    pub const T61_STRING: u8 = 0x14;
    pub const IA5_STRING: u8 = 0x16;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const GENERAL_STRING: u8 = 0x1b;
    pub const BMP_STRING: u8 = 0x1e;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;
    /// The first of the tags whose meaning is said by where they stand; primitive.
    pub const CONTEXT: u8 = 0x80;
    /// The same, of values that are made of others.
    pub const CONTEXT_CONSTRUCTED: u8 = 0xa0;
}

/// Bytes that are not DER, or not the values that belong there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadDer;

/// One value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value<'a> {
    pub tag: u8,
    /// What is in it.
    pub content: &'a [u8],
    /// It with its tag and its length.
    pub whole: &'a [u8],
}

impl<'a> Value<'a> {
    /// What the value is made of.
    pub fn reader(&self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// A number that is not negative and has no more than 63 bits.
    pub fn number(&self) -> Result<u64, BadDer> {
        match self.content {
            [] => Err(BadDer),
            [first, ..] if *first >= 0x80 => Err(BadDer),
            bytes if bytes.len() <= 8 => Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))),
            _ => Err(BadDer),
        }
    }
}

/// Values that stand one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next value, whatever it is.
    pub fn any(&mut self) -> Result<Value<'a>, BadDer> {
        let (&tag, after_tag) = self.rest.split_first().ok_or(BadDer)?;
        if tag & 0x1f == 0x1f {
            return Err(BadDer); // tags of several bytes, which nothing of ours has
        }
        let (length, header) = length(after_tag)?;
        let end = length.checked_add(header + 1).ok_or(BadDer)?;
        let whole = self.rest.get(..end).ok_or(BadDer)?;
        self.rest = &self.rest[end..];
        Ok(Value { tag, content: &whole[header + 1..], whole })
    }

    /// The next value, which has this tag.
    pub fn value(&mut self, tag: u8) -> Result<Value<'a>, BadDer> {
        let value = self.any()?;
        if value.tag == tag { Ok(value) } else { Err(BadDer) }
    }

    /// The next value if it has this tag.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>, BadDer> {
        if self.rest.first() == Some(&tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// What the next value is made of, which is a sequence.
    pub fn sequence(&mut self) -> Result<Reader<'a>, BadDer> {
        self.value(tag::SEQUENCE).map(|value| value.reader())
    }

    /// That nothing is left.
    pub fn end(&self) -> Result<(), BadDer> {
        if self.rest.is_empty() { Ok(()) } else { Err(BadDer) }
    }
}

/// A length, and the bytes that it takes. Lengths that say "until a mark comes" are not DER.
fn length(bytes: &[u8]) -> Result<(usize, usize), BadDer> {
    let &first = bytes.first().ok_or(BadDer)?;
    if first < 0x80 {
        return Ok((usize::from(first), 1));
    }
    let digits = usize::from(first & 0x7f);
    if digits == 0 || digits > 4 {
        return Err(BadDer);
    }
    let digits = bytes.get(1..=digits).ok_or(BadDer)?;
    let length = digits.iter().fold(0u64, |length, digit| length << 8 | u64::from(*digit));
    Ok((usize::try_from(length).map_err(|_| BadDer)?, digits.len() + 1))
}

/// The only value of `bytes`, which has this tag.
pub fn only(bytes: &[u8], tag: u8) -> Result<Value<'_>, BadDer> {
    let mut reader = Reader::new(bytes);
    let value = reader.value(tag)?;
    reader.end()?;
    Ok(value)
}

/// An object identifier in dots. `None` if it is none, or has a number of more than 64 bits.
pub fn dotted(oid: &[u8]) -> Option<String> {
    if oid.last()? & 0x80 != 0 {
        return None;
    }
    let mut text = String::new();
    let mut number = 0u64;
    for byte in oid {
        number = number.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (number / 40).min(2);
            text = format!("{first}.{}", number - first * 40);
        } else {
            text.push_str(&format!(".{number}"));
        }
        number = 0;
    }
    Some(text)
}

/// Adds a value to `out`. For what must be written to be read by others: a key that comes in another wrapping.
pub fn write(tag: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    match content.len() {
        short @ 0..0x80 => out.push(short as u8),
        long => {
            let bytes = long.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | (bytes.len() - zeros) as u8);
            out.extend_from_slice(&bytes[zeros..]);
        }
    }
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::{BadDer, Reader, dotted, only, tag, write};

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let mut bytes = Vec::new();
            write(tag::OCTET_STRING, &content, &mut bytes);
            let value = only(&bytes, tag::OCTET_STRING).unwrap();
            assert_eq!((value.content, value.whole), (&content[..], &bytes[..]));
            bytes.pop();
            assert!(length == 0 || only(&bytes, tag::OCTET_STRING).is_err(), "a cut value of {length}");
        }
    }

    #[test]
    fn lengths_that_lead_nowhere_are_errors() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 1],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x3f, 0x01, 0x00],
        ] {
            assert_eq!(Reader::new(bytes).any(), Err(BadDer), "{bytes:?}");
        }
    }

    #[test]
    fn numbers_are_bounded() {
        let number = |bytes: &[u8]| Reader::new(bytes).any().unwrap().number();
        assert_eq!(number(&[2, 2, 8, 0]), Ok(2048));
        assert_eq!(number(&[2, 1, 0xff]), Err(BadDer));
        assert_eq!(number(&[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]), Err(BadDer));
        assert_eq!(number(&[2, 0]), Err(BadDer));
    }

    #[test]
    fn identifiers_in_dots() {
        assert_eq!(dotted(&[0x55, 4, 3]).as_deref(), Some("2.5.4.3"));
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1]).as_deref(), Some("1.2.840.113549.1.9.1"));
        assert_eq!(dotted(&[0x88, 0x37]).as_deref(), Some("2.999"));
        assert_eq!((dotted(&[]), dotted(&[0x55, 0x84])), (None, None));
    }
}

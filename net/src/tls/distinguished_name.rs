//! What a subject is called: its name as Java's `X500Principal.getName()` writes it (RFC 2253), letter by letter. That is what
//! stands in ACLs of the scheme x509, so another way to write the same name would lock people out.

use super::certificate::Certificate;
use super::der::{self, BadDer, Reader, Value, tag};

/// Parts of a name, above which none is looked at.
const PARTS_MAX: usize = 1024;

/// The attributes that have a word; all others are written as numbers, and their values as bytes.
const WORDS: [(&[u8], &str); 9] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
];

/// What a backslash goes before.
const ESCAPED: &str = ",=+<>#;\"\\";

/// One attribute of a name.
struct Attribute<'a> {
    kind: &'a [u8],
    value: Value<'a>,
}

/// The subject of a certificate in DER.
///
/// # Errors
/// What is no certificate, or has a subject that is no name.
pub fn of_certificate(certificate: &[u8]) -> Result<String, BadDer> {
    of_name(Certificate::read(certificate)?.subject)
}

/// A Name in DER. An empty one is empty.
///
/// # Errors
/// What is no name.
pub fn of_name(name: &[u8]) -> Result<String, BadDer> {
    let sets = read(name)?;
    let written = sets.iter().rev().map(|set| set.iter().map(write).collect::<Vec<_>>().join("+"));
    Ok(written.collect::<Vec<_>>().join(","))
}

/// A name that can be compared. Names are the same, as Java sees it, whatever their letters' case, how many spaces are in them,
/// and in which of the two usual kinds of string they are written.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Comparable(Vec<Vec<(Vec<u8>, String)>>);

impl Comparable {
    /// Of a Name in DER.
    ///
    /// # Errors
    /// What is no name.
    pub fn of_name(name: &[u8]) -> Result<Comparable, BadDer> {
        // Of each part its attributes, sorted.
        let part = |set: Vec<Attribute<'_>>| {
            let mut attributes: Vec<_> =
                set.iter().map(|attribute| (attribute.kind.to_vec(), comparable_value(attribute.value))).collect();
            attributes.sort();
            attributes
        };
        Ok(Comparable(read(name)?.into_iter().map(part).collect()))
    }

    /// Whether this name begins with all parts of `outer`.
    pub fn is_below(&self, outer: &Comparable) -> bool {
        self.0.starts_with(&outer.0)
    }

    /// Whether it has no parts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it has an attribute of this kind.
    pub fn has(&self, kind: &[u8]) -> bool {
        self.0.iter().flatten().any(|(has, _)| has == kind)
    }
}

/// The value of the most special common name, if there is one that is a string.
pub fn common_name(name: &[u8]) -> Option<String> {
    let sets = read(name).ok()?;
    let attribute = sets.iter().rev().flatten().find(|attribute| attribute.kind == WORDS[0].0)?;
    if !is_string(attribute.value.tag) {
        return None;
    }
    String::from_utf8(attribute.value.content.to_vec()).ok()
}

fn read(name: &[u8]) -> Result<Vec<Vec<Attribute<'_>>>, BadDer> {
    let mut list = der::only(name, tag::SEQUENCE)?.reader();
    let mut parts = 0;
    let mut sets = Vec::new();
    while !list.is_empty() {
        let mut set = list.value(tag::SET)?.reader();
        let mut attributes = Vec::new();
        while !set.is_empty() {
            parts += 1;
            if parts > PARTS_MAX {
                return Err(BadDer);
            }
            attributes.push(Attribute::read(&mut set)?);
        }
        sets.push(attributes);
    }
    Ok(sets)
}

impl<'a> Attribute<'a> {
    fn read(set: &mut Reader<'a>) -> Result<Attribute<'a>, BadDer> {
        let mut pair = set.sequence()?;
        let kind = pair.value(tag::OID)?.content;
        let value = pair.any()?;
        pair.end()?;
        Ok(Attribute { kind, value })
    }

    fn word(&self) -> Option<&'static str> {
        WORDS.iter().find(|(kind, _)| *kind == self.kind).map(|(_, word)| *word)
    }
}

fn write(attribute: &Attribute<'_>) -> String {
    match attribute.word() {
        Some(word) if is_string(attribute.value.tag) => format!("{word}={}", escaped(attribute.value.content)),
        Some(word) => format!("{word}=#{}", hex(attribute.value.whole)),
        None => {
            format!("{}=#{}", der::dotted(attribute.kind).unwrap_or_default(), hex(attribute.value.whole))
        }
    }
}

/// The kinds of string whose bytes Java takes for UTF-8, which is wrong for some of them and decides all the same.
fn is_string(kind: u8) -> bool {
    matches!(
        kind,
        tag::PRINTABLE_STRING
            | tag::T61_STRING
            | tag::IA5_STRING
            | tag::GENERAL_STRING
            | tag::BMP_STRING
            | tag::UTF8_STRING
    )
}

fn escaped(value: &[u8]) -> String {
    let text = decoded(value);
    let mut pieces = Vec::new();
    for letter in text.chars() {
        match letter {
            '\0' => pieces.extend(['\\', '0', '0']),
            _ if ESCAPED.contains(letter) => pieces.extend(['\\', letter]),
            _ => pieces.push(letter),
        }
    }
    let is_blank = |letter: &char| *letter == ' ' || *letter == '\r';
    let lead = pieces.iter().take_while(|letter| is_blank(letter)).count();
    let trail = pieces.len() - pieces.iter().rev().take_while(|letter| is_blank(letter)).count();
    let mut written = String::new();
    for (index, letter) in pieces.iter().enumerate() {
        if index < lead || index >= trail {
            written.push('\\');
        }
        written.push(*letter);
    }
    written
}

/// Bytes as Java decodes UTF-8: as everybody does, but that half a surrogate pair, which is not allowed, is one bad letter and
/// not three.
fn decoded(bytes: &[u8]) -> String {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (0xed, [0xa0..=0xbf, 0x80..=0xbf, after @ ..] | [0xa0..=0xbf, after @ ..]) => {
                replaced.extend_from_slice("\u{fffd}".as_bytes());
                rest = after;
            }
            _ => {
                replaced.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&replaced).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn comparable_value(value: Value<'_>) -> String {
    match value.tag {
        tag::PRINTABLE_STRING | tag::UTF8_STRING => {
            let text = String::from_utf8_lossy(value.content).to_lowercase();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        }
        _ => format!("#{}", hex(value.whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Comparable, common_name, of_name};

    /// Names in hex, and what `X500Principal.getName()` of Java 17 gave for each, in hex too.
    const NAMES: &str = include_str!("testdata/names.txt");

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn names_are_written_as_java_writes_them() {
        let mut count = 0;
        for line in NAMES.lines().filter(|line| !line.starts_with('#')) {
            let (name, written) = line.split_once(' ').unwrap();
            let written = String::from_utf8(bytes(written)).unwrap();
            assert_eq!(of_name(&bytes(name)), Ok(written), "{name}");
            count += 1;
        }
        assert!(count > 100, "{count} names");
    }

    #[test]
    fn what_is_no_name_is_an_error() {
        for name in ["", "3001", "30023100aa", "3004310230", "30053103020105", "300b3109300706035504030c01"] {
            assert!(of_name(&bytes(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn names_are_the_same_whatever_their_case_and_spaces() {
        let comparable = |kind: u8, value: &str| {
            let mut name = vec![0x30, 11 + value.len() as u8, 0x31, 9 + value.len() as u8, 0x30, 7 + value.len() as u8];
            name.extend([6, 3, 0x55, 4, 3, kind, value.len() as u8]);
            name.extend(value.as_bytes());
            assert_eq!(common_name(&name).as_deref(), Some(value));
            Comparable::of_name(&name).unwrap()
        };
        let name = comparable(0x0c, "Test Root");
        assert_eq!(name, comparable(0x13, " test  root "));
        assert_ne!(name, comparable(0x0c, "testroot"));
        assert_ne!(name, comparable(0x16, "Test Root"), "a kind of string that is compared by its bytes");
    }
}

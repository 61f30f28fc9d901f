//! The scheme `x509`: the subject of a client's certificate, a distinguished name as Java writes it.

use std::iter::Peekable;
use std::str::Chars;

use super::Id;

/// How certificates become identities.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct X509 {
    /// The subject whose holder is `super` (`X509AuthenticationProvider.superUser`).
    pub super_user: Option<String>,
}

impl X509 {
    /// The identities of who has shown that a certificate with this subject is its own.
    pub(super) fn ids_of(&self, subject: &str) -> Vec<Id> {
        let is_super = self.super_user.as_deref() == Some(subject);
        let schemes = ["super", "x509"].into_iter().filter(|scheme| is_super || *scheme == "x509");
        schemes.map(|scheme| Id { scheme: scheme.into(), id: subject.to_owned() }).collect()
    }
}

/// The short names of attributes that Java knows, in upper case.
const KEYWORDS: [&str; 21] = [
    "CN",
    "C",
    "L",
    "S",
    "ST",
    "O",
    "OU",
    "T",
    "IP",
    "STREET",
    "DC",
    "DNQUALIFIER",
    "DNQ",
    "SURNAME",
    "GIVENNAME",
    "INITIALS",
    "GENERATION",
    "EMAIL",
    "EMAILADDRESS",
    "UID",
    "SERIALNUMBER",
];

/// What a backslash may stand before, besides two hexadecimal digits.
const ESCAPABLE: &str = ",=\n+<>#;\\\" ";
/// What stands in a value behind a backslash only.
const TO_ESCAPE: &str = ",+<>;\"";

/// Whether an entry may name this: what Java takes for a distinguished name, which is more than the standards allow.
pub(super) fn is_valid(id: &str) -> bool {
    id.is_empty() || split(id, &[',', ';'], Escapes::Counted).all(is_relative_name)
}

fn is_relative_name(name: &str) -> bool {
    split(name, &['+'], Escapes::LastOnly).all(is_attribute)
}

/// How Java tells whether a separator has a backslash that takes its meaning.
#[derive(Clone, Copy)]
enum Escapes {
    /// There is one before it; where there are two, all since the last separator are odd in number.
    Counted,
    /// There is one before it, or nothing is.
    LastOnly,
}

/// The parts between separators that are neither escaped nor behind one quotation mark.
fn split<'t>(text: &'t str, separators: &'static [char], escapes: Escapes) -> impl Iterator<Item = &'t str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = separator(text, separators, escapes);
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// Where the first separator is that separates.
fn separator(text: &str, separators: &[char], escapes: Escapes) -> Option<usize> {
    let (mut quotes, mut backslashes, mut before) = (0_usize, 0_usize, [None; 2]);
    for (at, c) in text.char_indices() {
        if separators.contains(&c) {
            let escaped = match (escapes, before) {
                (Escapes::Counted, [Some('\\'), Some('\\')]) => backslashes % 2 == 1,
                (Escapes::Counted, [_, last]) => last == Some('\\'),
                (Escapes::LastOnly, [_, last]) => last.is_none_or(|last| last == '\\'),
            };
            if quotes != 1 && !escaped {
                return Some(at);
            }
            backslashes = 0;
        }
        quotes += usize::from(c == '"' && before[1] != Some('\\'));
        backslashes += usize::from(c == '\\');
        before = [before[1], Some(c)];
    }
    None
}

/// `keyword=value`.
fn is_attribute(attribute: &str) -> bool {
    attribute.split_once('=').is_some_and(|(keyword, value)| is_keyword(keyword) && is_value(value))
}

fn is_keyword(keyword: &str) -> bool {
    let keyword = keyword.to_uppercase();
    let keyword = keyword.trim_matches(|c| c <= ' ');
    KEYWORDS.contains(&keyword) || is_object_identifier(keyword.strip_prefix("OID.").unwrap_or(keyword))
}

/// Numbers between dots: two at least, the first not above 2, the second below 40 where the first is not 2.
fn is_object_identifier(text: &str) -> bool {
    let mut numbers = text.split('.');
    let number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit()) && !text.is_empty();
    let (Some(first), Some(second)) = (numbers.next(), numbers.next()) else { return false };
    let second_fits = |second: &str| second.trim_start_matches('0').parse::<u8>().unwrap_or(u8::MAX) < 40;
    let root = first.trim_start_matches('0');
    number(first)
        && number(second)
        && matches!(root, "" | "1" | "2")
        && (root == "2" || second.bytes().all(|digit| digit == b'0') || second_fits(second))
        && numbers.all(number)
}

fn is_value(value: &str) -> bool {
    let value = value.trim_start_matches([' ', '\n']);
    let mut chars = value.chars().peekable();
    match chars.peek() {
        None => true,
        Some('#') => is_hexadecimal(&value[1..]),
        Some('"') => is_quoted(chars),
        Some(_) => is_plain(chars),
    }
}

/// A value as the bytes of one value of ASN.1.
fn is_hexadecimal(digits: &str) -> bool {
    let digits = digits.as_bytes();
    if digits.is_empty() || digits.len() % 2 == 1 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok()).unwrap_or(0);
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect();
    is_one_value(&bytes)
}

/// A tag of one byte, a length in the short form or the long one of up to four bytes, and so many bytes.
fn is_one_value(bytes: &[u8]) -> bool {
    const LONG_TAG: u8 = 0x1f;
    let [tag, first, rest @ ..] = bytes else { return false };
    let (length, content) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 if rest.len() >= usize::from(first - 0x80) => {
            let (length, content) = rest.split_at(usize::from(first - 0x80));
            (length.iter().fold(0, |length: usize, byte| length << 8 | usize::from(*byte)), content)
        }
        _ => return false,
    };
    tag & LONG_TAG != LONG_TAG && content.len() == length
}

/// A value between quotation marks, with nothing but blanks behind it.
fn is_quoted(mut chars: Peekable<Chars<'_>>) -> bool {
    chars.next();
    loop {
        match chars.next() {
            None => return false,
            Some('"') => return chars.all(|c| matches!(c, ' ' | '\n')),
            Some('\\') if !is_escape(&mut chars) => return false,
            Some(_) => {}
        }
    }
}

fn is_plain(mut chars: Peekable<Chars<'_>>) -> bool {
    // A plus sign ends a value where its backslash has a backslash itself.
    let mut first = true;
    while let Some(c) = chars.next() {
        if !first && matches!(c, '+' | ',' | ';') {
            return true;
        }
        first = false;
        match c {
            '\\' if !is_escape(&mut chars) => return false,
            '\\' => {}
            c if TO_ESCAPE.contains(c) => return false,
            _ => {}
        }
    }
    true
}

/// What stands behind a backslash.
fn is_escape(chars: &mut Peekable<Chars<'_>>) -> bool {
    match chars.next() {
        Some(c) if c.is_ascii_hexdigit() => chars.next().is_some_and(|c| c.is_ascii_hexdigit()),
        Some(c) => ESCAPABLE.contains(c),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Id, X509, is_valid};

    #[test]
    fn the_subject_is_the_identity() {
        let id = |scheme: &str, id: &str| Id { scheme: scheme.into(), id: id.into() };
        let x509 = X509 { super_user: Some("CN=root".into()) };
        assert_eq!(x509.ids_of("CN=root"), [id("super", "CN=root"), id("x509", "CN=root")]);
        assert_eq!(x509.ids_of("CN=Root"), [id("x509", "CN=Root")]);
        assert_eq!(X509::default().ids_of(""), [id("x509", "")]);
    }

    /// What Java's `new X500Principal(text)` takes.
    #[test]
    fn names_that_are_valid() {
        for name in [
            "",
            "CN=a",
            "cn = a , O = b; C=DE",
            "CN=a+OU=b,O=c",
            "CN=",
            "CN=,O=",
            "CN=\"a,b\" ,O=c",
            "CN=a\\,b",
            "CN=a\\\\,O=b",
            "CN=\\C3\\84",
            "CN=a=b",
            "CN=#0c0161",
            "CN=#0c810161",
            "CN=#0c8300000161",
            "CN=a\\\"\\\\,",
            "CN=a\\\\+O=b",
            "1.2.3=a",
            "OID.2.5.4.3=a",
            "oid.2.999.1=a",
            "CN=\u{e4}\u{1f600}",
            "CN=a#b",
            "CN= \n a",
            "EMAILADDRESS=a@b",
        ] {
            assert!(is_valid(name), "{name:?}");
        }
    }

    #[test]
    fn names_that_are_not() {
        for name in [
            "a",
            " ",
            ",",
            "CN=a,",
            ",CN=a",
            "CN=a,,O=b",
            "CN=a+",
            "+CN=a",
            "X=a",
            "3.1=a",
            "1.40=a",
            "1=a",
            "1..2=a",
            "OID.=a",
            "CN=a<b",
            "CN=a\"b",
            "CN=\"a",
            "CN=\"a\" b",
            "CN=\\a",
            "CN=\\",
            "CN=\\x",
            "CN=#",
            "CN=#0",
            "CN=#0c",
            "CN=#0c02 61",
            "CN=#0c0261",
            "CN=#xx",
            "CN=#0C0161 ",
            "CN=#0C0161\n",
            "CN=#13806100",
            "CN=#1f0161",
            "=a",
        ] {
            assert!(!is_valid(name), "{name:?}");
        }
    }
}

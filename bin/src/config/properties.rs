//! The syntax of a Java properties file, as `java.util.Properties.load(InputStream)` reads it.
//!
//! ```text
//! natural lines       # or ! first: a comment, which never continues; blank lines are skipped
//!   -> logical line   an odd number of backslashes at the end joins the next line, less its leading blanks
//!   -> key, value     split at the first unescaped '=', ':' or blank; blanks around the separator are dropped
//!   -> characters     \t \n \r \f \uXXXX, and \c is c for every other c
//! ```
//!
//! Bytes are Latin-1: one byte is one character, so no byte sequence is invalid. The only malformed input is `\u`
//! without four hexadecimal digits. Beyond Java, every entry keeps the line on which it starts. Keys and values come
//! out trimmed, as ZooKeeper trims both. Of a lone backslash at the end of the file Java makes an entry without key
//! and value; here it is nothing. Pure: memory and time are linear in the input.

use std::fmt;

/// One `key=value`, in file order. Duplicates are kept: which one counts is the reader's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: String,
    /// The first natural line of the entry, counted from 1.
    pub line: u32,
}

/// `\u` that is not followed by four hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The first natural line of the entry, counted from 1.
    pub line: u32,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"\\u\" must be followed by four hexadecimal digits; write \"\\\\\" where a backslash is meant")
    }
}

/// What some editors put before UTF-8. Java takes it for the beginning of the first key.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether the text has two bytes for each character, as its own mark says: no key of it could be read.
pub fn is_utf_16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// Every entry of a properties file, in order. A [`BYTE_ORDER_MARK`] is passed over.
pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, SyntaxError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut lines = LogicalLines { bytes, at: 0, begun: 0, line: 1 };
    let mut entries = Vec::new();
    while let Some((line, text)) = lines.next() {
        let (key, value) = split(&text);
        let key = unescape(key).ok_or(SyntaxError { line })?;
        let value = unescape(value).ok_or(SyntaxError { line })?;
        entries.push(Entry { key: trim(&key).to_owned(), value: trim(&value).to_owned(), line });
    }
    Ok(entries)
}

/// The file without the entries whose keys are `dropped`: every other byte stays, comments too.
pub fn without(bytes: &[u8], dropped: impl Fn(&str) -> bool) -> Result<Vec<u8>, SyntaxError> {
    let mark = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut lines = LogicalLines { bytes, at: mark, begun: mark, line: 1 };
    let (mut kept, mut copied) = (Vec::with_capacity(bytes.len()), 0);
    while let Some((line, text)) = lines.next() {
        let key = unescape(split(&text).0).ok_or(SyntaxError { line })?;
        if dropped(trim(&key)) {
            kept.extend_from_slice(&bytes[copied..lines.begun]);
            copied = lines.at;
        }
    }
    kept.extend_from_slice(&bytes[copied..]);
    Ok(kept)
}

/// A value as it stands behind `=`, so that it is read as it is here.
pub fn escaped(value: &str) -> String {
    let mut text = String::new();
    for unit in value.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some('\\') => text.push_str("\\\\"),
            Some(char @ ' '..='~') => text.push(char),
            _ => text.push_str(&format!("\\u{unit:04x}")),
        }
    }
    text
}

/// Java's `String.trim`: control characters count as blanks, Unicode's blanks do not.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

struct LogicalLines<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the last logical line began, with its blanks.
    begun: usize,
    /// The natural line of `at`, counted from 1.
    line: u32,
}

impl LogicalLines<'_> {
    /// The next logical line with its first natural line; its escapes are still there, its continuations are not.
    fn next(&mut self) -> Option<(u32, Vec<u8>)> {
        loop {
            let begun = self.at;
            self.skip_blanks();
            let first = *self.bytes.get(self.at)?;
            if is_newline(first) {
                self.take_newline();
            } else if matches!(first, b'#' | b'!') {
                self.skip_comment();
            } else {
                let line = self.line;
                self.begun = begun;
                if let Some(text) = self.take_text() {
                    return Some((line, text));
                }
            }
        }
    }

    /// `None` for nothing but a continuation: what follows is a new line, and may be a comment.
    fn take_text(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        while let Some(&byte) = self.bytes.get(self.at) {
            if is_newline(byte) {
                self.take_newline();
                break;
            }
            self.at += 1;
            if byte != b'\\' {
                text.push(byte);
                continue;
            }
            match self.bytes.get(self.at) {
                None => break,
                Some(&next) if is_newline(next) => {
                    self.take_newline();
                    self.skip_blanks();
                    if text.is_empty() {
                        return None;
                    }
                }
                Some(&next) => {
                    text.extend([byte, next]);
                    self.at += 1;
                }
            }
        }
        (!text.is_empty()).then_some(text)
    }

    fn skip_blanks(&mut self) {
        while self.bytes.get(self.at).copied().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    fn skip_comment(&mut self) {
        while self.bytes.get(self.at).is_some_and(|&byte| !is_newline(byte)) {
            self.at += 1;
        }
    }

    /// One `\n`, `\r` or `\r\n`; the caller has seen that there is one.
    fn take_newline(&mut self) {
        let two = self.bytes[self.at..].starts_with(b"\r\n");
        self.at += if two { 2 } else { 1 };
        self.line = self.line.saturating_add(1);
    }
}

/// Key and value of a logical line, both still escaped.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    while end < text.len() && !is_blank(text[end]) && !matches!(text[end], b'=' | b':') {
        end += if text[end] == b'\\' { 2 } else { 1 };
    }
    // A logical line never ends in half an escape, so `end` is within it.
    let (key, mut rest) = text.split_at(end);
    let mut separated = false;
    while let Some((&byte, after)) = rest.split_first() {
        let separator = matches!(byte, b'=' | b':') && !separated;
        if !separator && !is_blank(byte) {
            break;
        }
        separated |= separator;
        rest = after;
    }
    (key, rest)
}

/// `None` if a `\u` lacks its four digits.
fn unescape(text: &[u8]) -> Option<String> {
    let mut units = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            units.push(u16::from(byte));
            continue;
        }
        units.push(match bytes.next()? {
            b't' => 0x09,
            b'n' => 0x0a,
            b'r' => 0x0d,
            b'f' => 0x0c,
            b'u' => {
                let mut unit = 0;
                for _ in 0..4 {
                    // A digit is below 16, so the cast keeps it whole.
                    unit = unit << 4 | char::from(bytes.next()?).to_digit(16)? as u16;
                }
                unit
            }
            other => u16::from(other),
        });
    }
    // Java keeps a surrogate without its partner; no setting can mean anything by it.
    Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &[(u32, &str, &str)]) {
        let entries = parse(text).unwrap_or_else(|error| panic!("{:?}: {error}", String::from_utf8_lossy(text)));
        let found: Vec<_> = entries.iter().map(|e| (e.line, e.key.as_str(), e.value.as_str())).collect();
        assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(text));
    }

    #[test]
    fn separators() {
        check(b"a=1", &[(1, "a", "1")]);
        check(b"a:1\nb 2\nc\t3", &[(1, "a", "1"), (2, "b", "2"), (3, "c", "3")]);
        check(b"  a  =  1  \n", &[(1, "a", "1")]);
        check(b"a == 1", &[(1, "a", "= 1")]);
        check(b"a : = 1", &[(1, "a", "= 1")]);
        check(b"a", &[(1, "a", "")]);
        check(b"a=", &[(1, "a", "")]);
        check(b"=1", &[(1, "", "1")]);
        check(b"server.1=h:1:2;3", &[(1, "server.1", "h:1:2;3")]);
        check(b"4lw.commands.whitelist=stat, ruok", &[(1, "4lw.commands.whitelist", "stat, ruok")]);
    }

    #[test]
    fn byte_order_marks() {
        check(b"\xef\xbb\xbfa=1\n\xef\xbb\xbfb=2", &[(1, "a", "1"), (2, "\u{ef}\u{bb}\u{bf}b", "2")]);
        check(b"\xef\xbb\xbf# remark\nb=2", &[(2, "b", "2")]);
        assert!(is_utf_16(b"\xff\xfea\0") && is_utf_16(b"\xfe\xff\0a") && !is_utf_16(b"a=\xff\xfe"));
    }

    #[test]
    fn comments_and_blank_lines() {
        check(b"# a=1\n ! b=2\n\n \t\x0c\nc=3", &[(5, "c", "3")]);
        check(b"# ends in a backslash \\\nc=3", &[(2, "c", "3")]);
        check(b"a=1 # stays", &[(1, "a", "1 # stays")]);
        check(b"", &[]);
        check(b"#", &[]);
    }

    #[test]
    fn line_ends() {
        check(b"a=1\r\nb=2\rc=3\n\nd=4", &[(1, "a", "1"), (2, "b", "2"), (3, "c", "3"), (5, "d", "4")]);
    }

    #[test]
    fn continuations() {
        check(b"a=1,\\\n   2,\\\r\n\t3\nb=4", &[(1, "a", "1,2,3"), (4, "b", "4")]);
        check(b"a=1\\\\\nb=2", &[(1, "a", "1\\"), (2, "b", "2")]);
        check(b"a=1\\\n\nb=2", &[(1, "a", "1"), (3, "b", "2")]);
        check(b"a=1\\\n# not a comment", &[(1, "a", "1# not a comment")]);
        check(b"\\\n\n# comment\na=1", &[(4, "a", "1")]);
        check(b"\\\n#a=1\nb=2", &[(3, "b", "2")]);
        check(b"a\\\n=1", &[(1, "a", "1")]);
        check(b"a=1\\", &[(1, "a", "1")]);
        check(b"\\", &[]);
        check(b"\\\n", &[]);
    }

    #[test]
    fn escapes() {
        check(br"a\:b\=c\ d = \e\\\u0041\u00e9", &[(1, "a:b=c d", "e\\A\u{e9}")]);
        check(br"a=C:\\data", &[(1, "a", "C:\\data")]);
        check(b"a=\\u0020x\\t", &[(1, "a", "x")]);
        check(b"a=\\ud83d\\ude00 \\ud83d", &[(1, "a", "\u{1f600} \u{fffd}")]);
        check(b"\\#a=1", &[(1, "#a", "1")]);
    }

    #[test]
    fn latin_1() {
        check(b"a=\xe9\xff", &[(1, "a", "\u{e9}\u{ff}")]);
    }

    #[test]
    fn duplicates_are_kept_in_order() {
        check(b"a=1\na=2", &[(1, "a", "1"), (2, "a", "2")]);
    }

    #[test]
    fn malformed_unicode_escape() {
        for text in [&b"x=1\na=\\u12"[..], b"x=1\n\\u00g0=1", b"x=1\na=\\u", b"x=1\na=\\u00\\\n4"] {
            assert_eq!(parse(text), Err(SyntaxError { line: 2 }), "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn no_input_panics() {
        let alphabet = b"\\\\\n\r u0a=:#! \t\xff";
        let mut state = 1u32;
        for _ in 0..20_000 {
            let text: Vec<u8> = (0..12)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    alphabet[(state >> 16) as usize % alphabet.len()]
                })
                .collect();
            let newlines = text.iter().filter(|&&byte| is_newline(byte)).count() as u32;
            for entry in parse(&text).into_iter().flatten() {
                assert!(entry.line <= newlines + 1);
            }
        }
    }
}

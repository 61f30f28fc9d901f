//! Access control lists as people type them and as zkCli prints them.

use paddock_engine::acl::{Entry, Id, perms};
use serde_json::{Value, json};

/// The letters of the permissions, in the order in which they are printed.
const LETTERS: [(char, i32); 5] =
    [('c', perms::CREATE), ('d', perms::DELETE), ('r', perms::READ), ('w', perms::WRITE), ('a', perms::ADMIN)];

/// Everything for everybody.
pub fn open() -> Vec<Entry> {
    vec![Entry { perms: perms::ALL, id: Id { scheme: "world".into(), id: "anyone".into() } }]
}

/// The entries of `scheme:id:perms,...`, and what is wrong with the rest of it, which is left out.
pub fn parse(text: &str) -> (Vec<Entry>, Vec<String>) {
    let (mut entries, mut remarks) = (Vec::new(), Vec::new());
    // As Java's split: what is empty at the end is nothing, but an empty text is one piece.
    let kept = text.trim_end_matches(',');
    for piece in kept.split(',').filter(|_| text.is_empty() || !kept.is_empty()) {
        let (Some(first), Some(last)) = (piece.find(':'), piece.rfind(':')) else {
            remarks.push(format!("{piece} does not have the form scheme:id:perm"));
            continue;
        };
        if first == last {
            remarks.push(format!("{piece} does not have the form scheme:id:perm"));
            continue;
        }
        let id = Id { scheme: piece[..first].into(), id: piece[first + 1..last].into() };
        let (perms, unknown) = bits(&piece[last + 1..]);
        remarks.extend(unknown.iter().map(|letter| format!("Unknown perm type: {letter}")));
        entries.push(Entry { perms, id });
    }
    (entries, remarks)
}

/// The bits of these letters, and the letters that are none.
pub fn bits(letters: &str) -> (i32, Vec<char>) {
    let (mut bits, mut unknown) = (0, Vec::new());
    for letter in letters.chars() {
        match LETTERS.iter().find(|(known, _)| *known == letter) {
            Some((_, bit)) => bits |= bit,
            None => unknown.push(letter),
        }
    }
    (bits, unknown)
}

pub fn letters(bits: i32) -> String {
    LETTERS.iter().filter(|(_, bit)| bits & bit != 0).map(|(letter, _)| *letter).collect()
}

/// The two lines that zkCli has for an entry.
pub fn lines(entry: &Entry) -> String {
    let Id { scheme, id } = &entry.id;
    format!("'{},'{}\n: {}", escaped(scheme), escaped(id), letters(entry.perms))
}

/// As jute's texts escape what would divide them.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\0' => escaped.push_str("%00"),
            '\n' => escaped.push_str("%0A"),
            '\r' => escaped.push_str("%0D"),
            ',' => escaped.push_str("%2C"),
            '}' => escaped.push_str("%7D"),
            '%' => escaped.push_str("%25"),
            other => escaped.push(other),
        }
    }
    escaped
}

pub fn object(entries: &[Entry]) -> Value {
    let one = |Entry { perms, id }: &Entry| json!({"scheme": id.scheme, "id": id.id, "perms": letters(*perms)});
    entries.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::{lines, object, open, parse};

    #[test]
    fn what_is_typed_becomes_entries() {
        let (entries, remarks) = parse("world:anyone:r,digest:me:hash:cdrwa");
        assert_eq!(remarks, [""; 0]);
        assert_eq!((entries[0].perms, &*entries[0].id.id), (1, "anyone"));
        assert_eq!((entries[1].perms, &*entries[1].id.scheme, &*entries[1].id.id), (31, "digest", "me:hash"));
        assert_eq!(object(&entries)[1]["perms"], "cdrwa");
    }

    #[test]
    fn what_is_no_entry_is_told_and_left_out() {
        let (entries, remarks) = parse("anyone:r,auth::rx,");
        assert_eq!(remarks, ["anyone:r does not have the form scheme:id:perm", "Unknown perm type: x"]);
        assert_eq!((entries.len(), entries[0].perms, &*entries[0].id.id), (1, 1, ""));
        assert_eq!(parse("").1, [" does not have the form scheme:id:perm"]);
        assert_eq!(parse(","), (Vec::new(), Vec::new()));
    }

    #[test]
    fn entries_have_two_lines() {
        assert_eq!(lines(&open()[0]), "'world,'anyone\n: cdrwa");
        let (entries, _) = parse("x:a}b%:da");
        assert_eq!(lines(&entries[0]), "'x,'a%7Db%25\n: da");
    }
}

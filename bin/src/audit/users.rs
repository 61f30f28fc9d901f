//! Who did it: the names of a client's identities, and that of the server itself.

use paddock_engine::acl::Id;

/// Places in a Java hash table at first; it has twice as many once three quarters of them are taken.
const PLACES: usize = 16;

/// The names of these identities, those that were proven first at the front: `None` where none has a name. They come in the
/// order in which ZooKeeper's set of them has them, which is that of Java's `ConcurrentHashMap`, so that a search for
/// `user=pat,10.0.0.1` finds the lines of both servers. (Of many identities some may be in another order than there.)
pub fn names(ids: &[Id]) -> Option<String> {
    let mut places = PLACES;
    while ids.len() >= places / 4 * 3 {
        places *= 2;
    }
    let mut ids: Vec<&Id> = ids.iter().collect();
    ids.sort_by_key(|id| place(hash(id), places));
    let names: Vec<&str> = ids.iter().map(|id| id.user()).filter(|name| !name.trim().is_empty()).collect();
    (!names.is_empty()).then(|| names.join(","))
}

/// The address that a client came from: an identity that every connection has from its beginning.
pub fn address(ids: &[Id]) -> &str {
    ids.iter().find(|id| id.scheme == "ip").map_or("", |id| &id.id)
}

/// `hashCode` of a Java record of these two texts.
fn hash(id: &Id) -> u32 {
    let add = |hash: u32, text: &str| hash.wrapping_mul(37).wrapping_add(text_hash(text));
    add(add(17, &id.scheme), &id.id)
}

/// `hashCode` of a Java string.
fn text_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// Where a Java hash table of so many places has a key.
fn place(hash: u32, places: usize) -> usize {
    (hash ^ (hash >> 16)) as usize & (places - 1)
}

/// The user whose process this is, as `/etc/passwd` names it; where it does not, by the number.
pub fn of_process() -> String {
    let uid = rustix::process::getuid().as_raw();
    let table = std::fs::read("/etc/passwd").unwrap_or_default();
    name_of(uid, &String::from_utf8_lossy(&table)).unwrap_or_else(|| uid.to_string())
}

fn name_of(uid: u32, table: &str) -> Option<String> {
    let is_of = |line: &&str| line.split(':').nth(2).and_then(|number| number.parse().ok()) == Some(uid);
    let name = table.lines().find(is_of)?.split(':').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use paddock_engine::acl::Id;

    use super::{address, hash, name_of, names, place, text_hash};

    fn id(scheme: &str, id: &str) -> Id {
        Id { scheme: scheme.into(), id: id.into() }
    }

    #[test]
    fn texts_have_javas_hashes() {
        for (text, expected) in [("", 0), ("a", 97), ("ab", 3105), ("ip", 3367), ("hello world", 1_794_106_052)] {
            assert_eq!(text_hash(text), expected, "{text}");
        }
        // Two units, 0xd83d and 0xde00.
        assert_eq!(text_hash("\u{1f600}"), 0xd83d * 31 + 0xde00);
    }

    #[test]
    fn names_come_in_the_order_of_their_places() {
        let ids = [id("ip", "127.0.0.1"), id("digest", "pat:hash"), id("digest", "alice:hash"), id("super", "")];
        let at = |number: usize| place(hash(&ids[number]), 16);
        let mut order = [(at(0), "127.0.0.1"), (at(1), "pat"), (at(2), "alice")];
        order.sort_by_key(|(place, _)| *place);
        assert_eq!(names(&ids), Some(order.map(|(_, name)| name).join(",")));
    }

    #[test]
    fn who_has_no_name_is_left_out() {
        assert_eq!(names(&[]), None);
        assert_eq!(names(&[id("super", ""), id("digest", ":hash"), id("digest", " :hash")]), None);
        assert_eq!(names(&[id("digest", "pat:hash"), id("super", "")]), Some("pat".into()));
    }

    #[test]
    fn many_are_all_named() {
        let ids: Vec<Id> = (0..100).map(|number| id("digest", &format!("user{number}:hash"))).collect();
        let told = names(&ids).expect("they have names");
        let mut told: Vec<&str> = told.split(',').collect();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), 100);
    }

    #[test]
    fn an_address_is_that_of_the_connection() {
        assert_eq!(address(&[id("ip", "10.0.0.1"), id("digest", "pat:hash")]), "10.0.0.1");
        assert_eq!(address(&[]), "");
    }

    #[test]
    fn users_have_names_by_their_numbers() {
        let table = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7::\nzookeeper:x:1000:1000::/:/bin/false\n";
        for (uid, expected) in [(0, Some("root")), (1000, Some("zookeeper")), (7, None), (8, None)] {
            assert_eq!(name_of(uid, table).as_deref(), expected, "{uid}");
        }
    }
}

//! The order in which ZooKeeper has the identities of a connection: it keeps them in a set, and what comes out of that set
//! goes into lists and logs.

use super::Id;

/// Places in a Java hash table at first; it has twice as many once three quarters of them are taken.
const PLACES: usize = 16;

/// The identities, those that were proven first at the front, in the order of Java's `ConcurrentHashMap`. Of many identities
/// some may be in another order than there.
pub fn in_order(ids: &[Id]) -> Vec<&Id> {
    let mut places = PLACES;
    while ids.len() >= places / 4 * 3 {
        places *= 2;
    }
    let mut ids: Vec<&Id> = ids.iter().collect();
    ids.sort_by_key(|id| place(hash(id), places));
    ids
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

#[cfg(test)]
mod tests {
    use super::{Id, hash, in_order, place, text_hash};

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
    fn identities_come_in_the_order_of_their_places() {
        let ids = [id("ip", "127.0.0.1"), id("digest", "pat:hash"), id("digest", "alice:hash"), id("x509", "CN=a")];
        let places: Vec<usize> = in_order(&ids).into_iter().map(|id| place(hash(id), 16)).collect();
        assert!(places.is_sorted(), "{places:?}");
        let same = [id("digest", "a"), id("digest", "a")];
        assert_eq!(in_order(&same), [&same[0], &same[1]]);
    }
}

//! Access control lists: who may do what to a znode.
//!
//! A caller is a set of [`Id`]s: one of scheme `ip` from its socket, more from its auth packets. [`Authority`] holds the
//! server's rules and answers the two questions there are: may this caller do that, and is this list fit to be stored.

mod authority;
mod digest;
mod ensemble;
mod identity_order;
mod ip;
pub mod key;
mod sasl;
mod x509;

use std::collections::HashSet;
use std::sync::Arc;

use crate::jute::{Malformed, Reader, Write, wire_length};

pub use authority::Authority;
pub use digest::{DigestAlgorithm, SuperDigest};
pub use ensemble::{Ensemble, Greeting};
pub use identity_order::in_order;
pub use ip::id_of_address;
pub use sasl::Sasl;
pub use x509::X509;

/// The bits of a permission. Unknown bits are stored as given.
pub mod perms {
    pub const READ: i32 = 1;
    pub const WRITE: i32 = 2;
    pub const CREATE: i32 = 4;
    pub const DELETE: i32 = 8;
    pub const ADMIN: i32 = 16;
    pub const ALL: i32 = 31;
}

/// An identity: of a caller, or named by an entry.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Id {
    pub scheme: String,
    pub id: String,
}

impl Id {
    /// Whom it names, for people: of a digest the user without the hash, of schemes that prove nothing by themselves
    /// nobody.
    pub fn user(&self) -> &str {
        match &self.scheme[..] {
            "digest" => self.id.split(':').next().unwrap_or_default(),
            "super" => "",
            _ => &self.id,
        }
    }
}

/// One entry: what the holders of `id` may do.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Entry {
    pub perms: i32,
    pub id: Id,
}

/// A znode's list. Lists are shared: many znodes have the same one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AclList(pub Box<[Entry]>);

/// The list of a znode; `None` is the one that nearly all have, everything for `world:anyone`, which takes no memory.
pub type Acl = Option<Arc<AclList>>;

/// The entries of a list, written out for the open one.
pub fn entries(acl: &Acl) -> Vec<Entry> {
    match acl {
        None => vec![Entry { perms: perms::ALL, id: Id { scheme: "world".into(), id: "anyone".into() } }],
        Some(list) => list.0.to_vec(),
    }
}

/// Bytes of an entry as it goes on the wire.
fn entry_bytes(id: &Id) -> usize {
    12 + id.scheme.len() + id.id.len()
}

/// Bytes of a list as it goes on the wire, as far as it takes memory.
pub fn list_bytes(acl: &Acl) -> usize {
    acl.as_ref().map_or(0, |list| list.0.iter().map(|entry| entry_bytes(&entry.id)).sum())
}

/// Appends the list as a jute vector.
pub fn write(acl: &Acl, out: &mut impl Write) {
    match acl {
        None => {
            out.put_i32(1);
            write_entry(perms::ALL, "world", "anyone", out);
        }
        Some(list) => {
            out.put_i32(wire_length(list.0.len()));
            for entry in &list.0 {
                write_entry(entry.perms, &entry.id.scheme, &entry.id.id, out);
            }
        }
    }
}

/// The same for those who may not change the list: they do not see the hashes in it.
pub fn write_masked(acl: &Acl, out: &mut Vec<u8>) {
    const MASK: &str = ":x";
    let Some(list) = acl else { return write(acl, out) };
    out.put_i32(wire_length(list.0.len()));
    for Entry { perms, id } in &list.0 {
        match id.id.split_once(':') {
            Some((user, _)) if id.scheme == "digest" => {
                out.put_i32(*perms);
                out.put_string(&id.scheme);
                out.put_i32(wire_length(user.len() + MASK.len()));
                out.extend_from_slice(user.as_bytes());
                out.extend_from_slice(MASK.as_bytes());
            }
            _ => write_entry(*perms, &id.scheme, &id.id, out),
        }
    }
}

fn write_entry(perms: i32, scheme: &str, id: &str, out: &mut impl Write) {
    out.put_i32(perms);
    out.put_string(scheme);
    out.put_string(id);
}

/// The open list as [`write`] has it.
const OPEN_WIRE: &[u8] = b"\0\0\0\x01\0\0\0\x1f\0\0\0\x05world\0\0\0\x06anyone";

/// Reads the open list, if it is what comes next: the usual case, without the texts and sets that others need.
pub fn read_open(reader: &mut Reader<'_>) -> bool {
    let Some(rest) = reader.rest().strip_prefix(OPEN_WIRE) else { return false };
    *reader = Reader::new(rest);
    true
}

/// An entry as a client sent it: either text may be null.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ClaimedEntry {
    pub perms: i32,
    pub scheme: Option<String>,
    pub id: Option<String>,
}

/// Reads a vector of entries. The null vector reads as an empty one: both are invalid wherever a list is asked for.
pub fn read_claimed(reader: &mut Reader<'_>) -> Result<Vec<ClaimedEntry>, Malformed> {
    let count = reader.count()?.unwrap_or(0);
    let mut claimed = Vec::new();
    for _ in 0..count {
        claimed.push(ClaimedEntry {
            perms: reader.i32()?,
            scheme: reader.string()?.map(|text| text.into_owned()),
            id: reader.string()?.map(|text| text.into_owned()),
        });
    }
    Ok(claimed)
}

/// Lists in use, each once. Lists that no znode has any more are dropped when the table has doubled.
#[derive(Debug, Default)]
pub struct AclTable {
    lists: HashSet<Arc<AclList>>,
    sweep_at: usize,
}

/// The table is not swept below this size.
const SWEEP_MIN: usize = 64;

impl AclTable {
    /// The shared form of a list.
    pub fn intern(&mut self, entries: Vec<Entry>) -> Acl {
        if let [Entry { perms: perms::ALL, id }] = &entries[..]
            && id.scheme == "world"
            && id.id == "anyone"
        {
            return None;
        }
        let list = AclList(entries.into());
        if let Some(shared) = self.lists.get(&list) {
            return Some(shared.clone());
        }
        if self.lists.len() >= self.sweep_at.max(SWEEP_MIN) {
            self.lists.retain(|list| Arc::strong_count(list) > 1);
            self.sweep_at = self.lists.len() * 2;
        }
        let shared = Arc::new(list);
        self.lists.insert(shared.clone());
        Some(shared)
    }
}

#[cfg(test)]
mod tests {
    use super::{AclTable, Entry, Id, entries, perms, read_claimed, read_open, write, write_masked};
    use crate::jute::Reader;

    #[test]
    fn the_open_list_is_read_at_once() {
        let mut wire = Vec::new();
        write(&None, &mut wire);
        wire.push(7);
        let mut reader = Reader::new(&wire);
        assert!(read_open(&mut reader));
        assert_eq!(reader.rest(), [7]);
        for length in 0..wire.len() - 1 {
            assert!(!read_open(&mut Reader::new(&wire[..length])));
        }
        wire[7] = 30;
        let mut reader = Reader::new(&wire);
        assert!(!read_open(&mut reader));
        assert_eq!(read_claimed(&mut reader).unwrap()[0].perms, 30);
    }

    fn entry(perms: i32, scheme: &str, id: &str) -> Entry {
        Entry { perms, id: Id { scheme: scheme.into(), id: id.into() } }
    }

    #[test]
    fn the_open_list_is_none_and_others_are_shared() {
        let mut table = AclTable::default();
        assert!(table.intern(vec![entry(perms::ALL, "world", "anyone")]).is_none());
        let read_only = table.intern(vec![entry(perms::READ, "world", "anyone")]);
        let again = table.intern(vec![entry(perms::READ, "world", "anyone")]);
        assert!(std::sync::Arc::ptr_eq(read_only.as_ref().unwrap(), again.as_ref().unwrap()));
    }

    #[test]
    fn lists_out_of_use_are_dropped() {
        let mut table = AclTable::default();
        for i in 0..10_000 {
            table.intern(vec![entry(i, "digest", "a:b")]);
        }
        assert!(table.lists.len() <= super::SWEEP_MIN + 1);
    }

    #[test]
    fn a_list_survives_the_wire() {
        let mut table = AclTable::default();
        let acl = table.intern(vec![entry(3, "digest", "a:b"), entry(1, "ip", "10.0.0.0/8")]);
        let mut out = Vec::new();
        write(&acl, &mut out);
        let claimed = read_claimed(&mut Reader::new(&out)).unwrap();
        let read: Vec<Entry> =
            claimed.into_iter().map(|c| entry(c.perms, &c.scheme.unwrap(), &c.id.unwrap())).collect();
        assert_eq!(read, entries(&acl));
    }

    #[test]
    fn trap_068_masks_go_by_entry_and_keep_the_order() {
        let mut table = AclTable::default();
        let hidden = [entry(1, "digest", "a:hash"), entry(2, "ip", "10.0.0.0/8"), entry(4, "digest", "b:hash")];
        let shown = [entry(1, "digest", "a:x"), entry(2, "ip", "10.0.0.0/8"), entry(4, "digest", "b:x")];
        let (mut masked, mut expected) = (Vec::new(), Vec::new());
        write_masked(&table.intern(hidden.to_vec()), &mut masked);
        write(&table.intern(shown.to_vec()), &mut expected);
        assert_eq!(masked, expected);
        masked.clear();
        expected.clear();
        write_masked(&None, &mut masked);
        write(&None, &mut expected);
        assert_eq!(masked, expected);
    }

    #[test]
    fn users_are_named_without_their_secrets() {
        let user = |scheme, id| entry(1, scheme, id).id.user().to_owned();
        assert_eq!(user("digest", "pat:SYIOH1LK="), "pat");
        assert_eq!(user("digest", ":2jmj7l5r="), "");
        assert_eq!(user("ip", "0:0:0:0:0:0:0:1"), "0:0:0:0:0:0:0:1");
        assert_eq!(user("super", ""), "");
    }

    #[test]
    fn a_count_that_lies_reserves_nothing() {
        assert!(read_claimed(&mut Reader::new(&[0x7f, 255, 255, 255, 0, 0, 0, 1])).is_err());
    }
}

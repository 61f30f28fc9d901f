//! Who a connection is: the identities that it has proven, and the lists that its waiting requests go by.
//!
//! A request is judged by what its client had proven when it came, so each request that waits holds the list of that moment.
//! Most clients never prove anything, and all their requests hold the same list. A client that proves something after each
//! request makes as many lists. They are memory that is held for the connection, and are counted as long as any of its
//! requests holds them, here or on the way to the replica.

use std::ops::Deref;
use std::sync::{Arc, Weak};

use paddock_engine::acl::Id;

/// How many identities one connection may have.
const IDS_MAX: usize = 256;
/// How long their names may be together, bytes.
const BYTES_MAX: usize = 64 * 1024;

/// The connection would have more identities than are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany;

/// The identities of one connection.
pub struct Identities {
    /// The list that counts now.
    current: Arc<[Id]>,
    /// The memory of the current list, bytes.
    bytes: usize,
    /// Lists that were current before, and that requests may still hold.
    former: Vec<Weak<[Id]>>,
    /// The memory of the former lists that requests hold, bytes.
    former_bytes: usize,
}

/// An `Identities` is the list that counts now.
impl Deref for Identities {
    type Target = [Id];

    fn deref(&self) -> &[Id] {
        &self.current
    }
}

impl Identities {
    /// The identities of a connection whose client has proven nothing: its address is one.
    pub fn new(address: Id) -> Identities {
        let current: Arc<[Id]> = [address].into();
        Identities { bytes: memory(&current), current, former: Vec::new(), former_bytes: 0 }
    }

    /// The list for a request that comes now.
    pub fn list(&self) -> Arc<[Id]> {
        self.current.clone()
    }

    /// Adds what was proven, as far as it is new.
    ///
    /// # Errors
    /// If there would be too many; then nothing is added.
    pub fn prove(&mut self, proven: impl IntoIterator<Item = Id>) -> Result<(), TooMany> {
        let new: Vec<Id> = proven.into_iter().filter(|id| !self.contains(id)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let ids: Arc<[Id]> = self.iter().cloned().chain(new).collect();
        if ids.len() > IDS_MAX || names(&ids) > BYTES_MAX {
            return Err(TooMany);
        }
        self.bytes = memory(&ids);
        let former = std::mem::replace(&mut self.current, ids);
        self.former.push(Arc::downgrade(&former));
        drop(former);
        self.settle();
        Ok(())
    }

    /// Forgets the former lists that no request holds any more.
    pub fn settle(&mut self) {
        if self.former.is_empty() {
            return;
        }
        self.former_bytes = 0;
        self.former.retain(|list| {
            let held = list.upgrade();
            self.former_bytes += held.as_deref().map_or(0, memory);
            held.is_some()
        });
        if self.former.is_empty() {
            self.former = Vec::new();
        }
    }

    /// The memory of former lists that requests hold, bytes, as it was when [`Identities::settle`] was called last.
    pub fn former_bytes(&self) -> usize {
        self.former_bytes
    }

    /// Memory that is held for the connection, bytes.
    pub fn memory(&self) -> usize {
        self.bytes + self.former_bytes
    }
}

fn names(ids: &[Id]) -> usize {
    ids.iter().map(|id| id.scheme.len() + id.id.len()).sum()
}

fn memory(ids: &[Id]) -> usize {
    size_of_val(ids) + names(ids)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use paddock_engine::acl::Id;

    use super::{BYTES_MAX, IDS_MAX, Identities, TooMany};

    fn id(name: &str) -> Id {
        Id { scheme: "digest".into(), id: name.into() }
    }

    #[test]
    fn what_is_not_new_makes_no_list() {
        let mut ids = Identities::new(id("address"));
        let before = ids.list();
        assert_eq!(ids.prove([id("address")]), Ok(()));
        assert!(Arc::ptr_eq(&before, &ids.list()));
        assert_eq!(ids.prove([id("one"), id("address")]), Ok(()));
        assert_eq!(&ids[..], [id("address"), id("one")]);
        assert_eq!(&before[..], [id("address")], "a request keeps what was proven when it came");
    }

    #[test]
    fn former_lists_count_as_long_as_requests_hold_them() {
        let mut ids = Identities::new(id("address"));
        let bare = ids.memory();
        let (first, again) = (ids.list(), ids.list());
        ids.prove([id(&"n".repeat(1000))]).unwrap();
        assert_eq!(ids.former_bytes(), bare, "however many hold it");
        let second = ids.list();
        ids.prove([id("last")]).unwrap();
        assert!(ids.former_bytes() > bare + 1000);
        drop((first, second));
        ids.settle();
        assert_eq!(ids.former_bytes(), bare);
        drop(again);
        ids.settle();
        assert_eq!((ids.former_bytes(), ids.former.capacity()), (0, 0));
        assert!(ids.memory() > bare + 1000);
    }

    #[test]
    fn there_is_an_end_to_what_is_kept() {
        let mut ids = Identities::new(id("0"));
        let more = (1..IDS_MAX).map(|number| id(&number.to_string()));
        assert_eq!(ids.prove(more), Ok(()));
        assert_eq!(ids.prove([id("one more")]), Err(TooMany));
        assert_eq!(ids.prove([id("1")]), Ok(()));
        assert_eq!(ids.len(), IDS_MAX);
        let mut ids = Identities::new(id("0"));
        assert_eq!(ids.prove([id(&"n".repeat(BYTES_MAX))]), Err(TooMany));
        assert_eq!(ids.len(), 1);
    }
}

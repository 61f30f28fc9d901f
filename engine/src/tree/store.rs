//! The version under construction: index, records and names changed together, with no rule of ZooKeeper in sight.
//!
//! This is the safe face of the storage: it holds the one root that is the head's, and each of its methods leaves all
//! that the root reaches alive, and all that the root no longer reaches with the heap, exactly once.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};

use crate::acl::Acl;

use super::children;
use super::fork::Children;
use super::hash::Hasher;
use super::heap::{Heap, Young};
use super::node::{self, Slot};
use super::record::{self, Draft, Record, RecordMut, Room};
use super::route::Route;
use super::trie::Trie;
use super::versions::Version;

/// The head, the versions that can still be gone back to, and their memory.
pub(super) struct Store {
    heap: Heap,
    root: Slot,
    /// Versions above the published one, oldest first: as many as the caller has proposals in flight.
    sealed: VecDeque<Version>,
    published: Version,
}

// SAFETY: the store has its objects for itself as far as changes go: what readers of other threads see was sealed and
// never changes, and ACLs are shared by atomic counts.
unsafe impl Send for Store {}

/// What is added up over all znodes of a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sums {
    pub len: usize,
    /// Of the znodes' digests, wrapping.
    pub digest: u64,
    /// Bytes of paths and data.
    pub data_bytes: u64,
}

impl Sums {
    /// Counts a znode in.
    pub fn add(&mut self, record: Record<'_>) {
        self.count_in(record.digest(), record.payload());
    }

    /// Counts in a znode of this digest and so many bytes of path and data.
    pub fn count_in(&mut self, digest: u64, payload: usize) {
        self.len += 1;
        self.digest = self.digest.wrapping_add(digest);
        self.data_bytes += payload as u64;
    }

    /// Counts a znode out.
    pub fn subtract(&mut self, record: Record<'_>) {
        self.len -= 1;
        self.digest = self.digest.wrapping_sub(record.digest());
        self.data_bytes -= record.payload() as u64;
    }
}

/// A record of the head that may be changed.
pub(super) struct Editor<'a> {
    record: RecordMut<'a>,
    heap: &'a mut Heap,
}

impl Store {
    pub fn new() -> Store {
        let nothing = Version { number: 0, root: Slot::EMPTY, sums: Sums::default() };
        Store { heap: Heap::new(), root: Slot::EMPTY, sealed: VecDeque::new(), published: nothing }
    }

    pub fn heap(&self) -> &Heap {
        &self.heap
    }

    pub fn heap_mut(&mut self) -> &mut Heap {
        &mut self.heap
    }

    pub fn trie(&self) -> Trie<'_> {
        // SAFETY: the head lives until it is changed, for which `self` must not be borrowed.
        unsafe { Trie::live(self.root) }
    }

    /// The record of a path, made changeable: copied, unless it was born in the version under construction and has room.
    pub fn edit(&mut self, hash: u64, path: &str, room: Room) -> Option<Editor<'_>> {
        // SAFETY: the root is the head's; the copy takes the place of the old record, which is retired once.
        unsafe {
            let route = Route::to(self.root, hash);
            let old = route.record(path)?;
            let mut header = old.raw();
            if old.birth() != self.heap.building() || !old.has(room) {
                header = record::copy(&mut self.heap, old, room);
                route.replace(&mut self.heap, &mut self.root, old.raw(), header);
                record::retire(&mut self.heap, old.raw());
            }
            Some(Editor { record: RecordMut::own(header), heap: &mut self.heap })
        }
    }

    /// Puts a record with other data in the place of the one of its path; the draft takes over the children. `None` if there is
    /// no such record.
    pub fn replace<'d>(
        &mut self,
        hash: u64,
        path: &str,
        draft: impl FnOnce(Record<'_>) -> Draft<'d>,
    ) -> Option<Record<'_>> {
        // SAFETY: as in `edit`.
        unsafe {
            let route = Route::to(self.root, hash);
            let old = route.record(path)?;
            let draft = draft(old);
            assert!(draft.path == path && draft.children == old.raw_children(), "a znode keeps its path and children");
            let header = record::create(&mut self.heap, draft);
            route.replace(&mut self.heap, &mut self.root, old.raw(), header);
            record::retire(&mut self.heap, old.raw());
            Some(Record::live(header))
        }
    }

    /// Puts in a new record.
    ///
    /// # Panics
    /// If there is one of its path.
    pub fn insert(&mut self, hasher: &Hasher, hash: u64, draft: Draft<'_>) -> Record<'_> {
        // SAFETY: the root is the head's; the record is put into it once.
        unsafe {
            let route = Route::to(self.root, hash);
            assert!(route.record(draft.path).is_none(), "there is a znode {} already", draft.path);
            let header = record::create(&mut self.heap, draft);
            route.insert(&mut self.heap, hasher, &mut self.root, hash, header);
            Record::live(header)
        }
    }

    /// Takes out a record without children.
    ///
    /// # Panics
    /// If there is none, or it has children.
    pub fn remove(&mut self, hash: u64, path: &str) {
        // SAFETY: the root is the head's; the record is taken out of it, then retired.
        unsafe {
            let route = Route::to(self.root, hash);
            let old = route.record(path).unwrap_or_else(|| panic!("there is no znode {path}"));
            assert!(old.raw_children() == Children::NONE, "the znode {path} has children");
            route.remove(&mut self.heap, &mut self.root, old.raw());
            record::retire(&mut self.heap, old.raw());
        }
    }

    /// Takes the root of a trie that was built from the bottom up, into an empty store.
    ///
    /// # Safety
    /// The root is of this store's heap and is the caller's alone.
    pub unsafe fn adopt(&mut self, root: Slot) {
        assert!(self.root == Slot::EMPTY, "only an empty store adopts a trie");
        self.root = root;
    }

    /// Ends the version under construction and begins the next.
    pub fn seal(&mut self, sums: Sums) -> u64 {
        let number = self.heap.building();
        self.sealed.push_back(Version { number, root: self.root, sums });
        self.heap.next_version();
        number
    }

    /// The newest sealed version, or the published one.
    pub fn newest(&self) -> &Version {
        self.sealed.back().unwrap_or(&self.published)
    }

    pub fn published(&self) -> &Version {
        &self.published
    }

    /// Commits a sealed version and all before it.
    ///
    /// # Panics
    /// If it was published or rolled back before.
    pub fn publish(&mut self, number: u64) {
        while let Some(version) = self.sealed.pop_front() {
            if version.number == number {
                self.published = version;
                return;
            }
            assert!(version.number < number, "version {number} was published or rolled back before");
        }
        panic!("version {number} was published or rolled back before");
    }

    /// Goes back to the published version and begins another.
    pub fn rollback(&mut self) {
        let Version { number, root, .. } = self.published;
        let mut young: Vec<Young> = Vec::new();
        // SAFETY: the head lives; what is collected is all of it that the published version does not reach, for an
        // object is born before or with what points to it.
        unsafe {
            node::visit_young(self.root, number + 1, &mut |object| young.push(object));
            self.heap.rollback(number, young);
        }
        self.sealed.clear();
        self.root = root;
    }

    /// Frees a trie that was never the head's.
    ///
    /// # Safety
    /// It is of this store's heap and is the caller's alone.
    pub unsafe fn discard(&mut self, root: Slot) {
        // SAFETY: passed on.
        unsafe { node::visit_young(root, 0, &mut |object| self.heap.discard(object)) };
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let root = std::mem::replace(&mut self.root, Slot::EMPTY);
        // SAFETY: the store outlives all readers and pins, see `Shared`; what is dead is in the heap's lists and what
        // lives is reached by the head, so each object is freed once.
        unsafe {
            self.discard(root);
            self.heap.finish();
        }
    }
}

impl<'a> Editor<'a> {
    /// Adds a name to the children.
    pub fn add_child(&mut self, hasher: &Hasher, name: &str) {
        let children = self.record.read().raw_children();
        // SAFETY: the children are of this record of the head only, which takes what replaces them.
        let children = unsafe { children::insert(self.heap, hasher, children, name) };
        self.record.set_children(children);
    }

    /// Removes a name from the children.
    ///
    /// # Panics
    /// Unless it is there.
    pub fn remove_child(&mut self, hasher: &Hasher, name: &str) {
        let children = self.record.read().raw_children();
        // SAFETY: as in `add_child`.
        let children = unsafe { children::remove(self.heap, hasher, children, name) };
        self.record.set_children(children);
    }

    pub fn set_acl(&mut self, acl: Acl) {
        self.record.set_acl(acl);
    }

    /// The record as it is now, for as long as the store stays as it is.
    pub fn finish(self) -> Record<'a> {
        self.record.finish()
    }
}

impl<'a> Deref for Editor<'a> {
    type Target = RecordMut<'a>;

    fn deref(&self) -> &RecordMut<'a> {
        &self.record
    }
}

impl DerefMut for Editor<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.record
    }
}

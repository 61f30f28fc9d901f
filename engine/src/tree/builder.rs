//! Builds the index from the bottom up, from records in its own order.
//!
//! A record is placed when the next one is known: it belongs to the deepest node that it shares with either
//! neighbour. Nodes that the next one does not share are complete then. One node is open at each level at most,
//! nothing is looked up, and each node is allocated once, in its final size.
#![allow(unsafe_code)]

use std::collections::VecDeque;

use super::children;
use super::hash::{Hasher, LEVELS, branch, common_levels};
use super::names::Names;
use super::node::{self, Kind, Slot};
use super::plan::Plan;
use super::record::{self, Draft, RecordMut};
use super::store::Store;

/// A trie under construction, and its memory.
pub(super) struct Builder {
    store: Store,
    open: [OpenNode; LEVELS],
    /// The records of the newest hash, by path.
    last: Vec<Slot>,
    last_hash: u64,
    /// Records whose children follow, in their order.
    childless: VecDeque<Slot>,
    /// Levels that the newest hash shares with the one before.
    shared_before: Option<usize>,
}

#[derive(Default)]
struct OpenNode {
    bitmap: u32,
    slots: Vec<Slot>,
}

impl Builder {
    pub fn new() -> Builder {
        Builder {
            store: Store::new(),
            open: Default::default(),
            last: Vec::new(),
            last_hash: 0,
            childless: VecDeque::new(),
            shared_before: None,
        }
    }

    /// Whether a path comes behind all that were pushed.
    pub fn is_next(&self, hash: u64, path: &str) -> bool {
        match self.last.last() {
            Some(last) if self.last_hash == hash => {
                // SAFETY: what was pushed last lives, and is a record.
                unsafe { node::path_of(*last) < path.as_bytes() }
            }
            Some(_) => self.last_hash < hash,
            None => true,
        }
    }

    /// Appends a record with these names as its children, and its [`prefix_crc`](super::digest::prefix_crc) and
    /// [`digest`](super::digest::digest).
    ///
    /// # Panics
    /// Unless [`Builder::is_next`].
    pub fn push(&mut self, hasher: &Hasher, hash: u64, mut draft: Draft<'_>, names: Names<'_>, sums: (u32, u32)) {
        assert!(self.is_next(hash, draft.path), "records are pushed in their order");
        if !self.last.is_empty() && self.last_hash != hash {
            self.place(Some(common_levels(self.last_hash, hash)));
        }
        self.last_hash = hash;
        let heap = self.store.heap_mut();
        draft.children = children::build(heap, hasher, names);
        self.last.push(Slot::record(record::create_with(heap, draft, sums.0, sums.1)));
    }

    /// Says that the children of the record that was pushed last follow.
    pub fn await_children(&mut self) {
        self.childless.extend(self.last.last());
    }

    /// How many records wait for their children.
    pub fn awaited(&self) -> usize {
        self.childless.len()
    }

    /// Gives their children to the record that has waited longest. Whether it is the one of this path.
    pub fn attach(&mut self, path: &str, plan: &Plan<'_>) -> bool {
        let Some(slot) = self.childless.pop_front() else { return false };
        // SAFETY: it lives until the builder is dropped.
        if unsafe { node::path_of(slot) } != path.as_bytes() {
            return false;
        }
        let children = children::build_planned(self.store.heap_mut(), plan);
        if let Kind::Record(header) = slot.kind() {
            // SAFETY: it was born in the version under construction, which only this builder knows, and had no children.
            unsafe { RecordMut::own(header) }.set_children(children);
        }
        true
    }

    /// The finished trie, as the head of a store.
    pub fn finish(mut self) -> Store {
        if !self.last.is_empty() {
            self.place(None);
        }
        let root = self.last.pop().unwrap_or(Slot::EMPTY);
        let mut store = std::mem::replace(&mut self.store, Store::new());
        // SAFETY: everything was made in the heap of this store, and all of it hangs below this one root now.
        unsafe { store.adopt(root) };
        store
    }

    /// Puts the newest hash's records into their node and closes the nodes that the next hash does not share. Without a
    /// next hash all are closed, and `last` holds the root.
    fn place(&mut self, shared_after: Option<usize>) {
        let heap = self.store.heap_mut();
        let mut slot = match self.last[..] {
            [alone] => alone,
            _ => node::build_twins(heap, &self.last),
        };
        self.last.clear();
        if let Some(deepest) = self.shared_before.max(shared_after) {
            let mut level = deepest;
            loop {
                let node = &mut self.open[level];
                node.bitmap |= 1 << branch(self.last_hash, level);
                node.slots.push(slot);
                if shared_after.is_some_and(|shared| level <= shared) {
                    break;
                }
                slot = node::build_node(heap, node.bitmap, &node.slots);
                node.bitmap = 0;
                node.slots.clear();
                if level == 0 {
                    break;
                }
                level -= 1;
            }
        }
        if shared_after.is_none() {
            self.last.push(slot);
        }
        self.shared_before = shared_after;
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        let open = self.open.iter_mut().flat_map(|node| node.slots.drain(..));
        for slot in open.chain(self.last.drain(..)) {
            // SAFETY: what is open or last was made in this store's heap and hangs below nothing else. After `finish`
            // nothing is.
            unsafe { self.store.discard(slot) };
        }
    }
}

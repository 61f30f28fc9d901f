//! The index: a trie over the hashes of the paths.
//!
//! ```text
//!                    hash 10110 00111 01010 ...
//! root Node --10110--> Node --00111--> Node --01010--> Record
//! ```
//!
//! A walk meets the records in the order of hash, then path, for branches are taken by the highest bits first. With
//! 1M znodes a look-up reads four or five nodes, of which the first three levels (0.3 MB) stay in the caches, and a
//! record: about two cache misses for the index, two for the record, of which the second comes with the first.
//! [`Trie::find_many`] has the misses of a group in flight together.
//!
//! Obligations. A [`Trie`] is made from a root that lives, unchanged, for its lifetime, with all that it reaches.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::hash::{BITS_PER_LEVEL, Hasher, LEVELS};
use super::node::{Kind, Node, Slot, follow, place, record_in, slots};
use super::prefetch::prefetch;
use super::record::{Header, Record};

/// Paths that are looked up together: as many cache misses as a core has in flight.
pub const LOOKUPS_TOGETHER: usize = 16;

/// Records that a walk asks for before it reaches them.
const WALK_AHEAD: usize = 4;

/// The index of one version.
#[derive(Clone, Copy)]
pub(super) struct Trie<'a> {
    root: Slot,
    lives: PhantomData<&'a Node>,
}

impl<'a> Trie<'a> {
    /// # Safety
    /// The root lives, with all that it reaches, unchanged, for `'a`.
    pub unsafe fn live(root: Slot) -> Trie<'a> {
        Trie { root, lives: PhantomData }
    }

    #[inline]
    pub fn find(self, hash: u64, path: &str) -> Option<Record<'a>> {
        let mut at = self.root;
        let mut rest = hash;
        while let Kind::Node(node) = at.kind() {
            // SAFETY: the nodes of a live trie live.
            at = unsafe { follow(node, rest)?.read() };
            at.prefetch();
            rest <<= BITS_PER_LEVEL;
        }
        // SAFETY: as above.
        unsafe { record_in(at, path) }
    }

    /// Looks up at most [`LOOKUPS_TOGETHER`] paths, one level of all at a time.
    pub fn find_many(self, hasher: &Hasher, paths: &[&str], mut found: impl FnMut(usize, Option<Record<'a>>)) {
        assert!(paths.len() <= LOOKUPS_TOGETHER, "a group has at most {LOOKUPS_TOGETHER} paths");
        let mut at = [self.root; LOOKUPS_TOGETHER];
        let mut rest = [0; LOOKUPS_TOGETHER];
        for (rest, path) in rest.iter_mut().zip(paths) {
            *rest = hasher.hash(path);
        }
        // Below the deepest level there are no nodes, so this ends.
        let mut walking = self.root.is_node();
        while walking {
            walking = false;
            let mut slots = [None; LOOKUPS_TOGETHER];
            for index in 0..paths.len() {
                if let Kind::Node(node) = at[index].kind() {
                    // SAFETY: the nodes of a live trie live.
                    slots[index] = unsafe { follow(node, rest[index]) };
                    match slots[index] {
                        Some(slot) => prefetch(slot.as_ptr().cast(), 1),
                        None => at[index] = Slot::EMPTY,
                    }
                    rest[index] <<= BITS_PER_LEVEL;
                }
            }
            for (at, slot) in at.iter_mut().zip(slots) {
                if let Some(slot) = slot {
                    // SAFETY: as above.
                    *at = unsafe { slot.read() };
                    walking |= at.is_node();
                    at.prefetch();
                }
            }
        }
        for (index, path) in paths.iter().enumerate() {
            // SAFETY: as above.
            found(index, unsafe { record_in(at[index], path) });
        }
    }

    /// All records, by hash, then path.
    pub fn iter(self) -> Iter<'a> {
        let root = (NonNull::dangling(), 0, 0);
        let mut iter = Iter { open: [root; LEVELS + 1], depth: 0, only: None, lives: PhantomData };
        match self.root.kind() {
            Kind::Empty => {}
            Kind::Record(record) => iter.only = Some(record),
            Kind::Node(node) | Kind::Twins(node) => iter.enter(node),
        }
        iter
    }

    /// The records whose hashes are not below this one, and before them perhaps a few whose are.
    pub fn iter_from(self, hash: u64) -> Iter<'a> {
        let mut iter = self.iter();
        let (mut at, mut rest) = (self.root, hash);
        while let Kind::Node(node) = at.kind() {
            // SAFETY: the nodes of a live trie live.
            let (index, below) = unsafe { (place(node, rest).1, follow(node, rest).map(|slot| slot.read())) };
            let open = iter.depth - 1;
            iter.open[open].1 = index;
            let Some(Kind::Node(next)) = below.map(Slot::kind) else { break };
            iter.open[open].1 += 1;
            iter.enter(next);
            at = Slot::node(next);
            rest <<= BITS_PER_LEVEL;
        }
        iter
    }
}

/// Walks the records of a version in the order of their hashes.
pub(super) struct Iter<'a> {
    /// Nodes above the next record, each with its next slot and their count: the first `depth`. Twins stand for a
    /// level.
    open: [(NonNull<Node>, u32, u32); LEVELS + 1],
    depth: usize,
    /// The record of a trie without nodes.
    only: Option<NonNull<Header>>,
    lives: PhantomData<&'a Node>,
}

impl Iter<'_> {
    fn enter(&mut self, node: NonNull<Node>) {
        // SAFETY: the nodes of a live trie live.
        unsafe {
            let count = node.as_ref().count;
            self.open[self.depth] = (node, 0, count);
            self.depth += 1;
            for index in 0..(count as usize).min(WALK_AHEAD) {
                slots(node).add(index).read().prefetch();
            }
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        while let Some((node, index, count)) = self.open[..self.depth].last_mut() {
            let (node, at) = (*node, *index as usize);
            if *index == *count {
                self.depth -= 1;
                continue;
            }
            *index += 1;
            // SAFETY: the slots of a live trie live, and the indices are below the count.
            unsafe {
                if at + WALK_AHEAD < *count as usize {
                    slots(node).add(at + WALK_AHEAD).read().prefetch();
                }
                match slots(node).add(at).read().kind() {
                    Kind::Record(record) => return Some(Record::live(record)),
                    Kind::Node(below) | Kind::Twins(below) => self.enter(below),
                    Kind::Empty => {}
                }
            }
        }
        // SAFETY: the record of a live trie lives.
        self.only.take().map(|record| unsafe { Record::live(record) })
    }
}

//! Changes of the index: the way down to a slot, and back up.
//!
//! A node born in the version under construction takes a new slot in place; any other is copied, and so are the nodes
//! above it: what is born now is only reached through what is born now.
//!
//! Obligations. A [`Route`] is used on the root that it was made from, which is the head's, and only as long as nothing
//! changed; what it takes out is the caller's to give up.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::hash::{BITS_PER_LEVEL, Hasher, LEVELS};
use super::heap::Heap;
use super::node::{
    Kind, Node, Slot, add_twin, build_twins, hash_of, narrow, new_node, part, place, record_in, slots, slots_of, widen,
    young_node,
};
use super::record::{Header, Record};

/// The way from the root to where a path is, or would be.
pub(super) struct Route {
    steps: [Step; LEVELS],
    depth: usize,
    /// What the last step leads to: never a node.
    end: Slot,
}

#[derive(Clone, Copy)]
struct Step {
    node: NonNull<Node>,
    bit: u32,
    index: u32,
}

impl Route {
    /// # Safety
    /// The root lives.
    pub unsafe fn to(root: Slot, hash: u64) -> Route {
        let nowhere = Step { node: NonNull::dangling(), bit: 0, index: 0 };
        let mut route = Route { steps: [nowhere; LEVELS], depth: 0, end: root };
        let mut rest = hash;
        while let Kind::Node(node) = route.end.kind() {
            // SAFETY: what a live root reaches lives, and the index is that of a branch that is there.
            unsafe {
                let (bit, index) = place(node, rest);
                route.steps[route.depth] = Step { node, bit, index };
                route.depth += 1;
                let is_there = node.as_ref().bitmap & bit != 0;
                route.end = if is_there { slots(node).add(index as usize).read() } else { Slot::EMPTY };
                route.end.prefetch();
            }
            rest <<= BITS_PER_LEVEL;
        }
        route
    }

    /// The record of this path, if the route leads there.
    ///
    /// # Safety
    /// The route's end lives for `'a`, unchanged.
    pub unsafe fn record<'a>(&self, path: &str) -> Option<Record<'a>> {
        // SAFETY: passed on.
        unsafe { record_in(self.end, path) }
    }

    /// Puts `new` where the route ends; copies what was not born now.
    ///
    /// # Safety
    /// The route was made from this root, which is the head's, and nothing changed since.
    unsafe fn write(&self, heap: &mut Heap, root: &mut Slot, new: Slot) {
        // SAFETY: passed on.
        unsafe { self.write_from(self.depth, heap, root, new) };
    }

    /// Puts `new` into the slot that step `depth - 1` leads to.
    ///
    /// # Safety
    /// As for [`Route::write`], and that slot exists.
    unsafe fn write_from(&self, depth: usize, heap: &mut Heap, root: &mut Slot, mut new: Slot) {
        for step in self.steps[..depth].iter().rev() {
            // SAFETY: nodes of a live route live. Only what was born now is written in place; a copy has the same
            // slots.
            unsafe {
                let Node { birth, bitmap, count } = step.node.read();
                if birth == heap.building() {
                    slots(step.node).add(step.index as usize).write(new);
                    return;
                }
                let copy = new_node(heap, bitmap, count);
                slots(copy).copy_from_nonoverlapping(slots(step.node), count as usize);
                slots(copy).add(step.index as usize).write(new);
                heap.retire(young_node(step.node));
                new = Slot::node(copy);
            }
        }
        *root = new;
    }

    /// Puts another record of the same path in the place of the one that the route leads to, which the caller gives up.
    ///
    /// # Safety
    /// As for [`Route::write`]; `old` is the record there, `new` is born now.
    pub unsafe fn replace(&self, heap: &mut Heap, root: &mut Slot, old: NonNull<Header>, new: NonNull<Header>) {
        // SAFETY: passed on; twins are read while they live.
        unsafe {
            let end = match self.end.kind() {
                Kind::Twins(twins) => {
                    let swap = |slot| if slot == Slot::record(old) { Slot::record(new) } else { slot };
                    let parts: Vec<Slot> = slots_of(twins).iter().copied().map(swap).collect();
                    let built = build_twins(heap, &parts);
                    heap.retire(young_node(twins));
                    built
                }
                _ => Slot::record(new),
            };
            self.write(heap, root, end);
        }
    }

    /// Puts in a record whose path is not there.
    ///
    /// # Safety
    /// As for [`Route::write`]; `record` is born now and has this hash.
    pub unsafe fn insert(&self, heap: &mut Heap, hasher: &Hasher, root: &mut Slot, hash: u64, record: NonNull<Header>) {
        let new = Slot::record(record);
        // SAFETY: passed on; `new` lives, as does the route's end.
        unsafe {
            let Some(hash_there) = hash_of(hasher, self.end) else {
                let Some(&Step { node, bit, index }) = self.steps[..self.depth].last() else {
                    *root = new;
                    return;
                };
                let wide = widen(heap, node, bit, index as usize, new);
                return self.write_from(self.depth - 1, heap, root, Slot::node(wide));
            };
            let built = if hash_there == hash {
                add_twin(heap, self.end, record)
            } else {
                part(heap, self.depth, (hash_there, self.end), (hash, new))
            };
            self.write(heap, root, built);
        }
    }

    /// Takes out the record that the route leads to, which the caller gives up.
    ///
    /// # Safety
    /// As for [`Route::write`]; `old` is the record there.
    pub unsafe fn remove(&self, heap: &mut Heap, root: &mut Slot, old: NonNull<Header>) {
        // SAFETY: passed on. Each node is read before it is retired, and nothing of it is used afterwards.
        unsafe {
            if let Kind::Twins(twins) = self.end.kind() {
                let parts: Vec<Slot> =
                    slots_of(twins).iter().copied().filter(|slot| *slot != Slot::record(old)).collect();
                let left = if parts.len() == 1 { parts[0] } else { build_twins(heap, &parts) };
                heap.retire(young_node(twins));
                return self.write(heap, root, left);
            }
            let Some(&Step { node, bit, index }) = self.steps[..self.depth].last() else {
                *root = Slot::EMPTY;
                return;
            };
            assert!(node.as_ref().count > 1, "one branch alone is never a record");
            let other = slots(node).add(1 - (index as usize).min(1)).read();
            if node.as_ref().count > 2 || other.is_node() {
                let slim = narrow(heap, node, bit, index as usize);
                return self.write_from(self.depth - 1, heap, root, Slot::node(slim));
            }
            // A leaf that is left alone moves up, past all nodes that held nothing else.
            heap.retire(young_node(node));
            let mut depth = self.depth - 1;
            while depth > 0 && self.steps[depth - 1].node.as_ref().count == 1 {
                depth -= 1;
                heap.retire(young_node(self.steps[depth].node));
            }
            self.write_from(depth, heap, root, other);
        }
    }
}

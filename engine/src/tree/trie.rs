//! The index: a trie over the hashes of the paths.
//!
//! ```text
//! Node | birth | bitmap | count | slot ... |     32 branches by 5 bits of the hash, highest bits first
//! slot = Node, Record, or Twins: records whose 64-bit hashes are equal, by path
//! ```
//!
//! A node has exactly as many slots as it has branches. One branch alone is allowed only if it is a node, so the shape
//! follows from the hashes and a walk meets the records in the order of hash, then path. With 1M znodes a look-up reads
//! four or five nodes, of which the first three levels (0.3 MB) stay in the caches, and a record: about two cache misses
//! for the index, two for the record. [`Trie::find_many`] has the misses of a group in flight together.
//!
//! A node born in the version under construction takes a new slot in place; any other is copied, and so are the nodes
//! above it: what is born now is only reached through what is born now.
//!
//! Obligations. A [`Slot`] is a bare pointer: the functions that take one ask that it lives and, where they change it,
//! that it is the head's and is replaced by what they leave. A [`Trie`] is made from a root that lives, unchanged, for its
//! lifetime, with all that it reaches.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::hash::{BITS_PER_LEVEL, Hasher, LEVELS, branch, common_levels};
use super::heap::{Heap, Young};
use super::pages;
use super::prefetch::prefetch;
use super::record::{Header, Record};

/// Paths that are looked up together: as many cache misses as a core has in flight.
pub const GROUP: usize = 16;

/// Bytes of a record that a look-up asks for ahead: the header, the path, and what a reader copies.
const RECORD_AHEAD: usize = 256;

/// Bytes of a node that a look-up asks for ahead, before it knows the slot: most nodes that are not in the caches are no
/// longer.
const NODE_AHEAD: usize = 192;

/// Records that a walk asks for before it reaches them.
const WALK_AHEAD: usize = 4;

#[repr(C)]
pub(super) struct Node {
    birth: u64,
    /// 0 in twins.
    bitmap: u32,
    count: u32,
}

/// A branch: null, or a pointer with its kind in the two low bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(*mut u8);

const TAGS: usize = 3;
const RECORD: usize = 1;
const TWINS: usize = 2;

pub(super) enum Kind {
    Empty,
    Node(NonNull<Node>),
    Record(NonNull<Header>),
    Twins(NonNull<Node>),
}

impl Slot {
    pub const EMPTY: Slot = Slot(std::ptr::null_mut());

    fn node(node: NonNull<Node>) -> Slot {
        Slot(node.cast().as_ptr())
    }

    pub fn record(record: NonNull<Header>) -> Slot {
        Slot(record.cast::<u8>().as_ptr().map_addr(|address| address | RECORD))
    }

    fn twins(twins: NonNull<Node>) -> Slot {
        Slot(twins.cast::<u8>().as_ptr().map_addr(|address| address | TWINS))
    }

    #[inline]
    fn kind(self) -> Kind {
        let Some(object) = NonNull::new(self.0.map_addr(|address| address & !TAGS)) else { return Kind::Empty };
        match self.0.addr() & TAGS {
            0 => Kind::Node(object.cast()),
            RECORD => Kind::Record(object.cast()),
            _ => Kind::Twins(object.cast()),
        }
    }

    #[inline]
    fn is_node(self) -> bool {
        self.0.addr() & TAGS == 0 && !self.0.is_null()
    }

    #[inline]
    fn prefetch(self) {
        prefetch(self.0, if self.is_node() { NODE_AHEAD } else { RECORD_AHEAD });
    }
}

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

    /// Looks up at most [`GROUP`] paths, one level of all at a time.
    pub fn find_many(self, hasher: &Hasher, paths: &[&str], mut found: impl FnMut(usize, Option<Record<'a>>)) {
        assert!(paths.len() <= GROUP, "a group has at most {GROUP} paths");
        let mut at = [self.root; GROUP];
        let mut rest = [0; GROUP];
        for (rest, path) in rest.iter_mut().zip(paths) {
            *rest = hasher.hash(path);
        }
        // Below the deepest level there are no nodes, so this ends.
        let mut walking = self.root.is_node();
        while walking {
            walking = false;
            let mut slots = [None; GROUP];
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
}

/// Walks the records of a version in the order of their hashes.
pub(super) struct Iter<'a> {
    /// Nodes above the next record, each with its next slot and their count: the first `depth`. Twins stand for a level.
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
                prefetch(slots(node).add(index).read().0, RECORD_AHEAD);
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
                    prefetch(slots(node).add(at + WALK_AHEAD).read().0, RECORD_AHEAD);
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
            // SAFETY: nodes of a live route live. Only what was born now is written in place; a copy has the same slots.
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

/// A node over slots in the order of their branches.
pub(super) fn build_node(heap: &mut Heap, bitmap: u32, parts: &[Slot]) -> Slot {
    assert_eq!(bitmap.count_ones() as usize, parts.len(), "one slot for each branch");
    let node = new_node(heap, bitmap, parts.len() as u32);
    // SAFETY: the node has so many slots and is ours alone.
    unsafe { slots(node).copy_from_nonoverlapping(NonNull::from(parts).cast(), parts.len()) };
    Slot::node(node)
}

/// Twins over records in the order of their paths.
pub(super) fn build_twins(heap: &mut Heap, parts: &[Slot]) -> Slot {
    let twins = new_node(heap, 0, u32::try_from(parts.len()).expect("so many hashes are never equal"));
    // SAFETY: as in `build_node`.
    unsafe { slots(twins).copy_from_nonoverlapping(NonNull::from(parts).cast(), parts.len()) };
    Slot::twins(twins)
}

/// Calls `visit` with everything that the slot reaches and that was born in `from` or later, what is below before what is
/// above.
///
/// # Safety
/// The slot lives; `visit` may free what it is given.
pub(super) unsafe fn visit_young(slot: Slot, from: u64, visit: &mut impl FnMut(Young)) {
    // SAFETY: each object is read before it is visited, and not after.
    unsafe {
        match slot.kind() {
            Kind::Node(node) | Kind::Twins(node) if node.as_ref().birth >= from => {
                for index in 0..node.as_ref().count as usize {
                    visit_young(slots(node).add(index).read(), from, visit);
                }
                visit(young_node(node));
            }
            Kind::Record(header) => {
                let record = Record::live(header);
                if record.birth() >= from {
                    pages::visit_young(record.raw_children(), from, visit);
                    visit(record.as_young());
                }
            }
            _ => {}
        }
    }
}

/// The slot of a hash, whose branch of this node is in the highest bits.
///
/// # Safety
/// The node lives.
#[inline]
unsafe fn follow(node: NonNull<Node>, rest: u64) -> Option<NonNull<Slot>> {
    // SAFETY: the node lives, and the index is that of a branch that is there.
    unsafe {
        let (bit, index) = place(node, rest);
        (node.as_ref().bitmap & bit != 0).then(|| slots(node).add(index as usize))
    }
}

/// The bit of a hash's branch, and how many branches stand before it.
///
/// # Safety
/// The node lives.
#[inline]
unsafe fn place(node: NonNull<Node>, rest: u64) -> (u32, u32) {
    let bit = 1 << branch(rest, 0);
    // SAFETY: it lives.
    (bit, (unsafe { node.as_ref().bitmap } & (bit - 1)).count_ones())
}

/// The record of this path in a slot that is not a node.
///
/// # Safety
/// The slot lives, unchanged, for `'a`.
#[inline]
unsafe fn record_in<'a>(slot: Slot, path: &str) -> Option<Record<'a>> {
    let is_it = |record: &Record<'_>| record.path_bytes() == path.as_bytes();
    // SAFETY: it lives, and twins hold records.
    unsafe {
        match slot.kind() {
            Kind::Record(record) => Some(Record::live(record)).filter(is_it),
            Kind::Twins(twins) => records_of(twins).find(is_it),
            _ => None,
        }
    }
}

/// The hash of a record or of twins.
///
/// # Safety
/// The slot lives.
unsafe fn hash_of(hasher: &Hasher, slot: Slot) -> Option<u64> {
    // SAFETY: it lives, and twins hold records.
    unsafe {
        match slot.kind() {
            Kind::Record(record) => Some(hasher.hash(Record::live(record).path())),
            Kind::Twins(twins) => records_of(twins).next().map(|record| hasher.hash(record.path())),
            _ => None,
        }
    }
}

/// Twins of what is in a slot and one record more.
///
/// # Safety
/// The slot is the head's and is replaced by what is given back; the record lives.
unsafe fn add_twin(heap: &mut Heap, slot: Slot, record: NonNull<Header>) -> Slot {
    // SAFETY: both live; twins are retired when they have been copied.
    unsafe {
        let mut parts = match slot.kind() {
            Kind::Twins(twins) => slots_of(twins).to_vec(),
            _ => vec![slot],
        };
        let path = Record::live(record).path_bytes();
        let path_of = |slot: &Slot| match slot.kind() {
            Kind::Record(record) => Record::live(record).path_bytes(),
            _ => unreachable!("twins hold records"),
        };
        let index = parts.partition_point(|part| path_of(part) < path);
        parts.insert(index, Slot::record(record));
        let built = build_twins(heap, &parts);
        if let Kind::Twins(twins) = slot.kind() {
            heap.retire(young_node(twins));
        }
        built
    }
}

/// Nodes from `level` down to where two hashes part.
fn part(heap: &mut Heap, level: usize, one: (u64, Slot), other: (u64, Slot)) -> Slot {
    let deepest = common_levels(one.0, other.0);
    let (low, high) = if one.0 < other.0 { (one, other) } else { (other, one) };
    let bitmap = 1 << branch(low.0, deepest) | 1 << branch(high.0, deepest);
    let mut built = build_node(heap, bitmap, &[low.1, high.1]);
    for level in (level..deepest).rev() {
        built = build_node(heap, 1 << branch(low.0, level), &[built]);
    }
    built
}

fn size_of_node(count: usize) -> usize {
    size_of::<Node>() + count * size_of::<Slot>()
}

/// A node whose slots the caller writes.
fn new_node(heap: &mut Heap, bitmap: u32, count: u32) -> NonNull<Node> {
    let birth = heap.building();
    let node = heap.allocate(size_of_node(count as usize)).cast::<Node>();
    // SAFETY: ours alone, and it has room for the header.
    unsafe { node.write(Node { birth, bitmap, count }) };
    node
}

/// A node with one slot more, at `index`.
///
/// # Safety
/// The node is the head's and is replaced by the one given back.
unsafe fn widen(heap: &mut Heap, node: NonNull<Node>, bit: u32, index: usize, new: Slot) -> NonNull<Node> {
    // SAFETY: the node lives; the new one has one slot more, so both parts fit around it.
    unsafe {
        let Node { bitmap, count, .. } = node.read();
        let wide = new_node(heap, bitmap | bit, count + 1);
        slots(wide).copy_from_nonoverlapping(slots(node), index);
        slots(wide).add(index).write(new);
        slots(wide).add(index + 1).copy_from_nonoverlapping(slots(node).add(index), count as usize - index);
        heap.retire(young_node(node));
        wide
    }
}

/// A node without the slot at `index`.
///
/// # Safety
/// As for [`widen`].
unsafe fn narrow(heap: &mut Heap, node: NonNull<Node>, bit: u32, index: usize) -> NonNull<Node> {
    // SAFETY: the node lives; the new one has one slot less, and so have the two parts.
    unsafe {
        let Node { bitmap, count, .. } = node.read();
        let slim = new_node(heap, bitmap & !bit, count - 1);
        let rest = count as usize - index - 1;
        slots(slim).copy_from_nonoverlapping(slots(node), index);
        slots(slim).add(index).copy_from_nonoverlapping(slots(node).add(index + 1), rest);
        heap.retire(young_node(node));
        slim
    }
}

/// # Safety
/// The node lives. `count` slots are behind the header.
#[inline]
unsafe fn slots(node: NonNull<Node>) -> NonNull<Slot> {
    // SAFETY: the end of the header is inside the allocation.
    unsafe { node.add(1).cast() }
}

/// # Safety
/// The node lives, unchanged, for `'a`.
unsafe fn slots_of<'a>(node: NonNull<Node>) -> &'a [Slot] {
    // SAFETY: all slots of a finished node are written.
    unsafe { std::slice::from_raw_parts(slots(node).as_ptr(), node.as_ref().count as usize) }
}

/// # Safety
/// The twins live, unchanged, for `'a`.
unsafe fn records_of<'a>(twins: NonNull<Node>) -> impl Iterator<Item = Record<'a>> {
    // SAFETY: they live, and so do their records.
    unsafe {
        slots_of::<'a>(twins).iter().filter_map(|slot| match slot.kind() {
            Kind::Record(record) => Some(Record::live(record)),
            _ => None,
        })
    }
}

/// # Safety
/// The node lives.
unsafe fn young_node(node: NonNull<Node>) -> Young {
    // SAFETY: it lives.
    let Node { birth, count, .. } = unsafe { node.read() };
    Young { object: node.cast(), size: size_of_node(count as usize), birth, owns_acl: false }
}

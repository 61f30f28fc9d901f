//! The nodes of the index, and what their slots hold.
//!
//! ```text
//! Node | birth | bitmap | count | slot ... |     32 branches by 5 bits of the hash; as many slots as branches
//! slot = Node, Record, or Twins: records whose 64-bit hashes are equal, by path
//! ```
//!
//! Twins have the form of a node whose bitmap is empty. One branch alone is allowed only if it is a node, so the
//! shape of the index follows from the hashes.
//!
//! Obligations. A [`Slot`] is a bare pointer: the functions here ask that it lives, with all that it reaches; those
//! that retire a node, that it is the head's and is replaced by what they give back.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::fork;
use super::hash::{Hasher, branch, common_levels};
use super::heap::{Heap, Young};
use super::prefetch::prefetch;
use super::record::{Header, Record};

/// Bytes of a record that a look-up asks for ahead: the header, the path, and what a reader copies.
const RECORD_AHEAD: usize = 256;

/// Bytes of a node that a look-up asks for ahead, before it knows the slot: most nodes that are not in the caches are
/// no longer.
const NODE_AHEAD: usize = 192;

const TAGS: usize = 3;

const RECORD: usize = 1;

const TWINS: usize = 2;

#[repr(C)]
pub(super) struct Node {
    pub birth: u64,
    /// 0 in twins.
    pub bitmap: u32,
    pub count: u32,
}

/// A branch: null, or a pointer with its kind in the two low bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(*mut u8);

pub(super) enum Kind {
    Empty,
    Node(NonNull<Node>),
    Record(NonNull<Header>),
    Twins(NonNull<Node>),
}

impl Slot {
    pub const EMPTY: Slot = Slot(std::ptr::null_mut());

    pub fn node(node: NonNull<Node>) -> Slot {
        Slot(node.cast().as_ptr())
    }

    pub fn record(record: NonNull<Header>) -> Slot {
        Slot(record.cast::<u8>().as_ptr().map_addr(|address| address | RECORD))
    }

    pub fn twins(twins: NonNull<Node>) -> Slot {
        Slot(twins.cast::<u8>().as_ptr().map_addr(|address| address | TWINS))
    }

    #[inline]
    pub fn kind(self) -> Kind {
        let Some(object) = NonNull::new(self.0.map_addr(|address| address & !TAGS)) else { return Kind::Empty };
        match self.0.addr() & TAGS {
            0 => Kind::Node(object.cast()),
            RECORD => Kind::Record(object.cast()),
            _ => Kind::Twins(object.cast()),
        }
    }

    #[inline]
    pub fn is_node(self) -> bool {
        self.0.addr() & TAGS == 0 && !self.0.is_null()
    }

    /// Asks for what it points to.
    #[inline]
    pub fn prefetch(self) {
        prefetch(self.0, if self.is_node() { NODE_AHEAD } else { RECORD_AHEAD });
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

/// Calls `visit` with everything that the slot reaches and that was born in `from` or later, what is below before
/// what is above.
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
                    fork::visit_young(record.raw_children(), from, visit);
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
pub(super) unsafe fn follow(node: NonNull<Node>, rest: u64) -> Option<NonNull<Slot>> {
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
pub(super) unsafe fn place(node: NonNull<Node>, rest: u64) -> (u32, u32) {
    let bit = 1 << branch(rest, 0);
    // SAFETY: it lives.
    (bit, (unsafe { node.as_ref().bitmap } & (bit - 1)).count_ones())
}

/// The record of this path in a slot that is not a node.
///
/// # Safety
/// The slot lives, unchanged, for `'a`.
#[inline]
pub(super) unsafe fn record_in<'a>(slot: Slot, path: &str) -> Option<Record<'a>> {
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
pub(super) unsafe fn hash_of(hasher: &Hasher, slot: Slot) -> Option<u64> {
    // SAFETY: it lives, and twins hold records.
    unsafe {
        match slot.kind() {
            Kind::Record(record) => Some(hasher.hash(Record::live(record).path())),
            Kind::Twins(twins) => records_of(twins).next().map(|record| hasher.hash(record.path())),
            _ => None,
        }
    }
}

/// The path of the record in a slot.
///
/// # Panics
/// If there is no single record.
///
/// # Safety
/// The slot lives, unchanged, for `'a`.
pub(super) unsafe fn path_of<'a>(slot: Slot) -> &'a [u8] {
    match slot.kind() {
        // SAFETY: it lives.
        Kind::Record(record) => unsafe { Record::live(record) }.path_bytes(),
        _ => unreachable!("only records have paths"),
    }
}

/// Twins of what is in a slot and one record more.
///
/// # Safety
/// The slot is the head's and is replaced by what is given back; the record lives.
pub(super) unsafe fn add_twin(heap: &mut Heap, slot: Slot, record: NonNull<Header>) -> Slot {
    // SAFETY: both live; twins are retired when they have been copied.
    unsafe {
        let mut parts = match slot.kind() {
            Kind::Twins(twins) => slots_of(twins).to_vec(),
            _ => vec![slot],
        };
        let path = Record::live(record).path_bytes();
        let index = parts.partition_point(|part| path_of(*part) < path);
        parts.insert(index, Slot::record(record));
        let built = build_twins(heap, &parts);
        if let Kind::Twins(twins) = slot.kind() {
            heap.retire(young_node(twins));
        }
        built
    }
}

/// Nodes from `level` down to where two hashes part.
pub(super) fn part(heap: &mut Heap, level: usize, one: (u64, Slot), other: (u64, Slot)) -> Slot {
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
pub(super) fn new_node(heap: &mut Heap, bitmap: u32, count: u32) -> NonNull<Node> {
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
pub(super) unsafe fn widen(heap: &mut Heap, node: NonNull<Node>, bit: u32, index: usize, new: Slot) -> NonNull<Node> {
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
pub(super) unsafe fn narrow(heap: &mut Heap, node: NonNull<Node>, bit: u32, index: usize) -> NonNull<Node> {
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
pub(super) unsafe fn slots(node: NonNull<Node>) -> NonNull<Slot> {
    // SAFETY: the end of the header is inside the allocation.
    unsafe { node.add(1).cast() }
}

/// # Safety
/// The node lives, unchanged, for `'a`.
pub(super) unsafe fn slots_of<'a>(node: NonNull<Node>) -> &'a [Slot] {
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
pub(super) unsafe fn young_node(node: NonNull<Node>) -> Young {
    // SAFETY: it lives.
    let Node { birth, count, .. } = unsafe { node.read() };
    Young { object: node.cast(), size: size_of_node(count as usize), birth, owns_acl: false }
}

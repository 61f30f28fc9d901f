//! Memory of the tree: who owns an object, and when its memory goes back.
//!
//! An object (index node, record, fork or page of child names) is *born* in the version under construction and never
//! changes after that version is sealed. The writer that replaces it *retires* it: it *dies* in the version under
//! construction, and versions `birth..died` see it.
//!
//! ```text
//! born now:      nobody else can see it        -> freed at once
//! born earlier:  queue of garbage, by death  -> every reader at `died` or later -> a pin in birth..died?
//!                                                                                  no: freed   yes: that pin's list
//! ```
//!
//! A pin's list is looked through when the pin has let go: an item goes to another pin that sees it, or is freed.
//! Freeing reads nothing of the object, since it left the caches long ago, except that a record with an ACL of its own
//! gives up its share of the list.
//!
//! Costs: 32 bytes an item in chunks of 32 KiB, no allocation per item.
//!
//! Obligations. Whoever retires an object promises that it came from this heap with that size and birth, that the
//! version under construction no longer reaches it, and that it is retired once. Whoever calls [`Heap::reclaim`]
//! promises that no reader looks at a version below its bound.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::record;

/// Alignment of every object. The three low bits of an address are free for tags.
pub(super) const ALIGNMENT: usize = 8;

/// Bits of a version's number. At a million versions a second they last for nine years.
pub(super) const BIRTH_BITS: u32 = 48;

/// Snapshots that may hold versions at one time.
pub const MAX_PINS: usize = 4;

/// Items that one [`Heap::reclaim`] looks at: about 50 us of the writer's time.
pub const RECLAIM_ITEMS_MAX: usize = 1024;

/// Items of a chunk of a garbage list.
const CHUNK_ITEMS: usize = 1024;

/// What freed memory is filled with where debug assertions are on, so that a stale read shows.
const POISON: u8 = 0xdb;

/// A retired object.
#[derive(Clone, Copy)]
pub(super) struct Garbage {
    object: NonNull<u8>,
    /// Bytes of the allocation, shifted left by one; the low bit says that a share of an ACL goes with it.
    size_and_acl: usize,
    birth: u64,
    died: u64,
}

const _: () = assert!(size_of::<Garbage>() == 32);

impl Garbage {
    fn size(&self) -> usize {
        self.size_and_acl >> 1
    }

    fn owns_acl(&self) -> bool {
        self.size_and_acl & 1 == 1
    }

    fn seen_by(&self, version: u64) -> bool {
        (self.birth..self.died).contains(&version)
    }
}

/// A queue of garbage that grows by chunks, so that no push ever copies a long list.
#[derive(Default)]
struct GarbageList {
    chunks: VecDeque<Vec<Garbage>>,
    /// Items of the first chunk that are gone.
    taken: usize,
    spare: Option<Vec<Garbage>>,
}

impl GarbageList {
    /// Inlined, so that the fields go from registers into the chunk: copied whole, they would wait for the stores that
    /// made them.
    #[inline(always)]
    fn push(&mut self, item: Garbage) {
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK_ITEMS => chunk.push(item),
            _ => self.push_chunk(item),
        }
    }

    #[cold]
    fn push_chunk(&mut self, item: Garbage) {
        let mut chunk = self.spare.take().unwrap_or_else(|| Vec::with_capacity(CHUNK_ITEMS));
        chunk.push(item);
        self.chunks.push_back(chunk);
    }

    fn front(&self) -> Option<&Garbage> {
        self.chunks.front()?.get(self.taken)
    }

    fn pop_front(&mut self) -> Option<Garbage> {
        let item = *self.front()?;
        self.taken += 1;
        if self.taken == self.chunks[0].len() {
            self.taken = 0;
            let mut chunk = self.chunks.pop_front()?;
            chunk.clear();
            self.spare = Some(chunk);
        }
        Some(item)
    }

    fn pop_back(&mut self) -> Option<Garbage> {
        self.front()?;
        let chunk = self.chunks.back_mut()?;
        let item = chunk.pop();
        let left = if self.chunks.len() == 1 { self.taken } else { 0 };
        if self.chunks.back().is_some_and(|chunk| chunk.len() == left) {
            self.chunks.pop_back();
            if self.chunks.is_empty() {
                self.taken = 0;
            }
        }
        item
    }
}

/// A version that a snapshot holds.
struct Held {
    version: u64,
    has_let_go: Arc<AtomicBool>,
    list: GarbageList,
}

/// The memory of one tree. Only the writer touches it.
pub(super) struct Heap {
    building: u64,
    /// In the order of death.
    garbage: GarbageList,
    pins: Vec<Held>,
    garbage_bytes: usize,
    live_bytes: usize,
    live_objects: usize,
}

impl Heap {
    pub fn new() -> Heap {
        Heap {
            building: 1,
            garbage: GarbageList::default(),
            pins: Vec::new(),
            garbage_bytes: 0,
            live_bytes: 0,
            live_objects: 0,
        }
    }

    /// The version under construction: what is born now has this birth.
    #[inline]
    pub fn building(&self) -> u64 {
        self.building
    }

    /// Ends the version under construction. Nothing born in it may change from now on.
    pub fn next_version(&mut self) {
        self.building += 1;
        assert!(self.building >> BIRTH_BITS == 0, "no tree has so many versions");
    }

    /// Bytes that are dead in the newest version and not freed yet.
    pub fn garbage_bytes(&self) -> usize {
        self.garbage_bytes
    }

    /// Bytes of all objects, the dead ones included.
    pub fn live_bytes(&self) -> usize {
        self.live_bytes
    }

    /// Memory of `size` bytes, not initialised.
    pub fn allocate(&mut self, size: usize) -> NonNull<u8> {
        assert!(size > 0, "an object has at least its header");
        let layout = layout(size);
        // SAFETY: the size is not 0, as was just checked.
        let Some(object) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        self.live_bytes += size;
        self.live_objects += 1;
        object
    }

    /// Gives up an object that the version under construction no longer reaches.
    ///
    /// # Safety
    /// The object came from [`Heap::allocate`] of this heap with this size, was born then, is retired for the first
    /// time, and is not used by the writer any more. With `owns_acl` it is a record.
    #[inline]
    pub unsafe fn retire(&mut self, young: Young) {
        let Young { object, size, birth, owns_acl } = young;
        let item = Garbage { object, size_and_acl: size << 1 | usize::from(owns_acl), birth, died: self.building };
        if birth == self.building {
            // SAFETY: no sealed version has seen it, and the caller promises that this one does not any more.
            unsafe { self.free(item) };
        } else {
            self.garbage_bytes += size;
            self.garbage.push(item);
        }
    }

    /// Drops the versions above `published`: what died above it lives again, and what is in `young` (everything born
    /// above it that the head reaches) dies now. A new version begins.
    ///
    /// # Safety
    /// As for [`Heap::retire`], for each of `young`; and the caller goes back to the root of `published`.
    pub unsafe fn rollback(&mut self, published: u64, young: Vec<Young>) {
        let mut keep = Vec::new();
        while let Some(item) = self.garbage.pop_back() {
            if item.died <= published {
                self.garbage.push(item);
                break;
            }
            if item.birth > published {
                keep.push(item);
            } else {
                self.garbage_bytes -= item.size();
            }
        }
        while let Some(item) = keep.pop() {
            self.garbage.push(item);
        }
        for object in young {
            // SAFETY: passed on.
            unsafe { self.retire(object) };
        }
        self.next_version();
    }

    /// Lets `version` live until the flag that is given back is set. `None` where [`MAX_PINS`] are held.
    pub fn pin(&mut self, version: u64) -> Option<Arc<AtomicBool>> {
        if self.pins.len() == MAX_PINS {
            return None;
        }
        let has_let_go = Arc::new(AtomicBool::new(false));
        self.pins.push(Held { version, has_let_go: has_let_go.clone(), list: GarbageList::default() });
        Some(has_let_go)
    }

    /// Frees what no reader at `bound` or later and no pin can see, looking at no more than [`RECLAIM_ITEMS_MAX`]
    /// items. Whether more waits.
    ///
    /// # Safety
    /// No reader looks at a version below `bound`, nor will one, and `bound` is not above the published version.
    pub unsafe fn reclaim(&mut self, bound: u64) -> bool {
        let mut budget = RECLAIM_ITEMS_MAX;
        while let Some(index) = self.pins.iter().position(|pin| pin.has_let_go.load(Ordering::Acquire)) {
            while let Some(item) = self.pins[index].list.pop_front() {
                // SAFETY: it was in a list, so readers are past it; the pin that let go was read with `Acquire` and reads
                // no more.
                unsafe { self.free_or_hold(item, index) };
                budget -= 1;
                if budget == 0 {
                    return true;
                }
            }
            self.pins.swap_remove(index);
        }
        while self.garbage.front().is_some_and(|item| item.died <= bound) {
            if budget == 0 {
                return true;
            }
            budget -= 1;
            if let Some(item) = self.garbage.pop_front() {
                // SAFETY: versions from `bound` on do not see it, and the caller promises that readers are there.
                unsafe { self.free_or_hold(item, usize::MAX) };
            }
        }
        false
    }

    /// # Safety
    /// No reader sees the item, nor does the pin at `except`.
    unsafe fn free_or_hold(&mut self, item: Garbage, except: usize) {
        let holder =
            self.pins.iter_mut().enumerate().find(|(index, pin)| *index != except && item.seen_by(pin.version));
        match holder {
            Some((_, pin)) => pin.list.push(item),
            None => {
                self.garbage_bytes -= item.size();
                // SAFETY: nobody sees it: readers and one pin by the caller's promise, the other pins by their
                // versions.
                unsafe { self.free(item) };
            }
        }
    }

    /// # Safety
    /// Nobody can reach the object any more.
    unsafe fn free(&mut self, item: Garbage) {
        let size = item.size();
        if item.owns_acl() {
            // SAFETY: `retire` was promised that it is a record.
            unsafe { record::drop_acl(item.object) };
        }
        if cfg!(debug_assertions) {
            // SAFETY: the object is `size` bytes long and ours alone.
            unsafe { item.object.write_bytes(POISON, size) };
        }
        self.live_bytes -= size;
        self.live_objects -= 1;
        // SAFETY: allocated by `allocate` with the same size.
        unsafe { dealloc(item.object.as_ptr(), layout(size)) };
    }

    /// Frees an object at once, whoever was born when.
    ///
    /// # Safety
    /// As for [`Heap::retire`]; and no reader and no pin looks at any version.
    pub unsafe fn discard(&mut self, young: Young) {
        let Young { object, size, birth, owns_acl } = young;
        let item = Garbage { object, size_and_acl: size << 1 | usize::from(owns_acl), birth, died: self.building };
        // SAFETY: passed on.
        unsafe { self.free(item) };
    }

    /// Frees all garbage, the last that there is of a tree.
    ///
    /// # Safety
    /// No reader and no pin looks at any version, and all that the head reached was discarded.
    pub unsafe fn finish(&mut self) {
        let mut lists = vec![std::mem::take(&mut self.garbage)];
        lists.extend(self.pins.drain(..).map(|pin| pin.list));
        for mut list in lists {
            while let Some(item) = list.pop_front() {
                self.garbage_bytes -= item.size();
                // SAFETY: by the caller's promise nobody looks.
                unsafe { self.free(item) };
            }
        }
        assert!(self.live_objects == 0 && self.live_bytes == 0, "the tree forgot {} objects", self.live_objects);
    }
}

/// An object of the head that is about to be given up.
pub(super) struct Young {
    pub object: NonNull<u8>,
    pub size: usize,
    pub birth: u64,
    pub owns_acl: bool,
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, ALIGNMENT).expect("no object is half the address space")
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_ITEMS, Garbage, GarbageList, NonNull};

    fn item(died: u64) -> Garbage {
        Garbage { object: NonNull::dangling(), size_and_acl: 0, birth: 0, died }
    }

    #[test]
    fn garbage_lists_are_queues_with_two_ends() {
        let mut list = GarbageList::default();
        let count = 3 * CHUNK_ITEMS as u64 + 7;
        (0..count).for_each(|died| list.push(item(died)));
        assert_eq!(list.pop_front().map(|item| item.died), Some(0));
        for died in (CHUNK_ITEMS as u64..count).rev() {
            assert_eq!(list.pop_back().map(|item| item.died), Some(died));
        }
        list.push(item(9));
        for died in (1..CHUNK_ITEMS as u64).chain([9]) {
            assert_eq!(list.pop_front().map(|item| item.died), Some(died));
        }
        assert!(list.pop_front().is_none() && list.pop_back().is_none());
        list.push(item(5));
        assert_eq!(list.pop_back().map(|item| item.died), Some(5));
        assert!(list.front().is_none());
    }
}

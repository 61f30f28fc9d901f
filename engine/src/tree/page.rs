//! A page of names.
//!
//! ```text
//! | birth | used | capacity | i32 length | name | i32 length | name | ...   room |
//! ```
//!
//! The names are jute strings, whole, in no order. A page born in the version under construction is changed in place.
//!
//! Obligations. The functions that take a page ask that it lives; those that give one back for it, that it is the
//! head's and is replaced.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::heap::{Heap, Young};
use super::names::{LENGTH, PAGE_BYTES, WireNames};

const _: () = assert!(PAGE_BYTES == 2048 - size_of::<Page>());

#[repr(C)]
pub(super) struct Page {
    pub birth: u64,
    pub used: u32,
    capacity: u32,
}

pub(super) fn wire_length(name: &str) -> [u8; LENGTH] {
    i32::try_from(name.len()).expect("a name fits a frame").to_be_bytes()
}

/// The size class of the allocator that holds a page with so many bytes of names: multiples of 16 up to 128, then four
/// steps to each doubling. So a page has some room to grow in place.
pub(super) fn exact(bytes: usize) -> usize {
    let size = size_of::<Page>() + bytes;
    size.next_multiple_of((size.next_power_of_two() >> 3).max(16))
}

/// A page in an allocation of `size` bytes.
pub(super) fn new_page(heap: &mut Heap, parts: &[&[u8]], size: usize) -> NonNull<Page> {
    let used: usize = parts.iter().map(|part| part.len()).sum();
    let capacity = size - size_of::<Page>();
    assert!(used <= capacity, "a page has room for its names");
    let small = |count: usize| u32::try_from(count).expect("the names of one hash are less than 4 GiB");
    let header = Page { birth: heap.building(), used: small(used), capacity: small(capacity) };
    let page = heap.allocate(size).cast::<Page>();
    // SAFETY: the allocation has room for the header and `capacity` bytes, and is ours alone.
    unsafe {
        page.write(header);
        let mut at = page.add(1).cast::<u8>();
        for part in parts {
            at.copy_from_nonoverlapping(NonNull::from(*part).cast(), part.len());
            at = at.add(part.len());
        }
    }
    page
}

/// # Safety
/// The page lives, unchanged, for `'a`.
pub(super) unsafe fn names_of<'a>(page: NonNull<Page>) -> &'a [u8] {
    // SAFETY: `used` bytes behind the header are initialised.
    unsafe { std::slice::from_raw_parts(page.add(1).cast().as_ptr(), page.as_ref().used as usize) }
}

/// # Safety
/// The page is the head's and is replaced by the one given back.
pub(super) unsafe fn append(heap: &mut Heap, page: NonNull<Page>, parts: &[&[u8]; 2]) -> NonNull<Page> {
    let need = parts[0].len() + parts[1].len();
    // SAFETY: the page lives. In place it is written only where it was born now, behind the names, inside its capacity.
    unsafe {
        let Page { birth, used, capacity } = page.read();
        let end = used as usize + need;
        if birth != heap.building() || end > capacity as usize {
            let new = new_page(heap, &[names_of(page), parts[0], parts[1]], exact(end));
            heap.retire(young_page(page));
            return new;
        }
        let mut at = page.add(1).cast::<u8>().add(used as usize);
        for part in parts {
            at.copy_from_nonoverlapping(NonNull::from(*part).cast(), part.len());
            at = at.add(part.len());
        }
        (*page.as_ptr()).used = end as u32;
        page
    }
}

/// The page without one name.
///
/// # Safety
/// The page is the head's and is replaced by what is given back.
pub(super) unsafe fn cut(heap: &mut Heap, page: NonNull<Page>, name: &str) -> Option<NonNull<Page>> {
    // SAFETY: the page lives. In place it is changed only where it was born now; both ends of the move are inside it.
    unsafe {
        let names = names_of(page);
        let (start, end) = find(names, name);
        if end - start == names.len() {
            heap.retire(young_page(page));
            return None;
        }
        let left = names.len() - (end - start);
        let Page { birth, capacity, .. } = page.read();
        if birth != heap.building() || left < capacity as usize / 4 {
            let new = new_page(heap, &[&names[..start], &names[end..]], exact(left));
            heap.retire(young_page(page));
            return Some(new);
        }
        let tail = names.len() - end;
        let base = page.add(1).cast::<u8>();
        base.add(start).copy_from(base.add(end), tail);
        (*page.as_ptr()).used = left as u32;
        Some(page)
    }
}

/// Where a name with its length stands in a page.
fn find(names: &[u8], name: &str) -> (usize, usize) {
    let mut start = 0;
    for wire in WireNames(names) {
        if &wire[LENGTH..] == name.as_bytes() {
            return (start, start + wire.len());
        }
        start += wire.len();
    }
    panic!("the child {name:?} is not in its parent's list");
}

/// # Safety
/// The page lives.
pub(super) unsafe fn young_page(page: NonNull<Page>) -> Young {
    // SAFETY: it lives.
    let Page { birth, capacity, .. } = unsafe { page.read() };
    Young { object: page.cast(), size: size_of::<Page>() + capacity as usize, birth, owns_acl: false }
}

//! The forks above the pages of names.
//!
//! ```text
//! | birth | bytes below | bitmap | count | branch ... |       32 branches by 5 bits of the name's hash
//! ```
//!
//! A fork born in the version under construction is changed in place where the number of its branches stays.
//!
//! Obligations. As in `page`; [`Children`] is a bare pointer to either.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::hash::branch;
use super::heap::{Heap, Young};
use super::page::{Page, young_page};
use super::prefetch::prefetch;

/// Bytes of the next page that a walk asks for ahead; the processor finds the rest of a page by itself.
const PREFETCH_BYTES: usize = 256;

#[repr(C)]
pub(super) struct Fork {
    pub birth: u64,
    /// Of the names in all pages below.
    pub bytes: u64,
    pub bitmap: u32,
    pub count: u32,
}

/// The children of one znode, or of one branch of a fork: null for none, else a fork or, with the low bit, a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Children(*mut u8);

pub(super) enum Kind {
    None,
    Page(NonNull<Page>),
    Fork(NonNull<Fork>),
}

impl Children {
    pub const NONE: Children = Children(std::ptr::null_mut());

    pub fn page(page: NonNull<Page>) -> Children {
        Children(page.cast::<u8>().as_ptr().map_addr(|address| address | 1))
    }

    pub fn fork(fork: NonNull<Fork>) -> Children {
        Children(fork.cast().as_ptr())
    }

    /// Asks for what it points to.
    pub fn prefetch(self) {
        prefetch(self.0, PREFETCH_BYTES);
    }

    #[inline]
    pub fn kind(self) -> Kind {
        match NonNull::new(self.0.map_addr(|address| address & !1)) {
            None => Kind::None,
            Some(object) if self.0.addr() & 1 == 1 => Kind::Page(object.cast()),
            Some(object) => Kind::Fork(object.cast()),
        }
    }
}

/// Calls `visit` with every fork and page born in `from` or later, those below before those above.
///
/// # Safety
/// See the head of the module; `visit` may free what it is given.
pub(super) unsafe fn visit_young(children: Children, from: u64, visit: &mut impl FnMut(Young)) {
    // SAFETY: the caller's objects live; each is read before it is visited, and not after.
    unsafe {
        match children.kind() {
            Kind::Page(page) if page.as_ref().birth >= from => visit(young_page(page)),
            Kind::Fork(fork) if fork.as_ref().birth >= from => {
                for index in 0..fork.as_ref().count as usize {
                    visit_young(branches(fork).add(index).read(), from, visit);
                }
                visit(young_fork(fork));
            }
            _ => {}
        }
    }
}

/// The bit of a hash at a level, and how many branches stand before it.
#[inline]
pub(super) fn place(bitmap: u32, hash: u64, level: usize) -> (u32, usize) {
    let bit = 1 << branch(hash, level);
    (bit, (bitmap & (bit - 1)).count_ones() as usize)
}

fn size_of_fork(count: usize) -> usize {
    size_of::<Fork>() + count * size_of::<Children>()
}

/// A fork with room for the branches of its bitmap, none of them written.
pub(super) fn new_fork(heap: &mut Heap, bytes: u64, bitmap: u32) -> NonNull<Fork> {
    let count = bitmap.count_ones();
    let header = Fork { birth: heap.building(), bytes, bitmap, count };
    let fork = heap.allocate(size_of_fork(count as usize)).cast::<Fork>();
    // SAFETY: ours alone, and it has room for the header.
    unsafe { fork.write(header) };
    fork
}

/// # Safety
/// The fork lives. `count` branches are behind the header.
#[inline]
pub(super) unsafe fn branches(fork: NonNull<Fork>) -> NonNull<Children> {
    // SAFETY: the end of the header is inside the allocation, or just behind it.
    unsafe { fork.add(1).cast() }
}

/// The fork, or a copy if it was born earlier.
///
/// # Safety
/// It is the head's and is replaced by the one given back.
pub(super) unsafe fn own(heap: &mut Heap, fork: NonNull<Fork>) -> NonNull<Fork> {
    // SAFETY: the fork lives; the copy has as many branches.
    unsafe {
        let Fork { birth, bytes, bitmap, count } = fork.read();
        if birth == heap.building() {
            return fork;
        }
        let copy = new_fork(heap, bytes, bitmap);
        branches(copy).copy_from_nonoverlapping(branches(fork), count as usize);
        heap.retire(young_fork(fork));
        copy
    }
}

/// A fork with one branch more, which the caller writes, at `index`.
///
/// # Safety
/// As for [`own`].
pub(super) unsafe fn widen(heap: &mut Heap, fork: NonNull<Fork>, bit: u32, index: usize) -> NonNull<Fork> {
    // SAFETY: the fork lives; the new one has one branch more, so both parts fit around it.
    unsafe {
        let Fork { bytes, bitmap, count, .. } = fork.read();
        let wide = new_fork(heap, bytes, bitmap | bit);
        branches(wide).copy_from_nonoverlapping(branches(fork), index);
        branches(wide).add(index + 1).copy_from_nonoverlapping(branches(fork).add(index), count as usize - index);
        heap.retire(young_fork(fork));
        wide
    }
}

/// A fork without the branch at `index`, which is not its only one.
///
/// # Safety
/// As for [`own`].
pub(super) unsafe fn narrow(heap: &mut Heap, fork: NonNull<Fork>, bit: u32, index: usize) -> NonNull<Fork> {
    // SAFETY: the fork lives; the new one has one branch less, and so have the two parts.
    unsafe {
        let Fork { bytes, bitmap, count, .. } = fork.read();
        let slim = new_fork(heap, bytes, bitmap & !bit);
        let rest = count as usize - index - 1;
        branches(slim).copy_from_nonoverlapping(branches(fork), index);
        branches(slim).add(index).copy_from_nonoverlapping(branches(fork).add(index + 1), rest);
        heap.retire(young_fork(fork));
        slim
    }
}

/// # Safety
/// The children live.
pub(super) unsafe fn bytes_of(children: Children) -> usize {
    // SAFETY: they live.
    unsafe {
        match children.kind() {
            Kind::None => 0,
            Kind::Page(page) => page.as_ref().used as usize,
            Kind::Fork(fork) => fork.as_ref().bytes as usize,
        }
    }
}

/// # Safety
/// The fork lives.
pub(super) unsafe fn young_fork(fork: NonNull<Fork>) -> Young {
    // SAFETY: it lives.
    let Fork { birth, count, .. } = unsafe { fork.read() };
    Young { object: fork.cast(), size: size_of_fork(count as usize), birth, owns_acl: false }
}

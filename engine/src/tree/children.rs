//! The names of a znode's children, ready to send.
//!
//! A small trie by the hash of the name, with pages of whole jute strings as leaves:
//!
//! ```text
//! Fork | birth | bytes below | bitmap | count | branch ... |       32 branches by 5 bits of the hash
//!        Page | birth | used | capacity | i32 length | name | i32 length | name | ... |
//! ```
//!
//! So a listing is a few copies of up to 2 KiB, and a new child copies one page and the forks above it, not the list.
//! A page that would outgrow [`PAGE_BYTES`] becomes a fork; a fork whose names fit half a page becomes one again, and
//! one whose last branch is a page becomes that page. Larger are only pages of one name that is longer, and pages at
//! the bottom, whose names have one hash. Forks and pages born in the version under construction are changed in
//! place.
//!
//! Names have no order within a page. That two children never have one name is the caller's business: the trie of paths
//! knows it already.
//!
//! Obligations. [`Children`] is a bare pointer: the functions here that take one ask that it lives and, where they
//! change it, that it is the head's, is put nowhere else, and is replaced by what they give back. A [`ChildSet`] is
//! made from one that lives, unchanged, for its lifetime.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::fork::{
    Children, Fork, Kind, branches, bytes_of, narrow, new_fork, own, place, visit_young, widen, young_fork,
};
use super::hash::{Hasher, LEVELS};
use super::heap::Heap;
use super::names::{LENGTH, Names, PAGE_BYTES, WireNames};
use super::page::{Page, append, cut, exact, names_of, new_page, wire_length, young_page};
use super::plan::{Part, Plan};
use super::prefetch::prefetch;

/// A fork with no more bytes below becomes a page.
const COLLAPSE_BYTES: usize = PAGE_BYTES / 2;

/// Adds a name that is not there.
///
/// # Safety
/// See the head of the module.
pub(super) unsafe fn insert(heap: &mut Heap, hasher: &Hasher, children: Children, name: &str) -> Children {
    // SAFETY: passed on.
    unsafe { insert_at(heap, hasher, children, name, None, 0) }
}

/// Removes a name.
///
/// # Panics
/// Unless it is there.
///
/// # Safety
/// See the head of the module.
pub(super) unsafe fn remove(heap: &mut Heap, hasher: &Hasher, children: Children, name: &str) -> Children {
    // SAFETY: passed on.
    unsafe { remove_at(heap, children, name, hasher.hash(name), 0) }
}

/// The children with these names.
pub(super) fn build(heap: &mut Heap, hasher: &Hasher, names: Names<'_>) -> Children {
    let wire = names.wire();
    match wire.len() {
        0 => Children::NONE,
        1..=PAGE_BYTES => Children::page(new_page(heap, &[wire], exact(wire.len()))),
        _ => build_planned(heap, &Plan::of(hasher, names, WireNames(wire).count(), 0)),
    }
}

/// [`build`] by a plan.
pub(super) fn build_planned(heap: &mut Heap, plan: &Plan<'_>) -> Children {
    build_next(heap, &mut plan.0.iter())
}

/// The children of a live record.
#[derive(Clone, Copy)]
pub(super) struct ChildSet<'a> {
    children: Children,
    lives: PhantomData<&'a Fork>,
}

impl<'a> ChildSet<'a> {
    /// # Safety
    /// The children live, unchanged, for `'a`.
    pub unsafe fn live(children: Children) -> ChildSet<'a> {
        ChildSet { children, lives: PhantomData }
    }

    /// Bytes of all names as jute strings.
    pub fn bytes(self) -> usize {
        // SAFETY: they live.
        unsafe { bytes_of(self.children) }
    }

    pub fn pages(self) -> ChildPages<'a> {
        ChildPages { next: self.children, open: [(NonNull::dangling(), 0); LEVELS], depth: 0, lives: PhantomData }
    }

    /// Those that come after the page where a name is or would be.
    pub fn pages_after(self, hasher: &Hasher, name: &str) -> ChildPages<'a> {
        let hash = hasher.hash(name);
        let mut pages = self.pages();
        let mut at = std::mem::replace(&mut pages.next, Children::NONE);
        let mut level = 0;
        while let Kind::Fork(fork) = at.kind() {
            // SAFETY: the forks of a live child set live, and the index is that of a branch that is there.
            unsafe {
                let Fork { bitmap, count, .. } = fork.read();
                let (bit, index) = place(bitmap, hash, level);
                let is_there = bitmap & bit != 0;
                at = if is_there { branches(fork).add(index).read() } else { Children::NONE };
                let next = index as u32 + u32::from(is_there);
                if next < count {
                    pages.open[pages.depth] = (fork, next);
                    pages.depth += 1;
                }
            }
            level += 1;
        }
        pages
    }

    /// The page where a name is or would be, asked for and not looked at.
    pub fn page_of(self, hasher: &Hasher, name: &str) -> Option<ChildPage<'a>> {
        let mut at = self.children;
        let (mut hash, mut level) = (None, 0);
        loop {
            match at.kind() {
                Kind::None => return None,
                Kind::Page(page) => {
                    at.prefetch();
                    return Some(ChildPage { page, lives: PhantomData });
                }
                Kind::Fork(fork) => {
                    let hash = *hash.get_or_insert_with(|| hasher.hash(name));
                    // SAFETY: the forks of a live child set live, and the index is that of a branch that is there.
                    unsafe {
                        let bitmap = fork.as_ref().bitmap;
                        let (bit, index) = place(bitmap, hash, level);
                        at = if bitmap & bit == 0 { return None } else { branches(fork).add(index).read() };
                    }
                    level += 1;
                }
            }
        }
    }

    pub fn names(self) -> ChildNames<'a> {
        ChildNames { pages: self.pages(), page: WireNames(&[]) }
    }
}

/// A page of a live child set.
#[derive(Clone, Copy)]
pub(super) struct ChildPage<'a> {
    page: NonNull<Page>,
    lives: PhantomData<&'a Fork>,
}

impl ChildPage<'_> {
    /// Asks for the place behind the last name.
    pub fn prefetch_end(&self) {
        // SAFETY: the pages of a live child set live.
        let names = unsafe { names_of(self.page) };
        prefetch(names.as_ptr_range().end, 1);
    }
}

/// Walks the pages of a znode's children: pieces of jute strings.
pub struct ChildPages<'a> {
    next: Children,
    /// Forks above the next page, each with its next branch: the first `depth`.
    open: [(NonNull<Fork>, u32); LEVELS],
    depth: usize,
    lives: PhantomData<&'a Fork>,
}

impl<'a> Iterator for ChildPages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut at = std::mem::replace(&mut self.next, Children::NONE);
        loop {
            match at.kind() {
                Kind::Page(page) => {
                    #[cfg(test)]
                    visits::note();
                    // SAFETY: pages of a live child set live for 'a and do not change.
                    return Some(unsafe { names_of(page) });
                }
                Kind::Fork(fork) => {
                    self.open[self.depth] = (fork, 0);
                    self.depth += 1;
                }
                Kind::None => {}
            }
            let (fork, index) = self.open[..self.depth].last_mut()?;
            // SAFETY: the forks of a live child set live, and the index stays below the count.
            unsafe {
                let count = fork.as_ref().count;
                at = branches(*fork).add(*index as usize).read();
                *index += 1;
                if *index < count {
                    let ahead = branches(*fork).add(*index as usize).read();
                    ahead.prefetch();
                } else {
                    self.depth -= 1;
                }
            }
        }
    }
}

/// Walks the names of a znode's children.
pub struct ChildNames<'a> {
    pages: ChildPages<'a>,
    page: WireNames<'a>,
}

impl<'a> Iterator for ChildNames<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            if let Some(wire) = self.page.next() {
                // SAFETY: every name came into the page from a `str`.
                return Some(unsafe { std::str::from_utf8_unchecked(&wire[LENGTH..]) });
            }
            self.page = WireNames(self.pages.next()?);
        }
    }
}

/// # Safety
/// As for [`insert`].
unsafe fn insert_at(
    heap: &mut Heap,
    hasher: &Hasher,
    children: Children,
    name: &str,
    hash: Option<u64>,
    level: usize,
) -> Children {
    let length = wire_length(name);
    let need = LENGTH + name.len();
    match children.kind() {
        Kind::None => Children::page(new_page(heap, &[&length, name.as_bytes()], exact(need))),
        Kind::Page(page) => {
            // SAFETY: the page lives. `append` and the split leave nothing that is used of it.
            unsafe {
                if names_of(page).len() + need <= PAGE_BYTES || level == LEVELS {
                    return Children::page(append(heap, page, &[&length, name.as_bytes()]));
                }
                let names: Vec<u8> = [names_of(page), &length, name.as_bytes()].concat();
                let plan = Plan::of(hasher, Names::known(&names), WireNames(&names).count(), level);
                let built = build_planned(heap, &plan);
                heap.retire(young_page(page));
                built
            }
        }
        Kind::Fork(fork) => {
            let hash = hash.unwrap_or_else(|| hasher.hash(name));
            // SAFETY: the fork and its branches live; the branch is replaced by what takes its place.
            unsafe {
                let Fork { bitmap, bytes, .. } = fork.read();
                let (bit, index) = place(bitmap, hash, level);
                let old = if bitmap & bit == 0 { Children::NONE } else { branches(fork).add(index).read() };
                let new = insert_at(heap, hasher, old, name, Some(hash), level + 1);
                let fork = if bitmap & bit == 0 { widen(heap, fork, bit, index) } else { own(heap, fork) };
                branches(fork).add(index).write(new);
                (*fork.as_ptr()).bytes = bytes + need as u64;
                Children::fork(fork)
            }
        }
    }
}

/// # Safety
/// As for [`remove`].
unsafe fn remove_at(heap: &mut Heap, children: Children, name: &str, hash: u64, level: usize) -> Children {
    match children.kind() {
        Kind::None => panic!("the child {name:?} is not in its parent's list"),
        // SAFETY: the page lives and is replaced.
        Kind::Page(page) => unsafe { cut(heap, page, name).map_or(Children::NONE, Children::page) },
        // SAFETY: the fork and its branches live; the branch is replaced by what takes its place.
        Kind::Fork(fork) => unsafe {
            let Fork { bitmap, bytes, count, .. } = fork.read();
            let (bit, index) = place(bitmap, hash, level);
            assert!(bitmap & bit != 0, "the child {name:?} is not in its parent's list");
            let new = remove_at(heap, branches(fork).add(index).read(), name, hash, level + 1);
            let bytes = bytes - (LENGTH + name.len()) as u64;
            if new == Children::NONE && count == 1 {
                heap.retire(young_fork(fork));
                return Children::NONE;
            }
            let fork = if new == Children::NONE { narrow(heap, fork, bit, index) } else { own(heap, fork) };
            if new != Children::NONE {
                branches(fork).add(index).write(new);
            }
            (*fork.as_ptr()).bytes = bytes;
            collapse(heap, fork)
        },
    }
}

/// One page in place of a fork, if its names fit half a page or it has but one branch, a page.
///
/// # Safety
/// As for [`remove`].
unsafe fn collapse(heap: &mut Heap, fork: NonNull<Fork>) -> Children {
    // SAFETY: the fork and all below live until they are retired at the end, when the page has been made.
    unsafe {
        let Fork { bytes, count, .. } = fork.read();
        let only = branches(fork).read();
        if count == 1 && matches!(only.kind(), Kind::Page(_)) {
            heap.retire(young_fork(fork));
            return only;
        }
        if bytes > COLLAPSE_BYTES as u64 {
            return Children::fork(fork);
        }
        let parts: Vec<&[u8]> = ChildSet::live(Children::fork(fork)).pages().collect();
        let page = new_page(heap, &parts, exact(bytes as usize));
        visit_young(Children::fork(fork), 0, &mut |young| heap.retire(young));
        Children::page(page)
    }
}

/// The next part of a plan, with all that is below it.
fn build_next<'p>(heap: &mut Heap, parts: &mut impl Iterator<Item = &'p Part<'p>>) -> Children {
    match parts.next() {
        Some(Part::Page(names)) => Children::page(new_page(heap, &[names], exact(names.len()))),
        Some(Part::Fork { bytes, bitmap }) => {
            let fork = new_fork(heap, *bytes as u64, *bitmap);
            for index in 0..bitmap.count_ones() as usize {
                let below = build_next(heap, parts);
                // SAFETY: the fork has as many branches as its bitmap has ones.
                unsafe { branches(fork).add(index).write(below) };
            }
            Children::fork(fork)
        }
        None => unreachable!("a plan ends with a page"),
    }
}

/// How many pages this thread's walks have come to, for tests of what a walk costs.
#[cfg(test)]
pub(crate) mod visits {
    use std::cell::Cell;

    thread_local! {
        static PAGES: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn note() {
        PAGES.set(PAGES.get() + 1);
    }

    /// Since this was asked last.
    pub(crate) fn take() -> usize {
        PAGES.take()
    }
}

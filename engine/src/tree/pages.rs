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
//! A page that would outgrow [`PAGE_BYTES`] becomes a fork; a fork whose names fit half a page becomes one again, and one
//! whose last branch is a page becomes that page. Larger are only pages of one name that is longer, and pages at the
//! bottom, whose names have one hash. Forks and pages born in the version under construction are changed in place.
//!
//! Names have no order within a page. That two children never have one name is the caller's business: the trie of paths
//! knows it already.
//!
//! Obligations. [`Children`] is a bare pointer: the functions here that take one ask that it lives and, where they change
//! it, that it is the head's, is put nowhere else, and is replaced by what they give back. A [`ChildSet`] is made from one
//! that lives, unchanged, for its lifetime.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::hash::{Hasher, LEVELS, branch};
use super::heap::{Heap, Young};
use super::prefetch::prefetch;

/// Bytes of the names in a page, at most; with its header, 2 KiB.
const PAGE_BYTES: usize = 2048 - size_of::<Page>();

/// A fork with no more bytes below becomes a page.
const COLLAPSE_BYTES: usize = PAGE_BYTES / 2;

/// Bytes of the length before a name.
const LENGTH: usize = 4;

/// Bytes of the next page that a walk asks for ahead; the processor finds the rest of a page by itself.
const PREFETCH_BYTES: usize = 256;

#[repr(C)]
struct Page {
    birth: u64,
    used: u32,
    capacity: u32,
}

#[repr(C)]
struct Fork {
    birth: u64,
    /// Of the names in all pages below.
    bytes: u64,
    bitmap: u32,
    count: u32,
}

/// The children of one znode, or of one branch of a fork: null for none, else a fork or, with the low bit, a page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Children(*mut u8);

enum Kind {
    None,
    Page(NonNull<Page>),
    Fork(NonNull<Fork>),
}

impl Children {
    pub const NONE: Children = Children(std::ptr::null_mut());

    fn page(page: NonNull<Page>) -> Children {
        Children(page.cast::<u8>().as_ptr().map_addr(|address| address | 1))
    }

    fn fork(fork: NonNull<Fork>) -> Children {
        Children(fork.cast().as_ptr())
    }

    #[inline]
    fn kind(self) -> Kind {
        match NonNull::new(self.0.map_addr(|address| address & !1)) {
            None => Kind::None,
            Some(object) if self.0.addr() & 1 == 1 => Kind::Page(object.cast()),
            Some(object) => Kind::Fork(object.cast()),
        }
    }
}

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

/// The children with these names: jute strings, one behind the other, of which the caller has checked the form.
pub(super) fn build(heap: &mut Heap, hasher: &Hasher, wire: &[u8]) -> Children {
    match wire.len() {
        0 => Children::NONE,
        1..=PAGE_BYTES => Children::page(new_page(heap, &[wire], exact(wire.len()))),
        _ => {
            let mut names: Vec<Hashed> = WireNames(wire).map(|wire| Hashed::new(hasher, wire)).collect();
            names.sort_by_key(|name| name.hash);
            build_at(heap, &names, 0)
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

/// The children of a live record.
#[derive(Clone, Copy)]
pub(super) struct ChildSet<'a> {
    children: Children,
    lives: PhantomData<&'a Page>,
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

    pub fn names(self) -> ChildNames<'a> {
        ChildNames { pages: self.pages(), page: WireNames(&[]) }
    }
}

/// Walks the pages of a znode's children: pieces of jute strings.
pub struct ChildPages<'a> {
    next: Children,
    /// Forks above the next page, each with its next branch: the first `depth`.
    open: [(NonNull<Fork>, u32); LEVELS],
    depth: usize,
    lives: PhantomData<&'a Page>,
}

impl<'a> Iterator for ChildPages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut at = std::mem::replace(&mut self.next, Children::NONE);
        loop {
            match at.kind() {
                // SAFETY: pages of a live child set live for 'a and do not change.
                Kind::Page(page) => return Some(unsafe { names_of(page) }),
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
                    prefetch(ahead.0, PREFETCH_BYTES);
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

/// Cuts a page into names, each with its length before it.
struct WireNames<'a>(&'a [u8]);

impl<'a> Iterator for WireNames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = i32::from_be_bytes(*self.0.first_chunk()?);
        let (name, rest) = self.0.split_at(LENGTH + length as usize);
        self.0 = rest;
        Some(name)
    }
}

#[derive(Clone, Copy)]
struct Hashed<'a> {
    hash: u64,
    wire: &'a [u8],
}

impl<'a> Hashed<'a> {
    fn new(hasher: &Hasher, wire: &'a [u8]) -> Hashed<'a> {
        // Only ever hashed: a name of a page is UTF-8, and so is its hash's input.
        let name = std::str::from_utf8(&wire[LENGTH..]).expect("names are UTF-8");
        Hashed { hash: hasher.hash(name), wire }
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
                let added: Vec<u8> = [&length, name.as_bytes()].concat();
                let mut names: Vec<Hashed> =
                    WireNames(names_of(page)).chain([&added[..]]).map(|wire| Hashed::new(hasher, wire)).collect();
                names.sort_by_key(|name| name.hash);
                let built = build_at(heap, &names, level);
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
        Kind::Page(page) => unsafe { cut(heap, page, name) },
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

/// The children with these names, in the order of their hashes, all alike above `level`.
fn build_at(heap: &mut Heap, names: &[Hashed<'_>], level: usize) -> Children {
    let bytes: usize = names.iter().map(|name| name.wire.len()).sum();
    if bytes <= PAGE_BYTES || names.len() == 1 || level == LEVELS {
        let parts: Vec<&[u8]> = names.iter().map(|name| name.wire).collect();
        return Children::page(new_page(heap, &parts, exact(bytes)));
    }
    let groups = || names.chunk_by(|one, other| branch(one.hash, level) == branch(other.hash, level));
    let bitmap = groups().fold(0, |bitmap, group| bitmap | 1 << branch(group[0].hash, level));
    let fork = new_fork(heap, bytes as u64, bitmap);
    for (index, group) in groups().enumerate() {
        let below = build_at(heap, group, level + 1);
        // SAFETY: the fork has as many branches as there are groups.
        unsafe { branches(fork).add(index).write(below) };
    }
    Children::fork(fork)
}

fn wire_length(name: &str) -> [u8; LENGTH] {
    i32::try_from(name.len()).expect("a name fits a frame").to_be_bytes()
}

/// The size class of the allocator that holds a page with so many bytes of names: multiples of 16 up to 128, then four
/// steps to each doubling. So a page has some room to grow in place.
fn exact(bytes: usize) -> usize {
    let size = size_of::<Page>() + bytes;
    size.next_multiple_of((size.next_power_of_two() >> 3).max(16))
}

/// A page in an allocation of `size` bytes.
fn new_page(heap: &mut Heap, parts: &[&[u8]], size: usize) -> NonNull<Page> {
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
unsafe fn names_of<'a>(page: NonNull<Page>) -> &'a [u8] {
    // SAFETY: `used` bytes behind the header are initialised.
    unsafe { std::slice::from_raw_parts(page.add(1).cast().as_ptr(), page.as_ref().used as usize) }
}

/// # Safety
/// The page is the head's and is replaced by the one given back.
unsafe fn append(heap: &mut Heap, page: NonNull<Page>, parts: &[&[u8]; 2]) -> NonNull<Page> {
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
unsafe fn cut(heap: &mut Heap, page: NonNull<Page>, name: &str) -> Children {
    // SAFETY: the page lives. In place it is changed only where it was born now; both ends of the move are inside it.
    unsafe {
        let names = names_of(page);
        let (start, end) = find(names, name);
        if end - start == names.len() {
            heap.retire(young_page(page));
            return Children::NONE;
        }
        let left = names.len() - (end - start);
        let Page { birth, capacity, .. } = page.read();
        if birth != heap.building() || left < capacity as usize / 4 {
            let new = new_page(heap, &[&names[..start], &names[end..]], exact(left));
            heap.retire(young_page(page));
            return Children::page(new);
        }
        let tail = names.len() - end;
        let base = page.add(1).cast::<u8>();
        base.add(start).copy_from(base.add(end), tail);
        (*page.as_ptr()).used = left as u32;
        Children::page(page)
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

/// The bit of a hash at a level, and how many branches stand before it.
#[inline]
fn place(bitmap: u32, hash: u64, level: usize) -> (u32, usize) {
    let bit = 1 << branch(hash, level);
    (bit, (bitmap & (bit - 1)).count_ones() as usize)
}

fn size_of_fork(count: usize) -> usize {
    size_of::<Fork>() + count * size_of::<Children>()
}

/// A fork with room for the branches of its bitmap, none of them written.
fn new_fork(heap: &mut Heap, bytes: u64, bitmap: u32) -> NonNull<Fork> {
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
unsafe fn branches(fork: NonNull<Fork>) -> NonNull<Children> {
    // SAFETY: the end of the header is inside the allocation, or just behind it.
    unsafe { fork.add(1).cast() }
}

/// The fork, or a copy if it was born earlier.
///
/// # Safety
/// It is the head's and is replaced by the one given back.
unsafe fn own(heap: &mut Heap, fork: NonNull<Fork>) -> NonNull<Fork> {
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
unsafe fn widen(heap: &mut Heap, fork: NonNull<Fork>, bit: u32, index: usize) -> NonNull<Fork> {
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
unsafe fn narrow(heap: &mut Heap, fork: NonNull<Fork>, bit: u32, index: usize) -> NonNull<Fork> {
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
unsafe fn bytes_of(children: Children) -> usize {
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
/// The page lives.
unsafe fn young_page(page: NonNull<Page>) -> Young {
    // SAFETY: it lives.
    let Page { birth, capacity, .. } = unsafe { page.read() };
    Young { object: page.cast(), size: size_of::<Page>() + capacity as usize, birth, owns_acl: false }
}

/// # Safety
/// The fork lives.
unsafe fn young_fork(fork: NonNull<Fork>) -> Young {
    // SAFETY: it lives.
    let Fork { birth, count, .. } = unsafe { fork.read() };
    Young { object: fork.cast(), size: size_of_fork(count as usize), birth, owns_acl: false }
}

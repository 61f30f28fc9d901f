//! The record of a znode: one allocation, with data and Stat as they go on the wire.
//!
//! ```text
//! 0                                   8            12       16
//! | birth, words behind, path length | prefix_crc | digest | path | i32 length | data | Stat | words ... |
//!                                                                 '---- getData's body ----'
//! ```
//!
//! The numbers of the header are in the machine's order, the body is big-endian; its length is -1 for null data. The Stat
//! is the shown one (68 bytes, [`Stat::to_wire`]), and the only place of what it tells. `prefix_crc` is the CRC-32 of path
//! and data, which the tree digest continues over the 60 bytes of the Stat: a change of the Stat never reads the data
//! again, and a change of anything never computes what the record had added to the sum.
//!
//! What most znodes do not have takes no place in those. Such a *word* stands behind the Stat, eight bytes aligned to
//! eight, if the header says so: the children, the ACL, the owner where clients are not shown it. A word may be empty: that
//! of the children stays when the last of them has gone. A path of [`LONG_PATH`] bytes or more has its length between
//! header and path.
//!
//! A path of 35 bytes and data of 100 make 223 bytes, a size class of the allocator that puts 128 objects side by side;
//! from 225 bytes on each page takes 16, with 128 bytes of bookkeeping. Data is copied whenever anything of the znode
//! changes, the creation of a child included.
//!
//! Obligations. A [`Record`] is made from a header that lives for its lifetime and does not change in it; a
//! [`RecordMut`] from one that was born in the version under construction, so that only the writer knows it.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::acl::Acl;
use crate::stat::{Stat, WIRE_LENGTH};

use super::children::ChildSet;
use super::digest::{digest, prefix_crc};
use super::fork::Children;
use super::heap::{ALIGNMENT, BIRTH_BITS, Heap, Young};

const HEADER: usize = size_of::<Header>();

/// Bytes of a word behind the Stat.
const WORD: usize = 8;

/// Bytes of the length before the data.
const LENGTH: usize = 4;

/// Where the shown cversion stands in a Stat.
const CVERSION_AT: usize = 36;

/// Where the number of children stands in a shown Stat.
const NUM_CHILDREN_AT: usize = 56;

/// Where the owner stands in a shown Stat.
const OWNER_AT: usize = 44;

/// Where the length of the path begins in the header's first number, above birth and flags.
const PATH_BIT: u32 = 52;

/// Paths from this length on have it behind the header, where this stands for it.
const LONG_PATH: usize = (1 << (u64::BITS - PATH_BIT)) - 1;

/// There is a word for the children, for the ACL, for the owner: they stand in this order.
const CHILDREN: u64 = 1 << BIRTH_BITS;
const ACL: u64 = CHILDREN << 1;
const OWNER: u64 = CHILDREN << 2;
const WORDS: u64 = CHILDREN | ACL | OWNER;

/// The highest bit of the stored cversion: the shown one is about twice as large and has lost it.
const CVERSION_SIGN: u64 = CHILDREN << 3;

const BIRTH: u64 = CHILDREN - 1;

#[repr(C)]
pub(super) struct Header {
    /// Birth, flags, length of the path.
    head: u64,
    prefix_crc: u32,
    digest: u32,
}

const _: () = assert!(HEADER == 16 && HEADER + 35 + LENGTH + 100 + WIRE_LENGTH <= 224);
const _: () = assert!(CVERSION_SIGN < 1 << PATH_BIT && ALIGNMENT == WORD);
const _: () = assert!(size_of::<Acl>() == WORD && size_of::<Children>() == WORD);

/// What a record without a word for it has.
static NO_ACL: Acl = None;

/// Where what is in a record.
#[derive(Clone, Copy)]
struct Shape {
    path_len: usize,
    data_len: usize,
    /// Of [`WORDS`].
    words: u64,
}

impl Shape {
    #[inline]
    fn path_at(self) -> usize {
        if self.path_len < LONG_PATH { HEADER } else { HEADER + LENGTH }
    }

    #[inline]
    fn body_at(self) -> usize {
        self.path_at() + self.path_len
    }

    #[inline]
    fn body_end(self) -> usize {
        self.body_at() + LENGTH + self.data_len + WIRE_LENGTH
    }

    /// Where a word is that is there.
    fn word_at(self, word: u64) -> usize {
        self.body_end().next_multiple_of(WORD) + WORD * (self.words & (word - 1)).count_ones() as usize
    }

    fn size(self) -> usize {
        if self.words == 0 { self.body_end() } else { self.word_at(WORDS + 1) }
    }
}

/// What a record shall have a word for.
#[derive(Clone, Copy)]
pub(super) enum Room {
    AsIs,
    Children,
    Acl,
}

impl Room {
    fn words(self) -> u64 {
        match self {
            Room::AsIs => 0,
            Room::Children => CHILDREN,
            Room::Acl => ACL,
        }
    }
}

/// What a new record holds.
pub(super) struct Draft<'d> {
    pub path: &'d str,
    pub data: Option<&'d [u8]>,
    pub acl: Acl,
    pub stat: Stat,
    /// Whether clients are shown the owner.
    pub shows_owner: bool,
    pub num_children: u32,
    pub children: Children,
}

/// A record that lives, unchanged, for `'a`.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    header: NonNull<Header>,
    lives: PhantomData<&'a Header>,
}

/// A record born in the version under construction.
pub(super) struct RecordMut<'a> {
    header: NonNull<Header>,
    lives: PhantomData<&'a mut Header>,
}

/// Makes a record, born now.
///
/// # Panics
/// If path or data are longer than 2^31 - 1 bytes.
pub(super) fn create(heap: &mut Heap, draft: Draft<'_>) -> NonNull<Header> {
    let prefix_crc = prefix_crc(draft.path, draft.data.unwrap_or_default());
    let digest = digest(draft.path, prefix_crc, &draft.stat);
    create_with(heap, draft, prefix_crc, digest)
}

/// [`create`] with [`prefix_crc`] and [`digest`] that are known already.
pub(super) fn create_with(heap: &mut Heap, draft: Draft<'_>, prefix_crc: u32, digest: u32) -> NonNull<Header> {
    let Draft { path, data, acl, stat, shows_owner, num_children, children } = draft;
    let path_len = i32::try_from(path.len()).expect("a path fits a frame") as u32;
    let data_len = data.map_or(-1, |data| i32::try_from(data.len()).expect("data fits a frame"));
    let bytes = data.unwrap_or_default();
    let owner = if shows_owner { 0 } else { stat.ephemeral_owner };
    let word = |is_there: bool, word: u64| if is_there { word } else { 0 };
    let has_children = num_children > 0 || children != Children::NONE;
    let words = word(has_children, CHILDREN) | word(acl.is_some(), ACL) | word(owner != 0, OWNER);
    let shape = Shape { path_len: path.len(), data_len: bytes.len(), words };
    let header = heap.allocate(shape.size()).cast::<Header>();
    let wire = stat.to_wire(bytes.len(), num_children, shows_owner);
    let length = (path.len().min(LONG_PATH) as u64) << PATH_BIT;
    let head = heap.building() | words | cversion_sign(&stat) | length;
    // SAFETY: the allocation has this shape, is aligned for the header, and ours alone; nothing is read before it is
    // written.
    unsafe {
        header.write(Header { head, prefix_crc, digest });
        let mut at = header.cast::<u8>().add(HEADER);
        if path.len() >= LONG_PATH {
            at.cast().write(path_len);
            at = at.add(LENGTH);
        }
        for part in [path.as_bytes(), &data_len.to_be_bytes(), bytes, &wire] {
            at.copy_from_nonoverlapping(NonNull::from(part).cast(), part.len());
            at = at.add(part.len());
        }
        if words != 0 {
            write_words(header, shape, children, acl, owner);
        }
    }
    header
}

/// The same record, born now, with its own share of the ACL, and with room for a word.
pub(super) fn copy(heap: &mut Heap, old: Record<'_>, room: Room) -> NonNull<Header> {
    let there = old.shape();
    let shape = Shape { words: there.words | room.words(), ..there };
    let header = heap.allocate(shape.size()).cast::<Header>();
    let head = old.head() & !BIRTH | heap.building() | shape.words;
    // SAFETY: both reach to the end of the body at least and are apart, and the new one has its shape.
    unsafe {
        header.cast::<u8>().copy_from_nonoverlapping(old.header.cast(), there.body_end());
        (*header.as_ptr()).head = head;
        if shape.words != 0 {
            write_words(header, shape, old.raw_children(), old.acl().clone(), old.hidden_owner().unwrap_or(0));
        }
    }
    header
}

/// # Safety
/// The record is the caller's alone and has this shape; its words hold nothing yet.
unsafe fn write_words(header: NonNull<Header>, shape: Shape, children: Children, acl: Acl, owner: i64) {
    // SAFETY: words that are there are inside the record, and aligned as it is.
    unsafe {
        let at = |word| header.cast::<u8>().add(shape.word_at(word));
        if shape.words & CHILDREN != 0 {
            at(CHILDREN).cast().write(children);
        }
        if shape.words & ACL != 0 {
            at(ACL).cast().write(acl);
        }
        if shape.words & OWNER != 0 {
            at(OWNER).cast().write(owner);
        }
    }
}

fn cversion_sign(stat: &Stat) -> u64 {
    if stat.cversion < 0 { CVERSION_SIGN } else { 0 }
}

/// Gives up a record, but not its children.
///
/// # Safety
/// As for [`Heap::retire`].
pub(super) unsafe fn retire(heap: &mut Heap, header: NonNull<Header>) {
    // SAFETY: the caller has not given it up before.
    let young = unsafe { Record::live(header) }.as_young();
    // SAFETY: passed on.
    unsafe { heap.retire(young) };
}

/// Gives up a record's share of its ACL.
///
/// # Safety
/// `object` is a record that is never used again.
pub(super) unsafe fn drop_acl(object: NonNull<u8>) {
    // SAFETY: it lives until now, and owns its share; this is the last use.
    unsafe {
        if let Some(acl) = Record::live(object.cast()).word::<Acl>(ACL) {
            acl.drop_in_place();
        }
    }
}

impl<'a> Record<'a> {
    /// # Safety
    /// `header` came from [`create`] or [`copy`], lives for `'a`, and does not change in it.
    #[inline]
    pub unsafe fn live(header: NonNull<Header>) -> Record<'a> {
        Record { header, lives: PhantomData }
    }

    #[inline]
    pub fn raw(self) -> NonNull<Header> {
        self.header
    }

    #[inline]
    fn header(self) -> &'a Header {
        // SAFETY: it lives for 'a and does not change.
        unsafe { self.header.as_ref() }
    }

    #[inline]
    fn head(self) -> u64 {
        self.header().head
    }

    /// `count` bytes from byte `at` of the record.
    ///
    /// # Safety
    /// They are inside the record.
    #[inline]
    unsafe fn bytes(self, at: usize, count: usize) -> &'a [u8] {
        // SAFETY: inside the allocation by the caller's promise, initialised by `create`; `self.header` was never
        // narrowed to the header.
        unsafe { std::slice::from_raw_parts(self.header.cast::<u8>().as_ptr().add(at), count) }
    }

    /// Where the path begins, and its length.
    #[inline]
    fn path_place(self) -> (usize, usize) {
        match (self.head() >> PATH_BIT) as usize {
            LONG_PATH => self.long_path_place(),
            short => (HEADER, short),
        }
    }

    #[cold]
    fn long_path_place(self) -> (usize, usize) {
        // SAFETY: the length of a long path stands behind the header, which leaves it aligned.
        (HEADER + LENGTH, unsafe { self.header.add(1).cast::<u32>().read() as usize })
    }

    #[inline]
    fn path_len(self) -> usize {
        self.path_place().1
    }

    /// Where the body begins.
    #[inline]
    fn body_at(self) -> usize {
        let (at, length) = self.path_place();
        at + length
    }

    fn shape(self) -> Shape {
        Shape { path_len: self.path_len(), data_len: self.data_len(), words: self.head() & WORDS }
    }

    /// Where a word is, if it is there.
    #[inline]
    fn word<T>(self, word: u64) -> Option<NonNull<T>> {
        (self.head() & word != 0).then(|| self.word_there(word))
    }

    /// Few records have words: whoever asks for one passes it by quickly.
    #[inline(never)]
    fn word_there<T>(self, word: u64) -> NonNull<T> {
        // SAFETY: words that are there are inside the record.
        unsafe { self.header.cast::<u8>().add(self.shape().word_at(word)).cast() }
    }

    /// Whether there is such a word.
    pub fn has(self, room: Room) -> bool {
        self.head() & room.words() == room.words()
    }

    /// The length of the body: -1 for null data.
    #[inline]
    fn wire_length(self) -> i32 {
        // SAFETY: the length follows the path.
        let length = unsafe { self.bytes(self.body_at(), LENGTH) };
        i32::from_be_bytes(*length.first_chunk().expect("a length has four bytes"))
    }

    #[inline]
    fn data_len(self) -> usize {
        usize::try_from(self.wire_length()).unwrap_or(0)
    }

    #[inline]
    pub fn birth(self) -> u64 {
        self.head() & BIRTH
    }

    #[inline]
    pub fn acl(self) -> &'a Acl {
        // SAFETY: the word lives as long as the record and does not change meanwhile.
        self.word(ACL).map_or(&NO_ACL, |acl| unsafe { acl.as_ref() })
    }

    /// The stored owner.
    pub fn owner(self) -> i64 {
        self.hidden_owner().unwrap_or_else(|| i64::from_be_bytes(self.stat_field(OWNER_AT)))
    }

    /// An owner that clients are not shown.
    #[inline]
    fn hidden_owner(self) -> Option<i64> {
        // SAFETY: as in `acl`.
        self.word(OWNER).map(|owner| unsafe { owner.read() })
    }

    pub fn raw_children(self) -> Children {
        // SAFETY: as in `acl`.
        self.word(CHILDREN).map_or(Children::NONE, |children| unsafe { children.read() })
    }

    /// The names of the children.
    pub fn children(self) -> ChildSet<'a> {
        // SAFETY: what a live record reaches lives as long as it.
        unsafe { ChildSet::live(self.raw_children()) }
    }

    #[inline]
    pub fn path_bytes(self) -> &'a [u8] {
        let (at, length) = self.path_place();
        // SAFETY: the path has this length and place.
        unsafe { self.bytes(at, length) }
    }

    #[inline]
    pub fn path(self) -> &'a str {
        // SAFETY: `create` copied it from a `str`.
        unsafe { std::str::from_utf8_unchecked(self.path_bytes()) }
    }

    /// The body of a getData reply: length, data, shown Stat.
    #[inline]
    pub fn body(self) -> &'a [u8] {
        let at = self.body_at();
        // SAFETY: the body follows the path, begins with the length of the data, and has this size.
        unsafe {
            let length = i32::from_be(self.header.cast::<u8>().add(at).cast::<i32>().read_unaligned());
            self.bytes(at, LENGTH + usize::try_from(length).unwrap_or(0) + WIRE_LENGTH)
        }
    }

    pub fn data(self) -> Option<&'a [u8]> {
        (self.wire_length() >= 0).then(|| &self.body()[LENGTH..LENGTH + self.data_len()])
    }

    /// The shown Stat.
    #[inline]
    pub fn stat_wire(self) -> &'a [u8; WIRE_LENGTH] {
        self.body().last_chunk().expect("every body ends in a Stat")
    }

    #[inline]
    pub fn num_children(self) -> u32 {
        u32::from_be_bytes(self.stat_field(NUM_CHILDREN_AT))
    }

    /// Whether clients are shown the owner.
    pub fn shows_owner(self) -> bool {
        self.stat_field::<8>(OWNER_AT) != [0; 8]
    }

    #[inline]
    fn stat_field<const N: usize>(self, at: usize) -> [u8; N] {
        *self.stat_wire()[at..].first_chunk().expect("the fields are inside the Stat")
    }

    /// The stored Stat.
    #[inline]
    pub fn stat(self) -> Stat {
        let wire = self.stat_wire();
        let long = |at: usize| i64::from_be_bytes(*wire[at..].first_chunk().expect("the fields are inside the Stat"));
        let int = |at: usize| i32::from_be_bytes(*wire[at..].first_chunk().expect("the fields are inside the Stat"));
        // Half of the sum of the shown one and the number of children, whose highest bit is in the header.
        let sign = u32::from(self.head() & CVERSION_SIGN != 0) << 31;
        let cversion = (int(CVERSION_AT).wrapping_add(int(NUM_CHILDREN_AT)) as u32 >> 1 | sign) as i32;
        Stat {
            czxid: long(0),
            mzxid: long(8),
            ctime: long(16),
            mtime: long(24),
            version: int(32),
            cversion,
            aversion: int(40),
            ephemeral_owner: self.hidden_owner().unwrap_or(long(OWNER_AT)),
            pzxid: long(60),
        }
    }

    /// The part of the znode in the tree digest.
    pub fn digest(self) -> u64 {
        u64::from(self.header().digest)
    }

    /// Bytes of path and data.
    pub fn payload(self) -> usize {
        self.path_len() + self.data_len()
    }

    /// As a walk reports it.
    pub fn as_young(self) -> Young {
        let owns_acl = self.acl().is_some();
        Young { object: self.header.cast(), size: self.shape().size(), birth: self.birth(), owns_acl }
    }
}

impl<'a> RecordMut<'a> {
    /// # Safety
    /// `header` is a record born in the version under construction of a tree that `'a` borrows for change.
    pub unsafe fn own(header: NonNull<Header>) -> RecordMut<'a> {
        RecordMut { header, lives: PhantomData }
    }

    pub fn read(&self) -> Record<'_> {
        // SAFETY: `&self` keeps it unchanged.
        unsafe { Record::live(self.header) }
    }

    /// The end of its changes.
    pub fn finish(self) -> Record<'a> {
        // SAFETY: nobody can change it any more before `'a` ends.
        unsafe { Record::live(self.header) }
    }

    fn body_mut(&mut self) -> &mut [u8] {
        let (at, count) = (self.read().body_at(), self.read().body().len());
        // SAFETY: inside the record, which `&mut self` has for itself.
        unsafe { std::slice::from_raw_parts_mut(self.header.cast::<u8>().as_ptr().add(at), count) }
    }

    fn header_mut(&mut self) -> &mut Header {
        // SAFETY: `&mut self` has the record for itself.
        unsafe { self.header.as_mut() }
    }

    /// Another Stat, of the same owner.
    pub fn set_stat(&mut self, stat: &Stat, num_children: u32) {
        let record = self.read();
        assert_eq!(record.owner(), stat.ephemeral_owner, "the owner of a znode never changes");
        let wire = stat.to_wire(record.data_len(), num_children, record.shows_owner());
        let digest = digest(record.path(), record.header().prefix_crc, stat);
        let header = self.header_mut();
        header.head = header.head & !CVERSION_SIGN | cversion_sign(stat);
        header.digest = digest;
        let body = self.body_mut();
        let at = body.len() - WIRE_LENGTH;
        body[at..].copy_from_slice(&wire);
    }

    /// # Panics
    /// If it is an ACL for which there is no [`Room`].
    pub fn set_acl(&mut self, acl: Acl) {
        match self.read().word(ACL) {
            // SAFETY: `&mut self` has the record for itself.
            Some(word) => drop(unsafe { word.replace(acl) }),
            None => assert!(acl.is_none(), "there is room for an ACL before it is set"),
        }
    }

    /// # Panics
    /// If they are children for which there is no [`Room`].
    pub fn set_children(&mut self, children: Children) {
        match self.read().word(CHILDREN) {
            // SAFETY: as above.
            Some(word) => unsafe { word.write(children) },
            None => assert!(children == Children::NONE, "there is room for children before they are set"),
        }
    }
}

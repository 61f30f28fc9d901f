//! The record of a znode: one allocation, with data and Stat as they go on the wire.
//!
//! ```text
//! 0        8     16          24      32         36         40           44       48
//! | birth  | acl | children  | owner | path_len | cversion | prefix_crc | digest | path | i32 length | data | Stat |
//!                                                                                       '---- getData's body ----'
//! ```
//!
//! The numbers of the header are in the machine's order, the body is big-endian; its length is -1 for null data. `owner`
//! and `cversion` are the stored ones, the Stat has the shown ones (68 bytes, [`Stat::to_wire`]) and is the only place of
//! the number of children. `prefix_crc` is the CRC-32 of path and data, which the tree digest continues over the 60 bytes
//! of the Stat: a change of the Stat never reads the data again, and a change of anything never computes what the record
//! had added to the sum.
//!
//! A path of 35 bytes and data of 100 make 255 bytes: four cache lines, one size class of the allocator. Data is copied
//! whenever anything of the znode changes, the creation of a child included.
//!
//! Obligations. A [`Record`] is made from a header that lives for its lifetime and does not change in it; a
//! [`RecordMut`] from one that was born in the version under construction, so that only the writer knows it.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::{NonNull, addr_of_mut};

use crate::acl::Acl;
use crate::path::ROOT;
use crate::stat::{Stat, WIRE_LENGTH};

use super::children::ChildSet;
use super::fork::Children;
use super::heap::{Heap, Young};

const HEADER: usize = size_of::<Header>();

/// Bytes of the length before the data.
const LENGTH: usize = 4;

/// Where the number of children stands in a shown Stat.
const NUM_CHILDREN_AT: usize = 56;

/// Where the owner stands in a shown Stat.
const OWNER_AT: usize = 44;

/// Path and data up to this length are copied together before their CRC-32 is computed: from 128 bytes on it goes four
/// times as fast.
const JOINED_BYTES: usize = 256;

/// Znodes below this have no part in the tree digest: each server writes quotas by itself.
const NO_DIGEST: &str = "/zookeeper/";

#[repr(C)]
pub(super) struct Header {
    birth: u64,
    acl: Acl,
    children: Children,
    owner: i64,
    path_len: u32,
    cversion: i32,
    prefix_crc: u32,
    digest: u32,
}

const _: () = assert!(HEADER == 48 && HEADER + 35 + LENGTH + 100 + WIRE_LENGTH <= 256);

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
    let header = heap.allocate(size_of_record(path.len(), bytes.len())).cast::<Header>();
    let wire = stat.to_wire(bytes.len(), num_children, shows_owner);
    let birth = heap.building();
    let (owner, cversion) = (stat.ephemeral_owner, stat.cversion);
    // SAFETY: the allocation is as long as header, path and body together, aligned for the header, and ours alone;
    // nothing is read before it is written.
    unsafe {
        header.write(Header { birth, acl, children, owner, path_len, cversion, prefix_crc, digest });
        let mut at = header.cast::<u8>().add(HEADER);
        for part in [path.as_bytes(), &data_len.to_be_bytes(), bytes, &wire] {
            at.copy_from_nonoverlapping(NonNull::from(part).cast(), part.len());
            at = at.add(part.len());
        }
    }
    header
}

/// The same record, born now, with its own share of the ACL.
pub(super) fn copy(heap: &mut Heap, old: Record<'_>) -> NonNull<Header> {
    let size = old.size();
    let header = heap.allocate(size).cast::<Header>();
    let birth = heap.building();
    // SAFETY: both are `size` bytes and apart. The bitwise copy of the ACL is overwritten without being dropped.
    unsafe {
        header.cast::<u8>().copy_from_nonoverlapping(old.header.cast(), size);
        let copy = header.as_ptr();
        addr_of_mut!((*copy).birth).write(birth);
        addr_of_mut!((*copy).acl).write(old.acl().clone());
    }
    header
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
    // SAFETY: the record owns its share, and this is the last use.
    unsafe { addr_of_mut!((*object.cast::<Header>().as_ptr()).acl).drop_in_place() };
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

    /// `count` bytes from `at` bytes behind the header.
    ///
    /// # Safety
    /// They are inside the record.
    #[inline]
    unsafe fn bytes(self, at: usize, count: usize) -> &'a [u8] {
        // SAFETY: inside the allocation by the caller's promise, initialised by `create`; `self.header` was never
        // narrowed to the header.
        unsafe { std::slice::from_raw_parts(self.header.cast::<u8>().as_ptr().add(HEADER + at), count) }
    }

    #[inline]
    fn path_len(self) -> usize {
        self.header().path_len as usize
    }

    /// The length of the body: -1 for null data.
    #[inline]
    fn wire_length(self) -> i32 {
        // SAFETY: the length follows the path.
        let length = unsafe { self.bytes(self.path_len(), LENGTH) };
        i32::from_be_bytes(*length.first_chunk().expect("a length has four bytes"))
    }

    #[inline]
    fn data_len(self) -> usize {
        usize::try_from(self.wire_length()).unwrap_or(0)
    }

    pub fn size(self) -> usize {
        size_of_record(self.path_len(), self.data_len())
    }

    #[inline]
    pub fn birth(self) -> u64 {
        self.header().birth
    }

    #[inline]
    pub fn acl(self) -> &'a Acl {
        &self.header().acl
    }

    /// The stored owner.
    pub fn owner(self) -> i64 {
        self.header().owner
    }

    pub fn raw_children(self) -> Children {
        self.header().children
    }

    /// The names of the children.
    pub fn children(self) -> ChildSet<'a> {
        // SAFETY: what a live record reaches lives as long as it.
        unsafe { ChildSet::live(self.header().children) }
    }

    #[inline]
    pub fn path_bytes(self) -> &'a [u8] {
        // SAFETY: the path is the first thing behind the header.
        unsafe { self.bytes(0, self.path_len()) }
    }

    #[inline]
    pub fn path(self) -> &'a str {
        // SAFETY: `create` copied it from a `str`.
        unsafe { std::str::from_utf8_unchecked(self.path_bytes()) }
    }

    /// The body of a getData reply: length, data, shown Stat.
    #[inline]
    pub fn body(self) -> &'a [u8] {
        // SAFETY: the body follows the path and has this size.
        unsafe { self.bytes(self.path_len(), LENGTH + self.data_len() + WIRE_LENGTH) }
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
    pub fn stat(self) -> Stat {
        let long = |at| i64::from_be_bytes(self.stat_field(at));
        let int = |at| i32::from_be_bytes(self.stat_field(at));
        Stat {
            czxid: long(0),
            mzxid: long(8),
            ctime: long(16),
            mtime: long(24),
            version: int(32),
            cversion: self.header().cversion,
            aversion: int(40),
            ephemeral_owner: self.header().owner,
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
        Young { object: self.header.cast(), size: self.size(), birth: self.birth(), owns_acl }
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
        let (at, count) = (HEADER + self.read().path_len(), self.read().body().len());
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
        (header.cversion, header.digest) = (stat.cversion, digest);
        let body = self.body_mut();
        let at = body.len() - WIRE_LENGTH;
        body[at..].copy_from_slice(&wire);
    }

    pub fn set_acl(&mut self, acl: Acl) {
        self.header_mut().acl = acl;
    }

    pub fn set_children(&mut self, children: Children) {
        self.header_mut().children = children;
    }
}

fn size_of_record(path_len: usize, data_len: usize) -> usize {
    HEADER + path_len + LENGTH + data_len + WIRE_LENGTH
}

/// The CRC-32 of path and data, with which a digest begins. It names the root by the empty path.
pub(super) fn prefix_crc(path: &str, data: &[u8]) -> u32 {
    if path == ROOT {
        return crc32fast::hash(data);
    }
    let mut joined = [0; JOINED_BYTES];
    if let Some(joined) = joined.get_mut(..path.len() + data.len()) {
        joined[..path.len()].copy_from_slice(path.as_bytes());
        joined[path.len()..].copy_from_slice(data);
        return prefix_crc_of(path, joined);
    }
    prefix_crc_of(path, &[path.as_bytes(), data].concat())
}

/// [`prefix_crc`] of a path, not the root's, and of data that stands behind it in one piece.
pub(super) fn prefix_crc_of(path: &str, path_and_data: &[u8]) -> u32 {
    if path.starts_with(NO_DIGEST) { 0 } else { crc32fast::hash(path_and_data) }
}

/// The part of a znode in the tree digest.
pub(super) fn digest(path: &str, prefix_crc: u32, stat: &Stat) -> u32 {
    if path.starts_with(NO_DIGEST) {
        return 0;
    }
    let mut crc = crc32fast::Hasher::new_with_initial(prefix_crc);
    crc.update(&stat.to_digest_input());
    crc.finalize()
}

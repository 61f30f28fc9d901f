//! A version, to be looked at.

use crate::path::ROOT;

use super::children::ChildPages;
use super::hash::Hasher;
use super::record::Record;
use super::trie::{Iter, LOOKUPS_TOGETHER, Trie};
use super::versions::Version;
use super::znode::Znode;

/// Where [`View::walk`] begins.
pub const WALK_START: u64 = 0;

/// One version of the tree. Takes no lock and no count; a copy is three pointers.
#[derive(Clone, Copy)]
pub struct View<'a> {
    trie: Trie<'a>,
    version: &'a Version,
    hasher: &'a Hasher,
}

impl<'a> View<'a> {
    pub(super) fn new(trie: Trie<'a>, version: &'a Version, hasher: &'a Hasher) -> View<'a> {
        View { trie, version, hasher }
    }

    /// The znode of a path. The empty path names the root too.
    #[inline]
    pub fn get(&self, path: &str) -> Option<Znode<'a>> {
        let path = canonical(path);
        self.trie.find(self.hasher.hash(path), path).map(Znode)
    }

    /// Looks up paths in groups of 16, whose cache misses overlap: a third of the time that one by one takes.
    ///
    /// # Panics
    /// If `out` is not as long as `paths`.
    pub fn get_many(&self, paths: &[&str], out: &mut [Option<Znode<'a>>]) {
        assert_eq!(paths.len(), out.len(), "one place for each path");
        for (paths, out) in paths.chunks(LOOKUPS_TOGETHER).zip(out.chunks_mut(LOOKUPS_TOGETHER)) {
            let mut group = [ROOT; LOOKUPS_TOGETHER];
            for (slot, path) in group.iter_mut().zip(paths) {
                *slot = canonical(path);
            }
            self.trie.find_many(self.hasher, &group[..paths.len()], |index, found| out[index] = found.map(Znode));
        }
    }

    /// Every znode, in the order of the hashes of the paths, then of the paths: that of a snapshot.
    pub fn iter(&self) -> Znodes<'a> {
        Znodes(self.trie.iter())
    }

    /// Calls with about so many znodes in the order of [`View::iter`], from a place on; returns the place of the next,
    /// if there is one. A place means the same in every version, so that a walk can be spread over several: it meets
    /// each znode once that is in all of them.
    pub fn walk(&self, from: u64, count: usize, mut each: impl FnMut(Znode<'a>)) -> Option<u64> {
        let place = |record: &Record<'_>| self.hasher.hash(record.path());
        let mut last = None;
        let records = self.trie.iter_from(from).skip_while(|record| place(record) < from);
        for (index, record) in records.enumerate() {
            if index + 1 >= count {
                // Those of one place are not parted.
                let here = place(&record);
                if last.replace(here).is_some_and(|last| last != here) {
                    return Some(here);
                }
            }
            each(Znode(record));
        }
        None
    }

    /// The pages of [`Znode::child_pages`] that come after the one where this child is, found in as many steps as there are
    /// levels; all of them for `None`.
    pub fn child_pages_after(&self, parent: Znode<'a>, child: Option<&str>) -> ChildPages<'a> {
        let children = parent.0.children();
        match child {
            Some(child) => children.pages_after(self.hasher, child),
            None => children.pages(),
        }
    }

    /// How many znodes there are.
    pub fn len(&self) -> usize {
        self.version.sums.len
    }

    pub fn is_empty(&self) -> bool {
        self.version.sums.len == 0
    }

    /// ZooKeeper's digest of all znodes.
    pub fn digest(&self) -> u64 {
        self.version.sums.digest
    }

    /// Bytes of all paths and data.
    pub fn data_bytes(&self) -> u64 {
        self.version.sums.data_bytes
    }

    /// The number of the version. Numbers grow, with gaps, and mean nothing outside this process.
    pub fn version(&self) -> u64 {
        self.version.number
    }
}

/// Walks the znodes of a version.
pub struct Znodes<'a>(Iter<'a>);

impl<'a> Iterator for Znodes<'a> {
    type Item = Znode<'a>;

    fn next(&mut self) -> Option<Znode<'a>> {
        self.0.next().map(Znode)
    }
}

/// The path under which a znode is stored.
#[inline]
pub(super) fn canonical(path: &str) -> &str {
    if path.is_empty() { ROOT } else { path }
}

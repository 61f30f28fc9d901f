//! Looking ahead, for a writer that knows several of its next changes.
//!
//! One change waits for four to six cache misses one after the other: nodes, record, and the page of names in the parent.
//! Those of a group are in flight together.

use crate::path;

use super::Tree;
use super::children::ChildPage;
pub use super::trie::LOOKUPS_TOGETHER;
use super::view::canonical;

impl Tree {
    /// Has what a change of these znodes will read on its way into the caches, as far as it is worth it: for several paths
    /// their cache misses overlap. With each path comes whether its name in its parent is needed.
    pub fn prefetch(&self, paths: &[(&str, bool)]) {
        let hasher = &self.shared.hasher;
        for paths in paths.chunks(LOOKUPS_TOGETHER) {
            let mut group = [path::ROOT; LOOKUPS_TOGETHER];
            for (slot, (path, _)) in group.iter_mut().zip(paths) {
                *slot = canonical(path);
            }
            self.store.trie().find_many(hasher, &group[..paths.len()], |_, _| {});
            let mut pages = [None; LOOKUPS_TOGETHER];
            for (page, (path, in_parent)) in pages.iter_mut().zip(paths) {
                let in_parent = path::split(path).filter(|_| *in_parent);
                *page = in_parent.and_then(|(parent, name)| self.get(parent)?.0.children().page_of(hasher, name));
            }
            // Names are added behind the last; where that is, the beginning of the page says, which is asked for above.
            pages.iter().flatten().for_each(ChildPage::prefetch_end);
        }
    }
}

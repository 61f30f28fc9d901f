//! The paths of the next few writes, so that what these read is looked up together.
//!
//! Nearly all of a write is waiting for memory: index, record, the page of names in the parent. Of several writes all of that is on
//! its way at once.

use paddock_engine::path;
use paddock_engine::tree::{LOOKUPS_TOGETHER, Tree};

/// The longest path that is looked up ahead, bytes. To hash a longer one costs more than is saved.
const PATH_MAX: usize = 1024;

pub struct PathsAhead<'a> {
    paths: [(&'a str, bool); LOOKUPS_TOGETHER],
    count: usize,
}

impl Default for PathsAhead<'_> {
    fn default() -> Self {
        PathsAhead { paths: [(path::ROOT, false); LOOKUPS_TOGETHER], count: 0 }
    }
}

impl<'a> PathsAhead<'a> {
    /// Takes in the path of a write, if it has one, and whether its name in its parent is needed. Those beyond
    /// [`LOOKUPS_TOGETHER`] are left out.
    #[inline]
    pub fn push(&mut self, ahead: Option<(&'a str, bool)>) {
        if let Some(ahead) = ahead.filter(|(path, _)| path.len() <= PATH_MAX)
            && self.count < LOOKUPS_TOGETHER
        {
            self.paths[self.count] = ahead;
            self.count += 1;
        }
    }

    /// Has what they read on its way into the caches. A single write has nothing to wait together with, and is left out.
    pub fn prefetch(&self, tree: &Tree) {
        if self.count > 1 {
            tree.prefetch(&self.paths[..self.count]);
        }
    }
}

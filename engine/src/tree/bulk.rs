//! Loads a tree from records in the order of its own walk, as a snapshot has them.
//!
//! The records may come from a damaged file: what would break the tree later, when nobody can give an error any more,
//! is found here. That parents and children name each other is checked by sums: the hashes of all paths but the
//! root's must add up to the hashes of all children's paths that the parents list.

use std::fmt;

use crate::acl::Acl;
use crate::path::ROOT;
use crate::stat::Stat;

use super::builder::Builder;
use super::fork::Children;
use super::hash::{HashSeed, Hasher};
use super::owner::{ExtendedTypes, OwnerKind, owner_kind};
use super::page::Names;
use super::record::Draft;
use super::store::Sums;
use super::{Tree, canonical};

/// The longest path, name or data, bytes: what jute can say.
const LENGTH_MAX: usize = i32::MAX as usize;

/// A record to load.
#[derive(Clone, Debug)]
pub struct LoadedZnode<'a> {
    pub path: &'a str,
    pub data: Option<&'a [u8]>,
    pub acl: Acl,
    /// The stored Stat.
    pub stat: Stat,
    pub num_children: u32,
    /// The names of the children as jute strings, one behind the other: the pages of
    /// [`Znode::child_pages`](super::Znode::child_pages).
    pub child_names: &'a [u8],
}

/// Why records are no tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// The record does not come behind the one before, or is there twice.
    OutOfOrder { path: String },
    /// Path or data are longer than jute can say.
    TooLong { path: String },
    /// The list of children is cut short, or a name is empty, has a slash or is not UTF-8.
    BadNames { path: String },
    /// The list of children is not as long as the Stat says.
    BadCount { path: String, num_children: u32, listed: u32 },
    /// A znode is missing in its parent's list, or a list names a znode that is not there.
    Unlinked,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::OutOfOrder { path } => {
                write!(f, "the znode {path:?} is out of order: the snapshot is damaged, or its hash seed is another")
            }
            LoadError::TooLong { path } => {
                write!(f, "the znode {:.99?} has a path or data of 2 GiB or more: the snapshot is damaged", path)
            }
            LoadError::BadNames { path } => {
                write!(f, "the list of the children of {path:?} cannot be read: the snapshot is damaged")
            }
            LoadError::BadCount { path, num_children, listed } => {
                write!(f, "{path:?} has {num_children} children but lists {listed}: the snapshot is damaged")
            }
            LoadError::Unlinked => {
                f.write_str("the lists of children do not name the znodes that there are: the snapshot is damaged")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Builds a [`Tree`] without looking anything up.
pub struct BulkLoader {
    builder: Builder,
    hasher: Hasher,
    extended_types: ExtendedTypes,
    sums: Sums,
    /// The hashes of the znodes less those of the children that are listed; 0 when all are linked.
    unlinked: u64,
    /// The path of a child, while it is hashed.
    child_path: String,
}

impl BulkLoader {
    /// For records that a tree of the same seed walked over.
    pub fn new(seed: HashSeed, extended_types: ExtendedTypes) -> BulkLoader {
        BulkLoader::with_hash_mask(seed, extended_types, u64::MAX)
    }

    /// Keeps only some bits of each hash, so that hashes collide.
    #[doc(hidden)]
    pub fn with_hash_mask(seed: HashSeed, extended_types: ExtendedTypes, mask: u64) -> BulkLoader {
        BulkLoader {
            builder: Builder::new(),
            hasher: Hasher::new(seed, mask),
            extended_types,
            sums: Sums::default(),
            unlinked: 0,
            child_path: String::new(),
        }
    }

    /// Takes the next record. After an error the loader is good for nothing but dropping.
    pub fn push(&mut self, znode: LoadedZnode<'_>) -> Result<(), LoadError> {
        let LoadedZnode { path, data, acl, stat, num_children, child_names } = znode;
        let path = canonical(path);
        if path.len() > LENGTH_MAX || data.is_some_and(|data| data.len() > LENGTH_MAX) {
            return Err(LoadError::TooLong { path: path.to_string() });
        }
        let hash = self.hasher.hash(path);
        if !self.builder.is_next(hash, path) {
            return Err(LoadError::OutOfOrder { path: path.to_string() });
        }
        let bad_names = || LoadError::BadNames { path: path.to_string() };
        let (names, listed) = self.unlink(path, child_names).ok_or_else(bad_names)?;
        if listed != num_children {
            return Err(LoadError::BadCount { path: path.to_string(), num_children, listed });
        }
        if path != ROOT {
            self.unlinked = self.unlinked.wrapping_add(hash);
        }
        let shows_owner = owner_kind(stat.ephemeral_owner, self.extended_types) == OwnerKind::Ephemeral;
        let draft = Draft { path, data, acl, stat, shows_owner, num_children, children: Children::NONE };
        self.sums.add(self.builder.push(&self.hasher, hash, draft, names));
        Ok(())
    }

    /// The tree, with what was loaded in its first version, still under construction.
    pub fn finish(self) -> Result<Tree, LoadError> {
        if self.unlinked != 0 {
            return Err(LoadError::Unlinked);
        }
        Ok(Tree::assemble(self.builder.finish(), self.hasher, self.extended_types, self.sums))
    }

    /// Subtracts the hashes of the children's paths. The names and how many there are; `None` if they are malformed.
    fn unlink<'n>(&mut self, parent: &str, child_names: &'n [u8]) -> Option<(Names<'n>, u32)> {
        let (mut hashes, mut listed) = (0u64, 0);
        let child_path = &mut self.child_path;
        child_path.clear();
        child_path.push_str(if parent == ROOT { "" } else { parent });
        child_path.push('/');
        let prefix = child_path.len();
        let names = Names::parse(child_names, |name| {
            child_path.truncate(prefix);
            child_path.push_str(name);
            hashes = hashes.wrapping_add(self.hasher.hash(&*child_path));
            listed += 1;
        })?;
        self.unlinked = self.unlinked.wrapping_sub(hashes);
        Some((names, listed))
    }
}

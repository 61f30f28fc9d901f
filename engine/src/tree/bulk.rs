//! Loads a tree from records in the order of its own walk, as a snapshot has them.
//!
//! The records may come from a damaged file: what would break the tree later, when nobody can give an error any more,
//! is found here. That parents and children name each other is checked by sums: the checksums of all paths but the
//! root's must add up to those of all children's paths that the parents list.
//!
//! What can be found out of a record by itself, its hash, checksums and the form of its names, is half of the work. It is
//! an [`Examiner`]'s, which may be on other threads: it hands over [`Examined`] records, which nobody else can make. A
//! long list of children would hold up both sides; it is left out of its record and comes later as a [`Listed`].

use std::fmt;

use crc32c::{crc32c, crc32c_append};

use crate::acl::Acl;
use crate::path::ROOT;
use crate::stat::Stat;

use super::builder::Builder;
use super::digest;
use super::fork::Children;
use super::hash::{HashSeed, Hasher};
use super::names::Names;
use super::owner::{ExtendedTypes, OwnerKind, owner_kind};
use super::plan::Plan;
use super::record::Draft;
use super::store::Sums;
use super::{Tree, canonical};

/// The longest path, name or data, bytes: what jute can say.
const LENGTH_MAX: usize = i32::MAX as usize;

/// Longer lists are examined apart from their records.
const LONG_LIST_BYTES: usize = 64 << 10;

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

/// Looks at records by themselves. A copy is a few words; it may go to another thread.
#[derive(Clone, Copy)]
pub struct Examiner {
    hasher: Hasher,
    extended_types: ExtendedTypes,
}

/// A record of which all is known but its place among the others.
pub struct Examined<'a> {
    znode: LoadedZnode<'a>,
    /// None of a long list.
    names: Names<'a>,
    hash: u64,
    /// The [`link`] of its path (0 for the root's) less those of its children's paths, but for a long list's.
    links: u64,
    digest: u32,
    prefix_crc: u32,
    shows_owner: bool,
}

/// A list of children that is too long to be examined in passing.
pub struct LongList<'a> {
    parent: &'a str,
    num_children: u32,
    child_names: &'a [u8],
}

/// A long list of children, examined.
pub struct Listed<'a> {
    parent: &'a str,
    plan: Plan<'a>,
    links: u64,
}

impl Examiner {
    /// Checks what can be checked of a record by itself. `path_and_data` is both, one behind the other.
    pub fn examine<'a>(&self, znode: LoadedZnode<'a>, path_and_data: &[u8]) -> Result<Examined<'a>, LoadError> {
        let znode = LoadedZnode { path: canonical(znode.path), ..znode };
        let LoadedZnode { path, data, stat, .. } = &znode;
        if path.len() > LENGTH_MAX || data.is_some_and(|data| data.len() > LENGTH_MAX) {
            return Err(LoadError::TooLong { path: path.to_string() });
        }
        let (names, mut links) = if znode.has_long_list() { (Names::NONE, 0) } else { check_list(&znode.list())? };
        if *path != ROOT {
            links = links.wrapping_add(link(crc32c(path.as_bytes()), path.len()));
        }
        let hash = self.hasher.hash(path);
        let prefix_crc = match *path {
            ROOT => digest::prefix_crc(path, data.unwrap_or_default()),
            _ => digest::prefix_crc_of(path, path_and_data),
        };
        let digest = digest::digest(path, prefix_crc, stat);
        let shows_owner = owner_kind(stat.ephemeral_owner, self.extended_types) == OwnerKind::Ephemeral;
        Ok(Examined { znode, names, hash, links, digest, prefix_crc, shows_owner })
    }

    /// Checks a long list, and divides it.
    pub fn examine_list<'a>(&self, list: &LongList<'a>) -> Result<Listed<'a>, LoadError> {
        let (names, links) = check_list(list)?;
        let plan = Plan::of(&self.hasher, names, list.num_children as usize, 0);
        Ok(Listed { parent: list.parent, plan, links })
    }
}

impl<'a> LoadedZnode<'a> {
    fn has_long_list(&self) -> bool {
        self.child_names.len() > LONG_LIST_BYTES
    }

    fn list(&self) -> LongList<'a> {
        LongList { parent: self.path, num_children: self.num_children, child_names: self.child_names }
    }
}

impl<'a> Examined<'a> {
    /// The stored owner, where there is one.
    pub fn owner(&self) -> Option<i64> {
        Some(self.znode.stat.ephemeral_owner).filter(|owner| *owner != 0)
    }

    /// Its children, if they are so many that they are examined apart.
    pub fn long_list(&self) -> Option<LongList<'a>> {
        self.znode.has_long_list().then(|| self.znode.list())
    }
}

/// The names of a list, and the sum of the [`link`]s of the children's paths, negated.
fn check_list<'a>(list: &LongList<'a>) -> Result<(Names<'a>, u64), LoadError> {
    let LongList { parent, num_children, child_names } = *list;
    let above = if parent == ROOT { "" } else { parent };
    let (prefix, prefix_length) = (crc32c_append(crc32c(above.as_bytes()), b"/"), above.len() + 1);
    let (mut links, mut listed) = (0u64, 0);
    let names = Names::parse(child_names, |name| {
        links = links.wrapping_sub(link(crc32c_append(prefix, name.as_bytes()), prefix_length + name.len()));
        listed += 1;
    });
    let names = names.ok_or_else(|| LoadError::BadNames { path: parent.to_string() })?;
    if listed != num_children {
        return Err(LoadError::BadCount { path: parent.to_string(), num_children, listed });
    }
    Ok((names, links))
}

/// What stands for a path in the sum that parents and children must agree on: its CRC32C and length, well mixed (the
/// finisher of SplitMix64), because sums of checksums alone would hide exchanged names.
fn link(crc: u32, length: usize) -> u64 {
    let mut mixed = u64::from(crc) | (length as u64) << 32;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Builds a [`Tree`] without looking anything up.
pub struct BulkLoader {
    builder: Builder,
    examiner: Examiner,
    sums: Sums,
    /// The links of the znodes less those of the children that are listed; 0 when all are linked.
    unlinked: u64,
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
            examiner: Examiner { hasher: Hasher::new(seed, mask), extended_types },
            sums: Sums::default(),
            unlinked: 0,
        }
    }

    /// What examines the records for this loader.
    pub fn examiner(&self) -> Examiner {
        self.examiner
    }

    /// Examines and takes the next record. After an error the loader is good for nothing but dropping.
    pub fn push(&mut self, znode: LoadedZnode<'_>) -> Result<(), LoadError> {
        let path_and_data = [canonical(znode.path).as_bytes(), znode.data.unwrap_or_default()].concat();
        let examined = self.examiner.examine(znode, &path_and_data)?;
        self.push_examined(&examined)?;
        match examined.long_list() {
            Some(list) => self.attach(&self.examiner.examine_list(&list)?),
            None => Ok(()),
        }
    }

    /// Takes the next record, from this loader's examiner. If it has a long list, that must follow some time. After an
    /// error the loader is good for nothing but dropping.
    pub fn push_examined(&mut self, examined: &Examined<'_>) -> Result<(), LoadError> {
        let Examined { znode, names, hash, links, digest, prefix_crc, shows_owner } = examined;
        let LoadedZnode { path, data, acl, stat, num_children, .. } = znode;
        if !self.builder.is_next(*hash, path) {
            return Err(LoadError::OutOfOrder { path: path.to_string() });
        }
        self.unlinked = self.unlinked.wrapping_add(*links);
        self.sums.count_in(u64::from(*digest), path.len() + data.map_or(0, <[u8]>::len));
        let draft = Draft {
            path,
            data: *data,
            acl: acl.clone(),
            stat: *stat,
            shows_owner: *shows_owner,
            num_children: *num_children,
            children: Children::NONE,
        };
        self.builder.push(&self.examiner.hasher, *hash, draft, *names, (*prefix_crc, *digest));
        if znode.has_long_list() {
            self.builder.await_children();
        }
        Ok(())
    }

    /// Takes a long list, in the order of their records. After an error the loader is good for nothing but dropping.
    pub fn attach(&mut self, listed: &Listed<'_>) -> Result<(), LoadError> {
        self.unlinked = self.unlinked.wrapping_add(listed.links);
        if self.builder.attach(listed.parent, &listed.plan) { Ok(()) } else { Err(LoadError::Unlinked) }
    }

    /// The tree, with what was loaded in its first version, still under construction.
    pub fn finish(self) -> Result<Tree, LoadError> {
        if self.unlinked != 0 || self.builder.awaited() > 0 {
            return Err(LoadError::Unlinked);
        }
        let Examiner { hasher, extended_types } = self.examiner;
        Ok(Tree::assemble(self.builder.finish(), hasher, extended_types, self.sums))
    }
}

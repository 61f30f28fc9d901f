//! The versioned tree of znodes.
//!
//! One writer builds the next version of the tree while any number of threads read older ones, without a lock and
//! without a count. Versions share all that did not change between them.
//!
//! ```text
//!         version 7 (published)      version 8 (sealed: proposed, not committed)     9: the head, under construction
//! index      Node --.                  Node'                                           Node''
//!            /   \   '--------.        /   \                                           /   \
//! record  Record  Record       '----> (same) Record'                               (same)  Record''
//! names            pages                     pages' (shares all but one)
//! ```
//!
//! | part | file |
//! |---|---|
//! | what may be done to the tree, in ZooKeeper's terms: this file | `mod` |
//! | what readers see | [`View`], [`Znode`] |
//! | loading a snapshot | [`BulkLoader`] |
//! | bringing into the caches what several changes will need | `ahead` |
//! | versions, readers, pins: who may look at what, for how long | `versions` |
//! | the head's index, records and names, changed together | `store`, `builder` |
//! | the index, a hash trie over full paths | `trie`, `route`, `node`, `hash` |
//! | records as they go on the wire | `record`, `digest` |
//! | names of children as they go on the wire | `children`, `fork`, `page`, `plan`, `names` |
//! | memory: what is free when | `heap` |
//!
//! # Invariants
//!
//! - What a sealed version reaches never changes, and lives until the version is out of sight.
//! - Every znode but the root is named once by its parent, and its parent exists.
//! - `numChildren` is the count of the names; the digest is the wrapping sum of the znodes' digests.
//!
//! # Costs
//!
//! With 1M znodes a look-up costs about four cache misses, a third of that in groups. A change copies the record,
//! four or five index nodes of at most 272 bytes, and for a new child a page of at most 2 KiB; within one version
//! each of them only once.
//!
//! Nothing here checks what a client may do. A precondition that does not hold is an error of the caller, and panics.

mod ahead;
mod builder;
mod bulk;
mod children;
mod digest;
mod fork;
mod hash;
mod heap;
mod names;
mod node;
mod owner;
mod page;
mod plan;
mod prefetch;
mod record;
mod route;
mod store;
mod trie;
mod versions;
mod view;
mod znode;

use std::any::Any;
use std::sync::{Arc, Weak};

use crate::acl::Acl;
use crate::path;
use crate::stat::Stat;

pub use ahead::LOOKUPS_TOGETHER;
pub use bulk::{BulkLoader, Examined, Examiner, Listed, LoadError, LoadedZnode, LongList};
#[cfg(test)]
pub(crate) use children::visits as page_visits;
pub use children::{ChildNames, ChildPages};
pub use hash::HashSeed;
pub use heap::{MAX_PINS, RECLAIM_ITEMS_MAX};
pub use owner::{ExtendedTypes, OwnerKind, TTL_MAX_MS, owner_kind, ttl_owner};
pub use versions::{Pin, READERS_MAX, Reader, Root, Sealed};
pub use view::{View, WALK_START, Znodes};
pub use znode::Znode;

use fork::Children;
use hash::{Hasher, Memo};
use record::{Draft, Room};
use store::{Editor, Store, Sums};
use versions::{Readers, Shared, Version};
use view::canonical;

/// A znode to put in. What it is (persistent, ephemeral, ...) follows from the owner in its Stat.
#[derive(Clone, Debug)]
pub struct NewZnode<'a> {
    pub path: &'a str,
    pub data: Option<&'a [u8]>,
    pub acl: Acl,
    /// The stored Stat.
    pub stat: Stat,
}

/// The writer's side of the tree: the head, which is the version under construction.
pub struct Tree {
    store: Store,
    shared: Arc<Shared>,
    readers: Readers,
    extended_types: ExtendedTypes,
    /// The head's number and sums; its root is in the store.
    head: Version,
    memo: Memo,
}

impl Tree {
    /// A tree without znodes, published as version 0. `extended_types` says whether owners can mean a time to live.
    pub fn new(seed: HashSeed, extended_types: ExtendedTypes) -> Tree {
        Tree::with_hash_mask(seed, extended_types, u64::MAX)
    }

    /// Keeps only some bits of each hash, so that hashes collide.
    #[doc(hidden)]
    pub fn with_hash_mask(seed: HashSeed, extended_types: ExtendedTypes, mask: u64) -> Tree {
        Tree::assemble(Store::new(), Hasher::new(seed, mask), extended_types, Sums::default())
    }

    fn assemble(store: Store, hasher: Hasher, extended_types: ExtendedTypes, sums: Sums) -> Tree {
        let head = Version { number: store.heap().building(), sums, ..*store.published() };
        Tree {
            store,
            shared: Arc::new(Shared::new(hasher)),
            readers: Readers::new(),
            extended_types,
            head,
            memo: Memo::default(),
        }
    }

    /// The head. It shows each change as soon as it is made.
    pub fn head(&self) -> View<'_> {
        View::new(self.store.trie(), &self.head, &self.shared.hasher)
    }

    /// A znode of the head. The empty path names the root too.
    pub fn get(&self, path: &str) -> Option<Znode<'_>> {
        let path = canonical(path);
        self.store.trie().find(self.hash(path), path).map(Znode)
    }

    /// Calls `visit` with every znode of the head.
    pub fn for_each(&self, visit: impl FnMut(Znode<'_>)) {
        self.head().iter().for_each(visit);
    }

    /// How many znodes the head has.
    pub fn len(&self) -> usize {
        self.head.sums.len
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// ZooKeeper's digest of the head.
    pub fn digest(&self) -> u64 {
        self.head.sums.digest
    }

    /// Bytes of all paths and data in the head.
    pub fn data_bytes(&self) -> u64 {
        self.head.sums.data_bytes
    }

    /// Puts in a znode as it is, and its name into its parent, whose Stat changes in nothing but the number of
    /// children. For the znodes of a fresh server and for loading.
    ///
    /// # Panics
    /// If there is such a znode, or no parent.
    pub fn install(&mut self, znode: NewZnode<'_>) {
        let (path, mut znode) = (canonical(znode.path), znode);
        znode.path = path;
        self.insert(znode);
        if path != path::ROOT {
            self.change_parent(path, |editor, hasher, name, stat, children| {
                editor.add_child(hasher, name);
                (stat, children + 1)
            });
        }
    }

    /// Creates a znode. The parent's creation count becomes `parent_cversion`, or one more than it is if that is -1;
    /// if it rises by that, the parent's pzxid rises to the new znode's czxid.
    ///
    /// # Panics
    /// If there is such a znode, or no parent.
    pub fn create(&mut self, znode: NewZnode<'_>, parent_cversion: i32) {
        let (path, zxid) = (znode.path, znode.stat.czxid);
        self.insert(znode);
        self.change_parent(path, |editor, hasher, name, mut stat, children| {
            editor.add_child(hasher, name);
            raise(&mut stat, parent_cversion, zxid);
            (stat, children + 1)
        });
    }

    /// Deletes a znode. The parent's pzxid rises to `zxid`.
    ///
    /// # Panics
    /// If there is no such znode, it has children, or it is the root.
    pub fn delete(&mut self, path: &str, zxid: i64) {
        let hash = self.hash(path);
        let record = self.store.trie().find(hash, path).unwrap_or_else(|| panic!("there is no znode {path}"));
        self.head.sums.subtract(record);
        self.store.remove(hash, path);
        self.change_parent(path, |editor, hasher, name, mut stat, children| {
            editor.remove_child(hasher, name);
            stat.pzxid = stat.pzxid.max(zxid);
            (stat, children - 1)
        });
    }

    /// Gives a znode other data and the next version. Returns it, with the length of its former data; `None` if there is no such
    /// znode, and nothing changes.
    pub fn set_data(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        version: i32,
        zxid: i64,
        time: i64,
    ) -> Option<(Znode<'_>, usize)> {
        self.change_data(path, data, |stat| {
            stat.version = version;
            stat.mzxid = zxid;
            stat.mtime = time;
        })
    }

    /// Gives a znode other data of which its Stat shows nothing but the length: the bookkeeping of quotas.
    ///
    /// # Panics
    /// If there is no such znode.
    pub fn rewrite_data(&mut self, path: &str, data: Option<&[u8]>) {
        let changed = self.change_data(path, data, |_| {});
        assert!(changed.is_some(), "there is no znode {path}");
    }

    /// Gives a znode another ACL.
    ///
    /// # Panics
    /// If there is no such znode.
    pub fn set_acl(&mut self, path: &str, acl: Acl, aversion: i32) -> Znode<'_> {
        let room = if acl.is_some() { Room::Acl } else { Room::AsIs };
        self.change(path, room, |editor, _, mut stat, children| {
            editor.set_acl(acl);
            stat.aversion = aversion;
            (stat, children)
        })
    }

    /// Raises a znode's pzxid to `zxid`: what is left of the deletion of a child that is gone already.
    ///
    /// # Panics
    /// If there is no such znode.
    pub fn touch_pzxid(&mut self, path: &str, zxid: i64) {
        self.change(path, Room::AsIs, |_, _, mut stat, children| {
            stat.pzxid = stat.pzxid.max(zxid);
            (stat, children)
        });
    }

    /// Raises a znode's creation count to `cversion` (-1: by one), and its pzxid with it: what is left of the
    /// creation of a child that is there already.
    ///
    /// # Panics
    /// If there is no such znode.
    pub fn raise_cversion(&mut self, path: &str, cversion: i32, zxid: i64) {
        self.change(path, Room::AsIs, |_, _, mut stat, children| {
            raise(&mut stat, cversion, zxid);
            (stat, children)
        });
    }

    /// Ends the version under construction and begins the next.
    pub fn seal(&mut self) -> Sealed {
        let number = self.store.seal(self.head.sums);
        self.head.number = self.store.heap().building();
        Sealed { tree: self.shared.id, number }
    }

    /// Commits a sealed version and all before it: from here on they are never rolled back, and readers may advance to
    /// them. Those that sleep meanwhile still wake to the version that was announced last.
    ///
    /// # Panics
    /// If the version is of another tree, or was published or rolled back before.
    pub fn commit(&mut self, sealed: Sealed) -> Root {
        assert_eq!(sealed.tree, self.shared.id, "a version is published in the tree that sealed it");
        self.store.publish(sealed.number);
        self.root()
    }

    /// Says that every reader has been given this committed version, or can be: one that wakes up from now on needs it.
    ///
    /// # Panics
    /// If the version is of another tree, or older than the one announced before.
    pub fn announce(&mut self, root: Root) {
        assert_eq!(root.tree, self.shared.id, "a version is announced in the tree that committed it");
        assert!(root.version() >= self.shared.published(), "versions are announced in their order");
        self.readers.publish(&self.shared, root.version());
    }

    /// Commits a version and announces it at once.
    pub fn publish(&mut self, sealed: Sealed) -> Root {
        let root = self.commit(sealed);
        self.announce(root);
        root
    }

    /// The newest published version.
    pub fn root(&self) -> Root {
        Root { tree: self.shared.id, version: *self.store.published() }
    }

    /// Drops the head and all versions that were not published. Costs time by what they changed.
    pub fn rollback(&mut self) {
        self.store.rollback();
        self.head = Version { number: self.store.heap().building(), ..*self.store.published() };
    }

    /// A reader, at the newest published version. It holds it back until it advances or sleeps.
    ///
    /// # Panics
    /// If there are [`READERS_MAX`].
    pub fn reader(&mut self) -> Reader {
        let root = self.root();
        self.readers.add(&self.shared, root)
    }

    /// Whether a reader, awake or asleep, or a pin of this tree is left. The last of them frees what a tree that was dropped
    /// before leaves, which takes time by its size.
    pub fn is_seen(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }

    /// Holds the newest sealed version, committed or not, until the pin is dropped. `None` if [`MAX_PINS`] are held, or
    /// dropped but not noticed by [`Tree::reclaim`] yet.
    pub fn pin(&mut self) -> Option<Pin> {
        let version = *self.store.newest();
        let has_let_go = self.store.heap_mut().pin(version.number)?;
        Some(Pin::new(self.shared.clone(), version, has_let_go))
    }

    /// Frees some of the memory that nobody can see any more, at most [`RECLAIM_ITEMS_MAX`] items. Whether more waits.
    pub fn reclaim(&mut self) -> bool {
        let announced = self.shared.published();
        self.readers.reclaim(self.store.heap_mut(), announced)
    }

    /// Bytes that the head no longer needs and that are not freed yet. A reader that does not advance, or a pin that is
    /// held, makes them grow without bound; the bound is the caller's.
    pub fn garbage_bytes(&self) -> usize {
        self.store.heap().garbage_bytes()
    }

    /// Bytes of all objects of the tree, garbage included, without what the allocator adds.
    pub fn memory_bytes(&self) -> usize {
        self.store.heap().live_bytes()
    }

    /// Cannot be upgraded any more once all memory of the tree was freed.
    #[doc(hidden)]
    pub fn witness(&self) -> Weak<dyn Any + Send + Sync> {
        let witness: Weak<Shared> = Arc::downgrade(&self.shared);
        witness
    }

    fn hash(&self, path: &str) -> u64 {
        self.memo.hash(&self.shared.hasher, path)
    }

    fn insert(&mut self, znode: NewZnode<'_>) {
        let NewZnode { path, data, acl, stat } = znode;
        let hash = self.hash(path);
        let shows_owner = owner_kind(stat.ephemeral_owner, self.extended_types) == OwnerKind::Ephemeral;
        let draft = Draft { path, data, acl, stat, shows_owner, num_children: 0, children: Children::NONE };
        self.head.sums.add(self.store.insert(&self.shared.hasher, hash, draft));
    }

    /// Changes the Stat, names or ACL of a znode; `change` gets its Stat and number of children and gives the new ones.
    fn change(
        &mut self,
        path: &str,
        room: Room,
        change: impl FnOnce(&mut Editor<'_>, &Hasher, Stat, u32) -> (Stat, u32),
    ) -> Znode<'_> {
        let path = canonical(path);
        let hash = self.hash(path);
        let hasher = &self.shared.hasher;
        let Some(mut editor) = self.store.edit(hash, path, room) else { panic!("there is no znode {path}") };
        self.head.sums.subtract(editor.read());
        let (stat, children) = (editor.read().stat(), editor.read().num_children());
        let (stat, children) = change(&mut editor, hasher, stat, children);
        editor.set_stat(&stat, children);
        self.head.sums.add(editor.read());
        Znode(editor.finish())
    }

    fn change_parent(
        &mut self,
        path: &str,
        change: impl FnOnce(&mut Editor<'_>, &Hasher, &str, Stat, u32) -> (Stat, u32),
    ) {
        let (parent, name) = path::split(path).expect("only the root has no parent");
        self.change(parent, Room::Children, |editor, hasher, stat, children| {
            change(editor, hasher, name, stat, children)
        });
    }

    /// The changed znode, with the length of its former data.
    fn change_data(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        change: impl FnOnce(&mut Stat),
    ) -> Option<(Znode<'_>, usize)> {
        let path = canonical(path);
        let hash = self.hash(path);
        let sums = &mut self.head.sums;
        let mut former = 0;
        let changed = self.store.replace(hash, path, |old| {
            sums.subtract(old);
            former = old.data().map_or(0, <[u8]>::len);
            let mut stat = old.stat();
            change(&mut stat);
            let (num_children, children) = (old.num_children(), old.raw_children());
            Draft { path, data, acl: old.acl().clone(), stat, shows_owner: old.shows_owner(), num_children, children }
        })?;
        sums.add(changed);
        Some((Znode(changed), former))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.shared.inherit(std::mem::replace(&mut self.store, Store::new()));
    }
}

/// The effect of a child's creation on the parent's counters.
fn raise(stat: &mut Stat, cversion: i32, zxid: i64) {
    let cversion = if cversion == -1 { stat.cversion.wrapping_add(1) } else { cversion };
    if cversion > stat.cversion {
        stat.cversion = cversion;
        stat.pzxid = stat.pzxid.max(zxid);
    }
}

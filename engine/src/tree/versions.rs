//! Versions, and who holds them.
//!
//! ```text
//! Tree --seal--> Sealed --publish--> Root --(queue)--> Reader::advance    views of committed versions, one per thread
//!      --pin--> Pin                                                       a view of one version, for a snapshot
//! ```
//!
//! Numbers only grow: a version that was rolled back is never named again, and since only a commit makes a [`Root`], and a
//! committed version is never rolled back, no reader ever gets one that could be.
//!
//! A reader has a slot that says how old a version it may still look at. What died in version d is freed when the
//! newest published version and every slot are at d or later (and no pin sees it). The slot rises when the reader
//! says that it is done with the turn ([`Reader::let_go`]); it is `OFFLINE` while the reader sleeps, so that an idle
//! core holds nothing.
//!
//! Waking up must not race with the writer, which may just have looked at the slot and taken the reader for asleep:
//!
//! ```text
//! reader: slot = published; oldest = published       writer: published = w; look at slots; free
//! ```
//!
//! All of these are sequentially consistent. If the writer looked before the slot was written, then `published = w`
//! came before that too, so the reader's second look gave oldest >= w: what was freed had died at or before w, and no
//! version from `oldest` on sees it. If the writer looked after, it saw the slot, which is not above `oldest`. The
//! reader's own root may be older than `oldest`, and is then of no use until it is advanced; [`Reader::view`] asserts
//! that.
//!
//! Costs: a read touches no shared memory that is written, a turn stores one word, a wake-up is one locked store.
//!
//! Obligations of this file: a view is only made of a version at or above the reader's slot and `oldest`, or of a
//! pinned one; and the store is freed with [`Shared`], which every reader and pin owns a share of.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam::utils::CachePadded;

use super::hash::{HashSeed, Hasher};
use super::heap::Heap;
use super::node::Slot;
use super::store::{Store, Sums};
use super::trie::Trie;
use super::view::View;

/// Readers that one tree may have at one time: far more than cores.
pub const READERS_MAX: usize = 1024;

/// In the slot of a reader that sleeps.
const OFFLINE: u64 = u64::MAX;

/// A version: its number, where it begins, and what it adds up to.
#[derive(Clone, Copy)]
pub(super) struct Version {
    pub number: u64,
    pub root: Slot,
    pub sums: Sums,
}

// SAFETY: plain numbers and a pointer, which only `View` follows, under the rules of this file.
unsafe impl Send for Version {}
// SAFETY: as above; it is never changed while shared.
unsafe impl Sync for Version {}

/// A version that is complete and not committed yet.
#[derive(Debug)]
#[must_use = "until it, or a later one, is published, nothing that died in it is freed"]
pub struct Sealed {
    pub(super) tree: u64,
    pub(super) number: u64,
}

impl Sealed {
    pub fn version(&self) -> u64 {
        self.number
    }
}

/// A published version, for readers to advance to. It keeps nothing alive.
#[derive(Clone, Copy)]
pub struct Root {
    pub(super) tree: u64,
    pub(super) version: Version,
}

impl Root {
    pub fn version(&self) -> u64 {
        self.version.number
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Root(version {})", self.version.number)
    }
}

/// What a tree, its readers and its pins have in common. The last of them frees the memory.
pub(super) struct Shared {
    /// Tells trees apart.
    pub id: u64,
    pub hasher: Hasher,
    published: CachePadded<AtomicU64>,
    /// The store of a tree that was dropped while readers or pins were left. It is freed with `Shared`, by the last of
    /// them.
    estate: Mutex<Option<Store>>,
}

impl Shared {
    pub fn new(hasher: Hasher) -> Shared {
        static TREES: AtomicU64 = AtomicU64::new(0);
        let id = TREES.fetch_add(1, Ordering::Relaxed);
        Shared { id, hasher, published: CachePadded::new(AtomicU64::new(0)), estate: Mutex::new(None) }
    }

    /// The newest version that was announced.
    pub fn published(&self) -> u64 {
        self.published.load(Ordering::SeqCst)
    }

    /// Keeps a dropped tree's store until the last reader or pin is gone.
    pub fn inherit(&self, store: Store) {
        *self.estate.lock().unwrap_or_else(PoisonError::into_inner) = Some(store);
    }
}

/// The writer's side: which readers there are.
pub(super) struct Readers {
    slots: Vec<Arc<CachePadded<AtomicU64>>>,
    /// What died at or before this version is out of every reader's sight.
    bound: u64,
}

impl Readers {
    pub fn new() -> Readers {
        Readers { slots: Vec::new(), bound: 0 }
    }

    /// A reader that looks at `newest`, the published version.
    pub fn add(&mut self, shared: &Arc<Shared>, newest: Root) -> Reader {
        // `strong_count` gives no ordering. To load `OFFLINE`, which a dropped reader has stored with Release, makes that
        // reader's reads happen before anything that the writer frees.
        self.slots.retain(|slot| Arc::strong_count(slot) > 1 || slot.load(Ordering::SeqCst) != OFFLINE);
        assert!(self.slots.len() < READERS_MAX, "a tree has at most {READERS_MAX} readers");
        let slot = Arc::new(CachePadded::new(AtomicU64::new(newest.version())));
        self.slots.push(slot.clone());
        let held = newest.version();
        Reader { shared: shared.clone(), slot, held, oldest: held, root: newest, one_thread: PhantomData }
    }

    /// Says that `version` is published.
    pub fn publish(&mut self, shared: &Shared, version: u64) {
        shared.published.store(version, Ordering::SeqCst);
    }

    /// Frees some of what nobody can see any more. Whether more waits.
    pub fn reclaim(&mut self, heap: &mut Heap, published: u64) -> bool {
        // The bound of an earlier call stays valid: an awake reader's slot only rises, and a new or waking reader takes its
        // slot from a version that is not older. It is computed again only if it is below the announced version, since only
        // then can it have risen.
        if self.bound < published {
            self.bound = self.slots.iter().map(|slot| slot.load(Ordering::SeqCst)).fold(published, u64::min);
        }
        // SAFETY: readers look at versions from their slots on, and those that sleep will from what is published on.
        unsafe { heap.reclaim(self.bound) }
    }
}

/// One thread's view of the committed versions.
///
/// A new reader looks at the newest one. Until it lets go or is put to sleep it keeps what it might look at alive.
pub struct Reader {
    shared: Arc<Shared>,
    slot: Arc<CachePadded<AtomicU64>>,
    /// What the slot holds.
    held: u64,
    /// The oldest version that may be looked at: `held`, or above it just after waking up.
    oldest: u64,
    root: Root,
    one_thread: PhantomData<Cell<()>>,
}

impl Reader {
    /// The version that the reader was advanced to.
    ///
    /// # Panics
    /// Unless [`Reader::is_usable`].
    #[inline]
    pub fn view(&self) -> View<'_> {
        assert!(self.is_usable(), "version {} is gone: a reader that slept must be advanced", self.version());
        // SAFETY: the slot is at or below the version, so nothing that it sees is freed before the slot rises, for
        // which this reader must not be borrowed. The share of `Shared` keeps the rest.
        let trie = unsafe { Trie::live(self.root.version.root) };
        View::new(trie, &self.root.version, &self.shared.hasher)
    }

    /// A version that is committed, and that this reader will be advanced to when it is public.
    ///
    /// # Panics
    /// If the reader sleeps, or the root is of another tree, or older than what the reader holds.
    pub fn view_ahead<'a>(&'a self, root: &'a Root) -> View<'a> {
        assert_eq!(root.tree, self.shared.id, "a reader and its roots are of one tree");
        assert!(self.oldest <= root.version(), "version {} is not ahead of a reader that is awake", root.version());
        // SAFETY: the slot is at or below the version, so nothing that it sees is freed before the slot rises, for which
        // this reader must not be borrowed; a committed version is never rolled back. The share of `Shared` keeps the rest.
        let trie = unsafe { Trie::live(root.version.root) };
        View::new(trie, &root.version, &self.shared.hasher)
    }

    /// Whether there is something to look at: the reader is awake and its version has not passed.
    #[inline]
    pub fn is_usable(&self) -> bool {
        self.oldest <= self.root.version.number
    }

    /// The version that the reader was last advanced to.
    pub fn version(&self) -> u64 {
        self.root.version.number
    }

    /// The newest version that was announced. The replica puts a version into every reactor's queue before it announces it.
    pub fn published(&self) -> u64 {
        self.shared.published()
    }

    /// Whether the reader slept while this version was the newest, so that it can no longer be looked at.
    pub fn has_missed(&self, root: Root) -> bool {
        root.version() < self.oldest
    }

    /// Moves on to a version.
    ///
    /// # Panics
    /// If the reader sleeps, the root is of another tree, or is older than the present one or than the wake-up.
    pub fn advance(&mut self, root: Root) {
        assert_eq!(root.tree, self.shared.id, "a reader and its roots are of one tree");
        assert!(self.held != OFFLINE, "a sleeping reader is woken before it advances");
        let version = root.version.number;
        assert!(version >= self.root.version.number, "versions only advance");
        assert!(version >= self.oldest, "version {version} was over before the reader woke up");
        self.root = root;
    }

    /// Lets go of the versions before the present one: what only they see may be freed.
    pub fn let_go(&mut self) {
        // A root that is not usable, after a wake-up, must not lower the slot.
        if self.is_usable() && self.held < self.root.version.number {
            self.held = self.root.version.number;
            self.oldest = self.held;
            // Release: the reads of older versions happen before this store, so the writer, which loads it, frees nothing
            // that is still being read.
            self.slot.store(self.held, Ordering::Release);
        }
    }

    /// Holds nothing until woken.
    pub fn sleep(&mut self) {
        self.held = OFFLINE;
        self.oldest = OFFLINE;
        self.slot.store(OFFLINE, Ordering::Release);
    }

    /// Holds versions again, from the newest on. The reader is usable at once if that is its own, else when it has been
    /// advanced that far.
    pub fn wake(&mut self) {
        if self.held != OFFLINE {
            return;
        }
        self.held = self.shared.published.load(Ordering::SeqCst);
        self.slot.store(self.held, Ordering::SeqCst);
        self.oldest = self.shared.published.load(Ordering::SeqCst);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.sleep();
    }
}

/// Holds one version until it is dropped, for a snapshot.
pub struct Pin {
    shared: Arc<Shared>,
    version: Version,
    has_let_go: Arc<AtomicBool>,
}

impl Pin {
    /// A pin whose version the heap holds until `has_let_go` is set.
    pub(super) fn new(shared: Arc<Shared>, version: Version, has_let_go: Arc<AtomicBool>) -> Pin {
        Pin { shared, version, has_let_go }
    }

    pub fn view(&self) -> View<'_> {
        // SAFETY: the heap holds all that the version sees until `has_let_go` is set. The share of `Shared` keeps the
        // rest.
        let trie = unsafe { Trie::live(self.version.root) };
        View::new(trie, &self.version, &self.shared.hasher)
    }

    /// The seed of the tree, by which its walk is in order.
    pub fn seed(&self) -> HashSeed {
        self.shared.hasher.seed()
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // Release: what was read happens before this store, so the writer, which loads it, frees nothing that is still
        // being read.
        self.has_let_go.store(true, Ordering::Release);
    }
}

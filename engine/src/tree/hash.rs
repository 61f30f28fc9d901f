//! The keyed hash that gives every znode its place in the tree.

use std::cell::RefCell;

use siphasher::sip::SipHasher13;

/// Bits of the hash that one level of a trie uses up, highest first, so that tries are in the order of their hashes.
pub(super) const BITS_PER_LEVEL: u32 = 5;

/// Levels after which all 64 bits are used up (the last has 4 of them): no two hashes that differ meet below.
pub(super) const LEVELS: usize = 13;

/// Longer paths are not remembered.
const MEMO_BYTES: usize = 1024;

/// The secret that keys the hash. It is the same for as long as a snapshot shall load without sorting, and unknown to
/// clients, who could otherwise choose paths that collide.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashSeed(pub [u8; 16]);

impl std::fmt::Debug for HashSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashSeed(secret)")
    }
}

/// SipHash-1-3 of paths and names: the same on every machine and in every version of this software.
#[derive(Clone, Copy)]
pub(super) struct Hasher {
    seed: HashSeed,
    keyed: SipHasher13,
    /// All ones, but for tests that want collisions.
    mask: u64,
}

impl Hasher {
    pub fn new(seed: HashSeed, mask: u64) -> Hasher {
        Hasher { seed, keyed: SipHasher13::new_with_key(&seed.0), mask }
    }

    pub fn seed(&self) -> HashSeed {
        self.seed
    }

    #[inline]
    pub fn hash(&self, text: impl AsRef<[u8]>) -> u64 {
        self.keyed.hash(text.as_ref()) & self.mask
    }
}

/// The hashes of the last two paths, for the writer: a write asks four or five times for that of its path, and a create
/// or delete as often for that of the parent.
#[derive(Default)]
pub(super) struct Memo(RefCell<Recent>);

#[derive(Default)]
struct Recent {
    paths: [Vec<u8>; 2],
    hashes: [u64; 2],
    newest: usize,
}

impl Memo {
    /// What `hasher`, always the same, makes of a path. No empty path is asked for.
    #[inline]
    pub fn hash(&self, hasher: &Hasher, path: &str) -> u64 {
        let mut recent = self.0.borrow_mut();
        let newest = recent.newest;
        for slot in [newest, 1 - newest] {
            if recent.paths[slot] == path.as_bytes() {
                recent.newest = slot;
                return recent.hashes[slot];
            }
        }
        let hash = hasher.hash(path);
        // A long path costs more than the copy of it, but its memory would stay.
        if path.len() <= MEMO_BYTES {
            let slot = 1 - newest;
            recent.paths[slot].clear();
            recent.paths[slot].extend_from_slice(path.as_bytes());
            (recent.hashes[slot], recent.newest) = (hash, slot);
        }
        hash
    }
}

/// Which of 32 branches a hash takes at a level below [`LEVELS`].
#[inline]
pub(super) fn branch(hash: u64, level: usize) -> u32 {
    ((hash << (BITS_PER_LEVEL as usize * level)) >> (64 - BITS_PER_LEVEL)) as u32
}

/// Levels at which two different hashes take the same branches before they part.
pub(super) fn common_levels(one: u64, other: u64) -> usize {
    ((one ^ other).leading_zeros() / BITS_PER_LEVEL) as usize
}

#[cfg(test)]
mod tests {
    use super::{HashSeed, Hasher, LEVELS, MEMO_BYTES, Memo, branch, common_levels};

    #[test]
    fn what_is_remembered_is_the_hash() {
        let (hasher, memo) = (Hasher::new(HashSeed([3; 16]), u64::MAX), Memo::default());
        let long = "/x".repeat(MEMO_BYTES);
        for path in ["/a", "/a/b", "/a", "/a/b", "/a/b", "/c", &long, "/a", "/c", &long, "/"] {
            assert_eq!(memo.hash(&hasher, path), hasher.hash(path), "{path}");
        }
    }

    #[test]
    fn branches_use_all_bits_in_order() {
        let hash = 0x8421_0842_1084_210f;
        let branches: Vec<u32> = (0..LEVELS).map(|level| branch(hash, level)).collect();
        assert_eq!(branches, [16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 30]);
        assert_eq!(common_levels(hash, hash ^ 1), 12);
        assert_eq!(common_levels(hash, hash ^ (1 << 63)), 0);
        assert_eq!(common_levels(hash, hash ^ (1 << 58)), 1);
    }

    /// A changed hash would make every snapshot of the field unsorted.
    #[test]
    fn the_hash_is_pinned() {
        let mut seed = [0; 16];
        for (index, byte) in seed.iter_mut().enumerate() {
            *byte = index as u8;
        }
        let hasher = Hasher::new(HashSeed(seed), u64::MAX);
        // The first published vectors of SipHash-1-3: of no byte, and of one zero byte.
        assert_eq!(hasher.hash(""), u64::from_le_bytes([0xdc, 0xc4, 0x0f, 0x05, 0x58, 0x01, 0xac, 0xab]));
        assert_eq!(hasher.hash("\0"), u64::from_le_bytes([0x93, 0xca, 0x57, 0x7d, 0xf3, 0x9b, 0xf4, 0xc9]));
    }
}

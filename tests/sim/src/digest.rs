//! What has happened, as one number: worlds with the same number have lived the same life.

use std::hash::{Hash, Hasher};

use siphasher::sip::SipHasher13;

/// Everything that was noted, in its order.
#[derive(Clone, Default, Debug)]
pub struct Digest {
    hasher: SipHasher13,
}

impl Digest {
    pub fn note(&mut self, what: impl Hash) {
        what.hash(&mut self.hasher);
    }

    pub fn value(&self) -> u64 {
        self.hasher.finish()
    }
}

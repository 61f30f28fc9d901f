//! The last, shortest and longest of things that have bytes: of a reign's proposals, and of replies to clients.

use crate::counter::Counter;

/// Bytes. They are 0 before the first: nothing that is counted here is empty.
#[derive(Debug, Default)]
pub struct Sizes {
    pub last: Counter,
    pub min: Counter,
    pub max: Counter,
}

impl Sizes {
    /// For their one writer.
    #[inline]
    pub fn note(&self, bytes: u64) {
        let min = self.min.get();
        if min == 0 || bytes < min {
            self.min.set(bytes);
        }
        if bytes > self.max.get() {
            self.max.set(bytes);
        }
        self.last.set(bytes);
    }

    /// Several, of which these were the least, the greatest and the last. For their one writer.
    pub fn note_several(&self, min: u64, max: u64, last: u64) {
        [min, max, last].into_iter().for_each(|bytes| self.note(bytes));
    }

    /// They begin anew. For their one writer.
    pub fn reset(&self) {
        [&self.last, &self.min, &self.max].into_iter().for_each(|size| size.set(0));
    }

    /// The last, the shortest and the longest; -1 before the first, as ZooKeeper has it.
    pub fn told(&self) -> [i64; 3] {
        [&self.last, &self.min, &self.max].map(|size| told(size.get()))
    }

    /// The same of several together. Which of them was the last nobody knows: it is the longest of their last ones.
    pub fn told_together<'a>(several: impl Iterator<Item = &'a Sizes>) -> [i64; 3] {
        let mut together = [0_u64; 3];
        for sizes in several.filter(|sizes| sizes.last.get() > 0) {
            together[0] = together[0].max(sizes.last.get());
            together[1] = if together[1] == 0 { sizes.min.get() } else { together[1].min(sizes.min.get()) };
            together[2] = together[2].max(sizes.max.get());
        }
        together.map(told)
    }
}

fn told(bytes: u64) -> i64 {
    match bytes {
        0 => -1,
        bytes => i64::try_from(bytes).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::Sizes;

    #[test]
    fn sizes_begin_anew() {
        let sizes = Sizes::default();
        assert_eq!(sizes.told(), [-1; 3]);
        [48, 32, 2077, 50].into_iter().for_each(|bytes| sizes.note(bytes));
        assert_eq!(sizes.told(), [50, 32, 2077]);
        sizes.reset();
        assert_eq!(sizes.told(), [-1; 3]);
        sizes.note(60);
        assert_eq!(sizes.told(), [60; 3]);
        sizes.note_several(50, 70, 65);
        assert_eq!(sizes.told(), [65, 50, 70]);
    }

    #[test]
    fn those_of_several_are_the_least_and_the_greatest_of_all() {
        let several = [Sizes::default(), Sizes::default(), Sizes::default()];
        assert_eq!(Sizes::told_together(several.iter()), [-1; 3]);
        [20, 24].into_iter().for_each(|bytes| several[1].note(bytes));
        [90, 16].into_iter().for_each(|bytes| several[2].note(bytes));
        assert_eq!(Sizes::told_together(several.iter()), [24, 16, 90]);
    }
}

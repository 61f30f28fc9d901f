//! The newest of many things that one thread notes and any thread reads: a ring of places, none of which is ever waited for.
//!
//! Each place says which entry it has. Whoever reads looks at that before and after, and leaves out what was written over
//! meanwhile, so that no entry is told with a part of another.

use std::array::from_fn;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// The newest `PLACES` entries of `WORDS` numbers each. It takes no memory before the first.
#[derive(Debug, Default)]
pub struct Recent<const WORDS: usize, const PLACES: usize> {
    places: OnceLock<Box<[Place<WORDS>]>>,
    /// How many were noted since the start, which is the number of the newest.
    noted: AtomicU64,
}

#[derive(Debug)]
struct Place<const WORDS: usize> {
    /// Which entry it has, from 1; 0 while that changes, and before the first.
    number: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> Place<WORDS> {
    fn empty() -> Place<WORDS> {
        Place { number: AtomicU64::new(0), words: from_fn(|_| AtomicU64::new(0)) }
    }

    fn write(&self, number: u64, words: [u64; WORDS]) {
        self.number.store(0, Ordering::Relaxed);
        // Whoever sees one of the new words sees that the place has no entry, or has the new one.
        fence(Ordering::Release);
        for (place, word) in self.words.iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        self.number.store(number, Ordering::Release);
    }

    fn read(&self, number: u64) -> Option<[u64; WORDS]> {
        let before = self.number.load(Ordering::Acquire);
        let words = from_fn(|place| self.words[place].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        (before == number && self.number.load(Ordering::Relaxed) == number).then_some(words)
    }
}

impl<const WORDS: usize, const PLACES: usize> Recent<WORDS, PLACES> {
    /// For its one writer.
    pub fn note(&self, words: [u64; WORDS]) {
        let places = self.places.get_or_init(|| (0..PLACES).map(|_| Place::empty()).collect());
        let number = self.noted.load(Ordering::Relaxed) + 1;
        places[(number - 1) as usize % PLACES].write(number, words);
        self.noted.store(number, Ordering::Release);
    }

    /// How many were noted since the start.
    pub fn noted(&self) -> u64 {
        self.noted.load(Ordering::Acquire)
    }

    /// Those behind entry `after` that are still there, each with its number, from 1.
    pub fn after(&self, after: u64) -> Vec<(u64, [u64; WORDS])> {
        let newest = self.noted();
        let Some(places) = self.places.get() else { return Vec::new() };
        let first = after.max(newest.saturating_sub(PLACES as u64)).saturating_add(1);
        let read = |number: u64| Some((number, places[(number - 1) as usize % PLACES].read(number)?));
        (first..=newest).filter_map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::Recent;

    #[test]
    fn the_newest_are_there_and_no_more() {
        let recent = Recent::<2, 4>::default();
        assert_eq!((recent.noted(), recent.after(0)), (0, vec![]));
        (1..=3).for_each(|value| recent.note([value, value * 10]));
        assert_eq!(recent.after(0), [(1, [1, 10]), (2, [2, 20]), (3, [3, 30])]);
        (4..=9).for_each(|value| recent.note([value, value * 10]));
        assert_eq!(recent.after(0).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [6, 7, 8, 9]);
        assert_eq!(recent.after(8), [(9, [9, 90])]);
        assert_eq!((recent.after(9), recent.after(u64::MAX - 1), recent.noted()), (vec![], vec![], 9));
    }

    #[test]
    fn no_entry_is_told_with_a_part_of_another() {
        let (recent, ends) = (Recent::<3, 2>::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (1..=200_000_u64).for_each(|value| recent.note([value; 3]));
                ends.store(true, Ordering::Release);
            });
            while !ends.load(Ordering::Acquire) {
                for (number, words) in recent.after(0) {
                    assert_eq!(words, [number; 3]);
                }
            }
        });
        assert_eq!(recent.noted(), 200_000);
    }
}

//! Who watches one path by one kind: nobody, one connection, or a crowd.
//!
//! Most paths have one watcher, which takes the four bytes of [`Watchers`]. A crowd is a list while it is small, which takes
//! little memory. A larger one is a hash set, so that a member can be removed without a look at the others; it takes 6 to
//! 11 bytes for each.

use hashbrown::HashTable;

/// A crowd of more members is a hash set.
const FEW_MAX: usize = 16;
/// A hash set with fewer members becomes a list again. That is well below [`FEW_MAX`], so that a crowd in which one member
/// comes and goes is not turned from one into the other each time.
const MANY_MIN: usize = 8;

/// The slot of one connection, or the index of a crowd in [`Crowds`], or neither, in four bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watchers(u32);

const NOBODY: u32 = u32::MAX;
/// Marks the index of a crowd.
const CROWD: u32 = 1 << 31;

impl Watchers {
    pub const NOBODY: Watchers = Watchers(NOBODY);

    pub fn is_nobody(self) -> bool {
        self.0 == NOBODY
    }

    fn one(slot: u32) -> Watchers {
        assert!(slot < CROWD, "file descriptors are fewer than {CROWD}");
        Watchers(slot)
    }

    /// The index of a crowd.
    fn crowd(self) -> Option<usize> {
        (self.0 != NOBODY && self.0 & CROWD != 0).then_some((self.0 & !CROWD) as usize)
    }
}

/// All sets of two and more watchers.
#[derive(Default)]
pub struct Crowds {
    list: Vec<Crowd>,
    free: Vec<u32>,
}

enum Crowd {
    Few(Vec<u32>),
    Many(HashTable<u32>),
}

impl Crowds {
    pub fn contains(&self, watchers: Watchers, slot: u32) -> bool {
        match watchers.crowd() {
            Some(index) => self.list[index].contains(slot),
            None => watchers.0 == slot,
        }
    }

    /// Adds a slot; `false` if it is there already.
    pub fn insert(&mut self, watchers: &mut Watchers, slot: u32) -> bool {
        if watchers.is_nobody() {
            *watchers = Watchers::one(slot);
            return true;
        }
        if let Some(index) = watchers.crowd() {
            return self.list[index].insert(slot);
        }
        if watchers.0 == slot {
            return false;
        }
        let crowd = Crowd::Few(vec![watchers.0, Watchers::one(slot).0]);
        *watchers = self.add(crowd);
        true
    }

    /// Removes a slot; `false` if it is not there.
    pub fn remove(&mut self, watchers: &mut Watchers, slot: u32) -> bool {
        let Some(index) = watchers.crowd() else {
            let is_it = watchers.0 == slot;
            if is_it {
                *watchers = Watchers::NOBODY;
            }
            return is_it;
        };
        let removed = self.list[index].remove(slot);
        if let Some(last) = self.list[index].only() {
            self.vacate(index);
            *watchers = Watchers::one(last);
        }
        removed
    }

    /// Takes all, and appends them to `taken`.
    pub fn take(&mut self, watchers: &mut Watchers, taken: &mut Vec<u32>) {
        self.for_each(*watchers, |slot| taken.push(slot));
        if let Some(index) = watchers.crowd() {
            self.vacate(index);
        }
        *watchers = Watchers::NOBODY;
    }

    /// Calls with each slot, in no particular order.
    pub fn for_each(&self, watchers: Watchers, mut each: impl FnMut(u32)) {
        match watchers.crowd() {
            Some(index) => match &self.list[index] {
                Crowd::Few(slots) => slots.iter().copied().for_each(each),
                Crowd::Many(slots) => slots.iter().copied().for_each(each),
            },
            None if watchers.is_nobody() => {}
            None => each(watchers.0),
        }
    }

    fn add(&mut self, crowd: Crowd) -> Watchers {
        let index = match self.free.pop() {
            Some(index) => {
                self.list[index as usize] = crowd;
                index
            }
            None => {
                self.list.push(crowd);
                (self.list.len() - 1) as u32
            }
        };
        assert!(index < NOBODY & !CROWD, "each crowd has two watches, and memory is bounded");
        Watchers(index | CROWD)
    }

    fn vacate(&mut self, index: usize) {
        self.list[index] = Crowd::Few(Vec::new());
        self.free.push(index as u32);
        if self.free.len() == self.list.len() {
            *self = Crowds::default();
        }
    }
}

impl Crowd {
    fn contains(&self, slot: u32) -> bool {
        match self {
            Crowd::Few(slots) => slots.contains(&slot),
            Crowd::Many(slots) => slots.find(hash(slot), |held| *held == slot).is_some(),
        }
    }

    fn insert(&mut self, slot: u32) -> bool {
        if self.contains(slot) {
            return false;
        }
        match self {
            Crowd::Few(slots) if slots.len() < FEW_MAX => slots.push(slot),
            Crowd::Few(slots) => {
                let mut many = HashTable::with_capacity(2 * FEW_MAX);
                for slot in slots.iter().copied().chain([slot]) {
                    many.insert_unique(hash(slot), slot, |held| hash(*held));
                }
                *self = Crowd::Many(many);
            }
            Crowd::Many(slots) => {
                slots.insert_unique(hash(slot), slot, |held| hash(*held));
            }
        }
        true
    }

    fn remove(&mut self, slot: u32) -> bool {
        match self {
            Crowd::Few(slots) => {
                let Some(at) = slots.iter().position(|held| *held == slot) else { return false };
                slots.swap_remove(at);
            }
            Crowd::Many(slots) => {
                let Ok(held) = slots.find_entry(hash(slot), |held| *held == slot) else { return false };
                held.remove();
                if slots.len() < MANY_MIN {
                    *self = Crowd::Few(slots.iter().copied().collect());
                } else if slots.len() < slots.capacity() / 8 {
                    slots.shrink_to(2 * slots.len(), |held| hash(*held));
                }
            }
        }
        true
    }

    /// The only member, if there are no others.
    fn only(&self) -> Option<u32> {
        match self {
            Crowd::Few(slots) => {
                if let [slot] = slots[..] {
                    Some(slot)
                } else {
                    None
                }
            }
            Crowd::Many(_) => None,
        }
    }
}

/// Slots are small numbers that the server gives itself, so that it is enough to multiply them.
fn hash(slot: u32) -> u64 {
    u64::from(slot).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::{Crowds, Watchers};

    fn sorted(crowds: &Crowds, watchers: Watchers) -> Vec<u32> {
        let mut slots = Vec::new();
        crowds.for_each(watchers, |slot| slots.push(slot));
        slots.sort_unstable();
        slots
    }

    #[test]
    fn a_crowd_grows_and_shrinks_through_all_its_shapes() {
        let (mut crowds, mut watchers) = (Crowds::default(), Watchers::NOBODY);
        for slot in 0..1000 {
            assert!(crowds.insert(&mut watchers, slot));
            assert!(!crowds.insert(&mut watchers, slot / 2), "it is there already");
            assert_eq!(sorted(&crowds, watchers), (0..=slot).collect::<Vec<u32>>());
        }
        for slot in 0..1000 {
            assert!(crowds.contains(watchers, slot));
            assert!(crowds.remove(&mut watchers, slot));
            assert!(!crowds.remove(&mut watchers, slot));
            assert_eq!(sorted(&crowds, watchers), (slot + 1..1000).collect::<Vec<u32>>());
        }
        assert!(watchers.is_nobody());
        assert!(crowds.list.is_empty(), "the last crowd takes the memory with it");
    }

    #[test]
    fn crowds_that_are_taken_leave_their_index_to_others() {
        let mut crowds = Crowds::default();
        let mut watchers = [Watchers::NOBODY; 3];
        for round in 0..10 {
            for (index, watchers) in watchers.iter_mut().enumerate() {
                (0..20).for_each(|slot| assert!(crowds.insert(watchers, slot + index as u32)));
            }
            for watchers in &mut watchers[..2] {
                let mut taken = Vec::new();
                crowds.take(watchers, &mut taken);
                assert_eq!(taken.len(), 20);
            }
            assert_eq!(crowds.list.len(), 3, "round {round}");
            crowds.take(&mut watchers[2], &mut Vec::new());
        }
    }
}

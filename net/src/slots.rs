//! A list of connections with which something is to be done, by their slots.
//!
//! Each connection notes for itself whether it stands in a list, so that it is added once and nobody looks for it there.
//! The slot of a connection that has closed may stand in a list still; who works through the list finds nobody there, or
//! the connection that has the slot now, which notes nothing of its own yet.

/// The slots in the order in which they were added.
#[derive(Default)]
pub struct SlotList {
    slots: Vec<u32>,
}

/// A connection's note that it stands in one list.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Listed(bool);

impl SlotList {
    /// Adds a slot, unless its connection notes that it stands in the list.
    #[inline]
    pub fn add(&mut self, slot: u32, listed: &mut Listed) {
        if !listed.0 {
            listed.0 = true;
            self.slots.push(slot);
        }
    }

    /// Takes all slots. Whoever takes them clears the note of each connection.
    pub fn take(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.slots)
    }

    /// Puts the memory of a list that was taken, and is done with, back under what has been added since.
    pub fn put_back(&mut self, mut taken: Vec<u32>) {
        taken.clear();
        taken.append(&mut self.slots);
        self.slots = taken;
    }

    /// Puts the rest of a list that was taken back before what has been added since. Its connections note still that they
    /// stand in it.
    pub fn put_before(&mut self, rest: &[u32]) {
        self.slots.splice(..0, rest.iter().copied());
    }

    /// Removes the slot of a connection that notes that it stands in the list.
    pub fn remove(&mut self, slot: u32, listed: &mut Listed) {
        if listed.clear() {
            self.slots.retain(|listed| *listed != slot);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }
}

impl Listed {
    pub fn is_set(self) -> bool {
        self.0
    }

    /// Clears the note, and returns whether it was set.
    pub fn clear(&mut self) -> bool {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Listed, SlotList};

    #[test]
    fn a_connection_stands_in_a_list_once() {
        let (mut list, mut one, mut other) = (SlotList::default(), Listed::default(), Listed::default());
        list.add(3, &mut one);
        list.add(4, &mut other);
        list.add(3, &mut one);
        list.remove(4, &mut other);
        assert!(one.is_set() && !other.is_set());
        let taken = list.take();
        assert_eq!(taken, [3]);
        assert!(one.clear() && !one.clear());
        list.add(3, &mut one);
        list.put_back(taken);
        assert_eq!(list.take(), [3], "what was added meanwhile, and nothing of what was taken");
        list.add(5, &mut Listed::default());
        list.put_before(&[3, 4]);
        assert_eq!(list.take(), [3, 4, 5]);
    }
}

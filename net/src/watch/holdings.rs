//! What each connection watches, so that its watches go with it.
//!
//! A connection's list holds the numbers of all paths that it watches, and perhaps more: a watch that fires leaves its
//! number in the list, and another path may have that number since. The paths know who watches them, so that it does no
//! harm. A list of which more than half is such numbers is tidied. So a watch takes 4 to 8 bytes here, and when one fires,
//! only a count is changed.

/// A list with no more numbers than these besides those of watched paths is not tidied.
const SLACK: usize = 16;

/// What one connection watches.
#[derive(Default)]
struct Holding {
    /// The numbers of the paths that it watches, and of some that it does not watch any more.
    paths: Vec<u32>,
    /// How many paths it watches.
    live: u32,
    /// The number of the last event that it was told of.
    told: u32,
}

/// The holdings of all connections, by slot.
#[derive(Default)]
pub struct Holdings {
    list: Vec<Holding>,
    /// The number of the present event; 0 before the first.
    event: u32,
}

impl Holdings {
    /// Notes that a connection watches a path that it did not. `is_held` tells whether it watches a path.
    pub fn add(&mut self, slot: u32, path: u32, is_held: impl Fn(u32) -> bool) {
        if self.list.len() <= slot as usize {
            self.list.resize_with(slot as usize + 1, Holding::default);
        }
        let holding = &mut self.list[slot as usize];
        holding.paths.push(path);
        holding.live += 1;
        if holding.paths.len() > 2 * holding.live as usize + SLACK {
            holding.tidy(is_held);
        }
    }

    /// Notes that a connection does not watch a path any more.
    pub fn remove(&mut self, slot: u32, is_held: impl Fn(u32) -> bool) {
        let holding = &mut self.list[slot as usize];
        holding.live -= 1;
        if holding.paths.len() > 4 * holding.live as usize + 4 * SLACK {
            holding.tidy(is_held);
        }
    }

    /// Takes the numbers of all paths that the connection watches, and perhaps others.
    pub fn take(&mut self, slot: u32) -> Vec<u32> {
        let Some(holding) = self.list.get_mut(slot as usize) else { return Vec::new() };
        holding.live = 0;
        std::mem::take(&mut holding.paths)
    }

    /// Begins an event: nobody has been told of it.
    pub fn next_event(&mut self) {
        self.event = self.event.wrapping_add(1);
        if self.event == 0 {
            self.list.iter_mut().for_each(|holding| holding.told = 0);
            self.event = 1;
        }
    }

    /// Whether the connection has still to be told of the present event; from now on it has not.
    pub fn is_to_be_told(&mut self, slot: u32) -> bool {
        std::mem::replace(&mut self.list[slot as usize].told, self.event) != self.event
    }
}

impl Holding {
    fn tidy(&mut self, is_held: impl Fn(u32) -> bool) {
        self.paths.sort_unstable();
        self.paths.dedup();
        self.paths.retain(|path| is_held(*path));
        self.paths.shrink_to(2 * self.paths.len());
        debug_assert_eq!(self.paths.len(), self.live as usize, "every watched path stands in the list");
    }
}

#[cfg(test)]
mod tests {
    use super::{Holdings, SLACK};

    #[test]
    fn a_watch_that_is_set_again_and_again_takes_no_more_memory() {
        let mut holdings = Holdings::default();
        holdings.add(0, 7, |_| true);
        for _ in 0..10_000 {
            holdings.remove(0, |_| false);
            holdings.add(0, 7, |path| path == 7);
            assert!(holdings.list[0].paths.len() <= 2 + SLACK);
        }
        assert!(holdings.take(0).contains(&7));
    }

    #[test]
    fn a_list_whose_watches_have_fired_is_given_back() {
        let mut holdings = Holdings::default();
        (0..100_000).for_each(|path| holdings.add(3, path, |_| true));
        for fired in 0..100_000 {
            holdings.remove(3, |path| path > fired);
        }
        assert!(holdings.list[3].paths.capacity() <= 8 * SLACK);
    }

    #[test]
    fn everybody_is_told_once_of_each_event() {
        let mut holdings = Holdings::default();
        holdings.add(0, 1, |_| true);
        holdings.event = u32::MAX - 1;
        for _ in 0..3 {
            holdings.next_event();
            assert!(holdings.is_to_be_told(0));
            assert!(!holdings.is_to_be_told(0));
        }
    }
}

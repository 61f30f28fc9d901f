//! What decides where more than one thing may happen.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Decides between things that may happen.
pub trait Choice {
    /// One of `0..of`; `of` is 1 at least.
    fn choose(&mut self, of: usize) -> usize;
}

/// Draws from a seed: the same seed decides the same.
#[derive(Clone, Debug)]
pub struct Seeded {
    seed: u64,
    drawn: u64,
}

impl Seeded {
    pub fn new(seed: u64) -> Seeded {
        Seeded { seed, drawn: 0 }
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let mut hasher = SipHasher13::new_with_keys(self.seed, 0);
        hasher.write_u64(self.drawn);
        hasher.finish()
    }
}

impl Choice for Seeded {
    fn choose(&mut self, of: usize) -> usize {
        let of = u64::try_from(of).expect("few things may happen");
        usize::try_from(self.draw() % of).expect("less than `of`")
    }
}

/// Counts through everything that may be chosen, one way after the other: decide by it, call [`go_on`](Every::go_on), and
/// decide again until that says that all has been.
#[derive(Clone, Default, Debug)]
pub struct Every {
    /// What was chosen, and of how many.
    chosen: Vec<(usize, usize)>,
    /// How many of these were asked for in this way.
    asked: usize,
}

impl Every {
    /// Goes to the next way to choose. Whether there is one.
    pub fn go_on(&mut self) -> bool {
        self.chosen.truncate(self.asked);
        self.asked = 0;
        while let Some((chosen, of)) = self.chosen.pop() {
            if chosen + 1 < of {
                self.chosen.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}

impl Choice for Every {
    fn choose(&mut self, of: usize) -> usize {
        if self.asked == self.chosen.len() {
            self.chosen.push((0, of));
        }
        self.asked += 1;
        self.chosen[self.asked - 1].0
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Every, Seeded};

    #[test]
    fn every_way_comes_once() {
        let mut every = Every::default();
        let mut ways = Vec::new();
        loop {
            let first = every.choose(3);
            // What may happen next may depend on what has happened.
            let second = if first == 1 { every.choose(2) } else { 0 };
            ways.push((first, second));
            if !every.go_on() {
                break;
            }
        }
        assert_eq!(ways, [(0, 0), (1, 0), (1, 1), (2, 0)]);
    }

    #[test]
    fn a_seed_decides_the_same_again() {
        let draw = |seed| {
            let mut seeded = Seeded::new(seed);
            (0..100).map(|_| seeded.choose(7)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!((0..7).all(|one| draw(1).contains(&one)));
    }
}

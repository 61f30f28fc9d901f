//! Whose turn it is.

/// One of the two that are compared, by its place among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    A = 0,
    B = 1,
}

/// A B B A, so often: a machine that gets slower, or faster, all the time does so for both alike.
pub fn order(rounds: u32) -> impl Iterator<Item = Side> {
    (0..rounds).flat_map(|_| [Side::A, Side::B, Side::B, Side::A])
}

/// Turns of one side.
pub fn runs_of_each(rounds: u32) -> u32 {
    2 * rounds
}

#[cfg(test)]
mod tests {
    use super::{Side, order, runs_of_each};

    #[test]
    fn each_round_is_its_own_mirror() {
        let sides: Vec<Side> = order(2).collect();
        assert_eq!(sides, [Side::A, Side::B, Side::B, Side::A, Side::A, Side::B, Side::B, Side::A]);
        for side in [Side::A, Side::B] {
            assert_eq!(sides.iter().filter(|turn| **turn == side).count(), runs_of_each(2) as usize);
        }
        // The mean place of both is the same: a drift that is even falls on both.
        let places = |side| -> usize { (0..).zip(&sides).filter(|(_, turn)| **turn == side).map(|(at, _)| at).sum() };
        assert_eq!(places(Side::A), places(Side::B));
    }
}

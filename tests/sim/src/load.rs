//! How much the clients of a world ask for.

use std::fmt;
use std::time::Duration;

use paddock_engine::io::simulated::{Choice, Seeded};

/// One in so many times a client says all that it may have under way.
const BURST_ONE_OF: usize = 8;
/// One in so many values is a large one, where there are such.
const LARGE_ONE_OF: usize = 8;

/// One in so many multis is a long one.
const LONG_ONE_OF: usize = 8;
/// Members of the other ones, at most.
const SHORT_MAX: usize = 4;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Load {
    pub clients: usize,
    /// A client does something about so often.
    pub every: Duration,
    /// Requests of one client that may be under way.
    pub under_way_max: usize,
    /// Bytes of a large value, at most; 0 if there are none.
    pub value_max: usize,
    /// Members of a long multi, at most. Those of more than a few hundred are applied in several turns.
    pub members_max: usize,
}

impl Load {
    /// So many clients that ask for little at a time, about ten times a second.
    pub fn of(clients: usize) -> Load {
        Load { clients, every: Duration::from_millis(100), under_way_max: 3, value_max: 0, members_max: 4 }
    }

    pub fn draw(draws: &mut Seeded) -> Load {
        fn one_of<T: Copy>(draws: &mut Seeded, all: &[T]) -> T {
            all[draws.choose(all.len())]
        }
        Load {
            clients: one_of(draws, &[2, 4, 6, 6, 6, 12]),
            every: Duration::from_millis(one_of(draws, &[30, 100, 200, 300, 500, 1000, 1000, 1000])),
            under_way_max: one_of(draws, &[1, 3, 3, 3, 3, 3, 10, 30]),
            value_max: one_of(draws, &[0, 0, 0, 0, 0, 300, 3_000, 20_000]),
            members_max: one_of(draws, &[4, 4, 4, 4, 10, 10, 60, 700]),
        }
    }

    /// How many things a client does at once.
    pub fn draw_burst(&self, draws: &mut Seeded) -> usize {
        if self.under_way_max > 1 && draws.choose(BURST_ONE_OF) == 0 { self.under_way_max } else { 1 }
    }

    /// How many members a multi has.
    pub fn draw_members(&self, draws: &mut Seeded) -> usize {
        let most = if draws.choose(LONG_ONE_OF) == 0 { self.members_max } else { SHORT_MAX };
        1 + draws.choose(most)
    }

    /// Bytes that a value has besides its text.
    pub fn draw_padding(&self, draws: &mut Seeded) -> usize {
        let is_large = self.value_max > 0 && draws.choose(LARGE_ONE_OF) == 0;
        if is_large { draws.choose(self.value_max) } else { 0 }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Load { clients, every, under_way_max, value_max, members_max } = self;
        write!(
            f,
            "{clients} clients that do something every {every:?}, with {under_way_max} requests under way, values of \
             {value_max} bytes and multis of {members_max} members"
        )
    }
}

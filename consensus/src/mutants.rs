//! Bugs that can be put back one at a time, to show that the tests find them: only in builds with `--cfg mutants`.

#[cfg(mutants)]
extern crate std;

#[cfg(mutants)]
use core::sync::atomic::{AtomicU32, Ordering};

/// Nothing was chosen yet, and the environment was not read.
#[cfg(mutants)]
const UNREAD: u32 = u32::MAX;

#[cfg(mutants)]
static CHOSEN: AtomicU32 = AtomicU32::new(UNREAD);

/// From here on the bug of this number is there, and no other; 0 is none.
#[cfg(mutants)]
pub fn choose(number: u32) {
    CHOSEN.store(number, Ordering::SeqCst);
}

/// Whether the bug of this number was put back: the one that was chosen, or else that of the variable `PADDOCK_MUTANT`.
#[cfg(mutants)]
pub fn is_chosen(number: u32) -> bool {
    if CHOSEN.load(Ordering::SeqCst) == UNREAD {
        let wanted =
            std::env::var("PADDOCK_MUTANT").map_or(0, |number| number.parse().expect("the variable is a number"));
        // Somebody may have chosen one meanwhile.
        let _ = CHOSEN.compare_exchange(UNREAD, wanted, Ordering::SeqCst, Ordering::SeqCst);
    }
    CHOSEN.load(Ordering::SeqCst) == number
}

/// Whether the bug of this number, or one of these, was put back.
#[macro_export]
macro_rules! mutant {
    ($($number:literal)|+) => {{
        #[cfg(mutants)]
        let is_chosen = [$($number),+].into_iter().any($crate::mutants::is_chosen);
        #[cfg(not(mutants))]
        let is_chosen = false;
        is_chosen
    }};
}

pub use crate::mutant;

//! Bugs that can be put back one at a time, to show that the tests find them: only in builds with `--cfg mutants`.

#[cfg(mutants)]
use core::sync::atomic::{AtomicU32, Ordering};

#[cfg(mutants)]
static CHOSEN: AtomicU32 = AtomicU32::new(0);

/// From here on the bug of this number is there, and no other; 0 is none.
#[cfg(mutants)]
pub fn choose(number: u32) {
    CHOSEN.store(number, Ordering::SeqCst);
}

/// Whether the bug of this number was put back.
#[cfg(mutants)]
pub fn is_chosen(number: u32) -> bool {
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

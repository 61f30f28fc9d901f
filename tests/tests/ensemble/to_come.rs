//! Choices without replacement.
use paddock_tests::random::Random;

/// What is to come of all that there is, so that each comes soon.
#[derive(Debug)]
pub struct ToCome<T> {
    all: Vec<T>,
    left: Vec<T>,
}

impl<T: Clone> ToCome<T> {
    /// Of something that there is, as often as it is among these.
    pub fn of(all: &[T]) -> ToCome<T> {
        ToCome { all: all.to_vec(), left: Vec::new() }
    }

    pub fn next(&mut self, random: &mut Random) -> T {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
        }
        self.left.swap_remove(random.below(self.left.len()))
    }
}

//! How long a backup waits for what is in doubt.

use std::time::{Duration, Instant};

/// A server whose log rests vouches for all of it within two seconds or three.
const PATIENCE: Duration = Duration::from_secs(8);
/// Between two looks at that.
const LOOK: Duration = Duration::from_millis(100);

/// Of one backup; it begins when it is asked first.
#[derive(Default)]
pub struct Patience {
    until: Option<Instant>,
}

impl Patience {
    /// How long to wait until the next look; `None` once it is at its end.
    pub fn next(&mut self, now: Instant) -> Option<Duration> {
        let until = *self.until.get_or_insert_with(|| now + PATIENCE);
        (now < until).then_some(LOOK)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{LOOK, PATIENCE, Patience};

    #[test]
    fn it_begins_with_the_first_look_and_has_an_end() {
        let (now, mut patience) = (Instant::now(), Patience::default());
        assert_eq!(patience.next(now), Some(LOOK));
        assert_eq!(patience.next(now + PATIENCE - LOOK), Some(LOOK));
        assert_eq!(patience.next(now + PATIENCE), None);
    }
}

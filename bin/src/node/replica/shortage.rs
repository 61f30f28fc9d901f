//! Writes that wait because the disk is full, or something else is short that the log needs: none of them is answered, reads
//! go on, and an operator can see what it waits for.

use std::time::{Duration, Instant};

use paddock_engine::log::LogError;

/// While it lasts it is told so often.
const TOLD_APART: Duration = Duration::from_secs(60);

/// Since when the log waits.
#[derive(Default)]
pub struct Shortage {
    since: Option<Instant>,
    next_word: Option<Instant>,
}

impl Shortage {
    /// The log waits for this now, or for nothing.
    pub fn note(&mut self, shortage: Option<LogError>, now: Instant) {
        match shortage {
            Some(error) => {
                self.since.get_or_insert(now);
                if self.next_word.is_none_or(|next| now >= next) {
                    self.next_word = Some(now + TOLD_APART);
                    tracing::error!("writes wait and are not acknowledged, reads go on: {error}");
                }
            }
            None => {
                if let Some(since) = self.since.take() {
                    self.next_word = None;
                    tracing::info!(millis = now.duration_since(since).as_millis() as u64, "writes go on");
                }
            }
        }
    }

    pub fn is_over(&self) -> bool {
        self.since.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use paddock_engine::log::LogError;

    use super::{Shortage, TOLD_APART};

    #[test]
    fn it_lasts_until_nothing_is_short() {
        let (mut shortage, now) = (Shortage::default(), Instant::now());
        let error = || Some(LogError::NoSpace { dir: "/d".into() });
        assert!(shortage.is_over());
        shortage.note(error(), now);
        assert!(!shortage.is_over());
        assert_eq!(shortage.next_word, Some(now + TOLD_APART));
        shortage.note(error(), now + TOLD_APART / 2);
        assert_eq!((shortage.since, shortage.next_word), (Some(now), Some(now + TOLD_APART)), "once in a while");
        shortage.note(error(), now + TOLD_APART);
        assert_eq!(shortage.next_word, Some(now + 2 * TOLD_APART));
        shortage.note(None, now + TOLD_APART);
        assert!(shortage.is_over());
        shortage.note(error(), now + TOLD_APART);
        assert_eq!(shortage.next_word, Some(now + 2 * TOLD_APART), "another one is told at once");
    }
}

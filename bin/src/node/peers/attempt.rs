//! The attempt to connect to a leader.

use paddock_consensus::ServerId;
use paddock_consensus::settings::Ms;

use super::dial::Dial;
use super::links::StreamId;

/// From a connection to a leader to the next one there is as much time at least: one that closes each of them at once is not
/// dialled as fast as both can. After one that did not come about the next attempt waits for nothing: who asks for it has
/// waited, and a leader may refuse connections just because it has not decided yet.
const APART: Ms = Ms(100);

/// One at a time.
#[derive(Debug, Default)]
pub struct Attempts {
    present: Option<Attempt>,
    /// Whom the last one that came to a connection dialled, and when.
    last: Option<(ServerId, Ms)>,
}

#[derive(Debug)]
struct Attempt {
    leader: ServerId,
    dial: Dial,
    /// When it dialled last; when it may begin before that.
    dialled: Ms,
    /// How long it may take.
    wait: Ms,
    /// It is given up then; `None` before its first stream is begun.
    deadline: Option<Ms>,
}

impl Attempts {
    /// Another one, which is [due](Attempts::take_due) at once or soon, and given up after `wait`. Returns the streams of the
    /// former one.
    pub fn begin(&mut self, leader: ServerId, now: Ms, wait: Ms) -> Vec<StreamId> {
        let former = self.end();
        let apart = self.last.filter(|(last, _)| *last == leader).map(|(_, dialled)| dialled.after(APART));
        let begins = apart.unwrap_or(now).max(now);
        self.present = Some(Attempt { leader, dial: Dial::new(begins), dialled: begins, wait, deadline: None });
        former
    }

    /// Whom to dial now. The stream is to be [noted](Attempts::note_begun).
    pub fn take_due(&mut self, now: Ms) -> Option<ServerId> {
        let due = self.present.as_mut().filter(|attempt| attempt.dial.is_due(now))?;
        due.dialled = now;
        Some(due.leader)
    }

    /// Returns a stream that is to be closed for this one, if there are too many.
    ///
    /// # Panics
    /// If there is no attempt.
    pub fn note_begun(&mut self, stream: StreamId, now: Ms) -> Option<StreamId> {
        let attempt = self.present.as_mut().expect("it was due");
        attempt.deadline.get_or_insert(now.after(attempt.wait));
        attempt.dial.note_begun(stream, now)
    }

    /// Whether the stream is one of the attempt.
    pub fn is_on(&self, stream: StreamId) -> bool {
        self.present.as_ref().is_some_and(|attempt| attempt.dial.contains(stream))
    }

    /// This stream is connected, which ends the attempt. Returns whom it dialled, and the other streams that it had.
    pub fn take(&mut self, stream: StreamId) -> Option<(ServerId, Vec<StreamId>)> {
        let mut attempt = self.present.take_if(|attempt| attempt.dial.contains(stream))?;
        attempt.dial.remove(stream);
        self.last = Some((attempt.leader, attempt.dialled));
        Some((attempt.leader, attempt.dial.end()))
    }

    /// This stream has failed. Whether it was the last one of the attempt, which ends with it.
    pub fn fail(&mut self, stream: StreamId) -> bool {
        let is_over = |attempt: &mut Attempt| attempt.dial.contains(stream) && !attempt.dial.remove(stream);
        self.present.take_if(is_over).is_some()
    }

    /// There is none any more. Returns the streams that it had.
    pub fn end(&mut self) -> Vec<StreamId> {
        self.present.take().map(|mut attempt| attempt.dial.end()).unwrap_or_default()
    }

    /// Gives up an attempt that has taken too long. Returns its streams.
    pub fn take_late(&mut self, now: Ms) -> Option<Vec<StreamId>> {
        let is_late = |attempt: &mut Attempt| attempt.deadline.is_some_and(|deadline| deadline <= now);
        self.present.take_if(is_late).map(|mut attempt| attempt.dial.end())
    }

    /// When a stream is due, or the attempt is too late.
    pub fn deadline(&self) -> Option<Ms> {
        let attempt = self.present.as_ref()?;
        [attempt.dial.next(), attempt.deadline].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;
    use paddock_consensus::settings::Ms;

    use super::{APART, Attempts};
    use crate::node::peers::dial::NEXT_STREAM;
    use crate::node::peers::links::StreamId;

    const WAIT: Ms = Ms(5000);

    #[test]
    fn a_leader_that_took_a_connection_is_dialled_again_a_while_later_and_another_one_at_once() {
        let mut attempts = Attempts::default();
        assert_eq!(attempts.begin(ServerId(1), Ms(5), WAIT), []);
        assert_eq!((attempts.deadline(), attempts.take_due(Ms(5))), (Some(Ms(5)), Some(ServerId(1))));
        attempts.note_begun(StreamId(7), Ms(5));
        assert_eq!((attempts.take_due(Ms(5)), attempts.take(StreamId(6))), (None, None));
        assert_eq!(attempts.take(StreamId(7)), Some((ServerId(1), vec![])));
        assert_eq!(attempts.begin(ServerId(1), Ms(6), WAIT), []);
        let later = Ms(5).after(APART);
        assert_eq!((attempts.take_due(Ms(6)), attempts.deadline()), (None, Some(later)));
        assert_eq!(attempts.take_due(later), Some(ServerId(1)));
        attempts.note_begun(StreamId(8), later);
        assert_eq!(attempts.begin(ServerId(2), later, WAIT), [StreamId(8)]);
        assert_eq!(attempts.take_due(later), Some(ServerId(2)));
    }

    #[test]
    fn a_leader_that_refused_is_dialled_again_at_once() {
        let mut attempts = Attempts::default();
        for stream in 7..9 {
            assert_eq!(attempts.begin(ServerId(1), Ms(5), WAIT), []);
            assert_eq!(attempts.take_due(Ms(5)), Some(ServerId(1)));
            attempts.note_begun(StreamId(stream), Ms(5));
            assert!(attempts.fail(StreamId(stream)));
        }
    }

    #[test]
    fn what_takes_too_long_is_given_up_once() {
        let mut attempts = Attempts::default();
        attempts.begin(ServerId(1), Ms(0), WAIT);
        assert_eq!(attempts.take_late(WAIT), None, "it was not dialled yet");
        // The process stood still meanwhile.
        let late = WAIT.after(WAIT);
        assert_eq!(attempts.take_due(late), Some(ServerId(1)));
        attempts.note_begun(StreamId(7), late);
        assert!(attempts.is_on(StreamId(7)));
        assert_eq!((attempts.deadline(), attempts.take_late(late)), (Some(late.after(NEXT_STREAM)), None));
        assert_eq!(attempts.take_due(late.after(NEXT_STREAM)), Some(ServerId(1)));
        attempts.note_begun(StreamId(8), late.after(NEXT_STREAM));
        let over = late.after(WAIT);
        assert_eq!(attempts.take_late(Ms(over.0 - 1)), None);
        assert_eq!(attempts.take_late(over), Some(vec![StreamId(7), StreamId(8)]));
        assert_eq!((attempts.take_late(over), attempts.deadline(), attempts.end()), (None, None, vec![]));
    }

    #[test]
    fn an_attempt_fails_with_its_last_stream_and_ends_with_the_first_that_is_connected() {
        let mut attempts = Attempts::default();
        let begin = |attempts: &mut Attempts| {
            attempts.begin(ServerId(1), Ms(0), WAIT);
            attempts.note_begun(StreamId(7), Ms(0));
            attempts.note_begun(StreamId(8), NEXT_STREAM);
        };
        begin(&mut attempts);
        assert!(!attempts.fail(StreamId(8)) && !attempts.fail(StreamId(8)) && attempts.is_on(StreamId(7)));
        assert!(attempts.fail(StreamId(7)) && !attempts.fail(StreamId(7)));
        assert_eq!(attempts.deadline(), None);
        begin(&mut attempts);
        assert_eq!(attempts.take(StreamId(8)), Some((ServerId(1), vec![StreamId(7)])));
        assert!(!attempts.is_on(StreamId(7)) && !attempts.fail(StreamId(7)));
    }
}

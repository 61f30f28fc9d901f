//! The attempt to connect to a leader.

use paddock_consensus::ServerId;
use paddock_consensus::settings::Ms;

use super::links::StreamId;

/// Between two connections to the same leader there is as much time at least: one that closes each of them at once is not
/// dialled as fast as both can.
const APART: Ms = Ms(100);

/// One at a time.
#[derive(Debug, Default)]
pub struct Attempts {
    present: Option<Attempt>,
    /// Whom the last one dialled, and when.
    last: Option<(ServerId, Ms)>,
}

#[derive(Debug)]
struct Attempt {
    leader: ServerId,
    /// It is dialled then.
    begins: Ms,
    /// The connection that is being made; `None` before it is dialled.
    stream: Option<StreamId>,
    /// It is given up then.
    deadline: Ms,
}

impl Attempts {
    /// Another one, which is [due](Attempts::take_due) at once or soon, and given up after `wait`. Returns the stream of the
    /// former one.
    pub fn begin(&mut self, leader: ServerId, now: Ms, wait: Ms) -> Option<StreamId> {
        let former = self.end();
        let apart = self.last.filter(|(last, _)| *last == leader).map(|(_, dialled)| dialled.after(APART));
        let begins = apart.unwrap_or(now).max(now);
        self.present = Some(Attempt { leader, begins, stream: None, deadline: begins.after(wait) });
        former
    }

    /// Whom to dial now. The stream is to be [noted](Attempts::note_dialled).
    pub fn take_due(&mut self, now: Ms) -> Option<ServerId> {
        let due = self.present.as_ref().filter(|attempt| attempt.stream.is_none() && attempt.begins <= now)?;
        self.last = Some((due.leader, now));
        Some(due.leader)
    }

    /// # Panics
    /// If there is no attempt.
    pub fn note_dialled(&mut self, stream: StreamId) {
        self.present.as_mut().expect("it was due").stream = Some(stream);
    }

    /// Whether the stream is that of the attempt.
    pub fn is_on(&self, stream: StreamId) -> bool {
        self.present.as_ref().is_some_and(|attempt| attempt.stream == Some(stream))
    }

    /// The attempt on this stream has come to its end. Returns whom it dialled.
    pub fn take(&mut self, stream: StreamId) -> Option<ServerId> {
        self.present.take_if(|attempt| attempt.stream == Some(stream)).map(|attempt| attempt.leader)
    }

    /// There is none any more. Returns the stream that it had.
    pub fn end(&mut self) -> Option<StreamId> {
        self.present.take()?.stream
    }

    /// Gives up an attempt that has taken too long. Returns its stream.
    pub fn take_late(&mut self, now: Ms) -> Option<StreamId> {
        self.present.take_if(|attempt| attempt.stream.is_some() && attempt.deadline <= now)?.stream
    }

    /// When one is due, or too late.
    pub fn deadline(&self) -> Option<Ms> {
        let attempt = self.present.as_ref()?;
        Some(if attempt.stream.is_none() { attempt.begins } else { attempt.deadline })
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;
    use paddock_consensus::settings::Ms;

    use super::{APART, Attempts};
    use crate::node::peers::links::StreamId;

    const WAIT: Ms = Ms(1000);

    #[test]
    fn the_same_leader_is_dialled_now_and_then_and_another_one_at_once() {
        let mut attempts = Attempts::default();
        assert_eq!(attempts.begin(ServerId(1), Ms(5), WAIT), None);
        assert_eq!((attempts.deadline(), attempts.take_due(Ms(5))), (Some(Ms(5)), Some(ServerId(1))));
        attempts.note_dialled(StreamId(7));
        assert_eq!((attempts.take_due(Ms(5)), attempts.take(StreamId(6))), (None, None));
        assert_eq!(attempts.take(StreamId(7)), Some(ServerId(1)));
        assert_eq!(attempts.begin(ServerId(1), Ms(6), WAIT), None);
        let later = Ms(5).after(APART);
        assert_eq!((attempts.take_due(Ms(6)), attempts.deadline()), (None, Some(later)));
        assert_eq!(attempts.take_due(later), Some(ServerId(1)));
        attempts.note_dialled(StreamId(8));
        assert_eq!(attempts.begin(ServerId(2), later, WAIT), Some(StreamId(8)));
        assert_eq!(attempts.take_due(later), Some(ServerId(2)));
    }

    #[test]
    fn what_takes_too_long_is_given_up_once() {
        let mut attempts = Attempts::default();
        attempts.begin(ServerId(1), Ms(0), WAIT);
        assert_eq!(attempts.take_late(WAIT), None, "it was not dialled yet");
        attempts.take_due(Ms(0));
        attempts.note_dialled(StreamId(7));
        assert!(attempts.is_on(StreamId(7)));
        assert_eq!((attempts.deadline(), attempts.take_late(Ms(999))), (Some(WAIT), None));
        assert_eq!((attempts.take_late(WAIT), attempts.take_late(WAIT)), (Some(StreamId(7)), None));
        assert_eq!((attempts.deadline(), attempts.end()), (None, None));
    }
}

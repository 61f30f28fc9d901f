//! What an attempt to connect to a server has under way.
//!
//! What was sent into a network that has healed meanwhile is answered late: a kernel asks again after a second, and then always
//! after twice as long. And an answer that takes long may only come over a slow network, or stand behind the look-up of a name.
//! So a stream that has no answer in time goes on beside the next one, and whichever is connected first is taken.

use paddock_consensus::settings::Ms;

use super::links::StreamId;

/// So long after one stream the next one is begun.
pub const NEXT_STREAM: Ms = Ms(1000);
/// Streams to one server that are being connected, at most. In the time that ZooKeeper gives an attempt if nobody sets
/// another (`zookeeper.cnxTimeout`, 5 s) there are no more.
pub const STREAMS_MAX: usize = 5;

#[derive(Debug)]
pub struct Dial {
    /// In the order in which they were begun.
    streams: Vec<StreamId>,
    /// The next one is begun then.
    next: Option<Ms>,
}

impl Dial {
    /// The first stream is due then.
    pub fn new(at: Ms) -> Dial {
        Dial { streams: Vec::new(), next: Some(at) }
    }

    /// When a stream is due.
    pub fn next(&self) -> Option<Ms> {
        self.next
    }

    /// Whether a stream is to be begun now, and [noted](Dial::note_begun).
    pub fn is_due(&self, now: Ms) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// Returns the stream that is to be closed for this one, if there are too many. The oldest is kept: in a slow network it is
    /// the first to have an answer.
    pub fn note_begun(&mut self, stream: StreamId, now: Ms) -> Option<StreamId> {
        let given_up = (self.streams.len() >= STREAMS_MAX).then(|| self.streams.remove(1));
        self.streams.push(stream);
        self.next = Some(now.after(NEXT_STREAM));
        given_up
    }

    /// One that has [ended](Dial::end) begins again.
    pub fn resume(&mut self, now: Ms) {
        self.next.get_or_insert(now);
    }

    pub fn contains(&self, stream: StreamId) -> bool {
        self.streams.contains(&stream)
    }

    /// The oldest stream.
    pub fn first(&self) -> Option<StreamId> {
        self.streams.first().copied()
    }

    /// A stream is none any more. Whether there are others, which may still be connected.
    pub fn remove(&mut self, stream: StreamId) -> bool {
        self.streams.retain(|other| *other != stream);
        !self.streams.is_empty()
    }

    /// No stream is due any more. Returns those that were under way.
    pub fn end(&mut self) -> Vec<StreamId> {
        self.next = None;
        std::mem::take(&mut self.streams)
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::settings::Ms;

    use super::{Dial, NEXT_STREAM, STREAMS_MAX};
    use crate::node::peers::links::StreamId;

    #[test]
    fn streams_are_begun_beside_those_that_have_no_answer() {
        let mut dial = Dial::new(Ms(5));
        assert_eq!((dial.is_due(Ms(4)), dial.is_due(Ms(5))), (false, true));
        assert_eq!(dial.note_begun(StreamId(1), Ms(5)), None);
        let next = Ms(5).after(NEXT_STREAM);
        assert_eq!((dial.next(), dial.is_due(Ms(5)), dial.is_due(next)), (Some(next), false, true));
        assert_eq!(dial.note_begun(StreamId(2), next), None);
        assert!(dial.contains(StreamId(1)) && dial.contains(StreamId(2)) && !dial.contains(StreamId(3)));
        assert!(dial.remove(StreamId(1)), "the other one may still be connected");
        assert_eq!(dial.first(), Some(StreamId(2)));
        assert!(!dial.remove(StreamId(2)));
    }

    #[test]
    fn the_oldest_and_the_newest_are_kept() {
        let mut dial = Dial::new(Ms(0));
        let given_up: Vec<u64> = (1..=20)
            .filter_map(|stream| dial.note_begun(StreamId(stream), Ms(stream)))
            .map(|stream| stream.0)
            .collect();
        assert_eq!(given_up, (2..=20 - STREAMS_MAX as u64 + 1).collect::<Vec<_>>());
        let kept = dial.end();
        assert_eq!((kept.len(), kept[0], kept[STREAMS_MAX - 1]), (STREAMS_MAX, StreamId(1), StreamId(20)));
    }

    #[test]
    fn one_that_has_ended_begins_again_at_once() {
        let mut dial = Dial::new(Ms(0));
        dial.note_begun(StreamId(1), Ms(0));
        dial.resume(Ms(1));
        assert_eq!(dial.next(), Some(NEXT_STREAM), "it has not ended");
        assert_eq!(dial.end(), [StreamId(1)]);
        assert_eq!((dial.next(), dial.end()), (None, vec![]));
        dial.resume(Ms(7));
        assert!(dial.is_due(Ms(7)));
    }
}

//! What a reactor has counted and not told yet. It is told at the end of each turn, and before the turn's answers are written, so that
//! whoever has one finds it counted. (Where memory is short, some are written earlier.) Between the two each figure takes an instruction or two: a read is counted in six
//! ways, and is to be none the slower for it.

use std::mem::take;
use std::time::{Duration, Instant};

use crate::counter::Batch;
use crate::reactor_status::ReactorStatus;

/// What stands before a frame, bytes.
const LENGTH_BYTES: usize = 4;

/// Figures of one reactor that [`ReactorStatus`] does not have yet.
#[derive(Default)]
pub struct Untold {
    received: u64,
    at_once: u64,
    sent_later: u64,
    read_bytes: u64,
    written_bytes: u64,
    responses: Batch,
    last_response: u64,
    /// Those of the responses that were to pings, bytes.
    ping_bytes: u64,
    answers: Option<Answers>,
}

/// Answers one after the other to requests of one kind that came at the same moment, since the clock is read once for each half of
/// a turn: nearly all answers of a turn are one such run, and are told together.
struct Answers {
    received: Instant,
    /// Whether the requests change something.
    updates: bool,
    latency: Duration,
    millis: u64,
    count: u64,
}

impl Untold {
    /// A frame or a four-letter word has come.
    #[inline]
    pub fn note_received(&mut self) {
        self.received = self.received.wrapping_add(1);
    }

    pub fn note_read(&mut self, bytes: usize) {
        self.read_bytes = self.read_bytes.wrapping_add(bytes as u64);
    }

    pub fn note_written(&mut self, bytes: usize) {
        self.written_bytes = self.written_bytes.wrapping_add(bytes as u64);
    }

    /// A reply to anything but a ping or a handshake, of so many bytes with its own length.
    #[inline]
    pub fn note_response(&mut self, bytes: usize) {
        self.last_response = bytes.wrapping_sub(LENGTH_BYTES) as u64;
        self.responses.note(self.last_response);
    }

    /// Likewise to a ping.
    pub fn note_ping(&mut self, bytes: usize) {
        self.note_response(bytes);
        self.ping_bytes = self.ping_bytes.wrapping_add(self.last_response);
    }

    /// An answer in the turn of its request, which changes nothing.
    #[inline]
    pub fn note_at_once(&mut self) {
        self.at_once = self.at_once.wrapping_add(1);
    }

    /// An answer that has no latency.
    pub fn note_sent(&mut self) {
        self.sent_later = self.sent_later.wrapping_add(1);
    }

    /// An answer that is given `now` to a request of then, which `updates` or is a read. Returns how long it
    /// took, ms.
    #[inline]
    pub fn note_answer<'f>(
        &mut self,
        received: Instant,
        updates: bool,
        now: Instant,
        figures: impl FnOnce() -> &'f ReactorStatus,
    ) -> u64 {
        self.note_sent();
        if let Some(answers) = &mut self.answers
            && answers.received == received
            && answers.updates == updates
        {
            answers.count = answers.count.wrapping_add(1);
            return answers.millis;
        }
        self.end_answers(figures());
        let latency = now.saturating_duration_since(received);
        let millis = latency.as_millis() as u64;
        self.answers = Some(Answers { received, updates, latency, millis, count: 1 });
        millis
    }

    /// What is answered from here on is answered at another moment.
    pub fn end_answers(&mut self, figures: &ReactorStatus) {
        if let Some(Answers { updates, latency, count, .. }) = self.answers.take() {
            figures.note_latency(latency, count, updates);
        }
    }

    /// All that a client may have been told of by now.
    pub fn tell(&mut self, figures: &ReactorStatus) {
        self.end_answers(figures);
        figures.received.add(take(&mut self.received));
        figures.at_once.add(take(&mut self.at_once));
        figures.sent_later.add(take(&mut self.sent_later));
        figures.read_bytes.add(take(&mut self.read_bytes));
        let responses = self.responses.take();
        if responses.count > 0 {
            figures.response_bytes.add(responses.sum.wrapping_sub(take(&mut self.ping_bytes)));
            figures.responses.note_several(responses.min, responses.max, self.last_response);
        }
    }

    /// What there is at the end of a turn.
    pub fn tell_rest(&mut self, figures: &ReactorStatus) {
        figures.written_bytes.add(take(&mut self.written_bytes));
        if self.received + self.at_once + self.sent_later > 0 {
            self.tell(figures);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Untold;
    use crate::reactor_status::ReactorStatus;

    #[test]
    fn all_is_told_once() {
        let (mut untold, figures, now) = (Untold::default(), ReactorStatus::default(), Instant::now());
        untold.note_received();
        untold.note_read(30);
        untold.note_at_once();
        [24, 104, 20].into_iter().for_each(|bytes| untold.note_response(bytes));
        untold.note_ping(20);
        untold.note_written(50);
        for _ in 0..2 {
            untold.tell(&figures);
            untold.tell_rest(&figures);
            assert_eq!((figures.received.get(), figures.sent(), figures.read_bytes.get()), (1, 1, 30));
            assert_eq!((figures.response_bytes.get(), figures.responses.told()), (20 + 100 + 16, [16, 16, 100]));
            assert_eq!(figures.written_bytes.get(), 50);
        }
        untold.note_sent();
        untold.tell_rest(&figures);
        assert_eq!(figures.sent(), 2, "nothing is left for a turn that may be long in coming");
        untold.note_answer(now, true, now, || &figures);
        untold.tell(&figures);
        assert_eq!((figures.sent(), figures.updates.micros.totals().count), (3, 1));
    }

    #[test]
    fn answers_are_counted_each_with_its_latency() {
        let (mut untold, figures, now) = (Untold::default(), ReactorStatus::default(), Instant::now());
        let at = |millis| now + Duration::from_millis(millis);
        for (received, updates, answered, millis) in
            [(0, true, 5, 5), (0, true, 5, 5), (1, true, 5, 4), (1, false, 5, 4), (1, false, 5, 4)]
        {
            assert_eq!(untold.note_answer(at(received), updates, at(answered), || &figures), millis);
        }
        untold.end_answers(&figures);
        assert_eq!(untold.note_answer(at(1), false, at(9), || &figures), 8, "another moment");
        untold.tell(&figures);
        let [reads, updates] = [&figures.reads, &figures.updates].map(|latency| latency.micros.totals());
        assert_eq!((updates.count, updates.sum, updates.min, updates.max), (3, 14_000, 4000, 5000));
        assert_eq!((reads.count, reads.sum, reads.min, reads.max), (3, 16_000, 4000, 8000));
        assert_eq!(figures.sent(), 6);
    }
}

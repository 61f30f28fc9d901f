//! One reactor's share of a version: its answers and their bodies.

use std::ops::Range;

use paddock_net::exchange::Answer;

/// Room that is made ahead, answers and bytes of their bodies.
const ROOM: usize = 256;
const ROOM_BYTES: usize = 64 << 10;

#[derive(Default)]
pub struct Share {
    answers: Vec<Answer>,
    bytes: Vec<u8>,
}

impl Share {
    /// What a queue has not taken.
    pub fn of(answers: Vec<Answer>, bytes: Vec<u8>) -> Share {
        Share { answers, bytes }
    }

    /// An empty one: one version is much like the next.
    pub fn with_as_much_room(&self) -> Share {
        let answers = Vec::with_capacity(self.answers.len().min(ROOM));
        Share { answers, bytes: Vec::with_capacity(self.bytes.len().min(ROOM_BYTES)) }
    }

    pub fn push(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// Keeps the body of an answer.
    pub fn append(&mut self, body: &[u8]) -> Range<u32> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(body);
        let place = |at: usize| u32::try_from(at).expect("a version is sealed long before its answers have 4 GiB");
        place(start)..place(self.bytes.len())
    }

    pub fn answers(&self) -> usize {
        self.answers.len()
    }

    /// The answers are those of this transaction's state.
    pub fn set_zxid(&mut self, zxid: i64) {
        self.answers.iter_mut().for_each(|answer| answer.zxid = zxid);
    }

    /// How many bytes the answers' bodies have.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The answers and the bodies.
    pub fn into_parts(self) -> (Vec<Answer>, Vec<u8>) {
        (self.answers, self.bytes)
    }
}

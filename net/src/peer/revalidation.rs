//! The data of REVALIDATE: a learner asks whether a session that has come to it is alive, and the leader answers.

use paddock_engine::jute::{Malformed, Reader, Write};

/// What a learner asks: `i64 session, i32 timeout`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Revalidation {
    pub session: i64,
    /// The timeout of the session as its client has it now, ms.
    pub timeout: i32,
}

/// What the leader answers: `i64 session, bool`. The packet's zxid is that of the question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RevalidationAnswer {
    pub session: i64,
    /// Whether the session is alive, and the learner that has asked is its owner now.
    pub is_valid: bool,
}

impl Revalidation {
    pub fn read(data: Option<&[u8]>) -> Result<Revalidation, Malformed> {
        let mut reader = Reader::new(data.ok_or(Malformed)?);
        Ok(Revalidation { session: reader.i64()?, timeout: reader.i32()? })
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i64(self.session);
        out.put_i32(self.timeout);
    }
}

impl RevalidationAnswer {
    pub fn read(data: Option<&[u8]>) -> Result<RevalidationAnswer, Malformed> {
        let mut reader = Reader::new(data.ok_or(Malformed)?);
        Ok(RevalidationAnswer { session: reader.i64()?, is_valid: reader.bool()? })
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i64(self.session);
        out.put_bool(self.is_valid);
    }
}

#[cfg(test)]
mod tests {
    use paddock_engine::jute::Malformed;

    use super::{Revalidation, RevalidationAnswer};

    #[test]
    fn a_question_and_its_answer() {
        let question = Revalidation { session: 0x0100_0000_0000_0007, timeout: 40_000 };
        let bytes = b"\x01\0\0\0\0\0\0\x07\0\0\x9c\x40";
        let mut out = Vec::new();
        question.write(&mut out);
        assert_eq!((&out[..], Revalidation::read(Some(bytes))), (&bytes[..], Ok(question)));
        for (is_valid, last) in [(false, 0), (true, 1)] {
            let answer = RevalidationAnswer { session: -2, is_valid };
            let bytes = [255, 255, 255, 255, 255, 255, 255, 254, last];
            let mut out = Vec::new();
            answer.write(&mut out);
            assert_eq!((&out[..], RevalidationAnswer::read(Some(&bytes))), (&bytes[..], Ok(answer)));
        }
    }

    #[test]
    fn fields_that_are_missing_are_refused_and_more_is_ignored() {
        assert_eq!((Revalidation::read(None), RevalidationAnswer::read(None)), (Err(Malformed), Err(Malformed)));
        for length in 0..20 {
            assert_eq!(Revalidation::read(Some(&[0; 20][..length])).is_ok(), length >= 12);
            assert_eq!(RevalidationAnswer::read(Some(&[0; 20][..length])).is_ok(), length >= 9);
        }
    }
}

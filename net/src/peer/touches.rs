//! The data of a learner's answer to PING: the sessions that it has heard since the last one.
//!
//! ```text
//! (i64 session, i32 timeout)*
//! ```
//!
//! There is no count: the pairs end where the data ends.

use paddock_engine::jute::{Malformed, Write};

/// Bytes of one touch.
pub const TOUCH: usize = 8 + 4;

/// A session that was heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Touch {
    pub session: i64,
    /// How long the session lives from now on, ms.
    pub timeout: i32,
}

/// The touches of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Touches<'a>(&'a [[u8; TOUCH]]);

impl<'a> Touches<'a> {
    /// Without data there are none.
    ///
    /// # Errors
    /// If the last one is not whole.
    pub fn read(data: Option<&'a [u8]>) -> Result<Touches<'a>, Malformed> {
        match data.unwrap_or_default().as_chunks() {
            (touches, []) => Ok(Touches(touches)),
            _ => Err(Malformed),
        }
    }

    /// In the order in which they came.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Touch> + 'a {
        self.0.iter().map(|&[a, b, c, d, e, f, g, h, timeout @ ..]| Touch {
            session: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            timeout: i32::from_be_bytes(timeout),
        })
    }
}

impl Touch {
    /// Appends it. A packet must not have more of them than the leader takes as data.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i64(self.session);
        out.put_i32(self.timeout);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{TOUCH, Touch, Touches};

    #[test]
    fn touches_follow_each_other() {
        let bytes = b"\x01\0\0\0\0\0\0\x01\0\0\x10\x04\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x05";
        let touches = [Touch { session: 0x0100_0000_0000_0001, timeout: 4100 }, Touch { session: -1, timeout: 5 }];
        assert_eq!(Touches::read(Some(bytes)).unwrap().iter().collect::<Vec<_>>(), touches);
        assert_eq!((Touches::read(None), Touches::read(Some(&[]))), (Ok(Touches(&[])), Ok(Touches(&[]))));
    }

    #[test]
    fn one_that_is_not_whole_is_refused() {
        for length in 0..40 {
            assert_eq!(Touches::read(Some(&[0; 40][..length])).is_ok(), length % TOUCH == 0);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(touches in prop::collection::vec(any::<(i64, i32)>(), 0..20)) {
            let touches: Vec<_> = touches.into_iter().map(|(session, timeout)| Touch { session, timeout }).collect();
            let mut out = Vec::new();
            touches.iter().for_each(|touch| touch.write(&mut out));
            prop_assert_eq!(out.len(), touches.len() * TOUCH);
            prop_assert_eq!(Touches::read(Some(&out)).unwrap().iter().collect::<Vec<_>>(), touches);
        }
    }
}

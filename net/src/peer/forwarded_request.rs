//! The data of REQUEST: a client's request that its server hands on to the leader.
//!
//! ```text
//! i64 session, i32 cxid, i32 opcode, body
//! ```
//!
//! The body is the client's, byte for byte, and may be empty. Who the client is stands in the packet's authinfo.

use paddock_engine::jute::{Malformed, Reader, Write};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForwardedRequest<'a> {
    pub session: i64,
    /// The number that the client has given to the request.
    pub cxid: i32,
    pub opcode: i32,
    pub body: &'a [u8],
}

impl<'a> ForwardedRequest<'a> {
    pub fn read(data: Option<&'a [u8]>) -> Result<ForwardedRequest<'a>, Malformed> {
        let mut reader = Reader::new(data.ok_or(Malformed)?);
        let (session, cxid, opcode) = (reader.i64()?, reader.i32()?, reader.i32()?);
        Ok(ForwardedRequest { session, cxid, opcode, body: reader.rest() })
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i64(self.session);
        out.put_i32(self.cxid);
        out.put_i32(self.opcode);
        out.extend_from_slice(self.body);
    }
}

#[cfg(test)]
mod tests {
    use paddock_engine::jute::Malformed;
    use proptest::prelude::*;

    use super::ForwardedRequest;

    #[test]
    fn a_session_is_asked_for_by_its_timeout() {
        let request =
            ForwardedRequest { session: 0x0200_0000_0000_0001, cxid: 0, opcode: -10, body: &[0, 0, 0x75, 0x30] };
        let bytes = b"\x02\0\0\0\0\0\0\x01\0\0\0\0\xff\xff\xff\xf6\0\0\x75\x30";
        let mut out = Vec::new();
        request.write(&mut out);
        assert_eq!((&out[..], ForwardedRequest::read(Some(bytes))), (&bytes[..], Ok(request)));
    }

    #[test]
    fn only_a_body_may_be_missing() {
        for length in 0..16 {
            assert_eq!(ForwardedRequest::read(Some(&[0; 16][..length])), Err(Malformed));
        }
        assert_eq!(ForwardedRequest::read(None), Err(Malformed));
        assert_eq!(ForwardedRequest::read(Some(&[0; 16])).unwrap().body, []);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(session: i64, cxid: i32, opcode: i32, body in prop::collection::vec(any::<u8>(), 0..50)) {
            let request = ForwardedRequest { session, cxid, opcode, body: &body };
            let mut out = Vec::new();
            request.write(&mut out);
            prop_assert_eq!(ForwardedRequest::read(Some(&out)), Ok(request));
        }
    }
}

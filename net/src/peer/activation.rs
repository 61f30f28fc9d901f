//! The data of COMMITANDACTIVATE and INFORMANDACTIVATE: which server is to lead once a configuration counts.
//!
//! ```text
//! i64 server, in INFORMANDACTIVATE the data of the PROPOSAL
//! ```

use paddock_consensus::ServerId;
use paddock_engine::jute::{Malformed, Reader, Write};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Activation<'a> {
    pub leader: ServerId,
    /// What the configuration came with; empty in COMMITANDACTIVATE, which comes behind it.
    pub proposal: &'a [u8],
}

impl<'a> Activation<'a> {
    pub fn read(data: Option<&'a [u8]>) -> Result<Activation<'a>, Malformed> {
        let mut reader = Reader::new(data.ok_or(Malformed)?);
        Ok(Activation { leader: ServerId(reader.i64()?), proposal: reader.rest() })
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i64(self.leader.0);
        out.extend_from_slice(self.proposal);
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;
    use paddock_engine::jute::Malformed;

    use super::Activation;

    #[test]
    fn the_leader_stands_before_the_proposal() {
        for proposal in [&b""[..], b"txn"] {
            let activation = Activation { leader: ServerId(3), proposal };
            let bytes = [&b"\0\0\0\0\0\0\0\x03"[..], proposal].concat();
            let mut out = Vec::new();
            activation.write(&mut out);
            assert_eq!((&out, Activation::read(Some(&bytes))), (&bytes, Ok(activation)));
        }
    }

    #[test]
    fn without_a_leader_it_is_refused() {
        assert_eq!(Activation::read(None), Err(Malformed));
        for length in 0..8 {
            assert_eq!(Activation::read(Some(&[0; 8][..length])), Err(Malformed));
        }
    }
}

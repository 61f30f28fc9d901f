//! The data of PROPOSAL and INFORM: a transaction as it stands in the log.
//!
//! ```text
//! i64 session, i32 cxid, i64 zxid, i64 time, i32 opcode, body, perhaps a digest
//! ```
//!
//! What is needed before the transaction is applied is read here: its zxid, its opcode, and the configuration that one of a
//! reconfig brings. All else is the engine's.

use paddock_consensus::Zxid;
use paddock_engine::jute::{Malformed, Reader};
use paddock_engine::request::opcode;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proposal<'a> {
    pub zxid: Zxid,
    pub opcode: i32,
    /// The whole transaction.
    pub txn: &'a [u8],
    /// What is behind its header.
    body: &'a [u8],
}

impl<'a> Proposal<'a> {
    /// `zxid` is the packet's.
    ///
    /// # Errors
    /// If there is no whole header, or it has another zxid than the packet.
    pub fn read(zxid: Zxid, data: Option<&'a [u8]>) -> Result<Proposal<'a>, Malformed> {
        let txn = data.ok_or(Malformed)?;
        let mut reader = Reader::new(txn);
        let (_session, _cxid) = (reader.i64()?, reader.i32()?);
        let own = reader.i64()?;
        let (_time, opcode) = (reader.i64()?, reader.i32()?);
        if own != zxid.0 {
            return Err(Malformed);
        }
        Ok(Proposal { zxid, opcode, txn, body: reader.rest() })
    }

    /// The text of the configuration, if the transaction changes it. It is what a setData of the configuration's znode sets.
    pub fn configuration(&self) -> Result<Option<&'a [u8]>, Malformed> {
        if self.opcode != opcode::RECONFIG {
            return Ok(None);
        }
        let mut body = Reader::new(self.body);
        let _path = body.buffer()?;
        body.buffer()?.ok_or(Malformed).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;
    use paddock_engine::jute::{Malformed, Write};
    use paddock_engine::request::opcode;

    use super::Proposal;

    const ZXID: Zxid = Zxid(0x1_0000_0002);

    /// A transaction with this opcode and body, of session 0x100000001 and cxid 5.
    fn txn(opcode: i32, body: &[u8]) -> Vec<u8> {
        let mut out = b"\0\0\0\x01\0\0\0\x01\0\0\0\x05\0\0\0\x01\0\0\0\x02\0\0\x01\x8b\xcf\xe5\x68\0".to_vec();
        out.put_i32(opcode);
        out.extend_from_slice(body);
        out
    }

    /// What a reconfig sets: path, data, version.
    fn set_configuration(text: Option<&[u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_string("/zookeeper/config");
        out.put_buffer(text);
        out.put_i32(-1);
        out
    }

    #[test]
    fn a_header_tells_zxid_and_opcode() {
        let create = txn(opcode::CREATE, b"body");
        let proposal = Proposal::read(ZXID, Some(&create)).unwrap();
        assert_eq!((proposal.zxid, proposal.opcode, proposal.txn), (ZXID, 1, &create[..]));
        assert_eq!(proposal.configuration(), Ok(None));
        assert_eq!(Proposal::read(Zxid(0x1_0000_0003), Some(&create)), Err(Malformed));
        assert_eq!(Proposal::read(ZXID, None), Err(Malformed));
        for length in 0..32 {
            assert_eq!(Proposal::read(ZXID, Some(&create[..length])), Err(Malformed));
        }
    }

    #[test]
    fn a_reconfig_brings_a_configuration() {
        let text = b"server.1=a:2888:3888:participant\nversion=100000002";
        let reconfig = txn(opcode::RECONFIG, &set_configuration(Some(text)));
        let proposal = Proposal::read(ZXID, Some(&reconfig)).unwrap();
        assert_eq!(proposal.configuration(), Ok(Some(&text[..])));
        let whole = reconfig.len() - 4;
        for length in 32..whole {
            assert_eq!(Proposal::read(ZXID, Some(&reconfig[..length])).unwrap().configuration(), Err(Malformed));
        }
        let without = txn(opcode::RECONFIG, &set_configuration(None));
        assert_eq!(Proposal::read(ZXID, Some(&without)).unwrap().configuration(), Err(Malformed));
    }
}

//! From the bytes of a transaction to a changed head: what was prepared in an earlier life, or by another server.
//!
//! [`apply`](crate::apply) takes for granted what [`prepare`](crate::prepare) has made sure of. Nothing of that is certain
//! of bytes: a checksum says that they are what was written, not who wrote them. So it is looked at here, before anything
//! changes.

use std::fmt;

use paddock_consensus::Zxid;

use crate::database::Database;
use crate::txn::Txn;

/// Why a transaction cannot be applied. Unless it says otherwise, nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplayError {
    Undecodable,
    /// The header names another transaction.
    Header(Zxid),
    /// It is not the next after this one.
    Gap(Zxid),
    /// It was applied, and the tree is not what it was for the one who wrote this digest.
    Digest {
        computed: u64,
        written: u64,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Undecodable => f.write_str("it is not a transaction"),
            ReplayError::Header(zxid) => write!(f, "its header says that it is transaction {zxid}"),
            ReplayError::Gap(last) => write!(f, "it does not follow {last}: transactions are missing before it"),
            ReplayError::Digest { computed, written } => write!(
                f,
                "the tree after it has the digest {computed:x}, but had {written:x} when it was written: the snapshot or \
                 the log has changed"
            ),
        }
    }
}

impl Database {
    /// Applies the transaction `zxid` from its bytes, and holds the state against the digest that its writer computed.
    pub fn replay(&mut self, zxid: Zxid, bytes: &[u8]) -> Result<(), ReplayError> {
        let read = Txn::read(bytes, &mut self.acls).map_err(|_| ReplayError::Undecodable)?;
        if read.header.zxid != zxid.0 {
            return Err(ReplayError::Header(Zxid(read.header.zxid)));
        }
        let last = self.last_zxid;
        let follows = zxid == last.next() || (zxid.epoch() > last.epoch() && zxid.counter() == 1);
        if !follows {
            return Err(ReplayError::Gap(last));
        }
        self.apply(&read.header, &read.txn, None);
        let computed = self.tree.digest();
        match read.digest {
            Some(written) if written != computed => Err(ReplayError::Digest { computed, written }),
            _ => Ok(()),
        }
    }
}

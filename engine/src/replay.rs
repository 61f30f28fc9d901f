//! From the bytes of a transaction to a changed head: what was ordered in an earlier life, or by another server.
//!
//! [`apply`](crate::apply) takes for granted what [`order`](crate::order) has made sure of. Nothing of that is certain
//! of bytes: a checksum says that they are what was written, not who wrote them. So it is looked at here, before anything
//! changes.

use std::fmt;

use paddock_consensus::Zxid;

use crate::apply::{Effects, has_failed};
use crate::database::Database;
use crate::log::RECORD_BYTES_MAX;
use crate::path;
use crate::tree::TTL_MAX_MS;
use crate::txn::{CreateKind, ReadTxn, Txn};

/// What is shown of an invalid path, bytes; a byte that cannot be printed is shown by six.
const SHOWN_PATH_MAX: usize = 128;

/// Why a transaction cannot be applied. Unless it says otherwise, nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReplayError {
    /// Of so many bytes, which is more than the log takes.
    TooLong(usize),
    Undecodable,
    /// It creates a znode of a path that no znode can have.
    Path(String),
    /// It creates a znode with a time to live that cannot be stored, ms.
    TimeToLive(i64),
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
            ReplayError::TooLong(bytes) => {
                write!(f, "its {bytes} bytes are more than the {RECORD_BYTES_MAX} that a transaction can have")
            }
            ReplayError::Path(path) => {
                let shown = &path[..path.floor_char_boundary(SHOWN_PATH_MAX)];
                write!(f, "it creates a znode of the invalid path {shown:?}")
            }
            ReplayError::TimeToLive(ttl) => {
                write!(f, "it creates a znode that lives {ttl} ms, which is not between 1 and {TTL_MAX_MS}")
            }
            ReplayError::Undecodable => f.write_str("it is not a transaction"),
            ReplayError::Header(zxid) => write!(f, "its header says that it is transaction {zxid}"),
            ReplayError::Gap(last) => write!(f, "it does not follow {last}: transactions are missing before it"),
            ReplayError::Digest { computed, written } => write!(
                f,
                "the tree after it has the digest {computed:x}, but had {written:x} for the server that wrote it"
            ),
        }
    }
}

/// What is known of the state before a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// It has all transactions before this one, and no other.
    Exact,
    /// It may have effects of this one and of later ones too, all of which are to be applied: the state is from a snapshot
    /// that was written meanwhile.
    Fuzzy,
}

impl Database {
    /// Applies the transaction `zxid` from its bytes, and holds the state against the digest that its writer computed.
    pub fn replay(&mut self, zxid: Zxid, bytes: &[u8]) -> Result<(), ReplayError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(ReplayError::TooLong(bytes.len()));
        }
        let read = self.apply_record(zxid, bytes, Before::Exact, None)?;
        let computed = self.tree.digest();
        match read.digest {
            Some(written) if written != computed => Err(ReplayError::Digest { computed, written }),
            _ => Ok(()),
        }
    }

    /// Applies the transaction `zxid`, of any length, from its bytes, and gives what was read: whose request it became of,
    /// and the digest that the tree had for its writer, where there is one. `effects` is as for [`Database::apply`].
    pub fn apply_record<'b>(
        &mut self,
        zxid: Zxid,
        bytes: &'b [u8],
        before: Before,
        effects: Option<&mut Effects>,
    ) -> Result<ReadTxn<'b>, ReplayError> {
        let read = self.read_next(zxid, bytes)?;
        if before == Before::Fuzzy {
            self.make_way(&read.txn, zxid.0);
        }
        self.apply(&read.header, &read.txn, effects);
        Ok(read)
    }

    /// Reads the transaction `zxid` from its bytes, which is to be the next one and such as can be applied. Nothing is
    /// applied yet.
    pub fn read_next<'b>(&mut self, zxid: Zxid, bytes: &'b [u8]) -> Result<ReadTxn<'b>, ReplayError> {
        let read = Txn::read(bytes, &mut self.acls).map_err(|_| ReplayError::Undecodable)?;
        if read.header.zxid != zxid.0 {
            return Err(ReplayError::Header(Zxid(read.header.zxid)));
        }
        let last = self.last_zxid;
        let is_next = zxid.0.checked_sub(1) == Some(last.0);
        let begins_epoch = zxid.epoch() > last.epoch() && zxid == Zxid::first_of(zxid.epoch());
        if !is_next && !begins_epoch {
            return Err(ReplayError::Gap(last));
        }
        check(&read.txn)?;
        Ok(read)
    }

    /// Reads the newest transaction once more from its bytes, which were [read](Database::read_next) before it was applied.
    ///
    /// # Panics
    /// If they were not.
    pub fn read_again<'b>(&mut self, bytes: &'b [u8]) -> ReadTxn<'b> {
        let read = Txn::read(bytes, &mut self.acls).expect("the same bytes were read before");
        assert_eq!(read.header.zxid, self.last_zxid.0, "the newest transaction is read again");
        read
    }

    /// Empties the znodes that a transaction deletes. Where one was deleted, it had no children: those that it has here
    /// were created later, and will be again. So it is where an ephemeral was deleted with its session, and what has its
    /// path now is none.
    fn make_way(&mut self, txn: &Txn<'_>, zxid: i64) {
        match txn {
            Txn::Delete { path } | Txn::DeleteContainer { path } => self.delete_below(path, zxid),
            Txn::CloseSession { ephemerals: Some(paths) } => {
                paths.iter().for_each(|path| self.delete_below(path, zxid));
            }
            Txn::Multi(members) if !has_failed(members) => {
                members.iter().for_each(|member| self.make_way(member, zxid))
            }
            _ => {}
        }
    }

    fn delete_below(&mut self, top: &str, zxid: i64) {
        // The root is never deleted.
        if path::split(top).is_none() {
            return;
        }
        // What a parent lists stands behind it, so that from the end no znode has children any more.
        let mut paths = vec![top.to_owned()];
        let mut at = 0;
        while let Some(path) = paths.get(at) {
            let children = self.tree.get(path).into_iter().flat_map(|znode| znode.children());
            let below: Vec<String> = children.map(|name| format!("{path}/{name}")).collect();
            paths.extend(below);
            at += 1;
        }
        for path in paths[1..].iter().rev() {
            self.delete(path, zxid, &mut None);
        }
    }
}

/// What else is odd finds nothing to do when it is applied: the znode is missing, or there already.
fn check(txn: &Txn<'_>) -> Result<(), ReplayError> {
    match txn {
        Txn::Create { kind: CreateKind::Ttl(ttl), .. } if !(1..=TTL_MAX_MS).contains(ttl) => {
            Err(ReplayError::TimeToLive(*ttl))
        }
        Txn::Create { path, .. } if path == path::ROOT || !path::is_valid(path) => {
            Err(ReplayError::Path(path.to_string()))
        }
        Txn::Multi(members) => members.iter().try_for_each(check),
        _ => Ok(()),
    }
}

//! What ClickHouse asks of ClickHouse Keeper beyond ZooKeeper: its records, and how its answers are formed.
//!
//! A connection may ask for these once it has read what this server can do, as ClickHouse's client does first of all; to
//! every other connection they are unknown. What they change is logged as ZooKeeper's own transactions:
//!
//! | # | operation | transaction | fails |
//! |---|---|---|---|
//! | 501 | check that there is no znode (of this version) | none | -110 if there is |
//! | 502 | create unless it exists | create, or none | as create does, but not with -110 |
//! | 503 | remove with all below, if there are at most so many | delete, or a multi of them, children first | -111 if there are more |
//! | 504 | check version and Stat; -1 in a field is any | none | -103 |
//! | 505 | remove if it is there, has this version and no children | delete, or none | |
//!
//! Permissions are ZooKeeper's: DELETE on the parent of each znode that goes. The reads among Keeper's operations (500,
//! 506) are the reactors' business. An answer has the types that were asked with; only the body of a multi's must be
//! formed anew, because a member may have become no member of the transaction, or many.

use std::borrow::Cow;

use crate::jute::{Malformed, Reader, Write};
use crate::request::{self, Create, Text, Versioned, opcode as zookeeper, read_member};
use crate::stat::WIRE_LENGTH;
use crate::txn::Txn;

/// The numbers of Keeper's operations.
pub mod opcode {
    pub const FILTERED_LIST: i32 = 500;
    pub const CHECK_NOT_EXISTS: i32 = 501;
    pub const CREATE_IF_NOT_EXISTS: i32 = 502;
    pub const REMOVE_RECURSIVE: i32 = 503;
    pub const CHECK_STAT: i32 = 504;
    pub const TRY_REMOVE: i32 = 505;
    pub const FILTERED_LIST_WITH_STATS_AND_DATA: i32 = 506;
}

/// remove-recursive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoveRecursive<'a> {
    pub path: Text<'a>,
    /// Of more znodes than this nothing is removed.
    pub limit: u32,
}

impl<'a> RemoveRecursive<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<RemoveRecursive<'a>, Malformed> {
        Ok(RemoveRecursive { path: reader.string()?, limit: reader.i32()? as u32 })
    }
}

/// check-stat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckStat<'a> {
    pub path: Text<'a>,
    /// -1 matches any version.
    pub version: i32,
    /// As Stats are shown.
    pub stat: [u8; WIRE_LENGTH],
}

impl<'a> CheckStat<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<CheckStat<'a>, Malformed> {
        Ok(CheckStat { path: reader.string()?, version: reader.i32()?, stat: reader.array()? })
    }
}

/// Bytes of the fields of a shown Stat, in their order.
const STAT_FIELDS: [usize; 11] = [8, 8, 8, 8, 4, 4, 4, 8, 4, 4, 8];
const _: () = {
    let (mut sum, mut field) = (0, 0);
    while field < STAT_FIELDS.len() {
        sum += STAT_FIELDS[field];
        field += 1;
    }
    assert!(sum == WIRE_LENGTH);
};

/// Whether a shown Stat has the wanted fields, of which -1 is any.
pub fn stat_matches(wanted: &[u8; WIRE_LENGTH], shown: &[u8; WIRE_LENGTH]) -> bool {
    let mut at = 0;
    STAT_FIELDS.iter().all(|length| {
        let (wanted, shown) = (&wanted[at..at + length], &shown[at..at + length]);
        at += length;
        wanted == shown || wanted.iter().all(|byte| *byte == 0xff)
    })
}

/// One member of a multi.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Member<'a> {
    ZooKeepers(request::Member<'a>),
    CheckNotExists(Versioned<'a>),
    CreateIfNotExists(Create<'a>),
    RemoveRecursive(RemoveRecursive<'a>),
    CheckStat(CheckStat<'a>),
    TryRemove(Versioned<'a>),
}

/// The members of a multi, which may be Keeper's too.
pub fn read_multi<'a>(reader: &mut Reader<'a>) -> Result<Vec<Member<'a>>, Malformed> {
    let mut members = Vec::new();
    loop {
        let opcode = reader.i32()?;
        let done = reader.bool()?;
        reader.i32()?;
        if done {
            return Ok(members);
        }
        members.push(match opcode {
            opcode::CHECK_NOT_EXISTS => Member::CheckNotExists(Versioned::read(reader)?),
            opcode::CREATE_IF_NOT_EXISTS => Member::CreateIfNotExists(Create::read(zookeeper::CREATE, reader)?),
            opcode::REMOVE_RECURSIVE => Member::RemoveRecursive(RemoveRecursive::read(reader)?),
            opcode::CHECK_STAT => Member::CheckStat(CheckStat::read(reader)?),
            opcode::TRY_REMOVE => Member::TryRemove(Versioned::read(reader)?),
            opcode => Member::ZooKeepers(read_member(opcode, reader)?),
        });
    }
}

/// The same question as [`request::asks_for_ephemeral`], of one who may ask for Keeper's operations.
pub fn asks_for_ephemeral(opcode: i32, body: &[u8]) -> bool {
    let reader = &mut Reader::new(body);
    let is_ephemeral = |create: &Create<'_>| matches!(create.flags, 1 | 3);
    match opcode {
        opcode::CREATE_IF_NOT_EXISTS => {
            Create::read(zookeeper::CREATE, reader).is_ok_and(|create| is_ephemeral(&create))
        }
        zookeeper::MULTI => read_multi(reader).is_ok_and(|members| {
            members.iter().any(|member| match member {
                Member::CreateIfNotExists(create) => is_ephemeral(create),
                Member::ZooKeepers(request::Member::Create(create)) => {
                    create.opcode != zookeeper::CREATE_CONTAINER && is_ephemeral(create)
                }
                _ => false,
            })
        }),
        opcode => request::asks_for_ephemeral(opcode, body),
    }
}

/// What becomes of a write, and how it is answered.
#[derive(Clone, Debug)]
pub struct Prepared<'a> {
    /// `None`: nothing is to be changed, which takes no zxid.
    pub txn: Option<Txn<'a>>,
    pub reply: ReplyForm<'a>,
}

impl<'a> From<Txn<'a>> for Prepared<'a> {
    fn from(txn: Txn<'a>) -> Self {
        Prepared { txn: Some(txn), reply: ReplyForm::OfTxn }
    }
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum ReplyForm<'a> {
    /// What the transaction gave.
    OfTxn,
    Empty,
    Path(Cow<'a, str>),
    /// Of a multi that succeeded: one for each member that was asked for.
    Members(Vec<Shown<'a>>),
}

/// A member's result.
#[derive(Clone, Debug)]
pub enum Shown<'a> {
    /// The transaction's next.
    OfTxn,
    /// The same under another type.
    OfTxnAs(i32),
    /// This, instead of the transaction's next so many.
    Instead { opcode: i32, path: Option<Cow<'a, str>>, members: usize },
}

impl ReplyForm<'_> {
    /// One that outlives the request.
    pub fn into_owned(self) -> ReplyForm<'static> {
        let owned = |path: Cow<'_, str>| Cow::Owned(path.into_owned());
        match self {
            ReplyForm::OfTxn => ReplyForm::OfTxn,
            ReplyForm::Empty => ReplyForm::Empty,
            ReplyForm::Path(path) => ReplyForm::Path(owned(path)),
            ReplyForm::Members(shown) => ReplyForm::Members(
                shown
                    .into_iter()
                    .map(|shown| match shown {
                        Shown::OfTxn => Shown::OfTxn,
                        Shown::OfTxnAs(opcode) => Shown::OfTxnAs(opcode),
                        Shown::Instead { opcode, path, members } => {
                            Shown::Instead { opcode, path: path.map(owned), members }
                        }
                    })
                    .collect(),
            ),
        }
    }

    /// The body of the answer, from that of the transaction.
    pub fn body<'b>(&self, of_txn: &'b [u8]) -> Cow<'b, [u8]> {
        match self {
            ReplyForm::OfTxn => Cow::Borrowed(of_txn),
            ReplyForm::Empty => Cow::Borrowed(&[]),
            ReplyForm::Path(path) => {
                let mut body = Vec::new();
                body.put_string(path);
                Cow::Owned(body)
            }
            ReplyForm::Members(shown) => Cow::Owned(form_members(shown, of_txn)),
        }
    }
}

fn form_members(shown: &[Shown<'_>], mut of_txn: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(of_txn.len());
    for shown in shown {
        match shown {
            Shown::OfTxn => body.extend_from_slice(next_result(&mut of_txn)),
            Shown::OfTxnAs(opcode) => {
                body.put_i32(*opcode);
                body.extend_from_slice(&next_result(&mut of_txn)[4..]);
            }
            Shown::Instead { opcode, path, members } => {
                for _ in 0..*members {
                    next_result(&mut of_txn);
                }
                body.put_i32(*opcode);
                body.put_bool(false);
                body.put_i32(0);
                path.iter().for_each(|path| body.put_string(path));
            }
        }
    }
    body.extend_from_slice(of_txn);
    body
}

/// Takes one result, header and all, off what applying a multi gave.
fn next_result<'b>(rest: &mut &'b [u8]) -> &'b [u8] {
    const OURS: &str = "applying a multi writes whole results";
    let mut reader = Reader::new(rest);
    let opcode = reader.i32().expect(OURS);
    reader.array::<5>().expect(OURS);
    if matches!(opcode, zookeeper::CREATE | zookeeper::CREATE2) {
        reader.buffer().expect(OURS);
    }
    if matches!(opcode, zookeeper::CREATE2 | zookeeper::SET_DATA) {
        reader.array::<WIRE_LENGTH>().expect(OURS);
    }
    if opcode == zookeeper::ERROR {
        reader.i32().expect(OURS);
    }
    let (result, after) = rest.split_at(rest.len() - reader.rest().len());
    *rest = after;
    result
}

#[cfg(test)]
mod tests {
    use super::{STAT_FIELDS, WIRE_LENGTH, stat_matches};

    #[test]
    fn every_field_of_a_stat_is_compared_unless_it_is_any() {
        let shown: [u8; WIRE_LENGTH] = std::array::from_fn(|at| at as u8);
        assert!(stat_matches(&shown, &shown));
        assert!(stat_matches(&[0xff; WIRE_LENGTH], &shown));
        let mut at = 0;
        for length in STAT_FIELDS {
            let mut wanted = shown;
            wanted[at + length - 1] ^= 1;
            assert!(!stat_matches(&wanted, &shown), "byte {at}");
            wanted[at..at + length].fill(0xff);
            assert!(stat_matches(&wanted, &shown), "byte {at}");
            at += length;
        }
    }
}

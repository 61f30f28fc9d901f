//! What a client's write is answered: a function of what was asked, of the transaction that became of it, and of what
//! applying that gave. So whoever has these three can answer, whether or not he made the transaction.
//!
//! Nearly always the answer is what applying gave. Not so for ClickHouse Keeper's operations: an answer has the types that
//! were asked with, and a member of a multi may have become several of the transaction ([`order`](crate::order)).

use std::borrow::Cow;
use std::slice;

use crate::admit::{Member, Operation};
use crate::apply::has_failed;
use crate::jute::{Reader, Write};
use crate::keeper;
use crate::request::{Text, opcode, write_multi_header};
use crate::stat::WIRE_LENGTH;
use crate::txn::Txn;

/// An answer of which only what applying gives is missing.
#[derive(Clone, Debug)]
pub enum ReplyForm<'a> {
    /// No body, and this code.
    Failed(i32),
    /// What applying the transaction gives.
    OfTxn,
    Empty,
    Path(Cow<'a, str>),
    /// Of a multi: one for each member that was asked for.
    Members(Vec<Shown<'a>>),
}

/// A member's result.
#[derive(Clone, Debug)]
pub enum Shown<'a> {
    /// That of the transaction's next member.
    OfTxn,
    /// This, instead of those of the transaction's next so many.
    Instead { opcode: i32, path: Option<Cow<'a, str>>, members: usize },
}

impl<'a> ReplyForm<'a> {
    /// The form of the answer to `operation`, of which this transaction became. Where there is nothing to change, that is a
    /// multi without members. `None`: it cannot have become of it.
    pub fn of(operation: &Operation<'a>, txn: &Txn<'_>) -> Option<ReplyForm<'a>> {
        Some(match (operation, txn) {
            (_, Txn::Error(code)) => ReplyForm::Failed(*code),
            (Operation::Create(_), Txn::Create { .. })
            | (Operation::Delete(_), Txn::Delete { .. })
            | (Operation::SetData(_), Txn::SetData { .. })
            | (Operation::SetAcl(_), Txn::SetAcl { .. })
            | (Operation::Reconfig(_), Txn::Reconfig { .. }) => ReplyForm::OfTxn,
            (Operation::Multi(Ok(members)), Txn::Multi(txns)) => ReplyForm::of_multi(members, txns)?,
            (Operation::CreateIfNotExists(create), Txn::Create { .. } | Txn::Multi(_)) => {
                ReplyForm::Path(create.path.clone()?)
            }
            (Operation::RemoveRecursive(_) | Operation::TryRemove(_), Txn::Delete { .. } | Txn::Multi(_)) => {
                ReplyForm::Empty
            }
            _ => return None,
        })
    }

    fn of_multi(members: &[Member<'a>], txns: &[Txn<'_>]) -> Option<ReplyForm<'a>> {
        if has_failed(txns) || !members.iter().any(Member::is_keepers) {
            return (members.len() == txns.len()).then_some(ReplyForm::OfTxn);
        }
        let mut rest = txns.iter();
        let shown = members.iter().map(|member| Shown::of(member, &mut rest)).collect::<Option<_>>()?;
        rest.next().is_none().then_some(ReplyForm::Members(shown))
    }

    /// One that outlives the request.
    pub fn into_owned(self) -> ReplyForm<'static> {
        let owned = |path: Cow<'_, str>| Cow::Owned(path.into_owned());
        match self {
            ReplyForm::Failed(code) => ReplyForm::Failed(code),
            ReplyForm::OfTxn => ReplyForm::OfTxn,
            ReplyForm::Empty => ReplyForm::Empty,
            ReplyForm::Path(path) => ReplyForm::Path(owned(path)),
            ReplyForm::Members(shown) => ReplyForm::Members(
                shown
                    .into_iter()
                    .map(|shown| match shown {
                        Shown::OfTxn => Shown::OfTxn,
                        Shown::Instead { opcode, path, members } => {
                            Shown::Instead { opcode, path: path.map(owned), members }
                        }
                    })
                    .collect(),
            ),
        }
    }

    /// The code in the answer's header.
    pub fn code(&self) -> i32 {
        if let ReplyForm::Failed(code) = self { *code } else { 0 }
    }

    /// The body of the answer, from what applying the transaction gave.
    pub fn body<'b>(&self, of_txn: &'b [u8]) -> Cow<'b, [u8]> {
        match self {
            ReplyForm::OfTxn => Cow::Borrowed(of_txn),
            ReplyForm::Failed(_) | ReplyForm::Empty => Cow::Borrowed(&[]),
            ReplyForm::Path(path) => {
                let mut body = Vec::new();
                body.put_string(path);
                Cow::Owned(body)
            }
            ReplyForm::Members(shown) => Cow::Owned(form_members(shown, of_txn)),
        }
    }
}

impl<'a> Shown<'a> {
    /// Takes what became of the member from the `rest` of the transaction's.
    fn of(member: &Member<'a>, rest: &mut slice::Iter<'_, Txn<'_>>) -> Option<Shown<'a>> {
        let instead = |opcode, path: Text<'a>| Some(Shown::Instead { opcode, path, members: 1 });
        let before = rest.len();
        let mut last = rest.next()?;
        match member {
            Member::Create(_) | Member::Delete(_) | Member::SetData(_) | Member::Check(_) => Some(Shown::OfTxn),
            Member::CheckNotExists(_) => instead(keeper::opcode::CHECK_NOT_EXISTS, None),
            Member::CheckStat(_) => instead(keeper::opcode::CHECK_STAT, None),
            Member::CreateIfNotExists(create) => {
                instead(keeper::opcode::CREATE_IF_NOT_EXISTS, Some(create.path.clone()?))
            }
            Member::TryRemove(_) => instead(keeper::opcode::TRY_REMOVE, None),
            Member::RemoveRecursive(remove) => {
                let top = remove.path.as_deref()?;
                while matches!(last, Txn::Delete { path } if path != top) {
                    last = rest.next()?;
                }
                Some(Shown::Instead {
                    opcode: keeper::opcode::REMOVE_RECURSIVE,
                    path: None,
                    members: before - rest.len(),
                })
            }
        }
    }
}

fn form_members(shown: &[Shown<'_>], mut of_txn: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(of_txn.len());
    for shown in shown {
        match shown {
            Shown::OfTxn => body.extend_from_slice(next_result(&mut of_txn)),
            Shown::Instead { opcode, path, members } => {
                for _ in 0..*members {
                    next_result(&mut of_txn);
                }
                write_multi_header(*opcode, false, 0, &mut body);
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
    if matches!(opcode, opcode::CREATE | opcode::CREATE2) {
        reader.buffer().expect(OURS);
    }
    if matches!(opcode, opcode::CREATE2 | opcode::SET_DATA) {
        reader.array::<WIRE_LENGTH>().expect(OURS);
    }
    if opcode == opcode::ERROR {
        reader.i32().expect(OURS);
    }
    let (result, after) = rest.split_at(rest.len() - reader.rest().len());
    *rest = after;
    result
}

#[cfg(test)]
mod tests {
    use super::{Member, Operation, ReplyForm};
    use crate::keeper::RemoveRecursive;
    use crate::request::Versioned;
    use crate::txn::Txn;

    fn delete(path: &str) -> Txn<'_> {
        Txn::Delete { path: path.into() }
    }

    fn check(path: &str) -> Txn<'_> {
        Txn::Check { path: path.into(), version: -1 }
    }

    /// Whether this can have become of a multi that removes `/a` with all below, and then perhaps `/b`.
    fn can_become(txns: Vec<Txn<'static>>) -> bool {
        let removal = RemoveRecursive { path: Some("/a".into()), limit: 9 };
        let attempt = Versioned { path: Some("/b".into()), version: -1 };
        let operation = Operation::Multi(Ok(vec![Member::RemoveRecursive(removal), Member::TryRemove(attempt)]));
        ReplyForm::of(&operation, &Txn::Multi(txns)).is_some()
    }

    #[test]
    fn a_transaction_of_another_request_is_found_out() {
        assert!(can_become(vec![delete("/a/c"), delete("/a"), delete("/b")]));
        assert!(can_become(vec![check("/a"), check("/b")]));
        assert!(can_become(vec![Txn::Error(0), Txn::Error(-111)]), "one error for each that was asked for");
        for txns in [
            vec![],
            vec![delete("/a")],
            vec![delete("/a/c"), delete("/b")],
            vec![delete("/a"), delete("/b"), delete("/c")],
            vec![Txn::Error(-111)],
        ] {
            assert!(!can_become(txns.clone()), "{txns:?}");
        }
        let single = Operation::Delete(Versioned { path: Some("/a".into()), version: -1 });
        assert!(ReplyForm::of(&single, &delete("/a")).is_some());
        assert!(ReplyForm::of(&single, &Txn::SetData { path: "/a".into(), data: None, version: 1 }).is_none());
        assert!(ReplyForm::of(&single, &Txn::Error(-101)).is_some_and(|form| form.code() == -101));
    }
}

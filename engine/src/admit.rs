//! What every server does with a client's write before anything else becomes of it, whatever its role: it decodes it.
//!
//! Nothing here looks at the state, so that a server which only forwards can answer what cannot be decoded by itself.
//! The [`Operation`] that comes out is what a leader turns into a transaction ([`order`](crate::order)), and what the
//! client's answer is formed by ([`answer`](crate::answer)). All other mistakes of a client are the leader's to find: they
//! have their place among the transactions, as in ZooKeeper.

use crate::error::Code;
use crate::jute::{Malformed, Reader};
use crate::keeper::{self, CheckStat, RemoveRecursive};
use crate::request::{Create, Reconfig, SetAcl, SetData, Versioned, opcode, read_members};

/// No server may take longer frames than this, whatever it is told, bytes.
pub const FRAME_MAX: usize = 16 << 20;

/// A client's write, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation<'a> {
    /// create, create2, createContainer, createTTL.
    Create(Create<'a>),
    Delete(Versioned<'a>),
    SetData(SetData<'a>),
    SetAcl(SetAcl<'a>),
    Reconfig(Reconfig<'a>),
    /// Unlike every other operation, a multi has its zxid before it is decoded: one that cannot be is admitted, and fails
    /// as a transaction.
    Multi(Result<Vec<Member<'a>>, Malformed>),
    /// ClickHouse Keeper's, like those that follow.
    CreateIfNotExists(Create<'a>),
    RemoveRecursive(RemoveRecursive<'a>),
    TryRemove(Versioned<'a>),
}

/// One member of a multi.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Member<'a> {
    Create(Create<'a>),
    Delete(Versioned<'a>),
    SetData(SetData<'a>),
    Check(Versioned<'a>),
    /// ClickHouse Keeper's, like those that follow.
    CheckNotExists(Versioned<'a>),
    CreateIfNotExists(Create<'a>),
    RemoveRecursive(RemoveRecursive<'a>),
    CheckStat(CheckStat<'a>),
    TryRemove(Versioned<'a>),
}

/// Decodes a write. `with_keepers`: the client may ask for ClickHouse Keeper's operations. The error is the client's answer;
/// it takes no zxid.
pub fn admit(opcode: i32, body: &[u8], with_keepers: bool) -> Result<Operation<'_>, Code> {
    if body.len() > FRAME_MAX {
        return Err(Code::Marshalling);
    }
    let reader = &mut Reader::new(body);
    let operation = match opcode {
        opcode::CREATE | opcode::CREATE2 | opcode::CREATE_CONTAINER | opcode::CREATE_TTL => {
            Create::read(opcode, reader).map(Operation::Create)
        }
        opcode::DELETE => Versioned::read(reader).map(Operation::Delete),
        opcode::SET_DATA => SetData::read(reader).map(Operation::SetData),
        opcode::SET_ACL => SetAcl::read(reader).map(Operation::SetAcl),
        opcode::RECONFIG => Reconfig::read(reader).map(Operation::Reconfig),
        opcode::MULTI => Ok(Operation::Multi(Member::read_all(reader, with_keepers))),
        keeper::opcode::CREATE_IF_NOT_EXISTS if with_keepers => {
            Create::read(opcode::CREATE, reader).map(Operation::CreateIfNotExists)
        }
        keeper::opcode::REMOVE_RECURSIVE if with_keepers => {
            RemoveRecursive::read(reader).map(Operation::RemoveRecursive)
        }
        keeper::opcode::TRY_REMOVE if with_keepers => Versioned::read(reader).map(Operation::TryRemove),
        _ => return Err(Code::Unimplemented),
    };
    operation.map_err(|Malformed| Code::Marshalling)
}

impl Operation<'_> {
    /// Whether this would create an ephemeral, if it were to succeed: a session must be known everywhere before.
    pub fn asks_for_ephemeral(&self) -> bool {
        match self {
            Operation::Create(create) | Operation::CreateIfNotExists(create) => create.asks_for_ephemeral(),
            Operation::Multi(Ok(members)) => members.iter().any(|member| match member {
                Member::Create(create) | Member::CreateIfNotExists(create) => create.asks_for_ephemeral(),
                _ => false,
            }),
            _ => false,
        }
    }
}

impl<'a> Member<'a> {
    /// Whether it is one of ClickHouse Keeper's.
    pub fn is_keepers(&self) -> bool {
        match self {
            Member::Create(_) | Member::Delete(_) | Member::SetData(_) | Member::Check(_) => false,
            Member::CheckNotExists(_)
            | Member::CreateIfNotExists(_)
            | Member::RemoveRecursive(_)
            | Member::CheckStat(_)
            | Member::TryRemove(_) => true,
        }
    }

    /// The members of a multi, or `Malformed` for anything that ZooKeeper refuses as a whole: read members, other
    /// operations, flags that name no mode, a null list or path.
    pub fn read_all(reader: &mut Reader<'a>, with_keepers: bool) -> Result<Vec<Member<'a>>, Malformed> {
        read_members(reader, |opcode, reader| match opcode {
            keeper::opcode::CHECK_NOT_EXISTS if with_keepers => Versioned::read(reader).map(Member::CheckNotExists),
            keeper::opcode::CREATE_IF_NOT_EXISTS if with_keepers => {
                Create::read(opcode::CREATE, reader).map(Member::CreateIfNotExists)
            }
            keeper::opcode::REMOVE_RECURSIVE if with_keepers => {
                RemoveRecursive::read(reader).map(Member::RemoveRecursive)
            }
            keeper::opcode::CHECK_STAT if with_keepers => CheckStat::read(reader).map(Member::CheckStat),
            keeper::opcode::TRY_REMOVE if with_keepers => Versioned::read(reader).map(Member::TryRemove),
            opcode => Member::read(opcode, reader),
        })
    }

    fn read(opcode: i32, reader: &mut Reader<'a>) -> Result<Member<'a>, Malformed> {
        let (member, has_path) = match opcode {
            opcode::CREATE | opcode::CREATE2 | opcode::CREATE_CONTAINER | opcode::CREATE_TTL => {
                let create = read_member_create(opcode, reader)?;
                let has_path = create.path.is_some();
                (Member::Create(create), has_path)
            }
            opcode::DELETE => {
                let delete = Versioned::read(reader)?;
                let has_path = delete.path.is_some();
                (Member::Delete(delete), has_path)
            }
            opcode::SET_DATA => {
                let set_data = SetData::read(reader)?;
                let has_path = set_data.path.is_some();
                (Member::SetData(set_data), has_path)
            }
            opcode::CHECK => {
                let check = Versioned::read(reader)?;
                let has_path = check.path.is_some();
                (Member::Check(check), has_path)
            }
            _ => return Err(Malformed),
        };
        if has_path { Ok(member) } else { Err(Malformed) }
    }
}

/// In a multi the flags decide the kind of create as much as the opcode: flag 4 makes a container of each, and a createTTL
/// whose flags name no TTL mode is a plain create. What a createTTL has wrong is the error of the member.
fn read_member_create<'a>(opcode: i32, reader: &mut Reader<'a>) -> Result<Create<'a>, Malformed> {
    let mut create = Create::read(opcode, reader)?;
    let with_ttl = matches!(create.flags, 5 | 6);
    if opcode == opcode::CREATE_TTL {
        if with_ttl {
            return Ok(create);
        }
        create.opcode = opcode::CREATE;
        create.ttl = -1;
    } else if create.acl.is_none() || with_ttl || !(0..=4).contains(&create.flags) {
        return Err(Malformed);
    }
    if create.flags == 4 {
        create.opcode = opcode::CREATE_CONTAINER;
    }
    Ok(create)
}

#[cfg(test)]
mod tests {
    use super::{FRAME_MAX, Member, Operation, admit};
    use crate::error::Code;
    use crate::jute::{Malformed, Reader, Write};
    use crate::keeper;
    use crate::request::{opcode, write_multi_header};

    fn create_body(flags: i32, acl_count: i32) -> Vec<u8> {
        let mut body = Vec::new();
        body.put_string("/a");
        body.put_buffer(None);
        body.put_i32(acl_count);
        body.put_i32(flags);
        body
    }

    fn multi(members: &[(i32, Vec<u8>)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (opcode, member) in members {
            write_multi_header(*opcode, false, -1, &mut body);
            body.extend_from_slice(member);
        }
        write_multi_header(-1, true, -1, &mut body);
        body
    }

    fn read_multi(body: &[u8]) -> Result<Vec<Member<'_>>, Malformed> {
        Member::read_all(&mut Reader::new(body), false)
    }

    #[test]
    fn what_cannot_be_decoded_is_refused_but_for_a_multi() {
        let whole = create_body(0, 0);
        assert!(matches!(admit(opcode::CREATE, &whole, false), Ok(Operation::Create(_))));
        assert_eq!(admit(opcode::CREATE, &whole[..whole.len() - 1], false), Err(Code::Marshalling));
        assert_eq!(admit(opcode::MULTI, &[0, 0], false), Ok(Operation::Multi(Err(Malformed))));
        for opcode in [opcode::GET_DATA, opcode::SYNC, opcode::CHECK, opcode::CREATE_SESSION, 99] {
            assert_eq!(admit(opcode, &whole, true), Err(Code::Unimplemented), "{opcode}");
        }
        let long = [&whole[..], &vec![0; FRAME_MAX]].concat();
        assert_eq!(admit(opcode::CREATE, &long, false), Err(Code::Marshalling));
    }

    #[test]
    fn keepers_operations_are_for_those_who_may_ask_for_them() {
        let body = create_body(0, 0);
        assert_eq!(admit(keeper::opcode::CREATE_IF_NOT_EXISTS, &body, false), Err(Code::Unimplemented));
        let operation = admit(keeper::opcode::CREATE_IF_NOT_EXISTS, &body, true);
        assert!(matches!(operation, Ok(Operation::CreateIfNotExists(_))));
        let body = multi(&[(keeper::opcode::TRY_REMOVE, vec![0, 0, 0, 0, 0, 0, 0, 0])]);
        assert_eq!(admit(opcode::MULTI, &body, false), Ok(Operation::Multi(Err(Malformed))));
        let Ok(Operation::Multi(Ok(members))) = admit(opcode::MULTI, &body, true) else { panic!("it is a multi") };
        assert!(matches!(members[..], [Member::TryRemove(_)]));
    }

    #[test]
    fn members_by_opcode_and_flags() {
        let body = multi(&[(opcode::CREATE, create_body(4, 0)), (opcode::CREATE2, create_body(3, 0))]);
        let members = read_multi(&body).unwrap();
        let kinds: Vec<i32> =
            members.iter().map(|m| if let Member::Create(create) = m { create.opcode } else { 0 }).collect();
        assert_eq!(kinds, [opcode::CREATE_CONTAINER, opcode::CREATE2]);
    }

    #[test]
    fn operations_that_ask_for_an_ephemeral() {
        let ephemeral = create_body(1, 0);
        for (opcode, body, asks) in [
            (opcode::CREATE, ephemeral.clone(), true),
            (opcode::CREATE2, create_body(3, 0), true),
            (opcode::CREATE, create_body(2, 0), false),
            (opcode::CREATE_CONTAINER, create_body(4, 0), false),
            (opcode::SET_DATA, ephemeral.clone(), false),
            (opcode::MULTI, multi(&[(opcode::CREATE, create_body(0, 0)), (opcode::CREATE2, ephemeral.clone())]), true),
            (opcode::MULTI, multi(&[(opcode::CREATE, create_body(0, 0))]), false),
            (opcode::MULTI, multi(&[(opcode::EXISTS, ephemeral.clone())]), false),
            (keeper::opcode::CREATE_IF_NOT_EXISTS, ephemeral.clone(), true),
            (opcode::MULTI, multi(&[(keeper::opcode::CREATE_IF_NOT_EXISTS, ephemeral.clone())]), true),
        ] {
            assert_eq!(admit(opcode, &body, true).unwrap().asks_for_ephemeral(), asks, "{opcode} {body:?}");
        }
    }

    #[test]
    fn a_create_with_ttl_goes_by_its_flags() {
        let member = |flags, acl_count| {
            let mut body = create_body(flags, acl_count);
            body.put_i64(7);
            let body = multi(&[(opcode::CREATE_TTL, body)]);
            let Ok(members) = read_multi(&body) else { panic!() };
            let [Member::Create(create)] = &members[..] else { panic!("{members:?}") };
            (create.opcode, create.flags, create.ttl, create.acl.is_some())
        };
        assert_eq!(member(5, 0), (opcode::CREATE_TTL, 5, 7, true));
        assert_eq!(member(2, 0), (opcode::CREATE, 2, -1, true));
        assert_eq!(member(4, 0), (opcode::CREATE_CONTAINER, 4, -1, true));
        assert_eq!(member(7, -1), (opcode::CREATE, 7, -1, false), "errors of the member");
    }

    #[test]
    fn what_a_multi_refuses_as_a_whole() {
        for member in [
            (opcode::EXISTS, vec![0, 0, 0, 0, 0]),
            (opcode::MULTI, vec![]),
            (opcode::CREATE, create_body(7, 0)),
            (opcode::CREATE, create_body(5, 0)),
            (opcode::CREATE, create_body(0, -1)),
            (opcode::DELETE, vec![255, 255, 255, 255, 0, 0, 0, 0]),
            (opcode::DELETE, vec![0, 0, 0, 9]),
        ] {
            assert_eq!(read_multi(&multi(&[member])), Err(Malformed));
        }
        assert_eq!(read_multi(&[]), Err(Malformed), "no end mark");
        assert_eq!(read_multi(&multi(&[])), Ok(vec![]));
    }
}

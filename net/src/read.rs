//! Reads: answered by the reactor itself, from its own view.
//!
//! A read takes no lock and touches no atomic. It decodes in place, looks one znode up, and copies what is already in
//! wire format behind a reply header.

use paddock_engine::acl::{Acl, Authority, Id, entries, perms};
use paddock_engine::error::Code;
use paddock_engine::event::EventKind;
use paddock_engine::jute::{Malformed, Reader, Write, wire_length};
use paddock_engine::request::{SetWatches, Watched, opcode};
use paddock_engine::tree::{View, Znode};

use crate::frame;
use crate::reply;
use crate::watch::{Kind, Watches};

/// What a read may look at.
pub struct ReadContext<'a> {
    pub view: View<'a>,
    /// The newest transaction in the view.
    pub zxid: i64,
    pub authority: &'a Authority,
    pub watches: &'a mut Watches,
}

/// Who reads.
#[derive(Clone, Copy)]
pub struct ReadCaller<'a> {
    pub slot: u32,
    pub ids: &'a [Id],
}

/// Whether [`answer`] serves this operation.
pub fn is_read(opcode: i32) -> bool {
    matches!(
        opcode,
        opcode::EXISTS
            | opcode::GET_DATA
            | opcode::GET_ACL
            | opcode::GET_CHILDREN
            | opcode::GET_CHILDREN2
            | opcode::PING
            | opcode::SET_WATCHES
    )
}

/// Appends the reply to a read.
///
/// # Panics
/// On an operation that is not a read.
pub fn answer(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    xid: i32,
    opcode: i32,
    body: &[u8],
    out: &mut Vec<u8>,
) {
    let unwind = out.len();
    let xid = if opcode == opcode::PING { reply::XID_PING } else { xid };
    if opcode == opcode::SET_WATCHES {
        // Its notifications come before its reply.
        let outcome = set_watches(context, caller, body, out);
        reply::write(xid, context.zxid, outcome.err().map_or(0, Code::number), &[], out);
        return;
    }
    let start = reply::begin(xid, context.zxid, 0, out);
    let outcome = match opcode {
        opcode::PING => Ok(()),
        opcode::EXISTS => exists(context, caller, body, out),
        opcode::GET_DATA => get_data(context, caller, body, out),
        opcode::GET_ACL => get_acl(context, caller, body, out),
        opcode::GET_CHILDREN => get_children(context, caller, body, false, out),
        opcode::GET_CHILDREN2 => get_children(context, caller, body, true, out),
        other => panic!("operation {other} is not a read"),
    };
    match outcome {
        Ok(()) => frame::end(out, start),
        Err(code) => {
            out.truncate(unwind);
            reply::write(xid, context.zxid, code.number(), &[], out);
        }
    }
}

fn malformed(_: Malformed) -> Code {
    Code::Marshalling
}

/// The znode, if it is there and the caller has one of the asked permissions.
fn permitted<'v>(context: &ReadContext<'v>, caller: ReadCaller<'_>, path: &str, asked: i32) -> Result<Znode<'v>, Code> {
    let znode = context.view.get(path).ok_or(Code::NoNode)?;
    if context.authority.permits(znode.acl(), asked, caller.ids) { Ok(znode) } else { Err(Code::NoAuth) }
}

fn exists(context: &mut ReadContext<'_>, caller: ReadCaller<'_>, body: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
    let request = Watched::read(&mut Reader::new(body)).map_err(malformed)?;
    let path = request.path.ok_or(Code::Marshalling)?;
    if path.contains('\0') {
        return Err(Code::BadArguments);
    }
    let found = permitted(context, caller, &path, perms::READ);
    // A watch on what does not exist tells of its creation.
    if request.watch && !matches!(found, Err(Code::NoAuth)) {
        context.watches.add(Kind::Data, &path, caller.slot);
    }
    out.extend_from_slice(found?.stat_wire());
    Ok(())
}

fn get_data(context: &mut ReadContext<'_>, caller: ReadCaller<'_>, body: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
    let request = Watched::read(&mut Reader::new(body)).map_err(malformed)?;
    let path = request.path.ok_or(Code::Marshalling)?;
    let znode = permitted(context, caller, &path, perms::READ)?;
    if request.watch {
        context.watches.add(Kind::Data, &path, caller.slot);
    }
    out.extend_from_slice(znode.data_and_stat());
    Ok(())
}

fn get_children(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    body: &[u8],
    with_stat: bool,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let request = Watched::read(&mut Reader::new(body)).map_err(malformed)?;
    let path = request.path.ok_or(Code::Marshalling)?;
    let znode = permitted(context, caller, &path, perms::READ)?;
    if request.watch {
        context.watches.add(Kind::Child, &path, caller.slot);
    }
    out.put_i32(wire_length(znode.num_children() as usize));
    znode.write_children(out);
    if with_stat {
        out.extend_from_slice(znode.stat_wire());
    }
    Ok(())
}

fn get_acl(context: &mut ReadContext<'_>, caller: ReadCaller<'_>, body: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
    let path = Reader::new(body).string().map_err(malformed)?.ok_or(Code::Marshalling)?;
    let znode = permitted(context, caller, &path, perms::READ | perms::ADMIN)?;
    let is_admin = context.authority.permits(znode.acl(), perms::ADMIN, caller.ids);
    write_acl(znode.acl(), is_admin, out);
    out.extend_from_slice(znode.stat_wire());
    Ok(())
}

/// Whoever may not change the list does not see the hashes in it.
fn write_acl(acl: &Acl, with_hashes: bool, out: &mut Vec<u8>) {
    if with_hashes {
        return paddock_engine::acl::write(acl, out);
    }
    let entries = entries(acl);
    out.put_i32(wire_length(entries.len()));
    for entry in entries {
        out.put_i32(entry.perms);
        out.put_string(&entry.id.scheme);
        match entry.id.id.split_once(':') {
            Some((user, _)) if entry.id.scheme == "digest" => out.put_string(&format!("{user}:x")),
            _ => out.put_string(&entry.id.id),
        }
    }
}

/// Arms the watches of a client that comes back, or tells it at once of what it has missed. A null path is an error only
/// when it is its turn.
fn set_watches(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let request = SetWatches::read(&mut Reader::new(body)).map_err(malformed)?;
    let mut arm_or_tell = |kind, path: &str, missed: Option<EventKind>| match missed {
        Some(event) => reply::write_notification(event, -1, path, out),
        None => context.watches.add(kind, path, caller.slot),
    };
    for path in &request.data {
        let path = path.as_deref().ok_or(Code::Marshalling)?;
        let missed = match context.view.get(path) {
            None => Some(EventKind::Deleted),
            Some(znode) => (znode.stat().mzxid > request.relative_zxid).then_some(EventKind::DataChanged),
        };
        arm_or_tell(Kind::Data, path, missed);
    }
    for path in &request.exist {
        let path = path.as_deref().ok_or(Code::Marshalling)?;
        arm_or_tell(Kind::Data, path, context.view.get(path).map(|_| EventKind::Created));
    }
    for path in &request.child {
        let path = path.as_deref().ok_or(Code::Marshalling)?;
        let missed = match context.view.get(path) {
            None => Some(EventKind::Deleted),
            Some(znode) => (znode.stat().pzxid > request.relative_zxid).then_some(EventKind::ChildrenChanged),
        };
        arm_or_tell(Kind::Child, path, missed);
    }
    Ok(())
}

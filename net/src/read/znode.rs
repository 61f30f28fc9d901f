//! Reads of one znode: exists, getData, getACL, getChildren, getChildren2.

use paddock_engine::acl::{self, perms};
use paddock_engine::error::Code;
use paddock_engine::jute::{Reader, Write, wire_length};
use paddock_engine::request::Watched;
use paddock_engine::tree::Znode;

use super::context::{ReadCaller, ReadContext, malformed};
use super::figures::STAT;
use crate::keeper;
use crate::watch::Kind;

/// Longer lists of children are refused, so that the length of the reply fits the 31 bits that a frame has for it.
const LISTING_MAX: usize = i32::MAX as usize - 1024;
/// What stands before data, and before the names of children and each of them.
pub const LENGTH: usize = 4;

pub fn exists(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let request = Watched::read(&mut Reader::new(body)).map_err(malformed)?;
    let path = request.path.ok_or(Code::Marshalling)?;
    if path.contains('\0') {
        return Err(Code::BadArguments);
    }
    let found = context.permitted(caller, &path, perms::READ);
    // A watch on what does not exist tells of its creation.
    if request.watch && !matches!(found, Err(Code::NoAuth)) {
        context.watches.add(Kind::Data, &path, caller.slot);
    }
    let stat = found?.stat_wire();
    context.figures.note(&path, stat.len());
    out.extend_from_slice(stat);
    Ok(())
}

pub fn get_data(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let request = Watched::read(&mut Reader::new(body)).map_err(malformed)?;
    let path = request.path.ok_or(Code::Marshalling)?;
    let znode = match context.permitted(caller, &path, perms::READ) {
        Err(Code::NoNode) if let Some(data) = keeper::virtual_data(&path) => {
            context.figures.note(&path, data.len() + STAT);
            keeper::write_virtual(data, out);
            return Ok(());
        }
        found => found?,
    };
    if request.watch {
        context.watches.add(Kind::Data, &path, caller.slot);
    }
    let data_and_stat = znode.data_and_stat();
    context.figures.note(&path, data_and_stat.len().saturating_sub(LENGTH));
    out.extend_from_slice(data_and_stat);
    Ok(())
}

pub fn get_children(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    body: &[u8],
    with_stat: bool,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let request = Watched::read(&mut Reader::new(body)).map_err(malformed)?;
    let path = request.path.ok_or(Code::Marshalling)?;
    let znode = context.permitted(caller, &path, perms::READ)?;
    if znode.children_bytes() > LISTING_MAX {
        return Err(Code::Marshalling);
    }
    if request.watch {
        context.watches.add(Kind::Child, &path, caller.slot);
    }
    context.figures.note(&path, names_bytes(znode) + STAT);
    write_children(znode, out);
    if with_stat {
        out.extend_from_slice(znode.stat_wire());
    }
    Ok(())
}

/// The bytes of the children's names themselves.
pub fn names_bytes(znode: Znode<'_>) -> usize {
    znode.children_bytes().saturating_sub(LENGTH * znode.num_children() as usize)
}

/// Appends the names of the children.
pub fn write_children(znode: Znode<'_>, out: &mut Vec<u8>) {
    out.put_i32(wire_length(znode.num_children() as usize));
    znode.write_children(out);
}

pub fn get_acl(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let path = Reader::new(body).string().map_err(malformed)?.ok_or(Code::Marshalling)?;
    let znode = context.permitted(caller, &path, perms::READ | perms::ADMIN)?;
    if context.authority.permits(znode.acl(), perms::ADMIN, caller.ids) {
        acl::write(znode.acl(), out);
    } else {
        acl::write_masked(znode.acl(), out);
    }
    out.extend_from_slice(znode.stat_wire());
    Ok(())
}

//! multiRead: several getData and getChildren in one request, each with its own outcome.
//!
//! ZooKeeper bounds the request and not the reply, so that a request of one frame can ask for the longest list of the
//! tree tens of thousands of times. Here the reply has at most sixteen times the bytes of the longest frame
//! that a client may send (16 MiB unless `jute.maxbuffer` says otherwise). That is far more than Java's client takes,
//! the only one that sends this operation, which refuses replies above its own `jute.maxbuffer`. A request that asks for
//! more fails as a whole with the error of a body that cannot be marshalled.

use paddock_engine::acl::perms;
use paddock_engine::error::Code;
use paddock_engine::jute::{Reader, Write};
use paddock_engine::request::{ReadMember, opcode, read_members, write_multi_header};
use paddock_engine::tree::{View, Znode};

use super::context::{ReadCaller, ReadContext, malformed};
use super::figures::STAT;
use super::znode::{LENGTH, names_bytes, write_children};

/// The bytes of a result besides its data or names: a header, and a count.
const RESULT_BYTES: usize = 16;

pub fn multi_read(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let members = read_members(&mut Reader::new(body), ReadMember::read).map_err(malformed)?;
    let room = context.reply_max();
    let start = out.len();
    for member in &members {
        let znode = context.permitted(caller, &member.path, perms::READ);
        let bytes = znode.as_ref().map_or(0, |znode| result_bytes(member, *znode));
        if bytes + RESULT_BYTES > room.saturating_sub(out.len() - start) {
            return Err(Code::Marshalling);
        }
        match znode {
            Ok(znode) => {
                write_multi_header(member.opcode, false, 0, out);
                if member.opcode == opcode::GET_DATA {
                    let data_and_stat = znode.data_and_stat();
                    context.figures.note(&member.path, data_and_stat.len().saturating_sub(LENGTH));
                    out.extend_from_slice(data_and_stat);
                } else {
                    context.figures.note(&member.path, names_bytes(znode) + STAT);
                    write_children(znode, out);
                }
            }
            Err(code) => {
                write_multi_header(opcode::ERROR, false, code.number(), out);
                out.put_i32(code.number());
            }
        }
    }
    write_multi_header(-1, true, -1, out);
    Ok(())
}

/// About how long the reply would be from this view, bytes.
pub fn reply_bytes(view: View<'_>, body: &[u8]) -> usize {
    let Ok(members) = read_members(&mut Reader::new(body), ReadMember::read) else { return 0 };
    let of = |member: &ReadMember<'_>| view.get(&member.path).map_or(0, |znode| result_bytes(member, znode));
    members.iter().map(|member| RESULT_BYTES + of(member)).sum()
}

fn result_bytes(member: &ReadMember<'_>, znode: Znode<'_>) -> usize {
    match member.opcode {
        opcode::GET_DATA => znode.data_and_stat().len(),
        _ => znode.children_bytes(),
    }
}

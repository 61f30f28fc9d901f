//! ClickHouse Keeper's reads, for a connection that has asked which of Keeper's operations there are.
//!
//! For such a connection multiRead takes exists and the filtered lists too, and the watches of its members are set, as
//! Keeper's flags say. Long replies are bounded as those of ZooKeeper's multiRead are.

use paddock_engine::acl::perms;
use paddock_engine::error::Code;
use paddock_engine::jute::{Malformed, Reader, Write, wire_length};
use paddock_engine::keeper::{self, CheckStat, stat_matches};
use paddock_engine::request::{Text, Versioned, Watched, opcode, read_members, write_multi_header};
use paddock_engine::tree::{View, Znode};

use super::context::{ReadCaller, ReadContext, malformed};
use super::znode::{exists, get_children, get_data};
use crate::watch::Kind;

/// How many children one request may look at one by one. A list that is not filtered looks at none.
const LOOKED_AT_MAX: usize = 200_000;
/// The bytes after the path and the watch of a filtered list.
const FILTER_BYTES: usize = 1;
/// The bytes after the path and the watch of a filtered list with Stats and data.
const FILTER_AND_CONTENT_BYTES: usize = 3;

/// Appends the body of the reply.
///
/// # Panics
/// On an operation that is not one of these.
pub fn answer(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    opcode: i32,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let mut may_look_at = LOOKED_AT_MAX;
    match opcode {
        opcode::MULTI_READ => multi_read(context, caller, body, out),
        keeper::opcode::FILTERED_LIST | keeper::opcode::FILTERED_LIST_WITH_STATS_AND_DATA => {
            filtered_list(context, caller, opcode, body, &mut may_look_at, out)
        }
        keeper::opcode::CHECK_NOT_EXISTS => check_not_exists(context, caller, body),
        keeper::opcode::CHECK_STAT => check_stat(context, caller, body),
        other => panic!("operation {other} is not one of Keeper's reads"),
    }
}

/// About how long the reply of one that must wait will be, bytes.
pub fn reply_bytes(view: View<'_>, body: &[u8]) -> usize {
    let path = Reader::new(body).string().ok().flatten();
    path.and_then(|path| view.get(&path)).map_or(0, |znode| znode.children_bytes())
}

fn readable<'v>(context: &ReadContext<'v>, caller: ReadCaller<'_>, path: Text<'_>) -> Result<Option<Znode<'v>>, Code> {
    match context.permitted(caller, &path.ok_or(Code::Marshalling)?, perms::READ) {
        Err(Code::NoNode) => Ok(None),
        found => found.map(Some),
    }
}

fn check_not_exists(context: &ReadContext<'_>, caller: ReadCaller<'_>, body: &[u8]) -> Result<(), Code> {
    let request = Versioned::read(&mut Reader::new(body)).map_err(malformed)?;
    let is_meant = |znode: Znode<'_>| request.version == -1 || request.version == znode.stat().version;
    match readable(context, caller, request.path)? {
        Some(znode) if is_meant(znode) => Err(Code::NodeExists),
        _ => Ok(()),
    }
}

fn check_stat(context: &ReadContext<'_>, caller: ReadCaller<'_>, body: &[u8]) -> Result<(), Code> {
    let request = CheckStat::read(&mut Reader::new(body)).map_err(malformed)?;
    let znode = readable(context, caller, request.path)?.ok_or(Code::NoNode)?;
    let is_version = request.version == -1 || request.version == znode.stat().version;
    if is_version && stat_matches(&request.stat, znode.stat_wire()) { Ok(()) } else { Err(Code::BadVersion) }
}

/// Which children are listed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filter {
    All,
    Persistent,
    Ephemeral,
}

struct FilteredList<'a> {
    path: Text<'a>,
    watch: bool,
    filter: Filter,
    /// Whether the reply has the children's Stats, and their data. `None`: the operation's reply cannot have them.
    content: Option<(bool, bool)>,
}

impl<'a> FilteredList<'a> {
    fn read(opcode: i32, reader: &mut Reader<'a>) -> Result<FilteredList<'a>, Malformed> {
        let Watched { path, watch } = Watched::read(reader)?;
        let filter = match reader.array()? {
            [0] => Filter::All,
            [1] => Filter::Persistent,
            [2] => Filter::Ephemeral,
            _ => return Err(Malformed),
        };
        let has_content = opcode == keeper::opcode::FILTERED_LIST_WITH_STATS_AND_DATA;
        let content = if has_content { Some((reader.bool()?, reader.bool()?)) } else { None };
        Ok(FilteredList { path, watch, filter, content })
    }
}

/// A filtered list: the names, the Stat of the znode itself, and then, if the operation has them, the Stats and the data of
/// the children that are listed. A caller that may not read a child may not learn whether it is ephemeral.
fn filtered_list(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    opcode: i32,
    body: &[u8],
    may_look_at: &mut usize,
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let request = FilteredList::read(opcode, &mut Reader::new(body)).map_err(malformed)?;
    let path = request.path.ok_or(Code::Marshalling)?;
    let znode = context.permitted(caller, &path, perms::READ)?;
    let (with_stat, with_data) = request.content.unwrap_or_default();
    let room = context.reply_max();
    let is_plain = request.filter == Filter::All && !with_stat && !with_data;
    if znode.children_bytes() > room {
        return Err(Code::Marshalling);
    }
    if !is_plain {
        let children = znode.num_children() as usize;
        *may_look_at = may_look_at.checked_sub(children).ok_or(Code::Marshalling)?;
    }
    let mut lists = [List::new(), List::new(), List::new()];
    let [names, stats, data] = &mut lists;
    let mut child_path = path.trim_end_matches('/').to_owned() + "/";
    let prefix = child_path.len();
    for name in znode.children() {
        child_path.truncate(prefix);
        child_path.push_str(name);
        if is_plain {
            names.push(|out| out.put_string(name));
            continue;
        }
        let child = context.permitted(caller, &child_path, perms::READ)?;
        if request.filter != Filter::All && child.is_ephemeral() != (request.filter == Filter::Ephemeral) {
            continue;
        }
        names.push(|out| out.put_string(name));
        if with_stat {
            stats.push(|out| out.extend_from_slice(child.stat_wire()));
        }
        if with_data {
            data.push(|out| out.put_buffer(child.data()));
        }
        if names.bytes.len() + stats.bytes.len() + data.bytes.len() > room {
            return Err(Code::Marshalling);
        }
    }
    if request.watch {
        context.watches.add(Kind::Child, &path, caller.slot);
    }
    names.append_to(out);
    out.extend_from_slice(znode.stat_wire());
    if request.content.is_some() {
        stats.append_to(out);
        data.append_to(out);
    }
    Ok(())
}

/// A jute vector that grows.
struct List {
    count: usize,
    bytes: Vec<u8>,
}

impl List {
    fn new() -> List {
        List { count: 0, bytes: Vec::new() }
    }

    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.count += 1;
        write(&mut self.bytes);
    }

    fn append_to(&self, out: &mut Vec<u8>) {
        out.put_i32(wire_length(self.count));
        out.extend_from_slice(&self.bytes);
    }
}

/// multiRead: each member has its own outcome. Nothing is done before all of them are decoded.
fn multi_read(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let members = read_members(&mut Reader::new(body), read_member).map_err(malformed)?;
    let (start, room) = (out.len(), context.reply_max());
    let mut may_look_at = LOOKED_AT_MAX;
    for (opcode, record) in members {
        let unwind = out.len();
        // Keeper shows a filtered list as what getChildren2 gives.
        write_multi_header(
            if opcode == keeper::opcode::FILTERED_LIST { opcode::GET_CHILDREN2 } else { opcode },
            false,
            0,
            out,
        );
        let outcome = match opcode {
            opcode::EXISTS => exists(context, caller, record, out),
            opcode::GET_DATA => get_data(context, caller, record, out),
            opcode::GET_CHILDREN => get_children(context, caller, record, false, out),
            opcode::GET_CHILDREN2 => get_children(context, caller, record, true, out),
            opcode => filtered_list(context, caller, opcode, record, &mut may_look_at, out),
        };
        if let Err(code) = outcome {
            out.truncate(unwind);
            write_multi_header(opcode::ERROR, false, code.number(), out);
            out.put_i32(code.number());
        }
        if out.len() - start > room {
            return Err(Code::Marshalling);
        }
    }
    write_multi_header(-1, true, -1, out);
    Ok(())
}

/// A member's opcode and record.
fn read_member<'a>(opcode: i32, reader: &mut Reader<'a>) -> Result<(i32, &'a [u8]), Malformed> {
    let record = reader.rest();
    let path = Watched::read(reader)?.path;
    match opcode {
        opcode::EXISTS | opcode::GET_DATA | opcode::GET_CHILDREN | opcode::GET_CHILDREN2 => {}
        keeper::opcode::FILTERED_LIST => drop(reader.array::<FILTER_BYTES>()?),
        keeper::opcode::FILTERED_LIST_WITH_STATS_AND_DATA => drop(reader.array::<FILTER_AND_CONTENT_BYTES>()?),
        _ => return Err(Malformed),
    }
    path.ok_or(Malformed)?;
    Ok((opcode, &record[..record.len() - reader.rest().len()]))
}

//! The operations that concern watches alone: addWatch, checkWatches, removeWatches, setWatches, setWatches2.
//!
//! None of them looks at an access control list, because that is done when an event is told. The events that a client has
//! missed and setWatches tells it are told whether it may read the znode or not, as by ZooKeeper.

use std::borrow::Cow;

use paddock_engine::error::Code;
use paddock_engine::event::EventKind;
use paddock_engine::jute::{Reader, Write};
use paddock_engine::keeper;
use paddock_engine::request::{Numbered, SetWatches, Text, Watched, opcode};

use super::context::{ReadCaller, ReadContext, malformed};
use crate::reply;
use crate::watch::Kind;

/// The zxid of notifications of events that the client has missed.
const ZXID_MADE_UP: i64 = -1;

/// The paths at which a read sets watches.
#[derive(PartialEq, Eq, Debug)]
pub enum WatchScope<'a> {
    Nowhere,
    At(Text<'a>),
    /// At all paths below one, or at several.
    Anywhere,
}

/// The paths at which the read sets watches if it succeeds. `is_keeper`: its connection may ask for ClickHouse Keeper's
/// operations.
pub fn watch_scope(opcode: i32, is_keeper: bool, body: &[u8]) -> WatchScope<'_> {
    let reader = &mut Reader::new(body);
    match opcode {
        opcode::EXISTS
        | opcode::GET_DATA
        | opcode::GET_CHILDREN
        | opcode::GET_CHILDREN2
        | keeper::opcode::FILTERED_LIST
        | keeper::opcode::FILTERED_LIST_WITH_STATS_AND_DATA => match Watched::read(reader) {
            Ok(Watched { path, watch: true }) => WatchScope::At(path),
            _ => WatchScope::Nowhere,
        },
        opcode::ADD_WATCH => {
            match Numbered::read(reader).map(|request| (Kind::of_mode(request.number), request.path)) {
                Ok((Some(Kind::Recursive), _)) => WatchScope::Anywhere,
                Ok((Some(_), path)) => WatchScope::At(path),
                _ => WatchScope::Nowhere,
            }
        }
        opcode::MULTI_READ if !is_keeper => WatchScope::Nowhere,
        opcode::GET_ACL
        | opcode::PING
        | opcode::CHECK_WATCHES
        | opcode::REMOVE_WATCHES
        | opcode::GET_ALL_CHILDREN_NUMBER
        | opcode::WHO_AM_I
        | keeper::opcode::CHECK_NOT_EXISTS
        | keeper::opcode::CHECK_STAT => WatchScope::Nowhere,
        // setWatches, and every operation that is not known to set none: it may wait although it need not, and misses
        // nothing.
        _ => WatchScope::Anywhere,
    }
}

/// addWatch. Its reply has a body, an error code of its own.
pub fn add(context: &mut ReadContext<'_>, caller: ReadCaller<'_>, body: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
    let request = Numbered::read(&mut Reader::new(body)).map_err(malformed)?;
    let kind = Kind::of_mode(request.number).ok_or(Code::Marshalling)?;
    context.watches.add(kind, path_of(&request.path), caller.slot);
    out.put_i32(0);
    Ok(())
}

/// checkWatches: whether there is a watch of this type.
pub fn check(context: &ReadContext<'_>, caller: ReadCaller<'_>, body: &[u8]) -> Result<(), Code> {
    let request = Numbered::read(&mut Reader::new(body)).map_err(malformed)?;
    let kinds = Kind::of_type(request.number).ok_or(Code::Marshalling)?;
    let found = context.watches.contains(kinds, path_of(&request.path), caller.slot);
    found.then_some(()).ok_or(Code::NoWatcher)
}

/// removeWatches.
pub fn remove(context: &mut ReadContext<'_>, caller: ReadCaller<'_>, body: &[u8]) -> Result<(), Code> {
    let request = Numbered::read(&mut Reader::new(body)).map_err(malformed)?;
    let kinds = Kind::of_type(request.number).ok_or(Code::Marshalling)?;
    let removed = context.watches.remove(kinds, path_of(&request.path), caller.slot);
    removed.then_some(()).ok_or(Code::NoWatcher)
}

/// The path, where null is taken for the empty path, which some clients send as null. A watch on it never fires.
fn path_of<'t>(path: &'t Text<'_>) -> &'t str {
    path.as_deref().unwrap_or_default()
}

/// setWatches and setWatches2: sets the watches of a client that comes back; where it has missed an event, tells it of the
/// event instead. Persistent watches are only set. A null list or path is an error when it is reached, so that what comes
/// before it in the request is done all the same.
pub fn set_again(
    context: &mut ReadContext<'_>,
    caller: ReadCaller<'_>,
    opcode: i32,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Code> {
    let request = SetWatches::read(opcode, &mut Reader::new(body)).map_err(malformed)?;
    let since = request.relative_zxid;
    let mut set_or_tell = |kind, path: &str, missed: Option<EventKind>| match missed {
        Some(event) => reply::write_notification(event, ZXID_MADE_UP, path, out),
        None => context.watches.add(kind, path, caller.slot),
    };
    for path in texts(&request.data)? {
        let path = path.as_deref().ok_or(Code::Marshalling)?;
        let missed = match context.view.get(path) {
            None => Some(EventKind::Deleted),
            Some(znode) => (znode.stat().mzxid > since).then_some(EventKind::DataChanged),
        };
        set_or_tell(Kind::Data, path, missed);
    }
    for path in texts(&request.exist)? {
        let path = path.as_deref().ok_or(Code::Marshalling)?;
        set_or_tell(Kind::Data, path, context.view.get(path).map(|_| EventKind::Created));
    }
    for path in texts(&request.child)? {
        let path = path.as_deref().ok_or(Code::Marshalling)?;
        let missed = match context.view.get(path) {
            None => Some(EventKind::Deleted),
            Some(znode) => (znode.stat().pzxid > since).then_some(EventKind::ChildrenChanged),
        };
        set_or_tell(Kind::Child, path, missed);
    }
    for path in texts(&request.persistent)? {
        set_or_tell(Kind::Persistent, path_of(path), None);
    }
    for path in texts(&request.recursive)? {
        set_or_tell(Kind::Recursive, path_of(path), None);
    }
    Ok(())
}

fn texts<'t>(list: &'t Option<Vec<Option<Cow<'t, str>>>>) -> Result<&'t [Text<'t>], Code> {
    list.as_deref().ok_or(Code::Marshalling)
}

#[cfg(test)]
mod tests {
    use paddock_engine::jute::Write;
    use paddock_engine::keeper;
    use paddock_engine::request::opcode;

    use super::{WatchScope, watch_scope};

    fn scope(opcode: i32, is_keeper: bool, watch: bool) -> WatchScope<'static> {
        let mut body = Vec::new();
        body.put_string("/a");
        body.put_bool(watch);
        match watch_scope(opcode, is_keeper, &body) {
            WatchScope::At(path) => WatchScope::At(path.map(|path| path.into_owned().into())),
            WatchScope::Nowhere => WatchScope::Nowhere,
            WatchScope::Anywhere => WatchScope::Anywhere,
        }
    }

    #[test]
    fn a_read_watches_where_its_flag_says() {
        let at = || WatchScope::At(Some("/a".into()));
        for opcode in [
            opcode::EXISTS,
            opcode::GET_DATA,
            opcode::GET_CHILDREN,
            opcode::GET_CHILDREN2,
            keeper::opcode::FILTERED_LIST,
            keeper::opcode::FILTERED_LIST_WITH_STATS_AND_DATA,
        ] {
            assert_eq!(
                (scope(opcode, true, true), scope(opcode, true, false)),
                (at(), WatchScope::Nowhere),
                "{opcode}"
            );
            assert_eq!(watch_scope(opcode, true, &[0, 0]), WatchScope::Nowhere, "{opcode} that cannot be read");
        }
    }

    #[test]
    fn add_watch_watches_one_path_or_all_below() {
        let scope = |mode: i32| {
            let mut body = Vec::new();
            body.put_string("/a");
            body.put_i32(mode);
            format!("{:?}", watch_scope(opcode::ADD_WATCH, false, &body))
        };
        assert_eq!([scope(0), scope(1), scope(2)], ["At(Some(\"/a\"))", "Anywhere", "Nowhere"]);
    }

    #[test]
    fn what_is_not_known_may_watch_anywhere() {
        const UNKNOWN: i32 = 4242;
        for opcode in [opcode::SET_WATCHES, opcode::SET_WATCHES2, UNKNOWN] {
            assert_eq!(scope(opcode, false, false), WatchScope::Anywhere, "{opcode}");
        }
        assert_eq!(scope(opcode::MULTI_READ, true, false), WatchScope::Anywhere);
        for opcode in [opcode::MULTI_READ, opcode::GET_ACL, opcode::PING, opcode::GET_ALL_CHILDREN_NUMBER] {
            assert_eq!(scope(opcode, false, true), WatchScope::Nowhere, "{opcode}");
        }
    }
}

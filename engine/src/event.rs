//! What watchers are told of.

use crate::acl::Acl;

/// The kinds of event, by their numbers on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(i32)]
pub enum EventKind {
    Created = 1,
    Deleted = 2,
    DataChanged = 3,
    ChildrenChanged = 4,
}

/// One event. A deletion is one event here, although it concerns watches of data and of children.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    pub kind: EventKind,
    /// The transaction that caused it.
    pub zxid: i64,
    pub path: &'a str,
    /// Whoever may not read by this list is not told: the znode's, the deleted znode's, or the parent's.
    pub acl: &'a Acl,
}

/// Events in the order in which watchers must hear of them, their paths in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Events {
    paths: String,
    list: Vec<Stored>,
}

#[derive(Clone, Debug)]
struct Stored {
    kind: EventKind,
    zxid: i64,
    /// Where the path ends in `paths`; it begins where the one before ends.
    path_end: usize,
    acl: Acl,
}

/// Room that is made ahead, events and bytes of their paths.
const ROOM: usize = 256;
const ROOM_BYTES: usize = 16 << 10;

impl Events {
    /// Takes what there is, and makes room for as many again at once, since one turn is much like the next.
    pub fn take(&mut self) -> Events {
        let paths = String::with_capacity(self.paths.len().min(ROOM_BYTES));
        let list = Vec::with_capacity(self.list.len().min(ROOM));
        std::mem::replace(self, Events { paths, list })
    }

    pub fn push(&mut self, kind: EventKind, zxid: i64, path: &str, acl: &Acl) {
        self.paths.push_str(path);
        self.list.push(Stored { kind, zxid, path_end: self.paths.len(), acl: acl.clone() });
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        let mut start = 0;
        self.list.iter().map(move |stored| {
            let path = &self.paths[start..stored.path_end];
            start = stored.path_end;
            Event { kind: stored.kind, zxid: stored.zxid, path, acl: &stored.acl }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{EventKind, Events};

    #[test]
    fn events_keep_their_order_and_paths() {
        let mut events = Events::default();
        events.push(EventKind::Created, 1, "/a/b", &None);
        events.push(EventKind::ChildrenChanged, 1, "/a", &None);
        let seen: Vec<_> = events.iter().map(|event| (event.kind, event.path.to_owned())).collect();
        assert_eq!(seen, [(EventKind::Created, "/a/b".to_owned()), (EventKind::ChildrenChanged, "/a".to_owned())]);
    }
}

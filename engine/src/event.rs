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

/// Events in the order in which watchers must hear of them. They are kept in chunks, so that very many of them are never
/// copied to make room for more.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// Those that have [`CHUNK`] events.
    full: Vec<Chunk>,
    last: Chunk,
}

/// Events with their paths in one piece of memory.
#[derive(Clone, Debug, Default)]
struct Chunk {
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

/// Events in a chunk.
const CHUNK: usize = 1 << 14;
/// Room that is made ahead, events and bytes of their paths.
const ROOM: usize = 256;
const ROOM_BYTES: usize = 16 << 10;

impl Chunk {
    fn with_as_much_room(&self) -> Chunk {
        let paths = String::with_capacity(self.paths.len().min(ROOM_BYTES));
        Chunk { paths, list: Vec::with_capacity(self.list.len().min(ROOM)) }
    }

    fn bytes(&self) -> usize {
        self.paths.capacity() + self.list.capacity() * size_of::<Stored>()
    }

    fn get(&self, index: usize) -> Event<'_> {
        let Stored { kind, zxid, path_end, acl } = &self.list[index];
        let start = if index == 0 { 0 } else { self.list[index - 1].path_end };
        Event { kind: *kind, zxid: *zxid, path: &self.paths[start..*path_end], acl }
    }
}

impl Events {
    /// Takes what there is, and makes room for as many again at once, since one turn is much like the next.
    pub fn take(&mut self) -> Events {
        let last = self.last.with_as_much_room();
        std::mem::replace(self, Events { full: Vec::new(), last })
    }

    pub fn push(&mut self, kind: EventKind, zxid: i64, path: &str, acl: &Acl) {
        if self.last.list.len() == CHUNK {
            let next = self.last.with_as_much_room();
            self.full.push(std::mem::replace(&mut self.last, next));
        }
        let Chunk { paths, list } = &mut self.last;
        paths.push_str(path);
        list.push(Stored { kind, zxid, path_end: paths.len(), acl: acl.clone() });
    }

    pub fn len(&self) -> usize {
        self.full.len() * CHUNK + self.last.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory that they take, about.
    pub fn bytes(&self) -> usize {
        self.full.iter().chain([&self.last]).map(Chunk::bytes).sum()
    }

    /// The events in their order, each by its number from 0 on.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn get(&self, number: usize) -> Event<'_> {
        assert!(number < self.len(), "there is no event {number} of {}", self.len());
        self.full.get(number / CHUNK).unwrap_or(&self.last).get(number % CHUNK)
    }

    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        (0..self.len()).map(|number| self.get(number))
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, EventKind, Events};

    #[test]
    fn events_keep_their_order_and_paths() {
        let mut events = Events::default();
        events.push(EventKind::Created, 1, "/a/b", &None);
        events.push(EventKind::ChildrenChanged, 1, "/a", &None);
        let seen: Vec<_> = events.iter().map(|event| (event.kind, event.path.to_owned())).collect();
        assert_eq!(seen, [(EventKind::Created, "/a/b".to_owned()), (EventKind::ChildrenChanged, "/a".to_owned())]);
        assert!(events.bytes() > "/a/b/a".len() && Events::default().bytes() == 0);
    }

    #[test]
    fn events_keep_their_numbers_over_many_chunks() {
        for count in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 3] {
            let mut events = Events::default();
            let path = |number: usize| format!("/{}", number % 1000);
            (0..count).for_each(|number| events.push(EventKind::Deleted, number as i64, &path(number), &None));
            let taken = events.take();
            assert_eq!((events.len(), taken.len(), taken.is_empty()), (0, count, count == 0));
            let is_right = |number: usize| {
                let event = taken.get(number);
                event.zxid == number as i64 && event.path == path(number)
            };
            assert!((0..count).all(is_right) && taken.iter().count() == count, "{count}");
        }
    }
}

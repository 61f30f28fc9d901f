//! Which watches a client has: what it is told of, and what it asks for again on its next connection. A server may tell of more,
//! as of children below a recursive watch; nobody hears of that.
//!
//! All watches have one watcher, so that a path is watched in a way or it is not. There are as many as were asked for.

use std::collections::BTreeSet;

use super::code;
use super::connect_string::Chroot;
use super::event::EventType;
use super::request::{AddWatchMode, Registration, Request, WatcherType};

/// Bytes of paths in one request for watches, about.
const SET_WATCHES_BYTES: usize = 128 << 10;

/// Paths as the client names them.
#[derive(Default, Debug)]
pub struct Watches {
    data: BTreeSet<String>,
    exist: BTreeSet<String>,
    children: BTreeSet<String>,
    persistent: BTreeSet<String>,
    recursive: BTreeSet<String>,
}

impl Watches {
    /// A request was answered with this code: what is watched from now on.
    pub fn register(&mut self, registration: Registration, code: i32) {
        match (registration, code) {
            (Registration::Exists(path) | Registration::Data(path), code::OK) => self.data.insert(path),
            (Registration::Exists(path), code::NO_NODE) => self.exist.insert(path),
            (Registration::Children(path), code::OK) => self.children.insert(path),
            (Registration::Added(path, AddWatchMode::Persistent), code::OK | code::NO_NODE) => {
                self.persistent.insert(path)
            }
            (Registration::Added(path, AddWatchMode::PersistentRecursive), code::OK | code::NO_NODE) => {
                self.recursive.insert(path)
            }
            _ => false,
        };
    }

    /// Whether anybody is to hear of this event. What lasts for one event is over then.
    pub fn take(&mut self, kind: EventType, path: &str) -> bool {
        let once = match kind {
            EventType::None => return true,
            EventType::NodeDataChanged | EventType::NodeCreated => self.data.remove(path) | self.exist.remove(path),
            EventType::NodeChildrenChanged => self.children.remove(path),
            EventType::NodeDeleted => self.data.remove(path) | self.exist.remove(path) | self.children.remove(path),
            _ => return false,
        };
        let is_above = || self.recursive.iter().any(|above| is_within(path, above));
        once || self.persistent.contains(path) || (kind != EventType::NodeChildrenChanged && is_above())
    }

    /// Removes watches, as a request for it was answered with `code`: the kinds of those that there were, in the events that
    /// tell of it.
    ///
    /// # Errors
    /// The code that the request is to have instead.
    pub fn remove(&mut self, path: &str, kind: WatcherType, local: bool, code: i32) -> Result<Vec<EventType>, i32> {
        if !self.has(path, kind) {
            return Err(code::NO_WATCHER);
        }
        if code != code::OK && !local {
            return Err(code);
        }
        let is = |wanted: WatcherType| kind == wanted || kind == WatcherType::Any;
        let mut removed = Vec::new();
        if is(WatcherType::Children) && self.children.remove(path) {
            removed.push(EventType::ChildWatchRemoved);
        }
        if is(WatcherType::Data) && (self.data.remove(path) | self.exist.remove(path)) {
            removed.push(EventType::DataWatchRemoved);
        }
        let persistent = is(WatcherType::Persistent) && self.persistent.remove(path);
        let recursive = is(WatcherType::PersistentRecursive) && self.recursive.remove(path);
        if persistent || recursive {
            removed.push(EventType::PersistentWatchRemoved);
        }
        Ok(removed)
    }

    fn has(&self, path: &str, kind: WatcherType) -> bool {
        let is = |wanted: WatcherType| kind == wanted || kind == WatcherType::Any;
        (is(WatcherType::Children) && self.children.contains(path))
            || (is(WatcherType::Data) && (self.data.contains(path) || self.exist.contains(path)))
            || (is(WatcherType::Persistent) && self.persistent.contains(path))
            || (is(WatcherType::PersistentRecursive) && self.recursive.contains(path))
    }

    /// The requests that bring all of them to another connection, for what has happened since `zxid`.
    pub fn requests(&self, chroot: &Chroot, zxid: i64) -> Vec<Request> {
        let lists = [&self.data, &self.exist, &self.children, &self.persistent, &self.recursive];
        let all = lists.iter().enumerate().flat_map(|(list, paths)| paths.iter().map(move |path| (list, path)));
        let mut requests = Vec::new();
        let (mut batch, mut bytes): ([Vec<String>; 5], usize) = Default::default();
        for (list, path) in all {
            let path = chroot.server_path(path);
            bytes += path.len();
            batch[list].push(path);
            if bytes >= SET_WATCHES_BYTES {
                requests.push(Request::set_watches(zxid, &batch));
                (batch, bytes) = Default::default();
            }
        }
        if bytes > 0 {
            requests.push(Request::set_watches(zxid, &batch));
        }
        requests
    }
}

/// Whether `path` is `above`, or lies below it.
fn is_within(path: &str, above: &str) -> bool {
    above == "/" || path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use paddock_engine::request::opcode;

    use super::Watches;
    use crate::client::code;
    use crate::client::connect_string::{Chroot, ConnectString};
    use crate::client::event::EventType;
    use crate::client::request::{AddWatchMode, Registration, WatcherType};

    fn watching(registrations: &[(Registration, i32)]) -> Watches {
        let mut watches = Watches::default();
        registrations.iter().for_each(|(registration, code)| watches.register(registration.clone(), *code));
        watches
    }

    #[test]
    fn a_watch_lasts_for_one_event() {
        let mut watches = watching(&[
            (Registration::Data("/a".into()), 0),
            (Registration::Children("/a".into()), 0),
            (Registration::Exists("/n".into()), code::NO_NODE),
            (Registration::Data("/gone".into()), code::NO_NODE),
        ]);
        assert!(watches.take(EventType::NodeDataChanged, "/a"));
        assert!(!watches.take(EventType::NodeDataChanged, "/a"));
        assert!(watches.take(EventType::NodeDeleted, "/a"));
        assert!(!watches.take(EventType::NodeChildrenChanged, "/a"));
        assert!(watches.take(EventType::NodeCreated, "/n"));
        assert!(!watches.take(EventType::NodeCreated, "/gone"));
        assert!(watches.take(EventType::None, ""));
    }

    #[test]
    fn persistent_watches_last() {
        let added = |path: &str, mode| (Registration::Added(path.into(), mode), 0);
        let mut watches =
            watching(&[added("/p", AddWatchMode::Persistent), added("/r", AddWatchMode::PersistentRecursive)]);
        for _ in 0..2 {
            assert!(watches.take(EventType::NodeChildrenChanged, "/p"));
            assert!(!watches.take(EventType::NodeDataChanged, "/p/below"));
            assert!(watches.take(EventType::NodeDataChanged, "/r/below/far"));
            assert!(!watches.take(EventType::NodeChildrenChanged, "/r"));
            assert!(!watches.take(EventType::NodeDataChanged, "/rest"));
        }
    }

    #[test]
    fn what_is_removed_is_told() {
        let all = [
            (Registration::Data("/a".into()), 0),
            (Registration::Children("/a".into()), 0),
            (Registration::Added("/a".into(), AddWatchMode::PersistentRecursive), 0),
        ];
        let mut watches = watching(&all);
        assert_eq!(watches.remove("/b", WatcherType::Any, false, 0), Err(code::NO_WATCHER));
        assert_eq!(watches.remove("/a", WatcherType::Any, false, code::CONNECTION_LOSS), Err(code::CONNECTION_LOSS));
        let any = [EventType::ChildWatchRemoved, EventType::DataWatchRemoved, EventType::PersistentWatchRemoved];
        assert_eq!(watches.remove("/a", WatcherType::Any, true, code::CONNECTION_LOSS), Ok(any.to_vec()));
        assert_eq!(watches.remove("/a", WatcherType::Any, true, 0), Err(code::NO_WATCHER));
        let mut watches = watching(&all);
        let data = watches.remove("/a", WatcherType::Data, false, 0);
        assert_eq!(data, Ok(vec![EventType::DataWatchRemoved]));
    }

    #[test]
    fn another_connection_is_asked_for_all_of_them() {
        let chroot: Chroot = ConnectString::parse("zk/app").expect("it is one").chroot;
        assert!(Watches::default().requests(&chroot, 1).is_empty());
        let watches = watching(&[(Registration::Data("/".into()), 0)]);
        let requests = watches.requests(&chroot, 1);
        assert_eq!((requests.len(), requests[0].opcode), (1, opcode::SET_WATCHES));
        assert!(requests[0].record.windows(4).any(|bytes| bytes == b"/app"));
        let long = |number: usize| format!("/{number}{}", "x".repeat(1000));
        let many: Vec<_> = (0..300).map(|number| (Registration::Data(long(number)), 0)).collect();
        assert_eq!(watching(&many).requests(&chroot, 1).len(), 3);
    }
}

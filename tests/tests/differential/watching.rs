//! Watches of all kinds. Debian's ZooKeeper (3.8) keeps one kind for each connection and path: registering another one
//! replaces it, and a child watch beside a recursive one is lost. Later versions keep them side by side. So that the two
//! can be compared, every client uses one kind only on each path, which follows from the two; beside a 3.9, any.
use crate::generator::Generator;
use paddock_tests::records::{mode, op, watcher};
use paddock_tests::request::Request;

/// Paths of one list of a setWatches at most.
const REARMED_MAX: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Standard,
    Persistent,
    Recursive,
}

/// The kind of this lane's watches on this path.
pub fn kind(lane: usize, path: &str) -> Kind {
    // FNV-1a, of which the upper bits are mixed best.
    let start = 0xcbf2_9ce4_8422_2325 ^ lane as u64;
    let hash = path.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    match hash >> 60 {
        0..=9 => Kind::Standard,
        10..=12 => Kind::Persistent,
        _ => Kind::Recursive,
    }
}

impl Generator {
    /// The kind of a watch on this path: any where they may stand side by side.
    fn kind(&mut self, path: &str) -> Kind {
        if self.current {
            return *self.random.pick(&[Kind::Standard, Kind::Persistent, Kind::Recursive]);
        }
        kind(self.lane, path)
    }

    pub fn is_standard(&self, path: Option<&str>) -> bool {
        self.current || path.is_none_or(|path| kind(self.lane, path) == Kind::Standard)
    }

    pub fn add_watch(&mut self) -> Request {
        if self.random.one_in(12) {
            let number = *self.random.pick(&[-1, 2, 3, i32::MAX, i32::MIN]);
            return Request::PathNumber { opcode: op::ADD_WATCH, path: self.path(), number };
        }
        loop {
            let path = self.path().unwrap_or_default();
            match self.kind(&path) {
                Kind::Standard => {}
                Kind::Persistent => return Request::add_watch(&path, mode::PERSISTENT),
                Kind::Recursive => return Request::add_watch(&path, mode::PERSISTENT_RECURSIVE),
            }
        }
    }

    /// A removal, often behind the question whether there is anything to remove; see `versions` for why they go together.
    pub fn remove_watches(&mut self) -> Vec<Request> {
        let path = self.path().unwrap_or_default();
        let number = match self.kind(&path) {
            _ if self.random.one_in(12) => *self.random.pick(&[0, 6, -1, i32::MAX, i32::MIN]),
            _ if self.current => *self.random.pick(&[1, 2, 3, 4, 5]),
            Kind::Standard => *self.random.pick(&[watcher::CHILDREN, watcher::DATA, watcher::ANY]),
            _ => watcher::ANY,
        };
        let removal = Request::remove_watches(&path, number);
        let alone = self.random.one_in(2) || !path.starts_with('/');
        if alone { vec![removal] } else { vec![Request::check_watches(&path, number), removal] }
    }

    pub fn set_watches(&mut self) -> Request {
        let back = *self.random.pick(&[0, 0, 1, 3, 10, 100, 100_000]);
        let relative_zxid = (self.zxid - back).max(0);
        let (data, exist) = (self.rearmed(Kind::Standard), self.rearmed(Kind::Standard));
        let child = self.rearmed(Kind::Standard);
        if self.random.one_in(2) {
            return Request::SetWatches { relative_zxid, data, exist, child };
        }
        let (persistent, recursive) = (self.rearmed(Kind::Persistent), self.rearmed(Kind::Recursive));
        Request::SetWatches2 { relative_zxid, data, exist, child, persistent, recursive }
    }

    fn rearmed(&mut self, kind: Kind) -> Vec<String> {
        let count = self.random.below(REARMED_MAX + 1);
        let mut paths: Vec<String> = (0..count).map(|_| self.paths.plain(&mut self.random)).collect();
        let (current, lane) = (self.current, self.lane);
        paths.retain(|path| current || self::kind(lane, path) == kind);
        paths
    }
}

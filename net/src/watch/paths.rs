//! The watched paths, each once, by number.
//!
//! ```text
//! path ──hash──► number ──► Path | text | watchers by kind |
//! ```
//! A number is used again when its path is watched no more. A path takes its text, 32 bytes here, and about 14 in the
//! index. Paths come from clients, so the hash has a random key: nobody can choose paths that collide.
//!
//! The hash is made piece by piece, `/a` then `/b`, so that one pass over a path gives the hashes of all its ancestors.
//! Paths that are watched recursively are in an index of their own as well: to look for them takes one look-up in a small
//! table for each level of a path, and nothing at all while there are none.

use std::hash::{BuildHasher, Hasher, RandomState};

use hashbrown::HashTable;

use super::kind::Kind;
use super::watchers::Watchers;

const ROOT: &str = "/";
/// How many paths are kept in one piece of memory. More paths get another piece, so that none is copied.
const CHUNK: usize = 1024;
/// An index with room for more paths than this frees what it does not need.
const INDEX_KEEP: usize = 1024;

/// One watched path.
pub struct Path {
    text: Box<str>,
    watchers: [Watchers; Kind::COUNT],
}

impl Path {
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn watchers(&self, kind: Kind) -> Watchers {
        self.watchers[kind as usize]
    }

    pub fn watchers_mut(&mut self, kind: Kind) -> &mut Watchers {
        &mut self.watchers[kind as usize]
    }

    pub fn is_watched(&self) -> bool {
        self.watchers.iter().any(|watchers| !watchers.is_nobody())
    }
}

/// All watched paths.
#[derive(Default)]
pub struct Paths {
    /// The paths by number, [`CHUNK`] in each.
    chunks: Vec<Vec<Path>>,
    /// Numbers that no path has.
    free: Vec<u32>,
    index: HashTable<Indexed>,
    /// The index of those with a recursive watch.
    recursive: HashTable<Indexed>,
    keys: RandomState,
}

/// An entry of an index. It holds the hash too, so that an index can grow without a look at the paths.
#[derive(Clone, Copy)]
struct Indexed {
    hash: u32,
    number: u32,
}

impl Indexed {
    fn spread(&self) -> u64 {
        spread(self.hash)
    }
}

/// Spreads a hash of 32 bits over 64: a hash table needs low bits that differ and high bits that differ.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Paths {
    /// The number of a path that is watched.
    pub fn find(&self, path: &str) -> Option<u32> {
        find_in(&self.index, &self.chunks, self.hash(path), path)
    }

    /// The number of a path, which is new to the index if nobody watches it.
    pub fn find_or_add(&mut self, path: &str) -> u32 {
        let hash = self.hash(path);
        if let Some(number) = find_in(&self.index, &self.chunks, hash, path) {
            return number;
        }
        let new = Path { text: path.into(), watchers: [Watchers::NOBODY; Kind::COUNT] };
        let number = match self.free.pop() {
            Some(number) => {
                *self.at_mut(number) = new;
                number
            }
            None => self.append(new),
        };
        self.index.insert_unique(spread(hash), Indexed { hash, number }, Indexed::spread);
        number
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// No number above this was given, or this one.
    pub fn numbers(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// The path that has the number, or had it last; `None` if the number was never given.
    pub fn get(&self, number: u32) -> Option<&Path> {
        self.chunks.get(number as usize / CHUNK)?.get(number as usize % CHUNK)
    }

    pub fn at(&self, number: u32) -> &Path {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    pub fn at_mut(&mut self, number: u32) -> &mut Path {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }

    /// Forgets a path that nobody watches.
    pub fn remove(&mut self, number: u32) {
        let text = std::mem::take(&mut self.at_mut(number).text);
        let hash = self.hash(&text);
        remove_from(&mut self.index, hash, number);
        self.free.push(number);
        if self.index.is_empty() {
            // All numbers are free: what paths were kept in is given back.
            *self = Paths { keys: self.keys.clone(), ..Paths::default() };
        }
    }

    /// Notes that a path has its first recursive watch.
    pub fn add_recursive(&mut self, number: u32) {
        let hash = self.hash(&self.at(number).text);
        self.recursive.insert_unique(spread(hash), Indexed { hash, number }, Indexed::spread);
    }

    /// Notes that a path has lost its last recursive watch.
    pub fn remove_recursive(&mut self, number: u32) {
        let hash = self.hash(&self.at(number).text);
        remove_from(&mut self.recursive, hash, number);
    }

    /// Calls with each path that is watched recursively, among a znode's path and its ancestors.
    pub fn recursive_over(&self, path: &str, mut found: impl FnMut(&Path)) {
        if self.recursive.is_empty() {
            return;
        }
        let mut look = |hash: u32, prefix: &str| {
            if let Some(number) = find_in(&self.recursive, &self.chunks, hash, prefix) {
                found(self.at(number));
            }
        };
        if path != ROOT {
            look(self.hash(ROOT), ROOT);
        }
        let mut hasher = self.keys.build_hasher();
        let mut end = 0;
        for piece in Pieces(path) {
            hasher.write(piece.as_bytes());
            end += piece.len();
            look(short(hasher.finish()), &path[..end]);
        }
    }

    fn append(&mut self, path: Path) -> u32 {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let last = self.chunks.len() - 1;
        self.chunks[last].push(path);
        u32::try_from(last * CHUNK + self.chunks[last].len() - 1).expect("four billion paths do not fit into memory")
    }

    fn hash(&self, path: &str) -> u32 {
        let mut hasher = self.keys.build_hasher();
        Pieces(path).for_each(|piece| hasher.write(piece.as_bytes()));
        short(hasher.finish())
    }
}

fn short(hash: u64) -> u32 {
    (hash >> 32) as u32
}

fn find_in(index: &HashTable<Indexed>, chunks: &[Vec<Path>], hash: u32, path: &str) -> Option<u32> {
    let text = |number: u32| &*chunks[number as usize / CHUNK][number as usize % CHUNK].text;
    let is_it = |indexed: &Indexed| indexed.hash == hash && text(indexed.number) == path;
    index.find(spread(hash), is_it).map(|indexed| indexed.number)
}

fn remove_from(index: &mut HashTable<Indexed>, hash: u32, number: u32) {
    let entry = index.find_entry(spread(hash), |indexed| indexed.number == number);
    entry.unwrap_or_else(|_| panic!("path {number} is not in its index")).remove();
    if index.capacity() > INDEX_KEEP && index.len() < index.capacity() / 8 {
        index.shrink_to(2 * index.len(), Indexed::spread);
    }
}

/// The pieces of a path, each with the slash before it. Any text has them, whether or not it can be a path.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.as_bytes().get(1..)?;
        let end = rest.iter().position(|byte| *byte == b'/').map_or(self.0.len(), |at| at + 1);
        let (piece, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Kind, Paths, Pieces};

    #[test]
    fn pieces_of_any_text() {
        let pieces = |text| Pieces(text).collect::<Vec<&str>>();
        assert_eq!(pieces("/a/bc"), ["/a", "/bc"]);
        assert_eq!(pieces("/"), ["/"]);
        assert_eq!(pieces(""), [""; 0]);
        assert_eq!(pieces("a//b/"), ["a", "/", "/b", "/"]);
        assert_eq!(pieces("ä/ö"), ["ä", "/ö"]);
    }

    #[test]
    fn numbers_are_used_again_and_memory_is_given_back() {
        let mut paths = Paths::default();
        let count = 3 * CHUNK as u32;
        for round in 0..3 {
            for i in 0..count {
                let number = paths.find_or_add(&format!("/{i}"));
                assert!(number < count, "round {round}");
                assert_eq!(paths.find_or_add(&format!("/{i}")), number);
            }
            for i in 1..count {
                let number = paths.find(&format!("/{i}")).unwrap();
                paths.remove(number);
                assert_eq!(paths.find(&format!("/{i}")), None);
            }
            assert!(paths.index.capacity() <= 2 * super::INDEX_KEEP, "round {round}");
        }
        paths.remove(paths.find("/0").unwrap());
        assert!(paths.chunks.is_empty() && paths.free.is_empty());
    }

    #[test]
    fn ancestors_are_found_by_their_whole_names() {
        let mut paths = Paths::default();
        for path in ["/", "/a", "/a/b", "/a/b/c/d", "/ab", "/a/b/", ""] {
            let number = paths.find_or_add(path);
            paths.add_recursive(number);
        }
        let over = |path: &str| {
            let mut found = Vec::new();
            paths.recursive_over(path, |path| found.push(path.text.to_string()));
            found
        };
        assert_eq!(over("/a/b/c"), ["/", "/a", "/a/b"]);
        assert_eq!(over("/a/b/c/d"), ["/", "/a", "/a/b", "/a/b/c/d"]);
        assert_eq!(over("/abc"), ["/"]);
        assert_eq!(over("/"), ["/"]);
        assert_eq!(paths.at(0).watchers(Kind::Data), super::Watchers::NOBODY);
    }
}

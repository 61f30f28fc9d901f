//! What is counted by namespace: by the first name of a path.
//!
//! There may be any number of first names, and clients choose them. So there is room for a bounded number, and what finds none is
//! counted together. One thread writes; a name is written once and never taken back.
//!
//! Most paths have the namespace of the one before. So their thread counts by a [`Run`], which looks at the first bytes of a path
//! and nothing else, and is told when the namespace changes, and at the latest when the thread has done what it counts.

use std::sync::OnceLock;

use crate::counter::{Batch, Summary, Totals};

/// There is room for so many, a power of two.
pub const NAMESPACES_MAX: usize = 128;
/// A name is looked for in so many places.
const PROBES: usize = 8;
/// Longer names find no room, bytes.
const NAME_MAX: usize = 256;

/// Sums by namespace, which one thread writes.
#[derive(Debug)]
pub struct Namespaces {
    places: Box<[Place]>,
    /// What found no room.
    left_out: Summary,
}

#[derive(Debug, Default)]
struct Place {
    name: OnceLock<Box<str>>,
    values: Summary,
}

impl Default for Namespaces {
    fn default() -> Namespaces {
        let places = (0..NAMESPACES_MAX).map(|_| Place::default()).collect();
        Namespaces { places, left_out: Summary::default() }
    }
}

impl Namespaces {
    /// Counts a value for the namespace of a path; the root has none. For their one writer.
    pub fn note(&self, path: &[u8], value: u64) {
        if let Some(name) = namespace_of(path) {
            self.place_of(name).map_or(&self.left_out, |at| &self.places[at].values).note(value);
        }
    }

    /// Where a name is, which has a place from now on; `None` if there is no room for it.
    fn place_of(&self, name: &[u8]) -> Option<usize> {
        let first = hash(name) as usize;
        for probe in 0..PROBES {
            let at = (first + probe) % NAMESPACES_MAX;
            let place = &self.places[at];
            if place.name.get().is_none() && !place.take(name) {
                return None;
            }
            if place.name.get().is_some_and(|known| known.as_bytes() == name) {
                return Some(at);
            }
        }
        None
    }

    /// Sums begin anew; names stay, as in ZooKeeper. For their one writer.
    pub fn reset(&self) {
        self.places.iter().for_each(|place| place.values.reset());
        self.left_out.reset();
    }

    /// Each namespace of which something was counted, with its sums.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Totals)> {
        self.places.iter().filter_map(|place| Some((&**place.name.get()?, place.values.totals())))
    }

    /// What found no room.
    pub fn left_out(&self) -> Totals {
        self.left_out.totals()
    }
}

impl Place {
    /// Takes a place that nobody has. `false`: no name may be so long, or it is no text.
    fn take(&self, name: &[u8]) -> bool {
        match std::str::from_utf8(name) {
            Ok(name) if name.len() <= NAME_MAX => self.name.set(name.into()).is_ok(),
            _ => false,
        }
    }
}

/// Values of one namespace after the other, which their thread has counted and not told.
#[derive(Debug, Default)]
pub struct Run {
    /// How the paths begin that are surely in the namespace.
    start: Start,
    /// Where the namespace is; `None` before the first.
    place: Option<usize>,
    values: Batch,
}

impl Run {
    /// Counts a value for the namespace of a path; the root has none. `namespaces` are always the same.
    #[inline]
    pub fn note<'n>(&mut self, path: &[u8], value: u64, namespaces: impl FnOnce() -> &'n Namespaces) {
        if self.start.begins(path) {
            self.values.note(value);
        } else {
            self.note_by_name(path, value, namespaces());
        }
    }

    fn note_by_name(&mut self, path: &[u8], value: u64, namespaces: &Namespaces) {
        let Some(name) = namespace_of(path) else { return };
        let known = self.place.and_then(|at| namespaces.places[at].name.get());
        if known.is_none_or(|known| known.as_bytes() != name) {
            let Some(at) = namespaces.place_of(name) else { return namespaces.left_out.note(value) };
            self.tell(namespaces);
            (self.start, self.place) = (Start::of(name), Some(at));
        }
        self.values.note(value);
    }

    /// Tells what was counted.
    pub fn tell(&mut self, namespaces: &Namespaces) {
        if let Some(at) = self.place {
            namespaces.places[at].values.take_in(self.values.take());
        }
    }
}

/// The first bytes of the paths of a namespace: a slash, its name and another one. A longer name has none, and the path of the
/// namespace itself does not begin so: these are compared by their names.
#[derive(Debug)]
struct Start {
    bytes: u128,
    mask: u128,
}

const START_BYTES: usize = size_of::<u128>();

/// With this no path begins.
impl Default for Start {
    fn default() -> Start {
        Start { bytes: 1, mask: 0 }
    }
}

impl Start {
    fn of(name: &[u8]) -> Start {
        let (mut bytes, mut mask) = ([0; START_BYTES], [0; START_BYTES]);
        let start = [b"/", name, b"/"].concat();
        let Some(place) = bytes.get_mut(..start.len()) else { return Start::default() };
        place.copy_from_slice(&start);
        mask[..start.len()].fill(u8::MAX);
        Start { bytes: u128::from_ne_bytes(bytes), mask: u128::from_ne_bytes(mask) }
    }

    #[inline]
    fn begins(&self, path: &[u8]) -> bool {
        path.first_chunk().is_some_and(|first| u128::from_ne_bytes(*first) & self.mask == self.bytes)
    }
}

/// The first name of a path; `None` for the root.
pub fn namespace_of(path: &[u8]) -> Option<&[u8]> {
    let behind = path.strip_prefix(b"/")?;
    let end = behind.iter().position(|byte| *byte == b'/').unwrap_or(behind.len());
    (end > 0).then(|| &behind[..end])
}

/// FNV-1a. Names with the same one only find less room.
fn hash(name: &[u8]) -> u32 {
    name.iter().take(NAME_MAX).fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::{NAMESPACES_MAX, Namespaces, Run, Start, namespace_of};
    use crate::counter::Totals;

    #[test]
    fn a_namespace_is_the_first_name_of_a_path() {
        for (path, namespace) in [("/", None), ("", None), ("/a", Some("a")), ("/ab/c", Some("ab")), ("//c", None)] {
            assert_eq!(namespace_of(path.as_bytes()), namespace.map(str::as_bytes), "{path}");
        }
    }

    #[test]
    fn a_path_begins_as_its_namespace_does() {
        for name in ["a", "abc", "abcdefghijklmn"] {
            let start = Start::of(name.as_bytes());
            let begins = |path: String| start.begins(path.as_bytes());
            assert!(begins(format!("/{name}/and/a/long/rest")), "{name}");
            assert!(!begins(format!("/{name}x/and/a/long/rest")), "{name}");
            assert!(!begins(format!("/{name}-and-a-long-rest")), "{name}");
            assert!(!begins(format!("//{name}/and/a/long/rest")), "{name}");
            assert!(!begins(format!("/{name}")) && !begins("/".into()), "a short one is not known");
        }
        let long = Start::of(b"abcdefghijklmno");
        assert!(!long.begins(b"/abcdefghijklmno/and/a/long/rest"), "it is longer than what is compared");
        assert!(!Start::default().begins(&[0; 32]) && !Start::default().begins(&[1; 32]));
    }

    #[test]
    fn a_run_counts_as_one_by_one() {
        let (by_run, one_by_one, mut run) = (Namespaces::default(), Namespaces::default(), Run::default());
        let long = format!("/{}/x", "x".repeat(1000));
        let names = (0..4 * NAMESPACES_MAX).map(|number| format!("/n{number}/and/a/long/rest"));
        let some =
            ["/", "/a", "/a/b", "/a/and/a/long/rest", "/ab/and/a/long/rest", "/a/and/a/long/rest", "", &long, "/a"];
        let paths: Vec<String> = some.map(str::to_owned).into_iter().chain(names).collect();
        for (path, value) in paths.iter().chain(&paths[..9]).zip(1..) {
            run.note(path.as_bytes(), value, || &by_run);
            one_by_one.note(path.as_bytes(), value);
        }
        run.tell(&by_run);
        run.tell(&by_run);
        assert_eq!(by_run.iter().collect::<Vec<_>>(), one_by_one.iter().collect::<Vec<_>>());
        assert_eq!(by_run.left_out(), one_by_one.left_out());
    }

    #[test]
    fn values_are_counted_for_their_namespaces() {
        let namespaces = Namespaces::default();
        for (path, value) in [("/a/x", 3), ("/b", 9), ("/", 100), ("/a", 5)] {
            namespaces.note(path.as_bytes(), value);
        }
        let mut told: Vec<(&str, Totals)> = namespaces.iter().collect();
        told.sort_by_key(|(name, _)| *name);
        let expected = [("a", 2, 8, 3, 5), ("b", 1, 9, 9, 9)];
        let expected = expected.map(|(name, count, sum, min, max)| (name, Totals { count, sum, min, max }));
        assert_eq!(told, expected);
        namespaces.reset();
        assert!(namespaces.iter().all(|(_, totals)| totals == Totals::default()));
        assert_eq!(namespaces.iter().count(), 2, "the names stay");
    }

    #[test]
    fn what_finds_no_room_is_counted_together() {
        let namespaces = Namespaces::default();
        let names = 4 * NAMESPACES_MAX as u64;
        (0..names).for_each(|number| namespaces.note(format!("/n{number}/x").as_bytes(), 1));
        let long = format!("/{}", "x".repeat(1000));
        namespaces.note(long.as_bytes(), 7);
        let counted: u64 = namespaces.iter().map(|(_, totals)| totals.count).sum();
        assert!(namespaces.iter().count() <= NAMESPACES_MAX && counted > NAMESPACES_MAX as u64 / 2);
        assert_eq!(counted + namespaces.left_out().count, names + 1);
    }
}

//! What is counted by namespace: by the first name of a path.
//!
//! There may be any number of first names, and clients choose them. So there is room for a bounded number, and what finds none is
//! counted together. One thread writes; a name is written once and never taken back. To count what has the namespace of the one
//! before takes a comparison of its name and two stores, and otherwise a few comparisons more.

use std::sync::OnceLock;

use crate::counter::{Counter, Summary, Totals};

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
    /// Where the last one was.
    last: Counter,
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
        Namespaces { places, last: Counter::default(), left_out: Summary::default() }
    }
}

impl Namespaces {
    /// Counts a value for the namespace of a path; the root has none. For their one writer.
    #[inline]
    pub fn note(&self, path: &[u8], value: u64) {
        let last = &self.places[self.last.get() as usize % NAMESPACES_MAX];
        match last.name.get() {
            Some(known) if is_in(path, known.as_bytes()) => last.values.note(value),
            _ => self.note_other(path, value),
        }
    }

    fn note_other(&self, path: &[u8], value: u64) {
        let Some(name) = namespace_of(path) else { return };
        let first = hash(name) as usize;
        for probe in 0..PROBES {
            let at = (first + probe) % NAMESPACES_MAX;
            let place = &self.places[at];
            if place.name.get().is_none() && !place.take(name) {
                break;
            }
            if place.name.get().is_some_and(|known| known.as_bytes() == name) {
                self.last.set(at as u64);
                return place.values.note(value);
            }
        }
        self.left_out.note(value);
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

/// The first name of a path; `None` for the root.
pub fn namespace_of(path: &[u8]) -> Option<&[u8]> {
    let behind = path.strip_prefix(b"/")?;
    let end = behind.iter().position(|byte| *byte == b'/').unwrap_or(behind.len());
    (end > 0).then(|| &behind[..end])
}

/// Whether this is the first name of a path, without a search for its end.
#[inline]
fn is_in(path: &[u8], name: &[u8]) -> bool {
    let behind = path.strip_prefix(b"/").and_then(|path| path.strip_prefix(name));
    behind.is_some_and(|behind| behind.first().is_none_or(|byte| *byte == b'/'))
}

/// FNV-1a. Names with the same one only find less room.
fn hash(name: &[u8]) -> u32 {
    name.iter().take(NAME_MAX).fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::{NAMESPACES_MAX, Namespaces, is_in, namespace_of};
    use crate::counter::Totals;

    #[test]
    fn a_namespace_is_the_first_name_of_a_path() {
        for (path, namespace) in [("/", None), ("", None), ("/a", Some("a")), ("/ab/c", Some("ab")), ("//c", None)] {
            assert_eq!(namespace_of(path.as_bytes()), namespace.map(str::as_bytes), "{path}");
            for name in ["a", "ab", "abc"] {
                assert_eq!(is_in(path.as_bytes(), name.as_bytes()), namespace == Some(name), "{path}: {name}");
            }
        }
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

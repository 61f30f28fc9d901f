//! The names of a znode's children, divided into the forks and pages that they will be, before memory is asked for.
//!
//! A long list takes a while to hash and divide, and needs nothing of the tree for that but the hasher: whoever loads a
//! snapshot does it in another thread than the one that builds.

use std::borrow::Cow;

use super::hash::{Hasher, LEVELS, branch};
use super::names::{LENGTH, Names, PAGE_BYTES, WireNames};

/// A name of the list, with the length before it, and the hash that gives it its place.
#[derive(Clone, Copy)]
struct Hashed {
    hash: u64,
    start: u32,
    length: u32,
}

impl Hashed {
    fn end(&self) -> usize {
        self.start as usize + self.length as usize
    }
}

/// Forks and pages, each fork before all that is below it.
pub(super) struct Plan<'a>(pub Vec<Part<'a>>);

pub(super) enum Part<'a> {
    /// As many parts as the bitmap has ones hang below it, with so many bytes of names.
    Fork { bytes: usize, bitmap: u32 },
    /// The names of a page. A list that was walked has them side by side.
    Page(Cow<'a, [u8]>),
}

impl<'a> Plan<'a> {
    /// Of `count` names whose hashes are alike above `level`.
    ///
    /// # Panics
    /// If they have 4 GiB.
    pub fn of(hasher: &Hasher, names: Names<'a>, count: usize, level: usize) -> Plan<'a> {
        let wire = names.wire();
        let mut hashed = Vec::with_capacity(count);
        let mut start = 0;
        for name in WireNames(wire) {
            let length = u32::try_from(name.len()).expect("a name fits a frame");
            hashed.push(Hashed { hash: hasher.hash(&name[LENGTH..]), start, length });
            start = start.checked_add(length).expect("the names of one znode are less than 4 GiB");
        }
        let mut plan = Plan(Vec::new());
        plan.add(wire, &hashed, level);
        plan
    }

    fn add(&mut self, wire: &'a [u8], names: &[Hashed], level: usize) {
        let bytes: usize = names.iter().map(|name| name.length as usize).sum();
        if bytes <= PAGE_BYTES || names.len() == 1 || level == LEVELS {
            self.0.push(Part::Page(joined(wire, names)));
        } else if names.is_sorted_by_key(|name| branch(name.hash, level)) {
            // A list that was walked comes in this order.
            self.add_fork(wire, names, bytes, level);
        } else {
            let mut sorted = names.to_vec();
            sorted.sort_by_key(|name| branch(name.hash, level));
            self.add_fork(wire, &sorted, bytes, level);
        }
    }

    /// A fork over names in the order of their branches.
    fn add_fork(&mut self, wire: &'a [u8], names: &[Hashed], bytes: usize, level: usize) {
        let groups = || names.chunk_by(|one, other| branch(one.hash, level) == branch(other.hash, level));
        let bitmap = groups().fold(0, |bitmap, group| bitmap | 1 << branch(group[0].hash, level));
        self.0.push(Part::Fork { bytes, bitmap });
        groups().for_each(|group| self.add(wire, group, level + 1));
    }
}

fn joined<'a>(wire: &'a [u8], names: &[Hashed]) -> Cow<'a, [u8]> {
    let are_side_by_side = names.windows(2).all(|pair| pair[0].end() == pair[1].start as usize);
    match names {
        [first, .., last] if are_side_by_side => Cow::Borrowed(&wire[first.start as usize..last.end()]),
        _ => names.iter().flat_map(|name| &wire[name.start as usize..name.end()]).copied().collect(),
    }
}

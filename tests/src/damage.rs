//! What a disk does to a file: pure, from what the file holds to what is found there.

use crate::random::Random;

/// What a disk writes whole, bytes.
const SECTOR: usize = 512;
/// What is overwritten at a time by a page of something else, bytes.
const PAGE: usize = 4096;

/// How a file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One bit is another one.
    Flip,
    ZeroedSector,
    /// 4 KiB of something else, or as much as there is.
    Garbage,
    /// Nothing is left from there on.
    Truncated,
    /// A sector holds what another one of the file holds.
    Misdirected,
    /// 4 KiB of something else follow the end.
    Grown,
    Emptied,
    Removed,
    /// The file holds what it held a while before.
    Stale,
}

pub const KINDS: [Kind; 9] = [
    Kind::Flip,
    Kind::ZeroedSector,
    Kind::Garbage,
    Kind::Truncated,
    Kind::Misdirected,
    Kind::Grown,
    Kind::Emptied,
    Kind::Removed,
    Kind::Stale,
];

/// Where it is damaged: in what was written, that is, up to the last byte that is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Header,
    /// Behind the header.
    First,
    Middle,
    Last,
    /// Behind all that was written.
    Beyond,
}

pub const PLACES: [Place; 5] = [Place::Header, Place::First, Place::Middle, Place::Last, Place::Beyond];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    pub kind: Kind,
    pub place: Place,
}

/// Each kind at each place where that says something.
pub fn all() -> Vec<Damage> {
    let places = |kind| match kind {
        Kind::Grown | Kind::Emptied | Kind::Removed | Kind::Stale => &PLACES[..1],
        Kind::Flip | Kind::ZeroedSector | Kind::Garbage | Kind::Truncated | Kind::Misdirected => &PLACES[..],
    };
    KINDS.into_iter().flat_map(|kind| places(kind).iter().map(move |&place| Damage { kind, place })).collect()
}

/// What is found instead of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A file with this content.
    File(Vec<u8>),
    Nothing,
}

impl Place {
    /// An offset; `None` if the file has no such place.
    fn offset(self, content: &[u8]) -> Option<usize> {
        let written = content.iter().rposition(|byte| *byte != 0)? + 1;
        match self {
            Place::Header => Some(8.min(written - 1)),
            Place::First => Some(130).filter(|offset| *offset < written),
            Place::Middle => Some(written / 2),
            Place::Last => Some(written - 2.min(written)),
            Place::Beyond => Some(written.next_multiple_of(SECTOR) + 100).filter(|offset| *offset < content.len()),
        }
    }
}

impl Damage {
    /// What becomes of a file with this content, which held `stale` a while before; `None` if there is nothing to damage so.
    pub fn of(self, content: &[u8], stale: Option<&[u8]>, random: &mut Random) -> Option<Found> {
        let found = match self.kind {
            Kind::Removed => return Some(Found::Nothing),
            Kind::Emptied => Vec::new(),
            Kind::Stale => stale?.to_owned(),
            Kind::Grown => [content, &random.bytes(PAGE)].concat(),
            _ => self.at(content, self.place.offset(content)?, random)?,
        };
        (found != content).then_some(Found::File(found))
    }

    fn at(self, content: &[u8], offset: usize, random: &mut Random) -> Option<Vec<u8>> {
        let mut found = content.to_owned();
        let sector = offset / SECTOR * SECTOR;
        let end = |length: usize| (sector + length).min(content.len());
        match self.kind {
            Kind::Flip => found[offset] ^= 4,
            Kind::ZeroedSector => found[sector..end(SECTOR)].fill(0),
            Kind::Garbage => {
                let garbage = random.bytes(end(PAGE) - sector);
                found[sector..end(PAGE)].copy_from_slice(&garbage);
            }
            Kind::Truncated => found.truncate(offset),
            Kind::Misdirected => {
                let written = content.iter().rposition(|byte| *byte != 0)? + 1;
                let other = (sector + written / 2) % written / SECTOR * SECTOR;
                let whole = content.get(other..other + SECTOR).filter(|_| end(SECTOR) == sector + SECTOR)?;
                found[sector..sector + SECTOR].copy_from_slice(whole);
            }
            Kind::Grown | Kind::Emptied | Kind::Removed | Kind::Stale => unreachable!("they have no place"),
        }
        Some(found)
    }
}

#[test]
fn each_damage_changes_a_file_that_is_long_enough() {
    // No two sectors are the same.
    let mut content: Vec<u8> = (0..8000_u32).map(|number| (number.wrapping_mul(0x9e37_79b9) >> 24) as u8 | 1).collect();
    content.resize(12_000, 0);
    for damage in all() {
        let changes = damage.of(&content, Some(b"stale"), &mut Random::new(1)).is_some();
        let is_of_zeros = (damage.kind, damage.place) == (Kind::ZeroedSector, Place::Beyond);
        assert_eq!(changes, !is_of_zeros, "{damage:?}");
    }
    assert_eq!(Damage { kind: Kind::Flip, place: Place::Middle }.of(b"", None, &mut Random::new(1)), None);
}

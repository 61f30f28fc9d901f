//! A file's bytes, and which of them survive a power cut.
//!
//! A sector is on the disk whole or not at all, and sectors get there in any order. Lengths go through the journal of the file
//! system, which keeps their order. So a crash keeps any of the pending sectors and the first so many of the pending
//! lengths; a sector behind the end is lost with it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::choice::Choice;

/// What is written whole or not at all.
pub const SECTOR_BYTES: usize = 512;

type Sector = Arc<[u8; SECTOR_BYTES]>;

/// Bytes; the sectors that are not there are zero. A copy costs nothing until one of the two is changed.
#[derive(Clone, Default, Hash, Debug)]
struct Bytes {
    length: u64,
    sectors: Arc<Sectors>,
}

/// The sectors of a file that are not zero, by their numbers.
#[derive(Default, Debug)]
struct Sectors {
    by_number: BTreeMap<u64, Sector>,
    /// The whole content as it was read, since the last change.
    read: OnceLock<Arc<[u8]>>,
}

impl Clone for Sectors {
    fn clone(&self) -> Sectors {
        Sectors { by_number: self.by_number.clone(), read: OnceLock::new() }
    }
}

impl Hash for Sectors {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.by_number.hash(state);
    }
}

#[derive(Clone, Hash, Debug)]
enum Change {
    /// `None` is zeros.
    Sector(u64, Option<Sector>),
    Length(u64),
}

/// See the module.
#[derive(Clone, Default, Hash, Debug)]
pub struct Content {
    /// What a reader sees.
    now: Bytes,
    /// What is there after a power cut whatever happens.
    durable: Bytes,
    /// What has been done since, in order.
    pending: Vec<Change>,
    /// Sectors of which readers see what a sync that failed has lost; no sync makes it durable unless it is written anew.
    lost: BTreeSet<u64>,
    /// The length is likewise.
    length_is_lost: bool,
}

impl Bytes {
    fn sector(&self, number: u64) -> [u8; SECTOR_BYTES] {
        self.sectors.by_number.get(&number).map_or([0; SECTOR_BYTES], |sector| **sector)
    }

    /// The sectors, which are about to be changed.
    fn sectors_mut(&mut self) -> &mut BTreeMap<u64, Sector> {
        let Sectors { by_number, read } = Arc::make_mut(&mut self.sectors);
        read.take();
        by_number
    }

    /// All bytes.
    fn read(&self) -> Arc<[u8]> {
        let read = self.sectors.read.get_or_init(|| self.in_one_piece());
        // Only the length may have changed.
        if read.len() as u64 == self.length { read.clone() } else { self.in_one_piece() }
    }

    fn in_one_piece(&self) -> Arc<[u8]> {
        let length = usize::try_from(self.length).expect("what a test writes is in memory");
        let mut bytes = Vec::with_capacity(length);
        for (number, sector) in &self.sectors.by_number {
            // Zeros are there by their length alone.
            bytes.resize(usize::try_from(*number).expect("it is before the length") * SECTOR_BYTES, 0);
            bytes.extend_from_slice(&**sector);
        }
        bytes.resize(length, 0);
        bytes.into()
    }

    fn set_sector(&mut self, number: u64, sector: Option<Sector>) {
        let sectors = self.sectors_mut();
        match sector {
            Some(sector) => sectors.insert(number, sector),
            None => sectors.remove(&number),
        };
    }

    /// What is behind the end is zero when the file grows again.
    fn set_length(&mut self, length: u64) {
        if length < self.length && self.has_behind(length) {
            let (last, rest) = place(length);
            let behind = self.sectors_mut().split_off(&last);
            if let Some(cut) = behind.get(&last).filter(|_| rest > 0) {
                let mut cut = **cut;
                cut[rest..].fill(0);
                self.set_sector(last, sector_of(cut));
            }
        }
        self.length = length;
    }

    /// Whether there is anything but zeros behind such a length.
    fn has_behind(&self, length: u64) -> bool {
        let (last, rest) = place(length);
        let is_zero =
            |(number, sector): (&u64, &Sector)| *number == last && sector[rest..].iter().all(|byte| *byte == 0);
        !self.sectors.by_number.range(last..).all(is_zero)
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Sector(number, sector) => self.set_sector(*number, sector.clone()),
            Change::Length(length) => self.set_length(*length),
        }
    }
}

/// Which sector, and where in it.
fn place(offset: u64) -> (u64, usize) {
    let sector = SECTOR_BYTES as u64;
    (offset / sector, usize::try_from(offset % sector).expect("less than a sector"))
}

fn sector_of(bytes: [u8; SECTOR_BYTES]) -> Option<Sector> {
    (bytes != [0; SECTOR_BYTES]).then(|| Arc::new(bytes))
}

impl Content {
    pub fn length(&self) -> u64 {
        self.now.length
    }

    /// The bytes from `offset` on; returns how many there are.
    pub fn read(&self, out: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.now.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = out.len().min(left);
        let mut done = 0;
        while done < count {
            let (number, from) = place(offset + done as u64);
            let bytes = (SECTOR_BYTES - from).min(count - done);
            match self.now.sectors.by_number.get(&number) {
                Some(sector) => out[done..done + bytes].copy_from_slice(&sector[from..from + bytes]),
                None => out[done..done + bytes].fill(0),
            }
            done += bytes;
        }
        count
    }

    /// All bytes.
    pub fn bytes(&self) -> Arc<[u8]> {
        self.now.read()
    }

    /// Returns the numbers of the sectors that this changes.
    pub fn write(&mut self, bytes: &[u8], offset: u64) -> Vec<u64> {
        let mut changed = Vec::new();
        let end = offset + bytes.len() as u64;
        if end > self.now.length {
            self.set_length(end);
        } else if end > self.durable.length {
            self.set_length(self.now.length);
        }
        let mut done = 0;
        while done < bytes.len() {
            let (number, from) = place(offset + done as u64);
            let count = (SECTOR_BYTES - from).min(bytes.len() - done);
            let before = self.now.sector(number);
            let mut sector = before;
            sector[from..from + count].copy_from_slice(&bytes[done..done + count]);
            // What changes nothing adds nothing to what a crash may leave.
            if sector != before || self.lost.remove(&number) {
                self.change(Change::Sector(number, sector_of(sector)));
                changed.push(number);
            }
            done += count;
        }
        changed
    }

    /// Takes back the last write of a sector, which never got to the disk. What is durable, and what was written before the
    /// length last changed, stays.
    pub fn take_back(&mut self, number: u64) {
        let since = self.pending.iter().rposition(|change| matches!(change, Change::Length(_))).map_or(0, |at| at + 1);
        let is_it = |change: &Change| matches!(change, Change::Sector(other, _) if *other == number);
        let Some(at) = self.pending[since..].iter().rposition(is_it) else { return };
        self.pending.remove(since + at);
        let mut before = self.durable.sectors.by_number.get(&number).cloned();
        for change in &self.pending {
            match change {
                Change::Sector(other, sector) if *other == number => before = sector.clone(),
                Change::Length(length) if number >= length.div_ceil(SECTOR_BYTES as u64) => before = None,
                Change::Sector(..) | Change::Length(_) => {}
            }
        }
        self.now.set_sector(number, before);
    }

    pub fn set_length(&mut self, length: u64) {
        if length != self.now.length || self.length_is_lost {
            self.length_is_lost = false;
            self.change(Change::Length(length));
        }
    }

    fn change(&mut self, change: Change) {
        self.now.apply(&change);
        self.pending.push(change);
    }

    /// Makes everything durable.
    pub fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            self.durable.apply(&change);
        }
    }

    /// Makes the sectors of a range durable, and what is needed to find them.
    pub fn sync_range(&mut self, offset: u64, length: u64) {
        let range = place(offset).0..place(offset + length + SECTOR_BYTES as u64 - 1).0;
        let mut left: Vec<Change> = Vec::new();
        for change in std::mem::take(&mut self.pending) {
            match &change {
                Change::Sector(number, _) if !range.contains(number) => left.push(change),
                Change::Sector(..) => self.durable.apply(&change),
                Change::Length(bytes) => {
                    forget_behind(&mut left, *bytes);
                    self.durable.apply(&change);
                }
            }
        }
        self.pending = left;
    }

    /// A sync has failed: some of what is pending is durable, and the rest never will be, although readers still see it.
    pub fn lose_pending(&mut self, choice: &mut dyn Choice) {
        self.durable = self.survivor(choice);
        let Content { now, durable, pending, lost, length_is_lost } = self;
        let is_lost = |change| match change {
            Change::Sector(number, _) => (now.sector(number) != durable.sector(number)).then_some(number),
            Change::Length(_) => None,
        };
        lost.extend(pending.drain(..).filter_map(is_lost));
        *length_is_lost = now.length != durable.length;
    }

    /// What a power cut leaves.
    pub fn crashed(&self, choice: &mut dyn Choice) -> Content {
        let durable = self.survivor(choice);
        Content { now: durable.clone(), durable, ..Content::default() }
    }

    fn survivor(&self, choice: &mut dyn Choice) -> Bytes {
        let mut bytes = self.durable.clone();
        let lengths = self.pending.iter().filter(|change| matches!(change, Change::Length(_))).count();
        let mut lengths = if lengths > 0 { choice.choose(lengths + 1) } else { 0 };
        let mut late = Vec::new();
        for change in &self.pending {
            match change {
                Change::Length(_) if lengths == 0 => {}
                Change::Length(length) => {
                    lengths -= 1;
                    forget_behind(&mut late, *length);
                    bytes.apply(change);
                }
                Change::Sector(..) if choice.choose(2) == 1 => late.push(change.clone()),
                Change::Sector(..) => {}
            }
        }
        let sectors = Range { start: 0, end: bytes.length.div_ceil(SECTOR_BYTES as u64) };
        for change in late {
            if matches!(&change, Change::Sector(number, _) if sectors.contains(number)) {
                bytes.apply(&change);
            }
        }
        // Zeros behind the end of the last sector, whatever was written there.
        let length = bytes.length;
        bytes.length = u64::MAX;
        bytes.set_length(length);
        bytes
    }

    /// How many things of it a crash may keep or lose.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }
}

/// Takes away the sectors that a file lost when it became so short: they do not come back when it grows.
fn forget_behind(pending: &mut Vec<Change>, length: u64) {
    let end = length.div_ceil(SECTOR_BYTES as u64);
    pending.retain(|change| !matches!(change, Change::Sector(number, _) if *number >= end));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::choice::Every;
    use super::{Content, SECTOR_BYTES};

    /// All bytes, which are the same whichever way they are read.
    fn bytes(content: &Content) -> Vec<u8> {
        let mut bytes = vec![9; usize::try_from(content.length()).unwrap() + 1];
        let count = content.read(&mut bytes, 0);
        bytes.truncate(count);
        assert_eq!(*content.bytes(), bytes);
        bytes
    }

    /// The first byte of each sector, for everything that a crash may leave.
    fn survivors(content: &Content) -> BTreeSet<Vec<u8>> {
        let (mut every, mut found) = (Every::default(), BTreeSet::new());
        loop {
            found.insert(bytes(&content.crashed(&mut every)).into_iter().step_by(SECTOR_BYTES).collect());
            if !every.go_on() {
                return found;
            }
        }
    }

    fn set<const N: usize>(of: [&[u8]; N]) -> BTreeSet<Vec<u8>> {
        of.into_iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn it_reads_as_it_was_written() {
        let mut content = Content::default();
        content.write(b"abc", 600);
        content.write(b"x", 601);
        assert_eq!(content.length(), 603);
        assert_eq!(bytes(&content)[598..], *b"\0\0axc");
        content.set_length(601);
        content.set_length(604);
        assert_eq!(bytes(&content)[599..], *b"\0a\0\0\0");
        content.write(&[7; 2 * SECTOR_BYTES], 0);
        assert_eq!(bytes(&content), [7; 2 * SECTOR_BYTES]);
    }

    #[test]
    fn a_crash_keeps_any_of_what_was_not_synced() {
        let mut content = Content::default();
        content.write(&[1; 2 * SECTOR_BYTES], 0);
        content.sync();
        assert_eq!(survivors(&content), set([&[1, 1]]));
        content.write(&[2; 2 * SECTOR_BYTES], 0);
        assert_eq!(survivors(&content), set([&[1, 1], &[1, 2], &[2, 1], &[2, 2]]));
        content.write(&[3], 0);
        assert_eq!(survivors(&content), set([&[1, 1], &[1, 2], &[2, 1], &[2, 2], &[3, 1], &[3, 2]]));
        content.sync_range(0, 1);
        assert_eq!(survivors(&content), set([&[3, 1], &[3, 2]]));
    }

    #[test]
    fn a_file_may_have_grown_without_its_content() {
        let mut content = Content::default();
        content.write(&[1; SECTOR_BYTES], 0);
        content.write(&[2; SECTOR_BYTES], SECTOR_BYTES as u64);
        assert_eq!(survivors(&content), set([&[], &[0], &[1], &[0, 0], &[0, 2], &[1, 0], &[1, 2]]));
        content.sync_range(SECTOR_BYTES as u64, 1);
        assert_eq!(survivors(&content), set([&[0, 2], &[1, 2]]));
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut content = Content::default();
        content.write(&[1; 2 * SECTOR_BYTES], 0);
        content.sync();
        content.set_length(SECTOR_BYTES as u64);
        content.set_length(2 * SECTOR_BYTES as u64);
        assert_eq!(survivors(&content), set([&[1, 1], &[1], &[1, 0]]));
        content.write(&[2; SECTOR_BYTES], SECTOR_BYTES as u64);
        content.set_length(SECTOR_BYTES as u64);
        content.sync_range(0, 0);
        content.set_length(2 * SECTOR_BYTES as u64);
        assert_eq!(survivors(&content), set([&[1], &[1, 0]]));
    }

    #[test]
    fn what_a_failed_sync_has_lost_is_not_written_by_the_next() {
        let mut content = Content::default();
        content.write(&[1], 0);
        content.lose_pending(&mut Every::default());
        assert_eq!(bytes(&content), [1]);
        content.sync();
        assert_eq!(survivors(&content), set([&[]]));
        content.write(&[1], 0);
        content.sync();
        assert_eq!(survivors(&content), set([&[1]]), "unless it is written anew");
    }

    #[test]
    fn a_sector_that_never_got_to_the_disk_is_what_it_was_before() {
        let mut content = Content::default();
        content.write(&[1; 2 * SECTOR_BYTES], 0);
        content.sync();
        content.write(&[2; 2 * SECTOR_BYTES], 0);
        assert_eq!(content.write(&[3; SECTOR_BYTES], SECTOR_BYTES as u64), [1]);
        content.take_back(1);
        assert_eq!(bytes(&content).into_iter().step_by(SECTOR_BYTES).collect::<Vec<_>>(), [2, 2]);
        content.take_back(0);
        content.take_back(1);
        content.take_back(1);
        assert_eq!(bytes(&content), [1; 2 * SECTOR_BYTES]);
        assert_eq!(survivors(&content), set([&[1, 1]]));
    }

    #[test]
    fn zeros_take_no_memory() {
        let mut content = Content::default();
        content.write(&vec![0; 1 << 20], 0);
        assert_eq!((content.length(), content.pending(), content.now.sectors.by_number.len()), (1 << 20, 1, 0));
    }
}

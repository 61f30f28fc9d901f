//! What is measured: each cell is one kind of write, again and again.

use std::fmt;

/// How a write gets to the disk, and what makes it durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The log's own where there is io_uring: one write with RWF_DSYNC.
    RingDsync,
    /// The same without, and then fdatasync: what the one call saves.
    RingThenSync,
    /// The log's own where there is no io_uring: pwrite and fdatasync on a thread.
    Thread,
    /// pwrite into the system's cache, then fdatasync, in a file that has its length and no blocks yet.
    ZooKeeper,
}

/// Where in a file writes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    /// Over bytes that were written before, as in a segment of the log.
    Zeroed,
    /// Behind the end of the file.
    Growing,
    /// Where the file has its length and no blocks.
    Holes,
}

/// One kind of write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    pub way: Way,
    pub space: Space,
    /// Of one write.
    pub bytes: u64,
    /// Writes that are under way at a time.
    pub in_flight: usize,
}

/// Sizes of groups, bytes; each is rounded up to the unit of the log.
const SIZES: [u64; 5] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// The cell that decides about a server's latency is measured for so many times as long as another one.
const WEIGHT: u32 = 6;

impl Way {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Way::RingDsync => "io_uring, RWF_DSYNC",
            Way::RingThenSync => "io_uring, then fdatasync",
            Way::Thread => "pwrite and fdatasync on a thread",
            Way::ZooKeeper => "by the cache, as ZooKeeper",
        }
    }

    /// For programs.
    pub fn key(self) -> &'static str {
        match self {
            Way::RingDsync => "ring-dsync",
            Way::RingThenSync => "ring-fdatasync",
            Way::Thread => "thread-fdatasync",
            Way::ZooKeeper => "zookeeper",
        }
    }

    /// Whether it goes past the system's cache where the file system can do that.
    pub fn wants_direct(self) -> bool {
        self != Way::ZooKeeper
    }

    pub fn needs_ring(self) -> bool {
        matches!(self, Way::RingDsync | Way::RingThenSync)
    }
}

impl Space {
    /// For people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Space::Zeroed => "zeroed",
            Space::Growing => "growing",
            Space::Holes => "holes",
        }
    }
}

impl Cell {
    /// Whether two are measured on one file, one after the other.
    pub fn shares_file_with(&self, other: &Cell) -> bool {
        (self.way.wants_direct(), self.space) == (other.way.wants_direct(), other.space)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {} KiB, {} in flight", self.way.name(), self.space.name(), self.bytes >> 10, self.in_flight)
    }
}

/// All cells, those on one file one after the other. Without io_uring its ways are left out.
pub fn cells(unit: u64, has_ring: bool) -> Vec<Cell> {
    let rows = [
        (Way::RingDsync, Space::Zeroed, 1),
        (Way::RingDsync, Space::Zeroed, 2),
        (Way::RingThenSync, Space::Zeroed, 1),
        (Way::RingThenSync, Space::Zeroed, 2),
        (Way::Thread, Space::Zeroed, 1),
        (Way::Thread, Space::Zeroed, 2),
        (Way::RingDsync, Space::Growing, 1),
        (Way::Thread, Space::Growing, 1),
        (Way::ZooKeeper, Space::Holes, 1),
    ];
    let rows = rows.into_iter().filter(|(way, ..)| has_ring || !way.needs_ring());
    let mut sizes = SIZES.map(|bytes| bytes.next_multiple_of(unit)).to_vec();
    sizes.dedup();
    rows.flat_map(|(way, space, in_flight)| {
        sizes.iter().map(move |&bytes| Cell { way, space, bytes, in_flight }).collect::<Vec<_>>()
    })
    .collect()
}

/// What share of all the time each cell has, in the order of the cells. The sum is 1. `main` has the largest one.
pub fn shares(cells: &[Cell], main: &Cell) -> Vec<f64> {
    let weight = |cell: &Cell| f64::from(if cell == main { WEIGHT } else { 1 });
    let sum: f64 = cells.iter().map(weight).sum();
    cells.iter().map(|cell| weight(cell) / sum).collect()
}

/// The cell of a server with one client that waits for each of its writes: the smallest group, alone, by the server's way.
pub fn main_cell(cells: &[Cell], way: Way) -> Cell {
    let is_such = |cell: &&Cell| cell.way == way && cell.space == Space::Zeroed && cell.in_flight == 1;
    *cells
        .iter()
        .filter(is_such)
        .min_by_key(|cell| cell.bytes)
        .expect("each way of the log is measured in zeroed space")
}

#[cfg(test)]
mod tests {
    use super::{Cell, Way, cells, main_cell, shares};

    #[test]
    fn cells_on_one_file_are_neighbours() {
        for has_ring in [true, false] {
            let cells = cells(4096, has_ring);
            let files: Vec<&[Cell]> = cells.chunk_by(|one, next| one.shares_file_with(next)).collect();
            assert_eq!(files.len(), 3, "zeroed, growing and by the cache");
            assert_eq!(cells.iter().any(|cell| cell.way.needs_ring()), has_ring);
        }
        assert_eq!((cells(4096, true).len(), cells(4096, false).len()), (45, 20));
    }

    #[test]
    fn sizes_are_multiples_of_the_unit_and_none_is_twice() {
        let cells = cells(65_536, true);
        assert_eq!(cells.len(), 27, "4, 16 and 64 KiB are one");
        assert!(cells.iter().all(|cell| cell.bytes % 65_536 == 0));
    }

    #[test]
    fn the_cell_of_a_lone_client_has_most_of_the_time() {
        let cells = cells(512, true);
        let main = main_cell(&cells, Way::Thread);
        assert_eq!((main.way, main.bytes, main.in_flight), (Way::Thread, 4096, 1));
        let shares = shares(&cells, &main);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let at = cells.iter().position(|cell| *cell == main).expect("it is one of them");
        assert!(shares.iter().enumerate().all(|(n, share)| n == at || *share < shares[at]));
    }
}

//! All that was found out about a disk.

use super::cell::{Cell, Space, Way};
use super::measured::{Measured, Timed};
use super::model::Expectation;
use super::place::Place;
use crate::date::when;

/// See the module.
#[derive(Clone, Debug)]
pub struct Findings {
    /// One line about it.
    pub machine: String,
    pub place: Place,
    /// When it began, in milliseconds after 1970.
    pub began_ms: i64,
    /// Bytes that groups are padded to.
    pub unit: u64,
    /// Whether writes went past the system's cache.
    pub is_direct: bool,
    /// The most that the file became long.
    pub file_bytes: u64,
    /// The way that a server takes there, and why it is not io_uring if it is not.
    pub way: Way,
    pub ring_refused: Option<String>,
    /// The cells of which something was measured.
    pub measured: Vec<Measured>,
    /// How many were to be measured.
    pub planned: usize,
    /// Each write of the server's way with the smallest size, one at a time.
    pub timeline: Vec<Timed>,
}

impl Findings {
    /// Those of one way, from the smallest size to the largest.
    pub fn of(&self, way: Way, space: Space, in_flight: usize) -> Vec<&Measured> {
        let is_such = |cell: &Cell| (cell.way, cell.space, cell.in_flight) == (way, space, in_flight);
        let mut found: Vec<&Measured> = self.measured.iter().filter(|measured| is_such(&measured.cell)).collect();
        found.sort_by_key(|measured| measured.cell.bytes);
        found
    }

    /// The smallest size of one way.
    pub fn smallest(&self, way: Way, space: Space, in_flight: usize) -> Option<&Measured> {
        self.of(way, space, in_flight).first().copied()
    }

    /// The server's way with the smallest size, one at a time: what a lone client waits for.
    pub fn main(&self) -> Option<&Measured> {
        self.smallest(self.way, Space::Zeroed, 1)
    }

    /// The time of day of a write.
    pub fn when(&self, timed: &Timed) -> String {
        when(self.began_ms.saturating_add_unsigned(timed.at / 1_000_000))
    }

    /// What to expect of a server; `None` where too little was measured.
    pub fn expectation(&self) -> Option<Expectation> {
        let points = |in_flight| -> Vec<(u64, f64)> {
            let measured = self.of(self.way, Space::Zeroed, in_flight);
            measured.iter().map(|measured| (measured.cell.bytes, measured.seconds_each())).collect()
        };
        Expectation::of(&points(1), &points(2), self.unit)
    }
}

#[cfg(test)]
pub mod tests {
    use super::Findings;
    use crate::profile::fsync::cell::{Cell, Space, Way, cells};
    use crate::profile::fsync::measured::Timed;
    use crate::profile::fsync::measured::tests::measured;
    use crate::profile::fsync::place::tests::on_disk;

    /// A disk whose writes take `us` microseconds and one more for each KiB; twice as long where they grow the file, and three
    /// times as long by the cache.
    pub fn findings(us: u64, has_ring: bool) -> Findings {
        let time = |cell: &Cell| {
            let times = match (cell.way, cell.space) {
                (Way::ZooKeeper, _) => 3,
                (_, Space::Growing) => 2,
                _ => 1,
            };
            (us + (cell.bytes >> 10)) * times
        };
        let cells = cells(4096, has_ring);
        Findings {
            machine: "2 CPUs (a model), Linux 6.1, ext4".to_owned(),
            place: on_disk(),
            began_ms: 1_700_000_000_000,
            unit: 4096,
            is_direct: true,
            file_bytes: 64 << 20,
            way: if has_ring { Way::RingDsync } else { Way::Thread },
            ring_refused: (!has_ring).then(|| "Operation not permitted (os error 1)".to_owned()),
            measured: cells.iter().map(|cell| measured(*cell, time(cell), 2000)).collect(),
            planned: cells.len(),
            timeline: (0..5000)
                .map(|n| Timed { at: n * 100_000, took: if n == 70 { 9_000_000 } else { 96_000 } })
                .collect(),
        }
    }

    #[test]
    fn a_way_has_its_sizes_in_order() {
        let findings = findings(96, true);
        let sizes: Vec<u64> =
            findings.of(Way::Thread, Space::Zeroed, 2).iter().map(|measured| measured.cell.bytes >> 10).collect();
        assert_eq!(sizes, [4, 16, 64, 256, 1024]);
        assert_eq!(findings.main().map(|main| (main.cell.way, main.cell.bytes)), Some((Way::RingDsync, 4096)));
        assert!(findings.of(Way::ZooKeeper, Space::Zeroed, 1).is_empty());
        assert_eq!(findings.when(&Timed { at: 1_500_000_000, took: 0 }), "2023-11-14T22:13:21.500Z");
        let nothing = Findings { measured: Vec::new(), ..findings };
        assert!(nothing.main().is_none() && nothing.expectation().is_none());
    }
}

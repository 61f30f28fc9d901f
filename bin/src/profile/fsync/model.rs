//! How many durable writes a second a server may reach on a disk, from how long the disk takes for groups.
//!
//! A group is what has come while others were under way, and up to two are under way at a time. So N clients, each of which
//! waits for its write before it sends the next, make groups of N/2 records, and N/2 writes complete with each. One client alone
//! has one group under way, of one record. What network and processors take comes on top, so that these are upper bounds.

use paddock_engine::log::group_bytes;

/// Of a record, with path and data of a small znode.
pub const RECORD_BYTES: u64 = 200;

/// Numbers of clients that are told.
const CLIENTS: [u64; 3] = [10, 100, 1000];

/// Durable writes a second.
#[derive(Clone, PartialEq, Debug)]
pub struct Expectation {
    /// Of one client that waits for each.
    pub one: f64,
    /// Of so many such clients.
    pub clients: Vec<(u64, f64)>,
    /// Of clients that wait for nothing; `None` where two at a time were not measured.
    pub pipelined: Option<f64>,
}

impl Expectation {
    /// Both lists are bytes of a group, ascending, and seconds from one completion to the next: of one group at a time, and of
    /// two. `None` where nothing was measured.
    pub fn of(alone: &[(u64, f64)], paired: &[(u64, f64)], unit: u64) -> Option<Expectation> {
        let one = 1.0 / seconds(alone, group_bytes(1, RECORD_BYTES, unit))?;
        let of_clients = |clients: u64| {
            let bytes = group_bytes(clients.div_ceil(2), RECORD_BYTES, unit);
            Some((clients, clients as f64 / 2.0 / seconds(paired, bytes)?))
        };
        let of_size = |(bytes, seconds): &(u64, f64)| records(*bytes) as f64 / seconds;
        let pipelined = paired.iter().map(of_size).reduce(f64::max);
        Some(Expectation { one, clients: CLIENTS.into_iter().filter_map(of_clients).collect(), pipelined })
    }
}

/// How many records a group of so many bytes has.
fn records(bytes: u64) -> u64 {
    let empty = group_bytes(0, RECORD_BYTES, 1);
    bytes.saturating_sub(empty) / (group_bytes(1, RECORD_BYTES, 1) - empty)
}

/// What a group of so many bytes takes: between two sizes that were measured in proportion, below the smallest as that one, and
/// above the largest as many times as long as it is larger.
fn seconds(points: &[(u64, f64)], bytes: u64) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    if bytes <= first.0 {
        return Some(first.1);
    }
    if bytes >= last.0 {
        return Some(last.1 * bytes as f64 / last.0 as f64);
    }
    let above = points.iter().position(|(size, _)| *size >= bytes)?;
    let ((low, from), (high, to)) = (points[above - 1], points[above]);
    Some(from + (to - from) * (bytes - low) as f64 / (high - low) as f64)
}

#[cfg(test)]
mod tests {
    use super::{Expectation, records, seconds};

    const ALONE: [(u64, f64); 2] = [(4096, 100e-6), (1 << 20, 1000e-6)];
    const PAIRED: [(u64, f64); 2] = [(4096, 60e-6), (1 << 20, 600e-6)];

    #[test]
    fn clients_share_groups() {
        let expected = Expectation::of(&ALONE, &PAIRED, 4096).expect("it was measured");
        assert_eq!(expected.one.round(), 10_000.0);
        // Five records are in each group of 4 KiB, and one completes each 60 us.
        assert_eq!(expected.clients[0].0, 10);
        assert!((expected.clients[0].1 - 5.0 / 60e-6).abs() < 1.0, "{expected:?}");
        assert!(expected.clients.is_sorted_by(|one, next| one.1 < next.1), "more clients, larger groups");
        // 1 MiB has 4,765 records.
        let pipelined = expected.pipelined.expect("two at a time were measured");
        assert!((pipelined - 4765.0 / 600e-6).abs() < 1.0, "{pipelined}");
    }

    #[test]
    fn what_was_not_measured_is_not_told() {
        assert_eq!(Expectation::of(&[], &PAIRED, 4096), None);
        let alone = Expectation::of(&ALONE, &[], 512).expect("it was measured");
        assert!(alone.clients.is_empty() && alone.pipelined.is_none());
    }

    #[test]
    fn sizes_between_are_in_proportion() {
        let of = |bytes| seconds(&[(100, 1.0), (200, 2.0), (400, 3.0)], bytes).expect("it was measured");
        assert_eq!([50, 100, 150, 200, 300, 400, 800].map(of), [1.0, 1.0, 1.5, 2.0, 2.5, 3.0, 6.0]);
        assert_eq!((records(0), records(96 + 220), records(1 << 20)), (0, 1, 4765));
    }
}

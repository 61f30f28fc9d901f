//! What ClickHouse asks of ClickHouse Keeper beyond ZooKeeper, and what nothing else in this project means by `keeper`: the
//! operations and their records.
//!
//! A connection may ask for these once it has read what this server can do, as ClickHouse's client does first of all; to
//! every other connection they are unknown. What they change is logged as ZooKeeper's own transactions:
//!
//! | # | operation | transaction | fails |
//! |---|---|---|---|
//! | 501 | check that there is no znode (of this version) | none | -110 if there is |
//! | 502 | create unless it exists | create, or none | as create does, but not with -110 |
//! | 503 | remove with all below, if there are at most so many | delete, or a multi of them, children first | -111 if there are more |
//! | 504 | check version and Stat; -1 in a field is any | none | -103 |
//! | 505 | remove if it is there, has this version and no children | delete, or none | |
//!
//! Permissions are ZooKeeper's: DELETE on the parent of each znode that goes. The reads among Keeper's operations (500,
//! 506) are the reactors' business. As members of a multi, 501 and 504 are checks that see what earlier members do.

use crate::jute::{Malformed, Reader};
use crate::request::Text;
use crate::stat::WIRE_LENGTH;

/// The numbers of Keeper's operations.
pub mod opcode {
    pub const FILTERED_LIST: i32 = 500;
    pub const CHECK_NOT_EXISTS: i32 = 501;
    pub const CREATE_IF_NOT_EXISTS: i32 = 502;
    pub const REMOVE_RECURSIVE: i32 = 503;
    pub const CHECK_STAT: i32 = 504;
    pub const TRY_REMOVE: i32 = 505;
    pub const FILTERED_LIST_WITH_STATS_AND_DATA: i32 = 506;
}

/// remove-recursive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoveRecursive<'a> {
    pub path: Text<'a>,
    /// Of more znodes than this nothing is removed.
    pub limit: u32,
}

impl<'a> RemoveRecursive<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<RemoveRecursive<'a>, Malformed> {
        Ok(RemoveRecursive { path: reader.string()?, limit: reader.i32()? as u32 })
    }
}

/// check-stat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckStat<'a> {
    pub path: Text<'a>,
    /// -1 matches any version.
    pub version: i32,
    /// As Stats are shown.
    pub stat: [u8; WIRE_LENGTH],
}

impl<'a> CheckStat<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<CheckStat<'a>, Malformed> {
        Ok(CheckStat { path: reader.string()?, version: reader.i32()?, stat: reader.array()? })
    }
}

/// Bytes of the fields of a shown Stat, in their order.
const STAT_FIELDS: [usize; 11] = [8, 8, 8, 8, 4, 4, 4, 8, 4, 4, 8];
const _: () = {
    let (mut sum, mut field) = (0, 0);
    while field < STAT_FIELDS.len() {
        sum += STAT_FIELDS[field];
        field += 1;
    }
    assert!(sum == WIRE_LENGTH);
};

/// Whether a shown Stat has the wanted fields, of which -1 is any.
pub fn stat_matches(wanted: &[u8; WIRE_LENGTH], shown: &[u8; WIRE_LENGTH]) -> bool {
    let mut at = 0;
    STAT_FIELDS.iter().all(|length| {
        let (wanted, shown) = (&wanted[at..at + length], &shown[at..at + length]);
        at += length;
        wanted == shown || wanted.iter().all(|byte| *byte == 0xff)
    })
}

#[cfg(test)]
mod tests {
    use super::{STAT_FIELDS, WIRE_LENGTH, stat_matches};

    #[test]
    fn every_field_of_a_stat_is_compared_unless_it_is_any() {
        let shown: [u8; WIRE_LENGTH] = std::array::from_fn(|at| at as u8);
        assert!(stat_matches(&shown, &shown));
        assert!(stat_matches(&[0xff; WIRE_LENGTH], &shown));
        let mut at = 0;
        for length in STAT_FIELDS {
            let mut wanted = shown;
            wanted[at + length - 1] ^= 1;
            assert!(!stat_matches(&wanted, &shown), "byte {at}");
            wanted[at..at + length].fill(0xff);
            assert!(stat_matches(&wanted, &shown), "byte {at}");
            at += length;
        }
    }
}

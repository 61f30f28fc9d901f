//! In which order Java's `ConcurrentHashMap` is gone through: nobody specifies it, but for the same names it is the same.
//!
//! ZooKeeper keeps its metrics in such maps, and `mntr` tells them in their order. A map begins with 16 buckets, and has twice as
//! many as soon as it has three entries for four buckets. A key goes to the end of its bucket's list. When the buckets are doubled
//! each list is split: its longest end that goes to one half keeps its order, and what stands before that is put in front one by one.

/// The buckets of a new map.
const BUCKETS: usize = 16;

struct Table<'a> {
    buckets: Vec<Vec<&'a str>>,
    count: usize,
}

/// The keys in the order of a map into which they were put in the order in which they stand.
pub fn in_map_order<'a>(keys: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut table = Table { buckets: vec![Vec::new(); BUCKETS], count: 0 };
    keys.into_iter().for_each(|key| table.put(key));
    table.buckets.concat()
}

impl<'a> Table<'a> {
    fn put(&mut self, key: &'a str) {
        let bucket = spread(key) as usize % self.buckets.len();
        self.buckets[bucket].push(key);
        self.count += 1;
        while self.count >= self.buckets.len() / 4 * 3 {
            self.double();
        }
    }

    fn double(&mut self) {
        let size = self.buckets.len();
        let is_high = |key: &&'a str| spread(key) as usize & size != 0;
        let mut highs = Vec::with_capacity(size);
        for bucket in &mut self.buckets {
            let keys = std::mem::take(bucket);
            let last_is_high = keys.last().is_some_and(is_high);
            let run = keys.iter().rposition(|key| is_high(key) != last_is_high).map_or(0, |before| before + 1);
            let (before, end) = keys.split_at(run);
            // What stands before is put in front one by one, so that it is turned round.
            let half = |wanted: bool| -> Vec<&'a str> {
                let turned = before.iter().rev().filter(|key| is_high(key) == wanted);
                let end = end.iter().filter(|_| last_is_high == wanted);
                turned.chain(end).copied().collect()
            };
            let high = half(true);
            *bucket = half(false);
            highs.push(high);
        }
        self.buckets.extend(highs);
    }
}

/// The hash of a text, as a map of Java's uses it.
fn spread(key: &str) -> u32 {
    let hash = key.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::{in_map_order, spread};

    #[test]
    fn the_hash_is_javas() {
        // "abc".hashCode() is 96354, and that of "polygenelubricants" the least number of all.
        assert_eq!(spread("abc"), 96_354 ^ (96_354 >> 16));
        assert_eq!(spread("polygenelubricants"), 0x0000_8000);
        assert_eq!(spread(""), 0);
    }

    #[test]
    fn few_keys_stand_in_the_order_of_their_hashes() {
        assert_eq!(in_map_order(["c", "b", "a"]), ["a", "b", "c"]);
        // The code of q is 16 more than that of a, and 12 keys make 32 buckets.
        assert_eq!(in_map_order(["q", "a"]), ["q", "a"]);
        let keys = ["q", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
        let expected = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "q"];
        let ordered = in_map_order(keys);
        assert_eq!(ordered.len(), expected.len());
        assert_eq!(ordered.iter().position(|key| *key == "q"), Some(11), "{ordered:?}");
    }

    /// As a ZooKeeper 3.7.0 told them.
    #[test]
    fn gauges_and_summaries_stand_as_in_a_real_dump() {
        let gauges = include_str!("real_gauges.txt").split_whitespace();
        let made = super::super::gauges::GAUGES.iter().filter(|gauge| gauge.on != super::super::metric::On::Leader);
        let made = made.map(|gauge| gauge.metric.name).filter(|name| *name != "synced_observers");
        assert_eq!(in_map_order(made), gauges.collect::<Vec<_>>());
        let advanced = include_str!("real_advanced_summaries.txt").split_whitespace();
        let made = super::super::advanced_summaries::ADVANCED_SUMMARIES.iter().map(|metric| metric.name);
        assert_eq!(in_map_order(made), advanced.collect::<Vec<_>>());
    }

    /// The counters and summaries that 3.9 has besides were not there then.
    #[test]
    fn counters_and_basic_summaries_stand_as_in_a_real_dump() {
        let is_later = |name: &&str| {
            name.starts_with("snapshot_") || name.starts_with("restore_") || *name == "observer_sync_time"
        };
        let counters = include_str!("real_counters.txt").split_whitespace();
        let made = super::super::counters::COUNTERS.iter().map(|metric| metric.name).filter(|name| !is_later(name));
        assert_eq!(in_map_order(made), counters.collect::<Vec<_>>());
        let basic = include_str!("real_basic_summaries.txt").split_whitespace();
        let made = super::super::basic_summaries::BASIC_SUMMARIES.iter().map(|metric| metric.name);
        assert_eq!(in_map_order(made.filter(|name| !is_later(name))), basic.collect::<Vec<_>>());
    }
}

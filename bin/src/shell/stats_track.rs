//! The text in the znodes of a quota, ZooKeeper's `StatsTrack`: what may be used, or what is. -1 is no limit.

use std::collections::BTreeMap;
use std::fmt;

pub const COUNT: &str = "count";
pub const BYTES: &str = "bytes";
pub const COUNT_HARD_LIMIT: &str = "countHardLimit";
pub const BYTE_HARD_LIMIT: &str = "byteHardLimit";

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StatsTrack {
    numbers: BTreeMap<String, i64>,
}

impl StatsTrack {
    /// What has no number is left out.
    pub fn parse(data: &[u8]) -> StatsTrack {
        let text = String::from_utf8_lossy(data);
        let mut track = StatsTrack::default();
        for pair in text.split([',', ';']) {
            let mut parts = pair.split('=');
            let (Some(key), Some(value)) = (parts.next(), parts.next()) else { continue };
            let value = if value.is_empty() { Ok(-1) } else { value.parse() };
            if let Ok(value) = value {
                track.set(key, value);
            }
        }
        track
    }

    pub fn get(&self, key: &str) -> i64 {
        self.numbers.get(key).copied().unwrap_or(-1)
    }

    pub fn set(&mut self, key: &str, value: i64) {
        self.numbers.insert(key.into(), value);
    }
}

/// Count and bytes first; the `=` before further keys keeps old parsers from reading them.
impl fmt::Display for StatsTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COUNT}={},{BYTES}={}", self.get(COUNT), self.get(BYTES))?;
        let further = self.numbers.iter().filter(|(key, _)| ![COUNT, BYTES].contains(&key.as_str()));
        for (at, (key, value)) in further.enumerate() {
            let before = if at == 0 { "=" } else { "" };
            write!(f, "{before};{key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTE_HARD_LIMIT, BYTES, COUNT, StatsTrack};

    #[test]
    fn texts_are_zookeepers() {
        for text in ["count=-1,bytes=-1", "count=5,bytes=-1=;byteHardLimit=-1;countHardLimit=7"] {
            assert_eq!(StatsTrack::parse(text.as_bytes()).to_string(), text);
        }
        let mut track = StatsTrack::parse(b"count=,bytes=3,nonsense,other=x");
        assert_eq!((track.get(COUNT), track.get(BYTES)), (-1, 3));
        track.set(BYTE_HARD_LIMIT, 9);
        assert_eq!(track.to_string(), "count=-1,bytes=3=;byteHardLimit=9");
        assert_eq!(StatsTrack::parse(b"").to_string(), "count=-1,bytes=-1");
    }
}

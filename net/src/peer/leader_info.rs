//! What a leader says of itself: the data of LEADERINFO. Its zxid tells the epoch.
//!
//! ```text
//! i32 protocol version, feature word
//! ```

use paddock_consensus::settings::Features;
use paddock_engine::jute::{Malformed, Reader, Write};

use super::feature_word;
use super::learner_info::PROTOCOL;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaderInfo {
    /// What it can beyond ZooKeeper.
    pub features: Features,
}

impl LeaderInfo {
    /// Whatever version a leader tells, it sends LEADERINFO, and so knows how an epoch is agreed upon.
    pub fn read(data: Option<&[u8]>) -> Result<LeaderInfo, Malformed> {
        let mut reader = Reader::new(data.ok_or(Malformed)?);
        reader.i32()?;
        Ok(LeaderInfo { features: feature_word::read(reader.rest()) })
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i32(PROTOCOL);
        feature_word::write(self.features, out);
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::settings::Features;
    use paddock_engine::jute::Malformed;

    use super::LeaderInfo;

    #[test]
    fn features_stand_behind_the_protocol() {
        for (features, bytes) in [(Features(0), &b"\0\x01\0\0"[..]), (Features(2), b"\0\x01\0\0PDK1\0\0\0\x02")] {
            let mut out = Vec::new();
            LeaderInfo { features }.write(&mut out);
            assert_eq!((&out[..], LeaderInfo::read(Some(bytes))), (bytes, Ok(LeaderInfo { features })));
        }
        assert_eq!(LeaderInfo::read(Some(b"\0\x01\0\0more")), Ok(LeaderInfo { features: Features(0) }));
    }

    #[test]
    fn a_leader_without_a_protocol_is_refused() {
        for data in [None, Some(&b""[..]), Some(&b"\0\x01\0"[..])] {
            assert_eq!(LeaderInfo::read(data), Err(Malformed));
        }
    }
}

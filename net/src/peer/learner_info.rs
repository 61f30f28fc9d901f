//! What a learner says of itself: the data of FOLLOWERINFO and OBSERVERINFO.
//!
//! ```text
//! i64 server, i32 protocol version, i64 version of its committed configuration, feature word
//! ```
//!
//! Each version of ZooKeeper has added a field, so what is there is told by the length, and the rest is ignored.

use std::fmt;

use paddock_consensus::settings::Features;
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::jute::{Malformed, Reader, Write};

use super::feature_word;

/// The protocol that every ZooKeeper since 3.4 speaks: the leader's epoch is agreed upon before anything else.
pub const PROTOCOL: i32 = 0x10000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LearnerInfo {
    pub server: ServerId,
    /// The version of its committed configuration; 0 of a learner that does not say, which is one without reconfiguration.
    pub config_version: Zxid,
    /// What it can beyond ZooKeeper.
    pub features: Features,
}

/// A learner that does not know how an epoch is agreed upon. It must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooOld {
    /// Which server it is, if it says so.
    pub server: Option<ServerId>,
    /// Its version of the protocol, if it says so.
    pub protocol: Option<i32>,
}

impl LearnerInfo {
    /// # Errors
    /// If the protocol is older than [`PROTOCOL`].
    pub fn read(data: Option<&[u8]>) -> Result<LearnerInfo, TooOld> {
        let mut reader = Reader::new(data.unwrap_or_default());
        let server = reader.i64().ok().map(ServerId);
        let protocol = server.and_then(|_| reader.i32().ok());
        let Some((server, PROTOCOL..)) = server.zip(protocol) else { return Err(TooOld { server, protocol }) };
        Ok(match reader.i64() {
            Ok(version) => {
                LearnerInfo { server, config_version: Zxid(version), features: feature_word::read(reader.rest()) }
            }
            Err(Malformed) => LearnerInfo { server, config_version: Zxid::ZERO, features: Features::default() },
        })
    }

    /// Appends it.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.put_i64(self.server.0);
        out.put_i32(PROTOCOL);
        out.put_i64(self.config_version.0);
        feature_word::write(self.features, out);
    }
}

impl fmt::Display for TooOld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.server {
            Some(server) => write!(f, "server {} ", server.0)?,
            None => write!(f, "a learner that does not say which server it is ")?,
        }
        match self.protocol {
            Some(protocol) => {
                write!(f, "speaks protocol {protocol:#x}, and {PROTOCOL:#x} is the oldest that is served")
            }
            None => write!(f, "does not say which protocol it speaks"),
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::settings::Features;
    use paddock_consensus::{ServerId, Zxid};
    use proptest::prelude::*;

    use super::{LearnerInfo, TooOld};

    const FULL: [u8; 28] = *b"\0\0\0\0\0\0\0\x02\0\x01\0\0\0\0\0\x05\0\0\0\x09PDK1\0\0\0\x06";

    #[test]
    fn what_is_said_is_told_by_the_length() {
        let nothing = TooOld { server: None, protocol: None };
        assert_eq!(LearnerInfo::read(None), Err(nothing));
        for length in 0..8 {
            assert_eq!(LearnerInfo::read(Some(&FULL[..length])), Err(nothing));
        }
        for length in 8..12 {
            let too_old = TooOld { server: Some(ServerId(2)), protocol: None };
            assert_eq!(LearnerInfo::read(Some(&FULL[..length])), Err(too_old));
        }
        let info = LearnerInfo { server: ServerId(2), config_version: Zxid(0x5_0000_0009), features: Features(6) };
        for length in 12..20 {
            let read = LearnerInfo::read(Some(&FULL[..length]));
            assert_eq!(read, Ok(LearnerInfo { config_version: Zxid::ZERO, features: Features(0), ..info }));
        }
        for length in 20..28 {
            assert_eq!(LearnerInfo::read(Some(&FULL[..length])), Ok(LearnerInfo { features: Features(0), ..info }));
        }
        assert_eq!(LearnerInfo::read(Some(&FULL)), Ok(info));
        assert_eq!(LearnerInfo::read(Some(&[&FULL[..], b"more"].concat())), Ok(info));
    }

    #[test]
    fn protocols_before_the_agreement_on_an_epoch_are_refused() {
        for (protocol, is_taken) in
            [(-1, false), (0, false), (1, false), (0xffff, false), (0x10000, true), (i32::MAX, true)]
        {
            let data = [&FULL[..8], &i32::to_be_bytes(protocol), &FULL[12..20]].concat();
            let read = LearnerInfo::read(Some(&data));
            assert_eq!(read.is_ok(), is_taken);
            assert!(is_taken || read == Err(TooOld { server: Some(ServerId(2)), protocol: Some(protocol) }));
        }
        let too_old = TooOld { server: Some(ServerId(7)), protocol: Some(1) };
        assert_eq!(too_old.to_string(), "server 7 speaks protocol 0x1, and 0x10000 is the oldest that is served");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(server: i64, config: i64, features: u32) {
            let info = LearnerInfo { server: ServerId(server), config_version: Zxid(config), features: Features(features) };
            let mut out = Vec::new();
            info.write(&mut out);
            prop_assert_eq!(out.len(), if features == 0 { 20 } else { 28 });
            prop_assert_eq!(LearnerInfo::read(Some(&out)), Ok(info));
        }
    }
}

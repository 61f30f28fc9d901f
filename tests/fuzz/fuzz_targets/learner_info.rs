//! What a learner and a leader say of themselves: what can be read is written as the beginning of what came.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_consensus::Zxid;
use paddock_consensus::settings::Features;
use paddock_net::peer::leader_info::LeaderInfo;
use paddock_net::peer::learner_info::LearnerInfo;

/// Bytes of a learner's id, and with it of the protocol.
const SERVER: usize = 8;
const PROTOCOL: usize = 12;
/// Bytes of what ZooKeeper has, and with it of the feature word.
const FIELDS: usize = 20;
const WHOLE: usize = 28;

fuzz_target!(|data: &[u8]| {
    match LearnerInfo::read(Some(data)) {
        Ok(info) => {
            let mut out = Vec::new();
            info.write(&mut out);
            let said = if info.features != Features(0) { WHOLE } else { FIELDS };
            assert_eq!(out.len(), said);
            if data.len() < FIELDS {
                assert_eq!(
                    (info.config_version, info.features, &out[..SERVER]),
                    (Zxid::ZERO, Features(0), &data[..SERVER])
                );
            } else {
                // The protocol may be a newer one.
                assert_eq!((&out[..SERVER], &out[PROTOCOL..]), (&data[..SERVER], &data[PROTOCOL..said]));
            }
            assert_eq!(LearnerInfo::read(Some(&out)), Ok(info));
        }
        Err(too_old) => {
            assert_eq!(
                (too_old.server.is_some(), too_old.protocol.is_some()),
                (data.len() >= SERVER, data.len() >= PROTOCOL)
            );
        }
    }
    if let Ok(info) = LeaderInfo::read(Some(data)) {
        let mut out = Vec::new();
        info.write(&mut out);
        assert_eq!((LeaderInfo::read(Some(&out)), &out[4..]), (Ok(info), &data[4..out.len()]));
    }
});

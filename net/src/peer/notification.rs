//! Notifications: the votes that servers send each other on connections of the election port, each in a frame.
//!
//! ```text
//! i32 state, i64 leader, i64 zxid, i64 round           28 bytes, before 3.4: the peer epoch is the zxid's
//!     i64 peer epoch                                   36 bytes, 3.4.0 to 3.4.5: nobody takes it since 3.5
//!     i64 peer epoch, i32 1                            40 bytes, up to 3.4.14
//!     i64 peer epoch, i32 2, i32 length, configuration 44 bytes and more, since 3.5
//! ```
//!
//! The sender's id is not in it: it is the connection's. Which of these it is goes by its length alone, as in ZooKeeper.
//! What is sent is always the last one. A notification that cannot be read is passed over, and the connection is kept.

use std::fmt;

use paddock_consensus::notification::{Format, Notification, ServerState};
use paddock_consensus::vote::Vote;
use paddock_consensus::{ServerId, Zxid};
use paddock_engine::jute::{Malformed, Reader, Write};

use super::arriving::{Arriving, Stop};
use crate::frame::{self, BadLength};

/// How long a frame of the election port may be without its length, bytes.
pub const FRAME_MAX: usize = 512 * 1024;
/// What a frame of the election port takes at most, bytes.
pub const BYTES_MAX: usize = frame::PREFIX + FRAME_MAX;
/// Bytes of a notification before its configuration.
const BEFORE_CONFIGURATION: usize = 44;
/// How long the text of a configuration may be for that, bytes.
pub const CONFIGURATION_MAX: usize = FRAME_MAX - BEFORE_CONFIGURATION;

/// Bytes of those that have no version in them.
const WITHOUT_EPOCH: usize = 28;
const WITH_VERSION_UNREAD: usize = 40;
/// The version that has a configuration.
const WITH_CONFIGURATION: i32 = 2;

/// A notification that is passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadNotification {
    /// So many bytes are none of the kinds, or not whole.
    Length(usize),
    /// The configuration cannot have that length.
    Configuration(i32),
    /// The sender's state is none that there is.
    State(i32),
}

/// The payload of the first frame, which has at least a byte, with the length of the whole frame.
pub fn read_frame(bytes: &[u8]) -> Result<(&[u8], usize), Stop<BadLength>> {
    let mut arriving = Arriving::new(bytes);
    let claimed = arriving.i32()?;
    let length = usize::try_from(claimed).ok().filter(|length| (1..=FRAME_MAX).contains(length));
    let payload = arriving.bytes(length.ok_or(Stop::Bad(BadLength(claimed)))?)?;
    Ok((payload, arriving.offset()))
}

/// Reads the payload of a frame: a notification, and the text of the sender's committed configuration if it has one.
pub fn read(payload: &[u8]) -> Result<(Notification, Option<&[u8]>), BadNotification> {
    let fields = Fields::read(payload).map_err(|Malformed| BadNotification::Length(payload.len()))?;
    let configuration = fields.configuration()?;
    let state = ServerState::from_code(fields.state).ok_or(BadNotification::State(fields.state))?;
    let vote = Vote { leader: ServerId(fields.leader), zxid: Zxid(fields.zxid), peer_epoch: fields.peer_epoch };
    let format = if fields.version > 0 { Format::Versioned } else { Format::Unversioned };
    Ok((Notification { state, vote, round: fields.round, format }, configuration))
}

/// Appends a notification in its frame, in the newest layout, with the text of the committed configuration.
///
/// # Errors
/// If the text is longer than anybody reads. Nothing is appended then.
pub fn write(notification: &Notification, configuration: &[u8], out: &mut Vec<u8>) -> Result<(), BadNotification> {
    if configuration.len() > CONFIGURATION_MAX {
        return Err(BadNotification::Length(BEFORE_CONFIGURATION + configuration.len()));
    }
    let start = frame::begin(out);
    out.put_i32(notification.state.code());
    out.put_i64(notification.vote.leader.0);
    out.put_i64(notification.vote.zxid.0);
    out.put_i64(notification.round);
    out.put_i64(notification.vote.peer_epoch);
    out.put_i32(WITH_CONFIGURATION);
    out.put_buffer(Some(configuration));
    frame::end(out, start);
    Ok(())
}

/// The fields of any notification as they are.
struct Fields<'a> {
    state: i32,
    leader: i64,
    zxid: i64,
    round: i64,
    peer_epoch: i64,
    version: i32,
    /// What is behind the version.
    rest: Reader<'a>,
    /// Bytes of the whole notification.
    length: usize,
}

impl<'a> Fields<'a> {
    fn read(payload: &'a [u8]) -> Result<Fields<'a>, Malformed> {
        let mut rest = Reader::new(payload);
        let (state, leader, zxid, round) = (rest.i32()?, rest.i64()?, rest.i64()?, rest.i64()?);
        let peer_epoch = match payload.len() {
            WITHOUT_EPOCH => i64::from(Zxid(zxid).epoch().0),
            _ => rest.i64()?,
        };
        let version = match payload.len() {
            WITHOUT_EPOCH | WITH_VERSION_UNREAD => 0,
            _ => rest.i32()?,
        };
        Ok(Fields { state, leader, zxid, round, peer_epoch, version, rest, length: payload.len() })
    }

    fn configuration(&self) -> Result<Option<&'a [u8]>, BadNotification> {
        if self.version < WITH_CONFIGURATION {
            return Ok(None);
        }
        let cut_short = BadNotification::Length(self.length);
        let mut rest = self.rest;
        let claimed = rest.i32().map_err(|Malformed| cut_short)?;
        let length = usize::try_from(claimed).map_err(|_| BadNotification::Configuration(claimed))?;
        rest.rest().get(..length).map(Some).ok_or(BadNotification::Configuration(claimed))
    }
}

impl fmt::Display for BadNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadNotification::Length(length) => write!(f, "a notification cannot have {length} bytes"),
            BadNotification::Configuration(length) => {
                write!(f, "the configuration of a notification cannot have {length} bytes")
            }
            BadNotification::State(number) => write!(f, "there is no state {number} of the sender of a notification"),
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::notification::{Format, Notification, ServerState};
    use paddock_consensus::vote::Vote;
    use paddock_consensus::{ServerId, Zxid};
    use paddock_engine::jute::Write as _;
    use proptest::prelude::*;

    use super::{BYTES_MAX, BadNotification, CONFIGURATION_MAX, FRAME_MAX, read, read_frame, write};
    use crate::frame::BadLength;
    use crate::peer::arriving::{Incomplete, Stop};
    use crate::peer::incoming::Incoming;

    const CONFIGURATION: &[u8] = b"server.1=a:2888:3888:participant\nversion=0";

    const NOTIFICATION: Notification = Notification {
        state: ServerState::Leading,
        vote: Vote { leader: ServerId(3), zxid: Zxid(0x5_0000_0007), peer_epoch: 6 },
        round: 9,
        format: Format::Versioned,
    };

    /// What all have: state, leader, zxid and round of that notification.
    fn oldest() -> Vec<u8> {
        b"\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\x05\0\0\0\x07\0\0\0\0\0\0\0\x09".to_vec()
    }

    fn newest(version: i32, claimed: i32, configuration: &[u8]) -> Vec<u8> {
        let mut bytes = oldest();
        bytes.put_i64(6);
        bytes.put_i32(version);
        bytes.put_i32(claimed);
        bytes.extend_from_slice(configuration);
        bytes
    }

    #[test]
    fn what_is_sent_is_the_newest_layout() {
        let expected = concat!(
            "00000002",
            "0000000000000003",
            "0000000500000007",
            "0000000000000009",
            "0000000000000006",
            "00000002",
            "0000002a",
        );
        let mut out = Vec::new();
        write(&NOTIFICATION, CONFIGURATION, &mut out).unwrap();
        let payload = newest(2, 42, CONFIGURATION);
        assert_eq!(out, [&[0, 0, 0, 86][..], &payload].concat());
        let hex: String = payload[..44].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        assert_eq!(read(&payload), Ok((NOTIFICATION, Some(CONFIGURATION))));
    }

    #[test]
    fn older_layouts_are_told_by_their_length() {
        let unversioned = Notification { format: Format::Unversioned, ..NOTIFICATION };
        let vote = Vote { peer_epoch: 5, ..NOTIFICATION.vote };
        assert_eq!(read(&oldest()), Ok((Notification { vote, ..unversioned }, None)));
        assert_eq!(read(&newest(1, 0, b"")[..40]), Ok((unversioned, None)));
        for length in (0..28).chain(29..40) {
            let bytes = &newest(1, 0, b"")[..length];
            assert_eq!(read(bytes), Err(BadNotification::Length(length)));
        }
    }

    #[test]
    fn a_version_is_only_read_where_there_is_more() {
        let unversioned = [i32::MIN, -1, 0].map(|version| (version, Format::Unversioned));
        for (version, format) in unversioned.into_iter().chain([(1, Format::Versioned)]) {
            for length in [41, 44, 50] {
                let bytes = &newest(version, 77, b"......")[..length];
                assert_eq!(read(bytes), Ok((Notification { format, ..NOTIFICATION }, None)));
            }
        }
        for version in [2, 3, i32::MAX] {
            assert_eq!(read(&newest(version, 0, b"")), Ok((NOTIFICATION, Some(&b""[..]))));
            for length in 41..44 {
                assert_eq!(read(&newest(version, 0, b"")[..length]), Err(BadNotification::Length(length)));
            }
        }
    }

    #[test]
    fn no_length_of_a_configuration_is_believed() {
        for claimed in [-1, -2, 43, i32::MAX, i32::MIN] {
            assert_eq!(read(&newest(2, claimed, CONFIGURATION)), Err(BadNotification::Configuration(claimed)));
        }
        let bytes = newest(2, 8, CONFIGURATION);
        assert_eq!(read(&bytes), Ok((NOTIFICATION, Some(&b"server.1"[..]))), "the rest is ignored");
    }

    #[test]
    fn states_are_told_by_their_numbers() {
        let of = |state: i32| {
            let bytes = [&state.to_be_bytes()[..], &oldest()[4..]].concat();
            read(&bytes).map(|(notification, _)| notification.state)
        };
        let states = [ServerState::Looking, ServerState::Following, ServerState::Leading, ServerState::Observing];
        assert_eq!([0, 1, 2, 3].map(of), states.map(Ok));
        for number in [-1, 4, i32::MIN, i32::MAX] {
            assert_eq!(of(number), Err(BadNotification::State(number)));
        }
    }

    #[test]
    fn the_least_vote_goes_over_the_wire() {
        let least = Notification { state: ServerState::Looking, vote: Vote::LEAST, ..NOTIFICATION };
        let mut out = Vec::new();
        write(&least, b"", &mut out).unwrap();
        assert_eq!(read(&out[4..]), Ok((least, Some(&b""[..]))));
    }

    #[test]
    fn frames_have_at_least_a_byte_and_at_most_half_a_mebibyte() {
        let of_length = |length: i32| read_frame(&length.to_be_bytes()).map(|_| ());
        for bad in [0, -1, -2, i32::MIN, i32::MAX, 524_289] {
            assert_eq!(of_length(bad), Err(Stop::Bad(BadLength(bad))));
        }
        assert_eq!(of_length(1), Err(Stop::Incomplete(Incomplete { needed: 5 })));
        assert_eq!(of_length(524_288), Err(Stop::Incomplete(Incomplete { needed: BYTES_MAX })));
        assert_eq!(read_frame(b"\0\0\0\x01a\0\0"), Ok((&b"a"[..], 5)));
    }

    #[test]
    fn frames_come_whole_however_their_bytes_come() {
        let mut all = Vec::new();
        write(&NOTIFICATION, CONFIGURATION, &mut all).unwrap();
        write(&NOTIFICATION, b"", &mut all).unwrap();
        all.extend_from_slice(b"\0\0\0\x01?");
        for piece in [1, 3, all.len()] {
            let (mut incoming, mut found) = (Incoming::new(BYTES_MAX), Vec::new());
            for bytes in all.chunks(piece) {
                incoming.extend(bytes);
                while let Some(payload) = incoming.next(read_frame).unwrap() {
                    found.push(read(payload).map(|(_, configuration)| configuration.unwrap().len()));
                }
            }
            assert_eq!(found, [Ok(CONFIGURATION.len()), Ok(0), Err(BadNotification::Length(1))]);
        }
    }

    #[test]
    fn what_nobody_reads_is_not_written() {
        let longest = vec![b'c'; CONFIGURATION_MAX + 1];
        let mut out = Vec::new();
        let too_long = write(&NOTIFICATION, &longest, &mut out);
        assert_eq!((too_long, out.len()), (Err(BadNotification::Length(FRAME_MAX + 1)), 0));
        write(&NOTIFICATION, &longest[1..], &mut out).unwrap();
        assert_eq!(read_frame(&out).unwrap(), (&out[4..], BYTES_MAX));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            state in 0..4,
            (leader, zxid, round, peer_epoch) in any::<(i64, i64, i64, i64)>(),
            configuration in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let vote = Vote { leader: ServerId(leader), zxid: Zxid(zxid), peer_epoch };
            let state = ServerState::from_code(state).unwrap();
            let sent = Notification { state, vote, round, format: Format::Versioned };
            let mut out = Vec::new();
            write(&sent, &configuration, &mut out).unwrap();
            let (payload, length) = read_frame(&out).unwrap();
            prop_assert_eq!((read(payload), length), (Ok((sent, Some(&configuration[..]))), out.len()));
        }

        #[test]
        fn whatever_comes_is_read_or_passed_over(
            payload in prop::collection::vec(prop_oneof![Just(0u8), Just(2), any::<u8>()], 0..90),
        ) {
            if let Ok((notification, configuration)) = read(&payload) {
                prop_assert!(payload.len() == 28 || payload.len() >= 40);
                let configuration = configuration.unwrap_or_default();
                let mut out = Vec::new();
                write(&notification, configuration, &mut out).unwrap();
                let expected = Notification { format: Format::Versioned, ..notification };
                prop_assert_eq!(read(&out[4..]), Ok((expected, Some(configuration))));
            }
        }
    }
}

//! Notifications: the votes that servers send each other on connections of the election port, each in a frame.
//!
//! ```text
//! i32 state, i64 leader, i64 zxid, i64 round           28 bytes, before 3.4: the epoch is the zxid's
//!     i64 epoch                                        36 bytes, 3.4.0 to 3.4.5: nobody takes it since 3.5
//!     i64 epoch, i32 1                                 40 bytes, up to 3.4.14
//!     i64 epoch, i32 2, i32 length, configuration      44 bytes and more, since 3.5
//! ```
//!
//! The sender's id is not in it: it is the connection's. Which of these it is goes by its length alone, as in ZooKeeper.
//! What is sent is always the last one. A notification that cannot be read is passed over, and the connection is kept.

use std::fmt;

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

/// What the sender of a notification does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SenderState {
    Looking,
    Following,
    Leading,
    Observing,
}

/// What kind of server has sent a notification, as far as votes are compared by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Format {
    /// 3.4 and older: the epoch of an established leader is not to be relied on.
    V0,
    V1,
    /// 3.5 and newer: has a configuration.
    V2,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notification<'a> {
    pub state: SenderState,
    /// Whom the sender votes for, or follows. A server that may not vote votes for the smallest number, also below.
    pub leader: ServerId,
    /// The last zxid of that leader.
    pub zxid: Zxid,
    /// The round of election, counted by the sender.
    pub round: i64,
    /// The epoch of that leader, with more bits than an epoch has: see `leader`.
    pub epoch: i64,
    pub format: Format,
    /// The text of the sender's committed configuration.
    pub configuration: Option<&'a [u8]>,
}

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
    Ok((payload, arriving.read()))
}

impl<'a> Notification<'a> {
    /// Reads the payload of a frame.
    pub fn read(payload: &'a [u8]) -> Result<Notification<'a>, BadNotification> {
        let fields = Fields::read(payload).map_err(|Malformed| BadNotification::Length(payload.len()))?;
        let configuration = fields.configuration()?;
        let state = SenderState::of(fields.state).ok_or(BadNotification::State(fields.state))?;
        Ok(Notification {
            state,
            leader: ServerId(fields.leader),
            zxid: Zxid(fields.zxid),
            round: fields.round,
            epoch: fields.epoch,
            format: Format::of(fields.version),
            configuration,
        })
    }
}

/// Appends a notification in its frame. It has the newest format, whatever `format` says of `notification`.
///
/// # Errors
/// If the configuration is longer than anybody reads. Nothing is appended then.
pub fn write(notification: &Notification<'_>, out: &mut Vec<u8>) -> Result<(), BadNotification> {
    let configuration = notification.configuration.unwrap_or_default();
    if configuration.len() > CONFIGURATION_MAX {
        return Err(BadNotification::Length(BEFORE_CONFIGURATION + configuration.len()));
    }
    let start = frame::begin(out);
    out.put_i32(notification.state.number());
    out.put_i64(notification.leader.0);
    out.put_i64(notification.zxid.0);
    out.put_i64(notification.round);
    out.put_i64(notification.epoch);
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
    epoch: i64,
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
        let epoch = match payload.len() {
            WITHOUT_EPOCH => i64::from(Zxid(zxid).epoch().0),
            _ => rest.i64()?,
        };
        let version = match payload.len() {
            WITHOUT_EPOCH | WITH_VERSION_UNREAD => 0,
            _ => rest.i32()?,
        };
        Ok(Fields { state, leader, zxid, round, epoch, version, rest, length: payload.len() })
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

impl SenderState {
    fn of(number: i32) -> Option<SenderState> {
        match number {
            0 => Some(SenderState::Looking),
            1 => Some(SenderState::Following),
            2 => Some(SenderState::Leading),
            3 => Some(SenderState::Observing),
            _ => None,
        }
    }

    fn number(self) -> i32 {
        match self {
            SenderState::Looking => 0,
            SenderState::Following => 1,
            SenderState::Leading => 2,
            SenderState::Observing => 3,
        }
    }
}

impl Format {
    fn of(version: i32) -> Format {
        match version {
            ..=0 => Format::V0,
            1 => Format::V1,
            2.. => Format::V2,
        }
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
    use paddock_consensus::{ServerId, Zxid};
    use paddock_engine::jute::Write as _;
    use proptest::prelude::*;

    use super::{
        BYTES_MAX, BadNotification, CONFIGURATION_MAX, FRAME_MAX, Format, Notification, SenderState, read_frame, write,
    };
    use crate::frame::BadLength;
    use crate::peer::arriving::{Incomplete, Stop};
    use crate::peer::incoming::Incoming;

    const CONFIGURATION: &[u8] = b"server.1=a:2888:3888:participant\nversion=0";

    /// State 2, leader 3, zxid 0x500000007, round 9: what all have.
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

    fn notification(configuration: Option<&[u8]>) -> Notification<'_> {
        Notification {
            state: SenderState::Leading,
            leader: ServerId(3),
            zxid: Zxid(0x5_0000_0007),
            round: 9,
            epoch: 6,
            format: Format::V2,
            configuration,
        }
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
        write(&notification(Some(CONFIGURATION)), &mut out).unwrap();
        let payload = newest(2, 42, CONFIGURATION);
        assert_eq!(out, [&[0, 0, 0, 86][..], &payload].concat());
        let hex: String = payload[..44].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
        assert_eq!(Notification::read(&payload), Ok(notification(Some(CONFIGURATION))));
    }

    #[test]
    fn older_layouts_are_told_by_their_length() {
        let before_epochs = oldest();
        let expected = Notification { epoch: 5, format: Format::V0, ..notification(None) };
        assert_eq!(Notification::read(&before_epochs), Ok(expected));
        let with_version = &newest(1, 0, b"")[..40];
        assert_eq!(Notification::read(with_version), Ok(Notification { epoch: 6, ..expected }));
        for length in (0..28).chain(29..40) {
            let bytes = &newest(1, 0, b"")[..length];
            assert_eq!(Notification::read(bytes), Err(BadNotification::Length(length)));
        }
    }

    #[test]
    fn a_version_is_only_read_where_there_is_more() {
        for (version, format) in [(i32::MIN, Format::V0), (-1, Format::V0), (0, Format::V0), (1, Format::V1)] {
            for length in [41, 44, 50] {
                let bytes = &newest(version, 77, b"......")[..length];
                assert_eq!(Notification::read(bytes), Ok(Notification { format, ..notification(None) }));
            }
        }
        for version in [2, 3, i32::MAX] {
            let read = Notification::read(&newest(version, 0, b""))
                .map(|read| (read.format, read.configuration.unwrap().len()));
            assert_eq!(read, Ok((Format::V2, 0)));
            for length in 41..44 {
                let cut_short = Notification::read(&newest(version, 0, b"")[..length]).map(|_| ());
                assert_eq!(cut_short, Err(BadNotification::Length(length)));
            }
        }
    }

    #[test]
    fn no_length_of_a_configuration_is_believed() {
        for claimed in [-1, -2, 43, i32::MAX, i32::MIN] {
            let read = Notification::read(&newest(2, claimed, CONFIGURATION)).map(|_| ());
            assert_eq!(read, Err(BadNotification::Configuration(claimed)));
        }
        let bytes = newest(2, 8, CONFIGURATION);
        assert_eq!(Notification::read(&bytes).unwrap().configuration, Some(&b"server.1"[..]), "the rest is ignored");
    }

    #[test]
    fn states_are_told_by_their_numbers() {
        let of = |state: i32| {
            let bytes = [&state.to_be_bytes()[..], &oldest()[4..]].concat();
            Notification::read(&bytes).map(|read| read.state)
        };
        let states = [SenderState::Looking, SenderState::Following, SenderState::Leading, SenderState::Observing];
        assert_eq!([0, 1, 2, 3].map(of), states.map(Ok));
        for number in [-1, 4, i32::MIN, i32::MAX] {
            assert_eq!(of(number), Err(BadNotification::State(number)));
        }
    }

    #[test]
    fn a_server_that_may_not_vote_votes_for_the_smallest_number() {
        let lowest = Notification {
            state: SenderState::Looking,
            leader: ServerId(i64::MIN),
            zxid: Zxid(i64::MIN),
            epoch: i64::MIN,
            ..notification(Some(b""))
        };
        let mut out = Vec::new();
        write(&lowest, &mut out).unwrap();
        assert_eq!(Notification::read(&out[4..]), Ok(lowest));
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
        write(&notification(Some(CONFIGURATION)), &mut all).unwrap();
        write(&notification(Some(b"")), &mut all).unwrap();
        all.extend_from_slice(b"\0\0\0\x01?");
        for piece in [1, 3, all.len()] {
            let (mut incoming, mut read) = (Incoming::new(BYTES_MAX), Vec::new());
            for bytes in all.chunks(piece) {
                incoming.extend(bytes);
                while let Some(payload) = incoming.next(read_frame).unwrap() {
                    read.push(
                        Notification::read(payload).map(|notification| notification.configuration.unwrap().len()),
                    );
                }
            }
            assert_eq!(read, [Ok(CONFIGURATION.len()), Ok(0), Err(BadNotification::Length(1))]);
        }
    }

    #[test]
    fn what_nobody_reads_is_not_written() {
        let longest = vec![b'c'; CONFIGURATION_MAX + 1];
        let mut out = Vec::new();
        let too_long = write(&notification(Some(&longest)), &mut out);
        assert_eq!((too_long, out.len()), (Err(BadNotification::Length(FRAME_MAX + 1)), 0));
        write(&notification(Some(&longest[1..])), &mut out).unwrap();
        assert_eq!(read_frame(&out).unwrap(), (&out[4..], BYTES_MAX));
    }

    fn states() -> impl Strategy<Value = SenderState> {
        (0..4).prop_map(|number| SenderState::of(number).unwrap())
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            state in states(),
            (leader, zxid, round, epoch) in any::<(i64, i64, i64, i64)>(),
            configuration in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let (leader, zxid, configuration) = (ServerId(leader), Zxid(zxid), Some(&configuration[..]));
            let sent = Notification { state, leader, zxid, round, epoch, format: Format::V2, configuration };
            let mut out = Vec::new();
            write(&sent, &mut out).unwrap();
            let (payload, length) = read_frame(&out).unwrap();
            prop_assert_eq!((Notification::read(payload), length), (Ok(sent), out.len()));
        }

        #[test]
        fn whatever_comes_is_read_or_passed_over(payload in prop::collection::vec(prop_oneof![Just(0u8), Just(2), any::<u8>()], 0..90)) {
            if let Ok(read) = Notification::read(&payload) {
                prop_assert!(payload.len() == 28 || payload.len() >= 40);
                prop_assert_eq!(read.configuration.is_some(), read.format == Format::V2);
                let mut out = Vec::new();
                write(&read, &mut out).unwrap();
                let again = Notification::read(&out[4..]).unwrap();
                prop_assert_eq!(again, Notification { format: Format::V2, configuration: again.configuration, ..read });
                prop_assert_eq!(again.configuration, Some(read.configuration.unwrap_or_default()));
            }
        }
    }
}

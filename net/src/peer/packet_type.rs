//! The types of packets.

use std::fmt;

/// What a packet is, by the number that it begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketType {
    Request,
    Proposal,
    Ack,
    Commit,
    Ping,
    Revalidate,
    Sync,
    Inform,
    CommitAndActivate,
    NewLeader,
    FollowerInfo,
    UpToDate,
    Diff,
    Trunc,
    Snap,
    ObserverInfo,
    LeaderInfo,
    AckEpoch,
    InformAndActivate,
    /// One of another number. Whoever receives it ignores it, as ZooKeeper does.
    Unknown(i32),
}

/// Those that have a name, by their numbers: the first one has 1.
const NAMED: [PacketType; 19] = [
    PacketType::Request,
    PacketType::Proposal,
    PacketType::Ack,
    PacketType::Commit,
    PacketType::Ping,
    PacketType::Revalidate,
    PacketType::Sync,
    PacketType::Inform,
    PacketType::CommitAndActivate,
    PacketType::NewLeader,
    PacketType::FollowerInfo,
    PacketType::UpToDate,
    PacketType::Diff,
    PacketType::Trunc,
    PacketType::Snap,
    PacketType::ObserverInfo,
    PacketType::LeaderInfo,
    PacketType::AckEpoch,
    PacketType::InformAndActivate,
];

impl PacketType {
    pub fn of(number: i32) -> PacketType {
        let place = usize::try_from(i64::from(number) - 1).ok();
        place.and_then(|place| NAMED.get(place)).copied().unwrap_or(PacketType::Unknown(number))
    }

    pub fn number(self) -> i32 {
        match self {
            PacketType::Request => 1,
            PacketType::Proposal => 2,
            PacketType::Ack => 3,
            PacketType::Commit => 4,
            PacketType::Ping => 5,
            PacketType::Revalidate => 6,
            PacketType::Sync => 7,
            PacketType::Inform => 8,
            PacketType::CommitAndActivate => 9,
            PacketType::NewLeader => 10,
            PacketType::FollowerInfo => 11,
            PacketType::UpToDate => 12,
            PacketType::Diff => 13,
            PacketType::Trunc => 14,
            PacketType::Snap => 15,
            PacketType::ObserverInfo => 16,
            PacketType::LeaderInfo => 17,
            PacketType::AckEpoch => 18,
            PacketType::InformAndActivate => 19,
            PacketType::Unknown(number) => number,
        }
    }
}

/// As ZooKeeper writes it, such as `UPTODATE`.
impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMED, PacketType};

    #[test]
    fn numbers_are_those_of_zookeeper() {
        let names = "REQUEST PROPOSAL ACK COMMIT PING REVALIDATE SYNC INFORM COMMITANDACTIVATE NEWLEADER FOLLOWERINFO \
            UPTODATE DIFF TRUNC SNAP OBSERVERINFO LEADERINFO ACKEPOCH INFORMANDACTIVATE";
        let of_numbers: Vec<String> = (1..20).map(|number| PacketType::of(number).to_string()).collect();
        assert_eq!(of_numbers, names.split_whitespace().collect::<Vec<_>>());
        for (number, packet_type) in (1..).zip(NAMED) {
            assert_eq!((packet_type.number(), PacketType::of(number)), (number, packet_type));
        }
    }

    #[test]
    fn other_numbers_are_kept() {
        for number in [0, -1, 20, i32::MIN, i32::MAX] {
            assert_eq!(PacketType::of(number), PacketType::Unknown(number));
            assert_eq!(PacketType::of(number).number(), number);
        }
    }
}

//! Packets as what the consensus says and is told, and what only the node reads of them.
//!
//! A configuration is a text here. Whoever reads a packet is asked what it means, and keeps the answer.

use std::fmt;
use std::sync::Arc;

use paddock_consensus::config::{Config, PeerType};
use paddock_consensus::message::{FromLearner, FromMaster, Message};
use paddock_consensus::plan::First;
use paddock_consensus::settings::Features;
use paddock_consensus::{Epoch, ServerId, Zxid};
use paddock_engine::jute::Malformed;

use super::ack_epoch;
use super::activation::Activation;
use super::authinfo::Authinfo;
use super::forwarded_request::ForwardedRequest;
use super::leader_info::LeaderInfo;
use super::learner_info::{LearnerInfo, TooOld};
use super::packet::{Packet, write_with};
use super::packet_type::PacketType;
use super::proposal::Proposal;
use super::revalidation::{Revalidation, RevalidationAnswer};
use super::touches::{Touch, Touches};

/// What a packet is that comes to a learner from its leader, or from an observer master.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MasterPacket<'a> {
    /// The core's. `txn` is the transaction of PROPOSAL, INFORM and INFORMANDACTIVATE, as it stands in a log.
    Message {
        message: FromMaster<'a>,
        txn: Option<&'a [u8]>,
    },
    RevalidationAnswer(RevalidationAnswer),
    /// SYNC: the oldest sync that this learner has sent, and that has no answer, has one.
    SyncAnswer,
    /// One that no learner is to be sent, or that nobody knows. Nothing is done.
    Ignored,
}

/// What a packet is that comes from a learner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LearnerPacket<'a> {
    /// The core's.
    Message(FromLearner),
    /// An answered PING: [`FromLearner::Pong`] for the core, and sessions that the learner has heard.
    Pong(Touches<'a>),
    Request {
        request: ForwardedRequest<'a>,
        authinfo: Option<Authinfo<'a>>,
    },
    Revalidation(Revalidation),
    /// One that no leader is to be sent, or that nobody knows. Nothing is done.
    Ignored,
}

/// A packet that does not say what one of its type must. The link must be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadMessage {
    pub packet_type: PacketType,
    pub zxid: Zxid,
    pub flaw: MessageFlaw,
}

/// What is wrong with a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageFlaw {
    /// Its data is not what its type says.
    Data,
    /// Its zxid is not the beginning of an epoch.
    Zxid,
    /// Its configuration cannot be understood.
    Configuration,
    Learner(TooOld),
}

impl From<Malformed> for MessageFlaw {
    fn from(Malformed: Malformed) -> MessageFlaw {
        MessageFlaw::Data
    }
}

impl<'a> MasterPacket<'a> {
    /// `config_of` says what the text of a configuration means; `None` if nothing. It is asked at most once.
    pub fn read(
        packet: &Packet<'a>,
        config_of: impl FnOnce(&'a [u8]) -> Option<&'a Arc<Config>>,
    ) -> Result<MasterPacket<'a>, BadMessage> {
        let config_of = |text| config_of(text).ok_or(MessageFlaw::Configuration);
        master_packet(packet, config_of).map_err(|flaw| bad(packet, flaw))
    }
}

impl<'a> LearnerPacket<'a> {
    pub fn read(packet: &Packet<'a>) -> Result<LearnerPacket<'a>, BadMessage> {
        learner_packet(packet).map_err(|flaw| bad(packet, flaw))
    }
}

fn bad(packet: &Packet<'_>, flaw: MessageFlaw) -> BadMessage {
    BadMessage { packet_type: packet.packet_type, zxid: packet.zxid, flaw }
}

fn master_packet<'a>(
    packet: &Packet<'a>,
    config_of: impl FnOnce(&'a [u8]) -> Result<&'a Arc<Config>, MessageFlaw>,
) -> Result<MasterPacket<'a>, MessageFlaw> {
    let (zxid, data) = (packet.zxid, packet.data);
    let mut txn = None;
    let message = match packet.packet_type {
        PacketType::LeaderInfo => {
            FromMaster::LeaderInfo { epoch: begun(zxid)?, features: LeaderInfo::read(data)?.features }
        }
        PacketType::Diff => FromMaster::Diff(zxid),
        PacketType::Trunc => FromMaster::Trunc(zxid),
        PacketType::Snap => FromMaster::Snap(zxid),
        PacketType::NewLeader => {
            FromMaster::NewLeader { epoch: begun(zxid)?, config: new_leader_text(data).map(config_of).transpose()? }
        }
        PacketType::Proposal => {
            let proposal = Proposal::read(zxid, data)?;
            txn = Some(proposal.txn);
            FromMaster::Proposal { zxid, change: proposal.configuration()?.map(config_of).transpose()? }
        }
        PacketType::Commit => FromMaster::Commit(zxid),
        PacketType::CommitAndActivate => FromMaster::CommitAndActivate { zxid, leader: Activation::read(data)?.leader },
        PacketType::Inform => {
            txn = Some(Proposal::read(zxid, data)?.txn);
            FromMaster::Inform { zxid }
        }
        PacketType::InformAndActivate => {
            let Activation { leader, proposal } = Activation::read(data)?;
            let proposal = Proposal::read(zxid, Some(proposal))?;
            txn = Some(proposal.txn);
            let change = proposal.configuration()?.ok_or(MessageFlaw::Data).and_then(config_of)?;
            FromMaster::InformAndActivate { zxid, leader, change }
        }
        PacketType::UpToDate => FromMaster::UpToDate,
        PacketType::Ping => FromMaster::Ping,
        PacketType::Revalidate => return Ok(MasterPacket::RevalidationAnswer(RevalidationAnswer::read(data)?)),
        PacketType::Sync => return Ok(MasterPacket::SyncAnswer),
        PacketType::Request
        | PacketType::Ack
        | PacketType::FollowerInfo
        | PacketType::ObserverInfo
        | PacketType::AckEpoch
        | PacketType::Unknown(_) => return Ok(MasterPacket::Ignored),
    };
    Ok(MasterPacket::Message { message, txn })
}

fn learner_packet<'a>(packet: &Packet<'a>) -> Result<LearnerPacket<'a>, MessageFlaw> {
    let (zxid, data) = (packet.zxid, packet.data);
    Ok(match packet.packet_type {
        PacketType::FollowerInfo => LearnerPacket::Message(info(PeerType::Participant, packet)?),
        PacketType::ObserverInfo => LearnerPacket::Message(info(PeerType::Observer, packet)?),
        PacketType::AckEpoch => {
            LearnerPacket::Message(FromLearner::AckEpoch { current: ack_epoch::read(data)?, last: zxid })
        }
        PacketType::Ack => LearnerPacket::Message(FromLearner::Ack(zxid)),
        PacketType::Ping => LearnerPacket::Pong(Touches::read(data)?),
        PacketType::Request => {
            LearnerPacket::Request { request: ForwardedRequest::read(data)?, authinfo: packet.authinfo }
        }
        PacketType::Revalidate => LearnerPacket::Revalidation(Revalidation::read(data)?),
        PacketType::Proposal
        | PacketType::Commit
        | PacketType::Sync
        | PacketType::Inform
        | PacketType::CommitAndActivate
        | PacketType::NewLeader
        | PacketType::UpToDate
        | PacketType::Diff
        | PacketType::Trunc
        | PacketType::Snap
        | PacketType::LeaderInfo
        | PacketType::InformAndActivate
        | PacketType::Unknown(_) => LearnerPacket::Ignored,
    })
}

fn info(peer_type: PeerType, packet: &Packet<'_>) -> Result<FromLearner, MessageFlaw> {
    let LearnerInfo { server, config_version, features } =
        LearnerInfo::read(packet.data).map_err(MessageFlaw::Learner)?;
    Ok(FromLearner::Info { peer_type, server: Some(server), accepted: packet.zxid.epoch(), config_version, features })
}

/// The epoch whose beginning a zxid is.
fn begun(zxid: Zxid) -> Result<Epoch, MessageFlaw> {
    let epoch = zxid.epoch();
    if zxid.is_blank() && epoch >= Epoch(0) { Ok(epoch) } else { Err(MessageFlaw::Zxid) }
}

/// The configuration in NEWLEADER. ZooKeeper takes one byte or none for none.
fn new_leader_text(data: Option<&[u8]>) -> Option<&[u8]> {
    data.filter(|text| text.len() > 1)
}

/// What messages have that the core does not know of.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    pub server: ServerId,
    pub features: Features,
    /// Of PING what was proposed last; of its answer, what the PING had.
    pub ping_zxid: Zxid,
    /// Of the answer to PING: the sessions that were heard since the last one.
    pub touches: &'a [Touch],
}

impl Sender<'_> {
    /// Appends a message. One that acknowledges several transactions is as many packets.
    ///
    /// # Panics
    /// If it acknowledges transactions of more than one epoch.
    pub fn write(&self, message: &Message, out: &mut Vec<u8>) {
        match message {
            &Message::Info { peer_type, accepted, config_version } => {
                let packet_type = match peer_type {
                    PeerType::Participant => PacketType::FollowerInfo,
                    PeerType::Observer => PacketType::ObserverInfo,
                };
                let info = LearnerInfo { server: self.server, config_version, features: self.features };
                write_with(packet_type, Zxid::start_of(accepted), |out| info.write(out), out);
            }
            &Message::LeaderInfo { epoch } => {
                let info = LeaderInfo { features: self.features };
                write_with(PacketType::LeaderInfo, Zxid::start_of(epoch), |out| info.write(out), out);
            }
            &Message::AckEpoch { current, last } => {
                write_with(PacketType::AckEpoch, last, |out| ack_epoch::write(current, out), out);
            }
            Message::NewLeader { epoch, config } => {
                let text = config.text().as_bytes();
                let zxid = Zxid::start_of(*epoch);
                Packet { data: Some(text), ..Packet::bare(PacketType::NewLeader, zxid) }.write(out);
            }
            &Message::AckNewLeader { epoch } => Packet::bare(PacketType::Ack, Zxid::start_of(epoch)).write(out),
            &Message::Ack { first, last } => {
                assert_eq!(first.epoch(), last.epoch(), "transactions of one epoch are acknowledged together");
                for zxid in first.0..=last.0 {
                    Packet::bare(PacketType::Ack, Zxid(zxid)).write(out);
                }
            }
            Message::UpToDate => Packet::bare(PacketType::UpToDate, Zxid::NOTHING).write(out),
            Message::Ping => Packet::bare(PacketType::Ping, self.ping_zxid).write(out),
            Message::Pong => {
                let touches = |out: &mut Vec<u8>| self.touches.iter().for_each(|touch| touch.write(out));
                write_with(PacketType::Ping, self.ping_zxid, touches, out);
            }
        }
    }
}

/// Appends the packet with which a synchronisation begins. `state` is where the whole state stands that follows SNAP.
pub fn write_first(first: First, state: Zxid, out: &mut Vec<u8>) {
    let packet = match first {
        First::Diff(zxid) => Packet::bare(PacketType::Diff, zxid),
        First::Trunc(zxid) => Packet::bare(PacketType::Trunc, zxid),
        First::Snap => Packet::bare(PacketType::Snap, state),
    };
    packet.write(out);
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BadMessage { packet_type, zxid, flaw } = self;
        write!(f, "a packet {packet_type} with zxid {zxid} is refused: ")?;
        match flaw {
            MessageFlaw::Data => write!(f, "its data is not what such a packet has"),
            MessageFlaw::Zxid => write!(f, "no epoch begins with that zxid"),
            MessageFlaw::Configuration => write!(f, "its configuration cannot be understood"),
            MessageFlaw::Learner(too_old) => write!(f, "{too_old}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use paddock_consensus::config::{Config, HostPort, Member, PeerAddress, PeerType};
    use paddock_consensus::message::{FromLearner, FromMaster, Message};
    use paddock_consensus::plan::First;
    use paddock_consensus::quorum::QuorumSystem;
    use paddock_consensus::settings::Features;
    use paddock_consensus::{Epoch, ServerId, Zxid};
    use paddock_engine::acl::Id;
    use paddock_engine::jute::Write;
    use paddock_engine::request::opcode;
    use proptest::prelude::*;

    use super::{BadMessage, LearnerPacket, MasterPacket, MessageFlaw, Sender, write_first};
    use crate::peer::activation::Activation;
    use crate::peer::forwarded_request::ForwardedRequest;
    use crate::peer::learner_info::TooOld;
    use crate::peer::packet::{Packet, write_with, write_with_ids};
    use crate::peer::packet_type::PacketType;
    use crate::peer::revalidation::{Revalidation, RevalidationAnswer};
    use crate::peer::touches::Touch;

    const TEXT: &str = "server.1=a:2888:3888:participant\nversion=500000002";
    const ZXID: Zxid = Zxid(0x5_0000_0002);
    const FEATURES: Features = Features(3);
    const TOUCHES: [Touch; 2] = [Touch { session: 1, timeout: 5000 }, Touch { session: 2, timeout: 6000 }];
    const SENDER: Sender<'static> =
        Sender { server: ServerId(2), features: FEATURES, ping_zxid: Zxid(0x5_0000_0009), touches: &TOUCHES };

    /// The configuration that the text means.
    fn config() -> Arc<Config> {
        let at = |port| HostPort { host: "a".into(), port };
        let addresses = vec![PeerAddress { quorum: at(2888), election: at(3888) }];
        let member = Member { peer_type: PeerType::Participant, addresses, client: None };
        let voters = QuorumSystem::Majority(BTreeSet::from([ServerId(1)]));
        Arc::new(Config::new(ZXID, BTreeMap::from([(ServerId(1), member)]), voters))
    }

    fn packets(mut bytes: &[u8]) -> Vec<Packet<'_>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let (packet, length) = Packet::read(bytes, 10_000).expect("packets were written");
            found.push(packet);
            bytes = &bytes[length..];
        }
        found
    }

    fn written(message: &Message) -> Vec<u8> {
        let mut out = Vec::new();
        SENDER.write(message, &mut out);
        out
    }

    fn with_data(packet_type: PacketType, data: &[u8]) -> Packet<'_> {
        Packet { data: Some(data), ..Packet::bare(packet_type, ZXID) }
    }

    /// A transaction with this opcode that sets the data of `/zookeeper/config`.
    fn txn(opcode: i32, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_i64(1);
        out.put_i32(0);
        out.put_i64(ZXID.0);
        out.put_i64(1_700_000_000_000);
        out.put_i32(opcode);
        out.put_string("/zookeeper/config");
        out.put_string(text);
        out.put_i32(-1);
        out
    }

    /// Of a packet that no configuration is in.
    fn of_master<'a>(packet: &Packet<'a>) -> Result<MasterPacket<'a>, MessageFlaw> {
        MasterPacket::read(packet, |_| panic!("there is no configuration")).map_err(|bad| bad.flaw)
    }

    fn of_learner<'a>(packet: &Packet<'a>) -> Result<LearnerPacket<'a>, MessageFlaw> {
        LearnerPacket::read(packet).map_err(|bad| bad.flaw)
    }

    fn message(message: FromMaster<'_>) -> Result<MasterPacket<'_>, MessageFlaw> {
        Ok(MasterPacket::Message { message, txn: None })
    }

    #[test]
    fn what_a_leader_says_is_what_its_learner_hears() {
        let config = config();
        let new_leader = written(&Message::NewLeader { epoch: Epoch(5), config: config.clone() });
        let read = MasterPacket::read(&packets(&new_leader)[0], |text| (text == TEXT.as_bytes()).then_some(&config));
        let expected = FromMaster::NewLeader { epoch: Epoch(5), config: Some(&config) };
        assert_eq!(read, Ok(MasterPacket::Message { message: expected, txn: None }));
        let leader_info = written(&Message::LeaderInfo { epoch: Epoch(5) });
        let expected = FromMaster::LeaderInfo { epoch: Epoch(5), features: FEATURES };
        assert_eq!(of_master(&packets(&leader_info)[0]), message(expected));
        assert_eq!(of_master(&packets(&written(&Message::UpToDate))[0]), message(FromMaster::UpToDate));
        let ping = written(&Message::Ping);
        let ping = packets(&ping)[0];
        assert_eq!((of_master(&ping), ping.zxid, ping.data), (message(FromMaster::Ping), SENDER.ping_zxid, None));
        assert_eq!(of_master(&Packet::bare(PacketType::Commit, ZXID)), message(FromMaster::Commit(ZXID)));
    }

    #[test]
    fn what_a_learner_says_is_what_its_leader_hears() {
        for (peer_type, packet_type) in
            [(PeerType::Participant, PacketType::FollowerInfo), (PeerType::Observer, PacketType::ObserverInfo)]
        {
            for accepted in [Epoch(4), Epoch(-1)] {
                let info = written(&Message::Info { peer_type, accepted, config_version: ZXID });
                let server = Some(ServerId(2));
                let expected =
                    FromLearner::Info { peer_type, server, accepted, config_version: ZXID, features: FEATURES };
                assert_eq!(packets(&info)[0].packet_type, packet_type);
                assert_eq!(of_learner(&packets(&info)[0]), Ok(LearnerPacket::Message(expected)));
            }
        }
        for current in [None, Some(Epoch(4))] {
            let ack = written(&Message::AckEpoch { current, last: Zxid::NOTHING });
            let expected = FromLearner::AckEpoch { current, last: Zxid::NOTHING };
            assert_eq!(of_learner(&packets(&ack)[0]), Ok(LearnerPacket::Message(expected)));
        }
        let pong = written(&Message::Pong);
        let pong = packets(&pong)[0];
        let Ok(LearnerPacket::Pong(touches)) = of_learner(&pong) else { panic!("{pong:?}") };
        assert_eq!((pong.zxid, touches.iter().collect::<Vec<_>>()), (SENDER.ping_zxid, TOUCHES.to_vec()));
        let acks = written(&Message::AckNewLeader { epoch: Epoch(5) });
        assert_eq!(packets(&acks), [Packet::bare(PacketType::Ack, Zxid(0x5_0000_0000))]);
    }

    #[test]
    fn each_transaction_is_acknowledged_by_itself() {
        let acks = written(&Message::Ack { first: Zxid(0x5_ffff_fffe), last: Zxid(0x5_ffff_ffff) });
        let heard: Vec<_> = packets(&acks).iter().map(of_learner).collect();
        let expected =
            [0x5_ffff_fffe, 0x5_ffff_ffff].map(|zxid| Ok(LearnerPacket::Message(FromLearner::Ack(Zxid(zxid)))));
        assert_eq!(heard, expected);
        assert_eq!(packets(&written(&Message::Ack { first: ZXID, last: ZXID })).len(), 1);
    }

    #[test]
    fn a_synchronisation_begins_with_its_plan() {
        let state = Zxid(0x4_0000_0008);
        let cases = [
            (First::Diff(ZXID), FromMaster::Diff(ZXID)),
            (First::Trunc(ZXID), FromMaster::Trunc(ZXID)),
            (First::Snap, FromMaster::Snap(state)),
        ];
        for (first, expected) in cases {
            let mut out = Vec::new();
            write_first(first, state, &mut out);
            assert_eq!(of_master(&packets(&out)[0]), message(expected));
        }
    }

    #[test]
    fn transactions_come_with_the_configuration_that_they_change() {
        let config = config();
        let (change, other) = (txn(opcode::RECONFIG, TEXT), txn(opcode::SET_DATA, TEXT));
        let read = |packet: &Packet<'_>, txn: &[u8], expected: FromMaster<'_>| {
            let read = MasterPacket::read(packet, |text| (text == TEXT.as_bytes()).then_some(&config));
            assert_eq!(read, Ok(MasterPacket::Message { message: expected, txn: Some(txn) }));
        };
        let packet = with_data(PacketType::Proposal, &change);
        read(&packet, &change, FromMaster::Proposal { zxid: ZXID, change: Some(&config) });
        let packet = with_data(PacketType::Proposal, &other);
        read(&packet, &other, FromMaster::Proposal { zxid: ZXID, change: None });
        let packet = with_data(PacketType::Inform, &other);
        read(&packet, &other, FromMaster::Inform { zxid: ZXID });
        let mut data = Vec::new();
        Activation { leader: ServerId(1), proposal: &change }.write(&mut data);
        let packet = with_data(PacketType::InformAndActivate, &data);
        read(&packet, &change, FromMaster::InformAndActivate { zxid: ZXID, leader: ServerId(1), change: &config });
        let packet = with_data(PacketType::CommitAndActivate, &data[..8]);
        let expected = FromMaster::CommitAndActivate { zxid: ZXID, leader: ServerId(1) };
        assert_eq!(of_master(&packet), message(expected));

        data.truncate(8);
        data.extend_from_slice(&other);
        assert_eq!(of_master(&with_data(PacketType::InformAndActivate, &data)), Err(MessageFlaw::Data));
    }

    #[test]
    fn what_a_configuration_means_may_be_found_out_while_it_is_read() {
        let (new_leader, mut found) = (written(&Message::NewLeader { epoch: Epoch(5), config: config() }), None);
        let packet = packets(&new_leader)[0];
        let slot = &mut found;
        let read = MasterPacket::read(&packet, move |_| {
            *slot = Some(config());
            slot.as_ref()
        });
        let Ok(MasterPacket::Message { message, .. }) = read else { panic!("{read:?}") };
        assert_eq!(message, FromMaster::NewLeader { epoch: Epoch(5), config: Some(&config()) });
    }

    #[test]
    fn a_configuration_that_nobody_understands_is_refused() {
        let (change, mut new_leader) =
            (txn(opcode::RECONFIG, TEXT), Packet::bare(PacketType::NewLeader, Zxid(5 << 32)));
        new_leader.data = Some(b"??");
        let mut activation = Vec::new();
        Activation { leader: ServerId(1), proposal: &change }.write(&mut activation);
        for packet in [
            with_data(PacketType::Proposal, &change),
            with_data(PacketType::InformAndActivate, &activation),
            new_leader,
        ] {
            let read = MasterPacket::read(&packet, |_| None).map_err(|bad| bad.flaw);
            assert_eq!(read, Err(MessageFlaw::Configuration));
        }
        for none in [None, Some(&b""[..]), Some(b"?")] {
            let expected = FromMaster::NewLeader { epoch: Epoch(5), config: None };
            assert_eq!(of_master(&Packet { data: none, ..new_leader }), message(expected));
        }
    }

    #[test]
    fn what_lacks_its_data_is_refused() {
        for packet_type in [
            PacketType::LeaderInfo,
            PacketType::Proposal,
            PacketType::Inform,
            PacketType::CommitAndActivate,
            PacketType::InformAndActivate,
            PacketType::Revalidate,
        ] {
            assert_eq!(of_master(&Packet::bare(packet_type, Zxid(5 << 32))), Err(MessageFlaw::Data), "{packet_type}");
        }
        for packet_type in [PacketType::AckEpoch, PacketType::Request, PacketType::Revalidate] {
            assert_eq!(of_learner(&Packet::bare(packet_type, ZXID)), Err(MessageFlaw::Data), "{packet_type}");
        }
        assert_eq!(of_learner(&with_data(PacketType::Ping, &[0; 13])), Err(MessageFlaw::Data));
        let too_old = TooOld { server: None, protocol: None };
        let bad = LearnerPacket::read(&Packet::bare(PacketType::FollowerInfo, Zxid(1))).unwrap_err();
        let flaw = MessageFlaw::Learner(too_old);
        assert_eq!(bad, BadMessage { packet_type: PacketType::FollowerInfo, zxid: Zxid(1), flaw });
        let said = "a packet FOLLOWERINFO with zxid 0x1 is refused: a learner that does not say which server it is does not \
            say which protocol it speaks";
        assert_eq!(bad.to_string(), said);
    }

    #[test]
    fn an_epoch_begins_with_a_counter_of_0() {
        for zxid in [0x5_0000_0001, 0x5_ffff_ffff, -1 << 32, i64::MIN] {
            let leader_info = Packet { data: Some(&[0, 1, 0, 0]), ..Packet::bare(PacketType::LeaderInfo, Zxid(zxid)) };
            assert_eq!(of_master(&leader_info), Err(MessageFlaw::Zxid));
            assert_eq!(
                of_master(&Packet { packet_type: PacketType::NewLeader, ..leader_info }),
                Err(MessageFlaw::Zxid)
            );
        }
    }

    #[test]
    fn the_node_reads_what_the_core_does_not() {
        let mut out = Vec::new();
        let request = ForwardedRequest { session: 7, cxid: 1, opcode: opcode::CREATE, body: b"body" };
        let ids = [Id { scheme: "ip".into(), id: "::1".into() }];
        write_with_ids(PacketType::Request, Zxid(-1), |out| request.write(out), &ids, &mut out);
        let packet = packets(&out)[0];
        let expected = LearnerPacket::Request { request, authinfo: packet.authinfo };
        assert_eq!((of_learner(&packet), packet.authinfo.unwrap().ids()), (Ok(expected), ids.to_vec()));

        out.clear();
        let revalidation = Revalidation { session: 7, timeout: 4000 };
        write_with(PacketType::Revalidate, Zxid(-1), |out| revalidation.write(out), &mut out);
        assert_eq!(of_learner(&packets(&out)[0]), Ok(LearnerPacket::Revalidation(revalidation)));
        out.clear();
        let answer = RevalidationAnswer { session: 7, is_valid: true };
        write_with(PacketType::Revalidate, Zxid(-1), |out| answer.write(out), &mut out);
        assert_eq!(of_master(&packets(&out)[0]), Ok(MasterPacket::RevalidationAnswer(answer)));
        assert_eq!(of_master(&Packet::bare(PacketType::Sync, Zxid::ZERO)), Ok(MasterPacket::SyncAnswer));
    }

    #[test]
    fn what_comes_from_the_wrong_side_is_ignored() {
        use PacketType::*;
        for packet_type in [Request, Ack, FollowerInfo, ObserverInfo, AckEpoch, Unknown(0), Unknown(20), Unknown(-1)] {
            assert_eq!(of_master(&Packet::bare(packet_type, ZXID)), Ok(MasterPacket::Ignored));
        }
        for packet_type in [Proposal, Commit, Sync, Inform, CommitAndActivate, NewLeader, UpToDate, Diff, Trunc, Snap] {
            assert_eq!(of_learner(&Packet::bare(packet_type, ZXID)), Ok(LearnerPacket::Ignored));
        }
        for packet_type in [LeaderInfo, InformAndActivate, Unknown(0), Unknown(20), Unknown(-1)] {
            assert_eq!(of_learner(&Packet::bare(packet_type, ZXID)), Ok(LearnerPacket::Ignored));
        }
    }

    proptest! {
        #[test]
        fn whatever_a_packet_is_it_is_read_or_refused(
            number in 0..22,
            zxid in prop_oneof![any::<i64>(), Just(5i64 << 32), Just(ZXID.0)],
            data in prop::option::of(prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..60)),
        ) {
            let packet = Packet { data: data.as_deref(), ..Packet::bare(PacketType::of(number), Zxid(zxid)) };
            let config = config();
            if let Err(bad) = MasterPacket::read(&packet, |_| Some(&config)) {
                prop_assert_eq!((bad.packet_type, bad.zxid), (packet.packet_type, packet.zxid));
            }
            if let Err(bad) = LearnerPacket::read(&packet) {
                prop_assert_eq!((bad.packet_type, bad.zxid), (packet.packet_type, packet.zxid));
            }
        }
    }
}

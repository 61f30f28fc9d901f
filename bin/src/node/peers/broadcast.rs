//! What a leader proposes and commits, as it goes to all its learners.

use paddock_consensus::config::PeerType;
use paddock_consensus::{ServerId, Zxid};

use super::feed::Feed;
use crate::node::replica::window::Window;

/// The feeds of one reign. Participants are sent PROPOSALs and COMMITs, and observers INFORMs, as long as there are any.
#[derive(Debug)]
pub struct Broadcast {
    participants: Feed,
    observers: Feed,
    /// The proposal that is committed next; `None` as long as nothing was proposed.
    next_commit: Option<Zxid>,
    /// The transaction that is being committed with a configuration, and whom that names as leader.
    activation: Option<(Zxid, ServerId)>,
}

/// Who is sent what all are.
#[derive(Clone, Copy, Debug)]
pub struct Audience {
    pub has_observers: bool,
    /// To every participant one COMMIT stands for all before it.
    pub is_grouped: bool,
}

impl Broadcast {
    /// One of a reign in which nothing was proposed.
    pub fn new() -> Broadcast {
        Broadcast {
            participants: Feed::new(Zxid::ZERO),
            observers: Feed::new(Zxid::ZERO),
            next_commit: None,
            activation: None,
        }
    }

    /// What those of a kind are sent.
    pub fn feed(&self, peer_type: PeerType) -> &Feed {
        match peer_type {
            PeerType::Participant => &self.participants,
            PeerType::Observer => &self.observers,
        }
    }

    /// The next transaction was proposed.
    pub fn propose(&mut self, zxid: Zxid, txn: &[u8]) {
        // A new epoch begins when everything before is committed.
        if self.next_commit.is_none_or(|next| next > self.participants.proposed()) {
            self.next_commit = Some(zxid);
        }
        self.participants.propose(zxid, txn);
    }

    /// Transaction `zxid` changes the configuration, and is committed with that, and everything before it: `leader` is whom the
    /// change names.
    pub fn activate(&mut self, zxid: Zxid, leader: ServerId, window: &Window, audience: Audience) {
        self.activation = Some((zxid, leader));
        self.commit(zxid, window, audience);
        self.activation = None;
    }

    /// Everything up to this transaction is committed. What the reign began with is nobody's to be told: it came with its
    /// COMMITs. `window` has what was not committed.
    pub fn commit(&mut self, zxid: Zxid, window: &Window, audience: Audience) {
        let Some(first) = self.next_commit.filter(|first| *first <= zxid) else { return };
        // A group ends with its last transaction, and before one that has a packet of its own.
        let ends_group =
            |committed| committed == zxid.0 || self.activation.is_some_and(|(at, _)| committed + 1 == at.0);
        let told = (first.0..=zxid.0).filter(|committed| !audience.is_grouped || ends_group(*committed)).map(Zxid);
        for committed in told {
            match self.activation {
                Some((activated, leader)) if activated == committed => {
                    self.participants.commit_and_activate(committed, leader);
                }
                _ => self.participants.commit(committed),
            }
        }
        if audience.has_observers {
            self.inform(first, zxid, window);
        }
        self.next_commit = Some(Zxid(zxid.0 + 1));
    }

    /// A follower's observers are told what is after `informed` and committed with `zxid`, which the window has, and whom the change
    /// of the configuration names that is committed with that, if one is.
    pub fn inform_observers(
        &mut self,
        informed: Zxid,
        zxid: Zxid,
        activation: Option<(Zxid, ServerId)>,
        window: &Window,
    ) {
        self.activation = activation;
        self.inform_after(informed, zxid, window);
        self.activation = None;
    }

    /// No link needs what is before these offsets.
    pub fn forget_before(&mut self, participants: u64, observers: u64) {
        self.participants.forget_before(participants);
        self.observers.forget_before(observers);
    }

    fn inform(&mut self, first: Zxid, last: Zxid, window: &Window) {
        self.inform_after(Zxid(first.0 - 1), last, window);
    }

    fn inform_after(&mut self, after: Zxid, last: Zxid, window: &Window) {
        let records = window.range(after, last).expect("the window has what was not committed");
        for (zxid, txn) in records {
            match self.activation {
                Some((activated, leader)) if activated == zxid => self.observers.inform_and_activate(zxid, leader, txn),
                _ => self.observers.inform(zxid, txn),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::config::PeerType;
    use paddock_consensus::{ServerId, Zxid};
    use paddock_net::peer::packet::Packet;
    use paddock_net::peer::packet_type::PacketType::{self, *};

    use super::{Audience, Broadcast};
    use crate::node::peers::links::Written;
    use crate::node::peers::outgoing::{Outgoing, Sent};
    use crate::node::replica::window::Window;

    /// What those of a kind are sent.
    fn sent(broadcast: &Broadcast, outgoing: &mut Outgoing, kind: PeerType) -> Vec<(PacketType, i64)> {
        let mut bytes = Vec::new();
        let take = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Written::Bytes(piece.len())
        };
        assert_eq!(outgoing.send(broadcast.feed(kind), take), Sent::All);
        let (mut left, mut packets) = (&bytes[..], Vec::new());
        while let Ok((packet, length)) = Packet::read(left, 1 << 20) {
            packets.push((packet.packet_type, packet.zxid.0));
            left = &left[length..];
        }
        packets
    }

    #[test]
    fn a_change_is_committed_with_whom_it_names_in_the_place_of_its_commit() {
        let each = [(Commit, 1), (Commit, 2), (CommitAndActivate, 3), (Commit, 4)];
        check_commits(false, |broadcast, window, audience| broadcast.commit(Zxid(2), window, audience), &each);
        check_commits(false, |_, _, _| {}, &each);
    }

    #[test]
    fn a_group_is_committed_by_its_last_and_none_goes_beyond_a_change() {
        let groups = [(Commit, 2), (CommitAndActivate, 3), (Commit, 4)];
        check_commits(true, |broadcast, window, audience| broadcast.commit(Zxid(2), window, audience), &groups);
        check_commits(true, |_, _, _| {}, &groups);
    }

    /// Of four proposals the third changes the configuration. `before`: what is committed before that is.
    fn check_commits(
        is_grouped: bool,
        before: impl Fn(&mut Broadcast, &Window, Audience),
        commits: &[(PacketType, i64)],
    ) {
        let audience = Audience { has_observers: true, is_grouped };
        let (mut broadcast, mut window) = (Broadcast::new(), Window::new(Zxid::ZERO, 500));
        let kinds = [PeerType::Participant, PeerType::Observer];
        let mut links = kinds.map(|_| Outgoing::default());
        for (link, kind) in links.iter_mut().zip(kinds) {
            link.join(broadcast.feed(kind));
        }
        for zxid in (1..=4).map(Zxid) {
            window.push(zxid, b"txn");
            broadcast.propose(zxid, b"txn");
        }
        before(&mut broadcast, &window, audience);
        broadcast.activate(Zxid(3), ServerId(7), &window, audience);
        broadcast.commit(Zxid(4), &window, audience);
        let proposed = (1..=4).map(|zxid| (Proposal, zxid));
        let expected: Vec<_> = proposed.chain(commits.iter().copied()).collect();
        assert_eq!(sent(&broadcast, &mut links[0], kinds[0]), expected);
        let expected = [(Inform, 1), (Inform, 2), (InformAndActivate, 3), (Inform, 4)];
        assert_eq!(sent(&broadcast, &mut links[1], kinds[1]), expected);
    }

    #[test]
    fn a_follower_tells_its_observers_of_a_change_whom_that_names() {
        let (mut broadcast, mut window) = (Broadcast::new(), Window::new(Zxid::ZERO, 500));
        let mut link = Outgoing::default();
        link.join(broadcast.feed(PeerType::Observer));
        (1..=4).for_each(|zxid| window.push(Zxid(zxid), b"txn"));
        broadcast.inform_observers(Zxid(1), Zxid(2), None, &window);
        broadcast.inform_observers(Zxid(2), Zxid(3), Some((Zxid(3), ServerId(7))), &window);
        broadcast.inform_observers(Zxid(3), Zxid(4), None, &window);
        let expected = [(Inform, 2), (InformAndActivate, 3), (Inform, 4)];
        assert_eq!(sent(&broadcast, &mut link, PeerType::Observer), expected);
    }
}

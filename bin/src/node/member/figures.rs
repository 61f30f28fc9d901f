//! What words tell of a member, as its core and its turns have it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use paddock_consensus::ServerId;
use paddock_consensus::config::{Config, PeerType};
use paddock_consensus::output::Part;
use paddock_consensus::plan::{First, Plan};
use paddock_consensus::zab::LearnerState;
use paddock_net::distribution::micros;
use paddock_net::member_status::MemberStatus;
use paddock_net::observers::ObserverFigures;
use paddock_net::status::Status;

pub struct MemberFigures {
    status: Arc<Status>,
    /// Since when a leader is looked for that is not decided on.
    looks: Option<Instant>,
    /// Since when there is no leader whose history is here.
    lacks_leader: Option<Instant>,
    /// Since when a leader is decided on whose history is not here.
    decided: Option<Instant>,
    /// Since when this server leads.
    leads: Option<Instant>,
}

impl MemberFigures {
    /// Of a server that begins to look for a leader.
    pub fn new(status: Arc<Status>, config: &Config, now: Instant) -> MemberFigures {
        let mut figures = MemberFigures { status, looks: None, lacks_leader: None, decided: None, leads: None };
        figures.take_config(config);
        figures.look(now);
        figures
    }

    /// This is the committed configuration.
    pub fn take_config(&self, config: &Config) {
        self.member().quorum_size.set(config.quorum().voters().count() as u64);
    }

    fn member(&self) -> &MemberStatus {
        &self.status.member
    }

    fn look(&mut self, now: Instant) {
        (self.looks, self.decided, self.leads) = (Some(now), None, None);
        self.lacks_leader.get_or_insert(now);
        self.member().looking_count.add(1);
        self.member().set_part(Part::Looking);
        self.note_since(now);
    }

    /// The part begins.
    fn note_since(&self, now: Instant) {
        self.member().since.set(self.status.clock.millis(now));
    }

    /// The core has decided on a leader. It may tell that more than once. As in ZooKeeper, it is not told how long that took
    /// one that observes.
    pub fn decide(&mut self, observes: bool, now: Instant) {
        if let Some(since) = self.looks.take() {
            self.decided = Some(now);
            if !observes {
                self.member().election_time.note(millis(since, now));
            }
        }
    }

    /// The core says that this is its part.
    pub fn become_part(&mut self, part: Part, now: Instant) {
        if part == Part::Looking {
            // Where nothing is decided yet it only begins or ends to serve readers.
            if self.looks.is_none() {
                self.look(now);
            }
            return;
        }
        if self.member().part() != Some(part) {
            self.note_since(now);
        }
        self.member().set_part(part);
        self.note_learning(part, now);
        let leads = matches!(part, Part::Leading { .. });
        if leads && self.leads.is_none() {
            self.leads = Some(now);
            self.member().leading.proposals.reset();
        }
        if let Some(since) = self.lacks_leader.take() {
            let millis = millis(since, now);
            self.member().unavailable_time.note(millis);
            if leads {
                self.member().leader_unavailable_time.note(millis);
            }
        }
    }

    /// This server has the history of its leader, if it has decided on another one than itself.
    fn note_learning(&mut self, part: Part, now: Instant) {
        let Some(since) = self.decided.take() else { return };
        let millis = millis(since, now);
        match part {
            Part::Following { .. } => self.member().learning.followed_after.note(millis),
            Part::Observing { .. } => self.member().learning.observed_after.note(millis),
            Part::Leading { .. } | Part::Looking => {}
        }
    }

    /// A leader proposes a transaction of so many bytes.
    pub fn note_proposal(&self, bytes: usize) {
        let leading = &self.member().leading;
        leading.proposals.note(bytes as u64);
        leading.proposed.add(1);
    }

    /// A leader has committed so many transactions, the last of which is so old, ms, if that is known.
    pub fn note_committed(&self, transactions: u64, age: Option<u64>) {
        let leading = &self.member().leading;
        leading.committed.add(transactions);
        age.into_iter().for_each(|age| leading.quorum_after.note(age));
    }

    /// A follower is proposed a transaction that is so old, ms, if that is known.
    pub fn note_proposed(&self, age: Option<u64>) {
        let learning = &self.member().learning;
        learning.proposals.add(1);
        age.into_iter().for_each(|age| learning.proposed_after.note(age));
    }

    /// A learner is told that so many transactions are committed, the last of which is so old, ms, if that is known; so many of its
    /// sessions wait for something.
    pub fn note_learnt(&self, transactions: u64, age: Option<u64>, sessions: usize) {
        let learning = &self.member().learning;
        learning.commits.add(transactions);
        learning.committed_together.note(transactions);
        learning.sessions_waiting.note(sessions as u64);
        age.into_iter().for_each(|age| learning.committed_after.note(age));
    }

    /// This server acknowledges transactions, the last of which is so old, ms, if that is known.
    pub fn note_acknowledged(&self, age: Option<u64>) {
        age.into_iter().for_each(|age| self.member().acknowledged_after.note(age));
    }

    /// A server acknowledges a transaction that is so old, ms, to this leader.
    pub fn note_acknowledged_by(&self, server: ServerId, age: u64) {
        self.member().leading.acknowledged_by.with(server, |ages| ages.note(age));
    }

    /// A server has acknowledged so many transactions, the last of which was sent to it so long before.
    pub fn note_acknowledging(&self, server: ServerId, time: Duration, count: u64) {
        self.member().leading.peers.with(server, |peer| peer.acknowledged.note_many(micros(time), count));
    }

    /// This leader has committed so many transactions by the acknowledgement of this server, which may be itself; the last of
    /// them was sent so long before.
    pub fn note_awaited(&self, server: ServerId, time: Duration, transactions: u64) {
        self.member().leading.peers.with(server, |peer| peer.awaited.note_many(micros(time), transactions));
    }

    /// So many proposals were handed to the links, so long after their turn began.
    pub fn note_sent(&self, time: Duration, proposals: u64) {
        self.status.replica.stages.sent.note_many(micros(time), proposals);
    }

    /// So many requests of a learner's clients wait for the leader.
    pub fn note_forwarded(&self, waiting: usize) {
        self.member().learning.forwarded.note(waiting as u64);
    }

    /// So many bytes wait to be sent to a learner.
    pub fn note_waiting(&self, learner: ServerId, bytes: usize) {
        self.member().leading.waiting_for.with(learner, |waiting| waiting.note(bytes as u64));
    }

    /// One more is brought the history by this plan, and so many are.
    pub fn note_bringing(&self, plan: &Plan, under_way: usize) {
        let bringing = &self.member().bringing;
        let (counter, together) = match plan.first {
            First::Snap => (&bringing.snaps, &bringing.snaps_under_way),
            First::Diff(_) | First::Trunc(_) => (&bringing.diffs, &bringing.diffs_under_way),
        };
        counter.add(1);
        together.note(under_way as u64);
    }

    /// Another server asks whether a session lives.
    pub fn note_revalidation(&self) {
        self.member().bringing.revalidations.add(1);
    }

    /// A transaction has led to another state than that of whoever ordered it.
    pub fn note_mismatch(&self) {
        self.status.replica.digest_mismatches.add(1);
    }

    /// These observe this server.
    pub fn tell_observers(&self, observers: &[ObserverFigures<&str>]) {
        self.member().observers.set(observers);
    }

    /// What a leader has at the end of a turn.
    pub fn tell_leading(
        &self,
        learners: impl Iterator<Item = LearnerState>,
        config: &Config,
        pending_syncs: usize,
        now: Instant,
    ) {
        let counts = LearnerCounts::of(learners, config);
        let leading = &self.member().leading;
        leading.learners.set(counts.learners);
        leading.synced_followers.set(counts.synced_followers);
        leading.synced_non_voting_followers.set(counts.synced_non_voting_followers);
        leading.synced_observers.set(counts.synced_observers);
        leading.pending_syncs.set(pending_syncs as u64);
        leading.uptime.set(self.leads.map_or(0, |since| millis(since, now)));
    }
}

fn millis(since: Instant, now: Instant) -> u64 {
    let passed: Duration = now.saturating_duration_since(since);
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

/// How many learners there are of each kind.
#[derive(PartialEq, Eq, Default, Debug)]
struct LearnerCounts {
    learners: u64,
    synced_followers: u64,
    synced_non_voting_followers: u64,
    synced_observers: u64,
}

impl LearnerCounts {
    /// As ZooKeeper counts: an observer is who says so, and a follower of which the configuration says something else is one
    /// that does not vote.
    fn of(learners: impl Iterator<Item = LearnerState>, config: &Config) -> LearnerCounts {
        let mut counts = LearnerCounts::default();
        for LearnerState { server, peer_type, has_joined, .. } in learners {
            counts.learners += 1;
            match peer_type {
                _ if !has_joined => {}
                PeerType::Observer => counts.synced_observers += 1,
                PeerType::Participant => {
                    counts.synced_followers += 1;
                    counts.synced_non_voting_followers += u64::from(!config.is_voter(server));
                }
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use paddock_consensus::config::{Config, PeerType};
    use paddock_consensus::output::Part;
    use paddock_consensus::zab::LearnerState;
    use paddock_consensus::{Epoch, ServerId};
    use paddock_net::distribution::Distribution;
    use paddock_net::status::Status;

    use super::MemberFigures;

    fn config() -> Config {
        let lines: String = (1..=3).map(|id| format!("server.{id}=s{id}:2888:3888:participant\n")).collect();
        Config::parse(&format!("{lines}server.4=s4:2888:3888:observer\nversion=0")).unwrap()
    }

    #[test]
    fn times_without_a_leader_are_told_and_what_is_said_twice_counts_once() {
        let (status, start) = (Arc::new(Status::default()), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        let mut figures = MemberFigures::new(status.clone(), &config(), start);
        let member = &status.member;
        let (follows, leads) =
            (Part::Following { leader: ServerId(3), epoch: Epoch(1) }, Part::Leading { epoch: Epoch(2) });
        figures.decide(false, at(20));
        figures.decide(false, at(30));
        figures.become_part(follows, at(50));
        assert_eq!((member.part(), member.quorum_size.get()), (Some(follows), 3));
        figures.become_part(Part::Looking, at(1000));
        // Readers are served, and then nobody.
        figures.become_part(Part::Looking, at(1003));
        figures.become_part(Part::Looking, at(1006));
        figures.decide(false, at(1007));
        // Whom it has decided on leads nobody.
        figures.become_part(Part::Looking, at(1100));
        figures.decide(false, at(1105));
        figures.become_part(leads, at(1200));
        figures.become_part(leads, at(1300));
        let times = |times: &Distribution| (times.totals().count, times.totals().sum);
        assert_eq!(times(&member.election_time), (3, 32));
        assert_eq!(times(&member.unavailable_time), (2, 250));
        assert_eq!(times(&member.leader_unavailable_time), (1, 200));
        assert_eq!(times(&member.learning.followed_after), (1, 30), "from the first decision");
        assert_eq!(member.looking_count.get(), 3);
        figures.tell_leading([].into_iter(), &config(), 0, at(1500));
        assert_eq!(member.leading.uptime.get(), 300);
        figures.become_part(Part::Looking, at(2000));
        figures.decide(true, at(2040));
        figures.become_part(Part::Observing { leader: ServerId(3), epoch: Epoch(3) }, at(2060));
        assert_eq!(times(&member.election_time), (3, 32), "one that observes has not voted");
        assert_eq!(times(&member.learning.observed_after), (1, 20));
    }

    #[test]
    fn learners_are_counted_by_what_they_say_and_what_the_configuration_says() {
        let status = Arc::new(Status::default());
        let figures = MemberFigures::new(status.clone(), &config(), Instant::now());
        let learner = |server, peer_type, has_joined| {
            let awaits = "";
            LearnerState { server: ServerId(server), peer_type, awaits, has_joined, is_live: has_joined }
        };
        let learners = [
            learner(1, PeerType::Participant, true),
            learner(2, PeerType::Participant, false),
            learner(4, PeerType::Observer, true),
            learner(5, PeerType::Participant, true),
        ];
        figures.tell_leading(learners.into_iter(), &config(), 6, Instant::now());
        let leading = &status.member.leading;
        let told = [
            &leading.learners,
            &leading.synced_followers,
            &leading.synced_non_voting_followers,
            &leading.synced_observers,
            &leading.pending_syncs,
        ];
        assert_eq!(told.map(|counter| counter.get()), [4, 2, 1, 1, 6]);
    }
}

//! What words tell of a member, as its core and its turns have it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use paddock_consensus::config::{Config, PeerType};
use paddock_consensus::output::Part;
use paddock_consensus::zab::LearnerState;
use paddock_net::member_status::MemberStatus;
use paddock_net::status::Status;

pub struct MemberFigures {
    status: Arc<Status>,
    /// Since when a leader is looked for that is not decided on.
    looks: Option<Instant>,
    /// Since when there is no leader whose history is here.
    lacks_leader: Option<Instant>,
    /// Since when this server leads.
    leads: Option<Instant>,
}

impl MemberFigures {
    /// Of a server that begins to look for a leader.
    pub fn new(status: Arc<Status>, config: &Config, now: Instant) -> MemberFigures {
        let mut figures = MemberFigures { status, looks: None, lacks_leader: None, leads: None };
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
        (self.looks, self.leads) = (Some(now), None);
        self.lacks_leader.get_or_insert(now);
        self.member().looking_count.add(1);
        self.member().set_part(Part::Looking);
        self.note_since(now);
    }

    /// The part begins.
    fn note_since(&self, now: Instant) {
        self.member().since.set(self.status.clock.millis(now));
    }

    /// The core has decided on a leader. It may tell that more than once.
    pub fn decide(&mut self, now: Instant) {
        if let Some(since) = self.looks.take() {
            self.member().election_time.note(millis(since, now));
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

    /// A leader proposes a transaction of so many bytes.
    pub fn note_proposal(&self, bytes: usize) {
        self.member().leading.proposals.note(bytes as u64);
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
    use paddock_net::counter::Summary;
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
        figures.decide(at(20));
        figures.decide(at(30));
        figures.become_part(follows, at(50));
        assert_eq!((member.part(), member.quorum_size.get()), (Some(follows), 3));
        figures.become_part(Part::Looking, at(1000));
        // Readers are served, and then nobody.
        figures.become_part(Part::Looking, at(1003));
        figures.become_part(Part::Looking, at(1006));
        figures.decide(at(1007));
        // Whom it has decided on leads nobody.
        figures.become_part(Part::Looking, at(1100));
        figures.decide(at(1105));
        figures.become_part(leads, at(1200));
        figures.become_part(leads, at(1300));
        let times = |summary: &Summary| (summary.count.get(), summary.sum.get());
        assert_eq!(times(&member.election_time), (3, 32));
        assert_eq!(times(&member.unavailable_time), (2, 250));
        assert_eq!(times(&member.leader_unavailable_time), (1, 200));
        assert_eq!(member.looking_count.get(), 3);
        figures.tell_leading([].into_iter(), &config(), 0, at(1500));
        assert_eq!(member.leading.uptime.get(), 300);
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

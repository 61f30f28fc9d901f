//! What operators are told of a member in the log of words: who leads, why this server looks for a leader, and which servers
//! are missing. Each event is one line, at WARN if it needs eyes.

use std::collections::BTreeMap;

use paddock_consensus::config::{Config, Member, PeerType};
use paddock_consensus::input::Link;
use paddock_consensus::output::{Cause, Part, Reason};
use paddock_consensus::settings::{Ms, Settings};
use paddock_consensus::{Epoch, ServerId};
use paddock_net::serving::Serve;

use super::absences::{Absences, Return};

/// Where there is no leader for so long, that is told, and again after twice the time, and so on.
const TOLD_AFTER: Ms = Ms(10_000);
/// It is told at least this often.
const TOLD_EVERY: Ms = Ms(600_000);

pub struct Announcements {
    me: ServerId,
    voters: Vec<ServerId>,
    /// All others of the ensemble, each with what its server line says of it.
    others: BTreeMap<ServerId, Member>,
    waits: Waits,
    /// Whom this server has decided on, and perhaps follows; itself, if it is to lead.
    leader: Option<ServerId>,
    /// `None` while there is one that this server follows, or is.
    lack: Option<Lack>,
    /// When each of the other voters has said something on the election port for the last time.
    heard: BTreeMap<ServerId, Ms>,
    /// The others that do not follow this leader.
    missing: Absences,
    /// The learners of this leader that serve, each with what it says that it is.
    live: BTreeMap<Link, (ServerId, PeerType)>,
}

/// How long others may take: connectToLearnerMasterLimit, initLimit and syncLimit.
struct Waits {
    connect: Ms,
    init: Ms,
    sync: Ms,
}

/// There is no leader.
struct Lack {
    since: Ms,
    /// When that is told next, and how long after that once more.
    told_at: Ms,
    interval: Ms,
}

impl Lack {
    fn begin(now: Ms) -> Lack {
        Lack { since: now, told_at: now.after(TOLD_AFTER), interval: TOLD_AFTER }
    }

    /// Whether it is to be told now.
    fn is_due(&mut self, now: Ms) -> bool {
        let is_due = self.told_at <= now;
        if is_due {
            self.told_at = now.after(self.interval);
            self.interval = Ms(self.interval.0.saturating_mul(2).min(TOLD_EVERY.0));
        }
        is_due
    }
}

impl Announcements {
    /// Of a server that begins to look for a leader.
    pub fn begin(me: ServerId, config: &Config, settings: &Settings, now: Ms) -> Announcements {
        let voters: Vec<ServerId> = config.quorum().voters().collect();
        let others = config.members().iter().filter(|(server, _)| **server != me);
        let others = others.map(|(server, member)| (*server, member.clone())).collect();
        tracing::info!("server {} looks for a leader of {} voters", me.0, voters.len());
        let heard = voters.iter().filter(|voter| **voter != me).map(|voter| (*voter, now)).collect();
        let waits = Waits { connect: settings.connect_wait(), init: settings.init_wait(), sync: settings.sync_wait() };
        let (lack, missing, live) = (Some(Lack::begin(now)), Absences::default(), BTreeMap::new());
        Announcements { me, voters, others, waits, leader: None, lack, heard, missing, live }
    }

    /// The ensemble was changed: this is its configuration.
    pub fn take_config(&mut self, config: &Config, now: Ms) {
        self.voters = config.quorum().voters().collect();
        let (me, former) = (self.me, std::mem::take(&mut self.others));
        let others = config.members().iter().filter(|(server, _)| **server != me);
        self.others = others.map(|(server, member)| (*server, member.clone())).collect();
        let what = match config.members().get(&me).map(|member| member.peer_type) {
            Some(PeerType::Participant) => "this server votes in it",
            Some(PeerType::Observer) => "this server observes it",
            None => "this server is none of it, and follows it without a vote until it is stopped",
        };
        tracing::info!(
            "the ensemble has {} servers now, of which {} vote (version {:x}); {what}",
            config.members().len(),
            self.voters.len(),
            config.version().0
        );
        let heard = std::mem::take(&mut self.heard);
        let voters = self.voters.iter().filter(|voter| **voter != me);
        self.heard = voters.map(|voter| (*voter, heard.get(voter).copied().unwrap_or(now))).collect();
        // Who is no member any more is not missed.
        for server in former.keys().filter(|server| !self.others.contains_key(server)) {
            self.missing.end(*server, now);
        }
    }

    /// Another server has said what it wants, or has.
    pub fn hear(&mut self, from: ServerId, now: Ms) {
        if let Some(heard) = self.heard.get_mut(&from) {
            *heard = now;
        }
    }

    /// The election has a result. It may be told more than once.
    pub fn decide(&mut self, leader: Option<ServerId>) {
        self.leader = Some(leader.unwrap_or(self.me));
    }

    /// A learner of this leader serves.
    pub fn on_live(&mut self, link: Link, (server, peer_type): (ServerId, PeerType), now: Ms) {
        self.live.insert(link, (server, peer_type));
        match self.missing.end(server, now) {
            Some(Return { after, was_told: true }) => {
                tracing::info!("server {} follows this leader again, after {} ms", server.0, after.0);
            }
            // Those who were there when the reign began are told with that.
            Some(Return { after, .. }) if after > Ms(0) => {
                tracing::info!("server {} follows this leader", server.0);
            }
            _ => {}
        }
    }

    /// A learner's link is gone: this side has closed it for a reason, or it has ended.
    pub fn on_link_gone(&mut self, link: Link, reason: Option<Reason>, now: Ms) {
        let Some((server, _)) = self.live.remove(&link) else { return };
        // Then everybody's link goes, and why is told elsewhere.
        if matches!(reason, Some(Reason::RoleEnded | Reason::Stopped)) || !self.others.contains_key(&server) {
            return;
        }
        self.missing.begin(server, true, now);
        let (here, voters) = (self.voters_here(), self.voters.len());
        tracing::warn!("server {} does not follow this leader any more; voters here: {here} of {voters}", server.0);
    }

    /// This server, and who follows it. Who observes it does not vote, whatever the server lines here say.
    fn voters_here(&self) -> usize {
        let follows = |voter: ServerId| self.live.values().any(|live| *live == (voter, PeerType::Participant));
        let is_here = |voter: &&ServerId| **voter == self.me || follows(**voter);
        self.voters.iter().filter(is_here).count()
    }

    /// The core says that this is its part, with `learners` of a leader that serve. `before` is what it was, and `cause` why
    /// that has ended.
    pub fn become_part(
        &mut self,
        before: Part,
        (part, serve): (Part, Serve),
        cause: Option<Cause>,
        learners: impl Iterator<Item = ServerId>,
        now: Ms,
    ) {
        match (part, serve) {
            // With ZooKeeper's words for it, which people and tests look for.
            (Part::Looking, Serve::ReadOnly) => tracing::warn!(
                "Read-only server started: no leader is found, and reads are served to those alone who can do with a state that \
                 does not go on"
            ),
            (Part::Looking, _) => self.look(before, cause, now),
            (Part::Leading { epoch }, _) if !matches!(before, Part::Leading { .. }) => self.lead(epoch, learners, now),
            (Part::Following { leader, epoch }, _) => {
                let lacked = self.end_lack(now);
                tracing::info!("this server follows server {} in epoch {}{lacked}", leader.0, epoch.0);
            }
            (Part::Observing { leader, epoch }, _) => {
                let lacked = self.end_lack(now);
                tracing::info!("this server observes server {} in epoch {}{lacked}", leader.0, epoch.0);
            }
            (Part::Leading { epoch }, _) if before != part => tracing::info!(
                "this server goes on leading in epoch {}, without an election: few zxids were left of the epoch before",
                epoch.0
            ),
            (Part::Leading { .. }, _) => {}
        }
    }

    fn lead(&mut self, epoch: Epoch, learners: impl Iterator<Item = ServerId>, now: Ms) {
        let lacked = self.end_lack(now);
        let followers: Vec<String> = learners.map(|server| format!("server {}", server.0)).collect();
        let followers = if followers.is_empty() { "nobody".to_owned() } else { followers.join(", ") };
        tracing::info!("this server leads in epoch {}, followed by {followers}{lacked}", epoch.0);
        self.missing = Absences::since(self.others.keys().map(|server| (*server, now)));
    }

    fn end_lack(&mut self, now: Ms) -> String {
        self.lack
            .take()
            .map_or_else(String::new, |lack| format!("; it had no leader for {} ms", now.since(lack.since).0))
    }

    fn look(&mut self, before: Part, cause: Option<Cause>, now: Ms) {
        // Without a decision it has looked before, and only serves no readers any more.
        let Some(leader) = self.leader.take() else { return };
        let why = cause.map_or_else(String::new, |cause| self.explain(cause, leader, before, now));
        match before {
            Part::Looking if cause != Some(Cause::LeaderUnreached) => {
                tracing::info!("this server looks for another leader: {why}");
            }
            Part::Looking => tracing::warn!("this server looks for another leader: {why}"),
            _ => tracing::warn!("this server looks for a leader: {why}"),
        }
        self.lack.get_or_insert(Lack::begin(now));
        self.missing = Absences::default();
        self.live.clear();
    }

    fn explain(&self, cause: Cause, leader: ServerId, before: Part, now: Ms) -> String {
        let Waits { connect, init, sync } = &self.waits;
        let silence = if before == Part::Looking { init.0 } else { sync.0 };
        let leader = leader.0;
        match cause {
            Cause::LeaderUnreached => format!(
                "server {leader} was elected, and not reached at {} within {} ms",
                self.quorum_ports(ServerId(leader)),
                connect.0
            ),
            Cause::LeaderGone => format!(
                "server {leader} was elected, and neither its quorum port nor its election port can be reached from here"
            ),
            Cause::LeaderLooks => format!("server {leader} was elected, and looks for another leader"),
            Cause::LinkDown => format!("the link to its leader, server {leader}, is gone"),
            Cause::LinkClosed(Reason::TimedOut) => {
                format!("nothing was heard of its leader, server {leader}, for {silence} ms")
            }
            Cause::LinkClosed(Reason::OldEpoch) => format!(
                "its leader, server {leader}, is of an earlier epoch than this server has promised; it can follow after another \
                 election, unless its dataDir is of another ensemble"
            ),
            Cause::LinkClosed(_) => format!("it has closed the link to its leader, server {leader}"),
            Cause::NotFollowed => {
                format!(
                    "no quorum of {} voters follows it any more; missing: {}",
                    self.voters.len(),
                    self.missing.at(now)
                )
            }
            Cause::NoQuorum => {
                format!("it was elected, and no quorum has come within {} ms", init.0)
            }
            Cause::Abandoned => "it was elected, and too many of the others want another leader or are gone".to_owned(),
            Cause::LaterEpoch => "a member that looks for a leader has promised a later epoch".to_owned(),
            Cause::PromisesSpent => {
                "too many had promised its epoch before, so that another one is to begin".to_owned()
            }
            Cause::NewerHistories => "it was elected, and too many have a newer history".to_owned(),
            Cause::NoHistory => "it was elected, and has no history to lead with".to_owned(),
            Cause::DiskBehind => {
                "its disk has not taken what it proposed for syncLimit ticks, and the others go on without it; it \
                                  comes back when the disk takes that: see whether it is full"
                    .to_owned()
            }
            Cause::Reconfigured => "it has committed a configuration under which another server leads".to_owned(),
            Cause::EpochUsedUp => {
                "it has used the last transaction of its epoch, and another epoch is to begin".to_owned()
            }
        }
    }

    /// Where a server is to be reached by those who follow it.
    fn quorum_ports(&self, server: ServerId) -> String {
        let addresses = self.others.get(&server).into_iter().flat_map(|member| &member.addresses);
        addresses.map(|address| address.quorum.to_string()).collect::<Vec<_>>().join(" or ")
    }

    /// Why there is no leader for so long, as far as that is known here.
    fn lack_cause(&self, now: Ms) -> String {
        match self.leader {
            // From now on nobody says anything on the election port, for as long as the leader has to begin.
            Some(leader) if leader == self.me => {
                "it is elected itself, and no quorum is synchronised with it yet".to_owned()
            }
            Some(leader) => format!("server {} is elected, and is not reached or has not begun yet", leader.0),
            None => self.silent(now),
        }
    }

    /// Who says nothing. Each voter that looks says something within syncLimit, and each that does not is asked so often.
    fn silent(&self, now: Ms) -> String {
        let silent = self.heard.iter().filter(|(_, heard)| now.since(**heard) > self.waits.sync);
        let silent = Absences::since(silent.map(|(voter, heard)| (*voter, *heard)));
        match silent.is_empty() {
            true => "every voter is heard".to_owned(),
            false => format!("nothing is heard of {}", silent.at(now)),
        }
    }

    /// When something will have lasted too long.
    pub fn deadline(&self) -> Option<Ms> {
        let lack = self.lack.as_ref().map(|lack| lack.told_at);
        [lack, self.missing.overdue_at(self.waits.init)].into_iter().flatten().min()
    }

    /// What lasts too long. To be asked in each turn. `votes` says whether this server has a history that it votes with.
    pub fn tell_overdue(&mut self, now: Ms, votes: impl FnOnce() -> bool) {
        if let Some(lack) = &mut self.lack
            && lack.is_due(now)
        {
            let lacked = now.since(lack.since).0;
            let own =
                if votes() { "" } else { "it does not vote itself before it has a full copy of a leader's state; " };
            tracing::warn!("this server finds no leader for {lacked} ms; {own}{}", self.lack_cause(now));
        }
        if self.missing.is_empty() {
            return;
        }
        for server in self.missing.take_overdue(self.waits.init, now) {
            tracing::warn!(
                "server {} does not follow this leader, which leads for {} ms or longer",
                server.0,
                self.waits.init.0
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::ServerId;
    use paddock_consensus::config::{Config, PeerType};
    use paddock_consensus::input::Link;
    use paddock_consensus::output::{Cause, Part};
    use paddock_consensus::settings::{Features, Ms, RENEW_FROM, Settings};

    use super::{Announcements, TOLD_AFTER};

    fn settings() -> Settings {
        Settings {
            tick: Ms(2000),
            init_limit: 10,
            sync_limit: 5,
            connect_limit: 0,
            notification_interval_min: Ms(200),
            notification_interval_max: Ms(60_000),
            epoch_wait_max: None,
            reconfig_enabled: false,
            leader_serves: true,
            force_snapshot: false,
            observer_election_delay_max: Ms(0),
            read_only_mode: false,
            has_oracle: false,
            has_observer_masters: false,
            observer_reconnect_delay_max: Ms(0),
            features: Features(0),
            renew_from: RENEW_FROM,
            seed: 1,
        }
    }

    #[test]
    fn the_lack_of_a_leader_is_told_when_its_time_has_come_and_not_when_something_else_happens() {
        let config = Config::parse("server.1=a:1:2\nserver.2=b:1:2\nversion=0").expect("it is well formed");
        let mut announcements = Announcements::begin(ServerId(1), &config, &settings(), Ms(5));
        assert_eq!(announcements.deadline(), Some(Ms(5).after(TOLD_AFTER)));
        announcements.tell_overdue(Ms(4).after(TOLD_AFTER), || true);
        assert_eq!(announcements.deadline(), Some(Ms(5).after(TOLD_AFTER)), "it is not told");
        let told_at = Ms(5).after(TOLD_AFTER);
        announcements.tell_overdue(told_at, || true);
        assert_eq!(announcements.deadline(), Some(told_at.after(TOLD_AFTER)), "it is told again");
        announcements.tell_overdue(told_at.after(TOLD_AFTER), || true);
        assert_eq!(announcements.deadline(), Some(told_at.after(TOLD_AFTER).after(TOLD_AFTER).after(TOLD_AFTER)));
    }

    #[test]
    fn who_observes_is_no_voter_that_is_here() {
        let config =
            Config::parse("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nversion=0").expect("it is well formed");
        let mut announcements = Announcements::begin(ServerId(1), &config, &settings(), Ms(0));
        announcements.on_live(Link(1), (ServerId(2), PeerType::Participant), Ms(1));
        announcements.on_live(Link(2), (ServerId(3), PeerType::Observer), Ms(1));
        assert_eq!(announcements.voters_here(), 2);
    }

    #[test]
    fn where_an_elected_server_was_not_reached_is_told() {
        let config = Config::parse("server.1=a:1:2\nserver.2=b:1:2|c:3:4\nversion=0").expect("it is well formed");
        let announcements = Announcements::begin(ServerId(1), &config, &settings(), Ms(0));
        let told = announcements.explain(Cause::LeaderUnreached, ServerId(2), Part::Looking, Ms(0));
        assert_eq!(told, "server 2 was elected, and not reached at b:1 or c:3 within 20000 ms");
    }

    #[test]
    fn nobody_is_accused_of_silence_while_a_leader_is_elected() {
        let config = Config::parse("server.1=a:1:2\nserver.2=b:1:2\nversion=0").expect("it is well formed");
        let mut announcements = Announcements::begin(ServerId(1), &config, &settings(), Ms(0));
        let silent = "nothing is heard of server 2 (for 10001 ms)";
        assert_eq!(announcements.lack_cause(Ms(10_001)), silent);
        announcements.decide(Some(ServerId(2)));
        let elected = "server 2 is elected, and is not reached or has not begun yet";
        assert_eq!(announcements.lack_cause(Ms(10_001)), elected);
        announcements.decide(None);
        let elected = "it is elected itself, and no quorum is synchronised with it yet";
        assert_eq!(announcements.lack_cause(Ms(10_001)), elected);
    }
}

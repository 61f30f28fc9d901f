//! One server around the election: what it has, what it knows of its ensemble, and its role.

use std::sync::Arc;

use paddock_consensus::config::{Config, Configs, PeerType};
use paddock_consensus::election::{Connections, Decision, Looking, Standpoint, answer, own_vote};
use paddock_consensus::input::{Event, Mark};
use paddock_consensus::notification::{Format, Notification, ServerState};
use paddock_consensus::settings::{Features, Ms, RENEW_FROM, Settings};
use paddock_consensus::summary::Summary;
use paddock_consensus::vote::Vote;
use paddock_consensus::{Epoch, Output, ServerId};

pub enum Role {
    Looking(Looking),
    /// It follows, observes or leads.
    Decided(Decision),
}

pub struct Server {
    pub me: ServerId,
    pub peer_type: PeerType,
    /// `None`: it has nothing that can be used.
    pub history: Option<Summary>,
    pub configs: Configs,
    pub settings: Settings,
    /// `None`: the process does not run.
    pub role: Option<Role>,
    round: i64,
    connections: Connections,
}

pub fn settings() -> Settings {
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
        observer_election_delay_max: Ms(200),
        read_only_mode: false,
        has_oracle: false,
        has_observer_masters: false,
        observer_reconnect_delay_max: Ms(0),
        features: Features::default(),
        renew_from: RENEW_FROM,
        seed: 0,
    }
}

impl Server {
    pub fn new(me: ServerId, config: &Arc<Config>, history: Option<Summary>) -> Server {
        Server {
            me,
            peer_type: PeerType::Participant,
            history,
            configs: Configs::settled(config.clone()),
            settings: settings(),
            role: None,
            round: 0,
            connections: Connections::default(),
        }
    }

    pub fn own_vote(&self) -> Vote {
        let history = self.history.filter(|_| self.peer_type == PeerType::Participant);
        own_vote(self.me, &self.configs, history)
    }

    /// The process begins.
    pub fn start(&mut self, now: Ms, out: &mut Vec<Output>) {
        (self.round, self.connections) = (0, Connections::default());
        self.look(now, out);
    }

    /// It looks for a leader from now on.
    pub fn look(&mut self, now: Ms, out: &mut Vec<Output>) {
        self.role = Some(Role::Looking(Looking::begin(&mut self.standpoint(), now, out)));
    }

    pub fn decision(&self) -> Option<&Decision> {
        match &self.role {
            Some(Role::Decided(decision)) => Some(decision),
            Some(Role::Looking(_)) | None => None,
        }
    }

    /// The epoch of its leader begins here.
    pub fn begin_epoch(&mut self, epoch: Epoch) {
        self.history = self.history.map(|history| Summary { current_epoch: epoch, ..history });
        if let Some(decision) = self.decision_mut() {
            decision.begin_epoch(epoch);
        }
    }

    fn decision_mut(&mut self) -> Option<&mut Decision> {
        match &mut self.role {
            Some(Role::Decided(decision)) => Some(decision),
            Some(Role::Looking(_)) | None => None,
        }
    }

    /// What it would tell of itself.
    pub fn says(&self) -> Option<Notification> {
        match self.role.as_ref()? {
            Role::Decided(decision) => Some(decision.says()),
            Role::Looking(looking) => Some(looking.says(self.round)),
        }
    }

    pub fn deadline(&self) -> Option<Ms> {
        match &self.role {
            Some(Role::Looking(looking)) => looking.deadline(),
            Some(Role::Decided(_)) | None => None,
        }
    }

    pub fn on_event(&mut self, peer: ServerId, event: Event, now: Ms, out: &mut Vec<Output>) {
        self.connections.on_event(&self.configs, peer, event);
        self.search(|looking, at| looking.on_event(at, peer, event, now, out));
    }

    pub fn on_notification(
        &mut self,
        from: ServerId,
        heard: &Notification,
        config: Option<&Arc<Config>>,
        now: Ms,
        out: &mut Vec<Output>,
    ) {
        if let Some(decision) = self.decision_mut() {
            decision.hear(from, heard);
            out.extend(answer(&decision.says(), heard).map(|answer| Output::Notify(from, answer)));
        }
        self.search(|looking, at| looking.on_notification(at, from, heard, config, now, out));
    }

    pub fn on_time(&mut self, now: Ms, out: &mut Vec<Output>) {
        self.search(|looking, at| looking.on_time(at, now, out));
    }

    /// The configuration of a [`Mark::Committed`] is durable.
    pub fn on_written(&mut self, mark: Mark, now: Ms, out: &mut Vec<Output>) {
        let Mark::Committed(config) = mark else { panic!("an election writes nothing else") };
        if config.version() > self.configs.last_seen.version() {
            self.configs.last_seen = config.clone();
        }
        self.configs.committed = config;
        self.search(|looking, at| {
            looking.on_configured(at, now, out);
            None
        });
    }

    fn search(&mut self, step: impl FnOnce(&mut Looking, &mut Standpoint<'_>) -> Option<Decision>) {
        let Some(Role::Looking(mut looking)) = self.role.take_if(|role| matches!(role, Role::Looking(_))) else {
            return;
        };
        let decision = step(&mut looking, &mut self.standpoint());
        self.role = Some(decision.map_or(Role::Looking(looking), Role::Decided));
    }

    fn standpoint(&mut self) -> Standpoint<'_> {
        let own = self.own_vote();
        Standpoint {
            me: self.me,
            peer_type: self.peer_type,
            own,
            configs: &self.configs,
            accepted: Epoch(0),
            settings: &self.settings,
            round: &mut self.round,
            connections: &mut self.connections,
        }
    }
}

/// A vote, as a short text.
pub fn vote(vote: &Vote) -> String {
    match vote {
        vote if *vote == Vote::LEAST => "nobody".into(),
        Vote { leader: ServerId(i64::MIN), zxid, peer_epoch } => format!("nobody, epoch {peer_epoch}, {zxid}"),
        Vote { leader, zxid, peer_epoch } => format!("{}, epoch {peer_epoch}, {zxid}", leader.0),
    }
}

/// A notification, as a short text.
pub fn notification(said: &Notification) -> String {
    let state = match said.state {
        ServerState::Looking => "looking",
        ServerState::Following => "following",
        ServerState::Leading => "leading",
        ServerState::Observing => "observing",
    };
    let format = if said.format == Format::Versioned { "" } else { ", unversioned" };
    format!("{state}, round {}: {}{format}", said.round, vote(&said.vote))
}

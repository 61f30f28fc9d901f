//! One server, of which the test is the disk, the peers and the clock.

use std::sync::Arc;

use paddock_consensus::config::{Config, Configs, HostPort, Member, PeerAddress, PeerType};
use paddock_consensus::epochs::Epochs;
use paddock_consensus::input::{Fault, Link, Mark, Ticket, Unsettled};
use paddock_consensus::message::{FromLearner, FromMaster, Message};
use paddock_consensus::notification::{Format, Notification, ServerState};
use paddock_consensus::output::{Cause, Part, Reason, Serve};
use paddock_consensus::quorum::QuorumSystem;
use paddock_consensus::settings::{Features, Ms, RENEW_FROM, Settings};
use paddock_consensus::vote::Vote;
use paddock_consensus::zab::{Found, Standing};
use paddock_consensus::{Epoch, History, Input, Output, ServerId, Zab, Zxid};

/// The link to the leader, or the first to a learner.
pub const LINK: Link = Link(1);

pub const TICK: u64 = 100;

/// Transaction `counter` of `epoch`.
pub const fn z(epoch: i32, counter: i64) -> Zxid {
    Zxid(Zxid::start_of(Epoch(epoch)).0 + counter)
}

pub fn settings() -> Settings {
    Settings {
        tick: Ms(TICK),
        init_limit: 10,
        sync_limit: 5,
        connect_limit: 0,
        notification_interval_min: Ms(200),
        notification_interval_max: Ms(60_000),
        epoch_wait_max: None,
        reconfig_enabled: true,
        leader_serves: true,
        force_snapshot: false,
        observer_election_delay_max: Ms(200),
        read_only_mode: false,
        has_oracle: false,
        has_observer_masters: false,
        observer_reconnect_delay_max: Ms(0),
        features: Features::default(),
        renew_from: RENEW_FROM,
        seed: 7,
    }
}

/// Servers 1 to `voters` vote, and 6 observes.
pub fn config(version: Zxid, voters: i64) -> Arc<Config> {
    let at = |host: i64, port| HostPort { host: format!("h{host}").into(), port };
    let member = |server, peer_type| Member {
        peer_type,
        addresses: vec![PeerAddress { quorum: at(server, 2888), election: at(server, 3888) }],
        client: None,
    };
    let ids = (1..=voters).map(ServerId);
    let mut members: std::collections::BTreeMap<_, _> =
        ids.clone().map(|id| (id, member(id.0, PeerType::Participant))).collect();
    members.insert(ServerId(6), member(6, PeerType::Observer));
    Arc::new(Config::new(version, members, QuorumSystem::Majority(ids.collect())))
}

pub fn history(zxids: &[Zxid]) -> History {
    let mut history = History::new(Zxid::ZERO);
    zxids.iter().for_each(|zxid| history.push(*zxid));
    history
}

/// What is on the disk of a server that has led or followed before: epoch 1 is accepted and current.
pub fn found(zxids: &[Zxid]) -> Found {
    let history = history(zxids);
    Found {
        epochs: Epochs::new(Some(Epoch(1)), Some(Epoch(1)), history.last()).unwrap(),
        history,
        standing: Standing::Sound,
        configs: Configs::settled(config(Zxid::ZERO, 3)),
    }
}

pub struct Server {
    pub zab: Zab,
    pub me: ServerId,
    pub now: Ms,
}

/// What a server puts out.
pub type Outputs = Vec<Output>;

impl Server {
    pub fn new(me: i64, settings: Settings, found: Found) -> Server {
        let me = ServerId(me);
        Server { zab: Zab::new(me, settings, found, Ms(0)), me, now: Ms(0) }
    }

    pub fn step(&mut self, input: Input<'_>) -> Outputs {
        let mut outputs = Vec::new();
        self.zab.step(self.now, input, &mut outputs);
        outputs
    }

    pub fn pass(&mut self, ms: u64) -> Outputs {
        self.now = self.now.after(Ms(ms));
        self.step(Input::Time)
    }

    pub fn written(&mut self, mark: Mark) -> Outputs {
        self.step(Input::Written(mark))
    }

    pub fn durable(&mut self, zxid: Zxid) -> Outputs {
        self.step(Input::Durable(zxid))
    }

    pub fn settled(&mut self, settled: Result<Zxid, Unsettled>) -> Outputs {
        self.step(Input::Settled(settled))
    }

    /// How many characters tell what the core holds: more, if it holds more.
    pub fn text_length(&self) -> usize {
        format!("{:?}", self.zab).len()
    }

    pub fn cause(&self) -> Option<Cause> {
        self.zab.state().cause
    }

    pub fn awaits(&self) -> &'static str {
        self.zab.state().awaits
    }

    /// What others say who follow, or lead.
    fn established(&mut self, from: i64, leader: i64, state: ServerState) -> Outputs {
        let vote = Vote { leader: ServerId(leader), zxid: Zxid::ZERO, peer_epoch: 1 };
        let notification = Notification { state, vote, round: 9, format: Format::Versioned };
        self.step(Input::Notification { from: ServerId(from), notification, config: None })
    }
}

/// As a learner.
impl Server {
    /// Finds that server 3 leads, and connects to it.
    pub fn joins(&mut self) -> Outputs {
        self.step(Input::Time);
        let other = if self.me == ServerId(1) { 2 } else { 1 };
        self.established(other, 3, ServerState::Following);
        let outputs = self.established(3, 3, ServerState::Leading);
        assert!(outputs.contains(&Output::Connect(ServerId(3))), "{outputs:?}");
        self.step(Input::MasterUp { link: LINK })
    }

    pub fn hears(&mut self, message: FromMaster<'_>) -> Outputs {
        self.step(Input::FromMaster { link: LINK, message })
    }

    pub fn proposal(&mut self, zxid: Zxid) -> Outputs {
        self.hears(FromMaster::Proposal { zxid, change: None })
    }

    pub fn commit(&mut self, zxid: Zxid) -> Outputs {
        self.hears(FromMaster::Commit(zxid))
    }

    /// Joins and promises `epoch`.
    pub fn promises(&mut self, epoch: i32) -> Outputs {
        self.joins();
        self.hears(FromMaster::LeaderInfo { epoch: Epoch(epoch), features: Features::default() });
        self.written(Mark::AcceptedEpoch(Epoch(epoch)))
    }

    pub fn new_leader(&mut self, epoch: i32) -> Outputs {
        self.hears(FromMaster::NewLeader { epoch: Epoch(epoch), config: None })
    }

    /// Has the history of the leader of `epoch`, which ends with `last`, and awaits UPTODATE.
    pub fn takes_history(&mut self, epoch: i32, last: Zxid) -> Outputs {
        self.promises(epoch);
        self.hears(FromMaster::Diff(last));
        self.new_leader(epoch);
        self.settled(Ok(last));
        self.written(Mark::CurrentEpoch(Epoch(epoch)))
    }

    /// Follows the leader of `epoch`, whose history ends with `last`, and serves.
    pub fn serves(&mut self, epoch: i32, last: Zxid) -> Outputs {
        self.takes_history(epoch, last);
        self.hears(FromMaster::UpToDate)
    }
}

/// As a leader: of servers 1 to 3 it is the third.
impl Server {
    /// Is elected by server 1.
    pub fn elected(&mut self) -> Outputs {
        self.step(Input::Time);
        self.supported(0);
        self.pass(200)
    }

    /// Server 1 wants this server to lead, in a round that is so much later.
    pub fn supported(&mut self, later: i64) -> Outputs {
        let state = self.zab.state();
        let round = state.round + later;
        let vote = Vote { leader: self.me, zxid: state.durable, peer_epoch: i64::from(state.epochs.current().0) };
        let notification = Notification { state: ServerState::Looking, vote, round, format: Format::Versioned };
        self.step(Input::Notification { from: ServerId(1), notification, config: None })
    }

    /// A server that looks for a leader votes for itself, with a history of this epoch.
    pub fn is_seen_looking(&mut self, from: i64, current: i64) -> Outputs {
        let vote = Vote { leader: ServerId(from), zxid: Zxid::ZERO, peer_epoch: current };
        let notification = Notification { state: ServerState::Looking, vote, round: 1, format: Format::Versioned };
        self.step(Input::Notification { from: ServerId(from), notification, config: None })
    }

    pub fn says(&mut self, link: Link, message: FromLearner) -> Outputs {
        self.step(Input::FromLearner { link, message })
    }

    pub fn info(&mut self, link: Link, server: i64, accepted: i32) -> Outputs {
        let peer_type = if server == 6 { PeerType::Observer } else { PeerType::Participant };
        self.step(Input::LearnerUp { link });
        self.says(
            link,
            FromLearner::Info {
                peer_type,
                server: Some(ServerId(server)),
                accepted: Epoch(accepted),
                config_version: Zxid::ZERO,
                features: Features::default(),
            },
        )
    }

    pub fn ack_epoch(&mut self, link: Link, current: i32, last: Zxid) -> Outputs {
        self.says(link, FromLearner::AckEpoch { current: Some(Epoch(current)), last })
    }

    pub fn ack(&mut self, link: Link, zxid: Zxid) -> Outputs {
        self.says(link, FromLearner::Ack(zxid))
    }

    /// With server 1 on [`LINK`] it has fixed epoch 2, and asks for promises.
    pub fn asks(&mut self) -> Outputs {
        self.elected();
        self.info(LINK, 1, 1);
        self.written(Mark::AcceptedEpoch(Epoch(2)));
        self.written(Mark::LastSeen(config(z(2, 0), 3)))
    }

    /// Server 1 has promised, and is brought the history, which ends with `last`.
    pub fn syncs(&mut self, last: Zxid) -> Outputs {
        self.asks();
        self.ack_epoch(LINK, 1, last);
        self.written(Mark::CurrentEpoch(Epoch(2)));
        self.step(Input::CaughtUp { link: LINK })
    }

    /// Leads epoch 2 with the history that ends with `last`.
    pub fn leads(&mut self, last: Zxid) -> Outputs {
        self.syncs(last);
        let outputs = self.ack(LINK, z(2, 0));
        self.written(Mark::Committed(config(z(2, 0), 3)));
        assert_eq!(self.awaits(), "Broadcasting");
        outputs
    }

    /// Another learner is there with all of the history, and has acknowledged it.
    pub fn gets(&mut self, link: Link, server: i64, last: Zxid) -> Outputs {
        self.info(link, server, 1);
        self.ack_epoch(link, 1, last);
        self.step(Input::CaughtUp { link });
        self.ack(link, z(2, 0))
    }

    pub fn proposes(&mut self, zxid: Zxid) -> Outputs {
        self.step(Input::Proposed { zxid, change: None })
    }

    pub fn confirm(&mut self, ticket: u64) -> Outputs {
        self.step(Input::Confirm(Ticket(ticket)))
    }

    pub fn fails(&mut self, fault: Fault) -> Outputs {
        self.step(Input::Failed(fault))
    }
}

pub fn closed(outputs: &[Output], link: Link) -> Option<Reason> {
    outputs.iter().find_map(|output| match output {
        Output::Close(closed, reason) if *closed == link => Some(*reason),
        _ => None,
    })
}

/// Whether the link was closed because of what came on it.
pub fn is_refused(outputs: &[Output], link: Link) -> bool {
    matches!(closed(outputs, link), Some(Reason::Unexpected { .. }))
}

pub fn looks(outputs: &[Output]) -> bool {
    outputs.contains(&Output::Become(Part::Looking, Serve::No))
}

pub fn sent(outputs: &[Output], link: Link) -> Vec<Message> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Send(to, message) if *to == link => Some(message.clone()),
        _ => None,
    });
    sent.collect()
}

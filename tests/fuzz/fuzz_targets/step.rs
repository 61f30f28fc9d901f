//! The core beside peers that say anything, at any time: it goes on, whatever they say, and neither holds nor says more than
//! there are peers for. Its disk and its clients keep to what they are told.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use paddock_consensus::config::{Config, Configs, HostPort, Member, PeerAddress, PeerType};
use paddock_consensus::epochs::Epochs;
use paddock_consensus::input::{Event, Fault, Unsettled};
use paddock_consensus::message::{FromLearner, FromMaster};
use paddock_consensus::notification::{Format, Notification, ServerState};
use paddock_consensus::quorum::{GroupId, QuorumSystem, Share};
use paddock_consensus::settings::{Features, Ms, RENEW_FROM, Settings};
use paddock_consensus::vote::Vote;
use paddock_consensus::zab::{Found, Standing};
use paddock_consensus::{Epoch, History, Input, ServerId, Zxid};
use paddock_fuzz::caller::Caller;

/// The servers that a configuration may speak of are 1 to this one.
const SERVERS: i64 = 7;
/// After so many acts the size of the value is looked at.
const ACTS: usize = 32;

/// What is left of the input. Behind its end everything is 0.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    fn long(&mut self) -> i64 {
        i64::from_be_bytes([0; 8].map(|_| self.byte()))
    }

    fn server(&mut self) -> ServerId {
        match self.byte() {
            255 => ServerId(self.long()),
            byte => ServerId(i64::from(byte % 16)),
        }
    }

    fn small_zxid(&mut self) -> Zxid {
        let byte = self.byte();
        Zxid(Zxid::start_of(Epoch(i32::from(byte >> 5))).0 + i64::from(byte & 31))
    }

    /// One that means something to this server, or any.
    fn zxid(&mut self, caller: &Caller) -> Zxid {
        let state = caller.zab.state();
        let accepted = state.epochs.accepted();
        let next = accepted.next().unwrap_or(accepted);
        let last = caller.written_last();
        match self.byte() % 16 {
            0 => last,
            1 => last.next().unwrap_or(last),
            2 => state.durable,
            3 => state.committed,
            4 => Zxid::start_of(accepted),
            5 => Zxid::first_of(accepted),
            6 => Zxid::start_of(next),
            7 => Zxid::first_of(next),
            8 => state.history.base(),
            9 => Zxid::NOTHING,
            10 => Zxid(i64::MIN),
            11 => Zxid(i64::MAX),
            12 => Zxid::first_of(last.epoch().next().unwrap_or(accepted)),
            13 => Zxid(last.0 | 0xffff_ffff),
            14 => self.small_zxid(),
            _ => Zxid(self.long()),
        }
    }

    fn epoch(&mut self, caller: &Caller) -> Epoch {
        let epochs = caller.zab.state().epochs;
        match self.byte() % 8 {
            0 => epochs.accepted(),
            1 => epochs.accepted().next().unwrap_or(epochs.accepted()),
            2 => epochs.current(),
            3 => Epoch(i32::MAX),
            4 => Epoch(i32::MAX - 1),
            5 => Epoch(-1),
            6 => Epoch(i32::from(self.byte() % 8)),
            _ => Epoch(self.long() as i32),
        }
    }

    /// Two bits of each server: it is no member, observes, votes, or votes in another group or without weight. The version is
    /// none that a text could not have.
    fn config(&mut self, version: Zxid) -> Option<Arc<Config>> {
        let bits = u16::from(self.byte()) << 8 | u16::from(self.byte());
        let kind = |server: i64| bits >> (2 * server) & 3;
        let servers = 1..=SERVERS;
        let members: BTreeMap<ServerId, Member> = servers
            .clone()
            .filter(|server| kind(*server) != 0)
            .map(|server| (ServerId(server), member(server, kind(server) > 1)))
            .collect();
        let voters = servers.filter(|server| kind(*server) > 1);
        let quorum = match bits & 1 {
            0 => QuorumSystem::Majority(voters.map(ServerId).collect()),
            _ => QuorumSystem::Hierarchical(
                voters
                    .map(|server| {
                        let is_other = kind(server) == 3;
                        let weight = if is_other && bits & 2 != 0 { 0 } else { 1 };
                        (ServerId(server), Share { group: GroupId(i64::from(is_other)), weight })
                    })
                    .collect(),
            ),
        };
        let has_voters = quorum.voters().next().is_some();
        has_voters.then(|| Arc::new(Config::new(version.max(Zxid::ZERO), members, quorum)))
    }

    fn settings(&mut self) -> Settings {
        let (bits, limits) = (self.byte(), self.byte());
        let has = |bit: u8| bits >> bit & 1 == 1;
        Settings {
            tick: Ms(100),
            init_limit: u32::from(limits & 15),
            sync_limit: u32::from(limits >> 4),
            connect_limit: 0,
            notification_interval_min: Ms(200),
            notification_interval_max: Ms(60_000),
            epoch_wait_max: has(0).then_some(Ms(300)),
            reconfig_enabled: has(1),
            leader_serves: has(2),
            force_snapshot: has(3),
            observer_election_delay_max: Ms(if has(4) { 200 } else { 0 }),
            read_only_mode: has(5),
            has_oracle: limits & 1 == 1,
            has_observer_masters: limits >> 1 & 1 == 1,
            observer_reconnect_delay_max: Ms(if has(1) { 100 } else { 0 }),
            features: if has(6) {
                Features::EXACT_TRUNC | Features::RENEWAL | Features::GROUPED
            } else {
                Features::default()
            },
            renew_from: if has(7) { 2 } else { RENEW_FROM },
            seed: 7,
        }
    }

    /// What a start may have found; `None` if no disk has it.
    fn found(&mut self) -> Option<Found> {
        let base = self.small_zxid();
        let mut history = History::new(base);
        for _ in 0..self.byte() % 16 {
            let last = history.last();
            let next = if self.flag() { last.epoch().next().map(Zxid::first_of) } else { last.next() };
            history.push(next?);
        }
        let committed = self.config(Zxid::ZERO)?;
        let version = self.small_zxid();
        let last_seen = if self.flag() { self.config(version)? } else { committed.clone() };
        let mut file = || self.flag().then(|| Epoch(i32::from(self.byte() % 8)));
        let (accepted, current) = (file(), file());
        Some(Found {
            epochs: Epochs::new(accepted, current, history.last()).ok()?,
            history,
            standing: self.pick(&[Standing::Sound, Standing::Sound, Standing::Nothing, Standing::Damaged]),
            configs: Configs { committed, last_seen },
        })
    }

    fn caller(&mut self) -> Option<Caller> {
        let me = ServerId(i64::from(self.byte() % 8 + 1));
        let settings = self.settings();
        Some(Caller::new(me, settings, self.found()?, SERVERS as usize))
    }

    /// Of this server's own vote and round, or any.
    fn notification(&mut self, caller: &Caller) -> Notification {
        let state = caller.zab.state();
        let own = state.epochs.current();
        let vote = Vote {
            leader: if self.flag() { caller.me } else { self.server() },
            zxid: self.zxid(caller),
            peer_epoch: if self.flag() { i64::from(own.0) } else { self.long() },
        };
        let round = match self.byte() % 8 {
            0..=3 => state.round,
            4 => state.round.saturating_add(1),
            5 => state.round.saturating_sub(1),
            6 => i64::from(self.byte() % 16),
            _ => self.long(),
        };
        let states = [ServerState::Looking, ServerState::Following, ServerState::Leading, ServerState::Observing];
        let format = self.pick(&[Format::Versioned, Format::Unversioned]);
        Notification { state: self.pick(&states), vote, round, format }
    }

    fn from_learner(&mut self, caller: &Caller) -> FromLearner {
        match self.byte() % 4 {
            0 => FromLearner::Info {
                peer_type: self.pick(&[PeerType::Participant, PeerType::Observer]),
                server: (self.byte() < 250).then(|| self.server()),
                accepted: self.epoch(caller),
                config_version: if self.byte() < 200 { Zxid::ZERO } else { self.zxid(caller) },
                features: self.pick(&[Features::EXACT_TRUNC, Features::default()]),
            },
            1 => FromLearner::AckEpoch {
                current: (self.byte() < 200).then(|| self.epoch(caller)),
                last: self.zxid(caller),
            },
            2 => FromLearner::Ack(self.zxid(caller)),
            _ => FromLearner::Pong,
        }
    }
}

fn member(server: i64, votes: bool) -> Member {
    let at = |port| HostPort { host: format!("h{server}").into(), port };
    let peer_type = if votes { PeerType::Participant } else { PeerType::Observer };
    Member { peer_type, addresses: vec![PeerAddress { quorum: at(2888), election: at(3888) }], client: None }
}

fn from_master(caller: &mut Caller, choices: &mut Choices<'_>) {
    let Some(link) = caller.master().filter(|_| caller.is_read()) else { return };
    let what = choices.byte() % 13;
    let (epoch, zxid) = (choices.epoch(caller), choices.zxid(caller));
    let config = choices.flag().then(|| choices.config(zxid)).flatten();
    let leader = choices.server();
    let message = match (what, &config) {
        (0, _) if zxid.0 & 1 == 1 => FromMaster::LeaderInfo { epoch, features: Features::RENEWAL },
        (0, _) => FromMaster::LeaderInfo { epoch, features: Features::default() },
        (1, _) => FromMaster::Diff(zxid),
        (2, _) => FromMaster::Trunc(zxid),
        (3, _) => FromMaster::Snap(zxid),
        (4, config) => FromMaster::NewLeader { epoch, config: config.as_ref() },
        (5 | 6, change) => FromMaster::Proposal { zxid, change: change.as_ref() },
        (7, _) => FromMaster::Commit(zxid),
        (8, _) => FromMaster::CommitAndActivate { zxid, leader },
        (9, _) => FromMaster::Inform { zxid },
        (10, Some(change)) => FromMaster::InformAndActivate { zxid, leader, change },
        (11, _) => FromMaster::UpToDate,
        _ => FromMaster::Ping,
    };
    caller.step(Input::FromMaster { link, message });
}

/// The proposal that comes next, and its COMMIT.
fn broadcast(caller: &mut Caller) {
    let Some(zxid) = caller.written_last().next() else { return };
    for message in [FromMaster::Proposal { zxid, change: None }, FromMaster::Commit(zxid)] {
        if let Some(link) = caller.master().filter(|_| caller.is_read()) {
            caller.step(Input::FromMaster { link, message });
        }
    }
}

/// So many proposals, each of which begins an epoch.
fn begin_epochs(caller: &mut Caller, choices: &mut Choices<'_>) {
    let (first, count) = (i32::from(choices.byte()), i32::from(choices.byte()));
    for epoch in (first..first + count).map(Epoch) {
        let message = FromMaster::Proposal { zxid: Zxid::first_of(epoch), change: None };
        if let Some(link) = caller.master().filter(|_| caller.is_read()) {
            caller.step(Input::FromMaster { link, message });
        }
    }
}

fn disk(caller: &mut Caller, choices: &mut Choices<'_>) {
    match choices.byte() % 8 {
        0..=2 => caller.write(),
        3 => caller.settle(None),
        4 => {
            let refusals =
                [Unsettled::NotThere, Unsettled::SnapshotAbove, Unsettled::BadStream, Unsettled::DigestDiffers];
            let refusal = choices.pick(&refusals);
            caller.settle(Some(refusal));
        }
        5 => caller.sync(caller.zab.state().history.last()),
        6 => {
            let to = choices.zxid(caller);
            caller.sync(to);
        }
        _ => {
            let base = choices.zxid(caller);
            caller.forget_up_to(base);
        }
    }
}

fn links(caller: &mut Caller, choices: &mut Choices<'_>) {
    match choices.byte() % 8 {
        0 | 1 => caller.learners_up(1),
        2 => {
            let count = u32::from(choices.byte());
            caller.learners_up(count);
        }
        3 => {
            if let Some(link) = caller.learner(usize::from(choices.byte())) {
                caller.learner_down(link);
            }
        }
        4 | 5 => caller.connect(true),
        6 => caller.connect(false),
        _ => caller.master_down(),
    }
}

fn election(caller: &mut Caller, choices: &mut Choices<'_>) {
    let peer = choices.server();
    match choices.byte() % 4 {
        0 => {
            let event = choices.pick(&[Event::Up, Event::Refused, Event::Down]);
            caller.step(Input::Election { peer, event });
        }
        1 => caller.step(Input::Drained { peer }),
        _ => {
            let notification = choices.notification(caller);
            let version = choices.zxid(caller);
            let config = choices.flag().then(|| choices.config(version)).flatten();
            caller.step(Input::Notification { from: peer, notification, config: config.as_ref() });
        }
    }
}

fn clients(caller: &mut Caller, choices: &mut Choices<'_>) {
    match choices.byte() {
        0..=99 => caller.propose(None),
        100..=149 => {
            let change = choices.config(Zxid::ZERO);
            caller.propose(change.as_ref());
        }
        150..=229 => caller.confirm(),
        230..=239 => caller.step(Input::Diverged),
        240..=249 => caller.stop(),
        _ => caller.step(Input::Failed(choices.pick(&[Fault::Log, Fault::Mark]))),
    }
}

fn learner(caller: &mut Caller, choices: &mut Choices<'_>) {
    let place = usize::from(choices.byte());
    let message = choices.from_learner(caller);
    if let Some(link) = caller.learner(place) {
        caller.step(Input::FromLearner { link, message });
    }
}

/// So many connect one after the other, and each says that it is another server, and the same as the one before.
fn crowd(caller: &mut Caller, choices: &mut Choices<'_>) {
    let (ServerId(first), count) = (choices.server(), i64::from(choices.byte()));
    let (info, ack_epoch) = (choices.from_learner(caller), choices.from_learner(caller));
    for server in (0..count).map(|place| ServerId(first.wrapping_add(place))) {
        caller.learners_up(1);
        for message in [info, ack_epoch] {
            let message = match message {
                FromLearner::Info { peer_type, accepted, config_version, features, .. } => {
                    FromLearner::Info { peer_type, server: Some(server), accepted, config_version, features }
                }
                message => message,
            };
            if let Some(link) = caller.learner(0) {
                caller.step(Input::FromLearner { link, message });
            }
        }
    }
}

fn act(caller: &mut Caller, choices: &mut Choices<'_>) {
    match choices.byte() % 18 {
        0 | 1 => disk(caller, choices),
        2 => caller.pass(None),
        3 => caller.pass(Some(Ms(u64::from(choices.byte()) * 16))),
        4 | 5 => election(caller, choices),
        6 | 7 => links(caller, choices),
        8 | 9 => from_master(caller, choices),
        10 => broadcast(caller),
        11 | 12 => learner(caller, choices),
        13 => {
            if let Some(link) = caller.learner(usize::from(choices.byte())) {
                caller.catch_up(link);
            }
        }
        14 | 15 => clients(caller, choices),
        16 => crowd(caller, choices),
        _ => begin_epochs(caller, choices),
    }
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let Some(mut caller) = choices.caller() else { return };
    for count in 1.. {
        if choices.is_over() || caller.has_halted() {
            break;
        }
        act(&mut caller, &mut choices);
        if count % ACTS == 0 {
            caller.check_size();
        }
    }
    caller.check_size();
});

//! Servers over models of disks and connections, in virtual time.
//!
//! Everything that can happen next is a [`Move`], and whoever drives the ensemble chooses among them: a script, a seed, or a
//! search through all of them. What a server puts out is performed at once, in its order, and what must hold is looked at
//! after each step; the numbers of the invariants are those of `main.rs`.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use paddock_consensus::config::{Change, Config, Configs, PeerType, Refused};
use paddock_consensus::input::{Event, Fault, Link, Mark, Ticket, Unsettled};
use paddock_consensus::message::{FromLearner, FromMaster, Message};
use paddock_consensus::notification::{Notification, ServerState};
use paddock_consensus::output::{Part, Reason, Serve};
use paddock_consensus::plan::{First, Plan};
use paddock_consensus::settings::{Features, Ms, Settings};
use paddock_consensus::zab::Zab;
use paddock_consensus::{Epoch, Input, Output, Reign, ServerId, Zxid};

use crate::disk::Disk;
use crate::ghost::{Changes, Ghost};
use crate::log::{Log, Record};
use crate::network::{Attempt, Delivery, Network, Port};
use crate::pace::{Pace, Range};
use crate::process::{Asked, Learner, Process, Work};
use crate::wire::{Arrival, ToLearner};

/// What happens next, to whom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Move {
    Delivery(Delivery),
    /// The oldest write of a file is durable.
    Written(ServerId),
    /// The oldest group of the log is durable.
    Synced(ServerId),
    /// What the history is being made is done.
    Worked(ServerId),
    CaughtUp(ServerId, Link),
    Time(ServerId),
}

/// What a server is told as soon as it has done what it was told before.
#[derive(Clone, Debug)]
enum Local {
    Election { peer: ServerId, event: Event },
    Drained { peer: ServerId },
    MasterUp(Link),
    MasterRefused,
    LearnerUp(Link),
    Suspended,
    Oracle,
}

/// Groups of the log that are on their way to the disk at the same time.
const GROUPS_MAX: usize = 2;

/// What a crash leaves of what was not durable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kept {
    Nothing,
    Everything,
    /// As the pace draws it.
    Some,
}

#[derive(Clone, Debug)]
struct Server {
    settings: Settings,
    disk: Disk,
    process: Option<Process>,
    /// It does nothing before this moment.
    stalled: Ms,
    /// Its clock is so much ahead.
    ahead: Ms,
    /// Its oracle lets it go on alone.
    granted: bool,
    /// A number that tells its state from others, if that has been asked for since somebody could change it.
    fingerprint: Cell<Option<u64>>,
}

#[derive(Clone, Debug)]
pub struct Ensemble {
    network: Network,
    servers: BTreeMap<ServerId, Server>,
    local: VecDeque<(ServerId, Local)>,
    pub ghost: Ghost,
    /// Transactions so far.
    proposed: u64,
    tickets: u64,
    pub confirmed: u64,
    pub lost: u64,
    /// Epochs that a leader has begun without an election.
    pub renewed: u64,
    /// What happened, if somebody wants to know.
    pub story: Option<Vec<String>>,
}

impl Ensemble {
    /// Nobody runs yet.
    pub fn new(config: &Arc<Config>, settings: &Settings, log: &Log, pace: Pace) -> Ensemble {
        let mut ensemble = Ensemble {
            network: Network::new(pace),
            servers: BTreeMap::new(),
            local: VecDeque::new(),
            ghost: Ghost::new(log.last()),
            proposed: 0,
            tickets: 0,
            confirmed: 0,
            lost: 0,
            renewed: 0,
            story: None,
        };
        for server in config.members().keys() {
            ensemble.add(*server, Disk::new(log.clone(), config.clone()), settings.clone());
        }
        ensemble
    }

    /// A server that does not run yet.
    pub fn add(&mut self, server: ServerId, disk: Disk, settings: Settings) {
        let new = Server {
            settings,
            disk,
            process: None,
            stalled: Ms(0),
            ahead: Ms(0),
            granted: false,
            fingerprint: Cell::new(None),
        };
        self.servers.insert(server, new);
    }

    pub fn servers(&self) -> Vec<ServerId> {
        self.servers.keys().copied().collect()
    }

    pub fn disk(&self, server: ServerId) -> &Disk {
        &self.server(server).disk
    }

    pub fn disk_mut(&mut self, server: ServerId) -> &mut Disk {
        assert!(!self.is_up(server), "the disk of a server that runs is its own");
        &mut self.server_mut(server).disk
    }

    pub fn settings_mut(&mut self, server: ServerId) -> &mut Settings {
        &mut self.server_mut(server).settings
    }

    pub fn process(&self, server: ServerId) -> Option<&Process> {
        self.server(server).process.as_ref()
    }

    pub fn is_up(&self, server: ServerId) -> bool {
        self.server(server).process.is_some()
    }

    pub fn now(&self) -> Ms {
        self.network.now
    }

    /// Time passes; it never goes back.
    pub fn pass_to(&mut self, moment: Ms) {
        self.network.now = self.network.now.max(moment);
    }

    fn server(&self, server: ServerId) -> &Server {
        &self.servers[&server]
    }

    fn server_mut(&mut self, server: ServerId) -> &mut Server {
        let state = self.servers.get_mut(&server).expect("there is this server");
        state.fingerprint.set(None);
        state
    }

    fn running(&mut self, server: ServerId) -> (&mut Process, &mut Disk) {
        let state = self.server_mut(server);
        (state.process.as_mut().expect("this server runs"), &mut state.disk)
    }

    /// The logs of all.
    fn logs(&self) -> BTreeMap<ServerId, &Log> {
        self.servers.iter().map(|(server, state)| (*server, &state.disk.log)).collect()
    }

    /// Those that tell others that they are no servers of ZooKeeper.
    fn paddocks(&self) -> BTreeSet<ServerId> {
        let tell = self.servers.iter().filter(|(_, state)| state.settings.features != Features::default());
        tell.map(|(server, _)| *server).collect()
    }

    /// All of this log was committed before anybody looked.
    pub fn take_for_committed(&mut self, log: &Log) {
        let disks = self.servers.iter().map(|(server, state)| (*server, &state.disk.log)).collect();
        let before = Epoch(0);
        self.ghost.commit((before, log), log.last().zxid, &disks, &self.paddocks(), false);
    }

    /// The time on a server's clock.
    fn clock(&self, server: ServerId) -> Ms {
        self.now().after(self.server(server).ahead)
    }

    /// What a server waits for at most is over at once, by its clock. Whether it waits for anything.
    pub fn time_out(&mut self, server: ServerId) -> bool {
        let Some(deadline) = self.process(server).and_then(|process| process.zab.deadline()) else { return false };
        let now = self.now();
        let state = self.server_mut(server);
        let began = state.process.as_ref().map_or(Ms(0), |process| process.began);
        state.ahead = state.ahead.max(began.after(deadline).since(now));
        self.perform(Move::Time(server));
        true
    }

    pub fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>6} {}", self.network.now.0, what()));
        }
    }
}

/// What can happen.
impl Ensemble {
    /// Everything that can happen without a fault, with the moment at which it does.
    pub fn moves(&self) -> Vec<(Ms, Move)> {
        let mut moves = Vec::new();
        let mut add = |server: ServerId, due: Ms, next: Move| moves.push((due.max(self.server(server).stalled), next));
        for (due, to, delivery) in self.network.deliveries() {
            if !matches!(delivery, Delivery::ToLearner(link) if self.is_not_read(to, link)) {
                add(to, due, Move::Delivery(delivery));
            }
        }
        for (server, state) in &self.servers {
            let Some(process) = &state.process else { continue };
            if let Some((due, _)) = process.writes.front() {
                add(*server, *due, Move::Written(*server));
            }
            if let Some((due, _)) = process.groups.front() {
                add(*server, *due, Move::Synced(*server));
            }
            if let Some((due, _)) = process.work {
                add(*server, due, Move::Worked(*server));
            }
            for (link, learner) in &process.learners {
                if let Some(due) = learner.catching_up {
                    add(*server, due, Move::CaughtUp(*server, *link));
                }
            }
            if let Some(deadline) = process.zab.deadline() {
                let due = process.began.after(deadline).since(state.ahead);
                add(*server, due, Move::Time(*server));
            }
        }
        moves
    }

    /// Whether the bytes of the link are a whole state at this moment, or are left where they are until the history is cut.
    fn is_not_read(&self, learner: ServerId, link: Link) -> bool {
        self.process(learner).is_some_and(|process| {
            process.master == Some(link) && matches!(process.work, Some((_, Work::Install | Work::Cut(_))))
        })
    }

    pub fn perform(&mut self, next: Move) {
        match next {
            Move::Delivery(Delivery::Notification { from, to }) => self.notification(from, to),
            Move::Delivery(Delivery::ToLearner(link)) => self.deliver_to_learner(link),
            Move::Delivery(Delivery::ToLeader(link)) => self.deliver_to_leader(link),
            Move::Delivery(Delivery::Attempt(place)) => self.attempt(place),
            Move::Written(server) => self.written(server),
            Move::Synced(server) => self.synced(server),
            Move::Worked(server) => self.worked(server),
            Move::CaughtUp(server, link) => {
                let learner = self.running(server).0.learners.get_mut(&link).expect("only open links catch up");
                learner.catching_up = None;
                self.step(server, Input::StateBegun { link }, None);
                self.step(server, Input::CaughtUp { link }, None);
            }
            Move::Time(server) => self.step(server, Input::Time, None),
        }
        self.settle_local();
    }

    /// What servers are told as soon as they have done what they were told before.
    fn settle_local(&mut self) {
        while let Some((server, local)) = self.local.pop_front() {
            if !self.is_up(server) {
                continue;
            }
            match local {
                Local::Election { peer, event } => self.step(server, Input::Election { peer, event }, None),
                Local::Drained { peer } => self.step(server, Input::Drained { peer }, None),
                Local::MasterUp(link) => self.step(server, Input::MasterUp { link }, None),
                Local::MasterRefused => self.step(server, Input::MasterRefused, None),
                Local::LearnerUp(link) => self.step(server, Input::LearnerUp { link }, None),
                Local::Suspended => self.step(server, Input::Suspended, None),
                Local::Oracle => {
                    let granted = self.server(server).granted;
                    self.step(server, Input::Oracle(granted), None);
                }
            }
        }
    }

    fn notification(&mut self, from: ServerId, to: ServerId) {
        let arrives = self.network.arrives();
        let Some(((notification, config), written)) = self.network.election.take(from, to, arrives) else { return };
        if written {
            self.local.push_back((from, Local::Drained { peer: to }));
        }
        if self.is_up(to) {
            self.step(to, Input::Notification { from, notification, config: Some(&config) }, None);
        }
    }

    fn attempt(&mut self, place: usize) {
        let Attempt { of, to, port, .. } = self.network.take_attempt(place);
        let can = self.is_up(to) && self.network.can_connect(of, to);
        match port {
            Port::Election if can => self.connect_election(of, to),
            Port::Election => self.local.push_back((of, Local::Election { peer: to, event: Event::Refused })),
            Port::Quorum | Port::ObserverMaster => {
                self.running(of).0.connecting = None;
                let listens = |process: &Process| match port {
                    Port::ObserverMaster => process.serves_observers,
                    _ => process.listens,
                };
                if can && listens(self.running(to).0) {
                    self.connect(of, to);
                } else {
                    self.local.push_back((of, Local::MasterRefused));
                }
            }
        }
    }

    fn connect_election(&mut self, of: ServerId, to: ServerId) {
        if self.network.election.is_connected(of, to) {
            return self.local.push_back((of, Local::Election { peer: to, event: Event::Up }));
        }
        let arrives = self.network.arrives();
        let written = self.network.election.connect(of, to, arrives);
        for ((one, other), written) in [(of, to), (to, of)].into_iter().zip(written) {
            self.local.push_back((one, Local::Election { peer: other, event: Event::Up }));
            if written {
                self.local.push_back((one, Local::Drained { peer: other }));
            }
        }
    }

    /// A leader takes a connection to its quorum port.
    fn accept(&mut self, learner: ServerId, leader: ServerId) -> Link {
        let link = self.network.connect(learner, leader);
        let new = Learner {
            peer_type: PeerType::Participant,
            sent: Zxid::NOTHING,
            told: Zxid::NOTHING,
            catching_up: None,
            joined: false,
        };
        self.running(leader).0.learners.insert(link, new);
        link
    }

    /// Connects a learner to the quorum port of a leader.
    fn connect(&mut self, learner: ServerId, leader: ServerId) {
        let link = self.accept(learner, leader);
        let process = self.running(learner).0;
        (process.master, process.told) = (Some(link), Zxid::NOTHING);
        self.local.push_back((learner, Local::MasterUp(link)));
        self.local.push_back((leader, Local::LearnerUp(link)));
    }

    fn written(&mut self, server: ServerId) {
        let (process, disk) = self.running(server);
        let (_, mark) = process.writes.pop_front().expect("there is a write");
        if let Mark::AcceptedEpoch(_) | Mark::CurrentEpoch(_) = &mark {
            disk.write(&mark);
        }
        self.step(server, Input::Written(mark), None);
    }

    fn synced(&mut self, server: ServerId) {
        let (process, disk) = self.running(server);
        let (_, last) = process.groups.pop_front().expect("there is a group");
        disk.log.sync(last);
        self.step(server, Input::Durable(last), None);
    }

    fn worked(&mut self, server: ServerId) {
        let broken =
            self.process(server).and_then(|process| process.master).is_none_or(|link| self.network.is_broken(link));
        let (process, disk) = self.running(server);
        let (_, work) = process.work.take().expect("there is work");
        let settled = match work {
            Work::Cut(last) => process.cut(disk, last),
            Work::Install => {
                if broken {
                    process.drop_brought();
                }
                process.next_log.as_ref().map(|log| log.base().zxid).ok_or(Unsettled::BadStream)
            }
            Work::Settle => Ok(process.settle(disk)),
        };
        self.ghost.check_kept(&self.logs());
        self.step(server, Input::Settled(settled), None);
    }
}

/// What arrives on links.
impl Ensemble {
    fn deliver_to_learner(&mut self, link: Link) {
        let learner = self.network.learner(link);
        match self.network.take_for_learner(link) {
            None => {}
            Some(Arrival::Packet(packet)) => self.hear_master(learner, link, &packet),
            Some(Arrival::End) => {
                self.close(learner, link, false);
                self.step(learner, Input::MasterDown { link }, None);
            }
        }
    }

    fn hear_master(&mut self, learner: ServerId, link: Link, packet: &ToLearner) {
        let (message, at_hand) = match packet {
            ToLearner::LeaderInfo { epoch, features } => {
                (FromMaster::LeaderInfo { epoch: *epoch, features: *features }, None)
            }
            ToLearner::Diff(zxid) => (FromMaster::Diff(*zxid), None),
            ToLearner::Trunc(zxid) => (FromMaster::Trunc(*zxid), None),
            ToLearner::Snap(state) => {
                self.running(learner).0.brought = Some(*state);
                (FromMaster::Snap(state.zxid), None)
            }
            ToLearner::Proposal(record) => {
                (FromMaster::Proposal { zxid: record.zxid, change: record.change.as_ref() }, Some(record))
            }
            ToLearner::Commit(zxid) => (FromMaster::Commit(*zxid), None),
            ToLearner::CommitAndActivate { zxid, leader } => {
                (FromMaster::CommitAndActivate { zxid: *zxid, leader: *leader }, None)
            }
            ToLearner::Inform(record) => (FromMaster::Inform { zxid: record.zxid }, Some(record)),
            ToLearner::InformAndActivate { record, leader } => {
                let change = record.change.as_ref().expect("a change is activated");
                (FromMaster::InformAndActivate { zxid: record.zxid, leader: *leader, change }, Some(record))
            }
            ToLearner::NewLeader { epoch, config } => {
                (FromMaster::NewLeader { epoch: *epoch, config: config.as_ref() }, None)
            }
            ToLearner::UpToDate => (FromMaster::UpToDate, None),
            ToLearner::Ping => (FromMaster::Ping, None),
        };
        if let FromMaster::Commit(zxid) | FromMaster::CommitAndActivate { zxid, .. } = message {
            self.running(learner).0.told = zxid;
        }
        self.step(learner, Input::FromMaster { link, message }, at_hand);
    }

    fn deliver_to_leader(&mut self, link: Link) {
        let leader = self.network.leader(link);
        match self.network.take_for_leader(link) {
            None => {}
            Some(Arrival::Packet(message)) => {
                if let FromLearner::Info { peer_type, .. } = message
                    && let Some(learner) = self.running(leader).0.learners.get_mut(&link)
                {
                    learner.peer_type = peer_type;
                }
                self.step(leader, Input::FromLearner { link, message }, None);
            }
            Some(Arrival::End) => {
                self.close(leader, link, false);
                self.step(leader, Input::LearnerDown { link }, None);
            }
        }
    }

    /// A server closes its end of a link; `flushed` is whether what it had to send goes out first.
    fn close(&mut self, server: ServerId, link: Link, flushed: bool) {
        self.network.close(server, link, flushed);
        if let Some(process) = &mut self.server_mut(server).process {
            process.learners.remove(&link);
            process.master = process.master.filter(|master| *master != link);
        }
    }
}

/// What a server does.
impl Ensemble {
    /// `at_hand` is the transaction that the input is about.
    fn step(&mut self, me: ServerId, input: Input<'_>, at_hand: Option<&Record>) {
        self.tell(|| format!("{} <- {}", me.0, brief(&input)));
        let now = self.clock(me);
        let (process, _) = self.running(me);
        let mut outputs = Vec::new();
        process.zab.step(now.since(process.began), input, &mut outputs);
        let designated = outputs.iter().find_map(|output| match output {
            Output::Activate { leader, .. } => *leader,
            _ => None,
        });
        for output in outputs {
            self.tell(|| format!("{}     -> {}", me.0, brief(&output)));
            if !self.is_up(me) {
                break;
            }
            self.put_out(me, output, at_hand, designated);
        }
        self.end_turn(me);
    }

    fn put_out(&mut self, me: ServerId, output: Output, at_hand: Option<&Record>, designated: Option<ServerId>) {
        match output {
            Output::Dial(peer) => self.network.begin_attempt(me, peer, Port::Election),
            Output::Notify(peer, notification) => self.notify(me, peer, notification),
            Output::Listen(listens) => {
                let (process, disk) = self.running(me);
                process.listens = listens;
                if listens {
                    process.applied = disk.log.last().zxid;
                }
            }
            Output::Connect(leader) => self.begin_connecting(me, leader, Port::Quorum),
            Output::ConnectToObserverMaster(master) => self.begin_connecting(me, master, Port::ObserverMaster),
            Output::ServeObservers => self.running(me).0.serves_observers = true,
            Output::Send(link, message) => self.send(me, link, message),
            Output::Close(link, reason) => self.close(me, link, reason == Reason::Stopped),
            Output::Write(mark) => {
                let due = self.network.durable();
                let (process, disk) = self.running(me);
                // Nothing of the log becomes durable between a configuration and what follows it.
                if let Mark::LastSeen(_) | Mark::Committed(_) = &mark {
                    disk.write(&mark);
                }
                // One that came with a notification is in force without having been activated.
                if let Mark::Committed(config) = &mark {
                    process.active = config.clone();
                }
                let behind = process.writes.back().map_or(due, |(last, _)| due.max(*last));
                process.writes.push_back((behind, mark));
            }
            Output::Append(zxid) => {
                let record = at_hand.filter(|record| record.zxid == zxid).expect("the transaction is at hand");
                let (process, disk) = self.running(me);
                process.append(disk, record.clone());
            }
            Output::Cut(zxid) => self.begin_work(me, Work::Cut(zxid)),
            Output::Replace(zxid) => {
                let process = self.running(me).0;
                let state = process.brought.take().expect("a state comes behind SNAP");
                assert_eq!(state.zxid, zxid, "the state is the one that SNAP has told of");
                process.bring(state);
                self.begin_work(me, Work::Install);
            }
            Output::Settle => {
                self.running(me).0.base_on_applied();
                self.begin_work(me, Work::Settle);
            }
            Output::Commit(zxid) => self.commit(me, zxid, designated),
            Output::Sync(link, plan) => self.sync(me, link, plan),
            Output::Join(link) => self.join(me, link),
            Output::Suspend(suspends) => {
                self.running(me).0.is_suspended = suspends;
                if suspends {
                    // A model has nothing unfinished.
                    self.local.push_back((me, Local::Suspended));
                }
            }
            Output::Confirmed(ticket) => self.confirmed(me, ticket),
            Output::Lost(ticket) => {
                self.running(me).0.asked.remove(&ticket).expect("an answer has a ticket, and comes once");
                self.lost += 1;
            }
            Output::Become(part, serve) => self.become_part(me, part, serve),
            Output::Activate { config, .. } => self.running(me).0.active = config,
            Output::AskOracle => self.local.push_back((me, Local::Oracle)),
            Output::Halt(_) => self.end(me),
        }
    }

    fn begin_connecting(&mut self, me: ServerId, leader: ServerId, port: Port) {
        let process = self.running(me).0;
        assert!(process.master.is_none() && process.connecting.is_none(), "there is one connection to a leader");
        process.connecting = Some(leader);
        self.network.begin_attempt(me, leader, port);
    }

    fn notify(&mut self, me: ServerId, peer: ServerId, notification: Notification) {
        let disk = self.disk(me);
        let vote = notification.vote;
        if notification.state == ServerState::Looking && vote.leader == me {
            let announced = (vote.zxid, vote.peer_epoch);
            let held = (disk.position(), i64::from(disk.current_or_read().0));
            assert_eq!(announced, held, "(5) {} announces another position than its disk holds", me.0);
        }
        let config = disk.committed().clone();
        let arrives = self.network.arrives();
        if self.network.election.send(me, peer, arrives, (notification, config)) {
            self.local.push_back((me, Local::Drained { peer }));
        }
    }

    fn send(&mut self, me: ServerId, link: Link, message: Message) {
        let features = self.running(me).0.features;
        match message {
            Message::LeaderInfo { epoch } => {
                let learner = self.running(me).0.learners.get_mut(&link).expect("only an open link is told");
                learner.joined = false;
                self.network.send_to_learner(link, ToLearner::LeaderInfo { epoch, features })
            }
            Message::NewLeader { epoch, config } => {
                self.network.send_to_learner(link, ToLearner::NewLeader { epoch, config: Some(config) });
            }
            Message::UpToDate => self.network.send_to_learner(link, ToLearner::UpToDate),
            Message::Ping => self.network.send_to_learner(link, ToLearner::Ping),
            Message::Info { peer_type, accepted, config_version } => {
                let info = FromLearner::Info { peer_type, server: Some(me), accepted, config_version, features };
                self.network.send_to_leader(link, info);
            }
            Message::AckEpoch { current, last } => {
                self.check_announced(me, current, last);
                self.network.send_to_leader(link, FromLearner::AckEpoch { current, last });
            }
            Message::AckNewLeader { epoch } => {
                let held = self.disk(me).current();
                assert_eq!(held, Some(epoch), "(5) {} acknowledges an epoch that it has not on its disk", me.0);
                self.network.send_to_leader(link, FromLearner::Ack(Zxid::start_of(epoch)));
            }
            Message::Ack { first, last } => {
                let acknowledged: Vec<Zxid> =
                    (first.0..=last.0).map(Zxid).inspect(|zxid| self.check_acknowledged(me, *zxid)).collect();
                acknowledged.into_iter().for_each(|zxid| self.network.send_to_leader(link, FromLearner::Ack(zxid)));
            }
            Message::Pong => self.network.send_to_leader(link, FromLearner::Pong),
        }
    }

    fn check_announced(&self, me: ServerId, current: Option<Epoch>, last: Zxid) {
        let disk = self.disk(me);
        assert!(disk.accepted().is_some(), "(5) {} promises an epoch that it has not on its disk", me.0);
        if current.is_some() {
            assert_eq!(current, Some(disk.current_or_read()), "(5) {} announces another currentEpoch", me.0);
            assert_eq!(last, disk.position(), "(5) {} announces another position than its disk holds", me.0);
        }
    }

    fn check_acknowledged(&self, me: ServerId, zxid: Zxid) {
        let durable = self.disk(me).log.durable_last().zxid;
        assert!(zxid <= durable, "(5) {} acknowledges {zxid}, and its disk ends with {durable}", me.0);
    }

    fn begin_work(&mut self, me: ServerId, work: Work) {
        let due = self.network.durable();
        let process = self.running(me).0;
        assert_eq!(process.work, None, "a history is made one thing at a time");
        process.work = Some((due, work));
    }

    /// Everything up to `zxid` is committed.
    fn commit(&mut self, me: ServerId, zxid: Zxid, designated: Option<ServerId>) {
        let (process, disk) = self.running(me);
        let last = process.log(disk).last().zxid;
        assert!(zxid <= last, "(6) {} applies {zxid}, and its log ends with {last}", me.0);
        process.applied = process.applied.max(zxid);
        if process.listens {
            self.establish(me);
            let disks = self.servers.iter().map(|(server, state)| (*server, &state.disk.log)).collect();
            // A leader knows what it is itself.
            let mut paddocks = self.paddocks();
            paddocks.insert(me);
            let granted = self.servers[&me].granted;
            let disk = &self.servers[&me].disk;
            self.ghost.commit((disk.current_or_read(), &disk.log), zxid, &disks, &paddocks, granted);
            self.feed_commits(me, zxid, designated);
        } else if process.serves_observers {
            self.feed_commits(me, zxid, designated);
        }
        if self.running(me).0.published.is_some() {
            self.publish(me);
        }
    }

    /// What a leader commits first is its history, and its reign begins with that.
    fn establish(&mut self, me: ServerId) {
        let (process, disk) = self.running(me);
        let epoch = disk.current_or_read();
        if process.reign.is_none_or(|reign| reign.epoch() != epoch) {
            let renews = process.reign.replace(Reign::begin(epoch)).is_some();
            self.renewed += u64::from(renews);
            self.ghost.establish(me, epoch, &self.servers[&me].disk.log);
        }
    }

    /// What is applied is shown to readers.
    fn publish(&mut self, me: ServerId) {
        let (process, _) = self.running(me);
        let applied = process.applied;
        process.published = Some(applied);
        let committed = self.ghost.last().zxid;
        assert!(applied <= committed, "(6) {} shows {applied}, and only {committed} is committed", me.0);
        let state = &self.servers[&me];
        let process = state.process.as_ref().expect("this server runs");
        self.ghost.check_published(process.log(&state.disk), applied);
    }

    /// A leader tells its learners what is committed.
    fn feed_commits(&mut self, me: ServerId, zxid: Zxid, designated: Option<ServerId>) {
        let joined: Vec<Link> = self.joined(me);
        let is_grouped = self.running(me).0.features.has(Features::GROUPED);
        for link in joined {
            let (process, disk) = self.running(me);
            let learner = process.learners.get_mut(&link).expect("it has joined");
            let records = disk.log.between(learner.told, zxid).to_vec();
            let observes = learner.peer_type == PeerType::Observer;
            learner.told = learner.told.max(zxid);
            let activates = |record: &Record| record.change.is_some().then_some(designated).flatten();
            let ends: Vec<bool> = records.iter().skip(1).map(|next| activates(next).is_some()).chain([true]).collect();
            for (record, ends_group) in records.into_iter().zip(ends) {
                let activates = activates(&record);
                if is_grouped && !observes && activates.is_none() && !ends_group {
                    continue;
                }
                let packet = match (observes, activates) {
                    (false, None) => ToLearner::Commit(record.zxid),
                    (false, Some(leader)) => ToLearner::CommitAndActivate { zxid: record.zxid, leader },
                    (true, None) => ToLearner::Inform(record),
                    (true, Some(leader)) => ToLearner::InformAndActivate { record, leader },
                };
                self.network.send_to_learner(link, packet);
            }
        }
    }

    fn joined(&mut self, me: ServerId) -> Vec<Link> {
        let learners = self.running(me).0.learners.iter();
        learners.filter(|(_, learner)| learner.joined).map(|(link, _)| *link).collect()
    }

    /// The first packet, and as much of the history as is at hand.
    fn sync(&mut self, me: ServerId, link: Link, plan: Plan) {
        let due = self.network.durable();
        let state = &self.servers[&me];
        let process = state.process.as_ref().expect("this server runs");
        let (log, end) = (state.disk.log.clone(), process.end(&state.disk));
        let (packet, from) = match plan.first {
            First::Diff(zxid) => (ToLearner::Diff(zxid), plan.from),
            First::Trunc(zxid) => (ToLearner::Trunc(zxid), plan.from),
            First::Snap => {
                let later = log.between(log.base().zxid, end).len();
                let of = self.network.pace.some_of(later);
                let state = of.checked_sub(1).map_or(log.base(), |place| log.records()[place].point());
                (ToLearner::Snap(state), state.zxid)
            }
        };
        assert!(from >= log.base().zxid, "(2) a plan begins with {from}, and the log of {} does not", me.0);
        self.network.send_to_learner(link, packet);
        let learner = self.running(me).0.learners.get_mut(&link).expect("only an open link is synchronised");
        (learner.sent, learner.told, learner.catching_up) = (from, from, Some(due));
        let lacking = log.between(from, end);
        let now = self.network.pace.some_of(lacking.len());
        self.send_history(me, link, &lacking[..now]);
    }

    /// Proposals that are committed by being in a leader's history.
    fn send_history(&mut self, me: ServerId, link: Link, records: &[Record]) {
        for record in records {
            self.network.send_to_learner(link, ToLearner::Proposal(record.clone()));
            self.network.send_to_learner(link, ToLearner::Commit(record.zxid));
        }
        if let Some(last) = records.last() {
            let learner = self.running(me).0.learners.get_mut(&link).expect("only an open link is synchronised");
            (learner.sent, learner.told) = (last.zxid, last.zxid);
        }
    }

    fn join(&mut self, me: ServerId, link: Link) {
        let state = &self.servers[&me];
        let process = state.process.as_ref().expect("this server runs");
        let (log, end) = (state.disk.log.clone(), process.end(&state.disk));
        let learner = process.learners.get(&link).expect("only an open link joins");
        assert!(learner.catching_up.is_none() && !learner.joined, "a link joins once, when it has caught up");
        let (sent, observes) = (learner.sent, learner.peer_type == PeerType::Observer);
        self.send_history(me, link, log.between(sent, end));
        if !observes {
            for record in log.between(end.max(sent), log.last().zxid) {
                self.network.send_to_learner(link, ToLearner::Proposal(record.clone()));
            }
        }
        let learner = self.running(me).0.learners.get_mut(&link).expect("it is there");
        learner.joined = true;
    }

    fn confirmed(&mut self, me: ServerId, ticket: Ticket) {
        let (process, disk) = self.running(me);
        let asked = process.asked.remove(&ticket).expect("an answer has a ticket, and comes once");
        let held = asked.committed.zxid <= asked.proposed
            && disk.log.point(asked.committed.zxid).is_none_or(|point| point == asked.committed);
        assert!(held, "(8) {} confirms a sync that came after {:?}, which it does not have", me.0, asked.committed);
        self.confirmed += 1;
    }

    fn become_part(&mut self, me: ServerId, part: Part, serve: Serve) {
        let process = self.running(me).0;
        (process.part, process.serve, process.is_suspended) = (part, serve, false);
        if part == Part::Looking {
            self.end_role(me);
        } else if serve == Serve::Yes {
            self.publish(me);
        }
    }

    /// Every link of this server is dead, and nothing is shown any more.
    fn end_role(&mut self, me: ServerId) {
        let process = self.running(me).0;
        process.published = None;
        process.told = Zxid::NOTHING;
        process.reign = None;
        process.connecting = None;
        process.serves_observers = false;
        process.abandon();
        let links: Vec<Link> = process.learners.keys().copied().chain(process.master).collect();
        links.into_iter().for_each(|link| self.close(me, link, false));
        self.network.forget_quorum_attempts(me);
    }

    /// The log takes what was appended, and what must always hold is looked at.
    fn end_turn(&mut self, me: ServerId) {
        if !self.is_up(me) {
            return;
        }
        let due = self.network.durable();
        let (process, disk) = self.running(me);
        let last = disk.log.last().zxid;
        if process.submitted(disk) < last && process.groups.len() < GROUPS_MAX {
            let behind = process.groups.back().map_or(due, |(earlier, _)| due.max(*earlier));
            process.groups.push_back((behind, last));
        }
        let shown = process.published.is_none_or(|published| published >= process.told);
        assert!(shown, "(6) {} serves, and does not show {}, which it knows to be committed", me.0, process.told);
        let unanswered = process.part == Part::Looking && !process.asked.is_empty();
        assert!(!unanswered, "a sync is answered, also when the role ends");
        disk.check();
        self.check_configs(me);
    }

    /// A server whose log has a reconfiguration has its configuration, or a later one, in a file.
    fn check_configs(&self, me: ServerId) {
        let disk = self.disk(me);
        let Changes { last, .. } = self.ghost.changes(disk.log.last());
        let Configs { committed, last_seen } = disk.configs();
        let held = last_seen.version().max(committed.version());
        assert!(held >= last, "(7) the log of {} has the change {last}, and the newest file is {held}", me.0);
    }
}

/// What others do to the servers.
impl Ensemble {
    /// A server's process begins, from what is on its disk.
    pub fn start(&mut self, me: ServerId) {
        self.tell(|| format!("{} starts", me.0));
        let now = self.clock(me);
        let state = self.server_mut(me);
        assert!(state.process.is_none(), "a server that runs is not started");
        let disk = &mut state.disk;
        let zab = Zab::new(me, state.settings.clone(), disk.found(), Ms(0));
        let process = Process::new(zab, state.settings.features, now, disk.log.last().zxid, disk.committed().clone());
        state.process = Some(process);
        self.step(me, Input::Time, None);
        self.settle_local();
    }

    /// The process is gone, and the power too.
    pub fn crash(&mut self, me: ServerId, kept: Kept) {
        self.tell(|| format!("{} crashes, and keeps {kept:?} of what was not durable", me.0));
        let process = self.server_mut(me).process.take().expect("a server that runs crashes");
        let disk = &mut self.servers.get_mut(&me).expect("there is this server").disk;
        let pace = &mut self.network.pace;
        let mut draw = |count: usize| match kept {
            Kept::Nothing => 0,
            Kept::Everything => count,
            Kept::Some => pace.some_of(count),
        };
        let written = draw(process.writes.len());
        let epochs = |mark: &&Mark| matches!(mark, Mark::AcceptedEpoch(_) | Mark::CurrentEpoch(_));
        process.writes.iter().take(written).map(|(_, mark)| mark).filter(epochs).for_each(|mark| disk.write(mark));
        let records = draw(disk.log.pending());
        disk.log.lose_all_but(records);
        let worked = draw(1) == 1;
        match process.work {
            Some((_, Work::Cut(last))) if worked => drop(disk.cut(last)),
            Some((_, Work::Settle)) if worked => disk.settle(process.next_log),
            _ => {}
        }
        disk.check();
        self.ghost.check_kept(&self.logs());
        self.leave(me, process.learners.keys().copied().chain(process.master).collect());
        self.settle_local();
    }

    /// A process has ended by itself: whatever it had written is there.
    fn end(&mut self, me: ServerId) {
        self.tell(|| format!("{} ends", me.0));
        let process = self.server_mut(me).process.take().expect("a server that runs ends");
        let disk = &mut self.server_mut(me).disk;
        let records = disk.log.pending();
        disk.log.lose_all_but(records);
        self.leave(me, process.learners.keys().copied().chain(process.master).collect());
    }

    /// What others see of a process that is gone.
    fn leave(&mut self, me: ServerId, links: Vec<Link>) {
        links.into_iter().for_each(|link| self.close(me, link, false));
        for peer in self.network.election.peers_of(me) {
            self.network.election.disconnect(me, peer);
            self.local.push_back((peer, Local::Election { peer: me, event: Event::Down }));
        }
        self.network.election.forget(me);
        self.network.forget_attempts(me);
    }

    /// A leader's clients want one more transaction; whether it could be proposed.
    pub fn propose(&mut self, me: ServerId, change: Option<Arc<Config>>) -> Option<Zxid> {
        self.process(me).filter(|process| process.is_leader())?;
        self.proposed += 1;
        let payload = self.proposed;
        let (process, disk) = self.running(me);
        let zxid = process.reign?.next()?;
        let behind = disk.log.last();
        let change = change.map(|config| Arc::new(config.with_version(zxid)));
        let record = Record::after(behind, zxid, payload, change);
        let configs = process.attached(disk, record.change.as_ref());
        if let Some(reign) = &mut process.reign {
            reign.take(zxid);
        }
        process.append(disk, record.clone());
        self.ghost.propose(&record, behind, configs);
        for link in self.joined(me) {
            if self.running(me).0.learners[&link].peer_type == PeerType::Participant {
                self.network.send_to_learner(link, ToLearner::Proposal(record.clone()));
            }
        }
        self.step(me, Input::Proposed { zxid, change: record.change.as_ref() }, Some(&record));
        self.settle_local();
        Some(zxid)
    }

    /// A leader's client asks for another configuration, and is told if that is refused.
    pub fn reconfigure(&mut self, me: ServerId, change: &Change<'_>) -> Result<(), Refused> {
        let Some(process) = self.process(me).filter(|process| process.is_leader()) else { return Ok(()) };
        let Some(zxid) = process.reign.and_then(|reign| reign.next()) else { return Ok(()) };
        let config = process.zab.reconfigure(change, true, zxid)?;
        self.propose(me, Some(Arc::new(config)));
        Ok(())
    }

    /// The same, whether the leader has a quorum for it or not. No other change is under way.
    pub fn force(&mut self, me: ServerId, change: &Change<'_>) {
        let configs = self.running(me).0.zab.state().configs.clone();
        let config = change.apply(&configs, true, Zxid::ZERO).expect("nothing else was wrong with it");
        self.propose(me, Some(Arc::new(config)));
    }

    /// A client of a leader asks for a sync.
    pub fn confirm(&mut self, me: ServerId) {
        self.tickets += 1;
        let (ticket, committed) = (Ticket(self.tickets), self.ghost.last());
        let (process, disk) = self.running(me);
        process.asked.insert(ticket, Asked { committed, proposed: disk.log.last().zxid });
        self.step(me, Input::Confirm(ticket), None);
        self.settle_local();
    }

    /// A snapshot of what is committed is in place, and the log lets go of everything before it.
    pub fn forget(&mut self, me: ServerId) {
        let (process, disk) = self.running(me);
        let base = match process.published {
            Some(published) if process.next_log.is_none() => published.min(disk.log.durable_last().zxid),
            _ => return,
        };
        // What is streamed to somebody is kept.
        let streamed = process.learners.values().filter(|learner| !learner.joined && learner.sent != Zxid::NOTHING);
        let kept = streamed.map(|learner| learner.sent);
        let base = kept.fold(base, Zxid::min);
        if disk.log.point(base).is_none() || base <= disk.log.base().zxid {
            return;
        }
        disk.log.forget_up_to(base);
        self.step(me, Input::Forgotten { base }, None);
        self.settle_local();
    }

    pub fn stop(&mut self, me: ServerId) {
        self.running(me).0.stops = true;
        self.step(me, Input::Stop, None);
        self.settle_local();
    }

    pub fn fail(&mut self, me: ServerId, fault: Fault) {
        self.step(me, Input::Failed(fault), None);
        self.settle_local();
    }

    /// A state turns out to differ from the leader's.
    pub fn diverge(&mut self, me: ServerId) {
        self.step(me, Input::Diverged, None);
        self.settle_local();
    }

    /// The oracle of a server says from here on whether it may go on alone.
    pub fn grant(&mut self, me: ServerId, granted: bool) {
        self.tell(|| format!("the oracle of {} says {}", me.0, if granted { "yes" } else { "no" }));
        self.server_mut(me).granted = granted;
    }

    /// A server does nothing until then.
    pub fn stall(&mut self, me: ServerId, until: Ms) {
        self.tell(|| format!("{} stands still until {}", me.0, until.0));
        self.server_mut(me).stalled = until;
    }

    /// Nothing gets from one server to the other any more.
    pub fn cut(&mut self, from: ServerId, to: ServerId) {
        self.tell(|| format!("nothing gets from {} to {}", from.0, to.0));
        self.network.cut(from, to);
    }

    /// Everything gets through again.
    pub fn heal(&mut self) {
        self.tell(|| "everything gets through".to_owned());
        self.network.heal();
    }

    /// Packets and writes take so long from here on.
    pub fn quicken(&mut self, takes: Range) {
        self.network.pace.network = takes;
        self.network.pace.disk = takes;
    }

    pub fn links(&self) -> Vec<Link> {
        self.network.links()
    }

    /// The connection breaks; of what is on the way some arrives.
    pub fn reset(&mut self, link: Link) {
        self.tell(|| format!("the link {} breaks", link.0));
        self.network.reset(link);
    }

    /// The connection breaks, and nothing that is on the way arrives.
    pub fn lose(&mut self, link: Link) {
        self.tell(|| format!("the link {} breaks", link.0));
        self.network.lose(link);
    }

    /// Somebody connects to a leader, and says that it is this server.
    pub fn impersonate(&mut self, server: ServerId, leader: ServerId) {
        let link = self.accept(server, leader);
        self.local.push_back((leader, Local::LearnerUp(link)));
        self.settle_local();
        let disk = self.disk(server);
        let (accepted, config_version) = (disk.accepted_or_read(), disk.committed().version());
        let (peer_type, features) = (PeerType::Participant, Features::default());
        let info = FromLearner::Info { peer_type, server: Some(server), accepted, config_version, features };
        self.network.send_to_leader(link, info);
    }

    /// A packet that the leader of this link has not sent.
    pub fn tell_learner(&mut self, link: Link, packet: ToLearner) {
        self.network.send_to_learner(link, packet);
    }

    /// A packet that the learner of this link has not sent.
    pub fn tell_leader(&mut self, link: Link, message: FromLearner) {
        self.network.send_to_leader(link, message);
    }

    /// A notification that its sender has not sent.
    pub fn say(&mut self, from: ServerId, to: ServerId, notification: Notification) {
        let config = self.disk(from).committed().clone();
        self.tell(|| format!("{} <- {} says {notification:?}", to.0, from.0));
        self.step(to, Input::Notification { from, notification, config: Some(&config) }, None);
        self.settle_local();
    }

    /// Whether anything is on the way to this server's disk.
    pub fn is_writing(&self, server: ServerId) -> bool {
        let pending = self.disk(server).log.pending() > 0;
        pending || self.process(server).is_some_and(|process| !process.writes.is_empty() || process.work.is_some())
    }

    /// Whether it is between the first packet of a leader's history and the service.
    pub fn takes_history(&self, server: ServerId) -> bool {
        const STATES: [&str; 5] =
            ["TakingHistory", "WritingLastSeen", "Settling", "WritingCurrent", "AwaitingUpToDate"];
        self.process(server).is_some_and(|process| STATES.contains(&process.awaits()))
    }

    /// The other end of a learner's link.
    pub fn leader_of(&self, learner: ServerId) -> Option<ServerId> {
        let link = self.process(learner)?.master?;
        Some(self.network.leader(link))
    }

    /// The link of a learner that could read its leader's next packet, while what its disk does can only add to what is durable.
    pub fn reading_learner(&self, server: ServerId) -> Option<Link> {
        let process = self.process(server)?;
        let link = process.master?;
        let only_adds = matches!(process.work, None | Some((_, Work::Settle))) && process.next_log.is_none();
        (only_adds && process.learners.is_empty() && self.network.has_packet_for_learner(link)).then_some(link)
    }

    /// Whether all others are as they are here, and see nothing else of this server but packets of its link.
    pub fn differs_only_in(&self, server: ServerId, next: &Ensemble) -> bool {
        let is_same = |other: &ServerId| self.fingerprint_of(*other) == next.fingerprint_of(*other);
        self.servers.keys().filter(|other| **other != server).all(is_same)
            && self.network.differs_only_on_links(&next.network)
            && self.ghost.last() == next.ghost.last()
            && self.is_seen_as(server, next)
    }

    /// Whether a server would tell others the same, and has the same connections.
    fn is_seen_as(&self, server: ServerId, next: &Ensemble) -> bool {
        let (Some(one), Some(other)) = (self.process(server), next.process(server)) else { return false };
        let (told, would_tell) = (one.zab.state(), other.zab.state());
        told.round == would_tell.round
            && told.decision.is_some()
            && told.decision == would_tell.decision
            && (one.master, one.connecting, one.listens) == (other.master, other.connecting, other.listens)
    }

    pub fn is_looking(&self, server: ServerId) -> bool {
        self.process(server).is_some_and(|process| process.part == Part::Looking)
    }

    /// Whether it goes over the election port.
    pub fn is_of_election(&self, next: Move) -> bool {
        match next {
            Move::Delivery(Delivery::Notification { .. }) => true,
            Move::Delivery(Delivery::Attempt(place)) => self.network.is_election_attempt(place),
            _ => false,
        }
    }

    /// A number for everything that tells this state from others; moments are told from the clock of their server.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for server in self.servers.keys() {
            self.fingerprint_of(*server).hash(&mut hasher);
        }
        self.network.describe().hash(&mut hasher);
        (self.ghost.last(), self.ghost.established()).hash(&mut hasher);
        hasher.finish()
    }

    /// That of one server, which is kept until somebody may change it.
    fn fingerprint_of(&self, server: ServerId) -> u64 {
        let state = self.server(server);
        if let Some(fingerprint) = state.fingerprint.get() {
            return fingerprint;
        }
        let from_now = |process: &Process| relative(&brief(&process.zab), self.clock(server).since(process.began));
        let zab = state.process.as_ref().map(from_now);
        let rest = state.process.as_ref().map(Process::describe);
        let mut hasher = DefaultHasher::new();
        (zab, rest, brief(&state.disk)).hash(&mut hasher);
        let fingerprint = hasher.finish();
        state.fingerprint.set(Some(fingerprint));
        fingerprint
    }

    /// The connection of the election port breaks.
    pub fn reset_election(&mut self, one: ServerId, other: ServerId) {
        if self.network.election.disconnect(one, other) {
            self.local.push_back((one, Local::Election { peer: other, event: Event::Down }));
            self.local.push_back((other, Local::Election { peer: one, event: Event::Down }));
            self.settle_local();
        }
    }
}

/// A value on one line, without the settings, which are the same all the time.
fn brief(value: &impl std::fmt::Debug) -> String {
    let mut text = format!("{value:?}");
    if let Some(begin) = text.find("Settings {") {
        text.replace_range(begin..end_of_braces(&text, begin), "settings");
    }
    text
}

/// With moments told from `now`.
fn relative(text: &str, now: Ms) -> String {
    let mut parts = text.split("Ms(");
    let mut relative = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(')').expect("a moment is in brackets");
        let moment: i128 = number.parse().expect("a moment is a number");
        write!(relative, "Ms({}){rest}", moment - i128::from(now.0)).expect("a String takes everything");
    }
    relative
}

/// Behind the brace that ends what begins here.
fn end_of_braces(text: &str, begin: usize) -> usize {
    let mut depth = 0;
    for (place, byte) in text.bytes().enumerate().skip(begin) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return place + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

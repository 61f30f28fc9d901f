//! A server's process: the core, and what a node keeps beside it. All of it is gone after a crash.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use paddock_consensus::config::{Config, PeerType};
use paddock_consensus::input::{Link, Mark, Ticket, Unsettled};
use paddock_consensus::output::{Part, Serve};
use paddock_consensus::settings::{Features, Ms};
use paddock_consensus::zab::Zab;
use paddock_consensus::{Reign, ServerId, Zxid};

use crate::disk::Disk;
use crate::log::{Log, Point, Record};

/// What the history is being made: one thing at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Ends with this transaction.
    Cut(Zxid),
    /// A whole state is being brought.
    Install,
    /// All that was appended becomes durable.
    Settle,
}

/// What a leader keeps of a link beside what the core keeps.
#[derive(Clone, Debug)]
pub struct Learner {
    pub peer_type: PeerType,
    /// Up to here it was sent the history.
    pub sent: Zxid,
    /// Up to here it was told what is committed.
    pub told: Zxid,
    /// When the rest of the history is in memory, while it is not.
    pub catching_up: Option<Ms>,
    pub joined: bool,
}

/// A sync that waits to be confirmed.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What was committed when it came.
    pub committed: Point,
    /// What this server had proposed.
    pub proposed: Zxid,
}

#[derive(Clone, Debug)]
pub struct Process {
    pub zab: Zab,
    /// When its clock began.
    pub began: Ms,
    pub part: Part,
    pub serve: Serve,
    pub features: Features,
    pub listens: bool,
    /// It follows, and observers may connect to it.
    pub serves_observers: bool,
    /// The attempt, or the connection, to a leader.
    pub connecting: Option<ServerId>,
    pub master: Option<Link>,
    pub learners: BTreeMap<Link, Learner>,
    /// Groups of the log on their way to the disk: when each is there, and with what it ends.
    pub groups: VecDeque<(Ms, Zxid)>,
    pub writes: VecDeque<(Ms, Mark)>,
    pub work: Option<(Ms, Work)>,
    /// The log behind a state that is being brought.
    pub next_log: Option<Log>,
    /// What a SNAP that is at hand brings.
    pub brought: Option<Point>,
    /// The configuration that was activated last.
    pub active: Arc<Config>,
    /// Up to here everything is in the state, or in the one that is being brought.
    pub applied: Zxid,
    /// Up to here everything is in the state that is there while another is being brought.
    kept: Zxid,
    /// Up to here the leader has said on this link that everything is committed.
    pub told: Zxid,
    /// Up to here readers have seen the state.
    pub published: Option<Zxid>,
    /// Of a leader, once it may propose.
    pub reign: Option<Reign>,
    pub asked: BTreeMap<Ticket, Asked>,
    /// A leader orders nothing, because its epoch is renewed.
    pub is_suspended: bool,
    /// It was told to end, and takes nothing from clients any more.
    pub stops: bool,
}

impl Process {
    pub fn new(zab: Zab, features: Features, began: Ms, applied: Zxid, active: Arc<Config>) -> Process {
        Process {
            zab,
            began,
            part: Part::Looking,
            serve: Serve::No,
            features,
            listens: false,
            serves_observers: false,
            connecting: None,
            master: None,
            learners: BTreeMap::new(),
            groups: VecDeque::new(),
            writes: VecDeque::new(),
            work: None,
            next_log: None,
            brought: None,
            active,
            applied,
            kept: applied,
            told: Zxid::NOTHING,
            published: None,
            reign: None,
            asked: BTreeMap::new(),
            is_suspended: false,
            stops: false,
        }
    }

    /// What it waits for.
    pub fn awaits(&self) -> &'static str {
        self.zab.state().awaits
    }

    /// Everything beside the core that tells this state from others, as text. Numbers of tickets do not.
    pub fn describe(&self) -> String {
        let disk = (&self.groups, &self.writes, &self.work, &self.next_log, self.brought);
        let listens = (self.listens, self.serves_observers);
        let role = (
            self.part,
            self.serve,
            listens,
            self.connecting,
            self.master,
            &self.learners,
            self.reign,
            self.is_suspended,
        );
        let state = (self.applied, self.told, self.published, self.active.version());
        format!("{disk:?} {role:?} {state:?}")
    }

    /// The log to which a proposal goes.
    pub fn log<'a>(&'a self, disk: &'a Disk) -> &'a Log {
        self.next_log.as_ref().unwrap_or(&disk.log)
    }

    /// Appends a record where it belongs.
    pub fn append(&mut self, disk: &mut Disk, record: Record) {
        self.next_log.as_mut().unwrap_or(&mut disk.log).append(record);
    }

    /// Where a leader's history ends for a learner: with all of it, until it has become the committed one.
    pub fn end(&self, disk: &Disk) -> Zxid {
        if self.reign.is_some() || self.serves_observers { self.applied } else { disk.log.last().zxid }
    }

    /// With what the newest group on its way to the disk ends.
    pub fn submitted(&self, disk: &Disk) -> Zxid {
        self.groups.back().map_or(disk.log.durable_last().zxid, |(_, last)| *last)
    }

    /// Whether it may propose.
    pub fn is_leader(&self) -> bool {
        self.reign.is_some() && !self.stops && !self.is_suspended
    }

    /// Whether it does what an ensemble has it for.
    pub fn serves(&self) -> bool {
        self.published.is_some() || self.reign.is_some()
    }

    /// The configurations that apply to what is proposed next; `change` is the one that it makes.
    pub fn attached(&self, disk: &Disk, change: Option<&Arc<Config>>) -> Vec<Arc<Config>> {
        let outstanding = disk.log.between(self.applied, disk.log.last().zxid);
        let pending = outstanding.iter().filter_map(|record| record.change.as_ref()).chain(change);
        std::iter::once(&self.active).chain(pending).cloned().collect()
    }

    /// A state that is being brought is not taken, unless it is becoming durable already.
    pub fn abandon(&mut self) {
        self.brought = None;
        if !matches!(self.work, Some((_, Work::Settle))) {
            self.drop_brought();
        }
    }

    /// A whole state is brought; the one that is there is kept until that is in place.
    pub fn bring(&mut self, state: Point) {
        self.next_log = Some(Log::new(state));
        (self.kept, self.applied) = (self.applied, state.zxid);
    }

    /// What is being brought comes to nothing.
    pub fn drop_brought(&mut self) {
        if self.next_log.take().is_some() {
            self.applied = self.kept;
        }
    }

    /// A state that was brought is written as it is now, and the log behind it begins there.
    pub fn base_on_applied(&mut self) {
        if let Some(log) = &mut self.next_log {
            log.forget_up_to(self.applied);
        }
    }

    /// The history ends with `last` from here on.
    pub fn cut(&mut self, disk: &mut Disk, last: Zxid) -> Result<Zxid, Unsettled> {
        disk.log.sync(disk.log.last().zxid);
        disk.cut(last)?;
        self.groups.clear();
        self.applied = self.applied.min(last);
        Ok(last)
    }

    /// What was appended or brought is durable; with what it ends.
    pub fn settle(&mut self, disk: &mut Disk) -> Zxid {
        disk.settle(self.next_log.take());
        self.groups.clear();
        disk.log.last().zxid
    }
}

//! Whoever holds a `Zab`: it does what the core says, keeps to what the core expects of it, and looks at whether the core keeps
//! to what it promises.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use paddock_consensus::config::Config;
use paddock_consensus::input::{Link, Mark, Ticket, Unsettled};
use paddock_consensus::output::{Part, Serve};
use paddock_consensus::settings::{Ms, Settings};
use paddock_consensus::zab::Found;
use paddock_consensus::{Epoch, History, Input, Output, Reign, ServerId, Zab, Zxid};

/// So many outputs a step may have at most, and so many characters the text of a value: once, and besides for each link,
/// each server of which a configuration may speak, each epoch of the history, and each sync that waits. A value has no
/// shorter text when it holds more.
const OUTPUTS_MAX: Bound = Bound { once: 16, each: 4 };
const CHARS_MAX: Bound = Bound { once: 3072, each: 384 };

#[derive(Clone, Copy)]
struct Bound {
    once: usize,
    each: usize,
}

impl Bound {
    fn of(self, count: usize) -> usize {
        self.once + self.each * count
    }
}

/// What the history is being made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Work {
    Cut(Zxid),
    Replace(Zxid),
    Settle,
}

/// The disk, the links and the clock of one server.
pub struct Caller {
    pub zab: Zab,
    pub me: ServerId,
    pub now: Ms,
    /// Whether somebody may reconfigure.
    reconfig_enabled: bool,
    /// How many servers the configurations may speak of.
    servers: usize,
    log: History,
    durable: Zxid,
    /// The log behind a state that is brought.
    brought: Option<History>,
    /// Up to here everything is in the state, or in the one that is brought.
    applied: Zxid,
    writes: VecDeque<Mark>,
    work: Option<Work>,
    accepted: Epoch,
    /// Whether an attempt to connect to a leader is under way.
    connects: bool,
    master: Option<Link>,
    learners: BTreeSet<Link>,
    /// Those that are sent the history.
    catching_up: BTreeSet<Link>,
    /// The learners are observers of a follower, and go with its role.
    serves_observers: bool,
    /// No number is used twice.
    links: u32,
    /// Of a leader that may propose.
    reign: Option<Reign>,
    /// It gives no zxid for now, because its epoch is renewed.
    is_suspended: bool,
    /// The reconfiguration that it has proposed, and that is not committed.
    change: Option<Zxid>,
    tickets: u64,
    asked: BTreeSet<Ticket>,
    /// Of the oracle, without an answer.
    questions: u64,
    /// What the oracle said last.
    grants: bool,
    stops: bool,
    halted: bool,
}

impl Caller {
    pub fn new(me: ServerId, settings: Settings, found: Found, servers: usize) -> Caller {
        let log = found.history.clone();
        Caller {
            me,
            now: Ms(0),
            reconfig_enabled: settings.reconfig_enabled,
            servers,
            durable: log.last(),
            brought: None,
            applied: log.last(),
            log,
            writes: VecDeque::new(),
            work: None,
            accepted: found.epochs.accepted(),
            connects: false,
            master: None,
            learners: BTreeSet::new(),
            catching_up: BTreeSet::new(),
            serves_observers: false,
            links: 0,
            reign: None,
            is_suspended: false,
            change: None,
            tickets: 0,
            asked: BTreeSet::new(),
            questions: 0,
            grants: false,
            stops: false,
            halted: false,
            zab: Zab::new(me, settings, found, Ms(0)),
        }
    }

    /// Whether the process has ended.
    pub fn has_halted(&self) -> bool {
        self.halted
    }

    pub fn master(&self) -> Option<Link> {
        self.master
    }

    /// An open link of a learner, by its place among them from the newest on.
    pub fn learner(&self, place: usize) -> Option<Link> {
        let count = self.learners.len();
        (count > 0).then(|| self.learners.iter().rev().nth(place % count)).flatten().copied()
    }

    /// The end of the log to which proposals go.
    pub fn written_last(&self) -> Zxid {
        self.brought.as_ref().unwrap_or(&self.log).last()
    }

    /// The configuration of what is at hand plays no part for the caller.
    pub fn step(&mut self, input: Input<'_>) {
        let at_hand = match input {
            Input::FromMaster { message, .. } => Some(message.zxid()),
            _ => None,
        };
        let mut outputs = Vec::new();
        self.zab.step(self.now, input, &mut outputs);
        let count = self.count();
        assert!(outputs.len() <= OUTPUTS_MAX.of(count), "{} outputs at once", outputs.len());
        let suspends = outputs.contains(&Output::Suspend(true));
        outputs.into_iter().for_each(|output| self.put_out(output, at_hand));
        // It grants every second time.
        while self.questions > 0 && !self.halted {
            self.questions -= 1;
            self.grants = !self.grants;
            self.step(Input::Oracle(self.grants));
        }
        if !self.halted {
            self.check();
        }
        // Nothing of this server's is ever unfinished.
        if suspends && self.is_suspended && !self.halted {
            self.step(Input::Suspended);
        }
    }

    /// How many things there are of which the core may hold something each.
    fn count(&self) -> usize {
        let epochs = self.log.runs().count() + self.brought.as_ref().map_or(0, |brought| brought.runs().count());
        self.learners.len() + self.servers + epochs + self.asked.len()
    }

    /// The value holds no more than it may.
    pub fn check_size(&self) {
        let (chars, most) = (format!("{:?}", self.zab).len(), CHARS_MAX.of(self.count()));
        assert!(chars <= most, "a value of {chars} characters, where {most} are enough");
    }

    fn check(&mut self) {
        let state = self.zab.state();
        assert!(state.epochs.accepted() >= self.accepted, "acceptedEpoch falls");
        assert!(state.epochs.current() <= state.epochs.accepted(), "currentEpoch was never accepted");
        assert_eq!(state.history, &self.log, "the core takes the log for another one");
        assert_eq!(state.durable, self.durable, "the core takes something else for durable");
        if state.decision.is_none() {
            assert!(self.master.is_none() && self.learners.is_empty(), "a server that looks has no links");
            assert!(self.asked.is_empty(), "a sync is answered, also when the role ends");
        }
        assert!(self.zab.learners().count() <= self.learners.len(), "a learner without a link");
        self.accepted = state.epochs.accepted();
    }
}

/// What the core says.
impl Caller {
    fn put_out(&mut self, output: Output, at_hand: Option<Zxid>) {
        if self.halted {
            // Who comes in the moment of the end is turned away behind it.
            return;
        }
        match output {
            Output::Dial(_) | Output::Notify(..) | Output::Listen(_) | Output::Activate { .. } => {}
            Output::ServeObservers => self.serves_observers = true,
            Output::Connect(_) | Output::ConnectToObserverMaster(_) => {
                assert!(!self.connects && self.master.is_none(), "there is one connection to a leader");
                self.connects = true;
            }
            Output::Send(link, _) => assert!(self.is_open(link), "{link:?} is not open"),
            Output::Close(link, _) => self.close(link),
            Output::Write(mark) => self.writes.push_back(mark),
            Output::Append(zxid) => {
                assert_eq!(at_hand, Some(zxid), "this proposal is not at hand");
                self.brought.as_mut().unwrap_or(&mut self.log).push(zxid);
            }
            Output::Cut(last) => self.begin_work(Work::Cut(last)),
            Output::Replace(last) => {
                self.brought = Some(History::new(last));
                self.begin_work(Work::Replace(last));
            }
            Output::Settle => {
                if let Some(brought) = &mut self.brought {
                    brought.forget_up_to(self.applied);
                }
                self.begin_work(Work::Settle);
            }
            Output::Commit(zxid) => self.commit(zxid),
            Output::Sync(link, plan) => {
                assert!(self.learners.contains(&link), "{link:?} is not open");
                assert!(plan.from == Zxid::NOTHING || plan.from >= self.log.base(), "the plan begins too early");
                self.catching_up.insert(link);
            }
            Output::Join(link) => assert!(self.learners.contains(&link), "{link:?} is not open"),
            Output::Confirmed(ticket) | Output::Lost(ticket) => {
                assert!(self.asked.remove(&ticket), "{ticket:?} is answered twice");
            }
            Output::Suspend(is_suspended) => self.is_suspended = is_suspended,
            Output::Become(part, serve) => self.become_part(part, serve),
            Output::AskOracle => self.questions += 1,
            Output::Halt(_) => self.halted = true,
        }
    }

    fn is_open(&self, link: Link) -> bool {
        self.master == Some(link) || self.learners.contains(&link)
    }

    fn close(&mut self, link: Link) {
        assert!(self.is_open(link), "{link:?} is closed twice");
        self.forget(link);
    }

    fn forget(&mut self, link: Link) {
        self.master = self.master.filter(|master| *master != link);
        self.learners.remove(&link);
        self.catching_up.remove(&link);
    }

    fn begin_work(&mut self, work: Work) {
        assert_eq!(self.work, None, "a history is made one thing at a time");
        if let Work::Replace(last) = work {
            self.applied = last;
        }
        self.work = Some(work);
    }

    fn commit(&mut self, zxid: Zxid) {
        let log = self.brought.as_ref().unwrap_or(&self.log);
        assert!(log.contains(zxid), "{zxid} is not there, and cannot be applied");
        self.applied = self.applied.max(zxid);
        self.change = self.change.filter(|change| *change > zxid);
    }

    fn become_part(&mut self, part: Part, serve: Serve) {
        self.is_suspended = false;
        match part {
            Part::Leading { epoch } if self.reign.is_none_or(|reign| reign.epoch() != epoch) => {
                self.reign = Some(Reign::begin(epoch));
            }
            Part::Looking => {
                self.connects = false;
                (self.reign, self.change) = (None, None);
                if std::mem::take(&mut self.serves_observers) {
                    self.learners.clear();
                    self.catching_up.clear();
                }
                if self.work != Some(Work::Settle) && serve == Serve::No {
                    self.drop_brought();
                }
            }
            _ => {}
        }
    }

    /// What was applied then is the state that was there before, which the log holds at least up to its base.
    fn drop_brought(&mut self) {
        if self.brought.take().is_some() {
            self.applied = self.log.base();
        }
    }
}

/// What its disk and its clock do.
impl Caller {
    /// So much later, or as late as the core waits.
    pub fn pass(&mut self, wait: Option<Ms>) {
        self.now = match wait {
            Some(wait) => self.now.after(wait),
            None => self.zab.deadline().map_or(self.now, |deadline| deadline.max(self.now)),
        };
        self.step(Input::Time);
    }

    /// The oldest write is durable.
    pub fn write(&mut self) {
        if let Some(mark) = self.writes.pop_front() {
            self.step(Input::Written(mark));
        }
    }

    /// What the history was to be made is done, or refused.
    pub fn settle(&mut self, refused: Option<Unsettled>) {
        let Some(work) = self.work.take() else { return };
        let settled = match (work, refused) {
            (_, Some(unsettled)) => {
                self.drop_brought();
                Err(unsettled)
            }
            (Work::Cut(last), None) => {
                self.log.cut_after(last);
                self.durable = last;
                self.applied = self.applied.min(last);
                Ok(last)
            }
            (Work::Replace(last), None) => Ok(last),
            (Work::Settle, None) => {
                self.log = self.brought.take().unwrap_or_else(|| self.log.clone());
                self.durable = self.log.last();
                Ok(self.durable)
            }
        };
        self.step(Input::Settled(settled));
    }

    /// The log is durable up to here, if that is in it.
    pub fn sync(&mut self, to: Zxid) {
        if to > self.durable && self.log.contains(to) {
            self.durable = to;
            self.step(Input::Durable(to));
        }
    }

    /// The log lets go of what is up to here, if it may.
    pub fn forget_up_to(&mut self, base: Zxid) {
        let kept = self.zab.state().committed.min(self.durable).min(self.applied);
        if self.work.is_none() && self.brought.is_none() && base <= kept && self.log.contains(base) {
            self.log.forget_up_to(base);
            self.step(Input::Forgotten { base });
        }
    }
}

/// What its links and its clients do.
impl Caller {
    /// So many connect to the quorum port.
    pub fn learners_up(&mut self, count: u32) {
        for _ in 0..count {
            self.links += 1;
            let link = Link(self.links);
            self.learners.insert(link);
            self.step(Input::LearnerUp { link });
        }
    }

    pub fn learner_down(&mut self, link: Link) {
        self.forget(link);
        self.step(Input::LearnerDown { link });
    }

    /// What a learner lacked is in memory.
    pub fn catch_up(&mut self, link: Link) {
        if self.catching_up.remove(&link) {
            self.step(Input::CaughtUp { link });
        }
    }

    /// The attempt to connect to a leader comes to its end, if there is one.
    pub fn connect(&mut self, is_up: bool) {
        if !std::mem::take(&mut self.connects) {
            return;
        }
        if !is_up {
            return self.step(Input::MasterRefused);
        }
        self.links += 1;
        let link = Link(self.links);
        self.master = Some(link);
        self.step(Input::MasterUp { link });
    }

    pub fn master_down(&mut self) {
        if let Some(link) = self.master.take() {
            self.step(Input::MasterDown { link });
        }
    }

    /// Whether packets of the link to the leader are handed in.
    pub fn is_read(&self) -> bool {
        !matches!(self.work, Some(Work::Cut(_) | Work::Replace(_)))
    }

    /// A client's next transaction, if this server leads and may propose; with this configuration, if it may be changed.
    pub fn propose(&mut self, change: Option<&Arc<Config>>) {
        let Some(zxid) = self.reign.filter(|_| !self.stops && !self.is_suspended).and_then(|reign| reign.next()) else {
            return;
        };
        self.reign.as_mut().expect("it has a next one").take(zxid);
        let may_change = self.reconfig_enabled && self.change.is_none();
        let change = change.filter(|_| may_change).map(|config| Arc::new(config.with_version(zxid)));
        self.change = self.change.or(change.as_ref().map(|_| zxid));
        self.log.push(zxid);
        self.step(Input::Proposed { zxid, change: change.as_ref() });
    }

    pub fn confirm(&mut self) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.asked.insert(ticket);
        self.step(Input::Confirm(ticket));
    }

    pub fn stop(&mut self) {
        self.stops = true;
        self.step(Input::Stop);
    }
}

//! A search through everything that can happen, within bounds: real values of the core, copied at each fork.
//!
//! Time is not in it: a timeout may fire whenever somebody waits for one, so often in a run. What goes over the election port
//! is delivered at once and in one order, because nothing that keeps data safe rests on an election; and while somebody looks
//! for a leader and nothing is on its way anywhere, the first of those who look may time out without that being counted.
//!
//! Not every order of steps is tried. Where a learner has a packet of its leader to read, only its own next steps are: that
//! packet, and what its disk does. What others could do before can as well be done behind these steps, with the same outcome,
//! since neither side sees anything of the other's steps:
//!
//! * Packets from its leader come behind those that are there already, and its own go behind those that are on the way.
//! * It crashes no more, and no timeout is left, so that nothing that others do takes a step from it. For that reason a budget
//!   says of each server how often that one crashes.
//! * It is looked at in each case, before they are taken for enough, that these steps change nothing but the learner itself and
//!   its link: no other server, nothing on the election port, and nothing that the learner would tell there.
//! * What must hold is also looked at in others' steps, and depends on what disks hold. The learner's disk may only add to what
//!   is durable. If something were wrong because that came late, reading the packet first finds it too: it makes nothing
//!   durable.
//! * Each such step takes something up that was on its way, so that others have their turn in the end.
//!
//! Of a state no more than a number of 64 bits is kept. Among 20 million states the chance that two have the same number, so
//! that one of them is left out, is 1 in 90,000.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use paddock_consensus::{ServerId, Zxid};

use crate::ensemble::{Ensemble, Kept, Move};
use crate::guarded::guarded;
use crate::membership::majority;
use crate::network::Delivery;

/// So many servers there are, numbered from 1 on.
pub const SERVERS: usize = 3;

/// What is tried in each state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Steps {
    All,
    /// Those that are enough to find whatever is wrong.
    Enough,
}

/// How often each may still happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Budget {
    pub proposals: u32,
    /// Servers 1 and 2 are to be all that vote.
    pub reconfigs: u32,
    /// Of server 1, of server 2, and so on.
    pub crashes: [u32; SERVERS],
    pub timeouts: u32,
    /// Timeouts of those who look for a leader, when nothing else can happen.
    pub elections: u32,
}

impl Budget {
    fn crashes_of(&mut self, server: ServerId) -> &mut u32 {
        &mut self.crashes[server.0 as usize - 1]
    }

    fn may_crash(mut self, server: ServerId) -> bool {
        *self.crashes_of(server) > 0
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget { proposals, reconfigs, crashes, timeouts, .. } = self;
        write!(f, "{proposals} transactions, ")?;
        if *reconfigs > 0 {
            write!(f, "{reconfigs} reconfiguration, ")?;
        }
        for (count, server) in crashes.iter().zip(1..).filter(|(count, _)| **count > 0) {
            write!(f, "{count} crash of {server}, ")?;
        }
        write!(f, "{timeouts} timeouts")
    }
}

/// A fork.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    Natural(Move),
    TimeOut(ServerId),
    /// One who looks for a leader times out, while nothing else can happen.
    LookOn(ServerId),
    Crash(ServerId, Kept),
    Start(ServerId),
    Propose(ServerId),
    Reconfigure(ServerId),
}

#[derive(Clone)]
struct State {
    ensemble: Ensemble,
    budget: Budget,
}

/// What a search has seen.
#[derive(Clone, Default, Debug)]
pub struct Seen {
    pub states: u64,
    pub forks: u64,
    pub deepest: usize,
    /// Whether that is all there is within the bounds.
    pub complete: bool,
    /// Of all states, the most that was committed.
    pub committed: usize,
    /// The states in which nothing can happen any more.
    pub ends: BTreeSet<u64>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { states, forks, deepest, complete, committed, .. } = self;
        let all = if *complete { "all of" } else { "the first" };
        write!(f, "{all} {states} states, {forks} steps, at most {deepest} behind each other, {committed} committed")
    }
}

/// What led to a state in which something is wrong.
pub struct Found {
    pub what: String,
    pub path: Vec<Choice>,
}

/// Looks at no more than `states_max` different states.
pub fn search(root: &Ensemble, budget: Budget, steps: Steps, states_max: u64) -> Result<Seen, Box<Found>> {
    let mut seen = Seen::default();
    let mut known = HashSet::new();
    let root = State { ensemble: root.clone(), budget };
    known.insert(root.fingerprint());
    let mut path = Vec::new();
    let mut stack = vec![root.forks(steps).map_err(|wrong| wrong.behind(&path))?];
    while let Some(forks) = stack.last_mut() {
        let Some((choice, next)) = forks.pop() else {
            stack.pop();
            path.pop();
            continue;
        };
        seen.forks += 1;
        let fingerprint = next.fingerprint();
        if !known.insert(fingerprint) {
            continue;
        }
        path.push(choice);
        seen.states += 1;
        seen.committed = seen.committed.max(next.ensemble.ghost.len());
        seen.deepest = seen.deepest.max(path.len());
        if seen.states >= states_max {
            return Ok(seen);
        }
        let forks = next.forks(steps).map_err(|wrong| wrong.behind(&path))?;
        if forks.is_empty() {
            seen.ends.insert(fingerprint);
        }
        stack.push(forks);
    }
    seen.complete = true;
    Ok(seen)
}

/// A step in which something is wrong.
struct Wrong {
    what: String,
    choice: Choice,
}

impl Wrong {
    fn behind(self, path: &[Choice]) -> Box<Found> {
        Box::new(Found { what: self.what, path: [path, &[self.choice]].concat() })
    }
}

/// The story of a path.
pub fn replay(root: &Ensemble, budget: Budget, path: &[Choice]) -> Vec<String> {
    let mut state = State { ensemble: root.clone(), budget };
    state.ensemble.story = Some(Vec::new());
    for choice in path {
        state.ensemble.tell(|| format!("--- {choice:?}"));
        if guarded(|| state.choose(*choice)).is_err() {
            break;
        }
    }
    state.ensemble.story.take().unwrap_or_default()
}

impl State {
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.ensemble.fingerprint(), self.budget).hash(&mut hasher);
        hasher.finish()
    }

    /// What may come next, each with its state.
    fn forks(&self, steps: Steps) -> Result<Vec<(Choice, State)>, Wrong> {
        let choices = self.choices();
        let servers = if steps == Steps::Enough { self.ensemble.servers() } else { Vec::new() };
        for server in servers {
            let own = self.own(server, &choices);
            if own.is_empty() {
                continue;
            }
            let forks = self.take(&own)?;
            if forks.iter().all(|(_, next)| self.ensemble.differs_only_in(server, &next.ensemble)) {
                return Ok(forks);
            }
        }
        self.take(&choices)
    }

    fn take(&self, choices: &[Choice]) -> Result<Vec<(Choice, State)>, Wrong> {
        let take = |choice: &Choice| {
            let (choice, mut next) = (*choice, self.clone());
            guarded(|| next.choose(choice)).map_err(|what| Wrong { what, choice })?;
            Ok((choice, next))
        };
        choices.iter().map(take).collect()
    }

    /// The next steps of a learner that has a packet to read, if they may be enough.
    fn own(&self, server: ServerId, choices: &[Choice]) -> Vec<Choice> {
        let link = self.ensemble.reading_learner(server);
        let link = link.filter(|_| self.budget.timeouts == 0 && !self.budget.may_crash(server));
        let is_own = |choice: &Choice| match *choice {
            Choice::Natural(Move::Delivery(Delivery::ToLearner(delivered))) => Some(delivered) == link,
            Choice::Natural(Move::Written(of) | Move::Synced(of) | Move::Worked(of)) => of == server,
            _ => false,
        };
        if link.is_some() { choices.iter().copied().filter(is_own).collect() } else { Vec::new() }
    }

    fn choices(&self) -> Vec<Choice> {
        let mut choices = Vec::new();
        for server in self.ensemble.servers() {
            let Some(process) = self.ensemble.process(server) else {
                choices.push(Choice::Start(server));
                continue;
            };
            if self.budget.may_crash(server) {
                choices.push(Choice::Crash(server, Kept::Nothing));
                if self.ensemble.is_writing(server) {
                    choices.push(Choice::Crash(server, Kept::Everything));
                }
            }
            if self.budget.proposals > 0 && process.is_leader() {
                choices.push(Choice::Propose(server));
            }
            if self.budget.reconfigs > 0 && process.is_leader() {
                choices.push(Choice::Reconfigure(server));
            }
            if self.budget.timeouts > 0 && process.zab.deadline().is_some() {
                choices.push(Choice::TimeOut(server));
            }
        }
        let moves = self.ensemble.moves().into_iter().map(|(_, next)| next);
        let natural: Vec<Move> = moves.filter(|next| !matches!(next, Move::Time(_))).collect();
        if natural.is_empty() && self.budget.elections > 0 {
            let looking = self.ensemble.servers().into_iter().find(|server| self.ensemble.is_looking(*server));
            choices.extend(looking.map(Choice::LookOn));
        }
        choices.extend(natural.into_iter().map(Choice::Natural));
        choices
    }

    fn choose(&mut self, choice: Choice) {
        match choice {
            Choice::Natural(next) => self.ensemble.perform(next),
            Choice::TimeOut(server) => {
                self.budget.timeouts -= 1;
                self.ensemble.time_out(server);
            }
            Choice::LookOn(server) => {
                self.budget.elections -= 1;
                self.ensemble.time_out(server);
            }
            Choice::Crash(server, kept) => {
                *self.budget.crashes_of(server) -= 1;
                self.ensemble.crash(server, kept);
            }
            Choice::Start(server) => self.ensemble.start(server),
            Choice::Propose(server) => {
                self.budget.proposals -= 1;
                self.ensemble.propose(server, None);
            }
            Choice::Reconfigure(server) => {
                self.budget.reconfigs -= 1;
                self.ensemble.propose(server, Some(majority(Zxid::ZERO, &[1, 2], &[])));
            }
        }
        self.elect();
    }

    /// What goes over the election port.
    fn elect(&mut self) {
        loop {
            let moves = self.ensemble.moves();
            let election = moves.iter().map(|(_, next)| *next).find(|next| self.ensemble.is_of_election(*next));
            let Some(next) = election else { return };
            self.ensemble.perform(next);
        }
    }
}

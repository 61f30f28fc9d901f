//! A search through everything that can happen, within bounds: real values of the core, copied at each fork.
//!
//! Time is not in it: a timeout may fire whenever somebody waits for one, so often in a run. What goes over the election port
//! is delivered at once and in one order, because nothing that keeps data safe rests on an election; and while everybody
//! looks for a leader and nothing else can happen, the next timeout fires without being counted.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use paddock_consensus::ServerId;

use crate::ensemble::{Ensemble, Kept, Move};
use crate::guarded::guarded;

/// How often each may still happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Budget {
    pub proposals: u32,
    pub crashes: u32,
    pub timeouts: u32,
    /// Timeouts of those who look for a leader, when nothing else can happen.
    pub elections: u32,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget { proposals, crashes, timeouts, .. } = self;
        write!(f, "{proposals} transactions, {crashes} crashes, {timeouts} timeouts")
    }
}

/// A fork.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    Natural(Move),
    TimeOut(ServerId),
    Crash(ServerId, Kept),
    Start(ServerId),
    Propose(ServerId),
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
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { states, forks, deepest, complete, committed } = self;
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
pub fn search(root: &Ensemble, budget: Budget, states_max: u64) -> Result<Seen, Box<Found>> {
    let mut seen = Seen::default();
    let mut known = HashSet::new();
    let root = State { ensemble: root.clone(), budget };
    known.insert(root.fingerprint());
    let mut stack = vec![(root.clone(), root.choices())];
    let mut path = Vec::new();
    while let Some((state, choices)) = stack.last_mut() {
        let Some(choice) = choices.pop() else {
            stack.pop();
            path.pop();
            continue;
        };
        let mut next = state.clone();
        path.push(choice);
        if let Err(what) = guarded(|| next.choose(choice)) {
            return Err(Box::new(Found { what, path }));
        }
        seen.forks += 1;
        if !known.insert(next.fingerprint()) {
            path.pop();
            continue;
        }
        seen.states += 1;
        seen.committed = seen.committed.max(next.ensemble.ghost.len());
        seen.deepest = seen.deepest.max(path.len());
        if seen.states >= states_max {
            return Ok(seen);
        }
        let choices = next.choices();
        stack.push((next, choices));
    }
    seen.complete = true;
    Ok(seen)
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
        (self.ensemble.describe(), self.budget).hash(&mut hasher);
        hasher.finish()
    }

    fn choices(&self) -> Vec<Choice> {
        let mut choices = Vec::new();
        for server in self.ensemble.servers() {
            let Some(process) = self.ensemble.process(server) else {
                choices.push(Choice::Start(server));
                continue;
            };
            if self.budget.crashes > 0 {
                choices.push(Choice::Crash(server, Kept::Nothing));
                if self.ensemble.is_writing(server) {
                    choices.push(Choice::Crash(server, Kept::Everything));
                }
            }
            if self.budget.proposals > 0 && process.is_leader() {
                choices.push(Choice::Propose(server));
            }
            if self.budget.timeouts > 0 && process.zab.deadline().is_some() {
                choices.push(Choice::TimeOut(server));
            }
        }
        let natural = self.ensemble.moves().into_iter().map(|(_, next)| next);
        choices.extend(natural.filter(|next| !matches!(next, Move::Time(_))).map(Choice::Natural));
        choices
    }

    fn choose(&mut self, choice: Choice) {
        match choice {
            Choice::Natural(next) => self.ensemble.perform(next),
            Choice::TimeOut(server) => {
                self.budget.timeouts -= 1;
                self.ensemble.time_out(server);
            }
            Choice::Crash(server, kept) => {
                self.budget.crashes -= 1;
                self.ensemble.crash(server, kept);
            }
            Choice::Start(server) => self.ensemble.start(server),
            Choice::Propose(server) => {
                self.budget.proposals -= 1;
                self.ensemble.propose(server, None);
            }
        }
        self.elect();
    }

    /// What goes over the election port.
    fn elect(&mut self) {
        loop {
            let moves = self.ensemble.moves();
            let election = moves.iter().map(|(_, next)| *next).find(|next| self.ensemble.is_of_election(*next));
            if let Some(next) = election {
                self.ensemble.perform(next);
                continue;
            }
            let waits = moves.iter().all(|(_, next)| matches!(next, Move::Time(_)));
            let looking = self.ensemble.servers().into_iter().find(|server| self.ensemble.is_looking(*server));
            match looking {
                Some(server) if waits && self.budget.elections > 0 => {
                    self.budget.elections -= 1;
                    self.ensemble.time_out(server);
                }
                _ => return,
            }
        }
    }
}

//! What a world is like: its ensemble, and what its clients ask for.

use std::collections::BTreeMap;
use std::fmt;

use paddock_consensus::ServerId;
use paddock_consensus::quorum::{GroupId, QuorumSystem, Share};
use paddock_consensus::settings::RENEW_FROM;
use paddock_engine::io::simulated::{Choice, Seeded};

use super::load::Load;

/// One world in so many has groups and weights.
const HIERARCHICAL_ONE_OF: usize = 3;
/// One world in so many has local sessions.
const LOCAL_ONE_OF: usize = 6;
/// One world in so many has leaders that begin another epoch again and again, after so many transactions at most.
const RENEWING_ONE_OF: usize = 4;
const RENEWED_AFTER_MAX: usize = 200;
/// In one world in so many the ensemble is changed while it runs.
const CHANGED_ONE_OF: usize = 3;
/// In one world in so many observers follow followers, unless its epochs are short: each renewal sends such observers away, and they
/// would not be back before the next one.
const MASTERED_ONE_OF: usize = 4;
/// Machines there that belong to nobody at first, at most.
const SPARES_MAX: usize = 2;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mix {
    /// The voters, from server 1 on, and how they are counted.
    pub quorum: QuorumSystem,
    /// The servers behind them observe.
    pub observers: usize,
    /// The ensemble is changed while it runs: how many servers behind those belong to nobody at first.
    pub spares: Option<usize>,
    /// Whether observers follow a follower, where there is one.
    pub observer_masters: bool,
    pub load: Load,
    /// Whether new sessions are local ones, which become global with their first ephemeral.
    pub begins_local: bool,
    /// From this counter on a leader begins another epoch.
    pub renew_from: u32,
    /// Whether faults happen.
    pub faults: bool,
}

impl Mix {
    /// An ensemble to which no fault happens, and which counts majorities.
    pub fn calm(voters: usize, clients: usize) -> Mix {
        let (quorum, load) = (majority(voters), Load::of(clients));
        Mix {
            quorum,
            observers: 0,
            spares: None,
            observer_masters: false,
            load,
            begins_local: false,
            renew_from: RENEW_FROM,
            faults: false,
        }
    }

    /// The world of a seed.
    pub fn of(seed: u64) -> Mix {
        // What the world draws itself comes from the seed as it is.
        let draws = &mut Seeded::new(!seed);
        let voters = [3, 5][draws.choose(2)];
        let quorum = match draws.choose(HIERARCHICAL_ONE_OF) {
            0 => hierarchical(ids(voters), draws),
            _ => majority(voters),
        };
        let observers = [0, 0, 0, 1, 1, 2][draws.choose(6)];
        let begins_local = draws.choose(LOCAL_ONE_OF) == 0;
        let load = Load::draw(draws);
        let renew_from = match draws.choose(RENEWING_ONE_OF) {
            0 => 1 + draws.choose(RENEWED_AFTER_MAX) as u32,
            _ => RENEW_FROM,
        };
        let spares = (draws.choose(CHANGED_ONE_OF) == 0).then(|| draws.choose(SPARES_MAX + 1));
        let observer_masters = draws.choose(MASTERED_ONE_OF) == 0 && renew_from == RENEW_FROM;
        Mix { quorum, observers, spares, observer_masters, load, begins_local, renew_from, faults: true }
    }

    /// Whether its leaders begin other epochs without an election.
    pub fn renews(&self) -> bool {
        self.renew_from < RENEW_FROM
    }

    pub fn voters(&self) -> usize {
        self.quorum.voters().count()
    }

    /// Voters and observers of the beginning.
    pub fn members(&self) -> usize {
        self.voters() + self.observers
    }

    pub fn servers(&self) -> usize {
        self.members() + self.spares.unwrap_or(0)
    }

    /// Whether the ensemble is changed while it runs.
    pub fn changes(&self) -> bool {
        self.spares.is_some()
    }
}

fn ids(voters: usize) -> impl Iterator<Item = ServerId> {
    (1..=voters).map(|number| ServerId(number as i64))
}

fn majority(voters: usize) -> QuorumSystem {
    QuorumSystem::Majority(ids(voters).collect())
}

/// Up to three groups of any sizes, one of which has weight.
pub fn hierarchical(voters: impl Iterator<Item = ServerId>, draws: &mut Seeded) -> QuorumSystem {
    const WEIGHTS: [u32; 6] = [0, 1, 1, 1, 2, 3];
    let groups = 1 + draws.choose(3);
    let mut share =
        |_| Share { group: GroupId(draws.choose(groups) as i64), weight: WEIGHTS[draws.choose(WEIGHTS.len())] };
    let mut shares: BTreeMap<ServerId, Share> = voters.map(|voter| (voter, share(voter))).collect();
    if shares.values().all(|share| share.weight == 0) {
        shares.values_mut().for_each(|share| share.weight = 1);
    }
    QuorumSystem::Hierarchical(shares)
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} voters", self.voters())?;
        if let QuorumSystem::Hierarchical(shares) = &self.quorum {
            let shares: Vec<String> =
                shares.values().map(|share| format!("{} in {}", share.weight, share.group.0)).collect();
            write!(f, " (weight and group: {})", shares.join(", "))?;
        }
        let sessions = if self.begins_local { "local" } else { "global" };
        write!(f, ", {} observers, {sessions} sessions, ", self.observers)?;
        if self.observer_masters {
            write!(f, "observer masters, ")?;
        }
        if let Some(spares) = self.spares {
            write!(f, "an ensemble that is changed, {spares} others, ")?;
        }
        if self.renews() {
            write!(f, "epochs of {} transactions, ", self.renew_from)?;
        }
        write!(f, "{}", self.load)
    }
}

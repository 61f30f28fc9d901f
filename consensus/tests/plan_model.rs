//! Plans against a past of epochs: leaders come and go, what they proposed survives or does not, and whoever does what its
//! plan says has exactly what its leader has.
//!
//! The model is the protocol without messages. A round is one epoch: servers that are a quorum elect the one with the newest
//! history, it brings its history to each by a plan, some crash in the middle of it, and if a quorum has it all, the epoch
//! begins, and the leader proposes. Every transaction is told apart from every other by a number, also from one of the same
//! zxid, so that lists are compared and not zxids.

use paddock_consensus::plan::{First, Plan};
use paddock_consensus::settings::Features;
use paddock_consensus::{Epoch, History, Zxid};
use proptest::prelude::*;

const SERVERS: usize = 5;
const QUORUM: usize = SERVERS / 2 + 1;

/// A zxid, and what tells its transaction from all others.
type Txn = (Zxid, usize);

#[derive(Clone, Debug)]
struct Server {
    /// Everything of which its state was made.
    txns: Vec<Txn>,
    /// So many of them are no longer in its log.
    forgotten: usize,
    /// The zxid of the state that the log begins behind.
    base: Zxid,
    current_epoch: Epoch,
    /// The blank zxid of the epoch that it began as leader, until it has another transaction.
    stamp: Option<Zxid>,
    features: Features,
}

impl Server {
    fn new(features: Features) -> Server {
        let base = Zxid::ZERO;
        Server { txns: Vec::new(), forgotten: 0, base, current_epoch: Epoch(0), stamp: None, features }
    }

    fn history(&self) -> History {
        let mut history = History::new(self.base);
        self.txns[self.forgotten..].iter().for_each(|(zxid, _)| history.push(*zxid));
        history
    }

    fn last(&self) -> Zxid {
        self.txns[self.forgotten..].last().map_or(self.base, |(zxid, _)| *zxid)
    }

    /// What is in the list up to `end`, which is the base or a transaction behind it.
    fn up_to(&self, end: Zxid) -> &[Txn] {
        let behind = self.txns[self.forgotten..].iter().take_while(|(zxid, _)| *zxid <= end).count();
        &self.txns[..self.forgotten + behind]
    }

    fn push(&mut self, txn: Txn) {
        self.txns.push(txn);
        self.stamp = None;
    }

    /// What a server that is damaged announces differs from what it has.
    fn position(&self, told: &Round, place: usize) -> Zxid {
        let stamp = self.stamp.filter(|_| told.tells_stamp[place]);
        if told.is_damaged[place] { Zxid::NOTHING } else { stamp.unwrap_or(self.last()) }
    }

    /// TRUNC: what comes after `last` goes; whether that can be done.
    fn cut_after(&mut self, last: Zxid) -> bool {
        let in_log = self.txns[self.forgotten..].iter().position(|(zxid, _)| *zxid == last);
        let Some(kept) =
            in_log.map(|place| self.forgotten + place + 1).or((last == self.base).then_some(self.forgotten))
        else {
            assert!(self.base > last, "a leader named {last}, which the learner never had");
            return false;
        };
        self.txns.truncate(kept);
        self.stamp = None;
        true
    }

    /// Does what a plan says, and takes at most `limit` transactions before it crashes. `true` if it did not.
    fn follow(&mut self, plan: Plan, leader: &Server, end: Zxid, limit: usize) -> bool {
        match plan.first {
            First::Snap if limit < WHOLE => return false,
            First::Snap => {
                self.txns = leader.up_to(end).to_vec();
                (self.forgotten, self.base, self.stamp) = (self.txns.len(), end, None);
                return true;
            }
            First::Trunc(last) if !self.cut_after(last) => {
                let plan = Plan::for_learner(Zxid::NOTHING, self.features, &leader.history(), end, false);
                return self.follow(plan, leader, end, limit);
            }
            First::Trunc(_) | First::Diff(_) => (),
        }
        let in_log = &leader.up_to(end)[leader.forgotten..];
        let missing = in_log.iter().filter(|(zxid, _)| *zxid > plan.from);
        missing.take(limit).for_each(|txn| self.push(*txn));
        limit == WHOLE
    }

    /// The log begins behind its first `count` transactions, or behind the stamp if there is nothing after that.
    fn forget(&mut self, count: usize) {
        if count < self.forgotten || count == 0 {
            return;
        }
        self.forgotten = count;
        self.base = self.stamp.filter(|_| count == self.txns.len()).unwrap_or(self.txns[count - 1].0.max(self.base));
    }
}

/// Whoever takes this many transactions takes all, and does not crash.
const WHOLE: usize = usize::MAX;

/// What happens in one epoch, to each server by its place.
#[derive(Clone, Debug)]
struct Round {
    is_there: [bool; SERVERS],
    is_damaged: [bool; SERVERS],
    /// Of the history that it is brought, it takes so many transactions before it crashes.
    takes: [usize; SERVERS],
    /// So many transactions are proposed,
    proposed: usize,
    /// and so many of them reach each.
    reached: [usize; SERVERS],
    comes_late: [bool; SERVERS],
    tells_stamp: [bool; SERVERS],
    /// Of what it has and is committed, the share of a quarter that each forgets.
    forgets: [usize; SERVERS],
}

fn round() -> impl Strategy<Value = Round> {
    let is_there = prop::array::uniform5(prop::bool::weighted(0.7));
    let is_damaged = prop::array::uniform5(prop::bool::weighted(0.05));
    let takes = prop::array::uniform5(prop_oneof![3 => Just(WHOLE), 1 => 0..4usize]);
    let reached = prop::array::uniform5(0..5usize);
    let flags = || prop::array::uniform5(any::<bool>());
    let forgets = prop::array::uniform5(prop_oneof![3 => Just(0), 1 => 1..=4usize]);
    let parts = (is_there, is_damaged, takes, 0..5usize, reached, flags(), flags(), forgets);
    parts.prop_map(|(is_there, is_damaged, takes, proposed, reached, comes_late, tells_stamp, forgets)| Round {
        is_there,
        is_damaged,
        takes,
        proposed,
        reached,
        comes_late,
        tells_stamp,
        forgets,
    })
}

struct World {
    servers: Vec<Server>,
    epoch: Epoch,
    /// What no server may lose.
    committed: Vec<Txn>,
    /// So many transactions were ever proposed.
    proposals: usize,
}

impl World {
    fn run(&mut self, round: &Round) {
        let sound = |place: &usize| round.is_there[*place] && !round.is_damaged[*place];
        let voters: Vec<usize> = (0..SERVERS).filter(sound).collect();
        let newest = |place: &usize| (self.servers[*place].current_epoch, self.servers[*place].last());
        let Some(leader) = voters.iter().copied().max_by_key(newest).filter(|_| voters.len() >= QUORUM) else { return };
        self.epoch = self.epoch.next().expect("few epochs");
        self.servers[leader].current_epoch = self.epoch;
        let end = self.servers[leader].last();
        let learners = (0..SERVERS).filter(|place| round.is_there[*place] && *place != leader);
        let learners: Vec<usize> = learners.filter(|place| self.synchronise(*place, leader, end, round)).collect();
        if learners.len() + 1 < QUORUM {
            return;
        }
        self.commit(self.servers[leader].txns.clone());
        self.servers[leader].stamp.get_or_insert(Zxid::start_of(self.epoch));
        self.broadcast(leader, &learners, round);
        for place in (0..SERVERS).filter(|place| round.comes_late[*place] && *place != leader) {
            let end = self.committed.last().map_or(Zxid::ZERO, |(zxid, _)| *zxid).max(self.servers[leader].base);
            self.synchronise(place, leader, end, round);
        }
        for (server, quarters) in self.servers.iter_mut().zip(round.forgets) {
            let known = server.txns.iter().zip(&self.committed).take_while(|(own, committed)| own == committed).count();
            server.forget(known * quarters / 4);
        }
    }

    /// Whether the learner has the leader's history up to `end` then.
    fn synchronise(&mut self, place: usize, leader: usize, end: Zxid, round: &Round) -> bool {
        let leader = self.servers[leader].clone();
        let learner = &mut self.servers[place];
        let position = learner.position(round, place);
        let plan = Plan::for_learner(position, learner.features, &leader.history(), end, false);
        if !learner.follow(plan, &leader, end, round.takes[place]) {
            return false;
        }
        assert_eq!(learner.txns, leader.up_to(end), "{plan:?} for {position} in {:?} up to {end}", leader.history());
        learner.current_epoch = self.epoch;
        true
    }

    fn broadcast(&mut self, leader: usize, learners: &[usize], round: &Round) {
        let begun = self.servers[leader].txns.len();
        for counter in 1..=round.proposed as i64 {
            self.proposals += 1;
            let txn = (Zxid(Zxid::start_of(self.epoch).0 + counter), self.proposals);
            self.servers[leader].push(txn);
        }
        let mut counts: Vec<usize> = Vec::from([round.reached[leader].min(round.proposed)]);
        let all = self.servers[leader].txns.clone();
        for place in learners {
            let count = round.reached[*place].min(round.proposed);
            all[begun..begun + count].iter().for_each(|txn| self.servers[*place].push(*txn));
            counts.push(count);
        }
        counts.sort_unstable_by(|one, other| other.cmp(one));
        self.commit(all[..begun + counts[QUORUM - 1]].to_vec());
    }

    fn commit(&mut self, txns: Vec<Txn>) {
        assert!(txns.starts_with(&self.committed), "the model itself lost what was committed");
        self.committed = txns;
    }
}

proptest! {
    #[test]
    fn who_does_what_the_plan_says_has_what_the_leader_has(
        rounds in prop::collection::vec(round(), 1..24),
        exact in prop::array::uniform5(prop::bool::weighted(0.7)),
    ) {
        let features = |exact| if exact { Features::EXACT_TRUNC } else { Features::default() };
        let servers = exact.map(|exact| Server::new(features(exact))).to_vec();
        let mut world = World { servers, epoch: Epoch(0), committed: Vec::new(), proposals: 0 };
        rounds.iter().for_each(|round| world.run(round));
    }
}

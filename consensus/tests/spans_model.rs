//! The commit rule over changing configurations, against its definition for each single proposal.

use std::collections::BTreeMap;
use std::sync::Arc;

use paddock_consensus::config::{Config, HostPort, Member, PeerAddress, PeerType};
use paddock_consensus::quorum::QuorumSystem;
use paddock_consensus::{Epoch, ServerId, Spans, Zxid};
use proptest::prelude::*;

const SERVERS: i64 = 6;
const EPOCH: Epoch = Epoch(4);

fn zxid(counter: i64) -> Zxid {
    Zxid(Zxid::start_of(EPOCH).0 + counter)
}

fn config(version: Zxid, voters: &[i64]) -> Arc<Config> {
    config_with(version, voters, &[])
}

fn config_with(version: Zxid, voters: &[i64], observers: &[i64]) -> Arc<Config> {
    let at = |port| HostPort { host: "h".into(), port };
    let addresses = vec![PeerAddress { quorum: at(2888), election: at(3888) }];
    let member =
        |id: &i64, peer_type| (ServerId(*id), Member { peer_type, addresses: addresses.clone(), client: None });
    let participants = voters.iter().map(|id| member(id, PeerType::Participant));
    let members = participants.chain(observers.iter().map(|id| member(id, PeerType::Observer))).collect();
    let quorum = QuorumSystem::Majority(voters.iter().map(|id| ServerId(*id)).collect());
    Arc::new(Config::new(version, members, quorum))
}

/// Whether so many of those who vote in `former` observe in `config` that the others are no quorum.
fn observing_leave_no_quorum(former: &Config, config: &Config) -> bool {
    let observes = |voter: &ServerId| config.members().get(voter).is_some_and(|m| m.peer_type == PeerType::Observer);
    let voters: Vec<ServerId> = former.quorum().voters().collect();
    voters.iter().filter(|voter| !observes(voter)).count() * 2 <= voters.len()
}

fn reached(of: &[(i64, i64)]) -> impl Fn(ServerId) -> Option<Zxid> {
    let of: BTreeMap<i64, i64> = of.iter().copied().collect();
    move |server| of.get(&server.0).map(|counter| zxid(*counter))
}

/// All are ZooKeeper's.
fn nobody(_: ServerId) -> bool {
    false
}

/// All are Paddocks.
fn everybody(_: ServerId) -> bool {
    true
}

#[test]
fn a_quorum_commits_and_nobody_else_is_counted() {
    let mut spans = Spans::begin(Zxid(7), config(Zxid(0), &[1, 2, 3]));
    assert_eq!((spans.committed(), spans.proposed()), (Zxid(7), Zxid(7)));
    assert_eq!(spans.committable(reached(&[(1, 9), (2, 9), (3, 9)]), nobody), Zxid(7), "nothing is proposed");
    (1..=5).for_each(|counter| spans.propose(zxid(counter), None));
    assert_eq!(spans.committable(reached(&[(1, 5), (4, 5), (5, 5)]), nobody), Zxid(7));
    assert_eq!(
        spans.committable(reached(&[(1, 5), (2, 0)]), nobody),
        Zxid(7),
        "the beginning of the epoch is no proposal"
    );
    assert_eq!(spans.committable(reached(&[(1, 5), (2, 3), (3, 2)]), nobody), zxid(3));
    assert_eq!(spans.commit(zxid(3)), None);
    assert_eq!(spans.committable(reached(&[(1, 5), (2, 3), (3, 2)]), nobody), zxid(3));
    assert_eq!(spans.committable(reached(&[(1, 5)]), nobody), zxid(3), "what is committed stays so");
    assert_eq!(spans.committable(reached(&[(1, 9), (2, 9)]), nobody), zxid(5));
}

#[test]
fn a_reconfiguration_needs_a_quorum_of_both_and_what_is_proposed_meanwhile_too() {
    let new = config_with(zxid(2), &[3, 4, 5], &[1, 2]);
    let mut spans = Spans::begin(Zxid(0), config(Zxid(0), &[1, 2, 3]));
    spans.propose(zxid(1), None);
    spans.propose(zxid(2), Some(new.clone()));
    spans.propose(zxid(3), None);
    assert_eq!(spans.pending(), Some(zxid(2)));
    let old_only = [(1, 3), (2, 3), (3, 3)];
    assert_eq!(spans.committable(reached(&old_only), nobody), zxid(1), "before the change the old one alone counts");
    assert_eq!(spans.committable(reached(&[(3, 3), (4, 3), (5, 3)]), nobody), Zxid(0));
    let both = [(1, 3), (3, 3), (4, 3)];
    assert_eq!(spans.committable(reached(&both), nobody), zxid(2), "the change comes first, by itself");
    assert_eq!(spans.commit(zxid(2)), Some(new));
    assert_eq!(spans.pending(), None);
    assert_eq!(spans.committable(reached(&old_only), nobody), zxid(2), "the old one counts no more");
    let new_only = [(4, 3), (5, 3)];
    assert_eq!(spans.committable(reached(&new_only), nobody), zxid(2), "ZooKeeper may lead with the old one");
    assert_eq!(spans.committable(reached(&new_only), |voter| voter.0 != 1), zxid(2), "one is enough for that");
    assert_eq!(
        spans.committable(reached(&new_only), everybody),
        zxid(3),
        "perhaps nobody is left of it to acknowledge"
    );
    assert!(!spans.are_enough(|voter| voter.0 > 3, nobody) && spans.are_enough(|voter| voter.0 > 3, everybody));
    spans.propose(zxid(4), None);
    assert_eq!(spans.committable(reached(&[(4, 4), (5, 4)]), nobody), zxid(2));
    assert_eq!(spans.committable(reached(&[(1, 3), (3, 3), (4, 4), (5, 4)]), nobody), zxid(4));
    assert_eq!(spans.commit(zxid(3)), None);
    assert_eq!(spans.committable(reached(&[(3, 4), (4, 4)]), nobody), zxid(4));
}

#[test]
fn where_the_former_quorum_can_come_it_has_what_was_proposed_meanwhile_too() {
    let mut spans = Spans::begin(Zxid(0), config(Zxid(0), &[1]));
    spans.propose(zxid(1), Some(config(zxid(1), &[1, 2, 3])));
    spans.propose(zxid(2), None);
    let without_1 = [(1, 1), (2, 2), (3, 2)];
    assert_eq!(spans.committable(reached(&without_1), everybody), zxid(1));
    spans.commit(zxid(1));
    assert_eq!(spans.committable(reached(&without_1), everybody), zxid(1), "1 alone may lead if it hears no more");
    assert_eq!(spans.committable(reached(&[(1, 2), (2, 2)]), everybody), zxid(2));
    spans.propose(zxid(3), None);
    assert_eq!(spans.committable(reached(&[(1, 2), (2, 3), (3, 3)]), everybody), zxid(3), "nobody has that unheard");
}

#[test]
#[should_panic(expected = "one reconfiguration after the other")]
fn a_second_reconfiguration_waits() {
    let mut spans = Spans::begin(Zxid(0), config(Zxid(0), &[1]));
    spans.propose(zxid(1), Some(config(zxid(1), &[1, 2])));
    spans.propose(zxid(2), Some(config(zxid(2), &[1, 2, 3])));
}

#[test]
#[should_panic(expected = "a reconfiguration before")]
fn nothing_is_committed_over_a_reconfiguration() {
    let mut spans = Spans::begin(Zxid(0), config(Zxid(0), &[1]));
    spans.propose(zxid(1), Some(config(zxid(1), &[1, 2])));
    spans.propose(zxid(2), None);
    spans.commit(zxid(2));
}

#[derive(Clone, Debug)]
enum Step {
    Propose,
    /// The voters of the configuration to come, as bits, and those of all others who observe.
    Reconfigure(u8, u8),
    /// A server has more of what is proposed, this share of it in sixteenths.
    Reach(i64, i64),
    /// So much of what can be committed is, in sixteenths.
    Commit(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Propose),
        1 => (1u8..1 << SERVERS, prop_oneof![Just(0), Just(u8::MAX), 0..u8::MAX]).prop_map(|(v, o)| Step::Reconfigure(v, o)),
        6 => (0..SERVERS, 0..=16i64).prop_map(|(server, share)| Step::Reach(server, share)),
        3 => (0..=16i64).prop_map(Step::Commit),
    ]
}

/// The definition: every proposal has the configuration that applied when it was made, and a reconfiguration its own.
struct Model {
    /// By counter, beginning with 1: the configurations in which it needs a quorum.
    proposals: Vec<Vec<Arc<Config>>>,
    /// Of what was proposed while a reconfiguration was pending, the configuration before that.
    former: BTreeMap<i64, Arc<Config>>,
    /// The configuration that was in force when the last reconfiguration was proposed.
    before: Arc<Config>,
    /// The servers that are Paddocks, as bits.
    paddocks: u8,
    applicable: Arc<Config>,
    pending: Option<i64>,
    committed: i64,
    reached: BTreeMap<i64, i64>,
}

impl Model {
    fn reached(&self, server: ServerId) -> Option<Zxid> {
        self.reached.get(&server.0).map(|counter| zxid(*counter))
    }

    fn is_paddock(&self, server: ServerId) -> bool {
        self.paddocks & 1 << server.0 != 0
    }

    fn committable(&self) -> i64 {
        let has_quorum = |counter: i64| {
            let configs = &self.proposals[counter as usize - 1];
            let has = |server: ServerId| self.reached.get(&server.0).is_some_and(|reached| *reached >= counter);
            let former = self.former.get(&counter).filter(|former| {
                let mut voters = configs.iter().chain([*former]).flat_map(|config| config.quorum().voters());
                !voters.all(|voter| self.is_paddock(voter)) || !observing_leave_no_quorum(former, &configs[0])
            });
            configs.iter().chain(former).all(|config| config.quorum().is_quorum(has))
        };
        let last = self.pending.unwrap_or(self.proposals.len() as i64);
        (self.committed + 1..=last).take_while(|counter| has_quorum(*counter)).last().unwrap_or(self.committed)
    }

    fn propose(&mut self, change: Option<Arc<Config>>) -> Zxid {
        let mut configs = vec![self.applicable.clone()];
        if self.pending.is_some() {
            self.former.insert(self.proposals.len() as i64 + 1, self.before.clone());
        }
        if let Some(change) = change {
            self.before = self.applicable.clone();
            self.pending = Some(self.proposals.len() as i64 + 1);
            self.applicable = change.clone();
            configs.push(change);
        }
        self.proposals.push(configs);
        zxid(self.proposals.len() as i64)
    }

    fn commit(&mut self, counter: i64) -> Option<Arc<Config>> {
        self.committed = counter;
        self.pending.take_if(|pending| *pending == counter)?;
        Some(self.applicable.clone())
    }

    fn step(&mut self, spans: &mut Spans, step: &Step) {
        match *step {
            Step::Reconfigure(voters, observers) if self.pending.is_none() => {
                let of = |bits: u8| (0..SERVERS).filter(|server| bits & 1 << server != 0).collect::<Vec<i64>>();
                let change = config_with(zxid(self.proposals.len() as i64 + 1), &of(voters), &of(observers & !voters));
                spans.propose(self.propose(Some(change.clone())), Some(change));
            }
            Step::Propose | Step::Reconfigure(..) => spans.propose(self.propose(None), None),
            Step::Reach(server, share) => {
                let counter = self.proposals.len() as i64 * share / 16;
                let reached = self.reached.entry(server).or_insert(counter);
                *reached = counter.max(*reached);
            }
            Step::Commit(share) => {
                let counter = self.committed + (self.committable() - self.committed) * share / 16;
                if counter > 0 {
                    assert_eq!(spans.commit(zxid(counter)), self.commit(counter));
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn what_may_be_committed_is_what_the_rule_says_of_each_proposal(
        voters in 1u8..1 << SERVERS,
        paddocks in prop_oneof![Just(u8::MAX), 0u8..1 << SERVERS],
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let voters: Vec<i64> = (0..SERVERS).filter(|server| voters & 1 << server != 0).collect();
        let first = config(Zxid(0), &voters);
        let mut spans = Spans::begin(zxid(0), first.clone());
        let (proposals, reached) = (Vec::new(), BTreeMap::new());
        let mut model = Model {
            proposals,
            former: BTreeMap::new(),
            before: first.clone(),
            paddocks,
            applicable: first,
            pending: None,
            committed: 0,
            reached,
        };
        for step in &steps {
            model.step(&mut spans, step);
            let committable = spans.committable(|server| model.reached(server), |server| model.is_paddock(server));
            prop_assert_eq!(committable, zxid(model.committable()));
            prop_assert_eq!(spans.committed(), zxid(model.committed));
            prop_assert_eq!(spans.proposed(), zxid(model.proposals.len() as i64));
            prop_assert_eq!(spans.pending(), model.pending.map(zxid));
        }
    }
}

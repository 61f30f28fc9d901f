//! What quorums and votes promise, whatever the voters, groups and weights.

use std::collections::BTreeMap;

use paddock_consensus::quorum::{GroupId, QuorumSystem, Share};
use paddock_consensus::vote::Vote;
use paddock_consensus::{ServerId, Zxid};
use proptest::prelude::*;

/// Servers are 0 and up to this, so that a set of them is the bits of a number, and all sets can be tried.
const SERVERS: i64 = 7;

fn is_in(set: u32, server: ServerId) -> bool {
    set & (1 << server.0) != 0
}

fn sets() -> impl Iterator<Item = u32> {
    0..1 << SERVERS
}

fn majority() -> impl Strategy<Value = QuorumSystem> {
    prop::collection::btree_set((0..SERVERS).prop_map(ServerId), 0..=SERVERS as usize).prop_map(QuorumSystem::Majority)
}

/// Groups without any weight and voters without any are frequent.
fn hierarchical() -> impl Strategy<Value = QuorumSystem> {
    let share = (1..4i64, prop_oneof![2 => Just(0), 3 => Just(1), 2 => 2..6u32]);
    let share = share.prop_map(|(group, weight)| Share { group: GroupId(group), weight });
    let shares = prop::collection::btree_map((0..SERVERS).prop_map(ServerId), share, 0..=SERVERS as usize);
    shares.prop_map(QuorumSystem::Hierarchical)
}

fn quorum_system() -> impl Strategy<Value = QuorumSystem> {
    prop_oneof![majority(), hierarchical()]
}

/// Of the rule's words: more than half of the voters; or of the groups that have weight more than half, each with more than
/// half of its weight.
fn is_quorum_by_definition(system: &QuorumSystem, set: u32) -> bool {
    match system {
        QuorumSystem::Majority(voters) => 2 * voters.iter().filter(|voter| is_in(set, **voter)).count() > voters.len(),
        QuorumSystem::Hierarchical(shares) => {
            let mut groups: BTreeMap<i64, Vec<(ServerId, u32)>> = BTreeMap::new();
            for (voter, share) in shares {
                groups.entry(share.group.0).or_default().push((*voter, share.weight));
            }
            groups.retain(|_, voters| voters.iter().any(|(_, weight)| *weight > 0));
            let weight = |voters: &Vec<(ServerId, u32)>| voters.iter().map(|(_, weight)| *weight).sum::<u32>();
            let counted = |voters: &Vec<(ServerId, u32)>| {
                voters.iter().filter(|(voter, _)| is_in(set, *voter)).map(|(_, weight)| *weight).sum::<u32>()
            };
            2 * groups.values().filter(|voters| 2 * counted(voters) > weight(voters)).count() > groups.len()
        }
    }
}

fn is_quorum(system: &QuorumSystem, set: u32) -> bool {
    system.is_quorum(|server| is_in(set, server))
}

fn zxid() -> impl Strategy<Value = Option<Zxid>> {
    let signed = prop_oneof![4 => 0..4i64, 1 => Just(-1), 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    prop::option::of(signed.prop_map(Zxid))
}

fn vote() -> impl Strategy<Value = Vote> {
    let signed = || prop_oneof![-1..3i64, Just(i64::MIN), Just(i64::MAX)];
    let parts = (signed(), signed(), signed());
    parts.prop_map(|(peer_epoch, zxid, leader)| Vote { leader: ServerId(leader), zxid: Zxid(zxid), peer_epoch })
}

#[test]
fn weights_count_within_their_group_and_groups_without_weight_not_at_all() {
    let shares = [(1, 1, 1), (2, 1, 1), (3, 1, 3), (4, 2, 1), (5, 3, 0), (6, 3, 0)];
    let share = |(server, group, weight)| (ServerId(server), Share { group: GroupId(group), weight });
    let system = QuorumSystem::Hierarchical(shares.map(share).into());
    let is_quorum = |servers: &[i64]| system.is_quorum(|server| servers.contains(&server.0));
    assert!(is_quorum(&[3, 4]));
    assert!(!is_quorum(&[1, 2, 4]), "two of five in the first group");
    assert!(!is_quorum(&[1, 2, 3]), "one group of the two that have weight");
    assert!(!is_quorum(&[3, 5, 6]), "nor does a group without weight help");
    assert_eq!([1, 3, 5, 9].map(|server| system.weight(ServerId(server))), [1, 3, 0, 0]);
}

#[test]
fn nothing_is_a_quorum_where_nobody_has_weight() {
    let shares = [1, 2].map(|server| (ServerId(server), Share { group: GroupId(1), weight: 0 }));
    for system in [QuorumSystem::Hierarchical(shares.into()), QuorumSystem::Majority([].into())] {
        assert!(!system.is_quorum(|_| true));
        assert_eq!(system.reach(|_| Some(Zxid(1))), None);
    }
}

#[test]
fn an_oracle_speaks_for_one_of_two_voters_and_for_nobody_else() {
    let of = |voters: &[i64]| QuorumSystem::Majority(voters.iter().copied().map(ServerId).collect());
    let is_quorum = |voters: &[i64], counted: &[i64]| {
        [false, true].map(|granted| of(voters).is_quorum_by(granted, |server| counted.contains(&server.0)))
    };
    assert_eq!(is_quorum(&[1, 2], &[1]), [false, true]);
    assert_eq!(is_quorum(&[1, 2], &[1, 2]), [true, true]);
    assert_eq!(is_quorum(&[1, 2], &[]), [false, false], "somebody has to be there");
    assert_eq!(is_quorum(&[1, 2], &[3]), [false, false], "an observer is nobody");
    assert_eq!(is_quorum(&[1, 2, 3], &[1]), [false, false]);
    assert_eq!(is_quorum(&[1], &[]), [false, false]);
    let share = |(server, weight)| (ServerId(server), Share { group: GroupId(1), weight });
    let weights = QuorumSystem::Hierarchical([(1, 1), (2, 0)].map(share).into());
    assert!(!weights.is_quorum_by(true, |server| server.0 == 2), "nor is one without weight");

    let reached = |server: ServerId| (server.0 == 1).then_some(Zxid(7));
    assert_eq!([false, true].map(|granted| of(&[1, 2]).reach_by(granted, reached)), [None, Some(Zxid(7))]);
    assert_eq!(of(&[1, 2, 3]).reach_by(true, reached), None);
    let reached = |server: ServerId| Some(Zxid(server.0));
    assert_eq!(of(&[1, 2]).reach_by(true, reached), Some(Zxid(2)));
}

proptest! {
    #[test]
    fn a_quorum_is_what_the_rule_says(system in quorum_system()) {
        for set in sets() {
            prop_assert_eq!(is_quorum(&system, set), is_quorum_by_definition(&system, set), "{:b}", set);
        }
    }

    #[test]
    fn two_quorums_of_one_configuration_have_a_voter_with_weight_in_common(system in quorum_system()) {
        let quorums: Vec<u32> = sets().filter(|set| is_quorum(&system, *set)).collect();
        let weighty = (0..SERVERS).filter(|server| system.weight(ServerId(*server)) > 0);
        let weighty = weighty.fold(0, |set, server| set | 1 << server);
        for one in &quorums {
            prop_assert!(quorums.iter().all(|other| one & other & weighty != 0), "{:b}", one);
        }
    }

    /// While a change is pending whatever is decided needs a quorum of both configurations: it meets what was decided under the
    /// old one alone before, and what is decided under the new one alone afterwards.
    #[test]
    fn a_quorum_of_both_configurations_meets_every_quorum_of_each(old in quorum_system(), new in quorum_system()) {
        let both = sets().filter(|set| is_quorum(&old, *set) && is_quorum(&new, *set));
        let either: Vec<u32> = sets().filter(|set| is_quorum(&old, *set) || is_quorum(&new, *set)).collect();
        for joint in both {
            prop_assert!(either.iter().all(|other| joint & other != 0), "{:b}", joint);
        }
    }

    #[test]
    fn who_is_added_never_unmakes_a_quorum(system in quorum_system()) {
        for set in sets().filter(|set| is_quorum(&system, *set)) {
            prop_assert!((0..SERVERS).all(|added| is_quorum(&system, set | 1 << added)));
        }
    }

    #[test]
    fn reach_is_the_highest_zxid_that_a_quorum_has_reached(
        system in quorum_system(),
        reached in prop::collection::vec(zxid(), SERVERS as usize),
    ) {
        let of = |server: ServerId| reached[server.0 as usize];
        let has_quorum = |zxid: Zxid| system.is_quorum(|server| of(server).is_some_and(|reached| reached >= zxid));
        let slow = (0..SERVERS).filter_map(|server| of(ServerId(server))).filter(|zxid| has_quorum(*zxid)).max();
        prop_assert_eq!(system.reach(of), slow);
        if let Some(zxid) = slow.and_then(|zxid| zxid.0.checked_add(1)) {
            prop_assert!(!has_quorum(Zxid(zxid)));
        }
    }

    #[test]
    fn votes_have_one_order(one in vote(), two in vote(), three in vote()) {
        prop_assert_eq!(one.cmp(&two), two.cmp(&one).reverse());
        prop_assert_eq!(one == two, one.cmp(&two).is_eq());
        prop_assert!(!(one <= two && two <= three) || one <= three);
        prop_assert!(Vote::LEAST <= one);
        let by_epoch_first = (one.peer_epoch, one.zxid.0, one.leader.0).cmp(&(two.peer_epoch, two.zxid.0, two.leader.0));
        prop_assert_eq!(one.cmp(&two), by_epoch_first);
    }
}

//! How servers are cut off from each other.
use paddock_tests::ensemble::Ensemble;
use paddock_tests::network::{Cut, Loss};
use paddock_tests::random::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Partition {
    /// The leader, and as many followers as are a minority with it, are cut off from the others.
    LeaderInMinority,
    /// The same, and each side is told at once that it cannot reach the other.
    LeaderRefused,
    /// Nothing that the leader sends arrives.
    LeaderUnheard,
    /// Nothing arrives that is sent to the leader.
    LeaderDeaf,
    /// The same, and whoever sends it is told at once. The leader is told nothing, so that there is another one for a while
    /// before it gives up.
    LeaderForsaken,
    /// Two sides are cut off from each other, and one server sees both. With it the leader's side is a quorum.
    Bridge,
    /// The leader is cut off for a second, and again and again after another one.
    Flapping,
    /// The leader stands still for twice the timeout of sessions.
    LeaderPaused,
    /// As many followers as the others can do without are cut off.
    FollowersCut,
    /// The observers are cut off.
    ObserversCut,
}

pub const PARTITIONS: [Partition; 10] = [
    Partition::LeaderInMinority,
    Partition::LeaderRefused,
    Partition::LeaderUnheard,
    Partition::LeaderDeaf,
    Partition::LeaderForsaken,
    Partition::Bridge,
    Partition::Flapping,
    Partition::LeaderPaused,
    Partition::FollowersCut,
    Partition::ObserversCut,
];

/// What a partition comes to in one ensemble.
#[derive(Debug)]
pub struct Plan {
    pub cuts: Vec<Cut>,
    /// The places of servers that serve while it lasts.
    pub serving: Vec<usize>,
}

impl Partition {
    /// Whether the leader is without a quorum for so long that there is another one, in every ensemble.
    pub fn ends_reign(self) -> bool {
        use Partition::{LeaderDeaf, LeaderForsaken, LeaderInMinority, LeaderPaused, LeaderRefused, LeaderUnheard};
        matches!(self, LeaderInMinority | LeaderRefused | LeaderUnheard | LeaderDeaf | LeaderForsaken | LeaderPaused)
    }

    /// Whether there can be such in this ensemble.
    pub fn is_possible(self, ensemble: &Ensemble) -> bool {
        self != Partition::ObserversCut || ensemble.voters() != ensemble.places()
    }

    pub fn plan(self, ensemble: &Ensemble, leader: usize, random: &mut Random) -> Plan {
        let voters = ensemble.voters();
        let minority = (voters.len() - 1) / 2;
        let first = random.below(voters.len());
        let followers =
            || (0..voters.len()).map(|place| (first + place) % voters.len()).filter(|place| *place != leader);
        let with_leader = |count: usize| std::iter::once(leader).chain(followers()).take(count).collect();
        let side: Vec<usize> = match self {
            Partition::LeaderInMinority | Partition::LeaderRefused => with_leader(minority),
            Partition::Bridge => with_leader(minority + random.below(voters.len() - 1 - minority)),
            Partition::FollowersCut => followers().take(minority).collect(),
            Partition::ObserversCut => others(&ensemble.places(), &voters),
            Partition::LeaderUnheard
            | Partition::LeaderDeaf
            | Partition::LeaderForsaken
            | Partition::Flapping
            | Partition::LeaderPaused => vec![leader],
        };
        let rest = others(&ensemble.places(), &side);
        let out = |loss| cuts(&side, &rest, loss);
        let back = |loss| cuts(&rest, &side, loss);
        match self {
            Partition::LeaderRefused => both(out(Loss::Refused), back(Loss::Refused), rest),
            Partition::LeaderUnheard => Plan { cuts: out(Loss::Silent), serving: rest },
            Partition::LeaderDeaf => Plan { cuts: back(Loss::Silent), serving: rest },
            Partition::LeaderForsaken => Plan { cuts: back(Loss::Refused), serving: rest },
            Partition::LeaderPaused => Plan { cuts: Vec::new(), serving: rest },
            Partition::Bridge => bridge(&side, &rest, &voters),
            Partition::LeaderInMinority | Partition::Flapping | Partition::FollowersCut | Partition::ObserversCut => {
                both(out(Loss::Silent), back(Loss::Silent), rest)
            }
        }
    }
}

fn both(out: Vec<Cut>, back: Vec<Cut>, serving: Vec<usize>) -> Plan {
    Plan { cuts: [out, back].concat(), serving }
}

/// The side of the leader and the voters of the rest are cut off from each other, but for one of the rest.
fn bridge(side: &[usize], rest: &[usize], voters: &[usize]) -> Plan {
    let (between, far) = rest.split_first().expect("the leader's side has not all");
    let far: Vec<usize> = far.iter().copied().filter(|place| voters.contains(place)).collect();
    let serving = side.iter().chain([between]).copied().collect();
    both(cuts(side, &far, Loss::Silent), cuts(&far, side, Loss::Silent), serving)
}

fn others(all: &[usize], without: &[usize]) -> Vec<usize> {
    all.iter().copied().filter(|place| !without.contains(place)).collect()
}

fn cuts(from: &[usize], to: &[usize], loss: Loss) -> Vec<Cut> {
    from.iter().flat_map(|&from| to.iter().map(move |&to| Cut { from, to, loss })).collect()
}

#[test]
fn a_bridge_leaves_one_server_that_sees_all() {
    let Plan { cuts, serving } = bridge(&[2, 4], &[0, 1, 3], &[0, 1, 2, 3, 4]);
    assert_eq!((cuts.len(), serving), (8, vec![2, 4, 0]));
    assert!(cuts.iter().all(|cut| cut.from != 0 && cut.to != 0));
    let Plan { cuts, serving } = bridge(&[2], &[0, 1, 3], &[0, 1, 2]);
    assert_eq!((cuts.len(), serving), (2, vec![2, 0]));
}

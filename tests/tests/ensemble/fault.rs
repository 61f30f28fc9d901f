//! What happens to servers in the middle of the load, and how they come back.
use crate::clients::{Reader, may_end};
use crate::rounds::Scene;
use paddock_history::Event;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::random::Random;
use paddock_tests::server::{DEADLINE, poll_until};
use std::time::Duration;

/// Acknowledgements that the others give, at most, before a server comes back.
const MEANWHILE_MAX: usize = 300;
/// One time in this many, servers that were killed are killed again while they recover, this soon after their start at most.
const KILLED_AGAIN_ONE_IN: usize = 4;
const RECOVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// As many servers as the others can do without die, the leader among them.
    LeaderKilled,
    /// The same without the leader.
    FollowersKilled,
    /// The same, and they lose all that they have on disk.
    FollowersWiped,
    /// Nobody is left.
    AllKilled,
    /// The followers die, and the leader when it has taken requests that nobody else will ever see. The followers come back
    /// without it; what it has more than they goes when it comes back, too.
    LeaderAhead,
    /// The leader ends in order.
    LeaderTerminated,
    /// The leader stands still until another leads, and then goes on.
    LeaderPaused,
}

/// How often each of them comes.
pub const FAULTS: [Fault; 10] = [
    Fault::LeaderKilled,
    Fault::LeaderKilled,
    Fault::FollowersKilled,
    Fault::FollowersKilled,
    Fault::FollowersWiped,
    Fault::AllKilled,
    Fault::LeaderAhead,
    Fault::LeaderTerminated,
    Fault::LeaderTerminated,
    Fault::LeaderPaused,
];

impl Fault {
    /// Whether a leader begins to lead after this.
    pub fn ends_reign(self) -> bool {
        !matches!(self, Fault::FollowersKilled | Fault::FollowersWiped)
    }

    /// Lets it happen. Afterwards all servers run. Gives what was seen of a leader that stood still.
    pub fn strike(self, scene: Scene<'_>) -> Vec<Event> {
        let meanwhile = 1 + scene.random.below(MEANWHILE_MAX);
        if self == Fault::LeaderPaused {
            return pause(scene, meanwhile);
        }
        let Scene { ensemble, leader, random, load, .. } = scene;
        let victims = self.victims(ensemble, leader, random);
        let others: Vec<usize> = ensemble.places().into_iter().filter(|place| !victims.contains(place)).collect();
        match self {
            Fault::LeaderTerminated => ensemble.server(leader).terminate_in_peace(),
            Fault::LeaderAhead => leave_ahead(ensemble, leader, &others),
            _ => ensemble.kill(&victims),
        }
        if self == Fault::FollowersWiped {
            victims.iter().for_each(|&place| ensemble.wipe(place));
        }
        // Where nobody waits for another leader, the one that comes back may be the next.
        if !others.is_empty() && (self == Fault::LeaderAhead || random.one_in(2)) {
            ensemble.wait_for_leader(&others);
            load.wait_for(meanwhile);
        }
        start(ensemble, &victims, random);
        Vec::new()
    }

    fn victims(self, ensemble: &Ensemble, leader: usize, random: &mut Random) -> Vec<usize> {
        let places = ensemble.places();
        // Fewer than half.
        let most = (places.len() - 1) / 2;
        let first = random.below(places.len());
        let followers = (0..places.len()).map(|place| (first + place) % places.len()).filter(|place| *place != leader);
        match self {
            Fault::AllKilled => places,
            Fault::LeaderKilled => std::iter::once(leader).chain(followers).take(most).collect(),
            Fault::FollowersKilled | Fault::FollowersWiped => followers.take(most).collect(),
            Fault::LeaderAhead | Fault::LeaderTerminated | Fault::LeaderPaused => vec![leader],
        }
    }
}

/// Kills the followers, then the leader when requests wait in vain or it has given up, and starts the followers again.
fn leave_ahead(ensemble: &Ensemble, leader: usize, followers: &[usize]) {
    ensemble.kill(followers);
    let server = ensemble.server(leader);
    let is_ahead = || server.told("Outstanding").is_none_or(|count| count != "0").then_some(());
    assert!(poll_until(DEADLINE, is_ahead).is_some(), "nobody asks anything: {}", server.log_tail());
    server.kill();
    followers.iter().for_each(|&place| ensemble.server(place).spawn());
}

/// The leader stands still until another one has acknowledged so much. Who asks the former one then, over a connection from
/// before, is shown that or nothing; the judge is to see it.
fn pause(scene: Scene<'_>, meanwhile: usize) -> Vec<Event> {
    let Scene { ensemble, leader, load, clock, .. } = scene;
    let server = ensemble.server(leader);
    let mut late = Reader::new(&[server.address()], 0, clock);
    server.pause();
    ensemble.wait_for_leader(&ensemble.places().into_iter().filter(|&place| place != leader).collect::<Vec<_>>());
    load.wait_for(meanwhile);
    let asked = late.ask();
    server.resume();
    if let Err(error) = asked.and_then(|()| late.hear()) {
        assert!(may_end(&error), "a reader who asked late: {error}");
    }
    late.into_events()
}

/// Starts servers that were killed or have ended, one of them perhaps twice.
fn start(ensemble: &Ensemble, victims: &[usize], random: &mut Random) {
    for &place in victims {
        ensemble.server(place).spawn();
    }
    if random.one_in(KILLED_AGAIN_ONE_IN) {
        let again = ensemble.server(*random.pick(victims));
        let soon = RECOVERY.mul_f64(random.below(100) as f64 / 100.0);
        assert!(poll_until(soon, || again.exit_status()).is_none(), "it ended by itself: {}", again.log_tail());
        again.kill();
        again.spawn();
    }
}

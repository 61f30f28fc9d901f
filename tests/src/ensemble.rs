//! Several servers that are one ensemble, each a process under full control.
use crate::network::Network;
use crate::server::{DEADLINE, Server, Setup, error_of, free_port, poll_every};
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

/// Between two times that all servers are asked what they are.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A server is named by its place, counted from 0: that of place 0 is `server.1`.
#[derive(Debug)]
pub struct Ensemble {
    servers: Vec<Server>,
    /// How many of them vote: the first ones. The others are observers.
    voters: usize,
    /// Behind the servers, which end first.
    network: Option<Network>,
}

impl Ensemble {
    /// Starts so many servers on empty data directories, and waits until they have a leader. `setup` has what all of them
    /// have in zoo.cfg.
    pub fn start(setup: Setup, count: usize) -> Ensemble {
        Ensemble::begin(vec![setup; count], count, None)
    }

    /// The same with so many observers besides.
    pub fn start_with_observers(setup: Setup, voters: usize, observers: usize) -> Ensemble {
        Ensemble::begin(vec![setup; voters + observers], voters, None)
    }

    /// The same on a network of their own, with so many observers besides. It can only be had where a test is
    /// [`isolated`](crate::isolated).
    pub fn start_apart(setup: Setup, voters: usize, observers: usize) -> Ensemble {
        let network = Network::new(voters + observers);
        let on = |place| setup.clone().on(network.address(place), network.entrance(place));
        Ensemble::begin((0..voters + observers).map(on).collect(), voters, Some(network))
    }

    fn begin(setups: Vec<Setup>, voters: usize, network: Option<Network>) -> Ensemble {
        let line = |(place, Setup { host, .. }): (usize, &Setup)| {
            let role = if place < voters { "" } else { ":observer" };
            (format!("server.{}", place + 1), format!("{host}:{}:{}{role}", free_port(), free_port()))
        };
        let lines: Vec<(String, String)> = setups.iter().enumerate().map(line).collect();
        let with_lines = |setup: Setup| {
            // No ensemble starts without these.
            let setup = setup.config_by_default("initLimit", "10").config_by_default("syncLimit", "5");
            lines.iter().fold(setup, |setup, (key, line)| setup.config(key, line))
        };
        let servers = setups.into_iter().map(|setup| with_lines(setup).prepare()).collect();
        let ensemble = Ensemble { servers, voters, network };
        for place in ensemble.places() {
            ensemble.furnish(place);
            // Where `db.autocreate` is switched off, this says that the server never had any data.
            fs::write(ensemble.server(place).data_dir().join("initialize"), b"").expect("it is writable");
            ensemble.server(place).spawn();
        }
        ensemble.wait_for_leader(&ensemble.places());
        ensemble
    }

    pub fn server(&self, place: usize) -> &Server {
        &self.servers[place]
    }

    pub fn places(&self) -> Vec<usize> {
        (0..self.servers.len()).collect()
    }

    /// The places of the servers that vote.
    pub fn voters(&self) -> Vec<usize> {
        (0..self.voters).collect()
    }

    /// The one of their own.
    pub fn network(&self) -> &Network {
        self.network.as_ref().expect("these servers are apart")
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(Server::address).collect()
    }

    /// Waits until all of these, which must run, serve clients: one as the leader, whose place this gives, and the others
    /// behind it.
    pub fn wait_for_leader(&self, places: &[usize]) -> usize {
        let found = poll_every(POLL_INTERVAL, DEADLINE, || {
            let modes: Option<Vec<String>> = places.iter().map(|&place| self.servers[place].mode()).collect();
            sole_leader(&modes?).map(|found| places[found])
        });
        found.unwrap_or_else(|| panic!("the servers {places:?} have no leader"))
    }

    /// Panics with the first thing that a server calls an error.
    pub fn assert_no_errors(&self) {
        for place in self.places() {
            let log = self.servers[place].log();
            let error = log.lines().find(|line| error_of(line).is_some());
            assert_eq!(error, None, "the server of place {place}");
        }
    }

    /// Makes the data directory of a server, with nothing in it but who the server is.
    fn furnish(&self, place: usize) {
        let data_dir = self.server(place).data_dir();
        fs::create_dir(&data_dir).expect("the temporary directory is writable");
        fs::write(data_dir.join("myid"), format!("{}\n", place + 1)).expect("it is writable");
    }

    /// Takes from a server, which must not run, all that it has on disk.
    pub fn wipe(&self, place: usize) {
        fs::remove_dir_all(self.server(place).data_dir()).expect("it can be removed");
        self.furnish(place);
    }

    /// Kills all of these, none of them after another has had time to see it.
    pub fn kill(&self, places: &[usize]) {
        std::thread::scope(|scope| {
            for &place in places {
                scope.spawn(move || self.servers[place].kill());
            }
        });
    }
}

/// The place of the one leader, where all others follow or observe.
fn sole_leader(modes: &[String]) -> Option<usize> {
    let leader = modes.iter().position(|mode| mode == "leader")?;
    let learners = modes.iter().filter(|mode| *mode == "follower" || *mode == "observer").count();
    (learners + 1 == modes.len()).then_some(leader)
}

#[test]
fn a_leader_is_one_whom_all_others_follow() {
    let leader = |modes: &[&str]| sole_leader(&modes.iter().map(|mode| mode.to_string()).collect::<Vec<_>>());
    assert_eq!(leader(&["follower", "leader", "follower"]), Some(1));
    assert_eq!(leader(&["leader", "follower", "observer"]), Some(0));
    assert_eq!(leader(&["leader", "leader", "follower"]), None);
    assert_eq!(leader(&["follower", "follower"]), None);
    assert_eq!(leader(&["standalone"]), None);
}

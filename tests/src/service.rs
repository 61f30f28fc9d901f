//! What clients connect to, in each of the shapes in which they know it.
use crate::ensemble::Ensemble;
use crate::server::{Server, Setup};

/// How many servers there are, and which of them clients are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One server that stands alone.
    Alone,
    /// Three servers, and clients know one that follows.
    Follower,
    /// Three servers, and clients know all of them.
    Three,
}

impl Shape {
    /// As `PADDOCK_TEST_SHAPE` says; a server that stands alone, unless it says anything.
    pub fn under_test() -> Shape {
        match std::env::var("PADDOCK_TEST_SHAPE").as_deref() {
            Err(_) => Shape::Alone,
            Ok(name) => Shape::named(name).unwrap_or_else(|| panic!("PADDOCK_TEST_SHAPE={name}: what shape is that?")),
        }
    }

    /// The shape of this name: `alone`, `follower` or `three`.
    pub fn named(name: &str) -> Option<Shape> {
        match name {
            "alone" => Some(Shape::Alone),
            "follower" => Some(Shape::Follower),
            "three" => Some(Shape::Three),
            _ => None,
        }
    }
}

/// The servers of a shape, which run.
#[derive(Debug)]
pub enum Service {
    Alone(Server),
    /// Clients know the server of this place.
    Follower(Ensemble, usize),
    Three(Ensemble),
}

impl Service {
    /// Starts the servers on empty data directories, and waits until they serve.
    pub fn start(setup: Setup, shape: Shape) -> Service {
        let three = |setup: Setup| Ensemble::start(setup.config("initLimit", "10").config("syncLimit", "5"), 3);
        match shape {
            Shape::Alone => Service::Alone(setup.start()),
            Shape::Follower => {
                let ensemble = three(setup);
                let leader = ensemble.wait_for_leader(&ensemble.places());
                let follower = ensemble.places().into_iter().find(|place| *place != leader);
                Service::Follower(ensemble, follower.expect("of three servers two follow"))
            }
            Shape::Three => Service::Three(three(setup)),
        }
    }

    /// What clients are given, `HOST:PORT` of each server, with commas between them.
    pub fn connect_string(&self) -> String {
        match self {
            Service::Alone(server) => server.connect_string(),
            Service::Follower(ensemble, place) => ensemble.server(*place).connect_string(),
            Service::Three(ensemble) => {
                let servers = ensemble.places().into_iter().map(|place| ensemble.server(place).connect_string());
                servers.collect::<Vec<String>>().join(",")
            }
        }
    }

    /// Kills the one server that clients know, or the leader, for which another is elected meanwhile, and starts it again.
    pub fn crash_and_restart(&mut self) {
        match self {
            Service::Alone(server) => {
                server.kill();
                server.restart();
            }
            Service::Follower(ensemble, place) => {
                ensemble.server(*place).kill();
                ensemble.server(*place).spawn();
                ensemble.wait_for_leader(&ensemble.places());
            }
            Service::Three(ensemble) => {
                let places = ensemble.places();
                let leader = ensemble.wait_for_leader(&places);
                ensemble.server(leader).kill();
                let others: Vec<usize> = places.iter().copied().filter(|place| *place != leader).collect();
                ensemble.wait_for_leader(&others);
                ensemble.server(leader).spawn();
                ensemble.wait_for_leader(&places);
            }
        }
    }
}

#[test]
fn shapes_have_names() {
    let named = ["alone", "follower", "three"].map(Shape::named);
    assert_eq!(named, [Some(Shape::Alone), Some(Shape::Follower), Some(Shape::Three)]);
    assert_eq!(Shape::named("four"), None);
}

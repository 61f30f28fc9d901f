//! The same random requests to ZooKeeper and to Paddock; every reply and every event must be the same.
//!
//! One thread drives everything, so the order in which the servers see requests is fixed:
//!
//! ```text
//!   generator --step--> lane 0..LANES, each one client on both servers
//!                         |  flush to ZooKeeper, flush to Paddock, read both until every reply is there
//!                         v
//!                       normal form (session ids, times, order of names) --> compare --> history
//! ```
//!
//! A step is a burst of pipelined requests on one connection, bursts of reads on several at once (reads commute), or
//! something about sessions. A server that has answered a write has queued its events for every connection, so the
//! events of other lanes are compared where they must stand: before the next reply on their own connection. Zxids are
//! compared exactly: both servers start empty and see one and the same order of transactions.
//!
//! `PADDOCK_DIFF_OPS` sets the number of requests, `PADDOCK_DIFF_SEED` repeats a run, and
//! `PADDOCK_TEST_SERVER=zookeeper` puts a second ZooKeeper in Paddock's place, which must show no difference either.
mod acls;
mod damage;
mod driver;
mod generator;
mod lane;
mod multis;
mod normal;
mod paths;
mod quotas;
mod story;
mod versions;
mod watching;

use driver::Driver;
use paddock_tests::random::{Random, number_from_env};
use paddock_tests::server::{Kind, Setup};

/// Of each of the two runs.
const DEFAULT_OPERATIONS: usize = 75_000;

/// Sessions must not expire by the clock, containers must not be removed by it, and nothing is killed here, so that no
/// transaction has another cause than a request, and no write needs to wait for the disk.
fn setup(kind: Kind) -> Setup {
    let setup = match kind {
        Kind::Paddock => Setup::new(kind),
        // It writes a stack trace for every request that cannot be decoded.
        Kind::ZooKeeper => Setup::new(kind).property("org.slf4j.simpleLogger.defaultLogLevel", "off"),
    };
    setup
        .config("minSessionTimeout", "120000")
        .config("maxSessionTimeout", "240000")
        .config("forceSync", "no")
        .config("reconfigEnabled", "true")
        .property("znode.container.checkIntervalMs", "100000000")
        .property("zookeeper.extendedTypesEnabled", "true")
        .property("zookeeper.enforceQuota", "true")
        .property("zookeeper.DigestAuthenticationProvider.superDigest", "super:D/InIHSb7yEEbrWz8b9l71RjZJU=")
}

#[test]
fn replies_and_events_are_those_of_zookeeper() {
    compare("0");
}

#[test]
fn replies_and_events_of_two_reactors_are_those_of_zookeeper() {
    compare("2");
}

fn compare(reactors: &str) {
    let (random, seed) = Random::from_env("PADDOCK_DIFF_SEED");
    let operations = number_from_env("PADDOCK_DIFF_OPS", DEFAULT_OPERATIONS);
    let tested = setup(Kind::under_test()).property("paddock.reactors", reactors);
    let servers = [setup(Kind::ZooKeeper).start(), tested.start()];
    let mut driver = Driver::new(servers, random, seed);
    driver.run(operations);
    eprintln!("{}", driver.summary());
}

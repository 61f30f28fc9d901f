//! Servers of an ensemble die, end, stand still or are cut off in the middle of everything, again and again: what was
//! acknowledged is there, what was not is whole or absent, and all servers show the same.
//!
//! Every round ([`rounds`]), clients on all servers write with many requests on their way, until a random number of
//! acknowledgements has been counted; then a [`Fault`](fault::Fault) comes, or a [`Partition`](partition::Partition). A client
//! that loses its connection goes on with its session on another server at once, after it has compared all that it wrote with
//! what it finds there. When all servers run and hear each other again, all clients compare, and what the servers show is
//! compared. In some rounds there are sessions that do not come back, and their ephemerals must go.
//!
//! What every client has seen in all rounds is judged once more at the end, with the log (`paddock_history`).
//!
//! On one machine the servers share its loopback, or have network namespaces of their own, which is where they can be cut off
//! ([`paddock_tests::network`]). Of partitions it is told besides how long nothing was acknowledged ([`figures`]).
//!
//! ZooKeeper (`PADDOCK_TEST_SERVER=zookeeper`) fails this where a leader stands still: when it goes on it answers a sync before
//! it has learnt that others have another leader, and what is read behind the sync is stale.
//!
//! A leader whose zxids come to their end begins another epoch, and nobody notices ([`renewal`]).
//!
//! Servers that only are to be restarted leave nobody waiting for long ([`restarts`]), also while another one stands still
//! ([`handing_over`]).
//!
//! `PADDOCK_ENSEMBLE_ROUNDS`, `PADDOCK_PARTITION_ROUNDS` and `PADDOCK_RESTART_ROUNDS` set the numbers of rounds, `PADDOCK_ENSEMBLE_SEED` repeats the
//! choices of a run.
mod clients;
mod crashes;
mod crowd;
mod damage;
mod disks;
mod fault;
mod figures;
mod handing_over;
mod load;
#[path = "../crash/logged.rs"]
mod logged;
mod oracle;
mod partition;
mod partitions;
mod renewal;
mod restarts;
mod rounds;
mod setter;
mod space;
mod state;
mod stop;
mod to_come;

use paddock_tests::ensemble::Ensemble;
use paddock_tests::isolated::isolated;
use paddock_tests::random::number_from_env;
use std::sync::Mutex;

const DEFAULT_CRASHES: usize = 30;
/// One round in this many is one of five servers, and again one of servers that have namespaces of their own.
const OTHERWISE_ONE_IN: usize = 6;
/// Each partition once with three servers and an observer, and some of them with five.
const DEFAULT_PARTITIONS: usize = 12;
const PARTITIONS_OF_FIVE_ONE_IN: usize = 5;
/// Rolling restarts of three servers.
const DEFAULT_RESTARTS: usize = 2;

/// One ensemble at a time, so that there is a core for each that needs one.
static ALONE: Mutex<()> = Mutex::new(());

fn alone(work: impl FnOnce()) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    work();
}

/// Crash rounds of which a share is run otherwise than the rest.
fn crash_rounds(is_otherwise: bool) -> usize {
    let all = number_from_env("PADDOCK_ENSEMBLE_ROUNDS", DEFAULT_CRASHES);
    let otherwise = all / OTHERWISE_ONE_IN;
    if is_otherwise { otherwise } else { all - 2 * otherwise }
}

#[test]
fn what_three_servers_acknowledge_survives_whatever_becomes_of_them() {
    alone(|| crashes::run(Ensemble::start(crashes::setup(), 3), crash_rounds(false)));
}

#[test]
fn what_five_servers_acknowledge_survives_whatever_becomes_of_them() {
    alone(|| crashes::run(Ensemble::start(crashes::setup(), 5), crash_rounds(true)));
}

#[test]
fn what_servers_apart_acknowledge_survives_whatever_becomes_of_them() {
    let work = || crashes::run(Ensemble::start_apart(crashes::setup(), 3, 0), crash_rounds(true));
    alone(|| isolated("what_servers_apart_acknowledge_survives_whatever_becomes_of_them", work));
}

/// Partitions of three servers, or of five.
fn partition_rounds(is_of_five: bool) -> usize {
    let all = number_from_env("PADDOCK_PARTITION_ROUNDS", DEFAULT_PARTITIONS);
    let of_five = all / PARTITIONS_OF_FIVE_ONE_IN;
    if is_of_five { of_five } else { all - of_five }
}

#[test]
fn three_servers_and_an_observer_keep_all_promises_through_partitions() {
    let work = || partitions::run(3, 1, partition_rounds(false));
    alone(|| isolated("three_servers_and_an_observer_keep_all_promises_through_partitions", work));
}

#[test]
fn five_servers_keep_all_promises_through_partitions() {
    let work = || partitions::run(5, 0, partition_rounds(true));
    alone(|| isolated("five_servers_keep_all_promises_through_partitions", work));
}

#[test]
fn a_rolling_restart_costs_no_session_and_no_write() {
    alone(|| restarts::run(number_from_env("PADDOCK_RESTART_ROUNDS", DEFAULT_RESTARTS)));
}

#[test]
fn of_two_servers_the_one_goes_on_that_the_oracle_lets() {
    alone(oracle::the_one_goes_on_that_is_let);
}

#[test]
fn of_two_servers_that_are_cut_off_from_each_other_one_serves() {
    let work = oracle::only_one_of_two_serves;
    alone(|| isolated("of_two_servers_that_are_cut_off_from_each_other_one_serves", work));
}

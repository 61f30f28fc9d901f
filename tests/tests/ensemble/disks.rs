//! What becomes of a server's disk: a whole copy takes the place of what it had, or what it promises cannot be written.
use crate::alone;
use crate::crashes::setup;
use paddock_tests::client::Client;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, poll_until};
use std::fs;
use std::time::{Duration, Instant};

/// Writes of which each needs the disk of the server that was brought a copy.
const WRITES: u32 = 60;
/// All of them take less. Where a server does not hear of its own disk it looks at it when something else wakes it, which takes
/// a quarter of a second on average.
const PATIENCE: Duration = Duration::from_secs(8);
/// Of a follower that has a whole copy in a generation of its own.
const GENERATION: &str = "paddock.generation";

/// Once with reactors in threads of their own and once without: a server that is started again has the other number.
#[test]
fn who_has_taken_a_whole_copy_hears_of_its_new_log() {
    if Kind::under_test() == Kind::Paddock {
        alone(write_behind_copies);
    }
}

fn write_behind_copies() {
    // Long ticks, so that few other things wake a server; and a thread that writes the log, since whoever waits is interrupted by
    // a write of its own ring.
    let setup = setup().config("tickTime", "4000").config("maxSessionTimeout", "400000");
    let setup = setup.property("paddock.io.method", "thread");
    let ensemble = Ensemble::start(setup, 3);
    for round in 0..2 {
        let leader = ensemble.wait_for_leader(&ensemble.places());
        let [copied, other] = [1, 2].map(|next| (leader + next) % 3);
        ensemble.server(copied).kill();
        ensemble.wipe(copied);
        ensemble.server(copied).spawn();
        ensemble.wait_for_leader(&ensemble.places());
        assert!(ensemble.server(copied).data_dir().join(GENERATION).exists(), "it was brought no copy");
        ensemble.server(other).kill();
        let mut client = Client::connect(ensemble.server(leader).address(), 100_000).expect("the leader serves");
        let path = format!("/round-{round}");
        client.ok(&Request::create(&path, b"", flags::PERSISTENT));
        let began = Instant::now();
        for _ in 0..WRITES {
            client.ok(&Request::set_data(&path, b"both have it", -1));
        }
        let taken = began.elapsed();
        eprintln!("{WRITES} writes took {taken:?}");
        assert!(taken < PATIENCE, "{taken:?}: the server of place {copied} does not hear of its disk");
        ensemble.server(other).spawn();
    }
    ensemble.wait_for_leader(&ensemble.places());
    ensemble.assert_no_errors();
}

#[test]
fn who_cannot_write_what_it_promises_ends_and_says_why() {
    if Kind::under_test() == Kind::Paddock {
        alone(fail_to_promise);
    }
}

fn fail_to_promise() {
    let ensemble = Ensemble::start(setup(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.places());
    let [failing, other] = [1, 2].map(|next| (leader + next) % 3);
    // The file is written beside, under this name, which is taken.
    let taken = ensemble.server(failing).data_dir().join("acceptedEpoch.tmp");
    fs::create_dir(&taken).expect("the directory is the test's own");
    ensemble.server(leader).terminate_in_peace();
    let status = poll_until(DEADLINE, || ensemble.server(failing).exit_status()).expect("it goes on");
    assert_eq!(status.code(), Some(1));
    let log = ensemble.server(failing).log();
    let last = log.lines().last().expect("it says something");
    let why = "what this server has promised the others cannot be written to its dataDir, so that it has no part in the \
               ensemble any more; see to the disk and start it again";
    assert!(last.ends_with(why) && last.contains("ERROR"), "{last}");
    assert!(log.contains("acceptedEpoch"), "{log}");
    // The others go on without it, and it with them when its disk is seen to.
    ensemble.server(leader).spawn();
    ensemble.wait_for_leader(&[leader, other]);
    ensemble.server(failing).kill();
    fs::remove_dir(&taken).expect("it is there");
    ensemble.server(failing).spawn();
    ensemble.wait_for_leader(&ensemble.places());
}

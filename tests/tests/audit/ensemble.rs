//! Who tells what in an ensemble.
use crate::told::{file, lines, server_user, setup, text};
use paddock_tests::client::Client;
use paddock_tests::ensemble::Ensemble;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, poll_until};

const TIMEOUT_MS: i32 = 60_000;

/// What a server tells, as soon as it tells of the end of a session.
fn told(ensemble: &Ensemble, place: usize) -> Vec<String> {
    let is_end = |line: &String| line.contains("operation=ephemeralZNodeDeletionOnSessionCloseOrExpire");
    let told = poll_until(DEADLINE, || {
        let told = lines(&text(&file(ensemble.server(place))));
        told.iter().any(is_end).then_some(told)
    });
    told.unwrap_or_else(|| panic!("the server of place {place} tells of no end of a session"))
}

fn asked_at(ensemble: &Ensemble, place: usize) {
    let mut client = Client::connect(ensemble.server(place).address(), TIMEOUT_MS).expect("it serves");
    client.ok(&Request::create("/e", b"", flags::EPHEMERAL));
    assert_ne!(client.code(&Request::create("/e", b"", flags::PERSISTENT)), 0);
    client.ok(&Request::multi(vec![
        Request::create("/m", b"", flags::PERSISTENT),
        Request::set_data("/m", b"other", -1),
        Request::delete("/m", -1),
    ]));
    client.ok(&Request::sync("/"));
    client.ok(&Request::close());
}

/// The server that the client is connected to tells of requests, and every server of the ephemerals that go.
fn tells_at(choose: impl FnOnce(usize, usize) -> usize) {
    let ensemble = Ensemble::start(setup(Kind::Paddock), 3);
    let places = ensemble.places();
    let leader = ensemble.wait_for_leader(&places);
    let follower = places.iter().copied().find(|place| *place != leader).expect("there are three");
    let asked = choose(leader, follower);
    asked_at(&ensemble, asked);
    let user = server_user();
    let operation = "ephemeralZNodeDeletionOnSessionCloseOrExpire";
    let gone = format!("INFO session=0 user={user} operation={operation} znode=/e result=success");
    let start = format!("INFO user={user} operation=serverStart result=success");
    let who = "session=0 user=127.0.0.1 ip=127.0.0.1";
    let requests = [
        format!("INFO {who} operation=create znode=/e znode_type=ephemeral result=success"),
        format!("ERROR {who} operation=create znode=/e znode_type=persistent result=failure"),
        format!("INFO {who} operation=create znode=/m znode_type=persistent result=success"),
        format!("INFO {who} operation=setData znode=/m result=success"),
        format!("INFO {who} operation=delete znode=/m result=success"),
    ];
    for place in places {
        let requests = if place == asked { &requests[..] } else { &[] };
        let expected: Vec<&String> = [&start].into_iter().chain(requests).chain([&gone]).collect();
        assert_eq!(told(&ensemble, place).iter().collect::<Vec<_>>(), expected, "place {place}, asked at {asked}");
    }
}

#[test]
fn requests_are_told_by_the_follower_whose_client_asks() {
    tells_at(|_, follower| follower);
}

#[test]
fn requests_are_told_by_the_leader_whose_client_asks() {
    tells_at(|leader, _| leader);
}

/// A start does not tell again what it replays.
#[test]
fn what_was_told_is_not_told_again_after_a_restart() {
    let mut server = setup(Kind::Paddock).start();
    let mut client = Client::connect(server.address(), TIMEOUT_MS).expect("it serves");
    client.ok(&Request::create("/e", b"", flags::EPHEMERAL));
    client.ok(&Request::close());
    let gone = "ephemeralZNodeDeletionOnSessionCloseOrExpire";
    assert!(poll_until(DEADLINE, || text(&file(&server)).contains(gone).then_some(())).is_some());
    server.kill();
    server.restart();
    server.terminate_in_peace();
    let told = lines(&text(&file(&server)));
    assert_eq!(told.iter().filter(|line| line.contains(gone)).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|line| line.contains("serverStart")).count(), 2, "{told:?}");
}

/// A session that expires takes its ephemerals with it as one that is closed does.
#[test]
fn ephemerals_of_a_session_that_expires_are_told() {
    let server = setup(Kind::Paddock).config("tickTime", "100").start();
    let mut client = Client::connect(server.address(), 200).expect("it serves");
    client.ok(&Request::create("/e", b"", flags::EPHEMERAL));
    drop(client);
    let gone = "operation=ephemeralZNodeDeletionOnSessionCloseOrExpire znode=/e result=success";
    let is_told = || lines(&text(&file(&server))).iter().any(|line| line.ends_with(gone)).then_some(());
    assert!(poll_until(DEADLINE, is_told).is_some(), "{}", text(&file(&server)));
}

//! Ports that move to where somebody else is, and by name.

use super::{Admin, joining};
use crate::ensemble::{Ensemble, PARTICIPANT};
use paddock_tests::client::Client;
use paddock_tests::server::{DEADLINE, Kind, four_letter_word, free_port, poll_until};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

/// The line of a server whose clients connect elsewhere.
fn moved(ensemble: &Ensemble, id: u32, client: &str) -> String {
    let line = ensemble.line(id, PARTICIPANT);
    format!("{};{client}", line.split_once(';').expect("it says where clients connect").0)
}

fn assert_takes_clients(at: SocketAddr) {
    assert!(poll_until(DEADLINE, || Client::connect(at, 30_000).ok()).is_some(), "nobody takes clients at {at}");
}

/// A follower, and the leader. A ZooKeeper closes its former port, and takes no clients until it is told of another one.
#[test]
fn a_port_that_is_taken_is_told_and_had_when_it_is_free() {
    let ensemble = Ensemble::start(Kind::Paddock, 3);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    for (id, by) in [(leader % 3 + 1, leader), (leader, leader % 3 + 1)] {
        let former = ensemble.server(id).address();
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).expect("it was free");
        let address = taken.local_addr().expect("it is bound");
        let mut master = Admin::master(&ensemble, &[by]);
        let config = master.change(&joining(&[moved(&ensemble, id, &address.to_string())]));
        let said =
            format!("cannot listen on {address}, where the ensemble's configuration has this server for clients");
        let told = poll_until(DEADLINE, || ensemble.server(id).log().contains(&said).then_some(()));
        assert!(told.is_some(), "it does not say {said:?}; its log ends:\n{}", ensemble.server(id).log_tail());
        // Whoever does not know better is served where it was.
        ensemble.wait_for_config(&[id], &config);
        ensemble.assert_serves(&ensemble.ids(), &format!("taken-{id}"));

        drop(taken);
        assert_takes_clients(address);
        let gone = poll_until(DEADLINE, || TcpStream::connect(former).is_err().then_some(()));
        assert!(gone.is_some(), "somebody listens at {former}");
        master.change(&joining(&[ensemble.line(id, PARTICIPANT)]));
        ensemble.wait_for(id);
        ensemble.assert_serves(&ensemble.ids(), &format!("back-{id}"));
    }
}

#[test]
fn a_port_may_be_given_with_the_name_of_a_host_and_alone() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let mut master = Admin::master(&ensemble, &[leader]);
    let (id, port) = (leader % 3 + 1, free_port());
    for (client, shown) in
        [(format!("localhost:{port}"), format!("localhost:{port}")), (port.to_string(), format!("0.0.0.0:{port}"))]
    {
        let config = master.change(&joining(&[moved(&ensemble, id, &client)]));
        assert!(config.contains(&moved(&ensemble, id, &shown)), "{config}");
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_takes_clients(at);
        let conf = four_letter_word(at, "conf", DEADLINE).expect("it answers");
        assert!(conf.contains(&format!("clientPort={port}\n")), "{conf}");
    }
    let config = master.change(&joining(&[ensemble.line(id, PARTICIPANT)]));
    ensemble.wait_for_config(&ensemble.ids(), &config);
    ensemble.assert_serves(&ensemble.ids(), "back");
    ensemble.assert_content();
}

/// A follower, and the leader, has ports for the other servers that somebody else has. The others serve, and it does with them
/// when it has its ports.
#[test]
fn ports_for_other_servers_that_are_taken_are_told_and_had_when_they_are_free() {
    let ensemble = Ensemble::start(Kind::Paddock, 3);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    for id in [leader % 3 + 1, leader] {
        let by = id % 3 + 1;
        let others: Vec<u32> = ensemble.ids().into_iter().filter(|other| *other != id).collect();
        let taken = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).expect("it was free"));
        let [quorum, election] = taken.each_ref().map(|taken| taken.local_addr().expect("it is bound").port());
        let client = ensemble.server(id).address();
        let line = format!("server.{id}=127.0.0.1:{quorum}:{election}:participant;{client}");
        let config = Admin::master(&ensemble, &[by]).change(&joining(&[line]));
        ensemble.wait_for_config(&others, &config);
        let said = format!("127.0.0.1:{election} cannot be opened, so that no server can connect there");
        let told = poll_until(DEADLINE, || ensemble.server(id).log().contains(&said).then_some(()));
        assert!(told.is_some(), "it does not say {said:?}; its log ends:\n{}", ensemble.server(id).log_tail());
        ensemble.assert_serves(&others, &format!("taken-{id}"));

        drop(taken);
        ensemble.wait_for_config(&[id], &config);
        // Without it no other one serves.
        ensemble.server(by).kill();
        let rest: Vec<u32> = ensemble.ids().into_iter().filter(|other| *other != by).collect();
        ensemble.wait_for_leader(&rest);
        ensemble.assert_serves(&rest, &format!("free-{id}"));
        ensemble.server(by).spawn();
        ensemble.wait_for(by);
    }
    ensemble.assert_serves(&ensemble.ids(), "all");
}

/// No name service knows the host yet that clients are to connect to.
#[test]
fn a_host_that_is_not_known_is_told_and_listened_on_when_it_is() {
    const NAMES: [&str; 6] = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT];
    const MOUNT: &str =
        "mount --bind resolv.conf /etc/resolv.conf && mount --bind hosts /etc/hosts && exec \"$0\" \"$@\"";
    let mut ensemble = Ensemble::with(&[]);
    let ids: Vec<u32> = (1..=3).map(|id| ensemble.prepare(id, Kind::Paddock)).collect();
    let list: Vec<String> = ids.iter().map(|id| ensemble.line(*id, PARTICIPANT)).collect();
    let beside = |name: &str| ensemble.server(1).config_path().with_file_name(name);
    // Nobody answers there, which is known at once.
    fs::write(beside("resolv.conf"), "nameserver 127.0.0.1\n").expect("it is writable");
    fs::write(beside("hosts"), "127.0.0.1 localhost\n").expect("it is writable");
    ensemble.list(1, &list);
    ensemble.server(1).spawn_behind(&NAMES);
    ids[1..].iter().for_each(|id| ensemble.spawn(*id, &list));
    ids.iter().for_each(|id| drop(ensemble.wait_for(*id)));

    let port = free_port();
    let moved = moved(&ensemble, 1, &format!("late.invalid:{port}"));
    let config = Admin::master(&ensemble, &[2]).change(&joining(&[moved]));
    let told = || ensemble.server(1).log().contains("the host late.invalid, where the ensemble's configuration has");
    let said = poll_until(DEADLINE, || told().then_some(()));
    assert!(said.is_some(), "it does not say so; its log ends:\n{}", ensemble.server(1).log_tail());
    ensemble.wait_for_config(&ids, &config);
    fs::write(beside("hosts"), "127.0.0.1 localhost late.invalid\n").expect("it is writable");
    assert_takes_clients(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let said = ensemble.server(1).log().matches("the host late.invalid").count();
    assert_eq!(said, 1, "{}", ensemble.server(1).log_tail());
}

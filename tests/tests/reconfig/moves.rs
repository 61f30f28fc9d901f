//! Ports that move.

use crate::ensemble::{Ensemble, PARTICIPANT, joining, reconfigure};
use paddock_tests::client::Client;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{DEADLINE, Kind, four_letter_word, free_port, poll_until};
use std::net::{SocketAddr, TcpStream};

#[test]
fn clients_find_a_server_where_it_has_moved_and_those_who_are_there_stay() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    for id in [leader, leader % 3 + 1] {
        let mut there = ensemble.connect(id);
        let (before, port) = (ensemble.server(id).address(), free_port());
        let line = ensemble.line(id, PARTICIPANT);
        let moved = line.rsplit_once(':').map(|(rest, _)| format!("{rest}:{port}")).expect("it has a port");
        let config = reconfigure(&mut ensemble.master(id), &joining(&[moved]));
        let now = SocketAddr::new(before.ip(), port);
        let mut client = poll_until(DEADLINE, || Client::connect(now, 30_000).ok()).expect("it listens there");
        assert!(config.contains(&format!(":{port}\n")) || config.contains(&format!(":{port}")), "{config}");
        client.ok(&Request::create(&format!("/moved-{id}"), b"", flags::PERSISTENT));
        there.ok(&Request::create(&format!("/stayed-{id}"), b"", flags::PERSISTENT));
        let gone = poll_until(DEADLINE, || TcpStream::connect(before).is_err().then_some(()));
        assert!(gone.is_some(), "nobody listens at {before}");
        let conf = four_letter_word(now, "conf", DEADLINE).expect("it answers");
        assert!(conf.contains(&format!("clientPort={port}\n")), "{conf}");
        // Back, so that the ensemble's servers are where it knows them.
        drop(there);
        client.ok(&Request::auth("digest", crate::ensemble::SUPER));
        reconfigure(&mut client, &joining(&[line]));
        ensemble.wait_for(id);
    }
    ensemble.assert_serves(&ensemble.ids(), "moved-back");
    ensemble.assert_content();
}

#[test]
fn servers_find_one_where_it_has_moved() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    // A follower, and then the leader, which is none any more when others are to find it elsewhere.
    for id in [leader % 3 + 1, leader] {
        let client = ensemble.server(id).address();
        let moved = format!("server.{id}=127.0.0.1:{}:{}:participant;{client}", free_port(), free_port());
        let config = reconfigure(&mut ensemble.master(id), &joining(&[moved]));
        ensemble.wait_for_config(&ensemble.ids(), &config);
        ensemble.wait_for_leader(&ensemble.ids());
        ensemble.assert_serves(&ensemble.ids(), &format!("moved-{id}"));
    }
    // Each of them is needed by one other, whichever leads.
    for id in ensemble.ids() {
        ensemble.server(id).terminate();
        let rest: Vec<u32> = ensemble.ids().into_iter().filter(|other| *other != id).collect();
        ensemble.wait_for_leader(&rest);
        ensemble.assert_serves(&rest, &format!("without-{id}"));
        ensemble.server(id).spawn();
        ensemble.wait_for(id);
    }
    ensemble.assert_content();
}

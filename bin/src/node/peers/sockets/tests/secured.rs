//! Streams whose two sides make sure of each other, by quorum SASL.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use paddock_consensus::settings::Ms;
use paddock_net::peer::quorum_auth::{QuorumAuthPacket, Status};

use super::{Node, at, free_port, resolve, settings};
use crate::config::{QuorumSasl, QuorumSecurity};
use crate::node::peers::links::{Introduced, Links as _, Port, StreamEvent, Written};
use crate::node::peers::sockets::{SecuringMax, Security, SocketSettings};
use crate::node::peers::strangers::UNKNOWN_LINKS;

/// The initial message of server 3, as an old one writes it.
const THREE: &[u8] = b"\0\0\0\0\0\0\0\x03";

/// DIGEST-MD5 with this password.
fn security(name: &str, password: &str, (learner_requires, server_requires): (bool, bool)) -> Security {
    let module = "org.apache.zookeeper.server.auth.DigestLoginModule required";
    let text = format!(
        "QuorumServer {{ {module} user_zk=\"{password}\"; }}; QuorumLearner {{ {module} username=\"zk\" password=\"{password}\"; }};"
    );
    let jaas = std::env::temp_dir().join(format!("paddock-secured-{name}-{}", std::process::id()));
    std::fs::write(&jaas, text).unwrap();
    let sasl = QuorumSasl {
        learner_requires,
        server_requires,
        learner_context: "QuorumLearner".into(),
        server_context: "QuorumServer".into(),
        service_principal: "zkquorum/localhost".into(),
        jaas: jaas.clone(),
        is_fips: false,
    };
    let loaded = Security::load(&QuorumSecurity { sasl: Some(sasl), ..QuorumSecurity::default() }, &|_| None);
    std::fs::remove_file(jaas).unwrap();
    loaded.unwrap()
}

/// With both ports open.
fn node(election: u16, quorum: u16, security: Security, securing_max: Ms) -> Node {
    let settings = SocketSettings {
        quorum: vec![at(quorum)],
        security,
        securing_max: SecuringMax { election: securing_max, quorum: securing_max },
        ..settings(at(election))
    };
    let mut node = Node::with(&settings, Arc::new(resolve));
    node.links.listen(Port::Election, true);
    node.links.listen(Port::Quorum, true);
    node
}

const LONG: Ms = Ms(60_000);

/// Turns of both until one of them tells something.
fn either(one: &mut Node, other: &mut Node) -> (Option<StreamEvent>, Option<StreamEvent>) {
    loop {
        let events = (one.links.poll(), other.links.poll());
        if events.0.is_some() || events.1.is_some() {
            return events;
        }
        for node in [&mut *one, &mut *other] {
            let now = node.thread.sleep(std::time::Duration::from_millis(1), || (node.links.has_more(), None));
            node.links.begin_turn(now).unwrap();
        }
    }
}

#[test]
fn a_learner_is_told_of_as_connected_when_both_know_each_other() {
    let [quorum, other_quorum, election, other_election] = [(); 4].map(|()| free_port());
    let mut one = node(election, quorum, security("one", "hush", (true, true)), LONG);
    let mut other = node(other_election, other_quorum, security("other", "hush", (true, true)), LONG);
    let here = one.links.connect(Port::Quorum, &[at(other_quorum)], &[]);
    let mut there = None;
    let mut is_connected = false;
    while there.is_none() || !is_connected {
        let (of_one, of_other) = either(&mut one, &mut other);
        is_connected |= of_one == Some(StreamEvent::Connected(here));
        if let Some(StreamEvent::Accepted { port: Port::Quorum, stream, .. }) = of_other {
            there = Some(stream);
        }
    }
    assert_eq!(one.links.write(here, b"words"), Written::Bytes(5));
    assert_eq!(other.read(there.unwrap(), 5), b"words");
}

#[test]
fn at_the_election_port_the_initial_message_stands_before_and_is_read_behind() {
    let [quorum, other_quorum, election, other_election] = [(); 4].map(|()| free_port());
    let mut one = node(election, quorum, security("first", "hush", (true, true)), LONG);
    let mut other = node(other_election, other_quorum, security("second", "hush", (true, true)), LONG);
    let here = one.links.connect(Port::Election, &[at(other_election)], &[]);
    while either(&mut one, &mut other).0 != Some(StreamEvent::Connected(here)) {}
    assert_eq!(one.links.introduce(here, THREE), Introduced::Awaited);
    let (mut there, mut is_introduced) = (None, false);
    while there.is_none() || !is_introduced {
        let (of_one, of_other) = either(&mut one, &mut other);
        is_introduced |= of_one == Some(StreamEvent::Introduced(here));
        if let Some(StreamEvent::Accepted { port: Port::Election, stream, .. }) = of_other {
            there = Some(stream);
        }
    }
    let there = there.unwrap();
    assert_eq!(other.read(there, THREE.len()), THREE);
    assert_eq!(one.links.write(here, b"behind"), Written::Bytes(6));
    assert_eq!(other.read(there, 6), b"behind");
}

#[test]
fn with_another_password_a_learner_is_refused_and_nobody_is_accepted() {
    let [quorum, other_quorum, election, other_election] = [(); 4].map(|()| free_port());
    let mut one = node(election, quorum, security("wrong", "guess", (true, true)), LONG);
    let mut other = node(other_election, other_quorum, security("right", "hush", (true, true)), LONG);
    let here = one.links.connect(Port::Quorum, &[at(other_quorum)], &[]);
    let (of_one, of_other) = either(&mut one, &mut other);
    assert_eq!((of_one, of_other), (Some(StreamEvent::Refused(here)), None));
}

#[test]
fn who_does_not_authenticate_is_taken_only_where_that_is_not_required() {
    for required in [false, true] {
        let [quorum, election] = [(); 2].map(|()| free_port());
        let mut node = node(election, quorum, security("plain", "hush", (true, required)), LONG);
        node.turn().unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", election)).unwrap();
        // A server that rings has nothing else to say.
        stream.write_all(THREE).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        if required {
            let ended = std::thread::spawn(move || stream.read_to_end(&mut Vec::new()));
            while !ended.is_finished() {
                let now = node.thread.sleep(std::time::Duration::from_millis(1), || (false, None));
                node.links.begin_turn(now).unwrap();
                assert_eq!(node.links.poll(), None);
            }
        } else {
            let accepted = node.accepted();
            assert_eq!(node.read_end(accepted), THREE);
        }
    }
}

#[test]
fn strangers_too_many_and_too_late_are_closed_and_told_of_to_nobody() {
    let [quorum, election] = [(); 2].map(|()| free_port());
    let mut node = node(election, quorum, security("strange", "hush", (true, true)), Ms(300));
    node.turn().unwrap();
    let mut packet = THREE.to_vec();
    QuorumAuthPacket { status: Status::InProgress, token: Some(&[7; 100]) }.write(&mut packet);
    let streams: Vec<TcpStream> = (0..UNKNOWN_LINKS + 10)
        .map(|number| {
            let mut stream = TcpStream::connect(("127.0.0.1", election)).unwrap();
            // Nothing, a part of who it is, or of a packet.
            stream.write_all(&packet[..number % (packet.len() - 1)]).unwrap();
            stream
        })
        .collect();
    let mut closed_early = false;
    while !node.links.securing.is_empty() || !closed_early {
        node.turn().unwrap();
        assert_eq!(node.links.poll(), None);
        assert!(node.links.securing.len() <= UNKNOWN_LINKS);
        closed_early |= node.links.securing.len() == UNKNOWN_LINKS;
    }
    for mut stream in streams {
        // All of them are closed, whichever way.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(node.links.streams.is_empty());
}

#[test]
fn a_stream_that_is_given_up_while_it_is_secured_is_told_of_no_more() {
    let [quorum, election, silent] = [(); 3].map(|()| free_port());
    let listener = std::net::TcpListener::bind(("127.0.0.1", silent)).unwrap();
    let mut node = node(election, quorum, security("given-up", "hush", (true, true)), LONG);
    let stream = node.links.connect(Port::Quorum, &[at(silent)], &[]);
    while node.links.securing.is_empty() {
        node.turn().unwrap();
    }
    node.links.close(stream);
    assert!(node.links.securing.is_empty() && node.links.poll().is_none());
    let mut said = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut said).unwrap();
    // It was sent the first packet at most.
    assert!(said.len() <= 16, "{said:?}");
}

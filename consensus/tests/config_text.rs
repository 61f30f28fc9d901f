//! The text of a configuration: what ZooKeeper's own classes make of a text, and whatever is written is read back.

use std::collections::BTreeMap;

use paddock_consensus::config::{Config, HostPort, Member, PeerAddress, PeerType};
use paddock_consensus::quorum::{GroupId, QuorumSystem, Share};
use paddock_consensus::{ServerId, Zxid};
use proptest::prelude::*;

/// Each pair is what `QuorumMaj` or `QuorumHierarchical` of ZooKeeper 3.8.0 makes of a text.
#[test]
fn texts_are_written_as_zookeeper_writes_them() {
    let fourteen: String = (1..=14).map(|place| format!("server.{}=h{place}:1:2;3\n", place * 7)).collect();
    let by_bucket = [98, 35, 70, 7, 42, 77, 14, 49, 84, 21, 56, 91, 28, 63];
    let line = |server: &i32| format!("server.{server}=h{}:1:2:participant;0.0.0.0:3\n", server / 7);
    let fourteen_written: String = by_bucket.iter().map(line).collect::<String>() + "version=0";
    for (read, written) in [
        (
            "# a comment\n! another\nserver.2=b:3:4|[2001:DB8::00a]:5:6|10.0.0.1:7:8;[::]:2181\n\nserver.1=a:1:2\n \
             server.100 = [::ffff:1.2.3.4]:1:2;host:3\nserver.4294967303=h:1:2:OBSERVER\nserver.327688=h:1:2\n\
             server.16=[::1]:1:2:observer;2181\nserver.9223372036854775798=h:1:2\nversion=100000000a\n",
            "server.16=[0:0:0:0:0:0:0:1]:1:2:observer;0.0.0.0:2181\nserver.1=a:1:2:participant\n\
             server.2=10.0.0.1:7:8|[2001:db8:0:0:0:0:0:a]:5:6|b:3:4:participant;[0:0:0:0:0:0:0:0]:2181\n\
             server.100=1.2.3.4:1:2:participant;host:3\nserver.4294967303=h:1:2:observer\n\
             server.9223372036854775798=h:1:2:participant\nserver.327688=h:1:2:participant\nversion=100000000a",
        ),
        (&fourteen, &fourteen_written),
        (
            "server.1=h:1:2\nserver.2=h:1:2\nserver.3=h:1:2\nserver.4=h:1:2\nserver.5=h:1:2:observer\nserver.23=h:1:2\n\
             group.2=3:23:4\ngroup.24=1\ngroup.1=2\nweight.3=0\nweight.23=5\nversion=a",
            "server.1=h:1:2:participant\nserver.2=h:1:2:participant\nserver.3=h:1:2:participant\n\
             server.4=h:1:2:participant\nserver.5=h:1:2:observer\nserver.23=h:1:2:participant\n\
             group.1=2\ngroup.2=3:4:23\ngroup.24=1\n\
             weight.1=1\nweight.2=1\nweight.3=0\nweight.4=1\nweight.23=5\nversion=a",
        ),
        ("server.1=h:1:2\nserver.1=g:1:2\n", "server.1=g:1:2:participant\nversion=0"),
    ] {
        let config = Config::parse(read).unwrap_or_else(|error| panic!("{read}: {error}"));
        assert_eq!(config.text(), written);
        assert_eq!(Config::parse(written), Ok(config));
    }
}

#[test]
fn what_a_text_says() {
    let text = "server.1=h:1:2;4\r\nserver.2=h:1:2\r\nserver.3=h:1:2:observer\r\nversion=300000002";
    let config = Config::parse(text).expect("well formed");
    assert_eq!(config.version(), Zxid(0x3_0000_0002));
    assert_eq!(config.quorum(), &QuorumSystem::Majority([1, 2].map(ServerId).into()));
    assert_eq!(config.members()[&ServerId(3)].peer_type, PeerType::Observer);
    assert_eq!(config.members()[&ServerId(1)].client, Some(HostPort { host: "0.0.0.0".into(), port: 4 }));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, message) in [
        ("", "no server is a participant; expected a server.N line of a participant"),
        ("server.1=h:1:2:observer", "no server is a participant; "),
        ("server.1=h:1:2\nserver.x=h:1:2", "line 2: \"x\" is not a server id; expected server.N with a whole number N"),
        ("\n\nserver.1=h:1:x", "line 3: \"x\" is not a port; expected host:quorumPort:electionPort[:role]"),
        ("server.1", "line 1: \"\" lacks a port; "),
        (
            "clientPort=2181",
            "line 1: \"clientPort\" is no key of a configuration; expected server.N, group.N, weight.N or",
        ),
        ("group1=1", "line 1: \"group1\" is no key of a configuration; "),
        ("group.x=1", "line 1: \"x\" is not a group; expected group.N with a whole number N"),
        (
            "group.1=1:x",
            "line 1: \"x\" is not a server id; expected server ids with colons between them, such as 1:2:3",
        ),
        ("group.1=", "line 1: \"\" is not a server id; "),
        ("weight.x=1", "line 1: \"x\" is not a server id; expected weight.N with a whole number N"),
        ("weight.1=-1", "line 1: \"-1\" is not a weight; expected a whole number, 0 or more"),
        ("version=x", "line 1: \"x\" is not a version; expected a zxid in hexadecimal"),
        ("version=-1", "line 1: \"-1\" is not a version; "),
        ("version=8000000000000000", "line 1: \"8000000000000000\" is not a version; "),
        (
            "server.1=h:1:2\ngroup.1=1\nserver.2=h:1:2",
            "line 3: server 2 is in no group; expected each participant in one",
        ),
        ("server.1=h:1:2\nweight.1=1", "line 1: server 1 is in no group; "),
        ("server.1=h:1:2\ngroup.1=1:1", "line 2: server 1 is in a group already; "),
        ("server.1=h:1:2\ngroup.1=1\ngroup.2=1", "line 3: server 1 is in a group already; "),
        ("server.1=h:1:2\ngroup.1=1:2", "line 2: server 2 is in a group and no participant; "),
        ("server.1=h:1:2\nserver.2=h:1:2:observer\ngroup.1=1:2", "line 3: server 2 is in a group and no participant; "),
    ] {
        let error = Config::parse(text).expect_err(text).to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn a_text_is_not_read_without_bound() {
    let servers: String = (0..1025).map(|server| format!("server.{server}=h:1:2\n")).collect();
    let error = Config::parse(&servers).expect_err("many servers").to_string();
    assert_eq!(error, "line 1025: there are more than 1024 servers; expected fewer servers");
    let error = Config::parse(&" ".repeat((512 << 10) + 1)).expect_err("a long text").to_string();
    assert_eq!(error, "the text has 524289 bytes; expected at most 524288");
    let address = |place| format!("[{place:x}::]:1:2");
    let addresses: String = (1..64).map(address).collect::<Vec<_>>().join("|");
    let short: String = (0..600).map(|server| format!("server.{server}={addresses}\n")).collect();
    assert!(short.len() <= 512 << 10);
    let error = Config::parse(&short).expect_err("a text that is long once it is written").to_string();
    assert!(error.starts_with("the text has ") && error.ends_with("; expected at most 524288"), "{error}");
    let longest = format!("server.1=h:1:2\nversion=1{}", " ".repeat((512 << 10) - 24));
    assert_eq!(Config::parse(&longest).map(|config| config.version()), Ok(Zxid(1)));
}

/// Hosts as they are kept: names, and addresses as ZooKeeper writes them.
fn host() -> impl Strategy<Value = Box<str>> {
    let ipv6 = any::<[u16; 8]>().prop_map(|numbers| numbers.map(|number| format!("{number:x}")).join(":"));
    let ipv4 = any::<[u8; 4]>().prop_map(|numbers| numbers.map(|number| number.to_string()).join("."));
    prop_oneof!["[a-z][a-z0-9._-]{0,20}".boxed(), ipv6.boxed(), ipv4.boxed()].prop_map(String::into_boxed_str)
}

fn host_port() -> impl Strategy<Value = HostPort> {
    (host(), any::<u16>()).prop_map(|(host, port)| HostPort { host, port })
}

fn address() -> impl Strategy<Value = PeerAddress> {
    let ports = (any::<u16>(), any::<u16>()).prop_filter("the ports differ", |(quorum, election)| quorum != election);
    (host(), ports).prop_map(|(host, (quorum, election))| PeerAddress {
        quorum: HostPort { host: host.clone(), port: quorum },
        election: HostPort { host, port: election },
    })
}

fn member() -> impl Strategy<Value = Member> {
    let peer_type = prop_oneof![3 => Just(PeerType::Participant), 1 => Just(PeerType::Observer)];
    let addresses = prop::collection::btree_set(address(), 1..4).prop_map(|set| set.into_iter().collect());
    (peer_type, addresses, prop::option::of(host_port())).prop_map(|(peer_type, addresses, client)| Member {
        peer_type,
        addresses,
        client,
    })
}

fn server() -> impl Strategy<Value = ServerId> {
    prop_oneof![3 => 0..20i64, 1 => 0..300i64, 1 => 0..=i64::MAX].prop_map(ServerId)
}

fn config() -> impl Strategy<Value = Config> {
    let members = prop::collection::btree_map(server(), member(), 0..20);
    let shares = prop::option::of((1..4i64, 0..4u32));
    let version = prop_oneof![Just(0), 0..=i64::MAX].prop_map(Zxid);
    (members, server(), member(), shares, version).prop_map(|(mut members, server, mut member, shares, version)| {
        member.peer_type = PeerType::Participant;
        members.insert(server, member);
        Config::new(version, members.clone(), quorum(&members, shares))
    })
}

/// Of all participants: a majority, or groups and weights by the place in the list.
fn quorum(members: &BTreeMap<ServerId, Member>, shares: Option<(i64, u32)>) -> QuorumSystem {
    let voters = members.iter().filter(|(_, member)| member.peer_type == PeerType::Participant);
    let voters = voters.map(|(server, _)| *server);
    let Some((groups, weights)) = shares else { return QuorumSystem::Majority(voters.collect()) };
    let shares = voters.enumerate().map(|(place, server)| {
        let group = GroupId(place as i64 % groups * 16 + place as i64 % 2);
        (server, Share { group, weight: place as u32 % (weights + 1) })
    });
    QuorumSystem::Hierarchical(shares.collect())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(config in config()) {
        prop_assert_eq!(Config::parse(config.text()), Ok(config));
    }

    #[test]
    fn no_text_makes_it_panic_and_what_is_read_is_written_in_one_form(
        lines in prop::collection::vec("(server|group|weight|version)[.=][0-9]{0,2}=[a-z0-9:|;.\\[\\]]{0,30}", 0..5),
    ) {
        let text = lines.join("\n") + "\nserver.1=h:1:2";
        if let Ok(config) = Config::parse(&text) {
            prop_assert_eq!(Config::parse(config.text()), Ok(config));
        }
    }
}

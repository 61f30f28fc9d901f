//! What requests to change an ensemble make of its configuration, or why they are refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use paddock_consensus::config::{Change, Config, Configs, PeerType, Refused};
use paddock_consensus::quorum::QuorumSystem;
use paddock_consensus::{ServerId, Zxid};
use proptest::prelude::*;

const VERSION: Zxid = Zxid(0x3_0000_0007);
const NOTHING: Change<'_> = Change { joining: None, leaving: None, members: None, config_id: -1 };

fn present() -> Configs {
    configs("server.1=a:1:2;3\nserver.2=b:1:2;3\nserver.3=c:1:2:observer;3\nserver.4=d:1:2;3\nversion=100000000")
}

fn configs(text: &str) -> Configs {
    Configs::settled(Arc::new(Config::parse(text).expect("well formed")))
}

fn apply(change: Change<'_>) -> Result<Config, Refused> {
    change.apply(&present(), true, VERSION)
}

fn text(change: Change<'_>) -> String {
    apply(change).unwrap_or_else(|refused| panic!("{change:?}: {refused}")).text().to_owned()
}

#[test]
fn servers_leave_and_join() {
    let [one, two, three, four] = [
        "server.1=a:1:2:participant;0.0.0.0:3\n",
        "server.2=b:1:2:participant;0.0.0.0:3\n",
        "server.3=c:1:2:observer;0.0.0.0:3\n",
        "server.4=d:1:2:participant;0.0.0.0:3\n",
    ];
    let five = "server.5=e:1:2:participant;0.0.0.0:3\n";
    for (leaving, joining, lines) in [
        ("", "", vec![one, two, three, four]),
        ("4", "", vec![one, two, three]),
        (" 4 ,,3,", "", vec![one, two]),
        ("77", "", vec![one, two, three, four]),
        ("", "server.5=e:1:2;3", vec![one, two, three, four, five]),
        ("4,3", " server.5 = e:1:2;3 ,", vec![one, two, five]),
        // Who is there takes its new line, whether it leaves or not; what stands before the number does not matter.
        ("", "server.3=c:1:2;3", vec![one, two, "server.3=c:1:2:participant;0.0.0.0:3\n", four]),
        ("3", "3=c:1:2:observer;3", vec![one, two, three, four]),
        // The address of one who leaves, or moves, is free; those of every machine for itself always are.
        ("4", "server.5=d:1:2;3", vec![one, two, three, "server.5=d:1:2:participant;0.0.0.0:3\n"]),
        (
            "3,4",
            "server.5=e:1:2;[::]:3,server.6=f:1:2;[::]:3",
            vec![
                one,
                two,
                "server.5=e:1:2:participant;[0:0:0:0:0:0:0:0]:3\n",
                "server.6=f:1:2:participant;[0:0:0:0:0:0:0:0]:3\n",
            ],
        ),
        (
            "3,4",
            "server.5=localhost:1:2;3,server.6=LOCALHOST:1:2;3",
            vec![
                one,
                two,
                "server.5=localhost:1:2:participant;0.0.0.0:3\n",
                "server.6=LOCALHOST:1:2:participant;0.0.0.0:3\n",
            ],
        ),
    ] {
        let change = Change { joining: Some(joining), leaving: Some(leaving), ..NOTHING };
        assert_eq!(text(change), lines.concat() + "version=300000007", "{change:?}");
    }
    assert_eq!(text(NOTHING), [one, two, three, four].concat() + "version=300000007");
}

#[test]
fn a_whole_list_takes_the_place_of_the_other() {
    for (members, written) in [
        (
            "server.1=a:1:2,server.7=b:1:2:observer,server.8=b:1:2\nversion=5",
            "server.1=a:1:2:participant\nserver.7=b:1:2:observer\nserver.8=b:1:2:participant\nversion=300000007",
        ),
        (
            "server.1=a:1:2;3,server.2=a:1:2;3,group.1=1:2,weight.2=3",
            "server.1=a:1:2:participant;0.0.0.0:3\nserver.2=a:1:2:participant;0.0.0.0:3\ngroup.1=1:2\n\
             weight.1=1\nweight.2=3\nversion=300000007",
        ),
    ] {
        // Then nothing else counts.
        let change = Change { members: Some(members), joining: Some("?"), leaving: Some("?"), ..NOTHING };
        assert_eq!(text(change), written);
    }
}

#[test]
fn refusals_are_those_of_zookeeper() {
    let joining = |joining| Change { joining: Some(joining), ..NOTHING };
    let leaving = |leaving| Change { leaving: Some(leaving), ..NOTHING };
    let members = |members| Change { members: Some(members), ..NOTHING };
    for change in [
        joining("server.5"),
        joining("server.5=e:1:2;3=4"),
        joining("server.5=e:1:2;3\nserver.6=f:1:2;3"),
        joining("server.5=e:1:2"),
        joining("server.5=e:1;3"),
        joining("server.5=e:1:2:voter;3"),
        joining("server.5=e:1:2;3;4"),
        joining("server.-5=e:1:2;3"),
        // What the one listens on for servers, the other may not listen on for clients.
        joining("server.5=A:1:7;3"),
        joining("server.5=e:1:2;d:2"),
        joining("server.5=e:1:2;3,server.6=e:2:9;3"),
        leaving("1,2"),
        members(""),
        members("server.1=a:1:2"),
        members("server.1=a:1:2,server.2=b:1:2,standaloneEnabled=false"),
        members("server.1=a:1:2,server.2=b:1:2,group.1=1"),
        members("server.1=a:1:2,server.2=b:x:2"),
        members("server.1=a:1:2,server.2=b:9999999999:2"),
        members("server.1=a:1:2,server.2=b:1"),
        joining("server.5=e:1:2:observer:65536;3"),
        joining("server.5=e:x:65536;3"),
        joining("server.5=e:1:65536;e:x"),
    ] {
        assert!(matches!(apply(change), Err(Refused::BadArguments(_))), "{change:?}: {:?}", apply(change));
    }
    for change in [
        joining("server.x=e:1:2;3"),
        joining("server.=e:1:2;3"),
        leaving("server.2"),
        leaving("99999999999999999999"),
        members("server.1=a:1:2,server.two=b:1:2"),
        members("server.1=a:1:2,server.2=b:1:2,group.1=1:b"),
        members("server.1=a:1:2,server.2=b:1:2,weight.1=x"),
        members("server.1=a:1:2,server.2=b:1:2,version=g"),
        members("server.1=a:1:2,server.2=b:1:2:observer"),
        members("server.1=a:1:2:observer,server.2=b:1:2:observer"),
        members("server.1=a:1:2,server.2=b:65536:2"),
        members("server.1=a:1:2,server.2=b:1:-2"),
        members("server.1=a:1:2,server.2=b:1:2|[::1]:1:65536"),
        joining("server.5=e:1:70000;3"),
        joining("server.5=[::1]:1:2;e:70000"),
        joining("server.5=e:1:2;3;70000"),
    ] {
        assert!(matches!(apply(change), Err(Refused::Marshalling(_))), "{change:?}: {:?}", apply(change));
    }
}

#[test]
fn one_that_stands_alone_has_to_be_allowed() {
    let leaving = Change { leaving: Some("2,3,4"), ..NOTHING };
    assert!(matches!(leaving.apply(&present(), true, VERSION), Err(Refused::BadArguments(_))));
    assert_eq!(leaving.apply(&present(), false, VERSION).unwrap().quorum().voters().count(), 1);
    let all = Change { leaving: Some("1,2,3,4"), ..NOTHING };
    assert!(matches!(all.apply(&present(), false, VERSION), Err(Refused::BadArguments(_))));
    // A whole list is read as a file, which needs one then.
    for members in ["", "version=7", "server.1=a:1:2:observer"] {
        let list = Change { members: Some(members), ..NOTHING };
        let refused = list.apply(&present(), false, VERSION);
        assert!(matches!(refused, Err(Refused::Marshalling(_))), "{members:?}: {refused:?}");
    }
}

/// In the order in which they are looked at: each request has whatever is wrong behind it too.
#[test]
fn what_is_wrong_first_is_told() {
    let mut configs = present();
    let wrong = Change { leaving: Some("x"), config_id: 7, ..NOTHING };
    configs.last_seen = Arc::new(configs.last_seen.with_version(Zxid(0x1_0000_0001)));
    assert_eq!(wrong.apply(&configs, true, VERSION), Err(Refused::ReconfigInProgress));
    let there_is = Zxid(0x1_0000_0000);
    assert_eq!(apply(wrong), Err(Refused::BadVersion { there_is }));
    assert!(apply(Change { config_id: there_is.0, leaving: Some("4"), ..NOTHING }).is_ok());
    let groups = self::configs("server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1:2\nversion=1");
    let refused = Change { config_id: 1, ..wrong }.apply(&groups, true, VERSION);
    assert!(matches!(refused, Err(Refused::BadArguments(_))), "{refused:?}");
    let whole = Change { members: Some("server.1=a:1:2,server.2=b:1:2"), ..NOTHING };
    assert!(whole.apply(&groups, true, VERSION).is_ok());
}

/// What others would not read is never made.
#[test]
fn lists_have_bounds() {
    let line = |server| format!("server.{server}=h{server}:1:2;3,");
    let many: String = (10..1030).map(line).collect();
    assert!(apply(Change { joining: Some(&many), ..NOTHING }).is_ok());
    let more: String = many + &line(2000);
    assert!(matches!(apply(Change { joining: Some(&more), ..NOTHING }), Err(Refused::BadArguments(_))));
    let long = format!("server.1=a:1:2,server.2={}:1:2", "b".repeat(512 << 10));
    assert!(matches!(apply(Change { members: Some(&long), ..NOTHING }), Err(Refused::BadArguments(_))));
}

fn piece() -> impl Strategy<Value = String> {
    let words = ["server.1", "server.9", "9", "=", "a:1:2", ":observer", ";3", ",", "\n", "group.1=1:9", "[::1]", ";;"];
    prop_oneof![
        4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        2 => (1..6i64).prop_map(|id| format!("server.{id}=h{id}:1:2;3,")),
        1 => (1..6i64).prop_map(|id| format!("{id},")),
        1 => ".{0,3}",
    ]
}

fn list() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop::collection::vec(piece(), 0..8).prop_map(|pieces| pieces.concat()))
}

proptest! {
    /// Nothing panics, and what is made is a configuration like any other.
    #[test]
    fn whatever_is_asked_for(joining in list(), leaving in list(), members in list(), alone in any::<bool>()) {
        let change = Change {
            joining: joining.as_deref(),
            leaving: leaving.as_deref(),
            members: members.as_deref(),
            config_id: -1,
        };
        if let Ok(config) = change.apply(&present(), !alone, VERSION) {
            prop_assert_eq!(config.version(), VERSION);
            let enough = if alone { 1 } else { 2 };
            prop_assert!(config.quorum().voters().count() >= enough);
            prop_assert_eq!(Config::parse(config.text()), Ok(config));
        }
    }

    /// Who leaves is gone, who joins is there, and nobody else is touched.
    #[test]
    fn an_edit_is_one_of_sets(
        leaving in prop::collection::btree_set(1..8i64, 0..4),
        joining in prop::collection::btree_map(1..8i64, any::<bool>(), 0..4),
    ) {
        let leaves: Vec<String> = leaving.iter().map(i64::to_string).collect();
        let role = |votes: &bool| if *votes { "participant" } else { "observer" };
        let line = |(id, votes): (&i64, &bool)| format!("server.{id}=new{id}:1:2:{};3", role(votes));
        let joins: Vec<String> = joining.iter().map(line).collect();
        let (joins, leaves) = (joins.join(","), leaves.join(","));
        let change = Change { joining: Some(&joins), leaving: Some(&leaves), ..NOTHING };
        let before = present().committed;
        let stay = before.members().keys().map(|id| id.0).filter(|id| !leaving.contains(id));
        let expected: BTreeSet<i64> = stay.chain(joining.keys().copied()).collect();
        let votes = |id: &i64| match joining.get(id) {
            Some(votes) => *votes,
            None => before.members()[&ServerId(*id)].peer_type == PeerType::Participant,
        };
        let voters: BTreeSet<ServerId> = expected.iter().copied().filter(votes).map(ServerId).collect();
        match apply(change) {
            Ok(config) => {
                prop_assert_eq!(config.members().keys().map(|id| id.0).collect::<BTreeSet<_>>(), expected);
                prop_assert_eq!(config.quorum(), &QuorumSystem::Majority(voters));
                for (id, member) in config.members() {
                    let is_new = joining.contains_key(&id.0);
                    prop_assert!(is_new || before.members().get(id) == Some(member));
                }
            }
            Err(refused) => {
                prop_assert!(voters.len() < 2, "{}", refused);
            }
        }
    }
}

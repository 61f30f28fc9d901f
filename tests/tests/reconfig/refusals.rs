//! What is asked for in vain.

use crate::ensemble::{Ensemble, OBSERVER, PARTICIPANT, joining, leaving, members, reconfigure};
use paddock_tests::records::err;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, free_port};

#[test]
fn codes_come_in_the_order_of_zookeeper() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let absent = |id: u32| {
        format!("server.{id}=127.0.0.1:{}:{}:participant;127.0.0.1:{}", free_port(), free_port(), free_port())
    };
    let strangers: Vec<String> = (4..=7).map(absent).collect();
    let list: Vec<String> = (1..=3).map(|id| ensemble.line(id, PARTICIPANT)).collect();
    let observers: Vec<String> = (1..=3).map(|id| ensemble.line(id, OBSERVER)).collect();
    let config_id = |config_id| match leaving(&[3]) {
        Request::Reconfig { joining, leaving, members, .. } => {
            Request::Reconfig { joining, leaving, members, config_id }
        }
        request => request,
    };
    let before = ensemble.config(1);
    for id in ensemble.ids() {
        let (mut client, mut master) = (ensemble.connect(id), ensemble.master(id));
        for (request, code) in [
            (config_id(0x7777), err::BAD_VERSION),
            (joining(&["server.5=127.0.0.1:1:2:participant".to_owned()]), err::BAD_ARGUMENTS),
            (joining(&["server.5".to_owned()]), err::BAD_ARGUMENTS),
            (leaving(&[2, 3]), err::BAD_ARGUMENTS),
            (members(&list[..1], -1), err::BAD_ARGUMENTS),
            (members(&["nonsense=1".to_owned()], -1), err::BAD_ARGUMENTS),
            (members(&[], -1), err::BAD_ARGUMENTS),
            (members(&observers, -1), err::MARSHALLING),
            (members(&["server.1=127.0.0.1:70000:2".to_owned()], -1), err::MARSHALLING),
            (joining(&["server.5=127.0.0.1:1:2;70000".to_owned()]), err::MARSHALLING),
            (leaving(&[1, 2, 3]), err::BAD_ARGUMENTS),
            (joining(&strangers), err::NEW_CONFIG_NO_QUORUM),
        ] {
            assert_eq!(master.code(&request), code, "{request:?} at {id}");
            assert_eq!(client.code(&request), code, "{request:?} of anybody at {id}");
        }
        assert_eq!(client.code(&joining(&[ensemble.line(3, OBSERVER)])), err::NO_AUTH);
    }
    assert_eq!(ensemble.config(1), before);
    ensemble.assert_serves(&ensemble.ids(), "unchanged");
    ensemble.assert_content();
}

/// Where no server stands alone, a list without participants is no list at all.
#[test]
fn a_list_without_participants_is_refused_also_where_one_would_be_enough() {
    let ensemble = Ensemble::with(&[("standaloneEnabled", "false")]).and_start(&[Kind::under_test(); 3]);
    let mut master = ensemble.master(1);
    let observers: Vec<String> = (1..=3).map(|id| ensemble.line(id, OBSERVER)).collect();
    for (request, code) in [
        (members(&[], -1), err::MARSHALLING),
        (members(&observers, -1), err::MARSHALLING),
        (leaving(&[1, 2, 3]), err::BAD_ARGUMENTS),
    ] {
        assert_eq!(master.code(&request), code, "{request:?}");
    }
    ensemble.assert_content();
}

#[test]
fn of_two_at_once_one_is_made() {
    let ensemble = Ensemble::start(Kind::under_test(), 3);
    let leader = ensemble.wait_for_leader(&ensemble.ids());
    let mut master = ensemble.master(leader);
    let list: Vec<String> = (1..=3).map(|id| ensemble.line(id, PARTICIPANT)).collect();
    let request = members(&list, -1);
    for _ in 0..2 {
        master.queue(&request);
    }
    master.flush().expect("it is connected");
    let codes: Vec<i32> = (0..2).map(|_| master.next_reply().expect("an answer").err).collect();
    assert_eq!(codes, [err::OK, err::RECONFIG_IN_PROGRESS]);
    let config = reconfigure(&mut master, &request);
    ensemble.wait_for_config(&ensemble.ids(), &config);
    ensemble.assert_content();
}

#[test]
fn nothing_is_changed_where_that_is_switched_off() {
    let ensemble = Ensemble::with(&[("reconfigEnabled", "false")]).and_start(&[Kind::under_test(); 3]);
    let before = ensemble.config(1);
    for id in ensemble.ids() {
        assert_eq!(ensemble.master(id).code(&leaving(&[3])), err::RECONFIG_DISABLED);
        let text = std::fs::read_to_string(ensemble.server(id).config_path()).expect("it is there");
        assert!(text.contains("server.1=") && !text.contains("dynamicConfigFile"), "{text}");
    }
    assert_eq!(ensemble.config(2), before);
}

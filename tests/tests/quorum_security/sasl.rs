//! Quorum SASL with DIGEST-MD5.

use paddock_tests::server::{Kind, TempDir};

use crate::ensemble::Ensemble;
use crate::secured::{IDS, MIXTURES, assert_serves, assert_stays_out, begin, jaas, three, wait_for_lines, with_jaas};

/// All three switches are on.
pub fn required(ensemble: Ensemble) -> Ensemble {
    let switches = ["quorum.auth.enableSasl", "quorum.auth.learnerRequireSasl", "quorum.auth.serverRequireSasl"];
    switches.iter().fold(ensemble, |ensemble, switch| ensemble.config(switch, "true"))
}

#[test]
fn servers_authenticate_to_each_other_and_to_a_zookeeper() {
    let directory = TempDir::new("jaas");
    let file = jaas(directory.path(), "jaas.conf", "hush");
    for kinds in MIXTURES {
        let mut ensemble = required(with_jaas(three(), &file));
        begin(&mut ensemble, kinds);
        assert_serves(&ensemble, &IDS, "/sasl");
        for id in IDS {
            ensemble.terminate(id);
            ensemble.begin(id, kinds[id as usize - 1]);
            ensemble.wait_for_leader(&IDS);
        }
        assert_serves(&ensemble, &IDS, "/sasl-again");
        ensemble.assert_content();
    }
}

#[test]
fn a_member_with_another_password_stays_out_and_is_told_why_once() {
    let directory = TempDir::new("jaas");
    let file = jaas(directory.path(), "jaas.conf", "hush");
    let mut ensemble = required(with_jaas(three(), &file));
    begin(&mut ensemble, [Kind::Paddock; 3]);
    ensemble.terminate(3);
    // The others have read theirs.
    jaas(directory.path(), "jaas.conf", "another");
    ensemble.begin_again(3, &[]);
    let dialled =
        ["WARN", "the election port of the server at 127.0.0.1 cannot be used", "does not believe by quorum SASL"];
    wait_for_lines(&ensemble, 3, &dialled, 1);
    wait_for_lines(&ensemble, 1, &["WARN", "to the election port is closed", "quorum SASL does not show who it is"], 1);
    ensemble.wait_for_leader(&[1, 2]);
    assert_serves(&ensemble, &[1, 2], "/without-it");
    assert_stays_out(&ensemble, 3);
    for id in IDS {
        let log = ensemble.server(id).log();
        assert!(!log.contains("hush") && !log.contains("another\""), "server {id} tells a password");
    }
    ensemble.terminate(3);
    jaas(directory.path(), "jaas.conf", "hush");
    ensemble.begin_again(3, &[]);
    ensemble.wait_for_leader(&IDS);
    assert_serves(&ensemble, &IDS, "/with-it");
}

#[test]
fn a_member_that_does_not_authenticate_stays_out() {
    let directory = TempDir::new("jaas");
    let file = jaas(directory.path(), "jaas.conf", "hush");
    let mut ensemble = required(with_jaas(three(), &file));
    begin(&mut ensemble, [Kind::Paddock; 3]);
    ensemble.terminate(3);
    let off = [("quorum.auth.serverRequireSasl", "false"), ("quorum.auth.learnerRequireSasl", "false")];
    ensemble.begin_again(3, &off);
    wait_for_lines(&ensemble, 1, &["WARN", "to the election port is closed", "it does not authenticate"], 1);
    assert_serves(&ensemble, &[1, 2], "/without-it");
    assert_stays_out(&ensemble, 3);
}

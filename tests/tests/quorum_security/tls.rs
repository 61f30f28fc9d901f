//! TLS between servers.

use std::fs;
use std::path::PathBuf;

use paddock_tests::certificates::Authority;
use paddock_tests::records::flags;
use paddock_tests::request::Request;
use paddock_tests::server::{Kind, TempDir, free_port};

use crate::ensemble::{Ensemble, Part};
use crate::sasl::required;
use crate::secured::{
    IDS, MIXTURES, assert_serves, assert_stays_out, begin, jaas, stores, three, wait_for_lines, with_jaas, with_stores,
};

/// Znodes that are together longer than what a link keeps, and the bytes of each.
const LONGS: usize = 20;
const LONG: usize = 500_000;

#[test]
fn servers_speak_tls_with_each_other_and_with_a_zookeeper() {
    let authority = Authority::new();
    for kinds in MIXTURES {
        let mut ensemble = with_stores(three(), &authority).config("sslQuorum", "true");
        begin(&mut ensemble, kinds);
        assert_serves(&ensemble, &IDS, "/tls");
        let long = vec![7; LONG];
        let mut client = ensemble.connect(1);
        (0..LONGS).for_each(|number| _ = client.ok(&Request::create(&format!("/{number}"), &long, flags::PERSISTENT)));
        drop(client);
        // One that comes back has nothing, and is brought all of it.
        for id in IDS {
            ensemble.terminate(id);
            ensemble.begin(id, kinds[id as usize - 1]);
            ensemble.wait_for_leader(&IDS);
            let mut client = ensemble.connect(id);
            for number in 0..LONGS {
                let reply = client.ok(&Request::get_data(&format!("/{number}"), false));
                assert!(reply.data() == Some(&long[..]), "server {id} has another /{number}");
            }
        }
        assert_serves(&ensemble, &IDS, "/tls-again");
        ensemble.assert_content();
    }
}

#[test]
fn observers_of_a_follower_speak_tls_too() {
    let authority = Authority::new();
    let parts = [Part::Participant, Part::Participant, Part::Participant, Part::Observer];
    let ensemble = with_stores(Ensemble::of_addresses(&parts), &authority).config("sslQuorum", "true");
    let mut ensemble = ensemble.config("observerMasterPort", &free_port().to_string());
    let all = [1, 2, 3, 4];
    all.iter().for_each(|&id| ensemble.begin(id, Kind::Paddock));
    ensemble.wait_for_leader(&all);
    assert_serves(&ensemble, &all, "/observed");
    ensemble.assert_content();
}

#[test]
fn names_are_compared_without_fips_mode_and_sasl_goes_through_tls() {
    let (authority, directory) = (Authority::new(), TempDir::new("jaas"));
    let file = jaas(directory.path(), "jaas.conf", "hush");
    for kinds in MIXTURES {
        let mut ensemble = required(with_jaas(with_stores(three(), &authority), &file)).config("sslQuorum", "true");
        begin(&mut ensemble, kinds);
        assert_serves(&ensemble, &IDS, "/names");
    }
}

#[test]
fn a_member_on_another_host_than_its_certificate_says_stays_out() {
    let authority = Authority::new();
    let parts = [Part::Participant; 3];
    // The certificate is of 127.0.0.1, and so of server 1 alone.
    let ensemble = with_stores(Ensemble::of_addresses(&parts), &authority).config("sslQuorum", "true");
    let mut ensemble = ensemble.config("fips-mode", "false");
    IDS.iter().for_each(|&id| ensemble.begin(id, Kind::Paddock));
    wait_for_lines(&ensemble, 1, &["WARN", "the election port of the server at 127.0.0.2 cannot be used"], 1);
    IDS.iter().for_each(|&id| assert_stays_out(&ensemble, id));
}

#[test]
fn a_member_that_trusts_another_authority_stays_out_and_is_told_why_once() {
    let (authority, other) = (Authority::new(), Authority::new());
    let mut ensemble = with_stores(three(), &authority).config("sslQuorum", "true");
    begin(&mut ensemble, [Kind::Paddock; 3]);
    ensemble.terminate(3);
    let [key_store, trust_store] = stores(&other.issue("/CN=other", 30).store, &other.certificate());
    let lines = [(key_store.0, key_store.1.as_str()), (trust_store.0, trust_store.1.as_str())];
    ensemble.begin_again(3, &lines);
    // It dials both, being the largest, and both ring.
    let dialled = ["WARN", "the election port of the server at 127.0.0.1 cannot be used", "TLS handshake fails"];
    wait_for_lines(&ensemble, 3, &dialled, 1);
    wait_for_lines(&ensemble, 1, &["WARN", "to the election port is closed", "TLS handshake fails"], 1);
    ensemble.wait_for_leader(&[1, 2]);
    assert_serves(&ensemble, &[1, 2], "/without-it");
    assert_stays_out(&ensemble, 3);
    assert!(wait_for_lines(&ensemble, 3, &dialled, 1).len() <= 4, "each cause is told once");
    ensemble.terminate(3);
    let [key_store, trust_store] = stores(&authority.issue("/CN=server", 30).store, &authority.certificate());
    let lines = [(key_store.0, key_store.1.as_str()), (trust_store.0, trust_store.1.as_str())];
    ensemble.begin_again(3, &lines);
    ensemble.wait_for_leader(&IDS);
    assert_serves(&ensemble, &IDS, "/with-it");
}

#[test]
fn certificates_that_change_are_read_again() {
    let (authority, next) = (Authority::new(), Authority::new());
    let directory = TempDir::new("stores");
    let put = |name: &str, files: &[PathBuf]| {
        let bytes: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).expect("it was made")).collect();
        directory.write(name, &bytes.concat())
    };
    let key_store = put("key-store.pem", &[authority.issue("/CN=server", 30).store]);
    let trust_store = put("trust-store.pem", &[authority.certificate()]);
    let named = stores(&key_store, &trust_store);
    let ensemble = named.iter().fold(three(), |ensemble, (key, value)| ensemble.config(key, value));
    let mut ensemble = ensemble.config("sslQuorum", "true").config("sslQuorumReloadCertFiles", "true");
    begin(&mut ensemble, [Kind::Paddock; 3]);
    let read_again = |times: usize| {
        for id in IDS {
            wait_for_lines(&ensemble, id, &["certificates for TLS between servers are read again"], times);
        }
    };
    // Whom they trust first, then what they show.
    put("trust-store.pem", &[authority.certificate(), next.certificate()]);
    read_again(1);
    put("key-store.pem", &[next.issue("/CN=server", 30).store]);
    read_again(2);
    put("trust-store.pem", &[next.certificate()]);
    read_again(3);
    for id in IDS {
        ensemble.terminate(id);
        ensemble.begin_again(id, &[]);
        ensemble.wait_for_leader(&IDS);
    }
    assert_serves(&ensemble, &IDS, "/renewed");
}

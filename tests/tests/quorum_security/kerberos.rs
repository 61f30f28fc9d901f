//! Quorum SASL with Kerberos, with a KDC of the test's own.

use std::path::Path;

use paddock_tests::server::Kind;

use crate::ensemble::{Ensemble, Part};
use crate::kdc::{Kdc, REALM};
use crate::sasl::required;
use crate::secured::{IDS, MIXTURES, assert_serves, assert_stays_out, begin, wait_for_lines};

/// The servers' own: their lines say localhost.
const SERVERS: &str = "zkquorum/localhost";

/// A JAAS file whose servers are `SERVERS`, and dial others as `learner`.
fn jaas(kdc: &Kdc, learner: &str) -> String {
    let module = |principal: &str, keytab: &Path| {
        format!(
            "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true useTicketCache=false \
             keyTab=\"{}\" principal=\"{principal}@{REALM}\";",
            keytab.display()
        )
    };
    let text = format!(
        "QuorumServer {{ {} }};\nQuorumLearner {{ {} }};\n",
        module(SERVERS, &kdc.keytab(SERVERS)),
        module(learner, &kdc.keytab(learner))
    );
    kdc.dir.write("jaas.conf", text.as_bytes()).display().to_string()
}

/// Three servers, none of which runs.
fn three(kdc: &Kdc, jaas: &str) -> Ensemble {
    let conf = kdc.conf().display().to_string();
    let ensemble = Ensemble::of_name(&[Part::Participant; 3], "localhost");
    let ensemble = ensemble.jvm_property("java.security.auth.login.config", jaas);
    let ensemble = ensemble.jvm_property("java.security.krb5.conf", &conf).variable("KRB5_CONFIG", &conf);
    required(ensemble).config("quorum.auth.kerberos.servicePrincipal", "zkquorum/_HOST")
}

#[test]
fn servers_have_tickets_for_each_other_and_for_a_zookeeper() {
    let kdc = Kdc::start();
    kdc.add(SERVERS);
    for kinds in MIXTURES {
        let mut ensemble = three(&kdc, &jaas(&kdc, SERVERS));
        begin(&mut ensemble, kinds);
        assert_serves(&ensemble, &IDS, "/kerberos");
        for id in IDS {
            ensemble.terminate(id);
            ensemble.begin(id, kinds[id as usize - 1]);
            ensemble.wait_for_leader(&IDS);
        }
        assert_serves(&ensemble, &IDS, "/kerberos-again");
        ensemble.assert_content();
    }
}

#[test]
fn a_server_on_a_host_that_is_no_members_stays_out() {
    let kdc = Kdc::start();
    ["zkquorum/elsewhere", SERVERS].iter().for_each(|principal| _ = kdc.add(principal));
    let file = jaas(&kdc, SERVERS);
    let mut ensemble = three(&kdc, &file);
    begin(&mut ensemble, [Kind::Paddock; 3]);
    ensemble.terminate(3);
    jaas(&kdc, "zkquorum/elsewhere");
    ensemble.begin_again(3, &[]);
    wait_for_lines(&ensemble, 1, &["WARN", "to the election port is closed", "quorum SASL does not show who it is"], 1);
    wait_for_lines(&ensemble, 3, &["WARN", "the election port of the server at localhost cannot be used"], 1);
    assert_serves(&ensemble, &[1, 2], "/without-it");
    assert_stays_out(&ensemble, 3);
    ensemble.terminate(3);
    jaas(&kdc, SERVERS);
    ensemble.begin_again(3, &[]);
    ensemble.wait_for_leader(&IDS);
    assert_serves(&ensemble, &IDS, "/with-it");
}

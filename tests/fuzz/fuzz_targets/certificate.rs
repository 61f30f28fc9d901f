//! Certificates and revocation lists in DER, as peers send them: taken apart, named, and judged, with themselves in the trust
//! store and not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paddock_net::tls::certificate::Certificate;
use paddock_net::tls::distinguished_name::{self, Comparable};
use paddock_net::tls::revocation::RevocationLists;
use paddock_net::tls::summary::Summary;
use paddock_net::tls::verification::{NameRules, Purpose, Trust, names};

fuzz_target!(|data: &[u8]| {
    let _ = RevocationLists::read(data);
    let algorithms = paddock_net::tls::context::algorithms();
    let Ok(certificate) = Certificate::read(data) else {
        let nobody = Trust::new(Vec::new(), None, algorithms);
        assert!(nobody.check(data, &[], 0, Purpose::Client).is_err());
        return;
    };
    let summary = Summary::of(&certificate);
    assert!(summary.key.to_string().len() < 100);
    if let Ok(name) = distinguished_name::of_certificate(data) {
        assert_eq!(name, summary.subject);
        assert!(Comparable::of_name(certificate.subject).is_ok(), "{name}");
    }
    for rules in [NameRules::Java, NameRules::Zookeeper] {
        let _ = (names(data, "zk1.example.org", rules), names(data, "127.0.0.1", rules));
        assert!(names(data, "", rules).is_err());
    }
    let itself = [data.to_vec().into()];
    let nobody = Trust::new(Vec::new(), None, algorithms);
    assert!(nobody.check(data, &itself, certificate.not_before, Purpose::Server).is_err());
    let trust = Trust::new(itself.to_vec(), None, algorithms);
    let _ = trust.check(data, &itself, certificate.not_before, Purpose::Server);
});

//! The ports for the other servers of an ensemble: who can speak as one of them, and who can read what they say.

use super::finding::{Findings, Spot};
use super::reach::is_local;
use super::subject::Subject;

pub fn look(subject: &Subject, findings: &mut Findings) {
    let Some(port) = open_port(subject) else { return };
    let tls = subject.flag("sslQuorum");
    let unified = subject.flag("portUnification");
    let known_by_password = subject.flag("quorum.auth.serverRequireSasl");
    let known_by_certificate = tls && !unified && needs_certificates(subject);
    if !known_by_password && !known_by_certificate {
        let what = format!("whoever reaches {} may speak as a server: nobody has to prove to be one", port.text);
        findings.warning("quorum-port-open", port.spot.clone(), what, advice_for_strangers(tls, unified));
    }
    if !tls || unified {
        let (what, advice) = match tls {
            true => (
                "the ports between servers take plain connections beside those with TLS".to_owned(),
                "once every server has sslQuorum=true, remove portUnification, and start one server after the other again",
            ),
            false => (
                format!(
                    "servers come to {} without TLS: whoever is on the way reads all data and may change it",
                    port.text
                ),
                "set sslQuorum=true with ssl.quorum.keyStore.location and ssl.quorum.trustStore.location; portUnification=true \
                 is the way there while all of them run",
            ),
        };
        findings.warning("quorum-port-plaintext", spot(subject, &["portUnification"], &port), what, advice);
    }
    if tls {
        look_at_tls(subject, findings);
    }
    look_at_sasl(subject, findings);
}

struct Port {
    text: String,
    spot: Spot,
}

/// A port of this server for others, or of any where its own line is not known, that is reached from elsewhere.
fn open_port(subject: &Subject) -> Option<Port> {
    if !subject.members.are_ensemble(subject.flag("standaloneEnabled")) {
        return None;
    }
    let me = subject.server_id().and_then(|id| subject.members.get(id));
    let lines = me.map_or(subject.members.all(), std::slice::from_ref);
    lines.iter().find_map(|line| {
        let mut addresses = line.line.member.addresses.iter();
        let everywhere = subject.flag("quorumListenOnAllIPs");
        let open = addresses
            .find(|address| everywhere || !is_local(&address.quorum.host) || !is_local(&address.election.host))?;
        let text = format!("{} and {}", open.quorum, open.election.port);
        Some(Port { text, spot: Spot::Setting(line.place.clone()) })
    })
}

fn spot(subject: &Subject, keys: &[&str], port: &Port) -> Spot {
    keys.iter()
        .find_map(|key| subject.wordings.place(key))
        .map_or_else(|| port.spot.clone(), |place| Spot::Setting(place.clone()))
}

fn needs_certificates(subject: &Subject) -> bool {
    subject.text("ssl.quorum.clientAuth").is_none_or(|wish| wish.eq_ignore_ascii_case("need"))
}

fn advice_for_strangers(tls: bool, unified: bool) -> &'static str {
    match (tls, unified) {
        (true, true) => "remove portUnification once every server has sslQuorum=true",
        (true, false) => "remove ssl.quorum.clientAuth, so that every server needs a certificate",
        (false, _) => {
            "keep strangers from these ports; set sslQuorum=true, or quorum.auth.enableSasl, learnerRequireSasl and \
             serverRequireSasl, in this order, one rolling restart each"
        }
    }
}

fn look_at_tls(subject: &Subject, findings: &mut Findings) {
    for (kind, what) in [
        (
            "keyStore",
            "servers are to use TLS among each other, and there is no certificate: ssl.quorum.keyStore.location is not set",
        ),
        ("trustStore", "servers are to check each other's certificates, and ssl.quorum.trustStore.location is not set"),
    ] {
        let key = format!("ssl.quorum.{kind}.location");
        if subject.text(&key).is_none() {
            let advice = format!("set {key}; ssl.{kind}.location is for clients alone");
            findings.error("quorum-tls-without-store", subject.spot(&["sslQuorum"]), what, advice);
        }
    }
    let unchecked =
        subject.text("ssl.quorum.hostnameVerification").is_some_and(|wish| !wish.eq_ignore_ascii_case("true"));
    if subject.flag("fips-mode") {
        let what = "any certificate of the trust store counts for any server: with fips-mode no host names are compared between servers";
        let advice = "trust an authority that signs for the ensemble alone, or set fips-mode=false";
        findings.note("quorum-hostnames", subject.spot(&["fips-mode", "sslQuorum"]), what, advice);
    } else if unchecked {
        let what = "any certificate of the trust store counts for any server: host names are not checked";
        let advice = "remove ssl.quorum.hostnameVerification once each certificate has the name of its server";
        findings.warning("quorum-hostnames", subject.spot(&["ssl.quorum.hostnameVerification"]), what, advice);
    }
}

/// Asking for passwords and taking connections without is for the way there.
fn look_at_sasl(subject: &Subject, findings: &mut Findings) {
    if !subject.flag("quorum.auth.enableSasl") || subject.flag("quorum.auth.serverRequireSasl") {
        return;
    }
    let what = "servers prove who they are, and one that does not is taken all the same";
    let advice = "set quorum.auth.learnerRequireSasl=true on every server, and then quorum.auth.serverRequireSasl=true";
    findings.note("quorum-sasl-optional", subject.spot(&["quorum.auth.enableSasl"]), what, advice);
}

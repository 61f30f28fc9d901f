//! The ports for clients: which are open, with TLS or without, and who is let in.

use super::finding::{Findings, Spot};
use super::members::Line;
use super::reach::is_local;
use super::subject::Subject;

/// A port for clients, and where it is set.
struct Port {
    host: String,
    number: u16,
    spot: Spot,
}

pub fn look(subject: &Subject, findings: &mut Findings) {
    let (plain, secure) = ports(subject);
    let unified = subject.flag("client.portUnification");
    for port in plain.iter().filter(|port| !is_local(&port.host)) {
        let Port { host, number, spot } = port;
        if unified {
            let what = format!("{host}:{number} takes plain connections beside those with TLS");
            let advice = "once every client uses TLS, set secureClientPort in the place of clientPort, and remove \
                          client.portUnification";
            findings.warning("client-port-plaintext", spot.clone(), what, advice);
        } else {
            let what = format!(
                "clients come to {host}:{number} without TLS: whoever is on the way reads all and may change it"
            );
            let advice = if secure.is_empty() {
                "set secureClientPort and ssl.keyStore.location, and remove clientPort; or have clientPortAddress=127.0.0.1"
            } else {
                "remove clientPort once every client uses secureClientPort, or have clientPortAddress=127.0.0.1"
            };
            findings.warning("client-port-plaintext", spot.clone(), what, advice);
        }
    }
    let reached = plain.iter().chain(&secure).find(|port| !is_local(&port.host));
    if let Some(port) = reached.filter(|_| !knows_everybody(subject, &plain, unified)) {
        let what = "whoever reaches the port gets a session, without having proven who it is";
        let advice =
            "ACLs say what such a client may do; enforce.auth.enabled=true with enforce.auth.schemes keeps it out";
        findings.note("client-anonymous", port.spot.clone(), what, advice);
    }
    let tls = !secure.is_empty() || unified;
    if tls && subject.text("ssl.keyStore.location").is_none() {
        let spot = secure.first().map_or_else(|| subject.spot(&["client.portUnification"]), |port| port.spot.clone());
        let what = "there is to be TLS, and no certificate: ssl.keyStore.location is not set";
        findings.error(
            "tls-without-certificate",
            spot,
            what,
            "set ssl.keyStore.location, and its password or passwordPath",
        );
    }
    if tls && asks_for_certificates(subject) && subject.text("ssl.trustStore.location").is_none() {
        let what = "clients are asked for certificates (ssl.clientAuth is need unless set), and ssl.trustStore.location is not set";
        let advice = "set ssl.trustStore.location to the authorities whose certificates count, or ssl.clientAuth=none";
        findings.error("tls-without-trust", subject.spot(&["ssl.clientAuth", "ssl.keyStore.location"]), what, advice);
    }
    if tls && !needs_certificates(subject) {
        let what = "a client needs no certificate for TLS";
        let advice = "with ssl.clientAuth=need only those come in who have one";
        findings.note("tls-client-auth", subject.spot(&["ssl.clientAuth"]), what, advice);
    }
}

/// Those without TLS, and those with.
fn ports(subject: &Subject) -> (Vec<Port>, Vec<Port>) {
    let me = subject.server_id().and_then(|id| subject.members.get(id)).or(match subject.members.all() {
        [alone] => Some(alone),
        _ => None,
    });
    let plain = set_port(subject, "clientPort", "clientPortAddress")
        .or_else(|| me.and_then(|me| port_of_line(me, me.line.member.client.as_ref())));
    let without_file = || Port { host: "127.0.0.1".to_owned(), number: 2181, spot: Spot::Default };
    let plain = plain.or_else(|| subject.file.is_none().then(without_file));
    let secure = set_port(subject, "secureClientPort", "secureClientPortAddress")
        .or_else(|| me.and_then(|me| port_of_line(me, me.line.secure_client.as_ref())));
    (plain.into_iter().collect(), secure.into_iter().collect())
}

fn set_port(subject: &Subject, port: &str, address: &str) -> Option<Port> {
    let number = subject.text(port)?.parse().ok()?;
    let everywhere = if subject.file.is_none() { "127.0.0.1" } else { "0.0.0.0" };
    let host = subject.text(address).unwrap_or(everywhere).to_owned();
    Some(Port { host, number, spot: subject.spot(&[port]) })
}

fn port_of_line(me: &Line, port: Option<&paddock_consensus::config::HostPort>) -> Option<Port> {
    let port = port?;
    Some(Port { host: port.host.to_string(), number: port.port, spot: Spot::Setting(me.place.clone()) })
}

/// Whether a client must have proven who it is before it is served.
fn knows_everybody(subject: &Subject, plain: &[Port], unified: bool) -> bool {
    let enforced = subject.flag("enforce.auth.enabled") || subject.flag("sessionRequireClientSASLAuth");
    let by_certificate = plain.is_empty() && !unified && needs_certificates(subject);
    enforced || by_certificate
}

fn needs_certificates(subject: &Subject) -> bool {
    subject.text("ssl.clientAuth").is_none_or(|wish| wish.eq_ignore_ascii_case("need"))
}

fn asks_for_certificates(subject: &Subject) -> bool {
    subject.text("ssl.clientAuth").is_none_or(|wish| !wish.eq_ignore_ascii_case("none"))
}

//! What is served by HTTP: the AdminServer with the console, and the exporter of metrics.

use super::finding::Findings;
use super::reach::is_local;
use super::subject::Subject;

const PROMETHEUS: &str = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";

pub fn look(subject: &Subject, findings: &mut Findings) {
    look_at_admin(subject, findings);
    look_at_exporter(subject, findings);
    if subject.flag("IPAuthenticationProvider.usexforwardedfor") {
        let what = "over HTTP a client of the scheme ip is whoever its header X-Forwarded-For says";
        let advice = "let nobody but the proxy, which sets the header, reach admin.serverPort; or remove the line";
        findings.warning("forwarded-for", subject.spot(&["IPAuthenticationProvider.usexforwardedfor"]), what, advice);
    }
}

fn look_at_admin(subject: &Subject, findings: &mut Findings) {
    let everywhere = if subject.file.is_none() { "127.0.0.1" } else { "0.0.0.0" };
    let host = subject.text("admin.serverAddress").unwrap_or(everywhere);
    if subject.text("admin.enableServer") == Some("false") || is_local(host) {
        return;
    }
    let port = subject.text("admin.serverPort").unwrap_or("8080");
    let tls_alone = subject.flag("admin.forceHttps");
    let spot = || subject.spot(&["admin.serverAddress", "admin.serverPort", "admin.enableServer"]);
    if !(tls_alone && subject.flag("admin.needClientAuth")) {
        let what = format!(
            "whoever reaches the AdminServer at {host}:{port} may look at the server and its clients, and give all commands but \
             snapshot, restore and log_level"
        );
        let advice = "admin.serverAddress=127.0.0.1, a firewall, admin.forceHttps=true with admin.needClientAuth=true, or \
                      admin.enableServer=false";
        findings.warning("admin-open", spot(), what, advice);
    }
    if !tls_alone {
        let what = format!(
            "the AdminServer at {host}:{port} takes logins without TLS: whoever is on the way has the password"
        );
        findings.warning("admin-plaintext", spot(), what, "admin.forceHttps=true, or admin.serverAddress=127.0.0.1");
    }
}

fn look_at_exporter(subject: &Subject, findings: &mut Findings) {
    let key = |name: &str| subject.text(&format!("metricsProvider.{name}"));
    let host = key("httpHost").unwrap_or("0.0.0.0");
    if key("className") != Some(PROMETHEUS) || is_local(host) {
        return;
    }
    let spot = subject.spot(&["metricsProvider.httpPort", "metricsProvider.httpsPort", "metricsProvider.className"]);
    let what = "whoever reaches the port of the metrics reads the figures of this server";
    findings.note(
        "metrics-open",
        spot,
        what,
        "metricsProvider.httpHost=127.0.0.1, a firewall, or metricsProvider.httpsPort alone, with metricsProvider.ssl.*",
    );
}

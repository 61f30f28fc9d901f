//! Settings that make less of what the server could check, and secrets where others see them.

use super::finding::{Findings, Spot};
use super::subject::Subject;
use crate::config::Place;

pub fn look(subject: &Subject, findings: &mut Findings) {
    look_at_access(subject, findings);
    look_at_digests(subject, findings);
    look_at_sasl(subject, findings);
    look_at_secrets(subject, findings);
}

fn look_at_access(subject: &Subject, findings: &mut Findings) {
    if subject.flag("skipACL") {
        let what = "no ACL is checked: whoever has a session may read and change everything";
        findings.warning("skip-acl", subject.spot(&["skipACL"]), what, "remove skipACL");
    }
    let words = subject.text("4lw.commands.whitelist").unwrap_or_default();
    if words.split(',').any(|word| word.trim() == "*") {
        let what = "every four-letter word is answered, also those that tell who is connected and has which watches, or take long";
        let advice = "list those that you use, such as 4lw.commands.whitelist=srvr,ruok,mntr";
        findings.warning("four-letter-words", subject.spot(&["4lw.commands.whitelist"]), what, advice);
    }
}

fn look_at_digests(subject: &Subject, findings: &mut Findings) {
    let enabled = subject.wordings.flag("DigestAuthenticationProvider.enabled");
    let key = "DigestAuthenticationProvider.digestAlg";
    let algorithm = subject.text(key).unwrap_or("SHA1");
    if enabled && algorithm.eq_ignore_ascii_case("SHA1") {
        let what = "passwords of the scheme digest are kept as SHA-1 without salt, as ZooKeeper has it unless set";
        let advice = "a new ensemble can have DigestAuthenticationProvider.digestAlg=SHA-256 on all servers; ACLs made before match \
                      nobody then";
        findings.note("digest-sha1", subject.spot(&[key]), what, advice);
    }
}

fn look_at_sasl(subject: &Subject, findings: &mut Findings) {
    if subject.flag("allowSaslFailedClients") {
        let what = "a client whose login by SASL has failed is served all the same, without an identity";
        findings.warning(
            "sasl-failures-allowed",
            subject.spot(&["allowSaslFailedClients"]),
            what,
            "remove allowSaslFailedClients",
        );
    }
    if let Some(user) = subject.text("letAnySaslUserDoX") {
        let what = format!("every user of SASL may do what an ACL allows to {user}");
        findings.warning("any-sasl-user", subject.spot(&["letAnySaslUserDoX"]), what, "remove letAnySaslUserDoX");
    }
}

/// The arguments of a process are shown to every user of the machine.
fn look_at_secrets(subject: &Subject, findings: &mut Findings) {
    for (key, place) in subject.wordings.secrets() {
        let (spot, instead) = (Spot::Setting(place.clone()), instead(key));
        match place {
            Place::CommandLine => {
                let what =
                    format!("{key} is among the arguments of the process, which every user of this machine can see");
                findings.error("secret-on-command-line", spot, what, instead);
            }
            Place::Variable(_) => {
                let what = format!("{key} is in the environment of the process, which its children have too");
                findings.note("secret-in-environment", spot, what, instead);
            }
            Place::Line { .. } => {}
        }
    }
}

fn instead(key: &str) -> String {
    if key.ends_with(".password") {
        format!("put it into a file of its own, and have {key}Path name that")
    } else {
        "put it into zoo.cfg, which only the server's user can read".to_owned()
    }
}

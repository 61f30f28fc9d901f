//! Logins by SASL: whether the JAAS file can be read, and has the sections that are asked for.

use std::path::{Path, PathBuf};

use paddock_net::sasl::jaas::Jaas;

use super::finding::Findings;
use super::subject::Subject;
use crate::jaas_file;

/// The key with the path of the JAAS file.
pub const JAAS: &str = "java.security.auth.login.config";
/// Sections by which servers log in at each other, and by which they let others log in: the keys and what is meant unless set.
const BETWEEN_SERVERS: [(&str, &str); 2] = [
    ("quorum.auth.server.saslLoginContext", "QuorumServer"),
    ("quorum.auth.learner.saslLoginContext", "QuorumLearner"),
];

/// The JAAS file, which may be written as a URL or with the second `=` of `-Dname==file`.
pub fn file(subject: &Subject) -> Option<PathBuf> {
    jaas_file::path(subject.text(JAAS)?)
}

/// The keytabs that the JAAS file names.
pub fn keytabs(subject: &Subject) -> Vec<PathBuf> {
    let Some(jaas) = file(subject).and_then(|file| read(subject, &file).ok()) else { return Vec::new() };
    let modules = jaas.sections().flat_map(|section| &section.modules);
    modules.filter_map(|module| module.option("keyTab")).map(PathBuf::from).collect()
}

pub fn look(subject: &Subject, findings: &mut Findings) {
    let Some(path) = file(subject).filter(|path| path.exists()) else { return };
    let spot = || subject.spot(&[JAAS]);
    let jaas = match read(subject, &path) {
        Ok(jaas) => jaas,
        Err(why) => {
            let what = format!("{}: {why}", path.display());
            return findings.error("jaas", spot(), what, "correct the file: nobody logs in by it");
        }
    };
    let asked = |(key, unless_set): &(&str, &str)| subject.text(key).unwrap_or(unless_set).to_owned();
    let mut wanted = Vec::new();
    if subject.flag("quorum.auth.enableSasl") {
        wanted.extend(BETWEEN_SERVERS.iter().map(asked));
    }
    // A file for the servers among each other need not have it.
    if !subject.flag("quorum.auth.enableSasl") || subject.text("sasl.serverconfig").is_some() {
        wanted.push(asked(&("sasl.serverconfig", "Server")));
    }
    for name in wanted.iter().filter(|name| jaas.section(name).is_none()) {
        let what = format!("{} has no section {name}, by which logins are to be checked", path.display());
        findings.error("jaas-section", spot(), what, format!("add the section {name}, or name the one that is meant"));
    }
}

fn read(subject: &Subject, path: &Path) -> Result<Jaas, String> {
    let given = |name: &str| subject.text(name).map(str::to_owned);
    Jaas::read(path, &|name: &str| jaas_file::property(name, given)).map_err(|error| error.to_string())
}

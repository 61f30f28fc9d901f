//! The files that the configuration names: whether they are there, who can read those with secrets, and who can write them.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::finding::{Findings, Spot};
use super::logins;
use super::modes::{self, Others};
use super::subject::Subject;
use super::tls_stores::{PREFIXES, store};
use crate::config::Place;

/// What a file is to those who are not the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nobody else may read it.
    Secret,
    /// Everybody may read it, and nobody else write it.
    Public,
}

struct File {
    path: PathBuf,
    kind: Kind,
    /// What it is, with an article.
    is: String,
    /// Where it is named.
    spot: Spot,
}

pub fn look(subject: &Subject, findings: &mut Findings) {
    for file in files(subject) {
        match modes::of(&file.path) {
            Ok(others) => look_at(&file, others, findings),
            Err(error) => {
                let path = file.path.display();
                let (what, advice) = match error.kind() {
                    ErrorKind::NotFound => {
                        (format!("{path}, {}, is not there", file.is), "put it there, or correct the path")
                    }
                    _ => (
                        format!("{path}, {}, cannot be looked at: {error}", file.is),
                        "run the doctor as the user of the server",
                    ),
                };
                findings.error("file-missing", file.spot, what, advice);
            }
        }
    }
}

fn look_at(file: &File, others: Others, findings: &mut Findings) {
    let Others { read, write, mode } = others;
    let (path, is) = (file.path.display(), &file.is);
    let spot = || Spot::File(file.path.clone());
    if write {
        let what = format!("{path}, {is}, can be written by every user of this machine (mode {mode:04o})");
        findings.error("file-writable", spot(), what, format!("chmod o-w {path}"));
    }
    if read && file.kind == Kind::Secret {
        let what = format!("{path}, {is}, can be read by every user of this machine (mode {mode:04o})");
        let advice =
            format!("chmod 0600 {path}, or 0640 where a group of the server's own has it; then change what is in it");
        findings.error("file-readable", spot(), what, advice);
    }
}

/// Each file once.
fn files(subject: &Subject) -> Vec<File> {
    let mut files = configuration(subject);
    for (prefix, of) in PREFIXES {
        if let Some(keys) = store(subject, prefix, "keyStore") {
            let spot = subject.spot(&[&keys.location_key]);
            files.push(File { path: keys.location, kind: Kind::Secret, is: format!("the key store for {of}"), spot });
            files.extend(keys.password_path.map(|password| password_file(subject, password)));
        }
        if let Some(trust) = store(subject, prefix, "trustStore") {
            let spot = subject.spot(&[&trust.location_key]);
            files.push(File {
                path: trust.location,
                kind: Kind::Public,
                is: format!("the trust store for {of}"),
                spot,
            });
            files.extend(trust.password_path.map(|password| password_file(subject, password)));
        }
    }
    let secret = |path: PathBuf, is: &str, key: &str| {
        let spot = subject.spot(&[key]);
        File { path, kind: Kind::Secret, is: is.to_owned(), spot }
    };
    files.extend(logins::file(subject).map(|path| secret(path, "the JAAS file", logins::JAAS)));
    files.extend(logins::keytabs(subject).into_iter().map(|path| secret(path, "a keytab", logins::JAAS)));
    let super_user = "paddock.superDigestPath";
    files.extend(
        subject.path(super_user).map(|path| secret(path.to_owned(), "the file with the super user", super_user)),
    );
    let mut seen = Vec::new();
    files.retain(|file| {
        let is_new = !seen.contains(&file.path);
        seen.push(file.path.clone());
        is_new
    });
    files
}

/// zoo.cfg, which may have secrets in it, and the files beside it.
fn configuration(subject: &Subject) -> Vec<File> {
    let mut files = Vec::new();
    if let Some(path) = &subject.file {
        let in_it = |place: &Place| matches!(place, Place::Line { file, .. } if **file == **path);
        let secret = subject.wordings.secrets().find(|(_, place)| in_it(place)).map(|(key, _)| key.to_owned());
        let (kind, is) = match secret {
            Some(key) => (Kind::Secret, format!("the configuration, with {key} in it")),
            None => (Kind::Public, "the configuration".to_owned()),
        };
        // One that is not there is what the start says.
        if path.exists() {
            files.push(File { path: path.clone(), kind, is, spot: Spot::File(path.clone()) });
        }
    }
    if let Some(path) = subject.path("dynamicConfigFile").filter(|path| path.exists()) {
        let spot = subject.spot(&["dynamicConfigFile"]);
        files.push(File {
            path: path.to_owned(),
            kind: Kind::Public,
            is: "the dynamic configuration".to_owned(),
            spot,
        });
    }
    files
}

fn password_file(subject: &Subject, (key, path): (String, PathBuf)) -> File {
    File { path, kind: Kind::Secret, is: "a file with a password".to_owned(), spot: subject.spot(&[&key]) }
}

//! Which files the TLS settings of one prefix name.

use std::path::PathBuf;

use super::subject::Subject;

/// Where TLS is set, and for what.
pub const PREFIXES: [(&str, &str); 3] = [
    ("ssl.", "clients"),
    ("ssl.quorum.", "servers among each other, and the AdminServer"),
    ("metricsProvider.ssl.", "the exporter of metrics"),
];

/// A key store or a trust store, as it is set.
pub struct Store {
    /// The key with its location, by which it is spelled.
    pub location_key: String,
    pub location: PathBuf,
    /// The key of the file with the password, and that file.
    pub password_path: Option<(String, PathBuf)>,
}

/// `kind` is `keyStore` or `trustStore`; `None` where no such store is set.
pub fn store(subject: &Subject, prefix: &str, kind: &str) -> Option<Store> {
    let location_key = format!("{prefix}{kind}.location");
    let location = PathBuf::from(subject.text(&location_key)?);
    let path_key = format!("{prefix}{kind}.passwordPath");
    let password_path = subject.text(&path_key).map(PathBuf::from);
    Some(Store { location_key, location, password_path: password_path.map(|path| (path_key, path)) })
}

//! TLS: who a listener is, whom it trusts, and what a certificate says.
//!
//! [`settings`] tell which files there are; [`stores`] reads them; [`context`] makes of both what connections are made with;
//! [`verification`] says whether a peer's certificates are trusted, and whether a name is theirs, with [`signature`],
//! [`name_constraints`] and [`revocation`], and [`untrusted`] why not. Below them are [`certificate`] and [`der`], what a subject
//! is called, [`distinguished_name`], and what people are told of a certificate, [`summary`]. One connection, apart from its
//! socket, is a [`session`]. Nothing here touches a socket, and only [`context`] and [`secret`] read files.

pub mod certificate;
pub mod context;
pub mod der;
pub mod distinguished_name;
pub mod name_constraints;
pub mod revocation;
pub mod secret;
pub mod session;
pub mod settings;
pub mod signature;
pub mod stores;
pub mod summary;
#[cfg(test)]
pub mod test_authority;
pub mod untrusted;
pub mod verification;

use std::fmt;
use std::path::{Path, PathBuf};

/// Why there can be no context: one sentence that says what is wrong, with which file, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsError {
    /// The file, where it is about one.
    pub path: Option<PathBuf>,
    /// The rest of the sentence.
    pub problem: String,
}

impl TlsError {
    pub(crate) fn of_file(path: &Path, problem: impl fmt::Display) -> TlsError {
        TlsError { path: Some(path.to_path_buf()), problem: problem.to_string() }
    }

    pub(crate) fn of_settings(problem: impl fmt::Display) -> TlsError {
        TlsError { path: None, problem: problem.to_string() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{} {}", path.display(), self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for TlsError {}

//! One thing that was found.

use std::fmt;
use std::path::PathBuf;

use crate::config::Place;

/// How bad it is, from the least.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Worth knowing; nobody has to do anything.
    Note,
    /// Open, weak, or soon an error.
    Warning,
    /// No server starts with it, TLS or SASL does not work with it, or other users of this machine have what is not theirs.
    Error,
}

impl Severity {
    /// As it is told to people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// Where it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Spot {
    /// A setting that somebody wrote.
    Setting(Place),
    /// A file or a directory.
    File(PathBuf),
    /// A server that was asked, HOST:PORT.
    Server(String),
    /// Nobody has written anything: a default.
    Default,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spot::Setting(place) => place.fmt(f),
            Spot::File(file) => file.display().fmt(f),
            Spot::Server(address) => f.write_str(address),
            Spot::Default => f.write_str("default"),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub severity: Severity,
    /// The kind of thing, for programs; it stays the same from version to version.
    pub check: &'static str,
    pub spot: Spot,
    /// What is the matter, a clause.
    pub what: String,
    /// What to do about it, a clause.
    pub advice: String,
}

/// What was found so far.
#[derive(Default, Debug)]
pub struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    pub fn error(&mut self, check: &'static str, spot: Spot, what: impl Into<String>, advice: impl Into<String>) {
        self.add(Severity::Error, check, spot, what.into(), advice.into());
    }

    pub fn warning(&mut self, check: &'static str, spot: Spot, what: impl Into<String>, advice: impl Into<String>) {
        self.add(Severity::Warning, check, spot, what.into(), advice.into());
    }

    pub fn note(&mut self, check: &'static str, spot: Spot, what: impl Into<String>, advice: impl Into<String>) {
        self.add(Severity::Note, check, spot, what.into(), advice.into());
    }

    fn add(&mut self, severity: Severity, check: &'static str, spot: Spot, what: String, advice: String) {
        self.found.push(Finding { severity, check, spot, what, advice });
    }

    /// The worst first, then by place.
    pub fn sorted(&self) -> Vec<&Finding> {
        let mut sorted: Vec<&Finding> = self.found.iter().collect();
        sorted.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.spot.cmp(&other.spot)));
        sorted
    }

    /// 2 with errors, 1 with warnings, 0 with neither.
    pub fn exit_code(&self) -> u8 {
        match self.found.iter().map(|finding| finding.severity).max() {
            Some(Severity::Error) => 2,
            Some(Severity::Warning) => 1,
            Some(Severity::Note) | None => 0,
        }
    }

    /// The kinds that were found, of one severity, sorted.
    #[cfg(test)]
    pub fn checks(&self, severity: Severity) -> Vec<&'static str> {
        let mut checks: Vec<_> =
            self.found.iter().filter(|finding| finding.severity == severity).map(|finding| finding.check).collect();
        checks.sort_unstable();
        checks
    }
}

#[cfg(test)]
mod tests {
    use super::{Findings, Spot};

    #[test]
    fn the_worst_is_first_and_is_the_exit_code() {
        let mut findings = Findings::default();
        assert_eq!(findings.exit_code(), 0);
        findings.note("a", Spot::Default, "", "");
        assert_eq!(findings.exit_code(), 0);
        findings.warning("b", Spot::File("z".into()), "", "");
        findings.warning("c", Spot::File("y".into()), "", "");
        assert_eq!(findings.exit_code(), 1);
        findings.error("d", Spot::Default, "", "");
        assert_eq!(findings.exit_code(), 2);
        let checks: Vec<_> = findings.sorted().iter().map(|finding| finding.check).collect();
        assert_eq!(checks, ["d", "c", "b", "a"]);
    }
}

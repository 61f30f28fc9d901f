//! The clock of this machine, against what it has written: certificates and tickets of Kerberos count by it.

use std::time::Duration;

use super::data::Newest;
use super::finding::{Findings, Spot};
use super::subject::Subject;

/// Clocks that are set by the network are within it.
const TOLERANCE: Duration = Duration::from_secs(60);

pub fn look(subject: &Subject, newest: Option<Newest>, findings: &mut Findings) {
    let Some(Newest { path, at }) = newest else { return };
    let Ok(ahead) = at.duration_since(subject.now) else { return };
    if ahead > TOLERANCE {
        let what = format!("{} was written {} s after the present time of this clock", path.display(), ahead.as_secs());
        let advice =
            "set the clock, by NTP for instance: certificates and tickets of Kerberos are taken and refused by it";
        findings.warning("clock", Spot::File(path), what, advice);
    }
}

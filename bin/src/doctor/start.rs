//! Whether a server starts with it, and what the start warns of.

use super::finding::{Findings, Spot};
use super::subject::Subject;

pub fn look(subject: &Subject, findings: &mut Findings) {
    for warning in &subject.warnings {
        let advice = "correct the line; `paddock serve` says the same in its log";
        findings.warning("setting", Spot::Setting(warning.place.clone()), warning.text.clone(), advice);
    }
    if let Err(why) = &subject.outcome {
        // The sentence says where, and what to do.
        findings.error("start", subject.whole(), why.clone(), "a server does not start with it; correct that");
    }
    look_for_myid(subject, findings);
}

/// A start refuses what contradicts itself. A number without a line is passed over where a server stands alone.
fn look_for_myid(subject: &Subject, findings: &mut Findings) {
    if subject.outcome.is_err() || subject.members.all().is_empty() {
        return;
    }
    let file = subject.data_dir().map(|dir| dir.join("myid"));
    let (Some(id), Some(file)) = (subject.server_id(), file) else { return };
    if subject.members.get(id).is_none() {
        let what = format!("the number in it is {id}, and there is no server.{id} line");
        findings.warning("myid", Spot::File(file), what, "write the N of this server's server.N line into it");
    }
}

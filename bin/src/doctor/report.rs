//! The findings: a table for people, an object each for programs.

use std::io;

use serde_json::json;

use super::finding::{Finding, Severity, Spot};
use crate::answer::Answer;
use crate::config::Place;

/// Tells all of them, and how many there are.
pub fn tell(findings: &[&Finding], answer: &mut Answer) -> io::Result<()> {
    answer.text(format_args!("{}", table(findings)))?;
    for finding in findings {
        answer.object(&object(finding))?;
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let [errors, warnings, notes] = [Severity::Error, Severity::Warning, Severity::Note].map(count);
    answer.line(format_args!("{errors} errors, {warnings} warnings, {notes} notes"))?;
    answer.object(&json!({"errors": errors, "warnings": warnings, "notes": notes}))
}

/// Three columns: how bad, where, what. What to do is in the line below.
fn table(findings: &[&Finding]) -> String {
    let places: Vec<String> = findings.iter().map(|finding| finding.spot.to_string()).collect();
    let width = places.iter().map(|place| place.chars().count()).max().unwrap_or(0);
    let line = |(finding, place): (&&Finding, &String)| {
        let Finding { severity, what, advice, .. } = finding;
        let [what, advice] = [what, advice].map(|text| text.replace(char::is_control, "?"));
        format!("{:<7}  {place:<width$}  {what}\n{:<7}  {:<width$}  -> {advice}\n", severity.name(), "", "")
    };
    findings.iter().zip(&places).map(line).collect()
}

fn object(finding: &Finding) -> serde_json::Value {
    let Finding { severity, check, spot, what, advice } = finding;
    let (file, line) = match spot {
        Spot::Setting(Place::Line { file, line }) => (Some(file.display().to_string()), Some(*line)),
        Spot::File(file) => (Some(file.display().to_string()), None),
        Spot::Setting(_) | Spot::Server(_) | Spot::Default => (None, None),
    };
    json!({
        "severity": severity.name(), "check": check, "place": spot.to_string(), "file": file, "line": line, "what": what,
        "advice": advice,
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::{Findings, Spot};
    use super::{object, table};
    use crate::config::Place;

    #[test]
    fn people_see_columns_and_programs_see_fields() {
        let mut findings = Findings::default();
        findings.error("one", Spot::File("a".into()), "it is\nso", "do that");
        let place = Place::Line { file: std::path::Path::new("zoo.cfg").into(), line: 3 };
        findings.note("two", Spot::Setting(place), "it is so", "do nothing");
        let found = findings.sorted();
        let expected = "error    a          it is?so\n                    -> do that\n\
                        note     zoo.cfg:3  it is so\n                    -> do nothing\n";
        assert_eq!(table(&found), expected);
        let object = object(found[1]);
        assert_eq!((&object["file"], &object["line"], &object["check"]), (&"zoo.cfg".into(), &3.into(), &"two".into()));
    }
}

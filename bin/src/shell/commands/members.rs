//! config, reconfig.

use std::path::Path;

use serde_json::json;

use crate::config::{self, MAX_FILE_BYTES, properties};
use crate::shell::complaint::Complaint;
use crate::shell::flags::{self, Given};
use crate::shell::stage::Stage;
use crate::shell::syntax::{CONFIG, RECONFIG};
use crate::shell::{config_line, stat_lines, usage};

pub fn config(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&CONFIG, words, 0)?;
    let (data, stat) = stage.client.get_config(given.has("w"))?;
    let text = data.map_or("null".into(), |data| String::from_utf8_lossy(&data).into_owned());
    let text = if given.has("c") { config_line::connect_string(&text) } else { text };
    stage.say(&text);
    let mut object = json!({"config": text});
    if given.has("s") {
        stage.say_stat(&stat);
        object["stat"] = stat_lines::object(&stat);
    }
    stage.output.object(&object);
    Ok(())
}

pub fn reconfig(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = flags::parse(&RECONFIG, words).map_err(|mistake| Complaint::new(mistake.to_string()))?;
    let change = Change::of(&given)?;
    let members = match &change.members {
        Members::File(file) => Some(members_in(Path::new(file)).map_err(Complaint::new)?),
        Members::Given(members) => Some(members.clone()),
        Members::Unsaid => None,
    };
    let (joining, leaving) = (change.joining.as_deref(), change.leaving.as_deref());
    let (data, stat) = stage.client.reconfig(joining, leaving, members.as_deref(), change.version)?;
    let text = String::from_utf8_lossy(&data.unwrap_or_default()).into_owned();
    stage.say(&format!("Committed new configuration:\n{text}"));
    if given.has("s") {
        stage.say_stat(&stat);
    }
    stage.output.object(&json!({"config": text, "stat": stat_lines::object(&stat)}));
    Ok(())
}

/// What is asked for. Server lines are given in small letters, as zkCli does.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Change {
    joining: Option<String>,
    leaving: Option<String>,
    members: Members,
    /// -1 is any.
    version: i64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Members {
    Unsaid,
    Given(String),
    File(String),
}

impl Change {
    fn of(given: &Given) -> Result<Change, Complaint> {
        let [file, members, add, remove] = ["file", "members", "add", "remove"].map(|flag| given.has(flag));
        if !(file || members || add || remove) {
            return Err(Complaint::new(usage::of("reconfig")));
        }
        let version = given.value("v").map_or(Ok(-1), |text| i64::from_str_radix(text, 16));
        let version = version.map_err(|_| Complaint::new("-v must be followed by a long (configuration version)"))?;
        if (file || members) && (add || remove) {
            return Err(Complaint::new(
                "Can't use -file or -members together with -add or -remove (mixing incremental and non-incremental modes is \
                 not allowed)",
            ));
        }
        if file && members {
            return Err(Complaint::new("Can't use -file and -members together (conflicting non-incremental modes)"));
        }
        let small = |flag: &str| given.value(flag).map(str::to_lowercase);
        let members = match (given.value("file"), small("members")) {
            (Some(file), _) => Members::File(file.into()),
            (None, Some(members)) => Members::Given(members),
            (None, None) => Members::Unsaid,
        };
        Ok(Change { joining: small("add"), leaving: small("remove"), members, version })
    }
}

/// The member list of a dynamic configuration file.
fn members_in(file: &Path) -> Result<String, String> {
    let failed = |why: String| format!("Error processing {}: {why}", file.display());
    let bytes = config::read(file).map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(failed(format!("it is longer than {MAX_FILE_BYTES} bytes")));
    }
    members_of(&bytes).map_err(failed)
}

/// Its lines, of which each says something of who belongs to the ensemble.
fn members_of(bytes: &[u8]) -> Result<String, String> {
    let entries = properties::parse(bytes).map_err(|error| format!("line {}: {error}", error.line))?;
    let is_of_members =
        |key: &str| key == "version" || ["server.", "group", "weight"].iter().any(|begin| key.starts_with(begin));
    if let Some(other) = entries.iter().find(|entry| !is_of_members(&entry.key)) {
        return Err(format!("Unrecognised parameter: {}", other.key));
    }
    Ok(entries.iter().map(|entry| format!("{}={}\n", entry.key, entry.value)).collect())
}

#[cfg(test)]
mod tests {
    use super::{Change, Members, members_of};
    use crate::shell::flags::parse;
    use crate::shell::syntax::RECONFIG;

    fn change(line: &str) -> Result<Change, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Change::of(&parse(&RECONFIG, &words).expect(line)).map_err(|complaint| complaint.text)
    }

    #[test]
    fn changes_are_taken_from_flags() {
        let added = change("reconfig -v 1f -add server.4=H:1:2;3").expect("it is one");
        assert_eq!((added.joining.as_deref(), added.version), (Some("server.4=h:1:2;3"), 31));
        let removed = change("reconfig -remove 7,8").expect("it is one");
        assert_eq!((removed.leaving.as_deref(), removed.version), (Some("7,8"), -1));
        assert_eq!(change("reconfig -file /F").map(|change| change.members), Ok(Members::File("/F".into())));
    }

    #[test]
    fn what_does_not_go_together_is_told() {
        for (line, begin) in [
            ("reconfig", "reconfig [-s] [-v version] [[-file path]"),
            ("reconfig -v xyz -remove 1", "-v must be followed by a long"),
            ("reconfig -file f -add a", "Can't use -file or -members together with -add or -remove (mixing"),
            ("reconfig -file f -members a", "Can't use -file and -members together"),
        ] {
            let why = change(line).expect_err(line);
            assert!(why.starts_with(begin), "{why}");
        }
    }

    #[test]
    fn a_file_names_members_alone() {
        let file = b"# members\nserver.1=a:1:2;3\nversion=1\n";
        assert_eq!(members_of(file), Ok("server.1=a:1:2;3\nversion=1\n".to_owned()));
        assert_eq!(members_of(b"dataDir=/x\n"), Err("Unrecognised parameter: dataDir".to_owned()));
    }
}

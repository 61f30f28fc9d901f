//! set, setAcl.

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _};
use serde_json::json;

use crate::client::failure::Failure;
use crate::client::request::ANY_VERSION;
use crate::client::stat::ShownStat;
use crate::shell::complaint::Complaint;
use crate::shell::flags::Given;
use crate::shell::stage::Stage;
use crate::shell::syntax::{SET, SET_ACL};
use crate::shell::walk::{Walk, child};
use crate::shell::{acl_text, number, stat_lines};

/// As Java reads it: the `=` at the end may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn decoded(text: &str) -> Result<Vec<u8>, DecodeError> {
    BASE64.decode(text)
}

pub fn set(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&SET, words, 2)?;
    let (path, text) = (&given.words[1], &given.words[2]);
    let data = if given.has("b") {
        decoded(text).map_err(|error| Complaint::new(format!("the data is no base64: {error}")))?
    } else {
        text.clone().into_bytes()
    };
    let stat = stage.client.set_data(path, &data, version(&given)?)?;
    tell(stage, &given, path, &stat);
    Ok(())
}

pub fn set_acl(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&SET_ACL, words, 2)?;
    let path = &given.words[1];
    let (acl, remarks) = acl_text::parse(&given.words[2]);
    remarks.iter().for_each(|remark| stage.output.remark(remark));
    let version = version(&given)?;
    if !given.has("R") {
        let stat = stage.client.set_acl(path, &acl, version)?;
        tell(stage, &given, path, &stat);
        return Ok(());
    }
    stage.client.get_data(path, false)?;
    // What fails at one znode does not keep the others from it.
    let set = |path: &str| match stage.client.set_acl(path, &acl, version) {
        Err(Failure::Interrupted) => Err(Failure::Interrupted),
        Err(failure) if stage.output.is_json() => {
            stage.output.remark(&failure.to_string());
            Ok(())
        }
        Err(failure) => {
            // As zkCli tells it: on stdout, and without an end of the line.
            stage.output.part(&failure.to_string());
            Ok(())
        }
        Ok(_) => Ok(()),
    };
    set(path)?;
    let mut walk = Walk::new(&stage.client, path, false);
    while let Some(visited) = walk.visit()? {
        for name in walk.names() {
            set(&child(&visited.path, name))?;
        }
        stage.check_patience()?;
    }
    Ok(())
}

fn version(given: &Given) -> Result<i32, Complaint> {
    let version = given.value("v").map(number::int).transpose().map_err(Complaint::new)?;
    Ok(version.unwrap_or(ANY_VERSION))
}

/// The Stat, if it is asked for; for programs always.
fn tell(stage: &Stage, given: &Given, path: &str, stat: &ShownStat) {
    if given.has("s") {
        stage.say_stat(stat);
    }
    stage.output.object(&json!({"path": path, "stat": stat_lines::object(stat)}));
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn base64_is_read_as_java_reads_it() {
        for text in ["AP8=", "AP8", "AP9"] {
            assert_eq!(decoded(text), Ok(vec![0, 0xff]), "{text}");
        }
        assert!(decoded("A").is_err() && decoded("*").is_err());
    }
}

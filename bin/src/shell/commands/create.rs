//! create.

use serde_json::json;

use crate::client::code;
use crate::client::operations::Creation;
use crate::shell::acl_text;
use crate::shell::complaint::Complaint;
use crate::shell::flags::Given;
use crate::shell::number;
use crate::shell::stage::Stage;
use crate::shell::syntax::CREATE;

/// Milliseconds: what fits into the 40 bits that a TTL has.
const TTL_MAX: i64 = 0xff_ffff_ffff;

pub fn create(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&CREATE, words, 1)?;
    let (flags, ttl) = mode(&given)?;
    let data = given.words.get(2).map(String::as_bytes);
    let acl = match given.words.get(3) {
        Some(text) => {
            let (acl, remarks) = acl_text::parse(text);
            remarks.iter().for_each(|remark| stage.output.remark(remark));
            acl
        }
        None => acl_text::open(),
    };
    match stage.client.create(&Creation { path: &given.words[1], data, acl: &acl, flags, ttl }) {
        Ok(path) if stage.output.is_json() => stage.output.object(&json!({"created": path})),
        Ok(path) => stage.output.remark(&format!("Created {path}")),
        Err(failure) => {
            match failure.code() {
                Some(code::EPHEMERAL_ON_LOCAL_SESSION) => {
                    stage.output.remark("Unable to create ephemeral node on a local session");
                }
                Some(code::INVALID_ACL) => stage.output.remark(&failure.to_string()),
                _ => {}
            }
            return Err(failure.into());
        }
    }
    Ok(())
}

/// ZooKeeper's number of the mode, and the time to live where there is one.
fn mode(given: &Given) -> Result<(i32, Option<i64>), Complaint> {
    let [is_ephemeral, is_sequential, is_container] = ["e", "s", "c"].map(|flag| given.has(flag));
    if is_container && (is_ephemeral || is_sequential) {
        return Err(Complaint::new(
            "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.",
        ));
    }
    let ttl = given.value("t").map(number::long).transpose();
    let ttl = ttl.map_err(|_| Complaint::new("-t argument must be a long value"))?;
    match ttl {
        Some(_) if is_ephemeral => Err(Complaint::new("TTLs cannot be used with Ephemeral znodes")),
        Some(_) if is_container => Err(Complaint::new("TTLs cannot be used with Container znodes")),
        Some(ttl) if !(1..=TTL_MAX).contains(&ttl) => {
            Err(Complaint::new(format!("ttl must be positive and cannot be larger than: {TTL_MAX}")))
        }
        Some(_) => Ok((if is_sequential { 6 } else { 5 }, ttl)),
        None if is_container => Ok((4, None)),
        None => Ok((i32::from(is_ephemeral) + 2 * i32::from(is_sequential), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::mode;
    use crate::shell::flags::parse;
    use crate::shell::syntax::CREATE;

    #[test]
    fn flags_make_a_mode() {
        let mode = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            mode(&parse(&CREATE, &words).expect(line)).map_err(|complaint| complaint.text)
        };
        for (line, flags, ttl) in [
            ("create /a", 0, None),
            ("create -e /a", 1, None),
            ("create -s /a", 2, None),
            ("create -e -s /a", 3, None),
            ("create -c /a", 4, None),
            ("create -t 7 /a", 5, Some(7)),
            ("create -s -t 7 /a", 6, Some(7)),
        ] {
            assert_eq!(mode(line), Ok((flags, ttl)), "{line}");
        }
        for (line, why) in [
            ("create -c -s /a", "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential."),
            ("create -t x /a", "-t argument must be a long value"),
            ("create -t 7 -e /a", "TTLs cannot be used with Ephemeral znodes"),
            ("create -t 7 -c /a", "TTLs cannot be used with Container znodes"),
            ("create -t 0 /a", "ttl must be positive and cannot be larger than: 1099511627775"),
        ] {
            assert_eq!(mode(line), Err(why.to_owned()), "{line}");
        }
    }
}

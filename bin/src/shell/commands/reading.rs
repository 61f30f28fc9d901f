//! ls, get, stat, getAcl, getAllChildrenNumber, getEphemerals, sync.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::code;
use crate::client::failure::Failure;
use crate::shell::complaint::Complaint;
use crate::shell::flags::{self, Given, Syntax};
use crate::shell::stage::Stage;
use crate::shell::syntax::{GET, GET_ACL, LS, NONE, STAT};
use crate::shell::walk::{Walk, child};
use crate::shell::{acl_text, hex_dump, stat_lines, usage};

/// What zkCli shows where a znode has no data.
const NULL: &[u8] = b"null";

pub fn ls(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = flags::parse(&LS, words).map_err(|mistake| Complaint::new(mistake.to_string()))?;
    if given.has("?") {
        stage.say(&format!("usage: ls [options] path\n{}", flags::listed(LS.flags).trim_end()));
    }
    let remark = "'ls path [watch]' has been deprecated. Please use 'ls [-w] path' instead.";
    let given = with_old_watch(stage, &LS, words, given, remark)?;
    let Some(path) = given.words.get(1) else { return Err(Complaint::new(usage::of("ls"))) };
    let watch = given.has("w");
    if given.has("R") {
        return list_all(stage, path, watch);
    }
    let (mut names, stat) = stage.client.get_children(path, watch)?;
    names.sort_unstable();
    if stage.output.is_json() {
        // There may be a million, of which people need no second copy.
        let mut object = json!({"path": path, "children": names});
        if given.has("s") {
            object["stat"] = stat_lines::object(&stat);
        }
        stage.output.object(&object);
        return Ok(());
    }
    stage.say(&format!("[{}]", names.join(", ")));
    if given.has("s") {
        stage.say_stat(&stat);
    }
    Ok(())
}

/// Every path of a subtree: the children of a znode one behind the other, before what is below each of them.
fn list_all(stage: &Stage, path: &str, watch: bool) -> Result<(), Complaint> {
    stage.client.get_data(path, watch)?;
    let tell = |path: &str| {
        stage.say(path);
        stage.output.object(&json!({"path": path}));
    };
    tell(path);
    let mut walk = Walk::new(&stage.client, path, watch);
    loop {
        match walk.visit() {
            Ok(Some(visited)) => walk.names().for_each(|name| tell(&child(&visited.path, name))),
            Ok(None) => return Ok(()),
            // It was there a moment ago.
            Err(failure) if failure.is_no_node() => return Ok(()),
            Err(failure) => return Err(failure.into()),
        }
        stage.check_interest()?;
    }
}

/// zkCli still takes a second word for `-w`, and says so: whatever stands at that place is replaced by the flag.
fn with_old_watch(
    stage: &Stage,
    syntax: &Syntax,
    words: &[String],
    given: Given,
    remark: &str,
) -> Result<Given, Complaint> {
    if given.words.len() <= 2 {
        return Ok(given);
    }
    stage.output.remark(remark);
    let mut words = words.to_vec();
    words[2] = "-w".into();
    flags::parse(syntax, &words).map_err(|mistake| Complaint::new(mistake.to_string()))
}

/// The path, which `-w` may have replaced.
fn path_of<'a>(given: &'a Given, command: &str) -> Result<&'a str, Complaint> {
    given.words.get(1).map(String::as_str).ok_or_else(|| Complaint::new(usage::of(command)))
}

pub fn get(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&GET, words, 1)?;
    let remark = "'get path [watch]' has been deprecated. Please use 'get [-s] [-w] path' instead.";
    let given = with_old_watch(stage, &GET, words, given, remark)?;
    let path = path_of(&given, "get")?;
    let (data, stat) = stage.client.get_data(path, given.has("w"))?;
    let shown = data.as_deref().unwrap_or(NULL);
    let text = if given.has("x") {
        hex_dump::dump(shown)
    } else if given.has("b") {
        STANDARD.encode(shown)
    } else {
        String::from_utf8_lossy(shown).into_owned()
    };
    stage.say(&text);
    if given.has("s") {
        stage.say_stat(&stat);
    }
    let mut object = data_object(path, data.as_deref());
    object["stat"] = stat_lines::object(&stat);
    stage.output.object(&object);
    Ok(())
}

/// Data as text, or as base64 where it is none.
fn data_object(path: &str, data: Option<&[u8]>) -> Value {
    match data.map(|data| (data, std::str::from_utf8(data))) {
        None => json!({"path": path, "data": null}),
        Some((_, Ok(text))) => json!({"path": path, "data": text}),
        Some((data, Err(_))) => json!({"path": path, "base64": STANDARD.encode(data)}),
    }
}

pub fn stat(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&STAT, words, 1)?;
    let remark = "'stat path [watch]' has been deprecated. Please use 'stat [-w] path' instead.";
    let given = with_old_watch(stage, &STAT, words, given, remark)?;
    let path = path_of(&given, "stat")?;
    let stat = stage.client.exists(path, given.has("w"))?;
    let stat = stat.ok_or_else(|| Failure::of(code::NO_NODE, path))?;
    stage.say_stat(&stat);
    stage.output.object(&json!({"path": path, "stat": stat_lines::object(&stat)}));
    Ok(())
}

pub fn get_acl(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&GET_ACL, words, 1)?;
    let path = &given.words[1];
    let (acl, stat) = stage.client.get_acl(path)?;
    acl.iter().for_each(|entry| stage.say(&acl_text::lines(entry)));
    let mut object = json!({"path": path, "acl": acl_text::object(&acl)});
    if given.has("s") {
        stage.say_stat(&stat);
        object["stat"] = stat_lines::object(&stat);
    }
    stage.output.object(&object);
    Ok(())
}

pub fn get_all_children_number(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&NONE, words, 1)?;
    let path = &given.words[1];
    let number = stage.client.get_all_children_number(path)?;
    stage.say(&number.to_string());
    stage.output.object(&json!({"path": path, "number": number}));
    Ok(())
}

pub fn get_ephemerals(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&NONE, words, 0)?;
    let paths = stage.client.get_ephemerals(given.words.get(1).map_or("/", String::as_str))?;
    stage.say(&format!("[{}]", paths.join(", ")));
    stage.output.object(&json!({"ephemerals": paths}));
    Ok(())
}

pub fn sync(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&NONE, words, 1)?;
    let path = &given.words[1];
    let code = stage.client.sync(path)?;
    match code {
        code::OK => stage.say("Sync is OK"),
        code::REQUEST_TIMEOUT => return Err(Complaint::new("Sync has not been answered for 30 s")),
        code => stage.say(&format!("Sync has failed. rc={code}")),
    }
    stage.output.object(&json!({"path": path, "rc": code}));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::data_object;

    #[test]
    fn data_that_is_no_text_is_base64_for_programs() {
        assert_eq!(data_object("/a", Some(b"x"))["data"], "x");
        assert_eq!(data_object("/a", Some(&[0xff]))["base64"], "/w==");
        assert!(data_object("/a", None)["data"].is_null());
    }
}

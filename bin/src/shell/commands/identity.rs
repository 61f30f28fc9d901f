//! addauth, whoami, version.

use serde_json::json;

use crate::shell::complaint::Complaint;
use crate::shell::stage::Stage;
use crate::shell::syntax::NONE;
use crate::shell::usage;
use crate::version;

pub fn add_auth(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&NONE, words, 1)?;
    stage.client.add_auth(&given.words[1], given.words.get(2).map(String::as_bytes));
    Ok(())
}

pub fn who_am_i(stage: &Stage, _words: &[String]) -> Result<(), Complaint> {
    let identities = stage.client.who_am_i()?;
    stage.say("Auth scheme: User");
    identities.iter().for_each(|(scheme, user)| stage.say(&format!("{scheme}: {user}")));
    let identities: Vec<_> = identities.iter().map(|(scheme, user)| json!({"scheme": scheme, "user": user})).collect();
    stage.output.object(&json!({"identities": identities}));
    Ok(())
}

pub fn version(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&NONE, words, 0)?;
    if given.words.len() > 1 {
        return Err(Complaint::new(usage::of("version")));
    }
    let version = version::full();
    stage.say(&format!("ZooKeeper CLI version: {version}"));
    stage.output.object(&json!({"version": version}));
    Ok(())
}

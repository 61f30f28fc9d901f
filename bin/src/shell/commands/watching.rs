//! addWatch, removewatches.

use crate::client::request::{AddWatchMode, WatcherType};
use crate::shell::complaint::Complaint;
use crate::shell::stage::Stage;
use crate::shell::syntax::{ADD_WATCH, REMOVE_WATCHES};
use crate::shell::usage;

pub fn add_watch(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&ADD_WATCH, words, 1)?;
    let mode = match given.value("m").map(str::to_uppercase).as_deref() {
        None | Some("PERSISTENT_RECURSIVE") => Some(AddWatchMode::PersistentRecursive),
        Some("PERSISTENT") => Some(AddWatchMode::Persistent),
        Some(_) => None,
    };
    match (mode, &given.words[..]) {
        (Some(mode), [_, path]) => Ok(stage.client.add_watch(path, mode)?),
        _ => Err(Complaint::new(usage::of("addWatch"))),
    }
}

pub fn remove_watches(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&REMOVE_WATCHES, words, 1)?;
    let kinds = [
        ("c", WatcherType::Children),
        ("d", WatcherType::Data),
        ("p", WatcherType::Persistent),
        ("r", WatcherType::PersistentRecursive),
    ];
    let kind = kinds.iter().find(|(flag, _)| given.has(flag)).map_or(WatcherType::Any, |(_, kind)| *kind);
    Ok(stage.client.remove_watches(&given.words[1], kind, given.has("l"))?)
}

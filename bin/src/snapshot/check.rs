//! `paddock snapshot check`.

use clap::Args;
use serde_json::json;

use super::source::Source;
use super::{PathArgs, SnapshotCommandError};
use crate::answer::Answer;

#[derive(Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub(super) snapshot: PathArgs,
}

/// Whether all of them hold.
pub fn run(arguments: &CheckArgs, answer: &mut Answer) -> Result<bool, SnapshotCommandError> {
    let mut all_hold = true;
    for source in Source::all(&arguments.snapshot.place)? {
        match source.load() {
            Ok(content) => {
                answer.line(format_args!("sound: {}", content.line()))?;
                let mut object = content.object();
                object["verdict"] = json!("sound");
                answer.object(&object)?;
            }
            Err(error) => {
                all_hold = false;
                answer.line(format_args!("not sound: {error}"))?;
                let file = source.file().display().to_string();
                answer.object(&json!({"verdict": "damaged", "file": file, "damage": error.to_string()}))?;
            }
        }
    }
    Ok(all_hold)
}

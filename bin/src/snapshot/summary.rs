//! `paddock snapshot summary`.

use clap::Args;
use serde_json::json;

use super::by_path::{level, ordered};
use super::source::Source;
use super::totals::{Totals, totals};
use super::{PathArgs, SnapshotCommandError};
use crate::answer::Answer;

#[derive(Args)]
pub struct SummaryArgs {
    #[command(flatten)]
    pub(super) snapshot: PathArgs,
    /// Where to begin.
    #[arg(long, value_name = "ZNODE", default_value = "/")]
    path: String,
    /// Levels below that which are listed; all are counted. [default: all]
    #[arg(long, value_name = "LEVELS")]
    depth: Option<usize>,
}

pub fn run(arguments: &SummaryArgs, answer: &mut Answer) -> Result<(), SnapshotCommandError> {
    let content = Source::find(&arguments.snapshot.place)?.load()?;
    let znodes = ordered(&content.tree, &arguments.path);
    if znodes.is_empty() {
        return Err(SnapshotCommandError::NoZnode { file: content.file, path: arguments.path.clone() });
    }
    answer.line(format_args!("{}", content.line()))?;
    answer.object(&content.object())?;
    answer.line(format_args!("{:>10} {:>10} {:>14} {:>6}  subtree", "znodes", "ephemerals", "data bytes", "levels"))?;
    let top = level(&arguments.path);
    for (totals, znode) in totals(&znodes).iter().zip(&znodes) {
        let Totals { path, znodes, ephemerals, bytes, depth } = *totals;
        let is_listed = arguments.depth.is_none_or(|depth| level(path) <= top + depth);
        // What has no children is no subtree, but for the one that was asked for.
        if !answer.is_read() || !is_listed || (znode.num_children() == 0 && path != arguments.path) {
            continue;
        }
        let shown = path.escape_debug();
        answer.line(format_args!("{znodes:>10} {ephemerals:>10} {bytes:>14} {depth:>6}  {shown}"))?;
        answer.object(&json!({
            "path": path, "znodes": znodes, "ephemerals": ephemerals, "dataBytes": bytes, "levels": depth
        }))?;
    }
    Ok(())
}

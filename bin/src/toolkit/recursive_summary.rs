//! What zkSnapshotRecursiveSummaryToolkit.sh does.

use std::path::Path;

use super::ToolkitError;
use crate::answer::Answer;
use crate::snapshot::SnapshotCommandError;
use crate::snapshot::by_path::{level, ordered};
use crate::snapshot::source::Source;
use crate::snapshot::totals::totals;

const USAGE: &str = "USAGE:

zkSnapshotRecursiveSummaryToolkit.sh  <snapshot_file>  <starting_node>  <max_depth>

snapshot_file:    the path of the snapshot
starting_node:    the znode where to begin
max_depth:        levels below that which are shown; 0 for all. All of them are counted";
const MISUSED: u8 = 2;

/// Three lines for each znode that has children.
pub fn run(words: &[String], answer: &mut Answer) -> Result<(), ToolkitError> {
    let misused = || ToolkitError::refused(USAGE, MISUSED);
    let [file, start, depth] = words else { return Err(misused()) };
    let depth: i32 = depth.parse().map_err(|_| misused())?;
    let content = Source::find(Path::new(file))?.load()?;
    let znodes = ordered(&content.tree, start);
    if znodes.is_empty() {
        return Err(SnapshotCommandError::NoZnode { file: content.file, path: start.clone() }.into());
    }
    let top = level(start);
    for (totals, znode) in totals(&znodes).iter().zip(&znodes) {
        let below = level(totals.path) - top;
        let is_shown = depth == 0 || usize::try_from(depth).is_ok_and(|depth| below <= depth);
        if znode.num_children() == 0 || !is_shown {
            continue;
        }
        let tab = "--".repeat(below);
        answer.line(format_args!("{tab} {}", totals.path))?;
        answer.line(format_args!("{tab}   children: {}", totals.znodes - 1))?;
        answer.line(format_args!("{tab}   data: {}", totals.bytes))?;
    }
    answer.line(format_args!(""))?;
    Ok(())
}

//! `tree`: a subtree with its shape.

use serde_json::json;

use super::levels;
use crate::client::stat::ShownStat;
use crate::shell::complaint::Complaint;
use crate::shell::stage::Stage;
use crate::shell::syntax::TREE;
use crate::shell::walk::{Walk, name};

pub fn tree(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&TREE, words, 1)?;
    let (levels, has_sizes) = (levels::of(&given)?, given.has("s"));
    let mut walk = Walk::new(&stage.client, &given.words[1], false);
    let mut count = 0u64;
    while let Some(visited) = walk.visit()? {
        count += 1;
        if visited.depth >= levels {
            walk.leave_out(|_| true);
        }
        let name = if visited.depth == 0 { visited.path.as_str() } else { name(&visited.path) };
        let size = if has_sizes { size(&visited.stat) } else { String::new() };
        stage.say(&format!("{}{name}{size}", branch(walk.others_come())));
        let stat = visited.stat;
        stage.output.object(&json!({
            "path": visited.path, "depth": visited.depth, "bytes": stat.data_length, "children": stat.children,
            "ephemeral": stat.is_ephemeral(),
        }));
        stage.check_interest()?;
    }
    stage.say(&format!("{count} {}", if count == 1 { "znode" } else { "znodes" }));
    Ok(())
}

fn size(stat: &ShownStat) -> String {
    let ephemeral = if stat.is_ephemeral() { ", ephemeral" } else { "" };
    format!("  ({} bytes{ephemeral})", stat.data_length)
}

/// The lines that lead to a znode: for each level, whether others of it come.
fn branch(others_come: impl Iterator<Item = bool>) -> String {
    let levels: Vec<bool> = others_come.collect();
    let Some((own, above)) = levels.split_last() else { return String::new() };
    let above: String = above.iter().map(|others| if *others { "│   " } else { "    " }).collect();
    format!("{above}{}", if *own { "├── " } else { "└── " })
}

#[cfg(test)]
mod tests {
    use super::branch;

    #[test]
    fn branches_lead_to_znodes() {
        for (others, expected) in
            [(&[][..], ""), (&[true], "├── "), (&[false], "└── "), (&[true, false, true], "│       ├── ")]
        {
            assert_eq!(branch(others.iter().copied()), expected);
        }
    }
}

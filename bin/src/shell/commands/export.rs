//! `export`: writes a subtree to a file, a znode a line (`export_line`), as each was when it was read.
//!
//! The file is new, and is on the disk when it is told that it was written. What could not be written whole is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use paddock_engine::io::advice;
use serde_json::json;

use crate::client::failure::Failure;
use crate::shell::complaint::Complaint;
use crate::shell::export_line::{Line, Znode};
use crate::shell::stage::Stage;
use crate::shell::syntax::NONE;
use crate::shell::walk::Walk;

/// stdout.
const STDOUT: &str = "-";
/// Below the root it is the server's own.
const RESERVED: &str = "zookeeper";
/// Znodes whose contents are asked for at once.
const WIDTH: usize = 64;

pub fn export(stage: &Stage, words: &[String]) -> Result<(), Complaint> {
    let given = stage.given(&NONE, words, 2)?;
    let (root, to) = (&given.words[1], &given.words[2]);
    if to == STDOUT {
        write_subtree(stage, root, &mut |line| {
            stage.output.print(line);
            Ok(stage.check_interest()?)
        })?;
        return Ok(());
    }
    let file = Path::new(to);
    let opened = OpenOptions::new().write(true).create_new(true).open(file);
    let opened = opened.map_err(|error| complaint(file, &error))?;
    match write_file(stage, root, opened, file) {
        Ok(znodes) => {
            let count = if znodes == 1 { "1 znode".to_owned() } else { format!("{znodes} znodes") };
            stage.say(&format!("{count} of {root} are in {to}"));
            stage.output.object(&json!({"path": root, "file": to, "znodes": znodes}));
            Ok(())
        }
        Err(why) => {
            // A part of it would be taken for all of it. Where it cannot be removed, its last line is missing.
            drop(fs::remove_file(file));
            Err(why)
        }
    }
}

fn complaint(file: &Path, error: &io::Error) -> Complaint {
    Complaint::new(format!("{} cannot be written: {error}; {}", file.display(), advice(error)))
}

fn write_file(stage: &Stage, root: &str, opened: File, file: &Path) -> Result<u64, Complaint> {
    let failed = |error: io::Error| complaint(file, &error);
    let mut out = BufWriter::new(opened);
    let znodes = write_subtree(stage, root, &mut |line| writeln!(out, "{line}").map_err(failed))?;
    let opened = out.into_inner().map_err(|error| complaint(file, error.error()))?;
    opened.sync_all().map_err(failed)?;
    sync_directory(file).map_err(failed)?;
    Ok(znodes)
}

/// What makes the name of a new file last.
fn sync_directory(file: &Path) -> io::Result<()> {
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Hands over the lines of a subtree; how many znodes it has. Only those are held whose contents are not answered yet.
fn write_subtree(
    stage: &Stage,
    root: &str,
    hand_over: &mut dyn FnMut(&str) -> Result<(), Complaint>,
) -> Result<u64, Complaint> {
    hand_over(&Line::First(root.into()).text())?;
    let mut walk = Walk::new(&stage.client, root, false);
    let has_reserved = stage.client.chroot().server_path(root) == "/";
    let mut znodes = 0;
    loop {
        let paths = next_paths(&mut walk, has_reserved)?;
        if paths.is_empty() {
            break;
        }
        let asked: Vec<_> = paths.iter().map(|path| stage.client.begin_content(path)).collect();
        for (path, asked) in paths.iter().zip(asked) {
            let content = match asked.wait() {
                Ok(content) => content,
                // It has gone since its parent told of it; of the root that is told by the walk.
                Err(failure) if failure.is_no_node() => continue,
                Err(failure) => return Err(failure.into()),
            };
            let is_ephemeral = content.stat.is_ephemeral();
            let path = below(path, root).to_owned();
            let znode = Znode { path, data: content.data, acl: content.acl, is_ephemeral };
            hand_over(&Line::Znode(znode).text())?;
            znodes += 1;
        }
        stage.check_patience()?;
    }
    hand_over(&Line::Last(znodes).text())?;
    Ok(znodes)
}

/// The next few of the walk, in its order.
fn next_paths(walk: &mut Walk<'_>, has_reserved: bool) -> Result<Vec<String>, Failure> {
    let mut paths = Vec::new();
    while paths.len() < WIDTH {
        let Some(visited) = walk.visit()? else { break };
        if has_reserved && visited.depth == 0 {
            walk.leave_out(|name| name == RESERVED);
        }
        paths.push(visited.path);
    }
    Ok(paths)
}

/// A path as seen from the root of the subtree.
fn below<'a>(path: &'a str, root: &str) -> &'a str {
    match path.strip_prefix(root) {
        _ if root == "/" => path,
        Some("") | None => "/",
        Some(below) => below,
    }
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn paths_begin_at_the_subtree() {
        for (path, root, expected) in
            [("/a/b", "/", "/a/b"), ("/", "/", "/"), ("/a", "/a", "/"), ("/a/b", "/a", "/b"), ("/a/b/c", "/a/b", "/c")]
        {
            assert_eq!(below(path, root), expected);
        }
    }
}

//! The commands of a page, run as a reader runs them: one after the other, in one shell, in an empty directory.
//!
//! They are run as they stand, with the ports that the page names: in a network, processes and mounts of their own, so that
//! no port is taken, no port of theirs is open for others, and nothing that they start outlives them. Root may make such
//! namespaces; whoever is not root is taken for root in one of users.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::page::Block;
use crate::clients::create_directory;
use crate::step::{Failure, said};
use crate::{clients_dir, root, target_dir};

/// A page that has not ended by then waits for what does not come.
const SECONDS_MAX: u32 = 900;

/// Runs blocks, each with the page that it is of. Says whether all commands have succeeded.
pub fn rehearse(page: &str, blocks: &[(&str, &Block)], program: &Path) -> Result<bool, Failure> {
    let directory = directory(page)?;
    let file = directory.with_extension("sh");
    let written = fs::write(&file, script(blocks));
    written.map_err(|error| Failure(format!("{} cannot be written: {error}", file.display())))?;
    let mut shell = Command::new("setpriv");
    shell.args(["--pdeathsig", "KILL", "unshare"]);
    if said(Command::new("id").arg("-u"))? != "0" {
        shell.args(["--user", "--map-root-user"]);
    }
    shell.args(["--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "bash"]).arg(&file);
    shell.current_dir(&directory).env("PATH", path(program)?).env("HOME", &directory).env("PADDOCK", program);
    let status = shell.stdin(Stdio::null()).status();
    let status = status.map_err(|error| Failure(format!("{shell:?} cannot be started: {error}")))?;
    if !status.success() {
        println!("{page}: {status}, in the block that is named last; the files are in {}", directory.display());
    }
    Ok(status.success())
}

/// An empty one for a page, on the disk of the build.
fn directory(page: &str) -> Result<PathBuf, Failure> {
    let name = Path::new(page).file_stem().expect("a page is a file");
    let directory = target_dir().join("docs").join(name);
    if directory.exists() {
        let removed = fs::remove_dir_all(&directory);
        removed.map_err(|error| Failure(format!("{} cannot be removed: {error}", directory.display())))?;
    }
    create_directory(&directory)?;
    Ok(directory)
}

/// The shell is the first process of its namespace: it reaps whatever the commands leave, and all of them end with it. It hears that its
/// time is over when the command that it waits for has ended, so that this one is ended too; nobody else is, where somebody runs
/// the file by hand.
fn script(blocks: &[(&str, &Block)]) -> String {
    let mut script = format!(
        "set -e\n\
         ip link set lo up\n\
         trap 'echo \"the page has not ended after {SECONDS_MAX} s\"; exit 1' TERM\n\
         if [ $$ = 1 ]; then (sleep {SECONDS_MAX}; kill -TERM 1; kill -KILL -- -1) & disown; fi\n"
    );
    for (page, block) in blocks {
        script.push_str(&format!("echo '--- {page}:{}'\n{}", block.line, block.text));
    }
    script
}

/// Where a shell finds the program, the scripts that come with it and, of Python, kazoo, before all else.
fn path(program: &Path) -> Result<std::ffi::OsString, Failure> {
    let of_program = program.parent().expect("a program lies in a directory").to_owned();
    let first = [of_program, root().join("bin/packaging/scripts"), clients_dir().join("venv/bin")];
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let joined = std::env::join_paths(first.into_iter().chain(std::env::split_paths(&rest)));
    joined.map_err(|error| Failure(format!("a directory cannot be in PATH: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::page::Page;
    use super::script;

    #[test]
    fn blocks_are_run_in_their_order_and_named() {
        let page = Page::parse("```sh\na\n```\n\n```sh\nb\n```\n").expect("all fences are closed");
        let blocks: Vec<_> = page.blocks.iter().map(|block| ("x.md", block)).collect();
        assert!(script(&blocks).ends_with("echo '--- x.md:1'\na\necho '--- x.md:5'\nb\n"));
    }
}

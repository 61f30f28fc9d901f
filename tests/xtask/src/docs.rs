//! README.md and the book below `docs`: what they say is tried. Blocks of commands that are marked `sh` are run; those that
//! cannot be run are marked `console`, and are listed here with the reason.

mod links;
mod page;
mod rehearsal;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use self::page::{Block, Page};
use crate::step::{Failure, TestCounts, run, said, section};
use crate::{cargo, packages, root, target_dir};

const README: &str = "README.md";
const BOOK: &str = "docs";
const PAGES: &str = "docs/src";
const SUMMARY: &str = "docs/src/SUMMARY.md";
/// What the table of keys is written to.
const CONFIGURATION: &str = "docs/src/configuration.md";

/// What a block may be: commands that are run, commands that are not, what a program says, lines of a zoo.cfg or of another file.
const LANGUAGES: [&str; 4] = ["sh", "console", "text", "ini"];

/// Blocks that are not run: the page, the beginning of the block, and why.
const NOT_RUN: [(&str, &str, &str); 15] = [
    ("README.md", "cargo run --release -- demo", "each holds the terminal or runs all of this"),
    (
        "docs/src/getting-started.md",
        "cargo install --path bin",
        "it would build the program again, and change the user's own",
    ),
    ("docs/src/getting-started.md", "paddock demo", "it waits for keys"),
    ("docs/src/from-zookeeper.md", "systemctl stop zookeeper", "it needs the services of a machine"),
    ("docs/src/from-zookeeper.md", "systemctl stop paddock", "likewise"),
    ("docs/src/operations.md", "paddock ensemble --all", "it draws until it is ended"),
    ("docs/src/operations.md", "paddock shell --server", "it waits for lines"),
    ("docs/src/operations.md", "systemctl restart paddock", "it needs the services of a machine"),
    ("docs/src/packages.md", "cargo xtask deb", "it builds for release, which the test run does by itself"),
    ("docs/src/packages.md", "podman build", "it needs a registry and podman; tests judge the script of the image"),
    ("docs/src/packages.md", "helm install", "it needs a Kubernetes; cargo xtask helm judges the chart"),
    ("docs/src/packages.md", "cargo xtask musl", "it needs musl-tools"),
    ("docs/src/profiling.md", "bpftrace -e", "it needs bpftrace, and a kernel that lets it look"),
    ("docs/src/profiling.md", "paddock bench versus", "it takes long, and wants the machine for itself"),
    (
        "docs/src/profiling.md",
        "paddock profile HOST",
        "it names a machine that is not there; tests of the profile run it",
    ),
];

/// A page whose commands go on where those below a heading of another page end.
const GOES_ON_FROM: [(&str, &str, &str); 2] = [
    ("README.md", "docs/src/getting-started.md", "one-server"),
    ("docs/src/operations.md", "docs/src/getting-started.md", "three-servers-on-one-machine"),
];

/// What `cargo xtask docs` does with its arguments: `--write`, or names of pages.
pub fn docs(arguments: &[String]) -> Result<TestCounts, Failure> {
    if arguments.iter().any(|argument| argument == "--write") {
        return write().map(|()| TestCounts::default());
    }
    packages::install()?;
    run(cargo().args(["build", "--package", "paddock"]))?;
    check(&target_dir().join("debug/paddock"), arguments)
}

/// Writes the page that is made from the table of keys.
fn write() -> Result<(), Failure> {
    let page = said(cargo().args(["run", "--quiet", "--package", "paddock", "--example", "configuration"]))?;
    let file = root().join(CONFIGURATION);
    fs::write(&file, page + "\n").map_err(|error| Failure(format!("{} cannot be written: {error}", file.display())))?;
    println!("{} is written", file.display());
    Ok(())
}

/// Judges all pages, and runs the commands of those that are named, or of all where none is. `program` is absolute.
pub fn check(program: &Path, named: &[String]) -> Result<TestCounts, Failure> {
    section("documents");
    let pages = read()?;
    if let Some(unknown) = named.iter().find(|name| !pages.contains_key(*name)) {
        return Err(Failure(format!("there is no page {unknown}; there are {}", names(&pages))));
    }
    let mut mistakes = links::mistakes(&pages, SUMMARY);
    mistakes.extend(mistakes_of_blocks(&pages));
    if !mistakes.is_empty() {
        return Err(Failure(mistakes.join("\n")));
    }
    build_book()?;
    let mut counts = TestCounts::default();
    for (name, page) in &pages {
        let blocks = to_run(&pages, name, page);
        if blocks.is_empty() || !(named.is_empty() || named.contains(name)) {
            continue;
        }
        section(&format!("the commands of {name}"));
        match rehearsal::rehearse(name, &blocks, program)? {
            true => counts.passed += 1,
            false => counts.failed += 1,
        }
    }
    Ok(counts)
}

/// Every page, by its path in the repository.
fn read() -> Result<BTreeMap<String, Page>, Failure> {
    let directory = root().join(PAGES);
    let unreadable = |error| Failure(format!("cannot read {}: {error}", directory.display()));
    let mut names = vec![README.to_owned()];
    for entry in fs::read_dir(&directory).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".md") {
            names.push(format!("{PAGES}/{name}"));
        }
    }
    names.into_iter().map(|name| read_page(&name).map(|page| (name, page))).collect()
}

fn read_page(name: &str) -> Result<Page, Failure> {
    let text = fs::read_to_string(root().join(name)).map_err(|error| Failure(format!("{name}: {error}")))?;
    Page::parse(&text).map_err(|line| Failure(format!("{name}:{line}: nothing closes this block")))
}

fn names(pages: &BTreeMap<String, Page>) -> String {
    pages.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Sentences about blocks that nobody knows what to do with, and about reasons without a block.
fn mistakes_of_blocks(pages: &BTreeMap<String, Page>) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut unused: BTreeSet<usize> = (0..NOT_RUN.len()).collect();
    for (name, page) in pages {
        for block in &page.blocks {
            let place = format!("{name}:{}", block.line);
            if !LANGUAGES.contains(&&*block.language) {
                mistakes.push(format!("{place}: {:?} is none of {}", block.language, LANGUAGES.join(", ")));
            }
            if block.language != "console" {
                continue;
            }
            match NOT_RUN.iter().position(|(page, begin, _)| page == name && block.text.starts_with(*begin)) {
                Some(reason) => _ = unused.remove(&reason),
                None => mistakes.push(format!("{place}: no reason says why this is not run; mark it sh, or add one")),
            }
        }
    }
    let gone = unused.into_iter().map(|reason| NOT_RUN[reason]);
    mistakes.extend(gone.map(|(page, begin, _)| format!("{page} has no block of console that begins with {begin:?}")));
    mistakes
}

/// The blocks that a page's commands are, in their order, with the page that each is of.
fn to_run<'pages>(
    pages: &'pages BTreeMap<String, Page>,
    name: &'pages str,
    page: &'pages Page,
) -> Vec<(&'pages str, &'pages Block)> {
    let own: Vec<_> = page.blocks.iter().filter(|block| block.language == "sh").map(|block| (name, block)).collect();
    let before = GOES_ON_FROM.iter().filter(|(page, ..)| *page == name);
    let before = before.flat_map(|(_, from, heading)| {
        let blocks = pages.get(*from).map_or(&[][..], |page| &page.blocks[..]);
        let below = blocks.iter().filter(move |block| block.language == "sh" && block.below == *heading);
        below.map(move |block| (*from, block))
    });
    before.chain(own).collect()
}

/// The pages for a browser, where there is an mdBook.
fn build_book() -> Result<(), Failure> {
    let version = Command::new("mdbook").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        println!("left out: mdbook is not there to make a book of the pages");
        return Ok(());
    }
    let into: PathBuf = target_dir().join("book");
    run(Command::new("mdbook").arg("build").arg(root().join(BOOK)).arg("--dest-dir").arg(into))
}

#[cfg(test)]
mod tests {
    use super::{GOES_ON_FROM, mistakes_of_blocks, names, read, to_run};

    #[test]
    fn every_block_is_run_or_has_a_reason() {
        let pages = read().expect("the pages can be read");
        assert_eq!(mistakes_of_blocks(&pages), [""; 0]);
        assert!(names(&pages).contains("README.md, docs/src/SUMMARY.md"));
    }

    #[test]
    fn every_link_leads_somewhere() {
        let pages = read().expect("the pages can be read");
        assert_eq!(super::links::mistakes(&pages, super::SUMMARY), [""; 0]);
    }

    #[test]
    fn a_page_goes_on_from_blocks_that_are_there() {
        let pages = read().expect("the pages can be read");
        for (name, from, _) in GOES_ON_FROM {
            let page = &pages[name];
            assert_eq!(to_run(&pages, name, page).first().map(|(page, _)| *page), Some(from));
        }
    }
}

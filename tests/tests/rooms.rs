//! The line of dependencies and the places of unsafe code, as ARCHITECTURE.md has them.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// The crates of this workspace that a crate's `[dependencies]` name.
fn rooms_of(crate_dir: &str) -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join(crate_dir).join("Cargo.toml")).expect("each room is a crate");
    let dependencies = manifest.split("\n[dependencies]").nth(1).unwrap_or_default();
    let dependencies = dependencies.split("\n[").next().unwrap_or_default();
    let names = dependencies.lines().filter_map(|line| line.strip_prefix("paddock-"));
    names.map(|line| line.split(['.', ' ']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn code_depends_in_one_direction() {
    assert_eq!(rooms_of("consensus"), [""; 0]);
    assert_eq!(rooms_of("engine"), ["consensus"]);
    assert_eq!(rooms_of("net"), ["consensus", "engine"]);
    assert_eq!(rooms_of("bin"), ["consensus", "engine", "net"]);
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("it is a directory of this workspace") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn unsafe_code_is_where_the_architecture_says() {
    let mut files = Vec::new();
    for room in ["consensus", "engine", "net", "bin"] {
        sources(&root().join(room).join("src"), &mut files);
    }
    assert!(files.len() > 50, "the sources were found");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("sources are text");
        let named = ["engine/src/tree", "engine/src/io", "bin/src/allocator.rs"];
        let is_named = named.iter().any(|place| file.starts_with(root().join(place)));
        assert!(is_named || !text.contains("allow(unsafe_code)"), "{} is not among the unsafe modules", file.display());
    }
}

#[test]
fn consensus_needs_no_std() {
    let text = std::fs::read_to_string(root().join("consensus/src/lib.rs")).expect("the crate has a root");
    assert!(text.contains("#![no_std]") && text.contains("#![forbid(unsafe_code)]"));
}

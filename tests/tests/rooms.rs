//! The line of dependencies, between crates and between the files of one, and the places of unsafe code, as ARCHITECTURE.md
//! has them.

use std::collections::{BTreeMap, BTreeSet};
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
    // What judges the server shares nothing with it.
    assert_eq!(rooms_of("tests/history"), [""; 0]);
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
        let named = ["engine/src/tree", "engine/src/io", "net/src/sasl/gssapi_library.rs", "bin/src/allocator.rs"];
        let is_named = named.iter().any(|place| file.starts_with(root().join(place)));
        assert!(is_named || !text.contains("allow(unsafe_code)"), "{} is not among the unsafe modules", file.display());
    }
}

/// A crate that says so unconditionally, names std nowhere and has no dependencies is built of `core` and `alloc` alone. Only
/// where bugs can be put back it reads the environment.
#[test]
fn consensus_needs_no_std() {
    let room = root().join("consensus");
    let text = std::fs::read_to_string(room.join("src/lib.rs")).expect("the crate has a root");
    assert!(text.contains("\n#![no_std]\n") && text.contains("\n#![forbid(unsafe_code)]\n"));
    for (file, text) in crate_of("consensus") {
        let served = text.replace("#[cfg(mutants)]\nextern crate std;", "");
        assert!(!served.contains("extern crate std"), "{file} names std");
    }
    let manifest = std::fs::read_to_string(room.join("Cargo.toml")).expect("each room is a crate");
    let mut headings = manifest.lines().filter(|line| line.starts_with('['));
    assert!(
        headings.all(|heading| ["[package]", "[lints]", "[features]", "[dev-dependencies]"].contains(&heading)),
        "{manifest}"
    );
}

/// The files of one crate by their paths below `src`, and their texts.
type Crate = BTreeMap<String, String>;
/// `a::b::c`, in pieces.
type ModulePath = Vec<String>;

fn crate_of(room: &str) -> Crate {
    let src = root().join(room).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let name = |file: &PathBuf| file.strip_prefix(&src).expect("it lies there").to_str().expect("UTF-8").to_owned();
    files.iter().map(|file| (name(file), std::fs::read_to_string(file).expect("sources are text"))).collect()
}

/// `a/b.rs` and `a/b/mod.rs` are the module `a::b`. What only tests use has no name here, and neither has the program, which
/// is a crate of its own.
fn module_of(file: &str) -> Option<ModulePath> {
    let path = file.strip_suffix(".rs")?;
    let mut pieces: ModulePath = path.split('/').map(str::to_owned).collect();
    if file == "main.rs" || pieces.iter().any(|piece| piece == "tests") {
        return None;
    }
    if pieces.last().is_some_and(|last| last == "mod") || file == "lib.rs" {
        pieces.pop();
    }
    Some(pieces)
}

/// One path that a `use` names, or the code.
struct Import {
    path: ModulePath,
    is_public: bool,
}

/// The `use` lines of a file before its tests, with what stands in braces taken apart.
fn imports(text: &str) -> Vec<Import> {
    let text = text.split("\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    for (start, line) in text.match_indices("use ") {
        let before = text[..start].rsplit('\n').next().unwrap_or_default();
        let is_public = matches!(before, "pub " | "pub(crate) " | "pub(super) ");
        let is_use = before.is_empty() || is_public;
        let is_for_tests = text[..start - before.len()].trim_end().ends_with("#[cfg(test)]");
        if is_use && !is_for_tests {
            let tree = text[start + line.len()..].split(';').next().unwrap_or_default();
            let tree: String = tree.split_whitespace().collect::<Vec<_>>().join(" ");
            found.extend(paths(&tree).into_iter().map(|path| Import { path, is_public }));
        }
    }
    found
}

/// The paths from `crate` or `super` on that the code of a file names before its tests, beside its `use` lines and comments.
fn inline_paths(text: &str) -> Vec<ModulePath> {
    let text = text.split("\nmod tests {").next().unwrap_or_default();
    let mut is_in_use = false;
    let mut code = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default();
        let is_begin = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "]
            .iter()
            .any(|word| line.trim_start().starts_with(word));
        is_in_use |= is_begin;
        if !is_in_use {
            code.push_str(line);
            code.push('\n');
        }
        is_in_use &= !line.contains(';');
    }
    let is_of_path = |character: char| character.is_alphanumeric() || character == '_' || character == ':';
    let starts = ["crate::", "super::"].iter().flat_map(|word| code.match_indices(word)).map(|(start, _)| start);
    // Within a longer path it is no start, and in `pub(in crate::a)` no use.
    let starts = starts.filter(|&start| !code[..start].ends_with(is_of_path) && !code[..start].ends_with("(in "));
    let path = |start: usize| code[start..].split(|character| !is_of_path(character)).next().unwrap_or_default();
    starts.flat_map(|start| paths(path(start))).collect()
}

/// `a::{b, c::{d, e}}` is `a::b`, `a::c::d`, and `a::c::e`.
fn paths(tree: &str) -> Vec<ModulePath> {
    let pieces = |path: &str| -> ModulePath {
        let path = path.split(" as ").next().unwrap_or_default();
        path.split("::").map(|piece| piece.trim().to_owned()).filter(|piece| !piece.is_empty()).collect()
    };
    let Some((head, rest)) = tree.split_once('{') else { return vec![pieces(tree)] };
    let inner = rest.trim_end().strip_suffix('}').expect("braces come in pairs");
    let (mut depth, mut items) = (0, vec![String::new()]);
    for character in inner.chars() {
        depth += i32::from(character == '{') - i32::from(character == '}');
        match character {
            ',' if depth == 0 => items.push(String::new()),
            character => items.last_mut().expect("there is always one").push(character),
        }
    }
    let items = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty());
    items.flat_map(paths).map(|path| [pieces(head), path].concat()).collect()
}

/// Which file of a crate uses which.
struct Uses {
    /// The files by their modules.
    files: BTreeMap<ModulePath, String>,
    /// What a module names that is another's.
    exports: BTreeMap<ModulePath, ModulePath>,
    used: BTreeMap<String, BTreeSet<String>>,
}

impl Uses {
    fn of(texts: &Crate) -> Uses {
        let files = texts.keys().filter_map(|file| Some((module_of(file)?, file.clone()))).collect();
        let mut uses = Uses { files, exports: BTreeMap::new(), used: BTreeMap::new() };
        for (module, file) in uses.files.clone() {
            for import in imports(&texts[&file]).into_iter().filter(|import| import.is_public) {
                let name = import.path.last().cloned().unwrap_or_default();
                if let Some(path) = uses.whole(&module, import.path) {
                    uses.exports.insert([module.clone(), vec![name]].concat(), path);
                }
            }
        }
        for (module, file) in uses.files.clone() {
            let re_exports = file.ends_with("mod.rs") || file == "lib.rs";
            let inline = inline_paths(&texts[&file]).into_iter().map(|path| Import { path, is_public: false });
            for import in imports(&texts[&file]).into_iter().chain(inline) {
                let target = uses.whole(&module, import.path).and_then(|path| uses.file_of(path));
                if let Some(target) = target.filter(|target| *target != file && !(import.is_public && re_exports)) {
                    uses.used.entry(file.clone()).or_default().insert(target);
                }
            }
        }
        uses
    }

    /// The path from the crate's root on; `None` for what other crates have.
    fn whole(&self, module: &ModulePath, path: ModulePath) -> Option<ModulePath> {
        let ups = path.iter().take_while(|piece| *piece == "super").count();
        let here = || module[..module.len() - ups].to_vec();
        match &path[..] {
            [first, rest @ ..] if first == "crate" => Some(rest.to_vec()),
            [first, rest @ ..] if first == "self" => Some([here(), rest.to_vec()].concat()),
            _ if ups > 0 => Some([here(), path[ups..].to_vec()].concat()),
            [first, ..] => {
                let child = [here(), vec![first.clone()]].concat();
                self.files.contains_key(&child).then(|| [here(), path].concat())
            }
            [] => None,
        }
    }

    /// The file in which this is, whoever else names it too.
    fn file_of(&self, mut path: ModulePath) -> Option<String> {
        let mut followed = BTreeSet::new();
        while let Some(target) = self.exports.get(&path) {
            if !followed.insert(path) {
                return None;
            }
            path = target.clone();
        }
        loop {
            if let Some(file) = self.files.get(&path) {
                return Some(file.clone());
            }
            path.pop()?;
        }
    }

    fn reached_from(&self, file: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut to_do = vec![file.to_owned()];
        while let Some(file) = to_do.pop() {
            let next = self.used.get(&file).into_iter().flatten();
            to_do.extend(next.filter(|next| reached.insert((*next).clone())).cloned());
        }
        reached
    }

    /// The groups of files each of which uses all others of its group, perhaps by way of others.
    fn circles(&self) -> BTreeSet<BTreeSet<String>> {
        let reached: BTreeMap<&String, BTreeSet<String>> =
            self.used.keys().map(|file| (file, self.reached_from(file))).collect();
        let uses = |from: &String, to: &String| reached.get(from).is_some_and(|reached| reached.contains(to));
        let circle_of = |file: &String| -> BTreeSet<String> {
            self.used.keys().filter(|other| uses(file, other) && uses(other, file)).cloned().collect()
        };
        self.used.keys().map(circle_of).filter(|circle| !circle.is_empty()).collect()
    }
}

/// The circles that there still are: crate, and files below its `src`. One that is mended leaves this list, and none is added.
const CIRCLES: &[(&str, &[&str])] = &[
    ("engine", &["tree/children.rs", "tree/fork.rs", "tree/heap.rs", "tree/page.rs", "tree/record.rs"]),
    ("engine", &["tree/store.rs", "tree/versions.rs", "tree/view.rs"]),
    ("bin", &["bench/load.rs", "bench/mod.rs"]),
];

#[test]
fn no_files_of_a_crate_use_each_other() {
    let mut found = BTreeSet::new();
    for room in ["consensus", "engine", "net", "bin", "tests/history"] {
        let uses = Uses::of(&crate_of(room));
        found.extend(uses.circles().into_iter().map(|circle| (room.to_owned(), circle)));
    }
    let allowed: BTreeSet<(String, BTreeSet<String>)> = CIRCLES
        .iter()
        .map(|(room, files)| ((*room).to_owned(), files.iter().map(|file| (*file).to_owned()).collect()))
        .collect();
    let new: Vec<_> = found.difference(&allowed).collect();
    let gone: Vec<_> = allowed.difference(&found).collect();
    assert!(new.is_empty() && gone.is_empty(), "circles that are not listed: {new:#?}\nlisted, and mended: {gone:#?}");
}

#[test]
fn circles_are_found_and_nothing_else() {
    let circles = |files: &[(&str, &str)]| -> Vec<String> {
        let files = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        let circles = Uses::of(&files).circles();
        circles.iter().map(|circle| circle.iter().cloned().collect::<Vec<_>>().join(" ")).collect()
    };
    let leaf = "use std::fmt;\n";
    assert_eq!(circles(&[("a.rs", "use crate::b::B;\n"), ("b.rs", leaf)]), [""; 0]);
    assert_eq!(
        circles(&[("a.rs", "use crate::b::B;\n"), ("b.rs", "use crate::{\n    c::C,\n    a::{A, D},\n};\n")]),
        ["a.rs b.rs"]
    );
    let around = [("a.rs", "use crate::b;\n"), ("b.rs", "pub use super::c::C;\n"), ("c.rs", "use super::a::A as B;\n")];
    assert_eq!(circles(&around), ["a.rs b.rs c.rs"]);
    let with_parent = [("m/mod.rs", "mod n;\nuse n::N;\n"), ("m/n.rs", "use super::M;\n")];
    assert_eq!(circles(&with_parent), ["m/mod.rs m/n.rs"]);
    let re_export = [
        ("m/mod.rs", "mod n;\nmod o;\npub use n::N;\npub use self::o::O;\n"),
        ("m/n.rs", "use super::O;\n"),
        ("m/o.rs", leaf),
        ("user.rs", "use crate::m::{N, O};\n"),
    ];
    assert_eq!(circles(&re_export), [""; 0], "what a mod.rs names is its child's");
    let inline = [("a.rs", "use crate::b;\n"), ("b.rs", "// crate::c::C\nfn b() {\n    crate::a::A::new(1)\n}\n")];
    assert_eq!(circles(&inline), ["a.rs b.rs"]);
    let of_parent = [("m/mod.rs", "mod n;\nuse n::N;\n"), ("m/n.rs", "pub(in crate::m) fn f() {}\n")];
    assert_eq!(circles(&of_parent), [""; 0], "where something may be seen is no use");
    let of_parent = [("m/mod.rs", "mod n;\nuse n::N;\n"), ("m/n.rs", "const A: usize = super::B;\n")];
    assert_eq!(circles(&of_parent), ["m/mod.rs m/n.rs"]);
    let tests = "use crate::b;\n#[cfg(test)]\nmod tests {\nuse crate::c;\n}\n";
    assert_eq!(circles(&[("a.rs", tests), ("b.rs", leaf), ("c.rs", "use crate::a;\n")]), [""; 0], "tests may");
}

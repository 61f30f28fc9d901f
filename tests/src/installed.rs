//! What `cargo xtask clients` has built and installed, and the files of `tests/` that go with it.
use std::path::{Path, PathBuf};

/// A path below the directory `PADDOCK_CLIENTS`, by default `clients` beside cargo's profile directories.
pub fn installed(name: &str) -> PathBuf {
    let root = std::env::var_os("PADDOCK_CLIENTS").map(PathBuf::from).unwrap_or_else(|| {
        let test = std::env::current_exe().expect("a test knows its own path");
        test.ancestors().nth(3).expect("target/<profile>/deps/<test>").join("clients")
    });
    let path = root.join(name);
    assert!(path.exists(), "{} is missing: run `cargo xtask clients` first", path.display());
    path
}

/// A file of `tests/`.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Jars of Debian's packages, as a class path.
pub fn class_path(jars: &[&str]) -> String {
    let paths: Vec<String> = jars.iter().map(|jar| format!("/usr/share/java/{jar}.jar")).collect();
    paths.join(":")
}

/// The class path of the ZooKeeper 3.9 that is installed beside Debian's, which lends it all but its own jars.
pub fn current_zookeeper() -> String {
    before_debians("zookeeper")
}

/// Likewise of the newest 3.8.
pub fn former_zookeeper() -> String {
    before_debians("zookeeper-3.8")
}

fn before_debians(name: &str) -> String {
    format!("{}/*:{}", installed(name).display(), class_path(&["zookeeper", "slf4j-simple"]))
}

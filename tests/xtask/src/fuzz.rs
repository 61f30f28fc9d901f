//! The fuzz targets of `tests/fuzz`, built for coverage on a stable compiler.

use std::path::Path;
use std::process::Command;

use crate::step::{Failure, run, section};
use crate::{cargo, root};

pub const TARGETS: [&str; 20] = [
    "connect",
    "request",
    "multi",
    "acl",
    "path",
    "txn",
    "stream",
    "packet",
    "notification",
    "initial_message",
    "quorum_auth",
    "learner_info",
    "config_text",
    "step",
    "pem",
    "pkcs12",
    "jks",
    "certificate",
    "jaas",
    "kerberos_name",
];

/// What cargo-fuzz passes, without the sanitizer, which needs a nightly compiler: the tree's memory has valgrind and
/// sanitizer runs of its own.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0";
/// Named, so that build scripts are not built for coverage.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const INPUT_BYTES_MAX: u32 = 4096;
const MEMORY_MIB_MAX: u32 = 2048;

/// Builds the targets and runs each for so many seconds on its kept corpus; what it finds new goes to `into`.
pub fn fuzz(into: &Path, seconds: u32, targets: &[&str]) -> Result<(), Failure> {
    section("fuzz");
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--manifest-path", "tests/fuzz/Cargo.toml", "--target", TRIPLE]);
    run(build.arg("--target-dir").arg(into).env("RUSTFLAGS", FLAGS))?;
    for target in targets {
        let (found, artifacts) = (into.join("corpus").join(target), into.join("artifacts").join(target));
        for directory in [&found, &artifacts] {
            std::fs::create_dir_all(directory)
                .map_err(|error| Failure(format!("cannot create {}: {error}", directory.display())))?;
        }
        println!("{target}: {seconds} s");
        let mut fuzzer = Command::new(into.join(TRIPLE).join("release").join(target));
        fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
        fuzzer.arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}")).args(["-timeout=10", "-print_final_stats=1"]);
        fuzzer.args(["-verbosity=0"]);
        fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display()));
        run(fuzzer.arg(found).arg(root().join("tests/fuzz/corpus").join(target)))?;
    }
    Ok(())
}

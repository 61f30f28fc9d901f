//! `cargo xtask results`: builds what `benches/results.py` measures with, and calls it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::step::{Failure, run, section};
use crate::{cargo, root};

/// What goes into the server. A commit elsewhere makes no other program, and what was measured with it stays good.
const SOURCES: [&str; 6] = ["consensus", "engine", "net", "bin", "Cargo.toml", "Cargo.lock"];
/// The clients and scales of the comparisons.
const EXAMPLES: [&str; 3] = ["failover", "floor", "machine"];
/// With these nothing is measured.
const WITHOUT_PROGRAMS: [&str; 3] = ["--only-page", "--help", "-h"];

pub fn results(arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let arguments: Vec<OsString> = arguments.collect();
    if !arguments.iter().any(|word| WITHOUT_PROGRAMS.iter().any(|without| word == without)) {
        section("programs");
        build()?;
    }
    run(Command::new("python3").arg(root().join("benches/results.py")).args(arguments))
}

fn build() -> Result<(), Failure> {
    let mut server = cargo();
    server.args(["build", "--release", "--package", "paddock"]);
    let mut examples = cargo();
    examples.args(["build", "--release", "--package", "paddock-benches"]);
    examples.args(EXAMPLES.iter().flat_map(|example| ["--example", example]));
    // The server tells its date, so that each commit would make another program. The examples share its libraries.
    let date = source_date(&root());
    for build in [&mut server, &mut examples] {
        build.envs(date.iter().map(|date| ("SOURCE_DATE_EPOCH", date)));
        run(build)?;
    }
    Ok(())
}

/// Seconds since 1970 of the last commit that changed the server; `None` outside of a repository.
fn source_date(root: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["log", "-1", "--format=%ct", "--"]).args(SOURCES);
    let output = git.output().ok().filter(|output| output.status.success())?;
    let date = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!date.is_empty()).then_some(date)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use crate::root;

    /// Removed at the end, whatever comes.
    struct Directory(PathBuf);

    impl Drop for Directory {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    /// A result of one row with one figure: its medians, and their ratio for either end of the spread.
    fn put(directory: &Path, row: &str, figure: &str, [a, b]: [f64; 2]) {
        let ratio = a / b;
        let text = format!(
            r#"{{"sides": [{{"name": "Paddock"}}, {{"name": "ZooKeeper"}}], "rounds": 5, "seconds": 6.0, "warmup": 5.0, "znodes": 1000000,
            "machine": "a machine", "rows": [{{"row": "{row}", "title": "{row}", "figures": [{{"figure": "{figure}",
            "medians": [{a}, {b}], "ratio": {ratio}, "least": {ratio}, "greatest": {ratio}}}]}}]}}"#
        );
        fs::write(directory.join(format!("{row}.json")), text).expect("the directory is there");
    }

    #[test]
    fn the_page_says_what_is_reached_and_what_is_not() {
        let directory = Directory(std::env::temp_dir().join(format!("paddock-results-{}", std::process::id())));
        let results = directory.0.join("table");
        fs::create_dir_all(&results).expect("there is room for it");
        // Less is allowed, and at a smaller part of ZooKeeper's; only that; neither; more is better.
        put(&results, "read", "cpu_us_per_op", [8.0, 80.0]);
        put(&results, "read-32", "cpu_us_per_op", [1.0, 10.0]);
        put(&results, "write", "cpu_us_per_op", [50.0, 100.0]);
        put(&results, "storm", "ops_per_second", [30_000.0, 100.0]);
        put(&results, "connections-10", "ops_per_second", [140.0, 100.0]);
        put(&results, "connections-50", "ops_per_second", [140.0, 100.0]);
        let page = directory.0.join("RESULTS.md");
        let mut command = Command::new("python3");
        command.arg(root().join("benches/results.py")).arg("--only-page");
        command.arg("--results").arg(&results).arg("--page").arg(&page);
        let output = command.output().expect("python3 is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let page = fs::read_to_string(page).expect("it was written");
        let line = |beginning: &str| {
            let line = page.lines().find(|line| line.starts_with(beginning));
            line.unwrap_or_else(|| panic!("{beginning} is not there: {page}")).to_owned()
        };
        for (row, cells) in [
            (
                "| read, 1 server, 50 connections, one",
                "| 8.00 us CPU | 80.0 | 10× | 10× | 10× | 8.33× | yes | 9.00 us CPU | yes |",
            ),
            (
                "| read, 1 server, 50 connections, pip",
                "| 1.00 us CPU | 10.0 | 10× | 10× | 10× | 30× | **no** | 1.20 us CPU | yes |",
            ),
            (
                "| durable write, 1 server, 50 connections, one",
                "| 2× | 2× | 2× | 7.62× | **no** | 13.0 us CPU | **no** |",
            ),
            ("| 5,000 sessions", "| 300× | 300× | 300× | 161× | yes | ≥ 20,000 sessions/s | yes |"),
            ("| memory", "| not measured |"),
            ("| 10 |", "| 1.4× | 1.4× | 1.4× | ≥ 1.5× | **no** |"),
            ("| 50 |", "| 1.4× | 1.4× | 1.4× | ≥ 1× | yes |"),
        ] {
            assert!(line(row).contains(cells), "{}", line(row));
        }
        assert!(page.contains("Of 11 targets of a ratio 2 are reached, of 12 absolute ones 3; 2 of 12 rows"), "{page}");
        // A row that falls short has its section, with a profile or without.
        assert!(
            page.contains("### durable write, 1 server, 50 connections, one at a time\n\nNo profile has been made."),
            "{page}"
        );
    }
}

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

    /// A result of one row with figures: their medians, and the ratio of these for either end of the spread.
    fn row(row: &str, figures: &[(&str, [f64; 2])]) -> String {
        let figure = |(figure, [a, b]): &(&str, [f64; 2])| {
            let ratio = a / b;
            format!(
                r#"{{"figure": "{figure}", "medians": [{a}, {b}], "ratio": {ratio}, "least": {ratio}, "greatest": {ratio}}}"#
            )
        };
        let figures: Vec<String> = figures.iter().map(figure).collect();
        format!(r#"{{"row": "{row}", "title": "{row}", "figures": [{}]}}"#, figures.join(", "))
    }

    fn put_rows(directory: &Path, name: &str, rounds: u32, rows: &[String]) {
        let text = format!(
            r#"{{"sides": [{{"name": "Paddock"}}, {{"name": "ZooKeeper"}}], "rounds": {rounds}, "seconds": 6.0, "warmup": 5.0,
            "znodes": 1000000, "machine": "a machine", "bench_options": "", "rows": [{}]}}"#,
            rows.join(", ")
        );
        fs::write(directory.join(format!("{name}.json")), text).expect("the directory is there");
    }

    fn put(directory: &Path, name: &str, figure: &str, sides: [f64; 2]) {
        put_rows(directory, name, 5, &[row(name, &[(figure, sides)])]);
    }

    /// The page of what is in `table`, which is written beside it.
    fn page_of(table: &Path) -> String {
        let page = table.with_file_name("RESULTS.md");
        let mut command = Command::new("python3");
        command.arg(root().join("benches/results.py")).arg("--only-page");
        command.arg("--results").arg(table).arg("--page").arg(&page);
        let output = command.output().expect("python3 is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(page).expect("it was written")
    }

    /// An empty table in a directory of its own.
    fn table(name: &str) -> (Directory, PathBuf) {
        let directory = Directory(std::env::temp_dir().join(format!("paddock-results-{name}-{}", std::process::id())));
        let table = directory.0.join("table");
        fs::create_dir_all(&table).expect("there is room for it");
        (directory, table)
    }

    fn line<'page>(page: &'page str, beginning: &str) -> &'page str {
        let line = page.lines().find(|line| line.starts_with(beginning));
        line.unwrap_or_else(|| panic!("{beginning} is not there: {page}"))
    }

    #[test]
    fn the_page_says_what_is_reached_and_what_is_not() {
        let (_directory, results) = table("targets");
        // Less is allowed, and at a smaller part of ZooKeeper's; only that; neither; more is better.
        put(&results, "read", "cpu_us_per_op", [8.0, 80.0]);
        put(&results, "read-32", "cpu_us_per_op", [1.0, 10.0]);
        put(&results, "write", "cpu_us_per_op", [50.0, 100.0]);
        put(&results, "storm", "ops_per_second", [30_000.0, 100.0]);
        put(&results, "ensemble-connections-10", "ops_per_second", [140.0, 100.0]);
        put(&results, "ensemble-connections-50", "ops_per_second", [140.0, 100.0]);
        let page = page_of(&results);
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
            assert!(line(&page, row).contains(cells), "{}", line(&page, row));
        }
        assert!(page.contains("Of 11 targets of a ratio 2 are reached, of 12 absolute ones 3; 2 of 12 rows"), "{page}");
        // A row that falls short has its section, with a profile or without.
        assert!(
            page.contains("### durable write, 1 server, 50 connections, one at a time\n\nNo profile has been made."),
            "{page}"
        );
    }
    #[test]
    fn every_aim_has_its_line() {
        let (_directory, results) = table("aims");
        let unmeasured = page_of(&results);
        assert!(unmeasured.contains("Of 10 aims 0 are reached and 0 are not; 10 cannot be judged yet"), "{unmeasured}");
        put(&results, "ensemble-write-32", "ops_per_cpu_second", [16_000.0, 1000.0]);
        let mix = [("ops_per_second", [140_000.0, 7000.0]), ("ops_per_cpu_second", [140_000.0, 10_000.0])];
        put_rows(&results, "ensemble-mix-32", 5, &[row("ensemble-mix-32", &mix)]);
        put(&results, "ensemble-write-1", "p50_us", [300.0, 600.0]);
        let machine = ["durable_4k", "fdatasync_4k", "loopback"].map(|what| format!(r#""{what}": {{"p50_us": 50.0}}"#));
        fs::write(results.join("machine.json"), format!("{{{}}}", machine.join(", "))).expect("the directory is there");
        for (clients, a) in [(1, 160.0), (2, 160.0), (5, 155.0), (10, 160.0), (50, 110.0), (100, 90.0)] {
            put(&results, &format!("ensemble-connections-{clients}"), "ops_per_second", [a, 100.0]);
        }
        put(&results, "write-32", "ops_per_second", [500_000.0, 40_000.0]);
        let floor = [
            row("write-32", &[("ops_per_second", [500_000.0, 900_000.0])]),
            row("write-1", &[("p50_us", [110.0, 100.0])]),
        ];
        put_rows(&results, "floor", 2, &floor);
        put(&results, "start", "start_ms", [250.0, 5000.0]);
        put(&results, "memory", "bytes_per_znode", [310.0, 1500.0]);
        let page = page_of(&results);
        for (aim, cells) in [
            ("3 servers, durable writes", "| 16,000 | 1,000 | 16× (16× to 16×) | ≥ 15× | yes |"),
            ("3 servers, 90/10 mix pipelined 32: operations per", "| 14× (14× to 14×) | ≥ 15× | **no** |"),
            (
                "3 servers, 90/10 mix pipelined 32: operations a",
                "| 140,000/s | 7,000/s | 20× (20× to 20×) | ≥ 130,000/s | yes |",
            ),
            ("3 servers, one client", "| ≤ 2 × 50 + 2 × 50 + 100 = 300 us | yes | 200 us |"),
            (
                "3 servers, 90/10 mix, 1 to 10 ",
                "| 155/s | 100/s | 1.55× (1.55× to 1.55×) with 5 | ≥ 1.5× at each | yes |",
            ),
            ("3 servers, 90/10 mix, 1 to 1,000 ", "with 100; 6 of 7 measured | ≥ 1× at each | **no** |"),
            ("1 server, one client", "| 110 us |  | 1.1× the floor (1.1× to 1.1×) | ≤ 1.1× the floor | yes | 100 us |"),
            ("1 server, durable writes", "| ≥ 1,000,000/s | **no**: nor does the floor | 900,000/s |"),
            ("1 server, start", "| 250 ms | 5,000 ms | 20× (20× to 20×) | ≤ 300 ms | yes |"),
            ("1 server, memory", "| ≤ 300 B | **no** |"),
        ] {
            let line = line(&page, &format!("| {aim}"));
            assert!(line.contains(cells), "{line}");
        }
        assert!(page.contains("Of 10 aims 6 are reached and 4 are not."), "{page}");
        // What misses an aim alone has its section, too; and what was measured for less time is told.
        assert!(page.contains("### 90/10 mix, 3 servers, clients: 100\n\nNo profile has been made."), "{page}");
        assert!(page.contains("- 2 rounds: `floor`\n"), "{page}");
    }
}

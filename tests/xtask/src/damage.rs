//! `cargo xtask damage`: damages each file of the servers of an ensemble, and keeps what came of that.

use std::path::Path;
use std::process::Command;

use crate::step::{Failure, TestCounts, run, run_tests};
use crate::{cargo, number, root, target_dir};

const PAGE: &str = "tests/sim/DAMAGE.md";
/// The same of a part of the cases, below the directory of what is built.
const PAGE_OF_PART: &str = "damage.md";

const HEADING: &str = "# Damaged files of an ensemble

`cargo xtask damage` writes this page. Each file of a server is damaged in each way at each place, on disks that three servers
have left that were stopped, or whose power was cut at rest, or right behind an acknowledgement; of one server, of the two
that have all that was acknowledged, or of all three; beside both of the others, or beside the one that lacks some. Then all
are started, in virtual time. What was acknowledged must be in the state of all who serve, and nothing else; they must go on,
and start once more. `cargo xtask damage CASES` tries so many of them, and keeps nothing here.
";

const OUTCOMES: &str = "
| outcome | is |
|---|---|
| served | all serve, with what they have: the damage took nothing of that |
| cut | it serves, and has cut off what it took for the torn end of its log |
| copied | it does not vote, says in one message which file is damaged and, of a log or a snapshot, where, and is brought a full copy |
| waited for | a quorum has such damage: those who have it say the same; nobody serves before some have their files back |
| refused | it does not start, with a message that names the file; the others serve |
| failed | anything else |
";

const FILES: &str = "
## Files

*One*, *two* and *three* are the servers that have the damage. *All of* a kind, or of a generation, are damaged at once. A number
that is part of a file's name is left out.

";

const PLACES: &str = "
## Places

Of one server, whose data is of its first generation, or of one that it was brought as a copy: what is damaged is not a file's
content.

";

/// What the command does with its arguments: all cases in virtual time, or as many as told, and those of processes.
pub fn damage() -> Result<TestCounts, Failure> {
    let (cases, seed) = (number(2, u64::from(u32::MAX))?, number(3, 1)?);
    let is_whole = std::env::args().nth(2).is_none();
    let head = format!("{HEADING}\n{}.\n", of_commit());
    let tables = target_dir().join("damage");
    let cannot = |path: &Path, error| Failure(format!("{}: {error}", path.display()));
    // Of a run before, of which this one may not write all.
    if tables.exists() {
        std::fs::remove_dir_all(&tables).map_err(|error| cannot(&tables, error))?;
    }
    std::fs::create_dir_all(&tables).map_err(|error| cannot(&tables, error))?;
    let mut tests = cargo();
    tests.args(["test", "--package", "paddock-sim", "--test", "damage", "--", "--nocapture"]);
    tests.env("PADDOCK_DAMAGE_CASES", cases.to_string()).env("PADDOCK_SEED", seed.to_string());
    let mut counts = run_tests(tests.env("PADDOCK_DAMAGE_TABLES", &tables))?;
    let table = |name: &str| {
        let path = tables.join(name);
        std::fs::read_to_string(&path).map_err(|error| cannot(&path, error))
    };
    let text = [&head, OUTCOMES, FILES, &table("files.md")?, PLACES, &table("places.md")?].concat();
    let page = if is_whole { root().join(PAGE) } else { target_dir().join(PAGE_OF_PART) };
    std::fs::write(&page, text).map_err(|error| cannot(&page, error))?;
    println!("the page is {}", page.display());
    run(cargo().args(["build", "--package", "paddock"]))?;
    let mut tests = cargo();
    tests.args(["test", "--package", "paddock-tests", "--test", "ensemble", "--", "--nocapture", "damage"]);
    let more = run_tests(tests.env("PADDOCK_BIN", target_dir().join("debug/paddock")))?;
    counts.passed += more.passed;
    counts.failed += more.failed;
    Ok(counts)
}

/// Which commit it is, with a `+` if more was changed since, and its day.
fn of_commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root()).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["show", "--no-patch", "--format=%h, %cs", "HEAD"]) else {
        return "Commit unknown".to_owned();
    };
    let is_changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|text| !text.is_empty());
    let plus = if is_changed { "+" } else { "" };
    format!("Commit {}", commit.replace(',', &format!("{plus},")))
}

//! What was searched through, kept with the code.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::ops::Range;
use std::process::Command;
use std::time::SystemTime;

use super::search::Report;

/// Where it is kept.
pub const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/LEDGER.md");

/// Adds a row.
pub fn append(report: &Report) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(PATH)?;
    file.write_all(row(report).as_bytes())
}

fn row(report: &Report) -> String {
    let Report { seeds: Range { start, end }, worlds, tally, writes, failed, .. } = report;
    let day = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let (hours, speed) = (report.lived.as_secs_f64() / 3600.0, report.speed());
    let faults = tally.power_cuts + tally.ends + tally.partitions + tally.resets;
    let failed: Vec<String> = failed.iter().map(u64::to_string).collect();
    let failed = if failed.is_empty() { "none".to_owned() } else { failed.join(" ") };
    let (day, last) = (&day[..10], end.saturating_sub(1));
    format!(
        "| {day} | {} | {start} to {last} ({worlds}) | {hours:.1} h | {speed:.0} | {faults} | {writes} | {failed} |\n",
        commit()
    )
}

/// The commit that was built, with a `+` if more was changed since.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".to_owned() };
    let is_changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|text| !text.is_empty());
    if is_changed { commit + "+" } else { commit }
}

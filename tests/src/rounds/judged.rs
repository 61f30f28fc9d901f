//! The judgement of all that the clients of a run have seen.
use paddock_history::{History, check, text};

/// Panics with what is wrong with a history, and keeps it under this name.
pub fn judge(history: &History, name: &str) {
    let report = check(history);
    eprintln!("{}", report.text(history).lines().last().unwrap_or_default());
    // Without a log, where no judgement is always possible, only what is certain counts.
    if report.violations.is_empty() && (report.is_clean() || history.log.is_none()) {
        return;
    }
    let path = std::env::temp_dir().join(format!("paddock-{name}-{}.history", std::process::id()));
    let mut kept = Vec::new();
    text::write(history, &mut kept).expect("a vector takes everything");
    let kept = std::fs::write(&path, kept);
    panic!("{}kept for `cargo xtask history {}`: {kept:?}", report.text(history), path.display());
}

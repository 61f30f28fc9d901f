//! What zkCleanup.sh does: removes old snapshots, and the logs that only they needed. A server may run meanwhile.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use paddock_engine::generation;
use paddock_engine::io::Files;
use paddock_engine::{log, snapshot};

use super::ToolkitError;
use crate::answer::Answer;
use crate::date;

const USAGE: &str = "Usage:
zkCleanup.sh [--config DIR] -n count
\tcount -- how many snapshots stay, with the logs that they need; at least 3";
/// Fewer would take away the way back from a snapshot that is damaged.
const COUNT_MIN: usize = 3;

/// The directories of one server, and how many snapshots stay.
struct Order {
    log_dir: PathBuf,
    data_dir: PathBuf,
    count: usize,
}

/// `dataLogDir [dataDir] -n count`: of the present generation, Paddock's own files alone.
pub fn run(words: &[String], answer: &mut Answer) -> Result<(), ToolkitError> {
    let order = match Order::read(words) {
        Ok(order) => order,
        Err(why) => {
            answer.line(format_args!("{USAGE}"))?;
            return Err(ToolkitError::refused(why, 1));
        }
    };
    let present = generation::present(&Files::Real, &order.data_dir, &order.log_dir);
    let present = present.map_err(ToolkitError::Generation)?;
    clean(&present.dir(&order.data_dir), &present.dir(&order.log_dir), order.count, answer)
}

impl Order {
    fn read(words: &[String]) -> Result<Order, String> {
        let (log_dir, data_dir, option, count) = match words {
            [dir, option, count] => (dir, dir, option, count),
            [log_dir, data_dir, option, count] => (log_dir, data_dir, option, count),
            _ => return Err("the directories, -n and a count are expected".to_owned()),
        };
        for dir in [log_dir, data_dir] {
            if !Path::new(dir).exists() {
                return Err(format!("Path '{dir}' does not exist. "));
            }
        }
        let count: usize = count.parse().map_err(|_| format!("'{count}' can not be parsed to integer."))?;
        if count < COUNT_MIN {
            return Err(format!("count should be greater than or equal to {COUNT_MIN}"));
        }
        if option != "-n" {
            return Err(format!("{option} is not known"));
        }
        Ok(Order { log_dir: log_dir.into(), data_dir: data_dir.into(), count })
    }
}

fn clean(data_dir: &Path, log_dir: &Path, count: usize, answer: &mut Answer) -> Result<(), ToolkitError> {
    let failed = |source| ToolkitError::Path { path: data_dir.to_owned(), source };
    let found = snapshot::list(&Files::Real, data_dir).map_err(failed)?;
    let found: Vec<(String, PathBuf)> = found.into_iter().map(|(_, path)| (changed(&path), path)).collect();
    let is_whole = |path: &Path| snapshot::check(&Files::Real, path).is_ok();
    let purged = snapshot::purge(&Files::Real, data_dir, count, is_whole).map_err(failed)?;
    for (changed, path) in found.iter().filter(|(_, path)| !path.exists()) {
        answer.line(format_args!("Removing file: {changed}\t{}", path.display()))?;
    }
    let Some(oldest) = purged.oldest_kept else { return Ok(()) };
    let mut told = Ok(());
    let removed = log::purge_up_to(&Files::Real, log_dir, oldest, &mut |path| {
        let line = answer.line(format_args!("Removing file: {}\t{}", changed(path), path.display()));
        // All of them are removed, whoever reads of it.
        told = std::mem::replace(&mut told, Ok(())).and(line);
    });
    told?;
    removed.map_err(ToolkitError::Segments)
}

/// When a file was written to last.
fn changed(path: &Path) -> String {
    let time = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    date::java_medium(since.map_or(0, |since| since.as_millis() as i64), &date::zone())
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn arguments_are_those_of_zookeepers_tool() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            Order::read(&words).map(|order| (order.log_dir, order.data_dir, order.count))
        };
        let (log, data) = ("/", "/tmp");
        assert_eq!(read(&[log, "-n", "3"]), Ok((log.into(), log.into(), 3)));
        assert_eq!(read(&[log, data, "-n", "4"]), Ok((log.into(), data.into(), 4)));
        let refused = |words: &[&str]| read(words).expect_err("it is refused");
        assert_eq!(refused(&["/none", "-n", "3"]), "Path '/none' does not exist. ");
        assert_eq!(refused(&[log, "-n", "2"]), "count should be greater than or equal to 3");
        assert_eq!(refused(&[log, "-n", "x"]), "'x' can not be parsed to integer.");
        assert_eq!(refused(&[log, "-m", "3"]), "-m is not known");
        assert!(refused(&["-n", "3"]).contains("expected"));
    }
}

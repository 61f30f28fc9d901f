//! A copy of a ZooKeeper's log that ends sooner.

use std::path::{Path, PathBuf};

use paddock_consensus::Zxid;
use paddock_engine::io::Files;
use paddock_engine::zookeeper::log::{Entry, LogReader};

use super::record::header;
use crate::answer::Answer;
use crate::log::cut::write_copy;
use crate::log::source::TXN_BYTES_MAX;

/// Copies a log up to a transaction, beside it, under the name that ZooKeeper's tool gives. Why there is no copy is a line of the
/// answer too, and that tool ends well then.
///
/// # Errors
/// If the answer cannot be written.
pub fn chop(file: &Path, zxid: Zxid, answer: &mut Answer) -> std::io::Result<()> {
    let end = match end_of_copy(file, zxid, answer)? {
        Ok(end) => end,
        Err(why) => return answer.line(format_args!("Got exception: {why}")),
    };
    let copy = PathBuf::from(format!("{}.chopped{}", file.display(), zxid.0));
    match write_copy(file, &copy, end) {
        Ok(()) => Ok(()),
        Err(error) => answer.line(format_args!("Got exception: {}: {error}", copy.display())),
    }
}

/// Where the copy ends, in bytes from the file's start, or why it cannot be made.
fn end_of_copy(file: &Path, zxid: Zxid, answer: &mut Answer) -> std::io::Result<Result<u64, String>> {
    let mut reader = match LogReader::open(&Files::Real, file, TXN_BYTES_MAX) {
        Ok(reader) => reader,
        Err(error) => return Ok(Err(error.to_string())),
    };
    answer.line(format_args!("{}", header(reader.database())))?;
    let failed = || format!("Failed to chop {}", file.file_name().unwrap_or_default().display());
    let (mut count, mut previous, mut is_there) = (0, None, false);
    let end = loop {
        let (offset, found) = match reader.read_entry() {
            Ok(Entry::Record { offset, zxid, .. }) => (offset, zxid),
            Ok(Entry::End { .. } | Entry::Torn { .. }) => {
                answer.line(format_args!("EOF reached after {count} txns."))?;
                return Ok(Err(failed()));
            }
            Err(error) => return Ok(Err(error.to_string())),
        };
        if let Some(gap) = previous.and_then(|previous| gap(previous, found)) {
            answer.line(format_args!("{gap}"))?;
        }
        if found > zxid {
            break offset;
        }
        is_there |= found == zxid;
        previous = Some(found);
        count += 1;
    };
    if !is_there {
        answer.line(format_args!("This log does not contain zxid {:x}", zxid.0))?;
        return Ok(Err(failed()));
    }
    answer.line(format_args!("Chopping at {:x} new log has {count} records", zxid.0))?;
    Ok(Ok(end))
}

/// What is missing between two transactions that stand behind each other.
fn gap(previous: Zxid, found: Zxid) -> Option<String> {
    let is_same_epoch = previous.epoch() == found.epoch();
    let begins = !is_same_epoch && found == Zxid::first_of(found.epoch());
    let is_next = begins || found.0.checked_sub(1) == Some(previous.0);
    let where_to = if is_same_epoch { "intra" } else { "inter" };
    (!is_next).then(|| format!("There is {where_to}-epoch gap between {:x} and {:x}", previous.0, found.0))
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;

    use super::gap;

    #[test]
    fn what_follows_has_no_gap() {
        let found = |previous, found| gap(Zxid(previous), Zxid(found));
        assert_eq!((found(1, 2), found(0x1_0000_0005, 0x2_0000_0001)), (None, None));
        let told = "There is intra-epoch gap between 1 and 3";
        assert_eq!(found(1, 3).as_deref(), Some(told));
        let told = "There is inter-epoch gap between 100000001 and 200000002";
        assert_eq!(found(0x1_0000_0001, 0x2_0000_0002).as_deref(), Some(told));
    }
}

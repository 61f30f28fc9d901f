//! The log of a history, copied as far as it is vouched for, behind a transaction that the history has already.

use paddock_consensus::Zxid;

use super::error::{BackupError, Failure};
use super::log_piece::PieceWriter;
use super::observer::Observer;
use super::source::Found;
use crate::io::Files;
use crate::log::{LogError, OutsideError, OutsideReader};

/// Behind which transaction the log is copied.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behind {
    /// A snapshot of it begins a history. The log may not have the transaction itself.
    Snapshot(Zxid),
    /// A history ends with it. With the CRC32C of its bytes: the log has to have it, and with these, since otherwise what comes behind
    /// is of another history. Without: it is known that the server comes from the same state, of which the log may begin.
    History(Zxid, Option<u32>),
}

impl Behind {
    fn zxid(self) -> Zxid {
        match self {
            Behind::Snapshot(zxid) | Behind::History(zxid, _) => zxid,
        }
    }

    /// What comes of a log that lacks transactions. Another history can begin with a snapshot that has them; where that is just begun,
    /// the server has newer snapshots by now.
    fn without(self, what: String) -> Result<Copied, Failure> {
        match self {
            Behind::History(..) => Ok(Copied::Diverged(what)),
            Behind::Snapshot(_) => Err(Failure::Changed(what)),
        }
    }
}

/// How the copy ends.
pub(super) enum Copied {
    /// All that is vouched for is with the writer. `in_doubt` is where the log ended, if that is not vouched for.
    Whole { in_doubt: Option<Zxid> },
    /// The log is of another history, and how one knows.
    Diverged(String),
}

/// A log that is being copied.
pub(super) struct LogCopy<'c> {
    pub files: &'c Files,
    pub found: &'c Found,
    pub behind: Behind,
}

impl LogCopy<'_> {
    /// Reads the log to what was its end when that was come to, and waits until that is vouched for, as long as the observer does.
    pub fn run(&self, writer: &mut PieceWriter, observer: &mut dyn Observer) -> Result<Copied, Failure> {
        let after = self.behind.zxid();
        let Found { data, log, snapshots, .. } = self.found;
        let mut reader = match OutsideReader::begin(self.files, data, log, after) {
            Err(OutsideError::Log(LogError::Gap { before, .. })) if self.has_another_way() => {
                return self.behind.without(format!("the log has no transactions before {before} any more"));
            }
            reader => reader?,
        };
        observer.expect(reader.total());
        let mut passage = Passage::new(self.behind);
        // A log that is written to as fast as it is read has an end all the same.
        let (mut read, mut end) = (0, None);
        let newest_snapshot = snapshots.last().map(|(zxid, _)| *zxid);
        loop {
            if let Some(zxid) = newest_snapshot {
                reader.note_snapshot(zxid);
            }
            writer.settle(reader.certain().unwrap_or(after));
            let certain = writer.certain().max(reader.certain().unwrap_or(after));
            if end.is_some_and(|end| certain >= end) {
                break;
            }
            match reader.read_group()? {
                Some(group) => {
                    if let Some(what) = passage.hole_before(group.before) {
                        return self.behind.without(what);
                    }
                    for (zxid, txn) in group.records() {
                        match passage.pass(zxid, txn) {
                            Pass::Over => {}
                            Pass::Copy => writer.append(zxid, txn)?,
                            Pass::Diverged(why) => return Ok(Copied::Diverged(why)),
                        }
                    }
                    writer.end_group(group.last.max(after));
                    read += group.bytes;
                    if !observer.note(group.bytes) {
                        return Err(BackupError::GivenUp.into());
                    }
                }
                None => {
                    end = end.or_else(|| reader.last());
                    reader.look_again()?;
                    let waits = reader.certain() < reader.last();
                    if end.is_none() || (waits && !observer.wait()) {
                        break;
                    }
                    continue;
                }
            }
            if read >= reader.total() {
                end = end.or_else(|| reader.last());
            }
        }
        if let Some(why) = passage.end(reader.last(), newest_snapshot) {
            return Ok(Copied::Diverged(why));
        }
        reader.confirm()?;
        writer.settle(reader.certain().unwrap_or(after));
        Ok(Copied::Whole { in_doubt: end.filter(|end| *end > writer.certain()) })
    }

    /// Only without a snapshot the log has to go back to the first transaction.
    fn has_another_way(&self) -> bool {
        !matches!(self.behind, Behind::Snapshot(Zxid::ZERO))
    }
}

/// What becomes of a record.
enum Pass {
    /// The history has it.
    Over,
    Copy,
    Diverged(String),
}

/// The way through the records, up to the transaction that the history has, and behind it.
struct Passage {
    behind: Behind,
    /// The last transaction that was passed or copied.
    last: Zxid,
    /// The transaction that the history has was met.
    is_met: bool,
}

impl Passage {
    fn new(behind: Behind) -> Passage {
        Passage { behind, last: behind.zxid(), is_met: false }
    }

    /// What is missing, where the next group begins behind a transaction.
    fn hole_before(&self, before: Zxid) -> Option<String> {
        let have = self.last;
        (before > have).then(|| format!("the log has no transactions between {have} and {before}"))
    }

    fn pass(&mut self, zxid: Zxid, txn: &[u8]) -> Pass {
        let after = self.behind.zxid();
        if zxid < after {
            return Pass::Over;
        }
        let Behind::History(_, end) = self.behind else {
            if zxid == after {
                return Pass::Over;
            }
            self.last = zxid;
            return Pass::Copy;
        };
        if zxid == after {
            self.is_met = true;
            return match end {
                Some(end) if end != crc32c::crc32c(txn) => {
                    Pass::Diverged(format!("transaction {zxid} of the log is another one"))
                }
                _ => Pass::Over,
            };
        }
        if end.is_some() && !self.is_met {
            return Pass::Diverged(has_not(after));
        }
        self.last = zxid;
        Pass::Copy
    }

    /// Whether what was read is of another history, now that the log is at its end with its last transaction.
    fn end(&self, log: Option<Zxid>, newest_snapshot: Option<Zxid>) -> Option<String> {
        let Behind::History(after, end) = self.behind else { return None };
        let last = log.max(newest_snapshot).unwrap_or_default();
        let goes_on = match end {
            Some(_) => self.is_met,
            // A log without groups begins behind the newest snapshot, or is that of a fresh server.
            None => log.is_some() || last <= after,
        };
        let why = || if last < after { format!("the server's last transaction is {last}") } else { has_not(after) };
        (!goes_on).then(why)
    }
}

/// It may have begun behind it: nothing tells then whether what was before is the same.
fn has_not(zxid: Zxid) -> String {
    format!("the log has no transaction {zxid}")
}

#[cfg(test)]
mod tests {
    use paddock_consensus::Zxid;

    use super::{Behind, Pass, Passage};

    fn passed(behind: Behind, before: i64, records: &[i64]) -> Result<Vec<i64>, String> {
        let mut passage = Passage::new(behind);
        if passage.hole_before(Zxid(before)).is_some() {
            return Err("a hole".to_owned());
        }
        let mut copied = Vec::new();
        for zxid in records {
            match passage.pass(Zxid(*zxid), &zxid.to_le_bytes()) {
                Pass::Over => {}
                Pass::Copy => copied.push(*zxid),
                Pass::Diverged(why) => return Err(why),
            }
        }
        let log = records.last().map_or(before, |last| *last);
        passage.end(Some(Zxid(log)), None).map_or(Ok(copied), Err)
    }

    #[test]
    fn what_comes_behind_a_history_is_told_from_another_one() {
        let end = crc32c::crc32c(&5_i64.to_le_bytes());
        let history = Behind::History(Zxid(5), Some(end));
        assert_eq!(passed(history, 3, &[4, 5, 6, 7]), Ok(vec![6, 7]));
        assert_eq!(passed(history, 3, &[4, 5]), Ok(vec![]), "nothing is new");
        for records in [&[6][..], &[]] {
            let refused = passed(history, 5, records).unwrap_err();
            assert_eq!(refused, "the log has no transaction 0x5", "what was before may be another state");
        }
        assert_eq!(
            passed(Behind::History(Zxid(5), Some(end + 1)), 3, &[4, 5]).unwrap_err(),
            "transaction 0x5 of the log is another one"
        );
        assert_eq!(passed(history, 3, &[4, 6]).unwrap_err(), "the log has no transaction 0x5");
        assert_eq!(passed(history, 3, &[4]).unwrap_err(), "the server's last transaction is 0x4");
        assert_eq!(passed(history, 6, &[7]).unwrap_err(), "a hole");
        let same = Behind::History(Zxid(5), None);
        assert_eq!(passed(same, 3, &[5, 6]), Ok(vec![6]));
        assert_eq!(passed(same, 5, &[6]), Ok(vec![6]));
        assert_eq!(passed(same, 5, &[]), Ok(vec![]));
        assert_eq!(passed(same, 6, &[7]).unwrap_err(), "a hole");
    }

    #[test]
    fn a_snapshot_may_be_newer_than_the_log_has_been() {
        let snapshot = Behind::Snapshot(Zxid(5));
        assert_eq!(passed(snapshot, 3, &[4, 5, 6]), Ok(vec![6]));
        assert_eq!(
            passed(snapshot, 3, &[4, 6]),
            Ok(vec![6]),
            "without forceSync the end of the log may have been lost"
        );
        assert_eq!(passed(snapshot, 2, &[3]), Ok(vec![]));
        assert_eq!(passed(snapshot, 6, &[7]).unwrap_err(), "a hole");
    }
}

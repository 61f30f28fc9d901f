//! The index of a backup directory: which files there are, what each has, and which backups they make. It is text, for people
//! too; `FORMAT.md` has its lines.

use paddock_consensus::{Epoch, Zxid};

use super::owner::Owner;

/// The first line: a word, and the number of the format.
const WORD: &str = "paddock-backup";
const FORMAT: u64 = 1;
/// No index is longer, bytes: some 500,000 files.
pub(super) const BYTES_MAX: u64 = 64 << 20;
/// No number is larger, so that the next one always exists, and the sums of bytes and records too.
const COUNT_MAX: u64 = 1 << 44;

/// All that a backup directory holds.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Index {
    /// Which server it is of; `None` before the first backup.
    pub server: Option<Owner>,
    /// The oldest first.
    pub histories: Vec<History>,
    pub backups: Vec<Backup>,
}

/// One succession of transactions: snapshots of it, and its log without a hole.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct History {
    pub number: u64,
    /// The oldest first.
    pub snapshots: Vec<SnapshotPiece>,
    /// Each goes on where the one before ends.
    pub logs: Vec<LogPiece>,
}

/// The copy of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotPiece {
    pub zxid: Zxid,
    /// When the server wrote it, ms of its wall clock: not before its transaction.
    pub taken: i64,
    pub bytes: u64,
    /// CRC32C of the file.
    pub sum: u32,
}

/// A part of the log, with one record at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogPiece {
    pub first: Zxid,
    /// The transaction before the first one.
    pub after: Zxid,
    pub last: Zxid,
    pub records: u64,
    /// Of the last transaction, and the latest of all, ms of the wall clock of who ordered them.
    pub time: i64,
    pub latest: i64,
    /// CRC32C of the last transaction, by which the log is known that goes on behind it.
    pub end: u32,
    pub bytes: u64,
    /// CRC32C of the file.
    pub sum: u32,
}

/// A backup: with it one could come to each transaction from its snapshot's to the last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backup {
    pub number: u64,
    /// The number of its history.
    pub history: u64,
    /// When it was begun, ms of the wall clock: what was ordered later need not be in it.
    pub taken: i64,
    /// The newest snapshot by then, 0 also where there was none.
    pub from: Zxid,
    pub last: Zxid,
    /// The newest epoch that the server knew of.
    pub epoch: Epoch,
}

/// What a text is that is no index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoIndex {
    /// Its format is one of a later version.
    Version,
    Damaged,
}

impl History {
    /// The last transaction that can be come to.
    pub fn last(&self) -> Zxid {
        let log = self.logs.last().map_or(Zxid::ZERO, |log| log.last);
        self.snapshots.last().map_or(log, |snapshot| snapshot.zxid.max(log))
    }

    /// With what a restoration can begin, the oldest first: the state of a fresh server, or snapshots from which the log goes on.
    pub fn bases(&self) -> impl DoubleEndedIterator<Item = (Zxid, Option<&SnapshotPiece>)> {
        let begins = self.logs.first().map(|log| log.after);
        let is_whole = begins == Some(Zxid::ZERO) || (begins.is_none() && self.snapshots.is_empty());
        let has_fresh = is_whole && self.snapshots.first().is_none_or(|snapshot| snapshot.zxid > Zxid::ZERO);
        let fresh = has_fresh.then_some((Zxid::ZERO, None));
        let goes_on = move |snapshot: &&SnapshotPiece| begins.is_none_or(|begins| begins <= snapshot.zxid);
        let snapshots = self.snapshots.iter().filter(goes_on).map(|snapshot| (snapshot.zxid, Some(snapshot)));
        fresh.into_iter().chain(snapshots)
    }

    /// The newest snapshot, 0 where there is none.
    pub fn newest_snapshot(&self) -> Zxid {
        self.snapshots.last().map_or(Zxid::ZERO, |snapshot| snapshot.zxid)
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let snapshots = self.snapshots.iter().map(|snapshot| snapshot.bytes);
        snapshots.chain(self.logs.iter().map(|log| log.bytes)).sum()
    }
}

impl Index {
    pub fn history(&self, number: u64) -> Option<&History> {
        self.histories.iter().find(|history| history.number == number)
    }

    /// The number of a history, or of a backup, that has not been given to one that is there.
    pub fn next_history(&self) -> u64 {
        self.histories.last().map_or(1, |history| history.number + 1)
    }

    pub fn next_backup(&self) -> u64 {
        self.backups.last().map_or(1, |backup| backup.number + 1)
    }

    /// The newest epoch that any server knew of from which there is a backup.
    pub fn epoch(&self) -> Epoch {
        let epochs = self.backups.iter().map(|backup| backup.epoch.max(backup.last.epoch()));
        epochs.max().unwrap_or(Epoch(0))
    }

    pub fn text(&self) -> String {
        let mut text = format!("{WORD} {FORMAT}\n");
        if let Some(server) = self.server {
            text += &format!("server {}\n", server.text());
        }
        for History { number, snapshots, logs } in &self.histories {
            text += &format!("history {number}\n");
            snapshots.iter().for_each(|snapshot| text += &snapshot.line());
            logs.iter().for_each(|log| text += &log.line());
        }
        self.backups.iter().for_each(|backup| text += &backup.line());
        let sum = crc32c::crc32c(text.as_bytes());
        text + &format!("sum {sum:08x}\n")
    }

    /// Reads what [`text`](Index::text) has written, and nothing else.
    pub fn parse(bytes: &[u8]) -> Result<Index, NoIndex> {
        let text = std::str::from_utf8(bytes).map_err(|_| NoIndex::Damaged)?;
        match read(text).filter(|index| index.text() == text && index.is_possible()) {
            Some(index) => Ok(index),
            None if is_later(text) => Err(NoIndex::Version),
            None => Err(NoIndex::Damaged),
        }
    }

    /// Whether backups can come to these numbers: a sum tells what was written, not by whom.
    fn is_possible(&self) -> bool {
        let histories: Vec<u64> = self.histories.iter().map(|history| history.number).collect();
        let backups: Vec<u64> = self.backups.iter().map(|backup| backup.number).collect();
        let ascend = |numbers: &[u64]| {
            numbers.is_sorted_by(|one, other| one < other) && numbers.last().is_none_or(|last| *last <= COUNT_MAX)
        };
        let is_small = |history: &History| {
            history.snapshots.iter().all(|snapshot| snapshot.bytes <= COUNT_MAX)
                && history.logs.iter().all(|log| log.bytes <= COUNT_MAX && log.records <= COUNT_MAX)
        };
        ascend(&histories) && ascend(&backups) && self.histories.iter().all(is_small)
    }
}

impl SnapshotPiece {
    fn line(&self) -> String {
        let SnapshotPiece { zxid, taken, bytes, sum } = self;
        format!("snapshot {zxid} taken {taken} bytes {bytes} sum {sum:08x}\n")
    }
}

impl LogPiece {
    fn line(&self) -> String {
        let LogPiece { first, after, last, records, time, latest, end, bytes, sum } = self;
        format!(
            "log {first} after {after} last {last} records {records} time {time} latest {latest} end {end:08x} bytes {bytes} \
             sum {sum:08x}\n"
        )
    }
}

impl Backup {
    fn line(&self) -> String {
        let Backup { number, history, taken, from, last, epoch: Epoch(epoch) } = self;
        format!("backup {number} history {history} taken {taken} from {from} last {last} epoch {epoch}\n")
    }
}

fn read(text: &str) -> Option<Index> {
    let (mut index, mut lines) = (Index::default(), text.lines().skip(1));
    loop {
        let words: Vec<&str> = lines.next()?.split(' ').collect();
        match &words[..] {
            ["server", number, "myid", member] => index.server = Some(Owner::read(number, member)?),
            ["history", number] => {
                index.histories.push(History { number: number.parse().ok()?, ..History::default() });
            }
            ["snapshot", zxid, "taken", taken, "bytes", bytes, "sum", sum] => {
                index.histories.last_mut()?.snapshots.push(SnapshotPiece {
                    zxid: zxid_of(zxid)?,
                    taken: taken.parse().ok()?,
                    bytes: bytes.parse().ok()?,
                    sum: sum_of(sum)?,
                });
            }
            [
                "log",
                first,
                "after",
                after,
                "last",
                last,
                "records",
                records,
                "time",
                time,
                "latest",
                latest,
                "end",
                end,
                "bytes",
                bytes,
                "sum",
                sum,
            ] => {
                index.histories.last_mut()?.logs.push(LogPiece {
                    first: zxid_of(first)?,
                    after: zxid_of(after)?,
                    last: zxid_of(last)?,
                    records: records.parse().ok()?,
                    time: time.parse().ok()?,
                    latest: latest.parse().ok()?,
                    end: sum_of(end)?,
                    bytes: bytes.parse().ok()?,
                    sum: sum_of(sum)?,
                });
            }
            ["backup", number, "history", history, "taken", taken, "from", from, "last", last, "epoch", epoch] => {
                index.backups.push(Backup {
                    number: number.parse().ok()?,
                    history: history.parse().ok()?,
                    taken: taken.parse().ok()?,
                    from: zxid_of(from)?,
                    last: zxid_of(last)?,
                    epoch: Epoch(epoch.parse().ok()?),
                });
            }
            ["sum", _] => return Some(index),
            _ => return None,
        }
    }
}

fn zxid_of(text: &str) -> Option<Zxid> {
    i64::from_str_radix(text.strip_prefix("0x")?, 16).ok().map(Zxid)
}

fn sum_of(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok()
}

/// Whether a later version has written the text, and no damage has changed the number of the format: with ours, its sum would
/// be right.
fn is_later(text: &str) -> bool {
    let Some((first, rest)) = text.split_once('\n') else { return false };
    let format = first.strip_prefix(WORD).and_then(|number| number.strip_prefix(' ')?.parse::<u64>().ok());
    let ours = format!("{WORD} {FORMAT}\n{rest}");
    let is_ours = read(&ours).is_some_and(|index| index.text() == ours);
    format.is_some_and(|format| format > FORMAT) && !is_ours
}

#[cfg(test)]
mod tests {
    use paddock_consensus::{Epoch, Zxid};

    use super::{Backup, History, Index, LogPiece, NoIndex, Owner, SnapshotPiece};

    fn log(after: i64, last: i64) -> LogPiece {
        let (records, bytes) = ((last - after) as u64, 100);
        let (first, after, last) = (Zxid(after + 1), Zxid(after), Zxid(last));
        LogPiece { first, after, last, records, time: 17, latest: 18, end: 0xabc, bytes, sum: 0x1234_5678 }
    }

    fn snapshot(zxid: i64) -> SnapshotPiece {
        SnapshotPiece { zxid: Zxid(zxid), taken: -3, bytes: 9, sum: 7 }
    }

    fn index() -> Index {
        let one = History { number: 1, snapshots: vec![snapshot(4), snapshot(8)], logs: vec![log(2, 6), log(6, 9)] };
        let two = History { number: 3, snapshots: Vec::new(), logs: vec![log(0, 1 << 32)] };
        let backup = |number, history, from, last| Backup {
            number,
            history,
            taken: 1_700_000_000_000 + number as i64,
            from: Zxid(from),
            last: Zxid(last),
            epoch: Epoch(2),
        };
        let backups = vec![backup(1, 1, 4, 6), backup(2, 1, 8, 9), backup(7, 3, 0, 1 << 32)];
        let server = Some(Owner { number: 0xabc, member: Some(3) });
        Index { server, histories: vec![one, two], backups }
    }

    #[test]
    fn it_reads_as_it_was_written_and_nothing_else_is_one() {
        let text = index().text().into_bytes();
        assert_eq!(Index::parse(&text), Ok(index()));
        assert_eq!(Index::parse(Index::default().text().as_bytes()), Ok(Index::default()));
        for bit in 0..text.len() * 8 {
            let mut text = text.clone();
            text[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Index::parse(&text), Err(NoIndex::Damaged), "bit {bit}");
        }
        for end in 0..text.len() {
            assert_eq!(Index::parse(&text[..end]), Err(NoIndex::Damaged), "cut at {end}");
        }
        let far = |change: fn(&mut Index)| {
            let mut index = index();
            change(&mut index);
            Index::parse(index.text().as_bytes())
        };
        assert_eq!(far(|index| index.backups[2].number = u64::MAX), Err(NoIndex::Damaged));
        assert_eq!(far(|index| index.histories[1].number = 1), Err(NoIndex::Damaged));
        assert_eq!(far(|index| index.histories[0].logs[0].bytes = u64::MAX), Err(NoIndex::Damaged));
        let later = "paddock-backup 2\nanything\nsum 00000000\n";
        assert_eq!(Index::parse(later.as_bytes()), Err(NoIndex::Version));
    }

    #[test]
    fn a_restoration_begins_with_what_the_log_goes_on_from() {
        let bases = |history: &History| history.bases().map(|(zxid, _)| zxid.0).collect::<Vec<_>>();
        let Index { histories, .. } = index();
        assert_eq!(bases(&histories[0]), [4, 8]);
        assert_eq!(bases(&histories[1]), [0]);
        let late = History { logs: vec![log(6, 9)], ..histories[0].clone() };
        assert_eq!(bases(&late), [8], "the log behind the other one is gone");
        let both = History { logs: vec![log(0, 9)], ..histories[0].clone() };
        assert_eq!(bases(&both), [0, 4, 8]);
        assert_eq!(bases(&History::default()), [0], "there was no transaction yet");
        assert_eq!(bases(&History { snapshots: vec![snapshot(0)], ..History::default() }), [0]);
        assert_eq!((histories[0].last(), histories[1].last()), (Zxid(9), Zxid(1 << 32)));
    }

    #[test]
    fn the_next_leader_needs_an_epoch_above_all() {
        assert_eq!(index().epoch(), Epoch(2));
        let mut index = index();
        index.backups[0].last = Zxid(5 << 32);
        assert_eq!(index.epoch(), Epoch(5));
    }
}
